//! Sessions and personal tokens of operators.

use std::time::Duration;

use aicp_store::{Act, NewOperatorToken, Operator, OperatorToken, OperatorTokenKind, Tx};
use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};

use super::{MAX_NAME_CHARS, OperatorDirectory, OperatorInfo, check_name, end_sessions};
use crate::audit::Origin;
use crate::caller::SignIn;
use crate::error::or_missing;
use crate::secrets::{TokenHash, new_token};
use crate::{Caller, Error, Limit, Missing, Platform, Refusal, Result, TokenError};

/// Maximum number of sessions, and of tokens, of an operator.
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
    /// Opens a session for an operator, by name and password. An unknown name takes as long as a wrong password.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`].
    pub async fn sign_in(
        &self,
        name: &str,
        password: String,
        origin: Origin,
        program: &str,
        life: Duration,
    ) -> Result<NewSecret> {
        self.admit_address(origin.address)?;
        self.admit_name(format!("operator {name}"))?;
        let operator = self.inner.store.rows().await?.operator_named(name).await?;
        let operator = operator.filter(|operator| !operator.is_disabled);
        let hash = operator.as_ref().and_then(|operator| operator.password_hash.clone());
        match (self.check_password(password, hash).await?, operator) {
            (true, Some(operator)) => self.open_operator_session(Ok(operator), origin, program, life).await,
            _ => Err(Refusal::Login.into()),
        }
    }

    /// Opens a session for the holder of the admin token.
    ///
    /// # Errors
    /// [`Refusal::TooManyAttempts`], [`Refusal::Login`].
    pub async fn sign_in_with_admin_token(
        &self,
        token: &str,
        origin: Origin,
        program: &str,
        life: Duration,
    ) -> Result<NewSecret> {
        self.admit_address(origin.address)?;
        let admin = self.inner.tokens.admin_hash(token, self.now()).ok_or(Refusal::Login)?;
        self.open_operator_session(Err(admin), origin, program, life).await
    }

    /// Opens a session of an operator, or of the holder of the admin token with this hash.
    async fn open_operator_session(
        &self,
        holder: Result<Operator, TokenHash>,
        origin: Origin,
        program: &str,
        life: Duration,
    ) -> Result<NewSecret> {
        let secret = new_token()?;
        let (hash, name) = match &holder {
            Ok(operator) => (TokenHash::of(&secret), format!("operator:{}", operator.name)),
            Err(admin) => (OperatorDirectory::hash_of_administrator(admin, &secret), "admin-token".to_owned()),
        };
        let operator = holder.ok();
        let checked = operator.clone();
        let operator_id = operator.map(|operator| operator.id);
        let now = self.now();
        let act = Act { actor: name.clone(), ..origin.act(now, "session.create", format!("session of {name}")) };
        let new = NewOperatorToken {
            operator_id,
            kind: OperatorTokenKind::Session,
            hash: hash.bytes(),
            name: program.chars().filter(|c| !c.is_control()).take(MAX_NAME_CHARS).collect(),
            address: origin.address.map(|client| client.to_string()),
            created_at: now,
            expires_at: now.saturating_add(life),
        };
        let opened = self.inner.store.write(move |tx| {
            Box::pin(async move {
                // Another password may have been set meanwhile, or the operator locked out.
                if let Some(checked) = checked {
                    let now = tx.operator(checked.id).await?.filter(|operator| !operator.is_disabled);
                    if now.is_none_or(|operator| operator.password_hash != checked.password_hash) {
                        return Err(Refusal::Login.into());
                    }
                }
                // The oldest sessions make room for new ones, so that nobody is locked out by sessions left open.
                let sessions = tokens_of(tx, operator_id, OperatorTokenKind::Session, now).await?;
                let excess = (sessions.len() + 1).saturating_sub(MAX_TOKENS);
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
        self.inner.operators.operator(caller.sign_in()?.operator_id?).map(|operator| Operator::clone(&operator).into())
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
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::TooManyAttempts`]; [`Refusal::WrongPassword`];
    /// [`crate::BadInput::Password`].
    pub async fn change_own_password(&self, caller: &Caller, current: String, new: String) -> Result<()> {
        let Some(SignIn { operator_id: Some(id), token_id }) = caller.sign_in() else {
            return Err(Refusal::Forbidden.into());
        };
        let operator = self.inner.store.rows().await?.operator(id).await?.ok_or(Missing::Operator)?;
        self.admit_name(format!("operator {}", operator.name))?;
        if !self.check_password(current, operator.password_hash.clone()).await? {
            return Err(Refusal::WrongPassword.into());
        }
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
    /// [`Refusal::Forbidden`], [`Missing::Session`].
    pub async fn end_operator_token(
        &self,
        caller: &Caller,
        kind: OperatorTokenKind,
        id: OperatorTokenId,
    ) -> Result<()> {
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
    /// [`Refusal::Forbidden`] if no operator calls; [`crate::BadInput::OperatorName`] for the name of the token;
    /// [`Limit::Tokens`].
    pub async fn create_operator_token(
        &self,
        caller: &Caller,
        name: &str,
        expires_at: UnixMillis,
    ) -> Result<NewSecret> {
        let Some(SignIn { operator_id: Some(id), .. }) = caller.sign_in() else {
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
