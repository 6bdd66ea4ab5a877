//! Request signatures: version 1 among the parameters, version 3 in the headers.
//!
//! Pure functions: callers pass the time and the secret.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::failure::Failure;
use super::params::Params;
use aicp_requests::percent::encoded;

/// Allowed clock difference of version 1 requests, in either direction.
const WINDOW_V1: SignedDuration = SignedDuration::from_mins(31);
/// Allowed clock difference of version 3 requests, in either direction.
const WINDOW_V3: SignedDuration = SignedDuration::from_mins(15);
/// Maximum bytes of a nonce, since each one is remembered.
const MAX_NONCE: usize = 128;
/// Maximum bytes of the string to sign that an error message repeats.
const MAX_ECHO_BYTES: usize = 16 << 10;
/// Algorithm name of version 3, the first word of `Authorization`.
const ACS3: &str = "ACS3-HMAC-SHA256";
/// Headers that a version 3 signature must cover.
const REQUIRED_SIGNED_HEADERS: [&str; 6] =
    ["host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce", "x-acs-content-sha256"];

/// The parts of a request that a signature can cover.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub method: &'a str,
    pub headers: &'a HeaderMap,
    pub params: &'a Params,
    pub body: &'a [u8],
}

/// Public parameters of a request: the action, and the claimed signer and signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim<'a> {
    pub action: &'a str,
    pub version: &'a str,
    pub key_id: &'a str,
    pub nonce: &'a str,
    time: &'a str,
    signature: Signature<'a>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Signature<'a> {
    V1 { method: &'a str, version: &'a str, base64: &'a str },
    V3 { signed_headers: &'a str, hex: &'a str },
}

/// Returns whether the headers carry a version 3 signature, even a malformed one.
pub(super) fn is_v3(headers: &HeaderMap) -> bool {
    headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"ACS3-"))
}

impl<'a> Claim<'a> {
    /// Parses the public parameters.
    ///
    /// # Errors
    /// `Missing…` for the first absent parameter, in the order of the interface's table; `IncompleteSignature`.
    pub fn read(headers: &'a HeaderMap, params: &'a Params) -> Result<Self, Failure> {
        if is_v3(headers) {
            return Self::read_v3(headers);
        }
        let (action, version) = (params.required("Action")?, params.required("Version")?);
        let (key_id, base64) = (params.required("AccessKeyId")?, params.required("Signature")?);
        let (method, of_signature) = (params.required("SignatureMethod")?, params.required("SignatureVersion")?);
        let (nonce, time) = (params.required("SignatureNonce")?, params.required("Timestamp")?);
        let signature = Signature::V1 { method, version: of_signature, base64 };
        Ok(Self { action, version, key_id, nonce, time, signature })
    }

    fn read_v3(headers: &'a HeaderMap) -> Result<Self, Failure> {
        let (key_id, signed_headers, hex) = authorization(headers).ok_or(Failure::INCOMPLETE_SIGNATURE)?;
        let header = |header: &str, name: &str| match headers.get(header) {
            Some(value) if !value.is_empty() => value.to_str().map_err(|_| Failure::invalid(name)),
            _ => Err(Failure::missing(name)),
        };
        let action = header("x-acs-action", "Action")?;
        let version = header("x-acs-version", "Version")?;
        for (value, name) in [(key_id, "AccessKeyId"), (hex, "Signature")] {
            if value.is_empty() {
                return Err(Failure::missing(name));
            }
        }
        let nonce = header("x-acs-signature-nonce", "SignatureNonce")?;
        let time = header("x-acs-date", "Timestamp")?;
        Ok(Self { action, version, key_id, nonce, time, signature: Signature::V3 { signed_headers, hex } })
    }

    /// Returns the allowed clock difference, in either direction.
    pub fn window(&self) -> SignedDuration {
        match self.signature {
            Signature::V1 { .. } => WINDOW_V1,
            Signature::V3 { .. } => WINDOW_V3,
        }
    }

    /// Checks that the time of the request is within the window.
    ///
    /// # Errors
    /// `InvalidTimeStamp.Format`, `InvalidTimeStamp.Expired`.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Failure> {
        let time = parsed(self.time).ok_or(Failure::TIME_FORMAT)?;
        let off = now.duration_since(time).abs();
        if off <= self.window() { Ok(()) } else { Err(Failure::TIME_EXPIRED) }
    }

    /// Verifies the signature with a secret.
    ///
    /// # Errors
    /// `InvalidSignatureMethod`, `InvalidSignatureVersion`, `IncompleteSignature`, `SignatureDoesNotMatch`,
    /// `InvalidSignatureNonce`.
    pub fn verify(&self, parts: &Parts<'_>, secret: &str) -> Result<(), Failure> {
        match self.signature {
            Signature::V1 { method, version, base64 } => {
                if !method.eq_ignore_ascii_case("HMAC-SHA1") {
                    return Err(Failure::SIGNATURE_METHOD);
                }
                if version != "1.0" {
                    return Err(Failure::invalid("SignatureVersion"));
                }
                verify_v1(parts, base64, secret)?;
            }
            Signature::V3 { signed_headers, hex } => verify_v3(parts, signed_headers, hex, secret)?,
        }
        if self.nonce.len() > MAX_NONCE { Err(Failure::invalid("SignatureNonce")) } else { Ok(()) }
    }
}

/// Parses a time in the one form that both versions allow: `2026-11-21T23:17:06Z`.
fn parsed(text: &str) -> Option<Timestamp> {
    let shape = b"0000-00-00T00:00:00Z";
    let fits = |(&byte, &wanted): (&u8, &u8)| if wanted == b'0' { byte.is_ascii_digit() } else { byte == wanted };
    let has_shape = text.len() == shape.len() && text.as_bytes().iter().zip(shape).all(fits);
    if has_shape { text.parse().ok() } else { None }
}

/// Parses the key id, signed headers and signature of a version 3 `Authorization`.
fn authorization(headers: &HeaderMap) -> Option<(&str, &str, &str)> {
    let mut sent = headers.get_all("authorization").iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return None };
    let fields = value.to_str().ok()?.strip_prefix(ACS3)?.strip_prefix(' ')?;
    let (mut key_id, mut signed_headers, mut hex) = (None, None, None);
    for field in fields.split(',') {
        let (name, value) = field.trim().split_once('=')?;
        let slot = match name {
            "Credential" => &mut key_id,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut hex,
            _ => return None,
        };
        if slot.replace(value).is_some() {
            return None;
        }
    }
    Some((key_id?, signed_headers?, hex?))
}

fn verify_v1(parts: &Parts<'_>, base64: &str, secret: &str) -> Result<(), Failure> {
    let text = string_to_sign_v1(parts.method, parts.params);
    let key = format!("{secret}&");
    let is_ours = BASE64.decode(base64).is_ok_and(|sent| is_signed::<Hmac<Sha1>>(key.as_bytes(), &text, &sent));
    if is_ours {
        return Ok(());
    }
    // SDKs compare the text after the colon with their own string to sign.
    Err(Failure::signature_mismatch(format!(
        "Specified signature is not matched with our calculation. server string to sign is:{}",
        cut(&text)
    )))
}

/// Builds the string to sign of version 1, which covers all parameters except the signature.
fn string_to_sign_v1(method: &str, params: &Params) -> String {
    let canonical = joined(params.all().filter(|(name, _)| *name != "Signature"));
    format!("{method}&%2F&{}", encoded(&canonical))
}

/// Joins encoded names and values.
fn joined<'a>(params: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    for (name, value) in params {
        if !text.is_empty() {
            text.push('&');
        }
        text.extend(encoded(name));
        text.push('=');
        text.extend(encoded(value));
    }
    text
}

fn verify_v3(parts: &Parts<'_>, signed_headers: &str, hex: &str, secret: &str) -> Result<(), Failure> {
    let canonical = canonical_request(parts, signed_headers, |_| true).ok_or(Failure::INCOMPLETE_SIGNATURE)?;
    let text = format!("{ACS3}\n{}", hex::encode(Sha256::digest(&canonical)));
    let is_ours = hex::decode(hex).is_ok_and(|sent| is_signed::<Hmac<Sha256>>(secret.as_bytes(), &text, &sent));
    // The signature covers the body through this header.
    let says = parts.headers.get("x-acs-content-sha256").map(|value| value.as_bytes());
    let is_of_body = says == Some(hex::encode(Sha256::digest(parts.body)).as_bytes());
    if is_ours && is_of_body {
        return Ok(());
    }
    // A proxy may have added headers, whose values the client should not see.
    let shown = canonical_request(parts, signed_headers, is_client_header).unwrap_or_default();
    let shown = String::from_utf8_lossy(&shown);
    Err(Failure::signature_mismatch(format!(
        "Specified signature does not match our calculation. server StringToSign is [{text}] \
         server CanonicalRequest is [{}]",
        cut(&shown)
    )))
}

/// Returns whether a header is one that clients of this interface send themselves.
fn is_client_header(name: &str) -> bool {
    name.starts_with("x-acs-") || matches!(name, "host" | "accept" | "content-type" | "user-agent")
}

/// Truncates a text for an error message, because the recipient is not authenticated.
fn cut(text: &str) -> &str {
    text.split_at(text.floor_char_boundary(MAX_ECHO_BYTES)).0
}

/// Builds the canonical request, whose digest version 3 signs.
///
/// Returns `None` if the list of signed headers lacks a required one, or names one that the request does not have
/// exactly once. The values of headers for which `is_shown` is false are left empty.
fn canonical_request(parts: &Parts<'_>, signed_headers: &str, is_shown: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    let mut names: Vec<String> = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
    names.sort_unstable();
    names.dedup();
    if REQUIRED_SIGNED_HEADERS.iter().any(|wanted| !names.iter().any(|name| name == wanted)) {
        return None;
    }
    let query = joined(parts.params.of_query());
    let mut text = format!("{}\n/\n{query}\n", parts.method).into_bytes();
    for name in &names {
        let mut sent = parts.headers.get_all(name.as_str()).iter();
        let (Some(value), None) = (sent.next(), sent.next()) else { return None };
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        if is_shown(name) {
            text.extend_from_slice(value.as_bytes().trim_ascii());
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(names.join(";").as_bytes());
    text.push(b'\n');
    text.extend_from_slice(parts.headers.get("x-acs-content-sha256")?.as_bytes());
    Some(text)
}

/// Verifies an HMAC in constant time.
fn is_signed<M: KeyInit + Mac>(key: &[u8], text: &str, signature: &[u8]) -> bool {
    // HMAC takes keys of any length.
    <M as KeyInit>::new_from_slice(key)
        .is_ok_and(|mac| mac.chain_update(text.as_bytes()).verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests;
