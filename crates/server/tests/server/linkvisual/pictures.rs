//! HTTP server of pictures, with good and hostile behaviour.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Picture server on a local address.
pub struct PictureServer {
    address: SocketAddr,
    pictures: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    asked: Arc<AtomicUsize>,
}

impl PictureServer {
    pub fn start() -> Self {
        Self::on("127.0.0.1:0")
    }

    pub fn on(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("an address of this machine");
        let address = listener.local_addr().expect("an address");
        let pictures: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let asked = Arc::new(AtomicUsize::new(0));
        let (known, count) = (Arc::clone(&pictures), Arc::clone(&asked));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                count.fetch_add(1, Ordering::SeqCst);
                let known = Arc::clone(&known);
                // A client may disconnect early.
                thread::spawn(move || drop(answer(stream, &known)));
            }
        });
        Self { address, pictures, asked }
    }

    /// Serves a picture and returns its address.
    pub fn put(&self, name: &str, picture: Vec<u8>) -> String {
        self.pictures.lock().expect("no panic while locked").insert(format!("/{name}"), picture);
        self.url(name)
    }

    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Returns the number of accepted connections.
    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, pictures: &Mutex<HashMap<String, Vec<u8>>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while reader.read_line(&mut line)? > 2 {}
    let known = pictures.lock().expect("no panic while locked").get(&target).cloned();
    if let Some(picture) = known {
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", picture.len())?;
        return stream.write_all(&picture);
    }
    match target.split_once("?to=") {
        Some((_, to)) => write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"),
        None if target == "/declared" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 1u64 << 30)?;
            pour(&mut stream, 1 << 30)
        }
        None if target == "/undeclared" => {
            write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            pour(&mut stream, 1 << 30)
        }
        // Sends nothing more until the client disconnects.
        None if target == "/silent" => {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n\u{7f}")?;
            reader.read_line(&mut line).map(drop)
        }
        None => write!(stream, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    }
}

/// Sends the start of a JPEG and then this many bytes.
fn pour(stream: &mut TcpStream, bytes: usize) -> std::io::Result<()> {
    stream.write_all(&[0xff, 0xd8, 0xff, 0xe0])?;
    let piece = vec![0; 1 << 16];
    for _ in 0..bytes / piece.len() {
        stream.write_all(&piece)?;
    }
    Ok(())
}
