//! The log of events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use aicp_types::{EventId, LibraryId, UnixMillis};

use super::convert::{ROWS_PER_STATEMENT, saturating_i64, texts};
use crate::sql::{self, DatabaseError, FromRow, QueryBuilder, Row};
use crate::{Event, EventFilter, EventKind, NewEvent, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the id of the last event; 0 before the first.
    pub async fn last_event(&mut self) -> Result<EventId> {
        let query = sql::query_scalar("SELECT COALESCE(MAX(id), 0) FROM event");
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns the id of the first event that is kept. The last event is always kept.
    pub async fn first_event(&mut self) -> Result<Option<EventId>> {
        let query = sql::query_scalar("SELECT MIN(id) FROM event");
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns an event.
    pub async fn event(&mut self, id: EventId) -> Result<Option<Event>> {
        let query = sql::query_as("SELECT * FROM event WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the events of a filter with ids in `(after, up_to]`, at most `limit`: the first of them, or the last with
    /// `newest_first`.
    pub async fn events_after(
        &mut self,
        filter: &EventFilter,
        after: EventId,
        up_to: EventId,
        newest_first: bool,
        limit: u64,
    ) -> Result<Vec<Event>> {
        let mut query = QueryBuilder::new("SELECT * FROM event WHERE id > ");
        query.push_bind(after).push(" AND id <= ").push_bind(up_to);
        if let Some(app_id) = &filter.app_id {
            query.push(" AND app_id = ").push_bind(app_id);
        }
        if let Some(kinds) = &filter.kinds {
            let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
            query.push(" AND kind IN (SELECT value FROM json_each(").push_bind(texts(&names)).push("))");
        }
        if let Some(library_id) = filter.library_id {
            query.push(" AND library_id = ").push_bind(library_id);
        }
        if let Some(from) = filter.from {
            query.push(" AND time >= ").push_bind(from);
        }
        if let Some(to) = filter.to {
            query.push(" AND time < ").push_bind(to);
        }
        query.push(if newest_first { " ORDER BY id DESC LIMIT " } else { " ORDER BY id LIMIT " });
        query.push_bind(saturating_i64(limit));
        Ok(query.build_query_as().fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Records an event with what the transaction writes. Events of hidden libraries, and of libraries that don't exist,
    /// are left out unless the event names its app.
    pub fn record_event(&mut self, event: NewEvent) {
        self.effects.events.push(event);
    }

    /// Inserts an event at once and returns its id.
    pub async fn insert_event(&mut self, event: NewEvent) -> Result<EventId> {
        let query = sql::query_scalar(
            "INSERT INTO event (time, kind, app_id, library_id, data) VALUES ($1, $2, $3, $4, $5) RETURNING id",
        );
        let data = serde_json::to_string(&event.data).map_err(DatabaseError::decode)?;
        let query = query.bind(event.time).bind(event.data.kind().name()).bind(event.app_id).bind(event.library_id);
        let id = query.bind(data).fetch_one(&mut *self.db).await?;
        self.effects.has_events = true;
        Ok(id)
    }

    /// Writes the recorded events.
    pub(crate) async fn write_events(&mut self) -> Result<(), DatabaseError> {
        let events = std::mem::take(&mut self.effects.events);
        if events.is_empty() {
            return Ok(());
        }
        let mut apps: HashMap<LibraryId, Option<String>> = HashMap::new();
        let mut complete = Vec::with_capacity(events.len());
        for mut event in events {
            if let (None, Some(library_id)) = (&event.app_id, event.library_id) {
                let app_id = match apps.entry(library_id) {
                    Entry::Occupied(known) => known.get().clone(),
                    Entry::Vacant(unknown) => {
                        let query = sql::query_scalar("SELECT app_id FROM library WHERE id = $1 AND hidden = 0");
                        unknown.insert(query.bind(library_id).fetch_optional(&mut *self.db).await?).clone()
                    }
                };
                let Some(app_id) = app_id else { continue };
                event.app_id = Some(app_id);
            }
            complete.push(event);
        }
        for events in complete.chunks(ROWS_PER_STATEMENT) {
            let mut insert = QueryBuilder::new("INSERT INTO event (time, kind, app_id, library_id, data) ");
            let mut failure = None;
            insert.push_values(events, |mut row, event| {
                let data = serde_json::to_string(&event.data).map_err(|e| failure = Some(DatabaseError::decode(e)));
                row.push_bind(event.time).push_bind(event.data.kind().name()).push_bind(event.app_id.as_deref());
                row.push_bind(event.library_id).push_bind(data.unwrap_or_default());
            });
            if let Some(failure) = failure {
                return Err(failure);
            }
            insert.build().execute(&mut *self.db).await?;
            self.effects.has_events = true;
        }
        Ok(())
    }

    /// Deletes events from before a time, and those with ids up to `up_to`: at most `limit`, the oldest first, and never the
    /// last one. Returns their number.
    pub async fn delete_events(&mut self, before: Option<UnixMillis>, up_to: EventId, limit: u64) -> Result<u64> {
        let query = sql::query(
            "DELETE FROM event WHERE id < (SELECT MAX(id) FROM event) AND id IN (
                SELECT id FROM (SELECT id, time FROM event ORDER BY id LIMIT $3) AS oldest
                WHERE time < $1 OR id <= $2)",
        );
        let deleted = query.bind(before).bind(up_to).bind(saturating_i64(limit)).execute(&mut *self.db).await?;
        Ok(deleted.rows_affected())
    }
}

impl FromRow for Event {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            time: row.try_get("time")?,
            app_id: row.try_get("app_id")?,
            library_id: row.try_get("library_id")?,
            data: serde_json::from_str(row.try_get("data")?).map_err(DatabaseError::decode)?,
        })
    }
}

/// Reads the name of a kind of event.
pub(super) fn kind_from_name(name: &str) -> sql::Result<EventKind> {
    EventKind::named(name).ok_or_else(|| DatabaseError::decode(format!("{name} is no kind of event")))
}
