//! Verification of `JDCLOUD2-HMAC-SHA256` signatures and of the successor `JDCLOUD3-HMAC-SHA256`, as pure functions:
//! clock and secret are parameters.
//!
//! Clients sign different sets of headers, so verification covers exactly the headers that the client lists. Clients
//! also differ in how they canonicalise the query and white space in headers: the documented form is tried first, then
//! those of shipped clients. Every form covers method, path, query, body and date.

use std::borrow::Cow;
use std::time::Duration;

use aicp_types::UnixMillis;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, header};
use hmac::{Hmac, KeyInit, Mac};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use percent_encoding::percent_decode;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use aicp_requests::percent::encoded;

/// Maximum number of signed headers. A request with more is refused before any hashing, as its sender is not
/// authenticated yet.
const MAX_SIGNED_HEADERS: usize = 64;
/// Maximum size in bytes of all signed headers with their names, for the same reason.
const MAX_SIGNED_BYTES: usize = 32 << 10;
const DATE: &str = "x-jdcloud-date";
const NONCE: &str = "x-jdcloud-nonce";
const BODY_HASH: &str = "x-jdcloud-content-sha256";
/// Format of a date.
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";
const DATE_LENGTH: usize = 16;
const DAY_LENGTH: usize = 8;

/// Why a request is refused, in the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureError {
    NoAuthorization,
    NoCredential,
    NoSignedHeaders,
    NoDate,
    UnknownKey,
    Invalid,
    Mismatch,
}

impl SignatureError {
    /// Returns the vendor's message.
    pub fn text(self) -> &'static str {
        match self {
            Self::NoAuthorization => "lack of header authorization",
            Self::NoCredential => "lack of credential in the header authorization",
            Self::NoSignedHeaders => "lack of header signedHeaders",
            Self::NoDate => "lack of header x-jdcloud-date",
            Self::UnknownKey => "Invalid accessKey",
            Self::Invalid => "Invalid authentication credentials",
            Self::Mismatch => "sign result is not same",
        }
    }
}

/// Parts of a request that a signature covers, except the body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signed<'a> {
    /// Method as sent.
    pub method: &'a Method,
    /// Path as sent, undecoded.
    pub path: &'a str,
    /// Query as sent, undecoded.
    pub query: &'a str,
    /// Headers as sent.
    pub headers: &'a HeaderMap,
}

impl<'a> Signed<'a> {
    /// Borrows the parts of a request.
    pub fn of(parts: &'a Parts) -> Self {
        Self {
            method: &parts.method,
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or_default(),
            headers: &parts.headers,
        }
    }

    /// Returns a header's value, trimmed; several values are joined with commas. Empty if the header is missing.
    fn value(&self, name: &str) -> Cow<'a, [u8]> {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return Cow::Borrowed(b"") };
        let mut values = self.headers.get_all(&name).iter().map(|value| value.as_bytes().trim_ascii());
        match (values.next(), values.next()) {
            (Some(only), None) => Cow::Borrowed(only),
            (Some(first), Some(second)) => {
                let all: Vec<&[u8]> = [first, second].into_iter().chain(values).collect();
                Cow::Owned(all.join(&b','))
            }
            _ => Cow::Borrowed(b""),
        }
    }
}

/// Generation of the scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scheme {
    name: &'static str,
    /// Prefix of the secret in the first key.
    key_prefix: &'static str,
    /// Last part of a scope.
    terminator: &'static str,
}

const SCHEMES: [Scheme; 2] = [
    Scheme { name: "JDCLOUD2-HMAC-SHA256", key_prefix: "JDCLOUD2", terminator: "jdcloud2_request" },
    Scheme { name: "JDCLOUD3-HMAC-SHA256", key_prefix: "JDCLOUD3", terminator: "jdcloud3_request" },
];

/// Parsed `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
struct Authorization<'a> {
    scheme: Scheme,
    access_key: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: Option<&'a str>,
}

/// Unverified signature and the key that it claims, checkable in part before the body is read.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    authorization: Authorization<'a>,
    date: &'a str,
}

impl<'a> Claim<'a> {
    /// Parses a claim from the headers.
    ///
    /// # Errors
    /// [`SignatureError`], up to [`SignatureError::NoDate`].
    pub fn read(headers: &'a HeaderMap) -> Result<Self, SignatureError> {
        let header = headers.get(header::AUTHORIZATION).ok_or(SignatureError::NoAuthorization)?;
        let text = std::str::from_utf8(header.as_bytes()).map_err(|_| SignatureError::NoCredential)?;
        let authorization = Authorization::parse(text.trim())?;
        let date = headers.get(DATE).ok_or(SignatureError::NoDate)?;
        let date = std::str::from_utf8(date.as_bytes()).map(str::trim).unwrap_or_default();
        Ok(Self { authorization, date })
    }

    /// Returns the id of the claimed access key.
    pub fn access_key(&self) -> &'a str {
        self.authorization.access_key
    }

    /// Rejects a claim that fails whatever the body is: without a signature, or outside the time window. Times are in
    /// milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`SignatureError::Invalid`].
    pub fn require_timely(&self, now: UnixMillis, skew: Duration) -> Result<(), SignatureError> {
        let moment = moment(self.date).ok_or(SignatureError::Invalid)?;
        let is_of_the_day = self.date.get(..DAY_LENGTH) == Some(self.authorization.day);
        let is_near = now.distance(moment) <= skew;
        let has_signature = self.authorization.signature.is_some();
        if is_of_the_day && is_near && has_signature { Ok(()) } else { Err(SignatureError::Invalid) }
    }

    /// Verifies the signature. `body_hash` is the SHA-256 of the body.
    ///
    /// # Errors
    /// [`SignatureError::Mismatch`].
    pub fn verify(
        &self,
        signed: &Signed<'_>,
        body_hash: &[u8; 32],
        secret: &str,
    ) -> Result<ValidSignature, SignatureError> {
        let claimed = self.authorization.signature.unwrap_or_default();
        let mut signature = [0; 32];
        hex::decode_to_slice(claimed, &mut signature).map_err(|_| SignatureError::Mismatch)?;
        let headers = SignedHeaders::of(signed, self.authorization.signed_headers).ok_or(SignatureError::Mismatch)?;
        let body_hash = hex::encode(body_hash);
        if headers.has(BODY_HASH) && !signed.value(BODY_HASH).eq_ignore_ascii_case(body_hash.as_bytes()) {
            return Err(SignatureError::Mismatch);
        }
        let key = self.authorization.key(secret).ok_or(SignatureError::Mismatch)?;
        let path = canonical_path(signed.path);
        let matches = |query: &str, headers: &[u8]| {
            let request = [
                signed.method.as_str().as_bytes(),
                path.as_bytes(),
                query.as_bytes(),
                headers,
                self.authorization.signed_headers.as_bytes(),
                body_hash.as_bytes(),
            ];
            let text = self.authorization.text_to_sign(self.date, &Sha256::digest(request.join(&b'\n')));
            mac(&key, text.as_bytes()).is_some_and(|mac| bool::from(mac.ct_eq(&signature)))
        };
        let mut lines = vec![headers.lines(Spaces::Kept), headers.lines(Spaces::Collapsed)];
        let mut queries = vec![canonical_query(signed.query), sorted_query(signed.query)];
        // For most requests both forms are equal.
        lines.dedup();
        queries.dedup();
        if queries.iter().any(|query| lines.iter().any(|lines| matches(query, lines))) {
            Ok(ValidSignature { signature: hex::encode(signature), binds_nonce: headers.has(NONCE) })
        } else {
            Err(SignatureError::Mismatch)
        }
    }
}

/// Valid signature.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ValidSignature {
    /// Signature as 64 lower-case hex digits.
    pub signature: String,
    /// Whether a nonce is signed, so that the signature should be unique.
    pub binds_nonce: bool,
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str) -> Result<Self, SignatureError> {
        let (scheme, fields) = SCHEMES
            .into_iter()
            .find_map(|scheme| Some((scheme, text.strip_prefix(scheme.name)?)))
            .ok_or(SignatureError::NoCredential)?;
        let field = |wanted: &str| {
            let mut fields = fields.split(',').filter_map(|field| field.trim().split_once('='));
            fields.find(|(name, _)| *name == wanted).map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        // Splits from the right, as the format of key ids is unknown.
        let mut parts = field("Credential").ok_or(SignatureError::NoCredential)?.rsplitn(5, '/');
        let (Some(terminator), Some(service), Some(region), Some(day), Some(access_key)) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(SignatureError::NoCredential);
        };
        if terminator != scheme.terminator || access_key.is_empty() {
            return Err(SignatureError::NoCredential);
        }
        let signed_headers = field("SignedHeaders").ok_or(SignatureError::NoSignedHeaders)?;
        Ok(Self { scheme, access_key, day, region, service, signed_headers, signature: field("Signature") })
    }

    /// Derives the signing key.
    fn key(&self, secret: &str) -> Option<[u8; 32]> {
        let of_day = mac(format!("{}{secret}", self.scheme.key_prefix).as_bytes(), self.day.as_bytes())?;
        let of_region = mac(&of_day, self.region.as_bytes())?;
        let of_service = mac(&of_region, self.service.as_bytes())?;
        mac(&of_service, self.scheme.terminator.as_bytes())
    }

    fn text_to_sign(&self, date: &str, request_hash: &[u8]) -> String {
        let Self { scheme, day, region, service, .. } = self;
        let (name, terminator, hash) = (scheme.name, scheme.terminator, hex::encode(request_hash));
        format!("{name}\n{date}\n{day}/{region}/{service}/{terminator}\n{hash}")
    }
}

/// Treatment of white space runs inside a header value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    Kept,
    /// Replaced by one space.
    Collapsed,
}

/// Signed headers in the client's order: lower-case names with their values.
struct SignedHeaders<'a>(Vec<(String, Cow<'a, [u8]>)>);

impl<'a> SignedHeaders<'a> {
    /// Collects the listed headers; `None` if they exceed a limit or contain a duplicate.
    fn of(signed: &Signed<'a>, list: &str) -> Option<Self> {
        if list.split(';').count() > MAX_SIGNED_HEADERS {
            return None;
        }
        let mut headers: Vec<(String, Cow<'a, [u8]>)> = Vec::new();
        let mut length = 0;
        for name in list.split(';') {
            let name = name.trim().to_ascii_lowercase();
            let value = signed.value(&name);
            length += name.len() + value.len();
            if length > MAX_SIGNED_BYTES || headers.iter().any(|(known, _)| *known == name) {
                return None;
            }
            headers.push((name, value));
        }
        Some(Self(headers))
    }

    /// Whether a header (name in lower case) is signed.
    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// Formats one line per header.
    fn lines(&self, spaces: Spaces) -> Vec<u8> {
        let mut lines = Vec::new();
        for (name, value) in &self.0 {
            lines.extend_from_slice(name.as_bytes());
            lines.push(b':');
            match spaces {
                Spaces::Kept => lines.extend_from_slice(value),
                Spaces::Collapsed => {
                    let words: Vec<&[u8]> =
                        value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
                    lines.extend(words.join(&b' '));
                }
            }
            lines.push(b'\n');
        }
        lines
    }
}

/// Percent-encodes every segment of the path.
fn canonical_path(path: &str) -> String {
    let segments: Vec<String> =
        path.split('/').map(|segment| encoded(&decoded(segment.as_bytes())).to_string()).collect();
    segments.join("/")
}

/// Normalises the percent-encoding of the parameters, then sorts them by name and value.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = pairs(query)
        .map(|(name, value)| {
            let usual = |text: &str| encoded(&decoded(text.replace('+', " ").as_bytes())).to_string();
            (usual(name), usual(value))
        })
        .collect();
    pairs.sort();
    joined(&pairs)
}

/// Sorts the parameters as sent.
fn sorted_query(query: &str) -> String {
    let mut pairs: Vec<(&str, &str)> = pairs(query).collect();
    pairs.sort_unstable();
    joined(&pairs)
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

fn joined<T: AsRef<str>>(pairs: &[(T, T)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", name.as_ref(), value.as_ref())).collect();
    pairs.join("&")
}

/// Decodes percent-escapes. A `%` without two hex digits stays.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    percent_decode(text).into()
}

/// Parses a date such as `20190214T104514Z` to milliseconds since the Unix epoch.
fn moment(text: &str) -> Option<UnixMillis> {
    // The parser also accepts signs and missing digits.
    let is_shaped = text.len() == DATE_LENGTH
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 => byte == b'T',
            15 => byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    let moment = if is_shaped { DateTime::strptime(DATE_FORMAT, text).ok()? } else { return None };
    Some(moment.to_zoned(TimeZone::UTC).ok()?.timestamp().into())
}

/// Computes HMAC-SHA256. A key of any length is valid.
fn mac(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    Some(mac.chain_update(message).finalize().into_bytes().into())
}

#[cfg(test)]
mod tests;
