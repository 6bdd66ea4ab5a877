//! Settings of the Tencent IM dialect.

use std::num::NonZeroU32;

use aicp_platform::FriendRequests;
use aicp_settings::settings;
use serde::{Deserialize, Serialize};

settings! {
    /// Friends, friend groups and accounts of Tencent IM.
    pub struct Settings {
        /// Calls per second for each app and command. `multiaccount_import`, `account_delete` and `account_check` get
        /// half of it.
        calls_per_second: NonZeroU32 = NonZeroU32::MIN.saturating_add(199),
        /// User ids that may call on behalf of their app.
        admins: Vec<String> = vec!["administrator".to_owned(), "admin".to_owned()],
        /// Whether `group_get` lists all groups even if the caller's sequence is the current one.
        always_full_list: bool = false,
        /// Effect of a `friend_add` that is not forced: `AllowAny`, `NeedConfirm` or `DenyAny`.
        #[applies(at_once)]
        allow_type: AllowType = AllowType::AllowAny,
    }
}

/// Handling of friend requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllowType {
    /// The request is accepted.
    AllowAny,
    /// The request is stored until the account accepts it.
    NeedConfirm,
    /// The request is refused.
    DenyAny,
}

impl From<AllowType> for FriendRequests {
    fn from(allow_type: AllowType) -> Self {
        match allow_type {
            AllowType::AllowAny => Self::Granted,
            AllowType::NeedConfirm => Self::Kept,
            AllowType::DenyAny => Self::Refused,
        }
    }
}
