//! Deletion of pictures and links, in turns.

use std::collections::{HashSet, VecDeque};
use std::slice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aicp_blobs::BlobKey;
use aicp_types::UnixMillis;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::{BATCH, Parts};
use crate::blocking::run_blocking;
use crate::database::job_of;
use crate::statements::new_generation;
use crate::{Error, Result, Space, Tx};

/// Maximum number of tombstones that a write forgets.
const FORGOTTEN_PER_WRITE: usize = 2 * BATCH;

/// Time for which a node has the turn to delete a picture; then another may. Clocks of nodes may differ by a third of it.
const TURN_LIFE: Duration = Duration::from_mins(1);
/// Time after the begin of a turn at which the last deletion begins. It may take another third of the turn.
const LAST_DELETION: Duration = Duration::from_secs(20);
/// Time for which nothing is deleted after the place of the pictures could not be reached.
const PAUSE: Duration = Duration::from_secs(5);
/// Pictures that are deleted between two looks at the clock.
const DELETED_AT_A_TIME: usize = 16;
/// Maximum number of turns that are remembered.
const MAX_OWN: usize = 1000;
/// Time for which nodes keep the tombstones of deleted pictures: a put that began before the deletion is over then.
const MARK_LIFE: Duration = Duration::from_hours(2);

/// The turn of this node to delete some pictures.
struct Turn {
    generation: i64,
    begun: Instant,
}

/// Which marked tombstones nobody needs any more.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Forgettable {
    /// Those of the deletions up to this one.
    UpTo(i64),
    /// Those of the turns before this time.
    Before(UnixMillis),
}

/// Returns which marked tombstones nobody needs any more: in a transaction, which knows whether there are other nodes. `up_to`: the deletion up to
/// which no put of this process needs them.
fn forgettable(parts: &Parts, up_to: i64) -> Forgettable {
    match parts.has_nodes() {
        true => Forgettable::Before(parts.clock.now().saturating_sub(MARK_LIFE)),
        false => Forgettable::UpTo(up_to),
    }
}

/// Work that may take several turns.
#[derive(Debug)]
pub(super) struct Task {
    step: Step,
    is_removal: bool,
}

#[derive(Debug)]
enum Step {
    /// Deletes the pictures of the tombstones of a generation, or of all, after a position; then links that lost their
    /// rows.
    Tombstones { generation: Option<i64>, after: (i64, String) },
    /// Deletes links that lost their rows, after a name.
    Links { after: String },
    /// Leaves tombstones for those of these pictures that no row refers to, and deletes them.
    Release(Vec<BlobKey>),
    /// Deletes those of these pictures that have tombstones. `generation`: that of the tombstones that this process has left for them.
    Pictures { keys: Vec<BlobKey>, space: Space, generation: Option<i64> },
    /// Forgets tombstones that nobody needs any more.
    Forget,
}

impl Task {
    /// Deletes the pictures of the tombstones of a generation, if there is one, and links that lost their rows.
    pub(super) fn collect(generation: Option<i64>) -> Self {
        let of = |generation| Step::Tombstones { generation: Some(generation), after: (generation, String::new()) };
        Self { step: generation.map_or(Step::Links { after: String::new() }, of), is_removal: true }
    }

    /// Deletes the pictures of all tombstones, and links that lost their rows.
    pub(super) fn collect_all() -> Self {
        Self { step: Step::Tombstones { generation: None, after: (i64::MIN, String::new()) }, is_removal: false }
    }

    /// Deletes those of some pictures that no row refers to.
    pub(super) fn release(keys: Vec<BlobKey>) -> Self {
        Self { step: Step::Release(keys), is_removal: false }
    }

    /// Returns whether it came of a removal, after which earlier failures are made up for.
    pub(super) fn is_removal(&self) -> bool {
        self.is_removal
    }

    /// Deletes those of some pictures that have tombstones.
    pub(super) fn pictures(keys: Vec<BlobKey>) -> Self {
        Self { step: Step::Pictures { keys, space: Space::Freed, generation: None }, is_removal: false }
    }
}

/// Deletes pictures and links.
pub(super) struct Deleter {
    parts: Arc<Parts>,
    /// Number of the latest deletion, with which its tombstones are marked.
    deletion: i64,
    /// Deletions whose tombstones are kept, each with the latest put that had begun then.
    kept: VecDeque<(i64, u64)>,
    /// The tombstones up to this deletion may be forgotten.
    forgettable: i64,
    /// Whether there may be more of them than a write has forgotten.
    is_behind: bool,
    /// Whether something could not be deleted.
    has_failed: bool,
    /// Until when nothing is deleted, as the place of the pictures can't be reached.
    pauses_until: Option<Instant>,
    /// Generations of turns of this node that are over and have not deleted everything.
    own: VecDeque<i64>,
}

impl Deleter {
    pub(super) fn new(parts: Arc<Parts>) -> Self {
        Self {
            parts,
            deletion: 0,
            kept: VecDeque::new(),
            forgettable: 0,
            is_behind: false,
            has_failed: false,
            pauses_until: None,
            own: VecDeque::new(),
        }
    }

    /// Continues the numbers of an earlier process, of which no put is under way.
    pub(super) async fn begin(&mut self) {
        let latest = async { self.parts.rows().await?.latest_deletion().await };
        match latest.await {
            Ok(latest) => (self.deletion, self.forgettable, self.is_behind) = (latest, latest, latest > 0),
            Err(error) => log(&error),
        }
    }

    /// Does one batch of a task; returns what is left of it. Failures are logged.
    pub(super) async fn turn(&mut self, task: Task) -> Option<Task> {
        let Task { step, is_removal } = task;
        let rest = match self.try_turn(step).await {
            // There are few links, if any.
            Ok(Some(links @ Step::Links { .. })) => self.try_turn(links).await,
            rest => rest,
        };
        match rest {
            Ok(rest) => rest.map(|step| Task { step, is_removal }),
            Err(error) => {
                log(&error);
                self.has_failed = true;
                None
            }
        }
    }

    /// Waits until it is to be tried again to reach the place of the pictures; never returns if that could be reached.
    pub(super) async fn pause_is_over(&mut self) {
        match self.pauses_until {
            Some(until) => tokio::time::sleep_until(until.into()).await,
            None => std::future::pending().await,
        }
        self.pauses_until = None;
    }

    /// Returns a task that makes up for earlier failures, if there are any.
    pub(super) fn next_attempt(&mut self) -> Option<Task> {
        std::mem::take(&mut self.has_failed).then(Task::collect_all)
    }

    async fn try_turn(&mut self, step: Step) -> Result<Option<Step>> {
        match step {
            Step::Tombstones { generation, after } => {
                let found = self.parts.rows().await?.open_tombstones(generation, after, BATCH).await?;
                let rest = match found.last() {
                    Some(last) if found.len() == BATCH => Step::Tombstones { generation, after: last.clone() },
                    _ => Step::Links { after: String::new() },
                };
                let keys = found.iter().filter_map(|(_, key)| BlobKey::parse(key)).collect();
                self.delete_pictures(keys, Space::Freed, generation).await?;
                Ok(Some(rest))
            }
            Step::Links { after } => {
                let names = self.parts.rows().await?.dead_links(&after, BATCH).await?;
                let rest = names.last().filter(|_| names.len() == BATCH).cloned().map(|after| Step::Links { after });
                let deleted = self.delete_links(names).await?;
                if !deleted.is_empty() {
                    self.write(Space::Freed, move |tx| Box::pin(async move { tx.delete_links(&deleted).await }))
                        .await?;
                }
                Ok(rest.or(self.is_behind.then_some(Step::Forget)))
            }
            Step::Release(keys) => {
                let (released, now, generation) = (keys.clone(), self.parts.clock.now(), new_generation());
                // On a full disk, a write that was refused must not use up what is set aside for removals.
                let release = self.write(Space::Ignored, move |tx| {
                    Box::pin(async move { tx.release_pictures(&released, generation, now).await })
                });
                release.await?;
                Ok(Some(Step::Pictures { keys, space: Space::Ignored, generation: Some(generation) }))
            }
            Step::Pictures { mut keys, space, generation } => {
                let batch = keys.split_off(keys.len().saturating_sub(BATCH));
                let batch = self.parts.rows().await?.pictures_with_open_tombstones(&batch).await?;
                self.delete_pictures(batch, space, generation).await?;
                Ok((!keys.is_empty()).then_some(Step::Pictures { keys, space, generation }))
            }
            Step::Forget => {
                let (parts, up_to) = (Arc::clone(&self.parts), self.forgettable);
                let forget = self.write(Space::Freed, move |tx| {
                    Box::pin(async move { tx.forget_tombstones(forgettable(&parts, up_to), FORGOTTEN_PER_WRITE).await })
                });
                self.is_behind = forget.await?;
                Ok(self.is_behind.then_some(Step::Forget))
            }
        }
    }

    /// Deletes pictures that have tombstones, and links to them, and marks the tombstones. What can't be deleted is
    /// skipped.
    async fn delete_pictures(&mut self, keys: Vec<BlobKey>, space: Space, generation: Option<i64>) -> Result<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let (mut keys, turn) = if self.parts.has_nodes() {
            let (keys, turn) = self.take_turn(keys, space, generation).await?;
            let deleted = self.delete_in_turn(keys.clone(), &turn).await;
            if deleted.len() < keys.len() {
                self.own.push_back(turn.generation);
                let surplus = self.own.len().saturating_sub(MAX_OWN);
                self.own.drain(..surplus);
            }
            (deleted, Some(turn.generation))
        } else {
            (self.delete_blobs(keys, None).await, None)
        };
        let links = self.parts.rows().await?.links_to(&keys).await?;
        let names = links.iter().map(|(name, _)| name.clone()).collect();
        let deleted = self.delete_links(names).await?;
        if deleted.len() < links.len() {
            let deleted: HashSet<&String> = deleted.iter().collect();
            let left = links.iter().filter(|(name, _)| !deleted.contains(name));
            let left: HashSet<&str> = left.map(|(_, key)| key.as_str()).collect();
            keys.retain(|key| !left.contains(key.as_str()));
        }
        if keys.is_empty() {
            return Ok(());
        }
        self.deletion += 1;
        self.kept.push_back((self.deletion, self.parts.puts.latest()));
        let oldest = self.parts.puts.oldest();
        while let Some((deletion, _)) = self.kept.pop_front_if(|(_, latest)| oldest.is_none_or(|put| *latest < put)) {
            self.forgettable = deletion;
        }
        let (deletion, up_to, parts) = (self.deletion, self.forgettable, Arc::clone(&self.parts));
        let mark = self.write(space, move |tx| {
            Box::pin(async move {
                tx.mark_tombstones(&keys, deletion, turn).await?;
                tx.delete_links(&deleted).await?;
                tx.forget_tombstones(forgettable(&parts, up_to), FORGOTTEN_PER_WRITE).await
            })
        });
        self.is_behind = mark.await?;
        Ok(())
    }

    /// Takes the turn of this node to delete pictures that have tombstones: of the generation, which are its own, and those for which another
    /// node has had its turn. Returns the pictures for which it has got it.
    async fn take_turn(&self, keys: Vec<BlobKey>, space: Space, own: Option<i64>) -> Result<(Vec<BlobKey>, Turn)> {
        let (turn, now) = (Turn { generation: new_generation(), begun: Instant::now() }, self.parts.clock.now());
        let (generation, before) = (turn.generation, now.saturating_sub(TURN_LIFE));
        let own: Vec<i64> = own.into_iter().chain(self.own.iter().copied()).collect();
        let take = self.write(space, move |tx| {
            Box::pin(async move { tx.take_tombstones(&keys, &own, before, generation, now).await })
        });
        Ok((take.await?, turn))
    }

    /// Deletes blobs as long as this node has its turn; returns those that are deleted.
    async fn delete_in_turn(&mut self, keys: Vec<BlobKey>, turn: &Turn) -> Vec<BlobKey> {
        let mut deleted = Vec::with_capacity(keys.len());
        for part in keys.chunks(DELETED_AT_A_TIME) {
            if turn.begun.elapsed() > LAST_DELETION {
                self.has_failed = true;
                break;
            }
            let ends = Some(turn.begun + LAST_DELETION);
            deleted.extend(self.delete_blobs(part.to_vec(), ends).await);
        }
        deleted
    }

    /// Deletes blobs, one by one if that fails for all of them together; begins no deletion after `ends`. Returns those that are deleted: none
    /// for a while after their place could not be reached, as callers wait for it.
    async fn delete_blobs(&mut self, keys: Vec<BlobKey>, ends: Option<Instant>) -> Vec<BlobKey> {
        if self.pauses_until.is_some_and(|until| Instant::now() < until) {
            self.has_failed = true;
            return Vec::new();
        }
        let together = match self.parts.blobs.delete(&keys).await {
            Ok(()) => return keys,
            Err(error) => error,
        };
        if together.is_unavailable() {
            self.pause(together.into());
            return Vec::new();
        }
        let mut deleted = Vec::with_capacity(keys.len());
        let mut failures = Vec::new();
        for key in keys {
            if ends.is_some_and(|ends| Instant::now() > ends) {
                self.has_failed = true;
                break;
            }
            match self.parts.blobs.delete(slice::from_ref(&key)).await {
                Ok(()) => deleted.push(key),
                Err(error) if error.is_unavailable() => {
                    self.pause(error.into());
                    break;
                }
                Err(error) => failures.push(error.into()),
            }
        }
        self.note(&failures);
        deleted
    }

    fn pause(&mut self, error: Error) {
        self.pauses_until = Some(Instant::now() + PAUSE);
        self.note(&[error]);
    }

    /// Deletes links; returns those that are deleted.
    async fn delete_links(&mut self, names: Vec<String>) -> Result<Vec<String>> {
        if names.is_empty() {
            return Ok(names);
        }
        let folder = self.parts.links.clone();
        let (deleted, failures) = run_blocking(move || {
            let mut failures = Vec::new();
            let mut deleted = Vec::with_capacity(names.len());
            for name in names {
                match folder.remove(&name) {
                    Ok(()) => deleted.push(name),
                    Err(error) => failures.push(error),
                }
            }
            Ok((deleted, failures))
        })
        .await?;
        self.note(&failures);
        Ok(deleted)
    }

    fn note(&mut self, failures: &[Error]) {
        if let Some(error) = failures.first() {
            self.has_failed = true;
            tracing::error!(%error, files = failures.len(), "{STAY}");
        }
    }

    async fn write<T: Send + 'static>(
        &self,
        space: Space,
        job: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (sender, mut result) = oneshot::channel();
        let job = job_of(job, None, |done| drop(sender.send(done)));
        self.parts.database.write(job, space).await?;
        result.try_recv().unwrap_or(Err(Error::Closed))
    }
}

const STAY: &str = "removed pictures stay; they are tried again after the next removal and at the next start";

fn log(error: &Error) {
    if !matches!(error, Error::Closed) {
        tracing::error!(%error, "{STAY}");
    }
}
