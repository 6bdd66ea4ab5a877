//! UserSig: a small signed document, packed into a text, that proves that an app authorised its caller.
//!
//! Generators serialize and compress the document as they like, so two valid texts for one user may differ.
//! Verification therefore unpacks the text, rebuilds the signed content and checks its MAC.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Decompress, FlushDecompress, Status};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

/// Maximum size of a text in bytes.
const MAX_TEXT: usize = 2 << 10;
/// Maximum size of an unpacked document in bytes.
const MAX_DOCUMENT: usize = 4 << 10;
/// Maximum seconds that the signer's clock may be ahead.
const MAX_AHEAD_S: u64 = 300;

/// State of the key that a text must be signed with.
#[derive(Clone, Copy)]
pub(super) enum Key<'a> {
    /// The key is valid: the bytes to sign with.
    Good(&'a [u8]),
    /// The key was revoked.
    Revoked,
    /// The app of the key no longer exists.
    WithoutApp,
}

/// Reason why a text is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UserSigError {
    /// The text is empty.
    #[error("UserSig is empty")]
    Empty,
    /// The text can't be unpacked, is not a complete document of version 2.0, or was signed in the future.
    #[error("UserSig can't be decoded")]
    Undecodable,
    /// The text is for another app.
    #[error("UserSig is for another SDKAppID")]
    OtherApp,
    /// The text is for another user.
    #[error("UserSig is for another identifier")]
    OtherUser,
    /// The app's key was revoked.
    #[error("the key of this SDKAppID was revoked")]
    KeyRevoked,
    /// The app no longer exists.
    #[error("there is no app of this SDKAppID any more")]
    AppGone,
    /// The text was signed with another key, or was changed after signing.
    #[error("UserSig is not signed with the key of this SDKAppID")]
    WrongSignature,
    /// The text has expired.
    #[error("UserSig is expired")]
    Expired,
}

/// Validity period of a text, in Unix seconds; both ends are included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Validity {
    from_s: u64,
    until_s: u64,
}

impl Validity {
    /// Returns whether a time is within the period.
    pub fn holds_at(self, now_s: u64) -> bool {
        (self.from_s..=self.until_s).contains(&now_s)
    }
}

/// Verifies a text for this user of this app at this time, in Unix seconds. Returns its validity period.
///
/// # Errors
/// [`UserSigError`]: if several apply, the first in the order of its variants. One exception: a text with a valid
/// signature from the future results in [`UserSigError::Undecodable`].
pub(super) fn verify(
    text: &str,
    sdk_app_id: u64,
    identifier: &str,
    key: Key<'_>,
    now_s: u64,
) -> Result<Validity, UserSigError> {
    if text.is_empty() {
        return Err(UserSigError::Empty);
    }
    let document = unpack(text).as_deref().and_then(Document::parse).ok_or(UserSigError::Undecodable)?;
    if document.sdk_app_id != sdk_app_id {
        return Err(UserSigError::OtherApp);
    }
    if document.identifier != identifier {
        return Err(UserSigError::OtherUser);
    }
    let key = match key {
        Key::Good(key) => key,
        Key::Revoked => return Err(UserSigError::KeyRevoked),
        Key::WithoutApp => return Err(UserSigError::AppGone),
    };
    let mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| UserSigError::WrongSignature)?;
    let mac = mac.chain_update(document.signed_content());
    // `verify_slice` compares in constant time.
    mac.verify_slice(&document.signature).map_err(|_| UserSigError::WrongSignature)?;
    let validity = Validity {
        from_s: document.issued_s.saturating_sub(MAX_AHEAD_S),
        until_s: document.issued_s.saturating_add(document.life_s),
    };
    if now_s < validity.from_s {
        return Err(UserSigError::Undecodable);
    }
    if validity.until_s < now_s {
        return Err(UserSigError::Expired);
    }
    Ok(validity)
}

/// Unpacks the document of a text; `None` if it is malformed or too large.
fn unpack(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let base64 = text.bytes().map(|byte| match byte {
        b'*' => b'+',
        b'-' => b'/',
        b'_' => b'=',
        // The alphabet lacks these three, so they must not pass for the characters that replace them.
        b'+' | b'/' | b'=' => b' ',
        other => other,
    });
    let packed = STANDARD.decode(base64.collect::<Vec<u8>>()).ok()?;
    let mut document = Vec::with_capacity(MAX_DOCUMENT);
    let mut inflater = Decompress::new(true);
    let status = inflater.decompress_vec(&packed, &mut document, FlushDecompress::Finish).ok()?;
    let is_whole = status == Status::StreamEnd && inflater.total_in() == packed.len() as u64;
    is_whole.then_some(document)
}

/// Contents of a text, not yet verified.
struct Document {
    identifier: String,
    sdk_app_id: u64,
    issued_s: u64,
    life_s: u64,
    signature: Vec<u8>,
    /// In base64, as in the signed content.
    user_buffer: Option<String>,
}

impl Document {
    fn parse(json: &[u8]) -> Option<Self> {
        let fields: Map<String, Value> = serde_json::from_slice(json).ok()?;
        let text = |name: &str| fields.get(name)?.as_str();
        if text("TLS.ver")? != "2.0" {
            return None;
        }
        let user_buffer = match fields.get("TLS.userbuf") {
            None | Some(Value::Null) => None,
            // Text that is not base64 could contain line ends, and with them forge further signed lines.
            Some(buffer) => Some(buffer.as_str().filter(|base64| STANDARD.decode(base64).is_ok())?.to_owned()),
        };
        Some(Self {
            identifier: text("TLS.identifier")?.to_owned(),
            sdk_app_id: whole(fields.get("TLS.sdkappid")?)?,
            issued_s: whole(fields.get("TLS.time")?)?,
            life_s: whole(fields.get("TLS.expire")?)?,
            signature: STANDARD.decode(text("TLS.sig")?).ok()?,
            user_buffer,
        })
    }

    fn signed_content(&self) -> String {
        let Self { identifier, sdk_app_id, issued_s, life_s, .. } = self;
        let mut content = format!(
            "TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{issued_s}\nTLS.expire:{life_s}\n"
        );
        if let Some(buffer) = &self.user_buffer {
            content += &format!("TLS.userbuf:{buffer}\n");
        }
        content
    }
}

/// Parses an integer, or a string of its digits.
fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(digits) => number(digits),
        _ => None,
    }
}

/// Parses a number that consists of digits alone.
pub(super) fn number(digits: &str) -> Option<u64> {
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::{Key, STANDARD, UserSigError, Validity, unpack};
    use std::io::Write;

    use base64::Engine;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use sha2::Sha256;

    const K1: &[u8] = b"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    const K2: &[u8] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const APP: u64 = 1_400_000_000;
    /// Time at which the first, third and fourth of the texts below are valid.
    const NOW: u64 = 1_700_000_000;

    const V1: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-Myi0uKEkvyi2BKilOyEwsKMlOACgxNDKAAKpdaUZBZlAqUMTY0NTZDlinJzAWJG5qj6SjOTAfZlGKSZ5KV6ZuYpu0bpp9TFBaZ6*Xp5R*WZmRRbFzq5R-qXRimHZFWYZlskWyrVAsAIhQ2JA__";
    const V1_COMPACT: &str = "eJxVyk0OwiAUBOC7vG1N7Q9qJfEAok0XKtElKdA8FURA08R4d5Pahc5uvpkX7Le79Kk8UCjSDCZDR6lsRI0DC2nQYohexJsfD0FehHMogeYkG-NdIhoFNF-8q*odegW0zGfl-McDdkBBEkvOWAud1Hx69fxk2Jo1XBdVKB*sOWzuPDnqftlW7QreH49BNMQ_";
    const V2: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkElNyM-NgUsUp2YkFBZkpQAkLKIDKpFYUZBalgsTNTAwMoIIlmbkgIUMzAyiAGZOZDjI6UNvIP8rEzy05sCw4KiI8MaTEJ8nZv8I8O9TP2N3EP1Xbxyg7rNKtwtI72VapFgCzSDEu";
    const V3: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkSotTi*JjSk3TjAxiSk1SDSxhyopTshMLCjJTgIoMTQygACqXWlGQWZQKlDEzMLGAi5Zk5oLEDM3RVBdnpoNs8i8oDnKJtPB1NIks9XAKSzYo8K5K8Y00sjQNCk7TjsxzNC5xTcvydg10NLBVqgUAwNo1DA__";
    const V4: &str = "eJyrVgrxCdYrSy1SslJQMtIzUNJRAItkpqTmlWSmZUIkKjIT87NK82CSxSnZiQUFmSlAKUMTAyiAyqVWFGQWpYJkTE1NjRDiJZm5YFFzNPWlxalFSaVpIFsiw72y4FZkpoOEPNIy3TwDSz1883wCKiySsxLTtD30vY08nS2jiiOzclKy-N3dLHwyMpO9k22VagHqHToS";

    /// Verifies a text.
    fn verify(text: &str, app: u64, identifier: &str, key: Key<'_>, now_s: u64) -> Result<(), UserSigError> {
        let verified = super::verify(text, app, identifier, key, now_s);
        assert!(verified.is_err() || verified.is_ok_and(|validity| validity.holds_at(now_s)));
        verified.map(|_| ())
    }

    /// Packs a document as generators do.
    fn pack(document: &[u8]) -> String {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(document).expect("memory");
        let base64 = STANDARD.encode(encoder.finish().expect("memory"));
        base64.replace('+', "*").replace('/', "-").replace('=', "_")
    }

    fn sign(key: &[u8], content: &str) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
        STANDARD.encode(mac.chain_update(content).finalize().into_bytes())
    }

    /// Builds a signed document, not yet packed.
    fn document(identifier: &str, time: u64, expire: u64, buffer: Option<&str>) -> Value {
        let mut content =
            format!("TLS.identifier:{identifier}\nTLS.sdkappid:{APP}\nTLS.time:{time}\nTLS.expire:{expire}\n");
        let mut document = json!({"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": APP,
            "TLS.expire": expire, "TLS.time": time});
        if let Some(buffer) = buffer {
            content += &format!("TLS.userbuf:{buffer}\n");
            document["TLS.userbuf"] = json!(buffer);
        }
        document["TLS.sig"] = json!(sign(K1, &content));
        document
    }

    fn check(text: &str, now_s: u64) -> Result<(), UserSigError> {
        verify(text, APP, "admin", Key::Good(K1), now_s)
    }

    fn check_document(document: &Value) -> Result<(), UserSigError> {
        check(&pack(document.to_string().as_bytes()), NOW)
    }

    #[test]
    fn texts_of_other_generators_are_good() {
        for (text, identifier) in
            [(V1, "administrator"), (V1_COMPACT, "administrator"), (V3, "user_张三"), (V4, "xiaojun")]
        {
            assert_eq!(verify(text, APP, identifier, Key::Good(K1), NOW), Ok(()), "{identifier}");
            let wrong = verify(text, APP, identifier, Key::Good(K2), NOW);
            assert_eq!(wrong, Err(UserSigError::WrongSignature), "{identifier}");
        }
        assert_eq!(verify(V2, 88_888_888, "admin", Key::Good(K2), 1_600_000_000), Ok(()));
    }

    #[test]
    fn every_reason_has_its_place() {
        use UserSigError::*;
        for (text, app, identifier, key, now_s, error) in [
            ("", APP, "administrator", Key::Good(K1), NOW, Empty),
            ("", 1, "x", Key::Revoked, 0, Empty),
            ("xxx", 1, "x", Key::Revoked, 0, Undecodable),
            (V1, 88_888_888, "admin", Key::Revoked, NOW, OtherApp),
            (V1, APP, "admin", Key::Revoked, NOW, OtherUser),
            (V1, APP, "Administrator", Key::Good(K1), NOW, OtherUser),
            (V1, APP, "administrator", Key::Revoked, NOW, KeyRevoked),
            (V1, APP, "administrator", Key::WithoutApp, NOW, AppGone),
            (V1, APP, "administrator", Key::Good(K2), u64::MAX, WrongSignature),
            (V1, APP, "administrator", Key::Good(b""), NOW, WrongSignature),
            (V1, APP, "administrator", Key::Good(K2), 0, WrongSignature),
            (V1, APP, "administrator", Key::Good(K1), 0, Undecodable),
            (V1, APP, "administrator", Key::Good(K1), u64::MAX, Expired),
            (V2, 88_888_888, "admin", Key::Good(K2), 1_600_086_401, Expired),
            (V3, APP, "user_张三", Key::Good(K1), NOW + 604_801, Expired),
        ] {
            assert_eq!(verify(text, app, identifier, key, now_s), Err(error), "{text} {identifier} {now_s}");
        }
    }

    #[test]
    fn a_text_counts_to_its_last_second_and_from_a_little_before_its_first() {
        for (now_s, outcome) in [
            (NOW - 301, Err(UserSigError::Undecodable)),
            (NOW - 300, Ok(())),
            (NOW, Ok(())),
            (NOW + 604_800, Ok(())),
            (NOW + 604_801, Err(UserSigError::Expired)),
        ] {
            assert_eq!(verify(V3, APP, "user_张三", Key::Good(K1), now_s), outcome, "{now_s}");
        }
        let validity = super::verify(V3, APP, "user_张三", Key::Good(K1), NOW);
        assert_eq!(validity, Ok(Validity { from_s: NOW - 300, until_s: NOW + 604_800 }));
        let endless = pack(document("admin", NOW, u64::MAX, None).to_string().as_bytes());
        assert_eq!(check(&endless, u64::MAX), Ok(()), "the sum does not overflow");
    }

    #[test]
    fn a_cut_text_is_undecodable() {
        for cut in 1..=40 {
            let text = &V1[..V1.len() - cut];
            let outcome = verify(text, APP, "administrator", Key::Good(K1), NOW);
            assert_eq!(outcome, Err(UserSigError::Undecodable), "{cut}");
        }
    }

    #[test]
    fn what_is_packed_otherwise_is_undecodable() {
        let good = document("admin", NOW, 1, None).to_string();
        let text = pack(good.as_bytes());
        assert_eq!(check(&text, NOW), Ok(()));
        let packed = STANDARD.decode(text.replace('*', "+").replace('-', "/").replace('_', "=")).expect("base64");
        let repack = |bytes: &[u8]| STANDARD.encode(bytes).replace('+', "*").replace('/', "-").replace('=', "_");
        assert_eq!(check(&repack(&packed), NOW), Ok(()));
        let bomb = document("admin", NOW, 1, None).to_string() + &" ".repeat(1 << 20);
        // Base64 texts with `+` and `/`, which the alphabet of UserSig replaces.
        let standard = (0..).map(|life| document("admin", NOW, life, None).to_string()).find_map(|document| {
            let standard = pack(document.as_bytes()).replace('*', "+").replace('-', "/");
            (standard.contains('+') && standard.contains('/')).then_some(standard)
        });
        for (what, text) in [
            ("bytes after the end", repack(&[&packed[..], b"x"].concat())),
            ("a checksum that is wrong", repack(&[&packed[..packed.len() - 1], b"\0"].concat())),
            ("no zlib", repack(good.as_bytes())),
            ("an endless document", pack(bomb.as_bytes())),
            ("an endless text", "A".repeat(4 << 10)),
            ("no padding", text.trim_end_matches('_').to_owned() + if text.ends_with('_') { "" } else { "_" }),
            ("white space", format!("{text} ")),
            ("letters beyond ASCII", format!("{text}张")),
            ("standard base64", standard.expect("one of many")),
            ("no JSON", pack(b"TLS.ver")),
            ("no object", pack(b"[]")),
            ("no UTF-8", pack(b"{\"TLS.ver\":\"\xff\"}")),
        ] {
            assert_eq!(check(&text, NOW), Err(UserSigError::Undecodable), "{what}");
        }
    }

    #[test]
    fn fields_are_there_and_of_their_type() {
        let good = document("admin", NOW, 1, Some("YWJj"));
        assert_eq!(check_document(&good), Ok(()));
        for field in ["TLS.ver", "TLS.identifier", "TLS.sdkappid", "TLS.expire", "TLS.time", "TLS.sig"] {
            let mut without = good.clone();
            without.as_object_mut().expect("an object").remove(field);
            assert_eq!(check_document(&without), Err(UserSigError::Undecodable), "{field}");
            for wrong in [json!(null), json!([1]), json!({}), json!(true), json!(-1), json!(1.5), json!("*")] {
                let mut mistyped = good.clone();
                mistyped[field] = wrong.clone();
                let expected = match (field, &wrong) {
                    ("TLS.identifier", Value::String(_)) => UserSigError::OtherUser,
                    _ => UserSigError::Undecodable,
                };
                assert_eq!(check_document(&mistyped), Err(expected), "{field}: {wrong}");
            }
        }
        for (field, value) in [("TLS.ver", json!("1.0")), ("TLS.userbuf", json!(1)), ("TLS.userbuf", json!("YWJ"))] {
            let mut mistyped = good.clone();
            mistyped[field] = value;
            assert_eq!(check_document(&mistyped), Err(UserSigError::Undecodable), "{field}");
        }
        let mut in_digits = good.clone();
        in_digits["TLS.sdkappid"] = json!(APP.to_string());
        in_digits["TLS.time"] = json!(NOW.to_string());
        in_digits["TLS.expire"] = json!("1");
        assert_eq!(check_document(&in_digits), Ok(()), "digits stand for a number");
        in_digits["TLS.time"] = json!(format!("+{NOW}"));
        assert_eq!(check_document(&in_digits), Err(UserSigError::Undecodable));
    }

    #[test]
    fn the_buffer_is_signed_too() {
        let mut changed = document("admin", NOW, 1, Some("YWJj"));
        changed["TLS.userbuf"] = json!("YWJk");
        assert_eq!(check_document(&changed), Err(UserSigError::WrongSignature));
        changed.as_object_mut().expect("an object").remove("TLS.userbuf");
        assert_eq!(check_document(&changed), Err(UserSigError::WrongSignature));
        let mut added = document("admin", NOW, 1, None);
        added["TLS.userbuf"] = json!("");
        assert_eq!(check_document(&added), Err(UserSigError::WrongSignature));
    }

    #[test]
    fn a_name_with_line_ends_signs_for_nobody_else() {
        // The app signed a user of this name, which looks like the end of another user's document.
        let name = format!("admin\nTLS.sdkappid:{APP}\nTLS.time:{NOW}\nTLS.expire:1\nTLS.userbuf:YWJj");
        let theirs = document(&name, NOW, 1, None);
        let buffer = format!("YWJj\nTLS.sdkappid:{APP}\nTLS.time:{NOW}\nTLS.expire:1");
        let mut forged = document("admin", NOW, 1, Some(&buffer));
        assert_eq!(forged["TLS.sig"], theirs["TLS.sig"], "the same lines are signed");
        assert_eq!(check_document(&forged), Err(UserSigError::Undecodable));
        forged["TLS.userbuf"] = json!("YWJj");
        assert_eq!(check_document(&forged), Err(UserSigError::WrongSignature));
    }

    proptest! {
        #[test]
        fn whoever_signs_is_let_in_and_nobody_else(
            identifier in "[ -~]{1,32}|\\PC{1,10}",
            key in proptest::collection::vec(any::<u8>(), 1..100),
            other in proptest::collection::vec(any::<u8>(), 1..100),
            app: u64, time in 0..u64::MAX / 2, life in 0..u64::MAX / 2, wait: u64,
            buffer in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..60)),
        ) {
            let buffer = buffer.map(|bytes| STANDARD.encode(bytes));
            let lines = [
                Some(format!("TLS.identifier:{identifier}")), Some(format!("TLS.sdkappid:{app}")),
                Some(format!("TLS.time:{time}")), Some(format!("TLS.expire:{life}")),
                buffer.as_ref().map(|buffer| format!("TLS.userbuf:{buffer}")),
            ];
            let content: String = lines.into_iter().flatten().flat_map(|line| [line, "\n".to_owned()]).collect();
            let mut document = json!({"TLS.sig": sign(&key, &content), "TLS.ver": "2.0", "TLS.time": time,
                "TLS.identifier": identifier, "TLS.sdkappid": app, "TLS.expire": life});
            if let Some(buffer) = buffer {
                document["TLS.userbuf"] = json!(buffer);
            }
            let text = pack(document.to_string().as_bytes());
            let now_s = time + wait % (life + 1);
            prop_assert_eq!(verify(&text, app, &identifier, Key::Good(&key), now_s), Ok(()));
            let late = verify(&text, app, &identifier, Key::Good(&key), time + life + 1);
            prop_assert_eq!(late, Err(UserSigError::Expired));
            // HMAC pads the key to a block with zeros.
            let bare = |key: &[u8]| { let end = key.iter().rposition(|b| *b != 0).map_or(0, |p| p + 1); key[..end].to_vec() };
            if bare(&key) != bare(&other) {
                let forged = verify(&text, app, &identifier, Key::Good(&other), now_s);
                prop_assert_eq!(forged, Err(UserSigError::WrongSignature));
            }
        }

        #[test]
        fn a_changed_character_lets_nobody_in(place in 0..V1.len(), to in "[A-Za-z0-9*_-]") {
            let changed = format!("{}{to}{}", &V1[..place], &V1[place + 1..]);
            // Some bits of the compressed data have no effect.
            let is_same = unpack(&changed).is_some() && unpack(&changed) == unpack(V1);
            prop_assert_eq!(verify(&changed, APP, "administrator", Key::Good(K1), NOW).is_ok(), is_same);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,80}|[A-Za-z0-9*_-]{0,200}", now_s: u64) {
            prop_assert!(check(&text, now_s).is_err());
        }

        #[test]
        fn no_document_makes_it_panic(json in "\\PC{0,80}|\\{(\"TLS\\.[a-z]{3,10}\":[\"0-9.e-]{1,5},?){0,6}\\}") {
            prop_assert!(check(&pack(json.as_bytes()), NOW).is_err());
        }
    }
}
