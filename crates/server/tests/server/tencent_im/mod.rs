//! Tencent IM: `/v4/...`.

mod accounts;
mod friends;
mod gateway;
mod groups;

use std::io::Write;

use aicp_types::{Clock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::fixture::Server;
use crate::http::{Answer, Api};

const SNS: &str = "/v4/sns/";
const LOGIN: &str = "/v4/im_open_login_svc/";

/// Generates a UserSig as the vendor's generators do.
fn user_sig(sdkappid: u64, key: &str, identifier: &str, time: u64, expire: u64) -> String {
    let content =
        format!("TLS.identifier:{identifier}\nTLS.sdkappid:{sdkappid}\nTLS.time:{time}\nTLS.expire:{expire}\n");
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length");
    let sig = STANDARD.encode(mac.chain_update(content).finalize().into_bytes());
    let document = json!({"TLS.ver": "2.0", "TLS.identifier": identifier, "TLS.sdkappid": sdkappid,
        "TLS.expire": expire, "TLS.time": time, "TLS.sig": sig});
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(document.to_string().as_bytes()).expect("memory");
    STANDARD.encode(encoder.finish().expect("memory")).replace('+', "*").replace('/', "-").replace('=', "_")
}

fn now() -> u64 {
    SystemClock.now().seconds().unsigned_abs()
}

/// Client of one app.
#[derive(Clone)]
struct Im {
    api: Api,
    sdkappid: u64,
    key: String,
    query: String,
}

impl Im {
    /// Creates a client as `administrator` with a new key of an app.
    fn of_app(server: &Server, app_id: &str) -> Self {
        let key = server.key(app_id, &json!({"kind": "tencent-im"}));
        let sdkappid = key["sdkappid"].as_u64().expect("a number");
        let key = key["key"].as_str().expect("a text").to_owned();
        let caller = Self { api: server.anonymous(0), sdkappid, key, query: String::new() };
        Self { query: caller.signed("administrator"), ..caller }
    }

    /// Returns the query parameters of this client with an identifier.
    fn signed(&self, identifier: &str) -> String {
        self.with_sig(identifier, &user_sig(self.sdkappid, &self.key, identifier, now(), 3600))
    }

    fn with_sig(&self, identifier: &str, sig: &str) -> String {
        format!("sdkappid={}&identifier={identifier}&usersig={sig}&random=1&contenttype=json", self.sdkappid)
    }

    #[track_caller]
    fn post(&self, path: &str, body: &[u8]) -> Answer {
        self.api.send("POST", &format!("{path}?{}", self.query), &[], body)
    }

    /// Calls a command of `sns`.
    #[track_caller]
    fn sns(&self, command: &str, body: &Value) -> Answer {
        self.post(&format!("{SNS}{command}"), body.to_string().as_bytes())
    }

    /// Calls a command of `im_open_login_svc`.
    #[track_caller]
    fn login(&self, command: &str, body: &Value) -> Answer {
        self.post(&format!("{LOGIN}{command}"), body.to_string().as_bytes())
    }

    /// Creates accounts.
    #[track_caller]
    fn import(&self, user_ids: &[&str]) {
        for some in user_ids.chunks(100) {
            let answer = self.login("multiaccount_import", &json!({"Accounts": some}));
            let expected = r#"{"FailAccounts":[],"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;
            assert_eq!(answer.text(), expected);
        }
    }

    /// Calls a command of `sns` that must succeed.
    #[track_caller]
    fn ok(&self, command: &str, body: &Value) -> Value {
        let answer = self.sns(command, body);
        let told = answer.json();
        assert_eq!((answer.status, &told["ErrorCode"]), (200, &json!(0)), "{}", answer.text());
        told
    }

    /// Returns the item codes of a successful command of `sns`.
    #[track_caller]
    fn codes(&self, command: &str, body: &Value) -> Vec<u64> {
        let told = self.ok(command, body);
        let items = told["ResultItem"].as_array().expect("a list").iter();
        items.map(|item| item["ResultCode"].as_u64().expect("a code")).collect()
    }

    /// Returns the groups of an account with their members, and their sequence.
    #[track_caller]
    fn groups(&self, user_id: &str) -> (Vec<(String, Vec<String>)>, u64) {
        let told = self.ok("group_get", &json!({"From_Account": user_id, "NeedFriend": "Need_Friend_Type_Yes"}));
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let groups = told["ResultItem"].as_array().expect("a list").iter().map(|group| {
            let members: Vec<String> = group["To_Account"].as_array().expect("a list").iter().map(text).collect();
            assert_eq!(group["FriendNumber"], members.len());
            (text(&group["GroupName"]), members)
        });
        (groups.collect(), told["CurrentSequence"].as_u64().expect("a number"))
    }
}

/// Checks a body, byte for byte.
#[track_caller]
fn assert_body(answer: &Answer, body: &str) {
    assert_eq!((answer.status, answer.text()), (200, body));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("access-control-allow-headers"), Some("X-Requested-With"));
    assert_eq!(answer.header("access-control-allow-methods"), Some("POST"));
}

/// Checks a failure of `sns`: the envelope alone, with an `ErrorDisplay`.
#[track_caller]
fn assert_fails(answer: &Answer, code: u64) {
    assert_fails_with(answer, code, r#","ErrorDisplay":"""#);
}

/// Checks a failure of another service, or of a path without a service.
#[track_caller]
fn assert_fails_elsewhere(answer: &Answer, code: u64) {
    assert_fails_with(answer, code, "");
}

#[track_caller]
fn assert_fails_with(answer: &Answer, code: u64, display: &str) {
    let info = answer.json()["ErrorInfo"].clone();
    assert_body(answer, &format!(r#"{{"ActionStatus":"FAIL","ErrorCode":{code},"ErrorInfo":{info}{display}}}"#));
    assert!(info.as_str().is_some_and(|info| !info.is_empty()), "{info}");
}
