//! Scripted fake server.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aicp_fetch::Limits;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Reaction of the server to a request.
#[derive(Clone)]
pub enum Then {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends these bytes, then nothing more, and keeps the connection open.
    SendAndStay(Vec<u8>),
    /// Sends the first bytes once, then the second for ever.
    Repeat(Vec<u8>, Vec<u8>),
    /// Sends the first bytes once, then the second for ever, with a pause before each.
    Trickle(Vec<u8>, Vec<u8>),
}

impl Then {
    /// Responds with these head lines and this body.
    pub fn answer(head: &str, body: impl AsRef<[u8]>) -> Self {
        Self::Send([format!("HTTP/1.1 {head}\r\n\r\n").as_bytes(), body.as_ref()].concat())
    }

    /// Responds with a picture.
    pub fn well(body: impl AsRef<[u8]>) -> Self {
        Self::answer(&format!("200 OK\r\ncontent-length: {}", body.as_ref().len()), body)
    }

    /// Responds with a redirect.
    pub fn redirect(location: &str) -> Self {
        Self::answer(&format!("302 Found\r\ncontent-length: 0\r\nlocation: {location}"), "")
    }
}

/// Fake server on this machine.
pub struct Fake {
    /// Address it listens at.
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    /// Starts a server that reacts by the path of the request.
    pub async fn start(script: impl Fn(&str) -> Then + Send + Sync + 'static) -> Self {
        Self::listen(None, script).await
    }

    /// Starts a server that always reacts the same way.
    pub async fn doing(then: Then) -> Self {
        Self::start(move |_| then.clone()).await
    }

    /// Starts a server with TLS.
    pub async fn encrypted(tls: TlsAcceptor, script: impl Fn(&str) -> Then + Send + Sync + 'static) -> Self {
        Self::listen(Some(tls), script).await
    }

    async fn listen(tls: Option<TlsAcceptor>, script: impl Fn(&str) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let fake = Self { address, heads: Arc::clone(&heads) };
        let script = Arc::new(script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, script, heads) = (tls.clone(), Arc::clone(&script), Arc::clone(&heads));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &*script, &heads).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, &*script, &heads).await;
                        }
                    }
                });
            }
        });
        fake
    }

    /// Returns an http URL of the server, with its numeric address.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the heads of the requests received.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().expect("a lock").clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    script: &(dyn Fn(&str) -> Then + Send + Sync),
    heads: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("text");
    let path = head.split(' ').nth(1).expect("a path").to_owned();
    heads.lock().expect("a lock").push(head);
    let pause = Duration::from_millis(10);
    match script(&path) {
        Then::Send(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Then::SendAndStay(bytes) => {
            let _ = stream.write_all(&bytes).await;
            std::future::pending().await
        }
        Then::Repeat(first, others) => {
            let mut well = stream.write_all(&first).await;
            while well.is_ok() {
                well = stream.write_all(&others).await;
            }
        }
        Then::Trickle(first, others) => {
            let mut well = stream.write_all(&first).await;
            while well.is_ok() {
                let _ = stream.flush().await;
                tokio::time::sleep(pause).await;
                well = stream.write_all(&others).await;
            }
        }
    }
}

/// Limits that allow the fakes, and only their address.
pub fn limits() -> Limits {
    Limits { allowed_networks: vec!["127.0.0.1".parse().expect("a range")], ..Limits::default() }
}
