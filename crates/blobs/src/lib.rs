//! Pictures as blobs, named by their content.
//!
//! [`Blobs`] is the seam: [`LocalBlobs`] keeps them in a folder, [`MemoryBlobs`] in memory, for tests. A blob is put
//! before the row that refers to it is committed, and deleted after the last such row is gone. Whoever deletes must
//! know that no row refers to it; this crate knows no rows.
//!
//! ```
//! use aicp_blobs::{BlobKey, Blobs, MemoryBlobs, read_all};
//! use bytes::Bytes;
//!
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! let blobs = MemoryBlobs::default();
//! let picture = Bytes::from_static(b"a picture");
//! let key = BlobKey::of(&picture);
//! blobs.put(&[(key.clone(), picture.clone())]).await?;
//! assert_eq!(read_all(&blobs, &key).await?, picture);
//! # Ok::<_, aicp_blobs::Error>(())
//! # }).unwrap();
//! ```

mod error;
mod files;
mod key;
mod local;
mod memory;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

pub use error::{Error, Result};
pub use files::{Files, ListedFile, open_file};
pub use key::{BlobKey, SHARDS};
pub use local::{Hold, LocalBlobs, OpenFile};
pub use memory::MemoryBlobs;

/// Bytes of a blob, in pieces.
pub type BlobStream = BoxStream<'static, Result<Bytes>>;

/// A place for blobs. Every operation may fail with [`Error::Io`] or [`Error::Unavailable`].
#[async_trait]
pub trait Blobs: Send + Sync + 'static {
    /// Stores blobs. On return all are durable and readable; after an error any of them may be. A blob of the same key
    /// is replaced, which mends a damaged one.
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()>;

    /// Returns the bytes of a blob, as they are stored: [`read_all`] verifies them.
    ///
    /// # Errors
    /// [`Error::Missing`].
    async fn get(&self, key: &BlobKey) -> Result<BlobStream>;

    /// Deletes blobs durably; missing ones are ignored.
    async fn delete(&self, keys: &[BlobKey]) -> Result<()>;

    /// Lists the blobs of a shard, one of [`SHARDS`], in any order.
    async fn list(&self, shard: u8) -> Result<Vec<BlobKey>>;

    /// Returns the file of a blob, if blobs are files on this machine.
    fn path(&self, key: &BlobKey) -> Option<PathBuf>;

    /// Returns an address from which anybody can read a blob for a time; `None` if there is none.
    async fn link(&self, _: &BlobKey, _: Duration) -> Result<Option<String>> {
        Ok(None)
    }

    /// Returns the named files beside the blobs, if nodes share them.
    fn files(&self) -> Option<&dyn Files> {
        None
    }
}

/// Reads a whole blob and verifies it.
///
/// # Errors
/// [`Error::Missing`]; [`Error::Corrupt`] if the bytes are not those that the key stands for.
pub async fn read_all(blobs: &dyn Blobs, key: &BlobKey) -> Result<Bytes> {
    let mut pieces: Vec<Bytes> = blobs.get(key).await?.try_collect().await?;
    let bytes = match pieces.len() {
        1 => pieces.swap_remove(0),
        _ => pieces
            .into_iter()
            .fold(BytesMut::new(), |mut all, piece| {
                all.extend_from_slice(&piece);
                all
            })
            .freeze(),
    };
    if BlobKey::of(&bytes) == *key { Ok(bytes) } else { Err(Error::Corrupt { key: key.clone() }) }
}
