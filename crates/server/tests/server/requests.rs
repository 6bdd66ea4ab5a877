//! Ids of requests: in the answers of every interface, and in the lines of the log.

use serde_json::{Value, json};

use crate::engine::{Engine, Vendor};
use crate::fixture::{Server, Setup, TOKEN, wait_until};
use crate::http::{Answer, coded, send};
use crate::pictures::{base64, obama};

/// A request of each interface, and of what else the interfaces answer.
const REQUESTS: [(&str, &str); 14] = [
    ("POST", "/aicp/face/couple"),
    ("GET", "/nothing"),
    ("GET", "/pages/login.html"),
    ("GET", "/person/20200101/1.png"),
    ("POST", "/oauth/2.0/token"),
    ("POST", "/jdai/faceSearch"),
    ("POST", "/?Action=QueryFaceUser"),
    ("POST", "/v4/sns/friend_add"),
    ("OPTIONS", "/v4/sns/friend_add"),
    ("GET", "/api/v1/apps"),
    ("GET", "/api/v1/"),
    ("GET", "/api/v1x"),
    ("GET", "/jdai"),
    ("POST", "/v42/sns/friend_add"),
];

fn id_of(answer: &Answer) -> String {
    answer.header("x-request-id").expect("every answer has an id").to_owned()
}

/// Returns the log lines in the span of a request.
fn lines_of(server: &Server, id: &str) -> Vec<Value> {
    let log = server.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["span"]["request_id"] == id).collect()
}

#[test]
fn every_answer_has_the_id_that_the_client_chose_or_one_of_ours() {
    let server = Server::auto();
    let ask = |method: &str, target: &str, headers: &[(&str, &str)]| {
        send(server.addresses()[0], method, target, headers, b"").expect("an answer")
    };
    for (method, target) in REQUESTS {
        let chosen = "7f3c/1:x";
        assert_eq!(id_of(&ask(method, target, &[("X-Request-ID", chosen)])), chosen, "{method} {target}");
        let (first, second) = (id_of(&ask(method, target, &[])), id_of(&ask(method, target, &[])));
        assert!(first.len() == 32 && first.bytes().all(|byte| byte.is_ascii_hexdigit()), "{first}");
        assert_ne!(first, second);
    }
    let (longest, longer) = ("x".repeat(64), "x".repeat(65));
    assert_eq!(id_of(&ask("GET", "/nothing", &[("X-Request-Id", &longest)])), longest);
    for bad in ["", "a b", "a\tb", "\u{e9}", &longer] {
        let id = id_of(&ask("GET", "/nothing", &[("X-Request-Id", bad)]));
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad:?} {id}");
    }
    // The ids of the vendors are their own.
    let answer = ask("POST", "/jdai/faceSearch", &[("X-Request-Id", "mine")]);
    assert_eq!(answer.header("x-jdcloud-request-id").map(str::len), Some(32));
    assert_eq!(answer.json()["requestId"].as_str(), answer.header("x-jdcloud-request-id"));
}

#[test]
fn the_log_line_of_a_failing_call_names_the_request() {
    let engine = Engine::absent(Vendor::Koala);
    let server = engine.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__DEFAULT", "koala").start();
    let body = json!({"image": base64(&obama())}).to_string();
    let ask = |id: &str| {
        let headers = [("token", TOKEN), ("X-Request-Id", id)];
        let answer = send(server.addresses()[0], "POST", "/aicp/face/quality", &headers, body.as_bytes());
        answer.expect("an answer").assert(200, &coded("服务端报错"));
    };
    ask("first");
    ask("second");
    server.stop();
    for id in ["first", "second"] {
        let lines = lines_of(&server, id);
        let line = lines.iter().find(|line| line["fields"]["message"] == "an engine is not to be reached");
        let span = &line.unwrap_or_else(|| panic!("{id}: {}", server.log()))["span"];
        assert_eq!(
            *span,
            json!({
                "name": "request", "request_id": id, "dialect": "aicp", "operation": "/aicp/face/quality",
                "app": "admin",
            })
        );
    }
}

#[test]
fn the_lines_of_work_that_outlives_its_caller_name_the_request_in_both_formats() {
    for format in ["json", "text"] {
        let engine = Engine::absent(Vendor::Koala);
        let server = engine.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__DEFAULT", "koala");
        let server = server.env("AICP_LOG__FORMAT", format).env("AICP_LOG__LEVEL", "info,aicp_requests=debug");
        let server = server.start_unready();
        let find = |log: &str| {
            let line = log.lines().find(|line| line.contains("listening"))?;
            let address = line.split("127.0.0.1:").nth(1)?;
            let port: u16 = address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
            Some(std::net::SocketAddr::from(([127, 0, 0, 1], port)))
        };
        wait_until("the server listens", || find(&server.log()).is_some());
        let address = find(&server.log()).expect("found");
        let post = |id: &str, path: &str, body: &Value| {
            let headers = [("token", TOKEN), ("X-Request-Id", id)];
            send(address, "POST", path, &headers, body.to_string().as_bytes()).expect("an answer");
        };
        post("first", "/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"}));
        post("second", "/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())}));
        server.stop();
        let log = server.log();
        for (message, id) in [("answered", "first"), ("answered", "second"), ("a write waits for its engine", "first")]
        {
            let field =
                if format == "json" { format!(r#""request_id":"{id}""#) } else { format!(r#"request_id="{id}""#) };
            assert!(log.lines().any(|line| line.contains(message) && line.contains(&field)), "{message}, {id}: {log}");
        }
    }
}

#[test]
fn a_detailed_log_has_a_line_for_every_request_with_its_result() {
    let server = Setup::new(&["auto"]).env("AICP_LOG__LEVEL", "info,aicp_requests=debug").start();
    let address = server.addresses()[0];
    let mut ids = Vec::new();
    for (number, (method, target)) in REQUESTS.into_iter().enumerate() {
        let id = format!("request-{number}");
        send(address, method, target, &[("X-Request-Id", &id)], b"").expect("an answer");
        ids.push(id);
    }
    let body = json!({"image": base64(&obama())}).to_string();
    let headers = [("token", TOKEN), ("X-Request-Id", "good")];
    send(address, "POST", "/aicp/face/detect", &headers, body.as_bytes()).expect("an answer");
    server.stop();
    let answered = |id: &str| {
        let lines = lines_of(&server, id);
        let mut answered = lines.into_iter().filter(|line| line["fields"]["message"] == "answered");
        let line = answered.next().unwrap_or_else(|| panic!("no line of {id}"));
        assert!(answered.next().is_none(), "{id} was answered once");
        let field = |name: &str| line["span"][name].clone();
        json!([line["fields"]["status"], field("dialect"), field("operation"), field("app"), field("result")])
    };
    let expected = [
        json!([400, "aicp", "/aicp/face/couple", "legacy", 1]),
        json!([404, "aicp", null, null, null]),
        json!([200, "aicp", "page", null, null]),
        json!([404, "aicp", "picture", null, null]),
        json!([401, "aicp", "token", null, null]),
        json!([401, "jdcloud", "faceSearch", null, 401]),
        json!([400, "linkvisual", null, null, 400]),
        json!([200, "tencent-im", "friend_add", null, 60012]),
        json!([204, "tencent-im", null, null, null]),
        json!([401, "api", "listApps", null, 401]),
        json!([401, "api", null, null, 401]),
        json!([404, "aicp", null, null, null]),
        json!([404, "aicp", null, null, null]),
        json!([404, "aicp", null, null, null]),
    ];
    for (id, expected) in ids.iter().zip(expected) {
        assert_eq!(answered(id), expected, "{id}");
    }
    assert_eq!(answered("good"), json!([200, "aicp", "/aicp/face/detect", "admin", 0]));
}
