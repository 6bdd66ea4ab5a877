//! Decoding of the detector's output maps into faces.

use super::DetectedFace;
use crate::geometry::{Point, Rect, Turn};
use crate::runtime::Output;

/// Width and height of an output cell in input pixels.
const STRIDE: f32 = 4.0;
/// Minimum heat of a cell that counts as a face.
const THRESHOLD: f32 = 0.5;
/// Maximum overlap of two boxes; above it the one with the lower confidence is removed.
pub(super) const MAX_OVERLAP: f32 = 0.3;

/// The four output maps.
pub(super) struct OutputMaps<'a> {
    width: usize,
    plane: usize,
    heat: &'a [f32],
    size: &'a [f32],
    offset: &'a [f32],
    landmarks: &'a [f32],
}

impl<'a> OutputMaps<'a> {
    pub fn of(outputs: &[Output<'a>]) -> Option<Self> {
        let [heat, size, offset, landmarks] = outputs else { return None };
        let &[1, 1, height, width] = heat.shape else { return None };
        let (height, width) = (usize::try_from(height).ok()?, usize::try_from(width).ok()?);
        let plane = height * width;
        let fits = heat.data.len() == plane
            && size.data.len() == 2 * plane
            && offset.data.len() == 2 * plane
            && landmarks.data.len() == 10 * plane;
        fits.then_some(Self {
            width,
            plane,
            heat: heat.data,
            size: size.data,
            offset: offset.data,
            landmarks: landmarks.data,
        })
    }

    /// Every cell above the threshold as a face, in input pixels.
    pub fn faces(&self) -> Vec<DetectedFace> {
        let hot = self.heat.iter().enumerate().filter(|&(_, &heat)| heat > THRESHOLD);
        hot.map(|(cell, &confidence)| {
            let (row, column) = (cell / self.width, cell % self.width);
            let height = self.size[cell].exp() * STRIDE;
            let width = self.size[self.plane + cell].exp() * STRIDE;
            let x = (column as f32 + self.offset[self.plane + cell] + 0.5) * STRIDE - width / 2.0;
            let y = (row as f32 + self.offset[cell] + 0.5) * STRIDE - height / 2.0;
            let landmarks = std::array::from_fn(|i| {
                Point::new(
                    self.landmarks[(2 * i + 1) * self.plane + cell] * width + x,
                    self.landmarks[2 * i * self.plane + cell] * height + y,
                )
            });
            let area = Rect { x, y, width, height };
            DetectedFace { area, frame: area, turn: Turn::None, landmarks, confidence }
        })
        .collect()
    }
}

/// Non-maximum suppression: of overlapping faces only the one with the highest confidence remains.
pub(super) fn suppress(mut faces: Vec<DetectedFace>) -> Vec<DetectedFace> {
    faces.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
    let mut kept: Vec<DetectedFace> = Vec::new();
    for face in faces {
        if kept.iter().all(|k| k.area.overlap(&face.area) <= MAX_OVERLAP) {
            kept.push(face);
        }
    }
    kept
}
