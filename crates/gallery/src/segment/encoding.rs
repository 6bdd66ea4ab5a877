//! Rows as bytes of a file.

use aicp_types::{FaceId, PersonId};

use super::{Details, NEVER, RowMeta, Rows};
use crate::Entry;
use crate::file::floats;
use crate::form::Form;
use crate::kernel::{BIAS, Line, QUAD, TILE};

/// Code of a number of a row that is not there.
const NONE: u8 = BIAS as u8;

impl Rows {
    /// Appends the rows that searches of a version see, all others as free ones, and returns the number of rows. Nothing is
    /// left of templates that were removed.
    pub fn encode(&self, version: u64, out: &mut Vec<u8>) -> usize {
        let Details::Middles { width, codes, scales, left_out } = &self.details else { return 0 };
        let is_there = |row: usize| self.row_metas.get(row).is_some_and(|life| life.is_visible_at(version));
        let rows = self.len();
        put(out, [self.left_out, self.length, *left_out]);
        for (tile, lines) in self.lines.chunks_exact(self.quads).enumerate() {
            let free: Vec<usize> = (0..TILE).filter(|lane| !is_there(tile * TILE + lane)).collect();
            for Line(line) in lines {
                let at = out.len();
                out.extend_from_slice(line);
                free.iter().for_each(|lane| out[at + lane * QUAD..][..QUAD].fill(NONE));
            }
        }
        for (row, scale) in self.scales.as_flattened().iter().enumerate() {
            put(out, [if is_there(row) { *scale } else { 0.0 }]);
        }
        for row in 0..rows {
            let at = out.len();
            out.extend_from_slice(&codes[row * width..][..*width]);
            if !is_there(row) {
                out[at..].fill(NONE);
            }
        }
        (0..rows).for_each(|row| put(out, if is_there(row) { scales[row] } else { [0.0; 2] }));
        let entry = |row: usize| is_there(row).then(|| self.row_metas[row].entry);
        for id in [|entry: Entry| entry.person.get(), |entry: Entry| entry.face.get()] {
            (0..rows).for_each(|row| out.extend_from_slice(&entry(row).map_or(0, id).to_le_bytes()));
        }
        out.extend((0..rows).map(|row| u8::from(is_there(row))));
        rows
    }

    /// Returns the rows of a form; `None` if the bytes are not those of so many rows.
    pub fn decode(form: &Form, dimensions: usize, rows: usize, bytes: &[u8]) -> Option<Self> {
        let mut new = Self::new(form, dimensions);
        let Details::Middles { width, codes, scales, left_out } = &mut new.details else { return None };
        let mut rest = bytes;
        let mut take = |numbers: usize, size: usize| rest.split_off(..numbers.checked_mul(size)?);
        let bounds = floats(take(3, 4)?);
        let tiles = rows.div_ceil(TILE);
        let lines = take(tiles * new.quads, TILE * QUAD)?.as_chunks().0;
        new.lines = lines.iter().copied().map(Line).collect();
        new.scales = floats(take(tiles * TILE, 4)?).as_chunks().0.to_vec();
        *codes = take(rows, *width)?.to_vec();
        *scales = floats(take(rows, 8)?).as_chunks().0.to_vec();
        (new.left_out, new.length, *left_out) = (*bounds.first()?, *bounds.get(1)?, *bounds.get(2)?);
        let people = take(rows, 8)?.as_chunks().0;
        let faces = take(rows, 8)?.as_chunks().0;
        let is_there = take(rows, 1)?;
        let life = |((person, face), is_there): ((&[u8; 8], &[u8; 8]), &u8)| {
            let person = PersonId::new(i64::from_le_bytes(*person));
            let entry = Entry { person, face: FaceId::new(i64::from_le_bytes(*face)) };
            if *is_there == 1 { RowMeta { entry, added_version: 0, removed_version: NEVER } } else { RowMeta::FREE }
        };
        new.row_metas = people.iter().zip(faces).zip(is_there).map(life).collect();
        rest.is_empty().then_some(new)
    }
}

fn put<const N: usize>(out: &mut Vec<u8>, numbers: [f32; N]) {
    numbers.iter().for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
}
