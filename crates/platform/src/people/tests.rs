//! Rules of people, on a real store.

use std::sync::Arc;

use aicp_store::NewPerson;
use aicp_store_tests::fixture::{APP, bytes, named, new_face, new_library, new_person};
use aicp_store_tests::handle::Handle;
use aicp_types::{LibraryId, SystemClock, UnixMillis};
use tempfile::TempDir;

use super::transactions::{add_face, change, enrol, replace_faces};
use crate::user_ids::{people_known_as, people_of_app_known_as, person_named};
use crate::{Error, Existing, Face, Limit, Missing, Person, PersonChanges, Result};

fn same() -> PersonChanges {
    PersonChanges::default()
}

struct Fixture {
    store: Handle,
    library: LibraryId,
    _dir: TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temp dir");
        let store = Handle(aicp_store_sqlite::open(dir.path(), Arc::new(SystemClock)).await.expect("it opens"));
        store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
        let library = store.insert_library(new_library("g")).await.expect("library").id;
        Self { store, library, _dir: dir }
    }

    async fn enrol(&self, new: NewPerson, at_most: Option<u64>) -> Result<(Person, Face)> {
        let library = self.library;
        let enrol = self.store.write_with_picture(bytes("p"), move |tx, picture| {
            Box::pin(enrol(tx, library, new, at_most, new_face(), picture))
        });
        enrol.await
    }

    async fn change(&self, person: &Person, changes: PersonChanges) -> Result<()> {
        let id = person.id;
        self.store.write(move |tx| Box::pin(change(tx, id, changes, UnixMillis::new(9)))).await
    }

    async fn updated_at(&self, person: &Person) -> UnixMillis {
        let entries = self.store.directory_entries(person.library_id, &[person.public_id]).await.expect("read");
        entries[0].updated_at
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_enrolments_do_not_pass_a_limit() {
    let f = Arc::new(Fixture::new().await);
    let enrolments = (0..10).map(|n| {
        let f = Arc::clone(&f);
        tokio::spawn(async move { f.enrol(named(&n.to_string()), Some(4)).await })
    });
    let mut enrolled = 0;
    for task in enrolments.collect::<Vec<_>>() {
        match task.await.expect("no panic") {
            Ok(_) => enrolled += 1,
            Err(e) => assert!(matches!(e, Error::Full(Limit::People)), "{e}"),
        }
    }
    let counts = f.store.library_counts(f.library).await.expect("read");
    assert_eq!((enrolled, counts.users, counts.faces), (4, 4, 4));
}

#[tokio::test]
async fn a_refused_enrolment_says_why() {
    let f = Fixture::new().await;
    f.enrol(named("u"), None).await.expect("enrol");
    let taken = f.enrol(named("u"), Some(1)).await;
    assert!(matches!(taken, Err(Error::Exists(Existing::Person))), "a taken id goes before the limit: {taken:?}");
    let full = f.enrol(named("v"), Some(1)).await;
    assert!(matches!(full, Err(Error::Full(Limit::People))), "{full:?}");
    let nowhere = Fixture { library: LibraryId::new(99), ..f }.enrol(named("v"), None).await;
    assert!(matches!(nowhere, Err(Error::Missing(Missing::Library))), "{nowhere:?}");
}

#[tokio::test]
async fn a_text_is_tried_as_public_id_then_number_then_user_id() {
    let f = Fixture::new().await;
    let (by_id, _) = f.enrol(new_person(), None).await.expect("enrol");
    let id = by_id.public_id.to_string();
    let (by_name, _) = f.enrol(named(&by_id.number), None).await.expect("enrol");
    let both = NewPerson { number: id.clone(), external_id: Some(id.clone()), ..new_person() };
    let (both, _) = f.enrol(both, None).await.expect("enrol");
    let find = async |text: &str| {
        let mut rows = f.store.rows().await.expect("rows");
        person_named(&mut rows, f.library, text).await.expect("read")
    };
    assert_eq!(find(&id).await, Some(by_id.clone()));
    assert_eq!(find(&by_id.number).await, Some(by_id.clone()), "a number goes before a user id");
    for none in ["", "nobody", "\0", &format!("+{id}"), &format!("0{id}"), "99999999999999999999999999"] {
        assert_eq!(find(none).await, None, "{none}");
    }
    let known = async |user_id: &str| {
        let mut rows = f.store.rows().await.expect("rows");
        let known = people_known_as(&mut rows, f.library, user_id).await.expect("read");
        assert_eq!(people_of_app_known_as(&mut rows, APP, user_id).await.expect("read"), known);
        assert_eq!(people_of_app_known_as(&mut rows, "other", user_id).await.expect("read"), []);
        known
    };
    assert_eq!(known(&id).await, [by_id.clone(), both], "the public id of one, the user id of another");
    assert_eq!(known(&by_id.number).await, std::slice::from_ref(&by_name), "a number is no user id");
    assert_eq!(known(&by_name.public_id.to_string()).await, [], "who has a user id is not called by public id");
    assert_eq!(known(&format!("+{id}")).await, []);
    f.store.remove_person(by_id.id).await.expect("remove");
    assert_eq!(find(&by_id.number).await, Some(by_name));
}

#[tokio::test]
async fn a_user_id_is_changed_to_one_by_which_nobody_is_known() {
    let f = Fixture::new().await;
    let (person, _) = f.enrol(named("u"), None).await.expect("enrol");
    f.enrol(named("taken"), None).await.expect("enrol");
    let (unnamed, _) = f.enrol(new_person(), None).await.expect("enrol");
    let to = |user_id: &str| PersonChanges {
        external_id: Some(user_id.to_owned()),
        name: Some("n".to_owned()),
        info: Some("i".to_owned()),
    };
    for user_id in ["taken", &unnamed.public_id.to_string()] {
        let refused = f.change(&person, to(user_id)).await;
        assert!(matches!(refused, Err(Error::Exists(Existing::Person))), "{refused:?}");
        assert_eq!(f.store.person(person.id).await.expect("read"), Some(person.clone()));
    }
    f.change(&person, to("u")).await.expect("one's own id is free");
    f.change(&person, to("new")).await.expect("changed");
    f.change(&unnamed, to(&unnamed.public_id.to_string())).await.expect("one's own public id is free");
    let after = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(after.external_id.as_deref(), Some("new"));
    assert_eq!((after.profile.name.as_deref(), after.info.as_deref()), (Some("n"), Some("i")));
    f.change(&person, PersonChanges::default()).await.expect("changed");
    let read = f.store.person(person.id).await.expect("read").expect("person");
    assert_eq!(Person { updated_at: after.updated_at, ..read }, after, "what is not named stays");
    f.store.remove_person(person.id).await.expect("remove");
    for changes in [PersonChanges::default(), to("v")] {
        let gone = f.change(&person, changes).await;
        assert!(matches!(gone, Err(Error::Missing(Missing::Person))), "{gone:?}");
    }
}

#[tokio::test]
async fn every_new_face_moves_the_time_of_the_last_change() {
    let f = Fixture::new().await;
    let (person, first) = f.enrol(new_person(), None).await.expect("enrol");
    let (id, now) = (person.id, UnixMillis::new(0));
    let enrolled = f.updated_at(&person).await;
    assert_eq!(enrolled, person.created_at);
    let added = f.store.write_with_picture(bytes("q"), move |tx, picture| {
        Box::pin(add_face(tx, id, same(), new_face(), picture, now))
    });
    let second = added.await.expect("added");
    let after = f.updated_at(&person).await;
    assert!(after > enrolled);
    assert_eq!(f.store.faces_of(id).await.expect("read"), [second, first]);
    // With the picture of a face that goes.
    let replaced = f.store.write_with_picture(bytes("q"), move |tx, picture| {
        Box::pin(replace_faces(tx, id, same(), new_face(), picture, now))
    });
    let third = replaced.await.expect("replaced");
    assert!(f.updated_at(&person).await > after);
    assert_eq!(f.store.picture(&third.picture_key).await.expect("picture"), "q");
    assert_eq!(f.store.faces_of(id).await.expect("read"), [third]);
    f.store.remove_person(id).await.expect("remove");
    let gone = f.store.write_with_picture(bytes("q"), move |tx, picture| {
        Box::pin(replace_faces(tx, id, same(), new_face(), picture, now))
    });
    assert!(matches!(gone.await, Err(Error::Missing(Missing::Person))));
}
