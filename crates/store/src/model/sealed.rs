//! Secrets that the platform seals before it stores them.

use std::fmt;

use super::Redacted;

/// Kind of a sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SealedKind {
    /// Token of an app. `first`: the app.
    AppToken,
    /// Secret of a key that an app signs with. `first`: kind of the key, `second`: its name.
    KeySecret,
    /// Secret of a webhook. `first`: its row id, `second`: its app.
    WebhookSecret,
    /// Answer to a request with an idempotency key. `first`: owner of the request, `second`: the key.
    Answer,
    /// Template of an operator's face. `first`: row id of the operator.
    OperatorFace,
}

impl SealedKind {
    /// All kinds, in the order in which they are listed.
    pub const ALL: [Self; 5] = [Self::AppToken, Self::KeySecret, Self::WebhookSecret, Self::Answer, Self::OperatorFace];
}

/// A sealed secret. `Debug` omits it.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Kind.
    pub kind: SealedKind,
    /// First part of the name.
    pub first: String,
    /// Second part of the name; empty if there is none.
    pub second: String,
    /// The secret, encrypted by the caller; opaque here.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, first, second, sealed: _ } = self;
        f.debug_struct("SealedSecret")
            .field("kind", kind)
            .field("first", first)
            .field("second", second)
            .field("sealed", &Redacted)
            .finish()
    }
}
