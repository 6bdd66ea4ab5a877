//! Accounts, friends and friend groups.

use std::sync::Arc;

use aicp_store::{AccountGraph, Change, Error, Friend, FriendGroup, Members, NewAccount, RelatedFilter};
use aicp_types::UnixMillis;

use crate::Harness;
use crate::fixture::{APP, Fixture, Log};
use crate::handle::Handle;

pub(super) fn account(user_id: &str) -> NewAccount {
    NewAccount { user_id: user_id.into(), nick: None, face_url: None }
}

async fn fixture(harness: Box<dyn Harness>, user_ids: &[&str]) -> Fixture {
    let f = Fixture::new(harness).await;
    let accounts = user_ids.iter().map(|user_id| account(user_id)).collect();
    f.store.import_accounts(APP, accounts, UnixMillis::new(1)).await.expect("import");
    f
}

pub(super) fn named(user_ids: &[&str]) -> RelatedFilter {
    RelatedFilter::Named(user_ids.iter().map(|&user_id| user_id.into()).collect())
}

async fn circle(store: &Handle, user_id: &str, around: RelatedFilter) -> AccountGraph {
    store.account_graph(APP, user_id, around).await.expect("read").expect("it is there")
}

/// Makes all selected accounts friends, in these groups.
pub(super) async fn befriend(store: &Handle, user_id: &str, around: RelatedFilter, groups: &[&str]) {
    let groups: Vec<String> = groups.iter().map(|&group| group.into()).collect();
    let work = move |circle: &mut AccountGraph| {
        let new: Vec<String> = groups.iter().filter(|group| !circle.groups.contains(group)).cloned().collect();
        circle.groups.extend(new);
        for other in &mut circle.others {
            other.friend.get_or_insert_default().groups.extend(groups.iter().cloned());
        }
    };
    store.update_account_graph(APP, user_id, around, work).await.expect("write").expect("it is there");
}

async fn groups(store: &Handle, user_id: &str, names: Option<&[String]>) -> Vec<FriendGroup> {
    store.friend_groups(APP, user_id, names, Members::Named).await.expect("read").expect("it is there").groups
}

fn group(name: &str, members: &[&str]) -> FriendGroup {
    FriendGroup { name: name.into(), count: members.len() as u64, members: members.iter().collect() }
}

pub async fn members_come_in_the_order_of_the_request_and_groups_in_that_of_making(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a", "b", "c", "d", "me"]).await;
    befriend(&f.store, "me", named(&["c", "a", "nobody", "me", "d", "a"]), &["z", "y"]).await;
    befriend(&f.store, "me", named(&["b"]), &["y"]).await;
    let f = f.reopen().await;
    let expected = [group("z", &["c", "a", "d"]), group("y", &["c", "a", "d", "b"])];
    assert_eq!(groups(&f.store, "me", None).await, expected);
    let names = ["y".to_owned(), "nothing".to_owned()];
    assert_eq!(groups(&f.store, "me", Some(&names)).await, expected[1..]);
    assert_eq!(groups(&f.store, "me", Some(&[])).await, []);
    assert_eq!(circle(&f.store, "me", RelatedFilter::Friends).await.account.friends, 4);
    let grouped = circle(&f.store, "me", RelatedFilter::InGroups(vec!["z".into()])).await;
    assert_eq!(grouped.others.len(), 3);
}

pub async fn pages_go_by_time_then_name(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a", "b", "c", "d", "me"]).await;
    let add = |circle: &mut AccountGraph| {
        for (other, added_s) in circle.others.iter_mut().zip([9, 5, 9, 1]) {
            other.friend = Some(Friend { added_s, ..Friend::default() });
        }
    };
    f.store
        .update_account_graph(APP, "me", named(&["a", "c", "b", "d"]), add)
        .await
        .expect("write")
        .expect("it is there");
    for (offset, limit, expected) in [
        (0, 10, &["d", "c", "a", "b"][..]),
        (0, 2, &["d", "c"]),
        (1, 2, &["c", "a"]),
        (3, u64::MAX, &["b"]),
        (4, 1, &[]),
        (u64::MAX, 1, &[]),
    ] {
        let page = circle(&f.store, "me", RelatedFilter::Page { offset, limit }).await;
        let told: Vec<&str> = page.others.iter().map(|other| other.account.user_id.as_str()).collect();
        assert_eq!(told, expected, "{offset} {limit}");
        assert_eq!(page.account.friends, 4);
    }
}

pub async fn a_name_with_a_zero_character_is_no_other_name(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a", "me"]).await;
    befriend(&f.store, "me", named(&["a"]), &["x", "x\0y"]).await;
    for name in ["x", "x\0y"] {
        assert_eq!(groups(&f.store, "me", Some(&[name.into()])).await, [group(name, &["a"])]);
    }
    assert_eq!(groups(&f.store, "me", Some(&["x\0".into()])).await, []);
    assert_eq!(f.store.delete_accounts(APP, vec!["a\0".into()]).await.expect("write"), Vec::<String>::new());
    assert_eq!(circle(&f.store, "me", RelatedFilter::Friends).await.account.friends, 1);
}

pub async fn a_deleted_account_is_gone_from_everywhere(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a", "b", "c", "me"]).await;
    befriend(&f.store, "me", named(&["a", "b"]), &["g"]).await;
    befriend(&f.store, "a", named(&["me", "b"]), &["h"]).await;
    befriend(&f.store, "c", named(&["me"]), &[]).await;
    let doomed = f.store.accounts_named(APP, &["a", "nobody", "b", "a"].map(String::from)).await.expect("read");
    let losing = f.store.accounts_losing_friends(&doomed).await.expect("read");
    let lost = losing.iter().map(|lost| (&*lost.account.user_id, lost.friends, lost.in_groups, lost.with_custom));
    assert_eq!(lost.collect::<Vec<_>>(), [("me", 2, true, false)], "the counters are the caller's to set");
    let mut deleted = f.store.delete_accounts(APP, ["a", "nobody", "b", "a"].map(Into::into).to_vec()).await;
    deleted.as_mut().expect("write").sort();
    assert_eq!(deleted.expect("write"), ["a", "b"]);
    let me = circle(&f.store, "me", RelatedFilter::Friends).await;
    assert_eq!(me.others.len(), 0);
    assert_eq!(groups(&f.store, "me", None).await, [group("g", &[])]);
    f.store.import_accounts(APP, vec![account("a")], UnixMillis::new(2)).await.expect("import");
    let anew = circle(&f.store, "a", RelatedFilter::Friends).await;
    assert_eq!((anew.groups.len(), anew.others.len(), anew.account.friends), (0, 0, 0));
}

pub async fn accounts_belong_to_a_known_app(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a"]).await;
    let strange = f.store.import_accounts("strange", vec![account("a")], UnixMillis::new(1)).await;
    assert!(matches!(strange, Err(Error::Database(_))), "{strange:?}");
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    assert_eq!(f.store.accounts_named("other", &["a".into()]).await.expect("read"), []);
    assert_eq!(f.store.account_graph("other", "a", RelatedFilter::Friends).await.expect("read"), None);
    let never = f.store.update_account_graph("other", "a", RelatedFilter::Friends, |_| ()).await;
    assert_eq!(never.expect("read"), None);
    assert_eq!(f.store.friend_groups("other", "a", None, Members::Counted).await.expect("read"), None);
}

pub async fn whose_friend_groups_a_change_affects_is_announced(harness: Box<dyn Harness>) {
    let f = fixture(harness, &["a", "b", "me"]).await;
    let log = Arc::new(Log::default());
    f.store.observe(log.clone());
    let known = f.store.accounts_named(APP, &["a", "b", "me"].map(String::from)).await.expect("read");
    let regrouped = |name: &str| {
        let (account_id, user_id) = known.iter().find(|(_, user_id)| user_id == name).expect("known").clone();
        Change::FriendGroupsChanged { app_id: APP.into(), account_id, user_id: Some(user_id) }
    };
    befriend(&f.store, "me", named(&["a"]), &[]).await;
    assert_eq!(log.changes(), [], "no group");
    befriend(&f.store, "me", named(&["a"]), &["g"]).await;
    assert_eq!(log.take(), [regrouped("me")]);
    let work = |circle: &mut AccountGraph| {
        circle.others[0].account.sequences.groups += 1;
        circle.account.sequences.groups += 1;
    };
    f.store.update_account_graph(APP, "me", named(&["b"]), work).await.expect("write").expect("it is there");
    assert_eq!(log.take(), [regrouped("b"), regrouped("me")]);
    let mut counted = circle(&f.store, "me", RelatedFilter::Friends).await.account;
    (counted.friends, counted.sequences.custom) = (7, 3);
    f.store.set_account_counters(APP, vec![counted.clone()]).await.expect("write");
    assert_eq!(circle(&f.store, "me", RelatedFilter::Friends).await.account, counted);
    f.store.delete_accounts(APP, vec!["a".into()]).await.expect("write");
    assert_eq!(log.take(), [regrouped("me"), regrouped("a")]);
}
