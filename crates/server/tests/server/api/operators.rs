//! Operators, their sessions and tokens.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, TOKEN};
use crate::http::{Answer, send};
use crate::pictures::obama;

pub const PASSWORD: &str = "correct horse battery";

/// A browser with a session.
pub struct Browser {
    address: SocketAddr,
    pub cookie: String,
    pub csrf_token: String,
}

impl Browser {
    /// Signs in.
    #[track_caller]
    pub fn sign_in(server: &Server, credentials: &Value) -> Self {
        let answer = try_to_sign_in(server, credentials);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let set = answer.header("set-cookie").expect("a cookie").to_owned();
        assert!(set.ends_with("; Path=/api; Max-Age=43200; HttpOnly; SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().expect("a pair").to_owned();
        Self { address: server.addresses()[0], cookie, csrf_token: text(&answer.json()["csrfToken"]) }
    }

    pub fn send(&self, method: &str, path: &str, csrf_token: Option<&str>, body: &[u8]) -> Answer {
        let mut headers = vec![("Cookie", self.cookie.as_str())];
        headers.extend(csrf_token.map(|token| ("X-CSRF-Token", token)));
        send(self.address, method, &format!("/api/v1{path}"), &headers, body).expect("an answer")
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, b"")
    }

    pub fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, Some(&self.csrf_token), body.to_string().as_bytes())
    }
}

pub fn try_to_sign_in(server: &Server, credentials: &Value) -> Answer {
    let body = credentials.to_string();
    send(server.addresses()[0], "POST", "/api/v1/session", &[], body.as_bytes()).expect("an answer")
}

/// Creates an operator and returns the id.
#[track_caller]
pub fn create(admin: &Rest, name: &str, role: &str, app_id: Option<&str>) -> String {
    let new = json!({"name": name, "role": role, "appId": app_id, "password": PASSWORD});
    let answer = admin.json("POST", "/operators", &new);
    assert_eq!(answer.status, 201, "{}", answer.text());
    text(&answer.json()["id"])
}

pub fn credentials(name: &str) -> Value {
    json!({"name": name, "password": PASSWORD})
}

#[test]
fn a_session_does_what_its_role_may_and_only_from_its_own_page() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    for role in ["admin", "operator", "viewer"] {
        create(&admin, role, role, None);
    }
    let browser = Browser::sign_in(&server, &credentials("operator"));
    let shown = browser.get("/session").json();
    assert_eq!((&shown["caller"], &shown["role"]), (&json!("operator:operator"), &json!("operator")));
    assert_eq!((&shown["csrfToken"], &shown["seesAllApps"]), (&json!(browser.csrf_token), &json!(true)));
    assert_eq!(browser.get("/libraries").json()["items"][0]["id"], library);

    let rename = json!({"name": "hall"});
    let path = format!("/libraries/{library}");
    let body = rename.to_string();
    for token in [None, Some(""), Some("wrong")] {
        assert_problem(&browser.send("PATCH", &path, token, body.as_bytes()), 403, "csrfTokenMissing");
    }
    assert_eq!(browser.json("PATCH", &path, &rename).status, 200);
    assert_problem(&browser.get("/operators"), 403, "forbidden");
    assert_problem(&browser.get("/audit"), 403, "forbidden");

    let viewer = Browser::sign_in(&server, &credentials("viewer"));
    assert_eq!(viewer.get(&path).json()["name"], "hall");
    assert_problem(&viewer.json("PATCH", &path, &rename), 403, "forbidden");
    assert_problem(&viewer.json("POST", &format!("{path}/identify"), &json!({})), 403, "forbidden");
    assert_eq!(Browser::sign_in(&server, &credentials("admin")).get("/operators").status, 200);

    // The cookie opens nothing else, and is no token.
    let secret = browser.cookie.split_once('=').expect("a pair").1;
    assert_eq!(Rest::new(&server, secret).get("/libraries").status, 401);
    let headers = [("token", secret)];
    let answer = send(server.addresses()[0], "POST", "/aicp/face/getLibraryList", &headers, b"{}").expect("an answer");
    assert_ne!(answer.json()["flag"], json!(true), "{}", answer.text());

    assert_eq!(browser.send("DELETE", "/session", Some(&browser.csrf_token), b"").status, 204);
    assert_problem(&browser.get("/session"), 401, "tokenUnknown");
}

#[test]
fn an_operator_of_an_app_sees_that_app_alone() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001"]));
    let (own, other) = (shop.library("staff"), admin.library("other"));
    create(&admin, "ada", "operator", Some("shop"));
    let ada = Browser::sign_in(&server, &credentials("ada"));
    let libraries = ada.get("/libraries").json();
    assert_eq!(libraries["items"].as_array().map(Vec::len), Some(1), "{libraries}");
    assert_eq!(libraries["items"][0]["id"], own);
    assert_problem(&ada.get(&format!("/libraries/{other}")), 404, "libraryNotFound");
    assert_eq!(ada.get("/session").json()["appId"], "shop");
    let made = ada.json("POST", "/libraries", &json!({"name": "new"}));
    assert_eq!(made.json()["appId"], "shop", "{}", made.text());
    assert_problem(&ada.json("POST", "/libraries", &json!({"name": "x", "appId": "admin"})), 404, "appNotFound");

    let webhook = admin.json("POST", "/webhooks", &json!({"url": "https://example.com/"}));
    assert_eq!(webhook.status, 201, "{}", webhook.text());
    let (of_all, person) = (text(&webhook.json()["id"]), shop.person(&own, &[], &obama()));
    for (name, app_id, sees_person) in [("eve", None, true), ("bob", Some("admin"), false)] {
        create(&admin, name, "operator", app_id);
        let other = Browser::sign_in(&server, &credentials(name));
        let log = other.get("/events/log").json();
        let events = log["items"].as_array().expect("items");
        let sees = events.iter().any(|event| event["data"]["personId"] == person["id"]);
        assert_eq!(sees, sees_person, "{name}: {log}");
        let path = format!("/webhooks/{of_all}");
        assert_problem(&other.json("PATCH", &path, &json!({"url": "https://example.com/x"})), 404, "webhookNotFound");
        assert_eq!(other.get("/webhooks").json()["items"], json!([]), "it gets the events of all apps");
    }

    let of_app = json!({"name": "x", "role": "admin", "appId": "shop", "password": PASSWORD});
    assert_problem(&admin.json("POST", "/operators", &of_app), 400, "adminOfApp");
    let of_none = json!({"name": "x", "role": "viewer", "appId": "nobody"});
    assert_problem(&admin.json("POST", "/operators", &of_none), 404, "appNotFound");
}

#[test]
fn a_change_of_an_operator_counts_at_once_and_after_a_restart() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    let id = create(&admin, "ada", "operator", None);
    let path = format!("/operators/{id}");
    let ada = Browser::sign_in(&server, &credentials("ada"));
    let token = ada.json("POST", "/tokens", &json!({"name": "report", "expiresAt": "2099-01-01T00:00:00Z"}));
    assert_eq!(token.status, 201, "{}", token.text());
    let token = text(&token.json()["token"]);
    let program = Rest::new(&server, &token);
    assert_eq!(program.json("POST", "/libraries", &json!({"name": "a"})).status, 201);

    let etag = admin.get(&path).header("etag").expect("a tag").to_owned();
    let as_viewer = admin.send("PATCH", &path, &[("If-Match", &etag)], br#"{"role":"viewer"}"#);
    assert_eq!(as_viewer.status, 200, "{}", as_viewer.text());
    let again = admin.send("PATCH", &path, &[("If-Match", &etag)], br#"{"role":"admin"}"#);
    assert_problem(&again, 412, "changedMeanwhile");
    assert_problem(&program.json("POST", "/libraries", &json!({"name": "b"})), 403, "forbidden");
    assert_eq!(ada.get("/libraries").status, 200);

    admin.json("PATCH", &path, &json!({"disabled": true}));
    assert_problem(&ada.get("/libraries"), 401, "tokenUnknown");
    assert_problem(&program.get("/libraries"), 401, "tokenUnknown");
    assert_problem(&try_to_sign_in(&server, &credentials("ada")), 401, "loginFailed");
    admin.json("PATCH", &path, &json!({"disabled": false}));
    assert_eq!(program.get("/libraries").status, 200);

    server.stop();
    server.kept().assert_without(token.as_bytes());
    server.kept().assert_without(PASSWORD.as_bytes());
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let (admin, program) = (Rest::admin(&server), Rest::new(&server, &token));
    let ada = Browser { address: server.addresses()[0], ..ada };
    assert_eq!((ada.get("/session").status, program.get("/session").json()["role"].clone()), (200, json!("viewer")));
    // A new password ends the sessions, and no token.
    let changed = admin.json("PATCH", &path, &json!({"password": "another pass phrase"}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_problem(&ada.get("/session"), 401, "tokenUnknown");
    assert_eq!(program.get("/session").status, 200);
    assert_problem(&try_to_sign_in(&server, &credentials("ada")), 401, "loginFailed");
    assert_eq!(admin.delete(&path).status, 204);
    assert_problem(&program.get("/session"), 401, "tokenUnknown");
    assert_problem(&admin.get(&path), 404, "operatorNotFound");
}

#[test]
fn an_operator_changes_the_own_password_and_ends_own_sessions() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    create(&admin, "ada", "viewer", None);
    create(&admin, "eve", "operator", None);
    let (ada, other) = (Browser::sign_in(&server, &credentials("ada")), Browser::sign_in(&server, &credentials("ada")));
    let eve = Browser::sign_in(&server, &credentials("eve"));
    let sessions = ada.get("/sessions").json();
    let sessions = sessions["items"].as_array().expect("items");
    assert_eq!(sessions.iter().map(|session| session["isCurrent"] == true).collect::<Vec<_>>(), [true, false]);
    let (mine, second) = (text(&sessions[0]["id"]), text(&sessions[1]["id"]));
    assert_problem(&eve.json("DELETE", &format!("/sessions/{mine}"), &json!({})), 404, "sessionNotFound");
    assert_eq!(ada.json("DELETE", &format!("/sessions/{second}"), &json!({})).status, 204);
    assert_eq!(other.get("/session").status, 401);

    let other = Browser::sign_in(&server, &credentials("ada"));
    let change =
        |current: &str, new: &str| ada.json("PUT", "/session/password", &json!({"current": current, "new": new}));
    assert_problem(&change("wrong", "a new pass phrase"), 403, "wrongPassword");
    for bad in ["", "too short", &"x".repeat(513)] {
        assert_problem(&change(PASSWORD, bad), 400, "passwordNotValid");
    }
    assert_eq!(change(PASSWORD, "a new pass phrase").status, 204);
    assert_eq!((ada.get("/session").status, other.get("/session").status), (200, 401));
    assert_eq!(admin.get("/sessions").json()["items"].as_array().map(Vec::len), Some(2), "everybody's");
    assert_problem(&admin.json("PUT", "/session/password", &json!({"current": "x", "new": "y"})), 403, "forbidden");
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001"]));
    for path in ["/sessions", "/tokens"] {
        assert_problem(&shop.get(path), 403, "forbidden");
    }
    assert_eq!(shop.get("/session").json()["caller"], "app:shop");
}

#[test]
fn the_admin_token_opens_a_session_that_ends_with_the_token() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let browser = Browser::sign_in(&server, &json!({"adminToken": TOKEN}));
    assert_eq!(browser.get("/operators").status, 200);
    assert_eq!(browser.get("/session").json()["caller"], "admin-token");
    assert_problem(&try_to_sign_in(&server, &json!({"adminToken": "wrong"})), 401, "loginFailed");
    for bad in [json!({}), json!({"name": "a"}), json!({"name": "a", "password": "b", "adminToken": TOKEN})] {
        assert_problem(&try_to_sign_in(&server, &bad), 400, "badField");
    }
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).env("AICP_ADMIN_TOKEN", "another admin token").start();
    let browser = Browser { address: server.addresses()[0], ..browser };
    assert_problem(&browser.get("/session"), 401, "tokenUnknown");
}

#[test]
fn sign_ins_are_limited_by_name() {
    let server = Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "3").start();
    create(&Rest::admin(&server), "ada", "viewer", None);
    let wrong = json!({"name": "ada", "password": "wrong"});
    let statuses: Vec<u16> = (0..4).map(|_| try_to_sign_in(&server, &wrong).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
    assert_problem(&try_to_sign_in(&server, &credentials("ada")), 429, "tooManyAttempts");
}

#[test]
fn administrative_acts_are_logged_and_an_edit_of_the_log_shows() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    create(&admin, "ada", "admin", None);
    let ada = Browser::sign_in(&server, &credentials("ada"));
    let library = text(&ada.json("POST", "/libraries", &json!({"name": "staff"})).json()["id"]);
    ada.json("PATCH", &format!("/libraries/{library}"), &json!({"description": "of the north"}));
    ada.json("POST", "/apps", &json!({"appId": "shop", "capabilities": [], "dueAt": "2099-01-01T00:00:00Z"}));
    let key = ada.json("POST", "/apps/shop/keys", &json!({"kind": "jdcloud"})).json();
    let (id, secret) = (text(&key["accessKey"]), text(&key["secretKey"]));
    ada.json("DELETE", &format!("/apps/shop/keys/{id}"), &json!({}));
    ada.json("DELETE", "/apps/shop", &json!({}));
    // Whatever interface it is done by.
    server.grant("kiosk", &["C10000000002"]);
    // What is refused is not logged.
    assert_eq!(ada.json("DELETE", "/apps/shop", &json!({})).status, 404);

    let log = ada.get("/audit").json();
    let entries = log["items"].as_array().expect("items");
    let acts: Vec<(&str, &str, &str)> = entries
        .iter()
        .rev()
        .map(|entry| {
            let [actor, action, target] =
                ["actor", "action", "target"].map(|name| entry[name].as_str().expect("a text"));
            (actor, action, target)
        })
        .collect();
    let (of_library, of_key) = (format!("library {library}"), format!("jdcloud key {id} of app shop"));
    assert_eq!(
        acts,
        [
            ("admin-token", "operator.create", "operator ada"),
            ("operator:ada", "session.create", "session of operator:ada"),
            ("operator:ada", "library.create", &of_library),
            ("operator:ada", "library.update", &of_library),
            ("operator:ada", "app.grant", "app shop"),
            ("operator:ada", "key.create", &of_key),
            ("operator:ada", "key.revoke", &of_key),
            ("operator:ada", "app.revoke", "app shop"),
            ("admin-token", "app.grant", "app kiosk"),
        ]
    );
    let update = &entries[5];
    assert_eq!(
        (&update["before"]["description"], &update["after"]["description"]),
        (&json!(null), &json!("of the north"))
    );
    assert_eq!(update["address"], "127.0.0.1");
    assert!(update["requestId"].is_string() && !log.to_string().contains(&secret), "{log}");
    assert_eq!(ada.get("/audit?action=app.&limit=2").json()["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(ada.get("/audit?actor=admin-token&action=app.grant").json()["items"][0]["target"], "app kiosk");
    let page = ada.get("/audit?limit=8").json();
    let rest = ada.get(&format!("/audit?limit=8&cursor={}", text(&page["next"]))).json();
    assert_eq!(rest["items"][0]["action"], "operator.create");

    let verdict = ada.get("/audit/check").json();
    assert_eq!((&verdict["entries"], &verdict["brokenAt"]), (&json!(9), &Value::Null));
    assert_eq!(verdict["lastHash"], entries[0]["hash"]);
    let export = ada.get("/audit/export?after=7");
    assert_eq!(export.header("content-type"), Some("application/x-ndjson"));
    let lines: Vec<Value> = export.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[1]), (2, &entries[0]));

    for (edit, broken_at) in [
        ("UPDATE audit SET actor = 'operator:eve' WHERE id = 4", "4"),
        ("DELETE FROM audit WHERE id = 3", "4"),
        ("UPDATE audit SET id = id + 100 WHERE id = 1", "2"),
    ] {
        let file = data_dir.path().join("aicp.db");
        let database = rusqlite::Connection::open(file).expect("the database");
        database.execute_batch(&format!("PRAGMA busy_timeout = 5000; {edit}")).expect("an edit");
        assert_eq!(ada.get("/audit/check").json()["brokenAt"], broken_at, "{edit}");
    }
}
