//! Groups of a library: operations on groups of any kind, and on groups of users. Those on groups of devices alone are in
//! [`crate::devices`].

use aicp_store::{Page, Tx};
use aicp_types::GroupId;
use futures_util::future::join_all;

use crate::background::run_detached;
use crate::error::or_missing;
use crate::{Caller, Error, Existing, Group, GroupKind, Library, Missing, Person, Platform, Result};

/// Number of users removed concurrently when a group is deleted.
const MAX_CONCURRENT_REMOVALS: usize = 64;
/// Number of users read at a time when a group is deleted.
const USERS_PER_READ: u64 = 512;

impl Platform {
    /// Creates a group in a library.
    ///
    /// # Errors
    /// [`Existing::Group`] if the library has a group of this kind and name; [`Missing::Library`].
    pub async fn make_group(&self, library: &Library, kind: GroupKind, name: &str) -> Result<Group> {
        let (library_id, name, now) = (library.id, name.to_owned(), self.now());
        let made = self
            .inner
            .store
            .write(move |tx| Box::pin(async move { tx.insert_group(kind, library_id, &name, now).await }))
            .await;
        made.map_err(|e| match e {
            aicp_store::Error::Exists => Error::Exists(Existing::Group),
            other => or_missing(Missing::Library)(other),
        })
    }

    /// Returns a group of a library by its id.
    ///
    /// # Errors
    /// [`Missing::Group`].
    pub async fn group(&self, library: &Library, kind: GroupKind, id: GroupId) -> Result<Group> {
        self.inner.store.rows().await?.group(kind, library.id, id).await?.ok_or(Missing::Group.into())
    }

    /// Returns the number of groups of a kind in a library and a page of them, in order of creation.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn groups(&self, library: &Library, kind: GroupKind, page: Page) -> Result<(u64, Vec<Group>)> {
        Ok(self.inner.store.snapshot().await?.groups(kind, library.id, page).await?)
    }

    /// Deletes a group of users with its relations and with all its users and their pictures. Can be repeated after a
    /// failure.
    ///
    /// # Errors
    /// [`Missing::Group`]; the engine's error if it refuses.
    pub async fn remove_user_group(&self, caller: &Caller, library: &Library, group: &Group) -> Result<()> {
        let (platform, caller, library, group) = (self.clone(), caller.clone(), library.clone(), group.id);
        run_detached(async move {
            let store = &platform.inner.store;
            // Other calls may add users meanwhile.
            while !store.remove(move |tx| Box::pin(delete_if_empty(tx, group))).await? {
                let (_, people) = store.snapshot().await?.people_of_group(group, Page::first(USERS_PER_READ)).await?;
                for some in people.chunks(MAX_CONCURRENT_REMOVALS) {
                    // Concurrent removals share commits.
                    let mut removals = Vec::with_capacity(some.len());
                    for person in some {
                        removals.push(platform.remove_person(&caller, &library, person));
                    }
                    for removed in join_all(removals).await {
                        match removed {
                            // Another call removed the user meanwhile.
                            Ok(()) | Err(Error::Missing(Missing::Person)) => {}
                            Err(e) => return Err(e),
                        }
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Adds a user to a group. Does nothing if the user is in the group already.
    ///
    /// # Errors
    /// [`Missing::Group`] if the group or the user no longer exists.
    pub async fn put_into_user_group(&self, group: &Group, person: &Person) -> Result<()> {
        let (group, person_id) = (group.id, person.id);
        let put = self
            .inner
            .store
            .write(move |tx| Box::pin(async move { tx.add_to_user_group(group, person_id).await }))
            .await;
        put.map_err(or_missing(Missing::Group))
    }

    /// Removes a user from a group.
    ///
    /// # Errors
    /// [`Missing::Membership`].
    pub async fn take_out_of_user_group(&self, group: &Group, person: &Person) -> Result<()> {
        let (group, person_id) = (group.id, person.id);
        let removed = self
            .inner
            .store
            .remove(move |tx| Box::pin(async move { tx.remove_from_user_group(group, person_id).await }))
            .await;
        removed.map_err(or_missing(Missing::Membership))
    }

    /// Returns the number of groups of a user and a page of them, in order of creation.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn groups_of_user(&self, person: &Person, page: Page) -> Result<(u64, Vec<Group>)> {
        Ok(self.inner.store.snapshot().await?.groups_of_person(person.id, page).await?)
    }

    /// Returns the number of users in a group and a page of them, in the order of addition to the library.
    ///
    /// # Errors
    /// [`crate::Internal::Store`].
    pub async fn users_of_group(&self, group: &Group, page: Page) -> Result<(u64, Vec<Person>)> {
        Ok(self.inner.store.snapshot().await?.people_of_group(group.id, page).await?)
    }
}

/// Deletes a group of users unless it has users; returns whether it did.
async fn delete_if_empty(tx: &mut Tx, group: GroupId) -> Result<bool> {
    if tx.people_of_group(group, Page::first(0)).await?.0 > 0 {
        return Ok(false);
    }
    tx.delete_group(GroupKind::Users, group).await.map_err(or_missing(Missing::Group))?;
    Ok(true)
}

#[cfg(test)]
mod tests;
