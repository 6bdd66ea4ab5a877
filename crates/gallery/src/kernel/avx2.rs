//! Kernel with 256-bit vectors of x86-64 (AVX2).

use std::arch::x86_64::{
    __m256i, _CMP_GE_OQ, _MM_HINT_T0, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps, _mm256_cmp_ps,
    _mm256_cvtepi32_ps, _mm256_load_si256, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_movemask_ps, _mm256_mul_ps, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps,
    _mm256_setzero_si256, _mm256_sign_epi8, _mm256_xor_si256,
};

use super::{Group, Line, PREFETCH_LINES, Pack, TILE, Test, Tiles, report};

/// Rows of half a tile: the number of sums in a vector.
const HALF: usize = TILE / 2;

pub(super) fn scan(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    // SAFETY: the caller has checked that the processor has these instructions.
    #[allow(unsafe_code, reason = "a function of instructions that not every processor has")]
    unsafe {
        scan_here(tiles, probes, tests, found);
    }
}

#[target_feature(enable = "avx2")]
fn scan_here(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    let Some(length) = probes.groups.first().map(|group| group.quads.len() / group.width) else { return };
    for tile in 0..tiles.scales.len() {
        for group in &probes.groups {
            // Sixteen registers hold the sums of at most four probes.
            match group.width {
                12 => {
                    for from in [0, 4, 8] {
                        compare_rows::<12, 4>(tiles, tile, length, group, from, tests, found);
                    }
                }
                8 => {
                    for from in [0, 4] {
                        compare_rows::<8, 4>(tiles, tile, length, group, from, tests, found);
                    }
                }
                4 => compare_rows::<4, 4>(tiles, tile, length, group, 0, tests, found),
                2 => compare_rows::<2, 2>(tiles, tile, length, group, 0, tests, found),
                _ => compare_rows::<1, 1>(tiles, tile, length, group, 0, tests, found),
            }
        }
    }
}

/// Compares a tile with `P` probes of a group of `W`, starting at probe `from`.
#[target_feature(enable = "avx2")]
#[inline]
fn compare_rows<const W: usize, const P: usize>(
    tiles: Tiles<'_>,
    tile: usize,
    length: usize,
    group: &Group,
    from: usize,
    tests: &[Test],
    found: &mut impl FnMut(usize, usize),
) {
    let quads = group.quads.as_chunks::<W>().0;
    let lines = &tiles.lines[tile * length..][..length];
    let mut sums = [[_mm256_setzero_si256(); 2]; P];
    let ones = _mm256_set1_epi16(1);
    for (line, quad) in lines.iter().zip(quads) {
        // A prefetch past the end is harmless.
        _mm_prefetch::<_MM_HINT_T0>((&raw const *line).wrapping_add(PREFETCH_LINES).cast());
        let codes = load(line);
        let sizes = [_mm256_abs_epi8(codes[0]), _mm256_abs_epi8(codes[1])];
        for p in 0..P {
            let probe = _mm256_set1_epi32(quad[from + p]);
            for half in 0..2 {
                // The instruction multiplies unsigned by signed bytes only, so the sign moves to the probe. A pair of
                // products is at most 2 * 127 * 127, which fits 16 bits.
                let pairs = _mm256_maddubs_epi16(sizes[half], _mm256_sign_epi8(probe, codes[half]));
                sums[p][half] = _mm256_add_epi32(sums[p][half], _mm256_madd_epi16(pairs, ones));
            }
        }
    }
    for (p, sums) in sums.iter().enumerate() {
        let probe = group.first + from + p;
        let mask = passing(*sums, &tiles.scales[tile], &tests[probe]);
        report(mask, probe, tile, found);
    }
}

/// Returns the bit mask of the rows of a tile that pass.
#[target_feature(enable = "avx2")]
#[inline]
fn passing(dots: [__m256i; 2], scales: &[f32; TILE], test: &Test) -> u32 {
    let mut mask = 0;
    for (half, dots) in dots.into_iter().enumerate() {
        // SAFETY: the slice holds eight numbers; the instruction needs no alignment.
        #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
        let scales = unsafe { _mm256_loadu_ps(scales[half * HALF..][..HALF].as_ptr()) };
        let reached = _mm256_mul_ps(scales, _mm256_add_ps(_mm256_cvtepi32_ps(dots), _mm256_set1_ps(test.plus)));
        let passes = _mm256_cmp_ps::<_CMP_GE_OQ>(reached, _mm256_set1_ps(test.needed));
        mask |= _mm256_movemask_ps(passes).cast_unsigned() << (half * HALF);
    }
    mask
}

/// Loads the signed codes of a line.
#[target_feature(enable = "avx2")]
#[inline]
fn load(line: &Line) -> [__m256i; 2] {
    let bias = _mm256_set1_epi8(i8::MIN);
    let (halves, _) = line.0.as_chunks::<{ TILE * 2 }>();
    [0, 1].map(|half| {
        // SAFETY: half a line is 32 bytes, aligned to 32.
        #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
        let stored = unsafe { _mm256_load_si256((&raw const halves[half]).cast()) };
        _mm256_xor_si256(stored, bias)
    })
}
