//! Readiness of the server: `/readyz`, with the reasons.

use aicp_platform::{EngineHealth, Platform};
use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::http::plain;

/// Path of the question.
pub(crate) const PATH: &str = "/readyz";

/// Whether the server is ready, and why not. An engine that is down does not make it unready: its writes wait in the outbox.
#[derive(Serialize)]
pub(crate) struct Readiness {
    ready: bool,
    /// Why the store is not ready.
    store: Option<String>,
    /// Why the recognition is not ready.
    recognition: Option<String>,
    engines: Vec<EngineState>,
}

#[derive(Serialize)]
struct EngineState {
    name: String,
    state: &'static str,
}

impl From<EngineHealth> for EngineState {
    fn from(health: EngineHealth) -> Self {
        let state = match health.is_up {
            Some(true) => "up",
            Some(false) => "down",
            None => "unknown",
        };
        Self { name: health.engine, state }
    }
}

/// Whether a query asks for the reasons as JSON.
pub(crate) fn is_verbose(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")))
}

impl Readiness {
    /// Asks the parts of the platform.
    pub async fn of(platform: &Platform) -> Self {
        let store = platform.ping().await.err().map(|e| {
            tracing::error!(error = %e, "not ready");
            e.readiness_message()
        });
        let recognition = platform.recognition_stuck_for().map(|still| {
            let seconds = still.as_secs();
            tracing::error!(seconds, "not ready: no picture was done");
            format!("no picture was done for {seconds} s")
        });
        let engines = platform.engine_health().into_iter().map(EngineState::from).collect();
        Self { ready: store.is_none() && recognition.is_none(), store, recognition, engines }
    }

    pub fn is_ready(&self) -> bool {
        self.ready
    }

    /// Builds the answer: lines of text, the first of which says why the server is not ready, or everything as JSON.
    pub fn answer(&self, is_verbose: bool) -> Response<Body> {
        let status = if self.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        if is_verbose {
            let mut response = plain(status, serde_json::to_string(self).unwrap_or_default());
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            return response;
        }
        let text = match (&self.store, &self.recognition) {
            (Some(reason), _) => format!("store: {reason}\n"),
            (None, Some(reason)) => format!("recognition: {reason}\n"),
            (None, None) => {
                let engines = self.engines.iter().map(|engine| format!("engine {}: {}\n", engine.name, engine.state));
                std::iter::once("ready\n".to_owned()).chain(engines).collect()
            }
        };
        plain(status, text)
    }
}
