//! Devices that are to know users: in groups, each related to groups of users.
//!
//! No device is talked to from here: what a device is to know is asked for.

use crate::{DeviceName, Error, Group, GroupKind, Library, Person, Platform, Result, SyncRelation};
use aicp_store::Page;
use aicp_types::{DeviceId, SyncRelationId};

impl Platform {
    /// Deletes a group of devices with its relations; the devices stay known.
    ///
    /// # Errors
    /// [`Error::NoGroup`].
    pub async fn remove_device_group(&self, group: &Group) -> Result<()> {
        self.inner.store.delete_group(GroupKind::Devices, group.id).await.map_err(Error::or_no_group)
    }

    /// Puts a device into a group, which makes it known to the library. One that is in it already is fine.
    ///
    /// # Errors
    /// [`Error::NoGroup`].
    pub async fn put_into_device_group(&self, group: &Group, device: DeviceName) -> Result<()> {
        self.inner.store.add_to_device_group(group.library_id, group.id, device).await.map_err(Error::or_no_group)
    }

    /// Takes a device out of a group; it stays known.
    ///
    /// # Errors
    /// [`Error::NoDevice`], [`Error::NotInGroup`].
    pub async fn take_out_of_device_group(&self, library: &Library, group: &Group, device: &DeviceName) -> Result<()> {
        let device_id = self.device(library, device).await?;
        self.inner.store.remove_from_device_group(group.id, device_id).await.map_err(Error::or_not_in_group)
    }

    /// The number of a device that a library knows. One that was made known without an instance is found under any that
    /// has no device of its own.
    ///
    /// # Errors
    /// [`Error::NoDevice`].
    pub async fn device(&self, library: &Library, device: &DeviceName) -> Result<DeviceId> {
        let store = &self.inner.store;
        if let Some(id) = store.device(library.id, device).await? {
            return Ok(id);
        }
        let anywhere = DeviceName { instance_id: String::new(), ..device.clone() };
        store.device(library.id, &anywhere).await?.ok_or(Error::NoDevice)
    }

    /// How many groups a device is in, and a page of them, in the order in which they were
    /// made.
    ///
    /// # Errors
    /// [`Error::NoDevice`].
    pub async fn groups_of_device(
        &self,
        library: &Library,
        device: &DeviceName,
        page: Page,
    ) -> Result<(u64, Vec<Group>)> {
        let device_id = self.device(library, device).await?;
        Ok(self.inner.store.groups_of_device(device_id, page).await?)
    }

    /// Whether a device is to know a user: the user has a picture, and one of their groups is related to one of the
    /// device's.
    ///
    /// # Errors
    /// [`Error::NoDevice`].
    pub async fn is_on_device(&self, library: &Library, person: &Person, device: &DeviceName) -> Result<bool> {
        let device_id = self.device(library, device).await?;
        Ok(self.inner.store.is_on_device(person.id, device_id).await?)
    }

    /// Relates a group of users to one of devices. If they are related already, that relation is changed.
    ///
    /// # Errors
    /// [`Error::NoGroup`] if one of the two is gone.
    pub async fn relate(&self, users: &Group, devices: &Group, kind: &str) -> Result<SyncRelation> {
        let related = self.inner.store.create_sync_relation(users.library_id, users.id, devices.id, kind, self.now());
        related.await.map_err(Error::or_no_group)
    }

    /// A relation of a library by its number.
    ///
    /// # Errors
    /// [`Error::NoRelation`].
    pub async fn relation(&self, library: &Library, id: SyncRelationId) -> Result<SyncRelation> {
        self.inner.store.sync_relation(library.id, id).await?.ok_or(Error::NoRelation)
    }

    /// How many relations a library has, and a page of them, in the order in which they were
    /// made.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn relations(&self, library: &Library, page: Page) -> Result<(u64, Vec<SyncRelation>)> {
        Ok(self.inner.store.sync_relations(library.id, page).await?)
    }

    /// Changes a relation, and returns it as it is from then on.
    ///
    /// # Errors
    /// [`Error::NoRelation`].
    pub async fn change_relation(&self, relation: SyncRelation, kind: &str) -> Result<SyncRelation> {
        let modified_at = self.now();
        let changed = self.inner.store.update_sync_relation(relation.id, kind, modified_at).await;
        changed.map_err(Error::or_no_relation)?;
        Ok(SyncRelation { kind: kind.to_owned(), modified_at, ..relation })
    }

    /// Deletes a relation; the groups stay.
    ///
    /// # Errors
    /// [`Error::NoRelation`].
    pub async fn remove_relation(&self, relation: &SyncRelation) -> Result<()> {
        self.inner.store.delete_sync_relation(relation.id).await.map_err(Error::or_no_relation)
    }
}
