//! People of a library: enrol, remove, find, import.

use bytes::Bytes;

use aicp_backends::{Engine, EnrolledFace};
use aicp_store::{NewFace, NewPerson, NewTemplate, PersonChanges, PictureName, Tx, picture_key};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::caller::Caller;
use crate::error::or_existing;
use crate::error::or_missing;
use crate::locks::Digest;
use crate::names::{people_known_as, person_named};
use crate::random::random_hex32;
use crate::{Error, Existing, Face, Library, Limit, Missing, Person, Platform, Profile, Result};

/// What to do if the library of an enrolment does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingLibrary {
    /// Refuse with [`Missing::Library`].
    Refuse,
    /// Create it.
    Create,
}

/// A person with one of their faces.
#[derive(Debug, Clone)]
pub struct EnrolledPerson {
    /// The person.
    pub person: Person,
    /// The face.
    pub face: Face,
    /// Rotation of the face in its picture, in degrees clockwise; 0 if unknown.
    pub rotation: f32,
}

/// Result of the import of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The person is new.
    NewPerson,
    /// The person existed and has one more face.
    NewFace,
    /// The person had this picture already; nothing was changed.
    Known,
}

impl Platform {
    /// Enrols the largest face of a picture as a new person. On return the person is durable and can be found; if the
    /// library's engine is unreachable, once it is back.
    ///
    /// # Errors
    /// [`Missing::Library`], [`crate::BadInput::Picture`], [`crate::Refusal::NoFace`], [`Error::Busy`], and the engine's error if it
    /// refuses.
    pub async fn enrol(
        &self,
        caller: &Caller,
        library: &str,
        profile: Profile,
        picture: Bytes,
        missing: MissingLibrary,
    ) -> Result<EnrolledPerson> {
        let library = self.library_to_enrol_into(caller, library, &picture, missing).await?;
        self.add_person(caller, &library, NewUser { profile, ..NewUser::default() }, picture).await
    }

    /// Adds a picture to the person with the caller's own id `user_id`; creates the person if there is none.
    /// Idempotent, so an import can be repeated until it completes. Concurrent calls are allowed.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Existing::Person`] if another call created the person meanwhile.
    pub async fn import(
        &self,
        caller: &Caller,
        library: &Library,
        user_id: &str,
        profile: Profile,
        picture: Bytes,
    ) -> Result<Imported> {
        // Concurrent imports of one picture enrol it once, as repeated ones do.
        let key = picture_key(&picture);
        let _same_picture = self.inner.identity_locks.lock(Digest::of(&(library.id, user_id, &key))).await;
        let known = match self.find_by_external_id(library, user_id).await? {
            Some(known) => known,
            None => {
                // Of concurrent pictures of a new person, one creates the person.
                let _same_user = self.lock_user_name(library.id, user_id).await;
                match self.find_by_external_id(library, user_id).await? {
                    Some(known) => known,
                    None => {
                        let new = NewUser { user_id: Some(user_id.to_owned()), profile, ..NewUser::default() };
                        self.add_person(caller, library, new, picture).await?;
                        return Ok(Imported::NewPerson);
                    }
                }
            }
        };
        if self.inner.store.rows().await?.has_picture(known.id, &key).await? {
            return Ok(Imported::Known);
        }
        self.add_face(caller, library, known, picture).await?;
        Ok(Imported::NewFace)
    }

    /// Returns the person with this id of the caller's own. Ignores a person whose public id happens to be this text.
    async fn find_by_external_id(&self, library: &Library, user_id: &str) -> Result<Option<Person>> {
        let found = person_named(&mut self.inner.store.rows().await?, library.id, user_id).await?;
        Ok(found.filter(|person| person.external_id.as_deref() == Some(user_id)))
    }

    /// Removes a person with all faces and pictures. On return searches no longer find the person.
    ///
    /// # Errors
    /// [`Missing::Library`] or [`Missing::Person`].
    pub async fn remove_person(&self, caller: &Caller, library: &str, user_id: &str) -> Result<()> {
        let library = self.library(caller, library).await?;
        let person =
            person_named(&mut self.inner.store.rows().await?, library.id, user_id).await?.ok_or(Missing::Person)?;
        self.drop_person(caller, &library, &person).await
    }

    /// Returns a person, with the newest face, by any of three ids: public id, person number, the caller's own id.
    ///
    /// # Errors
    /// [`Missing::Library`] or [`Missing::Person`].
    pub async fn find_person(&self, caller: &Caller, library: &str, user_id: &str) -> Result<EnrolledPerson> {
        let library = self.library(caller, library).await?;
        self.engine_of(caller, &library)?;
        let person =
            person_named(&mut self.inner.store.rows().await?, library.id, user_id).await?.ok_or(Missing::Person)?;
        let newest = self.inner.store.rows().await?.faces_of(person.id).await?.into_iter().next();
        let face = newest.ok_or(Missing::Person)?;
        Ok(EnrolledPerson { person, face, rotation: 0.0 })
    }

    /// Returns the library of an enrolment. If the library does not exist, the picture is checked first: a bad picture
    /// is reported in preference to an unknown library and leaves no empty library behind.
    pub(crate) async fn library_to_enrol_into(
        &self,
        caller: &Caller,
        library: &str,
        picture: &Bytes,
        missing: MissingLibrary,
    ) -> Result<Library> {
        match self.library_for(caller, library, picture).await {
            Err(Error::Missing(Missing::Library)) if missing == MissingLibrary::Create => {
                self.open_library(caller, library).await
            }
            found => found,
        }
    }

    /// Adds a person with the largest face of a picture.
    pub(crate) async fn add_person(
        &self,
        caller: &Caller,
        library: &Library,
        user: NewUser,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let engine = self.engine_of(caller, library)?;
        let at_most = user.at_most;
        let person = self.new_person(user)?;
        match engine {
            Engine::Builtin(builtin) => {
                let added = builtin.enrol(self.photo(caller, picture.clone())).await?;
                self.store_person(library, person, at_most, added, picture).await
            }
            Engine::Remote(remote) => {
                let face = self.new_face(EnrolledFace::default());
                let (person, face) = self.enrol_remotely(remote.clone(), library, person, face, picture).await?;
                Ok(EnrolledPerson { person, face, rotation: 0.0 })
            }
        }
    }

    /// Stores a person with a face whose template is computed.
    pub(crate) async fn store_person(
        &self,
        library: &Library,
        person: NewPerson,
        at_most: Option<u64>,
        added: EnrolledFace,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let rotation = added.face.map_or(0.0, |seen| seen.rotation);
        let (library_id, face) = (library.id, self.new_face(added));
        let enrolled = self.inner.store.write_with_picture(picture, move |tx, picture| {
            Box::pin(enrol(tx, library_id, person, at_most, face, picture))
        });
        let (person, face) = enrolled.await?;
        Ok(EnrolledPerson { person, face, rotation })
    }

    /// Adds the largest face of a picture to a person.
    pub(crate) async fn add_face(
        &self,
        caller: &Caller,
        library: &Library,
        person: Person,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let engine = self.engine_of(caller, library)?;
        let (face, rotation) = match engine {
            Engine::Builtin(builtin) => {
                let added = builtin.enrol(self.photo(caller, picture.clone())).await?;
                let rotation = added.face.map_or(0.0, |seen| seen.rotation);
                let (person_id, face, now) = (person.id, self.new_face(added), self.now());
                let added = self.inner.store.write_with_picture(picture, move |tx, picture| {
                    Box::pin(add_face(tx, person_id, face, picture, now))
                });
                (added.await?, rotation)
            }
            Engine::Remote(remote) => {
                let face = self.new_face(EnrolledFace::default());
                (self.add_face_remotely(remote.clone(), &person, face, picture).await?, 0.0)
            }
        };
        Ok(EnrolledPerson { person, face, rotation })
    }

    /// Removes a person of a library.
    pub(crate) async fn drop_person(&self, caller: &Caller, library: &Library, person: &Person) -> Result<()> {
        let engine = self.engine_of(caller, library)?;
        match engine {
            Engine::Builtin(_) => {
                let (id, now) = (person.id, self.now());
                let removed =
                    self.inner.store.remove(move |tx| Box::pin(async move { tx.remove_person(id, now).await }));
                removed.await.map_err(or_missing(Missing::Person))
            }
            Engine::Remote(remote) => self.remove_remotely(remote.clone(), person).await,
        }
    }

    /// Removes a face of a person of a library.
    pub(crate) async fn drop_face(&self, caller: &Caller, library: &Library, face: &Face) -> Result<()> {
        let engine = self.engine_of(caller, library)?;
        match engine {
            Engine::Builtin(_) => {
                let (id, now) = (face.id, self.now());
                let removed = self.inner.store.remove(move |tx| Box::pin(async move { tx.remove_face(id, now).await }));
                removed.await.map_err(or_missing(Missing::Face))
            }
            Engine::Remote(remote) => self.remove_face_remotely(remote.clone(), library.id, face.id).await,
        }
    }

    pub(crate) fn new_person(&self, user: NewUser) -> Result<NewPerson> {
        Ok(NewPerson {
            public_id: self.inner.ids.person(),
            number: random_hex32()?,
            external_id: user.user_id,
            info: user.info,
            profile: user.profile,
            created_at: self.now(),
        })
    }

    pub(crate) fn new_face(&self, added: EnrolledFace) -> NewFace {
        let seen = added.face.unwrap_or_default();
        let area = seen.area;
        NewFace {
            file_id: self.inner.ids.file(),
            bounding_box: [area.x, area.y, area.width, area.height],
            confidence: seen.confidence,
            quality: added.quality,
            template: added.template.map(|vector| NewTemplate {
                algorithm: self.inner.algorithm(),
                vector,
                recognisability: added.recognisability,
            }),
            engine_ref: None,
        }
    }
}

/// Inserts a person with a face.
///
/// # Errors
/// [`Missing::Library`], [`Existing::Person`]; [`Limit::People`] if the library had more than `at_most` people
/// with this one.
pub(crate) async fn enrol(
    tx: &mut Tx,
    library_id: LibraryId,
    new: NewPerson,
    at_most: Option<u64>,
    face: NewFace,
    picture: PictureName,
) -> Result<(Person, Face)> {
    let person = tx.insert_person(library_id, new).await.map_err(or_existing(Existing::Person, Missing::Library))?;
    if let Some(at_most) = at_most
        && tx.person_count(library_id).await? > at_most
    {
        return Err(Error::Full(Limit::People));
    }
    let face = tx.insert_face(person.id, face, picture, false).await.map_err(or_missing(Missing::Person))?;
    Ok((person, face))
}

/// Inserts a face of a person.
pub(crate) async fn add_face(
    tx: &mut Tx,
    person_id: PersonId,
    face: NewFace,
    picture: PictureName,
    at: UnixMillis,
) -> Result<Face> {
    let face = tx.insert_face(person_id, face, picture, false).await.map_err(or_missing(Missing::Person))?;
    tx.touch_person(person_id, at).await?;
    Ok(face)
}

/// Replaces all faces of a person by one.
pub(crate) async fn replace_faces(
    tx: &mut Tx,
    person_id: PersonId,
    face: NewFace,
    picture: PictureName,
    at: UnixMillis,
) -> Result<Face> {
    tx.remove_faces(person_id, None, at).await.map_err(or_missing(Missing::Person))?;
    add_face(tx, person_id, face, picture, at).await
}

/// Changes a person.
///
/// # Errors
/// [`Missing::Person`]; [`Existing::Person`] if another person of the library is known by the new user id.
pub(crate) async fn change_person(
    tx: &mut Tx,
    person_id: PersonId,
    changes: PersonChanges,
    at: UnixMillis,
) -> Result<()> {
    if let Some(user_id) = &changes.external_id {
        let library_id = tx.library_of_person(person_id).await?.ok_or(Missing::Person)?;
        let known = people_known_as(tx, library_id, user_id).await?;
        if known.iter().any(|other| other.id != person_id) {
            return Err(Error::Exists(Existing::Person));
        }
    }
    tx.update_person(person_id, changes, at).await.map_err(or_existing(Existing::Person, Missing::Person))
}

/// The caller's data of a new person.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewUser {
    /// The caller's own id.
    pub user_id: Option<String>,
    /// Free text.
    pub info: Option<String>,
    /// Further data.
    pub profile: Profile,
    /// Limit of people in the library, including this one; `None`: unlimited.
    pub at_most: Option<u64>,
}

#[cfg(test)]
mod tests;
