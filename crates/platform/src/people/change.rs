//! Changes of people.

use bytes::Bytes;

use super::transactions;
use crate::background::run_detached;
use crate::{Caller, Face, Library, Person, PersonChanges, Platform, Result, Tags};

impl Platform {
    /// Changes a person. A given picture replaces all pictures by its largest face, which is returned. All or nothing.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Existing::Person`](crate::Existing::Person) if another person of the
    /// library has the new user id; as [`Platform::enrol`] about the picture.
    pub async fn change(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        changes: PersonChanges,
        picture: Option<Bytes>,
    ) -> Result<Option<Face>> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        run_detached(async move {
            let backend = platform.backend_of(&caller, &library)?;
            let _same_person = platform.lock_person(&person).await?;
            let Some(picture) = picture else {
                let (id, now) = (person.id, platform.now());
                platform.inner.store.write(move |tx| Box::pin(transactions::change(tx, id, changes, now))).await?;
                return Ok(None);
            };
            let added = backend.replace(&person, changes, platform.photo(&caller, picture)).await?;
            Ok(Some(added.face))
        })
        .await
    }

    /// Changes user id, free text, profile and tags of a person by a function of them. If the function returns false,
    /// nothing changes and the result is `None`.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Existing::Person`](crate::Existing::Person) if another person of the
    /// library has the new user id.
    pub async fn update_person(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        change: impl FnOnce(&mut Person, &mut Tags) -> bool + Send + 'static,
    ) -> Result<Option<(Person, Tags)>> {
        self.backend_of(caller, library)?;
        let (id, library_id, now) = (person.id, library.id, self.now());
        let _same_person = self.lock_person(person).await?;
        self.inner.store.write(move |tx| Box::pin(transactions::update(tx, library_id, id, change, now))).await
    }
}
