//! Accounts of an app's users, their friends and friend groups.

use std::collections::{BTreeMap, BTreeSet};

use aicp_types::{AccountId, UnixMillis};

/// Numbers that only grow; one does when what it stands for changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    /// The groups and who is in them.
    pub groups: u64,
    /// The friends and what is kept about each, save for custom values.
    pub friends: u64,
    /// The custom values kept about friends.
    pub custom: u64,
}

/// The account of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Row id; never reused.
    pub id: AccountId,
    /// Its name, unique inside the app.
    pub user_id: String,
    /// Nickname.
    pub nick: Option<String>,
    /// Address of a portrait.
    pub face_url: Option<String>,
    /// What is compared to see whether something changed.
    pub sequences: Sequences,
    /// How many friends it has. The store counts: to change this number has no effect.
    pub friends: u64,
}

/// An account to make, or to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    /// Its name, without line ends.
    pub user_id: String,
    /// Nickname; none: as it is.
    pub nick: Option<String>,
    /// Address of a portrait; none: as it is.
    pub face_url: Option<String>,
}

/// A value that an app keeps about a friend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CustomValue {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
}

/// What an account keeps about one of its friends. Texts are empty if unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Friend {
    /// What it calls the friend.
    pub remark: String,
    /// Where they met.
    pub source: String,
    /// What was said when they did.
    pub wording: String,
    /// Since when: seconds since the epoch.
    pub added_s: i64,
    /// Names of the groups that the friend is in.
    pub groups: BTreeSet<String>,
    /// Custom values by name.
    pub custom: BTreeMap<String, CustomValue>,
}

/// The wish to have somebody as a friend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendRequest {
    /// Where they met.
    pub source: String,
    /// What is said.
    pub wording: String,
    /// Milliseconds since the epoch.
    pub created_at: UnixMillis,
}

/// Another account, as seen from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// The other account.
    pub account: Account,
    /// It as a friend of the one.
    pub friend: Option<Friend>,
    /// The one as a friend of it.
    pub reverse: Option<Friend>,
    /// The one waits to have it as a friend. Gone by itself when it has.
    pub request: Option<FriendRequest>,
    /// How many wait to have it as a friend.
    pub requests: u64,
}

/// An account, its groups, and some others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The one in the middle.
    pub account: Account,
    /// Names of its groups, in the order of making.
    pub groups: Vec<String>,
    /// The others. None is the one in the middle.
    pub others: Vec<Other>,
}

/// Which others belong to a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Around {
    /// Those of these names that there are, in this order; new members of groups are added in it.
    Named(Vec<String>),
    /// The friends that are in some of these groups, in any order.
    InGroups(Vec<String>),
    /// All friends, in any order.
    Friends,
    /// Friends by time of adding, then name.
    Page {
        /// So many are left out.
        offset: u64,
        /// So many at most.
        limit: u64,
    },
}

/// Whose members are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Members {
    /// How many there are is enough.
    Counted,
    /// Their names.
    Named,
}

/// Names of accounts, kept as one text: there may be many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserIds {
    /// With a line end after each.
    lines: String,
}

impl UserIds {
    /// The names, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.split_terminator('\n')
    }

    /// How many bytes they take.
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
    /// Its name, unique inside the account.
    pub name: String,
    /// How many are in it.
    pub count: u64,
    /// Who is in it, in the order of adding; empty if only counted.
    pub members: UserIds,
}

/// Groups of an account, in the order of making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FriendGroups {
    /// Changes with every change of groups and members.
    pub sequence: u64,
    /// The groups.
    pub groups: Vec<FriendGroup>,
}
