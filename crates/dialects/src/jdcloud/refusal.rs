//! Reasons to fail a request, in the two ways that the interface reports them.

use super::codes::{self, Gateway, System};
use super::failure::Failure;
use super::md5::Md5Error;
use super::signature::SignatureError;

/// Reasons to fail a request.
pub(super) enum Refusal {
    /// Reported by the HTTP status: the call does not start.
    Gateway(Gateway),
    /// Reported by the envelope.
    Call(Failure),
}

impl From<Gateway> for Refusal {
    fn from(gateway: Gateway) -> Self {
        Self::Gateway(gateway)
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self::Call(failure)
    }
}

impl From<System> for Refusal {
    fn from(system: System) -> Self {
        Self::Call(system.into())
    }
}

impl From<SignatureError> for Refusal {
    fn from(e: SignatureError) -> Self {
        Self::Gateway(Gateway::denied(e.text()))
    }
}

impl From<Md5Error> for Refusal {
    fn from(e: Md5Error) -> Self {
        Self::from(match e {
            Md5Error::NoKey => codes::NO_KEY,
            Md5Error::NoTime => codes::NO_TIME,
            Md5Error::NoSign => codes::NO_SIGN,
            Md5Error::BadTime => codes::BAD_TIME,
            Md5Error::OtherTime => codes::OTHER_TIME,
            Md5Error::UnknownKey => codes::UNKNOWN_KEY,
            Md5Error::Mismatch => codes::WRONG_SIGN,
        })
    }
}
