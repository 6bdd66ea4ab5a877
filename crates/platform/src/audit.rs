//! The audit log: who administered what, when and from where. An act is logged in its own transaction, and each entry's
//! hash covers the entry before, so that a later edit shows.

use std::fmt::Display;
use std::net::IpAddr;

use aicp_store::{Act, AuditEntry, AuditFilter, FIRST_AUDIT_HASH};
use aicp_types::{AuditId, UnixMillis};
use serde::Serialize;

use crate::{Caller, Platform, Result};

/// Entries that a check reads at a time.
const BATCH: u64 = 1000;

/// Where a request came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// Address of the client.
    pub address: Option<IpAddr>,
    /// Id of the request.
    pub request_id: Option<String>,
}

/// Result of a check of the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCheck {
    /// Number of entries that were checked.
    pub entries: u64,
    /// Hash of the last entry, as hex digits. Who keeps it elsewhere sees later whether entries were cut off.
    pub last_hash: String,
    /// First entry that is not as it was written, or does not follow the one before.
    pub broken_at: Option<AuditId>,
}

/// Returns a state as JSON, for [`Act::before`] and [`Act::after`].
pub(crate) fn state(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

impl Caller {
    /// Returns an act of this caller, about the app that they act for.
    pub(crate) fn act(&self, at: UnixMillis, action: &str, target: impl Display) -> Act {
        let act = self.origin().cloned().unwrap_or_default().act(at, action, target);
        Act { actor: self.name().to_owned(), app_id: Some(self.app_id().to_owned()), ..act }
    }
}

impl Origin {
    /// Returns an act of a request from here.
    pub(crate) fn act(&self, at: UnixMillis, action: &str, target: impl Display) -> Act {
        Act {
            at,
            actor: String::new(),
            address: self.address.map(|address| address.to_string()),
            request_id: self.request_id.clone(),
            app_id: None,
            action: action.to_owned(),
            target: target.to_string(),
            before: None,
            after: None,
        }
    }
}

impl Platform {
    /// Returns entries of the audit log, the newest first, at most `limit`, below `below`.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub async fn audit_log(
        &self,
        caller: &Caller,
        filter: AuditFilter<'_>,
        below: Option<AuditId>,
        limit: u64,
    ) -> Result<Vec<AuditEntry>> {
        caller.require_administrator()?;
        Ok(self.inner.store.rows().await?.audit_entries(filter, below, limit).await?)
    }

    /// Returns entries of the audit log after one, the oldest first, at most `limit`.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub async fn audit_log_after(&self, caller: &Caller, after: AuditId, limit: u64) -> Result<Vec<AuditEntry>> {
        caller.require_administrator()?;
        Ok(self.inner.store.rows().await?.audit_after(after, limit).await?)
    }

    /// Checks the whole audit log: that no entry was changed, removed or inserted. Entries cut off at the end show only in
    /// comparison with an earlier [`AuditCheck::last_hash`].
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub async fn check_audit_log(&self, caller: &Caller) -> Result<AuditCheck> {
        caller.require_administrator()?;
        let (mut last, mut hash) = (AuditId::new(0), FIRST_AUDIT_HASH.to_vec());
        loop {
            let batch = self.inner.store.rows().await?.audit_after(last, BATCH).await?;
            for entry in &batch {
                if entry.id.get() != last.get() + 1 || !entry.follows(&hash) {
                    return Ok(check(last, &hash, Some(entry.id)));
                }
                last = entry.id;
                hash.clone_from(&entry.hash);
            }
            if batch.is_empty() {
                return Ok(check(last, &hash, None));
            }
        }
    }
}

fn check(last: AuditId, hash: &[u8], broken_at: Option<AuditId>) -> AuditCheck {
    AuditCheck { entries: last.get().unsigned_abs(), last_hash: hex::encode(hash), broken_at }
}
