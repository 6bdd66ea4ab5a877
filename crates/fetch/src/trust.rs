//! TLS to pictures and targets.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;

use crate::{Error, Result};

/// Creates a TLS connector that trusts the well-known authorities and these.
///
/// # Errors
/// [`Error::Settings`] if one of `extra_roots` is not a certificate.
pub(crate) fn connector(extra_roots: &[Vec<u8>]) -> Result<TlsConnector> {
    let mut config = aicp_trust::client_config(extra_roots).map_err(|e| Error::Settings(e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // No session resumption, so that a server cannot link two fetches.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}
