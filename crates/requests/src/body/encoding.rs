//! Decoding of request bodies: gzip and deflate (RFC 9110 section 8.4.1), GBK and GB 18030, byte order mark.

use std::borrow::Cow;
use std::io::Write;

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::BodyError;

/// Compressed bytes to decompress at a time. Each piece grows at most a thousandfold before the result is charged to
/// the budget.
const PIECE: usize = 1 << 10;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Encoding of a body according to its headers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Encoding {
    pub packing: ContentCoding,
    charset: Option<&'static encoding_rs::Encoding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum ContentCoding {
    #[default]
    None,
    Gzip,
    Deflate,
}

impl Encoding {
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let packing = match text(header::CONTENT_ENCODING).trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => ContentCoding::Gzip,
            "deflate" => ContentCoding::Deflate,
            _ => ContentCoding::None,
        };
        let parameters = text(header::CONTENT_TYPE).split(';').skip(1).filter_map(|part| part.split_once('='));
        let charset = parameters
            .filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))
            .find_map(|(_, label)| encoding_rs::Encoding::for_label(label.trim().trim_matches('"').as_bytes()))
            .filter(|charset| [encoding_rs::GBK, encoding_rs::GB18030].contains(charset));
        Self { packing, charset }
    }

    pub fn unpacker(self) -> Decompressor {
        match self.packing {
            ContentCoding::None => Decompressor::None,
            ContentCoding::Gzip => Decompressor::Gzip(MultiGzDecoder::new(Vec::new())),
            ContentCoding::Deflate => Decompressor::DeflateOrZlib,
        }
    }

    /// Returns the body as UTF-8 without a byte order mark; `None` if it is invalid in the declared charset.
    pub fn plain(self, bytes: Bytes) -> Option<Bytes> {
        let bytes = match self.charset {
            None => bytes,
            Some(charset) => {
                let text = charset.decode_without_bom_handling_and_without_replacement(&bytes)?;
                Bytes::from(text.into_owned())
            }
        };
        Some(if bytes.starts_with(BYTE_ORDER_MARK) { bytes.slice(BYTE_ORDER_MARK.len()..) } else { bytes })
    }
}

/// Streaming decompressor of a body.
pub(super) enum Decompressor {
    None,
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// Deflate before its first byte, which tells whether the zlib header is present; some clients omit it.
    DeflateOrZlib,
    Zlib(ZlibDecoder<Vec<u8>>),
    Deflate(DeflateDecoder<Vec<u8>>),
}

impl Decompressor {
    /// Splits bytes into pieces for [`Decompressor::unpack`].
    pub fn pieces<'a>(&self, bytes: &'a [u8]) -> std::slice::Chunks<'a, u8> {
        bytes.chunks(if matches!(self, Self::None) { bytes.len().max(1) } else { PIECE })
    }

    /// Decompresses a piece.
    pub fn unpack<'a>(&mut self, piece: &'a [u8]) -> Result<Cow<'a, [u8]>, BodyError> {
        if matches!(self, Self::None) {
            return Ok(Cow::Borrowed(piece));
        }
        self.write(piece).map_err(|_| BodyError::Broken)?;
        Ok(Cow::Owned(self.taken()))
    }

    /// Returns the remaining bytes at the end of the body.
    pub fn finish(&mut self) -> Result<Vec<u8>, BodyError> {
        let finished = match self {
            Self::None | Self::DeflateOrZlib => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zlib(decoder) => decoder.try_finish(),
            Self::Deflate(decoder) => decoder.try_finish(),
        };
        finished.map_err(|_| BodyError::Broken)?;
        Ok(self.taken())
    }

    fn write(&mut self, piece: &[u8]) -> std::io::Result<()> {
        const HEAD_OF_ZLIB: u8 = 0x78;
        if matches!(self, Self::DeflateOrZlib) {
            *self = if piece.first() == Some(&HEAD_OF_ZLIB) {
                Self::Zlib(ZlibDecoder::new(Vec::new()))
            } else {
                Self::Deflate(DeflateDecoder::new(Vec::new()))
            };
        }
        match self {
            Self::None | Self::DeflateOrZlib => Ok(()),
            Self::Gzip(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Self::Zlib(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
            Self::Deflate(decoder) => decoder.write_all(piece).and_then(|()| decoder.flush()),
        }
    }

    fn taken(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(decoder) => std::mem::take(decoder.get_mut()),
            Self::Zlib(decoder) => std::mem::take(decoder.get_mut()),
            Self::Deflate(decoder) => std::mem::take(decoder.get_mut()),
            Self::None | Self::DeflateOrZlib => Vec::new(),
        }
    }
}
