//! Begin and outcome of attempts at an outbox row.

use aicp_types::{FaceId, OutboxId, PersonId, UnixMillis};

use super::{delete, release_picture, require_unsolved};
use crate::sql::{self, Connection};
use crate::sqlite::{Removal, rows::action_name, writer::WriteTx, writes};
use crate::{Error, OutboxAction, OutboxRow, Result, Solution};

pub(super) async fn outbox_attempt(tx: &mut WriteTx, id: OutboxId) -> Result<OutboxRow> {
    let before = require_unsolved(&mut tx.connection, id).await?;
    // An `UndoAdd` is past its first attempt.
    let listed = before.listed || before.action == OutboxAction::UndoAdd;
    sql::query(
        "UPDATE outbox SET was_in_doubt = in_doubt, in_doubt = 1, attempts = attempts + 1, listed = $2 WHERE id = $1",
    )
    .bind(id)
    .bind(listed)
    .execute(&mut tx.connection)
    .await?;
    Ok(before)
}

pub(super) async fn outbox_postpone(tx: &mut WriteTx, id: OutboxId, in_doubt: bool, error: String) -> Result<()> {
    let query =
        sql::query("UPDATE outbox SET listed = 1, in_doubt = $2, last_error = $3 WHERE id = $1 AND solved IS NULL");
    let updated = query.bind(id).bind(in_doubt).bind(error).execute(&mut tx.connection).await?;
    if updated.rows_affected() == 0 { Err(Error::NotFound) } else { Ok(()) }
}

pub(super) async fn outbox_solve(
    tx: &mut WriteTx,
    id: OutboxId,
    solution: Solution,
    solved_by: Option<String>,
    solved_at: UnixMillis,
) -> Result<Vec<Removal>> {
    let row = require_unsolved(&mut tx.connection, id).await?;
    let mut removals = Vec::new();
    match row.action {
        OutboxAction::AddFace => apply_solution(&mut tx.connection, &row, &solution).await?,
        OutboxAction::UndoAdd if solution.engine_ref.is_some() => {
            removals = release_picture(&mut tx.connection, id).await?;
            return convert_to_removal(&mut tx.connection, id, solution.engine_ref).await.map(|()| removals);
        }
        OutboxAction::UndoAdd if !row.listed => {
            sql::query("UPDATE outbox SET listed = 1 WHERE id = $1").bind(id).execute(&mut tx.connection).await?;
            return Ok(removals);
        }
        OutboxAction::UndoAdd => removals = release_picture(&mut tx.connection, id).await?,
        OutboxAction::RemoveFace | OutboxAction::CreateLibrary | OutboxAction::DeleteLibrary => {}
    }
    if row.listed {
        sql::query(
            "UPDATE outbox SET
                in_doubt = 0, engine_ref = COALESCE($2, engine_ref), solved = $3, solved_by = $4 WHERE id = $1",
        )
        .bind(id)
        .bind(solution.engine_ref)
        .bind(solved_at)
        .bind(solved_by)
        .execute(&mut tx.connection)
        .await?;
    } else {
        delete(&mut tx.connection, id).await?;
    }
    Ok(removals)
}

/// Applies the engine's answer to the face of `row`.
async fn apply_solution(db: &mut dyn Connection, row: &OutboxRow, solution: &Solution) -> Result<()> {
    let side = |i: usize| solution.bounding_box.as_ref().and_then(|bounding_box| bounding_box.get(i)).copied();
    sql::query(
        "UPDATE face SET
            pending = 0, engine_ref = COALESCE($2, engine_ref), box_x = COALESCE($3, box_x),
            box_y = COALESCE($4, box_y), box_w = COALESCE($5, box_w), box_h = COALESCE($6, box_h),
            confidence = COALESCE($7, confidence), quality = COALESCE($8, quality)
         WHERE id = $1",
    )
    .bind(row.face_id)
    .bind(&solution.engine_ref)
    .bind(side(0))
    .bind(side(1))
    .bind(side(2))
    .bind(side(3))
    .bind(solution.confidence)
    .bind(solution.quality)
    .execute(db)
    .await?;
    Ok(())
}

/// Turns an `UndoAdd` into a `RemoveFace`: the face was removed here during its enrolment, and now its id at the engine
/// is known.
async fn convert_to_removal(db: &mut dyn Connection, id: OutboxId, engine_ref: Option<String>) -> Result<()> {
    sql::query(
        "UPDATE outbox SET
            action = $2, engine_ref = $3, picture_key = NULL, in_doubt = 0, was_in_doubt = 0, listed = 1, rejected = 0
         WHERE id = $1",
    )
    .bind(id)
    .bind(action_name(OutboxAction::RemoveFace))
    .bind(engine_ref)
    .execute(db)
    .await?;
    Ok(())
}

pub(super) async fn outbox_reject(tx: &mut WriteTx, id: OutboxId, error: String) -> Result<Vec<Removal>> {
    let row = require_unsolved(&mut tx.connection, id).await?;
    match row.action {
        OutboxAction::AddFace if !row.listed => {
            let query = sql::query_scalar("DELETE FROM outbox WHERE id = $1 RETURNING made_person");
            let made_person = query.bind(id).fetch_one(&mut tx.connection).await?;
            forget_face(tx, row.face_id, made_person).await
        }
        OutboxAction::CreateLibrary if !row.listed => {
            delete(&mut tx.connection, id).await?;
            writes::delete_library(tx, row.library_id).await
        }
        // The refused write was the `AddFace`, so there is nothing to undo.
        OutboxAction::UndoAdd if !row.listed => {
            let removals = release_picture(&mut tx.connection, id).await?;
            delete(&mut tx.connection, id).await?;
            Ok(removals)
        }
        _ => {
            // The engine answered, so the attempt added no doubt.
            sql::query(
                "UPDATE outbox SET listed = 1, rejected = 1, in_doubt = was_in_doubt, last_error = $2 WHERE id = $1",
            )
            .bind(id)
            .bind(error)
            .execute(&mut tx.connection)
            .await?;
            Ok(Vec::new())
        }
    }
}

/// Removes a face, and its person if created with the face and without another face.
async fn forget_face(tx: &mut WriteTx, face_id: Option<FaceId>, made_person: bool) -> Result<Vec<Removal>> {
    let alone: Option<(PersonId, bool)> = sql::query_as(
        "SELECT person_id, NOT EXISTS (
            SELECT 1 FROM face AS other WHERE other.person_id = face.person_id AND other.id <> face.id)
         FROM face WHERE id = $1",
    )
    .bind(face_id)
    .fetch_optional(&mut tx.connection)
    .await?;
    match (alone, face_id) {
        (Some((person_id, true)), _) if made_person => writes::remove_person(tx, person_id).await,
        (Some(_), Some(face_id)) => writes::remove_face(tx, face_id).await,
        _ => Ok(Vec::new()),
    }
}
