//! Device groups, their devices, and the relations that say which users a device should know.

use aicp_platform::{DeviceName, Error, GroupKind, Missing, SyncRelation};
use aicp_types::SyncRelationId;

use super::calls::{Call, Outcome};
use super::failure::Failure;
use super::format::Node;
use super::groups::GroupNames;
use super::ids;

/// Maximum characters of each part of a device name.
const MAX_NAME: usize = 128;
/// The only kind of relation: user pictures are synchronised to devices.
const PICTURES: &str = "SYNC_INFO_PICTURE";

const DEVICES: GroupNames = GroupNames {
    kind: GroupKind::Devices,
    ids: ids::DEVICE_GROUP,
    id: "DeviceGroupId",
    name: "DeviceGroupName",
    missing: Failure::DEVICE_GROUP_NOT_FOUND,
};

impl Call<'_> {
    /// `AddFaceDeviceGroup`.
    pub async fn add_device_group(&self) -> Outcome {
        self.add_group(&DEVICES).await
    }

    /// `DeleteFaceDeviceGroup`.
    pub async fn delete_device_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let group_id = self.params.required(DEVICES.id)?;
        let library = self.library(isolation, DEVICES.missing).await?;
        let group = self.group(&library, &DEVICES, group_id).await?;
        self.platform.remove_device_group(&group).await.map_err(of_device)?;
        Ok(None)
    }

    /// `QueryFaceAllDeviceGroup`.
    pub async fn query_device_groups(&self) -> Outcome {
        self.query_groups(&DEVICES, "DeviceGroupList", None).await
    }

    /// `AddFaceDeviceToDeviceGroup`.
    pub async fn add_device_to_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let group_id = self.params.required(DEVICES.id)?;
        let device = self.device()?;
        let library = self.library(isolation, DEVICES.missing).await?;
        let group = self.group(&library, &DEVICES, group_id).await?;
        self.platform.put_into_device_group(&group, device).await.map_err(of_device)?;
        Ok(None)
    }

    /// `RemoveFaceDeviceFromDeviceGroup`.
    pub async fn remove_device_from_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let group_id = self.params.required(DEVICES.id)?;
        let device = self.device()?;
        let library = self.library(isolation, DEVICES.missing).await?;
        let group = self.group(&library, &DEVICES, group_id).await?;
        self.platform.take_out_of_device_group(&library, &group, &device).await.map_err(of_device)?;
        Ok(None)
    }

    /// `QueryFaceDeviceGroupsByDevice`.
    pub async fn query_groups_of_device(&self) -> Outcome {
        let isolation = self.isolation()?;
        let device = self.device()?;
        if device.instance_id.is_empty() {
            return Err(Failure::missing("IotInstanceId"));
        }
        let page = self.page(None)?;
        let (total, groups) = match self.known_library(isolation).await? {
            Some(library) => match self.platform.groups_of_device(&library, &device, page.rows()).await {
                Err(Error::Missing(Missing::Device)) => (0, Vec::new()),
                found => found.map_err(of_device)?,
            },
            None => (0, Vec::new()),
        };
        let groups = groups.into_iter().map(|group| DEVICES.to_node(group)).collect();
        Ok(page.listing("PageNo", total, "DeviceGroupList", groups))
    }

    /// `CheckFaceUserDoExistOnDevice`.
    pub async fn is_user_on_device(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let device = self.device()?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let is_there = self.platform.is_on_device(&library, &person, &device).await.map_err(of_device)?;
        Ok(Some(Node::Fields(vec![("DoExist", Node::Flag(is_there))])))
    }

    /// `ClearFaceDeviceDB`. Does nothing after it has checked that the device exists: which users a device should know
    /// is computed for each query, not stored.
    pub async fn clear_device(&self) -> Outcome {
        let isolation = self.isolation()?;
        let device = self.device()?;
        let library = self.library(isolation, Failure::DEVICE_NOT_FOUND).await?;
        self.platform.device(&library, &device).await.map_err(|e| match e {
            Error::Missing(Missing::Device) => Failure::DEVICE_NOT_FOUND,
            other => Failure::of_platform(&other),
        })?;
        Ok(Some(Node::text("")))
    }

    /// `AddFaceUserGroupAndDeviceGroupRelation`.
    pub async fn add_relation(&self) -> Outcome {
        let isolation = self.isolation()?;
        let users = self.params.required("UserGroupId")?;
        let devices = self.params.required(DEVICES.id)?;
        let kind = self.relation_kind()?;
        let library = self.library(isolation, Failure::USER_GROUP_NOT_FOUND).await?;
        let users = self.user_group(&library, users).await?;
        let devices = self.group(&library, &DEVICES, devices).await?;
        let relation = self.platform.relate(&users, &devices, kind).await.map_err(of_relation)?;
        Ok(Some(brief(&relation)))
    }

    /// `UpdateFaceUserGroupAndDeviceGroupRelation`.
    pub async fn update_relation(&self) -> Outcome {
        let isolation = self.isolation()?;
        let id = self.params.required("ControlId")?;
        let kind = self.relation_kind()?;
        let relation = self.relation(isolation, id).await?;
        let relation = self.platform.change_relation(relation, kind).await.map_err(of_relation)?;
        Ok(Some(brief(&relation)))
    }

    /// `DeleteFaceUserGroupAndDeviceGroupRelation`.
    pub async fn delete_relation(&self) -> Outcome {
        let isolation = self.isolation()?;
        let id = self.params.required("ControlId")?;
        let relation = self.relation(isolation, id).await?;
        self.platform.remove_relation(&relation).await.map_err(of_relation)?;
        Ok(None)
    }

    /// `QueryFaceUserGroupAndDeviceGroupRelation`.
    pub async fn query_relation(&self) -> Outcome {
        let isolation = self.isolation()?;
        let id = self.params.required("ControlId")?;
        Ok(Some(full(self.relation(isolation, id).await?)))
    }

    /// `QueryFaceAllUserGroupAndDeviceGroupRelation`.
    pub async fn query_relations(&self) -> Outcome {
        let isolation = self.isolation()?;
        let page = self.page(None)?;
        let (total, relations) = match self.known_library(isolation).await? {
            Some(library) => {
                let found = self.platform.relations(&library, page.rows()).await;
                found.map_err(of_relation)?
            }
            None => (0, Vec::new()),
        };
        Ok(page.listing("Page", total, "List", relations.into_iter().map(full).collect()))
    }

    /// Parses the device name.
    fn device(&self) -> Result<DeviceName, Failure> {
        Ok(DeviceName {
            product_key: self.params.required_short("ProductKey", MAX_NAME)?.to_owned(),
            device_name: self.params.required_short("DeviceName", MAX_NAME)?.to_owned(),
            instance_id: self.params.short("IotInstanceId", MAX_NAME)?.unwrap_or_default().to_owned(),
        })
    }

    fn relation_kind(&self) -> Result<&str, Failure> {
        let name = "Relation";
        let kind = self.params.required(name)?;
        if kind == PICTURES { Ok(kind) } else { Err(Failure::invalid(name)) }
    }

    async fn relation(&self, isolation: &str, id: &str) -> Result<SyncRelation, Failure> {
        let number = ids::RELATION.number(id).map(SyncRelationId::new).ok_or(Failure::RELATION_NOT_FOUND)?;
        let library = self.library(isolation, Failure::RELATION_NOT_FOUND).await?;
        self.platform.relation(&library, number).await.map_err(of_relation)
    }
}

fn of_device(e: Error) -> Failure {
    match e {
        Error::Missing(Missing::Group) => Failure::DEVICE_GROUP_NOT_FOUND,
        Error::Missing(Missing::Device | Missing::Membership) => Failure::DEVICE_NOT_EXIST,
        other => Failure::of_platform(&other),
    }
}

fn of_relation(e: Error) -> Failure {
    match e {
        Error::Missing(Missing::Group) => Failure::USER_GROUP_NOT_FOUND,
        Error::Missing(Missing::Relation) => Failure::RELATION_NOT_FOUND,
        other => Failure::of_platform(&other),
    }
}

fn brief(relation: &SyncRelation) -> Node {
    Node::Fields(vec![
        ("ControlId", Node::text(ids::RELATION.text(relation.id.get()))),
        ("ModifiedTime", Node::moment(relation.modified_at)),
    ])
}

fn full(relation: SyncRelation) -> Node {
    Node::Fields(vec![
        ("ControlId", Node::text(ids::RELATION.text(relation.id.get()))),
        ("ControlType", Node::text(relation.kind)),
        ("UserGroupId", Node::text(ids::USER_GROUP.text(relation.user_group_id.get()))),
        ("DeviceGroupId", Node::text(ids::DEVICE_GROUP.text(relation.device_group_id.get()))),
        ("ModifiedTime", Node::moment(relation.modified_at)),
    ])
}
