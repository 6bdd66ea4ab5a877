//! Rejects lone line feeds in request heads.
//!
//! A header line ends with CR LF. The HTTP parser also accepts a lone LF (RFC 9112, section 2.2), but a proxy in front
//! may not. Such a difference allows request smuggling, so a lone LF is replaced by a byte that the parser rejects.

/// Replacement of a lone LF. No parser accepts it in a head.
const REFUSED: u8 = 0;
/// Maximum size of a head in bytes. The parser only limits its buffer, which one read may exceed.
pub(crate) const MAX_HEAD: usize = 64 << 10;
/// Stored bytes of a header line: enough for the names that matter and a length.
const MAX_LINE_PREFIX: usize = 64;

/// Tracks the requests of a connection, to distinguish heads from bodies.
#[derive(Debug, Default)]
pub(crate) struct BareLfFilter {
    part: Part,
    /// Start of the current line.
    line: Vec<u8>,
    /// Bytes of the current head so far; 0 outside a head.
    length: usize,
    /// Whether the previous byte was CR.
    is_after_cr: bool,
    /// Part that follows the head, as far as its lines have said.
    next: Part,
}

/// Part of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Head,
    /// Body of known length; the value is the number of remaining bytes.
    Body(u64),
    /// Body of unknown length.
    Chunks,
}

impl BareLfFilter {
    /// Follows received bytes; replaces lone LFs in heads.
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

    /// Signals that the previous request was answered, so that a head comes next.
    pub fn expect_head(&mut self) {
        if self.part == Part::Chunks {
            self.part = Part::Head;
        }
    }

    /// Returns whether a head has started and not ended.
    pub fn is_in_head(&self) -> bool {
        self.length > 0
    }

    /// Checks bytes of a head. Returns the number of bytes up to its end, or all of them.
    fn check_head(&mut self, bytes: &mut [u8]) -> usize {
        for (at, byte) in bytes.iter_mut().enumerate() {
            self.length += 1;
            let is_after_cr = std::mem::replace(&mut self.is_after_cr, *byte == b'\r');
            if *byte != b'\n' {
                if self.line.len() < MAX_LINE_PREFIX {
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

    /// Processes the end of a line; returns whether the head ends with it.
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
            // The server rejects a request whose length is not a number.
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
        let mut ends = BareLfFilter::default();
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
        let mut ends = BareLfFilter::default();
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
