//! Accounts of an app's users, their friends and their friend groups.
//!
//! Friendship is directed: an account may have a friend without being one of that friend's friends. An operation on
//! several friends is one transaction with an outcome per friend.

mod friend_group_cache;
mod rules;

use std::collections::HashSet;
use std::sync::Arc;

use aicp_store::{AccountGraph, Other, RelatedFilter, Store, Tx};
use aicp_types::UnixMillis;

pub use aicp_store::{
    Account, CustomValue, Friend, FriendGroup, FriendGroups, Members, NewAccount, Sequences, UserIds,
};
pub(crate) use friend_group_cache::FriendGroupCache;

use crate::caller::Caller;
use crate::{Inner, Missing, Platform, Result};

/// Limits of an account. The interface that offers accounts sets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocialLimits {
    /// Groups of friends.
    pub groups: usize,
    /// Friends.
    pub friends: u64,
    /// Requests of others that wait for an answer.
    pub requests: u64,
    /// Custom values about one friend.
    pub custom_values: usize,
    /// Friends on a page.
    pub page: u64,
}

/// Handling of friend requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FriendRequests {
    /// Requests are granted.
    #[default]
    Granted,
    /// Requests are stored and wait for approval.
    Kept,
    /// Requests are refused.
    Refused,
}

/// The sides of a friendship that an operation changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// The account's side only.
    Own,
    /// Both sides.
    Both,
}

/// Data to set for a friend. Absent fields stay unchanged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FriendFields {
    /// User id of the friend.
    pub user_id: String,
    /// The account's name for the friend; empty: none.
    pub remark: Option<String>,
    /// Source of the friendship.
    pub source: Option<String>,
    /// Message of the friend request.
    pub wording: Option<String>,
    /// Time of adding, in seconds since the epoch.
    pub added_s: Option<i64>,
    /// All groups of the friend; missing ones are created.
    pub groups: Option<Vec<String>>,
    /// Custom values by name; an empty text deletes the value.
    pub custom: Vec<(String, CustomValue)>,
}

/// Why an operation changed nothing for one of several friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FriendError {
    /// The app has no such account.
    #[error("no such account")]
    NoAccount,
    /// An account can't be its own friend.
    #[error("the account itself")]
    SameAccount,
    /// The account has no such friend.
    #[error("not a friend")]
    NotAFriend,
    /// The account has this friend already.
    #[error("a friend already")]
    AlreadyFriends,
    /// The account has reached the limit of friends.
    #[error("no more friends are allowed")]
    TooManyFriends,
    /// The other account has reached the limit of friends.
    #[error("the other has too many friends")]
    OtherHasTooManyFriends,
    /// The account would exceed the limit of groups.
    #[error("no more groups are allowed")]
    TooManyGroups,
    /// The friend would exceed the limit of custom values.
    #[error("no more custom values are allowed")]
    TooManyValues,
    /// The other account has reached the limit of pending requests.
    #[error("no more requests are allowed")]
    TooManyRequests,
    /// The other account must approve; the request is stored.
    #[error("waits for a yes")]
    Asked,
    /// The other account refuses friend requests.
    #[error("refused")]
    Refused,
}

/// Outcome for one of several friends.
pub type FriendOutcome = Result<(), FriendError>;

/// Friendship between two accounts, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// Whether the first account has the second as a friend.
    pub has: bool,
    /// Whether the second account has the first as a friend.
    pub has_reverse: bool,
}

/// A friend with all data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFriend {
    /// The friend's account.
    pub account: Account,
    /// The account's data of the friend.
    pub friend: Friend,
    /// The groups of the friend, in order of creation.
    pub groups: Vec<String>,
}

/// A page of the friends of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendPage {
    /// The account's sequences.
    pub sequences: Sequences,
    /// Total number of friends.
    pub total: u64,
    /// At most [`SocialLimits::page`] friends, ordered by time of adding, then name.
    pub friends: Vec<KnownFriend>,
}

/// Operations of an app on the accounts of its users.
///
/// Operations on one account fail with [`Missing::Account`] if the app has no account of that name. Names of accounts
/// contain no line ends. Only the first occurrence of a repeated name takes effect, but each has an outcome.
#[derive(Clone, Copy)]
pub struct Social<'a> {
    store: &'a Store,
    remembered: &'a FriendGroupCache,
    app_id: &'a str,
    requests: FriendRequests,
    limits: SocialLimits,
    now: UnixMillis,
}

impl Platform {
    /// Returns the social operations of an app, at the current time.
    pub fn social<'a>(&'a self, caller: &'a Caller, limits: SocialLimits) -> Social<'a> {
        let requests = self.inner.settings.load().friend_requests;
        let Inner { store, friend_groups: remembered, .. } = &*self.inner;
        Social { store, remembered, app_id: caller.app_id(), requests, limits, now: self.now() }
    }
}

impl Social<'_> {
    /// Creates accounts; updates the given fields of existing ones.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn import_accounts(&self, accounts: Vec<NewAccount>) -> Result<()> {
        let (app_id, now) = (self.app_id.to_owned(), self.now);
        let imported =
            self.store.write(move |tx| Box::pin(async move { Ok(tx.import_accounts(&app_id, accounts, now).await?) }));
        imported.await
    }

    /// Returns which of these names are accounts.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn known_accounts(&self, user_ids: &[String]) -> Result<HashSet<String>> {
        let known = self.store.rows().await?.accounts_named(self.app_id, user_ids).await?;
        Ok(known.into_iter().map(|(_, user_id)| user_id).collect())
    }

    /// Deletes accounts with all their data, and removes them from other accounts' friends. Returns the names of those
    /// that existed.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn delete_accounts(&self, user_ids: Vec<String>) -> Result<HashSet<String>> {
        let app_id = self.app_id.to_owned();
        self.store.remove(move |tx| Box::pin(delete_accounts(tx, app_id, user_ids))).await
    }

    /// Returns all groups of an account, in order of creation.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn friend_groups(&self, user_id: &str, members: Members) -> Result<Arc<FriendGroups>> {
        let read_at = match self.remembered.get(self.app_id, user_id, members) {
            Ok(groups) => return Ok(groups),
            Err(read_at) => read_at,
        };
        let mut rows = self.store.rows().await?;
        let groups = rows.friend_groups(self.app_id, user_id, None, members).await?.ok_or(Missing::Account)?;
        let groups = Arc::new(groups);
        self.remembered.insert(self.app_id, user_id, members, &groups, read_at);
        Ok(groups)
    }

    /// Returns those of these groups that an account has, with their members, in order of creation.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn named_friend_groups(&self, user_id: &str, names: &[String]) -> Result<FriendGroups> {
        let groups = self.store.rows().await?.friend_groups(self.app_id, user_id, Some(names), Members::Named).await?;
        groups.ok_or(Missing::Account.into())
    }

    /// Creates missing groups and adds friends to all named groups. Returns the sequence of the groups and the outcome
    /// for each friend.
    ///
    /// # Errors
    /// [`crate::Limit::FriendGroups`], in which case nothing changes; [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn add_friend_groups(
        &self,
        user_id: &str,
        names: Vec<String>,
        friends: Vec<String>,
    ) -> Result<(u64, Vec<FriendOutcome>)> {
        let around = RelatedFilter::Named(friends.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::add_groups(circle, limits, &names, &friends)).await?
    }

    /// Deletes groups, ignoring unknown ones; their members stay friends. Returns the sequence of the groups.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn delete_friend_groups(&self, user_id: &str, names: Vec<String>) -> Result<u64> {
        let around = RelatedFilter::InGroups(names.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::delete_groups(circle, limits, &names)).await
    }

    /// Adds friends on one or both sides. Unless `is_forced`, the setting for friend requests applies. Remark, groups
    /// and custom values are set on the account's side only.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn add_friends(
        &self,
        user_id: &str,
        friends: Vec<FriendFields>,
        sides: Sides,
        is_forced: bool,
    ) -> Result<Vec<FriendOutcome>> {
        let requests = if is_forced { FriendRequests::Granted } else { self.requests };
        let now = self.now;
        let around = around(&friends);
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::add_friends(circle, limits, &friends, sides, requests, now))
            .await
    }

    /// Adds friends on the account's side, without requests; updates the given fields of existing friends.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn import_friends(&self, user_id: &str, friends: Vec<FriendFields>) -> Result<Vec<FriendOutcome>> {
        let now = self.now;
        let around = around(&friends);
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::import_friends(circle, limits, &friends, now)).await
    }

    /// Updates the given fields of friends.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn update_friends(&self, user_id: &str, friends: Vec<FriendFields>) -> Result<Vec<FriendOutcome>> {
        let around = around(&friends);
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::update_friends(circle, limits, &friends)).await
    }

    /// Removes friends with all their data, on one or both sides.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn delete_friends(
        &self,
        user_id: &str,
        friends: Vec<String>,
        sides: Sides,
    ) -> Result<Vec<FriendOutcome>> {
        let around = RelatedFilter::Named(friends.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::delete_friends(circle, limits, &friends, sides)).await
    }

    /// Removes all friends, on one or both sides. The groups remain, empty.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn delete_all_friends(&self, user_id: &str, sides: Sides) -> Result<()> {
        let limits = self.limits;
        self.change(user_id, RelatedFilter::Friends, move |circle| rules::delete_all_friends(circle, limits, sides))
            .await
    }

    /// Returns the relation of an account to each of some others; `None` for unknown accounts.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn relations(&self, user_id: &str, others: &[String]) -> Result<Vec<Option<Relation>>> {
        let circle = self.circle(user_id, RelatedFilter::Named(others.to_vec())).await?;
        let relation = |other: &Other| Relation { has: other.friend.is_some(), has_reverse: other.reverse.is_some() };
        let relation_to = |found| match found {
            Err(FriendError::SameAccount) => Some(Relation { has: false, has_reverse: false }),
            Err(_) => None,
            Ok(other) => Some(relation(other)),
        };
        Ok(rules::find_each(&circle, others).into_iter().map(relation_to).collect())
    }

    /// Returns a page of the friends of an account, after the first `start` friends.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn friend_page(&self, user_id: &str, start: u64) -> Result<FriendPage> {
        let mut circle = self.circle(user_id, RelatedFilter::Page { offset: start, limit: self.limits.page }).await?;
        let others = std::mem::take(&mut circle.others);
        let friends = others.into_iter().filter_map(|other| known_friend(&circle.groups, other)).collect();
        Ok(FriendPage { sequences: circle.account.sequences, total: circle.account.friends, friends })
    }

    /// Returns each of these friends of an account.
    ///
    /// # Errors
    /// [`Missing::Account`], [`crate::Internal::Store`].
    pub async fn friends(&self, user_id: &str, friends: &[String]) -> Result<Vec<Result<KnownFriend, FriendError>>> {
        let circle = self.circle(user_id, RelatedFilter::Named(friends.to_vec())).await?;
        let known = |found: Result<&Other, FriendError>| {
            let other = found.map_err(rules::no_friend_of_oneself)?;
            known_friend(&circle.groups, other.clone()).ok_or(FriendError::NotAFriend)
        };
        Ok(rules::find_each(&circle, friends).into_iter().map(known).collect())
    }

    async fn circle(&self, user_id: &str, around: RelatedFilter) -> Result<AccountGraph> {
        self.store.snapshot().await?.account_graph(self.app_id, user_id, around).await?.ok_or(Missing::Account.into())
    }

    async fn change<T: Send + 'static>(
        &self,
        user_id: &str,
        around: RelatedFilter,
        work: impl FnOnce(&AccountGraph) -> (AccountGraph, T) + Send + 'static,
    ) -> Result<T> {
        let (app_id, user_id) = (self.app_id.to_owned(), user_id.to_owned());
        let changed = self.store.write(move |tx| {
            Box::pin(async move {
                let before = tx.account_graph(&app_id, &user_id, around).await?.ok_or(Missing::Account)?;
                let (after, outcome) = work(&before);
                tx.write_account_graph(&app_id, &before, &after).await?;
                Ok(outcome)
            })
        });
        changed.await
    }
}

/// Deletes accounts, also from the friends of others; returns the names of those that existed.
async fn delete_accounts(tx: &mut Tx, app_id: String, user_ids: Vec<String>) -> Result<HashSet<String>> {
    let deleted = tx.accounts_named(&app_id, &user_ids).await?;
    let losing = tx.accounts_losing_friends(&deleted).await?;
    let losing: Vec<Account> = losing.into_iter().map(rules::without_lost_friends).collect();
    tx.set_account_counters(&app_id, &losing).await?;
    tx.delete_accounts(&app_id, &deleted).await?;
    Ok(deleted.into_iter().map(|(_, user_id)| user_id).collect())
}

fn around(friends: &[FriendFields]) -> RelatedFilter {
    RelatedFilter::Named(friends.iter().map(|friend| friend.user_id.clone()).collect())
}

fn known_friend(groups: &[String], other: Other) -> Option<KnownFriend> {
    let friend = other.friend?;
    let groups = groups.iter().filter(|name| friend.groups.contains(*name)).cloned().collect();
    Some(KnownFriend { account: other.account, friend, groups })
}

#[cfg(test)]
mod tests;
