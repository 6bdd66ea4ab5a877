//! JPEG files as written by cameras, webcams and careless programs: decoded, or refused if a part is missing.

use aicp_measure::Random;
use aicp_vision::{Error, Picture};
use image::{DynamicImage, GrayImage, Luma, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use crate::quarters::{HEIGHT, WIDTH, assert_quarters, jpeg, jpeg_of, parts, quarters, segment};

const SIDE: u32 = 96;

/// A picture in which no two blocks are alike.
fn textured() -> RgbImage {
    let mut random = Random(5);
    let noise: Vec<u8> = (0..SIDE * SIDE * 3).map(|_| random.bits() as u8).collect();
    let noise = RgbImage::from_raw(SIDE, SIDE, noise).expect("as many");
    image::imageops::blur(&noise, 1.5)
}

fn refusal(bytes: &[u8], what: &str) -> Error {
    match Picture::decode(bytes) {
        Err(e) => {
            assert!(e.is_bad_picture(), "{what}: {e}");
            e
        }
        Ok(_) => panic!("{what} was read"),
    }
}

/// The range from the start of the first scan's entropy-coded data to the end of the file's picture.
fn scan(jpeg: &[u8]) -> std::ops::Range<usize> {
    let (_, rest) = parts(jpeg);
    let start = jpeg.len() - rest.len();
    start + 2 + usize::from(u16::from_be_bytes([jpeg[start + 2], jpeg[start + 3]]))..jpeg.len() - 2
}

#[test]
fn a_damaged_scan_is_refused_though_the_end_marker_is_there() {
    for progressive in [false, true] {
        let whole = jpeg_of(&textured(), (SIDE, SIDE), ColorType::Rgb, progressive);
        assert!(Picture::decode(&whole).is_ok());
        let scan = scan(&whole);
        let length = scan.len();
        for part in 1..8 {
            let at = scan.start + length * part / 8;
            let cut = [&whole[..at], &whole[scan.end..]].concat();
            refusal(&cut, &format!("cut at {part}/8, progressive {progressive}"));
            let twice = [&whole[..at], &whole].concat();
            refusal(&twice, &format!("another picture behind one cut at {part}/8, progressive {progressive}"));
            let lost = [&whole[..at], &whole[(at + length / 16).min(scan.end)..]].concat();
            refusal(&lost, &format!("bytes lost at {part}/8, progressive {progressive}"));
            let mut zeroed = whole.clone();
            zeroed[at..scan.end].fill(0);
            refusal(&zeroed, &format!("zeros from {part}/8, progressive {progressive}"));
        }
    }
}

#[test]
fn data_left_over_behind_a_scan_is_refused() {
    let whole = jpeg_of(&textured(), (SIDE, SIDE), ColorType::Rgb, false);
    let end = whole.len() - 2;
    refusal(&[&whole[..end], &[0x55; 40], &whole[end..]].concat(), "left over");
    // Fill bytes before a marker are valid (ITU-T T.81 B.1.1.2), and anything may follow the end.
    assert!(Picture::decode(&[&whole[..end], &[0xff; 5], &whole[end..]].concat()).is_ok());
    assert!(Picture::decode(&[&whole[..], &[0; 40]].concat()).is_ok());
}

#[test]
fn frames_of_webcams_without_tables_are_read() {
    let (segments, scan) = parts(&jpeg(&quarters(), ColorType::Rgb, false));
    let without_tables =
        segments.iter().filter(|(marker, _)| !matches!(marker, 0xc4 | 0xe0)).flat_map(|(_, all)| all.clone());
    let rest: Vec<u8> = without_tables.chain(scan).collect();
    let start = [0xff, 0xd8];
    assert_quarters(&[&start[..], &rest].concat(), "without AVI1");
    let avi1 = segment(0xe0, b"AVI1\0\0\0\0\0\0\0\0\0\0");
    assert_quarters(&[&start[..], &avi1, &rest].concat(), "with AVI1");
}

#[test]
fn stray_bytes_between_segments_are_passed_over() {
    let (segments, scan) = parts(&jpeg(&quarters(), ColorType::Rgb, false));
    for stray in [&b"\0"[..], b"\0\0\x12\x34", b"\xff\0junk", b"\xff\xff\xff"] {
        for place in 0..=segments.len() {
            let mut bytes = vec![0xff, 0xd8];
            for (i, (_, all)) in segments.iter().enumerate() {
                // None before the first segment: the third byte of a file identifies it as a JPEG.
                if i == place && i > 0 {
                    bytes.extend(stray);
                }
                bytes.extend(all);
            }
            if place == segments.len() {
                bytes.extend(stray);
            }
            bytes.extend(&scan);
            assert_quarters(&bytes, &format!("{stray:?} before segment {place}"));
        }
    }
}

/// A JPEG with one scan per component, with the given sampling factors, from planes of any size.
fn in_separate_scans(planes: [(&GrayImage, u8); 3]) -> Vec<u8> {
    let encoded = planes.map(|(plane, _)| jpeg_of(plane, plane.dimensions(), ColorType::Luma, false));
    let (segments, _) = parts(&encoded[0]);
    let mut out = vec![0xff, 0xd8];
    out.extend(segments.into_iter().filter(|(marker, _)| matches!(marker, 0xdb | 0xc4)).flat_map(|(_, all)| all));
    let [h1, h0] = (HEIGHT as u16).to_be_bytes();
    let [w1, w0] = (WIDTH as u16).to_be_bytes();
    let mut frame = vec![8, h1, h0, w1, w0, 3];
    for (id, (_, sampling)) in (1u8..).zip(planes) {
        frame.extend([id, sampling, 0]);
    }
    out.extend(segment(0xc0, &frame));
    for (id, encoded) in (1u8..).zip(&encoded) {
        out.extend(segment(0xda, &[1, id, 0, 0, 63, 0]));
        out.extend(&encoded[scan(encoded)]);
    }
    out.extend([0xff, 0xd9]);
    out
}

/// Luma, blue and red difference of the quarters (JFIF 1.02), each at its own size.
fn planes(sizes: [(u32, u32); 3]) -> [GrayImage; 3] {
    let rgb = quarters();
    let weights = [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]];
    std::array::from_fn(|i| {
        let plane = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let sum: f32 = rgb.get_pixel(x, y).0.iter().zip(weights[i]).map(|(c, w)| f32::from(*c) * w).sum();
            Luma([(sum + if i == 0 { 0.0 } else { 128.0 }).round() as u8])
        });
        let (width, height) = sizes[i];
        DynamicImage::from(plane).resize_exact(width, height, image::imageops::FilterType::Nearest).into_luma8()
    })
}

#[test]
fn components_in_scans_of_their_own_and_any_sampling_are_read() {
    let (w, h) = (WIDTH, HEIGHT);
    for (what, sizes, sampling) in [
        ("4:4:4", [(w, h); 3], [0x11; 3]),
        ("4:2:0", [(w, h), (w / 2, h / 2), (w / 2, h / 2)], [0x22, 0x11, 0x11]),
        ("4:2:2", [(w, h), (w / 2, h), (w / 2, h)], [0x21, 0x11, 0x11]),
        ("4:4:0", [(w, h), (w, h / 2), (w, h / 2)], [0x12, 0x11, 0x11]),
        ("4:1:1", [(w, h), (w / 4, h), (w / 4, h)], [0x41, 0x11, 0x11]),
        ("3x1", [(w, h), (w / 3, h), (w / 3, h)], [0x31, 0x11, 0x11]),
        ("chroma finer than luma", [(w / 2, h / 2), (w, h), (w, h)], [0x11, 0x22, 0x22]),
        ("blue finer than luma", [(w / 2, h), (w, h), (w / 2, h)], [0x11, 0x21, 0x11]),
    ] {
        let [y, cb, cr] = planes(sizes);
        let bytes = in_separate_scans([(&y, sampling[0]), (&cb, sampling[1]), (&cr, sampling[2])]);
        assert_quarters(&bytes, what);
        // A missing scan is a missing part: the picture would have no colours.
        let (head, _) = bytes.split_at(bytes.len() - 2);
        let last = head.windows(2).rposition(|w| w == [0xff, 0xda]).expect("a scan");
        refusal(&[&bytes[..last + 14], &[0xff, 0xd9]].concat(), what);
    }
    for factor in [SamplingFactor::F_2_2, SamplingFactor::F_4_1, SamplingFactor::F_1_2] {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, 95);
        encoder.set_sampling_factor(factor);
        encoder.set_restart_interval(2);
        encoder.encode(&quarters(), WIDTH as u16, HEIGHT as u16, ColorType::Rgb).expect("encodes");
        assert_quarters(&out, &format!("{factor:?} with restarts"));
    }
}

/// A progressive frame with sides of `side` pixels and `count` scans, each with this header and data.
fn many_scans(side: u16, count: usize, header: &[u8], data: &[u8]) -> Vec<u8> {
    let (segments, _) = parts(&jpeg(&quarters(), ColorType::Rgb, false));
    let mut out = vec![0xff, 0xd8];
    out.extend(segments.into_iter().filter(|(marker, _)| matches!(marker, 0xdb | 0xc4)).flat_map(|(_, all)| all));
    let [s1, s0] = side.to_be_bytes();
    out.extend(segment(0xc2, &[8, s1, s0, s1, s0, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0]));
    for _ in 0..count {
        out.extend(segment(0xda, header));
        out.extend(data);
    }
    out.extend([0xff, 0xd9]);
    out
}

#[test]
fn scans_are_bounded_before_anything_is_decoded() {
    const FIRST_OF_ALL: &[u8] = &[3, 1, 0, 2, 0, 3, 0, 0, 0, 0];
    const REST_OF_ONE: &[u8] = &[1, 1, 0, 1, 63, 0];
    let empty = refusal(&many_scans(6296, 100, FIRST_OF_ALL, &[0]), "first coefficients without data");
    assert!(matches!(empty, Error::Damaged(_)), "{empty}");
    let empty = refusal(&many_scans(6296, 100, REST_OF_ONE, &[0]), "other coefficients without data");
    assert!(matches!(empty, Error::Damaged(_)), "{empty}");
    let many = refusal(&many_scans(16, 65, FIRST_OF_ALL, &[0; 8]), "many scans");
    assert!(matches!(many, Error::TooManyScans { scans: 65, .. }), "{many}");
    let large = refusal(&many_scans(6296, 60, REST_OF_ONE, &[0; 200]), "large scans");
    assert!(matches!(large, Error::TooManyScans { .. }), "{large}");
}
