//! People of a library: enrol, remove, find, import.

use bytes::Bytes;

use aicp_engines::Enrolled;
use aicp_store::{NewFace, NewPerson, NewTemplate, picture_key};

use crate::apps::App;
use crate::ids::{now_ms, random_hex32};
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
    /// Enrols the largest face of a picture as a new person. On return the person is durable and can be found.
    ///
    /// # Errors
    /// [`Error::NoLibrary`], [`Error::BadPicture`], [`Error::NoFace`], [`Error::Busy`].
    pub async fn enrol(
        &self,
        app: &App,
        group_id: &str,
        profile: Profile,
        picture: Bytes,
        missing: MissingLibrary,
    ) -> Result<EnrolledPerson> {
        let enrolled = self.inner.engine.enrol(picture.clone()).await?;
        // Looked up only now: of a bad picture and an unknown library the picture is the one to name, and a bad picture
        // leaves no empty library behind.
        let library = match missing {
            MissingLibrary::Refuse => self.library(app, group_id).await?,
            MissingLibrary::Create => self.open_library(app, group_id).await?,
        };
        self.keep(&library, None, profile, enrolled, picture).await
    }

    /// Adds a picture to the person with this id of the caller's, who is made if there is none. Asked again for the
    /// same picture it changes nothing, so an import can be repeated until it is through.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Error::PersonExists`] if the person was made by somebody else meanwhile.
    pub async fn import(&self, library: &Library, user_id: &str, profile: Profile, picture: Bytes) -> Result<Imported> {
        let store = &self.inner.store;
        // Somebody whose platform id happens to be this text is another person.
        let is_own = |person: &Person| person.ext_user_id.as_deref() == Some(user_id);
        let known = store.find_person(library.id, user_id).await?.filter(is_own);
        if let Some(person) = &known
            && store.has_picture(person.id, &picture_key(&picture)).await?
        {
            return Ok(Imported::Known);
        }
        let enrolled = self.inner.engine.enrol(picture.clone()).await?;
        let known = match known {
            Some(person) => person,
            None => {
                self.keep(library, Some(user_id), profile, enrolled, picture).await?;
                return Ok(Imported::NewPerson);
            }
        };
        store.add_face(known.id, self.new_face(enrolled), picture).await.map_err(|e| match e {
            aicp_store::Error::NotFound => Error::NoPerson,
            other => other.into(),
        })?;
        Ok(Imported::NewFace)
    }

    /// Removes a person with their faces and pictures. On return they can't be found.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] or [`Error::NoPerson`].
    pub async fn remove_person(&self, app: &App, group_id: &str, user_id: &str) -> Result<()> {
        let person = self.person(app, group_id, user_id).await?;
        self.inner.store.remove_person(person.id).await.map_err(|e| match e {
            aicp_store::Error::NotFound => Error::NoPerson,
            other => other.into(),
        })
    }

    /// A person by any of their ids (platform id, person number, the caller's own), with their newest face.
    ///
    /// # Errors
    /// [`Error::NoLibrary`] or [`Error::NoPerson`].
    pub async fn find_person(&self, app: &App, group_id: &str, user_id: &str) -> Result<EnrolledPerson> {
        let person = self.person(app, group_id, user_id).await?;
        let newest = self.inner.store.faces_of(person.id).await?.into_iter().next();
        let face = newest.ok_or(Error::NoPerson)?;
        Ok(EnrolledPerson { person, face })
    }

    async fn person(&self, app: &App, group_id: &str, user_id: &str) -> Result<Person> {
        let library = self.library(app, group_id).await?;
        self.inner.store.find_person(library.id, user_id).await?.ok_or(Error::NoPerson)
    }

    async fn keep(
        &self,
        library: &Library,
        user_id: Option<&str>,
        profile: Profile,
        enrolled: Enrolled,
        picture: Bytes,
    ) -> Result<EnrolledPerson> {
        let person = NewPerson {
            person_id: self.inner.ids.snowflake(),
            person_no: random_hex32()?,
            ext_user_id: user_id.map(str::to_owned),
            user_info: None,
            profile,
            created_ms: now_ms(),
        };
        let face = self.new_face(enrolled);
        let (person, face) = self.inner.store.enrol(library.id, person, face, picture).await.map_err(|e| match e {
            aicp_store::Error::NotFound => Error::NoLibrary,
            aicp_store::Error::Exists => Error::PersonExists,
            other => other.into(),
        })?;
        Ok(EnrolledPerson { person, face })
    }

    fn new_face(&self, enrolled: Enrolled) -> NewFace {
        let area = enrolled.face.area;
        NewFace {
            created_ns: self.inner.ids.created_ns(),
            file_id: self.inner.ids.snowflake(),
            box_: [area.x, area.y, area.width, area.height],
            confidence: enrolled.face.confidence,
            quality: Some(enrolled.quality.score),
            template: Some(NewTemplate { algorithm: self.inner.algorithm(), vector: enrolled.template }),
        }
    }
}
