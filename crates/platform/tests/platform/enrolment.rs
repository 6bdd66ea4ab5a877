//! Enrolment and removal.

use aicp_platform::{
    BadInput, Error, Existing, ExistingFaces, Imported, Limit, Missing, MissingLibrary, MissingUser, Page, Profile,
    Refusal, Settings,
};
use aicp_vision::FakeFace;

use crate::fixture::{Fixture, LIBRARY, group, no_picture, nobody, picture, picture_of, user_face};

#[tokio::test]
async fn people_are_found_until_they_are_removed() {
    let fixture = Fixture::start().await;
    let alice = fixture.enrol(picture("alice", 1)).await.person.public_id.to_string();
    let bob = fixture.enrol(picture("bob", 1)).await.person.public_id.to_string();
    assert_eq!(fixture.matches(picture("alice", 2)).await, [alice.as_str()]);
    fixture.platform.remove_person(&fixture.app, LIBRARY, &alice).await.expect("it is removed");
    assert!(fixture.matches(picture("alice", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("bob", 2)).await, [bob.as_str()]);
    let again = fixture.platform.remove_person(&fixture.app, LIBRARY, &alice).await;
    assert!(matches!(again, Err(Error::Missing(Missing::Person))));
    fixture.platform.remove_person(&fixture.app, LIBRARY, &bob).await.expect("it is removed");
    assert_eq!(fixture.platform.counts().await.expect("an answer").people, 0);
}

#[tokio::test]
async fn people_are_found_after_a_restart() {
    let fixture = Fixture::start().await;
    let alice = fixture.enrol(picture("alice", 1)).await.person.public_id.to_string();
    let bob = fixture.enrol(picture("bob", 1)).await.person.public_id.to_string();
    fixture.platform.remove_person(&fixture.app, LIBRARY, &bob).await.expect("it is removed");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.matches(picture("alice", 2)).await, [alice]);
    assert!(fixture.matches(picture("bob", 2)).await.is_empty());
}

#[tokio::test]
async fn a_person_is_found_by_each_of_the_ids() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let (profile, photo) = (Profile::default(), picture("alice", 1));
    fixture.platform.import(&fixture.app, &library, "a-1", profile, photo).await.expect("it is enrolled");
    let person = fixture.platform.find_person(&fixture.app, LIBRARY, "a-1").await.expect("a person").person;
    for id in [person.public_id.to_string(), person.number.clone()] {
        let found = fixture.platform.find_person(&fixture.app, LIBRARY, &id).await.expect("a person");
        assert_eq!(found.person.id, person.id, "{id}");
    }
    let other = fixture.platform.find_person(&fixture.app, LIBRARY, "a-2").await;
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
    assert_eq!(fixture.platform.library_count(fixture.app.app_id()).await.expect("an answer"), 0);
}

#[tokio::test]
async fn a_missing_library_is_created_only_on_request() {
    let fixture = Fixture::start().await;
    let enrol =
        |picture| fixture.platform.enrol(&fixture.app, "new", Profile::default(), picture, MissingLibrary::Refuse);
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
    let import =
        |user: &'static str, photo| fixture.platform.import(&fixture.app, &library, user, Profile::default(), photo);
    assert_eq!(import("a", picture("alice", 1)).await.expect("an answer"), Imported::NewPerson);
    assert_eq!(import("a", picture("alice", 1)).await.expect("an answer"), Imported::Known);
    assert_eq!(import("a", picture("alice", 2)).await.expect("an answer"), Imported::NewFace);
    assert_eq!(import("b", picture("alice", 2)).await.expect("an answer"), Imported::NewPerson);
    let counts = fixture.platform.library_counts(&library).await.expect("an answer");
    assert_eq!((counts.users, counts.faces), (2, 3));
}

#[tokio::test]
async fn a_picture_is_in_a_library_once() {
    let fixture = Fixture::start().await;
    let add =
        |user, photo, old, missing| fixture.platform.add_user_face(&fixture.app, user_face(user, photo), old, missing);
    let keep = ExistingFaces::Keep;
    add("alice", picture("alice", 1), keep, MissingUser::Create).await.expect("it is enrolled");
    let again = add("alice", picture("alice", 1), keep, MissingUser::Create).await;
    assert!(matches!(again, Err(Error::Exists(Existing::Face))));
    let other = add("bob", picture("alice", 1), keep, MissingUser::Create).await;
    assert!(matches!(other, Err(Error::Exists(Existing::Face))));
    let unknown = add("carol", picture("carol", 1), keep, MissingUser::Refuse).await;
    assert!(matches!(unknown, Err(Error::Missing(Missing::Person))));
    // Replacing a picture by itself changes nothing.
    add("alice", picture("alice", 1), ExistingFaces::Replace, MissingUser::Refuse).await.expect("it is enrolled");
    assert_eq!(fixture.platform.user_faces(&fixture.app, LIBRARY, "alice").await.expect("an answer").len(), 1);
}

#[tokio::test]
async fn replaced_faces_are_no_longer_found() {
    let fixture = Fixture::start().await;
    let replace = |photo| {
        let face = user_face("alice", photo);
        fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Replace, MissingUser::Create)
    };
    replace(picture("before", 1)).await.expect("it is enrolled");
    replace(picture("after", 1)).await.expect("it is enrolled");
    assert!(fixture.matches(picture("before", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("after", 2)).await.len(), 1);
}

#[tokio::test]
async fn the_last_face_takes_the_user_with_it() {
    let fixture = Fixture::start().await;
    for number in 1..=2 {
        let face = user_face("alice", picture("alice", number));
        let added = fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create).await;
        added.expect("it is enrolled");
    }
    for left in [1, 0] {
        let faces = fixture.platform.user_faces(&fixture.app, LIBRARY, "alice").await.expect("an answer");
        let token = aicp_platform::face_token(&faces[0]);
        let removed = fixture.platform.remove_user_face(&fixture.app, LIBRARY, "alice", &token).await;
        removed.expect("it is removed");
        assert_eq!(fixture.matches(picture("alice", 3)).await.len(), left);
    }
    let users = fixture.platform.users(&fixture.app, LIBRARY, Page::ALL).await.expect("an answer");
    assert!(users.is_empty());
}

#[tokio::test]
async fn limits_hold() {
    let settings = Settings { max_libraries: 1, max_faces_a_user: 2, ..Settings::default() };
    let fixture = Fixture::with(settings).await;
    fixture.library().await;
    let second = fixture.platform.open_library(&fixture.app, "second").await;
    assert!(matches!(second, Err(Error::Full(Limit::Libraries))));
    let add = |number| {
        let face = user_face("alice", picture("alice", number));
        fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create)
    };
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
    let found = fixture.platform.identify(&fixture.app, LIBRARY, picture("alice", 2), 1).await;
    assert!(matches!(found, Err(Error::Missing(Missing::Library))));
    fixture.library().await;
    assert!(fixture.matches(picture("alice", 2)).await.is_empty());
}

#[tokio::test]
async fn a_copied_user_is_found_in_both_libraries() {
    let fixture = Fixture::start().await;
    let face = user_face("alice", picture("alice", 1));
    let added = fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create).await;
    added.expect("it is enrolled");
    let (from, to) =
        (fixture.library().await, fixture.platform.open_library(&fixture.app, "other").await.expect("a library"));
    fixture.platform.copy_user(&fixture.app, &from, &to, "alice").await.expect("it is copied");
    for library in [LIBRARY, "other"] {
        let found = fixture.platform.identify(&fixture.app, library, picture("alice", 2), 1).await.expect("an answer");
        assert_eq!(found.matches.len(), 1, "{library}");
    }
    let again = fixture.platform.copy_user(&fixture.app, &from, &to, "alice").await;
    assert!(matches!(again, Err(Error::Exists(Existing::Person))));
    let nobody = fixture.platform.copy_user(&fixture.app, &from, &to, "bob").await;
    assert!(matches!(nobody, Err(Error::Missing(Missing::Person))));
}
