//! Reopening, also after an abnormal end.

use std::fs;
use std::sync::Arc;

use aicp_store::{Error, Store};
use aicp_types::SystemClock;
use jiff::tz::TimeZone;
use rusqlite::Connection;

use crate::fixture::{Fixture, key, names, picture_files};

fn database(f: &Fixture) -> Connection {
    Connection::open(f.dir.path().join("aicp.db")).expect("database")
}

#[tokio::test]
async fn a_second_open_is_refused_until_the_first_is_closed() {
    let f = Fixture::new().await;
    let second = Store::open(f.dir.path(), Arc::new(SystemClock), None, TimeZone::UTC).await;
    assert!(matches!(second, Err(Error::InUse { path }) if path == f.dir.path().join("lock")));
    f.store.close().await.expect("close");
    Store::open(f.dir.path(), Arc::new(SystemClock), None, TimeZone::UTC)
        .await
        .expect("free")
        .close()
        .await
        .expect("close");
}

#[tokio::test]
async fn closing_folds_the_log_into_the_file() {
    let f = Fixture::new().await;
    f.library("g").await;
    f.store.close().await.expect("close");
    let mut left = names(f.dir.path());
    left.sort();
    assert_eq!(left, ["aicp.db", "lock", "objects", "reserve"]);
}

#[tokio::test]
async fn staged_pictures_are_put_in_place_if_a_row_refers_to_them_and_deleted_if_not() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    f.enrol(&library, "committed").await;
    f.enrol(&library, "in place").await;
    f.store.close().await.expect("close");
    let incoming = f.incoming();
    let committed = key("committed");
    let place = f.dir.path().join("objects").join(&committed[..2]).join(&committed[2..]);
    fs::rename(&place, incoming.join(format!("{committed}.7"))).expect("as if killed before the move");
    fs::write(incoming.join(format!("{}.8", key("uncommitted"))), "uncommitted").expect("write");
    fs::write(incoming.join(format!("{}.9", key("in place"))), "in pl").expect("a write cut short");
    fs::write(incoming.join("what is this"), "?").expect("write");

    let f = f.reopen().await;
    assert!(names(&incoming).is_empty());
    assert_eq!(f.picture_files(), [key("committed"), key("in place")].into());
    assert_eq!(f.store.picture(&committed).await.expect("picture"), b"committed");
    assert_eq!(f.store.picture(&key("in place")).await.expect("picture"), b"in place");
}

#[tokio::test]
async fn removals_are_finished() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    f.enrol(&library, "kept").await;
    let (_, face) = f.enrol(&library, "removed").await;
    f.store.close().await.expect("close");
    let db = database(&f);
    // As if killed between the commits and the deletion of the files.
    db.execute("DELETE FROM face WHERE id = $1", [face.id.get()]).expect("delete");
    for removed in [key("kept"), key("removed"), key("never there"), "no key at all".to_owned()] {
        db.execute("INSERT INTO removed_picture (picture_key) VALUES ($1)", [removed]).expect("insert");
    }
    db.close().expect("close");

    let f = f.reopen().await;
    assert_eq!(f.picture_files(), [key("kept")].into());
    f.store.close().await.expect("close");
    let count = "SELECT COUNT(*) FROM removed_picture";
    let pending: i64 = database(&f).query_row(count, [], |row| row.get(0)).expect("count");
    assert_eq!(pending, 0);
}

#[tokio::test]
async fn writes_survive_a_store_that_was_never_closed() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    let copy = tempfile::tempdir().expect("temporary folder");
    // Files as a killed process leaves them, copied while the store is open but idle.
    for name in names(f.dir.path()).into_iter().filter(|name| name.starts_with("aicp.db")) {
        fs::copy(f.dir.path().join(&name), copy.path().join(&name)).expect("copy");
    }
    let store = Store::open(copy.path(), Arc::new(SystemClock), None, TimeZone::UTC).await.expect("open");
    assert_eq!(store.person(person.id).await.expect("read"), Some(person));
    assert!(picture_files(copy.path()).is_empty());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error() {
    let f = Fixture::new().await;
    let under_a_file = f.dir.path().join("lock/data");
    assert!(matches!(
        Store::open(&under_a_file, Arc::new(SystemClock), None, TimeZone::UTC).await,
        Err(Error::Io { .. })
    ));
}

#[tokio::test]
async fn fingerprints_of_older_rows_are_filled_in_and_a_missing_picture_stops_nothing() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let mut expected = Vec::new();
    for picture in ["p", "q", "lost"] {
        let face = crate::fixture::face_with(&[0.6, 0.8], "1");
        let enrolled = f.store.enrol(library.id, crate::fixture::new_person(), face, crate::fixture::bytes(picture));
        expected.push(enrolled.await.expect("enrol").0.public_id);
    }
    let before = f.store.directory_entries(library.id, &expected).await.expect("read");
    f.store.close().await.expect("close");
    let db = database(&f);
    for forget in ["UPDATE face SET picture_md5 = NULL", "UPDATE template SET md5 = NULL"] {
        db.execute(forget, []).expect("as an older version left it");
    }
    db.close().expect("close");
    let lost = key("lost");
    let place = f.dir.path().join("objects").join(&lost[..2]).join(&lost[2..]);
    fs::rename(&place, f.dir.path().join("elsewhere")).expect("moved away");

    let f = f.reopen().await;
    let mut after = f.store.directory_entries(library.id, &expected).await.expect("read");
    assert_eq!(after[2].faces[0].picture_md5.take(), None);
    assert_eq!(after[..2], before[..2]);
    assert_eq!(after[2].faces[0].template, before[2].faces[0].template);
    f.store.close().await.expect("close");
    fs::rename(f.dir.path().join("elsewhere"), place).expect("moved back");
    let f = f.reopen().await;
    assert_eq!(f.store.directory_entries(library.id, &expected).await.expect("read"), before);
}
