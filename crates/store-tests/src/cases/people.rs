//! Lookups of people and their faces.

use std::collections::BTreeSet;

use aicp_store::NewPerson;
use aicp_types::{FaceId, FileId};

use crate::fixture::{Fixture, bytes, key, named, new_face, new_person};

#[tokio::test]
async fn an_id_is_tried_as_person_id_then_person_no_then_ext_user_id() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let enrol =
        async |library_id, person| f.store.enrol(library_id, person, new_face(), bytes("p")).await.expect("enrol").0;
    let by_id = enrol(library.id, new_person()).await;
    let id = by_id.public_id.to_string();
    let by_ext = enrol(library.id, named(&by_id.number)).await;
    enrol(library.id, NewPerson { number: id.clone(), external_id: Some(id.clone()), ..new_person() }).await;

    let find = async |user_id: &str| f.store.find_person(library.id, user_id).await.expect("read");
    assert_eq!(find(&id).await, Some(by_id.clone()));
    assert_eq!(find(&by_id.number).await, Some(by_id.clone()), "number goes before external_id");
    f.store.remove_person(by_id.id).await.expect("remove");
    assert_eq!(find(&by_id.number).await, Some(by_ext), "then external_id is left");

    for none in ["", "nobody", "\0", &format!("+{id}"), &format!("0{id}"), "99999999999999999999999999"] {
        assert_eq!(find(none).await, None, "{none}");
    }
}

#[tokio::test]
async fn people_are_found_inside_their_library_only() {
    let f = Fixture::new().await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let (person, _) = f.store.enrol(library.id, named("u"), new_face(), bytes("p")).await.expect("enrol");
    for user_id in [&*person.public_id.to_string(), &*person.number, "u"] {
        assert_eq!(f.store.find_person(library.id, user_id).await.expect("read"), Some(person.clone()));
        assert_eq!(f.store.find_person(other.id, user_id).await.expect("read"), None);
    }
}

#[tokio::test]
async fn faces_come_newest_first() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, first) = f.enrol(&library, "p").await;
    // Stored later, but with an earlier snowflake.
    let oldest = aicp_store::NewFace { file_id: FileId::new(-1), ..new_face() };
    let oldest = f.store.add_face(person.id, oldest, bytes("q")).await.expect("face");
    let newest = f.store.add_face(person.id, new_face(), bytes("r")).await.expect("face");
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [newest, first, oldest]);
}

#[tokio::test]
async fn a_person_has_the_pictures_of_its_faces() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    let (other, _) = f.enrol(&library, "q").await;
    assert!(f.store.has_picture(person.id, &key("p")).await.expect("read"));
    assert!(!f.store.has_picture(person.id, &key("q")).await.expect("read"));
    assert!(!f.store.has_picture(other.id, &key("p")).await.expect("read"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_five_thousand_ids_can_be_asked_at_once() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let mut people = Vec::new();
    for _ in 0..20 {
        people.push(f.enrol(&library, "p").await.0);
    }
    let mut adding = tokio::task::JoinSet::new();
    for n in 0..480 {
        let (store, person) = (f.store.clone(), people[n % people.len()].id);
        adding.spawn(async move { store.add_face(person, new_face(), bytes("p")).await.expect("face").id });
    }
    adding.join_all().await;
    let mut there = BTreeSet::new();
    for person in &people {
        there.extend(f.store.faces_of(person.id).await.expect("read").into_iter().map(|face| face.id));
    }
    assert_eq!(there.len(), 500);

    // Existing ids, missing ids, and duplicates.
    let mut asked: Vec<_> = (-2_000..3_000).map(FaceId::new).collect();
    asked.extend(&there);
    let found = f.store.people_with_faces(&asked).await.expect("read");
    assert!(found.iter().all(|(face, person)| face.person_id == person.id));
    assert!(found.iter().all(|(_, person)| people.contains(person)));
    assert_eq!(found.len(), there.len(), "each once");
    assert_eq!(found.into_iter().map(|(face, _)| face.id).collect::<BTreeSet<_>>(), there);
    assert!(f.store.people_with_faces(&[]).await.expect("read").is_empty());
}
