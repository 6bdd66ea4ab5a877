//! Requests that must not be done twice.

use std::fmt;

use super::Redacted;

/// A request with an idempotency key. `Debug` omits the answer, which may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Digest of the request.
    pub request: Vec<u8>,
    /// Answer, encrypted by the caller; opaque here. `None` until the request is answered.
    pub answer: Option<Vec<u8>>,
}

impl fmt::Debug for KeyedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { request, answer } = self;
        let answer = answer.as_ref().map(|_| Redacted);
        f.debug_struct("KeyedRequest").field("request", request).field("answer", &answer).finish()
    }
}
