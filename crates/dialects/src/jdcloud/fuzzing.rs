//! Access to private functions for the fuzz targets.

use std::time::Duration;

use aicp_types::UnixMillis;
use axum::http::{HeaderMap, Method};

use super::md5;
use super::params::{Params, RawQuery, unquoted};
use super::pictures::picture;
use super::routes::{self, Family};
use super::signature::{self, SignatureError, Signed};

/// Parsed views of a parameter; `Err` where it is rejected.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Params")]
pub struct Seen {
    pub is_there: bool,
    pub text: Result<Option<String>, ()>,
    pub integer: Result<Option<i32>, ()>,
    pub boolean: Result<Option<bool>, ()>,
}

/// Parses the parameters of the given names; `None` if the body can't be read.
pub fn params(query: &str, body: &[u8], names: &[&str]) -> Option<Vec<Seen>> {
    let body = unquoted(body);
    let params = Params::of(RawQuery::of(query), body.as_deref());
    let seen = names.iter().map(|name| {
        let _ = (params.long_text(name), picture(&params, name, Family::V1), picture(&params, name, Family::Plain));
        Seen {
            is_there: params.has(name),
            text: params.text(name).map_err(drop),
            integer: params.integer(name).map_err(drop),
            boolean: params.boolean(name).map_err(drop),
        }
    });
    let seen = seen.collect();
    if params.is_broken() { None } else { Some(seen) }
}

/// Request to verify.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of Signed")]
pub struct Request {
    pub method: Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body_hash: [u8; 32],
}

/// Verifies a signature in the headers at a given time.
///
/// # Errors
/// The vendor's message for the failed check.
pub fn verify(request: &Request, secret: &str, now: i64) -> Result<(), &'static str> {
    const SKEW: Duration = Duration::from_secs(300);
    let Request { method, path, query, headers, body_hash } = request;
    let _ = routes::find(path, method);
    let checked = signature::Claim::read(headers).and_then(|claim| {
        claim.require_timely(UnixMillis::new(now), SKEW)?;
        claim.verify(&Signed { method, path, query, headers }, body_hash, secret)
    });
    checked.map(|_| ()).map_err(SignatureError::text)
}

/// Whether a query has a valid MD5 signature with this secret, whatever its timestamp.
pub fn is_signed_by_md5(query: &str, secret: &str) -> bool {
    let claim = md5::Claim::read(&RawQuery::of(query), UnixMillis::default(), Duration::MAX);
    claim.is_ok_and(|claim| claim.verify(secret).is_ok())
}
