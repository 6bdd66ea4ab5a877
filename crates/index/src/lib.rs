//! Search index: the templates of all libraries, and the people most similar to a probe.
//!
//! An [`Index`] follows the committed changes by their [`Sequence`] and answers searches. [`LocalIndex`] holds all
//! templates in the memory of this process and searches exactly. An index knows people and faces only as row ids.

mod error;
mod local;

use std::collections::HashSet;
use std::fs::File;

use aicp_types::{FaceId, LibraryId, PersonId, Sequence};
use async_trait::async_trait;

pub use aicp_gallery::{
    Axes, Error as GalleryError, FileDigest, FileLabel, LazyAxes, Result as GalleryResult, Rotation, Snapshot,
    TemplateSource,
};
pub use error::{Error, Result};
pub use local::LocalIndex;

/// A face of a library. Not `Debug`, because a template must not be logged.
#[derive(Clone)]
pub struct IndexedFace {
    /// The person.
    pub person: PersonId,
    /// The face.
    pub face: FaceId,
    /// Template, a unit vector.
    pub template: Vec<f32>,
}

/// A change of the faces of a library. Not `Debug`, because a template must not be logged.
#[derive(Clone)]
pub enum IndexChange {
    /// Faces were added; they replace those of the same id.
    FacesAdded {
        /// The library.
        library: LibraryId,
        /// The faces.
        faces: Vec<IndexedFace>,
    },
    /// Faces were removed; unknown ones are ignored.
    FacesRemoved {
        /// The library.
        library: LibraryId,
        /// The faces.
        faces: Vec<FaceId>,
    },
    /// A library was removed with all its faces.
    LibraryRemoved {
        /// The library.
        library: LibraryId,
    },
}

/// A face whose template is damaged: its dimensions are wrong or its length is not 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DamagedFace {
    /// The library.
    pub library: LibraryId,
    /// The face.
    pub face: FaceId,
}

/// People among whom a search looks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// All people of the libraries.
    All,
    /// Only these people.
    People(HashSet<PersonId>),
}

/// Parameters of a search.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Maximum number of people to return for each probe.
    pub top_n: usize,
    /// Only cosines strictly above this match; `f32::NEG_INFINITY` for all.
    pub floor: f32,
    /// People among whom to search.
    pub filter: Filter,
}

/// A person found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The person.
    pub person: PersonId,
    /// The most similar face of the person.
    pub face: FaceId,
    /// Cosine of probe and template, -1..1.
    pub cosine: f32,
}

/// Searchable templates of all libraries.
#[async_trait]
pub trait Index: Send + Sync {
    /// Adds faces of the stored state, at start. Does not change [`Index::applied`]. Concurrent calls are allowed.
    ///
    /// Returns the faces that were left out because their templates are damaged.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    async fn load(&self, library: LibraryId, faces: Vec<IndexedFace>) -> Result<Vec<DamagedFace>>;

    /// Applies a batch of committed changes, in order. Searches that begin later see them. Batches must be applied in
    /// the order of their sequences, and each may be applied again.
    ///
    /// Returns the faces that were left out because their templates are damaged.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the batch must be applied again then.
    async fn apply(&self, sequence: Sequence, changes: &[IndexChange]) -> Result<Vec<DamagedFace>>;

    /// Returns the highest sequence whose changes all searches see.
    fn applied(&self) -> Sequence;

    /// Returns the people of all these libraries together that are most similar to each probe (a unit vector), in the
    /// order of the probes: the most similar first, equal ones by face id.
    ///
    /// # Errors
    /// [`Error::Busy`] at the limit of concurrent searches; [`Error::BadProbe`]; [`Error::Unavailable`].
    async fn search(&self, libraries: &[LibraryId], probes: Vec<Vec<f32>>, query: Query) -> Result<Vec<Vec<Hit>>>;

    /// Returns the number of searchable faces of these libraries.
    fn faces(&self, libraries: &[LibraryId]) -> usize;

    /// Returns the number of searchable faces of all libraries.
    fn all_faces(&self) -> usize;

    /// Returns the libraries whose faces can be written to a file: the large ones, if the index is in memory.
    fn large_libraries(&self) -> Vec<LibraryId> {
        Vec::new()
    }

    /// Returns the faces of a library as they are now, to be written to a file; `None` if it is not large.
    fn snapshot(&self, library: LibraryId) -> Option<Snapshot> {
        let _ = library;
        None
    }

    /// Restores a library from a file that was written with this label and has this digest. Reads the file on the calling
    /// thread. The library must be empty.
    ///
    /// # Errors
    /// [`Error::BadFile`] if the file is damaged, is another one, or has no use here.
    fn restore(&self, label: &FileLabel, file: &File, digest: &FileDigest) -> Result<()> {
        let _ = (label, file, digest);
        Err(Error::BadFile("this index keeps no files".to_owned()))
    }
}
