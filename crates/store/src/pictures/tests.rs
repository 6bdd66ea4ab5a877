//! Interleavings of storing and erasing equal pictures, step by step.

use std::{path::Path, time::Duration};

use aicp_types::{FileId, LibraryId, PublicId, SystemClock, UnixMillis};
use tokio::{sync::oneshot, time::timeout};

use super::*;
use crate::sql::{DatabaseError, Kind};
use crate::{NewFace, NewLibrary, NewPerson, Profile, picture_key};

const PICTURE: &[u8] = b"a picture";

async fn open(dir: &Path) -> (Database, Pictures, i64) {
    let database = Database::open(&dir.join("aicp.db"), Arc::new(SystemClock), None, jiff::tz::TimeZone::UTC)
        .await
        .expect("database");
    let pictures = Pictures::open(dir.to_owned()).await.expect("pictures");
    database.ensure_app("app".into(), UnixMillis::new(1)).await.expect("app");
    let library = NewLibrary {
        app_id: "app".into(),
        external_id: "g".into(),
        name: "g".into(),
        description: None,
        engine_key: "0".repeat(32),
        engine: "cpu".into(),
        created_at: UnixMillis::new(1),
        at_most: None,
        hidden: false,
    };
    let library = database.create_library(library).await.expect("library");
    (database, pictures, library.id.get())
}

fn person_and_face(id: i64) -> (NewPerson, NewFace) {
    let person = NewPerson {
        public_id: PublicId::new(id),
        number: format!("{id:032x}"),
        external_id: None,
        info: None,
        profile: Profile::default(),
        created_at: UnixMillis::new(1),
        at_most: None,
    };
    let face = NewFace {
        file_id: FileId::new(id),
        bounding_box: [0.0; 4],
        confidence: 1.0,
        quality: None,
        template: None,
        engine_ref: None,
    };
    (person, face)
}

#[tokio::test]
async fn erasing_waits_for_an_equal_picture_on_its_way() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (database, pictures, library_id) = open(dir.path()).await;
    let (person, face) = person_and_face(1);
    let insert = |key| database.enrol(LibraryId::new(library_id), person, face, key);
    let (first, _) = pictures.store_with(Bytes::from_static(PICTURE), insert).await.expect("store");
    let removals = database.remove_person(first.id).await.expect("remove");

    let (person, face) = person_and_face(2);
    let (begin, begun) = oneshot::channel();
    let (release, released) = oneshot::channel::<()>();
    let insert = async |key| {
        begin.send(()).expect("the test waits for it");
        released.await.expect("release");
        database.enrol(LibraryId::new(library_id), person, face, key).await
    };
    let storing = pictures.store_with(Bytes::from_static(PICTURE), insert);
    let erasing = async {
        begun.await.expect("begin");
        let mut erasing = Box::pin(pictures.erase(&database, removals));
        timeout(Duration::from_millis(50), &mut erasing).await.expect_err("the picture is on its way");
        release.send(()).expect("storing waits");
        erasing.await
    };
    let (stored, erased) = tokio::join!(storing, erasing);
    stored.expect("store");
    erased.expect("erase");
    assert_eq!(pictures.read(&picture_key(PICTURE)).await.expect("it has a row"), PICTURE);
    assert!(database.pending_removals().await.expect("read").is_empty());
}

#[tokio::test]
async fn the_end_of_one_removal_leaves_a_later_one_pending() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (database, pictures, library_id) = open(dir.path()).await;
    let mut removals = Vec::new();
    for id in 1..=2 {
        let (person, face) = person_and_face(id);
        let insert = |key| database.enrol(LibraryId::new(library_id), person, face, key);
        let (person, _) = pictures.store_with(Bytes::from_static(PICTURE), insert).await.expect("store");
        removals.push(database.remove_person(person.id).await.expect("remove"));
    }
    let later = removals.pop().expect("two removals");
    pictures.erase(&database, removals.remove(0)).await.expect("erase");
    assert_eq!(database.pending_removals().await.expect("read").len(), 1);
    pictures.erase(&database, later).await.expect("erase");
    assert!(database.pending_removals().await.expect("read").is_empty());
}

#[tokio::test]
async fn a_staged_picture_is_kept_if_its_row_may_be_committed() {
    let dir = tempfile::tempdir().expect("temporary folder");
    let (_, pictures, _) = open(dir.path()).await;
    let incoming = || std::fs::read_dir(dir.path().join("objects/incoming")).expect("folder").count();
    let refuse = async |_| Err::<(), _>(Error::Exists);
    pictures.store_with(Bytes::from_static(PICTURE), refuse).await.expect_err("refused");
    assert_eq!(incoming(), 0);
    let lose_track = async |_| Err::<(), _>(Error::InDoubt(DatabaseError::new(Kind::Disk, "the disk failed")));
    pictures.store_with(Bytes::from_static(PICTURE), lose_track).await.expect_err("in doubt");
    assert_eq!(incoming(), 1);
}
