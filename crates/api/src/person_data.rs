//! Data of a person: of a new one, and changes.

use aicp_platform::{Person, PersonData, Profile, Tags};
use serde::{Deserialize, Deserializer};
use utoipa::ToSchema;

use crate::input::Image;
use crate::libraries::check_text;
use crate::problem::{Problem, Result};

/// A person to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewPerson {
    /// The app's own id of the person, unique in the library.
    #[schema(min_length = 1, max_length = 128)]
    external_id: Option<String>,
    /// Name.
    #[schema(max_length = 256)]
    name: Option<String>,
    /// Number of the person as a customer.
    #[schema(max_length = 256)]
    customer_number: Option<String>,
    /// Number of an identity document.
    #[schema(max_length = 256)]
    document_number: Option<String>,
    /// Employer.
    #[schema(max_length = 256)]
    company: Option<String>,
    /// Job title.
    #[schema(max_length = 256)]
    duty: Option<String>,
    /// Province.
    #[schema(max_length = 256)]
    province: Option<String>,
    /// Free text.
    #[schema(max_length = 4096)]
    remark: Option<String>,
    /// Free text of the app, such as JSON of its own.
    #[schema(max_length = 16384)]
    info: Option<String>,
    /// Tags. Case and white space make no difference.
    #[serde(default)]
    #[schema(max_items = 50, example = json!(["vip"]))]
    tags: Vec<String>,
    /// A picture in base64.
    pub image: Option<String>,
    /// Address of a picture.
    pub image_url: Option<String>,
    /// Pictures. The first that shows a face makes the person; each is told of in `pictures`.
    #[serde(default)]
    pub images: Vec<Image>,
}

/// As [`NewPerson`], as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `NewPerson`")]
pub(crate) struct NewPersonForm {
    /// The app's own id of the person, unique in the library.
    external_id: Option<String>,
    /// Name.
    name: Option<String>,
    /// Number of the person as a customer.
    customer_number: Option<String>,
    /// Free text.
    remark: Option<String>,
    /// Free text of the app.
    info: Option<String>,
    /// A tag; several fields of this name may be sent.
    tags: Option<String>,
    /// Pictures; several fields of this name may be sent.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

impl NewPerson {
    /// Checks the texts.
    pub fn check(&self) -> Result<()> {
        check_text("externalId", self.external_id.as_deref(), 1..=128)?;
        for (name, text) in [
            ("name", &self.name),
            ("customerNumber", &self.customer_number),
            ("documentNumber", &self.document_number),
            ("company", &self.company),
            ("duty", &self.duty),
            ("province", &self.province),
        ] {
            check_text(name, text.as_deref(), 0..=256)?;
        }
        check_text("remark", self.remark.as_deref(), 0..=4096)?;
        check_text("info", self.info.as_deref(), 0..=16_384)?;
        Ok(())
    }

    /// Returns the data of the person.
    ///
    /// # Errors
    /// The tags can't be tags.
    pub fn data(&self) -> Result<PersonData> {
        Ok(PersonData {
            tags: tags("tags", &self.tags)?,
            user_id: self.external_id.clone(),
            info: self.info.clone(),
            profile: Profile {
                name: self.name.clone(),
                customer_number: self.customer_number.clone(),
                document_number: self.document_number.clone(),
                company: self.company.clone(),
                duty: self.duty.clone(),
                province: self.province.clone(),
                remark: self.remark.clone(),
                ..Profile::default()
            },
        })
    }
}

/// Changes of a person. What is left out stays, `null` removes.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "Ada King", "company": null, "tags": ["vip"]}))]
pub(crate) struct PersonUpdate {
    /// The app's own id of the person, unique in the library.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    external_id: Option<Option<String>>,
    /// Name.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Option<Option<String>>,
    /// Number of the person as a customer.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    customer_number: Option<Option<String>>,
    /// Number of an identity document.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    document_number: Option<Option<String>>,
    /// Employer.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    company: Option<Option<String>>,
    /// Job title.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    duty: Option<Option<String>>,
    /// Province.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 256)]
    province: Option<Option<String>>,
    /// Free text.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 4096)]
    remark: Option<Option<String>>,
    /// Free text of the app, such as JSON of its own.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, max_length = 16384)]
    info: Option<Option<String>>,
    /// Tags, in place of those of before.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
}

/// Reads the tags in a field.
pub(crate) fn tags(name: &str, texts: &[String]) -> Result<Tags> {
    Tags::new(texts).map_err(|e| Problem::field(name, e.to_string()))
}

/// Tells a field that is `null` from one that is left out.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> std::result::Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Changes of a person, checked.
#[derive(Debug, Clone)]
pub(crate) struct PersonChange {
    update: PersonUpdate,
    tags: Option<Tags>,
}

impl PersonUpdate {
    /// Checks the texts and the tags.
    pub fn checked(self) -> Result<PersonChange> {
        check_text("externalId", self.external_id.as_ref().and_then(Option::as_deref), 1..=128)?;
        for (name, text, most) in [
            ("name", &self.name, 256),
            ("customerNumber", &self.customer_number, 256),
            ("documentNumber", &self.document_number, 256),
            ("company", &self.company, 256),
            ("duty", &self.duty, 256),
            ("province", &self.province, 256),
            ("remark", &self.remark, 4096),
            ("info", &self.info, 16_384),
        ] {
            check_text(name, text.as_ref().and_then(Option::as_deref), 0..=most)?;
        }
        let tags = self.tags.as_deref().map(|texts| tags("tags", texts)).transpose()?;
        Ok(PersonChange { update: self, tags })
    }
}

impl PersonChange {
    pub fn apply(self, person: &mut Person, tags: &mut Tags) {
        if let Some(changed) = self.tags {
            *tags = changed;
        }
        let (update, profile) = (self.update, &mut person.profile);
        for (field, change) in [
            (&mut person.external_id, update.external_id),
            (&mut person.info, update.info),
            (&mut profile.name, update.name),
            (&mut profile.customer_number, update.customer_number),
            (&mut profile.document_number, update.document_number),
            (&mut profile.company, update.company),
            (&mut profile.duty, update.duty),
            (&mut profile.province, update.province),
            (&mut profile.remark, update.remark),
        ] {
            if let Some(value) = change {
                *field = value;
            }
        }
    }
}
