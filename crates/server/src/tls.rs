//! TLS of the listeners: certificate, key and, for mutual TLS, the roots of the clients' certificates.
//!
//! The files are read again when they change and on SIGHUP. Connections that are open go on as they were. Files that are not
//! right leave what was read before in force.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto::CryptoProvider};

use crate::config::{Encryption, Tls as Settings};
use crate::{Error, Result};

/// Protocols that a client may choose by ALPN (RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP_2, b"http/1.1"];
/// Name of HTTP/2 in ALPN (RFC 9113, section 3.1).
pub(crate) const HTTP_2: &[u8] = b"h2";
/// Interval between looks at the files.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);

/// The certificate of the listeners, as it was read last. Clones share it.
#[derive(Clone)]
pub(crate) struct Tls {
    files: Arc<Files>,
    acceptors: Arc<ArcSwap<Acceptors>>,
}

/// The files that are set.
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    client_roots: Option<PathBuf>,
}

struct Acceptors {
    /// Of clients without a certificate.
    any: TlsAcceptor,
    /// Of clients with one, if roots for them are set.
    mutual: Option<TlsAcceptor>,
}

impl Tls {
    /// Reads the files; `None` if none are set.
    ///
    /// # Errors
    /// [`Error::Malformed`] and [`Error::Io`] with the file at fault.
    pub fn load(settings: &Settings) -> Result<Option<Self>> {
        let (Some(certificate), Some(key)) = (settings.cert_file.clone(), settings.key_file.clone()) else {
            return Ok(None);
        };
        let files = Files { certificate, key, client_roots: settings.client_roots_file.clone() };
        let acceptors = Arc::new(ArcSwap::from_pointee(files.acceptors()?));
        Ok(Some(Self { files: Arc::new(files), acceptors }))
    }

    /// Returns what accepts the next connection of a listener; `None` if it is not encrypted.
    pub fn acceptor(&self, encryption: Encryption) -> Option<TlsAcceptor> {
        let acceptors = self.acceptors.load();
        match encryption {
            Encryption::Plain => None,
            Encryption::IfSet => Some(acceptors.any.clone()),
            // The settings are refused without roots.
            Encryption::Mutual => acceptors.mutual.clone(),
        }
    }

    /// Reads the files again. What is not right is logged, and what was read before stays in force.
    fn reload(&self) {
        match self.files.acceptors() {
            Ok(acceptors) => {
                self.acceptors.store(Arc::new(acceptors));
                tracing::info!(certificate = %self.files.certificate.display(), "the TLS files are read again");
            }
            Err(e) => tracing::error!(error = %e, "the TLS files are not right; those read before stay in force"),
        }
    }
}

/// Reads the TLS files again when they change and on SIGHUP, until it is aborted.
///
/// # Errors
/// [`Error::Runtime`].
pub(crate) fn watch(tls: Option<Tls>) -> Result<JoinHandle<()>> {
    // Without TLS there is nothing to read, and yet SIGHUP must not end the server.
    let mut hang_up = signal(SignalKind::hangup()).map_err(Error::Runtime)?;
    Ok(tokio::spawn(async move {
        let mut known = tls.as_ref().map(|tls| tls.files.versions());
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            let is_asked = tokio::select! {
                _ = hang_up.recv() => true,
                _ = looks.tick() => false,
            };
            let Some(tls) = tls.clone() else { continue };
            let found = tokio::task::spawn_blocking(move || {
                let found = tls.files.versions();
                if is_asked || known.as_ref() != Some(&found) {
                    tls.reload();
                }
                found
            });
            known = found.await.ok();
        }
    }))
}

/// What tells versions of a file apart.
type Version = Option<(u64, u64, i64, i64)>;

impl Files {
    fn versions(&self) -> Vec<Version> {
        let version = |found: Metadata| (found.ino(), found.len(), found.mtime(), found.mtime_nsec());
        let files = [Some(&self.certificate), Some(&self.key), self.client_roots.as_ref()];
        files.into_iter().flatten().map(|file| std::fs::metadata(file).ok().map(version)).collect()
    }

    fn acceptors(&self) -> Result<Acceptors> {
        let provider = Arc::new(ring::default_provider());
        let certificates = certificates_of(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(malformed(&self.key))?;
        let of = |verifier| {
            let builder = builder(&provider)?;
            let builder = match verifier {
                Some(verifier) => builder.with_client_cert_verifier(verifier),
                None => builder.with_no_client_auth(),
            };
            let config = builder.with_single_cert(certificates.clone(), key.clone_key());
            let mut config = config.map_err(malformed(&self.key))?;
            config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).into();
            Ok::<_, Error>(TlsAcceptor::from(Arc::new(config)))
        };
        let mutual = match &self.client_roots {
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates_of(file)? {
                    roots.add(certificate).map_err(malformed(file))?;
                }
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
                Some(of(Some(verifier.map_err(malformed(file))?))?)
            }
            None => None,
        };
        Ok(Acceptors { any: of(None)?, mutual })
    }
}

fn builder(
    provider: &Arc<CryptoProvider>,
) -> Result<tokio_rustls::rustls::ConfigBuilder<ServerConfig, tokio_rustls::rustls::WantsVerifier>> {
    ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(|e| Error::Runtime(std::io::Error::other(e)))
}

/// Reads the certificates of a file, of which there must be some.
fn certificates_of(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let certificates = read.map_err(malformed(file))?;
    if certificates.is_empty() { Err(malformed(file)("it has no certificate")) } else { Ok(certificates) }
}

fn malformed<E: std::fmt::Display>(file: &Path) -> impl Fn(E) -> Error {
    let path = file.to_owned();
    move |e| Error::Tls { path: path.clone(), reason: e.to_string() }
}
