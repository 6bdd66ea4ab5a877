//! Removal of people and faces.

use aicp_types::FaceId;

use crate::background::run_detached;
use crate::{Caller, Error, Library, Missing, Person, Platform, Result};

/// By what the faces of a person are named for removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaceKey {
    /// The row id of the face.
    Id(FaceId),
    /// The token of the face.
    Token(String),
    /// The MD5 of the picture in lower-case hex; names all faces with this picture.
    Md5(String),
}

/// What happens to a person whose last face is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastFace {
    /// The person is removed.
    RemovesPerson,
    /// The person remains, without faces.
    KeepsPerson,
}

impl Platform {
    /// Removes a person with all faces and pictures. On return searches no longer find the person.
    ///
    /// # Errors
    /// [`Missing::Person`].
    pub async fn remove_person(&self, caller: &Caller, library: &Library, person: &Person) -> Result<()> {
        self.backend_of(caller, library)?.remove_person(person).await
    }

    /// Removes people; those who are gone by now don't matter, unless all are.
    ///
    /// # Errors
    /// [`Missing::Person`] if none of them exists.
    pub async fn remove_people(&self, caller: &Caller, people: &[(Library, Person)]) -> Result<()> {
        let mut removed = false;
        for (library, person) in people {
            match self.remove_person(caller, library, person).await {
                Ok(()) => removed = true,
                Err(Error::Missing(Missing::Person)) => {}
                Err(e) => return Err(e),
            }
        }
        if removed { Ok(()) } else { Err(Missing::Person.into()) }
    }

    /// Removes a face of a person.
    ///
    /// # Errors
    /// [`Missing::Face`], [`Missing::Person`].
    pub async fn remove_face(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        face: FaceKey,
        last: LastFace,
    ) -> Result<()> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        // Several faces may have the picture: all are removed, even if the caller is gone.
        run_detached(async move { platform.remove_faces(&caller, &library, &person, face, last).await }).await
    }

    async fn remove_faces(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        face: FaceKey,
        last: LastFace,
    ) -> Result<()> {
        let backend = self.backend_of(caller, library)?;
        // Concurrent removals of the last two faces must not leave a person without faces.
        let _same_person = self.lock_person(person).await?;
        let mut rows = self.inner.store.rows().await?;
        let mut removed = Vec::new();
        match &face {
            FaceKey::Id(id) => removed.extend(rows.face(*id).await?.filter(|face| face.person_id == person.id)),
            FaceKey::Token(token) => removed.extend(rows.face_of_person_by_token(person.id, token).await?),
            FaceKey::Md5(md5) => {
                for id in rows.faces_with_md5(person.id, md5).await? {
                    removed.extend(rows.face(id).await?);
                }
            }
        }
        if removed.is_empty() {
            return Err(Missing::Face.into());
        }
        let faces = rows.faces_of(person.id).await?.len();
        // A write must not wait for connections that wait for it.
        drop(rows);
        if last == LastFace::RemovesPerson && faces <= removed.len() {
            return backend.remove_person(person).await;
        }
        for face in &removed {
            backend.remove_face(library.id, face).await?;
        }
        Ok(())
    }
}
