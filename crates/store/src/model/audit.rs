//! The audit log.

use aicp_types::{AuditId, UnixMillis};
use sha2::{Digest, Sha256};

/// An administrative act, to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When it was done.
    pub at: UnixMillis,
    /// Who did it.
    pub actor: String,
    /// Address of who did it.
    pub address: Option<String>,
    /// Id of the request.
    pub request_id: Option<String>,
    /// App that the act is about.
    pub app_id: Option<String>,
    /// What was done.
    pub action: String,
    /// What it was done to.
    pub target: String,
    /// State of the target before, as JSON.
    pub before: Option<String>,
    /// State of the target after, as JSON.
    pub after: Option<String>,
}

/// An entry of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Number of the entry.
    pub id: AuditId,
    /// The act.
    pub act: Act,
    /// Hash of the act and of all entries before, see [`AuditEntry::hash_after`].
    pub hash: Vec<u8>,
}

/// Hash before the first entry.
pub const FIRST_AUDIT_HASH: [u8; 32] = [0; 32];

impl AuditEntry {
    /// Returns the hash that an entry with this act has after one with the hash `before`: SHA-256 of `before`, the number
    /// and each field. A field is its length in bytes plus one, as 8 bytes big-endian, and its bytes; `None` is the length 0.
    pub fn hash_after(before: &[u8], id: AuditId, act: &Act) -> [u8; 32] {
        let Act { at, actor, address, request_id, app_id, action, target, before: old, after } = act;
        let mut digest = Sha256::new();
        digest.update(before);
        digest.update(id.get().to_be_bytes());
        digest.update(at.get().to_be_bytes());
        let fields = [Some(actor), address.as_ref(), request_id.as_ref(), app_id.as_ref(), Some(action), Some(target)];
        for field in fields.into_iter().chain([old.as_ref(), after.as_ref()]) {
            let length = field.map_or(0, |text| text.len() as u64 + 1);
            digest.update(length.to_be_bytes());
            digest.update(field.map_or(&b""[..], |text| text.as_bytes()));
        }
        digest.finalize().into()
    }

    /// Whether the hash is the one after an entry with the hash `before`.
    pub fn follows(&self, before: &[u8]) -> bool {
        self.hash == Self::hash_after(before, self.id, &self.act)
    }
}

/// Which entries of the audit log to read. `None` admits all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter<'a> {
    /// Who did it.
    pub actor: Option<&'a str>,
    /// What was done; a prefix that ends with a dot admits all such acts.
    pub action: Option<&'a str>,
    /// What it was done to.
    pub target: Option<&'a str>,
    /// App that the act is about.
    pub app_id: Option<&'a str>,
    /// From this time.
    pub from: Option<UnixMillis>,
    /// Until before this time.
    pub to: Option<UnixMillis>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_any_field_changes_the_hash() {
        let act = Act {
            at: UnixMillis::new(5),
            actor: "ada".to_owned(),
            address: None,
            request_id: Some(String::new()),
            app_id: Some("shop".to_owned()),
            action: "app.create".to_owned(),
            target: "app shop".to_owned(),
            before: None,
            after: Some("{}".to_owned()),
        };
        let hash = |before: &[u8], id, act: &Act| AuditEntry::hash_after(before, AuditId::new(id), act);
        let first = hash(&FIRST_AUDIT_HASH, 1, &act);
        let text = || Some("x".to_owned());
        let others = [
            Act { at: UnixMillis::new(6), ..act.clone() },
            Act { actor: "adaa".to_owned(), ..act.clone() },
            Act { address: Some(String::new()), ..act.clone() },
            Act { request_id: None, ..act.clone() },
            Act { app_id: None, ..act.clone() },
            Act { action: "app.createapp".to_owned(), target: " shop".to_owned(), ..act.clone() },
            Act { before: text(), after: None, ..act.clone() },
            Act { after: text(), ..act.clone() },
        ];
        for other in &others {
            assert_ne!(hash(&FIRST_AUDIT_HASH, 1, other), first, "{other:?}");
        }
        assert_ne!(hash(&FIRST_AUDIT_HASH, 2, &act), first);
        assert_ne!(hash(&first, 1, &act), first);
        let entry = AuditEntry { id: AuditId::new(2), hash: hash(&first, 2, &act).to_vec(), act };
        assert!(entry.follows(&first) && !entry.follows(&FIRST_AUDIT_HASH));
    }
}
