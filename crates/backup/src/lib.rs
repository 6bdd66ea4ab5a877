//! Backups: snapshots of files and pictures in a repository, which is a folder or an S3 bucket.
//!
//! A repository holds *objects*, named by the SHA-256 of their content, so that a further snapshot writes only what is new.
//! A *snapshot* lists the files (in pieces, each an object) and the pictures (each an object) of one moment. Everything
//! that a snapshot refers to is verified against its hash when it is read. With a pass phrase, objects and snapshots are
//! encrypted. docs/backup-format.md describes the format.
//!
//! This crate knows neither the database nor what the files mean.

mod error;
mod objects;
mod place;
mod repository;
mod restore;
mod seal;
mod snapshot;
mod take;

pub use error::{Error, Result};
pub use objects::ObjectId;
pub use place::{Place, Settings};
pub use repository::Repository;
pub use restore::{Fault, Restored, Verified};
pub use seal::PassPhrase;
pub use snapshot::{FileEntry, Snapshot, SnapshotId};
pub use take::{Report, Run};
