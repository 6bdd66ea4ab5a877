//! Lists by cursor. A page begins after the last row of the page before, by what the list is ordered by, so that pages neither
//! lose nor repeat what exists throughout and keeps its place.

use std::collections::HashMap;

use aicp_store::{LibraryFilter, PersonFilter, PersonOrder, PersonText};
use aicp_types::{FaceId, LibraryId, PersonId, PublicId, UnixMillis};

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
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let (filter, order) = (OwnedFilter::of(filter), OwnedOrder::of(order));
        // A scan continues after its caller has gone, and holds its permit until it ends.
        run_detached(async move {
            let _turn = if filter.needs_scan() { Some(platform.inner.scans.acquire(&app_id).await?) } else { None };
            let mut rows = platform.inner.store.rows().await?;
            Ok(rows.people_after(library_id, filter.borrowed(), order.borrowed(), limit).await?)
        })
        .await
    }

    /// Counts the people of a library that the filter admits, up to `most`.
    ///
    /// # Errors
    /// As [`Platform::list_people`].
    pub async fn count_people(
        &self,
        caller: &Caller,
        library: &Library,
        filter: PersonFilter<'_>,
        most: u64,
    ) -> Result<u64> {
        self.backend_of(caller, library)?;
        let (platform, app_id, library_id) = (self.clone(), caller.app_id().to_owned(), library.id);
        let filter = OwnedFilter::of(filter);
        run_detached(async move {
            let _turn = if filter.needs_scan() { Some(platform.inner.scans.acquire(&app_id).await?) } else { None };
            Ok(platform.inner.store.rows().await?.count_people(library_id, filter.borrowed(), most).await?)
        })
        .await
    }

    /// Returns the newest face of each of some people; those without a face are left out.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn newest_faces(&self, people: &[Person]) -> Result<HashMap<PersonId, FaceId>> {
        let ids: Vec<PersonId> = people.iter().map(|person| person.id).collect();
        Ok(self.inner.store.rows().await?.newest_faces(&ids).await?)
    }

    /// Returns the names of people by their ids; people who are gone, or have no name, are left out.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn names_of(&self, people: &[PublicId]) -> Result<HashMap<PublicId, String>> {
        if people.is_empty() {
            return Ok(HashMap::new());
        }
        let names = self.inner.store.rows().await?.names_of_people(people).await?;
        Ok(names.into_iter().filter_map(|(id, name)| Some((id, name?))).collect())
    }
}

/// As [`PersonFilter`], with texts of its own.
struct OwnedFilter {
    external_id: Option<String>,
    name_part: Option<String>,
    customer_number: Option<String>,
    times: [Option<UnixMillis>; 4],
    tags: Vec<String>,
    text: Option<(String, Option<String>)>,
}

impl OwnedFilter {
    fn of(filter: PersonFilter<'_>) -> Self {
        let PersonFilter { external_id, name_part, customer_number, from, to, updated_from, updated_to, tags, text } =
            filter;
        Self {
            external_id: external_id.map(str::to_owned),
            name_part: name_part.map(str::to_owned),
            customer_number: customer_number.map(str::to_owned),
            times: [from, to, updated_from, updated_to],
            tags: tags.to_vec(),
            text: text.map(|text| (text.part.to_owned(), text.tag_part.map(str::to_owned))),
        }
    }

    fn borrowed(&self) -> PersonFilter<'_> {
        let [from, to, updated_from, updated_to] = self.times;
        PersonFilter {
            external_id: self.external_id.as_deref(),
            name_part: self.name_part.as_deref(),
            customer_number: self.customer_number.as_deref(),
            from,
            to,
            updated_from,
            updated_to,
            tags: &self.tags,
            text: self.text.as_ref().map(|(part, tag_part)| PersonText { part, tag_part: tag_part.as_deref() }),
        }
    }

    fn needs_scan(&self) -> bool {
        PersonFilter { external_id: None, ..self.borrowed() } != PersonFilter::default()
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
