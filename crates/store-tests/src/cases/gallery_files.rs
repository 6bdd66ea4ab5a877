//! Files of galleries, and what a start needs beside them.

use aicp_store::{GalleryFile, TemplatesRead};
use aicp_types::{FaceId, LibraryId, Sequence};

use crate::Harness;
use crate::fixture::{Fixture, algorithm, bytes, face_with, new_person, ready};

async fn set(f: &Fixture, library_id: LibraryId, sequence: u64, digest: &str) -> bool {
    let file = GalleryFile { library_id, sequence: Sequence::new(sequence), digest: digest.to_owned() };
    f.store.write(move |tx| Box::pin(async move { tx.set_gallery_file(&file).await })).await.expect("write")
}

pub async fn the_file_of_a_gallery_is_known_until_its_library_goes(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (one, other) = (f.library("g").await, f.library("h").await);
    assert!(set(&f, one.id, 5, "a").await && set(&f, other.id, 6, "b").await && set(&f, one.id, 7, "c").await);
    assert!(!set(&f, LibraryId::new(999), 5, "d").await, "a library that is gone");
    let f = f.reopen().await;
    let known = async || {
        let files = f.store.rows().await.expect("a connection").gallery_files().await.expect("read");
        files.into_iter().map(|file| (file.library_id, file.sequence.get(), file.digest)).collect::<Vec<_>>()
    };
    assert_eq!(known().await, [(one.id, 7, "c".to_owned()), (other.id, 6, "b".to_owned())]);
    f.store.delete_library(other.id).await.expect("delete");
    assert_eq!(known().await, [(one.id, 7, "c".to_owned())]);
}

pub async fn the_file_of_a_gallery_is_forgotten_with_the_first_face_that_goes(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (one, other) = (f.library("g").await, f.library("h").await);
    let known = async || f.store.rows().await.expect("a connection").gallery_files().await.expect("read").len();
    let last = async || f.store.rows().await.expect("a connection").last_sequence().await.expect("read").get();
    let (person, first) = f.enrol(&one, "p").await;
    let (_, second) = f.enrol(&one, "q").await;
    let before = last().await;
    assert!(set(&f, one.id, before, "a").await && set(&f, other.id, before, "b").await);
    f.enrol(&one, "r").await;
    assert_eq!(known().await, 2, "an enrolment keeps it");
    f.store.remove_face(first.id).await.expect("remove");
    assert_eq!(known().await, 1);
    assert!(!set(&f, one.id, before, "c").await, "it was being written meanwhile, with the removed face");
    assert!(set(&f, one.id, last().await, "d").await && set(&f, other.id, before, "e").await);
    f.store.remove_person(person.id).await.expect("remove");
    f.store.remove_face(second.id).await.expect("remove");
    assert_eq!(known().await, 1);
}

pub async fn templates_come_without_those_of_some_libraries(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let libraries = [f.library("g").await.id, f.library("h").await.id, f.library("i").await.id];
    for library in libraries {
        let people = (0..5).map(|n| ready([face_with(&[n as f32], "1")])).collect();
        f.store.add_people(library, people, vec![bytes("p")]).await.expect("add");
    }
    for (without, expected) in [(&libraries[..2], 5), (&libraries[..], 0), (&[LibraryId::new(99)][..], 15), (&[], 15)] {
        let (read, found) = f.templates_without("1", without).await;
        assert_eq!(read, TemplatesRead { templates: expected, others: 0 });
        assert_eq!(found.len() as u64, expected);
        assert!(found.iter().all(|(library, ..)| !without.contains(library)));
    }
}

pub async fn changes_are_kept_until_newer_ones_take_their_place(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let keeps = async |sequence| {
        f.store.rows().await.expect("a connection").keeps_changes_after(Sequence::new(sequence)).await.expect("read")
    };
    assert!(keeps(0).await && !keeps(1).await, "nothing has changed yet");
    let library = f.library("g").await;
    f.enrol(&library, "p").await;
    let last = f.store.rows().await.expect("a connection").last_sequence().await.expect("read");
    assert!(keeps(0).await && keeps(last.get()).await);
    assert!(!keeps(last.get() + 1).await, "changes that this database has not seen");
}

pub async fn templates_come_by_face_with_their_owners(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut enrolled = Vec::new();
    for (number, version) in [(1.0, "1"), (2.0, "1"), (3.0, "2")] {
        let face = face_with(&[number], version);
        let (person, face) = f.store.enrol(library.id, new_person(), face, bytes("p")).await.expect("enrol");
        enrolled.push((person.id, face.id, number));
    }
    let mut ids: Vec<FaceId> = enrolled.iter().map(|(_, face, _)| *face).collect();
    ids.extend([FaceId::new(12_345), ids[0]]);
    let mut found =
        f.store.rows().await.expect("a connection").templates_of(&ids, &algorithm("1")).await.expect("read");
    found.sort_by_key(|row| row.face_id);
    let found: Vec<_> = found.iter().map(|row| (row.person_id, row.face_id, row.vector[0])).collect();
    assert_eq!(found, enrolled[..2]);
    assert_eq!(f.store.rows().await.expect("a connection").templates_of(&[], &algorithm("1")).await.expect("read"), []);
}
