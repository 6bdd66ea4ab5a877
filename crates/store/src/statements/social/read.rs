//! Reads of accounts and their friends.

use std::collections::HashMap;

use aicp_types::{AccountId, FriendGroupId};

use crate::sql::{self, Connection, FromRow, Row, Value};
use crate::statements::convert::{numbers, saturating_i64, texts};
use crate::{Account, AccountGraph, CustomValue, Friend, FriendRequest, LostFriends, Other, RelatedFilter, Sequences};

impl FromRow for Account {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let sequences = Sequences {
            groups: row.try_get("group_sequence")?,
            friends: row.try_get("friend_sequence")?,
            custom: row.try_get("custom_sequence")?,
        };
        Ok(Self {
            id: row.try_get("id")?,
            user_id: row.try_get("user_id")?,
            nick: row.try_get("nick")?,
            face_url: row.try_get("face_url")?,
            sequences,
            friends: row.try_get("friends")?,
        })
    }
}

impl FromRow for LostFriends {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            account: Account::from_row(row)?,
            friends: row.try_get("lost")?,
            in_groups: row.try_get("in_groups")?,
            with_custom: row.try_get("with_custom")?,
        })
    }
}

impl FromRow for Other {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let friend = match row.try_get("remark")? {
            None => None,
            Some(remark) => Some(Friend {
                remark,
                source: row.try_get("source")?,
                wording: row.try_get("wording")?,
                added_s: row.try_get("added")?,
                ..Friend::default()
            }),
        };
        let reverse = match row.try_get("reverse_remark")? {
            None => None,
            Some(remark) => Some(Friend {
                remark,
                source: row.try_get("reverse_source")?,
                wording: row.try_get("reverse_wording")?,
                added_s: row.try_get("reverse_added")?,
                ..Friend::default()
            }),
        };
        let request = match row.try_get("requested")? {
            None => None,
            Some(created_at) => Some(FriendRequest {
                source: row.try_get("request_source")?,
                wording: row.try_get("request_wording")?,
                created_at,
            }),
        };
        Ok(Self { account: Account::from_row(row)?, friend, reverse, request, requests: row.try_get("requests")? })
    }
}

pub(super) async fn read_account_graph(
    db: &mut dyn Connection,
    app_id: &str,
    user_id: &str,
    around: RelatedFilter,
) -> sql::Result<Option<AccountGraph>> {
    let query = sql::query_as("SELECT * FROM social_account WHERE app_id = $1 AND user_id = $2");
    let account: Option<Account> = query.bind(app_id).bind(user_id).fetch_optional(&mut *db).await?;
    let Some(account) = account else { return Ok(None) };
    let query = sql::query_as("SELECT id, name FROM social_group WHERE account_id = $1 ORDER BY id");
    let groups: Vec<(FriendGroupId, String)> = query.bind(account.id).fetch_all(&mut *db).await?;
    let mut others = read_related_accounts(db, account.id, &groups, around).await?;
    read_details(db, account.id, &mut others).await?;
    let groups = groups.into_iter().map(|(_, name)| name).collect();
    Ok(Some(AccountGraph { account, groups, others }))
}

/// Reads the other accounts of a circle, without their groups and custom values.
async fn read_related_accounts(
    db: &mut dyn Connection,
    account_id: AccountId,
    groups: &[(FriendGroupId, String)],
    around: RelatedFilter,
) -> sql::Result<Vec<Other>> {
    let (condition, order) = match around {
        RelatedFilter::Named(_) => (
            "other.app_id = (SELECT app_id FROM social_account WHERE id = $1)
             AND other.user_id IN (SELECT value FROM json_each($2))",
            "",
        ),
        RelatedFilter::InGroups(_) => (
            "other.id IN (SELECT friend_id FROM social_member WHERE social_group_id IN (SELECT value FROM json_each($2)))",
            "",
        ),
        RelatedFilter::Friends => ("other.id IN (SELECT friend_id FROM social_friend WHERE account_id = $1)", ""),
        RelatedFilter::Page { .. } => (
            "other.id IN (SELECT social_friend.friend_id FROM social_friend
                          JOIN social_account ON social_account.id = social_friend.friend_id
                          WHERE social_friend.account_id = $1
                          ORDER BY social_friend.added, social_account.user_id LIMIT $2 OFFSET $3)",
            "ORDER BY social_friend.added, other.user_id",
        ),
    };
    let sql = format!(
        "SELECT other.*, social_friend.remark, social_friend.source, social_friend.wording, social_friend.added,
                reverse.remark AS reverse_remark, reverse.source AS reverse_source,
                reverse.wording AS reverse_wording, reverse.added AS reverse_added,
                social_request.created AS requested, social_request.source AS request_source,
                social_request.wording AS request_wording,
                (SELECT COUNT(*) FROM social_request WHERE to_id = other.id) AS requests
         FROM social_account AS other
         LEFT JOIN social_friend ON social_friend.account_id = $1 AND social_friend.friend_id = other.id
         LEFT JOIN social_friend AS reverse ON reverse.account_id = other.id AND reverse.friend_id = $1
         LEFT JOIN social_request ON social_request.from_id = $1 AND social_request.to_id = other.id
         WHERE other.id <> $1 AND {condition} {order}"
    );
    let query = sql::query_as(sql).bind(account_id);
    let query = match &around {
        RelatedFilter::Named(names) => query.bind(texts(names)),
        RelatedFilter::InGroups(names) => {
            query.bind(numbers(groups.iter().filter(|(_, name)| names.contains(name)).map(|(id, _)| id)))
        }
        RelatedFilter::Friends => query,
        RelatedFilter::Page { offset, limit } => query.bind(saturating_i64(*limit)).bind(saturating_i64(*offset)),
    };
    let mut others: Vec<Other> = query.fetch_all(db).await?;
    if let RelatedFilter::Named(names) = &around {
        let mut places = HashMap::with_capacity(names.len());
        for (place, name) in names.iter().enumerate() {
            places.entry(name.as_str()).or_insert(place);
        }
        others.sort_by_key(|other| places.get(other.account.user_id.as_str()).copied());
    }
    Ok(others)
}

/// Adds friend groups and custom values to the other accounts of a circle, for both directions of the friendship.
async fn read_details(db: &mut dyn Connection, account_id: AccountId, others: &mut [Other]) -> sql::Result<()> {
    let places: HashMap<AccountId, usize> =
        others.iter().enumerate().map(|(at, other)| (other.account.id, at)).collect();
    let side = |is_reverse: bool| {
        let of_side = |other: &&Other| if is_reverse { other.reverse.is_some() } else { other.friend.is_some() };
        numbers(others.iter().filter(of_side).map(|other| other.account.id))
    };
    let sides = [("account_id", "friend_id", side(false)), ("friend_id", "account_id", side(true))];
    for (at, (fixed, other, ids)) in sides.into_iter().enumerate() {
        if ids == Value::Integers(Vec::new()) {
            continue;
        }
        let friend_of = |others: &mut [Other], id: AccountId, change: &mut dyn FnMut(&mut Friend)| {
            let other = places.get(&id).and_then(|place| others.get_mut(*place));
            let friend = other.and_then(|other| if at == 0 { other.friend.as_mut() } else { other.reverse.as_mut() });
            if let Some(friend) = friend {
                change(friend);
            }
        };
        let sql = format!(
            "SELECT social_member.{other} AS other, name FROM social_member
             JOIN social_group ON social_group.id = social_member.social_group_id
             WHERE social_member.{fixed} = $1 AND social_member.{other} IN (SELECT value FROM json_each($2))"
        );
        for row in sql::query(sql).bind(account_id).bind(&ids).fetch_all(&mut *db).await? {
            let name: String = row.try_get("name")?;
            friend_of(others, row.try_get("other")?, &mut |friend| {
                friend.groups.insert(name.clone());
            });
        }
        let sql = format!(
            "SELECT {other} AS other, name, text, number FROM social_custom
             WHERE {fixed} = $1 AND {other} IN (SELECT value FROM json_each($2))"
        );
        for row in sql::query(sql).bind(account_id).bind(&ids).fetch_all(&mut *db).await? {
            let name: String = row.try_get("name")?;
            let value = match row.try_get("text")? {
                Some(text) => CustomValue::Text(text),
                None => CustomValue::Number(row.try_get("number")?),
            };
            friend_of(others, row.try_get("other")?, &mut |friend| {
                friend.custom.insert(name.clone(), value.clone());
            });
        }
    }
    Ok(())
}
