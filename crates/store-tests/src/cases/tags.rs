//! Tags of people, and lists of people by them.

use aicp_store::{NewPerson, PersonFilter, PersonOrder, Profile};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::Harness;
use crate::fixture::{Fixture, named, new_person, ready};

fn tags(tags: &[&str]) -> Vec<String> {
    tags.iter().map(|tag| (*tag).to_owned()).collect()
}

pub async fn people_are_found_by_their_tags(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await.id, f.library("h").await.id);
    let add = async |library: LibraryId, of: &[&str]| -> PersonId {
        f.store.insert_person(library, NewPerson { tags: tags(of), ..new_person() }).await.expect("person").id
    };
    let (ab, a, none, elsewhere) = (
        add(library, &["a", "b"]).await,
        add(library, &["a"]).await,
        add(library, &[]).await,
        add(other, &["a"]).await,
    );
    let bulk = aicp_store::BulkPerson { person: NewPerson { tags: tags(&["b"]), ..new_person() }, ..ready([]) };
    let b = f.store.add_people(library, vec![bulk], Vec::new()).await.expect("added")[0];

    let known = f.store.tags_of(&[ab, a, none, b]).await.expect("read");
    assert_eq!(
        (known.get(&ab), known.get(&a), known.get(&none)),
        (Some(&tags(&["a", "b"])), Some(&tags(&["a"])), None)
    );
    assert_eq!(known.get(&b), Some(&tags(&["b"])));
    let counts = async |after, limit| f.store.tags_of_library(library, after, limit).await.expect("read");
    assert_eq!(counts(None, 9).await, [("a".to_owned(), 2), ("b".to_owned(), 2)]);
    assert_eq!(counts(None, 1).await, [("a".to_owned(), 2)]);
    assert_eq!(counts(Some("a"), 9).await, [("b".to_owned(), 2)]);

    let found = async |libraries: &[LibraryId], of: &[&str], limit| {
        let mut found = f.store.people_with_tags(libraries, &tags(of), limit).await.expect("read");
        found.sort_unstable();
        found
    };
    assert_eq!(found(&[library], &["a"], 9).await, [ab, a]);
    assert_eq!(found(&[library, other], &["a"], 9).await, [ab, a, elsewhere]);
    assert_eq!(found(&[library, other], &["a", "b"], 9).await, [ab]);
    assert_eq!(found(&[library], &["a"], 1).await.len(), 1);
    assert_eq!(found(&[library], &[], 9).await, []);

    let list = async |of: &[&str], order| -> Vec<PersonId> {
        let of = tags(of);
        let filter = PersonFilter { tags: &of, ..PersonFilter::default() };
        f.store
            .people_after(library, filter, order, 9)
            .await
            .expect("read")
            .into_iter()
            .map(|person| person.id)
            .collect()
    };
    assert_eq!(list(&["a"], PersonOrder::Oldest(None)).await, [ab, a]);
    assert_eq!(list(&["a"], PersonOrder::Oldest(Some(ab))).await, [a]);
    assert_eq!(list(&["b"], PersonOrder::Newest(None)).await, [b, ab]);
    assert_eq!(list(&["b"], PersonOrder::Newest(Some(b))).await, [ab]);
    assert_eq!(list(&["b", "a"], PersonOrder::Name(None)).await, [ab]);

    set_tags(&f, ab, &["c"]).await;
    assert_eq!(counts(None, 9).await, [("a".to_owned(), 1), ("b".to_owned(), 1), ("c".to_owned(), 1)]);
    f.store.remove_person(ab).await.expect("removed");
    assert_eq!(counts(Some("b"), 9).await, [], "a tag goes with the person");
}

async fn set_tags(f: &Fixture, person: PersonId, of: &[&str]) {
    let of = tags(of);
    let set =
        f.store.write::<(), aicp_store::Error, _>(move |tx| Box::pin(async move { tx.set_tags(person, &of).await }));
    set.await.expect("set");
}

pub async fn people_are_listed_in_each_order(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await.id;
    let mut ids = Vec::new();
    for name in [Some("b"), None, Some("a"), Some("b"), Some("B"), Some("")] {
        let profile = Profile { name: name.map(str::to_owned), ..Profile::default() };
        ids.push(f.store.insert_person(library, NewPerson { profile, ..new_person() }).await.expect("person").id);
    }
    let expected = [1, 5, 4, 2, 0, 3].map(|place: usize| ids[place]);
    for limit in 1..8 {
        let (mut listed, mut after): (Vec<PersonId>, Option<(String, PersonId)>) = (Vec::new(), None);
        loop {
            let order = PersonOrder::Name(after.as_ref().map(|(name, id)| (name.as_str(), *id)));
            let page = f.store.people_after(library, PersonFilter::default(), order, limit).await.expect("read");
            let Some(last) = page.last() else { break };
            after = Some((last.profile.name.clone().unwrap_or_default(), last.id));
            listed.extend(page.iter().map(|person| person.id));
        }
        assert_eq!(listed, expected, "pages of {limit}");
    }
    let newest = |before| f.store.people_after(library, PersonFilter::default(), PersonOrder::Newest(before), 9);
    let newest = newest(Some(ids[2])).await.expect("read");
    assert_eq!(newest.iter().map(|person| person.id).collect::<Vec<_>>(), [ids[1], ids[0]]);
}

pub async fn people_are_found_by_their_latest_change(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await.id;
    let old = f.store.insert_person(library, named("old")).await.expect("person");
    let mut person = f.store.insert_person(library, named("changed")).await.expect("person");
    assert_eq!(person.updated_at, person.created_at);
    person.info = Some("i".into());
    f.store.write_person(person.clone(), UnixMillis::new(50)).await.expect("written");
    let list = async |from: Option<i64>, to: Option<i64>| -> Vec<PersonId> {
        let (updated_from, updated_to) = (from.map(UnixMillis::new), to.map(UnixMillis::new));
        let filter = PersonFilter { updated_from, updated_to, ..PersonFilter::default() };
        let found = f.store.people_after(library, filter, PersonOrder::default(), 9).await.expect("read");
        found.into_iter().map(|person| person.id).collect()
    };
    assert_eq!(list(Some(50), None).await, [person.id]);
    assert_eq!(list(Some(51), None).await, []);
    assert_eq!(list(None, Some(50)).await, [old.id]);
    assert_eq!(f.store.person(person.id).await.expect("read").expect("there").updated_at, UnixMillis::new(50));
}
