//! Slots of libraries, their modification times, their order by age, and limits.

use aicp_store::{CopiedFace, Error, Library, NewFace, NewLibrary, NewPerson, Page};
use aicp_types::{Clock, FileId, LibraryId, Snowflake, SystemClock, UnixMillis};

use crate::fixture::{APP, Fixture, bytes, named, new_face, new_library, new_person};

async fn make(f: &Fixture, external_id: &str) -> Library {
    f.store.create_library(new_library(external_id)).await.expect("library")
}

async fn again(f: &Fixture, library: &Library) -> Library {
    f.store.library_by_id(library.id).await.expect("read").expect("it is there")
}

fn now() -> UnixMillis {
    SystemClock.now()
}

#[tokio::test]
async fn a_library_has_the_lowest_free_slot_for_life() {
    let f = Fixture::new().await;
    let mut all = Vec::new();
    for (external_id, slot) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        let library = make(&f, external_id).await;
        assert_eq!(library.slot, Some(slot), "{external_id}");
        all.push(library);
    }
    f.store.delete_library(all[0].id).await.expect("deleted");
    f.store.delete_library(all[2].id).await.expect("deleted");
    let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
    assert_eq!(f.store.create_library(hidden).await.expect("library").slot, None);
    for slot in [1, 3, 5] {
        assert_eq!(make(&f, &format!("again {slot}")).await.slot, Some(slot));
    }
    for kept in [&all[1], &all[3]] {
        assert_eq!(again(&f, kept).await.slot, kept.slot);
    }
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    let other = NewLibrary { app_id: "other".into(), ..new_library("a") };
    assert_eq!(f.store.create_library(other).await.expect("library").slot, Some(1), "each app has its own");
}

#[tokio::test]
async fn a_library_is_updated_by_every_face_that_comes_or_goes() {
    let f = Fixture::new().await;
    let library = make(&f, "g").await;
    let other = make(&f, "other").await;
    assert_eq!(library.updated_at, library.created_at);
    let file_id = |ms| FileId::from(Snowflake::from_parts(UnixMillis::new(ms), 5).expect("in range"));
    let at = |ms| NewFace { file_id: file_id(ms), ..new_face() };

    let (person, face) = f.store.enrol(library.id, new_person(), at(1000), bytes("a")).await.expect("enrolled");
    assert_eq!(again(&f, &library).await.updated_at, UnixMillis::new(1000));
    f.store.add_face(person.id, at(2000), bytes("b")).await.expect("added");
    assert_eq!(again(&f, &library).await.updated_at, UnixMillis::new(2000));
    f.store.add_face(person.id, at(1500), bytes("c")).await.expect("added");
    assert_eq!(again(&f, &library).await.updated_at, UnixMillis::new(2000), "it never goes back");
    f.store.replace_faces(person.id, None, at(3000), bytes("d")).await.expect("replaced");
    let replaced = again(&f, &library).await.updated_at;
    assert!(replaced >= UnixMillis::new(3000));
    assert!(matches!(f.store.remove_face(face.id).await, Err(Error::NotFound)), "it was replaced");
    assert_eq!(again(&f, &library).await.updated_at, replaced);

    // A copy changes its target library.
    assert_eq!(again(&f, &other).await.updated_at, other.created_at);
    let original = f.store.faces_of(person.id).await.expect("read").swap_remove(0);
    let copied = CopiedFace { face_id: original.id, file_id: file_id(4000) };
    let copy = f.store.copy_person(person.id, other.id, new_person(), vec![copied]).await.expect("copied");
    assert_eq!(again(&f, &other).await.updated_at, UnixMillis::new(4000));

    let before = now();
    let copied = f.store.faces_of(copy.id).await.expect("read").swap_remove(0);
    f.store.remove_face(copied.id).await.expect("removed");
    let removed = again(&f, &other).await.updated_at;
    assert!((before..=now()).contains(&removed), "{before} {removed}");
    f.store.remove_person(person.id).await.expect("removed");
    assert!((removed..=now()).contains(&again(&f, &library).await.updated_at));
    // Removing a person without faces does not change the library.
    f.store.remove_person(copy.id).await.expect("removed");
    assert_eq!(again(&f, &other).await.updated_at, removed);
}

#[tokio::test]
async fn libraries_come_by_age_then_by_engine_id() {
    let f = Fixture::new().await;
    let made = [("x", 5, "c"), ("y", 3, "b"), ("z", 5, "a"), ("w", 9, "0")];
    for (external_id, created_at, digit) in made {
        let new = NewLibrary {
            created_at: UnixMillis::new(created_at),
            engine_key: digit.repeat(32),
            ..new_library(external_id)
        };
        f.store.create_library(new).await.expect("library");
    }
    f.store.create_library(NewLibrary { hidden: true, ..new_library("hidden") }).await.expect("library");
    let page = async |page| -> Vec<String> {
        let page = f.store.libraries_by_age(APP, page).await.expect("read");
        page.into_iter().map(|library| library.external_id).collect()
    };
    assert_eq!(page(Page::first(5)).await, ["y", "z", "x", "w"]);
    assert_eq!(page(Page { offset: 1, limit: 2 }).await, ["z", "x"]);
    assert!(page(Page { offset: 4, limit: 5 }).await.is_empty() && page(Page::first(0)).await.is_empty());
}

#[tokio::test]
async fn heads_of_ids_find_what_is_the_apps_own() {
    let f = Fixture::new().await;
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    let id = format!("{}{}", "0123456789abcdef01234567", "0".repeat(8));
    let library = NewLibrary { engine_key: id.clone(), ..new_library("g") };
    let library = f.store.create_library(library).await.expect("library");
    let no = format!("{}{}", "fedcba9876543210fedcba98", "f".repeat(8));
    let new = NewPerson { number: no.clone(), ..new_person() };
    let (person, _) = f.store.enrol(library.id, new, new_face(), bytes("a")).await.expect("enrolled");
    for (app, found) in [(APP, true), ("other", false)] {
        for head in [&id[..24], &id] {
            let library_found = f.store.library_by_engine_key_prefix(app, head).await.expect("read");
            assert_eq!(library_found.is_some_and(|row| row.id == library.id), found, "{app} {head}");
        }
        for head in [&no[..24], &no] {
            let person_found = f.store.person_by_number_prefix(app, head).await.expect("read");
            assert_eq!(person_found.is_some_and(|row| row.id == person.id), found, "{app} {head}");
        }
    }
    for head in ["", "0123456789ABCDEF01234567", "0123456789abcdef01234568", "%", "'", "0123456789abcdef01234567-"] {
        assert_eq!(f.store.library_by_engine_key_prefix(APP, head).await.expect("read"), None, "{head}");
        assert_eq!(f.store.person_by_number_prefix(APP, head).await.expect("read"), None, "{head}");
    }
    let hidden = NewLibrary { hidden: true, engine_key: "e".repeat(32), ..new_library("hidden") };
    let hidden = f.store.create_library(hidden).await.expect("library");
    let unseen = NewPerson { number: "d".repeat(32), ..new_person() };
    f.store.enrol(hidden.id, unseen, new_face(), bytes("b")).await.expect("enrolled");
    assert_eq!(f.store.library_by_engine_key_prefix(APP, "eeee").await.expect("read"), None);
    assert_eq!(f.store.person_by_number_prefix(APP, "dddd").await.expect("read"), None);
}

#[tokio::test]
async fn a_library_can_be_given_another_name() {
    let f = Fixture::new().await;
    let same = NewLibrary { name: "a".into(), ..new_library("a") };
    let same = f.store.create_library(same).await.expect("library");
    let other = make(&f, "b").await;
    f.store.rename_library(same.id, "c").await.expect("renamed");
    let renamed = again(&f, &same).await;
    assert_eq!((&*renamed.external_id, &*renamed.name), ("c", "c"));
    f.store.rename_library(other.id, "d").await.expect("renamed");
    let renamed = again(&f, &other).await;
    assert_eq!((&*renamed.external_id, &*renamed.name), ("d", "people"), "a display name of its own stays");
    assert!(matches!(f.store.rename_library(other.id, "c").await, Err(Error::Exists)));
    assert_eq!(again(&f, &other).await.external_id, "d");
    f.store.rename_library(other.id, "d").await.expect("to its own name");
    assert!(matches!(f.store.rename_library(LibraryId::new(9999), "e").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn concurrent_writes_do_not_pass_a_limit() {
    let f = Fixture::new().await;
    let library = make(&f, "g").await;
    f.store.create_library(NewLibrary { hidden: true, ..new_library("hidden") }).await.expect("library");
    let libraries = (0..10).map(|n| {
        let (store, new) = (f.store.clone(), NewLibrary { at_most: Some(3), ..new_library(&n.to_string()) });
        tokio::spawn(async move { store.create_library(new).await })
    });
    let mut made = 0;
    for task in libraries.collect::<Vec<_>>() {
        match task.await.expect("no panic") {
            Ok(_) => made += 1,
            Err(e) => assert!(matches!(e, Error::Full), "{e}"),
        }
    }
    assert_eq!((made, f.store.library_count(APP).await.expect("read")), (2, 3));
    // A taken name is reported before the limit.
    let taken = NewLibrary { at_most: Some(3), ..new_library("g") };
    assert!(matches!(f.store.create_library(taken).await, Err(Error::Exists)));

    let people = (0..10).map(|n| {
        let new = NewPerson { at_most: Some(4), ..named(&n.to_string()) };
        let (store, library_id) = (f.store.clone(), library.id);
        tokio::spawn(async move { store.enrol(library_id, new, new_face(), bytes("a")).await })
    });
    let mut enrolled = 0;
    for task in people.collect::<Vec<_>>() {
        match task.await.expect("no panic") {
            Ok(_) => enrolled += 1,
            Err(e) => assert!(matches!(e, Error::Full), "{e}"),
        }
    }
    let counts = f.store.library_counts(library.id).await.expect("read");
    assert_eq!((enrolled, counts.users, counts.faces), (4, 4, 4));
}
