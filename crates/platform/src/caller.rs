//! Who makes a call: what a caller may do, and the only places that make one.

use std::sync::{Arc, OnceLock};

use aicp_types::{OperatorId, OperatorTokenId};

use crate::apps::ensure_app;
use crate::audit::Origin;
use crate::capabilities::{Area, Areas};
use crate::operators::OperatorRole;
use crate::{ADMIN_APP, AccessKey, KeyState, Platform, Refusal, Result};

/// What the names of apps as callers begin with.
pub(crate) const APP_PREFIX: &str = "app:";

/// Who makes a call: for which app, with which role and areas. A value proves that a token or a signature was verified,
/// that calls without credentials are allowed, or that a command runs on the machine itself. Made for one call: it
/// also keeps where the call came from and which engine it was about.
#[derive(Debug, Clone)]
pub struct Caller {
    app_id: String,
    areas: Areas,
    role: Role,
    name: Arc<str>,
    sign_in: Option<SignIn>,
    call: Arc<Call>,
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
    /// Who works on this machine, and has access to its files anyway.
    Local,
    /// A job of an app. Calls take precedence.
    Job,
    /// An operator who signed in.
    Operator {
        role: OperatorRole,
        /// Whether the operator sees all apps, not one alone.
        sees_all: bool,
    },
}

/// The session or token by which an operator, or the holder of the admin token, calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SignIn {
    /// `None`: the holder of the admin token.
    pub operator_id: Option<OperatorId>,
    pub token_id: OperatorTokenId,
    /// Whether a face alone opened the session.
    pub by_face: bool,
}

/// What is known of a call, shared by all callers that are made for it.
#[derive(Debug, Default)]
struct Call {
    engine: OnceLock<String>,
    origin: OnceLock<Origin>,
}

impl Caller {
    /// Makes the caller of an app with credentials for these areas.
    pub(crate) fn app(app_id: &str, areas: Areas) -> Self {
        Self::new(app_id, areas, Role::App, &Self::name_of_app(app_id))
    }

    /// Makes the administrator, who acts on the libraries of the app [`ADMIN_APP`]. Other callers may act for that
    /// app without being the administrator.
    pub(crate) fn administrator() -> Self {
        Self::new(ADMIN_APP, Areas::ALL, Role::Administrator, "admin-token")
    }

    /// Makes a caller without credentials, who acts for an app.
    pub(crate) fn anonymous(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Anonymous, "anonymous")
    }

    /// Makes the caller of a local command, who acts for an app.
    pub(crate) fn local(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Local, "command-line")
    }

    /// Makes an operator who signed in. Without an app of their own they act for [`ADMIN_APP`] and see all apps. A face alone
    /// makes a viewer of everybody.
    pub(crate) fn signed_in(name: &str, role: OperatorRole, app_id: Option<&str>, sign_in: SignIn) -> Self {
        let role = if sign_in.by_face { OperatorRole::Viewer } else { role };
        // Templates leave the platform only for who administers it, and for apps that were granted them.
        let areas = if role == OperatorRole::Admin { Areas::ALL } else { Areas::ALL.without(Area::Templates) };
        let role = Role::Operator { role, sees_all: app_id.is_none() };
        let caller = Self::new(app_id.unwrap_or(ADMIN_APP), areas, role, &format!("operator:{name}"));
        Self { sign_in: Some(sign_in), ..caller }
    }

    /// Makes the holder of the admin token, who signed in with it.
    pub(crate) fn signed_in_administrator(sign_in: SignIn) -> Self {
        Self { sign_in: Some(sign_in), ..Self::administrator() }
    }

    /// Makes the caller of a job, which an app was allowed to create.
    pub(crate) fn job(app_id: &str) -> Self {
        Self::new(app_id, Areas::ALL, Role::Job, &format!("job:{app_id}"))
    }

    fn new(app_id: &str, areas: Areas, role: Role, name: &str) -> Self {
        let (app_id, name) = (app_id.to_owned(), name.into());
        Self { app_id, areas, role, name, sign_in: None, call: Arc::default() }
    }

    /// Returns the name of an app as a caller.
    pub(crate) fn name_of_app(app_id: &str) -> String {
        format!("{APP_PREFIX}{app_id}")
    }

    /// Returns the name by which logs know who calls, such as `operator:ada`, `app:shop` or `admin-token`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the session or token of an operator.
    pub(crate) fn sign_in(&self) -> Option<SignIn> {
        self.sign_in
    }

    /// Returns the session or token of an operator who gave more than a face.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if nobody signed in; [`Refusal::PasswordWanted`].
    pub(crate) fn full_sign_in(&self) -> Result<SignIn> {
        self.refuse_face_alone()?;
        self.sign_in.ok_or(Refusal::Forbidden.into())
    }

    /// Checks that the call is not made by a session that a face alone opened.
    ///
    /// # Errors
    /// [`Refusal::PasswordWanted`].
    pub(crate) fn refuse_face_alone(&self) -> Result<()> {
        if self.is_by_face() { Err(Refusal::PasswordWanted.into()) } else { Ok(()) }
    }

    /// Whether the call is made by a session that a face alone opened.
    pub fn is_by_face(&self) -> bool {
        self.sign_in.is_some_and(|sign_in| sign_in.by_face)
    }

    /// Whether the call is made by this session or token of an operator.
    pub fn calls_by(&self, token_id: OperatorTokenId) -> bool {
        self.sign_in.is_some_and(|sign_in| sign_in.token_id == token_id)
    }

    /// Returns the role of an operator who signed in; by a face alone at most [`OperatorRole::Viewer`].
    pub fn operator_role(&self) -> Option<OperatorRole> {
        match self.role {
            Role::Operator { role, .. } => Some(role),
            Role::Administrator | Role::App | Role::Anonymous | Role::Local | Role::Job => None,
        }
    }

    /// Returns the id of the app.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// Whether the call came without credentials.
    pub fn is_anonymous(&self) -> bool {
        self.role == Role::Anonymous
    }

    /// Whether this is a job.
    pub(crate) fn is_job(&self) -> bool {
        self.role == Role::Job
    }

    /// Whether this is who works on this machine.
    pub(crate) fn is_local(&self) -> bool {
        self.role == Role::Local
    }

    /// Whether this is the holder of the admin token, an operator with the role admin, or who works on this machine.
    pub fn is_administrator(&self) -> bool {
        match self.role {
            Role::Administrator | Role::Local | Role::Operator { role: OperatorRole::Admin, .. } => true,
            Role::App | Role::Anonymous | Role::Job | Role::Operator { .. } => false,
        }
    }

    /// Whether this is the holder of the admin token, or who works on this machine.
    pub(crate) fn holds_admin_token(&self) -> bool {
        matches!(self.role, Role::Administrator | Role::Local)
    }

    /// Whether the caller sees the libraries and calls of all apps: an administrator, or an operator without an app of
    /// their own. Others see those of their own app.
    pub fn sees_all_apps(&self) -> bool {
        self.is_administrator() || matches!(self.role, Role::Operator { sees_all: true, .. })
    }

    /// Whether the caller may look at everything and change nothing.
    pub fn is_viewer(&self) -> bool {
        self.operator_role() == Some(OperatorRole::Viewer)
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

    /// Checks that the caller is an administrator, whatever an interface admits.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn require_administrator(&self) -> Result<()> {
        if self.is_administrator() { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Checks that the caller sees an app.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn require_app(&self, app_id: &str) -> Result<()> {
        if self.sees_all_apps() || self.app_id == app_id { Ok(()) } else { Err(Refusal::Forbidden.into()) }
    }

    /// Makes a caller for an app that this caller sees, with the same areas and name. Both know what the call is about.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub(crate) fn acting_for(&self, app_id: &str) -> Result<Self> {
        self.require_app(app_id)?;
        let name = Arc::clone(&self.name);
        Ok(Self { name, call: Arc::clone(&self.call), ..Self::app(app_id, self.areas) })
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
        let _ = self.call.engine.set(name.to_owned());
    }

    /// Returns the label of the engine that the call was about, if one was recorded.
    pub fn engine(&self) -> Option<&str> {
        self.call.engine.get().map(String::as_str)
    }

    /// Records where the call came from. Only the first origin counts.
    pub fn note_origin(&self, origin: Origin) {
        let _ = self.call.origin.set(origin);
    }

    /// Returns where the call came from, if that was recorded.
    pub(crate) fn origin(&self) -> Option<&Origin> {
        self.call.origin.get()
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
        let settings = self.inner.settings.load();
        if settings.anonymous { Ok(self.legacy_caller()) } else { Err(TokenError::Missing) }
    }

    /// Returns a caller without a token, for calls that a setting of their own opens.
    pub fn legacy_caller(&self) -> Caller {
        Caller::anonymous(&self.inner.settings.load().legacy_app)
    }

    /// Returns the caller of the console's calls before a login. They count for the app of the administrator.
    pub fn console_caller(&self) -> Caller {
        Caller::anonymous(ADMIN_APP)
    }

    /// Returns the caller of a local command, who acts for the app of the administrator.
    pub fn local_caller(&self) -> Caller {
        Caller::local(ADMIN_APP)
    }

    /// Returns the caller of a local command, who acts for the app with this id. Creates the app if it does not exist.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn local_caller_for(&self, id: &str) -> Result<Caller> {
        let (app_id, now) = (id.to_owned(), self.now());
        ensure_app(&self.inner.store, app_id, now).await?;
        Ok(Caller::local(id))
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
