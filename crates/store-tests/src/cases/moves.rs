//! People who change their library, and people who become one.

use std::sync::Arc;

use aicp_store::{AddedFace, Change, Error, GroupKind, NewPerson, Page};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::Harness;
use crate::fixture::{Fixture, Log, bytes, face_with, key, named, new_face, new_person};

async fn move_person(f: &Fixture, person: PersonId, to: LibraryId) -> Result<(), Error> {
    f.store.write(move |tx| Box::pin(async move { tx.move_person(person, to, UnixMillis::new(70)).await })).await
}

async fn merge(f: &Fixture, into: PersonId, from: PersonId) -> Result<(), Error> {
    f.store.write(move |tx| Box::pin(async move { tx.merge_people(into, from, UnixMillis::new(80)).await })).await
}

pub async fn a_person_moves_with_faces_templates_and_tags(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let (from, to) = (f.library("g").await.id, f.library("h").await.id);
    let new = NewPerson { tags: vec!["t".into()], ..named("u") };
    let face = face_with(&[1.0, 0.0], "1");
    let template = face.template.clone().map(Arc::new);
    let (person, face) = f.store.enrol(from, new, face, bytes("p")).await.expect("enrol");
    let group = f.group(GroupKind::Users, from, "crew").await;
    f.store.add_to_user_group(group.id, person.id).await.expect("added");
    log.take();

    move_person(&f, person.id, to).await.expect("moved");
    let added = AddedFace { person_id: person.id, face_id: face.id, template };
    assert_eq!(
        log.take(),
        [
            Change::FacesAdded { library_id: to, faces: vec![added] },
            Change::FacesRemoved { library_id: from, face_ids: vec![face.id] },
        ]
    );
    let moved = f.store.person_with_id(to, person.public_id).await.expect("read").expect("there");
    assert_eq!((moved.id, moved.external_id, moved.updated_at), (person.id, person.external_id, UnixMillis::new(70)));
    assert_eq!(f.store.person_with_id(from, person.public_id).await.expect("read"), None);
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [face]);
    assert_eq!(f.store.tags_of_library(from, None, 9).await.expect("read"), []);
    assert_eq!(f.store.tags_of_library(to, None, 9).await.expect("read"), [("t".to_owned(), 1)]);
    assert_eq!(f.store.people_of_group(group.id, Page::ALL).await.expect("read").0, 0);
    assert_eq!(f.pictures().await, [key("p")].into());

    move_person(&f, person.id, to).await.expect("it is there already");
    assert_eq!(log.take(), []);
    f.store.insert_person(from, named("u")).await.expect("the id is free");
    assert!(matches!(move_person(&f, person.id, from).await, Err(Error::Exists)));
    assert!(matches!(move_person(&f, person.id, LibraryId::new(99)).await, Err(Error::NotFound)));
    assert!(matches!(move_person(&f, PersonId::new(99), to).await, Err(Error::NotFound)));
    f.store.delete_library(from).await.expect("deleted");
    assert_eq!(
        f.store.person_with_id(to, person.public_id).await.expect("read").map(|moved| moved.id),
        Some(person.id)
    );
}

pub async fn faces_and_groups_of_merged_people_are_of_one(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await.id;
    let (person, own) = f.store.enrol(library, named("u"), new_face(), bytes("p")).await.expect("enrol");
    let face = face_with(&[0.0, 1.0], "1");
    let template = face.template.clone().map(Arc::new);
    let (other, theirs) = f.store.enrol(library, new_person(), face, bytes("q")).await.expect("enrol");
    let (both, only) =
        (f.group(GroupKind::Users, library, "both").await, f.group(GroupKind::Users, library, "only").await);
    for (group, person) in [(both.id, person.id), (both.id, other.id), (only.id, other.id)] {
        f.store.add_to_user_group(group, person).await.expect("added");
    }
    log.take();
    merge(&f, person.id, other.id).await.expect("merged");
    let added = AddedFace { person_id: person.id, face_id: theirs.id, template };
    assert_eq!(log.take(), [Change::FacesAdded { library_id: library, faces: vec![added] }]);
    let faces: Vec<_> = f.store.faces_of(person.id).await.expect("read").into_iter().map(|face| face.id).collect();
    assert_eq!(faces, [theirs.id, own.id]);
    assert_eq!(f.store.person(other.id).await.expect("read"), None);
    assert_eq!(f.store.groups_of_person(person.id, Page::ALL).await.expect("read").0, 2);
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    assert!(matches!(merge(&f, person.id, other.id).await, Err(Error::NotFound)));
    assert!(matches!(merge(&f, PersonId::new(99), person.id).await, Err(Error::NotFound)));
    assert_eq!(f.store.faces_of(person.id).await.expect("read").len(), 2);
    f.store.remove_person(person.id).await.expect("removed");
    assert!(f.pictures().await.is_empty());
}
