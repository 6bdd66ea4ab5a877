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
use jiff::civil::Date;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::apps::{App, TokenError};
use crate::background::run_detached;
use crate::secrets::Vault;
use crate::{Inner, Platform, Result};

/// What was counted and signed with is on disk so long after, at the latest: a power cut may forget that much.
const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Every so many flushes what has expired is forgotten.
const FORGET_EVERY: u32 = 60;
/// Ids are drawn anew so often if one is taken.
const DRAWS: usize = 20;

pub use keyring::Keyring;
use keyring::{list, make, revoke};
use scheme::seal_name;
pub use scheme::{KeyScheme, KeyText};
pub use signatures::SignatureUse;
use signatures::Signatures;

/// What a key may do beside the usual, and how often.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyOptions {
    /// Whether MD5 signatures, which bind neither path nor body, are taken.
    pub allow_md5: bool,
    /// Whether a signed request may be sent again.
    pub allow_replay: bool,
    /// Calls in a second; none: any number.
    pub calls_per_second: Option<NonZeroU32>,
    /// Calls in a day of the statistics' zone; none: any number.
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

/// A key just made. The secret is shown this once. Not `Debug`, as a secret belongs into no log.
#[derive(Clone)]
pub struct NewKey {
    /// What a client sends.
    pub id: String,
    /// What a client signs with.
    pub secret: String,
}

/// What may be shown of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    row: KeyId,
    /// What a client sends.
    pub id: String,
    /// Name of its [`KeyScheme`].
    pub kind: String,
    /// What it may do.
    pub options: KeyOptions,
    /// When it was made, in milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// When it was revoked, if it was.
    pub revoked_at: Option<UnixMillis>,
}

/// A key to check signatures with. Not `Debug`, as a secret belongs into no log.
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

struct Usage {
    today: KeyUsage,
    is_saved: bool,
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
            usage: Mutex::new(Usage { today: usage, is_saved: true }),
        };
        Ok((made.kind, key))
    }

    /// What a client sends.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The app that owns it.
    pub fn app_id(&self) -> &str {
        &self.app_id
    }

    /// What a client signs with.
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// What it may do.
    pub fn options(&self) -> KeyOptions {
        self.options
    }

    /// Whether it was revoked: it opens nothing any more.
    pub fn is_revoked(&self) -> bool {
        self.is_revoked.load(Ordering::Relaxed)
    }
}

/// Why a call with a good key is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// Too many calls in this second.
    #[error("too many calls in a second")]
    Second,
    /// Too many calls today.
    #[error("too many calls in a day")]
    Day,
}

/// The keys that are known, and what is counted of their use.
pub(crate) struct Keys {
    clock: Arc<dyn Clock>,
    known: RwLock<HashMap<String, HashMap<String, Arc<AccessKey>>>>,
    signatures: Mutex<Signatures>,
    rates: Mutex<HashMap<&'static str, HashMap<String, Arc<DefaultDirectRateLimiter>>>>,
    stop: Arc<Notify>,
    flusher: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Keys {
    /// The keys of the store. One whose secret can't be opened opens nothing.
    pub async fn load(store: &Store, vault: &Vault, clock: Arc<dyn Clock>) -> Result<Self> {
        let mut known: HashMap<String, HashMap<String, Arc<AccessKey>>> = HashMap::new();
        for key in store.keys().await? {
            let (app, id) = (key.made.app_id.clone(), key.made.name.clone());
            match AccessKey::of(key, vault) {
                Ok((kind, key)) => drop(known.entry(kind).or_default().insert(key.id.clone(), Arc::new(key))),
                Err(e) => tracing::error!(app, id, error = %e, "a key can't be used"),
            }
        }
        let used = store.used_signatures(clock.now()).await?;
        Ok(Self {
            clock,
            known: RwLock::new(known),
            signatures: Mutex::new(Signatures::new(used)),
            rates: Mutex::default(),
            stop: Arc::default(),
            flusher: tokio::sync::Mutex::default(),
        })
    }

    fn find(&self, kind: &str, id: &str) -> Option<Arc<AccessKey>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(kind)?.get(id).cloned()
    }

    fn insert(&self, kind: String, key: AccessKey) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(kind).or_default().insert(key.id.clone(), Arc::new(key));
    }

    fn note_signature(&self, key_id: KeyId, text: &str, keep: Duration) -> SignatureUse {
        locked(&self.signatures).note(key_id, text, self.clock.now(), keep)
    }

    fn forget_expired(&self) {
        locked(&self.signatures).forget_expired(self.clock.now());
    }

    /// Brings what is new to disk; what can't be written waits for the next time.
    async fn flush(&self, store: &Store) {
        let unsaved = locked(&self.signatures).take_unsaved();
        let mut usage = Vec::new();
        let keys: Vec<Arc<AccessKey>> = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            known.values().flat_map(|keys| keys.values().cloned()).collect()
        };
        for key in &keys {
            let mut used = locked(&key.usage);
            if !used.is_saved {
                used.is_saved = true;
                usage.push((key.row, used.today));
            }
        }
        if unsaved.is_empty() && usage.is_empty() {
            return;
        }
        if let Err(e) = store.note_key_usage(usage.clone(), unsaved.clone(), self.clock.now()).await {
            tracing::error!(error = %e, "the use of keys can't be noted");
            locked(&self.signatures).put_back(unsaved);
            for key in keys.iter().filter(|key| usage.iter().any(|(row, _)| *row == key.row)) {
                locked(&key.usage).is_saved = false;
            }
        }
    }

    /// Has the use of keys brought to disk from now on.
    pub async fn start(self: &Arc<Self>, store: Store) {
        let keys = Arc::clone(self);
        let task = tokio::spawn(async move {
            let mut until_forgetting = FORGET_EVERY;
            loop {
                let is_stopped = timeout(FLUSH_EVERY, keys.stop.notified()).await.is_ok();
                keys.flush(&store).await;
                if is_stopped {
                    return;
                }
                until_forgetting -= 1;
                if until_forgetting == 0 {
                    keys.forget_expired();
                    until_forgetting = FORGET_EVERY;
                }
            }
        });
        *self.flusher.lock().await = Some(task);
    }

    /// Brings what is left to disk and ends.
    pub async fn close(&self) {
        if let Some(task) = self.flusher.lock().await.take() {
            self.stop.notify_one();
            let _ = task.await;
        }
    }
}

impl Platform {
    /// Makes a key for an app; the app too, if there is none of this id.
    ///
    /// The calls of an app that was granted something are bound by its grant; those of one that never was are not; of
    /// one whose grant was revoked none is made.
    ///
    /// # Errors
    /// [`Error::BadAppId`], [`Error::Store`].
    pub async fn make_key(&self, app_id: &str, kind: &'static KeyScheme, options: KeyOptions) -> Result<NewKey> {
        let (platform, app_id) = (self.clone(), app_id.to_owned());
        run_detached(async move {
            let Inner { store, vault, keys, .. } = &*platform.inner;
            let (drawn, made) = make(store, vault, &app_id, kind, options, platform.now()).await?;
            let (kind, key) = AccessKey::of(made, vault)?;
            keys.insert(kind, key);
            Ok(drawn)
        })
        .await
    }

    /// The keys of an app, revoked ones too, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::NoApp`].
    pub async fn keys(&self, app_id: &str) -> Result<Vec<KeyInfo>> {
        list(&self.inner.store, app_id).await
    }

    /// Revokes a key of an app: it opens nothing from now on. One that is revoked is fine.
    ///
    /// # Errors
    /// [`Error::NoApp`], [`Error::NoKey`].
    pub async fn revoke_key(&self, app_id: &str, id: &str) -> Result<()> {
        let (platform, app_id, id) = (self.clone(), app_id.to_owned(), id.to_owned());
        run_detached(async move {
            let revoked = revoke(&platform.inner.store, &app_id, &id, platform.now()).await?;
            if let Some(key) = platform.inner.keys.find(&revoked.kind, &id) {
                key.is_revoked.store(true, Ordering::Relaxed);
            }
            Ok(())
        })
        .await
    }

    /// The key that a client names, revoked ones too.
    pub fn access_key(&self, kind: &KeyScheme, id: &str) -> Option<Arc<AccessKey>> {
        self.inner.keys.find(kind.name, id)
    }

    /// The app that a key acts for, once the signature is checked. What it may do is to be asked with
    /// [`App::require`].
    ///
    /// # Errors
    /// [`TokenError::Unknown`] if the key or the app's grant was revoked, [`TokenError::Expired`] if the grant's time is
    /// over.
    pub fn app_of_key(&self, key: &AccessKey) -> Result<App, TokenError> {
        if key.is_revoked() { Err(TokenError::Unknown) } else { self.app_by_grant(&key.app_id) }
    }

    /// Whether a key was used with this text (a nonce, a signature) and that still counts.
    pub fn was_used(&self, key: &AccessKey, text: &str) -> bool {
        locked(&self.inner.keys.signatures).is_known(key.row, text, self.now())
    }

    /// Remembers for so long that a key was used with this text. To be called only after the signature was checked and the call
    /// was counted: a caller who is refused must not fill the memory.
    pub fn note_use(&self, key: &AccessKey, text: &str, keep: Duration) -> SignatureUse {
        self.inner.keys.note_signature(key.row, text, keep)
    }

    /// Counts a call made with a key, if it may be made.
    ///
    /// # Errors
    /// [`QuotaError`].
    pub fn count_call(&self, key: &AccessKey) -> Result<(), QuotaError> {
        if key.rate.as_ref().is_some_and(|rate| rate.check().is_err()) {
            return Err(QuotaError::Second);
        }
        let Some(allowed) = key.options.calls_per_day else { return Ok(()) };
        let today = self.day_number();
        let mut usage = locked(&key.usage);
        if usage.today.day != today {
            usage.today = KeyUsage { day: today, calls: 0 };
        }
        if u64::try_from(usage.today.calls).unwrap_or(0) >= allowed {
            return Err(QuotaError::Day);
        }
        usage.today.calls += 1;
        usage.is_saved = false;
        Ok(())
    }

    /// How many calls a key may still make today; none: any number.
    pub fn calls_left(&self, key: &AccessKey) -> Option<u64> {
        let allowed = key.options.calls_per_day?;
        let usage = locked(&key.usage);
        let made = if usage.today.day == self.day_number() { usage.today.calls } else { 0 };
        Some(allowed.saturating_sub(u64::try_from(made).unwrap_or(0)))
    }

    /// Whether an app may make one more call of this name now, at so many in a second; counts it if so.
    pub fn is_within_rate(&self, app: &App, call: &'static str, per_second: NonZeroU32) -> bool {
        let rate = {
            let mut rates = locked(&self.inner.keys.rates);
            let of_call = rates.entry(call).or_default();
            match of_call.get(app.id()) {
                Some(rate) => Arc::clone(rate),
                None => {
                    let rate = Arc::new(RateLimiter::direct(Quota::per_second(per_second)));
                    of_call.insert(app.id().to_owned(), Arc::clone(&rate));
                    rate
                }
            }
        };
        rate.check().is_ok()
    }

    /// Today as days since 1970-01-01, in the statistics' zone.
    fn day_number(&self) -> i64 {
        let since_epoch = self.today().since(Date::constant(1970, 1, 1));
        since_epoch.map_or(0, |span| i64::from(span.get_days()))
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

/// What a lock guards; whoever panicked while holding it left nothing half done.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
