//! People who change their library, and people who become one.

use std::sync::Arc;

use aicp_types::{FaceId, LibraryId, PersonId, PublicId, UnixMillis};

use super::libraries::missing_parent;
use crate::sql::{self, Kind};
use crate::{AddedFace, Change, Error, EventData, NewEvent, Result, Tx};

impl Tx {
    /// Moves a person with faces, templates and tags to another library, out of all groups and recognition logs of the first
    /// one. The row id and the public ids stay.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the person or the library does not exist; [`Error::Exists`] if the library has a person of that
    /// `external_id`.
    pub async fn move_person(&mut self, person_id: PersonId, to: LibraryId, at: UnixMillis) -> Result<()> {
        let query = sql::query_as("SELECT library_id, public_id FROM person WHERE id = $1");
        let known: Option<(LibraryId, PublicId)> = query.bind(person_id).fetch_optional(&mut *self.db).await?;
        let (from, public_id) = known.ok_or(Error::NotFound)?;
        if from == to {
            return Ok(());
        }
        self.delete_recognitions_of(person_id, at).await?;
        let query = sql::query("UPDATE person SET library_id = $2 WHERE id = $1");
        match query.bind(person_id).bind(to).execute(&mut *self.db).await {
            Err(error) if error.kind() == Kind::Duplicate => return Err(Error::Exists),
            moved => moved.map_err(missing_parent)?,
        };
        let query = sql::query("UPDATE person_tag SET library_id = $2 WHERE person_id = $1");
        query.bind(person_id).bind(to).execute(&mut *self.db).await?;
        let query = sql::query("DELETE FROM user_group_member WHERE person_id = $1");
        query.bind(person_id).execute(&mut *self.db).await?;
        let faces = self.added_faces(person_id).await?;
        let event = |library_id, data| NewEvent { time: at, app_id: None, library_id: Some(library_id), data };
        self.record_event(event(from, EventData::PersonRemoved { person: public_id }));
        for face in &faces {
            self.record_event(event(to, EventData::FaceEnrolled { person: public_id, face: face.face_id }));
        }
        if !faces.is_empty() {
            self.touch_library(from, at).await?;
            self.touch_library(to, at).await?;
            // Added before they are removed: a search in both libraries always finds the person.
            let face_ids = faces.iter().map(|face| face.face_id).collect();
            self.announce(Change::FacesAdded { library_id: to, faces });
            self.announce(Change::FacesRemoved { library_id: from, face_ids });
        }
        self.announce(Change::PersonChanged { library_id: from, public_id });
        self.touch_person(person_id, at).await
    }

    /// Gives the faces of a person, and the places in groups, to another person of the same library, and removes the person.
    ///
    /// # Errors
    /// [`Error::NotFound`] if one of them does not exist.
    pub async fn merge_people(&mut self, into: PersonId, from: PersonId, at: UnixMillis) -> Result<()> {
        let library_id = self.library_of_person(into).await?.ok_or(Error::NotFound)?;
        let query = sql::query_scalar("UPDATE face SET person_id = $1 WHERE person_id = $2 RETURNING id");
        let moved: Vec<FaceId> = query.bind(into).bind(from).fetch_all(&mut *self.db).await?;
        let query = sql::query(
            "INSERT INTO user_group_member (user_group_id, person_id)
             SELECT user_group_id, $1 FROM user_group_member AS theirs
             WHERE theirs.person_id = $2 AND NOT EXISTS (
                SELECT 1 FROM user_group_member AS own
                WHERE own.person_id = $1 AND own.user_group_id = theirs.user_group_id)",
        );
        query.bind(into).bind(from).execute(&mut *self.db).await?;
        self.rename_in_recognitions(from, into).await?;
        let query = sql::query_scalar("DELETE FROM person WHERE id = $1 RETURNING public_id");
        let removed: Option<PublicId> = query.bind(from).fetch_optional(&mut *self.db).await?;
        let public_id = removed.ok_or(Error::NotFound)?;
        if !moved.is_empty() {
            self.touch_library(library_id, at).await?;
            let faces = self.added_faces(into).await?;
            let faces = faces.into_iter().filter(|face| moved.contains(&face.face_id)).collect();
            self.announce(Change::FacesAdded { library_id, faces });
        }
        self.announce(Change::PersonChanged { library_id, public_id });
        let data = EventData::PersonRemoved { person: public_id };
        self.record_event(NewEvent { time: at, app_id: None, library_id: Some(library_id), data });
        self.touch_person(into, at).await
    }

    /// Returns the faces of a person with their templates, as they are announced.
    async fn added_faces(&mut self, person_id: PersonId) -> Result<Vec<AddedFace>> {
        let query = sql::query_scalar("SELECT id FROM face WHERE person_id = $1 ORDER BY id");
        let face_ids: Vec<FaceId> = query.bind(person_id).fetch_all(&mut *self.db).await?;
        let mut faces = Vec::with_capacity(face_ids.len());
        for face_id in face_ids {
            let template = self.template_of(face_id).await?.map(Arc::new);
            faces.push(AddedFace { person_id, face_id, template });
        }
        Ok(faces)
    }
}
