//! Settings of the REST API.

use aicp_settings::{settings, within};

settings! {
    /// Our own REST API.
    pub struct Settings {
        /// Maximum size of a picture in MiB.
        max_picture_mib: usize = 20 => within(1..=100),
    }
}
