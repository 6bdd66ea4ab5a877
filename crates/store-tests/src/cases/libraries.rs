//! Slots of libraries, their modification times, names, and order by age.

use aicp_store::{CopiedFace, Error, Library, NewFace, NewLibrary, NewPerson, Page};
use aicp_types::{Clock, FileId, LibraryId, Snowflake, SystemClock, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, new_face, new_library, new_person};

async fn make(f: &Fixture, external_id: &str) -> Library {
    f.store.insert_library(new_library(external_id)).await.expect("library")
}

async fn again(f: &Fixture, library: &Library) -> Library {
    f.store.library_by_id(library.id).await.expect("read").expect("it is there")
}

fn now() -> UnixMillis {
    SystemClock.now()
}

pub async fn the_lowest_free_slot_is_told(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let free = async |app: &str| f.store.lowest_free_slot(app).await.expect("read");
    assert_eq!(free(APP).await, 1);
    let at = |slot: i64| NewLibrary { slot: Some(slot), ..new_library(&slot.to_string()) };
    for (slot, next) in [(2, 1), (1, 3), (4, 3), (3, 5)] {
        assert_eq!(f.store.insert_library(at(slot)).await.expect("library").slot, Some(slot));
        assert_eq!(free(APP).await, next);
    }
    let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
    assert_eq!(f.store.insert_library(hidden).await.expect("library").slot, None);
    assert_eq!(free(APP).await, 5);
    let taken = NewLibrary { external_id: "else".into(), ..at(2) };
    assert!(matches!(f.store.insert_library(taken).await, Err(Error::Database(_))));
    let second = f.store.library(APP, "2").await.expect("read").expect("library");
    f.store.delete_library(second.id).await.expect("deleted");
    assert_eq!(free(APP).await, 2);
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    assert_eq!(free("other").await, 1, "each app has its own");
}

pub async fn a_library_is_updated_by_every_face_that_comes_or_goes(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
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
    f.store.replace_faces(person.id, at(3000), bytes("d")).await.expect("replaced");
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

pub async fn libraries_come_by_age_then_by_engine_id(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let made = [("x", 5, "c"), ("y", 3, "b"), ("z", 5, "a"), ("w", 9, "0")];
    for (external_id, created_at, digit) in made {
        let new = NewLibrary {
            created_at: UnixMillis::new(created_at),
            engine_key: digit.repeat(32),
            ..new_library(external_id)
        };
        f.store.insert_library(new).await.expect("library");
    }
    f.store.insert_library(NewLibrary { hidden: true, ..new_library("hidden") }).await.expect("library");
    let page = async |page| -> Vec<String> {
        let page = f.store.libraries_by_age(APP, page).await.expect("read");
        page.into_iter().map(|library| library.external_id).collect()
    };
    assert_eq!(page(Page::first(5)).await, ["y", "z", "x", "w"]);
    assert_eq!(page(Page { offset: 1, limit: 2 }).await, ["z", "x"]);
    assert!(page(Page { offset: 4, limit: 5 }).await.is_empty() && page(Page::first(0)).await.is_empty());
}

pub async fn heads_of_ids_find_what_is_the_apps_own(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    let id = format!("{}{}", "0123456789abcdef01234567", "0".repeat(8));
    let library = NewLibrary { engine_key: id.clone(), ..new_library("g") };
    let library = f.store.insert_library(library).await.expect("library");
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
    let hidden = f.store.insert_library(hidden).await.expect("library");
    let unseen = NewPerson { number: "d".repeat(32), ..new_person() };
    f.store.enrol(hidden.id, unseen, new_face(), bytes("b")).await.expect("enrolled");
    assert_eq!(f.store.library_by_engine_key_prefix(APP, "eeee").await.expect("read"), None);
    assert_eq!(f.store.person_by_number_prefix(APP, "dddd").await.expect("read"), None);
}

pub async fn a_library_can_be_given_another_name(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (make(&f, "a").await, make(&f, "b").await);
    f.store.rename_library(library.id, "c", "C").await.expect("renamed");
    let renamed = again(&f, &library).await;
    assert_eq!((&*renamed.external_id, &*renamed.name), ("c", "C"));
    let taken = f.store.rename_library(other.id, "c", "B").await;
    assert!(matches!(taken, Err(Error::Exists)), "{taken:?}");
    assert_eq!(again(&f, &other).await, other);
    f.store.rename_library(other.id, "b", "B").await.expect("to its own name");
    let nothing = f.store.rename_library(LibraryId::new(9999), "e", "e").await;
    assert!(matches!(nothing, Err(Error::NotFound)), "{nothing:?}");
}
