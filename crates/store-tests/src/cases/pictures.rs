//! Removing rows removes their templates and pictures, and nothing else.

use std::sync::Arc;
use std::{fs, os::unix::fs::PermissionsExt};

use aicp_store::{Counts, Error};
use aicp_types::{SystemClock, UnixMillis};

use crate::fixture::{Fixture, bytes, face_with, key, names, new_face, new_person};

async fn templates(f: &Fixture) -> u64 {
    f.templates("1").await.0.templates
}

#[tokio::test]
async fn removing_a_library_removes_all_in_it() {
    let f = Fixture::new().await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    for (library, picture) in [(&library, "p"), (&library, "q"), (&other, "q")] {
        f.store.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes(picture)).await.expect("enrol");
    }
    assert_eq!(templates(&f).await, 3);
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 1, faces: 1 });
    assert_eq!(templates(&f).await, 1);
    assert_eq!(f.picture_files(), [key("q")].into());
    assert!(matches!(f.store.delete_library(library.id).await, Err(Error::NotFound)));
    f.library("g").await;
}

#[tokio::test]
async fn removing_a_person_removes_its_faces() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, face) =
        f.store.enrol(library.id, new_person(), face_with(&[1.0], "1"), bytes("p")).await.expect("enrol");
    f.store.add_face(person.id, face_with(&[1.0], "1"), bytes("q")).await.expect("face");
    f.store.remove_person(person.id).await.expect("remove");
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 0, faces: 0 });
    assert_eq!(templates(&f).await, 0);
    assert!(f.picture_files().is_empty());
    assert!(matches!(f.store.picture(&face.picture_key).await, Err(Error::NotFound)));
    assert!(matches!(f.store.add_face(person.id, new_face(), bytes("p")).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn removing_a_face_leaves_the_person() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, face) = f.enrol(&library, "p").await;
    f.store.remove_face(face.id).await.expect("remove");
    assert_eq!(f.store.person(person.id).await.expect("read"), Some(person));
    assert!(f.picture_files().is_empty());
    assert!(matches!(f.store.remove_face(face.id).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn equal_pictures_share_a_file_until_the_last_is_removed() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (first, _) = f.enrol(&library, "p").await;
    let (second, _) = f.enrol(&library, "p").await;
    f.store.remove_person(first.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), b"p");
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.picture_files().is_empty());
    f.enrol(&library, "p").await;
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), b"p");
}

#[tokio::test]
async fn a_damaged_picture_is_told_and_mended_by_an_equal_one() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    f.enrol(&library, "p").await;
    let (shard, rest) = (&key("p")[..2], &key("p")[2..]);
    fs::write(f.dir.path().join("objects").join(shard).join(rest), "q").expect("damage");
    let damaged = f.store.picture(&key("p")).await;
    assert!(matches!(&damaged, Err(Error::Corrupt { key: k }) if *k == key("p")), "{damaged:?}");
    f.enrol(&library, "p").await;
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), b"p");
}

#[tokio::test]
async fn an_empty_picture_is_a_picture() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    f.enrol(&library, "").await;
    assert_eq!(f.store.picture(&key("")).await.expect("picture"), b"");
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let data_dir = dir.path().join("a/b");
    let store =
        aicp_store::Store::open(&data_dir, Arc::new(SystemClock), None, jiff::tz::TimeZone::UTC).await.expect("open");
    store.ensure_app(crate::fixture::APP, UnixMillis::new(1)).await.expect("app");
    let f = Fixture { store, dir };
    let library = f.library("g").await;
    f.enrol(&library, "p").await;
    let mode = |path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(data_dir.clone()), 0o700);
    for name in names(&data_dir).into_iter().filter(|name| name != "objects") {
        assert_eq!(mode(data_dir.join(&name)), 0o600, "{name}");
    }
    let place = data_dir.join("objects").join(&key("p")[..2]).join(&key("p")[2..]);
    assert_eq!(mode(place), 0o600);
}
