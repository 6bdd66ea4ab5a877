//! Accounts of an app's users, their friends and friend groups.

use aicp_types::UnixMillis;

use super::Store;
use crate::{Around, Circle, FriendGroups, Members, NewAccount, Result};

impl Store {
    /// Makes accounts, or sets what is given of those that there are.
    ///
    /// # Errors
    /// [`Error::Database`](crate::Error::Database) if the app is not known.
    pub async fn import_accounts(&self, app_id: &str, accounts: Vec<NewAccount>, created_at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.import_accounts(app_id, accounts, created_at).await })
            .await
    }

    /// Those of these names that are accounts of an app, in any order.
    pub async fn known_accounts(&self, app_id: &str, user_ids: &[String]) -> Result<Vec<String>> {
        self.shared.database.known_accounts(app_id, user_ids).await
    }

    /// Deletes accounts of an app, everywhere: also as others' friends, whose sequences count on. Returns the names of
    /// those that there were, in any order.
    pub async fn delete_accounts(&self, app_id: &str, user_ids: Vec<String>) -> Result<Vec<String>> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.delete_accounts(app_id, user_ids).await }).await
    }

    /// The groups of an account, or those of these names; none if there is no such account.
    pub async fn friend_groups(
        &self,
        app_id: &str,
        user_id: &str,
        names: Option<&[String]>,
        members: Members,
    ) -> Result<Option<FriendGroups>> {
        self.shared.database.friend_groups(app_id, user_id, names, members).await
    }

    /// An account with others around it; none if there is no such account.
    pub async fn circle(&self, app_id: &str, user_id: &str, around: Around) -> Result<Option<Circle>> {
        self.shared.database.circle(app_id, user_id, around).await
    }

    /// Makes a circle what `work` makes of it, as a whole and with no other write in between; does nothing, and returns
    /// none, if there is no such account.
    ///
    /// Groups can be added to it and taken from it, friends and what is kept about them changed on either side, requests
    /// made, sequences set. Accounts can't come or go, and groups keep the order in which they were made.
    pub async fn change_circle<T, W>(&self, app_id: &str, user_id: &str, around: Around, work: W) -> Result<Option<T>>
    where
        T: Send + 'static,
        W: FnOnce(&Circle) -> (Circle, T) + Send + 'static,
    {
        let (app_id, user_id) = (app_id.to_owned(), user_id.to_owned());
        self.write(move |shared| async move { shared.database.change_circle(app_id, user_id, around, work).await })
            .await
    }
}
