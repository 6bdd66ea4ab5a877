//! Blobs in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use crate::{BlobKey, BlobStream, Blobs, Error, Result};

/// Blobs in memory, for tests.
#[derive(Default)]
pub struct MemoryBlobs(Mutex<BTreeMap<BlobKey, Bytes>>);

impl MemoryBlobs {
    fn blobs(&self) -> MutexGuard<'_, BTreeMap<BlobKey, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()> {
        self.blobs().extend(blobs.iter().map(|(key, bytes)| (key.clone(), bytes.clone())));
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> Result<BlobStream> {
        let found = self.blobs().get(key).cloned();
        let bytes = found.ok_or_else(|| Error::Missing { key: key.clone() })?;
        Ok(stream::iter([Ok(bytes)]).boxed())
    }

    async fn delete(&self, keys: &[BlobKey]) -> Result<()> {
        let mut blobs = self.blobs();
        keys.iter().for_each(|key| drop(blobs.remove(key)));
        Ok(())
    }

    async fn list(&self, shard: u8) -> Result<Vec<BlobKey>> {
        let blobs = self.blobs();
        Ok(blobs.keys().filter(|key| key.shard() == shard).cloned().collect())
    }

    fn path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}
