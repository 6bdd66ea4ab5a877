//! Cases that every implementation of [`Blobs`] and [`Files`] passes.

use std::fs;
use std::time::Duration;

use aicp_blobs::{BlobKey, Blobs, Error, Files, SHARDS, read_all};
use bytes::Bytes;
use futures_util::TryStreamExt;

pub fn blob(text: &str) -> (BlobKey, Bytes) {
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

pub async fn passes_all_cases(blobs: &dyn Blobs) {
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

pub async fn files_pass_all_cases(files: &dyn Files) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let names = async |folder| {
        let mut names: Vec<_> =
            files.list_files(folder).await.expect("listed").into_iter().map(|file| file.name).collect();
        names.sort();
        names
    };
    assert_eq!(names("f").await, [""; 0]);
    // More than one part, and no whole number of them.
    let large: Vec<u8> = (0..11 << 20).map(|n: u32| (n / 255) as u8).chain([1, 2, 3]).collect();
    for (name, content) in [("large", &large[..]), ("small", b"abc"), ("empty", b"")] {
        fs::write(path(name), content).expect("written");
        files.put_file("f", name, &path(name)).await.expect("it is put");
    }
    let began = fs::metadata(path("large")).and_then(|about| about.modified()).expect("it is there");
    files.put_file("g", "other", &path("small")).await.expect("it is put");
    assert_eq!(names("f").await, ["empty", "large", "small"]);
    for file in files.list_files("f").await.expect("listed") {
        assert!(file.written > began - Duration::from_hours(1), "{file:?}");
    }

    let read = async |name: &str, from: u64| -> Option<(u64, Vec<u8>)> {
        let (size, pieces) = files.read_file("f", name, from).await.expect("it opens")?;
        let pieces: Vec<Bytes> = pieces.try_collect().await.expect("it is read");
        Some((size, pieces.concat()))
    };
    for (name, content) in [("large", &large[..]), ("small", b"abc"), ("empty", b"")] {
        let size = content.len();
        for from in [0, 1, size / 2, size.saturating_sub(1), size].into_iter().filter(|from| *from <= size) {
            let (told, found) = read(name, from as u64).await.expect("it is there");
            assert!(told == size as u64 && found == content[from..], "{name} from {from}");
        }
        let to = path(&format!("copy of {name}"));
        assert!(files.get_file("f", name, &to).await.expect("it is copied"));
        assert!(fs::read(&to).expect("it is there") == content, "{name}");
        files.get_file("f", name, &to).await.expect_err("there is a file already");
    }
    let to = path("copy of missing");
    assert!(read("missing", 0).await.is_none());
    assert!(!files.get_file("f", "missing", &to).await.expect("it is looked for") && !to.exists());

    fs::write(path("small"), "new").expect("written");
    files.put_file("f", "small", &path("small")).await.expect("it is put");
    assert_eq!(read("small", 0).await, Some((3, b"new".to_vec())));
    files.put_file("f", "none", &path("none")).await.expect_err("there is no such local file");
    for name in ["small", "small", "missing", "large"] {
        files.delete_file("f", name).await.expect("it is deleted");
    }
    assert_eq!((names("f").await, names("g").await), (vec!["empty".to_owned()], vec!["other".to_owned()]));
}
