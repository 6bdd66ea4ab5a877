//! What the operations of all sections share.

use std::net::IpAddr;

use aicp_platform::{BadInput, Caller, Error, Existing, Limit, Missing, Page, Platform, Refusal};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;

use super::failure::Failure;
use super::fields::{Fields, PictureError};
use super::routes::Dialect;
use super::{Options, literals};
use crate::links::Links;
use aicp_requests::trouble;

/// Authenticated call.
pub(super) struct Call<'a> {
    pub platform: &'a Platform,
    pub options: &'a Options,
    pub links: &'a Links<'a>,
    pub caller: &'a Caller,
    pub dialect: Dialect,
    /// The path as it was requested.
    pub path: &'a str,
    pub headers: &'a HeaderMap,
    /// App id in the query.
    pub query_app: Option<String>,
    /// Client address.
    pub client: Option<IpAddr>,
}

impl Call<'_> {
    /// Parses `pageNo` (from 1) and `pageSize`, capped at `most`.
    pub fn page(&self, fields: &Fields<'_>, default_size: u64, most: u64) -> Result<Page, Failure> {
        let positive = |name: &'static str, default: u64| match fields.integer(&[name])? {
            None => Ok(default),
            Some(number) => u64::try_from(number)
                .ok()
                .filter(|&number| number > 0)
                .ok_or_else(|| Failure::message(literals::wrong_format(name))),
        };
        let (number, limit) = (positive("pageNo", 1)?, positive("pageSize", default_size)?.min(most));
        Ok(Page { offset: (number - 1).saturating_mul(limit), limit })
    }
}

/// Decodes the picture in a field; `unusable` is the operation's message for one that can't be used.
pub(super) fn picture(fields: &Fields<'_>, name: &str, unusable: &'static str) -> Result<Bytes, Failure> {
    fields.picture(name).map_err(|e| {
        Failure::message(match e {
            PictureError::Unusable => unusable,
            PictureError::TooLarge => literals::PICTURE_TOO_LARGE,
        })
    })
}

/// Converts a platform error that has no message of its own: to the manual's generic server error, except for busy and
/// for refusals by an engine.
pub(super) fn our_failure(e: &Error) -> Failure {
    match e {
        Error::Busy => return Failure::busy(),
        Error::Refused(Refusal::Forbidden) => {
            return Failure::status(StatusCode::FORBIDDEN, literals::NOT_GRANTED);
        }
        // The manual's format for a refusal by an engine.
        Error::Refused(Refusal::Engine { code, text }) => return Failure::message(format!("{code},{text}")),
        // The caller's faults that have no message of their own at this operation.
        Error::Missing(Missing::Library | Missing::Person | Missing::App | Missing::Capability)
        | Error::Exists(Existing::Library | Existing::Person)
        | Error::BadInput(BadInput::LibraryId | BadInput::PersonKey { .. })
        | Error::Full(Limit::Libraries | Limit::People) => {}
        Error::Missing(_)
        | Error::Exists(_)
        | Error::Full(_)
        | Error::Refused(_)
        | Error::BadInput(_)
        | Error::Unavailable(_)
        | Error::Internal(_) => trouble::log(e),
    }
    Failure::message(literals::SERVER_ERROR)
}
