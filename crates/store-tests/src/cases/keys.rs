//! Keys, their usage, and apps whose grant was revoked.

use aicp_store::{Error, Grant, KeyUsage, NewKey, UsedSignature};
use aicp_types::{KeyId, UnixMillis};

use crate::Harness;
use crate::fixture::Fixture;

pub(super) fn new_key(app_id: &str, kind: &str, name: &str) -> NewKey {
    NewKey {
        app_id: app_id.into(),
        kind: kind.into(),
        name: name.into(),
        secret_sealed: vec![1, 2, 3],
        allow_md5: true,
        allow_replay: false,
        calls_per_second: Some(7),
        calls_per_day: None,
        created_at: UnixMillis::new(1000),
    }
}

pub async fn keys_round_trip_with_what_was_counted_of_them(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let first = f.store.create_key(new_key("shop", "jd", "a")).await.expect("makes the app known");
    let second = f.store.create_key(new_key("shop", "ali", "a")).await.expect("names are of a kind");
    let taken = f.store.create_key(new_key("other", "jd", "a")).await;
    assert!(matches!(taken, Err(Error::Exists)), "{taken:?}");
    assert!(!f.store.app_ids().await.expect("read").contains(&"other".to_owned()), "nothing is left of it");
    assert_eq!((first.made.clone(), first.revoked_at), (new_key("shop", "jd", "a"), None));

    f.store.revoke_key(second.id, UnixMillis::new(5)).await.expect("revoked");
    f.store.revoke_key(second.id, UnixMillis::new(6)).await.expect("again");
    assert!(matches!(
        f.store.revoke_key(KeyId::new(second.id.get() + 1), UnixMillis::new(6)).await,
        Err(Error::NotFound)
    ));
    let usage = |day, calls| KeyUsage { day, calls };
    for (added, total) in [((20_000, 3), 3), ((20_000, 2), 5), ((20_001, 1), 1), ((20_001, 2), 3)] {
        let calls = vec![(first.id, usage(added.0, added.1)), (KeyId::new(999), usage(added.0, added.1))];
        let totals = f.store.add_key_usage(calls, Vec::new(), UnixMillis::new(0)).await.expect("noted");
        assert_eq!(totals, [(first.id, usage(added.0, total))]);
    }
    let f = f.reopen().await;
    let keys = f.store.keys().await.expect("read");
    assert_eq!(
        keys.iter().map(|key| (key.id, key.revoked_at)).collect::<Vec<_>>(),
        [(first.id, None), (second.id, Some(UnixMillis::new(5)))]
    );
    assert_eq!((keys[0].usage, keys[1].usage), (usage(20_001, 3), KeyUsage::default()));
}

pub async fn signatures_are_kept_until_they_expire(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let key = f.store.create_key(new_key("shop", "jd", "a")).await.expect("key").id;
    let used = |digest, expires_at| UsedSignature { key_id: key, digest: [digest; 16], expires_at };
    let of_no_key = UsedSignature { key_id: KeyId::new(key.get() + 1), ..used(9, UnixMillis::new(100)) };
    f.store
        .add_key_usage(
            Vec::new(),
            vec![used(1, UnixMillis::new(100)), used(2, UnixMillis::new(50)), of_no_key],
            UnixMillis::new(0),
        )
        .await
        .expect("noted");
    let f = f.reopen().await;
    let mut known = f.store.used_signatures(UnixMillis::new(0)).await.expect("read");
    known.sort_by_key(|used| used.digest);
    assert_eq!(known, [used(1, UnixMillis::new(100)), used(2, UnixMillis::new(50))]);
    assert_eq!(f.store.used_signatures(UnixMillis::new(50)).await.expect("read"), [used(1, UnixMillis::new(100))]);
    f.store.add_key_usage(Vec::new(), Vec::new(), UnixMillis::new(50)).await.expect("forgets");
    assert_eq!(f.store.used_signatures(UnixMillis::new(0)).await.expect("read"), [used(1, UnixMillis::new(100))]);
    let forget = f.store.write(|tx| Box::pin(async move { tx.forget_signatures(UnixMillis::new(100)).await }));
    assert!(!forget.await.expect("forgets"), "there are no more");
    assert_eq!(f.store.used_signatures(UnixMillis::new(0)).await.expect("read"), []);
}

pub async fn a_grant_that_was_taken_away_is_remembered_until_there_is_another(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let grant = Grant {
        app_id: "shop".into(),
        token_hash: [1; 32],
        token_sealed: vec![1],
        due_at: UnixMillis::new(1),
        capabilities: Vec::new(),
    };
    f.store.create_grant(grant.clone(), UnixMillis::new(1)).await.expect("granted");
    assert_eq!(f.store.apps_with_revoked_grant().await.expect("read"), Vec::<String>::new());
    f.store.delete_grant("shop").await.expect("taken away");
    assert_eq!(f.store.apps_with_revoked_grant().await.expect("read"), ["shop"]);
    f.store.create_grant(grant, UnixMillis::new(1)).await.expect("granted anew");
    assert_eq!(f.store.apps_with_revoked_grant().await.expect("read"), Vec::<String>::new());
}
