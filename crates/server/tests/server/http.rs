//! Minimal HTTP/1.1 client that sends requests verbatim, and the responses.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Content type of all JSON answers.
pub const JSON: &str = "application/json;charset=UTF-8";
/// Time after which a call fails the test.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Complete response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Parses a response whose connection was closed.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&bytes[..end]).ok()?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let headers = lines
            .map(|line| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())))
            .collect::<Option<_>>()?;
        Some(Self { status, headers, body: bytes[end + 4..].to_vec() })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is UTF-8")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn message(&self) -> String {
        self.json()["message"].as_str().expect("a message").to_owned()
    }

    /// Returns the `data` of a success.
    #[track_caller]
    pub fn data(&self) -> Value {
        let mut body = self.json();
        assert_eq!((self.status, &body["flag"]), (200, &Value::Bool(true)), "{}", self.text());
        body["data"].take()
    }

    /// Returns a text in the `data` of a success.
    #[track_caller]
    pub fn data_text(&self, key: &str) -> String {
        let data = self.data();
        data[key].as_str().unwrap_or_else(|| panic!("no text {key} in {data}")).to_owned()
    }

    /// Checks status and body of a JSON response, byte for byte.
    #[track_caller]
    pub fn assert(&self, status: u16, body: &str) {
        assert_eq!((self.status, self.text()), (status, body));
        assert_eq!(self.header("content-type"), Some(JSON));
    }
}

/// Failure in the format of sections 2 and 7.
pub fn coded(message: &str) -> String {
    format!(r#"{{"flag":false,"resultCode":1,"message":"{message}","data":null}}"#)
}

/// Failure in the format of section 3.
pub fn plain(message: &str) -> String {
    format!(r#"{{"flag":false,"message":"{message}","data":null}}"#)
}

/// Sends a request on a new connection. `Host`, `Content-Length` and `Connection` are added unless given.
pub fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    let has = |name: &str| headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !has("host") {
        head += &format!("Host: {address}\r\n");
    }
    if !has("content-length") && !has("transfer-encoding") && method != "GET" && method != "HEAD" {
        head += &format!("Content-Length: {}\r\n", body.len());
    }
    head += "Connection: close\r\n\r\n";
    let mut stream = connect(address)?;
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    read_answer(stream, method)
}

/// Opens a connection.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Reads a complete response up to the end of the connection.
pub fn read_answer(mut stream: TcpStream, method: &str) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let broken = || io::Error::new(ErrorKind::UnexpectedEof, format!("{:?}", String::from_utf8_lossy(&bytes)));
    let mut answer = Answer::parse(&bytes).ok_or_else(broken)?;
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body).ok_or_else(broken)?;
        return Ok(answer);
    }
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let has_none = method == "HEAD" || (matches!(answer.status, 204 | 304) && answer.body.is_empty());
    let whole = has_none || length == Some(answer.body.len());
    if whole { Ok(answer) } else { Err(broken()) }
}

/// Joins the chunks of a body (RFC 9112 section 7.1); `None` if it does not end as it should.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        let chunk = rest.get(end + 2..end + 2 + length)?;
        rest = rest.get(end + 2 + length..)?.strip_prefix(b"\r\n")?;
        if length == 0 {
            return rest.is_empty().then_some(body);
        }
        body.extend(chunk);
    }
}

/// Client of one listener.
#[derive(Debug, Clone)]
pub struct Api {
    pub address: SocketAddr,
    token: Option<String>,
}

impl Api {
    pub fn new(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Posts JSON.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_bytes(path, body.to_string().as_bytes())
    }

    /// Posts bytes that are declared as JSON.
    #[track_caller]
    pub fn post_bytes(&self, path: &str, body: &[u8]) -> Answer {
        self.send("POST", path, &[("Content-Type", "application/json; charset=utf-8")], body)
    }

    /// Posts JSON; the connection may break.
    pub fn try_post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.try_send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    #[track_caller]
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        match self.try_send(method, path, headers, body) {
            Ok(answer) => answer,
            Err(e) => panic!("{method} {path}: {e}"),
        }
    }

    fn try_send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let mut all = headers.to_vec();
        all.extend(self.token.as_deref().map(|token| ("token", token)));
        send(self.address, method, path, &all, body)
    }
}

/// Downloads a link with an ordinary HTTP client; returns status, media type and bytes.
pub fn fetch(url: &str) -> (u16, String, Vec<u8>) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT));
    let mut response = config.build().new_agent().get(url).call().unwrap_or_else(|e| panic!("{url}: {e}"));
    let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.to_owned();
    let bytes = response.body_mut().read_to_vec().expect("the body is whole");
    (response.status().as_u16(), media_type, bytes)
}

/// Returns the status of a link.
pub fn status_of(url: &str) -> u16 {
    fetch(url).0
}
