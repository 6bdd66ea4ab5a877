//! Bytes to pixels: every format, layout and orientation, and everything that must be refused.

use std::io::Cursor;

use aicp_vision::{Dimensions, Error, Format, Picture};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use jpeg_encoder::{ColorType, Encoder};
use proptest::prelude::*;

const WIDTH: u32 = 48;
const HEIGHT: u32 = 32;

/// Four flat quarters, so that every turn and flip shows: red, green, blue, white from the top left.
fn quarters() -> RgbImage {
    RgbImage::from_fn(WIDTH, HEIGHT, |x, y| match (x < WIDTH / 2, y < HEIGHT / 2) {
        (true, true) => Rgb([220, 30, 30]),
        (false, true) => Rgb([30, 220, 30]),
        (true, false) => Rgb([30, 30, 220]),
        (false, false) => Rgb([240, 240, 240]),
    })
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    picture.into().write_to(&mut out, format).expect("encodes");
    out.into_inner()
}

fn jpeg(pixels: &[u8], colour: ColorType, progressive: bool) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 95);
    encoder.set_progressive(progressive);
    encoder.encode(pixels, WIDTH as u16, HEIGHT as u16, colour).expect("encodes");
    out
}

/// Whether the middles of the four quarters have the expected colours, within what JPEG loses.
fn assert_quarters(picture: &Picture, what: &str) {
    assert_eq!((picture.width(), picture.height()), (WIDTH, HEIGHT), "{what}");
    let expected = quarters();
    for (x, y) in [(12, 8), (36, 8), (12, 24), (36, 24)] {
        let (found, wanted) = (picture.rgb().get_pixel(x, y).0, expected.get_pixel(x, y).0);
        let apart = found.iter().zip(wanted).map(|(a, b)| a.abs_diff(b)).max().unwrap_or_default();
        assert!(apart <= 24, "{what}: {found:?} at {x},{y} instead of {wanted:?}");
    }
}

#[test]
fn formats_and_layouts_give_the_same_pixels() {
    let rgb = quarters();
    let rgba = DynamicImage::ImageRgb8(rgb.clone()).into_rgba8();
    let rgb16 = DynamicImage::ImageRgb8(rgb.clone()).into_rgb16();
    let rgba16 = DynamicImage::ImageRgb8(rgb.clone()).into_rgba16();
    // An Adobe CMYK file holds inverted ink: with no black, ink 255 - c stands for colour c, kept as c.
    let cmyk: Vec<u8> = rgb.pixels().flat_map(|p| [255 - p.0[0], 255 - p.0[1], 255 - p.0[2], 0]).collect();
    for (what, bytes) in [
        ("JPEG", jpeg(rgb.as_raw(), ColorType::Rgb, false)),
        ("progressive JPEG", jpeg(rgb.as_raw(), ColorType::Rgb, true)),
        ("CMYK JPEG", jpeg(&cmyk, ColorType::Cmyk, false)),
        ("YCCK JPEG", jpeg(&cmyk, ColorType::CmykAsYcck, false)),
        ("PNG", encode(rgb.clone(), ImageFormat::Png)),
        ("32-bit PNG", encode(rgba, ImageFormat::Png)),
        ("48-bit PNG", encode(rgb16, ImageFormat::Png)),
        ("64-bit PNG", encode(rgba16, ImageFormat::Png)),
        ("BMP", encode(rgb.clone(), ImageFormat::Bmp)),
        ("WebP", encode(rgb, ImageFormat::WebP)),
    ] {
        assert_quarters(&Picture::decode(&bytes).expect(what), what);
        // The head says as much before anything is decoded.
        let whole = Dimensions::of(&bytes).expect(what);
        assert_eq!(Some(whole.format), Format::of(&bytes), "{what}");
        assert_eq!((whole.width, whole.height), (quarters().width(), quarters().height()), "{what}");
    }
}

#[test]
fn grey_and_transparent_pictures_become_rgb() {
    let grey = GrayImage::from_fn(WIDTH, HEIGHT, |x, _| Luma([if x < 24 { 40 } else { 200 }]));
    let luma16 = DynamicImage::ImageLuma8(grey.clone()).into_luma16();
    for (what, bytes) in [
        ("grey PNG", encode(grey.clone(), ImageFormat::Png)),
        ("16-bit grey PNG", encode(luma16, ImageFormat::Png)),
        ("grey JPEG", jpeg(grey.as_raw(), ColorType::Luma, false)),
    ] {
        let picture = Picture::decode(&bytes).expect(what);
        let [r, g, b] = picture.rgb().get_pixel(4, 4).0;
        assert!(r == g && g == b && r.abs_diff(40) <= 2, "{what}");
    }
    let half = RgbaImage::from_pixel(4, 4, Rgba([0, 0, 0, 128]));
    let picture = Picture::decode(&encode(half, ImageFormat::Png)).expect("decodes");
    assert_eq!(picture.rgb().get_pixel(0, 0).0, [127; 3]);
    let clear = RgbaImage::from_pixel(4, 4, Rgba([0, 0, 0, 0]));
    let picture = Picture::decode(&encode(clear, ImageFormat::Png)).expect("decodes");
    assert_eq!(picture.rgb().get_pixel(0, 0).0, [255; 3]);
}

/// An APP1 segment with nothing but an EXIF orientation (TIFF 6.0 tag 274), to go after a JPEG's first two bytes.
fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [b"II*\0\x08\0\0\0".as_slice(), &[1, 0, 0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]]
        .concat();
    let length = (2 + 6 + tiff.len()) as u16;
    [&jpeg[..2], &[0xff, 0xe1], &length.to_be_bytes(), b"Exif\0\0", &tiff, &jpeg[2..]].concat()
}

#[test]
fn every_exif_orientation_is_turned_upright() {
    let upright = DynamicImage::ImageRgb8(quarters());
    for orientation in 1..=8u8 {
        // What a camera held so stores: the inverse of what the tag asks viewers to do.
        let stored = match orientation {
            1 => upright.clone(),
            2 => upright.fliph(),
            3 => upright.rotate180(),
            4 => upright.flipv(),
            5 => upright.rotate90().fliph(),
            6 => upright.rotate270(),
            7 => upright.rotate270().fliph(),
            _ => upright.rotate90(),
        };
        let bytes = with_orientation(&encode(stored, ImageFormat::Jpeg), orientation);
        assert_quarters(&Picture::decode(&bytes).expect("decodes"), &format!("orientation {orientation}"));
    }
}

#[test]
fn what_is_no_whole_picture_is_refused() {
    assert!(matches!(Picture::decode(b""), Err(Error::EmptyPicture)));
    assert!(matches!(Picture::decode(b"hello, this is text"), Err(Error::UnknownFormat)));
    assert!(matches!(Picture::decode(b"GIF89a\x01\0\x01\0\0\0\0"), Err(Error::UnknownFormat)));
    let rgb = quarters();
    for progressive in [false, true] {
        let whole = jpeg(rgb.as_raw(), ColorType::Rgb, progressive);
        for cut in 0..whole.len() {
            let refused = Picture::decode(&whole[..cut]).expect_err("cut off");
            assert!(refused.is_bad_picture(), "cut at {cut}: {refused}");
        }
        assert!(Picture::decode(&[whole, b"trailing".to_vec()].concat()).is_ok());
    }
    let whole = encode(rgb, ImageFormat::Png);
    for cut in 0..whole.len() - 12 {
        assert!(Picture::decode(&whole[..cut]).is_err(), "PNG cut at {cut}");
    }
}

#[test]
fn the_number_of_pixels_is_checked_before_decoding() {
    // A PNG header that promises 30000x30000 and nothing behind it: refused for its size, not for its lack of data.
    let header = [b"IHDR".as_slice(), &30_000u32.to_be_bytes(), &30_000u32.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    let png = [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &13u32.to_be_bytes(),
        &header,
        &crc32(&header).to_be_bytes(),
        b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0",
    ]
    .concat();
    let head = Dimensions::of(&png).expect("a head");
    assert_eq!((head.format, head.width, head.height), (Format::Png, 30_000, 30_000));
    match Picture::decode(&png) {
        Err(Error::TooManyPixels { width: 30_000, height: 30_000, .. }) => {}
        other => panic!("{other:?}"),
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn formats_are_told_by_their_bytes() {
    let rgb = quarters();
    for (format, expected, media_type) in [
        (ImageFormat::Png, Format::Png, "image/png"),
        (ImageFormat::Bmp, Format::Bmp, "image/bmp"),
        (ImageFormat::WebP, Format::WebP, "image/webp"),
        (ImageFormat::Jpeg, Format::Jpeg, "image/jpeg"),
    ] {
        let found = Format::of(&encode(rgb.clone(), format)).expect("known");
        assert_eq!((found, found.media_type()), (expected, media_type));
    }
    assert_eq!(Format::of(b"x"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_decoding_panic(kind in 0usize..5, noise in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12)) {
        let rgb = quarters();
        let mut bytes = match kind {
            0 => jpeg(rgb.as_raw(), ColorType::Rgb, false),
            1 => jpeg(rgb.as_raw(), ColorType::Rgb, true),
            2 => encode(rgb, ImageFormat::Png),
            3 => encode(rgb, ImageFormat::Bmp),
            _ => encode(rgb, ImageFormat::WebP),
        };
        for (at, value) in noise {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        let head = Dimensions::of(&bytes);
        match (Picture::decode(&bytes), &head) {
            (Ok(picture), Ok(head)) => {
                let mut sides = [picture.width(), picture.height()];
                let mut told = [head.width, head.height];
                sides.sort_unstable();
                told.sort_unstable();
                prop_assert_eq!(sides, told);
            }
            (Ok(_), Err(e)) => prop_assert!(false, "decoded, but its head is none: {}", e),
            (Err(e), _) => prop_assert!(e.is_bad_picture(), "{}", e),
        }
        if let Err(e) = head {
            prop_assert!(e.is_bad_picture(), "{}", e);
        }
    }
}
