//! Notifications of committed changes.

use std::sync::Arc;

use aicp_types::{FaceId, KeyId, LibraryId, PersonId};

use crate::NewTemplate;

/// Observer of all committed changes.
///
/// Calls arrive one at a time, in commit order, after the commit is durable and before the write returns. They block
/// the writer: an observer must be quick, must not panic, and must not wait for the store.
pub trait Observer: Send + Sync {
    /// Receives a change.
    fn committed(&self, change: &Change);
}

/// A committed change.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A face was stored.
    FaceAdded {
        /// The library.
        library_id: LibraryId,
        /// The person.
        person_id: PersonId,
        /// The face.
        face_id: FaceId,
        /// The template, if the face has one.
        template: Option<Arc<NewTemplate>>,
    },
    /// Several faces were stored by one write.
    FacesAdded {
        /// The library.
        library_id: LibraryId,
        /// The faces; at least one.
        faces: Vec<AddedFace>,
    },
    /// Faces of one person were removed, with or without the person.
    FacesRemoved {
        /// The library.
        library_id: LibraryId,
        /// The faces; at least one.
        face_ids: Vec<FaceId>,
    },
    /// A library was created or renamed.
    LibraryChanged {
        /// The library.
        library_id: LibraryId,
    },
    /// A library was removed with all its people and faces.
    LibraryRemoved {
        /// The library.
        library_id: LibraryId,
    },
    /// A person was changed or removed, or a face of theirs.
    PersonChanged {
        /// The library.
        library_id: LibraryId,
        /// The person.
        person_id: PersonId,
    },
    /// The grant of an app was made, changed or revoked.
    GrantChanged {
        /// The app.
        app_id: String,
    },
    /// An access key was made or revoked.
    KeyChanged {
        /// The key.
        key_id: KeyId,
    },
    /// An account's friend groups changed, or the account was deleted.
    FriendGroupsChanged {
        /// The app.
        app_id: String,
        /// Name of the account.
        user_id: String,
    },
}

/// A face of [`Change::FacesAdded`].
#[derive(Clone, Debug, PartialEq)]
pub struct AddedFace {
    /// The person.
    pub person_id: PersonId,
    /// The face.
    pub face_id: FaceId,
    /// The template, if the face has one.
    pub template: Option<Arc<NewTemplate>>,
}
