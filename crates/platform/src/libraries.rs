//! Libraries: create, delete, list, count.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aicp_store::{Act, LibraryCounts, NewLibrary, Page, Tx};
use aicp_types::LibraryId;
use serde::Serialize;

use crate::audit::state;
use crate::caller::Caller;
use crate::error::{or_existing, or_missing};
use crate::random::random_hex32;
use crate::versioned::{Version, Versioned};
use crate::{BadInput, Error, Existing, Library, Limit, Missing, Platform, Result};

/// Maximum number of cached libraries of an app.
const MAX_CACHED_LIBRARIES: u64 = 128;
/// Maximum number of apps in the cache.
const MAX_CACHED_APPS: usize = 256;
/// Maximum number of libraries whose apps are remembered: as many as the cache can hold.
const MAX_KNOWN_LIBRARIES: usize = MAX_CACHED_APPS * MAX_CACHED_LIBRARIES as usize;

impl Platform {
    /// Creates a library. `external_id` is the app's own id for it; `engine` names the engine of its biometrics, by
    /// default the default engine.
    ///
    /// # Errors
    /// [`Existing::Library`] if the app has a library with this id; [`BadInput::LibraryId`]; [`Missing::Engine`];
    /// [`Limit::Libraries`] at the limit of libraries; the engine's error if it refuses.
    pub async fn create_library(
        &self,
        caller: &Caller,
        external_id: &str,
        name: &str,
        description: Option<&str>,
        engine: Option<&str>,
    ) -> Result<Library> {
        self.create_library_within(caller, external_id, name, description, engine, None).await
    }

    /// As [`Platform::create_library`], with a limit of `at_most` libraries for the app.
    ///
    /// # Errors
    /// As [`Platform::create_library`].
    pub async fn create_library_within(
        &self,
        caller: &Caller,
        external_id: &str,
        name: &str,
        description: Option<&str>,
        engine: Option<&str>,
        at_most: Option<u64>,
    ) -> Result<Library> {
        require_library_id(external_id)?;
        let backends = &self.inner.backends;
        let backend = engine.map_or(Ok(backends.default()), |name| backends.named(name))?;
        caller.note_engine(backend.name());
        let of_all = Some(self.inner.settings.max_libraries).filter(|limit| *limit > 0);
        let of_app = self.max_libraries_of(caller.app_id());
        let at_most = at_most.into_iter().chain(of_all).chain(of_app).min();
        let new = NewLibrary {
            app_id: caller.app_id().to_owned(),
            external_id: external_id.to_owned(),
            name: name.to_owned(),
            description: description.map(str::to_owned),
            engine_key: random_hex32()?,
            engine: backend.name().to_owned(),
            created_at: self.now(),
            slot: None,
            hidden: false,
        };
        let act = caller.act(new.created_at, "library.create", "");
        backend.create_library(new, at_most, act).await
    }

    /// Deletes a library named by its external id or, if no library has that, by its engine key.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn delete_library_named(&self, caller: &Caller, key: &str) -> Result<()> {
        let store = &self.inner.store;
        let mut rows = store.rows().await?;
        let library = match rows.library(caller.app_id(), key).await? {
            Some(library) => library,
            None => rows.library_by_engine_key(caller.app_id(), key).await?.ok_or(Missing::Library)?,
        };
        drop(rows);
        self.delete_library(caller, &library).await
    }

    /// Deletes a library of the app with its people, faces and pictures, even if it was renamed meanwhile.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn delete_library(&self, caller: &Caller, library: &Library) -> Result<()> {
        let act = caller.act(self.now(), "library.delete", library_target(library));
        self.backend_of(caller, library)?.delete_library(library.id, act).await
    }

    /// Returns a page of the app's libraries in order of creation.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn libraries(&self, caller: &Caller, page: Page) -> Result<Vec<Library>> {
        Ok(self.inner.store.rows().await?.libraries(caller.app_id(), page).await?)
    }

    /// Returns a page of the app's libraries, ordered by time of creation, then engine key.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn libraries_by_age(&self, caller: &Caller, page: Page) -> Result<Vec<Library>> {
        if page.offset.saturating_add(page.limit) > MAX_CACHED_LIBRARIES {
            return Ok(self.inner.store.rows().await?.libraries_by_age(caller.app_id(), page).await?);
        }
        let cache = &self.inner.libraries;
        let oldest = match cache.oldest.get(&caller.app_id().to_owned()) {
            Ok(oldest) => oldest,
            Err(read_at) => {
                let mut rows = self.inner.store.rows().await?;
                let read: Arc<[Library]> =
                    rows.libraries_by_age(caller.app_id(), Page::first(MAX_CACHED_LIBRARIES)).await?.into();
                cache.insert_oldest(caller.app_id(), &read, read_at);
                read
            }
        };
        let in_usize = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(oldest.iter().skip(in_usize(page.offset)).take(in_usize(page.limit)).cloned().collect())
    }

    /// Returns a library of the app by its engine key or a prefix of it, in lower-case hex digits.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn library_by_engine_key_prefix(&self, caller: &Caller, digits: &str) -> Result<Library> {
        let store = &self.inner.store;
        store.rows().await?.library_by_engine_key_prefix(caller.app_id(), digits).await?.ok_or(Missing::Library.into())
    }

    /// Changes the external id of a library of the app.
    ///
    /// # Errors
    /// As [`Platform::update_library`].
    pub async fn rename_library(&self, caller: &Caller, library: &Library, external_id: &str) -> Result<()> {
        let external_id = external_id.to_owned();
        self.update_library(caller, library, move |library| rename(library, external_id)).await.map(drop)
    }

    /// Changes external id, name, description, threshold and top-N of a library of the app by a function of its row. If the function
    /// returns false, nothing changes and the result is `None`.
    ///
    /// # Errors
    /// [`Missing::Library`], [`BadInput::LibraryId`], [`Existing::Library`] if another library of the app has this
    /// id.
    pub async fn update_library(
        &self,
        caller: &Caller,
        library: &Library,
        change: impl FnOnce(&mut Library) -> bool + Send + 'static,
    ) -> Result<Option<Library>> {
        self.backend_of(caller, library)?;
        let id = library.id;
        let act = caller.act(self.now(), "library.update", library_target(library));
        self.inner.store.write(move |tx| Box::pin(update_library(tx, id, change, act))).await
    }

    /// Returns the number of libraries of an app; 0 if the app does not exist.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`] if the caller does not see the app; [`crate::Internal::Store`].
    pub async fn library_count(&self, caller: &Caller, app_id: &str) -> Result<u64> {
        caller.require_app(app_id)?;
        Ok(self.inner.store.rows().await?.library_count(app_id).await?)
    }

    /// Returns a library by its external id.
    ///
    /// # Errors
    /// [`Missing::Library`].
    pub async fn library(&self, caller: &Caller, external_id: &str) -> Result<Library> {
        let (cache, app_id) = (&self.inner.libraries, caller.app_id());
        let read_at = match cache.find(app_id, external_id) {
            Ok(library) => return Ok(library),
            Err(read_at) => read_at,
        };
        let library = self.inner.store.rows().await?.library(app_id, external_id).await?.ok_or(Missing::Library)?;
        cache.insert(&library, read_at);
        Ok(library)
    }

    /// Counts the people and faces of a library.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn library_counts(&self, library: &Library) -> Result<LibraryCounts> {
        Ok(self.inner.store.rows().await?.library_counts(library.id).await?)
    }

    /// Returns a library by its external id; creates it if it does not exist.
    ///
    /// # Errors
    /// As [`Platform::create_library`].
    pub async fn open_library(&self, caller: &Caller, external_id: &str) -> Result<Library> {
        match self.library(caller, external_id).await {
            Err(Error::Missing(Missing::Library)) => {}
            found => return found,
        }
        match self.create_library(caller, external_id, external_id, None, None).await {
            // Another call created it meanwhile.
            Err(Error::Exists(Existing::Library)) => self.library(caller, external_id).await,
            made => made,
        }
    }
}

/// Inserts a library, with the lowest free number in its app unless it is hidden.
///
/// # Errors
/// [`Existing::Library`]; [`Limit::Libraries`] if the app had more than `at_most` with it.
pub(crate) async fn insert_library(tx: &mut Tx, mut new: NewLibrary, at_most: Option<u64>) -> Result<Library> {
    let app_id = new.app_id.clone();
    if !new.hidden {
        new.slot = Some(tx.lowest_free_slot(&app_id).await?);
    }
    let library = tx.insert_library(new).await.map_err(or_existing(Existing::Library, Missing::App))?;
    if let Some(at_most) = at_most
        && tx.library_count(&app_id).await? > at_most
    {
        return Err(Error::Full(Limit::Libraries));
    }
    Ok(library)
}

/// Inserts a library as [`insert_library`] does, and logs the act.
///
/// # Errors
/// As [`insert_library`].
pub(crate) async fn create_library(tx: &mut Tx, new: NewLibrary, at_most: Option<u64>, act: Act) -> Result<Library> {
    let library = insert_library(tx, new, at_most).await?;
    let (target, after) = (library_target(&library), state(&AuditedLibrary::of(&library)));
    tx.append_act(Act { target, after, ..act }).await?;
    Ok(library)
}

/// Logs the deletion of a library, before it is done.
///
/// # Errors
/// [`Missing::Library`].
pub(crate) async fn log_deletion(tx: &mut Tx, library_id: LibraryId, act: Act) -> Result<()> {
    let library = tx.library_by_id(library_id).await?.ok_or(Missing::Library)?;
    Ok(tx.append_act(Act { before: state(&AuditedLibrary::of(&library)), ..act }).await?)
}

pub(crate) fn library_target(library: &Library) -> String {
    format!("library {}", library.id)
}

/// The state of a library that the audit log shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuditedLibrary<'a> {
    group_id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    engine: &'a str,
    threshold: Option<f32>,
    top_n: Option<i64>,
}

impl<'a> AuditedLibrary<'a> {
    fn of(library: &'a Library) -> Self {
        let Library { external_id: group_id, name, description, engine, threshold, top_n, .. } = library;
        let (threshold, top_n) = (*threshold, *top_n);
        Self { group_id, name, description: description.as_deref(), engine, threshold, top_n }
    }
}

async fn update_library(
    tx: &mut Tx,
    library_id: LibraryId,
    change: impl FnOnce(&mut Library) -> bool,
    act: Act,
) -> Result<Option<Library>> {
    let mut library = tx.library_by_id(library_id).await?.ok_or(Missing::Library)?;
    let before = state(&AuditedLibrary::of(&library));
    let defaults = (library.threshold, library.top_n);
    if !change(&mut library) {
        return Ok(None);
    }
    require_library_id(&library.external_id)?;
    let (external_id, name) = (&library.external_id, &library.name);
    let written = tx.update_library(library_id, external_id, name, library.description.as_deref()).await;
    written.map_err(or_existing(Existing::Library, Missing::Library))?;
    if (library.threshold, library.top_n) != defaults {
        let written = tx.set_search_defaults(library_id, library.threshold, library.top_n).await;
        written.map_err(or_missing(Missing::Library))?;
    }
    tx.append_act(Act { before, after: state(&AuditedLibrary::of(&library)), ..act }).await?;
    Ok(Some(library))
}

/// Gives a library another external id. A name that was equal to the old one follows.
fn rename(library: &mut Library, external_id: String) -> bool {
    if library.name == library.external_id {
        library.name.clone_from(&external_id);
    }
    library.external_id = external_id;
    true
}

/// Caches libraries, which nearly every call looks up: single ones, and the oldest of each app.
pub(crate) struct LibraryCache {
    oldest: Versioned<String, Arc<[Library]>>,
    /// Apps of the libraries in `oldest`.
    apps: Mutex<HashMap<LibraryId, String>>,
    single: Versioned<LibraryId, Library>,
    /// By app and external id, the libraries that were found so. One may have another name by now, or be gone.
    ids: Mutex<HashMap<String, HashMap<String, LibraryId>>>,
}

impl Default for LibraryCache {
    fn default() -> Self {
        Self {
            oldest: Versioned::new(MAX_CACHED_APPS),
            apps: Mutex::default(),
            single: Versioned::new(MAX_KNOWN_LIBRARIES),
            ids: Mutex::default(),
        }
    }
}

impl LibraryCache {
    /// Returns a library or, on a miss, the version for [`insert`](Self::insert).
    fn find(&self, app_id: &str, external_id: &str) -> Result<Library, Version> {
        let id = self.ids().get(app_id).and_then(|ids| ids.get(external_id).copied());
        match id.map(|id| self.single.get(&id)) {
            Some(Ok(library)) if library.external_id == external_id => Ok(library),
            Some(Err(version)) => Err(version),
            _ => Err(self.single.version()),
        }
    }

    fn insert(&self, library: &Library, read_at: Version) {
        let mut ids = self.ids();
        if ids.len() > MAX_CACHED_APPS || ids.get(&library.app_id).is_some_and(|ids| ids.len() > MAX_KNOWN_LIBRARIES) {
            ids.clear();
        }
        ids.entry(library.app_id.clone()).or_default().insert(library.external_id.clone(), library.id);
        drop(ids);
        self.single.insert(library.id, library.clone(), 1, read_at);
    }

    fn insert_oldest(&self, app_id: &str, oldest: &Arc<[Library]>, read_at: Version) {
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

/// Checks an external id. Ids with control characters are reserved.
fn require_library_id(external_id: &str) -> Result<()> {
    let is_good = !external_id.is_empty() && !external_id.chars().any(char::is_control);
    if is_good { Ok(()) } else { Err(Error::BadInput(BadInput::LibraryId)) }
}

#[cfg(test)]
mod tests {
    use aicp_store_tests::fixture::{APP, new_library};
    use aicp_store_tests::handle::Handle;
    use aicp_types::{SystemClock, UnixMillis};

    use super::*;
    use std::path::Path;

    use crate::{MasterKey, Settings};
    use crate::{PersonData, PersonKey};
    use aicp_backends::{Biometrics, Builtin, EnrolledFace, LocalIndex};
    use aicp_vision::FakeBiometrics;

    async fn open(folder: &Path) -> Platform {
        let biometrics = Arc::new(FakeBiometrics::default());
        let index = LocalIndex::start(biometrics.dimensions()).expect("threads start");
        let engine = Builtin::new(biometrics, Arc::new(index));
        let key = MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits");
        let clock = Arc::new(SystemClock);
        let store = aicp_store_sqlite::open(folder, clock.clone()).await.expect("it opens");
        Platform::open(store, engine, &key, "admin token", Settings::default(), clock).await.expect("it starts")
    }

    /// Creates a library with one person, who has the same id in each library.
    async fn make(platform: &Platform, caller: &Caller, name: &str) -> Library {
        let library = platform.create_library(caller, name, name, None, None).await.expect("it is made");
        let user = PersonData { user_id: Some("same".to_owned()), ..PersonData::default() };
        let person = platform.inner.shared.new_person(user).expect("random");
        let face = platform.inner.shared.new_face(EnrolledFace::default());
        let (id, picture) = (library.id, name.as_bytes().to_vec().into());
        let written = platform.inner.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(crate::people::transactions::enrol(tx, id, person, None, face, picture))
        });
        written.await.expect("it is written");
        library
    }

    #[tokio::test]
    async fn what_was_found_is_acted_on_whatever_it_is_called_by_now() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let platform = open(folder.path()).await;
        let caller = platform.operator_for("shop").await.expect("an app");
        // A caller holds the first library; it is renamed, and another one takes its id.
        let found = make(&platform, &caller, "a").await;
        platform.rename_library(&caller, &found, "b").await.expect("it is renamed");
        let other = make(&platform, &caller, "a").await;

        let count = async |library: &Library| {
            platform.people(&caller, library, Page::first(10)).await.expect("it is read").len()
        };
        assert_eq!(count(&found).await, 1);
        let person = platform.find(&caller, &found, PersonKey::UserId("same")).await.expect("a person");
        platform.remove_person(&caller, &found, &person).await.expect("it is removed");
        let again = platform.remove_person(&caller, &found, &person).await;
        assert!(matches!(again, Err(Error::Missing(Missing::Person))));
        assert_eq!(count(&found).await, 0);
        platform.delete_library(&caller, &found).await.expect("it is deleted");

        assert_eq!(platform.library(&caller, "a").await.expect("it is there").id, other.id);
        assert_eq!(count(&other).await, 1);
        assert!(matches!(platform.library(&caller, "b").await, Err(Error::Missing(Missing::Library))));
        assert!(matches!(platform.delete_library(&caller, &found).await, Err(Error::Missing(Missing::Library))));
        platform.close().await.expect("it closes");
    }

    async fn store(folder: &Path) -> Handle {
        let store = Handle(aicp_store_sqlite::open(folder, Arc::new(SystemClock)).await.expect("it opens"));
        for app in [APP, "other"] {
            store.ensure_app(app, UnixMillis::new(1)).await.expect("app");
        }
        store
    }

    async fn insert(store: &Handle, new: NewLibrary, at_most: Option<u64>) -> Result<Library> {
        store.write(move |tx| Box::pin(insert_library(tx, new, at_most))).await
    }

    #[tokio::test]
    async fn a_library_has_the_lowest_free_slot_for_life() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = store(folder.path()).await;
        let mut all = Vec::new();
        for (external_id, slot) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
            let library = insert(&store, new_library(external_id), None).await.expect("library");
            assert_eq!(library.slot, Some(slot), "{external_id}");
            all.push(library);
        }
        store.delete_library(all[0].id).await.expect("deleted");
        store.delete_library(all[2].id).await.expect("deleted");
        let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
        assert_eq!(insert(&store, hidden, None).await.expect("library").slot, None);
        for slot in [1, 3, 5] {
            let again = insert(&store, new_library(&format!("again {slot}")), None).await;
            assert_eq!(again.expect("library").slot, Some(slot));
        }
        for kept in [&all[1], &all[3]] {
            let read = store.library_by_id(kept.id).await.expect("read").expect("library");
            assert_eq!(read.slot, kept.slot);
        }
        let other = NewLibrary { app_id: "other".into(), ..new_library("a") };
        assert_eq!(insert(&store, other, None).await.expect("library").slot, Some(1), "each app has its own");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn concurrent_creations_do_not_pass_a_limit() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = store(folder.path()).await;
        insert(&store, new_library("g"), None).await.expect("library");
        let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
        insert(&store, hidden, None).await.expect("library");
        let creations = (0..10).map(|n| {
            let store = store.clone();
            tokio::spawn(async move { insert(&store, new_library(&n.to_string()), Some(3)).await })
        });
        let mut made = 0;
        for task in creations.collect::<Vec<_>>() {
            match task.await.expect("no panic") {
                Ok(_) => made += 1,
                Err(e) => assert!(matches!(e, Error::Full(Limit::Libraries)), "{e}"),
            }
        }
        assert_eq!((made, store.library_count(APP).await.expect("read")), (2, 3));
        let taken = insert(&store, new_library("g"), Some(3)).await;
        assert!(
            matches!(taken, Err(Error::Exists(Existing::Library))),
            "a taken name goes before the limit: {taken:?}"
        );
    }

    #[tokio::test]
    async fn a_display_name_that_was_the_id_follows_it() {
        let folder = tempfile::tempdir().expect("a temp dir");
        let store = store(folder.path()).await;
        let same = NewLibrary { name: "a".into(), ..new_library("a") };
        let same = insert(&store, same, None).await.expect("library");
        let other = insert(&store, new_library("b"), None).await.expect("library");
        let give_id = async |id: LibraryId, to: &str| {
            let to = to.to_owned();
            let act = Caller::local(APP).act(UnixMillis::new(5), "library.update", "");
            store.write(move |tx| Box::pin(update_library(tx, id, move |library| rename(library, to), act))).await
        };
        let names = async |library: &Library| {
            let read = store.library_by_id(library.id).await.expect("read").expect("library");
            (read.external_id, read.name)
        };
        give_id(same.id, "c").await.expect("renamed");
        assert_eq!(names(&same).await, ("c".to_owned(), "c".to_owned()));
        give_id(other.id, "d").await.expect("renamed");
        assert_eq!(names(&other).await, ("d".to_owned(), other.name.clone()), "a display name of its own stays");
        assert!(matches!(give_id(other.id, "c").await, Err(Error::Exists(Existing::Library))));
        assert_eq!(names(&other).await.0, "d");
        give_id(other.id, "d").await.expect("to its own name");
        assert!(matches!(give_id(LibraryId::new(9999), "e").await, Err(Error::Missing(Missing::Library))));
    }
}
