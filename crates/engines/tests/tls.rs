//! Engines behind TLS.

use std::sync::Arc;

use aicp_engines::{Cloudwalk, CloudwalkSettings, Error, RemoteEngine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// What the engine says to everything.
const ANSWER: &str = r#"{"result": 0, "info": "success"}"#;

/// Serves an engine over TLS; returns the address and the certificate.
async fn engine(host: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec![host.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("it listens");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                // A client that trusts nobody breaks off.
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut head = [0; 4096];
                if stream.read(&mut head).await.is_ok_and(|length| length > 0) {
                    let head =
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", ANSWER.len());
                    let _ = stream.write_all(format!("{head}{ANSWER}").as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    (format!("https://localhost:{port}/"), made.cert.pem())
}

fn cloudwalk(url: &str, roots: Option<&std::path::Path>) -> Result<Cloudwalk, Error> {
    let mut settings = CloudwalkSettings { url: Some(url.to_owned()), ..CloudwalkSettings::default() };
    settings.remote.extra_roots_file = roots.map(std::path::Path::to_owned);
    settings.remote.retries = 0;
    Cloudwalk::new(settings)
}

#[tokio::test]
async fn an_engine_is_called_over_tls_if_its_certificate_is_trusted() {
    let (url, certificate) = engine("localhost").await;
    let file = tempfile::NamedTempFile::new().expect("a temp file");
    std::fs::write(file.path(), certificate).expect("written");
    cloudwalk(&url, Some(file.path())).expect("good settings").health().await.expect("it answers");
    let stranger = cloudwalk(&url, None).expect("good settings").health().await;
    assert!(matches!(stranger, Err(Error::Unavailable { .. })), "{stranger:?}");
    let (other_url, _) = engine("another.example").await;
    let other = cloudwalk(&other_url, Some(file.path())).expect("good settings").health().await;
    assert!(matches!(other, Err(Error::Unavailable { .. })), "{other:?}");
}

#[test]
fn a_file_without_authorities_is_a_wrong_setting() {
    let file = tempfile::NamedTempFile::new().expect("a temp file");
    for content in [&b"no certificate"[..], b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"] {
        std::fs::write(file.path(), content).expect("written");
        let refused = cloudwalk("https://localhost/", Some(file.path())).map(drop);
        assert!(matches!(refused, Err(Error::Settings(_))), "{refused:?}");
    }
    let missing = cloudwalk("https://localhost/", Some("/nowhere/roots.pem".as_ref())).map(drop);
    assert!(matches!(&missing, Err(Error::Settings(e)) if e.contains("/nowhere/roots.pem")), "{missing:?}");
}
