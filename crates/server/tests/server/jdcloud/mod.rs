//! Face calls of JD Cloud, signed as its clients sign them.

mod access;
mod faces;
mod groups;
mod looks;
mod v1;

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use aicp_types::{Clock, SystemClock};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::fixture::Server;
use crate::http::{Answer, send};
use crate::pictures::base64;

/// Start of every success without a quota.
const HEAD: &str = r#"{"code":"10000","status":0,"charge":false,"remain":0,"remainTimes":-1,"remainSeconds":-1,"msg":"查询成功","result":"#;

/// Client with its own key.
#[derive(Clone)]
struct Jd {
    address: SocketAddr,
    access_key: String,
    secret_key: String,
}

impl Jd {
    /// Creates a client with a new key of an app; `options` as in our own API.
    #[track_caller]
    fn of_app(server: &Server, app: &str, options: &Value) -> Self {
        let mut body = json!({"kind": "jdcloud"});
        body.as_object_mut().expect("an object").extend(options.as_object().expect("an object").clone());
        let key = server.key(app, &body);
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        Self { address: server.addresses()[0], access_key: text("accessKey"), secret_key: text("secretKey") }
    }

    #[track_caller]
    fn new(server: &Server) -> Self {
        Self::of_app(server, "shop", &json!({}))
    }

    /// Sends a signed call with a fresh nonce.
    #[track_caller]
    fn call(&self, api: &str, query: &str, body: &str) -> Answer {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = NONCE.fetch_add(1, Ordering::Relaxed).to_string();
        self.send("POST", api, query, body.as_bytes(), &SystemClock.now().timestamp(), &[("x-jdcloud-nonce", &nonce)])
    }

    /// Sends a call signed at this time, with these headers in addition to `host` and the date.
    #[track_caller]
    fn send(
        &self,
        method: &str,
        api: &str,
        query: &str,
        body: &[u8],
        at: &Timestamp,
        headers: &[(&str, &str)],
    ) -> Answer {
        let date = at.strftime("%Y%m%dT%H%M%SZ").to_string();
        let host = self.address.to_string();
        let mut all = vec![("host", host.as_str()), ("x-jdcloud-date", date.as_str())];
        all.extend(headers);
        let authorization = self.authorization(method, api, query, body, &date, &all);
        all.push(("authorization", &authorization));
        let target = if query.is_empty() { format!("/jdai/{api}") } else { format!("/jdai/{api}?{query}") };
        send(self.address, method, &target, &all, body).expect("an answer")
    }

    /// Signs from the description of the scheme, independently of the server. Queries must be in canonical encoding.
    fn authorization(
        &self,
        method: &str,
        api: &str,
        query: &str,
        body: &[u8],
        date: &str,
        headers: &[(&str, &str)],
    ) -> String {
        let hash = |bytes: &[u8]| hex::encode(Sha256::digest(bytes));
        let mut pairs: Vec<&str> = query.split('&').collect();
        pairs.sort_unstable();
        let lines = headers.iter().fold(String::new(), |mut lines, (name, value)| {
            writeln!(lines, "{name}:{value}").expect("memory");
            lines
        });
        let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        let names = names.join(";");
        let request = format!("{method}\n/jdai/{api}\n{}\n{lines}\n{names}\n{}", pairs.join("&"), hash(body));
        let scope = format!("{}/cn-north-1/aiapi/jdcloud2_request", &date[..8]);
        let text = format!("JDCLOUD2-HMAC-SHA256\n{date}\n{scope}\n{}", hash(request.as_bytes()));
        let key =
            scope.split('/').fold(format!("JDCLOUD2{}", self.secret_key).into_bytes(), |key, part| mac(&key, part));
        let signature = hex::encode(mac(&key, &text));
        let credential = format!("{}/{scope}", self.access_key);
        format!("JDCLOUD2-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}")
    }

    /// Lists all groups.
    #[track_caller]
    fn groups(&self) -> Vec<Value> {
        inner(&self.call("getFaceGroupList", "", "")).as_array().expect("a list").clone()
    }

    #[track_caller]
    fn create_group(&self, name: &str) -> String {
        let answer = self.call("faceGroupCreate", &format!("groupName={name}"), "").json();
        assert_eq!(answer["status"], 0, "{answer}");
        answer["result"]["message"].as_str().expect("an id").to_owned()
    }

    /// Adds a face to a group; returns its id.
    #[track_caller]
    fn create_face(&self, group: &str, outer_id: &str, picture: &[u8]) -> String {
        let query = format!("groupName={group}&outerId={outer_id}");
        let answer = self.call("faceCreate", &query, &format!("imageBase64={}", base64(picture)));
        inner(&answer)["faceId"].as_str().expect("an id").to_owned()
    }

    /// Returns the people found in a group, with their scores.
    #[track_caller]
    fn search(&self, group: &str, picture: &[u8]) -> Vec<(String, f64)> {
        let answer =
            self.call("faceSearch", &format!("groupName={group}"), &format!("imageBase64={}", base64(picture)));
        let found = inner(&answer);
        let found = found["faceSearchResults"].as_array().expect("a list");
        let one = |result: &Value| {
            let face = &result["faceID"];
            (face["outerId"].as_str().expect("a text").to_owned(), face["sim"].as_f64().expect("a number"))
        };
        found.iter().map(one).collect()
    }
}

fn mac(key: &[u8], message: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(message.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Parses the text inside the result of a success.
#[track_caller]
fn inner(answer: &Answer) -> Value {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"], &body["status"]), (200, &json!("10000"), &json!(0)), "{body}");
    let text = body["result"]["result"].as_str().unwrap_or_else(|| panic!("no text in {body}"));
    serde_json::from_str(text).expect("JSON")
}

/// Checks a failure of a face search call, or of a call of 2019, in its own format.
#[track_caller]
fn assert_fault(answer: &Answer, status: i64, message: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"], &body["msg"]), (200, &json!("10000"), &json!("查询成功")), "{body}");
    assert_eq!((&body["result"]["status"], &body["result"]["message"]), (&json!(status), &json!(message)), "{body}");
    assert_eq!(body["result"].as_object().expect("an object").len(), 3, "{body}");
    if let Some(outside) = body.get("status") {
        assert_eq!(*outside, json!(status));
    }
}

/// Checks a failure of a `V1` call in its own format.
#[track_caller]
fn assert_v1_fault(answer: &Answer, code: i64, message: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"], body.get("status")), (200, &json!("10000"), None), "{body}");
    let result = body["result"].as_object().expect("an object");
    assert_eq!((&result["code"], &result["msg"]), (&json!(code), &json!(message)), "{body}");
    assert_eq!(result.keys().collect::<Vec<_>>(), ["code", "msg", "processTimeInMs", "timestamp"]);
}

/// Checks a failure that is reported in the envelope.
#[track_caller]
fn assert_system(answer: &Answer, code: &str, message: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["code"], &body["msg"]), (200, &json!(code), &json!(message)), "{body}");
    assert_eq!(body.get("result"), None, "{body}");
    if let Some(status) = body.get("status") {
        assert_eq!(status.to_string(), code);
    }
}

/// Checks a failure before any call was started.
#[track_caller]
fn assert_gateway(answer: &Answer, code: u16, status: &str, message: &str) {
    let id = answer.header("x-jdcloud-request-id").expect("a request id");
    let expected =
        format!(r#"{{"error":{{"message":"{message}","status":"{status}","code":{code}}},"requestId":"{id}"}}"#);
    answer.assert(code, &expected);
}
