//! Calendar of the statistics: which sums of calls answer a range of time.
//!
//! Calls are summed per quarter of an hour, which is valid in every time zone, and per day of one zone.

use std::collections::{BTreeMap, HashMap, btree_map};

use aicp_store::{CallKind, CallSums, LoggedCall, OffsetPeriod, RangePart, SumUnit, Tx};
use aicp_types::UnixMillis;
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

use crate::Result;

/// Milliseconds in a quarter of an hour.
const QUARTER_MS: i64 = 900_000;
/// Seconds in a quarter of an hour.
const QUARTER_S: i64 = 900;
/// Seconds in a day.
const DAY_S: i64 = 86_400;
/// Maximum number of quarters by which clocks are set back, with a margin.
const MAX_SET_BACK_QUARTERS: i64 = 16;

/// Sums by kind of calls and number of a unit of time.
type Sums<K> = BTreeMap<(K, i64), CallSums>;

/// Appends calls to the log and adds them to the sums, those of days by the days of a zone.
///
/// # Errors
/// [`Internal::Store`](crate::Internal::Store), also if a call is in the log already.
pub async fn append_calls(tx: &mut Tx, zone: &TimeZone, calls: Vec<LoggedCall>) -> Result<()> {
    let mut kinds = HashMap::new();
    let mut rows = Vec::with_capacity(calls.len());
    for call in calls {
        let kind = kind_of(&call);
        let id = match kinds.get(&kind) {
            Some(id) => *id,
            None => {
                let id = tx.call_kind(&kind).await?;
                *kinds.entry(kind).or_insert(id)
            }
        };
        rows.push((id, call));
    }
    let quarters = sum(rows.iter().map(|(kind, call)| ((*kind, quarter_of(call.time)), sums_of(call))));
    let days = sum(quarters.iter().map(|((kind, quarter), sums)| ((*kind, day_of(zone, *quarter)), *sums)));
    tx.insert_calls(rows).await?;
    tx.add_call_sums(SumUnit::Quarter, &quarters).await?;
    Ok(tx.add_call_sums(SumUnit::Day, &days).await?)
}

/// Recomputes the sums of days if they are not those of a zone.
///
/// # Errors
/// [`Internal::Store`](crate::Internal::Store).
pub async fn set_zone(tx: &mut Tx, zone: &TimeZone) -> Result<()> {
    let stored = tx.statistics_zone().await?;
    // A zone without a name may differ from the stored one.
    if stored.is_some() && stored.as_deref() == zone.iana_name() {
        return Ok(());
    }
    let quarters = tx.first_and_last_quarter().await?;
    let periods = quarters.map(|(first, last)| periods(zone, first, last)).unwrap_or_default();
    Ok(tx.rebuild_call_days(periods, zone.iana_name().unwrap_or_default()).await?)
}

fn kind_of(call: &LoggedCall) -> CallKind {
    let LoggedCall { app_id, method, label, source, url, .. } = call.clone();
    CallKind { app_id, method, label, source, url }
}

fn quarter_of(time: UnixMillis) -> i64 {
    time.get().div_euclid(QUARTER_MS)
}

fn sums_of(call: &LoggedCall) -> CallSums {
    let &LoggedCall { time: last_time, trace_id: last_trace, cost_ms, .. } = call;
    CallSums { count: 1, cost_ms, last_time, last_trace, last_cost_ms: cost_ms }
}

/// Adds up sums of the same key.
fn sum<K: Ord>(sums: impl Iterator<Item = ((K, i64), CallSums)>) -> Sums<K> {
    let mut total = Sums::new();
    for (key, sums) in sums {
        match total.entry(key) {
            btree_map::Entry::Vacant(place) => drop(place.insert(sums)),
            btree_map::Entry::Occupied(mut place) => add(place.get_mut(), sums),
        }
    }
    total
}

fn add(total: &mut CallSums, sums: CallSums) {
    total.count += sums.count;
    total.cost_ms = total.cost_ms.saturating_add(sums.cost_ms);
    if (sums.last_time, sums.last_trace) > (total.last_time, total.last_trace) {
        let CallSums { last_time, last_trace, last_cost_ms, .. } = sums;
        *total = CallSums { last_time, last_trace, last_cost_ms, ..*total };
    }
}

/// Splits the quarters from `first` to `last` into runs with the same offset from UTC.
pub(super) fn periods(zone: &TimeZone, first: i64, last: i64) -> Vec<OffsetPeriod> {
    let mut periods = Vec::new();
    let mut begin = first;
    let mut shift = offset_at(zone, first);
    if let Ok(start) = Timestamp::from_second(first.saturating_mul(QUARTER_S)) {
        for transition in zone.following(start) {
            let next = ceil_div(transition.timestamp().as_second(), QUARTER_S);
            if next > last {
                break;
            }
            if next > begin {
                periods.push(OffsetPeriod { first_quarter: begin, last_quarter: next - 1, offset_s: shift });
            }
            (begin, shift) = (next, i64::from(transition.offset().seconds()));
        }
    }
    periods.push(OffsetPeriod { first_quarter: begin, last_quarter: last, offset_s: shift });
    periods
}

/// Splits a range of time into parts that sums answer: whole days where it has any, whole quarters at their sides, and
/// single calls where it begins or ends within a quarter.
pub(super) fn parts(zone: &TimeZone, from: Option<UnixMillis>, to: Option<UnixMillis>) -> Vec<RangePart> {
    // Clamps to the range of dates, beyond which there are no days.
    let clamp = |time: UnixMillis| time.timestamp().as_millisecond();
    let (from, to) = (from.map(clamp), to.map(clamp));
    let first = from.map(|ms| ceil_div(ms, QUARTER_MS));
    let end = to.map(|ms| ms.div_euclid(QUARTER_MS));
    if let (Some(from), Some(to), Some(first), Some(end)) = (from, to, first, end)
        && (from >= to || first > end)
    {
        let day = day_of(zone, end);
        return if from < to { vec![RangePart::Log(from, to, day)] } else { Vec::new() };
    }
    let mut parts = Vec::new();
    if let (Some(from), Some(first)) = (from, first)
        && from < first * QUARTER_MS
    {
        parts.push(RangePart::Log(from, first * QUARTER_MS, day_of(zone, first - 1)));
    }
    let first_day = first.map(|first| (first..).find(|&quarter| begins_day(zone, quarter)).unwrap_or(first));
    let end_day = end.map(|end| (0..).map(|back| end - back).find(|&quarter| begins_day(zone, quarter)).unwrap_or(end));
    match (first, first_day, end_day, end) {
        (Some(first), Some(first_day), Some(end_day), Some(end)) if first_day >= end_day => {
            push_quarters(&mut parts, zone, first, end);
        }
        _ => {
            if let (Some(first), Some(first_day)) = (first, first_day) {
                push_quarters(&mut parts, zone, first, first_day);
            }
            let day = |quarter| day_of(zone, quarter);
            parts.push(RangePart::Days(first_day.map(day), end_day.map(day)));
            if let (Some(end_day), Some(end)) = (end_day, end) {
                push_quarters(&mut parts, zone, end_day, end);
            }
        }
    }
    if let (Some(to), Some(end)) = (to, end)
        && end * QUARTER_MS < to
    {
        parts.push(RangePart::Log(end * QUARTER_MS, to, day_of(zone, end)));
    }
    parts
}

/// Pushes quarters, one part per run on the same day.
fn push_quarters(parts: &mut Vec<RangePart>, zone: &TimeZone, first: i64, end: i64) {
    for quarter in first..end {
        let day = day_of(zone, quarter);
        match parts.last_mut() {
            Some(RangePart::Quarters(_, end, last_day)) if *end == quarter && *last_day == day => *end += 1,
            _ => parts.push(RangePart::Quarters(quarter, quarter + 1, day)),
        }
    }
}

/// Returns whether all quarters from this one on are on later days than all before. Where clocks are set back over
/// midnight, a day is left and entered again.
fn begins_day(zone: &TimeZone, quarter: i64) -> bool {
    let day = day_of(zone, quarter);
    day_of(zone, quarter - 1) < day
        && (2..=MAX_SET_BACK_QUARTERS).all(|by| day_of(zone, quarter - by) < day)
        && (1..MAX_SET_BACK_QUARTERS).all(|by| day_of(zone, quarter + by) >= day)
}

/// Returns the day on which a quarter begins, in days since 1970-01-01.
pub(super) fn day_of(zone: &TimeZone, quarter: i64) -> i64 {
    (quarter.saturating_mul(QUARTER_S).saturating_add(offset_at(zone, quarter))).div_euclid(DAY_S)
}

/// Returns the offset from UTC at the beginning of a quarter, in seconds; 0 beyond the range of dates.
fn offset_at(zone: &TimeZone, quarter: i64) -> i64 {
    let start = Timestamp::from_second(quarter.saturating_mul(QUARTER_S));
    start.map_or(0, |start| zone.to_offset(start).seconds().into())
}

/// Returns the date of a day, in days since 1970-01-01.
pub(super) fn date_of(day: i64) -> Date {
    let epoch = Date::constant(1970, 1, 1);
    Span::new().try_days(day).map_or(epoch, |days| epoch.saturating_add(days))
}

fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}
