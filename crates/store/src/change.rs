//! News of what was committed.

use std::sync::Arc;

use aicp_types::{FaceId, LibraryId, PersonId};

use crate::NewTemplate;

/// Is told of every committed change of libraries, faces and friend groups.
///
/// Calls come one at a time, in commit order, after the commit is durable and before the write that made the change
/// returns. They hold up the one writer: an observer must be quick, must not panic, and must not wait for the store.
pub trait Observer: Send + Sync {
    /// Takes note of `change`.
    fn committed(&self, change: &Change);
}

/// A committed change of libraries, faces or friend groups.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A face was stored.
    FaceAdded {
        /// Row id of the library.
        library_id: LibraryId,
        /// Row id of the person.
        person_id: PersonId,
        /// Row id of the face.
        face_id: FaceId,
        /// The template, if the face has one.
        template: Option<Arc<NewTemplate>>,
    },
    /// Many faces were stored at once.
    FacesAdded {
        /// Row id of the library.
        library_id: LibraryId,
        /// The faces; at least one.
        faces: Vec<AddedFace>,
    },
    /// Faces of one person were removed, with or without the person.
    FacesRemoved {
        /// Row id of the library.
        library_id: LibraryId,
        /// Row ids of the faces; at least one.
        face_ids: Vec<FaceId>,
    },
    /// A library was made, or has another name.
    LibraryChanged {
        /// Row id of the library.
        library_id: LibraryId,
    },
    /// A library was removed with all people and faces in it.
    LibraryRemoved {
        /// Row id of the library.
        library_id: LibraryId,
    },
    /// An account's friend groups are not as before, or it was deleted.
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
    /// Row id of the person.
    pub person_id: PersonId,
    /// Row id of the face.
    pub face_id: FaceId,
    /// The template, if the face has one.
    pub template: Option<Arc<NewTemplate>>,
}
