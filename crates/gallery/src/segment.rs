//! A segment: a run of rows under one lock, with their codes, entries and lifetimes.
//!
//! Rows are changed in place. Each row records the gallery version that added it and the one that removed it; a search
//! sees the rows of the version it began with. A row is reused only when no running search can still see its old
//! content.

use std::ops::Range;

use crate::Entry;
use crate::codes::{Codes, FINE_STEPS, Probe};
use crate::kernel::{BIAS, Kernel, Line, Pack, QUAD, TILE, Test, Tiles};
use aicp_types::{FaceId, PersonId};

/// Rows of a full segment: 2 MiB of upper parts at 512 dimensions.
pub(crate) const SEGMENT_ROWS: usize = 4096;
/// Rows allocated first in the first segment of a gallery.
const INITIAL_ROWS: usize = TILE;
/// Allowance for `f32` rounding between a bound and the true cosine.
const MARGIN: f32 = 2e-6;
/// Version of an event that has not happened.
pub(crate) const NEVER: u64 = u64::MAX;

/// Entry of a row, and the versions in which the row exists.
#[derive(Clone, Copy)]
pub(crate) struct RowMeta {
    pub entry: Entry,
    /// The first version that has the row; [`NEVER`] for a free row.
    pub added_version: u64,
    /// The first version without the row; [`NEVER`] until it is removed.
    pub removed_version: u64,
}

impl RowMeta {
    const FREE: Self = Self {
        entry: Entry { person: PersonId::new(0), face: FaceId::new(0) },
        added_version: NEVER,
        removed_version: NEVER,
    };

    /// Returns whether a search of this version sees the row.
    pub fn is_visible_at(&self, version: u64) -> bool {
        self.added_version <= version && version < self.removed_version
    }
}

/// The rows of a segment.
pub(crate) struct Rows {
    /// Lines per tile.
    quads: usize,
    lines: Vec<Line>,
    /// Lower parts, row after row.
    fine: Vec<i16>,
    scales: Vec<[f32; TILE]>,
    row_metas: Vec<RowMeta>,
    /// Upper bound of the length of the lower parts of any row, in steps of its upper parts.
    left_out: f32,
    /// Upper bound of the length of any row.
    length: f32,
}

impl Rows {
    pub fn new(dimensions: usize) -> Self {
        Self {
            quads: dimensions.div_ceil(QUAD),
            lines: Vec::new(),
            fine: Vec::new(),
            scales: Vec::new(),
            row_metas: Vec::new(),
            left_out: 0.0,
            length: 0.0,
        }
    }

    /// Returns the number of rows, including free ones.
    pub fn len(&self) -> usize {
        self.row_metas.len()
    }

    pub fn life(&self, row: usize) -> RowMeta {
        self.row_metas[row]
    }

    /// Appends a free row.
    ///
    /// With `all_at_once` the memory of a full segment is reserved at once.
    pub fn push_free(&mut self, all_at_once: bool) {
        let row = self.len();
        if row == self.row_metas.capacity() {
            let more = if all_at_once { SEGMENT_ROWS } else { row.clamp(INITIAL_ROWS, SEGMENT_ROWS - row) };
            self.row_metas.reserve_exact(more);
            self.fine.reserve_exact(more * self.quads * QUAD);
            self.scales.reserve_exact(more.div_ceil(TILE));
            self.lines.reserve_exact(more.div_ceil(TILE) * self.quads);
        }
        if row.is_multiple_of(TILE) {
            self.lines.resize(self.lines.len() + self.quads, Line::ZERO);
            self.scales.push([0.0; TILE]);
        }
        self.fine.resize((row + 1) * self.quads * QUAD, 0);
        self.row_metas.push(RowMeta::FREE);
    }

    /// Removes the last row.
    pub fn pop(&mut self) {
        self.row_metas.pop();
        let row = self.len();
        self.fine.truncate(row * self.quads * QUAD);
        self.scales.truncate(row.div_ceil(TILE));
        self.lines.truncate(row.div_ceil(TILE) * self.quads);
    }

    /// Writes a template into a free row.
    pub fn write(&mut self, row: usize, codes: &Codes, entry: Entry, added_version: u64) {
        let lines = &mut self.lines[row / TILE * self.quads..][..self.quads];
        for (line, quad) in lines.iter_mut().zip(codes.coarse.as_chunks::<QUAD>().0) {
            line.0[row % TILE * QUAD..][..QUAD].copy_from_slice(quad);
        }
        let width = self.quads * QUAD;
        self.fine[row * width..][..width].copy_from_slice(&codes.fine);
        self.scales[row / TILE][row % TILE] = codes.scale;
        self.row_metas[row] = RowMeta { entry, added_version, removed_version: NEVER };
        self.left_out = self.left_out.max(codes.left_out);
        self.length = self.length.max(codes.length);
    }

    /// Returns the codes of a row, as they were written.
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

    /// Ends the row's lifetime: versions from `removed_version` on don't see it.
    pub fn end(&mut self, row: usize, removed_version: u64) {
        self.row_metas[row].removed_version = removed_version;
    }

    /// Frees a row that no search can see any more.
    pub fn free(&mut self, row: usize) {
        self.row_metas[row] = RowMeta::FREE;
        self.scales[row / TILE][row % TILE] = 0.0;
    }

    /// Calls `found(probe, row)` for the rows whose cosine to a probe may reach the probe's floor. Rows outside their
    /// lifetime may be among them. The range must begin and end at multiples of [`TILE`], or end past the last row.
    ///
    /// The upper parts t of a template and p of a probe leave out dt and dp, so the cosine is t·p + dt·p + (t + dt)·dp.
    /// By the Cauchy-Schwarz inequality the second term is at most |dt| |p| and the third at most |t + dt| |dp|.
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
            plus: self.left_out * probe.codes_length_bound / probe.scale,
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

    /// Returns the cosine of a probe and a row. The result does not depend on the kernel.
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

    /// Returns the bytes that a scan of these rows reads.
    pub fn bytes_scanned(&self) -> usize {
        size_of_val(self.lines.as_slice()) + size_of_val(self.scales.as_slice())
    }
}
