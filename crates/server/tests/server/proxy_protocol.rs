//! Clients that a proxy names by the PROXY protocol.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::json;

use crate::fixture::{Setup, TOKEN, wait_until};
use crate::http::{Answer, connect, read_answer, send};

/// Calls the server as a proxy does, with a header before the request.
fn pass_on(address: SocketAddr, header: &[u8], method: &str, path: &str, body: &str) -> std::io::Result<Answer> {
    let mut stream = connect(address)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: a\r\ntoken: {TOKEN}\r\nAuthorization: Bearer {TOKEN}\r\nX-Forwarded-For: 192.0.2.77\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(&[header, head.as_bytes()].concat())?;
    read_answer(stream, method)
}

#[test]
fn the_client_is_the_one_that_the_proxy_names() {
    const LINE: &[u8] = b"PROXY TCP4 203.0.113.9 192.0.2.1 40000 9012\r\n";
    let binary = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &[198, 51, 100, 7, 192, 0, 2, 1, 1, 1, 2, 2]].concat();
    let server = Setup::new(&["auto"])
        .env("AICP_HTTP__TRUSTED_PROXIES", r#"["127.0.0.1"]"#)
        .env("AICP_HTTP__PROXY_PROTOCOL", "true")
        .start_unready();
    wait_until("the server is ready", || {
        server.assert_running();
        server.addresses().first().is_some_and(|address| {
            pass_on(*address, b"PROXY UNKNOWN\r\n", "GET", "/readyz", "").is_ok_and(|answer| answer.status == 200)
        })
    });
    let address = server.addresses()[0];
    let body = json!({"groupId": "g", "userId": "1"}).to_string();
    for header in [LINE, &binary, b"PROXY UNKNOWN\r\n"] {
        assert_eq!(pass_on(address, header, "POST", "/aicp/face/query", &body).expect("an answer").status, 200);
    }
    let calls = pass_on(address, LINE, "GET", "/api/v1/calls?limit=10", "").expect("an answer").json();
    let mut clients: Vec<&str> = calls["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter(|call| call["path"] == "/aicp/face/query" || call["url"] == "/aicp/face/query")
        .filter_map(|call| call["client"].as_str())
        .collect();
    clients.sort_unstable();
    // Where the proxy names nobody, its other header counts.
    assert_eq!(clients, ["192.0.2.77", "198.51.100.7", "203.0.113.9"], "{calls}");
    // Without a header nobody is answered: a client could pass for the proxy's own.
    assert!(send(address, "GET", "/readyz", &[], b"").is_err());
    assert!(pass_on(address, b"PROXY TCP4 here there 1 2\r\n", "GET", "/readyz", "").is_err());
}

#[test]
fn only_trusted_proxies_are_asked_for_a_header() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__PROXY_PROTOCOL", "true").start();
    let address = server.addresses()[0];
    let answer = pass_on(address, b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n", "GET", "/readyz", "");
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status == 400), "it is no request");
}
