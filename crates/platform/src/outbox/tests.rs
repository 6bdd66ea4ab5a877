//! Outbox: writes to engines that store faces themselves.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use aicp_store::{
    Change, Counts, Error, Face, Library, NewFace, NewOutboxRow, OutboxAction, OutboxFilter, OutboxRow, Page, Person,
    Solution,
};
use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, UnixMillis};

use crate::fixture::{
    APP, Fixture, Log, bytes, key, new_face, new_library, new_outbox_row as row, new_person, next_id,
};

fn removal() -> NewOutboxRow {
    NewOutboxRow { id: OutboxId::new(0), endpoint: "removal url".into(), operation: "remove".into(), ..row() }
}

fn ids() -> Box<dyn FnMut() -> OutboxId + Send> {
    Box::new(next_id)
}

fn known_as(engine_ref: &str) -> Solution {
    Solution { engine_ref: Some(engine_ref.into()), ..Solution::default() }
}

fn refs<const N: usize>(refs: [&str; N]) -> Vec<String> {
    refs.map(String::from).into()
}

impl Fixture {
    async fn enqueue(&self, library: &Library, picture: &str) -> (Person, Face, OutboxId) {
        let row = row();
        let id = row.id;
        let enqueued = self.store.enqueue_person(library.id, new_person(), new_face(), bytes(picture), row).await;
        let (person, face) = enqueued.expect("enqueue");
        (person, face, id)
    }

    /// Enrols a person whose face the engine has enrolled too.
    async fn enqueue_and_solve(&self, library: &Library, picture: &str, engine_ref: &str) -> (Person, Face) {
        let (person, face, id) = self.enqueue(library, picture).await;
        self.attempt(id).await;
        self.solve(id, known_as(engine_ref)).await;
        let face = self.store.face(face.id).await.expect("read").expect("face");
        (person, face)
    }

    async fn outbox(&self, id: OutboxId) -> Option<OutboxRow> {
        self.store.outbox_row(id).await.expect("read")
    }

    async fn head(&self, library: &Library) -> Option<OutboxId> {
        self.store.outbox_head(library.id).await.expect("read").map(|row| row.id)
    }

    async fn attempt(&self, id: OutboxId) -> OutboxRow {
        self.store.outbox_attempt(id).await.expect("attempt")
    }

    async fn postpone(&self, id: OutboxId, in_doubt: bool) {
        self.store.outbox_postpone(id, in_doubt, "no answer").await.expect("postpone");
    }

    async fn solve(&self, id: OutboxId, solution: Solution) {
        self.store.outbox_solve(id, solution, None, UnixMillis::new(77)).await.expect("solve");
    }

    async fn reject(&self, id: OutboxId) {
        self.store.outbox_reject(id, "refused").await.expect("reject");
    }

    async fn assert_gone(&self, id: OutboxId) {
        assert_eq!(self.outbox(id).await, None);
        self.assert_done(id).await;
    }

    /// Asserts that a row is gone or solved: every operation on it is refused.
    async fn assert_done(&self, id: OutboxId) {
        let refused = [
            self.store.outbox_attempt(id).await.map(drop),
            self.store.outbox_postpone(id, true, "e").await,
            self.store.outbox_solve(id, Solution::default(), None, UnixMillis::new(1)).await,
            self.store.outbox_reject(id, "e").await,
        ];
        for refused in refused {
            assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn a_face_is_pending_until_the_engine_has_it() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, face, id) = f.enqueue(&library, "p").await;
    assert!(face.pending);
    let born = OutboxRow {
        id,
        library_id: library.id,
        app_id: APP.into(),
        engine: "remote".into(),
        action: OutboxAction::AddFace,
        engine_key: library.engine_key.clone(),
        public_id: Some(person.public_id),
        number: Some(person.number.clone()),
        face_id: Some(face.id),
        engine_ref: None,
        picture_key: Some(key("p")),
        made_person: true,
        endpoint: "url".into(),
        operation: "add".into(),
        created_at: UnixMillis::new(10),
        in_doubt: false,
        listed: false,
        rejected: false,
        attempts: 0,
        last_error: None,
        solved_at: None,
        solved_by: None,
    };
    assert_eq!(f.outbox(id).await.as_ref(), Some(&born));
    assert_eq!(f.attempt(id).await, born, "as it was before");
    let attempted = OutboxRow { in_doubt: true, attempts: 1, ..born };
    assert_eq!(f.outbox(id).await, Some(attempted));

    let solution = Solution {
        engine_ref: Some("r".into()),
        bounding_box: Some([5.0, 6.0, 7.0, 8.0]),
        confidence: Some(0.75),
        quality: Some(0.5),
    };
    f.solve(id, solution).await;
    f.assert_gone(id).await;
    let taken_in = Face {
        engine_ref: Some("r".into()),
        bounding_box: [5.0, 6.0, 7.0, 8.0],
        confidence: 0.75,
        quality: Some(0.5),
        pending: false,
        ..face
    };
    assert_eq!(f.store.face(taken_in.id).await.expect("read"), Some(taken_in.clone()));
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), b"p");

    let (more, id) = (row(), next_id());
    let more = NewOutboxRow { id, ..more };
    let second = f.store.enqueue_face(person.id, new_face(), bytes("q"), more).await.expect("enqueue");
    f.solve(id, Solution::default()).await;
    let second = Face { pending: false, ..second };
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), [second, taken_in]);
    assert_eq!(f.store.last_ids().await.expect("read").outbox, None);
}

#[tokio::test]
async fn a_listed_row_stays_as_solved() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (_, face, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.postpone(id, false).await;
    let listed = f.outbox(id).await.expect("row");
    assert!(listed.listed && !listed.in_doubt);
    assert_eq!((listed.attempts, listed.last_error.as_deref()), (1, Some("no answer")));
    assert_eq!(f.head(&library).await, Some(id), "still to be done");
    assert!(!f.attempt(id).await.in_doubt);
    f.postpone(id, true).await;
    assert!(f.attempt(id).await.in_doubt);
    f.store.outbox_solve(id, known_as("r"), Some("ann"), UnixMillis::new(77)).await.expect("solve");
    let solved = f.outbox(id).await.expect("row");
    assert_eq!(
        (solved.solved_at, solved.solved_by.as_deref(), solved.attempts),
        (Some(UnixMillis::new(77)), Some("ann"), 3)
    );
    assert_eq!(f.head(&library).await, None);
    f.assert_done(id).await;
    let face = f.store.face(face.id).await.expect("read").expect("face");
    assert_eq!((face.pending, face.engine_ref.as_deref()), (false, Some("r")));
    f.store.remove_face(face.id).await.expect("remove");
    assert!(f.picture_files().is_empty(), "a solved row needs no picture");
    assert!(f.outbox(id).await.is_some());
}

#[tokio::test]
async fn enqueuing_fails_as_a_whole() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _, id) = f.enqueue(&library, "p").await;
    let taken = || NewOutboxRow { id, ..row() };
    let refused = f.store.enqueue_person(library.id, new_person(), new_face(), bytes("q"), taken()).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    let refused = f.store.enqueue_face(person.id, new_face(), bytes("q"), taken()).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    let refused = f.store.enqueue_library(new_library("h"), Some(taken())).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    let refused = f.store.enqueue_library(new_library("g"), Some(row())).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let refused = f.store.enqueue_person(LibraryId::new(99), new_person(), new_face(), bytes("q"), row()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    let refused = f.store.enqueue_face(PersonId::new(99), new_face(), bytes("q"), row()).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert!(matches!(f.store.enqueue_removal(PersonId::new(99), removal(), ids()).await, Err(Error::NotFound)));
    assert!(matches!(f.store.enqueue_face_removal(FaceId::new(99), removal(), ids()).await, Err(Error::NotFound)));
    assert!(matches!(f.store.enqueue_library_removal(LibraryId::new(99), removal()).await, Err(Error::NotFound)));
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 1, faces: 1 });
    assert_eq!(f.picture_files(), [key("p")].into());
    f.assert_gone(OutboxId::new(99)).await;
}

#[tokio::test]
async fn heads_are_the_oldest_rows_of_each_library() {
    let f = Fixture::new().await;
    let create = row();
    let create_id = create.id;
    let library = f.store.enqueue_library(new_library("g"), Some(create)).await.expect("library");
    let plain = f.store.enqueue_library(new_library("h"), None).await.expect("library");
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), [library.id]);
    let (_, _, first) = f.enqueue(&library, "p").await;
    let (_, _, second) = f.enqueue(&library, "q").await;
    // The order is by id, not by creation time or order of insertion.
    let early = NewOutboxRow { id: OutboxId::new(5), engine: "other".into(), created_at: UnixMillis::new(99), ..row() };
    f.store.enqueue_person(plain.id, new_person(), new_face(), bytes("r"), row()).await.expect("enqueue");
    f.store.enqueue_person(plain.id, new_person(), new_face(), bytes("r"), early).await.expect("enqueue");
    assert_eq!(f.head(&plain).await, Some(OutboxId::new(5)));
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), [library.id, plain.id]);
    assert_eq!(f.store.outbox_libraries(Some("remote")).await.expect("read"), [library.id, plain.id]);
    assert_eq!(f.store.outbox_libraries(Some("other")).await.expect("read"), [plain.id]);
    assert_eq!(f.store.outbox_libraries(Some("none")).await.expect("read"), Vec::new());

    assert_eq!(f.head(&library).await, Some(create_id));
    let created = f.outbox(create_id).await.expect("row");
    assert_eq!((created.action, created.public_id, created.face_id), (OutboxAction::CreateLibrary, None, None));
    f.solve(create_id, Solution::default()).await;
    assert_eq!(f.head(&library).await, Some(first));
    f.attempt(first).await;
    f.postpone(first, false).await;
    f.attempt(first).await;
    f.reject(first).await;
    assert_eq!(f.head(&library).await, Some(second), "what is rejected holds up nothing");
    let rejected = f.outbox(first).await.expect("row");
    assert!(rejected.rejected && rejected.listed && !rejected.in_doubt);
    assert_eq!(rejected.last_error.as_deref(), Some("refused"));
    f.solve(second, known_as("s")).await;
    assert_eq!(f.head(&library).await, None);
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), [plain.id]);
    f.store
        .outbox_solve(OutboxId::new(first.get()), known_as("r"), Some("ann"), UnixMillis::new(78))
        .await
        .expect("by hand");
    assert!(f.store.claimed_engine_refs(library.id, &refs(["r"])).await.expect("read").contains("r"));
}

#[tokio::test]
async fn a_first_attempt_that_is_refused_leaves_nothing_behind() {
    let log = Arc::new(Log::default());
    let f = Fixture::observed(Some(log.clone())).await;
    let library = f.library("g").await;
    let (person, face, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.reject(id).await;
    f.assert_gone(id).await;
    assert_eq!(f.store.person(person.id).await.expect("read"), None);
    assert!(f.picture_files().is_empty());
    let removed = |face_ids| Change::FacesRemoved { library_id: library.id, face_ids };
    assert_eq!(log.changes()[1..], [removed(vec![face.id])]);

    let (person, kept, _) = f.enqueue(&library, "p").await;
    let more = row();
    let id = more.id;
    let refused = f.store.enqueue_face(person.id, new_face(), bytes("q"), more).await.expect("enqueue");
    f.reject(id).await;
    assert_eq!(
        f.store.faces_of(person.id).await.expect("read"),
        std::slice::from_ref(&kept),
        "the person has another face"
    );
    assert_eq!(f.picture_files(), [key("p")].into());
    assert_eq!(log.changes().last(), Some(&removed(vec![refused.id])));

    // A person who existed before the row stays, even without a face.
    f.store.remove_face(kept.id).await.expect("remove");
    let more = row();
    let id = more.id;
    let refused = f.store.enqueue_face(person.id, new_face(), bytes("s"), more).await.expect("enqueue");
    f.attempt(id).await;
    f.reject(id).await;
    f.assert_gone(id).await;
    assert_eq!(f.store.person(person.id).await.expect("read").map(|kept| kept.id), Some(person.id));
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), []);
    assert_eq!(f.store.face(refused.id).await.expect("read"), None);
    assert!(f.picture_files().is_empty());

    let create = row();
    let id = create.id;
    let unwanted = f.store.enqueue_library(new_library("h"), Some(create)).await.expect("library");
    let (_, _, waiting) = f.enqueue(&unwanted, "r").await;
    f.reject(id).await;
    f.assert_gone(id).await;
    f.assert_gone(waiting).await;
    assert_eq!(f.store.library_by_id(unwanted.id).await.expect("read"), None);
    assert!(f.picture_files().is_empty());
}

#[tokio::test]
async fn a_removal_that_is_refused_at_once_is_listed() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _) = f.enqueue_and_solve(&library, "p", "r").await;
    let id = f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove")[0];
    f.attempt(id).await;
    f.reject(id).await;
    let rejected = f.outbox(id).await.expect("row");
    assert!(rejected.rejected && rejected.listed);
    assert_eq!(f.head(&library).await, None);
}

#[tokio::test]
async fn removing_a_person_leaves_what_the_engine_must_do() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, known) = f.enqueue_and_solve(&library, "known", "r").await;
    let mut pending = Vec::new();
    for picture in ["never asked", "surely not", "in doubt", "on its way"] {
        let row = row();
        pending.push(row.id);
        f.store.enqueue_face(person.id, new_face(), bytes(picture), row).await.expect("enqueue");
    }
    f.attempt(pending[1]).await;
    f.postpone(pending[1], false).await;
    f.attempt(pending[2]).await;
    f.postpone(pending[2], true).await;
    f.attempt(pending[3]).await;
    let given = Arc::new(AtomicI64::new(1_000_000));
    let next = given.clone();
    let ids = f
        .store
        .enqueue_removal(person.id, removal(), Box::new(move || OutboxId::new(next.fetch_add(1, Ordering::Relaxed))))
        .await
        .expect("remove");
    assert_eq!(ids, [OutboxId::new(1_000_000)], "one new row");
    assert_eq!(given.load(Ordering::Relaxed), 1_000_001);
    assert_eq!(f.store.person(person.id).await.expect("read"), None);
    assert_eq!(f.picture_files(), [key("in doubt"), key("on its way")].into());

    let row = f.outbox(ids[0]).await.expect("row");
    assert_eq!((row.action, row.engine_ref.as_deref()), (OutboxAction::RemoveFace, Some("r")));
    assert_eq!((row.face_id, row.public_id, row.picture_key), (Some(known.id), Some(person.public_id), None));
    assert_eq!((row.endpoint.as_str(), row.operation.as_str()), ("removal url", "remove"));
    let claimed = f.store.claimed_engine_refs(library.id, &refs(["r", "s"])).await.expect("read");
    assert_eq!(claimed, ["r".to_owned()].into(), "until the engine has let go of it");
    assert_eq!(f.store.last_ids().await.expect("read").outbox, Some(ids[0]));
    f.assert_gone(pending[0]).await;
    f.assert_gone(pending[1]).await;
    for (&id, picture) in pending[2..].iter().zip(["in doubt", "on its way"]) {
        let row = f.outbox(id).await.expect("row");
        assert_eq!((row.action, row.picture_key), (OutboxAction::UndoAdd, Some(key(picture))));
        assert!(row.in_doubt);
        assert_eq!(row.operation, "remove");
        assert_eq!(f.store.picture(&key(picture)).await.expect("picture"), picture.as_bytes());
    }

    let f = f.reopen().await;
    assert_eq!(f.picture_files(), [key("in doubt"), key("on its way")].into());
    for &id in &pending[2..] {
        assert_eq!(f.head(&library).await, Some(id), "they keep their places");
        f.attempt(id).await;
        f.solve(id, Solution::default()).await;
        assert_eq!(f.outbox(id).await.expect("listed").solved_at, Some(UnixMillis::new(77)));
    }
    assert!(f.picture_files().is_empty());
    f.attempt(ids[0]).await;
    f.solve(ids[0], Solution::default()).await;
    assert_eq!(f.outbox(ids[0]).await.map(|row| row.listed), Some(true), "listed when the store was opened again");
    assert_eq!(f.head(&library).await, None);
    assert!(f.store.claimed_engine_refs(library.id, &refs(["r"])).await.expect("read").is_empty());
}

#[tokio::test]
async fn removing_a_face_leaves_what_the_engine_must_do() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, known) = f.enqueue_and_solve(&library, "known", "r").await;
    let made = f.store.enqueue_face_removal(known.id, removal(), ids()).await.expect("remove");
    assert_eq!(f.outbox(made[0]).await.expect("row").engine_ref.as_deref(), Some("r"));
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), []);
    assert!(f.picture_files().is_empty());
    f.solve(made[0], Solution::default()).await;
    f.assert_gone(made[0]).await;

    let (_, fresh, id) = f.enqueue(&library, "p").await;
    assert_eq!(f.store.enqueue_face_removal(fresh.id, removal(), ids()).await.expect("remove"), Vec::new());
    f.assert_gone(id).await;
    let (_, doubtful, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    assert_eq!(f.store.enqueue_face_removal(doubtful.id, removal(), ids()).await.expect("remove"), Vec::new());
    assert_eq!(f.outbox(id).await.expect("row").action, OutboxAction::UndoAdd);
    assert_eq!(f.picture_files(), [key("p")].into());
}

#[tokio::test]
async fn a_face_removed_while_it_is_taken_in_is_removed_there_too() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    for listed in [false, true] {
        let enqueue = async |picture| {
            let (person, _, id) = f.enqueue(&library, picture).await;
            if listed {
                f.postpone(id, false).await;
            }
            f.attempt(id).await;
            f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
            id
        };
        // The engine confirms the enrolment, with its id of the face.
        let id = enqueue("p").await;
        f.solve(id, known_as("r")).await;
        let row = f.outbox(id).await.expect("row");
        assert_eq!((row.action, row.engine_ref.as_deref()), (OutboxAction::RemoveFace, Some("r")));
        assert_eq!((row.picture_key, row.solved_at, row.listed, row.in_doubt), (None, None, true, false));
        assert!(f.picture_files().is_empty());
        assert!(f.store.claimed_engine_refs(library.id, &refs(["r"])).await.expect("read").contains("r"));
        f.attempt(id).await;
        f.solve(id, Solution::default()).await;
        f.assert_done(id).await;
        assert!(f.store.claimed_engine_refs(library.id, &refs(["r"])).await.expect("read").is_empty());

        // No answer arrives.
        let id = enqueue("p").await;
        f.postpone(id, true).await;
        assert_eq!(f.head(&library).await, Some(id));
        assert_eq!(f.outbox(id).await.expect("row").action, OutboxAction::UndoAdd);
        f.attempt(id).await;
        f.solve(id, Solution::default()).await;
        f.assert_done(id).await;
        assert!(f.picture_files().is_empty());

        // The engine refuses it, so there is nothing to undo.
        let id = enqueue("p").await;
        f.reject(id).await;
        assert_eq!(f.outbox(id).await.is_some_and(|row| row.rejected), listed);
        assert_eq!(f.head(&library).await, None);
        if listed {
            f.solve(id, Solution::default()).await;
        }
        assert!(f.picture_files().is_empty());
    }

    // The engine confirms the enrolment, but without its id of the face.
    let (person, _, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
    f.solve(id, Solution::default()).await;
    assert_eq!(f.head(&library).await, Some(id), "still to be undone");
    assert_eq!(f.picture_files(), [key("p")].into());
}

#[tokio::test]
async fn rejected_faces_can_be_removed() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    for doubt in [false, true] {
        let (person, _, id) = f.enqueue(&library, "p").await;
        f.attempt(id).await;
        f.postpone(id, doubt).await;
        f.attempt(id).await;
        f.reject(id).await;
        assert_eq!(f.picture_files(), [key("p")].into());
        f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
        if !doubt {
            f.assert_gone(id).await;
            assert!(f.picture_files().is_empty());
        } else {
            let row = f.outbox(id).await.expect("row");
            assert_eq!((row.action, row.rejected), (OutboxAction::UndoAdd, false));
            assert_eq!(f.head(&library).await, Some(id), "an earlier attempt may have reached the engine");
        }
    }
}

#[tokio::test]
async fn plain_removals_leave_no_row_that_cannot_be_worked_on() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let mut rows = Vec::new();
    for attempted in [false, true] {
        let (person, _, by_person) = f.enqueue(&library, "p").await;
        let (_, face, by_face) = f.enqueue(&library, "p").await;
        let (replaced, _, by_other) = f.enqueue(&library, "p").await;
        if attempted {
            for id in [by_person, by_face, by_other] {
                f.attempt(id).await;
            }
        }
        f.store.remove_person(person.id).await.expect("remove");
        f.store.remove_face(face.id).await.expect("remove");
        f.store.replace_faces(replaced.id, None, new_face(), bytes("q")).await.expect("replace");
        for id in [by_person, by_face, by_other] {
            let action = f.outbox(id).await.map(|row| (row.action, row.operation));
            assert_eq!(action, attempted.then(|| (OutboxAction::UndoAdd, "add".to_owned())));
            rows.push(id);
        }
    }
    assert_eq!(f.picture_files(), [key("p"), key("q")].into());
    f.store.delete_library(library.id).await.expect("delete");
    for id in rows {
        f.assert_gone(id).await;
    }
    assert!(f.picture_files().is_empty());
}

#[tokio::test]
async fn removing_a_library_drops_what_was_to_be_done_in_it() {
    let f = Fixture::new().await;
    let create = row();
    let create_id = create.id;
    let library = f.store.enqueue_library(new_library("g"), Some(create)).await.expect("library");
    let (_, _, add) = f.enqueue(&library, "p").await;
    assert_eq!(f.store.enqueue_library_removal(library.id, row()).await.expect("remove"), None, "never asked");
    f.assert_gone(create_id).await;
    f.assert_gone(add).await;
    assert!(f.picture_files().is_empty());
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), Vec::new());

    for doubt in [false, true] {
        let create = row();
        let create_id = create.id;
        let library = f.store.enqueue_library(new_library("g"), Some(create)).await.expect("library");
        f.attempt(create_id).await;
        f.postpone(create_id, doubt).await;
        let delete = row();
        let delete_id = delete.id;
        let made = f.store.enqueue_library_removal(library.id, delete).await.expect("remove");
        assert_eq!(made, Some(delete_id));
        f.assert_gone(create_id).await;
        f.solve(delete_id, Solution::default()).await;
    }

    let library = f.library("g").await;
    let (_, _) = f.enqueue_and_solve(&library, "p", "r").await;
    let (person, _, undo) = f.enqueue(&library, "q").await;
    f.attempt(undo).await;
    f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
    assert_eq!(f.picture_files(), [key("p"), key("q")].into());
    let delete = row();
    let delete_id = delete.id;
    f.store.enqueue_library_removal(library.id, delete).await.expect("remove");
    f.assert_gone(undo).await;
    assert!(f.picture_files().is_empty(), "also those of the outbox");
    assert_eq!(f.store.library_by_id(library.id).await.expect("read"), None);
    let f = f.reopen().await;
    let row = f.outbox(delete_id).await.expect("row");
    assert_eq!((row.action, row.engine_key), (OutboxAction::DeleteLibrary, library.engine_key.clone()));
    assert_eq!(f.store.outbox_libraries(Some("remote")).await.expect("read"), [library.id]);
    assert_eq!(f.head(&library).await, Some(delete_id));
}

#[tokio::test]
async fn opening_lists_what_was_broken_off() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (_, _, fresh) = f.enqueue(&library, "p").await;
    let (_, _, asked) = f.enqueue(&library, "q").await;
    f.attempt(asked).await;
    let (person, _, undone) = f.enqueue(&library, "r").await;
    f.attempt(undone).await;
    f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
    assert_eq!(f.store.outbox_page(OutboxFilter::default(), Page::first(9)).await.expect("page"), (0, Vec::new()));
    let f = f.reopen().await;
    let (count, rows) = f.store.outbox_page(OutboxFilter::default(), Page::first(9)).await.expect("page");
    assert_eq!(count, 3);
    let told: Vec<_> = rows.iter().map(|row| (row.id, row.in_doubt)).collect();
    assert_eq!(told, [(undone, true), (asked, true), (fresh, false)]);
    assert_eq!(f.picture_files(), [key("p"), key("q"), key("r")].into());
    assert!(f.store.face(rows[1].face_id.expect("face")).await.expect("read").expect("face").pending);
    // A listed row stays listed when refused.
    f.reject(fresh).await;
    assert!(f.outbox(fresh).await.expect("row").rejected);
}

#[tokio::test]
async fn rows_are_listed_latest_first() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let mut ids = Vec::new();
    for created_at in [30, 10, 20, 20, 40] {
        let row = NewOutboxRow { created_at: UnixMillis::new(created_at), ..row() };
        ids.push(row.id);
        f.store.enqueue_person(library.id, new_person(), new_face(), bytes("p"), row).await.expect("enqueue");
    }
    for &id in &ids[..4] {
        f.postpone(id, false).await;
    }
    f.solve(ids[2], Solution::default()).await;
    f.reject(ids[0]).await;
    let page = async |filter, page| {
        let (count, rows) = f.store.outbox_page(filter, page).await.expect("page");
        (count, rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let all = OutboxFilter::default();
    assert_eq!(page(all, Page::first(9)).await, (4, vec![ids[0], ids[3], ids[2], ids[1]]));
    assert_eq!(page(all, Page { offset: 1, limit: 2 }).await, (4, vec![ids[3], ids[2]]));
    assert_eq!(page(all, Page::first(0)).await, (4, Vec::new()));
    assert_eq!(page(OutboxFilter { solved: Some(true), ..all }, Page::first(9)).await, (1, vec![ids[2]]));
    assert_eq!(
        page(OutboxFilter { solved: Some(false), ..all }, Page::first(9)).await,
        (3, vec![ids[0], ids[3], ids[1]])
    );
    let range = OutboxFilter { from: Some(UnixMillis::new(20)), to: Some(UnixMillis::new(30)), ..all };
    assert_eq!(page(range, Page::first(9)).await, (2, vec![ids[3], ids[2]]));
    assert_eq!(page(OutboxFilter { solved: Some(false), ..range }, Page::first(9)).await, (1, vec![ids[3]]));
}

#[tokio::test]
async fn shared_pictures_stay_while_anybody_needs_them() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.store.enqueue_removal(person.id, removal(), ids()).await.expect("remove");
    let (other, _) = f.enrol(&library, "p").await;
    f.store.remove_person(other.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("the row still needs it"), b"p");
    let face = NewFace { engine_ref: Some("x".into()), ..new_face() };
    f.store.enrol(library.id, new_person(), face, bytes("p")).await.expect("enrol");
    f.attempt(id).await;
    f.solve(id, Solution::default()).await;
    assert_eq!(f.store.picture(&key("p")).await.expect("the face still needs it"), b"p");
}
