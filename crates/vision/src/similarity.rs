//! Maps the cosine of two embeddings to a similarity that is anchored on false-match rates.
//!
//! A cosine alone says little; what matters is how often two different people reach it. The map is piecewise linear
//! through points measured on 1.4 million impostor pairs (grey 350x350 crops of Labeled Faces in the Wild, the
//! `fr_feature` embedder on refined landmarks). Another embedder needs points of its own, measured the same way, so
//! that thresholds keep their meaning. Only cosine 1 maps to 1.0.
//!
//! | similarity | cosine | false-match rate |
//! |---|---|---|
//! | 0.50 | 0.154 | 1e-1 |
//! | 0.60 | 0.270 | 1e-2 |
//! | 0.70 | 0.359 | 1e-3 |
//! | 0.80 | 0.435 | 1e-4 |
//! | 0.86 | 0.499 | 1e-5 |
//! | 0.91 | 0.580 | 1e-6 |

/// Similarity of two faces, 0..1.
pub type Similarity = f32;

/// (cosine, similarity), ascending in both.
const POINTS: [(f32, Similarity); 9] = [
    (-1.0, 0.0),
    (0.0, 0.3),
    (0.154, 0.50),
    (0.270, 0.60),
    (0.359, 0.70),
    (0.435, 0.80),
    (0.499, 0.86),
    (0.580, 0.91),
    (1.0, 1.0),
];

/// Returns the similarity of a cosine; cosines are clamped to -1..1.
pub fn similarity_of_cosine(cosine: f32) -> Similarity {
    let cosine = cosine.clamp(-1.0, 1.0);
    POINTS
        .windows(2)
        .find(|pair| cosine <= pair[1].0)
        .map(|pair| {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            y0 + (y1 - y0) * ((cosine - x0) / (x1 - x0))
        })
        // Only for NaN: no match.
        .unwrap_or(0.0)
}

/// False-match rates of two random strangers: (similarity, base-10 logarithm). The last point extrapolates the line:
/// measuring it would need more pairs.
const FALSE_MATCH_RATES: [(Similarity, f32); 8] =
    [(0.30, 0.0), (0.50, -1.0), (0.60, -2.0), (0.70, -3.0), (0.80, -4.0), (0.86, -5.0), (0.91, -6.0), (0.95, -7.0)];

/// Returns the least similarity that two strangers reach at most at this rate, 0..1. Rates below 1e-7 count as 1e-7.
pub fn similarity_of_false_match_rate(rate: f64) -> Similarity {
    let wanted = rate.clamp(1e-7, 1.0).log10() as f32;
    FALSE_MATCH_RATES
        .windows(2)
        .find(|pair| wanted >= pair[1].1)
        .map(|pair| {
            let ((y0, x0), (y1, x1)) = (pair[0], pair[1]);
            y0 + (y1 - y0) * ((wanted - x0) / (x1 - x0))
        })
        .unwrap_or(0.95)
}

/// Returns the rate at which two strangers reach a similarity, 0..1: the inverse of [`similarity_of_false_match_rate`].
/// Similarities above 0.95 count as 0.95, for which 1e-7 is an estimate.
pub fn false_match_rate_of_similarity(similarity: Similarity) -> f64 {
    let wanted = similarity.clamp(0.30, 0.95);
    let exponent = FALSE_MATCH_RATES.windows(2).find(|pair| wanted <= pair[1].0).map_or(-7.0, |pair| {
        let ((y0, x0), (y1, x1)) = (pair[0], pair[1]);
        x0 + (x1 - x0) * ((wanted - y0) / (y1 - y0))
    });
    10f64.powf(f64::from(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anchors_are_met() {
        for (cosine, similarity) in POINTS {
            assert!((similarity_of_cosine(cosine) - similarity).abs() < 1e-6, "{cosine}");
        }
        assert_eq!(similarity_of_cosine(1.0), 1.0);
        assert_eq!(similarity_of_cosine(1.000_001), 1.0);
        assert!(similarity_of_cosine(0.999_999) < 1.0);
        assert_eq!(similarity_of_cosine(f32::NAN), 0.0);
    }

    #[test]
    fn rates_lead_to_the_similarities_that_stand_for_them() {
        for (rate, similarity) in [(1e-1, 0.5), (1e-3, 0.7), (1e-4, 0.8), (1e-6, 0.91), (1e-9, 0.95), (1.0, 0.3)] {
            assert!((similarity_of_false_match_rate(rate) - similarity).abs() < 1e-5, "{rate}");
        }
    }

    proptest! {
        #[test]
        fn a_similarity_stands_for_the_rate_that_leads_to_it(exponent in -7.0f64..0.0) {
            let rate = 10f64.powf(exponent);
            let back = false_match_rate_of_similarity(similarity_of_false_match_rate(rate));
            prop_assert!((back.log10() - exponent).abs() < 1e-3, "{} {}", rate, back);
        }

        #[test]
        fn higher_cosines_are_more_similar(a in -1.0f32..1.0, step in 1e-4f32..1.0) {
            let b = (a + step).min(1.0);
            prop_assume!(b > a);
            prop_assert!(similarity_of_cosine(a) < similarity_of_cosine(b));
        }
    }
}
