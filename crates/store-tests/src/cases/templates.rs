//! Templates are read bit for bit.

use std::collections::BTreeSet;

use aicp_store::{Error, TemplatesRead};

use crate::Harness;
use crate::fixture::{Fixture, algorithm, bytes, face_with, new_face, new_person, ready};

pub async fn templates_come_back_bit_for_bit_for_the_asked_algorithm(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let odd = [0.0, -0.0, 0.1, f32::MIN_POSITIVE / 3.0, f32::MAX, f32::NEG_INFINITY, f32::from_bits(0x7fc0_1234)];
    let mut expected = Vec::new();
    for (library, version, vector) in
        [(&library, "1", &odd[..]), (&library, "2", &[9.0]), (&other, "1", &[]), (&library, "1", &[0.25; 512])]
    {
        let (person, face) =
            f.store.enrol(library.id, new_person(), face_with(vector, version), bytes("p")).await.expect("enrol");
        if version == "1" {
            let bits: Vec<u32> = vector.iter().map(|value| value.to_bits()).collect();
            expected.push((library.id, person.id, face.id, bits));
        }
    }
    f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("without template");

    let f = f.reopen().await;
    let (read, found) = f.templates("1").await;
    assert_eq!(found, expected, "by ascending face id");
    assert_eq!(read, TemplatesRead { templates: 3, others: 2 });
    let (read, found) = f.templates("3").await;
    assert_eq!((read, found.len()), (TemplatesRead { templates: 0, others: 5 }, 0));
}

pub async fn every_template_comes_once_whatever_is_missing_between_them(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let libraries = [f.library("g").await, f.library("h").await];
    let people = |count: u16| (0..count).map(|n| ready([face_with(&[f32::from(n)], "1")])).collect::<Vec<_>>();
    let mut kept = BTreeSet::new();
    for library in [&libraries[0], &libraries[1], &libraries[0]] {
        let ids = f.store.add_people(library.id, people(3000), vec![bytes("p")]).await.expect("add");
        kept.extend(ids.iter().map(|&id| (library.id, id)));
        for &person in ids.iter().step_by(100) {
            f.store.remove_person(person).await.expect("remove");
            kept.remove(&(library.id, person));
        }
    }
    // A gap of more rows than a thread claims at a time.
    let gone = f.library("gone").await;
    f.store.add_people(gone.id, people(10_000), vec![bytes("p")]).await.expect("add");
    f.store.delete_library(gone.id).await.expect("delete");
    let (last, _) =
        f.store.enrol(libraries[1].id, new_person(), face_with(&[0.5], "1"), bytes("q")).await.expect("enrol");
    kept.insert((libraries[1].id, last.id));

    let (read, found) = f.templates("1").await;
    assert_eq!(read, TemplatesRead { templates: kept.len() as u64, others: 0 });
    assert_eq!(found.len(), kept.len(), "each once");
    assert_eq!(found.into_iter().map(|(library, person, ..)| (library, person)).collect::<BTreeSet<_>>(), kept);
}

pub async fn whoever_takes_templates_can_end_it(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let people = (0..1000).map(|_| ready([face_with(&[1.0], "1")])).collect();
    f.store.add_people(library.id, people, vec![bytes("p")]).await.expect("add");
    let read = f.store.read_templates(&algorithm("1"), &[], |_| Err("enough")).await.expect("read");
    assert_eq!(read, Err("enough"));
    f.store.close().await.expect("close");
    assert!(matches!(f.store.read_templates::<(), _>(&algorithm("1"), &[], |_| Ok(())).await, Err(Error::Closed)));
}
