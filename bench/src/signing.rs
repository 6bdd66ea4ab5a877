//! Signed requests of the three clouds' clients.

use aicp_types::{Clock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::Outcome;

/// Characters to encode: all but the unreserved ones of RFC 3986.
const ENCODE_SET: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const HOST: &str = "localhost";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODE_SET).to_string()
}

fn hmac_sha256(key: &[u8], text: &str) -> Outcome<Vec<u8>> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Builds a LinkVisual call by GET with signature V1.
pub fn linkvisual(
    id: &str,
    secret: &str,
    nonce: usize,
    action: &str,
    parameters: &[(String, String)],
) -> Outcome<Vec<u8>> {
    let now = SystemClock.now().timestamp().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let nonce = format!("bench-{nonce}");
    let public = [
        ("AccessKeyId", id),
        ("Action", action),
        ("Format", "JSON"),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureNonce", &nonce),
        ("SignatureVersion", "1.0"),
        ("Timestamp", &now),
        ("Version", "2018-01-20"),
    ];
    let mut all: Vec<(&str, &str)> = public.to_vec();
    all.extend(parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.sort_unstable();
    let query = all.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    let query = query.collect::<Vec<_>>().join("&");
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(format!("{secret}&").as_bytes())?;
    mac.update(format!("GET&%2F&{}", encoded(&query)).as_bytes());
    let signature = encoded(&BASE64.encode(mac.finalize().into_bytes()));
    Ok(format!("GET /?{query}&Signature={signature} HTTP/1.1\r\nHost: {HOST}\r\n\r\n").into_bytes())
}

/// Builds a JD Cloud call with an empty body, signed with JDCLOUD2-HMAC-SHA256. The query must be canonical.
pub fn jdcloud(id: &str, secret: &str, nonce: usize, path: &str, query: &str) -> Outcome<Vec<u8>> {
    let now = SystemClock.now().timestamp().strftime("%Y%m%dT%H%M%SZ").to_string();
    let day = &now[..8];
    let headers = format!("host:{HOST}\nx-jdcloud-date:{now}\nx-jdcloud-nonce:bench-{nonce}\n");
    let signed = "host;x-jdcloud-date;x-jdcloud-nonce";
    let body = hex::encode(Sha256::digest(b""));
    let canonical = format!("POST\n{path}\n{query}\n{headers}\n{signed}\n{body}");
    let scope = format!("{day}/cn-north-1/aiapi/jdcloud2_request");
    let hash = hex::encode(Sha256::digest(canonical.as_bytes()));
    let mut key = format!("JDCLOUD2{secret}").into_bytes();
    for part in [day, "cn-north-1", "aiapi", "jdcloud2_request"] {
        key = hmac_sha256(&key, part)?;
    }
    let signature = hex::encode(hmac_sha256(&key, &format!("JDCLOUD2-HMAC-SHA256\n{now}\n{scope}\n{hash}"))?);
    let request = format!(
        "POST {path}?{query} HTTP/1.1\r\nHost: {HOST}\r\nx-jdcloud-date: {now}\r\nx-jdcloud-nonce: bench-{nonce}\r\n\
         Authorization: JDCLOUD2-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}\r\n\
         Content-Length: 0\r\n\r\n"
    );
    Ok(request.into_bytes())
}

/// Builds a UserSig of the administrator, valid for a day.
pub fn usersig(sdkappid: u64, key: &str) -> Outcome<String> {
    let (identifier, expire) = ("administrator", 86_400);
    let time = SystemClock.now().timestamp().as_second();
    let content =
        format!("TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n");
    let signature = BASE64.encode(hmac_sha256(key.as_bytes(), &content)?);
    let document = serde_json::json!({
        "TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": sdkappid,
        "TLS.expire": expire, "TLS.time": time, "TLS.sig": signature,
    });
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut zlib, document.to_string().as_bytes())?;
    let packed = zlib.finish()?;
    Ok(BASE64.encode(packed).replace('+', "*").replace('/', "-").replace('=', "_"))
}

/// Builds a Tencent IM call of the administrator.
pub fn tencent_im(sdkappid: u64, usersig: &str, command: &str, body: &str) -> Vec<u8> {
    let query = format!("sdkappid={sdkappid}&identifier=administrator&usersig={usersig}&random=7&contenttype=json");
    format!("POST /v4/{command}?{query} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
