//! Points, boxes, quarter turns and the similarity transform that aligns a face.

/// A point in pixels, origin at the top left.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Horizontal coordinate, rightwards.
    pub x: f32,
    /// Vertical coordinate, downwards.
    pub y: f32,
}

impl Point {
    /// A point from its coordinates in pixels.
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }

    /// The distance to another point in pixels.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }

    /// The point halfway to another.
    pub fn midpoint(self, other: Self) -> Self {
        Self::new((self.x + other.x) / 2.0, (self.y + other.y) / 2.0)
    }

    /// The mean of the points; the origin if there are none.
    pub fn mean(points: &[Self]) -> Self {
        let n = points.len().max(1) as f32;
        let sum = points.iter().fold(Self::default(), |a, p| Self::new(a.x + p.x, a.y + p.y));
        Self::new(sum.x / n, sum.y / n)
    }
}

/// A rectangle in pixels; it may reach outside its picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width, not negative.
    pub width: f32,
    /// Height, not negative.
    pub height: f32,
}

impl Rect {
    /// The bounding box of the points; infinite if there are none.
    pub fn around(points: &[Point]) -> Self {
        let (mut left, mut top) = (f32::INFINITY, f32::INFINITY);
        let (mut right, mut bottom) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        for p in points {
            (left, right) = (left.min(p.x), right.max(p.x));
            (top, bottom) = (top.min(p.y), bottom.max(p.y));
        }
        Self { x: left, y: top, width: right - left, height: bottom - top }
    }

    /// The centre.
    pub fn centre(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The box with every corner mapped by `place`, which must keep the sides parallel to the picture's.
    pub fn mapped(&self, place: impl Fn(Point) -> Point) -> Self {
        let corner = Point::new(self.x + self.width, self.y + self.height);
        Self::around(&[place(Point::new(self.x, self.y)), place(corner)])
    }

    /// The box scaled around its centre by `scale`.
    pub fn grown(&self, scale: f32) -> Self {
        let (width, height) = (self.width * scale, self.height * scale);
        let centre = self.centre();
        Self { x: centre.x - width / 2.0, y: centre.y - height / 2.0, width, height }
    }

    /// Area in square pixels.
    pub fn area(&self) -> f32 {
        self.width * self.height
    }

    /// The part inside a picture of the given size.
    pub fn clamped(&self, width: u32, height: u32) -> Self {
        let x = self.x.clamp(0.0, width as f32);
        let y = self.y.clamp(0.0, height as f32);
        Self {
            x,
            y,
            width: ((self.x + self.width).clamp(0.0, width as f32) - x).max(0.0),
            height: ((self.y + self.height).clamp(0.0, height as f32) - y).max(0.0),
        }
    }

    /// Intersection over union with another box, 0..1.
    pub fn overlap(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let shared = width * height;
        shared / (self.area() + other.area() - shared)
    }

    /// The share of this box's area that lies in another box, 0..1.
    pub fn share_in(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        width.max(0.0) * height.max(0.0) / self.area().max(f32::EPSILON)
    }

    /// The box scaled around its centre by `scale` (less if the picture is smaller than that) and then shifted into a
    /// picture of the given size.
    pub fn grown_inside(&self, scale: f32, width: u32, height: u32) -> Self {
        let (w, h) = (width as f32, height as f32);
        let scale = scale.min(w / self.width.max(1.0)).min(h / self.height.max(1.0));
        let grown_w = (self.width * scale).clamp(1.0, w.max(1.0));
        let grown_h = (self.height * scale).clamp(1.0, h.max(1.0));
        Self {
            x: (self.x + (self.width - grown_w) / 2.0).clamp(0.0, (w - grown_w).max(0.0)),
            y: (self.y + (self.height - grown_h) / 2.0).clamp(0.0, (h - grown_h).max(0.0)),
            width: grown_w,
            height: grown_h,
        }
    }
}

/// A rotation of a picture by quarter turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Turn {
    /// No rotation.
    #[default]
    None,
    /// By 90 degrees clockwise.
    Clockwise,
    /// By 180 degrees.
    Half,
    /// By 90 degrees counter-clockwise.
    Counterclockwise,
}

impl Turn {
    /// All turns except [`Turn::None`].
    pub const OTHERS: [Self; 3] = [Self::Clockwise, Self::Counterclockwise, Self::Half];

    /// The angle in degrees clockwise, -90..=180.
    pub fn degrees(self) -> f32 {
        match self {
            Self::None => 0.0,
            Self::Clockwise => 90.0,
            Self::Half => 180.0,
            Self::Counterclockwise => -90.0,
        }
    }

    /// Width and height of the turned picture.
    pub fn size<T>(self, width: T, height: T) -> (T, T) {
        match self {
            Self::None | Self::Half => (width, height),
            Self::Clockwise | Self::Counterclockwise => (height, width),
        }
    }

    /// Maps a point of a picture of the given size to the turned picture.
    pub fn apply(self, p: Point, width: f32, height: f32) -> Point {
        match self {
            Self::None => p,
            Self::Clockwise => Point::new(height - p.y, p.x),
            Self::Half => Point::new(width - p.x, height - p.y),
            Self::Counterclockwise => Point::new(p.y, width - p.x),
        }
    }

    /// Maps a point of the turned picture back to the picture, whose size before the turn is given.
    pub fn undo(self, p: Point, width: f32, height: f32) -> Point {
        match self {
            Self::None => p,
            Self::Clockwise => Point::new(p.y, height - p.x),
            Self::Half => Point::new(width - p.x, height - p.y),
            Self::Counterclockwise => Point::new(width - p.y, p.x),
        }
    }
}

/// A rotation, a uniform scale and a shift: `x' = a x - b y + tx`, `y' = b x + a y + ty`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SimilarityTransform {
    /// Scale times cosine.
    pub a: f32,
    /// Scale times sine.
    pub b: f32,
    /// Shift rightwards in pixels.
    pub tx: f32,
    /// Shift downwards in pixels.
    pub ty: f32,
}

impl SimilarityTransform {
    /// The transform without reflection that maps `from` to `to` with the least squared error (Umeyama 1991; closed
    /// form in two dimensions). Coincident points give a pure shift.
    pub fn fit(from: &[Point; 5], to: &[Point; 5]) -> Self {
        let (mean_from, mean_to) = (Point::mean(from), Point::mean(to));
        let (mut dot, mut cross, mut spread) = (0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(to) {
            let (px, py) = (p.x - mean_from.x, p.y - mean_from.y);
            let (qx, qy) = (q.x - mean_to.x, q.y - mean_to.y);
            dot += px * qx + py * qy;
            cross += px * qy - py * qx;
            spread += px * px + py * py;
        }
        let (a, b) = if spread > f32::EPSILON { (dot / spread, cross / spread) } else { (1.0, 0.0) };
        Self {
            a,
            b,
            tx: mean_to.x - a * mean_from.x + b * mean_from.y,
            ty: mean_to.y - b * mean_from.x - a * mean_from.y,
        }
    }

    /// The scale: canvas pixels per picture pixel.
    pub fn scale(&self) -> f32 {
        self.a.hypot(self.b)
    }

    /// Transforms a point.
    pub fn apply(&self, p: Point) -> Point {
        Point::new(self.a * p.x - self.b * p.y + self.tx, self.b * p.x + self.a * p.y + self.ty)
    }

    /// The inverse transform; the identity if the scale is zero.
    pub fn inverse(&self) -> Self {
        let scale2 = self.a * self.a + self.b * self.b;
        if scale2 <= f32::EPSILON * f32::EPSILON {
            return Self { a: 1.0, b: 0.0, tx: 0.0, ty: 0.0 };
        }
        let (a, b) = (self.a / scale2, -self.b / scale2);
        Self { a, b, tx: -(a * self.tx - b * self.ty), ty: -(b * self.tx + a * self.ty) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fit_recovers_a_similarity(
            angle in -3.1f32..3.1, scale in 0.05f32..20.0, tx in -500f32..500.0, ty in -500f32..500.0,
        ) {
            let truth = SimilarityTransform { a: scale * angle.cos(), b: scale * angle.sin(), tx, ty };
            let from = [
                Point::new(30.0, 40.0), Point::new(70.0, 42.0), Point::new(50.0, 60.0),
                Point::new(35.0, 80.0), Point::new(66.0, 81.0),
            ];
            let to = from.map(|p| truth.apply(p));
            let found = SimilarityTransform::fit(&from, &to);
            for p in from {
                prop_assert!(found.apply(p).distance(truth.apply(p)) < 0.01 * scale.max(1.0));
                prop_assert!(found.inverse().apply(found.apply(p)).distance(p) < 0.05);
            }
        }

        #[test]
        fn grown_box_lies_inside(
            x in -50f32..900.0, y in -50f32..900.0, w in 0f32..900.0, h in 0f32..900.0,
            pw in 1u32..800, ph in 1u32..800, scale in 0.5f32..4.0,
        ) {
            let r = Rect { x, y, width: w, height: h }.grown_inside(scale, pw, ph);
            prop_assert!(r.x >= 0.0 && r.y >= 0.0 && r.width > 0.0 && r.height > 0.0);
            prop_assert!(r.x + r.width <= pw as f32 + 0.01 && r.y + r.height <= ph as f32 + 0.01);
        }
    }

    proptest! {
        #[test]
        fn a_turn_is_undone(x in 0f32..60.0, y in 0f32..40.0) {
            let p = Point::new(x, y);
            for turn in Turn::OTHERS {
                let there = turn.apply(p, 60.0, 40.0);
                prop_assert!(turn.undo(there, 60.0, 40.0).distance(p) < 1e-3);
                let (width, height) = turn.size(60.0, 40.0);
                prop_assert!((0.0..=width).contains(&there.x) && (0.0..=height).contains(&there.y));
            }
        }
    }

    #[test]
    fn a_clockwise_turn_takes_the_left_edge_to_the_top() {
        let picture = image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 0]));
        let turned = image::imageops::rotate90(&picture);
        for (x, y, pixel) in picture.enumerate_pixels() {
            let there = Turn::Clockwise.apply(Point::new(x as f32 + 0.5, y as f32 + 0.5), 3.0, 2.0);
            assert_eq!(turned.get_pixel(there.x as u32, there.y as u32), pixel);
        }
    }

    #[test]
    fn overlap_of_equal_boxes_is_one_and_of_distant_ones_zero() {
        let r = Rect { x: 1.0, y: 1.0, width: 4.0, height: 2.0 };
        assert_eq!(r.overlap(&r), 1.0);
        assert_eq!(r.overlap(&Rect { x: 10.0, ..r }), 0.0);
    }
}
