//! Whole calls to the real server.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::{Value, json};

use crate::Outcome;
use crate::http::{Connection, post};
use crate::timing::Timing;

const START_TIME: Duration = Duration::from_secs(60);
const STOP_TIME: Duration = Duration::from_secs(40);
const RECOGNITION: &str = "/aicp/face/recognition";
const LIBRARY: &str = "people";
/// A call that carries a picture and does not look at it.
const QUERY: &str = "/aicp/face/query";
const PEOPLE: [&str; 4] = ["obama/obama.jpg", "obama/obama2.jpg", "obama/obama3.jpg", "biden/biden.jpg"];

/// What some clients saw.
#[derive(Debug, Serialize)]
pub struct Load {
    /// Clients at the same time, a connection each.
    pub clients: usize,
    /// Calls without the right answer.
    pub errors: usize,
    /// Times as the clients saw them.
    #[serde(flatten)]
    pub timing: Timing,
}

/// What the server did.
#[derive(Debug, Serialize)]
pub struct Served {
    /// Calls that do not look at the picture that they carry: HTTP, JSON, a query.
    pub without_vision: Load,
    /// 1:N calls of one client.
    pub one_client: Load,
    /// 1:N calls of one client a core.
    pub client_a_core: Load,
    /// The most memory that the server held, in MiB.
    pub peak_memory_mib: f64,
}

/// The body of a 1:N call; for a query, it names somebody too.
pub fn recognition_body(jpeg: &[u8]) -> Vec<u8> {
    json!({ "groupId": LIBRARY, "userId": "nobody", "image": BASE64.encode(jpeg) }).to_string().into_bytes()
}

/// Starts a server, enrols some people, calls it and ends it.
pub fn measure(aicp: &Path, models: &Path, samples: &Path, jpeg: &[u8], calls: u32) -> Outcome<Served> {
    let data = tempfile::tempdir()?;
    let server = Server::start(aicp, models, data.path())?;
    let token = std::fs::read_to_string(data.path().join("admin-token"))?;
    let token = token.trim();
    enrol(server.address, token, samples)?;

    let recognition = post(RECOGNITION, token, &recognition_body(jpeg));
    let without_vision = post(QUERY, token, &recognition_body(jpeg));
    let is_hit = |answer: &Value| answer["data"]["records"].as_array().is_some_and(|hits| hits.len() == 1);
    let is_refusal = |answer: &Value| answer["flag"] == false;
    let cores = thread::available_parallelism()?.get();
    let without_vision = load("call without vision", server.address, &without_vision, 1, calls, is_refusal)?;
    let one_client = load("call, 1 client", server.address, &recognition, 1, calls, is_hit)?;
    let name = format!("call, {cores} clients");
    let client_a_core = load(&name, server.address, &recognition, cores, calls, is_hit)?;
    let peak_memory_mib = server.peak_memory_mib()?;
    server.stop()?;
    for load in [&without_vision, &one_client, &client_a_core] {
        if load.errors > 0 {
            return Err(format!("{}: {} of {} calls failed", load.timing.name, load.errors, load.timing.calls).into());
        }
    }
    Ok(Served { without_vision, one_client, client_a_core, peak_memory_mib })
}

fn enrol(server: SocketAddr, token: &str, samples: &Path) -> Outcome<()> {
    let mut connection = Connection::open(server)?;
    let mut must = |path: &str, body: &Value| -> Outcome<()> {
        let (status, answer) = connection.call(&post(path, token, body.to_string().as_bytes()))?;
        if status != 200 || serde_json::from_slice::<Value>(&answer)?["flag"] != true {
            return Err(format!("{path}: {status} {}", String::from_utf8_lossy(&answer)).into());
        }
        Ok(())
    };
    must("/aicp/face/addBase", &json!({ "groupId": LIBRARY, "dbName": LIBRARY }))?;
    for picture in PEOPLE {
        let file = std::fs::read(samples.join("people").join(picture))?;
        let body = json!({ "groupId": LIBRARY, "name": picture, "image": BASE64.encode(file) });
        must("/aicp/face/add", &body)?;
    }
    Ok(())
}

/// Lets some clients make the same call again and again, after a tenth of the calls to warm up.
pub fn load(
    name: &str,
    server: SocketAddr,
    request: &[u8],
    clients: usize,
    calls: u32,
    is_right: impl Fn(&Value) -> bool + Sync,
) -> Outcome<Load> {
    let start = Barrier::new(clients + 1);
    let client = || -> Outcome<(Vec<Duration>, usize)> {
        let connection = Connection::open(server);
        let warm = connection.and_then(|mut connection| {
            for _ in 0..calls.div_ceil(10) {
                connection.call(request)?;
            }
            Ok(connection)
        });
        // Everybody comes here, whatever happened, or the others would wait for ever.
        start.wait();
        let mut connection = warm?;
        let (mut each, mut errors) = (Vec::with_capacity(calls as usize), 0);
        for _ in 0..calls {
            let begun = Instant::now();
            let (status, answer) = connection.call(request)?;
            each.push(begun.elapsed());
            let right = status == 200 && serde_json::from_slice(&answer).is_ok_and(|answer| is_right(&answer));
            errors += usize::from(!right);
        }
        Ok((each, errors))
    };
    let (outcomes, elapsed) = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        start.wait();
        let begun = Instant::now();
        let outcomes: Vec<_> = clients.into_iter().map(thread::ScopedJoinHandle::join).collect();
        (outcomes, begun.elapsed())
    });
    let (mut each, mut errors) = (Vec::new(), 0);
    for outcome in outcomes {
        let (times, failed) = outcome.map_err(|_| "a client panicked")??;
        each.extend(times);
        errors += failed;
    }
    Ok(Load { clients, errors, timing: Timing::new(name, each, elapsed) })
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server on a data folder and waits until it listens.
    pub fn start(aicp: &Path, models: &Path, data: &Path) -> Outcome<Self> {
        Self::start_with(aicp, models, data, &[])
    }

    /// As [`Server::start`], with settings in the environment.
    pub fn start_with(aicp: &Path, models: &Path, data: &Path, settings: &[(&str, &str)]) -> Outcome<Self> {
        let mut command = Command::new(aicp);
        // Whatever is set for another server does not count here.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AICP_")) {
            command.env_remove(name);
        }
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env("AICP_MODELS_DIR", models)
            .env("AICP_LOG__FORMAT", "json")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}: build it with `cargo build --release`", aicp.display()))?;
        let log = child.stderr.take();
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (found, address) = mpsc::channel();
        // Reads to the end, so that the server never waits for a full pipe.
        thread::spawn(move || follow(log, &found));
        server.address = address.recv_timeout(START_TIME).map_err(|_| "the server did not start")?;
        Ok(server)
    }

    /// The largest resident set so far (proc_pid_status(5)).
    fn peak_memory_mib(&self) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = crate::report::proc_number(&status, "VmHWM").ok_or("no VmHWM in /proc")?;
        Ok(kib as f64 / 1024.0)
    }

    /// Ends it and waits for that.
    pub fn stop(mut self) -> Outcome<()> {
        // The standard library sends no other signal than SIGKILL.
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        if !sent.success() {
            return Err("the server can't be told to end".into());
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIME {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() { Ok(()) } else { Err(format!("the server ended with {status}").into()) };
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err("the server does not end".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Looks through the log for the address that the server listens on; what is no information goes to our stderr.
fn follow(log: Option<ChildStderr>, found: &mpsc::Sender<SocketAddr>) {
    for line in log.into_iter().flat_map(|log| BufReader::new(log).lines()).map_while(Result::ok) {
        let entry: Value = serde_json::from_str(&line).unwrap_or_default();
        if entry["level"] != "INFO" {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{line}\n").as_bytes());
        }
        if entry["fields"]["message"] == "listening"
            && let Some(address) = entry["fields"]["address"].as_str().and_then(|text| text.parse().ok())
        {
            let _ = found.send(address);
        }
    }
}
