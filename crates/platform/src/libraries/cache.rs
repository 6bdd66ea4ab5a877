//! The cache of libraries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aicp_types::LibraryId;

use crate::Library;
use crate::versioned::{Version, Versioned};

/// Maximum number of cached libraries of an app.
pub(super) const MAX_CACHED_LIBRARIES: u64 = 128;
/// Maximum number of apps in the cache.
const MAX_CACHED_APPS: usize = 256;
/// Maximum number of libraries whose apps are remembered: as many as the cache can hold.
const MAX_KNOWN_LIBRARIES: usize = MAX_CACHED_APPS * MAX_CACHED_LIBRARIES as usize;

/// Caches libraries, which nearly every call looks up: single ones, and the oldest of each app.
pub(crate) struct LibraryCache {
    pub oldest: Versioned<String, Arc<[Library]>>,
    /// Apps of the libraries in `oldest`.
    apps: Mutex<HashMap<LibraryId, String>>,
    single: Versioned<LibraryId, Library>,
    /// By app and external id, the libraries that were found so. One may have another name by now, or be gone.
    ids: Mutex<HashMap<String, HashMap<String, LibraryId>>>,
}

impl Default for LibraryCache {
    fn default() -> Self {
        Self {
            oldest: Versioned::new("libraries_of_app", MAX_CACHED_APPS),
            apps: Mutex::default(),
            single: Versioned::new("libraries", MAX_KNOWN_LIBRARIES),
            ids: Mutex::default(),
        }
    }
}

impl LibraryCache {
    /// Returns a library or, on a miss, the version for [`insert`](Self::insert).
    pub fn find(&self, app_id: &str, external_id: &str) -> Result<Library, Version> {
        let id = self.ids().get(app_id).and_then(|ids| ids.get(external_id).copied());
        match id.map(|id| self.single.get(&id)) {
            Some(Ok(library)) if library.external_id == external_id => Ok(library),
            Some(Err(version)) => Err(version),
            _ => Err(self.single.miss()),
        }
    }

    pub fn insert(&self, library: &Library, read_at: Version) {
        let mut ids = self.ids();
        if ids.len() > MAX_CACHED_APPS || ids.get(&library.app_id).is_some_and(|ids| ids.len() > MAX_KNOWN_LIBRARIES) {
            ids.clear();
        }
        ids.entry(library.app_id.clone()).or_default().insert(library.external_id.clone(), library.id);
        drop(ids);
        self.single.insert(library.id, library.clone(), 1, read_at);
    }

    pub fn insert_oldest(&self, app_id: &str, oldest: &Arc<[Library]>, read_at: Version) {
        let mut apps = self.apps();
        if apps.len() > MAX_KNOWN_LIBRARIES {
            apps.clear();
            self.oldest.invalidate_all();
        }
        apps.extend(oldest.iter().map(|library| (library.id, app_id.to_owned())));
        self.oldest.insert(app_id.to_owned(), Arc::clone(oldest), 1, read_at);
    }

    /// Invalidates a library whose names changed, or that is new, and the list of its app.
    pub fn invalidate_names(&self, app_id: &str, library_id: LibraryId) {
        self.oldest.invalidate(&app_id.to_owned());
        self.single.invalidate(&library_id);
    }

    /// Invalidates what holds a library.
    pub fn invalidate_library(&self, library_id: LibraryId) {
        self.single.invalidate(&library_id);
        // Held until the end: a list that is read meanwhile is cached before, and found, or after, and then refused.
        let apps = self.apps();
        // A library that is not cached may be about to be.
        self.oldest.invalidate(&apps.get(&library_id).cloned().unwrap_or_default());
    }

    fn apps(&self) -> MutexGuard<'_, HashMap<LibraryId, String>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<String, HashMap<String, LibraryId>>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
