//! Statistics: totals, series, percentiles, single calls, CSV.

use std::collections::BTreeSet;

use aicp_store::LoggedCall;
use aicp_types::{TraceId, UnixMillis};
use serde_json::{Value, json};

use super::operators::{self, Browser};
use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup};
use crate::pictures::obama;
use crate::random::Random;
use crate::statistics::write_calls;

/// 2024-01-01 in Shanghai.
const START: i64 = 1_704_038_400_000;
const DAY: i64 = 86_400_000;

fn call(id: i64, app: &str, method: &str, engine: Option<&str>, time: i64, cost_ms: i64, ok: bool) -> LoggedCall {
    LoggedCall {
        trace_id: TraceId::new(id),
        app_id: app.to_owned(),
        method: method.to_owned(),
        label: format!("label of {method}"),
        source: engine.map_or("API".to_owned(), |engine| format!("API({engine})")),
        engine: engine.map(str::to_owned),
        url: format!("/{method}"),
        time: UnixMillis::new(time),
        ip: None,
        cost_ms,
        ok,
        code: Some(if ok { 200 } else { 404 }),
        message: (!ok).then(|| "=cmd|' /C calc'!A0, \"x\"".to_owned()),
    }
}

/// Makes calls at all times of four days.
fn calls(random: &mut Random) -> Vec<LoggedCall> {
    let kinds = [
        ("shop", "identify", Some("builtin")),
        ("shop", "enrol", Some("koala")),
        ("other", "identify", Some("builtin")),
        ("other", "accounts", None),
    ];
    (0..1500)
        .map(|id| {
            let (app, method, engine) = kinds[random.index(kinds.len())];
            let time = START + i64::try_from(random.index(4 * DAY as usize)).expect("small");
            let longest = [10, 100, 3_000, 100_000][random.index(4)];
            let cost_ms = i64::try_from(random.index(longest)).expect("small");
            call(1 + id, app, method, engine, time, cost_ms, random.index(5) > 0)
        })
        .collect()
}

fn server(calls: &[LoggedCall]) -> (Server, tempfile::TempDir) {
    let data = tempfile::tempdir().expect("a temp dir");
    write_calls(data.path(), "Asia/Shanghai", calls);
    let setup = Setup::new(&["auto"]).data_dir(data.path()).arg("--new").env("AICP_STATISTICS__RETENTION_DAYS", "0");
    (setup.start(), data)
}

fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms).expect("a moment").to_string()
}

/// Whether a call is counted.
type Filter = Box<dyn Fn(&LoggedCall) -> bool>;

/// Returns the durations at the nearest ranks of sorted durations.
fn percentiles(calls: &[&LoggedCall]) -> [i64; 4] {
    let mut sorted: Vec<i64> = calls.iter().map(|call| call.cost_ms).collect();
    sorted.sort_unstable();
    [50, 90, 95, 99].map(|percent| sorted[(sorted.len() * percent).div_ceil(100) - 1])
}

#[track_caller]
fn assert_total(total: &Value, calls: &[&LoggedCall]) {
    let last = calls.iter().max_by_key(|call| (call.time, call.trace_id)).expect("calls");
    assert_eq!(total["count"], calls.len(), "{total}");
    assert_eq!(total["failed"], calls.iter().filter(|call| !call.ok).count(), "{total}");
    assert_eq!(total["durationMs"], calls.iter().map(|call| call.cost_ms).sum::<i64>(), "{total}");
    assert_eq!((&total["label"], &total["lastDurationMs"]), (&json!(last.label), &json!(last.cost_ms)), "{total}");
    assert_eq!(total["latency"]["count"], calls.len(), "{total}");
    for (name, exact) in ["p50", "p90", "p95", "p99"].into_iter().zip(percentiles(calls)) {
        let told = total["latency"][name].as_i64().expect("a number");
        assert!((told - exact).abs() * 32 <= exact, "{name} is {exact}, not {told}");
    }
}

#[test]
fn totals_and_percentiles_of_any_group_and_range_are_those_of_a_naive_fold() {
    let mut random = Random::new();
    let calls = calls(&mut random);
    let (server, _data) = server(&calls);
    let admin = Rest::admin(&server);
    let get = |path: &str| {
        let answer = admin.get(path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()["items"].as_array().expect("items").clone()
    };
    let group_of = |group: &str, call: &LoggedCall| match group {
        "method" => Some(call.method.clone()),
        "app" => Some(call.app_id.clone()),
        // As all calls here are of one interface.
        "source" => Some("API".to_owned()),
        _ => call.engine.clone(),
    };
    let name_of =
        |group: &str, total: &Value| total[if group == "app" { "appId" } else { group }].as_str().map(str::to_owned);
    for round in 0..12 {
        // Bounds within a quarter of an hour, at its ends, and open ones.
        let mut bound = || START + i64::try_from(random.index(4 * DAY as usize)).expect("small");
        let (mut from, mut to) = (bound(), bound());
        if from > to {
            (from, to) = (to, from);
        }
        if round % 3 == 0 {
            (from, to) = (from - from.rem_euclid(900_000), to - to.rem_euclid(900_000) + 900_000);
        }
        let (query, is_in): (String, Filter) = match round {
            0 => (String::new(), Box::new(|_| true)),
            1 => ("&engine=builtin".to_owned(), Box::new(|call| call.engine.as_deref() == Some("builtin"))),
            2 => ("&app=shop".to_owned(), Box::new(|call| call.app_id == "shop")),
            _ => (
                format!("&from={}&to={}", rfc3339(from), rfc3339(to)),
                Box::new(move |call| (from..to).contains(&call.time.get())),
            ),
        };
        let counted: Vec<&LoggedCall> = calls.iter().filter(|call| is_in(call)).collect();
        for group in ["method", "app", "engine", "source"] {
            let groups: BTreeSet<Option<String>> = counted.iter().map(|call| group_of(group, call)).collect();
            let totals = get(&format!("/statistics/totals?group={group}{query}"));
            assert_eq!(totals.iter().map(|total| name_of(group, total)).collect::<BTreeSet<_>>(), groups);
            assert_eq!(totals.len(), groups.len());
            for total in &totals {
                let name = name_of(group, total);
                let of_group: Vec<_> = counted.iter().copied().filter(|call| group_of(group, call) == name).collect();
                assert_total(total, &of_group);
            }
            let series = get(&format!("/statistics/series?group={group}&by=day{query}"));
            let mut days = 0;
            for total in &series {
                let day = |call: &LoggedCall| START + (call.time.get() - START).div_euclid(DAY) * DAY;
                let first = text(&total["first"]);
                let of_day: Vec<_> = counted
                    .iter()
                    .copied()
                    .filter(|call| group_of(group, call) == name_of(group, total))
                    // Shanghai is eight hours ahead of UTC.
                    .filter(|call| rfc3339(day(call) + 8 * 3_600_000)[..10] == first)
                    .collect();
                assert_total(total, &of_day);
                days += of_day.len();
            }
            assert_eq!(days, counted.len(), "each call is in one period");
        }
    }
    for path in ["/statistics/totals", "/statistics/series"] {
        assert_eq!(admin.get(path).json()["timeZone"], "Asia/Shanghai");
    }
    let month = get("/statistics/series?group=app&by=month&app=shop");
    assert_eq!((month.len(), &month[0]["first"], &month[0]["last"]), (1, &json!("2024-01-01"), &json!("2024-01-31")));
    assert_total(&month[0], &calls.iter().filter(|call| call.app_id == "shop").collect::<Vec<_>>());
}

#[test]
fn single_calls_come_page_by_page_and_by_every_filter() {
    let mut random = Random::new();
    let mut calls = calls(&mut random);
    // Some at the same time.
    for (n, call) in calls.iter_mut().enumerate().take(300) {
        call.time = UnixMillis::new(START + (n as i64 / 60) * 1000);
    }
    let (server, _data) = server(&calls);
    let admin = Rest::admin(&server);
    let all = |query: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = admin.get(&format!("/calls?limit=97{query}{cursor}"));
            assert_eq!(page.status, 200, "{}", page.text());
            let page = page.json();
            ids.extend(page["items"].as_array().expect("items").iter().map(|call| text(&call["id"])));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    type IsIn = fn(&LoggedCall) -> bool;
    let filters: [(&str, IsIn); 9] = [
        ("", |_| true),
        ("&app=shop", |call| call.app_id == "shop"),
        ("&method=IDENTIFY", |call| call.method == "identify"),
        ("&engine=koala", |call| call.engine.as_deref() == Some("koala")),
        ("&ok=false", |call| !call.ok),
        ("&ok=true&minDurationMs=1000", |call| call.ok && call.cost_ms >= 1000),
        ("&minDurationMs=99999999", |_| false),
        ("&from=2024-01-02T00:00:00%2B08:00", |call| call.time.get() >= START + DAY),
        ("&to=2024-01-02T00:00:00%2B08:00&app=other&ok=false", |call| {
            call.time.get() < START + DAY && call.app_id == "other" && !call.ok
        }),
    ];
    for (query, is_in) in filters {
        let mut expected: Vec<&LoggedCall> = calls.iter().filter(|call| is_in(call)).collect();
        expected.sort_by_key(|call| std::cmp::Reverse((call.time, call.trace_id)));
        let expected: Vec<String> = expected.iter().map(|call| call.trace_id.get().to_string()).collect();
        assert_eq!(all(query), expected, "{query}");
    }
    for query in
        ["ok=maybe", "minDurationMs=-1", "cursor=x", "limit=0", "from=2024-01-03T00:00:00Z&to=2024-01-02T00:00:00Z"]
    {
        assert_problem(&admin.get(&format!("/calls?{query}")), 400, "badField");
    }
    // An app sees its own.
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000007"]));
    let apps = shop.get("/calls?limit=1000").json();
    assert!(apps["items"].as_array().expect("items").iter().all(|call| call["appId"] == "shop"));
    assert_problem(&shop.get("/calls?app=other"), 404, "appNotFound");
    assert_problem(&shop.get("/statistics/totals?app=other"), 404, "appNotFound");
    let totals = shop.get("/statistics/totals?group=app").json();
    assert_eq!((totals["items"].as_array().expect("items").len(), &totals["items"][0]["appId"]), (1, &json!("shop")));
}

#[test]
fn what_an_operator_looks_at_in_the_console_is_no_call_of_the_statistics() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let ada = text(&admin.person(&library, &[("name", "Ada")], &obama())["id"]);
    operators::create(&admin, "ada", "operator", None);
    let browser = Browser::sign_in(&server, &operators::credentials("ada"));
    let person = format!("/libraries/{library}/people/{ada}");
    for path in ["/libraries", "/jobs", person.as_str(), "/overview", &format!("/libraries/{library}/recognitions")] {
        assert_eq!(browser.get(path).status, 200, "{path}");
    }
    assert_eq!(browser.get("/libraries/9999").status, 404);
    let methods = || {
        let page = admin.get("/calls").json();
        let calls = page["items"].as_array().expect("items").clone();
        calls.iter().map(|call| text(&call["method"])).collect::<Vec<_>>()
    };
    assert_eq!(methods(), ["createPerson", "createLibrary"]);
    // A search is a recognition, a change is a call, and a program is no browser.
    assert_eq!(browser.get(&format!("{person}/similar")).status, 200);
    assert_eq!(browser.json("PATCH", &person, &json!({"name": "Ada King"})).status, 200);
    assert_eq!(admin.get(&person).status, 200);
    assert_eq!(methods(), ["getPerson", "updatePerson", "listSimilarPeople", "createPerson", "createLibrary"]);
    assert_eq!(admin.get("/statistics/totals?group=app").json()["items"][0]["count"], 5);
}

#[test]
fn every_statistic_is_to_be_had_as_csv_in_which_nothing_is_a_formula() {
    let calls = [
        call(1, "=shop", "identify", Some("builtin"), START, 5, true),
        call(2, "=shop", "identify", Some("builtin"), START + 1, 7, false),
        call(3, "other", "-enrol", None, START + DAY, 1000, true),
    ];
    let (server, _data) = server(&calls);
    let admin = Rest::admin(&server);
    let csv = |path: &str| {
        let answer = admin.send("GET", path, &[("Accept", "text/csv")], b"");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        answer
    };
    let totals = csv("/statistics/totals?group=app");
    assert_eq!(
        totals.text(),
        "method,appId,engine,label,source,count,failed,durationMs,latencyCount,p50,p90,p95,p99,lastAt,lastDurationMs\r\n\
         ,'=shop,,label of identify,API(builtin),2,1,12,2,5,7,7,7,2023-12-31T16:00:00.001Z,7\r\n\
         ,other,,label of -enrol,API,1,0,1000,1,1007,1007,1007,1007,2024-01-01T16:00:00Z,1000\r\n"
    );
    let series = csv("/statistics/series?by=day");
    assert!(
        series.text().contains("\r\n2024-01-02,2024-01-02,'-enrol,,,label of -enrol,API,1,0,1000,"),
        "{}",
        series.text()
    );
    let page = csv("/calls?limit=2&ok=false");
    assert_eq!(page.header("link"), None);
    let lines: Vec<&str> = page.text().split("\r\n").collect();
    assert_eq!(
        lines[1],
        "2,'=shop,identify,label of identify,API(builtin),builtin,/identify,2023-12-31T16:00:00.001Z,,7,false,404,\
         \"'=cmd|' /C calc'!A0, \"\"x\"\"\""
    );
    // The next page is named in a header.
    let (mut path, mut ids) = ("/calls?limit=1".to_owned(), Vec::new());
    loop {
        let page = csv(&path);
        ids.push(page.text().split("\r\n").nth(1).expect("a row").split(',').next().expect("an id").to_owned());
        let Some(link) = page.header("link") else { break };
        let target = link.strip_prefix("</api/v1").and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
        path = target.expect("a link").to_owned();
        assert!(path.starts_with("/calls?limit=1&cursor="), "{path}");
    }
    assert_eq!(ids, ["3", "2", "1"]);
    let json = admin.send("GET", "/calls", &[("Accept", "application/json, text/csv")], b"");
    assert_eq!(json.header("content-type"), Some("application/json"));
    assert_eq!(json.header("vary"), Some("Accept"));
}
