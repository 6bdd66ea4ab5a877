//! Lists by cursor. Pages follow the order of creation, so that they neither lose nor repeat what exists throughout.

use aicp_store::{LibraryFilter, PersonFilter};
use aicp_types::{LibraryId, PersonId};

use crate::{Caller, Library, Missing, Person, Platform, Result};

impl Platform {
    /// Returns the libraries that the caller sees and the filter admits, at most `limit`, after the one with this id in the
    /// order of creation. An administrator sees those of all apps.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`] if the filter names an app that the caller does not see.
    pub async fn list_libraries(
        &self,
        caller: &Caller,
        filter: LibraryFilter<'_>,
        after: Option<LibraryId>,
        limit: u64,
    ) -> Result<Vec<Library>> {
        let app_id = match filter.app_id {
            Some(app_id) => {
                caller.require_app(app_id)?;
                Some(app_id)
            }
            None if caller.is_administrator() => None,
            None => Some(caller.app_id()),
        };
        let filter = LibraryFilter { app_id, ..filter };
        Ok(self.inner.store.rows().await?.libraries_after(filter, after, limit).await?)
    }

    /// Returns a library by row id, with a caller who acts for its app.
    ///
    /// # Errors
    /// [`Missing::Library`], also for a library that the caller does not see.
    pub async fn library_of_id(&self, caller: &Caller, id: LibraryId) -> Result<(Caller, Library)> {
        let library = self.inner.store.rows().await?.library_by_id(id).await?;
        let library = library.filter(|library| !library.hidden).ok_or(Missing::Library)?;
        let acting = caller.acting_for(&library.app_id).map_err(|_| Missing::Library)?;
        Ok((acting, library))
    }

    /// Returns the people of a library that the filter admits, at most `limit`, after the one with this id in the order of
    /// creation.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub async fn list_people(
        &self,
        caller: &Caller,
        library: &Library,
        filter: PersonFilter<'_>,
        after: Option<PersonId>,
        limit: u64,
    ) -> Result<Vec<Person>> {
        self.backend_of(caller, library)?;
        Ok(self.inner.store.rows().await?.people_after(library.id, filter, after, limit).await?)
    }
}
