//! Rules for changes of an account and related accounts. A rule is a pure function from a circle, which is an account
//! together with some other accounts, to the changed circle.
//!
//! A deletion of accounts affects more accounts than a circle holds: [`without_lost_friends`] is its rule, for each of
//! them alone.

use std::collections::{BTreeSet, HashMap, HashSet};

use aicp_store::{Account, AccountGraph, CustomValue, Friend, FriendRequest, LostFriends, Other, Sequences};
use aicp_types::UnixMillis;

use super::{FriendError, FriendFields, FriendOutcome, FriendRequests, Sides, SocialLimits};
use crate::{Error, Limit, Result};

/// Returns the named other accounts of a circle.
pub(super) fn find_each<'a>(circle: &'a AccountGraph, user_ids: &[String]) -> Vec<Result<&'a Other, FriendError>> {
    let others: HashMap<&str, &Other> =
        circle.others.iter().map(|other| (other.account.user_id.as_str(), other)).collect();
    let find = |user_id: &String| {
        if *user_id == circle.account.user_id {
            return Err(FriendError::SameAccount);
        }
        others.get(user_id.as_str()).copied().ok_or(FriendError::NoAccount)
    };
    user_ids.iter().map(find).collect()
}

/// Maps [`FriendError::SameAccount`] to [`FriendError::NotAFriend`], for operations on existing friends.
pub(super) fn no_friend_of_oneself(e: FriendError) -> FriendError {
    if e == FriendError::SameAccount { FriendError::NotAFriend } else { e }
}

pub(super) fn add_groups(
    before: &AccountGraph,
    limits: SocialLimits,
    names: &[String],
    friends: &[String],
) -> (AccountGraph, Result<(u64, Vec<FriendOutcome>)>) {
    let mut edit = Edit::of(before, limits);
    if edit.make_groups(names).is_err() {
        return (before.clone(), Err(Error::Full(Limit::FriendGroups)));
    }
    let names: BTreeSet<&String> = names.iter().collect();
    let outcomes = edit.each(friends, String::as_str, |edit, place, _| {
        let friend = edit.other(place)?.friend.as_mut().ok_or(FriendError::NotAFriend)?;
        friend.groups.extend(names.iter().copied().cloned());
        Ok(())
    });
    let outcomes = outcomes.into_iter().map(|outcome| outcome.map_err(no_friend_of_oneself)).collect();
    let after = edit.finish(before);
    let sequence = after.account.sequences.groups;
    (after, Ok((sequence, outcomes)))
}

pub(super) fn delete_groups(before: &AccountGraph, limits: SocialLimits, names: &[String]) -> (AccountGraph, u64) {
    let mut edit = Edit::of(before, limits);
    let names: HashSet<&String> = names.iter().collect();
    edit.circle.groups.retain(|group| !names.contains(group));
    for friend in edit.circle.others.iter_mut().filter_map(|other| other.friend.as_mut()) {
        friend.groups.retain(|group| !names.contains(group));
    }
    let after = edit.finish(before);
    let sequence = after.account.sequences.groups;
    (after, sequence)
}

pub(super) fn add_friends(
    before: &AccountGraph,
    limits: SocialLimits,
    friends: &[FriendFields],
    sides: Sides,
    requests: FriendRequests,
    now: UnixMillis,
) -> (AccountGraph, Vec<FriendOutcome>) {
    let mut edit = Edit::of(before, limits);
    let outcomes = edit.each(friends, FriendFields::name, |edit, place, fields| {
        let has_room = edit.has_room();
        let other = edit.other(place)?;
        if other.friend.is_some() {
            return Err(FriendError::AlreadyFriends);
        }
        if !has_room {
            return Err(FriendError::TooManyFriends);
        }
        let is_new_there = sides == Sides::Both && other.reverse.is_none();
        if is_new_there && other.account.friends >= limits.friends {
            return Err(FriendError::OtherHasTooManyFriends);
        }
        match requests {
            FriendRequests::Granted => {}
            FriendRequests::Kept => return Err(store_request(other, fields, limits, now)),
            FriendRequests::Refused => return Err(FriendError::Refused),
        }
        edit.set(place, fields, new_friend(now))?;
        if is_new_there {
            let met = Friend {
                source: fields.source.clone().unwrap_or_default(),
                wording: fields.wording.clone().unwrap_or_default(),
                ..new_friend(now)
            };
            edit.other(place)?.reverse = Some(met);
        }
        Ok(())
    });
    (edit.finish(before), outcomes)
}

pub(super) fn import_friends(
    before: &AccountGraph,
    limits: SocialLimits,
    friends: &[FriendFields],
    now: UnixMillis,
) -> (AccountGraph, Vec<FriendOutcome>) {
    let mut edit = Edit::of(before, limits);
    let outcomes = edit.each(friends, FriendFields::name, |edit, place, fields| {
        let known = edit.other(place)?.friend.clone();
        if known.is_none() && !edit.has_room() {
            return Err(FriendError::TooManyFriends);
        }
        edit.set(place, fields, known.unwrap_or_else(|| new_friend(now)))
    });
    (edit.finish(before), outcomes)
}

pub(super) fn update_friends(
    before: &AccountGraph,
    limits: SocialLimits,
    friends: &[FriendFields],
) -> (AccountGraph, Vec<FriendOutcome>) {
    let mut edit = Edit::of(before, limits);
    let outcomes = edit.each(friends, FriendFields::name, |edit, place, fields| {
        let known = edit.other(place)?.friend.clone().ok_or(FriendError::NotAFriend)?;
        edit.set(place, fields, known)
    });
    (edit.finish(before), outcomes.into_iter().map(|outcome| outcome.map_err(no_friend_of_oneself)).collect())
}

pub(super) fn delete_friends(
    before: &AccountGraph,
    limits: SocialLimits,
    friends: &[String],
    sides: Sides,
) -> (AccountGraph, Vec<FriendOutcome>) {
    let mut edit = Edit::of(before, limits);
    let outcomes = edit.each(friends, String::as_str, |edit, place, _| unfriend(edit.other(place)?, sides));
    (edit.finish(before), outcomes.into_iter().map(|outcome| outcome.map_err(no_friend_of_oneself)).collect())
}

pub(super) fn delete_all_friends(before: &AccountGraph, limits: SocialLimits, sides: Sides) -> (AccountGraph, ()) {
    let mut edit = Edit::of(before, limits);
    for other in &mut edit.circle.others {
        // Never fails: all others are friends.
        let _ = unfriend(other, sides);
    }
    (edit.finish(before), ())
}

fn unfriend(other: &mut Other, sides: Sides) -> FriendOutcome {
    other.friend.take().ok_or(FriendError::NotAFriend)?;
    if sides == Sides::Both {
        other.reverse = None;
    }
    Ok(())
}

/// Stores a friend request, unless one is pending already.
fn store_request(other: &mut Other, fields: &FriendFields, limits: SocialLimits, now: UnixMillis) -> FriendError {
    if other.request.is_none() {
        if other.requests >= limits.requests {
            return FriendError::TooManyRequests;
        }
        other.request = Some(FriendRequest {
            source: fields.source.clone().unwrap_or_default(),
            wording: fields.wording.clone().unwrap_or_default(),
            created_at: now,
        });
    }
    FriendError::Asked
}

fn new_friend(now: UnixMillis) -> Friend {
    Friend { added_s: now.seconds(), ..Friend::default() }
}

impl FriendFields {
    fn name(&self) -> &str {
        &self.user_id
    }
}

/// A circle under change.
struct Edit {
    circle: AccountGraph,
    /// Index of each other account, by user id.
    places: HashMap<String, usize>,
    /// Current number of friends of the account.
    friends: u64,
    limits: SocialLimits,
}

impl Edit {
    fn of(before: &AccountGraph, limits: SocialLimits) -> Self {
        let places = before.others.iter().enumerate().map(|(place, other)| (other.account.user_id.clone(), place));
        Self { places: places.collect(), friends: before.account.friends, limits, circle: before.clone() }
    }

    fn other(&mut self, place: usize) -> Result<&mut Other, FriendError> {
        self.circle.others.get_mut(place).ok_or(FriendError::NoAccount)
    }

    fn has_room(&self) -> bool {
        self.friends < self.limits.friends
    }

    /// Applies an operation to each named account; a failed one leaves its account unchanged. A repeated name is
    /// processed once and gets the same outcome.
    fn each<T>(
        &mut self,
        items: &[T],
        name: impl Fn(&T) -> &str,
        mut work: impl FnMut(&mut Self, usize, &T) -> FriendOutcome,
    ) -> Vec<FriendOutcome> {
        let mut known: HashMap<&str, FriendOutcome> = HashMap::with_capacity(items.len());
        let mut outcomes = Vec::with_capacity(items.len());
        for item in items {
            let name = name(item);
            let outcome = match known.get(name) {
                Some(outcome) => *outcome,
                None if name == self.circle.account.user_id => Err(FriendError::SameAccount),
                None => match self.places.get(name) {
                    Some(place) => work(self, *place, item),
                    None => Err(FriendError::NoAccount),
                },
            };
            known.insert(name, outcome);
            outcomes.push(outcome);
        }
        outcomes
    }

    /// Creates missing groups, all or none. Stops at the first group above the limit: all other writes wait while this
    /// runs.
    fn make_groups(&mut self, names: &[String]) -> Result<(), FriendError> {
        let mut groups = self.circle.groups.clone();
        for name in names {
            if groups.contains(name) {
                continue;
            }
            if groups.len() >= self.limits.groups {
                return Err(FriendError::TooManyGroups);
            }
            groups.push(name.clone());
        }
        self.circle.groups = groups;
        Ok(())
    }

    /// Sets a friend to `known` with the given fields changed.
    fn set(&mut self, place: usize, given: &FriendFields, known: Friend) -> Result<(), FriendError> {
        let FriendFields { user_id: _, remark, source, wording, added_s, groups, custom } = given;
        let mut friend = Friend {
            remark: remark.clone().unwrap_or(known.remark),
            source: source.clone().unwrap_or(known.source),
            wording: wording.clone().unwrap_or(known.wording),
            added_s: added_s.unwrap_or(known.added_s),
            ..known
        };
        for (name, value) in custom {
            match value {
                CustomValue::Text(text) if text.is_empty() => friend.custom.remove(name),
                value => friend.custom.insert(name.clone(), value.clone()),
            };
        }
        if friend.custom.len() > self.limits.custom_values {
            return Err(FriendError::TooManyValues);
        }
        if let Some(groups) = groups {
            self.make_groups(groups)?;
            friend.groups = groups.iter().cloned().collect::<BTreeSet<_>>();
        }
        let is_new = self.other(place)?.friend.replace(friend).is_none();
        self.friends += u64::from(is_new);
        Ok(())
    }

    /// Returns the changed circle. Increments by one each sequence whose data changed, for every account;
    /// [`without_lost_friends`] does the same when accounts are deleted.
    fn finish(mut self, before: &AccountGraph) -> AccountGraph {
        let mut own = Changed { groups: self.circle.groups != before.groups, ..Changed::default() };
        for (old, new) in before.others.iter().zip(&mut self.circle.others) {
            own = own.and(Changed::between(old.friend.as_ref(), new.friend.as_ref()));
            Changed::between(old.reverse.as_ref(), new.reverse.as_ref()).count(&mut new.account.sequences);
        }
        own.count(&mut self.circle.account.sequences);
        self.circle
    }
}

/// Kinds of data that changed for an account.
#[derive(Clone, Copy, Default)]
struct Changed {
    groups: bool,
    friends: bool,
    custom: bool,
}

impl Changed {
    fn between(old: Option<&Friend>, new: Option<&Friend>) -> Self {
        let (none, is_same_friend) = (Friend::default(), old.is_some() == new.is_some());
        let (old, new) = (old.unwrap_or(&none), new.unwrap_or(&none));
        Self {
            groups: old.groups != new.groups,
            friends: !is_same_friend || standard_fields(old) != standard_fields(new),
            custom: old.custom != new.custom,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            groups: self.groups || other.groups,
            friends: self.friends || other.friends,
            custom: self.custom || other.custom,
        }
    }

    fn count(self, sequences: &mut Sequences) {
        sequences.groups += u64::from(self.groups);
        sequences.friends += u64::from(self.friends);
        sequences.custom += u64::from(self.custom);
    }
}

/// Returns all fields of a friend except the custom values.
fn standard_fields(friend: &Friend) -> (&str, &str, &str, i64, &BTreeSet<String>) {
    let Friend { remark, source, wording, added_s, groups, custom: _ } = friend;
    (remark, source, wording, *added_s, groups)
}

/// Returns an account without the friends that it loses. Each sequence whose data changes increases by one, however many
/// friends are lost.
pub(super) fn without_lost_friends(lost: LostFriends) -> Account {
    let LostFriends { mut account, friends, in_groups, with_custom } = lost;
    account.friends = account.friends.saturating_sub(friends);
    account.sequences.friends += 1;
    account.sequences.groups += u64::from(in_groups);
    account.sequences.custom += u64::from(with_custom);
    account
}
