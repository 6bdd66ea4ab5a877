//! Section 9, face-api/v3: groups, users and faces, with the calls that the later documents of the same interface add.
//!
//! A group is a library. A user is a person with an external id (`ext_user_id`). Both are shared with sections 3 and 7.

mod answers;
mod recognition;
mod request;

use aicp_platform::{
    BadInput, Cover, EnrolOptions, Enrolment, Error, Existing, FaceKey, KnownPerson, LastFace, Library, LibraryKey,
    Limit, Missing, MissingLibrary, MissingPerson, Person, PersonData, PersonKey, QualityFault, Rect, Refusal,
    SamePicture, face_token,
};
use bytes::Bytes;

use super::call::Call;
use super::codes;
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::{Fields, Input, PictureError};
use super::literals;
use super::routes::{FaceApiCall, FieldsCall, PicturesCall};
use crate::shanghai;
use aicp_requests::trouble;
use answers::{
    AddedFace, AppIds, AppStat, FaceList, FaceRow, GroupIds, GroupStat, Keyed, Location, Token, UserIdList, UserList,
    UserRow,
};
#[cfg(fuzzing)]
pub(super) use request::read_all;
use request::{
    action, gates, group_id, group_or_all, has_text, is_app_id, is_id, list, missing, page, required, text, user_id,
    user_info,
};

/// Maximum number of groups to count in one call.
const MAX_COUNTED_GROUPS: usize = 20;
/// Maximum number of apps in one call.
const MAX_APPS: usize = 20;

/// Converts a platform error to a code of section 9.
fn failure(e: Error) -> Failure {
    Failure::code(match e {
        Error::Busy => return Failure::busy(),
        Error::Missing(Missing::Library) => codes::NO_GROUP,
        Error::Exists(Existing::Library) => codes::GROUP_EXISTS,
        Error::Full(Limit::Libraries) => codes::TOO_MANY_GROUPS,
        Error::Full(Limit::Faces | Limit::People) => codes::NOT_ADDED,
        Error::Exists(Existing::Person) => codes::USER_EXISTS,
        Error::Missing(Missing::Person) => codes::NO_USER,
        Error::Exists(Existing::Face) => codes::FACE_EXISTS,
        Error::Missing(Missing::Face) => codes::NO_SUCH_FACE,
        Error::BadInput(BadInput::Picture(_)) => codes::BAD_IMAGE,
        Error::Refused(Refusal::Forbidden) => codes::NO_PERMISSION,
        Error::Refused(Refusal::NoFace) => codes::NO_FACE,
        Error::Refused(Refusal::NotLive) => codes::NOT_LIVE,
        Error::Refused(Refusal::TooTight) => codes::INCOMPLETE,
        Error::Refused(Refusal::NotRecognisable(_)) => codes::BAD_QUALITY,
        Error::Refused(Refusal::Quality(fault)) => match fault {
            QualityFault::Covered(Some(Cover::Mouth)) => codes::MOUTH_COVERED,
            QualityFault::Covered(Some(Cover::Eyes)) => codes::LEFT_EYE_COVERED,
            QualityFault::Covered(_) => codes::COVERED,
            QualityFault::Blurred => codes::FUZZY,
            QualityFault::Light => codes::BAD_LIGHT,
            QualityFault::Incomplete => codes::INCOMPLETE,
            QualityFault::Other => codes::BAD_QUALITY,
        },
        Error::Missing(Missing::Engine) => codes::NO_ENGINE,
        Error::Unavailable(_) => {
            trouble::log(&e);
            codes::NO_ENGINE
        }
        Error::Refused(Refusal::Engine { .. }) => {
            trouble::log(&e);
            codes::ENGINE_REFUSED
        }
        Error::Missing(_)
        | Error::Exists(_)
        | Error::Full(_)
        | Error::Refused(_)
        | Error::BadInput(_)
        | Error::Internal(_) => {
            trouble::log(&e);
            codes::SYSTEM_ERROR
        }
    })
}

fn null() -> Result<Answer, Failure> {
    Answer::null(literals::OK)
}

impl Call<'_> {
    pub async fn face_api(&self, call: FaceApiCall, input: Input<'_>) -> Result<Answer, Failure> {
        match call {
            FaceApiCall::Fields(call) => self.on_fields(call, &input.object_or_empty()?).await,
            FaceApiCall::Pictures(PicturesCall::FaceMatch) => self.face_match(input).await,
            FaceApiCall::Pictures(PicturesCall::FaceLiveness) => self.face_liveness(input).await,
        }
    }

    async fn on_fields(&self, call: FieldsCall, fields: &Fields<'_>) -> Result<Answer, Failure> {
        self.require_own_app(fields)?;
        match call {
            FieldsCall::GroupAdd => self.group_add(fields).await,
            FieldsCall::GroupDelete => self.group_delete(fields).await,
            FieldsCall::GroupList => self.group_list(fields).await,
            FieldsCall::StatApp => self.stat_app(fields).await,
            FieldsCall::StatGroup => self.stat_group(fields).await,
            FieldsCall::UserCopy => self.user_copy(fields).await,
            FieldsCall::UserGet => self.user_get(fields).await,
            FieldsCall::UserList => self.user_list(fields).await,
            FieldsCall::UserDelete => self.user_delete(fields).await,
            FieldsCall::AppList => self.app_list().await,
            FieldsCall::FaceAdd => self.face_add(fields).await,
            FieldsCall::FaceAddNoDetect => self.face_add_no_detect(fields).await,
            FieldsCall::FaceUpdate => self.face_update(fields).await,
            FieldsCall::FaceList => self.face_list(fields).await,
            FieldsCall::FaceDelete => self.face_delete(fields).await,
            FieldsCall::FaceDetect => self.face_detect(fields).await,
            FieldsCall::FaceIdentify => self.face_identify(fields).await,
            FieldsCall::FaceIdentifyMany => self.face_identify_many(fields).await,
        }
    }

    /// Rejects an `appid`, in the query or the body, that is not the app of the token.
    fn require_own_app(&self, fields: &Fields<'_>) -> Result<(), Failure> {
        let in_body = text(fields, "appid", codes::APP_ID)?;
        let named = in_body.iter().chain(&self.query_app);
        if named.into_iter().all(|id| id.is_empty() || id == self.caller.app_id()) {
            Ok(())
        } else {
            Err(Failure::code(codes::NO_PERMISSION))
        }
    }

    /// Handles 9.1.1.
    async fn group_add(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let group_id = group_id(fields, "group_id")?;
        let engine = text(fields, "engine", codes::INVALID_PARAMETER)?.filter(|engine| !engine.is_empty());
        self.platform
            .create_library(self.caller, &group_id, &group_id, None, engine.as_deref())
            .await
            .map_err(failure)?;
        null()
    }

    /// Handles 9.1.2.
    async fn group_delete(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let group_id = group_id(fields, "group_id")?;
        // Looks up the group's id alone: an engine key is not accepted here.
        let library = self.platform.library(self.caller, &group_id).await.map_err(failure)?;
        self.platform.delete_library(self.caller, &library).await.map_err(failure)?;
        null()
    }

    /// Handles 9.1.3.
    async fn group_list(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let libraries = self.platform.libraries(self.caller, page(fields)?).await.map_err(failure)?;
        Answer::ok(&GroupIds { group_id_list: libraries.into_iter().map(|library| library.external_id).collect() })
    }

    /// Handles 9.1.4.
    async fn stat_app(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let ids = list(fields, "op_app_id_list", codes::APP_ID_LIST, is_app_id)?;
        if ids.len() > MAX_APPS {
            return Err(Failure::code(codes::TOO_MANY_APPS));
        }
        let known = self.platform.app_ids(self.caller).await.map_err(failure)?;
        let ids = if ids.is_empty() { known.clone() } else { ids };
        let mut stats = Vec::with_capacity(ids.len());
        for id in ids {
            let group_num = self.platform.library_count(self.caller, &id).await.map_err(failure)?;
            if known.contains(&id) {
                stats.push((id, AppStat { group_num }));
            }
        }
        Answer::bare(&Keyed(stats))
    }

    /// Handles 9.1.5.
    async fn stat_group(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let groups = list(fields, "group_id_list", codes::GROUP_ID_LIST, is_id)?;
        if groups.is_empty() {
            return Err(missing("group_id_list"));
        }
        if groups.len() > MAX_COUNTED_GROUPS {
            return Err(Failure::code(codes::TOO_MANY_GROUPS));
        }
        let mut apps = list(fields, "op_app_id_list", codes::APP_ID_LIST, is_app_id)?;
        if apps.is_empty() {
            apps = list(fields, "op_app_id", codes::OP_APP_ID, is_app_id)?;
        }
        if apps.len() > MAX_APPS {
            return Err(Failure::code(codes::TOO_MANY_APPS));
        }
        if apps.is_empty() {
            apps.push(self.caller.app_id().to_owned());
        }
        let apps: Result<Vec<_>, _> = apps.iter().map(|id| self.platform.act_as(self.caller, id)).collect();
        let apps = apps.map_err(failure)?;
        let mut stats = Vec::with_capacity(groups.len());
        for group_id in groups {
            for app in &apps {
                let Some(library) = found(self.platform.library(app, &group_id).await)? else { continue };
                let counts = self.platform.library_counts(&library).await.map_err(failure)?;
                let ctime = shanghai::text(library.created_at);
                stats.push((group_id, GroupStat { user_num: counts.users, face_num: counts.faces, ctime }));
                break;
            }
        }
        Answer::bare(&Keyed(stats))
    }

    /// Handles 9.2.1.
    async fn user_copy(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let user_id = user_id(fields)?;
        let from = group_id(fields, "src_group_id")?;
        let to = group_id(fields, "dst_group_id")?;
        let from = self.platform.library(self.caller, &from).await.map_err(failure)?;
        let to = found(self.platform.library(self.caller, &to).await)?;
        let to = to.ok_or_else(|| Failure::code(codes::NO_TARGET_GROUP))?;
        self.platform.copy_person(self.caller, &from, &to, &user_id).await.map_err(failure)?;
        null()
    }

    /// Handles 9.2.2.
    async fn user_get(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let user_id = user_id(fields)?;
        let group = group_or_all(fields)?;
        let users = self.users_named(group.as_deref(), &user_id).await.map_err(failure)?;
        let user_list = users.into_iter().map(|(library, person)| UserRow::new(&library.external_id, person)).collect();
        Answer::ok(&UserList { user_list })
    }

    /// Handles 9.2.3.
    async fn user_list(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let group_id = group_id(fields, "group_id")?;
        let page = page(fields)?;
        let library = self.platform.library(self.caller, &group_id).await.map_err(failure)?;
        let users = self.platform.people(self.caller, &library, page).await.map_err(failure)?;
        let user_id_list = users.into_iter().map(|person| UserRow::new(&group_id, person)).collect();
        Answer::ok(&UserIdList { user_id_list })
    }

    async fn user_delete(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let user_id = user_id(fields)?;
        let group = group_or_all(fields)?;
        let users = self.users_named(group.as_deref(), &user_id).await.map_err(failure)?;
        self.platform.remove_people(self.caller, &users).await.map_err(failure)?;
        null()
    }

    /// Returns a user with the library or, if none is named, the users of this id in all libraries of the app.
    async fn users_named(&self, group: Option<&str>, user_id: &str) -> aicp_platform::Result<Vec<(Library, Person)>> {
        let library = match group {
            Some(group) => Some(self.platform.library(self.caller, group).await?),
            None => None,
        };
        self.platform.find_all(self.caller, library.as_ref(), user_id).await
    }

    /// Returns a user of a group.
    async fn user(&self, fields: &Fields<'_>) -> Result<(Library, Person), Failure> {
        let (user_id, group_id) = (user_id(fields)?, group_id(fields, "group_id")?);
        let library = self.platform.library(self.caller, &group_id).await.map_err(failure)?;
        let found = self.platform.find(self.caller, &library, PersonKey::UserId(&user_id)).await;
        Ok((library, found.map_err(failure)?))
    }

    async fn app_list(&self) -> Result<Answer, Failure> {
        Answer::ok(&AppIds { app_id_list: self.platform.app_ids(self.caller).await.map_err(failure)? })
    }

    async fn face_add(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let old = match action(fields)?.as_deref() {
            None | Some("APPEND") => KnownPerson::AddFace,
            Some("REPLACE") => KnownPerson::ReplaceFaces,
            Some(_) => return Err(Failure::code(codes::INVALID_PARAMETER)),
        };
        Answer::ok(&self.put_face(fields, old, MissingPerson::Create).await?)
    }

    /// Detects the face anyway, as recognition needs its landmarks, but does not report its location.
    async fn face_add_no_detect(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let AddedFace { face_token, .. } = self.put_face(fields, KnownPerson::AddFace, MissingPerson::Create).await?;
        Answer::ok(&Token { face_token })
    }

    /// Requires an existing user with `UPDATE`; `REPLACE` creates a missing one.
    async fn face_update(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let missing = match action(fields)?.as_deref() {
            None | Some("UPDATE") => MissingPerson::Refuse,
            Some("REPLACE") => MissingPerson::Create,
            Some(_) => return Err(Failure::code(codes::INVALID_PARAMETER)),
        };
        Answer::ok(&self.put_face(fields, KnownPerson::ReplaceFaces, missing).await?)
    }

    async fn put_face(
        &self,
        fields: &Fields<'_>,
        known_person: KnownPerson,
        missing_person: MissingPerson,
    ) -> Result<AddedFace, Failure> {
        let (library, user_id) = (LibraryKey::Id(group_id(fields, "group_id")?), user_id(fields)?);
        let (info, gates) = (user_info(fields)?, gates(fields)?);
        let options = EnrolOptions {
            missing_library: MissingLibrary::Create,
            missing_person,
            known_person,
            same_picture: SamePicture::RefuseInLibrary,
            gates,
            ..EnrolOptions::default()
        };
        let picture = self.picture_of(fields).await?;
        let person = PersonData { user_id: Some(user_id), info, ..PersonData::default() };
        let enrolment = Enrolment { library, person, picture, options };
        let enrolled = self.platform.enrol(self.caller, enrolment).await.map_err(failure)?;
        let [x, y, width, height] = enrolled.face.bounding_box;
        Ok(AddedFace {
            face_token: face_token(&enrolled.face),
            location: Location::new(Rect { x, y, width, height }, enrolled.rotation),
        })
    }

    async fn face_list(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let (_, person) = self.user(fields).await?;
        let faces = self.platform.faces(&person).await.map_err(failure)?;
        let row = |face: &aicp_platform::Face| FaceRow {
            face_token: face_token(face),
            ctime: shanghai::text(face.file_id.created()),
        };
        Answer::ok(&FaceList { face_list: faces.iter().rev().map(row).collect() })
    }

    async fn face_delete(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let (user_id, group_id) = (user_id(fields)?, group_id(fields, "group_id")?);
        let token = required(fields, "face_token", codes::FACE_TOKEN)?;
        if token.len() > 64 {
            return Err(Failure::code(codes::FACE_TOKEN));
        }
        let library = self.platform.library(self.caller, &group_id).await.map_err(failure)?;
        let person = self.platform.find(self.caller, &library, PersonKey::UserId(&user_id)).await.map_err(failure)?;
        let (face, last) = (FaceKey::Token(token), LastFace::RemovesPerson);
        self.platform.remove_face(self.caller, &library, &person, face, last).await.map_err(failure)?;
        null()
    }

    /// Returns the picture of a request: sent along, or an enrolled one named by its face token.
    async fn picture_of(&self, fields: &Fields<'_>) -> Result<Bytes, Failure> {
        if !fields.has("image") {
            return Err(missing("image"));
        }
        match required(fields, "image_type", codes::IMAGE_TYPE)?.as_str() {
            "BASE64" => fields.picture("image").map_err(|e| match e {
                PictureError::TooLarge => Failure::code(codes::IMAGE),
                PictureError::Unusable if !has_text(fields, "image") => missing("image"),
                PictureError::Unusable => Failure::code(codes::BAD_IMAGE),
            }),
            "FACE_TOKEN" => {
                let token = required(fields, "image", codes::FACE_TOKEN)?;
                self.platform.picture_by_token(self.caller, &token).await.map_err(|e| match e {
                    Error::Missing(Missing::Face) => Failure::code(codes::NO_SUCH_TOKEN),
                    other => failure(other),
                })
            }
            _ => Err(Failure::code(codes::IMAGE_TYPE)),
        }
    }
}

/// Converts "library not found" to `None`.
fn found(library: Result<Library, Error>) -> Result<Option<Library>, Failure> {
    match library {
        Ok(library) => Ok(Some(library)),
        Err(Error::Missing(Missing::Library)) => Ok(None),
        Err(e) => Err(failure(e)),
    }
}
