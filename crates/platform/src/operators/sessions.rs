//! Sessions and personal tokens of operators.

use aicp_store::{NewOperatorToken, Operator, OperatorToken, OperatorTokenKind, Tx};
use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};

use super::{OperatorInfo, check_name, end_sessions};
use crate::caller::SignIn;
use crate::error::or_missing;
use crate::secrets::{TokenHash, new_token};
use crate::{Caller, Error, Limit, Missing, Platform, Refusal, Result, TokenError};

/// Maximum number of tokens of an operator.
const MAX_TOKENS: usize = 100;
/// What personal tokens begin with, so that scanners of source code find them.
const TOKEN_PREFIX: &str = "aicp_";

/// A new session or token. The secret is shown only this once. Not `Debug`, so that it can't get into a log.
#[derive(Clone)]
pub struct NewSecret {
    /// The session or token.
    pub row: OperatorToken,
    /// Secret, which a client sends.
    pub secret: String,
}

impl Platform {
    /// Returns the operator, or the holder of the admin token, to whom a session, or a personal token, belongs.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], also for an operator who is locked out; [`TokenError::Expired`].
    pub fn caller_of_operator_token(&self, kind: OperatorTokenKind, secret: &str) -> Result<Caller, TokenError> {
        self.inner.operators.caller(kind, secret, self.now())
    }

    /// Returns the text that requests with a session's cookie must repeat, so that no other site can make them.
    pub fn csrf_token(&self, secret: &str) -> String {
        hex::encode(&TokenHash::of(&format!("csrf {secret}")).bytes()[..16])
    }

    /// Returns the session or token by which a caller calls; `None` for other callers.
    pub fn sign_in_of(&self, caller: &Caller) -> Option<OperatorToken> {
        let SignIn { token_id, .. } = caller.sign_in()?;
        self.inner.operators.token(token_id).map(|token| OperatorToken::clone(&token))
    }

    /// Returns the operator who calls; `None` for other callers.
    pub fn operator_who_calls(&self, caller: &Caller) -> Option<OperatorInfo> {
        let operator = self.inner.operators.operator(caller.sign_in()?.operator_id?)?;
        Some(self.info(Operator::clone(&operator)))
    }

    /// Ends the session by which a caller calls.
    ///
    /// # Errors
    /// [`Missing::Session`] if the caller does not call by a session.
    pub async fn sign_out(&self, caller: &Caller) -> Result<()> {
        let session = self.sign_in_of(caller).filter(|token| token.made.kind == OperatorTokenKind::Session);
        let id = session.ok_or(Missing::Session)?.id;
        let act = caller.act(self.now(), "session.end", format!("{id} of {}", caller.name()));
        let ended = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                tx.delete_operator_token(id).await?;
                tx.append_act(act).await
            })
        });
        ended.await.map_err(or_missing(Missing::Session))
    }

    /// Changes the password of the operator who calls, and ends their other sessions.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::PasswordWanted`]; [`Refusal::TooManyAttempts`];
    /// [`Refusal::WrongPassword`]; [`crate::BadInput::Password`].
    pub async fn change_own_password(&self, caller: &Caller, current: String, new: String) -> Result<()> {
        let (operator, token_id) = self.checked_operator(caller, current).await?;
        let id = operator.id;
        let hash = self.hash_of_new(&operator.name, new).await?;
        let now = self.now();
        let act = caller.act(now, "operator.password", format!("operator {}", operator.name));
        let checked = operator.password_hash;
        let written = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let mut operator = tx.operator(id).await?.ok_or(Missing::Operator)?;
                // Another password may have been set meanwhile, and have ended this session.
                if operator.password_hash != checked {
                    return Err(Refusal::WrongPassword.into());
                }
                (operator.password_hash, operator.updated_at) = (Some(hash), now);
                tx.write_operator(&operator).await.map_err(or_missing(Missing::Operator))?;
                end_sessions(tx, id, Some(token_id), now).await?;
                tx.append_act(act).await?;
                Ok::<_, Error>(())
            })
        });
        written.await
    }

    /// Returns the operator who calls, after a check of the present password, and the session or token of the call.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::PasswordWanted`]; [`Refusal::TooManyAttempts`];
    /// [`Refusal::WrongPassword`].
    pub(super) async fn checked_operator(
        &self,
        caller: &Caller,
        password: String,
    ) -> Result<(Operator, OperatorTokenId)> {
        let SignIn { operator_id: Some(id), token_id, .. } = caller.full_sign_in()? else {
            return Err(Refusal::Forbidden.into());
        };
        let operator = self.inner.store.rows().await?.operator(id).await?.ok_or(Missing::Operator)?;
        self.admit_name(format!("operator {}", operator.name))?;
        if !self.check_password(password, operator.password_hash.clone()).await? {
            return Err(Refusal::WrongPassword.into());
        }
        Ok((operator, token_id))
    }

    /// Returns the sessions or tokens that have not expired, in order of creation: those of the operator who calls or, for
    /// an administrator, of everybody.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if neither an operator nor an administrator calls.
    pub async fn operator_tokens(&self, caller: &Caller, kind: OperatorTokenKind) -> Result<Vec<OperatorToken>> {
        let own = match caller.sign_in() {
            _ if caller.is_administrator() => None,
            Some(SignIn { operator_id: Some(id), .. }) => Some(id),
            _ => return Err(Refusal::Forbidden.into()),
        };
        let tokens = self.inner.store.rows().await?.operator_tokens(self.now()).await?;
        let wanted =
            |token: &OperatorToken| token.made.kind == kind && (own.is_none() || token.made.operator_id == own);
        Ok(tokens.into_iter().filter(wanted).collect())
    }

    /// Ends a session or token that [`Platform::operator_tokens`] shows to the caller.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::PasswordWanted`], [`Missing::Session`].
    pub async fn end_operator_token(
        &self,
        caller: &Caller,
        kind: OperatorTokenKind,
        id: OperatorTokenId,
    ) -> Result<()> {
        caller.refuse_face_alone()?;
        let tokens = self.operator_tokens(caller, kind).await?;
        let token = tokens.into_iter().find(|token| token.id == id).ok_or(Missing::Session)?;
        let owner = token.made.operator_id.and_then(|owner| self.inner.operators.operator(owner));
        let owner = owner.map_or("admin-token".to_owned(), |owner| format!("operator {}", owner.name));
        let action = match kind {
            OperatorTokenKind::Session => "session.end",
            OperatorTokenKind::Token => "token.end",
        };
        let act = caller.act(self.now(), action, format!("{id} of {owner}"));
        let ended = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                tx.delete_operator_token(id).await.map_err(or_missing(Missing::Session))?;
                tx.append_act(act).await?;
                Ok::<_, Error>(())
            })
        });
        ended.await
    }

    /// Makes a token for the operator who calls, with their role.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::PasswordWanted`]; [`crate::BadInput::OperatorName`] for the
    /// name of the token; [`Limit::Tokens`].
    pub async fn create_operator_token(
        &self,
        caller: &Caller,
        name: &str,
        expires_at: UnixMillis,
    ) -> Result<NewSecret> {
        let SignIn { operator_id: Some(id), .. } = caller.full_sign_in()? else {
            return Err(Refusal::Forbidden.into());
        };
        check_name(name)?;
        let secret = format!("{TOKEN_PREFIX}{}", new_token()?);
        let now = self.now();
        let new = NewOperatorToken {
            operator_id: Some(id),
            kind: OperatorTokenKind::Token,
            hash: TokenHash::of(&secret).bytes(),
            name: name.to_owned(),
            address: caller.origin().and_then(|origin| origin.address).map(|address| address.to_string()),
            by_face: false,
            created_at: now,
            expires_at,
        };
        let act = caller.act(now, "token.create", format!("token {name} of {}", caller.name()));
        let created = self.inner.store.write(move |tx| {
            Box::pin(async move {
                if tokens_of(tx, Some(id), OperatorTokenKind::Token, now).await?.len() >= MAX_TOKENS {
                    return Err(Error::Full(Limit::Tokens));
                }
                let created = tx.create_operator_token(new).await.map_err(or_missing(Missing::Operator))?;
                tx.append_act(act).await?;
                Ok(created)
            })
        });
        Ok(NewSecret { row: created.await?, secret })
    }
}

/// Returns the sessions or tokens of an owner, the oldest first.
pub(super) async fn tokens_of(
    tx: &mut Tx,
    owner: Option<OperatorId>,
    kind: OperatorTokenKind,
    now: UnixMillis,
) -> Result<Vec<OperatorToken>> {
    let tokens = tx.operator_tokens(now).await?;
    Ok(tokens.into_iter().filter(|token| token.made.operator_id == owner && token.made.kind == kind).collect())
}
