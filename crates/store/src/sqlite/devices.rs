//! Devices, their groups, and their relations to groups of people.

use aicp_types::{DeviceId, GroupId, LibraryId, PersonId, SyncRelationId, UnixMillis};

use super::{
    Database,
    groups::{add_member, found, remove_member},
    writes::missing_parent,
};
use crate::sql::{self, FromRow, Row};
use crate::{DeviceName, Group, Page, Result, SyncRelation};

const ADD_DEVICE: &str =
    "INSERT INTO device_group_member (device_group_id, device_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const REMOVE_DEVICE: &str = "DELETE FROM device_group_member WHERE device_group_id = $1 AND device_id = $2";

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

impl Database {
    pub(crate) async fn device(&self, library_id: LibraryId, name: &DeviceName) -> Result<Option<DeviceId>> {
        let query = sql::query_scalar(
            "SELECT id FROM device
             WHERE library_id = $1 AND product_key = $2 AND device_name = $3 AND instance_id = $4",
        );
        let query = query.bind(library_id).bind(&name.product_key).bind(&name.device_name).bind(&name.instance_id);
        Ok(query.fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn add_to_device_group(
        &self,
        library_id: LibraryId,
        group: GroupId,
        name: DeviceName,
    ) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    // The update changes nothing; it makes the statement return an existing device.
                    let device_id: DeviceId = sql::query_scalar(
                        "INSERT INTO device (library_id, product_key, device_name, instance_id)
                         VALUES ($1, $2, $3, $4)
                         ON CONFLICT (library_id, product_key, device_name, instance_id)
                         DO UPDATE SET instance_id = excluded.instance_id RETURNING id",
                    )
                    .bind(library_id)
                    .bind(name.product_key)
                    .bind(name.device_name)
                    .bind(name.instance_id)
                    .fetch_one(&mut tx.connection)
                    .await
                    .map_err(missing_parent)?;
                    add_member(&mut tx.connection, ADD_DEVICE, group, device_id).await
                })
            })
            .await
    }

    pub(crate) async fn remove_from_device_group(&self, group: GroupId, device_id: DeviceId) -> Result<()> {
        self.writer.run(move |tx| Box::pin(remove_member(&mut tx.connection, REMOVE_DEVICE, group, device_id))).await
    }

    pub(crate) async fn groups_of_device(&self, device_id: DeviceId, page: Page) -> Result<(u64, Vec<Group>)> {
        let count = "SELECT COUNT(*) FROM device_group_member WHERE device_id = $1";
        let rows = "SELECT * FROM device_group WHERE id IN (
                SELECT device_group_id FROM device_group_member WHERE device_id = $1 ORDER BY device_group_id LIMIT $2 OFFSET $3)
             ORDER BY id";
        self.page(count.to_owned(), rows.to_owned(), device_id, page).await
    }

    pub(crate) async fn is_on_device(&self, person_id: PersonId, device_id: DeviceId) -> Result<bool> {
        let query = sql::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM face WHERE person_id = $1) AND EXISTS (
                SELECT 1 FROM user_group_member
                JOIN sync_relation ON sync_relation.user_group_id = user_group_member.user_group_id
                JOIN device_group_member ON device_group_member.device_group_id = sync_relation.device_group_id
                WHERE user_group_member.person_id = $1 AND device_group_member.device_id = $2)",
        );
        Ok(query.bind(person_id).bind(device_id).fetch_one(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn create_sync_relation(
        &self,
        library_id: LibraryId,
        user_group_id: GroupId,
        device_group_id: GroupId,
        kind: String,
        modified_at: UnixMillis,
    ) -> Result<SyncRelation> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query_as(
                        "INSERT INTO sync_relation (library_id, user_group_id, device_group_id, kind, modified)
                         VALUES ($1, $2, $3, $4, $5)
                         ON CONFLICT (user_group_id, device_group_id)
                         DO UPDATE SET kind = excluded.kind, modified = excluded.modified RETURNING *",
                    );
                    let query = query.bind(library_id).bind(user_group_id).bind(device_group_id);
                    let inserted = query.bind(kind).bind(modified_at).fetch_one(&mut tx.connection).await;
                    inserted.map_err(missing_parent)
                })
            })
            .await
    }

    pub(crate) async fn sync_relation(
        &self,
        library_id: LibraryId,
        id: SyncRelationId,
    ) -> Result<Option<SyncRelation>> {
        let query = sql::query_as("SELECT * FROM sync_relation WHERE id = $2 AND library_id = $1");
        Ok(query.bind(library_id).bind(id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn sync_relations(&self, library_id: LibraryId, page: Page) -> Result<(u64, Vec<SyncRelation>)> {
        let count = "SELECT COUNT(*) FROM sync_relation WHERE library_id = $1";
        let rows = "SELECT * FROM sync_relation WHERE library_id = $1 ORDER BY id LIMIT $2 OFFSET $3";
        self.page(count.to_owned(), rows.to_owned(), library_id, page).await
    }

    pub(crate) async fn update_sync_relation(
        &self,
        id: SyncRelationId,
        kind: String,
        modified_at: UnixMillis,
    ) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query("UPDATE sync_relation SET kind = $2, modified = $3 WHERE id = $1");
                    let query = query.bind(id).bind(kind).bind(modified_at);
                    found(query.execute(&mut tx.connection).await?.rows_affected())
                })
            })
            .await
    }

    pub(crate) async fn delete_sync_relation(&self, id: SyncRelationId) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query("DELETE FROM sync_relation WHERE id = $1").bind(id);
                    found(query.execute(&mut tx.connection).await?.rows_affected())
                })
            })
            .await
    }
}
