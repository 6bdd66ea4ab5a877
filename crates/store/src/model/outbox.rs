//! Outbox: writes that remote engines have yet to do.

use aicp_types::{FaceId, LibraryId, OutboxId, PublicId, UnixMillis};
/// Kind of a write at an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxAction {
    /// Enrol a face.
    AddFace,
    /// Remove a face.
    RemoveFace,
    /// Create a library.
    CreateLibrary,
    /// Delete a library with its contents.
    DeleteLibrary,
    /// Remove a face that was deleted here while it was unknown whether the engine had enrolled it.
    UndoAdd,
}

/// A stored outbox row: a write that an engine has to do, or has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Snowflake, which the caller generates unique over all rows and ascending in each library.
    pub id: OutboxId,
    /// The library; it may be deleted.
    pub library_id: LibraryId,
    /// App that owns the library.
    pub app_id: String,
    /// Name of the engine.
    pub engine: String,
    /// Kind of the write.
    pub action: OutboxAction,
    /// Id of the library at the engine.
    pub engine_key: String,
    /// Public id of the person, if the write is about a face.
    pub public_id: Option<PublicId>,
    /// Second public id of the person (32 hex digits), if the write is about a face.
    pub number: Option<String>,
    /// The face that the write is about, if any; it may be deleted.
    pub face_id: Option<FaceId>,
    /// Id of the face at the engine, if known.
    pub engine_ref: Option<String>,
    /// Key of the picture, for [`AddFace`](OutboxAction::AddFace) and [`UndoAdd`](OutboxAction::UndoAdd). The picture
    /// is stored until the row is solved.
    pub picture_key: Option<String>,
    /// Whether the person was created together with the row.
    pub made_person: bool,
    /// Base address of the engine, for information; free text of the caller.
    pub endpoint: String,
    /// Path of the write at the engine, for information; free text of the caller.
    pub operation: String,
    /// When the row was created.
    pub created_at: UnixMillis,
    /// An attempt may have reached the engine, but its answer did not arrive.
    pub in_doubt: bool,
    /// Value of [`in_doubt`](Self::in_doubt) before the latest attempt.
    pub was_in_doubt: bool,
    /// Shown in lists; `false` while the first attempt is in progress.
    pub listed: bool,
    /// The engine refused the write permanently; the row no longer blocks its library.
    pub rejected: bool,
    /// Number of attempts begun.
    pub attempts: i64,
    /// Error of the latest failed attempt.
    pub last_error: Option<String>,
    /// When the row was solved.
    pub solved_at: Option<UnixMillis>,
    /// Caller that triggered the successful attempt; `None` if it was automatic.
    pub solved_by: Option<String>,
    /// Why an operator dropped the write. A dropped row is solved; a dropped addition that may be at the engine is not until
    /// it was undone there.
    pub dropped: Option<String>,
}

/// State of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    /// It waits for its engine.
    Waiting,
    /// The engine refused it.
    Refused,
    /// It is done.
    Done,
    /// An operator dropped it.
    Dropped,
}

impl OutboxRow {
    /// Returns the state.
    pub fn state(&self) -> OutboxState {
        match (self.solved_at, self.rejected) {
            (Some(_), _) if self.dropped.is_some() => OutboxState::Dropped,
            (Some(_), _) => OutboxState::Done,
            (None, true) => OutboxState::Refused,
            (None, false) => OutboxState::Waiting,
        }
    }
}

/// Filter of listed rows. The default matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxFilter<'a> {
    /// Only rows in this state.
    pub state: Option<OutboxState>,
    /// Only rows of this engine.
    pub engine: Option<&'a str>,
    /// Only rows of this library.
    pub library_id: Option<LibraryId>,
    /// Only rows of this app.
    pub app_id: Option<&'a str>,
    /// Only solved rows, or only unsolved ones.
    pub solved: Option<bool>,
    /// Only rows created at this time or later.
    pub from: Option<UnixMillis>,
    /// Only rows created before this time.
    pub to: Option<UnixMillis>,
    /// Only rows with a lower id.
    pub below: Option<OutboxId>,
}

/// The engine's answer to a write. `None` leaves the face's value unchanged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Solution {
    /// Id of the face at the engine.
    pub engine_ref: Option<String>,
    /// Bounding box of the face in the picture: x, y, width, height in pixels.
    pub bounding_box: Option<[f32; 4]>,
    /// Confidence of the face detector.
    pub confidence: Option<f32>,
    /// Quality, 0..1.
    pub quality: Option<f32>,
}

/// Numbers of the listed rows of an engine that are not solved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxCount {
    /// Name of the engine.
    pub engine: String,
    /// Rows that wait.
    pub waiting: u64,
    /// Rows that the engine refused.
    pub refused: u64,
    /// When the oldest of them was created.
    pub oldest: UnixMillis,
}
