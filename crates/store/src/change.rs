//! Committed changes, which caches, keys, grants and indexes follow.

use std::sync::Arc;

use aicp_types::{
    AccountId, FaceId, LibraryId, OperatorId, OperatorTokenId, PersonId, PublicId, Sequence, SettingChangeId,
};

use crate::{AppQuota, Grant, Key, NewTemplate, Operator, OperatorToken, StoredSetting};

/// Observer of all committed changes.
///
/// Calls arrive one at a time, in commit order, after the commit is durable and before the write returns: what follows
/// the changes has applied a write when its caller is told. They block the writer: an observer must be quick, must not
/// panic, and must not wait for the store. The changes of other nodes arrive in the same order, some of them twice.
pub trait Observer: Send + Sync {
    /// Receives the changes of one write, at least one, with the sequence of the last of them.
    fn committed(&self, sequence: Sequence, changes: &[Change]);

    /// Hears that events were recorded. Called after the changes of the same writes were announced; a second time, if a heartbeat sees the
    /// events of this node, too.
    fn recorded_events(&self) {}
}

/// A committed change. It carries what a follower in this process needs, so that it has to read nothing; what is
/// recorded of it in the database is its kind and its ids.
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
    /// The recognisability of a face's template was judged.
    FaceJudged {
        /// The library.
        library_id: LibraryId,
        /// The face.
        face_id: FaceId,
        /// Recognisability, 0..1.
        recognisability: f32,
    },
    /// A person was changed or removed, or a face of theirs was added or removed. Not told of a new person.
    PersonChanged {
        /// The library.
        library_id: LibraryId,
        /// Public id of the person.
        public_id: PublicId,
    },
    /// A library was created or renamed.
    LibraryChanged {
        /// App that owns the library.
        app_id: String,
        /// The library.
        library_id: LibraryId,
    },
    /// A library was removed with all its people and faces.
    LibraryRemoved {
        /// The library.
        library_id: LibraryId,
    },
    /// The grant of an app was made, changed or, if there is none now, revoked.
    GrantChanged {
        /// The app.
        app_id: String,
        /// The grant.
        grant: Option<Arc<Grant>>,
    },
    /// The limits of an app were set.
    QuotaChanged {
        /// The limits.
        quota: Arc<AppQuota>,
    },
    /// An access key was made or revoked.
    KeyChanged {
        /// The key.
        key: Arc<Key>,
    },
    /// An operator was created, changed or, if there is none now, deleted with all sessions and tokens.
    OperatorChanged {
        /// The operator.
        operator_id: OperatorId,
        /// The operator as it is now.
        operator: Option<Arc<Operator>>,
    },
    /// A session or token of an operator was made or, if there is none now, ended.
    OperatorTokenChanged {
        /// The session or token.
        token_id: OperatorTokenId,
        /// The session or token as it is now.
        token: Option<Arc<OperatorToken>>,
    },
    /// A setting got a value or, if there is none now, lost it.
    SettingChanged {
        /// The recorded change.
        change_id: SettingChangeId,
        /// Name of the setting.
        name: String,
        /// The value.
        setting: Option<Arc<StoredSetting>>,
    },
    /// An account's friend groups changed, or the account was deleted.
    FriendGroupsChanged {
        /// The app.
        app_id: String,
        /// The account.
        account_id: AccountId,
        /// Name of the account; `None` if it is unknown, as the account was deleted by another node.
        user_id: Option<String>,
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

/// A change as it is recorded. It tells another process what to read anew, and nothing of a person but ids: it outlives
/// who is deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedChange {
    /// Number of the change; later changes have greater ones.
    pub sequence: Sequence,
    /// Kind of the change.
    pub kind: ChangeKind,
    /// The app, for libraries, grants, quotas and accounts.
    pub app_id: Option<String>,
    /// Ids: the library, then the public id of a person or the faces; or the key, the operator, the token, the
    /// change of a setting or the account.
    pub ids: Vec<i64>,
}

/// Kind of a recorded change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// [`Change::FaceAdded`] and [`Change::FacesAdded`].
    FacesAdded,
    /// [`Change::FacesRemoved`].
    FacesRemoved,
    /// [`Change::FaceJudged`].
    FaceJudged,
    /// [`Change::PersonChanged`].
    Person,
    /// [`Change::LibraryChanged`].
    Library,
    /// [`Change::LibraryRemoved`].
    LibraryRemoved,
    /// [`Change::GrantChanged`].
    Grant,
    /// [`Change::QuotaChanged`].
    Quota,
    /// [`Change::KeyChanged`].
    Key,
    /// [`Change::OperatorChanged`].
    Operator,
    /// [`Change::OperatorTokenChanged`].
    OperatorToken,
    /// [`Change::SettingChanged`].
    Setting,
    /// [`Change::FriendGroupsChanged`].
    FriendGroups,
}

impl Change {
    /// Returns the kind.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::FaceAdded { .. } | Self::FacesAdded { .. } => ChangeKind::FacesAdded,
            Self::FacesRemoved { .. } => ChangeKind::FacesRemoved,
            Self::FaceJudged { .. } => ChangeKind::FaceJudged,
            Self::PersonChanged { .. } => ChangeKind::Person,
            Self::LibraryChanged { .. } => ChangeKind::Library,
            Self::LibraryRemoved { .. } => ChangeKind::LibraryRemoved,
            Self::GrantChanged { .. } => ChangeKind::Grant,
            Self::QuotaChanged { .. } => ChangeKind::Quota,
            Self::KeyChanged { .. } => ChangeKind::Key,
            Self::OperatorChanged { .. } => ChangeKind::Operator,
            Self::OperatorTokenChanged { .. } => ChangeKind::OperatorToken,
            Self::SettingChanged { .. } => ChangeKind::Setting,
            Self::FriendGroupsChanged { .. } => ChangeKind::FriendGroups,
        }
    }

    /// Returns the app, for libraries, grants, quotas and accounts.
    pub fn app_id(&self) -> Option<&str> {
        match self {
            Self::LibraryChanged { app_id, .. }
            | Self::GrantChanged { app_id, .. }
            | Self::FriendGroupsChanged { app_id, .. } => Some(app_id),
            Self::QuotaChanged { quota } => Some(&quota.app_id),
            _ => None,
        }
    }

    /// Returns the ids; see [`RecordedChange::ids`].
    pub fn ids(&self) -> Vec<i64> {
        match self {
            Self::FaceAdded { library_id, face_id, .. } | Self::FaceJudged { library_id, face_id, .. } => {
                vec![library_id.get(), face_id.get()]
            }
            Self::FacesAdded { library_id, faces } => {
                [library_id.get()].into_iter().chain(faces.iter().map(|face| face.face_id.get())).collect()
            }
            Self::FacesRemoved { library_id, face_ids } => {
                [library_id.get()].into_iter().chain(face_ids.iter().map(|face_id| face_id.get())).collect()
            }
            Self::PersonChanged { library_id, public_id } => vec![library_id.get(), public_id.get()],
            Self::LibraryChanged { library_id, .. } | Self::LibraryRemoved { library_id } => vec![library_id.get()],
            Self::KeyChanged { key } => vec![key.id.get()],
            Self::OperatorChanged { operator_id, .. } => vec![operator_id.get()],
            Self::OperatorTokenChanged { token_id, .. } => vec![token_id.get()],
            Self::SettingChanged { change_id, .. } => vec![change_id.get()],
            Self::FriendGroupsChanged { account_id, .. } => vec![account_id.get()],
            Self::GrantChanged { .. } | Self::QuotaChanged { .. } => Vec::new(),
        }
    }
}
