//! Members of a group, and uses of pictures behind a predicate.

use aicp_platform::{Error, Examination, ExaminedFace, Existing, Limit, NewMember, Page};
use aicp_vision::FakeFace;
use bytes::Bytes;

use crate::fixture::{Fixture, picture, picture_of};

const LIVENESS: Examination = Examination { quality: false, liveness: true };

fn is_live(face: &ExaminedFace) -> bool {
    face.liveness.is_some_and(|live| live.probability > 0.5)
}

fn member(user_id: &str, picture: Bytes) -> NewMember {
    NewMember { user_id: Some(user_id.to_owned()), picture, at_most: 2 }
}

fn not_live() -> Bytes {
    picture_of(FakeFace { live: 0.1, ..FakeFace::of("alice") })
}

#[tokio::test]
async fn only_accepted_faces_are_enrolled_and_searched() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let enrol = |member| fixture.platform.enrol_member(&fixture.app, &library, member, LIVENESS, is_live);
    let (face, enrolled) = enrol(member("alice", not_live())).await.expect("an answer");
    assert!(enrolled.is_none() && face.liveness.is_some());
    let (_, enrolled) = enrol(member("alice", picture("alice", 1))).await.expect("an answer");
    let alice = enrolled.expect("it is enrolled").person.id;

    let search = |photo| fixture.platform.identify_member(&fixture.app, &library, photo, 3, LIVENESS, is_live);
    assert!(search(not_live()).await.expect("an answer").1.is_empty());
    let (_, found) = search(picture("alice", 2)).await.expect("an answer");
    assert_eq!(found.iter().map(|found| found.person.id).collect::<Vec<_>>(), [alice]);

    let compare = |a, b| fixture.platform.compare_examined(&fixture.app, a, b, LIVENESS, is_live);
    assert!(compare(picture("alice", 1), not_live()).await.expect("an answer").1.is_none());
    let (_, similarity) = compare(picture("alice", 1), picture("alice", 2)).await.expect("an answer");
    assert!(similarity.is_some_and(|similarity| similarity > 0.9));
}

#[tokio::test]
async fn a_group_has_a_limit_and_unique_ids() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let enrol = |member| fixture.platform.enrol_member(&fixture.app, &library, member, LIVENESS, is_live);
    enrol(member("a", picture("a", 1))).await.expect("it is enrolled");
    assert!(matches!(enrol(member("a", picture("other", 1))).await, Err(Error::Exists(Existing::Person))));
    enrol(member("b", picture("b", 1))).await.expect("it is enrolled");
    assert!(matches!(enrol(member("c", picture("c", 1))).await, Err(Error::Full(Limit::People))));
    fixture.platform.remove_members(&fixture.app, &library, "a").await.expect("it is removed");
    enrol(member("c", picture("c", 1))).await.expect("it is enrolled");
    assert_eq!(fixture.platform.members(&fixture.app, &library, Page::ALL).await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn a_new_picture_replaces_the_face() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let person = fixture.enrol(picture("before", 1)).await.person;
    let replaced =
        fixture.platform.replace_member_face(&fixture.app, &library, person.clone(), picture("after", 1)).await;
    replaced.expect("it is replaced");
    assert!(fixture.matches(picture("before", 2)).await.is_empty());
    assert_eq!(fixture.matches(picture("after", 2)).await, [person.public_id.to_string()]);
    let face = fixture.platform.newest_face(&person).await.expect("an answer").expect("a face");
    assert_eq!(fixture.platform.picture_of_face(&face).await.expect("a picture"), picture("after", 1));
}
