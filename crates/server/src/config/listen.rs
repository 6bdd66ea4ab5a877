//! Listeners in the settings and on the command line.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use aicp_dialects::aicp::Listener;
use serde::{Serialize, Serializer};

/// Listener address and dialect: `ADDR[=legacy|micro|auto]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// Address to listen on.
    pub address: SocketAddr,
    /// Dialect on paths that several dialects share.
    pub dialect: Listener,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, dialect) = text.rsplit_once('=').unwrap_or((text, "auto"));
        let address = address.parse().map_err(|_| "no address and port such as 127.0.0.1:9012".to_owned())?;
        let dialect = match dialect {
            "legacy" => Listener::Legacy,
            "micro" => Listener::Micro,
            "auto" => Listener::Auto,
            other => return Err(format!("{other:?} is none of legacy, micro, auto")),
        };
        Ok(Self { address, dialect })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = match self.dialect {
            Listener::Legacy => "legacy",
            Listener::Micro => "micro",
            Listener::Auto => "auto",
        };
        write!(f, "{}={dialect}", self.address)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
