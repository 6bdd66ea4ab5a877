//! Recognisability of templates: stored with them, listed where missing, and judged later.

use std::convert::Infallible;
use std::sync::mpsc;

use aicp_store::{ChangeKind, NewFace, NewTemplate, PicturedFace, TemplateRow};
use aicp_types::FaceId;

use crate::Harness;
use crate::fixture::{Fixture, algorithm, bytes, face_with, key, new_person, ready};

fn face(vector: &[f32], recognisability: Option<f32>) -> NewFace {
    let template = NewTemplate { algorithm: algorithm("1"), vector: vector.to_vec(), recognisability };
    NewFace { template: Some(template), ..face_with(vector, "1") }
}

/// Returns the recognisability of every template, by the first number of its vector.
async fn stored(f: &Fixture) -> Vec<(u32, Option<f32>)> {
    let (sender, rows) = mpsc::channel();
    let take = move |batch: Vec<TemplateRow>| {
        batch.into_iter().for_each(|row| sender.send(row).expect("somebody listens"));
        Ok::<_, Infallible>(())
    };
    let Ok(_) = f.store.read_templates(&algorithm("1"), &[], take).await.expect("a read");
    let mut rows: Vec<_> = rows.into_iter().map(|row| (row.vector[0] as u32, row.recognisability)).collect();
    rows.sort_by_key(|(number, _)| *number);
    rows
}

pub async fn recognisability_is_kept_with_a_template_however_it_is_stored(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.store.enrol(library.id, new_person(), face(&[1.0, 0.0], Some(0.5)), bytes("p")).await.expect("enrol");
    let people = vec![ready([face(&[2.0, 0.0], Some(0.25)), face(&[3.0, 0.0], None)])];
    f.store.add_people(library.id, people, vec![bytes("q")]).await.expect("people");
    let f = f.reopen().await;
    assert_eq!(stored(&f).await, [(1, Some(0.5)), (2, Some(0.25)), (3, None)]);
}

pub async fn what_is_not_judged_is_told_page_by_page_until_it_is(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut unjudged = Vec::new();
    for (i, picture) in ["p", "q", "r"].into_iter().enumerate() {
        let new = face(&[i as f32 + 1.0, 0.0], None);
        let (_, face) = f.store.enrol(library.id, new_person(), new, bytes(picture)).await.expect("enrol");
        unjudged.push(PicturedFace { face_id: face.id, library_id: library.id, picture_key: key(picture) });
    }
    f.store.enrol(library.id, new_person(), face(&[4.0, 0.0], Some(1.0)), bytes("s")).await.expect("enrol");
    let ask = async |after, limit| f.store.unjudged_faces(&algorithm("1"), after, limit).await.expect("a read");
    assert_eq!(ask(FaceId::new(0), 2).await, unjudged[..2]);
    assert_eq!(ask(unjudged[1].face_id, 2).await, unjudged[2..]);
    assert_eq!(f.store.unjudged_faces(&algorithm("2"), FaceId::new(0), 9).await.expect("a read"), []);
    f.store.set_recognisability(unjudged[0].face_id, 0.75).await.expect("set");
    f.store.set_recognisability(FaceId::new(987_654), 0.5).await.expect("one that is gone is fine");
    assert_eq!(ask(FaceId::new(0), 9).await, unjudged[1..]);
    assert_eq!(stored(&f).await[0], (1, Some(0.75)));
}

pub async fn faces_between_two_minima_are_told_as_added_or_removed(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let mut ids = Vec::new();
    for (i, recognisability) in [Some(0.05), Some(0.1), Some(0.4), Some(0.5), None].into_iter().enumerate() {
        let new = face(&[i as f32 + 1.0, 0.0], recognisability);
        let (_, face) = f.store.enrol(library.id, new_person(), new, bytes(&i.to_string())).await.expect("enrol");
        ids.push(face.id.get());
    }
    for (name, before, after, wanted) in [
        ("1", 0.5, 0.1, Some((ChangeKind::FacesAdded, &ids[1..3]))),
        ("1", 0.1, 0.5, Some((ChangeKind::FacesRemoved, &ids[1..3]))),
        ("1", 0.1, 0.0, Some((ChangeKind::FacesAdded, &ids[..1]))),
        ("1", 0.0, 0.5, Some((ChangeKind::FacesRemoved, &ids[..3]))),
        ("1", 0.5, 0.5, None),
        ("2", 0.5, 0.0, None),
    ] {
        let last = f.store.rows().await.expect("reads").last_sequence().await.expect("read");
        let algorithm = algorithm(name);
        let told: aicp_store::Result<usize> = f
            .store
            .write(move |tx| {
                Box::pin(async move { tx.announce_minimum_recognisability(&algorithm, before, after).await })
            })
            .await;
        assert_eq!(told.expect("told"), wanted.map_or(0, |(_, ids)| ids.len()));
        let changes = f.store.rows().await.expect("reads").changes_after(last, 9).await.expect("read");
        let changes: Vec<_> = changes.iter().map(|change| (change.kind, &change.ids[1..])).collect();
        assert_eq!(changes, wanted.into_iter().collect::<Vec<_>>(), "from {before} to {after}");
    }
}
