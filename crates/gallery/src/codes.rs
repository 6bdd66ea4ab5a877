//! Vectors as whole numbers.
//!
//! A template is kept as 24-bit numbers times a scale of its own, in two parts: the upper 8 bits, which every search
//! reads, and the lower 16, which are read for the few templates that may be among the best. 24 bits are what the
//! fraction of an `f32` has: a cosine changes by about 1e-8, less than adding up 512 products in `f32` does to it.

use crate::kernel::{BIAS, QUAD};

/// The largest code of 8 bits.
const LARGEST: f32 = 127.0;
/// What one step of the upper part is in steps of the lower.
pub(crate) const FINE_STEPS: f32 = 65_536.0;
/// The largest lower part.
const MOST_FINE: f32 = 32_767.0;
/// Numbers that are worked on side by side.
const LANES: usize = 16;
/// Bounds are widened by this share for what rounding in `f32` may have taken off.
const ROUNDING: f32 = 1e-5;

/// A template's numbers.
pub(crate) struct Codes {
    /// Upper parts, -127..=127, with [`BIAS`] added; whole quads.
    pub coarse: Vec<u8>,
    /// Lower parts.
    pub fine: Vec<i16>,
    /// What one step of the upper parts stands for.
    pub scale: f32,
    /// No less than the length of the part that the upper parts leave out, in their steps.
    pub left_out: f32,
    /// No less than the length of the vector.
    pub length: f32,
}

impl Codes {
    /// The codes of a vector; `None` if it has no finite length.
    pub fn of(vector: &[f32]) -> Option<Self> {
        let length = norm(vector, |number| number);
        if !length.is_finite() {
            return None;
        }
        let padded = vector.len().next_multiple_of(QUAD);
        let mut coarse = vec![BIAS as u8; padded];
        let mut fine = vec![0; padded];
        let scale = scale_of(vector);
        let steps = FINE_STEPS / scale;
        for ((&number, coarse), fine) in vector.iter().zip(&mut coarse).zip(&mut fine) {
            let (upper, lower) = split(number * steps);
            *coarse = (upper + BIAS) as u8;
            *fine = lower as i16;
        }
        let left_out = norm(&fine, |lower| f32::from(lower) / FINE_STEPS) * (1.0 + ROUNDING);
        Some(Self { coarse, fine, scale, left_out, length: length * (1.0 + ROUNDING) })
    }
}

/// A number of steps, rounded to a whole one and parted into its upper 8 and lower 16 bits.
#[inline]
fn split(steps: f32) -> (i32, i32) {
    let (upper, whole) = rounded(steps / FINE_STEPS);
    // Halfway between two upper parts the lower one may be a step too large.
    let rest = steps - whole * FINE_STEPS;
    let (lower, _) = rounded(if rest > MOST_FINE { MOST_FINE } else { rest });
    (upper, lower)
}

/// A number between -2^22 and 2^22 to the next whole one, both ways. Added to 1.5 * 2^23, it loses what is behind the point, and
/// the rest stands in the lowest bits; a conversion, which has to mind numbers out of range, would be made one by one.
#[inline]
fn rounded(number: f32) -> (i32, f32) {
    const SHIFT: f32 = 12_582_912.0;
    let shifted = number + SHIFT;
    (shifted.to_bits().cast_signed() - SHIFT.to_bits().cast_signed(), shifted - SHIFT)
}

/// The step with which the largest number gets the largest code; 1 for a vector of zeros.
fn scale_of(vector: &[f32]) -> f32 {
    let largest =
        fold_lanes(vector, |largest, number: f32| if number.abs() > largest { number.abs() } else { largest });
    let largest = largest.into_iter().fold(0.0, f32::max);
    // So small a number would have a scale that is none any more.
    if largest > LARGEST * f32::MIN_POSITIVE * FINE_STEPS { largest / LARGEST } else { 1.0 }
}

/// The length of a vector whose numbers `number` makes.
fn norm<T: Copy>(vector: &[T], number: impl Fn(T) -> f32) -> f32 {
    fold_lanes(vector, |sum, part| sum + number(part) * number(part)).iter().sum::<f32>().sqrt()
}

/// Folds numbers into several results side by side, from 0, so that the compiler can use vector registers.
fn fold_lanes<T: Copy>(vector: &[T], fold: impl Fn(f32, T) -> f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for part in vector.chunks(LANES) {
        for (lane, &number) in lanes.iter_mut().zip(part) {
            *lane = fold(*lane, number);
        }
    }
    lanes
}

/// A probe, as it is and as codes.
pub(crate) struct Probe {
    /// Its numbers, whole quads.
    pub numbers: Vec<f32>,
    /// Codes, -127..=127.
    pub codes: Vec<i8>,
    /// What one step of the codes stands for.
    pub scale: f32,
    /// No less than the length of the codes times the scale.
    pub coded_length: f32,
    /// No less than the length of what the codes leave out.
    pub left_out: f32,
}

impl Probe {
    /// The probe of a vector; `None` if it has no finite length.
    pub fn of(vector: &[f32]) -> Option<Self> {
        if !norm(vector, |number| number).is_finite() {
            return None;
        }
        let mut numbers = vector.to_vec();
        numbers.resize(vector.len().next_multiple_of(QUAD), 0.0);
        let scale = scale_of(vector);
        let codes: Vec<i8> = numbers.iter().map(|number| (number / scale).round() as i8).collect();
        let coded: Vec<f32> = codes.iter().map(|&code| f32::from(code) * scale).collect();
        let rest: Vec<f32> = numbers.iter().zip(&coded).map(|(number, coded)| number - coded).collect();
        let widened = |vector: &[f32]| norm(vector, |number| number) * (1.0 + ROUNDING);
        Some(Self { scale, coded_length: widened(&coded), left_out: widened(&rest), codes, numbers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn codes_stand_for_the_vector(vector in proptest::collection::vec(-1f32..1.0, 1..70)) {
            let codes = Codes::of(&vector).expect("finite");
            let step = f64::from(codes.scale) / f64::from(FINE_STEPS);
            let mut rest = 0.0;
            for (i, &number) in vector.iter().enumerate() {
                let upper = i32::from(codes.coarse[i]) - BIAS;
                prop_assert!((-127..=127).contains(&upper));
                let whole = (upper << 16) + i32::from(codes.fine[i]);
                // Half a step, and what multiplying in single precision takes off the largest numbers.
                prop_assert!((f64::from(whole) * step - f64::from(number)).abs() <= step * 1.6);
                let left = f64::from(number) - f64::from(upper) * f64::from(codes.scale);
                rest += left * left;
            }
            let bound = f64::from(codes.left_out) * f64::from(codes.scale);
            prop_assert!(rest.sqrt() <= bound + 1.6 * step * (vector.len() as f64).sqrt());
        }
    }

    #[test]
    fn what_has_no_length_has_no_codes() {
        for number in [f32::NAN, f32::INFINITY, f32::MAX] {
            assert!(Codes::of(&[0.5, number]).is_none());
            assert!(Probe::of(&[0.5, number]).is_none());
        }
        assert!(Codes::of(&[0.0; 5]).is_some_and(|codes| codes.scale == 1.0));
    }
}
