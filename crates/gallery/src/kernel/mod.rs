//! Inner loop of a search: compares the 8-bit codes of many templates with those of several probes.
//!
//! Templates are stored in tiles of [`TILE`] rows. A tile is a run of [`Line`]s; line `g` holds the numbers `4g..4g+4`
//! of all its rows, row after row. So one vector register holds four numbers of each of sixteen templates, the sixteen
//! sums end up side by side, and no sum runs across a register. Codes of templates are -127..=127, stored with 128
//! added; codes of probes are -127..=127.
//!
//! All kernels compute the same integers, and so find the same rows.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

use std::sync::OnceLock;

/// Rows per tile.
pub(crate) const TILE: usize = 16;
/// Consecutive numbers of a row in a line.
pub(crate) const QUAD: usize = 4;
/// Bias added to a template's codes when they are stored.
pub(crate) const BIAS: i32 = 128;

/// Prefetch distance in lines, enough to keep memory busy.
#[cfg(target_arch = "x86_64")]
const PREFETCH_LINES: usize = 64;

/// Four codes of each row of a tile: one cache line.
#[derive(Clone, Copy)]
#[cfg_attr(test, derive(Debug))]
#[repr(align(64))]
pub(crate) struct Line(pub [u8; TILE * QUAD]);

impl Line {
    /// Sixteen rows of zeros.
    pub const ZERO: Self = Self([BIAS as u8; TILE * QUAD]);
}

/// Instruction set of a search; all give the same answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Plain Rust, for every processor.
    Portable,
    /// 256-bit vectors of x86-64.
    Avx2,
    /// 512-bit vectors of x86-64 with 8-bit dot products.
    Avx512Vnni,
    /// 128-bit vectors of 64-bit ARM.
    Neon,
}

/// Returns whether the processor has every feature that the AVX-512 kernel is compiled for.
#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vnni")
}

impl Kernel {
    /// Returns the kernels that this processor can run, the slowest first.
    pub fn available() -> Vec<Self> {
        let mut kernels = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                kernels.push(Self::Avx2);
            }
            if has_avx512() {
                kernels.push(Self::Avx512Vnni);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Self::Neon);
        }
        kernels
    }

    /// Returns the fastest kernel that this processor can run.
    pub fn best() -> Self {
        static BEST: OnceLock<Kernel> = OnceLock::new();
        *BEST.get_or_init(|| Self::available().pop().unwrap_or(Self::Portable))
    }

    /// Returns the kernel's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "AVX2",
            Self::Avx512Vnni => "AVX-512 VNNI",
            Self::Neon => "NEON",
        }
    }

    /// Calls `found(probe, row)` for every pair that passes the probe's test.
    ///
    /// A kernel that is not in [`Kernel::available`] falls back to the portable one.
    pub(crate) fn scan(self, tiles: Tiles<'_>, probes: &Pack, tests: &[Test], mut found: impl FnMut(usize, usize)) {
        debug_assert_eq!(tests.len(), probes.len());
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni if has_avx512() => avx512::scan(tiles, probes, tests, &mut found),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 if std::arch::is_x86_feature_detected!("avx2") => avx2::scan(tiles, probes, tests, &mut found),
            #[cfg(target_arch = "aarch64")]
            Self::Neon if std::arch::is_aarch64_feature_detected!("neon") => {
                neon::scan(tiles, probes, tests, &mut found);
            }
            _ => portable::scan(tiles, probes, tests, &mut found),
        }
    }
}

/// Tiles of templates.
#[derive(Clone, Copy)]
pub(crate) struct Tiles<'a> {
    /// Lines of one tile after the other; a tile has as many lines as a probe has quads.
    pub lines: &'a [Line],
    /// Scale of each row's codes.
    pub scales: &'a [[f32; TILE]],
}

/// Test for the rows to compare in full: `scale * (dot + plus) >= needed`, with `dot` the dot product of the codes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Test {
    /// Upper bound of what the codes leave out of the dot product, in units of the codes.
    pub plus: f32,
    /// Least value that passes.
    pub needed: f32,
}

/// Possible widths of a group of probes, the widest first.
const WIDTHS: [usize; 5] = [12, 8, 4, 2, 1];

/// Probes laid out for the kernels.
#[derive(Default)]
pub(crate) struct Pack {
    groups: Vec<Group>,
}

/// Probes that are compared with a tile together.
pub(crate) struct Group {
    /// Index of the first probe.
    pub first: usize,
    /// Number of probes: one of [`WIDTHS`].
    pub width: usize,
    /// For each quad, four codes of each probe, packed as the bytes of an integer.
    pub quads: Vec<i32>,
    /// Initial sum of each probe: minus the dot product of its codes with the bias of a template's codes.
    pub starts: Vec<i32>,
}

impl Pack {
    /// Packs probes, each given as its codes: whole quads, all of the same length.
    pub fn new(probes: &[&[i8]]) -> Self {
        let mut groups = Vec::new();
        let mut first = 0;
        while first < probes.len() {
            let left = probes.len() - first;
            let width = WIDTHS.into_iter().find(|&width| width <= left).unwrap_or(1);
            let members = &probes[first..first + width];
            let length = members[0].len() / QUAD;
            let mut quads = Vec::with_capacity(length * width);
            for at in 0..length {
                quads.extend(members.iter().map(|codes| quad(&codes[at * QUAD..][..QUAD])));
            }
            let starts = members.iter().map(|codes| -BIAS * codes.iter().map(|&code| i32::from(code)).sum::<i32>());
            groups.push(Group { first, width, quads, starts: starts.collect() });
            first += width;
        }
        Self { groups }
    }

    /// Returns the number of probes.
    pub fn len(&self) -> usize {
        self.groups.last().map_or(0, |group| group.first + group.width)
    }
}

/// Packs four codes as the bytes of an integer.
fn quad(codes: &[i8]) -> i32 {
    i32::from_le_bytes(std::array::from_fn(|i| codes[i].cast_unsigned()))
}

/// Calls `found` for the rows of a tile whose bits are set.
fn report(mask: u32, probe: usize, tile: usize, found: &mut impl FnMut(usize, usize)) {
    let mut left = mask;
    while left != 0 {
        found(probe, tile * TILE + left.trailing_zeros() as usize);
        left &= left - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Returns the pairs that pass, computed one number at a time.
    fn naive(lines: &[Line], scales: &[[f32; TILE]], probes: &[Vec<i8>], tests: &[Test]) -> Vec<(usize, usize)> {
        let quads = probes[0].len() / QUAD;
        let mut passing = Vec::new();
        for (probe, (codes, test)) in probes.iter().zip(tests).enumerate() {
            for row in 0..scales.len() * TILE {
                let dot: i32 = codes
                    .iter()
                    .enumerate()
                    .map(|(i, &code)| {
                        let line = &lines[row / TILE * quads + i / QUAD];
                        (i32::from(line.0[row % TILE * QUAD + i % QUAD]) - BIAS) * i32::from(code)
                    })
                    .sum();
                if scales[row / TILE][row % TILE] * (dot as f32 + test.plus) >= test.needed {
                    passing.push((probe, row));
                }
            }
        }
        passing
    }

    prop_compose! {
        fn case()(tiles in 1usize..6, quads in 1usize..140, probes in 1usize..30)(
            codes in proptest::collection::vec(1u8..=255, tiles * quads * TILE * QUAD),
            scales in proptest::collection::vec(0f32..2.0, tiles * TILE),
            probes in proptest::collection::vec(proptest::collection::vec(-127i8..=127, quads * QUAD), probes),
            plus in 0f32..100.0, needed in -20_000f32..20_000.0,
        ) -> (Vec<Line>, Vec<[f32; TILE]>, Vec<Vec<i8>>, Test) {
            let lines = codes.as_chunks().0.iter().map(|chunk| Line(*chunk)).collect();
            (lines, scales.as_chunks().0.to_vec(), probes, Test { plus, needed })
        }
    }

    proptest! {
        #[test]
        fn every_kernel_finds_what_there_is((lines, scales, probes, test) in case()) {
            let tests: Vec<Test> =
                (0..probes.len()).map(|i| Test { needed: test.needed + i as f32, ..test }).collect();
            let expected = naive(&lines, &scales, &probes, &tests);
            let pack = Pack::new(&probes.iter().map(Vec::as_slice).collect::<Vec<_>>());
            prop_assert_eq!(pack.len(), probes.len());
            for kernel in Kernel::available() {
                let mut found = Vec::new();
                let tiles = Tiles { lines: &lines, scales: &scales };
                kernel.scan(tiles, &pack, &tests, |probe, row| found.push((probe, row)));
                found.sort_unstable();
                prop_assert_eq!(&found, &expected, "{}", kernel.name());
            }
        }
    }

    /// The largest possible sums must neither wrap nor saturate.
    #[test]
    fn every_kernel_holds_the_largest_sums() {
        for (stored, code) in [(255u8, 127i8), (255, -127), (1, 127), (1, -127)] {
            let probes = vec![vec![code; 1024]; 13];
            let lines = vec![Line([stored; TILE * QUAD]); 256];
            let dot = (i32::from(stored) - BIAS) * i32::from(code) * 1024;
            let pack = Pack::new(&probes.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for kernel in Kernel::available() {
                for (needed, expected) in [(dot as f32, 13 * TILE), (dot as f32 + 2.0, 0)] {
                    let tests = vec![Test { plus: 0.0, needed }; 13];
                    let mut found = 0;
                    let tiles = Tiles { lines: &lines, scales: &[[1.0; TILE]] };
                    kernel.scan(tiles, &pack, &tests, |_, _| found += 1);
                    assert_eq!(found, expected, "{} {stored} {code}", kernel.name());
                }
            }
        }
    }
}
