//! What the observer is told.

use std::sync::{Arc, Mutex};

use aicp_store::{AddedFace, Change, ChangeKind, Error, NewAccount, NewPerson, Observer, PersonChanges, Quota};
use aicp_types::{Sequence, UnixMillis};

use crate::Harness;
use crate::fixture::{APP, Fixture, bytes, face_with, new_face, new_library, new_person, ready};

/// Records the changes of some kinds, with the sequence of the write.
struct Told {
    kinds: &'static [ChangeKind],
    changes: Mutex<Vec<Change>>,
    last: Mutex<Sequence>,
}

impl Told {
    fn of(kinds: &'static [ChangeKind]) -> Arc<Self> {
        Arc::new(Self { kinds, changes: Mutex::default(), last: Mutex::default() })
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.changes.lock().expect("not poisoned"))
    }
}

impl Observer for Told {
    fn committed(&self, sequence: Sequence, changes: &[Change]) {
        let mut last = self.last.lock().expect("not poisoned");
        assert!(*last < sequence && !changes.is_empty());
        *last = sequence;
        let of_kinds = changes.iter().filter(|change| self.kinds.contains(&change.kind()));
        self.changes.lock().expect("not poisoned").extend(of_kinds.cloned());
    }
}

const LIBRARIES_AND_PEOPLE: &[ChangeKind] = &[ChangeKind::Library, ChangeKind::Person];

pub async fn changed_libraries_and_people_are_announced(harness: Box<dyn Harness>) {
    let told = Told::of(LIBRARIES_AND_PEOPLE);
    let f = Fixture::observed(harness, told.clone()).await;
    let library = f.library("g").await;
    let renamed = Change::LibraryChanged { app_id: APP.to_owned(), library_id: library.id };
    assert_eq!(told.take(), std::slice::from_ref(&renamed));
    f.store.rename_library(library.id, "h", "h").await.expect("rename");
    assert_eq!(told.take(), [renamed]);

    let (person, face) = f.enrol(&library, "p").await;
    f.store.add_people(library.id, vec![ready([new_face()])], vec![bytes("q")]).await.expect("add");
    assert_eq!(told.take(), [], "those who are new were known to nobody");
    let changed = [Change::PersonChanged { library_id: library.id, public_id: person.public_id }];
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

pub async fn changed_grants_and_keys_are_announced(harness: Box<dyn Harness>) {
    let told = Told::of(&[ChangeKind::Grant, ChangeKind::Key]);
    let f = Fixture::observed(harness, told.clone()).await;
    let now = UnixMillis::new(1);
    f.store.create_grant(super::grants::grant(APP, 1, &["a"]), now).await.expect("grant");
    f.store.create_grant(super::grants::grant(APP, 2, &["a"]), now).await.expect_err("one is enough");
    f.store.extend_grant(APP, now, Vec::new()).await.expect("extend");
    f.store.delete_grant(APP).await.expect("delete");
    let key = f.store.create_key(super::keys::new_key(APP, "k", "n")).await.expect("key");
    f.store.revoke_key(key.id, now).await.expect("revoke");
    let told = told.take();
    let [made, extended, revoked, key_made, key_revoked] = &told[..] else { panic!("{told:?}") };
    for (change, has_grant) in [(made, true), (extended, true), (revoked, false)] {
        let Change::GrantChanged { app_id, grant } = change else { panic!("{change:?}") };
        assert_eq!((app_id.as_str(), grant.is_some()), (APP, has_grant));
    }
    for (change, revoked_at) in [(key_made, None), (key_revoked, Some(now))] {
        let Change::KeyChanged { key: told } = change else { panic!("{change:?}") };
        assert_eq!((told.id, told.revoked_at), (key.id, revoked_at));
    }
}

pub async fn changes_of_a_failed_job_are_not_announced(harness: Box<dyn Harness>) {
    let told = Told::of(LIBRARIES_AND_PEOPLE);
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
            Ok(library_id) => made.push(Change::LibraryChanged { app_id: APP.to_owned(), library_id }),
            Err(error) => assert!(fails && matches!(error, Error::NotFound), "{error}"),
        }
    }
    assert_eq!(told.take(), made);
    assert_eq!(f.store.library_count(APP).await.expect("count"), 2);
}

pub async fn changes_are_recorded_in_order_with_their_ids(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let recorded = async |f: &Fixture, after| {
        let mut rows = f.store.rows().await.expect("a connection");
        let changes = rows.changes_after(after, 100).await.expect("read");
        assert!(changes.is_sorted_by(|a, b| a.sequence < b.sequence));
        let last = changes.last().map_or(after, |change| change.sequence);
        assert_eq!(rows.last_sequence().await.expect("read"), last);
        (changes, last)
    };
    let library = f.library("g").await;
    let (changes, after_library) = recorded(&f, Sequence::default()).await;
    let [change] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((change.kind, change.app_id.as_deref()), (ChangeKind::Library, Some(APP)));
    assert_eq!(change.ids, [library.id.get()]);

    let (person, face) = f.enrol(&library, "p").await;
    f.store.remove_person(person.id).await.expect("remove");
    f.store.remove_person(person.id).await.expect_err("gone");
    let f = f.reopen().await;
    let (changes, last) = recorded(&f, after_library).await;
    let told: Vec<_> = changes.iter().map(|change| (change.kind, change.ids.as_slice())).collect();
    let (faces, of_person) = ([library.id.get(), face.id.get()], [library.id.get(), person.public_id.get()]);
    let wanted =
        [(ChangeKind::FacesAdded, &faces), (ChangeKind::FacesRemoved, &faces), (ChangeKind::Person, &of_person)];
    assert_eq!(told, wanted.map(|(kind, ids)| (kind, ids.as_slice())));
    assert_eq!(recorded(&f, last).await.0, []);
}

const ALL: &[ChangeKind] = &[
    ChangeKind::FacesAdded,
    ChangeKind::FacesRemoved,
    ChangeKind::FaceJudged,
    ChangeKind::Person,
    ChangeKind::Library,
    ChangeKind::LibraryRemoved,
    ChangeKind::Grant,
    ChangeKind::Quota,
    ChangeKind::Key,
    ChangeKind::Operator,
    ChangeKind::OperatorToken,
    ChangeKind::Setting,
    ChangeKind::FriendGroups,
];

/// Tells of faces in one way, whether one was added or several.
fn as_several(change: Change) -> Change {
    match change {
        Change::FaceAdded { library_id, person_id, face_id, template } => {
            Change::FacesAdded { library_id, faces: vec![AddedFace { person_id, face_id, template }] }
        }
        change => change,
    }
}

pub async fn another_node_reads_of_every_kind_what_was_announced(harness: Box<dyn Harness>) {
    let told = Told::of(ALL);
    let f = Fixture::observed(harness, told.clone()).await;
    let (store, now) = (&f.store, UnixMillis::new(1));
    let (library, emptied) = (f.library("a").await, f.library("b").await);
    let (person, face) =
        store.enrol(library.id, new_person(), face_with(&[0.5, -0.25], "1"), bytes("p")).await.expect("enrolled");
    store.set_recognisability(face.id, 0.75).await.expect("judged");
    store.update_person(person.id, PersonChanges::default()).await.expect("changed");
    let (_, removed) = f.enrol(&library, "q").await;
    store.remove_face(removed.id).await.expect("removed");
    store.delete_library(emptied.id).await.expect("removed");
    store.create_grant(super::grants::grant(APP, 1, &["a", "b"]), now).await.expect("granted");
    store.set_quota(APP, Quota { calls_per_day: Some(7), ..Quota::default() }).await.expect("set");
    store.create_key(super::keys::new_key(APP, "k", "n")).await.expect("made");
    let ada = store.create_operator(super::operators::operator("ada")).await.expect("made");
    let eve = store.create_operator(super::operators::operator("eve")).await.expect("made");
    store.create_operator_token(super::operators::token(Some(ada.id), 1, 100)).await.expect("made");
    store.delete_operator(eve.id).await.expect("deleted");
    super::settings::changed(&f, super::settings::change("b", Some("1"), None)).await;
    let accounts = ["me", "friend"].map(super::social::account).into();
    store.import_accounts(APP, accounts, now).await.expect("imported");
    super::social::befriend(store, "me", super::social::named(&["friend"]), &["g"]).await;

    let mut rows = store.rows().await.expect("a connection");
    let recorded = rows.changes_after(Sequence::default(), 1000).await.expect("read");
    let now = rows.changes_now(&recorded).await.expect("read");
    let now: Vec<Change> = now.into_iter().flatten().collect();
    let announced: Vec<Change> = told.take().into_iter().map(as_several).collect();
    assert_eq!(now.len(), announced.len(), "nothing was left out");
    let mut kinds: Vec<ChangeKind> = Vec::new();
    for (now, announced) in now.into_iter().zip(announced) {
        kinds.push(now.kind());
        match (now, announced) {
            // The present state is a later one: who was removed, changed or deleted since.
            (Change::FacesAdded { library_id, faces }, Change::FacesAdded { library_id: told, faces: added }) => {
                assert_eq!(library_id, told);
                let judged = |face: &AddedFace| face.face_id == removed.id || face.template.is_some();
                assert!(faces.iter().all(judged) && faces.len() <= added.len(), "{faces:?}");
                for (face, added) in faces.iter().zip(&added) {
                    let vector = |face: &AddedFace| face.template.as_ref().map(|template| template.vector.clone());
                    assert_eq!(
                        (face.person_id, face.face_id, vector(face)),
                        (added.person_id, added.face_id, vector(added))
                    );
                }
            }
            (Change::OperatorChanged { operator_id, operator: None }, announced) if operator_id == eve.id => {
                assert_eq!(announced.ids(), [eve.id.get()]);
            }
            (now, announced) => assert_eq!(now, announced),
        }
    }
    for kind in ALL {
        assert!(kinds.contains(kind), "{kind:?}");
    }
}

pub async fn nothing_but_the_row_id_is_recorded_of_an_account(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let new = NewAccount { user_id: "ada".into(), nick: None, face_url: None };
    f.store.import_accounts(APP, vec![new], UnixMillis::new(1)).await.expect("import");
    let named = f.store.accounts_named(APP, &["ada".into()]).await.expect("read");
    f.store.delete_accounts(APP, vec!["ada".into()]).await.expect("delete");
    let changes = f.store.rows().await.expect("a connection").changes_after(Sequence::default(), 10).await;
    let changes = changes.expect("read");
    assert_eq!(changes[0].ids, [named[0].0.get()]);
    assert!(!format!("{changes:?}").contains("ada"));
}
