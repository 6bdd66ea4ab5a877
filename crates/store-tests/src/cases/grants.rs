//! Grants of apps.

use aicp_store::{AppFilter, Error, Grant, GrantState};
use aicp_types::UnixMillis;

use crate::Harness;
use crate::fixture::{APP, Fixture, new_library};

pub(super) fn grant(app_id: &str, token: u8, capabilities: &[&str]) -> Grant {
    Grant {
        app_id: app_id.into(),
        token_hash: [token; 32],
        token_sealed: vec![token, 0, 255],
        due_at: UnixMillis::new(1_000),
        capabilities: capabilities.iter().map(|&capability| capability.into()).collect(),
    }
}

pub async fn grants_round_trip_by_app(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.grants().await.expect("read"), [], "a known app need not have one");
    f.store.create_grant(grant("new", 2, &[]), UnixMillis::new(7)).await.expect("makes the app known");
    f.store.create_grant(grant(APP, 1, &["b", "a", "b", "c"]), UnixMillis::new(8)).await.expect("known app");
    let f = f.reopen().await;
    let expected = [grant(APP, 1, &["b", "a", "c"]), grant("new", 2, &[])];
    assert_eq!(f.store.grants().await.expect("read"), expected);
    assert_eq!(f.store.app_ids().await.expect("read"), [APP, "new"], "by time of creation");
}

pub async fn an_app_has_one_grant_and_a_token_one_app(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.create_grant(grant(APP, 1, &["a"]), UnixMillis::new(1)).await.expect("first");
    let again = f.store.create_grant(grant(APP, 2, &["b"]), UnixMillis::new(1)).await;
    assert!(matches!(again, Err(Error::Exists)), "{again:?}");
    let clash = f.store.create_grant(grant("other", 1, &["b"]), UnixMillis::new(1)).await;
    assert!(matches!(clash, Err(Error::Database(_))), "{clash:?}");
    assert_eq!(f.store.grants().await.expect("read"), [grant(APP, 1, &["a"])]);
    assert_eq!(f.store.app_ids().await.expect("read"), [APP], "a refused grant makes no app known");
}

pub async fn extending_adds_what_is_not_held_and_moves_the_end(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.create_grant(grant(APP, 1, &["b", "a"]), UnixMillis::new(1)).await.expect("grant");
    f.store.create_grant(grant("other", 2, &["z"]), UnixMillis::new(1)).await.expect("grant");
    let extended = f
        .store
        .extend_grant(APP, UnixMillis::new(500), vec!["d".into(), "a".into(), "c".into()])
        .await
        .expect("extend");
    let expected = Grant { due_at: UnixMillis::new(500), ..grant(APP, 1, &["b", "a", "d", "c"]) };
    assert_eq!(extended, expected);
    assert_eq!(f.store.grants().await.expect("read"), [expected, grant("other", 2, &["z"])]);
    let nobody = f.store.extend_grant("nobody", UnixMillis::new(1), Vec::new()).await;
    assert!(matches!(nobody, Err(Error::NotFound)), "{nobody:?}");
}

pub async fn a_deleted_grant_leaves_the_app_and_its_libraries(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.create_grant(grant(APP, 1, &["a"]), UnixMillis::new(1)).await.expect("grant");
    f.store.insert_library(new_library("g")).await.expect("library");
    f.store.delete_grant(APP).await.expect("delete");
    assert_eq!(f.store.grants().await.expect("read"), []);
    assert!(f.store.library(APP, "g").await.expect("read").is_some());
    assert!(matches!(f.store.delete_grant(APP).await, Err(Error::NotFound)));
    assert!(matches!(f.store.extend_grant(APP, UnixMillis::new(1), Vec::new()).await, Err(Error::NotFound)));
    f.store.create_grant(grant(APP, 1, &["b"]), UnixMillis::new(1)).await.expect("anew");
    assert_eq!(f.store.grants().await.expect("read"), [grant(APP, 1, &["b"])], "the old capabilities are gone");
    assert!(f.store.library(APP, "g").await.expect("read").is_some());
}

pub async fn setting_a_grant_takes_capabilities_away(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.create_grant(grant(APP, 1, &["b", "a"]), UnixMillis::new(1)).await.expect("grant");
    f.store.create_grant(grant("other", 2, &["b"]), UnixMillis::new(1)).await.expect("grant");
    let set = f.store.set_grant(APP, None, Some(vec!["c".into(), "a".into(), "c".into()])).await.expect("set");
    assert_eq!(set, grant(APP, 1, &["c", "a"]));
    let set = f.store.set_grant(APP, Some(UnixMillis::new(5)), None).await.expect("set");
    assert_eq!(set, Grant { due_at: UnixMillis::new(5), ..grant(APP, 1, &["c", "a"]) });
    assert_eq!(f.store.grants().await.expect("read"), [set, grant("other", 2, &["b"])]);
    let none = f.store.set_grant(APP, None, Some(Vec::new())).await.expect("set");
    assert_eq!(none.capabilities, Vec::<String>::new());
    assert!(matches!(f.store.set_grant("nobody", None, None).await, Err(Error::NotFound)));
}

pub async fn a_replaced_token_is_the_only_one(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.create_grant(grant(APP, 1, &["a"]), UnixMillis::new(1)).await.expect("grant");
    f.store.create_grant(grant("other", 2, &["b"]), UnixMillis::new(1)).await.expect("grant");
    f.store.replace_token(APP, [3; 32], vec![3, 0, 255]).await.expect("replaced");
    assert_eq!(f.store.grants().await.expect("read"), [grant(APP, 3, &["a"]), grant("other", 2, &["b"])]);
    let clash = f.store.replace_token(APP, [2; 32], Vec::new()).await;
    assert!(matches!(clash, Err(Error::Database(_))), "{clash:?}");
    f.store.delete_grant(APP).await.expect("delete");
    assert!(matches!(f.store.replace_token(APP, [4; 32], Vec::new()).await, Err(Error::NotFound)));
}

pub async fn apps_come_page_by_page_and_by_every_filter(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    for (app_id, at) in [("c%", 30), ("b_", 30), ("a", 40), ("Gone", 50)] {
        f.store.ensure_app(app_id, UnixMillis::new(at)).await.expect("app");
    }
    f.store.create_grant(grant("a", 1, &["x", "y"]), UnixMillis::new(1)).await.expect("grant");
    let late = Grant { due_at: UnixMillis::new(9), ..grant("b_", 2, &["y"]) };
    f.store.create_grant(late.clone(), UnixMillis::new(1)).await.expect("grant");
    f.store.create_grant(grant("Gone", 3, &["x"]), UnixMillis::new(1)).await.expect("grant");
    f.store.delete_grant("Gone").await.expect("delete");
    let all = AppFilter::default();
    let found = f.store.apps(all, None, 9).await.expect("apps");
    let ids = |apps: &[aicp_store::StoredApp]| apps.iter().map(|app| app.app_id.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&found), [APP, "b_", "c%", "a", "Gone"], "by time, then id");
    assert_eq!(found[1].grant, Some(late));
    assert_eq!(found[3].grant, Some(grant("a", 1, &["x", "y"])), "all capabilities");
    assert_eq!(found.iter().map(|app| app.grant_revoked).collect::<Vec<_>>(), [false, false, false, false, true]);
    let now = UnixMillis::new(10);
    for (filter, expected) in [
        (AppFilter { app_id: Some("a"), ..all }, &["a"][..]),
        (AppFilter { id_part: Some("%"), ..all }, &["c%"]),
        (AppFilter { id_part: Some("_"), ..all }, &["b_"]),
        (AppFilter { id_part: Some("GONE"), ..all }, &["Gone"]),
        (AppFilter { capability: Some("y"), ..all }, &["b_", "a"]),
        (AppFilter { capability: Some("x"), ..all }, &["a"]),
        (AppFilter { state: Some(GrantState::Active(now)), ..all }, &["a"]),
        (AppFilter { state: Some(GrantState::Expired(now)), ..all }, &["b_"]),
        (AppFilter { state: Some(GrantState::Revoked), ..all }, &["Gone"]),
        (AppFilter { state: Some(GrantState::None), ..all }, &[APP, "c%"]),
    ] {
        assert_eq!(ids(&f.store.apps(filter, None, 9).await.expect("apps")), expected, "{filter:?}");
        // In pages of one.
        let (mut read, mut after) = (Vec::new(), None::<(UnixMillis, String)>);
        loop {
            let place = after.as_ref().map(|(at, id)| (*at, id.as_str()));
            let Some(app) = f.store.apps(filter, place, 1).await.expect("apps").pop() else { break };
            after = Some((app.created_at, app.app_id.clone()));
            read.push(app.app_id);
        }
        assert_eq!(read, expected, "{filter:?}");
    }
}
