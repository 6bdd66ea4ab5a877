//! Control socket: local commands reach a running server through a Unix socket in the data folder.
//!
//! No token is needed, because only the owner of the data folder can reach the socket or have created it.

use std::convert::Infallible;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aicp_platform::Platform;
use aicp_requests::{Interfaces, LocalCommand};
use axum::body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::{Request, StatusCode, client::conn::http1 as client};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::health::{self, Readiness};
use crate::http::later;

/// Maximum number of concurrent commands; further ones wait to be accepted.
const MAX_CONCURRENT_COMMANDS: usize = 16;
/// Timeout of a command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// Maximum size of an answer in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// Pause after a failed accept, for example when file handles run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Control socket of a running server. The file is removed on drop.
pub(crate) struct ControlSocket {
    path: PathBuf,
    task: JoinHandle<()>,
}

impl ControlSocket {
    /// Opens the socket and replaces a leftover of an earlier server. The caller must hold the lock of the data folder.
    /// If it fails, the server runs without taking commands.
    pub fn open(path: PathBuf, platform: Platform, interfaces: Interfaces) -> Option<Self> {
        let opened = match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
            _ => bind_for_owner(&path),
        };
        match opened {
            Ok(listener) => Some(Self { path, task: tokio::spawn(serve(listener, platform, interfaces)) }),
            Err(e) => {
                tracing::warn!(path = %path.display(), error = %e, "commands can't be taken while the server runs");
                None
            }
        }
    }
}

/// Binds a socket that only this user can reach, regardless of the umask and of the folder's permissions.
fn bind_for_owner(path: &Path) -> io::Result<UnixListener> {
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        self.task.abort();
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn serve(listener: UnixListener, platform: Platform, interfaces: Interfaces) {
    let places = std::sync::Arc::new(tokio::sync::Semaphore::new(MAX_CONCURRENT_COMMANDS));
    loop {
        let Ok(place) = std::sync::Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(e) => {
                tracing::warn!(error = %e, "a command can't be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (platform, interfaces) = (platform.clone(), interfaces.clone());
        let service = service_fn(move |request: Request<hyper::body::Incoming>| {
            let (platform, interfaces) = (platform.clone(), interfaces.clone());
            async move {
                if request.uri().path() == health::PATH {
                    return Ok(Readiness::of(&platform).await.answer(health::is_verbose(request.uri().query())));
                }
                if platform.admit().await.is_err() {
                    return Ok(later("this node can't follow the others of its database\n"));
                }
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(LocalCommand);
                Ok::<_, Infallible>(interfaces.answer(request).await)
            }
        });
        tokio::spawn(async move {
            let _place = place;
            let connection =
                server::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
            let _ = tokio::time::timeout(COMMAND_TIMEOUT, connection).await;
        });
    }
}

/// Sends a request to the server behind a socket; returns status and body of the answer.
pub(crate) async fn ask(socket: &Path, method: &str, path: &str, body: Vec<u8>) -> io::Result<(StatusCode, Bytes)> {
    let stream = UnixStream::connect(socket).await?;
    let exchange = async move {
        let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("Host", "localhost");
        let request = request.body(Full::new(Bytes::from(body))).map_err(io::Error::other)?;
        let response = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(io::Error::other)?;
        Ok((status, body.to_bytes()))
    };
    tokio::time::timeout(COMMAND_TIMEOUT, exchange).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
