//! Search threads that share scans.
//!
//! All running searches of a gallery share one round through its segments. A thread takes the next segment and compares
//! it with every probe that has not seen it yet. A new probe joins at the next segment and is answered when the round
//! returns to the segment where it joined. So a single probe is searched at once by all threads, concurrent probes
//! share one read of memory, and no search waits for a round to begin.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::codes::Probe;
use crate::gallery::{Gallery, Scratch, Segment, Segments, compare_rows, form_of, offer_row};
use crate::kernel::Pack;
use crate::multi_gallery::{Chunk, Chunks, Probes, ResultCollector};
use crate::ranking::{Findings, Found};
use crate::segment::{Rows, SEGMENT_ROWS};
use crate::{Entry, Hit, Query, Result};

/// Largest gallery, in rows, that the calling thread searches itself: waking a thread would take about as long.
const MAX_INLINE_ROWS: usize = SEGMENT_ROWS;

/// Predicate that selects the entries to search.
pub type Filter = Arc<dyn Fn(&Entry) -> bool + Send + Sync>;

/// Callback that receives the people found.
type Answer = Box<dyn FnOnce(Result<Vec<Hit>>) + Send>;

/// Parameters of a search by the threads.
pub struct Search {
    /// The probe, a unit vector.
    pub probe: Vec<f32>,
    /// Maximum number of people to return.
    pub top_n: usize,
    /// Only cosines strictly above this match; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this returns true match.
    pub filter: Option<Filter>,
}

/// What a search by the threads may find.
#[derive(Clone)]
pub(crate) struct Limits {
    pub top_n: usize,
    pub above: f32,
    pub filter: Option<Filter>,
}

impl Limits {
    pub fn filter(&self) -> Option<&(dyn Fn(&Entry) -> bool + Sync)> {
        self.filter.as_deref().map(|filter| filter as &(dyn Fn(&Entry) -> bool + Sync))
    }
}

/// Parameters of a search of many galleries by the threads.
pub struct SearchAll {
    /// The probes, unit vectors.
    pub probes: Vec<Vec<f32>>,
    /// Maximum number of people to return for each probe.
    pub top_n: usize,
    /// Only cosines strictly above this match; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this returns true match.
    pub filter: Option<Filter>,
}

/// Threads that search galleries. Dropping it waits for the running searches and then ends the threads.
pub struct Scanner {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    rounds: Mutex<Rounds>,
    work: Condvar,
    numbers: AtomicU64,
}

#[derive(Default)]
struct Rounds {
    /// Round-robin queue of the work; the front is next.
    queue: VecDeque<QueuedWork>,
    closed: bool,
}

enum QueuedWork {
    /// A round through one gallery.
    Round(Round),
    /// Small galleries of one search.
    Chunks(VecDeque<Chunk>),
}

/// Next piece of work for a thread.
enum Work {
    Slice(Slice),
    Chunk(Chunk),
}

/// Running searches of one gallery.
struct Round {
    gallery: Arc<Gallery>,
    /// Index of the next segment.
    next: usize,
    /// Searches that have not seen all their segments, with the number of segments they were given.
    given: Vec<(Arc<Task>, usize)>,
}

/// A running search.
struct Task {
    /// Unique number of the search.
    number: u64,
    gallery: Arc<Gallery>,
    version: u64,
    segments: Segments,
    probe: Probe,
    limits: Limits,
    /// `None` once the filter has panicked, or the search has ended.
    findings: Mutex<Option<Findings>>,
    /// Latest value of [`Findings::floor`], as bits; it only rises.
    floor: AtomicU32,
    /// Number of segments still to be searched.
    left: AtomicUsize,
    answer: Mutex<Option<Answer>>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.gallery.end(self.version);
    }
}

/// A segment and the searches to compare it with.
struct Slice {
    segment: Arc<Segment>,
    tasks: Vec<Arc<Task>>,
}

impl Scanner {
    /// Starts this many threads.
    ///
    /// # Errors
    /// [`std::io::Error`] if the system cannot start a thread.
    pub fn start(threads: NonZeroUsize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { rounds: Mutex::default(), work: Condvar::new(), numbers: AtomicU64::new(0) });
        let mut scanner = Self { shared, threads: Vec::new() };
        for number in 0..threads.get() {
            let shared = Arc::clone(&scanner.shared);
            let thread = std::thread::Builder::new().name(format!("search-{number}")).spawn(move || shared.work())?;
            scanner.threads.push(thread);
        }
        Ok(scanner)
    }

    /// Searches as [`Gallery::search`] does and calls `answer` with the people found. `answer` runs on one of the
    /// threads, or for a small gallery on the calling thread before this returns. If the filter panics, `answer` is
    /// dropped uncalled.
    ///
    /// The caller must limit the number of concurrent searches.
    ///
    /// # Errors
    /// [`crate::Error::Dimensions`] or [`crate::Error::NotFinite`] if the probe does not fit; `answer` is not called then.
    pub fn search(
        &self,
        gallery: &Arc<Gallery>,
        search: Search,
        answer: impl FnOnce(Result<Vec<Hit>>) + Send + 'static,
    ) -> Result<()> {
        let Search { probe, top_n, above, filter } = search;
        if is_small(gallery) {
            let filter = filter.as_deref().map(|filter| filter as &(dyn Fn(&Entry) -> bool + Sync));
            answer(Ok(gallery.search(&probe, &Query { top_n, above, filter })?));
            return Ok(());
        }
        self.begin(gallery, &probe, Limits { top_n, above, filter }, Box::new(answer))
    }

    /// Searches many galleries together and calls `answer` with the best people of all of them, for each probe in
    /// order. The threads search small galleries in chunks; if there are few, the caller does so before this returns.
    /// All galleries must have the same dimensions. If the filter panics, `answer` is dropped uncalled.
    ///
    /// The caller must limit the number of concurrent searches.
    ///
    /// # Errors
    /// As [`Scanner::search`].
    pub fn search_all(
        &self,
        galleries: Vec<Arc<Gallery>>,
        search: SearchAll,
        answer: impl FnOnce(Result<Vec<Vec<Hit>>>) + Send + 'static,
    ) -> Result<()> {
        let SearchAll { probes, top_n, above, filter } = search;
        let Some(first) = galleries.first() else {
            answer(Ok(vec![Vec::new(); probes.len()]));
            return Ok(());
        };
        let limits = Limits { top_n, above, filter };
        let probes = Arc::new(Probes::new(first, probes, limits)?);
        let (small, large): (Vec<_>, Vec<_>) = galleries.into_iter().partition(is_small);
        let chunks = Chunks::new(small, probes.len());
        let parts = chunks.len() + large.len() * probes.len();
        // The extra part keeps the answer back until all parts are queued.
        let gathered = Arc::new(ResultCollector::new(probes.len(), top_n, parts + 1, answer));
        let is_cheap = chunks.is_cheap();
        let chunks: VecDeque<Chunk> = chunks.of(&probes, &gathered).collect();
        if is_cheap {
            chunks.into_iter().for_each(Chunk::search);
        } else {
            self.shared.put(QueuedWork::Chunks(chunks));
        }
        for gallery in &large {
            for (number, vector) in probes.vectors.iter().enumerate() {
                let gathered = Arc::clone(&gathered);
                let answer = move |hits| {
                    gathered.add(number, hits);
                    gathered.done();
                };
                self.begin(gallery, vector, probes.limits.clone(), Box::new(answer))?;
            }
        }
        gathered.done();
        Ok(())
    }

    /// Starts the search for one probe in one gallery.
    fn begin(&self, gallery: &Arc<Gallery>, probe: &[f32], limits: Limits, answer: Answer) -> Result<()> {
        let view = gallery.view();
        let probe = gallery.probe(&view.form(), probe)?;
        let findings = Findings::new(limits.top_n, limits.above);
        let task = Arc::new(Task {
            number: self.shared.numbers.fetch_add(1, Ordering::Relaxed),
            gallery: Arc::clone(gallery),
            version: gallery.begin_at(view.version),
            left: AtomicUsize::new(view.segments.len()),
            segments: Arc::clone(&view.segments),
            probe,
            limits,
            floor: AtomicU32::new(findings.floor().to_bits()),
            findings: Mutex::new(Some(findings)),
            answer: Mutex::new(Some(answer)),
        });
        if task.segments.is_empty() {
            task.done();
        } else {
            self.shared.begin(task);
        }
        Ok(())
    }
}

/// Returns whether searching a gallery takes less time than waking a thread. One with rotated heads reads templates, which
/// must not block the caller.
fn is_small(gallery: &Arc<Gallery>) -> bool {
    gallery.rows() <= MAX_INLINE_ROWS && !gallery.is_rotated()
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, task: Arc<Task>) {
        let mut rounds = self.lock();
        let known = rounds.queue.iter_mut().find_map(|turn| match turn {
            QueuedWork::Round(round) if Arc::ptr_eq(&round.gallery, &task.gallery) && round.takes(&task) => Some(round),
            _ => None,
        });
        match known {
            Some(round) => round.given.push((task, 0)),
            None => {
                let gallery = Arc::clone(&task.gallery);
                rounds.queue.push_back(QueuedWork::Round(Round { gallery, next: 0, given: vec![(task, 0)] }));
            }
        }
        drop(rounds);
        self.work.notify_all();
    }

    fn put(&self, turn: QueuedWork) {
        self.lock().queue.push_back(turn);
        self.work.notify_all();
    }

    /// Runs the loop of a search thread.
    fn work(&self) {
        let mut desk = WorkerBuffers::default();
        while let Some(work) = self.take() {
            work.run(&mut desk);
        }
    }

    /// Waits for the next work; `None` once the scanner is closed and the queue is empty.
    fn take(&self) -> Option<Work> {
        let mut rounds = self.lock();
        loop {
            if let Some(work) = rounds.next() {
                return Some(work);
            }
            if rounds.closed {
                return None;
            }
            rounds = self.work.wait(rounds).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Work {
    fn run(self, desk: &mut WorkerBuffers) {
        let slice = match self {
            Self::Slice(slice) => slice,
            Self::Chunk(chunk) => return chunk.search(),
        };
        desk.compare(&slice);
        for task in slice.tasks {
            if task.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                task.done();
            }
        }
    }
}

impl Rounds {
    /// Takes the next work in round-robin order: a segment with all searches that have yet to see it, or a chunk of
    /// small galleries.
    fn next(&mut self) -> Option<Work> {
        while let Some(turn) = self.queue.pop_front() {
            match turn {
                QueuedWork::Round(mut round) => {
                    let slice = round.next();
                    if !round.given.is_empty() {
                        self.queue.push_back(QueuedWork::Round(round));
                    }
                    if let Some(slice) = slice {
                        return Some(Work::Slice(slice));
                    }
                }
                QueuedWork::Chunks(mut chunks) => {
                    let chunk = chunks.pop_front();
                    if !chunks.is_empty() {
                        self.queue.push_back(QueuedWork::Chunks(chunks));
                    }
                    if let Some(chunk) = chunk {
                        return Some(Work::Chunk(chunk));
                    }
                }
            }
        }
        None
    }
}

impl Round {
    /// Returns whether the segments of a task agree with those of the tasks in the round, as far as both have any. A
    /// gallery that shrinks and grows again gets new segments at its end.
    fn takes(&self, task: &Task) -> bool {
        self.given.iter().all(|(other, _)| {
            let common = other.segments.len().min(task.segments.len());
            common == 0 || Arc::ptr_eq(&other.segments[common - 1], &task.segments[common - 1])
        })
    }

    /// Takes the next segment, with the tasks that have it. A task gets its segments in the order of the round, from
    /// where it joined until it has had all.
    fn next(&mut self) -> Option<Slice> {
        let (longest, _) = self.given.iter().max_by_key(|(task, _)| task.segments.len())?;
        // Behind the last segment comes the first, also when the task with the most segments has just ended: the others have seen
        // theirs up to the end.
        let at = if self.next < longest.segments.len() { self.next } else { 0 };
        self.next = at + 1;
        let segment = Arc::clone(&longest.segments[at]);
        let mut tasks = Vec::with_capacity(self.given.len());
        self.given.retain_mut(|(task, given)| {
            if at < task.segments.len() {
                *given += 1;
                tasks.push(Arc::clone(task));
            }
            *given < task.segments.len()
        });
        Some(Slice { segment, tasks })
    }
}

impl Task {
    /// Offers a row to the findings.
    fn look(&self, rows: &Rows, row: usize) {
        let mut findings = self.findings();
        let Some(found) = findings.as_mut() else { return };
        let look = || offer_row(rows, row, &self.probe, self.version, self.limits.filter(), found);
        if catch_unwind(AssertUnwindSafe(look)).is_err() {
            // The filter panicked. Dropping the callback tells the caller; no other row is looked at.
            drop(self.answer().take());
            *findings = None;
        }
        // Stored under the lock of the findings, so that it only rises.
        let floor = findings.as_ref().map_or(f32::INFINITY, Findings::floor);
        self.floor.store(floor.to_bits(), Ordering::Relaxed);
    }

    /// Calls the callback with the result.
    fn done(&self) {
        let (answer, findings) = (self.answer().take(), self.findings().take());
        if let (Some(answer), Some(findings)) = (answer, findings) {
            answer(self.finish(findings));
        }
    }

    fn finish(&self, findings: Findings) -> Result<Vec<Hit>> {
        let Found { hits, gone } = self.gallery.finish(&form_of(&self.segments), &self.probe, findings)?;
        if gone.is_empty() {
            return Ok(hits);
        }
        let Limits { top_n, above, .. } = self.limits;
        let query = Query { top_n, above, filter: self.limits.filter() };
        let probe = &self.probe.numbers[..self.gallery.dimensions()];
        let mut found = self.gallery.search_without(&[probe], &query, gone.into_iter().collect())?;
        Ok(found.pop().unwrap_or_default())
    }

    fn answer(&self) -> MutexGuard<'_, Option<Answer>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn findings(&self) -> MutexGuard<'_, Option<Findings>> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Buffers of a thread, reused from slice to slice.
#[derive(Default)]
struct WorkerBuffers {
    /// Numbers of the tasks whose probes are packed.
    packed: Vec<u64>,
    pack: Pack,
    scratch: Scratch,
}

impl WorkerBuffers {
    /// Compares a segment with the probes of its tasks.
    fn compare(&mut self, slice: &Slice) {
        let tasks = &slice.tasks;
        let Some(first) = tasks.first() else { return };
        if !self.packed.iter().eq(tasks.iter().map(|task| &task.number)) {
            self.packed = tasks.iter().map(|task| task.number).collect();
            self.pack = Pack::new(&tasks.iter().map(|task| task.probe.codes.as_slice()).collect::<Vec<_>>());
        }
        let probes: Vec<&Probe> = tasks.iter().map(|task| &task.probe).collect();
        let floor = |task: usize| f32::from_bits(tasks[task].floor.load(Ordering::Relaxed));
        let look = |rows: &Rows, task: usize, row: usize| tasks[task].look(rows, row);
        compare_rows(&slice.segment, first.gallery.kernel(), &self.pack, &probes, floor, &mut self.scratch, look);
    }
}

#[cfg(test)]
mod tests;
