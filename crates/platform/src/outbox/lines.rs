//! Locks by number: the writes of a library take turns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

/// Whoever has the same number takes turns: the writes of a library, for one.
#[derive(Default)]
pub(crate) struct Lines(Mutex<HashMap<i64, Weak<tokio::sync::Mutex<()>>>>);

impl Lines {
    pub async fn enter(&self, number: i64) -> OwnedMutexGuard<()> {
        let line = {
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = lines.get(&number).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                lines.retain(|_, line| line.strong_count() > 0);
                let line = Arc::default();
                lines.insert(number, Arc::downgrade(&line));
                line
            })
        };
        line.lock_owned().await
    }
}
