//! Keeps picture files consistent with the rows that refer to them.
//!
//! A picture is staged before its row is committed and published afterwards; its file is deleted after its last row is
//! gone. Equal pictures share a file, so each shard has a read-write lock. Enrolments hold it shared, from before the
//! commit until the file is published. Deletion holds it exclusively, from the lookup of rows until the file is
//! deleted. Hence no file is deleted that a committed row refers to.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use aicp_types::OutboxId;
use bytes::Bytes;
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::{
    Error, Result,
    blocking::run_blocking,
    objects::{LocalObjects, PictureName, Staged, shard_of},
    sqlite::{Database, Removal},
};

pub(crate) struct Pictures {
    objects: Arc<LocalObjects>,
    shard_locks: Vec<RwLock<()>>,
}

impl Pictures {
    pub(crate) async fn open(data_dir: PathBuf) -> Result<Self> {
        let objects = Arc::new(run_blocking(move || LocalObjects::open(&data_dir)).await?);
        Ok(Self { objects, shard_locks: (0..=u8::MAX).map(|_| RwLock::new(())).collect() })
    }

    /// Stores a picture and the rows that refer to it, which `insert` commits given the picture's name.
    pub(crate) async fn store_with<T, F>(&self, picture: Bytes, insert: impl FnOnce(PictureName) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let insert = |mut names: Vec<PictureName>| async move {
            match names.pop() {
                Some(name) => insert(name).await,
                None => Err(Error::NotFound),
            }
        };
        self.store_all_with(vec![picture], insert).await
    }

    /// Stores pictures and the rows that refer to them, which `insert` commits given the pictures' names, in order.
    pub(crate) async fn store_all_with<T, F>(
        &self,
        pictures: Vec<Bytes>,
        insert: impl FnOnce(Vec<PictureName>) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let staged = self.on_objects(move |objects| objects.stage(&pictures)).await?;
        let _shared = self.share(&staged).await?;
        let inserted = insert(staged.iter().map(Staged::name).collect()).await;
        match &inserted {
            // The rows are committed and can't be undone.
            Ok(_) => {
                let published = self.on_objects(move |objects| objects.publish(&staged)).await;
                log_failure(published, "a picture stays in objects/incoming until the store is opened again");
            }
            // Whether the rows exist is determined at the next open, which needs the file.
            Err(error) if error.may_be_committed() => {}
            Err(_) => {
                let discarded = self.on_objects(move |objects| objects.discard(&staged)).await;
                log_failure(discarded, "a refused picture stays in objects/incoming until the store is opened again");
            }
        }
        inserted
    }

    /// Deletes the files of removed pictures that no row refers to any more, then the records of the removals.
    pub(crate) async fn erase(&self, database: &Database, removals: Vec<Removal>) -> Result<()> {
        let mut by_shard = BTreeMap::<Option<u8>, Vec<Removal>>::new();
        for removal in removals {
            by_shard.entry(shard_of(&removal.picture_key)).or_default().push(removal);
        }
        for (shard, removals) in by_shard {
            let (ids, keys) = removals.into_iter().map(|removal| (removal.id, removal.picture_key)).unzip();
            if let Some(shard) = shard {
                self.unlink_unused(database, shard, keys).await?;
            }
            database.delete_removals(ids).await?;
        }
        self.remove_dead_links(database).await
    }

    /// Calls [`erase`](Self::erase) for committed removals; errors are logged, as the caller's write has succeeded.
    pub(crate) async fn erase_or_log(&self, database: &Database, removals: Vec<Removal>) {
        let erased = self.erase(database, removals).await;
        log_failure(erased, "removed pictures stay on disk until the store is opened again");
    }

    /// Links the picture of an outbox row under `name`, unless it is linked already, and returns the path. `None` if
    /// there is no such row, or the row has no such picture.
    pub(crate) async fn link(
        &self,
        database: &Database,
        row_id: OutboxId,
        key: String,
        name: String,
    ) -> Result<Option<PathBuf>> {
        let shard = shard_of(&key).ok_or(Error::NotFound)?;
        // Held until the link exists: a deletion of the row unlinks afterwards.
        let _shared = self.shard_lock(shard)?.read().await;
        if !database.record_link(&name, row_id, &key).await? {
            return Ok(None);
        }
        match self.on_objects(move |objects| objects.link(&key, &name)).await {
            Err(Error::NotFound) => Ok(None),
            linked => linked.map(Some),
        }
    }

    /// Publishes or discards what an interrupted run left in `incoming`, and completes its removals.
    pub(crate) async fn recover(&self, database: &Database) -> Result<()> {
        for staged in self.on_objects(LocalObjects::leftovers).await? {
            if database.used_pictures(vec![staged.key.clone()]).await?.is_empty() {
                self.on_objects(move |objects| objects.discard(&[staged])).await?;
            } else {
                self.on_objects(move |objects| objects.publish(&[staged])).await?;
            }
        }
        self.erase(database, database.pending_removals().await?).await
    }

    /// Reads a picture.
    pub(crate) async fn read(&self, key: &str) -> Result<Vec<u8>> {
        let owned_key = key.to_owned();
        let found = self.on_objects(move |objects| objects.read(&owned_key)).await;
        let Err(Error::NotFound) = found else { return found };
        // The caller may know the key from a committed row whose picture is not published yet: wait for it.
        let alone = self.lock(shard_of(key).ok_or(Error::NotFound)?).await?;
        drop(alone);
        let owned_key = key.to_owned();
        self.on_objects(move |objects| objects.read(&owned_key)).await
    }

    async fn unlink_unused(&self, database: &Database, shard: u8, mut keys: Vec<String>) -> Result<()> {
        let _alone = self.lock(shard).await?;
        let used = database.used_pictures(keys.clone()).await?;
        keys.retain(|key| !used.contains(key));
        let links = database.links_to(&keys).await?;
        self.on_objects(move |objects| objects.remove(shard, &keys)).await?;
        self.unlink(database, links).await
    }

    /// Removes the links of pictures whose rows are gone.
    async fn remove_dead_links(&self, database: &Database) -> Result<()> {
        for link in database.dead_links().await? {
            let _alone = self.lock(shard_of(&link.picture_key).ok_or(Error::NotFound)?).await?;
            self.unlink(database, vec![link.name]).await?;
        }
        Ok(())
    }

    /// Removes links; the caller holds the locks of their shards.
    async fn unlink(&self, database: &Database, names: Vec<String>) -> Result<()> {
        let unlinked = names.clone();
        self.on_objects(move |objects| objects.unlink(&unlinked)).await?;
        database.delete_links(names).await
    }

    /// Locks the shards of some pictures shared. All callers lock in ascending order, which rules out deadlocks with a
    /// waiting exclusive lock.
    async fn share(&self, staged: &[Staged]) -> Result<Vec<RwLockReadGuard<'_, ()>>> {
        let shards: BTreeSet<Option<u8>> = staged.iter().map(|staged| shard_of(&staged.key)).collect();
        let mut guards = Vec::with_capacity(shards.len());
        for shard in shards {
            let shard = shard.ok_or(Error::NotFound)?;
            guards.push(self.shard_lock(shard)?.read().await);
        }
        Ok(guards)
    }

    async fn lock(&self, shard: u8) -> Result<RwLockWriteGuard<'_, ()>> {
        Ok(self.shard_lock(shard)?.write().await)
    }

    fn shard_lock(&self, shard: u8) -> Result<&RwLock<()>> {
        self.shard_locks.get(usize::from(shard)).ok_or(Error::NotFound)
    }

    async fn on_objects<T: Send + 'static>(
        &self,
        work: impl FnOnce(&LocalObjects) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let objects = Arc::clone(&self.objects);
        run_blocking(move || work(&objects)).await
    }
}

fn log_failure(result: Result<()>, consequence: &str) {
    if let Err(error) = result {
        tracing::error!(%error, "{consequence}");
    }
}

#[cfg(test)]
mod tests;
