//! Used nonces and signatures of keys, for replay protection.

use std::collections::HashMap;
use std::time::Duration;

use aicp_store::{Store, UsedSignature};
use aicp_types::{KeyId, UnixMillis};
use sha2::{Digest, Sha256};

/// Maximum number of nonces or signatures stored per key: about 20 MiB.
const MAX_RECORDS_PER_KEY: usize = 200_000;

type Hash = [u8; 16];

/// Result of recording a nonce or signature of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureUse {
    /// The first use; it is recorded now.
    First,
    /// A repeated use.
    Repeated,
    /// The key has reached the limit of unexpired records.
    TooMany,
}

/// Forgets the expired ones of those that nodes have claimed in the database.
pub(super) async fn forget_claimed(store: &Store, now: UnixMillis) -> aicp_store::Result<()> {
    while store.write_always(move |tx| Box::pin(async move { tx.forget_signatures(now).await })).await? {}
    Ok(())
}

#[derive(Default)]
pub(super) struct Signatures {
    /// Expiry of each record, by key and hash.
    known: HashMap<KeyId, HashMap<Hash, UnixMillis>>,
    /// Records that are not on disk yet.
    unsaved: Vec<UsedSignature>,
}

impl Signatures {
    pub fn new(used: Vec<UsedSignature>) -> Self {
        let mut known: HashMap<KeyId, HashMap<Hash, UnixMillis>> = HashMap::new();
        for used in used {
            known.entry(used.key_id).or_default().insert(used.digest, used.expires_at);
        }
        Self { known, unsaved: Vec::new() }
    }

    /// Whether a nonce or signature was used and has not expired.
    pub fn is_known(&self, key_id: KeyId, text: &str, now: UnixMillis) -> bool {
        let expires = self.known.get(&key_id).and_then(|of_key| of_key.get(&hash(text)));
        expires.is_some_and(|expires| *expires > now)
    }

    /// Records the use of a nonce or signature, for the duration `keep` from `now`.
    pub fn note(&mut self, key_id: KeyId, text: &str, now: UnixMillis, keep: Duration) -> SignatureUse {
        let noted = self.remember(key_id, text, now, keep);
        if noted == SignatureUse::First {
            self.unsaved.push(used(key_id, text, now, keep));
        }
        noted
    }

    /// As [`note`](Self::note), for a use that is on disk already, or soon will be.
    pub fn remember(&mut self, key_id: KeyId, text: &str, now: UnixMillis, keep: Duration) -> SignatureUse {
        if self.is_known(key_id, text, now) {
            return SignatureUse::Repeated;
        }
        let of_key = self.known.entry(key_id).or_default();
        if of_key.len() >= MAX_RECORDS_PER_KEY {
            of_key.retain(|_, expires| *expires > now);
            if of_key.len() >= MAX_RECORDS_PER_KEY {
                return SignatureUse::TooMany;
            }
        }
        of_key.insert(hash(text), now.saturating_add(keep));
        SignatureUse::First
    }

    pub fn forget_expired(&mut self, now: UnixMillis) {
        for of_key in self.known.values_mut() {
            of_key.retain(|_, expires| *expires > now);
        }
        self.known.retain(|_, of_key| !of_key.is_empty());
    }

    /// Takes the records that are not on disk yet; they count as saved from now on.
    pub fn take_unsaved(&mut self) -> Vec<UsedSignature> {
        std::mem::take(&mut self.unsaved)
    }

    /// Puts back records that could not be saved.
    pub fn put_back(&mut self, unsaved: Vec<UsedSignature>) {
        self.unsaved.extend(unsaved);
    }
}

/// Returns the record of a use.
pub(super) fn used(key_id: KeyId, text: &str, now: UnixMillis, keep: Duration) -> UsedSignature {
    UsedSignature { key_id, digest: hash(text), expires_at: now.saturating_add(keep) }
}

fn hash(text: &str) -> Hash {
    let hash = Sha256::digest(text.as_bytes());
    hash.first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_signs_for_ever_is_held_to_a_number() {
        let mut signatures = Signatures::default();
        let [one, two] = [1, 2].map(KeyId::new);
        let (now, later) = (UnixMillis::default(), UnixMillis::new(3_600_001));
        let hour = Duration::from_secs(3600);
        for number in 0..MAX_RECORDS_PER_KEY {
            assert_eq!(signatures.note(one, &number.to_string(), now, hour), SignatureUse::First);
        }
        assert_eq!(signatures.note(one, "one more", now, hour), SignatureUse::TooMany);
        assert_eq!(signatures.note(one, "7", now, hour), SignatureUse::Repeated, "it still knows");
        assert_eq!(signatures.note(two, "one more", now, hour), SignatureUse::First, "of another key");
        assert_eq!(signatures.take_unsaved().len(), MAX_RECORDS_PER_KEY + 1);
        assert_eq!(signatures.note(one, "one more", later, hour), SignatureUse::First, "the others have expired");
    }
}
