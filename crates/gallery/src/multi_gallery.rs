//! Search of several probes in many galleries; the search threads take small galleries in chunks.

use std::cell::RefCell;
use std::collections::HashSet;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codes::Probe;
use crate::gallery::{Gallery, Scratch, compare_rows, rank_row};
use crate::kernel::{Kernel, Pack};
use crate::ranking::Ranking;
use crate::scanner::Filter;
use crate::{Entry, Hit};

/// Approximate size of a chunk in pairs of row and probe: about a millisecond's work.
const CHUNK_PAIRS: usize = 1 << 16;
/// Least cost of a gallery, in rows.
const MIN_GALLERY_ROWS: usize = 16;
/// Pairs up to which the calling thread searches itself: waking a thread would take about as long.
const MAX_INLINE_PAIRS: usize = 1 << 12;

/// Callback that receives the people found for each probe.
type Answer = Box<dyn FnOnce(Vec<Vec<Hit>>) + Send>;

/// Probes and search parameters, encoded once for all galleries.
pub(crate) struct Probes {
    kernel: Kernel,
    pub probes: Vec<Arc<Probe>>,
    pack: Pack,
    pub top_n: usize,
    pub above: f32,
    pub filter: Option<Filter>,
}

impl Probes {
    pub fn new(kernel: Kernel, probes: Vec<Arc<Probe>>, top_n: usize, above: f32, filter: Option<Filter>) -> Self {
        let pack = Pack::new(&probes.iter().map(|probe| probe.codes.as_slice()).collect::<Vec<_>>());
        Self { kernel, probes, pack, top_n, above, filter }
    }

    /// Returns the best people of all these galleries together, for each probe.
    fn search(&self, galleries: &[Arc<Gallery>]) -> Vec<Vec<Hit>> {
        let rankings: Vec<RefCell<Ranking>> =
            self.probes.iter().map(|_| RefCell::new(Ranking::new(self.top_n, self.above))).collect();
        let probes: Vec<&Probe> = self.probes.iter().map(Arc::as_ref).collect();
        let filter = self.filter.as_deref().map(|filter| filter as &(dyn Fn(&Entry) -> bool + Sync));
        let floor = |probe: usize| rankings[probe].borrow().floor();
        let mut scratch = Scratch::default();
        for gallery in galleries {
            let view = gallery.view();
            for segment in view.segments.iter() {
                compare_rows(segment, self.kernel, &self.pack, &probes, floor, &mut scratch, |rows, probe, row| {
                    rank_row(rows, row, probes[probe], view.version, filter, &mut rankings[probe].borrow_mut());
                });
            }
        }
        rankings.into_iter().map(|ranking| ranking.into_inner().into_hits()).collect()
    }
}

/// Collects the results of the parts of a search. If a part panics, the callback is dropped uncalled.
pub(crate) struct ResultCollector {
    top_n: usize,
    left: AtomicUsize,
    found: Mutex<Vec<Vec<Hit>>>,
    answer: Mutex<Option<Answer>>,
}

impl ResultCollector {
    pub fn new(probes: usize, top_n: usize, parts: usize, answer: impl FnOnce(Vec<Vec<Hit>>) + Send + 'static) -> Self {
        Self {
            top_n,
            left: AtomicUsize::new(parts),
            found: Mutex::new(vec![Vec::new(); probes]),
            answer: Mutex::new(Some(Box::new(answer))),
        }
    }

    /// Merges the hits of one part for one probe: keeps the best, each person once.
    pub fn add(&self, probe: usize, hits: Vec<Hit>) {
        if let Some(found) = self.found().get_mut(probe) {
            found.extend(hits);
            found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.entry.face.cmp(&b.entry.face)));
            let mut seen = HashSet::new();
            found.retain(|hit| seen.insert(hit.entry.person));
            found.truncate(self.top_n);
        }
    }

    /// Marks one part as done. The last one calls the callback.
    pub fn done(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let found = take(&mut *self.found());
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(answer) = answer {
            answer(found);
        }
    }

    fn found(&self) -> MutexGuard<'_, Vec<Vec<Hit>>> {
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
        for (probe, hits) in found.into_iter().enumerate() {
            self.gathered.add(probe, hits);
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
