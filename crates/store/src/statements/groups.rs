//! Groups of people and of devices.

use aicp_types::{GroupId, LibraryId, PersonId, UnixMillis};

use super::libraries::missing_parent;
use crate::sql::{self, FromRow, Row};
use crate::{Error, Group, GroupKind, Page, Person, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns a group of a library.
    pub async fn group(&mut self, kind: GroupKind, library_id: LibraryId, group: GroupId) -> Result<Option<Group>> {
        let query = format!("SELECT * FROM {} WHERE id = $1 AND library_id = $2", table(kind));
        let query = sql::query_as(query).bind(group).bind(library_id);
        Ok(query.fetch_optional(&mut *self.db).await?)
    }

    /// Returns the number of a library's groups of a kind, and a page of them, oldest first.
    pub async fn groups(&mut self, kind: GroupKind, library_id: LibraryId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = format!("SELECT COUNT(*) FROM {} WHERE library_id = $1", table(kind));
        let rows = format!("SELECT * FROM {} WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3", table(kind));
        self.page(count, rows, library_id, page).await
    }

    /// Returns the number of groups that a person is in, and a page of them, oldest first.
    pub async fn groups_of_person(&mut self, person_id: PersonId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = "SELECT COUNT(*) FROM user_group_member WHERE person_id = $1";
        let rows = "SELECT * FROM user_group WHERE id IN (
                SELECT user_group_id FROM user_group_member WHERE person_id = $1 ORDER BY user_group_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count, rows, person_id, page).await
    }

    /// Returns the number of people in a group, and a page of them by row id.
    pub async fn people_of_group(&mut self, group: GroupId, page: Page) -> Result<(u64, Vec<Person>)> {
        let count = "SELECT COUNT(*) FROM user_group_member WHERE user_group_id = $1";
        let rows = "SELECT * FROM person WHERE id IN (
                SELECT person_id FROM user_group_member WHERE user_group_id = $1 ORDER BY person_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count, rows, group, page).await
    }
}

impl Tx {
    /// Creates a group.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist; [`Error::Exists`] if it has a group of that kind and name.
    pub async fn insert_group(
        &mut self,
        kind: GroupKind,
        library_id: LibraryId,
        name: &str,
        modified_at: UnixMillis,
    ) -> Result<Group> {
        let query = sql::query_as(format!(
            "INSERT INTO {} (library_id, name, modified) VALUES ($1, $2, $3)
             ON CONFLICT (library_id, name) DO NOTHING RETURNING *",
            table(kind)
        ));
        let inserted = query.bind(library_id).bind(name).bind(modified_at).fetch_optional(&mut *self.db).await;
        inserted.map_err(missing_parent)?.ok_or(Error::Exists)
    }

    /// Deletes a group with its relations. Its members stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it does not exist.
    pub async fn delete_group(&mut self, kind: GroupKind, group: GroupId) -> Result<()> {
        let query = sql::query(format!("DELETE FROM {} WHERE id = $1", table(kind)));
        found(query.bind(group).execute(&mut *self.db).await?.rows_affected())
    }

    /// Adds a person to a group; a member is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`] if group or person does not exist.
    pub async fn add_to_user_group(&mut self, group: GroupId, person_id: PersonId) -> Result<()> {
        let query = sql::query(
            "INSERT INTO user_group_member (user_group_id, person_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        );
        query.bind(group).bind(person_id).execute(&mut *self.db).await.map_err(missing_parent)?;
        Ok(())
    }

    /// Removes a person from a group; the person stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person is not in it.
    pub async fn remove_from_user_group(&mut self, group: GroupId, person_id: PersonId) -> Result<()> {
        let query = sql::query("DELETE FROM user_group_member WHERE user_group_id = $1 AND person_id = $2");
        found(query.bind(group).bind(person_id).execute(&mut *self.db).await?.rows_affected())
    }
}

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

/// Returns [`Error::NotFound`] if a statement changed no row.
pub(super) fn found(rows: u64) -> Result<()> {
    if rows == 0 { Err(Error::NotFound) } else { Ok(()) }
}
