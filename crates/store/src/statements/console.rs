//! Users of the console, and their sessions.

use aicp_types::{ConsoleUserId, PersonId, UnixMillis};

use super::libraries::missing_parent;
use crate::sql;
use crate::{ConsoleUser, Error, NewConsoleUser, Result, Rows, Tx};

impl Rows<'_> {
    /// Returns the number of users.
    pub async fn user_count(&mut self) -> Result<u64> {
        let query = sql::query_scalar("SELECT COUNT(*) FROM console_user");
        Ok(query.fetch_one(&mut *self.db).await?)
    }

    /// Returns a user by name.
    pub async fn user_by_name(&mut self, username: &str) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as("SELECT * FROM console_user WHERE username = $1");
        Ok(query.bind(username).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the user whose face is that of a person.
    pub async fn user_by_person(&mut self, person_id: PersonId) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as("SELECT * FROM console_user WHERE person_id = $1");
        Ok(query.bind(person_id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the user of a session that has not expired by `now`.
    pub async fn session_user(&mut self, token_hash: &[u8; 32], now: UnixMillis) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as(
            "SELECT console_user.* FROM console_session JOIN console_user ON console_user.id = console_session.user_id
             WHERE console_session.token_hash = $1 AND console_session.expires > $2",
        );
        Ok(query.bind(&token_hash[..]).bind(now).fetch_optional(&mut *self.db).await?)
    }
}

impl Tx {
    /// Inserts a user of the console, whose face is that of a person.
    ///
    /// # Errors
    /// [`Error::Exists`] if the user name is taken.
    pub async fn insert_user(&mut self, user: NewConsoleUser, person_id: PersonId) -> Result<ConsoleUser> {
        let user: Option<ConsoleUser> = sql::query_as(
            "INSERT INTO console_user (username, password_hash, telephone, mail, department, person_id, created)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (username) DO NOTHING RETURNING *",
        )
        .bind(user.username)
        .bind(user.password_hash)
        .bind(user.telephone)
        .bind(user.mail)
        .bind(user.department)
        .bind(person_id)
        .bind(user.created_at)
        .fetch_optional(&mut *self.db)
        .await?;
        user.ok_or(Error::Exists)
    }

    /// Opens a session of a user until `expires_at`, and deletes the sessions that have expired by `now`. `token_hash`
    /// is the SHA-256 of the session's token; a session with the same hash is replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the user does not exist.
    pub async fn open_session(
        &mut self,
        token_hash: [u8; 32],
        user_id: ConsoleUserId,
        expires_at: UnixMillis,
        now: UnixMillis,
    ) -> Result<()> {
        let query = sql::query("DELETE FROM console_session WHERE expires <= $1");
        query.bind(now).execute(&mut *self.db).await?;
        sql::query(
            "INSERT INTO console_session (token_hash, user_id, expires) VALUES ($1, $2, $3)
             ON CONFLICT (token_hash) DO UPDATE SET user_id = excluded.user_id, expires = excluded.expires",
        )
        .bind(&token_hash[..])
        .bind(user_id)
        .bind(expires_at)
        .execute(&mut *self.db)
        .await
        .map_err(missing_parent)?;
        Ok(())
    }

    /// Ends a session; a missing one is ignored.
    pub async fn close_session(&mut self, token_hash: &[u8; 32]) -> Result<()> {
        let query = sql::query("DELETE FROM console_session WHERE token_hash = $1");
        query.bind(&token_hash[..]).execute(&mut *self.db).await?;
        Ok(())
    }
}
