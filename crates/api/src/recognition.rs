//! Detection, quality, liveness and comparison.

use aicp_platform::{
    Area, Caller, Error, Examination, ExaminedFace, Platform, Refusal, Threshold, threshold_for, user_id_of,
};
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::PictureForm;
use crate::input::{FILE, Form, Ids, Who, required};
use crate::people::find as find_person;
use crate::problem::{Problem, Result};
use crate::reports::{Detail, DetectedFace, LivenessReport, QualityReport, liveness_of};
use crate::tags;

/// Maximum number of faces that are examined in a picture.
const MAX_FACES: usize = 100;
pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(detect))
        .routes(routes!(assess_quality))
        .routes(routes!(assess_liveness))
        .routes(routes!(compare))
        .routes(routes!(verify))
}

/// A picture to look at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PictureRequest {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
}

impl Form<PictureRequest> {
    async fn only_picture(&self, platform: &Platform, caller: &Caller) -> Result<Bytes> {
        let source = (&self.fields.image, &self.fields.image_url);
        required(self.picture(platform, caller, FILE, source).await?, "image")
    }
}

/// A picture to detect faces in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DetectRequest {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
    /// What is told of each face, beyond where it is.
    #[serde(default)]
    details: Vec<Detail>,
}

/// As [`DetectRequest`], as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `DetectRequest`")]
struct DetectForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What is told of each face; several fields of this name may be sent.
    details: Option<Detail>,
}

/// Faces in a picture.
#[derive(Debug, Serialize, ToSchema)]
struct DetectedFaces {
    /// The faces, the largest first.
    faces: Vec<DetectedFace>,
}

/// Detect faces
///
/// All of them, the largest first. No face is no error. The detail `template` needs the area `templates`.
#[utoipa::path(post, path = "/detect", tag = tags::RECOGNITION, security(("token" = ["detect"])),
    request_body(content((DetectRequest = "application/json"), (DetectForm = "multipart/form-data"))),
    responses((status = OK, description = "The faces", body = DetectedFaces)))]
async fn detect(
    State(platform): State<Platform>,
    Who(caller): Who,
    form: Form<DetectRequest>,
) -> Result<axum::Json<DetectedFaces>> {
    let details = &form.fields.details;
    let source = (&form.fields.image, &form.fields.image_url);
    let picture = required(form.picture(&platform, &caller, FILE, source).await?, "image")?;
    let faces = if details.is_empty() {
        platform.detect(&caller, picture).await?.into_iter().map(DetectedFace::seen).collect()
    } else {
        let wanted =
            Examination { quality: details.contains(&Detail::Quality), liveness: details.contains(&Detail::Liveness) };
        if details.contains(&Detail::Template) {
            caller.require_area(Area::Templates)?;
            let examined = platform.examine_with_templates(&caller, picture, MAX_FACES, wanted).await?;
            let faces = examined
                .into_iter()
                .map(|(face, template)| DetectedFace::examined(&face, details).with_template(template));
            return Ok(axum::Json(DetectedFaces { faces: faces.collect() }));
        }
        let examined = platform.examine(&caller, picture, MAX_FACES, wanted).await?;
        examined.iter().map(|face| DetectedFace::examined(face, details)).collect()
    };
    Ok(axum::Json(DetectedFaces { faces }))
}

/// Assess the quality of the largest face
#[utoipa::path(post, path = "/quality", tag = tags::RECOGNITION, security(("token" = ["quality"])),
    request_body(content((PictureRequest = "application/json"), (PictureForm = "multipart/form-data"))),
    responses((status = OK, description = "The quality", body = QualityReport)))]
async fn assess_quality(
    State(platform): State<Platform>,
    Who(caller): Who,
    form: Form<PictureRequest>,
) -> Result<axum::Json<QualityReport>> {
    let picture = form.only_picture(&platform, &caller).await?;
    let face = examine_largest(&platform, &caller, picture, Examination { quality: true, liveness: false }).await?;
    Ok(axum::Json(QualityReport::of(&face)))
}

/// Assess the liveness of the largest face
#[utoipa::path(post, path = "/liveness", tag = tags::RECOGNITION, security(("token" = ["faces"])),
    request_body(content((PictureRequest = "application/json"), (PictureForm = "multipart/form-data"))),
    responses((status = OK, description = "The liveness", body = LivenessReport)))]
async fn assess_liveness(
    State(platform): State<Platform>,
    Who(caller): Who,
    form: Form<PictureRequest>,
) -> Result<axum::Json<LivenessReport>> {
    let picture = form.only_picture(&platform, &caller).await?;
    let face = examine_largest(&platform, &caller, picture, Examination { quality: false, liveness: true }).await?;
    liveness_of(&face).map(axum::Json).ok_or_else(Problem::internal)
}

async fn examine_largest(
    platform: &Platform,
    caller: &Caller,
    picture: Bytes,
    wanted: Examination,
) -> Result<ExaminedFace> {
    let examined = platform.examine(caller, picture, 1, wanted).await?;
    Ok(examined.into_iter().next().ok_or(Error::from(Refusal::NoFace))?)
}

/// Two pictures to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CompareRequest {
    /// The first picture in base64.
    a: Option<String>,
    /// Address of the first picture.
    a_url: Option<String>,
    /// The second picture in base64.
    b: Option<String>,
    /// Address of the second picture.
    b_url: Option<String>,
    /// Similarity from which the faces match, 0..1; by default that of the settings.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold. Holds for the built-in engine.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
}

/// As [`CompareRequest`], as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `CompareRequest`")]
struct CompareForm {
    /// The first picture.
    #[schema(value_type = String, format = Binary)]
    a: Vec<u8>,
    /// The second picture.
    #[schema(value_type = String, format = Binary)]
    b: Vec<u8>,
    /// Similarity from which the faces match, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
}

/// How similar two faces are.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    /// Similarity, 0..1.
    similarity: f32,
    /// Whether it reaches the threshold.
    #[serde(rename = "match")]
    is_match: bool,
    /// Threshold in force, 0..1.
    threshold: f32,
}

/// Compare two faces
///
/// The largest face of each picture (1:1).
#[utoipa::path(post, path = "/compare", tag = tags::RECOGNITION, security(("token" = ["compare"])),
    request_body(content((CompareRequest = "application/json"), (CompareForm = "multipart/form-data"))),
    responses((status = OK, description = "The similarity", body = Comparison)))]
async fn compare(
    State(platform): State<Platform>,
    Who(caller): Who,
    form: Form<CompareRequest>,
) -> Result<axum::Json<Comparison>> {
    let fields = &form.fields;
    let least = threshold_or_fmr(fields.threshold, fields.fmr)?;
    let a = required(form.picture(&platform, &caller, "a", (&fields.a, &fields.a_url)).await?, "a")?;
    let b = required(form.picture(&platform, &caller, "b", (&fields.b, &fields.b_url)).await?, "b")?;
    let similarity = platform.compare(&caller, a, b).await?;
    let threshold = platform.threshold_of_comparison(least);
    Ok(axum::Json(Comparison { similarity, is_match: reaches(&platform, similarity, least), threshold }))
}

fn reaches(platform: &Platform, similarity: f32, least: Threshold) -> bool {
    match least {
        Threshold::Default => platform.is_match(similarity),
        Threshold::AtLeast(least) | Threshold::OwnOr(least) => similarity >= least,
    }
}

/// Reads the threshold of a request.
pub(crate) fn threshold(wanted: Option<f32>) -> Result<Threshold> {
    match wanted {
        None => Ok(Threshold::Default),
        Some(least) if (0.0..=1.0).contains(&least) => Ok(Threshold::AtLeast(least)),
        Some(_) => Err(Problem::field("threshold", "must be in 0..=1")),
    }
}

/// Reads the threshold of a request, or the rate of false matches in its place.
pub(crate) fn threshold_or_fmr(wanted: Option<f32>, fmr: Option<f64>) -> Result<Threshold> {
    match (wanted, fmr) {
        (wanted, None) => threshold(wanted),
        (None, Some(rate)) => Ok(Threshold::AtLeast(threshold_of_fmr(rate)?)),
        (Some(_), Some(_)) => Err(Problem::field("fmr", "must be left out if there is a threshold")),
    }
}

/// Returns the threshold that a rate of false matches stands for.
pub(crate) fn threshold_of_fmr(rate: f64) -> Result<f32> {
    let is_rate = (1e-9..=0.5).contains(&rate);
    if is_rate { Ok(threshold_for(1, rate)) } else { Err(Problem::field("fmr", "must be in 1e-9..=0.5")) }
}

/// A picture of a person to verify.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct VerifyRequest {
    /// The picture in base64.
    image: Option<String>,
    /// Address of the picture.
    image_url: Option<String>,
    /// Similarity from which it is the person, 0..1; by default that of the library.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold. Holds for the built-in engine.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
}

/// As [`VerifyRequest`], as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a form, whose fields are read as `VerifyRequest`")]
struct VerifyForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// Similarity from which it is the person, 0..1.
    #[schema(minimum = 0, maximum = 1)]
    threshold: Option<f32>,
    /// Rate of false matches, instead of a threshold.
    #[schema(minimum = 1e-9, maximum = 0.5)]
    fmr: Option<f64>,
}

/// How similar a face is to a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Verification {
    /// Similarity to the most similar face of the person, 0..1.
    similarity: f32,
    /// Whether it reaches the threshold.
    #[serde(rename = "match")]
    is_match: bool,
    /// Threshold in force, 0..1.
    threshold: f32,
    /// The most similar face of the person.
    face_id: String,
}

/// Verify a person
///
/// Compares the largest face of a picture with the faces of a person (1:1).
#[utoipa::path(post, path = "/libraries/{library}/people/{person}/verify", tag = tags::RECOGNITION, security(("token" = ["compare"])),
    params(("library" = String, Path, description = "Id of the library"), ("person" = String, Path, description = "Id of the person")),
    request_body(content((VerifyRequest = "application/json"), (VerifyForm = "multipart/form-data"))),
    responses((status = OK, description = "The similarity", body = Verification)))]
async fn verify(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(ids): Ids<(String, String)>,
    form: Form<VerifyRequest>,
) -> Result<axum::Json<Verification>> {
    let least = threshold_or_fmr(form.fields.threshold, form.fields.fmr)?;
    let (acting, library, person) = find_person(&platform, &caller, &ids).await?;
    let source = (&form.fields.image, &form.fields.image_url);
    let picture = required(form.picture(&platform, &acting, FILE, source).await?, "image")?;
    let user_id = user_id_of(person.external_id.as_deref(), person.public_id);
    let found = platform.compare_with_user(&acting, std::slice::from_ref(&library), &user_id, picture).await?;
    let best = found.into_iter().next().ok_or(Error::from(aicp_platform::Missing::Face))?;
    Ok(axum::Json(Verification {
        similarity: best.similarity,
        is_match: platform.is_match_in(&library, best.similarity, least)?,
        threshold: platform.threshold_of_verification(&library, least)?,
        face_id: best.face.id.to_string(),
    }))
}
