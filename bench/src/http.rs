//! The least HTTP/1.1 client: one kept-alive connection to a loopback server, whole requests out, whole answers in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
/// An answer may have this many header fields and bytes.
const MAX_FIELDS: usize = 100;
const MAX_BODY: usize = 1 << 20;

/// A connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    pub fn open(server: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and gives status and body of the answer.
    pub fn call(&mut self, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        let begun = Instant::now();
        self.exchange(request).map_err(|e| format!("a call failed after {:.1?}: {e}", begun.elapsed()).into())
    }

    fn exchange(&mut self, request: &[u8]) -> Outcome<(u16, Vec<u8>)> {
        self.stream.get_mut().write_all(request)?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no HTTP status")?;
        let mut length = 0;
        for _ in 0..MAX_FIELDS {
            let line = self.line()?;
            if line.is_empty() {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                return Ok((status, body));
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
                if length > MAX_BODY {
                    return Err("the answer is too long".into());
                }
            }
        }
        Err("the answer has too many header fields".into())
    }

    fn line(&mut self) -> Outcome<String> {
        let mut line = String::new();
        if self.stream.by_ref().take(16 << 10).read_line(&mut line)? == 0 {
            return Err("the server closed the connection".into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A POST of JSON, ready to be sent.
pub fn post(path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\ntoken: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
