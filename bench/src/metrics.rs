//! Benchmark of what the metrics of a recognition cost.

use std::io::Write;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use clap::Args;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::json;

use crate::Outcome;

/// Interfaces, operations and results whose combinations have series, as after some time of service.
const DIALECTS: usize = 5;
const OPERATIONS: usize = 20;
/// Calls between two rounds of upkeep: at 100 calls/s, what the server sorts each 5 seconds.
const CALLS_PER_UPKEEP: usize = 500;
/// Bounds of as many buckets as those of the server.
const BUCKETS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// How to measure.
#[derive(Debug, Args)]
pub(crate) struct Request {
    /// Calls to count, by each thread
    #[arg(long, default_value_t = 200_000)]
    calls: usize,
}

/// Counts calls as the server does, with one thread and with all, and prints nanoseconds of processor time per call.
pub(crate) fn run(request: &Request) -> Outcome<()> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()?;
    for number in 0..DIALECTS * OPERATIONS {
        count(
            DIALECT_NAMES[number % DIALECTS],
            &format!("/operation/{}", number / DIALECTS),
            Duration::from_millis(20),
        );
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let alone = measure(&handle, 1, request.calls);
    let together = measure(&handle, threads, request.calls);
    let begun = Instant::now();
    let bytes = handle.render().len();
    let render = begun.elapsed();
    let told = json!({
        "one_thread_ns": alone,
        "threads": threads,
        "all_threads_ns": together,
        "render_us": render.as_micros(),
        "render_bytes": bytes,
    });
    Ok(writeln!(std::io::stdout(), "{told}")?)
}

const DIALECT_NAMES: [&str; DIALECTS] = ["aicp", "jdcloud", "linkvisual", "tencent-im", "api"];

/// Returns nanoseconds of processor time per call, upkeep included.
fn measure(handle: &PrometheusHandle, threads: usize, calls: usize) -> f64 {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                for number in 1..=calls {
                    count("aicp", "/aicp/face/recognition", Duration::from_millis(20));
                    if thread == 0 && number % CALLS_PER_UPKEEP == 0 {
                        handle.run_upkeep();
                    }
                }
            });
        }
    });
    begun.elapsed().as_nanos() as f64 / calls as f64
}

/// Counts one recognition: the updates of `requests::facts`, of the pool of `vision`, and of the local index.
fn count(dialect: &'static str, operation: &str, took: Duration) {
    metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).increment(1.0);
    metrics::histogram!("aicp_recognition_wait_seconds").record(took);
    metrics::histogram!("aicp_recognition_work_seconds").record(took);
    metrics::histogram!("aicp_search_seconds").record(took);
    metrics::gauge!("aicp_calls_under_way", "dialect" => dialect).decrement(1.0);
    let operation = operation.to_owned();
    metrics::histogram!("aicp_call_seconds", "dialect" => dialect, "operation" => operation.clone()).record(took);
    metrics::counter!(
        "aicp_calls_total",
        "dialect" => dialect,
        "operation" => operation,
        "engine" => "builtin".to_owned(),
        "result" => "success".to_owned()
    )
    .increment(1);
}
