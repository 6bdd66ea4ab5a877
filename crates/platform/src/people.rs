//! People of a library: enrol, remove, find, import.

use bytes::Bytes;

use aicp_engines::{EnrolledFace, FaceStorage};
use aicp_store::{NewFace, NewPerson, NewTemplate, picture_key};

use crate::apps::App;
use crate::engines::library_ref;
use crate::locks::Digest;
use crate::random::random_hex32;
use crate::{Error, Face, Library, Person, Platform, Profile, Result};

/// What to do if the library of an enrolment does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingLibrary {
    /// Refuse with [`Error::NoLibrary`].
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
    /// [`Error::NoLibrary`], [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`], and the engine's error if it
    /// refuses.
    pub async fn enrol(
        &self,
        app: &App,
        library: &str,
        profile: Profile,
        picture: Bytes,
        missing: MissingLibrary,
    ) -> Result<EnrolledPerson> {
        let library = self.library_to_enrol_into(app, library, &picture, missing).await?;
        self.add_person(app, &library, NewUser { profile, ..NewUser::default() }, picture).await
    }

    /// Adds a picture to the person with the caller's own id `user_id`; creates the person if there is none.
    /// Idempotent, so an import can be repeated until it completes. Concurrent calls are allowed.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Error::PersonExists`] if another call created the person meanwhile.
    pub async fn import(
        &self,
        app: &App,
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
                        self.add_person(app, library, new, picture).await?;
                        return Ok(Imported::NewPerson);
                    }
                }
            }
        };
        if self.inner.store.has_picture(known.id, &key).await? {
            return Ok(Imported::Known);
        }
        self.add_face(app, library, known, picture).await?;
        Ok(Imported::NewFace)
    }

    /// Returns the person with this id of the caller's own. Ignores a person whose public id happens to be this text.
    async fn find_by_external_id(&self, library: &Library, user_id: &str) -> Result<Option<Person>> {
        let found = self.inner.store.find_person(library.id, user_id).await?;
        Ok(found.filter(|person| person.external_id.as_deref() == Some(user_id)))
    }

    /// Removes a person with all faces and pictures. On return searches no longer find the person.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] or [`Error::NoPerson`].
    pub async fn remove_person(&self, app: &App, library: &str, user_id: &str) -> Result<()> {
        let library = self.library(app, library).await?;
        let person = self.inner.store.find_person(library.id, user_id).await?.ok_or(Error::NoPerson)?;
        self.drop_person(app, &library, &person).await
    }

    /// Returns a person, with the newest face, by any of three ids: public id, person number, the caller's own id.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] or [`Error::NoPerson`].
    pub async fn find_person(&self, app: &App, library: &str, user_id: &str) -> Result<EnrolledPerson> {
        let library = self.library(app, library).await?;
        self.engine_of(app, &library)?;
        let person = self.inner.store.find_person(library.id, user_id).await?.ok_or(Error::NoPerson)?;
        let newest = self.inner.store.faces_of(person.id).await?.into_iter().next();
        let face = newest.ok_or(Error::NoPerson)?;
        Ok(EnrolledPerson { person, face, rotation: 0.0 })
    }

    /// Returns the library of an enrolment. If the library does not exist, the picture is checked first: a bad picture
    /// is reported in preference to an unknown library and leaves no empty library behind.
    pub(crate) async fn library_to_enrol_into(
        &self,
        app: &App,
        library: &str,
        picture: &Bytes,
        missing: MissingLibrary,
    ) -> Result<Library> {
        match self.library_for(app, library, picture).await {
            Err(Error::NoLibrary) if missing == MissingLibrary::Create => self.open_library(app, library).await,
            found => found,
        }
    }

    /// Adds a person with the largest face of a picture.
    pub(crate) async fn add_person(
        &self,
        app: &App,
        library: &Library,
        user: NewUser,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let engine = self.engine_of(app, library)?;
        let person = self.new_person(user)?;
        match engine.face_storage() {
            FaceStorage::Templates => {
                let added =
                    engine.add_face(&library_ref(library), &person.number, self.photo(app, picture.clone())).await?;
                self.store_person(library, person, added, picture).await
            }
            FaceStorage::Faces => {
                let face = self.new_face(EnrolledFace::default());
                let (person, face) = self.enrol_remotely(engine.clone(), library, person, face, picture).await?;
                Ok(EnrolledPerson { person, face, rotation: 0.0 })
            }
        }
    }

    /// Stores a person with a face whose template is computed.
    pub(crate) async fn store_person(
        &self,
        library: &Library,
        person: NewPerson,
        added: EnrolledFace,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let rotation = added.face.map_or(0.0, |seen| seen.rotation);
        let enrolled = self.inner.store.enrol(library.id, person, self.new_face(added), picture).await;
        let (person, face) = enrolled.map_err(Error::of_enrolment)?;
        Ok(EnrolledPerson { person, face, rotation })
    }

    /// Adds the largest face of a picture to a person.
    pub(crate) async fn add_face(
        &self,
        app: &App,
        library: &Library,
        person: Person,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let engine = self.engine_of(app, library)?;
        let (face, rotation) = match engine.face_storage() {
            FaceStorage::Templates => {
                let added =
                    engine.add_face(&library_ref(library), &person.number, self.photo(app, picture.clone())).await?;
                let rotation = added.face.map_or(0.0, |seen| seen.rotation);
                let face = self.inner.store.add_face(person.id, self.new_face(added), picture).await;
                (face.map_err(Error::or_no_person)?, rotation)
            }
            FaceStorage::Faces => {
                let face = self.new_face(EnrolledFace::default());
                (self.add_face_remotely(engine.clone(), &person, face, picture).await?, 0.0)
            }
        };
        Ok(EnrolledPerson { person, face, rotation })
    }

    /// Removes a person of a library.
    pub(crate) async fn drop_person(&self, app: &App, library: &Library, person: &Person) -> Result<()> {
        let engine = self.engine_of(app, library)?;
        match engine.face_storage() {
            FaceStorage::Templates => self.inner.store.remove_person(person.id).await.map_err(Error::or_no_person),
            FaceStorage::Faces => self.remove_remotely(engine.clone(), person).await,
        }
    }

    /// Removes a face of a person of a library.
    pub(crate) async fn drop_face(&self, app: &App, library: &Library, face: &Face) -> Result<()> {
        let engine = self.engine_of(app, library)?;
        match engine.face_storage() {
            FaceStorage::Templates => self.inner.store.remove_face(face.id).await.map_err(Error::or_no_face),
            FaceStorage::Faces => self.remove_face_remotely(engine.clone(), library.id, face.id).await,
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
            at_most: user.at_most,
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
            engine_ref: added.engine_ref,
        }
    }
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
