//! People of a library: enrol, find, change, copy, remove.

mod change;
mod copy;
mod directory;
mod enrol;
mod face_token;
mod find;
mod moves;
mod remove;
pub(crate) mod transactions;

use aicp_types::LibraryId;

use crate::locks::Held;
use crate::{Person, Platform, Profile, Result, Tags};

pub(crate) use directory::DirectoryCache;
pub use enrol::{EnrolOptions, Enrolled, Enrolment, KnownPerson, MissingLibrary, MissingPerson, SamePicture};
pub use face_token::{face_token, token_of_face};
pub use find::{LibraryKey, PersonKey};
pub use remove::{FaceKey, LastFace};

/// The caller's data of a new person.
#[derive(Debug, Clone, Default)]
pub struct PersonData {
    /// The caller's own id, unique in the library.
    pub user_id: Option<String>,
    /// Free text.
    pub info: Option<String>,
    /// Further data.
    pub profile: Profile,
    /// Tags.
    pub tags: Tags,
}

impl Platform {
    /// Locks a user id of a library, for the creation of the user. If the [lock of the person](Self::lock_person) is
    /// needed too, take it second.
    ///
    /// # Errors
    /// [`crate::Error::Busy`].
    pub(crate) async fn lock_user_id(&self, library_id: LibraryId, user_id: &str) -> Result<Held> {
        self.inner.locks.lock(&(library_id, user_id, "user")).await
    }

    /// Locks a person for changes; does not depend on the user id, which may change.
    ///
    /// # Errors
    /// [`crate::Error::Busy`].
    async fn lock_person(&self, person: &Person) -> Result<Held> {
        self.inner.locks.lock(&(person.id, "person")).await
    }
}

#[cfg(test)]
mod tests;
