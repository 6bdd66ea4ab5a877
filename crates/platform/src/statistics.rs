//! Call statistics: numbers and durations of calls.

mod calendar;
pub(crate) mod sums;

use std::sync::Arc;
use std::time::Duration;

use aicp_store::{CallScope, CallTotal, DayTotal};
use aicp_types::UnixMillis;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::{Caller, Error, LoggedCall, Platform, Result};

/// Filter of calls.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Exact label of the calls, or name of their method in any case.
    pub name: Option<String>,
    /// Start of the range, inclusive.
    pub from: Option<UnixMillis>,
    /// End of the range, exclusive.
    pub to: Option<UnixMillis>,
}

/// Calendar period by which calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// First to last day of a month.
    Month,
}

impl Bucket {
    /// Returns the first and last day of the bucket that contains a day.
    fn bounds(self, day: Date) -> (Date, Date) {
        match self {
            Self::Day => (day, day),
            Self::Week => {
                let monday = i64::from(day.weekday().to_monday_zero_offset());
                (day.saturating_sub(monday.days()), day.saturating_add((6 - monday).days()))
            }
            Self::Month => (day.first_of_month(), day.last_of_month()),
        }
    }
}

/// The calls of one method in one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketTotal {
    /// First day of the bucket.
    pub first: Date,
    /// Last day of the bucket.
    pub last: Date,
    /// Number and duration of the calls.
    pub total: CallTotal,
}

/// Single calls. The rows may be many, so only a few values exist at a time.
pub struct SingleCalls {
    /// The calls, ordered by method, then time.
    pub rows: Vec<LoggedCall>,
    _turn: OwnedSemaphorePermit,
}

/// Maximum number of concurrent queries of single calls.
pub(crate) const MAX_CONCURRENT_CALL_QUERIES: usize = 2;
/// Maximum wait of such a query for its permit.
const WAIT_FOR_TURN: Duration = Duration::from_secs(10);

impl Platform {
    /// Returns the time zone that defines the days of the statistics.
    pub fn zone(&self) -> &TimeZone {
        self.inner.settings.statistics.zone.time_zone()
    }

    /// Converts a local date and time to a moment. A time skipped by a change of clocks moves later by the length of
    /// the gap; of a repeated time the first occurrence counts.
    pub fn moment(&self, local: DateTime) -> Option<UnixMillis> {
        local.to_zoned(self.zone().clone()).ok().map(|moment| moment.timestamp().into())
    }

    /// Converts a moment to the local date and time.
    pub fn local(&self, moment: UnixMillis) -> DateTime {
        moment.timestamp().to_zoned(self.zone().clone()).datetime()
    }

    /// Returns today's local date.
    pub fn today(&self) -> Date {
        self.now().timestamp().to_zoned(self.zone().clone()).date()
    }

    /// Returns today's local date, in days since 1970-01-01.
    pub(crate) fn day_number(&self) -> i64 {
        calendar::day_of_date(self.today())
    }

    /// Returns the totals of each method, ordered by method. An app sees its own calls, the administrator those of all
    /// apps.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Error::Busy`].
    pub async fn call_totals(&self, caller: &Caller, filter: &CallFilter) -> Result<Vec<CallTotal>> {
        self.flush_calls().await?;
        let parts = calendar::parts(self.zone(), filter.from, filter.to);
        Ok(self.inner.store.rows().await?.call_totals(scope(caller, filter), &parts).await?)
    }

    /// Returns the totals of each method in each bucket with calls, ordered by method, then time. Counts only calls
    /// inside the filter's range, but names full buckets.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Error::Busy`].
    pub async fn call_buckets(&self, caller: &Caller, filter: &CallFilter, bucket: Bucket) -> Result<Vec<BucketTotal>> {
        self.flush_calls().await?;
        let parts = calendar::parts(self.zone(), filter.from, filter.to);
        let days = self.inner.store.rows().await?.call_days(scope(caller, filter), &parts).await?;
        let mut buckets: Vec<BucketTotal> = Vec::new();
        for DayTotal { day, total } in days {
            let (first, last) = bucket.bounds(calendar::date_of(day));
            match buckets.last_mut().filter(|b| b.first == first && b.total.method == total.method) {
                // Days ascend, so the latest call of the later day is the latest of both.
                Some(known) => {
                    let (count, cost_ms) = (known.total.count + total.count, known.total.cost_ms + total.cost_ms);
                    known.total = CallTotal { count, cost_ms, ..total };
                }
                None => buckets.push(BucketTotal { first, last, total }),
            }
        }
        Ok(buckets)
    }

    /// Returns single calls, ordered by method, then time: the latest ones, up to the limit of the settings.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Error::Busy`].
    pub async fn calls(&self, caller: &Caller, filter: &CallFilter) -> Result<SingleCalls> {
        let turn = Arc::clone(&self.inner.single_calls).acquire_owned();
        let turn = timeout(WAIT_FOR_TURN, turn).await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        self.flush_calls().await?;
        let limit = u64::from(self.inner.settings.statistics.max_rows);
        let rows = self.inner.store.snapshot().await?.calls(scope(caller, filter), limit).await?;
        Ok(SingleCalls { rows, _turn: turn })
    }
}

fn scope<'a>(caller: &'a Caller, filter: &'a CallFilter) -> CallScope<'a> {
    CallScope {
        app_id: (!caller.sees_all_apps()).then_some(caller.app_id()),
        name: filter.name.as_deref(),
        from: filter.from,
        to: filter.to,
    }
}

#[cfg(test)]
mod tests;
