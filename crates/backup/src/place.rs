//! Where a repository is: a folder or an S3 bucket.

use std::fmt;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aicp_s3::{Access, Bucket};
use aicp_settings::{Secret, settings};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::error::{at, at_place};
use crate::{Error, Result};

/// Timeout of a request to an S3 server.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a failed request is made again.
const PATIENCE: Duration = Duration::from_secs(180);

settings! {
    /// Backups (`aicp backup`).
    pub struct Settings {
        /// Pass phrase that encrypts backups. Without one, a backup is as secret as the data folder.
        passphrase: Option<Secret> = None,
        /// File with the pass phrase in its first line.
        passphrase_file: Option<PathBuf> = None,
        /// Access key of the S3 server.
        access_key: Option<Secret> = None,
        /// Secret key of the S3 server.
        secret_key: Option<Secret> = None,
        /// Certificates of authorities that may also certify the S3 server, in PEM.
        extra_roots_file: Option<PathBuf> = None,
    }
}

/// A folder, or the part of an S3 bucket below a prefix.
#[derive(Clone)]
pub struct Place {
    store: Arc<dyn ObjectStore>,
    folder: Option<PathBuf>,
    name: String,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Place {
    /// Opens a place: the path of a folder, or `s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION]`.
    ///
    /// # Errors
    /// [`Error::Address`]; [`Error::Tls`] for a wrong `extra_roots_file`; [`Error::Io`] if the folder can't be created.
    pub fn open(address: &str, settings: &Settings) -> Result<Self> {
        let (store, folder) = match address.strip_prefix("s3://") {
            Some(_) => (s3(address, settings)?, None),
            None => (folder(Path::new(address))?, Some(PathBuf::from(address))),
        };
        Ok(Self { store, folder, name: address.split('?').next().unwrap_or_default().to_owned() })
    }

    /// Creates folders that only this user can read, where folders are files of this machine.
    pub(crate) fn create_folders(&self, names: &[&str]) -> Result<()> {
        let Some(root) = &self.folder else { return Ok(()) };
        names.iter().try_for_each(|name| create_private(&root.join(name)))
    }

    /// Reads an object; `None` if it is missing.
    pub(crate) async fn get(&self, name: &str) -> Result<Option<Bytes>> {
        let read = async { self.store.get(&Key::from(name)).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(at_place(name)(source)),
        }
    }

    /// Writes an object durably, and replaces one of the same name.
    pub(crate) async fn put(&self, name: &str, bytes: Bytes) -> Result<()> {
        self.store.put(&Key::from(name), PutPayload::from(bytes)).await.map_err(at_place(name))?;
        Ok(())
    }

    /// Writes an object durably unless there is one of this name; returns whether it did.
    pub(crate) async fn create(&self, name: &str, bytes: Bytes) -> Result<bool> {
        match self.store.put_opts(&Key::from(name), PutPayload::from(bytes), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => Ok(false),
            Err(source) => Err(at_place(name)(source)),
        }
    }

    /// Lists names and sizes of the objects below a folder.
    pub(crate) async fn list(&self, folder: &str) -> Result<Vec<(String, u64)>> {
        let listed = self.store.list(Some(&Key::from(folder)));
        listed.map_ok(|found| (found.location.to_string(), found.size)).try_collect().await.map_err(at_place(folder))
    }

    /// Returns whether nothing is there.
    pub(crate) async fn is_empty(&self) -> Result<bool> {
        let first = self.store.list(None).next().await.transpose().map_err(at_place(&self.name))?;
        Ok(first.is_none())
    }

    /// Deletes objects; missing ones are ignored.
    pub(crate) async fn delete(&self, names: Vec<String>) -> Result<()> {
        let keys = futures_util::stream::iter(names).map(|name| Ok(Key::from(name))).boxed();
        let mut deleted = self.store.delete_stream(keys);
        while let Some(outcome) = deleted.next().await {
            match outcome {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(at_place("delete")(source)),
            }
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Opens a folder, which is created where missing for this user only.
fn folder(path: &Path) -> Result<Arc<dyn ObjectStore>> {
    if !path.exists() {
        create_private(path)?;
    }
    let store = LocalFileSystem::new_with_prefix(path).map_err(at_place(path.display().to_string()))?;
    Ok(Arc::new(store.with_fsync(true)))
}

/// Creates a folder for this user only; an existing one stays as it is.
fn create_private(path: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))
}

/// Opens a bucket.
fn s3(address: &str, settings: &Settings) -> Result<Arc<dyn ObjectStore>> {
    let secret = |name: &str, value: &Option<Secret>| {
        let value = value.as_ref().ok_or_else(|| {
            Error::Address(format!("{}: backup.{name} is not set", address.split('?').next().unwrap_or_default()))
        })?;
        Ok::<_, Error>(value.reveal().trim().to_owned())
    };
    let access = Access {
        access_key: secret("access_key", &settings.access_key)?,
        secret_key: secret("secret_key", &settings.secret_key)?,
        extra_roots_file: settings.extra_roots_file.clone(),
        timeout: REQUEST_TIMEOUT,
        patience: PATIENCE,
    };
    match Bucket::open(address, &access) {
        Ok(bucket) => Ok(bucket.store),
        Err(aicp_s3::Error::Trust(e)) => Err(Error::Tls(format!("backup.extra_roots_file: {e}"))),
        Err(aicp_s3::Error::Client { address, source }) => Err(at_place(address)(*source)),
        Err(aicp_s3::Error::Address(reason)) => Err(Error::Address(reason)),
    }
}
