//! Devices, their groups, and their relations to groups of people.

use aicp_store::{DeviceName, Error, GroupKind, Page};
use aicp_types::{GroupId, LibraryId, SyncRelationId, UnixMillis};

use crate::Harness;
use crate::fixture::{Fixture, bytes, new_face};

fn device(name: &str, instance_id: &str) -> DeviceName {
    DeviceName { product_key: "p".into(), device_name: name.into(), instance_id: instance_id.into() }
}

pub async fn a_device_is_known_once_it_was_in_a_group(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let group = f.group(GroupKind::Devices, library.id, "1").await;
    let second = f.group(GroupKind::Devices, library.id, "2").await;
    let known = async |library: LibraryId, name: &DeviceName| f.store.device(library, name).await.expect("read");
    assert_eq!(known(library.id, &device("d", "")).await, None);
    for group in [&group, &group, &second] {
        f.store.add_to_device_group(library.id, group.id, device("d", "")).await.expect("add");
    }
    let id = known(library.id, &device("d", "")).await.expect("it is known");
    assert_eq!(known(library.id, &device("d", "i")).await, None);
    assert_eq!(known(other.id, &device("d", "")).await, None);
    let refused = f.store.add_to_device_group(library.id, GroupId::new(-1), device("e", "")).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert_eq!(known(library.id, &device("e", "")).await, None, "a refusal makes nothing known");

    assert_eq!(
        f.store.groups_of_device(id, Page::first(9)).await.expect("read"),
        (2, vec![group.clone(), second.clone()])
    );
    assert_eq!(
        f.store.groups_of_device(id, Page { offset: 1, limit: 9 }).await.expect("read"),
        (2, vec![second.clone()])
    );
    f.store.remove_from_device_group(group.id, id).await.expect("remove");
    assert!(matches!(f.store.remove_from_device_group(group.id, id).await, Err(Error::NotFound)));
    f.store.delete_group(GroupKind::Devices, second.id).await.expect("delete");
    assert_eq!(f.store.groups_of_device(id, Page::first(9)).await.expect("read"), (0, vec![]));
    assert_eq!(known(library.id, &device("d", "")).await, Some(id), "it stays known");
}

pub async fn relations_bind_groups_of_one_library(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    let users = f.group(GroupKind::Users, library.id, "u").await;
    let devices = f.group(GroupKind::Devices, library.id, "d").await;
    let more = f.group(GroupKind::Devices, library.id, "e").await;
    let relate = async |devices: GroupId, kind: &str, now| {
        let now = UnixMillis::new(now);
        f.store.put_sync_relation(library.id, users.id, devices, kind, now).await
    };
    let relation = relate(devices.id, "k", 1).await.expect("relation");
    let again = relate(devices.id, "l", 2).await.expect("again");
    assert_eq!((again.id, &*again.kind, again.modified_at), (relation.id, "l", UnixMillis::new(2)));
    let second = relate(more.id, "k", 3).await.expect("relation");
    assert!(matches!(relate(GroupId::new(-1), "k", 4).await, Err(Error::NotFound)));
    let read = async |library: LibraryId, id: SyncRelationId| f.store.sync_relation(library, id).await.expect("read");
    assert_eq!(read(library.id, relation.id).await, Some(again.clone()));
    assert_eq!(read(other.id, relation.id).await, None);
    assert_eq!(
        f.store.sync_relations(library.id, Page::first(9)).await.expect("read"),
        (2, vec![again, second.clone()])
    );
    assert_eq!(
        f.store.sync_relations(library.id, Page { offset: 1, limit: 9 }).await.expect("read"),
        (2, vec![second.clone()])
    );

    f.store.update_sync_relation(relation.id, "m", UnixMillis::new(5)).await.expect("update");
    let updated = read(library.id, relation.id).await.expect("it is there");
    assert_eq!((&*updated.kind, updated.modified_at), ("m", UnixMillis::new(5)));
    f.store.delete_sync_relation(relation.id).await.expect("delete");
    assert!(matches!(f.store.delete_sync_relation(relation.id).await, Err(Error::NotFound)));
    assert!(matches!(f.store.update_sync_relation(relation.id, "m", UnixMillis::new(5)).await, Err(Error::NotFound)));
    f.store.delete_group(GroupKind::Devices, more.id).await.expect("delete");
    assert_eq!(read(library.id, SyncRelationId::new(second.id.get())).await, None, "a relation goes with its group");
}

pub async fn a_person_with_a_face_is_on_the_devices_of_related_groups(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let users = f.group(GroupKind::Users, library.id, "u").await;
    let devices = f.group(GroupKind::Devices, library.id, "d").await;
    let (person, face) = f.enrol(&library, "p").await;
    f.store.add_to_device_group(library.id, devices.id, device("d", "")).await.expect("add");
    let id = f.store.device(library.id, &device("d", "")).await.expect("read").expect("it is known");
    let is_there = async || f.store.is_on_device(person.id, id).await.expect("read");
    assert!(!is_there().await);
    f.store.add_to_user_group(users.id, person.id).await.expect("add");
    assert!(!is_there().await);
    let relation =
        f.store.put_sync_relation(library.id, users.id, devices.id, "k", UnixMillis::new(1)).await.expect("relation");
    assert!(is_there().await);
    f.store.remove_face(face.id).await.expect("remove");
    assert!(!is_there().await, "without a face there is nothing to know");
    f.store.add_face(person.id, new_face(), bytes("q")).await.expect("face");
    assert!(is_there().await);
    f.store.remove_from_device_group(devices.id, id).await.expect("remove");
    assert!(!is_there().await);
    f.store.add_to_device_group(library.id, devices.id, device("d", "")).await.expect("add");
    assert!(is_there().await);
    f.store.delete_sync_relation(relation.id).await.expect("delete");
    assert!(!is_there().await);
}
