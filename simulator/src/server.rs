//! The HTTP server.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use aicp_vision::Vision;

use crate::faults::{FaultInjector, Faults, Outcome};
use crate::world::{Refusal, World};
use crate::{Error, Options, Result, Vendor, cloudwalk, koala};

/// Maximum size of a request body in bytes.
const MAX_BODY_BYTES: usize = 32 << 20;
/// Maximum time for calls in progress to end at shut-down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Handle of a running simulator. Dropping it aborts the simulator; [`Running::stop`] shuts it down cleanly.
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Running {
    /// Returns the address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL of its calls.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Shuts down after the calls in progress have ended.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        let _ = (&mut self.served).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.served.abort();
    }
}

struct Simulator {
    options: Options,
    world: Arc<World>,
    fault_injector: Mutex<FaultInjector>,
    calls: Mutex<BTreeMap<String, u64>>,
}

/// Marks a response that is replaced by closing the connection.
#[derive(Clone)]
struct CloseConnection;

/// Starts a simulator that uses these workers.
///
/// # Errors
/// If the journal can't be read or the address can't be bound.
pub async fn start(options: Options, vision: Vision) -> Result<Running> {
    let world = Arc::new(World::open(&options.data_dir, options.any_library, vision).await?);
    let failed = |e| Error::Listen(options.listen, e);
    let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let simulator = Simulator { options, world, fault_injector: Mutex::default(), calls: Mutex::default() };
    let router = Router::new()
        .route("/simulator/faces", get(faces))
        .route("/simulator/calls", get(calls))
        .route("/simulator/faults", post(faults))
        .fallback(vendor)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(simulator));
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(serve(listener, router, stopped));
    Ok(Running { address, stop: Some(stop), served })
}

async fn serve(listener: TcpListener, router: Router, mut stopped: oneshot::Receiver<()>) {
    let connections = GracefulShutdown::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => connection(stream, peer, router.clone(), &connections),
                // Probably out of file descriptors: waits until some connections end.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            _ = &mut stopped => break,
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
}

fn connection(stream: TcpStream, peer: SocketAddr, router: Router, connections: &GracefulShutdown) {
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            // A task of its own: the work is done even if the caller does not wait for it.
            let answered = tokio::spawn(router.oneshot(request)).await;
            let Ok(Ok(response)) = answered else { return Err(io::Error::other("broken")) };
            if response.extensions().get::<CloseConnection>().is_some() {
                Err(io::Error::other("cut"))
            } else {
                Ok(response)
            }
        }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    let connection = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        let _ = connection.await;
    });
}

/// Handles every call of the vendor's interface.
async fn vendor(State(simulator): State<Arc<Simulator>>, uri: Uri, body: Bytes) -> Response {
    let path = uri.path().trim_start_matches('/');
    *locked(&simulator.calls).entry(path.to_owned()).or_default() += 1;
    let (fate, delay_ms) = locked(&simulator.fault_injector).choose_outcome(path);
    match fate {
        Outcome::DroppedBefore => return close_connection(),
        Outcome::Status500 => return (StatusCode::INTERNAL_SERVER_ERROR, "simulated").into_response(),
        Outcome::Success | Outcome::DroppedAfter => {}
    }
    let response = simulator.answer(path, &body).await;
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    if fate == Outcome::DroppedAfter { close_connection() } else { response }
}

impl Simulator {
    async fn answer(&self, path: &str, body: &[u8]) -> Response {
        let (answer, error_answer): (_, fn(&Refusal) -> Option<Value>) = match self.options.speak {
            Vendor::Koala => (koala::answer(&self.world, path, body).await, koala::error_answer),
            Vendor::Cloudwalk => {
                (cloudwalk::answer(&self.world, &self.options, path, body).await, cloudwalk::error_answer)
            }
        };
        let Some(answer) = answer else { return (StatusCode::NOT_FOUND, "no such call").into_response() };
        match answer.or_else(|refusal| error_answer(&refusal).ok_or(())) {
            Ok(answer) => json_of(&answer),
            Err(()) => (StatusCode::INTERNAL_SERVER_ERROR, "the simulator failed").into_response(),
        }
    }
}

fn json_of(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn close_connection() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(CloseConnection);
    response
}

async fn faces(State(simulator): State<Arc<Simulator>>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let libraries = simulator.world.libraries().into_iter();
    json_of(&Value::Object(libraries.map(|(id, _, faces)| (id, json!(faces))).collect()))
}

async fn calls(State(simulator): State<Arc<Simulator>>, ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    json_of(&json!(*locked(&simulator.calls)))
}

async fn faults(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    body: Bytes,
) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            *locked(&simulator.fault_injector) = FaultInjector::new(faults.clone());
            json_of(&json!(faults))
        }
        Err(e) => (StatusCode::BAD_REQUEST, e.to_string()).into_response(),
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
