//! The job queue of the worker pool.

use std::collections::VecDeque;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The priority of a job, by the caller on whose behalf it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A caller with credentials.
    Known,
    /// A caller without credentials. Its jobs have a lower priority and a smaller queue, and leave a worker free while
    /// known callers are active.
    Unknown,
    /// This program itself: lowest priority, no time limit.
    Own,
}

/// Numbers of workers and jobs at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Workers.
    pub workers: usize,
    /// Workers that run a job.
    pub busy: usize,
    /// Jobs that wait for a worker.
    pub waiting: usize,
}

/// All priorities, the highest first.
const PRIORITIES: [Priority; 3] = [Priority::Known, Priority::Unknown, Priority::Own];
/// Time after the last job of a known caller for which one worker stays reserved for known callers.
const RESERVED: Duration = Duration::from_secs(60);

/// Why a job is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The maximum of waiting jobs of its kind is reached.
    Full,
    /// No worker is left.
    Closed,
}

/// Queue of jobs of type `J` and of idle workers. A job is given to the worker that became idle last, whose networks
/// are the likeliest to be still in its core's cache.
pub(super) struct Queue<J> {
    state: Mutex<State<J>>,
    workers: usize,
    capacity: usize,
}

struct State<J> {
    /// Waiting jobs with their tickets, indexed as [`PRIORITIES`].
    waiting: [VecDeque<(u64, J)>; PRIORITIES.len()],
    /// Numbers of running jobs, indexed as [`PRIORITIES`].
    running: [usize; PRIORITIES.len()],
    /// One sender per idle worker, the most recent last.
    idle: Vec<SyncSender<(Priority, J)>>,
    next_ticket: u64,
    last_known: Option<Instant>,
    /// Time of the last progress: a job was completed, or started while none was running.
    moved: Instant,
    closed: bool,
}

impl<J> Queue<J> {
    /// Creates a queue for `workers` workers; `capacity` jobs of known callers may wait, half as many of each other
    /// kind.
    pub fn new(workers: usize, capacity: usize) -> Self {
        let state = State {
            waiting: Default::default(),
            running: [0; PRIORITIES.len()],
            idle: Vec::new(),
            next_ticket: 0,
            last_known: None,
            moved: Instant::now(),
            closed: false,
        };
        Self { state: Mutex::new(state), workers, capacity }
    }

    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers of workers and jobs at this moment.
    pub fn load(&self) -> Load {
        let state = self.lock();
        Load {
            workers: self.workers,
            busy: state.running.iter().sum(),
            waiting: state.waiting.iter().map(VecDeque::len).sum(),
        }
    }

    /// Time since the last progress while jobs are running; `None` if none is running.
    pub fn time_since_progress(&self) -> Option<Duration> {
        let state = self.lock();
        (state.running.iter().sum::<usize>() > 0).then(|| state.moved.elapsed())
    }

    /// Gives a job to an idle worker or queues it. Returns the ticket for [`Queue::withdraw`].
    pub fn put(&self, priority: Priority, job: J) -> Result<u64, Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let capacity = if priority == Priority::Known { self.capacity } else { self.capacity.div_ceil(2) };
        let is_served = !state.idle.is_empty() && self.may_run(&state, priority);
        if !is_served && state.waiting[priority as usize].len() >= capacity {
            return Err(Refused::Full);
        }
        if priority == Priority::Known {
            state.last_known = Some(Instant::now());
        }
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting[priority as usize].push_back((ticket, job));
        self.hand_out(&mut state);
        Ok(ticket)
    }

    /// Removes a job that still waits; returns whether it did.
    pub fn withdraw(&self, ticket: u64) -> bool {
        let mut state = self.lock();
        state.waiting.iter_mut().any(|jobs| {
            let at = jobs.iter().position(|(known, _)| *known == ticket);
            at.and_then(|at| jobs.remove(at)).is_some()
        })
    }

    /// Reports the job of this priority as done and waits for the next one; `None` once the queue is closed and empty.
    pub fn take(&self, done: Option<Priority>) -> Option<(Priority, J)> {
        let mut state = self.lock();
        if let Some(priority) = done {
            state.running[priority as usize] -= 1;
            state.moved = Instant::now();
        }
        if let Some(job) = self.next(&mut state) {
            return Some(job);
        }
        if state.closed {
            return None;
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        state.idle.push(sender);
        drop(state);
        receiver.recv().ok()
    }

    /// Ends idle workers at once and the others when no job waits any more.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.idle.clear();
    }

    /// Gives waiting jobs to idle workers while there are both.
    fn hand_out(&self, state: &mut State<J>) {
        while !state.idle.is_empty() {
            let Some(job) = self.next(state) else { return };
            if let Some(worker) = state.idle.pop() {
                // Sending fails only if the worker's thread has ended; its job is lost then.
                let _ = worker.send(job);
            }
        }
    }

    /// Removes the next job from the queue and counts it as running.
    fn next(&self, state: &mut State<J>) -> Option<(Priority, J)> {
        let priority = PRIORITIES.into_iter().find(|priority| {
            !state.waiting[*priority as usize].is_empty() && (state.closed || self.may_run(state, *priority))
        })?;
        let (_, job) = state.waiting[priority as usize].pop_front()?;
        if state.running.iter().sum::<usize>() == 0 {
            state.moved = Instant::now();
        }
        state.running[priority as usize] += 1;
        Some((priority, job))
    }

    /// Whether one more job of this kind may run now.
    fn may_run(&self, state: &State<J>, priority: Priority) -> bool {
        let others = state.running[Priority::Unknown as usize] + state.running[Priority::Own as usize];
        let is_reserved = state.last_known.is_some_and(|last| last.elapsed() < RESERVED);
        priority == Priority::Known || !is_reserved || others < (self.workers - 1).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn taken(queue: &Queue<u32>) -> Option<u32> {
        // The queue is closed, so that this does not block.
        queue.take(None).map(|(_, job)| job)
    }

    #[test]
    fn known_callers_come_first_and_this_program_last() {
        let queue = Queue::new(2, 8);
        for (priority, job) in [(Priority::Own, 1), (Priority::Unknown, 2), (Priority::Known, 3), (Priority::Known, 4)]
        {
            queue.put(priority, job).expect("room");
        }
        queue.close();
        assert_eq!([taken(&queue), taken(&queue), taken(&queue), taken(&queue)], [Some(3), Some(4), Some(2), Some(1)]);
        assert_eq!(taken(&queue), None);
        assert_eq!(queue.put(Priority::Known, 5), Err(Refused::Closed));
    }

    #[test]
    fn known_callers_have_twice_the_room_and_others_can_not_take_it() {
        let queue = Queue::new(2, 4);
        for job in 0..2 {
            queue.put(Priority::Unknown, job).expect("room");
        }
        assert_eq!(queue.put(Priority::Unknown, 9), Err(Refused::Full));
        for job in 0..4 {
            queue.put(Priority::Known, job).expect("room");
        }
        assert_eq!(queue.put(Priority::Known, 9), Err(Refused::Full));
        assert_eq!(queue.load().waiting, 6);
    }

    #[test]
    fn a_worker_stays_free_as_long_as_known_callers_come() {
        for (workers, comes_known, at_once) in [(3, false, 3), (3, true, 2), (1, true, 1)] {
            let queue = Queue::new(workers, 16);
            if comes_known {
                queue.put(Priority::Known, 0).expect("room");
                let (priority, _) = queue.take(None).expect("a job");
                queue.put(Priority::Unknown, 1).expect("room");
                assert_eq!(queue.take(Some(priority)), Some((Priority::Unknown, 1)), "nobody else is at work");
            } else {
                queue.put(Priority::Unknown, 1).expect("room");
                queue.take(None).expect("a job");
            }
            for job in 0..4 {
                queue.put(Priority::Unknown, job).expect("room");
            }
            let mut running = 1;
            while running < workers && queue.next(&mut queue.lock()).is_some() {
                running += 1;
            }
            assert_eq!(running, at_once, "{workers} workers");
            queue.put(Priority::Known, 7).expect("room");
            assert_eq!(queue.next(&mut queue.lock()), Some((Priority::Known, 7)));
        }
    }

    #[test]
    fn a_job_that_waits_can_be_taken_back() {
        let queue = Queue::new(1, 4);
        let tickets: Vec<u64> = (0..3).map(|job| queue.put(Priority::Known, job).expect("room")).collect();
        assert!(queue.withdraw(tickets[1]));
        assert!(!queue.withdraw(tickets[1]), "it is gone");
        queue.close();
        assert_eq!([taken(&queue), taken(&queue), taken(&queue)], [Some(0), Some(2), None]);
        assert!(!queue.withdraw(tickets[0]), "it runs");
    }

    proptest! {
        /// In any order of steps each job runs once or is withdrawn, and the jobs of a priority run in their order.
        #[test]
        fn nothing_is_lost_or_done_twice(steps in prop::collection::vec((0u8..4, 0usize..3), 0..60)) {
            let queue = Queue::new(2, 1000);
            let (mut number, mut tickets, mut expected) = (0u32, Vec::new(), Vec::new());
            let mut ran = Vec::new();
            let mut running = Vec::new();
            for (what, at) in steps {
                match what {
                    0 | 1 => {
                        let priority = PRIORITIES[at];
                        tickets.push((queue.put(priority, number).expect("room"), number));
                        expected.push(number);
                        number += 1;
                    }
                    2 => {
                        if let Some((ticket, job)) = tickets.pop()
                            && queue.withdraw(ticket)
                        {
                            expected.retain(|known| *known != job);
                        }
                    }
                    _ => {
                        let mut state = queue.lock();
                        if let Some((priority, job)) = queue.next(&mut state) {
                            running.push(priority);
                            ran.push((priority, job));
                        }
                        if let Some(priority) = running.pop() {
                            state.running[priority as usize] -= 1;
                        }
                    }
                }
            }
            queue.close();
            while let Some((priority, job)) = queue.take(None) {
                ran.push((priority, job));
            }
            for priority in PRIORITIES {
                let of: Vec<u32> = ran.iter().filter(|(by, _)| *by == priority).map(|(_, job)| *job).collect();
                prop_assert!(of.is_sorted(), "{of:?}");
            }
            let mut ran: Vec<u32> = ran.into_iter().map(|(_, job)| job).collect();
            ran.sort_unstable();
            prop_assert_eq!(ran, expected);
        }
    }
}
