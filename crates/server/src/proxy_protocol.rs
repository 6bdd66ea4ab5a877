//! PROXY protocol: what a proxy that passes on connections says of its client (HAProxy's `proxy-protocol.txt`, versions 1 and 2).

use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Length in bytes of the shortest header, `PROXY UNKNOWN` and its line end.
const SHORTEST: usize = 15;
/// Maximum length of a header of version 1 in bytes.
const MAX_LINE: usize = 107;
/// Signature of version 2.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of version 2 up to its length, with it.
const FIXED: usize = 16;
/// Maximum length of the rest of a header of version 2. Addresses take 216 bytes at most; what follows them is not read here.
const MAX_REST: usize = 4096;

/// Reads the header at the start of a connection. Returns the address of the client; `None` if the proxy itself is the client.
///
/// # Errors
/// [`ErrorKind::InvalidData`] if there is no right header; errors of the stream.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>> {
    let mut header = vec![0; SHORTEST];
    stream.read_exact(&mut header).await?;
    if header.starts_with(SIGNATURE) {
        header.resize(FIXED, 0);
        stream.read_exact(&mut header[SHORTEST..]).await?;
        let rest = usize::from(u16::from_be_bytes([header[FIXED - 2], header[FIXED - 1]]));
        if rest > MAX_REST {
            return Err(wrong());
        }
        header.resize(FIXED + rest, 0);
        stream.read_exact(&mut header[FIXED..]).await?;
    } else {
        if !header.starts_with(b"PROXY ") {
            return Err(wrong());
        }
        // Byte by byte: what follows the line is the client's.
        while !header.ends_with(b"\r\n") {
            if header.len() == MAX_LINE {
                return Err(wrong());
            }
            header.push(stream.read_u8().await?);
        }
    }
    match HeaderResult::parse(&header) {
        HeaderResult::V1(Ok(v1::Header { addresses, .. })) => Ok(match addresses {
            v1::Addresses::Tcp4(tcp) => Some(tcp.source_address.into()),
            v1::Addresses::Tcp6(tcp) => Some(tcp.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        // A health check of the proxy.
        HeaderResult::V2(Ok(v2::Header { command: v2::Command::Local, .. })) => Ok(None),
        HeaderResult::V2(Ok(v2::Header { addresses, .. })) => Ok(match addresses {
            v2::Addresses::IPv4(ip) => Some(ip.source_address.into()),
            v2::Addresses::IPv6(ip) => Some(ip.source_address.into()),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err(wrong()),
    }
}

fn wrong() -> Error {
    Error::new(ErrorKind::InvalidData, "no header of the PROXY protocol")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns what a stream says of the client, and what is left of it.
    async fn parsed(mut bytes: &[u8]) -> (Result<Option<IpAddr>>, Vec<u8>) {
        let read = read(&mut bytes).await;
        (read, bytes.to_vec())
    }

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[0x20 | command, family], &length, addresses].concat()
    }

    #[tokio::test]
    async fn the_client_is_read_and_nothing_behind_the_header() {
        let address = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        let ipv4 = [203, 0, 113, 9, 192, 0, 2, 1, 0, 1, 0, 2];
        let mut ipv6 = [0; 36];
        ipv6[..2].copy_from_slice(&[0x20, 0x01]);
        let with_more = [&ipv4[..], &[0x04, 0, 3, 1, 2, 3]].concat();
        for (header, client) in [
            (b"PROXY TCP4 203.0.113.9 192.0.2.1 1 2\r\n".to_vec(), address("203.0.113.9")),
            (b"PROXY TCP6 2001:: ::1 1 2\r\n".to_vec(), address("2001::")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (b"PROXY UNKNOWN ff:: :: 1 2\r\n".to_vec(), None),
            (version_2(1, 0x11, &ipv4), address("203.0.113.9")),
            (version_2(1, 0x11, &with_more), address("203.0.113.9")),
            (version_2(1, 0x21, &ipv6), address("2001::")),
            (version_2(0, 0x11, &ipv4), None),
            (version_2(0, 0, &[]), None),
        ] {
            let (read, rest) = parsed(&[&header[..], b"GET / HTTP/1.1\r\n"].concat()).await;
            assert_eq!((read.expect("a header"), &rest[..]), (client, &b"GET / HTTP/1.1\r\n"[..]), "{header:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused_and_reading_ends() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        for header in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"PROXY TCP4 203.0.113.999 192.0.2.1 1 2\r\n",
            b"PROXY TCP4 203.0.113.9 192.0.2.1 1\r\n",
            b"PROXY TCP5 203.0.113.9 192.0.2.1 1 2\r\n",
            &long,
            &version_2(1, 0x11, &[1, 2, 3]),
            &version_2(2, 0x11, &[0; 12]),
            &version_2(1, 0x11, &[0; 5000]),
            b"PROXY",
            b"",
        ] {
            assert!(parsed(header).await.0.is_err(), "{header:?}");
        }
        // Whatever a header is cut to.
        let whole = version_2(1, 0x11, &[0; 12]);
        for length in 0..whole.len() {
            assert!(parsed(&whole[..length]).await.0.is_err(), "{length}");
        }
    }
}
