//! Errors of fetching.

/// Reason why a fetch failed. No text contains an address or anything a server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The URL is malformed, has no host, is neither http nor https, carries a user, or is too long.
    #[error("not an address that can be fetched")]
    BadUrl,
    /// The host is not a public address, or its name resolves to an address that is not.
    #[error("the address is not public")]
    Forbidden,
    /// A redirect leads from https to http.
    #[error("a redirect leads from https to http")]
    Downgraded,
    /// There are more redirects than [`Limits::max_redirects`](crate::Limits::max_redirects).
    #[error("too many redirects")]
    TooManyRedirects,
    /// The body is larger than [`Limits::max_bytes`](crate::Limits::max_bytes).
    #[error("too large")]
    TooLarge,
    /// The limit of concurrent fetches is reached, in total or for this owner; try again later.
    #[error("busy")]
    Busy,
    /// The fetch exceeded its time limit.
    #[error("timed out")]
    TimedOut,
    /// The server answered with this status, which is neither 200 nor a redirect with a location.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The name cannot be resolved, the connection failed, the certificate is not trusted, or the answer is not HTTP.
    #[error("fetching failed: {0}")]
    Failed(String),
    /// The limits are not valid.
    #[error("settings of fetching: {0}")]
    Settings(String),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
