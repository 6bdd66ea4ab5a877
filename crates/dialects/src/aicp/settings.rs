//! Settings of the AICP dialect.

use std::str::FromStr;

use aicp_platform::ADMIN_APP;
use aicp_settings::{list, settings, text_or_number, when};
use serde::Serialize;

use super::{Listener, TimeUnit};

/// Settings of the AICP dialect for one listener.
#[derive(Debug, Clone)]
pub struct Options {
    /// Dialect on shared paths.
    pub listener: Listener,
    /// Sections 2 and 3, and calls without a token.
    pub legacy: Legacy,
    /// Section 9.
    pub face_api: FaceApi,
}

settings! {
    /// Sections 2 and 3 of the AICP manual, which have no tokens.
    pub struct Legacy {
        /// Whether calls of sections 2, 3 and 5 without a token are accepted. Unset: yes, but only if all listeners are
        /// on loopback.
        anonymous: Option<bool> = None,
        /// App that calls without a token act for.
        #[serde(deserialize_with = "text_or_number")]
        app_id: String = "legacy".to_owned()
            => when("a name of its own", |id: &String| !id.trim().is_empty() && id != ADMIN_APP),
        /// Whether an enrolment of sections 2 and 3 creates the library that it names. These sections have no call that
        /// creates one.
        autocreate_library: bool = true,
        /// Chapters that accept calls without a token: `"8.7"`, `"9"`, `"11"` (docs/aicp-dialect.md). By default they
        /// require one, although the manual shows none. Chapter 11 shows pictures and libraries of every app.
        #[serde(deserialize_with = "list")]
        open_chapters: Vec<Chapter> = Vec::new(),
    }
}

settings! {
    /// Section 9 of the AICP manual.
    pub struct FaceApi {
        /// Whether calls without a token are accepted: the same as `"9"` in `legacy.open_chapters`.
        anonymous: bool = false,
        /// Whether `timestamp` is in seconds instead of milliseconds.
        timestamp_in_seconds: bool = false,
        /// Maximum number of groups (libraries) of an app; 0: unlimited.
        #[applies(at_once)]
        max_groups: u64 = 0,
        /// Maximum number of faces of a user; 0: unlimited (LinkVisual: 100).
        #[applies(at_once)]
        max_faces_per_user: usize = 0,
    }
}

/// Chapter of the manual that requires a token although the manual shows none, with a setting that waives it. Calls
/// without a token act for the app of sections 2 and 3, under the same cross-site rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Chapter {
    /// Statistics: the list of all calls.
    #[serde(rename = "8.7")]
    AllCalls,
    /// face-api.
    #[serde(rename = "9")]
    FaceApi,
    /// High availability, otherwise reserved for the administrator.
    #[serde(rename = "11")]
    HighAvailability,
}

impl FromStr for Chapter {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "8.7" => Ok(Self::AllCalls),
            "9" => Ok(Self::FaceApi),
            "11" => Ok(Self::HighAvailability),
            _ => Err("none of the chapters that can be opened: 8.7, 9, 11"),
        }
    }
}

impl Legacy {
    /// Returns whether sections 2, 3 and 5 accept calls without a token.
    pub fn is_anonymous(&self) -> bool {
        self.anonymous.unwrap_or(true)
    }
}

impl FaceApi {
    /// Returns the unit of `timestamp`.
    pub(super) fn time_unit(&self) -> TimeUnit {
        if self.timestamp_in_seconds { TimeUnit::Seconds } else { TimeUnit::Milliseconds }
    }
}

impl Options {
    /// Returns whether a chapter accepts calls without a token.
    pub(super) fn opens(&self, chapter: Chapter) -> bool {
        self.legacy.open_chapters.contains(&chapter) || (chapter == Chapter::FaceApi && self.face_api.anonymous)
    }
}
