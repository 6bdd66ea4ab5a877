//! Exports of libraries, and their download.

use aicp_platform::{ExportContent, Platform};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Who};
use crate::jobs::{ShownJob, created, id_of};
use crate::libraries::find as find_library;
use crate::problem::Result;
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(export_library)).routes(routes!(get_job_file))
}

/// What an export has besides the data of the people.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"pictures": true}))]
struct NewExport {
    /// Whether it has the pictures. Without them it can't be imported.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pictures: bool,
    /// Whether it has the templates, for a caller with the capability for templates: biometric data.
    #[serde(default)]
    #[schema(default = false)]
    templates: bool,
}

fn yes() -> bool {
    true
}

/// Export a library
///
/// A job that writes a zip archive: `people.jsonl` has a person per line with all data, `pictures/` the pictures, and
/// `manifest.csv` a row per picture, by which the archive can be imported again. Once the job is done, `file` of the job tells
/// how large the archive is and when it is deleted; it is deleted sooner if a person of the app is erased. A job that was
/// paused begins again.
#[utoipa::path(post, path = "/libraries/{library}/exports", tag = tags::JOBS, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library")),
    request_body = NewExport,
    responses((status = CREATED, description = "The job", body = ShownJob, headers(("Location" = String)))))]
async fn export_library(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Json(new): Json<NewExport>,
) -> Result<Response> {
    let (acting, library) = find_library(&platform, &caller, &library).await?;
    let content = ExportContent { pictures: new.pictures, templates: new.templates };
    Ok(created(platform.export_library(&acting, &library, content).await?))
}

/// Download the archive of an export
///
/// With `Range: bytes=N-` from a byte on, to go on with a download that broke off. Whoever downloads it is logged.
#[utoipa::path(get, path = "/jobs/{job}/file", tag = tags::JOBS, security(("token" = ["people"])),
    params(("job" = String, Path, description = "Id of the job"),
        ("Range" = Option<String>, Header, description = "From which byte on")),
    responses((status = OK, description = "The archive", body = String, content_type = "application/zip"),
        (status = PARTIAL_CONTENT, description = "The archive from a byte on", body = String, content_type = "application/zip",
            headers(("Content-Range" = String)))))]
async fn get_job_file(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let id = id_of(&id)?;
    let wanted = headers.get(header::RANGE).and_then(|range| first_byte(range.to_str().ok()?));
    let (bytes, file) = platform.open_export(&caller, id, wanted.unwrap_or(0)).await?;
    // A range beyond the end is ignored, as RFC 9110, section 14.2 allows: the length of the answer tells.
    let (file, from) = match wanted {
        Some(from) if from < bytes => (file, Some(from)),
        Some(_) => (platform.open_export(&caller, id, 0).await?.1, None),
        None => (file, None),
    };
    // An archive that ends early must not look complete: the connection is cut.
    let status = if from.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let from = from.unwrap_or(0);
    let mut response = (status, Body::from_stream(file)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes - from));
    let disposition = format!("attachment; filename=\"export-{id}.zip\"");
    let range = (status == StatusCode::PARTIAL_CONTENT).then(|| format!("bytes {from}-{}/{bytes}", bytes - 1));
    for (name, value) in [(header::CONTENT_DISPOSITION, Some(disposition)), (header::CONTENT_RANGE, range)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(name, value);
        }
    }
    Ok(response)
}

/// Returns the first byte of a range that has no end; other ranges are ignored, as RFC 9110, section 14.2 allows.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_range_to_the_end_counts() {
        for (range, first) in [
            ("bytes=0-", Some(0)),
            ("bytes=17-", Some(17)),
            ("bytes=17-20", None),
            ("bytes=-5", None),
            ("bytes=1-,3-", None),
            ("bytes=-", None),
            ("lines=1-", None),
            ("bytes=18446744073709551616-", None),
        ] {
            assert_eq!(first_byte(range), first, "{range}");
        }
    }
}
