//! User groups, and the operations that user groups and device groups share.

use aicp_platform::{Error, Existing, Group, GroupKind, Library, Missing};
use aicp_types::GroupId;

use super::calls::{Call, Outcome};
use super::failure::Failure;
use super::format::Node;
use super::ids::{self, IdCodec};
use super::users::short;

/// Maximum characters of a group name.
pub(super) const MAX_NAME: usize = 128;
/// Largest page number of `QueryFaceUserGroup`.
const LAST_PAGE_OF_USER: u64 = 100;
/// Largest page number of `QueryFaceAllUserGroup`.
const LAST_PAGE: u64 = 1000;

/// Field names, ids and failure of one kind of groups.
pub(super) struct GroupNames {
    pub kind: GroupKind,
    pub ids: IdCodec,
    pub id: &'static str,
    pub name: &'static str,
    pub missing: Failure,
}

const USERS: GroupNames = GroupNames {
    kind: GroupKind::Users,
    ids: ids::USER_GROUP,
    id: "UserGroupId",
    name: "UserGroupName",
    missing: Failure::USER_GROUP_NOT_FOUND,
};

impl GroupNames {
    /// Builds the response fields of a group.
    pub fn to_node(&self, group: Group) -> Node {
        Node::Fields(vec![
            (self.id, Node::text(self.ids.text(group.id.get()))),
            (self.name, Node::text(group.name)),
            ("ModifiedTime", Node::moment(group.modified_at)),
        ])
    }
}

impl Call<'_> {
    /// `AddFaceUserGroup`.
    pub async fn add_user_group(&self) -> Outcome {
        self.add_group(&USERS).await
    }

    /// `DeleteFaceUserGroup`.
    pub async fn delete_user_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let group_id = self.params.required(USERS.id)?;
        let library = self.library(isolation, USERS.missing).await?;
        let group = self.group(&library, &USERS, group_id).await?;
        let removed = self.platform.remove_user_group(self.caller, &library, &group).await;
        removed.map_err(of_user_group)?;
        Ok(None)
    }

    /// `AddFaceUserToUserGroup`.
    pub async fn add_user_to_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let (group_id, user_id) = (self.params.required(USERS.id)?, self.params.required("UserId")?);
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let group = self.group(&library, &USERS, group_id).await?;
        self.platform.put_into_user_group(&group, &person).await.map_err(of_user_group)?;
        Ok(None)
    }

    /// `RemoveFaceUserFromUserGroup`.
    pub async fn remove_user_from_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let (group_id, user_id) = (self.params.required(USERS.id)?, self.params.required("UserId")?);
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let group = self.group(&library, &USERS, group_id).await?;
        self.platform.take_out_of_user_group(&group, &person).await.map_err(of_user_group)?;
        Ok(None)
    }

    /// `QueryFaceUserGroup`.
    pub async fn query_groups_of_user(&self) -> Outcome {
        let isolation = self.isolation()?;
        let user_id = self.params.required("UserId")?;
        let page = self.page(Some(LAST_PAGE_OF_USER))?;
        let library = self.library(isolation, Failure::USER_NOT_FOUND).await?;
        let person = self.user(&library, user_id).await?;
        let (total, groups) = self.platform.groups_of_user(&person, page.rows()).await.map_err(of_user_group)?;
        let groups = groups.into_iter().map(|group| USERS.to_node(group)).collect();
        Ok(page.listing("PageNo", total, "UserGroupList", groups))
    }

    /// `QueryFaceAllUserGroup`.
    pub async fn query_user_groups(&self) -> Outcome {
        self.query_groups(&USERS, "UserGroupList", Some(LAST_PAGE)).await
    }

    /// `QueryFaceAllUserIdsByGroupId`.
    pub async fn query_users_of_group(&self) -> Outcome {
        let isolation = self.isolation()?;
        let group_id = self.params.required(USERS.id)?;
        let page = self.page(None)?;
        let library = self.library(isolation, USERS.missing).await?;
        let group = self.group(&library, &USERS, group_id).await?;
        let (total, people) = self.platform.users_of_group(&group, page.rows()).await.map_err(of_user_group)?;
        Ok(page.listing("Page", total, "List", people.into_iter().map(short).collect()))
    }

    /// Creates a group.
    pub async fn add_group(&self, naming: &GroupNames) -> Outcome {
        let isolation = self.isolation()?;
        let name = self.params.required_short(naming.name, MAX_NAME)?;
        let library = self.open_library(isolation).await?;
        let group = self.platform.make_group(&library, naming.kind, name).await.map_err(|e| match e {
            Error::Exists(Existing::Group) => Failure::GROUP_EXISTS,
            other => Failure::of_platform(&other),
        })?;
        Ok(Some(naming.to_node(group)))
    }

    /// Returns a group of a library by its id.
    pub async fn group(&self, library: &Library, naming: &GroupNames, id: &str) -> Result<Group, Failure> {
        let id = naming.ids.number(id).map(GroupId::new).ok_or_else(|| naming.missing.clone())?;
        self.platform.group(library, naming.kind, id).await.map_err(|e| match e {
            Error::Missing(Missing::Group) => naming.missing.clone(),
            other => Failure::of_platform(&other),
        })
    }

    /// Returns a user group of a library by its id.
    pub async fn user_group(&self, library: &Library, id: &str) -> Result<Group, Failure> {
        self.group(library, &USERS, id).await
    }

    /// Lists the groups of one kind.
    pub async fn query_groups(&self, naming: &GroupNames, list: &'static str, last_page: Option<u64>) -> Outcome {
        let isolation = self.isolation()?;
        let page = self.page(last_page)?;
        let (total, groups) = match self.known_library(isolation).await? {
            Some(library) => {
                let found = self.platform.groups(&library, naming.kind, page.rows()).await;
                found.map_err(|e| Failure::of_platform(&e))?
            }
            None => (0, Vec::new()),
        };
        let groups = groups.into_iter().map(|group| naming.to_node(group)).collect();
        Ok(page.listing("PageNo", total, list, groups))
    }
}

fn of_user_group(e: Error) -> Failure {
    match e {
        Error::Missing(Missing::Group) => Failure::USER_GROUP_NOT_FOUND,
        Error::Missing(Missing::Membership) => Failure::USER_NOT_FOUND,
        other => Failure::of_platform(&other),
    }
}
