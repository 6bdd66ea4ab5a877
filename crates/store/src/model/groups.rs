//! Groups of a library's people, groups of devices, and which devices are to know which people.

use aicp_types::{GroupId, LibraryId, SyncRelationId, UnixMillis};
/// What a group is a group of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupKind {
    /// People of the library.
    Users,
    /// Devices.
    Devices,
}

/// A group, as it comes from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Row id, unique among groups of its kind; never reused.
    pub id: GroupId,
    /// Row id of the library.
    pub library_id: LibraryId,
    /// Unique among the groups of its kind in the library.
    pub name: String,
    /// Milliseconds since the epoch.
    pub modified_at: UnixMillis,
}

/// What names a device inside a library.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceName {
    /// The product that it is one of.
    pub product_key: String,
    /// Its name among those of the product.
    pub device_name: String,
    /// Where it is registered; empty if that is not said.
    pub instance_id: String,
}

/// That a group of devices is to know a group of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRelation {
    /// Row id; never reused.
    pub id: SyncRelationId,
    /// Row id of the library.
    pub library_id: LibraryId,
    /// Row id of the group of people.
    pub user_group_id: GroupId,
    /// Row id of the group of devices.
    pub device_group_id: GroupId,
    /// What they are to know of them; free text of the caller.
    pub kind: String,
    /// Milliseconds since the epoch.
    pub modified_at: UnixMillis,
}
