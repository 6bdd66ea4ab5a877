//! Settings of the LinkVisual dialect.

use std::num::NonZeroU32;

use aicp_settings::settings;

settings! {
    /// The face library of LinkVisual.
    pub struct Settings {
        /// Calls per second for each app and action.
        // Evaluated by the compiler: zero would not compile.
        calls_per_second: NonZeroU32 = const { NonZeroU32::new(100).unwrap() },
    }
}
