//! Lenient base64: standard or URL-safe alphabet, percent-escapes, `+` that a form decoded as a space, `data:`
//! prefixes, line breaks.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use crate::percent;

/// Accepts missing padding and non-zero trailing bits, because encoders differ in both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);
/// Maximum length in bytes of the prefix: `data:`, a media type, its parameters, `;base64,`.
const MAX_PREFIX: usize = 256;

/// Returns the text in the standard alphabet, without white space, prefix and surplus padding.
pub fn cleaned(text: &str) -> Cow<'_, str> {
    let data = without_prefix(text);
    let is_clean = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let (body, padding) = data.split_at(data.trim_end_matches('=').len());
    if body.bytes().all(is_clean) {
        let is_padded_rightly = padding.len() <= 2 && data.len().is_multiple_of(4);
        return Cow::Borrowed(if is_padded_rightly { data } else { body });
    }
    let unescaped = if data.contains('%') { percent::decode(data) } else { Cow::Borrowed(data) };
    let trimmed = unescaped.trim_matches(|c: char| c.is_ascii_whitespace());
    let are_pluses = spaces_are_pluses(trimmed);
    let characters = trimmed.chars().filter_map(|c| match c {
        ' ' if are_pluses => Some('+'),
        '-' => Some('+'),
        '_' => Some('/'),
        c if c.is_ascii_whitespace() => None,
        c => Some(c),
    });
    let cleaned: String = characters.collect();
    Cow::Owned(cleaned.trim_end_matches('=').to_owned())
}

/// Decodes a text that [`cleaned`] returned; `None` if it is not base64.
pub fn decode(cleaned: &str) -> Option<Bytes> {
    BASE64.decode(cleaned).ok().map(Bytes::from)
}

/// Strips `data:<media type>;base64,` or `base64,`, in any case.
fn without_prefix(text: &str) -> &str {
    const MARK: &str = "base64,";
    let text = text.trim_start();
    let head = text.as_bytes().get(..MAX_PREFIX).unwrap_or(text.as_bytes());
    let has_name = |name: &str| text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    if !has_name("data:") && !has_name(MARK) {
        return text;
    }
    let place = head.windows(MARK.len()).position(|window| window.eq_ignore_ascii_case(MARK.as_bytes()));
    place.map_or(text, |at| &text[at + MARK.len()..])
}

/// Whether the spaces of a text stand for pluses rather than line breaks: only with them the length is valid, or they
/// are not evenly spaced.
fn spaces_are_pluses(text: &str) -> bool {
    let spaces = text.bytes().filter(|byte| *byte == b' ').count();
    if spaces == 0 || text.bytes().any(|byte| byte.is_ascii_whitespace() && byte != b' ') {
        return false;
    }
    let body = text.trim_end_matches('=');
    let is_padded = body.len() < text.len();
    let (without, with) = (text.len() - spaces, text.len());
    match (without % 4 == 0, with % 4 == 0) {
        (true, false) => false,
        (false, true) => true,
        // Without padding, the length is invalid only if it is 1 modulo 4.
        (false, false) if !is_padded && without % 4 == 1 => true,
        _ => !is_wrapped(text),
    }
}

/// Whether the parts between spaces have equal lengths; the last may be shorter.
fn is_wrapped(text: &str) -> bool {
    let lengths: Vec<usize> = text.split(' ').map(str::len).collect();
    let Some((last, lines)) = lengths.split_last() else { return true };
    lines.iter().all(|length| *length == lines[0]) && *last <= lines[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD as PLAIN, URL_SAFE, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    fn read(text: &str) -> Option<Bytes> {
        decode(&cleaned(text))
    }

    #[test]
    fn prefixes_in_any_case_and_surplus_padding_are_passed_over() {
        for text in [
            "aGVsbG8=",
            "aGVsbG8",
            "aGVsbG8===",
            " aGVs\nbG8= ",
            "data:image/png;base64,aGVsbG8=",
            "DATA:image/PNG;BASE64,aGVsbG8=",
            "Data:;base64,aGVsbG8",
            "base64,aGVsbG8=",
            "aGVsbG8%3D",
        ] {
            assert_eq!(read(text).as_deref(), Some(&b"hello"[..]), "{text}");
        }
        for text in ["***", "data:image/png", "data:image/png;base32,aGVsbG8=", "aGVsbG8=aGVsbG8=", "a%zz"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn any_surplus_of_padding_is_passed_over() {
        for (body, bytes) in [("aGVsbG8", &b"hello"[..]), ("aGVsbG8h", b"hello!"), ("aGVsbA", b"hell")] {
            for padding in 0..9 {
                let text = format!("{body}{}", "=".repeat(padding));
                assert_eq!(read(&text).as_deref(), Some(bytes), "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back_however_they_are_sent(bytes in proptest::collection::vec(any::<u8>(), 1..400)) {
            let plain = PLAIN.encode(&bytes);
            let sent = [
                plain.clone(),
                URL_SAFE.encode(&bytes),
                URL_SAFE_NO_PAD.encode(&bytes),
                plain.replace('+', "%2B").replace('/', "%2f").replace('=', "%3D"),
                plain.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line)).collect::<Vec<_>>().join("\r\n"),
                format!("DATA:image/jpeg;Base64,{plain}"),
            ];
            for text in sent {
                prop_assert_eq!(read(&text), Some(Bytes::from(bytes.clone())), "{}", text);
            }
        }

        #[test]
        fn pluses_that_a_form_made_spaces_are_pluses_again(mut bytes in proptest::collection::vec(any::<u8>(), 60..400)) {
            // Pluses at uneven distances, as real pictures have them.
            bytes[3..12].fill(0xfb);
            bytes[20] = 0xfb;
            bytes[21] = 0xef;
            bytes[22] = 0xbe;
            let plain = PLAIN.encode(&bytes);
            prop_assume!(!is_wrapped(&plain.replace('+', " ")) && !plain.starts_with('+') && !plain.ends_with('+'));
            prop_assert_eq!(read(&plain.replace('+', " ")), Some(Bytes::from(bytes)));
        }
    }
}
