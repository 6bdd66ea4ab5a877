//! Users of the console, and their sessions.

use aicp_types::{ConsoleUserId, LibraryId, PersonId, UnixMillis};
use bytes::Bytes;

use super::Store;
use crate::{ConsoleUser, Face, NewConsoleUser, NewFace, NewPerson, Person, Result};

impl Store {
    /// Registers a user of the console together with a person, their first face and its picture; all or nothing.
    ///
    /// # Errors
    /// [`Error::Exists`](crate::Error::Exists) if the user name is taken, and those of [`enrol`](Self::enrol).
    pub async fn register_user(
        &self,
        user: NewConsoleUser,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: Bytes,
    ) -> Result<(ConsoleUser, Person, Face)> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.register_user(user, library_id, person, face, key);
            shared.pictures.store_with(picture, insert).await
        })
        .await
    }

    /// Returns a user by name.
    pub async fn user_by_name(&self, username: &str) -> Result<Option<ConsoleUser>> {
        self.shared.database.user_by_name(username).await
    }

    /// Returns the number of users.
    pub async fn user_count(&self) -> Result<u64> {
        self.shared.database.user_count().await
    }

    /// Returns the user whose face is that of a person.
    pub async fn user_by_person(&self, person_id: PersonId) -> Result<Option<ConsoleUser>> {
        self.shared.database.user_by_person(person_id).await
    }

    /// Opens a session of a user until `expires_at`, and deletes the sessions that have expired by `now`. `token_hash`
    /// is the SHA-256 of the session's token; a session with the same hash is replaced.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the user does not exist.
    pub async fn open_session(
        &self,
        token_hash: [u8; 32],
        user_id: ConsoleUserId,
        expires_at: UnixMillis,
        now: UnixMillis,
    ) -> Result<()> {
        self.write(
            move |shared| async move { shared.database.open_session(token_hash, user_id, expires_at, now).await },
        )
        .await
    }

    /// Returns the user of a session that has not expired by `now`.
    pub async fn session_user(&self, token_hash: &[u8; 32], now: UnixMillis) -> Result<Option<ConsoleUser>> {
        self.shared.database.session_user(token_hash, now).await
    }

    /// Ends a session; a missing one is ignored.
    pub async fn close_session(&self, token_hash: &[u8; 32]) -> Result<()> {
        let token_hash = *token_hash;
        self.write(move |shared| async move { shared.database.close_session(token_hash).await }).await
    }
}
