//! Annotations on a picture: bounding boxes of faces, landmarks and labels.

use aicp_vision::{DetectedFace, Point};
use font8x8::UnicodeFonts;
use image::{Rgb, RgbImage};

const BOX: Rgb<u8> = Rgb([0, 220, 90]);
const LANDMARK: Rgb<u8> = Rgb([255, 60, 60]);
const LABEL: Rgb<u8> = Rgb([0, 0, 0]);
/// Width and height of a glyph in dots.
const GLYPH: i64 = 8;

/// Draws boxes, landmarks and labels. Characters outside Latin-1 are drawn as `?`.
pub(crate) fn faces(mut picture: RgbImage, marks: &[(&DetectedFace, String)]) -> RgbImage {
    let unit = i64::from(picture.width().max(picture.height()) / 500).max(1);
    for (face, _) in marks {
        let (x, y) = (face.area.x as i64, face.area.y as i64);
        let (width, height) = (face.area.width as i64, face.area.height as i64);
        let line = unit + 1;
        fill(&mut picture, x, y, width, line, BOX);
        fill(&mut picture, x, y + height - line, width, line, BOX);
        fill(&mut picture, x, y, line, height, BOX);
        fill(&mut picture, x + width - line, y, line, height, BOX);
        for point in face.landmarks {
            dot(&mut picture, point, 2 * unit + 1);
        }
    }
    // Labels are drawn last, so that no box crosses them.
    for (face, text) in marks {
        label(&mut picture, face, text);
    }
    picture
}

/// Draws a label as wide as its face: above the box if there is room, otherwise inside.
fn label(picture: &mut RgbImage, face: &DetectedFace, text: &str) {
    let (x, y, face_width) = (face.area.x as i64, face.area.y as i64, face.area.width as i64);
    let dots = text.chars().count() as i64 * GLYPH + 2;
    let scale = ((face_width + dots / 2) / dots.max(1)).max(1);
    let (width, height) = (dots * scale, (GLYPH + 2) * scale);
    let left = x.min(i64::from(picture.width()) - width).max(0);
    let top = if y >= height { y - height } else { y };
    fill(picture, left, top, width, height, BOX);
    write_text(picture, left + scale, top + scale, scale, text);
}

fn write_text(picture: &mut RgbImage, x: i64, y: i64, scale: i64, text: &str) {
    for (index, character) in text.chars().enumerate() {
        let glyph = font8x8::BASIC_FONTS
            .get(character)
            .or_else(|| font8x8::LATIN_FONTS.get(character))
            .or_else(|| font8x8::BASIC_FONTS.get('?'))
            .unwrap_or_default();
        let left = x + index as i64 * GLYPH * scale;
        for (row, bits) in (0i64..).zip(glyph) {
            for column in (0..GLYPH).filter(|column| bits >> column & 1 == 1) {
                fill(picture, left + column * scale, y + row * scale, scale, scale, LABEL);
            }
        }
    }
}

fn dot(picture: &mut RgbImage, centre: Point, radius: i64) {
    let (x, y) = (centre.x as i64, centre.y as i64);
    for row in -radius..=radius {
        let half = ((radius * radius - row * row) as f64).sqrt() as i64;
        fill(picture, x - half, y + row, 2 * half + 1, 1, LANDMARK);
    }
}

/// Fills a rectangle, clipped to the picture.
fn fill(picture: &mut RgbImage, x: i64, y: i64, width: i64, height: i64, colour: Rgb<u8>) {
    let clip = |from: i64, size: i64, end: u32| {
        let end = i64::from(end);
        from.clamp(0, end) as u32..(from + size).clamp(0, end) as u32
    };
    let columns = clip(x, width, picture.width());
    for row in clip(y, height, picture.height()) {
        for column in columns.clone() {
            picture.put_pixel(column, row, colour);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aicp_vision::{Rect, Turn};

    #[test]
    fn a_face_at_the_very_edge_is_drawn_within_the_picture() {
        let face = DetectedFace {
            area: Rect { x: -5.0, y: 0.0, width: 40.0, height: 90.0 },
            frame: Rect { x: -5.0, y: 0.0, width: 40.0, height: 90.0 },
            turn: Turn::None,
            landmarks: [Point::new(-3.0, 5.0); 5],
            confidence: 0.9,
        };
        let marked = faces(RgbImage::new(30, 60), &[(&face, "名 ok".to_owned())]);
        assert_eq!((marked.width(), marked.height()), (30, 60));
        assert!(marked.pixels().any(|p| *p == BOX));
    }
}
