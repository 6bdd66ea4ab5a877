//! Settings of downloads.

use std::path::PathBuf;

use aicp_settings::{Seconds, list, settings, within};

use crate::{Error, Limits, Network, Result};

/// Maximum number of redirects. Not a setting: no server of pictures needs more.
const MAX_REDIRECTS: usize = 3;

settings! {
    /// Downloads from addresses that callers name. Only public addresses and allowed networks are reachable.
    #[derive(PartialEq)]
    pub struct Settings {
        /// Networks that are reachable although they are not public, such as `10.1.0.0/16`.
        #[serde(deserialize_with = "list")]
        allowed_networks: Vec<Network> = Vec::new(),
        /// Maximum size of a picture in bytes.
        #[applies(at_once)]
        max_bytes: usize = 8 << 20 => within(1..=64 << 20),
        /// Maximum duration of a download in seconds, including redirects and body.
        #[applies(at_once)]
        timeout_s: Seconds = Seconds::new(15) => within(Seconds::new(1)..=Seconds::new(600)),
        /// Maximum number of pictures that are being downloaded or processed at once, each of up to `fetch.max_bytes`;
        /// each app may have a quarter of them, and at least one. Further downloads wait for at most half of
        /// `fetch.timeout_s`.
        #[applies(at_once)]
        at_once: usize = 32 => within(1..=1024),
        /// PEM file of certificate authorities that are trusted in addition to the well-known ones.
        extra_roots_file: Option<PathBuf> = None,
    }
}

impl Settings {
    /// Returns the limits, and reads the file of certificate authorities.
    ///
    /// # Errors
    /// [`Error::Settings`] if the file can't be read.
    pub fn limits(&self) -> Result<Limits> {
        let extra_roots = match &self.extra_roots_file {
            Some(file) => {
                vec![std::fs::read(file).map_err(|e| Error::Settings(format!("{}: {e}", file.display())))?]
            }
            None => Vec::new(),
        };
        Ok(Limits { extra_roots, ..self.limits_without_roots() })
    }

    pub(crate) fn limits_without_roots(&self) -> Limits {
        Limits {
            max_bytes: self.max_bytes,
            total_time: self.timeout_s.duration(),
            max_redirects: MAX_REDIRECTS,
            at_once: self.at_once,
            allowed_networks: self.allowed_networks.clone(),
            extra_roots: Vec::new(),
        }
    }
}
