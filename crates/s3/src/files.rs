//! Named files as objects of a bucket, below `files/`.

use std::path::Path;
use std::sync::Arc;

use aicp_blobs::{BlobStream, Error, Files, ListedFile, Result};
use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::buffered::BufWriter;
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, copy};

use crate::S3Blobs;
use crate::blobs::unavailable;

/// Folder of the files.
const FILES: &str = "files";
/// Bytes of a part, each a request that has to be answered in time. The least that S3 allows.
const PART: u64 = 5 << 20;
/// Maximum number of parts of a file, below what S3 allows.
const MAX_PARTS: u64 = 9_000;
/// Maximum number of parts that are put at a time.
const CONCURRENT: usize = 4;
/// Parts that are read at a time: whoever takes them may be slow.
const READ_AHEAD: usize = 2;

fn key_of(folder: &str, name: &str) -> Key {
    Key::from_iter([FILES, folder, name])
}

#[async_trait]
impl Files for S3Blobs {
    async fn put_file(&self, folder: &str, name: &str, from: &Path) -> Result<()> {
        let mut file = File::open(from).await.map_err(at(from))?;
        let size = file.metadata().await.map_err(at(from))?.len();
        let part = usize::try_from(PART.max(size / MAX_PARTS)).unwrap_or(usize::MAX);
        let (objects, key) = (Arc::clone(&self.bucket().bulk), key_of(folder, name));
        let mut writer = BufWriter::with_capacity(objects, key, part).with_max_concurrency(CONCURRENT);
        let written = match copy(&mut file, &mut writer).await {
            // It ends the upload itself if this fails.
            Ok(_) => writer.shutdown().await,
            Err(error) => {
                // Parts of an upload that never ends would be paid for.
                let _ = writer.abort().await;
                Err(error)
            }
        };
        written.map_err(|error| {
            // Those of the local file have a number of the system.
            if error.raw_os_error().is_some() {
                return at(from)(error);
            }
            tracing::warn!(%error, folder, name, "a file can't be put into the bucket");
            Error::Unavailable
        })
    }

    async fn read_file(&self, folder: &str, name: &str, from: u64) -> Result<Option<(u64, BlobStream)>> {
        let (objects, key) = (Arc::clone(&self.bucket().bulk), key_of(folder, name));
        let found = match objects.head(&key).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(unavailable(&error)),
        };
        let size = found.size;
        let parts = (from..size).step_by(PART as usize).map(move |start| {
            let range = start..(start + PART).min(size);
            // All parts are of one file.
            let options =
                GetOptions { if_match: found.e_tag.clone(), range: Some(range.into()), ..GetOptions::default() };
            let (objects, key) = (Arc::clone(&objects), key.clone());
            async move {
                let part = objects.get_opts(&key, options).await.map_err(|error| unavailable(&error))?;
                part.bytes().await.map_err(|error| unavailable(&error))
            }
        });
        Ok(Some((size, stream::iter(parts).buffered(READ_AHEAD).boxed())))
    }

    async fn delete_file(&self, folder: &str, name: &str) -> Result<()> {
        match self.bucket().store.delete(&key_of(folder, name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn list_files(&self, folder: &str) -> Result<Vec<ListedFile>> {
        let found = self.bucket().store.list(Some(&Key::from_iter([FILES, folder]))).try_collect::<Vec<_>>().await;
        let found = found.map_err(|error| unavailable(&error))?;
        let listed = |object: &ObjectMeta| {
            Some(ListedFile { name: object.location.filename()?.to_owned(), written: object.last_modified.into() })
        };
        Ok(found.iter().filter_map(listed).collect())
    }
}

/// Adds the path to an I/O error; for `map_err`.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { path: path.to_owned(), source }
}
