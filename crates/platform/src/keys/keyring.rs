//! Keys in the store: creation, listing and revocation, by a server or, while no server has the data folder open, by the command
//! line.

use std::num::NonZeroU32;
use std::sync::Arc;

use aicp_store::{Act, Key, Store};
use aicp_types::Clock;

use super::{DRAWS, KeyInfo, KeyOptions, KeyScheme, NewKey, seal_name};
use crate::apps::check_id;
use crate::secrets::{MasterKeys, Vault};
use crate::{Caller, Error, Internal, Missing, Result};

/// Keys of a data folder that no server has open. Only who works on this machine can open one.
pub struct Keyring {
    store: Store,
    vault: Vault,
    clock: Arc<dyn Clock>,
}

impl Keyring {
    /// Manages the keys of a store that no server has open.
    pub fn new(store: Store, keys: impl Into<MasterKeys>, clock: Arc<dyn Clock>) -> Self {
        Self { store, vault: Vault::new(keys), clock }
    }

    /// As [`crate::Platform::app_ids`] for a local command.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn app_ids(&self) -> Result<Vec<String>> {
        Ok(self.store.rows().await?.app_ids().await?)
    }

    /// As [`crate::Platform::make_key`].
    ///
    /// # Errors
    /// [`crate::BadInput::AppId`], [`crate::Internal::Store`].
    pub async fn make(&self, app_id: &str, kind: &KeyScheme, options: KeyOptions) -> Result<NewKey> {
        let act = Caller::local(app_id).act(self.clock.now(), "key.create", "");
        make(&self.store, &self.vault, app_id, kind, options, act).await
    }

    /// As [`crate::Platform::keys`].
    ///
    /// # Errors
    /// [`Missing::App`].
    pub async fn list(&self, app_id: &str) -> Result<Vec<KeyInfo>> {
        list(&self.store, app_id).await
    }

    /// As [`crate::Platform::revoke_key`].
    ///
    /// # Errors
    /// [`Missing::App`], [`Missing::Key`].
    pub async fn revoke(&self, app_id: &str, id: &str) -> Result<()> {
        let act = Caller::local(app_id).act(self.clock.now(), "key.revoke", "");
        revoke(&self.store, app_id, id, act).await
    }

    /// Closes the data folder.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn close(self) -> Result<()> {
        Ok(self.store.close().await?)
    }
}

pub(super) async fn make(
    store: &Store,
    vault: &Vault,
    app_id: &str,
    kind: &KeyScheme,
    options: KeyOptions,
    act: Act,
) -> Result<NewKey> {
    check_id(app_id)?;
    let mut draws = 0;
    loop {
        let drawn = kind.draw()?;
        let row = aicp_store::NewKey {
            app_id: app_id.to_owned(),
            kind: kind.name.to_owned(),
            name: drawn.id.clone(),
            secret_sealed: Vec::new(),
            allow_md5: options.allow_md5,
            allow_replay: options.allow_replay,
            calls_per_second: options.calls_per_second.map(NonZeroU32::get),
            calls_per_day: options.calls_per_day,
            created_at: act.at,
        };
        draws += 1;
        let act = act_on_key(&act, app_id, kind.name, &drawn.id);
        let (vault, secret) = (vault.clone(), drawn.secret.clone());
        let made: Result<Key> = store
            .write(move |tx| {
                Box::pin(async move {
                    let secret_sealed = vault.seal(&seal_name(&row.kind, &row.name), &secret)?;
                    let key = tx.create_key(aicp_store::NewKey { secret_sealed, ..row }).await?;
                    tx.append_act(act).await?;
                    Ok(key)
                })
            })
            .await;
        match made {
            Ok(_) => return Ok(drawn),
            Err(Error::Internal(Internal::Store(aicp_store::Error::Exists))) if draws < DRAWS => {}
            Err(e) => return Err(e),
        }
    }
}

pub(super) async fn list(store: &Store, app_id: &str) -> Result<Vec<KeyInfo>> {
    let mut rows = store.rows().await?;
    let keys = rows.keys().await?.into_iter().filter(|key| key.made.app_id == app_id);
    let keys: Vec<KeyInfo> = keys.map(KeyInfo::of).collect();
    if keys.is_empty() && !rows.app_ids().await?.iter().any(|id| id == app_id) {
        return Err(Error::Missing(Missing::App));
    }
    Ok(keys)
}

fn act_on_key(act: &Act, app_id: &str, kind: &str, id: &str) -> Act {
    Act { app_id: Some(app_id.to_owned()), target: format!("{kind} key {id} of app {app_id}"), ..act.clone() }
}

pub(super) async fn revoke(store: &Store, app_id: &str, id: &str, act: Act) -> Result<()> {
    let key = list(store, app_id).await?.into_iter().find(|key| key.id == id).ok_or(Missing::Key)?;
    let (row, act) = (key.row, act_on_key(&act, app_id, &key.kind, id));
    // As a removal: it must be possible on a full disk.
    let revoked = store.remove(move |tx| {
        Box::pin(async move {
            tx.revoke_key(row, act.at).await?;
            tx.append_act(act).await
        })
    });
    revoked.await.map_err(|e| match e {
        aicp_store::Error::NotFound => Error::Missing(Missing::Key),
        other => other.into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use aicp_blobs::MemoryBlobs;
    use aicp_store_sqlite::Sqlite;
    use aicp_store_tests::control::{Control, ControlledDatabase};
    use aicp_types::SystemClock;

    use super::*;
    use crate::MasterKey;
    use crate::keys::KeyText;

    const SCHEME: KeyScheme = KeyScheme {
        name: "letters",
        id: KeyText::Random { prefix: "K-", alphabet: "ABC", length: 6 },
        secret: KeyText::Random { prefix: "", alphabet: "0123456789abcdef", length: 32 },
    };

    #[tokio::test]
    async fn a_key_can_be_revoked_on_a_full_disk() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let control = Arc::<Control>::default();
        let database = Arc::new(Sqlite::open(folder.path()).await.expect("database"));
        let database = Arc::new(ControlledDatabase { database, control: Arc::clone(&control) });
        let links = folder.path().join("links");
        let store = Store::open(database, Arc::new(MemoryBlobs::default()), &links, Arc::new(SystemClock)).await;
        let key = MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits");
        let keys = Keyring::new(store.expect("open"), &key, Arc::new(SystemClock));
        let made = keys.make("app", &SCHEME, KeyOptions::default()).await.expect("made");
        control.is_full.store(true, Ordering::SeqCst);
        assert!(keys.make("app", &SCHEME, KeyOptions::default()).await.is_err(), "the disk is full");
        keys.revoke("app", &made.id).await.expect("revoked");
        assert!(keys.list("app").await.expect("read")[0].revoked_at.is_some());
    }
}
