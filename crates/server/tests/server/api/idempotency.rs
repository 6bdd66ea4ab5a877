//! Requests that are sent twice.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup};
use crate::http::Answer;
use crate::pictures::obama;

fn create(rest: &Rest, key: &str, body: &Value) -> Answer {
    let headers = [("Idempotency-Key", key), ("Content-Type", "application/json")];
    rest.send("POST", "/libraries", &headers, body.to_string().as_bytes())
}

fn libraries(rest: &Rest) -> usize {
    rest.get("/libraries").json()["items"].as_array().expect("items").len()
}

#[test]
fn a_repeat_changes_nothing_and_gets_the_same_answer() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    let first = create(&admin, "one", &json!({"name": "staff"}));
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{}", first.text());
    let again = create(&admin, "one", &json!({"name": "staff"}));
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!((again.body == first.body, again.header("location")), (true, first.header("location")));
    assert_eq!((again.header("etag"), libraries(&admin)), (first.header("etag"), 1));
    assert_problem(&create(&admin, "one", &json!({"name": "other"})), 422, "idempotencyKeyReused");
    assert_problem(&create(&admin, "two", &json!({"name": "staff"})), 409, "libraryExists");
    assert_problem(&create(&admin, "two", &json!({"name": "staff"})), 409, "libraryExists");
    assert_eq!(create(&admin, "two", &json!({"name": "hall"})).status, 201, "a key of a failed request is free");
    for key in ["", " ", "a b", "é", &"k".repeat(256)] {
        assert_problem(&create(&admin, key, &json!({"name": "x"})), 400, "badField");
    }
    // Keys belong to apps.
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001"]));
    assert_eq!(create(&shop, "one", &json!({"name": "shop"})).status, 201);

    server.stop();
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    assert!(create(&admin, "one", &json!({"name": "staff"})).body == first.body, "a restart forgets nothing");
}

#[test]
fn secrets_in_recorded_answers_are_sealed() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let app = json!({"appId": "shop", "dueAt": "2099-01-01T00:00:00Z", "capabilities": []}).to_string();
    let make = || admin.send("POST", "/apps", &[("Idempotency-Key", "app")], app.as_bytes());
    let token = text(&make().json()["token"]);
    assert_eq!(make().json()["token"], token);
    server.stop();
    server.kept().assert_without(token.as_bytes());
}

#[test]
fn one_of_many_equal_requests_is_done() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let body = json!({"name": "Barack", "image": crate::pictures::base64(&obama())}).to_string();
    let path = format!("/libraries/{library}/people");
    let answers: Vec<u16> = std::thread::scope(|scope| {
        let send = || admin.send("POST", &path, &[("Idempotency-Key", "p")], body.as_bytes()).status;
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
    });
    assert!(answers.contains(&201) && answers.iter().all(|status| matches!(status, 201 | 409)), "{answers:?}");
    assert_eq!(admin.get(&path).json()["items"].as_array().map(Vec::len), Some(1));
}
