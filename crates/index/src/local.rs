//! Index in the memory of this process.

use std::fs::File;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aicp_gallery::{Entry, FileDigest, FileLabel, Galleries, Gallery, Rotation, Scanner, SearchAll, Snapshot};
use aicp_types::{LibraryId, Sequence};
use async_trait::async_trait;
use tokio::sync::{Semaphore, oneshot};

use crate::{DamagedFace, Error, Filter, Hit, Index, IndexChange, IndexedFace, Query, Result};

/// Maximum deviation of a template's length from 1.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// Maximum number of concurrent searches. They share one pass over a library, so that more would make each wait longer;
/// the next one is refused.
const MAX_SEARCHES: usize = 256;

/// Exact index in memory, with one gallery per library. Small galleries are searched on the calling thread, others on
/// search threads, where concurrent searches share scans.
pub struct LocalIndex {
    dimensions: usize,
    galleries: Galleries,
    scanner: Scanner,
    /// Permits for concurrent searches.
    searches: Arc<Semaphore>,
    applied: AtomicU64,
}

impl LocalIndex {
    /// Creates an empty index for templates of this many dimensions, with one search thread per core. With a rotation, it
    /// stores rotated heads of the templates of large libraries.
    ///
    /// # Errors
    /// [`Error::Threads`] if the system can't start a thread.
    pub fn start(dimensions: usize, rotation: Option<Rotation>) -> Result<Self> {
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Ok(Self {
            dimensions,
            galleries: Galleries::new(dimensions, rotation),
            scanner: Scanner::start(threads).map_err(Error::Threads)?,
            searches: Arc::new(Semaphore::new(MAX_SEARCHES)),
            applied: AtomicU64::new(0),
        })
    }

    /// Returns whether a vector can be a template: those stored have a length of 1.
    fn is_template(&self, vector: &[f32]) -> bool {
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.len() == self.dimensions && (length - 1.0).abs() <= LENGTH_TOLERANCE
    }

    /// Inserts the faces whose templates are not damaged, and returns the others.
    fn insert(&self, library: LibraryId, faces: &[IndexedFace]) -> Result<Vec<DamagedFace>> {
        let mut damaged = Vec::new();
        let sound = faces.iter().filter(|face| {
            let is_sound = self.is_template(&face.template);
            if !is_sound {
                damaged.push(DamagedFace { library, face: face.face });
            }
            is_sound
        });
        let entries = sound.map(|face| (Entry { person: face.person, face: face.face }, &face.template));
        // A sound template fits every gallery.
        self.galleries.open(library).extend(entries).map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(damaged)
    }
}

#[async_trait]
impl Index for LocalIndex {
    async fn load(&self, library: LibraryId, faces: Vec<IndexedFace>) -> Result<Vec<DamagedFace>> {
        self.insert(library, &faces)
    }

    async fn apply(&self, sequence: Sequence, changes: &[IndexChange]) -> Result<Vec<DamagedFace>> {
        let mut damaged = Vec::new();
        for change in changes {
            match change {
                IndexChange::FacesAdded { library, faces } => damaged.append(&mut self.insert(*library, faces)?),
                IndexChange::FacesRemoved { library, faces } => {
                    if let Some(gallery) = self.galleries.find(*library) {
                        gallery.remove(faces);
                    }
                }
                IndexChange::LibraryRemoved { library } => self.galleries.close(*library),
            }
        }
        self.applied.fetch_max(sequence.get(), Ordering::AcqRel);
        Ok(damaged)
    }

    fn applied(&self) -> Sequence {
        Sequence::new(self.applied.load(Ordering::Acquire))
    }

    async fn search(&self, libraries: &[LibraryId], probes: Vec<Vec<f32>>, query: Query) -> Result<Vec<Vec<Hit>>> {
        let _stage = aicp_traces::stage("gallery.search");
        let permit = Arc::clone(&self.searches).try_acquire_owned().map_err(|_| Error::Busy)?;
        let galleries = libraries.iter().filter_map(|&library| self.galleries.find(library)).collect();
        let (answer, answered) = oneshot::channel();
        let Query { top_n, floor, filter } = query;
        let search = SearchAll { probes, top_n, above: floor, filter: predicate(filter) };
        let started = Instant::now();
        let begun = self.scanner.search_all(galleries, search, move |found| {
            metrics::histogram!("aicp_search_seconds").record(started.elapsed());
            // Held until here, even if the caller no longer waits for the answer.
            drop(permit);
            drop(answer.send(found));
        });
        begun.map_err(Error::BadProbe)?;
        let found = answered.await.map_err(|_| Error::Unavailable("a search gave no answer".to_owned()))?;
        let found = found.map_err(|e| Error::Unavailable(e.to_string()))?;
        Ok(found.into_iter().map(|hits| hits.into_iter().map(hit).collect()).collect())
    }

    fn all_faces(&self) -> usize {
        self.galleries.len()
    }

    fn large_libraries(&self) -> Vec<LibraryId> {
        self.galleries.rotated()
    }

    fn snapshot(&self, library: LibraryId) -> Option<Snapshot> {
        self.galleries.find(library)?.snapshot()
    }

    fn restore(&self, label: &FileLabel, file: &File, digest: &FileDigest) -> Result<()> {
        let rotation =
            self.galleries.rotation().ok_or_else(|| Error::BadFile("no library is large here".to_owned()))?;
        let (found, gallery) = Gallery::from_file(file, digest, rotation).map_err(|e| Error::BadFile(e.to_string()))?;
        if found != *label || gallery.dimensions() != self.dimensions {
            return Err(Error::BadFile("it was written for another library, moment or model".to_owned()));
        }
        self.galleries.put(LibraryId::new(label.library), gallery);
        Ok(())
    }

    fn faces(&self, libraries: &[LibraryId]) -> usize {
        libraries.iter().filter_map(|&library| self.galleries.find(library)).map(|gallery| gallery.len()).sum()
    }
}

/// Converts a filter for the galleries.
fn predicate(filter: Filter) -> Option<aicp_gallery::Filter> {
    match filter {
        Filter::All => None,
        Filter::People(people) => Some(Arc::new(move |entry: &Entry| people.contains(&entry.person))),
    }
}

fn hit(hit: aicp_gallery::Hit) -> Hit {
    Hit { person: hit.entry.person, face: hit.entry.face, cosine: hit.cosine }
}
