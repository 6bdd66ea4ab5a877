//! Calls to an engine elsewhere, over HTTP.

use std::time::Duration;

/// How an engine elsewhere is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteSettings {
    /// Base address, `http://HOST[:PORT]/[PATH/]`, without user, query or fragment.
    pub url: String,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long a call may take, from the wait for a place to the last byte of the answer, without repetitions.
    pub timeout: Duration,
    /// How often a call that may be repeated is repeated.
    pub retries: u32,
    /// Calls under way at once; one more waits, at most as long as a call may take.
    pub concurrency: usize,
    /// Calls in a row without an answer after which the engine is left in peace.
    pub breaker_failures: u32,
    /// For how long.
    pub breaker_pause: Duration,
}

impl RemoteSettings {
    /// The defaults for an engine at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            connect_timeout: Duration::from_secs(2),
            timeout: Duration::from_secs(10),
            retries: 2,
            concurrency: 16,
            breaker_failures: 5,
            breaker_pause: Duration::from_secs(5),
        }
    }
}
