//! Changes of the rows of a gallery, made by one writer at a time.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use aicp_types::FaceId;

use super::{Gallery, Segment, Segments};
use crate::Entry;
use crate::form::{Form, RotatedForm, RowCodes};
use crate::segment::{NEVER, Rows, SEGMENT_ROWS};

/// Free rows tolerated before removals move rows; [`ROWS_PER_FREE_ROW`] adds to it.
const MIN_FREE_ROWS: usize = SEGMENT_ROWS / 4;
/// One more free row is tolerated per this many templates.
const ROWS_PER_FREE_ROW: usize = 8;
/// Rows at the end that are examined, per row that may be moved.
const EXAMINED_ROWS_PER_MOVE: usize = 64;
/// Templates that tell whether a rotation pays.
const SAMPLE_ROWS: usize = 1024;
/// A gallery that has grown by this factor is judged again.
const JUDGE_AGAIN_FACTOR: usize = 8;

/// State that only writers need.
pub(super) struct Writer {
    /// Form of the rows.
    pub form: Form,
    /// Rows from which it is judged whether a rotation pays.
    pub judge_at: usize,
    /// Row of each face.
    pub row_of_face: HashMap<FaceId, usize>,
    /// Number of rows, including free ones.
    pub rows: usize,
    /// Removed rows, with the version that removed them; the oldest first.
    pub removed: VecDeque<(u64, usize)>,
    /// Rows that can be reused.
    pub free: BTreeSet<usize>,
}

/// Changes that become visible together.
pub(super) struct Change<'a> {
    pub gallery: &'a Gallery,
    pub writer: &'a mut Writer,
    /// Current segments of the gallery; only the writer changes them.
    pub segments: Segments,
    /// Version that publishes the changes.
    pub version: u64,
}

impl Change<'_> {
    /// Returns the segment of a row.
    fn segment(&self, row: usize) -> &Segment {
        &self.segments[row / SEGMENT_ROWS]
    }

    /// Changes the list of segments and publishes it.
    fn resegment(&mut self, edit: impl FnOnce(&mut Vec<Arc<Segment>>)) {
        edit(Arc::make_mut(&mut self.segments));
        self.gallery.segments.store(Arc::clone(&self.segments));
    }

    pub fn insert_row(&mut self, entry: Entry, codes: &RowCodes) {
        self.remove_row(entry.face);
        let row = self.free_row();
        self.segment(row).write().write(row % SEGMENT_ROWS, codes, entry, self.version);
        self.writer.row_of_face.insert(entry.face, row);
    }

    pub fn remove_row(&mut self, face: FaceId) {
        let Some(row) = self.writer.row_of_face.remove(&face) else { return };
        self.end(row);
    }

    /// Removes a row from the next version on. It can be reused when no older search runs any more.
    fn end(&mut self, row: usize) {
        self.segment(row).write().end(row % SEGMENT_ROWS, self.version);
        self.writer.removed.push_back((self.version, row));
    }

    /// Returns a row to write into: a free one, or a new one at the end.
    fn free_row(&mut self) -> usize {
        if let Some(row) = self.writer.free.pop_first() {
            return row;
        }
        let row = self.writer.rows;
        if row == self.segments.len() * SEGMENT_ROWS {
            let form = &self.writer.form;
            let new = Segment::new(form, Rows::new(form, self.gallery.dimensions));
            self.resegment(|segments| segments.push(new));
        }
        self.segment(row).write().push_free(row >= SEGMENT_ROWS);
        self.writer.rows += 1;
        row
    }

    /// Changes all rows to rotated heads once there are many, if that pays for their templates.
    pub fn rotate_if_large(&mut self) {
        let Some(rotation) = &self.gallery.rotation else { return };
        if self.writer.rows < self.writer.judge_at || matches!(self.writer.form, Form::Rotated(_)) {
            return;
        }
        self.writer.judge_at = self.writer.rows.saturating_mul(JUDGE_AGAIN_FACTOR);
        let step = self.writer.rows.div_ceil(SAMPLE_ROWS).max(1);
        let rows = (0..self.writer.rows).step_by(step);
        let dimensions = self.gallery.dimensions;
        let sample: Option<Vec<Vec<f32>>> =
            rows.map(|row| self.segment(row).read().vector(row % SEGMENT_ROWS, dimensions)).collect();
        let templates = self.writer.row_of_face.len();
        let Some(form) = sample.and_then(|sample| RotatedForm::choose(rotation, &sample)) else {
            tracing::info!(templates, "the templates of a large library fill too many dimensions for rotated heads");
            return;
        };
        let (head, middle) = form.numbers();
        tracing::info!(templates, head, middle, "a large library is stored as rotated heads");
        let form = Form::Rotated(Arc::new(form));
        let rotated: Option<Vec<_>> =
            self.segments.iter().map(|segment| segment.read().in_form(&form, dimensions)).collect();
        let Some(rotated) = rotated else { return };
        self.resegment(|segments| *segments = rotated.into_iter().map(|rows| Segment::new(&form, rows)).collect());
        self.writer.form = form;
    }

    /// Frees the rows that no search can see any more: those removed by the version of the oldest search or before.
    pub fn reclaim(&mut self, oldest: u64) {
        while let Some((_, row)) = self.writer.removed.pop_front_if(|(removed_version, _)| *removed_version <= oldest) {
            self.segment(row).write().free(row % SEGMENT_ROWS);
            self.writer.free.insert(row);
        }
        self.trim();
    }

    /// Removes free rows from the end.
    fn trim(&mut self) {
        while let Some(last) = self.writer.rows.checked_sub(1) {
            let mut rows = self.segment(last).write();
            if rows.life(last % SEGMENT_ROWS).added_version != NEVER {
                return;
            }
            rows.pop();
            drop(rows);
            self.writer.free.remove(&last);
            self.writer.rows = last;
            if last.is_multiple_of(SEGMENT_ROWS) {
                self.resegment(|segments| drop(segments.pop()));
            }
        }
    }

    /// Moves rows, at most `moves`, from the end into gaps, if there are many gaps.
    pub fn compact(&mut self, moves: usize) {
        let mut left = moves;
        for last in (0..self.writer.rows).rev().take(moves.saturating_mul(EXAMINED_ROWS_PER_MOVE)) {
            let many = MIN_FREE_ROWS + self.writer.row_of_face.len() / ROWS_PER_FREE_ROW;
            if left == 0 || self.writer.free.len() <= many || self.writer.free.first().is_none_or(|&to| to >= last) {
                return;
            }
            let (life, codes) = {
                let rows = self.segment(last).read();
                let life = rows.life(last % SEGMENT_ROWS);
                // Free, removed but not yet reclaimed, or written by this change.
                if life.removed_version != NEVER || life.added_version >= self.version {
                    continue;
                }
                (life, rows.read(last % SEGMENT_ROWS))
            };
            let to = self.free_row();
            self.segment(to).write().write(to % SEGMENT_ROWS, &codes, life.entry, self.version);
            self.writer.row_of_face.insert(life.entry.face, to);
            self.end(last);
            left -= 1;
        }
    }
}
