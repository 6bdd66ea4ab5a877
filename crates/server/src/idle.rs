//! Read timeouts of a connection: for the next request, and for a request's head.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::line_ends::BareLfFilter;

/// Read timeouts of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadTimeouts {
    /// Maximum time from a response to the first byte of the next request.
    pub idle: Duration,
    /// Maximum time from the first byte of a request, or from the start of the connection, to the end of its head.
    pub head: Duration,
}

/// Counts requests that were started and finished on a connection. Clones share the counts.
#[derive(Clone, Default)]
pub(crate) struct RequestTracker(Arc<Requests>);

#[derive(Default)]
struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Task that reads the stream. While the server answers, it polls for the end of the stream once and then sleeps;
    /// the end of the answer wakes it, so that the idle timeout starts.
    reader: Mutex<Option<Waker>>,
}

impl RequestTracker {
    /// Records that the head of a request has arrived. The request counts as being answered until the guard is dropped.
    pub fn begin(&self) -> RequestGuard {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        RequestGuard(self.clone())
    }

    fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    fn reader(&self) -> MutexGuard<'_, Option<Waker>> {
        self.0.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_answering(&self) -> bool {
        self.begun() != self.0.ended.load(Ordering::Relaxed)
    }
}

/// Guard of a request that is being answered.
pub(crate) struct RequestGuard(RequestTracker);

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.0.ended.fetch_add(1, Ordering::Relaxed);
        if let Some(reader) = self.0.reader().take() {
            reader.wake();
        }
    }
}

/// Data that the stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Request,
    Head,
    Nothing,
}

/// Stream whose reads fail if a request or the rest of its head does not arrive in time. It also rejects heads with a
/// lone LF.
pub(crate) struct IdleTimeoutStream<S> {
    stream: S,
    times: ReadTimeouts,
    answering: RequestTracker,
    /// Number of requests whose heads have arrived.
    heads: u64,
    waiting: Waiting,
    deadline: Pin<Box<Sleep>>,
    /// Of HTTP/1 alone: HTTP/2 has frames, not lines.
    line_ends: Option<BareLfFilter>,
}

impl<S> IdleTimeoutStream<S> {
    /// Creates a stream of HTTP/1.
    pub fn new(stream: S, times: ReadTimeouts, answering: RequestTracker) -> Self {
        Self { line_ends: Some(BareLfFilter::default()), ..Self::of_frames(stream, times, answering) }
    }

    /// Creates a stream of HTTP/2.
    pub fn of_frames(stream: S, times: ReadTimeouts, answering: RequestTracker) -> Self {
        let deadline = Box::pin(sleep(times.head));
        Self { stream, times, answering, heads: 0, waiting: Waiting::Head, deadline, line_ends: None }
    }

    fn wait_for(&mut self, waiting: Waiting) {
        if self.waiting != waiting {
            self.waiting = waiting;
            let time = if waiting == Waiting::Request { self.times.idle } else { self.times.head };
            self.deadline.as_mut().reset(Instant::now() + time);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for IdleTimeoutStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        let heads = this.answering.begun();
        if this.heads != heads {
            // Bodies have their own timeout.
            (this.heads, this.waiting) = (heads, Waiting::Nothing);
        }
        if this.answering.is_answering() {
            this.waiting = Waiting::Nothing;
            *this.answering.reader() = Some(cx.waker().clone());
        } else if this.waiting == Waiting::Nothing {
            let is_in_head = this.line_ends.as_mut().is_some_and(|line_ends| {
                line_ends.expect_head();
                // Bytes behind the last request may have started the next head.
                line_ends.is_in_head()
            });
            this.wait_for(if is_in_head { Waiting::Head } else { Waiting::Request });
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
            if let Some(line_ends) = &mut this.line_ends {
                line_ends.check(&mut buffer.filled_mut()[before..]);
            }
            if this.waiting == Waiting::Request && buffer.filled().len() > before {
                this.wait_for(Waiting::Head);
            }
            return read;
        }
        if this.waiting != Waiting::Nothing && this.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "no request in time")));
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for IdleTimeoutStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    const TIMES: ReadTimeouts = ReadTimeouts { idle: Duration::from_secs(75), head: Duration::from_secs(15) };

    /// Returns the seconds until a read fails. The clock is paused, so they are virtual.
    async fn seconds_until_it_fails<S: AsyncRead + Unpin>(stream: &mut IdleTimeoutStream<S>) -> u64 {
        let begun = Instant::now();
        let failed = stream.read(&mut [0]).await.expect_err("nothing comes");
        assert_eq!(failed.kind(), ErrorKind::TimedOut);
        begun.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_and_the_wait_for_a_request_another() {
        let answering = RequestTracker::default();
        let (mut client, server) = duplex(64);
        let mut stream = IdleTimeoutStream::new(server, TIMES, answering.clone());
        // A head that arrives byte by byte has 15 seconds in all.
        client.write_all(b"G").await.expect("sent");
        assert_eq!(stream.read(&mut [0]).await.expect("a byte"), 1);
        assert_eq!(seconds_until_it_fails(&mut stream).await, 15);

        for is_slow in [false, true] {
            const HEAD: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
            let (mut client, server) = duplex(64);
            let mut stream = IdleTimeoutStream::new(server, TIMES, answering.clone());
            client.write_all(HEAD).await.expect("sent");
            stream.read_exact(&mut [0; HEAD.len()]).await.expect("a head");
            let under = answering.begin();
            if is_slow {
                // While the request is answered, a body may be read, and no timeout applies.
                let waited = tokio::time::timeout(Duration::from_secs(1000), stream.read(&mut [0])).await;
                assert!(waited.is_err());
            }
            drop(under);
            // The next request has 75 seconds to start, and 15 seconds from its first byte for its head.
            let waited = tokio::time::timeout(Duration::from_secs(70), stream.read(&mut [0])).await;
            assert!(waited.is_err(), "the wait was cut short");
            client.write_all(b"G").await.expect("sent");
            assert_eq!(stream.read(&mut [0]).await.expect("a byte"), 1);
            assert_eq!(seconds_until_it_fails(&mut stream).await, 15);
            // Half a head that arrived with the previous request has 15 seconds from that request's response.
            drop(answering.begin());
            assert_eq!(seconds_until_it_fails(&mut stream).await, 15);
        }
    }
}
