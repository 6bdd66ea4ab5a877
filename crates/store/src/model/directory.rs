//! A library as a directory: who is in it, with what callers are shown of their faces.

use aicp_types::{FileId, PublicId, UnixMillis};

use crate::Algorithm;

/// A person with their faces, as a directory shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Snowflake, unique over all libraries.
    pub public_id: PublicId,
    /// The caller's own id, unique inside the library.
    pub external_id: Option<String>,
    /// [`Profile::name`](crate::Profile::name).
    pub name: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
    /// When the person or a face of theirs was last changed, in milliseconds since the epoch.
    pub updated_at: UnixMillis,
    /// The faces, the oldest first.
    pub faces: Vec<DirectoryFace>,
}

/// A face, as a directory shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryFace {
    /// Snowflake used in picture addresses, unique over all faces.
    pub file_id: FileId,
    /// Lower-case hex of the MD5 of the picture; none if the picture of a face that is older than this column can't be
    /// read.
    pub picture_md5: Option<String>,
    /// What is kept to find the face by; none if an engine elsewhere keeps that.
    pub template: Option<DirectoryTemplate>,
}

/// A template, as a directory shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryTemplate {
    /// What made it.
    pub algorithm: Algorithm,
    /// Lower-case hex of the MD5 of the vector as it is stored.
    pub md5: String,
}

/// Who of a library to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryFilter<'a> {
    /// Only people whose name has this text in it; upper and lower case of ASCII letters count as equal.
    pub name_part: Option<&'a str>,
    /// Only people with exactly this `info`.
    pub info: Option<&'a str>,
}

/// What to change about a person. `None` leaves it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonChanges {
    /// The caller's own id, unique inside the library.
    pub external_id: Option<String>,
    /// [`Profile::name`](crate::Profile::name).
    pub name: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
}
