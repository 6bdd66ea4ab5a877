//! Who makes a call.

use std::sync::{Arc, OnceLock};

use crate::capabilities::{Area, Areas};
use crate::{ADMIN_APP, Refusal, Result};

/// Who makes a call: for which app, with which role and areas. A value proves that a token or a signature was verified,
/// that calls without credentials are allowed, or that an operator works on the machine itself. Made for one call: it
/// also keeps which engine the call was about.
#[derive(Debug, Clone)]
pub struct Caller {
    app_id: String,
    areas: Areas,
    role: Role,
    engine: Arc<OnceLock<String>>,
}

/// What a caller is, beyond its app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The holder of the admin token.
    Administrator,
    /// An app with credentials.
    App,
    /// A caller without credentials.
    Anonymous,
    /// An operator on this machine, who has access to its files anyway.
    Operator,
}

impl Caller {
    /// Returns an app with credentials for these areas.
    pub(crate) fn app(app_id: &str, areas: Areas) -> Self {
        Self::new(app_id, areas, Role::App)
    }

    /// Returns the administrator, who acts on the libraries of the app [`ADMIN_APP`]. Other callers may act for that
    /// app without being the administrator.
    pub(crate) fn administrator() -> Self {
        Self::new(ADMIN_APP, Areas::ALL, Role::Administrator)
    }

    /// Returns a caller without credentials, who acts for an app.
    pub(crate) fn anonymous(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Anonymous)
    }

    /// Returns an operator on this machine, who acts for an app.
    pub(crate) fn operator(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Operator)
    }

    fn new(app_id: &str, areas: Areas, role: Role) -> Self {
        Self { app_id: app_id.to_owned(), areas, role, engine: Arc::default() }
    }

    /// Returns the id of the app.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// Whether the call came without credentials.
    pub fn is_anonymous(&self) -> bool {
        self.role == Role::Anonymous
    }

    /// Whether this may manage grants, keys and the outbox: the administrator, an operator on this machine, and a
    /// caller without credentials. An interface that wants credentials for these calls admits no caller without them.
    pub fn may_administer(&self) -> bool {
        match self.role {
            Role::Administrator | Role::Operator | Role::Anonymous => true,
            Role::App => false,
        }
    }

    /// Whether this sees the libraries and calls of all apps: the administrator and an operator on this machine. Others
    /// see those of their own app.
    pub fn sees_all_apps(&self) -> bool {
        match self.role {
            Role::Administrator | Role::Operator => true,
            Role::App | Role::Anonymous => false,
        }
    }

    /// Checks that the caller may administer.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn require_administration(&self) -> Result<()> {
        if self.may_administer() { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Checks that the caller sees an app.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn require_app(&self, app_id: &str) -> Result<()> {
        if self.sees_all_apps() || self.app_id == app_id { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Returns an app that this caller sees, with the caller's areas.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn acting_for(&self, app_id: &str) -> Result<Self> {
        self.require_app(app_id)?;
        Ok(Self::app(app_id, self.areas))
    }

    /// Checks that the app was granted an area.
    ///
    /// # Errors
    /// [`TokenError::NotGranted`].
    pub fn require(&self, area: Area) -> Result<(), TokenError> {
        if self.areas.contains(area) { Ok(()) } else { Err(TokenError::NotGranted) }
    }

    /// Records the engine that the call is about. Only the first one counts.
    pub(crate) fn note_engine(&self, name: &str) {
        let _ = self.engine.set(name.to_owned());
    }

    /// Returns the label of the engine that the call was about, if one was recorded.
    pub fn engine(&self) -> Option<&str> {
        self.engine.get().map(String::as_str)
    }
}

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No token was sent, or a blank one.
    #[error("no token")]
    Missing,
    /// The token belongs to no app.
    #[error("unknown token")]
    Unknown,
    /// The grant has expired.
    #[error("expired token")]
    Expired,
    /// The grant does not cover the area.
    #[error("not granted")]
    NotGranted,
}
