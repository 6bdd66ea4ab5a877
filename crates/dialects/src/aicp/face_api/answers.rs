//! Answer bodies of section 9, with keys in the order of the manual's samples.

use aicp_platform::{ExaminedFace, Library, Match, Person, Rect, SeenFace, token_of_face};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::super::answers::{number, percent};
use super::request::Wanted;
use crate::shanghai;

/// JSON object with dynamic keys, in the given order.
pub(super) struct Keyed<T>(pub Vec<(String, T)>);

impl<T: Serialize> Serialize for Keyed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
pub(super) struct GroupIds {
    pub group_id_list: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct AppIds {
    pub app_id_list: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct AppStat {
    pub group_num: u64,
}

#[derive(Serialize)]
pub(super) struct GroupStat {
    pub user_num: u64,
    pub face_num: u64,
    pub ctime: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserRow {
    pub id: String,
    pub group_id: String,
    pub user_id: String,
    pub user_name: Option<String>,
    pub user_info: Option<String>,
    pub create_time: String,
}

impl UserRow {
    pub fn new(group_id: &str, person: Person) -> Self {
        Self {
            id: person.id.to_string(),
            group_id: group_id.to_owned(),
            create_time: shanghai::text(person.created_at),
            user_id: person.external_id.unwrap_or_else(|| person.public_id.to_string()),
            user_name: person.profile.name,
            user_info: person.info,
        }
    }
}

#[derive(Serialize)]
pub(super) struct UserList {
    pub user_list: Vec<UserRow>,
}

#[derive(Serialize)]
pub(super) struct UserIdList {
    pub user_id_list: Vec<UserRow>,
}

#[derive(Serialize)]
pub(super) struct Location {
    pub left: f64,
    pub top: f64,
    pub width: i64,
    pub height: i64,
    pub rotation: i64,
}

impl Location {
    pub fn new(area: Rect, rotation: f32) -> Self {
        let hundredths = |pixels: f32| (f64::from(pixels) * 100.0).round() / 100.0;
        Self {
            left: hundredths(area.x),
            top: hundredths(area.y),
            width: area.width.round() as i64,
            height: area.height.round() as i64,
            rotation: rotation.round() as i64,
        }
    }
}

impl From<&SeenFace> for Location {
    fn from(face: &SeenFace) -> Self {
        Self::new(face.area, face.rotation)
    }
}

#[derive(Serialize)]
pub(super) struct AddedFace {
    pub face_token: String,
    pub location: Location,
}

#[derive(Serialize)]
pub(super) struct FaceRow {
    pub face_token: String,
    pub ctime: String,
}

#[derive(Serialize)]
pub(super) struct FaceList<T> {
    pub face_list: Vec<T>,
}

#[derive(Serialize)]
pub(super) struct Token {
    pub face_token: String,
}

#[derive(Serialize)]
pub(super) struct FoundFaces<T> {
    pub face_num: usize,
    pub face_list: Vec<T>,
}

#[derive(Serialize)]
pub(super) struct Matched {
    #[serde(serialize_with = "number")]
    pub score: f32,
    pub face_list: [Token; 2],
}

#[derive(Serialize)]
pub(super) struct Found {
    pub face_token: String,
    pub user_list: Vec<FoundUser>,
}

#[derive(Serialize)]
pub(super) struct FoundUser {
    pub group_id: String,
    pub user_id: String,
    pub user_info: Option<String>,
    #[serde(serialize_with = "number")]
    pub score: f32,
}

impl FoundUser {
    pub fn new(found: Match, libraries: &[Library]) -> Self {
        let library = libraries.iter().find(|library| library.id == found.person.library_id);
        Self {
            group_id: library.map(|library| library.external_id.clone()).unwrap_or_default(),
            user_id: found.person.external_id.unwrap_or_else(|| found.person.public_id.to_string()),
            user_info: found.person.info,
            score: percent(found.similarity),
        }
    }
}

#[derive(Serialize)]
pub(super) struct FoundFace {
    pub face_token: String,
    pub location: Location,
    pub user_list: Vec<FoundUser>,
}

#[derive(Serialize)]
pub(super) struct Angle {
    pub yaw: f32,
    pub pitch: f32,
    pub roll: f32,
}

#[derive(Serialize)]
pub(super) struct DetectedFace {
    pub face_token: String,
    pub location: Location,
    pub face_probability: f32,
    pub angle: Angle,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub landmark: Option<[Point; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<FaceQuality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liveness: Option<Liveness>,
}

#[derive(Serialize)]
pub(super) struct Point {
    pub x: f32,
    pub y: f32,
}

/// Quality measures: `blur`, 0..1, less is better; `completeness`, 0..1, and `illumination`, 0..255, more is better.
#[derive(Serialize)]
pub(super) struct FaceQuality {
    pub blur: f32,
    pub illumination: f32,
    pub completeness: f32,
}

#[derive(Serialize)]
pub(super) struct Liveness {
    pub livemapscore: f32,
}

impl DetectedFace {
    pub fn new(picture: &[u8], index: usize, face: &ExaminedFace, wanted: &Wanted) -> Self {
        let [right_eye, left_eye, nose, mouth_right, mouth_left] = face.landmarks;
        let point = |p: aicp_platform::Point| Point { x: p.x, y: p.y };
        let pose = face.pose;
        Self {
            face_token: token_of_face(picture, index),
            location: Location::from(&face.face),
            face_probability: face.face.confidence,
            angle: Angle { yaw: pose.yaw, pitch: pose.pitch, roll: pose.roll },
            landmark: wanted
                .landmark
                .then(|| [point(left_eye), point(right_eye), point(nose), point(mouth_left.midpoint(mouth_right))]),
            quality: face.quality.as_ref().filter(|_| wanted.quality).map(|quality| {
                let c = &quality.components;
                FaceQuality {
                    blur: 1.0 - f32::from(c.sharpness) / 100.0,
                    illumination: f32::from(c.luminance) * 2.55,
                    completeness: if c.crop >= 60 { 1.0 } else { 0.0 },
                }
            }),
            liveness: face.liveness.filter(|_| wanted.liveness).map(|live| Liveness { livemapscore: live.probability }),
        }
    }
}

#[derive(Serialize)]
pub(super) struct LivenessAnswer {
    pub face_liveness: f32,
    pub thresholds: Thresholds,
    pub face_list: Vec<DetectedFace>,
}

#[derive(Serialize)]
pub(super) struct Thresholds {
    #[serde(rename = "frr_1e-4")]
    pub one_in_ten_thousand: f32,
    #[serde(rename = "frr_1e-3")]
    pub one_in_a_thousand: f32,
    #[serde(rename = "frr_1e-2")]
    pub one_in_a_hundred: f32,
}
