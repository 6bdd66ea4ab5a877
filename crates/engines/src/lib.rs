//! Engines do the biometrics of a library: pictures in, templates and ranked people out.
//!
//! [`Builtin`] does it here, with `aicp-vision` and `aicp-gallery`. An engine knows libraries, people and faces as
//! row ids; who they are and who may ask is the platform's business.

mod builtin;
mod error;
mod similarity;

pub use aicp_vision::{
    Algorithm, Components, DetectedFace, Format, Grade, HeadPose, ModelPaths, PoolSize, Quality, Rect, Vision,
};
pub use builtin::{Assessment, Builtin, Candidate, Enrolled, FaceCandidates, MAX_FACES, TemplateRow};
pub use error::{Error, Result};
pub use similarity::{Similarity, similarity_of_cosine};
