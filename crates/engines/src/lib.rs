//! Engines do the biometrics of a library: pictures in, templates and ranked faces out.
//!
//! [`Engine`] is the common interface. [`Builtin`] runs in this process, with `aicp-vision` and `aicp-gallery`;
//! [`Koala`] and [`Cloudwalk`] call a vendor's server over HTTP. An engine knows libraries and faces only as row ids
//! and refs; the platform knows the people and checks access.

mod breaker;
mod builtin;
mod cloudwalk;
mod engine;
mod error;
mod koala;
mod ranked;
mod remote;
mod similarity;

pub use aicp_vision::{
    Algorithm, Caller, Components, Cover, DetectedFace, Dimensions, Effort, Format, Grade, HeadPose, Inference,
    Liveness, ModelPaths, Point, PoolSize, Quality, RECOGNISABLE, Rect, RuntimeChoice, Vision,
};
pub use builtin::{
    Builtin, DescribedFace, Examination, ExaminedFace, FacePredicate, MAX_FACES, SkippedTemplates, TemplateRow,
};
pub use cloudwalk::{Cloudwalk, CloudwalkSettings};
pub use engine::{
    Assessment, Candidate, ClaimLookup, Engine, EnrolledFace, FaceCandidates, FaceKey, FaceStorage, LibraryRef, Photo,
    SeenFace, Target, Terms, Write,
};
pub use error::{BoxError, Error, Result, Unrecognisable};
pub use koala::{Koala, KoalaPaths, KoalaSettings};
pub use remote::RemoteSettings;
pub use similarity::{Similarity, similarity_of_cosine, similarity_of_false_match_rate};
