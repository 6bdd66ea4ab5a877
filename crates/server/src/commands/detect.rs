//! `aicp detect`

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::Path;

use aicp_vision::{DetectedFace, Effort, Liveness, Purpose, Quality};
use serde::Serialize;

use super::{on_picture, start_vision};
use crate::config::Config;
use crate::{Error, Result, annotate};

#[derive(Serialize)]
struct Report {
    width: u32,
    height: u32,
    faces: Vec<FaceReport>,
}

#[derive(Serialize)]
struct FaceReport {
    /// Bounding box, in pixels of the upright picture.
    #[serde(rename = "box")]
    area: BoxReport,
    /// Right eye, left eye, nose tip, right and left mouth corner.
    landmarks: [[f32; 2]; 5],
    confidence: f32,
    /// Rotation of the face in the picture, in degrees clockwise, -180..180.
    rotation: f32,
    liveness: f32,
    /// Whether the picture shows too little around the face for a liveness check.
    too_tight: bool,
    quality: Quality,
    /// Grades of manual section 7.9: occlusion, light, blur, completeness, confidence; 0 is good.
    grades: [u8; 5],
}

#[derive(Serialize)]
struct BoxReport {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// Detects the faces of a picture and reports each.
pub(crate) fn run(config: &Config, path: &Path, out: Option<&Path>, json: bool) -> Result<()> {
    let vision = start_vision(config, Some(NonZeroUsize::MIN))?;
    let (picture, faces) = on_picture(&vision, path, |models, picture| {
        let faces = models.recognise_all(&picture, usize::MAX, Purpose::Probe, Effort::Full)?;
        let faces = faces
            .into_iter()
            .map(|recognised| {
                let quality = models.quality(&picture, &recognised)?;
                let liveness = models.liveness(&picture, &recognised.face)?;
                Ok((recognised.face, quality, liveness))
            })
            .collect::<aicp_vision::Result<Vec<_>>>()?;
        Ok((picture, faces))
    })?;
    if let Some(out) = out {
        let marks: Vec<(&DetectedFace, String)> = faces
            .iter()
            .map(|(face, quality, _)| (face, format!("{:.2} q{:.2}", face.confidence, quality.score)))
            .collect();
        annotate::faces(picture.rgb().clone(), &marks)
            .save_with_format(out, image::ImageFormat::Png)
            .map_err(|e| Error::Picture { path: out.to_owned(), source: e.into() })?;
    }
    let report = Report {
        width: picture.width(),
        height: picture.height(),
        faces: faces.into_iter().map(|(face, quality, liveness)| face_report(&face, quality, liveness)).collect(),
    };
    let mut stdout = std::io::stdout().lock();
    if json {
        writeln!(stdout, "{}", serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)?;
        return Ok(());
    }
    writeln!(stdout, "{}x{} pixels, {} face(s)", report.width, report.height, report.faces.len())?;
    for (number, face) in report.faces.iter().enumerate() {
        let area = &face.area;
        writeln!(
            stdout,
            "{:>3}  at {:.0},{:.0}  {:.0}x{:.0}  confidence {:.2}  quality {:.2}  liveness {:.2}  yaw {:+.0}  pitch {:+.0}  roll {:+.0}",
            number + 1,
            area.x,
            area.y,
            area.width,
            area.height,
            face.confidence,
            face.quality.score,
            face.liveness,
            face.quality.pose.yaw,
            face.quality.pose.pitch,
            face.quality.pose.roll,
        )?;
    }
    Ok(())
}

fn face_report(face: &DetectedFace, quality: Quality, liveness: Liveness) -> FaceReport {
    let area = face.area;
    FaceReport {
        area: BoxReport { x: area.x, y: area.y, width: area.width, height: area.height },
        landmarks: face.landmarks.map(|p| [p.x, p.y]),
        confidence: face.confidence,
        rotation: face.rotation(),
        liveness: liveness.probability,
        too_tight: liveness.is_too_tight,
        quality,
        grades: quality.grades().map(|grade| grade as u8),
    }
}
