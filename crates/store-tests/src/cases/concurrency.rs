//! Concurrent callers.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aicp_store::{Change, Counts, Error, Observer, Page};
use aicp_types::{FaceId, Sequence, UnixMillis};
use futures_util::FutureExt;
use tokio::task::JoinSet;

use crate::Harness;
use crate::fixture::{Fixture, Log, PATIENCE, bytes, face_with, key, named, new_face, new_person};

pub async fn all_are_acknowledged_and_failures_hurt_nobody_else(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut calls = JoinSet::new();
    for n in 0..300 {
        let store = f.store.clone();
        // Every third person has the same external id, which only one can get.
        let person = if n % 3 == 0 { named("wanted") } else { new_person() };
        calls.spawn(async move {
            let picture = format!("picture {n}");
            (n, store.enrol(library.id, person, new_face(), bytes(&picture)).await)
        });
    }
    let mut winners = 0;
    for (n, outcome) in calls.join_all().await {
        match outcome {
            Ok((_, face)) => {
                winners += u64::from(n % 3 == 0);
                assert_eq!(
                    f.store.picture(&face.picture_key).await.expect("picture"),
                    format!("picture {n}").as_bytes()
                );
            }
            Err(Error::Exists) => assert_eq!(n % 3, 0),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners, 1);
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 201, faces: 201 });
    assert_eq!(f.pictures().await.len(), 201);
}

pub async fn one_of_many_removals_succeeds(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let store = f.store.clone();
        calls.spawn(async move { store.remove_person(person.id).await });
    }
    let outcomes = calls.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(()) | Err(Error::NotFound))), "{outcomes:?}");
}

pub async fn an_equal_picture_may_come_and_go_at_once(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut calls = JoinSet::new();
    for _ in 0..16 {
        let store = f.store.clone();
        calls.spawn(async move {
            for _ in 0..25 {
                let (person, face) =
                    store.enrol(library.id, new_person(), new_face(), bytes("shared")).await.expect("enrol");
                assert_eq!(store.picture(&face.picture_key).await.expect("own picture"), "shared");
                store.remove_person(person.id).await.expect("remove");
            }
        });
    }
    calls.join_all().await;
    assert!(f.pictures().await.is_empty());

    f.enrol(&library, "shared").await;
    assert_eq!(f.reopen().await.store.picture(&key("shared")).await.expect("picture"), "shared");
}

/// Forwards added faces to another thread, like a search index.
struct Forward(std::sync::mpsc::Sender<i64>);

impl Observer for Forward {
    fn committed(&self, _: Sequence, changes: &[Change]) {
        for change in changes {
            if let Change::FaceAdded { face_id, .. } = change {
                self.0.send((*face_id).get()).ok();
            }
        }
    }
}

pub async fn a_picture_can_be_read_as_soon_as_its_row_can(harness: Box<dyn Harness>) {
    let (sender, announced) = std::sync::mpsc::channel();
    let f = Fixture::observed(harness, Arc::new(Forward(sender))).await;
    let library = f.library("g").await;
    let (store, runtime) = (f.store.clone(), tokio::runtime::Handle::current());
    let reader = std::thread::spawn(move || {
        for _ in 0..100 {
            let face_id = announced.recv().expect("announcement");
            runtime.block_on(async {
                let face = store.face(FaceId::new(face_id)).await.expect("read").expect("committed");
                store.picture(&face.picture_key).await.expect("picture");
            });
        }
    });
    for n in 0..100 {
        f.enrol(&library, &format!("picture {n}")).await;
    }
    reader.join().expect("every picture was there");
}

pub async fn the_observer_hears_of_changes_in_commit_order_and_before_the_caller_does(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await;
    let mut calls = JoinSet::new();
    for n in 0..100 {
        let (store, log) = (f.store.clone(), log.clone());
        calls.spawn(async move {
            let new = face_with(&[n as f32], "1");
            let template = new.template.clone().map(Arc::new);
            let (person, face) =
                store.enrol(library.id, new_person(), new, bytes(&format!("{n}"))).await.expect("enrol");
            let added = Change::FaceAdded { library_id: library.id, person_id: person.id, face_id: face.id, template };
            assert!(log.changes().contains(&added));
            if n % 2 == 0 {
                store.remove_person(person.id).await.expect("remove");
                let removed = Change::FacesRemoved { library_id: library.id, face_ids: vec![face.id] };
                assert!(log.changes().contains(&removed));
            }
        });
    }
    calls.join_all().await;

    // Row ids are assigned inside the transactions, hence in commit order.
    let changes = log.changes();
    let added: Vec<FaceId> = changes
        .iter()
        .filter_map(|change| match change {
            Change::FaceAdded { face_id, .. } => Some(*face_id),
            _ => None,
        })
        .collect();
    assert_eq!(added.len(), 100);
    assert!(added.is_sorted(), "{added:?}");
    let position: HashMap<FaceId, usize> = added
        .iter()
        .map(|id| {
            (
                *id,
                changes
                    .iter()
                    .position(|change| matches!(change, Change::FaceAdded { face_id, .. } if face_id == id))
                    .expect("added"),
            )
        })
        .collect();
    for (at, change) in changes.iter().enumerate() {
        if let Change::FacesRemoved { face_ids, .. } = change {
            assert!(face_ids.iter().all(|id| position[id] < at), "removed before added");
        }
    }
}

pub async fn the_observer_hears_what_was_removed_and_nothing_of_failures(harness: Box<dyn Harness>) {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(harness, log.clone()).await;
    let library = f.library("g").await;
    let (person, first) = f.enrol(&library, "p").await;
    let second = f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    let third = f.store.add_face(person.id, new_face(), bytes("r")).await.expect("face");
    f.store
        .add_face(person.id, aicp_store::NewFace { file_id: third.file_id, ..new_face() }, bytes("s"))
        .await
        .expect_err("taken");
    f.store.remove_face(second.id).await.expect("remove");
    f.store.remove_person(person.id).await.expect("remove");
    f.store.remove_person(person.id).await.expect_err("gone");
    f.store.delete_library(library.id).await.expect("delete");
    let removed = |face_ids| Change::FacesRemoved { library_id: library.id, face_ids };
    assert_eq!(
        log.changes()[3..],
        [
            removed(vec![second.id]),
            removed(vec![first.id, third.id]),
            Change::LibraryRemoved { library_id: library.id },
        ]
    );
}

pub async fn a_write_whose_caller_gives_up_is_done_as_a_whole_or_not_at_all(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    for n in 0..200 {
        let call = f.store.enrol(library.id, new_person(), new_face(), bytes(&format!("{n}")));
        // Polled for a while, then dropped, at another point each time.
        let mut call = std::pin::pin!(call);
        for _ in 0..n % 20 {
            if call.as_mut().now_or_never().is_some() {
                break;
            }
            // Otherwise tokio's cooperative budget makes polls of a task that never waits return early.
            tokio::task::yield_now().await;
        }
    }
    let f = f.reopen().await;
    let people = f.store.people(library.id, Page::ALL).await.expect("read");
    let mut used = BTreeSet::new();
    for person in &people {
        let faces = f.store.faces_of(person.id).await.expect("read");
        let [face] = &faces[..] else { panic!("{faces:?}") };
        f.store.picture(&face.picture_key).await.expect("its picture");
        used.insert(face.picture_key.clone());
    }
    let deadline = Instant::now() + PATIENCE;
    while f.pictures().await != used {
        assert!(Instant::now() < deadline, "pictures of nobody are left");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub async fn closing_finishes_what_is_under_way_and_refuses_the_rest(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ping().await.expect("ping");
    let library = f.library("g").await;
    let mut calls = JoinSet::new();
    for n in 0..400 {
        let store = f.store.clone();
        calls.spawn(async move { store.enrol(library.id, new_person(), new_face(), bytes(&format!("{n}"))).await });
    }
    // Some calls are done, some are under way.
    while f.store.counts().await.expect("counts").faces < 3 {
        tokio::task::yield_now().await;
    }
    let (one, other) = tokio::join!(f.store.close(), f.store.close());
    one.expect("close");
    other.expect("close again");
    let files = f.pictures().await.len() as u64;
    let outcomes = calls.join_all().await;
    let stored = outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u64;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(Error::Closed))), "{outcomes:?}");

    assert!(matches!(f.store.ping().await, Err(Error::Closed)));
    assert!(matches!(f.store.counts().await, Err(Error::Closed)));
    assert!(matches!(f.store.ensure_app("x", UnixMillis::new(1)).await, Err(Error::Closed)));
    let f = f.reopen().await;
    assert_eq!(f.store.counts().await.expect("counts").faces, stored);
    assert_eq!(files, stored);
}
