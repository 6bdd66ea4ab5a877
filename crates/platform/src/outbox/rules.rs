//! States of an outbox row, as functions from a row to what becomes of it.
//!
//! A row is inserted with the change that it belongs to. It is *in doubt* from the begin of an attempt until the engine
//! has answered: the engine may have done the write. It is *listed* for operators once an attempt has failed. A write
//! that succeeds at once is thus never listed, and its row is deleted.

use aicp_store::{Act, Library, OutboxAction, OutboxRow, Person, Solution};
use aicp_types::{FaceId, OutboxId, UnixMillis};

/// A write at an engine that is about to become a row.
#[derive(Debug, Clone)]
pub(crate) struct NewWrite {
    /// Id of the row; ascending in each library.
    pub id: OutboxId,
    /// Name of the engine.
    pub engine: String,
    /// Base address of the engine, for information.
    pub endpoint: String,
    /// Path of the write at the engine, for information.
    pub operation: String,
    /// When it is created.
    pub created_at: UnixMillis,
}

/// What a write is about, besides its library.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Subject<'a> {
    /// The person.
    pub person: Option<&'a Person>,
    /// Whether the person is created together with the row.
    pub made_person: bool,
    /// The face.
    pub face_id: Option<FaceId>,
    /// Id of the face at the engine.
    pub engine_ref: Option<&'a str>,
    /// Key of the picture to send.
    pub picture_key: Option<&'a str>,
}

/// What becomes of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It stays in this state.
    Keeps(OutboxRow),
    /// It stays in this state and no longer needs its picture.
    ReleasesPicture(OutboxRow),
    /// It is deleted.
    Ends,
}

/// What is taken back when an engine refuses a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Undo {
    /// Nothing.
    Nothing,
    /// The face, and its person if the face was their only one and `made_person` is set.
    Face {
        /// The face.
        face_id: FaceId,
        /// Whether the person was created together with the row.
        made_person: bool,
    },
    /// The library.
    Library,
}

/// Makes the row of a new write.
pub(crate) fn row_of(new: NewWrite, action: OutboxAction, library: &Library, about: Subject<'_>) -> OutboxRow {
    OutboxRow {
        id: new.id,
        library_id: library.id,
        app_id: library.app_id.clone(),
        engine: new.engine,
        action,
        engine_key: library.engine_key.clone(),
        public_id: about.person.map(|person| person.public_id),
        number: about.person.map(|person| person.number.clone()),
        face_id: about.face_id,
        engine_ref: about.engine_ref.map(str::to_owned),
        picture_key: about.picture_key.map(str::to_owned),
        made_person: about.made_person,
        endpoint: new.endpoint,
        operation: new.operation,
        created_at: new.created_at,
        in_doubt: false,
        was_in_doubt: false,
        listed: false,
        rejected: false,
        attempts: 0,
        last_error: None,
        solved_at: None,
        solved_by: None,
        dropped: None,
    }
}

/// Begins an attempt: from now on the engine may have done the write.
pub(crate) fn begin_attempt(row: &OutboxRow) -> OutboxRow {
    OutboxRow {
        was_in_doubt: row.in_doubt,
        in_doubt: true,
        attempts: row.attempts.saturating_add(1),
        // An `UndoAdd` is past its first attempt.
        listed: row.listed || row.action == OutboxAction::UndoAdd,
        ..row.clone()
    }
}

/// Ends an attempt that failed for now.
pub(crate) fn postpone(row: &OutboxRow, in_doubt: bool, error: String) -> OutboxRow {
    OutboxRow { listed: true, in_doubt, last_error: Some(error), ..row.clone() }
}

/// Ends an attempt that the engine did. Also returns whether the face takes the values of the solution.
///
/// If the face was removed during the attempt, the row has become an `UndoAdd`, and what the engine did was the
/// `AddFace`: so an `UndoAdd` with the id of a face at the engine becomes a `RemoveFace` of it, and one that is not
/// listed is listed and stays unsolved.
pub(crate) fn solve(
    row: &OutboxRow,
    solution: &Solution,
    solved_by: Option<&str>,
    solved_at: UnixMillis,
) -> (Fate, bool) {
    let row = row.clone();
    let is_undo = row.action == OutboxAction::UndoAdd;
    if is_undo && solution.engine_ref.is_some() {
        let removal = OutboxRow {
            action: OutboxAction::RemoveFace,
            engine_ref: solution.engine_ref.clone(),
            picture_key: None,
            in_doubt: false,
            was_in_doubt: false,
            listed: true,
            rejected: false,
            ..row
        };
        return (Fate::ReleasesPicture(removal), false);
    }
    if is_undo && !row.listed {
        return (Fate::Keeps(OutboxRow { listed: true, ..row }), false);
    }
    let confirms_face = row.action == OutboxAction::AddFace;
    if !row.listed {
        return (Fate::Ends, confirms_face);
    }
    let solved = OutboxRow {
        in_doubt: false,
        engine_ref: solution.engine_ref.clone().or(row.engine_ref),
        solved_at: Some(solved_at),
        solved_by: solved_by.map(str::to_owned),
        ..row
    };
    (if is_undo { Fate::ReleasesPicture(solved) } else { Fate::Keeps(solved) }, confirms_face)
}

/// Ends an attempt that the engine refused for good. A row is taken back with its change if this was its first attempt; any other stays for
/// an operator and no longer blocks its library. Of an attempt before that was interrupted, the engine may have done what it refuses now.
pub(crate) fn reject(row: &OutboxRow, error: String) -> (Fate, Undo) {
    let is_first = !row.listed && !row.was_in_doubt;
    match (row.action, row.face_id) {
        (OutboxAction::AddFace, Some(face_id)) if is_first => {
            (Fate::Ends, Undo::Face { face_id, made_person: row.made_person })
        }
        (OutboxAction::CreateLibrary, _) if is_first => (Fate::Ends, Undo::Library),
        // The refused write was the `AddFace`, so there is nothing to undo.
        (OutboxAction::UndoAdd | OutboxAction::AddFace, _) if is_first => (Fate::Ends, Undo::Nothing),
        _ => {
            // The engine answered, so the attempt added no doubt.
            let in_doubt = row.was_in_doubt;
            let row = OutboxRow { listed: true, rejected: true, in_doubt, last_error: Some(error), ..row.clone() };
            (Fate::Keeps(row), Undo::Nothing)
        }
    }
}

/// Withdraws the addition of a face that is being removed here: a row that is not in doubt ends, a row in doubt becomes
/// an `UndoAdd`, with the address of `removal`. `None` if the row is no addition.
pub(crate) fn withdraw(row: &OutboxRow, removal: &NewWrite) -> Option<Fate> {
    if row.action != OutboxAction::AddFace || row.solved_at.is_some() {
        return None;
    }
    if !row.in_doubt {
        return Some(Fate::Ends);
    }
    Some(Fate::Keeps(OutboxRow {
        action: OutboxAction::UndoAdd,
        rejected: false,
        endpoint: removal.endpoint.clone(),
        operation: removal.operation.clone(),
        ..row.clone()
    }))
}

/// The wish of an operator to drop a write.
#[derive(Debug, Clone)]
pub(crate) struct DropRequest {
    /// Why.
    pub reason: String,
    /// Who.
    pub by: String,
    /// When.
    pub at: UnixMillis,
    /// The act to log.
    pub act: Act,
}

/// Drops a write. An addition that may have reached the engine becomes an `UndoAdd`, which waits; any other row is solved,
/// and what an addition has made here is taken back. An `UndoAdd` that is dropped is given up: the engine may keep the face.
pub(crate) fn drop_write(row: &OutboxRow, drop: &DropRequest, removal: &NewWrite) -> (Fate, Undo) {
    let dropped = OutboxRow { dropped: Some(drop.reason.clone()), ..row.clone() };
    let undo = match (row.action, row.face_id) {
        (OutboxAction::AddFace, Some(face_id)) => Undo::Face { face_id, made_person: row.made_person },
        (OutboxAction::CreateLibrary, _) => Undo::Library,
        _ => Undo::Nothing,
    };
    if let Some(Fate::Keeps(undoing)) = withdraw(&dropped, removal) {
        return (Fate::Keeps(undoing), undo);
    }
    let solved = OutboxRow {
        in_doubt: false,
        rejected: false,
        solved_at: Some(drop.at),
        solved_by: Some(drop.by.clone()),
        ..dropped
    };
    (Fate::ReleasesPicture(solved), undo)
}

/// Returns whether the engine was never asked to create a library, given the rows that create it.
pub(crate) fn was_never_asked(creations: &[OutboxRow]) -> bool {
    creations.iter().any(|row| !row.in_doubt && row.attempts == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aicp_types::LibraryId;

    fn row(action: OutboxAction) -> OutboxRow {
        OutboxRow {
            id: OutboxId::new(7),
            library_id: LibraryId::new(1),
            app_id: "shop".to_owned(),
            engine: "remote".to_owned(),
            action,
            engine_key: "0".repeat(32),
            public_id: None,
            number: None,
            face_id: Some(FaceId::new(3)),
            engine_ref: None,
            picture_key: Some("ab".to_owned()),
            made_person: true,
            endpoint: "http://127.0.0.1:9/".to_owned(),
            operation: "add".to_owned(),
            created_at: UnixMillis::new(1),
            in_doubt: false,
            was_in_doubt: false,
            listed: false,
            rejected: false,
            attempts: 0,
            last_error: None,
            solved_at: None,
            solved_by: None,
            dropped: None,
        }
    }

    fn at_engine(engine_ref: &str) -> Solution {
        Solution { engine_ref: Some(engine_ref.to_owned()), ..Solution::default() }
    }

    const NOW: UnixMillis = UnixMillis::new(9);

    #[test]
    fn a_write_that_succeeds_at_once_leaves_no_row() {
        let tried = begin_attempt(&row(OutboxAction::AddFace));
        assert!(tried.in_doubt && !tried.was_in_doubt && !tried.listed && tried.attempts == 1);
        assert_eq!(solve(&tried, &at_engine("f"), None, NOW), (Fate::Ends, true));
        let creation = begin_attempt(&row(OutboxAction::CreateLibrary));
        assert_eq!(solve(&creation, &Solution::default(), None, NOW), (Fate::Ends, false));
    }

    #[test]
    fn a_write_that_waited_stays_as_solved() {
        let waiting = postpone(&begin_attempt(&row(OutboxAction::AddFace)), true, "no answer".to_owned());
        assert!(waiting.listed && waiting.in_doubt);
        let (Fate::Keeps(solved), true) = solve(&begin_attempt(&waiting), &at_engine("f"), Some("shop"), NOW) else {
            panic!("it stays")
        };
        assert_eq!((solved.solved_at, solved.solved_by.as_deref()), (Some(NOW), Some("shop")));
        assert_eq!((solved.engine_ref.as_deref(), solved.in_doubt), (Some("f"), false));
    }

    #[test]
    fn a_refused_first_attempt_is_taken_back() {
        let added = begin_attempt(&row(OutboxAction::AddFace));
        let undo = Undo::Face { face_id: FaceId::new(3), made_person: true };
        assert_eq!(reject(&added, "no".to_owned()), (Fate::Ends, undo));
        let created = begin_attempt(&row(OutboxAction::CreateLibrary));
        assert_eq!(reject(&created, "no".to_owned()), (Fate::Ends, Undo::Library));
        for stays in [OutboxAction::RemoveFace, OutboxAction::DeleteLibrary] {
            let (Fate::Keeps(kept), Undo::Nothing) = reject(&begin_attempt(&row(stays)), "no".to_owned()) else {
                panic!("{stays:?} can't be taken back")
            };
            assert!(kept.rejected && kept.listed && !kept.in_doubt);
        }
    }

    #[test]
    fn a_refusal_after_an_interrupted_attempt_stays_in_doubt() {
        for action in [OutboxAction::AddFace, OutboxAction::CreateLibrary, OutboxAction::RemoveFace] {
            let interrupted = begin_attempt(&row(action));
            let (Fate::Keeps(kept), Undo::Nothing) = reject(&begin_attempt(&interrupted), "no".to_owned()) else {
                panic!("{action:?} stays")
            };
            assert!(kept.in_doubt && kept.rejected && kept.listed);
        }
    }

    #[test]
    fn a_refusal_restores_the_doubt_of_before() {
        let doubtful = postpone(&begin_attempt(&row(OutboxAction::AddFace)), true, "no answer".to_owned());
        let (Fate::Keeps(kept), Undo::Nothing) = reject(&begin_attempt(&doubtful), "no".to_owned()) else {
            panic!("it stays")
        };
        assert!(kept.in_doubt && kept.rejected);
    }

    #[test]
    fn a_face_removed_during_its_addition_is_removed_at_the_engine_too() {
        let removal = NewWrite {
            id: OutboxId::new(8),
            engine: "remote".to_owned(),
            endpoint: "/remove".to_owned(),
            operation: "remove".to_owned(),
            created_at: NOW,
        };
        assert_eq!(withdraw(&row(OutboxAction::AddFace), &removal), Some(Fate::Ends));
        assert_eq!(withdraw(&row(OutboxAction::RemoveFace), &removal), None);
        let Some(Fate::Keeps(undo)) = withdraw(&begin_attempt(&row(OutboxAction::AddFace)), &removal) else {
            panic!("the engine may have the face")
        };
        assert_eq!((undo.action, undo.operation.as_str()), (OutboxAction::UndoAdd, "remove"));
        // The answer to the addition arrives.
        let (Fate::ReleasesPicture(removing), false) = solve(&undo, &at_engine("f"), None, NOW) else {
            panic!("the face is at the engine")
        };
        assert_eq!((removing.action, removing.engine_ref.as_deref()), (OutboxAction::RemoveFace, Some("f")));
        assert!(removing.listed && removing.picture_key.is_none() && removing.solved_at.is_none());
        // Or it says nothing about a face: the undoing has yet to ask.
        let (Fate::Keeps(listed), false) = solve(&undo, &Solution::default(), None, NOW) else { panic!("it stays") };
        assert!(listed.listed && listed.solved_at.is_none());
        let asked = begin_attempt(&listed);
        assert!(matches!(solve(&asked, &Solution::default(), None, NOW), (Fate::ReleasesPicture(_), false)));
    }

    #[test]
    fn a_dropped_addition_is_undone_at_the_engine_if_it_may_be_there() {
        let removal = NewWrite {
            id: OutboxId::new(8),
            engine: "remote".to_owned(),
            endpoint: "https://example.com/new/".to_owned(),
            operation: "remove".to_owned(),
            created_at: NOW,
        };
        let act = crate::Caller::local("shop").act(NOW, "outbox.drop", "a write");
        let drop = DropRequest { reason: "wrong person".to_owned(), by: "admin".to_owned(), at: NOW, act };
        let take_back = Undo::Face { face_id: FaceId::new(3), made_person: true };
        let never_sent = postpone(&begin_attempt(&row(OutboxAction::AddFace)), false, "no answer".to_owned());
        let (Fate::ReleasesPicture(solved), undo) = drop_write(&never_sent, &drop, &removal) else {
            panic!("the engine has nothing")
        };
        assert_eq!((undo, solved.solved_at, solved.dropped.as_deref()), (take_back, Some(NOW), Some("wrong person")));
        let doubtful = postpone(&begin_attempt(&row(OutboxAction::AddFace)), true, "no answer".to_owned());
        let refused = OutboxRow { rejected: true, ..doubtful.clone() };
        for in_doubt in [doubtful, refused] {
            let (Fate::Keeps(undoing), undo) = drop_write(&in_doubt, &drop, &removal) else { panic!("it waits") };
            assert_eq!((undo, undoing.action, undoing.solved_at), (take_back, OutboxAction::UndoAdd, None));
            assert!(!undoing.rejected && undoing.dropped.is_some() && undoing.picture_key.is_some());
            // Dropped again, it is given up.
            let (Fate::ReleasesPicture(given_up), Undo::Nothing) = drop_write(&undoing, &drop, &removal) else {
                panic!("it ends")
            };
            assert_eq!((given_up.solved_at, given_up.solved_by.as_deref()), (Some(NOW), Some("admin")));
        }
        for (action, undo) in [
            (OutboxAction::RemoveFace, Undo::Nothing),
            (OutboxAction::DeleteLibrary, Undo::Nothing),
            (OutboxAction::CreateLibrary, Undo::Library),
        ] {
            let (Fate::ReleasesPicture(solved), taken) = drop_write(&begin_attempt(&row(action)), &drop, &removal)
            else {
                panic!("{action:?} ends")
            };
            assert_eq!((taken, solved.solved_at.is_some()), (undo, true));
        }
    }

    #[test]
    fn a_library_that_was_never_asked_for_needs_no_deletion() {
        let creation = row(OutboxAction::CreateLibrary);
        assert!(was_never_asked(std::slice::from_ref(&creation)));
        assert!(!was_never_asked(&[begin_attempt(&creation)]));
        assert!(!was_never_asked(&[]));
    }
}
