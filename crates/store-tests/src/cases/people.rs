//! Lookups of people and their faces.

use std::collections::BTreeSet;

use aicp_store::PersonKeys;
use aicp_types::{FaceId, FileId, LibraryId, PublicId};

use crate::Harness;
use crate::fixture::{Fixture, bytes, key, named, new_face};

pub async fn people_are_found_by_any_of_their_keys_inside_their_library_only(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let (person, _) = f.store.enrol(library.id, named("u"), new_face(), bytes("p")).await.expect("enrol");
    // The keys of one person may be those of another in another column.
    let (namesake, _) = f.store.enrol(library.id, named(&person.number), new_face(), bytes("p")).await.expect("enrol");
    let find = async |library: LibraryId, keys| f.store.people_with_keys(library, keys).await.expect("read");
    let none = PersonKeys::default();
    let by_id = PersonKeys { public_id: Some(person.public_id), ..none };
    let by_number = PersonKeys { number: Some(&person.number), ..none };
    let by_external_id = PersonKeys { external_id: Some("u"), ..none };
    for keys in [by_id, by_number, by_external_id] {
        assert_eq!(find(library.id, keys).await, std::slice::from_ref(&person), "{keys:?}");
        assert_eq!(find(other.id, keys).await, [], "{keys:?}");
    }
    let any = PersonKeys { number: Some(&person.number), external_id: Some(&person.number), ..by_id };
    assert_eq!(find(library.id, any).await, [person.clone(), namesake], "each once");
    let others = PersonKeys { public_id: Some(PublicId::new(-1)), number: Some("u"), external_id: Some("") };
    assert_eq!(find(library.id, others).await, []);
    assert_eq!(find(library.id, none).await, []);
}

pub async fn faces_come_newest_first(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, first) = f.enrol(&library, "p").await;
    // Stored later, but with an earlier snowflake.
    let oldest = aicp_store::NewFace { file_id: FileId::new(-1), ..new_face() };
    let oldest = f.store.add_face(person.id, oldest, bytes("q")).await.expect("face");
    let newest = f.store.add_face(person.id, new_face(), bytes("r")).await.expect("face");
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [newest, first, oldest]);
}

pub async fn a_person_has_the_pictures_of_its_faces(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    let (other, _) = f.enrol(&library, "q").await;
    assert!(f.store.has_picture(person.id, &key("p")).await.expect("read"));
    assert!(!f.store.has_picture(person.id, &key("q")).await.expect("read"));
    assert!(!f.store.has_picture(other.id, &key("p")).await.expect("read"));
}

pub async fn more_than_five_thousand_ids_can_be_asked_at_once(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
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
