//! Friends.

use std::collections::{HashMap, HashSet};

use aicp_platform::{CustomValue, FriendError, FriendFields, FriendOutcome, KnownFriend, Relation, Sides};
use serde::Serialize;

use super::Call;
use super::LIMITS;
use super::codes::ItemError;
use super::commands::Command;
use super::envelope::{Answer, Nothing, ok};
use super::failure::Failure;
use super::fields::{Fields, is_group_name};
use super::json::Value;

/// Maximum number of friends in one call.
pub(super) const MAX_ITEMS: usize = 1000;
/// Maximum number of tags in one call; more than there are.
const MAX_TAGS: usize = 100;
/// Maximum bytes of a remark.
const MAX_REMARK: usize = 96;
/// Maximum bytes of a wording.
const MAX_WORDING: usize = 256;
/// Maximum bytes of a custom text.
const MAX_VALUE: usize = 500;
/// Maximum letters of the part of a name that the app chooses.
const MAX_LETTERS: usize = 8;

const SOURCE: &str = "AddSource_Type_";
const CUSTOM: &str = "Tag_SNS_Custom_";
const TAG_GROUP: &str = "Tag_SNS_IM_Group";
const TAG_REMARK: &str = "Tag_SNS_IM_Remark";
const TAG_SOURCE: &str = "Tag_SNS_IM_AddSource";
const TAG_WORDING: &str = "Tag_SNS_IM_AddWording";
const TAG_TIME: &str = "Tag_SNS_IM_AddTime";
const TAG_NICK: &str = "Tag_Profile_IM_Nick";
const TAG_IMAGE: &str = "Tag_Profile_IM_Image";

/// Result for one of several friends.
#[derive(Serialize)]
pub(super) struct ItemOut {
    #[serde(rename = "To_Account")]
    to_account: String,
    #[serde(rename = "ResultCode")]
    result_code: u32,
    #[serde(rename = "ResultInfo")]
    result_info: String,
}

#[derive(Serialize)]
struct ItemsOut {
    #[serde(rename = "ResultItem")]
    result_item: Vec<ItemOut>,
    #[serde(rename = "Fail_Account", skip_serializing_if = "Vec::is_empty")]
    fail_account: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RelationOut {
    #[serde(rename = "To_Account")]
    to_account: String,
    relation: &'static str,
    result_code: u32,
    result_info: String,
}

/// Response with `InfoItem`s of either kind.
#[derive(Serialize)]
struct InfosOut<T> {
    #[serde(rename = "InfoItem")]
    info_item: Vec<T>,
    #[serde(rename = "Fail_Account", skip_serializing_if = "Vec::is_empty")]
    fail_account: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagOut {
    tag: String,
    value: serde_json::Value,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FriendOut {
    #[serde(rename = "To_Account")]
    to_account: String,
    value_item: Vec<TagOut>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PageOut {
    #[serde(skip_serializing_if = "Option::is_none")]
    user_data_item: Option<Vec<FriendOut>>,
    standard_sequence: u64,
    custom_sequence: u64,
    friend_num: u64,
    complete_flag: u8,
    next_start_index: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedOut {
    #[serde(rename = "To_Account")]
    to_account: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_profile_item: Option<Vec<TagOut>>,
    result_code: u32,
    result_info: String,
}

/// Builds the result of each friend, and the list of those that failed.
pub(super) fn items_out(
    command: &Command,
    outcomes: impl Iterator<Item = (String, Result<(), ItemError>)>,
) -> (Vec<ItemOut>, Vec<String>) {
    let mut failed = Vec::new();
    let items = outcomes.map(|(to_account, outcome)| {
        let (result_code, result_info) = code_and_message(command, outcome.err());
        if outcome.is_err() {
            failed.push(to_account.clone());
        }
        ItemOut { to_account, result_code, result_info }
    });
    (items.collect(), failed)
}

/// Returns code and message for one item.
fn code_and_message(command: &Command, e: Option<ItemError>) -> (u32, String) {
    let Some(e) = e else { return (0, String::new()) };
    let (code, reason) = e.code_and_message(command.title);
    (code, format!("Err_SNS_{}_{reason}", command.title))
}

/// Items of one call about several friends. Of a repeated friend the first item counts.
struct Items {
    names: Vec<String>,
    /// Friends whose fields are all valid.
    good: Vec<FriendFields>,
    /// The other friends, with their errors.
    bad: HashMap<String, ItemError>,
}

impl Items {
    /// Parses each item; `read` reports fields that are not valid.
    fn read<'a>(
        fields: &Fields<'a>,
        name: &str,
        read: impl Fn(&Fields<'a>, String) -> Result<Result<FriendFields, ItemError>, Failure>,
    ) -> Result<Self, Failure> {
        let mut items = Self { names: Vec::new(), good: Vec::new(), bad: HashMap::new() };
        let mut seen = HashSet::new();
        for item in fields.objects(name, MAX_ITEMS)? {
            let item = item?;
            let to = item.account("To_Account")?.ok_or_else(|| item.wrong_shape())?.to_owned();
            let friend = read(&item, to.clone())?;
            items.names.push(to.clone());
            if seen.insert(to.clone()) {
                match friend {
                    Ok(friend) => items.good.push(friend),
                    Err(e) => {
                        items.bad.insert(to, e);
                    }
                }
            }
        }
        Ok(items)
    }

    /// Splits the items into the friends to process, and what is needed to build the response.
    fn split(self) -> (Vec<FriendFields>, Outcomes) {
        let asked = self.good.iter().map(|friend| friend.user_id.clone()).collect();
        (self.good, Outcomes { names: self.names, asked, bad: self.bad })
    }
}

/// Merges the results of the processed friends with the items that were not valid.
struct Outcomes {
    names: Vec<String>,
    asked: Vec<String>,
    bad: HashMap<String, ItemError>,
}

impl Outcomes {
    fn answer(self, command: &Command, outcomes: Vec<FriendOutcome>) -> Result<Answer, Failure> {
        let mut known: HashMap<String, Result<(), ItemError>> =
            self.bad.into_iter().map(|(name, e)| (name, Err(e))).collect();
        known.extend(self.asked.into_iter().zip(outcomes.into_iter().map(|o| o.map_err(ItemError::Friend))));
        let each = self.names.into_iter().map(|name| {
            let outcome = known.get(&name).copied().unwrap_or(Err(ItemError::BadField));
            (name, outcome)
        });
        let (result_item, fail_account) = items_out(command, each);
        ok(command.service, &ItemsOut { result_item, fail_account })
    }
}

impl Call<'_> {
    pub(super) async fn friend_add(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let kinds = [("Add_Type_Both", Sides::Both), ("Add_Type_Single", Sides::Own)];
        let sides = fields.either("AddType", kinds)?;
        let is_forced = match fields.number("ForceAddFlags")? {
            None | Some(0) => false,
            Some(1) => true,
            Some(_) => return Err(fields.wrong_shape()),
        };
        let items = Items::read(&fields, "AddFriendItem", |item, user_id| {
            let group = match item.given("GroupName") {
                Some(Value::List(_)) => item.list("GroupName")?.map(|list| item.texts(list)).transpose()?,
                _ => item.text("GroupName")?.map(|name| vec![name.to_owned()]),
            };
            let friend = FriendFields { user_id, groups: group, ..common_fields(item)? };
            let is_one_group = friend.groups.as_ref().is_none_or(|groups| groups.len() == 1);
            Ok(if is_one_group { checked(friend) } else { Err(ItemError::BadField) })
        })?;
        let (friends, outcomes) = items.split();
        let added = self.social().add_friends(from, friends, sides, is_forced).await;
        outcomes.answer(self.command, added.map_err(|e| self.failure(e))?)
    }

    pub(super) async fn friend_import(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let items = Items::read(&fields, "AddFriendItem", |item, user_id| {
            let groups = match item.given("GroupName") {
                Some(Value::Text(name)) if !name.is_empty() => Some(vec![name.to_string()]),
                _ => item.list("GroupName")?.map(|list| item.texts(list)).transpose()?,
            };
            let added_s = item.number("AddTime")?.filter(|time| *time != 0);
            let added_s = added_s.map(|time| i64::try_from(time).map_err(|_| item.wrong_shape())).transpose()?;
            let Some(custom) = custom_items(item)? else { return Ok(Err(ItemError::BadField)) };
            Ok(checked(FriendFields { user_id, groups, added_s, custom, ..common_fields(item)? }))
        })?;
        let (friends, outcomes) = items.split();
        let imported = self.social().import_friends(from, friends).await;
        outcomes.answer(self.command, imported.map_err(|e| self.failure(e))?)
    }

    pub(super) async fn friend_update(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let items = Items::read(&fields, "UpdateItem", |item, user_id| {
            let mut friend = FriendFields { user_id, ..FriendFields::default() };
            let mut is_good = true;
            for tag in item.objects("SnsItem", MAX_TAGS)? {
                let tag = tag?;
                is_good &= change(&mut friend, tag.required_text("Tag")?, tag.given("Value"));
            }
            Ok(if is_good { checked(friend) } else { Err(ItemError::BadField) })
        })?;
        let (friends, outcomes) = items.split();
        let updated = self.social().update_friends(from, friends).await;
        outcomes.answer(self.command, updated.map_err(|e| self.failure(e))?)
    }

    pub(super) async fn friend_delete(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let names = fields.accounts("To_Account", MAX_ITEMS)?;
        let deleted = self.social().delete_friends(from, names.clone(), sides_to_delete(&fields)?).await;
        Outcomes { asked: names.clone(), names, bad: HashMap::new() }
            .answer(self.command, deleted.map_err(|e| self.failure(e))?)
    }

    pub(super) async fn friend_delete_all(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let deleted = self.social().delete_all_friends(from, sides_to_delete(&fields)?).await;
        deleted.map_err(|e| self.failure(e))?;
        ok(self.command.service, &Nothing {})
    }

    pub(super) async fn friend_check(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let names = fields.accounts("To_Account", MAX_ITEMS)?;
        let both = match fields.required_text("CheckType")? {
            "CheckResult_Type_Single" => false,
            "CheckResult_Type_Both" => true,
            _ => return Err(Failure::sns(self.command, 30001, "Invalid_CheckType")),
        };
        let relations = self.social().relations(from, &names).await.map_err(|e| self.failure(e))?;
        let mut fail_account = Vec::new();
        let items = names.into_iter().zip(relations).map(|(to_account, relation)| {
            let e = relation.is_none().then_some(ItemError::Friend(FriendError::NoAccount));
            if e.is_some() {
                fail_account.push(to_account.clone());
            }
            let (result_code, result_info) = code_and_message(self.command, e);
            let relation = relation.map_or("CheckResult_Type_NoRelation", |relation| word(relation, both));
            RelationOut { to_account, relation, result_code, result_info }
        });
        let info_item = items.collect();
        ok(self.command.service, &InfosOut { info_item, fail_account })
    }

    pub(super) async fn friend_get(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let start = fields.number("StartIndex")?.ok_or_else(|| fields.wrong_shape())?;
        let standard = fields.number("StandardSequence")?;
        let custom = fields.number("CustomSequence")?;
        let page = self.social().friend_page(from, start).await.map_err(|e| self.failure(e))?;
        // Later pages are sent in full; otherwise the client would not see where they end.
        let is_known = |sent: Option<u64>, current: u64| start == 0 && sent == Some(current);
        let knows_standard = is_known(standard, page.sequences.friends);
        let knows_custom = is_known(custom, page.sequences.custom);
        let knows_all = knows_standard && (knows_custom || custom.is_none());
        let next = start.saturating_add(LIMITS.page);
        let is_last = knows_all || next >= page.total;
        let mut friends = Vec::new();
        for known in if knows_all { Vec::new() } else { page.friends } {
            let mut value_item = Vec::new();
            if !knows_standard {
                value_item.extend(STANDARD_TAGS.into_iter().filter_map(|tag| tag_out(&known, tag)));
            }
            if !knows_custom {
                let tags = known.friend.custom.keys().map(|name| format!("{CUSTOM}{name}"));
                value_item.extend(tags.filter_map(|tag| tag_out(&known, &tag)));
            }
            if !value_item.is_empty() {
                friends.push(FriendOut { to_account: known.account.user_id, value_item });
            }
        }
        let out = PageOut {
            user_data_item: (page.total > 0).then_some(friends),
            standard_sequence: page.sequences.friends,
            custom_sequence: page.sequences.custom,
            friend_num: page.total,
            complete_flag: is_last.into(),
            next_start_index: if is_last { 0 } else { next },
        };
        ok(self.command.service, &out)
    }

    pub(super) async fn friend_get_list(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let from = fields.sender(self.command)?;
        let names = fields.accounts("To_Account", MAX_ITEMS)?;
        let mut tags = Vec::new();
        for tag in fields.texts(fields.required_list("TagList", MAX_TAGS)?)? {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        let found = self.social().friends(from, &names).await.map_err(|e| self.failure(e))?;
        let mut fail_account = Vec::new();
        let items = names.into_iter().zip(found).map(|(to_account, found)| {
            if found.is_err() {
                fail_account.push(to_account.clone());
            }
            let (result_code, result_info) =
                code_and_message(self.command, found.as_ref().err().map(|e| ItemError::Friend(*e)));
            let tags_of = |known: KnownFriend| tags.iter().filter_map(|tag| tag_out(&known, tag)).collect();
            ListedOut { to_account, sns_profile_item: found.ok().map(tags_of), result_code, result_info }
        });
        let info_item = items.collect();
        ok(self.command.service, &InfosOut { info_item, fail_account })
    }
}

/// Tags that every app has, in the order of the response.
const STANDARD_TAGS: [&str; 5] = [TAG_GROUP, TAG_REMARK, TAG_SOURCE, TAG_WORDING, TAG_TIME];

/// Builds a tag with its value, if it is set.
fn tag_out(known: &KnownFriend, tag: &str) -> Option<TagOut> {
    let KnownFriend { account, friend, groups } = known;
    let text = |text: &str| (!text.is_empty()).then(|| text.into());
    let value = match tag {
        TAG_GROUP => (!groups.is_empty()).then(|| groups.clone().into()),
        TAG_REMARK => text(&friend.remark),
        TAG_SOURCE => text(&friend.source),
        TAG_WORDING => text(&friend.wording),
        TAG_TIME => Some(friend.added_s.into()),
        TAG_NICK => text(account.nick.as_deref().unwrap_or_default()),
        TAG_IMAGE => text(account.face_url.as_deref().unwrap_or_default()),
        custom => match friend.custom.get(custom.strip_prefix(CUSTOM)?)? {
            CustomValue::Text(value) => Some(value.as_str().into()),
            CustomValue::Number(value) => Some((*value).into()),
        },
    };
    Some(TagOut { tag: tag.to_owned(), value: value? })
}

/// Parses remark, source and wording of a friend.
fn common_fields(item: &Fields<'_>) -> Result<FriendFields, Failure> {
    let text = |name: &str| Ok::<_, Failure>(item.text(name)?.map(str::to_owned));
    Ok(FriendFields {
        remark: text("Remark")?,
        source: text("AddSource")?,
        wording: text("AddWording")?,
        ..FriendFields::default()
    })
}

/// Parses the custom values of a friend to import; `None` if one is not valid.
fn custom_items(item: &Fields<'_>) -> Result<Option<Vec<(String, CustomValue)>>, Failure> {
    if item.list("CustomItem")?.is_none() {
        return Ok(Some(Vec::new()));
    }
    let mut values = Vec::new();
    for custom in item.objects("CustomItem", MAX_TAGS)? {
        let custom = custom?;
        match custom_value(custom.required_text("Tag")?, custom.given("Value")) {
            Some(value) => values.push(value),
            None => return Ok(None),
        }
    }
    Ok(Some(values))
}

fn custom_value(tag: &str, value: Option<&Value<'_>>) -> Option<(String, CustomValue)> {
    let name = tag.strip_prefix(CUSTOM).filter(|name| is_short_word(name))?;
    let value = match value? {
        Value::Text(text) if text.len() <= MAX_VALUE => CustomValue::Text(text.to_string()),
        Value::Number(number) => CustomValue::Number(number.as_i64()?),
        _ => return None,
    };
    Some((name.to_owned(), value))
}

/// Applies one tag of an update; returns whether it is valid.
fn change(friend: &mut FriendFields, tag: &str, value: Option<&Value<'_>>) -> bool {
    match (tag, value) {
        (TAG_REMARK, Some(Value::Text(remark))) => friend.remark = Some(remark.to_string()),
        (TAG_GROUP, Some(Value::Text(name))) if name.is_empty() => friend.groups = Some(Vec::new()),
        (TAG_GROUP, Some(Value::Text(name))) => friend.groups = Some(vec![name.to_string()]),
        (TAG_GROUP, Some(Value::List(names))) => {
            friend.groups = names.iter().map(|name| name.text().map(str::to_owned)).collect();
            return friend.groups.is_some();
        }
        (custom, value) => {
            let value = custom_value(custom, value);
            let is_good = value.is_some();
            friend.custom.extend(value);
            return is_good;
        }
    }
    true
}

/// Validates the fields of a friend.
fn checked(friend: FriendFields) -> Result<FriendFields, ItemError> {
    let FriendFields { remark, source, wording, groups, .. } = &friend;
    let is_source = |source: &str| source.strip_prefix(SOURCE).is_some_and(is_short_word);
    // Exceeds the limit of an account, regardless of the groups it has now.
    if groups.as_ref().is_some_and(|groups| groups.len() > LIMITS.groups) {
        return Err(ItemError::Friend(FriendError::TooManyGroups));
    }
    let is_valid = remark.as_ref().is_none_or(|remark| remark.len() <= MAX_REMARK)
        && source.as_ref().is_none_or(|source| is_source(source))
        && wording.as_ref().is_none_or(|wording| wording.len() <= MAX_WORDING)
        && groups.as_ref().is_none_or(|groups| groups.iter().all(|name| is_group_name(name)));
    if is_valid { Ok(friend) } else { Err(ItemError::BadField) }
}

/// Returns whether a text consists of one to eight ASCII letters.
fn is_short_word(text: &str) -> bool {
    (1..=MAX_LETTERS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn sides_to_delete(fields: &Fields<'_>) -> Result<Sides, Failure> {
    fields.either("DeleteType", [("Delete_Type_Single", Sides::Own), ("Delete_Type_Both", Sides::Both)])
}

/// Returns the interface's word for a relation. If `both` is false, only the account's own side is considered.
fn word(relation: Relation, both: bool) -> &'static str {
    match (relation.has, relation.has_reverse && both) {
        (true, true) => "CheckResult_Type_BothWay",
        (true, false) => "CheckResult_Type_AWithB",
        (false, true) => "CheckResult_Type_BWithA",
        (false, false) => "CheckResult_Type_NoRelation",
    }
}
