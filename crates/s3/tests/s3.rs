//! Pictures and files in a bucket of a real S3 server, which `tools/s3.py` has started.

#[path = "../../blobs/tests/cases/mod.rs"]
mod cases;

use std::time::Duration;

use aicp_blobs::{Blobs, Error, read_all};
use aicp_s3::{Access, Bucket, S3Blobs};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use crate::cases::{blob, files_pass_all_cases, passes_all_cases};

fn variable(name: &str) -> String {
    std::env::var(name).expect("run this by `make test`, or below tools/s3.py")
}

/// Opens the bucket with a prefix of its own.
fn bucket(prefix: &str, secret: Option<&str>) -> Bucket {
    let access = Access {
        access_key: variable("AICP_TEST_S3_ACCESS_KEY"),
        secret_key: secret.map_or_else(|| variable("AICP_TEST_S3_SECRET_KEY"), str::to_owned),
        extra_roots_file: None,
        timeout: Duration::from_secs(60),
        patience: Duration::from_secs(5),
    };
    Bucket::open(&variable("AICP_TEST_S3").replace("tests/a%20prefix", &format!("tests/a%20prefix/{prefix}")), &access)
        .expect("it is an address")
}

#[tokio::test]
async fn a_bucket_passes_all_cases() {
    passes_all_cases(&S3Blobs::new(bucket("blobs", None))).await;
}

#[tokio::test]
async fn files_in_a_bucket_pass_all_cases() {
    let blobs = S3Blobs::new(bucket("files", None));
    files_pass_all_cases(blobs.files().expect("nodes share it")).await;
    // They are no pictures.
    for shard in 0..=u8::MAX {
        assert_eq!(blobs.list(shard).await.expect("listed"), []);
    }
}

#[tokio::test]
async fn a_damaged_object_is_told_and_mended_by_an_equal_blob() {
    let bucket = bucket("damaged", None);
    let blobs = S3Blobs::new(bucket.clone());
    let (key, bytes) = blob("a picture");
    let put = [(key.clone(), bytes.clone())];
    blobs.put(&put).await.expect("it is put");
    let path = Path::from_iter([key.split().0, key.split().1]);
    for damaged in ["another", "a_picture", ""] {
        bucket.store.put(&path, damaged.into()).await.expect("it is damaged");
        assert!(matches!(read_all(&blobs, &key).await, Err(Error::Corrupt { .. })));
        blobs.put(&put).await.expect("it is put again");
        assert_eq!(read_all(&blobs, &key).await.expect("it is read"), bytes);
    }
}

#[tokio::test]
async fn a_link_leads_to_a_picture_for_a_time() {
    let blobs = S3Blobs::new(bucket("links", None));
    let (key, bytes) = blob("\u{fffd}picture");
    blobs.put(&[(key.clone(), bytes.clone())]).await.expect("it is put");
    let link = blobs.link(&key, Duration::from_secs(60)).await.expect("signed").expect("buckets have links");
    let get = async |link: &str| {
        let trust = aicp_trust::client_config(&[]).expect("known authorities");
        let client = reqwest::Client::builder().tls_backend_preconfigured(trust).no_proxy().build().expect("a client");
        let answer = client.get(link).send().await.expect("an answer");
        (answer.status().as_u16(), answer.bytes().await.expect("a body"))
    };
    assert_eq!(get(&link).await, (200, bytes));
    let (other, _) = blob("another");
    let elsewhere = link.replace(key.split().1, other.split().1);
    assert!(elsewhere != link && get(&elsewhere).await.0 == 403, "the signature is of one picture");
    let unsigned = link.split('?').next().expect("a path");
    assert_eq!(get(unsigned).await.0, 403);
}

#[tokio::test]
async fn links_have_the_public_address() {
    let address = "s3://pictures/p?endpoint=http://127.0.0.1:9&public=https://pictures.invalid/";
    let access = Access {
        access_key: "a".to_owned(),
        secret_key: "s".to_owned(),
        extra_roots_file: None,
        timeout: Duration::from_secs(1),
        patience: Duration::from_secs(1),
    };
    let blobs = S3Blobs::new(Bucket::open(address, &access).expect("it is an address"));
    let (key, _) = blob("p");
    let link = blobs.link(&key, Duration::from_secs(60)).await.expect("signed").expect("buckets have links");
    let (shard, rest) = key.split();
    assert!(link.starts_with(&format!("https://pictures.invalid/pictures/p/{shard}/{rest}?")), "{link}");
}

#[tokio::test]
async fn a_bucket_that_refuses_is_unavailable() {
    let blobs = S3Blobs::new(bucket("refused", Some("a wrong key")));
    let (key, bytes) = blob("p");
    assert!(matches!(blobs.put(&[(key.clone(), bytes)]).await, Err(Error::Unavailable)));
    assert!(matches!(read_all(&blobs, &key).await, Err(Error::Unavailable)));
    assert!(matches!(blobs.list(0).await, Err(Error::Unavailable)));
    let files = blobs.files().expect("nodes share it");
    let folder = tempfile::tempdir().expect("a temporary folder");
    // In one request, and in parts.
    for size in [3, 12 << 20] {
        let path = folder.path().join("file");
        std::fs::write(&path, vec![7; size]).expect("written");
        assert!(matches!(files.put_file("f", "file", &path).await, Err(Error::Unavailable)), "{size}");
    }
    assert!(matches!(files.read_file("f", "file", 0).await, Err(Error::Unavailable)));
    assert!(matches!(files.list_files("f").await, Err(Error::Unavailable)));
    assert!(matches!(files.delete_file("f", "file").await, Err(Error::Unavailable)));
}
