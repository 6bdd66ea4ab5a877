//! Jobs: long work that is a row, survives a restart, and can be paused, resumed and cancelled.
//!
//! A job goes on where it stopped. What it has done is recorded item by item, or with a position that is written in the
//! same transaction as the work. An item may be begun twice, after a crash in between; the work on it is idempotent.

mod among_nodes;
mod control;
mod copy;
mod deletion;
mod duplicates;
mod export;
mod grouping;
mod import;
mod keeping;
mod listing;
mod manifest;
mod progress;
mod resealing;
mod runner;
mod uploads;
mod zip;

use aicp_store::{Act, IdOrder, JobFilter, JobItem, JobItemState, JobRow, JobState, NewJob, Tx};
use aicp_types::{JobId, LibraryId, PublicId, UnixMillis};
use serde::{Deserialize, Serialize};

pub use export::{ExportContent, ExportFile};
pub use import::ImportSource;
pub(crate) use resealing::{fail, replace_resealing, resealing_input};
pub(crate) use runner::Jobs;
pub use uploads::{Upload, archive_of_export, fetch_shared_export, folder_of_jobs};

use crate::audit::state;
use crate::{BadInput, Caller, Library, Limit, Missing, Platform, Result, Similarity};

/// Kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobKind {
    /// Enrols the pictures of an archive or a folder.
    Import,
    /// Deletes a large library.
    LibraryDeletion,
    /// Looks for people of a library who may be the same person.
    DuplicateScan,
    /// Sorts the unknown faces of a recognition log by person.
    Grouping,
    /// Copies the people of a library into another.
    LibraryCopy,
    /// Writes the people of a library into a file.
    Export,
    /// Seals all secrets of the database with the current master key.
    Resealing,
}

impl JobKind {
    /// All kinds with their names in the store.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Import, "import"),
        (Self::LibraryDeletion, "libraryDeletion"),
        (Self::DuplicateScan, "duplicateScan"),
        (Self::Grouping, "grouping"),
        (Self::LibraryCopy, "libraryCopy"),
        (Self::Export, "export"),
        (Self::Resealing, "resealing"),
    ];

    /// Returns the name in the store.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// Returns the kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// What a job has to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Task {
    Import(ImportSource),
    /// The library is out of sight already.
    Deletion,
    /// The library is to be deleted once the job begins.
    ScheduledDeletion(deletion::Requester),
    Duplicates {
        threshold: Similarity,
    },
    Grouping {
        threshold: Similarity,
    },
    /// The library of the job is the copy.
    Copy {
        from: LibraryId,
    },
    Export(ExportContent),
    /// `key`: id of the master key.
    Reseal {
        key: String,
    },
}

impl Task {
    fn kind(&self) -> JobKind {
        match self {
            Self::Import(_) => JobKind::Import,
            Self::Deletion | Self::ScheduledDeletion(_) => JobKind::LibraryDeletion,
            Self::Duplicates { .. } => JobKind::DuplicateScan,
            Self::Grouping { .. } => JobKind::Grouping,
            Self::Copy { .. } => JobKind::LibraryCopy,
            Self::Export(_) => JobKind::Export,
            Self::Reseal { .. } => JobKind::Resealing,
        }
    }
}

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Id.
    pub id: JobId,
    /// App whose job it is.
    pub app_id: String,
    /// Library that it is about; it may be deleted.
    pub library_id: Option<LibraryId>,
    /// Kind; `None` if this program does not know it.
    pub kind: Option<JobKind>,
    /// State.
    pub state: JobState,
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
    /// The file of an export, as long as it is kept.
    pub file: Option<ExportFile>,
}

impl Platform {
    fn job_of(&self, row: JobRow) -> Job {
        Job {
            file: self.export_file(&row),
            kind: JobKind::named(&row.kind),
            id: row.id,
            app_id: row.app_id,
            library_id: row.library_id,
            state: row.state,
            error: row.error,
            total: row.total,
            done: row.done,
            failed: row.failed,
            created_at: row.created_at,
            starts_at: row.starts_at,
            started_at: row.started_at,
            ended_at: row.ended_at,
        }
    }
}

/// Which jobs to list. The default matches all.
#[derive(Debug, Clone, Copy, Default)]
pub struct JobQuery<'a> {
    /// Only jobs in one of these states; empty: in any.
    pub states: &'a [JobState],
    /// Only jobs of this kind.
    pub kind: Option<JobKind>,
    /// Only jobs about this library.
    pub library_id: Option<LibraryId>,
}

/// What became of an item.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ItemDetail {
    /// Why it can't be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Public id of the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub person: Option<i64>,
    /// Row id of the face.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub face: Option<i64>,
    /// Public id of the other person of a pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_person: Option<i64>,
    /// Row id of the face of the other person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other_face: Option<i64>,
    /// Similarity of the faces, 0..1, or of a face to its group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub similarity: Option<Similarity>,
    /// Logged recognition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recognition: Option<i64>,
    /// Number of the group, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<u64>,
}

impl ItemDetail {
    /// Says why an item can't be done.
    pub(crate) fn of_reason(reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::default() }
    }
}

/// An item of a job.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Number in the job, from 1.
    pub number: i64,
    /// What it is about, such as a path in an archive.
    pub name: String,
    /// State.
    pub state: JobItemState,
    /// What became of it, for programs.
    pub code: Option<String>,
    /// What became of it.
    pub detail: ItemDetail,
}

impl From<JobItem> for Item {
    fn from(item: JobItem) -> Self {
        let detail = item.detail.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            number: item.number,
            name: item.name,
            state: item.state,
            code: item.code,
            detail: detail.unwrap_or_default(),
        }
    }
}

/// Whether a job in this state has ended for good.
fn has_ended(state: JobState) -> bool {
    match state {
        JobState::Cancelled | JobState::Done => true,
        // One that failed can be resumed: the disk was full, say.
        JobState::Failed | JobState::Queued | JobState::Running | JobState::Paused => false,
    }
}

impl Platform {
    /// Returns the jobs that the caller sees and the query admits, at most `limit`, in an order. An administrator sees those of
    /// all apps.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn jobs(
        &self,
        caller: &Caller,
        query: JobQuery<'_>,
        order: IdOrder<JobId>,
        limit: u64,
    ) -> Result<Vec<Job>> {
        let filter = JobFilter {
            app_id: if caller.sees_all_apps() { None } else { Some(caller.app_id()) },
            states: query.states,
            kind: query.kind.map(JobKind::name),
            library_id: query.library_id,
        };
        let rows = self.inner.store.rows().await?.jobs_after(filter, order, limit).await?;
        Ok(rows.into_iter().map(|row| self.job_of(row)).collect())
    }

    /// Returns a job.
    ///
    /// # Errors
    /// [`Missing::Job`], also for a job of another app.
    pub async fn job(&self, caller: &Caller, id: JobId) -> Result<Job> {
        Ok(self.job_of(self.job_row(caller, id).await?))
    }

    async fn job_row(&self, caller: &Caller, id: JobId) -> Result<JobRow> {
        let row = self.inner.store.rows().await?.job(id).await?.ok_or(Missing::Job)?;
        caller.require_app(&row.app_id).map_err(|_| Missing::Job)?;
        Ok(row)
    }

    /// Returns the items of a job, at most `limit`, after the one with this number. With a state, only items in it.
    ///
    /// # Errors
    /// [`Missing::Job`].
    pub async fn job_items(
        &self,
        caller: &Caller,
        id: JobId,
        state: Option<JobItemState>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Item>> {
        self.job_row(caller, id).await?;
        let items = self.inner.store.rows().await?.job_items_after(id, state, after, limit).await?;
        Ok(items.into_iter().map(Item::from).collect())
    }

    /// Counts the items of a job by what became of them. Items that wait are left out.
    ///
    /// # Errors
    /// [`Missing::Job`].
    pub async fn job_codes(&self, caller: &Caller, id: JobId) -> Result<Vec<(String, u64)>> {
        self.job_row(caller, id).await?;
        Ok(self.inner.store.rows().await?.job_codes(id).await?)
    }

    /// Creates a job of the caller's app about a library, unless the app has `most` that have not ended.
    ///
    /// # Errors
    /// [`Limit::Jobs`] at the limit of jobs that have not ended.
    async fn create_job(&self, caller: &Caller, library: &Library, task: Task, most: u64) -> Result<Job> {
        let input = serde_json::to_string(&task).map_err(|e| BadInput::Import(e.to_string()))?;
        let new = NewJob {
            app_id: caller.app_id().to_owned(),
            library_id: Some(library.id),
            kind: task.kind().name().to_owned(),
            input,
            total: None,
            created_at: self.now(),
            starts_at: None,
        };
        let act = caller.act(new.created_at, "job.create", "");
        let create = self.inner.store.write(move |tx| Box::pin(insert(tx, new, most, act)));
        let job = create.await?;
        self.inner.jobs.wake();
        Ok(self.job_of(job))
    }
}

/// Returns what the details of items contain that are about some people.
pub(crate) fn details_of(people: &[PublicId]) -> Vec<String> {
    people.iter().flat_map(|id| [format!("erson\":{id},"), format!("erson\":{id}}}")]).collect()
}

/// Returns what the input of an item contains that would enrol a person with this user id.
pub(crate) fn input_of(user_id: &str) -> String {
    format!("\"external_id\":{}", serde_json::Value::from(user_id))
}

/// Ends an item that waits, because its person was erased.
pub(crate) async fn refuse_item(tx: &mut Tx, job: JobId, number: i64, at: UnixMillis) -> Result<()> {
    if tx.finish_job_item(job, number, JobItemState::Failed, "personErased", None).await? {
        let count = |job: &mut JobRow| {
            job.failed += 1;
            Ok(())
        };
        progress::update(tx, job, at, count).await?;
    }
    Ok(())
}

async fn insert(tx: &mut Tx, new: NewJob, most: u64, act: Act) -> Result<JobRow> {
    if tx.open_job_count(&new.app_id).await? >= most {
        return Err(Limit::Jobs.into());
    }
    let job = tx.insert_job(new).await?;
    progress::record(tx, &job, act.at);
    let library = job.library_id.map(|id| id.to_string());
    let after = state(&serde_json::json!({ "kind": job.kind, "library": library }));
    tx.append_act(Act { target: format!("job {}", job.id), after, ..act }).await?;
    Ok(job)
}
