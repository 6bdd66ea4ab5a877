//! People and their faces.

use std::collections::HashSet;

use aicp_types::{LibraryId, PersonId};
use bytes::Bytes;

use super::Store;
use crate::{
    BulkPerson, CopiedFace, Face, NewFace, NewPerson, Page, Person, Result, blocking::run_blocking,
    sqlite::PreparedRows,
};

impl Store {
    /// Returns the person, in an app's libraries that are not hidden, whose `number` begins with `prefix`, lower-case
    /// hex digits; of several the first. Any other `prefix` matches nothing.
    pub async fn person_by_number_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Person>> {
        self.shared.database.person_by_number_prefix(app_id, prefix).await
    }

    /// Stores many people of one library, with faces and computed templates; all or none. Returns their row ids in
    /// order. For imports of templates and for benchmarks: tens of thousands of people per second.
    ///
    /// A picture is stored if at least one face refers to it. The writer is busy for the whole call, so pass a few
    /// thousand people at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library does not exist, or a face refers to a picture out of
    /// range; [`Error::Exists`](crate::Error::Exists) if an `external_id` is taken or repeated;
    /// [`Error::Full`](crate::Error::Full) if the library exceeds the `at_most` of one of the people;
    /// [`Error::Database`](crate::Error::Database) if another id is taken or a number is NaN.
    pub async fn add_people(
        &self,
        library_id: LibraryId,
        people: Vec<BulkPerson>,
        pictures: Vec<Bytes>,
    ) -> Result<Vec<PersonId>> {
        self.write(move |shared| async move {
            let (prepared, pictures) = run_blocking(move || PreparedRows::new(people, pictures)).await?;
            let insert = |names| shared.database.add_people(library_id, prepared, names);
            shared.pictures.store_all_with(pictures, insert).await
        })
        .await
    }

    /// Returns a page of a library's people, by row id.
    pub async fn people(&self, library_id: LibraryId, page: Page) -> Result<Vec<Person>> {
        self.shared.database.people(library_id, page).await
    }

    /// Returns the people of a library whose `external_id` is `user_id`, or who have none and whose `public_id` (in
    /// decimal) is; by row id.
    pub async fn people_by_user(&self, library_id: LibraryId, user_id: &str) -> Result<Vec<Person>> {
        self.shared.database.people_by_user(library_id, user_id).await
    }

    /// Returns people like [`people_by_user`](Self::people_by_user), over all libraries of an app that are not hidden.
    pub async fn people_of_app_by_user(&self, app_id: &str, user_id: &str) -> Result<Vec<Person>> {
        self.shared.database.people_of_app_by_user(app_id, user_id).await
    }

    /// Returns the faces of a library with these ids at the engine, each with its person, in any order. Missing ids are
    /// omitted.
    pub async fn faces_by_engine_ref(
        &self,
        library_id: LibraryId,
        engine_refs: &[String],
    ) -> Result<Vec<(Face, Person)>> {
        self.shared.database.faces_by_engine_ref(library_id, engine_refs).await
    }

    /// Returns those of `engine_refs` that belong to a face or to an unsolved outbox row of the library.
    pub async fn claimed_engine_refs(&self, library_id: LibraryId, engine_refs: &[String]) -> Result<HashSet<String>> {
        self.shared.database.claimed_engine_refs(library_id, engine_refs).await
    }

    /// Returns the newest face, in an app's libraries that are not hidden, whose picture key begins with `token`, 32
    /// lower-case hex digits. Any other `token` matches nothing.
    pub async fn face_by_token(&self, app_id: &str, token: &str) -> Result<Option<Face>> {
        self.shared.database.face_by_token(app_id, token).await
    }

    /// Returns the newest face of a person whose picture key begins with `token`; see
    /// [`face_by_token`](Self::face_by_token).
    pub async fn face_of_person_by_token(&self, person_id: PersonId, token: &str) -> Result<Option<Face>> {
        self.shared.database.face_of_person_by_token(person_id, token).await
    }

    /// Returns whether a library has a face whose picture key begins with `token`; see
    /// [`face_by_token`](Self::face_by_token).
    pub async fn has_picture_in_library(&self, library_id: LibraryId, token: &str) -> Result<bool> {
        self.shared.database.has_picture_in_library(library_id, token).await
    }

    /// Creates a person in a library, with copies of these faces of another person: same picture, measurements and
    /// template. A copy has no `engine_ref` and is not pending. All or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person or the library does not exist, or a face is not that
    /// person's; [`Error::Exists`](crate::Error::Exists) if the library has a person of that `external_id`;
    /// [`Error::Database`](crate::Error::Database) if another id is taken.
    pub async fn copy_person(
        &self,
        person_id: PersonId,
        library_id: LibraryId,
        new: NewPerson,
        faces: Vec<CopiedFace>,
    ) -> Result<Person> {
        self.write(move |shared| async move { shared.database.copy_person(person_id, library_id, new, faces).await })
            .await
    }

    /// Replaces all faces of a person by this one with its picture, and sets `info` if given; all or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person does not exist;
    /// [`Error::Database`](crate::Error::Database) if an id is taken or a number is NaN.
    pub async fn replace_faces(
        &self,
        person_id: PersonId,
        info: Option<String>,
        face: NewFace,
        picture: Bytes,
    ) -> Result<Face> {
        self.write(move |shared| async move {
            let insert = |key| shared.database.replace_faces(person_id, info, face, key);
            let (face, removals) = shared.pictures.store_with(picture, insert).await?;
            shared.pictures.erase_or_log(&shared.database, removals).await;
            Ok(face)
        })
        .await
    }

    /// Sets or clears a person's `info`.
    pub async fn set_info(&self, person_id: PersonId, info: Option<String>) -> Result<()> {
        self.write(move |shared| async move { shared.database.set_info(person_id, info).await }).await
    }
}
