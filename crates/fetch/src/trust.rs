//! Trusted certificate authorities.

use std::sync::Arc;

use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error as TlsError, RootCertStore};

use crate::{Error, Result};

/// Creates a TLS connector that trusts the well-known authorities and these.
///
/// # Errors
/// [`Error::Settings`] if one of `extra_roots` is not a certificate.
pub(crate) fn connector(extra_roots: &[Vec<u8>]) -> Result<TlsConnector> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Settings(e.to_string()))?
        .with_root_certificates(roots(extra_roots)?)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // No session resumption, so that a server cannot link two fetches.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Returns the well-known authorities, compiled in so that the machine needs none installed, and these.
fn roots(extra_roots: &[Vec<u8>]) -> Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for bytes in extra_roots {
        for certificate in certificates(bytes)? {
            roots.add(certificate).map_err(|_| not_a_certificate())?;
        }
    }
    Ok(roots)
}

/// Describes why a TLS connection failed, in our own words: the library's text quotes the certificate.
pub(crate) fn reason(error: &std::io::Error) -> String {
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
        .map_err(|_| not_a_certificate())?;
    if certificates.is_empty() { Err(not_a_certificate()) } else { Ok(certificates) }
}

fn not_a_certificate() -> Error {
    Error::Settings("an authority to trust is no certificate".into())
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
