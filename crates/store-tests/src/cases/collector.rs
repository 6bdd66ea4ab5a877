//! Deletion of pictures, also while equal ones are stored.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aicp_blobs::{BlobKey, BlobStream, Blobs, Error as BlobError, MemoryBlobs};
use aicp_store::sql::{Connection, Kind};
use aicp_store::{
    Algorithm, Bytes, Database, DatabaseError, Effects, Error, Face, Job, Library, Observer, Page, Person, Result,
    Space, TemplateSink, TemplatesRead,
};
use aicp_types::{Clock, ManualClock, UnixMillis};
use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::Harness;
use crate::fixture::{APP, Fixture, PATIENCE, bytes, key, named, new_face, new_person, stored};

/// A point that operations pass while it is open. While it is closed, they wait until they are let go one by one, or
/// until it opens.
struct Gate {
    is_closed: AtomicBool,
    arrivals: Semaphore,
    passes: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { is_closed: AtomicBool::new(false), arrivals: Semaphore::new(0), passes: Semaphore::new(0) }
    }
}

impl Gate {
    async fn pass(&self) {
        if self.is_closed.load(Ordering::SeqCst) {
            self.arrivals.add_permits(1);
            self.passes.acquire().await.expect("not closed").forget();
        }
    }

    fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
    }

    /// Waits until an operation waits here.
    async fn arrival(&self) {
        let arrival = tokio::time::timeout(PATIENCE, self.arrivals.acquire()).await;
        arrival.expect("an operation comes").expect("not closed").forget();
    }

    fn let_one_go(&self) {
        self.passes.add_permits(1);
    }

    /// Opens, and lets one operation go that waits.
    fn open(&self) {
        self.is_closed.store(false, Ordering::SeqCst);
        self.let_one_go();
    }
}

/// Blobs in memory that can be stopped and made to fail.
#[derive(Default)]
struct Controlled {
    blobs: MemoryBlobs,
    puts: AtomicUsize,
    after_put: Gate,
    before_delete: Gate,
    after_delete: Gate,
    fails: AtomicBool,
}

impl Controlled {
    fn refuse(&self) -> aicp_blobs::Result<()> {
        if self.fails.load(Ordering::SeqCst) { Err(BlobError::Unavailable) } else { Ok(()) }
    }

    fn puts(&self) -> usize {
        self.puts.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Blobs for Controlled {
    async fn put(&self, blobs: &[(BlobKey, Bytes)]) -> aicp_blobs::Result<()> {
        self.refuse()?;
        self.puts.fetch_add(1, Ordering::SeqCst);
        self.blobs.put(blobs).await?;
        self.after_put.pass().await;
        Ok(())
    }

    async fn get(&self, key: &BlobKey) -> aicp_blobs::Result<BlobStream> {
        self.blobs.get(key).await
    }

    async fn delete(&self, keys: &[BlobKey]) -> aicp_blobs::Result<()> {
        self.refuse()?;
        self.before_delete.pass().await;
        self.blobs.delete(keys).await?;
        self.after_delete.pass().await;
        Ok(())
    }

    async fn list(&self, shard: u8) -> aicp_blobs::Result<Vec<BlobKey>> {
        self.blobs.list(shard).await
    }

    fn path(&self, _: &BlobKey) -> Option<PathBuf> {
        None
    }
}

async fn controlled(harness: Box<dyn Harness>) -> (Fixture, Arc<Controlled>) {
    let blobs = Arc::new(Controlled::default());
    (Fixture::with_blobs(harness, blobs.clone()).await, blobs)
}

impl Fixture {
    /// Enrols a person in the library `g`, on another task.
    async fn enrolling(&self, picture: &'static str) -> JoinHandle<Result<(Person, Face)>> {
        let library = self.store.library(APP, "g").await.expect("read").expect("library");
        let store = self.store.clone();
        tokio::spawn(async move { store.enrol(library.id, new_person(), new_face(), bytes(picture)).await })
    }

    fn removing(&self, person: &Person) -> JoinHandle<Result<()>> {
        let (store, id) = (self.store.clone(), person.id);
        tokio::spawn(async move { store.remove_person(id).await })
    }

    /// Asserts that the picture of a person is stored, is not about to be deleted, and goes with the person.
    async fn assert_kept(self, person: &Person, picture: &str) {
        assert_eq!(self.store.picture(&key(picture)).await.expect("picture"), picture.as_bytes());
        // Opening would delete a picture that has a tombstone.
        let f = self.reopen().await;
        assert_eq!(f.store.picture(&key(picture)).await.expect("picture"), picture.as_bytes());
        f.store.remove_person(person.id).await.expect("remove");
        assert!(f.pictures().await.is_empty());
    }
}

async fn finished<T>(task: JoinHandle<Result<T>>) -> T {
    let joined = tokio::time::timeout(PATIENCE, task).await.expect("it ends");
    joined.expect("no panic").expect("it succeeds")
}

pub async fn a_refused_write_leaves_no_picture(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.store.enrol(library.id, named("taken"), new_face(), bytes("used")).await.expect("enrol");
    for picture in ["used", "new"] {
        let refused = f.store.enrol(library.id, named("taken"), new_face(), bytes(picture)).await;
        assert!(matches!(refused, Err(Error::Exists)), "{refused:?}");
        assert_eq!(f.pictures().await, [key("used")].into());
    }
    let refused: Result<()> = f
        .store
        .write_with_pictures(vec![bytes("1"), bytes("used"), bytes("1")], |_, names| {
            assert_eq!(
                names.iter().map(|name| name.key.as_str()).collect::<Vec<_>>(),
                [key("1"), key("used"), key("1")]
            );
            Box::pin(std::future::ready(Err(Error::NotFound)))
        })
        .await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert_eq!(f.pictures().await, [key("used")].into());
}

pub async fn a_picture_that_cannot_be_stored_is_an_error(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    blobs.fails.store(true, Ordering::SeqCst);
    let refused = f.store.enrol(library.id, new_person(), new_face(), bytes("p")).await;
    assert!(matches!(refused, Err(Error::Blobs(_))), "{refused:?}");
    assert_eq!(f.store.counts().await.expect("counts").people, 0);
    blobs.fails.store(false, Ordering::SeqCst);
    f.enrol(&library, "p").await;
}

pub async fn a_deletion_that_fails_is_made_up_for_by_the_next_removal(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (first, second) = (f.enrol(&library, "p").await.0, f.enrol(&library, "q").await.0);
    blobs.fails.store(true, Ordering::SeqCst);
    f.store.remove_person(first.id).await.expect("the row is gone");
    assert_eq!(f.pictures().await, [key("p"), key("q")].into());
    blobs.fails.store(false, Ordering::SeqCst);
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
}

pub async fn a_picture_stored_before_an_equal_one_is_deleted_is_stored_again(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.after_put.close();
    let enrolling = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    f.store.remove_person(person.id).await.expect("remove");
    assert!(f.pictures().await.is_empty(), "no row refers to it yet");
    blobs.after_put.open();
    let (person, _) = finished(enrolling).await;
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_stored_while_an_equal_one_is_deleted_is_stored_again(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.before_delete.close();
    let removing = f.removing(&person);
    blobs.before_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.before_delete.open();
    finished(removing).await;
    let (person, _) = finished(enrolling).await;
    assert_eq!(blobs.puts(), before + 2, "once too early");
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_stored_after_an_equal_one_is_deleted_needs_the_mark_of_that(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    blobs.after_delete.close();
    let removing = f.removing(&person);
    blobs.after_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.after_delete.open();
    finished(removing).await;
    let (person, _) = finished(enrolling).await;
    f.assert_kept(&person, "p").await;
}

pub async fn a_picture_is_not_lost_if_an_equal_one_comes_and_goes_before_its_row(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (first, _) = f.enrol(&library, "p").await;
    blobs.after_put.close();
    let held_up = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    f.store.remove_person(first.id).await.expect("remove");
    // It has seen that deletion, has stored the picture again, and is held up before its row.
    blobs.after_put.let_one_go();
    blobs.after_put.arrival().await;
    blobs.after_put.is_closed.store(false, Ordering::SeqCst);
    let (second, _) = f.enrol(&library, "p").await;
    f.store.remove_person(second.id).await.expect("remove");
    assert!(f.pictures().await.is_empty());
    blobs.after_put.let_one_go();
    let (person, _) = finished(held_up).await;
    f.assert_kept(&person, "p").await;
}

pub async fn the_picture_of_a_write_that_was_given_up_is_deleted(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    f.library("g").await;
    blobs.after_put.close();
    let enrolling = f.enrolling("p").await;
    blobs.after_put.arrival().await;
    assert_eq!(f.pictures().await, [key("p")].into());
    enrolling.abort();
    f.wait_for_pictures(&[]).await;
    assert_eq!(f.store.counts().await.expect("counts").people, 0);
}

pub async fn tombstones_are_forgotten_in_time(harness: Box<dyn Harness>) {
    let (blobs, clock) = (Arc::new(Controlled::default()), Arc::new(ManualClock::at(UnixMillis::new(1_000_000))));
    let f = Fixture::with_clock(harness, blobs.clone(), clock.clone()).await;
    let library = f.library("g").await;
    let gone = async |picture: &str| {
        let (person, _) = f.enrol(&library, picture).await;
        let now = clock.now();
        let removed: Result<()> =
            f.store.remove(move |tx| Box::pin(async move { tx.remove_person(person.id, now).await })).await;
        removed.expect("remove");
    };
    let puts = async |picture: &str| {
        let before = blobs.puts();
        f.enrol(&library, picture).await;
        blobs.puts() - before
    };
    gone("p").await;
    assert_eq!(puts("p").await, 2, "the write has not seen the deletion");
    assert_eq!(puts("p").await, 1, "until the next one is deleted");
    gone("q").await;
    clock.advance(Duration::from_secs(7200));
    gone("r").await;
    assert_eq!(puts("q").await, 1, "every write has long ended that did not see it");
    assert_eq!(puts("r").await, 2);
}

pub async fn a_sweep_deletes_pictures_that_no_row_refers_to_and_no_others(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    f.enrol(&library, "used").await;
    let abandoned = ["a", "b", "c"].map(|picture| (BlobKey::of(picture.as_bytes()), bytes(picture)));
    f.blobs.put(&abandoned).await.expect("as if killed before the commit");
    let f = f.reopen().await;
    assert_eq!(f.pictures().await.len(), 4, "opening alone deletes none");
    assert_eq!(f.store.sweep().await.expect("sweep"), 3);
    assert_eq!(f.pictures().await, [key("used")].into());
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "used").await;
}

pub async fn a_sweep_deletes_nothing_if_the_database_may_be_another_one(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let put = async |numbers: std::ops::Range<usize>| {
        let pictures = numbers.map(|number| bytes(&number.to_string()));
        let pictures: Vec<_> = pictures.map(|picture| (BlobKey::of(&picture), picture)).collect();
        f.blobs.put(&pictures).await.expect("put");
    };
    put(0..1).await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 0);
    assert_eq!(f.pictures().await.len(), 1, "no row has a picture: the database may be new");
    f.enrol(&library, "used").await;
    put(1..1025).await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 0);
    assert_eq!(f.pictures().await.len(), 1026, "interrupted writes leave fewer: the database may be older");
    f.enrol(&library, "0").await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 1024);
    assert_eq!(f.pictures().await, [key("used"), key("0")].into());
}

async fn only_person(f: &Fixture, library: &Library) -> Person {
    let people = f.store.people(library.id, Page::ALL).await.expect("read");
    let [person] = &people[..] else { panic!("{people:?}") };
    person.clone()
}

pub async fn a_picture_that_is_swept_while_an_equal_one_is_stored_is_not_lost(harness: Box<dyn Harness>) {
    let (f, blobs) = controlled(harness).await;
    let library = f.library("g").await;
    let (other, _) = f.enrol(&library, "q").await;
    f.blobs.put(&[(BlobKey::of(b"p"), bytes("p"))]).await.expect("put");
    blobs.before_delete.close();
    f.store.keep_sweeping();
    blobs.before_delete.arrival().await;
    let before = blobs.puts();
    let enrolling = f.enrolling("p").await;
    while blobs.puts() == before {
        tokio::task::yield_now().await;
    }
    blobs.before_delete.open();
    let (person, _) = finished(enrolling).await;
    f.store.remove_person(other.id).await.expect("remove");
    f.assert_kept(&person, "p").await;
}

pub async fn opening_finishes_the_removals_of_before(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (removed, _) = f.enrol(&library, "removed").await;
    let (shared, _) = f.enrol(&library, "shared").await;
    f.enrol(&library, "shared").await;
    f.store.close().await.expect("close");
    // As if killed between the commit and the deletion of the pictures.
    let database = f.harness.open().await.expect("database");
    for id in [removed.id, shared.id] {
        let removal: Job =
            Box::new(move |tx| Box::pin(async move { tx.remove_person(id, UnixMillis::new(1)).await.is_ok() }));
        assert!(database.write(removal, Space::Freed).await.expect("write").released);
    }
    database.close().await.expect("close");
    assert_eq!(stored(&*f.blobs).await, [key("removed"), key("shared")].into());

    let f = f.reopen().await;
    assert_eq!(f.pictures().await, [key("shared")].into(), "when it is open, that is done");
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "shared").await;
}

/// A database that tells of a write that it is unknown whether it was committed.
struct Doubtful {
    database: Arc<dyn Database>,
    doubts: Arc<Doubts>,
}

#[derive(Default)]
struct Doubts {
    is_in_doubt: AtomicBool,
    commits: AtomicBool,
}

#[async_trait]
impl Database for Doubtful {
    async fn reader(&self) -> Result<Box<dyn Connection + '_>> {
        self.database.reader().await
    }

    async fn snapshot(&self) -> Result<Box<dyn Connection + '_>> {
        self.database.snapshot().await
    }

    async fn write(&self, job: Job, space: Space) -> Result<Effects> {
        if !self.doubts.is_in_doubt.load(Ordering::SeqCst) {
            return self.database.write(job, space).await;
        }
        if self.doubts.commits.load(Ordering::SeqCst) {
            self.database.write(job, space).await?;
        }
        Err(Error::InDoubt(DatabaseError::new(Kind::Disk, "the disk failed")))
    }

    fn require_space(&self) -> Result<()> {
        self.database.require_space()
    }

    fn observe(&self, observer: Arc<dyn Observer>) {
        self.database.observe(observer);
    }

    async fn read_templates(&self, algorithm: &Algorithm, take: TemplateSink) -> Result<TemplatesRead> {
        self.database.read_templates(algorithm, take).await
    }

    async fn check(&self) -> Result<()> {
        self.database.check().await
    }

    fn release_reserve(&self) -> Result<()> {
        self.database.release_reserve()
    }

    async fn close(&self) -> Result<()> {
        self.database.close().await
    }
}

struct DoubtfulHarness {
    harness: Box<dyn Harness>,
    doubts: Arc<Doubts>,
}

#[async_trait]
impl Harness for DoubtfulHarness {
    async fn open(&self) -> Result<Arc<dyn Database>> {
        let database = self.harness.open().await?;
        Ok(Arc::new(Doubtful { database, doubts: Arc::clone(&self.doubts) }))
    }
}

pub async fn a_picture_stays_if_its_row_may_be_committed(harness: Box<dyn Harness>) {
    let doubts = Arc::<Doubts>::default();
    let f = Fixture::new(Box::new(DoubtfulHarness { harness, doubts: Arc::clone(&doubts) })).await;
    let library = f.library("g").await;
    doubts.is_in_doubt.store(true, Ordering::SeqCst);
    for (commits, picture) in [(true, "committed"), (false, "lost")] {
        doubts.commits.store(commits, Ordering::SeqCst);
        let enrolled = f.store.enrol(library.id, new_person(), new_face(), bytes(picture)).await;
        assert!(matches!(enrolled, Err(Error::InDoubt(_))), "{enrolled:?}");
    }
    doubts.is_in_doubt.store(false, Ordering::SeqCst);
    assert_eq!(f.pictures().await, [key("committed"), key("lost")].into());
    let f = f.reopen().await;
    assert_eq!(f.store.sweep().await.expect("sweep"), 1);
    assert_eq!(f.pictures().await, [key("committed")].into());
    let person = only_person(&f, &library).await;
    f.assert_kept(&person, "committed").await;
}

pub async fn a_picture_that_a_write_removes_and_stores_again_is_kept(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (person, _) = f.enrol(&library, "p").await;
    f.store.replace_faces(person.id, new_face(), bytes("p")).await.expect("replace");
    f.assert_kept(&person, "p").await;
}
