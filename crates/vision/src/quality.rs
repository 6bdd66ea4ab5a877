//! Quality of a face picture for recognition, after ISO/IEC 29794-5:2025 (face image quality).
//!
//! Every component is an integer 0..100, higher is better. If the standard's mapping needs no network of its own, it is
//! used as published in the reference implementation (OFIQ). `sharpness` and `landmark_agreement` are measures of this
//! project, described at their functions. The unified score is a weighted geometric mean, so that one very bad
//! component can't be outweighed.

use image::RgbImage;
use serde::Serialize;

use crate::Result;
use crate::attributes::{HeadPose, Landmarks68, five_of, luma};
use crate::detector::DetectedFace;
use crate::geometry::{Point, Rect};
use crate::models::Recognised;
use crate::picture::Picture;
use crate::recognisability::{Cover, CoverEvidence};

/// Height in pixels to which a face is scaled before light and sharpness are measured.
const FACE_HEIGHT: f32 = 128.0;

/// The named components, each 0..100, higher is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Components {
    /// Pixels between the eyes: 50 at 70 pixels.
    pub inter_eye_distance: u8,
    /// Frontality: the worst of the squared cosines of yaw, pitch and roll.
    pub head_pose: u8,
    /// Detail of the face, measured at a common size.
    pub sharpness: u8,
    /// Mean brightness of the face, neither too dark nor too bright.
    pub luminance: u8,
    /// Entropy of the face's brightness, 12.5 per bit.
    pub dynamic_range: u8,
    /// Scarcity of over-exposed pixels in the face.
    pub over_exposure_prevention: u8,
    /// Scarcity of black pixels in the face.
    pub under_exposure_prevention: u8,
    /// Equal lighting of both cheeks.
    pub illumination_uniformity: u8,
    /// Sufficient picture around the face on each side.
    pub crop: u8,
    /// The detector's confidence that this is a face.
    pub confidence: u8,
    /// Agreement of two networks on eyes, nose and mouth; it falls if something covers the face.
    pub landmark_agreement: u8,
    /// Absence of a cover over mouth, eyes or half of the face, as far as the embedding shows.
    pub uncovered: u8,
    /// Length of the embedding before normalisation: 50 at 2.4. Every loss of detail lowers it.
    pub embedding_length: u8,
    /// Dissimilarity of the embedding to those of spoilt faces: 50 at a cosine of 0.38.
    pub distinctness: u8,
    /// Recognisability: the probability that the embedding matches a good picture's.
    pub recognisability: u8,
}

/// A grade in the quality vector of the AICP manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[repr(u8)]
pub enum Grade {
    /// 60 and more.
    Good = 0,
    /// 30 and more.
    Fair = 1,
    /// Under 30.
    Poor = 2,
}

impl Grade {
    fn of(component: u8) -> Self {
        match component {
            60.. => Self::Good,
            30..60 => Self::Fair,
            _ => Self::Poor,
        }
    }
}

/// The quality of one face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quality {
    /// Unified score, 0..1.
    pub score: f32,
    /// The components of the score.
    pub components: Components,
    /// The head pose in degrees.
    pub pose: HeadPose,
    /// The detected cover, if any.
    pub cover: Option<Cover>,
}

impl Quality {
    /// The five grades of the AICP manual's section 7.9: occlusion, light, blur, completeness, confidence.
    pub fn grades(&self) -> [Grade; 5] {
        let c = &self.components;
        let light = [
            c.luminance,
            c.dynamic_range,
            c.over_exposure_prevention,
            c.under_exposure_prevention,
            c.illumination_uniformity,
        ];
        [
            Grade::of(c.landmark_agreement.min(c.uncovered)),
            Grade::of(light.into_iter().min().unwrap_or_default()),
            Grade::of(c.sharpness),
            Grade::of(c.crop),
            Grade::of(c.confidence),
        ]
    }
}

/// Measures the quality of a face with known landmarks and pose.
pub(crate) fn measure(
    picture: &Picture,
    face: &DetectedFace,
    points: &Landmarks68,
    pose: HeadPose,
    recognised: &Recognised,
) -> Result<Quality> {
    let five = five_of(points);
    let eyes = five[0].midpoint(five[1]);
    let eye_distance = five[0].distance(five[1]).max(f32::EPSILON);
    let region = FaceRegion::cut(picture, points)?;
    let histogram = region.histogram();
    let components = Components {
        inter_eye_distance: inter_eye_distance(eye_distance * picture.stored_per_pixel(), pose),
        head_pose: head_pose(pose),
        sharpness: sharpness(region.detail()),
        luminance: luminance(histogram.mean() / 255.0),
        dynamic_range: percent(histogram.entropy() / 8.0),
        over_exposure_prevention: over_exposure(histogram.share(247..=255)),
        under_exposure_prevention: under_exposure(histogram.share(0..=25)),
        illumination_uniformity: percent(region.cheek_likeness(&five).powf(0.3)),
        crop: crop(picture, eyes, eye_distance),
        confidence: percent((face.confidence - 0.5) * 2.0),
        landmark_agreement: landmark_agreement(landmarks_apart(&face.landmarks, &five)),
        uncovered: uncovered(recognised.evidence.covers),
        embedding_length: percent(sigmoid((recognised.evidence.length - 2.4) / 0.35)),
        distinctness: percent(sigmoid((0.38 - recognised.evidence.spoilt_likeness) / 0.07)),
        recognisability: percent(recognised.recognisability),
    };
    let score = unified(&components) * recognisability_factor(recognised.recognisability);
    Ok(Quality { score, components, pose, cover: recognised.evidence.named_cover() })
}

/// ISO/IEC 29794-5 inter-eye distance: a sigmoid around 70 pixels, corrected for the foreshortening of a turned head.
fn inter_eye_distance(pixels: f32, pose: HeadPose) -> u8 {
    let frontal = pixels / pose.yaw.to_radians().cos().max(0.1);
    percent(sigmoid((frontal - 70.0) / 20.0))
}

/// ISO/IEC 29794-5 head pose: the squared cosine of each angle; the worst counts.
fn head_pose(pose: HeadPose) -> u8 {
    let worst = [pose.yaw, pose.pitch, pose.roll]
        .into_iter()
        .map(|angle| angle.to_radians().cos().max(0.0).powi(2))
        .fold(1.0, f32::min);
    percent(worst)
}

/// Maps detail (see [`FaceRegion::detail`]) to a component.
fn sharpness(detail: f32) -> u8 {
    percent(sigmoid((detail.max(1e-6).ln() - DETAIL_MIDDLE) / DETAIL_WIDTH))
}

/// Logarithm of the detail at which sharpness is 50.
const DETAIL_MIDDLE: f32 = -4.0;
/// Width of the sigmoid on the logarithm of the detail.
const DETAIL_WIDTH: f32 = 0.5;

/// ISO/IEC 29794-5 luminance: two sigmoids that cut off the dark and the bright end. `mean` is 0..1.
fn luminance(mean: f32) -> u8 {
    percent(sigmoid((mean - 0.2) / 0.05) * (1.0 - sigmoid((mean - 0.8) / 0.05)))
}

/// ISO/IEC 29794-5 over-exposure prevention from the share of pixels with a luma of 247 and more.
fn over_exposure(share: f32) -> u8 {
    percent(0.01 / (share + 0.01))
}

/// ISO/IEC 29794-5 under-exposure prevention from the share of pixels with a luma of 25 and less.
fn under_exposure(share: f32) -> u8 {
    percent(1.2 * (0.832 - sigmoid((share - 0.92) / 0.05)))
}

/// ISO/IEC 29794-5 crop of the face image: the distance from the middle of the eyes to each edge of the picture, in eye
/// distances; the worst side counts.
fn crop(picture: &Picture, eyes: Point, eye_distance: f32) -> u8 {
    let (width, height) = (picture.width() as f32, picture.height() as f32);
    let sides = [(eyes.x, 0.9), (width - eyes.x, 0.9), (eyes.y, 1.4), (height - eyes.y, 1.8)];
    let worst =
        sides.into_iter().map(|(room, wanted)| sigmoid((room / eye_distance - wanted) / 0.1)).fold(1.0, f32::min);
    percent(worst)
}

/// The mean distance between the detector's five landmarks and the landmark network's, in eye distances: a few
/// hundredths on an uncovered face, more if one of the networks has to guess.
pub(crate) fn landmarks_apart(ours: &[Point; 5], theirs: &[Point; 5]) -> f32 {
    let eye_distance = theirs[0].distance(theirs[1]).max(f32::EPSILON);
    ours.iter().zip(theirs).map(|(a, b)| a.distance(*b)).sum::<f32>() / 5.0 / eye_distance
}

fn landmark_agreement(apart: f32) -> u8 {
    percent(1.0 - sigmoid((apart - APART_MIDDLE) / APART_WIDTH))
}

/// Distance at which landmark agreement is 50.
const APART_MIDDLE: f32 = 0.15;
/// Width of the sigmoid on the distance.
const APART_WIDTH: f32 = 0.03;

/// Maps the evidence for covers to a component: 100 far below the reporting limit, 30 just at it, falling to 0 where
/// the face is refused for the cover.
fn uncovered(covers: CoverEvidence) -> u8 {
    let most = covers.into_iter().fold(f32::NEG_INFINITY, f32::max);
    percent(if most < 0.0 { 0.3 - 0.7 * most.max(-1.0) } else { 0.29 * (1.0 - most) })
}

/// The factor of recognisability on the score, 0..1: 1 if the embedding carries an identity, 0 if it certainly does
/// not. Thus strong blur can't score higher than mild blur, whatever it does to the other components.
fn recognisability_factor(recognisability: f32) -> f32 {
    ((recognisability - ZERO_SCORE_RECOGNISABILITY) / (FULL_SCORE_RECOGNISABILITY - ZERO_SCORE_RECOGNISABILITY))
        .clamp(0.0, 1.0)
}

/// Recognisability up to which the score is zero.
const ZERO_SCORE_RECOGNISABILITY: f32 = 0.1;
/// Recognisability from which the score is not reduced.
const FULL_SCORE_RECOGNISABILITY: f32 = 0.8;

/// The weighted geometric mean of the components, 0..1.
fn unified(c: &Components) -> f32 {
    let weighted = [
        (c.inter_eye_distance, 0.08),
        (c.head_pose, 0.16),
        (c.sharpness, 0.16),
        (c.luminance, 0.07),
        (c.dynamic_range, 0.04),
        (c.over_exposure_prevention, 0.04),
        (c.under_exposure_prevention, 0.04),
        (c.illumination_uniformity, 0.04),
        (c.crop, 0.08),
        (c.confidence, 0.05),
        (c.landmark_agreement, 0.04),
        (c.embedding_length, 0.10),
        (c.distinctness, 0.10),
    ];
    let log: f32 =
        weighted.into_iter().map(|(component, weight)| weight * (f32::from(component.max(1)) / 100.0).ln()).sum();
    log.exp()
}

/// The pixels of a face, scaled to a common height, with a mask of the face's outline.
struct FaceRegion {
    width: usize,
    height: usize,
    luma: Vec<f32>,
    inside: Vec<bool>,
    /// The section of the picture.
    part: Rect,
}

impl FaceRegion {
    /// Extracts the section of the face; the mask is the outline of jaw and brows.
    fn cut(picture: &Picture, points: &Landmarks68) -> Result<Self> {
        let outline: Vec<Point> = (0..=16).chain((17..=26).rev()).map(|i| points[i]).collect();
        let part = Rect::around(&outline).clamped(picture.width(), picture.height());
        let height = FACE_HEIGHT as u32;
        let width = (FACE_HEIGHT * part.width.max(1.0) / part.height.max(1.0)).clamp(16.0, 512.0) as u32;
        let part = Rect { width: part.width.max(1.0), height: part.height.max(1.0), ..part };
        let pixels: RgbImage = picture.scaled(part, width, height)?;
        let local: Vec<Point> = outline
            .iter()
            .map(|p| {
                Point::new((p.x - part.x) / part.width * width as f32, (p.y - part.y) / part.height * height as f32)
            })
            .collect();
        Ok(Self {
            width: width as usize,
            height: height as usize,
            luma: pixels.pixels().map(|p| luma(p.0)).collect(),
            inside: (0..width * height)
                .map(|i| {
                    let centre = Point::new((i % width) as f32 + 0.5, (i / width) as f32 + 0.5);
                    contains(&local, centre)
                })
                .collect(),
            part,
        })
    }

    fn histogram(&self) -> Histogram {
        Histogram::of(self.luma.iter().zip(&self.inside).filter(|&(_, &inside)| inside).map(|(&luma, _)| luma))
    }

    /// The variance of the Laplacian divided by the variance of the luma, both within the face: the share of fine
    /// detail in the contrast. Independent of exposure; low for a small or blurred face, scaled up.
    fn detail(&self) -> f32 {
        let (mut edges, mut light) = (Moments::default(), Moments::default());
        for y in 1..self.height.saturating_sub(1) {
            for x in 1..self.width.saturating_sub(1) {
                let i = y * self.width + x;
                if !self.inside[i] {
                    continue;
                }
                let around =
                    self.luma[i - 1] + self.luma[i + 1] + self.luma[i - self.width] + self.luma[i + self.width];
                edges.add(around - 4.0 * self.luma[i]);
                light.add(self.luma[i]);
            }
        }
        edges.variance() / (light.variance() + 1.0)
    }

    /// The similarity of the two cheeks' histograms, 0..1: their intersection over squares of 0.3 eye distances below
    /// the eyes, halfway to the mouth corners.
    fn cheek_likeness(&self, five: &[Point; 5]) -> f32 {
        let side = five[0].distance(five[1]) * 0.3;
        let cheek = |eye: Point, mouth: Point| {
            let centre = eye.midpoint(mouth);
            let scale_x = self.width as f32 / self.part.width;
            let scale_y = self.height as f32 / self.part.height;
            let range = |middle: f32, half: f32, end: usize| {
                let from = (middle - half).clamp(0.0, end as f32) as usize;
                from..((middle + half).clamp(0.0, end as f32) as usize).max(from)
            };
            let columns = range((centre.x - self.part.x) * scale_x, side / 2.0 * scale_x, self.width);
            let rows = range((centre.y - self.part.y) * scale_y, side / 2.0 * scale_y, self.height);
            Histogram::of(
                rows.flat_map(|y| columns.clone().map(move |x| (x, y))).map(|(x, y)| self.luma[y * self.width + x]),
            )
        };
        let (one, other) = (cheek(five[0], five[3]), cheek(five[1], five[4]));
        if one.total == 0 || other.total == 0 {
            return 0.0;
        }
        // The squares have a few hundred pixels: with 32 bins the comparison measures light, not noise.
        let coarse = |h: &Histogram| -> Vec<f32> {
            h.bins.chunks(8).map(|bins| bins.iter().sum::<u32>() as f32 / h.total as f32).collect()
        };
        coarse(&one).iter().zip(coarse(&other)).map(|(a, b)| a.min(b)).sum()
    }
}

/// Histogram of luma 0..255.
struct Histogram {
    bins: [u32; 256],
    total: u32,
}

impl Histogram {
    fn of(values: impl Iterator<Item = f32>) -> Self {
        let mut histogram = Self { bins: [0; 256], total: 0 };
        for value in values {
            histogram.bins[value.round().clamp(0.0, 255.0) as usize] += 1;
            histogram.total += 1;
        }
        histogram
    }

    fn share(&self, range: std::ops::RangeInclusive<usize>) -> f32 {
        self.bins[range].iter().sum::<u32>() as f32 / self.total.max(1) as f32
    }

    fn mean(&self) -> f32 {
        let sum: f64 = self.bins.iter().enumerate().map(|(value, &n)| value as f64 * f64::from(n)).sum();
        (sum / f64::from(self.total.max(1))) as f32
    }

    /// Shannon entropy in bits, 0..8.
    fn entropy(&self) -> f32 {
        let total = self.total.max(1) as f32;
        -self.bins.iter().filter(|&&n| n > 0).map(|&n| n as f32 / total).map(|p| p * p.log2()).sum::<f32>()
    }
}

/// Running sums for a variance.
#[derive(Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, value: f32) {
        let value = f64::from(value);
        self.count += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    fn variance(&self) -> f32 {
        if self.count == 0.0 {
            return 0.0;
        }
        let mean = self.sum / self.count;
        (self.squares / self.count - mean * mean).max(0.0) as f32
    }
}

/// Whether a point lies in a polygon: a ray to the right crosses the border an odd number of times.
fn contains(polygon: &[Point], p: Point) -> bool {
    let mut inside = false;
    let mut previous = polygon.len().wrapping_sub(1);
    for (i, a) in polygon.iter().enumerate() {
        let b = polygon[previous];
        if (a.y > p.y) != (b.y > p.y) && p.x < (b.x - a.x) * (p.y - a.y) / (b.y - a.y) + a.x {
            inside = !inside;
        }
        previous = i;
    }
    inside
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Converts a share 0..1 to an integer 0..100; values outside are clipped.
fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_meet_the_published_points() {
        let frontal = HeadPose::default();
        assert_eq!(inter_eye_distance(70.0, frontal), 50);
        assert_eq!(inter_eye_distance(130.0, frontal), 95);
        assert_eq!(head_pose(HeadPose { yaw: 45.0, ..frontal }), 50);
        assert_eq!(head_pose(HeadPose { yaw: 120.0, ..frontal }), 0);
        assert_eq!(luminance(0.5), 100);
        assert_eq!(luminance(0.2), 50);
        assert_eq!(over_exposure(0.0), 100);
        assert_eq!(over_exposure(0.01), 50);
        assert_eq!(under_exposure(0.0), 100);
        assert_eq!(under_exposure(1.0), 0);
    }

    #[test]
    fn polygon_contains_its_middle_only() {
        let square = [Point::new(0.0, 0.0), Point::new(4.0, 0.0), Point::new(4.0, 4.0), Point::new(0.0, 4.0)];
        assert!(contains(&square, Point::new(2.0, 2.0)));
        assert!(!contains(&square, Point::new(5.0, 2.0)));
        assert!(!contains(&[], Point::new(5.0, 2.0)));
    }

    #[test]
    fn entropy_of_two_equal_halves_is_one_bit() {
        let h = Histogram::of([0.0, 0.0, 200.0, 200.0].into_iter());
        assert!((h.entropy() - 1.0).abs() < 1e-6);
        assert_eq!(h.mean(), 100.0);
        assert_eq!(h.share(0..=25), 0.5);
    }

    #[test]
    fn a_cover_that_is_named_is_graded_poor() {
        assert_eq!(uncovered([-2.0, -1.5, -9.0]), 100);
        assert_eq!(Grade::of(uncovered([-2.0, -0.01, -9.0])), Grade::Fair);
        assert_eq!(Grade::of(uncovered([-2.0, 0.01, -9.0])), Grade::Poor);
        assert_eq!(uncovered([-2.0, 1.5, -9.0]), 0);
    }

    #[test]
    fn one_bad_component_pulls_the_score_down() {
        let good = Components {
            inter_eye_distance: 100,
            head_pose: 100,
            sharpness: 100,
            luminance: 100,
            dynamic_range: 100,
            over_exposure_prevention: 100,
            under_exposure_prevention: 100,
            illumination_uniformity: 100,
            crop: 100,
            confidence: 100,
            landmark_agreement: 100,
            uncovered: 100,
            embedding_length: 100,
            distinctness: 100,
            recognisability: 100,
        };
        assert!((unified(&good) - 1.0).abs() < 1e-5);
        assert!(unified(&Components { sharpness: 0, ..good }) < 0.5);
    }
}
