//! Rows as plain data.

mod audit;
mod calls;
mod console;
mod directory;
mod events;
mod grants;
mod groups;
mod idempotency;
mod jobs;
mod keys;
mod lists;
mod operators;
mod outbox;
mod quotas;
mod recognitions;
mod sealed;
mod settings;
mod social;
mod webhooks;

use std::collections::{HashMap, HashSet};
use std::fmt;

use aicp_types::{FaceId, FileId, LibraryId, OutboxId, PersonId, PublicId, Sequence, TraceId, UnixMillis};

pub use self::{
    audit::{Act, AuditEntry, AuditFilter, FIRST_AUDIT_HASH},
    calls::{
        CallDurations, CallGroup, CallKind, CallScope, CallSums, CallTotal, DayTotal, DurationCount, GroupTotal,
        LogFilter, LoggedCall, OffsetPeriod, RangePart, SumUnit,
    },
    console::{ConsoleUser, NewConsoleUser},
    directory::{DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, PersonChanges},
    events::{Event, EventData, EventFilter, EventKind, NewEvent, RecognisedFace, RecognisedPerson},
    grants::{Grant, StoredApp},
    groups::{DeviceName, Group, GroupKind, SyncRelation},
    idempotency::KeyedRequest,
    jobs::{JobFilter, JobItem, JobItemState, JobRow, JobState, NewJob},
    keys::{Key, KeyUsage, NewKey, UsedSignature},
    lists::{AppFilter, GrantState, IdOrder, LibraryFilter, PersonFilter, PersonOrder, PersonText},
    operators::{NewOperatorToken, Operator, OperatorFace, OperatorToken, OperatorTokenKind},
    outbox::{OutboxAction, OutboxCount, OutboxFilter, OutboxRow, OutboxState, Solution},
    quotas::{AppQuota, Quota},
    recognitions::{
        NewRecognition, NewRecognitionMatch, Recognition, RecognitionFilter, RecognitionLogging, RecognitionMatch,
    },
    sealed::{SealedKind, SealedSecret},
    settings::{NewSettingChange, SettingChange, StoredSetting},
    social::{
        Account, AccountGraph, CustomValue, Friend, FriendGroup, FriendGroups, FriendRequest, LostFriends, Members,
        NewAccount, Other, RelatedFilter, Sequences, UserIds,
    },
    webhooks::{Delivery, DeliveryAttempt, DeliveryState, NewDelivery, NewWebhook, Webhook},
};

/// A stored library of people.
#[derive(Clone, Debug, PartialEq)]
pub struct Library {
    /// Row id; never reused.
    pub id: LibraryId,
    /// App that owns the library.
    pub app_id: String,
    /// Id chosen by the app, unique in it.
    pub external_id: String,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Id of the library at its engine, unique over all apps.
    pub engine_key: String,
    /// Engine that computes the library's templates.
    pub engine: String,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When a face was last added or removed; until then [`created_at`](Self::created_at).
    pub updated_at: UnixMillis,
    /// Similarity, 0..1, above which a search finds somebody, if the request names none; `None`: that of the settings.
    pub threshold: Option<f32>,
    /// Maximum number of people that a search finds, if the request names none; `None`: that of the settings.
    pub top_n: Option<i64>,
    /// Number of the library in the app, from 1; `None` for hidden libraries.
    pub slot: Option<i64>,
    /// Hidden: returned only by [`hidden_library`](crate::Rows::hidden_library) and by row id.
    pub hidden: bool,
}

/// A library to create.
#[derive(Clone, Debug)]
pub struct NewLibrary {
    /// App that owns it; created before by [`ensure_app`](crate::Tx::ensure_app).
    pub app_id: String,
    /// Id chosen by the app, unique in it.
    pub external_id: String,
    /// Display name.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Id of the library at its engine: 32 lower-case hex digits, unique over all apps.
    pub engine_key: String,
    /// Engine that computes the library's templates.
    pub engine: String,
    /// When it is created.
    pub created_at: UnixMillis,
    /// Number of the library in the app, from 1; `None` for hidden libraries.
    pub slot: Option<i64>,
    /// Hidden: returned only by [`hidden_library`](crate::Rows::hidden_library) and by row id.
    pub hidden: bool,
}

/// Attributes of a person, as the caller states them; the store does not interpret them.
///
/// `Debug` omits the number of the identity document.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Name.
    pub name: Option<String>,
    /// 1 male, 2 female, as in the AICP manual; other numbers are stored unchanged.
    pub sex: Option<i64>,
    /// Date of birth as the decimal number yyyymmdd (20190601); not validated.
    pub birthday: Option<i64>,
    /// Number of the person's identity document.
    pub document_number: Option<String>,
    /// Number of the person as the caller's customer.
    pub customer_number: Option<String>,
    /// Employer.
    pub company: Option<String>,
    /// Job title.
    pub duty: Option<String>,
    /// Province.
    pub province: Option<String>,
    /// Category: 1 carrier (运营商), 2 customer, 3 employee, 4 stranger, as in the AICP manual; other numbers are stored
    /// unchanged.
    pub kind: Option<i64>,
    /// Free text.
    pub remark: Option<String>,
    /// The caller's own URL of the picture; never fetched.
    pub source_url: Option<String>,
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Destructured in full, so that a new field can't be forgotten here.
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
            .field("document_number", &document_number.as_ref().map(|_| Redacted))
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

/// A stored person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Row id; never reused.
    pub id: PersonId,
    /// Library that the person is in.
    pub library_id: LibraryId,
    /// Public id: a snowflake, unique over all libraries.
    pub public_id: PublicId,
    /// Second public id: 32 hex digits, unique over all libraries.
    pub number: String,
    /// Id chosen by the caller, unique in the library.
    pub external_id: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// Attributes, as the caller states them.
    pub profile: Profile,
    /// When it was created.
    pub created_at: UnixMillis,
    /// When it, or a face of it, was last changed.
    pub updated_at: UnixMillis,
}

/// A person to enrol.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Public id: a snowflake, which the caller generates unique over all libraries.
    pub public_id: PublicId,
    /// Second public id: 32 hex digits, which the caller generates unique over all libraries.
    pub number: String,
    /// Id chosen by the caller, unique in the library.
    pub external_id: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// Attributes, as the caller states them.
    pub profile: Profile,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// When it is created.
    pub created_at: UnixMillis,
}

/// Keys of a person; a missing key matches nobody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PersonKeys<'a> {
    /// [`Person::public_id`].
    pub public_id: Option<PublicId>,
    /// [`Person::number`].
    pub number: Option<&'a str>,
    /// [`Person::external_id`].
    pub external_id: Option<&'a str>,
}

/// A stored face.
#[derive(Clone, Debug, PartialEq)]
pub struct Face {
    /// Row id; never reused.
    pub id: FaceId,
    /// Person whose face it is.
    pub person_id: PersonId,
    /// Snowflake used in picture URLs, unique over all faces.
    pub file_id: FileId,
    /// Key of the picture: lower-case hex of its SHA-256.
    pub picture_key: String,
    /// Bounding box of the face in the picture: x, y, width, height in pixels.
    pub bounding_box: [f32; 4],
    /// Confidence of the face detector.
    pub confidence: f32,
    /// Quality, 0..1, if computed.
    pub quality: Option<f32>,
    /// Id of the face at a remote engine that stores faces itself.
    pub engine_ref: Option<String>,
    /// Whether the remote engine has not enrolled the face yet.
    pub pending: bool,
}

/// A face to store. Numbers must be finite: SQL has no NaN.
#[derive(Clone, Debug)]
pub struct NewFace {
    /// Snowflake used in picture URLs, which the caller generates unique over all faces.
    pub file_id: FileId,
    /// Bounding box of the face in the picture: x, y, width, height in pixels.
    pub bounding_box: [f32; 4],
    /// Confidence of the face detector.
    pub confidence: f32,
    /// Quality, 0..1, if computed.
    pub quality: Option<f32>,
    /// Template for the search; `None` if the face is not searched here.
    pub template: Option<NewTemplate>,
    /// Id of the face at a remote engine that stores faces itself.
    pub engine_ref: Option<String>,
}

/// A person to store in bulk, with computed templates.
#[derive(Clone, Debug)]
pub struct BulkPerson {
    /// The person.
    pub person: NewPerson,
    /// Each face with the index of its picture in the list that is passed along with the people.
    pub faces: Vec<(NewFace, usize)>,
}

/// What restored people and faces keep beside what new ones have.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// Row ids of faces, by their files.
    pub faces: HashMap<FileId, FaceId>,
    /// When people were last changed, by their public ids; others when they are created.
    pub updated: HashMap<PublicId, UnixMillis>,
}

/// Those of some ids that are taken in the whole store.
#[derive(Clone, Debug, Default)]
pub struct TakenIds {
    /// The library that has a person of this public id.
    pub person: Option<LibraryId>,
    /// Whether a person has this number.
    pub number: bool,
    /// Row ids of faces.
    pub faces: HashSet<FaceId>,
    /// File ids of faces.
    pub files: HashSet<FileId>,
}

/// A copy to make of a stored face.
#[derive(Clone, Copy, Debug)]
pub struct CopiedFace {
    /// Face whose picture, template and measurements are copied.
    pub face_id: FaceId,
    /// Snowflake of the copy; see [`NewFace::file_id`].
    pub file_id: FileId,
}

/// Algorithm that computed a template. Only templates of equal algorithms are comparable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Algorithm {
    /// Name of the networks.
    pub name: String,
    /// Provider.
    pub provider: String,
    /// Version.
    pub version: String,
}

/// A template to store. `Debug` omits the vector.
#[derive(Clone, PartialEq)]
pub struct NewTemplate {
    /// Algorithm that computed it.
    pub algorithm: Algorithm,
    /// The vector, stored bit for bit.
    pub vector: Vec<f32>,
    /// Recognisability, 0..1, if judged.
    pub recognisability: Option<f32>,
}

impl fmt::Debug for NewTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewTemplate").field("algorithm", &self.algorithm).field("vector", &Redacted).finish()
    }
}

/// A face with its picture, from which something is to be computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PicturedFace {
    /// The face.
    pub face_id: FaceId,
    /// Library that the face is in.
    pub library_id: LibraryId,
    /// Key of the picture.
    pub picture_key: String,
}

/// A template with the ids of its owners. `Debug` omits the vector.
#[derive(Clone, PartialEq)]
pub struct TemplateRow {
    /// Library that the person is in.
    pub library_id: LibraryId,
    /// Person whose face it is.
    pub person_id: PersonId,
    /// Face that the template represents.
    pub face_id: FaceId,
    /// The vector, bit for bit as it was stored.
    pub vector: Vec<f32>,
    /// Recognisability, 0..1, if judged.
    pub recognisability: Option<f32>,
}

impl fmt::Debug for TemplateRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemplateRow")
            .field("library_id", &self.library_id)
            .field("person_id", &self.person_id)
            .field("face_id", &self.face_id)
            .field("vector", &Redacted)
            .finish()
    }
}

/// The file of a large gallery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GalleryFile {
    /// Library of the gallery.
    pub library_id: LibraryId,
    /// The last change that the file has.
    pub sequence: Sequence,
    /// SHA-256 of its footer, in hex.
    pub digest: String,
}

/// Counts of the faces that a read of templates covered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TemplatesRead {
    /// Faces with a template of the algorithm.
    pub templates: u64,
    /// Faces with a template of another algorithm, or without one.
    pub others: u64,
}

/// A page of a list.
///
/// ```
/// # use aicp_store::Page;
/// let third = Page { offset: 40, limit: 20 };
/// assert!(third.offset < Page::ALL.limit);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Number of rows skipped.
    pub offset: u64,
    /// Maximum number of rows returned.
    pub limit: u64,
}

impl Page {
    /// The whole list.
    pub const ALL: Self = Self { offset: 0, limit: u64::MAX };

    /// Returns the first page.
    pub const fn first(limit: u64) -> Self {
        Self { offset: 0, limit }
    }
}

/// Numbers of rows in the whole store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Libraries of all apps, hidden ones included.
    pub libraries: u64,
    /// People of all libraries.
    pub people: u64,
    /// Faces of all people.
    pub faces: u64,
}

/// Numbers of rows in a library.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LibraryCounts {
    /// Distinct user ids: `external_id`, or `public_id` in decimal for people without one.
    pub users: u64,
    /// Faces of all people.
    pub faces: u64,
}

/// Highest ids in the database; `None` if there is no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LastIds {
    /// Highest [`Person::public_id`].
    pub person: Option<PublicId>,
    /// Highest [`Face::file_id`].
    pub file: Option<FileId>,
    /// Highest [`OutboxRow::id`].
    pub outbox: Option<OutboxId>,
    /// Of the latest calls of each kind and day, which is at most a batch below the highest [`LoggedCall::trace_id`].
    pub call: Option<TraceId>,
}

/// Placeholder in `Debug` output for values that must not be logged.
struct Redacted;

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<withheld>")
    }
}
