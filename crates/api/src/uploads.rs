//! Archives that requests carry, received into files.

use std::sync::{Arc, Mutex, PoisonError};

use aicp_platform::{Caller, Platform, Upload};
use aicp_requests::UnreadBody;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;

use crate::access::ARCHIVE;
use crate::problem::{Problem, Result};

/// The archive of a request, once it is received. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Received(Arc<Mutex<Option<Upload>>>);

impl Received {
    /// Returns the SHA-256 of the archive.
    pub fn digest(&self) -> Option<[u8; 32]> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(Upload::digest)
    }

    fn put(&self, upload: Upload) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(upload);
    }

    fn take(&self) -> Option<Upload> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Receives the archive of a request.
///
/// # Errors
/// The body is of another type, too large, or breaks off; the disk is full.
pub(crate) async fn receive(
    platform: &Platform,
    caller: &Caller,
    parts: &Parts,
    body: &mut UnreadBody,
    received: &Received,
) -> Result<()> {
    let sent = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !sent.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case(ARCHIVE)) {
        return Err(Problem::wrong_media_type("the body must be application/zip"));
    }
    let mut upload = platform.begin_upload(caller).await?;
    let mut parts = body.parts(upload.room())?;
    while let Some(part) = parts.next().await? {
        upload.append(part).await?;
    }
    drop(parts);
    received.put(upload);
    Ok(())
}

/// The archive of a request.
pub(crate) struct Archive(pub Upload);

impl<S: Send + Sync> FromRequestParts<S> for Archive {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let upload = parts.extensions.get::<Received>().and_then(Received::take);
        upload.map(Self).ok_or_else(Problem::internal)
    }
}
