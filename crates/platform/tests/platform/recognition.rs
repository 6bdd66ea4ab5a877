//! Identification, comparison and thresholds.

use aicp_platform::settings::Recognition;
use aicp_platform::{BadInput, Error, Missing, RecognitionGate, Refusal, Settings, Threshold};
use aicp_vision::FakeFace;

use crate::fixture::{Fixture, LIBRARY, group, no_picture, nobody, picture, picture_of};

#[tokio::test]
async fn only_people_above_the_threshold_match() {
    let fixture = Fixture::start().await;
    fixture.enrol(picture("alice", 1)).await;
    let search = |photo| fixture.platform.identify(&fixture.app, LIBRARY, photo, Some(5));
    let known = search(picture("alice", 2)).await.expect("an answer");
    assert!(known.matches[0].similarity > 0.9 && known.best == Some(known.matches[0].similarity));
    let stranger = search(picture("mallory", 1)).await.expect("an answer");
    assert!(stranger.matches.is_empty());
    assert!(stranger.best.is_some_and(|best| best < 0.8), "the best candidate is told all the same");
}

#[tokio::test]
async fn a_caller_may_lower_the_threshold() {
    let fixture = Fixture::start().await;
    fixture.enrol(picture("alice", 1)).await;
    fixture.enrol(picture("bob", 1)).await;
    let libraries = [fixture.library().await];
    let count = async |threshold| {
        let found = fixture.platform.identify_in(&fixture.app, &libraries, picture("alice", 2), 5, threshold).await;
        found.expect("an answer").matches.len()
    };
    assert_eq!(count(Threshold::Default).await, 1);
    assert_eq!(count(Threshold::AtLeast(0.0)).await, 2);
    assert_eq!(count(Threshold::AtLeast(1.0)).await, 0);
}

#[tokio::test]
async fn the_picture_that_was_enrolled_has_similarity_1() {
    let fixture = Fixture::start().await;
    fixture.enrol(picture("alice", 1)).await;
    let similarity = async |photo| {
        fixture.platform.identify(&fixture.app, LIBRARY, photo, Some(1)).await.expect("an answer").matches[0].similarity
    };
    assert_eq!(similarity(picture("alice", 1)).await, 1.0);
    assert!(similarity(picture("alice", 2)).await < 1.0);
}

#[tokio::test]
async fn a_person_with_many_faces_takes_one_place() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    for (user, count) in [("alice", 3), ("alice-too", 1)] {
        for number in 0..count {
            let photo = picture("alice", 10 * number + user.len() as u32);
            let imported = fixture.import(&library, user, photo).await;
            imported.expect("it is enrolled");
        }
    }
    assert_eq!(fixture.matches(picture("alice", 99)).await.len(), 2);
    let first =
        fixture.platform.identify(&fixture.app, LIBRARY, picture("alice", 99), Some(1)).await.expect("an answer");
    assert_eq!(first.matches.len(), 1);
}

#[tokio::test]
async fn everybody_in_a_group_is_identified() {
    let fixture = Fixture::start().await;
    let alice = fixture.enrol(picture("alice", 1)).await.person.id;
    let other = fixture.platform.open_library(&fixture.app, "other").await.expect("a library");
    let bob = fixture.import(&other, "bob", picture("bob", 1)).await;
    bob.expect("it is enrolled");
    let photo = group(&["bob", "stranger", "alice"]);
    let search = |library| fixture.platform.identify_many(&fixture.app, library, photo.clone(), Some(3));
    let faces = search(Some(LIBRARY)).await.expect("an answer");
    assert_eq!(faces.iter().map(|face| face.matches.len()).collect::<Vec<_>>(), [0, 0, 1]);
    assert_eq!(faces[2].matches[0].person.id, alice);
    let faces = search(None).await.expect("an answer");
    assert_eq!(faces.iter().map(|face| face.matches.len()).collect::<Vec<_>>(), [1, 0, 1], "in all libraries");
    assert!(faces.windows(2).all(|pair| pair[0].face.area.area() >= pair[1].face.area.area()));
    let none = fixture.platform.identify_many(&fixture.app, None, nobody(), Some(3)).await;
    assert!(matches!(none, Err(Error::Refused(Refusal::NoFace))));
}

#[tokio::test]
async fn a_bad_picture_takes_precedence_over_a_missing_library() {
    let fixture = Fixture::start().await;
    let search = |photo| fixture.platform.identify(&fixture.app, "missing", photo, Some(1));
    assert!(matches!(search(no_picture()).await, Err(Error::BadInput(BadInput::Picture(_)))));
    assert!(matches!(search(nobody()).await, Err(Error::Refused(Refusal::NoFace))));
    assert!(matches!(search(picture("alice", 1)).await, Err(Error::Missing(Missing::Library))));
}

#[tokio::test]
async fn two_pictures_are_compared() {
    let fixture = Fixture::start().await;
    let compare = |a, b| fixture.platform.compare(&fixture.app, a, b);
    let same = compare(picture("alice", 1), picture("alice", 2)).await.expect("an answer");
    let different = compare(picture("alice", 1), picture("bob", 1)).await.expect("an answer");
    assert!(fixture.platform.is_match(same) && !fixture.platform.is_match(different));
    assert!(matches!(compare(picture("alice", 1), nobody()).await, Err(Error::Refused(Refusal::NoFace))));
}

#[tokio::test]
async fn a_user_is_compared_with_a_picture() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    for user in ["alice", "bob"] {
        let photo = picture(user, 1);
        fixture.import(&library, user, photo).await.expect("it is enrolled");
    }
    let libraries = [library];
    let verify = |user, photo| fixture.platform.compare_with_user(&fixture.app, &libraries, user, photo);
    assert!(verify("alice", picture("alice", 2)).await.expect("an answer")[0].similarity > 0.9);
    assert!(verify("bob", picture("alice", 2)).await.expect("an answer")[0].similarity < 0.6);
    let spoilt = picture_of(FakeFace { recognisability: 0.1, ..FakeFace::of("alice") });
    assert_eq!(verify("alice", spoilt).await.expect("an answer")[0].similarity, 0.0);
    assert!(matches!(verify("carol", picture("alice", 2)).await, Err(Error::Missing(Missing::Person))));
}

#[tokio::test]
async fn the_gate_of_an_app_decides_who_is_recognisable() {
    let loose = [("shop".to_owned(), RecognitionGate::Off)].into();
    let recognition = Recognition { app_gates: loose, ..Recognition::default() };
    let fixture = Fixture::with(Settings { recognition, ..Settings::default() }).await;
    let spoilt = || picture_of(FakeFace { recognisability: 0.1, ..FakeFace::of("alice") });
    let enrolled = fixture.enrol(spoilt()).await.person.public_id.to_string();
    assert_eq!(fixture.matches(spoilt()).await, [enrolled.as_str()]);
    let strict = fixture.platform.local_caller_for("strict").await.expect("an app");
    fixture.platform.open_library(&strict, LIBRARY).await.expect("a library");
    let found = fixture.platform.identify(&strict, LIBRARY, spoilt(), Some(1)).await.expect("an answer");
    assert!(found.matches.is_empty() && found.best.is_none());
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.matches(spoilt()).await, [enrolled], "the index holds what the loosest gate admits");
}

#[tokio::test]
async fn the_threshold_rises_with_the_number_of_faces_if_told_to() {
    let recognition = Recognition { fpir: Some(0.001), ..Recognition::default() };
    let fixture = Fixture::with(Settings { recognition, ..Settings::default() }).await;
    for person in 0..20 {
        fixture.enrol(picture(&format!("p{person}"), 1)).await;
    }
    let thresholds = fixture.platform.thresholds(&fixture.app, fixture.app.app_id()).await.expect("an answer");
    assert_eq!(thresholds[0].faces, Some(20));
    assert!(thresholds[0].threshold > 0.80 && thresholds[0].recommended == Some(thresholds[0].threshold));
    assert_eq!(fixture.matches(picture("p7", 2)).await.len(), 1);
    assert!(matches!(fixture.platform.thresholds(&fixture.app, "nobody").await, Err(Error::Missing(Missing::App))));
}

#[tokio::test]
async fn busy_biometrics_are_reported() {
    let fixture = Fixture::start().await;
    fixture.library().await;
    fixture.biometrics.set_busy(true);
    assert!(matches!(fixture.platform.detect(&fixture.app, picture("alice", 1)).await, Err(Error::Busy)));
    let found = fixture.platform.identify(&fixture.app, LIBRARY, picture("alice", 1), Some(1)).await;
    assert!(matches!(found, Err(Error::Busy)));
}
