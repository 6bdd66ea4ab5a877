//! What the observer is told.

use std::sync::{Arc, Mutex};

use aicp_store::{Change, Error, NewPerson, Observer, PersonChanges};
use aicp_types::UnixMillis;

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, new_face, new_library, new_person, ready};

/// Records the changes of libraries and people.
#[derive(Default)]
struct Touched(Mutex<Vec<Change>>);

impl Observer for Touched {
    fn committed(&self, change: &Change) {
        if matches!(change, Change::LibraryChanged { .. } | Change::PersonChanged { .. }) {
            self.0.lock().expect("not poisoned").push(change.clone());
        }
    }
}

impl Touched {
    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.0.lock().expect("not poisoned"))
    }
}

pub async fn changed_libraries_and_people_are_announced(harness: Box<dyn Harness>) {
    let told = Arc::new(Touched::default());
    let f = Fixture::observed(harness, told.clone()).await;
    let library = f.library("g").await;
    let renamed = Change::LibraryChanged { library_id: library.id };
    assert_eq!(told.take(), [renamed.clone()]);
    f.store.rename_library(library.id, "h", "h").await.expect("rename");
    assert_eq!(told.take(), [renamed]);

    let (person, face) = f.enrol(&library, "p").await;
    f.store.add_people(library.id, vec![ready([new_face()])], vec![bytes("q")]).await.expect("add");
    assert_eq!(told.take(), [], "those who are new were known to nobody");
    let changed = [Change::PersonChanged { library_id: library.id, person_id: person.id }];
    f.store.update_person(person.id, PersonChanges::default()).await.expect("update");
    assert_eq!(told.take(), changed);
    f.store.remove_face(face.id).await.expect("remove");
    assert_eq!(told.take(), changed);
    f.store.remove_person(person.id).await.expect("remove");
    assert_eq!(told.take(), changed);
    let twice = NewPerson { public_id: person.public_id, number: person.number, ..new_person() };
    f.store.insert_person(library.id, twice).await.expect("insert");
    f.store.remove_person(person.id).await.expect_err("gone");
    assert_eq!(told.take(), []);
}

/// Records the changes of grants and keys.
#[derive(Default)]
struct Permits(Mutex<Vec<Change>>);

impl Observer for Permits {
    fn committed(&self, change: &Change) {
        if matches!(change, Change::GrantChanged { .. } | Change::KeyChanged { .. }) {
            self.0.lock().expect("not poisoned").push(change.clone());
        }
    }
}

pub async fn changed_grants_and_keys_are_announced(harness: Box<dyn Harness>) {
    let told = Arc::new(Permits::default());
    let f = Fixture::observed(harness, told.clone()).await;
    let now = UnixMillis::new(1);
    f.store.create_grant(super::grants::grant(APP, 1, &["a"]), now).await.expect("grant");
    f.store.create_grant(super::grants::grant(APP, 2, &["a"]), now).await.expect_err("one is enough");
    f.store.extend_grant(APP, now, Vec::new()).await.expect("extend");
    f.store.delete_grant(APP).await.expect("delete");
    let key = f.store.create_key(super::keys::new_key(APP, "k", "n")).await.expect("key");
    f.store.revoke_key(key.id, now).await.expect("revoke");
    let grant = Change::GrantChanged { app_id: APP.into() };
    let key = Change::KeyChanged { key_id: key.id };
    let told = std::mem::take(&mut *told.0.lock().expect("not poisoned"));
    assert_eq!(told, [grant.clone(), grant.clone(), grant, key.clone(), key]);
}

pub async fn changes_of_a_failed_job_are_not_announced(harness: Box<dyn Harness>) {
    let told = Arc::new(Touched::default());
    let f = Fixture::observed(harness, told.clone()).await;
    let mut made = Vec::new();
    for (external_id, fails) in [("a", false), ("b", true), ("c", false)] {
        let created = f.store.write(move |tx| {
            Box::pin(async move {
                let library = tx.insert_library(new_library(external_id)).await?;
                if fails { Err(Error::NotFound) } else { Ok(library.id) }
            })
        });
        match created.await {
            Ok(library_id) => made.push(Change::LibraryChanged { library_id }),
            Err(error) => assert!(fails && matches!(error, Error::NotFound), "{error}"),
        }
    }
    assert_eq!(told.take(), made);
    assert_eq!(f.store.library_count(APP).await.expect("count"), 2);
}
