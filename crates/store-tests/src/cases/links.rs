//! Links: second names of the pictures of outbox rows.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aicp_blobs::LocalBlobs;
use aicp_store::{BlobKey, Error, Face, Job, Library, OutboxRow, Person, Space};
use aicp_types::UnixMillis;

use crate::Harness;
use crate::control::Controlled;
use crate::fixture::{Fixture, bytes, key, names, new_face, new_outbox_row, new_person};

/// A person whose only face is pending, with its outbox row.
struct Waiting {
    person: Person,
    face: Face,
    row: OutboxRow,
}

impl Fixture {
    async fn waiting(&self, library: &Library, picture: &str) -> Waiting {
        let of = library.clone();
        let insert = self.store.write_with_picture::<_, Error, _>(bytes(picture), move |tx, picture| {
            Box::pin(async move {
                let person = tx.insert_person(of.id, new_person()).await?;
                let face = tx.insert_face(person.id, new_face(), picture, true).await?;
                let row = OutboxRow { listed: true, ..new_outbox_row(&of, &person, &face) };
                tx.insert_outbox(row.clone()).await?;
                Ok(Waiting { person, face, row })
            })
        });
        insert.await.expect("insert")
    }

    async fn link(&self, row: &OutboxRow, name: &str) -> Option<PathBuf> {
        let key = row.picture_key.as_deref().expect("a picture");
        self.store.outbox_picture_file(row.id, key, name.to_owned()).await.expect("link")
    }

    async fn solve(&self, row: &OutboxRow) {
        let row = OutboxRow { solved_at: Some(UnixMillis::new(77)), ..row.clone() };
        self.store.update_outbox(row).await.expect("solve");
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).ino()
}

pub async fn a_picture_gets_a_second_name_when_it_is_asked_for(harness: Box<dyn Harness>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let pictures = LocalBlobs::open(folder.path()).expect("a folder of pictures");
    let f = Fixture::with_blobs(harness, Arc::new(pictures)).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    assert!(!f.links().exists(), "nobody asked");
    let path = f.link(&waiting.row, "20200628/1.jpg").await.expect("a file");
    assert_eq!(path, f.links().join("20200628/1.jpg"));
    assert_eq!(fs::read(&path).expect("read"), b"p");
    let place = f.blobs.path(&BlobKey::of(b"p")).expect("pictures are files");
    assert_eq!(inode(&path), inode(&place), "no copy");

    // An existing link is returned, a deleted one created again.
    assert_eq!(f.link(&waiting.row, "20200628/1.jpg").await.as_deref(), Some(path.as_path()));
    fs::remove_file(&path).expect("remove");
    assert_eq!(f.link(&waiting.row, "20200628/1.jpg").await.as_deref(), Some(path.as_path()));
    assert_eq!(inode(&path), inode(&place));
}

pub async fn a_picture_that_is_no_file_is_copied(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    let path = f.link(&waiting.row, "d/1.jpg").await.expect("a file");
    assert_eq!(path, f.links().join("d/1.jpg"));
    assert_eq!(fs::read(&path).expect("read"), b"p");
    assert_eq!(names(&f.links().join("d")), ["1.jpg"]);
    assert_eq!(f.link(&waiting.row, "d/1.jpg").await, Some(path));
}

pub async fn a_link_goes_with_its_row_even_if_others_have_the_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (first, second) = (f.waiting(&library, "p").await, f.waiting(&library, "p").await);
    let gone = f.link(&first.row, "d/1.jpg").await.expect("a file");
    let kept = f.link(&second.row, "d/2.jpg").await.expect("a file");
    f.store.delete_outbox(first.row.id).await.expect("delete");
    assert!(!gone.exists());
    assert_eq!(fs::read(&kept).expect("read"), b"p");
    assert_eq!(f.link(&first.row, "d/1.jpg").await, None, "the row is gone");
    assert!(!gone.exists());
    f.store.delete_outbox(second.row.id).await.expect("delete");
    assert!(!kept.exists());
    f.store.remove_person(first.person.id).await.expect("remove");
    f.store.remove_face(second.face.id).await.expect("remove");

    let third = f.waiting(&library, "p").await;
    let gone = f.link(&third.row, "d/3.jpg").await.expect("a file");
    f.store.delete_library(library.id).await.expect("delete");
    assert!(!gone.exists());
    assert!(f.pictures().await.is_empty());
}

pub async fn the_link_of_a_solved_row_lives_as_long_as_the_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    f.solve(&waiting.row).await;
    let path = f.link(&waiting.row, "d/1.jpg").await.expect("a file");
    assert_eq!(fs::read(&path).expect("read"), b"p");
    f.store.remove_person(waiting.person.id).await.expect("remove");
    assert!(!path.exists());
    assert_eq!(f.link(&waiting.row, "d/1.jpg").await, None);
}

pub async fn the_link_of_a_row_stays_until_the_row_releases_its_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    f.store.remove_person(waiting.person.id).await.expect("remove");
    let path = f.link(&waiting.row, "d/1.jpg").await.expect("a file");
    let solved = OutboxRow { solved_at: Some(UnixMillis::new(77)), ..waiting.row.clone() };
    f.store.update_outbox_and_release_picture(solved).await.expect("solve");
    assert!(!path.exists());
    assert!(f.pictures().await.is_empty());
    assert_eq!(f.link(&waiting.row, "d/1.jpg").await, None);
}

pub async fn opening_takes_away_the_links_that_a_broken_off_run_left(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    let path = f.link(&waiting.row, "d/1.jpg").await.expect("a file");
    f.store.remove_person(waiting.person.id).await.expect("remove");
    f.store.close().await.expect("close");
    // As if killed before the link was removed.
    let database = f.harness.open().await.expect("database");
    let id = waiting.row.id;
    let deletion: Job =
        Box::new(move |tx| Box::pin(async move { tx.delete_outbox(id, UnixMillis::new(1)).await.is_ok() }));
    database.write(deletion, Space::Freed).await.expect("write");
    database.close().await.expect("close");
    assert!(path.exists());
    let f = f.reopen().await;
    assert!(!path.exists());
    f.wait_for_pictures(&[]).await;
    let f = f.reopen().await;
    assert!(names(&f.links()).is_empty(), "empty folders go");
    assert!(!f.pictures().await.contains(&key("p")));
}

pub async fn a_link_that_is_made_while_its_row_goes_does_not_stay(harness: Box<dyn Harness>) {
    let blobs = Arc::new(Controlled::default());
    let f = Fixture::with_blobs(harness, blobs.clone()).await;
    let library = f.library("g").await;
    let waiting = f.waiting(&library, "p").await;
    blobs.after_get.close();
    let (store, id) = (f.store.clone(), waiting.row.id);
    let linking = tokio::spawn(async move { store.outbox_picture_file(id, &key("p"), "d/1.jpg".to_owned()).await });
    blobs.after_get.arrival().await;
    f.store.delete_outbox(id).await.expect("delete");
    blobs.after_get.open();
    assert_eq!(linking.await.expect("no panic").expect("link"), None);
    assert!(!f.links().join("d/1.jpg").exists());
}

pub async fn a_link_that_cannot_be_removed_holds_up_no_other(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (first, second) = (f.waiting(&library, "p").await, f.waiting(&library, "q").await);
    let stuck = f.link(&first.row, "d/1.jpg").await.expect("a file");
    let gone = f.link(&second.row, "d/2.jpg").await.expect("a file");
    fs::remove_file(&stuck).expect("remove");
    fs::create_dir(&stuck).expect("a folder can't be removed as a file");
    for row in [&first.row, &second.row] {
        f.store.delete_outbox(row.id).await.expect("delete");
    }
    assert!(stuck.exists() && !gone.exists());
    let f = f.reopen().await;
    fs::remove_dir(&stuck).expect("remove");
    fs::write(&stuck, "p").expect("write");
    let f = f.reopen().await;
    assert!(!stuck.exists(), "it was not forgotten");
    drop(f);
}
