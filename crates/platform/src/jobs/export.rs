//! Export: writes the people of a library into a zip archive that an import reads.
//!
//! The archive has `export.json`, which says what it is, `people.jsonl` with a person per line, `manifest.csv` with a row per
//! picture, and the pictures. Each run writes it anew: who was read before a pause may be gone by its end.

mod archive;
mod format;

use std::io;
use std::time::Duration;

use aicp_store::{BlobStream, IdOrder, JobFilter, JobRow, JobState, PersonFilter, PersonOrder, Tx, at};
use aicp_types::{JobId, PersonId, UnixMillis};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use self::archive::{Part, Writer, manifest_row, person_line, picture_name};
pub(super) use self::format::{ABOUT, About, FaceLine, PEOPLE, PersonLine};
use super::runner::{End, Running};
use super::uploads::export_name;
use super::{Job, JobKind, Task, progress};
use crate::{Area, Caller, Error, Library, Missing, Platform, Refusal, Result};

/// People that are read at a time.
const BATCH: u64 = 32;
/// Parts that wait to be written.
const MAX_WAITING: usize = 4;
const HOUR: Duration = Duration::from_hours(1);

/// What an export has besides the data of the people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportContent {
    /// The pictures.
    pub pictures: bool,
    /// The templates.
    pub templates: bool,
}

/// The file of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportFile {
    /// Size in bytes.
    pub bytes: u64,
    /// When it is deleted.
    pub expires_at: UnixMillis,
}

/// What is noted of a complete export.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Written {
    bytes: u64,
}

impl Platform {
    /// Creates a job that writes the people of a library into a zip archive, which is kept for a set time.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if templates are wanted by a caller without the area [`Area::Templates`];
    /// [`Limit::Jobs`](crate::Limit::Jobs).
    pub async fn export_library(&self, caller: &Caller, library: &Library, content: ExportContent) -> Result<Job> {
        require_content(caller, content)?;
        self.create_job(caller, library, Task::Export(content), self.inner.settings.load().jobs.max_open).await
    }

    /// Opens the archive of an export from a position in bytes; returns its size with the stream. The act is logged, once for each
    /// time that the archive is read from the start.
    ///
    /// # Errors
    /// [`Missing::Job`]; [`Missing::File`] if the job is no export, or its archive is not there yet or no longer;
    /// [`Refusal::Forbidden`] if it has templates and the caller lacks the area [`Area::Templates`].
    pub async fn open_export(&self, caller: &Caller, id: JobId, from: u64) -> Result<(u64, BlobStream)> {
        let job = self.job_row(caller, id).await?;
        let Ok(Task::Export(content)) = serde_json::from_str(&job.input) else { return Err(Missing::File.into()) };
        require_content(caller, content)?;
        self.export_file(&job).ok_or(Missing::File)?;
        let opened = self.inner.jobs.folder.read(&export_name(id), from).await?.ok_or(Missing::File)?;
        if from == 0 {
            let act = caller.act(self.now(), "job.download", format!("job {id}"));
            let act = aicp_store::Act { app_id: Some(job.app_id), ..act };
            let log = self.inner.store.write_always(move |tx| Box::pin(async move { Ok(tx.append_act(act).await?) }));
            log.await.map_err(|e: Error| e)?;
        }
        Ok(opened)
    }

    /// Returns the file of an export, as long as it is kept.
    pub(super) fn export_file(&self, job: &JobRow) -> Option<ExportFile> {
        let expires_at = self.export_expiry(job)?;
        let Written { bytes } = serde_json::from_str(job.position.as_deref()?).ok()?;
        Some(ExportFile { bytes, expires_at })
    }

    /// Returns when the file of an export is deleted; `None` if there is none.
    pub(super) fn export_expiry(&self, job: &JobRow) -> Option<UnixMillis> {
        if job.kind != JobKind::Export.name() || job.state != JobState::Done || job.position.is_none() {
            return None;
        }
        let expires_at = job.ended_at?.saturating_add(HOUR * self.inner.settings.load().jobs.export_hours);
        (self.now() < expires_at).then_some(expires_at)
    }

    /// Deletes the exports of the app of a person who was erased: the person may have been in a library that is left, or deleted. One that is
    /// being written ends; it can be resumed.
    pub(crate) async fn withdraw_exports(&self, app_id: &str) -> Result<()> {
        let (app_id, now) = (app_id.to_owned(), self.now());
        let withdraw = self.inner.store.write_always(move |tx| Box::pin(withdraw(tx, app_id, now)));
        for job in withdraw.await? {
            if !self.inner.jobs.stop(job) {
                self.discard_files(job).await;
            }
        }
        Ok(())
    }
}

/// Forgets the archives of exports; returns whose files have to go.
async fn withdraw(tx: &mut Tx, app_id: String, now: UnixMillis) -> Result<Vec<JobId>> {
    let filter = JobFilter { app_id: Some(&app_id), kind: Some(JobKind::Export.name()), ..JobFilter::default() };
    let mut withdrawn = Vec::new();
    for job in tx.jobs_after(filter, IdOrder::default(), u64::MAX).await? {
        let is_complete = job.state == JobState::Done && job.position.is_some();
        if !is_complete && !matches!(job.state, JobState::Running | JobState::Paused) {
            continue;
        }
        withdrawn.push(job.id);
        let withdraw = |job: &mut JobRow| {
            job.position = None;
            job.error = Some("a person was erased meanwhile".to_owned());
            if !is_complete {
                (job.state, job.ended_at) = (JobState::Failed, Some(now));
            }
            Ok(())
        };
        progress::update(tx, job.id, now, withdraw).await?;
    }
    Ok(withdrawn)
}

fn require_content(caller: &Caller, content: ExportContent) -> Result<()> {
    if content.templates && caller.require_area(Area::Templates).is_err() {
        return Err(Refusal::Forbidden.into());
    }
    Ok(())
}

/// Runs an export.
pub(super) async fn run(mut running: Running, job: JobRow, content: ExportContent) -> Result<End> {
    let library = running.library(&job).await?;
    let platform = &running.platform;
    running.begin_anew().await?;
    running.count_people(&library).await?;
    let (parts, waiting) = mpsc::channel(MAX_WAITING);
    let most = (platform.inner.settings.load().jobs.max_unpacked_mib as u64) << 20;
    let writer = Writer {
        path: platform.inner.jobs.folder.path_of(&export_name(running.id)),
        store: platform.inner.store.clone(),
        most,
    };
    let writing = tokio::task::spawn_blocking(move || writer.write(waiting));
    let mut about = About::new(&library, content, platform.now());
    let sent = send_people(&running, &library, content, &mut about, &parts).await;
    let is_complete = match sent {
        Ok(true) => parts.send(Part::End(Box::new(about))).await.is_ok(),
        Ok(false) => false,
        // The writer deletes what it has written.
        Err(e) => return Err(e),
    };
    drop(parts);
    match writing.await {
        Ok(Ok(Some(bytes))) if is_complete => {
            let id = running.id;
            let share = |platform: Platform| async move { platform.inner.jobs.folder.share(&export_name(id)).await };
            let shared = running.transferred(share).await?;
            let written = serde_json::to_string(&Written { bytes }).map_err(|e| at("export")(e.into()))?;
            // Somebody may have been erased meanwhile.
            let is_wanted = shared.is_some() && running.note_end(written).await?;
            Ok(if is_wanted { End::Complete } else { End::Stopped })
        }
        Ok(Ok(_)) => Ok(End::Stopped),
        Ok(Err(e)) => Err(e),
        Err(e) => Err(at("export")(io::Error::other(e)).into()),
    }
}

/// Passes the people to the writer. Returns false if the job or the writer was stopped.
async fn send_people(
    running: &Running,
    library: &Library,
    content: ExportContent,
    about: &mut About,
    parts: &mpsc::Sender<Part>,
) -> Result<bool> {
    let platform = &running.platform;
    let mut after = PersonId::new(0);
    loop {
        if running.is_stopped() {
            return Ok(false);
        }
        let mut rows = platform.inner.store.rows().await?;
        let people =
            rows.people_after(library.id, PersonFilter::default(), PersonOrder::Oldest(Some(after)), BATCH).await?;
        let Some(last) = people.last() else { return Ok(true) };
        after = last.id;
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        let mut tags = rows.tags_of(&ids).await?;
        drop(rows);
        for person in &people {
            let tags = tags.remove(&person.id).unwrap_or_default();
            let mut faces = platform.inner.store.rows().await?.faces_of(person.id).await?;
            faces.reverse();
            let (mut lines, mut manifest) = (Vec::new(), Vec::new());
            for face in faces {
                let template = match content.templates {
                    true => platform.inner.store.rows().await?.template_of(face.id).await?,
                    false => None,
                };
                let mut line = FaceLine::new(&face, template);
                if content.pictures {
                    let picture = match platform.picture_of_face(&face).await {
                        Ok(picture) => picture,
                        // It was removed meanwhile.
                        Err(Error::Missing(_)) => continue,
                        Err(e) => return Err(e),
                    };
                    let name = picture_name(person, &face, &picture);
                    line.picture = Some(name.clone());
                    manifest.push(manifest_row(&name, person, &tags));
                    if parts.send(Part::Picture(name, picture)).await.is_err() {
                        return Ok(false);
                    }
                }
                lines.push(line);
            }
            (about.people, about.faces) = (about.people + 1, about.faces + lines.len() as u64);
            let line = person_line(person, &tags, lines)?;
            if parts.send(Part::Person(line, manifest)).await.is_err() {
                return Ok(false);
            }
        }
        running.advance(Vec::new(), people.len() as u64, None).await?;
    }
}
