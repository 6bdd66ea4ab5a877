//! Operators: people who run the platform, with a role each. They sign in by password or face for a session, or call with
//! a personal token. The holder of the admin token can sign in too.

mod directory;
mod faces;
mod sessions;
mod sign_in;

use aicp_store::{Act, Algorithm, Operator, OperatorTokenKind, Tx};
use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};
use serde::Serialize;

pub(crate) use directory::OperatorDirectory;
pub(crate) use faces::sealed_for;
pub use sessions::NewSecret;
use sessions::tokens_of;
pub use sign_in::{NewSession, SignInOffer};

use crate::audit::state;
use crate::console::MAX_PASSWORD_BYTES;
use crate::error::or_existing;
use crate::{BadInput, Caller, Error, Existing, Missing, Platform, Refusal, Result};

/// Minimum length of an operator's password in characters (NIST SP 800-63B-4 section 3.1.1.2, without a second factor).
const MIN_PASSWORD_CHARS: usize = 15;
/// Maximum length of an operator's name, and of that of a token, in characters.
const MAX_NAME_CHARS: usize = 64;

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

/// How an operator signs in with the full role.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SignInPolicy {
    /// By password.
    #[default]
    Password,
    /// By password and face together.
    PasswordAndFace,
}

impl SignInPolicy {
    /// Returns the name that rows store.
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::PasswordAndFace => "passwordAndFace",
        }
    }

    /// Returns the policy of a row. An unknown one, of a newer program, wants the most.
    fn of(operator: &Operator) -> Self {
        if operator.sign_in == Self::Password.name() { Self::Password } else { Self::PasswordAndFace }
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
    /// How the operator signs in.
    pub sign_in: SignInPolicy,
    /// Whether the operator has a face to sign in by. One of another algorithm than the present one does not count.
    pub has_face: bool,
    /// Whether the operator is locked out.
    pub is_disabled: bool,
    /// When the operator was created.
    pub created_at: UnixMillis,
    /// When the operator was last changed.
    pub updated_at: UnixMillis,
}

impl OperatorInfo {
    /// Returns what others may see; `algorithm` is the present one.
    fn of(operator: Operator, algorithm: &Algorithm) -> Self {
        Self {
            id: operator.id,
            role: OperatorRole::of(&operator),
            sign_in: SignInPolicy::of(&operator),
            has_face: has_face(&operator, algorithm),
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
    sign_in: &'a str,
    has_face: bool,
    disabled: bool,
}

impl<'a> Audited<'a> {
    fn of(operator: &'a Operator) -> Self {
        let Operator { name, role, app_id, password_hash, sign_in, face, is_disabled, .. } = operator;
        Self {
            name,
            role,
            app_id: app_id.as_deref(),
            has_password: password_hash.is_some(),
            sign_in,
            has_face: face.is_some(),
            disabled: *is_disabled,
        }
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
    /// How the operator signs in.
    pub sign_in: SignInPolicy,
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
    /// How the operator signs in. If a face is wanted from now on, other sessions than that of the caller end.
    pub sign_in: Option<SignInPolicy>,
    /// Whether the operator is locked out.
    pub is_disabled: Option<bool>,
}

impl Platform {
    /// Returns all operators, in order of creation.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`].
    pub async fn operators(&self, caller: &Caller) -> Result<Vec<OperatorInfo>> {
        caller.require_administrator()?;
        let operators = self.inner.store.rows().await?.operators().await?;
        Ok(operators.into_iter().map(|operator| self.info(operator)).collect())
    }

    /// Returns an operator.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Missing::Operator`].
    pub async fn operator_of_id(&self, caller: &Caller, id: OperatorId) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        let operator = self.inner.store.rows().await?.operator(id).await?;
        Ok(self.info(operator.ok_or(Missing::Operator)?))
    }

    fn info(&self, operator: Operator) -> OperatorInfo {
        OperatorInfo::of(operator, self.algorithm())
    }

    /// Creates an operator.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Existing::Operator`], [`Missing::App`], [`BadInput::OperatorName`],
    /// [`BadInput::Password`], [`BadInput::AdminOfApp`]; [`Refusal::FaceMissing`] if a face is wanted at the sign-in: a new
    /// operator has none.
    pub async fn create_operator(&self, caller: &Caller, new: NewOperator) -> Result<OperatorInfo> {
        caller.require_administrator()?;
        check_name(&new.name)?;
        check_role(new.role, new.app_id.as_deref())?;
        if new.sign_in == SignInPolicy::PasswordAndFace {
            return Err(Refusal::FaceMissing.into());
        }
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
            sign_in: new.sign_in.name().to_owned(),
            face: None,
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
        Ok(self.info(created.await?))
    }

    /// Changes an operator, unless `admits` rejects the present state: then the result is `None`. A new password ends all
    /// sessions of the operator.
    ///
    /// # Errors
    /// As [`Platform::create_operator`], and [`Missing::Operator`]; [`Refusal::FaceMissing`] if a face is wanted at the
    /// sign-in of an operator without one.
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
        let algorithm = self.algorithm().clone();
        let own_session = caller.sign_in().filter(|sign_in| sign_in.operator_id == Some(id));
        let written = self.inner.store.write(move |tx| {
            Box::pin(async move {
                let before = tx.operator(id).await?.ok_or(Missing::Operator)?;
                if !admits(&OperatorInfo::of(before.clone(), &algorithm)) {
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
                if let Some(sign_in) = changes.sign_in {
                    sign_in.name().clone_into(&mut operator.sign_in);
                    let wants_face = sign_in == SignInPolicy::PasswordAndFace;
                    if wants_face && !has_face(&operator, &algorithm) {
                        return Err(Refusal::FaceMissing.into());
                    }
                    if wants_face && SignInPolicy::of(&before) != sign_in {
                        // They were opened without the face.
                        end_sessions(tx, id, own_session.map(|session| session.token_id), now).await?;
                    }
                }
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
        Ok(written.await?.map(|operator| self.info(operator)))
    }

    /// Deletes an operator, and ends all sessions and tokens.
    ///
    /// # Errors
    /// [`crate::Refusal::Forbidden`], [`Missing::Operator`].
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

    async fn hash_of_new(&self, name: &str, password: String) -> Result<String> {
        let length = password.chars().count();
        let is_good = length >= MIN_PASSWORD_CHARS && password.len() <= MAX_PASSWORD_BYTES && password != name;
        if !is_good {
            return Err(BadInput::Password { least: MIN_PASSWORD_CHARS, most: MAX_PASSWORD_BYTES }.into());
        }
        self.hash(password).await
    }
}

/// Whether an operator has a face of this algorithm.
fn has_face(operator: &Operator, algorithm: &Algorithm) -> bool {
    operator.face.as_ref().is_some_and(|face| face.algorithm == *algorithm)
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
