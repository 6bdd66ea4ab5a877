//! Names under which the OpenAPI document groups operations.

pub(crate) const LIBRARIES: &str = "libraries";
pub(crate) const PEOPLE: &str = "people";
pub(crate) const FACES: &str = "faces";
pub(crate) const RECOGNITION: &str = "recognition";
pub(crate) const APPS: &str = "apps";
pub(crate) const STATISTICS: &str = "statistics";
pub(crate) const ENGINES: &str = "engines";
pub(crate) const ACCOUNTS: &str = "accounts";
pub(crate) const SYSTEM: &str = "system";
