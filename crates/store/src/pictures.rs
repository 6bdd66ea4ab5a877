//! Names of pictures.

use aicp_blobs::BlobKey;
use md5::{Digest, Md5};

/// Name of a stored picture, for the rows that refer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureName {
    /// Key of the picture.
    pub key: BlobKey,
    /// See [`md5_hex`].
    pub md5: String,
}

impl PictureName {
    /// Returns the name of a picture.
    pub fn of(bytes: &[u8]) -> Self {
        Self { key: BlobKey::of(bytes), md5: md5_hex(bytes) }
    }
}

/// Returns the key of a picture: lower-case hex of the SHA-256 of its bytes.
pub fn picture_key(bytes: &[u8]) -> String {
    BlobKey::of(bytes).into()
}

/// Returns the MD5 digest of bytes, as lower-case hex. It is shown to callers, and lets the offline check detect
/// damaged templates.
pub fn md5_hex(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}
