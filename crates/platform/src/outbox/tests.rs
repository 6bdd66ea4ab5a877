//! Changes with their outbox rows, on a real store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aicp_blobs::{Blobs, MemoryBlobs};
use aicp_store::{Change, Counts, Database, OutboxAction, OutboxFilter, Page, Solution, Store};
use aicp_store_sqlite::Sqlite;
use aicp_store_tests::fixture::{APP, Log, bytes, key, new_face, new_library, new_person, next_id, stored};
use aicp_store_tests::handle::Handle;
use aicp_types::{Clock, OutboxId, PersonId, SystemClock, UnixMillis};
use tempfile::TempDir;

use super::*;
use crate::{Caller, Error, Existing, Internal, Missing, Result};

fn row() -> NewWrite {
    NewWrite {
        id: next_id(),
        engine: "remote".into(),
        endpoint: "url".into(),
        operation: "add".into(),
        created_at: UnixMillis::new(10),
    }
}

/// A store, with writes of the outbox under short names.
struct Fixture {
    store: Handle,
    blobs: Arc<dyn Blobs>,
    dir: TempDir,
}

async fn open(dir: &TempDir, blobs: &Arc<dyn Blobs>) -> Handle {
    let database: Arc<dyn Database> = Arc::new(Sqlite::open(dir.path()).await.expect("database"));
    let links = dir.path().join("links");
    Handle(Store::open(database, Arc::clone(blobs), &links, Arc::new(SystemClock)).await.expect("open"))
}

impl Fixture {
    async fn new() -> Self {
        let (dir, blobs) = (tempfile::tempdir().expect("a temp dir"), Arc::<MemoryBlobs>::default() as Arc<dyn Blobs>);
        let store = open(&dir, &blobs).await;
        store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
        Self { store, blobs, dir }
    }

    /// Opens the store again, as the platform does: what was interrupted is listed.
    async fn reopen(self) -> Self {
        self.store.close().await.expect("close");
        let store = open(&self.dir, &self.blobs).await;
        store.list_interrupted_outbox(UnixMillis::new(i64::MAX)).await.expect("list");
        Self { store, ..self }
    }

    async fn library(&self, external_id: &str) -> Library {
        self.store.insert_library(new_library(external_id)).await.expect("library")
    }

    async fn pictures(&self) -> BTreeSet<String> {
        stored(&*self.blobs).await
    }

    async fn enqueue_person(&self, library: LibraryId, picture: &str, row: NewWrite) -> Result<(Person, Face)> {
        let enrol = self.store.write_with_picture(bytes(picture), move |tx, picture| {
            Box::pin(transactions::enrol(tx, library, new_person(), None, new_face(), picture, row))
        });
        enrol.await
    }

    async fn enqueue_face(&self, person: PersonId, picture: &str, row: NewWrite) -> Result<Face> {
        let add = self.store.write_with_picture(bytes(picture), move |tx, picture| {
            Box::pin(transactions::add_face(tx, person, new_face(), picture, row))
        });
        add.await
    }

    async fn enqueue_library(&self, external_id: &str, row: NewWrite) -> Result<Library> {
        let (new, act) = (new_library(external_id), Caller::local(APP).act(row.created_at, "library.create", ""));
        let library = LibraryToCreate { new, at_most: None, act };
        self.store.write(move |tx| Box::pin(transactions::create_library(tx, library, row))).await
    }

    async fn enqueue_library_removal(&self, library: LibraryId, row: NewWrite) -> Result<Option<OutboxId>> {
        let act = Caller::local(APP).act(row.created_at, "library.delete", "");
        self.store.remove(move |tx| Box::pin(transactions::remove_library(tx, library, act, row))).await
    }

    async fn enqueue_removal(&self, person: PersonId) -> Result<Vec<OutboxId>> {
        self.store.remove(move |tx| Box::pin(transactions::remove_person(tx, person, removal(), ids()))).await
    }

    async fn enqueue_face_removal(&self, face: FaceId) -> Result<Vec<OutboxId>> {
        self.store.remove(move |tx| Box::pin(transactions::remove_face(tx, face, removal(), ids()))).await
    }

    async fn enqueue_update(&self, person: PersonId, changes: PersonChanges, kept: FaceId) -> Result<Vec<OutboxId>> {
        let update = self
            .store
            .write(move |tx| Box::pin(transactions::update_person(tx, person, changes, kept, removal(), ids())));
        update.await
    }

    async fn try_attempt(&self, id: OutboxId) -> Result<OutboxRow> {
        self.store.write(move |tx| Box::pin(transactions::begin_attempt(tx, id, true))).await
    }

    async fn try_postpone(&self, id: OutboxId, in_doubt: bool) -> Result<()> {
        let error = "no answer".to_owned();
        self.store.write(move |tx| Box::pin(transactions::postpone(tx, id, in_doubt, error))).await
    }

    async fn try_solve(&self, id: OutboxId, solution: Solution, solved_by: Option<&str>) -> Result<()> {
        let (solved_by, at) = (solved_by.map(str::to_owned), UnixMillis::new(77));
        self.store.write(move |tx| Box::pin(transactions::solve(tx, id, solution, solved_by, at))).await
    }

    async fn try_reject(&self, id: OutboxId) -> Result<()> {
        let (error, now) = ("refused".to_owned(), SystemClock.now());
        self.store.write(move |tx| Box::pin(transactions::reject(tx, id, error, now))).await
    }
}

fn removal() -> NewWrite {
    NewWrite { id: OutboxId::new(0), endpoint: "removal url".into(), operation: "remove".into(), ..row() }
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
        let (person, face) = self.enqueue_person(library.id, picture, row).await.expect("enqueue");
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
        self.try_attempt(id).await.expect("attempt")
    }

    async fn postpone(&self, id: OutboxId, in_doubt: bool) {
        self.try_postpone(id, in_doubt).await.expect("postpone");
    }

    async fn solve(&self, id: OutboxId, solution: Solution) {
        self.try_solve(id, solution, None).await.expect("solve");
    }

    async fn reject(&self, id: OutboxId) {
        self.try_reject(id).await.expect("reject");
    }

    async fn assert_gone(&self, id: OutboxId) {
        assert_eq!(self.outbox(id).await, None);
        self.assert_done(id).await;
    }

    /// Asserts that a row is gone or solved: every operation on it is refused.
    async fn assert_done(&self, id: OutboxId) {
        let refused = [
            self.try_attempt(id).await.map(drop),
            self.try_postpone(id, true).await,
            self.try_solve(id, Solution::default(), None).await,
            self.try_reject(id).await,
        ];
        for refused in refused {
            assert!(
                matches!(refused, Err(Error::Internal(Internal::Store(aicp_store::Error::NotFound)))),
                "{refused:?}"
            );
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
        was_in_doubt: false,
        listed: false,
        rejected: false,
        attempts: 0,
        last_error: None,
        solved_at: None,
        solved_by: None,
        dropped: None,
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
    assert_eq!(f.store.picture(&key("p")).await.expect("picture"), "p");

    let more = row();
    let id = more.id;
    let second = f.enqueue_face(person.id, "q", more).await.expect("enqueue");
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
    f.try_solve(id, known_as("r"), Some("ann")).await.expect("solve");
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
    assert!(f.pictures().await.is_empty(), "a solved row needs no picture");
    assert!(f.outbox(id).await.is_some());
}

#[tokio::test]
async fn enqueuing_fails_as_a_whole() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _, id) = f.enqueue(&library, "p").await;
    let taken = || NewWrite { id, ..row() };
    let refused = f.enqueue_person(library.id, "q", taken()).await;
    assert!(matches!(refused, Err(Error::Internal(Internal::Store(aicp_store::Error::Database(_))))), "{refused:?}");
    let refused = f.enqueue_face(person.id, "q", taken()).await;
    assert!(matches!(refused, Err(Error::Internal(Internal::Store(aicp_store::Error::Database(_))))), "{refused:?}");
    let refused = f.enqueue_library("h", taken()).await;
    assert!(matches!(refused, Err(Error::Internal(Internal::Store(aicp_store::Error::Database(_))))), "{refused:?}");
    let refused = f.enqueue_library("g", row()).await;
    assert!(matches!(refused, Err(Error::Exists(Existing::Library))), "{refused:?}");
    let refused = f.enqueue_person(LibraryId::new(99), "q", row()).await;
    assert!(matches!(refused, Err(Error::Missing(Missing::Library))), "{refused:?}");
    let refused = f.enqueue_face(PersonId::new(99), "q", row()).await;
    assert!(matches!(refused, Err(Error::Missing(Missing::Person))), "{refused:?}");
    assert!(matches!(f.enqueue_removal(PersonId::new(99)).await, Err(Error::Missing(Missing::Person))));
    assert!(matches!(f.enqueue_face_removal(FaceId::new(99)).await, Err(Error::Missing(Missing::Face))));
    assert!(matches!(
        f.enqueue_library_removal(LibraryId::new(99), removal()).await,
        Err(Error::Missing(Missing::Library))
    ));
    assert_eq!(f.store.counts().await.expect("counts"), Counts { libraries: 1, people: 1, faces: 1 });
    assert_eq!(f.pictures().await, [key("p")].into());
    f.assert_gone(OutboxId::new(99)).await;
}

#[tokio::test]
async fn heads_are_the_oldest_rows_of_each_library() {
    let f = Fixture::new().await;
    let create = row();
    let create_id = create.id;
    let library = f.enqueue_library("g", create).await.expect("library");
    let plain = f.store.insert_library(new_library("h")).await.expect("library");
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), [library.id]);
    let (_, _, first) = f.enqueue(&library, "p").await;
    let (_, _, second) = f.enqueue(&library, "q").await;
    // The order is by id, not by creation time or order of insertion.
    let early = NewWrite { id: OutboxId::new(5), engine: "other".into(), created_at: UnixMillis::new(99), ..row() };
    f.enqueue_person(plain.id, "r", row()).await.expect("enqueue");
    f.enqueue_person(plain.id, "r", early).await.expect("enqueue");
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
    f.try_solve(first, known_as("r"), Some("ann")).await.expect("by hand");
    assert!(f.store.claimed_engine_refs(library.id, &refs(["r"])).await.expect("read").contains("r"));
}

#[tokio::test]
async fn what_a_caller_was_told_is_not_taken_back_by_a_refusal() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _, id) = f.enqueue(&library, "p").await;
    // Its first attempt did not begin, and the caller has had an answer.
    let replay = f.store.write(move |tx| Box::pin(transactions::begin_attempt(tx, id, false)));
    replay.await.expect("begun");
    f.reject(id).await;
    let kept = f.outbox(id).await.expect("row");
    assert!(kept.rejected && kept.listed && !kept.in_doubt);
    assert!(f.store.person(person.id).await.expect("read").is_some());
}

#[tokio::test]
async fn a_first_attempt_that_is_refused_leaves_nothing_behind() {
    let log = Arc::new(Log::default());
    let f = Fixture::new().await;
    f.store.observe(log.clone());
    let library = f.library("g").await;
    let (person, face, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.reject(id).await;
    f.assert_gone(id).await;
    assert_eq!(f.store.person(person.id).await.expect("read"), None);
    assert!(f.pictures().await.is_empty());
    let removed = |face_ids| Change::FacesRemoved { library_id: library.id, face_ids };
    assert_eq!(log.changes()[1..], [removed(vec![face.id])]);

    let (person, kept, _) = f.enqueue(&library, "p").await;
    let more = row();
    let id = more.id;
    let refused = f.enqueue_face(person.id, "q", more).await.expect("enqueue");
    f.reject(id).await;
    assert_eq!(
        f.store.faces_of(person.id).await.expect("read"),
        std::slice::from_ref(&kept),
        "the person has another face"
    );
    assert_eq!(f.pictures().await, [key("p")].into());
    assert_eq!(log.changes().last(), Some(&removed(vec![refused.id])));

    // A person who existed before the row stays, even without a face.
    f.enqueue_face_removal(kept.id).await.expect("remove");
    let more = row();
    let id = more.id;
    let refused = f.enqueue_face(person.id, "s", more).await.expect("enqueue");
    f.attempt(id).await;
    f.reject(id).await;
    f.assert_gone(id).await;
    assert_eq!(f.store.person(person.id).await.expect("read").map(|kept| kept.id), Some(person.id));
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), []);
    assert_eq!(f.store.face(refused.id).await.expect("read"), None);
    assert!(f.pictures().await.is_empty());

    let create = row();
    let id = create.id;
    let unwanted = f.enqueue_library("h", create).await.expect("library");
    let (_, _, waiting) = f.enqueue(&unwanted, "r").await;
    f.reject(id).await;
    f.assert_gone(id).await;
    f.assert_gone(waiting).await;
    assert_eq!(f.store.library_by_id(unwanted.id).await.expect("read"), None);
    assert!(f.pictures().await.is_empty());
}

#[tokio::test]
async fn a_removal_that_is_refused_at_once_is_listed() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _) = f.enqueue_and_solve(&library, "p", "r").await;
    let id = f.enqueue_removal(person.id).await.expect("remove")[0];
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
    let person_id = person.id;
    let mut pending = Vec::new();
    for picture in ["never asked", "surely not", "in doubt", "on its way"] {
        let row = row();
        pending.push(row.id);
        f.enqueue_face(person.id, picture, row).await.expect("enqueue");
    }
    f.attempt(pending[1]).await;
    f.postpone(pending[1], false).await;
    f.attempt(pending[2]).await;
    f.postpone(pending[2], true).await;
    f.attempt(pending[3]).await;
    let given = Arc::new(AtomicI64::new(1_000_000));
    let next = given.clone();
    let next_id = Box::new(move || OutboxId::new(next.fetch_add(1, Ordering::Relaxed)));
    let remove = f.store.remove(move |tx| Box::pin(transactions::remove_person(tx, person_id, removal(), next_id)));
    let ids = remove.await.expect("remove");
    assert_eq!(ids, [OutboxId::new(1_000_000)], "one new row");
    assert_eq!(given.load(Ordering::Relaxed), 1_000_001);
    assert_eq!(f.store.person(person.id).await.expect("read"), None);
    assert_eq!(f.pictures().await, [key("in doubt"), key("on its way")].into());

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
        assert_eq!(f.store.picture(&key(picture)).await.expect("picture"), picture);
    }

    let f = f.reopen().await;
    assert_eq!(f.pictures().await, [key("in doubt"), key("on its way")].into());
    for &id in &pending[2..] {
        assert_eq!(f.head(&library).await, Some(id), "they keep their places");
        f.attempt(id).await;
        f.solve(id, Solution::default()).await;
        assert_eq!(f.outbox(id).await.expect("listed").solved_at, Some(UnixMillis::new(77)));
    }
    assert!(f.pictures().await.is_empty());
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
    let made = f.enqueue_face_removal(known.id).await.expect("remove");
    assert_eq!(f.outbox(made[0]).await.expect("row").engine_ref.as_deref(), Some("r"));
    assert_eq!(f.store.faces_of(person.id).await.expect("read"), []);
    assert!(f.pictures().await.is_empty());
    f.solve(made[0], Solution::default()).await;
    f.assert_gone(made[0]).await;

    let (_, fresh, id) = f.enqueue(&library, "p").await;
    assert_eq!(f.enqueue_face_removal(fresh.id).await.expect("remove"), Vec::new());
    f.assert_gone(id).await;
    let (_, doubtful, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    assert_eq!(f.enqueue_face_removal(doubtful.id).await.expect("remove"), Vec::new());
    assert_eq!(f.outbox(id).await.expect("row").action, OutboxAction::UndoAdd);
    assert_eq!(f.pictures().await, [key("p")].into());
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
            f.enqueue_removal(person.id).await.expect("remove");
            id
        };
        // The engine confirms the enrolment, with its id of the face.
        let id = enqueue("p").await;
        f.solve(id, known_as("r")).await;
        let row = f.outbox(id).await.expect("row");
        assert_eq!((row.action, row.engine_ref.as_deref()), (OutboxAction::RemoveFace, Some("r")));
        assert_eq!((row.picture_key, row.solved_at, row.listed, row.in_doubt), (None, None, true, false));
        assert!(f.pictures().await.is_empty());
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
        assert!(f.pictures().await.is_empty());

        // The engine refuses it, so there is nothing to undo.
        let id = enqueue("p").await;
        f.reject(id).await;
        assert_eq!(f.outbox(id).await.is_some_and(|row| row.rejected), listed);
        assert_eq!(f.head(&library).await, None);
        if listed {
            f.solve(id, Solution::default()).await;
        }
        assert!(f.pictures().await.is_empty());
    }

    // The engine confirms the enrolment, but without its id of the face.
    let (person, _, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.enqueue_removal(person.id).await.expect("remove");
    f.solve(id, Solution::default()).await;
    assert_eq!(f.head(&library).await, Some(id), "still to be undone");
    assert_eq!(f.pictures().await, [key("p")].into());
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
        assert_eq!(f.pictures().await, [key("p")].into());
        f.enqueue_removal(person.id).await.expect("remove");
        if !doubt {
            f.assert_gone(id).await;
            assert!(f.pictures().await.is_empty());
        } else {
            let row = f.outbox(id).await.expect("row");
            assert_eq!((row.action, row.rejected), (OutboxAction::UndoAdd, false));
            assert_eq!(f.head(&library).await, Some(id), "an earlier attempt may have reached the engine");
        }
    }
}

#[tokio::test]
async fn removing_a_library_drops_what_was_to_be_done_in_it() {
    let f = Fixture::new().await;
    let create = row();
    let create_id = create.id;
    let library = f.enqueue_library("g", create).await.expect("library");
    let (_, _, add) = f.enqueue(&library, "p").await;
    assert_eq!(f.enqueue_library_removal(library.id, row()).await.expect("remove"), None, "never asked");
    f.assert_gone(create_id).await;
    f.assert_gone(add).await;
    assert!(f.pictures().await.is_empty());
    assert_eq!(f.store.outbox_libraries(None).await.expect("read"), Vec::new());

    for doubt in [false, true] {
        let create = row();
        let create_id = create.id;
        let library = f.enqueue_library("g", create).await.expect("library");
        f.attempt(create_id).await;
        f.postpone(create_id, doubt).await;
        let delete = row();
        let delete_id = delete.id;
        let made = f.enqueue_library_removal(library.id, delete).await.expect("remove");
        assert_eq!(made, Some(delete_id));
        f.assert_gone(create_id).await;
        f.solve(delete_id, Solution::default()).await;
    }

    let library = f.library("g").await;
    let (_, _) = f.enqueue_and_solve(&library, "p", "r").await;
    let (person, _, undo) = f.enqueue(&library, "q").await;
    f.attempt(undo).await;
    f.enqueue_removal(person.id).await.expect("remove");
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    let delete = row();
    let delete_id = delete.id;
    f.enqueue_library_removal(library.id, delete).await.expect("remove");
    f.assert_gone(undo).await;
    assert!(f.pictures().await.is_empty(), "also those of the outbox");
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
    f.enqueue_removal(person.id).await.expect("remove");
    assert_eq!(f.store.outbox_page(OutboxFilter::default(), Page::first(9)).await.expect("page"), (0, Vec::new()));
    let f = f.reopen().await;
    let (count, rows) = f.store.outbox_page(OutboxFilter::default(), Page::first(9)).await.expect("page");
    assert_eq!(count, 3);
    let told: Vec<_> = rows.iter().map(|row| (row.id, row.in_doubt)).collect();
    assert_eq!(told, [(undone, true), (asked, true), (fresh, false)]);
    assert_eq!(f.pictures().await, [key("p"), key("q"), key("r")].into());
    assert!(f.store.face(rows[1].face_id.expect("face")).await.expect("read").expect("face").pending);
    // A listed row stays listed when refused.
    f.reject(fresh).await;
    assert!(f.outbox(fresh).await.expect("row").rejected);
}

#[tokio::test]
async fn shared_pictures_stay_while_anybody_needs_them() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _, id) = f.enqueue(&library, "p").await;
    f.attempt(id).await;
    f.enqueue_removal(person.id).await.expect("remove");
    let enrol = async || f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol").0;
    f.store.remove_person(enrol().await.id).await.expect("remove");
    assert_eq!(f.store.picture(&key("p")).await.expect("the row still needs it"), "p");
    enrol().await;
    f.attempt(id).await;
    f.solve(id, Solution::default()).await;
    assert_eq!(f.store.picture(&key("p")).await.expect("the face still needs it"), "p");
}

#[tokio::test]
async fn a_change_leaves_the_engine_the_old_faces_to_remove() {
    let f = Fixture::new().await;
    let library = f.library("g").await;
    let (person, _) = f.enqueue_and_solve(&library, "p", "1").await;
    let mut faces = Vec::new();
    for (picture, engine_ref) in [("q", "2"), ("r", "3")] {
        let row = row();
        let id = row.id;
        faces.push(f.enqueue_face(person.id, picture, row).await.expect("enqueue"));
        f.solve(id, known_as(engine_ref)).await;
    }
    let (taken, _) = f.enqueue_and_solve(&library, "s", "4").await;
    let kept = faces[1].id;
    let changes = |id: String| PersonChanges { external_id: Some(id), ..PersonChanges::default() };
    let refused = f.enqueue_update(person.id, changes(taken.public_id.to_string()), kept).await;
    assert!(matches!(refused, Err(Error::Exists(Existing::Person))), "{refused:?}");
    assert_eq!(f.store.faces_of(person.id).await.expect("read").len(), 3);
    assert_eq!(f.head(&library).await, None);

    let rows = f.enqueue_update(person.id, changes("u".to_owned()), kept).await.expect("update");
    let left = f.store.faces_of(person.id).await.expect("read");
    assert_eq!(left.iter().map(|face| face.id).collect::<Vec<_>>(), [kept]);
    let mut removed = Vec::new();
    for id in rows {
        let row = f.outbox(id).await.expect("a row");
        assert_eq!(row.action, OutboxAction::RemoveFace);
        removed.push(row.engine_ref.expect("a ref"));
    }
    assert_eq!(removed, ["1", "2"]);
    let after = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(after.external_id.as_deref(), Some("u"));
    assert_eq!(f.pictures().await, [key("r"), key("s")].into());
}
