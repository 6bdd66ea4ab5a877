//! The relational schema on SQLite. Everything specific to SQLite is here, except [`check`](fn@crate::check) and the
//! conversion of the driver's errors into [`Error`](crate::Error).
//!
//! One connection writes, a few others read. Most statements are also valid in PostgreSQL. The known exceptions are
//! `json_each` (there `= ANY`), `json_array` and `json_group_array` (there `json_build_array` and `json_agg`), the
//! two-argument `MAX` (there `GREATEST`), columns beside a `MAX` that stand for the row it comes from (there `DISTINCT
//! ON`), flags compared with 0 and 1, unqualified columns in `DO UPDATE SET`, and `CROSS JOIN` and unary plus as
//! planner hints.

mod bulk;
mod calls;
mod connection;
mod console;
mod devices;
mod digests;
mod directory;
mod grants;
mod groups;
mod judgements;
mod keys;
mod libraries;
mod links;
mod outbox;
mod people;
mod person_cache;
mod prefixes;
mod readers;
mod reads;
mod rows;
mod schema;
mod social;
mod templates;
mod writer;
mod writes;

pub(crate) use rows::vector_from_blob;

use std::{
    collections::HashSet,
    fs::OpenOptions,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aicp_types::{Clock, FaceId, FileId, LibraryId, PersonId, UnixMillis};
use jiff::tz::TimeZone;
use tokio::runtime::Handle;

pub(crate) use self::bulk::PreparedRows;
use self::{connection::Local, person_cache::PersonCache, readers::Readers, writer::Writer};
use crate::sql;
use crate::{
    Counts, Face, LastIds, Library, NewFace, NewLibrary, NewPerson, Observer, Page, Person, Result,
    blocking::run_blocking, error::at, objects::PictureName,
};

const READERS: usize = 4;
/// Page cache of each connection: a negative number is in KiB.
const CACHE_KIB: &str = "-16384";
/// Page size in bytes of a new file; an existing file keeps its own. Three templates of 2 KiB fit a page, whereas in
/// the default of 4 KiB half stays empty. The file is smaller and read faster, and a commit still writes few bytes.
const PAGE_BYTES: u32 = 8192;
/// Size in bytes to which the write-ahead log is truncated after a checkpoint, however far one large write let it grow.
const JOURNAL_BYTES: &str = "67108864";
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The database: readers and the writer.
pub(crate) struct Database {
    path: PathBuf,
    readers: Readers,
    writer: Writer,
    zone: TimeZone,
    person_cache: Arc<PersonCache>,
}

/// Record of a picture of which a committed transaction removed a row, and whose file may still exist.
#[derive(Debug)]
pub(crate) struct Removal {
    pub(crate) id: i64,
    pub(crate) picture_key: String,
}

impl Database {
    /// Opens the file, creating it where missing, migrates its schema and starts the writer.
    pub(crate) async fn open(
        path: &Path,
        clock: Arc<dyn Clock>,
        observer: Option<Arc<dyn Observer>>,
        zone: TimeZone,
    ) -> Result<Self> {
        // Created here, as SQLite would let others read it; its companion files inherit the mode.
        let file = path.to_owned();
        run_blocking(move || {
            OpenOptions::new().append(true).create(true).mode(0o600).open(&file).map(drop).map_err(at(file))
        })
        .await?;
        let (file, zone_of_days, runtime) = (path.to_owned(), zone.clone(), Handle::current());
        let connection = run_blocking(move || {
            let mut connection = Local::open(&file, false)?;
            let db = connection.raw();
            // Takes effect for a new file only.
            db.pragma_update(None, "page_size", PAGE_BYTES)?;
            let _: String = db.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
            db.pragma_update(None, "synchronous", "FULL")?;
            // Deleted data is biometric: free pages are overwritten, not just released.
            db.pragma_update(None, "secure_delete", "ON")?;
            db.pragma_update(None, "journal_size_limit", JOURNAL_BYTES)?;
            // Some versions build a table anew, which must not remove the rows that refer to it.
            db.pragma_update(None, "foreign_keys", false)?;
            schema::migrate(&connection, schema::VERSIONS.len() as i64)?;
            connection.raw().pragma_update(None, "foreign_keys", true)?;
            runtime.block_on(async {
                outbox::list_interrupted(&mut connection).await?;
                calls::set_zone(&mut connection, &zone_of_days).await
            })?;
            Ok(connection)
        });
        let connection = connection.await?;

        let readers = Readers::open(path, READERS)?;
        let person_cache = Arc::new(PersonCache::default());
        let writer = Writer::start(connection, clock, observer, Arc::clone(&person_cache)).map_err(at(path))?;
        Ok(Self { path: path.to_owned(), readers, writer, zone, person_cache })
    }

    /// Closes the readers, lets the writer finish its queue, and checkpoints the write-ahead log into the file.
    pub(crate) async fn close(&self) -> Result<()> {
        self.readers.close().await;
        self.writer.close().await
    }

    /// Reads and writes a row.
    pub(crate) async fn ping(&self) -> Result<()> {
        sql::query("SELECT written FROM probe").execute(&mut *self.readers.get().await?).await?;
        self.writer.run(|tx| Box::pin(writes::probe(tx))).await
    }

    pub(crate) async fn ensure_app(&self, app_id: String, created_at: UnixMillis) -> Result<()> {
        self.writer.run(move |tx| Box::pin(writes::ensure_app(tx, app_id, created_at))).await
    }

    pub(crate) async fn create_library(&self, new: NewLibrary) -> Result<Library> {
        self.writer.run(move |tx| Box::pin(writes::create_library(tx, new))).await
    }

    pub(crate) async fn delete_library(&self, library_id: LibraryId) -> Result<Vec<Removal>> {
        self.writer.run(move |tx| Box::pin(writes::delete_library(tx, library_id))).await
    }

    pub(crate) async fn enrol(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: PictureName,
    ) -> Result<(Person, Face)> {
        self.writer.run(move |tx| Box::pin(writes::enrol(tx, library_id, person, face, picture))).await
    }

    pub(crate) async fn add_face(&self, person_id: PersonId, face: NewFace, picture: PictureName) -> Result<Face> {
        self.writer.run(move |tx| Box::pin(writes::add_face(tx, person_id, face, picture))).await
    }

    pub(crate) async fn remove_person(&self, person_id: PersonId) -> Result<Vec<Removal>> {
        self.writer.run(move |tx| Box::pin(writes::remove_person(tx, person_id))).await
    }

    pub(crate) async fn remove_face(&self, face_id: FaceId) -> Result<Vec<Removal>> {
        self.writer.run(move |tx| Box::pin(writes::remove_face(tx, face_id))).await
    }

    pub(crate) async fn delete_removals(&self, ids: Vec<i64>) -> Result<()> {
        self.writer.run(move |tx| Box::pin(writes::delete_removals(tx, ids))).await
    }

    pub(crate) async fn library(&self, app_id: &str, external_id: &str) -> Result<Option<Library>> {
        reads::library(&self.readers, app_id, external_id).await
    }

    pub(crate) async fn library_by_engine_key(&self, app_id: &str, engine_key: &str) -> Result<Option<Library>> {
        reads::library_by_engine_key(&self.readers, app_id, engine_key).await
    }

    pub(crate) async fn libraries(&self, app_id: &str, page: Page) -> Result<Vec<Library>> {
        reads::libraries(&self.readers, app_id, page).await
    }

    pub(crate) async fn find_person(&self, library_id: LibraryId, user_id: &str) -> Result<Option<Person>> {
        reads::find_person(&self.readers, library_id, user_id).await
    }

    pub(crate) async fn person(&self, person_id: PersonId) -> Result<Option<Person>> {
        reads::person(&self.readers, person_id).await
    }

    pub(crate) async fn faces_of(&self, person_id: PersonId) -> Result<Vec<Face>> {
        reads::faces_of(&self.readers, person_id).await
    }

    pub(crate) async fn face(&self, face_id: FaceId) -> Result<Option<Face>> {
        reads::face(&self.readers, face_id).await
    }

    pub(crate) async fn face_by_file_id(&self, file_id: FileId) -> Result<Option<Face>> {
        reads::face_by_file_id(&self.readers, file_id).await
    }

    pub(crate) async fn face_in_library(
        &self,
        app_id: &str,
        external_id: &str,
        face_id: FaceId,
    ) -> Result<Option<Face>> {
        reads::face_in_library(&self.readers, app_id, external_id, face_id).await
    }

    pub(crate) async fn people_with_faces(&self, face_ids: &[FaceId]) -> Result<Vec<(Face, Person)>> {
        reads::people_with_faces(&self.readers, face_ids).await
    }

    pub(crate) async fn has_picture(&self, person_id: PersonId, picture_key: &str) -> Result<bool> {
        reads::has_picture(&self.readers, person_id, picture_key).await
    }

    /// Returns those of `keys` that a face or an unsolved outbox row refers to.
    pub(crate) async fn used_pictures(&self, keys: Vec<String>) -> Result<HashSet<String>> {
        reads::used_pictures(&self.readers, &keys).await
    }

    /// Returns the removals that were not [deleted](Self::forget_removals) yet.
    pub(crate) async fn pending_removals(&self) -> Result<Vec<Removal>> {
        reads::pending_removals(&self.readers).await
    }

    pub(crate) async fn counts(&self) -> Result<Counts> {
        reads::counts(&self.readers).await
    }

    pub(crate) async fn last_ids(&self) -> Result<LastIds> {
        reads::last_ids(&self.readers).await
    }
}
