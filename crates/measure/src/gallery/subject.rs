//! Gallery under measurement: the only module that calls it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};

use aicp_gallery::{Axes, Entry, Gallery, Hit, LazyAxes, Query, Rotation, Scanner, Search, TemplateSource};
use aicp_types::{FaceId, PersonId};

use crate::machine::Threads;
use crate::templates::{DIMENSIONS, Templates};
use crate::{Error, Result};

/// Templates of other people that the axes are computed of.
const AXES_TEMPLATES: usize = 8192;

/// People found for one probe.
pub type Found = Vec<Hit>;

/// A gallery and its search threads.
pub struct Subject {
    gallery: Arc<Gallery>,
    scanner: Scanner,
    source: Arc<Source>,
}

/// Templates that the gallery asks for are generated again: they are in no memory, as those of a server are in its database.
struct Source {
    templates: Templates,
    /// Number of templates that were asked for.
    read: AtomicU64,
}

impl TemplateSource for Source {
    fn read(&self, faces: &[FaceId]) -> aicp_gallery::Result<Vec<Option<Vec<f32>>>> {
        self.read.fetch_add(faces.len() as u64, Ordering::Relaxed);
        let template = |face: &FaceId| {
            let mut template = vec![0.0; DIMENSIONS];
            self.templates.row(usize::try_from(face.get()).ok()?, &mut template);
            Some(template)
        };
        Ok(faces.iter().map(template).collect())
    }
}

impl Subject {
    /// Creates an empty gallery for these templates, with this many search threads. From `min_rows` on it stores rotated
    /// heads; 0: never.
    pub fn new(threads: Threads, templates: Templates, min_rows: usize) -> Result<Self> {
        let source = Arc::new(Source { templates, read: AtomicU64::new(0) });
        let mut gallery = Gallery::new(DIMENSIONS);
        if min_rows > 0 {
            // Not of the people in the library: a server has the axes from the model.
            let mut others = vec![0.0; AXES_TEMPLATES * DIMENSIONS];
            templates.rows(usize::MAX / 2, &mut others, threads);
            let axes = Axes::of_vectors(DIMENSIONS, &others).map_err(|e| Error::Request(e.to_string()))?;
            let source = Arc::clone(&source) as _;
            let axes = Arc::new(LazyAxes::new(Box::new(|| Some(axes))));
            gallery = gallery.with_rotation(Rotation { axes, source, min_rows });
        }
        Ok(Self { gallery: Arc::new(gallery), scanner: Scanner::start(threads)?, source })
    }

    /// Returns whether the gallery stores rotated heads.
    pub fn is_rotated(&self) -> bool {
        self.gallery.is_rotated()
    }

    /// Returns the number of templates that searches have read in full so far.
    pub fn templates_read(&self) -> u64 {
        self.source.read.load(Ordering::Relaxed)
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
    pub fn begin(
        &self,
        probe: Vec<f32>,
        top_n: usize,
        answer: mpsc::Sender<aicp_gallery::Result<Found>>,
    ) -> Result<()> {
        let search = Search { probe, top_n, above: f32::NEG_INFINITY, filter: None };
        // If a client has ended early, the channel is closed.
        Ok(self.scanner.search(&self.gallery, search, move |found| drop(answer.send(found)))?)
    }
}

/// Returns the entry of a row: a person with one face.
pub(super) fn entry(row: usize) -> Entry {
    Entry { person: PersonId::new(row as i64), face: FaceId::new(row as i64) }
}

fn query(top_n: usize) -> Query<'static> {
    Query { top_n, above: f32::NEG_INFINITY, filter: None }
}
