//! `aicp bench service`: recognition over HTTP with a growing number of clients.

mod people;

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use aicp_vision::ModelPaths;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::http::{Connection, post};
use crate::machine::Machine;
use crate::photo;
use crate::server::Server;
use crate::timing::Timing;
use crate::{Error, Result};

pub use people::fill;

/// Clients of the last measurement, far more than any queue here accepts.
const OVERLOAD: usize = 256;
/// Longest wait of a client after a refusal, even if Retry-After is longer.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Calls before the first measurement.
const WARM_UP: usize = 5;
const TOKEN: &str = "the-token-of-a-benchmark";
const MIB: f64 = 1_048_576.0;

/// What to measure.
#[derive(Debug, Args)]
pub struct Request {
    /// People in the library
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub people: u32,
    /// Clients at the same time; one measurement for each number
    #[arg(long, value_name = "C,C", value_delimiter = ',', default_value = "1,2,8,64",
        value_parser = clap::value_parser!(u16).range(1..=2048))]
    pub clients: Vec<u16>,
    /// Seconds that each measurement takes
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// A picture with a face; it is brought to 1280x720
    #[arg(long, value_name = "FILE", default_value = "samples/people/obama/obama.jpg")]
    pub picture: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    people: u32,
    picture: PictureInfo,
    /// Seconds to fill the data folder.
    fill_s: f64,
    /// People filled in per second.
    filled_per_s: f64,
    database_bytes: u64,
    /// Seconds from the start of the process to the first success of `/readyz`.
    start_s: f64,
    /// Seconds of a second start, with the file of the large library that the first one wrote.
    restart_s: f64,
    binary_bytes: u64,
    /// Resident set once the server is ready.
    idle_memory_bytes: u64,
    /// Peak resident set.
    peak_memory_bytes: u64,
    loads: Vec<Load>,
    overload: Load,
}

#[derive(Debug, Serialize)]
struct PictureInfo {
    width: u16,
    height: u16,
    bytes: usize,
}

/// Result of one load measurement.
#[derive(Debug, Serialize)]
struct Load {
    clients: usize,
    /// Times of the successful calls.
    #[serde(flatten)]
    timing: Timing,
    /// Calls refused with 503 because too many were in progress.
    busy: usize,
    /// `busy` as a share of all answered calls.
    busy_share: f64,
    /// Calls with no answer or a wrong one.
    errors: usize,
}

/// Measures a server run from this program's own binary and writes the results to `out`.
///
/// # Errors
/// [`Error`] if the library cannot be filled, or the server cannot be started or called.
pub fn run(request: &Request, models: &ModelPaths, out: &mut impl Write) -> Result<()> {
    let machine = Machine::here()?;
    let picture = photo::of_default_size(&request.picture)?;
    let folder = tempfile::tempdir()?;
    let begun = Instant::now();
    fill(folder.path(), request.people as usize, &picture, models)?;
    let fill_s = begun.elapsed().as_secs_f64();
    let database_bytes = size_of_file(&folder.path().join("aicp.db"))?;
    let binary = std::env::current_exe()?;

    let (first, start_s) = start(&binary, folder.path(), models)?;
    first.stop()?;
    let (server, restart_s) = start(&binary, folder.path(), models)?;
    let idle_memory_bytes = resident_bytes(server.process())?;
    let body = json!({ "groupId": people::LIBRARY, "image": BASE64.encode(&picture) }).to_string();
    let call = post("/aicp/face/recognition", TOKEN, body.as_bytes());
    warm_up(server.address, &call)?;
    let length = Duration::from_secs(request.seconds);
    let loads = request.clients.iter().map(|&clients| load(server.address, &call, usize::from(clients), length));
    let loads = loads.collect::<Result<Vec<_>>>()?;
    let overload = load(server.address, &call, OVERLOAD, length)?;
    let peak_memory_bytes = server.peak_memory_bytes()?;
    server.stop()?;

    let report = Report {
        machine,
        people: request.people,
        picture: PictureInfo { width: photo::WIDTH, height: photo::HEIGHT, bytes: picture.len() },
        fill_s,
        filled_per_s: f64::from(request.people) / fill_s,
        database_bytes,
        start_s,
        restart_s,
        binary_bytes: size_of_file(&binary)?,
        idle_memory_bytes,
        peak_memory_bytes,
        loads,
        overload,
    };
    if request.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        return Ok(());
    }
    print(&report, out)
}

/// Starts a server; returns it with the seconds until it was ready.
fn start(binary: &Path, folder: &Path, models: &ModelPaths) -> Result<(Server, f64)> {
    let begun = Instant::now();
    let runtime = models.runtime.as_ref().map(|runtime| runtime.display().to_string());
    let mut settings = vec![("AICP_ADMIN_TOKEN", TOKEN)];
    settings.extend(runtime.as_deref().map(|runtime| ("AICP_ORT_LIB", runtime)));
    let server = Server::start_with(binary, &models.folder, folder, &settings)?;
    wait_until_ready(server.address)?;
    Ok((server, begun.elapsed().as_secs_f64()))
}

/// Checks that the server is ready. It logs its address only then, so the first answer must be a success.
fn wait_until_ready(server: SocketAddr) -> Result<()> {
    let answer = Connection::open(server)?.call(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    match answer.status {
        200 => Ok(()),
        status => Err(Error::Server(format!("the server is not ready: {status}"))),
    }
}

fn warm_up(server: SocketAddr, call: &[u8]) -> Result<()> {
    let mut connection = Connection::open(server)?;
    for _ in 0..WARM_UP {
        let answer = connection.call(call)?;
        if !is_right(answer.status, &answer.body) {
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            return Err(Error::Call(format!("the person in the picture is not found: {said}")));
        }
    }
    Ok(())
}

/// Returns whether exactly one person was found, because only one has the face.
fn is_right(status: u16, body: &[u8]) -> bool {
    let one = |answer: Value| answer["data"]["records"].as_array().is_some_and(|records| records.len() == 1);
    status == 200 && serde_json::from_slice(body).is_ok_and(one)
}

/// Results of one client.
#[derive(Default)]
struct Client {
    each: Vec<Duration>,
    busy: usize,
    errors: usize,
}

/// Repeats the same call for a while on several concurrent clients, each with its own connection.
fn load(server: SocketAddr, call: &[u8], clients: usize, length: Duration) -> Result<Load> {
    let start = Barrier::new(clients + 1);
    let one = || {
        let connection = Connection::open(server);
        // Every client reaches the barrier, even after an error; otherwise the others would wait for ever.
        start.wait();
        Client::of(server, connection?, call, Instant::now() + length)
    };
    let (seen, elapsed) = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        start.wait();
        let begun = Instant::now();
        let seen: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (seen, begun.elapsed())
    });
    let mut all = Client::default();
    for client in seen {
        let client = client.map_err(|_| Error::Request("a client ended early".to_owned()))??;
        all.each.extend(client.each);
        all.busy += client.busy;
        all.errors += client.errors;
    }
    let answered = (all.each.len() + all.busy).max(1);
    Ok(Load {
        clients,
        busy: all.busy,
        busy_share: all.busy as f64 / answered as f64,
        errors: all.errors,
        timing: Timing::new(format!("{clients} clients"), all.each, elapsed),
    })
}

impl Client {
    fn of(server: SocketAddr, mut connection: Connection, call: &[u8], end: Instant) -> Result<Self> {
        let mut client = Self::default();
        while Instant::now() < end {
            let begun = Instant::now();
            match connection.call(call) {
                Ok(answer) if is_right(answer.status, &answer.body) => client.each.push(begun.elapsed()),
                Ok(answer) if answer.status == 503 => {
                    client.busy += 1;
                    let pause = Duration::from_secs(answer.retry_after_s.unwrap_or(0).into()).min(MAX_RETRY_AFTER);
                    thread::sleep(pause.min(end.saturating_duration_since(Instant::now())));
                }
                Ok(_) => client.errors += 1,
                Err(_) => {
                    client.errors += 1;
                    connection = Connection::open(server)?;
                }
            }
        }
        Ok(client)
    }
}

fn size_of_file(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(Error::file(path))?.len())
}

/// Returns the current resident set of a process in bytes.
fn resident_bytes(process: u32) -> Result<u64> {
    let path = PathBuf::from(format!("/proc/{process}/status"));
    let status = fs::read_to_string(&path).map_err(Error::file(&path))?;
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.ok_or_else(|| Error::Request(format!("no VmRSS in {}", path.display())))? * 1024)
}

fn print(report: &Report, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}", report.machine.line())?;
    writeln!(
        out,
        "{} people filled in {:.1} s ({:.0} a second), {:.0} MiB; ready {:.2} s after the start, {:.2} s after the next",
        report.people,
        report.fill_s,
        report.filled_per_s,
        report.database_bytes as f64 / MIB,
        report.start_s,
        report.restart_s,
    )?;
    writeln!(
        out,
        "memory: {:.0} MiB idle, {:.0} MiB at most; binary: {:.1} MiB; picture: {}x{}, {} bytes",
        report.idle_memory_bytes as f64 / MIB,
        report.peak_memory_bytes as f64 / MIB,
        report.binary_bytes as f64 / MIB,
        report.picture.width,
        report.picture.height,
        report.picture.bytes,
    )?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>8} {:>9} {:>9} {:>9} {:>8} {:>7} {:>7}",
        "clients", "calls/s", "p50 ms", "p99 ms", "busy", "share", "errors"
    )?;
    for Load { clients, timing, busy, busy_share, errors } in report.loads.iter().chain([&report.overload]) {
        writeln!(
            out,
            "{clients:>8} {:>9.1} {:>9.1} {:>9.1} {busy:>8} {busy_share:>7.2} {errors:>7}",
            timing.calls_per_second, timing.p50_ms, timing.p99_ms,
        )?;
    }
    Ok(())
}
