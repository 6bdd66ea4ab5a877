//! How often was what called, and how long did it take?

use std::sync::Arc;
use std::time::Duration;

use aicp_store::{CallScope, CallTotal, DayTotal};
use aicp_types::UnixMillis;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use crate::{App, Error, LoggedCall, Platform, Result};

/// Which calls are asked about.
#[derive(Debug, Clone, Default)]
pub struct CallFilter {
    /// Label of the calls, exactly, or name of their method in any case.
    pub name: Option<String>,
    /// From this moment on, milliseconds since the epoch.
    pub from: Option<UnixMillis>,
    /// Before this moment.
    pub to: Option<UnixMillis>,
}

/// A span of the calendar that calls are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bucket {
    /// A day.
    Day,
    /// Monday to Sunday.
    Week,
    /// First to last of a month.
    Month,
}

impl Bucket {
    /// First and last day of the bucket that a day is in.
    fn around(self, day: Date) -> (Date, Date) {
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
    /// Last day.
    pub last: Date,
    /// The calls.
    pub total: CallTotal,
}

/// Single calls. They may be many, so few answers hold theirs at a time.
pub struct SingleCalls {
    /// By method, then time.
    pub rows: Vec<LoggedCall>,
    _turn: OwnedSemaphorePermit,
}

/// So many questions about single calls are answered at a time; others wait so long for their turn.
pub(crate) const SINGLE_CALLS_AT_ONCE: usize = 2;
const WAIT_FOR_TURN: Duration = Duration::from_secs(10);

impl Platform {
    /// The zone whose days the statistics count by.
    pub fn zone(&self) -> &TimeZone {
        &self.inner.settings.zone
    }

    /// The moment of a local date and time. One that a change of clocks leaves out
    /// counts as that much later; of one that there is twice the first is meant.
    pub fn moment(&self, local: DateTime) -> Option<UnixMillis> {
        local.to_zoned(self.zone().clone()).ok().map(|moment| moment.timestamp().into())
    }

    /// The local date and time of a moment.
    pub fn local(&self, moment: UnixMillis) -> DateTime {
        moment.timestamp().to_zoned(self.zone().clone()).datetime()
    }

    /// Today's date.
    pub fn today(&self) -> Date {
        self.now().timestamp().to_zoned(self.zone().clone()).date()
    }

    /// All calls of each method, by method. An app sees its own calls, the administrator those of all.
    ///
    /// # Errors
    /// [`crate::Error::Store`], [`crate::Error::Busy`].
    pub async fn call_totals(&self, app: &App, filter: &CallFilter) -> Result<Vec<CallTotal>> {
        self.flush_calls().await?;
        Ok(self.inner.store.call_totals(scope(app, filter)).await?)
    }

    /// The calls of each method in each bucket that has some, by method, then time. Calls outside the filter's times
    /// don't count; buckets are given in full.
    ///
    /// # Errors
    /// [`crate::Error::Store`], [`crate::Error::Busy`].
    pub async fn call_buckets(&self, app: &App, filter: &CallFilter, bucket: Bucket) -> Result<Vec<BucketTotal>> {
        self.flush_calls().await?;
        let days = self.inner.store.call_days(scope(app, filter)).await?;
        let mut buckets: Vec<BucketTotal> = Vec::new();
        for DayTotal { day, total } in days {
            let (first, last) = bucket.around(day);
            match buckets.last_mut().filter(|b| b.first == first && b.total.method == total.method) {
                // Days ascend, so the later one's latest call is the latest of both.
                Some(known) => {
                    let (count, cost_ms) = (known.total.count + total.count, known.total.cost_ms + total.cost_ms);
                    known.total = CallTotal { count, cost_ms, ..total };
                }
                None => buckets.push(BucketTotal { first, last, total }),
            }
        }
        Ok(buckets)
    }

    /// Single calls, by method, then time: the latest ones, as many as the settings allow.
    ///
    /// # Errors
    /// [`crate::Error::Store`], [`crate::Error::Busy`].
    pub async fn calls(&self, app: &App, filter: &CallFilter) -> Result<SingleCalls> {
        let turn = Arc::clone(&self.inner.single_calls).acquire_owned();
        let turn = timeout(WAIT_FOR_TURN, turn).await.map_err(|_| Error::Busy)?.map_err(|_| Error::Busy)?;
        self.flush_calls().await?;
        let limit = u64::from(self.inner.settings.max_call_rows);
        let rows = self.inner.store.calls(scope(app, filter), limit).await?;
        Ok(SingleCalls { rows, _turn: turn })
    }
}

fn scope<'a>(app: &'a App, filter: &'a CallFilter) -> CallScope<'a> {
    CallScope {
        app_id: (!app.is_admin()).then_some(app.id()),
        name: filter.name.as_deref(),
        from: filter.from,
        to: filter.to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn buckets_are_those_of_the_calendar() {
        // The manual's own: 2020-03-23~~~2020-03-29, 2020-03-01~~~2020-03-31.
        let day = date(2020, 3, 26);
        assert_eq!(Bucket::Day.around(day), (day, day));
        assert_eq!(Bucket::Week.around(day), (date(2020, 3, 23), date(2020, 3, 29)));
        assert_eq!(Bucket::Month.around(day), (date(2020, 3, 1), date(2020, 3, 31)));
        for day in [date(2020, 3, 23), date(2020, 3, 29)] {
            assert_eq!(Bucket::Week.around(day), (date(2020, 3, 23), date(2020, 3, 29)));
        }
        assert_eq!(Bucket::Week.around(date(2021, 1, 1)), (date(2020, 12, 28), date(2021, 1, 3)));
        assert_eq!(Bucket::Month.around(date(2024, 2, 5)), (date(2024, 2, 1), date(2024, 2, 29)));
    }
}
