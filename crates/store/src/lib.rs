//! Persistent data of the server: rows in a database, and pictures beside it.
//!
//! [`Store`] is the entry point. [`Rows`] reads, and a [`Tx`] writes, row by row; a job of [`Store::write`] combines
//! them into one transaction, with the decisions of the caller in between:
//!
//! ```no_run
//! # use aicp_store::{Error, NewPerson, Person, Result, Store};
//! # use aicp_types::LibraryId;
//! # async fn add(store: &Store, library: LibraryId, new: NewPerson) -> Result<Person> {
//! store
//!     .write(move |tx| {
//!         Box::pin(async move {
//!             if tx.person_count(library).await? >= 1000 {
//!                 return Err(Error::Exists);
//!             }
//!             tx.insert_person(library, new).await
//!         })
//!     })
//!     .await
//! # }
//! ```
//!
//! The seam below is [`Database`]: it has connections, and runs the jobs. The statements are the same for all databases
//! ([`sql`]). Pictures are [blobs](aicp_blobs), put before the rows that refer to them are committed, and deleted after
//! the last such row is gone.
//!
//! Guarantees, also across `kill -9` and power loss:
//! - a write that returned `Ok` is durable, and so is its picture;
//! - a write that returned an error left no row behind ([`Error::InDoubt`] is the one exception);
//! - the file of a removed picture is deleted before the removal returns; if that fails, it is tried again after the next
//!   removal and when the store is next opened;
//! - a picture without a row is deleted, at the latest by the next [sweep](Store::sweep).
//!
//! The store decides nothing: no permissions, no limits, no words of a wire protocol.

mod blocking;
mod change;
mod collector;
mod copy;
mod database;
mod digests;
mod error;
mod links;
mod model;
mod nodes;
mod pictures;
mod rows;
pub mod sql;
mod statements;
mod store;
mod tx;
mod writer;
mod written;

pub use aicp_blobs::{BlobKey, BlobStream, Blobs, ListedFile, open_file};
pub use blocking::run_blocking;
pub use bytes::Bytes;
pub use change::{AddedFace, Change, ChangeKind, Observer, RecordedChange};
pub use copy::{RowIds, Step, TABLES, Told, copy};
pub use database::{Database, DatabaseUsage, Job, Space, TemplateSink};
pub use error::{Error, Result, at};
pub use model::{
    Account, AccountGraph, Act, Algorithm, AppFilter, AppQuota, AuditEntry, AuditFilter, BulkPerson, CallDurations,
    CallGroup, CallKind, CallScope, CallSums, CallTotal, ConsoleUser, CopiedFace, Counts, CustomValue, DayTotal,
    Delivery, DeliveryAttempt, DeliveryState, DeviceName, DirectoryEntry, DirectoryFace, DirectoryFilter,
    DirectoryTemplate, DurationCount, Event, EventData, EventFilter, EventKind, FIRST_AUDIT_HASH, Face, Friend,
    FriendGroup, FriendGroups, FriendRequest, GalleryFile, Grant, GrantState, Group, GroupKind, GroupTotal, IdOrder,
    JobFilter, JobItem, JobItemState, JobRow, JobState, Kept, Key, KeyUsage, KeyedRequest, LastIds, Library,
    LibraryCounts, LibraryFilter, LogFilter, LoggedCall, LostFriends, Members, NewAccount, NewConsoleUser, NewDelivery,
    NewEvent, NewFace, NewJob, NewKey, NewLibrary, NewOperatorToken, NewPerson, NewRecognition, NewRecognitionMatch,
    NewSettingChange, NewTemplate, NewWebhook, OffsetPeriod, Operator, OperatorFace, OperatorToken, OperatorTokenKind,
    Other, OutboxAction, OutboxCount, OutboxFilter, OutboxRow, OutboxState, Page, Person, PersonChanges, PersonFilter,
    PersonKeys, PersonOrder, PersonText, PicturedFace, Profile, Quota, RangePart, RecognisedFace, RecognisedPerson,
    Recognition, RecognitionFilter, RecognitionLogging, RecognitionMatch, RelatedFilter, SealedKind, SealedSecret,
    Sequences, SettingChange, Solution, StoredApp, StoredSetting, SumUnit, SyncRelation, TakenIds, TemplateRow,
    TemplatesRead, UsedSignature, UserIds, Webhook,
};
pub use nodes::{Flush, NodeLock, Nodes};
pub use pictures::{PictureName, md5_hex, picture_key};
pub use rows::Rows;
pub use sql::DatabaseError;
pub(crate) use statements::PictureClaim;
pub use statements::vector_from_blob;
pub use store::Store;
pub use tx::{Effects, Tx};
pub use writer::{Session, Writer};
pub use written::Written;
