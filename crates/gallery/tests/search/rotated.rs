//! Large galleries, which store rotated heads.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};

use aicp_gallery::{
    Axes, AxesError, Entry, Error, Galleries, Gallery, Hit, Kernel, LazyAxes, Query, Result, Rotation, Scanner, Search,
    SearchAll, TemplateSource,
};
use aicp_types::{FaceId, LibraryId};
use proptest::prelude::*;

use crate::{assert_like, entry, naive};

pub(crate) const DIMENSIONS: usize = 40;
/// Ratio of the sizes of one number and the next.
pub(crate) const DECAY: f32 = 0.75;

/// Templates that a gallery asks for.
#[derive(Default)]
pub(crate) struct Source {
    templates: Mutex<HashMap<FaceId, Vec<f32>>>,
    is_broken: AtomicBool,
    asked: Mutex<usize>,
}

impl Source {
    pub fn put(&self, face: FaceId, vector: &[f32]) {
        self.templates.lock().expect("no panic").insert(face, vector.to_vec());
    }

    pub fn take(&self, face: FaceId) {
        self.templates.lock().expect("no panic").remove(&face);
    }
}

impl TemplateSource for Source {
    fn read(&self, faces: &[FaceId]) -> Result<Vec<Option<Vec<f32>>>> {
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(Error::Source("broken".to_owned()));
        }
        *self.asked.lock().expect("no panic") += faces.len();
        let templates = self.templates.lock().expect("no panic");
        Ok(faces.iter().map(|face| templates.get(face).cloned()).collect())
    }
}

pub(crate) fn rotation(axes: Axes, min_rows: usize) -> (Rotation, Arc<Source>) {
    let source = Arc::new(Source::default());
    let axes = Arc::new(LazyAxes::new(Box::new(|| Some(axes))));
    (Rotation { axes, source: Arc::clone(&source) as _, min_rows }, source)
}

/// Returns unit vectors whose numbers become ever smaller, turned so that none of them stands alone.
pub(crate) fn vectors(dimensions: usize, decay: f32, count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let mut number = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut vector = || {
        let mut raw: Vec<f32> = (0..dimensions).map(|i| number() * decay.powi(i as i32)).collect();
        // The butterflies of a Hadamard transform: an orthogonal turn.
        let mut width = 1;
        while width * 2 <= dimensions {
            for at in (0..dimensions / (2 * width) * 2 * width).step_by(2 * width) {
                for i in at..at + width {
                    (raw[i], raw[i + width]) = (raw[i] + raw[i + width], raw[i] - raw[i + width]);
                }
            }
            width *= 2;
        }
        unit(&raw)
    };
    (0..count).map(|_| vector()).collect()
}

fn unit(raw: &[f32]) -> Vec<f32> {
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    raw.iter().map(|v| v / norm).collect()
}

pub(crate) fn axes_of(vectors: &[Vec<f32>]) -> Axes {
    Axes::of_vectors(vectors[0].len(), &vectors.concat()).expect("axes")
}

/// Returns a gallery that is rotated from the beginning, as these vectors fill few dimensions, and its source.
pub(crate) fn filled(dimensions: usize, kernel: Kernel, templates: &[(Entry, Vec<f32>)]) -> (Gallery, Arc<Source>) {
    let sample: Vec<Vec<f32>> = templates.iter().map(|(_, vector)| vector.clone()).take(2000).collect();
    let (rotation, source) = rotation(axes_of(&sample), 1);
    let gallery = Gallery::with_kernel(dimensions, kernel).with_rotation(rotation);
    templates.iter().for_each(|(entry, vector)| source.put(entry.face, vector));
    gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    assert!(gallery.is_rotated());
    (gallery, source)
}

pub(crate) fn numbered(vectors: Vec<Vec<f32>>) -> Vec<(Entry, Vec<f32>)> {
    vectors.into_iter().enumerate().map(|(id, vector)| (entry(id as i64 / 2, id as i64), vector)).collect()
}

pub(crate) fn all(top_n: usize) -> Query<'static> {
    Query { top_n, above: f32::NEG_INFINITY, filter: None }
}

fn entries(hits: &[Hit]) -> Vec<Entry> {
    hits.iter().map(|hit| hit.entry).collect()
}

#[derive(Debug, Clone)]
enum Step {
    Insert { face: i64, person: i64, vector: usize },
    Remove { faces: Vec<i64> },
    Search { vector: usize, top_n: usize, above: f32, odd_only: bool },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0i64..500, 0i64..200, 0usize..80).prop_map(|(face, person, vector)| Step::Insert { face, person, vector }),
        2 => proptest::collection::vec(0i64..500, 0..6).prop_map(|faces| Step::Remove { faces }),
        2 => (0usize..80, 0usize..12, -1.0f32..1.0, any::<bool>())
            .prop_map(|(vector, top_n, above, odd_only)| Step::Search { vector, top_n, above, odd_only }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// Also while the gallery grows large and is rotated, with equal scores among the 80 vectors.
    #[test]
    fn answers_as_the_naive_list(steps in proptest::collection::vec(step(), 1..700), min_rows in 0usize..200) {
        let pool = vectors(DIMENSIONS, DECAY, 80, 5);
        let (rotation, source) = rotation(axes_of(&pool), min_rows);
        let gallery = Gallery::new(DIMENSIONS).with_rotation(rotation);
        let mut list: Vec<(Entry, Vec<f32>)> = Vec::new();
        for step in steps {
            match step {
                Step::Insert { face, person, vector } => {
                    let new = entry(person, face);
                    source.put(new.face, &pool[vector]);
                    gallery.insert(new, &pool[vector]).expect("fits");
                    list.retain(|(e, _)| e.face != new.face);
                    list.push((new, pool[vector].clone()));
                }
                Step::Remove { faces } => {
                    let faces: Vec<FaceId> = faces.into_iter().map(FaceId::new).collect();
                    gallery.remove(&faces);
                    faces.iter().for_each(|&face| source.take(face));
                    list.retain(|(e, _)| !faces.contains(&e.face));
                }
                Step::Search { vector, top_n, above, odd_only } => {
                    let odd = |e: &Entry| e.face.get() % 2 == 1;
                    let filter: Option<&(dyn Fn(&Entry) -> bool + Sync)> = if odd_only { Some(&odd) } else { None };
                    let found = gallery.search(&pool[vector], &Query { top_n, above, filter }).expect("fits");
                    assert_like(&found, &naive(&list, &pool[vector], top_n, above, odd_only), above);
                }
            }
            prop_assert_eq!(gallery.len(), list.len());
        }
    }

    /// Any vectors: the axes are those of others, so that heads and tails are as they come.
    #[test]
    fn nothing_is_pruned_that_a_brute_force_returns(
        raw in proptest::collection::vec(proptest::collection::vec(-1f32..1.0, DIMENSIONS), 1..60),
        probe in proptest::collection::vec(-1f32..1.0, DIMENSIONS),
        top_n in 1usize..8, scale in 0.01f32..10.0,
    ) {
        let mut templates = numbered(vectors(DIMENSIONS, DECAY, 300, 9));
        let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &templates);
        for (number, raw) in raw.iter().enumerate() {
            let new = entry(1000 + number as i64, 1000 + number as i64);
            add(&gallery, &source, &mut templates, new, raw.iter().map(|number| number * scale).collect());
        }
        let found = gallery.search(&unit(&probe), &all(top_n)).expect("fits");
        assert_like(&found, &naive(&templates, &unit(&probe), top_n, f32::NEG_INFINITY, false), f32::NEG_INFINITY);
    }
}

fn add(gallery: &Gallery, source: &Source, list: &mut Vec<(Entry, Vec<f32>)>, new: Entry, vector: Vec<f32>) {
    source.put(new.face, &vector);
    gallery.insert(new, &vector).expect("fits");
    list.push((new, vector));
}

/// Equal scores, vectors along one axis alone, in the head, the middle or behind both, and zeros.
#[test]
fn extreme_templates_are_found_as_a_brute_force_finds_them() {
    let usual = vectors(DIMENSIONS, DECAY, 300, 3);
    let axes = axes_of(&usual).rows();
    let mut templates = numbered(usual);
    let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &templates);
    let axis = |number: usize| axes[number * DIMENSIONS..][..DIMENSIONS].to_vec();
    for number in 0..DIMENSIONS {
        for (copy, sign) in [(0, 1.0), (1, 1.0), (2, -1.0)] {
            let id = 1000 + (number * 3 + copy) as i64;
            add(&gallery, &source, &mut templates, entry(id, id), axis(number).iter().map(|v| v * sign).collect());
        }
    }
    add(&gallery, &source, &mut templates, entry(5000, 5000), vec![0.0; DIMENSIONS]);
    let mixed = |a: usize, b: usize| unit(&axis(a).iter().zip(axis(b)).map(|(a, b)| a + b).collect::<Vec<_>>());
    let mut probes: Vec<Vec<f32>> = (0..DIMENSIONS).map(axis).collect();
    probes.extend((0..DIMENSIONS).map(|number| mixed(number, DIMENSIONS - 1 - number)));
    probes.extend([vec![0.0; DIMENSIONS], templates[7].1.clone()]);
    for probe in &probes {
        for (top_n, above) in [(1, f32::NEG_INFINITY), (3, 0.2), (500, f32::NEG_INFINITY)] {
            let found = gallery.search(probe, &Query { top_n, above, filter: None }).expect("fits");
            let truth = naive(&templates, probe, top_n, above, false);
            assert_like(&found, &truth, above);
        }
    }
}

/// As a model's embeddings: few of 512 dimensions have the energy.
#[test]
fn every_kernel_gives_the_answers_of_whole_templates() {
    let templates = numbered(vectors(512, 0.97, 9000, 1));
    let probes: Vec<&[f32]> = templates.iter().step_by(211).map(|(_, vector)| vector.as_slice()).collect();
    let whole = Gallery::new(512);
    whole.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let expected = whole.search_many(&probes, &all(5)).expect("fits");
    for kernel in Kernel::available() {
        let (gallery, source) = filled(512, kernel, &templates);
        assert!(gallery.bytes_scanned() * 3 < whole.bytes_scanned(), "{} bytes", gallery.bytes_scanned());
        assert_eq!(gallery.search_many(&probes, &all(5)).expect("fits"), expected, "{}", kernel.name());
        let asked = *source.asked.lock().expect("no panic");
        assert!(asked < probes.len() * 100, "{asked} templates read for {} probes", probes.len());
        for (probe, hits) in probes.iter().zip(&expected) {
            assert_eq!(&gallery.search(probe, &all(5)).expect("fits"), hits, "{} one by one", kernel.name());
        }
    }
}

#[test]
fn templates_that_fill_their_dimensions_stay_whole() {
    let templates = numbered(vectors(512, 1.0, 3000, 1));
    let (rotation, source) = rotation(axes_of(&vectors(512, 0.97, 2000, 1)), 100);
    let gallery = Gallery::new(512).with_rotation(rotation);
    gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    assert!(!gallery.is_rotated());
    let found = gallery.search(&templates[9].1, &all(3)).expect("fits");
    assert_eq!(
        entries(&found),
        naive(&templates, &templates[9].1, 3, -2.0, false).iter().map(|t| t.0).collect::<Vec<_>>()
    );
    assert_eq!(*source.asked.lock().expect("no panic"), 0);
}

#[test]
fn what_is_refused_and_what_fails() {
    let templates = numbered(vectors(DIMENSIONS, DECAY, 300, 3));
    let (gallery, source) = filled(DIMENSIONS, Kernel::best(), &templates);
    let mut bad = templates[0].1.clone();
    for number in [f32::NAN, f32::INFINITY, f32::MAX] {
        bad[3] = number;
        assert_eq!(gallery.insert(entry(900, 900), &bad), Err(Error::NotFinite));
        assert_eq!(gallery.search(&bad, &all(1)), Err(Error::NotFinite));
    }
    assert_eq!((gallery.len(), gallery.search(&[1.0], &all(1)).is_err()), (300, true));

    // A face that is gone from the source, but not yet from the gallery, leaves its place to the next one.
    let probe = &templates[6].1;
    source.take(FaceId::new(6));
    let truth =
        naive(&templates.iter().filter(|(e, _)| e.face.get() != 6).cloned().collect::<Vec<_>>(), probe, 4, -2.0, false);
    let found = gallery.search(probe, &all(4)).expect("fits");
    assert_eq!(entries(&found), truth.iter().map(|(entry, _)| *entry).collect::<Vec<_>>());
    gallery.remove(&[FaceId::new(6)]);
    assert_eq!(gallery.search(probe, &all(5)).expect("fits").len(), 5);

    source.put(FaceId::new(6), &[1.0]);
    source.put(FaceId::new(8), &[1.0]);
    let wrong = Err(Error::Dimensions { expected: DIMENSIONS, found: 1 });
    assert_eq!(gallery.search(&templates[8].1, &all(1)), wrong);
    source.is_broken.store(true, Ordering::SeqCst);
    assert_eq!(gallery.search(probe, &all(1)), Err(Error::Source("broken".to_owned())));
    let (answer, answers) = mpsc::channel();
    let search = SearchAll { probes: vec![probe.clone()], top_n: 1, above: 0.0, filter: None };
    let galleries = vec![Arc::new(gallery), Arc::new(Gallery::new(DIMENSIONS))];
    scanner().search_all(galleries, search, move |found| drop(answer.send(found))).expect("fits");
    assert_eq!(answers.recv().expect("an answer"), Err(Error::Source("broken".to_owned())));
}

fn scanner() -> Scanner {
    Scanner::start(NonZeroUsize::new(2).expect("not zero")).expect("threads start")
}

#[test]
fn threads_and_many_galleries_answer_as_one_does() {
    let templates = numbered(vectors(512, 0.97, 12_000, 1));
    let of_rest = |rest: std::ops::Range<i64>| {
        templates.iter().filter(|(entry, _)| rest.contains(&(entry.person.get() % 8))).cloned().collect::<Vec<_>>()
    };
    let (large, small) = (of_rest(2..8), of_rest(0..1));
    let (gallery, _) = filled(512, Kernel::best(), &large);
    let (shrunk, _) = filled(512, Kernel::best(), &templates);
    let others = [large.as_slice(), &small].concat();
    shrunk.remove(&others.iter().map(|(entry, _)| entry.face).collect::<Vec<_>>());
    assert_eq!(shrunk.len(), of_rest(1..2).len());
    let whole = Gallery::new(512);
    whole.extend(small.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let galleries = vec![Arc::new(gallery), Arc::new(shrunk), Arc::new(whole)];
    assert!(galleries[1].is_rotated() && !galleries[2].is_rotated());
    let scanner = scanner();
    let probes: Vec<Vec<f32>> = templates.iter().step_by(307).map(|(_, vector)| vector.clone()).collect();
    let (answer, answers) = mpsc::channel();
    let search = SearchAll { probes: probes.clone(), top_n: 4, above: f32::NEG_INFINITY, filter: None };
    scanner.search_all(galleries.clone(), search, move |found| drop(answer.send(found))).expect("fits");
    for (hits, probe) in answers.recv().expect("an answer").expect("found").iter().zip(&probes) {
        let truth = naive(&templates, probe, 4, f32::NEG_INFINITY, false);
        assert_eq!(entries(hits), truth.iter().map(|(entry, _)| *entry).collect::<Vec<_>>());
    }
    let (answer, answers) = mpsc::channel();
    let search =
        Search { probe: probes[0].clone(), top_n: 4, above: 0.1, filter: Some(Arc::new(|e| e.face.get() % 2 == 1)) };
    scanner.search(&galleries[0], search, move |found| drop(answer.send(found))).expect("fits");
    let truth = naive(&large, &probes[0], 4, 0.1, true);
    let hits = answers.recv().expect("an answer").expect("found");
    assert_eq!(entries(&hits), truth.iter().map(|(entry, _)| *entry).collect::<Vec<_>>());
}

/// Every search finds faces exactly once while the gallery is rotated and rows come and go.
#[test]
fn nobody_is_missed_while_a_gallery_grows_large() {
    let templates = numbered(vectors(512, 0.97, 12_000, 4));
    let sample: Vec<Vec<f32>> = templates.iter().map(|(_, vector)| vector.clone()).take(2000).collect();
    let (rotation, source) = rotation(axes_of(&sample), 7000);
    templates.iter().for_each(|(entry, vector)| source.put(entry.face, vector));
    let galleries = Galleries::new(512, Some(rotation));
    let gallery = galleries.open(LibraryId::new(1));
    let insert = |some: &[(Entry, Vec<f32>)]| gallery.extend(some.iter().map(|(e, v)| (*e, v))).expect("fits");
    insert(&templates[..6000]);
    let done = Arc::new(AtomicBool::new(false));
    let searcher = {
        let (gallery, done, stay) = (Arc::clone(&gallery), Arc::clone(&done), templates[..40].to_vec());
        std::thread::spawn(move || {
            let scanner = scanner();
            let mut searches = 0;
            while !done.load(Ordering::SeqCst) || searches == 0 {
                for (entry, probe) in &stay {
                    let (answer, answers) = mpsc::channel();
                    let search = Search { probe: probe.clone(), top_n: 1, above: 0.5, filter: None };
                    scanner.search(&gallery, search, move |hits| drop(answer.send(hits))).expect("fits");
                    let hits = answers.recv().expect("an answer").expect("found");
                    assert_eq!(hits.first().map(|hit| hit.entry.face), Some(entry.face));
                    searches += 1;
                }
            }
        })
    };
    for some in templates[6000..].chunks(500) {
        insert(some);
        gallery.remove(&some[..100].iter().map(|(entry, _)| entry.face).collect::<Vec<_>>());
    }
    done.store(true, Ordering::SeqCst);
    searcher.join().expect("no panic");
    assert!(gallery.is_rotated());
    assert_eq!(gallery.len(), 6000 + 6000 / 500 * 400);
}

#[test]
fn axes_must_be_orthonormal() {
    let axes = axes_of(&vectors(8, DECAY, 50, 1)).rows();
    for (a, b) in (0..8).flat_map(|a| (0..8).map(move |b| (a, b))) {
        let dot: f32 = axes[a * 8..][..8].iter().zip(&axes[b * 8..][..8]).map(|(x, y)| x * y).sum();
        assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-5, "axes {a} and {b}: {dot}");
    }
    assert_eq!(Axes::of_weights(8, &axes[1..]).err(), Some(AxesError::NotSquare { dimensions: 8, numbers: 63 }));
    assert_eq!(Axes::of_vectors(0, &[]).err(), Some(AxesError::NotSquare { dimensions: 0, numbers: 0 }));
    assert_eq!(Axes::of_weights(2, &[f32::NAN, 0.0, 0.0, 1.0]).err(), Some(AxesError::NotOrthonormal));
    // The axes of a diagonal are its own, the largest first.
    let axes = Axes::of_weights(3, &[1.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 2.0]).expect("axes").rows();
    let sizes: Vec<f32> = axes.iter().map(|number| number.abs()).collect();
    assert_eq!(sizes, [0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
}
