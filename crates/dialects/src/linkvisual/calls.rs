//! An authenticated call: the dispatch to its handler, and the parameters that handlers share.

use aicp_platform::{BadInput, Caller, Error, Format as PictureFormat, Library, Missing, Person, PersonKey, Platform};
use aicp_types::{PublicId, UnixMillis};
use bytes::Bytes;

use super::actions::Action;
use super::failure::Failure;
use super::format::Node;
use super::ids;
use super::params::Params;
use crate::links::Links;
use crate::shanghai;

/// Maximum characters of an isolation id.
const MAX_ISOLATION: usize = 128;
/// Maximum characters of a picture address.
const MAX_ADDRESS: usize = 2048;
/// Largest page size of most listings.
const MAX_PAGE_SIZE: u64 = 100;
/// Default page size of most listings.
const PAGE_SIZE: u64 = 20;
/// Largest page number where the interface names none.
const MAX_PAGE: u64 = 1_000_000;

/// Result of an action: its `Data`, if it has any.
pub(super) type Outcome = Result<Option<Node>, Failure>;

/// Authenticated and authorised call.
pub(super) struct Call<'a> {
    pub platform: &'a Platform,
    pub links: &'a Links<'a>,
    pub caller: &'a Caller,
    pub params: &'a Params,
}

/// Requested page of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    /// Page number, from 1.
    pub number: u64,
    pub size: u64,
}

impl Page {
    /// Returns the rows of the page.
    pub fn rows(&self) -> aicp_platform::Page {
        aicp_platform::Page { offset: (self.number - 1).saturating_mul(self.size), limit: self.size }
    }

    /// Builds the page of a listing. `number` is the name of the page number's field: `Page` or `PageNo`.
    pub fn listing(self, number: &'static str, total: u64, list: &'static str, items: Vec<Node>) -> Option<Node> {
        Some(Node::Fields(vec![
            (number, Node::count(self.number)),
            ("PageSize", Node::count(self.size)),
            ("Total", Node::count(total)),
            (list, Node::List(items)),
        ]))
    }
}

impl Call<'_> {
    pub async fn make(&self, action: Action) -> Outcome {
        match action {
            Action::AddFaceUser => self.add_user().await,
            Action::UpdateFaceUser => self.update_user().await,
            Action::DeleteFaceUser => self.delete_user().await,
            Action::QueryFaceUser => self.query_user().await,
            Action::QueryFaceUserBatch => self.query_users().await,
            Action::QueryFaceUserByName => self.query_users_by_name().await,
            Action::QueryFaceUserIdByCustomUserId => self.query_user_id().await,
            Action::QueryFaceCustomUserIdByUserId => self.query_custom_id().await,
            Action::AddFaceUserPicture => self.add_picture().await,
            Action::DeleteFaceUserPicture => self.delete_picture().await,
            Action::AddFaceUserGroup => self.add_user_group().await,
            Action::DeleteFaceUserGroup => self.delete_user_group().await,
            Action::AddFaceUserToUserGroup => self.add_user_to_group().await,
            Action::RemoveFaceUserFromUserGroup => self.remove_user_from_group().await,
            Action::QueryFaceUserGroup => self.query_groups_of_user().await,
            Action::QueryFaceAllUserGroup => self.query_user_groups().await,
            Action::QueryFaceAllUserIdsByGroupId => self.query_users_of_group().await,
            Action::AddFaceDeviceGroup => self.add_device_group().await,
            Action::DeleteFaceDeviceGroup => self.delete_device_group().await,
            Action::QueryFaceAllDeviceGroup => self.query_device_groups().await,
            Action::AddFaceDeviceToDeviceGroup => self.add_device_to_group().await,
            Action::RemoveFaceDeviceFromDeviceGroup => self.remove_device_from_group().await,
            Action::QueryFaceDeviceGroupsByDevice => self.query_groups_of_device().await,
            Action::CheckFaceUserDoExistOnDevice => self.is_user_on_device().await,
            Action::ClearFaceDeviceDb => self.clear_device().await,
            Action::AddRelation => self.add_relation().await,
            Action::UpdateRelation => self.update_relation().await,
            Action::DeleteRelation => self.delete_relation().await,
            Action::QueryRelation => self.query_relation().await,
            Action::QueryAllRelation => self.query_relations().await,
            Action::DetectUserFaceByUrl => self.detect().await,
        }
    }

    /// Parses `IsolationId`: ASCII letters and digits.
    pub fn isolation(&self) -> Result<&str, Failure> {
        let name = "IsolationId";
        let isolation = self.params.required(name)?;
        let fits = isolation.len() <= MAX_ISOLATION && isolation.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits { Ok(isolation) } else { Err(Failure::invalid(name)) }
    }

    /// Parses `PageNo` (required, up to `last`) and `PageSize` as most listings define them.
    pub fn page(&self, last: Option<u64>) -> Result<Page, Failure> {
        let number = self.params.number("PageNo", 1..=last.unwrap_or(MAX_PAGE))?;
        let number = number.ok_or_else(|| Failure::missing("PageNo"))?;
        let size = self.params.number("PageSize", 1..=MAX_PAGE_SIZE)?.unwrap_or(PAGE_SIZE);
        Ok(Page { number, size })
    }

    /// Returns the library of an isolation, if it exists.
    pub async fn known_library(&self, isolation: &str) -> Result<Option<Library>, Failure> {
        match self.platform.library(self.caller, isolation).await {
            Ok(library) => Ok(Some(library)),
            Err(Error::Missing(Missing::Library)) => Ok(None),
            Err(e) => Err(Failure::of_platform(&e)),
        }
    }

    /// Returns the library of an isolation, or fails with `missing` if there is none.
    pub async fn library(&self, isolation: &str, missing: Failure) -> Result<Library, Failure> {
        self.known_library(isolation).await?.ok_or(missing)
    }

    /// Returns the library of an isolation, created on first use.
    pub async fn open_library(&self, isolation: &str) -> Result<Library, Failure> {
        self.platform.open_library(self.caller, isolation).await.map_err(|e| Failure::of_platform(&e))
    }

    /// Returns the user of a library by user id.
    pub async fn user(&self, library: &Library, user_id: &str) -> Result<Person, Failure> {
        let public_id = ids::USER.number(user_id).map(PublicId::new).ok_or(Failure::USER_NOT_FOUND)?;
        self.platform
            .find(self.caller, library, PersonKey::PublicId(public_id))
            .await
            .map_err(|e| Failure::of_platform(&e))
    }

    /// Parses the picture address, if one was sent.
    pub fn picture_address(&self) -> Result<Option<&str>, Failure> {
        let name = "FacePicUrl";
        let Some(address) = self.params.text(name) else { return Ok(None) };
        let scheme = address.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        let is_web = matches!(scheme.as_deref(), Some("http" | "https"));
        let is_plain = !address.chars().any(char::is_control) && address.chars().count() <= MAX_ADDRESS;
        if is_web && is_plain { Ok(Some(address)) } else { Err(Failure::invalid(name)) }
    }

    /// Parses the picture address, which is required.
    pub fn required_picture_address(&self) -> Result<&str, Failure> {
        self.picture_address()?.ok_or_else(|| Failure::missing("FacePicUrl"))
    }

    /// Downloads the picture at an address. Only JPEG is accepted.
    pub async fn fetch(&self, address: &str) -> Result<Bytes, Failure> {
        let picture = self.platform.fetch_picture(self.caller, address).await.map_err(|e| match e {
            Error::BadInput(BadInput::Address) => Failure::invalid("FacePicUrl"),
            Error::BadInput(BadInput::NotFetched(reason)) => {
                tracing::debug!(%reason, "a picture was not fetched");
                Failure::DOWNLOAD
            }
            other => Failure::of_platform(&other),
        })?;
        match PictureFormat::of(&picture) {
            Some(PictureFormat::Jpeg) => Ok(picture),
            _ => Err(Failure::PICTURE_TYPE),
        }
    }
}

impl Node {
    /// A count; `i64::MAX` stands for larger ones.
    pub fn count(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }

    /// Shanghai date and time of a moment.
    pub fn moment(time: UnixMillis) -> Self {
        Self::text(shanghai::text(time))
    }

    /// An optional text; empty if it is not set.
    pub fn optional(text: Option<String>) -> Self {
        Self::text(text.unwrap_or_default())
    }
}
