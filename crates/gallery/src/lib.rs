//! Templates in, ranked people out.
//!
//! A [`Gallery`] holds the templates of one library in memory and answers exact top-N searches. Readers take a
//! snapshot and never wait for writers; a writer copies the one block that it changes. [`Galleries`] keeps one
//! gallery a library. This crate knows no picture, no name and no database: a person and a face are row ids.

mod block;
mod ranking;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;
use block::Block;
use ranking::Ranking;

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
}

/// Who a template is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Row id of the person.
    pub person: i64,
    /// Row id of the face.
    pub face: i64,
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

/// The templates of one library.
pub struct Gallery {
    dimensions: usize,
    /// What readers see. Replaced as a whole, so a search works on one consistent state.
    blocks: ArcSwap<Vec<Arc<Block>>>,
    /// Which block holds which face; held by the one writer at a time.
    places: Mutex<HashMap<i64, usize>>,
}

impl Gallery {
    /// An empty gallery for unit vectors of this many dimensions.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, blocks: ArcSwap::from_pointee(Vec::new()), places: Mutex::new(HashMap::new()) }
    }

    /// Puts a template in, in place of the one that the face had.
    ///
    /// # Errors
    /// [`Error::Dimensions`] if the vector does not fit.
    pub fn insert(&self, entry: Entry, vector: &[f32]) -> Result<(), Error> {
        self.extend(std::iter::once((entry, vector)))
    }

    /// Puts many templates in; readers see all of them at once.
    ///
    /// # Errors
    /// [`Error::Dimensions`] at the first vector that does not fit; those before it are in.
    pub fn extend<V: AsRef<[f32]>>(&self, templates: impl IntoIterator<Item = (Entry, V)>) -> Result<(), Error> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = Vec::clone(&self.blocks.load());
        let mut outcome = Ok(());
        for (entry, vector) in templates {
            let vector = vector.as_ref();
            if vector.len() != self.dimensions {
                outcome = Err(Error::Dimensions { expected: self.dimensions, found: vector.len() });
                break;
            }
            take_out(&mut blocks, &mut places, entry.face);
            if blocks.last().is_none_or(|block| block.is_full()) {
                blocks.push(Arc::new(Block::new(self.dimensions)));
            }
            let last = blocks.len() - 1;
            Arc::make_mut(&mut blocks[last]).push(entry, vector);
            places.insert(entry.face, last);
        }
        self.blocks.store(Arc::new(blocks));
        outcome
    }

    /// Takes faces out; readers see all of them go at once. Faces that are not there are passed over.
    pub fn remove(&self, faces: &[i64]) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut blocks = Vec::clone(&self.blocks.load());
        for &face in faces {
            take_out(&mut blocks, &mut places, face);
        }
        self.blocks.store(Arc::new(blocks));
    }

    /// How many templates are in.
    pub fn len(&self) -> usize {
        self.blocks.load().iter().map(|block| block.len()).sum()
    }

    /// Whether no template is in.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The people most like the probe (a unit vector), best first, equal cosines by face id; each person once, with
    /// the best of their faces. Exact: every template is compared.
    ///
    /// # Errors
    /// [`Error::Dimensions`] if the probe does not fit.
    pub fn search(&self, probe: &[f32], query: &Query<'_>) -> Result<Vec<Hit>, Error> {
        if probe.len() != self.dimensions {
            return Err(Error::Dimensions { expected: self.dimensions, found: probe.len() });
        }
        let mut ranking = Ranking::new(query.top_n, query.above);
        for block in self.blocks.load_full().iter() {
            block.rank(probe, query.filter, &mut ranking);
        }
        Ok(ranking.into_hits())
    }
}

/// Takes a face out of its block and keeps every block but the last full, by moving the very last template into the
/// gap.
fn take_out(blocks: &mut Vec<Arc<Block>>, places: &mut HashMap<i64, usize>, face: i64) {
    let Some(index) = places.remove(&face) else { return };
    let last = blocks.len() - 1;
    let block = Arc::make_mut(&mut blocks[index]);
    block.remove(face);
    if index != last
        && let Some((entry, vector)) = Arc::make_mut(&mut blocks[last]).pop()
    {
        Arc::make_mut(&mut blocks[index]).push(entry, &vector);
        places.insert(entry.face, index);
    }
    if blocks[last].is_empty() {
        blocks.pop();
    }
}

/// One gallery for each library.
pub struct Galleries {
    dimensions: usize,
    by_library: RwLock<HashMap<i64, Arc<Gallery>>>,
}

impl Galleries {
    /// No galleries yet; all will be of this many dimensions.
    pub fn new(dimensions: usize) -> Self {
        Self { dimensions, by_library: RwLock::new(HashMap::new()) }
    }

    /// The gallery of a library, if anything was ever put in.
    pub fn find(&self, library: i64) -> Option<Arc<Gallery>> {
        self.by_library.read().unwrap_or_else(PoisonError::into_inner).get(&library).cloned()
    }

    /// The gallery of a library, made if there is none.
    pub fn open(&self, library: i64) -> Arc<Gallery> {
        if let Some(gallery) = self.find(library) {
            return gallery;
        }
        let mut galleries = self.by_library.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(galleries.entry(library).or_insert_with(|| Arc::new(Gallery::new(self.dimensions))))
    }

    /// Forgets a library's gallery.
    pub fn close(&self, library: i64) {
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
