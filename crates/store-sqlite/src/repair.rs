//! Repair of a data folder, as far as nothing is lost by it.

use std::fmt;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aicp_blobs::LocalBlobs;
use aicp_store::{Error, Result, at};
use aicp_types::FaceId;
use rusqlite::Connection;

use crate::check::{Finding, Report, behind, last_before_gap};
use crate::connection::{self, Local};
use crate::{DATABASE, LOCK, create_data_dir, schema, take_lock};

/// Something that was repaired.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A file was set aside, to this place.
    SetAside(PathBuf),
    /// A row that referred to a missing one was deleted.
    Row {
        /// The table.
        table: String,
        /// The row's id.
        row: i64,
    },
    /// A damaged template was deleted, which matched nobody.
    Template(FaceId),
    /// A table goes on behind its highest id.
    Sequence {
        /// The table.
        table: String,
    },
    /// The changes up to this one were forgotten, since some behind it are missing: who follows the changes loads anew.
    Changes(i64),
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SetAside(path) => write!(f, "set aside as {}", path.display()),
            Self::Row { table, row } => write!(f, "deleted row {row} of {table}"),
            Self::Template(face) => write!(f, "deleted the damaged template of face {face}"),
            Self::Sequence { table } => write!(f, "ids of {table} continue behind the highest"),
            Self::Changes(sequence) => write!(f, "forgot the changes up to {sequence}"),
        }
    }
}

/// Repairs what a check found, but for what needs other data: files that no row refers to, and damaged pictures, go to the folder
/// `aside`; rows that refer to missing ones, and damaged templates, are deleted; ids and changes continue. Blocks.
///
/// Nothing is done if the pages of the database are damaged: then only a backup helps.
///
/// # Errors
/// [`Error::InUse`] if the store is open; errors of disk and database.
pub fn repair(data_dir: &Path, objects: &Path, report: &Report, aside: &Path) -> Result<Vec<Repair>> {
    if report.findings.iter().any(|finding| matches!(finding, Finding::Database(_))) {
        return Ok(Vec::new());
    }
    let _lock = take_lock(data_dir.join(LOCK))?;
    let database = Local::open(&data_dir.join(DATABASE), false)?;
    schema::migrate(&database, schema::VERSIONS.len() as i64)?;
    let db = database.raw();
    let repairs = db
        .execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE")
        .and_then(|()| repair_rows(db, report))
        .and_then(|repairs| db.execute_batch("COMMIT").map(|()| repairs))
        .map_err(connection::error);
    database.close().map_err(Error::from)?;
    let mut repairs = repairs?;
    for finding in &report.findings {
        let path = match finding {
            Finding::Orphan(path) => path.clone(),
            Finding::Picture { key, .. } => {
                let (shard, rest) = key.split_at(2);
                objects.join(shard).join(rest)
            }
            _ => continue,
        };
        if let Some(place) = set_aside(&[data_dir, objects], &path, aside)? {
            repairs.push(Repair::SetAside(place));
        }
    }
    Ok(repairs)
}

fn repair_rows(db: &Connection, report: &Report) -> rusqlite::Result<Vec<Repair>> {
    let mut repairs = Vec::new();
    loop {
        let mut pragma = db.prepare("PRAGMA foreign_key_check")?;
        let broken = pragma.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?)))?;
        let broken: Vec<(String, Option<i64>)> = broken.collect::<rusqlite::Result<_>>()?;
        let mut deleted = 0;
        for (table, row) in broken {
            let Some(row) = row else { continue };
            // The names are those of the schema. Rows that refer to this one go with it.
            if db.execute(&format!("DELETE FROM \"{table}\" WHERE rowid = ?1"), [row])? > 0 {
                deleted += 1;
                repairs.push(Repair::Row { table, row });
            }
        }
        if deleted == 0 {
            break;
        }
    }
    for finding in &report.findings {
        let Finding::Template { face, .. } = finding else { continue };
        // There may be none.
        if db.execute("DELETE FROM template WHERE face_id = ?1", [face.get()])? > 0 {
            repairs.push(Repair::Template(*face));
        }
    }
    for table in behind(db)? {
        let highest = format!("SELECT MAX(rowid) FROM \"{table}\"");
        let highest: i64 = db.query_row(&highest, [], |row| row.get(0))?;
        if db.execute("UPDATE sqlite_sequence SET seq = ?2 WHERE name = ?1", (&table, highest))? == 0 {
            db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)", (&table, highest))?;
        }
        repairs.push(Repair::Sequence { table });
    }
    if let Some(last) = last_before_gap(db)? {
        db.execute("DELETE FROM change WHERE sequence <= ?1", [last])?;
        repairs.push(Repair::Changes(last));
    }
    Ok(repairs)
}

/// Moves a file of the data folder to its place below `aside`; returns the place, or `None` if there is no file.
fn set_aside(folders: &[&Path], path: &Path, aside: &Path) -> Result<Option<PathBuf>> {
    let Some(within) = folders.iter().find_map(|folder| path.strip_prefix(folder).ok()) else { return Ok(None) };
    if !path.exists() || path.ends_with(LocalBlobs::INCOMING) {
        return Ok(None);
    }
    let place = aside.join(within);
    create_data_dir(place.parent().unwrap_or(aside))?;
    match fs::rename(path, &place) {
        // Pictures may be on another disk than the data folder.
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            fs::copy(path, &place).and_then(|_| File::open(&place)?.sync_all()).map_err(at(&place))?;
            fs::remove_file(path).map_err(at(path))?;
        }
        moved => moved.map_err(at(path))?,
    }
    Ok(Some(place))
}
