//! The database that the settings name: SQLite in the data folder, or PostgreSQL.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aicp_blobs::{Blobs, LocalBlobs};
use aicp_s3::{Access, Bucket, S3Blobs};
use aicp_settings::Secret;
use aicp_store::{Store, run_blocking};
use aicp_store_postgres::{Error as PostgresError, Options};
use aicp_store_sqlite::LINKS;
use aicp_types::SystemClock;

use crate::config::Config;
use crate::{Error, Result};

/// Exit code of a node that misses changes of its database: a temporary failure (EX_TEMPFAIL of sysexits.h).
const STALE: i32 = 75;

/// Opens the store.
///
/// # Errors
/// [`aicp_platform::Error`], also if another process has the data folder open.
pub(crate) async fn open(config: &Config) -> Result<Store> {
    let clock = Arc::new(SystemClock);
    let Some(options) = postgres(config)? else {
        let opened = aicp_store_sqlite::open_with(&config.data_dir, &config.objects_folder(), clock).await;
        return opened.map_err(|e| of_sqlite(config)(e.into()));
    };
    // Files of a node are its own.
    let lock = aicp_store_sqlite::lock(&config.data_dir).map_err(aicp_platform::Error::from)?;
    let (blobs, links) = objects(config).await?;
    aicp_store_postgres::open(options, lock, blobs, &links, clock).await.map_err(of_postgres)
}

/// Returns how to reach a PostgreSQL database, if one is set.
///
/// # Errors
/// [`Error::Config`] if its address is none.
pub(crate) fn postgres(config: &Config) -> Result<Option<Options>> {
    config.database.url.as_ref().map(|url| postgres_at(config, url.reveal())).transpose()
}

/// Returns how to reach the PostgreSQL database of an address, else as the settings say.
///
/// # Errors
/// [`Error::Config`] if it is no address.
pub(crate) fn postgres_at(config: &Config, url: &str) -> Result<Options> {
    Ok(Options {
        address: url.parse().map_err(|error: PostgresError| Error::Config(error.to_string()))?,
        connections: config.database.connections,
        // Whoever supervises this process starts it again.
        told: Arc::new(|| std::process::exit(STALE)),
        authorities: config.database.extra_roots_file.clone(),
        waits_for_nodes: config.database.wait_for_nodes,
    })
}

/// Timeout of a request to the bucket of pictures, which are small.
const REQUEST: Duration = Duration::from_secs(5);
/// How long a failed request to the bucket of pictures is made again.
const PATIENCE: Duration = Duration::from_secs(15);

/// Opens the place of the pictures of a PostgreSQL database; returns the folder of links, too.
///
/// # Errors
/// [`Error::Config`] for a wrong address; errors of the folder.
async fn objects(config: &Config) -> Result<(Arc<dyn Blobs>, PathBuf)> {
    if let Some(shared) = shared_blobs(config).await? {
        let place = config.objects.url.as_ref().filter(|place| !is_bucket(place));
        // Hard links need the file system of the pictures.
        let beside = place.map_or_else(|| config.data_dir.clone(), PathBuf::from);
        return Ok((shared, beside.join(LINKS)));
    }
    let folder = config.objects_folder();
    let opened = run_blocking(move || Ok(LocalBlobs::open(&folder)?)).await;
    Ok((Arc::new(opened.map_err(aicp_platform::Error::from)?), config.data_dir.join(LINKS)))
}

/// Returns whether a place of pictures is a bucket, else a folder.
pub(crate) fn is_bucket(place: &str) -> bool {
    place.starts_with(aicp_s3::SCHEME)
}

/// Opens the place that the nodes of a PostgreSQL database share, if the settings name one.
///
/// # Errors
/// [`Error::Config`] for a wrong address; errors of the folder.
pub(crate) async fn shared_blobs(config: &Config) -> Result<Option<Arc<dyn Blobs>>> {
    let (Some(place), true) = (&config.objects.url, config.database.url.is_some()) else { return Ok(None) };
    if is_bucket(place) {
        return Ok(Some(Arc::new(S3Blobs::new(open_bucket(config, place)?))));
    }
    let folder = PathBuf::from(place);
    let opened = run_blocking(move || Ok(LocalBlobs::open_shared(&folder)?)).await;
    Ok(Some(Arc::new(opened.map_err(aicp_platform::Error::from)?)))
}

/// Opens the bucket that the nodes share.
///
/// # Errors
/// [`Error::Config`].
fn open_bucket(config: &Config, address: &str) -> Result<Bucket> {
    let key = |key: &Option<Secret>| key.as_ref().map(|key| key.reveal().trim().to_owned()).unwrap_or_default();
    let access = Access {
        access_key: key(&config.objects.access_key),
        secret_key: key(&config.objects.secret_key),
        extra_roots_file: config.objects.extra_roots_file.clone(),
        timeout: REQUEST,
        patience: PATIENCE,
    };
    Bucket::open(address, &access).map_err(|error| Error::Config(format!("objects.url: {error}")))
}

/// Names the file of the database, if that is what failed.
pub(crate) fn of_sqlite(config: &Config) -> impl Fn(aicp_platform::Error) -> Error {
    move |source| match source.is_database_error() && config.database.url.is_none() {
        true => Error::Database { path: config.data_dir.join(aicp_store_sqlite::DATABASE), source },
        false => source.into(),
    }
}

/// Converts an error of PostgreSQL at the start, with the reason for which it can't be reached.
pub(crate) fn of_postgres(error: PostgresError) -> Error {
    match error {
        PostgresError::Store(error) if !matches!(error, aicp_store::Error::Unavailable(_)) => {
            aicp_platform::Error::from(error).into()
        }
        error => Error::Postgres(error),
    }
}

/// Refuses a command that works on files of SQLite.
///
/// # Errors
/// [`Error::NotOfPostgres`] if the database is another one.
pub(crate) fn require_sqlite(config: &Config) -> Result<()> {
    if config.database.url.is_some() { Err(Error::NotOfPostgres) } else { Ok(()) }
}
