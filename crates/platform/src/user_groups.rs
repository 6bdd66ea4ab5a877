//! Groups of a library's users, and groups as such.

use aicp_store::Page;
use aicp_types::GroupId;
use futures_util::future::join_all;

use crate::background::run_to_the_end;
use crate::{App, Error, Group, GroupKind, Library, Person, Platform, Result};

/// Users of a group that is deleted who are removed at once.
const REMOVED_AT_ONCE: usize = 64;
/// Users of a group that is deleted who are looked up at once.
const LOOKED_UP: u64 = 512;

impl Platform {
    /// Makes a group in a library.
    ///
    /// # Errors
    /// [`Error::GroupExists`] if the library has one of this kind and name, [`Error::NoLibrary`].
    pub async fn make_group(&self, library: &Library, kind: GroupKind, name: &str) -> Result<Group> {
        self.inner.store.create_group(kind, library.id, name, self.now()).await.map_err(|e| match e {
            aicp_store::Error::Exists => Error::GroupExists,
            other => Error::or_no_library(other),
        })
    }

    /// A group of a library by its number.
    ///
    /// # Errors
    /// [`Error::NoGroup`].
    pub async fn group(&self, library: &Library, kind: GroupKind, id: GroupId) -> Result<Group> {
        self.inner.store.group(kind, library.id, id).await?.ok_or(Error::NoGroup)
    }

    /// How many groups of a kind a library has, and a page of them, in the order in which they
    /// were made.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn groups(&self, library: &Library, kind: GroupKind, page: Page) -> Result<(u64, Vec<Group>)> {
        Ok(self.inner.store.groups(kind, library.id, page).await?)
    }

    /// Deletes a group of users with its relations and with all users who are in it, pictures and all. If it breaks off,
    /// it can be called again.
    ///
    /// # Errors
    /// [`Error::NoGroup`]; what an engine says if it refuses.
    pub async fn remove_user_group(&self, app: &App, library: &Library, group: &Group) -> Result<()> {
        let (platform, app, library, group_id) = (self.clone(), app.clone(), library.clone(), group.id);
        run_to_the_end(async move {
            let store = &platform.inner.store;
            // Somebody may be put into it meanwhile.
            while !store.delete_empty_user_group(group_id).await.map_err(Error::or_no_group)? {
                let (_, people) = store.people_of_group(group_id, Page::first(LOOKED_UP)).await?;
                for some in people.chunks(REMOVED_AT_ONCE) {
                    // Together, so that they share commits.
                    let mut removals = Vec::with_capacity(some.len());
                    for person in some {
                        removals.push(platform.drop_person(&app, &library, person));
                    }
                    for removed in join_all(removals).await {
                        match removed {
                            // Somebody else removed them meanwhile.
                            Ok(()) | Err(Error::NoPerson) => {}
                            Err(e) => return Err(e),
                        }
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Puts a user into a group. One who is in it already is fine.
    ///
    /// # Errors
    /// [`Error::NoGroup`] if one of the two is gone.
    pub async fn put_into_user_group(&self, group: &Group, person: &Person) -> Result<()> {
        self.inner.store.add_to_user_group(group.id, person.id).await.map_err(Error::or_no_group)
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`Error::NotInGroup`].
    pub async fn take_out_of_user_group(&self, group: &Group, person: &Person) -> Result<()> {
        self.inner.store.remove_from_user_group(group.id, person.id).await.map_err(Error::or_not_in_group)
    }

    /// How many groups a user is in, and a page of them, in the order in which they were made.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn groups_of_user(&self, person: &Person, page: Page) -> Result<(u64, Vec<Group>)> {
        Ok(self.inner.store.groups_of_person(person.id, page).await?)
    }

    /// How many users are in a group, and a page of them, in the order in which they were
    /// added to the library.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn users_of_group(&self, group: &Group, page: Page) -> Result<(u64, Vec<Person>)> {
        Ok(self.inner.store.people_of_group(group.id, page).await?)
    }
}
