//! The commands of the interface.

/// Service that a command belongs to. Each service has its own codes for failures of whole commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Friends and friend groups.
    Sns,
    /// Accounts.
    Login,
}

/// Operation of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    GroupGet,
    GroupAdd,
    GroupDelete,
    FriendAdd,
    FriendImport,
    FriendUpdate,
    FriendDelete,
    FriendDeleteAll,
    FriendCheck,
    FriendGet,
    FriendGetList,
    AccountImport,
    MultiAccountImport,
    AccountDelete,
    AccountCheck,
}

/// Table entry of a command.
#[derive(Debug)]
pub(super) struct Command {
    pub action: Action,
    pub service: Service,
    /// URL path.
    pub path: &'static str,
    /// Last segment of the path.
    pub name: &'static str,
    /// Name in error messages.
    pub title: &'static str,
    /// Name in the call log.
    pub label: &'static str,
    /// Whether the rate limit is half of the usual one.
    pub is_half_rate: bool,
}

/// Builds a command of [`Service::Sns`].
const fn sns(action: Action, path: &'static str, title: &'static str, label: &'static str) -> Command {
    Command { action, service: Service::Sns, path, name: after(path, "/v4/sns/"), title, label, is_half_rate: false }
}

/// Builds a command of [`Service::Login`].
const fn login(action: Action, path: &'static str, title: &'static str, label: &'static str) -> Command {
    let name = after(path, "/v4/im_open_login_svc/");
    let is_half_rate = !matches!(action, Action::AccountImport);
    Command { action, service: Service::Login, path, name, title, label, is_half_rate }
}

const fn after(path: &'static str, start: &str) -> &'static str {
    path.split_at(start.len()).1
}

static COMMANDS: [Command; 15] = [
    sns(Action::GroupGet, "/v4/sns/group_get", "GroupGet", "拉取分组"),
    sns(Action::GroupAdd, "/v4/sns/group_add", "GroupAdd", "添加分组"),
    sns(Action::GroupDelete, "/v4/sns/group_delete", "GroupDelete", "删除分组"),
    sns(Action::FriendAdd, "/v4/sns/friend_add", "FriendAdd", "添加好友"),
    sns(Action::FriendImport, "/v4/sns/friend_import", "FriendImport", "导入好友"),
    sns(Action::FriendUpdate, "/v4/sns/friend_update", "FriendUpdate", "更新好友"),
    sns(Action::FriendDelete, "/v4/sns/friend_delete", "FriendDelete", "删除好友"),
    sns(Action::FriendDeleteAll, "/v4/sns/friend_delete_all", "FriendDeleteAll", "删除所有好友"),
    sns(Action::FriendCheck, "/v4/sns/friend_check", "FriendCheck", "校验好友"),
    sns(Action::FriendGet, "/v4/sns/friend_get", "FriendGet", "拉取好友"),
    sns(Action::FriendGetList, "/v4/sns/friend_get_list", "FriendGetList", "拉取指定好友"),
    login(Action::AccountImport, "/v4/im_open_login_svc/account_import", "Account_Import", "导入账号"),
    login(
        Action::MultiAccountImport,
        "/v4/im_open_login_svc/multiaccount_import",
        "Multi_Account_Import",
        "批量导入账号",
    ),
    login(Action::AccountDelete, "/v4/im_open_login_svc/account_delete", "Account_Delete", "删除账号"),
    login(Action::AccountCheck, "/v4/im_open_login_svc/account_check", "Account_Check", "查询账号"),
];

/// Returns the command at a path.
pub(super) fn find(path: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.path == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_at_its_address_alone() {
        for command in &COMMANDS {
            let found = find(command.path).expect("it is there");
            assert_eq!(found.action, command.action);
            let service = if command.service == Service::Sns { "sns" } else { "im_open_login_svc" };
            assert_eq!(command.path, format!("/v4/{service}/{}", command.name));
        }
        for path in ["/v4/sns/Group_get", "/v4/im_open_login_svc/group_get", "/v4/sns/group_get/", "/v5/sns/group_get"]
        {
            assert!(find(path).is_none(), "{path}");
        }
    }
}
