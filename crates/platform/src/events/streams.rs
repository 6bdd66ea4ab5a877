//! Followers of the log that wait for new events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::settings::Events;
use crate::{Caller, Error, Platform, Result};

/// Places of streams, in total and per app.
#[derive(Default)]
pub(crate) struct StreamSlots {
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl StreamSlots {
    /// Takes a place; `None` if there is none for the app.
    pub fn take(&self, app_id: &str, settings: &Events) -> Option<StreamSlot> {
        let mut taken = locked(&self.taken);
        let of_app = taken.get(app_id).copied().unwrap_or_default();
        if of_app >= settings.max_streams_per_app || taken.values().sum::<usize>() >= settings.max_streams {
            return None;
        }
        taken.insert(app_id.to_owned(), of_app + 1);
        Some(StreamSlot { app_id: app_id.to_owned(), taken: Arc::clone(&self.taken) })
    }
}

/// The place of a stream, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct StreamSlot {
    app_id: String,
    taken: Arc<Mutex<HashMap<String, usize>>>,
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut taken = locked(&self.taken);
        if let Some(count) = taken.get_mut(&self.app_id) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.app_id);
            }
        }
    }
}

/// Locks a mutex. Poisoning is ignored: no holder leaves the data half changed.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A follower of the log, which holds a place.
pub struct EventStream {
    signal: watch::Receiver<u64>,
    end: watch::Receiver<bool>,
    _slot: StreamSlot,
}

/// Why a wait of an [`EventStream`] ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// There may be new events.
    Events,
    /// The time has passed.
    Timeout,
    /// The server ends.
    Ending,
}

impl EventStream {
    /// Waits for new events, at most for a time. Events since the last wait end it at once.
    pub async fn wait(&mut self, at_most: Duration) -> Woken {
        tokio::select! {
            biased;
            _ = self.end.wait_for(|is_ending| *is_ending) => Woken::Ending,
            woken = timeout(at_most, self.signal.changed()) => match woken {
                Ok(Ok(())) => Woken::Events,
                Ok(Err(_)) => Woken::Ending,
                Err(_) => Woken::Timeout,
            },
        }
    }
}

impl Platform {
    /// Begins to follow the log of events.
    ///
    /// # Errors
    /// [`Error::Busy`] if the app, or all apps together, follow it as often as the settings allow.
    pub fn follow_events(&self, caller: &Caller) -> Result<EventStream> {
        let log = &self.inner.events;
        let slot = log.slots().take(caller.app_id(), &self.settings().events).ok_or(Error::Busy)?;
        Ok(EventStream { signal: log.subscribe(), end: log.ending(), _slot: slot })
    }

    /// Ends all streams of events, now and from now on.
    pub fn end_event_streams(&self) {
        self.inner.events.end_streams();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_takes_no_more_than_its_part_and_all_no_more_than_there_are() {
        let (slots, few) =
            (StreamSlots::default(), Events { max_streams: 3, max_streams_per_app: 2, ..Events::default() });
        let first = slots.take("a", &few).expect("a place");
        let _second = slots.take("a", &few).expect("a place");
        assert!(slots.take("a", &few).is_none());
        let _third = slots.take("b", &few).expect("a place");
        assert!(slots.take("c", &few).is_none(), "all are taken");
        drop(first);
        assert!(slots.take("c", &few).is_some());
        assert!(slots.take("a", &few).is_some(), "the place of c is free again");
    }
}
