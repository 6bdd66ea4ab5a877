//! TLS of the listeners, HTTP/2 over it, and certificates that are made, replaced and asked for.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, wait_until};
use crate::http::send;
use crate::pictures::{base64, obama};

/// An answer: version, status and body.
type Answer = (Version, u16, Vec<u8>);

/// Makes a certificate by the command, for hosts.
fn make(folder: &Path, hosts: &[&str]) -> (PathBuf, PathBuf) {
    let mut command = aicp(["cert", "make", "--force", "--out"]);
    Ran::successful(command.arg(folder).args(hosts));
    (folder.join("tls.crt"), folder.join("tls.key"))
}

/// A client that trusts a certificate, with a certificate of its own or not.
fn client(roots: &Path, protocols: &[&[u8]], own: Option<(&str, &str)>) -> TlsConnector {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(roots).expect("a file") {
        store.add(certificate.expect("a certificate")).expect("it is taken");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(store);
    let mut config = match own {
        Some((certificate, key)) => {
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
            builder.with_client_auth_cert(chain, key).expect("they fit")
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

async fn shake(
    connector: &TlsConnector,
    address: SocketAddr,
    host: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::try_from(host).expect("a name"), stream).await
}

/// Posts JSON over TLS, by HTTP/2 if the server agrees, and gets the answer.
async fn post(connector: &TlsConnector, address: SocketAddr, path: &str, body: &Value) -> std::io::Result<Answer> {
    let stream = shake(connector, address, "localhost").await?;
    let is_2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let request =
        Request::post(if is_2 { format!("https://localhost:{}{path}", address.port()) } else { path.to_owned() })
            .header("content-type", "application/json")
            .header("token", TOKEN);
    let request = if is_2 { request } else { request.header("host", format!("localhost:{}", address.port())) };
    let request = request.body(Full::new(Bytes::from(body.to_string()))).expect("a request");
    let answer = if is_2 {
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (mut sender, connection) = made.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.send_request(request).await
    } else {
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        sender.send_request(request).await
    };
    let answer = answer.map_err(std::io::Error::other)?;
    let (version, status) = (answer.version(), answer.status().as_u16());
    let body = answer.into_body().collect().await.map_err(std::io::Error::other)?;
    Ok((version, status, body.to_bytes().to_vec()))
}

fn drive<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

/// Starts a server with a plain listener and one with TLS.
fn server(files: &(PathBuf, PathBuf), second: &'static str, client_roots: Option<&Path>) -> Server {
    let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    let mut setup = Setup::new(&["auto+plain", second])
        .env("AICP_TLS__CERT_FILE", text(&files.0))
        .env("AICP_TLS__KEY_FILE", text(&files.1));
    if let Some(roots) = client_roots {
        setup = setup.env("AICP_TLS__CLIENT_ROOTS_FILE", text(roots));
    }
    setup.start()
}

#[test]
fn calls_are_answered_over_tls_by_http_1_and_2() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let files = make(folder.path(), &["localhost"]);
    let server = server(&files, "auto", None);
    let address = server.addresses()[1];
    server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    let added = server.admin(0).post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())})).data();
    assert!(added["url"].as_str().is_none_or(|url| url.starts_with("http://")), "{added}");
    let probe = json!({"groupId": "g", "image": base64(&obama())});
    for (protocols, version) in
        [(&[&b"h2"[..], b"http/1.1"][..], Version::HTTP_2), (&[b"http/1.1"], Version::HTTP_11), (&[], Version::HTTP_11)]
    {
        let connector = client(&files.0, protocols, None);
        let (spoken, status, body) =
            drive(post(&connector, address, "/aicp/face/recognition", &probe)).expect("an answer");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((spoken, status, &body["resultCode"]), (version, 200, &json!(0)), "{body}");
        assert_eq!(body["data"]["records"].as_array().map(Vec::len), Some(1));
        // Links lead back to where the client came from.
        let (_, _, listed) =
            drive(post(&connector, address, "/aicp/face/query", &json!({"groupId": "g", "userId": added["personNo"]})))
                .expect("an answer");
        let listed = String::from_utf8(listed).expect("UTF-8");
        assert!(listed.contains(&format!("https://localhost:{}/", address.port())), "{listed}");
        assert!(!listed.contains("http://"), "{listed}");
    }
    assert_eq!(
        server.admin(0).post("/aicp/face/recognition", &probe).data()["records"].as_array().map(Vec::len),
        Some(1)
    );
}

#[test]
fn one_connection_of_http_2_has_many_calls_at_a_time() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let files = make(folder.path(), &["localhost"]);
    let server = server(&files, "auto", None);
    let address = server.addresses()[1];
    drive(async {
        let stream = shake(&client(&files.0, &[b"h2"], None), address, "localhost").await.expect("TLS");
        let made = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = made.expect("HTTP/2");
        tokio::spawn(connection);
        let picture = base64(&obama());
        let body = json!({ "image": picture }).to_string();
        let call = || {
            let mut sender = sender.clone();
            let body = body.clone();
            let request = Request::post(format!("https://localhost:{}/aicp/face/detect", address.port()))
                .header("content-type", "application/json")
                .header("token", TOKEN)
                .body(Full::new(Bytes::from(body)))
                .expect("a request");
            tokio::spawn(async move {
                sender.ready().await.expect("it takes more");
                let answer = sender.send_request(request).await.expect("an answer");
                (answer.status().as_u16(), answer.into_body().collect().await.expect("a body").to_bytes())
            })
        };
        // A client knows how many calls the server takes at a time from its first answer on.
        assert_eq!(call().await.expect("no panic").0, 200);
        for call in (0..40).map(|_| call()).collect::<Vec<_>>() {
            let (status, body) = call.await.expect("no panic");
            assert_eq!(status, 200, "{body:?}");
        }
    });
}

#[test]
fn a_certificate_is_replaced_while_the_server_runs() {
    let (folder, others) = (tempfile::tempdir().expect("a temp dir"), tempfile::tempdir().expect("a temp dir"));
    let files = make(folder.path(), &["localhost"]);
    let server = server(&files, "auto", None);
    let address = server.addresses()[1];
    let shakes = |roots: &Path| drive(shake(&client(roots, &[], None), address, "localhost")).is_ok();
    let first = folder.path().join("first.crt");
    fs::copy(&files.0, &first).expect("copied");
    assert!(shakes(&first));
    // What is not right leaves the certificate of before in force.
    fs::write(&files.1, "no key").expect("written");
    server.signal("HUP");
    wait_until("it tells that a file is wrong", || server.log().contains("stay in force"));
    assert!(shakes(&first));
    // The new files are noticed without a signal, too. A connection that is open goes on.
    let new = make(others.path(), &["localhost"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut sender, connection) = runtime.block_on(async {
        let stream = shake(&client(&first, &[], None), address, "localhost").await.expect("TLS");
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP")
    });
    runtime.spawn(connection);
    let mut call = || {
        let request = Request::get("/readyz").header("host", "localhost").body(Full::new(Bytes::new()));
        runtime.block_on(async {
            sender.ready().await.expect("the connection is open");
            let answer = sender.send_request(request.expect("a request")).await.expect("an answer");
            let status = answer.status().as_u16();
            answer.into_body().collect().await.expect("a body");
            status
        })
    };
    assert_eq!(call(), 200);
    fs::copy(&new.1, &files.1).expect("copied");
    fs::copy(&new.0, &files.0).expect("copied");
    wait_until("it has the new certificate", || shakes(&new.0));
    assert!(!shakes(&first));
    assert_eq!(call(), 200, "by the connection of before");
    server.assert_running();
}

#[test]
fn a_listener_may_want_certificates_of_clients() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let files = make(folder.path(), &["localhost"]);
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let roots = folder.path().join("clients.crt");
    fs::write(&roots, authority.pem()).expect("written");
    let of = |issuer: &rcgen::Issuer<'_, KeyPair>| {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["client".to_owned()]).expect("parameters");
        (params.signed_by(&key, issuer).expect("a certificate").pem(), key.serialize_pem())
    };
    let known = of(&authority);
    let mut other = CertificateParams::new(Vec::new()).expect("parameters");
    other.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other = CertifiedIssuer::self_signed(other, KeyPair::generate().expect("a key")).expect("an authority");
    let stranger = of(&other);
    let server = server(&files, "auto+mtls", Some(&roots));
    let address = server.addresses()[1];
    let call = |own: Option<&(String, String)>| {
        let own = own.map(|(certificate, key)| (certificate.as_str(), key.as_str()));
        drive(post(&client(&files.0, &[b"h2"], own), address, "/aicp/face/queryBaseAll", &json!({})))
    };
    assert_eq!(call(Some(&known)).expect("an answer").1, 200);
    assert!(call(Some(&stranger)).is_err());
    assert!(call(None).is_err());
}

#[test]
fn plain_http_to_a_listener_with_tls_is_told_so() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let files = make(folder.path(), &["localhost"]);
    let server = server(&files, "auto", None);
    let answer = send(server.addresses()[1], "POST", "/x", &[], b"{}").expect("an answer");
    assert_eq!((answer.status, answer.text()), (400, "this port speaks HTTPS, not HTTP\n"));
    // Half a handshake, and garbage, do no harm.
    use std::io::{Read, Write};
    for bytes in [&b"\x16\x03\x01"[..], b"\x16\x03\x01\xff\xff", &[0; 600]] {
        let mut stream = crate::http::connect(server.addresses()[1]).expect("it listens");
        stream.write_all(bytes).expect("sent");
        stream.shutdown(std::net::Shutdown::Write).expect("shut");
        let mut rest = Vec::new();
        let read = stream.read_to_end(&mut rest);
        assert!(
            read.as_ref().is_ok() || read.as_ref().is_err_and(|e| e.kind() == ErrorKind::ConnectionReset),
            "{read:?}"
        );
    }
    server.assert_running();
}

#[test]
fn wrong_tls_files_are_told_before_a_start() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let (certificate, key) = make(folder.path(), &["localhost"]);
    let (other, other_folder) = {
        let folder = tempfile::tempdir().expect("a temp dir");
        (make(folder.path(), &["localhost"]).1, folder)
    };
    let empty = other_folder.path().join("empty.crt");
    fs::write(&empty, "").expect("written");
    let check = |cert: Option<&Path>, key: Option<&Path>, listen: &str| {
        let mut command = aicp(["config", "check"]);
        for (name, path) in [("AICP_TLS__CERT_FILE", cert), ("AICP_TLS__KEY_FILE", key)] {
            if let Some(path) = path {
                command.env(name, path);
            }
        }
        Ran::of(command.env("AICP_LISTEN", listen))
    };
    let plain = "127.0.0.1:1";
    assert_eq!(check(Some(&certificate), Some(&key), plain).code, Some(0));
    for (cert, key, listen, told) in [
        (Some(&certificate), None, plain, "tls.key_file must be set together with cert_file"),
        (None, Some(&key), plain, "tls.key_file must be set together with cert_file"),
        (Some(&certificate), Some(&other), plain, "tls.key"),
        (Some(&empty), Some(&key), plain, "it has no certificate"),
        (Some(&key), Some(&key), plain, "it has no certificate"),
        (Some(&certificate), Some(&certificate), plain, "tls.crt"),
        (Some(&certificate), Some(&folder.path().join("none")), plain, "none"),
        (Some(&certificate), Some(&key), "127.0.0.1:1=auto+mtls", "tls.client_roots_file must be set"),
        (Some(&certificate), Some(&key), "127.0.0.1:1=auto+ssl", "none of plain, mtls"),
    ] {
        let ran = check(cert.map(PathBuf::as_path), key.map(PathBuf::as_path), listen);
        assert_eq!(ran.code, Some(2), "{told}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    // A certificate that is there is not overwritten by accident, and nobody else can read the key.
    let again = Ran::of(aicp(["cert", "make", "--out"]).arg(folder.path()));
    assert_eq!(again.code, Some(1), "{}", again.stderr);
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(fs::metadata(&key).expect("a file").permissions().mode() & 0o777, 0o600);
}
