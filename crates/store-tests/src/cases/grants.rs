//! Grants of apps.

use aicp_store::{Error, Grant};
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
