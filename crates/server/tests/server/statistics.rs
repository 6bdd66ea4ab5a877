//! Sections 5 and 8: the seven statistics in both spellings, and the call log that they count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use aicp_platform::{append_calls, set_statistics_zone};
use aicp_store::{CallScope, LoggedCall};
use aicp_types::{Clock, SystemClock, TraceId, UnixMillis};
use jiff::civil::{Date, DateTime, Time, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::fixture::{Server, Setup, TOKEN, wait_until};
use crate::http::{Answer, Api, coded, plain};
use crate::pictures::{base64, no_face, obama};
use crate::random::Random;
use crate::template::assert_matches;

const SHANGHAI: &str = "Asia/Shanghai";
const TOTALS: &str = "/method/call";
const BY_DAY: &str = "/method/call/getMethodCountByDay";
const BY_WEEK: &str = "/method/call/getMethodCountByWeek";
const BY_MONTH: &str = "/method/call/getMethodCountByMonth";
const CHART_BY_DAY: &str = "/method/call/getChartByDay";
const CHART_BY_MONTH: &str = "/method/call/getChartByMonth";
const ALL: &str = "/method/call/all";
const CALLS: [&str; 7] = [TOTALS, BY_DAY, BY_WEEK, BY_MONTH, CHART_BY_DAY, CHART_BY_MONTH, ALL];

/// Keys of a row in section 5, in order.
const LOWER: [&str; 18] = [
    "traceid",
    "username",
    "visitip",
    "visittime",
    "visitdesc",
    "visiturl",
    "costtime",
    "visitresult",
    "visitcode",
    "visitmsg",
    "visitsource",
    "methodname",
    "callcount",
    "end",
    "day",
    "begin",
    "total",
    "count",
];
/// Keys of a row in section 8, in order.
const CAMEL: [&str; 18] = [
    "traceId",
    "username",
    "visitIp",
    "visitTime",
    "visitDesc",
    "visitUrl",
    "costTime",
    "visitResult",
    "visitCode",
    "visitMsg",
    "visitSource",
    "methodName",
    "callCount",
    "end",
    "day",
    "begin",
    "total",
    "count",
];

/// Columns of a row that are not always null.
#[derive(Default, Clone)]
struct Row {
    cost: i64,
    label: String,
    source: String,
    method: String,
    end: Option<String>,
    day: String,
    begin: Option<String>,
    total: Option<String>,
    count: usize,
}

impl Row {
    fn of(call: &LoggedCall) -> Self {
        let LoggedCall { method, label, source, .. } = call.clone();
        Self { cost: call.cost_ms, label, source, method, count: 1, ..Self::default() }
    }

    fn text(&self, keys: &[&str; 18]) -> String {
        let optional = |text: &Option<String>| text.as_ref().map_or("null".to_owned(), |text| format!("\"{text}\""));
        let quoted = |text: &str| format!("\"{text}\"");
        let fields = keys.map(|key| {
            let value = match key.to_ascii_lowercase().as_str() {
                "costtime" => self.cost.to_string(),
                "visitmsg" => quoted(&self.label),
                "visitsource" => quoted(&self.source),
                "methodname" => quoted(&self.method),
                "end" => optional(&self.end),
                "day" => quoted(&self.day),
                "begin" => optional(&self.begin),
                "total" => optional(&self.total),
                "count" => quoted(&self.count.to_string()),
                _ => "null".to_owned(),
            };
            format!("\"{key}\":{value}")
        });
        format!("{{{}}}", fields.join(","))
    }
}

fn zone_of(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a zone")
}

/// Converts a local time to milliseconds. An ambiguous time means the earlier moment; a skipped one is moved forward.
fn moment(zone: &TimeZone, local: DateTime) -> i64 {
    local.to_zoned(zone.clone()).expect("a moment").timestamp().as_millisecond()
}

fn local(zone: &TimeZone, ms: i64) -> DateTime {
    Timestamp::from_millisecond(ms).expect("a moment").to_zoned(zone.clone()).datetime()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Writes calls into a data folder while no server runs on it.
pub fn write_calls(data_dir: &Path, zone: &str, calls: &[LoggedCall]) {
    runtime().block_on(async {
        let store = aicp_store_sqlite::open(data_dir, Arc::new(SystemClock)).await.expect("the store opens");
        let (zone, calls) = (zone_of(zone), calls.to_vec());
        let written = store.write(move |tx| {
            Box::pin(async move {
                set_statistics_zone(tx, &zone).await?;
                append_calls(tx, &zone, calls).await
            })
        });
        written.await.expect("they are written");
        store.close().await.expect("the store closes");
    });
}

/// Reads the call log of a data folder while no server runs on it.
pub fn read_calls(data_dir: &Path) -> Vec<LoggedCall> {
    runtime().block_on(async {
        let store = aicp_store_sqlite::open(data_dir, Arc::new(SystemClock)).await.expect("the store opens");
        let mut rows = store.rows().await.expect("a connection");
        let calls = rows.calls(CallScope::default(), 1_000_000).await.expect("they are read");
        drop(rows);
        store.close().await.expect("the store closes");
        calls
    })
}

fn call(trace_id: i64, app: &str, method: &str, label: &str, engine: &str, time: i64, cost_ms: i64) -> LoggedCall {
    LoggedCall {
        trace_id: TraceId::new(trace_id),
        app_id: app.to_owned(),
        method: method.to_owned(),
        label: label.to_owned(),
        source: format!("人脸识别({engine})"),
        engine: Some(engine.to_owned()),
        url: format!("/aicp/face/{method}"),
        time: UnixMillis::new(time),
        ip: Some("127.0.0.1".to_owned()),
        cost_ms,
        ok: true,
        code: Some(0),
        message: None,
    }
}

/// Keeps calls of any age. `--new` is needed because the calls were written before a key existed.
fn setup(listeners: &[&'static str], data_dir: &Path) -> Setup {
    Setup::new(listeners).data_dir(data_dir).arg("--new").env("AICP_STATISTICS__RETENTION_DAYS", "0")
}

fn plain_ok(data: &str) -> String {
    format!(r#"{{"flag":true,"message":"系统处理正常","data":{data}}}"#)
}

fn coded_ok(data: &str) -> String {
    format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{data}}}"#)
}

/// Three calls; the first is the sample of manual section 5.2.
fn samples() -> Vec<LoggedCall> {
    let shanghai = zone_of(SHANGHAI);
    let at = |text: &str| moment(&shanghai, text.parse().expect("a date and time"));
    vec![
        call(1, "legacy", "faceQuery", "人脸查询", "云从", at("2020-03-26T10:00:00"), 450),
        call(2, "legacy", "faceQuery", "人脸查询", "内置", at("2020-04-25T23:59:59.999"), 50),
        call(3, "legacy", "faceRecognition", "人脸识别", "考拉悠然", at("2020-03-26T00:00:00"), 3485),
    ]
}

#[test]
fn section_5_answers_as_the_manual_shows() {
    let temp = tempfile::tempdir().expect("a temp dir");
    write_calls(temp.path(), SHANGHAI, &samples());
    let server = setup(&["legacy"], temp.path()).start();
    let api = server.anonymous(0);
    let head = concat!(
        r#"{"traceid":null,"username":null,"visitip":null,"visittime":null,"visitdesc":null,"visiturl":null,"#,
        r#""costtime":"#
    );
    let query = |cost: u32, engine: &str, rest: &str| {
        format!(
            r#"{head}{cost},"visitresult":null,"visitcode":null,"visitmsg":"人脸查询","visitsource":"人脸识别({engine})","methodname":"faceQuery","callcount":null,{rest}}}"#
        )
    };
    let recognition = |rest: &str| {
        format!(
            r#"{head}3485,"visitresult":null,"visitcode":null,"visitmsg":"人脸识别","visitsource":"人脸识别(考拉悠然)","methodname":"faceRecognition","callcount":null,{rest}}}"#
        )
    };
    let check = |path: &str, body: Value, data: String| api.post(path, &body).assert(200, &plain_ok(&data));

    let last = query(50, "内置", r#""end":null,"day":"2020-04-25 23:59:59","begin":null,"total":null,"count":"2""#);
    let only = recognition(r#""end":null,"day":"2020-03-26 00:00:00","begin":null,"total":null,"count":"1""#);
    check(TOTALS, json!({}), format!("[{last},{only}]"));
    let named = json!({"call_Name": "人脸查询", "timeBefore": "2020-03-01", "timeAfter": "2020-03-31"});
    let in_march =
        query(450, "云从", r#""end":null,"day":"2020-03-26 10:00:00","begin":null,"total":null,"count":"1""#);
    check(TOTALS, named.clone(), format!("[{in_march}]"));

    let day = r#""end":"2020-03-27","day":"2020-03-26~~~2020-03-27","begin":"2020-03-26","total":null,"count":"1""#;
    check(BY_DAY, named.clone(), format!("[{}]", query(450, "云从", day)));
    let next = r#""end":"2020-04-26","day":"2020-04-25~~~2020-04-26","begin":"2020-04-25","total":null,"count":"1""#;
    check(BY_DAY, json!({}), format!("[{},{},{}]", query(450, "云从", day), query(50, "内置", next), recognition(day)));
    let week = r#""end":"2020-03-29","day":"2020-03-23~~~2020-03-29","begin":"2020-03-23","total":null,"count":"1""#;
    check(BY_WEEK, named.clone(), format!("[{}]", query(450, "云从", week)));
    let month = r#""end":"2020-03-31","day":"2020-03-01~~~2020-03-31","begin":"2020-03-01","total":null,"count":"1""#;
    check(BY_MONTH, named, format!("[{}]", query(450, "云从", month)));

    let chart = r#""end":null,"day":"2020-03-26","begin":null,"total":"31","count":"1""#;
    check(
        CHART_BY_DAY,
        json!({"time": "2020-03"}),
        format!("[[{}],[{}]]", query(450, "云从", chart), recognition(chart)),
    );
    let march = r#""end":null,"day":"2020-03","begin":null,"total":null,"count":"1""#;
    let april = r#""end":null,"day":"2020-04","begin":null,"total":null,"count":"1""#;
    check(
        CHART_BY_MONTH,
        json!({"year": 2020}),
        format!("[[{},{}],[{}]]", query(450, "云从", march), query(50, "内置", april), recognition(march)),
    );

    let single = r#""end":null,"day":"2020-03-26 10:00:00","begin":null,"total":null,"count":"1""#;
    let other = r#""end":null,"day":"2020-04-25 23:59:59","begin":null,"total":null,"count":"1""#;
    let third = r#""end":null,"day":"2020-03-26 00:00:00","begin":null,"total":null,"count":"1""#;
    check(
        ALL,
        json!({}),
        format!("[{},{},{}]", query(450, "云从", single), query(50, "内置", other), recognition(third)),
    );
}

#[test]
fn section_8_answers_as_the_manual_shows() {
    let temp = tempfile::tempdir().expect("a temp dir");
    write_calls(temp.path(), SHANGHAI, &samples());
    let server = setup(&["micro"], temp.path()).start();
    let row = |method: &str, label: &str, engine: &str, cost: u32, rest: &str| {
        format!(
            concat!(
                r#"{{"traceId":null,"username":null,"visitIp":null,"visitTime":null,"visitDesc":null,"visitUrl":null,"#,
                r#""costTime":{cost},"visitResult":null,"visitCode":null,"visitMsg":"{label}","#,
                r#""visitSource":"人脸识别({engine})","methodName":"{method}","callCount":null,{rest}}}"#
            ),
            cost = cost,
            label = label,
            engine = engine,
            method = method,
            rest = rest
        )
    };
    let query = |rest: &str| row("faceQuery", "人脸查询", "云从", 450, rest);
    let recognition = |rest: &str| row("faceRecognition", "人脸识别", "考拉悠然", 3485, rest);
    let march = json!({"timeBefore": "2020-03-01 00:00:00", "timeAfter": "2020-03-31 23:59:59"});
    for (path, body, nested, rest, rest_of_other) in [
        (
            TOTALS,
            march.clone(),
            false,
            r#""end":null,"day":"2020-03-26 10:00:00","begin":null,"total":null,"count":"1""#,
            Some(r#""end":null,"day":"2020-03-26 00:00:00","begin":null,"total":null,"count":"1""#),
        ),
        (
            BY_DAY,
            march.clone(),
            false,
            r#""end":"2020-03-27","day":"2020-03-26~~~2020-03-27","begin":"2020-03-26","total":null,"count":"1""#,
            None,
        ),
        (
            BY_WEEK,
            march.clone(),
            false,
            r#""end":"2020-03-29","day":"2020-03-23~~~2020-03-29","begin":"2020-03-23","total":null,"count":"1""#,
            None,
        ),
        (
            BY_MONTH,
            march.clone(),
            false,
            r#""end":"2020-03-31","day":"2020-03-01~~~2020-03-31","begin":"2020-03-01","total":null,"count":"1""#,
            None,
        ),
        (
            CHART_BY_DAY,
            json!({"time": "2020-03"}),
            true,
            r#""end":null,"day":"2020-03-26","begin":null,"total":"31","count":"1""#,
            None,
        ),
        (
            ALL,
            march,
            false,
            r#""end":null,"day":"2020-03-26 10:00:00","begin":null,"total":null,"count":"1""#,
            Some(r#""end":null,"day":"2020-03-26 00:00:00","begin":null,"total":null,"count":"1""#),
        ),
    ] {
        let (first, second) = (query(rest), recognition(rest_of_other.unwrap_or(rest)));
        let data = if nested { format!("[[{first}],[{second}]]") } else { format!("[{first},{second}]") };
        server.admin(0).post(path, &body).assert(200, &coded_ok(&data));
    }
    let year = r#""end":null,"day":"2020-03","begin":null,"total":null,"count":"1""#;
    let april = r#""end":null,"day":"2020-04","begin":null,"total":null,"count":"1""#;
    let april = row("faceQuery", "人脸查询", "内置", 50, april);
    let data = format!("[[{},{april}],[{}]]", query(year), recognition(year));
    server.admin(0).post(CHART_BY_MONTH, &json!({"year": "2020"})).assert(200, &coded_ok(&data));
}

#[test]
fn without_calls_every_answer_is_empty() {
    let server = Setup::new(&["legacy", "micro"]).start();
    for path in CALLS {
        server.anonymous(0).post(path, &json!({})).assert(200, &plain_ok("[]"));
        server.admin(0).post(path, &json!({})).assert(200, &plain_ok("[]"));
        server.admin(1).post(path, &json!({})).assert(200, &coded_ok("[]"));
    }
}

#[test]
fn what_is_no_date_is_one_failure() {
    let server = Setup::new(&["legacy", "micro"]).start();
    let check = |path: &str, body: Value| {
        server.anonymous(0).post(path, &body).assert(200, &plain("运行时出错!"));
        server.admin(1).post(path, &body).assert(200, &coded("运行时出错!"));
    };
    for path in [TOTALS, BY_DAY, BY_WEEK, BY_MONTH, ALL] {
        for field in ["timeBefore", "timeAfter"] {
            for text in ["2020-02-30", "2020-3-1", "2020/03/01", "2020-03-01T00:00:00", "2020-03-01 24:00:00", "today"]
            {
                check(path, json!({field: text}));
            }
            check(path, json!({field: {}}));
            check(path, json!({field: 20200301}));
        }
        check(path, json!({"call_Name": ["人脸查询"]}));
    }
    for text in ["2020-13", "2020-3", "2020", "2020-03-01", "March"] {
        check(CHART_BY_DAY, json!({"time": text}));
    }
    for text in ["20", "2020-03", "year", "-2020", "99999"] {
        check(CHART_BY_MONTH, json!({"year": text}));
    }
    // Each chart has its own field; blank and null count as absent.
    let fine = [
        (TOTALS, json!({"timeBefore": " ", "timeAfter": null, "call_Name": " ", "time": "x", "year": "x"})),
        (CHART_BY_DAY, json!({"time": "", "year": "x", "timeBefore": "x"})),
        (CHART_BY_MONTH, json!({"year": null, "time": "x", "timeAfter": "x"})),
    ];
    for (path, body) in fine {
        server.anonymous(0).post(path, &body).assert(200, &plain_ok("[]"));
    }
}

/// Generator of requests and calls.
impl Random {
    fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize].clone()
    }

    /// Returns a number from `-reach` to `reach`.
    fn around_zero(&mut self, reach: i64) -> i64 {
        self.below(2 * reach as u64 + 1) as i64 - reach
    }

    /// Returns a local time near the end of a month, year or week, or near a clock change in one of the tested zones.
    fn local(&mut self) -> DateTime {
        let edge = self.one_of(&[
            date(2023, 12, 31).at(0, 0, 0, 0),
            date(2024, 1, 1).at(0, 0, 0, 0),
            date(2024, 3, 1).at(0, 0, 0, 0),
            date(2024, 3, 10).at(2, 0, 0, 0),
            date(2024, 4, 7).at(1, 45, 0, 0),
            date(2024, 7, 15).at(0, 0, 0, 0),
            date(2024, 10, 6).at(2, 15, 0, 0),
            date(2024, 11, 3).at(1, 30, 0, 0),
            date(2024, 12, 30).at(0, 0, 0, 0),
            date(2025, 1, 1).at(0, 0, 0, 0),
        ]);
        match self.below(4) {
            0 => edge,
            1 => edge.saturating_add(self.around_zero(40).days()).saturating_add(self.around_zero(86_400).seconds()),
            _ => edge.saturating_add(self.around_zero(7200).seconds()),
        }
    }

    fn calls(&mut self, zone: &TimeZone) -> Vec<LoggedCall> {
        let kinds = [
            ("faceQuery", "人脸查询"),
            // Label of another version.
            ("faceQuery", "人脸查找"),
            ("faceRecognition", "人脸识别"),
            ("faceRecognitionMN", "人脸M:N"),
            ("faceApiGroupAdd", "创建用户组"),
        ];
        let calls = (0..600).map(|index| {
            let (method, label) = self.one_of(&kinds);
            let app = self.one_of(&["legacy", "shop", "admin", "other"]);
            let engine = self.one_of(&["内置", "云从", "考拉悠然"]);
            // Several calls share a millisecond.
            let ms = if self.below(2) == 0 { 0 } else { self.below(1000) as i64 };
            let time = moment(zone, self.local()) + ms;
            let cost = self.below(5000) as i64;
            // Later calls do not always have higher ids.
            let trace_id = 1_000_000 + (index * 7919) % 100_003;
            call(trace_id, app, method, label, engine, time, cost)
        });
        calls.collect()
    }

    /// Returns a request to one of the statistics.
    fn question(&mut self) -> (&'static str, Value) {
        let path = self.one_of(&CALLS);
        let mut body = json!({});
        if path == CHART_BY_DAY {
            body["time"] = self.local().strftime("%Y-%m").to_string().into();
            return (path, body);
        }
        if path == CHART_BY_MONTH {
            body["year"] = self.local().year().into();
            return (path, body);
        }
        for field in ["timeBefore", "timeAfter"] {
            let format = self.one_of(&["", "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"]);
            body[field] = self.local().strftime(format).to_string().into();
        }
        body["call_Name"] =
            self.one_of(&["", "", "人脸查询", "人脸识别", "FACEQUERY", "faceRecognition", "人脸查", "nothing"]).into();
        (path, body)
    }
}

/// Naive model: computes the expected answer from all calls.
struct Naive<'a> {
    calls: &'a [LoggedCall],
    zone: &'a TimeZone,
}

impl Naive<'_> {
    /// Returns the `data` for a caller who sees the calls of `app`, or all calls.
    fn answer(&self, app: Option<&str>, path: &str, body: &Value, keys: &[&str; 18]) -> String {
        let text = |field: &str| body[field].as_str().unwrap_or_default();
        let (from, to) = match path {
            CHART_BY_DAY => {
                let first: Date = format!("{}-01", text("time")).parse().expect("a month");
                (Some(first.at(0, 0, 0, 0)), Some(first.last_of_month().tomorrow().expect("a day").at(0, 0, 0, 0)))
            }
            CHART_BY_MONTH => {
                let year = i16::try_from(body["year"].as_i64().expect("a year")).expect("a year");
                (Some(date(year, 1, 1).at(0, 0, 0, 0)), Some(date(year + 1, 1, 1).at(0, 0, 0, 0)))
            }
            _ => range(text("timeBefore"), text("timeAfter")),
        };
        let (from, to) = (from.map(|from| moment(self.zone, from)), to.map(|to| moment(self.zone, to)));
        let name = text("call_Name");
        let mut calls: Vec<&LoggedCall> = self.calls.iter().collect();
        calls.retain(|call| {
            app.is_none_or(|app| call.app_id == app)
                && (name.is_empty() || call.label == name || call.method.eq_ignore_ascii_case(name))
                && from.is_none_or(|from| from <= call.time.get())
                && to.is_none_or(|to| call.time < UnixMillis::new(to))
        });
        calls.sort_by_key(|call| (&call.method, call.time, call.trace_id));

        let mut rows: Vec<Row> = Vec::new();
        for call in calls {
            let local = local(self.zone, call.time.get());
            let row = self.row(path, call, local);
            match rows.last_mut().filter(|last| last.method == row.method && same_bucket(path, last, &row)) {
                Some(last) => {
                    let cost = if path == TOTALS { row.cost } else { last.cost + row.cost };
                    *last = Row { cost, count: last.count + 1, ..row };
                }
                None => rows.push(row),
            }
        }
        let mut lists: Vec<Vec<String>> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            if index == 0 || (path.contains("Chart") && rows[index - 1].method != row.method) {
                lists.push(Vec::new());
            }
            lists.last_mut().expect("there is one").push(row.text(keys));
        }
        let lists: Vec<String> = lists.into_iter().map(|list| list.join(",")).collect();
        if path.contains("Chart") {
            format!("[{}]", lists.iter().map(|list| format!("[{list}]")).collect::<Vec<_>>().join(","))
        } else {
            format!("[{}]", lists.concat())
        }
    }

    /// Builds the row of a single call, with the labels of its period.
    fn row(&self, path: &str, call: &LoggedCall, local: DateTime) -> Row {
        let row = Row::of(call);
        let day = local.date();
        let span = |begin: Date, end: Date| Row {
            begin: Some(begin.to_string()),
            end: Some(end.to_string()),
            day: format!("{begin}~~~{end}"),
            ..row.clone()
        };
        match path {
            BY_DAY => span(day, day.tomorrow().expect("a day")),
            BY_WEEK => {
                let monday = day.iso_week_date().first_of_week().expect("a day").date();
                span(monday, monday.saturating_add(6.days()))
            }
            BY_MONTH => span(day.first_of_month(), day.last_of_month()),
            CHART_BY_DAY => Row { day: day.to_string(), total: Some(day.days_in_month().to_string()), ..row },
            CHART_BY_MONTH => Row { day: day.strftime("%Y-%m").to_string(), ..row },
            _ => Row { day: local.strftime("%Y-%m-%d %H:%M:%S").to_string(), ..row },
        }
    }
}

/// Returns whether two calls of one method are counted in one row.
fn same_bucket(path: &str, a: &Row, b: &Row) -> bool {
    match path {
        TOTALS => true,
        ALL => false,
        _ => a.day == b.day,
    }
}

/// Returns the start (inclusive) and the end (exclusive) of the counted range.
fn range(before: &str, after: &str) -> (Option<DateTime>, Option<DateTime>) {
    // First moment and end of the period that a text names.
    let parse = |text: &str| -> Option<(DateTime, DateTime)> {
        if let Ok(moment) = DateTime::strptime("%Y-%m-%d %H:%M:%S", text) {
            return Some((moment, moment.saturating_add(1.second())));
        }
        let day: Date = text.parse().ok()?;
        Some((day.to_datetime(Time::midnight()), day.tomorrow().expect("a day").to_datetime(Time::midnight())))
    };
    match (parse(before), parse(after)) {
        (Some(a), Some(b)) if a.0 > b.0 => (Some(b.0), Some(a.1)),
        (a, b) => (a.map(|a| a.0), b.map(|b| b.1)),
    }
}

/// Compares the server with the naive model, for random requests and for each kind of caller.
fn compare(server: &Server, token: &str, naive: &Naive<'_>, random: &mut Random) {
    let (legacy, micro) = (0, 1);
    let callers: [(Api, Option<&str>, bool); 6] = [
        (server.anonymous(legacy), Some("legacy"), false),
        (server.anonymous(legacy).with_token(token), Some("shop"), false),
        (server.admin(legacy), None, false),
        (server.anonymous(micro).with_token(token), Some("shop"), true),
        (server.admin(micro), None, true),
        (server.admin(micro), None, true),
    ];
    let mut filled = BTreeSet::new();
    for _ in 0..250 {
        let (path, body) = random.question();
        let (api, app, is_camel) = random.one_of(&callers);
        let data = naive.answer(app, path, &body, if is_camel { &CAMEL } else { &LOWER });
        let expected = if is_camel { coded_ok(&data) } else { plain_ok(&data) };
        let answer = api.post(path, &body);
        assert_eq!((answer.status, answer.text()), (200, expected.as_str()), "{path} {body} of {app:?}");
        if data != "[]" {
            filled.insert(path);
        }
    }
    assert_eq!(filled, CALLS.into_iter().collect(), "every call has had something to count");
}

/// Writes and counts random calls in one zone; then counts them in another zone, which regroups them.
fn compare_in(zone: &'static str, other: &'static str) {
    let mut random = Random::new();
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path();
    let calls = random.calls(&zone_of(zone));
    let (now, later) = calls.split_at(400);
    write_calls(data_dir, zone, now);
    write_calls(data_dir, zone, later);
    let start = |zone: &str| {
        let mut setup = setup(&["legacy", "micro"], data_dir);
        // Shanghai is the default.
        if zone != SHANGHAI {
            setup = setup.env("AICP_STATISTICS__ZONE", zone);
        }
        setup.start()
    };
    let server = start(zone);
    let token = server.grant("shop", &["C10000000007"]);
    compare(&server, &token, &Naive { calls: &calls, zone: &zone_of(zone) }, &mut random);
    server.stop();
    let server = start(other);
    compare(&server, &token, &Naive { calls: &calls, zone: &zone_of(other) }, &mut random);
}

#[test]
fn statistics_are_those_of_a_naive_count_in_shanghai_then_new_york() {
    compare_in(SHANGHAI, "America/New_York");
}

#[test]
fn statistics_are_those_of_a_naive_count_in_new_york_then_lord_howe() {
    compare_in("America/New_York", "Australia/Lord_Howe");
}

#[test]
fn statistics_are_those_of_a_naive_count_in_lord_howe_then_shanghai() {
    compare_in("Australia/Lord_Howe", SHANGHAI);
}

/// Returns method, label, engine and count of each row.
fn totals(api: &Api) -> Vec<(String, String, String, String)> {
    let rows = api.post(TOTALS, &json!({})).data();
    let rows = rows.as_array().expect("a list").iter();
    let text = |row: &Value, lower: &str, camel: &str| {
        row.get(lower).or(row.get(camel)).and_then(Value::as_str).expect("a text").to_owned()
    };
    let of = |row: &Value| {
        (
            text(row, "methodname", "methodName"),
            text(row, "visitmsg", "visitMsg"),
            text(row, "visitsource", "visitSource"),
            text(row, "count", "count"),
        )
    };
    rows.map(of).collect()
}

/// All operations that are logged: path, method, label.
const LOGGED: [(&str, &str, &str); 44] = [
    ("/interactiveability/face/faceentry", "faceEntry", "人脸录入"),
    ("/interactiveability/face/FaceRecognition", "faceRecognition", "人脸识别"),
    ("/interactiveability/face/personwitnessratio", "personWitnessRatio", "人证对比"),
    ("/aicp/face/add", "faceEntry", "人脸录入"),
    ("/aicp/face/recognition", "faceRecognition", "人脸识别"),
    ("/aicp/face/couple", "personWitnessRatio", "人证对比"),
    ("/aicp/face/remove", "faceRemove", "人脸删除"),
    ("/aicp/face/query", "faceQuery", "人脸查询"),
    ("/aicp/face/quality", "imageQualityScores", "图片质量检测"),
    ("/aicp/face/addBase", "faceBaseAdd", "人脸底库添加"),
    ("/aicp/face/deleteBase", "faceBaseDelete", "人脸底库删除"),
    ("/aicp/face/queryBaseAll", "faceBaseQuery", "人脸底库查询"),
    ("/aicp/face/detect", "faceDetect", "人脸检测"),
    ("/aicp/face/recognitionmn", "faceRecognitionMN", "人脸M:N"),
    ("/AICP/Face/Detect", "faceDetect", "人脸检测"),
    ("/face-api/v3/group/add", "faceApiGroupAdd", "创建用户组"),
    ("/face-api/v3/group/delete", "faceApiGroupDelete", "删除用户组"),
    ("/face-api/v3/group/list", "faceApiGroupList", "组列表"),
    ("/face-api/facehub/statapp", "faceApiStatApp", "查询人脸组数量"),
    ("/face-api/facehub/statgroup", "faceApiStatGroup", "批量获取组统计信息"),
    ("/face-api/v3/user/copy", "faceApiUserCopy", "复制用户"),
    ("/face-api/v3/user/get", "faceApiUserGet", "获取用户信息"),
    ("/face-api/v3/user/list", "faceApiUserList", "用户列表"),
    ("/face-api/v3/user/delete", "faceApiUserDelete", "user/delete"),
    ("/face-api/v3/app/list", "faceApiAppList", "app/list"),
    ("/face-api/v3/face/add", "faceApiFaceAdd", "face/add"),
    ("/face-api/v3/face/addNoDetect", "faceApiFaceAddNoDetect", "face/addNoDetect"),
    ("/face-api/v3/face/update", "faceApiFaceUpdate", "face/update"),
    ("/face-api/v3/face/list", "faceApiFaceList", "face/list"),
    ("/face-api/v3/face/delete", "faceApiFaceDelete", "face/delete"),
    ("/face-api/v3/face/detect", "faceApiFaceDetect", "face/detect"),
    ("/face-api/v3/face/match", "faceApiFaceMatch", "face/match"),
    ("/face-api/v3/face/identify", "faceApiFaceIdentify", "face/identify"),
    ("/face-api/v3/face/midentify", "faceApiFaceMidentify", "face/midentify"),
    ("/face-api/v3/face/liveness", "faceApiFaceLiveness", "face/liveness"),
    ("/user/register", "userRegister", "用户注册"),
    ("/user/facelogin.json", "faceLogin", "刷脸登录"),
    ("/user/facelogin", "faceLogin", "刷脸登录"),
    // Repeated calls, which add to existing counts.
    ("/aicp/face/query", "faceQuery", "人脸查询"),
    ("/aicp/face/quality", "imageQualityScores", "图片质量检测"),
    ("/interactiveability/face/faceentry", "faceEntry", "人脸录入"),
    ("/face-api/v3/group/list", "faceApiGroupList", "组列表"),
    ("/aicp/face/recognition/", "faceRecognition", "人脸识别"),
    ("/aicp/face/recognition%20", "faceRecognition", "人脸识别"),
];

/// Returns a body that an operation accepts, although it can't succeed.
fn empty_body(path: &str) -> &'static [u8] {
    let takes_list = path.ends_with("/match") || path.ends_with("/liveness");
    if takes_list { b"[]" } else { b"{}" }
}

#[test]
fn every_operation_is_logged_under_its_name_at_once() {
    let server = Setup::new(&["legacy", "micro"]).start();
    let (legacy, micro) = (server.admin(0), server.admin(1));
    let mut expected: BTreeMap<&str, (&str, u32)> = BTreeMap::new();
    for (path, method, label) in LOGGED {
        for api in [&micro, &legacy] {
            let answer = api.post_bytes(path, empty_body(path));
            assert!(answer.status == 200 || answer.status == 500, "{path}: {}", answer.text());
            expected.entry(method).or_insert((label, 0)).1 += 1;
            let rows = totals(api);
            let expected = expected.iter().map(|(method, (label, count))| {
                ((*method).to_owned(), (*label).to_owned(), "人脸识别(内置)".to_owned(), count.to_string())
            });
            assert_eq!(rows, expected.collect::<Vec<_>>(), "after {path}");
        }
    }
    // Calls are found by method, in any case, and by label.
    for (method, (label, count)) in expected {
        for name in [method, label, &method.to_uppercase(), &method.to_lowercase()] {
            let rows = micro.post(TOTALS, &json!({"call_Name": name})).data();
            assert_eq!(rows.as_array().map(Vec::len), Some(1), "{name}: {rows}");
            assert_eq!((&rows[0]["methodName"], &rows[0]["count"]), (&json!(method), &json!(count.to_string())));
        }
        for name in [&label[..3], &format!("{method}x")] {
            assert_eq!(micro.post(TOTALS, &json!({"call_Name": name})).data(), json!([]), "{name}");
        }
    }
}

#[test]
fn rows_name_the_engine_that_was_asked() {
    // Nothing listens there: the calls fail and are counted.
    let nowhere = "http://127.0.0.1:9/";
    let server = Setup::new(&["auto"])
        .env("AICP_ENGINES__KOALA__URL", nowhere)
        .env("AICP_ENGINES__CLOUDWALK__URL", nowhere)
        .env("AICP_ENGINES__DEFAULT", "cloudwalk")
        .start();
    let admin = server.admin(0);
    let source = |method: &str| {
        let rows = totals(&admin);
        let row = rows.into_iter().find(|row| row.0 == method);
        row.unwrap_or_else(|| panic!("no row of {method}")).2
    };
    admin.post("/aicp/face/detect", &json!({"image": base64(&obama())}));
    assert_eq!(source("faceDetect"), "人脸识别(云从)");
    for (engine, label) in [("builtin", "内置"), ("koala", "考拉悠然")] {
        let library = json!({"groupId": engine, "dbName": engine, "engine": engine});
        admin.post("/aicp/face/addBase", &library);
        assert_eq!(source("faceBaseAdd"), format!("人脸识别({label})"));
    }
    let enrolment = json!({"groupId": "builtin", "image": base64(&obama())});
    admin.post("/aicp/face/add", &enrolment).data();
    assert_eq!(source("faceEntry"), "人脸识别(内置)");
}

#[test]
fn statistics_grants_and_refused_calls_are_not_logged() {
    let server = Setup::new(&["legacy", "micro", "auto"]).start();
    let token = server.grant("shop", &["C10000000007"]);
    let shop = server.anonymous(1).with_token(&token);
    for listener in 0..3 {
        let (admin, anonymous) = (server.admin(listener), server.anonymous(listener));
        for path in CALLS {
            admin.post(path, &json!({}));
            admin.post(path, &json!({"timeBefore": "x", "time": "x", "year": "x"}));
        }
        for path in ["grantAuthorize", "updateAuthorize", "deleteAuthorizedUser"] {
            admin.post(&format!("/authorize/{path}"), &json!({"appId": "shop"}));
        }
        server.grant("shop", &["C10000000007"]);
        for path in ["getall", "resumedata"] {
            admin.post(&format!("/asynchrony/{path}"), &json!({}));
        }
        for (path, ..) in LOGGED {
            assert_eq!(admin.send("GET", path, &[], b"").status, 405);
            assert_eq!(admin.post_bytes(path, b"").status, 400, "{path}");
            assert_eq!(admin.post_bytes(path, b"{").status, 400, "{path}");
            assert_eq!(admin.send("POST", path, &[("Content-Type", "text/plain")], b"{}").status, 415);
            if path.starts_with("/user/") {
                continue;
            }
            let refused = [shop.post(path, &json!({})), anonymous.clone().with_token("x").post(path, &json!({}))];
            for answer in refused {
                let code = answer.json()["error_code"].as_u64();
                assert!(matches!(answer.status, 401 | 403) || matches!(code, Some(6 | 110)), "{}", answer.text());
            }
        }
        assert_eq!(admin.post_bytes("/aicp/face/detect", &vec![b' '; (8 << 20) + 1]).status, 413);
        assert_eq!(admin.post("/aicp/face/nothing", &json!({})).status, 404);
        for path in CALLS {
            assert_eq!(admin.post(path, &json!({})).data(), json!([]), "{path}");
        }
    }
}

#[test]
fn calls_are_counted_for_whom_they_were_made() {
    let server = Setup::new(&["legacy", "micro"]).start();
    let token = server.grant("shop", &["C10000000001", "C10000000007"]);
    let (anonymous, admin) = (server.anonymous(0), server.admin(1));
    let shop = server.anonymous(1).with_token(&token);
    let query = json!({"groupId": "g", "userId": "1"});
    anonymous.post("/aicp/face/query", &query);
    anonymous.post("/aicp/face/query", &query);
    shop.post("/aicp/face/query", &query);
    admin.post("/aicp/face/queryBaseAll", &json!({}));
    // A call with a token belongs to the token's app, even where no token is needed.
    anonymous.clone().with_token(&token).post("/aicp/face/query", &query);
    // Registrations have no token. They are logged for the administrator, whatever token is sent.
    shop.post("/user/register", &json!({}));
    anonymous.post("/user/facelogin.json", &json!({}));

    let counts = |api: &Api| {
        let rows = totals(api).into_iter();
        rows.map(|(method, _, _, count)| format!("{method} {count}")).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(counts(&anonymous), "faceQuery 2");
    assert_eq!(counts(&shop), "faceQuery 2");
    assert_eq!(counts(&anonymous.clone().with_token(&token)), "faceQuery 2");
    assert_eq!(counts(&admin), "faceBaseQuery 1, faceLogin 1, faceQuery 4, userRegister 1");
    for path in CALLS {
        for api in [&anonymous, &shop] {
            let text = api.post(path, &json!({})).text().to_owned();
            assert!(text.contains("faceQuery") && !text.contains("faceBaseQuery"), "{path}: {text}");
        }
    }
}

/// Runs a check within one day of Shanghai time, which is passed to it.
fn on_one_day(mut check: impl FnMut(Date)) {
    let today = || local(&zone_of(SHANGHAI), SystemClock.now().get()).date();
    loop {
        let day = today();
        check(day);
        if today() == day {
            return;
        }
    }
}

#[test]
fn calls_are_counted_now_with_what_they_cost() {
    // The machine's time zone has no effect.
    let server = Setup::new(&["micro"]).env("TZ", "America/Los_Angeles").start();
    let admin = server.admin(0);
    on_one_day(|day| {
        let before = SystemClock.now().get();
        admin.post("/aicp/face/quality", &json!({"image": base64(&obama())})).data();
        let failed = admin.post("/aicp/face/quality", &json!({"image": base64(&no_face())}));
        assert_eq!(failed.message(), "80018,extract feature decode pictrue! get feature failed");
        let after = SystemClock.now().get();
        let rows = admin.post(ALL, &json!({})).data();
        let rows = rows.as_array().expect("a list");
        let [.., first, second] = rows.as_slice() else { panic!("{rows:?}") };
        for row in [first, second] {
            assert_eq!(row["methodName"], "imageQualityScores");
            let cost = row["costTime"].as_i64().expect("a number");
            assert!((1..=after - before).contains(&cost), "{row}");
            let text = row["day"].as_str().expect("a text").replace(' ', "T");
            let at = moment(&zone_of(SHANGHAI), text.parse().expect("a date and time"));
            assert!((before / 1000 * 1000..=after).contains(&at), "{row}");
        }
        let costs: i64 = rows.iter().filter_map(|row| row["costTime"].as_i64()).sum();
        let count = rows.len().to_string();
        // By default charts cover the current month or year.
        let month = day.strftime("%Y-%m").to_string();
        let of_day = admin.post(CHART_BY_DAY, &json!({})).data();
        let of_year = admin.post(CHART_BY_MONTH, &json!({})).data();
        let days = day.days_in_month().to_string();
        let bucket = |data: &Value| data[0].as_array().and_then(|rows| rows.last().cloned()).expect("a row");
        let (in_month, in_year) = (bucket(&of_day), bucket(&of_year));
        assert_eq!((&in_month["day"], &in_month["total"]), (&json!(day.to_string()), &json!(days)));
        assert_eq!((&in_year["day"], &in_year["total"]), (&json!(month), &json!(null)));
        for row in [&in_month, &in_year] {
            assert_eq!((&row["count"], &row["costTime"]), (&json!(count), &json!(costs)));
        }
        let year = json!({"year": day.year()});
        assert_eq!(admin.post(CHART_BY_MONTH, &year).data(), of_year);
        assert_eq!(admin.post(CHART_BY_DAY, &json!({"time": month})).data(), of_day);
    });
}

#[test]
fn the_log_says_who_called_whence_and_how_it_ended() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__TRUSTED_PROXIES", r#"["127.0.0.1"]"#).start();
    let token = server.grant("shop", &["C10000000001", "C10000000006"]);
    let began = SystemClock.now().get();
    let post = |headers: &[(&str, &str)], path: &str, body: &str| {
        server.anonymous(0).send("POST", path, headers, body.as_bytes())
    };
    let shop = ("token", token.as_str());
    post(&[shop, ("X-Forwarded-For", "203.0.113.7")], "/AICP/face/addBase/", r#"{"groupId":"g","dbName":"g"}"#);
    post(&[shop], "/aicp/face/query", r#"{"groupId":"g","userId":"7"}"#);
    post(&[], "/aicp/face/query", r#"{"groupId":"g","userId":"7"}"#);
    post(&[shop, ("X-Forwarded-For", "2001:db8::7")], "/face-api/v3/group/add", r#"{"group_id":"g"}"#);
    post(&[("token", TOKEN)], "/face-api/v3/group/list", "{}");
    post(&[], "/user/facelogin", "{}");
    server.stop();
    let ended = SystemClock.now().get();

    let mut calls = read_calls(server.data_dir());
    calls.sort_by_key(|call| call.trace_id);
    assert!(calls.is_sorted_by(|a, b| a.trace_id < b.trace_id), "ids are unique");
    for call in &calls {
        assert!(call.time.get() >= began && call.time.get() + call.cost_ms <= ended && call.cost_ms >= 0, "{call:?}");
    }
    let not_found = Some("查询人脸错误,错误信息[record not found]");
    let expected = [
        ("shop", "faceBaseAdd", "/aicp/face/addBase", "203.0.113.7", true, 0, None),
        ("shop", "faceQuery", "/aicp/face/query", "127.0.0.1", false, 1, not_found),
        ("legacy", "faceQuery", "/aicp/face/query", "127.0.0.1", false, 1, not_found),
        (
            "shop",
            "faceApiGroupAdd",
            "/face-api/v3/group/add",
            "2001:db8::7",
            false,
            223_101,
            Some("group is already exist"),
        ),
        ("admin", "faceApiGroupList", "/face-api/v3/group/list", "127.0.0.1", true, 0, None),
        ("admin", "faceLogin", "/user/facelogin", "127.0.0.1", false, 1, Some("人脸识别未通过")),
    ];
    assert_eq!(calls.len(), expected.len());
    for (call, (app, method, url, ip, ok, code, message)) in calls.iter().zip(expected) {
        assert_eq!((call.app_id.as_str(), call.method.as_str(), call.url.as_str()), (app, method, url));
        assert_eq!((call.ip.as_deref(), call.ok, call.code), (Some(ip), ok, Some(code)), "{call:?}");
        assert_eq!(call.message.as_deref(), message);
    }
}

#[test]
fn a_clean_stop_loses_no_call() {
    let server = Server::auto();
    let api = server.anonymous(0);
    for _ in 0..150 {
        assert_eq!(api.post("/aicp/face/query", &json!({"groupId": "g", "userId": "1"})).status, 200);
    }
    server.stop();
    assert_eq!(read_calls(server.data_dir()).len(), 150);
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    assert_eq!(totals(&server.anonymous(0))[0].3, "150");
}

#[test]
fn old_calls_go_and_their_counts_stay() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let now = SystemClock.now().get();
    let day = 86_400_000;
    let calls: Vec<LoggedCall> = (0..5000)
        .map(|index| {
            let age = if index < 4990 { 40 } else { 20 };
            call(index + 1, "legacy", "faceQuery", "人脸查询", "内置", now - age * day + index, 3)
        })
        .collect();
    write_calls(temp.path(), SHANGHAI, &calls);
    let start = |days: &str| {
        let setup =
            Setup::new(&["legacy"]).data_dir(temp.path()).arg("--new").env("AICP_STATISTICS__RETENTION_DAYS", days);
        setup.start()
    };
    let singles = |server: &Server| {
        let rows = server.anonymous(0).post(ALL, &json!({})).data();
        rows.as_array().map(Vec::len).expect("a list")
    };
    let count = |server: &Server| totals(&server.anonymous(0))[0].3.clone();

    let server = start("50");
    assert_eq!((singles(&server), count(&server).as_str()), (5000, "5000"));
    let months = server.anonymous(0).post(BY_MONTH, &json!({})).text().to_owned();
    server.stop();
    let server = start("30");
    wait_until("old calls are gone", || singles(&server) == 10);
    assert_eq!(count(&server), "5000");
    assert_eq!(server.anonymous(0).post(BY_MONTH, &json!({})).text(), months);
    server.stop();
    assert_eq!(read_calls(temp.path()).len(), 10);
}

#[test]
fn a_list_of_single_calls_has_so_many_rows_at_most() {
    let temp = tempfile::tempdir().expect("a temp dir");
    write_calls(temp.path(), SHANGHAI, &samples());
    let server = setup(&["legacy"], temp.path()).env("AICP_STATISTICS__MAX_ROWS", "2").start();
    let answer: Answer = server.anonymous(0).post(ALL, &json!({}));
    // The latest calls are listed.
    let row = r#"{"traceid":null,"username":null,"visitip":null,"visittime":null,"visitdesc":null,"visiturl":null,"costtime":<int>,"visitresult":null,"visitcode":null,"visitmsg":"人脸查询","visitsource":"@","methodname":"faceQuery","callcount":null,"end":null,"day":"<time>","begin":null,"total":null,"count":"1"}"#;
    let rows = ["人脸识别(云从)", "人脸识别(内置)"].map(|source| row.replace('@', source)).join(",");
    let values = assert_matches(answer.text(), &plain_ok(&format!("[{rows}]")));
    assert_eq!(values, ["450", "2020-03-26 10:00:00", "50", "2020-04-25 23:59:59"]);
}
