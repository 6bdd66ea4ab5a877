//! State of the simulator: libraries, faces and the engine that searches them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aicp_types::{FaceId, LibraryId, PersonId, Sequence};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use aicp_backends::{
    Assessment, Biometrics, Builtin, Candidate, CandidateKey, IndexChange, IndexedFace, LocalIndex, TemplateRow,
};
use aicp_vision::{Rect, Vision};

use crate::Result;
use crate::journal::{Journal, Op};

/// Why a call fails.
#[derive(Debug)]
pub(crate) enum Refusal {
    BadPicture,
    BadRequest(String),
    Forbidden,
    LibraryMissing,
    LibraryExists,
    FaceMissing,
    FaceExists,
    /// An internal error of the simulator.
    Broken,
}

impl From<aicp_backends::Error> for Refusal {
    fn from(e: aicp_backends::Error) -> Self {
        match e {
            aicp_backends::Error::BadPicture(_) | aicp_backends::Error::NoFace => Self::BadPicture,
            _ => Self::Broken,
        }
    }
}

/// A matching face.
pub(crate) struct Hit {
    pub face: String,
    pub tag: String,
    /// Similarity, 0..1.
    pub score: f64,
}

/// A face as `GET /simulator/faces` lists it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FaceListing {
    pub face_id: String,
    pub tag: String,
    pub sha256: String,
}

/// The state of the simulator.
pub(crate) struct World {
    engine: Builtin,
    /// Number of changes of the index.
    changes: AtomicU64,
    any_library: bool,
    state: Mutex<WorldState>,
}

struct WorldState {
    journal: Journal,
    libraries: BTreeMap<String, Library>,
    by_row: HashMap<FaceId, (String, String)>,
    last_row: i64,
}

struct Library {
    row: LibraryId,
    name: String,
    faces: BTreeMap<String, Face>,
}

struct Face {
    row: FaceId,
    tag: String,
    sha256: String,
}

impl WorldState {
    fn next_row(&mut self) -> i64 {
        self.last_row += 1;
        self.last_row
    }

    /// Applies a write to everything but the galleries. Returns, for a new face, the rows of its library and of the
    /// face.
    fn apply(&mut self, op: &Op) -> Option<(LibraryId, FaceId)> {
        match op {
            Op::CreateLibrary { library, name } => {
                let row = LibraryId::new(self.next_row());
                let made = Library { row, name: name.clone(), faces: BTreeMap::new() };
                self.libraries.insert(library.clone(), made);
                None
            }
            Op::DeleteLibrary { library } => {
                let gone = self.libraries.remove(library)?;
                for face in gone.faces.values() {
                    self.by_row.remove(&face.row);
                }
                None
            }
            Op::Add { library, face, tag, sha256, .. } => {
                let row = FaceId::new(self.next_row());
                let into = self.libraries.get_mut(library)?;
                let kept = Face { row, tag: tag.clone(), sha256: sha256.clone() };
                into.faces.insert(face.clone(), kept);
                self.by_row.insert(row, (library.clone(), face.clone()));
                Some((into.row, row))
            }
            Op::Remove { library, face } => {
                let gone = self.libraries.get_mut(library)?.faces.remove(face)?;
                self.by_row.remove(&gone.row);
                None
            }
        }
    }
}

impl World {
    /// Restores the state from the journal of a folder.
    pub async fn open(folder: &Path, any_library: bool, vision: Vision) -> Result<Self> {
        let (journal, ops) = Journal::open(folder)?;
        let mut state = WorldState { journal, libraries: BTreeMap::new(), by_row: HashMap::new(), last_row: 0 };
        let mut templates = HashMap::new();
        for op in &ops {
            if let (Some((library, row)), Op::Add { template, .. }) = (state.apply(op), op) {
                // An invalid template becomes an empty vector, which the index refuses.
                templates.insert(row, (library, floats(&STANDARD.decode(template).unwrap_or_default())));
            }
        }
        templates.retain(|row, _| state.by_row.contains_key(row));
        let index = LocalIndex::start(vision.dimensions(), None).map_err(aicp_backends::Error::from)?;
        let engine = Builtin::new(Arc::new(vision), Arc::new(index));
        let rows = templates.into_iter();
        let rows = rows.map(|(face, (library, vector))| TemplateRow {
            library,
            face: indexed(face, vector),
            recognisability: Some(1.0),
        });
        engine.load(rows.collect(), 0.0).await?;
        Ok(Self { engine, changes: AtomicU64::new(0), any_library, state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, WorldState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes a write on a blocking thread.
    async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        job: impl FnOnce(&Self, &mut WorldState) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let world = Arc::clone(self);
        let written = tokio::task::spawn_blocking(move || job(&world, &mut world.state()));
        written.await.unwrap_or(Err(Refusal::Broken))
    }

    /// Applies a change to the index. Must run on a blocking thread, under the lock of the state, which keeps the
    /// changes in order.
    fn apply(&self, change: IndexChange) -> Result<(), Refusal> {
        let sequence = Sequence::new(self.changes.fetch_add(1, Ordering::Relaxed) + 1);
        let damaged = Handle::current().block_on(self.engine.apply(sequence, &[change]))?;
        if damaged.is_empty() { Ok(()) } else { Err(Refusal::Broken) }
    }

    pub async fn create_library(self: &Arc<Self>, library: String, name: String) -> Result<(), Refusal> {
        self.write(move |_, state| {
            if state.libraries.contains_key(&library) {
                return Err(Refusal::LibraryExists);
            }
            record(state, &Op::CreateLibrary { library, name }).map(drop)
        })
        .await
    }

    pub async fn delete_library(self: &Arc<Self>, library: String) -> Result<(), Refusal> {
        self.write(move |world, state| {
            let row = state.libraries.get(&library).ok_or(Refusal::LibraryMissing)?.row;
            record(state, &Op::DeleteLibrary { library })?;
            world.apply(IndexChange::LibraryRemoved { library: row })
        })
        .await
    }

    /// Adds a face and returns its box in the picture.
    pub async fn add(
        self: &Arc<Self>,
        library: String,
        face: String,
        tag: String,
        picture: Bytes,
    ) -> Result<Option<Rect>, Refusal> {
        if !self.any_library {
            self.library(&library)?;
        }
        let sha256 = hex::encode(Sha256::digest(&picture));
        let area = self.engine.detect(picture.clone().into()).await?.first().map(|face| face.area);
        // Stores the feature of a probe instead of an enrolment template: at a vendor's engine a picture matches itself
        // with similarity 1.
        let vector = floats(&self.engine.assess(picture.into()).await?.feature);
        self.write(move |world, state| {
            match state.libraries.get(&library) {
                Some(known) if known.faces.contains_key(&face) => return Err(Refusal::FaceExists),
                Some(_) => {}
                None if world.any_library => {
                    record(state, &Op::CreateLibrary { library: library.clone(), name: String::new() })?;
                }
                None => return Err(Refusal::LibraryMissing),
            }
            let template = STANDARD.encode(vector.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>());
            let rows = record(state, &Op::Add { library, face, tag, sha256, template })?;
            let (library, row) = rows.ok_or(Refusal::Broken)?;
            let faces = vec![indexed(row, vector)];
            world.apply(IndexChange::FacesAdded { library, faces })
        })
        .await?;
        Ok(area)
    }

    pub async fn remove(self: &Arc<Self>, library: String, face: String) -> Result<(), Refusal> {
        self.write(move |world, state| {
            let known = state.libraries.get(&library).ok_or(Refusal::LibraryMissing)?;
            let (into, row) = (known.row, known.faces.get(&face).ok_or(Refusal::FaceMissing)?.row);
            record(state, &Op::Remove { library, face })?;
            world.apply(IndexChange::FacesRemoved { library: into, faces: vec![row] })
        })
        .await
    }

    pub async fn search(&self, library: &str, picture: Bytes, top_n: usize) -> Result<Vec<Hit>, Refusal> {
        let library = self.library(library)?;
        let found = self.engine.identify(&[library], picture.into(), top_n).await?;
        Ok(self.hits(found))
    }

    pub async fn search_many(
        &self,
        library: &str,
        picture: Bytes,
        top_n: usize,
    ) -> Result<Vec<(Rect, Vec<Hit>)>, Refusal> {
        let library = self.library(library)?;
        let found = self.engine.identify_many(&[library], None, picture.into(), top_n).await?;
        Ok(found.into_iter().map(|found| (found.face.area, self.hits(found.candidates))).collect())
    }

    pub async fn compare(&self, a: Bytes, b: Bytes) -> Result<f64, Refusal> {
        Ok(f64::from(self.engine.compare(a.into(), b.into()).await?))
    }

    pub async fn detect(&self, picture: Bytes) -> Result<Vec<Rect>, Refusal> {
        Ok(self.engine.detect(picture.into()).await?.into_iter().map(|face| face.area).collect())
    }

    pub async fn assess(&self, picture: Bytes) -> Result<Assessment, Refusal> {
        Ok(self.engine.assess(picture.into()).await?)
    }

    /// Returns every library with its name and faces.
    pub fn libraries(&self) -> Vec<(String, String, Vec<FaceListing>)> {
        let state = self.state();
        let listed = state.libraries.iter().map(|(id, library)| {
            let faces = library.faces.iter().map(|(face_id, face)| FaceListing {
                face_id: face_id.clone(),
                tag: face.tag.clone(),
                sha256: face.sha256.clone(),
            });
            (id.clone(), library.name.clone(), faces.collect())
        });
        listed.collect()
    }

    /// Returns the tag of a face.
    pub fn face(&self, library: &str, face: &str) -> Result<String, Refusal> {
        let state = self.state();
        let library = state.libraries.get(library).ok_or(Refusal::LibraryMissing)?;
        Ok(library.faces.get(face).ok_or(Refusal::FaceMissing)?.tag.clone())
    }

    fn library(&self, id: &str) -> Result<LibraryId, Refusal> {
        Ok(self.state().libraries.get(id).ok_or(Refusal::LibraryMissing)?.row)
    }

    /// Returns the hits for those candidates that still exist.
    fn hits(&self, found: Vec<Candidate>) -> Vec<Hit> {
        let state = self.state();
        let hits = found.into_iter().filter_map(|candidate| {
            let CandidateKey::Row(row) = candidate.face else { return None };
            let (library, face) = state.by_row.get(&row)?;
            let tag = state.libraries.get(library)?.faces.get(face)?.tag.clone();
            Some(Hit { face: face.clone(), tag, score: f64::from(candidate.similarity) })
        });
        hits.collect()
    }
}

/// Appends a write to the journal and applies it.
fn record(state: &mut WorldState, op: &Op) -> Result<Option<(LibraryId, FaceId)>, Refusal> {
    state.journal.append(op).map_err(|_| Refusal::Broken)?;
    Ok(state.apply(op))
}

/// Makes a face of the index; the simulator knows no people, so each face is a person.
fn indexed(face: FaceId, template: Vec<f32>) -> IndexedFace {
    IndexedFace { person: PersonId::new(face.get()), face, template }
}

/// Decodes little-endian floats.
fn floats(bytes: &[u8]) -> Vec<f32> {
    let (floats, _) = bytes.as_chunks::<4>();
    floats.iter().map(|&float| f32::from_le_bytes(float)).collect()
}

/// Returns 32 random lower-case hex digits.
pub(crate) fn random_id() -> Result<String, Refusal> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::Broken)?;
    Ok(hex::encode(bytes))
}

/// Decodes a picture from base64.
pub(crate) fn picture(text: &str) -> Result<Bytes, Refusal> {
    STANDARD.decode(text).map(Bytes::from).map_err(|_| Refusal::BadPicture)
}

/// Rounds a box to whole pixels.
pub(crate) fn round_box(area: &Rect) -> [i64; 4] {
    [area.x, area.y, area.width, area.height].map(|side| side.round() as i64)
}
