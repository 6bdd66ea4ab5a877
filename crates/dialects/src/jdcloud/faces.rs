//! Faces of face search. A face is a person of the group's library, with the single face that counts.

use aicp_platform::{Enrolled, Error, Examination, ExaminedFace, FaceCheck, Library, Missing, PersonData, PersonKey};
use bytes::Bytes;

use super::answers::{FaceId, FoundFace, MessageResult, SearchResult, SearchResults, is_frontal, outer_id};
use super::calls::Call;
use super::codes;
use super::envelope::{Answer, SUCCESS, inner_text};
use super::failure::Failure;
use super::score::score;

/// Maximum number of faces found by a search.
pub(super) const MAX_FOUND: usize = 5;
/// The vendor takes frontal faces only.
pub(super) const FRONTAL: FaceCheck =
    FaceCheck { wanted: Examination { quality: false, liveness: false }, accepts: is_frontal };
/// As [`FRONTAL`], for answers that report the quality.
pub(super) const FRONTAL_AND_QUALITY: FaceCheck = FaceCheck { wanted: Examination::QUALITY, accepts: is_frontal };

impl Call<'_> {
    pub async fn face_create(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_OR_OUTER_ID)?;
        let outer_id = self.required_text("outerId", codes::NO_GROUP_OR_OUTER_ID)?;
        let picture = self.picture("imageBase64")?;
        let library = self.library(&key).await?;
        // Cheap checks precede the analysis of the picture; the enrolment checks again.
        match self.platform.find(self.caller, &library, PersonKey::UserId(&outer_id)).await {
            Ok(_) => return Err(codes::OUTER_ID_EXISTS.into()),
            Err(Error::Missing(Missing::Person)) => {}
            Err(e) => return Err(self.failure(e)),
        }
        let person = PersonData { user_id: Some(outer_id), ..PersonData::default() };
        let (_, enrolled) = self.enrol(&library, person, picture, FRONTAL).await?;
        let enrolled = enrolled.ok_or_else(|| self.not_frontal())?;
        let result = inner_text(&FaceId { face_id: &enrolled.person.number })?;
        Answer::new(&MessageResult { requestid: &self.stamp.id, message: SUCCESS, status: 0, result: Some(&result) })
    }

    pub async fn face_delete(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_OR_OUTER_ID)?;
        let outer_id = self.required_text("outerId", codes::NO_GROUP_OR_OUTER_ID)?;
        let library = self.library(&key).await?;
        let people = self.platform.find_all(self.caller, Some(&library), &outer_id).await;
        let people = people.map_err(|e| self.failure(e))?;
        self.platform.remove_people(self.caller, &people).await.map_err(|e| self.failure(e))?;
        Answer::told(SUCCESS, self.stamp)
    }

    /// Enrols the largest face of a picture, within the limit of a group. Nobody if `check` rejects the face.
    pub async fn enrol(
        &self,
        library: &Library,
        person: PersonData,
        picture: Bytes,
        check: FaceCheck,
    ) -> Result<(ExaminedFace, Option<Enrolled>), Failure> {
        let max_people = Some(self.options.max_faces);
        let enrolled = self.platform.enrol_checked(self.caller, library, person, picture, max_people, check).await;
        enrolled.map_err(|e| self.failure(e))
    }

    pub async fn face_search(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_TO_SEARCH)?;
        let picture = self.picture("imageBase64")?;
        let library = self.library(&key).await?;
        let most = self.platform.own_top_n(std::slice::from_ref(&library)).unwrap_or(MAX_FOUND);
        let search = self.platform.identify_checked(self.caller, &library, picture, most, FRONTAL);
        let (face, found) = self.with_timeout(search).await?;
        if !is_frontal(&face) {
            return Err(self.not_frontal());
        }
        let probe = face.face;
        let results = found.iter().enumerate().map(|(index, found)| SearchResult {
            conf: probe.confidence,
            face_id: FoundFace {
                face_id: &found.person.number,
                index,
                outer_id: outer_id(&found.person),
                sim: score(found.similarity),
            },
            height: probe.area.height,
            left: probe.area.x,
            top: probe.area.y,
            width: probe.area.width,
        });
        let result = inner_text(&SearchResults { face_search_results: results.collect() })?;
        Ok(Answer::listed(&result, self.stamp)?.copied_outside(SUCCESS))
    }
}
