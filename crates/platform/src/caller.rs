//! Who makes a call: what a caller may do, and the only places that make one.

use std::sync::{Arc, OnceLock};

use crate::apps::ensure_app;
use crate::capabilities::{Area, Areas};
use crate::{ADMIN_APP, AccessKey, KeyState, Platform, Refusal, Result};

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
    /// Makes the caller of an app with credentials for these areas.
    pub(crate) fn app(app_id: &str, areas: Areas) -> Self {
        Self::new(app_id, areas, Role::App)
    }

    /// Makes the administrator, who acts on the libraries of the app [`ADMIN_APP`]. Other callers may act for that
    /// app without being the administrator.
    pub(crate) fn administrator() -> Self {
        Self::new(ADMIN_APP, Areas::ALL, Role::Administrator)
    }

    /// Makes a caller without credentials, who acts for an app.
    pub(crate) fn anonymous(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Anonymous)
    }

    /// Makes an operator on this machine, who acts for an app.
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

    /// Whether this is the administrator or an operator on this machine. Such a caller sees the libraries and calls of
    /// all apps; others see those of their own app.
    pub fn is_administrator(&self) -> bool {
        match self.role {
            Role::Administrator | Role::Operator => true,
            Role::App | Role::Anonymous => false,
        }
    }

    /// Whether this may manage grants, keys and the outbox: an administrator, or a caller without credentials where an
    /// interface admits such a caller to these calls.
    pub fn may_administer(&self) -> bool {
        self.is_administrator() || self.is_anonymous()
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
        if self.is_administrator() || self.app_id == app_id { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Makes a caller for an app that this caller sees, with the same areas. Both know which engine the call is about.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn acting_for(&self, app_id: &str) -> Result<Self> {
        self.require_app(app_id)?;
        Ok(Self { engine: Arc::clone(&self.engine), ..Self::app(app_id, self.areas) })
    }

    /// Checks that the app was granted an area.
    ///
    /// # Errors
    /// [`TokenError::NotGranted`].
    pub fn require_area(&self, area: Area) -> Result<(), TokenError> {
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

impl Platform {
    /// Returns the holder of a token. Check its permissions with [`Caller::require_area`].
    ///
    /// # Errors
    /// [`TokenError::Missing`] for a blank token, [`TokenError::Unknown`] if nobody holds it,
    /// [`TokenError::Expired`] after the due time of the grant.
    pub fn caller_of_token(&self, token: &str) -> Result<Caller, TokenError> {
        match token.trim() {
            "" => Err(TokenError::Missing),
            token => self.inner.tokens.caller_of_token(token, self.now()),
        }
    }

    /// Returns the caller that a key acts for. Call it after the signature was verified, then check permissions with
    /// [`Caller::require_area`].
    ///
    /// # Errors
    /// [`TokenError::Unknown`] if the key or the app's grant was revoked, [`TokenError::Expired`] if the grant
    /// has expired.
    pub fn caller_of_key(&self, key: &AccessKey) -> Result<Caller, TokenError> {
        match self.state_of_key(key) {
            KeyState::Good => self.inner.tokens.caller_of_app(key.app_id(), self.now()),
            KeyState::Revoked | KeyState::WithoutApp => Err(TokenError::Unknown),
        }
    }

    /// Returns a caller without a token, if such calls are allowed.
    ///
    /// # Errors
    /// [`TokenError::Missing`] if such calls are not allowed.
    pub fn anonymous_caller(&self) -> Result<Caller, TokenError> {
        let settings = &self.inner.settings;
        if settings.anonymous { Ok(self.legacy_caller()) } else { Err(TokenError::Missing) }
    }

    /// Returns a caller without a token, for calls that a setting of their own opens.
    pub fn legacy_caller(&self) -> Caller {
        Caller::anonymous(&self.inner.settings.legacy_app)
    }

    /// Returns the caller of the console's calls before a login. They count for the app of the administrator.
    pub fn console_caller(&self) -> Caller {
        Caller::anonymous(ADMIN_APP)
    }

    /// Returns an operator on this machine, who acts for the app of the administrator.
    pub fn operator(&self) -> Caller {
        Caller::operator(ADMIN_APP)
    }

    /// Returns an operator on this machine, who acts for the app with this id. Creates the app if it does not exist.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn operator_for(&self, id: &str) -> Result<Caller> {
        let (app_id, now) = (id.to_owned(), self.now());
        ensure_app(&self.inner.store, app_id, now).await?;
        Ok(Caller::operator(id))
    }

    /// Returns a caller for the app with this id, whether or not it exists: an app may act as itself, an administrator
    /// as any.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub fn act_as(&self, caller: &Caller, id: &str) -> Result<Caller> {
        caller.acting_for(id)
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
