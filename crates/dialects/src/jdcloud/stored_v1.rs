//! `V1` calls on groups and faces. The vendor does not document them: their parameters are known from a client, and so
//! is the result of the search alone; the other results follow its shape. Errors without a `V1` code use the code of
//! face search.

use aicp_platform::{Examination, Face, Library, Page, Person, PersonChanges, PersonData};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::answers::{FaceV1, GroupV1, Item, StoredV1, digits, is_frontal, short};
use super::calls::{Call, GroupKey};
use super::codes::{self, Fault};
use super::envelope::Answer;
use super::faces::{FRONTAL_AND_QUALITY, MAX_FOUND};
use super::failure::Failure;
use super::score::score;

/// Maximum number of groups listed.
const MAX_GROUPS: u64 = 1000;
/// Default number of faces on a page.
const DEFAULT_PAGE_SIZE: i32 = 10;
/// Maximum number of faces on a page.
const MAX_PAGE: i32 = 100;

impl Call<'_> {
    fn accepted(&self) -> StoredV1 {
        let Fault(code, msg) = codes::ACCEPTED;
        let process_time_in_ms = self.stamp.milliseconds();
        StoredV1 { code, msg, process_time_in_ms, timestamp: self.stamp.now().get(), ..StoredV1::default() }
    }

    async fn group_v1(&self) -> Result<Library, Failure> {
        let id = self.required_text("groupId", codes::V1_MISSING)?;
        self.library(&GroupKey::Id(id)).await
    }

    async fn member_v1(&self) -> Result<(Library, Person), Failure> {
        let id = self.required_text("faceId", codes::V1_MISSING)?;
        let digits = digits(&id).ok_or(codes::NO_OUTER_ID)?;
        let found = self.platform.find_by_number(self.caller, &digits).await.map_err(|e| self.failure(e))?;
        self.platform.note_engine_of(self.caller, &found.0).map_err(|e| self.failure(e))?;
        Ok(found)
    }

    pub async fn group_create_v1(&self) -> Result<Answer, Failure> {
        let name = self.new_group_name(codes::V1_MISSING)?;
        let at_most = Some(self.options.max_groups);
        let made = self.platform.create_library_within(self.caller, &name, &name, None, None, at_most).await;
        let made = made.map_err(|e| self.failure(e))?;
        Answer::new(&StoredV1 { group_id: Some(short(&made.engine_key)), ..self.accepted() })
    }

    pub async fn group_fetch_v1(&self) -> Result<Answer, Failure> {
        let libraries =
            self.platform.libraries_by_age(self.caller, Page::first(MAX_GROUPS)).await.map_err(|e| self.failure(e))?;
        let groups = libraries.into_iter().map(GroupV1::new).collect();
        Answer::new(&StoredV1 { groups: Some(groups), ..self.accepted() })
    }

    pub async fn group_update_v1(&self) -> Result<Answer, Failure> {
        let name = self.new_group_name(codes::V1_MISSING)?;
        let library = self.group_v1().await?;
        self.platform.rename_library(self.caller, &library, &name).await.map_err(|e| self.failure(e))?;
        Answer::new(&StoredV1 { group_id: Some(short(&library.engine_key)), ..self.accepted() })
    }

    pub async fn group_delete_v1(&self) -> Result<Answer, Failure> {
        let library = self.group_v1().await?;
        self.platform.delete_library(self.caller, &library).await.map_err(|e| self.failure(e))?;
        Answer::new(&self.accepted())
    }

    pub async fn face_fetch_v1(&self) -> Result<Answer, Failure> {
        let number = |name: &str| self.params.integer(name).map_err(|_| codes::V1_BAD_TYPE);
        let (page, size) = (number("pageId")?.unwrap_or(0), number("pageSize")?.unwrap_or(DEFAULT_PAGE_SIZE));
        if page < 0 || !(1..=MAX_PAGE).contains(&size) {
            return Err(codes::V1_BAD_TYPE.into());
        }
        let library = self.group_v1().await?;
        let (page, size) = (u64::from(page.unsigned_abs()), u64::from(size.unsigned_abs()));
        let page = Page { offset: page * size, limit: size };
        let people = self.platform.people(self.caller, &library, page).await;
        let mut faces = Vec::new();
        for person in people.map_err(|e| self.failure(e))? {
            let of_person = self.platform.faces(&person).await.map_err(|e| self.failure(e))?;
            faces.push(face_v1(&library, &person, of_person.first()));
        }
        Answer::new(&StoredV1 { faces: Some(faces), ..self.accepted() })
    }

    pub async fn face_delete_v1(&self) -> Result<Answer, Failure> {
        let (library, person) = self.member_v1().await?;
        self.platform.remove_person(self.caller, &library, &person).await.map_err(|e| self.failure(e))?;
        Answer::new(&self.accepted())
    }

    pub async fn face_create_v1(&self) -> Result<Answer, Failure> {
        let id = self.required_text("groupId", codes::V1_MISSING)?;
        let picture = self.picture("imgBase64")?;
        let library = self.library(&GroupKey::Id(id)).await?;
        let (face, enrolled) = self.enrol(&library, PersonData::default(), picture, FRONTAL_AND_QUALITY).await?;
        let enrolled = enrolled.ok_or_else(|| self.not_frontal())?;
        Answer::new(&StoredV1 {
            face_id: Some(short(&enrolled.person.number)),
            face_items: Some(vec![Item::new(&face)]),
            group_id: Some(short(&library.engine_key)),
            ..self.accepted()
        })
    }

    pub async fn face_search_v1(&self) -> Result<Answer, Failure> {
        let id = self.required_text("groupId", codes::V1_MISSING)?;
        let picture = self.picture("imgBase64")?;
        let library = self.library(&GroupKey::Id(id)).await?;
        let most = self.platform.own_top_n(std::slice::from_ref(&library)).unwrap_or(MAX_FOUND);
        let search = self.platform.identify_checked(self.caller, &library, picture, most, FRONTAL_AND_QUALITY);
        let (face, found) = self.with_timeout(search).await?;
        if !is_frontal(&face) {
            return Err(self.not_frontal());
        }
        let mut face_matches = Vec::new();
        for found in found {
            // A person removed since the search is left out.
            let Ok(picture) = self.platform.picture_of_face(&found.face).await else { continue };
            face_matches.push(FaceV1 {
                picture: Some(BASE64.encode(picture)),
                score: Some(score(found.similarity)),
                ..face_v1(&library, &found.person, Some(&found.face))
            });
        }
        let face_items = Some(vec![Item::new(&face)]);
        Answer::new(&StoredV1 { face_items, face_matches: Some(face_matches), ..self.accepted() })
    }

    pub async fn face_update_v1(&self) -> Result<Answer, Failure> {
        let group = self.text("groupId")?;
        let picture = self.picture("imgBase64")?;
        let (library, person) = self.member_v1().await?;
        if let Some(id) = group {
            let named = self.library(&GroupKey::Id(id)).await?;
            if named.id != library.id {
                return Err(codes::NO_OUTER_ID.into());
            }
        }
        let face = self.largest_face(picture.clone(), Examination::QUALITY).await?;
        if !is_frontal(&face) {
            return Err(self.not_frontal());
        }
        let changes = PersonChanges::default();
        let replaced = self.platform.change(self.caller, &library, &person, changes, Some(picture)).await;
        replaced.map_err(|e| self.failure(e))?;
        Answer::new(&StoredV1 {
            face_id: Some(short(&person.number)),
            face_items: Some(vec![Item::new(&face)]),
            group_id: Some(short(&library.engine_key)),
            ..self.accepted()
        })
    }
}

/// Builds the entry of a person with their face.
fn face_v1(library: &Library, person: &Person, face: Option<&Face>) -> FaceV1 {
    let updated_at = face.map_or(person.created_at, |face| face.file_id.created());
    FaceV1 {
        create_time: person.created_at.to_string(),
        custom_info: person.info.clone().unwrap_or_default(),
        face_id: short(&person.number),
        group_id: short(&library.engine_key),
        picture: None,
        score: None,
        update_time: updated_at.max(person.created_at).to_string(),
    }
}
