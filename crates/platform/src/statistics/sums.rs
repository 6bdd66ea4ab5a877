//! Writes calls to the log with their sums, from which the statistics answer.
//!
//! Calls are summed per quarter of an hour, which is valid in every time zone, and per day of one zone.

use std::collections::{BTreeMap, HashMap, btree_map};

use aicp_store::{CallKind, CallSums, LoggedCall, SumUnit, Tx};
use jiff::tz::TimeZone;

use super::calendar::{day_of, periods, quarter_of};
use super::histogram::bucket_of;
use crate::Result;

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
    let (mut quarter_durations, mut day_durations) = (BTreeMap::new(), BTreeMap::new());
    for (kind, call) in &rows {
        let (quarter, bucket) = (quarter_of(call.time), bucket_of(call.cost_ms));
        *quarter_durations.entry((*kind, quarter, bucket)).or_insert(0) += 1;
        *day_durations.entry((*kind, day_of(zone, quarter), bucket)).or_insert(0) += 1;
    }
    tx.insert_calls(rows).await?;
    tx.add_call_durations(SumUnit::Quarter, &quarter_durations).await?;
    tx.add_call_durations(SumUnit::Day, &day_durations).await?;
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
    let LoggedCall { app_id, method, label, source, engine, url, .. } = call.clone();
    CallKind { app_id, method, label, source, engine, url }
}

fn sums_of(call: &LoggedCall) -> CallSums {
    let &LoggedCall { time: last_time, trace_id: last_trace, cost_ms, .. } = call;
    CallSums { count: 1, failed: i64::from(!call.ok), cost_ms, last_time, last_trace, last_cost_ms: cost_ms }
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
    total.failed += sums.failed;
    total.cost_ms = total.cost_ms.saturating_add(sums.cost_ms);
    if (sums.last_time, sums.last_trace) > (total.last_time, total.last_trace) {
        let CallSums { last_time, last_trace, last_cost_ms, .. } = sums;
        *total = CallSums { last_time, last_trace, last_cost_ms, ..*total };
    }
}
