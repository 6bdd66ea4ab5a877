//! Authorities whose certificates this process trusts when it is the client: the well-known ones, compiled in, and those of an
//! operator.

use std::path::Path;
use std::sync::Arc;

pub use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CertificateError, Error as TlsError, RootCertStore};

/// Why authorities can't be trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What should be a certificate is none.
    #[error("an authority to trust is no certificate")]
    NotACertificate,
    /// A file can't be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// TLS can't be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Creates the settings of a TLS client that trusts the well-known authorities and these, each the content of a PEM file or a DER
/// certificate.
///
/// # Errors
/// [`Error::NotACertificate`], [`Error::Tls`].
pub fn client_config(extra_roots: &[Vec<u8>]) -> Result<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots(extra_roots)?).with_no_client_auth())
}

/// As [`client_config`], with the authorities of a file, if one is set.
///
/// # Errors
/// As [`client_config`]; [`Error::Io`].
pub fn client_config_with_file(extra_roots: Option<&Path>) -> Result<ClientConfig> {
    let read = |path: &Path| std::fs::read(path).map_err(|source| Error::Io { path: path.to_owned(), source });
    let extra: Vec<Vec<u8>> = extra_roots.map(read).transpose()?.into_iter().collect();
    client_config(&extra)
}

/// Returns the well-known authorities, compiled in so that the machine needs none installed, and these.
fn roots(extra_roots: &[Vec<u8>]) -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for bytes in extra_roots {
        for certificate in certificates(bytes)? {
            roots.add(certificate).map_err(|_| Error::NotACertificate)?;
        }
    }
    Ok(roots)
}

/// Describes why a TLS connection failed, in our own words: the library's text quotes the certificate.
pub fn reason(error: &std::io::Error) -> String {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) else {
        return error.kind().to_string();
    };
    match error {
        TlsError::InvalidCertificate(error) => match error {
            CertificateError::UnknownIssuer => "the certificate comes from an unknown authority",
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the certificate is for another name"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired",
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "the certificate is not valid yet"
            }
            _ => "the certificate is not trusted",
        },
        _ => "no encrypted connection",
    }
    .into()
}

/// Parses the certificates of a PEM file, or one DER certificate.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'_>>> {
    // Comments may precede the first certificate.
    const PEM: &[u8] = b"-----BEGIN ";
    if !bytes.windows(PEM.len()).any(|window| window == PEM) {
        return Ok(vec![CertificateDer::from(bytes)]);
    }
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(bytes)
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::NotACertificate)?;
    if certificates.is_empty() { Err(Error::NotACertificate) } else { Ok(certificates) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_authorities_are_trusted() {
        // An authority that signs most of the web, by the name in its certificate.
        let name = b"ISRG Root X1";
        let roots = roots(&[]).expect("authorities").roots;
        assert!(roots.iter().any(|root| root.subject.windows(name.len()).any(|window| window == name)));
    }
}
