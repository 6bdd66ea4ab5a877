//! Settings of the REST API.

use aicp_settings::{list, settings, within};

use crate::Origin;

settings! {
    /// Our own REST API.
    pub struct Settings {
        /// Maximum size of a picture in MiB.
        max_picture_mib: usize = 20 => within(1..=100),
        /// Hours after which an operator has to sign in again.
        session_hours: u32 = 12 => within(1..=24 * 30),
        /// Origins of pages that may call the API from a browser, such as `https://example.com`; none by default.
        /// Each is compared exactly. Cookies are never admitted.
        #[serde(deserialize_with = "list")]
        cors_origins: Vec<Origin> = Vec::new(),
    }
}
