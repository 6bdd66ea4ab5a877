//! `kill -9` during writes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use aicp_store::{CopiedFace, Error, Library, OutboxFilter, OutboxRow, Page};
use aicp_store_tests::fixture::{APP, bytes, names, new_face, new_library, new_outbox_row, new_person, next_id};
use aicp_store_tests::handle::Handle;
use aicp_types::{FaceId, SystemClock, UnixMillis};

const DATA_DIR: &str = "AICP_STORE_CRASH_TEST_DIR";

/// Work of the process to kill: records each acknowledged write in a journal, until it is killed.
async fn enrol_and_remove_for_ever(dir: &Path) {
    let store = open(&dir.join("data")).await;
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
    let library = store.insert_library(new_library("g")).await.expect("library");
    let journal = Arc::new(Mutex::new(fs::File::create(dir.join("journal")).expect("journal")));
    let mut workers = tokio::task::JoinSet::new();
    for worker in 0..8 {
        let (store, journal, library) = (store.clone(), journal.clone(), library.clone());
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
                        store.replace_faces(person.id, new_face(), other).await.expect("replace");
                        note(format!("removed {}\n", face.id));
                    }
                    3 => queue_and_forget(&store, &library, &picture).await,
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

/// Leaves an outbox row that is the only reference to its picture; every second one releases it.
async fn queue_and_forget(store: &Handle, library: &Library, picture: &str) {
    let (of, picture) = (library.clone(), bytes(&format!("{picture} queued")));
    let queued = store.write_with_picture::<_, Error, _>(picture, move |tx, picture| {
        Box::pin(async move {
            let person = tx.insert_person(of.id, new_person()).await?;
            let face = tx.insert_face(person.id, new_face(), picture, true).await?;
            let row = OutboxRow { listed: true, ..new_outbox_row(&of, &person, &face) };
            tx.insert_outbox(row.clone()).await?;
            Ok((person, row))
        })
    });
    let (person, row) = queued.await.expect("queue");
    store.remove_person(person.id).await.expect("remove");
    if row.id.get() % 2 == 0 {
        let solved = OutboxRow { solved_at: Some(UnixMillis::new(1)), ..row };
        store.update_outbox_and_release_picture(solved).await.expect("solve");
    }
}

async fn open(data_dir: &Path) -> Handle {
    Handle(aicp_store_sqlite::open(data_dir, Arc::new(SystemClock)).await.expect("open"))
}

/// Returns the keys of all pictures.
fn picture_files(data_dir: &Path) -> BTreeSet<String> {
    let objects = data_dir.join("objects");
    let shards = names(&objects).into_iter().filter(|name| name != "incoming");
    shards
        .flat_map(|shard| names(&objects.join(&shard)).into_iter().map(move |rest| format!("{shard}{rest}")))
        .collect()
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
        let store = open(&data_dir).await;
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
        store.sweep().await.expect("sweep");
        assert_eq!(picture_files(&data_dir), used);
        assert!(names(&data_dir.join("objects/incoming")).is_empty());
        store.close().await.expect("close");
    }
}

/// Starts the victim and kills it `after` its first acknowledgement.
fn kill_at_work(dir: &Path, after: Duration) {
    let mut victim = Command::new(env::current_exe().expect("own path"))
        .args(["--exact", "acknowledged_writes_survive_a_kill"])
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
