//! Routes: path to operation and dialect.

use axum::http::HeaderMap;
use percent_encoding::percent_decode_str;

use aicp_platform::Area;

use super::Listener;
use super::envelope::{Shape, TimeUnit};
use super::pages::Page;

/// Operation of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// Sections 2, 3 and 7.
    Face(FaceCall),
    /// Sections 5 and 8.
    Statistics(StatisticsCall),
    /// Section 6.
    Grant(GrantCall),
    /// Section 9.
    FaceApi(FaceApiCall),
    /// Section 10.
    User(UserCall),
    /// Section 11.
    Outbox(OutboxCall),
}

/// Calls of sections 2, 3 and 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaceCall {
    Enrol,
    Recognise,
    Compare,
    Remove,
    Query,
    Quality,
    AddLibrary,
    DeleteLibrary,
    ListLibraries,
    Detect,
    RecogniseMany,
}

/// Calls of sections 5 and 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatisticsCall {
    Totals,
    ByDay,
    ByWeek,
    ByMonth,
    ChartByDay,
    ChartByMonth,
    All,
}

/// Calls of section 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GrantCall {
    Grant,
    Extend,
    Revoke,
}

/// Calls of section 9, with those that later documents of the same interface add.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaceApiCall {
    /// Takes an object.
    Fields(FieldsCall),
    /// Takes an array of objects, one for each picture.
    Pictures(PicturesCall),
}

/// Calls of section 9 that take an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldsCall {
    GroupAdd,
    GroupDelete,
    GroupList,
    StatApp,
    StatGroup,
    UserCopy,
    UserGet,
    UserList,
    UserDelete,
    AppList,
    FaceAdd,
    FaceAddNoDetect,
    FaceUpdate,
    FaceList,
    FaceDelete,
    FaceDetect,
    FaceIdentify,
    FaceIdentifyMany,
}

/// Calls of section 9 that take an array of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PicturesCall {
    FaceMatch,
    FaceLiveness,
}

/// Calls of section 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserCall {
    Register,
    FaceLogin,
    PasswordLogin,
    LogOut,
}

/// Calls of section 11.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutboxCall {
    List,
    Resume,
}

/// Section of the manual that defines a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    /// Section 2 alone.
    Old,
    /// Sections 3 and 7, or 5 and 8: listener and token select one.
    Shared,
    /// Section 7 alone.
    Micro,
    /// Sections 6, 10 and 11, whose answers have the same shape on every listener.
    Common,
    /// Section 9.
    FaceApi,
}

/// Dialect of the manual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Section 2.
    Old,
    /// Sections 3 and 5.
    New,
    /// Sections 7 and 8.
    Micro,
    /// Sections 6, 10 and 11.
    Common,
    /// Section 9.
    FaceApi,
}

impl Dialect {
    pub fn shape(self, unit: TimeUnit) -> Shape {
        match self {
            Self::New => Shape::Plain,
            Self::Old | Self::Micro | Self::Common => Shape::WithResultCode,
            Self::FaceApi => Shape::FaceApi(unit),
        }
    }
}

/// Names of a call in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogName {
    pub method: &'static str,
    pub label: &'static str,
}

/// Kind of picture link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ImageLink {
    /// `/face/getimage?app_id=..&app_secret=..&groupId=..&faceId=..` (3.5, 7.8).
    Face,
    /// `/group1/default/<yyyymmdd>/<HH>/<mm>/<n>/<epochMillis>` (7.4, 7.5, 7.11): the normalised path.
    Moment(String),
    /// `/person/<yyyymmdd>/<id>.png` (2.2, 3.2): the normalised path.
    File(String),
}

/// Target of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Route {
    Operation(&'static Entry),
    Image(ImageLink),
    /// Page or asset of the console.
    Page(Page),
    /// Token exchange of the face-api SDKs.
    TokenExchange,
    /// No target; holds the dialect of the error answer.
    Unknown(Dialect),
}

/// Operation with its path, section and permissions.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Path as the manual spells it.
    pub path: &'static str,
    pub operation: Operation,
    pub section: Section,
    /// Permission that the call requires; `None` if it requires more than a grant, or none.
    pub area: Option<Area>,
    /// Log names; `None` if the call is not logged.
    pub log: Option<LogName>,
}

const fn entry(
    path: &'static str,
    operation: Operation,
    section: Section,
    area: Option<Area>,
    log: Option<(&'static str, &'static str)>,
) -> Entry {
    let log = match log {
        Some((method, label)) => Some(LogName { method, label }),
        None => None,
    };
    Entry { path, operation, section, area, log }
}

/// Returns the operation of a call of section 9 on an object.
const fn on_fields(call: FieldsCall) -> Operation {
    Operation::FaceApi(FaceApiCall::Fields(call))
}

/// Returns the operation of a call of section 9 on an array of objects.
const fn on_pictures(call: PicturesCall) -> Operation {
    Operation::FaceApi(FaceApiCall::Pictures(call))
}

const ENROL: Option<(&str, &str)> = Some(("faceEntry", "人脸录入"));
const RECOGNISE: Option<(&str, &str)> = Some(("faceRecognition", "人脸识别"));
const COMPARE: Option<(&str, &str)> = Some(("personWitnessRatio", "人证对比"));
const FACE_ADD: Option<(&str, &str)> = Some(("faceApiFaceAdd", "face/add"));
const FACE_UPDATE: Option<(&str, &str)> = Some(("faceApiFaceUpdate", "face/update"));
const FACE_LIST: Option<(&str, &str)> = Some(("faceApiFaceList", "face/list"));
const FACE_DELETE: Option<(&str, &str)> = Some(("faceApiFaceDelete", "face/delete"));
const FACE_DETECT: Option<(&str, &str)> = Some(("faceApiFaceDetect", "face/detect"));
const FACE_MATCH: Option<(&str, &str)> = Some(("faceApiFaceMatch", "face/match"));
const FACE_IDENTIFY: Option<(&str, &str)> = Some(("faceApiFaceIdentify", "face/identify"));
const FACE_MIDENTIFY: Option<(&str, &str)> = Some(("faceApiFaceMidentify", "face/midentify"));
const FACE_LIVENESS: Option<(&str, &str)> = Some(("faceApiFaceLiveness", "face/liveness"));
const GROUP_ADD: Option<(&str, &str)> = Some(("faceApiGroupAdd", "创建用户组"));
const GROUP_DELETE: Option<(&str, &str)> = Some(("faceApiGroupDelete", "删除用户组"));
const GROUP_LIST: Option<(&str, &str)> = Some(("faceApiGroupList", "组列表"));
const USER_COPY: Option<(&str, &str)> = Some(("faceApiUserCopy", "复制用户"));
const USER_GET: Option<(&str, &str)> = Some(("faceApiUserGet", "获取用户信息"));
const USER_LIST: Option<(&str, &str)> = Some(("faceApiUserList", "用户列表"));
const USER_DELETE: Option<(&str, &str)> = Some(("faceApiUserDelete", "user/delete"));

const GROUPS: Option<Area> = Some(Area::Groups);
const FACES: Option<Area> = Some(Area::Faces);

use FieldsCall as Api;
use Operation::{Face, Grant, Outbox, Statistics, User};
use Section::{Common, FaceApi as Nine, Micro, Old, Shared};

static ENTRIES: &[Entry] = &[
    entry("/interactiveability/face/faceentry", Face(FaceCall::Enrol), Old, Some(Area::People), ENROL),
    entry(
        "/interactiveability/face/FaceRecognition",
        Face(FaceCall::Recognise),
        Old,
        Some(Area::Recognition),
        RECOGNISE,
    ),
    entry("/interactiveability/face/personwitnessratio", Face(FaceCall::Compare), Old, Some(Area::Compare), COMPARE),
    entry("/aicp/face/add", Face(FaceCall::Enrol), Shared, Some(Area::People), ENROL),
    entry("/aicp/face/recognition", Face(FaceCall::Recognise), Shared, Some(Area::Recognition), RECOGNISE),
    entry("/aicp/face/couple", Face(FaceCall::Compare), Shared, Some(Area::Compare), COMPARE),
    entry("/aicp/face/remove", Face(FaceCall::Remove), Shared, Some(Area::People), Some(("faceRemove", "人脸删除"))),
    entry("/aicp/face/query", Face(FaceCall::Query), Shared, Some(Area::People), Some(("faceQuery", "人脸查询"))),
    entry(
        "/aicp/face/quality",
        Face(FaceCall::Quality),
        Shared,
        Some(Area::Quality),
        Some(("imageQualityScores", "图片质量检测")),
    ),
    entry(
        "/aicp/face/addBase",
        Face(FaceCall::AddLibrary),
        Micro,
        Some(Area::Libraries),
        Some(("faceBaseAdd", "人脸底库添加")),
    ),
    entry(
        "/aicp/face/deleteBase",
        Face(FaceCall::DeleteLibrary),
        Micro,
        Some(Area::Libraries),
        Some(("faceBaseDelete", "人脸底库删除")),
    ),
    entry(
        "/aicp/face/queryBaseAll",
        Face(FaceCall::ListLibraries),
        Micro,
        Some(Area::Libraries),
        Some(("faceBaseQuery", "人脸底库查询")),
    ),
    entry("/aicp/face/detect", Face(FaceCall::Detect), Micro, Some(Area::Detect), Some(("faceDetect", "人脸检测"))),
    entry(
        "/aicp/face/recognitionmn",
        Face(FaceCall::RecogniseMany),
        Micro,
        Some(Area::Recognition),
        Some(("faceRecognitionMN", "人脸M:N")),
    ),
    entry("/method/call", Statistics(StatisticsCall::Totals), Shared, Some(Area::Statistics), None),
    entry("/method/call/getMethodCountByDay", Statistics(StatisticsCall::ByDay), Shared, Some(Area::Statistics), None),
    entry(
        "/method/call/getMethodCountByWeek",
        Statistics(StatisticsCall::ByWeek),
        Shared,
        Some(Area::Statistics),
        None,
    ),
    entry(
        "/method/call/getMethodCountByMonth",
        Statistics(StatisticsCall::ByMonth),
        Shared,
        Some(Area::Statistics),
        None,
    ),
    entry("/method/call/getChartByDay", Statistics(StatisticsCall::ChartByDay), Shared, Some(Area::Statistics), None),
    entry(
        "/method/call/getChartByMonth",
        Statistics(StatisticsCall::ChartByMonth),
        Shared,
        Some(Area::Statistics),
        None,
    ),
    entry("/method/call/all", Statistics(StatisticsCall::All), Shared, Some(Area::Statistics), None),
    entry("/authorize/grantAuthorize", Grant(GrantCall::Grant), Common, None, None),
    entry("/authorize/updateAuthorize", Grant(GrantCall::Extend), Common, None, None),
    entry("/authorize/deleteAuthorizedUser", Grant(GrantCall::Revoke), Common, None, None),
    entry("/user/register", User(UserCall::Register), Common, None, Some(("userRegister", "用户注册"))),
    entry("/user/facelogin.json", User(UserCall::FaceLogin), Common, None, Some(("faceLogin", "刷脸登录"))),
    entry("/user/facelogin", User(UserCall::FaceLogin), Common, None, Some(("faceLogin", "刷脸登录"))),
    entry("/user/login", User(UserCall::PasswordLogin), Common, None, Some(("passwordLogin", "密码登录"))),
    entry("/user/logout", User(UserCall::LogOut), Common, None, None),
    entry("/asynchrony/getall", Outbox(OutboxCall::List), Common, None, None),
    entry("/asynchrony/resumedata", Outbox(OutboxCall::Resume), Common, None, None),
    entry("/face-api/v3/group/add", on_fields(Api::GroupAdd), Nine, GROUPS, GROUP_ADD),
    entry("/face-api/v3/group/delete", on_fields(Api::GroupDelete), Nine, GROUPS, GROUP_DELETE),
    entry("/face-api/v3/group/list", on_fields(Api::GroupList), Nine, GROUPS, GROUP_LIST),
    entry(
        "/face-api/facehub/statapp",
        on_fields(Api::StatApp),
        Nine,
        GROUPS,
        Some(("faceApiStatApp", "查询人脸组数量")),
    ),
    entry(
        "/face-api/facehub/statgroup",
        on_fields(Api::StatGroup),
        Nine,
        GROUPS,
        Some(("faceApiStatGroup", "批量获取组统计信息")),
    ),
    entry("/face-api/v3/user/copy", on_fields(Api::UserCopy), Nine, GROUPS, USER_COPY),
    entry("/face-api/v3/user/get", on_fields(Api::UserGet), Nine, GROUPS, USER_GET),
    entry("/face-api/v3/user/list", on_fields(Api::UserList), Nine, GROUPS, USER_LIST),
    entry("/face-api/v3/user/delete", on_fields(Api::UserDelete), Nine, GROUPS, USER_DELETE),
    entry("/face-api/v3/app/list", on_fields(Api::AppList), Nine, FACES, Some(("faceApiAppList", "app/list"))),
    entry("/face-api/v3/face/add", on_fields(Api::FaceAdd), Nine, FACES, FACE_ADD),
    entry(
        "/face-api/v3/face/addNoDetect",
        on_fields(Api::FaceAddNoDetect),
        Nine,
        FACES,
        Some(("faceApiFaceAddNoDetect", "face/addNoDetect")),
    ),
    entry("/face-api/v3/face/update", on_fields(Api::FaceUpdate), Nine, FACES, FACE_UPDATE),
    entry("/face-api/v3/face/list", on_fields(Api::FaceList), Nine, FACES, FACE_LIST),
    entry("/face-api/v3/face/delete", on_fields(Api::FaceDelete), Nine, FACES, FACE_DELETE),
    entry("/face-api/v3/face/detect", on_fields(Api::FaceDetect), Nine, FACES, FACE_DETECT),
    entry("/face-api/v3/face/match", on_pictures(PicturesCall::FaceMatch), Nine, FACES, FACE_MATCH),
    entry("/face-api/v3/face/identify", on_fields(Api::FaceIdentify), Nine, FACES, FACE_IDENTIFY),
    entry("/face-api/v3/face/search", on_fields(Api::FaceIdentify), Nine, FACES, FACE_IDENTIFY),
    entry("/face-api/v3/face/midentify", on_fields(Api::FaceIdentifyMany), Nine, FACES, FACE_MIDENTIFY),
    entry("/face-api/v3/face/multi-search", on_fields(Api::FaceIdentifyMany), Nine, FACES, FACE_MIDENTIFY),
    entry("/face-api/v3/face/liveness", on_pictures(PicturesCall::FaceLiveness), Nine, FACES, FACE_LIVENESS),
    // The same calls under the paths of the public cloud's official SDKs.
    entry("/rest/2.0/face/v3/detect", on_fields(Api::FaceDetect), Nine, FACES, FACE_DETECT),
    entry("/rest/2.0/face/v3/search", on_fields(Api::FaceIdentify), Nine, FACES, FACE_IDENTIFY),
    entry("/rest/2.0/face/v3/multi-search", on_fields(Api::FaceIdentifyMany), Nine, FACES, FACE_MIDENTIFY),
    entry("/rest/2.0/face/v3/match", on_pictures(PicturesCall::FaceMatch), Nine, FACES, FACE_MATCH),
    entry("/rest/2.0/face/v3/faceverify", on_pictures(PicturesCall::FaceLiveness), Nine, FACES, FACE_LIVENESS),
    entry("/rest/2.0/face/v3/faceset/user/add", on_fields(Api::FaceAdd), Nine, FACES, FACE_ADD),
    entry("/rest/2.0/face/v3/faceset/user/update", on_fields(Api::FaceUpdate), Nine, FACES, FACE_UPDATE),
    entry("/rest/2.0/face/v3/faceset/user/get", on_fields(Api::UserGet), Nine, GROUPS, USER_GET),
    entry("/rest/2.0/face/v3/faceset/user/copy", on_fields(Api::UserCopy), Nine, GROUPS, USER_COPY),
    entry("/rest/2.0/face/v3/faceset/user/delete", on_fields(Api::UserDelete), Nine, GROUPS, USER_DELETE),
    entry("/rest/2.0/face/v3/faceset/face/getlist", on_fields(Api::FaceList), Nine, FACES, FACE_LIST),
    entry("/rest/2.0/face/v3/faceset/face/delete", on_fields(Api::FaceDelete), Nine, FACES, FACE_DELETE),
    entry("/rest/2.0/face/v3/faceset/group/getusers", on_fields(Api::UserList), Nine, GROUPS, USER_LIST),
    entry("/rest/2.0/face/v3/faceset/group/add", on_fields(Api::GroupAdd), Nine, GROUPS, GROUP_ADD),
    entry("/rest/2.0/face/v3/faceset/group/delete", on_fields(Api::GroupDelete), Nine, GROUPS, GROUP_DELETE),
    entry("/rest/2.0/face/v3/faceset/group/getlist", on_fields(Api::GroupList), Nine, GROUPS, GROUP_LIST),
];

/// Normalises a path: decodes percent-escapes, then strips trailing spaces and one trailing slash. `None` if it is not
/// UTF-8.
pub(super) fn normalise(raw: &str) -> Option<String> {
    let decoded = percent_decode_str(raw).decode_utf8().ok()?;
    let trimmed = decoded.trim_end_matches(' ');
    Some(trimmed.strip_suffix('/').unwrap_or(trimmed).to_owned())
}

/// Looks up a normalised path, first exactly, then ignoring case.
pub(super) fn find(path: &str) -> Route {
    let exact = ENTRIES.iter().find(|entry| entry.path == path);
    let found = exact.or_else(|| ENTRIES.iter().find(|entry| entry.path.eq_ignore_ascii_case(path)));
    if let Some(entry) = found {
        return Route::Operation(entry);
    }
    let lower = path.to_ascii_lowercase();
    if lower == "/face/getimage" {
        return Route::Image(ImageLink::Face);
    }
    if lower == "/oauth/2.0/token" {
        return Route::TokenExchange;
    }
    if lower.starts_with("/group1/default/") {
        return Route::Image(ImageLink::Moment(lower));
    }
    if lower.starts_with("/person/") {
        return Route::Image(ImageLink::File(lower));
    }
    if let Some(page) = Page::at(&lower) {
        return Route::Page(page);
    }
    Route::Unknown(match lower.split('/').nth(1).unwrap_or_default() {
        "aicp" | "interactiveability" | "method" | "authorize" | "user" | "asynchrony" => Dialect::Micro,
        "face-api" | "rest" => Dialect::FaceApi,
        _ => Dialect::New,
    })
}

/// Returns the dialect of an operation on a listener.
pub(super) fn dialect(section: Section, listener: Listener, headers: &HeaderMap) -> Dialect {
    match (section, listener) {
        (Old, _) => Dialect::Old,
        (Common, _) => Dialect::Common,
        (Nine, _) => Dialect::FaceApi,
        (Micro, _) | (Shared, Listener::Micro) => Dialect::Micro,
        (Shared, Listener::Legacy) => Dialect::New,
        (Shared, Listener::Auto) if headers.contains_key("token") => Dialect::Micro,
        (Shared, Listener::Auto) => Dialect::New,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(path: &str) -> Option<Operation> {
        match find(path) {
            Route::Operation(entry) => Some(entry.operation),
            _ => None,
        }
    }

    #[test]
    fn paths_are_trimmed_and_found_in_any_case() {
        for raw in [
            "/aicp/face/recognition%20",
            "/aicp/face/recognition/",
            "/AICP/Face/RECOGNITION",
            "/aicp/face/recogn%69tion",
        ] {
            let path = normalise(raw).expect("UTF-8");
            assert_eq!(operation(&path), Some(Face(FaceCall::Recognise)), "{raw}");
        }
        let curl = normalise("/InteractiveAbility/face/FaceEntry").expect("UTF-8");
        assert_eq!(operation(&curl), Some(Face(FaceCall::Enrol)));
    }

    #[test]
    fn paths_are_unique() {
        let mut paths: Vec<String> = ENTRIES.iter().map(|entry| entry.path.to_ascii_lowercase()).collect();
        paths.sort();
        assert!(paths.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn unknown_paths_keep_the_shape_of_their_family() {
        assert_eq!(find("/aicp/face/nothing"), Route::Unknown(Dialect::Micro));
        assert_eq!(find("/authorize/saveOrUpdateAuthorize"), Route::Unknown(Dialect::Micro));
        assert_eq!(find("/face-api/v3/nothing"), Route::Unknown(Dialect::FaceApi));
        assert_eq!(find("/nothing"), Route::Unknown(Dialect::New));
        assert_eq!(find(""), Route::Unknown(Dialect::New));
        assert_eq!(normalise("/%ff"), None);
    }
}
