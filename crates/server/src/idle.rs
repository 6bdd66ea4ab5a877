//! How long a connection may wait for a request, apart from the time that a request's head may take.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Times of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From an answer to the first byte of the next request.
    pub idle: Duration,
    /// From the first byte of a request, or from the start of the connection, to the end of its head.
    pub head: Duration,
}

/// Whether a request is being answered. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Answering(Arc<AtomicBool>);

impl Answering {
    /// Says that the head of a request is in, until the returned guard is dropped with the answer.
    pub fn begin(&self) -> Under {
        self.0.store(true, Ordering::Relaxed);
        Under(self.clone())
    }

    fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request is being answered as long as this lives.
pub(crate) struct Under(Answering);

impl Drop for Under {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// What the stream waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Request,
    Head,
    Nothing,
}

/// A stream whose reads fail when a request, or the rest of its head, does not come in time.
pub(crate) struct Patient<S> {
    stream: S,
    times: Times,
    answering: Answering,
    waiting: Waiting,
    deadline: Pin<Box<Sleep>>,
}

impl<S> Patient<S> {
    pub fn new(stream: S, times: Times, answering: Answering) -> Self {
        let deadline = Box::pin(sleep(times.head));
        Self { stream, times, answering, waiting: Waiting::Head, deadline }
    }

    fn wait_for(&mut self, waiting: Waiting) {
        if self.waiting != waiting {
            self.waiting = waiting;
            let time = if waiting == Waiting::Request { self.times.idle } else { self.times.head };
            self.deadline.as_mut().reset(Instant::now() + time);
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let this = self.get_mut();
        if this.answering.is_on() {
            // Bodies have a time of their own.
            this.waiting = Waiting::Nothing;
        } else if this.waiting == Waiting::Nothing {
            this.wait_for(Waiting::Request);
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if read.is_ready() {
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
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
