//! Whether engines behind the network answer, and work for those that do again.

use std::sync::{Arc, PoisonError, Weak};

use aicp_engines::Engine;
use futures_util::future::join_all;
use tokio::sync::watch;

use crate::{Inner, Platform};

/// An engine and whether it answered when it was last asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Name of the engine.
    pub engine: String,
    /// Whether it answered; `None` before it was first asked, or if it has no call to ask with.
    pub is_up: Option<bool>,
}

/// Asks every engine behind the network how it is, every so often, and works off what waits for it, if set so.
pub(crate) async fn look_after(inner: Weak<Inner>, mut stop: watch::Receiver<bool>) {
    if inner.upgrade().is_none_or(|inner| inner.engines.remote().is_empty()) {
        return;
    }
    loop {
        // The platform is not kept alive in between.
        let Some(inner) = inner.upgrade() else { return };
        let platform = Platform { inner };
        // At the same time, so that one that hangs does not keep the others waiting. What is broken off at shut-down is in
        // doubt, and cleared up later.
        let looks = platform.inner.engines.remote().iter().map(|engine| platform.look_at(engine.as_ref()));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = join_all(looks) => {}
        }
        let (pause, news) = (platform.inner.settings.outbox_interval, Arc::clone(&platform.inner.outbox_news));
        drop(platform);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
            () = news.notified() => {}
        }
    }
}

impl Platform {
    /// Whether each engine behind the network answered when it was last asked.
    pub fn engine_health(&self) -> Vec<EngineHealth> {
        let up = self.inner.health.lock().unwrap_or_else(PoisonError::into_inner);
        let engines = self.inner.engines.remote().iter();
        engines.map(|e| EngineHealth { engine: e.name().to_owned(), is_up: up.get(e.name()).copied() }).collect()
    }

    async fn look_at(&self, engine: &dyn Engine) {
        let is_up = match engine.health().await {
            // There is no such call; what waits will show.
            Err(aicp_engines::Error::Unsupported(_)) => None,
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
            && let Err(e) = self.work_off(engine).await
        {
            tracing::error!(error = %e, engine = engine.name(), "waiting writes can't be worked off");
        }
    }
}
