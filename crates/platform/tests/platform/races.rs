//! Concurrent calls about the same thing.

use std::time::Duration;

use aicp_platform::{Error, Existing, KnownPerson, Missing, MissingPerson};

use crate::fixture::{Fixture, once, picture};

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
    let add = |user| fixture.add_face(user, picture("alice", 1), once(KnownPerson::AddFace, MissingPerson::Create));
    let (a, b) = concurrently(&fixture, add("alice"), add("bob")).await;
    let refused = [a.err(), b.err()].into_iter().flatten().collect::<Vec<_>>();
    assert!(matches!(refused.as_slice(), [Error::Exists(Existing::Face)]), "{refused:?}");
    assert_eq!(fixture.matches(picture("alice", 2)).await.len(), 1);
}

#[tokio::test]
async fn two_pictures_of_a_new_user_make_one_user() {
    let fixture = Fixture::start().await;
    fixture.library().await;
    let add =
        |number| fixture.add_face("alice", picture("alice", number), once(KnownPerson::AddFace, MissingPerson::Create));
    let (a, b) = concurrently(&fixture, add(1), add(2)).await;
    assert_eq!(a.expect("it is enrolled").person.id, b.expect("it is enrolled").person.id);
    assert_eq!(fixture.faces("alice").await.len(), 2);
}

#[tokio::test]
async fn concurrent_imports_of_a_picture_enrol_it_once() {
    let fixture = Fixture::start().await;
    let library = fixture.library().await;
    let import = || fixture.import(&library, "alice", picture("alice", 1));
    let (a, b) = concurrently(&fixture, import(), import()).await;
    let mut are_new = [a, b].map(|enrolled| enrolled.expect("an answer").is_new_face);
    are_new.sort_unstable();
    assert_eq!(are_new, [false, true]);
}

#[tokio::test]
async fn two_callers_create_one_library() {
    let fixture = Fixture::start().await;
    let (alice, bob) = (fixture.try_enrol(picture("alice", 1)), fixture.try_enrol(picture("bob", 1)));
    let (a, b) = concurrently(&fixture, alice, bob).await;
    assert_eq!(a.expect("it is enrolled").person.library_id, b.expect("it is enrolled").person.library_id);
    assert_eq!(fixture.platform.library_count(&fixture.app, fixture.app.app_id()).await.expect("an answer"), 1);
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
    let hold = fixture.biometrics.hold();
    let add = || fixture.add_face("alice", picture("alice", 1), once(KnownPerson::AddFace, MissingPerson::Create));
    {
        let call = add();
        tokio::select! {
            _ = call => panic!("it is held"),
            () = fixture.biometrics.wait_for_calls(1) => {}
        }
    }
    drop(hold);
    // The call goes on without its caller; a second one waits for it.
    let again = add().await;
    assert!(matches!(again, Err(Error::Exists(Existing::Face))));
    assert_eq!(fixture.matches(picture("alice", 2)).await.len(), 1);
}
