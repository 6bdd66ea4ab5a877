//! LinkVisual: parameters, and signatures of both versions.
#![no_main]

use std::collections::BTreeMap;

use aicp_dialects::fuzzing::linkvisual::{Request, params, verify};
use aicp_fuzz::{escaped, headers, mac, parts};
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::Hmac;
use libfuzzer_sys::fuzz_target;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Secret that an unauthorised client does not know.
const SECRET: &str = "x6Kq0vJ2ZpB7mT4c";
/// 2026-11-21 23:17:06.
const NOW_S: i64 = 1_795_303_026;
const DATE: &str = "2026-11-21T23:17:06Z";
const MISMATCH: &str = "SignatureDoesNotMatch";

fuzz_target!(|bytes: &[u8]| {
    let Some(([query, authorization, form], rest)) = parts(bytes) else { return };
    let _ = params(query, Some(form.as_bytes()));
    let mut sent = headers(rest);
    if let Ok(value) = HeaderValue::from_str(authorization) {
        sent.insert("authorization", value);
    }
    let forged = Request {
        method: "POST",
        query: query.to_owned(),
        headers: sent,
        form: Some(form.as_bytes().to_vec()),
        body: rest.to_vec(),
    };
    assert!(verify(&forged, SECRET, NOW_S).is_err());
    check_v1(query, form, rest);
    check_v3(query, form, rest);
});

/// A signature made as documented is accepted, and refused after any change of the signed parts.
fn check_v1(name: &str, value: &str, form: &[u8]) {
    let mut all = BTreeMap::from([
        ("Action".to_owned(), "AddFaceUser".to_owned()),
        ("Version".to_owned(), "2018-01-20".to_owned()),
        ("AccessKeyId".to_owned(), "testid".to_owned()),
        ("SignatureMethod".to_owned(), "HMAC-SHA1".to_owned()),
        ("SignatureVersion".to_owned(), "1.0".to_owned()),
        ("SignatureNonce".to_owned(), "89b18a857959a455".to_owned()),
        ("Timestamp".to_owned(), DATE.to_owned()),
    ]);
    // With a prefix the name differs from those above.
    all.insert(format!("x{name}"), value.to_owned());
    let canonical = joined(&all);
    let in_body = ("y".to_owned(), String::from_utf8_lossy(form).into_owned());
    let mut signed = all.clone();
    signed.insert(in_body.0.clone(), in_body.1.clone());
    let text = format!("POST&%2F&{}", escaped(joined(&signed).as_bytes()));
    let signature = mac::<Hmac<Sha1>>(format!("{SECRET}&").as_bytes(), text.as_bytes());
    let request = |signature: &[u8]| Request {
        method: "POST",
        query: format!("{canonical}&Signature={}", escaped(BASE64.encode(signature).as_bytes())),
        headers: HeaderMap::new(),
        form: Some(format!("{}={}", in_body.0, escaped(in_body.1.as_bytes())).into_bytes()),
        body: Vec::new(),
    };
    let good = request(&signature);
    assert_eq!(verify(&good, SECRET, NOW_S), Ok(()), "{good:?}");
    assert!(verify(&good, "another", NOW_S).is_err());
    assert!(verify(&good, SECRET, NOW_S + 31 * 60 + 1).is_err());
    let mut other = signature.clone();
    let at = value.len() % other.len();
    other[at] ^= 1;
    let longer = [good.form.as_deref().unwrap_or_default(), b"x"].concat();
    for changed in [
        Request { method: "GET", ..good.clone() },
        Request { query: format!("{}&z=", good.query), ..good.clone() },
        Request { form: Some(longer), ..good.clone() },
        Request { form: None, ..good.clone() },
        request(&other),
    ] {
        assert_eq!(verify(&changed, SECRET, NOW_S), Err(MISMATCH.to_owned()), "{changed:?}");
    }
}

fn check_v3(name: &str, value: &str, body: &[u8]) {
    let query = format!("{}={}", escaped(name.as_bytes()), escaped(value.as_bytes()));
    let hash = hex::encode(Sha256::digest(body));
    let nonce = "f49aeb215841115e";
    let named = [
        ("host", "127.0.0.1"),
        ("x-acs-action", "AddFaceUser"),
        ("x-acs-content-sha256", &hash),
        ("x-acs-date", DATE),
        ("x-acs-signature-nonce", nonce),
        ("x-acs-version", "2018-01-20"),
    ];
    let lines: String = named.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let names = named.map(|(name, _)| name).join(";");
    let canonical = format!("POST\n/\n{query}\n{lines}\n{names}\n{hash}");
    let text = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical)));
    let signature = hex::encode(mac::<Hmac<Sha256>>(SECRET.as_bytes(), text.as_bytes()));
    let request = |signature: &str| {
        let authorization = format!("ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={names},Signature={signature}");
        let sent = headers(format!("{lines}authorization:{authorization}").as_bytes());
        Request { method: "POST", query: query.clone(), headers: sent, form: None, body: body.to_vec() }
    };
    let good = request(&signature);
    assert_eq!(verify(&good, SECRET, NOW_S), Ok(()), "{good:?}");
    assert!(verify(&good, "another", NOW_S).is_err());
    assert!(verify(&good, SECRET, NOW_S + 15 * 60 + 1).is_err());
    let at = value.len() % signature.len();
    let digit = if &signature[at..=at] == "0" { "1" } else { "0" };
    let other = format!("{}{digit}{}", &signature[..at], &signature[at + 1..]);
    for changed in [
        Request { method: "GET", ..good.clone() },
        Request { query: format!("{query}x"), ..good.clone() },
        Request { body: [body, b"x"].concat(), ..good.clone() },
        request(&other),
    ] {
        assert_eq!(verify(&changed, SECRET, NOW_S), Err(MISMATCH.to_owned()), "{changed:?}");
    }
}

/// Parameters, percent-encoded and sorted by name.
fn joined(params: &BTreeMap<String, String>) -> String {
    let pairs =
        params.iter().map(|(name, value)| format!("{}={}", escaped(name.as_bytes()), escaped(value.as_bytes())));
    pairs.collect::<Vec<_>>().join("&")
}
