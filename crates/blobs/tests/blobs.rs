//! Blobs in memory and in a local folder.

mod cases;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::SystemTime;

use aicp_blobs::{Blobs, Error, LocalBlobs, MemoryBlobs, read_all};

use crate::cases::{blob, files_pass_all_cases, passes_all_cases};

#[tokio::test]
async fn memory_passes_all_cases() {
    passes_all_cases(&MemoryBlobs::default()).await;
}

#[tokio::test]
async fn a_folder_passes_all_cases() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = LocalBlobs::open(&folder.path().join("a/b")).expect("it opens");
    passes_all_cases(&blobs).await;
    assert!(blobs.files().is_none(), "nobody shares it");
}

#[tokio::test]
async fn a_shared_folder_passes_all_cases() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = LocalBlobs::open_shared(folder.path()).expect("it opens");
    passes_all_cases(&blobs).await;
    files_pass_all_cases(blobs.files().expect("nodes share it")).await;
}

#[tokio::test]
async fn one_who_opens_a_shared_folder_leaves_alone_what_others_are_writing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (one, other) = (LocalBlobs::open_shared(folder.path()), LocalBlobs::open_shared(folder.path()));
    let (one, other) = (one.expect("it opens"), other.expect("it opens"));
    let (key, bytes) = blob("p");
    let put = [(key.clone(), bytes)];
    let puts =
        futures_util::future::join_all((0..32).map(|n| if n % 2 == 0 { one.put(&put) } else { other.put(&put) }));
    assert!(puts.await.into_iter().all(|put| put.is_ok()));
    assert_eq!(read_all(&other, &key).await.expect("it is read"), "p");

    let incoming = folder.path().join("incoming");
    let (fresh, old) = (incoming.join(format!("{key}.1-0")), incoming.join(format!("{key}.2-0")));
    for path in [&fresh, &old] {
        fs::write(path, "half").expect("as another process does");
    }
    let long_ago = SystemTime::UNIX_EPOCH;
    fs::File::options().write(true).open(&old).and_then(|file| file.set_modified(long_ago)).expect("it is old");
    LocalBlobs::open_shared(folder.path()).expect("it opens");
    assert!(fresh.exists() && !old.exists());
}

#[tokio::test]
async fn a_damaged_file_is_told_and_mended_by_an_equal_blob() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = LocalBlobs::open(folder.path()).expect("it opens");
    let (key, bytes) = blob("p");
    blobs.put(&[(key.clone(), bytes.clone())]).await.expect("it is put");
    fs::write(blobs.path(&key).expect("a file"), "q").expect("it is damaged");
    assert!(matches!(read_all(&blobs, &key).await, Err(Error::Corrupt { key: damaged }) if damaged == key));
    blobs.put(&[(key.clone(), bytes.clone())]).await.expect("it is put again");
    assert_eq!(read_all(&blobs, &key).await.expect("it is read"), bytes);
}

#[tokio::test]
async fn what_was_being_written_is_completed_or_deleted_at_the_next_open() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = LocalBlobs::open(folder.path()).expect("it opens");
    let (key, bytes) = blob("p");
    blobs.put(&[(key.clone(), bytes)]).await.expect("it is put");
    let incoming = folder.path().join("incoming");
    fs::write(incoming.join(format!("{key}.9")), "half").expect("as if killed while writing");
    let (whole, bytes) = blob("whole");
    fs::write(incoming.join(format!("{whole}.10")), bytes).expect("as if killed before the move");
    fs::create_dir(incoming.join("no file")).expect("a folder");
    let blobs = LocalBlobs::open(folder.path()).expect("it opens");
    let left: Vec<_> =
        fs::read_dir(&incoming).expect("a folder").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(left, ["no file"]);
    assert_eq!(read_all(&blobs, &whole).await.expect("it is read"), "whole");
    assert_eq!(read_all(&blobs, &key).await.expect("it is read"), "p");
}

#[tokio::test]
async fn nobody_else_can_read_the_files() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("pictures");
    let blobs = LocalBlobs::open(&root).expect("it opens");
    let (key, bytes) = blob("p");
    blobs.put(&[(key.clone(), bytes)]).await.expect("it is put");
    let file = blobs.path(&key).expect("a file");
    assert_eq!(LocalBlobs::key_of(&file), Some(key));
    for path in [root.as_path(), file.parent().expect("a shard"), &file] {
        let mode = fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
}

#[tokio::test]
async fn deletions_wait_while_another_process_holds_the_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let blobs = LocalBlobs::open(folder.path()).expect("it opens");
    let reader = LocalBlobs::open_to_read(folder.path());
    let (key, bytes) = blob("p");
    blobs.put(&[(key.clone(), bytes)]).await.expect("it is put");
    let hold = LocalBlobs::hold(folder.path()).expect("it is held");
    let mut deletion = Box::pin(blobs.delete(std::slice::from_ref(&key)));
    // Far longer than a deletion takes. If a slow machine takes longer, the test proves less, but does not fail.
    let waited = tokio::time::timeout(std::time::Duration::from_millis(200), &mut deletion).await;
    assert!(waited.is_err(), "it was deleted");
    read_all(&reader, &key).await.expect("it is there");
    drop(hold);
    deletion.await.expect("it is deleted");
    assert!(matches!(read_all(&reader, &key).await, Err(Error::Missing { .. })));
}
