//! LinkVisual, against the real server, with independent signatures and a picture server of the tests.

mod devices;
mod gateway;
mod golden;
mod groups;
mod hostile;
mod pictures;
mod users;

use aicp_types::{Clock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::fixture::{Server, Setup};
use crate::http::{Answer, Api, send};

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The isolation of most tests.
const ISOLATION: &str = "ZheJiangHZ";
const APP: &str = "gatekeeper";
/// Well-formed user id that does not exist.
const NOBODY: &str = "0000000000000000";

/// Starts a server that may download pictures from this machine.
fn server() -> Server {
    setup().start()
}

fn setup() -> Setup {
    Setup::new(&["auto"]).env("AICP_FETCH__ALLOWED_NETWORKS", r#"["127.0.0.1/32"]"#)
}

/// Client with a key.
#[derive(Clone)]
struct Client {
    api: Api,
    id: String,
    secret: String,
}

type Pairs<'a> = Vec<(&'a str, String)>;

impl Client {
    /// Creates a client with a new key of an app.
    fn new(server: &Server, app_id: &str) -> Self {
        Self::with_key(server, &server.key(app_id, &json!({"kind": "alibaba"})))
    }

    fn with_key(server: &Server, key: &Value) -> Self {
        let text = |name: &str| key[name].as_str().expect("a text").to_owned();
        Self { api: server.anonymous(0), id: text("accessKeyId"), secret: text("accessKeySecret") }
    }

    /// Signs the parameters of a call with version 1. Given parameters replace the usual ones.
    fn signed(&self, method: &str, action: &str, given: &[(&str, &str)]) -> Pairs<'_> {
        let mut pairs = self.unsigned(action, given);
        let signature = self.signature(method, &pairs);
        pairs.push(("Signature", signature));
        pairs
    }

    fn unsigned(&self, action: &str, given: &[(&str, &str)]) -> Pairs<'_> {
        let mut pairs: Pairs = vec![
            ("Action", action.to_owned()),
            ("Version", "2018-01-20".to_owned()),
            ("AccessKeyId", self.id.clone()),
            ("SignatureMethod", "HMAC-SHA1".to_owned()),
            ("SignatureVersion", "1.0".to_owned()),
            ("SignatureNonce", nonce()),
            ("Timestamp", now()),
            ("Format", "JSON".to_owned()),
            ("IsolationId", ISOLATION.to_owned()),
        ];
        pairs.retain(|(name, _)| !given.iter().any(|(other, _)| other == name));
        // Leaked for the duration of the test; there are few names.
        pairs.extend(given.iter().map(|(name, value)| (&*name.to_string().leak(), (*value).to_owned())));
        pairs
    }

    fn signature(&self, method: &str, pairs: &Pairs<'_>) -> String {
        let mut pairs = pairs.clone();
        pairs.sort();
        let text = format!("{method}&%2F&{}", encoded(&joined(&pairs)));
        let mut mac = Hmac::<Sha1>::new_from_slice(format!("{}&", self.secret).as_bytes()).expect("any key");
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    /// Sends parameters in the query.
    fn get(&self, pairs: &Pairs<'_>) -> Answer {
        self.api.send("GET", &format!("/?{}", joined(pairs)), &[], b"")
    }

    /// Sends parameters as a form.
    fn post(&self, pairs: &Pairs<'_>) -> Answer {
        let form = [("Content-Type", "application/x-www-form-urlencoded")];
        self.api.send("POST", "/", &form, joined(pairs).as_bytes())
    }

    /// Calls an action.
    fn ask(&self, action: &str, given: &[(&str, &str)]) -> Answer {
        self.post(&self.signed("POST", action, given))
    }

    /// Returns the `Data` of a call that must succeed.
    #[track_caller]
    fn ok(&self, action: &str, given: &[(&str, &str)]) -> Value {
        let answer = self.ask(action, given);
        let mut body = answer.json();
        let told = (answer.status, &body["Code"], &body["Success"]);
        assert_eq!(told, (200, &json!("200"), &json!(true)), "{action}: {}", answer.text());
        body["Data"].take()
    }

    #[track_caller]
    fn text(&self, action: &str, given: &[(&str, &str)], name: &str) -> String {
        let data = self.ok(action, given);
        data[name].as_str().unwrap_or_else(|| panic!("no {name} in {data}")).to_owned()
    }

    /// Calls an action that must fail with this business code and message.
    #[track_caller]
    fn fails(&self, code: &str, message: &str, action: &str, given: &[(&str, &str)]) {
        let answer = self.ask(action, given);
        let mut body = answer.json();
        assert_eq!(answer.status, 200, "{action}: {}", answer.text());
        assert!(body["RequestId"].take().is_string());
        let expected = json!({"RequestId": null, "Code": code, "ErrorMessage": message, "Success": false});
        assert_eq!(body, expected, "{action} {given:?}");
    }

    /// Calls an action that the gateway must refuse with this status and code.
    #[track_caller]
    fn refused(&self, status: u16, code: &str, action: &str, given: &[(&str, &str)]) {
        assert_refused(&self.ask(action, given), status, code);
    }

    /// Calls an action with a version 3 signature. A body that is not empty is a form.
    fn ask_v3(&self, action: &str, pairs: &Pairs<'_>, body: &str) -> Answer {
        let mut query = pairs.clone();
        query.sort();
        let query = joined(&query);
        let host = self.api.address.to_string();
        let (date, nonce, digest) = (now(), nonce(), hex::encode(Sha256::digest(body)));
        let signed = [
            ("host", host.as_str()),
            ("x-acs-action", action),
            ("x-acs-content-sha256", &digest),
            ("x-acs-date", &date),
            ("x-acs-signature-nonce", &nonce),
            ("x-acs-version", "2018-01-20"),
        ];
        let names = signed.map(|(name, _)| name).join(";");
        let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("POST\n/\n{query}\n{lines}\n{names}\n{digest}");
        let text = format!("ACS3-HMAC-SHA256\n{}", hex::encode(Sha256::digest(canonical)));
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("any key");
        mac.update(text.as_bytes());
        let signature = hex::encode(mac.finalize().into_bytes());
        let authorization =
            format!("ACS3-HMAC-SHA256 Credential={},SignedHeaders={names},Signature={signature}", self.id);
        let mut headers = signed.to_vec();
        headers.push(("Authorization", &authorization));
        if !body.is_empty() {
            headers.push(("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"));
        }
        let target = format!("/?{query}");
        send(self.api.address, "POST", &target, &headers, body.as_bytes()).expect("an answer")
    }

    /// Adds a user with a picture; returns the user id.
    #[track_caller]
    fn add(&self, custom_id: &str, picture: &str) -> String {
        self.text("AddFaceUser", &[("CustomUserId", custom_id), ("FacePicUrl", picture)], "UserId")
    }

    /// Returns the number of users in the isolation.
    fn total(&self) -> u64 {
        self.ok("QueryFaceUserByName", &[("PageNo", "1"), ("PageSize", "50")])["Total"].as_u64().expect("a number")
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &body["Code"]), (status, &json!(code)), "{}", answer.text());
    let keys: Vec<&String> = body.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["Code", "HostId", "Message", "RequestId"]);
    assert!(body["Message"].as_str().is_some_and(|message| !message.is_empty()));
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn joined(pairs: &Pairs<'_>) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&")
}

/// Returns a fresh nonce.
fn nonce() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn now() -> String {
    written(SystemClock.now().seconds().unsigned_abs())
}

/// Formats a time as callers write it.
fn written(unix_s: u64) -> String {
    let moment = jiff::Timestamp::from_second(i64::try_from(unix_s).expect("a moment")).expect("a moment");
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
