//! Codes and words of failures.

use std::borrow::Cow;

use aicp_platform::FriendError;

use super::usersig::UserSigError;

/// Words that the interface or its clients know; the others are ours.
pub(super) const HTTP_PARSE: &str = "HTTP parse Error";
pub(super) const TIMEOUT: &str = "service timeout or request format error,please check and try again";
pub(super) const SNS_DECODE: &str = "SNS_DECODE_ERR";
/// Code of `sns` for callers who are no admins; elsewhere it is 60010.
pub(super) const SNS_NOT_AN_ADMIN: u32 = 30004;
pub(super) const ACCOUNT_NOT_EXIST: &str = "Err_TLS_PT_Open_Login_Account_Not_Exist";

/// What went wrong before a command was begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GatewayError {
    /// No such address as the interface has, or none that can be called so.
    NotParsable,
    /// No such service or command.
    NoCommand,
    /// `sdkappid` is missing.
    NoSdkAppId,
    /// Nobody has this `sdkappid`.
    UnknownSdkAppId,
    /// `identifier` or `usersig` is missing.
    NoCaller,
    /// The UserSig lets nobody in.
    UserSig(UserSigError),
    /// The UserSig was not signed with the key, and too many before it weren't either.
    TooManyFailures,
    /// The caller is no admin of the app.
    NotAnAdmin,
    /// The app's grant has ended.
    GrantEnded,
    /// The app was not granted this.
    NotGranted,
    /// Too many calls of the command.
    CommandTooOften,
    /// Too many calls with the key.
    AppTooOften,
    /// The body is too large, or did not come.
    BodyNotRead,
    /// The body is no JSON.
    BodyNotParsable,
    /// A name of an account is no text.
    AccountNotAText,
}

impl GatewayError {
    /// The code and the words.
    pub fn told(self) -> (u32, Cow<'static, str>) {
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

/// Why nothing was done about one of several friends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemError {
    /// Something that is given about the friend can't be so.
    BadField,
    /// What the platform says.
    Friend(FriendError),
}

impl ItemError {
    /// The code and the reason, as it stands behind the name of the command in `ResultInfo`.
    pub fn told(self, title: &str) -> (u32, &'static str) {
        let Self::Friend(e) = self else { return (30001, "Invalid_Parameter") };
        match e {
            FriendError::NoAccount => (30003, "Account_Not_Exist"),
            FriendError::Oneself => (30001, "Add_Self"),
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
