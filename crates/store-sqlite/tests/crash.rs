//! `kill -9` during writes.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use aicp_store::{CopiedFace, NewOutboxRow, OutboxFilter, Page, Solution, Store};
use aicp_types::{FaceId, LibraryId, OutboxId, SystemClock, UnixMillis};
use jiff::tz::TimeZone;

use crate::fixture::{APP, bytes, names, new_face, new_library, new_person, next_id, picture_files};

const DATA_DIR: &str = "AICP_STORE_CRASH_TEST_DIR";

/// Work of the process to kill: records each acknowledged write in a journal, until it is killed.
async fn enrol_and_remove_for_ever(dir: &Path) {
    let store = Store::open(&dir.join("data"), Arc::new(SystemClock), None, TimeZone::UTC).await.expect("open");
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
    let library = store.create_library(new_library("g")).await.expect("library");
    let journal = Arc::new(Mutex::new(fs::File::create(dir.join("journal")).expect("journal")));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let (store, journal) = (store.clone(), journal.clone());
        let note = move |line: String| journal.lock().expect("lock").write_all(line.as_bytes()).expect("note");
        workers.spawn(async move {
            for n in 0.. {
                // Every second picture is shared with the other workers.
                let picture = if n % 2 == 0 { format!("{}", n % 8) } else { format!("{worker} {n}") };
                let (person, face) =
                    store.enrol(library.id, new_person(), new_face(), bytes(&picture)).await.expect("enrol");
                note(format!("enrolled {}\n", face.id));
                match n % 5 {
                    1 => {
                        let copied = CopiedFace { face_id: face.id, file_id: next_id() };
                        store.copy_person(person.id, library.id, new_person(), vec![copied]).await.expect("copy");
                    }
                    2 => {
                        note(format!("removing {}\n", face.id));
                        let other = bytes(&format!("{worker} {n} replaced"));
                        store.replace_faces(person.id, None, new_face(), other).await.expect("replace");
                        note(format!("removed {}\n", face.id));
                    }
                    3 => add_and_undo(&store, library.id, &picture).await,
                    _ => {}
                }
                if n % 3 != 0 {
                    note(format!("removing {}\n", face.id));
                    store.remove_person(person.id).await.expect("remove");
                    note(format!("removed {}\n", face.id));
                }
            }
        });
    }
    workers.join_all().await;
}

/// Leaves an outbox row that is the only reference to its picture.
async fn add_and_undo(store: &Store, library_id: LibraryId, picture: &str) {
    let row = |id| NewOutboxRow {
        id,
        engine: "remote".into(),
        endpoint: "url".into(),
        operation: "add".into(),
        created_at: UnixMillis::new(1),
    };
    let id: OutboxId = next_id();
    let picture = bytes(&format!("{picture} queued"));
    let enqueued = store.enqueue_person(library_id, new_person(), new_face(), picture, row(id)).await;
    store.outbox_attempt(id).await.expect("attempt");
    store
        .enqueue_removal(enqueued.expect("enqueue").0.id, row(OutboxId::new(0)), Box::new(next_id))
        .await
        .expect("remove");
    if id.get() % 2 == 0 {
        store.outbox_postpone(id, true, "no answer").await.expect("postpone");
        store.outbox_solve(id, Solution::default(), None, UnixMillis::new(1)).await.expect("solve");
    }
}

/// Starts this test again, with [`DATA_DIR`] set, as the process to kill.
#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_writes_survive_a_kill() {
    if let Some(dir) = env::var_os(DATA_DIR).map(PathBuf::from) {
        return enrol_and_remove_for_ever(&dir).await;
    }
    for round in 0..3 {
        let dir = tempfile::tempdir().expect("temporary folder");
        kill_at_work(dir.path(), Duration::from_millis(150 + round * 70));

        let mut last_note = BTreeMap::new();
        for line in fs::read_to_string(dir.path().join("journal")).expect("journal").lines() {
            let (what, id) = line.split_once(' ').expect("two words");
            last_note.insert(id.parse::<i64>().expect("id"), what.to_owned());
        }
        let data_dir = dir.path().join("data");
        let store = Store::open(&data_dir, Arc::new(SystemClock), None, TimeZone::UTC).await.expect("open");
        let mut used = BTreeSet::new();
        for id in 1..=last_note.keys().max().expect("some work was done") + 1_000 {
            let face = store.face(FaceId::new(id)).await.expect("read");
            match last_note.get(&id).map(String::as_str) {
                Some("enrolled") => assert!(face.is_some(), "face {id} was acknowledged"),
                Some("removed") => assert!(face.is_none(), "the removal of {id} was acknowledged"),
                _ => {}
            }
            if let Some(face) = face {
                store.picture(&face.picture_key).await.expect("a committed face has its picture");
                used.insert(face.picture_key);
            }
        }
        let unsolved = OutboxFilter { solved: Some(false), ..OutboxFilter::default() };
        for row in store.outbox_page(unsolved, Page::ALL).await.expect("read").1 {
            let key = row.picture_key.expect("all of them add a face");
            store.picture(&key).await.expect("a row has its picture");
            used.insert(key);
        }
        assert_eq!(picture_files(&data_dir), used, "no other picture is left");
        assert!(names(&data_dir.join("objects/incoming")).is_empty());
        store.close().await.expect("close");
    }
}

/// Starts the victim and kills it `after` its first acknowledgement.
fn kill_at_work(dir: &Path, after: Duration) {
    let mut victim = Command::new(env::current_exe().expect("own path"))
        .args(["--exact", "crash::acknowledged_writes_survive_a_kill"])
        .env(DATA_DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .expect("start");
    let patience = Instant::now() + Duration::from_secs(30);
    let at_work = || fs::metadata(dir.join("journal")).is_ok_and(|journal| journal.len() > 0);
    while !at_work() && Instant::now() < patience {
        thread::sleep(Duration::from_millis(5));
    }
    thread::sleep(after);
    victim.kill().expect("kill");
    let status = victim.wait().expect("wait");
    assert_eq!(status.signal(), Some(9), "it was still at work");
}
