//! Faces of face search. A face is a person of the group's library, with the single face that counts.

use aicp_platform::{Examination, NewMember};

use super::answers::{FaceId, FoundFace, MessageResult, SearchResult, SearchResults, is_frontal, outer_id};
use super::calls::Call;
use super::codes;
use super::envelope::{Answer, Failure, inner_text};
use super::groups::SUCCESS;
use super::score::score;

/// Maximum number of faces found by a search.
pub(super) const MAX_FOUND: usize = 5;

impl Call<'_> {
    pub async fn face_create(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_OR_OUTER_ID)?;
        let outer_id = self.required_text("outerId", codes::NO_GROUP_OR_OUTER_ID)?;
        let picture = self.picture("imageBase64")?;
        let library = self.library(&key).await?;
        // Cheap checks precede the analysis of the picture; the enrolment checks again.
        if self.platform.has_member(&library, &outer_id).await.map_err(|e| self.failure(e))? {
            return Err(codes::OUTER_ID_EXISTS.into());
        }
        let member = NewMember { user_id: Some(outer_id), picture, at_most: self.options.max_faces };
        let nothing_more = Examination::default();
        let enrolled = self.platform.enrol_member(self.caller, &library, member, nothing_more, is_frontal).await;
        let enrolled = enrolled.map_err(|e| self.failure(e))?.1.ok_or_else(|| self.not_frontal())?;
        let result = inner_text(&FaceId { face_id: &enrolled.person.number })?;
        Answer::new(&MessageResult { requestid: &self.stamp.id, message: SUCCESS, status: 0, result: Some(&result) })
    }

    pub async fn face_delete(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_OR_OUTER_ID)?;
        let outer_id = self.required_text("outerId", codes::NO_GROUP_OR_OUTER_ID)?;
        let library = self.library(&key).await?;
        self.platform.remove_members(self.caller, &library, &outer_id).await.map_err(|e| self.failure(e))?;
        self.told(SUCCESS)
    }

    pub async fn face_search(&self) -> Result<Answer, Failure> {
        let key = self.group_key(codes::NO_GROUP_TO_SEARCH)?;
        let picture = self.picture("imageBase64")?;
        let library = self.library(&key).await?;
        let nothing_more = Examination::default();
        let search = self.platform.identify_member(self.caller, &library, picture, MAX_FOUND, nothing_more, is_frontal);
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
        Ok(self.listed(&result)?.copied_outside(SUCCESS))
    }
}
