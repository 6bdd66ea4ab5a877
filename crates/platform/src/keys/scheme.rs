//! Shapes of keys. Each interface declares its own.

use std::ops::Range;

use super::NewKey;
use crate::secrets::random_text;
use crate::{Result, random};

/// Kind of keys of one interface: its name, and the shapes that its clients accept. A key opens the interface of its kind alone.
///
/// ```
/// use aicp_platform::{KeyScheme, KeyText};
///
/// const KEYS: KeyScheme = KeyScheme {
///     name: "example",
///     id: KeyText::Random { prefix: "EX", alphabet: "0123456789", length: 10 },
///     secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 64 },
/// };
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyScheme {
    /// Name of the kind, unique; stored with every key.
    pub name: &'static str,
    /// Shape of what a client sends.
    pub id: KeyText,
    /// Shape of what a client signs with.
    pub secret: KeyText,
}

/// Shape of an id or a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyText {
    /// A fixed prefix, then random characters.
    Random {
        /// Comes first.
        prefix: &'static str,
        /// ASCII characters to draw from, 1 to 256.
        alphabet: &'static str,
        /// Number of random characters.
        length: usize,
    },
    /// A random number in decimal; the range must not be empty.
    Number(Range<u32>),
}

impl KeyScheme {
    /// Draws a new id and a new secret.
    pub(super) fn draw(&self) -> Result<NewKey> {
        Ok(NewKey { id: self.id.draw()?, secret: self.secret.draw()? })
    }
}

/// Returns the name under which a key's secret is sealed.
pub(crate) fn seal_name(kind: &str, id: &str) -> String {
    format!("{kind} key {id}")
}

impl KeyText {
    fn draw(&self) -> Result<String> {
        match self {
            Self::Random { prefix, alphabet, length } => {
                Ok(format!("{prefix}{}", random_text(alphabet.as_bytes(), *length)?))
            }
            Self::Number(range) => {
                let count = u64::from(range.end.saturating_sub(range.start)).max(1);
                Ok((u64::from(range.start) + u64::from_le_bytes(random::bytes()?) % count).to_string())
            }
        }
    }
}
