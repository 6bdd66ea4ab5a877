//! Libraries: make, delete, list.

use aicp_store::NewLibrary;

use crate::apps::App;
use crate::ids::{now_ms, random_hex32};
use crate::{Error, Library, Platform, Result};

/// Name of the engine that runs in this process, as a library stores it.
pub(crate) const BUILTIN: &str = "builtin";

impl Platform {
    /// Makes a library. `group_id` is the app's own name for it.
    ///
    /// # Errors
    /// [`Error::LibraryExists`] if the app has one of this name.
    pub async fn create_library(
        &self,
        app: &App,
        group_id: &str,
        name: &str,
        description: Option<&str>,
    ) -> Result<Library> {
        let new = NewLibrary {
            app_id: app.id().to_owned(),
            group_id: group_id.to_owned(),
            db_name: name.to_owned(),
            db_desc: description.map(str::to_owned),
            person_db_lib: random_hex32()?,
            engine: BUILTIN.to_owned(),
            created_ms: now_ms(),
        };
        self.inner.store.create_library(new).await.map_err(|e| match e {
            aicp_store::Error::Exists => Error::LibraryExists,
            other => other.into(),
        })
    }

    /// Deletes a library with its people, faces and pictures. It may be named by its group id or, where no library
    /// has that, by its engine's id.
    ///
    /// # Errors
    /// [`Error::NoLibrary`].
    pub async fn delete_library(&self, app: &App, key: &str) -> Result<()> {
        let store = &self.inner.store;
        let library = match store.library(app.id(), key).await? {
            Some(library) => library,
            None => store.library_by_engine_id(app.id(), key).await?.ok_or(Error::NoLibrary)?,
        };
        store.delete_library(library.id).await.map_err(|e| match e {
            aicp_store::Error::NotFound => Error::NoLibrary,
            other => other.into(),
        })
    }

    /// The app's libraries in the order they were made, `limit` of them after the first `offset`.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn libraries(&self, app: &App, offset: u64, limit: u64) -> Result<Vec<Library>> {
        let clip = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        Ok(self.inner.store.libraries(app.id(), clip(offset), clip(limit)).await?)
    }

    /// A library by its group id.
    ///
    /// # Errors
    /// [`Error::NoLibrary`].
    pub async fn library(&self, app: &App, group_id: &str) -> Result<Library> {
        self.inner.store.library(app.id(), group_id).await?.ok_or(Error::NoLibrary)
    }

    /// A library by its group id, made if there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open_library(&self, app: &App, group_id: &str) -> Result<Library> {
        match self.library(app, group_id).await {
            Err(Error::NoLibrary) => {}
            found => return found,
        }
        match self.create_library(app, group_id, group_id, None).await {
            // Somebody else made it in between.
            Err(Error::LibraryExists) => self.library(app, group_id).await,
            made => made,
        }
    }
}
