//! Settings of the LinkVisual dialect.

use std::num::NonZeroU32;

use aicp_settings::settings;

settings! {
    /// The face library of LinkVisual.
    pub struct Settings {
        /// Calls per second for each app and action.
        calls_per_second: NonZeroU32 = NonZeroU32::MIN.saturating_add(99),
    }
}
