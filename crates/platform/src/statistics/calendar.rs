//! Calendar of the statistics: quarters of an hour, days, and which of them answer a range of time.

use aicp_store::{OffsetPeriod, RangePart};
use aicp_types::UnixMillis;
use jiff::{Span, Timestamp, civil::Date, tz::TimeZone};

/// Milliseconds in a quarter of an hour.
const QUARTER_MS: i64 = 900_000;
/// Seconds in a quarter of an hour.
const QUARTER_S: i64 = 900;
/// Seconds in a day.
const DAY_S: i64 = 86_400;
/// Date of day 0.
const EPOCH: Date = Date::constant(1970, 1, 1);
/// Maximum number of quarters by which clocks are set back, with a margin.
const MAX_SET_BACK_QUARTERS: i64 = 16;

/// Returns the quarter of a moment.
pub(super) fn quarter_of(time: UnixMillis) -> i64 {
    time.get().div_euclid(QUARTER_MS)
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
    Span::new().try_days(day).map_or(EPOCH, |days| EPOCH.saturating_add(days))
}

/// Returns the day of a date, in days since 1970-01-01.
pub(super) fn day_of_date(date: Date) -> i64 {
    date.since(EPOCH).map_or(0, |span| i64::from(span.get_days()))
}

fn ceil_div(a: i64, b: i64) -> i64 {
    a.div_euclid(b) + i64::from(a.rem_euclid(b) != 0)
}
