//! Changes together with the outbox rows that belong to them, each in one transaction.

use aicp_store::{Act, Face, Library, NewFace, NewPerson, OutboxAction, OutboxRow, Person, PictureName, Solution, Tx};
use aicp_types::{FaceId, LibraryId, OutboxId, PersonId, UnixMillis};

use super::rules::{self, Fate, NewWrite, Subject, Undo};
use crate::audit::state;
use crate::error::or_missing;
use crate::libraries::{self, LibraryToCreate};
use crate::people::transactions::{change, insert_person};
use crate::{Error, Existing, Internal, Missing, PersonChanges, Result};

/// Makes the ids of further rows.
pub(super) type IdGenerator = Box<dyn FnMut() -> OutboxId + Send>;

/// Inserts a library, and the write that creates it at its engine.
pub(super) async fn create_library(tx: &mut Tx, library: LibraryToCreate, write: NewWrite) -> Result<Library> {
    let library = libraries::create_library(tx, library).await?;
    tx.insert_outbox(rules::row_of(write, OutboxAction::CreateLibrary, &library, Subject::default())).await?;
    Ok(library)
}

/// Removes a library with its contents. Returns the row that deletes it at its engine, unless the engine was never asked
/// to create it.
pub(super) async fn remove_library(
    tx: &mut Tx,
    library_id: LibraryId,
    act: Act,
    write: NewWrite,
) -> Result<Option<OutboxId>> {
    let library = tx.library_by_id(library_id).await?.ok_or(Missing::Library)?;
    let creations = tx.unsolved_outbox_of_library(library_id, OutboxAction::CreateLibrary).await?;
    libraries::log_deletion(tx, library_id, act).await?;
    tx.delete_library(library_id, write.created_at).await?;
    if rules::was_never_asked(&creations) {
        return Ok(None);
    }
    let id = write.id;
    tx.insert_outbox(rules::row_of(write, OutboxAction::DeleteLibrary, &library, Subject::default())).await?;
    Ok(Some(id))
}

/// Inserts a person with a pending face, and the write that adds the face at the engine.
pub(super) async fn enrol(
    tx: &mut Tx,
    library_id: LibraryId,
    new: NewPerson,
    at_most: Option<u64>,
    face: NewFace,
    picture: PictureName,
    write: NewWrite,
) -> Result<(Person, Face)> {
    let person = insert_person(tx, library_id, new, at_most).await?;
    let face = insert_pending_face(tx, &person, true, face, picture, write).await?;
    Ok((person, face))
}

/// Adds a pending face to a person, and the write that adds it at the engine.
pub(super) async fn add_face(
    tx: &mut Tx,
    person_id: PersonId,
    face: NewFace,
    picture: PictureName,
    write: NewWrite,
) -> Result<Face> {
    let person = tx.person(person_id).await?.ok_or(Missing::Person)?;
    let at = write.created_at;
    let face = insert_pending_face(tx, &person, false, face, picture, write).await?;
    tx.touch_person(person_id, at).await?;
    Ok(face)
}

async fn insert_pending_face(
    tx: &mut Tx,
    person: &Person,
    made_person: bool,
    face: NewFace,
    picture: PictureName,
    write: NewWrite,
) -> Result<Face> {
    let face = tx.insert_face(person.id, face, picture, true).await.map_err(or_missing(Missing::Person))?;
    let library = tx.library_by_id(person.library_id).await?.ok_or(Missing::Library)?;
    let about = Subject {
        person: Some(person),
        made_person,
        face_id: Some(face.id),
        engine_ref: face.engine_ref.as_deref(),
        picture_key: Some(&face.picture_key),
    };
    tx.insert_outbox(rules::row_of(write, OutboxAction::AddFace, &library, about)).await?;
    Ok(face)
}

/// Removes a person here, and leaves writes that remove their faces at the engine; returns the new rows.
pub(super) async fn remove_person(
    tx: &mut Tx,
    person_id: PersonId,
    write: NewWrite,
    mut next_id: IdGenerator,
) -> Result<Vec<OutboxId>> {
    let person = tx.person(person_id).await?.ok_or(Missing::Person)?;
    let mut faces = tx.faces_of(person_id).await?;
    faces.sort_by_key(|face| face.id);
    let mut ids = Vec::new();
    for face in &faces {
        ids.extend(withdraw_or_remove(tx, &person, face, &write, &mut next_id).await?);
    }
    tx.remove_person(person_id, write.created_at).await.map_err(or_missing(Missing::Person))?;
    Ok(ids)
}

/// Removes a face here, and leaves a write that removes it at the engine; returns the new row, if there is one.
pub(super) async fn remove_face(
    tx: &mut Tx,
    face_id: FaceId,
    write: NewWrite,
    mut next_id: IdGenerator,
) -> Result<Vec<OutboxId>> {
    remove_one_face(tx, face_id, &write, &mut next_id).await
}

/// Changes a person and removes all their faces but one, as [`remove_face`] does.
pub(super) async fn update_person(
    tx: &mut Tx,
    person_id: PersonId,
    changes: PersonChanges,
    kept_face: FaceId,
    write: NewWrite,
    mut next_id: IdGenerator,
) -> Result<Vec<OutboxId>> {
    change(tx, person_id, changes, write.created_at).await?;
    let mut faces = tx.faces_of(person_id).await?;
    faces.sort_by_key(|face| face.id);
    let mut ids = Vec::new();
    for face in faces.iter().filter(|face| face.id != kept_face) {
        ids.extend(remove_one_face(tx, face.id, &write, &mut next_id).await?);
    }
    Ok(ids)
}

async fn remove_one_face(
    tx: &mut Tx,
    face_id: FaceId,
    write: &NewWrite,
    next_id: &mut IdGenerator,
) -> Result<Vec<OutboxId>> {
    let face = tx.face(face_id).await?.ok_or(Missing::Face)?;
    let person = tx.person(face.person_id).await?.ok_or(Missing::Person)?;
    let ids = withdraw_or_remove(tx, &person, &face, write, next_id).await?;
    tx.remove_face(face_id, write.created_at).await.map_err(or_missing(Missing::Face))?;
    Ok(ids.into_iter().collect())
}

/// Withdraws the addition of a pending face, or inserts a write that removes the face at the engine.
async fn withdraw_or_remove(
    tx: &mut Tx,
    person: &Person,
    face: &Face,
    write: &NewWrite,
    next_id: &mut IdGenerator,
) -> Result<Option<OutboxId>> {
    if face.pending {
        for row in tx.unsolved_outbox_of_face(face.id).await? {
            if let Some(fate) = rules::withdraw(&row, write) {
                settle(tx, row.id, fate, write.created_at).await?;
            }
        }
        return Ok(None);
    }
    let library = tx.library_by_id(person.library_id).await?.ok_or(Missing::Library)?;
    let write = NewWrite { id: next_id(), ..write.clone() };
    let id = write.id;
    let engine_ref = face.engine_ref.as_deref();
    let about = Subject { person: Some(person), face_id: Some(face.id), engine_ref, ..Subject::default() };
    tx.insert_outbox(rules::row_of(write, OutboxAction::RemoveFace, &library, about)).await?;
    Ok(Some(id))
}

/// Records the begin of an attempt; returns the row as it was before. Unless the caller of the write waits for it, the row is listed: what the
/// caller was told can't be taken back.
pub(super) async fn begin_attempt(tx: &mut Tx, id: OutboxId, caller_waits: bool) -> Result<OutboxRow> {
    let row = unsolved(tx, id).await?;
    let mut begun = rules::begin_attempt(&row);
    begun.listed |= !caller_waits;
    tx.update_outbox(&begun).await?;
    Ok(row)
}

/// Records that an attempt failed for now.
pub(super) async fn postpone(tx: &mut Tx, id: OutboxId, in_doubt: bool, error: String) -> Result<()> {
    let row = unsolved(tx, id).await?;
    Ok(tx.update_outbox(&rules::postpone(&row, in_doubt, error)).await?)
}

/// Records that the engine did the write.
pub(super) async fn solve(
    tx: &mut Tx,
    id: OutboxId,
    solution: Solution,
    solved_by: Option<String>,
    at: UnixMillis,
) -> Result<()> {
    let row = unsolved(tx, id).await?;
    let (fate, confirms_face) = rules::solve(&row, &solution, solved_by.as_deref(), at);
    if let (true, Some(face_id)) = (confirms_face, row.face_id) {
        tx.confirm_face(face_id, &solution).await?;
    }
    settle(tx, id, fate, at).await
}

/// Records that the engine refused the write for good, and takes back what belongs to it.
pub(super) async fn reject(tx: &mut Tx, id: OutboxId, error: String, at: UnixMillis) -> Result<()> {
    let row = unsolved(tx, id).await?;
    let (fate, undo) = rules::reject(&row, error);
    settle(tx, id, fate, at).await?;
    match undo {
        Undo::Nothing => Ok(()),
        Undo::Library => Ok(tx.delete_library(row.library_id, at).await?),
        Undo::Face { face_id, made_person } => take_back_face(tx, face_id, made_person, at).await,
    }
}

/// Removes a pending face, and its person if the face was their only one and `made_person` is set.
async fn take_back_face(tx: &mut Tx, face_id: FaceId, made_person: bool, at: UnixMillis) -> Result<()> {
    // A face that was removed meanwhile needs no undoing.
    let Some(face) = tx.face(face_id).await? else { return Ok(()) };
    let is_only_face = tx.faces_of(face.person_id).await?.len() == 1;
    if made_person && is_only_face {
        Ok(tx.remove_person(face.person_id, at).await?)
    } else {
        Ok(tx.remove_face(face_id, at).await?)
    }
}

/// Drops a write for an operator, and takes back what belongs to it, as after a refusal. Returns whether the write ended: if
/// not, what the engine may have done is yet to be undone there. `write` is the removal at the engine.
pub(super) async fn drop_write(tx: &mut Tx, id: OutboxId, drop: rules::DropRequest, write: NewWrite) -> Result<bool> {
    let row = tx.outbox_row(id).await?.filter(|row| row.listed).ok_or(Missing::Write)?;
    if row.solved_at.is_some() {
        return Err(Error::Exists(Existing::DoneWrite));
    }
    let (fate, undo) = rules::drop_write(&row, &drop, &write);
    let has_ended = !matches!(fate, Fate::Keeps(_));
    let after = state(&serde_json::json!({ "reason": drop.reason }));
    tx.append_act(Act { app_id: Some(row.app_id.clone()), after, ..drop.act.clone() }).await?;
    settle(tx, id, fate, drop.at).await?;
    match undo {
        Undo::Nothing => {}
        Undo::Face { face_id, made_person } => take_back_face(tx, face_id, made_person, drop.at).await?,
        // Nothing is left to create if the library was deleted.
        Undo::Library if tx.library_by_id(row.library_id).await?.is_none() => {}
        Undo::Library => {
            if tx.person_count(row.library_id).await? > 0 {
                return Err(Error::Exists(Existing::People));
            }
            // The row, which is solved by now, stays.
            let library = tx.library_by_id(row.library_id).await?.ok_or(Missing::Library)?;
            tx.delete_library(row.library_id, drop.at).await?;
            if row.in_doubt {
                let deletion = rules::row_of(write, OutboxAction::DeleteLibrary, &library, Subject::default());
                tx.insert_outbox(OutboxRow { listed: true, ..deletion }).await?;
            }
        }
    }
    Ok(has_ended)
}

async fn settle(tx: &mut Tx, id: OutboxId, fate: Fate, at: UnixMillis) -> Result<()> {
    match fate {
        Fate::Keeps(row) => tx.update_outbox(&row).await?,
        Fate::ReleasesPicture(row) => tx.update_outbox_and_release_picture(&row, at).await?,
        Fate::Ends => tx.delete_outbox(id, at).await?,
    }
    Ok(())
}

async fn unsolved(tx: &mut Tx, id: OutboxId) -> Result<OutboxRow> {
    let row = tx.outbox_row(id).await?.filter(|row| row.solved_at.is_none());
    row.ok_or(Error::Internal(Internal::Store(aicp_store::Error::NotFound)))
}
