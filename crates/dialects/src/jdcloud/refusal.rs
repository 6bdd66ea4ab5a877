//! Reasons to fail a request, in the two ways that the interface reports them.

use super::codes::{self, Gateway, System};
use super::failure::Failure;
use super::{md5, signature};

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

impl From<signature::Refusal> for Refusal {
    fn from(refusal: signature::Refusal) -> Self {
        Self::Gateway(Gateway::denied(refusal.text()))
    }
}

impl From<md5::Refusal> for Refusal {
    fn from(refusal: md5::Refusal) -> Self {
        Self::from(match refusal {
            md5::Refusal::NoKey => codes::NO_KEY,
            md5::Refusal::NoTime => codes::NO_TIME,
            md5::Refusal::NoSign => codes::NO_SIGN,
            md5::Refusal::BadTime => codes::BAD_TIME,
            md5::Refusal::OtherTime => codes::OTHER_TIME,
            md5::Refusal::UnknownKey => codes::UNKNOWN_KEY,
            md5::Refusal::Mismatch => codes::WRONG_SIGN,
        })
    }
}
