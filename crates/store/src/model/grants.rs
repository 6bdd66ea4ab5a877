//! Grants: the capabilities of apps.

use std::fmt;

use aicp_types::UnixMillis;

use super::Redacted;

/// Grant of an app. `Debug` omits the token, hashed and sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// App that holds the grant.
    pub app_id: String,
    /// SHA-256 of the token; unique over all grants.
    pub token_hash: [u8; 32],
    /// Token, encrypted by the caller; opaque here.
    pub token_sealed: Vec<u8>,
    /// When the grant expires.
    pub due_at: UnixMillis,
    /// Granted capabilities, in the order in which they were granted. Of duplicates the first is stored.
    pub capabilities: Vec<String>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app_id, token_hash: _, token_sealed: _, due_at, capabilities } = self;
        f.debug_struct("Grant")
            .field("app_id", app_id)
            .field("token_hash", &Redacted)
            .field("token_sealed", &Redacted)
            .field("due_at", due_at)
            .field("capabilities", capabilities)
            .finish()
    }
}

/// An app, with its grant if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredApp {
    /// Id.
    pub app_id: String,
    /// When the app was first made known.
    pub created_at: UnixMillis,
    /// The grant.
    pub grant: Option<Grant>,
    /// Whether the app has no grant because it was revoked.
    pub grant_revoked: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_tells_no_token() {
        let grant = Grant {
            app_id: "shop".to_owned(),
            token_hash: [77; 32],
            token_sealed: vec![77, 0],
            due_at: UnixMillis::new(1_000),
            capabilities: vec!["a".to_owned()],
        };
        let shown = format!("{grant:?}");
        assert!(shown.contains("shop") && !shown.contains("77"), "{shown}");
    }
}
