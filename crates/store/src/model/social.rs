//! Accounts of an app's users, their friends and friend groups.

use std::collections::{BTreeMap, BTreeSet};

use aicp_types::{AccountId, UnixMillis};

/// Version counters of an account; each increases when its data changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// Version of the friend groups and their members.
    pub groups: u64,
    /// Version of the friends and their attributes, custom values excepted.
    pub friends: u64,
    /// Version of the friends' custom values.
    pub custom: u64,
}

/// A stored account of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Row id; never reused.
    pub id: AccountId,
    /// User id, unique in the app.
    pub user_id: String,
    /// Nickname.
    pub nick: Option<String>,
    /// URL of a portrait.
    pub face_url: Option<String>,
    /// Version counters.
    pub sequences: Sequences,
    /// Number of friends. [`Tx::write_account_graph`](crate::Tx::write_account_graph) counts them itself.
    pub friends: u64,
}

/// An account to create or to update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// User id, without line feeds.
    pub user_id: String,
    /// Nickname; `None` leaves it unchanged.
    pub nick: Option<String>,
    /// URL of a portrait; `None` leaves it unchanged.
    pub face_url: Option<String>,
}

/// Custom value that an app stores about a friend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomValue {
    /// A text.
    Text(String),
    /// An integer.
    Number(i64),
}

/// Attributes that an account stores about a friend. Unset texts are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Friend {
    /// The account's own name for the friend.
    pub remark: String,
    /// Origin of the friendship.
    pub source: String,
    /// Message that accompanied the request.
    pub wording: String,
    /// When the friend was added, in seconds since the epoch.
    pub added_s: i64,
    /// Names of the friend groups that the friend is in.
    pub groups: BTreeSet<String>,
    /// Custom values by name.
    pub custom: BTreeMap<String, CustomValue>,
}

/// A pending friend request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendRequest {
    /// Origin of the request.
    pub source: String,
    /// Message of the request.
    pub wording: String,
    /// When the request was made.
    pub created_at: UnixMillis,
}

/// Another account, in relation to the account of a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The other account.
    pub account: Account,
    /// The other as a friend of the account.
    pub friend: Option<Friend>,
    /// The account as a friend of the other.
    pub reverse: Option<Friend>,
    /// The account's pending request to the other. The store deletes it when they become friends.
    pub request: Option<FriendRequest>,
    /// Number of pending requests to the other, of all accounts.
    pub requests: u64,
}

/// What an account loses when friends of it are deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostFriends {
    /// The account.
    pub account: Account,
    /// Number of lost friends; at least one.
    pub friends: u64,
    /// Whether one of them is in a friend group.
    pub in_groups: bool,
    /// Whether one of them has custom values.
    pub with_custom: bool,
}

/// Part of the social graph: an account, its friend groups, and a selection of other accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountGraph {
    /// The account itself.
    pub account: Account,
    /// Names of its friend groups, in order of creation.
    pub groups: Vec<String>,
    /// The other accounts, never the account itself.
    pub others: Vec<Other>,
}

/// Selection of the other accounts of a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelatedFilter {
    /// Accounts with these user ids, in this order; missing ones are omitted. New group members are added in this
    /// order.
    Named(Vec<String>),
    /// Friends in any of these friend groups, in any order.
    InGroups(Vec<String>),
    /// All friends, in any order.
    Friends,
    /// Page of the friends, by time of adding, then user id.
    Page {
        /// Number of friends skipped.
        offset: u64,
        /// Maximum number of friends.
        limit: u64,
    },
}

/// Detail of group members to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// Their number.
    Counted,
    /// Their user ids.
    Named,
}

/// User ids, stored in one string, as there may be many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIds {
    /// Each user id is followed by a line feed.
    lines: String,
}

impl UserIds {
    /// Iterates over the user ids.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.split_terminator('\n')
    }

    /// Returns their size in bytes.
    pub fn bytes(&self) -> usize {
        self.lines.len()
    }
}

impl<T: AsRef<str>> FromIterator<T> for UserIds {
    fn from_iter<I: IntoIterator<Item = T>>(user_ids: I) -> Self {
        let mut lines = String::new();
        for user_id in user_ids {
            lines.push_str(user_id.as_ref());
            lines.push('\n');
        }
        Self { lines }
    }
}

/// A group of friends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendGroup {
    /// Name, unique in the account.
    pub name: String,
    /// Number of members.
    pub count: u64,
    /// User ids of the members, in order of adding; empty if only counted.
    pub members: UserIds,
}

/// Friend groups of an account, in order of creation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendGroups {
    /// Increases with every change of groups and members.
    pub sequence: u64,
    /// The groups.
    pub groups: Vec<FriendGroup>,
}
