//! Who does the biometrics of a library: this process or a vendor's engine.
//!
//! [`Builtin`] combines [`Biometrics`] and an [`Index`]: pictures in, ranked faces out. A [`RemoteEngine`] stores the
//! faces itself. An engine knows libraries, people and faces only as row ids and refs; the platform knows the people,
//! checks access, and makes of each engine the backend of a library.

mod builtin;
mod error;
mod results;

pub use aicp_engines::{
    BoxError, ClaimLookup, Error as RemoteError, LibraryRef, RemoteEngine, RemoteFace, Target, Write,
};
pub use aicp_index::{
    Axes, DamagedFace, FileDigest, FileLabel, GalleryError, GalleryResult, Index, IndexChange, IndexedFace, LazyAxes,
    LocalIndex, Rotation, Snapshot, TemplateSource,
};
pub use aicp_vision::{
    Algorithm, Biometrics, Components, Cover, Dimensions, Examination, ExaminedFace, Format, Grade, HeadPose, Liveness,
    Load, Photo, Point, Priority, Quality, RECOGNISABLE, Rect, SeenFace, Similarity, Terms, Unrecognisable,
    false_match_rate_of_similarity, is_recognisable_enough, similarity_of_cosine, similarity_of_false_match_rate,
};
pub use builtin::{Builtin, DescribedFace, EnrolledFace, FacePredicate, SkippedTemplates, TemplateRow};
pub use error::{Error, Result};
pub use results::{Assessment, BUILTIN, Candidate, CandidateKey, FaceCandidates};
