//! Health checks of remote engines, and the replay of their waiting writes.

use std::sync::{Arc, PoisonError, Weak};

use aicp_backends::{RemoteEngine, RemoteError};
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::{Inner, Platform};

/// Result of the latest health check of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Name of the engine.
    pub engine: String,
    /// Whether the engine answered; `None` before the first check, or if the engine has no call for it.
    pub is_up: Option<bool>,
}

/// Checks the health of every remote engine at an interval and, if the settings say so, replays the writes that wait
/// for it.
pub(crate) async fn monitor_engines(inner: Weak<Inner>, mut stop: watch::Receiver<bool>) {
    if inner.upgrade().is_none_or(|inner| inner.engines.remote().is_empty()) {
        return;
    }
    loop {
        // The platform must be able to shut down during the pause.
        let Some(inner) = inner.upgrade() else { return };
        let platform = Platform { inner };
        // Concurrent, so that an engine that hangs does not delay the others. Writes interrupted by shut-down are in
        // doubt and resolved later.
        let looks = platform.inner.engines.remote().iter().map(|engine| platform.check_engine(engine.as_ref()));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = join_all(looks) => {}
        }
        let (pause, news) = (platform.inner.settings.outbox_interval, Arc::clone(&platform.inner.outbox_wakeup));
        drop(platform);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
            () = news.notified() => {}
        }
    }
}

impl Platform {
    /// Returns the health of each remote engine.
    pub fn engine_health(&self) -> Vec<EngineHealth> {
        let up = self.inner.health.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = self.inner.engines.remote().iter();
        engines.map(|e| EngineHealth { engine: e.name().to_owned(), is_up: up.get(e.name()).copied() }).collect()
    }

    async fn check_engine(&self, engine: &dyn RemoteEngine) {
        let is_up = match engine.health().await {
            // The engine has no health call; replay shows whether it answers.
            Err(RemoteError::Unsupported(_)) => None,
            asked => Some(asked.is_ok()),
        };
        if let Some(is_up) = is_up {
            let before = {
                let mut health = self.inner.health.lock().unwrap_or_else(PoisonError::into_inner);
                health.insert(engine.name().to_owned(), is_up)
            };
            if before != Some(is_up) {
                tracing::info!(engine = engine.name(), is_up, "an engine's health");
            }
        }
        if is_up != Some(false)
            && self.inner.settings.auto_replay
            && let Err(e) = self.replay(engine).await
        {
            tracing::error!(error = %e, engine = engine.name(), "waiting writes can't be worked off");
        }
    }
}
