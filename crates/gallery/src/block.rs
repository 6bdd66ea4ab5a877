//! A run of templates, contiguous in memory: the unit that a writer copies.

use crate::ranking::Ranking;
use crate::{Entry, Hit};

/// Templates a block holds: 512 KiB of 512 dimensions, little to copy and long enough to stream through.
const CAPACITY: usize = 256;
/// Sums kept side by side in a dot product, so that the compiler can use vector registers.
const LANES: usize = 16;

#[derive(Clone)]
pub(crate) struct Block {
    dimensions: usize,
    entries: Vec<Entry>,
    /// Row after row, `dimensions` numbers each, in the order of `entries`.
    vectors: Vec<f32>,
}

impl Block {
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, entries: Vec::new(), vectors: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.len() >= CAPACITY
    }

    pub fn push(&mut self, entry: Entry, vector: &[f32]) {
        self.entries.push(entry);
        self.vectors.extend_from_slice(vector);
    }

    pub fn pop(&mut self) -> Option<(Entry, Vec<f32>)> {
        let entry = self.entries.pop()?;
        let vector = self.vectors.split_off(self.entries.len() * self.dimensions);
        Some((entry, vector))
    }

    /// Takes a face out; the last row moves into its place.
    pub fn remove(&mut self, face: i64) {
        let Some(row) = self.entries.iter().position(|entry| entry.face == face) else { return };
        let last = self.entries.len() - 1;
        self.entries.swap_remove(row);
        self.vectors.copy_within(last * self.dimensions.., row * self.dimensions);
        self.vectors.truncate(last * self.dimensions);
    }

    /// Offers every template that passes the filter to the ranking.
    pub fn rank(&self, probe: &[f32], filter: Option<&(dyn Fn(&Entry) -> bool + Sync)>, ranking: &mut Ranking) {
        for (entry, vector) in self.entries.iter().zip(self.vectors.chunks_exact(self.dimensions.max(1))) {
            let cosine = dot(probe, vector);
            if ranking.admits(cosine, entry.face) && filter.is_none_or(|passes| passes(entry)) {
                ranking.offer(Hit { entry: *entry, cosine });
            }
        }
    }
}

/// The dot product of two slices of one length.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f32>() + rest
}
