//! Recognisability: the probability that an embedding carries an identity.
//!
//! Embeddings of spoilt faces (dark, blurred, cut, covered) cluster at a few places of the embedding space regardless
//! of the person, so that two strangers match. A [`Judge`] holds the mean embeddings of spoilt faces, one per kind.
//! From the similarity to them, the length of the embedding before normalisation and the landmarks it computes the
//! recognisability: how probable it is that a face still matches itself. From a probe of medium recognisability it
//! removes the common part of spoilt faces. docs/recognition.md has the measurements,
//! docs/decisions/0001-recognisability.md the reasons.

use serde::{Deserialize, Serialize};

use crate::embedder::Embedding;
use crate::manifest::{Manifest, RecognisabilityEntry, Role, digest};
use crate::{Error, Result};

/// The means of the manifest, little-endian floats, one mean after the other.
const MEANS: &[u8] = include_bytes!("../../../models/spoilt-means.f32");

/// The cover detectors of the manifest, little-endian floats: for each its weights, then its bias.
const COVERS: &[u8] = include_bytes!("../../../models/covers.f32");

/// Minimum recognisability of a face that carries an identity.
pub const RECOGNISABLE: f32 = 0.5;
/// Recognisability from which a probe stays unchanged.
const UNTOUCHED: f32 = 0.97;
/// Recognisability up to which a probe loses the whole common part of spoilt faces; above it, a share.
const CLEANED: f32 = 0.88;
/// Maximum cosine of a template to a mean of spoilt faces for it to carry an identity, if nothing else is known of it.
const SPOILT_TEMPLATE: f32 = 0.45;

/// Returns whether a face of this recognisability, 0..1, is recognisable enough where `least` is wanted; 0 accepts every
/// face.
pub fn is_recognisable_enough(recognisability: f32, least: f32) -> bool {
    recognisability >= least
}

/// Measurements of a face and its embedding from which its recognisability is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evidence {
    /// The largest cosine of the embedding to a mean of spoilt faces.
    pub spoilt_likeness: f32,
    /// The length of the embedding before normalisation; for an enrolment the mean of the face and its mirror image.
    pub length: f32,
    /// The mean distance between the detector's and the landmark network's landmarks, in eye distances.
    pub landmarks_apart: f32,
    /// The distance of the landmarks from those of an upright frontal face, in eye distances.
    pub misfit: f32,
    /// The detector's confidence, 0.5..1.
    pub confidence: f32,
    /// The evidence for each cover.
    pub covers: CoverEvidence,
}

impl Evidence {
    /// The cover with the strongest evidence; `None` if none has evidence above 0.
    pub fn named_cover(&self) -> Option<Cover> {
        let named = Cover::ALL.into_iter().zip(self.covers).filter(|(_, evidence)| *evidence > 0.0);
        named.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(cover, _)| cover)
    }
}

/// Weights of a logistic regression; positive values count against the face.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
pub struct Weights {
    /// The constant term.
    pub bias: f32,
    /// Weight of [`Evidence::spoilt_likeness`].
    pub spoilt_likeness: f32,
    /// Weight of [`Evidence::length`].
    pub length: f32,
    /// Weight of the logarithm of [`Evidence::landmarks_apart`] plus 0.01.
    pub landmarks_apart: f32,
    /// Weight of [`Evidence::misfit`].
    pub misfit: f32,
    /// Weight of [`Evidence::confidence`].
    pub confidence: f32,
}

impl Weights {
    /// The features in the order of the weights after the bias.
    pub fn features(evidence: &Evidence) -> [f32; 5] {
        let Evidence { spoilt_likeness, length, landmarks_apart, misfit, confidence, .. } = *evidence;
        [spoilt_likeness, length, (landmarks_apart + 0.01).ln(), misfit, confidence]
    }

    fn against(&self, evidence: &Evidence) -> f32 {
        let Self { bias, spoilt_likeness, length, landmarks_apart, misfit, confidence } = *self;
        let weights = [spoilt_likeness, length, landmarks_apart, misfit, confidence];
        bias + weights.iter().zip(Self::features(evidence)).map(|(weight, value)| weight * value).sum::<f32>()
    }
}

/// Something that covers a part of a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cover {
    /// Mouth and nose.
    Mouth,
    /// Both eyes.
    Eyes,
    /// The left or the right half.
    Half,
}

impl Cover {
    /// All covers, in the order of [`CoverEvidence`].
    pub const ALL: [Self; 3] = [Self::Mouth, Self::Eyes, Self::Half];
}

/// Evidence for each of [`Cover::ALL`]. Above 0 the cover is reported; from 1 on a face with covered mouth or eyes is
/// refused.
pub type CoverEvidence = [f32; 3];

/// Linear detector of one cover, on an embedding.
#[derive(Clone)]
pub struct CoverDetector {
    /// One weight per dimension of the embedding.
    pub weights: Vec<f32>,
    /// The constant term.
    pub bias: f32,
}

impl CoverDetector {
    /// Returns the evidence for the cover.
    pub fn evidence(&self, embedding: &[f32]) -> f32 {
        dot(&self.weights, embedding) + self.bias
    }
}

/// Judges the recognisability of embeddings of one model.
#[derive(Clone)]
pub struct Judge {
    means: Vec<Embedding>,
    /// Orthonormal vectors that span the means.
    basis: Vec<Vec<f32>>,
    weights: Weights,
    covers: Option<[CoverDetector; 3]>,
}

impl std::fmt::Debug for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Judge({} means)", self.means.len())
    }
}

impl Judge {
    /// Creates a judge from the means of spoilt faces and the detectors for each of [`Cover::ALL`].
    pub fn new(means: Vec<Embedding>, weights: Weights, covers: Option<[CoverDetector; 3]>) -> Self {
        let mut basis: Vec<Vec<f32>> = Vec::new();
        for mean in &means {
            let mut rest = mean.as_slice().to_vec();
            // Twice, as rounding leaves a small remainder the first time.
            for _ in 0..2 {
                subtract_projection(&mut rest, &basis, 1.0);
            }
            // A mean within the span of the others would add a direction of pure noise.
            if dot(&rest, &rest).sqrt() > 0.05 {
                basis.extend(Embedding::new(rest).map(Embedding::into_vec));
            }
        }
        Self { means, basis, weights, covers }
    }

    /// The judge of the manifest; `None` if it is for another embedder than the manifest's.
    ///
    /// # Errors
    /// [`Error::Checksum`] or [`Error::Manifest`] if the means differ from what the manifest says.
    pub fn embedded() -> Result<Option<Self>> {
        let manifest = Manifest::embedded()?;
        let embedder = manifest.model(Role::Embedder)?;
        let RecognisabilityEntry { file, sha256, algorithm, kinds, weights, covers } = &manifest.recognisability;
        if *algorithm != embedder.algorithm {
            return Ok(None);
        }
        let numbers = floats(file, MEANS, sha256)?;
        let detectors = floats(&covers.file, COVERS, &covers.sha256)?;
        let means: Option<Vec<Embedding>> = match numbers.len() / kinds.len().max(1) {
            0 => None,
            dimensions => numbers.chunks(dimensions).map(|mean| Embedding::new(mean.to_vec())).collect(),
        };
        let means = means
            .filter(|means| means.len() == kinds.len())
            .ok_or_else(|| Error::Manifest(format!("{file} does not hold {} means", kinds.len())))?;
        let detectors: Option<Vec<CoverDetector>> = detectors
            .chunks(detectors.len() / Cover::ALL.len())
            .map(|numbers| {
                numbers.split_last().map(|(bias, weights)| CoverDetector { weights: weights.to_vec(), bias: *bias })
            })
            .collect();
        let detectors = detectors
            .and_then(|detectors| detectors.try_into().ok())
            .ok_or_else(|| Error::Manifest(format!("{} does not hold a detector for each cover", covers.file)))?;
        Ok(Some(Self::new(means, *weights, Some(detectors))))
    }

    /// The largest cosine of a unit vector to a mean of spoilt faces, -1..1.
    pub fn spoilt_likeness(&self, template: &[f32]) -> f32 {
        self.means.iter().map(|mean| dot(mean.as_slice(), template)).fold(-1.0, f32::max)
    }

    /// Returns the evidence for each cover.
    pub fn cover_evidence(&self, embedding: &[f32]) -> CoverEvidence {
        self.covers.as_ref().map_or([-1.0; 3], |covers| covers.each_ref().map(|cover| cover.evidence(embedding)))
    }

    /// The probability, 0..1, that a face with this evidence matches itself; below [`RECOGNISABLE`] if it is certainly
    /// covered.
    pub fn recognisability(&self, evidence: &Evidence) -> f32 {
        // The detector of halves also fires on profiles, so it does not reduce recognisability.
        let [mouth, eyes, _half] = evidence.covers;
        let covered = mouth.max(eyes).clamp(0.0, 1.0);
        (1.0 - 0.51 * covered) / (1.0 + self.weights.against(evidence).exp())
    }

    /// Whether a template carries an identity, if nothing else is known of it.
    pub fn accepts_template(&self, template: &[f32]) -> bool {
        self.spoilt_likeness(template) <= SPOILT_TEMPLATE
    }

    /// Removes the common part of spoilt faces from a probe, as far as its recognisability requires, so that two spoilt
    /// strangers do not match because of it. A good probe stays unchanged.
    pub fn cleaned(&self, probe: Embedding, recognisability: f32) -> Embedding {
        let share = ((UNTOUCHED - recognisability) / (UNTOUCHED - CLEANED)).clamp(0.0, 1.0);
        if share == 0.0 {
            return probe;
        }
        let mut numbers = probe.as_slice().to_vec();
        subtract_projection(&mut numbers, &self.basis, share);
        // A probe entirely within the span of the means has no direction left.
        Embedding::new(numbers).unwrap_or(probe)
    }
}

/// Reads the numbers of an embedded file after verifying its checksum.
fn floats(file: &str, bytes: &[u8], sha256: &str) -> Result<Vec<f32>> {
    let found = digest(bytes);
    if found != sha256 {
        return Err(Error::Checksum { path: file.into(), found, expected: sha256.to_owned() });
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Subtracts a share of the projection onto the basis from a vector.
fn subtract_projection(numbers: &mut [f32], basis: &[Vec<f32>], share: f32) {
    for direction in basis {
        let along = share * dot(numbers, direction);
        for (number, part) in numbers.iter_mut().zip(direction) {
            *number -= along * part;
        }
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(numbers: &[f32]) -> Embedding {
        Embedding::new(numbers.to_vec()).expect("has a length")
    }

    fn judge() -> Judge {
        let weights = Weights {
            bias: 0.0,
            spoilt_likeness: 10.0,
            length: -1.0,
            landmarks_apart: 0.0,
            misfit: 0.0,
            confidence: 0.0,
        };
        Judge::new(vec![unit(&[1.0, 0.0, 0.0, 0.0]), unit(&[1.0, 1.0, 0.0, 0.0])], weights, None)
    }

    #[test]
    fn a_spoilt_probe_loses_what_spoilt_faces_have_in_common() {
        let cleaned = judge().cleaned(unit(&[3.0, 2.0, 1.0, 1.0]), 0.6);
        assert!(cleaned.cosine(&unit(&[0.0, 0.0, 1.0, 1.0])) > 0.9999);
    }

    #[test]
    fn a_good_probe_stays_and_one_of_nothing_else_too() {
        let probe = unit(&[3.0, 2.0, 1.0, 1.0]);
        assert_eq!(judge().cleaned(probe.clone(), 0.99), probe);
        let spoilt = unit(&[1.0, 0.0, 0.0, 0.0]);
        assert_eq!(judge().cleaned(spoilt.clone(), 0.0), spoilt);
    }

    #[test]
    fn likeness_speaks_against_a_face_and_length_for_it() {
        let evidence = |spoilt_likeness, length| Evidence {
            spoilt_likeness,
            length,
            landmarks_apart: 0.1,
            misfit: 0.1,
            confidence: 0.9,
            covers: [-1.0; 3],
        };
        let judged = |likeness, length| judge().recognisability(&evidence(likeness, length));
        assert!(judged(0.1, 3.5) > judged(0.4, 3.5) && judged(0.4, 3.5) > judged(0.4, 2.0));
        assert!((judge().spoilt_likeness(&[0.0, 1.0, 0.0, 0.0]) - 0.5f32.sqrt()).abs() < 1e-6);
    }

    #[test]
    fn a_covered_face_is_not_recognisable() {
        let evidence = |covers| Evidence {
            spoilt_likeness: 0.0,
            length: 9.0,
            landmarks_apart: 0.1,
            misfit: 0.1,
            confidence: 0.9,
            covers,
        };
        assert!(judge().recognisability(&evidence([-2.0, 0.0, -1.0])) > 0.99);
        assert!(judge().recognisability(&evidence([-2.0, 1.5, -1.0])) < RECOGNISABLE);
        assert_eq!(evidence([-2.0, 0.5, 0.1]).named_cover(), Some(Cover::Eyes));
        assert_eq!(evidence([-2.0, -0.5, -0.1]).named_cover(), None);
    }

    #[test]
    fn the_manifest_has_a_judge_for_its_embedder() {
        let judge = Judge::embedded().expect("is in order").expect("for this embedder");
        assert_eq!(judge.means[0].as_slice().len(), 512);
        // A mean of spoilt faces must be recognised as spoilt.
        assert!(judge.means.iter().all(|mean| !judge.accepts_template(mean.as_slice())));
    }
}
