//! The last change that a call has written.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use aicp_types::Sequence;

tokio::task_local! {
    static WRITTEN: Written;
}

/// What a call has written. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Written(Arc<Noted>);

#[derive(Debug, Default)]
struct Noted {
    /// Sequence of the last change; 0: none.
    sequence: AtomicU64,
    /// Whether anything was written, also what is no change, or may have been.
    is_any: AtomicBool,
}

impl Written {
    /// Returns that of the call to which this task belongs, if it is noted.
    pub fn of_task() -> Option<Self> {
        WRITTEN.try_with(Self::clone).ok()
    }

    /// Does work whose writes are noted here.
    pub async fn noting<F: Future>(self, work: F) -> F::Output {
        WRITTEN.scope(self, work).await
    }

    /// Returns the sequence of the last change; `None` if nothing was written.
    pub fn sequence(&self) -> Option<Sequence> {
        let sequence = self.0.sequence.load(Ordering::Acquire);
        (sequence > 0).then_some(Sequence::new(sequence))
    }

    /// Returns whether anything was written, or may have been: of a write in doubt nobody knows.
    pub fn is_any(&self) -> bool {
        self.0.is_any.load(Ordering::Acquire)
    }

    pub(crate) fn note_any() {
        // Fails where nothing is noted.
        let _ = WRITTEN.try_with(|written| written.0.is_any.store(true, Ordering::Release));
    }

    pub(crate) fn note(sequence: Option<Sequence>) {
        if let Some(sequence) = sequence {
            // Fails where nothing is noted.
            let _ = WRITTEN.try_with(|written| written.0.sequence.fetch_max(sequence.get(), Ordering::AcqRel));
        }
    }
}
