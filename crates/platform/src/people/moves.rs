//! People who change their library, and people who become one.

use crate::background::run_detached;
use crate::user_ids::user_id_of;
use crate::{Caller, Library, Person, Platform, Result};

impl Platform {
    /// Moves a person with faces, pictures and tags to another library of the app, under the same ids; the person leaves the
    /// groups of the first library. Searches find the person there on return, and no longer in the first library.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person), [`Existing::Person`](crate::Existing::Person); an error that
    /// [is not offered](crate::Error::is_not_offered) if the engine of a library stores the faces itself.
    pub async fn move_person(&self, caller: &Caller, from: &Library, person: &Person, to: &Library) -> Result<Person> {
        let (platform, caller, from, to) = (self.clone(), caller.clone(), from.clone(), to.clone());
        let person = person.clone();
        run_detached(async move {
            let (source, target) = (platform.backend_of(&caller, &from)?, platform.backend_of(&caller, &to)?);
            let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
            let _same_user = platform.lock_user_id(to.id, &user_id).await?;
            let _same_person = platform.lock_person(&person).await?;
            if source.name() != target.name() {
                return Err(crate::backend::not_offered("moving a person to a library of another engine"));
            }
            source.move_person(&person, to.id).await
        })
        .await
    }

    /// Gives the faces, the tags and the places in groups of another person of the library to a person, and removes the
    /// other. The person keeps ids and data.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Limit::Faces`](crate::Limit::Faces) and
    /// [`Limit::Tags`](crate::Limit::Tags) if the person had too many; an error that
    /// [is not offered](crate::Error::is_not_offered) if the engine stores the faces itself.
    pub async fn merge_people(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        other: &Person,
    ) -> Result<Person> {
        let (platform, caller, library) = (self.clone(), caller.clone(), library.clone());
        let (person, other) = (person.clone(), other.clone());
        run_detached(async move {
            let backend = platform.backend_of(&caller, &library)?;
            // In the order of their ids: two merges of the same people don't wait for each other.
            let (first, second) = if person.id < other.id { (&person, &other) } else { (&other, &person) };
            let _first = platform.lock_person(first).await?;
            let _second = platform.lock_person(second).await?;
            let max_faces = Some(platform.inner.settings.load().max_faces_a_user).filter(|limit| *limit > 0);
            backend.merge_people(&person, &other, max_faces).await
        })
        .await
    }
}
