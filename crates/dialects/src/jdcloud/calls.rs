//! Shared code of all calls: parameters and error conversion.

use std::time::Duration;

use aicp_platform::{Caller, Error, Examination, ExaminedFace, Library, Platform, Refusal};
use bytes::Bytes;
use tokio::time::timeout;

use super::Settings;
use super::answers::digits;
use super::codes::{self, Fault};
use super::envelope::{Answer, RequestStamp};
use super::failure::Failure;
use super::params::Params;
use super::pictures::{self, PictureError};
use super::routes::{Api, Entry, Family};

/// Time limit of the analysis of a picture.
const ANALYSIS_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum length of a group name, in letters and digits.
const MAX_GROUP_NAME: usize = 64;

/// Authorised call with its context.
pub(super) struct Call<'a> {
    pub platform: &'a Platform,
    pub options: &'a Settings,
    pub caller: &'a Caller,
    pub entry: &'static Entry,
    pub params: &'a Params<'a>,
    pub stamp: &'a RequestStamp,
}

impl Call<'_> {
    /// Executes the call.
    ///
    /// # Errors
    /// [`Failure`].
    pub async fn make(&self) -> Result<Answer, Failure> {
        self.require_readable()?;
        match self.entry.api {
            Api::GroupList => self.group_list().await,
            Api::GroupCreate => self.group_create().await,
            Api::GroupDelete => self.group_delete().await,
            Api::FaceCreate => self.face_create().await,
            Api::FaceDelete => self.face_delete().await,
            Api::FaceSearch => self.face_search().await,
            Api::CompareV1 => self.compare_v1().await,
            Api::Compare => self.compare().await,
            Api::PropertiesV1 => self.properties_v1().await,
            Api::DetectAttributes => self.detect_attributes().await,
            Api::MaskDetect => Err(codes::NOT_GRANTED.into()),
            Api::LivenessV1 => self.liveness_v1().await,
            Api::AntiSpoof => self.anti_spoof().await,
            Api::GroupCreateV1 => self.group_create_v1().await,
            Api::GroupFetchV1 => self.group_fetch_v1().await,
            Api::GroupUpdateV1 => self.group_update_v1().await,
            Api::GroupDeleteV1 => self.group_delete_v1().await,
            Api::FaceFetchV1 => self.face_fetch_v1().await,
            Api::FaceDeleteV1 => self.face_delete_v1().await,
            Api::FaceCreateV1 => self.face_create_v1().await,
            Api::FaceSearchV1 => self.face_search_v1().await,
            Api::FaceUpdateV1 => self.face_update_v1().await,
        }
    }

    /// Refuses an unreadable body. It may have asked for another call: deleting a face can use the path of its group.
    fn require_readable(&self) -> Result<(), Fault> {
        let Entry { family, takes_get, .. } = *self.entry;
        if self.params.is_too_large() && !takes_get {
            return Err(codes::of_picture(self.entry, PictureError::TooLong));
        }
        let is_readable = match family {
            Family::V1 => self.params.is_json(),
            Family::Search | Family::Plain => !self.params.is_broken(),
        };
        if is_readable { Ok(()) } else { Err(codes::of_unreadable_body(family)) }
    }

    /// Returns a text, or fails with `missing`.
    pub fn required_text(&self, name: &str, missing: Fault) -> Result<String, Failure> {
        Ok(self.text(name)?.ok_or(missing)?)
    }

    /// Returns a text; `None` if it is missing.
    pub fn text(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.params.text(name).map_err(|_| codes::of_unreadable_param(self.entry.family))?)
    }

    /// Returns a valid name for a new group, or fails with `missing` if there is none.
    pub fn new_group_name(&self, missing: Fault) -> Result<String, Failure> {
        let name = self.required_text("groupName", missing)?;
        let is_good = name.len() <= MAX_GROUP_NAME && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_good { Ok(name) } else { Err(codes::BAD_GROUP_NAME.into()) }
    }

    /// Returns a picture within the size limits of the call.
    pub fn picture(&self, name: &str) -> Result<Bytes, Failure> {
        let picture = pictures::picture(self.params, name, self.entry.family);
        Ok(picture.map_err(|e| codes::of_picture(self.entry, e))?)
    }

    /// Returns the group's id or, without one, its name. Fails with `missing` if there is neither.
    pub fn group_key(&self, missing: Fault) -> Result<GroupKey, Failure> {
        if let Some(id) = self.text("groupId")? {
            return Ok(GroupKey::Id(id));
        }
        Ok(GroupKey::Name(self.text("groupName")?.ok_or(missing)?))
    }

    /// Looks up the library of a group.
    pub async fn library(&self, key: &GroupKey) -> Result<Library, Failure> {
        let found = match key {
            GroupKey::Id(id) => {
                let digits = digits(id).ok_or(codes::NO_GROUP)?;
                self.platform.library_by_engine_key_prefix(self.caller, &digits).await
            }
            GroupKey::Name(name) => self.platform.library(self.caller, name).await,
        };
        let library = found.map_err(|e| self.failure(e))?;
        self.platform.note_engine_of(self.caller, &library).map_err(|e| self.failure(e))?;
        Ok(library)
    }

    /// Returns the faces of a picture, largest first, at most `most`. An empty list is not an error.
    pub async fn detect_faces(
        &self,
        picture: Bytes,
        most: usize,
        wanted: Examination,
    ) -> Result<Vec<ExaminedFace>, Failure> {
        self.with_timeout(self.platform.examine(self.caller, picture, most, wanted)).await
    }

    /// Returns the largest face of a picture, or fails if it has none.
    pub async fn largest_face(&self, picture: Bytes, wanted: Examination) -> Result<ExaminedFace, Failure> {
        let faces = self.detect_faces(picture, 1, wanted).await?;
        faces.into_iter().next().ok_or_else(|| self.failure(Error::Refused(Refusal::NoFace)))
    }

    /// Returns the failure for a head pose that is not frontal.
    pub fn not_frontal(&self) -> Failure {
        codes::of_posture(self.entry.family).into()
    }

    /// Runs read-only work of the platform with a time limit. The work may continue after the timeout, so it must not
    /// change data.
    pub async fn with_timeout<T>(&self, work: impl Future<Output = aicp_platform::Result<T>>) -> Result<T, Failure> {
        match timeout(ANALYSIS_TIMEOUT, work).await {
            Ok(found) => found.map_err(|e| self.failure(e)),
            Err(_) => Err(codes::of_timeout(self.entry).into()),
        }
    }

    /// Converts a platform error to the vendor's codes.
    pub fn failure(&self, e: Error) -> Failure {
        codes::of_error(self.entry, e)
    }
}

/// Reference to a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GroupKey {
    Id(String),
    Name(String),
}
