//! Codes and messages of section 9 that the server answers (contract §7).

/// Code and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub u32, pub &'static str);

/// Message of code 0.
pub const SUCCESS: &str = "SUCCESS";

pub const NO_PERMISSION: Code = Code(6, "no permission to access data");
pub const DAILY_LIMIT: Code = Code(17, "Open api daily request limit reached");
pub const QPS_LIMIT: Code = Code(18, "Open api qps request limit reached");
pub const INVALID_PARAMETER: Code = Code(100, "Invalid parameter");
pub const INVALID_TOKEN: Code = Code(110, "Access token invalid or no longer valid");
pub const EXPIRED_TOKEN: Code = Code(111, "Access token expired");

/// Code of a missing parameter; the message names it.
pub const MISSING: u32 = 222_001;
pub const START: Code = Code(222_002, "param[start] format error");
pub const LENGTH: Code = Code(222_003, "param[length] format error");
pub const APP_ID_LIST: Code = Code(222_004, "param[op_app_id_list] format error");
pub const GROUP_ID_LIST: Code = Code(222_005, "param[group_id_list] format error");
pub const GROUP_ID: Code = Code(222_006, "group_id format error");
pub const USER_INFO: Code = Code(222_010, "user_info format error");
pub const OP_APP_ID: Code = Code(222_012, "param[op_app_id] format error");
pub const IMAGE: Code = Code(222_013, "param[image] format error");
pub const APP_ID: Code = Code(222_014, "param[app_id] format error");
pub const IMAGE_TYPE: Code = Code(222_015, "param[image_type] format error");
pub const MAX_FACES: Code = Code(222_016, "param[max_face_num] format error");
pub const FACE_FIELD: Code = Code(222_017, "param[face_field] format error");
pub const USER_ID: Code = Code(222_018, "param[user_id] format error");
pub const QUALITY_CONTROL: Code = Code(222_019, "param[quality_control] format error");
pub const LIVENESS_CONTROL: Code = Code(222_020, "param[liveness_control] format error");
pub const MAX_USERS: Code = Code(222_021, "param[max_user_num] format error");
pub const FACE_TYPE: Code = Code(222_024, "param[face_type] format error");
pub const FACE_TOKEN: Code = Code(222_025, "param[face_token] format error");

pub const NO_ENGINE: Code = Code(222_201, "network not available");
pub const NO_FACE: Code = Code(222_202, "pic not has face");
pub const BAD_IMAGE: Code = Code(222_203, "image check fail");
pub const ENGINE_REFUSED: Code = Code(222_206, "rtse service return fail");
pub const NO_MATCH: Code = Code(222_207, "match user is not found");
pub const WRONG_NUMBER_OF_IMAGES: Code = Code(222_208, "the number of image is incorrect");
pub const NO_SUCH_TOKEN: Code = Code(222_209, "face token not exist");
pub const NOT_ADDED: Code = Code(222_300, "add face fail");
pub const SYSTEM_ERROR: Code = Code(222_302, "system error");
pub const BUSY: Code = Code(222_901, "system busy");

pub const NO_GROUP: Code = Code(223_100, "group is not exist");
pub const GROUP_EXISTS: Code = Code(223_101, "group is already exist");
pub const USER_EXISTS: Code = Code(223_102, "user is already exist");
pub const NO_USER: Code = Code(223_103, "user is not exist");
pub const TOO_MANY_GROUPS: Code = Code(223_104, "group_list is too large");
pub const FACE_EXISTS: Code = Code(223_105, "face is already exist");
pub const NO_SUCH_FACE: Code = Code(223_106, "face is not exist");
pub const NO_TARGET_GROUP: Code = Code(223_111, "dst group is not exist");
pub const COVERED: Code = Code(223_113, "face is covered");
pub const LEFT_EYE_COVERED: Code = Code(223_121, "left eye is occlusion");
pub const MOUTH_COVERED: Code = Code(223_127, "mouth is occlusion");
pub const FUZZY: Code = Code(223_114, "face is fuzzy");
pub const BAD_LIGHT: Code = Code(223_115, "face light is not good");
pub const INCOMPLETE: Code = Code(223_116, "incomplete face");
pub const TOO_MANY_APPS: Code = Code(223_117, "app_list is too large");
pub const BAD_QUALITY: Code = Code(223_118, "quality control error");
pub const NOT_LIVE: Code = Code(223_120, "liveness check fail");

/// Returns code and message for a missing parameter.
pub fn missing(name: &str) -> (u32, String) {
    (MISSING, format!("param[{name}] is null"))
}
