//! TIFF files as written by cameras, scanners and fax machines.

use aicp_vision::{Dimensions, Error, Picture};
use image::DynamicImage;

use crate::orientation::{CLOCKWISE, LONG, SHORT, stored};
use crate::quarters::{HEIGHT, WIDTH, assert_quarters, quarters};

/// An uncompressed picture of 8-bit samples in one strip (TIFF 6.0 section 6). Each further entry (tag, type, count,
/// value or offset) replaces the one with the same tag.
fn tiff(picture: &DynamicImage, further: &[(u16, u16, u32, u32)]) -> Vec<u8> {
    let (samples, pixels) = (u32::from(picture.color().channel_count()), picture.as_bytes());
    let mut entries = vec![
        (256, LONG, 1, picture.width()),
        (257, LONG, 1, picture.height()),
        (258, SHORT, samples, 0),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, 2),
        (273, LONG, 1, 0),
        (277, SHORT, 1, samples),
        (278, LONG, 1, picture.height()),
        (279, LONG, 1, pixels.len() as u32),
    ];
    let is_said = |tag| further.iter().any(|&(other, ..)| other == tag);
    let is_tiled = is_said(322);
    entries.retain(|&(tag, ..)| !(is_said(tag) || is_tiled && matches!(tag, 273 | 278 | 279)));
    entries.extend(further);
    entries.sort_unstable();
    let bits_at = 8 + 2 + 12 * entries.len() as u32 + 4;
    let mut out = [b"II*\0".as_slice(), &8u32.to_le_bytes(), &(entries.len() as u16).to_le_bytes()].concat();
    for (tag, kind, count, value) in entries {
        let value = match tag {
            258 => bits_at,
            273 if count == 1 => bits_at + 2 * samples,
            _ => value,
        };
        out.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    out.extend([0; 4]);
    out.extend([8u16.to_le_bytes()].repeat(samples as usize).concat());
    out.extend(pixels);
    out
}

#[test]
fn the_orientation_stands_in_the_directory() {
    let picture = DynamicImage::ImageRgb8(stored(CLOCKWISE).into_rgb8());
    for kind in [SHORT, LONG] {
        assert_quarters(&tiff(&picture, &[(274, kind, 1, CLOCKWISE.into())]), &format!("type {kind}"));
    }
}

#[test]
fn a_text_longer_than_the_file_is_refused_before_its_decoder_sees_it() {
    const ASCII: u16 = 2;
    let picture = DynamicImage::ImageRgb8(quarters());
    // One tag that the decoder reads, and one that it ignores.
    for tag in [256, 266, 270] {
        let bytes = tiff(&picture, &[(tag, ASCII, u32::MAX, 8)]);
        for refused in [Dimensions::of(&bytes).map(drop), Picture::decode(&bytes).map(drop)] {
            assert!(
                matches!(refused, Err(Error::Damaged("a text in it is longer than the file"))),
                "{tag}: {refused:?}"
            );
        }
    }
    assert_quarters(&tiff(&picture, &[(270, ASCII, 20, 8)]), "a text within the file");
}

#[test]
fn colours_multiplied_by_their_alpha_are_laid_on_white_as_others_are() {
    let mut apart = DynamicImage::ImageRgb8(quarters()).into_rgba8();
    for (x, _, pixel) in apart.enumerate_pixels_mut() {
        pixel.0[3] = (255 * x / (WIDTH - 1)) as u8;
    }
    let mut multiplied = apart.clone();
    for pixel in multiplied.pixels_mut() {
        let [r, g, b, alpha] = pixel.0;
        let by_alpha = |c: u8| (u32::from(c) * u32::from(alpha) / 255) as u8;
        pixel.0 = [by_alpha(r), by_alpha(g), by_alpha(b), alpha];
    }
    let decoded = |picture, kind| {
        let bytes = tiff(&DynamicImage::ImageRgba8(picture), &[(338, SHORT, 1, kind)]);
        Picture::decode(&bytes).expect("decodes").rgb().clone()
    };
    let (wanted, found) = (decoded(apart, 2), decoded(multiplied.clone(), 1));
    assert_eq!(wanted.get_pixel(0, 0).0, [255; 3], "transparent");
    for (a, b) in wanted.as_raw().iter().zip(found.as_raw()) {
        assert!(a.abs_diff(*b) <= 1, "{a} {b}");
    }
    // Colours brighter than their alpha, which premultiplied ones can't be, must not become dark.
    multiplied.pixels_mut().for_each(|pixel| pixel.0 = [255, 255, 255, 128]);
    assert!(decoded(multiplied, 1).as_raw().iter().all(|&sample| sample == 255));
}

#[test]
fn what_the_decoder_takes_for_something_else_is_refused_by_name() {
    let picture = DynamicImage::ImageRgb8(quarters());
    assert_quarters(&tiff(&picture, &[(266, SHORT, 1, 1), (284, SHORT, 1, 1)]), "the usual order");
    for (further, named) in [
        (vec![(266, SHORT, 1, 2)], "reverse order"),
        (vec![(259, SHORT, 1, 7)], "JPEG data"),
        (
            vec![
                (284, SHORT, 1, 2),
                (322, LONG, 1, WIDTH),
                (323, LONG, 1, HEIGHT),
                // Values without meaning.
                (324, LONG, 3, 8),
                (325, LONG, 3, 8),
            ],
            "separate planes",
        ),
    ] {
        let refused = Picture::decode(&tiff(&picture, &further)).expect_err(named);
        assert!(matches!(refused, Error::Unsupported(name) if name.contains(named)), "{refused}");
    }
}

#[test]
fn a_picture_in_very_many_strips_is_refused_before_they_are_read() {
    const ROWS: u32 = 65_537;
    let tall = DynamicImage::ImageRgb8(image::RgbImage::new(1, ROWS));
    let refused = Picture::decode(&tiff(&tall, &[(273, SHORT, ROWS, 8), (278, LONG, 1, 1), (279, SHORT, ROWS, 8)]));
    let refused = refused.expect_err("a strip for each row");
    assert!(matches!(refused, Error::Unsupported(name) if name.contains("65,536 strips")), "{refused}");
}
