//! Searches among some people of the libraries.

use std::collections::HashSet;

use aicp_types::{LibraryId, PersonId, PublicId};

use crate::scans::ScanPermit;
use crate::{Caller, Library, Platform, Result, Tags};

/// Maximum number of people whom a search admits without a permit for a scan. Those who are admitted are in memory while the
/// search runs.
const MAX_WITHOUT_PERMIT: u64 = 20_000;

/// People among whom a search looks; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Among {
    /// Only people with all these tags.
    pub tags: Tags,
    /// Only these people; unknown ones are ignored.
    pub people: Option<Vec<PublicId>>,
}

/// People who are admitted to a search. Held until it ends.
pub(crate) struct Admitted {
    pub people: HashSet<PersonId>,
    _permit: Option<ScanPermit>,
}

impl Platform {
    /// Returns the people of libraries who are admitted to a search; `None` for all.
    ///
    /// # Errors
    /// [`crate::Error::Busy`] if the tags admit many people and the wait for a scan times out.
    pub(crate) async fn admitted(
        &self,
        caller: &Caller,
        libraries: &[Library],
        among: &Among,
    ) -> Result<Option<Admitted>> {
        let ids: Vec<LibraryId> = libraries.iter().map(|library| library.id).collect();
        let tags = among.tags.as_slice();
        if let Some(public_ids) = &among.people {
            let mut rows = self.inner.store.snapshot().await?;
            let mut people = rows.people_of_libraries(&ids, public_ids).await?;
            if !tags.is_empty() {
                let known = rows.tags_of(&people).await?;
                people
                    .retain(|person| known.get(person).is_some_and(|known| tags.iter().all(|tag| known.contains(tag))));
            }
            return Ok(Some(Admitted { people: people.into_iter().collect(), _permit: None }));
        }
        if tags.is_empty() {
            return Ok(None);
        }
        let few = self.inner.store.rows().await?.people_with_tags(&ids, tags, MAX_WITHOUT_PERMIT + 1).await?;
        if few.len() as u64 <= MAX_WITHOUT_PERMIT {
            return Ok(Some(Admitted { people: few.into_iter().collect(), _permit: None }));
        }
        drop(few);
        let permit = self.inner.scans.acquire(caller.app_id()).await?;
        let all = self.inner.store.rows().await?.people_with_tags(&ids, tags, u64::MAX).await?;
        Ok(Some(Admitted { people: all.into_iter().collect(), _permit: Some(permit) }))
    }
}
