//! Keys that apps own, for clients of interfaces that sign their requests instead of sending a token.

mod keyring;
mod scheme;
mod signatures;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use aicp_store::{Key, KeyUsage, Store};
use aicp_types::{Clock, KeyId, UnixMillis};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::caller::Caller;
use crate::nodes::weight;
use crate::secrets::Vault;
use crate::{Inner, Platform, Result};

/// Interval between flushes of usage and signatures to disk: the most that a power cut can lose.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Number of flushes after which expired signatures are removed from memory.
const FORGET_EVERY: u64 = 60;
/// Maximum number of attempts to draw an id that is not taken.
const DRAWS: usize = 20;

pub use keyring::Keyring;
use keyring::{list, make, revoke};
pub(crate) use scheme::seal_name;
pub use scheme::{KeyScheme, KeyText};
pub use signatures::SignatureUse;
use signatures::{Signatures, used};

/// Options and limits of a key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// Accepts MD5 signatures, which bind neither path nor body.
    pub allow_md5: bool,
    /// Accepts a signed request more than once.
    pub allow_replay: bool,
    /// Maximum number of calls per second; `None`: unlimited.
    pub calls_per_second: Option<NonZeroU32>,
    /// Maximum number of calls per day in the zone of the statistics; `None`: unlimited.
    pub calls_per_day: Option<u64>,
}

impl KeyOptions {
    fn of(made: &aicp_store::NewKey) -> Self {
        Self {
            allow_md5: made.allow_md5,
            allow_replay: made.allow_replay,
            calls_per_second: made.calls_per_second.and_then(NonZeroU32::new),
            calls_per_day: made.calls_per_day,
        }
    }
}

/// New key. The secret is shown only this once. Not `Debug`, so that the secret can't get into a log.
#[derive(Clone)]
pub struct NewKey {
    /// Id, which a client sends.
    pub id: String,
    /// Secret, which a client signs with.
    pub secret: String,
}

/// Public data of a key, without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    row: KeyId,
    /// Id, which a client sends.
    pub id: String,
    /// Name of its [`KeyScheme`].
    pub kind: String,
    /// Options and limits.
    pub options: KeyOptions,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixMillis>,
}

/// Key that verifies signatures. Not `Debug`, so that the secret can't get into a log.
pub struct AccessKey {
    row: KeyId,
    id: String,
    app_id: String,
    secret: String,
    options: KeyOptions,
    is_revoked: AtomicBool,
    rate: Option<DefaultDirectRateLimiter>,
    usage: Mutex<Usage>,
}

/// Calls of one day.
pub(crate) struct Usage {
    /// The calls of all nodes, as far as this one knows.
    today: KeyUsage,
    /// How many of them are not on disk yet.
    unsaved: i64,
}

impl From<KeyUsage> for Usage {
    fn from(today: KeyUsage) -> Self {
        Self { today, unsaved: 0 }
    }
}

impl Usage {
    /// Returns how many of the allowed calls of a day are left.
    pub fn calls_left(&self, allowed: u64, day: i64) -> u64 {
        let made = if self.today.day == day { self.today.calls } else { 0 };
        allowed.saturating_sub(u64::try_from(made).unwrap_or(0))
    }

    /// Adds a call on a day.
    pub fn add_call(&mut self, day: i64) {
        if self.today.day != day {
            *self = KeyUsage { day, calls: 0 }.into();
        }
        self.today.calls = self.today.calls.saturating_add(1);
        self.unsaved = self.unsaved.saturating_add(1);
    }

    /// Takes the calls that are not on disk yet; they count as saved from now on.
    pub fn take_unsaved(&mut self) -> Option<KeyUsage> {
        let calls = std::mem::take(&mut self.unsaved);
        (calls > 0).then_some(KeyUsage { day: self.today.day, calls })
    }

    /// Puts back calls that could not be saved.
    pub fn put_back(&mut self, unsaved: KeyUsage) {
        if self.today.day == unsaved.day {
            self.unsaved = self.unsaved.saturating_add(unsaved.calls);
        }
    }

    /// Takes over the calls on disk, of all nodes. What calls beside each other are told may come in any order.
    pub fn learn(&mut self, saved: KeyUsage) {
        if saved.day > self.today.day {
            *self = saved.into();
        } else if self.today.day == saved.day {
            self.today.calls = self.today.calls.max(saved.calls.saturating_add(self.unsaved));
        }
    }
}

impl AccessKey {
    fn of(key: Key, vault: &Vault) -> Result<(String, Self)> {
        let Key { id: row, made, revoked_at, usage } = key;
        let secret = vault.open(&seal_name(&made.kind, &made.name), &made.secret_sealed)?;
        let options = KeyOptions::of(&made);
        let key = Self {
            row,
            id: made.name,
            app_id: made.app_id,
            secret,
            options,
            is_revoked: AtomicBool::new(revoked_at.is_some()),
            rate: options.calls_per_second.map(|calls| RateLimiter::direct(Quota::per_second(calls))),
            usage: Mutex::new(usage.into()),
        };
        Ok((made.kind, key))
    }

    /// Returns the id, which a client sends.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the app that owns the key.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// Returns the secret, which a client signs with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Returns options and limits.
    pub fn options(&self) -> KeyOptions {
        self.options
    }

    fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Relaxed)
    }
}

/// Whether a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// A valid signature makes a caller.
    Good,
    /// The key was revoked.
    Revoked,
    /// The grant of its app was revoked.
    WithoutApp,
}

/// Reason for rejecting a call with a valid key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Limit per second reached.
    #[error("too many calls in a second")]
    Second,
    /// Limit per day reached.
    #[error("too many calls in a day")]
    Day,
}

/// Keys in memory with their usage and recent signatures.
pub(crate) struct Keys {
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<String, HashMap<String, Arc<AccessKey>>>>,
    signatures: Mutex<Signatures>,
    stop: Arc<Notify>,
    flusher: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Keys {
    /// Loads the keys from the store. A key whose secret can't be decrypted is skipped and logged.
    pub async fn load(store: &Store, vault: &Vault, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut rows = store.rows().await?;
        let stored = rows.keys().await?;
        let used = rows.used_signatures(clock.now()).await?;
        drop(rows);
        let keys = Self {
            clock,
            known: RwLock::default(),
            signatures: Mutex::new(Signatures::new(used)),
            stop: Arc::default(),
            flusher: tokio::sync::Mutex::default(),
        };
        stored.iter().for_each(|key| keys.apply(key, vault));
        Ok(keys)
    }

    /// Takes over a key that was made, or revoked. The usage of a known key is kept.
    pub fn apply(&self, key: &Key, vault: &Vault) {
        if let Some(known) = self.find(&key.made.kind, &key.made.name) {
            known.is_revoked.store(key.revoked_at.is_some(), Ordering::Relaxed);
            return;
        }
        match AccessKey::of(key.clone(), vault) {
            Ok((kind, key)) => self.insert(kind, key),
            Err(e) => {
                tracing::error!(app = key.made.app_id, id = key.made.name, error = %e, "a key can't be used");
            }
        }
    }

    fn find(&self, kind: &str, id: &str) -> Option<Arc<AccessKey>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(kind)?.get(id).cloned()
    }

    fn insert(&self, kind: String, key: AccessKey) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(kind).or_default().insert(key.id.clone(), Arc::new(key));
    }

    async fn forget_expired(&self, store: &Store) {
        let now = self.clock.now();
        locked(&self.signatures).forget_expired(now);
        // Those of one process are forgotten with the next flush; nodes claim each in the database.
        if store.nodes().is_some()
            && let Err(e) = signatures::forget_claimed(store, now).await
        {
            tracing::warn!(error = %e, "used signatures can't be forgotten; the next look tries again");
        }
    }

    /// Writes new usage and signatures to disk. What can't be written is kept for the next flush.
    async fn flush(&self, store: &Store) {
        let unsaved = locked(&self.signatures).take_unsaved();
        let mut usage = Vec::new();
        let keys: Vec<Arc<AccessKey>> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.values().flat_map(|keys| keys.values().cloned()).collect()
        };
        for key in &keys {
            usage.extend(locked(&key.usage).take_unsaved().map(|calls| (key.row, calls)));
        }
        if unsaved.is_empty() && usage.is_empty() {
            return;
        }
        let (used, signatures, now) = (usage.clone(), unsaved.clone(), self.clock.now());
        let stored: aicp_store::Result<_> =
            store.write(move |tx| Box::pin(async move { tx.add_key_usage(used, signatures, now).await })).await;
        let of = |row: KeyId| keys.iter().find(|key| key.row == row).map(|key| locked(&key.usage));
        match stored {
            Ok(totals) => {
                for (row, total) in totals {
                    of(row).iter_mut().for_each(|usage| usage.learn(total));
                }
            }
            Err(e) => {
                tracing::error!(error = %e, "the use of keys can't be noted");
                locked(&self.signatures).put_back(unsaved);
                for (row, calls) in usage {
                    of(row).iter_mut().for_each(|usage| usage.put_back(calls));
                }
            }
        }
    }

    /// Starts the task that flushes periodically.
    pub async fn start(self: &Arc<Self>, store: Store) {
        let keys = Arc::clone(self);
        let task = tokio::spawn(async move {
            for flushes in 1_u64.. {
                let is_stopped = timeout(FLUSH_EVERY, keys.stop.notified()).await.is_ok();
                keys.flush(&store).await;
                if is_stopped {
                    return;
                }
                if flushes.is_multiple_of(FORGET_EVERY) {
                    keys.forget_expired(&store).await;
                }
            }
        });
        *self.flusher.lock().await = Some(task);
    }

    /// Flushes once more and ends the task.
    pub async fn close(&self) {
        if let Some(task) = self.flusher.lock().await.take() {
            self.stop.notify_one();
            let _ = task.await;
        }
    }
}

impl Platform {
    /// Creates a key for an app, and the app if it does not exist.
    ///
    /// Calls with the key are bound by the grant of the app. An app that never had a grant is not restricted. An app whose
    /// grant was revoked can't call at all.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::BadInput::AppId`], [`crate::Internal::Store`].
    pub async fn make_key(
        &self,
        caller: &Caller,
        app_id: &str,
        kind: &'static KeyScheme,
        options: KeyOptions,
    ) -> Result<NewKey> {
        caller.require_administration()?;
        let Inner { store, vault, .. } = &*self.inner;
        make(store, vault, app_id, kind, options, caller.act(self.now(), "key.create", "")).await
    }

    /// Lists the keys of an app in order of creation, revoked ones included.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Missing::App`].
    pub async fn keys(&self, caller: &Caller, app_id: &str) -> Result<Vec<KeyInfo>> {
        caller.require_administration()?;
        list(&self.inner.store, app_id).await
    }

    /// Revokes a key of an app, effective immediately. Revoking it again is no error.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`crate::Missing::App`], [`crate::Missing::Key`].
    pub async fn revoke_key(&self, caller: &Caller, app_id: &str, id: &str) -> Result<()> {
        caller.require_administration()?;
        revoke(&self.inner.store, app_id, id, caller.act(self.now(), "key.revoke", "")).await
    }

    /// Finds a key by the id that a client sent, revoked ones included.
    pub fn access_key(&self, kind: &KeyScheme, id: &str) -> Option<Arc<AccessKey>> {
        self.inner.keys.find(kind.name, id)
    }

    /// Returns whether a key works at this moment. Nothing else decides it: [`Platform::caller_of_key`] makes no caller for
    /// a key that does not.
    pub fn state_of_key(&self, key: &AccessKey) -> KeyState {
        if key.is_revoked() {
            KeyState::Revoked
        } else if self.inner.tokens.is_revoked(&key.app_id) {
            KeyState::WithoutApp
        } else {
            KeyState::Good
        }
    }

    /// Returns whether a nonce or signature was already used with a key and has not expired.
    pub fn was_used(&self, key: &AccessKey, text: &str) -> bool {
        locked(&self.inner.keys.signatures).is_known(key.row, text, self.now())
    }

    /// Records the use of a nonce or signature. Call it only after the signature was verified and the call was counted, so
    /// that rejected callers can't fill the memory. Where there are other nodes, [`Platform::is_first_use`] has the last word.
    pub fn note_use(&self, key: &AccessKey, text: &str, keep: Duration) -> SignatureUse {
        let (mut signatures, now) = (locked(&self.inner.keys.signatures), self.now());
        match self.inner.store.nodes() {
            Some(_) => signatures.remember(key.row, text, now, keep),
            None => signatures.note(key.row, text, now, keep),
        }
    }

    /// Returns whether no other node has noted the use of a nonce or signature that this one has just noted.
    ///
    /// # Errors
    /// [`crate::Error::Busy`]: that can't be found out.
    pub async fn is_first_use(&self, key: &AccessKey, text: &str, keep: Duration) -> Result<bool> {
        if self.inner.store.nodes().is_none() {
            return Ok(true);
        }
        let now = self.now();
        Ok(self.inner.store.rows().await?.claim_signature(used(key.row, text, now, keep), now).await?)
    }

    /// Counts a call against the limits of a key and of its app. A call that one of the limits per day refuses counts for
    /// neither.
    ///
    /// # Errors
    /// [`QuotaError`].
    pub fn count_call(&self, key: &AccessKey) -> Result<(), QuotaError> {
        let today = self.day_number();
        let nodes = self.answering_nodes();
        if let (Some(rate), Some(allowed)) = (&key.rate, key.options.calls_per_second)
            && !matches!(rate.check_n(weight(nodes, allowed.get())), Ok(Ok(())))
        {
            return Err(QuotaError::Second);
        }
        let mut usage = locked(&key.usage);
        if let Some(allowed) = key.options.calls_per_day.filter(|_| !self.is_among_nodes())
            && usage.calls_left(allowed, today) == 0
        {
            return Err(QuotaError::Day);
        }
        self.inner.quotas.count(&key.app_id, today, self.is_among_nodes().then_some(nodes))?;
        if key.options.calls_per_day.is_some() && !self.is_among_nodes() {
            usage.add_call(today);
        }
        Ok(())
    }

    /// Counts a call that [`Platform::count_call`] has admitted against the limits per day, where there are nodes: once for all of them.
    ///
    /// # Errors
    /// [`QuotaError::Day`]; [`crate::Error::Busy`] if that can't be found out.
    pub async fn count_call_among_nodes(&self, key: &AccessKey) -> Result<Result<(), QuotaError>> {
        if !self.is_among_nodes() {
            return Ok(Ok(()));
        }
        let today = self.day_number();
        if let Some(allowed) = key.options.calls_per_day {
            match self.inner.store.rows().await?.claim_key_call(key.row, today, allowed).await? {
                Some(used) => locked(&key.usage).learn(used),
                None => return Ok(Err(QuotaError::Day)),
            }
        }
        let of_app = self.count_call_of_app_among_nodes(&key.app_id).await?;
        if of_app.is_err() && key.options.calls_per_day.is_some() {
            self.inner.store.rows().await?.return_key_call(key.row, today).await?;
        }
        Ok(of_app)
    }

    /// Returns the number of calls left today for a key and its app; `None`: unlimited.
    pub fn calls_left(&self, key: &AccessKey) -> Option<u64> {
        let today = self.day_number();
        let of_key = key.options.calls_per_day.map(|allowed| locked(&key.usage).calls_left(allowed, today));
        of_key.into_iter().chain(self.inner.quotas.calls_left(&key.app_id, today)).min()
    }
}

impl KeyInfo {
    fn of(key: Key) -> Self {
        Self {
            row: key.id,
            options: KeyOptions::of(&key.made),
            kind: key.made.kind,
            id: key.made.name,
            created_at: key.made.created_at,
            revoked_at: key.revoked_at,
        }
    }
}

/// Locks a mutex. Poisoning is ignored: no holder leaves the data half changed.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
