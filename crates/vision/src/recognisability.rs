//! Whether an embedding carries an identity.
//!
//! Spoilt faces (dark, blurred, cut, covered) collapse to a few places of the embedding space, whoever they show, so that
//! two strangers match. A [`Judge`] knows the mean embeddings of spoilt faces, one for each kind, and tells by the
//! likeness to them, by the length of the embedding before it was normalised and by what is known of the landmarks how
//! probable it is that a face still matches itself: its recognisability. Of a probe in between it takes away what spoilt
//! faces have in common. docs/recognition.md has the measurements, docs/decisions/0001-recognisability.md the reasons.

use serde::{Deserialize, Serialize};

use crate::embedder::Embedding;
use crate::manifest::{Manifest, RecognisabilityEntry, Role, digest};
use crate::{Error, Result};

/// The means of the manifest, as little-endian floats, one mean after the other.
const MEANS: &[u8] = include_bytes!("../../../models/spoilt-means.f32");

/// The detectors of the manifest, as little-endian floats: the weights of each and then its bias.
const COVERS: &[u8] = include_bytes!("../../../models/covers.f32");

/// Under this recognisability a face counts as carrying no identity.
pub const RECOGNISABLE: f32 = 0.5;
/// From this recognisability on a probe stays as it is.
const UNTOUCHED: f32 = 0.97;
/// Under this one it loses everything that spoilt faces have in common; between the two, a part of it.
const CLEANED: f32 = 0.88;
/// Cosine of a template to a mean of spoilt faces above which it counts as carrying no identity, where nothing else is
/// known of it.
const SPOILT_TEMPLATE: f32 = 0.45;

/// What is known of a face and its embedding that tells whether it is recognisable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Evidence {
    /// The largest cosine of the embedding to a mean of spoilt faces.
    pub spoilt_likeness: f32,
    /// The length of the embedding before it was normalised; of an enrolment the mean of the face's and its mirror image's.
    pub length: f32,
    /// The mean distance between the landmarks of the two networks that find them, in eye distances.
    pub landmarks_apart: f32,
    /// How far the landmarks are from an upright frontal face's, in eye distances.
    pub misfit: f32,
    /// The detector's confidence, 0.5..1.
    pub confidence: f32,
    /// How much speaks for each cover.
    pub covers: CoverEvidence,
}

impl Evidence {
    /// What covers the face, as far as the embedding tells: the one that most speaks for.
    pub fn named_cover(&self) -> Option<Cover> {
        let named = Cover::ALL.into_iter().zip(self.covers).filter(|(_, evidence)| *evidence > 0.0);
        named.max_by(|(_, a), (_, b)| a.total_cmp(b)).map(|(cover, _)| cover)
    }
}

/// Weights of a logistic regression: positive where the evidence speaks against the face.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
pub struct Weights {
    /// Where nothing speaks for or against it.
    pub bias: f32,
    /// Of [`Evidence::spoilt_likeness`].
    pub spoilt_likeness: f32,
    /// Of [`Evidence::length`].
    pub length: f32,
    /// Of the logarithm of [`Evidence::landmarks_apart`] plus 0.01.
    pub landmarks_apart: f32,
    /// Of [`Evidence::misfit`].
    pub misfit: f32,
    /// Of [`Evidence::confidence`].
    pub confidence: f32,
}

impl Weights {
    /// The numbers that the weights but for the bias are multiplied with, in their order.
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
    /// In the order of [`CoverEvidence`].
    pub const ALL: [Self; 3] = [Self::Mouth, Self::Eyes, Self::Half];
}

/// For each of [`Cover::ALL`] how much speaks for it: above 0 it is named; from 1 on the face is refused for
/// it, if it is over mouth or eyes.
pub type CoverEvidence = [f32; 3];

/// Tells by an embedding, linearly, whether something covers a part of the face.
#[derive(Clone)]
pub struct CoverDetector {
    /// One for each dimension.
    pub weights: Vec<f32>,
    /// Where the embedding says nothing.
    pub bias: f32,
}

impl CoverDetector {
    /// How much speaks for the cover.
    pub fn evidence(&self, embedding: &[f32]) -> f32 {
        dot(&self.weights, embedding) + self.bias
    }
}

/// Judges embeddings of one model.
#[derive(Clone)]
pub struct Judge {
    means: Vec<Embedding>,
    /// Unit vectors at right angles to each other that span the means.
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
    /// A judge that knows these means of spoilt faces, and detectors for each of [`Cover::ALL`].
    pub fn new(means: Vec<Embedding>, weights: Weights, covers: Option<[CoverDetector; 3]>) -> Self {
        let mut basis: Vec<Vec<f32>> = Vec::new();
        for mean in &means {
            let mut rest = mean.as_slice().to_vec();
            // Twice, as rounding leaves a little the first time.
            for _ in 0..2 {
                without(&mut rest, &basis, 1.0);
            }
            // A mean that the others span already adds a direction of noise alone.
            if dot(&rest, &rest).sqrt() > 0.05 {
                basis.extend(Embedding::new(rest).map(Embedding::into_vec));
            }
        }
        Self { means, basis, weights, covers }
    }

    /// The judge of the manifest, if it is for the manifest's embedder.
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

    /// How much speaks for each cover.
    pub fn cover_evidence(&self, embedding: &[f32]) -> CoverEvidence {
        self.covers.as_ref().map_or([-1.0; 3], |covers| covers.each_ref().map(|cover| cover.evidence(embedding)))
    }

    /// The probability, 0..1, that a face with this evidence matches itself; under [`RECOGNISABLE`] if it is covered beyond
    /// doubt.
    pub fn recognisability(&self, evidence: &Evidence) -> f32 {
        // A profile looks half covered to the detector of halves, so that this one refuses nobody.
        let [mouth, eyes, _half] = evidence.covers;
        let covered = mouth.max(eyes).clamp(0.0, 1.0);
        (1.0 - 0.51 * covered) / (1.0 + self.weights.against(evidence).exp())
    }

    /// Whether a template, of which nothing else is known, carries an identity.
    pub fn accepts_template(&self, template: &[f32]) -> bool {
        self.spoilt_likeness(template) <= SPOILT_TEMPLATE
    }

    /// A probe without what spoilt faces have in common, as far as its recognisability gives reason to: so two spoilt
    /// strangers are not alike for being spoilt. A good one stays as it is.
    pub fn cleaned(&self, probe: Embedding, recognisability: f32) -> Embedding {
        let share = ((UNTOUCHED - recognisability) / (UNTOUCHED - CLEANED)).clamp(0.0, 1.0);
        if share == 0.0 {
            return probe;
        }
        let mut numbers = probe.as_slice().to_vec();
        without(&mut numbers, &self.basis, share);
        // What lies within the means as a whole has no direction of its own left.
        Embedding::new(numbers).unwrap_or(probe)
    }
}

/// The numbers of a file that the binary holds.
fn floats(file: &str, bytes: &[u8], sha256: &str) -> Result<Vec<f32>> {
    let found = digest(bytes);
    if found != sha256 {
        return Err(Error::Checksum { path: file.into(), found, expected: sha256.to_owned() });
    }
    Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Takes a share of what lies in the directions of the basis out of a vector.
fn without(numbers: &mut [f32], basis: &[Vec<f32>], share: f32) {
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
        // A mean of spoilt faces is what the judge knows best.
        assert!(judge.means.iter().all(|mean| !judge.accepts_template(mean.as_slice())));
    }
}
