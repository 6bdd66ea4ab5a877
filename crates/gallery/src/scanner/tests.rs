//! Rounds of searches that began before and after a gallery became smaller.

use std::sync::mpsc;

use aicp_types::{FaceId, PersonId};

use super::*;
use crate::segment::SEGMENT_ROWS;

fn entry(id: usize) -> Entry {
    Entry { person: PersonId::new(id as i64), face: FaceId::new(id as i64) }
}

/// The longer search ends at its last segment, where the shorter one has yet to see its first.
#[test]
fn a_search_sees_every_segment_when_a_longer_one_ends_beside_it() {
    const EDGE: usize = 2 * SEGMENT_ROWS;
    let gallery = Arc::new(Gallery::new(4));
    let vector = |id: usize| if id == 7 { [1.0, 0.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0, 0.0] };
    gallery.extend((0..EDGE + 10).map(|id| (entry(id), vector(id)))).expect("fits");
    // The third segment stays as long as a search of before may want it, though no later one does.
    let before = gallery.view();
    gallery.remove(&(EDGE..EDGE + 10).map(|id| FaceId::new(id as i64)).collect::<Vec<_>>());

    // Without threads, so that each step is taken here.
    let shared = Arc::new(Shared { rounds: Mutex::default(), work: Condvar::new(), numbers: AtomicU64::new(0) });
    let scanner = Scanner { shared: Arc::clone(&shared), threads: Vec::new() };
    let (answer, answers) = mpsc::channel();
    let begin = || {
        let answer = answer.clone();
        let search = Search { probe: vector(7).to_vec(), top_n: 1, above: 0.5, filter: None };
        scanner.search(&gallery, search, move |found| drop(answer.send(found))).expect("fits");
    };
    let mut desk = WorkerBuffers::default();
    let mut step = || {
        let work = shared.lock().next();
        let is_work = work.is_some();
        work.into_iter().for_each(|work| work.run(&mut desk));
        is_work
    };
    begin();
    assert!(step(), "the first segment, for the longer search");
    drop(before);
    gallery.remove(&[]);
    assert_eq!(gallery.view().segments.len(), 2);
    begin();
    while step() {}
    for _ in 0..2 {
        let found = answers.try_recv().expect("an answer").expect("found");
        assert_eq!(found.first().map(|hit| hit.entry), Some(entry(7)));
    }
}
