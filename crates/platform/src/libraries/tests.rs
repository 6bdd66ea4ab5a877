use aicp_store_tests::fixture::{APP, new_library};
use aicp_store_tests::handle::Handle;
use aicp_types::{SystemClock, UnixMillis};

use super::*;
use std::path::Path;

use crate::{MasterKey, Settings};
use crate::{PersonData, PersonKey};
use aicp_backends::{Biometrics, Builtin, EnrolledFace, LocalIndex};
use aicp_vision::FakeBiometrics;

async fn open(folder: &Path) -> Platform {
    let biometrics = Arc::new(FakeBiometrics::default());
    let index = LocalIndex::start(biometrics.dimensions(), None).expect("threads start");
    let engine = Builtin::new(biometrics, Arc::new(index));
    let key = MasterKey::from_hex(&"ab".repeat(32)).expect("64 digits");
    let clock = Arc::new(SystemClock);
    let store = aicp_store_sqlite::open(folder, clock.clone()).await.expect("it opens");
    Platform::open(store, engine, &key, "admin token", Settings::default(), clock).await.expect("it starts")
}

/// Creates a library with one person, who has the same id in each library.
async fn make(platform: &Platform, caller: &Caller, name: &str) -> Library {
    let library = platform.create_library(caller, name, name, None, None).await.expect("it is made");
    let user = PersonData { user_id: Some("same".to_owned()), ..PersonData::default() };
    let person = platform.inner.shared.new_person(user).expect("random");
    let face = platform.inner.shared.new_face(EnrolledFace::default());
    let (id, picture) = (library.id, name.as_bytes().to_vec().into());
    let written = platform.inner.store.write_with_picture(picture, move |tx, picture| {
        Box::pin(crate::people::transactions::enrol(tx, id, person, None, face, picture))
    });
    written.await.expect("it is written");
    library
}

#[tokio::test]
async fn what_was_found_is_acted_on_whatever_it_is_called_by_now() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let platform = open(folder.path()).await;
    let caller = platform.local_caller_for("shop").await.expect("an app");
    // A caller holds the first library; it is renamed, and another one takes its id.
    let found = make(&platform, &caller, "a").await;
    platform.rename_library(&caller, &found, "b").await.expect("it is renamed");
    let other = make(&platform, &caller, "a").await;

    let count =
        async |library: &Library| platform.people(&caller, library, Page::first(10)).await.expect("it is read").len();
    assert_eq!(count(&found).await, 1);
    let person = platform.find(&caller, &found, PersonKey::UserId("same")).await.expect("a person");
    platform.remove_person(&caller, &found, &person).await.expect("it is removed");
    let again = platform.remove_person(&caller, &found, &person).await;
    assert!(matches!(again, Err(Error::Missing(Missing::Person))));
    assert_eq!(count(&found).await, 0);
    platform.delete_library(&caller, &found).await.expect("it is deleted");

    assert_eq!(platform.library(&caller, "a").await.expect("it is there").id, other.id);
    assert_eq!(count(&other).await, 1);
    assert!(matches!(platform.library(&caller, "b").await, Err(Error::Missing(Missing::Library))));
    assert!(matches!(platform.delete_library(&caller, &found).await, Err(Error::Missing(Missing::Library))));
    platform.close().await.expect("it closes");
}

async fn store(folder: &Path) -> Handle {
    let store = Handle(aicp_store_sqlite::open(folder, Arc::new(SystemClock)).await.expect("it opens"));
    for app in [APP, "other"] {
        store.ensure_app(app, UnixMillis::new(1)).await.expect("app");
    }
    store
}

async fn insert(store: &Handle, new: NewLibrary, at_most: Option<u64>) -> Result<Library> {
    store.write(move |tx| Box::pin(insert_library(tx, new, at_most))).await
}

#[tokio::test]
async fn a_library_has_the_lowest_free_slot_for_life() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let store = store(folder.path()).await;
    let mut all = Vec::new();
    for (external_id, slot) in [("a", 1), ("b", 2), ("c", 3), ("d", 4)] {
        let library = insert(&store, new_library(external_id), None).await.expect("library");
        assert_eq!(library.slot, Some(slot), "{external_id}");
        all.push(library);
    }
    store.delete_library(all[0].id).await.expect("deleted");
    store.delete_library(all[2].id).await.expect("deleted");
    let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
    assert_eq!(insert(&store, hidden, None).await.expect("library").slot, None);
    for slot in [1, 3, 5] {
        let again = insert(&store, new_library(&format!("again {slot}")), None).await;
        assert_eq!(again.expect("library").slot, Some(slot));
    }
    for kept in [&all[1], &all[3]] {
        let read = store.library_by_id(kept.id).await.expect("read").expect("library");
        assert_eq!(read.slot, kept.slot);
    }
    let other = NewLibrary { app_id: "other".into(), ..new_library("a") };
    assert_eq!(insert(&store, other, None).await.expect("library").slot, Some(1), "each app has its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_creations_do_not_pass_a_limit() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let store = store(folder.path()).await;
    insert(&store, new_library("g"), None).await.expect("library");
    let hidden = NewLibrary { hidden: true, ..new_library("hidden") };
    insert(&store, hidden, None).await.expect("library");
    let creations = (0..10).map(|n| {
        let store = store.clone();
        tokio::spawn(async move { insert(&store, new_library(&n.to_string()), Some(3)).await })
    });
    let mut made = 0;
    for task in creations.collect::<Vec<_>>() {
        match task.await.expect("no panic") {
            Ok(_) => made += 1,
            Err(e) => assert!(matches!(e, Error::Full(Limit::Libraries)), "{e}"),
        }
    }
    assert_eq!((made, store.library_count(APP).await.expect("read")), (2, 3));
    let taken = insert(&store, new_library("g"), Some(3)).await;
    assert!(matches!(taken, Err(Error::Exists(Existing::Library))), "a taken name goes before the limit: {taken:?}");
}

#[tokio::test]
async fn a_display_name_that_was_the_id_follows_it() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let store = store(folder.path()).await;
    let same = NewLibrary { name: "a".into(), ..new_library("a") };
    let same = insert(&store, same, None).await.expect("library");
    let other = insert(&store, new_library("b"), None).await.expect("library");
    let give_id = async |id: LibraryId, to: &str| {
        let to = to.to_owned();
        let act = Caller::local(APP).act(UnixMillis::new(5), "library.update", "");
        store.write(move |tx| Box::pin(update_library(tx, id, move |library| rename(library, to), act))).await
    };
    let names = async |library: &Library| {
        let read = store.library_by_id(library.id).await.expect("read").expect("library");
        (read.external_id, read.name)
    };
    give_id(same.id, "c").await.expect("renamed");
    assert_eq!(names(&same).await, ("c".to_owned(), "c".to_owned()));
    give_id(other.id, "d").await.expect("renamed");
    assert_eq!(names(&other).await, ("d".to_owned(), other.name.clone()), "a display name of its own stays");
    assert!(matches!(give_id(other.id, "c").await, Err(Error::Exists(Existing::Library))));
    assert_eq!(names(&other).await.0, "d");
    give_id(other.id, "d").await.expect("to its own name");
    assert!(matches!(give_id(LibraryId::new(9999), "e").await, Err(Error::Missing(Missing::Library))));
}
