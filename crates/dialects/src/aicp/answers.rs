//! The `data` of answers, with keys in the order of the manual's samples.

use aicp_platform::{Library, Match, Person, SeenFace, Similarity};
use aicp_types::{FileId, Snowflake};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::literals;
use crate::links::Links;

/// Formats an `f32` as the shortest decimal that parses to the same value, with at least one decimal place and no
/// exponent: `0.99933773`, `100.0`, `0.00001`.
pub(super) fn decimal(value: f32) -> String {
    let mut text = value.to_string();
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// Converts a similarity, 0..1, to the scale of section 7, 0..100.
pub(super) fn percent(similarity: Similarity) -> f32 {
    similarity * 100.0
}

/// Serialises a number in the format of [`decimal`].
pub(super) fn number<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    let raw = RawValue::from_string(decimal(*value)).map_err(serde::ser::Error::custom)?;
    raw.serialize(serializer)
}

/// Answer of 2.1, 3.1 and 3.4.
#[derive(Serialize)]
pub(super) struct PersonId {
    #[serde(rename = "personID")]
    pub person_id: String,
}

/// Answer of 7.4.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnrolledFace {
    pub person_no: String,
    pub url: String,
}

/// Answer of 2.2 and 3.2.
#[derive(Serialize)]
pub(super) struct TopHit {
    #[serde(rename = "personID")]
    pub person_id: Option<String>,
    #[serde(rename = "faceFlag")]
    pub face_flag: &'static str,
    pub similarity: String,
    pub personinfo: Option<PersonInfo>,
}

/// Matched person in 2.2 and 3.2.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PersonInfo {
    id: i64,
    person_id: String,
    name: Option<String>,
    sex: Option<i64>,
    #[serde(rename = "sexCN")]
    sex_cn: Option<&'static str>,
    birthday: Option<i64>,
    id_iccid: Option<String>,
    cust_id: Option<String>,
    company: Option<String>,
    duty: Option<String>,
    province: Option<String>,
    image_url: String,
    #[serde(rename = "type")]
    kind: Option<i64>,
    #[serde(rename = "typeCN")]
    kind_cn: Option<&'static str>,
    remark: Option<String>,
}

impl PersonInfo {
    pub fn new(person: Person, image_url: String) -> Self {
        let profile = person.profile;
        Self {
            id: person.id.get(),
            person_id: person.public_id.to_string(),
            name: profile.name,
            sex: profile.sex,
            sex_cn: profile.sex.and_then(literals::sex_name),
            birthday: profile.birthday,
            id_iccid: profile.document_number,
            cust_id: profile.customer_number,
            company: profile.company,
            duty: profile.duty,
            province: profile.province,
            image_url,
            kind: profile.kind,
            kind_cn: profile.kind.and_then(literals::kind_name),
            remark: profile.remark,
        }
    }
}

/// Answer of 2.3 and 3.3.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OnePerson {
    pub one_person: &'static str,
    pub similarity: String,
}

/// Answer of 7.6.
#[derive(Serialize)]
pub(super) struct Compared {
    pub msg: &'static str,
    pub score: String,
}

/// Answer of 7.7.
#[derive(Serialize)]
pub(super) struct Requested {
    pub request: &'static str,
}

/// Answer of 3.5 and 7.8.
#[derive(Serialize)]
pub(super) struct FaceUrl {
    #[serde(rename = "faceDBURL")]
    pub face_db_url: String,
    #[serde(rename = "personID")]
    pub person_id: String,
    #[serde(rename = "faceId")]
    pub face_id: String,
}

/// Answer of 3.6.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QualityScore {
    pub quality_flag: &'static str,
    pub feature: String,
    pub quality_scores: String,
}

/// Answer of 7.9.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct QualityGrades {
    pub quality_flag: &'static str,
    pub qualities: [u8; 5],
}

/// Answer of 7.3, 7.5, 7.10 and 7.11.
#[derive(Serialize)]
pub(super) struct Records<T> {
    pub records: Vec<T>,
}

/// Answer of 7.1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MadeLibrary {
    db_desc: Option<String>,
    db_name: String,
    person_db_lib: String,
}

impl From<Library> for MadeLibrary {
    fn from(library: Library) -> Self {
        Self { db_desc: library.description, db_name: library.name, person_db_lib: library.engine_key }
    }
}

/// Answer of 7.2.
#[derive(Serialize)]
pub(super) struct Deleted {
    pub message: &'static str,
}

/// Row of 7.3.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LibraryRow {
    db_desc: Option<String>,
    db_name: String,
    id: i64,
    person_db_lib: String,
}

impl From<Library> for LibraryRow {
    fn from(library: Library) -> Self {
        Self {
            db_desc: library.description,
            db_name: library.name,
            id: library.id.get(),
            person_db_lib: library.engine_key,
        }
    }
}

/// The record id of a face: its creation in nanoseconds since the epoch, made unique by node and running number.
fn record_id(file_id: FileId) -> String {
    let within_millisecond = Snowflake::from(file_id).within_millisecond();
    file_id.created().get().saturating_mul(1_000_000).saturating_add(within_millisecond).to_string()
}

/// Matched person in 7.5 and 7.11.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Hit {
    #[serde(serialize_with = "number")]
    score: f32,
    id: String,
    face_id: String,
    person_no: String,
    url: String,
}

impl Hit {
    pub fn new(found: &Match, links: &Links<'_>) -> Self {
        Self {
            score: percent(found.similarity),
            id: record_id(found.face.file_id),
            face_id: format!("koala-{}-", found.person.number),
            person_no: found.person.number.clone(),
            url: links.by_moment(&found.face),
        }
    }
}

/// Face box in 7.10.
#[derive(Serialize)]
pub(super) struct FaceBox {
    width: i64,
    x: i64,
    y: i64,
    height: i64,
}

impl From<&SeenFace> for FaceBox {
    fn from(face: &SeenFace) -> Self {
        // Rounds the edges instead of the sizes, so that the box ends where the face does.
        let area = face.area;
        let (x, y) = (area.x.round() as i64, area.y.round() as i64);
        Self {
            width: (area.x + area.width).round() as i64 - x,
            x,
            y,
            height: (area.y + area.height).round() as i64 - y,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_short_and_have_no_exponent() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (100.0, "100.0"),
            (0.999_337_73, "0.99933773"),
            (89.740_37, "89.74037"),
            (0.00001, "0.00001"),
            (0.9444, "0.9444"),
        ] {
            assert_eq!(decimal(value), text);
            assert_eq!(text.parse::<f32>(), Ok(value));
        }
    }

    #[test]
    fn scores_are_json_numbers() {
        #[derive(Serialize)]
        struct Score(#[serde(serialize_with = "number")] f32);
        assert_eq!(serde_json::to_string(&Score(100.0)).expect("serialises"), "100.0");
        assert_eq!(serde_json::to_string(&Score(89.740_37)).expect("serialises"), "89.74037");
    }
}
