//! Logs of recognitions.

use aicp_store::{
    Error, Face, Library, NewRecognition, NewRecognitionMatch, Person, RecognitionFilter, RecognitionLogging, Result,
};
use aicp_types::{RecognitionEntryId, UnixMillis};

use crate::Harness;
use crate::fixture::{Fixture, bytes, key};

async fn switch(f: &Fixture, library: &Library, enabled: bool) {
    let (id, logging) = (library.id, RecognitionLogging { enabled, keep_days: 3 });
    let set: Result<()> =
        f.store.write(move |tx| Box::pin(async move { tx.set_recognition_logging(id, logging).await })).await;
    set.expect("set");
}

/// Logs a recognition with a picture.
async fn log(
    f: &Fixture,
    library: &Library,
    picture: &str,
    found: &[&(Person, Face)],
    time: i64,
) -> Result<RecognitionEntryId> {
    let matches = found.iter().map(|(person, face)| NewRecognitionMatch {
        person_id: person.id,
        face_id: face.id,
        similarity: 0.5,
    });
    let new = NewRecognition { library_id: library.id, time: UnixMillis::new(time), matches: matches.collect() };
    f.store
        .write_with_picture(bytes(picture), move |tx, picture| {
            Box::pin(async move { tx.insert_recognition(new, picture).await })
        })
        .await
}

async fn ids(f: &Fixture, library: &Library, filter: RecognitionFilter) -> Vec<RecognitionEntryId> {
    let mut rows = f.store.rows().await.expect("reads");
    let entries = rows.recognitions_before(library.id, filter, None, 100).await.expect("reads");
    entries.into_iter().map(|entry| entry.id).collect()
}

pub async fn entries_have_pictures_and_are_filtered(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let ada = f.enrol(&library, "ada").await;
    assert!(matches!(log(&f, &library, "p", &[], 1).await, Err(Error::NotFound)), "it is not switched on");
    switch(&f, &library, true).await;
    let unknown = log(&f, &library, "p", &[], 1).await.expect("logged");
    let known = log(&f, &library, "q", &[&ada], 2).await.expect("logged");
    f.wait_for_pictures(&["ada", "p", "q"]).await;
    let all = RecognitionFilter::default();
    assert_eq!(ids(&f, &library, all).await, [known, unknown]);
    assert_eq!(ids(&f, &other, all).await, []);
    assert_eq!(ids(&f, &library, RecognitionFilter { is_known: Some(false), ..all }).await, [unknown]);
    assert_eq!(ids(&f, &library, RecognitionFilter { person: Some(ada.0.public_id), ..all }).await, [known]);
    assert_eq!(ids(&f, &library, RecognitionFilter { from: Some(UnixMillis::new(2)), ..all }).await, [known]);
    assert_eq!(ids(&f, &library, RecognitionFilter { to: Some(UnixMillis::new(2)), ..all }).await, [unknown]);
    let entry =
        f.store.rows().await.expect("reads").recognition(library.id, known).await.expect("reads").expect("there");
    assert_eq!((entry.picture_key, entry.matches[0].person), (key("q"), ada.0.public_id));
    switch(&f, &library, false).await;
    assert!(log(&f, &library, "r", &[], 3).await.is_err());
    assert_eq!(f.store.sweep().await.expect("swept"), 0, "the pictures of entries are in use");
    assert_eq!(ids(&f.reopen().await, &library, all).await, [known, unknown]);
}

pub async fn deleted_entries_delete_their_pictures(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    switch(&f, &library, true).await;
    let ada = f.enrol(&library, "ada").await;
    let mut all = Vec::new();
    for (number, picture) in ["p", "q", "q", "ada"].iter().enumerate() {
        all.push(log(&f, &library, picture, &[], i64::try_from(number).expect("small")).await.expect("logged"));
    }
    let delete = async |ids: Vec<RecognitionEntryId>| {
        f.store
            .remove::<_, Error, _>(move |tx| {
                Box::pin(async move { tx.delete_recognitions(&ids, UnixMillis::new(9)).await })
            })
            .await
            .expect("deleted")
    };
    assert_eq!(delete(vec![all[0], all[1], all[3]]).await, 3);
    f.wait_for_pictures(&["ada", "q"]).await;
    assert_eq!(delete(vec![all[2], all[2], all[0]]).await, 1);
    f.wait_for_pictures(&["ada"]).await;
    // The picture of a face that an entry has, too.
    let entry = log(&f, &library, "ada", &[], 9).await.expect("logged");
    f.store.remove_person(ada.0.id).await.expect("removed");
    f.wait_for_pictures(&["ada"]).await;
    assert_eq!(delete(vec![entry]).await, 1);
    f.wait_for_pictures(&[]).await;
}

pub async fn entries_go_with_whom_they_name_and_with_their_library(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    switch(&f, &library, true).await;
    let (ada, bob) = (f.enrol(&library, "ada").await, f.enrol(&library, "bob").await);
    log(&f, &library, "p", &[&ada, &bob], 1).await.expect("logged");
    let of_bob = log(&f, &library, "q", &[&bob], 2).await.expect("logged");
    let unknown = log(&f, &library, "r", &[], 3).await.expect("logged");
    f.store.remove_person(ada.0.id).await.expect("removed");
    assert_eq!(ids(&f, &library, RecognitionFilter::default()).await, [unknown, of_bob]);
    f.wait_for_pictures(&["bob", "q", "r"]).await;
    assert!(matches!(log(&f, &library, "s", &[&bob, &ada], 4).await, Err(Error::NotFound)), "who is gone is not named");
    f.wait_for_pictures(&["bob", "q", "r"]).await;
    let name = |id, person: &(Person, Face)| {
        let library_id = library.id;
        let named = NewRecognitionMatch { person_id: person.0.id, face_id: person.1.id, similarity: 1.0 };
        f.store.write(move |tx| Box::pin(async move { tx.name_recognition(library_id, id, named).await }))
    };
    let (named, again): (Result<()>, Result<()>) = (name(unknown, &bob).await, name(unknown, &bob).await);
    assert!(named.is_ok() && matches!(again, Err(Error::Exists)));
    f.store.remove_person(bob.0.id).await.expect("removed");
    assert_eq!(ids(&f, &library, RecognitionFilter::default()).await, []);
    log(&f, &library, "t", &[], 5).await.expect("logged");
    f.store.delete_library(library.id).await.expect("deleted");
    f.wait_for_pictures(&[]).await;
}

pub async fn old_entries_are_told_by_age_and_number(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    switch(&f, &library, true).await;
    let mut all = Vec::new();
    for time in 1..=5 {
        all.push(log(&f, &library, "p", &[], time).await.expect("logged"));
    }
    let mut rows = f.store.rows().await.expect("reads");
    let mut old = async |before, keep, limit| {
        rows.old_recognitions(library.id, UnixMillis::new(before), keep, limit).await.expect("reads")
    };
    assert_eq!(old(3, 100, 10).await, all[..2]);
    assert_eq!(old(3, 100, 1).await, all[..1]);
    assert_eq!(old(0, 2, 10).await, all[..3]);
    assert_eq!(old(0, 5, 10).await, []);
    drop(rows);
    let loggings = f.store.rows().await.expect("reads").recognition_loggings().await.expect("reads");
    assert_eq!(loggings, [(library.id, RecognitionLogging { enabled: true, keep_days: 3 })]);
}

pub async fn entries_follow_people_who_are_merged_and_forget_those_who_move(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let (ada, twin, eve) =
        (f.enrol(&library, "ada").await, f.enrol(&library, "twin").await, f.enrol(&library, "eve").await);
    switch(&f, &library, true).await;
    let of_twin = log(&f, &library, "p", &[&twin], 1).await.expect("logged");
    let of_both = log(&f, &library, "q", &[&twin, &ada], 2).await.expect("logged");
    let of_eve = log(&f, &library, "r", &[&eve, &ada], 3).await.expect("logged");
    let (into, from, moved, to) = (ada.0.id, twin.0.id, eve.0.id, other.id);
    let at = UnixMillis::new(9);
    let merged: Result<()> =
        f.store.write(move |tx| Box::pin(async move { tx.merge_people(into, from, at).await })).await;
    merged.expect("merged");
    let named = RecognitionFilter { person: Some(ada.0.public_id), ..RecognitionFilter::default() };
    assert_eq!(ids(&f, &library, named).await, [of_eve, of_both, of_twin]);
    let both = f.store.rows().await.expect("reads").recognition(library.id, of_both).await.expect("read");
    let people: Vec<_> = both.expect("entry").matches.iter().map(|found| found.person).collect();
    assert_eq!(people, [ada.0.public_id], "each is named once");

    let gone: Result<()> = f.store.remove(move |tx| Box::pin(async move { tx.move_person(moved, to, at).await })).await;
    gone.expect("moved");
    assert_eq!(ids(&f, &library, RecognitionFilter::default()).await, [of_both, of_twin]);
    f.wait_for_pictures(&["ada", "twin", "eve", "p", "q"]).await;
    f.store.delete_library(other.id).await.expect("nothing refers to its people");
    f.store.delete_library(library.id).await.expect("deleted");
    f.wait_for_pictures(&[]).await;
}
