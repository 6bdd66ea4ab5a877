//! Lists by the last row that was seen, with filters; rows as a whole.

use aicp_store::{Error, LibraryFilter, NewPerson, PersonFilter, PersonOrder, Profile};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, named, new_face, new_library};

pub async fn libraries_come_after_the_one_that_was_seen(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    let mut ids = Vec::new();
    for (external_id, name, app, hidden) in [
        ("a", "North Hall", APP, false),
        ("b", "south", APP, false),
        ("c", "x", APP, true),
        ("a", "100% north", "other", false),
    ] {
        let (name, app_id) = (name.to_owned(), app.to_owned());
        let new = aicp_store::NewLibrary { name, app_id, hidden, ..new_library(external_id) };
        ids.push(f.store.insert_library(new).await.expect("library").id);
    }
    let list = async |filter, after: Option<LibraryId>, limit| -> Vec<LibraryId> {
        let found = f.store.libraries_after(filter, after, limit).await.expect("read");
        found.into_iter().map(|library| library.id).collect()
    };
    let all = LibraryFilter::default();
    assert_eq!(list(all, None, 9).await, [ids[0], ids[1], ids[3]], "hidden ones are left out");
    assert_eq!(list(all, None, 2).await, [ids[0], ids[1]]);
    assert_eq!(list(all, Some(ids[0]), 9).await, [ids[1], ids[3]]);
    assert_eq!(list(all, Some(ids[3]), 9).await, []);
    assert_eq!(list(LibraryFilter { app_id: Some(APP), ..all }, None, 9).await, [ids[0], ids[1]]);
    assert_eq!(list(LibraryFilter { external_id: Some("a"), ..all }, None, 9).await, [ids[0], ids[3]]);
    assert_eq!(list(LibraryFilter { name_part: Some("NORTH"), ..all }, None, 9).await, [ids[0], ids[3]]);
    assert_eq!(list(LibraryFilter { name_part: Some("0%"), ..all }, None, 9).await, [ids[3]]);
    assert_eq!(list(LibraryFilter { name_part: Some("_"), ..all }, None, 9).await, []);
    let both = LibraryFilter { app_id: Some("other"), name_part: Some("north"), ..all };
    assert_eq!(list(both, Some(ids[0]), 9).await, [ids[3]]);
}

pub async fn people_come_after_the_one_that_was_seen(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let mut ids = Vec::new();
    for (number, name) in ["Ada", "Bob", "adam"].into_iter().enumerate() {
        let profile =
            Profile { name: Some(name.into()), customer_number: Some(format!("{}", number / 2)), ..Profile::default() };
        let new = NewPerson { profile, created_at: UnixMillis::new(number as i64 * 10), ..named(name) };
        ids.push(f.store.enrol(library.id, new, new_face(), bytes("p")).await.expect("enrol").0.id);
    }
    f.enrol(&other, "p").await;
    let list = async |filter, after: Option<PersonId>, limit| -> Vec<PersonId> {
        let found = f.store.people_after(library.id, filter, PersonOrder::Oldest(after), limit).await.expect("read");
        found.into_iter().map(|person| person.id).collect()
    };
    let all = PersonFilter::default();
    assert_eq!(list(all, None, 9).await, ids);
    assert_eq!(list(all, Some(ids[0]), 1).await, [ids[1]]);
    assert_eq!(list(PersonFilter { external_id: Some("Bob"), ..all }, None, 9).await, [ids[1]]);
    assert_eq!(list(PersonFilter { name_part: Some("ADA"), ..all }, None, 9).await, [ids[0], ids[2]]);
    assert_eq!(list(PersonFilter { customer_number: Some("0"), ..all }, None, 9).await, [ids[0], ids[1]]);
    let range = PersonFilter { from: Some(UnixMillis::new(10)), to: Some(UnixMillis::new(20)), ..all };
    assert_eq!(list(range, None, 9).await, [ids[1]]);
    assert_eq!(list(PersonFilter { name_part: Some("a"), ..range }, None, 9).await, []);
}

pub async fn a_person_is_written_as_a_whole(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (mut person, _) = f.enrol(&library, "p").await;
    f.store.enrol(library.id, named("taken"), new_face(), bytes("p")).await.expect("enrol");
    person.external_id = Some("u".into());
    person.info = Some("info".into());
    let text = |text: &str| Some(text.to_owned());
    person.profile = Profile {
        name: text("n"),
        sex: Some(2),
        birthday: Some(19_990_101),
        document_number: text("d"),
        customer_number: text("c"),
        company: text("co"),
        duty: text("du"),
        province: text("pr"),
        kind: Some(3),
        remark: text("r"),
        source_url: text("s"),
    };
    f.store.write_person(person.clone(), UnixMillis::new(99)).await.expect("written");
    person.updated_at = UnixMillis::new(99);
    assert_eq!(f.store.person(person.id).await.expect("read").as_ref(), Some(&person));
    person.profile = Profile::default();
    (person.external_id, person.info) = (None, None);
    f.store.write_person(person.clone(), UnixMillis::new(100)).await.expect("written");
    person.updated_at = UnixMillis::new(100);
    assert_eq!(f.store.person(person.id).await.expect("read").as_ref(), Some(&person), "nothing is kept");
    let taken = aicp_store::Person { external_id: Some("taken".into()), ..person.clone() };
    assert!(matches!(f.store.write_person(taken, UnixMillis::new(101)).await, Err(Error::Exists)));
    let gone = aicp_store::Person { id: PersonId::new(9999), ..person };
    assert!(matches!(f.store.write_person(gone, UnixMillis::new(101)).await, Err(Error::NotFound)));
}
