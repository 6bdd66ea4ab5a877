//! One request and its answer, over a connection that stands.

use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper::http::header::{ACCEPT, HOST, LOCATION, USER_AGENT};
use hyper::http::{HeaderValue, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::target::Target;
use crate::{Error, Result};

/// Bytes of a connection that are held before they are taken, but for those of one read. A head must fit in.
const BUFFER: usize = 32 << 10;

/// What a server says.
pub(crate) enum Answer {
    /// The bytes that were asked for.
    Body(Bytes),
    /// To look elsewhere.
    Redirect(HeaderValue),
}

/// Asks for a target and takes at most `max_bytes` of the body. The bytes are as they were sent: nothing asks for
/// compression, and nothing undoes it.
///
/// # Errors
/// [`Error::Status`], [`Error::TooLarge`] and [`Error::Failed`].
pub(crate) async fn ask(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    max_bytes: usize,
) -> Result<Answer> {
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(BUFFER).handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = target.path.clone();
    let headers = request.headers_mut();
    headers.insert(HOST, target.authority.clone());
    headers.insert(ACCEPT, HeaderValue::from_static("image/*"));
    headers.insert(USER_AGENT, HeaderValue::from_static("aicp"));
    let mut answer = pin!(async { read(sender.send_request(request).await.map_err(failed)?, max_bytes).await });
    // The connection works while it is polled. It may be done before all it brought is taken.
    tokio::select! {
        answer = &mut answer => answer,
        _ = connection => answer.await,
    }
}

async fn read(response: Response<Incoming>, max_bytes: usize) -> Result<Answer> {
    match response.status() {
        // Nothing else that is called a success has the whole picture for a body.
        StatusCode::OK => {}
        status @ (StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT) => {
            let location = response.headers().get(LOCATION).cloned();
            return location.map(Answer::Redirect).ok_or(Error::Status(status.as_u16()));
        }
        status => return Err(Error::Status(status.as_u16())),
    }
    let mut body = response.into_body();
    if body.size_hint().exact().is_some_and(|declared| declared > max_bytes as u64) {
        return Err(Error::TooLarge);
    }
    let mut taken = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(bytes) = frame.map_err(failed)?.into_data() else { continue };
        take(&mut taken, &bytes, max_bytes)?;
    }
    Ok(Answer::Body(taken.into()))
}

/// Adds bytes to those taken, for which never more than `max_bytes` of memory are asked, whatever was declared.
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

/// The library's word for what went wrong, which quotes nothing that was sent.
fn failed(error: hyper::Error) -> Error {
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
