//! Threads that search, together.
//!
//! All searches of a gallery that are under way share one round through its segments. A thread takes the next segment
//! and compares it with every probe that has not met it yet; a probe that comes meanwhile joins at the next segment and
//! has its answer once the round comes by where it joined. So a probe by itself is searched for at once, by all threads;
//! many together read memory once; and nobody waits for a round to begin.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::across::{Chunk, Chunks, Gathered, Probes};
use crate::codes::Probe;
use crate::gallery::{Gallery, Scratch, Segment, Segments, look_closer, meet};
use crate::kernel::Pack;
use crate::ranking::Ranking;
use crate::segment::{Rows, SEGMENT};
use crate::{Entry, Error, Hit, Query};

/// Galleries of no more rows are searched by the caller: to wake a thread would take about as long.
const SMALL: usize = SEGMENT;

/// Which entries count.
pub type Filter = Arc<dyn Fn(&Entry) -> bool + Send + Sync>;

/// Is told the people found.
type Answer = Box<dyn FnOnce(Vec<Hit>) + Send>;

/// What to look for, by threads.
pub struct Search {
    /// The probe, a unit vector.
    pub probe: Vec<f32>,
    /// How many people at most.
    pub top_n: usize,
    /// Only cosines strictly above this count; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this holds count.
    pub filter: Option<Filter>,
}

/// What to look for in many galleries, by threads.
pub struct SearchAll {
    /// The probes, unit vectors.
    pub probes: Vec<Vec<f32>>,
    /// How many people at most, for each probe.
    pub top_n: usize,
    /// Only cosines strictly above this count; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this holds count.
    pub filter: Option<Filter>,
}

/// Threads that search galleries. They end when it is dropped, when what is under way is done.
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
    /// What is to be done, in turns; what is next first.
    turns: VecDeque<Turn>,
    closed: bool,
}

enum Turn {
    /// A gallery that is searched now.
    Round(Round),
    /// Small galleries of one search.
    Chunks(VecDeque<Chunk>),
}

/// What a thread does next.
enum Work {
    Slice(Slice),
    Chunk(Chunk),
}

/// The searches of one gallery.
struct Round {
    gallery: Arc<Gallery>,
    /// The segment that is next.
    next: usize,
    /// Those that have not been given all segments, with how many they were given.
    given: Vec<(Arc<Task>, usize)>,
}

/// One search.
struct Task {
    /// Another one for each search.
    number: u64,
    gallery: Arc<Gallery>,
    version: u64,
    segments: Segments,
    probe: Arc<Probe>,
    filter: Option<Filter>,
    ranking: Mutex<Ranking>,
    /// What [`Ranking::floor`] said last, as bits; it only rises.
    floor: AtomicU32,
    /// Segments that are not done.
    left: AtomicUsize,
    answer: Mutex<Option<Answer>>,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.gallery.end(self.version);
    }
}

/// A segment and those who are to meet it.
struct Slice {
    segment: Arc<Segment>,
    tasks: Vec<Arc<Task>>,
}

impl Scanner {
    /// Starts so many threads.
    ///
    /// # Errors
    /// [`std::io::Error`] if the system starts no thread.
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

    /// Looks for people as [`Gallery::search`] does, and calls `answer` with them on one of the threads, or on the calling
    /// one before this returns if the gallery is small. A filter that panics drops `answer` uncalled.
    ///
    /// How many may be under way is for the caller to bound.
    ///
    /// # Errors
    /// [`Error::Dimensions`] or [`Error::NotFinite`] if the probe does not fit; `answer` is not called then.
    pub fn search(
        &self,
        gallery: &Arc<Gallery>,
        search: Search,
        answer: impl FnOnce(Vec<Hit>) + Send + 'static,
    ) -> Result<(), Error> {
        let Search { probe, top_n, above, filter } = search;
        if gallery.rows() <= SMALL {
            let filter = filter.as_deref().map(|filter| filter as &(dyn Fn(&Entry) -> bool + Sync));
            answer(gallery.search(&probe, &Query { top_n, above, filter })?);
            return Ok(());
        }
        let probe = Arc::new(gallery.probe(&probe)?);
        self.begin(gallery, probe, Ranking::new(top_n, above), filter, Box::new(answer));
        Ok(())
    }

    /// Looks for people in many galleries together, and calls `answer` with the best of all of them, for each probe in their
    /// order. Small galleries are searched in chunks by the threads, or by the caller before this returns if they are few.
    /// All galleries must be of the same dimensions. A filter that panics drops `answer` uncalled.
    ///
    /// How many may be under way is for the caller to bound.
    ///
    /// # Errors
    /// As [`Scanner::search`].
    pub fn search_all(
        &self,
        galleries: Vec<Arc<Gallery>>,
        search: SearchAll,
        answer: impl FnOnce(Vec<Vec<Hit>>) + Send + 'static,
    ) -> Result<(), Error> {
        let SearchAll { probes, top_n, above, filter } = search;
        let Some(first) = galleries.first() else {
            answer(vec![Vec::new(); probes.len()]);
            return Ok(());
        };
        let kernel = first.kernel();
        let encoded: Result<_, _> = probes.iter().map(|probe| first.probe(probe).map(Arc::new)).collect();
        let probes = Arc::new(Probes::new(kernel, encoded?, top_n, above, filter));
        let (small, large): (Vec<_>, Vec<_>) = galleries.into_iter().partition(|gallery| gallery.rows() <= SMALL);
        let chunks = Chunks::new(small, probes.probes.len());
        let parts = chunks.len() + large.len() * probes.probes.len();
        // One more, so that the answer is not told before everything is under way.
        let gathered = Arc::new(Gathered::new(probes.probes.len(), top_n, parts + 1, answer));
        let are_few = chunks.are_few();
        let chunks: VecDeque<Chunk> = chunks.of(&probes, &gathered).collect();
        if are_few {
            chunks.into_iter().for_each(Chunk::search);
        } else {
            self.shared.put(Turn::Chunks(chunks));
        }
        for gallery in &large {
            for (number, probe) in probes.probes.iter().enumerate() {
                let gathered = Arc::clone(&gathered);
                let answer = move |hits| {
                    gathered.add(number, hits);
                    gathered.done();
                };
                let ranking = Ranking::new(top_n, above);
                self.begin(gallery, Arc::clone(probe), ranking, probes.filter.clone(), Box::new(answer));
            }
        }
        gathered.done();
        Ok(())
    }

    /// Begins to look for one probe in one gallery.
    fn begin(
        &self,
        gallery: &Arc<Gallery>,
        probe: Arc<Probe>,
        ranking: Ranking,
        filter: Option<Filter>,
        answer: Answer,
    ) {
        let version = gallery.begin();
        let segments = gallery.segments();
        let task = Arc::new(Task {
            number: self.shared.numbers.fetch_add(1, Ordering::Relaxed),
            gallery: Arc::clone(gallery),
            version,
            left: AtomicUsize::new(segments.len()),
            segments,
            probe,
            filter,
            floor: AtomicU32::new(ranking.floor().to_bits()),
            ranking: Mutex::new(ranking),
            answer: Mutex::new(Some(answer)),
        });
        if task.segments.is_empty() {
            task.done();
        } else {
            self.shared.begin(task);
        }
    }
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
        let known = rounds.turns.iter_mut().find_map(|turn| match turn {
            Turn::Round(round) if Arc::ptr_eq(&round.gallery, &task.gallery) && round.takes(&task) => Some(round),
            _ => None,
        });
        match known {
            Some(round) => round.given.push((task, 0)),
            None => {
                let gallery = Arc::clone(&task.gallery);
                rounds.turns.push_back(Turn::Round(Round { gallery, next: 0, given: vec![(task, 0)] }));
            }
        }
        drop(rounds);
        self.work.notify_all();
    }

    fn put(&self, turn: Turn) {
        self.lock().turns.push_back(turn);
        self.work.notify_all();
    }

    /// What a thread does.
    fn work(&self) {
        let mut desk = Desk::default();
        while let Some(work) = self.take() {
            let slice = match work {
                Work::Slice(slice) => slice,
                Work::Chunk(chunk) => {
                    chunk.search();
                    continue;
                }
            };
            desk.compare(&slice);
            for task in slice.tasks {
                if task.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    task.done();
                }
            }
        }
    }

    /// What is next, as soon as there is something; none when there will be no more.
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

impl Rounds {
    /// The next segment of the gallery whose turn it is, with all that have yet to meet it; or the next small galleries of the
    /// search whose turn it is.
    fn next(&mut self) -> Option<Work> {
        while let Some(turn) = self.turns.pop_front() {
            match turn {
                Turn::Round(mut round) => {
                    let slice = round.next();
                    if !round.given.is_empty() {
                        self.turns.push_back(Turn::Round(round));
                    }
                    if let Some(slice) = slice {
                        return Some(Work::Slice(slice));
                    }
                }
                Turn::Chunks(mut chunks) => {
                    let chunk = chunks.pop_front();
                    if !chunks.is_empty() {
                        self.turns.push_back(Turn::Chunks(chunks));
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
    /// Whether a task has the same segments, as far as it and the others know any. A gallery that shrinks and grows gets
    /// other segments at its end.
    fn takes(&self, task: &Task) -> bool {
        self.given.iter().all(|(other, _)| {
            let common = other.segments.len().min(task.segments.len());
            common == 0 || Arc::ptr_eq(&other.segments[common - 1], &task.segments[common - 1])
        })
    }

    /// Each task is given the segments that it knows in the order of the round, from where it joined until it had all.
    fn next(&mut self) -> Option<Slice> {
        let (longest, _) = self.given.iter().max_by_key(|(task, _)| task.segments.len())?;
        let at = self.next % longest.segments.len();
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
    /// Looks at a row more closely.
    fn look(&self, rows: &Rows, row: usize) {
        let filter = self.filter.as_deref().map(|filter| filter as &(dyn Fn(&Entry) -> bool + Sync));
        let mut ranking = self.ranking();
        let look = || look_closer(rows, row, &self.probe, self.version, filter, &mut ranking);
        if catch_unwind(AssertUnwindSafe(look)).is_err() {
            // The filter's fault. Who waits is told by the loss of the answer's way; nothing more is looked at.
            drop(self.answer().take());
            *ranking = Ranking::new(0, f32::INFINITY);
        }
        // Under the lock of the ranking, so that it only rises.
        self.floor.store(ranking.floor().to_bits(), Ordering::Relaxed);
    }

    /// Tells the answer.
    fn done(&self) {
        let answer = self.answer().take();
        let hits = std::mem::replace(&mut *self.ranking(), Ranking::new(0, 0.0)).into_hits();
        if let Some(answer) = answer {
            answer(hits);
        }
    }

    fn answer(&self) -> MutexGuard<'_, Option<Answer>> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ranking(&self) -> MutexGuard<'_, Ranking> {
        self.ranking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a thread works with, kept from slice to slice.
#[derive(Default)]
struct Desk {
    /// The tasks whose probes are packed.
    packed: Vec<u64>,
    pack: Pack,
    scratch: Scratch,
}

impl Desk {
    /// Brings a segment and its tasks together.
    fn compare(&mut self, slice: &Slice) {
        let tasks = &slice.tasks;
        let Some(first) = tasks.first() else { return };
        if !self.packed.iter().eq(tasks.iter().map(|task| &task.number)) {
            self.packed = tasks.iter().map(|task| task.number).collect();
            self.pack = Pack::new(&tasks.iter().map(|task| task.probe.codes.as_slice()).collect::<Vec<_>>());
        }
        let probes: Vec<&Probe> = tasks.iter().map(|task| task.probe.as_ref()).collect();
        let floor = |task: usize| f32::from_bits(tasks[task].floor.load(Ordering::Relaxed));
        let look = |rows: &Rows, task: usize, row: usize| tasks[task].look(rows, row);
        meet(&slice.segment, first.gallery.kernel(), &self.pack, &probes, floor, &mut self.scratch, look);
    }
}
