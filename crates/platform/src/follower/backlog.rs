//! Changes that wait for the index.

use std::collections::VecDeque;

use aicp_backends::{Builtin, IndexChange};
use aicp_types::Sequence;

/// Batches of changes that the index of an engine has yet to apply, in order.
#[derive(Default)]
pub(crate) struct Backlog(VecDeque<(Sequence, Vec<IndexChange>)>);

impl Backlog {
    pub fn is_behind(&self) -> bool {
        !self.0.is_empty()
    }

    pub fn add(&mut self, sequence: Sequence, changes: Vec<IndexChange>) {
        self.0.push_back((sequence, changes));
    }

    /// Applies the batches, in order; returns whether none is left. After a failure, that batch and the later ones are.
    pub async fn catch_up(&mut self, engine: &Builtin) -> bool {
        while let Some((sequence, changes)) = self.0.front() {
            match engine.apply(*sequence, changes).await {
                Ok(damaged) => damaged.iter().for_each(|damaged| {
                    tracing::error!(
                        face = damaged.face.get(),
                        "the template of a stored face is damaged: it can't be found"
                    );
                }),
                Err(error) => {
                    tracing::error!(%error, batches = self.0.len(), "changes did not reach the index; it is tried again");
                    return false;
                }
            }
            self.0.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

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
        for (sequence, fails) in [(1, false), (2, true), (3, true), (4, false)] {
            index.fails.store(fails, Ordering::SeqCst);
            backlog.add(Sequence::new(sequence), Vec::new());
            assert_eq!(backlog.catch_up(&engine).await, !fails);
            assert_eq!(backlog.is_behind(), fails);
        }
        let applied = index.applied.lock().expect("not poisoned");
        assert_eq!(*applied, [1, 2, 3, 4].map(Sequence::new));
    }
}
