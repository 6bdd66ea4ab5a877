//! Ranges of keys with a common prefix, for index lookups.

/// Returns the range of the lower-case hex texts with a prefix: start inclusive, end exclusive. `None` if the prefix is
/// empty or not lower-case hex.
pub(super) fn hex_range(prefix: &str) -> Option<(&str, String)> {
    let is_hex = !prefix.is_empty() && prefix.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    // `g` is greater than every hex digit.
    is_hex.then(|| (prefix, format!("{prefix}g")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_with_its_prefix() {
        let (first, end) = hex_range("0f").expect("hex");
        for (text, is_in) in [("0f", true), ("0f00", true), ("0fff", true), ("0e", false), ("10", false), ("0", false)]
        {
            assert_eq!((first..&*end).contains(&text), is_in, "{text}");
        }
        for none in ["", "0F", "g", " 0", "0f%"] {
            assert_eq!(hex_range(none), None, "{none}");
        }
    }
}
