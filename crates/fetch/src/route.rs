//! From a host to a connection with it.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use url::Host;

use crate::network::is_public;
use crate::places::Place;
use crate::target::Target;
use crate::{Error, Network, Result};

/// Addresses of one name that are tried.
const MAX_TRIES: usize = 4;

/// Looks names up; blocks the thread meanwhile.
pub(crate) type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// Asks the machine.
pub(crate) fn system_lookup(name: &str) -> io::Result<Vec<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Decides where connections may go.
pub(crate) struct Routes {
    /// Looks names up.
    pub lookup: Arc<Lookup>,
    /// Networks that are not public but may be reached.
    pub allowed_networks: Vec<Network>,
}

impl Routes {
    /// A connection with a target, to an address that was judged: nothing is looked up between judging and connecting.
    ///
    /// `place` is held for as long as a lookup goes on, which can't be ended early, so that names that are never
    /// answered for don't use up more threads than there are places.
    ///
    /// # Errors
    /// [`Error::Forbidden`], [`Error::Failed`], and [`Error::TimedOut`] at the deadline.
    pub async fn connect(&self, target: &Target, place: &Arc<Place>, deadline: Instant) -> Result<TcpStream> {
        let addresses = match &target.host {
            Host::Ipv4(address) => vec![IpAddr::V4(*address)],
            Host::Ipv6(address) => vec![IpAddr::V6(*address)],
            Host::Domain(name) => self.look_up(name.clone(), Arc::clone(place), deadline).await?,
        };
        self.judge(&addresses)?;
        let mut failure = Error::Failed("the name has no address".into());
        let tried = addresses.len().min(MAX_TRIES);
        for (index, address) in addresses.iter().take(tried).enumerate() {
            // One that says nothing leaves the others their share of the time.
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

    async fn look_up(&self, name: String, place: Arc<Place>, deadline: Instant) -> Result<Vec<IpAddr>> {
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

    /// Refuses if any address is not to be reached. To pick out the good ones would serve nobody: a name that points
    /// both out and in is a mistake or a trap, and the answer should not hang on which address happened to respond.
    fn judge(&self, addresses: &[IpAddr]) -> Result<()> {
        let may = |address: &IpAddr| {
            is_public(*address) || self.allowed_networks.iter().any(|network| network.contains(*address))
        };
        if addresses.iter().all(may) { Ok(()) } else { Err(Error::Forbidden) }
    }
}
