//! Kernel with 512-bit vectors and 8-bit dot products of x86-64 (AVX-512 F, BW and VNNI).

use std::arch::x86_64::{
    __m512i, _CMP_GE_OQ, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_add_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi32_ps, _mm512_dpbusd_epi32, _mm512_load_si512, _mm512_loadu_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_si512,
};

use super::{Group, Line, PREFETCH_LINES, Pack, TILE, Test, Tiles, report};

pub(super) fn scan(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    // SAFETY: the caller has checked that the processor has these instructions.
    #[allow(unsafe_code, reason = "a function of instructions that not every processor has")]
    unsafe {
        scan_here(tiles, probes, tests, found);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn scan_here(tiles: Tiles<'_>, probes: &Pack, tests: &[Test], found: &mut impl FnMut(usize, usize)) {
    let Some(length) = probes.groups.first().map(|group| group.quads.len() / group.width) else { return };
    if let [Group { first: 0, width: 1, quads, starts }] = probes.groups.as_slice() {
        scan_one(tiles, quads, starts[0], &tests[0], found);
        return;
    }
    let whole = tiles.scales.len();
    // Two tiles stay in the first-level cache while all probes are compared with them.
    for at in (0..whole).step_by(2) {
        for group in &probes.groups {
            match group.width {
                12 => compare_rows::<12>(tiles, at, length, group, tests, found),
                8 => compare_rows::<8>(tiles, at, length, group, tests, found),
                4 => compare_rows::<4>(tiles, at, length, group, tests, found),
                2 => compare_rows::<2>(tiles, at, length, group, tests, found),
                _ => compare_rows::<1>(tiles, at, length, group, tests, found),
            }
        }
    }
}

/// Compares one or two tiles, starting at tile `at`, with the probes of a group.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn compare_rows<const P: usize>(
    tiles: Tiles<'_>,
    at: usize,
    length: usize,
    group: &Group,
    tests: &[Test],
    found: &mut impl FnMut(usize, usize),
) {
    let quads = group.quads.as_chunks::<P>().0;
    let Some(starts) = group.starts.first_chunk::<P>() else { return };
    let tile = |number: usize| &tiles.lines[number * length..][..length];
    if at + 1 < tiles.scales.len() {
        let sums = dots::<2, P>([tile(at), tile(at + 1)], quads, starts);
        for (t, sums) in sums.iter().enumerate() {
            for (p, sum) in sums.iter().enumerate() {
                let mask = passing(*sum, &tiles.scales[at + t], &tests[group.first + p]);
                report(mask, group.first + p, at + t, found);
            }
        }
    } else {
        let [sums] = dots::<1, P>([tile(at)], quads, starts);
        for (p, sum) in sums.iter().enumerate() {
            let mask = passing(*sum, &tiles.scales[at], &tests[group.first + p]);
            report(mask, group.first + p, at, found);
        }
    }
}

/// Returns the dot products of `T` tiles with `P` probes, in `T * P` registers of sums.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn dots<const T: usize, const P: usize>(
    tiles: [&[Line]; T],
    quads: &[[i32; P]],
    starts: &[i32; P],
) -> [[__m512i; P]; T] {
    let mut sums = [[_mm512_setzero_si512(); P]; T];
    for sums in &mut sums {
        for (sum, &start) in sums.iter_mut().zip(starts) {
            *sum = _mm512_set1_epi32(start);
        }
    }
    let tiles = tiles.map(|tile| &tile[..quads.len()]);
    for (g, quad) in quads.iter().enumerate() {
        let mut lines = [_mm512_setzero_si512(); T];
        for t in 0..T {
            lines[t] = load(&tiles[t][g]);
        }
        for p in 0..P {
            let probe = _mm512_set1_epi32(quad[p]);
            for t in 0..T {
                sums[t][p] = _mm512_dpbusd_epi32(sums[t][p], lines[t], probe);
            }
        }
    }
    sums
}

/// Scans for a single probe. Memory is the bottleneck, so lines are prefetched.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn scan_one(tiles: Tiles<'_>, quads: &[i32], start: i32, test: &Test, found: &mut impl FnMut(usize, usize)) {
    let (fours, rest) = quads.as_chunks::<4>();
    for (tile, scales) in tiles.scales.iter().enumerate() {
        let lines = &tiles.lines[tile * quads.len()..][..quads.len()];
        let (line_fours, line_rest) = lines.as_chunks::<4>();
        // Four accumulators: with one, each addition would wait for the one before.
        let mut sums = [_mm512_setzero_si512(); 4];
        sums[0] = _mm512_set1_epi32(start);
        for (lines, quads) in line_fours.iter().zip(fours) {
            for i in 0..4 {
                // A prefetch past the end is harmless.
                _mm_prefetch::<_MM_HINT_T0>((&raw const lines[i]).wrapping_add(PREFETCH_LINES).cast());
                sums[i] = _mm512_dpbusd_epi32(sums[i], load(&lines[i]), _mm512_set1_epi32(quads[i]));
            }
        }
        for (line, &quad) in line_rest.iter().zip(rest) {
            sums[0] = _mm512_dpbusd_epi32(sums[0], load(line), _mm512_set1_epi32(quad));
        }
        let sum = _mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), _mm512_add_epi32(sums[2], sums[3]));
        report(passing(sum, scales, test), 0, tile, found);
    }
}

/// Returns the bit mask of the rows of a tile that pass.
#[target_feature(enable = "avx512f")]
#[inline]
fn passing(dots: __m512i, scales: &[f32; TILE], test: &Test) -> u32 {
    // SAFETY: the array holds sixteen numbers; the instruction needs no alignment.
    #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
    let scales = unsafe { _mm512_loadu_ps(scales.as_ptr()) };
    let reached = _mm512_mul_ps(scales, _mm512_add_ps(_mm512_cvtepi32_ps(dots), _mm512_set1_ps(test.plus)));
    u32::from(_mm512_cmp_ps_mask::<_CMP_GE_OQ>(reached, _mm512_set1_ps(test.needed)))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(line: &Line) -> __m512i {
    // SAFETY: a line is 64 bytes, aligned to 64.
    #[allow(unsafe_code, reason = "there is no safe load of a vector in the standard library")]
    unsafe {
        _mm512_load_si512((&raw const line.0).cast())
    }
}
