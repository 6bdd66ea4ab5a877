//! Requests that must not be done twice: a client names such a request by an idempotency key of its own.
//!
//! The key is recorded before the request is done, and its answer after. A repeat gets the recorded answer. If the process
//! ends in between, it is unknown whether the request was done, and a repeat is refused: it is done at most once.

use std::time::Duration;

use aicp_store::{KeyedRequest, Written};

use crate::{Caller, Error, Platform, Result};

/// Time for which a request with an idempotency key is remembered.
pub const IDEMPOTENCY_KEYS_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Number of old requests that a new one forgets.
const FORGOTTEN_AT_ONCE: u64 = 10;

/// What is known of a request with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KnownRequest {
    /// Nothing: the caller may do it, and then must say so by [`Platform::finish_request`].
    New,
    /// The key belongs to another request.
    Other,
    /// It is under way, or was interrupted by the end of the process.
    NotAnswered,
    /// It was answered so.
    Answered(String),
}

impl Platform {
    /// Claims a key for a request, by the digest of the request.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Internal::Sealed`].
    pub async fn claim_request(&self, caller: &Caller, key: &str, digest: [u8; 32]) -> Result<KnownRequest> {
        let (owner, name, now) = (caller.name().to_owned(), key.to_owned(), self.now());
        let claim = self.inner.store.write(move |tx| {
            Box::pin(async move {
                tx.forget_idempotency_keys(now.saturating_sub(IDEMPOTENCY_KEYS_KEPT), FORGOTTEN_AT_ONCE).await?;
                tx.claim_idempotency_key(&owner, &name, &digest, now).await
            })
        });
        // It is not what the call was made for.
        let known: Option<KeyedRequest> = Written::default().noting(claim).await?;
        match known {
            None => Ok(KnownRequest::New),
            Some(known) if known.request != digest => Ok(KnownRequest::Other),
            Some(KeyedRequest { answer: None, .. }) => Ok(KnownRequest::NotAnswered),
            Some(KeyedRequest { answer: Some(sealed), .. }) => {
                Ok(KnownRequest::Answered(self.inner.vault.open(&sealed_for(caller.name(), key), &sealed)?))
            }
        }
    }

    /// Records the answer to a request; without one, it may be repeated.
    ///
    /// # Errors
    /// [`crate::Internal::Store`], [`crate::Internal::Random`].
    pub async fn finish_request(&self, caller: &Caller, key: &str, answer: Option<&str>) -> Result<()> {
        let (owner, name, answer) = (caller.name().to_owned(), key.to_owned(), answer.map(str::to_owned));
        let vault = self.inner.vault.clone();
        let finished = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let sealed = answer.map(|answer| vault.seal(&sealed_for(&owner, &name), &answer)).transpose()?;
                Ok::<_, Error>(tx.finish_idempotency_key(&owner, &name, sealed).await?)
            })
        });
        Written::default().noting(finished).await
    }
}

/// What an answer is sealed for.
pub(crate) fn sealed_for(owner: &str, key: &str) -> String {
    format!("answer {owner} {key}")
}
