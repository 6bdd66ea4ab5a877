//! Operators, their sessions and tokens.

use std::fmt;

use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};

use super::{Algorithm, Redacted};

/// A person who runs the platform. `Debug` omits the password's hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// Row id; never reused.
    pub id: OperatorId,
    /// Name to sign in with; unique.
    pub name: String,
    /// Role; opaque here.
    pub role: String,
    /// The only app that the operator sees; `None`: all.
    pub app_id: Option<String>,
    /// Hash of the password; `None`: no sign-in by password.
    pub password_hash: Option<String>,
    /// How the operator signs in; opaque here.
    pub sign_in: String,
    /// Face to sign in by.
    pub face: Option<OperatorFace>,
    /// Whether the operator is locked out.
    pub is_disabled: bool,
    /// When the operator was created.
    pub created_at: UnixMillis,
    /// When the operator was last changed.
    pub updated_at: UnixMillis,
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, role, app_id, password_hash, sign_in, face, is_disabled, created_at, updated_at } = self;
        f.debug_struct("Operator")
            .field("id", id)
            .field("name", name)
            .field("role", role)
            .field("app_id", app_id)
            .field("password_hash", &password_hash.as_ref().map(|_| Redacted))
            .field("sign_in", sign_in)
            .field("face", face)
            .field("is_disabled", is_disabled)
            .field("created_at", created_at)
            .field("updated_at", updated_at)
            .finish()
    }
}

/// The face of an operator. `Debug` omits the template.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorFace {
    /// Algorithm of the template.
    pub algorithm: Algorithm,
    /// The template, encrypted by the caller; opaque here.
    pub sealed: Vec<u8>,
}

impl fmt::Debug for OperatorFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { algorithm, sealed: _ } = self;
        f.debug_struct("OperatorFace").field("algorithm", algorithm).field("sealed", &Redacted).finish()
    }
}

/// Kind of an [`OperatorToken`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperatorTokenKind {
    /// Session of a browser.
    Session,
    /// Token of a program.
    Token,
}

/// A session or token to create. `Debug` omits the hash.
#[derive(Clone, PartialEq, Eq)]
pub struct NewOperatorToken {
    /// Its owner; `None`: the holder of the admin token.
    pub operator_id: Option<OperatorId>,
    /// Kind.
    pub kind: OperatorTokenKind,
    /// SHA-256 of the token; unique.
    pub hash: [u8; 32],
    /// Name, given by its owner.
    pub name: String,
    /// Address from which it was made.
    pub address: Option<String>,
    /// Whether a face alone opened the session.
    pub by_face: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it expires.
    pub expires_at: UnixMillis,
}

impl fmt::Debug for NewOperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operator_id, kind, hash: _, name, address, by_face, created_at, expires_at } = self;
        f.debug_struct("NewOperatorToken")
            .field("operator_id", operator_id)
            .field("kind", kind)
            .field("hash", &Redacted)
            .field("name", name)
            .field("address", address)
            .field("by_face", by_face)
            .field("created_at", created_at)
            .field("expires_at", expires_at)
            .finish()
    }
}

/// A session or token of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorToken {
    /// Row id; never reused.
    pub id: OperatorTokenId,
    /// The session or token as it was made.
    pub made: NewOperatorToken,
}
