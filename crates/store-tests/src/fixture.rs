//! A store in a temporary folder, and test data.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
};

use aicp_store::{
    Algorithm, BulkPerson, Bytes, Change, Face, Library, NewFace, NewLibrary, NewOutboxRow, NewPerson, NewTemplate,
    Observer, Person, Profile, Store, TemplateRow, TemplatesRead,
};
use aicp_types::{FaceId, LibraryId, PersonId, PublicId, Snowflake, SystemClock, UnixMillis};
use jiff::tz::TimeZone;
use tempfile::TempDir;

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

pub struct Fixture {
    pub store: Store,
    pub dir: TempDir,
}

impl Fixture {
    pub async fn new() -> Self {
        Self::observed(None).await
    }

    pub async fn observed(observer: Option<Arc<dyn Observer>>) -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = Store::open(dir.path(), Arc::new(SystemClock), observer, TimeZone::UTC).await.expect("open");
        store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
        Self { store, dir }
    }

    pub async fn reopen(self) -> Self {
        self.store.close().await.expect("close");
        let store = Store::open(self.dir.path(), Arc::new(SystemClock), None, TimeZone::UTC).await.expect("reopen");
        Self { store, dir: self.dir }
    }

    pub async fn library(&self, external_id: &str) -> Library {
        self.store.create_library(new_library(external_id)).await.expect("library")
    }

    pub async fn enrol(&self, library: &Library, picture: &str) -> (Person, Face) {
        self.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await.expect("enrol")
    }

    /// Reads the templates of a version, by face: library, person, face, and the bits of the vector.
    pub async fn templates(&self, version: &str) -> (TemplatesRead, Vec<(LibraryId, PersonId, FaceId, Vec<u32>)>) {
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
        let Ok(read) = self.store.read_templates(&algorithm(version), take).await.expect("templates");
        let mut found = std::mem::take(&mut *found.lock().expect("not poisoned"));
        found.sort_by_key(|&(.., face, _)| face);
        (read, found)
    }

    pub fn picture_files(&self) -> BTreeSet<String> {
        picture_files(self.dir.path())
    }

    pub fn incoming(&self) -> PathBuf {
        self.dir.path().join("objects/incoming")
    }
}

/// Returns the keys of all published pictures.
pub fn picture_files(data_dir: &Path) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for shard in names(&data_dir.join("objects")).into_iter().filter(|name| name != "incoming") {
        for rest in names(&data_dir.join("objects").join(&shard)) {
            keys.insert(format!("{shard}{rest}"));
        }
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

/// An outbox row with its own id.
pub fn new_outbox_row() -> NewOutboxRow {
    NewOutboxRow {
        id: next_id(),
        engine: "remote".into(),
        endpoint: "url".into(),
        operation: "add".into(),
        created_at: UnixMillis::new(10),
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
        at_most: None,
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
        created_at: UnixMillis::new(3),
        at_most: None,
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

/// Records all changes except `LibraryChanged`.
#[derive(Default)]
pub struct Log(pub Mutex<Vec<Change>>);

impl Log {
    pub fn changes(&self) -> Vec<Change> {
        self.0.lock().expect("not poisoned").clone()
    }
}

impl Observer for Log {
    fn committed(&self, change: &Change) {
        if !matches!(change, Change::LibraryChanged { .. }) {
            self.0.lock().expect("not poisoned").push(change.clone());
        }
    }
}
