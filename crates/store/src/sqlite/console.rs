//! Users of the console, and their sessions.

use aicp_types::{ConsoleUserId, LibraryId, PersonId, UnixMillis};

use super::{Database, writer::WriteTx, writes};
use crate::sql;
use crate::{ConsoleUser, Error, Face, NewConsoleUser, NewFace, NewPerson, Person, Result, objects::PictureName};

impl Database {
    pub(crate) async fn register_user(
        &self,
        user: NewConsoleUser,
        library_id: LibraryId,
        person: NewPerson,
        face: NewFace,
        picture: PictureName,
    ) -> Result<(ConsoleUser, Person, Face)> {
        self.writer.run(move |tx| Box::pin(register_user(tx, user, library_id, person, face, picture))).await
    }

    pub(crate) async fn user_count(&self) -> Result<u64> {
        let query = sql::query_scalar("SELECT COUNT(*) FROM console_user");
        Ok(query.fetch_one(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn user_by_name(&self, username: &str) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as("SELECT * FROM console_user WHERE username = $1");
        Ok(query.bind(username).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn user_by_person(&self, person_id: PersonId) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as("SELECT * FROM console_user WHERE person_id = $1");
        Ok(query.bind(person_id).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn open_session(
        &self,
        token_hash: [u8; 32],
        user_id: ConsoleUserId,
        expires_at: UnixMillis,
        now: UnixMillis,
    ) -> Result<()> {
        self.writer.run(move |tx| Box::pin(open_session(tx, token_hash, user_id, expires_at, now))).await
    }

    pub(crate) async fn session_user(&self, token_hash: &[u8; 32], now: UnixMillis) -> Result<Option<ConsoleUser>> {
        let query = sql::query_as(
            "SELECT console_user.* FROM console_session JOIN console_user ON console_user.id = console_session.user_id
             WHERE console_session.token_hash = $1 AND console_session.expires > $2",
        );
        Ok(query.bind(&token_hash[..]).bind(now).fetch_optional(&mut *self.readers.get().await?).await?)
    }

    pub(crate) async fn close_session(&self, token_hash: [u8; 32]) -> Result<()> {
        self.writer
            .run(move |tx| {
                Box::pin(async move {
                    let query = sql::query("DELETE FROM console_session WHERE token_hash = $1");
                    query.bind(&token_hash[..]).execute(&mut tx.connection).await?;
                    Ok(())
                })
            })
            .await
    }
}

async fn register_user(
    tx: &mut WriteTx,
    user: NewConsoleUser,
    library_id: LibraryId,
    person: NewPerson,
    face: NewFace,
    picture: PictureName,
) -> Result<(ConsoleUser, Person, Face)> {
    let (person, face) = writes::enrol(tx, library_id, person, face, picture).await?;
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
    .bind(person.id)
    .bind(user.created_at)
    .fetch_optional(&mut tx.connection)
    .await?;
    Ok((user.ok_or(Error::Exists)?, person, face))
}

async fn open_session(
    tx: &mut WriteTx,
    token_hash: [u8; 32],
    user_id: ConsoleUserId,
    expires_at: UnixMillis,
    now: UnixMillis,
) -> Result<()> {
    let query = sql::query("DELETE FROM console_session WHERE expires <= $1");
    query.bind(now).execute(&mut tx.connection).await?;
    sql::query(
        "INSERT INTO console_session (token_hash, user_id, expires) VALUES ($1, $2, $3)
         ON CONFLICT (token_hash) DO UPDATE SET user_id = excluded.user_id, expires = excluded.expires",
    )
    .bind(&token_hash[..])
    .bind(user_id)
    .bind(expires_at)
    .execute(&mut tx.connection)
    .await
    .map_err(writes::missing_parent)?;
    Ok(())
}
