//! Metrics in the format of Prometheus. Crates count by the facade `metrics`; this module collects the numbers of the moment
//! when somebody asks. No label names a person, an app or a request.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use aicp_api::ProcessUsage;
use aicp_platform::Platform;
use aicp_types::UnixMillis;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::task::JoinHandle;

use crate::commands::about::BUILD;
use crate::connections::Connections;
use crate::proxies::Proxies;
use crate::{Error, Result, data_dir, process};

/// Path of the metrics.
pub(crate) const PATH: &str = "/metrics";
/// Media type of the text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Bounds of the buckets of durations in seconds: from a look-up to the time that a call may take.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Bounds of the buckets of the writes of a batch.
const WRITES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
/// Interval in which observations are sorted into their buckets, whether somebody asks or not.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Counters of what should never happen.
const RARE: [&str; 3] =
    ["aicp_call_log_dropped_total", "aicp_recognition_refused_total", "aicp_store_failed_batches_total"];
/// Headers by which a proxy tells of itself.
const FORWARDED: [&str; 4] = ["forwarded", "x-forwarded-for", "x-real-ip", "via"];

static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
/// The note of the last backup.
static LAST_BACKUP: OnceLock<PathBuf> = OnceLock::new();

/// Starts to count. What happened before is not counted.
///
/// # Errors
/// [`Error::Runtime`].
pub(crate) fn start(data_dir: &Path) -> Result<()> {
    let failed = |e: metrics_exporter_prometheus::BuildError| Error::Runtime(std::io::Error::other(e));
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
        .and_then(|builder| builder.set_buckets_for_metric(Matcher::Suffix("_writes".to_owned()), &WRITES));
    let handle = builder.and_then(PrometheusBuilder::install_recorder).map_err(failed)?;
    let _ = RECORDER.set(handle);
    let _ = LAST_BACKUP.set(data_dir::backup_file(data_dir));
    describe();
    // An alert on what grows must see the time before, too.
    for name in RARE {
        counter!(name).increment(0);
    }
    Ok(())
}

fn describe() {
    describe_counter!("aicp_calls_total", "Requests by interface, operation, engine and result.");
    describe_histogram!("aicp_call_seconds", Unit::Seconds, "Time of a request, without the wait for its head.");
    describe_gauge!("aicp_calls_under_way", "Requests that are being answered.");
    describe_histogram!("aicp_recognition_wait_seconds", Unit::Seconds, "Wait of a picture for a worker.");
    describe_histogram!("aicp_recognition_work_seconds", Unit::Seconds, "Work on a picture.");
    describe_counter!("aicp_recognition_refused_total", "Pictures that found the queue full.");
    describe_gauge!("aicp_recognition_waiting", "Pictures that wait for a worker.");
    describe_histogram!("aicp_search_seconds", Unit::Seconds, "Time of a search in the galleries.");
    describe_gauge!("aicp_gallery_faces", "Faces that searches look through.");
    describe_counter!("aicp_store_writes_total", "Writes that were committed.");
    describe_histogram!("aicp_store_batch_writes", "Writes that were committed together.");
    describe_histogram!("aicp_store_commit_seconds", Unit::Seconds, "Time of a batch of writes.");
    describe_counter!("aicp_store_failed_batches_total", "Batches of writes that were rolled back.");
    describe_gauge!("aicp_database_bytes", Unit::Bytes, "Size of the database.");
    describe_gauge!("aicp_disk_free_bytes", Unit::Bytes, "Free space of the disk with the database.");
    describe_counter!("aicp_call_log_dropped_total", "Entries of the call log that found its buffer full.");
    describe_counter!("aicp_trace_spans_sent_total", "Spans of traces that the collector took.");
    describe_counter!("aicp_trace_spans_dropped_total", "Spans of traces that found the queue full or no collector.");
    describe_gauge!("aicp_outbox_waiting", "Writes that wait for an engine.");
    describe_gauge!("aicp_outbox_refused", "Writes that an engine refused and nobody has dropped.");
    describe_gauge!("aicp_outbox_age_seconds", Unit::Seconds, "Age of the oldest write that an engine has not done.");
    describe_gauge!("aicp_engine_up", "Whether an engine answered last.");
    describe_gauge!("aicp_changes_behind", "Committed changes that this process has not applied.");
    describe_gauge!("aicp_changes_behind_seconds", Unit::Seconds, "Age of the oldest change that waits to be applied.");
    describe_gauge!("aicp_nodes", "Nodes of the database that answer, this one among them.");
    describe_histogram!(
        "aicp_nodes_wait_seconds",
        Unit::Seconds,
        "Wait of a batch of writes for the other nodes to follow."
    );
    describe_counter!(
        "aicp_nodes_expelled_total",
        "Leases of other nodes that this one has ended, as they did not follow."
    );
    describe_counter!("aicp_node_leases_lost_total", "Leases that this node has lost.");
    describe_counter!("aicp_cache_hits_total", "Look-ups that found their value in a cache.");
    describe_counter!("aicp_cache_misses_total", "Look-ups that did not find their value in a cache.");
    describe_counter!("aicp_address_refused_total", "Requests over the limit of calls per address.");
    describe_gauge!("aicp_jobs_running", "Jobs that run.");
    describe_gauge!("aicp_connections_open", "Open connections.");
    describe_gauge!("aicp_backup_age_seconds", Unit::Seconds, "Age of the last backup, once there is one.");
    describe_gauge!("aicp_ready", "Whether the server is ready.");
    describe_gauge!("aicp_memory_bytes", Unit::Bytes, "Resident memory of the process.");
    describe_gauge!("aicp_open_files", "Open files of the process.");
    describe_gauge!("aicp_max_open_files", "Limit of open files.");
    describe_counter!("aicp_cpu_seconds_total", "Time of processors that the process has used.");
    describe_gauge!("aicp_build_info", "Version and commit of the program; always 1.");
}

/// Sorts observations into their buckets until it is aborted, so that they take no memory while nobody asks.
pub(crate) fn watch() -> JoinHandle<()> {
    tokio::spawn(async {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            if let Some(handle) = RECORDER.get() {
                handle.run_upkeep();
            }
        }
    })
}

/// Whether a request may see the metrics: one that a program of this machine sends to a loopback address, without a proxy in
/// between, or one with the token of an administrator.
pub(crate) fn may_see(
    headers: &HeaderMap,
    listener: IpAddr,
    peer: IpAddr,
    proxies: &Proxies,
    platform: &Platform,
) -> bool {
    is_direct(headers, listener, peer, proxies)
        || token_of(headers)
            .is_some_and(|token| platform.caller_of_token(token).is_ok_and(|caller| caller.is_administrator()))
}

/// Whether a program of this machine sends a request itself. What a proxy passes on may come from anywhere.
fn is_direct(headers: &HeaderMap, listener: IpAddr, peer: IpAddr, proxies: &Proxies) -> bool {
    let peer = peer.to_canonical();
    let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
    listener.to_canonical().is_loopback() && peer.is_loopback() && !is_forwarded && !proxies.trusts(peer)
}

fn token_of(headers: &HeaderMap) -> Option<&str> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    bearer.or_else(|| headers.get("token")?.to_str().ok())
}

/// Answers a request for the metrics.
pub(crate) async fn answer(
    method: &Method,
    platform: &Platform,
    connections: &Connections,
    is_ready: bool,
) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    if !matches!(*method, Method::GET | Method::HEAD) {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(handle) = RECORDER.get() else {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        return response;
    };
    collect(platform).await;
    collect_process();
    collect_backup(platform.now());
    gauge!("aicp_ready").set(f64::from(u8::from(is_ready)));
    gauge!("aicp_connections_open").set(connections.open() as f64);
    *response.body_mut() = handle.render().into();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(TEXT));
    response
}

async fn collect(platform: &Platform) {
    let numbers = match platform.numbers().await {
        Ok(numbers) => numbers,
        Err(e) => {
            tracing::warn!(error = %e, "some metrics can't be read");
            return;
        }
    };
    gauge!("aicp_recognition_waiting").set(numbers.recognition.waiting as f64);
    gauge!("aicp_gallery_faces").set(numbers.searchable_faces as f64);
    gauge!("aicp_changes_behind").set(numbers.changes_behind as f64);
    gauge!("aicp_changes_behind_seconds").set(numbers.behind_for.as_secs_f64());
    gauge!("aicp_nodes").set(f64::from(numbers.nodes));
    gauge!("aicp_jobs_running").set(numbers.jobs_running as f64);
    gauge!("aicp_database_bytes").set(numbers.database.bytes as f64);
    if let Some(free) = numbers.database.free_bytes {
        gauge!("aicp_disk_free_bytes").set(free as f64);
    }
    let now = platform.now();
    for engine in numbers.engines {
        let row = numbers.outbox.iter().find(|row| row.engine == engine.engine);
        let age = row.map_or(0, |row| now.get().saturating_sub(row.oldest.get()));
        let name = engine.engine;
        gauge!("aicp_outbox_waiting", "engine" => name.clone()).set(row.map_or(0, |row| row.waiting) as f64);
        gauge!("aicp_outbox_refused", "engine" => name.clone()).set(row.map_or(0, |row| row.refused) as f64);
        gauge!("aicp_outbox_age_seconds", "engine" => name.clone()).set(age as f64 / 1000.0);
        // Until it was asked for the first time, nobody knows.
        if let Some(is_up) = engine.is_up {
            gauge!("aicp_engine_up", "engine" => name).set(f64::from(u8::from(is_up)));
        }
    }
}

/// Tells the age of the last backup. Before the first one there is nothing to tell.
fn collect_backup(now: UnixMillis) {
    if let Some(taken) = last_backup() {
        let age = now.get().saturating_sub(taken.get());
        gauge!("aicp_backup_age_seconds").set(age as f64 / 1000.0);
    }
}

/// Returns the moment of the last backup; `None` before the first one.
pub(crate) fn last_backup() -> Option<UnixMillis> {
    let noted = fs::read_to_string(LAST_BACKUP.get()?).ok()?;
    noted.trim().parse::<jiff::Timestamp>().ok().map(UnixMillis::from)
}

/// Tells what the kernel knows of this process.
fn collect_process() {
    gauge!("aicp_build_info", "version" => BUILD.version, "commit" => BUILD.commit).set(1.0);
    let ProcessUsage { memory_bytes, cpu_seconds, open_files } = process::usage();
    if let Some(bytes) = memory_bytes {
        gauge!("aicp_memory_bytes").set(bytes as f64);
    }
    if let Some(files) = open_files {
        gauge!("aicp_open_files").set(files as f64);
    }
    if let Ok((soft, _)) = rlimit::getrlimit(rlimit::Resource::NOFILE) {
        gauge!("aicp_max_open_files").set(soft as f64);
    }
    if let Some(seconds) = cpu_seconds {
        counter!("aicp_cpu_seconds_total").absolute(seconds as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxies::tests::named;

    #[test]
    fn only_programs_of_this_machine_ask_directly() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (local, local6, other) = (address("127.0.0.1"), address("::1"), address("192.0.2.1"));
        let (none, nobody, itself) = (HeaderMap::new(), Proxies::default(), named(&["127.0.0.1"]));
        assert!(is_direct(&none, local, local, &nobody) && is_direct(&none, local6, local6, &nobody));
        assert!(is_direct(&none, local, address("::ffff:127.0.0.1"), &nobody));
        assert!(!is_direct(&none, address("0.0.0.0"), local, &nobody), "the listener is open to the network");
        assert!(!is_direct(&none, local, other, &nobody));
        assert!(!is_direct(&none, local, local, &itself), "a proxy of this machine");
        for name in FORWARDED {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static("127.0.0.1"));
            assert!(!is_direct(&headers, local, local, &nobody), "{name}");
        }
    }
}
