//! Libraries: create, delete, list, count.

mod cache;

use std::sync::Arc;

use aicp_store::{Act, LibraryCounts, NewLibrary, Page, Tx};
use aicp_types::LibraryId;
use serde::Serialize;

pub(crate) use cache::LibraryCache;
use cache::MAX_CACHED_LIBRARIES;

use crate::audit::state;
use crate::backend::LibraryBackend;
use crate::caller::Caller;
use crate::error::{or_existing, or_missing};
use crate::random::random_hex32;
use crate::shared::MAX_KEY_BYTES;
use crate::{BadInput, Error, Existing, Library, Limit, Missing, Platform, Result};

/// A library to create.
#[derive(Debug)]
pub(crate) struct LibraryToCreate {
    pub new: NewLibrary,
    /// Limit of libraries of the app, including this one; `None`: unlimited.
    pub at_most: Option<u64>,
    /// The act that the audit log tells; the creation adds its target and the state.
    pub act: Act,
}

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
        let (backend, library) = self.library_to_create(caller, external_id, name, description, engine, at_most)?;
        backend.create_library(library).await
    }

    /// Checks what [`Platform::create_library_within`] checks before it writes.
    ///
    /// # Errors
    /// [`BadInput::LibraryId`]; [`Missing::Engine`].
    pub(crate) fn library_to_create(
        &self,
        caller: &Caller,
        external_id: &str,
        name: &str,
        description: Option<&str>,
        engine: Option<&str>,
        at_most: Option<u64>,
    ) -> Result<(&dyn LibraryBackend, LibraryToCreate)> {
        require_library_id(external_id)?;
        let backends = &self.inner.backends;
        let backend = engine.map_or(Ok(backends.default()), |name| backends.named(name))?;
        caller.note_engine(backend.name());
        let of_all = Some(self.inner.settings.load().max_libraries).filter(|limit| *limit > 0);
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
        Ok((backend, LibraryToCreate { new, at_most, act }))
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
pub(crate) async fn create_library(tx: &mut Tx, library: LibraryToCreate) -> Result<Library> {
    let LibraryToCreate { new, at_most, act } = library;
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
    log_act_on(tx, library_id, act).await
}

/// Logs an act on a library, with the state before it.
///
/// # Errors
/// [`Missing::Library`].
pub(crate) async fn log_act_on(tx: &mut Tx, library_id: LibraryId, act: Act) -> Result<()> {
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

/// Checks an external id. Ids with control characters are reserved.
fn require_library_id(external_id: &str) -> Result<()> {
    let is_good = (1..=MAX_KEY_BYTES).contains(&external_id.len()) && !external_id.chars().any(char::is_control);
    if is_good { Ok(()) } else { Err(Error::BadInput(BadInput::LibraryId)) }
}

#[cfg(test)]
mod tests;
