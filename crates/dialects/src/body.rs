//! Request bodies, read within bounds of size, time and memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// A body must be in within this time.
const READ_TIME: Duration = Duration::from_secs(60);
/// A request waits this long for memory before it is told that the server is busy.
const WAIT_FOR_MEMORY: Duration = Duration::from_secs(5);
/// Of a body that is refused this much is still read and thrown away: a client that is cut off while it sends sees a
/// broken connection instead of the answer.
const MAX_DRAINED: usize = 64 << 20;
const KIB: usize = 1024;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than the call allows.
    TooLarge,
    /// It broke off or took too long.
    Broken,
    /// Too many large bodies are in memory now.
    Busy,
}

/// The memory that all request bodies together may take. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    kib: Arc<Semaphore>,
}

impl BodyBudget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { kib: Arc::new(Semaphore::new(bytes / KIB)) }
    }

    /// Reads a body of at most `limit` bytes. Its share of the budget is held until the returned body is dropped.
    pub(crate) async fn read(&self, body: &mut UnreadBody, limit: usize) -> Result<HeldBody, BodyError> {
        let declared = body.declared;
        if declared.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge);
        }
        let wanted = declared.unwrap_or(limit).div_ceil(KIB).max(1);
        let wanted = u32::try_from(wanted).map_err(|_| BodyError::TooLarge)?;
        let share = timeout(WAIT_FOR_MEMORY, Arc::clone(&self.kib).acquire_many_owned(wanted))
            .await
            .map_err(|_| BodyError::Busy)?
            .map_err(|_| BodyError::Busy)?;
        let bytes = timeout(READ_TIME, body.gather(limit)).await.map_err(|_| BodyError::Broken)??;
        Ok(HeldBody { bytes, _share: share })
    }
}

/// A request's body as long as it is, in whole or in part, on its way.
pub(crate) struct UnreadBody {
    body: Body,
    /// What `Content-Length` says.
    declared: Option<usize>,
    /// The client sends nothing until it is told to, or sees the answer.
    waits_for_word: bool,
}

impl UnreadBody {
    pub fn new(headers: &HeaderMap, body: Body) -> Self {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        Self { body, declared, waits_for_word: headers.contains_key(header::EXPECT) }
    }

    async fn gather(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        self.waits_for_word = false;
        let mut bytes = BytesMut::with_capacity(self.declared.unwrap_or(0));
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|_| BodyError::Broken)?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > limit {
                    return Err(BodyError::TooLarge);
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    }

    /// Reads what has not been read and throws it away, within bounds, before a refusal is answered.
    pub async fn discard(self) {
        if !self.waits_for_word {
            let _ = timeout(READ_TIME, drain(self.body, MAX_DRAINED)).await;
        }
    }
}

/// A body and its share of the budget.
pub(crate) struct HeldBody {
    pub bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

async fn drain(mut body: Body, at_most: usize) {
    let mut seen = 0;
    while let Some(Ok(frame)) = body.frame().await {
        seen += frame.data_ref().map_or(0, Bytes::len);
        if seen > at_most {
            return;
        }
    }
}
