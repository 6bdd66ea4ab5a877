//! Request bodies, read within bounds of size, time and memory.

mod encoding;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use encoding::Encoding;

/// A body must be in within this time.
const READ_TIME: Duration = Duration::from_secs(60);
/// A request waits this long for memory before it is told that the server is busy.
const WAIT_FOR_MEMORY: Duration = Duration::from_secs(5);
/// Of a body that is refused this much is still read and thrown away: a client that is cut off while it sends sees a
/// broken connection instead of the answer.
const MAX_DRAINED: usize = 64 << 20;
/// Memory is given out in shares of this many bytes.
const SHARE: usize = 256 << 10;
/// After this many bytes of one body others get their turn.
const SEEN_AT_ONCE: usize = 1 << 20;

/// Why there is no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is larger than the call allows.
    TooLarge,
    /// It broke off, took too long, or is not packed or written as its head says.
    Broken,
    /// Too many large bodies are in memory now.
    Busy,
}

/// The memory that all request bodies together may take. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    shares: Arc<Semaphore>,
}

impl BodyBudget {
    /// A budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        Self { shares: Arc::new(Semaphore::new(bytes / SHARE)) }
    }

    /// Reads a body of at most `limit` bytes, unpacked, as UTF-8. Its shares of the budget are held until the returned body
    /// is dropped.
    pub(crate) async fn read(&self, body: &mut UnreadBody, limit: usize) -> Result<HeldBody, BodyError> {
        self.read_through(body, limit, limit, |_| ()).await?.ok_or(BodyError::TooLarge)
    }

    /// Reads a body of at most `limit` bytes to its end and shows `see` each part as it comes in. A body of more than
    /// `kept` bytes is not held, nor returned.
    pub(crate) async fn read_through(
        &self,
        body: &mut UnreadBody,
        limit: usize,
        kept: usize,
        see: impl FnMut(&[u8]),
    ) -> Result<Option<HeldBody>, BodyError> {
        if body.declared.is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge);
        }
        let read = timeout(READ_TIME, self.gather(body, limit, kept, see)).await;
        body.is_broken |= read.is_err();
        let Some(held) = read.unwrap_or(Err(BodyError::Broken))? else { return Ok(None) };
        let bytes = body.encoding.plain(held.bytes).ok_or(BodyError::Broken)?;
        Ok(Some(HeldBody { bytes, ..held }))
    }

    /// Takes shares of the budget as the bytes come in: what was only announced holds no memory.
    async fn gather(
        &self,
        body: &mut UnreadBody,
        limit: usize,
        kept: usize,
        mut see: impl FnMut(&[u8]),
    ) -> Result<Option<HeldBody>, BodyError> {
        body.waits_for_word = false;
        let is_kept = body.declared.is_none_or(|length| length <= kept);
        let mut gathered = Gathered { length: 0, limit, kept, held: is_kept.then(Default::default) };
        let mut unpacker = body.encoding.unpacker();
        let mut rested = 0;
        while let Some(frame) = body.body.frame().await {
            let frame = frame.map_err(|_| {
                body.is_broken = true;
                BodyError::Broken
            })?;
            let Ok(data) = frame.into_data() else { continue };
            for piece in unpacker.pieces(&data) {
                let plain = unpacker.unpack(piece)?;
                see(&plain);
                self.take(&mut gathered, &plain).await?;
            }
            if gathered.length - rested >= SEEN_AT_ONCE {
                rested = gathered.length;
                tokio::task::yield_now().await;
            }
        }
        let plain = unpacker.finish()?;
        see(&plain);
        self.take(&mut gathered, &plain).await?;
        Ok(gathered.held.map(|(bytes, shares)| HeldBody { bytes: bytes.freeze(), _shares: shares }))
    }

    /// Adds bytes to what is held, and shares for them.
    async fn take(&self, gathered: &mut Gathered, bytes: &[u8]) -> Result<(), BodyError> {
        gathered.length += bytes.len();
        if gathered.length > gathered.limit {
            return Err(BodyError::TooLarge);
        }
        if gathered.length > gathered.kept {
            // Bytes and shares go back at once.
            gathered.held = None;
        }
        if let Some((held, shares)) = &mut gathered.held {
            while shares.len() * SHARE < gathered.length {
                shares.push(self.share().await?);
            }
            held.extend_from_slice(bytes);
        }
        Ok(())
    }

    async fn share(&self) -> Result<OwnedSemaphorePermit, BodyError> {
        timeout(WAIT_FOR_MEMORY, Arc::clone(&self.shares).acquire_owned())
            .await
            .map_err(|_| BodyError::Busy)?
            .map_err(|_| BodyError::Busy)
    }
}

/// What of a body has come in.
struct Gathered {
    /// Bytes, unpacked.
    length: usize,
    limit: usize,
    kept: usize,
    /// The bytes and their shares, unless it is too long to be kept.
    held: Option<(BytesMut, Vec<OwnedSemaphorePermit>)>,
}

/// A request's body as long as it is, in whole or in part, on its way.
pub(crate) struct UnreadBody {
    body: Body,
    encoding: Encoding,
    /// What `Content-Length` says.
    declared: Option<usize>,
    /// The client sends nothing until it is told to, or sees the answer.
    waits_for_word: bool,
    /// It broke off or took too long; nothing more is to be expected.
    is_broken: bool,
}

impl UnreadBody {
    pub fn new(headers: &HeaderMap, body: Body) -> Self {
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        let encoding = Encoding::of(headers);
        Self { body, encoding, declared, waits_for_word: headers.contains_key(header::EXPECT), is_broken: false }
    }

    /// Reads what has not been read and throws it away, within bounds, before a refusal is answered.
    pub async fn discard(self) {
        if !self.waits_for_word && !self.is_broken {
            let _ = timeout(READ_TIME, drain(self.body, MAX_DRAINED)).await;
        }
    }
}

/// A body and its shares of the budget.
pub(crate) struct HeldBody {
    pub bytes: Bytes,
    _shares: Vec<OwnedSemaphorePermit>,
}

impl HeldBody {
    /// The body in another form.
    pub fn map(self, to: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { bytes: to(self.bytes), ..self }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use futures_util::{StreamExt, stream};
    use std::convert::Infallible;

    const KIB: usize = 1 << 10;
    const MIB: usize = 1 << 20;

    /// A body that brings these bytes and then either ends or stays open for ever.
    fn body(bytes: usize, ends: bool) -> UnreadBody {
        let pieces = (0..bytes / KIB).map(|_| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; KIB])));
        let rest = if ends { stream::empty().boxed() } else { stream::pending().boxed() };
        UnreadBody::new(&HeaderMap::new(), Body::from_stream(stream::iter(pieces).chain(rest)))
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_hold_is_waited_for_and_then_given_up() {
        let budget = BodyBudget::new(4 * MIB);
        let first = budget.read(&mut body(3 * MIB, true), 8 * MIB).await.map_err(drop).expect("there is room");
        assert_eq!(first.bytes.len(), 3 * MIB);
        assert!(budget.read(&mut body(MIB, true), 8 * MIB).await.is_ok());
        assert_eq!(budget.read(&mut body(2 * MIB, true), 8 * MIB).await.err(), Some(BodyError::Busy));
        drop(first);
        assert!(budget.read(&mut body(4 * MIB, true), 8 * MIB).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_is_only_announced_holds_nothing() {
        let budget = BodyBudget::new(4 * MIB);
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("4194304"));
        let open = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
        let mut announced = UnreadBody::new(&headers, open);
        let mut sent = body(4 * MIB, true);
        let (never, other) = tokio::join!(budget.read(&mut announced, 8 * MIB), budget.read(&mut sent, 8 * MIB));
        assert!(other.is_ok());
        assert_eq!(never.err(), Some(BodyError::Broken), "it took too long");
    }

    #[tokio::test(start_paused = true)]
    async fn too_much_is_refused_whether_announced_or_not() {
        let budget = BodyBudget::new(4 * MIB);
        assert_eq!(budget.read(&mut body(2 * MIB, true), MIB).await.err(), Some(BodyError::TooLarge));
        assert_eq!(budget.read(&mut body(2 * MIB, false), MIB).await.err(), Some(BodyError::TooLarge));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("99999999999"));
        let mut announced = UnreadBody::new(&headers, Body::empty());
        assert_eq!(budget.read(&mut announced, MIB).await.err(), Some(BodyError::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_kept_is_seen_to_its_end_and_held_by_nobody() {
        let budget = BodyBudget::new(MIB);
        let declared = |bytes: usize| {
            let mut body = body(bytes, true);
            body.declared = Some(bytes);
            body
        };
        for (mut body, length) in [(body(8 * MIB, true), 8 * MIB), (declared(8 * MIB), 8 * MIB)] {
            let mut seen = 0;
            let read = budget.read_through(&mut body, 8 * MIB, MIB, |part| seen += part.len()).await;
            assert!(read.is_ok_and(|held| held.is_none()));
            assert_eq!(seen, length);
        }
        let mut seen = Vec::new();
        let read = budget.read_through(&mut declared(MIB), 8 * MIB, MIB, |part| seen.extend_from_slice(part)).await;
        assert!(read.is_ok_and(|held| held.is_some_and(|held| held.bytes == seen && seen.len() == MIB)));
        let read = budget.read_through(&mut body(9 * MIB, false), 8 * MIB, MIB, |_| ()).await;
        assert_eq!(read.err(), Some(BodyError::TooLarge));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_grew_too_large_to_keep_gives_its_shares_back_before_it_ends() {
        let budget = BodyBudget::new(4 * MIB);
        let (mut open, mut sent) = (body(3 * MIB, false), body(4 * MIB, true));
        let (never, other) =
            tokio::join!(budget.read_through(&mut open, 8 * MIB, 2 * MIB, |_| ()), budget.read(&mut sent, 8 * MIB));
        assert!(other.is_ok());
        assert_eq!(never.err(), Some(BodyError::Broken), "it took too long");
    }

    /// How long discarding takes on the paused clock, which moves on only while something waits.
    async fn time_to_discard(body: UnreadBody) -> Duration {
        let begun = tokio::time::Instant::now();
        timeout(2 * READ_TIME, body.discard()).await.expect("it ends");
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_read_but_not_for_ever() {
        assert_eq!(time_to_discard(body(2 * MIB, true)).await, Duration::ZERO);
        assert!(time_to_discard(body(2 * MIB, false)).await >= READ_TIME, "it waited for the rest");
        assert_eq!(time_to_discard(body(MAX_DRAINED + MIB, false)).await, Duration::ZERO, "it read enough");
    }
}
