//! Training of a judge: means of degraded faces, weights, detectors of covers.

use std::path::Path;

use aicp_measure::alterations::Alteration;
use aicp_vision::manifest::Manifest;
use aicp_vision::{Cover, CoverDetector, Embedding, Evidence, Judge, Weights};

use super::{GIVEN_MEANS, Subject, alterations, dot, spoilt};
use crate::Outcome;

/// Returns the given means, then one for each degrading alteration.
pub(super) fn means(subjects: &[&Subject]) -> Outcome<Vec<Embedding>> {
    let given = std::fs::read(Path::new("models").join(Manifest::embedded()?.recognisability.file))?;
    let numbers: Vec<f32> = given.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let given = numbers.chunks(512).take(GIVEN_MEANS).map(|mean| Embedding::new(mean.to_vec()));
    let made = spoilt().map(|alteration| {
        let name = alteration.to_string();
        let mut sum = vec![0.0; 512];
        for seen in subjects.iter().filter_map(|subject| subject.seen.get(&name)) {
            for (total, value) in sum.iter_mut().zip(&seen.probe) {
                *total += value;
            }
        }
        Embedding::new(sum)
    });
    Ok(given.chain(made).collect::<Option<_>>().ok_or("a kind of spoilt faces has no face")?)
}

/// Fits the weights of the evidence that an altered face does not match its original well.
pub(super) fn fit(subjects: &[&Subject], means: &[Embedding]) -> Outcome<Weights> {
    let none =
        Weights { bias: 0.0, spoilt_likeness: 0.0, length: 0.0, landmarks_apart: 0.0, misfit: 0.0, confidence: 0.0 };
    let judge = Judge::new(means.to_vec(), none, None);
    let mut samples: Vec<(Vec<f32>, bool)> = Vec::new();
    for subject in subjects {
        let Some(original) = subject.original() else { continue };
        let original = judge.cleaned(Embedding::new(original.enrolled.clone()).ok_or("no length")?, 0.0);
        for seen in subject.seen.values() {
            let evidence = Evidence { spoilt_likeness: judge.spoilt_likeness(&seen.probe), ..seen.evidence };
            let probe = judge.cleaned(Embedding::new(seen.probe.clone()).ok_or("no length")?, 0.0);
            samples.push((Weights::features(&evidence).to_vec(), original.cosine(&probe) < 0.5));
        }
    }
    let (weights, bias) = logistic_regression(&samples, 1e-4, 4000);
    let [spoilt_likeness, length, landmarks_apart, misfit, confidence] = weights[..] else {
        return Err("as many weights as features".into());
    };
    Ok(Weights { bias, spoilt_likeness, length, landmarks_apart, misfit, confidence })
}

fn covers(cover: Cover, alteration: Alteration) -> bool {
    use Alteration as A;
    match cover {
        Cover::Mouth => matches!(alteration, A::CoverMouth(_) | A::Mask(_) | A::RoundOverMouth),
        Cover::Eyes => matches!(alteration, A::CoverEyes(_) | A::Sunglasses),
        Cover::Half => matches!(alteration, A::CoverHalf(_) | A::CoverOtherHalf(_)),
    }
}

/// Share of uncovered faces that may be reported as covered.
const MAX_FALSE_COVER_SHARE: f32 = 0.01;
/// Share of uncovered faces that may be refused as covered.
const MAX_FALSE_REFUSAL_SHARE: f32 = 0.002;

/// Trains a detector for each cover. People outside the training set define its scale: 0 where [`MAX_FALSE_COVER_SHARE`] of
/// the uncovered faces are reported as covered, 1 where [`MAX_FALSE_REFUSAL_SHARE`] are refused.
pub(super) fn cover_detectors(subjects: &[&Subject]) -> [CoverDetector; 3] {
    Cover::ALL.map(|cover| {
        let samples = |keep: &dyn Fn(&Subject) -> bool| -> Vec<(Vec<f32>, bool)> {
            let mut samples = Vec::new();
            for (alteration, is_spoilt) in alterations() {
                let is_covered = covers(cover, alteration);
                // Skips faces that are degraded in another way.
                if !is_covered && (is_spoilt || Cover::ALL.iter().any(|c| covers(*c, alteration))) {
                    continue;
                }
                let name = alteration.to_string();
                let seen =
                    subjects.iter().filter(|subject| keep(subject)).filter_map(|subject| subject.seen.get(&name));
                samples.extend(seen.map(|seen| (seen.probe.iter().map(|v| v * 10.0).collect(), is_covered)));
            }
            samples
        };
        let score = |(weights, bias): &(Vec<f32>, f32), x: &[f32]| dot(weights, x) + bias;
        // Splits by a bit independent of [`Subject::half`], so that this also works on one half of the people.
        let mut uncovered: Vec<f32> = Vec::new();
        for part in 0..2 {
            let is_part = |subject: &Subject| subject.quarter() == part;
            let fitted = logistic_regression(&samples(&|s| !is_part(s)), 3e-3, 400);
            let left_out = samples(&|s| is_part(s));
            uncovered.extend(left_out.iter().filter(|(_, covered)| !covered).map(|(x, _)| score(&fitted, x)));
        }
        uncovered.sort_by(f32::total_cmp);
        let quantile = |share: f32| uncovered[((uncovered.len() - 1) as f32 * (1.0 - share)) as usize];
        let (named, refused) = (quantile(MAX_FALSE_COVER_SHARE), quantile(MAX_FALSE_REFUSAL_SHARE));
        let (weights, bias) = logistic_regression(&samples(&|_| true), 3e-3, 400);
        let scale = 1.0 / (refused - named).max(0.1);
        CoverDetector { weights: weights.into_iter().map(|w| w * 10.0 * scale).collect(), bias: (bias - named) * scale }
    })
}

/// Returns weights and bias, by gradient descent on features scaled to the same spread. Both outcomes have the same
/// weight, whatever their numbers of samples.
fn logistic_regression(samples: &[(Vec<f32>, bool)], decay: f32, rounds: usize) -> (Vec<f32>, f32) {
    let dimensions = samples.first().map_or(0, |(x, _)| x.len());
    let count = samples.len().max(1) as f32;
    let mut centre = vec![0.0f32; dimensions];
    for (x, _) in samples {
        centre.iter_mut().zip(x).for_each(|(c, v)| *c += v / count);
    }
    let mut spread = vec![0.0f32; dimensions];
    for (x, _) in samples {
        spread.iter_mut().zip(x).zip(&centre).for_each(|((s, v), c)| *s += (v - c).powi(2) / count);
    }
    spread.iter_mut().for_each(|s| *s = s.sqrt().max(1e-6));
    let scaled: Vec<Vec<f32>> = samples
        .iter()
        .map(|(x, _)| x.iter().zip(&centre).zip(&spread).map(|((v, c), s)| (v - c) / s).collect())
        .collect();
    let positive = samples.iter().filter(|(_, outcome)| *outcome).count().max(1) as f32;
    let (weight_of_yes, weight_of_no) = (0.5 / positive, 0.5 / (count - positive).max(1.0));
    let step = if dimensions > 100 { 4.0 / dimensions as f32 } else { 0.5 };
    let (mut weights, mut bias) = (vec![0.0f32; dimensions], 0.0f32);
    for _ in 0..rounds {
        let mut gradient = vec![0.0f32; dimensions];
        let mut of_bias = 0.0;
        for (z, (_, outcome)) in scaled.iter().zip(samples) {
            let probability = 1.0 / (1.0 + (-(dot(&weights, z) + bias)).exp());
            let error = if *outcome { (probability - 1.0) * weight_of_yes } else { probability * weight_of_no };
            gradient.iter_mut().zip(z).for_each(|(g, z)| *g += error * z);
            of_bias += error;
        }
        weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= step * (g + decay * *w));
        bias -= 0.5 * of_bias;
    }
    let weights: Vec<f32> = weights.iter().zip(&spread).map(|(w, s)| w / s).collect();
    bias -= dot(&weights, &centre);
    (weights, bias)
}
