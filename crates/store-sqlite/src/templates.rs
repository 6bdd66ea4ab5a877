//! Reads all templates in parallel: the start of a server waits for this.
//!
//! Several threads step through rows of their own connections to one state of the database, and decode the rows where
//! they are used. The readers would copy each row and pass it to another thread, which costs
//! several times as much as the reading.

use std::{
    num::NonZeroUsize,
    path::Path,
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    thread,
};

use aicp_types::{FaceId, LibraryId, PersonId};
use rusqlite::{Connection, OpenFlags, Row};

use aicp_store::{
    Algorithm, Error, Result, TemplateRow, TemplateSink, TemplatesRead, Writer, run_blocking, vector_from_blob,
};

use crate::connection::{BUSY_TIMEOUT, CACHE_PAGES, error};

/// Maximum number of reading threads; more would wait for memory.
const THREADS: usize = 8;
/// Number of face ids that a thread claims at a time.
const STEP: i64 = 4096;
/// Templates in a batch: few enough that they are still in the processor's cache when `take` is called, and that their
/// memory is reused for the next batch instead of being returned to the system.
const BATCH: usize = 64;

/// Faces by row id, each with the template of one algorithm, if it has one. All three tables are read in storage order,
/// as people and their faces are nearly always added together.
const SELECT: &str = "
    SELECT face.id, face.person_id, person.library_id, template.vector, template.recognisability
    FROM face CROSS JOIN person ON person.id = face.person_id
    LEFT JOIN template ON template.face_id = face.id
        AND template.algorithm = ?3 AND template.provider = ?4 AND template.version = ?5
    WHERE face.id >= ?1 AND face.id < ?2 AND person.library_id NOT IN (SELECT value FROM json_each(?6))
    ORDER BY face.id";

/// What to read.
#[derive(Clone)]
pub(crate) struct Selection {
    algorithm: Algorithm,
    /// Libraries to leave out: a JSON array of their ids.
    without: String,
}

impl Selection {
    pub fn new(algorithm: &Algorithm, without: &[LibraryId]) -> Self {
        let ids: Vec<_> = without.iter().map(|library| library.get().to_string()).collect();
        Self { algorithm: algorithm.clone(), without: format!("[{}]", ids.join(",")) }
    }
}

/// Passes every template of the selection to `take`.
pub(crate) async fn read(
    path: &Path,
    writer: &Writer,
    selection: Selection,
    take: TemplateSink,
) -> Result<TemplatesRead> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS);
    let path = path.to_owned();
    // Between two batches of writes, so that all connections see the same state.
    let snapshots = writer
        .pause(move || {
            let opened = (0..threads).map(|_| Snapshot::open(&path)).collect::<rusqlite::Result<Vec<_>>>();
            opened.map_err(error)
        })
        .await?;
    run_blocking(move || read_on(snapshots, &selection, &take)).await
}

/// A read transaction.
struct Snapshot {
    connection: Connection,
    /// Highest row id of a face; 0 without faces.
    last_face: i64,
}

impl Snapshot {
    fn open(path: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "cache_size", CACHE_PAGES)?;
        connection.execute_batch("BEGIN")?;
        let last_face: Option<i64> = connection.query_one("SELECT MAX(id) FROM face", [], |row| row.get(0))?;
        Ok(Self { connection, last_face: last_face.unwrap_or(0) })
    }
}

/// Distributes the faces among the threads in steps. The first error, or the first `Break` of `take`, stops all.
fn read_on(snapshots: Vec<Snapshot>, selection: &Selection, take: &TemplateSink) -> Result<TemplatesRead> {
    let (next, is_stopped) = (AtomicI64::new(0), AtomicBool::new(false));
    let (next, is_stopped) = (&next, &is_stopped);
    let read = |snapshot: Snapshot| {
        let read = snapshot.read(selection, next, is_stopped, take).map_err(error);
        if read.is_err() {
            is_stopped.store(true, Ordering::Relaxed);
        }
        read
    };
    let parts = thread::scope(|scope| {
        let threads: Vec<_> = snapshots.into_iter().map(|snapshot| scope.spawn(move || read(snapshot))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Error::Closed))).collect::<Result<Vec<_>>>()
    })?;
    Ok(TemplatesRead {
        templates: parts.iter().map(|part| part.templates).sum(),
        others: parts.iter().map(|part| part.others).sum(),
    })
}

impl Snapshot {
    fn read(
        &self,
        selection: &Selection,
        next: &AtomicI64,
        is_stopped: &AtomicBool,
        take: &TemplateSink,
    ) -> rusqlite::Result<TemplatesRead> {
        let mut select = self.connection.prepare(SELECT)?;
        let mut read = TemplatesRead::default();
        let Selection { algorithm: Algorithm { name, provider, version }, without } = selection;
        while !is_stopped.load(Ordering::Relaxed) {
            let first = next.fetch_add(STEP, Ordering::Relaxed);
            if first > self.last_face {
                break;
            }
            let mut rows = select.query((first, first.saturating_add(STEP), name, provider, version, without))?;
            let mut is_last = false;
            while !is_last {
                let mut batch = Vec::with_capacity(BATCH);
                while batch.len() < BATCH && !is_last {
                    match rows.next()? {
                        Some(row) => match template_row(row)? {
                            Some(template) => batch.push(template),
                            None => read.others += 1,
                        },
                        None => is_last = true,
                    }
                }
                read.templates += batch.len() as u64;
                if !batch.is_empty() && take(batch).is_break() {
                    is_stopped.store(true, Ordering::Relaxed);
                    return Ok(read);
                }
            }
        }
        Ok(read)
    }
}

/// Decodes a row; `None` if the face has no template of the algorithm.
fn template_row(row: &Row<'_>) -> rusqlite::Result<Option<TemplateRow>> {
    let Some(vector) = row.get_ref(3)?.as_blob_or_null().map_err(rusqlite::Error::from)? else { return Ok(None) };
    Ok(Some(TemplateRow {
        library_id: LibraryId::new(row.get(2)?),
        person_id: PersonId::new(row.get(1)?),
        face_id: FaceId::new(row.get(0)?),
        // A damaged vector becomes empty, which `take` detects.
        vector: vector_from_blob(vector).unwrap_or_default(),
        recognisability: row.get(4)?,
    }))
}
