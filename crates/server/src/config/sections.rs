//! Sections of the server itself: connections and logging.

use std::path::PathBuf;

use aicp_platform::settings::Network;
use aicp_settings::{Seconds, Secret, Setting, Wrong, at_least, if_set, list, settings, when, within};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

settings! {
    /// Limits of the HTTP server.
    pub struct Http {
        /// Memory limit of all request bodies together, in MiB.
        body_memory_mib: usize = 512 => within(16..=1 << 20),
        /// Maximum number of open connections of all listeners together.
        #[applies(at_once)]
        max_connections: usize = 4096 => at_least(1),
        /// Maximum number of open connections of one address, or of concurrent calls of one client behind a trusted
        /// proxy; 0: a quarter of `http.max_connections`. At the limit a new connection may replace a less useful one
        /// (docs/security.md).
        #[applies(at_once)]
        max_connections_per_address: usize = 0,
        /// Seconds that a keep-alive connection may wait for its next request.
        #[applies(at_once)]
        idle_seconds: Seconds = Seconds::new(75) => within(Seconds::new(1)..=Seconds::new(86_400)),
        /// Maximum number of calls per second of one client address (IPv6: of one /64); 0: unlimited.
        #[applies(at_once)]
        calls_per_second_per_address: u32 = 0 => within(0..=1_000_000),
        /// Addresses and networks of trusted proxies, such as `["10.0.0.5", "10.1.0.0/16"]`. Limits and the call log use the
        /// client address in their `X-Forwarded-For`.
        #[serde(deserialize_with = "list")]
        trusted_proxies: Vec<Network> = Vec::new(),
        /// Number of proxies in front of this server, if they have no stable addresses; then every connection is taken for
        /// that of the nearest one, so nothing else may reach the listeners. 0: `http.trusted_proxies` tells.
        proxy_hops: usize = 0 => within(0..=16),
        /// Whether trusted proxies begin each connection with a header of the PROXY protocol (version 1 or 2), which names the
        /// client. A connection of theirs without one is closed; other clients send none.
        proxy_protocol: bool = false,
    }

    check |http| {
        if http.proxy_hops > 0 && !http.trusted_proxies.is_empty() {
            return Err(Wrong::new("proxy_hops", "0 with http.trusted_proxies"));
        }
        if http.proxy_hops > 0 && http.proxy_protocol {
            return Err(Wrong::new("proxy_hops", "0 with http.proxy_protocol"));
        }
        Ok(())
    };
}

settings! {
    /// TLS of the listeners. Files in PEM, which are read again when they change and on SIGHUP.
    pub struct Tls {
        /// Certificate of the server, with those that lead to its root. With `tls.key_file`, every listener speaks TLS, except
        /// those marked `+plain`.
        cert_file: Option<PathBuf> = None,
        /// Private key of the certificate.
        key_file: Option<PathBuf> = None,
        /// Certificates of the authorities whose clients listeners marked `+mtls` admit.
        client_roots_file: Option<PathBuf> = None,
    }

    check |tls| {
        if tls.cert_file.is_some() != tls.key_file.is_some() {
            return Err(Wrong::new("key_file", "set together with cert_file"));
        }
        if tls.client_roots_file.is_some() && tls.cert_file.is_none() {
            return Err(Wrong::new("cert_file", "set together with client_roots_file"));
        }
        Ok(())
    };
}

/// Beginning of the address of an SQLite database.
pub(crate) const SQLITE: &str = "sqlite:";

settings! {
    /// The database, if it is not in the data folder.
    pub struct Database {
        /// Address of a PostgreSQL database, `postgres://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME`; of several hosts the one that
        /// takes writes is used. Better set as `AICP_DATABASE__URL`. Unset, or `sqlite:FILE` with `aicp.db` of the data folder: SQLite
        /// there.
        url: Option<Secret> = None => if_set(when("postgres://USER@HOST:PORT/NAME or sqlite:FILE", |url: &Secret| {
            url.reveal().starts_with(SQLITE) || url.reveal().parse::<aicp_store_postgres::Address>().is_ok()
        })),
        /// Maximum number of connections of this node to PostgreSQL for its calls. Three more write, follow the changes, and hold its lease.
        connections: usize = 16 => within(2..=1000),
        /// File in PEM of further authorities to trust, for connections with TLS (`?sslmode=require`).
        extra_roots_file: Option<PathBuf> = None,
        /// Whether a write is answered once all nodes of the PostgreSQL database have followed it, or have lost the right to answer. If not,
        /// other nodes may be a second behind, unless a call names the sequence of a write in `X-AICP-Sequence`.
        wait_for_nodes: bool = true,
    }
}

settings! {
    /// Pictures, and what else the nodes of a PostgreSQL database share.
    pub struct Objects {
        /// Folder; or, with PostgreSQL, bucket of an S3 server: `s3://BUCKET[/PREFIX][?endpoint=URL&region=REGION&public=URL]`, where `public`
        /// is the address of the server in links, if callers reach it by another one. Unset: `objects` in the data folder.
        url: Option<String> = None,
        /// Access key of the S3 server. Better set as `AICP_OBJECTS__ACCESS_KEY`.
        access_key: Option<Secret> = None,
        /// Secret key of the S3 server. Better set as `AICP_OBJECTS__SECRET_KEY`.
        secret_key: Option<Secret> = None,
        /// File in PEM of further authorities to trust, for an S3 server with TLS.
        extra_roots_file: Option<PathBuf> = None,
        /// Seconds for which anybody can read a picture from the bucket who has followed a link to it: the link is answered with a redirect
        /// to the S3 server. 0: links are answered with the picture.
        link_seconds: Seconds = Seconds::new(0) => within(Seconds::new(0)..=Seconds::new(3600)),
    }

    check |objects| {
        let is_bucket = objects.url.as_ref().is_some_and(|place| place.starts_with(aicp_s3::SCHEME));
        if is_bucket && (objects.access_key.is_none() || objects.secret_key.is_none()) {
            return Err(Wrong::new("access_key", "set together with objects.secret_key for a bucket"));
        }
        Ok(())
    };
}

settings! {
    /// Search in memory.
    pub struct Search {
        /// Number of faces from which a library takes a sixth of the memory and a quarter of the search time: rotated heads
        /// are in memory, and whole templates are read from the database for the few best (docs/performance.md); 0: never.
        large_library_faces: usize = 16_384,
    }
}

settings! {
    /// Logging to stderr.
    pub struct Log {
        /// Format of the lines: `text` or `json`.
        format: LogFormat = LogFormat::Text,
        /// Filter in the syntax of `tracing-subscriber`, such as `info` or `aicp_requests=debug,info`.
        #[applies(at_once)]
        level: String = "info".to_owned(),
    }
}

settings! {
    /// Traces of calls, sent to a collector of OpenTelemetry.
    pub struct Tracing {
        /// Address of the collector for OTLP over HTTP, such as `http://127.0.0.1:4318`. Without a path, `/v1/traces` is added.
        /// Unset: no traces.
        otlp_endpoint: Option<String> = None => if_set(when("an http:// or https:// address", |url: &String| {
            url.starts_with("http://") || url.starts_with("https://")
        })),
        /// Share of calls that are traced. A caller can exclude its call by `traceparent`, not include it.
        #[applies(at_once)]
        sample_ratio: f64 = 1.0 => when("in 0..1", |share| (0.0..=1.0).contains(share)),
        /// Name of this service in the traces (`service.name`).
        service_name: String = "aicp".to_owned(),
        /// File in PEM of further authorities to trust, for an https address.
        extra_roots_file: Option<PathBuf> = None,
    }
}

settings! {
    /// Changes of settings while the server runs.
    pub struct Changes {
        /// Settings that can't be changed while the server runs, such as `["recognition.threshold", "log.*"]`; `*`: all. What
        /// file, environment or default say counts, whatever the database has (docs/settings.md).
        #[serde(deserialize_with = "list")]
        fixed: Vec<String> = Vec::new(),
    }
}

impl Changes {
    /// Whether a setting is fixed.
    pub(crate) fn fixes(&self, name: &str) -> bool {
        self.fixed.iter().any(|pattern| covers(pattern, name))
    }

    /// Checks that each pattern covers a setting, as a misspelt one would fix nothing.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub(crate) fn check_names(&self, all: &[Setting]) -> Result<()> {
        match self.fixed.iter().find(|pattern| !all.iter().any(|setting| covers(pattern, &setting.name))) {
            Some(pattern) => Err(Error::Config(format!("settings.fixed must name settings: there is no {pattern}"))),
            None => Ok(()),
        }
    }
}

/// Whether a pattern covers a name: it is the name, or the name goes on after `*` at its end.
fn covers(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) if start.is_empty() || start.ends_with('.') => name.starts_with(start),
        _ => pattern == name,
    }
}

/// Format of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human-readable text.
    Text,
    /// One JSON object per line.
    Json,
}
