//! The store of a case, and test data.
#![allow(missing_docs, reason = "test data, named by what it is")]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aicp_blobs::{Blobs, MemoryBlobs, SHARDS};
use aicp_store::{
    Algorithm, BulkPerson, Bytes, Change, ChangeKind, Face, Library, NewFace, NewLibrary, NewPerson, NewTemplate,
    Observer, OutboxAction, OutboxRow, Person, Profile, Store, TemplateRow, TemplatesRead,
};
use aicp_types::{Clock, FaceId, LibraryId, PersonId, PublicId, Sequence, Snowflake, SystemClock, UnixMillis};
use tempfile::TempDir;

use crate::Harness;
use crate::control::{Control, ControlledHarness};
use crate::handle::Handle;

pub const APP: &str = "app";

/// Returns a number unique in the process, and too small to collide with literal ids.
pub fn next_number() -> i64 {
    static NEXT: AtomicI64 = AtomicI64::new(1_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Returns an id with the next number.
pub fn next_id<Id: From<Snowflake>>() -> Id {
    Snowflake::new(next_number()).into()
}

/// The store of a case, with its pictures and the folder of its links.
pub struct Fixture {
    pub store: Handle,
    pub blobs: Arc<dyn Blobs>,
    pub dir: TempDir,
    pub harness: Box<dyn Harness>,
    pub clock: Arc<dyn Clock>,
}

/// Library, person and face of a template, and the bits of its vector.
type FoundTemplate = (LibraryId, PersonId, FaceId, Vec<u32>);

impl Fixture {
    /// Opens a new store with pictures in memory, and creates the app [`APP`].
    pub async fn new(harness: Box<dyn Harness>) -> Self {
        Self::with_blobs(harness, Arc::new(MemoryBlobs::default())).await
    }

    pub async fn with_blobs(harness: Box<dyn Harness>, blobs: Arc<dyn Blobs>) -> Self {
        Self::with_clock(harness, blobs, Arc::new(SystemClock)).await
    }

    pub async fn with_clock(harness: Box<dyn Harness>, blobs: Arc<dyn Blobs>, clock: Arc<dyn Clock>) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = open(&*harness, &blobs, &dir, &clock).await;
        store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
        Self { store, blobs, dir, harness, clock }
    }

    /// Opens a new store on a database that can be made to fail.
    pub async fn on_controlled_database(harness: Box<dyn Harness>) -> (Self, Arc<Control>) {
        let control = Arc::<Control>::default();
        let harness = ControlledHarness { harness, control: Arc::clone(&control) };
        (Self::new(Box::new(harness)).await, control)
    }

    pub async fn observed(harness: Box<dyn Harness>, observer: Arc<dyn Observer>) -> Self {
        let f = Self::new(harness).await;
        f.store.observe(observer);
        f
    }

    pub async fn reopen(self) -> Self {
        self.store.close().await.expect("close");
        let store = open(&*self.harness, &self.blobs, &self.dir, &self.clock).await;
        Self { store, ..self }
    }

    pub async fn library(&self, external_id: &str) -> Library {
        self.store.insert_library(new_library(external_id)).await.expect("library")
    }

    pub async fn enrol(&self, library: &Library, picture: &str) -> (Person, Face) {
        self.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await.expect("enrol")
    }

    /// Reads the templates of a version, by face: library, person, face, and the bits of the vector.
    pub async fn templates(&self, version: &str) -> (TemplatesRead, Vec<FoundTemplate>) {
        self.templates_without(version, &[]).await
    }

    /// Reads templates as [`Fixture::templates`], except those of some libraries.
    pub async fn templates_without(&self, version: &str, without: &[LibraryId]) -> (TemplatesRead, Vec<FoundTemplate>) {
        let found = Arc::new(Mutex::new(Vec::new()));
        let take = {
            let found = Arc::clone(&found);
            move |rows: Vec<TemplateRow>| {
                assert!(rows.is_sorted_by_key(|row| row.face_id));
                let rows = rows.into_iter().map(|row| {
                    let bits = row.vector.iter().map(|value| value.to_bits()).collect();
                    (row.library_id, row.person_id, row.face_id, bits)
                });
                found.lock().expect("not poisoned").extend(rows);
                Ok::<_, Infallible>(())
            }
        };
        let Ok(read) = self.store.read_templates(&algorithm(version), without, take).await.expect("templates");
        let mut found = std::mem::take(&mut *found.lock().expect("not poisoned"));
        found.sort_by_key(|&(.., face, _)| face);
        (read, found)
    }

    /// Returns the keys of the stored pictures.
    pub async fn pictures(&self) -> BTreeSet<String> {
        stored(&*self.blobs).await
    }

    /// Waits until exactly these pictures are stored.
    pub async fn wait_for_pictures(&self, pictures: &[&str]) {
        let wanted: BTreeSet<String> = pictures.iter().map(|picture| key(picture)).collect();
        let deadline = Instant::now() + PATIENCE;
        while self.pictures().await != wanted {
            assert!(Instant::now() < deadline, "{:?} instead of {wanted:?}", self.pictures().await);
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Returns the folder of the links.
    pub fn links(&self) -> PathBuf {
        self.dir.path().join("links")
    }
}

/// How long a case waits for what must happen soon.
pub const PATIENCE: Duration = Duration::from_secs(60);

async fn open(harness: &dyn Harness, blobs: &Arc<dyn Blobs>, dir: &TempDir, clock: &Arc<dyn Clock>) -> Handle {
    let database = harness.open().await.expect("database");
    let opened = Store::open(database, Arc::clone(blobs), &dir.path().join("links"), Arc::clone(clock)).await;
    Handle(opened.expect("open"))
}

/// Returns the keys of all blobs.
pub async fn stored(blobs: &dyn Blobs) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for shard in 0..SHARDS {
        let shard = u8::try_from(shard).expect("256 shards");
        keys.extend(blobs.list(shard).await.expect("list").into_iter().map(String::from));
    }
    keys
}

pub fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("folder");
    entries.map(|entry| entry.expect("entry").file_name().into_string().expect("UTF-8")).collect()
}

pub fn bytes(picture: &str) -> Bytes {
    Bytes::copy_from_slice(picture.as_bytes())
}

pub fn key(picture: &str) -> String {
    aicp_store::picture_key(picture.as_bytes())
}

/// A row that adds a face of a person to the engine of a library.
pub fn new_outbox_row(library: &Library, person: &Person, face: &Face) -> OutboxRow {
    OutboxRow {
        id: next_id(),
        library_id: library.id,
        app_id: library.app_id.clone(),
        engine: "remote".into(),
        action: OutboxAction::AddFace,
        engine_key: library.engine_key.clone(),
        public_id: Some(person.public_id),
        number: Some(person.number.clone()),
        face_id: Some(face.id),
        engine_ref: None,
        picture_key: Some(face.picture_key.clone()),
        made_person: true,
        endpoint: "url".into(),
        operation: "add".into(),
        created_at: UnixMillis::new(10),
        in_doubt: false,
        was_in_doubt: false,
        listed: false,
        rejected: false,
        attempts: 0,
        last_error: None,
        solved_at: None,
        solved_by: None,
        dropped: None,
    }
}

pub fn new_library(external_id: &str) -> NewLibrary {
    NewLibrary {
        app_id: APP.into(),
        external_id: external_id.into(),
        name: "people".into(),
        description: None,
        engine_key: format!("{:032x}", next_number()),
        engine: "cpu".into(),
        created_at: UnixMillis::new(2),
        slot: None,
        hidden: false,
    }
}

pub fn new_person() -> NewPerson {
    let id = next_number();
    NewPerson {
        public_id: PublicId::new(id),
        number: format!("{id:032x}"),
        external_id: None,
        info: None,
        profile: Profile::default(),
        tags: Vec::new(),
        created_at: UnixMillis::new(3),
    }
}

pub fn named(external_id: &str) -> NewPerson {
    NewPerson { external_id: Some(external_id.into()), ..new_person() }
}

pub fn new_face() -> NewFace {
    NewFace {
        file_id: next_id(),
        bounding_box: [1.0, 2.0, 3.0, 4.0],
        confidence: 0.5,
        quality: None,
        template: None,
        engine_ref: None,
    }
}

pub fn algorithm(version: &str) -> Algorithm {
    Algorithm { name: "sface".into(), provider: "opencv".into(), version: version.into() }
}

pub fn face_with(vector: &[f32], version: &str) -> NewFace {
    let template = NewTemplate { algorithm: algorithm(version), vector: vector.to_vec(), recognisability: Some(0.75) };
    NewFace { template: Some(template), ..new_face() }
}

/// A person without an external id, whose faces refer to the first picture.
pub fn ready(faces: impl IntoIterator<Item = NewFace>) -> BulkPerson {
    BulkPerson { person: new_person(), faces: faces.into_iter().map(|face| (face, 0)).collect() }
}

/// Records all changes except `LibraryChanged` and `PersonChanged`.
#[derive(Default)]
pub struct Log(pub Mutex<Vec<Change>>);

impl Log {
    pub fn changes(&self) -> Vec<Change> {
        self.0.lock().expect("not poisoned").clone()
    }

    /// Returns the changes so far, and forgets them.
    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }
}

impl Observer for Log {
    fn committed(&self, _: Sequence, changes: &[Change]) {
        let is_logged = |change: &&Change| !matches!(change.kind(), ChangeKind::Library | ChangeKind::Person);
        self.0.lock().expect("not poisoned").extend(changes.iter().filter(is_logged).cloned());
    }
}
