//! Request bodies, read within limits of size, time and memory.

mod encoding;
mod parts;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::http::header;
use axum::http::request::Parts;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{Client, ConnectionState};
use encoding::Encoding;

pub use parts::BodyParts;

/// Time limit for reading a whole body.
const READ_TIME: Duration = Duration::from_secs(60);
/// Minimum transfer rate of a body; a slower one is aborted after [`RATE_GRACE`].
const MIN_BYTES_PER_SECOND: u32 = 1 << 10;
/// Time before the minimum rate applies.
const RATE_GRACE: Duration = Duration::from_secs(5);
/// Time that a request waits for memory before it is refused as busy.
const WAIT_FOR_MEMORY: Duration = Duration::from_secs(5);
/// Bytes of a refused body that are still read and thrown away. A client that is cut off while it sends sees a reset
/// instead of the answer.
const MAX_DRAINED: usize = 64 << 20;
/// Size in bytes of one share of the budget (one semaphore permit).
const SHARE: usize = 4 << 10;
/// Divisor of the budget that gives the part of all unauthenticated callers together.
const UNKNOWN_PART: usize = 2;
/// Divisor of that part that gives the part of one address.
const ADDRESS_PART: usize = 2;
/// Bytes of one body to process before the task yields.
const YIELD_INTERVAL_BYTES: usize = 1 << 20;

/// Reasons why a body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// Larger than the limit of the call.
    TooLarge,
    /// Aborted, too slow, or not compressed or encoded as its headers say.
    Broken,
    /// No memory available in the budget.
    Busy,
}

/// Size limits of a body, in bytes once decompressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// Longest body that is read.
    pub longest: usize,
    /// Longest body that is kept in memory; a longer one is read to its end and dropped.
    pub kept: usize,
}

impl BodyLimits {
    /// Limits of a body that is kept whenever it is read.
    pub fn of(longest: usize) -> Self {
        Self { longest, kept: longest }
    }
}

/// Memory budget of all request bodies. Unauthenticated callers get at most half of it, and each of their addresses at
/// most half of that. Clones share it.
#[derive(Clone)]
pub struct BodyBudget {
    all: Arc<Semaphore>,
    unknown: Arc<Semaphore>,
    addresses: Arc<Addresses>,
}

/// Budget of unauthenticated callers per address.
struct Addresses {
    shares_each: usize,
    held: Mutex<HashMap<IpAddr, Weak<Semaphore>>>,
}

impl Addresses {
    fn shares_of(&self, address: IpAddr) -> Arc<Semaphore> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shares) = held.get(&address).and_then(Weak::upgrade) {
            return shares;
        }
        held.retain(|_, shares| shares.strong_count() > 0);
        let shares = Arc::new(Semaphore::new(self.shares_each));
        held.insert(address, Arc::downgrade(&shares));
        shares
    }
}

impl BodyBudget {
    /// Creates a budget of this many bytes.
    pub fn new(bytes: usize) -> Self {
        let shares = (bytes / SHARE).min(Semaphore::MAX_PERMITS);
        let unknown = shares / UNKNOWN_PART;
        let addresses = Addresses { shares_each: unknown / ADDRESS_PART, held: Mutex::default() };
        Self {
            all: Arc::new(Semaphore::new(shares)),
            unknown: Arc::new(Semaphore::new(unknown)),
            addresses: Arc::new(addresses),
        }
    }

    /// Reads a body of at most `limit` bytes, decompressed and as UTF-8. Its shares of the budget are held until the
    /// returned body is dropped.
    pub async fn read(&self, body: &mut UnreadBody, limit: usize) -> Result<HeldBody, BodyError> {
        self.read_through(body, BodyLimits::of(limit), |_| ()).await
    }

    /// Reads a body to its end and passes each part to `see` as it arrives.
    pub async fn read_through(
        &self,
        body: &mut UnreadBody,
        limits: BodyLimits,
        see: impl FnMut(&[u8]),
    ) -> Result<HeldBody, BodyError> {
        if body.declared.is_some_and(|length| length > limits.longest) {
            return Err(BodyError::TooLarge);
        }
        let standing = body.standing.clone().unwrap_or_default();
        standing.set_awaits_body(true);
        let read = timeout(READ_TIME, self.gather(body, limits, see)).await;
        standing.set_awaits_body(false);
        body.is_broken |= read.is_err();
        let held = read.unwrap_or(Err(BodyError::Broken))?;
        if !held.is_kept {
            return Ok(held);
        }
        let bytes = body.encoding.plain(held.bytes).ok_or(BodyError::Broken)?;
        Ok(HeldBody { bytes, ..held })
    }

    /// Reads a body and takes shares as its bytes arrive, so that a declared length alone reserves no memory.
    async fn gather(
        &self,
        body: &mut UnreadBody,
        limits: BodyLimits,
        mut see: impl FnMut(&[u8]),
    ) -> Result<HeldBody, BodyError> {
        body.expects_continue = false;
        let is_kept = body.declared.is_none_or(|length| length <= limits.kept);
        let held = is_kept.then(|| (BytesMut::new(), Shares::of(self.pools(body))));
        let mut gathered = BodyProgress { length: 0, limits, held };
        let mut unpacker = body.encoding.unpacker();
        let mut rested = 0;
        let mut pace = MinimumRate::begin();
        while let Some(data) = pace.next_part(&mut body.body).await.inspect_err(|_| body.is_broken = true)? {
            let waits = Instant::now();
            for piece in unpacker.pieces(&data) {
                let plain = unpacker.unpack(piece)?;
                see(&plain);
                Self::take(&mut gathered, &plain).await?;
            }
            // The client's deadline excludes the wait for memory.
            pace.deadline += waits.elapsed();
            if gathered.length - rested >= YIELD_INTERVAL_BYTES {
                rested = gathered.length;
                tokio::task::yield_now().await;
            }
        }
        let plain = unpacker.finish()?;
        see(&plain);
        Self::take(&mut gathered, &plain).await?;
        Ok(match gathered.held {
            Some((bytes, shares)) => HeldBody { bytes: bytes.freeze(), is_kept: true, _shares: shares },
            None => HeldBody { is_kept: false, ..HeldBody::empty() },
        })
    }

    /// Returns the semaphores that a body is charged to, the most restricted first.
    fn pools(&self, body: &UnreadBody) -> Vec<Arc<Semaphore>> {
        let mut pools = Vec::new();
        if !body.is_authenticated_caller {
            pools.extend(body.client.map(|address| self.addresses.shares_of(address)));
            pools.push(Arc::clone(&self.unknown));
        }
        pools.push(Arc::clone(&self.all));
        pools
    }

    /// Counts bytes against the limits, takes shares for them and appends them.
    async fn take(gathered: &mut BodyProgress, bytes: &[u8]) -> Result<(), BodyError> {
        gathered.length += bytes.len();
        if gathered.length > gathered.limits.longest {
            return Err(BodyError::TooLarge);
        }
        if gathered.length > gathered.limits.kept {
            // Frees the bytes and their shares at once.
            gathered.held = None;
        }
        if let Some((held, shares)) = &mut gathered.held {
            shares.grow(gathered.length.div_ceil(SHARE)).await?;
            held.extend_from_slice(bytes);
        }
        Ok(())
    }
}

/// Shares of the budget: the same number from each pool.
struct Shares {
    pools: Vec<Arc<Semaphore>>,
    permits: Vec<OwnedSemaphorePermit>,
    count: usize,
}

impl Shares {
    fn of(pools: Vec<Arc<Semaphore>>) -> Self {
        Self { pools, permits: Vec::new(), count: 0 }
    }

    /// Grows to `count` shares in total.
    async fn grow(&mut self, count: usize) -> Result<(), BodyError> {
        let Some(more @ 1..) = count.checked_sub(self.count) else { return Ok(()) };
        let more = u32::try_from(more).map_err(|_| BodyError::Busy)?;
        for (number, pool) in self.pools.iter().enumerate() {
            let permit = timeout(WAIT_FOR_MEMORY, Arc::clone(pool).acquire_many_owned(more)).await;
            let Ok(Ok(permit)) = permit else { return Err(BodyError::Busy) };
            match self.permits.get_mut(number) {
                Some(held) => held.merge(permit),
                None => self.permits.push(permit),
            }
        }
        self.count = count;
        Ok(())
    }
}

/// Progress of reading a body.
struct BodyProgress {
    /// Decompressed bytes so far.
    length: usize,
    limits: BodyLimits,
    /// Bytes and their shares; `None` if the body is too long to keep.
    held: Option<(BytesMut, Shares)>,
}

/// Request body that may not be read yet, or only in part.
pub struct UnreadBody {
    body: Body,
    encoding: Encoding,
    /// Value of `Content-Length`.
    declared: Option<usize>,
    /// Address of the client.
    client: Option<IpAddr>,
    /// Whether the caller is authenticated.
    is_authenticated_caller: bool,
    standing: Option<ConnectionState>,
    /// Whether the client waits for `100 Continue` or the answer before it sends.
    expects_continue: bool,
    /// Whether the body was aborted or timed out, so that nothing more can be read.
    is_broken: bool,
}

impl UnreadBody {
    /// Creates the body of a request whose caller is not authenticated yet.
    pub fn new(parts: &Parts, body: Body) -> Self {
        let headers = &parts.headers;
        let declared = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<usize>().ok());
        let encoding = Encoding::of(headers);
        Self {
            body,
            encoding,
            declared,
            client: Client::of(parts),
            is_authenticated_caller: false,
            standing: parts.extensions.get::<ConnectionState>().cloned(),
            expects_continue: headers.contains_key(header::EXPECT),
            is_broken: false,
        }
    }

    /// Whether the request has no body.
    pub fn is_empty(&self) -> bool {
        self.body.is_end_stream()
    }

    /// Marks the caller as authenticated.
    pub fn mark_authenticated(&mut self) {
        self.is_authenticated_caller = true;
        if let Some(standing) = &self.standing {
            standing.set_authenticated();
        }
    }

    /// Drains the unread body (bounded) before an early answer, so that the client sees the answer instead of a reset.
    pub async fn discard(self) {
        if !self.expects_continue && !self.is_broken {
            let _ = timeout(READ_TIME, drain(self.body, MAX_DRAINED)).await;
        }
    }
}

/// Body in memory, with its shares of the budget.
pub struct HeldBody {
    /// The body, decompressed and as UTF-8; empty unless `is_kept`.
    pub bytes: Bytes,
    /// Whether the body was short enough to keep.
    pub is_kept: bool,
    _shares: Shares,
}

impl HeldBody {
    /// Returns the body of a request that has none.
    pub fn empty() -> Self {
        Self { bytes: Bytes::new(), is_kept: true, _shares: Shares::of(Vec::new()) }
    }

    /// Replaces the bytes and keeps the shares.
    pub fn map(self, to: impl FnOnce(Bytes) -> Bytes) -> Self {
        Self { bytes: to(self.bytes), ..self }
    }
}

/// Reads a body to its end, but stops after `at_most` bytes or when it falls below the minimum rate.
async fn drain(mut body: Body, at_most: usize) {
    let (mut pace, mut seen) = (MinimumRate::begin(), 0);
    while let Ok(Some(data)) = pace.next_part(&mut body).await {
        seen += data.len();
        if seen > at_most {
            return;
        }
    }
}

/// Enforces the minimum transfer rate of a body.
struct MinimumRate {
    /// Time by which the bytes so far would have arrived at the minimum rate.
    deadline: Instant,
    bytes_per_second: u32,
}

impl MinimumRate {
    fn begin() -> Self {
        Self::of(MIN_BYTES_PER_SECOND)
    }

    fn of(bytes_per_second: u32) -> Self {
        Self { deadline: Instant::now() + RATE_GRACE, bytes_per_second }
    }

    /// Returns the next bytes of a body, or `None` at its end. Fails if they arrive too late or the connection breaks.
    async fn next_part(&mut self, body: &mut Body) -> Result<Option<Bytes>, BodyError> {
        loop {
            match timeout_at(self.deadline, body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    // A frame without data holds trailers.
                    let Ok(data) = frame.into_data() else { continue };
                    let came = u32::try_from(data.len()).unwrap_or(u32::MAX);
                    self.deadline += Duration::from_secs(1) * came / self.bytes_per_second;
                    return Ok(Some(data));
                }
                Ok(Some(Err(_))) | Err(_) => return Err(BodyError::Broken),
            }
        }
    }
}

#[cfg(test)]
mod tests;
