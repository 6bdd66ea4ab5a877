//! Blobs in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{BlobKey, BlobStream, Blobs, Error, ListedBlob, Result};

/// Blobs in memory, for tests.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<BlobKey, (Bytes, SystemTime)>>);

impl MemoryBlobs {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<BlobKey, (Bytes, SystemTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()> {
        let now = SystemTime::UNIX_EPOCH;
        self.blobs().extend(blobs.iter().map(|(key, bytes)| (key.clone(), (bytes.clone(), now))));
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<BlobStream> {
        let found = self.blobs().get(key).map(|(bytes, _)| bytes.clone());
        let bytes = found.ok_or_else(|| Error::Missing { key: key.clone() })?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }

    async fn delete(&self, keys: &[BlobKey]) -> Result<()> {
        let mut blobs = self.blobs();
        keys.iter().for_each(|key| drop(blobs.remove(key)));
        Ok(())
    }

    async fn list(&self, shard: u8) -> Result<Vec<ListedBlob>> {
        let blobs = self.blobs();
        let of_shard = blobs.iter().filter(|(key, _)| key.shard() == shard);
        Ok(of_shard.map(|(key, (_, put_at))| ListedBlob { key: key.clone(), put_at: *put_at }).collect())
    }

    fn path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}
