//! Groups of people and of devices.

use aicp_types::{GroupId, LibraryId, PersonId, UnixMillis};

use super::Store;
use crate::{Group, GroupKind, Page, Person, Result};

impl Store {
    /// Creates a group.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library does not exist;
    /// [`Error::Exists`](crate::Error::Exists) if it has a group of that kind and name.
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

    /// Returns a group of a library.
    pub async fn group(&self, kind: GroupKind, library_id: LibraryId, group: GroupId) -> Result<Option<Group>> {
        self.shared.database.group(kind, library_id, group).await
    }

    /// Returns the number of a library's groups of a kind, and a page of them, oldest first.
    pub async fn groups(&self, kind: GroupKind, library_id: LibraryId, page: Page) -> Result<(u64, Vec<Group>)> {
        self.shared.database.groups(kind, library_id, page).await
    }

    /// Deletes a group with its relations. Its members stay.
    pub async fn delete_group(&self, kind: GroupKind, group: GroupId) -> Result<()> {
        self.write(move |shared| async move { shared.database.delete_group(kind, group).await }).await
    }

    /// Deletes a group of people with its relations if it has no members; returns whether it was deleted.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the group does not exist.
    pub async fn delete_empty_user_group(&self, group: GroupId) -> Result<bool> {
        self.write(move |shared| async move { shared.database.delete_empty_user_group(group).await }).await
    }

    /// Adds a person to a group of people. A person who is in it already is fine.
    pub async fn add_to_user_group(&self, group: GroupId, person_id: PersonId) -> Result<()> {
        self.write(move |shared| async move { shared.database.add_to_user_group(group, person_id).await }).await
    }

    /// Removes a person from a group of people.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person is not in it.
    pub async fn remove_from_user_group(&self, group: GroupId, person_id: PersonId) -> Result<()> {
        self.write(move |shared| async move { shared.database.remove_from_user_group(group, person_id).await }).await
    }

    /// Returns the number of groups that a person is in, and a page of them, oldest first.
    pub async fn groups_of_person(&self, person_id: PersonId, page: Page) -> Result<(u64, Vec<Group>)> {
        self.shared.database.groups_of_person(person_id, page).await
    }

    /// Returns the number of people in a group, and a page of them by row id.
    pub async fn people_of_group(&self, group: GroupId, page: Page) -> Result<(u64, Vec<Person>)> {
        self.shared.database.people_of_group(group, page).await
    }
}
