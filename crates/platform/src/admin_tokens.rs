//! The admin token, and those before it that are valid for a while.

use aicp_types::UnixMillis;

use crate::secrets::TokenHash;

/// An admin token that another one has replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarlierToken {
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// When it ends.
    pub valid_until: UnixMillis,
}

impl EarlierToken {
    /// Returns the token as a line of a file: its hash in hex digits, and its end in milliseconds since the epoch.
    pub fn to_line(&self) -> String {
        format!("{} {}", hex::encode(self.hash), self.valid_until.get())
    }

    /// Parses what [`EarlierToken::to_line`] returns.
    pub fn from_line(line: &str) -> Option<Self> {
        let (digits, valid_until) = line.split_once(' ')?;
        let mut hash = [0; 32];
        hex::decode_to_slice(digits, &mut hash).ok()?;
        Some(Self { hash, valid_until: UnixMillis::new(valid_until.parse().ok()?) })
    }
}

/// The hashes of the admin token and of earlier ones.
#[derive(Clone)]
pub struct AdminTokens {
    current: TokenHash,
    earlier: Vec<EarlierToken>,
}

impl AdminTokens {
    /// Takes over the admin token and earlier ones.
    pub fn new(token: &str, earlier: Vec<EarlierToken>) -> Self {
        Self { current: TokenHash::of(token), earlier }
    }

    /// Whether this is the hash of an admin token that is valid.
    pub(crate) fn admits(&self, hash: &TokenHash, now: UnixMillis) -> bool {
        self.valid(now).any(|valid| valid.is(hash))
    }

    /// Returns the hashes of the tokens that are valid, the current one first.
    pub(crate) fn valid(&self, now: UnixMillis) -> impl Iterator<Item = TokenHash> {
        std::iter::once(self.current.clone()).chain(self.earlier_at(now).map(|token| TokenHash::from(token.hash)))
    }

    /// Returns the earlier tokens that are valid.
    pub(crate) fn earlier_at(&self, now: UnixMillis) -> impl Iterator<Item = EarlierToken> {
        self.earlier.iter().copied().filter(move |token| token.valid_until > now)
    }

    /// Returns the hash of the current token.
    pub(crate) fn current(&self) -> [u8; 32] {
        self.current.bytes()
    }
}

impl From<&str> for AdminTokens {
    fn from(token: &str) -> Self {
        Self::new(token, Vec::new())
    }
}
