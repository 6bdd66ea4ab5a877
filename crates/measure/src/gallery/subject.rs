//! Gallery under measurement: the only module that calls it.

use std::sync::{Arc, mpsc};

use aicp_gallery::{Entry, Gallery, Hit, Query, Scanner, Search};
use aicp_types::{FaceId, PersonId};

use crate::Result;
use crate::machine::Threads;
use crate::templates::DIMENSIONS;

/// People found for one probe.
pub type Found = Vec<Hit>;

/// A gallery and its search threads.
pub struct Subject {
    gallery: Arc<Gallery>,
    scanner: Scanner,
}

impl Subject {
    /// Creates an empty gallery with this many search threads.
    pub fn new(threads: Threads) -> Result<Self> {
        Ok(Self { gallery: Arc::new(Gallery::new(DIMENSIONS)), scanner: Scanner::start(threads)? })
    }

    /// Returns the name of the search kernel.
    pub fn kernel(&self) -> &'static str {
        self.gallery.kernel().name()
    }

    /// Inserts rows, one person each, numbered from `first`.
    pub fn extend(&self, first: usize, rows: &[f32]) -> Result<()> {
        let rows = rows.chunks_exact(DIMENSIONS).enumerate().map(|(offset, row)| (entry(first + offset), row));
        Ok(self.gallery.extend(rows)?)
    }

    /// Inserts one row.
    pub fn insert(&self, row: usize, vector: &[f32]) -> Result<()> {
        Ok(self.gallery.insert(entry(row), vector)?)
    }

    /// Removes one row.
    pub fn remove(&self, row: usize) {
        self.gallery.remove(&[entry(row).face]);
    }

    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        self.gallery.len()
    }

    /// Returns the bytes that one search reads.
    pub fn bytes_scanned(&self) -> usize {
        self.gallery.bytes_scanned()
    }

    /// Returns the people most like a probe; searches on the calling thread.
    pub fn search(&self, probe: &[f32], top_n: usize) -> Result<Found> {
        Ok(self.gallery.search(probe, &query(top_n))?)
    }

    /// Searches as [`Self::search`] for several probes at once, on the calling thread.
    pub fn search_many(&self, probes: &[&[f32]], top_n: usize) -> Result<Vec<Found>> {
        Ok(self.gallery.search_many(probes, &query(top_n))?)
    }

    /// Passes a probe to the search threads; the result is sent to the channel.
    pub fn begin(&self, probe: Vec<f32>, top_n: usize, answer: mpsc::Sender<Found>) -> Result<()> {
        let search = Search { probe, top_n, above: f32::NEG_INFINITY, filter: None };
        // If a client has ended early, the channel is closed.
        Ok(self.scanner.search(&self.gallery, search, move |found| drop(answer.send(found)))?)
    }
}

fn entry(row: usize) -> Entry {
    Entry { person: PersonId::new(row as i64), face: FaceId::new(row as i64) }
}

fn query(top_n: usize) -> Query<'static> {
    Query { top_n, above: f32::NEG_INFINITY, filter: None }
}
