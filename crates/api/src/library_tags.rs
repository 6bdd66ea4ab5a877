//! Tags of the people of a library.

use aicp_platform::Platform;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Query, Who};
use crate::libraries::find;
use crate::pages::{self, Page};
use crate::problem::Result;
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list_tags))
}

/// Mark of the cursors.
const BY_TAG: u8 = b't';

/// Which tags to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TagQuery {
    /// Number of tags of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// A tag of people of a library.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LibraryTag {
    /// The tag.
    #[schema(example = "vip")]
    tag: String,
    /// Number of people who have it.
    people: u64,
}

/// List the tags of a library
///
/// In the order of code points.
#[utoipa::path(get, path = "/libraries/{library}/tags", tag = tags::PEOPLE, security(("token" = ["people"])),
    params(("library" = String, Path, description = "Id of the library"), TagQuery),
    responses((status = OK, description = "A page", body = Page<LibraryTag>)))]
async fn list_tags(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(library): Ids<String>,
    Query(query): Query<TagQuery>,
) -> Result<axum::Json<Page<LibraryTag>>> {
    let limit = pages::limit(query.limit)?;
    let after = pages::text_after(BY_TAG, query.cursor.as_deref())?;
    let (acting, library) = find(&platform, &caller, &library).await?;
    let after = after.as_ref().map(|(tag, _)| tag.as_str());
    let mut rows = platform.library_tags(&acting, &library, after, limit + 1).await?;
    let next = pages::cut(&mut rows, limit).map(|(last, _)| pages::text_cursor(BY_TAG, last, 0));
    let items = rows.into_iter().map(|(tag, people)| LibraryTag { tag, people }).collect();
    Ok(axum::Json(Page { items, next }))
}
