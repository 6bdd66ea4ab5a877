//! Settings of the JD Cloud dialect.

use aicp_settings::{Seconds, settings};

settings! {
    /// The face calls of JD Cloud.
    pub struct Settings {
        /// Allowed clock difference of a client in seconds.
        clock_skew_s: Seconds = Seconds::new(300),
        /// Maximum number of libraries of an app; `faceGroupCreate` fails beyond it.
        max_groups: u64 = 5,
        /// Maximum number of faces in a library; `faceCreate` fails beyond it. Each person has one face in this
        /// interface.
        max_faces: u64 = 100_000,
    }
}
