//! Copies of people, replacement of faces, and further lookups.

use std::sync::Arc;

use aicp_store::{
    Change, CopiedFace, Counts, Error, Face, Library, LibraryCounts, NewFace, NewLibrary, NewPerson, Page, PersonKeys,
};
use aicp_types::{FaceId, LibraryId, PersonId};
use tokio::task::JoinSet;

use crate::Harness;
use crate::fixture::{APP, Fixture, Log, bytes, face_with, key, named, new_face, new_library, new_person, next_id};

fn copy_of(face: &Face) -> CopiedFace {
    CopiedFace { face_id: face.id, file_id: next_id() }
}

/// The keys of a person by their external id.
fn called(external_id: &str) -> PersonKeys<'_> {
    PersonKeys { external_id: Some(external_id), ..PersonKeys::default() }
}

async fn hidden(f: &Fixture, external_id: &str) -> Library {
    let new = NewLibrary { hidden: true, ..new_library(external_id) };
    f.store.insert_library(new).await.expect("hidden library")
}

pub async fn a_copy_has_pictures_and_templates_of_its_own_accord(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let (from, to) = (f.library("g").await, f.library("h").await);
    let new = NewFace { engine_ref: Some("r".into()), quality: Some(0.25), ..face_with(&[1.0, -0.0], "1") };
    let template = new.template.clone().map(Arc::new);
    let (source, first) = f.store.enrol(from.id, named("u"), new, bytes("p")).await.expect("enrol");
    let second = f.store.add_face(source.id, new_face(), bytes("q")).await.expect("face");
    let faces = vec![copy_of(&second), copy_of(&first)];
    let wanted = NewPerson { info: Some("i".into()), ..named("u") };
    let copy = f.store.copy_person(source.id, to.id, wanted.clone(), faces.clone()).await.expect("copy");
    assert_eq!((copy.library_id, copy.public_id, &copy.info), (to.id, wanted.public_id, &wanted.info));
    assert_eq!(f.store.last_ids().await.expect("read").person, Some(copy.public_id));
    assert_eq!(f.store.last_ids().await.expect("read").file, Some(faces[1].file_id));

    let mut copies = f.store.faces_of(copy.id).await.expect("read");
    copies.reverse();
    for ((copied, source), wanted) in copies.iter().zip([&second, &first]).zip(&faces) {
        let expected =
            Face { id: copied.id, person_id: copy.id, file_id: wanted.file_id, engine_ref: None, ..source.clone() };
        assert_eq!(*copied, expected);
    }
    let added =
        |face: &Face, template| Change::FaceAdded { library_id: to.id, person_id: copy.id, face_id: face.id, template };
    assert_eq!(log.changes()[2..], [added(&copies[0], None), added(&copies[1], template)]);

    f.store.delete_library(from.id).await.expect("delete");
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    f.store.remove_person(copy.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
}

pub async fn a_copy_is_made_as_a_whole_or_not_at_all(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (from, to) = (f.library("g").await, f.library("h").await);
    let (source, face) = f.enrol(&from, "p").await;
    let (_, foreign) = f.enrol(&from, "q").await;
    f.store.enrol(to.id, named("taken"), new_face(), bytes("r")).await.expect("enrol");
    let before = f.store.counts().await.expect("counts");
    let both = vec![copy_of(&face), copy_of(&foreign)];
    let gone = vec![copy_of(&face), CopiedFace { face_id: FaceId::new(99), ..copy_of(&face) }];
    for (person, library, faces) in [
        (source.id, to.id, both),
        (source.id, to.id, gone),
        (PersonId::new(99), to.id, Vec::new()),
        (source.id, LibraryId::new(99), vec![copy_of(&face)]),
    ] {
        let refused = f.store.copy_person(person, library, new_person(), faces).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    }
    let refused = f.store.copy_person(source.id, to.id, named("taken"), vec![copy_of(&face)]).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let same_id = CopiedFace { file_id: face.file_id, ..copy_of(&face) };
    let refused = f.store.copy_person(source.id, to.id, new_person(), vec![same_id]).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(f.store.counts().await.expect("counts"), before);
    let faceless = f.store.copy_person(source.id, from.id, new_person(), Vec::new()).await.expect("in its own library");
    assert_eq!(f.store.last_ids().await.expect("read").person, Some(faceless.public_id));
}

pub async fn a_copy_keeps_its_picture_while_the_source_goes(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (from, to) = (f.library("g").await, f.library("h").await);
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let store = f.store.clone();
        calls.spawn(async move {
            for _ in 0..15 {
                let (source, face) =
                    store.enrol(from.id, new_person(), new_face(), bytes("shared")).await.expect("enrol");
                let copying = store.copy_person(source.id, to.id, new_person(), vec![copy_of(&face)]);
                let (copied, removed) = tokio::join!(copying, store.remove_person(source.id));
                removed.expect("remove");
                match copied {
                    Ok(copy) => {
                        assert_eq!(store.picture(&face.picture_key).await.expect("picture"), "shared");
                        store.remove_person(copy.id).await.expect("remove the copy");
                    }
                    Err(error) => assert!(matches!(error, Error::NotFound), "{error}"),
                }
            }
        });
    }
    calls.join_all().await;
    assert!(f.pictures().await.is_empty());
}

pub async fn a_face_replaces_all_others(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await;
    let (person, first) = f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol");
    let second = f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    let third = f.store.replace_faces(person.id, new_face(), bytes("p")).await.expect("replace");
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), std::slice::from_ref(&third));
    assert_eq!(f.store.person(person.id).await.expect("read"), Some(person.clone()));
    assert_eq!(f.pictures().await, [key("p")].into());
    let removed = |face_ids| Change::FacesRemoved { library_id: library.id, face_ids };
    let added = |face: &Face| Change::FaceAdded {
        library_id: library.id,
        person_id: person.id,
        face_id: face.id,
        template: None,
    };
    assert_eq!(log.changes()[2..], [removed(vec![first.id, second.id]), added(&third)]);

    let clash = NewFace { file_id: third.file_id, ..new_face() };
    let (_, other) = f.enrol(&library, "r").await;
    let taken = NewFace { file_id: other.file_id, ..new_face() };
    let refused = f.store.replace_faces(person.id, taken, bytes("s")).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [third]);
    assert_eq!(f.pictures().await, [key("p"), key("r")].into());
    f.store.replace_faces(person.id, clash, bytes("t")).await.expect("the old face is gone by then");
    assert_eq!(f.pictures().await, [key("r"), key("t")].into());
    let nobody = f.store.replace_faces(PersonId::new(99), new_face(), bytes("u")).await;
    assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
}

pub async fn hidden_libraries_are_found_by_their_own_way_and_by_row_id(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (open, secret) = (f.library("g").await, hidden(&f, "s").await);
    assert!(!open.hidden && secret.hidden);
    assert_eq!(f.store.hidden_library(APP, "s").await.expect("read").as_ref(), Some(&secret));
    assert_eq!(f.store.hidden_library(APP, "g").await.expect("read"), None);
    assert_eq!(f.store.library_by_id(secret.id).await.expect("read").as_ref(), Some(&secret));
    assert_eq!(f.store.library_by_id(LibraryId::new(99)).await.expect("read"), None);
    assert_eq!(f.store.library(APP, "s").await.expect("read"), None);
    assert_eq!(f.store.library_by_engine_key(APP, &secret.engine_key).await.expect("read"), None);
    assert_eq!(f.store.libraries(APP, Page::first(9)).await.expect("read"), std::slice::from_ref(&open));
    assert_eq!(f.store.library_count(APP).await.expect("read"), 1);
    assert_eq!(f.store.library_count("nobody").await.expect("read"), 0);

    let (person, face) = f.store.enrol(secret.id, named("u"), new_face(), bytes("p")).await.expect("enrol");
    assert_eq!(f.store.face_in_library(APP, "s", face.id).await.expect("read"), None);
    assert_eq!(f.store.people_of_app_with_keys(APP, called("u")).await.expect("read"), []);
    assert_eq!(f.store.people_with_keys(secret.id, called("u")).await.expect("read"), std::slice::from_ref(&person));
    let token = &key("p")[..32];
    assert_eq!(f.store.face_by_token(APP, token).await.expect("read"), None);
    assert!(f.store.has_picture_in_library(secret.id, token).await.expect("read"));
    assert_eq!(f.store.face_of_person_by_token(person.id, token).await.expect("read"), Some(face));
}

pub async fn people_come_in_pages_and_by_their_keys_in_an_app(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let mut people = Vec::new();
    let (first, _) = f.enrol(&library, "p").await;
    people.push(first.clone());
    // One person's external id equals another's public id.
    let namesake = named(&first.public_id.to_string());
    for new in [named("u"), namesake, named("v")] {
        f.store.enrol(other.id, new_person(), new_face(), bytes("p")).await.expect("between");
        let (person, _) = f.store.enrol(library.id, new, new_face(), bytes("p")).await.expect("enrol");
        people.push(person);
    }
    let (elsewhere, _) = f.store.enrol(other.id, named("u"), new_face(), bytes("p")).await.expect("enrol");
    f.store.add_face(people[1].id, new_face(), bytes("q")).await.expect("face");

    let page = async |page| f.store.people(library.id, page).await.expect("page");
    assert_eq!(page(Page::first(9)).await, people);
    assert_eq!(page(Page { offset: 1, limit: 2 }).await, people[1..3]);
    assert_eq!(page(Page { offset: 4, limit: 9 }).await, []);
    assert_eq!(page(Page::first(1)).await, people[..1]);
    assert_eq!(page(Page::first(0)).await, []);
    let counts = f.store.library_counts(library.id).await.expect("counts");
    assert_eq!(counts, LibraryCounts { users: 3, faces: 5 });
    assert_eq!(f.store.person_count(library.id).await.expect("count"), 4);
    assert_eq!(f.store.library_counts(LibraryId::new(99)).await.expect("counts"), LibraryCounts::default());
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 2, people: 8, faces: 9 });

    let of_app = async |app: &str, keys| f.store.people_of_app_with_keys(app, keys).await.expect("read");
    assert_eq!(of_app(APP, called("u")).await, [people[1].clone(), elsewhere]);
    let id = first.public_id.to_string();
    let by_id = PersonKeys { public_id: Some(first.public_id), ..called(&id) };
    assert_eq!(of_app(APP, by_id).await, [people[0].clone(), people[2].clone()]);
    assert_eq!(of_app("nobody", called("u")).await, []);
}

pub async fn faces_are_found_by_the_beginning_of_their_picture_key(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let (person, _) = f.enrol(&library, "p").await;
    let newer = f.store.add_face(person.id, new_face(), bytes("p")).await.expect("face");
    f.enrol(&library, "q").await;
    let key = key("p");
    let token = &key[..32];
    assert_eq!(f.store.face_by_token(APP, token).await.expect("read"), Some(newer.clone()));
    assert_eq!(f.store.face_of_person_by_token(person.id, token).await.expect("read"), Some(newer.clone()));
    assert_eq!(f.store.face_of_person_by_token(PersonId::new(99), token).await.expect("read"), None);
    assert!(f.store.has_picture_in_library(library.id, token).await.expect("read"));
    assert!(!f.store.has_picture_in_library(other.id, token).await.expect("read"));
    let (_, newest) = f.enrol(&other, "p").await;
    assert_eq!(f.store.face_by_token(APP, token).await.expect("read"), Some(newest));
    assert_eq!(f.store.face_by_token("nobody", token).await.expect("read"), None);
    for no_token in ["", &key[..31], &key[..33], &token.to_uppercase(), &"%".repeat(32), &"é".repeat(16)] {
        assert_eq!(f.store.face_by_token(APP, no_token).await.expect("read"), None, "{no_token}");
        assert_eq!(f.store.face_of_person_by_token(person.id, no_token).await.expect("read"), None);
        assert!(!f.store.has_picture_in_library(library.id, no_token).await.expect("read"));
    }
}

pub async fn faces_are_found_by_what_the_engine_calls_them(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let odd = "a\"b\\c\n\u{1}é";
    let mut expected = Vec::new();
    for (library, engine_ref) in [(&library, "r"), (&library, odd), (&other, "r"), (&other, "s")] {
        let face = NewFace { engine_ref: Some(engine_ref.into()), ..new_face() };
        let (person, face) = f.store.enrol(library.id, new_person(), face, bytes("p")).await.expect("enrol");
        expected.push((face, person));
    }
    f.enrol(&library, "p").await;
    let asked = ["r", odd, "s", "t"].map(String::from);
    let mut found = f.store.faces_by_engine_ref(library.id, &asked).await.expect("read");
    found.sort_by_key(|(face, _)| face.id);
    assert_eq!(found, expected[..2]);
    let claimed = f.store.claimed_engine_refs(library.id, &asked).await.expect("read");
    assert_eq!(claimed, ["r", odd].map(String::from).into());
    assert!(f.store.claimed_engine_refs(library.id, &[]).await.expect("read").is_empty());
}
