//! Operators, sessions and tokens in memory: every call of an operator looks them up.

use std::collections::HashMap;
use std::sync::Arc;

use aicp_store::{Operator, OperatorToken, OperatorTokenKind, Store};
use aicp_types::{OperatorId, OperatorTokenId, UnixMillis};
use arc_swap::ArcSwap;

use super::OperatorRole;
use crate::admin_tokens::AdminTokens;
use crate::caller::SignIn;
use crate::secrets::TokenHash;
use crate::{Caller, Result, TokenError};

/// Operators with their sessions and tokens, which follow the committed changes. Reads are lock-free; a change replaces
/// the whole table.
pub(crate) struct OperatorDirectory {
    admin: Arc<ArcSwap<AdminTokens>>,
    table: ArcSwap<Table>,
}

#[derive(Clone, Default)]
struct Table {
    operators: HashMap<OperatorId, Arc<Operator>>,
    tokens: HashMap<OperatorTokenId, Arc<OperatorToken>>,
    by_hash: HashMap<TokenHash, OperatorTokenId>,
}

impl OperatorDirectory {
    /// Reads operators, sessions and tokens.
    pub async fn load(store: &Store, admin: Arc<ArcSwap<AdminTokens>>, now: UnixMillis) -> Result<Self> {
        let mut rows = store.rows().await?;
        let (operators, tokens) = (rows.operators().await?, rows.operator_tokens(now).await?);
        let mut table = Table::default();
        table.operators.extend(operators.into_iter().map(|operator| (operator.id, Arc::new(operator))));
        tokens.into_iter().for_each(|token| table.insert(Arc::new(token)));
        Ok(Self { admin, table: ArcSwap::from_pointee(table) })
    }

    /// Takes over an operator; `None` if they were deleted. Called by one caller at a time.
    pub fn apply_operator(&self, id: OperatorId, operator: Option<&Arc<Operator>>) {
        let mut table = Table::clone(&self.table.load());
        match operator {
            Some(operator) => drop(table.operators.insert(id, Arc::clone(operator))),
            None => {
                table.operators.remove(&id);
                table.retain(|token| token.made.operator_id != Some(id));
            }
        }
        self.table.store(Arc::new(table));
    }

    /// Takes over a session or token; `None` if it ended. Called by one caller at a time.
    pub fn apply_token(&self, id: OperatorTokenId, token: Option<&Arc<OperatorToken>>) {
        let mut table = Table::clone(&self.table.load());
        match token {
            Some(token) => {
                // The database forgets what has expired when it gets a new one.
                table.retain(|known| known.made.expires_at > token.made.created_at);
                table.insert(Arc::clone(token));
            }
            None => table.retain(|known| known.id != id),
        }
        self.table.store(Arc::new(table));
    }

    /// Returns whose session, or whose token, a secret is.
    ///
    /// # Errors
    /// [`TokenError::Unknown`], [`TokenError::Expired`].
    pub fn caller(&self, kind: OperatorTokenKind, secret: &str, now: UnixMillis) -> Result<Caller, TokenError> {
        let table = self.table.load();
        // The timing of a lookup by hash does not reveal the secret.
        let find = |hash: &TokenHash| table.tokens.get(table.by_hash.get(hash)?);
        let found = find(&TokenHash::of(secret)).or_else(|| {
            let admin = self.admin.load();
            admin.valid(now).find_map(|admin| find(&Self::hash_of_administrator(&admin, secret)))
        });
        let token = found.filter(|token| token.made.kind == kind).ok_or(TokenError::Unknown)?;
        if token.made.expires_at <= now {
            return Err(TokenError::Expired);
        }
        let made = &token.made;
        let sign_in = SignIn { operator_id: made.operator_id, token_id: token.id, by_face: made.by_face };
        let Some(operator_id) = token.made.operator_id else { return Ok(Caller::signed_in_administrator(sign_in)) };
        let operator = table.operators.get(&operator_id).filter(|operator| !operator.is_disabled);
        let operator = operator.ok_or(TokenError::Unknown)?;
        Ok(Caller::signed_in(&operator.name, OperatorRole::of(operator), operator.app_id.as_deref(), sign_in))
    }

    /// Returns the hash of a session of the holder of an admin token. It is bound to that token, so that the session ends
    /// with it.
    pub fn hash_of_administrator(admin: &TokenHash, secret: &str) -> TokenHash {
        TokenHash::of(&format!("{} {secret}", hex::encode(admin.bytes())))
    }

    /// Whether an operator who is not locked out meets a condition.
    pub fn has(&self, condition: impl Fn(&Operator) -> bool) -> bool {
        self.table.load().operators.values().any(|operator| !operator.is_disabled && condition(operator))
    }

    pub fn operator(&self, id: OperatorId) -> Option<Arc<Operator>> {
        self.table.load().operators.get(&id).cloned()
    }

    pub fn token(&self, id: OperatorTokenId) -> Option<Arc<OperatorToken>> {
        self.table.load().tokens.get(&id).cloned()
    }
}

impl Table {
    fn insert(&mut self, token: Arc<OperatorToken>) {
        self.by_hash.insert(TokenHash::from(token.made.hash), token.id);
        self.tokens.insert(token.id, token);
    }

    fn retain(&mut self, keeps: impl Fn(&OperatorToken) -> bool) {
        self.tokens.retain(|_, token| keeps(token));
        let Self { tokens, by_hash, .. } = self;
        by_hash.retain(|_, id| tokens.contains_key(id));
    }
}
