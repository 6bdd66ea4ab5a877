//! Quantisation of vectors to integers.
//!
//! A template is stored as 24-bit integers times a scale of its own, in two parts. Every search reads the upper 8 bits;
//! the lower 16 are read only for the few templates that may be among the best. An `f32` has a 24-bit significand, so
//! the quantisation changes a cosine by about 1e-8, less than the rounding error of adding 512 products in `f32`.

use crate::kernel::{BIAS, QUAD};

/// Largest 8-bit code.
const MAX_CODE: f32 = 127.0;
/// Steps of the lower part per step of the upper part.
const FINE_STEPS: f32 = 65_536.0;
/// Largest lower part.
const MAX_FINE: f32 = 32_767.0;
/// Parallel accumulators of a fold.
const LANES: usize = 16;
/// Relative margin added to bounds for rounding errors in `f32`.
const ROUNDING: f32 = 1e-5;

/// Quantised vector.
pub(crate) struct Codes {
    /// Upper parts, -127..=127, with [`BIAS`] added; whole quads.
    pub coarse: Vec<u8>,
    /// Lower parts.
    pub fine: Vec<i16>,
    /// Value of one step of the upper parts.
    pub scale: f32,
    /// Upper bound of the length of the lower parts, in steps of the upper parts.
    pub left_out: f32,
    /// Upper bound of the length of the vector.
    pub length: f32,
}

impl Codes {
    /// Quantises a vector; `None` if it has no finite length.
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

/// Rounds a number of steps to an integer and splits it into its upper 8 and lower 16 bits.
#[inline]
fn split(steps: f32) -> (i32, i32) {
    let (upper, whole) = rounded(steps / FINE_STEPS);
    // Halfway between two upper parts the lower one may be one step too large.
    let rest = steps - whole * FINE_STEPS;
    let (lower, _) = rounded(if rest > MAX_FINE { MAX_FINE } else { rest });
    (upper, lower)
}

/// Rounds a number between -2^22 and 2^22 to the nearest integer, returned as `i32` and as `f32`. Adding 1.5 * 2^23
/// drops the fraction and leaves the integer in the lowest bits. A conversion, which must check for numbers out of
/// range, would not be vectorised.
#[inline]
fn rounded(number: f32) -> (i32, f32) {
    const SHIFT: f32 = 12_582_912.0;
    let shifted = number + SHIFT;
    (shifted.to_bits().cast_signed() - SHIFT.to_bits().cast_signed(), shifted - SHIFT)
}

/// Returns the step that maps the largest number to the largest code; 1 for a vector of zeros.
fn scale_of(vector: &[f32]) -> f32 {
    let largest =
        fold_lanes(vector, |largest, number: f32| if number.abs() > largest { number.abs() } else { largest });
    let largest = largest.into_iter().fold(0.0, f32::max);
    // For a smaller number the step of the lower part would not be a normal `f32`.
    if largest > MAX_CODE * f32::MIN_POSITIVE * FINE_STEPS { largest / MAX_CODE } else { 1.0 }
}

/// Returns the length of the vector of the numbers that `number` returns.
fn norm<T: Copy>(vector: &[T], number: impl Fn(T) -> f32) -> f32 {
    fold_lanes(vector, |sum, part| sum + number(part) * number(part)).iter().sum::<f32>().sqrt()
}

/// Folds numbers into several accumulators, from 0, so that the compiler can use vector registers.
fn fold_lanes<T: Copy>(vector: &[T], fold: impl Fn(f32, T) -> f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for part in vector.chunks(LANES) {
        for (lane, &number) in lanes.iter_mut().zip(part) {
            *lane = fold(*lane, number);
        }
    }
    lanes
}

/// A probe and its codes.
pub(crate) struct Probe {
    /// Numbers of the vector, padded to whole quads.
    pub numbers: Vec<f32>,
    /// Codes to scan with, -127..=127: of the vector, or of its head if it is rotated.
    pub codes: Vec<i8>,
    /// Value of one step of the codes.
    pub scale: f32,
    /// Upper bound of the length of the codes times the scale.
    pub codes_length_bound: f32,
    /// Upper bound of what the codes leave out of a cosine, per length of the template.
    pub left_out: f32,
    /// Rotated numbers, to search rotated rows.
    pub rotated: Option<RotatedProbe>,
}

/// Rotated numbers of a probe.
pub(crate) struct RotatedProbe {
    /// The head, padded to whole quads.
    pub head: Vec<f32>,
    pub middle: Vec<f32>,
    /// Upper bounds of the lengths of the head, the middle, the remainder, and the whole.
    pub lengths: [f32; 4],
}

impl Probe {
    /// Quantises a vector as a probe; `None` if it has no finite length.
    pub fn of(vector: &[f32]) -> Option<Self> {
        if !norm(vector, |number| number).is_finite() {
            return None;
        }
        let numbers = padded(vector);
        let scale = scale_of(vector);
        let codes: Vec<i8> = numbers.iter().map(|number| (number / scale).round() as i8).collect();
        let coded: Vec<f32> = codes.iter().map(|&code| f32::from(code) * scale).collect();
        let rest: Vec<f32> = numbers.iter().zip(&coded).map(|(number, coded)| number - coded).collect();
        let (codes_length_bound, left_out) = (length_bound(&coded), length_bound(&rest));
        Some(Self { numbers, codes, scale, codes_length_bound, left_out, rotated: None })
    }
}

/// Returns the vector with zeros up to whole quads.
pub(crate) fn padded(vector: &[f32]) -> Vec<f32> {
    let mut numbers = vector.to_vec();
    numbers.resize(vector.len().next_multiple_of(QUAD), 0.0);
    numbers
}

/// Returns an upper bound of the length of a vector.
pub(crate) fn length_bound(vector: &[f32]) -> f32 {
    norm(vector, |number| number) * (1.0 + ROUNDING)
}

/// Returns the numbers that codes stand for. `upper` are the upper parts by quads.
pub(crate) fn whole<'a>(
    upper: impl Iterator<Item = &'a [u8]>,
    fine: &'a [i16],
    scale: f32,
) -> impl Iterator<Item = f32> {
    let step = f64::from(scale) / f64::from(FINE_STEPS);
    let parts = upper.flatten().zip(fine);
    parts.map(move |(&upper, &fine)| (f64::from(((i32::from(upper) - BIAS) << 16) + i32::from(fine)) * step) as f32)
}

/// Returns the dot product of a template and a probe. The result does not depend on where the parts were stored.
///
/// `upper` are the template's upper parts by quads.
pub(crate) fn dot<'a>(upper: impl Iterator<Item = &'a [u8]>, fine: &[i16], scale: f32, probe: &Probe) -> f32 {
    let fine = fine.as_chunks::<QUAD>().0;
    let numbers = probe.numbers.as_chunks::<QUAD>().0;
    let mut sums = [0.0f64; QUAD];
    for ((upper, fine), numbers) in upper.zip(fine).zip(numbers) {
        for i in 0..QUAD {
            let whole = ((i32::from(upper[i]) - BIAS) << 16) + i32::from(fine[i]);
            sums[i] += f64::from(whole) * f64::from(numbers[i]);
        }
    }
    (sums.iter().sum::<f64>() * (f64::from(scale) / f64::from(FINE_STEPS))) as f32
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
                // Half a step, plus the `f32` rounding error of the largest products.
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
