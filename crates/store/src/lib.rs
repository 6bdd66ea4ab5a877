//! What must last: apps and their grants, libraries, people, faces and templates, what engines have still to be told,
//! console users, accounts and their friends, calls and their statistics in a relational schema; pictures in an object
//! store.
//!
//! [`Store`] is the way in. A data directory holds `aicp.db` (SQLite), `objects/` (the pictures, named by content) and
//! `lock` (held as long as the store is open).
//!
//! Promises, also over `kill -9` and power loss:
//! - a write that returned `Ok` is on disk, and so is its picture;
//! - a write that returned an error left nothing behind ([`Error::InDoubt`] is the one exception);
//! - the file of a removed picture is gone, at the latest when the store is next opened;
//! - a write once begun goes on to its end even if the caller drops the future.
//!
//! There are no business rules in here: no limits, no wire words.

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
    Account, Algorithm, Around, CallScope, CallTotal, Circle, ConsoleUser, CopiedFace, Counts, CustomValue, DayTotal,
    DeviceName, DirectoryEntry, DirectoryFace, DirectoryFilter, DirectoryTemplate, Face, Friend, FriendGroup,
    FriendGroups, FriendRequest, Grant, Group, GroupKind, Key, KeyUsage, LastIds, Library, LibraryCounts, LoggedCall,
    Members, NewAccount, NewConsoleUser, NewFace, NewKey, NewLibrary, NewOutboxRow, NewPerson, NewTemplate, Other,
    OutboxAction, OutboxFilter, OutboxRow, Page, Person, PersonChanges, Profile, ReadyPerson, Sequences, Solution,
    SyncRelation, TemplateRow, TemplatesRead, UnjudgedFace, UsedSignature, UserIds,
};
pub use objects::{md5_of, picture_key};
pub use sql::DatabaseError;
pub use store::Store;
