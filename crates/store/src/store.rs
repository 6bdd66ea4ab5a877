//! The store's entry point.

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
/// Minimum time between two probe writes of [`Store::ping`].
const PROBE_INTERVAL: Duration = Duration::from_secs(2);
/// Maximum number of concurrent writes, whose pictures are in memory; further ones wait.
const MAX_CONCURRENT_WRITES: u32 = 1024;

/// Handle of the open store. Cheap to clone; all clones are the same store.
///
/// Every method that is given the id of a missing row, or makes a row refer to a missing one, returns
/// [`Error::NotFound`] unless it returns an `Option`. After [`close`](Self::close) everything but
/// [`picture`](Self::picture) returns [`Error::Closed`].
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    database: Database,
    pictures: Pictures,
    writes: Arc<Semaphore>,
    disk: Arc<Disk>,
    /// When the last probe of disk and database succeeded.
    well: Mutex<Option<Instant>>,
    /// Lock of the data directory; `None` once closed.
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Opens the store in `data_dir`, which is created where missing (readable by this user only), and recovers from an
    /// interrupted run. `observer` is notified of every [`Change`](crate::Change) from now on. `zone` is the time zone
    /// of the daily statistics; they are recomputed if it differs from the last run's.
    ///
    /// # Errors
    /// [`Error::InUse`] if the store is open already, [`Error::NewerSchema`] if a newer program wrote it,
    /// [`Error::DiskFull`] if that is why the database can't be opened, and errors of disk and database.
    pub async fn open(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        zone: TimeZone,
    ) -> Result<Self> {
        match Self::open_inner(data_dir, clock, observer, zone).await {
            Err(error) if error.is_database_error() => {
                let data_dir = data_dir.to_owned();
                Err(run_blocking(move || Ok(disk::disk_full_error(&data_dir))).await?.unwrap_or(error))
            }
            opened => opened,
        }
    }

    async fn open_inner(
        data_dir: &Path,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        zone: TimeZone,
    ) -> Result<Self> {
        let dir = data_dir.to_owned();
        let lock = run_blocking(move || {
            create_data_dir(&dir)?;
            let lock = take_lock(dir.join("lock"))?;
            // SQLite can't even read without space for the files beside the database.
            disk::release_reserve(&dir)?;
            Ok(lock)
        })
        .await?;
        // The folder of pictures comes first: if a database exists, so does the folder.
        let pictures = Pictures::open(data_dir.to_owned()).await?;
        let database = Database::open(&data_dir.join(DATABASE), clock, observer, zone).await?;
        let dir = data_dir.to_owned();
        run_blocking(move || sync_dir(&dir)).await?;
        pictures.recover(&database).await?;
        digests::backfill(&database, &pictures).await?;
        let writes = Arc::new(Semaphore::new(MAX_CONCURRENT_WRITES as usize));
        let dir = data_dir.to_owned();
        let disk = Arc::new(run_blocking(move || Disk::of(&dir, &dir.join(DATABASE))).await?);
        let (well, lock) = (Mutex::default(), Mutex::new(Some(lock)));
        Ok(Self { shared: Arc::new(Shared { database, pictures, writes, disk, well, lock }) })
    }

    /// Deletes the disk's reserve if almost nothing is free, for a write that must not wait for space.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn release_reserve(&self) -> Result<()> {
        self.shared.disk.release_reserve()
    }

    /// Waits for running writes, closes the database and releases the data directory. A second call does nothing.
    ///
    /// # Errors
    /// Errors of the database; the store is closed nevertheless.
    pub async fn close(&self) -> Result<()> {
        let mut lock = self.shared.lock.lock().await;
        if lock.is_none() {
            return Ok(());
        }
        // Holding every permit means that no write is running. It fails only if closed before.
        let _all = self.shared.writes.acquire_many(MAX_CONCURRENT_WRITES).await;
        self.shared.writes.close();
        let closed = self.shared.database.close().await;
        *lock = None;
        closed
    }

    /// Checks that the database file is still the opened one, that the disk has space, and that a row can be read and
    /// written. After a successful probe of the row, the next one is skipped for two seconds.
    ///
    /// # Errors
    /// [`Error::FileReplaced`], [`Error::DiskFull`], or an error of the database.
    pub async fn ping(&self) -> Result<()> {
        if self.shared.writes.is_closed() {
            return Err(Error::Closed);
        }
        let disk = Arc::clone(&self.shared.disk);
        run_blocking(move || disk.check()).await?;
        let mut well = self.shared.well.lock().await;
        if well.is_some_and(|at| at.elapsed() < PROBE_INTERVAL) {
            return Ok(());
        }
        *well = None;
        self.shared.database.ping().await?;
        *well = Some(Instant::now());
        Ok(())
    }

    /// Creates an app, unless it exists.
    pub async fn ensure_app(&self, app_id: &str, created_at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        // Allowed on a full disk: every start calls it, and the app mostly exists.
        self.run_to_completion(move |shared| async move { shared.database.ensure_app(app_id, created_at).await }).await
    }

    /// Creates a library.
    ///
    /// # Errors
    /// [`Error::Exists`] if the app has a library of that `external_id`; [`Error::Full`] if it has `at_most` libraries;
    /// [`Error::NotFound`] if the app does not exist; [`Error::Database`] if `engine_key` is taken.
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

    /// Returns an app's library by `external_id`.
    pub async fn library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        self.shared.database.library(app_id, external_id).await
    }

    /// Returns an app's library by its engine key.
    pub async fn library_by_engine_key(&self, app_id: &str, engine_key: &str) -> Result<Option<Library>> {
        self.shared.database.library_by_engine_key(app_id, engine_key).await
    }

    /// Returns a page of an app's libraries, oldest first; hidden ones are omitted.
    pub async fn libraries(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        self.shared.database.libraries(app_id, page).await
    }

    /// Stores a person with their first face and its picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist; [`Error::Exists`] if it has a person of that `external_id`;
    /// [`Error::Full`] if it has `at_most` people; [`Error::Database`] if another id is taken or a number is NaN.
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

    /// Stores a further face of a person, and its picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person does not exist; [`Error::Database`] if an id is taken or a number is NaN.
    pub async fn add_face(&self, person_id: PersonId, face: NewFace, picture: Bytes) -> Result<Face> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.add_face(person_id, face, key);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Removes a person with all faces, templates and pictures. Of concurrent calls for one person, one succeeds.
    pub async fn remove_person(&self, person_id: PersonId) -> Result<()> {
        self.write_removal(move |shared| async move {
            let removals = shared.database.remove_person(person_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// Removes a face with its template and picture. The person stays, even without a face.
    pub async fn remove_face(&self, face_id: FaceId) -> Result<()> {
        self.write_removal(move |shared| async move {
            let removals = shared.database.remove_face(face_id).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(())
        })
        .await
    }

    /// Finds a person of a library by `public_id` (in decimal), else by `number`, else by `external_id`.
    pub async fn find_person(&self, library_id: LibraryId, user_id: &str) -> Result<Option<Person>> {
        self.shared.database.find_person(library_id, user_id).await
    }

    /// Returns a person by row id.
    pub async fn person(&self, person_id: PersonId) -> Result<Option<Person>> {
        self.shared.database.person(person_id).await
    }

    /// Returns the faces of a person, newest first.
    pub async fn faces_of(&self, person_id: PersonId) -> Result<Vec<Face>> {
        self.shared.database.faces_of(person_id).await
    }

    /// Returns a face by row id.
    pub async fn face(&self, face_id: FaceId) -> Result<Option<Face>> {
        self.shared.database.face(face_id).await
    }

    /// Returns a face by the snowflake of its picture URL.
    pub async fn face_by_file_id(&self, file_id: FileId) -> Result<Option<Face>> {
        self.shared.database.face_by_file_id(file_id).await
    }

    /// Returns a face by row id, if it is in that library.
    pub async fn face_in_library(&self, app_id: &str, external_id: &str, face_id: FaceId) -> Result<Option<Face>> {
        self.shared.database.face_in_library(app_id, external_id, face_id).await
    }

    /// Returns faces by row id, each with its person, in any order. Missing ids are omitted.
    pub async fn people_with_faces(&self, face_ids: &[FaceId]) -> Result<Vec<(Face, Person)>> {
        self.shared.database.people_with_faces(face_ids).await
    }

    /// Returns whether a person has a face with the picture of that key.
    pub async fn has_picture(&self, person_id: PersonId, picture_key: &str) -> Result<bool> {
        self.shared.database.has_picture(person_id, picture_key).await
    }

    /// Returns the bytes of a picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none of that key; [`Error::Corrupt`] if the file differs from what was stored.
    pub async fn picture(&self, key: &str) -> Result<Vec<u8>> {
        self.shared.pictures.read(key).await
    }

    /// Counts libraries, people and faces.
    pub async fn counts(&self) -> Result<Counts> {
        self.shared.database.counts().await
    }

    /// Passes every template of an algorithm to `take`, in batches, and returns the number of faces read.
    ///
    /// All come from one state of the database: that at the beginning. Several threads call `take` concurrently, with
    /// batches in no order; a batch is sorted by `face_id`. An error of `take` ends the reading and is returned as the
    /// inner one.
    pub async fn read_templates<E, F>(&self, algorithm: &Algorithm, take: F) -> Result<Result<TemplatesRead, E>>
    where
        E: Send + 'static,
        F: Fn(Vec<TemplateRow>) -> Result<(), E> + Send + Sync + 'static,
    {
        self.shared.database.read_templates(algorithm, take).await
    }

    /// Returns faces with a template of this algorithm and without a judged recognisability, by ascending row id: the
    /// first `limit` after `after`.
    pub async fn unjudged_faces(&self, algorithm: &Algorithm, after: FaceId, limit: u64) -> Result<Vec<UnjudgedFace>> {
        self.shared.database.unjudged_faces(algorithm, after, limit).await
    }

    /// Stores the recognisability, 0..1, of a face's template. A missing face is ignored.
    pub async fn set_recognisability(&self, face_id: FaceId, recognisability: f32) -> Result<()> {
        self.shared.database.set_recognisability(face_id, recognisability).await
    }

    /// Returns the highest ids in the database, so that a generator continues above them.
    pub async fn last_ids(&self) -> Result<LastIds> {
        self.shared.database.last_ids().await
    }

    /// Runs a write to completion even if the caller drops the future: row and picture must stay consistent. Refused
    /// when the disk is full.
    async fn write<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.shared.disk.require_free_space()?;
        self.run_to_completion(write).await
    }

    /// Runs a write that frees space, as [`Store::write`]; on a full disk it gets the reserve.
    async fn write_removal<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.shared.disk.release_reserve()?;
        self.run_to_completion(write).await
    }

    async fn run_to_completion<T, F>(&self, write: impl FnOnce(Arc<Shared>) -> F) -> Result<T>
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
