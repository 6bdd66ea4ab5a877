//! Long work that survives a restart.

use aicp_types::{JobId, LibraryId, UnixMillis};

/// State of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobState {
    /// It waits for its turn.
    Queued,
    /// It runs, or goes on as soon as the program runs again.
    Running,
    /// It was stopped and can be resumed.
    Paused,
    /// It was stopped for good.
    Cancelled,
    /// It has ended. Single items may have failed.
    Done,
    /// It could not go on.
    Failed,
}

/// State of an item of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobItemState {
    /// It is still to be done.
    Waiting,
    /// It is done.
    Done,
    /// It can't be done.
    Failed,
}

/// A stored job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Row id; never reused.
    pub id: JobId,
    /// App whose job it is.
    pub app_id: String,
    /// Library that it is about; it may be deleted.
    pub library_id: Option<LibraryId>,
    /// Kind; opaque here.
    pub kind: String,
    /// State.
    pub state: JobState,
    /// What to do; opaque here.
    pub input: String,
    /// How far it is; opaque here.
    pub position: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Number of items; `None` until it is known.
    pub total: Option<u64>,
    /// Number of items that are done.
    pub done: u64,
    /// Number of items that can't be done.
    pub failed: u64,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it begins at the earliest; `None`: at once.
    pub starts_at: Option<UnixMillis>,
    /// When it first ran.
    pub started_at: Option<UnixMillis>,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
}

/// A job to create.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// App whose job it is.
    pub app_id: String,
    /// Library that it is about.
    pub library_id: Option<LibraryId>,
    /// Kind.
    pub kind: String,
    /// What to do.
    pub input: String,
    /// Number of items, if it is known.
    pub total: Option<u64>,
    /// When it is created.
    pub created_at: UnixMillis,
    /// When it begins at the earliest; `None`: at once.
    pub starts_at: Option<UnixMillis>,
}

/// An item of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobItem {
    /// Number in the job, from 1.
    pub number: i64,
    /// What it is about.
    pub name: String,
    /// State.
    pub state: JobItemState,
    /// What to do; opaque here. `None` once it is done.
    pub input: Option<String>,
    /// What became of it, for programs.
    pub code: Option<String>,
    /// What became of it; opaque here.
    pub detail: Option<String>,
}

/// Which jobs to list. The default matches all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFilter<'a> {
    /// Only jobs of this app.
    pub app_id: Option<&'a str>,
    /// Only jobs in one of these states; empty: in any.
    pub states: &'a [JobState],
    /// Only jobs of this kind.
    pub kind: Option<&'a str>,
    /// Only jobs about this library.
    pub library_id: Option<LibraryId>,
}
