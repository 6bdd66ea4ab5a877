//! Devices, their groups, and their relations to groups of people.

use aicp_types::{DeviceId, GroupId, LibraryId, PersonId, SyncRelationId, UnixMillis};

use super::groups::found;
use super::libraries::missing_parent;
use crate::sql::{self, FromRow, Row};
use crate::{DeviceName, Group, Page, Result, Rows, SyncRelation, Tx};

impl Rows<'_> {
    /// Returns the id of a device of a library.
    pub async fn device(&mut self, library_id: LibraryId, name: &DeviceName) -> Result<Option<DeviceId>> {
        let query = sql::query_scalar(
            "SELECT id FROM device
             WHERE library_id = $1 AND product_key = $2 AND device_name = $3 AND instance_id = $4",
        );
        let query = query.bind(library_id).bind(&name.product_key).bind(&name.device_name).bind(&name.instance_id);
        Ok(query.fetch_optional(&mut *self.db).await?)
    }

    /// Returns the number of groups that a device is in, and a page of them, oldest first.
    pub async fn groups_of_device(&mut self, device_id: DeviceId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = "SELECT COUNT(*) FROM device_group_member WHERE device_id = $1";
        let rows = "SELECT * FROM device_group WHERE id IN (
                SELECT device_group_id FROM device_group_member WHERE device_id = $1 ORDER BY device_group_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count, rows, device_id, page).await
    }

    /// Returns whether a person has a face, and one of their groups is related to a group of the device.
    pub async fn is_on_device(&mut self, person_id: PersonId, device_id: DeviceId) -> Result<bool> {
        let query = sql::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM face WHERE person_id = $1) AND EXISTS (
                SELECT 1 FROM user_group_member
                JOIN sync_relation ON sync_relation.user_group_id = user_group_member.user_group_id
                JOIN device_group_member ON device_group_member.device_group_id = sync_relation.device_group_id
                WHERE user_group_member.person_id = $1 AND device_group_member.device_id = $2)",
        );
        Ok(query.bind(person_id).bind(device_id).fetch_one(&mut *self.db).await?)
    }

    /// Returns a relation of a library by row id.
    pub async fn sync_relation(&mut self, library_id: LibraryId, id: SyncRelationId) -> Result<Option<SyncRelation>> {
        let query = sql::query_as("SELECT * FROM sync_relation WHERE id = $2 AND library_id = $1");
        Ok(query.bind(library_id).bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the number of relations of a library, and a page of them, oldest first.
    pub async fn sync_relations(&mut self, library_id: LibraryId, page: Page) -> Result<(u64, Vec<SyncRelation>)> {
        let count = "SELECT COUNT(*) FROM sync_relation WHERE library_id = $1";
        let rows = "SELECT * FROM sync_relation WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3";
        self.page(count, rows, library_id, page).await
    }
}

impl Tx {
    /// Returns the id of a device of a library; inserts the device if it is new.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library does not exist.
    pub async fn ensure_device(&mut self, library_id: LibraryId, name: &DeviceName) -> Result<DeviceId> {
        // The update changes nothing; it makes the statement return an existing device.
        let query = sql::query_scalar(
            "INSERT INTO device (library_id, product_key, device_name, instance_id) VALUES ($1, $2, $3, $4)
             ON CONFLICT (library_id, product_key, device_name, instance_id)
             DO UPDATE SET instance_id = excluded.instance_id RETURNING id",
        );
        let query = query.bind(library_id).bind(&name.product_key).bind(&name.device_name).bind(&name.instance_id);
        query.fetch_one(&mut *self.db).await.map_err(missing_parent)
    }

    /// Adds a device to a group; a member is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if group or device does not exist.
    pub async fn add_to_device_group(&mut self, group: GroupId, device_id: DeviceId) -> Result<()> {
        let query = sql::query(
            "INSERT INTO device_group_member (device_group_id, device_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        );
        query.bind(group).bind(device_id).execute(&mut *self.db).await.map_err(missing_parent)?;
        Ok(())
    }

    /// Removes a device from a group; the device itself stays.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the device is not in it.
    pub async fn remove_from_device_group(&mut self, group: GroupId, device_id: DeviceId) -> Result<()> {
        let query = sql::query("DELETE FROM device_group_member WHERE device_group_id = $1 AND device_id = $2");
        found(query.bind(group).bind(device_id).execute(&mut *self.db).await?.rows_affected())
    }

    /// Relates a group of people to a group of devices; an existing relation is updated.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library or a group does not exist.
    pub async fn put_sync_relation(
        &mut self,
        library_id: LibraryId,
        user_group_id: GroupId,
        device_group_id: GroupId,
        kind: &str,
        modified_at: UnixMillis,
    ) -> Result<SyncRelation> {
        let query = sql::query_as(
            "INSERT INTO sync_relation (library_id, user_group_id, device_group_id, kind, modified)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_group_id, device_group_id)
             DO UPDATE SET kind = excluded.kind, modified = excluded.modified RETURNING *",
        );
        let query = query.bind(library_id).bind(user_group_id).bind(device_group_id).bind(kind).bind(modified_at);
        query.fetch_one(&mut *self.db).await.map_err(missing_parent)
    }

    /// Updates a relation.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if it does not exist.
    pub async fn update_sync_relation(
        &mut self,
        id: SyncRelationId,
        kind: &str,
        modified_at: UnixMillis,
    ) -> Result<()> {
        let query = sql::query("UPDATE sync_relation SET kind = $2, modified = $3 WHERE id = $1");
        found(query.bind(id).bind(kind).bind(modified_at).execute(&mut *self.db).await?.rows_affected())
    }

    /// Removes a relation; the groups stay.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if it does not exist.
    pub async fn delete_sync_relation(&mut self, id: SyncRelationId) -> Result<()> {
        let query = sql::query("DELETE FROM sync_relation WHERE id = $1");
        found(query.bind(id).execute(&mut *self.db).await?.rows_affected())
    }
}

impl FromRow for SyncRelation {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            library_id: row.try_get("library_id")?,
            user_group_id: row.try_get("user_group_id")?,
            device_group_id: row.try_get("device_group_id")?,
            kind: row.try_get("kind")?,
            modified_at: row.try_get("modified")?,
        })
    }
}
