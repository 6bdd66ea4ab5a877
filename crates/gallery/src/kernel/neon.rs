//! Kernel with 128-bit vectors of 64-bit ARM (NEON).

use std::arch::aarch64::{
    int32x4_t, vaddq_f32, vaddvq_u32, vandq_u32, vcgeq_f32, vcvtq_f32_s32, vdup_n_s32, vdupq_n_f32, vdupq_n_s32,
    vdupq_n_u8, veorq_u8, vget_high_s8, vget_low_s8, vld1q_f32, vld1q_u8, vld1q_u32, vmull_s8, vmulq_f32, vpadalq_s16,
    vpaddq_s32, vreinterpret_s8_s32, vreinterpretq_s8_u8,
};

use super::{Group, Line, Pack, TILE, Test, Tiles, report};

/// Vectors per line; also the number of rows whose sums fit a vector.
const PARTS: usize = 4;

pub(super) fn scan(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    // SAFETY: the caller has checked that the processor has these instructions.
    #[allow(unsafe_code, reason = "a function of instructions that not every processor has")]
    unsafe {
        scan_here(tiles, probes, tests, found);
    }
}

#[target_feature(enable = "neon")]
fn scan_here(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    let Some(length) = probes.groups.first().map(|group| group.quads.len() / group.width) else { return };
    for tile in 0..tiles.scales.len() {
        let lines = &tiles.lines[tile * length..][..length];
        for group in &probes.groups {
            for member in 0..group.width {
                let probe = group.first + member;
                let mask = passing(dots(lines, group, member), &tiles.scales[tile], &tests[probe]);
                report(mask, probe, tile, found);
            }
        }
    }
}

/// Returns the dot products of a tile's rows with a probe, in codes.
#[target_feature(enable = "neon")]
#[inline]
fn dots(lines: &[Line], group: &Group, member: usize) -> [int32x4_t; PARTS] {
    // Two sums per row: of its even and of its odd pairs of numbers.
    let mut sums = [[vdupq_n_s32(0); 2]; PARTS];
    for (line, quads) in lines.iter().zip(group.quads.chunks_exact(group.width)) {
        let probe = vreinterpret_s8_s32(vdup_n_s32(quads[member]));
        for part in 0..PARTS {
            // SAFETY: a quarter of a line is 16 bytes.
            #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
            let stored = unsafe { vld1q_u8(line.0[part * TILE..][..TILE].as_ptr()) };
            let codes = vreinterpretq_s8_u8(veorq_u8(stored, vdupq_n_u8(0x80)));
            sums[part][0] = vpadalq_s16(sums[part][0], vmull_s8(vget_low_s8(codes), probe));
            sums[part][1] = vpadalq_s16(sums[part][1], vmull_s8(vget_high_s8(codes), probe));
        }
    }
    sums.map(|[low, high]| vpaddq_s32(low, high))
}

/// Returns the bit mask of the rows of a tile that pass.
#[target_feature(enable = "neon")]
#[inline]
fn passing(dots: [int32x4_t; PARTS], scales: &[f32; TILE], test: &Test) -> u32 {
    let mut mask = 0;
    for (part, dots) in dots.into_iter().enumerate() {
        // SAFETY: both slices hold four numbers.
        #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
        let (scales, bits) =
            unsafe { (vld1q_f32(scales[part * PARTS..][..PARTS].as_ptr()), vld1q_u32([1u32, 2, 4, 8].as_ptr())) };
        let reached = vmulq_f32(scales, vaddq_f32(vcvtq_f32_s32(dots), vdupq_n_f32(test.plus)));
        let passes = vcgeq_f32(reached, vdupq_n_f32(test.needed));
        mask |= vaddvq_u32(vandq_u32(passes, bits)) << (part * PARTS);
    }
    mask
}
