//! Our own REST API.

mod access;
mod apps;
mod contract;
mod cors;
mod deletion;
mod events;
mod exports;
mod idempotency;
mod jobs;
mod large_library;
mod lists;
mod moving;
mod operation;
mod operators;
mod organise;
mod people;
pub mod quotas;
mod recognition;
mod recognition_log;
mod repair;
mod rotation;
mod settings;
mod sign_in;
mod statistics;
mod webhooks;
pub mod zip;

use std::net::SocketAddr;

use serde_json::Value;

use crate::fixture::{Server, TOKEN};
use crate::http::{Answer, send};

/// A client of the API with a token.
pub struct Rest {
    address: SocketAddr,
    token: String,
}

impl Rest {
    pub fn new(server: &Server, token: &str) -> Self {
        Self { address: server.addresses()[0], token: token.to_owned() }
    }

    pub fn admin(server: &Server) -> Self {
        Self::new(server, TOKEN)
    }

    /// Sends a request with further headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        send(self.address, method, &format!("/api/v1{path}"), &all, body).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], b"")
    }

    /// Sends JSON.
    pub fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// Sends a form of texts and files.
    pub fn form(&self, method: &str, path: &str, texts: &[(&str, &str)], files: &[(&str, &[u8])]) -> Answer {
        const BOUNDARY: &str = "a-boundary-that-no-picture-has";
        let mut body = Vec::new();
        for (name, text) in texts {
            let part = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
            body.extend_from_slice(part.as_bytes());
        }
        for (name, content) in files {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"picture\"\r\n\r\n"
            );
            body.extend_from_slice(head.as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.send(method, path, &[("Content-Type", &content_type)], &body)
    }

    /// Creates an app with capabilities, or none, and returns a client with its token.
    pub fn app(&self, app: &str, capabilities: &[&str]) -> Self {
        let body = serde_json::json!({"appId": app, "dueAt": "2099-01-01T00:00:00Z", "capabilities": capabilities});
        let answer = self.json("POST", "/apps", &body);
        assert_eq!(answer.status, 201, "{}", answer.text());
        Self { address: self.address, token: text(&answer.json()["token"]) }
    }

    /// Creates a library and returns its id.
    pub fn library(&self, name: &str) -> String {
        let answer = self.json("POST", "/libraries", &serde_json::json!({ "name": name }));
        assert_eq!(answer.status, 201, "{}", answer.text());
        text(&answer.json()["id"])
    }

    /// Enrols a person from a picture and returns the answer.
    pub fn person(&self, library: &str, texts: &[(&str, &str)], picture: &[u8]) -> Value {
        let answer = self.form("POST", &format!("/libraries/{library}/people"), texts, &[("file", picture)]);
        assert_eq!(answer.status, 201, "{}", answer.text());
        answer.json()
    }
}

/// Returns a text of an answer.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}")).to_owned()
}

/// Checks that an answer is a problem.
#[track_caller]
pub fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &Value::from(code)), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.json()["status"], status);
}
