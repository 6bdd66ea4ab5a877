//! Benchmark of statistics over many logged calls.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aicp_measure::{Load, Machine, Server, load, post};
use aicp_store::LoggedCall;
use aicp_types::{Clock, SystemClock, TraceId, UnixMillis};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{Cli, Outcome};

/// Number of days, up to now, over which the calls are spread.
const DAYS: i64 = 3 * 365;
const DAY_MS: i64 = 86_400_000;
/// Number of apps.
const APPS: usize = 4;
/// Methods that each app calls.
const METHODS: [&str; 15] = [
    "faceEntry",
    "faceRecognition",
    "personWitnessRatio",
    "faceRemove",
    "faceQuery",
    "imageQualityScores",
    "faceBaseAdd",
    "faceBaseDelete",
    "faceBaseQuery",
    "faceDetect",
    "faceRecognitionMN",
    "faceApiFaceAdd",
    "faceApiFaceIdentify",
    "faceApiUserGet",
    "faceApiGroupList",
];
/// Number of calls written to the store at a time.
const BATCH: usize = 50_000;
/// Number of repetitions of each query.
const REPETITIONS: u32 = 50;

/// What to measure.
#[derive(Debug, clap::Args)]
pub struct Request {
    /// Calls in the log
    #[arg(long, value_name = "N", default_value_t = 50_000_000)]
    calls: u64,
    /// Where the numbers go, as JSON
    #[arg(long, value_name = "FILE", default_value = "bench/results/statistics.json")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    logged_calls: u64,
    appended_per_second: f64,
    database_bytes: u64,
    bytes_a_call: f64,
    start_to_ready_s: f64,
    questions: Vec<Load>,
}

/// Logs synthetic calls, starts the real server on them and measures queries.
pub fn run(cli: &Cli, request: &Request) -> Outcome<()> {
    let machine = Machine::here()?;
    let data = tempfile::tempdir()?;
    let begun = Instant::now();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(fill(data.path(), request.calls))?;
    let appended_per_second = request.calls as f64 / begun.elapsed().as_secs_f64();
    let database_bytes = std::fs::metadata(data.path().join("aicp.db"))?.len();

    let begun = Instant::now();
    let server = Server::start(&cli.aicp, &cli.models, data.path())?;
    let start_to_ready_s = begun.elapsed().as_secs_f64();
    let token = std::fs::read_to_string(data.path().join("admin-token"))?;
    let month = last_full_month()?;
    let ask = |name: &str, path: &str, body: Value| -> Outcome<Load> {
        let has_rows = |answer: &Value| answer["data"].as_array().is_some_and(|rows| !rows.is_empty());
        let request = post(path, token.trim(), body.to_string().as_bytes());
        let asked = load(name, server.address, &request, 1, REPETITIONS, has_rows)?;
        if asked.errors > 0 { Err(format!("{name}: {} wrong answers", asked.errors).into()) } else { Ok(asked) }
    };
    let (first, last) = (format!("{month}-01"), format!("{month}-28 12:34:56"));
    let questions = vec![
        ask("month by day, all apps", "/method/call/getChartByDay", json!({ "time": month }))?,
        ask("year by month, all apps", "/method/call/getChartByMonth", json!({ "year": &month[..4] }))?,
        ask("totals, everything", "/method/call", json!({}))?,
        ask("totals, clipped range", "/method/call", json!({ "timeBefore": first, "timeAfter": last }))?,
        ask(
            "by week, one method, clipped range",
            "/method/call/getMethodCountByWeek",
            json!({ "call_Name": "faceQuery", "timeBefore": first, "timeAfter": last }),
        )?,
        ask(
            "single calls of ten minutes",
            "/method/call/all",
            json!({ "timeBefore": format!("{first} 12:00:00"), "timeAfter": format!("{first} 12:09:59") }),
        )?,
    ];
    server.stop()?;
    let report = Report {
        machine,
        logged_calls: request.calls,
        appended_per_second,
        database_bytes,
        bytes_a_call: database_bytes as f64 / request.calls as f64,
        start_to_ready_s,
        questions,
    };
    std::fs::write(&request.out, serde_json::to_string_pretty(&report)? + "\n")?;
    print(&report, &mut std::io::stdout().lock())?;
    Ok(())
}

/// Returns the previous month as `yyyy-MM`.
fn last_full_month() -> Outcome<String> {
    let today = SystemClock.now().timestamp().to_zoned(zone()?).date();
    Ok(today.first_of_month().yesterday()?.strftime("%Y-%m").to_string())
}

fn zone() -> Outcome<TimeZone> {
    Ok(TimeZone::get("Asia/Shanghai")?)
}

async fn fill(data: &std::path::Path, calls: u64) -> Outcome<()> {
    let store = aicp_store_sqlite::open(data, Arc::new(SystemClock)).await?;
    let zone = zone()?;
    let begin = SystemClock.now().get() - DAYS * DAY_MS;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut made = 0;
    let mut progress = Instant::now();
    while made < calls {
        let batch = BATCH.min(usize::try_from(calls - made)?);
        let rows = (0..batch).map(|i| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let number = made + i as u64;
            let method = METHODS[(random >> 8) as usize % METHODS.len()];
            LoggedCall {
                engine: Some("builtin".to_owned()),
                trace_id: TraceId::new(number as i64),
                app_id: format!("app{}", (random >> 24) as usize % APPS),
                method: method.to_owned(),
                label: method.to_owned(),
                source: "人脸识别(内置)".to_owned(),
                url: "/aicp/face/query".to_owned(),
                time: UnixMillis::new(begin + DAYS * DAY_MS * (number as i64 / 8) / (calls as i64 / 8 + 1)),
                ip: Some(format!("192.0.2.{}", random % 250)),
                cost_ms: (random >> 40) as i64 % 200,
                ok: !random.is_multiple_of(50),
                code: Some(0),
                message: None,
            }
        });
        let (rows, zone) = (rows.collect(), zone.clone());
        store.write(move |tx| Box::pin(async move { aicp_platform::append_calls(tx, &zone, rows).await })).await?;
        made += batch as u64;
        if progress.elapsed() > Duration::from_secs(10) {
            writeln!(std::io::stderr(), "{made} of {calls} calls logged")?;
            progress = Instant::now();
        }
    }
    store.close().await?;
    Ok(())
}

fn print(report: &Report, out: &mut impl Write) -> Outcome<()> {
    writeln!(
        out,
        "{} calls logged at {:.0}/s; database {} MiB, {:.0} bytes a call; start to listening {:.1} s",
        report.logged_calls,
        report.appended_per_second,
        report.database_bytes >> 20,
        report.bytes_a_call,
        report.start_to_ready_s
    )?;
    for question in &report.questions {
        let timing = &question.timing;
        writeln!(out, "{:<40} p50 {:>8.2} ms  p99 {:>8.2} ms", timing.name, timing.p50_ms, timing.p99_ms)?;
    }
    Ok(())
}
