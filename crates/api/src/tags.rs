//! Names under which the OpenAPI document groups operations.

pub(crate) const LIBRARIES: &str = "libraries";
pub(crate) const PEOPLE: &str = "people";
pub(crate) const FACES: &str = "faces";
pub(crate) const RECOGNITION: &str = "recognition";
pub(crate) const APPS: &str = "apps";
pub(crate) const OPERATORS: &str = "operators";
pub(crate) const AUDIT: &str = "audit";
pub(crate) const STATISTICS: &str = "statistics";
pub(crate) const ENGINES: &str = "engines";
pub(crate) const JOBS: &str = "jobs";
pub(crate) const ACCOUNTS: &str = "accounts";
pub(crate) const EVENTS: &str = "events";
pub(crate) const SYSTEM: &str = "system";

/// The names, in the order in which the document shows them, with what they group.
pub(crate) const TAGS: [(&str, &str); 13] = [
    (LIBRARIES, "Libraries of people"),
    (PEOPLE, "People of a library"),
    (FACES, "Faces of a person"),
    (RECOGNITION, "Detection, quality, liveness, comparison, identification"),
    (JOBS, "Long work: imports, its progress and its reports"),
    (APPS, "Apps: grants, tokens, keys"),
    (OPERATORS, "People who run the platform: their sessions and tokens"),
    (AUDIT, "The log of administrative acts"),
    (ACCOUNTS, "Accounts of an app's users, friends, friend groups"),
    (STATISTICS, "Call statistics"),
    (ENGINES, "Engines, and writes that wait for them"),
    (EVENTS, "Events as they happen, as a log, and sent to webhooks"),
    (SYSTEM, "The contract, and what the platform is"),
];
