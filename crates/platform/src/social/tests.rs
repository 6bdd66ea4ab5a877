//! Random series of commands on a real store, compared with a naive model.

use crate::{Error, Limit, Missing};
use std::collections::{BTreeMap, BTreeSet};

use aicp_store::{Change, Observer};
use aicp_types::{Sequence, SystemClock};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const APP: &str = "app";
/// Few names, so that commands often affect the same accounts.
const USERS: [&str; 5] = ["ada", "bob", "cyd", "dan", "Ada"];
const GROUPS: [&str; 4] = ["family", "工作", "x\0\"\n", "x"];

#[derive(Debug, Clone)]
enum Command {
    Import(Vec<usize>),
    DeleteAccounts(Vec<usize>),
    AddGroups(usize, Vec<usize>, Vec<usize>),
    DeleteGroups(usize, Vec<usize>),
    Add { user: usize, friends: Vec<Fields>, both: bool, forced: bool },
    ImportFriends(usize, Vec<Fields>),
    Update(usize, Vec<Fields>),
    DeleteFriends(usize, Vec<usize>, bool),
    DeleteAll(usize, bool),
}

/// Given fields of a friend: user, remark, groups, a custom value.
type Fields = (usize, Option<u8>, Option<Vec<usize>>, Option<i8>);

fn fields() -> impl Strategy<Value = Vec<Fields>> {
    let groups = proptest::option::of(some(GROUPS.len()));
    let one = (0..USERS.len(), proptest::option::of(0..3u8), groups, proptest::option::of(0..3i8));
    proptest::collection::vec(one, 1..4)
}

fn some(of: usize) -> impl Strategy<Value = Vec<usize>> + Clone {
    proptest::collection::vec(0..of, 0..4)
}

fn command() -> impl Strategy<Value = Command> {
    let user = 0..USERS.len();
    prop_oneof![
        3 => some(USERS.len()).prop_map(Command::Import),
        1 => some(USERS.len()).prop_map(Command::DeleteAccounts),
        2 => (user.clone(), some(GROUPS.len()), some(USERS.len())).prop_map(|(u, g, f)| Command::AddGroups(u, g, f)),
        1 => (user.clone(), some(GROUPS.len())).prop_map(|(u, g)| Command::DeleteGroups(u, g)),
        4 => (user.clone(), fields(), any::<bool>(), any::<bool>())
            .prop_map(|(user, friends, both, forced)| Command::Add { user, friends, both, forced }),
        2 => (user.clone(), fields()).prop_map(|(u, f)| Command::ImportFriends(u, f)),
        3 => (user.clone(), fields()).prop_map(|(u, f)| Command::Update(u, f)),
        2 => (user.clone(), some(USERS.len()), any::<bool>()).prop_map(|(u, f, b)| Command::DeleteFriends(u, f, b)),
        1 => (user, any::<bool>()).prop_map(|(u, b)| Command::DeleteAll(u, b)),
    ]
}

/// An account of the model: groups with their members, friends with remark and custom value.
#[derive(Debug, Clone, Default, PartialEq)]
struct Person {
    groups: Vec<(String, Vec<String>)>,
    friends: BTreeMap<String, (String, Option<i64>)>,
    sequences: Sequences,
}

#[derive(Debug, Clone, Default)]
struct Model {
    people: BTreeMap<String, Person>,
    asks: FriendRequests,
}

impl Model {
    /// Executes a command naively, then increments the sequences of all accounts that changed.
    fn run(&mut self, command: &Command) -> Vec<FriendOutcome> {
        let before = self.people.clone();
        let outcomes = self.apply(command);
        for (name, person) in &mut self.people {
            let Some(old) = before.get(name) else { continue };
            let members = |person: &Person| -> BTreeSet<(String, String)> {
                let all = person.groups.iter().flat_map(|(g, m)| m.iter().map(move |m| (g.clone(), m.clone())));
                all.collect()
            };
            let names = |person: &Person| person.groups.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            let remarks = |person: &Person| -> Vec<(String, String)> {
                person.friends.iter().map(|(name, (remark, _))| (name.clone(), remark.clone())).collect()
            };
            let custom = |person: &Person| -> Vec<(String, i64)> {
                person.friends.iter().filter_map(|(name, (_, value))| Some((name.clone(), (*value)?))).collect()
            };
            let is_regrouped = members(person) != members(old);
            let changed = Sequences {
                groups: u64::from(is_regrouped || names(person) != names(old)),
                friends: u64::from(is_regrouped || remarks(person) != remarks(old)),
                custom: u64::from(custom(person) != custom(old)),
            };
            person.sequences.groups += changed.groups;
            person.sequences.friends += changed.friends;
            person.sequences.custom += changed.custom;
        }
        outcomes
    }

    fn apply(&mut self, command: &Command) -> Vec<FriendOutcome> {
        let name = |user: &usize| USERS[*user].to_owned();
        match command {
            Command::Import(users) => {
                for user in users {
                    self.people.entry(name(user)).or_default();
                }
                Vec::new()
            }
            Command::DeleteAccounts(users) => {
                for user in users {
                    self.people.remove(&name(user));
                    self.people.values_mut().for_each(|person| person.part(&name(user)));
                }
                Vec::new()
            }
            Command::AddGroups(user, groups, friends) => {
                let Some(person) = self.people.get_mut(&name(user)) else { return Vec::new() };
                groups.iter().for_each(|group| person.make_group(GROUPS[*group]));
                let each = |model: &mut Self, friend: &str| {
                    let person = model.people.get_mut(&name(user)).ok_or(FriendError::NoAccount)?;
                    if !person.friends.contains_key(friend) {
                        return Err(FriendError::NotAFriend);
                    }
                    groups.iter().for_each(|group| person.join(GROUPS[*group], friend));
                    Ok(())
                };
                let friends = friends.iter().map(|friend| (name(friend), ()));
                let outcomes = self.each(&name(user), friends, |model, friend, ()| each(model, friend));
                outcomes.into_iter().map(|outcome| outcome.map_err(rules::no_friend_of_oneself)).collect()
            }
            Command::DeleteGroups(user, groups) => {
                if let Some(person) = self.people.get_mut(&name(user)) {
                    person.groups.retain(|(name, _)| groups.iter().all(|group| GROUPS[*group] != name));
                }
                Vec::new()
            }
            Command::Add { user, friends, both, forced } => {
                let (user, asks) = (name(user), self.asks);
                self.each(&user, friends.iter().map(|f| (name(&f.0), f)), |model, friend, fields| {
                    if model.has(&user, friend) {
                        return Err(FriendError::AlreadyFriends);
                    }
                    match asks {
                        FriendRequests::Kept if !forced => return Err(FriendError::Asked),
                        FriendRequests::Refused if !forced => return Err(FriendError::Refused),
                        _ => {}
                    }
                    model.set(&user, friend, fields);
                    if *both && let Some(other) = model.people.get_mut(friend) {
                        other.friends.entry(user.clone()).or_default();
                    }
                    Ok(())
                })
            }
            Command::ImportFriends(user, friends) => {
                let user = name(user);
                self.each(&user, friends.iter().map(|f| (name(&f.0), f)), |model, friend, fields| {
                    model.set(&user, friend, fields);
                    Ok(())
                })
            }
            Command::Update(user, friends) => {
                let user = name(user);
                let outcomes = self.each(&user, friends.iter().map(|f| (name(&f.0), f)), |model, friend, fields| {
                    if !model.has(&user, friend) {
                        return Err(FriendError::NotAFriend);
                    }
                    model.set(&user, friend, fields);
                    Ok(())
                });
                outcomes.into_iter().map(|outcome| outcome.map_err(rules::no_friend_of_oneself)).collect()
            }
            Command::DeleteFriends(user, friends, both) => {
                let user = name(user);
                let outcomes = self.each(&user, friends.iter().map(|f| (name(f), ())), |model, friend, ()| {
                    if !model.has(&user, friend) {
                        return Err(FriendError::NotAFriend);
                    }
                    model.part(&user, friend, *both);
                    Ok(())
                });
                outcomes.into_iter().map(|outcome| outcome.map_err(rules::no_friend_of_oneself)).collect()
            }
            Command::DeleteAll(user, both) => {
                let user = name(user);
                let friends: Vec<String> =
                    self.people.get(&user).into_iter().flat_map(|person| person.friends.keys().cloned()).collect();
                friends.iter().for_each(|friend| self.part(&user, friend, *both));
                Vec::new()
            }
        }
    }

    fn each<'f, T: Copy>(
        &mut self,
        user: &str,
        items: impl Iterator<Item = (String, T)> + 'f,
        mut work: impl FnMut(&mut Self, &str, T) -> FriendOutcome,
    ) -> Vec<FriendOutcome> {
        let mut seen: Vec<(String, FriendOutcome)> = Vec::new();
        if !self.people.contains_key(user) {
            return Vec::new();
        }
        for (friend, item) in items {
            let first = seen.iter().find(|(name, _)| *name == friend).map(|(_, outcome)| *outcome);
            let outcome = match first {
                Some(outcome) => outcome,
                None if friend == user => Err(FriendError::SameAccount),
                None if !self.people.contains_key(&friend) => Err(FriendError::NoAccount),
                None => work(self, &friend, item),
            };
            seen.push((friend, outcome));
        }
        seen.into_iter().map(|(_, outcome)| outcome).collect()
    }

    fn has(&self, user: &str, friend: &str) -> bool {
        self.people.get(user).is_some_and(|person| person.friends.contains_key(friend))
    }

    fn set(&mut self, user: &str, friend: &str, (_, remark, groups, custom): &Fields) {
        let person = self.people.get_mut(user).expect("looked at before");
        let kept = person.friends.entry(friend.to_owned()).or_default();
        if let Some(remark) = remark {
            kept.0 = remark_of(*remark);
        }
        if let Some(custom) = custom {
            kept.1 = (*custom != 0).then_some(i64::from(*custom));
        }
        if let Some(groups) = groups {
            let names: Vec<&str> = groups.iter().map(|group| GROUPS[*group]).collect();
            names.iter().for_each(|name| person.make_group(name));
            for (name, members) in &mut person.groups {
                if !names.contains(&name.as_str()) {
                    members.retain(|member| member != friend);
                }
            }
            // The store adds a friend to new groups in the order of their names.
            let sorted: BTreeSet<&str> = names.into_iter().collect();
            sorted.iter().for_each(|name| person.join(name, friend));
        }
    }

    fn part(&mut self, user: &str, friend: &str, both: bool) {
        self.people.get_mut(user).expect("looked at before").part(friend);
        if both && let Some(other) = self.people.get_mut(friend) {
            other.part(user);
        }
    }
}

impl Person {
    fn make_group(&mut self, name: &str) {
        if self.groups.iter().all(|(known, _)| known != name) {
            self.groups.push((name.to_owned(), Vec::new()));
        }
    }

    fn join(&mut self, group: &str, friend: &str) {
        for (name, members) in &mut self.groups {
            if name == group && !members.iter().any(|member| member == friend) {
                members.push(friend.to_owned());
            }
        }
    }

    fn part(&mut self, friend: &str) {
        self.friends.remove(friend);
        self.groups.iter_mut().for_each(|(_, members)| members.retain(|member| member != friend));
    }
}

fn remark_of(remark: u8) -> String {
    if remark == 0 { String::new() } else { format!("remark {remark}") }
}

fn given(fields: &[Fields]) -> Vec<FriendFields> {
    let given = |(user, remark, groups, custom): &Fields| FriendFields {
        user_id: USERS[*user].to_owned(),
        remark: remark.map(remark_of),
        groups: groups.as_ref().map(|groups| groups.iter().map(|group| GROUPS[*group].to_owned()).collect()),
        custom: custom
            .map(|value| match value {
                0 => CustomValue::Text(String::new()),
                value => CustomValue::Number(value.into()),
            })
            .map(|value| ("Level".to_owned(), value))
            .into_iter()
            .collect(),
        ..FriendFields::default()
    };
    fields.iter().map(given).collect()
}

fn names(of: &[&str], places: &[usize]) -> Vec<String> {
    places.iter().map(|place| of[*place].to_owned()).collect()
}

fn sides(both: bool) -> Sides {
    if both { Sides::Both } else { Sides::Own }
}

/// Invalidates the cache, as the platform's observer does.
struct ChangeObserver(Arc<FriendGroupCache>);

impl Observer for ChangeObserver {
    fn committed(&self, _: Sequence, changes: &[Change]) {
        for change in changes {
            if let Change::FriendGroupsChanged { app_id, user_id: Some(user_id), .. } = change {
                self.0.invalidate(app_id, user_id);
            }
        }
    }
}

struct Fixture {
    store: Store,
    remembered: Arc<FriendGroupCache>,
    dir: TempDir,
    requests: FriendRequests,
}

impl Fixture {
    async fn new(requests: FriendRequests) -> Self {
        let dir = tempfile::tempdir().expect("a temp dir");
        let remembered = Arc::<FriendGroupCache>::default();
        let feed: Arc<dyn Observer> = Arc::new(ChangeObserver(Arc::clone(&remembered)));
        let store = aicp_store_sqlite::open(dir.path(), Arc::new(SystemClock)).await.expect("it opens");
        store.observe(feed);
        for app in [APP, "other"] {
            crate::apps::ensure_app(&store, app.to_owned(), UnixMillis::new(1)).await.expect("it is written");
        }
        Self { store, remembered, dir, requests }
    }

    fn social(&self) -> Social<'_> {
        Social {
            store: &self.store,
            remembered: &self.remembered,
            app_id: APP,
            requests: self.requests,
            limits: SocialLimits { groups: 32, friends: 3000, requests: 100, custom_values: 20, page: 100 },
            now: UnixMillis::new(1_700_000_000_000),
        }
    }

    async fn reopen(self) -> Self {
        self.store.close().await.expect("it closes");
        let store = aicp_store_sqlite::open(self.dir.path(), Arc::new(SystemClock)).await.expect("it opens");
        Self { store, remembered: Arc::default(), ..self }
    }

    async fn import(&self, user_ids: impl IntoIterator<Item = impl Into<String>>) {
        let account = |user_id: String| NewAccount { user_id, nick: None, face_url: None };
        let accounts = user_ids.into_iter().map(|user_id| account(user_id.into())).collect();
        self.social().import_accounts(accounts).await.expect("it is written");
    }

    async fn run(&self, command: &Command) -> Result<Vec<FriendOutcome>> {
        let social = self.social();
        match command {
            Command::Import(users) => {
                self.import(users.iter().map(|user| USERS[*user])).await;
                Ok(Vec::new())
            }
            Command::DeleteAccounts(users) => {
                social.delete_accounts(names(&USERS, users)).await?;
                Ok(Vec::new())
            }
            Command::AddGroups(user, groups, friends) => {
                let added = social.add_friend_groups(USERS[*user], names(&GROUPS, groups), names(&USERS, friends));
                Ok(added.await?.1)
            }
            Command::DeleteGroups(user, groups) => {
                social.delete_friend_groups(USERS[*user], names(&GROUPS, groups)).await?;
                Ok(Vec::new())
            }
            Command::Add { user, friends, both, forced } => {
                social.add_friends(USERS[*user], given(friends), sides(*both), *forced).await
            }
            Command::ImportFriends(user, friends) => social.import_friends(USERS[*user], given(friends)).await,
            Command::Update(user, friends) => social.update_friends(USERS[*user], given(friends)).await,
            Command::DeleteFriends(user, friends, both) => {
                social.delete_friends(USERS[*user], names(&USERS, friends), sides(*both)).await
            }
            Command::DeleteAll(user, both) => {
                social.delete_all_friends(USERS[*user], sides(*both)).await?;
                Ok(Vec::new())
            }
        }
    }

    /// Checks that every read operation returns what the model holds.
    async fn assert_like(&self, model: &Model) {
        let social = self.social();
        let all = names(&USERS, &[0, 1, 2, 3, 4]);
        let known = social.known_accounts(&all).await.expect("it is read");
        assert_eq!(known.into_iter().collect::<BTreeSet<_>>(), model.people.keys().cloned().collect());
        for user in USERS {
            let groups = social.friend_groups(user, Members::Named).await;
            let Some(person) = model.people.get(user) else {
                assert!(matches!(groups, Err(Error::Missing(Missing::Account))), "{user}");
                continue;
            };
            let groups = groups.expect("it is read");
            assert_eq!(groups.sequence, person.sequences.groups, "{user}");
            let listed = |groups: &FriendGroups| -> Vec<(String, Vec<String>)> {
                let members = |group: &FriendGroup| group.members.iter().map(str::to_owned).collect();
                groups.groups.iter().map(|group| (group.name.clone(), members(group))).collect()
            };
            assert_eq!(listed(&groups), person.groups, "{user}");
            let group_names = GROUPS.map(str::to_owned);
            let named = social.named_friend_groups(user, &group_names[1..]).await.expect("it is read");
            let expected: Vec<_> = person.groups.iter().filter(|(name, _)| *name != group_names[0]).cloned().collect();
            assert_eq!((listed(&named), named.sequence), (expected, groups.sequence), "{user}");
            let counted = social.friend_groups(user, Members::Counted).await.expect("it is read");
            let counts: Vec<_> = counted.groups.iter().map(|g| (g.name.clone(), g.count)).collect();
            let expected: Vec<_> = person.groups.iter().map(|(n, m)| (n.clone(), m.len() as u64)).collect();
            assert_eq!(counts, expected, "{user}");

            let page = social.friend_page(user, 0).await.expect("it is read");
            assert_eq!(page.sequences, person.sequences, "{user}");
            assert_eq!(page.total, person.friends.len() as u64, "{user}");
            let by_name: Vec<String> = person.friends.keys().cloned().collect();
            assert_eq!(page.friends.iter().map(|f| f.account.user_id.clone()).collect::<Vec<_>>(), by_name, "{user}");
            for KnownFriend { account, friend, groups } in page.friends {
                let (remark, custom) = &person.friends[&account.user_id];
                assert_eq!(&friend.remark, remark);
                let expected = custom.map(|value| ("Level".to_owned(), CustomValue::Number(value)));
                assert_eq!(friend.custom, expected.into_iter().collect());
                let of_friend = person.groups.iter().filter(|(_, members)| members.contains(&account.user_id));
                assert_eq!(groups, of_friend.map(|(name, _)| name.clone()).collect::<Vec<_>>());
            }

            let relations = social.relations(user, &all).await.expect("it is read");
            for (other, relation) in USERS.iter().zip(relations) {
                let expected = model
                    .people
                    .contains_key(*other)
                    .then(|| Relation { has: model.has(user, other), has_reverse: model.has(other, user) });
                assert_eq!(relation, expected, "{user} and {other}");
            }
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]
    #[test]
    fn commands_do_what_a_naive_model_does(
        commands in proptest::collection::vec(command(), 1..25),
        asks in prop_oneof![
            4 => Just(FriendRequests::Granted), 1 => Just(FriendRequests::Kept), 1 => Just(FriendRequests::Refused),
        ],
    ) {
        runtime().block_on(async {
            let f = Fixture::new(asks).await;
            // Data of another app, which must never be visible.
            let theirs = Social { app_id: "other", ..f.social() };
            let account = |user: &str| NewAccount { user_id: user.to_owned(), nick: None, face_url: None };
            theirs.import_accounts(USERS.map(account).to_vec()).await.expect("it is written");
            let mut model = Model { asks, ..Model::default() };
            let first = Command::Import(vec![0, 1, 2]);
            for command in [&first].into_iter().chain(&commands) {
                let expected = model.run(command);
                match f.run(command).await {
                    Ok(outcomes) => assert_eq!(outcomes, expected, "{command:?}"),
                    Err(e) => assert!(matches!(e, Error::Missing(Missing::Account)), "{command:?}: {e}"),
                }
                f.assert_like(&model).await;
            }
            f.reopen().await.assert_like(&model).await;
        });
    }
}

fn friends(user_ids: impl IntoIterator<Item = String>) -> Vec<FriendFields> {
    user_ids.into_iter().map(|user_id| FriendFields { user_id, ..FriendFields::default() }).collect()
}

fn user(number: usize) -> String {
    format!("user{number:04}")
}

#[tokio::test]
async fn an_account_has_so_many_friends_and_no_more() {
    let f = Fixture::new(FriendRequests::Granted).await;
    f.import((0..3005).map(user)).await;
    for thousand in 0..3 {
        let some = friends((1 + thousand * 1000..1001 + thousand * 1000).map(user));
        let outcomes = f.social().import_friends(&user(0), some).await.expect("it is written");
        assert!(outcomes.iter().all(Result::is_ok));
    }
    let social = f.social();
    let more = friends([3000, 3001, 3002].map(user));
    let outcomes = social.import_friends(&user(0), more.clone()).await.expect("it is written");
    assert_eq!(outcomes, [Ok(()), Err(FriendError::TooManyFriends), Err(FriendError::TooManyFriends)]);
    let outcomes = social.add_friends(&user(0), more, Sides::Both, true).await.expect("it is written");
    assert_eq!(outcomes[..2], [Err(FriendError::AlreadyFriends), Err(FriendError::TooManyFriends)]);
    let to_the_full = friends([user(0)]);
    let outcomes = social.add_friends(&user(3001), to_the_full.clone(), Sides::Both, true).await.expect("written");
    assert_eq!(outcomes, [Err(FriendError::OtherHasTooManyFriends)]);
    let outcomes = social.add_friends(&user(3001), to_the_full.clone(), Sides::Own, true).await.expect("written");
    assert_eq!(outcomes, [Ok(())]);
    let outcomes = social.add_friends(&user(7), to_the_full, Sides::Both, true).await.expect("it is written");
    assert_eq!(outcomes, [Ok(())], "the other side stands already");

    let page = social.friend_page(&user(0), 2900).await.expect("it is read");
    assert_eq!((page.total, page.friends.len()), (3000, 100));
    assert_eq!(page.friends[0].account.user_id, user(2901));
    assert_eq!(social.friend_page(&user(0), 3000).await.expect("it is read").friends, []);
    social.delete_all_friends(&user(0), Sides::Both).await.expect("it is written");
    assert_eq!(social.friend_page(&user(0), 0).await.expect("it is read").total, 0);
    assert_eq!(social.friend_page(&user(7), 0).await.expect("it is read").total, 0);
    assert_eq!(social.friend_page(&user(3001), 0).await.expect("it is read").total, 1, "it was no friend");
}

#[tokio::test]
async fn groups_are_made_up_to_the_limit_or_not_at_all() {
    let f = Fixture::new(FriendRequests::Granted).await;
    f.import(["ada", "bob", "cyd"]).await;
    let social = f.social();
    let group = |number: usize| format!("group {number}");
    let (sequence, _) =
        social.add_friend_groups("ada", (0..31).map(group).collect(), Vec::new()).await.expect("it is written");
    assert_eq!(sequence, 1);
    let refused = social.add_friend_groups("ada", vec![group(0), group(31), group(32)], Vec::new()).await;
    assert!(matches!(refused, Err(Error::Full(Limit::FriendGroups))));
    let grouped = |user_id: &str, groups: &[usize]| FriendFields {
        user_id: user_id.to_owned(),
        groups: Some(groups.iter().map(|number| group(*number)).collect()),
        ..FriendFields::default()
    };
    let outcomes = social.import_friends("ada", vec![grouped("bob", &[31, 32]), grouped("cyd", &[31, 0])]).await;
    assert_eq!(outcomes.expect("it is written"), [Err(FriendError::TooManyGroups), Ok(())]);
    let outcomes = social.update_friends("ada", vec![grouped("cyd", &[32])]).await.expect("it is written");
    assert_eq!(outcomes, [Err(FriendError::TooManyGroups)]);
    let groups = social.friend_groups("ada", Members::Named).await.expect("it is read");
    assert_eq!((groups.sequence, groups.groups.len()), (2, 32));
    assert_eq!(groups.groups[31].members.iter().collect::<Vec<_>>(), ["cyd"]);
    assert_eq!(social.friend_page("ada", 0).await.expect("it is read").total, 1, "bob is no friend");
}

#[tokio::test]
async fn endless_lists_of_groups_hold_nobody_up() {
    let f = Fixture::new(FriendRequests::Granted).await;
    f.import((0..101).map(user)).await;
    let social = f.social();
    // Comparing all pairs would take hours.
    let names: Vec<String> = (0..300_000).map(|number| format!("group {number}")).collect();
    let grouped = FriendFields { groups: Some(names.clone()), ..friends([user(1)]).remove(0) };
    let outcomes = social.import_friends(&user(0), vec![grouped.clone()]).await.expect("it is written");
    assert_eq!(outcomes, [Err(FriendError::TooManyGroups)]);
    let outcomes = social.import_friends(&user(0), friends((1..101).map(user))).await.expect("it is written");
    assert!(outcomes.iter().all(Result::is_ok));
    let outcomes = social.update_friends(&user(0), vec![grouped]).await.expect("it is written");
    assert_eq!(outcomes, [Err(FriendError::TooManyGroups)]);
    let refused = social.add_friend_groups(&user(0), names.clone(), vec![user(1)]).await;
    assert!(matches!(refused, Err(Error::Full(Limit::FriendGroups))));
    let repeated = (0..300_000).map(|number| format!("group {}", number % 32)).collect();
    let (sequence, outcomes) =
        social.add_friend_groups(&user(0), repeated, (1..101).map(user).collect()).await.expect("it is written");
    assert_eq!((sequence, outcomes.len()), (1, 100));
    assert_eq!(social.delete_friend_groups(&user(0), names).await.expect("it is written"), 2);
    let groups = social.friend_groups(&user(0), Members::Named).await.expect("it is read");
    assert_eq!(groups.groups, []);
}

#[tokio::test]
async fn two_writers_together_pass_no_limit() {
    let f = Fixture::new(FriendRequests::Granted).await;
    f.import(["ada"]).await;
    let social = f.social();
    let writes = (0..40).map(|number| social.add_friend_groups("ada", vec![format!("group {number}")], Vec::new()));
    let outcomes = futures_util::future::join_all(writes).await;
    let sequences: BTreeSet<u64> = outcomes.iter().flatten().map(|(sequence, _)| *sequence).collect();
    assert_eq!(sequences, (1..=32).collect());
    assert_eq!(outcomes.iter().filter(|o| matches!(o, Err(Error::Full(Limit::FriendGroups)))).count(), 8);
    let groups = social.friend_groups("ada", Members::Counted).await.expect("it is read");
    assert_eq!((groups.sequence, groups.groups.len()), (32, 32));
}

#[tokio::test]
async fn requests_wait_up_to_the_limit_and_go_with_the_friendship() {
    let f = Fixture::new(FriendRequests::Kept).await;
    f.import((0..103).map(user)).await;
    let social = f.social();
    let target = || friends([user(0)]);
    for asking in 1..=100 {
        for _ in 0..2 {
            let outcomes = social.add_friends(&user(asking), target(), Sides::Both, false).await.expect("written");
            assert_eq!(outcomes, [Err(FriendError::Asked)], "{asking}");
        }
    }
    let ask = async |asking| social.add_friends(&user(asking), target(), Sides::Both, false).await.expect("written");
    assert_eq!(ask(101).await, [Err(FriendError::TooManyRequests)]);
    assert_eq!(ask(5).await, [Err(FriendError::Asked)], "it is kept already");
    let forced = social.add_friends(&user(5), target(), Sides::Own, true).await.expect("it is written");
    assert_eq!(forced, [Ok(())]);
    assert_eq!(ask(101).await, [Err(FriendError::Asked)], "one waits no more");
    assert_eq!(ask(102).await, [Err(FriendError::TooManyRequests)]);
    // The same from the other side.
    let outcomes = social.add_friends(&user(0), friends([user(6)]), Sides::Both, true).await.expect("written");
    assert_eq!(outcomes, [Ok(())]);
    assert_eq!(ask(102).await, [Err(FriendError::Asked)]);
}

#[tokio::test]
async fn what_is_kept_about_a_friend_is_told_as_it_was_given() {
    let f = Fixture::new(FriendRequests::Granted).await;
    f.import(["ada", "bob"]).await;
    let social = f.social();
    let account = NewAccount { user_id: "bob".into(), nick: Some("Bob".into()), face_url: None };
    social.import_accounts(vec![account]).await.expect("it is written");
    let account = NewAccount { user_id: "bob".into(), nick: None, face_url: Some("http://example.com/b".into()) };
    social.import_accounts(vec![account]).await.expect("it is written");
    let custom: Vec<_> = (0..20).map(|i| (format!("Name{i:02}"), CustomValue::Number(i))).collect();
    let given = FriendFields {
        user_id: "bob".into(),
        remark: Some("\0 老王 \"\\".into()),
        source: Some("web".into()),
        wording: Some("hello".into()),
        added_s: Some(5),
        groups: None,
        custom: custom.clone(),
    };
    let outcomes = social.import_friends("ada", vec![given.clone()]).await.expect("it is written");
    assert_eq!(outcomes, [Ok(())]);
    let told = social.friends("ada", &["bob".into(), "cyd".into(), "ada".into()]).await.expect("it is read");
    let expected = Friend {
        remark: "\0 老王 \"\\".into(),
        source: "web".into(),
        wording: "hello".into(),
        added_s: 5,
        groups: BTreeSet::new(),
        custom: custom.into_iter().collect(),
    };
    let bob = told[0].as_ref().expect("a friend");
    assert_eq!(bob.friend, expected);
    assert_eq!(bob.account.nick.as_deref(), Some("Bob"));
    assert_eq!(bob.account.face_url.as_deref(), Some("http://example.com/b"));
    assert_eq!(told[1..], [Err(FriendError::NoAccount), Err(FriendError::NotAFriend)]);
    let one_more = FriendFields { custom: vec![("More".into(), CustomValue::Number(1))], ..given.clone() };
    let outcomes = social.update_friends("ada", vec![one_more.clone()]).await.expect("it is written");
    assert_eq!(outcomes, [Err(FriendError::TooManyValues)]);
    let swapped = FriendFields {
        custom: vec![("More".into(), CustomValue::Number(1)), ("Name00".into(), CustomValue::Text(String::new()))],
        ..given
    };
    assert_eq!(social.update_friends("ada", vec![swapped]).await.expect("it is written"), [Ok(())]);
}
