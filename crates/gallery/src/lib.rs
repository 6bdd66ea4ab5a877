//! In-memory vector search: templates in, ranked people out.
//!
//! A [`Gallery`] holds the templates of one library and answers exact top-N searches, on the calling thread or by a
//! [`Scanner`], whose threads let concurrent searches of a gallery share one pass through memory. [`Galleries`] has one
//! gallery per library. This crate knows no pictures, names or databases: people and faces are row ids.
//!
//! A search first reads the upper 8 bits of each number and selects the templates that could be among the best, given
//! the largest contribution of the remaining bits. Only these few are compared in full. So the search is exact, but
//! reads a quarter of the memory of single-precision numbers.

mod axes;
mod codes;
mod file;
mod form;
mod gallery;
mod kernel;
mod multi_gallery;
mod ranking;
mod scanner;
mod segment;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use aicp_types::{FaceId, LibraryId, PersonId};

pub use axes::{Axes, AxesError};
pub use file::{FileDigest, FileLabel, Snapshot};
pub use form::{LazyAxes, Rotation, TemplateSource};
pub use gallery::Gallery;
pub use kernel::Kernel;
pub use scanner::{Filter, Scanner, Search, SearchAll};

/// Reason why a template or probe was refused, or a search failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The vector has a different number of dimensions than the gallery.
    #[error("a vector of {found} dimensions in a gallery of {expected}")]
    Dimensions {
        /// Dimensions of the gallery.
        expected: usize,
        /// Dimensions of the vector.
        found: usize,
    },
    /// The vector has no finite length.
    #[error("a vector without a finite length")]
    NotFinite,
    /// The full templates of a large gallery can't be read.
    #[error("templates can't be read: {0}")]
    Source(String),
    /// A file has no gallery that can be used.
    #[error("the file of a gallery can't be used: {0}")]
    File(String),
}

/// Result type of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Person and face of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Row id of the person.
    pub person: PersonId,
    /// Row id of the face.
    pub face: FaceId,
}

/// A person found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The person and their best matching face.
    pub entry: Entry,
    /// Cosine of probe and template, -1..1.
    pub cosine: f32,
}

/// Parameters of a search.
pub struct Query<'a> {
    /// Maximum number of people to return.
    pub top_n: usize,
    /// Only cosines strictly above this match; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this returns true match.
    pub filter: Option<&'a (dyn Fn(&Entry) -> bool + Sync)>,
}

/// Galleries by library.
pub struct Galleries {
    dimensions: usize,
    rotation: Option<Rotation>,
    by_library: RwLock<HashMap<LibraryId, Arc<Gallery>>>,
}

impl Galleries {
    /// Creates an empty set of galleries of this many dimensions. With a rotation, large ones store rotated heads.
    pub fn new(dimensions: usize, rotation: Option<Rotation>) -> Self {
        Self { dimensions, rotation, by_library: RwLock::new(HashMap::new()) }
    }

    /// Returns the gallery of a library, if one was opened.
    pub fn find(&self, library: LibraryId) -> Option<Arc<Gallery>> {
        self.by_library.read().unwrap_or_else(PoisonError::into_inner).get(&library).cloned()
    }

    /// Returns the gallery of a library, created if there is none.
    pub fn open(&self, library: LibraryId) -> Arc<Gallery> {
        if let Some(gallery) = self.find(library) {
            return gallery;
        }
        let mut galleries = self.by_library.write().unwrap_or_else(PoisonError::into_inner);
        let new = || {
            let gallery = Gallery::new(self.dimensions);
            Arc::new(match &self.rotation {
                Some(rotation) => gallery.with_rotation(rotation.clone()),
                None => gallery,
            })
        };
        Arc::clone(galleries.entry(library).or_insert_with(new))
    }

    /// Makes this the gallery of a library.
    pub fn put(&self, library: LibraryId, gallery: Gallery) {
        self.by_library.write().unwrap_or_else(PoisonError::into_inner).insert(library, Arc::new(gallery));
    }

    /// Returns the libraries whose galleries store rotated heads, in order.
    pub fn rotated(&self) -> Vec<LibraryId> {
        let galleries = self.by_library.read().unwrap_or_else(PoisonError::into_inner);
        let mut rotated: Vec<LibraryId> =
            galleries.iter().filter(|(_, gallery)| gallery.is_rotated()).map(|(library, _)| *library).collect();
        rotated.sort();
        rotated
    }

    /// Returns what large galleries need, if there are any.
    pub fn rotation(&self) -> Option<&Rotation> {
        self.rotation.as_ref()
    }

    /// Removes the gallery of a library.
    pub fn close(&self, library: LibraryId) {
        self.by_library.write().unwrap_or_else(PoisonError::into_inner).remove(&library);
    }

    /// Returns the number of templates in all galleries together.
    pub fn len(&self) -> usize {
        self.by_library.read().unwrap_or_else(PoisonError::into_inner).values().map(|g| g.len()).sum()
    }

    /// Returns whether no gallery has any template.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
