//! Persistent data of the server. A relational schema holds apps and grants, libraries, people, faces and templates,
//! the outbox of writes to engines, console users, accounts and friends, and the call log with its statistics. An
//! object store holds the pictures.
//!
//! [`Store`] is the entry point. A data directory contains `aicp.db` (SQLite), `objects/` (pictures, named by content),
//! `reserve` (disk space set aside for removals) and `lock` (held while the store is open).
//!
//! Guarantees, also across `kill -9` and power loss:
//! - a write that returned `Ok` is durable, and so is its picture;
//! - a write that returned an error left nothing behind ([`Error::InDoubt`] is the one exception);
//! - the file of a removed picture is deleted, at the latest when the store is next opened;
//! - a write that has begun completes even if the caller drops the future.
//!
//! The store knows no permissions and no words of a wire protocol. It enforces uniqueness and the limits that a caller
//! passes ([`NewLibrary::at_most`], [`NewPerson::at_most`]).

mod blocking;
mod change;
mod check;
mod digests;
mod disk;
mod error;
mod model;
mod objects;
mod pictures;
mod sql;
mod sqlite;
mod store;

pub use bytes::Bytes;
pub use change::{AddedFace, Change, Observer};
pub use check::{Finding, Report, check};
pub use error::{Error, Result};
pub use model::{
    Account, AccountGraph, Algorithm, BulkPerson, CallScope, CallTotal, ConsoleUser, CopiedFace, Counts, CustomValue,
    DayTotal, DeviceName, DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, Face, Friend, FriendGroup,
    FriendGroups, FriendRequest, Grant, Group, GroupKind, Key, KeyUsage, LastIds, Library, LibraryCounts, LoggedCall,
    Members, NewAccount, NewConsoleUser, NewFace, NewKey, NewLibrary, NewOutboxRow, NewPerson, NewTemplate, Other,
    OutboxAction, OutboxFilter, OutboxRow, Page, Person, PersonChanges, Profile, RelatedFilter, Sequences, Solution,
    SyncRelation, TemplateRow, TemplatesRead, UnjudgedFace, UsedSignature, UserIds,
};
pub use objects::{md5_hex, picture_key};
pub use sql::DatabaseError;
pub use store::Store;
