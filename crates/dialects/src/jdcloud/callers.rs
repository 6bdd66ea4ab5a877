//! Callers: the access key that a request claims, and the signature that proves it.

use std::sync::Arc;
use std::time::Duration;

use aicp_platform::{AccessKey, Platform, QuotaError, SignatureUse};
use axum::http::header;
use axum::http::request::Parts;
use sha2::{Digest, Sha256};

use super::codes::{self, Gateway};
use super::md5::Md5Error;
use super::params::{self, RawQuery};
use super::refusal::Refusal;
use super::routes::{self, Api};
use super::signature::{SignatureError, Signed};
use super::{Exchange, KEYS, md5, signature};
use crate::Context;
use aicp_requests::HeldBody;
use aicp_requests::life::Signature;

/// Claimed access key and, unless it is verified already, the signature over head and body.
pub(super) struct Claimed<'a> {
    key: Arc<AccessKey>,
    signature: Option<(signature::Claim<'a>, Sha256)>,
}

/// Key with a verified signature.
pub(super) struct Verified {
    pub key: Arc<AccessKey>,
    /// Signature that must not be used again; `None` if it may.
    unique: Option<String>,
}

/// Reads the access key that a request claims. A signature in the query does not cover the body, so it is verified here.
pub(super) fn claim<'a>(context: &Context, parts: &'a Parts, query: RawQuery<'_>) -> Result<Claimed<'a>, Refusal> {
    let key = |id: &str| context.shared.platform.access_key(&KEYS, id);
    let (now, skew) = (context.shared.platform.now(), context.options.jdcloud.clock_skew_s.duration());
    if !parts.headers.contains_key(header::AUTHORIZATION) && md5::matches_request(&query) {
        let claim = md5::Claim::read(&query, now, skew)?;
        let key = key(claim.access_key()).filter(|key| key.options().allow_md5).ok_or(Md5Error::UnknownKey)?;
        claim.verify(key.secret())?;
        return Ok(Claimed { key, signature: None });
    }
    let claim = signature::Claim::read(&parts.headers)?;
    let key = key(claim.access_key()).ok_or(SignatureError::UnknownKey)?;
    claim.require_timely(now, skew)?;
    Ok(Claimed { key, signature: Some((claim, Sha256::new())) })
}

impl<'a> Signature<Exchange<'a>> for Claimed<'a> {
    fn see(&mut self, part: &[u8]) {
        if let Some((_, hash)) = &mut self.signature {
            hash.update(part);
        }
    }

    fn verify(self, wire: &mut Exchange<'a>, body: &HeldBody) -> Result<Verified, Refusal> {
        let Self { key, signature } = self;
        let mut unique = None;
        if let Some((claim, hash)) = signature {
            let verified = claim.verify(&Signed::of(wire.parts), &hash.finalize().into(), key.secret())?;
            // A signature without a nonce may legitimately repeat within a second.
            let must_be_new = verified.binds_nonce && !key.options().allow_replay;
            if must_be_new && wire.context.shared.platform.was_used(&key, &verified.signature) {
                return Err(Gateway::REPEATED.into());
            }
            unique = must_be_new.then_some(verified.signature);
        }
        wire.key = Some(Arc::clone(&key));
        if wire.entry.api == Api::GroupDelete {
            let unquoted = params::unquoted(&body.bytes);
            if wire.params(body.is_kept, unquoted.as_deref()).has("outerId") {
                wire.entry = routes::face_deletion();
            }
        }
        Ok(Verified { key, unique })
    }
}

impl Verified {
    /// Counts the call, and the use of its signature.
    ///
    /// # Errors
    /// The key has no calls left, or its signature was used before.
    pub async fn count(&self, platform: &Platform, skew: Duration) -> Result<(), Refusal> {
        let Self { key, unique } = self;
        platform.count_call(key).map_err(|e| match e {
            QuotaError::Second => codes::TOO_FAST,
            QuotaError::Day => codes::DAILY_QUOTA_EXCEEDED,
        })?;
        match platform.count_call_among_nodes(key).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err(codes::DAILY_QUOTA_EXCEEDED.into()),
            Err(_) => return Err(codes::BUSY.into()),
        }
        // A signature can be replayed until its date leaves the window, which spans twice the skew.
        let keep = skew.saturating_mul(2);
        let Some(signature) = unique else { return Ok(()) };
        match platform.note_use(key, signature, keep) {
            SignatureUse::First if platform.is_first_use(key, signature, keep).await.map_err(|_| codes::BUSY)? => {
                Ok(())
            }
            // A concurrent request used the same signature.
            SignatureUse::First | SignatureUse::Repeated => Err(Gateway::REPEATED.into()),
            SignatureUse::TooMany => Err(codes::TOO_FAST.into()),
        }
    }
}
