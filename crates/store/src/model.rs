//! The rows, as plain data.

mod calls;
mod console;
mod directory;
mod grants;
mod groups;
mod keys;
mod outbox;
mod social;

use std::fmt;

use aicp_types::{FaceId, FileId, LibraryId, OutboxId, PersonId, PublicId, UnixMillis};

pub use self::{
    calls::{CallScope, CallTotal, DayTotal, LoggedCall},
    console::{ConsoleUser, NewConsoleUser},
    directory::{DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, PersonChanges},
    grants::Grant,
    groups::{DeviceName, Group, GroupKind, SyncRelation},
    keys::{Key, KeyUsage, NewKey, UsedSignature},
    outbox::{NewOutboxRow, OutboxAction, OutboxFilter, OutboxRow, Solution},
    social::{
        Account, Around, Circle, CustomValue, Friend, FriendGroup, FriendGroups, FriendRequest, Members, NewAccount,
        Other, Sequences, UserIds,
    },
};

/// A library (group) of people, as it comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Row id; never reused.
    pub id: LibraryId,
    /// The app it belongs to.
    pub app_id: String,
    /// The app's own name for it, unique inside the app.
    pub external_id: String,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The engine-side id, unique over all apps.
    pub engine_key: String,
    /// Name of the engine that its templates are made with.
    pub engine: String,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// When a face was last added or removed, until then [`created_at`](Self::created_at): milliseconds since the epoch.
    pub updated_at: UnixMillis,
    /// The lowest number from 1 on that no other library of the app had when this one was made; hidden ones have none.
    pub slot: Option<i64>,
    /// Found only by [`Store::hidden_library`](crate::Store::hidden_library) and by row id.
    pub hidden: bool,
}

/// A library to create.
#[derive(Clone, Debug)]
pub struct NewLibrary {
    /// An app that [`Store::ensure_app`](crate::Store::ensure_app) has made known.
    pub app_id: String,
    /// The app's own name for it, unique inside the app.
    pub external_id: String,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// The engine-side id, unique over all apps: 32 lower-case hex digits.
    pub engine_key: String,
    /// Name of the engine that its templates are made with.
    pub engine: String,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// How many libraries that are not hidden the app may have with this one; `None`: any number.
    pub at_most: Option<u64>,
    /// Found only by [`Store::hidden_library`](crate::Store::hidden_library) and by row id.
    pub hidden: bool,
}

/// What a caller tells about a person; the store attaches no meaning to any of it.
///
/// `Debug` leaves out the number of the identity document.
#[derive(Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say all there is to say")]
pub struct Profile {
    pub name: Option<String>,
    pub sex: Option<i64>,
    pub birthday: Option<i64>,
    /// Number of an identity document.
    pub document_number: Option<String>,
    pub customer_number: Option<String>,
    pub company: Option<String>,
    pub duty: Option<String>,
    pub province: Option<String>,
    /// The wire's `type`.
    pub kind: Option<i64>,
    pub remark: Option<String>,
    /// The caller's own address of the picture; metadata, never fetched.
    pub source_url: Option<String>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Taken apart in full, so that a new field can't be forgotten here.
        let Self {
            name,
            sex,
            birthday,
            document_number,
            customer_number,
            company,
            duty,
            province,
            kind,
            remark,
            source_url,
        } = self;
        f.debug_struct("Profile")
            .field("name", name)
            .field("sex", sex)
            .field("birthday", birthday)
            .field("document_number", &document_number.as_ref().map(|_| Withheld))
            .field("customer_number", customer_number)
            .field("company", company)
            .field("duty", duty)
            .field("province", province)
            .field("kind", kind)
            .field("remark", remark)
            .field("source_url", source_url)
            .finish()
    }
}

/// A person, as it comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Row id; never reused.
    pub id: PersonId,
    /// Row id of the library.
    pub library_id: LibraryId,
    /// Snowflake, unique over all libraries.
    pub public_id: PublicId,
    /// 32 hex digits, unique over all libraries.
    pub number: String,
    /// The caller's own id, unique inside the library.
    pub external_id: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// What the caller told about the person.
    pub profile: Profile,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
}

/// A person to enrol.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Snowflake, unique over all libraries; the caller sees to that.
    pub public_id: PublicId,
    /// 32 hex digits, unique over all libraries; the caller sees to that.
    pub number: String,
    /// The caller's own id, unique inside the library.
    pub external_id: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// What the caller told about the person.
    pub profile: Profile,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// How many people the library may have with this one; `None`: any number.
    pub at_most: Option<u64>,
}

/// A face, as it comes from the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Row id; never reused.
    pub id: FaceId,
    /// Row id of the person.
    pub person_id: PersonId,
    /// Snowflake used in picture addresses, unique over all faces.
    pub file_id: FileId,
    /// Key of the picture: lower-case hex of its SHA-256.
    pub picture_key: String,
    /// Where the face is in the picture: x, y, width, height in pixels.
    pub box_: [f32; 4],
    /// The detector's confidence.
    pub confidence: f32,
    /// 0 to 1, if it was measured.
    pub quality: Option<f32>,
    /// The id that an engine which keeps faces itself knows it by.
    pub engine_ref: Option<String>,
    /// Whether such an engine has still to be told of it.
    pub pending: bool,
}

/// A face to store. All numbers must be finite: SQL has no NaN.
#[derive(Clone, Debug)]
pub struct NewFace {
    /// Snowflake used in picture addresses, unique over all faces; the caller sees to that.
    pub file_id: FileId,
    /// Where the face is in the picture: x, y, width, height in pixels.
    pub box_: [f32; 4],
    /// The detector's confidence.
    pub confidence: f32,
    /// 0 to 1, if it was measured.
    pub quality: Option<f32>,
    /// The template to find it by, if it is to be found.
    pub template: Option<NewTemplate>,
    /// The id that an engine which keeps faces itself knows it by.
    pub engine_ref: Option<String>,
}

/// A person to store whose faces, templates and all, are ready.
#[derive(Clone, Debug)]
pub struct ReadyPerson {
    /// The person.
    pub person: NewPerson,
    /// Each face with the number, from 0 on, of its picture in the list that is handed over with the people.
    pub faces: Vec<(NewFace, usize)>,
}

/// A face to make out of one that is there.
#[derive(Clone, Copy, Debug)]
pub struct CopiedFace {
    /// Row id of the face whose picture, template and measures are taken.
    pub face_id: FaceId,
    /// As [`NewFace::file_id`].
    pub file_id: FileId,
}

/// What made a template. Only templates of equal algorithms can be compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// Name of the algorithm.
    pub name: String,
    /// Who provides it.
    pub provider: String,
    /// Its version.
    pub version: String,
}

/// A template to store. `Debug` leaves out the vector.
#[derive(Clone, PartialEq)]
pub struct NewTemplate {
    /// What made it.
    pub algorithm: Algorithm,
    /// Kept bit for bit.
    pub vector: Vec<f32>,
    /// How recognisable the face is, 0..1, if that was judged.
    pub recognisability: Option<f32>,
}

impl fmt::Debug for NewTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTemplate").field("algorithm", &self.algorithm).field("vector", &Withheld).finish()
    }
}

/// A face whose template was stored before its recognisability was judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnjudgedFace {
    /// Row id of the face.
    pub face_id: FaceId,
    /// Row id of the library.
    pub library_id: LibraryId,
    /// Key of the picture.
    pub picture_key: String,
}

/// A template and whose it is. `Debug` leaves out the vector.
#[derive(Clone, PartialEq)]
pub struct TemplateRow {
    /// Row id of the library.
    pub library_id: LibraryId,
    /// Row id of the person.
    pub person_id: PersonId,
    /// Row id of the face.
    pub face_id: FaceId,
    /// Bit for bit as it was stored.
    pub vector: Vec<f32>,
    /// How recognisable the face is, 0..1, if that was judged.
    pub recognisability: Option<f32>,
}

impl fmt::Debug for TemplateRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateRow")
            .field("library_id", &self.library_id)
            .field("person_id", &self.person_id)
            .field("face_id", &self.face_id)
            .field("vector", &Withheld)
            .finish()
    }
}

/// How many faces were looked at when templates were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplatesRead {
    /// Faces with a template of the algorithm.
    pub templates: u64,
    /// Faces with one of another algorithm, or none.
    pub others: u64,
}

/// A part of a list.
///
/// ```
/// # use aicp_store::Page;
/// let third = Page { offset: 40, limit: 20 };
/// assert!(third.offset < Page::ALL.limit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Rows skipped.
    pub offset: u64,
    /// Rows returned at most.
    pub limit: u64,
}

impl Page {
    /// The whole list.
    pub const ALL: Self = Self { offset: 0, limit: u64::MAX };

    /// The first rows.
    pub const fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Libraries of all apps.
    pub libraries: u64,
    /// People of all libraries.
    pub people: u64,
    /// Faces of all people.
    pub faces: u64,
}

/// How much there is in a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LibraryCounts {
    /// Different user ids: `external_id`, or `public_id` in decimal of those without.
    pub users: u64,
    /// Faces of all people.
    pub faces: u64,
}

/// Highest id of each kind in the database; `None`: there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastIds {
    /// Of [`Person::public_id`].
    pub person: Option<PublicId>,
    /// Of [`Face::file_id`].
    pub file: Option<FileId>,
    /// Of [`OutboxRow::id`].
    pub outbox: Option<OutboxId>,
}

/// Stands in a `Debug` output for what must not get into logs.
struct Withheld;

impl fmt::Debug for Withheld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<withheld>")
    }
}
