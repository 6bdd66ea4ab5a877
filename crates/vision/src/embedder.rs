//! Embedding of a face: alignment to the ArcFace points, then the network.

use std::sync::Arc;

use image::RgbImage;

use crate::Result;
use crate::geometry::{Point, SimilarityTransform};
use crate::manifest::Role;
use crate::onnx::Shapes;
use crate::picture::Picture;
use crate::runtime::{Model, Runtime};

/// Numbers of an embedding.
pub(crate) const DIMENSIONS: usize = 512;
/// Side of the aligned face in pixels.
const SIDE: u32 = 112;

/// The five landmarks' coordinates in the aligned face (Deng et al., "ArcFace", 2019).
pub(crate) const TARGET: [Point; 5] = [
    Point::new(38.2946, 51.6963),
    Point::new(73.5318, 51.5014),
    Point::new(56.0252, 71.7366),
    Point::new(41.5493, 92.3655),
    Point::new(70.7299, 92.2041),
];

/// A face as a point on the unit sphere; the cosine of two embeddings measures the similarity of the faces.
#[derive(Clone, PartialEq)]
pub struct Embedding(Vec<f32>);

impl Embedding {
    /// Scales numbers to unit length; `None` if all are zero or one is not finite.
    pub fn new(mut numbers: Vec<f32>) -> Option<Self> {
        let norm = numbers.iter().map(|v| v * v).sum::<f32>().sqrt();
        if !norm.is_finite() || norm <= f32::MIN_POSITIVE {
            return None;
        }
        for number in &mut numbers {
            *number /= norm;
        }
        Some(Self(numbers))
    }

    /// The numbers; their squares sum to one.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The numbers.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }

    /// The cosine to another embedding of the same model, -1..1.
    pub fn cosine(&self, other: &Self) -> f32 {
        let dot: f32 = self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum();
        dot.clamp(-1.0, 1.0)
    }
}

impl std::fmt::Debug for Embedding {
    /// Omits the numbers: biometric data stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Embedding({} numbers)", self.0.len())
    }
}

/// Purpose of an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// For searching or verifying: one run of the network.
    Probe,
    /// For storing: the mean of the face and its mirror image, which costs a second run and matches better.
    Enrolment,
}

/// The embedder network.
pub(crate) struct Embedder {
    model: Model,
    input: Vec<f32>,
}

impl Embedder {
    pub fn load(runtime: &Runtime, name: &str, file: &Arc<[u8]>) -> Result<Self> {
        Ok(Self {
            model: Model::load(runtime, Role::Embedder, name, file, Shapes::Fixed)?,
            input: vec![0.0; (3 * SIDE * SIDE) as usize],
        })
    }

    /// Aligns the face with these five landmarks and embeds it.
    pub fn embed(&mut self, picture: &Picture, landmarks: &[Point; 5], purpose: Purpose) -> Result<Embedded> {
        let aligned = align(picture, landmarks)?;
        let mut numbers = self.run(&aligned)?;
        let mut length = length(&numbers);
        if purpose == Purpose::Enrolment {
            let mirrored = self.run(&image::imageops::flip_horizontal(&aligned))?;
            let other = self::length(&mirrored);
            // Both have equal weight, whatever their lengths.
            for (a, b) in numbers.iter_mut().zip(mirrored) {
                *a = *a / length + b / other;
            }
            length = (length + other) / 2.0;
        }
        let embedding =
            Embedding::new(numbers).ok_or_else(|| crate::Error::Worker("an embedding has no length".to_owned()))?;
        Ok(Embedded { embedding, length })
    }

    /// Returns the network's output for an aligned face.
    fn run(&mut self, aligned: &RgbImage) -> Result<Vec<f32>> {
        let plane = (SIDE * SIDE) as usize;
        for (i, pixel) in aligned.as_raw().chunks_exact(3).enumerate() {
            for (channel, &value) in pixel.iter().rev().enumerate() {
                self.input[channel * plane + i] = (f32::from(value) - 127.0) / 128.0;
            }
        }
        let side = SIDE as usize;
        self.model.run([1, 3, side, side], &self.input, |outputs| match outputs {
            [only] => Some(only.data.to_vec()),
            _ => None,
        })
    }
}

/// An embedding and the length of the network's output before normalisation.
pub(crate) struct Embedded {
    pub embedding: Embedding,
    /// For an enrolment, the mean of the face's and its mirror image's lengths.
    pub length: f32,
}

fn length(numbers: &[f32]) -> f32 {
    numbers.iter().map(|v| v * v).sum::<f32>().sqrt()
}

/// The root mean squared distance of five landmarks from the ArcFace points after the best fit, in eye distances of the
/// ArcFace points. A frontal face stays under 0.1.
pub(crate) fn misfit(landmarks: &[Point; 5]) -> f32 {
    let place = SimilarityTransform::fit(landmarks, &TARGET);
    let squares: f32 = landmarks.iter().zip(&TARGET).map(|(p, q)| place.apply(*p).distance(*q).powi(2)).sum();
    (squares / 5.0).sqrt() / TARGET[0].distance(TARGET[1])
}

/// Aligns the face to the ArcFace points, 112x112 pixels.
pub(crate) fn align(picture: &Picture, landmarks: &[Point; 5]) -> Result<RgbImage> {
    picture.draw_transformed(&SimilarityTransform::fit(landmarks, &TARGET), SIDE, SIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_have_length_one_and_nothing_comes_of_zeros() {
        let e = Embedding::new(vec![3.0, 4.0]).expect("has a length");
        assert_eq!(e.as_slice(), [0.6, 0.8]);
        assert!((e.cosine(&e) - 1.0).abs() < 1e-6);
        assert!(Embedding::new(vec![0.0; 4]).is_none());
        assert!(Embedding::new(vec![f32::NAN; 4]).is_none());
    }

    #[test]
    fn debug_shows_no_numbers() {
        let e = Embedding::new(vec![0.123, 0.9]).expect("has a length");
        assert_eq!(format!("{e:?}"), "Embedding(2 numbers)");
    }
}
