//! A segment: a run of rows under one lock, with their codes, entries and lifetimes.
//!
//! Rows are changed in place. Each row records the gallery version that added it and the one that removed it; a search
//! sees the rows of the version it began with. A row is reused only when no running search can still see its old
//! content.

mod encoding;

use std::ops::Range;

use crate::Entry;
use crate::codes::{Codes, Probe, dot, whole};
use crate::form::{Form, ROTATION_ERROR, RotatedCodes, RowCodes};
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
    /// Upper parts of the numbers that every search reads.
    lines: Vec<Line>,
    scales: Vec<[f32; TILE]>,
    details: Details,
    row_metas: Vec<RowMeta>,
    /// Upper bound of the length of the lower parts of any row, in steps of its upper parts.
    left_out: f32,
    /// Upper bound of the length of any row.
    length: f32,
}

/// What is read of the rows that the scan does not rule out; row after row.
enum Details {
    /// Lower parts of whole templates.
    Lower(Vec<i16>),
    /// Middles of rotated templates.
    Middles {
        /// Numbers of a row.
        width: usize,
        codes: Vec<u8>,
        /// Scale of each row's codes, and upper bound of the length of its remainder.
        scales: Vec<[f32; 2]>,
        /// Upper bound of the length of what the codes of any row leave out, in steps.
        left_out: f32,
    },
}

/// What a row tells of its cosine to a probe.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Score {
    Exact(f32),
    /// The cosine is in this interval.
    Between {
        least: f32,
        most: f32,
    },
}

impl Rows {
    pub fn new(form: &Form, dimensions: usize) -> Self {
        let details = match form.middle() {
            None => Details::Lower(Vec::new()),
            Some(width) => {
                let width = width.next_multiple_of(QUAD);
                Details::Middles { width, codes: Vec::new(), scales: Vec::new(), left_out: 0.0 }
            }
        };
        Self {
            quads: form.scanned(dimensions).div_ceil(QUAD),
            lines: Vec::new(),
            details,
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
            let more = if all_at_once { SEGMENT_ROWS } else { row.max(INITIAL_ROWS).min(SEGMENT_ROWS - row) };
            self.row_metas.reserve_exact(more);
            match &mut self.details {
                Details::Lower(fine) => fine.reserve_exact(more * self.quads * QUAD),
                Details::Middles { width, codes, scales, .. } => {
                    codes.reserve_exact(more * *width);
                    scales.reserve_exact(more);
                }
            }
            self.scales.reserve_exact(more.div_ceil(TILE));
            self.lines.reserve_exact(more.div_ceil(TILE) * self.quads);
        }
        if row.is_multiple_of(TILE) {
            self.lines.resize(self.lines.len() + self.quads, Line::ZERO);
            self.scales.push([0.0; TILE]);
        }
        self.resize_details(row + 1);
        self.row_metas.push(RowMeta::FREE);
    }

    /// Removes the last row.
    pub fn pop(&mut self) {
        self.row_metas.pop();
        let row = self.len();
        self.resize_details(row);
        self.scales.truncate(row.div_ceil(TILE));
        self.lines.truncate(row.div_ceil(TILE) * self.quads);
    }

    fn resize_details(&mut self, rows: usize) {
        match &mut self.details {
            Details::Lower(fine) => fine.resize(rows * self.quads * QUAD, 0),
            Details::Middles { width, codes, scales, .. } => {
                codes.resize(rows * *width, BIAS as u8);
                scales.resize(rows, [0.0; 2]);
            }
        }
    }

    /// Writes a template into a free row. Its form must be that of the rows.
    pub fn write(&mut self, row: usize, codes: &RowCodes, entry: Entry, added_version: u64) {
        let scanned = match codes {
            RowCodes::Whole(codes) => codes,
            RowCodes::Rotated(codes) => &codes.head,
        };
        let lines = &mut self.lines[row / TILE * self.quads..][..self.quads];
        for (line, quad) in lines.iter_mut().zip(scanned.coarse.as_chunks::<QUAD>().0) {
            line.0[row % TILE * QUAD..][..QUAD].copy_from_slice(quad);
        }
        self.scales[row / TILE][row % TILE] = scanned.scale;
        self.left_out = self.left_out.max(scanned.left_out);
        self.length = self.length.max(scanned.length);
        match (&mut self.details, codes) {
            (Details::Lower(fine), RowCodes::Whole(codes)) => {
                let width = self.quads * QUAD;
                fine[row * width..][..width].copy_from_slice(&codes.fine);
            }
            (
                Details::Middles { width, codes, scales, left_out },
                RowCodes::Rotated(RotatedCodes { middle, rest, .. }),
            ) => {
                codes[row * *width..][..*width].copy_from_slice(&middle.coarse);
                scales[row] = [middle.scale, *rest];
                *left_out = left_out.max(middle.left_out);
            }
            _ => debug_assert!(false, "a template in another form than its rows"),
        }
        self.row_metas[row] = RowMeta { entry, added_version, removed_version: NEVER };
    }

    /// Returns the codes of a row, as they were written.
    pub fn read(&self, row: usize) -> RowCodes {
        let scanned = |fine: Vec<i16>| Codes {
            coarse: self.upper(row).flatten().copied().collect(),
            fine,
            scale: self.scales[row / TILE][row % TILE],
            left_out: self.left_out,
            length: self.length,
        };
        match &self.details {
            Details::Lower(fine) => {
                let width = self.quads * QUAD;
                RowCodes::Whole(scanned(fine[row * width..][..width].to_vec()))
            }
            Details::Middles { width, codes, scales, left_out } => {
                let [scale, rest] = scales[row];
                let coarse = codes[row * width..][..*width].to_vec();
                let middle = Codes { coarse, fine: Vec::new(), scale, left_out: *left_out, length: self.length };
                RowCodes::Rotated(RotatedCodes { head: scanned(Vec::new()), middle, rest })
            }
        }
    }

    /// Returns the upper parts of a row, by quads.
    fn upper(&self, row: usize) -> impl Iterator<Item = &[u8]> {
        let lines = &self.lines[row / TILE * self.quads..][..self.quads];
        lines.iter().map(move |line| &line.0[row % TILE * QUAD..][..QUAD])
    }

    /// Returns the vector of a row; `None` if it is not stored whole.
    pub fn vector(&self, row: usize, dimensions: usize) -> Option<Vec<f32>> {
        let Details::Lower(fine) = &self.details else { return None };
        let fine = &fine[row * self.quads * QUAD..][..self.quads * QUAD];
        let scale = self.scales[row / TILE][row % TILE];
        Some(whole(self.upper(row), fine, scale).take(dimensions).collect())
    }

    /// Returns the same rows in another form; `None` if these are not stored whole.
    pub fn in_form(&self, form: &Form, dimensions: usize) -> Option<Self> {
        let vectors: Vec<Vec<f32>> = (0..self.len()).map(|row| self.vector(row, dimensions)).collect::<Option<_>>()?;
        let codes = form.codes(&vectors.iter().map(Vec::as_slice).collect::<Vec<_>>());
        if codes.len() < self.len() {
            return None;
        }
        let mut rows = Self::new(form, dimensions);
        for (row, (codes, life)) in codes.iter().zip(&self.row_metas).enumerate() {
            rows.push_free(self.len() == SEGMENT_ROWS);
            rows.write(row, codes, life.entry, life.added_version);
            rows.row_metas[row] = *life;
        }
        Some(rows)
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

    /// Returns what a row tells of its cosine to a probe. The result does not depend on the kernel.
    pub fn score(&self, probe: &Probe, row: usize) -> Score {
        let scale = self.scales[row / TILE][row % TILE];
        match (&self.details, &probe.rotated) {
            (Details::Lower(fine), _) => {
                let width = self.quads * QUAD;
                Score::Exact(dot(self.upper(row), &fine[row * width..][..width], scale, probe))
            }
            (Details::Middles { width, codes, scales, left_out }, Some(rotated)) => {
                let [middle_scale, rest] = scales[row];
                let head = upper_dot(self.upper(row), &rotated.head) * scale;
                let middle = &codes[row * width..][..*width];
                let middle = upper_dot(middle.as_chunks::<QUAD>().0.iter().map(|quad| &quad[..]), &rotated.middle)
                    * middle_scale;
                let [head_length, middle_length, probe_rest, whole] = rotated.lengths;
                let error = head_length * scale * self.left_out
                    + middle_length * middle_scale * left_out
                    + probe_rest * rest
                    + ROTATION_ERROR * whole * self.length;
                Score::Between { least: head + middle - error, most: head + middle + error }
            }
            // A probe in another form than the rows tells nothing.
            (Details::Middles { .. }, None) => Score::Between { least: f32::NEG_INFINITY, most: f32::INFINITY },
        }
    }

    /// Returns the bytes that a scan of these rows reads.
    pub fn bytes_scanned(&self) -> usize {
        size_of_val(self.lines.as_slice()) + size_of_val(self.scales.as_slice())
    }
}

/// Returns the dot product of upper parts, by quads, with numbers, in steps of the upper parts.
fn upper_dot<'a>(upper: impl Iterator<Item = &'a [u8]>, numbers: &[f32]) -> f32 {
    let mut sums = [0.0f32; QUAD];
    for (upper, numbers) in upper.zip(numbers.as_chunks::<QUAD>().0) {
        for i in 0..QUAD {
            sums[i] += (f32::from(upper[i]) - BIAS as f32) * numbers[i];
        }
    }
    sums.iter().sum()
}
