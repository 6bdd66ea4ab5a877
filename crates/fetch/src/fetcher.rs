//! The way in.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Host;

use crate::exchange::{Answer, ask};
use crate::route::{Lookup, Routes, system_lookup};
use crate::target::Target;
use crate::{Error, Limits, Result, trust};

/// Fetches pictures. Clones share their places.
#[derive(Clone)]
pub struct Fetcher {
    inner: Arc<Inner>,
}

struct Inner {
    limits: Limits,
    routes: Routes,
    tls: TlsConnector,
    places: Arc<Semaphore>,
}

impl Fetcher {
    /// A fetcher within these limits. Proxies that the environment names are not used.
    ///
    /// # Errors
    /// [`Error::Settings`] if a limit lets nothing through, or an authority to trust is no certificate.
    pub fn new(limits: Limits) -> Result<Self> {
        Self::with_lookup(limits, Arc::new(system_lookup))
    }

    fn with_lookup(limits: Limits, lookup: Arc<Lookup>) -> Result<Self> {
        limits.check()?;
        let tls = trust::connector(&limits.extra_roots)?;
        let places = Arc::new(Semaphore::new(limits.at_once.min(Semaphore::MAX_PERMITS)));
        let routes = Routes { lookup, allowed_networks: limits.allowed_networks.clone() };
        Ok(Self { inner: Arc::new(Inner { limits, routes, tls, places }) })
    }

    /// The bytes behind an http or https address. Nothing says that they are a picture.
    ///
    /// # Errors
    /// Every [`Error`] but [`Error::Settings`].
    pub async fn fetch(&self, url: &str) -> Result<Bytes> {
        let target = Target::parse(url)?;
        let deadline = Instant::now() + self.inner.limits.total_time;
        timeout_at(deadline, self.inner.follow(target, deadline)).await.unwrap_or(Err(Error::TimedOut))
    }
}

impl Inner {
    async fn follow(&self, mut target: Target, deadline: Instant) -> Result<Bytes> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|e| Error::Failed(e.to_string()))?;
        let place = Arc::new(place);
        let mut redirects = 0;
        loop {
            let location = match self.visit(&target, &place, deadline).await? {
                Answer::Body(bytes) => return Ok(bytes),
                Answer::Redirect(location) => location,
            };
            if redirects == self.limits.max_redirects {
                return Err(Error::TooManyRedirects);
            }
            redirects += 1;
            target = target.redirect(location.as_bytes())?;
        }
    }

    /// Each step on the way goes through everything anew, over a connection of its own.
    async fn visit(&self, target: &Target, place: &Arc<OwnedSemaphorePermit>, deadline: Instant) -> Result<Answer> {
        let stream = self.routes.connect(target, place, deadline).await?;
        if !target.is_https() {
            return ask(stream, target, self.limits.max_bytes).await;
        }
        let name = match &target.host {
            Host::Domain(name) => ServerName::try_from(name.clone()).map_err(|_| Error::BadUrl)?,
            Host::Ipv4(address) => ServerName::IpAddress((*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress((*address).into()),
        };
        let stream = self.tls.connect(name, stream).await.map_err(|e| Error::Failed(trust::reason(&e)))?;
        ask(stream, target, self.limits.max_bytes).await
    }
}
