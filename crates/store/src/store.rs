//! The way in.

mod calls;
mod console;
mod devices;
mod directory;
mod grants;
mod groups;
mod keys;
mod libraries;
mod outbox;
mod people;
mod social;

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use aicp_types::{Clock, FaceId, FileId, LibraryId, PersonId, UnixMillis};
use bytes::Bytes;
use jiff::tz::TimeZone;
use tokio::sync::{Mutex, Semaphore};

use crate::{
    Algorithm, Counts, Error, Face, LastIds, Library, NewFace, NewLibrary, NewPerson, Observer, Page, Person, Result,
    TemplateRow, TemplatesRead, UnjudgedFace,
    blocking::run_blocking,
    digests,
    disk::{self, Disk},
    error::at,
    objects::{create_data_dir, sync_dir},
    pictures::Pictures,
    sqlite::Database,
};

/// The database in the data folder.
pub(crate) const DATABASE: &str = "aicp.db";
/// A database that took a write is not asked again before this.
const BETWEEN_PROBES: Duration = Duration::from_secs(2);
/// How many writes may be under way at once, pictures in memory included; more wait.
const WRITES_UNDER_WAY: u32 = 1024;

/// Everything that lasts. Cheap to clone; all clones are the same store.
///
/// Every method that takes an absent row's id, or makes a row belong to an absent one, gives [`Error::NotFound`], if
/// it does not return an `Option`. After [`close`](Self::close) everything but
/// [`picture`](Self::picture) gives [`Error::Closed`].
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    pictures: Pictures,
    writes: Arc<Semaphore>,
    disk: Arc<Disk>,
    /// When the disk and the database were last found to be well.
    well: Mutex<Option<Instant>>,
    /// Given back when closed.
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the store in `data_dir`, making it where missing (readable by this user only), and puts right what a run
    /// that was broken off left behind. `observer` is told of every change of faces from now on.
    /// `zone` is what days of statistics are days of; if it is another one than last time, they are summed up anew.
    ///
    /// # Errors
    /// [`Error::InUse`] if the store is open already, [`Error::NewerSchema`], and whatever
    /// the disk or the database says.
    pub async fn open(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        zone: TimeZone,
    ) -> Result<Self> {
        match Self::open_whole(data_dir, clock, observer, zone).await {
            Err(error) if error.is_of_database() => {
                let data_dir = data_dir.to_owned();
                Err(run_blocking(move || Ok(disk::fullness(&data_dir))).await?.unwrap_or(error))
            }
            opened => opened,
        }
    }

    async fn open_whole(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        zone: TimeZone,
    ) -> Result<Self> {
        let dir = data_dir.to_owned();
        let lock = run_blocking(move || {
            create_data_dir(&dir)?;
            let lock = take_lock(dir.join("lock"))?;
            // SQLite can't even read without room for the files beside the database.
            disk::make_room(&dir)?;
            Ok(lock)
        })
        .await?;
        // First the folder of pictures: where a database is, it is, too.
        let pictures = Pictures::open(data_dir.to_owned()).await?;
        let database = Database::open(&data_dir.join(DATABASE), clock, observer, zone).await?;
        let dir = data_dir.to_owned();
        run_blocking(move || sync_dir(&dir)).await?;
        pictures.recover(&database).await?;
        digests::fill_in(&database, &pictures).await?;
        let writes = Arc::new(Semaphore::new(WRITES_UNDER_WAY as usize));
        let dir = data_dir.to_owned();
        let disk = Arc::new(run_blocking(move || Disk::of(&dir, &dir.join(DATABASE))).await?);
        let (well, lock) = (Mutex::default(), Mutex::new(Some(lock)));
        Ok(Self { shared: Arc::new(Shared { database, pictures, writes, disk, well, lock }) })
    }

    /// Gives the disk's reserve up if there is hardly any room, for a write that can't wait until there is.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn make_room(&self) -> Result<()> {
        self.shared.disk.make_room()
    }

    /// Lets the writes under way finish, closes the database and gives the data directory free. Again: does nothing.
    ///
    /// # Errors
    /// What the database says; the store is closed nevertheless.
    pub async fn close(&self) -> Result<()> {
        let mut lock = self.shared.lock.lock().await;
        if lock.is_none() {
            return Ok(());
        }
        // Holding every permit means that no write is under way. It fails only if closed before.
        let _all = self.shared.writes.acquire_many(WRITES_UNDER_WAY).await;
        self.shared.writes.close();
        let closed = self.shared.database.close().await;
        *lock = None;
        closed
    }

    /// Checks that the database is the one that was opened, that the disk has room, and that a row can be read and written;
    /// once it was so, the row is left alone for a few seconds.
    ///
    /// # Errors
    /// [`Error::Gone`], [`Error::DiskFull`], or what the database says.
    pub async fn ping(&self) -> Result<()> {
        if self.shared.writes.is_closed() {
            return Err(Error::Closed);
        }
        let disk = Arc::clone(&self.shared.disk);
        run_blocking(move || disk.check()).await?;
        let mut well = self.shared.well.lock().await;
        if well.is_some_and(|at| at.elapsed() < BETWEEN_PROBES) {
            return Ok(());
        }
        *well = None;
        self.shared.database.ping().await?;
        *well = Some(Instant::now());
        Ok(())
    }

    /// Makes an app known. One that is known already is left as it is.
    pub async fn ensure_app(&self, app_id: &str, created_at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        // On a full disk too: a start needs it, and mostly it is there.
        self.to_the_end(move |shared| async move { shared.database.ensure_app(app_id, created_at).await }).await
    }

    /// Creates a library.
    ///
    /// # Errors
    /// [`Error::Exists`] if the app has a library of that `external_id`; [`Error::Full`] if it has as many as `at_most`
    /// says; [`Error::NotFound`] if the app is not known;
    /// [`Error::Database`] if `engine_key` is taken.
    pub async fn create_library(&self, new: NewLibrary) -> Result<Library> {
        self.write(move |shared| async move { shared.database.create_library(new).await }).await
    }

    /// Removes a library with its people, faces, templates and pictures.
    pub async fn delete_library(&self, library_id: LibraryId) -> Result<()> {
        self.write_removal(move |shared| async move {
            let removals = shared.database.delete_library(library_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// The library that an app calls `external_id`.
    pub async fn library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        self.shared.database.library(app_id, external_id).await
    }

    /// The library of an app by its engine-side id.
    pub async fn library_by_engine_key(&self, app_id: &str, engine_key: &str) -> Result<Option<Library>> {
        self.shared.database.library_by_engine_key(app_id, engine_key).await
    }

    /// Up to `limit` libraries of an app, oldest first, leaving out the first `offset`. Negative numbers count as 0.
    pub async fn libraries(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        self.shared.database.libraries(app_id, page).await
    }

    /// Stores a person with a first face and its picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library is gone; [`Error::Exists`] if it has a person of that `external_id`;
    /// [`Error::Full`] if it has as many people as `at_most` says; [`Error::Database`] if another id is taken or a number is NaN.
    pub async fn enrol(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
    ) -> Result<(Person, Face)> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.enrol(library_id, person, face, key);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Stores one more face of a person, and its picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person is gone; [`Error::Database`] if an id is taken or a number is NaN.
    pub async fn add_face(&self, person_id: PersonId, face: NewFace, picture: Bytes) -> Result<Face> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.add_face(person_id, face, key);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Removes a person with all faces, templates and pictures. Of several calls for one person, one succeeds.
    pub async fn remove_person(&self, person_id: PersonId) -> Result<()> {
        self.write_removal(move |shared| async move {
            let removals = shared.database.remove_person(person_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// Removes a face with its template and picture. The person stays, even without any face.
    pub async fn remove_face(&self, face_id: FaceId) -> Result<()> {
        self.write_removal(move |shared| async move {
            let removals = shared.database.remove_face(face_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// The person of a library whose `public_id` (in decimal) is `user_id`; failing that, whose `number` is;
    /// failing that, whose `external_id` is.
    pub async fn find_person(&self, library_id: LibraryId, user_id: &str) -> Result<Option<Person>> {
        self.shared.database.find_person(library_id, user_id).await
    }

    /// A person by row id.
    pub async fn person(&self, person_id: PersonId) -> Result<Option<Person>> {
        self.shared.database.person(person_id).await
    }

    /// The faces of a person, newest first.
    pub async fn faces_of(&self, person_id: PersonId) -> Result<Vec<Face>> {
        self.shared.database.faces_of(person_id).await
    }

    /// A face by row id.
    pub async fn face(&self, face_id: FaceId) -> Result<Option<Face>> {
        self.shared.database.face(face_id).await
    }

    /// A face by the snowflake of its picture address.
    pub async fn face_by_file_id(&self, file_id: FileId) -> Result<Option<Face>> {
        self.shared.database.face_by_file_id(file_id).await
    }

    /// A face by row id, if it is in that library.
    pub async fn face_in_library(&self, app_id: &str, external_id: &str, face_id: FaceId) -> Result<Option<Face>> {
        self.shared.database.face_in_library(app_id, external_id, face_id).await
    }

    /// The faces of these row ids, each with its person, in any order. Absent ids are left out.
    pub async fn people_with_faces(&self, face_ids: &[FaceId]) -> Result<Vec<(Face, Person)>> {
        self.shared.database.people_with_faces(face_ids).await
    }

    /// Whether a person has a face with the picture of that key.
    pub async fn has_picture(&self, person_id: PersonId, picture_key: &str) -> Result<bool> {
        self.shared.database.has_picture(person_id, picture_key).await
    }

    /// The bytes of a picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that key; [`Error::Corrupt`] if the file is not what was stored.
    pub async fn picture(&self, key: &str) -> Result<Vec<u8>> {
        self.shared.pictures.read(key).await
    }

    /// How much there is of everything.
    pub async fn counts(&self) -> Result<Counts> {
        self.shared.database.counts().await
    }

    /// Hands every template of an algorithm to `take`, some at a time, and returns how many there were.
    ///
    /// All come from one state of the database: that at the beginning. They come on several threads at once, in no order
    /// from batch to batch; inside a batch, by ascending `face_id`. An error of `take` ends it and is the inner one.
    pub async fn read_templates<E, F>(&self, algorithm: &Algorithm, take: F) -> Result<Result<TemplatesRead, E>>
    where
        E: Send + 'static,
        F: Fn(Vec<TemplateRow>) -> Result<(), E> + Send + Sync + 'static,
    {
        self.shared.database.read_templates(algorithm, take).await
    }

    /// Faces of this algorithm whose recognisability was not judged, by ascending row id: the first `limit` after `after`.
    pub async fn unjudged_faces(&self, algorithm: &Algorithm, after: FaceId, limit: u64) -> Result<Vec<UnjudgedFace>> {
        self.shared.database.unjudged_faces(algorithm, after, limit).await
    }

    /// Stores the recognisability, 0..1, of a face's template. A face that is gone is fine.
    pub async fn set_recognisability(&self, face_id: FaceId, recognisability: f32) -> Result<()> {
        self.shared.database.set_recognisability(face_id, recognisability).await
    }

    /// The highest ids ever committed, so that no generator goes back behind what was handed out.
    pub async fn last_ids(&self) -> Result<LastIds> {
        self.shared.database.last_ids().await
    }

    /// Runs a write to its end even if the caller doesn't wait for that: row and picture must not part. Refused when the disk
    /// is full.
    async fn write<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.shared.disk.check_room()?;
        self.to_the_end(write).await
    }

    /// As [`Store::write`], of something that makes room: on a full disk it gets the reserve.
    async fn write_removal<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.shared.disk.make_room()?;
        self.to_the_end(write).await
    }

    async fn to_the_end<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let permit = Arc::clone(&self.shared.writes).acquire_owned().await.map_err(|_| Error::Closed)?;
        let written = write(Arc::clone(&self.shared));
        let task = tokio::spawn(async move {
            let _permit = permit;
            written.await
        });
        task.await.unwrap_or(Err(Error::Closed))
    }
}

pub(crate) fn take_lock(path: PathBuf) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(0o600).open(&path).map_err(at(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path }),
        Err(TryLockError::Error(error)) => Err(at(path)(error)),
    }
}
