//! Entry point of the crate: the fetcher.

use std::sync::Arc;

use bytes::Bytes;
use hyper::http::HeaderMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Host;

use crate::exchange::{Outcome, post_and_read_status, send_and_read};
use crate::route::{Lookup, Routes, system_lookup};
use crate::slots::{FetchSlot, FetchSlots};
use crate::target::Target;
use crate::{Error, Limits, Result, trust};

/// Fetches pictures. Clones share their slots.
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    routes: Routes,
    tls: TlsConnector,
    places: FetchSlots,
}

impl Fetcher {
    /// Creates a fetcher with these limits. Proxies from the environment are not used.
    ///
    /// # Errors
    /// [`Error::Settings`] if a limit would refuse everything, or an extra root is not a certificate.
    pub fn new(limits: Limits) -> Result<Self> {
        Self::with_lookup(limits, Arc::new(system_lookup))
    }

    fn with_lookup(limits: Limits, lookup: Arc<Lookup>) -> Result<Self> {
        limits.check()?;
        let tls = trust::connector(&limits.extra_roots)?;
        let places = FetchSlots::new(limits.at_once);
        let routes = Routes { lookup, allowed_networks: limits.allowed_networks.clone() };
        Ok(Self { inner: Arc::new(Inner { limits, routes, tls, places }) })
    }

    /// Fetches the bytes of an http or https URL on behalf of `owner`. They are not checked to be a picture.
    ///
    /// The bytes hold a slot until their last clone is dropped, so fetched bytes that wait for processing are limited
    /// too.
    ///
    /// # Errors
    /// Every [`Error`] but [`Error::Settings`].
    pub async fn fetch(&self, owner: &str, url: &str) -> Result<Bytes> {
        let target = Target::parse(url)?;
        let (now, total_time) = (Instant::now(), self.inner.limits.total_time);
        // A longer wait would not leave the time that an address may need.
        let place =
            timeout_at(now + total_time / 2, self.inner.places.take(owner)).await.unwrap_or(Err(Error::Busy))?;
        let deadline = now + total_time;
        timeout_at(deadline, self.inner.follow_redirects(target, place, deadline)).await.unwrap_or(Err(Error::TimedOut))
    }
}

impl Fetcher {
    /// Checks what can be known of a URL without connecting: that it is well formed, and that its host, if it is an
    /// address, may be reached. What a name stands for is only known once it is used.
    ///
    /// # Errors
    /// [`Error::BadUrl`], [`Error::Forbidden`].
    pub fn check(&self, url: &str) -> Result<()> {
        self.inner.routes.check_host(&Target::parse(url)?)
    }

    /// Sends bytes to an http or https URL by POST on behalf of `owner`, and returns the status of the answer. Its body is
    /// not read, and no redirect is followed.
    ///
    /// # Errors
    /// [`Error::BadUrl`], [`Error::Forbidden`], [`Error::Busy`], [`Error::TimedOut`], [`Error::Failed`].
    pub async fn post(&self, owner: &str, url: &str, headers: HeaderMap, body: Bytes) -> Result<u16> {
        let target = Target::parse(url)?;
        let (now, total_time) = (Instant::now(), self.inner.limits.total_time);
        let place =
            timeout_at(now + total_time / 2, self.inner.places.take(owner)).await.unwrap_or(Err(Error::Busy))?;
        let (place, deadline) = (Arc::new(place), now + total_time);
        let post = async {
            let stream = self.inner.connect(&target, &place, deadline).await?;
            post_and_read_status(stream, &target, headers, body).await
        };
        timeout_at(deadline, post).await.unwrap_or(Err(Error::TimedOut))
    }
}

/// Body together with the slot that it holds.
struct Fetched {
    bytes: Bytes,
    _place: Arc<FetchSlot>,
}

impl AsRef<[u8]> for Fetched {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Inner {
    async fn follow_redirects(&self, mut target: Target, place: FetchSlot, deadline: Instant) -> Result<Bytes> {
        let place = Arc::new(place);
        let mut redirects = 0;
        loop {
            let location = match self.request_once(&target, &place, deadline).await? {
                Outcome::Body(bytes) => return Ok(Bytes::from_owner(Fetched { bytes, _place: place })),
                Outcome::Redirect(location) => location,
            };
            if redirects == self.limits.max_redirects {
                return Err(Error::TooManyRedirects);
            }
            redirects += 1;
            target = target.redirect(location.as_bytes())?;
        }
    }

    /// Requests a target over a connection of its own. Every redirect repeats all checks.
    async fn request_once(&self, target: &Target, place: &Arc<FetchSlot>, deadline: Instant) -> Result<Outcome> {
        send_and_read(self.connect(target, place, deadline).await?, target, self.limits.max_bytes).await
    }

    /// Connects to a target, with encryption if its URL says so.
    async fn connect(&self, target: &Target, place: &Arc<FetchSlot>, deadline: Instant) -> Result<Box<dyn Stream>> {
        let stream = self.routes.connect(target, place, deadline).await?;
        if !target.is_https() {
            return Ok(Box::new(stream));
        }
        let name = match &target.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Error::BadUrl)?,
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
        };
        let stream = self.tls.connect(name, stream).await.map_err(|e| Error::Failed(aicp_trust::reason(&e)))?;
        Ok(Box::new(stream))
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpSocket, TcpStream};

    use super::*;

    const INSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const HERE: Ipv4Addr = Ipv4Addr::LOCALHOST;
    /// Also an address of this machine; nothing listens there.
    const BESIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(1, 1, 1, 1);

    /// Starts a server at [`HERE`] that answers every request with this body; returns its port.
    async fn server(body: &'static str) -> u16 {
        let listener = TcpListener::bind((HERE, 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    fn limits(allowed: &str) -> Limits {
        Limits { allowed_networks: vec![allowed.parse().expect("a range")], ..Limits::default() }
    }

    /// Returns a fetcher whose lookups give these answers in turn, repeating the last, and a counter of the lookups.
    fn naming(limits: Limits, answers: Vec<Vec<Ipv4Addr>>) -> (Fetcher, Arc<AtomicUsize>) {
        let looks = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&looks);
        let lookup = move |_: &str| {
            let look = counted.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            Ok(answers[look].iter().copied().map(IpAddr::V4).collect())
        };
        (Fetcher::with_lookup(limits, Arc::new(lookup)).expect("a fetcher"), looks)
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_refused_whatever_else_it_points_to() {
        for addresses in
            [vec![INSIDE], vec![OUTSIDE, INSIDE], vec![INSIDE, OUTSIDE], vec![HERE, INSIDE], vec![HERE, HERE, INSIDE]]
        {
            let port = server("reached").await;
            let (fetcher, _) = naming(limits("127.0.0.1"), vec![addresses.clone()]);
            let fetched = fetcher.fetch("app", &format!("http://example.com:{port}/")).await;
            assert_eq!(fetched, Err(Error::Forbidden), "{addresses:?}");
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_so_that_it_can_not_change_its_mind() {
        let port = server("here").await;
        let (fetcher, looks) = naming(limits("127.0.0.1"), vec![vec![HERE], vec![INSIDE]]);
        let url = format!("http://example.com:{port}/");
        assert_eq!(fetcher.fetch("app", &url).await, Ok(Bytes::from("here")));
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        assert_eq!(fetcher.fetch("app", &url).await, Err(Error::Forbidden));
    }

    #[tokio::test]
    async fn the_next_address_of_a_name_is_tried_if_nobody_is_at_the_first() {
        let port = server("here").await;
        let (fetcher, _) = naming(limits("127.0.0.0/8"), vec![vec![BESIDE, HERE]]);
        assert_eq!(fetcher.fetch("app", &format!("http://example.com:{port}/")).await, Ok(Bytes::from("here")));
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_leaves_time_for_the_next() {
        let port = server("here").await;
        let silent = TcpSocket::new_v4().expect("a socket");
        silent.bind((BESIDE, port).into()).expect("a port");
        // The system accepts two connections and leaves all others unanswered.
        let silent = silent.listen(1).expect("a listener");
        let address = silent.local_addr().expect("an address");
        let _first = TcpStream::connect(address).await.expect("a connection");
        let _second = TcpStream::connect(address).await.expect("a connection");
        let limits = Limits { total_time: Duration::from_secs(1), ..limits("127.0.0.0/8") };
        let (fetcher, _) = naming(limits, vec![vec![BESIDE, HERE]]);
        assert_eq!(fetcher.fetch("app", &format!("http://example.com:{port}/")).await, Ok(Bytes::from("here")));
        assert_eq!(fetcher.fetch("app", &format!("http://{address}/")).await, Err(Error::TimedOut));
    }

    #[tokio::test]
    async fn a_name_without_address_or_answer_fails() {
        let (fetcher, _) = naming(Limits::default(), vec![vec![]]);
        assert_eq!(
            fetcher.fetch("app", "http://example.com/").await,
            Err(Error::Failed("the name has no address".into()))
        );
        let lookup = |_: &str| Err(io::Error::other("the resolver's words"));
        let fetcher = Fetcher::with_lookup(Limits::default(), Arc::new(lookup)).expect("a fetcher");
        assert_eq!(
            fetcher.fetch("app", "http://example.com/").await,
            Err(Error::Failed("the name is not known".into()))
        );
    }

    #[tokio::test]
    async fn a_lookup_that_goes_on_keeps_its_place() {
        let port = server("here").await;
        let (release, released) = mpsc::channel::<()>();
        let (released, looks) = (std::sync::Mutex::new(released), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&looks);
        let lookup = move |_: &str| {
            counted.fetch_add(1, Ordering::SeqCst);
            // Blocks until the test drops the sender.
            let _ = released.lock().expect("a lock").recv();
            Ok(vec![IpAddr::V4(HERE)])
        };
        let limits = Limits { at_once: 1, total_time: Duration::from_millis(100), ..limits("127.0.0.1") };
        let fetcher = Fetcher::with_lookup(limits, Arc::new(lookup)).expect("a fetcher");
        let url = format!("http://example.com:{port}/");
        assert_eq!(fetcher.fetch("app", &url).await, Err(Error::TimedOut));
        // These time out waiting for a slot and look nothing up.
        for owner in ["app", "another"] {
            assert_eq!(fetcher.fetch(owner, &format!("http://127.0.0.1:{port}/")).await, Err(Error::Busy), "{owner}");
        }
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        drop(release);
        let _place = fetcher.inner.places.take("app").await.expect("a place");
    }
}
