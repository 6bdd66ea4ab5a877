//! Faces of operators, to sign in by.

use aicp_platform::Platform;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::faces::PictureForm;
use crate::input::{FILE, Form, Ids, Image, Who, required};
use crate::operators::{ShownOperator, find, parse, show};
use crate::problem::Result;
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(put_operator_face, delete_operator_face))
        .routes(routes!(put_own_face, delete_own_face))
}

/// Set the face of an operator
///
/// The largest face of a picture, in place of the one before. It must be recognisable, of good quality and live. The picture
/// is not kept, and the template is in no answer. Sessions of the operator that a face alone opened end.
#[utoipa::path(put, path = "/operators/{operator}/face", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    params(("operator" = String, Path, description = "Id of the operator")),
    request_body(content((Image = "application/json"), (PictureForm = "multipart/form-data"))),
    responses((status = OK, description = "The operator", body = ShownOperator, headers(("ETag" = String)))))]
async fn put_operator_face(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    form: Form<Image>,
) -> Result<Response> {
    let operator = find(&platform, &caller, &id).await?;
    let source = (&form.fields.image, &form.fields.image_url);
    let picture = required(form.picture(&platform, &caller, FILE, source).await?, "image")?;
    Ok(show(StatusCode::OK, platform.set_operator_face(&caller, operator.id, picture).await?))
}

/// Delete the face of an operator
///
/// Refused with `faceMissing` while the operator signs in by password and face. Sessions of the operator that a face alone
/// opened end.
#[utoipa::path(delete, path = "/operators/{operator}/face", tag = tags::OPERATORS, security(("token" = ["administrator"])),
    params(("operator" = String, Path, description = "Id of the operator")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_operator_face(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
) -> Result<Response> {
    platform.remove_operator_face(&caller, parse(&id)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// One's own face, and the present password.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct OwnFace {
    /// The picture in base64.
    image: Option<String>,
    /// The present password.
    password: String,
}

/// One's own face as a form.
#[derive(ToSchema)]
#[allow(dead_code, reason = "it describes a form, which `Form` reads")]
struct OwnFaceForm {
    /// The picture.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The present password.
    password: String,
}

/// Set one's own face
///
/// As for another operator. The present password is wanted.
#[utoipa::path(put, path = "/session/face", tag = tags::OPERATORS, security(("token" = [])),
    request_body(content((OwnFace = "application/json"), (OwnFaceForm = "multipart/form-data"))),
    responses((status = NO_CONTENT, description = "It is set")))]
async fn put_own_face(State(platform): State<Platform>, Who(caller): Who, form: Form<OwnFace>) -> Result<Response> {
    let picture = required(form.picture(&platform, &caller, FILE, (&form.fields.image, &None)).await?, "image")?;
    platform.set_own_face(&caller, form.fields.password, picture).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Delete one's own face
///
/// Refused with `faceMissing` while the operator signs in by password and face.
#[utoipa::path(delete, path = "/session/face", tag = tags::OPERATORS, security(("token" = [])),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_own_face(State(platform): State<Platform>, Who(caller): Who) -> Result<Response> {
    platform.remove_own_face(&caller).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
