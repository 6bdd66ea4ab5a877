//! Base64 and percent-encoding in the forms that clients send.
#![no_main]

use std::collections::BTreeSet;

use aicp_dialects::fuzzing::{aicp, jdcloud, linkvisual};
use aicp_fuzz::{escaped, headers};
use aicp_requests::{base64_text, percent};
use axum::http::Uri;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use libfuzzer_sys::fuzz_target;

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

fuzz_target!(|bytes: &[u8]| {
    check_bytes(bytes);
    if let Ok(text) = str::from_utf8(bytes) {
        check_base64(text);
        check_percent(text);
        check_address(text);
    }
});

/// Encoded bytes decode to the same bytes.
fn check_bytes(bytes: &[u8]) {
    let written = percent::encoded(bytes).to_string();
    assert_eq!(written, escaped(bytes));
    assert_eq!(percent::decode(&written), String::from_utf8_lossy(bytes));
    let plain = LENIENT.encode(bytes);
    let forms = [
        plain.replace('+', "-").replace('/', "_"),
        plain.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
        format!("data:image/jpeg;base64,{plain}"),
        plain,
    ];
    for form in forms {
        assert_eq!(base64_text::decode(&base64_text::cleaned(&form)).as_deref(), Some(bytes), "{form}");
    }
}

fn check_base64(text: &str) {
    let cleaned = base64_text::cleaned(text);
    let ours = base64_text::decode(&cleaned).map(Vec::from);
    if let Some(bytes) = &ours {
        let again = LENIENT.encode(bytes);
        let (again, kept) = (again.trim_end_matches('='), cleaned.trim_end_matches('='));
        // The last character may have unused bits.
        assert_eq!(again.len(), kept.len());
        assert_eq!(again.get(..again.len().saturating_sub(1)), kept.get(..kept.len().saturating_sub(1)));
    }
    // Text that is valid base64 except for line ends is decoded strictly.
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=\r\n\t".contains(&byte)) {
        let text: String = text.split_ascii_whitespace().collect();
        assert_eq!(ours, LENIENT.decode(text.trim_end_matches('=')).ok());
    }
}

fn check_percent(text: &str) {
    let decoded = naive(text.as_bytes());
    assert_eq!(percent::decode(text), String::from_utf8_lossy(&decoded));
    let path = aicp::path(text);
    assert_eq!(path.is_some(), str::from_utf8(&decoded).is_ok());
    if let Some(path) = &path {
        assert!(decoded.starts_with(path.as_bytes()));
        let moment = aicp::moment(path);
        assert!(moment.is_none() || path.starts_with("/group1/default/"));
    }
}

/// Percent-decodes a text; `%` without two hex digits stands for itself.
fn naive(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%').and_then(|digits| str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let escape = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(escape.unwrap_or(byte));
        at += if escape.is_some() { 3 } else { 1 };
    }
    bytes
}

/// Queries parse as with the standard form decoder, if that loses nothing.
fn check_address(query: &str) {
    let usual: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if usual.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}')) {
        return;
    }
    let names: BTreeSet<&str> = usual.iter().map(|(name, _)| name.as_str()).collect();
    let theirs = linkvisual::params(query, None);
    if names.len() == usual.len() && usual.len() < 1000 {
        let mut sorted = usual.clone();
        sorted.sort();
        assert_eq!(theirs, Some(sorted));
    } else {
        assert_eq!(theirs, None);
    }
    let first = |wanted: &str| usual.iter().find(|(name, value)| name == wanted && !value.is_empty());
    let asked: Vec<&str> = names.into_iter().take(8).collect();
    for (name, seen) in asked.iter().zip(jdcloud::params(query, b"", &asked).expect("no body is no broken one")) {
        let value = first(name).map(|(_, value)| value.clone());
        assert!(seen.is_there);
        assert_eq!(seen.text, if value.as_ref().is_some_and(|value| value.len() > 4096) { Err(()) } else { Ok(value) });
    }
    if let Ok(uri) = query.parse::<Uri>() {
        for name in ["", "sig", "access_token", "faceId"] {
            let (text, token) = aicp::parameter(&uri, name);
            assert_eq!(text.is_some(), token.is_some());
        }
    }
    let cookies = [b"cookie:", query.as_bytes()].concat();
    assert!(aicp::cookie(&headers(&cookies)).is_none_or(|token| query.contains(&token)));
}
