//! Copies of people.

use super::PersonData;
use crate::background::run_detached;
use crate::user_ids::people_known_as;
use crate::{Caller, Existing, Library, Missing, PersonChanges, Platform, Result};

impl Platform {
    /// Copies a person with all faces into another library, under the same user id; the original remains.
    ///
    /// # Errors
    /// [`Missing::Person`], [`Existing::Person`], [`Missing::Face`]; the errors of the target's engine if it is a
    /// different one.
    pub async fn copy_person(&self, caller: &Caller, from: &Library, to: &Library, user_id: &str) -> Result<()> {
        let (platform, caller, from, to) = (self.clone(), caller.clone(), from.clone(), to.clone());
        let user_id = user_id.to_owned();
        run_detached(async move { platform.copy_person_to(&caller, &from, &to, &user_id).await }).await
    }

    async fn copy_person_to(&self, caller: &Caller, from: &Library, to: &Library, user_id: &str) -> Result<()> {
        let store = &self.inner.store;
        let named = people_known_as(&mut store.rows().await?, from.id, user_id).await?;
        let person = named.into_iter().next().ok_or(Missing::Person)?;
        let _same_user = self.lock_user_id(to.id, user_id).await?;
        if !people_known_as(&mut store.rows().await?, to.id, user_id).await?.is_empty() {
            return Err(Existing::Person.into());
        }
        let data = PersonData {
            user_id: Some(user_id.to_owned()),
            info: person.info.clone(),
            profile: person.profile.clone(),
            tags: self.tags(&person).await?,
        };
        let mut faces = store.rows().await?.faces_of(person.id).await?;
        faces.reverse();
        let source = self.backend_of(caller, from)?;
        let new = self.inner.shared.new_person(data)?;
        if from.engine == to.engine && source.copy_person(person.id, &faces, to.id, new.clone()).await? {
            return Ok(());
        }
        // A different engine needs the pictures. A person without faces can't be enrolled there.
        let target = self.backend_of(caller, to)?;
        let (first, others) = faces.split_first().ok_or(Missing::Face)?;
        let photo = self.photo(caller, self.picture_of_face(first).await?);
        let (copy, _) = target.enrol(to.id, new, None, photo).await?;
        for face in others {
            let added = match self.picture_of_face(face).await {
                Ok(picture) => {
                    target.add_face(&copy, PersonChanges::default(), self.photo(caller, picture)).await.map(drop)
                }
                Err(e) => Err(e),
            };
            if let Err(e) = added {
                target.remove_person(&copy).await?;
                return Err(e);
            }
        }
        Ok(())
    }
}
