//! Pictures that are not everyday JPEGs but that cameras and programs write: the face is found and recognised.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageFormat, Luma, RgbImage, RgbaImage};
use jpeg_encoder::ColorType;
use serde_json::{Value, json};

use crate::fixture::Server;
use crate::http::fetch;
use crate::pictures::{base64, biden, decode, jpeg, jpeg_of, obama, on_canvas, portrait, with_segment};

/// Server, and checks against the original portrait.
struct Judge {
    server: Server,
    portrait_box: Value,
}

impl Judge {
    fn new() -> Self {
        let server = Server::auto();
        let portrait_box = boxes(&server, &jpeg(&portrait()))[0].take();
        Self { server, portrait_box }
    }

    /// Checks that a picture matches the original person, and nobody else.
    #[track_caller]
    fn assert_known(&self, what: &str, picture: &[u8]) {
        for (other, msg) in [(obama(), "ok"), (biden(), "no")] {
            let pair = json!({"imageA": base64(&other), "imageB": base64(picture)});
            let answer = self.server.admin(0).post("/aicp/face/couple", &pair);
            assert_eq!(answer.data_text("msg"), msg, "{what}: {}", answer.text());
        }
    }

    /// As [`Judge::assert_known`]; the face must also be where it is in [`portrait`].
    #[track_caller]
    fn assert_like_portrait(&self, what: &str, picture: &[u8]) {
        self.assert_known(what, picture);
        let found = boxes(&self.server, picture);
        let near = |key: &str| {
            let of = |b: &Value| b[key].as_i64().expect("an int");
            (of(&found[0]) - of(&self.portrait_box)).abs() <= 8
        };
        let alike = found.len() == 1 && ["x", "y", "width", "height"].into_iter().all(near);
        assert!(alike, "{what}: {found:?} but {}", self.portrait_box);
    }
}

fn boxes(server: &Server, picture: &[u8]) -> Vec<Value> {
    let mut data = server.admin(0).post("/aicp/face/detect", &json!({"image": base64(picture)})).data();
    data["records"][0].as_array_mut().map(std::mem::take).expect("a list of boxes")
}

fn encode(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).expect("it encodes");
    bytes.into_inner()
}

/// Encodes a PNG with a palette of 6 x 7 x 6 colours.
fn palette_png(picture: &RgbImage) -> Vec<u8> {
    let level = |value: u8, levels: u16| (u16::from(value) * (levels - 1) + 127) / 255;
    let palette: Vec<u8> = (0..252u16)
        .flat_map(|n| [n / 42 * 51, n / 6 % 7 * 255 / 6, n % 6 * 51])
        .map(|value| u8::try_from(value).expect("a byte"))
        .collect();
    let indices: Vec<u8> = picture
        .pixels()
        .map(|p| level(p[0], 6) * 42 + level(p[1], 7) * 6 + level(p[2], 6))
        .map(|index| u8::try_from(index).expect("a byte"))
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(palette);
    let mut writer = encoder.write_header().expect("a header");
    writer.write_image_data(&indices).expect("the pixels");
    writer.finish().expect("an end");
    bytes
}

/// Builds an APP1 segment with an orientation only.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    let short = |value: u16| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let long = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut bytes = b"Exif\0\0".to_vec();
    bytes.extend(if big_endian { b"MM" } else { b"II" });
    bytes.extend(short(42));
    bytes.extend(long(8));
    bytes.extend(short(1));
    // Tag 0x0112, one SHORT.
    bytes.extend(short(0x0112));
    bytes.extend(short(3));
    bytes.extend(long(1));
    bytes.extend(short(orientation.into()));
    bytes.extend(short(0));
    bytes.extend(long(0));
    bytes
}

/// Returns the stored pixels that become `upright` when a viewer applies this orientation.
fn stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    let inverse = match orientation {
        6 => 8,
        8 => 6,
        other => other,
    };
    let mut picture = DynamicImage::from(upright.clone());
    picture.apply_orientation(Orientation::from_exif(inverse).expect("1 to 8"));
    picture.to_rgb8()
}

#[test]
fn jpegs() {
    let judge = Judge::new();
    let picture = portrait();
    let (width, height) = picture.dimensions();
    judge.assert_like_portrait("baseline", &jpeg(&picture));
    judge.assert_like_portrait("progressive", &jpeg_of(picture.as_raw(), width, height, ColorType::Rgb, true));
    let grey = DynamicImage::from(picture.clone()).to_luma8();
    judge.assert_like_portrait("grey", &jpeg_of(grey.as_raw(), width, height, ColorType::Luma, false));
    judge.assert_like_portrait("grey, progressive", &jpeg_of(grey.as_raw(), width, height, ColorType::Luma, true));
    let inks: Vec<u8> = picture.pixels().flat_map(|p| [255 - p[0], 255 - p[1], 255 - p[2], 0]).collect();
    judge.assert_like_portrait("CMYK", &jpeg_of(&inks, width, height, ColorType::Cmyk, false));
    judge.assert_like_portrait("YCCK", &jpeg_of(&inks, width, height, ColorType::CmykAsYcck, false));
    let mut followed = jpeg(&picture);
    followed.extend([0; 1000]);
    judge.assert_like_portrait("with bytes after its end", &followed);
}

#[test]
fn pngs() {
    let judge = Judge::new();
    let picture = portrait();
    let dynamic = DynamicImage::from(picture.clone());
    judge.assert_like_portrait("RGB", &encode(picture.clone(), ImageFormat::Png));
    judge.assert_like_portrait("grey", &encode(dynamic.to_luma8(), ImageFormat::Png));
    judge.assert_like_portrait("grey and alpha", &encode(dynamic.to_luma_alpha8(), ImageFormat::Png));
    judge.assert_like_portrait("RGBA", &encode(dynamic.to_rgba8(), ImageFormat::Png));
    judge.assert_like_portrait("palette", &palette_png(&picture));
    let small = dynamic.resize(300, 300, image::imageops::FilterType::Triangle);
    judge.assert_known("16 bits", &encode(small.to_rgb16(), ImageFormat::Png));
    judge.assert_known("16 bits and alpha", &encode(small.to_rgba16(), ImageFormat::Png));
    judge.assert_known("16 bits, grey", &encode(small.to_luma16(), ImageFormat::Png));
    // Transparent except for an ellipse around the head, and black beneath the transparency.
    let (width, height) = picture.dimensions();
    let cut_out = RgbaImage::from_fn(width, height, |x, y| {
        let dx = f64::from(x) / f64::from(width) - 0.5;
        let dy = f64::from(y) / f64::from(height) - 0.5;
        let p = picture.get_pixel(x, y);
        if dx * dx + dy * dy < 0.24 { image::Rgba([p[0], p[1], p[2], 255]) } else { image::Rgba([0, 0, 0, 0]) }
    });
    judge.assert_known("cut out", &encode(cut_out, ImageFormat::Png));
    // At one bit per pixel a portrait is useless, but the picture decodes.
    let black = image::ImageBuffer::<Luma<u8>, _>::new(64, 64);
    assert_eq!(boxes(&judge.server, &encode(black, ImageFormat::Png)), Vec::<Value>::new());
}

#[test]
fn other_formats() {
    let judge = Judge::new();
    let picture = portrait();
    judge.assert_like_portrait("BMP", &encode(picture.clone(), ImageFormat::Bmp));
    judge.assert_like_portrait("BMP, grey", &encode(DynamicImage::from(picture.clone()).to_luma8(), ImageFormat::Bmp));
    judge.assert_like_portrait("WebP", &encode(picture.clone(), ImageFormat::WebP));
    let rgba = DynamicImage::from(picture).to_rgba8();
    judge.assert_like_portrait("WebP with alpha", &encode(rgba, ImageFormat::WebP));
}

#[test]
fn exif_orientations() {
    let judge = Judge::new();
    // The face is off centre and the sides differ, so that every wrong rotation shows.
    for orientation in 1..=8 {
        for big_endian in [false, true] {
            let turned = jpeg(&stored(&portrait(), orientation));
            let picture = with_segment(&turned, 0xe1, &exif(orientation, big_endian));
            judge.assert_like_portrait(&format!("orientation {orientation}, big endian {big_endian}"), &picture);
        }
    }
    for orientation in [0, 9, 255] {
        let picture = with_segment(&jpeg(&portrait()), 0xe1, &exif(orientation, false));
        judge.assert_like_portrait("an orientation that there is not", &picture);
    }
}

#[test]
fn shapes() {
    let judge = Judge::new();
    let picture = portrait();
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    for x in [0, 2000, 6000 - width] {
        judge.assert_known("very wide", &jpeg(&on_canvas(&picture, 6000, 400, x, 0)));
    }
    for y in [0, 2500, 6000 - height] {
        judge.assert_known("very tall", &jpeg(&on_canvas(&picture, 400, 6000, 0, y)));
    }
    let original = decode(&obama());
    let found = boxes(&judge.server, &obama())[0].take();
    let [x, y, w, h] = ["x", "y", "width", "height"]
        .map(|key| found[key].as_i64().and_then(|value| u32::try_from(value).ok()).expect("an int"));
    let face = image::imageops::crop_imm(&original, x, y, w, h).to_image();
    let resized = |side: u32| image::imageops::resize(&face, side, side, image::imageops::FilterType::Triangle);
    judge.assert_known("the bare face", &jpeg(&face));
    judge.assert_known("the bare face at 112x112", &jpeg(&resized(112)));
    let small = DynamicImage::from(picture.clone()).resize(100, 100, image::imageops::FilterType::Triangle).to_rgb8();
    judge.assert_known("a thumbnail", &jpeg(&small));
    let large = DynamicImage::from(picture).resize(2400, 2400, image::imageops::FilterType::Triangle).to_rgb8();
    judge.assert_known("large", &jpeg(&large));
}

#[test]
fn formats_are_kept_as_they_were_uploaded() {
    let server = Server::auto();
    let api = server.admin(0);
    api.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    let turned = with_segment(&jpeg(&stored(&portrait(), 6)), 0xe1, &exif(6, false));
    for (picture, media_type) in [
        (turned, "image/jpeg"),
        (palette_png(&portrait()), "image/png"),
        (encode(portrait(), ImageFormat::Bmp), "image/bmp"),
        (encode(portrait(), ImageFormat::WebP), "image/webp"),
    ] {
        let url = api.post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&picture)})).data_text("url");
        let (status, found_type, bytes) = fetch(&url);
        assert_eq!((status, found_type.as_str()), (200, media_type));
        assert!(bytes == picture, "the {media_type} is not the one uploaded");
    }
}
