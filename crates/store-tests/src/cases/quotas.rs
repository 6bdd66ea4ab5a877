//! Limits of apps.

use aicp_store::{AppQuota, Error, KeyUsage, Quota};
use aicp_types::UnixMillis;

use crate::Harness;
use crate::fixture::{APP, Fixture, new_library, new_person};

const QUOTA: Quota =
    Quota { calls_per_second: Some(u32::MAX), calls_per_day: Some(7), max_libraries: None, max_people: Some(0) };

pub async fn quotas_round_trip_with_the_calls_that_were_counted(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.quotas().await.expect("read"), []);
    f.store.set_quota(APP, QUOTA).await.expect("set");
    assert!(matches!(f.store.set_quota("nobody", QUOTA).await, Err(Error::NotFound)));
    let usage = KeyUsage { day: 20_000, calls: 5 };
    for calls in [2, 3] {
        let added = KeyUsage { calls, ..usage };
        f.store.add_app_usage(vec![(APP.into(), added), ("nobody".into(), added)]).await.expect("stored");
    }
    let f = f.reopen().await;
    assert_eq!(f.store.quotas().await.expect("read"), [AppQuota { app_id: APP.into(), quota: QUOTA, usage }]);
    f.store.set_quota(APP, Quota::default()).await.expect("set");
    let expected = AppQuota { app_id: APP.into(), quota: Quota::default(), usage };
    assert_eq!(f.store.quotas().await.expect("read"), [expected], "the calls stay");
}

pub async fn people_are_counted_in_all_libraries_of_an_app(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    f.store.ensure_app("other", UnixMillis::new(1)).await.expect("app");
    let (first, second) = (f.library("a").await, f.library("b").await);
    let other = f.store.insert_library(aicp_store::NewLibrary { app_id: "other".into(), ..new_library("a") }).await;
    let other = other.expect("library");
    assert_eq!(f.store.people_of_owner(first.id, 9).await.expect("count"), 0);
    for library in [first.id, first.id, second.id, other.id] {
        f.store.insert_person(library, new_person()).await.expect("person");
    }
    for library in [first.id, second.id] {
        assert_eq!(f.store.people_of_owner(library, 9).await.expect("count"), 3);
        assert_eq!(f.store.people_of_owner(library, 2).await.expect("count"), 2, "no more than is asked for");
        assert_eq!(f.store.max_people_of_owner(library).await.expect("read"), None);
    }
    assert_eq!(f.store.people_of_owner(other.id, 9).await.expect("count"), 1);
    assert_eq!(f.store.people_of_app(APP).await.expect("count"), 3);
    assert_eq!(f.store.people_of_app("nobody").await.expect("count"), 0);
    f.store.set_quota(APP, Quota { max_people: Some(3), ..Quota::default() }).await.expect("set");
    assert_eq!(f.store.max_people_of_owner(second.id).await.expect("read"), Some(3));
    assert_eq!(f.store.max_people_of_owner(other.id).await.expect("read"), None);
}
