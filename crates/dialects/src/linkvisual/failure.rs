//! Failures of calls: gateway failures have their own HTTP status, business failures are sent with HTTP 200.

use std::borrow::Cow;

use aicp_platform::{BadInput, Error, Existing, Limit, Missing, Refusal};
use axum::http::StatusCode;

use aicp_requests::trouble;

/// Maximum length of a parameter name in an error code, in bytes. Longer names are replaced.
const MAX_NAME: usize = 64;
/// Delay that a throttled client is asked to wait before it retries, in milliseconds.
const RETRY_AFTER_MS: u32 = 1000;

/// Reason why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The gateway refused the call, or the server failed.
    Gateway {
        /// HTTP status.
        status: StatusCode,
        /// Error code.
        code: Cow<'static, str>,
        /// Error message.
        message: Cow<'static, str>,
        /// Milliseconds after which the client may retry; `None` if the answer does not say.
        retry_after_ms: Option<u32>,
    },
    /// The action was refused.
    Business {
        /// Error code: decimal digits.
        code: &'static str,
        /// Error message.
        message: &'static str,
    },
}

impl Failure {
    pub const ACTION_NOT_FOUND: Self =
        Self::gateway(404, "InvalidAction.NotFound", "Specified api is not found, please check your url and method.");
    pub const BODY_BROKEN: Self = Self::gateway(400, "IncompleteRequestBody", "The request body broke off.");
    pub const BODY_TOO_LARGE: Self =
        Self::gateway(413, "RequestBodyTooLarge", "The request body is larger than 1 MiB.");
    /// As [`Failure::THROTTLED`], without a retry delay: the daily quota is exhausted.
    pub const DAILY_QUOTA_EXCEEDED: Self =
        Self::gateway(400, "Throttling.User", "Request was denied due to user flow control.");
    pub const FORBIDDEN: Self =
        Self::gateway(403, "Forbidden.RAM", "User not authorized to operate on the specified resource.");
    pub const FORMAT: Self = Self::gateway(400, "InvalidParameter.Format", "Specified parameter format is not valid.");
    pub const INCOMPLETE_SIGNATURE: Self =
        Self::gateway(400, "IncompleteSignature", "The request signature does not conform to Aliyun standards.");
    pub const INTERNAL: Self = Self::gateway(500, "InternalError", "The server failed to process the request.");
    pub const KEY_INACTIVE: Self =
        Self::gateway(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.");
    pub const KEY_NOT_FOUND: Self =
        Self::gateway(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.");
    pub const METHOD: Self = Self::gateway(400, "UnsupportedHTTPMethod", "Specified HTTP method is not supported.");
    pub const NONCE_USED: Self =
        Self::gateway(400, "SignatureNonceUsed", "Specified signature nonce was used already.");
    pub const SECURITY_TOKEN: Self =
        Self::gateway(400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed.");
    pub const SIGNATURE_METHOD: Self =
        Self::gateway(400, "InvalidSignatureMethod", "Specified signature method is not valid.");
    pub const TIME_EXPIRED: Self =
        Self::gateway(400, "InvalidTimeStamp.Expired", "Specified time stamp or date value is expired.");
    pub const TIME_FORMAT: Self =
        Self::gateway(400, "InvalidTimeStamp.Format", "Specified time stamp or date value is not well formatted.");
    pub const THROTTLED: Self = Self::Gateway {
        status: StatusCode::BAD_REQUEST,
        code: Cow::Borrowed("Throttling.User"),
        message: Cow::Borrowed("Request was denied due to user flow control."),
        retry_after_ms: Some(RETRY_AFTER_MS),
    };
    pub const UNAVAILABLE: Self =
        Self::gateway(503, "ServiceUnavailable", "The server can't process the request now, try again later.");

    pub const CUSTOM_ID_NOT_FOUND: Self = Self::business("466", "customuserid not exist");
    pub const DEVICE_GROUP_NOT_FOUND: Self = Self::business("466", "group not exist");
    pub const DEVICE_NOT_EXIST: Self = Self::business("466", "device not exist");
    pub const DEVICE_NOT_FOUND: Self = Self::business("466", "device not found");
    pub const DOWNLOAD: Self = Self::business("466", "face picture download error");
    pub const GROUP_EXISTS: Self = Self::business("466", "group already exist");
    pub const NO_FACE: Self = Self::business("466", "can not find this face");
    pub const NOT_ALLOWED: Self = Self::business("403", "request forbidden.");
    pub const PICTURE_LIMIT: Self = Self::business("466", "face picture exceed limit");
    pub const PICTURE_NOT_FOUND: Self = Self::business("466", "face picture not exist");
    pub const PICTURE_TYPE: Self = Self::business("460", "picture type error.");
    pub const RELATION_NOT_FOUND: Self = Self::business("466", "access control not exist");
    pub const SYSTEM: Self = Self::business("500", "system error");
    pub const USER_EXISTS: Self = Self::business("466", "face user already exist");
    pub const USER_GROUP_NOT_FOUND: Self = Self::business("466", "face group not exist");
    pub const USER_NOT_FOUND: Self = Self::business("466", "face user not exist");

    const fn gateway(status: u16, code: &'static str, message: &'static str) -> Self {
        let status = match StatusCode::from_u16(status) {
            Ok(status) => status,
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::Gateway { status, code: Cow::Borrowed(code), message: Cow::Borrowed(message), retry_after_ms: None }
    }

    const fn business(code: &'static str, message: &'static str) -> Self {
        Self::Business { code, message }
    }

    /// A required parameter is absent or empty.
    pub fn missing(name: &str) -> Self {
        let name = printable(name);
        Self::refusal(format!("Missing{name}"), format!("{name} is mandatory for this action."))
    }

    /// The value of a parameter is not valid.
    pub fn invalid(name: &str) -> Self {
        let name = printable(name);
        Self::refusal(format!("Invalid{name}"), format!("Specified parameter {name} is not valid."))
    }

    /// The signature does not match; the message ends with the server's string to sign.
    pub fn signature_mismatch(message: String) -> Self {
        Self::refusal("SignatureDoesNotMatch".to_owned(), message)
    }

    fn refusal(code: String, message: String) -> Self {
        Self::Gateway {
            status: StatusCode::BAD_REQUEST,
            code: Cow::Owned(code),
            message: Cow::Owned(message),
            retry_after_ms: None,
        }
    }

    /// Maps a platform error to its usual failure. Actions map the errors for which they have codes of their own.
    pub fn of_platform(e: &Error) -> Self {
        match e {
            Error::Missing(Missing::Person) => Self::USER_NOT_FOUND,
            Error::Exists(Existing::Person) => Self::USER_EXISTS,
            Error::BadInput(BadInput::Picture(_)) => Self::PICTURE_TYPE,
            Error::BadInput(BadInput::PersonKey { .. }) => Self::invalid("Name"),
            Error::Refused(Refusal::Forbidden) => Self::FORBIDDEN,
            Error::Refused(Refusal::NoFace | Refusal::NotRecognisable(_)) => Self::NO_FACE,
            Error::Missing(Missing::Face) => Self::PICTURE_NOT_FOUND,
            Error::Full(Limit::Libraries | Limit::People) => Self::NOT_ALLOWED,
            Error::Full(Limit::Faces) => Self::PICTURE_LIMIT,
            Error::Refused(Refusal::Engine { .. }) => {
                trouble::log(e);
                Self::SYSTEM
            }
            Error::Busy | Error::Unavailable(_) => Self::UNAVAILABLE,
            Error::Missing(_)
            | Error::Exists(_)
            | Error::Full(_)
            | Error::Refused(_)
            | Error::BadInput(_)
            | Error::Internal(_) => {
                trouble::log(e);
                Self::INTERNAL
            }
        }
    }

    /// Returns the code as a number for the call log: the HTTP status if the code is a word.
    pub fn number(&self) -> i64 {
        match self {
            Self::Gateway { status, .. } => i64::from(status.as_u16()),
            Self::Business { code, .. } => code.parse().unwrap_or_default(),
        }
    }

    /// Returns the message for the call log.
    pub fn text(&self) -> String {
        match self {
            Self::Gateway { code, .. } => code.clone().into_owned(),
            Self::Business { message, .. } => (*message).to_owned(),
        }
    }
}

/// Returns a parameter name that is safe in a code; `Parameter` stands for names that no parameter could have.
fn printable(name: &str) -> &str {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(fits) { name } else { "Parameter" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_names_are_not_repeated() {
        let code_of = |name: &str| match Failure::invalid(name) {
            Failure::Gateway { code, .. } => code.into_owned(),
            Failure::Business { .. } => String::new(),
        };
        assert_eq!(code_of("UserIdList.2"), "InvalidUserIdList.2");
        for name in ["", "<b>", "a b", "名", "a\r\nb", &"x".repeat(65)] {
            assert_eq!(code_of(name), "InvalidParameter", "{name:?}");
        }
    }
}
