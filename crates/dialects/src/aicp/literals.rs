//! Messages: those of the manual verbatim, and ours where the manual has none.

/// Success, except the enrolments of sections 2 and 3.
pub const OK: &str = "系统处理正常";
/// Successful enrolment of sections 2 and 3.
pub const ENROLLED: &str = "人脸录入成功";
/// Undecodable picture or no face, in calls that compute a template (2.1 3.1 3.6 7.4 7.9 7.10 7.11). The misspelling is
/// the manual's.
pub const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
/// Unusable picture, in calls that compare faces (2.2 2.3 3.2 3.3 7.5 7.6).
pub const UNUSABLE_PICTURE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";
/// Any failure of 7.1 to 7.3, or a server error in sections 2, 3 and 7.
pub const SERVER_ERROR: &str = "服务端报错";
/// Query of an unknown person (3.5 7.8).
pub const NOT_FOUND_PERSON: &str = "查询人脸错误,错误信息[record not found]";
/// Picture over the size limit.
pub const PICTURE_TOO_LARGE: &str = "图片大小超过2M";

/// HTTP 404.
pub const NO_SUCH_PATH: &str = "接口不存在";
/// HTTP 405.
pub const WRONG_METHOD: &str = "请求方法不支持";
/// HTTP 413.
pub const BODY_TOO_LARGE: &str = "请求体过大";
/// HTTP 415.
pub const WRONG_CONTENT_TYPE: &str = "请求类型不支持";
/// HTTP 400.
pub const MALFORMED: &str = "请求格式错误";
/// HTTP 401 without a token.
pub const NO_TOKEN: &str = "token不能为空";
/// HTTP 401 with an unknown token.
pub const UNKNOWN_TOKEN: &str = "token无效";
/// HTTP 401 with the token of an expired grant.
pub const EXPIRED_TOKEN: &str = "授权已过期";
/// HTTP 403.
pub const NOT_GRANTED: &str = "未授权该能力";
/// HTTP 429.
pub const TOO_MANY_ATTEMPTS: &str = "尝试过于频繁";
/// HTTP 429 when the app's limit per second is reached.
pub const TOO_MANY_CALLS: &str = "调用过于频繁";
/// HTTP 429 when the app's limit per day is reached.
pub const TOO_MANY_CALLS_TODAY: &str = "今日调用次数已达上限";
/// Any failure of 5.x, 8.x and 6.2; the exclamation mark is ASCII.
pub const RUNTIME_ERROR: &str = "运行时出错!";
/// 6.1 for an app that already has a grant.
pub const APP_EXISTS: &str = "当前授权用户已存在";
/// 6.3 for an app that has no grant.
pub const NO_APP: &str = "该用户不存在";
/// 10.1 for a name that is taken.
pub const USER_EXISTS: &str = "用户名已存在";
/// 10.1 with registration disabled.
pub const NO_REGISTRATION: &str = "未开放用户注册";
/// 10.1 with registration reserved for the administrator.
pub const REGISTRATION_OF_ADMIN: &str = "用户注册需要管理员token";
/// 10.1 when the user limit is reached.
pub const TOO_MANY_USERS: &str = "用户数已达上限";
/// Any failed login of 10.2.
pub const NOT_RECOGNISED: &str = "人脸识别未通过";
/// Any failed password login.
pub const WRONG_PASSWORD: &str = "用户名或密码错误";
/// Success of 11.2.
pub const RESUMED: &str = "异常数据恢复成功";
/// Any failure of 11.2.
pub const NOT_RESUMED: &str = "异常数据恢复失败";
/// Category of calls in the log; the engine follows in parentheses.
pub const CATEGORY: &str = "人脸识别";
/// HTTP 404 for a picture link.
pub const NO_SUCH_PICTURE: &str = "图片不存在";

/// Removal of an unknown person (3.4 7.7).
pub fn not_removed(group_id: &str, user_id: &str) -> String {
    format!("人脸库[{group_id}]删除人脸[{user_id}]错误,错误信息[人脸不存在]")
}

/// Unknown library (2.1 2.2 3.1 3.2 7.4 7.5 7.11).
pub fn no_library(group_id: &str) -> String {
    format!("人脸库[{group_id}]不存在")
}

/// Missing or blank required field.
pub fn blank(field: &str) -> String {
    format!("{field}不能为空")
}

/// Field of the wrong type or with an invalid value.
pub fn wrong_format(field: &str) -> String {
    format!("{field}格式错误")
}

/// Name of a sex (性别).
pub fn sex_name(sex: i64) -> Option<&'static str> {
    match sex {
        1 => Some("男"),
        2 => Some("女"),
        _ => None,
    }
}

/// Name of a person category (人员类别).
pub fn kind_name(kind: i64) -> Option<&'static str> {
    match kind {
        1 => Some("运营商"),
        2 => Some("客户"),
        3 => Some("内部人员"),
        4 => Some("陌生人"),
        _ => None,
    }
}
