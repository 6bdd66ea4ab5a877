//! Entry points for the fuzz targets, which have no access to private functions.

use std::net::IpAddr;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::exchange::{Outcome, send_and_read};
use crate::target::Target;
use crate::{Result, network};

/// Parsed URL.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Target")]
pub struct Address {
    pub is_https: bool,
    pub host: String,
    pub port: u16,
    pub path: String,
    pub authority: Vec<u8>,
}

impl Address {
    fn of(target: &Target) -> Self {
        Self {
            is_https: target.is_https(),
            host: target.host.to_string(),
            port: target.port,
            path: target.path.to_string(),
            authority: target.authority.as_bytes().to_vec(),
        }
    }
}

/// Parses a URL.
///
/// # Errors
/// As a fetch of the URL.
pub fn address(url: &str) -> Result<Address> {
    Target::parse(url).map(|target| Address::of(&target))
}

/// Resolves the location of a redirect.
///
/// # Errors
/// As a fetch that is redirected there.
pub fn redirect(from: &str, location: &[u8]) -> Result<Address> {
    Target::parse(from)?.redirect(location).map(|target| Address::of(&target))
}

/// Returns whether an address is publicly reachable.
pub fn is_public(address: IpAddr) -> bool {
    network::is_public(address)
}

/// Reads a server's response: returns the body, or nothing for a redirect.
///
/// # Errors
/// As a fetch.
pub async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin, max_bytes: usize) -> Result<Option<Bytes>> {
    match send_and_read(stream, &Target::parse("http://example.com/")?, max_bytes).await? {
        Outcome::Body(bytes) => Ok(Some(bytes)),
        Outcome::Redirect(_) => Ok(None),
    }
}
