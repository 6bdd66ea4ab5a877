//! Several probes in many galleries at once: the small galleries in chunks, by the threads that search.

use std::cell::RefCell;
use std::collections::HashSet;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::codes::Probe;
use crate::gallery::{Gallery, Scratch, look_closer, meet};
use crate::kernel::{Kernel, Pack};
use crate::ranking::Ranking;
use crate::scanner::Filter;
use crate::{Entry, Hit};

/// Pairs of a row and a probe that a chunk has about: a millisecond's work.
const CHUNK: usize = 1 << 16;
/// A gallery costs at least as much as so many rows.
const LEAST_ROWS: usize = 16;
/// Pairs that the caller may look at itself: to wake a thread would take about as long.
const FEW: usize = 1 << 12;

/// Is told the people found, for each probe.
type Answer = Box<dyn FnOnce(Vec<Vec<Hit>>) + Send>;

/// Probes and what they are to find, encoded once for all galleries.
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

    /// The best of all these galleries together, for each probe.
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
                meet(segment, self.kernel, &self.pack, &probes, floor, &mut scratch, |rows, probe, row| {
                    look_closer(rows, row, probes[probe], view.version, filter, &mut rankings[probe].borrow_mut());
                });
            }
        }
        rankings.into_iter().map(|ranking| ranking.into_inner().into_hits()).collect()
    }
}

/// What the parts of a search have found. If a part breaks off, nobody is told; who waits sees the loss of the answer's way.
pub(crate) struct Gathered {
    top_n: usize,
    left: AtomicUsize,
    found: Mutex<Vec<Vec<Hit>>>,
    answer: Mutex<Option<Answer>>,
}

impl Gathered {
    pub fn new(probes: usize, top_n: usize, parts: usize, answer: impl FnOnce(Vec<Vec<Hit>>) + Send + 'static) -> Self {
        Self {
            top_n,
            left: AtomicUsize::new(parts),
            found: Mutex::new(vec![Vec::new(); probes]),
            answer: Mutex::new(Some(Box::new(answer))),
        }
    }

    /// Takes in what a part found for one probe: of what there is now the best are kept, each person once.
    pub fn add(&self, probe: usize, hits: Vec<Hit>) {
        if let Some(found) = self.found().get_mut(probe) {
            found.extend(hits);
            found.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.entry.face.cmp(&b.entry.face)));
            let mut seen = HashSet::new();
            found.retain(|hit| seen.insert(hit.entry.person));
            found.truncate(self.top_n);
        }
    }

    /// One part is done. The last one tells the answer.
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

/// Small galleries that are searched in one go.
pub(crate) struct Chunk {
    galleries: Vec<Arc<Gallery>>,
    probes: Arc<Probes>,
    gathered: Arc<Gathered>,
}

impl Chunk {
    pub fn search(self) {
        let search = || self.probes.search(&self.galleries);
        // A filter that panics is its maker's fault.
        let Ok(found) = catch_unwind(AssertUnwindSafe(search)) else { return };
        for (probe, hits) in found.into_iter().enumerate() {
            self.gathered.add(probe, hits);
        }
        self.gathered.done();
    }
}

/// Small galleries by the chunk.
pub(crate) struct Chunks {
    chunks: Vec<Vec<Arc<Gallery>>>,
    pairs: usize,
}

impl Chunks {
    pub fn new(galleries: Vec<Arc<Gallery>>, probes: usize) -> Self {
        let mut chunks = Self { chunks: Vec::new(), pairs: 0 };
        let mut room = 0;
        for gallery in galleries {
            let pairs = gallery.rows().max(LEAST_ROWS) * probes;
            if room < pairs || chunks.chunks.is_empty() {
                chunks.chunks.push(Vec::new());
                room = CHUNK;
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

    /// Whether it is quicker to look at once than to wake a thread.
    pub fn are_few(&self) -> bool {
        self.pairs <= FEW
    }

    pub fn of(self, probes: &Arc<Probes>, gathered: &Arc<Gathered>) -> impl Iterator<Item = Chunk> {
        let (probes, gathered) = (Arc::clone(probes), Arc::clone(gathered));
        self.chunks.into_iter().map(move |galleries| Chunk {
            galleries,
            probes: Arc::clone(&probes),
            gathered: Arc::clone(&gathered),
        })
    }
}
