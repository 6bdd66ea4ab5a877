//! Access to private functions for the fuzz targets. Each dialect has a module of its own.

use axum::body::Body;
use axum::http::request::Parts;

pub use crate::aicp::fuzzing as aicp;
use crate::body::{BodyBudget, UnreadBody};
pub use crate::jdcloud::fuzzing as jdcloud;
pub use crate::linkvisual::fuzzing as linkvisual;
pub use crate::native::fuzzing as native;
pub use crate::tencent_im::fuzzing as tencent_im;
use crate::{base64_text, percent};

/// Cleans a base64 text and decodes it.
pub fn base64(text: &str) -> (String, Option<Vec<u8>>) {
    let cleaned = base64_text::cleaned(text);
    let bytes = base64_text::decode(&cleaned).map(|bytes| bytes.to_vec());
    (cleaned.into_owned(), bytes)
}

/// Percent-encodes bytes.
pub fn percent_encoded(bytes: &[u8]) -> String {
    percent::encoded(bytes).to_string()
}

/// Percent-decodes a text.
pub fn percent_decoded(text: &str) -> String {
    percent::decode(text).into_owned()
}

/// Reads a body of at most `limit` bytes, decompressed and as UTF-8.
pub async fn body(parts: &Parts, body: Body, limit: usize) -> Option<Vec<u8>> {
    let held = BodyBudget::new(limit << 4).read(&mut UnreadBody::new(parts, body), limit).await;
    held.ok().map(|held| held.bytes.to_vec())
}
