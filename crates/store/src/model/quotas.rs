//! Limits of apps.

/// Limits of an app; `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// Maximum calls per second.
    pub calls_per_second: Option<u32>,
    /// Maximum calls per day.
    pub calls_per_day: Option<u64>,
    /// Maximum number of libraries.
    pub max_libraries: Option<u64>,
    /// Maximum number of people in all libraries.
    pub max_people: Option<u64>,
}

/// Stored limits of an app, and its calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppQuota {
    /// The app.
    pub app_id: String,
    /// Its limits.
    pub quota: Quota,
    /// Last stored number of calls.
    pub usage: super::KeyUsage,
}
