//! Pictures as objects of a bucket.

use std::path::PathBuf;
use std::time::Duration;

use aicp_blobs::{BlobKey, BlobStream, Blobs, Error, Files, Result};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use md5::{Digest, Md5};
use object_store::path::Path as Key;
use object_store::signer::Signer;
use object_store::{Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use crate::Bucket;

/// Maximum number of requests at a time for one call.
const CONCURRENT: usize = 16;

/// Pictures in a bucket. The key of a picture is its path, its first two digits a folder. Clones share the bucket.
#[derive(Clone)]
pub struct S3Blobs(Bucket);

impl S3Blobs {
    /// Keeps pictures in a bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self(bucket)
    }

    pub(crate) fn bucket(&self) -> &Bucket {
        &self.0
    }

    async fn put_one(&self, key: &BlobKey, bytes: &Bytes) -> Result<()> {
        let (path, payload) = (path_of(key), PutPayload::from(bytes.clone()));
        // For who follows a link. A removed person must not survive in a cache.
        let headers = [(Attribute::ContentType, media_type(bytes)), (Attribute::CacheControl, "private, no-store")];
        let attributes = Attributes::from_iter(headers);
        let options = |mode| PutOptions { mode, attributes: attributes.clone(), ..PutOptions::default() };
        match self.0.store.put_opts(&path, payload.clone(), options(PutMode::Create)).await {
            Ok(_) => return Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {}
            Err(error) => return Err(unavailable(&error)),
        }
        // What is there may be damaged, or deleted by now.
        match self.0.store.head(&path).await {
            Ok(found) if is_of(&found, bytes) => return Ok(()),
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(unavailable(&error)),
        }
        let put = self.0.store.put_opts(&path, payload, options(PutMode::Overwrite)).await;
        put.map(drop).map_err(|error| unavailable(&error))
    }

    async fn delete_one(&self, key: &BlobKey) -> Result<()> {
        match self.0.store.delete(&path_of(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

/// Returns whether an object has these bytes, as far as the server tells: by its size and, where the tag is the MD5, by that.
fn is_of(found: &ObjectMeta, bytes: &Bytes) -> bool {
    let tag = found.e_tag.as_deref().map(|tag| tag.trim_matches('"'));
    let is_md5 = tag.filter(|tag| tag.len() == 32 && tag.bytes().all(|digit| digit.is_ascii_hexdigit()));
    found.size == bytes.len() as u64
        && is_md5.is_none_or(|tag| tag.eq_ignore_ascii_case(&hex::encode(Md5::digest(bytes))))
}

/// Returns the media type of a picture, by its first bytes.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => "image/jpeg",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'B', b'M', ..] => "image/bmp",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        _ => "application/octet-stream",
    }
}

fn path_of(key: &BlobKey) -> Key {
    let (shard, rest) = key.split();
    Key::from_iter([shard, rest])
}

pub(crate) fn unavailable(error: &object_store::Error) -> Error {
    tracing::warn!(%error, "the bucket of the pictures can't be used");
    Error::Unavailable
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> Result<()> {
        let puts: Vec<_> = blobs.iter().map(|(key, bytes)| self.put_one(key, bytes)).collect();
        stream::iter(puts).buffer_unordered(CONCURRENT).try_collect().await
    }

    async fn get(&self, key: &BlobKey) -> Result<BlobStream> {
        match self.0.store.get(&path_of(key)).await {
            Ok(found) => Ok(found.into_stream().map_err(|error| unavailable(&error)).boxed()),
            Err(object_store::Error::NotFound { .. }) => Err(Error::Missing { key: key.clone() }),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn delete(&self, keys: &[BlobKey]) -> Result<()> {
        let deletions: Vec<_> = keys.iter().map(|key| self.delete_one(key)).collect();
        stream::iter(deletions).buffer_unordered(CONCURRENT).try_collect().await
    }

    async fn list(&self, shard: u8) -> Result<Vec<BlobKey>> {
        let folder = Key::from(format!("{shard:02x}"));
        let found = self.0.store.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let found = found.map_err(|error| unavailable(&error))?;
        // What has another name is not ours.
        let key = |object: &ObjectMeta| {
            let name: String = object.location.parts().map(|part| part.as_ref().to_owned()).collect();
            BlobKey::parse(&name)
        };
        Ok(found.iter().filter_map(key).collect())
    }

    fn path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }

    async fn link(&self, key: &BlobKey, life: Duration) -> Result<Option<String>> {
        let path: Key = self.0.prefix.parts().chain(path_of(key).parts()).collect();
        let signed = self.0.signer.signed_url(http_get(), &path, life).await;
        signed.map(|url| Some(url.into())).map_err(|error| unavailable(&error))
    }

    fn files(&self) -> Option<&dyn Files> {
        Some(self)
    }
}

/// The method of a link.
fn http_get() -> reqwest::Method {
    reqwest::Method::GET
}
