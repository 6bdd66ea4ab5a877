//! People and their faces.

use std::collections::HashSet;

use aicp_types::{LibraryId, PersonId};
use bytes::Bytes;

use super::Store;
use crate::{
    CopiedFace, Face, NewFace, NewPerson, Page, Person, ReadyPerson, Result, blocking::run_blocking, sqlite::Prepared,
};

impl Store {
    /// The person in an app's libraries that are not hidden whose `number` begins with `prefix`, lower-case hex digits;
    /// of several the first. Anything else is the prefix of no number.
    pub async fn person_by_number_prefix(&self, app_id: &str, prefix: &str) -> Result<Option<Person>> {
        self.shared.database.person_by_number_prefix(app_id, prefix).await
    }

    /// Stores many people of one library, with faces and templates that are ready, all or none of them; returns their row
    /// ids in their order. For imports of templates and for benchmarks: tens of thousands of people a second.
    ///
    /// Each of `pictures` is kept if a face is in it; any number of faces may be in one. The writer does nothing else as
    /// long, so hand over some thousands of people at a time.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the library is gone, or a face is in a picture that is not there;
    /// [`Error::Exists`](crate::Error::Exists) if the library has a person of one of the `external_id`s, or two are
    /// equal; [`Error::Full`](crate::Error::Full) if with one of them there are more people than `at_most` says;
    /// [`Error::Database`](crate::Error::Database) if another id is taken or a number is NaN.
    pub async fn add_people(
        &self,
        library_id: LibraryId,
        people: Vec<ReadyPerson>,
        pictures: Vec<Bytes>,
    ) -> Result<Vec<PersonId>> {
        self.write(move |shared| async move {
            let (prepared, pictures) = run_blocking(move || Prepared::new(people, pictures)).await?;
            let insert = |names| shared.database.add_people(library_id, prepared, names);
            shared.pictures.store_all_with(pictures, insert).await
        })
        .await
    }

    /// Up to `limit` people of a library, by row id, leaving out the first `offset`. Negative numbers count as 0.
    pub async fn people(&self, library_id: LibraryId, page: Page) -> Result<Vec<Person>> {
        self.shared.database.people(library_id, page).await
    }

    /// The people of a library whose `external_id` is `user_id`, or who have none and whose `public_id` (in decimal)
    /// is; by row id.
    pub async fn people_by_user(&self, library_id: LibraryId, user_id: &str) -> Result<Vec<Person>> {
        self.shared.database.people_by_user(library_id, user_id).await
    }

    /// As [`people_by_user`](Self::people_by_user), over all libraries of an app that are not hidden.
    pub async fn people_of_app_by_user(&self, app_id: &str, user_id: &str) -> Result<Vec<Person>> {
        self.shared.database.people_of_app_by_user(app_id, user_id).await
    }

    /// The faces of a library that the engine knows by these ids, each with its person, in any order. Absent ids are
    /// left out.
    pub async fn faces_by_engine_ref(
        &self,
        library_id: LibraryId,
        engine_refs: &[String],
    ) -> Result<Vec<(Face, Person)>> {
        self.shared.database.faces_by_engine_ref(library_id, engine_refs).await
    }

    /// Those of `engine_refs` that a face of the library or an unsolved outbox row of it has.
    pub async fn claimed_engine_refs(&self, library_id: LibraryId, engine_refs: &[String]) -> Result<HashSet<String>> {
        self.shared.database.claimed_engine_refs(library_id, engine_refs).await
    }

    /// The newest face in an app's libraries that are not hidden whose picture key begins with `token`, 32 lower-case
    /// hex digits. Anything else is the beginning of no key.
    pub async fn face_by_token(&self, app_id: &str, token: &str) -> Result<Option<Face>> {
        self.shared.database.face_by_token(app_id, token).await
    }

    /// The newest face of a person whose picture key begins with `token`; see [`face_by_token`](Self::face_by_token).
    pub async fn face_of_person_by_token(&self, person_id: PersonId, token: &str) -> Result<Option<Face>> {
        self.shared.database.face_of_person_by_token(person_id, token).await
    }

    /// Whether a library has a face whose picture key begins with `token`; see [`face_by_token`](Self::face_by_token).
    pub async fn has_picture_in_library(&self, library_id: LibraryId, token: &str) -> Result<bool> {
        self.shared.database.has_picture_in_library(library_id, token).await
    }

    /// Makes a person in a library, with copies of these faces of another person: same picture, measures and
    /// template. A copy has no `engine_ref` and is not pending. All or nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person or the library is gone, or a face is not that
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

    /// Removes all faces of a person, stores this one with its picture, and sets `info` if it is given. All or
    /// nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) if the person is gone; [`Error::Database`](crate::Error::Database)
    /// if an id is taken or a number is NaN.
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

    /// Sets a person's `info`, or takes it away.
    pub async fn set_info(&self, person_id: PersonId, info: Option<String>) -> Result<()> {
        self.write(move |shared| async move { shared.database.set_info(person_id, info).await }).await
    }
}
