//! Backups into a folder: what is taken comes back, what is damaged is refused.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aicp_backup::{Error, ObjectId, PassPhrase, Place, Report, Repository, Settings, SnapshotId};
use bytes::Bytes;
use jiff::Timestamp;
use tempfile::TempDir;

/// A moment of so many seconds.
fn moment(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).expect("a moment")
}

/// A folder with what is backed up, the backup, and what is restored.
struct Fixture {
    folder: TempDir,
    phrase: Option<PassPhrase>,
}

impl Fixture {
    fn new(phrase: Option<&str>) -> Self {
        let folder = TempDir::new().expect("temporary folder");
        Self { folder, phrase: phrase.and_then(PassPhrase::new) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn place(&self) -> Place {
        Place::open(self.path("backup").to_str().expect("UTF-8"), &Settings::default()).expect("a folder")
    }

    async fn repository(&self) -> Repository {
        Repository::open_or_create(self.place(), self.phrase.as_ref()).await.expect("repository")
    }

    /// Takes a snapshot of one file and some pictures.
    async fn take(&self, second: i64, file: &[u8], pictures: &[&[u8]], keep: Option<usize>) -> Report {
        let path = self.path("database");
        fs::write(&path, file).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        let repository = self.repository().await;
        let known: BTreeMap<ObjectId, &[u8]> = pictures.iter().map(|bytes| (ObjectId::of(bytes), *bytes)).collect();
        let mut run = repository.begin(moment(second), "objects").await.expect("begun");
        let ids: Vec<ObjectId> = known.keys().copied().collect();
        let read = async |id: ObjectId| Ok(Bytes::copy_from_slice(known[&id]));
        run.add_pictures(ids.clone(), read, || {}).await.expect("pictures");
        run.keep_pictures(&ids);
        run.add_file("deep/database", &path).await.expect("file");
        run.finish(keep, || {}).await.expect("finished")
    }

    async fn restore(&self, id: &SnapshotId, to: &str) -> aicp_backup::Result<aicp_backup::Restored> {
        let repository = Repository::open(self.place(), self.phrase.as_ref()).await?;
        repository.restore(id, &self.path(to), || {}).await
    }

    /// Reads a restored folder: names and contents.
    fn restored(&self, to: &str) -> BTreeMap<String, Vec<u8>> {
        files(&self.path(to)).into_iter().map(|(name, path)| (name, fs::read(path).expect("read"))).collect()
    }
}

/// The files of a folder by their relative names.
fn files(folder: &Path) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("folder") {
            let path = entry.expect("entry").path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let name = path.strip_prefix(folder).expect("within").to_str().expect("UTF-8").to_owned();
                    found.insert(name, path);
                }
            }
        }
    }
    found
}

/// Three parts of a file, the first two of which are equal.
fn large() -> Vec<u8> {
    let mut bytes = vec![7; 2 << 20];
    bytes.extend_from_slice(b"and an end");
    bytes
}

#[tokio::test]
async fn what_is_taken_comes_back_at_every_snapshot() {
    for phrase in [None, Some("phrase")] {
        let fixture = Fixture::new(phrase);
        let first = fixture.take(1, b"first", &[b"a", b"b"], None).await;
        let second = fixture.take(2, &large(), &[b"b", b"c"], None).await;
        assert_eq!((second.pictures, second.files), (2, 1));
        fixture.restore(&first.snapshot, "r1").await.expect("restored");
        let told = fixture.restore(&second.snapshot, "r2").await.expect("restored");
        assert_eq!(told.bytes, large().len() as u64 + 2);
        let picture = |bytes: &[u8]| {
            let name = ObjectId::of(bytes).to_string();
            (format!("objects/{}/{}", &name[..2], &name[2..]), bytes.to_vec())
        };
        let wanted = |file: &[u8], pictures: &[&[u8]]| -> BTreeMap<String, Vec<u8>> {
            let file = ("deep/database".to_owned(), file.to_vec());
            pictures.iter().map(|bytes| picture(bytes)).chain([file]).collect()
        };
        assert_eq!(fixture.restored("r1"), wanted(b"first", &[b"a", b"b"]));
        assert_eq!(fixture.restored("r2"), wanted(&large(), &[b"b", b"c"]));
        for path in files(&fixture.path("r2")).values() {
            assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn only_what_is_new_is_written_and_only_what_is_needed_stays() {
    let fixture = Fixture::new(None);
    let first = fixture.take(1, b"first", &[b"a", b"b"], None).await;
    // A file, two pictures and their list.
    assert_eq!((first.new_objects, first.deleted_objects), (4, 0));
    let same = fixture.take(2, b"first", &[b"a", b"b"], None).await;
    assert_eq!(same.new_objects, 0);
    let other = fixture.take(3, b"first", &[b"b"], None).await;
    assert_eq!((other.new_objects, other.deleted_objects), (1, 0));
    let last = fixture.take(4, b"first", &[b"b"], Some(2)).await;
    assert_eq!(last.deleted_snapshots, [first.snapshot, same.snapshot]);
    // The picture `a` and the list that named it.
    assert_eq!(last.deleted_objects, 2);
    let repository = fixture.repository().await;
    assert_eq!(repository.snapshots().await.expect("listed"), [other.snapshot, last.snapshot]);
    let verified = repository.verify(None, || {}).await.expect("verified");
    assert_eq!((verified.objects, verified.unused, verified.faults.len()), (3, 0, 0));
}

#[tokio::test]
async fn the_latest_snapshot_is_the_one_written_last_whatever_the_clock_says() {
    let fixture = Fixture::new(None);
    let mut taken = Vec::new();
    // Often in one second, then after the clock was set back by a minute.
    for (number, second) in [60, 60, 60, 60, 0, 0, 61].into_iter().enumerate() {
        taken.push(fixture.take(second, &[number as u8], &[], None).await.snapshot);
        let repository = fixture.repository().await;
        assert_eq!(repository.snapshots().await.expect("listed"), taken);
        assert_eq!(&repository.find(None).await.expect("found"), taken.last().expect("taken"));
    }
    let report = fixture.take(0, b"x", &[], Some(2)).await;
    assert_eq!(report.deleted_snapshots, taken[..6]);
    let left = fixture.repository().await.snapshots().await.expect("listed");
    assert_eq!(left, [taken[6].clone(), report.snapshot]);
}

#[tokio::test]
async fn flipped_and_missing_bytes_are_noticed_in_every_file() {
    for phrase in [None, Some("phrase")] {
        let fixture = Fixture::new(phrase);
        let taken = fixture.take(1, b"the database", &[b"a picture"], None).await;
        for (name, path) in files(&fixture.path("backup")) {
            let before = fs::read(&path).expect("read");
            // The key comes from a pass phrase slowly on purpose.
            let flips = if phrase.is_some() { 10 } else { 40 };
            let flipped = (0..before.len()).step_by(before.len() / flips + 1).map(|at| {
                let mut changed = before.clone();
                changed[at] ^= 1 << (at % 8);
                changed
            });
            for damaged in flipped.chain([Vec::new(), before[..before.len() - 1].to_vec()]) {
                fs::write(&path, &damaged).expect("written");
                let outcome = fixture.restore(&taken.snapshot, "target").await;
                assert!(outcome.is_err(), "{name}: {:?}", String::from_utf8_lossy(&damaged));
                assert!(!fixture.path("target").exists(), "{name}");
            }
            fs::write(&path, before).expect("written");
        }
        fixture.restore(&taken.snapshot, "target").await.expect("it is whole again");
        let left: Vec<_> = fs::read_dir(fixture.folder.path()).expect("listed").flatten().collect();
        assert_eq!(left.len(), 3, "backup, database, target: {left:?}");
    }
}

#[tokio::test]
async fn an_encrypted_backup_tells_nothing_and_opens_with_its_phrase_alone() {
    let fixture = Fixture::new(Some("correct horse"));
    let taken = fixture.take(1, b"the secret database", &[b"a secret picture"], None).await;
    let id = ObjectId::of(b"a secret picture").to_string();
    for (name, path) in files(&fixture.path("backup")) {
        let bytes = fs::read(path).expect("read");
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains("secret") && !text.contains(&id) && !text.contains("correct"), "{name}");
        assert!(!name.contains(&id[2..]), "{name}");
    }
    let open = async |phrase: Option<&str>| {
        Repository::open(fixture.place(), phrase.and_then(PassPhrase::new).as_ref()).await.map(drop)
    };
    assert!(matches!(open(None).await, Err(Error::PassPhraseNeeded)));
    assert!(matches!(open(Some("wrong")).await, Err(Error::WrongPassPhrase)));
    assert!(open(Some(" correct horse\n")).await.is_ok());
    fixture.restore(&taken.snapshot, "target").await.expect("restored");
    let plain = Fixture::new(None);
    plain.take(1, b"x", &[], None).await;
    let outcome = Repository::open(plain.place(), PassPhrase::new("phrase").as_ref()).await;
    assert!(matches!(outcome, Err(Error::NotEncrypted)));
}

#[tokio::test]
async fn one_backup_runs_at_a_time_and_a_killed_one_does_not_stand_in_the_way() {
    let fixture = Fixture::new(None);
    let repository = fixture.repository().await;
    let run = repository.begin(moment(0), "objects").await.expect("begun");
    let second = repository.begin(moment(1), "objects").await;
    assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    // Whoever has the number of this process now is not the one that took the lock.
    let lock = fixture.path("backup/lock");
    let mut holder: serde_json::Value = serde_json::from_slice(&fs::read(&lock).expect("read")).expect("JSON");
    holder["started"] = 1.into();
    fs::write(&lock, holder.to_string()).expect("written");
    let third = repository.begin(moment(2), "objects").await.expect("taken over");
    third.abandon().await;
    run.abandon().await;
    assert!(!lock.exists());
}

#[tokio::test]
async fn what_a_broken_off_backup_left_is_deleted_by_the_next() {
    let fixture = Fixture::new(None);
    let repository = fixture.repository().await;
    let mut run = repository.begin(moment(0), "objects").await.expect("begun");
    let id = ObjectId::of(b"of a removed person");
    let read = async |_| Ok(Bytes::from_static(b"of a removed person"));
    run.add_pictures(vec![id], read, || {}).await.expect("written");
    run.abandon().await;
    let taken = fixture.take(1, b"x", &[b"other"], None).await;
    assert_eq!(taken.deleted_objects, 1);
    assert!(files(&fixture.path("backup")).keys().all(|name| !name.contains(&id.to_string()[2..])));
}

#[tokio::test]
async fn a_picture_that_cannot_be_read_is_named_and_the_others_are_backed_up() {
    let fixture = Fixture::new(None);
    let repository = fixture.repository().await;
    let (good, bad) = (ObjectId::of(b"good"), ObjectId::of(b"bad"));
    let mut run = repository.begin(moment(0), "objects").await.expect("begun");
    let read = async |id: ObjectId| if id == good { Ok(Bytes::from_static(b"good")) } else { Err("torn".to_owned()) };
    run.add_pictures(vec![good, bad], read, || {}).await.expect("written");
    let report = run.finish(None, || {}).await.expect("finished");
    assert_eq!(report.missing, BTreeMap::from([(bad.to_string(), "torn".to_owned())]));
    let verified = repository.verify(None, || {}).await.expect("verified");
    assert_eq!(verified.faults.len(), 1, "{verified:?}");
    let restored = fixture.restore(&report.snapshot, "target").await.expect("restored");
    assert_eq!((restored.pictures, restored.missing), (1, 1));
}

#[tokio::test]
async fn a_picture_that_was_gone_for_a_while_is_not_missing() {
    let fixture = Fixture::new(None);
    let repository = fixture.repository().await;
    let id = ObjectId::of(b"back again");
    let mut run = repository.begin(moment(0), "objects").await.expect("begun");
    run.add_pictures(vec![id], async |_| Err("it is not there".to_owned()), || {}).await.expect("noted");
    run.add_pictures(vec![id], async |_| Ok(Bytes::from_static(b"back again")), || {}).await.expect("written");
    run.keep_pictures(&[id]);
    let report = run.finish(None, || {}).await.expect("finished");
    assert_eq!((report.pictures, report.missing.len()), (1, 0));
}

#[tokio::test]
async fn neither_a_used_folder_nor_another_kind_of_folder_is_touched() {
    let fixture = Fixture::new(None);
    let taken = fixture.take(1, b"x", &[], None).await;
    fs::create_dir(fixture.path("used")).expect("made");
    fs::write(fixture.path("used/file"), "mine").expect("written");
    assert!(matches!(fixture.restore(&taken.snapshot, "used").await, Err(Error::TargetInUse(_))));
    assert_eq!(fixture.restored("used").len(), 1);
    fs::create_dir(fixture.path("empty")).expect("made");
    fixture.restore(&taken.snapshot, "empty").await.expect("an empty folder is used");
    let place = Place::open(fixture.path("used").to_str().expect("UTF-8"), &Settings::default()).expect("a folder");
    assert!(matches!(Repository::open_or_create(place.clone(), None).await, Err(Error::Occupied)));
    assert!(matches!(Repository::open(place, None).await, Err(Error::NoBackup)));
    for wrong in ["s3://", "s3://bucket?endpoint=https://h&colour=red", "s3://bucket"] {
        assert!(Place::open(wrong, &Settings::default()).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_path_out_of_the_folder_is_refused() {
    let fixture = Fixture::new(None);
    let taken = fixture.take(1, b"x", &[], None).await;
    let path = fixture.path("backup/snapshots").join(taken.snapshot.as_str());
    let text = fs::read_to_string(&path).expect("read").replace("deep/database", "../database");
    // Someone who can write the backup can also name the snapshot as it must be.
    let hash = ObjectId::of(text.as_bytes()).to_string();
    fs::write(path.with_file_name(format!("20270101T000000Z-{}", &hash[..16])), text).expect("written");
    let repository = fixture.repository().await;
    let id = repository.find(None).await.expect("found");
    let outcome = fixture.restore(&id, "target").await;
    assert!(matches!(&outcome, Err(Error::Damaged(reason)) if reason.contains("not a path")), "{outcome:?}");
    assert!(matches!(repository.find(Some("2028")).await, Err(Error::NoSnapshot(_))));
}

#[tokio::test]
async fn a_newer_format_is_told_from_damage() {
    let fixture = Fixture::new(None);
    fs::create_dir(fixture.path("backup")).expect("made");
    fs::write(fixture.path("backup/aicp-backup.json"), r#"{"version":2,"more":1}"#).expect("written");
    let outcome = Repository::open(fixture.place(), None).await;
    assert!(matches!(outcome, Err(Error::Newer { found: 2, known: 1 })), "{outcome:?}");
}
