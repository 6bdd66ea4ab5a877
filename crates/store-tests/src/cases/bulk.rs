//! Bulk insertion of people.

use std::sync::Arc;

use aicp_store::{AddedFace, BulkPerson, Change, Counts, Error, LastIds, NewFace, NewPerson};
use aicp_types::LibraryId;

use crate::Harness;
use crate::fixture::{Fixture, Log, bytes, face_with, key, named, new_face, new_person, ready};

pub async fn people_added_at_once_are_as_those_enrolled_one_by_one(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await;
    let ada = NewPerson { info: Some("i".into()), ..named("ada") };
    let faces = [face_with(&[1.0, -0.0], "1"), NewFace { quality: Some(0.25), ..new_face() }, face_with(&[2.0], "2")];
    let people = vec![
        BulkPerson { person: ada.clone(), faces: faces.iter().cloned().zip([2, 0, 2]).collect() },
        ready([]),
        ready([face_with(&[3.0], "1")]),
    ];
    let expected_ids = LastIds {
        person: people.iter().map(|ready| ready.person.public_id).max(),
        file: people.iter().flat_map(|ready| &ready.faces).map(|(face, _)| face.file_id).max(),
        ..LastIds::default()
    };
    let pictures = vec![bytes("p"), bytes("in no face"), bytes("q")];
    let ids = f.store.add_people(library.id, people, pictures).await.expect("add");
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 3, faces: 4 });
    assert_eq!(f.store.last_ids().await.expect("ids"), expected_ids);
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());

    let found = f.store.person(ids[0]).await.expect("read").expect("ada");
    assert_eq!((found.id, found.public_id, &found.info), (ids[0], ada.public_id, &ada.info));
    let mut stored = f.store.faces_of(ids[0]).await.expect("faces");
    stored.sort_by_key(|face| face.file_id);
    for ((stored, new), picture) in stored.iter().zip(&faces).zip(["q", "p", "q"]) {
        assert_eq!((stored.file_id, stored.bounding_box), (new.file_id, new.bounding_box));
        assert_eq!((stored.confidence, stored.quality), (new.confidence, new.quality));
        assert_eq!(stored.picture_key, key(picture));
        assert_eq!(f.store.picture(&stored.picture_key).await.expect("picture"), picture.as_bytes());
    }
    // The directory shows the same as for single enrolments, digests included.
    let entries = f.store.directory_entries(library.id, &[ada.public_id]).await.expect("entries");
    let (other, _) = f.store.enrol(library.id, new_person(), faces_like(&faces[0]), bytes("q")).await.expect("enrol");
    let others = f.store.directory_entries(library.id, &[other.public_id]).await.expect("entries");
    let (one, another) = (&entries[0].faces[0], &others[0].faces[0]);
    assert_eq!((&one.picture_md5, &one.template), (&another.picture_md5, &another.template));
    assert!(one.picture_md5.is_some() && one.template.is_some());
    assert!(f.store.library_by_id(library.id).await.expect("read").expect("library").updated_at >= library.updated_at);

    let last = f.store.faces_of(ids[2]).await.expect("faces").remove(0);
    let added = |person_id, face_id, new: &NewFace| AddedFace {
        person_id,
        face_id,
        template: new.template.clone().map(Arc::new),
    };
    let mut told: Vec<_> = stored.iter().zip(&faces).map(|(stored, new)| added(ids[0], stored.id, new)).collect();
    told.push(added(ids[2], last.id, &face_with(&[3.0], "1")));
    assert_eq!(log.changes()[0], Change::FacesAdded { library_id: library.id, faces: told });

    let (read, found) = f.reopen().await.templates("1").await;
    assert_eq!((read.templates, read.others), (3, 2));
    assert_eq!(found[0].3, [1.0f32.to_bits(), (-0.0f32).to_bits()]);
}

fn faces_like(face: &NewFace) -> NewFace {
    NewFace { template: face.template.clone(), ..new_face() }
}

pub async fn all_are_added_or_none(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await;
    let (_, there) = f.store.enrol(library.id, named("ada"), new_face(), bytes("p")).await.expect("enrol");
    let before = (f.store.counts().await.expect("counts"), log.changes().len());
    let many = || (0..300).map(|_| ready([face_with(&[1.0], "1")]));
    let with = |last: BulkPerson| many().chain([last]).collect::<Vec<_>>();
    let ready_named = |name| BulkPerson { person: named(name), faces: Vec::new() };
    let twice = NewFace { file_id: there.file_id, ..new_face() };

    let refused = f.store.add_people(library.id, with(ready_named("ada")), vec![bytes("q")]).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let two = [ready_named("bob"), ready_named("bob")].into_iter().chain(many()).collect();
    let refused = f.store.add_people(library.id, two, vec![bytes("q")]).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let refused = f.store.add_people(LibraryId::new(library.id.get() + 1), with(ready([])), vec![bytes("q")]).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let elsewhere = BulkPerson { person: new_person(), faces: vec![(new_face(), 1)] };
    let refused = f.store.add_people(library.id, with(elsewhere), vec![bytes("q")]).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = f.store.add_people(library.id, with(ready([twice])), vec![bytes("q")]).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");

    assert_eq!((f.store.counts().await.expect("counts"), log.changes().len()), before);
    assert_eq!(f.pictures().await, [key("p")].into());
    f.store.add_people(library.id, with(ready([])), vec![bytes("q")]).await.expect("nothing is in the way");
    f.store.add_people(library.id, Vec::new(), vec![bytes("r")]).await.expect("nothing to do");
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
}

pub async fn a_shared_picture_goes_with_the_last_face_in_it(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let people = vec![ready([new_face()]), ready([new_face()])];
    let ids = f.store.add_people(library.id, people, vec![bytes("p")]).await.expect("add");
    f.store.remove_person(ids[0]).await.expect("remove");
    assert_eq!(f.pictures().await, [key("p")].into());
    f.store.remove_person(ids[1]).await.expect("remove");
    assert!(f.pictures().await.is_empty());
}
