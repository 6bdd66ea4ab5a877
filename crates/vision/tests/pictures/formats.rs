//! All formats and pixel layouts, and bytes that are not a picture.

use aicp_vision::{Dimensions, Error, Format, Picture};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgba, RgbaImage};
use jpeg_encoder::ColorType;
use proptest::prelude::*;

use crate::quarters::{HEIGHT, WIDTH, assert_quarters, encode, jpeg, quarters};

#[test]
fn formats_and_layouts_give_the_same_pixels() {
    let rgb = quarters();
    let rgba = DynamicImage::ImageRgb8(rgb.clone()).into_rgba8();
    let rgb16 = DynamicImage::ImageRgb8(rgb.clone()).into_rgb16();
    let rgba16 = DynamicImage::ImageRgb8(rgb.clone()).into_rgba16();
    // An Adobe CMYK file holds inverted ink: without black, ink 255 - c stands for colour c and is stored as c.
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
        assert_quarters(&bytes, what);
        // The header gives the same dimensions before anything is decoded.
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

#[test]
fn what_is_no_whole_picture_is_refused() {
    assert!(matches!(Picture::decode(b""), Err(Error::EmptyPicture)));
    assert!(matches!(Picture::decode(b"hello, this is text"), Err(Error::UnknownFormat)));
    assert!(Picture::decode(b"GIF89a\x01\0\x01\0\0\0\0").is_err_and(|e| e.is_bad_picture()));
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
    // A PNG header with too many pixels and no data: refused for its size, not for the missing data.
    for (side, depth, limit) in [(30_000, 8, 40_000_000), (6_000, 16, 20_000_000)] {
        let png = png_of_no_pixels(side, depth);
        let head = Dimensions::of(&png).expect("a head");
        assert_eq!((head.format, head.width, head.height), (Format::Png, side, side));
        match Picture::decode(&png) {
            Err(Error::TooManyPixels { width, height, limit: found }) => {
                assert_eq!((width, height, found), (side, side, limit));
            }
            other => panic!("{other:?}"),
        }
    }
    let small = Picture::decode(&png_of_no_pixels(6_000, 8)).expect_err("no pixels");
    assert!(!matches!(small, Error::TooManyPixels { .. }), "{small}");
}

fn png_of_no_pixels(side: u32, depth: u8) -> Vec<u8> {
    const RGBA: u8 = 6;
    let header = [b"IHDR".as_slice(), &side.to_be_bytes(), &side.to_be_bytes(), &[depth, RGBA, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".as_slice(),
        &13u32.to_be_bytes(),
        &header,
        &crc32(&header).to_be_bytes(),
        b"\0\0\0\x04IDAT\0\0\0\0\0\0\0\0",
    ]
    .concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

#[test]
fn a_picture_without_pixels_is_refused() {
    // Offsets of width and height in each format; only the low two bytes are non-zero.
    for (format, places) in [(ImageFormat::Gif, [6, 8]), (ImageFormat::Bmp, [18, 22]), (ImageFormat::Png, [18, 22])] {
        for at in places {
            let mut bytes = encode(quarters(), format);
            bytes[at..at + 2].fill(0);
            let head = Dimensions::of(&bytes).expect_err("no pixels");
            assert!(head.is_bad_picture(), "{format:?}: {head}");
            let whole = Picture::decode(&bytes).expect_err("no pixels");
            assert!(whole.is_bad_picture(), "{format:?}: {whole}");
        }
    }
    // A frame within a screen without rows.
    let gif = b"GIF87a\x10\0\0\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";
    assert!(matches!(Picture::decode(gif), Err(Error::Damaged("it has no pixels"))));
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

/// A bitmap: 14 bytes of file header, the header, masks or palette, then rows from the bottom, padded to whole words.
fn bitmap(header: &[u8], between: &[u8], rows: &[u8]) -> Vec<u8> {
    let start = 14 + header.len() + between.len();
    let size = (start + rows.len()) as u32;
    [b"BM", &size.to_le_bytes()[..], &[0; 4], &(start as u32).to_le_bytes(), header, between, rows].concat()
}

/// The first 40 bytes of a bitmap header of this size.
fn bitmap_header(size: u32, bits: u16, compression: u32) -> Vec<u8> {
    let (width, height) = (WIDTH, HEIGHT);
    let sides = [size.to_le_bytes(), width.to_le_bytes(), height.to_le_bytes()].concat();
    let mut header = [&sides[..], &1u16.to_le_bytes(), &bits.to_le_bytes(), &compression.to_le_bytes()].concat();
    header.resize(40, 0);
    header
}

/// The rows of a bitmap from the bottom, with each pixel encoded by `pixel`.
fn bitmap_rows<const N: usize>(pixel: impl Fn([u8; 3]) -> [u8; N]) -> Vec<u8> {
    let rgb = quarters();
    (0..HEIGHT)
        .rev()
        .flat_map(|y| (0..WIDTH).flat_map(move |x| [(x, y)]))
        .flat_map(|(x, y)| pixel(rgb.get_pixel(x, y).0))
        .collect()
}

#[test]
fn bitmaps_of_os2_and_with_unused_alpha_are_read() {
    let mut os2 = bitmap_header(64, 24, 0);
    os2.resize(64, 0);
    assert_quarters(&bitmap(&os2, &[], &bitmap_rows(|[r, g, b]| [b, g, r])), "OS/2 2.x");
    let five = |c: u8| u16::from(c >> 3);
    let fields = |alpha: u32| {
        let mut header = bitmap_header(108, 16, 3);
        header.extend([0x7c00u32, 0x3e0, 0x1f, alpha].iter().flat_map(|mask| mask.to_le_bytes()));
        header.resize(108, 0);
        header
    };
    let dull = bitmap_rows(|[r, g, b]| (five(r) << 10 | five(g) << 5 | five(b)).to_le_bytes());
    assert_quarters(&bitmap(&fields(0x8000), &[], &dull), "A1R5G5B5, alpha zero");
    let opaque = bitmap_rows(|[r, g, b]| (0x8000 | five(r) << 10 | five(g) << 5 | five(b)).to_le_bytes());
    assert_quarters(&bitmap(&fields(0x8000), &[], &opaque), "A1R5G5B5");
    // The pixel offset points into the palette.
    let palette = [[30, 30, 220, 0], [30, 220, 30, 0], [220, 30, 30, 0], [240, 240, 240, 0]].concat();
    let mut header = bitmap_header(40, 8, 0);
    header[32] = 4;
    let rows = bitmap_rows(|c| match c {
        [220, 30, 30] => [0],
        [30, 220, 30] => [1],
        [30, 30, 220] => [2],
        _ => [3],
    });
    let mut bytes = bitmap(&header, &palette, &rows);
    assert_quarters(&bytes, "palette");
    bytes[10] = 54;
    assert_quarters(&bytes, "pixels inside the palette");
}

#[test]
fn of_moving_pictures_the_first_one_is_taken() {
    let mut gif = Vec::new();
    {
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for picture in [quarters(), image::RgbImage::new(WIDTH, HEIGHT)] {
            let rgba = DynamicImage::ImageRgb8(picture).into_rgba8();
            encoder.encode_frame(image::Frame::new(rgba)).expect("encodes");
        }
    }
    assert_quarters(&gif, "GIF");
    assert_eq!(Dimensions::of(&gif).expect("a head").format, Format::Gif);
    let chunk = |name: &[u8; 4], data: &[u8]| [&name[..], &(data.len() as u32).to_le_bytes(), data].concat();
    let [width, height] = [WIDTH - 1, HEIGHT - 1].map(u32::to_le_bytes);
    // A frame: position, size, duration, flags, then the picture's own chunk (RFC 9649 section 2.7.1.1).
    let frame = |picture: image::RgbImage| {
        let still = encode(picture, ImageFormat::WebP);
        chunk(b"ANMF", &[&[0; 6], &width[..3], &height[..3], &[100, 0, 0, 0], &still[12..]].concat())
    };
    let all = [
        b"WEBP",
        &chunk(b"VP8X", &[&[2, 0, 0, 0], &width[..3], &height[..3]].concat())[..],
        &chunk(b"ANIM", &[255, 255, 255, 255, 0, 0]),
        &frame(quarters()),
        &frame(image::RgbImage::new(WIDTH, HEIGHT)),
    ]
    .concat();
    assert_quarters(&[b"RIFF", &(all.len() as u32).to_le_bytes()[..], &all].concat(), "WebP");
}

#[test]
fn tiffs_of_any_depth_are_read() {
    let rgb = DynamicImage::ImageRgb8(quarters());
    for (what, picture) in
        [("8 bits", rgb.clone()), ("16 bits", rgb.to_rgb16().into()), ("alpha", rgb.to_rgba8().into())]
    {
        let bytes = encode(picture, ImageFormat::Tiff);
        assert_quarters(&bytes, what);
        for cut in (8..bytes.len()).step_by(97) {
            let refused = Picture::decode(&bytes[..cut]).expect_err("cut off");
            assert!(refused.is_bad_picture(), "{what} cut at {cut}: {refused}");
        }
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    for (bytes, name) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", "AVIF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "MP4 video"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\xfa\x7f", "JPEG XL"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns=", "SVG"),
        (b"P6\n4 4\n255\n", "PNM"),
    ] {
        match Picture::decode(bytes) {
            Err(Error::Unsupported(found)) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
        assert!(Dimensions::of(bytes).is_err_and(|e| e.is_bad_picture()), "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_make_decoding_panic(kind in 0usize..7, noise in proptest::collection::vec((any::<u16>(), any::<u8>()), 0..12)) {
        let rgb = quarters();
        let mut bytes = match kind {
            0 => jpeg(rgb.as_raw(), ColorType::Rgb, false),
            1 => jpeg(rgb.as_raw(), ColorType::Rgb, true),
            2 => encode(rgb, ImageFormat::Png),
            3 => encode(rgb, ImageFormat::Bmp),
            4 => encode(rgb, ImageFormat::Gif),
            5 => encode(rgb, ImageFormat::Tiff),
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
