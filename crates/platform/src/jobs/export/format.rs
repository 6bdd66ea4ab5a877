//! What an export says: the format that exports write and imports read (docs/export-format.md).

use aicp_types::UnixMillis;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::ExportContent;
use crate::{Algorithm, Face, Library, NewTemplate, Person, Profile};

/// Name of the entry that tells what the export is.
pub(in crate::jobs) const ABOUT: &str = "export.json";
/// Name of the entry with the people.
pub(in crate::jobs) const PEOPLE: &str = "people.jsonl";
/// Name and version of the format.
const FORMAT: &str = "aicp-export";
const VERSION: u32 = 1;

/// What an export says about itself.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::jobs) struct About {
    format: String,
    version: u32,
    created_at: String,
    pub library: AboutLibrary,
    pub has_pictures: bool,
    pub has_templates: bool,
    pub people: u64,
    pub faces: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::jobs) struct AboutLibrary {
    pub group_id: String,
    pub name: String,
    pub description: Option<String>,
    pub threshold: Option<f32>,
    pub top_n: Option<i64>,
}

impl About {
    pub fn new(library: &Library, content: ExportContent, now: UnixMillis) -> Self {
        Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            created_at: rfc3339(now),
            library: AboutLibrary {
                group_id: library.external_id.clone(),
                name: library.name.clone(),
                description: library.description.clone(),
                threshold: library.threshold,
                top_n: library.top_n,
            },
            has_pictures: content.pictures,
            has_templates: content.templates,
            people: 0,
            faces: 0,
        }
    }

    /// Parses the entry; the error tells what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let about: Self = serde_json::from_slice(bytes).map_err(|e| e.to_string())?;
        match about.version {
            _ if about.format != FORMAT => Err(format!("the format is {:?}, not {FORMAT:?}", about.format)),
            VERSION => Ok(about),
            version => Err(format!("version {version} of the format is unknown; {VERSION} is known")),
        }
    }
}

/// A line of the people. Ids are strings; times are RFC 3339.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::jobs) struct PersonLine {
    pub person_id: String,
    pub person_no: String,
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub sex: Option<i64>,
    pub birthday: Option<i64>,
    pub document_number: Option<String>,
    pub customer_number: Option<String>,
    pub company: Option<String>,
    pub duty: Option<String>,
    pub province: Option<String>,
    pub kind: Option<i64>,
    pub remark: Option<String>,
    pub source_url: Option<String>,
    pub info: Option<String>,
    pub tags: Vec<String>,
    pub created_at: String,
    pub updated_at: String,
    pub faces: Vec<FaceLine>,
}

impl PersonLine {
    pub fn new(person: &Person, tags: Vec<String>, faces: Vec<FaceLine>) -> Self {
        let Profile {
            name,
            sex,
            birthday,
            document_number,
            customer_number,
            company,
            duty,
            province,
            kind,
            remark,
            source_url,
        } = person.profile.clone();
        Self {
            person_id: person.public_id.to_string(),
            person_no: person.number.clone(),
            external_id: person.external_id.clone(),
            name,
            sex,
            birthday,
            document_number,
            customer_number,
            company,
            duty,
            province,
            kind,
            remark,
            source_url,
            info: person.info.clone(),
            tags,
            created_at: rfc3339(person.created_at),
            updated_at: rfc3339(person.updated_at),
            faces,
        }
    }

    /// Takes the profile out.
    pub fn take_profile(&mut self) -> Profile {
        Profile {
            name: self.name.take(),
            sex: self.sex,
            birthday: self.birthday,
            document_number: self.document_number.take(),
            customer_number: self.customer_number.take(),
            company: self.company.take(),
            duty: self.duty.take(),
            province: self.province.take(),
            kind: self.kind,
            remark: self.remark.take(),
            source_url: self.source_url.take(),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::jobs) struct FaceLine {
    pub face_id: String,
    pub file_id: String,
    /// Name of the entry.
    pub picture: Option<String>,
    /// SHA-256 of the picture in hex.
    pub picture_sha256: String,
    pub bounding_box: [f32; 4],
    pub confidence: f32,
    pub quality: Option<f32>,
    pub template: Option<TemplateLine>,
}

impl FaceLine {
    pub fn new(face: &Face, template: Option<NewTemplate>) -> Self {
        Self {
            face_id: face.id.to_string(),
            file_id: face.file_id.to_string(),
            picture: None,
            picture_sha256: face.picture_key.clone(),
            bounding_box: face.bounding_box,
            confidence: face.confidence,
            quality: face.quality,
            template: template.map(TemplateLine::from),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::jobs) struct TemplateLine {
    algorithm: String,
    provider: String,
    version: String,
    /// Little-endian 32-bit floats in base64.
    vector: String,
    recognisability: Option<f32>,
}

impl From<NewTemplate> for TemplateLine {
    fn from(NewTemplate { algorithm, vector, recognisability }: NewTemplate) -> Self {
        let Algorithm { name, provider, version } = algorithm;
        let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self { algorithm: name, provider, version, vector: STANDARD.encode(bytes), recognisability }
    }
}

impl TemplateLine {
    /// Returns the template; `None` if the vector is malformed.
    pub fn read(self) -> Option<NewTemplate> {
        let bytes = STANDARD.decode(self.vector).ok()?;
        let (numbers, rest) = bytes.as_chunks::<4>();
        let vector: Vec<f32> = numbers.iter().map(|number| f32::from_le_bytes(*number)).collect();
        if !rest.is_empty() || !vector.iter().chain(&self.recognisability).all(|number| number.is_finite()) {
            return None;
        }
        let algorithm = Algorithm { name: self.algorithm, provider: self.provider, version: self.version };
        Some(NewTemplate { algorithm, vector, recognisability: self.recognisability })
    }
}

fn rfc3339(time: UnixMillis) -> String {
    jiff::Timestamp::from_millisecond(time.get()).map_or_else(|_| String::new(), |time| time.to_string())
}
