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
    /// One for each gallery that is searched now; the one whose turn is next first.
    turns: VecDeque<Round>,
    closed: bool,
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
    probe: Probe,
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
        let probe = gallery.probe(&probe)?;
        let version = gallery.begin();
        let segments = gallery.segments();
        let ranking = Ranking::new(top_n, above);
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
            answer: Mutex::new(Some(Box::new(answer))),
        });
        if task.segments.is_empty() {
            task.done();
            return Ok(());
        }
        self.shared.begin(task);
        Ok(())
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
        match rounds.turns.iter_mut().find(|round| Arc::ptr_eq(&round.gallery, &task.gallery) && round.takes(&task)) {
            Some(round) => round.given.push((task, 0)),
            None => {
                let gallery = Arc::clone(&task.gallery);
                rounds.turns.push_back(Round { gallery, next: 0, given: vec![(task, 0)] });
            }
        }
        drop(rounds);
        self.work.notify_all();
    }

    /// What a thread does.
    fn work(&self) {
        let mut desk = Desk::default();
        while let Some(slice) = self.take() {
            desk.compare(&slice);
            for task in slice.tasks {
                if task.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                    task.done();
                }
            }
        }
    }

    /// The next slice, as soon as there is one; none when there will be no more.
    fn take(&self) -> Option<Slice> {
        let mut rounds = self.lock();
        loop {
            if let Some(slice) = rounds.next() {
                return Some(slice);
            }
            if rounds.closed {
                return None;
            }
            rounds = self.work.wait(rounds).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Rounds {
    /// The next segment of the gallery whose turn it is, with all that have yet to meet it.
    fn next(&mut self) -> Option<Slice> {
        while let Some(mut round) = self.turns.pop_front() {
            let slice = round.next();
            if !round.given.is_empty() {
                self.turns.push_back(round);
            }
            if slice.is_some() {
                return slice;
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
        let probes: Vec<&Probe> = tasks.iter().map(|task| &task.probe).collect();
        let floor = |task: usize| f32::from_bits(tasks[task].floor.load(Ordering::Relaxed));
        let look = |rows: &Rows, task: usize, row: usize| tasks[task].look(rows, row);
        meet(&slice.segment, first.gallery.kernel(), &self.pack, &probes, floor, &mut self.scratch, look);
    }
}
