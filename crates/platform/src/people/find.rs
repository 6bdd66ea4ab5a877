//! Look-ups of people and their faces.

use aicp_store::Page;
use aicp_types::PublicId;
use bytes::Bytes;

use crate::error::or_missing;
use crate::user_ids::{people_known_as, people_of_app_known_as, person_named};
use crate::{Caller, Face, Library, Missing, Person, Platform, Result};

/// A library of the caller's app.
#[derive(Debug, Clone)]
pub enum LibraryKey {
    /// The app's own id of the library.
    Id(String),
    /// A library that was looked up.
    Row(Library),
}

impl From<&Library> for LibraryKey {
    fn from(library: &Library) -> Self {
        Self::Row(library.clone())
    }
}

/// By what a person of a library is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonKey<'a> {
    /// Any of three ids: the public id, else the person number, else the caller's own id.
    Any(&'a str),
    /// The user id that callers see: the caller's own id or, without one, the public id. An own id takes precedence over
    /// an equal public id.
    UserId(&'a str),
    /// The public id.
    PublicId(PublicId),
}

impl Platform {
    /// Returns a person of a library.
    ///
    /// # Errors
    /// [`Missing::Person`], [`Missing::Engine`].
    pub async fn find(&self, caller: &Caller, library: &Library, key: PersonKey<'_>) -> Result<Person> {
        self.backend_of(caller, library)?;
        let mut rows = self.inner.store.rows().await?;
        let found = match key {
            PersonKey::Any(text) => person_named(&mut rows, library.id, text).await?,
            PersonKey::UserId(user_id) => {
                let named = people_known_as(&mut rows, library.id, user_id).await?;
                named.into_iter().min_by_key(|person| person.external_id.is_none())
            }
            PersonKey::PublicId(id) => rows.person_with_id(library.id, id).await?,
        };
        found.ok_or(Missing::Person.into())
    }

    /// Returns the people of a library with this user id or, if none is named, of all libraries of the app; at least one.
    ///
    /// # Errors
    /// [`Missing::Person`], [`Missing::Engine`].
    pub async fn find_all(
        &self,
        caller: &Caller,
        library: Option<&Library>,
        user_id: &str,
    ) -> Result<Vec<(Library, Person)>> {
        let mut rows = self.inner.store.rows().await?;
        let mut found = Vec::new();
        match library {
            Some(library) => {
                let people = people_known_as(&mut rows, library.id, user_id).await?;
                found.extend(people.into_iter().map(|person| (library.clone(), person)));
            }
            None => {
                for person in people_of_app_known_as(&mut rows, caller.app_id(), user_id).await? {
                    if let Some(library) = rows.library_by_id(person.library_id).await? {
                        found.push((library, person));
                    }
                }
            }
        }
        let (first, _) = found.first().ok_or(Missing::Person)?;
        self.backend_of(caller, first)?;
        Ok(found)
    }

    /// Returns a person of the app, with the library, by the person number or a prefix of it, in lower-case hex digits.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn find_by_number(&self, caller: &Caller, digits: &str) -> Result<(Library, Person)> {
        let mut rows = self.inner.store.rows().await?;
        let person = rows.person_by_number_prefix(caller.app_id(), digits).await?.ok_or(Missing::Person)?;
        let library = rows.library_by_id(person.library_id).await?.ok_or(Missing::Person)?;
        Ok((library, person))
    }

    /// Returns a page of the people of a library in order of creation.
    ///
    /// # Errors
    /// [`Missing::Engine`].
    pub async fn people(&self, caller: &Caller, library: &Library, page: Page) -> Result<Vec<Person>> {
        self.backend_of(caller, library)?;
        Ok(self.inner.store.rows().await?.people(library.id, page).await?)
    }

    /// Returns the faces of a person, the newest first.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn faces(&self, person: &Person) -> Result<Vec<Face>> {
        Ok(self.inner.store.rows().await?.faces_of(person.id).await?)
    }

    /// Returns the picture of a face.
    ///
    /// # Errors
    /// [`Missing::Face`].
    pub async fn picture_of_face(&self, face: &Face) -> Result<Bytes> {
        self.inner.store.picture(&face.picture_key).await.map_err(or_missing(Missing::Face))
    }

    /// Returns the picture of an enrolled face of the app by its token.
    ///
    /// # Errors
    /// [`Missing::Face`].
    pub async fn picture_by_token(&self, caller: &Caller, token: &str) -> Result<Bytes> {
        let face = self.inner.store.rows().await?.face_by_token(caller.app_id(), token).await?.ok_or(Missing::Face)?;
        self.picture_of_face(&face).await
    }
}
