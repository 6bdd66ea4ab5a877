//! Address checks, and connections to a host.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::network::is_public;
use crate::slots::FetchSlot;
use crate::target::Target;
use crate::{Error, Network, Result};

/// Maximum number of addresses tried for one name.
const MAX_TRIES: usize = 4;

/// Resolves a name; blocks the thread.
pub(crate) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Resolves a name with the system's resolver.
pub(crate) fn system_lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Decides which addresses may be connected to.
pub(crate) struct Routes {
    /// Resolver.
    pub lookup: Arc<Lookup>,
    /// Networks that are not public but may be reached.
    pub allowed_networks: Vec<Network>,
}

impl Routes {
    /// Connects to a target, at an address that was checked: nothing is resolved between check and connection.
    ///
    /// A lookup cannot be cancelled, so it holds `place` until it ends. Lookups that are never answered therefore use
    /// no more threads than there are slots.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Failed`], and [`Error::TimedOut`] at the deadline.
    pub async fn connect(&self, target: &Target, place: &Arc<FetchSlot>, deadline: Instant) -> Result<TcpStream> {
        let addresses = match &target.host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self.look_up(name.clone(), Arc::clone(place), deadline).await?,
        };
        self.check_addresses(&addresses)?;
        let mut failure = Error::Failed("the name has no address".into());
        let tried = addresses.len().min(MAX_TRIES);
        for (index, address) in addresses.iter().take(tried).enumerate() {
            // Each attempt gets an equal share of the remaining time, so a silent address leaves time for the others.
            let now = Instant::now();
            let left = u32::try_from(tried - index).unwrap_or(1);
            let until = now + deadline.saturating_duration_since(now) / left;
            let address = SocketAddr::new(address.to_canonical(), target.port);
            match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(e)) => failure = Error::Failed(e.kind().to_string()),
                Err(_) => failure = Error::TimedOut,
            }
        }
        Err(failure)
    }

    async fn look_up(&self, name: String, place: Arc<FetchSlot>, deadline: Instant) -> Result<Vec<IpAddr>> {
        let lookup = Arc::clone(&self.lookup);
        let answer = tokio::task::spawn_blocking(move || {
            let answer = lookup(&name);
            drop(place);
            answer
        });
        match timeout_at(deadline, answer).await {
            Ok(Ok(Ok(addresses))) => Ok(addresses),
            Ok(_) => Err(Error::Failed("the name is not known".into())),
            Err(_) => Err(Error::TimedOut),
        }
    }

    /// Checks the host of a target if it is an address.
    ///
    /// # Errors
    /// [`Error::Forbidden`].
    pub fn check_host(&self, target: &Target) -> Result<()> {
        match &target.host {
            Host::Ipv4(address) => self.check_addresses(&[IpAddr::V4(*address)]),
            Host::Ipv6(address) => self.check_addresses(&[IpAddr::V6(*address)]),
            Host::Domain(_) => Ok(()),
        }
    }

    /// Refuses if any address is forbidden. Filtering would not help: a name that points both outside and inside is a
    /// mistake or an attack, and the result must not depend on which address happens to respond.
    fn check_addresses(&self, addresses: &[IpAddr]) -> Result<()> {
        let may = |address: &IpAddr| {
            is_public(*address) || self.allowed_networks.iter().any(|network| network.contains(*address))
        };
        if addresses.iter().all(may) { Ok(()) } else { Err(Error::Forbidden) }
    }
}
