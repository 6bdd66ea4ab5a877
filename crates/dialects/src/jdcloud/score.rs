//! Maps our similarity to the vendor's score, so that its published thresholds keep their false-accept rates.
//!
//! The map is piecewise linear between the points where both scales have a known rate:
//!
//! | false-accept rate | our similarity | score |
//! |---|---|---|
//! | - | 0 | 0 |
//! | 1e-4 | 0.80 | 0.49 |
//! | 1e-5 | 0.86 | 0.54 |
//! | 1e-6 | 0.91 | 0.58 |
//! | - | 1 | 1 |

use aicp_platform::Similarity;

/// Points of the map: (similarity, score), ascending in both.
const POINTS: [(f32, f32); 5] = [(0.0, 0.0), (0.80, 0.49), (0.86, 0.54), (0.91, 0.58), (1.0, 1.0)];

/// Returns the vendor's score, 0..1, of a similarity. Clamps the similarity to 0..1.
pub(super) fn score(similarity: Similarity) -> f32 {
    let similarity = similarity.clamp(0.0, 1.0);
    POINTS
        .windows(2)
        .find_map(|pair| match *pair {
            [(x0, y0), (x1, y1)] if similarity <= x1 => Some(y0 + (y1 - y0) * ((similarity - x0) / (x1 - x0))),
            _ => None,
        })
        // NaN alone gets here and counts as no similarity.
        .unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_vendors_thresholds_are_met() {
        for (similarity, expected) in POINTS {
            assert!((score(similarity) - expected).abs() < 1e-6, "{similarity}");
        }
        assert_eq!((score(1.0), score(2.0), score(-1.0), score(f32::NAN)), (1.0, 1.0, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn more_alike_scores_higher(a in 0.0f32..1.0, step in 1e-4f32..1.0) {
            let b = (a + step).min(1.0);
            prop_assume!(b > a);
            prop_assert!(score(a) < score(b));
            prop_assert!((0.0..=1.0).contains(&score(a)));
        }
    }
}
