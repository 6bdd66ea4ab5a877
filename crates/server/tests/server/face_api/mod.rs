//! Section 9, face-api/v3, including the calls of later documents of the same interface.

mod access;
mod codes;
mod faces;
mod gates;
mod groups;
mod search;
mod users;

use serde_json::{Value, json};

use crate::fixture::Server;
use crate::http::{Answer, Api, JSON};
use crate::pictures::{base64, jpeg, other_portrait, portrait, with_comment};
use crate::template::assert_matches;

/// Due time of grants that must not expire.
const FAR: &str = "2099-12-31 23:59:59";
/// Capability for all of section 9.
const ALL_OF_IT: &str = "C10000000006";

/// Client of section 9.
#[derive(Clone)]
struct FaceApi(Api);

impl FaceApi {
    /// Creates a client with the token of a new app that has all of section 9.
    #[track_caller]
    fn of_app(server: &Server, app_id: &str) -> Self {
        Self(server.anonymous(0).with_token(&grant(server, app_id, FAR, ALL_OF_IT)))
    }

    /// Posts to a path below `/face-api/`.
    #[track_caller]
    fn call(&self, path: &str, body: &Value) -> Answer {
        self.0.post(&format!("/face-api/{path}"), body)
    }

    /// Checks that a success matches a template of `result`; returns the variable parts.
    #[track_caller]
    fn golden(&self, path: &str, body: &Value, result: &str) -> Vec<String> {
        let answer = self.call(path, body);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{}", answer.text());
        let envelope = r#"{"error_code":0,"error_msg":"SUCCESS","log_id":<millis>,"timestamp":<millis>,"cached":0,"#;
        assert_matches(answer.text(), &format!(r#"{envelope}"result":{result}}}"#)).split_off(2)
    }

    /// Checks a success without a result.
    #[track_caller]
    fn done(&self, path: &str, body: &Value) {
        self.golden(path, body, "null");
    }

    /// Returns the `result` of a success.
    #[track_caller]
    fn result(&self, path: &str, body: &Value) -> Value {
        let answer = self.call(path, body);
        let mut body = answer.json();
        assert_eq!((answer.status, &body["error_code"]), (200, &json!(0)), "{}", answer.text());
        body["result"].take()
    }

    /// Checks a body without an envelope against a template, byte for byte; returns the variable parts.
    #[track_caller]
    fn bare(&self, path: &str, body: &Value, template: &str) -> Vec<String> {
        let answer = self.call(path, body);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)), "{}", answer.text());
        assert_matches(answer.text(), template)
    }

    /// Checks a failure.
    #[track_caller]
    fn fails(&self, path: &str, body: &Value, code: u32, words: &str) {
        assert_failure(&self.call(path, body), 200, code, words);
    }

    /// Enrols a face of a user and returns its token.
    #[track_caller]
    fn add(&self, group_id: &str, user_id: &str, picture: &[u8]) -> String {
        let added = self.result("v3/face/add", &face(group_id, user_id, picture));
        added["face_token"].as_str().expect("a token").to_owned()
    }
}

/// Checks a failure of section 9 with this HTTP status.
#[track_caller]
fn assert_failure(answer: &Answer, status: u16, code: u32, words: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (status, Some(JSON)), "{}", answer.text());
    let envelope = format!(r#"{{"error_code":{code},"error_msg":"{words}","log_id":<millis>,"timestamp":<millis>,"#);
    assert_matches(answer.text(), &format!(r#"{envelope}"cached":0,"result":null}}"#));
}

/// Grants an app some capabilities until `due`; returns its token.
#[track_caller]
fn grant(server: &Server, app_id: &str, due: &str, capabilities: &str) -> String {
    let request = json!({"appId": app_id, "dueTime": due, "capabilityIdArray": [capabilities]});
    server.admin(0).post("/authorize/grantAuthorize", &request).data_text("token")
}

/// Request fields of a picture.
fn image(picture: &[u8]) -> Value {
    json!({"image": base64(picture), "image_type": "BASE64"})
}

/// Request fields of an enrolled picture, by its token.
fn token_image(face_token: &str) -> Value {
    json!({"image": face_token, "image_type": "FACE_TOKEN"})
}

/// Request fields of a user of a group.
fn user(group_id: &str, user_id: &str) -> Value {
    json!({"group_id": group_id, "user_id": user_id})
}

/// Request that enrols a face.
fn face(group_id: &str, user_id: &str, picture: &[u8]) -> Value {
    with(image(picture), user(group_id, user_id))
}

/// Adds fields to a request, or replaces them.
#[track_caller]
fn with(mut request: Value, more: Value) -> Value {
    let (Value::Object(fields), Value::Object(more)) = (&mut request, more) else { panic!("objects are wanted") };
    fields.extend(more);
    request
}

/// Different files with a picture of one person.
fn pictures_of_one(count: usize) -> Vec<Vec<u8>> {
    let picture = jpeg(&portrait());
    (0..count).map(|i| with_comment(&picture, &i.to_string())).collect()
}

/// Small picture of another person.
fn other() -> Vec<u8> {
    jpeg(&other_portrait())
}
