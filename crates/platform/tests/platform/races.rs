//! Concurrent calls about the same thing.

use std::time::Duration;

use aicp_platform::{Error, Existing, ExistingFaces, Imported, Missing, MissingUser, Profile};

use crate::fixture::{Fixture, LIBRARY, picture, user_face};

/// Runs two calls of which the first to reach the biometrics stays there until the other had time to reach them, or a
/// lock.
async fn concurrently<A: Future, B: Future>(fixture: &Fixture, a: A, b: B) -> (A::Output, B::Output) {
    let (hold, first) = (fixture.biometrics.hold(), fixture.biometrics.calls() + 1);
    let release = async {
        fixture.biometrics.wait_for_calls(first).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        drop(hold);
    };
    let (a, b, ()) = tokio::join!(a, b, release);
    (a, b)
}

#[tokio::test]
async fn one_picture_is_enrolled_once() {
    let fixture = Fixture::start().await;
    fixture.library().await;
    let add = |user| {
        let face = user_face(user, picture("alice", 1));
        fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create)
    };
    let (a, b) = concurrently(&fixture, add("alice"), add("bob")).await;
    let refused = [a.err(), b.err()].into_iter().flatten().collect::<Vec<_>>();
    assert!(matches!(refused.as_slice(), [Error::Exists(Existing::Face)]), "{refused:?}");
    assert_eq!(fixture.matches(picture("alice", 2)).await.len(), 1);
}

#[tokio::test]
async fn two_pictures_of_a_new_user_make_one_user() {
    let fixture = Fixture::start().await;
    fixture.library().await;
    let add = |number| {
        let face = user_face("alice", picture("alice", number));
        fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create)
    };
    let (a, b) = concurrently(&fixture, add(1), add(2)).await;
    assert_eq!(a.expect("it is enrolled").person.id, b.expect("it is enrolled").person.id);
    assert_eq!(fixture.platform.user_faces(&fixture.app, LIBRARY, "alice").await.expect("an answer").len(), 2);
}

#[tokio::test]
async fn concurrent_imports_of_a_picture_enrol_it_once() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let import = || fixture.platform.import(&fixture.app, &library, "alice", Profile::default(), picture("alice", 1));
    let (a, b) = concurrently(&fixture, import(), import()).await;
    let mut results = [a.expect("an answer"), b.expect("an answer")];
    results.sort_by_key(|result| *result == Imported::Known);
    assert_eq!(results, [Imported::NewPerson, Imported::Known]);
}

#[tokio::test]
async fn two_callers_create_one_library() {
    let fixture = Fixture::start().await;
    let (alice, bob) = (fixture.try_enrol(picture("alice", 1)), fixture.try_enrol(picture("bob", 1)));
    let (a, b) = concurrently(&fixture, alice, bob).await;
    assert_eq!(a.expect("it is enrolled").person.library_id, b.expect("it is enrolled").person.library_id);
    assert_eq!(fixture.platform.library_count(fixture.app.app_id()).await.expect("an answer"), 1);
}

#[tokio::test]
async fn a_library_deleted_meanwhile_takes_nobody() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let delete = async {
        fixture.biometrics.wait_for_calls(1).await;
        fixture.platform.delete_library(&fixture.app, &library).await
    };
    let hold = fixture.biometrics.hold();
    let (enrolled, ()) = tokio::join!(fixture.try_enrol(picture("alice", 1)), async {
        delete.await.expect("it is deleted");
        drop(hold);
    });
    assert!(matches!(enrolled, Err(Error::Missing(Missing::Library))));
    assert_eq!(fixture.platform.counts().await.expect("an answer").faces, 0);
}

#[tokio::test]
async fn an_enrolment_whose_caller_has_gone_is_complete_or_absent() {
    let fixture = Fixture::start().await;
    fixture.library().await;
    let face = user_face("alice", picture("alice", 1));
    let hold = fixture.biometrics.hold();
    {
        let call = fixture.platform.add_user_face(&fixture.app, face, ExistingFaces::Keep, MissingUser::Create);
        tokio::select! {
            _ = call => panic!("it is held"),
            () = fixture.biometrics.wait_for_calls(1) => {}
        }
    }
    drop(hold);
    // The call goes on without its caller; a second one waits for it.
    let again = user_face("alice", picture("alice", 1));
    let again = fixture.platform.add_user_face(&fixture.app, again, ExistingFaces::Keep, MissingUser::Create).await;
    assert!(matches!(again, Err(Error::Exists(Existing::Face))));
    assert_eq!(fixture.matches(picture("alice", 2)).await.len(), 1);
}
