//! Orientation of a picture, for every way in which a file can state it.

use std::io::Write;

use image::{DynamicImage, ImageFormat};

use crate::quarters::{HEIGHT, WIDTH, assert_quarters, encode, quarters, segment};

pub const SHORT: u16 = 3;
pub const LONG: u16 = 4;
const SIGNED_SHORT: u16 = 8;
/// Exif orientation of a picture that viewers must turn clockwise.
pub const CLOCKWISE: u8 = 6;

/// An Exif block (TIFF 6.0) with only an orientation, of this type and count.
fn exif(is_little_endian: bool, kind: u16, count: u32, orientation: u8) -> Vec<u8> {
    let u16 = |n: u16| if is_little_endian { n.to_le_bytes() } else { n.to_be_bytes() };
    let u32 = |n: u32| if is_little_endian { n.to_le_bytes() } else { n.to_be_bytes() };
    let value: Vec<u8> = match kind {
        LONG => u32(orientation.into()).repeat(count as usize),
        _ => u16(orientation.into()).repeat(count as usize),
    };
    let mut out = [if is_little_endian { b"II" } else { b"MM" }, &u16(42)[..], &u32(8), &u16(1)].concat();
    out.extend([&u16(274)[..], &u16(kind), &u32(count)].concat());
    if value.len() > 4 {
        out.extend([&u32(26)[..], &u32(0), &value].concat());
    } else {
        out.extend(value.iter().chain(&[0; 4]).take(4));
        out.extend(u32(0));
    }
    out
}

fn usual(orientation: u8) -> Vec<u8> {
    exif(true, SHORT, 1, orientation)
}

fn xmp(orientation: &str) -> Vec<u8> {
    format!(r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description {orientation}</rdf:RDF></x:xmpmeta>"#)
        .into_bytes()
}

fn xmp_attribute(orientation: u8) -> Vec<u8> {
    xmp(&format!("tiff:Orientation=\"{orientation}\"/>"))
}

/// The pixels that a camera stores with this orientation: the inverse of what the tag asks viewers to do.
pub fn stored(orientation: u8) -> DynamicImage {
    let upright = DynamicImage::ImageRgb8(quarters());
    match orientation {
        1 => upright,
        2 => upright.fliph(),
        3 => upright.rotate180(),
        4 => upright.flipv(),
        5 => upright.rotate90().fliph(),
        6 => upright.rotate270(),
        7 => upright.rotate270().fliph(),
        _ => upright.rotate90(),
    }
}

fn with_segments(jpeg: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    [&jpeg[..2], &segments.concat(), &jpeg[2..]].concat()
}

fn exif_segment(block: &[u8]) -> Vec<u8> {
    segment(0xe1, &[b"Exif\0\0", block].concat())
}

fn xmp_segment(packet: &[u8]) -> Vec<u8> {
    segment(0xe1, &[b"http://ns.example.com/xap/1.0/\0", packet].concat())
}

#[test]
fn every_orientation_is_turned_upright() {
    for orientation in 1..=8u8 {
        let bytes =
            with_segments(&encode(stored(orientation), ImageFormat::Jpeg), &[exif_segment(&usual(orientation))]);
        assert_quarters(&bytes, &format!("orientation {orientation}"));
    }
}

#[test]
fn every_way_of_writing_the_number_is_read() {
    let jpeg = encode(stored(CLOCKWISE), ImageFormat::Jpeg);
    for kind in [SHORT, LONG, SIGNED_SHORT] {
        for (count, is_little_endian) in [(1, true), (1, false), (2, true), (2, false)] {
            let block = exif(is_little_endian, kind, count, CLOCKWISE);
            let what = format!("type {kind}, count {count}, little endian {is_little_endian}");
            assert_quarters(&with_segments(&jpeg, &[exif_segment(&block)]), &what);
        }
    }
}

#[test]
fn the_first_exif_segment_of_a_jpeg_counts_and_exif_before_xmp() {
    let jpeg = encode(stored(CLOCKWISE), ImageFormat::Jpeg);
    let (right, wrong) = (exif_segment(&usual(CLOCKWISE)), exif_segment(&usual(3)));
    assert_quarters(&with_segments(&jpeg, &[right.clone(), wrong]), "two Exif segments");
    assert_quarters(&with_segments(&jpeg, &[xmp_segment(&xmp_attribute(3)), right]), "Exif behind XMP");
    assert_quarters(&with_segments(&jpeg, &[xmp_segment(&xmp_attribute(CLOCKWISE))]), "an attribute of XMP");
    let element = xmp("><tiff:Orientation> 6 </tiff:Orientation></rdf:Description>");
    assert_quarters(&with_segments(&jpeg, &[xmp_segment(&element)]), "an element of XMP");
}

#[test]
fn what_tells_nothing_turns_nothing() {
    let jpeg = encode(stored(1), ImageFormat::Jpeg);
    let whole = usual(CLOCKWISE);
    for cut in 0..whole.len() - 6 {
        assert_quarters(&with_segments(&jpeg, &[exif_segment(&whole[..cut])]), &format!("a block cut at {cut}"));
    }
    for orientation in [0, 9, 255] {
        assert_quarters(&with_segments(&jpeg, &[exif_segment(&usual(orientation))]), "no orientation");
    }
    for packet in ["tiff:Orientation", "tiff:Orientation=", "tiff:Orientation=\"9\"", "tiff:Orientation>x<"] {
        assert_quarters(&with_segments(&jpeg, &[xmp_segment(packet.as_bytes())]), packet);
    }
}

fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let named = [name, data].concat();
    let crc = crc32(&named);
    [&(data.len() as u32).to_be_bytes()[..], &named, &crc.to_be_bytes()].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

fn zipped(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).expect("memory");
    out.finish().expect("memory")
}

#[test]
fn a_png_tells_it_before_and_after_its_pixels_and_in_texts() {
    const IHDR_END: usize = 33;
    const IEND: usize = 12;
    let png = encode(stored(CLOCKWISE), ImageFormat::Png);
    let before = |chunk: Vec<u8>| [&png[..IHDR_END], &chunk, &png[IHDR_END..]].concat();
    let after = |chunk: Vec<u8>| [&png[..png.len() - IEND], &chunk, &png[png.len() - IEND..]].concat();
    let block = usual(CLOCKWISE);
    let prefixed = [b"Exif\0\0", &block[..]].concat();
    let lines: Vec<String> =
        hex::encode(&prefixed).as_bytes().chunks(72).map(|l| String::from_utf8_lossy(l).into()).collect();
    let profile = format!("\nexif\n{:8}\n{}\n", prefixed.len(), lines.join("\n")).into_bytes();
    let packet = xmp_attribute(CLOCKWISE);
    for (what, chunk) in [
        ("eXIf", chunk(b"eXIf", &block)),
        ("eXIf with a prefix", chunk(b"eXIf", &prefixed)),
        ("a raw profile", chunk(b"tEXt", &[b"Raw profile type exif\0", &profile[..]].concat())),
        ("a packed raw profile", chunk(b"zTXt", &[b"Raw profile type APP1\0\0", &zipped(&profile)[..]].concat())),
        ("XMP", chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0", &packet[..]].concat())),
        ("packed XMP", chunk(b"iTXt", &[b"XML:com.adobe.xmp\0\x01\0\0\0", &zipped(&packet)[..]].concat())),
    ] {
        assert_quarters(&before(chunk.clone()), &format!("{what} before the pixels"));
        assert_quarters(&after(chunk), &format!("{what} after the pixels"));
    }
}

#[test]
fn a_webp_tells_it_with_and_without_a_prefix() {
    let webp = encode(stored(CLOCKWISE), ImageFormat::WebP);
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let padding = vec![0; data.len() % 2];
        [&name[..], &(data.len() as u32).to_le_bytes(), data, &padding].concat()
    };
    // The extended header: flags, width and height minus one (RFC 9649 section 2.7.1).
    let extended = |flags: u8, chunks: &[u8]| {
        let (width, height) = (HEIGHT - 1, WIDTH - 1);
        let head = [&[flags, 0, 0, 0], &width.to_le_bytes()[..3], &height.to_le_bytes()[..3]].concat();
        let all = [b"WEBP", &chunk(b"VP8X", &head)[..], &webp[12..], chunks].concat();
        [b"RIFF", &(all.len() as u32).to_le_bytes()[..], &all].concat()
    };
    let block = usual(CLOCKWISE);
    assert_quarters(&extended(8, &chunk(b"EXIF", &block)), "EXIF");
    assert_quarters(&extended(8, &chunk(b"EXIF", &[b"Exif\0\0", &block[..]].concat())), "EXIF with a prefix");
    assert_quarters(&extended(4, &chunk(b"XMP ", &xmp_attribute(CLOCKWISE))), "XMP");
}
