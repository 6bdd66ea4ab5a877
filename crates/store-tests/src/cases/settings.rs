//! Settings that were changed while the server runs.

use aicp_store::{ChangeKind, NewSettingChange, SettingChange};
use aicp_types::{Sequence, SettingChangeId, UnixMillis};

use crate::Harness;
use crate::fixture::Fixture;

pub(super) fn change(name: &str, value: Option<&str>, undoes: Option<SettingChangeId>) -> NewSettingChange {
    NewSettingChange {
        at: UnixMillis::new(7),
        name: name.into(),
        value: value.map(str::to_owned),
        actor: "operator:ada".into(),
        reason: "a test".into(),
        undoes,
    }
}

pub(super) async fn changed(f: &Fixture, change: NewSettingChange) -> SettingChange {
    let made: aicp_store::Result<_> =
        f.store.write(move |tx| Box::pin(async move { tx.change_setting(change).await })).await;
    made.expect("changed")
}

pub async fn values_stay_and_each_change_is_recorded_with_what_was_before(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    assert_eq!(f.store.rows().await.expect("reads").stored_settings().await.expect("read"), []);
    let first = changed(&f, change("b", Some("1"), None)).await;
    let second = changed(&f, change("b", Some("2"), None)).await;
    let other = changed(&f, change("a", Some("\"x\""), None)).await;
    let f = f.reopen().await;
    let mut rows = f.store.rows().await.expect("reads");
    let stored = rows.stored_settings().await.expect("read");
    let stored: Vec<_> = stored.iter().map(|s| (s.name.as_str(), s.value.as_str(), s.change_id)).collect();
    assert_eq!(stored, [("a", "\"x\"", other.id), ("b", "2", second.id)]);
    assert_eq!((first.old_value.as_deref(), second.old_value.as_deref()), (None, Some("1")));

    let undone = changed(&f, change("b", None, Some(second.id))).await;
    assert_eq!((undone.old_value.as_deref(), undone.made.value.as_deref()), (Some("2"), None));
    assert_eq!(undone.made, change("b", None, Some(second.id)));
    let history = rows.setting_changes(None, None, 10).await.expect("read");
    assert_eq!(history, [undone.clone(), other.clone(), second.clone(), first.clone()]);
    let page = rows.setting_changes(Some("b"), Some(undone.id), 1).await.expect("read");
    assert_eq!(page, std::slice::from_ref(&second));
    assert_eq!(rows.setting_changes(Some("c"), None, 10).await.expect("read"), []);
    assert_eq!(rows.setting_change(other.id).await.expect("read"), Some(other));
    assert_eq!(rows.setting_change(SettingChangeId::new(99)).await.expect("read"), None);

    let recorded = rows.changes_after(Sequence::default(), 10).await.expect("read");
    assert!(recorded.iter().all(|change| change.kind == ChangeKind::Setting), "{recorded:?}");
    let ids: Vec<_> = recorded.iter().map(|change| change.ids.clone()).collect();
    assert_eq!(ids, [&first, &second, &history[1], &undone].map(|change| vec![change.id.get()]));
}
