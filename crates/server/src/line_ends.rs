//! Ends of lines in the heads of requests.
//!
//! A line of a head ends with CR LF. A lone LF may be taken for one, too (RFC 9112, section 2.2), and the parser here does; a
//! proxy in front may not. What two programs read differently can smuggle a request past the first, so it is refused.

/// In the place of a lone LF: no parser takes it in a head.
const REFUSED: u8 = 0;
/// Bytes of a head; the parser's own limit is that of its buffer, which a read may pass.
pub(crate) const MAX_HEAD: usize = 64 << 10;
/// As much of a line is kept as the names that are looked for need, and a length behind them.
const KEPT: usize = 64;

/// Follows the requests of a connection, to tell heads from bodies.
#[derive(Debug, Default)]
pub(crate) struct LineEnds {
    part: Part,
    /// The beginning of the line.
    line: Vec<u8>,
    /// Bytes of the head so far.
    length: usize,
    /// Whether the byte before was CR.
    is_after_cr: bool,
    /// What comes after the head, as far as it has told.
    next: Part,
}

/// The part of a request that is being read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// A body of so many bytes more.
    Body(u64),
    /// A body whose length is not known before it is read.
    Chunks,
}

impl LineEnds {
    /// Looks at bytes that came in, and spoils a lone LF in a head.
    pub fn check(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            match self.part {
                Part::Head => {
                    let length = self.check_head(bytes);
                    bytes = &mut bytes[length..];
                }
                Part::Body(left) => {
                    let passed = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - passed as u64;
                    self.part = if left == 0 { Part::Head } else { Part::Body(left) };
                    bytes = &mut bytes[passed..];
                }
                Part::Chunks => return,
            }
        }
    }

    /// Says that the request before was answered, so that a head comes next.
    pub fn expect_head(&mut self) {
        if self.part == Part::Chunks {
            self.part = Part::Head;
        }
    }

    /// Whether a head has begun and not ended.
    pub fn is_in_head(&self) -> bool {
        self.length > 0
    }

    /// Bytes up to the end of the head, or all.
    fn check_head(&mut self, bytes: &mut [u8]) -> usize {
        for (at, byte) in bytes.iter_mut().enumerate() {
            self.length += 1;
            let is_after_cr = std::mem::replace(&mut self.is_after_cr, *byte == b'\r');
            if *byte != b'\n' {
                if self.line.len() < KEPT {
                    self.line.push(*byte);
                }
            } else if !is_after_cr {
                *byte = REFUSED;
            } else if self.end_line() {
                self.length = 0;
                return at + 1;
            }
            if self.length > MAX_HEAD {
                *byte = REFUSED;
            }
        }
        bytes.len()
    }

    /// Whether the head ends with this line.
    fn end_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        if line.is_empty() {
            self.part = std::mem::take(&mut self.next);
            return true;
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { return false };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.next = Part::Chunks;
        } else if name.eq_ignore_ascii_case(b"content-length") && self.next == Part::Head {
            // A length that is none is refused with its request.
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            self.next =
                length.map_or(Part::Chunks, |length: u64| if length == 0 { Part::Head } else { Part::Body(length) });
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(pieces: &[&[u8]]) -> Vec<u8> {
        let mut ends = LineEnds::default();
        let mut out = Vec::new();
        for piece in pieces {
            let mut piece = piece.to_vec();
            ends.check(&mut piece);
            out.extend(piece);
        }
        out
    }

    #[test]
    fn a_lone_lf_is_spoilt_in_heads_alone() {
        let head = b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length : x\r\nContent-Length: 4\r\n\r\n";
        let spoilt = b"GET / HTTP/1.1\0Host: a\r\n";
        let sent = [&head[..], b"\n\n\n\n", b"GET / HTTP/1.1\nHost: a\r\n"].concat();
        let wanted = [&head[..], b"\n\n\n\n", spoilt].concat();
        assert_eq!(checked(&[&sent]), wanted, "in one piece");
        let bytes: Vec<_> = sent.chunks(1).collect();
        assert_eq!(checked(&bytes), wanted, "byte by byte");
    }

    #[test]
    fn the_chunks_of_a_body_pass_until_the_next_head() {
        let mut ends = LineEnds::default();
        let mut pass = |text: &[u8]| {
            let mut bytes = text.to_vec();
            ends.check(&mut bytes);
            let is_same = bytes == text;
            (is_same, bytes)
        };
        assert!(pass(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n").0);
        assert!(pass(b"\n").0);
        ends.expect_head();
        let mut next = *b"GET / HTTP/1.1\n\n";
        ends.check(&mut next);
        assert_eq!(&next, b"GET / HTTP/1.1\0\0");
    }
}
