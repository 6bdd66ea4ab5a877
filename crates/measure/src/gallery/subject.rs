//! The gallery as it is measured: all that knows how it is called.

use std::sync::{Arc, mpsc};

use aicp_gallery::{Entry, Gallery, Hit, Query, Scanner, Search};
use aicp_types::{FaceId, PersonId};

use crate::Result;
use crate::machine::Threads;
use crate::templates::DIMENSIONS;

/// The people found of each probe.
pub type Found = Vec<Hit>;

/// A gallery, and threads that search it.
pub struct Subject {
    gallery: Arc<Gallery>,
    scanner: Scanner,
}

impl Subject {
    /// An empty gallery.
    pub fn new(threads: Threads) -> Result<Self> {
        Ok(Self { gallery: Arc::new(Gallery::new(DIMENSIONS)), scanner: Scanner::start(threads)? })
    }

    /// What it searches with.
    pub fn kernel(&self) -> &'static str {
        self.gallery.kernel().name()
    }

    /// Puts rows in, a person each; the first has this number.
    pub fn extend(&self, first: usize, rows: &[f32]) -> Result<()> {
        let rows = rows.chunks_exact(DIMENSIONS).enumerate().map(|(offset, row)| (entry(first + offset), row));
        Ok(self.gallery.extend(rows)?)
    }

    /// Puts one row in.
    pub fn insert(&self, row: usize, vector: &[f32]) -> Result<()> {
        Ok(self.gallery.insert(entry(row), vector)?)
    }

    /// Takes one row out.
    pub fn remove(&self, row: usize) {
        self.gallery.remove(&[entry(row).face]);
    }

    /// How many rows are in.
    pub fn len(&self) -> usize {
        self.gallery.len()
    }

    /// What one search reads, in bytes.
    pub fn bytes_scanned(&self) -> usize {
        self.gallery.bytes_scanned()
    }

    /// The people most like a probe, on the calling thread.
    pub fn search(&self, probe: &[f32], top_n: usize) -> Result<Found> {
        Ok(self.gallery.search(probe, &query(top_n))?)
    }

    /// As [`Self::search`] for several probes at once, on the calling thread.
    pub fn search_many(&self, probes: &[&[f32]], top_n: usize) -> Result<Vec<Found>> {
        Ok(self.gallery.search_many(probes, &query(top_n))?)
    }

    /// Hands a probe to the searching threads; what they find comes out of the channel.
    pub fn begin(&self, probe: Vec<f32>, top_n: usize, answer: mpsc::Sender<Found>) -> Result<()> {
        let search = Search { probe, top_n, above: f32::NEG_INFINITY, filter: None };
        // Nobody listens any more where a client has ended early.
        Ok(self.scanner.search(&self.gallery, search, move |found| drop(answer.send(found)))?)
    }
}

fn entry(row: usize) -> Entry {
    Entry { person: PersonId::new(row as i64), face: FaceId::new(row as i64) }
}

fn query(top_n: usize) -> Query<'static> {
    Query { top_n, above: f32::NEG_INFINITY, filter: None }
}
