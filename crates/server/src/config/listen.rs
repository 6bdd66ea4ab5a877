//! Listeners in the settings and on the command line: `ADDR[=legacy|micro|auto|metrics][+plain|+mtls]`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aicp_dialects::aicp::Listener;
use serde::{Serialize, Serializer};

/// Address of a listener, what it serves and its encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address to listen on.
    pub address: SocketAddr,
    /// What it serves.
    pub service: Service,
    /// Encryption.
    pub encryption: Encryption,
}

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// All interfaces; on paths that several dialects share, this one.
    Calls(Listener),
    /// Metrics and health alone, to everybody who reaches it.
    Metrics,
}

/// Encryption of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// TLS if a certificate is set.
    IfSet,
    /// None, although a certificate is set.
    Plain,
    /// TLS, for clients with a certificate alone.
    Mutual,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (text, encryption) = match text.rsplit_once('+') {
            None => (text, Encryption::IfSet),
            Some((text, "plain")) => (text, Encryption::Plain),
            Some((text, "mtls")) => (text, Encryption::Mutual),
            Some((_, other)) => return Err(format!("{other:?} is none of plain, mtls")),
        };
        let (address, service) = text.rsplit_once('=').unwrap_or((text, "auto"));
        let address = address.parse().map_err(|_| "no address and port such as 127.0.0.1:9012".to_owned())?;
        let service = match service {
            "legacy" => Service::Calls(Listener::Legacy),
            "micro" => Service::Calls(Listener::Micro),
            "auto" => Service::Calls(Listener::Auto),
            "metrics" => Service::Metrics,
            other => return Err(format!("{other:?} is none of legacy, micro, auto, metrics")),
        };
        Ok(Self { address, service, encryption })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self.service {
            Service::Calls(Listener::Legacy) => "legacy",
            Service::Calls(Listener::Micro) => "micro",
            Service::Calls(Listener::Auto) => "auto",
            Service::Metrics => "metrics",
        };
        let encryption = match self.encryption {
            Encryption::IfSet => "",
            Encryption::Plain => "+plain",
            Encryption::Mutual => "+mtls",
        };
        write!(f, "{}={service}{encryption}", self.address)
    }
}

impl Listen {
    /// Whether it serves calls to the network, not to this machine alone.
    pub(crate) fn is_open_for_calls(&self) -> bool {
        matches!(self.service, Service::Calls(_)) && !self.address.ip().is_loopback()
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
