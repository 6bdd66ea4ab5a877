//! Sign-in of operators, and of the holder of the admin token.

use std::time::Duration;

use aicp_store::{Act, NewOperatorToken, Operator, OperatorTokenKind};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::sessions::tokens_of;
use super::{MAX_NAME_CHARS, NewSecret, OperatorDirectory, SignInPolicy, has_face};
use crate::audit::{Origin, state};
use crate::error::or_missing;
use crate::secrets::{TokenHash, new_token};
use crate::{Error, Missing, Platform, Refusal, Result};

/// Maximum number of sessions of an operator: of those that a face alone opened, and of the others.
const MAX_SESSIONS: usize = 100;
/// Key of the throttle under which all sign-ins by a face alone count together. No name has a control character.
const BY_FACE: &str = "\u{0}by face";

/// A session to open: where from, and for how long.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Where the request came from.
    pub origin: Origin,
    /// Name of the program that signs in.
    pub program: String,
    /// Lifetime.
    pub life: Duration,
}

/// What a page of sign-in may offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignInOffer {
    /// Whether there is an operator who has a password and is not locked out.
    pub is_set_up: bool,
    /// Whether somebody can sign in by a face alone.
    pub by_face: bool,
}

/// How a session was opened, for the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Way {
    Password,
    PasswordAndFace,
    Face,
    AdminToken,
}

impl Platform {
    /// Returns what a page of sign-in may offer.
    pub fn sign_in_offer(&self) -> SignInOffer {
        SignInOffer {
            is_set_up: self.inner.operators.has(|operator| operator.password_hash.is_some()),
            by_face: self.settings().console.face_sign_in && self.is_any_face_known(),
        }
    }

    fn is_any_face_known(&self) -> bool {
        self.inner.operators.has(|operator| has_face(operator, self.algorithm()))
    }

    /// Opens a session for an operator, by name and password, and by the face if the operator's policy wants one or a picture
    /// is sent. An unknown name takes as long as a wrong password. The picture is looked at after the password.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`], [`Refusal::FaceWanted`], [`Refusal::FaceUnknown`]; as
    /// [`Platform::sign_in_by_face`] for a picture.
    pub async fn sign_in(
        &self,
        name: &str,
        password: String,
        picture: Option<Bytes>,
        new: NewSession,
    ) -> Result<NewSecret> {
        self.admit_address(new.origin.address)?;
        self.admit_name(format!("operator {name}"))?;
        let operator = self.inner.store.rows().await?.operator_named(name).await?;
        let operator = operator.filter(|operator| !operator.is_disabled);
        let hash = operator.as_ref().and_then(|operator| operator.password_hash.clone());
        let (true, Some(operator)) = (self.check_password(password, hash).await?, operator) else {
            return Err(Refusal::Login.into());
        };
        let (operator, way) = match (picture, SignInPolicy::of(&operator)) {
            (Some(picture), _) => (self.match_with_password(operator, picture).await?, Way::PasswordAndFace),
            (None, SignInPolicy::PasswordAndFace) => return Err(Refusal::FaceWanted.into()),
            (None, SignInPolicy::Password) => (operator, Way::Password),
        };
        self.open_operator_session(Ok(operator), way, new).await
    }

    /// Opens a session that may only look, for the operator whose face a picture shows: the one with this name or, without a
    /// name, any. An unknown name takes as long as an unknown face.
    ///
    /// # Errors
    /// [`Refusal::FaceSignInOff`], [`Refusal::TooManyAttempts`], [`Refusal::NoFace`], [`Refusal::NotRecognisable`],
    /// [`Refusal::TooTight`], [`Refusal::NotLive`], [`Refusal::FaceUnknown`], [`crate::BadInput::Picture`], [`Error::Busy`].
    pub async fn sign_in_by_face(&self, name: Option<&str>, picture: Bytes, new: NewSession) -> Result<NewSecret> {
        if !self.settings().console.face_sign_in {
            return Err(Refusal::FaceSignInOff.into());
        }
        self.admit_address(new.origin.address)?;
        if let Some(name) = name {
            self.admit_name(format!("operator {name}"))?;
        }
        self.admit_name(BY_FACE.to_owned())?;
        if !self.is_any_face_known() {
            return Err(Refusal::FaceUnknown.into());
        }
        let operator = self.match_face_alone(name, picture).await?;
        self.open_operator_session(Ok(operator), Way::Face, new).await
    }

    /// Opens a session for the holder of the admin token.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`].
    pub async fn sign_in_with_admin_token(&self, token: &str, new: NewSession) -> Result<NewSecret> {
        self.admit_address(new.origin.address)?;
        let admin = self.inner.tokens.admin_hash(token, self.now()).ok_or(Refusal::Login)?;
        self.open_operator_session(Err(admin), Way::AdminToken, new).await
    }

    /// Opens a session of an operator, or of the holder of the admin token with this hash.
    async fn open_operator_session(
        &self,
        holder: Result<Operator, TokenHash>,
        way: Way,
        new: NewSession,
    ) -> Result<NewSecret> {
        let NewSession { origin, program, life } = new;
        let secret = new_token()?;
        let (hash, name) = match &holder {
            Ok(operator) => (TokenHash::of(&secret), format!("operator:{}", operator.name)),
            Err(admin) => (OperatorDirectory::hash_of_administrator(admin, &secret), "admin-token".to_owned()),
        };
        let checked = holder.ok();
        let operator_id = checked.as_ref().map(|operator| operator.id);
        let (now, by_face) = (self.now(), way == Way::Face);
        let act = origin.act(now, "session.create", format!("session of {name}"));
        let act = Act { actor: name, after: state(&json!({ "by": way })), ..act };
        let new = NewOperatorToken {
            operator_id,
            kind: OperatorTokenKind::Session,
            hash: hash.bytes(),
            name: program.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect(),
            address: origin.address.map(|client| client.to_string()),
            by_face,
            created_at: now,
            expires_at: now.saturating_add(life),
        };
        let opened = self.inner.store.write(move |tx| {
            Box::pin(async move {
                // What was checked may have been changed meanwhile, or the operator locked out.
                if let Some(checked) = checked {
                    let now = tx.operator(checked.id).await?.filter(|operator| !operator.is_disabled);
                    if now.is_none_or(|operator| !has_same_proofs(&operator, &checked)) {
                        let refusal = if by_face { Refusal::FaceUnknown } else { Refusal::Login };
                        return Err(refusal.into());
                    }
                }
                // The oldest sessions make room for new ones, so that nobody is locked out by sessions left open. Those of a
                // face alone don't end the others.
                let mut sessions = tokens_of(tx, operator_id, OperatorTokenKind::Session, now).await?;
                sessions.retain(|session| session.made.by_face == by_face);
                let excess = (sessions.len() + 1).saturating_sub(MAX_SESSIONS);
                for session in sessions.iter().take(excess) {
                    tx.delete_operator_token(session.id).await?;
                }
                let session = tx.create_operator_token(new).await.map_err(or_missing(Missing::Operator))?;
                tx.append_act(act).await?;
                Ok::<_, Error>(session)
            })
        });
        Ok(NewSecret { row: opened.await?, secret })
    }
}

/// Whether an operator still signs in by what was checked.
fn has_same_proofs(now: &Operator, checked: &Operator) -> bool {
    now.password_hash == checked.password_hash && now.sign_in == checked.sign_in && now.face == checked.face
}
