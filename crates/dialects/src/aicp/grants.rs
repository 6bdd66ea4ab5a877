//! Section 6: grants of capabilities to apps.

use aicp_platform::{BadInput, Error, Existing, Missing};
use aicp_types::UnixMillis;
use serde::Serialize;

use super::call::{Call, our_failure};
use super::envelope::Answer;
use super::failure::Failure;
use super::fields::Fields;
use super::routes::GrantCall;
use super::{literals, times};
use crate::shanghai;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Granted {
    app_id: String,
    due_time: String,
    token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Extended {
    exist_authorize: String,
    add_authorize: String,
    app_id: String,
    token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Revoked {
    app_id: String,
}

/// Fields of 6.1 and 6.2.
struct Request {
    app_id: String,
    due_time: String,
    due_at: UnixMillis,
    capabilities: Vec<String>,
}

impl Request {
    fn read(fields: &Fields<'_>) -> Result<Self, Failure> {
        let app_id = fields.required_text(&["appId"])?;
        let due_time = fields.required_text(&["dueTime"])?.trim().to_owned();
        let capabilities = capabilities(fields.texts(&["capabilityIdArray"])?);
        if capabilities.is_empty() {
            return Err(Failure::message(literals::blank("capabilityIdArray")));
        }
        let due_at = times::date_time(&due_time).and_then(shanghai::moment);
        let due_at = due_at.ok_or_else(|| Failure::message(literals::RUNTIME_ERROR))?;
        Ok(Self { app_id, due_time, due_at, capabilities })
    }
}

/// Splits each item at commas and returns the distinct ids in the order of the request.
fn capabilities(items: Vec<String>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in items.iter().flat_map(|item| item.split(',')).map(str::trim).filter(|id| !id.is_empty()) {
        if !ids.iter().any(|known| known == id) {
            ids.push(id.to_owned());
        }
    }
    ids
}

/// Formats a list like Java's `List.toString`.
fn java_list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

impl Call<'_> {
    pub async fn grants(&self, call: GrantCall, fields: Fields<'_>) -> Result<Answer, Failure> {
        match call {
            GrantCall::Grant => self.grant(&fields).await,
            // 6.2 has one message for every failure after authentication.
            GrantCall::Extend => {
                self.extend(&fields).await.map_err(|failure| failure.with_message(literals::RUNTIME_ERROR))
            }
            GrantCall::Revoke => self.revoke(&fields).await,
        }
    }

    /// 6.1.
    async fn grant(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let Request { app_id, due_time, due_at, capabilities } = Request::read(fields)?;
        let token = self.platform.grant(self.caller, &app_id, due_at, capabilities).await.map_err(|e| match e {
            Error::Exists(Existing::App) => Failure::spring(literals::APP_EXISTS, self.path),
            Error::Missing(Missing::Capability) => Failure::message(literals::RUNTIME_ERROR),
            Error::BadInput(BadInput::AppId) => Failure::message(literals::wrong_format("appId")),
            other => our_failure(&other).with_message(literals::RUNTIME_ERROR),
        })?;
        Answer::ok(&Granted { app_id, due_time, token })
    }

    /// 6.2.
    async fn extend(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let Request { app_id, due_at, capabilities, .. } = Request::read(fields)?;
        let extended = self.platform.extend_grant(self.caller, &app_id, due_at, capabilities).await;
        let extended = extended.map_err(|e| our_failure(&e))?;
        Answer::ok(&Extended {
            exist_authorize: java_list(&extended.held),
            add_authorize: java_list(&extended.added),
            app_id,
            token: extended.token,
        })
    }

    /// 6.3.
    async fn revoke(&self, fields: &Fields<'_>) -> Result<Answer, Failure> {
        let app_id = fields.required_text(&["appId"])?;
        self.platform.revoke(self.caller, &app_id).await.map_err(|e| match e {
            Error::Missing(Missing::App) => Failure::message(literals::NO_APP),
            other => our_failure(&other),
        })?;
        Answer::ok(&Revoked { app_id })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capability_lists_are_read_however_they_are_packed() {
        let read = |items: &[&str]| capabilities(items.iter().map(|item| (*item).to_owned()).collect());
        assert_eq!(read(&["C10000000001,C10000000002"]), ["C10000000001", "C10000000002"]);
        assert_eq!(read(&["b", " a , b,", ""]), ["b", "a"]);
        assert!(read(&[" , "]).is_empty());
        assert_eq!(java_list(&read(&["b,a"])), "[b, a]");
        assert_eq!(java_list(&[]), "[]");
    }
}
