//! Settings: what is in force, changes while the server runs, and their history.

use aicp_platform::{Error, Missing, Platform, SettingChange, SettingInfo, SettingSource, StoredInfo};
use aicp_types::SettingChangeId;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::pages::{self, Page};
use crate::problem::Result;
use crate::tags;
use crate::times::rfc3339;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(list_settings))
        .routes(routes!(get_setting, put_setting, delete_setting))
        .routes(routes!(list_setting_changes))
        .routes(routes!(undo_setting_change))
}

/// Where the value of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum Source {
    /// It is not set.
    Default,
    /// The settings file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    CommandLine,
    /// The database: it was changed while the server ran.
    Database,
}

impl From<SettingSource> for Source {
    fn from(source: SettingSource) -> Self {
        match source {
            SettingSource::Default => Self::Default,
            SettingSource::File => Self::File,
            SettingSource::Environment => Self::Environment,
            SettingSource::CommandLine => Self::CommandLine,
            SettingSource::Database => Self::Database,
        }
    }
}

/// A value that the database has for a setting.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct StoredValue {
    /// The value.
    value: Value,
    /// Number of the change that wrote it.
    #[schema(example = "7")]
    change: String,
    /// Why it does not count; `null` if it does.
    ignored: Option<String>,
}

impl From<StoredInfo> for StoredValue {
    fn from(stored: StoredInfo) -> Self {
        Self { value: stored.value, change: stored.change_id.to_string(), ignored: stored.ignored }
    }
}

/// A setting.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownSetting {
    /// Name.
    #[schema(example = "recognition.threshold")]
    name: String,
    /// Value in force; `null` if it has none. Secrets are `"***"`.
    value: Value,
    /// Where the value comes from.
    source: Source,
    /// Value without the database.
    base: Value,
    /// Where that comes from.
    base_source: Source,
    /// Value unless it is set.
    default: Value,
    /// Value of the database; `null` if it has none.
    stored: Option<StoredValue>,
    /// Whether it may change while the server runs; others change with a restart.
    applies_at_once: bool,
    /// Whether `settings.fixed` forbids a change.
    fixed: bool,
    /// What it means.
    description: String,
    /// Allowed values, if more than the type restricts them.
    must_be: Option<String>,
}

impl From<SettingInfo> for ShownSetting {
    fn from(setting: SettingInfo) -> Self {
        Self {
            name: setting.name,
            value: setting.value,
            source: setting.source.into(),
            base: setting.base,
            base_source: setting.base_source.into(),
            default: setting.default,
            stored: setting.stored.map(StoredValue::from),
            applies_at_once: setting.applies_at_once,
            fixed: setting.is_fixed,
            description: setting.description,
            must_be: setting.must_be,
        }
    }
}

/// List the settings
///
/// With the values in force and where these come from. Secrets are redacted.
#[utoipa::path(get, path = "/settings", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    responses((status = OK, description = "The settings", body = Page<ShownSetting>)))]
async fn list_settings(State(platform): State<Platform>, Who(caller): Who) -> Result<axum::Json<Page<ShownSetting>>> {
    let settings = platform.setting_infos(&caller)?;
    Ok(axum::Json(Page::whole(settings.into_iter().map(ShownSetting::from).collect())))
}

fn find(platform: &Platform, caller: &aicp_platform::Caller, name: &str) -> Result<ShownSetting> {
    let found = platform.setting_infos(caller)?.into_iter().find(|setting| setting.name == name);
    Ok(found.ok_or(Error::from(Missing::Setting))?.into())
}

/// Get a setting
#[utoipa::path(get, path = "/settings/{setting}", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    params(("setting" = String, Path, description = "Name of the setting", example = "recognition.threshold")),
    responses((status = OK, description = "The setting", body = ShownSetting)))]
async fn get_setting(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(name): Ids<String>,
) -> Result<axum::Json<ShownSetting>> {
    Ok(axum::Json(find(&platform, &caller, &name)?))
}

/// A value for a setting.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"value": 0.82, "reason": "too many strangers are named"}))]
struct SettingRequest {
    /// The value; `null`: none, for a setting that may have none.
    value: Value,
    /// Why, in 1 to 500 characters.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Change a setting
///
/// Effective with the answer, and after a restart. The value goes before that of file, environment and command line, unless
/// `settings.fixed` names the setting.
#[utoipa::path(put, path = "/settings/{setting}", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    params(("setting" = String, Path, description = "Name of the setting", example = "recognition.threshold")),
    request_body = SettingRequest,
    responses((status = OK, description = "The setting", body = ShownSetting)))]
async fn put_setting(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(name): Ids<String>,
    Json(wanted): Json<SettingRequest>,
) -> Result<axum::Json<ShownSetting>> {
    platform.set_setting(&caller, &name, &wanted.value, &wanted.reason).await?;
    Ok(axum::Json(find(&platform, &caller, &name)?))
}

/// Why a value is taken out.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ReasonQuery {
    /// Why, in 1 to 500 characters.
    #[param(min_length = 1, max_length = 500, example = "the trial is over")]
    reason: String,
}

/// Take a setting's value out of the database
///
/// That of file, environment or default counts again.
#[utoipa::path(delete, path = "/settings/{setting}", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    params(("setting" = String, Path, description = "Name of the setting", example = "recognition.threshold"), ReasonQuery),
    responses((status = NO_CONTENT, description = "The database has no value for it")))]
async fn delete_setting(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(name): Ids<String>,
    Query(query): Query<ReasonQuery>,
) -> Result<StatusCode> {
    platform.unset_setting(&caller, &name, &query.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A value before or after a change.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangedValue {
    /// The value.
    #[schema(value_type = Value)]
    pub value: Box<RawValue>,
}

/// A change of a setting.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ShownSettingChange {
    /// Number of the change.
    #[schema(example = "7")]
    pub id: String,
    /// When it was made.
    #[schema(format = DateTime)]
    pub at: String,
    /// Name of the setting.
    #[schema(example = "recognition.threshold")]
    pub setting: String,
    /// Value of the database before; `null`: it had none, that of file, environment or default counted.
    pub before: Option<ChangedValue>,
    /// Value of the database after; `null`: it has none.
    pub after: Option<ChangedValue>,
    /// Who made it.
    #[schema(example = "operator:ada")]
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Number of the change that this one takes back; `null` if it takes none back.
    pub undoes: Option<String>,
}

impl From<SettingChange> for ShownSettingChange {
    fn from(SettingChange { id, old_value, made }: SettingChange) -> Self {
        let value = |text: Option<String>| {
            let value = text.and_then(|text| RawValue::from_string(text).ok());
            value.map(|value| ChangedValue { value })
        };
        Self {
            id: id.to_string(),
            at: rfc3339(made.at),
            setting: made.name,
            before: value(old_value),
            after: value(made.value),
            actor: made.actor,
            reason: made.reason,
            undoes: made.undoes.map(|id| id.to_string()),
        }
    }
}

/// Which changes to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChangesQuery {
    /// Only changes of this setting.
    #[param(example = "recognition.threshold")]
    setting: Option<String>,
    /// Number of changes of a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u64>,
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List changes of settings
///
/// The newest first. They are kept for ever.
#[utoipa::path(get, path = "/setting-changes", tag = tags::SYSTEM, security(("token" = ["administrator"])),
    params(ChangesQuery), responses((status = OK, description = "A page", body = Page<ShownSettingChange>)))]
async fn list_setting_changes(
    State(platform): State<Platform>,
    Who(caller): Who,
    Query(query): Query<ChangesQuery>,
) -> Result<axum::Json<Page<ShownSettingChange>>> {
    let limit = pages::limit(query.limit)?;
    let below = pages::after(query.cursor.as_deref())?.map(SettingChangeId::new);
    let changes = platform.setting_changes(&caller, query.setting.as_deref(), below, limit + 1).await?;
    Ok(axum::Json(Page::of(changes, limit, |change| change.id.get(), ShownSettingChange::from)))
}

/// Why a change is taken back.
#[derive(Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[schema(example = json!({"reason": "it did not help"}))]
struct UndoRequest {
    /// Why, in 1 to 500 characters; it need not be given.
    #[schema(min_length = 1, max_length = 500)]
    reason: Option<String>,
}

/// Take back the last change of a setting
///
/// The value of before counts again. If the setting was changed again since, the answer is 409: take the later changes back
/// first.
#[utoipa::path(post, path = "/setting-changes/{change}/undo", tag = tags::SYSTEM,
    security(("token" = ["administrator"])),
    params(("change" = String, Path, description = "Number of the change")),
    request_body = UndoRequest,
    responses((status = OK, description = "The change that takes it back", body = ShownSettingChange)))]
async fn undo_setting_change(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids(id): Ids<String>,
    Json(wanted): Json<UndoRequest>,
) -> Result<axum::Json<ShownSettingChange>> {
    let id = SettingChangeId::parse(&id).ok_or(Error::from(Missing::SettingChange))?;
    let made = platform.undo_setting(&caller, id, wanted.reason.as_deref()).await?;
    Ok(axum::Json(made.into()))
}
