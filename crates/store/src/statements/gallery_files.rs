//! Files of galleries, and what changed since they were written.

use aicp_types::{FaceId, LibraryId, Sequence};

use super::convert::{numbers, saturating_i64, vector_from_blob};
use crate::sql::{self, FromRow, Row};
use crate::{Algorithm, Change, GalleryFile, Result, Rows, TemplateRow, Tx};

impl Rows<'_> {
    /// Returns the files of all galleries that have one.
    pub async fn gallery_files(&mut self) -> Result<Vec<GalleryFile>> {
        let query = sql::query_as("SELECT library_id, sequence, digest FROM gallery_file ORDER BY library_id");
        Ok(query.fetch_all(&mut *self.db).await?)
    }

    /// Returns whether all changes after a sequence are still kept.
    pub async fn keeps_changes_after(&mut self, sequence: Sequence) -> Result<bool> {
        let query = sql::query_as("SELECT COALESCE(MIN(sequence), 1), COALESCE(MAX(sequence), 0) FROM change");
        let (first, last): (i64, i64) = query.fetch_one(&mut *self.db).await?;
        let sequence = saturating_i64(sequence.get());
        Ok(first - 1 <= sequence && sequence <= last)
    }

    /// Returns the templates of these faces with their owners, as far as they are of this algorithm, in any order.
    pub async fn templates_of(&mut self, face_ids: &[FaceId], algorithm: &Algorithm) -> Result<Vec<TemplateRow>> {
        let query = sql::query(
            "SELECT template.face_id, face.person_id, person.library_id, template.vector, template.recognisability
             FROM template JOIN face ON face.id = template.face_id JOIN person ON person.id = face.person_id
             WHERE template.face_id IN (SELECT value FROM json_each($1))
                 AND template.algorithm = $2 AND template.provider = $3 AND template.version = $4",
        );
        let Algorithm { name, provider, version } = algorithm;
        let query = query.bind(numbers(face_ids)).bind(name).bind(provider).bind(version);
        let rows = query.fetch_all(&mut *self.db).await?;
        let template = |row: &Row| {
            Ok(TemplateRow {
                library_id: row.try_get("library_id")?,
                person_id: row.try_get("person_id")?,
                face_id: row.try_get("face_id")?,
                // A damaged vector becomes empty, which the index detects.
                vector: vector_from_blob(row.try_get("vector")?).unwrap_or_default(),
                recognisability: row.try_get("recognisability")?,
            })
        };
        rows.iter().map(template).collect()
    }
}

impl Tx {
    /// Records the file of a gallery; returns whether the library is still there, with all faces that it had at the file's sequence.
    pub async fn set_gallery_file(&mut self, file: &GalleryFile) -> Result<bool> {
        let query = sql::query(
            "INSERT INTO gallery_file (library_id, sequence, digest) SELECT id, $2, $3 FROM library WHERE id = $1 AND NOT EXISTS (
                 SELECT 1 FROM change WHERE change.sequence > $2 AND kind = 'faces_removed' AND ids LIKE '[' || library.id || ',%')
             ON CONFLICT (library_id) DO UPDATE SET sequence = excluded.sequence, digest = excluded.digest",
        );
        let query = query.bind(file.library_id).bind(saturating_i64(file.sequence.get())).bind(&file.digest);
        Ok(query.execute(&mut *self.db).await?.rows_affected() > 0)
    }
}

impl Tx {
    /// Forgets the files of galleries that lose faces: nobody may read them any more.
    pub(crate) async fn forget_gallery_files(&mut self) -> Result<(), sql::DatabaseError> {
        let mut libraries: Vec<LibraryId> = self.effects.changes.iter().filter_map(loses_faces).collect();
        libraries.dedup();
        if libraries.is_empty() {
            return Ok(());
        }
        let query = sql::query("DELETE FROM gallery_file WHERE library_id IN (SELECT value FROM json_each($1))");
        query.bind(numbers(&libraries)).execute(&mut *self.db).await.map(drop)
    }
}

fn loses_faces(change: &Change) -> Option<LibraryId> {
    match change {
        Change::FacesRemoved { library_id, .. } => Some(*library_id),
        _ => None,
    }
}

impl FromRow for GalleryFile {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            library_id: row.try_get("library_id")?,
            sequence: Sequence::new(row.try_get("sequence")?),
            digest: row.try_get("digest")?,
        })
    }
}
