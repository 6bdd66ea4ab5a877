//! Writes about people, each a part of a transaction.

use aicp_store::{CopiedFace, NewFace, NewPerson, PersonChanges, PictureName, Tx};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::error::{or_existing, or_missing};
use crate::user_ids::{people_known_as, user_id_of};
use crate::{Error, Existing, Face, Limit, Missing, Person, Result};

/// Inserts a person without a face.
///
/// # Errors
/// [`Missing::Library`], [`Existing::Person`]; [`Limit::People`] if the library had more than `at_most` people with this
/// one.
pub(crate) async fn insert_person(
    tx: &mut Tx,
    library_id: LibraryId,
    new: NewPerson,
    at_most: Option<u64>,
) -> Result<Person> {
    let person = tx.insert_person(library_id, new).await.map_err(or_existing(Existing::Person, Missing::Library))?;
    if let Some(at_most) = at_most
        && tx.person_count(library_id).await? > at_most
    {
        return Err(Limit::People.into());
    }
    Ok(person)
}

/// Inserts a person with a face.
///
/// # Errors
/// As [`insert_person`].
pub(crate) async fn enrol(
    tx: &mut Tx,
    library_id: LibraryId,
    new: NewPerson,
    at_most: Option<u64>,
    face: NewFace,
    picture: PictureName,
) -> Result<(Person, Face)> {
    let person = insert_person(tx, library_id, new, at_most).await?;
    let face = insert_face(tx, person.id, face, picture).await?;
    Ok((person, face))
}

/// Changes a person and adds a face.
///
/// # Errors
/// As [`change`].
pub(crate) async fn add_face(
    tx: &mut Tx,
    person_id: PersonId,
    changes: PersonChanges,
    face: NewFace,
    picture: PictureName,
    at: UnixMillis,
) -> Result<Face> {
    change(tx, person_id, changes, at).await?;
    insert_face(tx, person_id, face, picture).await
}

/// Changes a person and replaces all faces by one.
///
/// # Errors
/// As [`change`].
pub(crate) async fn replace_faces(
    tx: &mut Tx,
    person_id: PersonId,
    changes: PersonChanges,
    face: NewFace,
    picture: PictureName,
    at: UnixMillis,
) -> Result<Face> {
    change(tx, person_id, changes, at).await?;
    tx.remove_faces(person_id, None, at).await.map_err(or_missing(Missing::Person))?;
    insert_face(tx, person_id, face, picture).await
}

async fn insert_face(tx: &mut Tx, person_id: PersonId, face: NewFace, picture: PictureName) -> Result<Face> {
    tx.insert_face(person_id, face, picture, false).await.map_err(or_missing(Missing::Person))
}

/// Changes a person; without changes, only the time of the last change.
///
/// # Errors
/// [`Missing::Person`]; [`Existing::Person`] if another person of the library is known by the new user id.
pub(crate) async fn change(tx: &mut Tx, person_id: PersonId, changes: PersonChanges, at: UnixMillis) -> Result<()> {
    if let Some(user_id) = &changes.external_id {
        let library_id = tx.library_of_person(person_id).await?.ok_or(Missing::Person)?;
        let known = people_known_as(tx, library_id, user_id).await?;
        if known.iter().any(|other| other.id != person_id) {
            return Err(Error::Exists(Existing::Person));
        }
    }
    tx.update_person(person_id, changes, at).await.map_err(or_existing(Existing::Person, Missing::Person))
}

/// Changes a person by a function of the row, unless the function returns false.
///
/// # Errors
/// As [`change`].
pub(crate) async fn update(
    tx: &mut Tx,
    person_id: PersonId,
    change: impl FnOnce(&mut Person) -> bool,
    at: UnixMillis,
) -> Result<Option<Person>> {
    let mut person = tx.person(person_id).await?.ok_or(Missing::Person)?;
    if !change(&mut person) {
        return Ok(None);
    }
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    let known = people_known_as(tx, person.library_id, &user_id).await?;
    if known.iter().any(|other| other.id != person_id) {
        return Err(Error::Exists(Existing::Person));
    }
    tx.write_person(&person, at).await.map_err(or_existing(Existing::Person, Missing::Person))?;
    Ok(Some(person))
}

/// Copies a person with some faces into a library.
///
/// # Errors
/// [`Existing::Person`]; [`Missing::Person`] if the person or the library is gone.
pub(crate) async fn copy(
    tx: &mut Tx,
    from: PersonId,
    to: LibraryId,
    new: NewPerson,
    faces: Vec<CopiedFace>,
) -> Result<()> {
    let copy = tx.insert_person(to, new).await.map_err(or_existing(Existing::Person, Missing::Person))?;
    tx.copy_faces(from, copy.id, faces).await.map_err(or_missing(Missing::Person))
}
