//! Detection, comparison, search and liveness of 9.3.

use aicp_platform::{
    Control, Error, Examination, Gates, LIVENESS_THRESHOLDS, Library, Refusal, Threshold, token_of_face,
};
use bytes::Bytes;

use super::super::answers::percent;
use super::super::call::Call;
use super::super::codes;
use super::super::envelope::Answer;
use super::super::failure::Failure;
use super::super::fields::{Fields, Input};
use super::answers::{
    DetectedFace, Found, FoundFace, FoundFaces, FoundUser, LivenessAnswer, Location, Matched, Thresholds, Token,
};
use super::failure;
use super::request::{
    Wanted, control, count, face_type, gates, has_text, is_id, list, missing, retain_above, search_threshold, text,
    threshold, user_id, wanted,
};

/// Maximum number of groups to search in one call.
const MAX_SEARCHED_GROUPS: usize = 10;
/// Maximum number of faces of a picture.
const MAX_FACES: usize = 10;
/// Maximum number of users found for a face.
const MAX_USERS: usize = 50;
/// Maximum number of users found for each face when every face of a picture is searched.
const MAX_USERS_A_FACE: usize = 20;
/// Default threshold, 0..100, when every face of a picture is searched.
const MANY_THRESHOLD: f32 = 80.0;

impl Call<'_> {
    pub async fn face_detect(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let wanted = wanted(fields)?;
        let most = count(fields, "max_face_num", 1, MAX_FACES, codes::MAX_FACES)?;
        face_type(fields)?;
        let gates =
            Gates { liveness: control(fields, "liveness_control", codes::LIVENESS_CONTROL)?, ..Gates::default() };
        let picture = self.picture_of(fields).await?;
        let examination =
            Examination { quality: wanted.quality, liveness: wanted.liveness || gates.liveness != Control::None };
        let faces = self.platform.examine(self.caller, picture.clone(), most, examination).await.map_err(failure)?;
        let largest = faces.first().ok_or_else(|| Failure::code(codes::NO_FACE))?;
        gates.check(largest).map_err(failure)?;
        let face_list: Vec<_> =
            faces.iter().enumerate().map(|(i, face)| DetectedFace::new(&picture, i, face, &wanted)).collect();
        Answer::ok(&FoundFaces { face_num: face_list.len(), face_list })
    }

    /// Compares two pictures, sent as an array.
    pub async fn face_match(&self, input: Input<'_>) -> Result<Answer, Failure> {
        let wrong_number = || Failure::code(codes::WRONG_NUMBER_OF_IMAGES);
        let (items, 2) = input.array()? else { return Err(wrong_number()) };
        let mut pictures = Vec::with_capacity(2);
        for fields in items {
            let fields = fields.ok_or_else(|| Failure::code(codes::INVALID_PARAMETER))?;
            self.require_own_app(&fields)?;
            face_type(&fields)?;
            let gates = gates(&fields)?;
            let picture = self.picture_of(&fields).await?;
            self.platform.pass_gates(self.caller, gates, &picture).await.map_err(failure)?;
            pictures.push(picture);
        }
        let [a, b]: [Bytes; 2] = pictures.try_into().map_err(|_| wrong_number())?;
        let face_list = [&a, &b].map(|picture| Token { face_token: token_of_face(picture, 0) });
        let similarity = self.platform.compare(self.caller, a, b).await.map_err(failure)?;
        Answer::ok(&Matched { score: percent(similarity), face_list })
    }

    /// Returns the number of users found in these libraries, if the request names none: 1, unless a library has its own.
    fn usual_users(&self, libraries: &[Library], most: usize) -> usize {
        self.platform.own_top_n(libraries).unwrap_or(1).min(most)
    }

    pub async fn face_identify(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let libraries = self.searched(fields).await?;
        let (threshold, least) = (threshold(fields, 0.0)?, search_threshold(fields, 0.0)?);
        let most = count(fields, "max_user_num", self.usual_users(&libraries, MAX_USERS), MAX_USERS, codes::MAX_USERS)?;
        let gates = gates(fields)?;
        let user = if has_text(fields, "user_id") { Some(user_id(fields)?) } else { None };
        let picture = self.picture_of(fields).await?;
        self.platform.pass_gates(self.caller, gates, &picture).await.map_err(failure)?;
        let face_token = token_of_face(&picture, 0);
        let mut matches = match user {
            Some(user_id) => {
                let found = self.platform.compare_with_user(self.caller, &libraries, &user_id, picture).await;
                found.map_err(failure)?
            }
            None => {
                let found = self.platform.identify_in(self.caller, &libraries, picture, most, least).await;
                found.map_err(failure)?.matches
            }
        };
        if matches!(least, Threshold::AtLeast(_)) {
            retain_above(threshold, &mut matches);
        }
        matches.truncate(most);
        if matches.is_empty() {
            return Err(Failure::code(codes::NO_MATCH));
        }
        let user_list = matches.into_iter().map(|found| FoundUser::new(found, &libraries)).collect();
        Answer::ok(&Found { face_token, user_list })
    }

    pub async fn face_identify_many(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let libraries = self.searched(fields).await?;
        let (threshold, least) = (threshold(fields, MANY_THRESHOLD)?, search_threshold(fields, MANY_THRESHOLD)?);
        let faces = count(fields, "max_face_num", 1, MAX_FACES, codes::MAX_FACES)?;
        let usual = self.usual_users(&libraries, MAX_USERS_A_FACE);
        let users = count(fields, "max_user_num", usual, MAX_USERS_A_FACE, codes::MAX_USERS)?;
        let gates = gates(fields)?;
        let picture = self.picture_of(fields).await?;
        self.platform.pass_gates(self.caller, gates, &picture).await.map_err(failure)?;
        let found = self.platform.identify_many_in(self.caller, &libraries, picture.clone(), users, least).await;
        let face_list: Vec<FoundFace> = found
            .map_err(failure)?
            .into_iter()
            .take(faces)
            .enumerate()
            .map(|(index, mut face)| {
                if matches!(least, Threshold::AtLeast(_)) {
                    retain_above(threshold, &mut face.matches);
                }
                FoundFace {
                    face_token: token_of_face(&picture, index),
                    location: Location::from(&face.face),
                    user_list: face.matches.into_iter().map(|found| FoundUser::new(found, &libraries)).collect(),
                }
            })
            .collect();
        if face_list.iter().all(|face| face.user_list.is_empty()) {
            return Err(Failure::code(codes::NO_MATCH));
        }
        Answer::ok(&FoundFaces { face_num: face_list.len(), face_list })
    }

    /// Scores 1, 3 or 8 pictures of one person, taken in sequence; the answer is their mean.
    pub async fn face_liveness(&self, input: Input<'_>) -> Result<Answer, Failure> {
        let (items, 1 | 3 | 8) = input.array()? else {
            return Err(Failure::code(codes::WRONG_NUMBER_OF_IMAGES));
        };
        let mut face_list = Vec::with_capacity(items.len());
        let mut sum = 0.0;
        for fields in &items {
            let fields = fields.as_ref().ok_or_else(|| Failure::code(codes::INVALID_PARAMETER))?;
            self.require_own_app(fields)?;
            if !matches!(
                text(fields, "option", codes::INVALID_PARAMETER)?.as_deref(),
                None | Some("" | "COMMON" | "GATE")
            ) {
                return Err(Failure::code(codes::INVALID_PARAMETER));
            }
            let wanted = Wanted { liveness: true, ..wanted(fields)? };
            let picture = self.picture_of(fields).await?;
            let examination = Examination { quality: wanted.quality, liveness: true };
            let faces = self.platform.examine(self.caller, picture.clone(), 1, examination).await.map_err(failure)?;
            let face = faces.first().ok_or_else(|| Failure::code(codes::NO_FACE))?;
            let live = face.liveness.unwrap_or_default();
            if live.is_too_tight {
                return Err(failure(Error::Refused(Refusal::TooTight)));
            }
            sum += live.probability;
            face_list.push(DetectedFace::new(&picture, 0, face, &wanted));
        }
        let [low, normal, high] = LIVENESS_THRESHOLDS;
        Answer::ok(&LivenessAnswer {
            face_liveness: sum / face_list.len() as f32,
            thresholds: Thresholds { one_in_ten_thousand: low, one_in_a_thousand: normal, one_in_a_hundred: high },
            face_list,
        })
    }

    /// Looks up the groups of `group_id_list`, all of which must exist.
    async fn searched(&self, fields: &Fields<'_>) -> Result<Vec<Library>, Failure> {
        let groups = list(fields, "group_id_list", codes::GROUP_ID_LIST, is_id)?;
        if groups.is_empty() {
            return Err(missing("group_id_list"));
        }
        if groups.len() > MAX_SEARCHED_GROUPS {
            return Err(Failure::code(codes::TOO_MANY_GROUPS));
        }
        let mut libraries = Vec::with_capacity(groups.len());
        for group_id in groups {
            libraries.push(self.platform.library(self.caller, &group_id).await.map_err(failure)?);
        }
        Ok(libraries)
    }
}
