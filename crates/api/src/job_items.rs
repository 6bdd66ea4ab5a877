//! Items of jobs, and the reports of what became of them.

use aicp_platform::{Caller, Error, Item, JobItemState, Platform};
use aicp_types::JobId;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Query, Who};
use crate::jobs::id_of;
use crate::pages::{self, Page};
use crate::problem::Result;
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list_job_items)).routes(routes!(get_job_report))
}

/// State of an item of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ItemState {
    /// It is still to be done.
    Waiting,
    /// It is done.
    Done,
    /// It can't be done.
    Failed,
}

impl From<JobItemState> for ItemState {
    fn from(state: JobItemState) -> Self {
        match state {
            JobItemState::Waiting => Self::Waiting,
            JobItemState::Done => Self::Done,
            JobItemState::Failed => Self::Failed,
        }
    }
}

impl From<ItemState> for JobItemState {
    fn from(state: ItemState) -> Self {
        match state {
            ItemState::Waiting => Self::Waiting,
            ItemState::Done => Self::Done,
            ItemState::Failed => Self::Failed,
        }
    }
}

/// An item of a job.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownItem {
    /// Number in the job, from 1.
    number: i64,
    /// What it is about: the path of the picture of an import, the names of a pair.
    #[schema(example = "Ada Lovelace/1.jpg")]
    name: String,
    /// State.
    state: ItemState,
    /// What became of it, for programs: `newPerson`, `newFace`, `known`, `similar`, `grouped` and `single` are done, others tell
    /// why it can't be done.
    #[schema(example = "newPerson")]
    code: Option<String>,
    /// Why it can't be done, for people.
    reason: Option<String>,
    /// Person that it is about.
    person_id: Option<String>,
    /// Face that it is about.
    face_id: Option<String>,
    /// Other person of a pair.
    other_person_id: Option<String>,
    /// Face of the other person.
    other_face_id: Option<String>,
    /// Similarity of the two faces, or of the face to its group, 0..1.
    similarity: Option<f32>,
    /// Logged recognition that it is about.
    recognition_id: Option<String>,
    /// Number of the group that it belongs to, from 1.
    group: Option<u64>,
}

impl From<Item> for ShownItem {
    fn from(item: Item) -> Self {
        Self {
            number: item.number,
            name: item.name,
            state: item.state.into(),
            code: item.code,
            reason: item.detail.reason,
            person_id: item.detail.person.map(|id| id.to_string()),
            face_id: item.detail.face.map(|id| id.to_string()),
            other_person_id: item.detail.other_person.map(|id| id.to_string()),
            other_face_id: item.detail.other_face.map(|id| id.to_string()),
            similarity: item.detail.similarity,
            recognition_id: item.detail.recognition.map(|id| id.to_string()),
            group: item.detail.group,
        }
    }
}

/// Which items of a job to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ItemsQuery {
    /// Only items in this state.
    #[param(inline)]
    state: Option<ItemState>,
    /// Number of items of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List the items of a job
///
/// By number.
#[utoipa::path(get, path = "/jobs/{job}/items", tag = tags::JOBS, security(("token" = ["people"])),
    params(("job" = String, Path, description = "Id of the job"), ItemsQuery),
    responses((status = OK, description = "A page", body = Page<ShownItem>)))]
async fn list_job_items(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Query(query): Query<ItemsQuery>,
) -> Result<axum::Json<Page<ShownItem>>> {
    let limit = pages::limit(query.limit)?;
    let after = pages::after(query.cursor.as_deref())?.unwrap_or(0);
    let state = query.state.map(JobItemState::from);
    let items = platform.job_items(&caller, id_of(&id)?, state, after, limit + 1).await?;
    Ok(axum::Json(Page::of(items, limit, |item| item.number, ShownItem::from)))
}

/// Which items of a job to report.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// Only items in this state.
    #[param(inline)]
    state: Option<ItemState>,
}

/// Get the report of a job
///
/// All items as CSV. A text that a spreadsheet would take for a formula has an apostrophe before it.
#[utoipa::path(get, path = "/jobs/{job}/report", tag = tags::JOBS, security(("token" = ["people"])),
    params(("job" = String, Path, description = "Id of the job"), ReportQuery),
    responses((status = OK, description = "The report", body = String, content_type = "text/csv")))]
async fn get_job_report(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Query(query): Query<ReportQuery>,
) -> Result<Response> {
    let id = id_of(&id)?;
    let state = query.state.map(JobItemState::from);
    let first = platform.job_items(&caller, id, state, 0, pages::MAX_LIMIT).await?;
    let head =
        "number,name,state,code,reason,personId,faceId,otherPersonId,otherFaceId,similarity,recognitionId,group\r\n"
            .to_owned();
    let report = Report { platform, caller, id, state };
    // The rest is read as the client takes it.
    let rows = stream::unfold(Some((report, head, first)), async |part| {
        let (report, mut text, items) = part?;
        let last = items.last().map(|item| item.number).filter(|_| items.len() as u64 == pages::MAX_LIMIT);
        items.into_iter().for_each(|item| push_row(&mut text, item));
        let next = match last {
            Some(last) => report.after(last).await,
            None => Ok(None),
        };
        match next {
            Ok(next) => Some((Ok(text), next.map(|items| (report, String::new(), items)))),
            // A report that ends early must not look complete: the connection is cut.
            Err(e) => Some((Err(e), None)),
        }
    });
    let disposition = format!("attachment; filename=\"job-{id}.csv\"");
    let mut response = Body::from_stream(rows).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// The report of a job.
struct Report {
    platform: Platform,
    caller: Caller,
    id: JobId,
    state: Option<JobItemState>,
}

impl Report {
    /// Returns the items after one; `None` if there are no more.
    async fn after(&self, last: i64) -> std::result::Result<Option<Vec<Item>>, Error> {
        let items = self.platform.job_items(&self.caller, self.id, self.state, last, pages::MAX_LIMIT).await?;
        Ok(Some(items).filter(|items| !items.is_empty()))
    }
}

fn push_row(text: &mut String, item: Item) {
    let item = ShownItem::from(item);
    let state = match item.state {
        ItemState::Waiting => "waiting",
        ItemState::Done => "done",
        ItemState::Failed => "failed",
    };
    let fields = [
        Some(item.number.to_string()),
        Some(item.name),
        Some(state.to_owned()),
        item.code,
        item.reason,
        item.person_id,
        item.face_id,
        item.other_person_id,
        item.other_face_id,
        item.similarity.map(|similarity| similarity.to_string()),
        item.recognition_id,
        item.group.map(|group| group.to_string()),
    ];
    let fields = fields.map(|field| csv_field(field.unwrap_or_default()));
    text.push_str(&fields.join(","));
    text.push_str("\r\n");
}

/// Writes a field of CSV (RFC 4180). Names of files come from anybody, and spreadsheets run formulas.
fn csv_field(text: String) -> String {
    let text = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text };
    if text.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_a_report_is_one_field_and_no_formula() {
        for (text, field) in [
            ("plain text", "plain text"),
            ("a, b", "\"a, b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@x,y", "\"'@x,y\""),
            ("", ""),
        ] {
            assert_eq!(csv_field(text.to_owned()), field, "{text}");
        }
    }
}
