//! Devices that should hold users: devices are in groups, and each group is related to groups of users.
//!
//! The platform never contacts a device; callers query what it should hold.

use crate::error::or_missing;
use crate::{DeviceName, Group, GroupKind, Library, Missing, Person, Platform, Result, SyncRelation};
use aicp_store::Page;
use aicp_types::{DeviceId, SyncRelationId};

impl Platform {
    /// Deletes a group of devices with its relations. The library still knows the devices.
    ///
    /// # Errors
    /// [`Missing::Group`].
    pub async fn remove_device_group(&self, group: &Group) -> Result<()> {
        let id = group.id;
        let deleted = self
            .inner
            .store
            .remove(move |tx| Box::pin(async move { tx.delete_group(GroupKind::Devices, id).await }))
            .await;
        deleted.map_err(or_missing(Missing::Group))
    }

    /// Adds a device to a group and makes it known to the library. Does nothing if it is in the group already.
    ///
    /// # Errors
    /// [`Missing::Group`].
    pub async fn put_into_device_group(&self, group: &Group, device: DeviceName) -> Result<()> {
        let (library_id, group) = (group.library_id, group.id);
        let put = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let device_id = tx.ensure_device(library_id, &device).await?;
                tx.add_to_device_group(group, device_id).await
            })
        });
        put.await.map_err(or_missing(Missing::Group))
    }

    /// Removes a device from a group. The library still knows it.
    ///
    /// # Errors
    /// [`Missing::Device`], [`Missing::Membership`].
    pub async fn take_out_of_device_group(&self, library: &Library, group: &Group, device: &DeviceName) -> Result<()> {
        let device_id = self.device(library, device).await?;
        let group = group.id;
        let removed = self
            .inner
            .store
            .remove(move |tx| Box::pin(async move { tx.remove_from_device_group(group, device_id).await }))
            .await;
        removed.map_err(or_missing(Missing::Membership))
    }

    /// Returns the row id of a device of a library. An instance without a device of its own falls back to the device
    /// that was registered without an instance.
    ///
    /// # Errors
    /// [`Missing::Device`].
    pub async fn device(&self, library: &Library, device: &DeviceName) -> Result<DeviceId> {
        let store = &self.inner.store;
        let mut rows = store.rows().await?;
        if let Some(id) = rows.device(library.id, device).await? {
            return Ok(id);
        }
        let anywhere = DeviceName { instance_id: String::new(), ..device.clone() };
        rows.device(library.id, &anywhere).await?.ok_or(Missing::Device.into())
    }

    /// Returns the number of groups of a device and a page of them, in order of creation.
    ///
    /// # Errors
    /// [`Missing::Device`].
    pub async fn groups_of_device(
        &self,
        library: &Library,
        device: &DeviceName,
        page: Page,
    ) -> Result<(u64, Vec<Group>)> {
        let device_id = self.device(library, device).await?;
        Ok(self.inner.store.snapshot().await?.groups_of_device(device_id, page).await?)
    }

    /// Whether a device should hold a user: the user has a picture, and one of the user's groups is related to one of
    /// the device's groups.
    ///
    /// # Errors
    /// [`Missing::Device`].
    pub async fn is_on_device(&self, library: &Library, person: &Person, device: &DeviceName) -> Result<bool> {
        let device_id = self.device(library, device).await?;
        Ok(self.inner.store.rows().await?.is_on_device(person.id, device_id).await?)
    }

    /// Relates a group of users to a group of devices. Updates the relation if there is one.
    ///
    /// # Errors
    /// [`Missing::Group`] if either group no longer exists.
    pub async fn relate(&self, users: &Group, devices: &Group, kind: &str) -> Result<SyncRelation> {
        let (library_id, users, devices) = (users.library_id, users.id, devices.id);
        let (kind, now) = (kind.to_owned(), self.now());
        let related = self.inner.store.write(move |tx| {
            Box::pin(async move { tx.put_sync_relation(library_id, users, devices, &kind, now).await })
        });
        related.await.map_err(or_missing(Missing::Group))
    }

    /// Returns a relation of a library by its id.
    ///
    /// # Errors
    /// [`Missing::Relation`].
    pub async fn relation(&self, library: &Library, id: SyncRelationId) -> Result<SyncRelation> {
        self.inner.store.rows().await?.sync_relation(library.id, id).await?.ok_or(Missing::Relation.into())
    }

    /// Returns the number of relations of a library and a page of them, in order of creation.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn relations(&self, library: &Library, page: Page) -> Result<(u64, Vec<SyncRelation>)> {
        Ok(self.inner.store.snapshot().await?.sync_relations(library.id, page).await?)
    }

    /// Changes a relation and returns the new state.
    ///
    /// # Errors
    /// [`Missing::Relation`].
    pub async fn change_relation(&self, relation: SyncRelation, kind: &str) -> Result<SyncRelation> {
        let modified_at = self.now();
        let (id, new_kind) = (relation.id, kind.to_owned());
        let changed = self
            .inner
            .store
            .write(move |tx| Box::pin(async move { tx.update_sync_relation(id, &new_kind, modified_at).await }));
        changed.await.map_err(or_missing(Missing::Relation))?;
        Ok(SyncRelation { kind: kind.to_owned(), modified_at, ..relation })
    }

    /// Deletes a relation; the groups remain.
    ///
    /// # Errors
    /// [`Missing::Relation`].
    pub async fn remove_relation(&self, relation: &SyncRelation) -> Result<()> {
        let id = relation.id;
        let deleted = self.inner.store.remove(move |tx| Box::pin(async move { tx.delete_sync_relation(id).await }));
        deleted.await.map_err(or_missing(Missing::Relation))
    }
}
