//! Lists by cursor. A page begins after the last row of the page before, by what the list is ordered by, so that pages neither
//! lose nor repeat what exists throughout and keeps its place.

use aicp_store::{LibraryFilter, PersonFilter, PersonOrder};
use aicp_types::{LibraryId, PersonId};

use crate::background::run_detached;
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
            None if caller.sees_all_apps() => None,
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

    /// Returns the people of a library that the filter admits, at most `limit`, in an order. A filter by more than the
    /// external id requires a scan, as in [`Platform::directory_page`].
    ///
    /// # Errors
    /// [`Missing::Engine`]; [`crate::Error::Busy`] if the wait for a scan times out.
    pub async fn list_people(
        &self,
        caller: &Caller,
        library: &Library,
        filter: PersonFilter<'_>,
        order: PersonOrder<'_>,
        limit: u64,
    ) -> Result<Vec<Person>> {
        self.backend_of(caller, library)?;
        let needs_scan = PersonFilter { external_id: None, ..filter } != PersonFilter::default();
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let PersonFilter { external_id, name_part, customer_number, tags, .. } = filter;
        let (PersonFilter { from, to, updated_from, updated_to, .. }, tags) = (filter, tags.to_vec());
        let texts = [external_id, name_part, customer_number].map(|text| text.map(str::to_owned));
        let order = OwnedOrder::of(order);
        // A scan continues after its caller has gone, and holds its permit until it ends.
        run_detached(async move {
            let [external_id, name_part, customer_number] = texts.each_ref().map(Option::as_deref);
            let tags = &tags;
            let filter =
                PersonFilter { external_id, name_part, customer_number, from, to, updated_from, updated_to, tags };
            let _turn = if needs_scan { Some(platform.inner.scans.acquire(&app_id).await?) } else { None };
            Ok(platform.inner.store.rows().await?.people_after(library_id, filter, order.borrowed(), limit).await?)
        })
        .await
    }
}

/// As [`PersonOrder`], with a name of its own.
enum OwnedOrder {
    Oldest(Option<PersonId>),
    Newest(Option<PersonId>),
    Name(Option<(String, PersonId)>),
}

impl OwnedOrder {
    fn of(order: PersonOrder<'_>) -> Self {
        match order {
            PersonOrder::Oldest(after) => Self::Oldest(after),
            PersonOrder::Newest(after) => Self::Newest(after),
            PersonOrder::Name(after) => Self::Name(after.map(|(name, id)| (name.to_owned(), id))),
        }
    }

    fn borrowed(&self) -> PersonOrder<'_> {
        match self {
            Self::Oldest(after) => PersonOrder::Oldest(*after),
            Self::Newest(after) => PersonOrder::Newest(*after),
            Self::Name(after) => PersonOrder::Name(after.as_ref().map(|(name, id)| (name.as_str(), *id))),
        }
    }
}
