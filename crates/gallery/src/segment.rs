//! A run of rows that one lock guards: codes, entries and from when to when each row counts.
//!
//! Rows are changed where they stand. A row says with which version of the gallery it came and with which it went, and
//! a search looks at rows as they were at the version it began with: a row is used again only once no search is left
//! that may want to see it as it was.

use std::ops::Range;

use crate::Entry;
use crate::codes::{Codes, FINE_STEPS, Probe};
use crate::kernel::{BIAS, Kernel, Line, Pack, QUAD, TILE, Test, Tiles};
use aicp_types::{FaceId, PersonId};

/// Rows of a full segment: 2 MiB of upper parts at 512 dimensions.
pub(crate) const SEGMENT: usize = 4096;
/// Rows of the first segment of a gallery when it is new.
const FIRST: usize = TILE;
/// What may be between a bound and the true cosine by rounding in `f32`.
const MARGIN: f32 = 2e-6;
/// The version of what has not happened.
pub(crate) const NEVER: u64 = u64::MAX;

/// Who a row is, and when.
#[derive(Clone, Copy)]
pub(crate) struct Life {
    pub entry: Entry,
    /// The first version that has the row; [`NEVER`] if nobody has it.
    pub born: u64,
    /// The first version that has it no more.
    pub died: u64,
}

impl Life {
    const FREE: Self =
        Self { entry: Entry { person: PersonId::new(0), face: FaceId::new(0) }, born: NEVER, died: NEVER };

    /// Whether the row is there for a search of this version.
    pub fn covers(&self, version: u64) -> bool {
        self.born <= version && version < self.died
    }
}

/// The rows of a segment.
pub(crate) struct Rows {
    /// Lines of a tile.
    quads: usize,
    lines: Vec<Line>,
    /// Lower parts, row after row.
    fine: Vec<i16>,
    scales: Vec<[f32; TILE]>,
    lives: Vec<Life>,
    /// The most that the upper parts of a row leave out, in their steps.
    left_out: f32,
    /// The greatest length of a row.
    length: f32,
}

impl Rows {
    pub fn new(dimensions: usize) -> Self {
        Self {
            quads: dimensions.div_ceil(QUAD),
            lines: Vec::new(),
            fine: Vec::new(),
            scales: Vec::new(),
            lives: Vec::new(),
            left_out: 0.0,
            length: 0.0,
        }
    }

    /// How many rows there are, free ones too.
    pub fn len(&self) -> usize {
        self.lives.len()
    }

    pub fn life(&self, row: usize) -> Life {
        self.lives[row]
    }

    /// Puts a free row at the end.
    ///
    /// `all_at_once`: takes the memory of a full segment right away.
    pub fn push_free(&mut self, all_at_once: bool) {
        let row = self.len();
        if row == self.lives.capacity() {
            let more = if all_at_once { SEGMENT } else { row.clamp(FIRST, SEGMENT - row) };
            self.lives.reserve_exact(more);
            self.fine.reserve_exact(more * self.quads * QUAD);
            self.scales.reserve_exact(more.div_ceil(TILE));
            self.lines.reserve_exact(more.div_ceil(TILE) * self.quads);
        }
        if row.is_multiple_of(TILE) {
            self.lines.resize(self.lines.len() + self.quads, Line::ZERO);
            self.scales.push([0.0; TILE]);
        }
        self.fine.resize((row + 1) * self.quads * QUAD, 0);
        self.lives.push(Life::FREE);
    }

    /// Takes the last row away.
    pub fn pop(&mut self) {
        self.lives.pop();
        let row = self.len();
        self.fine.truncate(row * self.quads * QUAD);
        self.scales.truncate(row.div_ceil(TILE));
        self.lines.truncate(row.div_ceil(TILE) * self.quads);
    }

    /// Writes a template into a free row.
    pub fn write(&mut self, row: usize, codes: &Codes, entry: Entry, born: u64) {
        let lines = &mut self.lines[row / TILE * self.quads..][..self.quads];
        for (line, quad) in lines.iter_mut().zip(codes.coarse.as_chunks::<QUAD>().0) {
            line.0[row % TILE * QUAD..][..QUAD].copy_from_slice(quad);
        }
        let width = self.quads * QUAD;
        self.fine[row * width..][..width].copy_from_slice(&codes.fine);
        self.scales[row / TILE][row % TILE] = codes.scale;
        self.lives[row] = Life { entry, born, died: NEVER };
        self.left_out = self.left_out.max(codes.left_out);
        self.length = self.length.max(codes.length);
    }

    /// The codes of a row, as they were written.
    pub fn read(&self, row: usize) -> Codes {
        let width = self.quads * QUAD;
        let lines = &self.lines[row / TILE * self.quads..][..self.quads];
        Codes {
            coarse: lines.iter().flat_map(|line| line.0[row % TILE * QUAD..][..QUAD].iter().copied()).collect(),
            fine: self.fine[row * width..][..width].to_vec(),
            scale: self.scales[row / TILE][row % TILE],
            left_out: self.left_out,
            length: self.length,
        }
    }

    /// From this version on the row is not there any more.
    pub fn end(&mut self, row: usize, died: u64) {
        self.lives[row].died = died;
    }

    /// Nobody will look at the row any more.
    pub fn free(&mut self, row: usize) {
        self.lives[row] = Life::FREE;
        self.scales[row / TILE][row % TILE] = 0.0;
    }

    /// Calls `found(probe, row)` for those of some rows of which the cosine to a probe may be as high as the probe's floor;
    /// rows that are there for nobody may be among them. The range begins and ends at multiples of [`TILE`], or past the end.
    ///
    /// The upper parts t of a template and p of a probe leave out dt and dp, so that the cosine is t·p + dt·p + (t + dt)·dp.
    /// By Cauchy and Schwarz the second is at most |dt| |p| and the third at most |t + dt| |dp|.
    pub fn scan<'a>(
        &self,
        kernel: Kernel,
        range: Range<usize>,
        pack: &Pack,
        probes: impl Iterator<Item = (&'a Probe, f32)>,
        tests: &mut Vec<Test>,
        mut found: impl FnMut(usize, usize),
    ) {
        tests.clear();
        tests.extend(probes.map(|(probe, floor)| Test {
            plus: self.left_out * probe.coded_length / probe.scale,
            needed: (floor - probe.left_out * self.length - MARGIN * self.length.max(1.0)) / probe.scale,
        }));
        let (first, last) = (range.start / TILE, range.end.min(self.len()).div_ceil(TILE));
        if first >= last {
            return;
        }
        let tiles =
            Tiles { lines: &self.lines[first * self.quads..last * self.quads], scales: &self.scales[first..last] };
        kernel.scan(tiles, pack, tests, |probe, row| {
            let row = first * TILE + row;
            if row < self.len() {
                found(probe, row);
            }
        });
    }

    /// The cosine of a probe and a row, the same whichever kernel runs.
    pub fn cosine(&self, probe: &Probe, row: usize) -> f32 {
        let width = self.quads * QUAD;
        let lines = &self.lines[row / TILE * self.quads..][..self.quads];
        let fine = self.fine[row * width..][..width].as_chunks::<QUAD>().0;
        let numbers = probe.numbers.as_chunks::<QUAD>().0;
        let mut sums = [0.0f64; QUAD];
        for ((line, fine), numbers) in lines.iter().zip(fine).zip(numbers) {
            let upper = &line.0[row % TILE * QUAD..][..QUAD];
            for i in 0..QUAD {
                let whole = ((i32::from(upper[i]) - BIAS) << 16) + i32::from(fine[i]);
                sums[i] += f64::from(whole) * f64::from(numbers[i]);
            }
        }
        let step = f64::from(self.scales[row / TILE][row % TILE]) / f64::from(FINE_STEPS);
        (sums.iter().sum::<f64>() * step) as f32
    }

    /// What a search reads of these rows, in bytes.
    pub fn bytes_scanned(&self) -> usize {
        size_of_val(self.lines.as_slice()) + size_of_val(self.scales.as_slice())
    }
}
