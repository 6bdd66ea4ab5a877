//! A gallery answers as a list that is scanned and sorted in full.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aicp_gallery::{Entry, Error, Galleries, Gallery, Hit, Query};
use proptest::prelude::*;

const DIMENSIONS: usize = 19;

#[derive(Debug, Clone)]
enum Step {
    Insert { face: i64, person: i64, seed: u8 },
    Remove { faces: Vec<i64> },
    Search { seed: u8, top_n: usize, above: f32, odd_only: bool },
}

/// A unit vector that depends on the seed alone; few distinct ones, so that equal cosines happen.
fn vector(seed: u8) -> Vec<f32> {
    let raw: Vec<f32> = (0..DIMENSIONS).map(|i| ((seed as f32 + 1.0) * (i as f32 + 0.7)).sin()).collect();
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
    raw.into_iter().map(|v| v / norm).collect()
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0i64..900, 0i64..300, 0u8..60).prop_map(|(face, person, seed)| Step::Insert { face, person, seed }),
        2 => proptest::collection::vec(0i64..900, 0..6).prop_map(|faces| Step::Remove { faces }),
        2 => (0u8..60, 0usize..12, -1.0f32..1.0, any::<bool>())
            .prop_map(|(seed, top_n, above, odd_only)| Step::Search { seed, top_n, above, odd_only }),
    ]
}

fn naive(list: &[(Entry, Vec<f32>)], probe: &[f32], top_n: usize, above: f32, odd_only: bool) -> Vec<(Entry, f64)> {
    let mut all: Vec<(Entry, f64)> = list
        .iter()
        .filter(|(e, _)| !odd_only || e.face % 2 == 1)
        .map(|(e, v)| (*e, v.iter().zip(probe).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()))
        .filter(|(_, cosine)| *cosine > f64::from(above))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.face.cmp(&b.0.face)));
    let mut seen = std::collections::HashSet::new();
    all.retain(|(e, _)| seen.insert(e.person));
    all.truncate(top_n);
    all
}

/// Ranks agree up to the last bits of the sums: cosines must be equal to within rounding, and where the cosines
/// around a rank differ clearly, so must the entries be equal.
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
                    let odd = |e: &Entry| e.face % 2 == 1;
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
        gallery.insert(Entry { person: 100 - face, face }, &vector(5)).expect("fits");
    }
    let query = Query { top_n: 3, above: f32::NEG_INFINITY, filter: None };
    let faces: Vec<i64> = gallery.search(&vector(5), &query).expect("fits").iter().map(|h| h.entry.face).collect();
    assert_eq!(faces, [1, 3, 7]);
}

#[test]
fn a_vector_of_other_dimensions_is_refused() {
    let gallery = Gallery::new(4);
    let refused = Err(Error::Dimensions { expected: 4, found: 3 });
    assert_eq!(gallery.insert(Entry { person: 1, face: 1 }, &[1.0, 0.0, 0.0]), refused);
    let query = Query { top_n: 1, above: 0.0, filter: None };
    assert_eq!(gallery.search(&[1.0, 0.0, 0.0], &query).map(|_| ()), refused);
}

#[test]
fn readers_see_whole_changes_while_writers_work() {
    let gallery = Arc::new(Gallery::new(DIMENSIONS));
    let done = Arc::new(AtomicBool::new(false));
    // Faces 2n and 2n+1 always come and go together, so a reader must see both or neither.
    let writer = {
        let (gallery, done) = (Arc::clone(&gallery), Arc::clone(&done));
        std::thread::spawn(move || {
            for round in 0..400i64 {
                let pair = [2 * (round % 150), 2 * (round % 150) + 1];
                if round / 150 % 2 == 0 {
                    let both = pair.map(|face| (Entry { person: face, face }, vector(3)));
                    gallery.extend(both).expect("fits");
                } else {
                    gallery.remove(&pair);
                }
            }
            done.store(true, Ordering::SeqCst);
        })
    };
    let query = Query { top_n: 1000, above: f32::NEG_INFINITY, filter: None };
    let mut looks = 0;
    while !done.load(Ordering::SeqCst) || looks == 0 {
        let faces: Vec<i64> = gallery.search(&vector(3), &query).expect("fits").iter().map(|h| h.entry.face).collect();
        for face in &faces {
            assert!(faces.contains(&(face ^ 1)), "{face} without its twin");
        }
        looks += 1;
    }
    writer.join().expect("writer ends");
}

#[test]
fn libraries_are_apart() {
    let galleries = Galleries::new(DIMENSIONS);
    galleries.open(1).insert(Entry { person: 1, face: 1 }, &vector(1)).expect("fits");
    galleries.open(2).insert(Entry { person: 2, face: 2 }, &vector(2)).expect("fits");
    assert_eq!(galleries.len(), 2);
    galleries.close(1);
    assert!(galleries.find(1).is_none());
    assert_eq!(galleries.find(2).map(|g| g.len()), Some(1));
}
