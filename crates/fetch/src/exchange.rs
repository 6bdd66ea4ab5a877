//! One HTTP request and its response over an open connection.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::http::header::{ACCEPT, CONNECTION, HOST, LOCATION, USER_AGENT};
use hyper::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::target::Target;
use crate::{Error, Result};

/// Size of a connection's read buffer in bytes, apart from one read. The head of a response must fit.
const READ_BUFFER_BYTES: usize = 32 << 10;

/// Response of a server.
pub(crate) enum Outcome {
    /// The requested bytes.
    Body(Bytes),
    /// The location that a redirect names.
    Redirect(HeaderValue),
}

/// Requests a target and reads at most `max_bytes` of the body. The bytes are returned as sent: compression is neither
/// requested nor undone.
///
/// # Errors
/// [`Error::Status`], [`Error::TooLarge`] and [`Error::Failed`].
pub(crate) async fn send_and_read(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    max_bytes: usize,
) -> Result<Outcome> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(transport_error)?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = target.path.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, target.authority.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("image/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static("aicp"));
    let mut answer =
        pin!(async { read(sender.send_request(request).await.map_err(transport_error)?, max_bytes).await });
    // The connection makes progress while it is polled. It may end before the whole body is read.
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}

/// Posts a body to a target and returns the status of the answer, whose body is not read.
///
/// # Errors
/// [`Error::Failed`].
pub(crate) async fn post_and_read_status(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    headers: HeaderMap,
    body: Bytes,
) -> Result<u16> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BUFFER_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(transport_error)?;
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.path.clone();
    *request.headers_mut() = headers;
    let headers = request.headers_mut();
    headers.insert(HOST, target.authority.clone());
    headers.insert(USER_AGENT, HeaderValue::from_static("aicp"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    let mut answer = pin!(async { Ok(sender.send_request(request).await.map_err(transport_error)?.status().as_u16()) });
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}

async fn read(response: Response<Incoming>, max_bytes: usize) -> Result<Outcome> {
    match response.status() {
        // No other success status carries the whole picture.
        StatusCode::OK => {}
        status @ (StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT) => {
            let location = response.headers().get(LOCATION).cloned();
            return location.map(Outcome::Redirect).ok_or(Error::Status(status.as_u16()));
        }
        status => return Err(Error::Status(status.as_u16())),
    }
    let mut body = response.into_body();
    if body.size_hint().exact().is_some_and(|declared| declared > max_bytes as u64) {
        return Err(Error::TooLarge);
    }
    let mut taken = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(transport_error)?.into_data() else { continue };
        take(&mut taken, &bytes, max_bytes)?;
    }
    Ok(Outcome::Body(taken.into()))
}

/// Appends bytes to those read. Never allocates more than `max_bytes`, whatever length was declared.
fn take(taken: &mut Vec<u8>, bytes: &[u8], max_bytes: usize) -> Result<()> {
    let needed = taken.len().saturating_add(bytes.len());
    if needed > max_bytes {
        return Err(Error::TooLarge);
    }
    if needed > taken.capacity() {
        let capacity = taken.capacity().saturating_mul(2).clamp(needed, max_bytes);
        taken.reserve_exact(capacity - taken.len());
    }
    taken.extend_from_slice(bytes);
    Ok(())
}

/// Converts an error of the library; its text quotes nothing that the server sent.
fn transport_error(error: hyper::Error) -> Error {
    Error::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn takes_all_or_refuses_and_never_holds_more(
            pieces in vec(vec(any::<u8>(), 0..40), 0..20),
            max_bytes in 1..400_usize,
        ) {
            let mut taken = Vec::new();
            let outcome = pieces.iter().try_for_each(|piece| take(&mut taken, piece, max_bytes));
            prop_assert!(taken.capacity() <= max_bytes);
            let whole = pieces.concat();
            if whole.len() <= max_bytes {
                prop_assert_eq!(outcome, Ok(()));
                prop_assert_eq!(taken, whole);
            } else {
                prop_assert_eq!(outcome, Err(Error::TooLarge));
            }
        }
    }
}
