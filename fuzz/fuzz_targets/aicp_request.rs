//! Bodies and headers of the AICP manual's calls and of face-api, compared with a naive JSON reader.
#![no_main]

use std::net::SocketAddr;
use std::time::Duration;

use aicp_api::fuzzing::bearer;
use aicp_dialects::Site;
use aicp_dialects::fuzzing::aicp::{Seen, Shape, body, form, is_our_page};
use aicp_dialects::KeyRequest;
use aicp_fuzz::{headers, naive_json};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Maximum absolute value of a float without loss of digits (2^53).
const MAX_EXACT_FLOAT: f64 = 9_007_199_254_740_992.0;
/// Maximum items of a list, and fields of an object, that the server reads.
const MAX_ITEMS: usize = 1024;

fuzz_target!(|bytes: &[u8]| {
    check_body(bytes);
    let rewritten = form(bytes);
    if !matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) {
        check_body(&rewritten);
        check_form(bytes, &rewritten);
    }
    if let Ok(key) = serde_json::from_slice::<KeyRequest>(bytes) {
        let _ = key.check();
    }
    let sent = headers(bytes);
    assert!(bearer(&sent).is_none_or(|token| token.trim() == token));
    let site = Site {
        public_url: None,
        local_address: SocketAddr::from(([127, 0, 0, 1], 9012)),
        face_url_lifetime: Duration::ZERO,
    };
    if let Some(origin) = sent.get("origin").filter(|_| is_our_page(&sent, &site)) {
        // Our own page has the origin of the requested host, under a name that no other site can have.
        let origin = origin.to_str().expect("ours is plain");
        let (_, authority) = origin.split_once("://").expect("ours has a scheme");
        assert!(sent.get("host").is_some_and(|host| host == authority));
        let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
        assert!(name == "localhost" || name.contains(|c: char| c.is_ascii_digit() || c == ':'), "{origin}");
    }
});

fn check_body(bytes: &[u8]) {
    let Some(naive) = naive_json(bytes) else {
        body(bytes, &[]);
        return;
    };
    match naive.ok() {
        Some(Value::Object(fields)) if fields.len() <= MAX_ITEMS => {
            let mut names: Vec<&str> = fields.keys().map(String::as_str).collect();
            names.push("no such field");
            let expected = names.iter().map(|name| seen(fields.get(*name).unwrap_or(&Value::Null)));
            assert_eq!(body(bytes, &names), Some(Shape::Object(expected.collect())));
        }
        Some(Value::Array(items)) => assert_eq!(body(bytes, &[]), Some(Shape::List(items.len()))),
        Some(Value::Object(_)) => assert!(body(bytes, &[]).is_some()),
        _ => assert_eq!(body(bytes, &[]), None),
    }
}

fn check_form(sent: &[u8], rewritten: &[u8]) {
    let fields: serde_json::Map<String, Value> =
        form_urlencoded::parse(sent).map(|(name, value)| (name.into_owned(), value.into())).collect();
    if let Some(read) = naive_json(rewritten) {
        assert_eq!(read.ok(), Some(Value::Object(fields)));
    }
}

fn seen(value: &Value) -> Seen {
    Seen { is_there: !value.is_null(), text: text(value), texts: texts(value), integer: integer(value) }
}

fn text(value: &Value) -> Result<Option<String>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.len() <= 4096 => Ok(Some(text.clone())),
        Value::Number(number) if !number.is_f64() || number.as_f64().is_some_and(|float| float.abs() <= MAX_EXACT_FLOAT) => {
            Ok(Some(number.to_string()))
        }
        _ => Err(()),
    }
}

fn texts(value: &Value) -> Result<Vec<String>, ()> {
    let Value::Array(items) = value else { return Ok(text(value)?.into_iter().collect()) };
    if items.iter().any(|item| item.is_array() || item.is_object()) {
        return Err(());
    }
    let texts = items.iter().take(MAX_ITEMS).filter(|item| !item.is_null()).map(|item| text(item)?.ok_or(()));
    texts.collect()
}

fn integer(value: &Value) -> Result<Option<i64>, ()> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => text.trim().parse().map(Some).map_err(drop),
        Value::Number(number) if number.is_f64() => {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && float.abs() <= MAX_EXACT_FLOAT);
            float.map(|float| Some(float as i64)).ok_or(())
        }
        // An integer outside of `i64` has more digits than a float holds.
        Value::Number(number) => number.as_i64().map(Some).ok_or(()),
        _ => Err(()),
    }
}
