//! Directory of a library's people.

use aicp_store::{
    Algorithm, DirectoryFilter, DirectoryTemplate, Error, NewFace, NewPerson, Page, Person, PersonChanges, Profile,
    Result, md5_hex,
};
use aicp_types::{Clock, LibraryId, PersonId, PublicId, SystemClock, UnixMillis};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::Harness;
use crate::fixture::{Fixture, bytes, face_with, key, named, new_face, new_person, next_number};

fn called(name: Option<&str>, info: Option<&str>) -> NewPerson {
    let profile = Profile { name: name.map(str::to_owned), ..Profile::default() };
    NewPerson { profile, info: info.map(str::to_owned), ..new_person() }
}

impl Fixture {
    /// Returns when a person was last changed.
    async fn updated(&self, person: &Person) -> UnixMillis {
        let entries = self.store.directory_entries(person.library_id, &[person.public_id]).await.expect("read");
        entries.first().expect("the person").updated_at
    }

    async fn fingerprints(&self, person: &Person) -> Vec<Option<String>> {
        let entries = self.store.directory_entries(person.library_id, &[person.public_id]).await.expect("read");
        entries.into_iter().flat_map(|entry| entry.faces).map(|face| face.picture_md5).collect()
    }
}

fn md5(picture: &str) -> Option<String> {
    Some(md5_hex(picture.as_bytes()))
}

pub async fn entries_hold_people_with_all_their_faces(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let new = NewPerson { external_id: Some("u".into()), ..called(Some("n"), Some("i")) };
    let (person, first) = f.store.enrol(library.id, new, face_with(&[0.6, 0.8], "1"), bytes("p")).await.expect("enrol");
    let odd = called(Some("\0n\u{fdd0}"), Some("a\0b"));
    let insert = f.store.write(move |tx| Box::pin(async move { tx.insert_person(library.id, odd).await }));
    let odd = insert.await.expect("written");
    let shown = f.store.directory_entries(library.id, &[odd.public_id]).await.expect("read");
    assert_eq!((shown[0].name.as_deref(), shown[0].info.as_deref()), (Some("\0n\u{fdd0}"), Some("a\0b")));
    let second = f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    let (bare, face) = f.enrol(&library, "r").await;
    f.store.remove_face(face.id).await.expect("remove");
    let (elsewhere, _) = f.enrol(&other, "s").await;

    let asked = [elsewhere.public_id, bare.public_id, person.public_id, PublicId::new(7), person.public_id];
    let entries = f.store.directory_entries(library.id, &asked).await.expect("read");
    let [entry, bare_entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.public_id, entry.created_at), (person.public_id, UnixMillis::new(3)));
    assert_eq!((entry.external_id.as_deref(), entry.name.as_deref()), (Some("u"), Some("n")));
    assert_eq!(entry.info.as_deref(), Some("i"));
    let faces: Vec<_> = entry.faces.iter().map(|face| face.file_id).collect();
    assert_eq!(faces, [first.file_id, second.file_id]);
    assert_eq!(f.fingerprints(&person).await, [md5("p"), md5("q")]);
    let algorithm = Algorithm { name: "sface".into(), provider: "opencv".into(), version: "1".into() };
    let blob: Vec<u8> = [0.6f32, 0.8].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(entry.faces[0].template, Some(DirectoryTemplate { algorithm, md5: md5_hex(&blob) }));
    assert_eq!(entry.faces[1].template, None);
    assert_eq!((bare_entry.public_id, bare_entry.faces.len()), (bare.public_id, 0));

    assert_eq!(f.store.person_with_id(library.id, person.public_id).await.expect("read"), Some(person.clone()));
    assert_eq!(f.store.person_with_id(other.id, person.public_id).await.expect("read"), None);
    assert_eq!(f.store.directory_entries(library.id, &[]).await.expect("read"), []);
}

pub async fn every_change_moves_the_time_of_the_last_one(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, face) = f.enrol(&library, "p").await;
    let (bystander, _) = f.enrol(&library, "b").await;
    let mut last = f.updated(&person).await;
    assert_eq!(last, person.created_at, "an enrolment is no change");
    f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    assert_eq!(f.updated(&person).await, last, "whether a new face is a change is the caller's decision");
    let mut step = async |what: &str| {
        let now = f.updated(&person).await;
        assert!(now > last, "{what}: {now} after {last}");
        last = now;
    };
    f.store.remove_face(face.id).await.expect("remove");
    step("remove_face").await;
    f.store.update_person(person.id, PersonChanges::default()).await.expect("update");
    step("update_person").await;
    let (id, early) = (person.id, UnixMillis::new(0));
    let touched: Result<()> = f.store.write(move |tx| Box::pin(async move { tx.touch_person(id, early).await })).await;
    touched.expect("touch");
    step("touch_person, whatever the clock says").await;
    assert_eq!(f.updated(&bystander).await, bystander.created_at);
}

pub async fn pages_are_filtered_by_part_of_the_name_and_by_the_whole_text(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let mut made = Vec::new();
    for (name, info) in [
        (Some("张三"), Some("a")),
        (Some("张三丰"), Some("A")),
        (Some("100%_!"), None),
        (None, Some("a")),
        (Some("Tony"), Some("a b")),
    ] {
        let enrolled = f.store.enrol(library.id, called(name, info), new_face(), bytes("p")).await.expect("enrol");
        made.push(enrolled.0.public_id);
    }
    f.store.enrol(other.id, called(Some("张三"), Some("a")), new_face(), bytes("p")).await.expect("enrol");
    let page = async |name_part, info, page| {
        let filter = DirectoryFilter { name_part, info };
        let (total, page) = f.store.directory_page(library.id, filter, page).await.expect("read");
        let places = page.iter().map(|entry| made.iter().position(|id| *id == entry.public_id).expect("one of these"));
        (total, places.collect::<Vec<_>>())
    };
    assert_eq!(page(None, None, Page::first(50)).await, (5, vec![0, 1, 2, 3, 4]));
    assert_eq!(page(None, None, Page { offset: 1, limit: 2 }).await, (5, vec![1, 2]));
    assert_eq!(page(None, None, Page { offset: 5, limit: 2 }).await, (5, vec![]));
    assert_eq!(page(None, None, Page { offset: u64::MAX, limit: u64::MAX }).await, (5, vec![]));
    assert_eq!(page(None, None, Page::first(0)).await, (5, vec![]));
    assert_eq!(page(Some("三"), None, Page::first(50)).await, (2, vec![0, 1]));
    assert_eq!(page(Some("三"), None, Page { offset: 1, limit: 50 }).await, (2, vec![1]));
    assert_eq!(page(Some("三"), Some("A"), Page::first(50)).await, (1, vec![1]));
    assert_eq!(page(None, Some("a"), Page::first(50)).await, (2, vec![0, 3]));
    assert_eq!(page(Some("%"), None, Page::first(50)).await, (1, vec![2]));
    assert_eq!(page(Some("_!"), None, Page::first(50)).await, (1, vec![2]));
    assert_eq!(page(Some("__"), None, Page::first(50)).await, (0, vec![]));
    assert_eq!(page(Some("tON"), None, Page::first(50)).await, (1, vec![4]));
    assert_eq!(
        f.store.directory_page(LibraryId::new(-1), DirectoryFilter::default(), Page::first(9)).await.expect("read").0,
        0
    );
}

/// Updates a person and replaces their faces, in one transaction.
async fn update_with_face(f: &Fixture, person: PersonId, changes: PersonChanges, face: NewFace) -> Result<()> {
    let now = SystemClock.now();
    let update = f.store.write_with_picture(bytes("new"), move |tx, picture| {
        Box::pin(async move {
            tx.remove_faces(person, None, now).await?;
            tx.insert_face(person, face, picture, false).await?;
            tx.update_person(person, changes, now).await
        })
    });
    update.await
}

pub async fn a_change_is_made_as_a_whole_or_not_at_all(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.store.enrol(library.id, named("u"), new_face(), bytes("p")).await.expect("enrol");
    let (taken, _) = f.store.enrol(library.id, named("taken"), new_face(), bytes("q")).await.expect("enrol");
    let before = f.store.directory_entries(library.id, &[person.public_id]).await.expect("read");
    let changes = |external_id: &str| PersonChanges {
        external_id: Some(external_id.to_owned()),
        name: Some("n".into()),
        info: Some("i".into()),
    };
    let refused = f.store.update_person(person.id, changes("taken")).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let refused = update_with_face(&f, person.id, changes("taken"), new_face()).await;
    assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
    let broken = NewFace { confidence: f32::NAN, ..new_face() };
    let refused = update_with_face(&f, person.id, changes("free"), broken).await;
    assert!(matches!(refused, Err(Error::Database(_))), "{refused:?}");
    assert_eq!(f.store.directory_entries(library.id, &[person.public_id]).await.expect("read"), before);
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    f.store.update_person(person.id, changes("u")).await.expect("one's own id is free");
    update_with_face(&f, person.id, changes("new"), new_face()).await.expect("update");
    let after = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(after.external_id.as_deref(), Some("new"));
    assert_eq!((after.profile.name.as_deref(), after.info.as_deref()), (Some("n"), Some("i")));
    assert_eq!(f.fingerprints(&person).await, [md5("new")]);
    assert_eq!(f.pictures().await, [key("new"), key("q")].into());
    f.store.update_person(person.id, PersonChanges::default()).await.expect("update");
    let read = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(Person { updated_at: after.updated_at, ..read }, after, "what is not named stays");

    assert_eq!(f.store.faces_with_md5(taken.id, &md5_hex(b"q")).await.expect("read").len(), 1);
    assert!(f.store.faces_with_md5(taken.id, &md5_hex(b"p")).await.expect("read").is_empty());
    let gone = f.store.update_person(PersonId::new(-1), PersonChanges::default()).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

/// Covers any part of any name, including wildcards and escapes of `LIKE`.
pub async fn names_are_searched_as_a_plain_search_would(harness: Box<dyn Harness>) {
    const NAMES: &str = "[a-cA-C%_!\\\\张é]{0,5}";
    const PART: &str = "[a-cA-C%_!\\\\张é]{1,2}";
    let f = Fixture::new(harness).await;
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let searched = runner.run(&(proptest::collection::vec(NAMES, 1..12), PART), |(names, part)| {
        let (found, expected) = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                let library = f.library(&next_number().to_string()).await;
                let mut expected = Vec::new();
                for name in &names {
                    let new = called(Some(name), None);
                    if name.to_ascii_lowercase().contains(&part.to_ascii_lowercase()) {
                        expected.push(new.public_id);
                    }
                    f.store.insert_person(library.id, new).await.expect("insert");
                }
                let filter = DirectoryFilter { name_part: Some(&part), info: None };
                let (total, page) = f.store.directory_page(library.id, filter, Page::first(100)).await.expect("read");
                assert_eq!(total, page.len() as u64);
                (page.into_iter().map(|entry| entry.public_id).collect::<Vec<_>>(), expected)
            })
        });
        prop_assert_eq!(found, expected);
        Ok(())
    });
    searched.unwrap_or_else(|failure| panic!("{failure}"));
}

pub async fn who_is_gone_is_listed_no_more(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let (p, q) = (f.enrol(&library, "p").await.0, f.enrol(&library, "q").await.0);
    let r = f.enrol(&other, "r").await.0;
    let listed = async |library: LibraryId| {
        let ids = [p.public_id, q.public_id, r.public_id];
        let entries = f.store.directory_entries(library, &ids).await.expect("read");
        entries.into_iter().map(|entry| entry.public_id).collect::<Vec<_>>()
    };
    assert_eq!(listed(library.id).await, [p.public_id, q.public_id]);
    assert_eq!(listed(other.id).await, [r.public_id]);
    f.store.remove_person(p.id).await.expect("remove");
    assert_eq!(listed(library.id).await, [q.public_id]);
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(listed(library.id).await, Vec::new());
    assert_eq!(listed(other.id).await, [r.public_id]);
}

pub async fn an_acknowledged_change_is_in_every_later_answer(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    let (other, _) = f.enrol(&library, "q").await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let (store, stop) = (f.store.clone(), std::sync::Arc::clone(&stop));
        let (library_id, ids) = (library.id, [person.public_id, other.public_id]);
        readers.spawn(async move {
            let mut last = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let entries = store.directory_entries(library_id, &ids).await.expect("read");
                let name = entries[0].name.as_deref().map_or(0, |name| name.parse::<u32>().expect("a number"));
                assert!(name >= last, "{name} after {last}");
                last = name;
            }
        });
    }
    for n in 1..=200u32 {
        let changes = PersonChanges { name: Some(n.to_string()), ..PersonChanges::default() };
        f.store.update_person(person.id, changes).await.expect("update");
        let entries = f.store.directory_entries(library.id, &[person.public_id]).await.expect("read");
        assert_eq!(entries[0].name, Some(n.to_string()));
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    while let Some(reader) = readers.join_next().await {
        reader.expect("it saw nothing go back");
    }
}
