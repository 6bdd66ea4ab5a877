//! Groups of a library's people, groups of devices, and the relations that say which devices know which people.

use aicp_types::{GroupId, LibraryId, SyncRelationId, UnixMillis};
/// Kind of the members of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// People of the library.
    Users,
    /// Devices.
    Devices,
}

/// A stored group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Row id, unique among groups of its kind; never reused.
    pub id: GroupId,
    /// Library that the group belongs to.
    pub library_id: LibraryId,
    /// Name, unique among the groups of its kind in the library.
    pub name: String,
    /// When the group was last modified.
    pub modified_at: UnixMillis,
}

/// Identity of a device in a library.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceName {
    /// Key of the device's product.
    pub product_key: String,
    /// Name of the device, unique in the product.
    pub device_name: String,
    /// Instance where the device is registered; empty if unknown.
    pub instance_id: String,
}

/// Relation by which a group of devices is to know a group of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRelation {
    /// Row id; never reused.
    pub id: SyncRelationId,
    /// Library that the relation belongs to.
    pub library_id: LibraryId,
    /// The group of people.
    pub user_group_id: GroupId,
    /// The group of devices.
    pub device_group_id: GroupId,
    /// What the devices are to know of the people; free text of the caller.
    pub kind: String,
    /// When the relation was last modified.
    pub modified_at: UnixMillis,
}
