//! Revisions of resources: `ETag` and `If-Match` (RFC 9110 sections 8.8.3 and 13.1.1).

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::{Problem, Result};

/// State of a resource: a digest of what a request can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Revision(String);

impl Revision {
    pub fn of(state: &impl Serialize) -> Self {
        let digest = Sha256::digest(serde_json::to_vec(state).unwrap_or_default());
        Self(hex::encode(&digest[..12]))
    }

    /// Returns it as the value of `ETag`.
    pub fn tag(&self) -> String {
        format!("\"{}\"", self.0)
    }
}

/// The revisions that a request accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    Any,
    OneOf(Vec<String>),
}

impl Wanted {
    pub fn admits(&self, revision: &Revision) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision.0),
        }
    }
}

/// Reads `If-Match`. A weak tag never matches.
///
/// # Errors
/// It is neither `*` nor a list of quoted tags.
pub(crate) fn wanted(headers: &HeaderMap) -> Result<Wanted> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(Wanted::Any) };
    let wrong = || Problem::field("If-Match", "must be * or a list of quoted tags");
    let text = value.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(Wanted::Any);
    }
    let tags = text.split(',').map(|tag| {
        let tag = tag.trim();
        if tag.starts_with("W/") {
            return Ok(String::new());
        }
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).map(str::to_owned).ok_or_else(wrong)
    });
    Ok(Wanted::OneOf(tags.collect::<Result<_>>()?))
}

/// Builds an answer with the revision of what it shows.
pub(crate) fn tagged(status: StatusCode, revision: Revision, body: impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    if let Ok(tag) = HeaderValue::from_str(&revision.tag()) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Builds the answer to a creation.
pub(crate) fn created(location: &str, revision: Revision, body: impl Serialize) -> Response {
    let mut response = tagged(StatusCode::CREATED, revision, body);
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_revisions_that_it_accepts() {
        let revision = Revision("ab".to_owned());
        let admits = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, HeaderValue::from_str(value).expect("a header"));
            wanted(&headers).map(|wanted| wanted.admits(&revision)).map_err(|problem| problem.code())
        };
        assert!(wanted(&HeaderMap::new()).expect("none").admits(&revision));
        for (value, expected) in [
            ("*", Ok(true)),
            ("\"ab\"", Ok(true)),
            ("\"cd\", \"ab\"", Ok(true)),
            ("\"cd\"", Ok(false)),
            ("W/\"ab\"", Ok(false)),
            ("\"\"", Ok(false)),
            ("ab", Err("badField")),
            ("", Err("badField")),
        ] {
            assert_eq!(admits(value), expected, "{value}");
        }
    }
}
