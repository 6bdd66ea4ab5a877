//! Enrolment and removal.

use aicp_platform::settings::Recognition;
use aicp_platform::{
    BadInput, EnrolOptions, Enrolment, Error, Existing, FaceKey, KnownPerson, LastFace, Limit, Missing, MissingPerson,
    Page, PersonData, RecognitionGate, Refusal, Settings, face_token,
};
use aicp_vision::FakeFace;

use crate::fixture::{Fixture, LIBRARY, group, key, no_picture, nobody, once, picture, picture_of};

#[tokio::test]
async fn people_are_found_until_they_are_removed() {
    let fixture = Fixture::start().await;
    let alice = fixture.enrol(picture("alice", 1)).await.person.public_id.to_string();
    let bob = fixture.enrol(picture("bob", 1)).await.person.public_id.to_string();
    assert_eq!(fixture.matches(picture("alice", 2)).await, [alice.as_str()]);
    fixture.remove(&alice).await.expect("it is removed");
    assert!(fixture.matches(picture("alice", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("bob", 2)).await, [bob.as_str()]);
    let again = fixture.remove(&alice).await;
    assert!(matches!(again, Err(Error::Missing(Missing::Person))));
    fixture.remove(&bob).await.expect("it is removed");
    assert_eq!(fixture.platform.counts().await.expect("an answer").people, 0);
}

#[tokio::test]
async fn people_are_found_after_a_restart() {
    let fixture = Fixture::start().await;
    let alice = fixture.enrol(picture("alice", 1)).await.person.public_id.to_string();
    let bob = fixture.enrol(picture("bob", 1)).await.person.public_id.to_string();
    fixture.remove(&bob).await.expect("it is removed");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.matches(picture("alice", 2)).await, [alice]);
    assert!(fixture.matches(picture("bob", 2)).await.is_empty());
}

#[tokio::test]
async fn a_person_is_found_by_each_of_the_ids() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    fixture.import(&library, "a-1", picture("alice", 1)).await.expect("it is enrolled");
    let person = fixture.find("a-1").await.expect("a person");
    for id in [person.public_id.to_string(), person.number.clone()] {
        assert_eq!(fixture.find(&id).await.expect("a person").id, person.id, "{id}");
    }
    let other = fixture.find("a-2").await;
    assert!(matches!(other, Err(Error::Missing(Missing::Person))));
}

#[tokio::test]
async fn the_largest_face_is_enrolled() {
    let fixture = Fixture::start().await;
    let enrolled = fixture.enrol(group(&["large", "small"])).await;
    assert_eq!((enrolled.face.bounding_box, enrolled.face.quality), ([0.0, 100.0, 100.0, 100.0], Some(0.9)));
    assert_eq!(fixture.matches(picture("large", 2)).await.len(), 1);
    assert!(fixture.matches(picture("small", 2)).await.is_empty());
}

#[tokio::test]
async fn a_bad_picture_enrols_nobody_and_leaves_no_library() {
    let fixture = Fixture::start().await;
    assert!(matches!(fixture.try_enrol(no_picture()).await, Err(Error::BadInput(BadInput::Picture(_)))));
    assert!(matches!(fixture.try_enrol(nobody()).await, Err(Error::Refused(Refusal::NoFace))));
    fixture.biometrics.set_busy(true);
    assert!(matches!(fixture.try_enrol(picture("alice", 1)).await, Err(Error::Busy)));
    fixture.biometrics.set_busy(false);
    assert_eq!(fixture.platform.library_count(&fixture.app, fixture.app.app_id()).await.expect("an answer"), 0);
}

#[tokio::test]
async fn a_missing_library_is_created_only_on_request() {
    let fixture = Fixture::start().await;
    let enrol = |picture| {
        let (person, options) = (PersonData::default(), EnrolOptions::default());
        fixture.platform.enrol(&fixture.app, Enrolment { library: key("new"), person, picture, options })
    };
    assert!(matches!(enrol(picture("alice", 1)).await, Err(Error::Missing(Missing::Library))));
    assert!(
        matches!(enrol(no_picture()).await, Err(Error::BadInput(BadInput::Picture(_)))),
        "the picture takes precedence"
    );
    fixture.platform.open_library(&fixture.app, "new").await.expect("a library");
    enrol(picture("alice", 1)).await.expect("it is enrolled");
}

#[tokio::test]
async fn an_unrecognisable_face_is_not_enrolled() {
    let fixture = Fixture::start().await;
    let dark = FakeFace { recognisability: 0.4, ..FakeFace::of("alice") };
    assert!(matches!(fixture.try_enrol(picture_of(dark)).await, Err(Error::Refused(Refusal::NotRecognisable(_)))));
    let doubtful = FakeFace { confidence: 0.55, ..FakeFace::of("alice") };
    assert!(matches!(fixture.try_enrol(picture_of(doubtful)).await, Err(Error::Refused(Refusal::NotRecognisable(_)))));
}

#[tokio::test]
async fn an_import_can_be_repeated() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let import = async |user, photo| {
        let enrolled = fixture.import(&library, user, photo).await.expect("an answer");
        (enrolled.is_new_person, enrolled.is_new_face)
    };
    assert_eq!(import("a", picture("alice", 1)).await, (true, true));
    assert_eq!(import("a", picture("alice", 1)).await, (false, false));
    assert_eq!(import("a", picture("alice", 2)).await, (false, true));
    assert_eq!(import("b", picture("alice", 2)).await, (true, true));
    let counts = fixture.platform.library_counts(&library).await.expect("an answer");
    assert_eq!((counts.users, counts.faces), (2, 3));
}

#[tokio::test]
async fn a_picture_is_in_a_library_once() {
    let fixture = Fixture::start().await;
    let add = |user, photo| fixture.add_face(user, photo, once(KnownPerson::AddFace, MissingPerson::Create));
    add("alice", picture("alice", 1)).await.expect("it is enrolled");
    let again = add("alice", picture("alice", 1)).await;
    assert!(matches!(again, Err(Error::Exists(Existing::Face))));
    let other = add("bob", picture("alice", 1)).await;
    assert!(matches!(other, Err(Error::Exists(Existing::Face))));
    let known = once(KnownPerson::ReplaceFaces, MissingPerson::Refuse);
    let unknown = fixture.add_face("carol", picture("carol", 1), known.clone()).await;
    assert!(matches!(unknown, Err(Error::Missing(Missing::Person))));
    // Replacing a picture by itself changes nothing.
    fixture.add_face("alice", picture("alice", 1), known).await.expect("it is enrolled");
    assert_eq!(fixture.faces("alice").await.len(), 1);
}

#[tokio::test]
async fn replaced_faces_are_no_longer_found() {
    let fixture = Fixture::start().await;
    let replace = |photo| fixture.add_face("alice", photo, once(KnownPerson::ReplaceFaces, MissingPerson::Create));
    replace(picture("before", 1)).await.expect("it is enrolled");
    replace(picture("after", 1)).await.expect("it is enrolled");
    assert!(fixture.matches(picture("before", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("after", 2)).await.len(), 1);
}

#[tokio::test]
async fn the_last_face_takes_the_user_with_it() {
    let fixture = Fixture::start().await;
    for number in 1..=2 {
        let added = fixture
            .add_face("alice", picture("alice", number), once(KnownPerson::AddFace, MissingPerson::Create))
            .await;
        added.expect("it is enrolled");
    }
    for left in [1, 0] {
        let token = FaceKey::Token(face_token(&fixture.faces("alice").await[0]));
        let (library, person) = (fixture.library().await, fixture.find("alice").await.expect("a person"));
        let last = LastFace::RemovesPerson;
        let removed = fixture.platform.remove_face(&fixture.app, &library, &person, token, last).await;
        removed.expect("it is removed");
        assert_eq!(fixture.matches(picture("alice", 3)).await.len(), left);
    }
    let people = fixture.platform.people(&fixture.app, &fixture.library().await, Page::ALL).await;
    assert!(people.expect("an answer").is_empty());
}

#[tokio::test]
async fn limits_hold() {
    let settings = Settings { max_libraries: 1, max_faces_a_user: 2, ..Settings::default() };
    let fixture = Fixture::with(settings).await;
    fixture.library().await;
    let second = fixture.platform.open_library(&fixture.app, "second").await;
    assert!(matches!(second, Err(Error::Full(Limit::Libraries))));
    let add =
        |number| fixture.add_face("alice", picture("alice", number), once(KnownPerson::AddFace, MissingPerson::Create));
    add(1).await.expect("it is enrolled");
    add(2).await.expect("it is enrolled");
    assert!(matches!(add(3).await, Err(Error::Full(Limit::Faces))));
}

#[tokio::test]
async fn a_deleted_library_is_gone_with_its_people() {
    let fixture = Fixture::start().await;
    fixture.enrol(picture("alice", 1)).await;
    let library = fixture.library().await;
    fixture.platform.delete_library(&fixture.app, &library).await.expect("it is deleted");
    let found = fixture.platform.identify(&fixture.app, LIBRARY, picture("alice", 2), Some(1)).await;
    assert!(matches!(found, Err(Error::Missing(Missing::Library))));
    fixture.library().await;
    assert!(fixture.matches(picture("alice", 2)).await.is_empty());
}

#[tokio::test]
async fn a_copy_of_an_unrecognisable_face_matches_nobody_either() {
    let gated = |gate| {
        let recognition = Recognition { gate, ..Recognition::default() };
        Settings { recognition, ..Settings::default() }
    };
    let fixture = Fixture::with(gated(RecognitionGate::Off)).await;
    let spoilt = picture_of(FakeFace { recognisability: 0.1, ..FakeFace::of("alice") });
    let added = fixture.add_face("alice", spoilt, once(KnownPerson::AddFace, MissingPerson::Create)).await;
    added.expect("it is enrolled");
    assert_eq!(fixture.matches(picture("alice", 2)).await.len(), 1);
    let fixture = fixture.reopened_with(gated(RecognitionGate::On)).await;
    let (from, to) =
        (fixture.library().await, fixture.platform.open_library(&fixture.app, "other").await.expect("a library"));
    fixture.platform.copy_person(&fixture.app, &from, &to, "alice").await.expect("it is copied");
    for library in [LIBRARY, "other"] {
        let found =
            fixture.platform.identify(&fixture.app, library, picture("alice", 2), Some(1)).await.expect("an answer");
        assert!(found.matches.is_empty(), "{library}");
    }
}

#[tokio::test]
async fn a_copied_user_is_found_in_both_libraries() {
    let fixture = Fixture::start().await;
    let added = fixture.add_face("alice", picture("alice", 1), once(KnownPerson::AddFace, MissingPerson::Create)).await;
    added.expect("it is enrolled");
    let (from, to) =
        (fixture.library().await, fixture.platform.open_library(&fixture.app, "other").await.expect("a library"));
    fixture.platform.copy_person(&fixture.app, &from, &to, "alice").await.expect("it is copied");
    for library in [LIBRARY, "other"] {
        let found =
            fixture.platform.identify(&fixture.app, library, picture("alice", 2), Some(1)).await.expect("an answer");
        assert_eq!(found.matches.len(), 1, "{library}");
    }
    let again = fixture.platform.copy_person(&fixture.app, &from, &to, "alice").await;
    assert!(matches!(again, Err(Error::Exists(Existing::Person))));
    let nobody = fixture.platform.copy_person(&fixture.app, &from, &to, "bob").await;
    assert!(matches!(nobody, Err(Error::Missing(Missing::Person))));
}
