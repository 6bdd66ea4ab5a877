//! Reads all templates in parallel: the start of a node waits for this.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aicp_store::sql::{self, DatabaseError, Kind, Value};
use aicp_store::{Algorithm, Result, TemplateRow, TemplateSink, TemplatesRead, run_blocking, vector_from_blob};
use aicp_types::{FaceId, LibraryId, PersonId};
use tokio::task::JoinSet;

use crate::connection::Snapshot;
use crate::pool::Pool;

/// Connections that read.
const READERS: usize = 4;
/// Number of face ids that a reader claims at a time.
const STEP: i64 = 1024;

const SELECT: &str = "
    SELECT face.id, face.person_id, person.library_id, template.vector, template.recognisability
    FROM face JOIN person ON person.id = face.person_id
    LEFT JOIN template ON template.face_id = face.id
        AND template.algorithm = $3 AND template.provider = $4 AND template.version = $5
    WHERE face.id >= $1 AND face.id < $2 AND person.library_id NOT IN (SELECT value FROM json_each($6))
    ORDER BY face.id";

/// Selects the first and the last face of the libraries that are not left out. Mostly these are few, and small.
const RANGE: &str = "
    SELECT COALESCE(MIN(face.id), 1), COALESCE(MAX(face.id), 0)
    FROM library JOIN person ON person.library_id = library.id JOIN face ON face.person_id = person.id
    WHERE library.id NOT IN (SELECT value FROM json_each($1))";

/// What to read.
pub(crate) struct Selection {
    pub algorithm: Algorithm,
    /// Libraries to leave out.
    pub without: Vec<LibraryId>,
}

/// Passes every template of the selection to `take`.
pub(crate) async fn read(pool: &Pool, selection: &Selection, take: TemplateSink) -> Result<TemplatesRead> {
    // All connections see what the first one sees, which must stay open.
    let mut first = Snapshot::begin(pool.get().await?).await?;
    let snapshot: String = sql::query_scalar("SELECT pg_export_snapshot()").fetch_one(&mut first).await?;
    let without = Value::Integers(selection.without.iter().map(|library| library.get()).collect());
    let range = match selection.without.is_empty() {
        true => sql::query_as("SELECT 1, COALESCE(MAX(id), 0) FROM face"),
        false => sql::query_as(RANGE).bind(without.clone()),
    };
    let (from, last): (i64, i64) = range.fetch_one(&mut first).await?;
    let begin = Arc::new(format!("SET TRANSACTION SNAPSHOT '{snapshot}'"));
    let (next, is_stopped) = (Arc::new(AtomicI64::new(from)), Arc::new(AtomicBool::new(false)));
    let mut readers = JoinSet::new();
    // One holds the lock of the node, and one the state.
    for _ in 0..READERS.min(pool.max_size().saturating_sub(2)).max(1) {
        let (pool, begin, take) = (pool.clone(), Arc::clone(&begin), Arc::clone(&take));
        let (next, is_stopped) = (Arc::clone(&next), Arc::clone(&is_stopped));
        let Algorithm { name, provider, version } = selection.algorithm.clone();
        let without = without.clone();
        readers.spawn(async move {
            let mut connection = Snapshot::begin_with(pool.get().await?, &begin).await?;
            let mut read = TemplatesRead::default();
            while !is_stopped.load(Ordering::Relaxed) {
                let from = next.fetch_add(STEP, Ordering::Relaxed);
                if from > last {
                    break;
                }
                let query = sql::query(SELECT).bind(from).bind(from.saturating_add(STEP));
                let query = query.bind(&name).bind(&provider).bind(&version).bind(without.clone());
                let rows = query.fetch_all(&mut connection).await?;
                let templates = rows.iter().filter_map(|row| template_row(row).transpose());
                let templates = templates.collect::<sql::Result<Vec<_>>>()?;
                read.others += (rows.len() - templates.len()) as u64;
                read.templates += templates.len() as u64;
                let (take, is_stopped) = (Arc::clone(&take), Arc::clone(&is_stopped));
                // It computes, and waits for the index.
                let take = move || {
                    if !templates.is_empty() && take(templates).is_break() {
                        is_stopped.store(true, Ordering::Relaxed);
                    }
                    Ok(())
                };
                run_blocking(take).await?;
            }
            Ok::<_, aicp_store::Error>(read)
        });
    }
    let mut all = TemplatesRead::default();
    let mut failure = None;
    while let Some(ended) = readers.join_next().await {
        let lost = || aicp_store::Error::from(DatabaseError::new(Kind::Closed, "a reader ended early"));
        match ended.unwrap_or_else(|_| Err(lost())) {
            Ok(read) => {
                all.templates += read.templates;
                all.others += read.others;
            }
            Err(error) => {
                is_stopped.store(true, Ordering::Relaxed);
                failure = failure.or(Some(error));
            }
        }
    }
    failure.map_or(Ok(all), Err)
}

/// Decodes a row; `None` if the face has no template of the algorithm.
fn template_row(row: &sql::Row) -> sql::Result<Option<TemplateRow>> {
    let Some(vector) = row.try_get::<Option<&[u8]>, _>(3)? else { return Ok(None) };
    Ok(Some(TemplateRow {
        face_id: FaceId::new(row.try_get(0)?),
        person_id: PersonId::new(row.try_get(1)?),
        library_id: LibraryId::new(row.try_get(2)?),
        // A damaged vector becomes empty, which `take` detects.
        vector: vector_from_blob(vector).unwrap_or_default(),
        recognisability: row.try_get(4)?,
    }))
}
