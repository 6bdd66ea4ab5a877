//! Who asks: apps and their tokens.

use crate::ids::now_ms;
use crate::secrets::TokenHash;
use crate::{ADMIN_APP, Platform};

/// The tenant that a call acts for. Having one means that a token was checked, that calls without one are allowed, or
/// that an operator asked at the machine itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    id: String,
}

impl App {
    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Why a token opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// None was sent, or a blank one.
    #[error("no token")]
    Missing,
    /// Nobody has this token.
    #[error("unknown token")]
    Unknown,
}

/// The tokens that are known.
pub(crate) struct Tokens {
    admin: TokenHash,
}

impl Tokens {
    pub fn new(admin: &str) -> Self {
        Self { admin: TokenHash::of(admin) }
    }
}

impl Platform {
    /// The app that a token belongs to.
    ///
    /// # Errors
    /// [`TokenError::Missing`] for a blank token, [`TokenError::Unknown`] for one that nobody has.
    pub fn app_of_token(&self, token: &str) -> Result<App, TokenError> {
        let token = token.trim();
        if token.is_empty() {
            Err(TokenError::Missing)
        } else if self.inner.tokens.admin.is_of(token) {
            Ok(self.admin_app())
        } else {
            Err(TokenError::Unknown)
        }
    }

    fn admin_app(&self) -> App {
        App { id: ADMIN_APP.to_owned() }
    }

    /// An app by its id, for whoever sits at this machine and has its files in hand: made if there is none.
    ///
    /// # Errors
    /// [`crate::Error::Store`].
    pub async fn app_for_operator(&self, id: &str) -> crate::Result<App> {
        self.inner.store.ensure_app(id, now_ms()).await?;
        Ok(App { id: id.to_owned() })
    }

    /// The app of calls without a token, if such calls are allowed.
    ///
    /// # Errors
    /// [`TokenError::Missing`] if they are not.
    pub fn anonymous_app(&self) -> Result<App, TokenError> {
        let id = self.inner.settings.anonymous_app.clone().ok_or(TokenError::Missing)?;
        Ok(App { id })
    }
}
