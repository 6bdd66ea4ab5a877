//! Starts the real binary on its own data folder.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use aicp_store_tests::postgres::{self, TestDatabase};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::{Api, send};

/// Admin token of all servers in these tests.
pub const TOKEN: &str = "admin-token-of-the-tests";
/// Time after which a wait fails the test. Generous: the machine may be busy with other tests.
const DEADLINE: Duration = Duration::from_secs(90);

/// Returns the root of the workspace.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the workspace is there")
}

/// Secret key of the servers in tests on PostgreSQL.
const SECRET_KEY: &str = "3f1d5c7a9b0e2468ace013579bdf02468ace13579bdf02468ace13579bdf0246";

/// Creates the database that a server on a data folder uses, where missing: by `AICP_TESTS_ON=postgres`, all tests run on the last
/// server that `tools/with_postgres.py` has started. Else it is SQLite in the folder.
fn database_of(data_dir: &Path) -> Option<TestDatabase> {
    if std::env::var("AICP_TESTS_ON").ok()? != "postgres" {
        return None;
    }
    Some(postgres_of(data_dir))
}

/// Creates a database of PostgreSQL with the name of a folder, where missing.
fn postgres_of(folder: &Path) -> TestDatabase {
    let servers = std::env::var(postgres::SERVERS).expect("run this below tools/with_postgres.py");
    let server = servers.split(' ').next_back().expect("one at least");
    let name = Md5::digest(folder.as_os_str().as_encoded_bytes());
    TestDatabase::create(server, &format!("of_{}", hex::encode(name)))
}

/// What nodes share: a database and a folder. Both are removed on drop.
pub struct Shared {
    folder: TempDir,
    database: TestDatabase,
}

impl Shared {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temp dir");
        let database = postgres_of(folder.path());
        Self { folder, database }
    }

    /// Returns the folder of pictures and files.
    pub fn objects(&self) -> PathBuf {
        self.folder.path().join("objects")
    }

    /// Returns whether a condition holds in the database.
    pub fn holds(&self, condition: &str) -> bool {
        self.database.holds(condition)
    }

    /// Returns the data folder of a node, its own.
    pub fn data_dir(&self, node: &str) -> PathBuf {
        self.folder.path().join(node)
    }

    /// Returns the setup of a node in the `auto` dialect.
    pub fn node(&self, name: &str) -> Setup {
        Setup::new(&["auto"])
            .data_dir(&self.data_dir(name))
            .env("AICP_DATABASE__URL", self.database.url())
            .env("AICP_SECRET_KEY", SECRET_KEY)
            .env("AICP_OBJECTS__URL", self.objects().to_str().expect("UTF-8"))
    }
}

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < end, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Default runtime of the tests: the one that starts fastest, because starting dominates the test time. Tests of
/// recognition set `auto`.
const RUNTIME: (&str, &str) = ("AICP_VISION__RUNTIME", "onnxruntime");
/// Time limits of recognition in the tests: a slow or busy machine must not decide a test by "busy".
const PATIENCE: [(&str, &str); 2] = [("AICP_VISION__WAIT_SECONDS", "300"), ("AICP_VISION__JOB_SECONDS", "300")];

/// Builds a command of the binary without the settings of this process's environment.
pub fn aicp<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aicp"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AICP_")) {
        command.env_remove(name);
    }
    command
        .args(args)
        .env("AICP_MODELS_DIR", workspace().join("models"))
        .env(RUNTIME.0, RUNTIME.1)
        .stdin(Stdio::null());
    command
}

/// Output and exit code of a finished command.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    pub fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Self { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }

    /// Runs a command that must succeed.
    pub fn successful(command: &mut Command) -> Self {
        let ran = Self::of(command);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
        ran
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }
}

/// Builder of a server process.
pub struct Setup {
    dialects: Vec<&'static str>,
    env: Vec<(&'static str, String)>,
    data_dir: Option<PathBuf>,
    args: Vec<&'static str>,
    /// Size in MiB of a disk for the data folder, mounted for this process only.
    disk_mib: Option<u32>,
}

impl Setup {
    /// Uses one listener per dialect.
    pub fn new(dialects: &[&'static str]) -> Self {
        Self { dialects: dialects.to_vec(), env: Vec::new(), data_dir: None, args: Vec::new(), disk_mib: None }
    }

    pub fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// Uses an existing data folder instead of a new one.
    pub fn data_dir(mut self, data_dir: &Path) -> Self {
        self.data_dir = Some(data_dir.to_owned());
        self
    }

    pub fn arg(mut self, arg: &'static str) -> Self {
        self.args.push(arg);
        self
    }

    /// Puts the data folder on a disk of this size; see [`Server::disk`].
    pub fn on_disk_of_mib(mut self, size: u32) -> Self {
        self.disk_mib = Some(size);
        self
    }

    /// Builds the command line that [`Setup::start`] runs.
    pub fn command(&self, data_dir: &Path) -> Command {
        let mut command = aicp(["serve", "--data-dir"]);
        if let Some(size) = self.disk_mib {
            fs::create_dir_all(data_dir).expect("made");
            let mount = format!("mount -t tmpfs -o size={size}m none \"$0\" && exec \"$@\"");
            let mut alone = Command::new("unshare");
            alone
                .args(["--mount", "sh", "-c", &mount])
                .arg(data_dir)
                .arg(command.get_program())
                .args(command.get_args());
            alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command = alone;
        }
        command.arg(data_dir);
        for dialect in &self.dialects {
            command.arg("--listen").arg(format!("127.0.0.1:0={dialect}"));
        }
        command.args(&self.args);
        command.env("AICP_ADMIN_TOKEN", TOKEN).env("AICP_LOG__FORMAT", "json").envs(PATIENCE);
        if let Some(database) = database_of(data_dir) {
            command.env("AICP_DATABASE__URL", database.url()).env("AICP_SECRET_KEY", SECRET_KEY);
            database.keep();
        }
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the server and waits until it is ready.
    pub fn start(self) -> Server {
        let server = self.start_unready();
        wait_until("the server is ready", || {
            server.assert_running();
            server.addresses().len() == self.dialects.len()
                && send(server.addresses()[0], "GET", "/readyz", &[], b"").is_ok_and(|answer| answer.status == 200)
        });
        server
    }

    /// Starts the server without waiting.
    pub fn start_unready(&self) -> Server {
        let temp = tempfile::tempdir().expect("a temp dir");
        let data_dir = self.data_dir.clone().unwrap_or_else(|| temp.path().join("data"));
        let mut command = self.command(&data_dir);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = child.stderr.take().expect("stderr is piped");
        let log = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&log);
        // The thread ends with the process. It drains the pipe, so that the process never blocks on it.
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                lines.lock().expect("no panic while locked").push(line);
            }
        });
        let database = self.data_dir.is_none().then(|| database_of(&data_dir)).flatten();
        Server {
            child: Mutex::new(child),
            log,
            reader: Mutex::new(Some(reader)),
            data_dir,
            _temp: temp,
            _database: database,
        }
    }
}

/// Running server, killed on drop.
pub struct Server {
    child: Mutex<Child>,
    log: Arc<Mutex<Vec<String>>>,
    reader: Mutex<Option<JoinHandle<()>>>,
    data_dir: PathBuf,
    _temp: TempDir,
    /// Removed with the data folder.
    _database: Option<TestDatabase>,
}

impl Server {
    /// Starts a server with one listener in the `auto` dialect.
    pub fn auto() -> Self {
        Setup::new(&["auto"]).start()
    }

    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Returns the data folder as the process sees it, on a disk of its own.
    pub fn disk(&self) -> PathBuf {
        let id = self.child.lock().expect("no panic while locked").id();
        PathBuf::from(format!("/proc/{id}/root{}", self.data_dir.display()))
    }

    /// Returns the listeners in the order of the command line.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let log = self.log.lock().expect("no panic while locked");
        let lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter(|line| line["fields"]["message"] == "listening")
            .map(|line| line["fields"]["address"].as_str().and_then(|a| a.parse().ok()).expect("an address"))
            .collect()
    }

    /// Returns whether a log line contains this message.
    pub fn has_logged(&self, message: &str) -> bool {
        self.log.lock().expect("no panic while locked").iter().any(|line| line.contains(message))
    }

    /// Returns the log so far.
    pub fn log(&self) -> String {
        self.log.lock().expect("no panic while locked").join("\n")
    }

    /// Grants an app capabilities for a long time and returns its token.
    #[track_caller]
    pub fn grant(&self, app_id: &str, capabilities: &[&str]) -> String {
        let grant = json!({"appId": app_id, "dueTime": "2099-12-31 00:00:00", "capabilityIdArray": capabilities});
        self.admin(0).post("/authorize/grantAuthorize", &grant).data_text("token")
    }

    /// Creates a key of an app through our own API. `body` is that API's request, such as `{"kind":"jdcloud"}`.
    #[track_caller]
    pub fn key(&self, app_id: &str, body: &Value) -> Value {
        let target = format!("/api/v1/apps/{app_id}/keys");
        let bearer = format!("Bearer {TOKEN}");
        let body = body.to_string();
        let answer = send(self.addresses()[0], "POST", &target, &[("Authorization", &bearer)], body.as_bytes());
        let answer = answer.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }

    /// Returns a client of a listener without a token.
    pub fn anonymous(&self, listener: usize) -> Api {
        Api::new(self.addresses()[listener])
    }

    /// Returns a client of a listener with the admin token.
    pub fn admin(&self, listener: usize) -> Api {
        self.anonymous(listener).with_token(TOKEN)
    }

    /// Returns the peak memory of the process in bytes.
    pub fn peak_memory(&self) -> u64 {
        let id = self.child.lock().expect("no panic while locked").id();
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
        let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        kib.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number") * 1024
    }

    /// Sends SIGTERM to the process.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal to the process, by its name without `SIG`.
    pub fn signal(&self, name: &str) {
        let id = self.child.lock().expect("no panic while locked").id();
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {id}")]).status().expect("sh runs");
        assert!(sent.success(), "the process takes signals");
    }

    /// Kills the process.
    pub fn kill(&self) {
        let mut child = self.child.lock().expect("no panic while locked");
        child.kill().expect("the process takes signals");
        child.wait().expect("the process ends");
    }

    /// Waits until the process ends.
    pub fn wait(&self) -> ExitStatus {
        let mut status = None;
        wait_until("the process has ended", || {
            let mut child = self.child.lock().expect("no panic while locked");
            status = child.try_wait().expect("a child of ours");
            status.is_some()
        });
        status.expect("it has ended")
    }

    /// Stops the process gracefully. Afterwards the log is complete.
    #[track_caller]
    pub fn stop(&self) {
        self.terminate();
        assert!(self.wait().success(), "it ends in good order");
        if let Some(reader) = self.reader.lock().expect("no panic while locked").take() {
            reader.join().expect("the log is UTF-8");
        }
    }

    /// Reads all files of the data folder and the log so far.
    pub fn kept(&self) -> StoredBytes {
        let mut bytes = files_in(&self.data_dir).join(&b'\n');
        bytes.extend(self.log().into_bytes());
        StoredBytes(latin1(&bytes))
    }

    pub fn assert_running(&self) {
        let ended = self.child.lock().expect("no panic while locked").try_wait().expect("a child of ours");
        assert_eq!(ended, None, "the server ended: {:#?}", self.log.lock().expect("no panic while locked"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(mut child) = self.child.lock() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking()
            && let Ok(log) = self.log.lock()
        {
            eprintln!("the server's log:\n{}", log.join("\n"));
        }
    }
}

/// Everything that a server has stored, one character per byte: text search is fast even in a debug build.
pub struct StoredBytes(String);

impl StoredBytes {
    pub fn has(&self, bytes: &[u8]) -> bool {
        self.0.contains(&latin1(bytes))
    }

    /// Checks that a secret is not stored in plain, base64 or hex.
    #[track_caller]
    pub fn assert_without(&self, secret: &[u8]) {
        assert!(!self.has(secret), "it is kept as it is");
        let hex = hex::encode(secret);
        assert!(!self.has(hex.as_bytes()) && !self.has(hex.to_uppercase().as_bytes()), "it is kept in hex");
        // Within a longer text, the base64 of a secret depends on its offset, and its ends share bits with the
        // neighbours.
        for before in 0..3 {
            let base64 = STANDARD_NO_PAD.encode([&[0; 3][..before], secret].concat());
            let own = &base64.as_bytes()[(before * 4).div_ceil(3)..base64.len() - 1];
            assert!(!self.has(own), "it is kept in base64");
        }
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// Reads all files of a folder, recursively.
fn files_in(dir: &Path) -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let entry = entry.expect("an entry");
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            files.extend(files_in(&entry.path()));
        } else if kind.is_file() {
            files.push(fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

/// Returns the stored pictures of a data folder: their keys and bytes.
pub fn objects(data_dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for shard in fs::read_dir(data_dir.join("objects")).expect("the folder of pictures") {
        let shard = shard.expect("an entry");
        let shard_name = shard.file_name().into_string().expect("UTF-8");
        if shard_name == "incoming" {
            continue;
        }
        for object in fs::read_dir(shard.path()).expect("a shard") {
            let object = object.expect("an entry");
            let name = object.file_name().into_string().expect("UTF-8");
            found.push((format!("{shard_name}{name}"), fs::read(object.path()).expect("a picture")));
        }
    }
    found.sort();
    found
}

/// Returns the number of incoming pictures in a data folder.
pub fn incoming(data_dir: &Path) -> usize {
    fs::read_dir(data_dir.join("objects/incoming")).expect("the folder of incoming pictures").count()
}
