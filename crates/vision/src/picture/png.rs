//! Chunks of PNG files (ISO/IEC 15948).

use std::borrow::Cow;
use std::io::Read;

use image::metadata::Orientation;

use super::orientation;

/// Maximum unpacked bytes of a profile; an Exif block has at most 64 KiB, twice that in hex.
const MAX_PROFILE: u64 = 256 << 10;
/// Bytes of a chunk besides its data: length, name and checksum.
const BESIDES_DATA: usize = 12;

/// A chunk and its position in the file.
struct Chunk<'a> {
    name: [u8; 4],
    data: &'a [u8],
    start: usize,
    end: usize,
}

/// The chunks of a file, up to the first incomplete one.
fn chunks(png: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    const SIGNATURE: usize = 8;
    let mut at = SIGNATURE;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*png.get(at..)?.first_chunk()?) as usize;
        let name = *png.get(at + 4..)?.first_chunk()?;
        let data = png.get(at + 8..(at + 8).checked_add(length)?)?;
        let (start, end) = (at, at + BESIDES_DATA + length);
        at = end;
        (end <= png.len()).then_some(Chunk { name, data, start, end })
    })
}

/// Removes the compressed metadata of a PNG. Decoders unpack a colour profile before a limit can be set, and a few KB
/// may expand to gigabytes; this crate decodes pixels without it. Malformed chunks are left to the decoder.
pub(super) fn without_compressed_metadata(png: &[u8]) -> Cow<'_, [u8]> {
    let mut kept: Vec<u8> = Vec::new();
    let mut copied = 0;
    for chunk in chunks(png) {
        if matches!(&chunk.name, b"iCCP" | b"zTXt" | b"iTXt") {
            kept.extend_from_slice(&png[copied..chunk.start]);
            copied = chunk.end;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(png);
    }
    kept.extend_from_slice(&png[copied..]);
    Cow::Owned(kept)
}

/// The orientation from an `eXIf` chunk before or after the pixels, from ImageMagick's Exif profile, or from XMP.
pub(super) fn orientation(png: &[u8]) -> Option<Orientation> {
    let mut by_xmp = None;
    for chunk in chunks(png) {
        let by_exif = match &chunk.name {
            b"eXIf" => orientation::of_exif(chunk.data),
            b"tEXt" => of_text(chunk.data, |rest| Some(Cow::Borrowed(rest))),
            b"zTXt" => of_text(chunk.data, |rest| unpacked(rest.strip_prefix(&[0])?)),
            b"iTXt" => {
                by_xmp = by_xmp.or_else(|| of_international_text(chunk.data));
                None
            }
            _ => None,
        };
        if by_exif.is_some() {
            return by_exif;
        }
    }
    by_xmp
}

/// The orientation from a text chunk with ImageMagick's name for an Exif profile.
fn of_text<'a>(data: &'a [u8], text: impl FnOnce(&'a [u8]) -> Option<Cow<'a, [u8]>>) -> Option<Orientation> {
    let (name, rest) = split_at_nul(data)?;
    if !matches!(name, b"Raw profile type exif" | b"Raw profile type APP1") {
        return None;
    }
    orientation::of_exif(&raw_profile(&text(rest)?)?)
}

/// Decodes a profile in ImageMagick's encoding: a name and a length, each on a line, then hex digits in lines.
fn raw_profile(text: &[u8]) -> Option<Vec<u8>> {
    let mut lines = text.trim_ascii_start().splitn(3, |&byte| byte == b'\n');
    let (_name, _length, digits) = (lines.next()?, lines.next()?, lines.next()?);
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    hex::decode(digits).ok()
}

/// The orientation from an XMP packet in an international text chunk (ISO/IEC 15948 section 11.3.4.5).
fn of_international_text(data: &[u8]) -> Option<Orientation> {
    let (name, rest) = split_at_nul(data)?;
    let (&[is_packed, _method], rest) = rest.split_first_chunk()?;
    if name != b"XML:com.adobe.xmp" {
        return None;
    }
    let (_language, rest) = split_at_nul(rest)?;
    let (_translated, text) = split_at_nul(rest)?;
    let text = if is_packed == 1 { unpacked(text)? } else { Cow::Borrowed(text) };
    orientation::of_xmp(&text)
}

fn split_at_nul(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(0, data)?;
    Some((&data[..at], &data[at + 1..]))
}

fn unpacked(packed: &[u8]) -> Option<Cow<'_, [u8]>> {
    let mut text = Vec::new();
    flate2::read::ZlibDecoder::new(packed).take(MAX_PROFILE).read_to_end(&mut text).ok()?;
    Some(Cow::Owned(text))
}
