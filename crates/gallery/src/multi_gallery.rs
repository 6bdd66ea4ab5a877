//! Search of several probes in many galleries; the search threads take small galleries in chunks.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codes::Probe;
use crate::form::Form;
use crate::gallery::{Gallery, Scratch, compare_rows, offer_row};
use crate::kernel::Pack;
use crate::ranking::Findings;
use crate::scanner::Limits;
use crate::segment::Score;
use crate::{Error, Hit, Query, Result};

/// Approximate size of a chunk in pairs of row and probe: about a millisecond's work.
const CHUNK_PAIRS: usize = 1 << 16;
/// Least cost of a gallery, in rows.
const MIN_GALLERY_ROWS: usize = 16;
/// Pairs up to which the calling thread searches itself: waking a thread would take about as long.
const MAX_INLINE_PAIRS: usize = 1 << 12;

/// Callback that receives the people found for each probe.
type Answer = Box<dyn FnOnce(Result<Vec<Vec<Hit>>>) + Send>;

/// Probes and search parameters, encoded once for all galleries that store whole templates.
pub(crate) struct Probes {
    pub vectors: Vec<Vec<f32>>,
    whole: Vec<Probe>,
    pack: Pack,
    pub limits: Limits,
}

impl Probes {
    /// Encodes probes for galleries like this one.
    pub fn new(gallery: &Gallery, vectors: Vec<Vec<f32>>, limits: Limits) -> Result<Self> {
        let whole: Result<Vec<Probe>> = vectors.iter().map(|vector| gallery.probe(&Form::Whole, vector)).collect();
        let whole = whole?;
        let pack = Pack::new(&whole.iter().map(|probe| probe.codes.as_slice()).collect::<Vec<_>>());
        Ok(Self { vectors, whole, pack, limits })
    }

    pub fn len(&self) -> usize {
        self.vectors.len()
    }

    /// Returns the best people of all these galleries together, for each probe.
    fn search(&self, galleries: &[Arc<Gallery>]) -> Result<Vec<Vec<Hit>>> {
        let Limits { top_n, above, .. } = self.limits;
        let filter = self.limits.filter();
        let findings: Vec<RefCell<Findings>> =
            self.whole.iter().map(|_| RefCell::new(Findings::new(top_n, above))).collect();
        let probes: Vec<&Probe> = self.whole.iter().collect();
        let floor = |probe: usize| findings[probe].borrow().floor();
        let mut scratch = Scratch::default();
        for gallery in galleries {
            let view = gallery.view();
            if let Form::Rotated(_) = view.form() {
                // It was large once, or has become so.
                let vectors: Vec<&[f32]> = self.vectors.iter().map(Vec::as_slice).collect();
                let found = gallery.search_many(&vectors, &Query { top_n, above, filter })?;
                for (findings, hits) in findings.iter().zip(found) {
                    let mut findings = findings.borrow_mut();
                    hits.into_iter().for_each(|hit| findings.offer(hit.entry, Score::Exact(hit.cosine)));
                }
                continue;
            }
            for segment in view.segments.iter() {
                compare_rows(
                    segment,
                    gallery.kernel(),
                    &self.pack,
                    &probes,
                    floor,
                    &mut scratch,
                    |rows, probe, row| {
                        offer_row(rows, row, probes[probe], view.version, filter, &mut findings[probe].borrow_mut());
                    },
                );
            }
        }
        Ok(findings.into_iter().map(|findings| findings.into_inner().into_found().hits).collect())
    }
}

/// Collects the results of the parts of a search. If a part panics, the callback is dropped uncalled.
pub(crate) struct ResultCollector {
    top_n: usize,
    left: AtomicUsize,
    /// People found for each probe, or why a part failed.
    found: Mutex<Result<Vec<Vec<Hit>>>>,
    answer: Mutex<Option<Answer>>,
}

impl ResultCollector {
    pub fn new(
        probes: usize,
        top_n: usize,
        parts: usize,
        answer: impl FnOnce(Result<Vec<Vec<Hit>>>) + Send + 'static,
    ) -> Self {
        Self {
            top_n,
            left: AtomicUsize::new(parts),
            found: Mutex::new(Ok(vec![Vec::new(); probes])),
            answer: Mutex::new(Some(Box::new(answer))),
        }
    }

    /// Merges the hits of one part for one probe: keeps the best, each person once.
    pub fn add(&self, probe: usize, hits: Result<Vec<Hit>>) {
        let hits = match hits {
            Ok(hits) => hits,
            Err(e) => return self.fail(e),
        };
        if let Some(found) = self.found().as_mut().ok().and_then(|found| found.get_mut(probe)) {
            found.extend(hits);
            found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.entry.face.cmp(&b.entry.face)));
            let mut seen = HashSet::new();
            found.retain(|hit| seen.insert(hit.entry.person));
            found.truncate(self.top_n);
        }
    }

    /// Lets the whole search fail.
    pub fn fail(&self, error: Error) {
        *self.found() = Err(error);
    }

    /// Marks one part as done. The last one calls the callback.
    pub fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let found = std::mem::replace(&mut *self.found(), Ok(Vec::new()));
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            answer(found);
        }
    }

    fn found(&self) -> MutexGuard<'_, Result<Vec<Vec<Hit>>>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Small galleries that one thread searches in one go.
pub(crate) struct Chunk {
    galleries: Vec<Arc<Gallery>>,
    probes: Arc<Probes>,
    gathered: Arc<ResultCollector>,
}

impl Chunk {
    pub fn search(self) {
        let search = || self.probes.search(&self.galleries);
        // A panic of the filter ends only this search.
        let Ok(found) = catch_unwind(AssertUnwindSafe(search)) else { return };
        match found {
            Ok(found) => found.into_iter().enumerate().for_each(|(probe, hits)| self.gathered.add(probe, Ok(hits))),
            Err(e) => self.gathered.fail(e),
        }
        self.gathered.done();
    }
}

/// Small galleries, grouped into chunks.
pub(crate) struct Chunks {
    chunks: Vec<Vec<Arc<Gallery>>>,
    pairs: usize,
}

impl Chunks {
    pub fn new(galleries: Vec<Arc<Gallery>>, probes: usize) -> Self {
        let mut chunks = Self { chunks: Vec::new(), pairs: 0 };
        let mut room = 0;
        for gallery in galleries {
            let pairs = gallery.rows().max(MIN_GALLERY_ROWS) * probes;
            if room < pairs || chunks.chunks.is_empty() {
                chunks.chunks.push(Vec::new());
                room = CHUNK_PAIRS;
            }
            room = room.saturating_sub(pairs);
            chunks.pairs += pairs;
            if let Some(last) = chunks.chunks.last_mut() {
                last.push(gallery);
            }
        }
        chunks
    }

    pub fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Returns whether searching at once is quicker than waking a thread.
    pub fn is_cheap(&self) -> bool {
        self.pairs <= MAX_INLINE_PAIRS
    }

    pub fn of(self, probes: &Arc<Probes>, gathered: &Arc<ResultCollector>) -> impl Iterator<Item = Chunk> {
        let (probes, gathered) = (Arc::clone(probes), Arc::clone(gathered));
        self.chunks.into_iter().map(move |galleries| Chunk {
            galleries,
            probes: Arc::clone(&probes),
            gathered: Arc::clone(&gathered),
        })
    }
}
