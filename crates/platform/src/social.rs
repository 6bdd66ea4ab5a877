//! Accounts of an app's users, their friends, and the groups that they put friends into.
//!
//! An account has friends of its own: that it has somebody as a friend does not mean that it is one of theirs. Whatever
//! is asked about several friends at once is done as a whole, with an outcome for each.

mod remembered;
mod rules;

use std::collections::HashSet;
use std::sync::Arc;

use aicp_store::{Around, Circle, Other, Store};
use aicp_types::UnixMillis;

pub use aicp_store::{
    Account, CustomValue, Friend, FriendGroup, FriendGroups, Members, NewAccount, Sequences, UserIds,
};
pub(crate) use remembered::RememberedGroups;

use crate::apps::App;
use crate::{Error, Inner, Platform, Result};

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

/// What becomes of somebody's wish to have an account as a friend.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FriendRequests {
    /// It is granted.
    #[default]
    Granted,
    /// It waits for the account's yes.
    Kept,
    /// It is refused.
    Refused,
}

/// One side of a friendship, or the other one's as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// The account's own.
    Own,
    /// Both.
    Both,
}

/// What is to be kept about a friend. What is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FriendFields {
    /// The friend.
    pub user_id: String,
    /// What the account calls the friend; empty: nothing.
    pub remark: Option<String>,
    /// Where they met.
    pub source: Option<String>,
    /// What was said when they did.
    pub wording: Option<String>,
    /// Since when, in seconds since the epoch.
    pub added_s: Option<i64>,
    /// All groups that the friend is in. Those that are missing are made.
    pub groups: Option<Vec<String>>,
    /// Custom values by name; an empty text takes one away.
    pub custom: Vec<(String, CustomValue)>,
}

/// Why nothing was done about one of several friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FriendError {
    /// The app has no such account.
    #[error("no such account")]
    NoAccount,
    /// Nobody is a friend of their own.
    #[error("the account itself")]
    Oneself,
    /// The account has no such friend.
    #[error("not a friend")]
    NotAFriend,
    /// The account has this friend.
    #[error("a friend already")]
    AlreadyFriends,
    /// The account has as many friends as are allowed.
    #[error("no more friends are allowed")]
    TooManyFriends,
    /// The other account has as many friends as are allowed.
    #[error("the other has too many friends")]
    OtherHasTooManyFriends,
    /// The account would have more groups than are allowed.
    #[error("no more groups are allowed")]
    TooManyGroups,
    /// There would be more custom values about the friend than are allowed.
    #[error("no more custom values are allowed")]
    TooManyValues,
    /// As many as are allowed wait for the other one's yes.
    #[error("no more requests are allowed")]
    TooManyRequests,
    /// The other one has to say yes first; the request is kept.
    #[error("waits for a yes")]
    Asked,
    /// The other one wants no friends.
    #[error("refused")]
    Refused,
}

/// How it went with one of several friends.
pub type FriendOutcome = Result<(), FriendError>;

/// Who of two accounts has the other as a friend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relation {
    /// The one has the other.
    pub has: bool,
    /// The other has the one.
    pub is_had: bool,
}

/// A friend with everything that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFriend {
    /// The friend's account.
    pub account: Account,
    /// What is kept about the friend.
    pub friend: Friend,
    /// The groups that the friend is in, in the order in which they were made.
    pub groups: Vec<String>,
}

/// Some friends of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendPage {
    /// The account's sequences.
    pub sequences: Sequences,
    /// How many friends it has in all.
    pub total: u64,
    /// At most [`SocialLimits::page`] of them, by time of adding, then name.
    pub friends: Vec<KnownFriend>,
}

/// What an app may do with the accounts of its users.
///
/// Whatever is about one account gives [`Error::NoAccount`] if the app has none of that name. Names of accounts have no
/// line ends; of names that are given several times only the first counts, but each has an outcome.
#[derive(Clone, Copy)]
pub struct Social<'a> {
    store: &'a Store,
    remembered: &'a RememberedGroups,
    app_id: &'a str,
    requests: FriendRequests,
    limits: SocialLimits,
    now: UnixMillis,
}

impl Platform {
    /// The accounts of an app's users, as of now.
    pub fn social<'a>(&'a self, app: &'a App, limits: SocialLimits) -> Social<'a> {
        let requests = self.inner.settings.friend_requests;
        let Inner { store, friend_groups: remembered, .. } = &*self.inner;
        Social { store, remembered, app_id: app.id(), requests, limits, now: self.now() }
    }
}

impl Social<'_> {
    /// Makes accounts; of those that there are, sets what is given.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn import_accounts(&self, accounts: Vec<NewAccount>) -> Result<()> {
        Ok(self.store.import_accounts(self.app_id, accounts, self.now).await?)
    }

    /// Those of these names that are accounts.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn known_accounts(&self, user_ids: &[String]) -> Result<HashSet<String>> {
        Ok(self.store.known_accounts(self.app_id, user_ids).await?.into_iter().collect())
    }

    /// Deletes accounts with everything that is kept about them, also as others' friends. Returns which of them there
    /// were.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn delete_accounts(&self, user_ids: Vec<String>) -> Result<HashSet<String>> {
        Ok(self.store.delete_accounts(self.app_id, user_ids).await?.into_iter().collect())
    }

    /// All groups of an account, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn friend_groups(&self, user_id: &str, members: Members) -> Result<Arc<FriendGroups>> {
        let before = match self.remembered.of(self.app_id, user_id, members) {
            Ok(groups) => return Ok(groups),
            Err(before) => before,
        };
        let groups = self.store.friend_groups(self.app_id, user_id, None, members).await?.ok_or(Error::NoAccount)?;
        let groups = Arc::new(groups);
        self.remembered.remember(self.app_id, user_id, members, before, &groups);
        Ok(groups)
    }

    /// Those of these groups that an account has, with their members, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn named_friend_groups(&self, user_id: &str, names: &[String]) -> Result<FriendGroups> {
        let groups = self.store.friend_groups(self.app_id, user_id, Some(names), Members::Named).await?;
        groups.ok_or(Error::NoAccount)
    }

    /// Makes those groups that are missing, and puts friends into each of these. Returns the sequence of the groups and
    /// how it went with each friend.
    ///
    /// # Errors
    /// [`Error::TooManyFriendGroups`], and then nothing is done; [`Error::NoAccount`], [`Error::Store`].
    pub async fn add_friend_groups(
        &self,
        user_id: &str,
        names: Vec<String>,
        friends: Vec<String>,
    ) -> Result<(u64, Vec<FriendOutcome>)> {
        let around = Around::Named(friends.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::add_groups(circle, limits, &names, &friends)).await?
    }

    /// Deletes those of these groups that there are; their members stay friends. Returns the sequence of the groups.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn delete_friend_groups(&self, user_id: &str, names: Vec<String>) -> Result<u64> {
        let around = Around::InGroups(names.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::delete_groups(circle, limits, &names)).await
    }

    /// Adds friends: to the account, or to both sides. Unless `is_forced`, the other one's leave is asked. Remark,
    /// groups and custom values are the account's alone.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
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

    /// Adds friends to the account alone, without leave; of those that there are, sets what is given.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn import_friends(&self, user_id: &str, friends: Vec<FriendFields>) -> Result<Vec<FriendOutcome>> {
        let now = self.now;
        let around = around(&friends);
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::import_friends(circle, limits, &friends, now)).await
    }

    /// Sets what is given about friends.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn update_friends(&self, user_id: &str, friends: Vec<FriendFields>) -> Result<Vec<FriendOutcome>> {
        let around = around(&friends);
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::update_friends(circle, limits, &friends)).await
    }

    /// Takes friends from the account, or from both sides, with everything that is kept about them.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn delete_friends(
        &self,
        user_id: &str,
        friends: Vec<String>,
        sides: Sides,
    ) -> Result<Vec<FriendOutcome>> {
        let around = Around::Named(friends.clone());
        let limits = self.limits;
        self.change(user_id, around, move |circle| rules::delete_friends(circle, limits, &friends, sides)).await
    }

    /// Takes all friends from the account, or from both sides. The groups stay, empty.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn delete_all_friends(&self, user_id: &str, sides: Sides) -> Result<()> {
        let limits = self.limits;
        self.change(user_id, Around::Friends, move |circle| rules::delete_all_friends(circle, limits, sides)).await
    }

    /// How an account stands to each of some others; none for those that are no accounts.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn relations(&self, user_id: &str, others: &[String]) -> Result<Vec<Option<Relation>>> {
        let circle = self.circle(user_id, Around::Named(others.to_vec())).await?;
        let relation = |other: &Other| Relation { has: other.friend.is_some(), is_had: other.reverse.is_some() };
        let relation_to = |found| match found {
            Err(FriendError::Oneself) => Some(Relation { has: false, is_had: false }),
            Err(_) => None,
            Ok(other) => Some(relation(other)),
        };
        Ok(rules::find_each(&circle, others).into_iter().map(relation_to).collect())
    }

    /// Friends of an account, leaving out the first `start`.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn friend_page(&self, user_id: &str, start: u64) -> Result<FriendPage> {
        let mut circle = self.circle(user_id, Around::Page { offset: start, limit: self.limits.page }).await?;
        let others = std::mem::take(&mut circle.others);
        let friends = others.into_iter().filter_map(|other| known_friend(&circle.groups, other)).collect();
        Ok(FriendPage { sequences: circle.account.sequences, total: circle.account.friends, friends })
    }

    /// Each of these friends of an account.
    ///
    /// # Errors
    /// [`Error::NoAccount`], [`Error::Store`].
    pub async fn friends(&self, user_id: &str, friends: &[String]) -> Result<Vec<Result<KnownFriend, FriendError>>> {
        let circle = self.circle(user_id, Around::Named(friends.to_vec())).await?;
        let known = |found: Result<&Other, FriendError>| {
            let other = found.map_err(rules::no_friend_of_oneself)?;
            known_friend(&circle.groups, other.clone()).ok_or(FriendError::NotAFriend)
        };
        Ok(rules::find_each(&circle, friends).into_iter().map(known).collect())
    }

    async fn circle(&self, user_id: &str, around: Around) -> Result<Circle> {
        self.store.circle(self.app_id, user_id, around).await?.ok_or(Error::NoAccount)
    }

    async fn change<T: Send + 'static>(
        &self,
        user_id: &str,
        around: Around,
        work: impl FnOnce(&Circle) -> (Circle, T) + Send + 'static,
    ) -> Result<T> {
        self.store.change_circle(self.app_id, user_id, around, work).await?.ok_or(Error::NoAccount)
    }
}

fn around(friends: &[FriendFields]) -> Around {
    Around::Named(friends.iter().map(|friend| friend.user_id.clone()).collect())
}

fn known_friend(groups: &[String], other: Other) -> Option<KnownFriend> {
    let friend = other.friend?;
    let groups = groups.iter().filter(|name| friend.groups.contains(*name)).cloned().collect();
    Some(KnownFriend { account: other.account, friend, groups })
}

#[cfg(test)]
mod tests;
