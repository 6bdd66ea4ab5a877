//! Rotation of the master key and of the admin token.
//!
//! The audit log gets its entry first, then the files change, then what is in memory. So no key is in force that nobody is on
//! record for, and a crash in between leaves what was before in force.

use std::sync::Arc;
use std::time::Duration;

use aicp_store::{NewJob, SealedKind, SealedSecret, Store};
use aicp_types::{Clock, JobId, UnixMillis};
use arc_swap::ArcSwap;
use serde_json::json;

use crate::admin_tokens::{AdminTokens, EarlierToken};
use crate::audit::state;
use crate::background::run_detached;
use crate::secrets::{MasterKey, MasterKeys, Vault, new_token};
use crate::{
    ADMIN_APP, Act, Caller, Error, Internal, JobKind, Limit, Platform, Refusal, Result, idempotency, jobs, keys,
    operators, webhooks,
};

/// Maximum number of master keys: each secret is tried with all of them.
const MAX_KEYS: usize = 16;
/// Sealed secrets that are read at a time.
const BATCH: u64 = 200;
/// What the audit log calls the master key, and the admin token.
const KEY_TARGET: &str = "secret key";
const TOKEN_TARGET: &str = "admin token";

/// Where master keys and admin token are stored. The program implements it.
pub trait SecretFiles: Send + Sync {
    /// Returns the setting that has the master keys, if they are not in a file of ours.
    fn setting_of_keys(&self) -> Option<&'static str>;

    /// Returns the setting that has the admin token, if it is not in a file of ours.
    fn setting_of_token(&self) -> Option<&'static str>;

    /// Replaces the master keys, durably and at once. Must fail if the file does not have the `known` ones.
    ///
    /// # Errors
    /// Those of the file.
    fn replace_keys(&self, known: &MasterKeys, wanted: &MasterKeys) -> std::io::Result<()>;

    /// Replaces the admin token, durably; `earlier` are those that stay valid for a while.
    ///
    /// # Errors
    /// Those of the file.
    fn replace_token(&self, token: &str, earlier: &[EarlierToken]) -> std::io::Result<()>;
}

/// A master key, and what depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Name of the key, which does not reveal it.
    pub id: String,
    /// Whether it seals and signs.
    pub is_current: bool,
    /// Number of secrets of the database that are sealed with it.
    pub sealed: u64,
}

/// The master keys, and what depends on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUses {
    /// The keys, the current one first.
    pub keys: Vec<KeyUse>,
    /// Number of secrets of the database that none of the keys opens.
    pub unreadable: u64,
    /// The setting that has the keys; `None`: they are in a file of the data folder.
    pub setting: Option<&'static str>,
}

/// A new admin token. Not `Debug`, so that it can't get into a log.
#[derive(Clone)]
pub struct NewAdminToken {
    /// The token, which is shown only this once.
    pub token: String,
    /// When the one before ends; `None`: it has ended.
    pub earlier_valid_until: Option<UnixMillis>,
}

/// Changes the master key and the admin token: of a server, or, while no server has the data folder open, of the folder.
#[derive(Clone)]
pub struct SecretEditor {
    store: Store,
    vault: Vault,
    files: Option<Arc<dyn SecretFiles>>,
    clock: Arc<dyn Clock>,
}

impl SecretEditor {
    /// Changes the secrets of a data folder that no server has open. Only who works on this machine can open one.
    pub fn new(store: Store, keys: MasterKeys, files: Arc<dyn SecretFiles>, clock: Arc<dyn Clock>) -> Self {
        Self { store, vault: Vault::new(keys), files: Some(files), clock }
    }

    /// As [`Platform::key_uses`] for a local command.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn key_uses(&self) -> Result<KeyUses> {
        let keys = self.vault.keys();
        let mut uses = KeyUses {
            keys: keys
                .iter()
                .map(|key| KeyUse { id: key.id(), is_current: key == keys.current(), sealed: 0 })
                .collect(),
            unreadable: 0,
            setting: self.files.as_ref().and_then(|files| files.setting_of_keys()),
        };
        for kind in SealedKind::ALL {
            let mut after = (String::new(), String::new());
            loop {
                let after_texts = (after.0.as_str(), after.1.as_str());
                let batch = self.store.rows().await?.sealed_after(kind, after_texts, BATCH).await?;
                for secret in &batch {
                    let id = self.vault.key_of(&owner_of(secret), &secret.sealed);
                    match uses.keys.iter_mut().find(|key| Some(&key.id) == id.as_ref()) {
                        Some(key) => key.sealed += 1,
                        None => uses.unreadable += 1,
                    }
                }
                let Some(last) = batch.into_iter().next_back() else { break };
                after = (last.first, last.second);
            }
        }
        Ok(uses)
    }

    /// As [`Platform::rotate_key`] for a local command. The next server runs the job.
    ///
    /// # Errors
    /// As [`Platform::rotate_key`].
    pub async fn rotate_key(&self) -> Result<(String, JobId)> {
        self.rotate_key_by(&Caller::local(ADMIN_APP)).await
    }

    /// As [`Platform::reseal`] for a local command. The next server runs the job.
    ///
    /// # Errors
    /// As [`Platform::reseal`].
    pub async fn reseal(&self) -> Result<JobId> {
        self.reseal_by(&Caller::local(ADMIN_APP)).await
    }

    /// As [`Platform::forget_keys`] for a local command.
    ///
    /// # Errors
    /// As [`Platform::forget_keys`].
    pub async fn forget_keys(&self, may_break_links: bool) -> Result<Vec<String>> {
        self.forget_keys_by(&Caller::local(ADMIN_APP), may_break_links).await
    }

    /// As [`Platform::rotate_admin_token`] for a local command.
    ///
    /// # Errors
    /// As [`Platform::rotate_admin_token`].
    pub async fn rotate_admin_token(&self, known: AdminTokens, keep: Duration) -> Result<NewAdminToken> {
        self.rotate_admin_token_by(&Caller::local(ADMIN_APP), &ArcSwap::from_pointee(known), keep).await
    }

    /// Closes the data folder.
    ///
    /// # Errors
    /// [`Internal::Store`].
    pub async fn close(self) -> Result<()> {
        Ok(self.store.close().await?)
    }

    async fn rotate_key_by(&self, caller: &Caller) -> Result<(String, JobId)> {
        let files = self.files(|files| files.setting_of_keys())?;
        let _changing = self.vault.changing().lock().await;
        let (known, new) = (self.vault.keys(), MasterKey::generate()?);
        if known.iter().count() >= MAX_KEYS {
            return Err(Limit::SecretKeys.into());
        }
        let (id, before) = (new.id(), known.current().id());
        let act = self.act(caller, "secretKey.rotate", format!("{KEY_TARGET} {id}"));
        let act = Act { before: state(&json!({ "current": before })), after: state(&json!({ "current": id })), ..act };
        let job = self.insert_job(&id, act.clone()).await?;
        let wanted = known.behind(new);
        let at = act.at;
        if let Err(failure) = self.replace_keys(files, known, wanted, act).await {
            let reason = failure.to_string();
            if let Err(e) = self.store.write_always(move |tx| Box::pin(jobs::fail(tx, job, at, reason))).await {
                tracing::warn!(job = job.get(), error = %e, "a job can't be ended");
            }
            return Err(failure);
        }
        tracing::info!(
            key = id,
            job = job.get(),
            "another secret key is in force, and a job seals the secrets with it"
        );
        Ok((id, job))
    }

    async fn reseal_by(&self, caller: &Caller) -> Result<JobId> {
        let _changing = self.vault.changing().lock().await;
        let id = self.vault.keys().current().id();
        let act = self.act(caller, "secretKey.reseal", format!("{KEY_TARGET} {id}"));
        self.insert_job(&id, act).await
    }

    async fn forget_keys_by(&self, caller: &Caller, may_break_links: bool) -> Result<Vec<String>> {
        let files = self.files(|files| files.setting_of_keys())?;
        let _changing = self.vault.changing().lock().await;
        let known = self.vault.keys();
        let earlier: Vec<String> = known.earlier().iter().map(MasterKey::id).collect();
        if earlier.is_empty() {
            return Ok(earlier);
        }
        // What was sealed before the last rotation is committed when the writer comes to this.
        self.store.write_always(|_| Box::pin(async { Ok::<_, Error>(()) })).await?;
        let uses = self.key_uses().await?;
        let sealed = uses.keys.iter().filter(|key| !key.is_current).map(|key| key.sealed).sum();
        if sealed > 0 {
            return Err(Refusal::StillSealed { secrets: sealed }.into());
        }
        if !may_break_links {
            return Err(Refusal::LinksWouldBreak.into());
        }
        let act = self.act(caller, "secretKey.forget", format!("{KEY_TARGET} {}", earlier.join(", ")));
        let act = Act { after: state(&json!({ "current": known.current().id() })), ..act };
        self.append(act.clone()).await?;
        let wanted = known.without_earlier();
        self.replace_keys(files, known, wanted, act).await?;
        tracing::info!(keys = earlier.join(", "), "earlier secret keys are forgotten");
        Ok(earlier)
    }

    async fn rotate_admin_token_by(
        &self,
        caller: &Caller,
        admin: &ArcSwap<AdminTokens>,
        keep: Duration,
    ) -> Result<NewAdminToken> {
        let files = self.files(|files| files.setting_of_token())?;
        let _changing = self.vault.changing().lock().await;
        let (token, now, known) = (new_token()?, self.clock.now(), admin.load_full());
        let (mut earlier, mut earlier_valid_until) = (Vec::new(), None);
        if !keep.is_zero() {
            let valid_until = now.saturating_add(keep);
            earlier_valid_until = Some(valid_until);
            earlier.push(EarlierToken { hash: known.current(), valid_until });
            // Whoever shortens the time means the older ones, too.
            let older = |token: EarlierToken| EarlierToken { valid_until: token.valid_until.min(valid_until), ..token };
            earlier.extend(known.earlier_at(now).map(older));
        }
        let act = self.act(caller, "adminToken.rotate", TOKEN_TARGET.to_owned());
        let ends_at = earlier_valid_until.map(UnixMillis::get);
        let act = Act { after: state(&json!({ "earlierValidUntil": ends_at })), ..act };
        self.append(act.clone()).await?;
        let wanted = AdminTokens::new(&token, earlier.clone());
        let written = token.clone();
        let replaced = tokio::task::spawn_blocking(move || files.replace_token(&written, &earlier)).await;
        self.or_failed(replaced, act).await?;
        admin.store(Arc::new(wanted));
        tracing::info!("the admin token was replaced");
        Ok(NewAdminToken { token, earlier_valid_until })
    }

    /// Returns the files, unless a setting has what is to be changed.
    fn files(&self, setting: impl FnOnce(&dyn SecretFiles) -> Option<&'static str>) -> Result<Arc<dyn SecretFiles>> {
        let files = self.files.clone().ok_or(Refusal::SecretSet("the program"))?;
        match setting(&*files) {
            Some(setting) => Err(Refusal::SecretSet(setting).into()),
            None => Ok(files),
        }
    }

    async fn replace_keys(
        &self,
        files: Arc<dyn SecretFiles>,
        known: MasterKeys,
        wanted: MasterKeys,
        act: Act,
    ) -> Result<()> {
        let written = wanted.clone();
        let replaced = tokio::task::spawn_blocking(move || files.replace_keys(&known, &written)).await;
        self.or_failed(replaced, act).await?;
        self.vault.replace_keys(wanted);
        Ok(())
    }

    /// Records that a change, whose entry the audit log has, could not be made.
    async fn or_failed(
        &self,
        done: std::result::Result<std::io::Result<()>, tokio::task::JoinError>,
        act: Act,
    ) -> Result<()> {
        let Err(failure) = done.unwrap_or_else(|e| Err(std::io::Error::other(e))) else { return Ok(()) };
        let reason = state(&json!({ "failed": act.action, "reason": failure.to_string() }));
        let act = Act { action: format!("{}Failed", act.action), before: None, after: reason, ..act };
        if let Err(e) = self.append(act).await {
            tracing::error!(error = %e, "the audit log can't be told that a secret could not be changed");
        }
        Err(Internal::SecretFile(failure).into())
    }

    async fn append(&self, act: Act) -> Result<()> {
        let appended = self.store.write_always(move |tx| {
            Box::pin(async move {
                tx.append_act(act).await?;
                Ok::<_, Error>(())
            })
        });
        appended.await
    }

    /// Creates the job that seals all secrets with the key of this id, and cancels those for other keys.
    async fn insert_job(&self, id: &str, act: Act) -> Result<JobId> {
        let input = jobs::resealing_input(id)?;
        let now = act.at;
        let insert = self.store.write_always(move |tx| {
            Box::pin(async move {
                let total = Some(tx.sealed_count().await?);
                let kind = JobKind::Resealing.name().to_owned();
                let app_id = ADMIN_APP.to_owned();
                let new = NewJob { app_id, library_id: None, kind, input, total, created_at: now, starts_at: None };
                jobs::replace_resealing(tx, new, act).await
            })
        });
        insert.await
    }

    fn act(&self, caller: &Caller, action: &str, target: String) -> Act {
        Act { app_id: None, ..caller.act(self.clock.now(), action, target) }
    }
}

/// Returns the owner for whom a secret is sealed.
pub(crate) fn owner_of(secret: &SealedSecret) -> String {
    match secret.kind {
        SealedKind::AppToken => secret.first.clone(),
        SealedKind::KeySecret => keys::seal_name(&secret.first, &secret.second),
        SealedKind::WebhookSecret => webhooks::sealed_for(&secret.second),
        SealedKind::Answer => idempotency::sealed_for(&secret.first, &secret.second),
        SealedKind::OperatorFace => operators::sealed_for(&secret.first),
    }
}

impl Platform {
    /// Tells where master keys and admin token are stored, so that they can be changed.
    pub fn keep_secrets_in(&self, files: Arc<dyn SecretFiles>) {
        let _ = self.inner.secret_files.set(files);
    }

    fn secret_editor(&self) -> SecretEditor {
        let inner = &self.inner;
        SecretEditor {
            store: inner.store.clone(),
            vault: inner.vault.clone(),
            files: inner.secret_files.get().cloned(),
            clock: Arc::clone(&inner.shared.clock),
        }
    }

    /// Lists the master keys, and counts what is sealed with each.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub async fn key_uses(&self, caller: &Caller) -> Result<KeyUses> {
        caller.require_administrator()?;
        self.secret_editor().key_uses().await
    }

    /// Puts a new master key in force. Earlier ones still open secrets and verify links; a job seals all secrets with the new
    /// one. Returns the id of the key, and that of the job.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Refusal::SecretSet`] if a setting has the keys; [`Limit::SecretKeys`];
    /// [`Internal::SecretFile`].
    pub async fn rotate_key(&self, caller: &Caller) -> Result<(String, JobId)> {
        caller.require_administrator()?;
        let (platform, editor, caller) = (self.clone(), self.secret_editor(), caller.clone());
        // Whoever asks may go away: what has begun is completed.
        let rotate = async move {
            let rotated = editor.rotate_key_by(&caller).await;
            platform.wake_resealing();
            rotated
        };
        run_detached(rotate).await
    }

    /// Starts a job that seals all secrets with the current master key. Returns its id.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub async fn reseal(&self, caller: &Caller) -> Result<JobId> {
        caller.require_administrator()?;
        let job = self.secret_editor().reseal_by(caller).await?;
        self.wake_resealing();
        Ok(job)
    }

    /// Forgets the earlier master keys. Returns their ids.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Refusal::SecretSet`] if a setting has the keys; [`Refusal::StillSealed`] if something is
    /// sealed with one of them; [`Refusal::LinksWouldBreak`] unless links that they signed may become invalid;
    /// [`Internal::SecretFile`].
    pub async fn forget_keys(&self, caller: &Caller, may_break_links: bool) -> Result<Vec<String>> {
        caller.require_administrator()?;
        let (editor, caller) = (self.secret_editor(), caller.clone());
        run_detached(async move { editor.forget_keys_by(&caller, may_break_links).await }).await
    }

    /// Replaces the admin token. The one before stays valid for a time; without one, it and all before end at once. Sessions
    /// that were opened with a token end with it. Only the holder of the admin token may do this, and who works on this machine.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`]; [`Refusal::SecretSet`] if a setting has the token; [`Internal::SecretFile`].
    pub async fn rotate_admin_token(&self, caller: &Caller, keep: Duration) -> Result<NewAdminToken> {
        if !caller.holds_admin_token() {
            return Err(Refusal::Forbidden.into());
        }
        let (editor, caller) = (self.secret_editor(), caller.clone());
        let admin = Arc::clone(&self.inner.admin_tokens);
        run_detached(async move { editor.rotate_admin_token_by(&caller, &admin, keep).await }).await
    }
}
