//! Sign-in of operators by face.

use serde_json::{Value, json};

use super::operators::{Browser, PASSWORD, create, credentials, try_to_sign_in};
use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, objects, wait_until};
use crate::http::{Answer, send};
use crate::pictures::{base64, biden, no_face, obama, obama2, sample};

/// Sets a limit of attempts that tests do not reach.
fn setup() -> Setup {
    Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "100000")
}

fn face(picture: &[u8]) -> Value {
    json!({"face": base64(picture)})
}

fn with_face(name: &str, picture: &[u8]) -> Value {
    json!({"name": name, "password": PASSWORD, "face": base64(picture)})
}

/// Returns the ways to sign in, as a page without a token sees them.
fn ways(server: &Server) -> Value {
    let answer = send(server.addresses()[0], "GET", "/api/v1/sign-in", &[], b"").expect("an answer");
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    answer.json()
}

#[track_caller]
fn set_face(admin: &Rest, id: &str, picture: &[u8]) -> Answer {
    let answer = admin.form("PUT", &format!("/operators/{id}/face"), &[], &[("file", picture)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer
}

/// Checks that an answer has no template: no long text, no long list.
#[track_caller]
fn assert_without_template(value: &Value) {
    match value {
        Value::String(text) => assert!(text.len() < 200, "{text}"),
        Value::Array(items) => {
            assert!(items.len() < 50 && !items.iter().any(Value::is_f64), "{value}");
            items.iter().for_each(assert_without_template);
        }
        Value::Object(fields) => fields.values().for_each(assert_without_template),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn a_face_alone_opens_a_session_that_looks() {
    let server = setup().start();
    let admin = Rest::admin(&server);
    assert_eq!(ways(&server), json!({"isSetUp": false, "byFace": false}));
    let id = create(&admin, "ada", "admin", None);
    create(&admin, "eve", "operator", None);
    assert_eq!(ways(&server), json!({"isSetUp": true, "byFace": false}));
    assert_problem(&try_to_sign_in(&server, &face(&obama())), 401, "faceUnknown");

    let path = format!("/operators/{id}");
    let before = admin.get(&path);
    assert_eq!((&before.json()["hasFace"], &before.json()["signIn"]), (&json!(false), &json!("password")));
    let set = set_face(&admin, &id, &obama());
    assert_eq!((&set.json()["hasFace"], &set.json()["name"]), (&json!(true), &json!("ada")));
    assert_ne!(set.header("etag"), before.header("etag"));
    assert_eq!(ways(&server), json!({"isSetUp": true, "byFace": true}));

    let browser = Browser::sign_in(&server, &face(&obama2()));
    let shown = browser.get("/session").json();
    assert_eq!((&shown["caller"], &shown["role"]), (&json!("operator:ada"), &json!("viewer")));
    let by_face = [&shown["byFace"], &shown["hasFace"], &shown["signIn"]["byFace"]];
    assert_eq!(by_face, [&json!(true); 3], "{shown}");
    assert_eq!(browser.get("/libraries").status, 200);
    assert_problem(&browser.get("/operators"), 403, "forbidden");
    let library = json!({"name": "staff"});
    let body = library.to_string();
    assert_problem(&browser.send("POST", "/libraries", None, body.as_bytes()), 403, "csrfTokenMissing");
    assert_problem(&browser.json("POST", "/libraries", &library), 403, "forbidden");
    let change = json!({"current": PASSWORD, "new": "another pass phrase"});
    assert_problem(&browser.json("PUT", "/session/password", &change), 403, "passwordWanted");
    let own = json!({"image": base64(&biden()), "password": PASSWORD});
    assert_problem(&browser.json("PUT", "/session/face", &own), 403, "passwordWanted");
    assert_problem(&browser.json("DELETE", "/session/face", &json!({})), 403, "passwordWanted");
    let token = json!({"name": "t", "expiresAt": "2099-01-01T00:00:00Z"});
    assert_problem(&browser.json("POST", "/tokens", &token), 403, "passwordWanted");
    let current = text(&shown["signIn"]["id"]);
    assert_problem(&browser.json("DELETE", &format!("/sessions/{current}"), &json!({})), 403, "passwordWanted");

    let named = |name: &str, picture: &[u8]| json!({"name": name, "face": base64(picture)});
    assert_eq!(try_to_sign_in(&server, &named("ada", &obama2())).json()["role"], "viewer");
    assert_eq!(Browser::sign_in(&server, &credentials("ada")).get("/session").json()["role"], "admin");
    for (credentials, status, code) in [
        (face(&biden()), 401, "faceUnknown"),
        (named("ada", &biden()), 401, "faceUnknown"),
        (named("eve", &obama2()), 401, "faceUnknown"),
        (named("nobody", &obama2()), 401, "faceUnknown"),
        (face(&no_face()), 422, "noFace"),
        (face(b"no picture"), 400, "pictureNotReadable"),
        (json!({"face": ""}), 400, "badField"),
        (json!({"face": "*"}), 400, "badField"),
        (json!({"face": base64(&obama2()), "password": PASSWORD}), 400, "badField"),
        (json!({"face": base64(&obama2()), "adminToken": "x"}), 400, "badField"),
        (json!({"face": "A".repeat(1 << 20)}), 413, "tooLarge"),
    ] {
        assert_problem(&try_to_sign_in(&server, &credentials), status, code);
    }
    for stranger in ["strangers/male/1.jpg", "strangers/male/2.jpg", "strangers/female/1.jpg"] {
        let answer = try_to_sign_in(&server, &face(&sample(stranger)));
        assert!(matches!(answer.status, 401 | 413 | 422), "{stranger}: {}", answer.text());
    }

    admin.json("PATCH", &path, &json!({"disabled": true}));
    assert_eq!(browser.get("/session").status, 401);
    assert_problem(&try_to_sign_in(&server, &face(&obama2())), 401, "faceUnknown");
    assert_eq!(ways(&server), json!({"isSetUp": true, "byFace": false}));
    admin.json("PATCH", &path, &json!({"disabled": false}));
    assert_eq!(browser.send("DELETE", "/session", Some(&browser.csrf_token), b"").status, 204);

    let log = admin.get("/audit").json();
    let acts: Vec<(&str, &str, &Value)> = log["items"]
        .as_array()
        .expect("items")
        .iter()
        .rev()
        .map(|act| (act["actor"].as_str().expect("a text"), act["action"].as_str().expect("a text"), &act["after"]))
        .collect();
    let (_, _, set) = acts[2];
    assert_eq!((acts[2].0, acts[2].1, &set["hasFace"]), ("admin-token", "operator.setFace", &json!(true)));
    let ways: Vec<&Value> =
        acts.iter().filter(|(_, action, _)| *action == "session.create").map(|(.., after)| &after["by"]).collect();
    assert_eq!(ways, ["face", "face", "password"]);
    assert_eq!((acts[3].0, acts[3].1), ("operator:ada", "session.create"));

    // Neither the picture nor the template can be had, and the picture is not kept.
    for path in [&*path, "/operators", "/audit", "/session", "/sessions"] {
        assert_without_template(&admin.get(path).json());
    }
    assert_eq!(objects(server.data_dir()), []);
    let database = rusqlite::Connection::open(server.data_dir().join("aicp.db")).expect("the database");
    let sealed: Vec<u8> = database
        .query_row("SELECT face_sealed FROM operator WHERE name = 'ada'", [], |row| row.get(0))
        .expect("sealed");
    assert_eq!(sealed.len(), 24 + 512 * 4 + 16);
}

#[test]
fn a_face_beside_the_password_is_a_second_factor() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = setup().data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    let new = json!({"name": "ada", "role": "admin", "password": PASSWORD, "signIn": "passwordAndFace"});
    assert_problem(&admin.json("POST", "/operators", &new), 409, "faceMissing");
    let id = create(&admin, "ada", "admin", None);
    let path = format!("/operators/{id}");
    let wanted = json!({"signIn": "passwordAndFace"});
    assert_problem(&admin.json("PATCH", &path, &wanted), 409, "faceMissing");

    let ada = Browser::sign_in(&server, &credentials("ada"));
    let own = |password: &str, picture: &[u8]| json!({"image": base64(picture), "password": password});
    assert_problem(&ada.json("PUT", "/session/face", &own("wrong", &obama())), 403, "wrongPassword");
    assert_problem(&ada.json("PUT", "/session/face", &own(PASSWORD, &no_face())), 422, "noFace");
    assert_problem(&ada.json("PUT", "/session/face", &json!({"password": PASSWORD})), 400, "badField");
    assert_problem(&admin.json("PUT", "/session/face", &own(PASSWORD, &obama())), 403, "forbidden");
    assert_eq!(ada.json("PUT", "/session/face", &own(PASSWORD, &obama())).status, 204);
    assert_eq!(ada.get("/session").json()["hasFace"], true);
    let changed = admin.json("PATCH", &path, &wanted);
    assert_eq!((changed.status, &changed.json()["signIn"]), (200, &json!("passwordAndFace")), "{}", changed.text());
    assert_eq!(ada.get("/session").status, 401, "it was opened without the face");

    assert_problem(&try_to_sign_in(&server, &credentials("ada")), 401, "faceWanted");
    let wrong = json!({"name": "ada", "password": "wrong"});
    assert_problem(&try_to_sign_in(&server, &wrong), 401, "loginFailed");
    assert_problem(&try_to_sign_in(&server, &with_face("ada", &biden())), 401, "faceUnknown");
    let ada = Browser::sign_in(&server, &with_face("ada", &obama2()));
    let shown = ada.get("/session").json();
    assert_eq!((&shown["role"], &shown["byFace"]), (&json!("admin"), &json!(false)), "{shown}");
    assert_eq!(ada.get("/audit?action=session.create").json()["items"][0]["after"]["by"], "passwordAndFace");
    assert_problem(&ada.json("DELETE", "/session/face", &json!({})), 409, "faceMissing");
    assert_problem(&admin.delete(&format!("{path}/face")), 409, "faceMissing");

    // It is so after a restart.
    server.stop();
    let server = setup().data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    assert_problem(&try_to_sign_in(&server, &credentials("ada")), 401, "faceWanted");
    let ada = Browser::sign_in(&server, &with_face("ada", &obama2()));
    assert_eq!(admin.json("PATCH", &path, &json!({"signIn": "password"})).status, 200);
    assert_eq!(ada.json("DELETE", "/session/face", &json!({})).status, 204);
    assert_problem(&ada.json("DELETE", "/session/face", &json!({})), 404, "faceNotFound");
    assert_problem(&admin.delete(&format!("{path}/face")), 404, "faceNotFound");
    assert_problem(&try_to_sign_in(&server, &face(&obama2())), 401, "faceUnknown");
    assert_eq!(try_to_sign_in(&server, &credentials("ada")).status, 200);

    let as_json = json!({"image": base64(&obama())});
    assert_eq!(admin.json("PUT", &format!("{path}/face"), &as_json).status, 200);
    let by_face = Browser::sign_in(&server, &face(&obama2()));
    assert_eq!(admin.delete(&format!("{path}/face")).status, 204);
    assert_eq!(by_face.get("/session").status, 401, "it ends with the face");
    assert_eq!(ada.get("/session").status, 200);
}

#[test]
fn sign_ins_by_face_are_limited_and_can_be_switched_off() {
    let server = Setup::new(&["auto"]).env("AICP_CONSOLE__ATTEMPTS_PER_MINUTE", "3").start();
    let admin = Rest::admin(&server);
    let id = create(&admin, "ada", "viewer", None);
    set_face(&admin, &id, &obama());
    let switch = |on: bool| {
        let changed = admin.json("PUT", "/settings/console.face_sign_in", &json!({"value": on, "reason": "a test"}));
        assert_eq!(changed.status, 200, "{}", changed.text());
    };
    switch(false);
    assert_eq!(ways(&server), json!({"isSetUp": true, "byFace": false}));
    assert_problem(&try_to_sign_in(&server, &face(&obama2())), 403, "faceSignInOff");
    switch(true);
    let statuses: Vec<u16> = (0..4).map(|_| try_to_sign_in(&server, &face(&biden())).status).collect();
    assert_eq!(statuses, [401, 401, 401, 429]);
    let late = try_to_sign_in(&server, &face(&obama2()));
    assert_problem(&late, 429, "tooManyAttempts");
    assert!(late.header("retry-after").is_some());
}

#[test]
fn a_face_survives_a_change_of_the_secret_key() {
    let server = setup().start();
    let admin = Rest::admin(&server);
    let id = create(&admin, "ada", "viewer", None);
    set_face(&admin, &id, &obama());
    let sealed = || {
        let keys = admin.get("/secret-keys").json();
        let count = |key: &Value| key["sealed"].as_u64().expect("a number");
        keys["items"].as_array().expect("items").iter().map(count).collect::<Vec<_>>()
    };
    assert_eq!(sealed(), [1]);
    let rotated = admin.json("POST", "/secret-keys", &json!({}));
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    wait_until("the face is sealed anew", || sealed() == [1, 0]);
    assert_eq!(admin.delete("/secret-keys?breakLinks=true").status, 200);
    let browser = Browser::sign_in(&server, &face(&obama2()));
    assert_eq!(browser.get("/session").json()["caller"], "operator:ada");
}

#[test]
fn a_face_of_other_models_does_not_count() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = setup().data_dir(data_dir.path()).start();
    let id = create(&Rest::admin(&server), "ada", "viewer", None);
    set_face(&Rest::admin(&server), &id, &obama());
    server.stop();
    let database = rusqlite::Connection::open(data_dir.path().join("aicp.db")).expect("the database");
    database.execute_batch("UPDATE operator SET face_version = 'of before'").expect("changed");
    drop(database);

    let server = setup().data_dir(data_dir.path()).start();
    let (admin, path) = (Rest::admin(&server), format!("/operators/{id}"));
    assert_eq!(admin.get(&path).json()["hasFace"], false);
    assert_eq!(ways(&server), json!({"isSetUp": true, "byFace": false}));
    assert_problem(&try_to_sign_in(&server, &face(&obama2())), 401, "faceUnknown");
    assert_problem(&admin.json("PATCH", &path, &json!({"signIn": "passwordAndFace"})), 409, "faceMissing");
    set_face(&admin, &id, &obama());
    assert_eq!(Browser::sign_in(&server, &face(&obama2())).get("/session").json()["caller"], "operator:ada");
}
