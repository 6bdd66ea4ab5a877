//! Accounts of an app's users, their friends and friend groups.

mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aicp_types::{AccountId, UnixMillis};

use super::convert::{ROWS_PER_STATEMENT, numbers, saturating_i64, texts};
use crate::sql::{self, Connection, QueryBuilder};
use crate::{
    Account, AccountGraph, Change, CustomValue, Friend, FriendGroup, FriendGroups, FriendRequest, LostFriends, Members,
    NewAccount, Other, RelatedFilter, Result, Rows, Sequences, Tx, UserIds,
};

use read::read_account_graph;

impl Rows<'_> {
    /// Returns the friend groups of an account, all or those with these names; `None` if there is no such account.
    pub async fn friend_groups(
        &mut self,
        app_id: &str,
        user_id: &str,
        names: Option<&[String]>,
        members: Members,
    ) -> Result<Option<FriendGroups>> {
        // One row per group; an account without groups has one row without a group.
        let members = match members {
            Members::Counted => "NULL",
            Members::Named => {
                "(SELECT string_agg(friend.user_id, '\n' ORDER BY social_member.id) FROM social_member
                        JOIN social_account AS friend ON friend.id = social_member.friend_id
                        WHERE social_member.social_group_id = social_group.id)"
            }
        };
        let named = match names {
            None => String::new(),
            Some([]) => "AND FALSE".to_owned(),
            // A parameter each, as SQLite's JSON functions cut a text at a NUL character.
            Some(names) => {
                let parameters: Vec<String> = (0..names.len()).map(|number| format!("${}", number + 3)).collect();
                format!("AND name IN ({})", parameters.join(", "))
            }
        };
        let sql = format!(
            "SELECT group_sequence, name,
                    (SELECT COUNT(*) FROM social_member WHERE social_group_id = social_group.id), {members}
             FROM social_account
             LEFT JOIN social_group ON social_group.account_id = social_account.id {named}
             WHERE app_id = $1 AND user_id = $2 ORDER BY social_group.id"
        );
        let query = sql::query(sql).bind(app_id).bind(user_id);
        let query = names.unwrap_or_default().iter().fold(query, |query, name| query.bind(name));
        let rows = query.fetch_all(&mut *self.db).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let mut groups = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(name) = row.try_get(1)? else { continue };
            let members: Option<&str> = row.try_get(3)?;
            let members: UserIds = members.into_iter().flat_map(|members| members.split(USER_ID_SEPARATOR)).collect();
            groups.push(FriendGroup { name, count: row.try_get(2)?, members });
        }
        Ok(Some(FriendGroups { sequence: first.try_get(0)?, groups }))
    }

    /// Returns an account with its friend groups and a selection of other accounts.
    pub async fn account_graph(
        &mut self,
        app_id: &str,
        user_id: &str,
        around: RelatedFilter,
    ) -> Result<Option<AccountGraph>> {
        Ok(read_account_graph(&mut *self.db, app_id, user_id, around).await?)
    }

    /// Returns those of some accounts that exist, in any order.
    pub async fn accounts_named(&mut self, app_id: &str, user_ids: &[String]) -> Result<Vec<(AccountId, String)>> {
        let query = sql::query_as(
            "SELECT id, user_id FROM social_account
             WHERE app_id = $1 AND user_id IN (SELECT value FROM json_each($2))",
        );
        let mut found: Vec<(AccountId, String)> =
            query.bind(app_id).bind(texts(user_ids)).fetch_all(&mut *self.db).await?;
        // SQLite's JSON functions cut a text at a NUL character, and so may match another user id.
        found.retain(|(_, user_id)| user_ids.contains(user_id));
        Ok(found)
    }

    /// Returns the accounts that have friends among `deleted`, with what they would lose.
    pub async fn accounts_losing_friends(&mut self, deleted: &[(AccountId, String)]) -> Result<Vec<LostFriends>> {
        let query = sql::query_as(
            "SELECT social_account.*, lost.friends AS lost,
                EXISTS (SELECT 1 FROM social_member WHERE account_id = social_account.id
                    AND friend_id IN (SELECT value FROM json_each($1))) AS in_groups,
                EXISTS (SELECT 1 FROM social_custom WHERE account_id = social_account.id
                    AND friend_id IN (SELECT value FROM json_each($1))) AS with_custom
             FROM social_account JOIN (
                SELECT account_id, COUNT(*) AS friends FROM social_friend
                WHERE friend_id IN (SELECT value FROM json_each($1)) GROUP BY account_id
             ) AS lost ON lost.account_id = social_account.id
             WHERE social_account.id NOT IN (SELECT value FROM json_each($1))",
        );
        Ok(query.bind(numbers(deleted.iter().map(|(id, _)| id))).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Writes the differences between two states of a circle.
    pub async fn write_account_graph(
        &mut self,
        app_id: &str,
        before: &AccountGraph,
        after: &AccountGraph,
    ) -> Result<()> {
        let db = &mut *self.db;
        let id = before.account.id;
        for name in after.groups.iter().filter(|name| !before.groups.contains(name)) {
            let query = sql::query("INSERT INTO social_group (account_id, name) VALUES ($1, $2)");
            query.bind(id).bind(name).execute(&mut *db).await?;
        }
        for name in before.groups.iter().filter(|name| !after.groups.contains(name)) {
            let query = sql::query("DELETE FROM social_group WHERE account_id = $1 AND name = $2");
            query.bind(id).bind(name).execute(&mut *db).await?;
        }
        let has_other_sequence = |old: &Account, new: &Account| old.sequences.groups != new.sequences.groups;
        let groups_changed = |account: &Account| groups_changed(app_id, account.id, &account.user_id);
        let afters: HashMap<AccountId, &Other> = after.others.iter().map(|other| (other.account.id, other)).collect();
        let mut is_regrouped = before.groups != after.groups || has_other_sequence(&before.account, &after.account);
        let mut changed = Vec::<Change>::new();
        let mut gained = 0;
        for old in &before.others {
            let other_id = old.account.id;
            let Some(new) = afters.get(&other_id) else { continue };
            if new.request != old.request
                && let Some(request) = &new.request
            {
                write_request(db, id, other_id, request).await?;
            }
            gained += write_friend(db, id, other_id, old.friend.as_ref(), new.friend.as_ref()).await?;
            let gained_there = write_friend(db, other_id, id, old.reverse.as_ref(), new.reverse.as_ref()).await?;
            update_counters(db, &old.account, new.account.sequences, gained_there).await?;
            is_regrouped |= groups_of(old.friend.as_ref()) != groups_of(new.friend.as_ref());
            if groups_of(old.reverse.as_ref()) != groups_of(new.reverse.as_ref())
                || has_other_sequence(&old.account, &new.account)
            {
                changed.push(groups_changed(&old.account));
            }
        }
        update_counters(db, &before.account, after.account.sequences, gained).await?;
        if is_regrouped {
            changed.push(groups_changed(&before.account));
        }
        self.effects.changes.extend(changed);
        Ok(())
    }

    /// Creates accounts; for existing ones, sets the given fields.
    ///
    /// # Errors
    /// [`Error::Database`](crate::Error::Database) if the app does not exist.
    pub async fn import_accounts(
        &mut self,
        app_id: &str,
        accounts: Vec<NewAccount>,
        created_at: UnixMillis,
    ) -> Result<()> {
        for NewAccount { user_id, nick, face_url } in accounts {
            sql::query(
                "INSERT INTO social_account (app_id, user_id, nick, face_url, created) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (app_id, user_id) DO UPDATE
                 SET nick = COALESCE(excluded.nick, social_account.nick),
                     face_url = COALESCE(excluded.face_url, social_account.face_url)",
            )
            .bind(app_id)
            .bind(user_id)
            .bind(nick)
            .bind(face_url)
            .bind(created_at)
            .execute(&mut *self.db)
            .await?;
        }
        Ok(())
    }

    /// Deletes accounts with their friend groups, also from the friends of others; see
    /// [`accounts_losing_friends`](Rows::accounts_losing_friends).
    pub async fn delete_accounts(&mut self, app_id: &str, accounts: &[(AccountId, String)]) -> Result<()> {
        let query = sql::query("DELETE FROM social_account WHERE id IN (SELECT value FROM json_each($1))");
        query.bind(numbers(accounts.iter().map(|(id, _)| id))).execute(&mut *self.db).await?;
        for (account_id, user_id) in accounts {
            self.announce(groups_changed(app_id, *account_id, user_id));
        }
        Ok(())
    }

    /// Sets sequences and number of friends of accounts of an app.
    pub async fn set_account_counters(&mut self, app_id: &str, accounts: &[Account]) -> Result<()> {
        for accounts in accounts.chunks(ROWS_PER_STATEMENT) {
            let mut update =
                QueryBuilder::new("WITH new (id, group_sequence, friend_sequence, custom_sequence, friends) AS (");
            update.push_values(accounts, |mut row, account| {
                let Sequences { groups, friends, custom } = account.sequences;
                row.push_bind(account.id);
                for number in [groups, friends, custom, account.friends] {
                    row.push_bind(saturating_i64(number));
                }
            });
            update.push(
                ") UPDATE social_account
                 SET group_sequence = CAST(new.group_sequence AS BIGINT), friend_sequence = CAST(new.friend_sequence AS BIGINT),
                     custom_sequence = CAST(new.custom_sequence AS BIGINT), friends = CAST(new.friends AS BIGINT)
                 FROM new WHERE social_account.id = CAST(new.id AS BIGINT)",
            );
            update.build().execute(&mut *self.db).await?;
        }
        for account in accounts {
            self.announce(groups_changed(app_id, account.id, &account.user_id));
        }
        Ok(())
    }
}

/// Separator of user ids in an aggregated text; no user id contains it.
const USER_ID_SEPARATOR: char = '\n';

fn groups_changed(app_id: &str, account_id: AccountId, user_id: &str) -> Change {
    Change::FriendGroupsChanged { app_id: app_id.to_owned(), account_id, user_id: Some(user_id.to_owned()) }
}

/// Returns the groups that a friend is in; `None` if there is no friend, or the friend is in no group.
fn groups_of(friend: Option<&Friend>) -> Option<&BTreeSet<String>> {
    friend.map(|friend| &friend.groups).filter(|groups| !groups.is_empty())
}

async fn write_request(
    db: &mut dyn Connection,
    from_id: AccountId,
    to_id: AccountId,
    request: &FriendRequest,
) -> Result<()> {
    sql::query(
        "INSERT INTO social_request (from_id, to_id, source, wording, created) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (from_id, to_id)
         DO UPDATE SET source = excluded.source, wording = excluded.wording, created = excluded.created",
    )
    .bind(from_id)
    .bind(to_id)
    .bind(&request.source)
    .bind(&request.wording)
    .bind(request.created_at)
    .execute(db)
    .await?;
    Ok(())
}

/// Writes the differences of one friend; returns by how many the account's number of friends changed.
async fn write_friend(
    db: &mut dyn Connection,
    account_id: AccountId,
    friend_id: AccountId,
    before: Option<&Friend>,
    after: Option<&Friend>,
) -> Result<i64> {
    let none = Friend::default();
    let (gained, old, new) = match (before, after) {
        (None, None) => return Ok(0),
        (Some(_), None) => {
            let query = sql::query("DELETE FROM social_friend WHERE account_id = $1 AND friend_id = $2");
            query.bind(account_id).bind(friend_id).execute(&mut *db).await?;
            return Ok(-1);
        }
        (Some(old), Some(new)) if old == new => return Ok(0),
        (Some(old), Some(new)) => (0, old, new),
        (None, Some(new)) => {
            let query = sql::query("DELETE FROM social_request WHERE from_id = $1 AND to_id = $2");
            query.bind(account_id).bind(friend_id).execute(&mut *db).await?;
            (1, &none, new)
        }
    };
    sql::query(
        "INSERT INTO social_friend (account_id, friend_id, remark, source, wording, added)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account_id, friend_id) DO UPDATE
         SET remark = excluded.remark, source = excluded.source, wording = excluded.wording, added = excluded.added",
    )
    .bind(account_id)
    .bind(friend_id)
    .bind(&new.remark)
    .bind(&new.source)
    .bind(&new.wording)
    .bind(new.added_s)
    .execute(&mut *db)
    .await?;
    for name in old.groups.difference(&new.groups) {
        let query = sql::query(
            "DELETE FROM social_member WHERE account_id = $1 AND friend_id = $2
             AND social_group_id = (SELECT id FROM social_group WHERE account_id = $1 AND name = $3)",
        );
        query.bind(account_id).bind(friend_id).bind(name).execute(&mut *db).await?;
    }
    for name in new.groups.difference(&old.groups) {
        let query = sql::query(
            "INSERT INTO social_member (account_id, friend_id, social_group_id)
             SELECT account_id, $2, id FROM social_group WHERE account_id = $1 AND name = $3",
        );
        query.bind(account_id).bind(friend_id).bind(name).execute(&mut *db).await?;
    }
    write_custom(db, account_id, friend_id, &old.custom, &new.custom).await?;
    Ok(gained)
}

async fn write_custom(
    db: &mut dyn Connection,
    account_id: AccountId,
    friend_id: AccountId,
    before: &BTreeMap<String, CustomValue>,
    after: &BTreeMap<String, CustomValue>,
) -> Result<()> {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        let query = sql::query("DELETE FROM social_custom WHERE account_id = $1 AND friend_id = $2 AND name = $3");
        query.bind(account_id).bind(friend_id).bind(name).execute(&mut *db).await?;
    }
    for (name, value) in after.iter().filter(|(name, value)| before.get(*name) != Some(value)) {
        let (text, number) = match value {
            CustomValue::Text(text) => (Some(text), None),
            CustomValue::Number(number) => (None, Some(*number)),
        };
        let query = sql::query(
            "INSERT INTO social_custom (account_id, friend_id, name, text, number) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (account_id, friend_id, name) DO UPDATE SET text = excluded.text, number = excluded.number",
        );
        query.bind(account_id).bind(friend_id).bind(name).bind(text).bind(number).execute(&mut *db).await?;
    }
    Ok(())
}

/// Sets the sequences of an account and adds `gained` to its number of friends.
async fn update_counters(db: &mut dyn Connection, account: &Account, sequences: Sequences, gained: i64) -> Result<()> {
    if account.sequences == sequences && gained == 0 {
        return Ok(());
    }
    sql::query(
        "UPDATE social_account SET group_sequence = $2, friend_sequence = $3, custom_sequence = $4,
                friends = friends + $5
         WHERE id = $1",
    )
    .bind(account.id)
    .bind(saturating_i64(sequences.groups))
    .bind(saturating_i64(sequences.friends))
    .bind(saturating_i64(sequences.custom))
    .bind(gained)
    .execute(db)
    .await?;
    Ok(())
}
