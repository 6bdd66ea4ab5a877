//! Why an address could not be fetched.

/// What stands in the way. No text names an address or what a server sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The address is no address, names no host, is neither http nor https, carries a user, or is too long.
    #[error("not an address that can be fetched")]
    BadUrl,
    /// The host is not a public address, or one of the addresses behind its name is not.
    #[error("the address is not public")]
    Forbidden,
    /// A redirect leads from https to http.
    #[error("a redirect leads from https to http")]
    Downgraded,
    /// More redirects than are followed.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The body is larger than is taken.
    #[error("too large")]
    TooLarge,
    /// As many fetches are under way as may be, of all or of this owner; try again later.
    #[error("busy")]
    Busy,
    /// It took longer than it may.
    #[error("timed out")]
    TimedOut,
    /// The server answered with this status, which is neither 200 nor a redirect that leads anywhere.
    #[error("the server answered with status {0}")]
    Status(u16),
    /// The name is not known, nobody answers, the certificate is not trusted, or the answer is not HTTP.
    #[error("fetching failed: {0}")]
    Failed(String),
    /// The limits make no sense.
    #[error("settings of fetching: {0}")]
    Settings(String),
}

/// The result of everything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
