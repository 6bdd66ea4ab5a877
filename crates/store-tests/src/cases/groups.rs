//! Groups of people and of devices.

use aicp_store::{Error, Group, GroupKind, Page};
use aicp_types::{GroupId, LibraryId, PersonId, UnixMillis};

use crate::Harness;
use crate::fixture::Fixture;

const KINDS: [GroupKind; 2] = [GroupKind::Users, GroupKind::Devices];

impl Fixture {
    pub async fn group(&self, kind: GroupKind, library_id: LibraryId, name: &str) -> Group {
        self.store.insert_group(kind, library_id, name, UnixMillis::new(5)).await.expect("group")
    }
}

pub async fn names_are_unique_per_kind_and_library(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let (library, other) = (f.library("g").await, f.library("h").await);
    for kind in KINDS {
        let group = f.group(kind, library.id, "n").await;
        assert_eq!((group.library_id, &*group.name, group.modified_at), (library.id, "n", UnixMillis::new(5)));
        let again = f.store.insert_group(kind, library.id, "n", UnixMillis::new(6)).await;
        assert!(matches!(again, Err(Error::Exists)), "{again:?}");
        f.group(kind, other.id, "n").await;
        assert_eq!(f.store.group(kind, library.id, group.id).await.expect("read"), Some(group.clone()));
        assert_eq!(f.store.group(kind, other.id, group.id).await.expect("read"), None);
        let nowhere = f.store.insert_group(kind, LibraryId::new(-1), "n", UnixMillis::new(6)).await;
        assert!(matches!(nowhere, Err(Error::NotFound)), "{nowhere:?}");

        f.store.delete_group(kind, group.id).await.expect("delete");
        assert!(matches!(f.store.delete_group(kind, group.id).await, Err(Error::NotFound)));
        assert!(f.group(kind, library.id, "n").await.id > group.id, "ids are not reused");
    }
}

pub async fn groups_come_in_pages(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    for kind in KINDS {
        for name in ["c", "a", "b"] {
            f.group(kind, library.id, name).await;
        }
        let page = async |page| {
            let (total, page) = f.store.groups(kind, library.id, page).await.expect("read");
            (total, page.into_iter().map(|group| group.name).collect::<Vec<_>>())
        };
        assert_eq!(page(Page::first(2)).await, (3, vec!["c".to_owned(), "a".to_owned()]));
        assert_eq!(page(Page { offset: 2, limit: 2 }).await, (3, vec!["b".to_owned()]));
        assert_eq!(page(Page { offset: 9, limit: 2 }).await, (3, vec![]));
    }
}

pub async fn people_are_in_any_number_of_groups(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let library = f.library("g").await;
    let (one, two) =
        (f.group(GroupKind::Users, library.id, "1").await, f.group(GroupKind::Users, library.id, "2").await);
    let (p, q) = (f.enrol(&library, "p").await.0, f.enrol(&library, "q").await.0);
    for (group, person) in [(&one, &q), (&one, &p), (&two, &p), (&two, &p)] {
        f.store.add_to_user_group(group.id, person.id).await.expect("add");
    }
    for (group, person) in [(GroupId::new(-1), p.id), (one.id, PersonId::new(-1))] {
        let refused = f.store.add_to_user_group(group, person).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    }
    let groups = async |person: PersonId| f.store.groups_of_person(person, Page::first(9)).await.expect("read");
    let people = async |group: GroupId, page| {
        let (total, people) = f.store.people_of_group(group, page).await.expect("read");
        (total, people.into_iter().map(|person| person.id).collect::<Vec<_>>())
    };
    assert_eq!(groups(p.id).await, (2, vec![one.clone(), two.clone()]));
    assert_eq!(groups(q.id).await, (1, vec![one.clone()]));
    assert_eq!(
        f.store.groups_of_person(p.id, Page { offset: 1, limit: 9 }).await.expect("read"),
        (2, vec![two.clone()])
    );
    assert_eq!(people(one.id, Page::first(9)).await, (2, vec![p.id, q.id]));
    assert_eq!(people(one.id, Page { offset: 1, limit: 9 }).await, (2, vec![q.id]));
    assert_eq!(people(two.id, Page::first(9)).await, (1, vec![p.id]));

    f.store.remove_from_user_group(two.id, p.id).await.expect("remove");
    assert!(matches!(f.store.remove_from_user_group(two.id, p.id).await, Err(Error::NotFound)));
    f.store.remove_person(q.id).await.expect("remove");
    assert_eq!(people(one.id, Page::first(9)).await, (1, vec![p.id]), "who is gone is in no group");
    f.store.delete_group(GroupKind::Users, one.id).await.expect("delete");
    assert_eq!(groups(p.id).await, (0, vec![]));
    f.store.delete_library(library.id).await.expect("delete");
    assert_eq!(f.store.group(GroupKind::Users, library.id, two.id).await.expect("read"), None);
}
