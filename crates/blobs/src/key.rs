//! Keys of blobs.

use std::fmt;

use sha2::{Digest, Sha256};

/// Hex digits in a key.
const KEY_LENGTH: usize = 64;
/// Number of shards: a key's first two hex digits are its shard.
pub const SHARDS: u16 = 256;

/// Key of a blob: the lower-case hex of the SHA-256 of its bytes, so that equal blobs are one.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobKey(String);

impl BlobKey {
    /// Returns the key of a blob.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// Parses a key; `None` if the text is not 64 lower-case hex digits.
    pub fn parse(text: &str) -> Option<Self> {
        let is_key = text.len() == KEY_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_key.then(|| Self(text.to_owned()))
    }

    /// Returns the hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the shard.
    pub fn shard(&self) -> u8 {
        // A key consists of hex digits.
        u8::from_str_radix(&self.0[..2], 16).unwrap_or_default()
    }

    /// Returns the first two digits and the others.
    pub fn split(&self) -> (&str, &str) {
        self.0.split_at(2)
    }
}

impl fmt::Display for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for BlobKey {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<BlobKey> for String {
    fn from(key: BlobKey) -> Self {
        key.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_nothing_else_is_one() {
        let key = BlobKey::of(b"a");
        assert_eq!(BlobKey::parse(key.as_str()), Some(key.clone()));
        assert_eq!(key.shard(), 0xca);
        for none in ["", "ca", &key.as_str().to_uppercase(), &format!("{key}0"), &format!("../{}", &key.as_str()[3..])]
        {
            assert_eq!(BlobKey::parse(none), None, "{none}");
        }
    }
}
