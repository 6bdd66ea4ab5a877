//! Rows round-trip, and uniqueness is enforced.

use aicp_store::{Counts, Error, LastIds, NewFace, NewLibrary, NewPerson, Page, Profile};
use aicp_types::{FaceId, LibraryId, PersonId, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, face_with, key, named, new_face, new_library, new_person, next_number};

/// Quotes, other scripts, an astral character, a NUL, and something that looks like SQL.
const ODD: &str = "O'Brien \"x\" 张伟 😀 \0 '); DROP TABLE person; --";

pub async fn libraries_round_trip(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ensure_app(ODD, UnixMillis::new(1)).await.expect("app");
    let new = NewLibrary {
        app_id: ODD.into(),
        name: ODD.into(),
        description: Some(ODD.into()),
        engine: ODD.into(),
        created_at: UnixMillis::new(i64::MAX),
        ..new_library(ODD)
    };
    let made = f.store.insert_library(new.clone()).await.expect("library");
    assert_eq!((&*made.app_id, &*made.external_id, &*made.name), (ODD, ODD, ODD));
    assert_eq!(
        (made.description.as_deref(), &*made.engine, made.created_at),
        (Some(ODD), ODD, UnixMillis::new(i64::MAX))
    );
    assert_eq!(made.engine_key, new.engine_key);

    let f = f.reopen().await;
    assert_eq!(f.store.library(ODD, ODD).await.expect("read"), Some(made.clone()));
    assert_eq!(f.store.library_by_engine_key(ODD, &made.engine_key).await.expect("read"), Some(made.clone()));
    assert_eq!(f.store.library(APP, ODD).await.expect("read"), None, "another app's");
    assert_eq!(f.store.library_by_engine_key(APP, &made.engine_key).await.expect("read"), None, "another app's");
    let cut_at_nul = ODD.split('\0').next().expect("a first part");
    assert_eq!(f.store.library(ODD, cut_at_nul).await.expect("read"), None, "NUL must not end a name");
}

pub async fn people_and_faces_round_trip(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let odd = || Some(ODD.to_owned());
    let profile = Profile {
        name: odd(),
        sex: Some(-1),
        birthday: Some(i64::MIN),
        document_number: odd(),
        customer_number: odd(),
        company: odd(),
        duty: odd(),
        province: odd(),
        kind: Some(7),
        remark: odd(),
        source_url: odd(),
    };
    let new = NewPerson { external_id: odd(), info: odd(), profile: profile.clone(), ..new_person() };
    let face = NewFace {
        bounding_box: [-0.1, 1e-30, f32::MAX, f32::INFINITY],
        confidence: 0.1,
        quality: Some(0.3),
        ..face_with(&[0.5], "1")
    };
    let (person, stored) =
        f.store.enrol(library.id, new.clone(), face.clone(), bytes("a picture")).await.expect("enrol");
    assert_eq!((person.library_id, person.public_id, &person.number), (library.id, new.public_id, &new.number));
    assert_eq!((&person.external_id, &person.info, &person.profile), (&odd(), &odd(), &profile));
    assert_eq!((stored.person_id, stored.file_id), (person.id, face.file_id));
    assert_eq!(
        (stored.bounding_box, stored.confidence, stored.quality),
        (face.bounding_box, face.confidence, face.quality)
    );
    assert_eq!(stored.picture_key, key("a picture"));

    let f = f.reopen().await;
    assert_eq!(f.store.person(person.id).await.expect("read"), Some(person.clone()));
    let expected = Some(stored.clone());
    assert_eq!(f.store.face(stored.id).await.expect("read"), expected);
    assert_eq!(f.store.face_by_file_id(face.file_id).await.expect("read"), expected);
    assert_eq!(f.store.face_in_library(APP, "g", stored.id).await.expect("read"), expected);
    assert_eq!(f.store.face_in_library(APP, "other", stored.id).await.expect("read"), None);
    assert_eq!(f.store.picture(&stored.picture_key).await.expect("picture"), "a picture");
}

pub async fn libraries_come_in_pages(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    for group in ["c", "a", "b"] {
        f.library(group).await;
    }
    let page = async |page| -> Vec<String> {
        let page = f.store.libraries(APP, page).await.expect("read");
        page.into_iter().map(|library| library.external_id).collect()
    };
    assert_eq!(page(Page::first(10)).await, ["c", "a", "b"]);
    assert_eq!(page(Page { offset: 1, limit: 1 }).await, ["a"]);
    assert!(page(Page { offset: 3, limit: 1 }).await.is_empty());
    assert!(page(Page::first(0)).await.is_empty());
}

pub async fn a_library_name_is_unique_in_its_app(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let again = f.store.insert_library(new_library("g")).await;
    assert!(matches!(again, Err(Error::Exists)), "{again:?}");

    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    f.store.insert_library(NewLibrary { app_id: "other".into(), ..new_library("g") }).await.expect("other app");

    let clash = NewLibrary { engine_key: library.engine_key, ..new_library("h") };
    let clash = f.store.insert_library(clash).await;
    assert!(matches!(clash, Err(Error::Database(_))), "{clash:?}");
    let orphan = f.store.insert_library(NewLibrary { app_id: "unknown".into(), ..new_library("g") }).await;
    assert!(matches!(orphan, Err(Error::NotFound)), "{orphan:?}");
}

pub async fn an_app_may_be_made_known_again(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ensure_app(APP, UnixMillis::new(99)).await.expect("again");
}

pub async fn ids_of_people_and_faces_are_unique(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, face) =
        f.store.enrol(library.id, named("u"), new_face(), bytes("first")).await.expect("first of its name");

    let same_name = f.store.enrol(library.id, named("u"), new_face(), bytes("second")).await;
    assert!(matches!(same_name, Err(Error::Exists)), "{same_name:?}");
    let same_ids = [
        (NewPerson { public_id: person.public_id, ..new_person() }, new_face()),
        (NewPerson { number: person.number.clone(), ..new_person() }, new_face()),
        (new_person(), NewFace { file_id: face.file_id, ..new_face() }),
        (new_person(), NewFace { confidence: f32::NAN, ..new_face() }),
    ];
    for (person, face) in same_ids {
        let refused = f.store.enrol(library.id, person, face, bytes("second")).await;
        assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    }

    let other = f.library("h").await;
    f.store.enrol(other.id, named("u"), new_face(), bytes("third")).await.expect("another library");
    let counts = f.store.counts().await.expect("counts");
    assert_eq!(counts, Counts { libraries: 2, people: 2, faces: 2 });
    assert_eq!(f.pictures().await, [key("first"), key("third")].into(), "refused pictures are not kept");
}

pub async fn what_is_not_there_is_not_found(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let none: i64 = next_number();
    assert!(matches!(
        f.store.enrol(LibraryId::new(none), new_person(), new_face(), bytes("p")).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(f.store.add_face(PersonId::new(none), new_face(), bytes("p")).await, Err(Error::NotFound)));
    assert!(matches!(f.store.delete_library(LibraryId::new(none)).await, Err(Error::NotFound)));
    assert!(matches!(f.store.remove_person(PersonId::new(none)).await, Err(Error::NotFound)));
    assert!(matches!(f.store.remove_face(FaceId::new(none)).await, Err(Error::NotFound)));
    for key in [key("p").as_str(), "", "../../aicp.db", "é", &"A".repeat(64), &"/".repeat(64)] {
        assert!(matches!(f.store.picture(key).await, Err(Error::NotFound)), "{key}");
    }
    assert_eq!(f.store.person(PersonId::new(none)).await.expect("read"), None);
    assert_eq!(f.store.face(FaceId::new(none)).await.expect("read"), None);
    assert!(f.store.faces_of(PersonId::new(none)).await.expect("read").is_empty());
    assert!(f.pictures().await.is_empty());
}

pub async fn row_ids_are_not_reused_and_the_highest_ids_are_told(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.last_ids().await.expect("read"), LastIds::default());
    let library = f.library("g").await;
    let (person, face) = f.enrol(&library, "p").await;
    let newer = f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    let f = f.reopen().await;
    let expected = LastIds { person: Some(person.public_id), file: Some(newer.file_id), ..LastIds::default() };
    assert_eq!(f.store.last_ids().await.expect("read"), expected);
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(f.store.last_ids().await.expect("read"), LastIds::default());
    let f = f.reopen().await;
    let library_again = f.library("g").await;
    let (person_again, face_again) = f.enrol(&library_again, "p").await;
    assert!(library_again.id > library.id);
    assert!(person_again.id > person.id);
    assert!(face_again.id > newer.id && newer.id > face.id);
}

pub async fn debug_output_tells_no_secrets(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let profile = Profile { name: Some("Ann".into()), document_number: Some("110101".into()), ..Profile::default() };
    let new = NewPerson { profile, ..new_person() };
    let face = face_with(&[0.123_456], "1");
    let shown = format!("{new:?} {face:?}");
    let (person, stored) = f.store.enrol(library.id, new, face, bytes("p")).await.expect("enrol");
    let shown = format!("{shown} {person:?} {stored:?}");
    assert!(shown.contains("Ann"));
    assert!(!shown.contains("110101") && !shown.contains("0.123"), "{shown}");
}
