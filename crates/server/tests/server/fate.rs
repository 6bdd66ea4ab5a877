//! What became of a picture, as far as the client that sent it can know.

/// What a client knows about a picture that it sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// No answer came: it may be there or not.
    Asked,
    /// This personNo was answered.
    Enrolled(String),
    /// Removal was asked for, but no answer came.
    MaybeRemoved,
    /// Removal was answered.
    Removed,
}
