//! Tencent IM: a UserSig made with the key is accepted, any other text is refused.
#![no_main]

use std::io::Write;

use aicp_dialects::fuzzing::tencent_im::verify;
use aicp_fuzz::{mac, parts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hmac::Hmac;
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use sha2::Sha256;

const APP: u64 = 1_400_000_000;
const NOW_S: u64 = 1_700_000_000;
/// Key that an unauthorised client does not know.
const KEY: &[u8] = b"x6Kq0vJ2ZpB7mT4c";

fuzz_target!(|bytes: &[u8]| {
    let Some(([identifier, buffer, place], rest)) = parts(bytes) else { return };
    let check = |text: &str, identifier: &str| verify(text, APP, identifier, KEY, NOW_S);
    // The input as it is, and packed as a well-formed document.
    for text in [String::from_utf8_lossy(rest).into_owned(), pack(rest)] {
        assert!(check(&text, identifier).is_err(), "{text}");
    }
    let document = document(identifier, buffer);
    let text = pack(document.to_string().as_bytes());
    if text.len() > 2 << 10 || document.to_string().len() > 4 << 10 {
        return;
    }
    let good = check(&text, identifier);
    assert!(good.is_ok(), "{good:?} {document}");
    assert!(check(&text, &format!("{identifier}x")).is_err());
    assert!(verify(&text, APP + 1, identifier, KEY, NOW_S).is_err());
    assert!(verify(&text, APP, identifier, b"another", NOW_S).is_err());
    assert!(verify(&text, APP, identifier, KEY, NOW_S + 86_401).is_err());

    let at = place.parse().unwrap_or(place.len()) % text.len();
    let other = rest.first().copied().filter(u8::is_ascii).map_or('A', char::from);
    let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
    // A change of unused bits in the packed text gives the same document.
    assert!(check(&changed, identifier).is_err() || check(&changed, identifier) == good, "{at}: {changed}");

    let written = document.to_string();
    let at = written.char_indices().map(|(at, _)| at).nth(at % written.chars().count()).unwrap_or_default();
    let mut altered = written.into_bytes();
    altered[at] = other as u8;
    let altered_text = pack(&altered);
    // The change may be white space, in a field that is not read, or the same character.
    assert!(check(&altered_text, identifier).is_err() || check(&altered_text, identifier) == good, "{at}: {other}");
});

fn document(identifier: &str, buffer: &str) -> serde_json::Value {
    let issued_s = NOW_S - 10;
    let mut content =
        format!("TLS.identifier:{identifier}\nTLS.sdkappid:{APP}\nTLS.time:{issued_s}\nTLS.expire:86400\n");
    let mut document = json!({"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": APP,
        "TLS.expire": 86400, "TLS.time": issued_s});
    if !buffer.is_empty() {
        let buffer = BASE64.encode(buffer);
        content += &format!("TLS.userbuf:{buffer}\n");
        document["TLS.userbuf"] = json!(buffer);
    }
    document["TLS.sig"] = json!(BASE64.encode(mac::<Hmac<Sha256>>(KEY, content.as_bytes())));
    document
}

fn pack(document: &[u8]) -> String {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(document).expect("memory");
    let base64 = BASE64.encode(encoder.finish().expect("memory"));
    base64.replace('+', "*").replace('/', "-").replace('=', "_")
}
