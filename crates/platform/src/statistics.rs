//! Call statistics: numbers and durations of calls.

mod calendar;
mod histogram;
pub(crate) mod sums;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aicp_store::{CallGroup, CallScope, CallTotal, DayTotal, DurationCount, GroupTotal, LogFilter};
use aicp_types::UnixMillis;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::{Caller, Error, LoggedCall, Missing, Platform, Result};
pub(crate) use histogram::{Histogram, bucket_of};

pub use histogram::Percentiles;

/// Filter of calls.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Exact label of the calls, or name of their method in any case.
    pub name: Option<String>,
    /// App that made the calls.
    pub app_id: Option<String>,
    /// Engine that the calls were about.
    pub engine: Option<String>,
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

/// Numbers and durations of a group of calls, in all or in one bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStatistics {
    /// Method, app, engine or source; the empty text for calls about no engine.
    pub group: String,
    /// First and last day of the bucket.
    pub days: Option<(Date, Date)>,
    /// Number and duration of the calls; method, label and source are those of the latest one.
    pub total: CallTotal,
    /// Percentiles of their durations; `None` if no durations are known.
    pub percentiles: Option<Percentiles>,
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
    pub fn zone(&self) -> TimeZone {
        self.inner.settings.load().statistics.zone.time_zone().clone()
    }

    /// Returns the name of the time zone that defines the days of the statistics.
    pub fn zone_name(&self) -> String {
        self.inner.settings.load().statistics.zone.to_string()
    }

    /// Converts a local date and time to a moment. A time skipped by a change of clocks moves later by the length of
    /// the gap; of a repeated time the first occurrence counts.
    pub fn moment(&self, local: DateTime) -> Option<UnixMillis> {
        local.to_zoned(self.zone()).ok().map(|moment| moment.timestamp().into())
    }

    /// Converts a moment to the local date and time.
    pub fn local(&self, moment: UnixMillis) -> DateTime {
        moment.timestamp().to_zoned(self.zone()).datetime()
    }

    /// Returns today's local date.
    pub fn today(&self) -> Date {
        self.now().timestamp().to_zoned(self.zone()).date()
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
        let parts = calendar::parts(&self.zone(), filter.from, filter.to);
        Ok(self.inner.store.rows().await?.call_totals(scope(caller, filter)?, &parts).await?)
    }

    /// Returns the totals of each method in each bucket with calls, ordered by method, then time. Counts only calls
    /// inside the filter's range, but names full buckets.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Error::Busy`].
    pub async fn call_buckets(&self, caller: &Caller, filter: &CallFilter, bucket: Bucket) -> Result<Vec<BucketTotal>> {
        self.flush_calls().await?;
        let parts = calendar::parts(&self.zone(), filter.from, filter.to);
        let days = self.inner.store.rows().await?.call_days(scope(caller, filter)?, &parts).await?;
        let mut buckets: Vec<BucketTotal> = Vec::new();
        for DayTotal { day, total } in days {
            let (first, last) = bucket.bounds(calendar::date_of(day));
            match buckets.last_mut().filter(|b| b.first == first && b.total.method == total.method) {
                // Days ascend, so the latest call of the later day is the latest of both.
                Some(known) => {
                    known.total = later(&known.total, total);
                }
                None => buckets.push(BucketTotal { first, last, total }),
            }
        }
        Ok(buckets)
    }

    /// Returns numbers and durations of the calls of each group, or of each group in each bucket with calls: ordered by
    /// group, then time. Counts only calls inside the filter's range, but names full buckets. An app sees its own calls, the
    /// administrator those of all apps.
    ///
    /// # Errors
    /// [`Missing::App`] if the filter names an app that the caller does not see; [`crate::Error::Busy`].
    pub async fn call_statistics(
        &self,
        caller: &Caller,
        filter: &CallFilter,
        group: CallGroup,
        bucket: Option<Bucket>,
    ) -> Result<Vec<GroupStatistics>> {
        let scope = scope(caller, filter)?;
        // Days of years are many rows.
        let _turn = self.turn().await?;
        let parts = calendar::parts(&self.zone(), filter.from, filter.to);
        let mut rows = self.inner.store.snapshot().await?;
        let by_day = bucket.is_some();
        let totals = rows.call_groups(scope, &parts, group, by_day).await?;
        let durations = rows.call_durations(scope, &parts, group, by_day).await?;
        drop(rows);
        let days_of = |day| bucket.map(|bucket| bucket.bounds(calendar::date_of(day)));
        let mut histograms = HashMap::<(String, Option<(Date, Date)>), Histogram>::new();
        let by_bucket = durations.by_bucket.into_iter();
        let by_ms = durations.by_ms.into_iter();
        let by_ms = by_ms.map(|count| DurationCount { duration: bucket_of(count.duration), ..count });
        for DurationCount { group, day, duration, count } in by_bucket.chain(by_ms) {
            histograms.entry((group, days_of(day))).or_default().add(duration, count);
        }
        let mut statistics = Vec::<GroupStatistics>::new();
        for GroupTotal { group, day, total } in totals {
            let days = days_of(day);
            match statistics.last_mut().filter(|known| known.group == group && known.days == days) {
                // Days ascend, so the latest call of the later day is the latest of both.
                Some(known) => {
                    known.total = later(&known.total, total);
                }
                None => statistics.push(GroupStatistics { group, days, total, percentiles: None }),
            }
        }
        for known in &mut statistics {
            let histogram = histograms.get(&(known.group.clone(), known.days));
            known.percentiles = histogram.and_then(Histogram::percentiles);
        }
        Ok(statistics)
    }

    /// Returns single calls, ordered by method, then time: the latest ones, up to the limit of the settings.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Error::Busy`].
    pub async fn calls(&self, caller: &Caller, filter: &CallFilter) -> Result<SingleCalls> {
        let scope = scope(caller, filter)?;
        let turn = self.turn().await?;
        let limit = u64::from(self.inner.settings.load().statistics.max_rows);
        let rows = self.inner.store.snapshot().await?.calls(scope, limit).await?;
        Ok(SingleCalls { rows, _turn: turn })
    }

    /// Returns the latest `limit` single calls, the latest first.
    ///
    /// # Errors
    /// [`Missing::App`] if the filter names an app that the caller does not see; [`crate::Error::Busy`].
    pub async fn latest_calls(
        &self,
        caller: &Caller,
        filter: &CallFilter,
        of_log: LogFilter,
        limit: u64,
    ) -> Result<SingleCalls> {
        let scope = scope(caller, filter)?;
        let turn = self.turn().await?;
        let rows = self.inner.store.snapshot().await?.latest_calls(scope, of_log, limit).await?;
        Ok(SingleCalls { rows, _turn: turn })
    }

    /// Waits for the permit of a query with many rows, and until all calls so far are written.
    async fn turn(&self) -> Result<OwnedSemaphorePermit> {
        let turn = Arc::clone(&self.inner.single_calls).acquire_owned();
        let turn = timeout(WAIT_FOR_TURN, turn).await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        self.flush_calls().await?;
        Ok(turn)
    }
}

/// Adds the totals of earlier calls to those of later ones.
fn later(earlier: &CallTotal, later: CallTotal) -> CallTotal {
    CallTotal {
        count: earlier.count.saturating_add(later.count),
        failed: earlier.failed.saturating_add(later.failed),
        cost_ms: earlier.cost_ms.saturating_add(later.cost_ms),
        ..later
    }
}

fn scope<'a>(caller: &'a Caller, filter: &'a CallFilter) -> Result<CallScope<'a>> {
    let named = filter.app_id.as_deref();
    if named.is_some_and(|app_id| caller.require_app(app_id).is_err()) {
        return Err(Missing::App.into());
    }
    Ok(CallScope {
        app_id: named.or((!caller.sees_all_apps()).then_some(caller.app_id())),
        engine: filter.engine.as_deref(),
        name: filter.name.as_deref(),
        from: filter.from,
        to: filter.to,
    })
}

#[cfg(test)]
mod tests;
