//! Accounts of an app's users, their friends and friend groups.

use aicp_dialects::tencent_im::LIMITS;
use aicp_platform::{
    Caller, FriendError, FriendFields, FriendGroup, FriendOutcome, KnownFriend, Members, NewAccount, Platform, Sides,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::input::{Ids, Json, Query, Who};
use crate::libraries::check_text;
use crate::pages::{self, Page};
use crate::problem::{Problem, Result};
use crate::tags;

pub(crate) fn routes() -> OpenApiRouter<Platform> {
    OpenApiRouter::new()
        .routes(routes!(get_account, put_account, delete_account))
        .routes(routes!(list_friends))
        .routes(routes!(put_friend, delete_friend))
        .routes(routes!(list_friend_groups))
        .routes(routes!(put_friend_group, delete_friend_group))
}

/// Returns a caller for the app in the path.
async fn acting(platform: &Platform, caller: &Caller, app_id: &str) -> Result<Caller> {
    if !platform.app_ids(caller).await?.iter().any(|known| known == app_id) {
        return Err(aicp_platform::Error::from(aicp_platform::Missing::App).into());
    }
    Ok(platform.act_as(caller, app_id)?)
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
struct ShownAccount {
    /// Id.
    id: String,
    /// Number of friends.
    friends: u64,
}

/// Get an account
#[utoipa::path(get, path = "/apps/{app}/accounts/{account}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account")),
    responses((status = OK, description = "The account", body = ShownAccount)))]
async fn get_account(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id)): Ids<(String, String)>,
) -> Result<axum::Json<ShownAccount>> {
    let acting = acting(&platform, &caller, &app).await?;
    let page = platform.social(&acting, LIMITS).friend_page(&id, 0).await?;
    Ok(axum::Json(ShownAccount { id, friends: page.total }))
}

/// Data of an account. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountData {
    /// Nickname.
    #[schema(max_length = 500)]
    nick: Option<String>,
    /// Address of a portrait.
    #[schema(max_length = 500)]
    face_url: Option<String>,
}

/// Create or change an account
#[utoipa::path(put, path = "/apps/{app}/accounts/{account}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account")),
    request_body = AccountData, responses((status = NO_CONTENT, description = "It is there")))]
async fn put_account(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id)): Ids<(String, String)>,
    Json(data): Json<AccountData>,
) -> Result<Response> {
    check_id("account", &id)?;
    check_text("nick", data.nick.as_deref(), 0..=500)?;
    check_text("faceUrl", data.face_url.as_deref(), 0..=500)?;
    let acting = acting(&platform, &caller, &app).await?;
    let account = NewAccount { user_id: id, nick: data.nick, face_url: data.face_url };
    platform.social(&acting, LIMITS).import_accounts(vec![account]).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Checks an id of an account or the name of a friend group.
fn check_id(name: &str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > 128 || text.chars().any(char::is_control) {
        return Err(Problem::field(name, "must have 1 to 128 bytes, without control characters"));
    }
    Ok(())
}

/// Delete an account
///
/// With its friends; it also leaves the friends of others.
#[utoipa::path(delete, path = "/apps/{app}/accounts/{account}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_account(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id)): Ids<(String, String)>,
) -> Result<Response> {
    let acting = acting(&platform, &caller, &app).await?;
    let deleted = platform.social(&acting, LIMITS).delete_accounts(vec![id]).await?;
    if deleted.is_empty() {
        return Err(aicp_platform::Error::from(aicp_platform::Missing::Account).into());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A friend of an account.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ShownFriend {
    /// Id of the friend's account.
    id: String,
    /// Nickname of the friend's account.
    nick: Option<String>,
    /// The account's own name for the friend.
    remark: String,
    /// Friend groups that the friend is in.
    groups: Vec<String>,
}

impl From<KnownFriend> for ShownFriend {
    fn from(KnownFriend { account, friend, groups }: KnownFriend) -> Self {
        Self { id: account.user_id, nick: account.nick, remark: friend.remark, groups }
    }
}

/// Which friends to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FriendQuery {
    /// `next` of the page before.
    cursor: Option<String>,
}

/// List the friends of an account
///
/// By the time of adding, 100 on a page.
#[utoipa::path(get, path = "/apps/{app}/accounts/{account}/friends", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account"), FriendQuery),
    responses((status = OK, description = "A page", body = Page<ShownFriend>)))]
async fn list_friends(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id)): Ids<(String, String)>,
    Query(query): Query<FriendQuery>,
) -> Result<axum::Json<Page<ShownFriend>>> {
    let start = pages::after(query.cursor.as_deref())?.unwrap_or(0);
    let start = u64::try_from(start).map_err(|_| Problem::field("cursor", "must come from a page"))?;
    let acting = acting(&platform, &caller, &app).await?;
    let page = platform.social(&acting, LIMITS).friend_page(&id, start).await?;
    let end = start.saturating_add(page.friends.len() as u64);
    let next = (end < page.total && end > start).then(|| pages::cursor(i64::try_from(end).unwrap_or(i64::MAX)));
    Ok(axum::Json(Page { items: page.friends.into_iter().map(ShownFriend::from).collect(), next }))
}

/// Data of a friend. What is left out stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FriendData {
    /// The account's own name for the friend.
    #[schema(max_length = 96)]
    remark: Option<String>,
    /// All friend groups that the friend is in; missing ones are created.
    groups: Option<Vec<String>>,
}

/// Add or change a friend
///
/// On the side of the account alone.
#[utoipa::path(put, path = "/apps/{app}/accounts/{account}/friends/{friend}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account"),
        ("friend" = String, Path, description = "Id of the friend's account")),
    request_body = FriendData, responses((status = NO_CONTENT, description = "They are friends")))]
async fn put_friend(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id, friend)): Ids<(String, String, String)>,
    Json(data): Json<FriendData>,
) -> Result<Response> {
    check_text("remark", data.remark.as_deref(), 0..=96)?;
    for group in data.groups.iter().flatten() {
        check_id("groups", group)?;
    }
    let acting = acting(&platform, &caller, &app).await?;
    let fields = FriendFields { user_id: friend, remark: data.remark, groups: data.groups, ..FriendFields::default() };
    let outcomes = platform.social(&acting, LIMITS).import_friends(&id, vec![fields]).await?;
    done(outcomes)
}

/// Remove a friend
///
/// On the side of the account alone.
#[utoipa::path(delete, path = "/apps/{app}/accounts/{account}/friends/{friend}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account"),
        ("friend" = String, Path, description = "Id of the friend's account")),
    responses((status = NO_CONTENT, description = "They are no friends")))]
async fn delete_friend(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id, friend)): Ids<(String, String, String)>,
) -> Result<Response> {
    let acting = acting(&platform, &caller, &app).await?;
    let outcomes = platform.social(&acting, LIMITS).delete_friends(&id, vec![friend], Sides::Own).await?;
    done(outcomes)
}

/// Answers with the outcome for one friend.
fn done(outcomes: Vec<FriendOutcome>) -> Result<Response> {
    match outcomes.into_iter().next() {
        Some(Err(e)) => Err(Problem::of_friend(e)),
        Some(Ok(())) | None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

impl Problem {
    fn of_friend(e: FriendError) -> Self {
        let code = match e {
            FriendError::NoAccount | FriendError::NotAFriend => {
                return Self::friend_not_found(e.to_string());
            }
            FriendError::SameAccount => "sameAccount",
            FriendError::AlreadyFriends => "alreadyFriends",
            FriendError::TooManyFriends => "tooManyFriends",
            FriendError::OtherHasTooManyFriends => "otherHasTooManyFriends",
            FriendError::TooManyGroups => "tooManyFriendGroups",
            FriendError::TooManyValues => "tooManyValues",
            FriendError::TooManyRequests => "tooManyRequests",
            FriendError::Asked => "asked",
            FriendError::Refused => "friendRefused",
        };
        Self::conflict(code, e.to_string())
    }
}

/// A group of friends.
#[derive(Debug, Serialize, ToSchema)]
struct ShownFriendGroup {
    /// Name.
    name: String,
    /// Ids of the members, in the order of adding.
    members: Vec<String>,
}

impl From<&FriendGroup> for ShownFriendGroup {
    fn from(group: &FriendGroup) -> Self {
        Self { name: group.name.clone(), members: group.members.iter().map(str::to_owned).collect() }
    }
}

/// List the friend groups of an account
///
/// In the order of creation.
#[utoipa::path(get, path = "/apps/{app}/accounts/{account}/friend-groups", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account")),
    responses((status = OK, description = "The groups", body = Page<ShownFriendGroup>)))]
async fn list_friend_groups(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id)): Ids<(String, String)>,
) -> Result<axum::Json<Page<ShownFriendGroup>>> {
    let acting = acting(&platform, &caller, &app).await?;
    let known = platform.social(&acting, LIMITS).friend_groups(&id, Members::Named).await?;
    Ok(axum::Json(Page::whole(known.groups.iter().map(ShownFriendGroup::from).collect())))
}

/// Friends to put into a group.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FriendGroupData {
    /// Ids of friends to add.
    #[serde(default)]
    members: Vec<String>,
}

/// Create a friend group, or add to it
#[utoipa::path(put, path = "/apps/{app}/accounts/{account}/friend-groups/{group}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account"),
        ("group" = String, Path, description = "Name of the group")),
    request_body = FriendGroupData, responses((status = NO_CONTENT, description = "It is there")))]
async fn put_friend_group(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id, group)): Ids<(String, String, String)>,
    Json(data): Json<FriendGroupData>,
) -> Result<Response> {
    check_id("group", &group)?;
    let acting = acting(&platform, &caller, &app).await?;
    let (_, outcomes) = platform.social(&acting, LIMITS).add_friend_groups(&id, vec![group], data.members).await?;
    match outcomes.into_iter().find_map(std::result::Result::err) {
        Some(e) => Err(Problem::of_friend(e)),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// Delete a friend group
///
/// Its members stay friends.
#[utoipa::path(delete, path = "/apps/{app}/accounts/{account}/friend-groups/{group}", tag = tags::ACCOUNTS, security(("token" = ["social"])),
    params(("app" = String, Path, description = "Id of the app"), ("account" = String, Path, description = "Id of the account"),
        ("group" = String, Path, description = "Name of the group")),
    responses((status = NO_CONTENT, description = "It is deleted")))]
async fn delete_friend_group(
    State(platform): State<Platform>,
    Who(caller): Who,
    Ids((app, id, group)): Ids<(String, String, String)>,
) -> Result<Response> {
    let acting = acting(&platform, &caller, &app).await?;
    let social = platform.social(&acting, LIMITS);
    let names = [group];
    if social.named_friend_groups(&id, &names).await?.groups.is_empty() {
        return Err(aicp_platform::Error::from(aicp_platform::Missing::Group).into());
    }
    social.delete_friend_groups(&id, names.to_vec()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
