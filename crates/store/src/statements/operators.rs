//! Operators, their sessions and tokens.

use std::sync::Arc;

use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};

use crate::sql::{self, DatabaseError, FromRow, Query, Row};
use crate::{
    Algorithm, Change, Error, NewOperatorToken, Operator, OperatorFace, OperatorToken, OperatorTokenKind, Result, Rows,
    Tx,
};

impl Rows<'_> {
    /// Returns all operators, in order of creation.
    pub async fn operators(&mut self) -> Result<Vec<Operator>> {
        Ok(sql::query_as("SELECT * FROM operator ORDER BY id").fetch_all(&mut *self.db).await?)
    }

    /// Returns an operator.
    pub async fn operator(&mut self, id: OperatorId) -> Result<Option<Operator>> {
        let query = sql::query_as("SELECT * FROM operator WHERE id = $1");
        Ok(query.bind(id).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the operator with this name.
    pub async fn operator_named(&mut self, name: &str) -> Result<Option<Operator>> {
        let query = sql::query_as("SELECT * FROM operator WHERE name = $1");
        Ok(query.bind(name).fetch_optional(&mut *self.db).await?)
    }

    /// Returns the sessions and tokens that have not expired, in order of creation.
    pub async fn operator_tokens(&mut self, now: UnixMillis) -> Result<Vec<OperatorToken>> {
        let query = sql::query_as("SELECT * FROM operator_token WHERE expires > $1 ORDER BY id");
        Ok(query.bind(now).fetch_all(&mut *self.db).await?)
    }
}

impl Tx {
    /// Creates an operator; the id of `new` does not count.
    ///
    /// # Errors
    /// [`Error::Exists`] if the name is taken; [`Error::NotFound`] if there is no such app.
    pub async fn create_operator(&mut self, new: Operator) -> Result<Operator> {
        let query = sql::query_as(
            "INSERT INTO operator (name, role, app_id, password_hash, is_disabled, created, updated, sign_in,
                face_algorithm, face_provider, face_version, face_sealed)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             ON CONFLICT (name) DO NOTHING RETURNING *",
        )
        .bind(new.name)
        .bind(new.role)
        .bind(new.app_id)
        .bind(new.password_hash)
        .bind(new.is_disabled)
        .bind(new.created_at)
        .bind(new.updated_at)
        .bind(new.sign_in);
        let query = bind_face(query, new.face.as_ref());
        let created: Option<Operator> = query.fetch_optional(&mut *self.db).await.map_err(missing_app)?;
        let created = created.ok_or(Error::Exists)?;
        self.operator_changed(&created);
        Ok(created)
    }

    /// Writes all columns of an operator but the time of creation.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such operator, or no such app; [`Error::Exists`] if the name is taken.
    pub async fn write_operator(&mut self, operator: &Operator) -> Result<()> {
        let named = self.operator_named(&operator.name).await?;
        if named.is_some_and(|other| other.id != operator.id) {
            return Err(Error::Exists);
        }
        let query = sql::query(
            "UPDATE operator SET name = $2, role = $3, app_id = $4, password_hash = $5, is_disabled = $6, updated = $7,
                sign_in = $8, face_algorithm = $9, face_provider = $10, face_version = $11, face_sealed = $12
             WHERE id = $1",
        )
        .bind(operator.id)
        .bind(&operator.name)
        .bind(&operator.role)
        .bind(&operator.app_id)
        .bind(&operator.password_hash)
        .bind(operator.is_disabled)
        .bind(operator.updated_at)
        .bind(&operator.sign_in);
        let query = bind_face(query, operator.face.as_ref());
        if query.execute(&mut *self.db).await.map_err(missing_app)?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.operator_changed(operator);
        Ok(())
    }

    /// Deletes an operator with all sessions and tokens.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_operator(&mut self, id: OperatorId) -> Result<()> {
        let query = sql::query("DELETE FROM operator WHERE id = $1");
        if query.bind(id).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.announce(Change::OperatorChanged { operator_id: id, operator: None });
        Ok(())
    }

    /// Creates a session or token, and deletes those that have expired.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such operator.
    pub async fn create_operator_token(&mut self, new: NewOperatorToken) -> Result<OperatorToken> {
        let query = sql::query("DELETE FROM operator_token WHERE expires <= $1");
        query.bind(new.created_at).execute(&mut *self.db).await?;
        let query = sql::query_as(
            "INSERT INTO operator_token (operator_id, kind, hash, name, address, created, expires, by_face)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING *",
        )
        .bind(new.operator_id)
        .bind(kind_name(new.kind))
        .bind(new.hash)
        .bind(new.name)
        .bind(new.address)
        .bind(new.created_at)
        .bind(new.expires_at)
        .bind(new.by_face);
        let created: OperatorToken = query.fetch_one(&mut *self.db).await.map_err(missing_app)?;
        self.announce(Change::OperatorTokenChanged { token_id: created.id, token: Some(Arc::new(created.clone())) });
        Ok(created)
    }

    /// Deletes a session or token.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_operator_token(&mut self, id: OperatorTokenId) -> Result<()> {
        let query = sql::query("DELETE FROM operator_token WHERE id = $1");
        if query.bind(id).execute(&mut *self.db).await?.rows_affected() == 0 {
            return Err(Error::NotFound);
        }
        self.announce(Change::OperatorTokenChanged { token_id: id, token: None });
        Ok(())
    }

    pub(super) fn operator_changed(&mut self, operator: &Operator) {
        let operator = Arc::new(operator.clone());
        self.announce(Change::OperatorChanged { operator_id: operator.id, operator: Some(operator) });
    }
}

/// Binds the columns of a face.
fn bind_face<T>(query: Query<T>, face: Option<&OperatorFace>) -> Query<T> {
    query
        .bind(face.map(|face| face.algorithm.name.as_str()))
        .bind(face.map(|face| face.algorithm.provider.as_str()))
        .bind(face.map(|face| face.algorithm.version.as_str()))
        .bind(face.map(|face| face.sealed.as_slice()))
}

fn missing_app(e: DatabaseError) -> Error {
    if e.kind() == sql::Kind::MissingParent { Error::NotFound } else { e.into() }
}

const KINDS: [(OperatorTokenKind, &str); 2] =
    [(OperatorTokenKind::Session, "session"), (OperatorTokenKind::Token, "token")];

fn kind_name(kind: OperatorTokenKind) -> &'static str {
    KINDS.iter().find(|(known, _)| *known == kind).map_or("", |(_, name)| name)
}

impl FromRow for Operator {
    fn from_row(row: &Row) -> sql::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            role: row.try_get("role")?,
            app_id: row.try_get("app_id")?,
            password_hash: row.try_get("password_hash")?,
            sign_in: row.try_get("sign_in")?,
            face: face_of(row)?,
            is_disabled: row.try_get("is_disabled")?,
            created_at: row.try_get("created")?,
            updated_at: row.try_get("updated")?,
        })
    }
}

fn face_of(row: &Row) -> sql::Result<Option<OperatorFace>> {
    let Some(sealed) = row.try_get::<Option<Vec<u8>>, _>("face_sealed")? else { return Ok(None) };
    let algorithm = Algorithm {
        name: row.try_get("face_algorithm")?,
        provider: row.try_get("face_provider")?,
        version: row.try_get("face_version")?,
    };
    Ok(Some(OperatorFace { algorithm, sealed }))
}

impl FromRow for OperatorToken {
    fn from_row(row: &Row) -> sql::Result<Self> {
        let (kind, hash): (&str, &[u8]) = (row.try_get("kind")?, row.try_get("hash")?);
        let known = KINDS.iter().find(|(_, name)| *name == kind);
        let (kind, _) = known.ok_or_else(|| DatabaseError::decode(format!("{kind} is no kind of token")))?;
        let made = NewOperatorToken {
            operator_id: row.try_get("operator_id")?,
            kind: *kind,
            hash: hash.try_into().map_err(|_| DatabaseError::decode("a hash is not 32 bytes long"))?,
            name: row.try_get("name")?,
            address: row.try_get("address")?,
            by_face: row.try_get("by_face")?,
            created_at: row.try_get("created")?,
            expires_at: row.try_get("expires")?,
        };
        Ok(Self { id: row.try_get("id")?, made })
    }
}
