//! Copy of a library: its people, with faces, templates, pictures and tags, in another library.

use aicp_store::{JobItem, JobItemState, JobRow, PersonFilter, PersonOrder};
use aicp_types::{LibraryId, PersonId};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};

use super::import::{PAUSE_WHEN_BUSY, code_of};
use super::runner::{End, Running};
use super::{ItemDetail, Job, Task};
use crate::user_ids::user_id_of;
use crate::{Area, Caller, Error, Existing, Library, Missing, Person, Platform, Refusal, Result};

/// People that are read at a time.
const BATCH: u64 = 64;
/// People that are copied at a time. Their transactions are written together.
const AT_ONCE: usize = 16;

/// How far a copy is.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Position {
    /// Last person who was copied.
    person: i64,
    /// Number of the last item.
    number: i64,
}

impl Platform {
    /// Creates a library with the engine, the threshold and the top-N of another, and a job that copies the people into it.
    /// People keep their user ids and have other ids of ours.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] for a caller without the area [`Area::People`]; as [`Platform::create_library`];
    /// [`Limit::Jobs`](crate::Limit::Jobs), and no library is created.
    pub async fn copy_library(
        &self,
        caller: &Caller,
        from: &Library,
        external_id: &str,
        name: &str,
        description: Option<&str>,
    ) -> Result<Job> {
        caller.require_area(Area::People).map_err(|_| Refusal::Forbidden)?;
        let (platform, caller, from) = (self.clone(), caller.clone(), from.clone());
        let (external_id, name) = (external_id.to_owned(), name.to_owned());
        let description = description.map(str::to_owned);
        crate::background::run_detached(async move {
            let (description, engine) = (description.as_deref(), Some(from.engine.as_str()));
            let copy = platform.create_library(&caller, &external_id, &name, description, engine).await?;
            let job = platform.begin_copy(&caller, &from, &copy).await;
            if job.is_err() {
                platform.delete_library(&caller, &copy).await?;
            }
            job
        })
        .await
    }

    async fn begin_copy(&self, caller: &Caller, from: &Library, copy: &Library) -> Result<Job> {
        let (threshold, top_n) = (from.threshold, from.top_n);
        if threshold.is_some() || top_n.is_some() {
            let set = move |library: &mut Library| {
                (library.threshold, library.top_n) = (threshold, top_n);
                true
            };
            self.update_library(caller, copy, set).await?;
        }
        self.create_job(caller, copy, Task::Copy { from: from.id }, self.inner.settings.load().jobs.max_open).await
    }
}

/// Runs a copy. Who was copied before a crash is known by the user id.
pub(super) async fn run(running: Running, job: JobRow, from: LibraryId) -> Result<End> {
    let to = running.library(&job).await?;
    let from = running.platform.inner.store.rows().await?.library_by_id(from).await?;
    let from = from.filter(|library| !library.hidden).ok_or(Missing::Library)?;
    running.count_people(&from).await?;
    let mut at: Position = Running::position(&job);
    while !running.is_stopped() {
        let mut rows = running.platform.inner.store.rows().await?;
        let order = PersonOrder::Oldest(Some(PersonId::new(at.person)));
        let people = rows.people_after(from.id, PersonFilter::default(), order, BATCH).await?;
        drop(rows);
        let Some(last) = people.last() else { return Ok(End::Complete) };
        at.person = last.id.get();
        let (from, to, running) = (&from, &to, &running);
        let copies = people.into_iter().map(async |person| (copy(running, from, to, &person).await, person));
        let copied: Vec<_> = futures_util::stream::iter(copies).buffered(AT_ONCE).collect().await;
        let (mut items, mut done) = (Vec::new(), 0);
        for (result, person) in copied {
            match result {
                Ok(Outcome::Copied) => done += 1,
                Ok(Outcome::Stopped) => return Ok(End::Stopped),
                Err(e) => {
                    at.number += 1;
                    items.push(failed(at.number, &person, e)?);
                }
            }
        }
        running.advance(items, done, serde_json::to_string(&at).ok()).await?;
    }
    Ok(End::Stopped)
}

enum Outcome {
    /// The person is in the copy, or was removed from the original meanwhile.
    Copied,
    Stopped,
}

async fn copy(running: &Running, from: &Library, to: &Library, person: &Person) -> Result<Outcome> {
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    let mut running = running.clone();
    loop {
        match running.platform.copy_person(&running.caller, from, to, &user_id).await {
            Ok(()) | Err(Error::Exists(Existing::Person) | Error::Missing(Missing::Person)) => {
                return Ok(Outcome::Copied);
            }
            Err(Error::Busy | Error::Unavailable(_)) if running.is_stopped() => return Ok(Outcome::Stopped),
            Err(Error::Busy) => running.pause(PAUSE_WHEN_BUSY).await,
            Err(e) => return Err(e),
        }
    }
}

/// Returns the item of a person who can't be copied.
///
/// # Errors
/// The error itself if it would affect all.
fn failed(number: i64, person: &Person, e: Error) -> Result<JobItem> {
    let code = if matches!(e, Error::Missing(Missing::Face)) { Some("faceMissing") } else { code_of(&e) };
    let Some(code) = code else { return Err(e) };
    let detail =
        ItemDetail { reason: Some(e.to_string()), person: Some(person.public_id.get()), ..ItemDetail::default() };
    Ok(JobItem {
        number,
        name: person.profile.name.clone().unwrap_or_else(|| person.public_id.to_string()),
        state: JobItemState::Failed,
        input: None,
        code: Some(code.to_owned()),
        detail: serde_json::to_string(&detail).ok(),
    })
}
