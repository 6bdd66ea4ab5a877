//! Callers: the app that a request acts for, by its token or without one.

use std::borrow::Cow;
use std::str::Utf8Error;

use aicp_platform::{Caller, Platform, TokenError};
use axum::http::{HeaderMap, StatusCode};

use super::failure::Failure;
use super::origin::is_of_other_site;
use super::routes::{Dialect, Entry, Operation, StatisticsCall, UserCall};
use super::users::registration_failure;
use super::{Chapter, codes, literals};
use crate::Context;
use crate::query::Query;

/// Returns the app that a request acts for. A missing token is accepted where the manual has none, or where the options
/// allow it. A token that is sent is always verified.
pub(super) fn authenticate(
    context: &Context,
    entry: &Entry,
    dialect: Dialect,
    headers: &HeaderMap,
    query: &Query,
) -> Result<Caller, Failure> {
    let platform = &context.shared.platform;
    let is_of_other_site = is_of_other_site(headers, &context.options.site);
    if let Operation::User(call) = entry.operation {
        if is_of_other_site {
            return Err(refusal(dialect, TokenError::Missing));
        }
        // No user is logged in yet, so these calls belong to the administrator's log.
        if call != UserCall::Register {
            return Ok(platform.console_caller());
        }
        let sent = sent_token(dialect, headers, query);
        let caller = registrar(platform, sent.and_then(Result::ok).as_deref());
        platform.may_register(&caller).map_err(registration_failure)?;
        return Ok(caller);
    }
    let options = &context.options.aicp;
    let is_open = match entry.operation {
        Operation::FaceApi(_) => options.opens(Chapter::FaceApi),
        Operation::Outbox(_) => options.opens(Chapter::HighAvailability),
        Operation::Statistics(StatisticsCall::All) => options.opens(Chapter::AllCalls),
        _ => false,
    };
    let may_go_without = is_open || matches!(dialect, Dialect::Old | Dialect::New);
    let caller = match sent_token(dialect, headers, query) {
        Some(Ok(token)) => platform.caller_of_token(&token),
        Some(Err(_)) => Err(TokenError::Unknown),
        None => Err(TokenError::Missing),
    };
    let caller = match caller {
        Err(TokenError::Missing) if may_go_without && !is_of_other_site => {
            if is_open {
                Ok(platform.legacy_caller())
            } else {
                platform.anonymous_caller()
            }
        }
        other => other,
    };
    let caller = caller.map_err(|e| refusal(dialect, e))?;
    let granted = match entry.area {
        Some(area) => caller.require_area(area),
        // Sections 6 and 11 are reserved for the administrator, unless opened by the options.
        None if caller.may_administer() => Ok(()),
        None => Err(TokenError::NotGranted),
    };
    granted.map_err(|e| refusal(dialect, e))?;
    Ok(caller)
}

/// Returns who makes a registration (10.1): the administrator, if the token is theirs, otherwise a caller without
/// credentials, whatever the token.
fn registrar(platform: &Platform, token: Option<&str>) -> Caller {
    let caller = token.and_then(|token| platform.caller_of_token(token).ok());
    caller.filter(Caller::may_administer).unwrap_or_else(|| platform.console_caller())
}

/// Returns the token from the header or, in section 9, from the query, where its SDKs put it.
fn sent_token<'a>(dialect: Dialect, headers: &'a HeaderMap, query: &Query) -> Option<Result<Cow<'a, str>, Utf8Error>> {
    let in_header = headers.get("token").map(|token| str::from_utf8(token.as_bytes()).map(Cow::Borrowed));
    let in_query = || query.token("access_token").map(|token| Ok(Cow::Owned(token)));
    in_header.or_else(|| if dialect == Dialect::FaceApi { in_query() } else { None })
}

/// Converts a token error to the failure of a dialect.
fn refusal(dialect: Dialect, e: TokenError) -> Failure {
    if dialect == Dialect::FaceApi {
        return Failure::code(match e {
            TokenError::Missing | TokenError::Unknown => codes::INVALID_TOKEN,
            TokenError::Expired => codes::EXPIRED_TOKEN,
            TokenError::NotGranted => codes::NO_PERMISSION,
        });
    }
    let (status, message) = match e {
        TokenError::Missing => (StatusCode::UNAUTHORIZED, literals::NO_TOKEN),
        TokenError::Unknown => (StatusCode::UNAUTHORIZED, literals::UNKNOWN_TOKEN),
        TokenError::Expired => (StatusCode::UNAUTHORIZED, literals::EXPIRED_TOKEN),
        TokenError::NotGranted => (StatusCode::FORBIDDEN, literals::NOT_GRANTED),
    };
    Failure::status(status, message)
}
