//! Signed links to enrolled pictures, in the forms of the AICP manual. The signature keeps links from being guessed.

use std::net::SocketAddr;
use std::time::Duration;

use aicp_platform::{Face, Platform};
use aicp_settings::settings;
use aicp_types::{FaceId, FileId, Snowflake, UnixMillis};
use axum::http::{HeaderMap, header};

use crate::shanghai;
use aicp_requests::percent::encoded;

/// Expiry of a link that never expires: the end of the year 9999, in seconds since the Unix epoch.
const NEVER: u64 = 253_402_300_799;

settings! {
    /// Links to pictures in answers.
    pub struct LinkSettings {
        /// Seconds for which the links of sections 3.5 and 7.8 (`faceDBURL`) are valid; 0: forever.
        face_url_seconds: u64 = 3600,
    }
}

impl LinkSettings {
    /// Returns the lifetime of the links; zero means that they never expire.
    pub fn lifetime(&self) -> Duration {
        Duration::from_secs(self.face_url_seconds)
    }
}

/// Addresses under which clients reach a listener.
#[derive(Debug, Clone)]
pub struct Site {
    /// Base of the links in answers, such as `https://example.com`; `None` takes the `Host` header of the request.
    pub public_url: Option<String>,
    /// Base of the links if the request has no usable `Host` header.
    pub local_address: SocketAddr,
    /// Whether the listener speaks TLS.
    pub is_encrypted: bool,
    /// Lifetime of the links of manual 3.5 and 7.8; zero means that they never expire.
    pub face_url_lifetime: Duration,
}

impl Site {
    /// Returns the base of the links in the answer to a request.
    pub(crate) fn base_url(&self, headers: &HeaderMap) -> String {
        if let Some(url) = &self.public_url {
            return url.trim_end_matches('/').to_owned();
        }
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).filter(|host| is_host(host));
        let scheme = if self.is_encrypted { "https" } else { "http" };
        match host {
            Some(host) => format!("{scheme}://{host}"),
            None => format!("{scheme}://{}", self.local_address),
        }
    }
}

/// Whether a text is safe as host and port of a link. The header is the client's and comes back in answers.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b))
}

/// Builds the links of one answer.
pub(crate) struct Links<'a> {
    platform: &'a Platform,
    base: String,
    face_url_lifetime: Duration,
}

impl<'a> Links<'a> {
    /// Creates the link builder for the answer to a request.
    pub fn new(platform: &'a Platform, site: &Site, headers: &HeaderMap) -> Self {
        Self { platform, base: site.base_url(headers), face_url_lifetime: site.face_url_lifetime }
    }

    /// Whether the links start with `https`.
    pub fn is_https(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// Returns `/face/getimage?..`, whose `app_secret` holds an expiry and a signature instead of a secret.
    pub fn by_face(&self, app_id: &str, group_id: &str, face_id: FaceId) -> String {
        let expiry = if self.face_url_lifetime.is_zero() {
            NEVER
        } else {
            seconds(self.platform.now().saturating_add(self.face_url_lifetime))
        };
        let signature = self.platform.sign(&getimage_text(app_id, group_id, face_id, expiry));
        format!(
            "{}/face/getimage?app_id={}&app_secret={expiry:x}-{signature}&groupId={}&faceId={face_id}",
            self.base,
            encoded(app_id),
            encoded(group_id),
        )
    }

    /// Returns `/group1/default/<yyyymmdd>/<HH>/<mm>/<n>/<epochMillis>?download=0&sig=..`.
    pub fn by_moment(&self, face: &Face) -> String {
        let path = moment_path(face.file_id);
        format!("{}{path}?download=0&sig={}", self.base, self.platform.sign(&path))
    }

    /// Returns `/person/<yyyymmdd>/<id>.png?sig=..`.
    pub fn by_file(&self, file_id: FileId) -> String {
        let date = shanghai::local(file_id.created()).date();
        let path = format!("/person/{:04}{:02}{:02}/{file_id}.png", date.year(), date.month(), date.day());
        let signature = self.platform.sign(&path);
        [&self.base, &path, "?sig=", &signature].concat()
    }
}

/// Returns the path for a creation time. `n` numbers the faces of one millisecond from 1.
fn moment_path(file_id: FileId) -> String {
    let number = Snowflake::from(file_id).within_millisecond() + 1;
    let minute = shanghai::local(file_id.created()).strftime("%Y%m%d/%H/%M");
    format!("/group1/default/{minute}/{number}/{}", file_id.created())
}

/// Parses a path that [`moment_path`] made.
pub(crate) fn file_of_moment_path(path: &str) -> Option<FileId> {
    let mut parts = path.rsplit('/');
    let created = UnixMillis::new(parts.next()?.parse().ok()?);
    let number: i64 = parts.next()?.parse().ok()?;
    let file_id = Snowflake::from_parts(created, number.checked_sub(1)?)?.into();
    (moment_path(file_id) == path).then_some(file_id)
}

/// Parses a path that [`Links::by_file`] made.
pub(crate) fn file_of_path(path: &str) -> Option<FileId> {
    FileId::parse(path.rsplit('/').next()?.strip_suffix(".png")?)
}

/// Whole seconds since the epoch; none before it.
fn seconds(time: UnixMillis) -> u64 {
    u64::try_from(time.seconds()).unwrap_or(0)
}

/// Verifies the signature and expiry in the `app_secret` of a `getimage` link.
pub(crate) fn is_getimage_secret(
    platform: &Platform,
    secret: &str,
    app_id: &str,
    group_id: &str,
    face_id: FaceId,
) -> bool {
    let Some((expiry, signature)) = secret.split_once('-') else { return false };
    let Ok(expiry) = u64::from_str_radix(expiry, 16) else { return false };
    expiry >= seconds(platform.now())
        && platform.is_signed(&getimage_text(app_id, group_id, face_id, expiry), signature)
}

/// Returns the text that a `getimage` signature covers. Length prefixes keep the two ids unambiguous.
fn getimage_text(app_id: &str, group_id: &str, face_id: FaceId, expiry: u64) -> String {
    format!("getimage {}:{app_id} {}:{group_id} {face_id} {expiry}", app_id.len(), group_id.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_paths_name_each_other() {
        let created = UnixMillis::new(1_585_114_811_949);
        let file_id = |number| FileId::from(Snowflake::from_parts(created, number).expect("in range"));
        assert_eq!(moment_path(file_id(0)), "/group1/default/20200325/13/40/1/1585114811949");
        assert_eq!(moment_path(file_id(4)), "/group1/default/20200325/13/40/5/1585114811949");
        for id in [0, 4, 4_194_303].map(file_id) {
            assert_eq!(file_of_moment_path(&moment_path(id)), Some(id));
        }
        for path in [
            "/group1/default/20200326/13/40/1/1585114811949",
            "/group1/default/20200325/13/40/0/1585114811949",
            "/group1/default/20200325/13/40/4194305/1585114811949",
            "/group1/default/20200325/13/40/1/9223372036854775807",
            "/group1/default/x",
            "",
        ] {
            assert_eq!(file_of_moment_path(path), None, "{path}");
        }
    }
}
