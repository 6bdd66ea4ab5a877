//! Call statistics.

use aicp_platform::{Bucket, CallFilter, CallGroup, GroupStatistics, LogFilter, LoggedCall, Percentiles, Platform};
use aicp_types::{TraceId, UnixMillis};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::csv::{Cell, Row, Wanted};
use crate::input::{Query, Who};
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(get_call_totals)).routes(routes!(get_call_series)).routes(routes!(list_calls))
}

/// What the calls of one total have in common.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Group {
    /// The method.
    #[default]
    Method,
    /// The app.
    App,
    /// The engine.
    Engine,
    /// The interface that answered, as `source` names it, without the engine.
    Source,
}

impl From<Group> for CallGroup {
    fn from(group: Group) -> Self {
        match group {
            Group::Method => Self::Method,
            Group::App => Self::App,
            Group::Engine => Self::Engine,
            Group::Source => Self::Source,
        }
    }
}

/// Which calls are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallQuery {
    /// What the calls of one total have in common.
    #[serde(default)]
    #[param(inline, required = false)]
    group: Group,
    /// Only calls of this method, or with this label.
    method: Option<String>,
    /// Only calls of this app.
    app: Option<String>,
    /// Only calls about this engine.
    engine: Option<String>,
    /// Only calls at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only calls before this time.
    #[param(format = DateTime)]
    to: Option<String>,
}

fn filter(
    method: Option<String>,
    app_id: Option<String>,
    engine: Option<String>,
    (from, to): (Option<&str>, Option<&str>),
) -> Result<CallFilter> {
    let filter = CallFilter { name: method, app_id, engine, from: moment("from", from)?, to: moment("to", to)? };
    if let (Some(from), Some(to)) = (filter.from, filter.to)
        && from > to
    {
        return Err(Problem::field("to", "must not be before from"));
    }
    Ok(filter)
}

/// Percentiles of durations, in milliseconds. Above 31 ms they are off by at most 1/32.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Latency {
    /// Number of calls that they are of: those since the server records durations.
    count: u64,
    /// Half of the calls took at most so long.
    p50: i64,
    /// 90 in 100 calls took at most so long.
    p90: i64,
    /// 95 in 100 calls took at most so long.
    p95: i64,
    /// 99 in 100 calls took at most so long.
    p99: i64,
}

impl From<Percentiles> for Latency {
    fn from(Percentiles { count, p50, p90, p95, p99 }: Percentiles) -> Self {
        Self { count, p50, p90, p95, p99 }
    }
}

/// Totals of a group of calls.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownTotal {
    /// Method of the calls; `null` if they are grouped by something else.
    method: Option<String>,
    /// App that made the calls; `null` if they are grouped by something else.
    app_id: Option<String>,
    /// Engine that the calls were about; `null` if they are grouped by something else, or were about none.
    engine: Option<String>,
    /// Label of the latest call.
    label: String,
    /// Source of the answer to the latest call; without the engine if the calls are grouped by it.
    source: String,
    /// Number of calls.
    count: u64,
    /// Number of those that failed.
    failed: u64,
    /// Total duration in milliseconds.
    duration_ms: i64,
    /// Percentiles of the durations; `null` if none are known.
    latency: Option<Latency>,
    /// Time of the latest call.
    #[schema(format = DateTime)]
    last_at: String,
    /// Duration of the latest call in milliseconds.
    last_duration_ms: i64,
}

impl ShownTotal {
    fn new(group: Group, statistics: GroupStatistics) -> Self {
        let GroupStatistics { group: name, total, percentiles, .. } = statistics;
        let mut shown = Self {
            method: None,
            app_id: None,
            engine: None,
            label: total.label,
            source: total.source,
            count: total.count,
            failed: total.failed,
            duration_ms: total.cost_ms,
            latency: percentiles.map(Latency::from),
            last_at: rfc3339(total.last_time),
            last_duration_ms: total.last_cost_ms,
        };
        match group {
            Group::Method => shown.method = Some(name),
            Group::App => shown.app_id = Some(name),
            Group::Engine => shown.engine = Some(name).filter(|name| !name.is_empty()),
            Group::Source => shown.source = name,
        }
        shown
    }
}

impl Row for ShownTotal {
    fn columns() -> Vec<&'static str> {
        vec![
            "method",
            "appId",
            "engine",
            "label",
            "source",
            "count",
            "failed",
            "durationMs",
            "latencyCount",
            "p50",
            "p90",
            "p95",
            "p99",
            "lastAt",
            "lastDurationMs",
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        let latency = self.latency.as_ref();
        let percentile = |of: fn(&Latency) -> i64| Cell::of(latency.map(of));
        vec![
            Cell::of(self.method.clone()),
            Cell::of(self.app_id.clone()),
            Cell::of(self.engine.clone()),
            self.label.clone().into(),
            self.source.clone().into(),
            self.count.into(),
            self.failed.into(),
            self.duration_ms.into(),
            Cell::of(latency.map(|latency| latency.count)),
            percentile(|latency| latency.p50),
            percentile(|latency| latency.p90),
            percentile(|latency| latency.p95),
            percentile(|latency| latency.p99),
            self.last_at.clone().into(),
            self.last_duration_ms.into(),
        ]
    }
}

/// Statistics, and the zone of their days.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Statistics<T> {
    #[serde(flatten)]
    page: Page<T>,
    /// Time zone in which days are counted.
    #[schema(example = "Asia/Shanghai")]
    time_zone: String,
}

impl<T: Row + Serialize> Statistics<T> {
    fn answer(platform: &Platform, wanted: &Wanted, items: Vec<T>) -> Response {
        wanted.answer_with(Page::whole(items), |page| Self { page, time_zone: platform.zone_name() })
    }
}

/// Get the totals of calls
///
/// By method, app, engine or source. An app sees its own calls, an administrator those of all apps. With `Accept: text/csv` as CSV.
#[utoipa::path(get, path = "/statistics/totals", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(CallQuery),
    responses((status = OK, description = "The totals",
        content((Statistics<ShownTotal> = "application/json"), (String = "text/csv")))))]
async fn get_call_totals(
    State(platform): State<Platform>,
    Who(caller): Who,
    wanted: Wanted,
    Query(query): Query<CallQuery>,
) -> Result<Response> {
    let range = (query.from.as_deref(), query.to.as_deref());
    let filter = filter(query.method, query.app, query.engine, range)?;
    let totals = platform.call_statistics(&caller, &filter, query.group.into(), None).await?;
    let totals = totals.into_iter().map(|total| ShownTotal::new(query.group, total));
    Ok(Statistics::answer(&platform, &wanted, totals.collect()))
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
    /// Period by which calls are counted.
    #[serde(default)]
    #[param(inline, required = false)]
    by: Period,
    /// What the calls of one total have in common.
    #[serde(default)]
    #[param(inline, required = false)]
    group: Group,
    /// Only calls of this method, or with this label.
    method: Option<String>,
    /// Only calls of this app.
    app: Option<String>,
    /// Only calls about this engine.
    engine: Option<String>,
    /// Only calls at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only calls before this time.
    #[param(format = DateTime)]
    to: Option<String>,
}

/// Calls of a group in a period.
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

impl Row for PeriodTotal {
    fn columns() -> Vec<&'static str> {
        ["first", "last"].into_iter().chain(ShownTotal::columns()).collect()
    }

    fn cells(&self) -> Vec<Cell> {
        [self.first.clone().into(), self.last.clone().into()].into_iter().chain(self.total.cells()).collect()
    }
}

/// Get the calls over time
///
/// By method, app, engine or source, then period; periods without calls are left out. With `Accept: text/csv` as CSV.
#[utoipa::path(get, path = "/statistics/series", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(SeriesQuery),
    responses((status = OK, description = "The periods",
        content((Statistics<PeriodTotal> = "application/json"), (String = "text/csv")))))]
async fn get_call_series(
    State(platform): State<Platform>,
    Who(caller): Who,
    wanted: Wanted,
    Query(query): Query<SeriesQuery>,
) -> Result<Response> {
    let range = (query.from.as_deref(), query.to.as_deref());
    let filter = filter(query.method, query.app, query.engine, range)?;
    let by = match query.by {
        Period::Day => Bucket::Day,
        Period::Week => Bucket::Week,
        Period::Month => Bucket::Month,
    };
    let buckets = platform.call_statistics(&caller, &filter, query.group.into(), Some(by)).await?;
    let shown = buckets.into_iter().filter_map(|bucket| {
        let (first, last) = bucket.days?;
        let (first, last) = (first.to_string(), last.to_string());
        Some(PeriodTotal { first, last, total: ShownTotal::new(query.group, bucket) })
    });
    Ok(Statistics::answer(&platform, &wanted, shown.collect()))
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
    /// Engine that it was about; `null` if it was about none.
    engine: Option<String>,
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
            engine: call.engine,
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

impl Row for ShownCall {
    fn columns() -> Vec<&'static str> {
        vec![
            "id",
            "appId",
            "method",
            "label",
            "source",
            "engine",
            "path",
            "at",
            "client",
            "durationMs",
            "ok",
            "code",
            "message",
        ]
    }

    fn cells(&self) -> Vec<Cell> {
        vec![
            self.id.clone().into(),
            self.app_id.clone().into(),
            self.method.clone().into(),
            self.label.clone().into(),
            self.source.clone().into(),
            Cell::of(self.engine.clone()),
            self.path.clone().into(),
            self.at.clone().into(),
            Cell::of(self.client.clone()),
            self.duration_ms.into(),
            Cell::Flag(self.ok),
            Cell::of(self.code),
            Cell::of(self.message.clone()),
        ]
    }
}

/// Which single calls to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CallsQuery {
    /// Only calls of this method, or with this label.
    method: Option<String>,
    /// Only calls of this app.
    app: Option<String>,
    /// Only calls about this engine.
    engine: Option<String>,
    /// Only calls that succeeded, or only those that failed.
    ok: Option<bool>,
    /// Only calls that took at least so many milliseconds.
    #[param(minimum = 0)]
    min_duration_ms: Option<u32>,
    /// Only calls at this time or later.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Only calls before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Number of calls of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List single calls
///
/// The latest first. With `Accept: text/csv` as CSV, in which the next page is named by the header `Link`.
#[utoipa::path(get, path = "/calls", tag = tags::STATISTICS, security(("token" = ["statistics"])), params(CallsQuery),
    responses((status = OK, description = "A page",
        content((Page<ShownCall> = "application/json"), (String = "text/csv")))))]
async fn list_calls(
    State(platform): State<Platform>,
    Who(caller): Who,
    wanted: Wanted,
    Query(query): Query<CallsQuery>,
) -> Result<Response> {
    let limit = pages::limit(query.limit)?;
    let before = pages::after_pair(query.cursor.as_deref())?;
    let of_log = LogFilter {
        ok: query.ok,
        min_cost_ms: query.min_duration_ms.map(i64::from),
        before: before.map(|(time, trace_id)| (UnixMillis::new(time), TraceId::new(trace_id))),
    };
    let range = (query.from.as_deref(), query.to.as_deref());
    let filter = filter(query.method, query.app, query.engine, range)?;
    let calls = platform.latest_calls(&caller, &filter, of_log, limit + 1).await?;
    let cursor = |call: &LoggedCall| pages::cursor_of_pair(call.time.get(), call.trace_id.get());
    Ok(wanted.answer(Page::by(calls.rows, limit, cursor, ShownCall::from)))
}
