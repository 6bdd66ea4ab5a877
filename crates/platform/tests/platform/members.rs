//! Members of a group, and uses of pictures behind a predicate.

use aicp_platform::{
    Enrolled, Error, Examination, ExaminedFace, Existing, FaceCheck, Library, Limit, Page, PersonChanges, Result,
};
use aicp_vision::FakeFace;
use bytes::Bytes;

use crate::fixture::{Fixture, person, picture, picture_of};

const LIVE: FaceCheck = FaceCheck { wanted: Examination { quality: false, liveness: true }, accepts: is_live };

fn is_live(face: &ExaminedFace) -> bool {
    face.liveness.is_some_and(|live| live.probability > 0.5)
}

/// Enrols a member of a group of at most two.
async fn enrol(
    fixture: &Fixture,
    library: &Library,
    user_id: &str,
    photo: Bytes,
) -> Result<(ExaminedFace, Option<Enrolled>)> {
    fixture.platform.enrol_checked(&fixture.app, library, person(user_id), photo, Some(2), LIVE).await
}

fn not_live() -> Bytes {
    picture_of(FakeFace { live: 0.1, ..FakeFace::of("alice") })
}

#[tokio::test]
async fn only_accepted_faces_are_enrolled_and_searched() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let enrol = |user_id, photo| enrol(&fixture, &library, user_id, photo);
    let (face, enrolled) = enrol("alice", not_live()).await.expect("an answer");
    assert!(enrolled.is_none() && face.liveness.is_some());
    let (_, enrolled) = enrol("alice", picture("alice", 1)).await.expect("an answer");
    let alice = enrolled.expect("it is enrolled").person.id;

    let search = |photo| fixture.platform.identify_checked(&fixture.app, &library, photo, 3, LIVE);
    assert!(search(not_live()).await.expect("an answer").1.is_empty());
    let (_, found) = search(picture("alice", 2)).await.expect("an answer");
    assert_eq!(found.iter().map(|found| found.person.id).collect::<Vec<_>>(), [alice]);

    let compare = |a, b| fixture.platform.compare_checked(&fixture.app, a, b, LIVE);
    assert!(compare(picture("alice", 1), not_live()).await.expect("an answer").1.is_none());
    let (_, similarity) = compare(picture("alice", 1), picture("alice", 2)).await.expect("an answer");
    assert!(similarity.is_some_and(|similarity| similarity > 0.9));
}

#[tokio::test]
async fn a_group_has_a_limit_and_unique_ids() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let enrol = |user_id, photo| enrol(&fixture, &library, user_id, photo);
    enrol("a", picture("a", 1)).await.expect("it is enrolled");
    assert!(matches!(enrol("a", picture("other", 1)).await, Err(Error::Exists(Existing::Person))));
    enrol("b", picture("b", 1)).await.expect("it is enrolled");
    assert!(matches!(enrol("c", picture("c", 1)).await, Err(Error::Full(Limit::People))));
    fixture.remove("a").await.expect("it is removed");
    enrol("c", picture("c", 1)).await.expect("it is enrolled");
    assert_eq!(fixture.platform.people(&fixture.app, &library, Page::ALL).await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn a_new_picture_replaces_the_face() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let person = fixture.enrol(picture("before", 1)).await.person;
    let (changes, photo) = (PersonChanges::default(), Some(picture("after", 1)));
    let replaced = fixture.platform.change(&fixture.app, &library, &person, changes, photo).await;
    replaced.expect("it is replaced");
    assert!(fixture.matches(picture("before", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("after", 2)).await, [person.public_id.to_string()]);
    let faces = fixture.platform.faces(&person).await.expect("an answer");
    assert_eq!(fixture.platform.picture_of_face(&faces[0]).await.expect("a picture"), picture("after", 1));
}
