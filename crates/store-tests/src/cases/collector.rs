//! Deletion of pictures, also while equal ones are stored.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aicp_blobs::BlobKey;
use aicp_store::{BulkPerson, Error, Face, Job, Library, Page, Person, Result, Space};
use aicp_types::{Clock, ManualClock, SystemClock, UnixMillis};
use futures_util::future::join_all;
use tokio::task::JoinHandle;

use crate::Harness;
use crate::control::Controlled;
use crate::fixture::{APP, Fixture, PATIENCE, bytes, key, named, new_face, new_person, stored};

async fn controlled(harness: Box<dyn Harness>) -> (Fixture, Arc<Controlled>) {
    let blobs = Arc::new(Controlled::default());
    (Fixture::with_blobs(harness, blobs.clone()).await, blobs)
}

impl Fixture {
    /// Enrols a person in the library `g`, on another task.
    async fn enrolling(&self, picture: &'static str) -> JoinHandle<Result<(Person, Face)>> {
        let library = self.store.library(APP, "g").await.expect("read").expect("library");
        let store = self.store.clone();
        tokio::spawn(async move { store.enrol(library.id, new_person(), new_face(), bytes(picture)).await })
    }

    fn removing(&self, person: &Person) -> JoinHandle<Result<()>> {
        let (store, id) = (self.store.clone(), person.id);
        tokio::spawn(async move { store.remove_person(id).await })
    }

    /// Asserts that the picture of a person is stored, is not about to be deleted, and goes with the person.
    async fn assert_kept(self, person: &Person, picture: &str) {
        assert_eq!(self.store.picture(&key(picture)).await.expect("picture"), picture.as_bytes());
        // Opening would delete a picture that has a tombstone.
        let f = self.reopen().await;
        assert_eq!(f.store.picture(&key(picture)).await.expect("picture"), picture.as_bytes());
        f.store.remove_person(person.id).await.expect("remove");
        assert!(f.pictures().await.is_empty());
    }
}

async fn finished<T>(task: JoinHandle<Result<T>>) -> T {
    let joined = tokio::time::timeout(PATIENCE, task).await.expect("it ends");
    joined.expect("no panic").expect("it succeeds")
}

pub async fn a_refused_write_leaves_no_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.store.enrol(library.id, named("taken"), new_face(), bytes("used")).await.expect("enrol");
    for picture in ["used", "new"] {
        let refused = f.store.enrol(library.id, named("taken"), new_face(), bytes(picture)).await;
        assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
        assert_eq!(f.pictures().await, [key("used")].into());
    }
    let refused: Result<()> = f
        .store
        .write_with_pictures(vec![bytes("1"), bytes("used"), bytes("1")], |_, names| {
            assert_eq!(
                names.iter().map(|name| name.key.as_str()).collect::<Vec<_>>(),
                [key("1"), key("used"), key("1")]
            );
            Box::pin(std::future::ready(Err(Error::NotFound)))
        })
        .await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert_eq!(f.pictures().await, [key("used")].into());
}

pub async fn a_picture_that_cannot_be_stored_is_an_error(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    blobs.fails.store(true, Ordering::SeqCst);
    let refused = f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await;
    assert!(matches!(refused, Err(Error::Blobs(_))), "{refused:?}");
    assert_eq!(f.store.counts().await.expect("counts").people, 0);
    blobs.fails.store(false, Ordering::SeqCst);
    f.enrol(&library, "p").await;
}

pub async fn a_deletion_that_fails_is_made_up_for_by_the_next_removal(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (first, second) = (f.enrol(&library, "p").await.0, f.enrol(&library, "q").await.0);
    blobs.fails.store(true, Ordering::SeqCst);
    f.store.remove_person(first.id).await.expect("the row is gone");
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    blobs.fails.store(false, Ordering::SeqCst);
    f.store.remove_person(second.id).await.expect("remove");
    f.wait_for_pictures(&[]).await;
}

pub async fn a_picture_that_cannot_be_deleted_holds_up_no_other(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let people = ["a", "b", "c", "d"].map(|picture| async { f.enrol(&library, picture).await.0 });
    let [a, b, c, d] = join_all(people).await.try_into().expect("four");
    blobs.stick(&["b"]);
    let (removed, now) = ([a.id, b.id, c.id], SystemClock.now());
    let remove = f.store.remove(move |tx| {
        Box::pin(async move {
            for id in removed {
                tx.remove_person(id, now).await?;
            }
            Ok(())
        })
    });
    remove.await.map_err(|error: Error| error).expect("remove");
    assert_eq!(f.pictures().await, [key("b"), key("d")].into());
    blobs.stick(&[]);
    f.store.remove_person(d.id).await.expect("remove");
    f.wait_for_pictures(&[]).await;
}

pub async fn a_small_removal_does_not_wait_for_a_large_one(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let (large, small) = (f.library("large").await, f.library("small").await);
    let (person, _) = f.enrol(&small, "small").await;
    let faces = (0..2500).map(|number| (new_face(), number)).collect();
    let many = (0..2500).map(|number: usize| bytes(&number.to_string())).collect();
    let crowd = BulkPerson { person: new_person(), faces };
    f.store.add_people(large.id, vec![crowd], many).await.expect("add");
    blobs.before_delete.close();
    let store = f.store.clone();
    let removing_all = tokio::spawn(async move { store.delete_library(large.id).await });
    blobs.before_delete.arrival().await;
    let removing_one = f.removing(&person);
    while f.store.person(person.id).await.expect("read").is_some() {
        tokio::task::yield_now().await;
    }
    // Its request comes after the commit.
    for _ in 0..2 {
        blobs.before_delete.let_one_go();
        blobs.before_delete.arrival().await;
    }
    assert!(!f.pictures().await.contains(&key("small")) || !removing_one.is_finished());
    blobs.before_delete.let_one_go();
    finished(removing_one).await;
    let left = f.pictures().await;
    assert!(
        !left.contains(&key("small")) && !left.is_empty() && !removing_all.is_finished(),
        "{} are left",
        left.len()
    );
    blobs.before_delete.open();
    finished(removing_all).await;
    assert!(f.pictures().await.is_empty());
}

pub async fn a_removal_that_releases_no_picture_waits_for_no_other(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (first, other) = (f.enrol(&library, "p").await.0, f.enrol(&library, "q").await.0);
    f.enrol(&library, "p").await;
    blobs.before_delete.close();
    let removing = f.removing(&other);
    blobs.before_delete.arrival().await;
    finished(f.removing(&first)).await;
    blobs.before_delete.open();
    finished(removing).await;
    assert_eq!(f.pictures().await, [key("p")].into());
}

pub async fn the_picture_of_a_removal_that_nobody_waits_for_is_deleted(harness: Box<dyn Harness>) {
    let (f, control) = Fixture::on_controlled_database(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    control.after_write.close();
    let removing = f.removing(&person);
    control.after_write.arrival().await;
    removing.abort();
    removing.await.expect_err("it was given up after the commit");
    f.wait_for_pictures(&[]).await;
}

pub async fn a_picture_stored_before_an_equal_one_is_deleted_is_stored_again(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.after_put.close();
    let enrolling = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    f.store.remove_person(person.id).await.expect("remove");
    assert!(f.pictures().await.is_empty(), "no row refers to it yet");
    blobs.after_put.open();
    let (person, _) = finished(enrolling).await;
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_stored_while_an_equal_one_is_deleted_is_stored_again(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.before_delete.close();
    let removing = f.removing(&person);
    blobs.before_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.before_delete.open();
    finished(removing).await;
    let (person, _) = finished(enrolling).await;
    assert_eq!(blobs.puts(), before + 2, "once too early");
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_stored_after_an_equal_one_is_deleted_needs_the_mark_of_that(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.after_delete.close();
    let removing = f.removing(&person);
    blobs.after_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.after_delete.open();
    finished(removing).await;
    let (person, _) = finished(enrolling).await;
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_is_not_lost_if_an_equal_one_comes_and_goes_before_its_row(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (first, _) = f.enrol(&library, "p").await;
    blobs.after_put.close();
    let held_up = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    f.store.remove_person(first.id).await.expect("remove");
    // It has seen that deletion, has stored the picture again, and is held up before its row.
    blobs.after_put.let_one_go();
    blobs.after_put.arrival().await;
    blobs.after_put.is_closed.store(false, Ordering::SeqCst);
    let (second, _) = f.enrol(&library, "p").await;
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
    blobs.after_put.let_one_go();
    let (person, _) = finished(held_up).await;
    f.assert_kept(&person, "p").await;
}

pub async fn the_picture_of_a_write_that_was_given_up_is_deleted(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    f.library("g").await;
    blobs.before_put.close();
    let enrolling = f.enrolling("p").await;
    blobs.before_put.arrival().await;
    enrolling.abort();
    enrolling.await.expect_err("it was given up");
    blobs.before_put.open();
    while blobs.puts() == 0 {
        tokio::task::yield_now().await;
    }
    f.wait_for_pictures(&[]).await;
    assert_eq!(f.store.counts().await.expect("counts").people, 0);
}

pub async fn a_tombstone_lasts_as_long_as_a_write_that_needs_it_whatever_the_clock_says(harness: Box<dyn Harness>) {
    let (blobs, clock) = (Arc::new(Controlled::default()), Arc::new(ManualClock::at(UnixMillis::new(1_000_000))));
    let f = Fixture::with_clock(harness, blobs.clone(), clock.clone()).await;
    let library = f.library("g").await;
    let (first, _) = f.enrol(&library, "p").await;
    let (second, _) = f.enrol(&library, "q").await;
    blobs.after_put.close();
    let held_up = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    f.store.remove_person(first.id).await.expect("remove");
    // Later deletions do not make the store forget that one.
    clock.advance(Duration::from_secs(7200));
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
    let before = blobs.puts();
    blobs.after_put.open();
    let (person, _) = finished(held_up).await;
    assert_eq!(blobs.puts(), before + 1, "it has seen the deletion and was stored again");
    f.assert_kept(&person, "p").await;
}

pub async fn tombstones_that_no_write_needs_are_forgotten(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    f.store.remove_person(person.id).await.expect("remove");
    let before = blobs.puts();
    let (person, _) = f.enrol(&library, "p").await;
    assert_eq!(blobs.puts(), before + 1);
    f.assert_kept(&person, "p").await;
}

pub async fn a_sweep_deletes_pictures_that_no_row_refers_to_and_no_others(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.enrol(&library, "used").await;
    let abandoned = ["a", "b", "c"].map(|picture| (BlobKey::of(picture.as_bytes()), bytes(picture)));
    f.blobs.put(&abandoned).await.expect("as if killed before the commit");
    let f = f.reopen().await;
    assert_eq!(f.pictures().await.len(), 4, "opening alone deletes none");
    assert_eq!(f.store.sweep().await.expect("sweep"), 3);
    assert_eq!(f.pictures().await, [key("used")].into());
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "used").await;
}

pub async fn a_sweep_deletes_nothing_if_the_database_may_be_another_one(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let put = async |numbers: std::ops::Range<usize>| {
        let pictures = numbers.map(|number| bytes(&number.to_string()));
        let pictures: Vec<_> = pictures.map(|picture| (BlobKey::of(&picture), picture)).collect();
        f.blobs.put(&pictures).await.expect("put");
    };
    put(0..1).await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 0);
    assert_eq!(f.pictures().await.len(), 1, "no row has a picture: the database may be new");
    f.enrol(&library, "used").await;
    put(1..1025).await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 0);
    assert_eq!(f.pictures().await.len(), 1026, "interrupted writes leave fewer: the database may be older");
    f.enrol(&library, "0").await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 1024);
    assert_eq!(f.pictures().await, [key("used"), key("0")].into());
}

async fn only_person(f: &Fixture, library: &Library) -> Person {
    let people = f.store.people(library.id, Page::ALL).await.expect("read");
    let [person] = &people[..] else { panic!("{people:?}") };
    person.clone()
}

pub async fn a_picture_that_is_swept_while_an_equal_one_is_stored_is_not_lost(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (other, _) = f.enrol(&library, "q").await;
    f.blobs.put(&[(BlobKey::of(b"p"), bytes("p"))]).await.expect("put");
    blobs.before_delete.close();
    f.store.keep_sweeping();
    blobs.before_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.before_delete.open();
    let (person, _) = finished(enrolling).await;
    f.store.remove_person(other.id).await.expect("remove");
    f.assert_kept(&person, "p").await;
}

pub async fn opening_finishes_the_removals_of_before(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (removed, _) = f.enrol(&library, "removed").await;
    let (shared, _) = f.enrol(&library, "shared").await;
    f.enrol(&library, "shared").await;
    f.store.close().await.expect("close");
    // As if killed between the commit and the deletion of the pictures.
    let database = f.harness.open().await.expect("database");
    for id in [removed.id, shared.id] {
        let removal: Job =
            Box::new(move |tx| Box::pin(async move { tx.remove_person(id, UnixMillis::new(1)).await.is_ok() }));
        database.write(removal, Space::Freed).await.expect("write");
    }
    database.close().await.expect("close");
    assert_eq!(stored(&*f.blobs).await, [key("removed"), key("shared")].into());

    let f = f.reopen().await;
    assert_eq!(f.pictures().await, [key("shared")].into(), "when it is open, that is done");
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "shared").await;
}

pub async fn a_picture_stays_if_its_row_may_be_committed(harness: Box<dyn Harness>) {
    let (f, doubts) = Fixture::on_controlled_database(harness).await;
    let library = f.library("g").await;
    doubts.is_in_doubt.store(true, Ordering::SeqCst);
    for (commits, picture) in [(true, "committed"), (false, "lost")] {
        doubts.commits.store(commits, Ordering::SeqCst);
        let enrolled = f.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await;
        assert!(matches!(enrolled, Err(Error::InDoubt(_))), "{enrolled:?}");
    }
    doubts.is_in_doubt.store(false, Ordering::SeqCst);
    assert_eq!(f.pictures().await, [key("committed"), key("lost")].into());
    let f = f.reopen().await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 1);
    assert_eq!(f.pictures().await, [key("committed")].into());
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "committed").await;
}

pub async fn a_picture_that_a_write_removes_and_stores_again_is_kept(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    f.store.replace_faces(person.id, new_face(), bytes("p")).await.expect("replace");
    f.assert_kept(&person, "p").await;
}
