//! Call statistics.

use aicp_platform::{Bucket, CallFilter, CallTotal, LoggedCall, Platform};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Query, Who};
use crate::pages::Page;
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(get_call_totals)).routes(routes!(get_call_series)).routes(routes!(list_calls))
}

/// Which calls are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallQuery {
    /// Only calls of this method, or with this label.
    method: Option<String>,
    /// Only calls at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only calls before this time.
    #[param(format = DateTime)]
    to: Option<String>,
}

fn filter(method: Option<String>, from: Option<&str>, to: Option<&str>) -> Result<CallFilter> {
    Ok(CallFilter { name: method, from: moment("from", from)?, to: moment("to", to)? })
}

/// Totals of the calls of a method.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownTotal {
    /// Method.
    method: String,
    /// Label of its latest call.
    label: String,
    /// Source of the answer to its latest call.
    source: String,
    /// Number of calls.
    count: u64,
    /// Total duration in milliseconds.
    duration_ms: i64,
    /// Time of the latest call.
    #[schema(format = DateTime)]
    last_at: String,
    /// Duration of the latest call in milliseconds.
    last_duration_ms: i64,
}

impl From<CallTotal> for ShownTotal {
    fn from(total: CallTotal) -> Self {
        Self {
            method: total.method,
            label: total.label,
            source: total.source,
            count: total.count,
            duration_ms: total.cost_ms,
            last_at: rfc3339(total.last_time),
            last_duration_ms: total.last_cost_ms,
        }
    }
}

/// Get the totals of calls
///
/// By method. An app sees its own calls, an administrator those of all apps.
#[utoipa::path(get, path = "/statistics/totals", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(CallQuery),
    responses((status = OK, description = "The totals", body = Page<ShownTotal>)))]
async fn get_call_totals(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<CallQuery>,
) -> Result<axum::Json<Page<ShownTotal>>> {
    let filter = filter(query.method, query.from.as_deref(), query.to.as_deref())?;
    let totals = platform.call_totals(&caller, &filter).await?;
    Ok(axum::Json(Page::whole(totals.into_iter().map(ShownTotal::from).collect())))
}

/// Period by which calls are counted.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Period {
    /// A day.
    #[default]
    Day,
    /// Monday to Sunday.
    Week,
    /// First to last day of a month.
    Month,
}

/// Which calls are counted, and by which period.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct SeriesQuery {
    /// Only calls of this method, or with this label.
    method: Option<String>,
    /// Only calls at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only calls before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Period by which calls are counted.
    #[serde(default)]
    #[param(inline, required = false)]
    by: Period,
}

/// Calls of a method in a period.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct PeriodTotal {
    /// First day of the period, in the zone of the statistics.
    #[schema(format = Date)]
    first: String,
    /// Last day of the period.
    #[schema(format = Date)]
    last: String,
    #[serde(flatten)]
    total: ShownTotal,
}

/// Get the calls over time
///
/// By method, then period; periods without calls are left out.
#[utoipa::path(get, path = "/statistics/series", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(SeriesQuery),
    responses((status = OK, description = "The periods", body = Page<PeriodTotal>)))]
async fn get_call_series(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<SeriesQuery>,
) -> Result<axum::Json<Page<PeriodTotal>>> {
    let filter = filter(query.method, query.from.as_deref(), query.to.as_deref())?;
    let by = match query.by {
        Period::Day => Bucket::Day,
        Period::Week => Bucket::Week,
        Period::Month => Bucket::Month,
    };
    let buckets = platform.call_buckets(&caller, &filter, by).await?;
    let shown = buckets.into_iter().map(|bucket| PeriodTotal {
        first: bucket.first.to_string(),
        last: bucket.last.to_string(),
        total: bucket.total.into(),
    });
    Ok(axum::Json(Page::whole(shown.collect())))
}

/// A call.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownCall {
    /// Id.
    id: String,
    /// App that made it.
    app_id: String,
    /// Method.
    method: String,
    /// Label.
    label: String,
    /// Source of the answer.
    source: String,
    /// Path.
    path: String,
    /// When it was made.
    #[schema(format = DateTime)]
    at: String,
    /// Address of the client.
    client: Option<String>,
    /// Duration in milliseconds.
    duration_ms: i64,
    /// Whether it succeeded.
    ok: bool,
    /// Code of the answer.
    code: Option<i64>,
    /// Message of the answer.
    message: Option<String>,
}

impl From<LoggedCall> for ShownCall {
    fn from(call: LoggedCall) -> Self {
        Self {
            id: call.trace_id.to_string(),
            app_id: call.app_id,
            method: call.method,
            label: call.label,
            source: call.source,
            path: call.url,
            at: rfc3339(call.time),
            client: call.ip,
            duration_ms: call.cost_ms,
            ok: call.ok,
            code: call.code,
            message: call.message,
        }
    }
}

/// List single calls
///
/// By method, then time: the latest ones, up to the limit of the settings.
#[utoipa::path(get, path = "/calls", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(CallQuery),
    responses((status = OK, description = "The calls", body = Page<ShownCall>)))]
async fn list_calls(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<CallQuery>,
) -> Result<axum::Json<Page<ShownCall>>> {
    let filter = filter(query.method, query.from.as_deref(), query.to.as_deref())?;
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        return Err(Problem::field("to", "must not be before from"));
    }
    let calls = platform.calls(&caller, &filter).await?;
    Ok(axum::Json(Page::whole(calls.rows.into_iter().map(ShownCall::from).collect())))
}
