//! Cases that every implementation of [`Blobs`] passes, and those of the local folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aicp_blobs::{BlobKey, Blobs, Error, LocalBlobs, MemoryBlobs, SHARDS, read_all};
use bytes::Bytes;

fn blob(text: &str) -> (BlobKey, Bytes) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    (BlobKey::of(&bytes), bytes)
}

async fn listed(blobs: &dyn Blobs) -> Vec<BlobKey> {
    let mut keys = Vec::new();
    for shard in 0..SHARDS {
        let shard = u8::try_from(shard).expect("256 shards");
        let found = blobs.list(shard).await.expect("it is listed");
        assert!(found.iter().all(|key| key.shard() == shard));
        keys.extend(found);
    }
    keys
}

async fn passes_all_cases(blobs: &dyn Blobs) {
    let (large, empty) = (blob(&"large ".repeat(1 << 19)), blob(""));
    blobs.put(&[large.clone(), empty.clone()]).await.expect("they are put");
    blobs.put(std::slice::from_ref(&large)).await.expect("again");
    for (key, bytes) in [&large, &empty] {
        assert!(read_all(blobs, key).await.expect("it is read") == *bytes);
    }
    let mut keys = [large.0.clone(), empty.0.clone()];
    keys.sort();
    assert_eq!(listed(blobs).await, keys);

    let (missing, _) = blob("missing");
    assert!(matches!(read_all(blobs, &missing).await, Err(Error::Missing { key }) if key == missing));
    blobs.delete(&[large.0.clone(), missing, large.0.clone()]).await.expect("they are deleted");
    assert!(matches!(read_all(blobs, &large.0).await, Err(Error::Missing { .. })));
    assert_eq!(listed(blobs).await, [empty.0]);
}

#[tokio::test]
async fn memory_passes_all_cases() {
    passes_all_cases(&MemoryBlobs::default()).await;
}

#[tokio::test]
async fn a_folder_passes_all_cases() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    passes_all_cases(&LocalBlobs::open(&folder.path().join("a/b")).expect("it opens")).await;
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
