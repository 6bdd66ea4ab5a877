//! Attempts at the writes of the outbox.

use std::collections::HashSet;
use std::sync::Arc;

use aicp_backends::{BoxError, ClaimLookup, LibraryRef, RemoteEngine, RemoteError, RemoteFace};
use aicp_store::{OutboxAction, OutboxRow, Solution, Store, picture_key};
use aicp_types::{FaceId, LibraryId, OutboxId};
use async_trait::async_trait;
use bytes::Bytes;

use super::{Outbox, transactions};
use crate::engines::library_ref;
use crate::{BadInput, Error, Face, Internal, Missing, Refusal, Result};

/// After this many failed libraries in a row, replay pauses until the next health check.
const MAX_CONSECUTIVE_FAILURES: u32 = 8;

/// Who has an attempt made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Maker<'a> {
    /// The caller whose write it is, and who waits for what becomes of it: the first attempt.
    Caller,
    /// Nobody: the engine answers again. The caller of the write has had an answer.
    Replay,
    /// An operator, by name.
    Operator(&'a str),
}

/// Result of an attempt.
pub(super) enum Outcome {
    /// The engine did the write.
    Done,
    /// The engine is unreachable; the write waits.
    Waits,
    /// The engine refused the write.
    Refused(Error),
}

impl Outbox {
    /// Makes the first attempt at a write that is committed, unless earlier writes of the library wait. The caller must hold the
    /// library's lock.
    ///
    /// # Errors
    /// Why the engine has refused it. If anything else fails, the write waits.
    pub(super) async fn first_attempt(&self, row_id: OutboxId, library_id: LibraryId) -> Result<()> {
        match self.attempt_unless_others_wait(row_id, library_id).await {
            Ok(Outcome::Done | Outcome::Waits) => Ok(()),
            Ok(Outcome::Refused(e)) => Err(e),
            Err(e) => {
                tracing::warn!(row = row_id.get(), error = %e, "a write waits: its first attempt did not end");
                self.wakeup.notify_one();
                Ok(())
            }
        }
    }

    /// Returns a face as it is after an attempt; as it was before if that can't be read.
    pub(super) async fn as_confirmed(&self, face: Face) -> Face {
        let found = async { self.shared.store.rows().await?.face(face.id).await };
        found.await.ok().flatten().unwrap_or(face)
    }

    async fn attempt_unless_others_wait(&self, row_id: OutboxId, library_id: LibraryId) -> Result<Outcome> {
        let head = self.shared.store.rows().await?.outbox_head(library_id).await?;
        if head.is_some_and(|head| head.id != row_id) {
            self.postpone(row_id, false, "earlier writes of this library wait").await?;
            self.wakeup.notify_one();
            return Ok(Outcome::Waits);
        }
        self.attempt(row_id, Maker::Caller).await
    }

    /// Makes one attempt at a write and stores the result. The caller must hold the library's lock.
    pub(super) async fn attempt(&self, row_id: OutboxId, maker: Maker<'_>) -> Result<Outcome> {
        let store = &self.shared.store;
        if let Some(row) = store.rows().await?.outbox_row(row_id).await?
            && self.may_be_under_way(&row)
        {
            return Ok(Outcome::Waits);
        }
        let losses = store.nodes().map(aicp_store::Nodes::losses);
        // Marks the write as possibly sent.
        let caller_waits = matches!(maker, Maker::Caller);
        let row = store.write_always(move |tx| Box::pin(transactions::begin_attempt(tx, row_id, caller_waits))).await?;
        let is_lost = losses.is_some_and(|losses| losses.has_changed().unwrap_or(true));
        if self.may_be_under_way(&row) || is_lost {
            // Another node has begun meanwhile, or takes this one for gone.
            return Ok(Outcome::Waits);
        }
        let mut in_doubt = row.in_doubt;
        let asked = match self.engine_named(&row.engine) {
            Ok(engine) => self.execute(engine.as_ref(), &row, &mut in_doubt).await,
            Err(e) => Err(e),
        };
        self.attempt_ended(row_id, row.attempts.saturating_add(1));
        match asked {
            Ok(solution) => {
                let solved_by = if let Maker::Operator(name) = maker { Some(name.to_owned()) } else { None };
                let now = self.shared.now();
                let solve =
                    store.write_always(move |tx| Box::pin(transactions::solve(tx, row_id, solution, solved_by, now)));
                solve.await?;
                Ok(Outcome::Done)
            }
            Err(Error::Unavailable(reason)) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, reason, "a write waits for its engine");
                self.postpone(row_id, in_doubt, &reason).await?;
                Ok(Outcome::Waits)
            }
            Err(e) if is_refusal(&e) => {
                let (error, now) = (e.to_string(), self.shared.now());
                store.remove(move |tx| Box::pin(transactions::reject(tx, row_id, error, now))).await?;
                Ok(Outcome::Refused(e))
            }
            // The fault is on our side or temporary.
            Err(e) => {
                tracing::warn!(row = row_id.get(), engine = row.engine, error = %e, "a write waits");
                self.postpone(row_id, in_doubt, &e.to_string()).await?;
                Ok(Outcome::Waits)
            }
        }
    }

    pub(super) fn engine_named(&self, name: &str) -> Result<&Arc<dyn RemoteEngine>> {
        self.engines.iter().find(|engine| engine.name() == name).ok_or(Missing::Engine.into())
    }

    async fn postpone(&self, row_id: OutboxId, in_doubt: bool, error: &str) -> Result<()> {
        let error = error.to_owned();
        let store = &self.shared.store;
        store.write_always(move |tx| Box::pin(transactions::postpone(tx, row_id, in_doubt, error))).await
    }

    /// Executes a write. On entry `in_doubt` says whether an earlier attempt may have been executed; after a failure,
    /// whether this attempt may have been.
    async fn execute(&self, engine: &dyn RemoteEngine, row: &OutboxRow, in_doubt: &mut bool) -> Result<Solution> {
        let library = self.library_of(row).await?;
        let doubtful = |e: RemoteError, in_doubt: &mut bool| {
            *in_doubt = matches!(e, RemoteError::Unavailable { in_doubt: true, .. });
            Error::from(e)
        };
        let nothing = |()| Solution::default();
        match row.action {
            OutboxAction::AddFace => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                // If this fails, the write remains in doubt.
                if let Some(added) =
                    self.find_earlier_addition(engine, row, &library, &tag, &picture, *in_doubt).await?
                {
                    return Ok(solution(added));
                }
                *in_doubt = false;
                engine.add_face(&library, &tag, picture).await.map(solution).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::UndoAdd => {
                let (tag, picture) = self.tag_and_picture(row).await?;
                let added = self.find_earlier_addition(engine, row, &library, &tag, &picture, true).await?;
                if let Some(added) = added {
                    engine.remove_face(&library, &added.engine_ref).await?;
                }
                Ok(Solution::default())
            }
            // The remaining writes are idempotent.
            OutboxAction::RemoveFace => {
                let engine_ref = row.engine_ref.as_deref().unwrap_or_default();
                engine.remove_face(&library, engine_ref).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::CreateLibrary => {
                engine.create_library(&library).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
            OutboxAction::DeleteLibrary => {
                engine.delete_library(&library).await.map(nothing).map_err(|e| doubtful(e, in_doubt))
            }
        }
    }

    /// Returns the face that an earlier attempt added at the engine. Does not ask the engine unless the write is in
    /// doubt.
    async fn find_earlier_addition(
        &self,
        engine: &dyn RemoteEngine,
        row: &OutboxRow,
        library: &LibraryRef,
        tag: &str,
        picture: &Bytes,
        in_doubt: bool,
    ) -> Result<Option<RemoteFace>> {
        if !in_doubt {
            return Ok(None);
        }
        let claims = Claims { store: self.shared.store.clone(), library_id: row.library_id };
        Ok(engine.find_added(library, tag, picture.clone(), &claims).await?)
    }

    async fn tag_and_picture(&self, row: &OutboxRow) -> Result<(String, Bytes)> {
        let picture = self.picture(row).await?.ok_or(Missing::Picture)?;
        Ok((tag(row), picture))
    }

    pub(super) async fn picture(&self, row: &OutboxRow) -> Result<Option<Bytes>> {
        let Some(key) = &row.picture_key else { return Ok(None) };
        match self.shared.store.picture(key).await {
            Ok(picture) => Ok(Some(picture)),
            // The person was removed meanwhile.
            Err(aicp_store::Error::NotFound) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn library_of(&self, row: &OutboxRow) -> Result<LibraryRef> {
        // A library under deletion has no row any more; its engine key is enough.
        let known = self.shared.store.rows().await?.library_by_id(row.library_id).await?;
        Ok(known.as_ref().map_or_else(
            || LibraryRef {
                row: row.library_id,
                engine_id: row.engine_key.clone(),
                name: String::new(),
                description: None,
            },
            library_ref,
        ))
    }

    /// Replays the waiting writes of an engine that answers.
    pub(super) async fn replay(&self, engine: &dyn RemoteEngine) -> Result<()> {
        let mut failures = 0;
        let waiting = self.shared.store.rows().await?.outbox_libraries(Some(engine.name())).await?;
        for library_id in waiting {
            // A write that the engine can't process delays its own library only. An engine that accepts nothing gets a
            // pause.
            match self.replay_library(library_id).await {
                Ok(true) => failures = 0,
                Ok(false) => failures += 1,
                Err(e) => {
                    tracing::error!(error = %e, library = library_id.get(), "waiting writes can't be worked off");
                    failures += 1;
                }
            }
            if failures == MAX_CONSECUTIVE_FAILURES {
                break;
            }
        }
        Ok(())
    }

    /// Replays the waiting writes of a library. Returns whether all are done. Takes the lock separately for each write,
    /// so that callers can write in between.
    async fn replay_library(&self, library_id: LibraryId) -> Result<bool> {
        loop {
            let _lock = self.lock_library(library_id).await?;
            let Some(head) = self.shared.store.rows().await?.outbox_head(library_id).await? else { return Ok(true) };
            if let Outcome::Waits = self.attempt(head.id, Maker::Replay).await? {
                return Ok(false);
            }
        }
    }
}

/// Whether an error is final: retries would fail too.
fn is_refusal(e: &Error) -> bool {
    use aicp_backends::Error::Remote;
    use aicp_backends::RemoteError::{LibraryMissing, Unsupported};
    matches!(
        e,
        Error::Refused(Refusal::Engine { .. })
            | Error::BadInput(BadInput::Picture(_))
            | Error::Refused(Refusal::NoFace | Refusal::NotRecognisable(_))
            | Error::Missing(Missing::Picture)
            | Error::Internal(Internal::Engine(Remote(LibraryMissing | Unsupported(_))))
    )
}

/// Returns the tag that the engine stores with the face: 32 hex digits unique to the face, as some engines use it as
/// their id.
fn tag(row: &OutboxRow) -> String {
    let number = row.number.as_deref().unwrap_or_default();
    let mut tag = picture_key(format!("{number}:{}", row.face_id.map_or(0, FaceId::get)).as_bytes());
    tag.truncate(32);
    tag
}

fn solution(added: RemoteFace) -> Solution {
    Solution {
        engine_ref: Some(added.engine_ref),
        bounding_box: added.seen.map(|f| [f.area.x, f.area.y, f.area.width, f.area.height]),
        confidence: added.seen.map(|f| f.confidence),
        quality: None,
    }
}

/// Looks up which engine references belong to faces known here.
struct Claims {
    store: Store,
    library_id: LibraryId,
}

#[async_trait]
impl ClaimLookup for Claims {
    async fn claimed(&self, engine_refs: &[String]) -> Result<HashSet<String>, BoxError> {
        Ok(self.store.rows().await?.claimed_engine_refs(self.library_id, engine_refs).await?)
    }
}
