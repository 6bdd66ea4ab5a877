//! Logs of recognitions.

use std::collections::HashMap;

use aicp_types::{FaceId, LibraryId, PersonId, PublicId, RecognitionEntryId, UnixMillis};

use super::convert::{numbers, saturating_i64};
use super::libraries::missing_parent;
use super::pictures::{OF_NAMED_PERSON, OF_RECOGNITIONS};
use crate::sql::{self, FromRow, QueryBuilder, Row};
use crate::{
    Change, Error, NewRecognition, NewRecognitionMatch, PictureName, Recognition, RecognitionFilter,
    RecognitionLogging, RecognitionMatch, Result, Rows, Tx,
};

impl Rows<'_> {
    /// Returns how the recognitions of a library are logged; `None` if they never were.
    pub async fn recognition_logging(&mut self, library_id: LibraryId) -> Result<Option<RecognitionLogging>> {
        let query = sql::query_as("SELECT enabled, keep_days FROM recognition_log WHERE library_id = $1");
        let found: Option<(bool, u32)> = query.bind(library_id).fetch_optional(&mut *self.db).await?;
        Ok(found.map(|(enabled, keep_days)| RecognitionLogging { enabled, keep_days }))
    }

    /// Returns the libraries whose recognitions are logged, or were.
    pub async fn recognition_loggings(&mut self) -> Result<Vec<(LibraryId, RecognitionLogging)>> {
        let query = sql::query_as("SELECT library_id, enabled, keep_days FROM recognition_log ORDER BY library_id");
        let found: Vec<(LibraryId, bool, u32)> = query.fetch_all(&mut *self.db).await?;
        let logging = |(id, enabled, keep_days)| (id, RecognitionLogging { enabled, keep_days });
        Ok(found.into_iter().map(logging).collect())
    }

    /// Returns the entries of a library, the latest first: at most `limit`, before one.
    pub async fn recognitions_before(
        &mut self,
        library_id: LibraryId,
        filter: RecognitionFilter,
        before: Option<RecognitionEntryId>,
        limit: u64,
    ) -> Result<Vec<Recognition>> {
        let RecognitionFilter { is_known, person, from, to } = filter;
        let mut query = QueryBuilder::new("SELECT * FROM recognition_entry WHERE library_id = ");
        query.push_bind(library_id).push(" AND id < ").push_bind(before.map_or(i64::MAX, RecognitionEntryId::get));
        if let Some(is_known) = is_known {
            query.push(" AND is_known = ").push_bind(is_known);
        }
        if let Some(person) = person {
            query.push(
                " AND id IN (SELECT entry_id FROM recognition_match
                    WHERE person_id = (SELECT id FROM person WHERE public_id = ",
            );
            query.push_bind(person).push("))");
        }
        if let Some(from) = from {
            query.push(" AND time >= ").push_bind(from);
        }
        if let Some(to) = to {
            query.push(" AND time < ").push_bind(to);
        }
        query.push(" ORDER BY id DESC LIMIT ").push_bind(saturating_i64(limit));
        let entries = query.build_query_as().fetch_all(&mut *self.db).await?;
        self.with_matches(entries).await
    }

    /// Returns an entry of a library.
    pub async fn recognition(&mut self, library_id: LibraryId, id: RecognitionEntryId) -> Result<Option<Recognition>> {
        let query = sql::query_as("SELECT * FROM recognition_entry WHERE library_id = $1 AND id = $2");
        let entry = query.bind(library_id).bind(id).fetch_all(&mut *self.db).await?;
        Ok(self.with_matches(entry).await?.pop())
    }

    async fn with_matches(&mut self, mut entries: Vec<Recognition>) -> Result<Vec<Recognition>> {
        let query = sql::query(
            "SELECT entry_id, person.public_id, face_id, similarity
             FROM recognition_match JOIN person ON person.id = recognition_match.person_id
             WHERE entry_id IN (SELECT value FROM json_each($1)) ORDER BY entry_id, rank",
        );
        let ids = numbers(entries.iter().map(|entry| entry.id));
        let mut matches: HashMap<RecognitionEntryId, Vec<RecognitionMatch>> = HashMap::new();
        for row in query.bind(ids).fetch_all(&mut *self.db).await? {
            matches.entry(row.try_get("entry_id")?).or_default().push(RecognitionMatch::from_row(&row)?);
        }
        for entry in &mut entries {
            entry.matches = matches.remove(&entry.id).unwrap_or_default();
        }
        Ok(entries)
    }

    /// Returns the ids of old entries of a library, the oldest first, at most `limit`: those from before a time, and those
    /// that are more than `keep`.
    pub async fn old_recognitions(
        &mut self,
        library_id: LibraryId,
        before: UnixMillis,
        keep: u64,
        limit: u64,
    ) -> Result<Vec<RecognitionEntryId>> {
        let query = sql::query_scalar(
            "SELECT id FROM recognition_entry WHERE library_id = $1 AND (
                time < $2 OR id <= (
                    SELECT id FROM recognition_entry WHERE library_id = $1 ORDER BY id DESC LIMIT 1 OFFSET $3))
             ORDER BY id LIMIT $4",
        );
        let query = query.bind(library_id).bind(before).bind(saturating_i64(keep)).bind(saturating_i64(limit));
        Ok(query.fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Sets how the recognitions of a library are logged.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist.
    pub async fn set_recognition_logging(&mut self, library_id: LibraryId, logging: RecognitionLogging) -> Result<()> {
        let query = sql::query(
            "INSERT INTO recognition_log (library_id, enabled, keep_days) VALUES ($1, $2, $3)
             ON CONFLICT (library_id) DO UPDATE SET enabled = excluded.enabled, keep_days = excluded.keep_days",
        );
        let query = query.bind(library_id).bind(logging.enabled).bind(i64::from(logging.keep_days));
        query.execute(&mut *self.db).await.map_err(missing_parent)?;
        if let Some(library) = self.library_by_id(library_id).await? {
            self.announce(Change::LibraryChanged { app_id: library.app_id, library_id });
        }
        Ok(())
    }

    /// Inserts an entry with its picture.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the recognitions of the library are not logged, or if somebody who matches is not there any
    /// more.
    pub async fn insert_recognition(
        &mut self,
        new: NewRecognition,
        picture: PictureName,
    ) -> Result<RecognitionEntryId> {
        let logging = self.recognition_logging(new.library_id).await?;
        if !logging.is_some_and(|logging| logging.enabled) {
            return Err(Error::NotFound);
        }
        let query = sql::query_scalar(
            "INSERT INTO recognition_entry (library_id, time, picture_key, is_known) VALUES ($1, $2, $3, $4) RETURNING id",
        );
        let query = query.bind(new.library_id).bind(new.time).bind(picture.key.as_str()).bind(!new.matches.is_empty());
        let id = query.fetch_one(&mut *self.db).await.map_err(missing_parent)?;
        self.insert_matches(id, new.library_id, &new.matches).await?;
        Ok(id)
    }

    /// Notes who the unknown face of an entry is.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the entry or the person does not exist; [`Error::Exists`] if somebody matches already.
    pub async fn name_recognition(
        &mut self,
        library_id: LibraryId,
        id: RecognitionEntryId,
        person: NewRecognitionMatch,
    ) -> Result<()> {
        let entry = self.recognition(library_id, id).await?.ok_or(Error::NotFound)?;
        if !entry.matches.is_empty() {
            return Err(Error::Exists);
        }
        sql::query("UPDATE recognition_entry SET is_known = 1 WHERE id = $1").bind(id).execute(&mut *self.db).await?;
        self.insert_matches(id, library_id, &[person]).await
    }

    async fn insert_matches(
        &mut self,
        id: RecognitionEntryId,
        library_id: LibraryId,
        matches: &[NewRecognitionMatch],
    ) -> Result<()> {
        for (rank, found) in matches.iter().enumerate() {
            let query = sql::query(
                "INSERT INTO recognition_match (entry_id, rank, person_id, face_id, similarity)
                 SELECT $1, $2, id, $4, $5 FROM person WHERE id = $3 AND library_id = $6",
            );
            let query = query.bind(id).bind(saturating_i64(rank as u64)).bind(found.person_id).bind(found.face_id);
            let inserted = query.bind(found.similarity).bind(library_id).execute(&mut *self.db).await?;
            if inserted.rows_affected() == 0 {
                return Err(Error::NotFound);
            }
        }
        Ok(())
    }

    /// Deletes the entries that name a person, with their pictures.
    pub(super) async fn delete_recognitions_of(&mut self, person_id: PersonId, at: UnixMillis) -> Result<()> {
        self.suspect_pictures(OF_NAMED_PERSON, person_id, at).await?;
        let query = sql::query(
            "DELETE FROM recognition_entry WHERE id IN (SELECT entry_id FROM recognition_match WHERE person_id = $1)",
        );
        query.bind(person_id).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Names another person in the entries that name one; who is named already is named once.
    pub(super) async fn rename_in_recognitions(&mut self, from: PersonId, to: PersonId) -> Result<()> {
        let query = sql::query(
            "DELETE FROM recognition_match
             WHERE person_id = $1 AND entry_id IN (SELECT entry_id FROM recognition_match WHERE person_id = $2)",
        );
        query.bind(from).bind(to).execute(&mut *self.db).await?;
        let query = sql::query("UPDATE recognition_match SET person_id = $2 WHERE person_id = $1");
        query.bind(from).bind(to).execute(&mut *self.db).await?;
        Ok(())
    }

    /// Deletes entries with their pictures; returns their number.
    pub async fn delete_recognitions(&mut self, ids: &[RecognitionEntryId], at: UnixMillis) -> Result<u64> {
        let ids = numbers(ids);
        self.suspect_pictures(OF_RECOGNITIONS, ids.clone(), at).await?;
        let query = sql::query("DELETE FROM recognition_entry WHERE id IN (SELECT value FROM json_each($1))");
        Ok(query.bind(ids).execute(&mut *self.db).await?.rows_affected())
    }
}

impl FromRow for Recognition {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            library_id: row.try_get("library_id")?,
            time: row.try_get("time")?,
            picture_key: row.try_get("picture_key")?,
            matches: Vec::new(),
        })
    }
}

impl FromRow for RecognitionMatch {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let (person, face_id): (PublicId, FaceId) = (row.try_get("public_id")?, row.try_get("face_id")?);
        Ok(Self { person, face_id, similarity: row.try_get("similarity")? })
    }
}
