//! The vendor's codes and messages, verbatim, and which error gets which of them.

use aicp_platform::{BadInput, Error, Existing, Limit, Missing, Refusal};
use axum::http::StatusCode;

use super::failure::Failure;
use super::pictures::PictureError;
use super::routes::{Api, Entry, Family};
use aicp_requests::trouble;

/// Error reported by the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct System(pub u32, pub &'static str);

pub(super) const OK: System = System(10000, "查询成功");
pub(super) const UNKNOWN_KEY: System = System(10001, "错误的请求appkey");
pub(super) const NO_KEY: System = System(10004, "URL上appkey参数不能为空");
pub(super) const BUSY: System = System(10020, "系统繁忙，请稍后再试");
pub(super) const DAILY_QUOTA_EXCEEDED: System = System(10040, "超过每天限量，请明天继续");
pub(super) const NO_TIME: System = System(10041, "URL上timestamp参数不能为空");
pub(super) const NO_SIGN: System = System(10042, "URL上sign参数不能为空");
pub(super) const TOO_FAST: System = System(10043, "超过QPS限额，请降低调用频率或与京东智联云联系");
pub(super) const OTHER_TIME: System = System(10045, "timestamp参数无效，请检查timestamp距离当前时间是否超过5分钟");
pub(super) const BAD_TIME: System = System(10046, "timestamp参数格式错误");
pub(super) const WRONG_SIGN: System = System(10047, "请求签名sign无效，请检查签名信息");
pub(super) const NOT_GRANTED: System = System(10048, "无接口权限，请下单购买");
pub(super) const DISABLED: System = System(10050, "用户已被禁用");
pub(super) const BROKEN: System = System(11010, "发布方接口调用异常，请稍后再试");

/// Error reported by the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault(pub i32, pub &'static str);

// Errors of face search, also used by the other calls of 2019 where these have none of their own.
pub(super) const NO_NUMBER: Fault = Fault(400, "start and length must be int");
pub(super) const MISSING_PARAM: Fault = Fault(12002, "missing param");
pub(super) const NO_GROUP_TO_DELETE: Fault = Fault(12002, "groupId, groupName is null");
pub(super) const NO_GROUP_OR_OUTER_ID: Fault = Fault(12002, "groupId, groupName is null, or outerId is null");
pub(super) const NO_GROUP_TO_SEARCH: Fault = Fault(12002, "groupId or groupName is null");
pub(super) const BAD_RANGE: Fault = Fault(12003, "start must be number [0 ~ 100], length must be number [1 ~ 5]");
pub(super) const BAD_GROUP_NAME: Fault = Fault(12003, "groupName must consists of only letters and numbers");
pub(super) const BAD_IMAGE: Fault = Fault(12003, "image base64 is invalid");
pub(super) const BAD_IMAGE_QUALITY: Fault = Fault(13111, "image quality is bad");
/// The misspelling is the vendor's.
pub(super) const BAD_POSTURE: Fault = Fault(13112, "face quality is not stardard");
pub(super) const NO_FACE: Fault = Fault(13134, "face not found");
pub(super) const TIMED_OUT: Fault = Fault(13303, "time out");
pub(super) const NO_GROUP: Fault = Fault(13312, "groupId not found");
pub(super) const GROUP_EXISTS: Fault = Fault(13315, "groupName has existed");
pub(super) const NO_OUTER_ID: Fault = Fault(13320, "outerId not found");
pub(super) const OUTER_ID_EXISTS: Fault = Fault(13321, "outerId has exists");
pub(super) const TOO_MANY_GROUPS: Fault = Fault(13327, "group num exceed limit");
pub(super) const TOO_MANY_FACES: Fault = Fault(13329, "face num exceed limit");

// Errors of the other calls of 2019.
pub(super) const MISSING: Fault = Fault(12002, "参数缺失");
pub(super) const UNREADABLE: Fault = Fault(12003, "解析参数错误");
pub(super) const IMAGE_TOO_LARGE: Fault = Fault(13005, "图像超过尺寸");
pub(super) const NO_FACE_SEEN: Fault = Fault(13134, "未检测到脸");
pub(super) const TOOK_TOO_LONG: Fault = Fault(13303, "处理超时");

// Results of the `V1` calls.
/// Success.
pub(super) const ACCEPTED: Fault = Fault(0, "Accept");
pub(super) const V1_MISSING: Fault = Fault(1, "NoRequiredFields");
pub(super) const V1_TOO_SMALL: Fault = Fault(2, "ImageIsTooSmall");
pub(super) const V1_TOO_LARGE: Fault = Fault(3, "ImageIsTooLarge");
pub(super) const V1_BAD_BASE64: Fault = Fault(4, "Base64IsInvalid");
pub(super) const V1_BASE64_TOO_LARGE: Fault = Fault(5, "Base64IsTooLarge");
pub(super) const V1_BAD_TYPE: Fault = Fault(9, "ParamTypeIsInvalid");
pub(super) const V1_NO_FACE: Fault = Fault(10, "NoFaceDetected");
pub(super) const V1_BAD_QUALITY: Fault = Fault(11, "InvalidFaceQuality");
pub(super) const V1_BAD_POSTURE: Fault = Fault(12, "InvalidFacePosture");
pub(super) const V1_NO_JSON: Fault = Fault(31, "RequestBodyIsNotJson");
pub(super) const V1_TIMED_OUT: Fault = Fault(41, "TimeoutException");

/// Error before any call starts, reported by the HTTP status and a body of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gateway {
    pub status: StatusCode,
    pub name: &'static str,
    pub message: &'static str,
}

impl Gateway {
    pub const BROKEN_BODY: Self = Self {
        status: StatusCode::BAD_REQUEST,
        name: "HTTP_BAD_REQUEST",
        message: "the request blocked by security rules",
    };
    pub const REPEATED: Self =
        Self { status: StatusCode::FORBIDDEN, name: "APIGW_NONCE_CONFLICT", message: "重复访问" };
    pub const NOT_FOUND: Self = Self {
        status: StatusCode::NOT_FOUND,
        name: "NOT_FOUND",
        message: "no route and no API found with those values",
    };
    pub const BODY_TOO_LARGE: Self = Self {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        name: "HTTP_REQUEST_ENTITY_TOO_LARGE",
        message: "Payload too large",
    };
    pub const ADDRESS_TOO_LONG: Self =
        Self { status: StatusCode::URI_TOO_LONG, name: "HTTP_URI_TOO_LONG", message: "URI too long" };
    pub const FAILED: Self = Self {
        status: StatusCode::INTERNAL_SERVER_ERROR,
        name: "HTTP_INTERNAL_SERVER_ERROR",
        message: "internal server error",
    };

    /// Returns the error for a request that can't be authenticated.
    pub fn denied(message: &'static str) -> Self {
        Self { status: StatusCode::UNAUTHORIZED, name: "ACCESS_ERROR", message }
    }
}

/// Returns the error of a call that failed in the platform.
pub(super) fn of_error(entry: &Entry, e: Error) -> Failure {
    let Entry { api, family, .. } = *entry;
    let fault = match e {
        Error::Missing(Missing::Library) => NO_GROUP,
        Error::Exists(Existing::Library) => GROUP_EXISTS,
        Error::BadInput(BadInput::LibraryId) => BAD_GROUP_NAME,
        Error::Full(Limit::Libraries) => TOO_MANY_GROUPS,
        Error::Missing(Missing::Person) => NO_OUTER_ID,
        Error::Exists(Existing::Person) => OUTER_ID_EXISTS,
        Error::Full(Limit::People | Limit::Faces) => TOO_MANY_FACES,
        Error::Refused(Refusal::NoFace) => match (family, api) {
            (Family::V1, _) => V1_NO_FACE,
            (Family::Search, _) | (_, Api::AntiSpoof) => NO_FACE,
            (Family::Plain, _) => NO_FACE_SEEN,
        },
        // The head pose is checked before, so only the quality is at fault.
        Error::Refused(Refusal::NotRecognisable(_) | Refusal::TooTight) => match family {
            Family::V1 => V1_BAD_QUALITY,
            Family::Search | Family::Plain => BAD_IMAGE_QUALITY,
        },
        Error::BadInput(BadInput::Picture(_)) => of_picture(entry, PictureError::NoPicture),
        Error::BadInput(BadInput::PersonKey { .. }) => NO_GROUP_OR_OUTER_ID,
        Error::Refused(Refusal::Forbidden) => return NOT_GRANTED.into(),
        Error::Busy => return BUSY.into(),
        Error::Missing(_)
        | Error::Exists(_)
        | Error::Full(_)
        | Error::Refused(_)
        | Error::BadInput(_)
        | Error::Unavailable(_)
        | Error::Internal(_) => {
            trouble::log(&e);
            return BROKEN.into();
        }
    };
    fault.into()
}

/// Returns the error of a call for a rejected picture.
pub(super) fn of_picture(entry: &Entry, e: PictureError) -> Fault {
    use PictureError::{Missing, NoBase64, NoPicture, TooLarge, TooLong, TooSmall};
    let Entry { api, family, .. } = *entry;
    match (family, e) {
        (Family::V1, Missing) => V1_MISSING,
        (Family::V1, NoBase64 | NoPicture) => V1_BAD_BASE64,
        (Family::V1, TooLong) => V1_BASE64_TOO_LARGE,
        (Family::V1, TooSmall) => V1_TOO_SMALL,
        (Family::V1, TooLarge) => V1_TOO_LARGE,
        // The call's message about missing parameters names other ones.
        (Family::Search, Missing) if api == Api::FaceCreate => BAD_IMAGE,
        (Family::Search, Missing) => MISSING_PARAM,
        (Family::Plain, Missing) if api == Api::AntiSpoof => MISSING_PARAM,
        (Family::Plain, Missing) => MISSING,
        (Family::Plain, NoBase64 | NoPicture) if api != Api::AntiSpoof => UNREADABLE,
        (Family::Plain, TooLong | TooLarge) if api != Api::AntiSpoof => IMAGE_TOO_LARGE,
        (_, NoBase64 | NoPicture) => BAD_IMAGE,
        (_, TooLong | TooSmall | TooLarge) => BAD_IMAGE_QUALITY,
    }
}

/// Returns the error for a body without the call's format.
pub(super) fn of_unreadable_body(family: Family) -> Fault {
    match family {
        Family::Search | Family::Plain => UNREADABLE,
        Family::V1 => V1_NO_JSON,
    }
}

/// Returns the error for an invalid parameter.
pub(super) fn of_unreadable_param(family: Family) -> Fault {
    match family {
        Family::Search | Family::Plain => UNREADABLE,
        Family::V1 => V1_MISSING,
    }
}

/// Returns the error of a call whose analysis took too long.
pub(super) fn of_timeout(entry: &Entry) -> Fault {
    match (entry.family, entry.api) {
        (Family::V1, _) => V1_TIMED_OUT,
        (Family::Search, _) | (_, Api::AntiSpoof) => TIMED_OUT,
        (Family::Plain, _) => TOOK_TOO_LONG,
    }
}

/// Returns the error for a head pose that is not frontal.
pub(super) fn of_posture(family: Family) -> Fault {
    match family {
        Family::Search | Family::Plain => BAD_POSTURE,
        Family::V1 => V1_BAD_POSTURE,
    }
}
