//! The small networks that look at one face: 68 landmarks, liveness and head pose.

use std::sync::Arc;

use crate::Result;
use crate::geometry::{Point, Rect};
use crate::manifest::Role;
use crate::onnx::Shapes;
use crate::picture::Picture;
use crate::runtime::{Model, Output, Runtime};

/// 68 landmarks in the order of the iBUG 300-W mark-up.
pub(crate) type Landmarks68 = [Point; 68];

/// The landmark network.
pub(crate) struct Landmarker(Model);

impl Landmarker {
    const SIDE: u32 = 64;
    const CROP: f32 = 1.2;

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Landmarks, name, file, Shapes::Fixed).map(Self)
    }

    /// The 68 landmarks of the face in this box, in pixels of the picture.
    pub fn find(&mut self, picture: &Picture, face: &Rect) -> Result<Landmarks68> {
        let crop = face.grown_inside(Self::CROP, picture.width(), picture.height());
        let pixels = picture.scaled(crop, Self::SIDE, Self::SIDE)?;
        let input: Vec<f32> = pixels.pixels().map(|p| luma(p.0) / 256.0).collect();
        let side = Self::SIDE as usize;
        self.0.run([1, 1, side, side], &input, |outputs| {
            let [Output { data, .. }] = outputs else { return None };
            let (pairs, _) = data.as_chunks::<2>();
            let points: Vec<Point> =
                pairs.iter().map(|[x, y]| Point::new(crop.x + x * crop.width, crop.y + y * crop.height)).collect();
            points.try_into().ok()
        })
    }

    /// The same, found once more in the box that the first landmarks give: what they are then depends less on where
    /// exactly the detector drew its box.
    pub fn find_exactly(&mut self, picture: &Picture, face: &Rect) -> Result<Landmarks68> {
        let rough = self.find(picture, face)?;
        self.find(picture, &face_box(&rough).clamped(picture.width(), picture.height()))
    }
}

/// The box that the detector would draw around a face with these landmarks: it begins a quarter of their height above the
/// brows. Medians over the sample pictures.
fn face_box(points: &Landmarks68) -> Rect {
    let all = Rect::around(points);
    Rect { y: all.y - 0.25 * all.height, height: 1.26 * all.height, ..all }
}

/// Eyes, nose tip and mouth corners from the 68 landmarks, in the detector's order.
pub(crate) fn five_of(points: &Landmarks68) -> [Point; 5] {
    let mean = |indices: &[usize]| Point::mean(&indices.iter().map(|&i| points[i]).collect::<Vec<_>>());
    [mean(&[37, 38, 40, 41]), mean(&[43, 44, 46, 47]), points[30], mean(&[48, 60]), mean(&[54, 64])]
}

/// The liveness network (presentation attack detection on one colour picture).
pub(crate) struct LivenessJudge(Model);

impl LivenessJudge {
    const SIDE: u32 = 128;
    const CROP: f32 = 2.7;

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Liveness, name, file, Shapes::Fixed).map(Self)
    }

    /// The probability, 0..1, that the face in this box was before the camera itself, not a picture of it.
    pub fn judge(&mut self, picture: &Picture, face: &Rect) -> Result<f32> {
        let crop = face.grown_inside(Self::CROP, picture.width(), picture.height());
        let pixels = picture.scaled(crop, Self::SIDE, Self::SIDE)?;
        let input = planes(&pixels, |channel, value| (2 - channel, f32::from(value)));
        let side = Self::SIDE as usize;
        self.0.run([1, 3, side, side], &input, |outputs| {
            let [Output { data, .. }] = outputs else { return None };
            softmax(data).first().copied()
        })
    }
}

/// Which way a head is turned, in degrees; zero looks into the camera.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct HeadPose {
    /// Turned to the side; positive towards the left edge of the picture.
    pub yaw: f32,
    /// Nodded; positive upwards.
    pub pitch: f32,
    /// Tilted to a shoulder; positive clockwise in the picture.
    pub roll: f32,
}

/// The head-pose network (Ruiz et al., "Fine-Grained Head Pose Estimation Without Keypoints", 2018).
pub(crate) struct PoseEstimator(Model);

impl PoseEstimator {
    const SIDE: u32 = 224;
    const CROP: f32 = 1.5;
    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Pose, name, file, Shapes::Fixed).map(Self)
    }

    /// The pose of the head with this face box.
    pub fn estimate(&mut self, picture: &Picture, face: &Rect) -> Result<HeadPose> {
        let crop = face.grown_inside(Self::CROP, picture.width(), picture.height());
        let pixels = picture.scaled(crop, Self::SIDE, Self::SIDE)?;
        let input = planes(&pixels, |channel, value| {
            let value = (f32::from(value) / 255.0 - Self::MEAN[channel]) / Self::DEVIATION[channel];
            (channel, value)
        });
        let side = Self::SIDE as usize;
        self.0.run([1, 3, side, side], &input, |outputs| {
            let [yaw, pitch, roll] = outputs else { return None };
            Some(HeadPose { yaw: degrees(yaw.data), pitch: degrees(pitch.data), roll: degrees(roll.data) })
        })
    }
}

/// The expected angle over 66 bins of three degrees that begin at -99.
fn degrees(bins: &[f32]) -> f32 {
    let expected: f32 = softmax(bins).iter().enumerate().map(|(i, p)| i as f32 * p).sum();
    expected * 3.0 - 99.0
}

fn softmax(values: &[f32]) -> Vec<f32> {
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = values.iter().map(|v| (v - top).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}

/// Interleaved pixels to planes; `place` says to which plane a channel goes and with which value.
fn planes(pixels: &image::RgbImage, place: impl Fn(usize, u8) -> (usize, f32)) -> Vec<f32> {
    let plane = (pixels.width() * pixels.height()) as usize;
    let mut out = vec![0.0; 3 * plane];
    for (i, pixel) in pixels.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            let (target, value) = place(channel, value);
            out[target * plane + i] = value;
        }
    }
    out
}

/// Luma of an RGB pixel, 0..255 (ITU-R BT.601).
pub(crate) fn luma([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
}
