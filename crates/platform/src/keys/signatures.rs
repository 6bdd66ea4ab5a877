//! What keys have signed with, so that nothing is taken twice.

use std::collections::HashMap;
use std::time::Duration;

use aicp_store::UsedSignature;
use aicp_types::{KeyId, UnixMillis};
use sha2::{Digest, Sha256};

/// Nonces or signatures of one key that are remembered at a time: some 20 MiB.
const MOST_OF_A_KEY: usize = 200_000;

type Hash = [u8; 16];

/// Whether a key has signed with a text before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureUse {
    /// It has not; it has from now on.
    First,
    /// It has.
    Repeated,
    /// The key has signed so much of late that no more can be remembered.
    TooMany,
}

#[derive(Default)]
pub(super) struct Signatures {
    /// By key; until when each counts, in milliseconds since the epoch.
    known: HashMap<KeyId, HashMap<Hash, UnixMillis>>,
    /// Those that are not on disk yet.
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

    /// Whether a text was signed with and still counts.
    pub fn is_known(&self, key_id: KeyId, text: &str, now: UnixMillis) -> bool {
        let expires = self.known.get(&key_id).and_then(|of_key| of_key.get(&hash(text)));
        expires.is_some_and(|expires| *expires > now)
    }

    /// Notes that a text was signed with, for this long from now.
    pub fn note(&mut self, key_id: KeyId, text: &str, now: UnixMillis, keep: Duration) -> SignatureUse {
        if self.is_known(key_id, text, now) {
            return SignatureUse::Repeated;
        }
        let of_key = self.known.entry(key_id).or_default();
        if of_key.len() >= MOST_OF_A_KEY {
            of_key.retain(|_, expires| *expires > now);
            if of_key.len() >= MOST_OF_A_KEY {
                return SignatureUse::TooMany;
            }
        }
        let (digest, expires_at) = (hash(text), now.saturating_add(keep));
        of_key.insert(digest, expires_at);
        self.unsaved.push(UsedSignature { key_id, digest, expires_at });
        SignatureUse::First
    }

    pub fn forget_expired(&mut self, now: UnixMillis) {
        for of_key in self.known.values_mut() {
            of_key.retain(|_, expires| *expires > now);
        }
        self.known.retain(|_, of_key| !of_key.is_empty());
    }

    /// Those that are not on disk yet; they count as saved from now on.
    pub fn take_unsaved(&mut self) -> Vec<UsedSignature> {
        std::mem::take(&mut self.unsaved)
    }

    /// Those could not be brought to disk.
    pub fn put_back(&mut self, unsaved: Vec<UsedSignature>) {
        self.unsaved.extend(unsaved);
    }
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
        for number in 0..MOST_OF_A_KEY {
            assert_eq!(signatures.note(one, &number.to_string(), now, hour), SignatureUse::First);
        }
        assert_eq!(signatures.note(one, "one more", now, hour), SignatureUse::TooMany);
        assert_eq!(signatures.note(one, "7", now, hour), SignatureUse::Repeated, "it still knows");
        assert_eq!(signatures.note(two, "one more", now, hour), SignatureUse::First, "of another key");
        assert_eq!(signatures.take_unsaved().len(), MOST_OF_A_KEY + 1);
        assert_eq!(signatures.note(one, "one more", later, hour), SignatureUse::First, "the others have expired");
    }
}
