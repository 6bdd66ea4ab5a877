//! Offline check of a data folder: reads everything and reports what differs from what was stored. Changes nothing.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use aicp_types::{AuditId, FaceId, LibraryId, UnixMillis};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use aicp_blobs::LocalBlobs;
use aicp_store::{Act, Algorithm, AuditEntry, BlobKey, FIRST_AUDIT_HASH, Result, at, md5_hex, vector_from_blob};

use crate::{DATABASE, LINKS, LOCK, take_lock};

/// Maximum number of findings that are reported one by one; further ones are only counted.
const MAX_FINDINGS: usize = 1000;
/// Tolerated deviation of a template's length from 1.
const LENGTH_TOLERANCE: f32 = 1e-3;

/// Result of a check.
#[derive(Debug, Default)]
pub struct Report {
    /// Templates that were read.
    pub templates: u64,
    /// Pictures that were read.
    pub pictures: u64,
    /// Findings, at most a thousand.
    pub findings: Vec<Finding>,
    /// Number of further findings.
    pub more: u64,
}

/// A deviation from what was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Message of SQLite about the database file.
    Database(String),
    /// A row refers to a missing row.
    Reference {
        /// The table of the row.
        table: String,
        /// The row's id.
        row: i64,
        /// The table of the missing row.
        parent: String,
    },
    /// A template is missing or damaged.
    Template {
        /// The library.
        library: LibraryId,
        /// The face.
        face: FaceId,
        /// Description of the fault.
        fault: &'static str,
    },
    /// A picture is missing or damaged.
    Picture {
        /// Key of the picture.
        key: String,
        /// A face with this picture; `None` for the picture of a write that waits for an engine.
        face: Option<FaceId>,
        /// Description of the fault.
        fault: &'static str,
    },
    /// Templates that no search compares: another algorithm made them than today's.
    Algorithm {
        /// The library.
        library: LibraryId,
        /// Name, provider and version of the algorithm.
        algorithm: String,
        /// Number of the templates.
        faces: u64,
    },
    /// The next row of a table could get an id that was used.
    Sequence {
        /// The table.
        table: String,
    },
    /// Changes are missing behind this one.
    Changes(i64),
    /// An entry of the audit log was changed, or follows one that was removed; further ones are not checked.
    Audit(AuditId),
    /// A file that no row refers to.
    Orphan(PathBuf),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(said) => write!(f, "database: {said}"),
            Self::Reference { table, row, parent } => write!(f, "row {row} of {table} refers to no {parent}"),
            Self::Template { library, face, fault } => {
                write!(f, "template of face {face} in library {library}: {fault}")
            }
            Self::Picture { key, face: Some(face), fault } => write!(f, "picture {key} of face {face}: {fault}"),
            Self::Picture { key, face: None, fault } => write!(f, "picture {key} of a waiting write: {fault}"),
            Self::Algorithm { library, algorithm, faces } => {
                write!(f, "{faces} templates of library {library} are of {algorithm}, which is not today's algorithm")
            }
            Self::Sequence { table } => write!(f, "the next row of {table} could get an id that was used"),
            Self::Changes(sequence) => write!(f, "changes are missing behind change {sequence}"),
            Self::Audit(id) => write!(f, "entry {id} of the audit log is not as it was written, or one before is gone"),
            Self::Orphan(path) => write!(f, "{}: nothing refers to it", path.display()),
        }
    }
}

/// Checks the store in `data_dir` with the pictures in `objects`, which no process may have open, for a program that computes templates by `algorithm`. Blocks
/// until all of it is read.
///
/// # Errors
/// [`Error::InUse`](crate::Error::InUse) if the store is open, or an I/O error. Faults of the store are no errors but
/// in the report.
pub fn check(data_dir: &Path, objects: &Path, algorithm: Option<&Algorithm>) -> Result<Report> {
    let database = data_dir.join(DATABASE);
    fs::metadata(&database).map_err(at(&database))?;
    let _lock = take_lock(data_dir.join(LOCK))?;
    let mut report = Report::default();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = Connection::open_with_flags(&database, flags).and_then(|connection| {
        report.check_pages(&connection)?;
        report.check_templates(&connection)?;
        report.check_algorithms(&connection, algorithm)?;
        report.check_sequences(&connection)?;
        report.check_audit_log(&connection)?;
        known_pictures(&connection)
    });
    match read {
        Ok(known) => report.check_pictures(objects, known)?,
        // Without the rows, pictures can't be distinguished from orphans.
        Err(e) => report.note(Finding::Database(e.to_string())),
    }
    Ok(report)
}

impl Report {
    /// Returns whether there are no findings.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    pub(crate) fn note(&mut self, finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            self.findings.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Checks every page of the database and every foreign key.
    fn check_pages(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut pragma = connection.prepare("PRAGMA integrity_check(100)")?;
        let mut said = pragma.query([])?;
        while let Some(row) = said.next()? {
            let line: String = row.get(0)?;
            if line != "ok" {
                self.note(Finding::Database(line));
            }
        }
        let mut pragma = connection.prepare("PRAGMA foreign_key_check")?;
        let mut broken = pragma.query([])?;
        while let Some(row) = broken.next()? {
            let row_id: Option<i64> = row.get(1)?;
            self.note(Finding::Reference { table: row.get(0)?, row: row_id.unwrap_or_default(), parent: row.get(2)? });
        }
        Ok(())
    }

    fn check_templates(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let mut select = connection.prepare(
            // Remote engines store the templates of their libraries themselves.
            "SELECT face.id, person.library_id, template.vector, template.md5
             FROM face JOIN person ON person.id = face.person_id JOIN library ON library.id = person.library_id
             LEFT JOIN template ON template.face_id = face.id
             WHERE template.face_id IS NOT NULL OR library.engine = 'builtin'",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            if row.get_ref(2)? == ValueRef::Null {
                self.note(Finding::Template {
                    library: LibraryId::new(row.get(1)?),
                    face: FaceId::new(row.get(0)?),
                    fault: "it is not there",
                });
                continue;
            }
            let blob = row.get_ref(2)?.as_bytes().unwrap_or_default();
            self.templates += 1;
            let digest: Option<String> = row.get(3)?;
            let fault = match vector_from_blob(blob) {
                Ok(vector) if is_unit_vector(&vector) => digest
                    .filter(|digest| *digest != md5_hex(blob))
                    .map(|_| "it is not the one whose digest was stored"),
                Ok(_) => Some("its length is not 1"),
                Err(_) => Some("it is no list of numbers"),
            };
            if let Some(fault) = fault {
                self.note(Finding::Template {
                    library: LibraryId::new(row.get(1)?),
                    face: FaceId::new(row.get(0)?),
                    fault,
                });
            }
        }
        Ok(())
    }

    /// Counts the templates of other algorithms than today's.
    fn check_algorithms(&mut self, connection: &Connection, today: Option<&Algorithm>) -> rusqlite::Result<()> {
        let Some(today) = today else { return Ok(()) };
        let mut select = connection.prepare(
            "SELECT person.library_id, algorithm || ' ' || provider || ' ' || version, COUNT(*)
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE NOT (algorithm = ?1 AND provider = ?2 AND version = ?3) GROUP BY 1, 2",
        )?;
        let mut rows = select.query([&today.name, &today.provider, &today.version])?;
        while let Some(row) = rows.next()? {
            let (library, faces) = (LibraryId::new(row.get(0)?), row.get::<_, i64>(2)?.unsigned_abs());
            self.note(Finding::Algorithm { library, algorithm: row.get(1)?, faces });
        }
        Ok(())
    }

    /// Checks that ids are never given twice, and that no change is missing.
    fn check_sequences(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        for table in behind(connection)? {
            self.note(Finding::Sequence { table });
        }
        if let Some(last) = last_before_gap(connection)? {
            self.note(Finding::Changes(last));
        }
        Ok(())
    }

    /// Computes the hashes of the audit log anew.
    fn check_audit_log(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if !connection.table_exists(None, "audit")? {
            return Ok(());
        }
        let mut select = connection.prepare(
            "SELECT id, created, actor, address, request_id, app_id, action, target, old_state, new_state, hash
             FROM audit ORDER BY id",
        )?;
        let mut rows = select.query([])?;
        let (mut last, mut hash) = (0, FIRST_AUDIT_HASH.to_vec());
        while let Some(row) = rows.next()? {
            let act = Act {
                at: UnixMillis::new(row.get(1)?),
                actor: row.get(2)?,
                address: row.get(3)?,
                request_id: row.get(4)?,
                app_id: row.get(5)?,
                action: row.get(6)?,
                target: row.get(7)?,
                before: row.get(8)?,
                after: row.get(9)?,
            };
            let entry = AuditEntry { id: AuditId::new(row.get(0)?), act, hash: row.get(10)? };
            if entry.id.get() != last + 1 || !entry.follows(&hash) {
                self.note(Finding::Audit(entry.id));
                break;
            }
            (last, hash) = (entry.id.get(), entry.hash);
        }
        Ok(())
    }

    /// Checks every picture against its name, and every file of the folder against the rows.
    fn check_pictures(&mut self, objects: &Path, known: KnownPictures) -> Result<()> {
        let KnownPictures { mut used, released } = known;
        for entry in fs::read_dir(objects).map_err(at(objects))? {
            let shard = entry.map_err(at(objects))?.path();
            let name = shard.file_name().unwrap_or_default();
            // The next start cleans up what an interrupted run left in the first. The others are there if the folder is not in
            // the data folder.
            if name == LocalBlobs::INCOMING || name == LOCK || Path::new(LINKS).starts_with(name) {
                continue;
            }
            if !shard.is_dir() {
                self.note(Finding::Orphan(shard));
                continue;
            }
            for entry in fs::read_dir(&shard).map_err(at(&shard))? {
                let path = entry.map_err(at(&shard))?.path();
                let key = LocalBlobs::key_of(&path);
                // The next start deletes it.
                if key.as_ref().is_some_and(|key| released.contains(key)) {
                    continue;
                }
                let Some((key, face)) = key.and_then(|key| used.remove_entry(&key)) else {
                    self.note(Finding::Orphan(path));
                    continue;
                };
                self.pictures += 1;
                let fault = match fs::read(&path) {
                    Ok(bytes) if BlobKey::of(&bytes) == key => continue,
                    Ok(_) => "its bytes are not those that were stored",
                    Err(_) => "it can't be read",
                };
                self.note(Finding::Picture { key: key.into(), face, fault });
            }
        }
        let mut missing: Vec<_> = used.into_iter().collect();
        missing.sort_unstable();
        for (key, face) in missing {
            self.note(Finding::Picture { key: key.into(), face, fault: "it is not there" });
        }
        Ok(())
    }
}

/// Returns the tables whose next id may have been used.
pub(crate) fn behind(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select =
        connection.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name")?;
    let tables: Vec<String> = select.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let mut found = Vec::new();
    for table in tables {
        // The names are those of the schema.
        let last = format!(
            "SELECT COALESCE((SELECT MAX(rowid) FROM \"{table}\"), 0)
                > COALESCE((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0)"
        );
        if connection.query_row(&last, [&table], |row| row.get::<_, bool>(0))? {
            found.push(table);
        }
    }
    Ok(found)
}

/// Returns the last change before a gap; `None` if there is no gap.
pub(crate) fn last_before_gap(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    if !connection.table_exists(None, "change")? {
        return Ok(None);
    }
    let last = "SELECT MAX(sequence) FROM change
                WHERE sequence < (SELECT MAX(sequence) FROM change)
                  AND NOT EXISTS (SELECT 1 FROM change AS next WHERE next.sequence = change.sequence + 1)";
    connection.query_row(last, [], |row| row.get(0))
}

/// Pictures that the rows know.
pub(crate) struct KnownPictures {
    /// Those that rows refer to, each with a face that has the picture, if any has.
    pub used: HashMap<BlobKey, Option<FaceId>>,
    /// Those that are yet to be deleted.
    released: HashSet<BlobKey>,
}

pub(crate) fn known_pictures(connection: &Connection) -> rusqlite::Result<KnownPictures> {
    // A folder may have been written by an earlier version, and not been opened since.
    let logged = match connection.table_exists(None, "recognition_entry")? {
        true => " UNION ALL SELECT picture_key, NULL FROM recognition_entry",
        false => "",
    };
    let mut select = connection.prepare(&format!(
        "SELECT picture_key, id FROM face
         UNION ALL SELECT picture_key, NULL FROM outbox WHERE picture_key IS NOT NULL AND solved IS NULL{logged}",
    ))?;
    let rows =
        select.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?.map(FaceId::new))))?;
    let mut used: HashMap<BlobKey, Option<FaceId>> = HashMap::new();
    for row in rows {
        let (key, face) = row?;
        if let Some(key) = BlobKey::parse(&key) {
            let known = used.entry(key).or_default();
            *known = known.or(face);
        }
    }
    let has_tombstones = connection.table_exists(None, "picture_tombstone")?;
    let mut select = connection.prepare(match has_tombstones {
        true => "SELECT picture_key FROM picture_tombstone WHERE deletion IS NULL",
        false => "SELECT picture_key FROM removed_picture",
    })?;
    let released = select.query_map([], |row| row.get::<_, String>(0))?;
    let released = released.filter_map(|key| key.map(|key| BlobKey::parse(&key)).transpose());
    Ok(KnownPictures { used, released: released.collect::<rusqlite::Result<_>>()? })
}

fn is_unit_vector(vector: &[f32]) -> bool {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    (length - 1.0).abs() <= LENGTH_TOLERANCE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::Local;
    use crate::{OBJECTS, schema};

    #[test]
    fn a_folder_of_an_earlier_version_is_checked_as_it_is() {
        for version in 9..=schema::VERSIONS.len() as i64 {
            let folder = tempfile::tempdir().expect("temporary folder");
            let database = folder.path().join(DATABASE);
            let connection = Local::new(Connection::open(database).expect("database"));
            schema::migrate(&connection, version).expect("migrated");
            if version < 13 {
                let key = BlobKey::of(b"removed");
                let removed = "INSERT INTO removed_picture (picture_key) VALUES (?1)";
                connection.raw().execute(removed, [key.as_str()]).expect("insert");
                let shard = folder.path().join(OBJECTS).join(key.split().0);
                fs::create_dir_all(&shard).expect("folder");
                fs::write(shard.join(key.split().1), "removed").expect("write");
            } else {
                fs::create_dir(folder.path().join(OBJECTS)).expect("folder");
            }
            connection.close().expect("close");
            assert_eq!(
                check(folder.path(), &folder.path().join(OBJECTS), None).expect("check").findings,
                [],
                "{version}"
            );
        }
    }
}
