//! Percent-encoding for signatures and links.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, percent_decode_str, percent_encode};

/// Bytes that are escaped: all but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Escapes each byte as `%` and two upper-case hex digits, except ASCII letters, digits, `-`, `_`, `.` and `~`.
pub fn encoded<T: AsRef<[u8]> + ?Sized>(text: &T) -> PercentEncode<'_> {
    percent_encode(text.as_ref(), RESERVED)
}

/// Undoes the escapes of a text; invalid UTF-8 becomes U+FFFD.
pub fn decode(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bytes_are_escaped_one_by_one(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let naive = bytes.iter().fold(String::new(), |text, &byte| match char::from(byte) {
                kept if kept.is_ascii_alphanumeric() || "-_.~".contains(kept) => text + &kept.to_string(),
                _ => text + &format!("%{byte:02X}"),
            });
            prop_assert_eq!(encoded(&bytes).to_string(), naive);
        }
    }
}
