//! Fetches over https.

use std::net::TcpListener;
use std::sync::Arc;

use aicp_fetch::{Error, Fetcher, Limits};
use bytes::Bytes;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::fake::{Fake, Then, limits};

/// A new certificate authority that is not trusted yet.
struct Authority {
    der: Vec<u8>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { der: certificate.der().to_vec(), pem: certificate.pem(), issuer: Issuer::new(params, key) }
    }

    /// Creates a TLS acceptor with a certificate for these names or addresses, valid until this year.
    fn acceptor(&self, names: &[&str], until: i32) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let mut params =
            CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).expect("parameters");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate with its key");
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Returns a fetcher that may reach this machine by name and address, and trusts these authorities.
fn trusting(extra_roots: Vec<Vec<u8>>) -> Fetcher {
    let allowed_networks = ["127.0.0.1", "::1"].map(|network| network.parse().expect("a range")).to_vec();
    Fetcher::new(Limits { allowed_networks, extra_roots, ..limits() }).expect("a fetcher")
}

fn failed(reason: &str) -> Result<Bytes, Error> {
    Err(Error::Failed(reason.into()))
}

#[tokio::test]
async fn certificates_decide_who_is_believed() {
    let (authority, other) = (Authority::new(), Authority::new());
    let (der, pem) = (authority.der.clone(), authority.pem.clone().into_bytes());
    let several = format!("Authorities of a company\n{}{}", other.pem, authority.pem).into_bytes();
    let picture = || Ok(Bytes::from("picture"));
    let here: &[_] = &["localhost", "127.0.0.1"];
    for (name, roots, host, names, until, outcome) in [
        ("trusted in DER", vec![der.clone()], "localhost", here, 2100, picture()),
        ("trusted in PEM", vec![pem.clone()], "localhost", here, 2100, picture()),
        ("trusted among others", vec![several], "localhost", here, 2100, picture()),
        ("trusted beside others", vec![other.der.clone(), der.clone()], "localhost", here, 2100, picture()),
        ("by address", vec![der.clone()], "127.0.0.1", here, 2100, picture()),
        ("unknown", vec![], "localhost", here, 2100, failed("the certificate comes from an unknown authority")),
        (
            "another authority of the same name",
            vec![other.der.clone()],
            "localhost",
            here,
            2100,
            failed("the certificate is not trusted"),
        ),
        (
            "another name",
            vec![der.clone()],
            "localhost",
            &["secret.example.com"],
            2100,
            failed("the certificate is for another name"),
        ),
        (
            "another address",
            vec![der.clone()],
            "127.0.0.1",
            &["localhost", "127.0.0.2"],
            2100,
            failed("the certificate is for another name"),
        ),
        ("expired", vec![der.clone()], "localhost", here, 2021, failed("the certificate has expired")),
    ] {
        let fake = Fake::encrypted(authority.acceptor(names, until), |_| Then::well("picture")).await;
        let url = format!("https://{host}:{}/?secret", fake.address.port());
        assert_eq!(trusting(roots).fetch("app", &url).await, outcome, "{name}");
        assert_eq!(fake.heads().len(), usize::from(outcome.is_ok()), "{name}");
    }
}

#[tokio::test]
async fn redirects_lead_into_encryption_but_not_out() {
    let authority = Authority::new();
    let inside = TcpListener::bind("127.0.0.1:0").expect("a port");
    inside.set_nonblocking(true).expect("a listener");
    let plain = format!("http://{}/", inside.local_addr().expect("an address"));
    let encrypted = Fake::encrypted(authority.acceptor(&["127.0.0.1"], 2100), move |path| match path {
        "/out" => Then::redirect(&plain),
        "/elsewhere" => Then::redirect("/picture"),
        _ => Then::well("picture"),
    })
    .await;
    let url = format!("https://{}", encrypted.address);
    let fetcher = trusting(vec![authority.der.clone()]);
    assert_eq!(fetcher.fetch("app", &format!("{url}/elsewhere")).await, Ok(Bytes::from("picture")));
    let entry = Fake::doing(Then::redirect(&format!("{url}/picture"))).await;
    assert_eq!(fetcher.fetch("app", &entry.url("/")).await, Ok(Bytes::from("picture")));
    assert_eq!(fetcher.fetch("app", &format!("{url}/out")).await, Err(Error::Downgraded));
    assert!(inside.accept().is_err(), "it was connected to");
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_fails() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"220 secret.example.com at your service\r\n").await;
            // Waits until the client closes.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    assert_eq!(trusting(vec![]).fetch("app", &url).await, failed("no encrypted connection"));
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_not_taken_for_whole() {
    let authority = Authority::new();
    // Neither a content length nor a TLS close_notify: the body may have been truncated on the way.
    let acceptor = authority.acceptor(&["127.0.0.1"], 2100);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("https://{}/", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 1024];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhalf a pict").await;
            let _ = stream.flush().await;
        }
    });
    match trusting(vec![authority.der]).fetch("app", &url).await {
        Err(Error::Failed(_)) => {}
        other => panic!("{other:?}"),
    }
}
