//! Health checks of remote engines, and the replay of their waiting writes.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use aicp_backends::{RemoteEngine, RemoteError};
use futures_util::future::join_all;
use tokio::sync::watch;

use super::Outbox;
use crate::events::EventLog;

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
pub(crate) async fn monitor_engines(
    outbox: Weak<Outbox>,
    interval: Duration,
    events: EventLog,
    mut stop: watch::Receiver<bool>,
) {
    if outbox.upgrade().is_none_or(|outbox| outbox.engines.is_empty()) {
        return;
    }
    loop {
        let Some(outbox) = outbox.upgrade() else { return };
        // Concurrent, so that an engine that hangs does not delay the others. Writes interrupted by shut-down are in
        // doubt and resolved later.
        let looks = outbox.engines.iter().map(|engine| outbox.check_engine(engine.as_ref(), &events));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = join_all(looks) => {}
        }
        // The platform must be able to shut down during the pause.
        let wakeup = Arc::clone(&outbox.wakeup);
        drop(outbox);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(interval) => {}
            () = wakeup.notified() => {}
        }
    }
}

impl Outbox {
    /// Returns the health of each engine.
    pub fn engine_health(&self) -> Vec<EngineHealth> {
        let up = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = self.engines.iter();
        engines.map(|e| EngineHealth { engine: e.name().to_owned(), is_up: up.get(e.name()).copied() }).collect()
    }

    async fn check_engine(&self, engine: &dyn RemoteEngine, events: &EventLog) {
        let is_up = match engine.health().await {
            // The engine has no health call; replay shows whether it answers.
            Err(RemoteError::Unsupported(_)) => None,
            asked => Some(asked.is_ok()),
        };
        if let Some(is_up) = is_up {
            let before = {
                let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
                health.insert(engine.name().to_owned(), is_up)
            };
            if before != Some(is_up) {
                tracing::info!(engine = engine.name(), is_up, "an engine's health");
                // That it answers is no news after the start.
                if before.is_some() || !is_up {
                    events.push_engine_health(engine.name(), is_up);
                }
            }
        }
        if is_up != Some(false)
            && self.auto_replay
            && let Err(e) = self.replay(engine).await
        {
            tracing::error!(error = %e, engine = engine.name(), "waiting writes can't be worked off");
        }
    }
}
