//! Face detection in a picture, without enrolment.

use aicp_platform::DescribedFace;

use super::calls::{Call, Outcome};
use super::failure::Failure;
use super::format::Node;

impl Call<'_> {
    /// `DetectUserFaceByUrl`. No model estimates age and sex, so both are reported as unknown.
    pub async fn detect(&self) -> Outcome {
        let picture = self.fetch(self.required_picture_address()?).await?;
        let faces = self.platform.describe(self.caller, picture).await.map_err(|e| Failure::of_platform(&e))?;
        if faces.is_empty() {
            return Err(Failure::NO_FACE);
        }
        let faces = faces.iter().map(|face| self.described(face)).collect();
        Ok(Some(Node::Fields(vec![("data", Node::List(faces))])))
    }

    fn described(&self, face: &DescribedFace) -> Node {
        let score = |component: u8| Node::Real(f32::from(component) / 100.0);
        let components = &face.quality.components;
        let is_good =
            Node::Flag(self.platform.is_good(face.quality.score, Some(face.quality.grades()), face.is_recognisable));
        let wrapped = |name, text| Node::Fields(vec![(name, Node::List(vec![Node::text(text)]))]);
        Node::Fields(vec![
            ("Age", Node::Number(0)),
            ("Gender", Node::Number(0)),
            ("BlurScore", score(components.sharpness)),
            ("OcclusionScore", score(components.landmark_agreement.min(components.uncovered))),
            ("PoseScore", score(components.head_pose)),
            ("FaceProbability", score(components.confidence)),
            ("GoodForLibrary", is_good.clone()),
            ("GoodForRecognition", is_good),
            ("FaceRects", wrapped("FaceRectsData", joined(&face.area))),
            ("Landmarks", wrapped("LandmarksData", format!("[{}]", joined(&face.feature)))),
        ])
    }
}

/// Joins numbers with commas.
fn joined(numbers: &[f32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(f32::to_string).collect();
    numbers.join(",")
}
