//! Error codes and messages.

use std::borrow::Cow;

use aicp_platform::FriendError;

use super::usersig::UserSigError;

// Messages that the interface or its clients know; the others are ours.
pub(super) const HTTP_PARSE: &str = "HTTP parse Error";
pub(super) const TIMEOUT: &str = "service timeout or request format error,please check and try again";
pub(super) const SNS_DECODE: &str = "SNS_DECODE_ERR";
/// Code of `sns` for callers who are not admins; elsewhere it is 60010.
pub(super) const SNS_NOT_AN_ADMIN: u32 = 30004;
pub(super) const ACCOUNT_NOT_EXIST: &str = "Err_TLS_PT_Open_Login_Account_Not_Exist";

/// Failure before a command was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GatewayError {
    /// The path or method is not one of the interface.
    NotParsable,
    /// The service or command does not exist.
    NoCommand,
    /// `sdkappid` is missing.
    NoSdkAppId,
    /// `sdkappid` is unknown.
    UnknownSdkAppId,
    /// `identifier` or `usersig` is missing.
    NoCaller,
    /// The UserSig is not valid.
    UserSig(UserSigError),
    /// The signature of the UserSig is wrong, and so were too many before it.
    TooManyFailures,
    /// The caller is not an admin of the app.
    NotAnAdmin,
    /// The app's grant has ended.
    GrantEnded,
    /// The app was not granted the capability.
    NotGranted,
    /// The rate limit of the command is reached.
    CommandTooOften,
    /// The rate limit or daily quota of the key is reached.
    AppTooOften,
    /// The body is too large, or broke off.
    BodyNotRead,
    /// The body is not JSON.
    BodyNotParsable,
    /// An account name is not a string.
    AccountNotAText,
}

impl GatewayError {
    /// Returns the code and the message.
    pub fn code_and_message(self) -> (u32, Cow<'static, str>) {
        let (code, words) = match self {
            Self::NotParsable => (60002, HTTP_PARSE),
            Self::NoCommand => (60009, "no such service or command, check the URL"),
            Self::NoSdkAppId => (60012, "sdkappid is missing"),
            Self::UnknownSdkAppId => (60006, "sdkappid is unknown"),
            Self::NoCaller => (60004, "identifier or usersig is missing"),
            Self::UserSig(e) => return (code_of_usersig(e), e.to_string().into()),
            Self::TooManyFailures => (70050, "too many failed verifications, retry after 1 minute"),
            Self::NotAnAdmin => (60010, "the caller must be an admin of the app"),
            Self::GrantEnded => (60016, "the app's grant has ended"),
            Self::NotGranted => (60017, "the app was not granted this"),
            Self::CommandTooOften => (60007, "too many calls of this command"),
            Self::AppTooOften => (60011, "too many calls of this app"),
            Self::BodyNotRead => (60008, TIMEOUT),
            Self::BodyNotParsable => (60003, "JSON parse Error"),
            Self::AccountNotAText => (60015, "an account must be a string"),
        };
        (code, words.into())
    }
}

fn code_of_usersig(e: UserSigError) -> u32 {
    match e {
        UserSigError::Empty => 70002,
        UserSigError::Undecodable => 70003,
        UserSigError::OtherApp => 70014,
        UserSigError::OtherUser => 70013,
        UserSigError::KeyRevoked => 70016,
        UserSigError::AppGone => 70020,
        UserSigError::WrongSignature => 70009,
        UserSigError::Expired => 70001,
    }
}

/// Failure of one of the friends that a command names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemError {
    /// A field of the friend is not valid.
    BadField,
    /// Failure reported by the platform.
    Friend(FriendError),
}

impl ItemError {
    /// Returns the code and the reason, which follows the command's title in `ResultInfo`.
    pub fn code_and_message(self, title: &str) -> (u32, &'static str) {
        let Self::Friend(e) = self else { return (30001, "Invalid_Parameter") };
        match e {
            FriendError::NoAccount => (30003, "Account_Not_Exist"),
            FriendError::SameAccount => (30001, "Add_Self"),
            FriendError::NotAFriend => match title {
                "GroupAdd" => (32216, "ToTinyId_Not_Friend"),
                "FriendDelete" => (31704, "Not_Friend"),
                _ => (30001, "Friend_Not_Exist"),
            },
            FriendError::AlreadyFriends => (30001, "Friend_Exist"),
            FriendError::TooManyFriends => (30010, "My_Friend_Num_Exceed_Threshold"),
            FriendError::OtherHasTooManyFriends => (30014, "Peer_Friend_Num_Exceed_Threshold"),
            FriendError::TooManyGroups => (30011, "Group_Num_Exceed_Threshold"),
            FriendError::TooManyValues => (30001, "Custom_Item_Num_Exceed_Threshold"),
            FriendError::TooManyRequests => (30012, "Pendency_Num_Exceed_Threshold"),
            FriendError::Asked => (30539, "Friend_Allow_Type_Need_Confirm"),
            FriendError::Refused => (30516, "Friend_Allow_Type_Forbid"),
        }
    }
}
