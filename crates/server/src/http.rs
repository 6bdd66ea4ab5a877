//! HTTP listeners: accept and admit connections, serve requests, drain at shutdown.

use std::convert::Infallible;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use aicp_platform::Platform;
use aicp_requests::{Client, ConnectionState, Interfaces};
use aicp_types::Sequence;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::config::Encryption;
use crate::connections::{ActivityRecorder, AdmissionError, Connections};
use crate::health::{self, Readiness};
use crate::idle::{IdleTimeoutStream, ReadTimeouts, RequestTracker};
use crate::line_ends::MAX_HEAD;
use crate::metrics;
use crate::proxies::Proxies;
use crate::proxy_protocol;
use crate::tls::{HTTP_2, Tls};

/// Timeout of a request head, from its first byte.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Write timeout: the client must read some of the response within this time.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time that calls in progress get at shutdown.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest wait of a reading of the metrics for the database.
const MAX_READINESS_WAIT: Duration = Duration::from_millis(500);
/// Pause after a failed accept, for example when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Pause before admission of a waiting connection is tried again.
const ADMIT_PAUSE: Duration = Duration::from_millis(5);

/// Header with the sequence of a change: of an answer, the last that the call has written; of a request, one that the answer must show.
const SEQUENCE: HeaderName = HeaderName::from_static("x-aicp-sequence");

/// Maximum number of concurrent requests of an HTTP/2 connection.
const MAX_STREAMS: u32 = 32;
/// Bytes of bodies that an HTTP/2 connection may hold before they are read.
const WINDOW_BYTES: u32 = 256 << 10;
/// Answer to a client that speaks plain HTTP to a listener with TLS.
const SPEAK_TLS: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 33\r\nConnection: close\r\n\r\nthis port speaks HTTPS, not HTTP\n";

/// Entry point of all listeners. Answers health checks at once, and all other requests once loading is done.
#[derive(Clone)]
pub(crate) struct RequestHandler {
    ready: Arc<OnceLock<Ready>>,
    proxies: Proxies,
    connections: Connections,
    /// Whether trusted proxies name their clients by the PROXY protocol.
    has_proxy_protocol: bool,
}

struct Ready {
    platform: Platform,
    interfaces: Vec<(SocketAddr, Interfaces)>,
}

impl RequestHandler {
    pub fn new(proxies: Proxies, has_proxy_protocol: bool, connections: Connections) -> Self {
        Self { ready: Arc::new(OnceLock::new()), proxies, connections, has_proxy_protocol }
    }

    /// Whether a connection begins with a header of the PROXY protocol.
    fn expects_header(&self, peer: IpAddr) -> bool {
        self.has_proxy_protocol && self.proxies.names(peer)
    }

    /// Starts answering requests, on each address by its interfaces.
    pub fn open(&self, platform: Platform, interfaces: Vec<(SocketAddr, Interfaces)>) {
        let _ = self.ready.set(Ready { platform, interfaces });
    }

    async fn answer(
        &self,
        Local { address, is_for_metrics }: Local,
        Peer { address: peer, client }: Peer,
        standing: ConnectionState,
        request: Request<Incoming>,
    ) -> Response<Body> {
        if let Some(fault) = fault_of(&request) {
            return plain(StatusCode::BAD_REQUEST, fault);
        }
        let mut request = request.map(Body::new);
        name_host(&mut request);
        let client = client.unwrap_or_else(|| self.proxies.client_of(request.headers(), peer));
        request.extensions_mut().insert(Client(client));
        request.extensions_mut().insert(standing);
        let ready = self.ready.get();
        let is_probe = matches!(request.uri().path(), "/healthz" | health::PATH);
        let _passed_on = if client != peer.to_canonical() && !is_probe {
            match self.connections.admit_forwarded(client) {
                Some(forwarded_requests) => Some(forwarded_requests),
                None => return later("too many calls of one client are under way\n"),
            }
        } else {
            None
        };
        match (request.uri().path(), ready) {
            (metrics::PATH, Some(ready)) => {
                let may_see = is_for_metrics
                    || metrics::may_see(request.headers(), address.ip(), peer, &self.proxies, &ready.platform);
                self.metrics(request.method().clone(), may_see, &ready.platform).await
            }
            ("/healthz", _) => plain(StatusCode::OK, "ok\n"),
            (health::PATH, Some(ready)) => {
                let is_verbose = health::is_verbose(request.uri().query());
                Readiness::of(&ready.platform).await.answer(is_verbose)
            }
            (_, None) => later("loading\n"),
            _ if is_for_metrics => {
                plain(StatusCode::NOT_FOUND, "this listener has /metrics, /healthz and /readyz alone\n")
            }
            (_, Some(ready)) if ready.platform.admit().await.is_err() => {
                later("this node can't follow the others of its database\n")
            }
            (_, Some(ready)) => match ready.interfaces.iter().find(|(known, _)| *known == address) {
                Some((_, interfaces)) => among_nodes(&ready.platform, interfaces, request).await,
                None => plain(StatusCode::NOT_FOUND, "no such listener\n"),
            },
        }
    }
}

/// Answers a request once this node knows the change that the request names, and names the last change that it has written.
async fn among_nodes(platform: &Platform, interfaces: &Interfaces, request: Request<Body>) -> Response<Body> {
    let named = request.headers().get(&SEQUENCE).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(sequence) = named
        && platform.follow_up_to(Sequence::new(sequence)).await.is_err()
    {
        return later("this node does not know the change of X-AICP-Sequence yet\n");
    }
    let admission = platform.admission();
    let (mut response, written) = platform.noting_writes(interfaces.answer(request)).await;
    if !written.is_any() && (admission.is_none() || platform.admission() != admission) {
        // What was found may be older than what other nodes have answered meanwhile. "Later" would say that nothing was written.
        return later("this node can't follow the others of its database\n");
    }
    if let Some(sequence) = written.sequence() {
        response.headers_mut().insert(SEQUENCE, HeaderValue::from(sequence.get()));
    }
    response
}

impl RequestHandler {
    /// Answers a request for the metrics.
    async fn metrics(&self, method: Method, may_see: bool, platform: &Platform) -> Response<Body> {
        if !may_see {
            return plain(StatusCode::UNAUTHORIZED, "the metrics need the token of an administrator\n");
        }
        // A database that does not answer makes the server unready, and must not keep the metrics from saying so.
        let is_ready = tokio::time::timeout(MAX_READINESS_WAIT, Readiness::of(platform)).await;
        let is_ready = is_ready.is_ok_and(|readiness| readiness.is_ready());
        metrics::answer(&method, platform, &self.connections, is_ready).await
    }
}

/// Listener that a request came to.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    /// Its address.
    pub address: SocketAddr,
    /// Whether it serves the metrics alone, to everybody who reaches it.
    pub is_for_metrics: bool,
}

/// A socket that listens.
pub(crate) struct Listener {
    pub listener: TcpListener,
    /// What it is to its requests.
    pub local: Local,
    /// TLS, and whether this listener speaks it.
    pub tls: Option<(Tls, Encryption)>,
}

/// Accepts connections until `stop` turns true, then waits for the calls in progress.
pub(crate) async fn serve(socket: Listener, front: RequestHandler, mut stop: watch::Receiver<bool>) {
    let Listener { listener, local, tls } = socket;
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
        let acceptor = tls.as_ref().and_then(|(tls, encryption)| tls.acceptor(*encryption));
        let connection = Connection {
            local,
            peer: Peer { address: peer, client: None },
            front: front.clone(),
            activity: admitted.activity_recorder(),
            idle: front.connections.limits().idle,
        };
        let served = connection.serve(stream, acceptor, graceful.watcher(), stop.clone());
        tokio::spawn(async move {
            admitted.has_begun();
            tokio::select! {
                ended = served => if let Err(e) = ended {
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

/// Why a connection broke off.
#[derive(Debug, thiserror::Error)]
enum ConnectionError {
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("TLS: {0}")]
    Tls(std::io::Error),
    #[error("PROXY protocol: {0}")]
    Proxy(std::io::Error),
}

/// Who is at the other end of a connection.
#[derive(Clone, Copy)]
struct Peer {
    address: IpAddr,
    /// The client, if the other end is a proxy that names it by the PROXY protocol.
    client: Option<IpAddr>,
}

/// What the requests of a connection are answered with.
struct Connection {
    local: Local,
    peer: Peer,
    front: RequestHandler,
    activity: ActivityRecorder,
    /// Time that the connection may wait for its next request.
    idle: Duration,
}

impl Connection {
    async fn serve(
        mut self,
        mut stream: TcpStream,
        acceptor: Option<TlsAcceptor>,
        graceful: Watcher,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), ConnectionError> {
        let _ = stream.set_nodelay(true);
        if self.front.expects_header(self.peer.address) {
            let read = tokio::select! {
                () = stopped(&mut stop) => return Ok(()),
                read = tokio::time::timeout(HEAD_TIMEOUT, proxy_protocol::read(&mut stream)) => read,
            };
            let read = read.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
            self.peer.client = read.map_err(ConnectionError::Proxy)?.map(|client| client.to_canonical());
        }
        let Some(acceptor) = acceptor else { return self.serve_http1(bounded(stream), graceful).await };
        let shaken = tokio::select! {
            // The client has not asked for anything.
            () = stopped(&mut stop) => return Ok(()),
            shaken = tokio::time::timeout(HEAD_TIMEOUT, shake_hands(stream, &acceptor)) => shaken,
        };
        let Ok(shaken) = shaken else { return Err(ConnectionError::Tls(ErrorKind::TimedOut.into())) };
        match shaken.map_err(ConnectionError::Tls)? {
            None => Ok(()),
            Some(stream) if stream.get_ref().1.alpn_protocol() == Some(HTTP_2) => {
                self.serve_http2(stream, graceful).await
            }
            Some(stream) => self.serve_http1(stream, graceful).await,
        }
    }

    async fn serve_http1(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        graceful: Watcher,
    ) -> Result<(), ConnectionError> {
        let answering = RequestTracker::default();
        let times = ReadTimeouts { idle: self.idle, head: HEAD_TIMEOUT };
        let stream = IdleTimeoutStream::new(Box::pin(stream), times, answering.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            // `IdleTimeoutStream` has its own timeouts.
            .header_read_timeout(None)
            .max_buf_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), self.service(answering));
        Ok(graceful.watch(connection).await?)
    }

    async fn serve_http2(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        graceful: Watcher,
    ) -> Result<(), ConnectionError> {
        let answering = RequestTracker::default();
        // Frames that are no request come at any time, so the head of a request has no time of its own.
        let times = ReadTimeouts { idle: self.idle, head: self.idle };
        let stream = IdleTimeoutStream::of_frames(Box::pin(stream), times, answering.clone());
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .max_header_list_size(MAX_HEAD as u32)
            .serve_connection(TokioIo::new(stream), self.service(answering));
        Ok(graceful.watch(connection).await?)
    }

    fn service(
        self,
        answering: RequestTracker,
    ) -> impl HttpService<Incoming, ResBody = Body, Error = Infallible, Future: Send> {
        let Self { local, peer, front, activity, .. } = self;
        service_fn(move |request| {
            let (front, under_way, asked) = (front.clone(), answering.begin(), activity.begin());
            async move {
                let response = front.answer(local, peer, asked.standing(), request).await;
                // The answer is under way as long as a stream of unknown length is.
                Ok::<_, Infallible>(match response.body().size_hint().exact() {
                    Some(_) => response,
                    None => response.map(|body| Body::new(Held { body, _guards: (under_way, asked) })),
                })
            }
        })
    }
}

/// Bounds the time for which a client reads nothing of an answer.
fn bounded(stream: TcpStream) -> TimeoutStream<TcpStream> {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    stream
}

/// Accepts TLS. A client that speaks plain HTTP is told so; then the result is `None`.
async fn shake_hands(
    mut stream: TcpStream,
    acceptor: &TlsAcceptor,
) -> std::io::Result<Option<TlsStream<Pin<Box<TimeoutStream<TcpStream>>>>>> {
    let mut first = [0];
    if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
        stream.write_all(SPEAK_TLS).await?;
        stream.shutdown().await?;
        // Unread bytes would reset the connection before the client has the answer.
        let mut unread = [0; 4096];
        while stream.read(&mut unread).await? > 0 {}
        return Ok(None);
    }
    Ok(Some(acceptor.accept(Box::pin(bounded(stream))).await?))
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

/// Puts the authority of an HTTP/2 request into its `Host` (RFC 9113, section 8.3.1), where those who answer look for it.
fn name_host<B>(request: &mut Request<B>) {
    if request.version() != Version::HTTP_2 {
        return;
    }
    let authority = request.uri().authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    if let Some(authority) = authority {
        request.headers_mut().insert(header::HOST, authority);
    }
    if let Some(path) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = path.into();
    }
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

/// Builds a 503 response that asks the client to retry after a second.
pub(crate) fn later(text: &'static str) -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(crate) fn plain(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
