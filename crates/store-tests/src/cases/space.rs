//! What is possible on a full disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use aicp_blobs::BlobKey;
use aicp_store::{Error, Job, Space, md5_hex};

use crate::Harness;
use crate::control::{Controlled, ControlledHarness};
use crate::fixture::{Fixture, bytes, face_with, new_face, new_person};

pub async fn an_enrolment_on_a_full_disk_stores_no_picture(harness: Box<dyn Harness>) {
    let control = Arc::default();
    let (blobs, harness) =
        (Arc::new(Controlled::default()), ControlledHarness { harness, control: Arc::clone(&control) });
    let f = Fixture::with_blobs(Box::new(harness), blobs.clone()).await;
    let library = f.library("g").await;
    control.is_full.store(true, Ordering::SeqCst);
    let refused = f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await;
    assert!(matches!(refused, Err(Error::DiskFull { .. })), "{refused:?}");
    assert_eq!(blobs.puts(), 0);
}

pub async fn a_refused_write_does_not_use_up_what_is_set_aside_for_removals(harness: Box<dyn Harness>) {
    let (f, control) = Fixture::on_controlled_database(harness).await;
    let library = f.library("g").await;
    let full = Arc::clone(&control);
    let refused = f.store.write_with_picture::<(), Error, _>(bytes("p"), move |_, _| {
        // The disk is full from here on.
        full.is_full.store(true, Ordering::SeqCst);
        Box::pin(std::future::ready(Err(Error::NotFound)))
    });
    refused.await.expect_err("it is refused");
    assert!(f.pictures().await.is_empty());
    assert!(!control.has_freed.load(Ordering::SeqCst));
    control.is_full.store(false, Ordering::SeqCst);
    let (person, _) = f.enrol(&library, "p").await;
    control.is_full.store(true, Ordering::SeqCst);
    f.store.remove_person(person.id).await.expect("remove");
    assert!(control.has_freed.load(Ordering::SeqCst), "removals get it");
}

pub async fn digests_are_filled_in_on_a_full_disk(harness: Box<dyn Harness>) {
    let (f, control) = Fixture::on_controlled_database(harness).await;
    let library = f.library("g").await;
    let mut people = Vec::new();
    for picture in ["p", "lost"] {
        let face = face_with(&[0.6, 0.8], "1");
        people.push(f.store.enrol(library.id, new_person(), face, bytes(picture)).await.expect("enrol").0);
    }
    f.blobs.delete(&[BlobKey::of(b"lost")]).await.expect("as if it was lost");
    f.store.close().await.expect("close");
    let database = f.harness.open().await.expect("database");
    for forget in ["UPDATE face SET picture_md5 = NULL", "UPDATE template SET md5 = NULL"] {
        let job: Job = Box::new(move |tx| Box::pin(async move { tx.execute(forget).await.is_ok() }));
        database.write(job, Space::Needed).await.expect("as an older version left it");
    }
    database.close().await.expect("close");
    let f = f.reopen().await;
    control.is_full.store(true, Ordering::SeqCst);
    f.store.backfill_digests().await.expect("a start does not depend on them");
    for (person, (picture, digests)) in people.iter().zip([("p", 1), ("lost", 0)]) {
        let found = f.store.faces_with_md5(person.id, &md5_hex(picture.as_bytes())).await.expect("read");
        assert_eq!(found.len(), digests, "{picture}");
    }
}
