//! Public entry points for the fuzz targets, which can't call private functions.

use axum::http::HeaderMap;
use jiff::Timestamp;

use super::failure::Failure;
use super::format::Format;
use super::params::Params;
use super::signature::{self, Claim, Parts};
use super::{ids, speaks};

/// Parses a query and a form; `None` if any parameter can't be read.
pub fn params(query: &str, form: Option<&[u8]>) -> Option<Vec<(String, String)>> {
    let (params, outcome) = Params::read(query, form);
    let all: Vec<_> = params.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    for (name, value) in &all {
        let _ = (params.number(name, 1..=100), params.short(name, 32), params.list(name, 10), ids::USER.number(value));
    }
    outcome.ok().map(|()| all)
}

/// A signed request.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the names are those of Parts")]
pub struct Request {
    pub method: &'static str,
    pub query: String,
    pub headers: HeaderMap,
    pub form: Option<Vec<u8>>,
    pub body: Vec<u8>,
}

/// Verifies a signature at a given time, in seconds since the epoch.
///
/// # Errors
/// The code of the failure.
pub fn verify(request: &Request, secret: &str, now_s: i64) -> Result<(), String> {
    let Request { method, query, headers, form, body } = request;
    let _ = speaks(headers, query);
    let (params, read) = Params::read(query, form.as_deref());
    let _ = Format::wanted(params.text("Format"), signature::is_v3(headers));
    let checked = read.and_then(|()| {
        let claim = Claim::read(headers, &params)?;
        claim.check_time(Timestamp::from_second(now_s).unwrap_or_default())?;
        claim.verify(&Parts { method, headers, params: &params, body }, secret)
    });
    checked.map_err(|failure: Failure| failure.text())
}
