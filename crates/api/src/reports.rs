//! What is told of a face.

use std::fmt;

use aicp_platform::{Components, Cover, ExaminedFace, HeadPose, Liveness, NewTemplate, Point, Rect, SeenFace};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A rectangle in pixels of the upright picture.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Area {
    pub x: f32,
    pub y: f32,
    pub width: f32,
    pub height: f32,
}

impl From<Rect> for Area {
    fn from(area: Rect) -> Self {
        Self { x: area.x, y: area.y, width: area.width, height: area.height }
    }
}

/// A point in pixels of the upright picture.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Spot {
    x: f32,
    y: f32,
}

/// Eyes, nose and mouth, from the person's own view.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Landmarks {
    right_eye: Spot,
    left_eye: Spot,
    nose: Spot,
    right_mouth_corner: Spot,
    left_mouth_corner: Spot,
}

impl From<[Point; 5]> for Landmarks {
    fn from(points: [Point; 5]) -> Self {
        let [right_eye, left_eye, nose, right_mouth_corner, left_mouth_corner] =
            points.map(|point| Spot { x: point.x, y: point.y });
        Self { right_eye, left_eye, nose, right_mouth_corner, left_mouth_corner }
    }
}

/// Direction of a head in degrees; zero faces the camera.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
struct Pose {
    /// To the side; positive towards the left edge of the picture.
    yaw: f32,
    /// Nod; positive upwards.
    pitch: f32,
    /// Tilt to a shoulder; positive clockwise in the picture.
    roll: f32,
}

impl From<HeadPose> for Pose {
    fn from(HeadPose { yaw, pitch, roll }: HeadPose) -> Self {
        Self { yaw, pitch, roll }
    }
}

/// Components of the quality, each 0..100; higher is better.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct QualityComponents {
    /// Pixels between the eyes: 50 at 70 pixels.
    inter_eye_distance: u8,
    /// Frontality.
    head_pose: u8,
    /// Detail of the face.
    sharpness: u8,
    /// Brightness of the face, neither too dark nor too bright.
    luminance: u8,
    /// Entropy of the brightness.
    dynamic_range: u8,
    /// Scarcity of over-exposed pixels.
    over_exposure_prevention: u8,
    /// Scarcity of black pixels.
    under_exposure_prevention: u8,
    /// Equal lighting of both cheeks.
    illumination_uniformity: u8,
    /// Sufficient picture around the face.
    crop: u8,
    /// Confidence that it is a face.
    confidence: u8,
    /// Agreement of two networks on eyes, nose and mouth; it falls if something covers the face.
    landmark_agreement: u8,
    /// Absence of a cover.
    uncovered: u8,
    /// Length of the embedding; every loss of detail lowers it.
    embedding_length: u8,
    /// Dissimilarity of the embedding to those of spoilt faces.
    distinctness: u8,
    /// Probability that the embedding matches a good picture's.
    recognisability: u8,
}

impl From<Components> for QualityComponents {
    fn from(c: Components) -> Self {
        Self {
            inter_eye_distance: c.inter_eye_distance,
            head_pose: c.head_pose,
            sharpness: c.sharpness,
            luminance: c.luminance,
            dynamic_range: c.dynamic_range,
            over_exposure_prevention: c.over_exposure_prevention,
            under_exposure_prevention: c.under_exposure_prevention,
            illumination_uniformity: c.illumination_uniformity,
            crop: c.crop,
            confidence: c.confidence,
            landmark_agreement: c.landmark_agreement,
            uncovered: c.uncovered,
            embedding_length: c.embedding_length,
            distinctness: c.distinctness,
            recognisability: c.recognisability,
        }
    }
}

/// What covers a face.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Covered {
    /// Mouth and nose.
    Mouth,
    /// The eyes.
    Eyes,
    /// Half of the face.
    Half,
}

/// Quality of a face.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QualityReport {
    /// Unified score, 0..1; 0 if it was not judged.
    score: f32,
    /// Its components; `null` if it was not judged.
    components: Option<QualityComponents>,
    /// What covers the face, if anything does.
    cover: Option<Covered>,
    /// Direction of the head.
    pose: Pose,
    /// Whether the face carries an identity: others are neither enrolled nor found.
    is_recognisable: bool,
}

impl QualityReport {
    pub fn of(face: &ExaminedFace) -> Self {
        Self {
            score: face.quality.map_or(0.0, |quality| quality.score),
            components: face.quality.map(|quality| quality.components.into()),
            cover: face.quality.and_then(|quality| quality.cover).map(|cover| match cover {
                Cover::Mouth => Covered::Mouth,
                Cover::Eyes => Covered::Eyes,
                Cover::Half => Covered::Half,
            }),
            pose: face.pose.into(),
            is_recognisable: face.is_recognisable,
        }
    }
}

/// Liveness of a face.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LivenessReport {
    /// Probability, 0..1, that the face itself was in front of the camera, and not a picture of it.
    probability: f32,
    /// Whether the picture shows too little around the face for a judgement.
    is_too_tight: bool,
}

/// What is told of a face, beyond where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Detail {
    /// Eyes, nose and mouth.
    Landmarks,
    /// Quality with its components, direction of the head, recognisability.
    Quality,
    /// Liveness.
    Liveness,
    /// Template: biometric data, which needs the area `templates`.
    Template,
}

/// Template of a face: biometric data. `Debug` omits the vector.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownTemplate {
    /// Name of the networks. Only templates of the same algorithm, provider and version can be compared.
    algorithm: String,
    /// Provider of the networks.
    provider: String,
    /// Version of the networks.
    version: String,
    /// The vector in base64: 32-bit floating-point numbers, little-endian, of length 1 together.
    vector: String,
}

impl fmt::Debug for ShownTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, provider, version, vector: _ } = self;
        f.debug_struct("ShownTemplate")
            .field("algorithm", algorithm)
            .field("provider", provider)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

impl From<NewTemplate> for ShownTemplate {
    fn from(NewTemplate { algorithm, vector, .. }: NewTemplate) -> Self {
        let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self {
            algorithm: algorithm.name,
            provider: algorithm.provider,
            version: algorithm.version,
            vector: STANDARD.encode(bytes),
        }
    }
}

/// A face in a picture.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DetectedFace {
    /// Where it is.
    #[serde(rename = "box")]
    area: Area,
    /// Confidence that it is a face, 0..1.
    confidence: f32,
    /// Rotation in the picture, in degrees clockwise.
    rotation: f32,
    /// Eyes, nose and mouth, if the request wants them.
    #[serde(skip_serializing_if = "Option::is_none")]
    landmarks: Option<Landmarks>,
    /// Quality, if the request wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<QualityReport>,
    /// Liveness, if the request wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    liveness: Option<LivenessReport>,
    /// Template, if the request wants it.
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<ShownTemplate>,
}

impl DetectedFace {
    pub fn seen(face: SeenFace) -> Self {
        Self {
            area: face.area.into(),
            confidence: face.confidence,
            rotation: face.rotation,
            landmarks: None,
            quality: None,
            liveness: None,
            template: None,
        }
    }

    pub fn examined(face: &ExaminedFace, details: &[Detail]) -> Self {
        let wants = |detail| details.contains(&detail);
        Self {
            landmarks: wants(Detail::Landmarks).then(|| face.landmarks.into()),
            quality: wants(Detail::Quality).then(|| QualityReport::of(face)),
            liveness: liveness_of(face),
            ..Self::seen(face.face)
        }
    }

    pub fn with_template(self, template: NewTemplate) -> Self {
        Self { template: Some(template.into()), ..self }
    }
}

pub(crate) fn liveness_of(face: &ExaminedFace) -> Option<LivenessReport> {
    let report = |live: Liveness| LivenessReport { probability: live.probability, is_too_tight: live.is_too_tight };
    face.liveness.map(report)
}
