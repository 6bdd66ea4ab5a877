//! Vendor engines: the simulator as a process of its own with its own data folder.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use aicp_engine_simulator::{codes, koala_paths};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::fixture::{Setup, wait_until, workspace};
use crate::http::send;

/// Credentials that the simulator of Cloudwalk requires.
const APP_ID: &str = "cloudwalk-app";
pub const APP_SECRET: &str = "cloudwalk-secret";
/// Ports for servers that restart at the same address. The system assigns higher ports to outgoing connections, so none
/// of these is taken while the server is down.
const PORTS: std::ops::Range<u16> = 20_000..30_000;

/// Vendor whose engine is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vendor {
    Koala,
    /// Keeps the face ids that callers choose.
    Cloudwalk,
    /// Assigns its own face ids.
    NewCloudwalk,
}

impl Vendor {
    /// Name of the engine in the settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Koala => "koala",
            Self::Cloudwalk | Self::NewCloudwalk => "cloudwalk",
        }
    }

    /// Name of the engine in the call log.
    pub fn label(self) -> &'static str {
        match self {
            Self::Koala => "考拉悠然",
            Self::Cloudwalk | Self::NewCloudwalk => "云从",
        }
    }

    /// Path of the operation that adds a face.
    pub fn add_path(self) -> &'static str {
        match self {
            Self::Koala => "business/api/v1/repository/personDb",
            Self::Cloudwalk | Self::NewCloudwalk => "face/clustering/face/create",
        }
    }
}

/// Loopback port that is reserved among these tests, even while nothing listens on it.
struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    fn reserve() -> Self {
        let folder = std::env::temp_dir().join("aicp-test-ports");
        fs::create_dir_all(&folder).expect("a folder for locks");
        let first = std::process::id() as u16 % PORTS.len() as u16;
        let all = (0..PORTS.len() as u16).map(|n| PORTS.start + (first + n) % PORTS.len() as u16);
        let free = all.filter_map(|number| {
            let lock = File::create(folder.join(number.to_string())).expect("a lock file");
            lock.try_lock().ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, number)).ok()?;
            Some(Self { number, _lock: lock })
        });
        free.into_iter().next().expect("a free port")
    }
}

/// Returns the path of the simulator, which is built along with these tests.
fn simulator() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_aicp")).parent().expect("it is in a folder").join("examples");
    let path = folder.join(format!("engine-simulator{}", std::env::consts::EXE_SUFFIX));
    assert!(path.is_file(), "{} is missing: `cargo build -p aicp-server --example engine-simulator`", path.display());
    path
}

/// Simulated engine. It can be stopped and restarted at the same address with all acknowledged data.
pub struct Engine {
    pub vendor: Vendor,
    port: Port,
    folder: TempDir,
    child: Mutex<Option<Child>>,
}

impl Engine {
    /// Starts an empty engine.
    pub fn start(vendor: Vendor) -> Self {
        let engine = Self::absent(vendor);
        engine.restart();
        engine
    }

    /// Reserves an engine without starting it.
    pub fn absent(vendor: Vendor) -> Self {
        let folder = tempfile::tempdir().expect("a temp dir");
        Self { vendor, port: Port::reserve(), folder, child: Mutex::new(None) }
    }

    /// Starts the engine again and waits until it listens.
    pub fn restart(&self) {
        let mut child = self.child.lock().expect("no panic while locked");
        assert!(child.is_none(), "it runs");
        wait_until("the engine listens", || {
            let mut started = self.command().spawn().expect("the simulator starts");
            let stdout = started.stdout.take().expect("stdout is piped");
            let line = BufReader::new(stdout).lines().next();
            let listens = line.is_some_and(|line| line.is_ok_and(|line| line.starts_with("listening on ")));
            if listens {
                *child = Some(started);
            } else {
                started.wait().expect("it has ended");
            }
            listens
        });
    }

    fn command(&self) -> Command {
        let mut command = Command::new(simulator());
        command.args(["--workers", "1", "--listen", &self.address().to_string(), "--data-dir"]).arg(self.folder.path());
        command.arg("--models-dir").arg(workspace().join("models")).stdin(Stdio::null()).stdout(Stdio::piped());
        match self.vendor {
            Vendor::Koala => command.args(["--speak", "koala"]),
            Vendor::Cloudwalk => command.args(["--speak", "cloudwalk"]),
            Vendor::NewCloudwalk => command.args(["--speak", "cloudwalk", "--ignore-caller-ids"]),
        };
        if self.vendor != Vendor::Koala {
            command.args(["--app-id", APP_ID, "--app-secret", APP_SECRET]);
        }
        command
    }

    /// Kills the engine, as `kill -9` does.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("no panic while locked").take().expect("it runs");
        child.kill().expect("the process takes signals");
        child.wait().expect("the process ends");
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port.number))
    }

    /// Returns the engine's base URL, as the server's settings have it.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address())
    }

    /// Adds the settings of this engine to a server.
    pub fn known_to(&self, setup: Setup) -> Setup {
        let list = |code: i64| format!("[{code}]");
        if self.vendor != Vendor::Koala {
            return setup
                .env("AICP_ENGINES__CLOUDWALK__URL", self.url())
                .env("AICP_ENGINES__CLOUDWALK__APP_ID", APP_ID)
                .env("AICP_ENGINES__CLOUDWALK__APP_SECRET", APP_SECRET)
                .env("AICP_ENGINES__CLOUDWALK__REMOTE__BREAKER_PAUSE_MS", "100")
                .env("AICP_ENGINES__CLOUDWALK__REMOTE__LIBRARY_MISSING_CODES", list(codes::LIBRARY_MISSING))
                .env("AICP_ENGINES__CLOUDWALK__REMOTE__LIBRARY_EXISTS_CODES", list(codes::LIBRARY_EXISTS))
                .env("AICP_ENGINES__CLOUDWALK__REMOTE__FACE_MISSING_CODES", list(codes::FACE_MISSING));
        }
        let paths = koala_paths();
        setup
            .env("AICP_ENGINES__KOALA__URL", self.url())
            .env("AICP_ENGINES__KOALA__REMOTE__BREAKER_PAUSE_MS", "100")
            .env("AICP_ENGINES__KOALA__REMOTE__LIBRARY_MISSING_CODES", list(codes::LIBRARY_MISSING))
            .env("AICP_ENGINES__KOALA__REMOTE__LIBRARY_EXISTS_CODES", list(codes::LIBRARY_EXISTS))
            .env("AICP_ENGINES__KOALA__REMOTE__FACE_MISSING_CODES", list(codes::FACE_MISSING))
            .env("AICP_ENGINES__KOALA__PATHS__CREATE_LIBRARY", paths.create_library)
            .env("AICP_ENGINES__KOALA__PATHS__DELETE_LIBRARY", paths.delete_library)
            .env("AICP_ENGINES__KOALA__PATHS__REMOVE", paths.remove)
            .env("AICP_ENGINES__KOALA__PATHS__SEARCH", paths.search)
            .env("AICP_ENGINES__KOALA__PATHS__SEARCH_MANY", paths.search_many)
            .env("AICP_ENGINES__KOALA__PATHS__COMPARE", paths.compare)
            .env("AICP_ENGINES__KOALA__PATHS__DETECT", paths.detect)
            .env("AICP_ENGINES__KOALA__PATHS__QUALITY", paths.quality)
            .env("AICP_ENGINES__KOALA__PATHS__HEALTH", paths.health)
    }

    /// Returns the sorted keys of the pictures of a library's faces; `None` if the library does not exist.
    pub fn pictures(&self, person_db_lib: &str) -> Option<Vec<String>> {
        let answer = send(self.address(), "GET", "/simulator/faces", &[], b"").expect("it runs").json();
        let faces = answer.get(person_db_lib)?.as_array().expect("a list of faces").clone();
        let mut keys: Vec<String> =
            faces.iter().map(|face| face["sha256"].as_str().expect("a key").to_owned()).collect();
        keys.sort();
        Some(keys)
    }

    /// Returns the number of calls of a path since the last start.
    pub fn calls(&self, path: &str) -> u64 {
        let answer = send(self.address(), "GET", "/simulator/calls", &[], b"").expect("it runs");
        answer.json()[path].as_u64().unwrap_or_default()
    }

    /// Sets the faults that the engine injects until its next start.
    pub fn faults(&self, faults: &Value) {
        let body = faults.to_string();
        let answer = send(self.address(), "POST", "/simulator/faults", &[], body.as_bytes()).expect("it runs");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Makes the engine add faces without answering, for a number of calls.
    pub fn lose_answers(&self, times: u64) {
        self.faults(&json!({"dropAfter": 1.0, "limit": times, "paths": [self.vendor.add_path()]}));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock()
            && let Some(mut child) = child.take()
        {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns the key of a picture, as [`Engine::pictures`] lists it.
pub fn key(picture: &[u8]) -> String {
    hex::encode(Sha256::digest(picture))
}
