//! Picture links, answered with the uploaded bytes. They need no token: the signature in the link authorises the
//! request. Where the settings allow, they lead to the bucket of the pictures.

use aicp_platform::{Error, LinkedPicture, Missing, StoredPicture};
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
    let is_download = query.get("download") == Some("1");
    // A link is signed for one method, and has no name to save the picture under.
    let may_lead = *method == Method::GET && !is_download;
    match find(context, &link, &query, may_lead).await {
        Ok(LinkedPicture::Stored(picture)) => picture_response(picture, is_download),
        Ok(LinkedPicture::At(address)) => redirect(&address),
        Err(Error::Missing(Missing::Picture)) => Failure::status(StatusCode::NOT_FOUND, literals::NO_SUCH_PICTURE)
            .render(Shape::Plain, context.shared.platform.now()),
        Err(e) => {
            trouble::log(&e);
            Failure::status(StatusCode::INTERNAL_SERVER_ERROR, literals::SERVER_ERROR)
                .render(Shape::Plain, context.shared.platform.now())
        }
    }
}

async fn find(context: &Context, link: &ImageLink, query: &Query, may_lead: bool) -> Result<LinkedPicture, Error> {
    let platform = &context.shared.platform;
    let is_signed = |path: &str| query.get("sig").is_some_and(|sig| platform.is_signed(path, sig));
    match link {
        ImageLink::Moment(path) if is_signed(path) => {
            platform.linked_picture_by_file(links::file_of_moment_path(path).ok_or(Missing::Picture)?, may_lead).await
        }
        ImageLink::File(path) if is_signed(path) => {
            platform.linked_picture_by_file(links::file_of_path(path).ok_or(Missing::Picture)?, may_lead).await
        }
        ImageLink::Face => {
            let parameter = |name| query.get(name).ok_or(Missing::Picture);
            let (app_id, group_id) = (parameter("app_id")?, parameter("groupId")?);
            let face_id = FaceId::parse(parameter("faceId")?).ok_or(Missing::Picture)?;
            if !links::is_getimage_secret(platform, parameter("app_secret")?, app_id, group_id, face_id) {
                return Err(Error::Missing(Missing::Picture));
            }
            platform.linked_picture_in_library(app_id, group_id, face_id, may_lead).await
        }
        ImageLink::Moment(_) | ImageLink::File(_) => Err(Error::Missing(Missing::Picture)),
    }
}

/// Sends the caller to another address, for this time alone: the picture may be removed, and the address ends.
fn redirect(address: &str) -> Response {
    let mut response = Response::new(Body::empty());
    // An address that is no header is not one of ours.
    let Ok(location) = HeaderValue::try_from(address) else {
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        return response;
    };
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, location);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
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
