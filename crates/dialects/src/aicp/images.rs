//! Picture links, answered with the uploaded bytes. They need no token: the signature in the link authorises the
//! request.

use aicp_platform::{Error, Missing, StoredPicture};
use aicp_types::FaceId;
use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;

use super::envelope::Shape;
use super::failure::Failure;
use super::literals;
use super::routes::ImageLink;
use crate::query::Query;
use crate::{Context, links};
use aicp_requests::trouble;

pub(super) async fn answer(context: &Context, link: ImageLink, method: &Method, uri: &Uri) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Failure::wrong_method("GET, HEAD").render(Shape::Plain, context.shared.platform.now());
    }
    let query = Query::of(uri);
    match find(context, &link, &query).await {
        Ok(picture) => picture_response(picture, query.get("download") == Some("1")),
        Err(Error::Missing(Missing::Picture)) => Failure::status(StatusCode::NOT_FOUND, literals::NO_SUCH_PICTURE)
            .render(Shape::Plain, context.shared.platform.now()),
        Err(e) => {
            trouble::log(&e);
            Failure::status(StatusCode::INTERNAL_SERVER_ERROR, literals::SERVER_ERROR)
                .render(Shape::Plain, context.shared.platform.now())
        }
    }
}

async fn find(context: &Context, link: &ImageLink, query: &Query) -> Result<StoredPicture, Error> {
    let platform = &context.shared.platform;
    let is_signed = |path: &str| query.get("sig").is_some_and(|sig| platform.is_signed(path, sig));
    match link {
        ImageLink::Moment(path) if is_signed(path) => {
            platform.picture_by_file(links::file_of_moment_path(path).ok_or(Missing::Picture)?).await
        }
        ImageLink::File(path) if is_signed(path) => {
            platform.picture_by_file(links::file_of_path(path).ok_or(Missing::Picture)?).await
        }
        ImageLink::Face => {
            let parameter = |name| query.get(name).ok_or(Missing::Picture);
            let (app_id, group_id) = (parameter("app_id")?, parameter("groupId")?);
            let face_id = FaceId::parse(parameter("faceId")?).ok_or(Missing::Picture)?;
            if !links::is_getimage_secret(platform, parameter("app_secret")?, app_id, group_id, face_id) {
                return Err(Error::Missing(Missing::Picture));
            }
            platform.picture_in_library(app_id, group_id, face_id).await
        }
        ImageLink::Moment(_) | ImageLink::File(_) => Err(Error::Missing(Missing::Picture)),
    }
}

fn picture_response(picture: StoredPicture, download: bool) -> Response {
    let media_type = picture.format.map_or("application/octet-stream", |format| format.media_type());
    let mut response = Response::new(Body::from(picture.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox"));
    // A removed person must not survive in a shared cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if download {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    response
}
