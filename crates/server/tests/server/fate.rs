//! State of a picture, as far as the client that sent it can know.

/// State of a picture from the client's view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Enrolment was requested without an answer: the picture may be there or not.
    Asked,
    /// Enrolment was acknowledged with this personNo.
    Enrolled(String),
    /// Removal was requested without an answer.
    MaybeRemoved,
    /// Removal was acknowledged.
    Removed,
}
