//! Compares a gallery with a list that is scanned and sorted in full.

mod file;
mod rotated;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use aicp_gallery::{Entry, Error, Galleries, Gallery, Hit, Kernel, Query, Scanner, Search, SearchAll};
use aicp_types::{FaceId, LibraryId, PersonId};
use proptest::prelude::*;

const DIMENSIONS: usize = 19;

#[derive(Debug, Clone)]
enum Step {
    Insert { face: FaceId, person: PersonId, seed: u8 },
    Remove { faces: Vec<FaceId> },
    Search { seed: u8, top_n: usize, above: f32, odd_only: bool },
}

/// Returns a unit vector that depends on the seed alone; few distinct ones, so that equal cosines occur.
fn vector(seed: u8) -> Vec<f32> {
    let raw: Vec<f32> = (0..DIMENSIONS).map(|i| ((seed as f32 + 1.0) * (i as f32 + 0.7)).sin()).collect();
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    raw.into_iter().map(|v| v / norm).collect()
}

fn face() -> impl Strategy<Value = FaceId> {
    (0i64..900).prop_map(FaceId::new)
}

fn entry(person: i64, face: i64) -> Entry {
    Entry { person: PersonId::new(person), face: FaceId::new(face) }
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (face(), (0i64..300).prop_map(PersonId::new), 0u8..60)
            .prop_map(|(face, person, seed)| Step::Insert { face, person, seed }),
        2 => proptest::collection::vec(face(), 0..6).prop_map(|faces| Step::Remove { faces }),
        2 => (0u8..60, 0usize..12, -1.0f32..1.0, any::<bool>())
            .prop_map(|(seed, top_n, above, odd_only)| Step::Search { seed, top_n, above, odd_only }),
    ]
}

fn naive(list: &[(Entry, Vec<f32>)], probe: &[f32], top_n: usize, above: f32, odd_only: bool) -> Vec<(Entry, f64)> {
    let mut all: Vec<(Entry, f64)> = list
        .iter()
        .filter(|(e, _)| !odd_only || e.face.get() % 2 == 1)
        .map(|(e, v)| (*e, v.iter().zip(probe).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()))
        .filter(|(_, cosine)| *cosine > f64::from(above))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.face.cmp(&b.0.face)));
    let mut seen = std::collections::HashSet::new();
    all.retain(|(e, _)| seen.insert(e.person));
    all.truncate(top_n);
    all
}

/// Compares ranks up to rounding: cosines must be nearly equal, and where the cosines around a rank differ clearly the
/// people must be equal.
fn assert_like(found: &[Hit], expected: &[(Entry, f64)], above: f32) {
    let near_threshold = |c: f64| (c - f64::from(above)).abs() < 1e-5;
    if found.len() != expected.len() {
        let extra = expected.get(found.len()).map(|e| e.1).or(found.get(expected.len()).map(|h| f64::from(h.cosine)));
        assert!(extra.is_some_and(near_threshold), "{found:?} {expected:?}");
    }
    for (i, (hit, (entry, cosine))) in found.iter().zip(expected).enumerate() {
        assert!((f64::from(hit.cosine) - cosine).abs() < 1e-5, "rank {i}");
        let clear = expected.iter().enumerate().all(|(j, other)| i == j || (other.1 - cosine).abs() > 1e-5);
        if clear && i + 1 < expected.len() {
            assert_eq!(hit.entry.person, entry.person, "rank {i}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn answers_as_the_naive_list(steps in proptest::collection::vec(step(), 1..900)) {
        let gallery = Gallery::new(DIMENSIONS);
        let mut list: Vec<(Entry, Vec<f32>)> = Vec::new();
        for step in steps {
            match step {
                Step::Insert { face, person, seed } => {
                    let entry = Entry { person, face };
                    gallery.insert(entry, &vector(seed)).expect("dimensions fit");
                    list.retain(|(e, _)| e.face != face);
                    list.push((entry, vector(seed)));
                }
                Step::Remove { faces } => {
                    gallery.remove(&faces);
                    list.retain(|(e, _)| !faces.contains(&e.face));
                }
                Step::Search { seed, top_n, above, odd_only } => {
                    let probe = vector(seed);
                    let odd = |e: &Entry| e.face.get() % 2 == 1;
                    let filter: Option<&(dyn Fn(&Entry) -> bool + Sync)> = if odd_only { Some(&odd) } else { None };
                    let found = gallery.search(&probe, &Query { top_n, above, filter }).expect("dimensions fit");
                    assert_like(&found, &naive(&list, &probe, top_n, above, odd_only), above);
                }
            }
            prop_assert_eq!(gallery.len(), list.len());
        }
    }
}

#[test]
fn equal_cosines_are_ordered_by_face() {
    let gallery = Gallery::new(DIMENSIONS);
    for face in [7, 3, 9, 1] {
        gallery.insert(entry(100 - face, face), &vector(5)).expect("fits");
    }
    let query = Query { top_n: 3, above: f32::NEG_INFINITY, filter: None };
    let faces: Vec<FaceId> = gallery.search(&vector(5), &query).expect("fits").iter().map(|h| h.entry.face).collect();
    assert_eq!(faces, [1, 3, 7].map(FaceId::new));
}

#[test]
fn a_vector_of_other_dimensions_is_refused() {
    let gallery = Gallery::new(4);
    let refused = Err(Error::Dimensions { expected: 4, found: 3 });
    assert_eq!(gallery.insert(entry(1, 1), &[1.0, 0.0, 0.0]), refused);
    let query = Query { top_n: 1, above: 0.0, filter: None };
    assert_eq!(gallery.search(&[1.0, 0.0, 0.0], &query).map(|_| ()), refused);
}

#[test]
fn readers_see_whole_changes_while_writers_work() {
    let gallery = Arc::new(Gallery::new(DIMENSIONS));
    let done = Arc::new(AtomicBool::new(false));
    // Faces 2n and 2n+1 are always added and removed together, so a reader must see both or neither.
    let writer = {
        let (gallery, done) = (Arc::clone(&gallery), Arc::clone(&done));
        std::thread::spawn(move || {
            for round in 0..400i64 {
                let pair = [2 * (round % 150), 2 * (round % 150) + 1];
                if round / 150 % 2 == 0 {
                    let both = pair.map(|face| (entry(face, face), vector(3)));
                    gallery.extend(both).expect("fits");
                } else {
                    gallery.remove(&pair.map(FaceId::new));
                }
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let query = Query { top_n: 1000, above: f32::NEG_INFINITY, filter: None };
    let mut looks = 0;
    while !done.load(Ordering::SeqCst) || looks == 0 {
        let faces: Vec<FaceId> =
            gallery.search(&vector(3), &query).expect("fits").iter().map(|h| h.entry.face).collect();
        for face in &faces {
            assert!(faces.contains(&FaceId::new(face.get() ^ 1)), "{face} without its twin");
        }
        looks += 1;
    }
    writer.join().expect("writer ends");
}

#[test]
fn libraries_are_apart() {
    let galleries = Galleries::new(DIMENSIONS, None);
    galleries.open(LibraryId::new(1)).insert(entry(1, 1), &vector(1)).expect("fits");
    galleries.open(LibraryId::new(2)).insert(entry(2, 2), &vector(2)).expect("fits");
    assert_eq!(galleries.len(), 2);
    galleries.close(LibraryId::new(1));
    assert!(galleries.find(LibraryId::new(1)).is_none());
    assert_eq!(galleries.find(LibraryId::new(2)).map(|g| g.len()), Some(1));
}

/// Returns unit vectors of 512 numbers; every third is similar to the one before.
fn many(count: i64) -> Vec<(Entry, Vec<f32>)> {
    let mut state = 7u64;
    let mut number = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let mut templates: Vec<(Entry, Vec<f32>)> = Vec::new();
    for id in 0..count {
        let mut raw: Vec<f32> = (0..512).map(|_| number()).collect();
        if let (0, Some((_, last))) = (id % 3, templates.last()) {
            raw = last.iter().zip(raw).map(|(last, raw)| last + raw * 0.02).collect();
        }
        let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        templates.push((entry(id / 2, id), raw.into_iter().map(|v| v / norm).collect()));
    }
    templates
}

#[test]
fn every_kernel_gives_the_very_same_answers() {
    let templates = many(6000);
    let probes: Vec<&[f32]> = templates.iter().step_by(211).map(|(_, vector)| vector.as_slice()).collect();
    let query = Query { top_n: 5, above: f32::NEG_INFINITY, filter: None };
    let answers = |kernel| {
        let gallery = Gallery::with_kernel(512, kernel);
        gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
        let together = gallery.search_many(&probes, &query).expect("fits");
        for (probe, hits) in probes.iter().zip(&together) {
            assert_eq!(&gallery.search(probe, &query).expect("fits"), hits, "{} one by one", kernel.name());
        }
        together
    };
    let expected = answers(Kernel::Portable);
    for (probe, hits) in probes.iter().zip(&expected) {
        let truth = naive(&templates, probe, 5, -2.0, false);
        assert_eq!(hits.iter().map(|hit| hit.entry).collect::<Vec<_>>(), truth.iter().map(|t| t.0).collect::<Vec<_>>());
        assert!(hits.iter().zip(&truth).all(|(hit, (_, cosine))| (f64::from(hit.cosine) - cosine).abs() < 2e-7));
    }
    for kernel in Kernel::available() {
        assert_eq!(answers(kernel), expected, "{}", kernel.name());
    }
}

#[test]
fn what_has_no_finite_length_is_refused() {
    let gallery = Gallery::new(2);
    assert_eq!(gallery.insert(entry(1, 1), &[f32::NAN, 0.0]), Err(Error::NotFinite));
    let query = Query { top_n: 1, above: 0.0, filter: None };
    assert_eq!(gallery.search(&[f32::INFINITY, 0.0], &query).map(|_| ()), Err(Error::NotFinite));
    assert!(gallery.is_empty());
}

fn scanner(threads: usize) -> Scanner {
    Scanner::start(NonZeroUsize::new(threads).expect("not zero")).expect("threads start")
}

fn wanted(probe: &[f32], top_n: usize) -> Search {
    Search { probe: probe.to_vec(), top_n, above: f32::NEG_INFINITY, filter: None }
}

#[test]
fn threads_answer_as_one_does() {
    let templates = many(13_000);
    let gallery = Arc::new(Gallery::new(512));
    gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let small = Arc::new(Gallery::new(512));
    small.extend(templates[..40].iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let scanner = scanner(3);
    let (answer, answers) = mpsc::channel();
    // Not all at once: some searches join a running round, some begin one.
    for (number, (_, probe)) in templates.iter().step_by(97).enumerate() {
        for (gallery, top_n) in [(&gallery, 1 + number % 4), (&small, 3)] {
            let (answer, of) = (answer.clone(), Arc::clone(gallery));
            let sent = move |hits| drop(answer.send((number, top_n, of, hits)));
            scanner.search(gallery, wanted(probe, top_n), sent).expect("fits");
        }
        if number % 10 == 0 {
            std::thread::yield_now();
        }
    }
    drop(answer);
    let mut count = 0;
    for (number, top_n, of, hits) in answers {
        let query = Query { top_n, above: f32::NEG_INFINITY, filter: None };
        assert_eq!(hits, of.search(&templates[number * 97].1, &query));
        count += 1;
    }
    assert_eq!(count, 2 * templates.len().div_ceil(97));
}

#[test]
fn threads_heed_filter_and_threshold() {
    let templates = many(9000);
    let gallery = Arc::new(Gallery::new(512));
    gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let (answer, answers) = mpsc::channel();
    let filter: aicp_gallery::Filter = Arc::new(|entry| entry.face.get() % 2 == 1);
    let search = Search { filter: Some(filter), above: 0.1, ..wanted(&templates[600].1, 50) };
    scanner(2).search(&gallery, search, move |hits| drop(answer.send(hits))).expect("fits");
    let hits = answers.recv().expect("an answer").expect("found");
    let truth = naive(&templates, &templates[600].1, 50, 0.1, true);
    assert_eq!(hits.iter().map(|hit| hit.entry).collect::<Vec<_>>(), truth.iter().map(|t| t.0).collect::<Vec<_>>());
    assert!(hits.len() > 1 && hits.iter().all(|hit| hit.entry.face.get() % 2 == 1));
}

#[test]
fn a_filter_that_panics_ends_its_own_search_alone() {
    let gallery = Arc::new(Gallery::new(4));
    let templates = (0..20_000i64).map(|id| (entry(id, id), [1.0, 0.0, 0.0, 0.0]));
    gallery.extend(templates).expect("fits");
    let scanner = scanner(1);
    let probe = [1.0, 0.0, 0.0, 0.0];
    let (answer, answers) = mpsc::channel();
    let search = Search { filter: Some(Arc::new(|_| panic!("a fault"))), ..wanted(&probe, 1) };
    scanner.search(&gallery, search, move |hits| drop(answer.send(hits))).expect("fits");
    assert!(answers.recv().is_err());
    let (answer, answers) = mpsc::channel();
    scanner.search(&gallery, wanted(&probe, 1), move |hits| drop(answer.send(hits))).expect("fits");
    assert_eq!(
        answers.recv().expect("an answer").expect("found").first().map(|hit| hit.entry.face),
        Some(FaceId::new(0))
    );
}

type Templates = Vec<(Entry, Vec<f32>)>;

/// Returns galleries of these sizes, and all their templates in one list.
fn galleries(sizes: &[usize]) -> (Vec<Arc<Gallery>>, Templates) {
    let templates = many(sizes.iter().sum::<usize>() as i64);
    let mut rest = templates.as_slice();
    let galleries = sizes.iter().map(|&size| {
        let (own, others) = rest.split_at(size);
        rest = others;
        let gallery = Arc::new(Gallery::new(512));
        gallery.extend(own.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
        gallery
    });
    (galleries.collect(), templates)
}

fn wanted_all(probes: Vec<Vec<f32>>, top_n: usize) -> SearchAll {
    SearchAll { probes, top_n, above: f32::NEG_INFINITY, filter: None }
}

#[test]
fn many_galleries_are_searched_as_one() {
    let scanner = scanner(2);
    for sizes in [vec![], vec![0], vec![1, 0, 3], vec![1; 700], vec![300, 4096, 5000, 1, 4097, 40], vec![9000, 9000]] {
        let (galleries, templates) = galleries(&sizes);
        let of_some: Vec<Vec<f32>> = templates.iter().step_by(601).map(|(_, vector)| vector.clone()).collect();
        let stranger = many(20_000).pop().expect("a template").1;
        for (probes, top_n) in [(of_some, 5), (vec![stranger], 3), (Vec::new(), 1)] {
            let (answer, answers) = mpsc::channel();
            let search = wanted_all(probes.clone(), top_n);
            scanner.search_all(galleries.clone(), search, move |found| drop(answer.send(found))).expect("fits");
            let found = answers.recv().expect("an answer").expect("found");
            assert_eq!(found.len(), probes.len());
            for (hits, probe) in found.iter().zip(&probes) {
                let truth = naive(&templates, probe, top_n, f32::NEG_INFINITY, false);
                let entries = |hits: &[Hit]| hits.iter().map(|hit| hit.entry).collect::<Vec<_>>();
                assert_eq!(entries(hits), truth.iter().map(|(entry, _)| *entry).collect::<Vec<_>>(), "{sizes:?}");
            }
        }
    }
}

#[test]
fn many_galleries_heed_filter_and_threshold_and_a_fault_ends_that_search_alone() {
    let (galleries, templates) = galleries(&[500, 6000, 1, 900]);
    let scanner = scanner(2);
    let probe = templates[600].1.clone();
    let filter: aicp_gallery::Filter = Arc::new(|entry| entry.face.get() % 2 == 1);
    let (answer, answers) = mpsc::channel();
    let search = SearchAll { filter: Some(filter), above: 0.1, ..wanted_all(vec![probe.clone()], 50) };
    scanner.search_all(galleries.clone(), search, move |found| drop(answer.send(found))).expect("fits");
    let hits = answers.recv().expect("an answer").expect("found").remove(0);
    let truth = naive(&templates, &probe, 50, 0.1, true);
    assert_eq!(hits.iter().map(|hit| hit.entry).collect::<Vec<_>>(), truth.iter().map(|t| t.0).collect::<Vec<_>>());
    assert!(hits.len() > 1);

    for galleries in [galleries.clone(), vec![Arc::clone(&galleries[2])]] {
        let (answer, answers) = mpsc::channel();
        let search = SearchAll { filter: Some(Arc::new(|_| panic!("a fault"))), ..wanted_all(vec![probe.clone()], 1) };
        scanner.search_all(galleries, search, move |found| drop(answer.send(found))).expect("fits");
        assert!(answers.recv().is_err());
    }
    let (answer, answers) = mpsc::channel();
    let search = wanted_all(vec![vec![f32::NAN; 512]], 1);
    let refused = scanner.search_all(galleries.clone(), search, move |found| drop(answer.send(found)));
    assert_eq!(refused, Err(Error::NotFinite));
    assert!(answers.recv().is_err());
    let (answer, answers) = mpsc::channel();
    scanner.search_all(galleries, wanted_all(vec![probe], 1), move |found| drop(answer.send(found))).expect("fits");
    assert_eq!(answers.recv().expect("an answer").expect("found")[0][0].entry, templates[600].0);
}

/// Every search finds a face exactly once while threads search and the face is moved and replaced.
#[test]
fn nobody_is_missed_while_rows_come_and_go() {
    let templates = many(9000);
    let gallery = Arc::new(Gallery::new(512));
    gallery.extend(templates.iter().map(|(entry, vector)| (*entry, vector))).expect("fits");
    let stay: Vec<_> = templates.iter().step_by(450).collect();
    let done = Arc::new(AtomicBool::new(false));
    let writer = {
        let (gallery, done) = (Arc::clone(&gallery), Arc::clone(&done));
        let templates = templates.clone();
        std::thread::spawn(move || {
            for round in 0..3 {
                for (number, (entry, vector)) in templates.iter().enumerate() {
                    if number % 450 == 0 || round == 1 {
                        gallery.insert(*entry, vector).expect("fits");
                    } else {
                        gallery.remove(&[entry.face]);
                    }
                }
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let scanner = scanner(2);
    let mut looks = 0;
    while !done.load(Ordering::SeqCst) || looks == 0 {
        let (answer, answers) = mpsc::channel();
        for (entry, probe) in &stay {
            let (answer, face) = (answer.clone(), entry.face);
            scanner.search(&gallery, wanted(probe, 1), move |hits| drop(answer.send((face, hits)))).expect("fits");
        }
        drop(answer);
        for (face, hits) in answers {
            assert_eq!(hits.expect("found").first().map(|hit| hit.entry.face), Some(face));
        }
        looks += 1;
    }
    writer.join().expect("writer ends");
    assert_eq!(gallery.len(), stay.len());
}
