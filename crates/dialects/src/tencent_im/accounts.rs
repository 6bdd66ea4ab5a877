//! Accounts.

use std::collections::HashSet;

use aicp_platform::NewAccount;
use serde::Serialize;

use super::Call;
use super::codes::ACCOUNT_NOT_EXIST;
use super::commands::Service;
use super::envelope::{Answer, Nothing, ok};
use super::failure::Failure;
use super::fields::Fields;

/// Maximum number of accounts in one call.
const MAX_ACCOUNTS: usize = 100;
/// Maximum bytes of a user id.
const MAX_USER_ID: usize = 32;
/// Maximum bytes of a nickname or an image URL.
const MAX_PROFILE_TEXT: usize = 500;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImportedOut {
    fail_accounts: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeletedOut {
    result_code: u32,
    result_info: &'static str,
    #[serde(rename = "UserID")]
    user_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckedOut {
    #[serde(rename = "UserID")]
    user_id: String,
    result_code: u32,
    result_info: &'static str,
    account_status: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ItemsOut<T> {
    result_item: Vec<T>,
}

impl Call<'_> {
    pub(super) async fn account_import(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        // Older clients name the field `Identifier`.
        let user_id = match fields.account("UserID")?.filter(|user_id| !user_id.is_empty()) {
            Some(user_id) => Some(user_id),
            None => fields.account("Identifier")?,
        };
        let user_id = user_id.filter(|user_id| is_user_id(user_id)).ok_or_else(|| fields.wrong_shape())?;
        let account = new_account(&fields, user_id)?;
        if !has_short_texts(&account) {
            return Err(Failure::of(Service::Login, 40601, "Err_Profile_Value_Too_Long"));
        }
        self.social().import_accounts(vec![account]).await.map_err(|e| self.failure(e))?;
        ok(self.command.service, &Nothing {})
    }

    pub(super) async fn multiaccount_import(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let mut accounts = Vec::new();
        if fields.list("AccountList")?.is_some() {
            for item in fields.objects("AccountList", MAX_ACCOUNTS)? {
                let item = item?;
                let user_id = item.account("UserID")?.ok_or_else(|| item.wrong_shape())?;
                accounts.push(new_account(&item, user_id)?);
            }
        } else {
            let names = fields.accounts("Accounts", MAX_ACCOUNTS)?.into_iter();
            accounts.extend(names.map(|user_id| NewAccount { user_id, nick: None, face_url: None }));
        }
        let is_good = |account: &NewAccount| is_user_id(&account.user_id) && has_short_texts(account);
        let (good, bad): (Vec<_>, Vec<_>) = accounts.into_iter().partition(is_good);
        self.social().import_accounts(good).await.map_err(|e| self.failure(e))?;
        let fail_accounts = bad.into_iter().map(|account| account.user_id).collect();
        ok(self.command.service, &ImportedOut { fail_accounts })
    }

    pub(super) async fn account_delete(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let names = user_ids(&fields, "DeleteItem")?;
        let is_admin = |name: &String| self.options.admins.contains(name);
        let others = names.iter().filter(|name| !is_admin(name)).cloned().collect();
        let deleted = self.social().delete_accounts(others).await.map_err(|e| self.failure(e))?;
        let out = |user_id: String| {
            let (result_code, result_info) = if is_admin(&user_id) {
                (70402, "Err_TLS_PT_Open_Login_Account_Is_Admin")
            } else if deleted.contains(&user_id) {
                (0, "")
            } else {
                (70107, ACCOUNT_NOT_EXIST)
            };
            DeletedOut { result_code, result_info, user_id }
        };
        ok(self.command.service, &ItemsOut { result_item: names.into_iter().map(out).collect() })
    }

    pub(super) async fn account_check(&self, fields: Fields<'_>) -> Result<Answer, Failure> {
        let names = user_ids(&fields, "CheckItem")?;
        let known: HashSet<String> = self.social().known_accounts(&names).await.map_err(|e| self.failure(e))?;
        let out = |user_id: String| {
            let account_status = if known.contains(&user_id) { "Imported" } else { "NotImported" };
            CheckedOut { user_id, result_code: 0, result_info: "", account_status }
        };
        ok(self.command.service, &ItemsOut { result_item: names.into_iter().map(out).collect() })
    }
}

fn user_ids(fields: &Fields<'_>, name: &str) -> Result<Vec<String>, Failure> {
    let ids = fields.objects(name, MAX_ACCOUNTS)?.map(|item| {
        let item = item?;
        Ok(item.account("UserID")?.ok_or_else(|| item.wrong_shape())?.to_owned())
    });
    ids.collect()
}

fn new_account(fields: &Fields<'_>, user_id: &str) -> Result<NewAccount, Failure> {
    Ok(NewAccount {
        user_id: user_id.to_owned(),
        nick: fields.text("Nick")?.map(str::to_owned),
        face_url: fields.text("FaceUrl")?.map(str::to_owned),
    })
}

/// Returns whether a text is valid as the user id of an account.
fn is_user_id(text: &str) -> bool {
    (1..=MAX_USER_ID).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn has_short_texts(account: &NewAccount) -> bool {
    [&account.nick, &account.face_url].into_iter().flatten().all(|text| text.len() <= MAX_PROFILE_TEXT)
}
