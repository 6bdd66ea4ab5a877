//! The small networks that run on one face: 68 landmarks, liveness and head pose.

use std::sync::Arc;

use image::RgbImage;
use serde::Serialize;

use crate::Result;
use crate::embedder::TARGET;
use crate::geometry::{Point, Rect, SimilarityTransform};
use crate::manifest::Role;
use crate::onnx::Shapes;
use crate::picture::Picture;
use crate::runtime::{Model, Output, Runtime};

/// 68 landmarks in the order of the iBUG 300-W mark-up.
pub(crate) type Landmarks68 = [Point; 68];

/// The landmark network.
pub(crate) struct Landmarker(Model);

impl Landmarker {
    const SIDE: u32 = 64;
    const CROP: f32 = 1.2;

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Landmarks, name, file, Shapes::Fixed).map(Self)
    }

    /// Returns the 68 landmarks of the face in this frame, in pixels of the picture. The part of the frame outside the
    /// picture is black, so that a face at the edge keeps its position and size in the network's input.
    pub fn find(&mut self, picture: &Picture, frame: &Frame) -> Result<Landmarks68> {
        let crop = Frame { area: frame.area.grown(Self::CROP), ..*frame };
        let pixels = crop.cut(picture, Self::SIDE)?;
        let input: Vec<f32> = pixels.pixels().map(|p| luma(p.0) / 256.0).collect();
        let side = Self::SIDE as usize;
        self.0.run([1, 1, side, side], &input, |outputs| {
            let [Output { data, .. }] = outputs else { return None };
            let (pairs, _) = data.as_chunks::<2>();
            let points: Vec<Point> = pairs.iter().map(|[x, y]| crop.point(*x, *y)).collect();
            points.try_into().ok()
        })
    }

    /// Returns the landmarks of a second run in the frame computed from those of the first, which makes them depend
    /// less on the exact box of the detector.
    pub fn find_exactly(&mut self, picture: &Picture, frame: &Frame) -> Result<Landmarks68> {
        let rough = self.find(picture, frame)?;
        self.find(picture, &Frame::of_landmarks(&rough))
    }
}

/// A box around a face, rotated with the face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    /// The box before its rotation around its centre. It may reach outside the picture.
    pub area: Rect,
    /// The rotation in degrees clockwise; 0 if the face is nearly upright.
    pub roll: f32,
}

impl Frame {
    /// Faces with less roll, in degrees, are not rotated: the landmark network does as well on them.
    const UPRIGHT: f32 = 12.0;

    /// The frame of a detector's box, rotated by the roll of its five landmarks.
    pub fn of_detected(area: Rect, landmarks: &[Point; 5]) -> Self {
        Self { area, roll: Self::roll_of(landmarks) }
    }

    /// The box that the detector would give a face with these landmarks; its top is a quarter of their height above the
    /// brows. The factors are medians over the sample pictures.
    fn of_landmarks(points: &Landmarks68) -> Self {
        let roll = Self::roll_of(&five_of(points));
        let centre = Point::mean(points);
        let upright = points.map(|p| turned(p, centre, -roll));
        let all = Rect::around(&upright);
        let area = Rect { y: all.y - 0.25 * all.height, height: 1.26 * all.height, ..all };
        // The frame rotates around its own centre, not around that of the landmarks.
        let (at, to) = (area.centre(), turned(area.centre(), centre, roll));
        Self { area: Rect { x: area.x + to.x - at.x, y: area.y + to.y - at.y, ..area }, roll }
    }

    fn roll_of(landmarks: &[Point; 5]) -> f32 {
        let roll = roll(landmarks);
        if roll.abs() < Self::UPRIGHT { 0.0 } else { roll }
    }

    /// The content of the frame, scaled to a square.
    fn cut(&self, picture: &Picture, side: u32) -> Result<RgbImage> {
        let Rect { x, y, width, height } = self.area;
        let is_inside =
            x >= 0.0 && y >= 0.0 && x + width <= picture.width() as f32 && y + height <= picture.height() as f32;
        if is_inside && self.roll == 0.0 {
            return picture.scaled(self.area, side, side);
        }
        let scale = 2.0 * side as f32 / height.max(1.0);
        let (w, h) = ((width.max(1.0) * scale).round().clamp(1.0, 16.0 * side as f32), 2.0 * side as f32);
        let (sin, cos) = (-self.roll).to_radians().sin_cos();
        let (a, b) = (scale * cos, scale * sin);
        let centre = self.area.centre();
        let place = SimilarityTransform {
            a,
            b,
            tx: w / 2.0 - 0.5 - a * (centre.x - 0.5) + b * (centre.y - 0.5),
            ty: h / 2.0 - 0.5 - b * (centre.x - 0.5) - a * (centre.y - 0.5),
        };
        let (w, h) = (w as u32, h as u32);
        let upright = Picture::from_rgb(picture.draw_transformed(&place, w, h)?);
        upright.scaled(Rect { x: 0.0, y: 0.0, width: w as f32, height: h as f32 }, side, side)
    }

    /// Converts coordinates relative to the frame (0..1 along each side) to a point of the picture.
    fn point(&self, x: f32, y: f32) -> Point {
        let Rect { x: left, y: top, width, height } = self.area;
        turned(Point::new(left + x * width, top + y * height), self.area.centre(), self.roll)
    }
}

/// Rotates a point around another, in degrees clockwise.
fn turned(p: Point, centre: Point, degrees: f32) -> Point {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (x, y) = (p.x - centre.x, p.y - centre.y);
    Point::new(centre.x + cos * x - sin * y, centre.y + sin * x + cos * y)
}

/// The roll of a face with these landmarks in the picture, in degrees clockwise, -180..180.
pub(crate) fn roll(landmarks: &[Point; 5]) -> f32 {
    let upright = SimilarityTransform::fit(landmarks, &TARGET);
    -upright.b.atan2(upright.a).to_degrees()
}

/// Computes eyes, nose tip and mouth corners from the 68 landmarks, in the detector's order.
pub(crate) fn five_of(points: &Landmarks68) -> [Point; 5] {
    let mean = |indices: &[usize]| Point::mean(&indices.iter().map(|&i| points[i]).collect::<Vec<_>>());
    [mean(&[37, 38, 40, 41]), mean(&[43, 44, 46, 47]), points[30], mean(&[48, 60]), mean(&[54, 64])]
}

/// The liveness network (presentation attack detection on one colour picture).
pub(crate) struct LivenessJudge(Model);

impl LivenessJudge {
    const SIDE: u32 = 128;
    const CROP: f32 = 2.7;
    /// Minimum visible area around the face, in sides of its box. With less, live faces are rejected as pictures:
    /// measured from outside, 1.6 % at 1.6, 23 % at 1.3, 77 % at 1.0.
    const MIN_VISIBLE_RATIO: f32 = 1.6;

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Liveness, name, file, Shapes::Fixed).map(Self)
    }

    /// Judges whether the face in this box was itself in front of the camera.
    pub fn judge(&mut self, picture: &Picture, face: &Rect) -> Result<Liveness> {
        let crop = face.grown_inside(Self::CROP, picture.width(), picture.height());
        let pixels = picture.scaled(crop, Self::SIDE, Self::SIDE)?;
        let input = planes(&pixels, |channel, value| (2 - channel, f32::from(value)));
        let side = Self::SIDE as usize;
        let probability = self.0.run([1, 3, side, side], &input, |outputs| {
            let [Output { data, .. }] = outputs else { return None };
            softmax(data).first().copied()
        })?;
        let visible = (crop.width / face.width.max(1.0)).min(crop.height / face.height.max(1.0));
        Ok(Liveness { probability, is_too_tight: visible < Self::MIN_VISIBLE_RATIO })
    }
}

/// Whether a face itself, not a picture of it, was in front of the camera.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Liveness {
    /// The probability, 0..1, that the face is live.
    pub probability: f32,
    /// Whether the picture shows too little around the face for a judgement: less than 1.6 times its box.
    pub is_too_tight: bool,
}

/// Direction of a head in degrees; zero faces the camera.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct HeadPose {
    /// Rotation to the side; positive towards the left edge of the picture.
    pub yaw: f32,
    /// Nod; positive upwards.
    pub pitch: f32,
    /// Tilt to a shoulder; positive clockwise in the picture.
    pub roll: f32,
}

/// The head-pose network (Ruiz et al., "Fine-Grained Head Pose Estimation Without Keypoints", 2018).
pub(crate) struct PoseEstimator(Model);

impl PoseEstimator {
    const SIDE: u32 = 224;
    const CROP: f32 = 1.5;
    const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
    const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Model::load(runtime, Role::Pose, name, file, Shapes::Fixed).map(Self)
    }

    /// Estimates the pose of the head with this face box.
    pub fn estimate(&mut self, picture: &Picture, face: &Rect) -> Result<HeadPose> {
        let crop = face.grown_inside(Self::CROP, picture.width(), picture.height());
        let pixels = picture.scaled(crop, Self::SIDE, Self::SIDE)?;
        let input = planes(&pixels, |channel, value| {
            let value = (f32::from(value) / 255.0 - Self::MEAN[channel]) / Self::DEVIATION[channel];
            (channel, value)
        });
        let side = Self::SIDE as usize;
        self.0.run([1, 3, side, side], &input, |outputs| {
            let [yaw, pitch, roll] = outputs else { return None };
            Some(HeadPose { yaw: degrees(yaw.data), pitch: degrees(pitch.data), roll: degrees(roll.data) })
        })
    }
}

/// The expected angle over 66 bins of three degrees, the first of which is -99.
fn degrees(bins: &[f32]) -> f32 {
    let expected: f32 = softmax(bins).iter().enumerate().map(|(i, p)| i as f32 * p).sum();
    expected * 3.0 - 99.0
}

fn softmax(values: &[f32]) -> Vec<f32> {
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exps: Vec<f32> = values.iter().map(|v| (v - top).exp()).collect();
    let sum: f32 = exps.iter().sum();
    exps.into_iter().map(|e| e / sum).collect()
}

/// Converts interleaved pixels to planes; `place` maps channel and value to the plane and its value.
fn planes(pixels: &RgbImage, place: impl Fn(usize, u8) -> (usize, f32)) -> Vec<f32> {
    let plane = (pixels.width() * pixels.height()) as usize;
    let mut out = vec![0.0; 3 * plane];
    for (i, pixel) in pixels.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            let (target, value) = place(channel, value);
            out[target * plane + i] = value;
        }
    }
    out
}

/// Luma of an RGB pixel, 0..255 (ITU-R BT.601).
pub(crate) fn luma([r, g, b]: [u8; 3]) -> f32 {
    0.299 * f32::from(r) + 0.587 * f32::from(g) + 0.114 * f32::from(b)
}
