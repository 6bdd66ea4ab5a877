//! Buckets of S3 servers, and pictures in one.
//!
//! The server must have conditional writes (`If-None-Match`, `If-Match`) and show a write to the next read, as Amazon S3, Ceph and SeaweedFS do.

mod blobs;
mod files;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path as Key;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, ObjectStore, RetryConfig};
use percent_encoding::percent_decode_str;
use url::Url;

pub use blobs::S3Blobs;

/// Timeout of connecting to a server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Timeout of a request that moves a part of a large file, or puts its parts together.
const BULK_TIMEOUT: Duration = Duration::from_secs(120);

/// Prefix of the addresses of buckets.
pub const SCHEME: &str = "s3://";

/// Who calls a server, and whom it trusts. Not `Debug`: it has secrets.
#[derive(Clone)]
pub struct Access {
    /// Access key.
    pub access_key: String,
    /// Secret key.
    pub secret_key: String,
    /// File in PEM of further authorities to trust.
    pub extra_roots_file: Option<PathBuf>,
    /// Timeout of a request.
    pub timeout: Duration,
    /// How long a failed request is made again.
    pub patience: Duration,
}

/// A bucket, or the part of one below a prefix.
#[derive(Clone)]
pub struct Bucket {
    /// The objects.
    pub store: Arc<dyn ObjectStore>,
    /// The same, with time for large parts.
    pub(crate) bulk: Arc<dyn ObjectStore>,
    signer: AmazonS3,
    prefix: Key,
    name: String,
}

/// Reason why a bucket can't be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is wrong.
    #[error("{0}")]
    Address(String),
    /// Authorities can't be trusted.
    #[error(transparent)]
    Trust(#[from] aicp_trust::Error),
    /// The client can't be made.
    #[error("{address}: {source}")]
    Client {
        /// Address of the bucket.
        address: String,
        /// Cause.
        source: Box<object_store::Error>,
    },
}

impl Bucket {
    /// Opens `s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION&public=URL]`. `public`: address of the server in links, if it is another one.
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Error`].
    pub fn open(address: &str, access: &Access) -> Result<Self, Error> {
        let name = address.split('?').next().unwrap_or_default().to_owned();
        let wrong = |reason: &str| Error::Address(format!("{name}: {reason}"));
        let url = Url::parse(address).map_err(|e| wrong(&e.to_string()))?;
        let bucket = url.host_str().ok_or_else(|| wrong("the bucket is missing"))?;
        let prefix =
            percent_decode_str(url.path().trim_matches('/')).decode_utf8().map_err(|e| wrong(&e.to_string()))?;
        let mut options: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let trust = aicp_trust::client_config_with_file(access.extra_roots_file.as_deref())?;
        let retry = RetryConfig { max_retries: 10, retry_timeout: access.patience, ..RetryConfig::default() };
        let public = options.remove("public");
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_region(options.remove("region").unwrap_or_else(|| "us-east-1".to_owned()))
            .with_access_key_id(&access.access_key)
            .with_secret_access_key(&access.secret_key)
            .with_conditional_put(S3ConditionalPut::ETagMatch)
            .with_retry(retry)
            .with_http_connector(Connector { trust: trust.clone(), timeout: access.timeout });
        if let Some(endpoint) = options.remove("endpoint") {
            builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
        }
        if let Some(unknown) = options.keys().next() {
            return Err(wrong(&format!("unknown option {unknown}; there are endpoint, region and public")));
        }
        let client = |source| Error::Client { address: name.clone(), source: Box::new(source) };
        let objects = builder.clone().build().map_err(client)?;
        let bulk = Connector { trust, timeout: access.timeout.max(BULK_TIMEOUT) };
        let bulk = builder.clone().with_http_connector(bulk).build().map_err(client)?;
        let signer = match public {
            Some(public) => {
                let builder = builder.with_allow_http(public.starts_with("http://")).with_endpoint(public);
                builder.build().map_err(client)?
            }
            None => objects.clone(),
        };
        let prefix = Key::from(prefix.as_ref());
        let below_prefix = |objects: AmazonS3| -> Arc<dyn ObjectStore> {
            match prefix.as_ref() {
                "" => Arc::new(objects),
                _ => Arc::new(PrefixStore::new(objects, prefix.clone())),
            }
        };
        Ok(Self { store: below_prefix(objects), bulk: below_prefix(bulk), signer, prefix, name })
    }

    /// Returns the address, without options.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Makes HTTP clients that trust the authorities of this process.
#[derive(Debug)]
struct Connector {
    trust: aicp_trust::ClientConfig,
    timeout: Duration,
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(self.trust.clone())
            .connect_timeout(CONNECT_TIMEOUT.min(self.timeout))
            .timeout(self.timeout)
            .no_proxy()
            .build();
        let client = client.map_err(|e| object_store::Error::Generic { store: "S3", source: Box::new(e) })?;
        Ok(HttpClient::new(client))
    }
}
