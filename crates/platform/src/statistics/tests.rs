//! Call log and statistics, compared with a naive fold over the same calls.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aicp_store_tests::handle::Handle;
use aicp_types::{SystemClock, TraceId};
use jiff::Timestamp;
use jiff::civil::date;
use proptest::prelude::*;
use proptest::sample::select;

use super::calendar::{date_of, parts};
use super::sums::{append_calls, set_zone};
use super::*;

const QUARTER: i64 = 900_000;
const DAY: i64 = 86_400_000;

/// Zone whose clocks are set back over midnight, within a quarter.
const ODD_ZONE: &str = "America/St_Johns";
const ZONES: [&str; 9] = [
    "UTC",
    "Asia/Shanghai",
    "America/New_York",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Antarctica/Troll",
    "America/Santiago",
    ODD_ZONE,
];

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("time zone")
}

fn call(trace_id: TraceId, time: UnixMillis) -> LoggedCall {
    LoggedCall {
        trace_id,
        app_id: "a".into(),
        method: "detect".into(),
        label: "Detection".into(),
        source: "cpu".into(),
        engine: Some("builtin".into()),
        url: "/detect".into(),
        time,
        ip: None,
        cost_ms: 1,
        ok: true,
        code: None,
        message: None,
    }
}

/// A store with the zone of its days.
struct Log {
    store: Handle,
    zone: TimeZone,
}

async fn open(dir: &Path, zone: &TimeZone) -> Log {
    let store = Handle(aicp_store_sqlite::open(dir, Arc::new(SystemClock)).await.expect("open"));
    let days = zone.clone();
    let set = store.write(move |tx| Box::pin(async move { set_zone(tx, &days).await }));
    set.await.expect("the days of the zone");
    Log { store, zone: zone.clone() }
}

impl Log {
    async fn append(&self, calls: &[LoggedCall]) -> Result<()> {
        let (zone, calls) = (self.zone.clone(), calls.to_vec());
        self.store.write(move |tx| Box::pin(async move { append_calls(tx, &zone, calls).await })).await
    }

    async fn totals(&self, scope: CallScope<'_>) -> Vec<CallTotal> {
        let parts = parts(&self.zone, scope.from, scope.to);
        self.store.call_totals(scope, &parts).await.expect("totals")
    }

    async fn days(&self, scope: CallScope<'_>) -> Vec<(Date, CallTotal)> {
        let parts = parts(&self.zone, scope.from, scope.to);
        let days = self.store.call_days(scope, &parts).await.expect("days");
        days.into_iter().map(|DayTotal { day, total }| (date_of(day), total)).collect()
    }

    async fn close(self) {
        self.store.close().await.expect("close");
    }
}

fn is_in(call: &LoggedCall, scope: CallScope<'_>) -> bool {
    scope.app_id.is_none_or(|app_id| call.app_id == app_id)
        && scope.engine.is_none_or(|engine| call.engine.as_deref() == Some(engine))
        && scope.name.is_none_or(|name| call.label == name || call.method.eq_ignore_ascii_case(name))
        && scope.from.is_none_or(|from| call.time >= from)
        && scope.to.is_none_or(|to| call.time < to)
}

fn date_at(zone: &TimeZone, time: UnixMillis) -> Date {
    zone.to_datetime(Timestamp::from_millisecond(time.get()).expect("in range")).date()
}

/// Returns the day on which the quarter of a call begins. It differs from the day of the call only in the odd zone.
fn date_of_call(zone: &TimeZone, call: &LoggedCall) -> Date {
    let date = date_at(zone, UnixMillis::new(call.time.get() - call.time.get().rem_euclid(QUARTER)));
    if zone.iana_name() != Some(ODD_ZONE) {
        assert_eq!(date, date_at(zone, call.time));
    }
    date
}

fn naive<K: Ord>(calls: &[&LoggedCall], key: impl Fn(&LoggedCall) -> K) -> BTreeMap<K, CallTotal> {
    let mut groups = BTreeMap::<K, Vec<&LoggedCall>>::new();
    for call in calls {
        groups.entry(key(call)).or_default().push(call);
    }
    let sum_up = |calls: Vec<&LoggedCall>| {
        let last = calls.iter().max_by_key(|call| (call.time, call.trace_id)).expect("at least one");
        CallTotal {
            method: last.method.clone(),
            label: last.label.clone(),
            source: last.source.clone(),
            count: calls.len() as u64,
            failed: calls.iter().filter(|call| !call.ok).count() as u64,
            cost_ms: calls.iter().map(|call| call.cost_ms).sum(),
            last_time: last.time,
            last_cost_ms: last.cost_ms,
        }
    };
    groups.into_iter().map(|(key, calls)| (key, sum_up(calls))).collect()
}

async fn assert_sums(log: &Log, calls: &[LoggedCall], scope: CallScope<'_>) {
    let calls: Vec<_> = calls.iter().filter(|call| is_in(call, scope)).collect();
    let totals: Vec<_> = naive(&calls, |call| call.method.clone()).into_values().collect();
    assert_eq!(log.totals(scope).await, totals, "{scope:?}");
    let days: Vec<_> = naive(&calls, |call| (call.method.clone(), date_of_call(&log.zone, call)))
        .into_iter()
        .map(|((_, day), total)| (day, total))
        .collect();
    assert_eq!(log.days(scope).await, days, "{scope:?}");
    assert_durations(log, &calls, scope).await;
}

/// Compares the durations of each app on each day.
async fn assert_durations(log: &Log, calls: &[&LoggedCall], scope: CallScope<'_>) {
    let parts = parts(&log.zone, scope.from, scope.to);
    let found = log.store.call_durations(scope, &parts, CallGroup::App, true).await.expect("durations");
    let mut told = BTreeMap::new();
    let by_ms = found.by_ms.into_iter().map(|count| DurationCount { duration: bucket_of(count.duration), ..count });
    for count in found.by_bucket.into_iter().chain(by_ms) {
        *told.entry((count.group, date_of(count.day), count.duration)).or_insert(0) += count.count;
    }
    let mut expected = BTreeMap::new();
    for call in calls {
        let key = (call.app_id.clone(), date_of_call(&log.zone, call), bucket_of(call.cost_ms));
        *expected.entry(key).or_insert(0) += 1;
    }
    assert_eq!(told, expected, "{scope:?}");
}

async fn assert_log(log: &Log, calls: &[LoggedCall], scope: CallScope<'_>, limit: u64) {
    let mut calls: Vec<_> = calls.iter().filter(|call| is_in(call, scope)).cloned().collect();
    calls.sort_by_key(|call| std::cmp::Reverse((call.time, call.trace_id)));
    calls.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    calls.sort_by_key(|call| (call.method.clone(), call.time, call.trace_id));
    assert_eq!(log.store.calls(scope, limit).await.expect("calls"), calls, "{scope:?} {limit}");
}

/// Times of changes in a zone: clock changes, ends of days, months and years.
fn moments(zone: &TimeZone) -> Vec<i64> {
    let midnight = |year, month, day| {
        let date = Date::new(year, month, day).expect("date");
        date.to_zoned(zone.clone()).expect("moment").timestamp()
    };
    let mut moments = vec![
        midnight(2010, 1, 1),
        midnight(2010, 3, 1),
        midnight(2010, 12, 31),
        midnight(2011, 1, 1),
        midnight(2012, 2, 29),
        midnight(2012, 3, 1),
    ];
    let changes = zone.following(midnight(2010, 1, 1)).map(|change| change.timestamp());
    moments.extend(changes.take_while(|&change| change < midnight(2012, 3, 1)));
    moments.into_iter().map(Timestamp::as_millisecond).collect()
}

/// Index of a moment, and distance from it in milliseconds. Often at or next to the ends of quarters and days, so that
/// bounds coincide with calls, and calls with each other.
fn time() -> impl Strategy<Value = (prop::sample::Index, i64)> {
    let near = prop_oneof![
        (-12i64..=12, -1i64..=1).prop_map(|(quarters, by)| quarters * QUARTER + by),
        (-4i64..=4, -1i64..=1).prop_map(|(days, by)| days * DAY + by),
        -3 * DAY..=3 * DAY,
        -QUARTER..=QUARTER,
    ];
    (any::<prop::sample::Index>(), near)
}

#[derive(Clone, Debug)]
struct Case {
    zone: &'static str,
    next_zone: &'static str,
    calls: Vec<LoggedCall>,
    batch: usize,
    bounds: Vec<(Option<UnixMillis>, Option<UnixMillis>)>,
    delete_before: i64,
    at_most: u64,
}

fn case() -> impl Strategy<Value = Case> {
    let kind = (0..3u8, select(vec!["detect", "Detect", "compare"]), 0..3u8, 0..2u8, 0..2u8);
    let call = (time(), kind, 0..1_000i64, any::<bool>(), prop::option::of(0..9i64));
    let calls = prop::collection::vec(call, 1..120);
    let bounds = prop::collection::vec((prop::option::weighted(0.9, time()), prop::option::weighted(0.9, time())), 24);
    (select(&ZONES[..]), select(&ZONES[..]), calls, 1..60usize, bounds, time(), 0..40u64).prop_map(
        |(zone_name, next_zone, calls, batch, bounds, delete_before, at_most)| {
            let moments = [zone_name, next_zone].map(|name| moments(&zone(name))).concat();
            let at = |(moment, by): (prop::sample::Index, i64)| moment.get(&moments) + by;
            let count = calls.len();
            let numbered = calls.into_iter().enumerate();
            let calls = numbered.map(|(n, (time, (app, method, label, source, url), cost_ms, ok, code))| LoggedCall {
                // Neither ascending nor descending, and unique.
                trace_id: TraceId::new((n * 7919 % 100_003) as i64),
                app_id: format!("app {app}"),
                method: method.into(),
                // One label is also a method's name.
                label: ["Find", "compare", "Check"][usize::from(label)].into(),
                source: format!("source {source}"),
                engine: Some(format!("engine {source}")),
                url: format!("/{method}/{url}"),
                time: UnixMillis::new(at(time)),
                ip: code.map(|code| format!("10.0.0.{code}")),
                cost_ms,
                ok,
                code,
                message: (!ok).then(|| format!("failed {n} of {count}")),
            });
            let bounds = bounds
                .into_iter()
                .map(|(from, to)| (from.map(at).map(UnixMillis::new), to.map(at).map(UnixMillis::new)));
            Case {
                zone: zone_name,
                next_zone,
                calls: calls.collect(),
                batch,
                bounds: bounds.collect(),
                delete_before: at(delete_before),
                at_most,
            }
        },
    )
}

/// Returns all bounds, each with some choice of app and name, and both bounds open.
fn scopes(case: &Case) -> impl Iterator<Item = CallScope<'static>> {
    let names = [None, Some("detect"), Some("DETECT"), Some("compare"), Some("Find"), Some("find"), Some("nothing")];
    let apps = [None, Some("app 0"), Some("app 1"), Some("nobody")];
    let bounds = case.bounds.clone().into_iter().enumerate();
    bounds.flat_map(move |(n, (from, to))| {
        let all = CallScope { from, to, ..CallScope::default() };
        [all, CallScope { app_id: apps[n % apps.len()], name: names[n % names.len()], ..all }]
    })
}

async fn check(case: Case) {
    let dir = tempfile::tempdir().expect("temporary folder");
    let here = zone(case.zone);
    let log = open(dir.path(), &here).await;
    for calls in case.calls.chunks(case.batch) {
        log.append(calls).await.expect("append");
    }
    for (n, scope) in scopes(&case).enumerate() {
        assert_sums(&log, &case.calls, scope).await;
        assert_log(&log, &case.calls, scope, n as u64 * 2).await;
    }
    assert_sums(&log, &case.calls, CallScope::default()).await;
    assert_log(&log, &case.calls, CallScope::default(), u64::MAX).await;
    log.close().await;

    let there = zone(case.next_zone);
    let log = open(dir.path(), &there).await;
    for scope in scopes(&case) {
        assert_sums(&log, &case.calls, scope).await;
    }
    // Calls appended after the change of zone add to the recomputed sums.
    let first_id = 200_000;
    let again = case
        .calls
        .iter()
        .map(|call| LoggedCall { trace_id: TraceId::new(call.trace_id.get() + first_id), ..call.clone() });
    let again: Vec<_> = again.collect();
    log.append(&again).await.expect("append");
    let all = [case.calls.clone(), again].concat();
    assert_sums(&log, &all, CallScope::default()).await;

    let old = all.iter().filter(|call| call.time < UnixMillis::new(case.delete_before)).count() as u64;
    let deleted =
        log.store.delete_calls_before(UnixMillis::new(case.delete_before), case.at_most).await.expect("delete");
    assert_eq!(deleted, old.min(case.at_most));
    let kept = log.store.calls(CallScope::default(), u64::MAX).await.expect("calls");
    let kept: BTreeSet<_> = kept.iter().map(|call| call.trace_id).collect();
    assert_eq!(kept.len() as u64, all.len() as u64 - deleted);
    assert!(all.iter().all(|call| call.time < UnixMillis::new(case.delete_before) || kept.contains(&call.trace_id)));
    let deleted = log.store.delete_calls_before(UnixMillis::new(case.delete_before), u64::MAX).await.expect("delete");
    assert_eq!(deleted, old.saturating_sub(case.at_most));
    let young: Vec<_> = all.iter().filter(|call| call.time >= UnixMillis::new(case.delete_before)).cloned().collect();
    assert_log(&log, &young, CallScope::default(), u64::MAX).await;
    for scope in scopes(&case) {
        let whole = |time: UnixMillis| UnixMillis::new(time.get() - time.get().rem_euclid(QUARTER));
        let scope = CallScope { from: scope.from.map(whole), to: scope.to.map(whole), ..scope };
        assert_sums(&log, &all, scope).await;
    }
    log.close().await;

    // Days can be recomputed after rows of the log were deleted.
    let log = open(dir.path(), &here).await;
    assert_sums(&log, &all, CallScope::default()).await;
    log.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_a_naive_fold(case in case()) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(check(case));
    }
}

#[tokio::test]
async fn any_time_can_be_asked_for_and_put_down() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let berlin = zone("Europe/Berlin");
    let log = open(dir.path(), &berlin).await;
    let calls = [
        call(TraceId::new(1), UnixMillis::new(0)),
        call(TraceId::new(2), UnixMillis::new(-1)),
        call(TraceId::new(3), UnixMillis::new(-DAY * 800)),
        call(TraceId::new(4), UnixMillis::new(DAY * 40_000)),
    ];
    log.append(&calls).await.expect("append");
    let bounds = [None, Some(i64::MIN), Some(i64::MAX), Some(0), Some(-1), Some(1)].map(|ms| ms.map(UnixMillis::new));
    for from in bounds {
        for to in bounds {
            let scope = CallScope { from, to, ..CallScope::default() };
            assert_sums(&log, &calls, scope).await;
        }
    }
    log.append(&[call(TraceId::new(5), UnixMillis::new(i64::MAX)), call(TraceId::new(6), UnixMillis::new(i64::MIN))])
        .await
        .expect("a clock gone mad");
    assert_eq!(log.totals(CallScope::default()).await[0].count, 6);
    log.days(CallScope::default()).await;
    log.close().await;
    let log = open(dir.path(), &zone("Asia/Kathmandu")).await;
    assert_eq!(log.totals(CallScope::default()).await[0].count, 6);
    log.close().await;
}

#[tokio::test]
async fn zones_without_a_name_are_told_apart() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let calls = [call(TraceId::new(1), UnixMillis::new(0)), call(TraceId::new(2), UnixMillis::new(DAY - 1))];
    for hours in [0, 5, -5] {
        let zone = TimeZone::posix(&format!("<XYZ>{hours}")).expect("zone");
        let log = open(dir.path(), &zone).await;
        if hours == 0 {
            log.append(&calls).await.expect("append");
        }
        assert_sums(&log, &calls, CallScope::default()).await;
        log.close().await;
    }
}

#[test]
fn buckets_are_those_of_the_calendar() {
    // Examples of the manual: 2020-03-23~~~2020-03-29, 2020-03-01~~~2020-03-31.
    let day = date(2020, 3, 26);
    assert_eq!(Bucket::Day.bounds(day), (day, day));
    assert_eq!(Bucket::Week.bounds(day), (date(2020, 3, 23), date(2020, 3, 29)));
    assert_eq!(Bucket::Month.bounds(day), (date(2020, 3, 1), date(2020, 3, 31)));
    for day in [date(2020, 3, 23), date(2020, 3, 29)] {
        assert_eq!(Bucket::Week.bounds(day), (date(2020, 3, 23), date(2020, 3, 29)));
    }
    assert_eq!(Bucket::Week.bounds(date(2021, 1, 1)), (date(2020, 12, 28), date(2021, 1, 3)));
    assert_eq!(Bucket::Month.bounds(date(2024, 2, 5)), (date(2024, 2, 1), date(2024, 2, 29)));
}
