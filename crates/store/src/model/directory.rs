//! Directory of a library: its people, with the facts about their faces that callers see.

use aicp_types::{FileId, PublicId, UnixMillis};

use crate::Algorithm;

/// A person with their faces, as a directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Public id: a snowflake, unique over all libraries.
    pub public_id: PublicId,
    /// Id chosen by the caller, unique in the library.
    pub external_id: Option<String>,
    /// [`Profile::name`](crate::Profile::name).
    pub name: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
    /// When the person was created.
    pub created_at: UnixMillis,
    /// When the person or one of their faces was last changed.
    pub updated_at: UnixMillis,
    /// The faces, oldest first.
    pub faces: Vec<DirectoryFace>,
}

/// A face of a directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryFace {
    /// Snowflake used in picture URLs, unique over all faces.
    pub file_id: FileId,
    /// MD5 of the picture in lower-case hex; `None` for a face older than this column whose picture can't be read.
    pub picture_md5: Option<String>,
    /// The face's template; `None` if a remote engine stores it.
    pub template: Option<DirectoryTemplate>,
}

/// A template of a directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryTemplate {
    /// Algorithm that computed it.
    pub algorithm: Algorithm,
    /// MD5 of the stored bytes of the vector in lower-case hex.
    pub md5: String,
}

/// Filter of a directory. The default matches all people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectoryFilter<'a> {
    /// Only people whose name contains this text; ASCII letters match in either case.
    pub name_part: Option<&'a str>,
    /// Only people with exactly this `info`.
    pub info: Option<&'a str>,
}

/// Changes of a person. `None` leaves a field unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PersonChanges {
    /// Id chosen by the caller, unique in the library.
    pub external_id: Option<String>,
    /// [`Profile::name`](crate::Profile::name).
    pub name: Option<String>,
    /// Free text of the caller.
    pub info: Option<String>,
}
