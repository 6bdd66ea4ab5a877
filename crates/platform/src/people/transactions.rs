//! Writes about people, each a part of a transaction.

use aicp_store::{CopiedFace, NewFace, NewPerson, PersonChanges, PictureName, Tx};
use aicp_types::{LibraryId, PersonId, UnixMillis};

use crate::error::{or_existing, or_missing};
use crate::quotas::require_people_within_quota;
use crate::shared::require_short_keys;
use crate::user_ids::{people_known_as, user_id_of};
use crate::{Error, Existing, Face, Limit, Missing, Person, Result, Tags};

/// Inserts a person without a face.
///
/// # Errors
/// [`Missing::Library`], [`Existing::Person`]; [`Limit::People`] if with this one the library had more than `at_most`
/// people, or the app more than its quota.
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
    require_people_within_quota(tx, library_id).await?;
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
    require_short_keys(changes.external_id.as_deref(), changes.name.as_deref())?;
    if let Some(user_id) = &changes.external_id {
        let library_id = tx.library_of_person(person_id).await?.ok_or(Missing::Person)?;
        let known = people_known_as(tx, library_id, user_id).await?;
        if known.iter().any(|other| other.id != person_id) {
            return Err(Error::Exists(Existing::Person));
        }
    }
    tx.update_person(person_id, changes, at).await.map_err(or_existing(Existing::Person, Missing::Person))
}

/// Changes a person of a library by a function of the row and the tags, unless the function returns false.
///
/// # Errors
/// As [`change`]; [`Missing::Person`] also if the person is in another library by now.
pub(crate) async fn update(
    tx: &mut Tx,
    library_id: LibraryId,
    person_id: PersonId,
    change: impl FnOnce(&mut Person, &mut Tags) -> bool,
    at: UnixMillis,
) -> Result<Option<(Person, Tags)>> {
    let person = tx.person(person_id).await?.filter(|person| person.library_id == library_id);
    let mut person = person.ok_or(Missing::Person)?;
    let before = Tags::stored(tx.tags_of(&[person_id]).await?.remove(&person_id).unwrap_or_default());
    let mut tags = before.clone();
    if !change(&mut person, &mut tags) {
        return Ok(None);
    }
    require_short_keys(person.external_id.as_deref(), person.profile.name.as_deref())?;
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    let known = people_known_as(tx, person.library_id, &user_id).await?;
    if known.iter().any(|other| other.id != person_id) {
        return Err(Error::Exists(Existing::Person));
    }
    tx.write_person(&person, at).await.map_err(or_existing(Existing::Person, Missing::Person))?;
    if tags != before {
        tx.set_tags(person_id, tags.as_slice()).await?;
    }
    let person = tx.person(person_id).await?.ok_or(Missing::Person)?;
    Ok(Some((person, tags)))
}

/// Copies a person with some faces into a library.
///
/// # Errors
/// [`Existing::Person`]; [`Missing::Person`] if the person or the library is gone; [`Limit::People`].
pub(crate) async fn copy(
    tx: &mut Tx,
    from: PersonId,
    to: LibraryId,
    new: NewPerson,
    faces: Vec<CopiedFace>,
) -> Result<()> {
    let copy = tx.insert_person(to, new).await.map_err(or_existing(Existing::Person, Missing::Person))?;
    require_people_within_quota(tx, to).await?;
    tx.copy_faces(from, copy.id, faces).await.map_err(or_missing(Missing::Person))
}

/// Removes a person of a library.
///
/// # Errors
/// [`Missing::Person`], also if the person is in another library by now.
pub(crate) async fn remove(tx: &mut Tx, library_id: LibraryId, person_id: PersonId, at: UnixMillis) -> Result<()> {
    require_in(tx, library_id, person_id).await?;
    tx.remove_person(person_id, at).await.map_err(or_missing(Missing::Person))
}

/// Removes people, and returns how many people and faces there were. Those who are gone are ignored.
pub(crate) async fn remove_people(tx: &mut Tx, people: Vec<Person>, at: UnixMillis) -> Result<(usize, usize)> {
    let mut removed = (0, 0);
    for person in people {
        // Wherever the person is by now.
        if tx.library_of_person(person.id).await?.is_some() {
            removed = (removed.0 + 1, removed.1 + tx.faces_of(person.id).await?.len());
            tx.remove_person(person.id, at).await?;
        }
    }
    Ok(removed)
}

/// Checks that a person is in a library.
async fn require_in(tx: &mut Tx, library_id: LibraryId, person_id: PersonId) -> Result<()> {
    if tx.library_of_person(person_id).await? == Some(library_id) { Ok(()) } else { Err(Missing::Person.into()) }
}

/// Moves a person to another library.
///
/// # Errors
/// [`Missing::Person`], also if the person is in another library than it was; [`Missing::Library`]; [`Existing::Person`] if
/// a person of the library is known by the same user id.
pub(crate) async fn move_person(tx: &mut Tx, person: Person, to: LibraryId, at: UnixMillis) -> Result<Person> {
    require_in(tx, person.library_id, person.id).await?;
    // It may have been withdrawn since it was looked up, and wait for its deletion.
    if tx.library_by_id(to).await?.is_none_or(|library| library.hidden) {
        return Err(Missing::Library.into());
    }
    let person = tx.person(person.id).await?.ok_or(Missing::Person)?;
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    let known = people_known_as(tx, to, &user_id).await?;
    if known.iter().any(|other| other.id != person.id) {
        return Err(Error::Exists(Existing::Person));
    }
    tx.move_person(person.id, to, at).await.map_err(or_existing(Existing::Person, Missing::Library))?;
    tx.person(person.id).await?.ok_or(Missing::Person.into())
}

/// Merges another person of a library into a person.
///
/// # Errors
/// [`Missing::Person`]; [`Limit::Faces`] if the person had more than `max_faces`; [`Limit::Tags`].
pub(crate) async fn merge(
    tx: &mut Tx,
    person: Person,
    other: Person,
    max_faces: Option<usize>,
    at: UnixMillis,
) -> Result<Person> {
    require_in(tx, person.library_id, person.id).await?;
    require_in(tx, person.library_id, other.id).await?;
    if let Some(max_faces) = max_faces
        && tx.faces_of(person.id).await?.len() + tx.faces_of(other.id).await?.len() > max_faces
    {
        return Err(Limit::Faces.into());
    }
    let mut known = tx.tags_of(&[person.id, other.id]).await?;
    let mut tags_of = |id| Tags::stored(known.remove(&id).unwrap_or_default());
    let (own, theirs) = (tags_of(person.id), tags_of(other.id));
    let tags = own.with(&theirs).map_err(|_| Limit::Tags)?;
    tx.merge_people(person.id, other.id, at).await.map_err(or_missing(Missing::Person))?;
    if tags != own {
        tx.set_tags(person.id, tags.as_slice()).await?;
    }
    tx.person(person.id).await?.ok_or(Missing::Person.into())
}
