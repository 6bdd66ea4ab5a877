//! Groups of people and of devices.

use aicp_types::{GroupId, LibraryId, PersonId, UnixMillis};

use super::Store;
use crate::{Group, GroupKind, Page, Person, Result};

impl Store {
    /// Makes a group.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library is gone; [`Error::Exists`](crate::Error::Exists) if it
    /// has a group of that kind and name.
    pub async fn create_group(
        &self,
        kind: GroupKind,
        library_id: LibraryId,
        name: &str,
        modified_at: UnixMillis,
    ) -> Result<Group> {
        let name = name.to_owned();
        self.write(move |shared| async move { shared.database.create_group(kind, library_id, name, modified_at).await })
            .await
    }

    /// A group of a library.
    pub async fn group(&self, kind: GroupKind, library_id: LibraryId, group_id: GroupId) -> Result<Option<Group>> {
        self.shared.database.group(kind, library_id, group_id).await
    }

    /// How many groups of a kind a library has, and up to `limit` of them, oldest first, leaving out the first `offset`.
    /// Negative numbers count as 0.
    pub async fn groups(&self, kind: GroupKind, library_id: LibraryId, page: Page) -> Result<(u64, Vec<Group>)> {
        self.shared.database.groups(kind, library_id, page).await
    }

    /// Removes a group with its relations. What was in it stays.
    pub async fn delete_group(&self, kind: GroupKind, group_id: GroupId) -> Result<()> {
        self.write(move |shared| async move { shared.database.delete_group(kind, group_id).await }).await
    }

    /// Removes a group of people with its relations if nobody is in it; whether that was so.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the group is gone.
    pub async fn delete_empty_user_group(&self, group_id: GroupId) -> Result<bool> {
        self.write(move |shared| async move { shared.database.delete_empty_user_group(group_id).await }).await
    }

    /// Puts a person into a group of people. One who is in it already is fine.
    pub async fn add_to_user_group(&self, group_id: GroupId, person_id: PersonId) -> Result<()> {
        self.write(move |shared| async move { shared.database.add_to_user_group(group_id, person_id).await }).await
    }

    /// Takes a person out of a group of people.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person is not in it.
    pub async fn remove_from_user_group(&self, group_id: GroupId, person_id: PersonId) -> Result<()> {
        self.write(move |shared| async move { shared.database.remove_from_user_group(group_id, person_id).await }).await
    }

    /// How many groups a person is in, and a page of them as [`groups`](Self::groups) has it.
    pub async fn groups_of_person(&self, person_id: PersonId, page: Page) -> Result<(u64, Vec<Group>)> {
        self.shared.database.groups_of_person(person_id, page).await
    }

    /// How many people a group has, and up to `limit` of them by row id, leaving out the first `offset`. Negative
    /// numbers count as 0.
    pub async fn people_of_group(&self, group_id: GroupId, page: Page) -> Result<(u64, Vec<Person>)> {
        self.shared.database.people_of_group(group_id, page).await
    }
}
