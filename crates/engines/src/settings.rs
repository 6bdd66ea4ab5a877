//! Settings of the vendors' engines.

use std::path::PathBuf;

use aicp_settings::{Millis, Secret, Wrong, at_least, if_set, settings, when};
use aicp_vision::Similarity;

use crate::{Cloudwalk, Koala, Result};

settings! {
    /// Biometric engines.
    pub struct EngineSettings {
        /// Engine of new libraries that name none, and of calls without a library: `builtin`, `koala` or `cloudwalk`.
        default: String = "builtin".to_owned(),
        /// Connection to a 考拉悠然 server.
        koala: KoalaSettings,
        /// Connection to a 云从 server.
        cloudwalk: CloudwalkSettings,
    }
}

settings! {
    /// Settings of a Koala engine.
    pub struct KoalaSettings {
        /// Base address, such as `http://127.0.0.1:39081/`, without user, query or fragment. Unset: the engine is not
        /// used.
        #[applies(at_once)]
        url: Option<String> = None,
        /// Connection settings and error codes.
        remote: RemoteSettings,
        /// Paths of the calls.
        paths: KoalaPaths,
    }
}

settings! {
    /// Settings of a Cloudwalk engine.
    pub struct CloudwalkSettings {
        /// Base address, such as `http://127.0.0.1:7000/`, without user, query or fragment. Unset: the engine is not
        /// used.
        #[applies(at_once)]
        url: Option<String> = None,
        /// `app_id` of every call, if the engine requires one.
        app_id: Option<String> = None,
        /// `app_secret` of every call, if the engine requires one.
        app_secret: Option<Secret> = None,
        /// Key of the quality score, 0..1, in the engine's answers.
        #[applies(at_once)]
        quality_key: String = "score".to_owned(),
        /// Connection settings and error codes.
        remote: RemoteSettings,
    }
}

settings! {
    /// Connection settings and error codes of a remote engine.
    pub struct RemoteSettings {
        /// Timeout of connecting in milliseconds, less than `timeout_ms`.
        #[applies(at_once)]
        connect_timeout_ms: Millis = Millis::new(2_000),
        /// Timeout of one attempt in milliseconds; also of the wait for a slot before it.
        #[applies(at_once)]
        timeout_ms: Millis = Millis::new(10_000),
        /// Maximum number of retries of a repeatable call.
        #[applies(at_once)]
        retries: u32 = 2,
        /// Maximum number of concurrent calls.
        #[applies(at_once)]
        concurrency: usize = 16 => at_least(1),
        /// Consecutive calls without an answer that open the circuit breaker.
        #[applies(at_once)]
        breaker_failures: u32 = 5 => at_least(1),
        /// Milliseconds for which the circuit breaker stays open.
        #[applies(at_once)]
        breaker_pause_ms: Millis = Millis::new(5_000),
        /// PEM file of certificate authorities that are trusted in addition to the well-known ones, for an `https://` address.
        extra_roots_file: Option<PathBuf> = None,
        /// Similarity above which two faces match, on the engine's own scale. Unset: the general threshold.
        #[applies(at_once)]
        threshold: Option<Similarity> = None => if_set(when("in 0..1", |share| (0.0..=1.0).contains(share))),
        /// Vendor codes meaning "the picture can't be decoded or shows no face".
        #[applies(at_once)]
        bad_picture_codes: Vec<i64> = vec![80018],
        /// Vendor codes meaning "library not found".
        #[applies(at_once)]
        library_missing_codes: Vec<i64> = Vec::new(),
        /// Vendor codes meaning "library exists already".
        #[applies(at_once)]
        library_exists_codes: Vec<i64> = Vec::new(),
        /// Vendor codes meaning "face not found".
        #[applies(at_once)]
        face_missing_codes: Vec<i64> = Vec::new(),
    }
    check |remote| {
        let is_ordered = remote.connect_timeout_ms > Millis::new(0) && remote.timeout_ms > remote.connect_timeout_ms;
        let wanted = "more than connect_timeout_ms, and that more than 0";
        if is_ordered { Ok(()) } else { Err(Wrong::new("timeout_ms", wanted)) }
    };
}

settings! {
    /// Paths of the calls that the vendor has not published, without a leading `/`. An empty path means that the call
    /// does not exist. Without the first two, libraries must be created and deleted at the engine by hand.
    #[derive(PartialEq, Eq)]
    pub struct KoalaPaths {
        /// Path of the call that creates a library.
        #[applies(at_once)]
        create_library: String = String::new(),
        /// Path of the call that deletes a library.
        #[applies(at_once)]
        delete_library: String = String::new(),
        /// Path of the call that removes a face.
        #[applies(at_once)]
        remove: String = String::new(),
        /// Path of the search of a library for the largest face of a picture.
        #[applies(at_once)]
        search: String = String::new(),
        /// Path of the search of a library for every face of a picture.
        #[applies(at_once)]
        search_many: String = String::new(),
        /// Path of the comparison of two pictures.
        #[applies(at_once)]
        compare: String = String::new(),
        /// Path of the detection of the faces of a picture.
        #[applies(at_once)]
        detect: String = String::new(),
        /// Path of the quality assessment of a picture.
        #[applies(at_once)]
        quality: String = String::new(),
        /// Path of the health check of the engine.
        #[applies(at_once)]
        health: String = String::new(),
    }
}

impl KoalaSettings {
    /// Returns the defaults for an engine at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// Creates the engine, unless its address is unset or empty.
    ///
    /// # Errors
    /// As [`Koala::new`].
    pub fn engine(&self) -> Result<Option<Koala>> {
        self.url.as_ref().filter(|url| !url.is_empty()).map(|_| Koala::new(self.clone())).transpose()
    }
}

impl CloudwalkSettings {
    /// Returns the defaults for an engine at this address.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }

    /// Creates the engine, unless its address is unset or empty.
    ///
    /// # Errors
    /// As [`Cloudwalk::new`].
    pub fn engine(&self) -> Result<Option<Cloudwalk>> {
        self.url.as_ref().filter(|url| !url.is_empty()).map(|_| Cloudwalk::new(self.clone())).transpose()
    }
}
