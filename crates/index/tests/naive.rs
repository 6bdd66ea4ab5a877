//! The local index against a naive one.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use aicp_index::{
    Axes, DamagedFace, Error, Filter, Hit, Index, IndexChange, IndexedFace, LazyAxes, LocalIndex, Query, Result,
    Rotation, TemplateSource,
};
use aicp_types::{FaceId, LibraryId, PersonId, Sequence};
use async_trait::async_trait;
use proptest::prelude::*;

const DIMENSIONS: usize = 19;
/// Difference of two cosines that rounding explains.
const ROUNDING: f32 = 1e-5;

/// An index that compares everything with everything.
#[derive(Default)]
struct NaiveIndex(Mutex<State>);

#[derive(Default)]
struct State {
    applied: Sequence,
    faces: HashMap<FaceId, (LibraryId, PersonId, Vec<f32>)>,
}

impl NaiveIndex {
    fn insert(&self, library: LibraryId, faces: &[IndexedFace]) {
        let mut state = self.0.lock().expect("nobody panicked");
        state.faces.extend(faces.iter().map(|face| (face.face, (library, face.person, face.template.clone()))));
    }
}

#[async_trait]
impl Index for NaiveIndex {
    async fn load(&self, library: LibraryId, faces: Vec<IndexedFace>) -> Result<Vec<DamagedFace>> {
        self.insert(library, &faces);
        Ok(Vec::new())
    }

    async fn apply(&self, sequence: Sequence, changes: &[IndexChange]) -> Result<Vec<DamagedFace>> {
        for change in changes {
            match change {
                IndexChange::FacesAdded { library, faces } => self.insert(*library, faces),
                IndexChange::FacesRemoved { library, faces } => {
                    let mut state = self.0.lock().expect("nobody panicked");
                    state.faces.retain(|face, row| row.0 != *library || !faces.contains(face));
                }
                IndexChange::LibraryRemoved { library } => {
                    self.0.lock().expect("nobody panicked").faces.retain(|_, row| row.0 != *library);
                }
            }
        }
        self.0.lock().expect("nobody panicked").applied = sequence;
        Ok(Vec::new())
    }

    fn applied(&self) -> Sequence {
        self.0.lock().expect("nobody panicked").applied
    }

    async fn search(&self, libraries: &[LibraryId], probes: Vec<Vec<f32>>, query: Query) -> Result<Vec<Vec<Hit>>> {
        let state = self.0.lock().expect("nobody panicked");
        let hits = |probe: Vec<f32>| {
            let rows = state.faces.iter().filter(|(_, (library, person, _))| {
                libraries.contains(library)
                    && match &query.filter {
                        Filter::All => true,
                        Filter::People(people) => people.contains(person),
                    }
            });
            let mut hits: Vec<Hit> = rows
                .map(|(face, (_, person, template))| Hit {
                    person: *person,
                    face: *face,
                    cosine: template.iter().zip(&probe).map(|(a, b)| a * b).sum(),
                })
                .filter(|hit| hit.cosine > query.floor)
                .collect();
            hits.sort_by(|a, b| b.cosine.total_cmp(&a.cosine).then(a.face.cmp(&b.face)));
            let mut seen = HashSet::new();
            hits.retain(|hit| seen.insert(hit.person));
            hits.truncate(query.top_n);
            hits
        };
        Ok(probes.into_iter().map(hits).collect())
    }

    fn all_faces(&self) -> usize {
        0
    }

    fn faces(&self, libraries: &[LibraryId]) -> usize {
        let state = self.0.lock().expect("nobody panicked");
        state.faces.values().filter(|(library, ..)| libraries.contains(library)).count()
    }
}

/// Large libraries ask the naive index for templates, and are rotated after a few faces.
impl TemplateSource for NaiveIndex {
    fn read(&self, faces: &[FaceId]) -> aicp_index::GalleryResult<Vec<Option<Vec<f32>>>> {
        let state = self.0.lock().expect("nobody panicked");
        Ok(faces.iter().map(|face| state.faces.get(face).map(|(.., template)| template.clone())).collect())
    }
}

fn rotation(source: Arc<NaiveIndex>) -> Rotation {
    let axes = || Axes::of_vectors(DIMENSIONS, &(0..2000).flat_map(vector).collect::<Vec<f32>>()).ok();
    Rotation { axes: Arc::new(LazyAxes::new(Box::new(axes))), source, min_rows: 30 }
}

/// Returns a unit vector that depends on the seed alone; most of its length is along few axes.
fn vector(seed: u16) -> Vec<f32> {
    let raw: Vec<f32> =
        (0..DIMENSIONS).map(|i| ((f32::from(seed) + 1.0) * (i as f32 + 0.7)).sin() * 0.6f32.powi(i as i32)).collect();
    let length = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    raw.into_iter().map(|v| v / length).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Load { faces: Vec<(i64, u16)> },
    Add { faces: Vec<(i64, u16)> },
    Remove { faces: Vec<i64> },
    RemoveLibrary { library: i64 },
    Search { libraries: Vec<i64>, probes: Vec<u16>, top_n: usize, floor: f32, people: Option<HashSet<i64>> },
}

fn step() -> impl Strategy<Value = Step> {
    use proptest::collection::{hash_set, vec};
    let face = || (0i64..400, 0u16..2000);
    prop_oneof![
        1 => vec(face(), 0..40).prop_map(|faces| Step::Load { faces }),
        4 => vec(face(), 0..40).prop_map(|faces| Step::Add { faces }),
        2 => vec(0i64..400, 0..20).prop_map(|faces| Step::Remove { faces }),
        1 => (0i64..4).prop_map(|library| Step::RemoveLibrary { library }),
        4 => (hash_set(0i64..5, 0..5), vec(0u16..2000, 0..4), 0usize..12, -1.0f32..1.0, proptest::option::of(hash_set(0i64..80, 0..30)))
            .prop_map(|(libraries, probes, top_n, floor, people)| {
                Step::Search { libraries: libraries.into_iter().collect(), probes, top_n, floor, people }
            }),
    ]
}

/// A face belongs to one library and one person, as in the store.
fn library_of(face: i64) -> LibraryId {
    LibraryId::new(face % 4)
}

fn by_library(faces: &[(i64, u16)]) -> HashMap<LibraryId, Vec<IndexedFace>> {
    let mut sorted: HashMap<LibraryId, Vec<IndexedFace>> = HashMap::new();
    for &(face, seed) in faces {
        // Each person has faces of one library.
        let person = PersonId::new(face % 80);
        let face = IndexedFace { person, face: FaceId::new(face), template: vector(seed) };
        sorted.entry(library_of(face.face.get())).or_default().push(face);
    }
    sorted
}

/// Compares hits up to rounding: the people of a rank may differ if their cosines do not.
fn assert_alike(found: &[Hit], expected: &[Hit], floor: f32) {
    let at_the_floor = |hit: Option<&Hit>| hit.is_none_or(|hit| (hit.cosine - floor).abs() < ROUNDING);
    if found.len() != expected.len() {
        let common = found.len().min(expected.len());
        assert!(at_the_floor(found.get(common)) && at_the_floor(expected.get(common)), "{found:?} {expected:?}");
    }
    for (rank, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a.cosine - b.cosine).abs() < ROUNDING, "rank {rank}: {found:?} {expected:?}");
        let is_clear =
            expected.iter().enumerate().all(|(i, hit)| i == rank || (hit.cosine - b.cosine).abs() > ROUNDING)
                && rank + 1 < expected.len();
        assert!(!is_clear || (a.person, a.face) == (b.person, b.face), "rank {rank}: {found:?} {expected:?}");
    }
    assert_eq!(found.iter().map(|hit| hit.person).collect::<HashSet<_>>().len(), found.len(), "a person twice");
}

async fn run(steps: Vec<Step>) {
    let naive = Arc::new(NaiveIndex::default());
    let local = LocalIndex::start(DIMENSIONS, Some(rotation(Arc::clone(&naive)))).expect("threads start");
    let naive = &*naive;
    let indexes: [&dyn Index; 2] = [naive, &local];
    let mut sequence = 0;
    for step in steps {
        let changes = match step {
            Step::Load { faces } => {
                for (library, faces) in by_library(&faces) {
                    for index in indexes {
                        assert!(index.load(library, faces.clone()).await.expect("it fits").is_empty());
                    }
                }
                continue;
            }
            Step::Add { faces } => {
                let changes = by_library(&faces).into_iter();
                changes.map(|(library, faces)| IndexChange::FacesAdded { library, faces }).collect()
            }
            Step::Remove { faces } => {
                let of = |library| faces.iter().copied().filter(move |face| library_of(*face) == library);
                let removed = |library: LibraryId| of(library).map(FaceId::new).collect();
                let libraries = (0..4).map(LibraryId::new);
                libraries.map(|library| IndexChange::FacesRemoved { library, faces: removed(library) }).collect()
            }
            Step::RemoveLibrary { library } => {
                vec![IndexChange::LibraryRemoved { library: LibraryId::new(library) }]
            }
            Step::Search { libraries, probes, top_n, floor, people } => {
                let libraries: Vec<LibraryId> = libraries.into_iter().map(LibraryId::new).collect();
                let probes: Vec<Vec<f32>> = probes.into_iter().map(vector).collect();
                let people = people.map(|people| people.into_iter().map(PersonId::new).collect());
                let query = Query { top_n, floor, filter: people.map_or(Filter::All, Filter::People) };
                let found = local.search(&libraries, probes.clone(), query.clone()).await.expect("an answer");
                let expected = naive.search(&libraries, probes.clone(), query).await.expect("an answer");
                assert_eq!(found.len(), probes.len());
                for (found, expected) in found.iter().zip(&expected) {
                    assert_alike(found, expected, floor);
                }
                assert_eq!(local.faces(&libraries), naive.faces(&libraries));
                continue;
            }
        };
        sequence += 1;
        for index in indexes {
            assert!(index.apply(Sequence::new(sequence), &changes).await.expect("it fits").is_empty());
            assert_eq!(index.applied(), Sequence::new(sequence));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn the_local_index_answers_as_a_naive_one(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(run(steps));
    }
}

#[tokio::test]
async fn a_damaged_template_is_left_out_and_named() {
    let index = LocalIndex::start(DIMENSIONS, None).expect("threads start");
    let library = LibraryId::new(1);
    let face = |face, template| IndexedFace { person: PersonId::new(face), face: FaceId::new(face), template };
    let mut long = vector(2);
    long[0] += 0.5;
    let faces = vec![face(1, vector(1)), face(2, long), face(3, vec![1.0]), face(4, vec![f32::NAN; DIMENSIONS])];
    let damaged = [2, 3, 4].map(|face| DamagedFace { library, face: FaceId::new(face) });
    assert_eq!(index.load(library, faces.clone()).await.expect("an answer"), damaged);
    let again = IndexChange::FacesAdded { library, faces };
    assert_eq!(index.apply(Sequence::new(7), &[again]).await.expect("an answer"), damaged);
    assert_eq!((index.faces(&[library]), index.applied()), (1, Sequence::new(7)));
}

#[tokio::test]
async fn a_probe_that_does_not_fit_is_refused() {
    let index = LocalIndex::start(DIMENSIONS, None).expect("threads start");
    let library = LibraryId::new(1);
    let face = IndexedFace { person: PersonId::new(1), face: FaceId::new(1), template: vector(1) };
    index.load(library, vec![face]).await.expect("it fits");
    let query = Query { top_n: 1, floor: f32::NEG_INFINITY, filter: Filter::All };
    for probe in [vec![1.0], vec![f32::NAN; DIMENSIONS]] {
        let found = index.search(&[library], vec![vector(1), probe], query.clone()).await;
        assert!(matches!(found, Err(Error::BadProbe(_))));
    }
}
