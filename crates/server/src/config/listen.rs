//! Listeners in the settings and on the command line: `ADDR[=legacy|micro|auto][+plain|+mtls]`.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aicp_dialects::aicp::Listener;
use serde::{Serialize, Serializer};

/// Address of a listener, its dialect and its encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address to listen on.
    pub address: SocketAddr,
    /// Dialect on paths that several dialects share.
    pub dialect: Listener,
    /// Encryption.
    pub encryption: Encryption,
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
        let (address, dialect) = text.rsplit_once('=').unwrap_or((text, "auto"));
        let address = address.parse().map_err(|_| "no address and port such as 127.0.0.1:9012".to_owned())?;
        let dialect = match dialect {
            "legacy" => Listener::Legacy,
            "micro" => Listener::Micro,
            "auto" => Listener::Auto,
            other => return Err(format!("{other:?} is none of legacy, micro, auto")),
        };
        Ok(Self { address, dialect, encryption })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = match self.dialect {
            Listener::Legacy => "legacy",
            Listener::Micro => "micro",
            Listener::Auto => "auto",
        };
        let encryption = match self.encryption {
            Encryption::IfSet => "",
            Encryption::Plain => "+plain",
            Encryption::Mutual => "+mtls",
        };
        write!(f, "{}={dialect}{encryption}", self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
