//! Engines.

use aicp_platform::{BUILTIN, EngineHealth, OutboxCount, Platform};
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::Who;
use crate::pages::Page;
use crate::problem::Result;
use crate::tags;
use crate::times::rfc3339;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new().routes(routes!(list_engines))
}

/// An engine of biometrics.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ShownEngine {
    /// Name.
    #[schema(example = "builtin")]
    name: String,
    /// Whether new libraries get it unless they name another.
    is_default: bool,
    /// Whether it answered the last check; `null` if it was not checked, or can't be.
    is_up: Option<bool>,
    /// Address of a vendor's engine.
    address: Option<String>,
    /// The last check of a vendor's engine; `null` as for `isUp`.
    check: Option<Check>,
    /// Writes of a vendor's engine that are not done.
    writes: Option<Writes>,
}

/// A check of an engine.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Check {
    /// When it was asked.
    #[schema(format = DateTime)]
    at: String,
    /// Since when it has answered so.
    #[schema(format = DateTime)]
    since: String,
    /// Time until the answer, in milliseconds.
    took_ms: u64,
    /// Why it did not answer.
    error: Option<String>,
}

/// Writes of an engine that are not done.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Writes {
    /// Number of writes that wait.
    waiting: u64,
    /// Number of writes that it refused.
    refused: u64,
    /// When the oldest of them was made.
    #[schema(format = DateTime)]
    oldest_at: Option<String>,
}

impl ShownEngine {
    fn remote(health: EngineHealth, default: &str, counts: &[OutboxCount]) -> Self {
        let count = counts.iter().find(|count| count.engine == health.engine);
        let writes = count.map_or_else(Writes::default, |count| Writes {
            waiting: count.waiting,
            refused: count.refused,
            oldest_at: Some(rfc3339(count.oldest)),
        });
        Self {
            is_default: health.engine == default,
            name: health.engine,
            is_up: health.is_up,
            address: health.address,
            check: health.check.map(|check| Check {
                at: rfc3339(check.at),
                since: rfc3339(check.since),
                took_ms: check.took_ms,
                error: check.error,
            }),
            writes: Some(writes),
        }
    }
}

/// List engines
///
/// With the health of vendors' engines and their writes that are not done.
#[utoipa::path(get, path = "/engines", tag = tags::ENGINES, security(("token" = ["administrator"])),
    responses((status = OK, description = "The engines", body = Page<ShownEngine>)))]
async fn list_engines(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Page<ShownEngine>>> {
    let counts = platform.outbox_counts(&caller).await?;
    Ok(axum::Json(Page::whole(engines(&platform, platform.engine_health(), &counts))))
}

/// Returns the built-in engine and the others with their health and writes.
pub(crate) fn engines(platform: &Platform, health: Vec<EngineHealth>, counts: &[OutboxCount]) -> Vec<ShownEngine> {
    let default = platform.default_engine_name();
    let builtin = ShownEngine {
        name: BUILTIN.to_owned(),
        is_default: default == BUILTIN,
        is_up: Some(platform.recognition_stuck_for().is_none()),
        address: None,
        check: None,
        writes: None,
    };
    let others = health.into_iter().map(|health| ShownEngine::remote(health, default, counts));
    std::iter::once(builtin).chain(others).collect()
}
