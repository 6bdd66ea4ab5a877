//! Rows are reused and released.

use aicp_types::PersonId;

use super::*;

fn entry(id: i64) -> Entry {
    Entry { person: PersonId::new(id), face: FaceId::new(id) }
}

#[test]
fn rows_of_what_went_are_used_again_and_given_back() {
    let gallery = Gallery::new(4);
    let fill = || gallery.extend((0..10_000).map(|id| (entry(id), [0.6, 0.8, 0.0, 0.0]))).expect("fits");
    fill();
    assert_eq!((gallery.rows(), gallery.segments.load().len()), (10_000, 3));
    for id in 0..10_000 {
        gallery.insert(entry(id), &[0.0, 1.0, 0.0, 0.0]).expect("fits");
    }
    assert!(gallery.rows() < 10_000 + SEGMENT_ROWS, "{} rows", gallery.rows());
    for id in 0..10_000 {
        gallery.remove(&[FaceId::new(id)]);
    }
    gallery.remove(&[]);
    assert_eq!((gallery.len(), gallery.rows(), gallery.segments.load().len()), (0, 0, 0));
}

#[test]
fn a_search_under_way_keeps_what_it_may_want_to_see() {
    let gallery = Gallery::new(4);
    gallery.insert(entry(1), &[1.0, 0.0, 0.0, 0.0]).expect("fits");
    let view = gallery.view();
    for round in 0..100 {
        gallery.insert(entry(1), &[0.0, 1.0, 0.0, 0.0]).expect("fits");
        gallery.remove(&[FaceId::new(if round % 2 == 0 { 1 } else { 2 })]);
    }
    let seen = view.segments.iter().flat_map(|segment| {
        let rows = segment.read();
        (0..rows.len())
            .filter(|&row| rows.life(row).is_visible_at(view.version))
            .filter_map(|row| rows.vector(row, 4))
            .map(|vector| vector[0])
            .collect::<Vec<_>>()
    });
    assert_eq!(seen.collect::<Vec<_>>(), [1.0]);
    drop(view);
    gallery.remove(&[FaceId::new(1)]);
    gallery.remove(&[]);
    assert_eq!(gallery.rows(), 0);
}
