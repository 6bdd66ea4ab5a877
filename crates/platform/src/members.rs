//! People as members of a group who have one face each, by numbers of ours.

use bytes::Bytes;

use crate::outbox::run_to_the_end;
use crate::people::{EnrolledPerson, NewUser};
use crate::users::digest;
use crate::{App, Error, Face, Library, Person, Platform, Result};

impl Platform {
    /// Enrols the largest face of a picture as a new person of a library, if that has then no more than `at_most`
    /// people. `user_id` is the caller's own id, if they have one.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Error::PersonExists`] if the library has somebody of this id,
    /// [`Error::TooManyPeople`].
    pub async fn enrol_member(
        &self,
        app: &App,
        library: &Library,
        user_id: Option<&str>,
        picture: Bytes,
        at_most: u64,
    ) -> Result<EnrolledPerson> {
        let (platform, app, library) = (self.clone(), app.clone(), library.clone());
        let user_id = user_id.map(str::to_owned);
        run_to_the_end(async move {
            let _same_user = match &user_id {
                Some(user_id) => {
                    let turn = platform.inner.same_face.enter(digest(&(library.id, user_id, "user"))).await;
                    if platform.has_member(&library, user_id).await? {
                        return Err(Error::PersonExists);
                    }
                    Some(turn)
                }
                None => None,
            };
            let new = NewUser { user_id, at_most: Some(at_most), ..NewUser::default() };
            platform.add_person(&app, &library, new, picture).await
        })
        .await
    }

    /// Whether a library has somebody of this id of the caller's, or of this platform id if they have none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn has_member(&self, library: &Library, user_id: &str) -> Result<bool> {
        Ok(!self.inner.store.people_by_user(library.id, user_id).await?.is_empty())
    }

    /// Somebody in the app's libraries by their person number or the beginning of that, lower-case hex digits, with the
    /// library.
    ///
    /// # Errors
    /// [`Error::NoPerson`].
    pub async fn member_by_number(&self, app: &App, digits: &str) -> Result<(Library, Person)> {
        let store = &self.inner.store;
        let person = store.person_by_number_head(app.id(), digits).await?.ok_or(Error::NoPerson)?;
        let library = store.library_by_id(person.library_id).await?.ok_or(Error::NoPerson)?;
        Ok((library, person))
    }

    /// Removes somebody with their faces and pictures. On return they can't be found.
    ///
    /// # Errors
    /// [`Error::NoPerson`].
    pub async fn remove_member(&self, app: &App, library: &Library, person: &Person) -> Result<()> {
        self.drop_person(app, library, person).await
    }

    /// Gives somebody the largest face of a picture in place of all that they have.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Error::NoPerson`].
    pub async fn replace_member_face(
        &self,
        app: &App,
        library: &Library,
        person: Person,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let (platform, app, library) = (self.clone(), app.clone(), library.clone());
        run_to_the_end(async move {
            let user_id = person.ext_user_id.clone().unwrap_or_else(|| person.person_id.to_string());
            let _same_user = platform.inner.same_face.enter(digest(&(library.id, user_id, "user"))).await;
            platform.replace_faces(&app, &library, person, None, picture).await
        })
        .await
    }

    /// The newest face of somebody, if they have any.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest_face(&self, person: &Person) -> Result<Option<Face>> {
        Ok(self.inner.store.faces_of(person.id).await?.into_iter().next())
    }

    /// The picture of a face.
    ///
    /// # Errors
    /// [`Error::NoSuchFace`].
    pub async fn picture_of_face(&self, face: &Face) -> Result<Bytes> {
        Ok(self.inner.store.picture(&face.picture_key).await.map_err(Error::or_no_face)?.into())
    }
}
