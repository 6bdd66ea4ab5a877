//! The data folder: lock, files and their permissions, reopening, also after an abnormal end.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use aicp_blobs::LocalBlobs;
use aicp_store::{Act, BlobKey, Error, Library};
use aicp_store_sqlite::{Finding, OBJECTS, check};
use aicp_store_tests::fixture::{APP, PATIENCE, bytes, face_with, key, names, new_face, new_library, new_person};
use aicp_store_tests::handle::Handle;
use aicp_types::{AuditId, SystemClock, UnixMillis};
use rusqlite::Connection;
use tempfile::TempDir;

struct Folder {
    store: Handle,
    dir: TempDir,
}

impl Folder {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("temporary folder");
        let store = open(dir.path()).await.expect("open");
        store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
        Self { store, dir }
    }

    async fn reopen(self) -> Self {
        self.store.close().await.expect("close");
        Self { store: open(self.dir.path()).await.expect("open"), ..self }
    }

    async fn library(&self) -> Library {
        self.store.insert_library(new_library("g")).await.expect("library")
    }

    fn database(&self) -> Connection {
        Connection::open(self.dir.path().join("aicp.db")).expect("database")
    }

    fn pictures(&self) -> BTreeSet<String> {
        picture_files(self.dir.path())
    }

    fn file_of(&self, picture: &str) -> PathBuf {
        let key = key(picture);
        self.dir.path().join("objects").join(&key[..2]).join(&key[2..])
    }
}

async fn open(dir: &Path) -> aicp_store::Result<Handle> {
    aicp_store_sqlite::open(dir, Arc::new(SystemClock)).await.map(Handle)
}

/// Returns the keys of all pictures in their places.
fn picture_files(data_dir: &Path) -> BTreeSet<String> {
    let objects = data_dir.join("objects");
    let shards = names(&objects).into_iter().filter(|name| name != LocalBlobs::INCOMING);
    shards
        .flat_map(|shard| names(&objects.join(&shard)).into_iter().map(move |rest| format!("{shard}{rest}")))
        .collect()
}

#[tokio::test]
async fn a_second_open_is_refused_until_the_first_is_closed() {
    let f = Folder::new().await;
    let in_use = f.dir.path().join("lock");
    assert!(matches!(open(f.dir.path()).await, Err(Error::InUse { path }) if path == in_use));
    assert!(
        matches!(check(f.dir.path(), &f.dir.path().join(OBJECTS), None), Err(Error::InUse { path }) if path == in_use)
    );
    let alone = aicp_store_sqlite::Sqlite::open(f.dir.path()).await;
    assert!(matches!(alone, Err(Error::InUse { path }) if path == in_use));
    f.store.close().await.expect("close");
    open(f.dir.path()).await.expect("free").close().await.expect("close");
}

#[tokio::test]
async fn a_store_that_is_dropped_lets_go_of_its_folder() {
    let f = Folder::new().await;
    f.store.keep_sweeping();
    let Folder { store, dir } = f;
    drop(store);
    let deadline = Instant::now() + PATIENCE;
    let store = loop {
        match open(dir.path()).await {
            Err(Error::InUse { .. }) if Instant::now() < deadline => tokio::task::yield_now().await,
            opened => break opened.expect("open"),
        }
    };
    store.close().await.expect("close");
}

#[tokio::test]
async fn closing_folds_the_log_into_the_file() {
    let f = Folder::new().await;
    f.library().await;
    f.store.close().await.expect("close");
    let mut left = names(f.dir.path());
    left.sort();
    assert_eq!(left, ["aicp.db", "lock", "objects", "reserve"]);
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let data_dir = dir.path().join("a/b");
    let store = open(&data_dir).await.expect("open");
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
    let f = Folder { store, dir };
    let library = f.library().await;
    f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol");
    let mode = |path: &Path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    for name in names(&data_dir).into_iter().filter(|name| name != "objects") {
        assert_eq!(mode(&data_dir.join(&name)), 0o600, "{name}");
    }
    let key = key("p");
    assert_eq!(mode(&data_dir.join("objects").join(&key[..2]).join(&key[2..])), 0o600);
}

#[tokio::test]
async fn a_folder_that_was_open_to_others_is_restricted() {
    let f = Folder::new().await;
    f.store.close().await.expect("close");
    fs::set_permissions(f.dir.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
    open(f.dir.path()).await.expect("open").close().await.expect("close");
    assert_eq!(fs::metadata(f.dir.path()).expect("metadata").permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error() {
    let f = Folder::new().await;
    let under_a_file = f.dir.path().join("lock/data");
    assert!(matches!(open(&under_a_file).await, Err(Error::Io { .. })));
}

#[tokio::test]
async fn a_database_that_was_replaced_is_noticed() {
    let f = Folder::new().await;
    f.store.ping().await.expect("ping");
    let (database, moved) = (f.dir.path().join("aicp.db"), f.dir.path().join("moved"));
    fs::rename(&database, &moved).expect("rename");
    assert!(matches!(f.store.ping().await, Err(Error::FileReplaced { path }) if path == database));
    fs::copy(&moved, &database).expect("copy");
    assert!(matches!(f.store.ping().await, Err(Error::FileReplaced { .. })), "another file");
    fs::rename(&moved, &database).expect("rename");
    f.store.ping().await.expect("it is back");
}

#[tokio::test]
async fn what_was_being_written_goes_and_what_was_committed_stays() {
    let f = Folder::new().await;
    let library = f.library().await;
    for picture in ["in place", "committed"] {
        f.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await.expect("enrol");
    }
    f.store.close().await.expect("close");
    let incoming = f.dir.path().join("objects/incoming");
    let moved = incoming.join(format!("{}.7", key("committed")));
    fs::rename(f.file_of("committed"), moved).expect("as if the version of before was killed before the move");
    fs::write(incoming.join(format!("{}.8", key("uncommitted"))), "uncommitted").expect("write");
    fs::write(incoming.join(format!("{}.9", key("in place"))), "in pl").expect("a write cut short");
    fs::write(incoming.join("what is this"), "?").expect("write");
    fs::write(f.file_of("abandoned"), "abandoned").expect("as if killed before the commit");

    let f = f.reopen().await;
    assert!(names(&incoming).is_empty());
    f.store.sweep().await.expect("sweep");
    assert_eq!(f.pictures(), [key("committed"), key("in place")].into());
    for picture in ["in place", "committed"] {
        assert_eq!(f.store.picture(&key(picture)).await.expect("picture"), picture);
    }
}

#[tokio::test]
async fn a_damaged_picture_is_told_and_mended_by_an_equal_one() {
    let f = Folder::new().await;
    let library = f.library().await;
    let enrol = async || f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol");
    enrol().await;
    fs::write(f.file_of("p"), "q").expect("damage");
    let damaged = f.store.picture(&key("p")).await;
    let is_told =
        matches!(&damaged, Err(Error::Blobs(aicp_blobs::Error::Corrupt { key })) if *key == BlobKey::of(b"p"));
    assert!(is_told, "{damaged:?}");
    enrol().await;
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), "p");
}

#[tokio::test]
async fn removals_of_before_are_finished() {
    let f = Folder::new().await;
    let library = f.library().await;
    let enrol =
        async |picture| f.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await.expect("enrol");
    enrol("kept").await;
    let (_, face) = enrol("removed").await;
    f.store.close().await.expect("close");
    let db = f.database();
    // As if killed between the commit and the deletion of the files.
    db.execute("DELETE FROM face WHERE id = ?1", [face.id.get()]).expect("delete");
    for removed in [key("removed"), key("never there")] {
        let tombstone = "INSERT INTO picture_tombstone (picture_key, generation, removed) VALUES (?1, 1, 1)";
        db.execute(tombstone, [removed]).expect("insert");
    }
    db.close().expect("close");
    let report = check(f.dir.path(), &f.dir.path().join(OBJECTS), None).expect("check");
    assert_eq!(report.findings, [], "what is to be deleted is no orphan");

    let store = open(f.dir.path()).await.expect("open");
    let f = Folder { store, ..f };
    assert_eq!(f.pictures(), [key("kept")].into());
    f.store.close().await.expect("close");
    let pending = "SELECT COUNT(*) FROM picture_tombstone WHERE deletion IS NULL";
    assert_eq!(f.database().query_row(pending, [], |row| row.get::<_, i64>(0)).expect("count"), 0);
}

#[tokio::test]
async fn writes_survive_a_store_that_was_never_closed() {
    let f = Folder::new().await;
    let library = f.library().await;
    let (person, _) = f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol");
    let copy = tempfile::tempdir().expect("temporary folder");
    // Files as a killed process leaves them, copied while the store is open but idle.
    for name in names(f.dir.path()).into_iter().filter(|name| name.starts_with("aicp.db")) {
        fs::copy(f.dir.path().join(&name), copy.path().join(&name)).expect("copy");
    }
    let store = open(copy.path()).await.expect("open");
    assert_eq!(store.person(person.id).await.expect("read"), Some(person));
    assert!(picture_files(copy.path()).is_empty());
}

#[tokio::test]
async fn fingerprints_of_older_rows_are_filled_in_and_a_missing_picture_stops_nothing() {
    let f = Folder::new().await;
    let library = f.library().await;
    let mut expected = Vec::new();
    for picture in ["p", "q", "lost"] {
        let enrolled = f.store.enrol(library.id, new_person(), face_with(&[0.6, 0.8], "1"), bytes(picture));
        expected.push(enrolled.await.expect("enrol").0.public_id);
    }
    let before = f.store.directory_entries(library.id, &expected).await.expect("read");
    f.store.close().await.expect("close");
    let db = f.database();
    for forget in ["UPDATE face SET picture_md5 = NULL", "UPDATE template SET md5 = NULL"] {
        db.execute(forget, []).expect("as an older version left it");
    }
    db.close().expect("close");
    let (place, elsewhere) = (f.file_of("lost"), f.dir.path().join("elsewhere"));
    fs::rename(&place, &elsewhere).expect("moved away");

    let f = Folder { store: open(f.dir.path()).await.expect("open"), ..f };
    let mut after = f.store.directory_entries(library.id, &expected).await.expect("read");
    assert_eq!(after[2].faces[0].picture_md5.take(), None);
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after[2].faces[0].template, before[2].faces[0].template);
    f.store.close().await.expect("close");
    fs::rename(&elsewhere, &place).expect("moved back");
    let f = Folder { store: open(f.dir.path()).await.expect("open"), ..f };
    assert_eq!(f.store.directory_entries(library.id, &expected).await.expect("read"), before);
}

#[tokio::test]
async fn a_check_reports_what_differs_from_what_was_stored() {
    let f = Folder::new().await;
    let library = f.library().await;
    let enrol =
        async |picture| f.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await.expect("enrol");
    let (sound, damaged, lost) = (enrol("sound").await.1, enrol("damaged").await.1, enrol("lost").await.1);
    f.store.close().await.expect("close");
    let report = check(f.dir.path(), &f.dir.path().join(OBJECTS), None).expect("check");
    assert_eq!((report.findings, report.pictures), (Vec::new(), 3));

    fs::write(f.file_of("damaged"), "?").expect("damage");
    fs::remove_file(f.file_of("lost")).expect("remove");
    fs::write(f.file_of("orphan"), "orphan").expect("write");
    let report = check(f.dir.path(), &f.dir.path().join(OBJECTS), None).expect("check");
    let of_face =
        |face: &aicp_store::Face, fault| Finding::Picture { key: face.picture_key.clone(), face: Some(face.id), fault };
    let expected = [
        of_face(&damaged, "its bytes are not those that were stored"),
        of_face(&lost, "it is not there"),
        Finding::Orphan(f.file_of("orphan")),
    ];
    assert_eq!(report.findings.len(), 3, "{:?}", report.findings);
    assert!(expected.iter().all(|finding| report.findings.contains(finding)), "{:?}", report.findings);
    assert!(!report.findings.iter().any(|finding| finding.to_string().contains(&sound.picture_key)));
}

#[tokio::test]
async fn a_check_finds_the_first_entry_of_the_audit_log_that_is_not_as_it_was_written() {
    let f = Folder::new().await;
    let act = Act {
        at: UnixMillis::new(1),
        actor: "operator:ada".to_owned(),
        address: None,
        request_id: None,
        app_id: Some(APP.to_owned()),
        action: "library.create".to_owned(),
        target: "library 1".to_owned(),
        before: None,
        after: Some("{}".to_owned()),
    };
    for at in 1..=4 {
        f.store.append_act(Act { at: UnixMillis::new(at), ..act.clone() }).await.expect("appended");
    }
    f.store.close().await.expect("close");
    assert_eq!(check(f.dir.path(), &f.dir.path().join(OBJECTS), None).expect("check").findings, []);
    for (edit, broken) in [
        ("DELETE FROM audit WHERE id = 3", 4),
        ("UPDATE audit SET new_state = NULL WHERE id = 2", 2),
        ("DELETE FROM audit WHERE id = 1", 2),
    ] {
        let database = Connection::open(f.dir.path().join("aicp.db")).expect("the database");
        database.execute_batch(edit).expect("an edit");
        drop(database);
        let report = check(f.dir.path(), &f.dir.path().join(OBJECTS), None).expect("check");
        assert_eq!(report.findings, [Finding::Audit(AuditId::new(broken))], "{edit}");
    }
}
