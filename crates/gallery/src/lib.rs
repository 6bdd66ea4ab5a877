//! Templates in, ranked people out.
//!
//! A [`Gallery`] holds the templates of one library in memory and answers exact top-N searches, on the calling thread or by a
//! [`Scanner`], whose threads let all searches of a gallery share one way through memory. [`Galleries`] keeps one gallery
//! a library. This crate knows no picture, no name and no database: a person and a face are row ids.
//!
//! A search reads 8 bits of each number and asks which templates could, at the most that the other bits may add, be among the
//! best. Those few are compared in full. So it is exact, and reads a quarter of what single-precision numbers take.

use aicp_types::{FaceId, LibraryId, PersonId};
mod across;
mod codes;
mod gallery;
mod kernel;
mod ranking;
mod scanner;
mod segment;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

pub use gallery::Gallery;
pub use kernel::Kernel;
pub use scanner::{Filter, Scanner, Search, SearchAll};

/// Why a template or a probe was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It has another number of dimensions than the gallery.
    #[error("a vector of {found} dimensions in a gallery of {expected}")]
    Dimensions {
        /// The gallery's number of dimensions.
        expected: usize,
        /// The vector's.
        found: usize,
    },
    /// It has no finite length.
    #[error("a vector without a finite length")]
    NotFinite,
}

/// Who a template is of.
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
    /// The person and the best matching of their faces.
    pub entry: Entry,
    /// The cosine of probe and template, -1..1.
    pub cosine: f32,
}

/// What to look for.
pub struct Query<'a> {
    /// How many people at most.
    pub top_n: usize,
    /// Only cosines strictly above this count; `f32::NEG_INFINITY` for all.
    pub above: f32,
    /// Only entries for which this holds count.
    pub filter: Option<&'a (dyn Fn(&Entry) -> bool + Sync)>,
}

/// One gallery for each library.
pub struct Galleries {
    dimensions: usize,
    by_library: RwLock<HashMap<LibraryId, Arc<Gallery>>>,
}

impl Galleries {
    /// No galleries yet; all will be of this many dimensions.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, by_library: RwLock::new(HashMap::new()) }
    }

    /// The gallery of a library, if anything was ever put in.
    pub fn find(&self, library: LibraryId) -> Option<Arc<Gallery>> {
        self.by_library.read().unwrap_or_else(PoisonError::into_inner).get(&library).cloned()
    }

    /// The gallery of a library, made if there is none.
    pub fn open(&self, library: LibraryId) -> Arc<Gallery> {
        if let Some(gallery) = self.find(library) {
            return gallery;
        }
        let mut galleries = self.by_library.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(galleries.entry(library).or_insert_with(|| Arc::new(Gallery::new(self.dimensions))))
    }

    /// Forgets a library's gallery.
    pub fn close(&self, library: LibraryId) {
        self.by_library.write().unwrap_or_else(PoisonError::into_inner).remove(&library);
    }

    /// How many templates are in all galleries together.
    pub fn len(&self) -> usize {
        self.by_library.read().unwrap_or_else(PoisonError::into_inner).values().map(|g| g.len()).sum()
    }

    /// Whether no template is in any gallery.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
