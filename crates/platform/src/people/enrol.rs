//! Enrolment.

use aicp_store::picture_key;
use bytes::Bytes;

use super::face_token::TOKEN_DIGITS;
use super::{LibraryKey, PersonData, token_of_face};
use crate::backend::{AddedFace, FaceCheck};
use crate::background::run_detached;
use crate::locks::Held;
use crate::user_ids::people_known_as;
use crate::{
    Caller, Error, ExaminedFace, Existing, Face, Gates, Library, Limit, Missing, Person, PersonChanges, Platform,
    Result,
};

/// A picture to enrol: its largest face becomes a face of a person.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The library.
    pub library: LibraryKey,
    /// Whom the picture shows. A person with a user id is looked up first.
    pub person: PersonData,
    /// The picture.
    pub picture: Bytes,
    /// The rules of the interface.
    pub options: EnrolOptions,
}

/// The rules of an enrolment. The default creates a person in a library that exists.
#[derive(Debug, Clone, Default)]
pub struct EnrolOptions {
    /// If the library does not exist.
    pub missing_library: MissingLibrary,
    /// If the library has no person with the user id.
    pub missing_person: MissingPerson,
    /// If the library has a person with the user id.
    pub known_person: KnownPerson,
    /// If the picture is enrolled already.
    pub same_picture: SamePicture,
    /// Controls that the picture must pass.
    pub gates: Gates,
    /// Limit of people in the library, including this one; `None`: unlimited.
    pub max_people: Option<u64>,
    /// Limit of faces of a known person, if the settings have none.
    pub max_faces: Option<usize>,
}

/// What to do if the library of an enrolment does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingLibrary {
    /// Refuse with [`Missing::Library`].
    #[default]
    Refuse,
    /// Create it.
    Create,
}

/// What to do if the library has no person with the user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissingPerson {
    /// Create the person.
    #[default]
    Create,
    /// Refuse with [`Missing::Person`].
    Refuse,
}

/// What to do if the library has a person with the user id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KnownPerson {
    /// Refuse with [`Existing::Person`].
    #[default]
    Refuse,
    /// Add the face to theirs.
    AddFace,
    /// Replace their faces.
    ReplaceFaces,
}

/// What to do if the picture is enrolled already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SamePicture {
    /// Enrol it once more.
    #[default]
    Allow,
    /// Do nothing if it is a picture of this person.
    KeepOfPerson,
    /// Refuse with [`Existing::Face`] if it is a picture of anybody in the library, unless it replaces itself.
    RefuseInLibrary,
}

/// An enrolled person with a face.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The person.
    pub person: Person,
    /// The face that shows the picture.
    pub face: Face,
    /// Rotation of the face in its picture, in degrees clockwise; 0 if unknown.
    pub rotation: f32,
    /// Whether the person is new.
    pub is_new_person: bool,
    /// Whether the face is new; otherwise nothing was changed.
    pub is_new_face: bool,
}

impl Enrolled {
    pub(crate) fn of_new(person: Person, AddedFace { face, rotation }: AddedFace) -> Self {
        Self { person, face, rotation, is_new_person: true, is_new_face: true }
    }

    fn of_known(person: Person, AddedFace { face, rotation }: AddedFace) -> Self {
        Self { person, face, rotation, is_new_person: false, is_new_face: true }
    }
}

/// The library of an enrolment.
enum EnrolInto {
    Known(Library),
    /// One that the enrolment creates, by its external id.
    New(String),
}

impl Platform {
    /// Enrols the largest face of a picture. On return the face is durable and can be found; if the library's engine is
    /// unreachable, once it is back.
    ///
    /// # Errors
    /// Those that the options name; [`Limit::People`]; [`Limit::Faces`] at the limit of faces of a person; as
    /// [`Platform::pass_gates`] for the gates; [`crate::BadInput::Picture`], [`crate::Refusal::NoFace`],
    /// [`crate::Refusal::NotRecognisable`], [`Error::Busy`], and the engine's error if it refuses.
    pub async fn enrol(&self, caller: &Caller, enrolment: Enrolment) -> Result<Enrolled> {
        let (platform, caller) = (self.clone(), caller.clone());
        if enrolment.person.user_id.is_none() {
            // If the caller hangs up, the picture need not be looked at any more.
            return platform.enrol_attached(&caller, enrolment).await;
        }
        run_detached(async move { platform.enrol_attached(&caller, enrolment).await }).await
    }

    async fn enrol_attached(&self, caller: &Caller, enrolment: Enrolment) -> Result<Enrolled> {
        let Enrolment { library, person, picture, options } = enrolment;
        self.pass_gates(caller, options.gates, &picture).await?;
        let library = match self.library_to_enrol_into(caller, library, &picture, &options).await? {
            EnrolInto::Known(library) => library,
            EnrolInto::New(id) => {
                match self.enrol_into_new(caller, &id, person.clone(), &options, picture.clone()).await {
                    Ok(Some(enrolled)) => return Ok(enrolled),
                    // This call created it, or another one meanwhile.
                    Ok(None) | Err(Error::Exists(Existing::Library)) => self.library(caller, &id).await?,
                    Err(e) => return Err(e),
                }
            }
        };
        let Some(user_id) = person.user_id.clone() else {
            return self.enrol_new(caller, &library, person, &options, picture).await;
        };
        // Concurrent enrolments of one picture see each other's faces.
        let _same_picture = self.lock_picture(&library, &user_id, &picture, options.same_picture).await?;
        let same_user = self.lock_user_id(library.id, &user_id).await?;
        let known = people_known_as(&mut self.inner.store.rows().await?, library.id, &user_id).await?;
        let Some(known) = known.into_iter().next() else {
            if options.missing_person == MissingPerson::Refuse {
                return Err(Missing::Person.into());
            }
            self.require_new_picture(&library, &picture, &options).await?;
            return self.enrol_new(caller, &library, person, &options, picture).await;
        };
        // The person exists, so nobody else creates them.
        drop(same_user);
        if options.known_person == KnownPerson::Refuse {
            return Err(Existing::Person.into());
        }
        let changes = PersonChanges { info: person.info, ..PersonChanges::default() };
        self.enrol_known(caller, &library, known, changes, &options, picture).await
    }

    /// As [`Platform::enrol`] of a new person, and returns the examination of the face. Enrols nobody if `check` rejects
    /// the face.
    ///
    /// # Errors
    /// As [`Platform::enrol`]; [`Existing::Person`] if a person of the library has the user id.
    pub async fn enrol_checked(
        &self,
        caller: &Caller,
        library: &Library,
        person: PersonData,
        picture: Bytes,
        max_people: Option<u64>,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Option<Enrolled>)> {
        let (platform, caller, library) = (self.clone(), caller.clone(), library.clone());
        let enrol =
            async move { platform.enrol_checked_attached(&caller, &library, person, picture, max_people, check).await };
        run_detached(enrol).await
    }

    async fn enrol_checked_attached(
        &self,
        caller: &Caller,
        library: &Library,
        person: PersonData,
        picture: Bytes,
        max_people: Option<u64>,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Option<Enrolled>)> {
        let backend = self.backend_of(caller, library)?;
        let _same_user = match &person.user_id {
            Some(user_id) => {
                let turn = self.lock_user_id(library.id, user_id).await?;
                let known = people_known_as(&mut self.inner.store.rows().await?, library.id, user_id).await?;
                if !known.is_empty() {
                    return Err(Existing::Person.into());
                }
                Some(turn)
            }
            None => None,
        };
        let new = self.inner.shared.new_person(person)?;
        let photo = self.photo(caller, picture);
        let (examined, added) = backend.enrol_checked(library.id, new, max_people, photo, check).await?;
        Ok((examined, added.map(|(person, added)| Enrolled::of_new(person, added))))
    }

    /// Adds the largest face of a picture to a person, under the rules of `options` for a known person.
    ///
    /// # Errors
    /// As [`Platform::enrol`].
    pub async fn add_face(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        picture: Bytes,
        options: EnrolOptions,
    ) -> Result<Enrolled> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        let add = async move {
            platform.enrol_known(&caller, &library, person, PersonChanges::default(), &options, picture).await
        };
        run_detached(add).await
    }

    async fn enrol_new(
        &self,
        caller: &Caller,
        library: &Library,
        person: PersonData,
        options: &EnrolOptions,
        picture: Bytes,
    ) -> Result<Enrolled> {
        let backend = self.backend_of(caller, library)?;
        let new = self.inner.shared.new_person(person)?;
        let (person, added) = backend.enrol(library.id, new, options.max_people, self.photo(caller, picture)).await?;
        Ok(Enrolled::of_new(person, added))
    }

    async fn enrol_into_new(
        &self,
        caller: &Caller,
        library: &str,
        person: PersonData,
        options: &EnrolOptions,
        picture: Bytes,
    ) -> Result<Option<Enrolled>> {
        let (backend, library) = self.library_to_create(caller, library, library, None, None, None)?;
        let new = self.inner.shared.new_person(person)?;
        let photo = self.photo(caller, picture);
        let enrolled = backend.enrol_into_new(library, new, options.max_people, photo).await?;
        Ok(enrolled.map(|(person, added)| Enrolled::of_new(person, added)))
    }

    async fn enrol_known(
        &self,
        caller: &Caller,
        library: &Library,
        person: Person,
        changes: PersonChanges,
        options: &EnrolOptions,
        picture: Bytes,
    ) -> Result<Enrolled> {
        let backend = self.backend_of(caller, library)?;
        let replaces = options.known_person == KnownPerson::ReplaceFaces;
        let max_faces =
            Some(self.inner.settings.load().max_faces_a_user).filter(|limit| *limit > 0).or(options.max_faces);
        // Different pictures of a person can be added at a time, unless a rule looks at the other faces.
        let is_free = !replaces && max_faces.is_none() && options.same_picture != SamePicture::RefuseInLibrary;
        let _same_person = if is_free { None } else { Some(self.lock_person(&person).await?) };
        let mut rows = self.inner.store.rows().await?;
        let own = rows.face_of_person_by_token(person.id, &token_of_face(&picture, 0)).await?;
        let faces = if max_faces.is_some() { rows.faces_of(person.id).await?.len() } else { 0 };
        drop(rows);
        match own {
            Some(face) if options.same_picture == SamePicture::KeepOfPerson => {
                return Ok(Enrolled { person, face, rotation: 0.0, is_new_person: false, is_new_face: false });
            }
            Some(_) if replaces => {}
            _ => self.require_new_picture(library, &picture, options).await?,
        }
        if let Some(max_faces) = max_faces
            && !replaces
            && faces >= max_faces
        {
            return Err(Limit::Faces.into());
        }
        let photo = self.photo(caller, picture);
        let added = match replaces {
            true => backend.replace(&person, changes, photo).await?,
            false => backend.add_face(&person, changes, photo).await?,
        };
        Ok(Enrolled::of_known(person, added))
    }

    /// Refuses a picture that the library has, if the options say so.
    async fn require_new_picture(&self, library: &Library, picture: &Bytes, options: &EnrolOptions) -> Result<()> {
        if options.same_picture == SamePicture::RefuseInLibrary {
            let token = token_of_face(picture, 0);
            if self.inner.store.rows().await?.has_picture_in_library(library.id, &token).await? {
                return Err(Existing::Face.into());
            }
        }
        Ok(())
    }

    async fn lock_picture(
        &self,
        library: &Library,
        user_id: &str,
        picture: &Bytes,
        same: SamePicture,
    ) -> Result<Option<Held>> {
        let key = picture_key(picture);
        let held = match same {
            SamePicture::Allow => return Ok(None),
            SamePicture::KeepOfPerson => self.inner.locks.lock(&(library.id, user_id, &key)).await?,
            SamePicture::RefuseInLibrary => self.inner.locks.lock(&(library.id, &key[..TOKEN_DIGITS])).await?,
        };
        Ok(Some(held))
    }

    /// Returns the library of an enrolment. If the library does not exist, the picture is checked first: a bad picture
    /// is reported in preference to an unknown library.
    async fn library_to_enrol_into(
        &self,
        caller: &Caller,
        library: LibraryKey,
        picture: &Bytes,
        options: &EnrolOptions,
    ) -> Result<EnrolInto> {
        let id = match library {
            LibraryKey::Row(library) => return Ok(EnrolInto::Known(library)),
            LibraryKey::Id(id) => id,
        };
        if options.missing_person == MissingPerson::Refuse {
            // The person can't be in a library that does not exist, whatever the picture shows.
            return self.library(caller, &id).await.map(EnrolInto::Known);
        }
        match self.library_for(caller, &id, picture).await {
            Err(Error::Missing(Missing::Library)) if options.missing_library == MissingLibrary::Create => {
                Ok(EnrolInto::New(id))
            }
            found => found.map(EnrolInto::Known),
        }
    }
}
