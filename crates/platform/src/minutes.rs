//! Calls of the last hour by minute, in memory, for those who watch the server.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use aicp_types::UnixMillis;

use crate::statistics::{Histogram, Percentiles, bucket_of};
use crate::{Caller, Platform};

/// Minutes that are kept, the current one included.
const KEPT: usize = 61;
const MINUTE_MS: i64 = 60_000;
/// Apps of a minute that are counted on their own. Calls of further ones count among all calls alone.
const MAX_APPS: usize = 1000;

/// Calls of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinuteOfCalls {
    /// When the minute began.
    pub at: UnixMillis,
    /// Number of calls that ended in it.
    pub calls: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Percentiles of their durations: of the calls of all apps, `None` without a call or for callers who see one app.
    pub durations: Option<Percentiles>,
}

#[derive(Debug, Default)]
struct Count {
    calls: u64,
    failed: u64,
}

impl Count {
    fn add(&mut self, ok: bool) {
        self.calls += 1;
        self.failed += u64::from(!ok);
    }
}

#[derive(Debug, Default)]
struct Minute {
    /// Minutes since 1970.
    number: i64,
    all: Count,
    durations: Histogram,
    by_app: HashMap<String, Count>,
}

/// The minutes that had calls, in ascending order.
#[derive(Debug, Default)]
pub(crate) struct Minutes(Mutex<VecDeque<Minute>>);

impl Minutes {
    /// Counts a call that ended now.
    pub fn count(&self, now: UnixMillis, app_id: &str, ok: bool, cost_ms: i64) {
        let number = now.get().div_euclid(MINUTE_MS);
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // After the clock was set back, calls count in the latest minute until its time has come again.
        if minutes.back().is_none_or(|latest| latest.number < number) {
            if minutes.len() == KEPT {
                minutes.pop_front();
            }
            minutes.push_back(Minute { number, ..Minute::default() });
        }
        let Some(minute) = minutes.back_mut() else { return };
        minute.all.add(ok);
        minute.durations.add(bucket_of(cost_ms), 1);
        if let Some(count) = minute.by_app.get_mut(app_id) {
            count.add(ok);
        } else if minute.by_app.len() < MAX_APPS {
            minute.by_app.entry(app_id.to_owned()).or_default().add(ok);
        }
    }

    /// Returns the last whole minutes, the oldest first, of all apps or of one.
    fn last_hour(&self, now: UnixMillis, app_id: Option<&str>) -> Vec<MinuteOfCalls> {
        let current = now.get().div_euclid(MINUTE_MS);
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = current - (KEPT as i64 - 1);
        let shown = (first..current).map(|number| {
            let known = minutes.iter().find(|minute| minute.number == number);
            let count = known.and_then(|minute| match app_id {
                Some(app_id) => minute.by_app.get(app_id),
                None => Some(&minute.all),
            });
            let durations = known.filter(|_| app_id.is_none()).and_then(|minute| minute.durations.percentiles());
            MinuteOfCalls {
                at: UnixMillis::new(number * MINUTE_MS),
                calls: count.map_or(0, |count| count.calls),
                failed: count.map_or(0, |count| count.failed),
                durations,
            }
        });
        shown.collect()
    }
}

impl Platform {
    /// Returns the calls of the last 60 whole minutes that this process answered, the oldest first: of all apps, or of the
    /// app of a caller who sees one alone.
    pub fn minutes(&self, caller: &Caller) -> Vec<MinuteOfCalls> {
        let app_id = (!caller.sees_all_apps()).then(|| caller.app_id());
        self.inner.minutes.last_hour(self.now(), app_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64, second: i64) -> UnixMillis {
        UnixMillis::new(minute * MINUTE_MS + second * 1000)
    }

    #[test]
    fn whole_minutes_are_told_by_app_and_of_all() {
        let minutes = Minutes::default();
        minutes.count(at(100, 1), "a", true, 10);
        minutes.count(at(100, 59), "b", false, 30);
        minutes.count(at(102, 0), "a", true, 20);
        minutes.count(at(103, 0), "a", true, 20);
        let told = |app| minutes.last_hour(at(103, 5), app);
        let rows = |app| {
            told(app)
                .into_iter()
                .filter(|row| row.calls > 0)
                .map(|row| (row.at, row.calls, row.failed))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(None).len(), 60);
        assert_eq!(rows(None), [(at(100, 0), 2, 1), (at(102, 0), 1, 0)]);
        assert_eq!(rows(Some("b")), [(at(100, 0), 1, 1)]);
        assert_eq!(told(None)[57].durations.map(|durations| (durations.p50, durations.p99)), Some((10, 30)));
        assert!(told(Some("a")).iter().all(|row| row.durations.is_none()));
    }

    #[test]
    fn old_minutes_and_further_apps_take_no_memory() {
        let minutes = Minutes::default();
        for minute in 0..200 {
            for app in 0..MAX_APPS + 5 {
                minutes.count(at(minute, 0), &app.to_string(), true, 1);
            }
            // Set back.
            minutes.count(at(minute - 30, 0), "0", true, 1);
        }
        let kept = minutes.0.lock().expect("nobody panicked");
        assert_eq!(kept.len(), KEPT);
        assert!(kept.iter().all(|minute| minute.by_app.len() == MAX_APPS && minute.all.calls == MAX_APPS as u64 + 6));
    }
}
