//! Real server in a process of its own, and clients that load it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

use crate::http::Connection;
use crate::machine::peak_memory_bytes;
use crate::timing::Timing;
use crate::{Error, Result};

const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(40);

/// Result of a load test.
#[derive(Debug, Serialize)]
pub struct Load {
    /// Number of concurrent clients, one connection each.
    pub clients: usize,
    /// Number of calls with a wrong answer.
    pub errors: usize,
    /// Response times, as measured by the clients.
    #[serde(flatten)]
    pub timing: Timing,
}

/// Repeats the same call on several concurrent clients, after a warm-up of a tenth of the calls.
///
/// # Errors
/// [`Error::Call`] if a connection breaks; wrong answers are counted instead.
pub fn load(
    name: &str,
    server: SocketAddr,
    request: &[u8],
    clients: usize,
    calls: u32,
    is_right: impl Fn(&Value) -> bool + Sync,
) -> Result<Load> {
    let start = Barrier::new(clients + 1);
    let client = || -> Result<(Vec<Duration>, usize)> {
        let connection = Connection::open(server);
        let warm = connection.and_then(|mut connection| {
            for _ in 0..calls.div_ceil(10) {
                connection.call(request)?;
            }
            Ok(connection)
        });
        // Every client reaches the barrier, even after an error; otherwise the others would wait for ever.
        start.wait();
        let mut connection = warm?;
        let (mut each, mut errors) = (Vec::with_capacity(calls as usize), 0);
        for _ in 0..calls {
            let begun = Instant::now();
            let answer = connection.call(request)?;
            each.push(begun.elapsed());
            let right =
                answer.status == 200 && serde_json::from_slice(&answer.body).is_ok_and(|answer| is_right(&answer));
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
        let (times, failed) = outcome.map_err(|_| Error::Request("a client ended early".to_owned()))??;
        each.extend(times);
        errors += failed;
    }
    Ok(Load { clients, errors, timing: Timing::new(name, each, elapsed) })
}

/// A running server; killed when dropped.
pub struct Server {
    child: Child,
    /// Address it listens at.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server on a data folder and waits until it listens.
    ///
    /// # Errors
    /// [`Error::Server`] if it does not start.
    pub fn start(aicp: &Path, models: &Path, data: &Path) -> Result<Self> {
        Self::start_with(aicp, models, data, &[])
    }

    /// As [`Server::start`], with settings in the environment.
    ///
    /// # Errors
    /// [`Error::Server`] if it does not start.
    pub fn start_with(aicp: &Path, models: &Path, data: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let mut command = Command::new(aicp);
        // Settings for another server must not leak in.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AICP_")) {
            command.env_remove(name);
        }
        let mut child = command
            // The database was filled before a key existed, so a new key must be allowed.
            .args(["serve", "--new", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data)
            .env("AICP_MODELS_DIR", models)
            .env("AICP_LOG__FORMAT", "json")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::Server(format!("{}: {e}: build it with `cargo build --release`", aicp.display())))?;
        let log = child.stderr.take();
        let mut server = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        let (found, address) = mpsc::channel();
        // Reads to the end, so that the server never blocks on a full pipe.
        thread::spawn(move || watch_log(log, &found));
        server.address =
            address.recv_timeout(START_TIMEOUT).map_err(|_| Error::Server("the server did not start".to_owned()))?;
        Ok(server)
    }

    /// Returns the process id.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the peak resident set of the server in bytes.
    ///
    /// # Errors
    /// [`Error::File`] if it has ended.
    pub fn peak_memory_bytes(&self) -> Result<u64> {
        peak_memory_bytes(self.child.id())
    }

    /// Terminates the server and waits until it has ended.
    ///
    /// # Errors
    /// [`Error::Server`] if it does not end, or ends with a failure status.
    pub fn stop(mut self) -> Result<()> {
        // The standard library can send only SIGKILL.
        let sent = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status()?;
        if !sent.success() {
            return Err(Error::Server("the server can't be told to end".to_owned()));
        }
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    Err(Error::Server(format!("the server ended with {status}")))
                };
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(Error::Server("the server does not end".to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends the listening address found in the log; forwards all lines but those of level INFO to our stderr.
fn watch_log(log: Option<ChildStderr>, found: &mpsc::Sender<SocketAddr>) {
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
