//! Accounts of an app's users, their friends and friend groups.

use aicp_types::UnixMillis;

use super::Store;
use crate::{AccountGraph, FriendGroups, Members, NewAccount, RelatedFilter, Result};

impl Store {
    /// Creates accounts; for existing ones, sets the given fields.
    ///
    /// # Errors
    /// [`Error::Database`](crate::Error::Database) if the app does not exist.
    pub async fn import_accounts(&self, app_id: &str, accounts: Vec<NewAccount>, created_at: UnixMillis) -> Result<()> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.import_accounts(app_id, accounts, created_at).await })
            .await
    }

    /// Returns those of the user ids that are accounts of an app, in any order.
    pub async fn known_accounts(&self, app_id: &str, user_ids: &[String]) -> Result<Vec<String>> {
        self.shared.database.known_accounts(app_id, user_ids).await
    }

    /// Deletes accounts of an app, also from the friends of other accounts, whose sequences increase. Returns the user
    /// ids that existed, in any order.
    pub async fn delete_accounts(&self, app_id: &str, user_ids: Vec<String>) -> Result<Vec<String>> {
        let app_id = app_id.to_owned();
        self.write(move |shared| async move { shared.database.delete_accounts(app_id, user_ids).await }).await
    }

    /// Returns the friend groups of an account, all or those with these names; `None` if there is no such account.
    pub async fn friend_groups(
        &self,
        app_id: &str,
        user_id: &str,
        names: Option<&[String]>,
        members: Members,
    ) -> Result<Option<FriendGroups>> {
        self.shared.database.friend_groups(app_id, user_id, names, members).await
    }

    /// Returns an account with a selection of others; `None` if there is no such account.
    pub async fn circle(&self, app_id: &str, user_id: &str, around: RelatedFilter) -> Result<Option<AccountGraph>> {
        self.shared.database.circle(app_id, user_id, around).await
    }

    /// Replaces a circle by what `work` returns for it, in one transaction. Does nothing and returns `None` if there is
    /// no such account.
    ///
    /// `work` can add and remove friend groups, change the friends and their attributes on either side, make requests,
    /// and set sequences. It can't add or remove accounts, and groups stay in order of creation.
    pub async fn update_account_graph<T, W>(
        &self,
        app_id: &str,
        user_id: &str,
        around: RelatedFilter,
        work: W,
    ) -> Result<Option<T>>
    where
        T: Send + 'static,
        W: FnOnce(&AccountGraph) -> (AccountGraph, T) + Send + 'static,
    {
        let (app_id, user_id) = (app_id.to_owned(), user_id.to_owned());
        self.write(
            move |shared| async move { shared.database.update_account_graph(app_id, user_id, around, work).await },
        )
        .await
    }
}
