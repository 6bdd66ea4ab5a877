//! Removal of groups, on a real store.

use crate::Missing;
use aicp_store_tests::fixture::{APP, bytes, new_face, new_library, new_person};
use aicp_store_tests::handle::Handle;
use aicp_types::{SystemClock, UnixMillis};

use super::*;

#[tokio::test]
async fn a_group_with_somebody_in_it_is_not_taken_for_empty() {
    let dir = tempfile::tempdir().expect("a temp dir");
    let opened = aicp_store_sqlite::open(dir.path(), std::sync::Arc::new(SystemClock)).await;
    let store = Handle(opened.expect("it opens"));
    store.ensure_app(APP, UnixMillis::new(1)).await.expect("app");
    let library = store.insert_library(new_library("g")).await.expect("library");
    let group = store.insert_group(GroupKind::Users, library.id, "n", UnixMillis::new(5)).await.expect("group");
    let (person, _) = store.enrol(library.id, new_person(), new_face(), bytes("p")).await.expect("enrol");
    store.add_to_user_group(group.id, person.id).await.expect("add");
    let id = group.id;
    let delete = async || store.remove(move |tx| Box::pin(delete_if_empty(tx, id))).await;
    assert!(!delete().await.expect("look"));
    assert_eq!(store.group(GroupKind::Users, library.id, id).await.expect("read"), Some(group.clone()));
    assert_eq!(store.groups_of_person(person.id, Page::first(9)).await.expect("read").0, 1);
    store.remove_person(person.id).await.expect("remove");
    assert!(delete().await.expect("delete"));
    assert_eq!(store.group(GroupKind::Users, library.id, id).await.expect("read"), None);
    assert!(matches!(delete().await, Err(Error::Missing(Missing::Group))));
}
