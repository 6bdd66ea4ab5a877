//! Operators: people who run the platform, with a role each. They sign in by password for a session, or call with a
//! personal token. The holder of the admin token can sign in too.

mod directory;

use std::time::Duration;

use aicp_store::{Act, NewOperatorToken, Operator, OperatorToken, OperatorTokenKind, Tx};
use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};
use serde::Serialize;

pub(crate) use directory::OperatorDirectory;

use crate::audit::{Origin, state};
use crate::caller::SignIn;
use crate::console::MAX_PASSWORD_BYTES;
use crate::error::{or_existing, or_missing};
use crate::secrets::{TokenHash, new_token};
use crate::{BadInput, Caller, Error, Existing, Missing, Platform, Refusal, Result, TokenError};

/// Minimum length of an operator's password in characters (NIST SP 800-63B-4 section 3.1.1.2, without a second factor).
const MIN_PASSWORD_CHARS: usize = 15;
/// Maximum length of an operator's name, and of that of a token, in characters.
const MAX_NAME_CHARS: usize = 64;
/// Maximum number of sessions, and of tokens, of an operator.
const MAX_TOKENS: usize = 100;
/// What personal tokens begin with, so that scanners of source code find them.
const TOKEN_PREFIX: &str = "aicp_";

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OperatorRole {
    /// Everything.
    Admin,
    /// All work with libraries, people and recognition; no administration.
    Operator,
    /// Look at what an operator works with, and change nothing.
    Viewer,
}

impl OperatorRole {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Admin, "admin"), (Self::Operator, "operator"), (Self::Viewer, "viewer")];

    /// Returns the name of the role.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("", |(_, name)| name)
    }

    /// Returns the role with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(role, _)| *role)
    }

    /// Returns the role of a row. An unknown one, of a newer program, may do the least.
    fn of(operator: &Operator) -> Self {
        Self::named(&operator.role).unwrap_or(Self::Viewer)
    }
}

/// What others may see of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorInfo {
    /// Row id.
    pub id: OperatorId,
    /// Name to sign in with.
    pub name: String,
    /// Role.
    pub role: OperatorRole,
    /// The only app that the operator sees; `None`: all.
    pub app_id: Option<String>,
    /// Whether the operator has a password.
    pub has_password: bool,
    /// Whether the operator is locked out.
    pub is_disabled: bool,
    /// When the operator was created.
    pub created_at: UnixMillis,
    /// When the operator was last changed.
    pub updated_at: UnixMillis,
}

impl From<Operator> for OperatorInfo {
    fn from(operator: Operator) -> Self {
        Self {
            id: operator.id,
            role: OperatorRole::of(&operator),
            name: operator.name,
            app_id: operator.app_id,
            has_password: operator.password_hash.is_some(),
            is_disabled: operator.is_disabled,
            created_at: operator.created_at,
            updated_at: operator.updated_at,
        }
    }
}

/// The state of an operator that the audit log shows.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audited<'a> {
    name: &'a str,
    role: &'a str,
    app_id: Option<&'a str>,
    has_password: bool,
    disabled: bool,
}

impl<'a> Audited<'a> {
    fn of(operator: &'a Operator) -> Self {
        let Operator { name, role, app_id, password_hash, is_disabled, .. } = operator;
        Self { name, role, app_id: app_id.as_deref(), has_password: password_hash.is_some(), disabled: *is_disabled }
    }
}

/// An operator to create. Not `Debug`, so that the password can't get into a log.
#[derive(Clone)]
pub struct NewOperator {
    /// Name to sign in with.
    pub name: String,
    /// Role.
    pub role: OperatorRole,
    /// The only app that the operator sees; `None`: all.
    pub app_id: Option<String>,
    /// Password; `None`: no sign-in by password.
    pub password: Option<String>,
}

/// Changes of an operator. What is `None` stays. Not `Debug`, so that the password can't get into a log.
#[derive(Clone, Default)]
pub struct OperatorChanges {
    /// Role.
    pub role: Option<OperatorRole>,
    /// App; the inner `None`: all.
    pub app_id: Option<Option<String>>,
    /// Password. A new one ends all sessions.
    pub password: Option<String>,
    /// Whether the operator is locked out.
    pub is_disabled: Option<bool>,
}

/// A new session or token. The secret is shown only this once. Not `Debug`, so that it can't get into a log.
#[derive(Clone)]
pub struct NewSecret {
    /// The session or token.
    pub row: OperatorToken,
    /// Secret, which a client sends.
    pub secret: String,
}

impl Platform {
    /// Returns all operators, in order of creation.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`].
    pub async fn operators(&self, caller: &Caller) -> Result<Vec<OperatorInfo>> {
        caller.require_administrator()?;
        let operators = self.inner.store.rows().await?.operators().await?;
        Ok(operators.into_iter().map(OperatorInfo::from).collect())
    }

    /// Returns an operator.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Missing::Operator`].
    pub async fn operator_of_id(&self, caller: &Caller, id: OperatorId) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        let operator = self.inner.store.rows().await?.operator(id).await?;
        Ok(operator.ok_or(Missing::Operator)?.into())
    }

    /// Creates an operator.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Existing::Operator`], [`Missing::App`], [`BadInput::OperatorName`],
    /// [`BadInput::Password`], [`BadInput::AdminOfApp`].
    pub async fn create_operator(&self, caller: &Caller, new: NewOperator) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        check_name(&new.name)?;
        check_role(new.role, new.app_id.as_deref())?;
        let password_hash = match new.password {
            Some(password) => Some(self.hash_of_new(&new.name, password).await?),
            None => None,
        };
        let now = self.now();
        let operator = Operator {
            id: OperatorId::new(0),
            name: new.name,
            role: new.role.name().to_owned(),
            app_id: new.app_id,
            password_hash,
            is_disabled: false,
            created_at: now,
            updated_at: now,
        };
        let act = caller.act(now, "operator.create", format!("operator {}", operator.name));
        let created = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let created =
                    tx.create_operator(operator).await.map_err(or_existing(Existing::Operator, Missing::App))?;
                tx.append_act(Act { after: state(&Audited::of(&created)), ..act }).await?;
                Ok::<_, Error>(created)
            })
        });
        Ok(created.await?.into())
    }

    /// Changes an operator, unless `admits` rejects the present state: then the result is `None`. A new password ends all
    /// sessions of the operator.
    ///
    /// # Errors
    /// As [`Platform::create_operator`], and [`Missing::Operator`].
    pub async fn update_operator(
        &self,
        caller: &Caller,
        id: OperatorId,
        changes: OperatorChanges,
        admits: impl FnOnce(&OperatorInfo) -> bool + Send + 'static,
    ) -> Result<Option<OperatorInfo>> {
        caller.require_administrator()?;
        let name = self.operator_of_id(caller, id).await?.name;
        let password_hash = match changes.password {
            Some(password) => Some(self.hash_of_new(&name, password).await?),
            None => None,
        };
        let now = self.now();
        let act = caller.act(now, "operator.update", format!("operator {name}"));
        let written = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let before = tx.operator(id).await?.ok_or(Missing::Operator)?;
                if !admits(&before.clone().into()) {
                    return Ok(None);
                }
                let mut operator = before.clone();
                if let Some(role) = changes.role {
                    role.name().clone_into(&mut operator.role);
                }
                if let Some(app_id) = changes.app_id {
                    operator.app_id = app_id;
                }
                operator.is_disabled = changes.is_disabled.unwrap_or(operator.is_disabled);
                check_role(OperatorRole::of(&operator), operator.app_id.as_deref())?;
                operator.updated_at = now;
                if let Some(hash) = password_hash {
                    operator.password_hash = Some(hash);
                    end_sessions(tx, id, None, now).await?;
                }
                tx.write_operator(&operator).await.map_err(or_existing(Existing::Operator, Missing::App))?;
                let (before, after) = (state(&Audited::of(&before)), state(&Audited::of(&operator)));
                tx.append_act(Act { before, after, ..act }).await?;
                Ok::<_, Error>(Some(operator))
            })
        });
        Ok(written.await?.map(OperatorInfo::from))
    }

    /// Deletes an operator, and ends all sessions and tokens.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Missing::Operator`].
    pub async fn delete_operator(&self, caller: &Caller, id: OperatorId) -> Result<()> {
        caller.require_administrator()?;
        let act = caller.act(self.now(), "operator.delete", "operator");
        let deleted = self.inner.store.remove(move |tx| {
            Box::pin(async move {
                let before = tx.operator(id).await?.ok_or(Missing::Operator)?;
                tx.delete_operator(id).await?;
                let (target, before) = (format!("operator {}", before.name), state(&Audited::of(&before)));
                tx.append_act(Act { target, before, ..act }).await?;
                Ok::<_, Error>(())
            })
        });
        deleted.await
    }

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
            (true, Some(operator)) => self.open_operator_session(Some(operator), origin, program, life).await,
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
        if !self.inner.tokens.is_admin(token) {
            return Err(Refusal::Login.into());
        }
        self.open_operator_session(None, origin, program, life).await
    }

    async fn open_operator_session(
        &self,
        operator: Option<Operator>,
        origin: Origin,
        program: &str,
        life: Duration,
    ) -> Result<NewSecret> {
        let secret = new_token()?;
        let (hash, name) = match &operator {
            Some(operator) => (TokenHash::of(&secret), format!("operator:{}", operator.name)),
            None => (self.inner.operators.hash_of_administrator(&secret), "admin-token".to_owned()),
        };
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
        let ended = self.inner.store.remove(move |tx| Box::pin(async move { tx.delete_operator_token(id).await }));
        ended.await.map_err(or_missing(Missing::Session))
    }

    /// Changes the password of the operator who calls, and ends their other sessions.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`] if no operator calls; [`Refusal::TooManyAttempts`]; [`Refusal::WrongPassword`];
    /// [`BadInput::Password`].
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
        let written = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let mut operator = tx.operator(id).await?.ok_or(Missing::Operator)?;
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
    /// [`Refusal::Forbidden`] if no operator calls; [`BadInput::OperatorName`] for the name of the token;
    /// [`crate::Limit::Tokens`].
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
                    return Err(Error::Full(crate::Limit::Tokens));
                }
                let created = tx.create_operator_token(new).await.map_err(or_missing(Missing::Operator))?;
                tx.append_act(act).await?;
                Ok(created)
            })
        });
        Ok(NewSecret { row: created.await?, secret })
    }

    async fn hash_of_new(&self, name: &str, password: String) -> Result<String> {
        let length = password.chars().count();
        let is_good = length >= MIN_PASSWORD_CHARS && password.len() <= MAX_PASSWORD_BYTES && password != name;
        if !is_good {
            return Err(BadInput::Password { least: MIN_PASSWORD_CHARS, most: MAX_PASSWORD_BYTES }.into());
        }
        self.hash(password).await
    }
}

/// Returns the sessions or tokens of an owner, the oldest first.
async fn tokens_of(
    tx: &mut Tx,
    owner: Option<OperatorId>,
    kind: OperatorTokenKind,
    now: UnixMillis,
) -> Result<Vec<OperatorToken>> {
    let tokens = tx.operator_tokens(now).await?;
    Ok(tokens.into_iter().filter(|token| token.made.operator_id == owner && token.made.kind == kind).collect())
}

async fn end_sessions(
    tx: &mut Tx,
    operator_id: OperatorId,
    except: Option<OperatorTokenId>,
    now: UnixMillis,
) -> Result<()> {
    for session in tokens_of(tx, Some(operator_id), OperatorTokenKind::Session, now).await? {
        if Some(session.id) != except {
            tx.delete_operator_token(session.id).await?;
        }
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let is_good = (1..=MAX_NAME_CHARS).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && name.trim().len() == name.len();
    if is_good { Ok(()) } else { Err(BadInput::OperatorName { most: MAX_NAME_CHARS }.into()) }
}

/// An administrator administers all apps.
fn check_role(role: OperatorRole, app_id: Option<&str>) -> Result<()> {
    if role == OperatorRole::Admin && app_id.is_some() { Err(BadInput::AdminOfApp.into()) } else { Ok(()) }
}
