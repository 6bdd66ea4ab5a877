//! Logs of recognitions.

use aicp_types::{FaceId, LibraryId, PersonId, PublicId, RecognitionEntryId, UnixMillis};

/// Whether and how long the recognitions of a library are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecognitionLogging {
    /// Whether recognitions are logged.
    pub enabled: bool,
    /// Days for which an entry is kept.
    pub keep_days: u32,
}

/// An entry to insert.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRecognition {
    /// The library.
    pub library_id: LibraryId,
    /// When the face was searched for.
    pub time: UnixMillis,
    /// People of the library whom the face matches, the most similar first.
    pub matches: Vec<NewRecognitionMatch>,
}

/// A person whom the face of an entry to insert matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NewRecognitionMatch {
    /// The person.
    pub person_id: PersonId,
    /// The person's most similar face.
    pub face_id: FaceId,
    /// Similarity, 0..1.
    pub similarity: f32,
}

/// An entry of a log.
#[derive(Clone, Debug, PartialEq)]
pub struct Recognition {
    /// Row id; later entries have greater ones.
    pub id: RecognitionEntryId,
    /// The library.
    pub library_id: LibraryId,
    /// When the face was searched for.
    pub time: UnixMillis,
    /// Key of the picture of the face.
    pub picture_key: String,
    /// People whom the face matches, the most similar first.
    pub matches: Vec<RecognitionMatch>,
}

/// A person whom the face of an entry matches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecognitionMatch {
    /// The person.
    pub person: PublicId,
    /// The person's most similar face.
    pub face_id: FaceId,
    /// Similarity, 0..1.
    pub similarity: f32,
}

/// Filter of entries. The default admits everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecognitionFilter {
    /// Only entries in which somebody matches, or only those in which nobody does.
    pub is_known: Option<bool>,
    /// Only entries in which this person matches.
    pub person: Option<PublicId>,
    /// Only entries at this time or later.
    pub from: Option<UnixMillis>,
    /// Only entries before this time.
    pub to: Option<UnixMillis>,
}
