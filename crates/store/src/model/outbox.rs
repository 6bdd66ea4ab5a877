//! What engines that keep faces themselves have still to be told.

use aicp_types::{FaceId, LibraryId, OutboxId, PublicId, UnixMillis};
/// What an engine has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutboxAction {
    /// Take in a face.
    AddFace,
    /// Let go of a face.
    RemoveFace,
    /// Make a library.
    CreateLibrary,
    /// Drop a library with all in it.
    DeleteLibrary,
    /// Let go of a face that is gone here, and that it may or may not have taken in: it never said.
    UndoAdd,
}

/// Something an engine has to do, or had, as it comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    /// Snowflake. In every library rows are to be worked on by ascending id.
    pub id: OutboxId,
    /// Row id of the library, also if that is gone.
    pub library_id: LibraryId,
    /// The app that the library belongs to.
    pub app_id: String,
    /// Name of the engine.
    pub engine: String,
    /// What is to be done.
    pub action: OutboxAction,
    /// The engine-side id of the library.
    pub engine_key: String,
    /// Snowflake of the person, if a face is concerned.
    pub public_id: Option<PublicId>,
    /// The person's 32 hex digits, if a face is concerned.
    pub number: Option<String>,
    /// Row id of the face, if one is concerned, also if that is gone.
    pub face_id: Option<FaceId>,
    /// The engine's id of the face, as far as it is known.
    pub engine_ref: Option<String>,
    /// Key of the picture, for [`AddFace`](OutboxAction::AddFace) and [`UndoAdd`](OutboxAction::UndoAdd). The picture
    /// is kept until the row is solved.
    pub picture_key: Option<String>,
    /// Whether the person was put down with the row.
    pub made_person: bool,
    /// As it was given.
    pub endpoint: String,
    /// As it was given.
    pub operation: String,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// An attempt may have reached the engine without its answer reaching us.
    pub in_doubt: bool,
    /// `false`: its first attempt is still under way.
    pub listed: bool,
    /// The engine refused it for good; it no longer holds up the library.
    pub rejected: bool,
    /// How many attempts were begun.
    pub attempts: i64,
    /// Why the latest attempt came to nothing.
    pub last_error: Option<String>,
    /// When it was solved: milliseconds since the epoch.
    pub solved_at: Option<UnixMillis>,
    /// Who solved it, if somebody did.
    pub solved_by: Option<String>,
}

/// Something an engine has to do, to be put down with the change it belongs to. The rest is known from that.
#[derive(Clone, Debug)]
pub struct NewOutboxRow {
    /// Snowflake, unique over all rows and ascending in every library; the caller sees to that.
    pub id: OutboxId,
    /// Name of the engine.
    pub engine: String,
    /// Free text of the caller.
    pub endpoint: String,
    /// Free text of the caller.
    pub operation: String,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
}

/// Which rows to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutboxFilter {
    /// Only those that are solved, or only those that are not.
    pub solved: Option<bool>,
    /// Only those created at this time or later; milliseconds since the epoch.
    pub from: Option<UnixMillis>,
    /// Only those created before this time; milliseconds since the epoch.
    pub to: Option<UnixMillis>,
}

/// What an engine said of what it did. `None` leaves the face as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Solution {
    /// The engine's id of the face.
    pub engine_ref: Option<String>,
    /// Where the face is in the picture: x, y, width, height in pixels.
    pub box_: Option<[f32; 4]>,
    /// The detector's confidence.
    pub confidence: Option<f32>,
    /// 0 to 1.
    pub quality: Option<f32>,
}
