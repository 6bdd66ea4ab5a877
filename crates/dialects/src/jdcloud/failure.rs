//! Failures of calls.

use super::codes::{Fault, System};

/// Error of a call that was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Reported by the envelope.
    System(System),
    /// Reported by the result.
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<System> for Failure {
    fn from(system: System) -> Self {
        Self::System(system)
    }
}

impl Failure {
    /// Returns code and message for the call log.
    pub fn code_and_text(self) -> (i64, &'static str) {
        match self {
            Self::System(System(code, text)) => (code.into(), text),
            Self::Fault(Fault(code, text)) => (code.into(), text),
        }
    }
}
