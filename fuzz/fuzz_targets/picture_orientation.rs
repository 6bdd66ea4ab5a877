//! Exif blocks and XMP packets: every container gives the same orientation as a naive reader.
#![no_main]

use std::io::Write;

use aicp_fuzz::{checked, tolerate_caught_panics};
use aicp_vision::fuzzing::orientation;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: tolerate_caught_panics(), |block: &[u8]| checked(|| check(block)));

fn check(block: &[u8]) {
    // The block must fit into one JPEG segment.
    if block.len() > 60_000 {
        return;
    }
    let in_jpeg = orientation(&jpeg(b"Exif\0\0", block));
    for file in [png(b"eXIf", block), webp(b"EXIF", block), png(b"tEXt", &profile(block))] {
        assert_eq!(orientation(&file), in_jpeg);
    }
    let packed = [b"Raw profile type APP1\0\0", &packed(text(block).as_bytes())[..]].concat();
    assert_eq!(orientation(&png(b"zTXt", &packed)), in_jpeg);
    let block_alone = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    if let Some(naive) = naive(block_alone) {
        assert_eq!(in_jpeg, Some(naive));
    }

    let in_jpeg = orientation(&jpeg(b"x/xap/1.0/\0", block));
    assert_eq!(orientation(&webp(b"XMP ", block)), in_jpeg);
    let in_png = |is_packed: u8, text: &[u8]| {
        let data = [b"XML:com.adobe.xmp\0", &[is_packed, 0][..], b"en\0\0", text].concat();
        orientation(&png(b"iTXt", &data))
    };
    assert_eq!(in_png(0, block), in_jpeg);
    assert_eq!(in_png(1, &self::packed(block)), in_jpeg);
}

/// The orientation, if there is exactly one such entry, with the usual type and count.
fn naive(block: &[u8]) -> Option<u8> {
    let is_little_endian = match block.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let number = |at: usize, length: usize| {
        let bytes = block.get(at..at.checked_add(length)?)?;
        let digit = |sum: usize, byte: &u8| sum << 8 | usize::from(*byte);
        Some(if is_little_endian { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) })
    };
    let directory = number(4, 4)?;
    let count = number(directory, 2)?.min(1024);
    let entries = (0..count).map(|index| directory + 2 + 12 * index);
    let mut told = entries.filter(|entry| number(*entry, 2) == Some(274));
    let (entry, None) = (told.next()?, told.next()) else { return None };
    let is_usual = number(entry + 2, 2)? == 3 && number(entry + 4, 4)? == 1;
    let value = number(entry + 8, 2)?;
    // An invalid value counts as 1, the normal orientation.
    is_usual.then_some(if (1..=8).contains(&value) { value as u8 } else { 1 })
}

fn jpeg(prefix: &[u8], block: &[u8]) -> Vec<u8> {
    let length = (2 + prefix.len() + block.len()) as u16;
    [b"\xff\xd8\xff\xe1", &length.to_be_bytes()[..], prefix, block, b"\xff\xd9"].concat()
}

fn png(name: &[u8], data: &[u8]) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n", &(data.len() as u32).to_be_bytes()[..], name, data, b"\0\0\0\0"].concat()
}

fn webp(name: &[u8], data: &[u8]) -> Vec<u8> {
    [b"RIFF\0\0\0\0WEBP", name, &(data.len() as u32).to_le_bytes()[..], data, b"\0"].concat()
}

fn text(block: &[u8]) -> String {
    let digits = hex::encode(block);
    let lines: Vec<&str> = digits.as_bytes().chunks(72).filter_map(|line| str::from_utf8(line).ok()).collect();
    format!("\nexif\n{:8}\n{}\n", block.len(), lines.join("\n"))
}

fn profile(block: &[u8]) -> Vec<u8> {
    [b"Raw profile type exif\0", text(block).as_bytes()].concat()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}
