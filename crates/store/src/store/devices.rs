//! Devices, their groups, and their relations to groups of people.

use aicp_types::{DeviceId, GroupId, LibraryId, PersonId, SyncRelationId, UnixMillis};

use super::Store;
use crate::{DeviceName, Group, Page, Result, SyncRelation};

impl Store {
    /// Returns the id of a device of a library.
    pub async fn device(&self, library_id: LibraryId, name: &DeviceName) -> Result<Option<DeviceId>> {
        self.shared.database.device(library_id, name).await
    }

    /// Adds a device to a group of the library; creates the device if it does not exist. A device that is in the group
    /// already is fine.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if library or group does not exist.
    pub async fn add_to_device_group(&self, library_id: LibraryId, group: GroupId, name: DeviceName) -> Result<()> {
        self.write(move |shared| async move { shared.database.add_to_device_group(library_id, group, name).await })
            .await
    }

    /// Removes a device from a group; the device itself stays.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the device is not in it.
    pub async fn remove_from_device_group(&self, group: GroupId, device_id: DeviceId) -> Result<()> {
        self.write(move |shared| async move { shared.database.remove_from_device_group(group, device_id).await }).await
    }

    /// Returns the number of groups that a device is in, and a page of them, oldest first.
    pub async fn groups_of_device(&self, device_id: DeviceId, page: Page) -> Result<(u64, Vec<Group>)> {
        self.shared.database.groups_of_device(device_id, page).await
    }

    /// Returns whether a person has a face, and one of their groups is related to a group of the device.
    pub async fn is_on_device(&self, person_id: PersonId, device_id: DeviceId) -> Result<bool> {
        self.shared.database.is_on_device(person_id, device_id).await
    }

    /// Relates a group of people to a group of devices; an existing relation is updated.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library or a group does not exist.
    pub async fn create_sync_relation(
        &self,
        library_id: LibraryId,
        user_group_id: GroupId,
        device_group_id: GroupId,
        kind: &str,
        modified_at: UnixMillis,
    ) -> Result<SyncRelation> {
        let kind = kind.to_owned();
        self.write(move |shared| async move {
            let database = &shared.database;
            database.create_sync_relation(library_id, user_group_id, device_group_id, kind, modified_at).await
        })
        .await
    }

    /// Returns a relation of a library by row id.
    pub async fn sync_relation(&self, library_id: LibraryId, id: SyncRelationId) -> Result<Option<SyncRelation>> {
        self.shared.database.sync_relation(library_id, id).await
    }

    /// Returns the number of relations of a library, and a page of them, oldest first.
    pub async fn sync_relations(&self, library_id: LibraryId, page: Page) -> Result<(u64, Vec<SyncRelation>)> {
        self.shared.database.sync_relations(library_id, page).await
    }

    /// Updates a relation.
    pub async fn update_sync_relation(&self, id: SyncRelationId, kind: &str, modified_at: UnixMillis) -> Result<()> {
        let kind = kind.to_owned();
        self.write(move |shared| async move { shared.database.update_sync_relation(id, kind, modified_at).await }).await
    }

    /// Removes a relation; the groups stay.
    pub async fn delete_sync_relation(&self, id: SyncRelationId) -> Result<()> {
        self.write(move |shared| async move { shared.database.delete_sync_relation(id).await }).await
    }
}
