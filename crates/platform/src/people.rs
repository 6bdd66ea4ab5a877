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
    /// Make it.
    Create,
}

/// A person with one of their faces.
#[derive(Debug, Clone)]
pub struct EnrolledPerson {
    /// The person.
    pub person: Person,
    /// The face.
    pub face: Face,
    /// How far the face is turned in its picture, in degrees clockwise; 0 where that is not known.
    pub rotation: f32,
}

/// What became of a picture that was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Imported {
    /// The person is new.
    NewPerson,
    /// The person was there and has one more face.
    NewFace,
    /// The person had this very picture before; nothing was changed.
    Known,
}

impl Platform {
    /// Enrols the largest face of a picture as a new person. On return the person is durable and can be found; if the
    /// library's engine can't be reached, as soon as that is back.
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`], and what an engine says that
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

    /// Adds a picture to the person with this id of the caller's, who is made if there is none. Asked again for the
    /// same picture it changes nothing, so an import can be repeated until it is through. Several may be asked for at a time.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Error::PersonExists`] if the person was made by somebody else meanwhile.
    pub async fn import(
        &self,
        app: &App,
        library: &Library,
        user_id: &str,
        profile: Profile,
        picture: Bytes,
    ) -> Result<Imported> {
        // Who asks for one picture twice at a time has it once, as who asks for it again has.
        let key = picture_key(&picture);
        let _same_picture = self.inner.identity_locks.lock(Digest::of(&(library.id, user_id, &key))).await;
        let known = match self.own_person(library, user_id).await? {
            Some(known) => known,
            None => {
                // Of pictures of somebody new, one makes the person.
                let _same_user = self.lock_user_name(library.id, user_id).await;
                match self.own_person(library, user_id).await? {
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

    /// The person with this id of the caller's. Somebody whose platform id happens to be this text is another one.
    async fn own_person(&self, library: &Library, user_id: &str) -> Result<Option<Person>> {
        let found = self.inner.store.find_person(library.id, user_id).await?;
        Ok(found.filter(|person| person.external_id.as_deref() == Some(user_id)))
    }

    /// Removes a person with their faces and pictures. On return they can't be found.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] or [`Error::NoPerson`].
    pub async fn remove_person(&self, app: &App, library: &str, user_id: &str) -> Result<()> {
        let library = self.library(app, library).await?;
        let person = self.inner.store.find_person(library.id, user_id).await?.ok_or(Error::NoPerson)?;
        self.drop_person(app, &library, &person).await
    }

    /// A person by any of their ids (platform id, person number, the caller's own), with their newest face.
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

    /// The library of an enrolment. Where there is none the picture is looked at first: of a bad picture and an unknown
    /// library the picture is the one to name, and a bad picture leaves no empty library behind.
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

    /// Stores a person with a face that was made a template of.
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
            box_: [area.x, area.y, area.width, area.height],
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

/// What a caller says about a person to be.
#[derive(Debug, Clone, Default)]
pub(crate) struct NewUser {
    /// The caller's own id.
    pub user_id: Option<String>,
    /// Free text.
    pub info: Option<String>,
    /// What else is known.
    pub profile: Profile,
    /// How many people the library may have with this one; none: any number.
    pub at_most: Option<u64>,
}
