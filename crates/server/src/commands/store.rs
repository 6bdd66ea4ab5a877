//! `aicp store`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use aicp_store::{Database, Step, Told};
use aicp_store_postgres::Postgres;
use aicp_store_sqlite::{DATABASE, Sqlite};

use super::async_runtime;
use crate::config::{Config, SQLITE};
use crate::{Error, Result, database};

/// Rows of a table between two lines of progress.
const ROWS_PER_LINE: u64 = 100_000;

/// Copies all rows of a database into an empty one and compares both. Each is `sqlite:FILE`, the file in a data folder or the folder, or the address of a
/// PostgreSQL database; `postgres` stands for the one of the settings.
pub(crate) fn copy(config: &Config, from: &str, to: &str) -> Result<()> {
    let rows = async_runtime()?.block_on(async {
        // Opening would make an empty one.
        if let Some(folder) = sqlite_folder(from)? {
            let file = folder.join(DATABASE);
            std::fs::metadata(&file).map_err(Error::io(file))?;
        }
        let from = open(config, from).await?;
        let to = match open(config, to).await {
            Ok(to) => to,
            Err(error) => {
                from.close().await.map_err(aicp_platform::Error::from)?;
                return Err(error);
            }
        };
        let copied = aicp_store::copy(&from, &to, &progress()).await;
        for database in [from, to] {
            database.close().await.map_err(aicp_platform::Error::from)?;
        }
        copied.map_err(Error::Copy)
    })?;
    Ok(writeln!(std::io::stdout(), "{rows} rows are copied and the same; pictures and keys are not copied")?)
}

/// Returns the data folder of an SQLite database.
///
/// # Errors
/// [`Error::Config`] if the file can't be that of a data folder.
fn sqlite_folder(name: &str) -> Result<Option<PathBuf>> {
    let Some(path) = name.strip_prefix(SQLITE).map(Path::new) else { return Ok(None) };
    match path.file_name() {
        Some(file) if file == DATABASE => Ok(Some(Path::new(".").join(path.parent().unwrap_or(Path::new(""))))),
        _ if path.is_file() || path.extension().is_some_and(|extension| extension == "db") => {
            Err(Error::Config(format!("{name}: the file of a data folder is {DATABASE}")))
        }
        _ => Ok(Some(path.to_owned())),
    }
}

async fn open(config: &Config, name: &str) -> Result<Arc<dyn Database>> {
    if let Some(folder) = sqlite_folder(name)? {
        let opened = Sqlite::open(&folder).await.map_err(aicp_platform::Error::from)?;
        return Ok(Arc::new(opened));
    }
    let mut options = match name {
        "postgres" => database::postgres(config)?.ok_or(Error::NoPostgres)?,
        address => database::postgres_at(config, address)?,
    };
    // One writes and one reads.
    options.connections = options.connections.max(4);
    let opened = Postgres::open(&options).await.map_err(database::of_postgres)?;
    // Rows that a node writes meanwhile would be left out.
    opened.require_alone().await.map_err(aicp_platform::Error::from)?;
    Ok(Arc::new(opened))
}

/// Writes a line for each table, and for each [`ROWS_PER_LINE`] rows of a large one.
fn progress() -> Told {
    let last = Mutex::new((Step::Copy, "", 0));
    Arc::new(move |step, table, rows| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = (last.0, last.1) != (step, table);
        if is_new || rows / ROWS_PER_LINE > last.2 / ROWS_PER_LINE {
            let step = if step == Step::Copy { "copying" } else { "comparing" };
            let _ = writeln!(std::io::stderr(), "{step} {table}: {rows}");
        }
        *last = (step, table, rows);
    })
}
