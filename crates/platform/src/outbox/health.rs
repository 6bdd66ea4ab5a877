//! Health checks of remote engines, and the replay of their waiting writes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Instant;

use aicp_backends::{RemoteEngine, RemoteError, Write};
use aicp_types::UnixMillis;
use futures_util::future::join_all;
use tokio::sync::watch;

use super::Outbox;
use crate::events::EventLog;
use crate::live_settings::LiveSettings;

/// Health of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineHealth {
    /// Name of the engine.
    pub engine: String,
    /// Base address of the engine, if it has one.
    pub address: Option<String>,
    /// Whether the engine answered; `None` before the first check, or if the engine has no call for it.
    pub is_up: Option<bool>,
    /// The latest check; `None` as for `is_up`.
    pub check: Option<HealthCheck>,
}

/// Result of a health check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// Whether the engine answered.
    pub is_up: bool,
    /// When it was asked.
    pub at: UnixMillis,
    /// Since when it has been so.
    pub since: UnixMillis,
    /// Time until the answer, in milliseconds.
    pub took_ms: u64,
    /// Why it did not answer.
    pub error: Option<String>,
}

/// Checks the health of every remote engine at an interval and, if the settings say so, replays the writes that wait
/// for it.
pub(crate) async fn monitor_engines(outbox: Weak<Outbox>, settings: LiveSettings, mut stop: watch::Receiver<bool>) {
    if outbox.upgrade().is_none_or(|outbox| outbox.engines.is_empty()) {
        return;
    }
    let mut changes = settings.changes();
    loop {
        let Some(outbox) = outbox.upgrade() else { return };
        // Concurrent, so that an engine that hangs does not delay the others. Writes interrupted by shut-down are in
        // doubt and resolved later.
        outbox.list_interrupted().await;
        let looks = outbox.engines.iter().map(|engine| outbox.check_engine(engine.as_ref()));
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = join_all(looks) => {}
        }
        // The platform must be able to shut down during the pause.
        let wakeup = Arc::clone(&outbox.wakeup);
        drop(outbox);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(settings.load().outbox.interval_s.duration()) => {}
            () = wakeup.notified() => {}
            // The address of an engine may be another one.
            Ok(()) = changes.changed() => {}
        }
    }
}

/// Records an event whenever an engine was found reachable, or not.
pub(crate) async fn report_health(outbox: Weak<Outbox>, events: EventLog, mut stop: watch::Receiver<bool>) {
    let Some(mut changes) = outbox.upgrade().map(|outbox| outbox.health_changed.subscribe()) else { return };
    let mut told: HashMap<String, bool> = HashMap::new();
    loop {
        let Some(outbox) = outbox.upgrade() else { return };
        for EngineHealth { engine, is_up, .. } in outbox.engine_health() {
            let Some(is_up) = is_up else { continue };
            let before = told.insert(engine.clone(), is_up);
            // That it answers is no news after the start.
            if before != Some(is_up) && (before.is_some() || !is_up) {
                events.push_engine_health(&engine, is_up);
            }
        }
        drop(outbox);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            changed = changes.changed() => if changed.is_err() { return },
        }
    }
}

impl Outbox {
    /// Returns the health of each engine.
    pub fn engine_health(&self) -> Vec<EngineHealth> {
        let known = self.health.lock().unwrap_or_else(PoisonError::into_inner);
        let health_of = |engine: &Arc<dyn RemoteEngine>| {
            let check = known.get(engine.name()).cloned();
            let address = engine.target(Write::AddFace).map(|target| target.url);
            let is_up = check.as_ref().map(|check| check.is_up);
            EngineHealth { engine: engine.name().to_owned(), address, is_up, check }
        };
        self.engines.iter().map(health_of).collect()
    }

    async fn check_engine(&self, engine: &dyn RemoteEngine) {
        let (at, begun) = (self.now(), Instant::now());
        let asked = engine.health().await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let is_up = match &asked {
            // The engine has no health call; replay shows whether it answers.
            Err(RemoteError::Unsupported(_)) => None,
            asked => Some(asked.is_ok()),
        };
        if let Some(is_up) = is_up {
            let error = asked.err().map(|e| e.to_string());
            let was_up = {
                let mut health = self.health.lock().unwrap_or_else(PoisonError::into_inner);
                let before = health.get(engine.name());
                let was_up = before.map(|before| before.is_up);
                let since = before.filter(|before| before.is_up == is_up).map_or(at, |before| before.since);
                health.insert(engine.name().to_owned(), HealthCheck { is_up, at, since, took_ms, error });
                was_up
            };
            if was_up != Some(is_up) {
                tracing::info!(engine = engine.name(), is_up, "an engine's health");
                self.health_changed.send_replace(());
            }
        }
        if is_up != Some(false)
            && self.settings.load().outbox.auto_replay
            && let Err(e) = self.replay(engine).await
        {
            tracing::error!(error = %e, engine = engine.name(), "waiting writes can't be worked off");
        }
    }
}
