//! Changes that wait for the index.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aicp_backends::{Builtin, IndexChange};
use aicp_types::Sequence;

/// Batches of changes that the index of an engine has yet to apply, in order.
#[derive(Default)]
pub(crate) struct Backlog {
    waiting: VecDeque<Batch>,
    progress: Arc<Progress>,
}

struct Batch {
    sequence: Sequence,
    changes: Vec<IndexChange>,
    since: Instant,
}

/// How far the follower has come.
#[derive(Default)]
pub(crate) struct Progress {
    applied: AtomicU64,
    /// Since when the oldest batch waits.
    waiting_since: Mutex<Option<Instant>>,
}

impl Progress {
    /// Returns the last sequence up to which all changes are applied.
    pub fn applied(&self) -> Sequence {
        Sequence::new(self.applied.load(Ordering::Acquire))
    }

    /// Returns how long the oldest change that is not applied has waited; zero if there is none.
    pub fn waiting_for(&self) -> Duration {
        let since = *self.waiting_since.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Backlog {
    /// Starts with an index that has applied all changes up to a sequence.
    pub fn after(applied: Sequence) -> Self {
        let backlog = Self::default();
        backlog.progress.applied.store(applied.get(), Ordering::Release);
        backlog
    }

    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    pub fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub fn add(&mut self, sequence: Sequence, changes: Vec<IndexChange>) {
        self.waiting.push_back(Batch { sequence, changes, since: Instant::now() });
    }

    /// Applies the batches, in order; returns whether none is left. After a failure, that batch and the later ones are.
    pub async fn catch_up(&mut self, engine: &Builtin) -> bool {
        let is_done = self.apply(engine).await;
        let since = self.waiting.front().map(|batch| batch.since);
        *self.progress.waiting_since.lock().unwrap_or_else(PoisonError::into_inner) = since;
        is_done
    }

    async fn apply(&mut self, engine: &Builtin) -> bool {
        while let Some(Batch { sequence, changes, .. }) = self.waiting.front() {
            match engine.apply(*sequence, changes).await {
                Ok(damaged) => damaged.iter().for_each(|damaged| {
                    tracing::error!(
                        face = damaged.face.get(),
                        "the template of a stored face is damaged: it can't be found"
                    );
                }),
                Err(error) => {
                    tracing::error!(%error, batches = self.waiting.len(), "changes did not reach the index; it is tried again");
                    return false;
                }
            }
            self.progress.applied.fetch_max(sequence.get(), Ordering::AcqRel);
            self.waiting.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use aicp_index::{DamagedFace, Hit, Index, IndexedFace, Query, Result};
    use aicp_types::LibraryId;
    use aicp_vision::FakeBiometrics;
    use async_trait::async_trait;

    use super::*;

    /// An empty index that can be out of reach.
    #[derive(Default)]
    struct Fails {
        fails: AtomicBool,
        applied: Mutex<Vec<Sequence>>,
    }

    #[async_trait]
    impl Index for Fails {
        async fn load(&self, _: LibraryId, _: Vec<IndexedFace>) -> Result<Vec<DamagedFace>> {
            Ok(Vec::new())
        }

        async fn apply(&self, sequence: Sequence, _: &[IndexChange]) -> Result<Vec<DamagedFace>> {
            if self.fails.load(Ordering::SeqCst) {
                return Err(aicp_index::Error::Unavailable("out of reach".to_owned()));
            }
            self.applied.lock().expect("not poisoned").push(sequence);
            Ok(Vec::new())
        }

        fn applied(&self) -> Sequence {
            self.applied.lock().expect("not poisoned").last().copied().unwrap_or_default()
        }

        async fn search(&self, _: &[LibraryId], probes: Vec<Vec<f32>>, _: Query) -> Result<Vec<Vec<Hit>>> {
            Ok(probes.iter().map(|_| Vec::new()).collect())
        }

        fn all_faces(&self) -> usize {
            0
        }

        fn faces(&self, _: &[LibraryId]) -> usize {
            0
        }
    }

    #[tokio::test]
    async fn changes_that_did_not_reach_the_index_reach_it_later_in_order() {
        let (index, mut backlog) = (Arc::<Fails>::default(), Backlog::default());
        let engine = Builtin::new(Arc::new(FakeBiometrics::default()), index.clone());
        let progress = backlog.progress();
        for (sequence, fails, applied) in [(1, false, 1), (2, true, 1), (3, true, 1), (4, false, 4)] {
            index.fails.store(fails, Ordering::SeqCst);
            backlog.add(Sequence::new(sequence), Vec::new());
            assert_eq!(backlog.catch_up(&engine).await, !fails);
            assert_eq!(backlog.is_behind(), fails);
            assert_eq!((progress.applied(), progress.waiting_for() > Duration::ZERO), (Sequence::new(applied), fails));
        }
        let applied = index.applied.lock().expect("not poisoned");
        assert_eq!(*applied, [1, 2, 3, 4].map(Sequence::new));
    }
}
