//! People of a library together with all their faces.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aicp_store::Page;
use aicp_types::{LibraryId, PublicId};

use crate::background::run_detached;
use crate::versioned::{Version, Versioned};
use crate::{Caller, DirectoryEntry, DirectoryFilter, Library, Platform, Result};

impl Platform {
    /// Returns the users with these public ids and all their faces, each once and in this order. Ids without a user are left out.
    ///
    /// # Errors
    /// [`crate::Missing::Engine`], [`crate::Internal::Store`].
    pub async fn directory_entries(
        &self,
        caller: &Caller,
        library: &Library,
        public_ids: &[PublicId],
    ) -> Result<Vec<DirectoryEntry>> {
        self.backend_of(caller, library)?;
        let cache = &self.inner.directory;
        let (mut known, missing, read_at) = cache.0.get_all(distinct(public_ids).map(|id| (library.id, id)));
        if !missing.is_empty() {
            let missing: Vec<PublicId> = missing.into_iter().map(|(_, id)| id).collect();
            let read = self.inner.store.rows().await?.directory_entries(library.id, &missing).await?;
            for (_, entry) in read {
                let entry = Arc::new(entry);
                cache.insert(library.id, &entry, read_at);
                known.push(entry);
            }
            let places: HashMap<PublicId, usize> =
                public_ids.iter().enumerate().map(|(place, id)| (*id, place)).collect();
            known.sort_by_key(|entry| places.get(&entry.public_id).copied());
        }
        Ok(known.iter().map(|entry| DirectoryEntry::clone(entry)).collect())
    }

    /// Returns the number of matching users of a library and a page of them with all their faces, in the order of
    /// addition. A filter requires a scan of the whole library: one scan per app and a few overall run at a time,
    /// others wait.
    ///
    /// # Errors
    /// [`crate::Missing::Engine`], [`crate::Internal::Store`]; [`crate::Error::Busy`] if the wait for a scan times out.
    pub async fn directory_page(
        &self,
        caller: &Caller,
        library: &Library,
        filter: DirectoryFilter<'_>,
        page: Page,
    ) -> Result<(u64, Vec<DirectoryEntry>)> {
        self.backend_of(caller, library)?;
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let DirectoryFilter { name_part, info } = filter;
        let (name_part, info) = (name_part.map(str::to_owned), info.map(str::to_owned));
        // A scan continues after its caller has gone, and holds its permit until it ends.
        run_detached(async move {
            let filter = DirectoryFilter { name_part: name_part.as_deref(), info: info.as_deref() };
            let _turn = match filter {
                DirectoryFilter { name_part: None, info: None } => None,
                _ => Some(platform.inner.scans.acquire(&app_id).await?),
            };
            Ok(platform.inner.store.snapshot().await?.directory_page(library_id, filter, page).await?)
        })
        .await
    }
}

/// Returns the ids once each, in order of their first places.
fn distinct(ids: &[PublicId]) -> impl Iterator<Item = PublicId> {
    let mut seen = HashSet::with_capacity(ids.len());
    ids.iter().copied().filter(move |id| seen.insert(*id))
}

/// Upper bound of the cache's estimated size in bytes.
const MAX_CACHE_BYTES: usize = 96 << 20;

/// Caches the entries of directories: building one takes several queries, and the same people are requested repeatedly.
pub(crate) struct DirectoryCache(Versioned<(LibraryId, PublicId), Arc<DirectoryEntry>>);

impl Default for DirectoryCache {
    fn default() -> Self {
        Self(Versioned::new("people", MAX_CACHE_BYTES))
    }
}

impl DirectoryCache {
    fn insert(&self, library_id: LibraryId, entry: &Arc<DirectoryEntry>, read_at: Version) {
        let texts = [&entry.external_id, &entry.name, &entry.info];
        let texts: usize = texts.into_iter().flatten().map(String::capacity).sum();
        // Estimates of what an entry and a face take, with the map.
        let bytes = 384 + texts + entry.faces.len() * 320;
        self.0.insert((library_id, entry.public_id), Arc::clone(entry), bytes, read_at);
    }

    /// Invalidates the entry of a person of a library.
    pub fn invalidate(&self, library_id: LibraryId, public_id: PublicId) {
        self.0.invalidate(&(library_id, public_id));
    }

    /// Invalidates all entries.
    pub fn invalidate_all(&self) {
        self.0.invalidate_all();
    }
}
