//! Sections 2, 3 and 7: faces and libraries. Translates fields to platform calls and results to the manual's data.
//!
//! Pictures are checked before other fields. If both are wrong, the manual's own message about the picture takes
//! precedence over ours.

use aicp_platform::{
    BadInput, EnrolOptions, Enrolment, Error, Face, Grade, LibraryKey, Missing, MissingLibrary, PersonData, PersonKey,
    Profile, Refusal,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::answers::{
    Compared, Deleted, EnrolledFace, FaceBox, FaceUrl, Hit, LibraryRow, MadeLibrary, OnePerson, PersonId, PersonInfo,
    QualityGrades, QualityScore, Records, Requested, TopHit, decimal, percent,
};
use super::call::{Call, our_failure, picture};
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::{Fields, Input};
use super::literals;
use super::routes::{Dialect, FaceCall};

/// Field names of the library id.
const GROUP_ID: &[&str] = &["groupId", "group_id"];
/// Field names of the person id.
const USER_ID: &[&str] = &["userId", "user_id", "personID", "personId", "personNo"];
/// Default number of libraries on a page.
const PAGE_SIZE: u64 = 20;
/// Maximum number of libraries on a page.
const MAX_PAGE_SIZE: u64 = 1000;

impl Call<'_> {
    pub async fn face(&self, call: FaceCall, input: Input<'_>) -> Result<Answer, Failure> {
        match call {
            FaceCall::Compare => self.compare(input).await,
            FaceCall::Enrol => self.enrol(input.object()?).await,
            FaceCall::Recognise => self.recognise(input.object()?).await,
            FaceCall::Remove => self.remove(input.object()?).await,
            FaceCall::Query => self.query(input.object()?).await,
            FaceCall::Quality => self.quality(input.object()?).await,
            FaceCall::Detect => self.detect(input.object()?).await,
            FaceCall::RecogniseMany => self.recognise_many(input.object()?).await,
            // The manual has one message for every failure of these three, a missing field included.
            FaceCall::AddLibrary => all_one(self.add_library(input.object()?).await),
            FaceCall::DeleteLibrary => all_one(self.delete_library(input.object()?).await),
            FaceCall::ListLibraries => all_one(self.list_libraries(input.object()?).await),
        }
    }

    /// Handles 2.1, 3.1 and 7.4.
    async fn enrol(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let picture = picture(&fields, "image", literals::NO_FEATURE)?;
        let group_id = fields.required_text(GROUP_ID)?;
        let profile = profile(&fields)?;
        let creates = self.dialect != Dialect::Micro && self.options.legacy.autocreate_library;
        let missing_library = if creates { MissingLibrary::Create } else { MissingLibrary::Refuse };
        let enrolment = Enrolment {
            library: LibraryKey::Id(group_id.clone()),
            person: PersonData { profile, ..PersonData::default() },
            picture,
            options: EnrolOptions { missing_library, ..EnrolOptions::default() },
        };
        let enrolled = self.platform.enrol(self.caller, enrolment).await;
        let enrolled = enrolled.map_err(|e| picture_failure(e, literals::NO_FEATURE, &group_id))?;
        if self.dialect == Dialect::Micro {
            let url = self.links.by_moment(&enrolled.face);
            Answer::ok(&EnrolledFace { person_no: enrolled.person.number, url })
        } else {
            let person_id = enrolled.person.public_id.to_string();
            Answer::new(literals::ENROLLED, &PersonId { person_id })
        }
    }

    /// Handles 2.2, 3.2 and 7.5.
    async fn recognise(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let picture = picture(&fields, "image", literals::UNUSABLE_PICTURE)?;
        let group_id = fields.required_text(GROUP_ID)?;
        let top_n = if self.dialect == Dialect::Micro { None } else { Some(1) };
        let mut found = self
            .platform
            .identify(self.caller, &group_id, picture, top_n)
            .await
            .map_err(|e| picture_failure(e, literals::UNUSABLE_PICTURE, &group_id))?;
        if self.dialect == Dialect::Micro {
            let records = found.matches.iter().map(|m| Hit::new(m, self.links)).collect();
            return Answer::ok(&Records { records });
        }
        let top = if found.matches.is_empty() { None } else { Some(found.matches.swap_remove(0)) };
        Answer::ok(&match top {
            Some(top) => TopHit {
                person_id: Some(top.person.public_id.to_string()),
                face_flag: "Y",
                similarity: decimal(top.similarity),
                personinfo: Some(PersonInfo::new(top.person, self.links.by_file(top.face.file_id))),
            },
            None => TopHit {
                person_id: None,
                face_flag: "N",
                similarity: decimal(found.best.unwrap_or(0.0)),
                personinfo: None,
            },
        })
    }

    /// Handles 2.3, 3.3 and 7.6. Accepts an object with two pictures or an array of two objects.
    async fn compare(&self, input: Input<'_>) -> Result<Answer, Failure> {
        let unusable = || Failure::message(literals::UNUSABLE_PICTURE);
        let (a, b) = match input {
            Input::Object(fields) => {
                let a = picture(&fields, "imageA", literals::UNUSABLE_PICTURE)?;
                (a, picture(&fields, "imageB", literals::UNUSABLE_PICTURE)?)
            }
            Input::Array { items, count } => {
                let [Some(a), Some(b)] = items.as_slice() else { return Err(unusable()) };
                if count != 2 {
                    return Err(unusable());
                }
                (picture(a, "image", literals::UNUSABLE_PICTURE)?, picture(b, "image", literals::UNUSABLE_PICTURE)?)
            }
        };
        let similarity = self
            .platform
            .compare(self.caller, a, b)
            .await
            .map_err(|e| picture_failure(e, literals::UNUSABLE_PICTURE, ""))?;
        let same = self.platform.is_match(similarity);
        if self.dialect == Dialect::Micro {
            Answer::ok(&Compared { msg: if same { "ok" } else { "no" }, score: decimal(percent(similarity)) })
        } else {
            let one_person = if same { "true" } else { "false" };
            Answer::ok(&OnePerson { one_person, similarity: decimal(similarity) })
        }
    }

    /// Handles 3.4 and 7.7.
    async fn remove(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let group_id = fields.required_text(GROUP_ID)?;
        let user_id = fields.required_text(USER_ID)?;
        self.remove_person(&group_id, &user_id).await.map_err(|e| match e {
            Error::Missing(Missing::Library | Missing::Person) => {
                Failure::message(literals::not_removed(&group_id, &user_id))
            }
            other => our_failure(&other),
        })?;
        if self.dialect == Dialect::Micro {
            Answer::ok(&Requested { request: "Request successful" })
        } else {
            Answer::ok(&PersonId { person_id: user_id })
        }
    }

    async fn remove_person(&self, group_id: &str, user_id: &str) -> aicp_platform::Result<()> {
        let library = self.platform.library(self.caller, group_id).await?;
        let person = self.platform.find(self.caller, &library, PersonKey::Any(user_id)).await?;
        self.platform.remove_person(self.caller, &library, &person).await
    }

    async fn newest_face(&self, group_id: &str, user_id: &str) -> aicp_platform::Result<Face> {
        let library = self.platform.library(self.caller, group_id).await?;
        let person = self.platform.find(self.caller, &library, PersonKey::Any(user_id)).await?;
        self.platform.faces(&person).await?.into_iter().next().ok_or(Missing::Person.into())
    }

    /// Handles 3.5 and 7.8.
    async fn query(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let group_id = fields.required_text(GROUP_ID)?;
        let user_id = fields.required_text(USER_ID)?;
        let face = self.newest_face(&group_id, &user_id).await.map_err(|e| match e {
            Error::Missing(Missing::Library | Missing::Person) => Failure::message(literals::NOT_FOUND_PERSON),
            other => our_failure(&other),
        })?;
        Answer::ok(&FaceUrl {
            face_db_url: self.links.by_face(self.caller.app_id(), &group_id, face.id),
            person_id: user_id,
            face_id: face.id.to_string(),
        })
    }

    /// Handles 3.6 and 7.9.
    async fn quality(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let picture = picture(&fields, "image", literals::NO_FEATURE)?;
        let assessed = self
            .platform
            .assess(self.caller, picture)
            .await
            .map_err(|e| picture_failure(e, literals::NO_FEATURE, ""))?;
        let is_recognisable = assessed.is_recognisable.unwrap_or(true);
        let is_good = self.platform.is_good(assessed.score, assessed.grades, is_recognisable);
        let quality_flag = if is_good { "Y" } else { "N" };
        if self.dialect == Dialect::Micro {
            let qualities = assessed.grades.map_or([0; 5], |grades| grades.map(|grade: Grade| grade as u8));
            return Answer::ok(&QualityGrades { quality_flag, qualities });
        }
        Answer::ok(&QualityScore {
            quality_flag,
            feature: BASE64.encode(&assessed.feature),
            quality_scores: decimal(assessed.score),
        })
    }

    /// Handles 7.10. Answers a list of pictures, here one, each a list of faces.
    async fn detect(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let picture = picture(&fields, "image", literals::NO_FEATURE)?;
        let faces = self
            .platform
            .detect(self.caller, picture)
            .await
            .map_err(|e| picture_failure(e, literals::NO_FEATURE, ""))?;
        let faces: Vec<FaceBox> = faces.iter().map(FaceBox::from).collect();
        Answer::ok(&Records { records: vec![faces] })
    }

    /// Handles 7.11.
    async fn recognise_many(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let picture = picture(&fields, "image", literals::NO_FEATURE)?;
        let group_id = fields.text(GROUP_ID)?.filter(|id| !id.trim().is_empty());
        let faces = self
            .platform
            .identify_many(self.caller, group_id.as_deref(), picture, None)
            .await
            .map_err(|e| picture_failure(e, literals::NO_FEATURE, group_id.as_deref().unwrap_or_default()))?;
        let records =
            faces.iter().map(|face| face.matches.iter().map(|m| Hit::new(m, self.links)).collect::<Vec<_>>()).collect();
        Answer::ok(&Records { records })
    }

    /// Handles 7.1.
    async fn add_library(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let group_id = fields.required_text(GROUP_ID)?;
        let name = fields.required_text(&["dbName"])?;
        let description = fields.text(&["dbDesc"])?;
        // Our extension: the engine of the library.
        let engine = fields.text(&["engine"])?.filter(|engine| !engine.is_empty());
        let library = self
            .platform
            .create_library(self.caller, &group_id, &name, description.as_deref(), engine.as_deref())
            .await
            .map_err(|e| our_failure(&e))?;
        Answer::ok(&MadeLibrary::from(library))
    }

    /// Handles 7.2.
    async fn delete_library(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let group_id = fields.required_text(GROUP_ID)?;
        self.platform.delete_library_named(self.caller, &group_id).await.map_err(|e| our_failure(&e))?;
        Answer::ok(&Deleted { message: "ok" })
    }

    /// Handles 7.3.
    async fn list_libraries(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let page = self.page(&fields, PAGE_SIZE, MAX_PAGE_SIZE)?;
        let libraries = self.platform.libraries(self.caller, page).await.map_err(|e| our_failure(&e))?;
        Answer::ok(&Records { records: libraries.into_iter().map(LibraryRow::from).collect() })
    }
}

/// Replaces the message of every failure in 7.1 to 7.3 by the manual's single one. An unreadable body keeps its HTTP
/// status.
fn all_one(result: Result<Answer, Failure>) -> Result<Answer, Failure> {
    result.map_err(|failure| failure.with_message(literals::SERVER_ERROR))
}

/// Parses the optional fields of an enrolment.
fn profile(fields: &Fields<'_>) -> Result<Profile, Failure> {
    Ok(Profile {
        name: fields.text(&["name", "cust_name"])?,
        sex: fields.integer(&["sex"])?,
        birthday: fields.integer(&["birthday"])?,
        province: fields.text(&["province"])?,
        duty: fields.text(&["duty"])?,
        kind: fields.integer(&["type"])?,
        source_url: fields.text(&["imageUrl"])?,
        document_number: fields.text(&["idIccid", "id_iccid"])?,
        customer_number: fields.text(&["custId", "cust_id"])?,
        remark: fields.text(&["remark"])?,
        company: fields.text(&["company"])?,
    })
}

/// Converts a platform error of an operation on a picture; `bad_picture` is its message for an unusable picture.
fn picture_failure(e: Error, bad_picture: &'static str, group_id: &str) -> Failure {
    match e {
        Error::BadInput(BadInput::Picture(_)) | Error::Refused(Refusal::NoFace) => Failure::message(bad_picture),
        Error::Refused(Refusal::NotRecognisable(_)) => Failure::message(literals::NO_FEATURE),
        Error::Missing(Missing::Library) => Failure::message(literals::no_library(group_id)),
        Error::BadInput(BadInput::LibraryId) => Failure::message(literals::wrong_format("groupId")),
        Error::BadInput(BadInput::PersonKey { .. }) => Failure::message(literals::wrong_format("name")),
        other => our_failure(&other),
    }
}
