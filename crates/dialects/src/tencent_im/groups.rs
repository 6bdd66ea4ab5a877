//! Friend groups.

use std::sync::Arc;

use aicp_platform::{FriendGroup, Members, UserIds};
use serde::{Serialize, Serializer};

use super::LIMITS;
use super::envelope::{Answer, ok};
use super::failure::Failure;
use super::fields::{Fields, is_group_name};
use super::friends::{ItemOut, MAX_ITEMS, items_out};
use super::{Call, codes::ItemError};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupOut<'a> {
    group_name: &'a str,
    friend_number: u64,
    #[serde(rename = "To_Account", skip_serializing_if = "Option::is_none")]
    to_account: Option<NamesOut<'a>>,
}

struct NamesOut<'a>(&'a UserIds);

impl Serialize for NamesOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupsOut<'a> {
    result_item: Vec<GroupOut<'a>>,
    current_sequence: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddedOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    result_item: Option<Vec<ItemOut>>,
    #[serde(rename = "Fail_Account", skip_serializing_if = "Vec::is_empty")]
    fail_account: Vec<String>,
    current_sequence: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SequenceOut {
    current_sequence: u64,
}

impl Call<'_> {
    pub(super) async fn group_get(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let last = fields.number("LastSequence")?.unwrap_or(0);
        let names = fields.list("GroupName")?.map(|list| fields.texts(list)).transpose()?;
        if names.as_ref().is_some_and(|names| names.len() > LIMITS.groups) {
            return Err(fields.wrong_shape());
        }
        let wants_members = fields.text("NeedFriend")? == Some("Need_Friend_Type_Yes");
        let found = match &names {
            // The manual contradicts its example; members are sent whenever groups are named.
            Some(names) => self.social().named_friend_groups(from, names).await.map(Arc::new),
            None if wants_members => self.social().friend_groups(from, Members::Named).await,
            None => self.social().friend_groups(from, Members::Counted).await,
        };
        let found = found.map_err(|e| self.failure(e))?;
        let is_news = names.is_some() || last == 0 || last != found.sequence || self.options.always_full_list;
        let mut groups: Vec<&FriendGroup> = if is_news { found.groups.iter().collect() } else { Vec::new() };
        if let Some(names) = &names {
            groups.sort_by_key(|group| names.iter().position(|name| *name == group.name));
        }
        let has_members = wants_members || names.is_some();
        let result_item = groups.into_iter().map(|group| GroupOut {
            group_name: &group.name,
            friend_number: group.count,
            to_account: has_members.then_some(NamesOut(&group.members)),
        });
        let result_item = result_item.collect();
        ok(self.command.service, &GroupsOut { result_item, current_sequence: found.sequence })
    }

    pub(super) async fn group_add(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let names = fields.texts(fields.required_list("GroupName", LIMITS.groups)?)?;
        let friends = match fields.list("To_Account")? {
            Some(_) => fields.accounts("To_Account", MAX_ITEMS)?,
            None => Vec::new(),
        };
        if !names.iter().all(|name| is_group_name(name)) {
            return Err(Failure::sns(self.command, 30001, "Invalid_Group_Name"));
        }
        let added = self.social().add_friend_groups(from, names, friends.clone()).await;
        let (current_sequence, outcomes) = added.map_err(|e| self.failure(e))?;
        let outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(ItemError::Friend));
        let has_friends = !friends.is_empty();
        let (items, fail_account) = items_out(self.command, friends.into_iter().zip(outcomes));
        let result_item = has_friends.then_some(items);
        ok(self.command.service, &AddedOut { result_item, fail_account, current_sequence })
    }

    pub(super) async fn group_delete(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let names = fields.texts(fields.required_list("GroupName", LIMITS.groups)?)?;
        let deleted = self.social().delete_friend_groups(from, names).await;
        let current_sequence = deleted.map_err(|e| self.failure(e))?;
        ok(self.command.service, &SequenceOut { current_sequence })
    }
}
