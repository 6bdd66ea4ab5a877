//! Settings of the REST API.

use aicp_settings::{settings, within};

settings! {
    /// Our own REST API.
    pub struct Settings {
        /// Maximum size of a picture in MiB.
        max_picture_mib: usize = 20 => within(1..=100),
        /// Hours after which an operator has to sign in again.
        session_hours: u32 = 12 => within(1..=24 * 30),
    }
}
