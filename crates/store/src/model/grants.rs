//! What apps may do.

use std::fmt;

use aicp_types::UnixMillis;

use super::Withheld;

/// An app's grant. `Debug` leaves out the token, in either form.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// The app.
    pub app_id: String,
    /// SHA-256 of the token; unique over all grants.
    pub token_hash: [u8; 32],
    /// The token, sealed by the caller; opaque here.
    pub token_sealed: Vec<u8>,
    /// When it ends: milliseconds since the epoch.
    pub due_at: UnixMillis,
    /// What is granted, in the order it was. Of equal ones the first is kept.
    pub capabilities: Vec<String>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_id, token_hash: _, token_sealed: _, due_at, capabilities } = self;
        f.debug_struct("Grant")
            .field("app_id", app_id)
            .field("token_hash", &Withheld)
            .field("token_sealed", &Withheld)
            .field("due_at", due_at)
            .field("capabilities", capabilities)
            .finish()
    }
}
