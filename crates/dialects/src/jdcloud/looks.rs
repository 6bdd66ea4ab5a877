//! Stateless calls on pictures: comparison, detection, liveness.

use aicp_platform::{Error, Examination, ExaminedFace, Refusal};

use super::answers::{
    AntiSpoof, Attributes, Compared, ComparedV1, Detected, DetectedFace, Item, LivenessV1, PropertiesV1, measure,
};
use super::calls::Call;
use super::codes::{self, Fault};
use super::envelope::{Answer, SUCCESS};
use super::faces::{FRONTAL, FRONTAL_AND_QUALITY};
use super::failure::Failure;
use super::score::score;

/// Maximum number of faces reported for a picture.
const MAX_FACES: i32 = 100;
/// Default number of faces reported.
const DEFAULT_FACES: i32 = 5;

impl Call<'_> {
    pub async fn compare_v1(&self) -> Result<Answer, Failure> {
        let (a, b) = (self.picture("imgBase64A")?, self.picture("imgBase64B")?);
        let compared = self.with_timeout(self.platform.compare_checked(self.caller, a, b, FRONTAL_AND_QUALITY)).await?;
        let ([face_a, face_b], Some(similarity)) = compared else { return Err(self.not_frontal()) };
        let Fault(code, msg) = codes::ACCEPTED;
        Answer::new(&ComparedV1 {
            code,
            face_items_a: vec![Item::new(&face_a)],
            face_items_b: vec![Item::new(&face_b)],
            msg,
            process_time_in_ms: self.stamp.milliseconds(),
            score: measure(score(similarity)),
            timestamp: self.stamp.now().get(),
        })
    }

    pub async fn compare(&self) -> Result<Answer, Failure> {
        let (a, b) = (self.picture("imageBase64_1")?, self.picture("imageBase64_2")?);
        let compared = self.with_timeout(self.platform.compare_checked(self.caller, a, b, FRONTAL)).await?;
        let similarity = compared.1.ok_or_else(|| self.not_frontal())?;
        let requestid = &self.stamp.id;
        Answer::new(&Compared { status: 0, message: SUCCESS, requestid, score: score(similarity) })
    }

    pub async fn properties_v1(&self) -> Result<Answer, Failure> {
        let most = self.params.integer("maxFaceCount").map_err(|_| codes::V1_BAD_TYPE)?.unwrap_or(DEFAULT_FACES);
        let picture = self.picture("imgBase64")?;
        if !(1..=MAX_FACES).contains(&most) {
            return Err(codes::V1_BAD_TYPE.into());
        }
        let faces = self.detect_faces(picture, usize::try_from(most).unwrap_or(1), Examination::QUALITY).await?;
        if faces.is_empty() {
            return Err(codes::V1_NO_FACE.into());
        }
        let Fault(code, msg) = codes::ACCEPTED;
        Answer::new(&PropertiesV1 {
            code,
            face_count: faces.len(),
            face_items: faces.iter().map(Item::new).collect(),
            max_face_count: most,
            msg,
            process_time_in_ms: self.stamp.milliseconds(),
            props: faces.iter().map(|_| Attributes {}).collect(),
            timestamp: self.stamp.now().get(),
        })
    }

    pub async fn detect_attributes(&self) -> Result<Answer, Failure> {
        let number = |name: &str, most: i32| {
            let number = self.params.integer(name).map_err(|_| codes::UNREADABLE)?.unwrap_or(0);
            if (0..=most).contains(&number) { Ok(number) } else { Err(codes::UNREADABLE) }
        };
        let (landmarks, attributes) = (number("return_landmark", 2)?, number("return_attr", 1)?);
        let wanted = number("face_detect_num", MAX_FACES)?;
        let picture = self.picture("imageBase64")?;
        // Zero requests all faces.
        let most = if wanted == 0 { MAX_FACES } else { wanted };
        let faces = self.detect_faces(picture, usize::try_from(most).unwrap_or(1), Examination::default()).await?;
        if faces.is_empty() {
            return Err(codes::NO_FACE_SEEN.into());
        }
        let id = &self.stamp.id;
        Answer::new(&Detected {
            requestid: id,
            error_msg: SUCCESS,
            face_num: faces.len(),
            faces: faces.iter().map(|face| DetectedFace::new(face, landmarks > 0, attributes > 0)).collect(),
            serial_no: id,
            status: 0,
            used_time: self.stamp.milliseconds(),
        })
    }

    pub async fn liveness_v1(&self) -> Result<Answer, Failure> {
        let is_visual = self.params.boolean("isVisual").map_err(|_| codes::V1_BAD_TYPE)?.ok_or(codes::V1_MISSING)?;
        let visual = self.picture("imgBase64Visual")?;
        let near_infrared = if is_visual { None } else { Some(self.picture("imgBase64Nir")?) };
        let face = self.largest_face(visual, Examination { quality: true, liveness: true }).await?;
        // The liveness model is trained for visible light. The near-infrared picture only needs to show a face.
        let face_items_nir = match near_infrared {
            Some(picture) => vec![Item::new(&self.largest_face(picture, Examination::QUALITY).await?)],
            None => Vec::new(),
        };
        let Fault(code, msg) = codes::ACCEPTED;
        Answer::new(&LivenessV1 {
            code,
            face_items_nir,
            face_items_visual: vec![Item::new(&face)],
            msg,
            process_time_in_ms: self.stamp.milliseconds(),
            score: measure(self.live(&face)?),
            timestamp: self.stamp.now().get(),
        })
    }

    /// Returns the probability that a face is live.
    fn live(&self, face: &ExaminedFace) -> Result<f32, Failure> {
        let live = face.liveness.unwrap_or_default();
        if live.is_too_tight { Err(self.failure(Error::Refused(Refusal::TooTight))) } else { Ok(live.probability) }
    }

    pub async fn anti_spoof(&self) -> Result<Answer, Failure> {
        let picture = self.picture("imageBase64")?;
        let face = self.largest_face(picture, Examination { quality: false, liveness: true }).await?;
        // This score is the probability of a fake.
        let score = 1.0 - self.live(&face)?;
        Answer::new(&AntiSpoof { score, status: 0, message: SUCCESS, request_id: &self.stamp.id })
    }
}
