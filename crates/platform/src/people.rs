//! People of a library: enrol, find, change, copy, remove.

mod copy;
mod directory;
mod enrol;
mod find;
mod remove;
pub(crate) mod transactions;

use aicp_store::picture_key;
use aicp_types::{LibraryId, PublicId};
use bytes::Bytes;
use tokio::sync::OwnedMutexGuard;

use crate::background::run_detached;
use crate::locks::Digest;
use crate::{Caller, Face, Library, Person, PersonChanges, Platform, Profile, Result};

pub(crate) use directory::DirectoryCache;
pub use enrol::{EnrolOptions, Enrolled, Enrolment, KnownPerson, MissingLibrary, MissingPerson, SamePicture};
pub use find::{LibraryKey, PersonKey};
pub use remove::{FaceKey, LastFace};

/// Length of a face token in hex digits.
const TOKEN_DIGITS: usize = 32;

/// The caller's data of a new person.
#[derive(Debug, Clone, Default)]
pub struct PersonData {
    /// The caller's own id, unique in the library.
    pub user_id: Option<String>,
    /// Free text.
    pub info: Option<String>,
    /// Further data.
    pub profile: Profile,
}

/// Returns the user id that callers see: the caller's own id or, without one, the public id in decimal.
pub fn user_id_of(external_id: Option<&str>, public_id: PublicId) -> String {
    external_id.map_or_else(|| public_id.to_string(), str::to_owned)
}

/// Returns the token of an enrolled face; it depends on the picture alone.
pub fn face_token(face: &Face) -> String {
    face.picture_key.chars().take(TOKEN_DIGITS).collect()
}

/// Returns the token of a face of a picture, enrolled or not. Index 0 is the largest face, which an enrolment takes.
pub fn token_of_face(picture: &[u8], index: usize) -> String {
    let mut key = picture_key(picture);
    if index > 0 {
        key = picture_key(format!("{key}:{index}").as_bytes());
    }
    key.truncate(TOKEN_DIGITS);
    key
}

impl Platform {
    /// Changes a person. A given picture replaces all pictures by its largest face, which is returned. All or nothing.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Existing::Person`](crate::Existing::Person) if another person of the
    /// library has the new user id; as [`Platform::enrol`] about the picture.
    pub async fn change(
        &self,
        caller: &Caller,
        library: &Library,
        person: &Person,
        changes: PersonChanges,
        picture: Option<Bytes>,
    ) -> Result<Option<Face>> {
        let (platform, caller, library, person) = (self.clone(), caller.clone(), library.clone(), person.clone());
        run_detached(async move {
            let backend = platform.backend_of(&caller, &library)?;
            let _same_person = platform.lock_person(&person).await;
            let Some(picture) = picture else {
                let (id, now) = (person.id, platform.now());
                platform.inner.store.write(move |tx| Box::pin(transactions::change(tx, id, changes, now))).await?;
                return Ok(None);
            };
            let added = backend.replace(&person, changes, platform.photo(&caller, picture)).await?;
            Ok(Some(added.face))
        })
        .await
    }

    /// Locks a user name of a library, for the creation of the user. If the [lock of the person](Self::lock_person) is
    /// needed too, take it second.
    async fn lock_user_name(&self, library_id: LibraryId, user_id: &str) -> OwnedMutexGuard<()> {
        self.inner.identity_locks.lock(Digest::of(&(library_id, user_id, "user"))).await
    }

    /// Locks a person for changes; does not depend on the user name, which may change.
    async fn lock_person(&self, person: &Person) -> OwnedMutexGuard<()> {
        self.inner.person_locks.lock(person.id).await
    }
}

#[cfg(test)]
mod tests;
