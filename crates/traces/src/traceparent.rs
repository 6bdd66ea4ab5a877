//! The header `traceparent` of W3C Trace Context.

/// What a caller says of its trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Id of the trace, never 0.
    pub trace_id: u128,
    /// Id of the span that makes the call, never 0.
    pub span_id: u64,
    /// Whether the caller records the trace.
    pub is_sampled: bool,
}

impl Parent {
    /// Parses a header; `None` if it is malformed, in which case the standard wants a trace of its own.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim_matches([' ', '\t']).splitn(5, '-');
        let mut part = |digits: usize| {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            parts.next().filter(|part| part.len() == digits && part.bytes().all(is_hex))
        };
        let version = part(2).filter(|version| *version != "ff")?;
        let trace_id = u128::from_str_radix(part(32)?, 16).ok().filter(|id| *id != 0)?;
        let span_id = u64::from_str_radix(part(16)?, 16).ok().filter(|id| *id != 0)?;
        let flags = u8::from_str_radix(part(2)?, 16).ok()?;
        // Later versions may have more parts.
        if version == "00" && parts.next().is_some() {
            return None;
        }
        Some(Self { trace_id, span_id, is_sampled: flags & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_the_standard_are_read_and_others_ignored() {
        let sampled = Parent { trace_id: 1 << 124 | 7, span_id: 1 << 60 | 2, is_sampled: true };
        let (trace, span) = ("10000000000000000000000000000007", "1000000000000002");
        let header = |rest: &str| Parent::parse(&rest.replace('T', trace).replace('S', span));
        for good in ["00-T-S-01", " 00-T-S-01\t", "00-T-S-ff", "cc-T-S-01", "cc-T-S-01-what-comes"] {
            assert_eq!(header(good), Some(sampled), "{good}");
        }
        assert_eq!(header("00-T-S-00"), Some(Parent { is_sampled: false, ..sampled }));
        for bad in [
            "",
            "00",
            "00-T",
            "00-T-S",
            "00-T-S-",
            "00-T-S-1",
            "00-T-S-01-",
            "00-T-S-01-x",
            "ff-T-S-01",
            "0-T-S-01",
            "00-S-T-01",
            "00-T-S-0x",
            "00-T-S-0A",
            "00T-S-01",
            "00-+T-S-01",
            "00-T-0000000000000000-01",
            "00-00000000000000000000000000000000-S-01",
            "00-1000000000000000000000000000000G-S-01",
        ] {
            assert_eq!(header(bad), None, "{bad}");
        }
    }
}
