//! What callers are told of their limits: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10).

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aicp_platform::{Caller, LimitState, Platform, QuotaExceeded, Window};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::problem::{Problem, Result};

/// Header with the limits: `"second";q=20;w=1, "day";q=1000;w=86400`.
pub(crate) const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Header with what is left of them, and the seconds until there is more: `"second";r=19;t=1, "day";r=7;t=3600`.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

/// What an answer tells of the limits of its caller.
#[derive(Debug, Default)]
pub(crate) struct Limits(Mutex<Told>);

#[derive(Debug, Default)]
struct Told {
    states: Vec<LimitState>,
    retry_after: Option<Duration>,
}

impl Limits {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call.
    ///
    /// # Errors
    /// The app has made too many.
    pub fn count(&self, platform: &Platform, caller: &Caller) -> Result<()> {
        let states = platform.count_call_of(caller).map_err(|exceeded| self.refused(exceeded))?;
        self.told().states = states;
        Ok(())
    }

    /// Counts a call that was [counted](Self::count) among all nodes.
    ///
    /// # Errors
    /// The app has made too many.
    pub async fn count_among_nodes(&self, platform: &Platform, caller: &Caller) -> Result<()> {
        let counted = platform.count_among_nodes(caller).await?;
        if let Some(day) = counted.map_err(|exceeded| self.refused(exceeded))? {
            let mut told = self.told();
            told.states.retain(|state| state.window != Window::Day);
            told.states.push(day);
        }
        Ok(())
    }

    fn refused(&self, exceeded: QuotaExceeded) -> Problem {
        let QuotaExceeded { limit, retry_after, limits } = exceeded;
        *self.told() = Told { states: limits, retry_after: Some(retry_after) };
        Problem::too_many_calls(limit)
    }

    /// Adds the headers to an answer.
    pub fn tell(&self, headers: &mut HeaderMap) {
        let told = self.told();
        if let Some(retry_after) = told.retry_after {
            headers.insert(header::RETRY_AFTER, seconds(retry_after).max(1).into());
        }
        if told.states.is_empty() {
            return;
        }
        let (mut policy, mut limit) = (String::new(), String::new());
        for (index, state) in told.states.iter().enumerate() {
            let (name, window) = match state.window {
                Window::Second => ("second", 1),
                Window::Day => ("day", 86_400),
            };
            let comma = if index == 0 { "" } else { ", " };
            // Structured integers have at most 15 digits (RFC 9651).
            let (allowed, left) = (state.allowed.min(MAX_INTEGER), state.left.min(MAX_INTEGER));
            let _ = write!(policy, "{comma}\"{name}\";q={allowed};w={window}");
            let _ = write!(limit, "{comma}\"{name}\";r={left};t={}", seconds(state.reset));
        }
        for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
    }
}

const MAX_INTEGER: u64 = 999_999_999_999_999;

/// Rounds up to whole seconds.
fn seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_told_with_what_is_left_of_it() {
        let state = |window, allowed, left, reset| LimitState { window, allowed, left, reset };
        let mut headers = HeaderMap::new();
        Limits::default().tell(&mut headers);
        assert!(headers.is_empty());
        let states = vec![
            state(Window::Second, 20, 19, Duration::from_secs(1)),
            state(Window::Day, u64::MAX, 7, Duration::from_millis(3_599_001)),
        ];
        Limits(Mutex::new(Told { states, retry_after: Some(Duration::from_millis(1)) })).tell(&mut headers);
        assert_eq!(headers[POLICY], "\"second\";q=20;w=1, \"day\";q=999999999999999;w=86400");
        assert_eq!(headers[LIMIT], "\"second\";r=19;t=1, \"day\";r=7;t=3600");
        assert_eq!(headers[header::RETRY_AFTER], "1");
    }
}
