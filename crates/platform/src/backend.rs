//! Who holds the faces of a library and searches them: this process, or a vendor's engine.

mod local;
mod remote;

use std::collections::HashSet;

use aicp_backends::{Assessment, Candidate, FaceCandidates, LibraryRef, Photo, SeenFace, Similarity};
use aicp_store::{Act, NewPerson};
use aicp_types::{LibraryId, PersonId};
use async_trait::async_trait;

pub(crate) use local::Local;
pub(crate) use remote::Remote;

use crate::libraries::LibraryToCreate;
use crate::{Error, Examination, ExaminedFace, Face, FacePredicate, Library, Person, PersonChanges, Result};

/// Makes the error of what a backend does not offer.
pub(crate) fn not_offered(what: &'static str) -> Error {
    aicp_backends::RemoteError::Unsupported(what).into()
}

/// A condition on the largest face of a picture, checked before the picture is used.
#[derive(Debug, Clone, Copy)]
pub struct FaceCheck {
    /// What is examined.
    pub wanted: Examination,
    /// Decides from the examination.
    pub accepts: FacePredicate,
}

/// A face that was added to a person.
#[derive(Debug, Clone)]
pub(crate) struct AddedFace {
    pub face: Face,
    /// Rotation of the face in its picture, in degrees clockwise; 0 if unknown.
    pub rotation: f32,
}

/// The scale of a backend's similarities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Scale {
    /// That of the built-in engine, whose false-match rates are known.
    Ours {
        /// Number of searchable faces.
        faces: usize,
    },
    /// A vendor's own.
    Vendor {
        /// Threshold of a match, if configured.
        threshold: Option<Similarity>,
    },
}

/// The backend of a library. A write is durable on return, and searches find it; at an unreachable engine, once the engine
/// is back. Pictures count by their largest face.
#[async_trait]
pub(crate) trait LibraryBackend: Send + Sync {
    /// Returns the name that libraries store.
    fn name(&self) -> &str;

    /// Returns the scale of similarities of a search in these libraries.
    fn scale(&self, libraries: &[LibraryId]) -> Scale;

    /// Creates a library, and logs the act.
    ///
    /// # Errors
    /// [`Existing::Library`](crate::Existing::Library); [`Limit::Libraries`](crate::Limit::Libraries) if the app had more
    /// than its limit with it.
    async fn create_library(&self, library: LibraryToCreate) -> Result<Library>;

    /// Deletes a library with its contents, and logs the act.
    ///
    /// # Errors
    /// [`Missing::Library`](crate::Missing::Library).
    async fn delete_library(&self, library_id: LibraryId, act: Act) -> Result<()>;

    /// Enrols a person.
    ///
    /// # Errors
    /// [`Existing::Person`](crate::Existing::Person); [`Limit::People`](crate::Limit::People) if the library had more than
    /// `at_most` people with this one.
    async fn enrol(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
    ) -> Result<(Person, AddedFace)>;

    /// Creates a library, with its first person if both can be one write: both or neither. Returns `None` if the person is still to be
    /// enrolled.
    ///
    /// # Errors
    /// As [`LibraryBackend::create_library`] and [`LibraryBackend::enrol`].
    async fn enrol_into_new(
        &self,
        library: LibraryToCreate,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
    ) -> Result<Option<(Person, AddedFace)>>;

    /// As [`LibraryBackend::enrol`], and examines the face. Enrols nobody if `check` rejects it.
    ///
    /// # Errors
    /// As [`LibraryBackend::enrol`].
    async fn enrol_checked(
        &self,
        library_id: LibraryId,
        person: NewPerson,
        at_most: Option<u64>,
        photo: Photo,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Option<(Person, AddedFace)>)>;

    /// Changes a person and adds a face. All or nothing.
    ///
    /// # Errors
    /// As [`LibraryBackend::replace`].
    async fn add_face(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace>;

    /// Changes a person and replaces all faces by one. All or nothing.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Existing::Person`](crate::Existing::Person) if another person has the
    /// new user id.
    async fn replace(&self, person: &Person, changes: PersonChanges, photo: Photo) -> Result<AddedFace>;

    /// Removes a person with all faces.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person).
    async fn remove_person(&self, person: &Person) -> Result<()>;

    /// Removes people with all faces; of those who are here, all or none. Returns how many people and faces there were. Those
    /// who are gone are ignored.
    async fn remove_people(&self, people: &[Person]) -> Result<(usize, usize)>;

    /// Removes a face of a library.
    ///
    /// # Errors
    /// [`Missing::Face`](crate::Missing::Face).
    async fn remove_face(&self, library_id: LibraryId, face: &Face) -> Result<()>;

    /// Copies a person with some faces into another library of this backend. Returns false if that takes a new enrolment
    /// from the pictures.
    ///
    /// # Errors
    /// [`Existing::Person`](crate::Existing::Person), [`Missing::Person`](crate::Missing::Person).
    async fn copy_person(&self, from: PersonId, faces: &[Face], to: LibraryId, new: NewPerson) -> Result<bool>;

    /// Moves a person to another library of this backend.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person), [`Existing::Person`](crate::Existing::Person).
    async fn move_person(&self, person: &Person, to: LibraryId) -> Result<Person>;

    /// Gives faces, tags and groups of another person of the library to a person, and removes the other.
    ///
    /// # Errors
    /// [`Missing::Person`](crate::Missing::Person); [`Limit::Faces`](crate::Limit::Faces) if the person had more than
    /// `max_faces`; [`Limit::Tags`](crate::Limit::Tags).
    async fn merge_people(&self, person: &Person, other: &Person, max_faces: Option<usize>) -> Result<Person>;

    /// Returns the faces most like that of a picture, at most `top_n`, best first over all libraries.
    async fn identify(&self, libraries: &[LibraryRef], photo: Photo, top_n: usize) -> Result<Vec<Candidate>>;

    /// As [`LibraryBackend::identify`] in one library, and examines the face. Does not search if `check` rejects it.
    async fn identify_checked(
        &self,
        library: &LibraryRef,
        photo: Photo,
        top_n: usize,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Vec<Candidate>)>;

    /// Returns every face of a picture, the largest first, each with at most `top_n` candidates over all libraries, or
    /// those among some people of them. A backend that can't search among people refuses that.
    async fn identify_many(
        &self,
        libraries: &[LibraryRef],
        people: Option<HashSet<PersonId>>,
        photo: Photo,
        top_n: usize,
    ) -> Result<Vec<FaceCandidates>>;

    /// Returns the most similar face of each person (1:1).
    async fn compare_with_people(&self, people: &[Person], photo: Photo) -> Result<Vec<Candidate>>;

    /// Returns the similarity of the faces of two pictures, 0..1.
    async fn compare(&self, a: Photo, b: Photo) -> Result<Similarity>;

    /// As [`LibraryBackend::compare`], and examines both faces. Does not compare them if `check` rejects one.
    async fn compare_checked(
        &self,
        a: Photo,
        b: Photo,
        check: FaceCheck,
    ) -> Result<([ExaminedFace; 2], Option<Similarity>)>;

    /// Returns every face of a picture, the largest first. No face is not an error if the engine can tell.
    async fn detect(&self, photo: Photo) -> Result<Vec<SeenFace>>;

    /// Returns the quality and the feature of the face.
    async fn assess(&self, photo: Photo) -> Result<Assessment>;

    /// Checks that a picture can be decoded and shows a face. An engine that is unreachable or can't check makes no
    /// objection.
    async fn require_face(&self, photo: Photo) -> Result<()>;
}
