//! Bulk insertion of people.

use std::{collections::HashMap, sync::Arc};

use aicp_types::{FaceId, FileId, LibraryId, PersonId, PublicId, UnixMillis};
use bytes::Bytes;

use super::convert::{ROWS_PER_STATEMENT, blob_from_vector};
use super::libraries::missing_parent;
use crate::pictures::md5_hex;
use crate::sql::{Connection, QueryBuilder};
use crate::{
    AddedFace, BulkPerson, Change, Error, EventData, Kept, NewEvent, NewFace, NewPerson, NewTemplate, PictureName,
    Result, Tx,
};

/// People, faces and templates in the form in which they are inserted. The expensive conversions run before the writer
/// is occupied.
pub(crate) struct PreparedPeople {
    people: Vec<PreparedPerson>,
    faces: Vec<PreparedFace>,
}

struct PreparedPerson {
    new: NewPerson,
    updated_at: UnixMillis,
}

struct PreparedFace {
    /// Index of the person.
    person: usize,
    /// Index of the picture.
    picture: usize,
    new: NewFace,
    /// Row id to keep; `None`: the next one.
    id: Option<FaceId>,
    template: Option<PreparedTemplate>,
}

struct PreparedTemplate {
    template: Arc<NewTemplate>,
    blob: Vec<u8>,
    md5: String,
}

impl PreparedPeople {
    /// Prepares the rows to insert; also returns the pictures that at least one face refers to.
    ///
    /// # Errors
    /// [`Error::NotFound`] if a face refers to a picture out of range.
    pub(crate) fn new(people: Vec<BulkPerson>, kept: Kept, pictures: Vec<Bytes>) -> Result<(Self, Vec<Bytes>)> {
        let mut used = vec![false; pictures.len()];
        for (_, picture) in people.iter().flat_map(|ready| &ready.faces) {
            *used.get_mut(*picture).ok_or(Error::NotFound)? = true;
        }
        // Unused pictures are dropped, and the following ones renumbered.
        let number_of = |next: &mut usize, &is_used: &bool| {
            let number = *next;
            *next += usize::from(is_used);
            Some(number)
        };
        let numbers: Vec<usize> = used.iter().scan(0, number_of).collect();
        let mut prepared = Self { people: Vec::with_capacity(people.len()), faces: Vec::with_capacity(people.len()) };
        for ready in people {
            for (mut new, picture) in ready.faces {
                let picture = numbers.get(picture).copied().ok_or(Error::NotFound)?;
                let template = new.template.take().map(PreparedTemplate::new);
                let (person, id) = (prepared.people.len(), kept.faces.get(&new.file_id).copied());
                prepared.faces.push(PreparedFace { person, picture, new, id, template });
            }
            let new = ready.person;
            let updated_at = kept.updated.get(&new.public_id).copied().unwrap_or(new.created_at);
            prepared.people.push(PreparedPerson { new, updated_at });
        }
        let kept = pictures.into_iter().zip(&used).filter_map(|(picture, &is_used)| is_used.then_some(picture));
        Ok((prepared, kept.collect()))
    }
}

impl PreparedTemplate {
    fn new(template: NewTemplate) -> Self {
        let blob = blob_from_vector(&template.vector);
        Self { md5: md5_hex(&blob), blob, template: Arc::new(template) }
    }
}

impl Tx {
    /// Inserts people of a library with their faces and templates, and returns their row ids in order.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the library does not exist; [`Error::Exists`] if an `external_id` is taken or repeated;
    /// [`Error::Database`] if another id is taken or a number is NaN.
    pub(crate) async fn insert_people(
        &mut self,
        library_id: LibraryId,
        prepared: PreparedPeople,
        pictures: Vec<PictureName>,
    ) -> Result<Vec<PersonId>> {
        let PreparedPeople { people, faces } = prepared;
        let db = &mut *self.db;
        let people_ids = insert_people(db, library_id, &people).await?;
        let face_ids = insert_faces(db, &faces, &people_ids, &pictures).await?;
        insert_templates(db, &faces, &face_ids).await?;
        let tagged = people.iter().zip(&people_ids);
        let tags: Vec<(PersonId, &str)> =
            tagged.flat_map(|(person, id)| person.new.tags.iter().map(|tag| (*id, tag.as_str()))).collect();
        self.insert_tags(library_id, &tags).await?;
        if let Some(last) = faces.iter().map(|face| face.new.file_id).max() {
            self.touch_library(library_id, last.created()).await?;
        }
        for (face, &face_id) in faces.iter().zip(&face_ids) {
            let Some(person) = people.get(face.person) else { continue };
            let data = EventData::FaceEnrolled { person: person.new.public_id, face: face_id };
            let time = face.new.file_id.created();
            self.record_event(NewEvent { time, app_id: None, library_id: Some(library_id), data });
        }
        if !faces.is_empty() {
            self.announce(Change::FacesAdded { library_id, faces: added_faces(faces, &face_ids, &people_ids) });
        }
        Ok(people_ids)
    }
}

fn added_faces(faces: Vec<PreparedFace>, face_ids: &[FaceId], people_ids: &[PersonId]) -> Vec<AddedFace> {
    let added = faces.into_iter().zip(face_ids).filter_map(|(face, &face_id)| {
        let person_id = *people_ids.get(face.person)?;
        Some(AddedFace { person_id, face_id, template: face.template.map(|prepared| prepared.template) })
    });
    added.collect()
}

async fn insert_people(
    db: &mut dyn Connection,
    library_id: LibraryId,
    people: &[PreparedPerson],
) -> Result<Vec<PersonId>> {
    let mut ids = Vec::with_capacity(people.len());
    for people in people.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::new(
            "INSERT INTO person (
                library_id, public_id, number, external_id, info, name, sex, birthday, document_number, customer_number,
                company, duty, province, kind, remark, source_url, created, updated) ",
        );
        insert.push_values(people, |mut row, PreparedPerson { new, updated_at }| {
            let profile = &new.profile;
            row.push_bind(library_id).push_bind(new.public_id).push_bind(&new.number);
            row.push_bind(&new.external_id).push_bind(&new.info);
            row.push_bind(&profile.name).push_bind(profile.sex).push_bind(profile.birthday);
            row.push_bind(&profile.document_number).push_bind(&profile.customer_number).push_bind(&profile.company);
            row.push_bind(&profile.duty).push_bind(&profile.province).push_bind(profile.kind);
            row.push_bind(&profile.remark).push_bind(&profile.source_url);
            row.push_bind(new.created_at).push_bind(*updated_at);
        });
        insert.push(" ON CONFLICT (library_id, external_id) DO NOTHING RETURNING public_id, id");
        let inserted: Vec<(PublicId, PersonId)> =
            insert.build_query_as().fetch_all(&mut *db).await.map_err(missing_parent)?;
        ids.extend(sort_by_keys(inserted, people.iter().map(|person| person.new.public_id))?);
    }
    Ok(ids)
}

async fn insert_faces(
    db: &mut dyn Connection,
    faces: &[PreparedFace],
    people_ids: &[PersonId],
    pictures: &[PictureName],
) -> Result<Vec<FaceId>> {
    let mut inserted: Vec<(FileId, FaceId)> = Vec::with_capacity(faces.len());
    let (kept, new): (Vec<&PreparedFace>, Vec<&PreparedFace>) = faces.iter().partition(|face| face.id.is_some());
    for (faces, column) in [(kept, "id, "), (new, "")] {
        for faces in faces.chunks(ROWS_PER_STATEMENT) {
            let mut insert = QueryBuilder::new(format!(
                "INSERT INTO face (
                    {column}person_id, file_id, picture_key, box_x, box_y, box_w, box_h, confidence, quality, engine_ref,
                    picture_md5) "
            ));
            insert.push_values(faces, |mut row, PreparedFace { person, picture, new, id, .. }| {
                let [x, y, width, height] = new.bounding_box;
                let picture = pictures.get(*picture);
                if let Some(id) = id {
                    row.push_bind(*id);
                }
                row.push_bind(people_ids.get(*person)).push_bind(new.file_id);
                row.push_bind(picture.map(|picture| picture.key.as_str()));
                row.push_bind(x).push_bind(y).push_bind(width).push_bind(height);
                row.push_bind(new.confidence).push_bind(new.quality).push_bind(&new.engine_ref);
                row.push_bind(picture.map(|picture| picture.md5.as_str()));
            });
            insert.push(" RETURNING file_id, id");
            inserted.extend(insert.build_query_as::<(FileId, FaceId)>().fetch_all(&mut *db).await?);
        }
    }
    sort_by_keys(inserted, faces.iter().map(|face| face.new.file_id))
}

async fn insert_templates(db: &mut dyn Connection, faces: &[PreparedFace], face_ids: &[FaceId]) -> Result<()> {
    for (faces, face_ids) in faces.chunks(ROWS_PER_STATEMENT).zip(face_ids.chunks(ROWS_PER_STATEMENT)) {
        if let Some(mut insert) = template_insert(faces, face_ids) {
            insert.build().execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// Builds the insertion of templates; `None` if no face has one.
fn template_insert(faces: &[PreparedFace], face_ids: &[FaceId]) -> Option<QueryBuilder> {
    let rows = faces.iter().zip(face_ids);
    let mut rows = rows.filter_map(|(face, face_id)| Some((face.template.as_ref()?, face_id))).peekable();
    rows.peek()?;
    let mut insert = QueryBuilder::new(
        "INSERT INTO template (face_id, algorithm, provider, version, md5, vector, recognisability) ",
    );
    insert.push_values(rows, |mut row, (PreparedTemplate { template, blob, md5 }, face_id)| {
        let algorithm = &template.algorithm;
        row.push_bind(face_id).push_bind(&algorithm.name).push_bind(&algorithm.provider);
        row.push_bind(&algorithm.version).push_bind(md5).push_bind(blob.as_slice());
        row.push_bind(template.recognisability);
    });
    Some(insert)
}

/// Sorts the row ids of inserted rows by `keys`, as SQL defines no order of returned rows. A missing key conflicted
/// with an existing row: [`Error::Exists`].
fn sort_by_keys<Key: Eq + std::hash::Hash, Id: Copy>(
    inserted: Vec<(Key, Id)>,
    keys: impl Iterator<Item = Key>,
) -> Result<Vec<Id>> {
    let ids: HashMap<Key, Id> = inserted.into_iter().collect();
    keys.map(|key| ids.get(&key).copied().ok_or(Error::Exists)).collect()
}
