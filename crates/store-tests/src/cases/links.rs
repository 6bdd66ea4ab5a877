//! Links: second names of the pictures of outbox rows.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aicp_store::{Face, Library, Person, Solution};
use aicp_types::{OutboxId, UnixMillis};
use rusqlite::Connection;

use crate::fixture::{Fixture, bytes, key, names, new_face, new_outbox_row, new_person};

/// A person whose only face is pending, with the id of its outbox row.
struct Waiting {
    person: Person,
    face: Face,
    row: i64,
}

impl Fixture {
    async fn waiting(&self, library: &Library, picture: &str) -> Waiting {
        let new = new_outbox_row();
        let id = new.id;
        let enqueued = self.store.enqueue_person(library.id, new_person(), new_face(), bytes(picture), new).await;
        let (person, face) = enqueued.expect("enqueue");
        self.store.outbox_attempt(id).await.expect("attempt");
        self.store.outbox_postpone(id, false, "no answer").await.expect("postpone");
        Waiting { person, face, row: id.get() }
    }

    async fn link(&self, row: i64, name: &str) -> Option<PathBuf> {
        let row = self.store.outbox_row(OutboxId::new(row)).await.expect("read").expect("row");
        self.store.outbox_picture_file(&row, name.to_owned()).await.expect("link")
    }

    fn links(&self) -> PathBuf {
        self.dir.path().join("highAvailability/picture")
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).ino()
}

#[tokio::test]
async fn a_picture_gets_a_second_name_when_it_is_asked_for() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    assert!(!f.links().exists(), "nobody asked");
    let path = f.link(waiting.row, "20200628/1.jpg").await.expect("a file");
    assert_eq!(path, f.links().join("20200628/1.jpg"));
    assert_eq!(fs::read(&path).expect("read"), b"p");
    let key = key("p");
    let place = f.dir.path().join("objects").join(&key[..2]).join(&key[2..]);
    assert_eq!(inode(&path), inode(&place), "no copy");

    // An existing link is returned, a deleted one created again.
    assert_eq!(f.link(waiting.row, "20200628/1.jpg").await.as_deref(), Some(path.as_path()));
    fs::remove_file(&path).expect("remove");
    assert_eq!(f.link(waiting.row, "20200628/1.jpg").await.as_deref(), Some(path.as_path()));
    assert_eq!(inode(&path), inode(&place));
}

#[tokio::test]
async fn a_link_goes_with_its_row_even_if_others_have_the_picture() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (first, second) = (f.waiting(&library, "p").await, f.waiting(&library, "p").await);
    let gone = f.link(first.row, "d/1.jpg").await.expect("a file");
    let kept = f.link(second.row, "d/2.jpg").await.expect("a file");
    let read = f.store.outbox_row(OutboxId::new(first.row)).await.expect("read").expect("row");
    f.store.remove_person(first.person.id).await.expect("remove");
    assert!(!gone.exists());
    assert_eq!(fs::read(&kept).expect("read"), b"p");
    let late = f.store.outbox_picture_file(&read, "d/1.jpg".to_owned()).await.expect("answered");
    assert_eq!(late, None, "the row is gone");
    assert!(!gone.exists());
    f.store.remove_face(second.face.id).await.expect("remove");
    assert!(!kept.exists());

    let third = f.waiting(&library, "p").await;
    let gone = f.link(third.row, "d/3.jpg").await.expect("a file");
    f.store.delete_library(library.id).await.expect("delete");
    assert!(!gone.exists());
    assert!(f.picture_files().is_empty());
}

#[tokio::test]
async fn the_link_of_a_solved_row_lives_as_long_as_the_picture() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    f.store
        .outbox_solve(OutboxId::new(waiting.row), Solution::default(), None, UnixMillis::new(77))
        .await
        .expect("solve");
    let path = f.link(waiting.row, "d/1.jpg").await.expect("a file");
    assert_eq!(fs::read(&path).expect("read"), b"p");
    f.store.remove_person(waiting.person.id).await.expect("remove");
    assert!(!path.exists());
    assert_eq!(f.link(waiting.row, "d/1.jpg").await, None);
}

#[tokio::test]
async fn the_link_of_a_write_that_must_be_undone_stays_until_it_is() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    f.store.outbox_attempt(OutboxId::new(waiting.row)).await.expect("attempt");
    f.store.outbox_postpone(OutboxId::new(waiting.row), true, "no answer").await.expect("postpone");
    f.store.remove_person(waiting.person.id).await.expect("remove");
    let path = f.link(waiting.row, "d/1.jpg").await.expect("a file");
    f.store
        .outbox_solve(OutboxId::new(waiting.row), Solution::default(), None, UnixMillis::new(77))
        .await
        .expect("solve");
    assert!(!path.exists());
}

#[tokio::test]
async fn opening_takes_away_the_links_that_a_broken_off_run_left() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    let path = f.link(waiting.row, "d/1.jpg").await.expect("a file");
    f.store.close().await.expect("close");
    let database = Connection::open(f.dir.path().join("aicp.db")).expect("database");
    database.execute("DELETE FROM outbox", []).expect("as if killed before the link was unlinked");
    database.close().expect("close");
    assert!(path.exists());
    let f = f.reopen().await;
    assert!(!path.exists());
    let f = f.reopen().await;
    assert!(names(&f.links()).is_empty(), "empty folders go");
}
