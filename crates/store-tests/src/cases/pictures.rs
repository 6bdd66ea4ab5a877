//! Removing rows removes their templates and pictures, and nothing else.

use crate::Harness;
use crate::fixture::{Fixture, bytes, face_with, key, new_face, new_person};
use aicp_store::{Counts, Error, Person};

async fn templates(f: &Fixture) -> u64 {
    f.templates("1").await.0.templates
}

pub async fn removing_a_library_removes_all_in_it(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    for (library, picture) in [(&library, "p"), (&library, "q"), (&other, "q")] {
        f.store.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes(picture)).await.expect("enrol");
    }
    assert_eq!(templates(&f).await, 3);
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 1, faces: 1 });
    assert_eq!(templates(&f).await, 1);
    assert_eq!(f.pictures().await, [key("q")].into());
    assert!(matches!(f.store.delete_library(library.id).await, Err(Error::NotFound)));
    f.library("g").await;
}

pub async fn removing_a_person_removes_its_faces(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, face) =
        f.store.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes("p")).await.expect("enrol");
    f.store.add_face(person.id, face_with(&[1.0], "1"), bytes("q")).await.expect("face");
    f.store.remove_person(person.id).await.expect("remove");
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 0, faces: 0 });
    assert_eq!(templates(&f).await, 0);
    assert!(f.pictures().await.is_empty());
    assert!(matches!(f.store.picture(&face.picture_key).await, Err(Error::NotFound)));
    assert!(matches!(f.store.add_face(person.id, new_face(), bytes("p")).await, Err(Error::NotFound)));
}

pub async fn removing_a_face_leaves_the_person(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, face) = f.enrol(&library, "p").await;
    f.store.remove_face(face.id).await.expect("remove");
    let left = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(Person { updated_at: person.updated_at, ..left }, person);
    assert!(f.pictures().await.is_empty());
    assert!(matches!(f.store.remove_face(face.id).await, Err(Error::NotFound)));
}

pub async fn equal_pictures_share_a_file_until_the_last_is_removed(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (first, _) = f.enrol(&library, "p").await;
    let (second, _) = f.enrol(&library, "p").await;
    f.store.remove_person(first.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), "p");
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
    f.enrol(&library, "p").await;
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), "p");
}

pub async fn an_empty_picture_is_a_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.enrol(&library, "").await;
    assert_eq!(f.store.picture(&key("")).await.expect("picture"), "");
}
