//! The actions of the interface, and the capability that each requires.

use aicp_platform::Area;

/// Action of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the interface's own names")]
pub(super) enum Action {
    AddFaceUser,
    UpdateFaceUser,
    DeleteFaceUser,
    QueryFaceUser,
    QueryFaceUserBatch,
    QueryFaceUserByName,
    QueryFaceUserIdByCustomUserId,
    QueryFaceCustomUserIdByUserId,
    AddFaceUserPicture,
    DeleteFaceUserPicture,
    AddFaceUserGroup,
    DeleteFaceUserGroup,
    AddFaceUserToUserGroup,
    RemoveFaceUserFromUserGroup,
    QueryFaceUserGroup,
    QueryFaceAllUserGroup,
    QueryFaceAllUserIdsByGroupId,
    AddFaceDeviceGroup,
    DeleteFaceDeviceGroup,
    QueryFaceAllDeviceGroup,
    AddFaceDeviceToDeviceGroup,
    RemoveFaceDeviceFromDeviceGroup,
    QueryFaceDeviceGroupsByDevice,
    CheckFaceUserDoExistOnDevice,
    ClearFaceDeviceDb,
    AddRelation,
    UpdateRelation,
    DeleteRelation,
    QueryRelation,
    QueryAllRelation,
    DetectUserFaceByUrl,
}

/// Table entry of an action.
#[derive(Debug)]
pub(super) struct Entry {
    pub action: Action,
    /// Name on the wire.
    pub name: &'static str,
    /// Name in the call log.
    pub label: &'static str,
    /// Capability that the app must have been granted.
    pub area: Area,
}

const fn of_people(action: Action, name: &'static str, label: &'static str) -> Entry {
    Entry { action, name, label, area: Area::People }
}

static ENTRIES: [Entry; 31] = [
    of_people(Action::AddFaceUser, "AddFaceUser", "添加人脸用户"),
    of_people(Action::UpdateFaceUser, "UpdateFaceUser", "更新人脸用户"),
    of_people(Action::DeleteFaceUser, "DeleteFaceUser", "删除人脸用户"),
    of_people(Action::QueryFaceUser, "QueryFaceUser", "查询人脸用户"),
    of_people(Action::QueryFaceUserBatch, "QueryFaceUserBatch", "批量查询人脸用户"),
    of_people(Action::QueryFaceUserByName, "QueryFaceUserByName", "按名称查询人脸用户"),
    of_people(Action::QueryFaceUserIdByCustomUserId, "QueryFaceUserIdByCustomUserId", "查询用户ID"),
    of_people(Action::QueryFaceCustomUserIdByUserId, "QueryFaceCustomUserIdByUserId", "查询自定义用户ID"),
    of_people(Action::AddFaceUserPicture, "AddFaceUserPicture", "添加人脸图片"),
    of_people(Action::DeleteFaceUserPicture, "DeleteFaceUserPicture", "删除人脸图片"),
    of_people(Action::AddFaceUserGroup, "AddFaceUserGroup", "添加用户组"),
    of_people(Action::DeleteFaceUserGroup, "DeleteFaceUserGroup", "删除用户组"),
    of_people(Action::AddFaceUserToUserGroup, "AddFaceUserToUserGroup", "用户加入用户组"),
    of_people(Action::RemoveFaceUserFromUserGroup, "RemoveFaceUserFromUserGroup", "用户移出用户组"),
    of_people(Action::QueryFaceUserGroup, "QueryFaceUserGroup", "查询用户所在组"),
    of_people(Action::QueryFaceAllUserGroup, "QueryFaceAllUserGroup", "查询全部用户组"),
    of_people(Action::QueryFaceAllUserIdsByGroupId, "QueryFaceAllUserIdsByGroupId", "查询用户组成员"),
    of_people(Action::AddFaceDeviceGroup, "AddFaceDeviceGroup", "添加设备组"),
    of_people(Action::DeleteFaceDeviceGroup, "DeleteFaceDeviceGroup", "删除设备组"),
    of_people(Action::QueryFaceAllDeviceGroup, "QueryFaceAllDeviceGroup", "查询全部设备组"),
    of_people(Action::AddFaceDeviceToDeviceGroup, "AddFaceDeviceToDeviceGroup", "设备加入设备组"),
    of_people(Action::RemoveFaceDeviceFromDeviceGroup, "RemoveFaceDeviceFromDeviceGroup", "设备移出设备组"),
    of_people(Action::QueryFaceDeviceGroupsByDevice, "QueryFaceDeviceGroupsByDevice", "查询设备所在组"),
    of_people(Action::CheckFaceUserDoExistOnDevice, "CheckFaceUserDoExistOnDevice", "查询用户是否下发"),
    of_people(Action::ClearFaceDeviceDb, "ClearFaceDeviceDB", "清空设备人脸库"),
    of_people(Action::AddRelation, "AddFaceUserGroupAndDeviceGroupRelation", "添加同步关系"),
    of_people(Action::UpdateRelation, "UpdateFaceUserGroupAndDeviceGroupRelation", "更新同步关系"),
    of_people(Action::DeleteRelation, "DeleteFaceUserGroupAndDeviceGroupRelation", "删除同步关系"),
    of_people(Action::QueryRelation, "QueryFaceUserGroupAndDeviceGroupRelation", "查询同步关系"),
    of_people(Action::QueryAllRelation, "QueryFaceAllUserGroupAndDeviceGroupRelation", "查询全部同步关系"),
    Entry {
        action: Action::DetectUserFaceByUrl, name: "DetectUserFaceByUrl", label: "人脸检测", area: Area::Detect
    },
];

/// Returns the entry of an action.
pub(super) fn find(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name)
}
