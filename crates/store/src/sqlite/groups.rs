//! Groups of people and of devices.

use aicp_types::{GroupId, LibraryId, PersonId, UnixMillis};

use super::{Database, writes::missing_parent};
use crate::sql::{self, Connection, FromRow, Row, Value};
use crate::{Error, Group, GroupKind, Page, Person, Result};

impl FromRow for Group {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            library_id: row.try_get("library_id")?,
            name: row.try_get("name")?,
            modified_at: row.try_get("modified")?,
        })
    }
}

/// Returns the table of a kind of groups.
fn table(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Users => "user_group",
        GroupKind::Devices => "device_group",
    }
}

impl Database {
    pub(crate) async fn create_group(
        &self,
        kind: GroupKind,
        library_id: LibraryId,
        name: String,
        modified_at: UnixMillis,
    ) -> Result<Group> {
        let insert = format!(
            "INSERT INTO {} (library_id, name, modified) VALUES ($1, $2, $3)
             ON CONFLICT (library_id, name) DO NOTHING RETURNING *",
            table(kind)
        );
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query_as(insert).bind(library_id).bind(name).bind(modified_at);
                    let inserted = query.fetch_optional(&mut tx.connection).await;
                    inserted.map_err(missing_parent)?.ok_or(Error::Exists)
                })
            })
            .await
    }

    pub(crate) async fn group(&self, kind: GroupKind, library_id: LibraryId, group: GroupId) -> Result<Option<Group>> {
        let query = format!("SELECT * FROM {} WHERE id = $1 AND library_id = $2", table(kind));
        let query = sql::query_as(query).bind(group).bind(library_id);
        Ok(query.fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn groups(&self, kind: GroupKind, library_id: LibraryId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = format!("SELECT COUNT(*) FROM {} WHERE library_id = $1", table(kind));
        let rows = format!("SELECT * FROM {} WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3", table(kind));
        self.page(count, rows, library_id, page).await
    }

    pub(crate) async fn delete_group(&self, kind: GroupKind, group: GroupId) -> Result<()> {
        let delete = format!("DELETE FROM {} WHERE id = $1", table(kind));
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query(delete).bind(group);
                    found(query.execute(&mut tx.connection).await?.rows_affected())
                })
            })
            .await
    }

    pub(crate) async fn delete_empty_user_group(&self, group: GroupId) -> Result<bool> {
        let has_members = "SELECT EXISTS (SELECT 1 FROM user_group_member WHERE user_group_id = $1)";
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query_scalar(has_members).bind(group);
                    if query.fetch_one(&mut tx.connection).await? {
                        return Ok(false);
                    }
                    let query = sql::query("DELETE FROM user_group WHERE id = $1").bind(group);
                    found(query.execute(&mut tx.connection).await?.rows_affected()).map(|()| true)
                })
            })
            .await
    }

    pub(crate) async fn add_to_user_group(&self, group: GroupId, person_id: PersonId) -> Result<()> {
        self.writer.run(move |tx| Box::pin(add_member(&mut tx.connection, ADD_PERSON, group, person_id))).await
    }

    pub(crate) async fn remove_from_user_group(&self, group: GroupId, person_id: PersonId) -> Result<()> {
        self.writer.run(move |tx| Box::pin(remove_member(&mut tx.connection, REMOVE_PERSON, group, person_id))).await
    }

    pub(crate) async fn groups_of_person(&self, person_id: PersonId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = "SELECT COUNT(*) FROM user_group_member WHERE person_id = $1";
        let rows = "SELECT * FROM user_group WHERE id IN (
                SELECT user_group_id FROM user_group_member WHERE person_id = $1 ORDER BY user_group_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count.to_owned(), rows.to_owned(), person_id, page).await
    }

    pub(crate) async fn people_of_group(&self, group: GroupId, page: Page) -> Result<(u64, Vec<Person>)> {
        let count = "SELECT COUNT(*) FROM user_group_member WHERE user_group_id = $1";
        let rows = "SELECT * FROM person WHERE id IN (
                SELECT person_id FROM user_group_member WHERE user_group_id = $1 ORDER BY person_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count.to_owned(), rows.to_owned(), group, page).await
    }

    /// Reads a count and a page of the rows that belong to `owner`, from one state of the database.
    pub(super) async fn page<T: FromRow + Send>(
        &self,
        count: String,
        rows: String,
        owner: impl Into<Value> + Copy + Send + 'static,
        page: Page,
    ) -> Result<(u64, Vec<T>)> {
        let mut reader = self.readers.get().await?;
        let mut snapshot = reader.begin().await?;
        let count = sql::query_scalar(count).bind(owner).fetch_one(&mut *snapshot).await?;
        let rows = sql::query_as(rows).bind(owner).bind(page.limit()).bind(page.offset());
        Ok((count, rows.fetch_all(&mut *snapshot).await?))
    }
}

const ADD_PERSON: &str =
    "INSERT INTO user_group_member (user_group_id, person_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const REMOVE_PERSON: &str = "DELETE FROM user_group_member WHERE user_group_id = $1 AND person_id = $2";

/// Adds a member to a group; an existing member is fine.
pub(super) async fn add_member(
    db: &mut dyn Connection,
    insert: &'static str,
    group: GroupId,
    member: impl Into<Value> + Copy + Send + 'static,
) -> Result<()> {
    sql::query(insert).bind(group).bind(member).execute(db).await.map_err(missing_parent)?;
    Ok(())
}

/// Removes a member from a group.
pub(super) async fn remove_member(
    db: &mut dyn Connection,
    delete: &'static str,
    group: GroupId,
    member: impl Into<Value> + Copy + Send + 'static,
) -> Result<()> {
    found(sql::query(delete).bind(group).bind(member).execute(db).await?.rows_affected())
}

/// Returns [`Error::NotFound`] if a statement changed no row.
pub(super) fn found(rows: u64) -> Result<()> {
    if rows == 0 { Err(Error::NotFound) } else { Ok(()) }
}
