//! JD Cloud: parameters in query and body, and both kinds of signatures.
#![no_main]

use aicp_dialects::fuzzing::jdcloud::{Request, Seen, is_signed_by_md5, params, verify};
use aicp_fuzz::{escaped, headers, mac, parts};
use axum::http::{HeaderMap, HeaderValue, Method};
use hmac::Hmac;
use libfuzzer_sys::fuzz_target;
use md5::Md5;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Secret that an unauthorised client does not know.
const SECRET: &str = "x6Kq0vJ2ZpB7mT4c";
/// 2019-02-14 10:45:14.
const NOW_MS: i64 = 1_550_141_114_000;
const DATE: &str = "20190214T104514Z";
const SCOPE: &str = "20190214/cn-north-1/neuhub/jdcloud2_request";

fuzz_target!(|bytes: &[u8]| {
    let Some(([path, query, authorization], rest)) = parts(bytes) else { return };
    check_params(query, rest);
    let mut sent = headers(rest);
    sent.insert("x-jdcloud-date", HeaderValue::from_static(DATE));
    if let Ok(value) = HeaderValue::from_str(authorization) {
        sent.insert("authorization", value);
    }
    let body_hash = Sha256::digest(rest).into();
    let forged =
        Request { method: Method::POST, path: path.to_owned(), query: query.to_owned(), headers: sent, body_hash };
    assert!(verify(&forged, SECRET, NOW_MS).is_err());
    assert!(!is_signed_by_md5(query, SECRET));
    check_signature(path, query, rest);
    check_md5(query);
});

/// A signature made as documented is accepted, and refused after any change of the signed parts.
fn check_signature(path: &str, value: &str, body: &[u8]) {
    let (path, query) = (format!("/jdai/{}", escaped(path.as_bytes())), format!("a={}&b=", escaped(value.as_bytes())));
    let nonce = escaped(value.as_bytes());
    let Ok(nonce_value) = HeaderValue::from_str(&nonce) else { return };
    let body_hash: [u8; 32] = Sha256::digest(body).into();
    let signed_headers = "x-jdcloud-date;x-jdcloud-nonce";
    let canonical = format!(
        "POST\n{path}\n{query}\nx-jdcloud-date:{DATE}\nx-jdcloud-nonce:{nonce}\n\n{signed_headers}\n{}",
        hex::encode(body_hash)
    );
    let text = format!("JDCLOUD2-HMAC-SHA256\n{DATE}\n{SCOPE}\n{}", hex::encode(Sha256::digest(canonical)));
    let mut key = format!("JDCLOUD2{SECRET}").into_bytes();
    for part in SCOPE.split('/') {
        key = mac::<Hmac<Sha256>>(&key, part.as_bytes());
    }
    let signature = hex::encode(mac::<Hmac<Sha256>>(&key, text.as_bytes()));
    let authorized = |signature: &str, scope: &str| {
        let credential = format!("Credential=AK/{scope}, SignedHeaders={signed_headers}, Signature={signature}");
        let mut headers = HeaderMap::new();
        headers.insert("x-jdcloud-date", HeaderValue::from_static(DATE));
        headers.insert("x-jdcloud-nonce", nonce_value.clone());
        let value = HeaderValue::try_from(format!("JDCLOUD2-HMAC-SHA256 {credential}")).expect("a header");
        headers.insert("authorization", value);
        Request { method: Method::POST, path: path.clone(), query: query.clone(), headers, body_hash }
    };
    let good = authorized(&signature, SCOPE);
    assert_eq!(verify(&good, SECRET, NOW_MS), Ok(()));
    assert!(verify(&good, "another", NOW_MS).is_err());
    assert!(verify(&good, SECRET, NOW_MS + 300_001).is_err());
    let mut other_nonce = good.headers.clone();
    other_nonce.insert("x-jdcloud-nonce", HeaderValue::try_from(format!("{nonce}x")).expect("a header"));
    for changed in [
        Request { method: Method::PUT, ..good.clone() },
        Request { path: format!("{path}x"), ..good.clone() },
        Request { query: format!("{query}x"), ..good.clone() },
        Request { query: query.replace('a', "c"), ..good.clone() },
        Request { body_hash: Sha256::digest(body_hash).into(), ..good.clone() },
        Request { headers: other_nonce, ..good.clone() },
        authorized(&signature, &SCOPE.replace("cn-north-1", "cn-north-2")),
    ] {
        assert_eq!(verify(&changed, SECRET, NOW_MS), Err("sign result is not same"), "{changed:?}");
    }
    // Every digit of the signature counts.
    let at = value.len() % signature.len();
    let digit = if &signature[at..=at] == "0" { "1" } else { "0" };
    let other = format!("{}{digit}{}", &signature[..at], &signature[at + 1..]);
    assert_eq!(verify(&authorized(&other, SCOPE), SECRET, NOW_MS), Err("sign result is not same"));
}

fn check_md5(query: &str) {
    let sign = hex::encode(Md5::new().chain_update(SECRET).chain_update("1541491668060").finalize());
    let signed = format!("appkey=K&timestamp=1541491668060&sign={sign}&{}", escaped(query.as_bytes()));
    assert!(is_signed_by_md5(&signed, SECRET));
    assert!(!is_signed_by_md5(&signed.replace("60&", "61&"), SECRET));
}

/// For each parameter, the first non-empty value of the query counts, then that of the JSON object.
fn check_params(query: &str, body: &[u8]) {
    let names = ["image", "imageBase64", "groupId", "outerId", "start", "enable"];
    let seen = params(query, body, &names);
    let in_query: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let is_lossless = !in_query.iter().any(|(name, value)| name.contains('\u{fffd}') || value.contains('\u{fffd}'));
    let Ok(Value::Object(in_body)) = serde_json::from_slice(body) else { return };
    if !is_lossless || in_body.len() > 64 || is_repeated(body, &names) {
        return;
    }
    let seen = seen.expect("an object can be read");
    for (name, Seen { is_there, text, boolean, .. }) in names.into_iter().zip(seen) {
        let first = in_query.iter().find(|(known, value)| known == name && !value.is_empty());
        let value = match first {
            Some((_, value)) => Value::from(value.as_str()),
            None => in_body.get(name).filter(|value| **value != "").cloned().unwrap_or_default(),
        };
        assert_eq!(is_there, in_query.iter().any(|(known, _)| known == name) || in_body.contains_key(name), "{name}");
        let expected = match &value {
            Value::Null => Ok(None),
            Value::String(text) if text.len() <= 4096 => Ok(Some(text.clone())),
            Value::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
            _ => Err(()),
        };
        assert_eq!(text, expected, "{name}");
        let expected = match &value {
            Value::Null => Ok(None),
            Value::Bool(boolean) => Ok(Some(*boolean)),
            Value::String(text) => text.to_ascii_lowercase().parse().map(Some).map_err(drop),
            _ => Err(()),
        };
        assert_eq!(boolean, expected, "{name}");
    }
}

/// Whether a name may occur twice, in which case the naive reader takes the last value. An escape may hide a name.
fn is_repeated(body: &[u8], names: &[&str]) -> bool {
    let body = String::from_utf8_lossy(body);
    body.contains('\\') || names.iter().any(|name| body.matches(&format!("\"{name}\"")).count() > 1)
}
