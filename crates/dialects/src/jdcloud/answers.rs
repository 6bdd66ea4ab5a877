//! Results of calls, with keys in the vendor's order.

use aicp_platform::{ExaminedFace, HeadPose, Library, Person};
use serde::Serialize;

/// Result of face search, in most cases without a list.
#[derive(Serialize)]
pub(super) struct MessageResult<'a> {
    pub requestid: &'a str,
    pub message: &'a str,
    pub status: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<&'a str>,
}

/// Result of face search that starts with its list.
#[derive(Serialize)]
pub(super) struct ListResult<'a> {
    pub result: &'a str,
    pub requestid: &'a str,
    pub message: &'a str,
    pub status: i32,
}

/// Entry of a group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Group<'a> {
    create_time: i64,
    group_id: String,
    group_info: &'a str,
    group_name: &'a str,
    max_num_user: u64,
    sub_index: i64,
    update_time: i64,
}

impl<'a> Group<'a> {
    /// Describes a library that may have `max_faces`.
    pub fn new(library: &'a Library, max_faces: u64) -> Self {
        Self {
            create_time: library.created_at.get(),
            group_id: dashed(&library.engine_key),
            group_info: library.description.as_deref().unwrap_or_default(),
            group_name: &library.external_id,
            max_num_user: max_faces,
            sub_index: library.slot.unwrap_or_default(),
            update_time: library.updated_at.get(),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaceId<'a> {
    pub face_id: &'a str,
}

/// Results of a search.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SearchResults<'a> {
    pub face_search_results: Vec<SearchResult<'a>>,
}

/// Location of the probe face, with one matched face.
#[derive(Serialize)]
pub(super) struct SearchResult<'a> {
    pub conf: f32,
    #[serde(rename = "faceID")]
    pub face_id: FoundFace<'a>,
    pub height: f32,
    pub left: f32,
    pub top: f32,
    pub width: f32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundFace<'a> {
    pub face_id: &'a str,
    pub index: usize,
    pub outer_id: String,
    pub sim: f32,
}

/// Result of `face_compare`.
#[derive(Serialize)]
pub(super) struct Compared<'a> {
    pub status: i32,
    pub message: &'a str,
    pub requestid: &'a str,
    pub score: f32,
}

/// Result of `face_AntiSpoof`.
#[derive(Serialize)]
pub(super) struct AntiSpoof<'a> {
    pub score: f32,
    pub status: i32,
    pub message: &'a str,
    pub request_id: &'a str,
}

/// Result of `face_detect_attr`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Detected<'a> {
    pub requestid: &'a str,
    pub error_msg: &'a str,
    pub face_num: usize,
    pub faces: Vec<DetectedFace>,
    pub serial_no: &'a str,
    pub status: i32,
    pub used_time: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetectedFace {
    #[serde(skip_serializing_if = "Option::is_none")]
    face_attribute: Option<Attributes>,
    face_detection_result: Detection,
}

/// Attributes of a face; empty, as no model here computes any.
#[derive(Serialize)]
pub(super) struct Attributes {}

#[derive(Serialize)]
struct Detection {
    conf: f32,
    height: f32,
    left: f32,
    pitch: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<Vec<NumberedPoint>>,
    roll: f32,
    top: f32,
    width: f32,
    yaw: f32,
}

#[derive(Serialize)]
struct NumberedPoint {
    id: String,
    x: f32,
    y: f32,
}

impl DetectedFace {
    pub fn new(face: &ExaminedFace, with_points: bool, with_attributes: bool) -> Self {
        let area = face.face.area;
        let points = || {
            let numbered = face.landmarks.iter().zip(1..);
            numbered
                .map(|(point, number)| NumberedPoint { id: i32::to_string(&number), x: point.x, y: point.y })
                .collect()
        };
        Self {
            face_attribute: with_attributes.then_some(Attributes {}),
            face_detection_result: Detection {
                conf: face.face.confidence,
                height: area.height,
                left: area.x,
                pitch: face.pose.pitch,
                points: with_points.then(points),
                roll: face.pose.roll,
                top: area.y,
                width: area.width,
                yaw: face.pose.yaw,
            },
        }
    }
}

/// Face in the `V1` calls. Numbers are sent as text.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    blur_score: String,
    bounding_box: BoundingBox,
    is_valid_posture: bool,
    posture: Posture,
}

#[derive(Serialize)]
struct BoundingBox {
    height: String,
    left: String,
    top: String,
    width: String,
}

#[derive(Serialize)]
struct Posture {
    pitch: String,
    roll: String,
    yaw: String,
}

impl Item {
    pub fn new(face: &ExaminedFace) -> Self {
        let area = face.face.area;
        let sharpness = face.quality.as_ref().map_or(0.0, |quality| f32::from(quality.components.sharpness) / 100.0);
        Self {
            blur_score: measure(sharpness),
            bounding_box: BoundingBox {
                height: measure(area.height),
                left: measure(area.x),
                top: measure(area.y),
                width: measure(area.width),
            },
            is_valid_posture: is_frontal(face),
            posture: Posture {
                pitch: measure(face.pose.pitch),
                roll: measure(face.pose.roll),
                yaw: measure(face.pose.yaw),
            },
        }
    }
}

/// Maximum yaw, pitch and roll of a frontal head, in degrees.
const MAX_ANGLE: f32 = 30.0;

/// Whether the head pose is within the vendor's limits.
pub(super) fn is_frontal(face: &ExaminedFace) -> bool {
    let HeadPose { yaw, pitch, roll } = face.pose;
    [yaw, pitch, roll].into_iter().all(|angle| angle.abs() <= MAX_ANGLE)
}

/// Formats a number for the `V1` calls.
pub(super) fn measure(value: f32) -> String {
    let text = format!("{value:.2}");
    if text == "-0.00" { "0.00".to_owned() } else { text }
}

/// Result of `faceCompareV1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ComparedV1 {
    pub code: i32,
    pub face_items_a: Vec<Item>,
    pub face_items_b: Vec<Item>,
    pub msg: &'static str,
    pub process_time_in_ms: u64,
    pub score: String,
    pub timestamp: i64,
}

/// Result of `facePropV1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PropertiesV1 {
    pub code: i32,
    pub face_count: usize,
    pub face_items: Vec<Item>,
    pub max_face_count: i32,
    pub msg: &'static str,
    pub process_time_in_ms: u64,
    pub props: Vec<Attributes>,
    pub timestamp: i64,
}

/// Result of `detectHacknessV1`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LivenessV1 {
    pub code: i32,
    pub face_items_nir: Vec<Item>,
    pub face_items_visual: Vec<Item>,
    pub msg: &'static str,
    pub process_time_in_ms: u64,
    pub score: String,
    pub timestamp: i64,
}

/// Result of the `V1` calls on groups and faces; each call sets its own fields.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredV1 {
    pub code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_items: Option<Vec<Item>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face_matches: Option<Vec<FaceV1>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faces: Option<Vec<FaceV1>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<GroupV1>>,
    pub msg: &'static str,
    pub process_time_in_ms: u64,
    pub timestamp: i64,
}

/// Entry of a face in a group.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FaceV1 {
    pub create_time: String,
    pub custom_info: String,
    pub face_id: String,
    pub group_id: String,
    #[serde(rename = "imgBase64", skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    pub update_time: String,
}

/// Entry of a group in the `V1` calls.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupV1 {
    create_time: String,
    group_id: String,
    group_name: String,
    update_time: String,
}

impl GroupV1 {
    pub fn new(library: Library) -> Self {
        Self {
            create_time: library.created_at.get().to_string(),
            group_id: short(&library.engine_key),
            group_name: library.external_id,
            update_time: library.updated_at.get().to_string(),
        }
    }
}

/// Returns the external id of a person or, without one, the public id.
pub(super) fn outer_id(person: &Person) -> String {
    person.external_id.clone().unwrap_or_else(|| person.public_id.to_string())
}

/// Formats 32 hex digits as a UUID.
pub(super) fn dashed(digits: &str) -> String {
    let parts: Option<Vec<&str>> = [0..8, 8..12, 12..16, 16..20, 20..32].into_iter().map(|at| digits.get(at)).collect();
    parts.map_or_else(|| digits.to_owned(), |parts| parts.join("-"))
}

/// Returns the first 24 of 32 hex digits, the form of ids in the `V1` calls.
pub(super) fn short(digits: &str) -> String {
    digits.chars().take(24).collect()
}

/// Normalises an id to lower-case hex digits. Accepts a UUID with or without dashes, or the 24 digits of the `V1`
/// calls.
pub(super) fn digits(id: &str) -> Option<String> {
    let is_dashed = id.len() == 36 && [8, 13, 18, 23].into_iter().all(|at| id.as_bytes().get(at) == Some(&b'-'));
    let digits = if is_dashed { id.replace('-', "") } else { id.to_owned() };
    let is_number = matches!(digits.len(), 24 | 32) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| digits.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_known_in_each_of_their_forms() {
        let plain = "3127005976984af182d57fd66ce772e1";
        assert_eq!(dashed(plain), "31270059-7698-4af1-82d5-7fd66ce772e1");
        assert_eq!(short(plain), "3127005976984af182d57fd6");
        for id in [plain, "31270059-7698-4af1-82d5-7fd66ce772e1", "31270059-7698-4AF1-82D5-7FD66CE772E1"] {
            assert_eq!(digits(id).as_deref(), Some(plain), "{id}");
        }
        assert_eq!(digits("3127005976984AF182D57FD6").as_deref(), Some("3127005976984af182d57fd6"));
        for id in [
            "",
            "3127005976984af182d57fd66ce772e",
            "3127005976984af182d57fd66ce772eg",
            "3127005-97698-4af1-82d5-7fd66ce772e1",
            "31270059-7698-4af1-82d5-7fd66ce772-1",
            "{31270059-7698-4af1-82d5-7fd66ce772e1}",
            "--------------------------------",
            "３１２７００５９７６９８",
        ] {
            assert_eq!(digits(id), None, "{id}");
        }
    }

    #[test]
    fn measures_have_two_decimals() {
        for (value, text) in [(1.0, "1.00"), (-4.594, "-4.59"), (365.016, "365.02"), (-0.001, "0.00"), (0.0, "0.00")] {
            assert_eq!(measure(value), text);
        }
    }
}
