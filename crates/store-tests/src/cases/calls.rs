//! Call log, and sums of calls. What the days are is the caller's decision.

use std::collections::BTreeMap;

use aicp_store::{
    CallDurations, CallGroup, CallKind, CallScope, CallSums, CallTotal, DayTotal, DurationCount, Error, GroupTotal,
    LogFilter, LoggedCall, OffsetPeriod, RangePart, Result, SumUnit,
};
use aicp_types::{TraceId, UnixMillis};

use crate::Harness;
use crate::fixture::Fixture;

const QUARTER: i64 = 900_000;
const DAY: i64 = 86_400_000;

fn call(trace_id: i64, time: i64) -> LoggedCall {
    LoggedCall {
        trace_id: TraceId::new(trace_id),
        app_id: "a".into(),
        method: "detect".into(),
        label: "Detection".into(),
        source: "cpu".into(),
        engine: Some("builtin".into()),
        url: "/detect".into(),
        time: UnixMillis::new(time),
        ip: Some("10.0.0.1".into()),
        cost_ms: trace_id * 10,
        ok: trace_id % 2 == 0,
        code: Some(-trace_id),
        message: (trace_id % 2 == 1).then(|| "failed \0".into()),
    }
}

fn kind_of(call: &LoggedCall) -> CallKind {
    let LoggedCall { app_id, method, label, source, engine, url, .. } = call.clone();
    CallKind { app_id, method, label, source, engine, url }
}

fn sums_of(calls: &[&LoggedCall]) -> CallSums {
    let last = calls.iter().max_by_key(|call| (call.time, call.trace_id)).expect("at least one");
    CallSums {
        count: i64::try_from(calls.len()).expect("few"),
        failed: calls.iter().filter(|call| !call.ok).count() as i64,
        cost_ms: calls.iter().map(|call| call.cost_ms).sum(),
        last_time: last.time,
        last_trace: last.trace_id,
        last_cost_ms: last.cost_ms,
    }
}

fn total_of(calls: &[&LoggedCall]) -> CallTotal {
    let last = calls.iter().max_by_key(|call| (call.time, call.trace_id)).expect("at least one");
    let sums = sums_of(calls);
    CallTotal {
        method: last.method.clone(),
        label: last.label.clone(),
        source: last.source.clone(),
        count: calls.len() as u64,
        failed: calls.iter().filter(|call| !call.ok).count() as u64,
        cost_ms: sums.cost_ms,
        last_time: last.time,
        last_cost_ms: last.cost_ms,
    }
}

impl Fixture {
    /// Appends calls, with their sums by quarter and by day of UTC.
    async fn append(&self, calls: &[LoggedCall]) -> Result<()> {
        let calls = calls.to_vec();
        let append = self.store.write(move |tx| {
            Box::pin(async move {
                let mut rows = Vec::new();
                let mut by_unit = [(SumUnit::Quarter, BTreeMap::new()), (SumUnit::Day, BTreeMap::new())];
                for call in &calls {
                    let kind = tx.call_kind(&kind_of(call)).await?;
                    rows.push((kind, call.clone()));
                    for ((_, units), length) in by_unit.iter_mut().zip([QUARTER, DAY]) {
                        let unit = call.time.get().div_euclid(length);
                        units.entry((kind, unit)).or_insert_with(Vec::new).push(call);
                    }
                }
                tx.insert_calls(rows).await?;
                for (unit, calls) in by_unit {
                    let sums = calls.into_iter().map(|(place, calls)| (place, sums_of(&calls)));
                    tx.add_call_sums(unit, &sums.collect()).await?;
                }
                Ok(())
            })
        });
        append.await
    }

    async fn totals(&self, parts: &[RangePart]) -> Vec<CallTotal> {
        self.store.call_totals(CallScope::default(), parts).await.expect("totals")
    }

    async fn days(&self, parts: &[RangePart]) -> Vec<DayTotal> {
        self.store.call_days(CallScope::default(), parts).await.expect("days")
    }
}

pub async fn the_log_keeps_calls_in_full_and_once(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let calls = [call(1, 5), call(2, -7), call(3, i64::MAX - 1), call(4, i64::MIN)];
    f.append(&[]).await.expect("nothing");
    f.append(&calls).await.expect("append");
    let again = f.append(&[call(9, 6), call(1, 5)]).await;
    assert!(matches!(again, Err(Error::Database(_))), "{again:?}");
    let f = f.reopen().await;
    let found = f.store.calls(CallScope::default(), u64::MAX).await.expect("calls");
    assert_eq!(found, [3, 1, 0, 2].map(|n: usize| calls[n].clone()), "by time");
    assert_eq!(f.totals(&[RangePart::Days(None, None)]).await, [total_of(&calls.each_ref())]);
}

pub async fn kinds_are_told_apart_by_each_of_their_parts(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let kind = kind_of(&call(1, 1));
    let first = f.store.call_kind(kind.clone()).await.expect("kind");
    assert_eq!(f.store.call_kind(kind.clone()).await.expect("kind"), first);
    let mut ids = vec![first];
    for other in [
        CallKind { app_id: "x".into(), ..kind.clone() },
        CallKind { method: "x".into(), ..kind.clone() },
        CallKind { label: "x".into(), ..kind.clone() },
        CallKind { source: "x".into(), ..kind.clone() },
        CallKind { url: "x".into(), ..kind.clone() },
    ] {
        ids.push(f.store.call_kind(other).await.expect("kind"));
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

pub async fn calls_are_found_by_app_name_and_time(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let compare = |trace_id, time, app: &str| LoggedCall {
        app_id: app.into(),
        method: "compare".into(),
        label: "detect".into(),
        ..call(trace_id, time)
    };
    let calls = [call(1, 10), compare(2, 20, "a"), compare(3, 30, "b"), call(4, 30)];
    f.append(&calls).await.expect("append");
    let all = CallScope::default();
    let time = |ms| Some(UnixMillis::new(ms));
    for (scope, limit, expected) in [
        (all, 9, &[2, 3, 1, 4][..]),
        (all, 2, &[3, 4]),
        (all, 0, &[]),
        (CallScope { app_id: Some("b"), ..all }, 9, &[3]),
        (CallScope { app_id: Some("nobody"), ..all }, 9, &[]),
        (CallScope { name: Some("DETECT"), ..all }, 9, &[1, 4]),
        (CallScope { name: Some("detect"), ..all }, 9, &[2, 3, 1, 4]),
        (CallScope { name: Some("Detection"), ..all }, 9, &[1, 4]),
        (CallScope { name: Some("detection"), ..all }, 9, &[]),
        (CallScope { from: time(20), to: time(30), ..all }, 9, &[2]),
        (CallScope { from: time(30), ..all }, 9, &[3, 4]),
        (CallScope { to: time(20), ..all }, 9, &[1]),
    ] {
        let found = f.store.calls(scope, limit).await.expect("calls");
        let ids: Vec<i64> = found.iter().map(|call| call.trace_id.get()).collect();
        assert_eq!(ids, expected, "{scope:?} {limit}");
    }
    let parts = [RangePart::Days(None, None)];
    for (scope, expected) in [
        (all, vec![total_of(&[&calls[1], &calls[2]]), total_of(&[&calls[0], &calls[3]])]),
        (CallScope { app_id: Some("a"), ..all }, vec![total_of(&[&calls[1]]), total_of(&[&calls[0], &calls[3]])]),
        (CallScope { name: Some("Compare"), ..all }, vec![total_of(&[&calls[1], &calls[2]])]),
        (CallScope { name: Some("nothing"), ..all }, vec![]),
    ] {
        assert_eq!(f.store.call_totals(scope, &parts).await.expect("totals"), expected, "{scope:?}");
    }
}

pub async fn each_part_of_a_range_is_answered_from_its_sums(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let calls: Vec<_> = [0, 1, QUARTER, 3 * QUARTER - 1, DAY - 1, DAY, DAY + QUARTER, 5 * DAY, -1, -DAY]
        .into_iter()
        .zip(1..)
        .map(|(time, trace_id)| call(trace_id, time))
        .collect();
    // Sums that exist already are added to.
    f.append(&calls[..5]).await.expect("append");
    f.append(&calls[5..]).await.expect("append");
    let days = |first: i64, end: i64| RangePart::Days(Some(first), Some(end));
    for (parts, from, to) in [
        (vec![RangePart::Days(None, None)], i64::MIN, i64::MAX),
        (vec![RangePart::Days(Some(1), None)], DAY, i64::MAX),
        (vec![RangePart::Days(None, Some(0))], i64::MIN, 0),
        (vec![days(0, 2)], 0, 2 * DAY),
        (vec![RangePart::Quarters(0, 2, 0)], 0, 2 * QUARTER),
        (vec![RangePart::Log(1, QUARTER, 0)], 1, QUARTER),
        (vec![RangePart::Log(1, QUARTER, 0), RangePart::Quarters(1, 96, 0), days(1, 6)], 1, 6 * DAY),
        (vec![], 0, 0),
    ] {
        let wanted: Vec<_> = calls.iter().filter(|call| (from..to).contains(&call.time.get())).collect();
        let expected = (!wanted.is_empty()).then(|| total_of(&wanted));
        assert_eq!(f.totals(&parts).await, Vec::from_iter(expected), "{parts:?}");
        let mut by_day = BTreeMap::<i64, Vec<&LoggedCall>>::new();
        for call in wanted {
            by_day.entry(call.time.get().div_euclid(DAY)).or_default().push(call);
        }
        let expected: Vec<_> = by_day.into_iter().map(|(day, of)| DayTotal { day, total: total_of(&of) }).collect();
        assert_eq!(f.days(&parts).await, expected, "{parts:?}");
    }
    assert_eq!(f.store.first_and_last_quarter().await.expect("read"), Some((-96, 480)));
}

pub async fn of_calls_at_the_same_time_that_of_the_greater_id_is_the_latest(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let time = 5 * QUARTER + 3;
    let labelled = |trace_id, label: &str| LoggedCall { label: label.into(), ..call(trace_id, time) };
    let calls =
        [(1, "B"), (5, "B"), (4, "B"), (2, "A"), (9, "B"), (8, "B"), (10, "A")].map(|(id, label)| labelled(id, label));
    for (n, batch) in calls.chunks(2).enumerate() {
        f.append(batch).await.expect("append");
        let expected = [total_of(&calls[..calls.len().min(n * 2 + 2)].iter().collect::<Vec<_>>())];
        for part in [RangePart::Days(None, None), RangePart::Quarters(1, 6, 0), RangePart::Log(time, time + 1, 0)] {
            assert_eq!(f.totals(&[part]).await, expected, "{part:?}");
        }
    }
}

pub async fn many_calls_go_in_at_once(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let calls: Vec<_> = (0..4_500).map(|n| call(n, n * QUARTER / 2)).collect();
    f.append(&calls).await.expect("append");
    assert_eq!(f.totals(&[RangePart::Days(None, None)]).await, [total_of(&calls.iter().collect::<Vec<_>>())]);
    let latest = async || f.store.calls(CallScope::default(), 3_000).await.expect("calls");
    assert_eq!(latest().await, calls[1_500..]);
    let deleted = f.store.delete_calls_before(UnixMillis::new(i64::MAX), 4_000).await.expect("delete");
    assert_eq!(deleted, 4_000);
    assert_eq!(latest().await, calls[4_000..]);
}

pub async fn old_calls_go_and_their_sums_stay(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let calls = [call(1, 10), call(2, 20), LoggedCall { app_id: "b".into(), ..call(3, 15) }, call(4, 30)];
    f.append(&calls).await.expect("append");
    let delete = async |time, at_most| {
        let deleted = f.store.delete_calls_before(UnixMillis::new(time), at_most).await.expect("delete");
        (deleted, f.store.calls(CallScope::default(), 9).await.expect("calls").len())
    };
    assert_eq!(delete(10, 9).await, (0, 4));
    assert_eq!(delete(30, 2).await, (2, 2));
    assert_eq!(delete(30, 0).await, (0, 2));
    assert_eq!(delete(30, 9).await, (1, 1));
    let left = f.store.calls(CallScope::default(), 9).await.expect("calls");
    assert_eq!(left, [calls[3].clone()]);
    assert_eq!(f.totals(&[RangePart::Days(None, None)]).await, [total_of(&calls.each_ref())]);
}

pub async fn days_are_recomputed_with_the_offsets_of_a_zone(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.statistics_zone().await.expect("read"), None);
    assert_eq!(f.store.first_and_last_quarter().await.expect("read"), None);
    f.store.rebuild_call_days(Vec::new(), "UTC").await.expect("nothing to do");
    let calls: Vec<_> =
        [-DAY - 1, -1, 0, DAY - 1, DAY, 40_000 * DAY].into_iter().zip(1..).map(|(time, id)| call(id, time)).collect();
    f.append(&calls).await.expect("append");
    // Eight hours east at first, and from day 1 an hour west.
    let period =
        |first_quarter, last_quarter, hours: i64| OffsetPeriod { first_quarter, last_quarter, offset_s: hours * 3600 };
    let (first, last) = f.store.first_and_last_quarter().await.expect("read").expect("calls");
    f.store.rebuild_call_days(vec![period(first, 95, 8), period(96, last, -1)], "A/B").await.expect("rebuild");
    let f = f.reopen().await;
    assert_eq!(f.store.statistics_zone().await.expect("read").as_deref(), Some("A/B"));
    let of = |day, calls: &[&LoggedCall]| DayTotal { day, total: total_of(calls) };
    let expected = [
        of(-1, &[&calls[0]]),
        of(0, &[&calls[1], &calls[2], &calls[4]]),
        of(1, &[&calls[3]]),
        of(39_999, &[&calls[5]]),
    ];
    assert_eq!(f.days(&[RangePart::Days(None, None)]).await, expected);
}

pub async fn totals_and_durations_come_by_method_app_and_engine(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let of = |trace_id, time, app: &str, engine: Option<&str>| LoggedCall {
        app_id: app.into(),
        engine: engine.map(Into::into),
        source: format!("source {engine:?}"),
        ..call(trace_id, time)
    };
    let calls = [of(1, 0, "a", Some("x")), of(2, QUARTER, "b", Some("x")), of(3, DAY, "b", None)];
    f.append(&calls).await.expect("append");
    let mut quarters = BTreeMap::new();
    let mut days = BTreeMap::new();
    for call in &calls {
        let kind = f.store.call_kind(kind_of(call)).await.expect("kind");
        let bucket = call.trace_id.get() * 100;
        quarters.insert((kind, call.time.get() / QUARTER, bucket), 1);
        days.insert((kind, call.time.get() / DAY, bucket), 1);
    }
    for _ in 0..2 {
        f.store.add_call_durations(SumUnit::Quarter, quarters.clone()).await.expect("add");
        f.store.add_call_durations(SumUnit::Day, days.clone()).await.expect("add");
    }
    let f = f.reopen().await;
    let whole = [RangePart::Days(None, None)];
    let total =
        |group: &str, day, calls: &[&LoggedCall]| GroupTotal { group: group.into(), day, total: total_of(calls) };
    let count = |group: &str, day, duration, count| DurationCount { group: group.into(), day, duration, count };
    let [one, two, three] = &calls;
    let by_bucket = |mut counts: Vec<DurationCount>| {
        counts.sort_by_key(|count| (count.group.clone(), count.day, count.duration));
        counts
    };
    let all = CallScope::default();
    for (scope, group, by_day, totals, durations) in [
        (
            all,
            CallGroup::App,
            false,
            vec![total("a", 0, &[one]), total("b", 0, &[two, three])],
            vec![count("a", 0, 100, 2), count("b", 0, 200, 2), count("b", 0, 300, 2)],
        ),
        (
            all,
            CallGroup::Engine,
            true,
            vec![total("", 1, &[three]), total("x", 0, &[one, two])],
            vec![count("", 1, 300, 2), count("x", 0, 100, 2), count("x", 0, 200, 2)],
        ),
        (
            CallScope { engine: Some("x"), ..all },
            CallGroup::Method,
            false,
            vec![total("detect", 0, &[one, two])],
            vec![count("detect", 0, 100, 2), count("detect", 0, 200, 2)],
        ),
    ] {
        assert_eq!(f.store.call_groups(scope, &whole, group, by_day).await.expect("totals"), totals, "{group:?}");
        let found = f.store.call_durations(scope, &whole, group, by_day).await.expect("durations");
        assert_eq!((by_bucket(found.by_bucket), found.by_ms), (durations, Vec::new()), "{group:?}");
    }
    // A quarter from its counts, and a call from the log.
    let parts = [RangePart::Quarters(1, 2, 0), RangePart::Log(DAY, DAY + 1, 1)];
    let found = f.store.call_durations(all, &parts, CallGroup::App, true).await.expect("durations");
    let expected =
        CallDurations { by_bucket: vec![count("b", 0, 200, 2)], by_ms: vec![count("b", 1, three.cost_ms, 1)] };
    assert_eq!(found, expected);
    assert_eq!(f.store.call_durations(all, &[], CallGroup::App, true).await.expect("none"), CallDurations::default());
    // Days are recomputed from quarters.
    let later = OffsetPeriod { first_quarter: 0, last_quarter: DAY / QUARTER, offset_s: 86_400 };
    f.store.rebuild_call_days(vec![later], "A/B").await.expect("rebuild");
    let found = f.store.call_durations(all, &whole, CallGroup::Method, true).await.expect("durations");
    let expected = vec![count("detect", 1, 100, 2), count("detect", 1, 200, 2), count("detect", 2, 300, 2)];
    assert_eq!(by_bucket(found.by_bucket), expected);
}

pub async fn the_latest_calls_come_page_by_page_and_by_every_filter(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let other = |trace_id, time| LoggedCall { method: "other".into(), engine: None, ..call(trace_id, time) };
    let calls = [call(1, 10), other(2, 10), call(3, 10), call(4, 30), other(5, 20)];
    f.append(&calls).await.expect("append");
    let all = LogFilter::default();
    let ids = async |scope, filter, limit| {
        let found = f.store.latest_calls(scope, filter, limit).await.expect("calls");
        found.iter().map(|call| call.trace_id.get()).collect::<Vec<_>>()
    };
    let scope = CallScope::default();
    assert_eq!(ids(scope, all, 9).await, [4, 5, 3, 2, 1]);
    assert_eq!(ids(scope, all, 2).await, [4, 5]);
    for (time, trace_id, expected) in
        [(30, 4, &[5, 3, 2, 1][..]), (10, 3, &[2, 1]), (10, 2, &[1]), (10, 1, &[]), (9, 9, &[])]
    {
        let before = Some((UnixMillis::new(time), TraceId::new(trace_id)));
        assert_eq!(ids(scope, LogFilter { before, ..all }, 9).await, expected, "{time} {trace_id}");
    }
    assert_eq!(ids(scope, LogFilter { ok: Some(true), ..all }, 9).await, [4, 2]);
    assert_eq!(ids(scope, LogFilter { ok: Some(false), ..all }, 9).await, [5, 3, 1]);
    assert_eq!(ids(scope, LogFilter { min_cost_ms: Some(30), ..all }, 9).await, [4, 5, 3]);
    assert_eq!(ids(CallScope { engine: Some("builtin"), ..scope }, all, 9).await, [4, 3, 1]);
}
