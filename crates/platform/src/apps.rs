//! Apps, their grants and their tokens.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aicp_store::{Act, AppFilter, Grant, Rows, Store, StoredApp};
use aicp_types::UnixMillis;
use arc_swap::ArcSwap;
use serde::Serialize;

use crate::admin_tokens::AdminTokens;
use crate::audit::state;
use crate::caller::{Caller, TokenError};
use crate::capabilities::{Areas, Capabilities};
use crate::error::{or_existing, or_missing};
use crate::secrets::{TokenHash, new_app_token};
use crate::{ADMIN_APP, BadInput, Error, Existing, Missing, Platform, Result};

/// Maximum length of an app id in bytes.
const MAX_APP_ID: usize = 128;

/// Valid tokens, which follow the committed grants. Reads are lock-free; a changed grant replaces the whole table.
pub(crate) struct Tokens {
    admin: Arc<ArcSwap<AdminTokens>>,
    grants: ArcSwap<Grants>,
    capabilities: Capabilities,
}

/// The grants of all apps.
#[derive(Clone, Default)]
struct Grants {
    by_token: HashMap<TokenHash, Arc<ActiveGrant>>,
    by_app: HashMap<String, Arc<ActiveGrant>>,
    /// Ids of apps whose grant was revoked.
    revoked: HashSet<String>,
}

struct ActiveGrant {
    app_id: String,
    areas: Areas,
    due_at: UnixMillis,
}

impl ActiveGrant {
    fn caller(&self, now: UnixMillis) -> Result<Caller, TokenError> {
        if self.due_at < now { Err(TokenError::Expired) } else { Ok(Caller::app(&self.app_id, self.areas)) }
    }
}

impl Tokens {
    /// Reads the grants.
    pub async fn load(store: &Store, admin: Arc<ArcSwap<AdminTokens>>, capabilities: Capabilities) -> Result<Self> {
        let mut rows = store.rows().await?;
        let (stored, revoked) = (rows.grants().await?, rows.apps_with_revoked_grant().await?);
        let mut grants = Grants { revoked: revoked.into_iter().collect(), ..Grants::default() };
        stored.iter().for_each(|grant| grants.insert(grant, &capabilities));
        Ok(Self { admin, grants: ArcSwap::from_pointee(grants), capabilities })
    }

    /// Takes over the grant that an app has now; `None` if it was revoked. Called by one caller at a time.
    pub fn apply(&self, app_id: &str, grant: Option<&Grant>) {
        let mut grants = Grants::clone(&self.grants.load());
        grants.by_token.retain(|_, grant| grant.app_id != app_id);
        grants.by_app.remove(app_id);
        match grant {
            Some(grant) => grants.insert(grant, &self.capabilities),
            None => drop(grants.revoked.insert(app_id.to_owned())),
        }
        self.grants.store(Arc::new(grants));
    }

    /// Returns the holder of a token, which must not be blank.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], [`TokenError::Expired`].
    pub fn caller_of_token(&self, token: &str, now: UnixMillis) -> Result<Caller, TokenError> {
        let hash = TokenHash::of(token);
        if self.admin.load().admits(&hash, now) {
            return Ok(Caller::administrator());
        }
        // The timing of a lookup by hash does not reveal the token.
        self.grants.load().by_token.get(&hash).ok_or(TokenError::Unknown)?.caller(now)
    }

    /// Returns an app with the areas of its grant. An app that never had a grant gets all areas: its access is
    /// controlled by other credentials.
    ///
    /// # Errors
    /// [`TokenError::Unknown`] if the grant was revoked, [`TokenError::Expired`].
    pub fn caller_of_app(&self, app_id: &str, now: UnixMillis) -> Result<Caller, TokenError> {
        let grants = self.grants.load();
        match grants.by_app.get(app_id) {
            Some(grant) => grant.caller(now),
            None if grants.revoked.contains(app_id) => Err(TokenError::Unknown),
            None => Ok(Caller::app(app_id, Areas::ALL)),
        }
    }

    /// Returns the hash of a token, if it is an admin token that is valid.
    pub fn admin_hash(&self, token: &str, now: UnixMillis) -> Option<TokenHash> {
        Some(TokenHash::of(token)).filter(|hash| self.admin.load().admits(hash, now))
    }

    /// Returns whether the grant of an app was revoked.
    pub fn is_revoked(&self, app_id: &str) -> bool {
        self.grants.load().revoked.contains(app_id)
    }
}

impl Grants {
    fn insert(&mut self, grant: &Grant, capabilities: &Capabilities) {
        let areas = capabilities.areas(&grant.capabilities);
        let active = Arc::new(ActiveGrant { app_id: grant.app_id.clone(), areas, due_at: grant.due_at });
        self.by_token.insert(TokenHash::from(grant.token_hash), Arc::clone(&active));
        self.by_app.insert(grant.app_id.clone(), active);
        self.revoked.remove(&grant.app_id);
    }
}

/// Result of extending a grant. Not `Debug`: tokens must not be logged.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtendedGrant {
    /// Requested capabilities that the app had before, in the order of the request.
    pub held: Vec<String>,
    /// Requested capabilities that are new.
    pub added: Vec<String>,
    /// The app's token, unchanged.
    pub token: String,
}

impl Platform {
    /// Grants capabilities to a new app and returns its token. `due_at` may lie in the past.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Existing::App`] if the app has a grant or its id is reserved;
    /// [`BadInput::AppId`]; [`Missing::Capability`].
    pub async fn grant(
        &self,
        caller: &Caller,
        app_id: &str,
        due_at: UnixMillis,
        capabilities: Vec<String>,
    ) -> Result<String> {
        caller.require_administration()?;
        if self.is_reserved(app_id) {
            return Err(Error::Exists(Existing::App));
        }
        check_id(app_id)?;
        self.require_known(&capabilities)?;
        let now = self.now();
        let act = caller.act(now, "app.grant", format!("app {app_id}"));
        let (vault, app_id) = (self.inner.vault.clone(), app_id.to_owned());
        let created = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let token = new_app_token()?;
                let (token_hash, token_sealed) = (TokenHash::of(&token).bytes(), vault.seal(&app_id, &token)?);
                let grant = Grant { app_id, token_hash, token_sealed, due_at, capabilities };
                let after = state(&AuditedGrant::of(&grant));
                tx.create_grant(grant, now).await.map_err(or_existing(Existing::App, Missing::App))?;
                tx.append_act(Act { after, ..act }).await?;
                Ok::<_, Error>(token)
            })
        });
        created.await
    }

    /// Sets the due time of a grant and adds capabilities to it. It removes none.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Missing::App`] if the app has no grant; [`Missing::Capability`].
    pub async fn extend_grant(
        &self,
        caller: &Caller,
        app_id: &str,
        due_at: UnixMillis,
        capabilities: Vec<String>,
    ) -> Result<ExtendedGrant> {
        caller.require_administration()?;
        self.require_known(&capabilities)?;
        let before = self.inner.store.rows().await?.grants().await?;
        let before = before.into_iter().find(|grant| grant.app_id == app_id).ok_or(Missing::App)?;
        // Opened before any change: the answer needs the token.
        let token = self.inner.vault.open(app_id, &before.token_sealed)?;
        let (id, ids) = (app_id.to_owned(), capabilities.clone());
        let act = caller.act(self.now(), "app.extend", format!("app {app_id}"));
        let extended = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let before = grant_of(tx, &id).await?.ok_or(aicp_store::Error::NotFound)?;
                let after = tx.extend_grant(&id, due_at, ids).await?;
                let (before, after) = (state(&AuditedGrant::of(&before)), state(&AuditedGrant::of(&after)));
                tx.append_act(Act { before, after, ..act }).await
            })
        });
        extended.await.map_err(or_missing(Missing::App))?;
        let (held, added) = capabilities.into_iter().partition(|id| before.capabilities.contains(id));
        Ok(ExtendedGrant { held, added, token })
    }

    /// Sets the due time of a grant and its capabilities, each if it is there: those that are not named are taken away.
    /// Returns the new grant.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Missing::App`] if the app has no grant; [`Missing::Capability`].
    pub async fn change_grant(
        &self,
        caller: &Caller,
        app_id: &str,
        due_at: Option<UnixMillis>,
        capabilities: Option<Vec<String>>,
    ) -> Result<Grant> {
        caller.require_administration()?;
        self.require_known(capabilities.as_deref().unwrap_or_default())?;
        let id = app_id.to_owned();
        let act = caller.act(self.now(), "app.update", format!("app {app_id}"));
        // A change may take capabilities away, which must be possible on a full disk.
        let changed = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let before = grant_of(tx, &id).await?.ok_or(aicp_store::Error::NotFound)?;
                let grant = tx.set_grant(&id, due_at, capabilities).await?;
                let (before, after) = (state(&AuditedGrant::of(&before)), state(&AuditedGrant::of(&grant)));
                tx.append_act(Act { before, after, ..act }).await?;
                Ok(grant)
            })
        });
        changed.await.map_err(or_missing(Missing::App))
    }

    /// Gives an app another token and returns it. On return the old one is invalid.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`]; [`Missing::App`] if the app has no grant; [`crate::Internal::Random`].
    pub async fn replace_token(&self, caller: &Caller, app_id: &str) -> Result<String> {
        caller.require_administration()?;
        let (vault, id) = (self.inner.vault.clone(), app_id.to_owned());
        let act = caller.act(self.now(), "app.token", format!("app {app_id}"));
        let replaced = self.inner.store.write_always(move |tx| {
            Box::pin(async move {
                let token = new_app_token()?;
                let (hash, sealed) = (TokenHash::of(&token).bytes(), vault.seal(&id, &token)?);
                tx.replace_token(&id, hash, sealed).await.map_err(or_missing(Missing::App))?;
                tx.append_act(act).await?;
                Ok::<_, Error>(token)
            })
        });
        replaced.await
    }

    /// Returns up to `limit` apps with their grants after a place in the list, which is a time of creation and an id: by
    /// time of creation, then by id.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub async fn apps(
        &self,
        caller: &Caller,
        filter: AppFilter<'_>,
        after: Option<(UnixMillis, &str)>,
        limit: u64,
    ) -> Result<Vec<StoredApp>> {
        caller.require_administration()?;
        Ok(self.inner.store.rows().await?.apps(filter, after, limit).await?)
    }

    /// Revokes the grant of an app. On return its token is invalid; its libraries stay.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Missing::App`].
    pub async fn revoke(&self, caller: &Caller, app_id: &str) -> Result<()> {
        caller.require_administration()?;
        let id = app_id.to_owned();
        let act = caller.act(self.now(), "app.revoke", format!("app {app_id}"));
        let deleted = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                let before = grant_of(tx, &id).await?.ok_or(aicp_store::Error::NotFound)?;
                tx.delete_grant(&id).await?;
                tx.append_act(Act { before: state(&AuditedGrant::of(&before)), ..act }).await
            })
        });
        deleted.await.map_err(or_missing(Missing::App))
    }

    /// Returns an app with its grant.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Missing::App`].
    pub async fn app(&self, caller: &Caller, app_id: &str) -> Result<StoredApp> {
        let filter = AppFilter { app_id: Some(app_id), ..AppFilter::default() };
        self.apps(caller, filter, None, 1).await?.pop().ok_or(Missing::App.into())
    }

    /// Returns the ids of the apps that the caller sees, including those without a grant.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn app_ids(&self, caller: &Caller) -> Result<Vec<String>> {
        if !caller.sees_all_apps() {
            return Ok(vec![caller.app_id().to_owned()]);
        }
        Ok(self.inner.store.rows().await?.app_ids().await?)
    }

    fn is_reserved(&self, app_id: &str) -> bool {
        app_id == ADMIN_APP || app_id == self.inner.settings.load().legacy_app
    }

    fn require_known(&self, capabilities: &[String]) -> Result<()> {
        let known = |id: &String| self.inner.settings.load().authorization.capabilities.knows(id);
        if capabilities.iter().all(known) { Ok(()) } else { Err(Error::Missing(Missing::Capability)) }
    }
}

async fn grant_of(rows: &mut Rows<'_>, app_id: &str) -> aicp_store::Result<Option<Grant>> {
    Ok(rows.grants().await?.into_iter().find(|grant| grant.app_id == app_id))
}

/// The state of a grant that the audit log shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditedGrant<'a> {
    capabilities: &'a [String],
    /// Milliseconds since the epoch.
    due_at: i64,
}

impl<'a> AuditedGrant<'a> {
    fn of(grant: &'a Grant) -> Self {
        Self { capabilities: &grant.capabilities, due_at: grant.due_at.get() }
    }
}

/// Checks that a text is valid as the id of an app.
pub(crate) fn check_id(app_id: &str) -> Result<()> {
    let is_id = !app_id.is_empty() && app_id.len() <= MAX_APP_ID && !app_id.chars().any(char::is_control);
    if is_id { Ok(()) } else { Err(Error::BadInput(BadInput::AppId)) }
}

/// Creates an app, unless it exists. Possible on a full disk: every start does it, and the app mostly exists.
pub(crate) async fn ensure_app(store: &Store, app_id: String, now: UnixMillis) -> Result<()> {
    store.write_always(move |tx| Box::pin(async move { Ok(tx.ensure_app(&app_id, now).await?) })).await
}
