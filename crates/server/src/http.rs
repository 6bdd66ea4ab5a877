//! HTTP listeners: accept and admit connections, serve requests, drain at shutdown.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aicp_platform::Platform;
use aicp_requests::{Client, ConnectionState, Interfaces};
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;

use crate::connections::{ActivityRecorder, AdmissionError, Connections};
use crate::idle::{IdleTimeoutStream, ReadTimeouts, RequestTracker};
use crate::line_ends::MAX_HEAD;

/// Timeout of a request head, from its first byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Write timeout: the client must read some of the response within this time.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time that calls in progress get at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed accept, for example when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before admission of a waiting connection is tried again.
const ADMIT_PAUSE: Duration = Duration::from_millis(5);

/// Entry point of all listeners. Answers health checks at once, and all other requests once loading is done.
#[derive(Clone)]
pub(crate) struct RequestHandler {
    ready: Arc<OnceLock<Ready>>,
    /// Trusted proxies, whose `X-Forwarded-For` is used.
    proxies: Arc<Vec<IpAddr>>,
    connections: Connections,
}

struct Ready {
    platform: Platform,
    interfaces: Vec<(SocketAddr, Interfaces)>,
}

impl RequestHandler {
    pub fn new(proxies: Vec<IpAddr>, connections: Connections) -> Self {
        Self { ready: Arc::new(OnceLock::new()), proxies: Arc::new(proxies), connections }
    }

    /// Starts answering requests, on each address by its interfaces.
    pub fn open(&self, platform: Platform, interfaces: Vec<(SocketAddr, Interfaces)>) {
        let _ = self.ready.set(Ready { platform, interfaces });
    }

    async fn answer(
        &self,
        address: SocketAddr,
        peer: IpAddr,
        standing: ConnectionState,
        request: Request<Incoming>,
    ) -> Response<Body> {
        if let Some(fault) = fault_of(&request) {
            return plain(StatusCode::BAD_REQUEST, fault);
        }
        let mut request = request.map(Body::new);
        let client = client_of(request.headers(), peer, &self.proxies);
        request.extensions_mut().insert(Client(client));
        request.extensions_mut().insert(standing);
        let ready = self.ready.get();
        let is_probe = matches!(request.uri().path(), "/healthz" | "/readyz");
        let _passed_on = if client != peer.to_canonical() && !is_probe {
            match self.connections.admit_forwarded(client) {
                Some(forwarded_requests) => Some(forwarded_requests),
                None => return later("too many calls of one client are under way\n"),
            }
        } else {
            None
        };
        match (request.uri().path(), ready) {
            ("/healthz", _) => plain(StatusCode::OK, "ok\n"),
            ("/readyz", Some(ready)) => readyz(&ready.platform).await,
            (_, None) => later("loading\n"),
            (_, Some(ready)) => match ready.interfaces.iter().find(|(known, _)| *known == address) {
                Some((_, interfaces)) => interfaces.answer(request).await,
                None => plain(StatusCode::NOT_FOUND, "no such listener\n"),
            },
        }
    }
}

/// Accepts connections until `stop` turns true, then waits for the calls in progress.
pub(crate) async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    front: RequestHandler,
    idle: Duration,
    mut stop: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let (stream, peer) = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => (stream, peer.ip()),
                Err(e) => {
                    tracing::warn!(error = %e, "a connection can't be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        // Over the limit, a connection is closed at once instead of left hanging. While all open ones are too young to
        // be closed, new ones wait in the backlog, so that a flood can't close a connection before its first head.
        let admitted = loop {
            match front.connections.admit(peer) {
                Ok(admitted) => break Some(admitted),
                Err(AdmissionError::AllProtected) => break None,
                Err(AdmissionError::NotYet) => tokio::select! {
                    () = stopped(&mut stop) => break None,
                    () = tokio::time::sleep(ADMIT_PAUSE) => {}
                },
            }
        };
        let Some(admitted) = admitted else { continue };
        let connection =
            graceful.watch(connection(stream, address, peer, front.clone(), admitted.activity_recorder(), idle));
        tokio::spawn(async move {
            admitted.has_begun();
            tokio::select! {
                ended = connection => if let Err(e) = ended {
                    tracing::debug!(error = %e, "a connection broke off");
                },
                () = admitted.closed() => tracing::debug!("a connection made room for another"),
            }
            drop(admitted);
        });
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some calls were still under way at shut-down");
    }
}

/// Waits until the flag is set or its sender is dropped.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn connection(
    stream: TcpStream,
    address: SocketAddr,
    peer: IpAddr,
    front: RequestHandler,
    activity_recorder: ActivityRecorder,
    idle: Duration,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    let answering = RequestTracker::default();
    let stream = IdleTimeoutStream::new(Box::pin(stream), ReadTimeouts { idle, head: HEAD_TIMEOUT }, answering.clone());
    let service = service_fn(move |request| {
        let (front, under_way, asked) = (front.clone(), answering.begin(), activity_recorder.begin());
        async move {
            let response = front.answer(address, peer, asked.standing(), request).await;
            // The answer is under way as long as a stream of unknown length is.
            Ok::<_, Infallible>(match response.body().size_hint().exact() {
                Some(_) => response,
                None => response.map(|body| Body::new(Held { body, _guards: (under_way, asked) })),
            })
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        // `IdleTimeoutStream` has its own timeouts.
        .header_read_timeout(None)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

/// Body that keeps its guards until it is sent or dropped.
struct Held<G> {
    body: Body,
    _guards: G,
}

impl<G: Unpin> HttpBody for Held<G> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Returns the fault of a request that a proxy and this server might read differently (RFC 9112, sections 3.2 and 6.1).
fn fault_of<B>(request: &Request<B>) -> Option<&'static str> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if request.version() != Version::HTTP_11 => {}
        (Some(host), None) if is_host(host.as_bytes()) => {}
        _ => return Some("a request must have one Host\n"),
    }
    let mut codings = request.headers().get_all(header::TRANSFER_ENCODING).iter();
    if codings.next().is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
        || codings.next().is_some()
    {
        return Some("of the transfer codings only chunked is read\n");
    }
    None
}

/// Returns whether a text is a host with an optional port (RFC 3986, sections 3.2.2 and 3.2.3).
fn is_host(text: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(byte);
    let is_of_address = |byte: &u8| byte.is_ascii_alphanumeric() || b":.-_~%".contains(byte);
    let end = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(length) = rest.iter().position(|&byte| byte == b']') else { return false };
            if !rest[..length].iter().all(is_of_address) {
                return false;
            }
            &rest[length + 1..]
        }
        None => &text[text.iter().take_while(|&byte| is_name(byte)).count()..],
    };
    match end {
        [] => true,
        [b':', port @ ..] => port.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// Answers the readiness probe; the body names the reason if the server is not ready.
async fn readyz(platform: &Platform) -> Response<Body> {
    if let Err(e) = platform.ping().await {
        tracing::error!(error = %e, "not ready");
        return plain(StatusCode::SERVICE_UNAVAILABLE, format!("store: {}\n", e.readiness_message()));
    }
    if let Some(still) = platform.recognition_stuck_for() {
        let seconds = still.as_secs();
        tracing::error!(seconds, "not ready: no picture was done");
        return plain(StatusCode::SERVICE_UNAVAILABLE, format!("recognition: no picture was done for {seconds} s\n"));
    }
    plain(StatusCode::OK, readiness(platform))
}

/// Builds the text of a ready server, with the last known state of each remote engine. An engine that is down does not
/// make the server unready: its writes wait in the outbox.
fn readiness(platform: &Platform) -> String {
    let engines = platform.engine_health().into_iter().map(|health| {
        let state = match health.is_up {
            Some(true) => "up",
            Some(false) => "down",
            None => "unknown",
        };
        format!("engine {}: {state}\n", health.engine)
    });
    std::iter::once("ready\n".to_owned()).chain(engines).collect()
}

/// Returns the client of a request: the peer or, if the peer is a trusted proxy, the last address before the trusted
/// proxies in `X-Forwarded-For`.
fn client_of(headers: &HeaderMap, peer: IpAddr, proxies: &[IpAddr]) -> IpAddr {
    let mut client = peer.to_canonical();
    let hops = headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = hops.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.into_iter().rev() {
        if !proxies.contains(&client) {
            break;
        }
        let Ok(before) = hop.parse::<IpAddr>() else { break };
        client = before.to_canonical();
    }
    client
}

/// Builds a 503 response that asks the client to retry after a second.
fn later(text: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_the_client_is() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("198.51.100.1, 203.0.113.7"));
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.2"));
        let (near, far) = (address("192.0.2.1"), address("192.0.2.2"));
        assert_eq!(client_of(&headers, near, &[]), near, "nobody is trusted");
        assert_eq!(client_of(&headers, near, &[near]), far);
        assert_eq!(client_of(&headers, near, &[near, far]), address("203.0.113.7"), "not what the client itself wrote");
        assert_eq!(client_of(&HeaderMap::new(), near, &[near]), near);
        assert_eq!(client_of(&headers, address("::ffff:192.0.2.1"), &[near]), far);
        headers.append("x-forwarded-for", HeaderValue::from_static("unknown"));
        assert_eq!(client_of(&headers, near, &[near]), near);
    }
}
