//! Fixtures: simulator, client and pictures.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aicp_backends::{Biometrics, Builtin, LocalIndex};
use aicp_engine_simulator::{Faults, Options, Running, Vendor, cloudwalk_settings, koala_settings, start};
use aicp_engines::{BoxError, ClaimLookup, Cloudwalk, CloudwalkSettings, Koala, LibraryRef, RemoteEngine, Write};
use aicp_types::LibraryId;
use aicp_vision::{Inference, ModelPaths, PoolSize, RuntimeChoice, Vision};
use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;

pub const ID: &str = "app";
pub const SECRET: &str = "hush-hush";

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub fn picture(name: &str) -> Bytes {
    Bytes::from(std::fs::read(root().join("samples").join(name)).expect("a file"))
}

pub fn obama() -> Bytes {
    picture("people/obama/obama.jpg")
}

pub fn biden() -> Bytes {
    picture("people/biden/biden.jpg")
}

/// A picture without a face.
pub fn faceless() -> Bytes {
    // A grey bitmap of 64x64 pixels, 24 bits each.
    let mut bytes = b"BM\x36\x30\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x40\0\0\0\x40\0\0\0\x01\0\x18\0".to_vec();
    bytes.resize(54, 0);
    bytes.resize(54 + 64 * 64 * 3, 128);
    Bytes::from(bytes)
}

pub fn vision() -> Vision {
    static VISION: OnceLock<Vision> = OnceLock::new();
    let start = || {
        let paths = ModelPaths { folder: root().join("models"), runtime: None };
        let size = PoolSize { workers: NonZeroUsize::MIN, queue: NonZeroUsize::new(64).expect("there") };
        // The same runtime as the simulator's.
        let inference = Inference { runtime: RuntimeChoice::OnnxRuntime, ..Inference::default() };
        Vision::start_with(&paths, size, inference).expect("there")
    };
    VISION.get_or_init(start).clone()
}

pub fn builtin() -> Builtin {
    let index = LocalIndex::start(vision().dimensions(), None).expect("threads start");
    Builtin::new(Arc::new(vision()), Arc::new(index))
}

pub fn library(row: i64) -> LibraryRef {
    LibraryRef {
        row: LibraryId::new(row),
        engine_id: format!("{row:032x}"),
        name: "员工".to_owned(),
        description: None,
    }
}

/// A person number.
pub fn tag(n: u32) -> String {
    format!("{n:032x}")
}

/// A simulator and an engine connected to it.
pub struct Fixture {
    pub engine: Box<dyn RemoteEngine>,
    pub running: Running,
    _folder: TempDir,
}

impl Fixture {
    pub async fn start(speak: Vendor, ignore_caller_ids: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = Options::new(speak, folder.path());
        options.ignore_caller_ids = ignore_caller_ids;
        if speak == Vendor::Cloudwalk {
            options.credentials = Some((ID.to_owned(), SECRET.to_owned()));
        }
        let running = start(options, vision()).await.expect("an answer");
        Self { engine: engine(speak, &running.url()), running, _folder: folder }
    }

    /// Starts three simulators: Koala, Cloudwalk with the caller's ids, Cloudwalk with its own ids.
    pub async fn all() -> [Self; 3] {
        [
            Self::start(Vendor::Koala, false).await,
            Self::start(Vendor::Cloudwalk, false).await,
            Self::start(Vendor::Cloudwalk, true).await,
        ]
    }

    pub async fn faults(&self, faults: Faults) {
        let body = serde_json::to_string(&faults).expect("JSON");
        let url = format!("{}simulator/faults", self.running.url());
        let answer = client().post(url).body(body).send().await.expect("an answer");
        assert!(answer.status().is_success());
    }

    /// Returns the faces of a library, each with `faceId`, `tag` and `sha256`.
    pub async fn faces(&self, library: &LibraryRef) -> Vec<Value> {
        let faces: BTreeMap<String, Vec<Value>> = get(&self.running.url(), "simulator/faces").await;
        faces.get(&library.engine_id).cloned().unwrap_or_default()
    }

    /// Returns the number of calls of a path.
    pub async fn calls(&self, path: &str) -> u64 {
        let calls: BTreeMap<String, u64> = get(&self.running.url(), "simulator/calls").await;
        calls.get(path).copied().unwrap_or_default()
    }

    /// Returns the path of the call that adds a face.
    pub fn add_path(&self) -> String {
        self.engine.target(Write::AddFace).expect("there").operation
    }
}

pub fn engine(speak: Vendor, url: &str) -> Box<dyn RemoteEngine> {
    match speak {
        Vendor::Koala => Box::new(Koala::new(koala_settings(url)).expect("sound settings")),
        Vendor::Cloudwalk => {
            let settings = CloudwalkSettings {
                app_id: Some(ID.to_owned()),
                app_secret: Some(SECRET.to_owned().into()),
                ..cloudwalk_settings(url)
            };
            Box::new(Cloudwalk::new(settings).expect("sound settings"))
        }
    }
}

/// A client with the TLS of the engines: the HTTP library has none of its own.
fn client() -> reqwest::Client {
    let tls = aicp_trust::client_config(&[]).expect("the well-known authorities");
    reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client")
}

pub async fn get<T: serde::de::DeserializeOwned>(url: &str, path: &str) -> T {
    let answer =
        client().get(format!("{url}{path}")).send().await.expect("an answer").bytes().await.expect("an answer");
    serde_json::from_slice(&answer).expect("JSON")
}

/// Claims these engine references.
pub struct KnownRefs(pub Vec<String>);

#[async_trait]
impl ClaimLookup for KnownRefs {
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError> {
        Ok(engine_refs.iter().filter(|r| self.0.contains(r)).cloned().collect())
    }
}
