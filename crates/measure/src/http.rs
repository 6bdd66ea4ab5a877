//! Minimal HTTP/1.1 client: one keep-alive connection to a loopback server, with whole requests and responses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::{Error, Result};

const IO_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of header fields of a response.
const MAX_FIELDS: usize = 100;
/// Maximum size of a response body in bytes.
const MAX_BODY: usize = 1 << 20;

/// Response of the server.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Seconds of the Retry-After header, if it is a number.
    pub retry_after_s: Option<u32>,
    /// The body.
    pub body: Vec<u8>,
}

/// Client connection.
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Io`] if no connection can be made.
    pub fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, IO_TIMEOUT)?;
        stream.set_read_timeout(Some(IO_TIMEOUT))?;
        stream.set_write_timeout(Some(IO_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends a request and returns the response, whatever its status.
    ///
    /// # Errors
    /// [`Error::Call`] if there is no response, or one that this client does not understand.
    pub fn call(&mut self, request: &[u8]) -> Result<Answer> {
        let begun = Instant::now();
        self.exchange(request).map_err(|e| Error::Call(format!("after {:.1?}: {e}", begun.elapsed())))
    }

    /// Sends a request whose body is read from `body`, and returns the response. The head states the length.
    ///
    /// # Errors
    /// As [`Connection::call`]; [`Error::Io`] if the body can't be read or sent.
    pub fn upload(&mut self, head: &[u8], body: &mut impl Read) -> Result<Answer> {
        self.stream.get_mut().write_all(head)?;
        std::io::copy(body, self.stream.get_mut())?;
        self.call(b"")
    }

    fn exchange(&mut self, request: &[u8]) -> std::result::Result<Answer, Box<dyn std::error::Error>> {
        self.stream.get_mut().write_all(request)?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or("no HTTP status")?;
        let (mut length, mut retry_after_s) = (0, None);
        for _ in 0..MAX_FIELDS {
            let line = self.line()?;
            if line.is_empty() {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body)?;
                return Ok(Answer { status, retry_after_s, body });
            }
            let Some((name, value)) = line.split_once(':') else { continue };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
                if length > MAX_BODY {
                    return Err("the answer is too long".into());
                }
            } else if name.eq_ignore_ascii_case("retry-after") {
                retry_after_s = value.trim().parse().ok();
            }
        }
        Err("the answer has too many header fields".into())
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        if self.stream.by_ref().take(16 << 10).read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the server closed the connection"));
        }
        Ok(line.trim_end().to_owned())
    }
}

/// Builds a POST request with a JSON body.
pub fn post(path: &str, token: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\ntoken: {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}
