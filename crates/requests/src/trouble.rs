//! Log lines of the troubles that callers see only as a failure of the server. The span of the request says whose call
//! it was.

use aicp_platform::{Error, Refusal};

/// Logs the platform error of a call that fails for a reason that is not the caller's.
pub fn log(e: &Error) {
    match e {
        Error::Unavailable(reason) => tracing::warn!(reason, "an engine is not to be reached"),
        Error::Refused(Refusal::Engine { code, text }) => tracing::warn!(code, text, "an engine refused"),
        e => tracing::error!(error = %e, "a call failed"),
    }
}

/// Logs that an answer can't be serialised.
pub fn log_unwritable(e: &serde_json::Error) {
    tracing::error!(error = %e, "an answer can't be written");
}
