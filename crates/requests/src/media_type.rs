//! Declared media types of request bodies.

use axum::http::{HeaderMap, header};

/// Whether the body is declared as a form, in any charset.
pub fn is_form(headers: &HeaderMap) -> bool {
    is(headers, "application/x-www-form-urlencoded")
}

/// Whether the body is declared as JSON, in any charset, or not at all.
pub fn is_json_or_none(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::CONTENT_TYPE) || is(headers, "") || is(headers, "application/json")
}

fn is(headers: &HeaderMap, wanted: &str) -> bool {
    let declared = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    declared.is_some_and(|text| text.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted))
}
