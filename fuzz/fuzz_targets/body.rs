//! Compressed and non-UTF-8 bodies: the result is the same in pieces or whole, and never exceeds the limit.
#![no_main]

use std::convert::Infallible;
use std::io::Read;

use aicp_fuzz::{headers, parts};
use aicp_requests::{BodyBudget, UnreadBody};
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use futures_util::stream;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 64 << 10;

fuzz_target!(|bytes: &[u8]| {
    let Some(([packing, media_type, length], sent)) = parts(bytes) else { return };
    let piece = length.parse().unwrap_or(7).max(1);
    let headers = headers(format!("content-encoding:{packing}\ncontent-type:{media_type}").as_bytes());
    let whole = read(&headers, sent, usize::MAX);
    assert_eq!(read(&headers, sent, piece), whole);
    let Some(whole) = whole else { return };
    let has_charset = media_type.to_ascii_lowercase().contains("charset");
    // Two bytes of GBK become three of UTF-8.
    assert!(whole.len() <= if has_charset { LIMIT / 2 * 3 } else { LIMIT });
    // With a charset the decoding library is the only reference.
    if !has_charset {
        let packing = headers.get("content-encoding").and_then(|packing| packing.to_str().ok()).unwrap_or_default();
        let plain = unpacked(packing, sent).expect("it was unpacked before");
        assert_eq!(whole, plain.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&plain));
    }
});

fn read(headers: &HeaderMap, sent: &[u8], piece: usize) -> Option<Vec<u8>> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = headers.clone();
    let pieces: Vec<_> = sent.chunks(piece).map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut body = UnreadBody::new(&parts, Body::from_stream(stream::iter(pieces)));
    let held = runtime.block_on(BodyBudget::new(LIMIT << 4).read(&mut body, LIMIT));
    held.ok().map(|held| held.bytes.to_vec())
}

fn unpacked(packing: &str, sent: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let read = match packing.to_ascii_lowercase().as_str() {
        "gzip" | "x-gzip" => MultiGzDecoder::new(sent).read_to_end(&mut plain),
        "deflate" if sent.first() == Some(&0x78) => ZlibDecoder::new(sent).read_to_end(&mut plain),
        "deflate" => DeflateDecoder::new(sent).read_to_end(&mut plain),
        _ => return Some(sent.to_vec()),
    };
    // An absent body counts as empty with any content encoding.
    if sent.is_empty() { Some(Vec::new()) } else { read.ok().map(|_| plain) }
}
