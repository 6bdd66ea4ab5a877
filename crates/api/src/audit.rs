//! The audit log.

use aicp_platform::{AuditEntry, AuditFilter, Platform};
use aicp_types::AuditId;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Query, Who};
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;
use crate::times::{moment, rfc3339};

/// Maximum number of entries of an export.
const MAX_EXPORT: u64 = 10_000;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_audit_log))
        .routes(routes!(export_audit_log))
        .routes(routes!(check_audit_log))
}

/// An administrative act.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownAct {
    /// Number of the entry, from 1 without a gap.
    #[schema(example = "1")]
    id: String,
    /// When it was done.
    #[schema(format = DateTime)]
    at: String,
    /// Who did it.
    #[schema(example = "operator:ada")]
    actor: String,
    /// Address of who did it.
    address: Option<String>,
    /// `X-Request-Id` of the request.
    request_id: Option<String>,
    /// App that the act is about.
    app_id: Option<String>,
    /// What was done.
    #[schema(example = "library.update")]
    action: String,
    /// What it was done to.
    #[schema(example = "library 1")]
    target: String,
    /// State before; what it has depends on the target.
    #[schema(value_type = Option<Object>)]
    before: Option<Box<RawValue>>,
    /// State after.
    #[schema(value_type = Option<Object>)]
    after: Option<Box<RawValue>>,
    /// SHA-256 of the entry and of the hash before, in hex digits.
    hash: String,
}

impl From<AuditEntry> for ShownAct {
    fn from(AuditEntry { id, act, hash }: AuditEntry) -> Self {
        let json = |text: Option<String>| text.and_then(|text| RawValue::from_string(text).ok());
        Self {
            id: id.to_string(),
            at: rfc3339(act.at),
            actor: act.actor,
            address: act.address,
            request_id: act.request_id,
            app_id: act.app_id,
            action: act.action,
            target: act.target,
            before: json(act.before),
            after: json(act.after),
            hash: hex::encode(hash),
        }
    }
}

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AuditQuery {
    /// Only acts of this caller, such as `operator:ada`.
    actor: Option<String>,
    /// Only this act, such as `library.update`, or all that begin with a text that ends with a dot, such as `library.`.
    action: Option<String>,
    /// Only acts on this target, such as `library 1`.
    target: Option<String>,
    /// Only acts that are about this app.
    app_id: Option<String>,
    /// From this time.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Until before this time.
    #[param(format = DateTime)]
    to: Option<String>,
    /// Number of entries of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List administrative acts
///
/// The newest first.
#[utoipa::path(get, path = "/audit", tag = tags::AUDIT, security(("token" = ["administrator"])), params(AuditQuery),
    responses((status = OK, description = "A page", body = Page<ShownAct>)))]
async fn list_audit_log(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<AuditQuery>,
) -> Result<axum::Json<Page<ShownAct>>> {
    let limit = pages::limit(query.limit)?;
    let below = pages::after(query.cursor.as_deref())?.map(AuditId::new);
    let filter = AuditFilter {
        actor: query.actor.as_deref(),
        action: query.action.as_deref(),
        target: query.target.as_deref(),
        app_id: query.app_id.as_deref(),
        from: moment("from", query.from.as_deref())?,
        to: moment("to", query.to.as_deref())?,
    };
    let entries = platform.audit_log(&caller, filter, below, limit + 1).await?;
    Ok(axum::Json(Page::of(entries, limit, |entry| entry.id.get(), ShownAct::from)))
}

/// Which entries to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// Number of the entry after which to begin; from the first one if it is left out.
    after: Option<String>,
    /// Maximum number of entries.
    #[param(minimum = 1, maximum = 10_000, default = 10_000)]
    limit: Option<u64>,
}

/// Export the audit log
///
/// The oldest first, a JSON object per line, with what the hashes cover (docs/api.md).
#[utoipa::path(get, path = "/audit/export", tag = tags::AUDIT, security(("token" = ["administrator"])),
    params(ExportQuery),
    responses((status = OK, description = "The entries", body = String, content_type = "application/x-ndjson")))]
async fn export_audit_log(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<ExportQuery>,
) -> Result<Response> {
    let after = match &query.after {
        Some(text) => AuditId::parse(text).ok_or_else(|| Problem::field("after", "must be the number of an entry"))?,
        None => AuditId::new(0),
    };
    let limit = query.limit.unwrap_or(MAX_EXPORT);
    if !(1..=MAX_EXPORT).contains(&limit) {
        return Err(Problem::field("limit", format!("must be in 1..={MAX_EXPORT}")));
    }
    let mut lines = Vec::new();
    for entry in platform.audit_log_after(&caller, after, limit).await? {
        serde_json::to_writer(&mut lines, &ShownAct::from(entry)).map_err(|_| Problem::internal())?;
        lines.push(b'\n');
    }
    let mut response = lines.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Result of a check of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AuditVerdict {
    /// Number of entries that are as they were written.
    entries: u64,
    /// Hash of the last of them. Who keeps it elsewhere sees later whether entries were cut off.
    last_hash: String,
    /// First entry that was changed, or follows one that was removed; `null` if there is none.
    broken_at: Option<String>,
}

/// Check the audit log
///
/// Computes the hashes of all entries anew.
#[utoipa::path(get, path = "/audit/check", tag = tags::AUDIT, security(("token" = ["administrator"])),
    responses((status = OK, description = "The verdict", body = AuditVerdict)))]
async fn check_audit_log(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<AuditVerdict>> {
    let check = platform.check_audit_log(&caller).await?;
    let broken_at = check.broken_at.map(|id| id.to_string());
    Ok(axum::Json(AuditVerdict { entries: check.entries, last_hash: check.last_hash, broken_at }))
}
