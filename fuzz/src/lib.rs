//! Helpers shared by the fuzz targets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::abort;
use std::sync::{Mutex, PoisonError};

use aicp_vision::{Dimensions, Picture};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use hmac::{KeyInit, Mac};
use serde_json::Value;

/// Maximum pixels of a decoded picture, so that a run stays fast.
const MAX_PIXELS: u64 = 1 << 18;

/// Message of the latest panic.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Allows code under test to panic as long as it catches the panic itself: libFuzzer's own hook aborts at once. Use it
/// with [`checked`].
pub fn tolerate_caught_panics() {
    std::panic::set_hook(Box::new(|panic| {
        *LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner) = panic.to_string();
    }));
}

/// Runs a check and, as libFuzzer expects of a crash, aborts if a panic escapes it.
pub fn checked(check: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(check)).is_err() {
        eprintln!("{}", LAST_PANIC.lock().unwrap_or_else(PoisonError::into_inner));
        abort();
    }
}

/// Decodes a picture twice and compares the results with each other and with the dimensions in the header.
///
/// # Panics
/// If they differ.
pub fn decode(bytes: &[u8]) -> Option<Picture> {
    let head = Dimensions::of(bytes);
    if head.as_ref().is_ok_and(|head| u64::from(head.width) * u64::from(head.height) > MAX_PIXELS) {
        return None;
    }
    let picture = match Picture::decode(bytes) {
        Ok(picture) => picture,
        Err(e) => {
            assert!(e.is_bad_picture(), "{e:?}");
            return None;
        }
    };
    let head = head.expect("what has pixels has a head");
    let (stored, shown) = ((head.width, head.height), (picture.width(), picture.height()));
    assert!(shown == stored || shown == (stored.1, stored.0), "{stored:?} became {shown:?}");
    assert!(shown.0 > 0 && shown.1 > 0, "no pixels");
    // A decoder that reads uninitialised memory would give different pixels the second time.
    assert!(Picture::decode(bytes).expect("it did before") == picture, "two runs differ");
    Some(picture)
}

/// Splits the input into N texts, separated by line ends, and the remaining bytes. Missing texts are empty.
pub fn parts<const N: usize>(bytes: &[u8]) -> Option<([&str; N], &[u8])> {
    let mut rest = bytes;
    let mut texts = [""; N];
    for text in &mut texts {
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        *text = str::from_utf8(&rest[..end]).ok()?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    Some((texts, rest))
}

/// Reads JSON with `serde_json` as the reference; `None` if the input contains a name with a special meaning for
/// `Value`, so that no comparison is possible.
pub fn naive_json(bytes: &[u8]) -> Option<serde_json::Result<Value>> {
    const MARK: &[u8] = b"serde_json::private";
    let is_marked = bytes.windows(MARK.len()).any(|window| window == MARK);
    (!is_marked).then(|| serde_json::from_slice(bytes))
}

/// Parses one header per line: name, colon, value. Invalid headers are skipped.
pub fn headers(lines: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line.get(colon + 1..).unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers
}

/// Percent-encodes every byte except letters, digits, `-`, `_`, `.` and `~`.
pub fn escaped(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, &byte| match char::from(byte) {
        kept if kept.is_ascii_alphanumeric() || "-_.~".contains(kept) => text + &kept.to_string(),
        _ => text + &format!("%{byte:02X}"),
    })
}

/// Computes the MAC of a message.
pub fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mac = <M as KeyInit>::new_from_slice(key).expect("any key will do");
    mac.chain_update(message).finalize().into_bytes().to_vec()
}
