//! Keys of apps: created, listed and revoked through our own API and the command line.

use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp};
use crate::http::{Answer, send};
use crate::pictures::{base64, obama};

/// Calls our own API with a token.
fn call(server: &Server, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let target = format!("/api/v1{path}");
    send(server.addresses()[0], method, &target, &[("Authorization", &bearer)], body.as_bytes()).expect("an answer")
}

fn list(server: &Server, app: &str) -> Vec<Value> {
    let answer = call(server, "GET", &format!("/apps/{app}/keys"), TOKEN, "");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["keys"].as_array().expect("a list").clone()
}

fn keys_of(object: &Value) -> Vec<&str> {
    object.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.json()["code"]), (status, &json!(code)), "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.json()["title"].as_str().is_some_and(|title| !title.is_empty()));
}

#[test]
fn a_key_is_shown_with_its_secret_once_and_kept_sealed() {
    let server = Server::auto();
    let jd = server.key("shop", &json!({"kind": "jdcloud", "allowMd5": true, "callsPerSecond": 5, "callsPerDay": 9}));
    let ali = server.key("shop", &json!({"kind": "alibaba"}));
    let im = server.key("shop", &json!({"kind": "tencent-im"}));
    assert_eq!(keys_of(&jd), ["accessKey", "secretKey"]);
    assert_eq!(keys_of(&ali), ["accessKeyId", "accessKeySecret"]);
    assert_eq!(keys_of(&im), ["key", "sdkappid"]);
    let sdkappid = im["sdkappid"].as_u64().expect("a number");
    assert!((1_400_000_000..2_147_483_647).contains(&sdkappid), "{sdkappid}");

    let listed = list(&server, "shop");
    let ids: Vec<&Value> = listed.iter().map(|key| &key["id"]).collect();
    assert_eq!(ids, [&jd["accessKey"], &ali["accessKeyId"], &json!(sdkappid.to_string())]);
    let mut first = listed[0].clone();
    assert!(first["createdAt"].take().as_str().is_some_and(|at| at.ends_with('Z')));
    let expected = json!({
        "id": jd["accessKey"], "kind": "jdcloud", "allowMd5": true, "allowReplay": false,
        "callsPerSecond": 5, "callsPerDay": 9, "createdAt": null, "revokedAt": null,
    });
    assert_eq!(first, expected);

    server.stop();
    let kept = server.kept();
    for secret in [&jd["secretKey"], &ali["accessKeySecret"], &im["key"]] {
        kept.assert_without(secret.as_str().expect("a text").as_bytes());
    }
    assert!(kept.has(jd["accessKey"].as_str().expect("a text").as_bytes()), "what is no secret is found");
}

#[test]
fn a_revoked_key_stays_listed_and_only_its_own_app_has_it() {
    let server = Server::auto();
    let id = server.key("shop", &json!({"kind": "jdcloud"}))["accessKey"].as_str().expect("a text").to_owned();
    server.key("other", &json!({"kind": "jdcloud"}));
    let revoke = |app: &str, id: &str| call(&server, "DELETE", &format!("/apps/{app}/keys/{id}"), TOKEN, "");
    assert_refused(&revoke("other", &id), 404, "keyNotFound");
    assert_refused(&revoke("shop", "nothing"), 404, "keyNotFound");
    assert_eq!(list(&server, "shop")[0]["revokedAt"], Value::Null);
    assert_eq!(revoke("shop", &id).status, 204);
    let revoked_at = list(&server, "shop")[0]["revokedAt"].clone();
    assert!(revoked_at.is_string());
    assert_eq!(revoke("shop", &id).status, 204, "again is fine");
    assert_eq!(list(&server, "shop")[0]["revokedAt"], revoked_at, "the first time counts");

    let apps = call(&server, "GET", "/apps", TOKEN, "").json();
    for app in ["shop", "other", "admin", "legacy"] {
        let items = apps["items"].as_array().expect("a list");
        assert!(items.iter().any(|known| known["appId"] == app && known["state"] == "none"), "{apps}");
    }
    assert_refused(&call(&server, "GET", "/apps/nobody/keys", TOKEN, ""), 404, "appNotFound");
}

#[test]
fn nobody_but_the_administrator_makes_keys_and_only_sensible_ones() {
    let server = Server::auto();
    let token = server.grant("shop", &["C10000000001"]);
    let make = |token: &str, body: &str| call(&server, "POST", "/apps/shop/keys", token, body);
    assert_refused(&make("wrong", r#"{"kind":"jdcloud"}"#), 401, "tokenUnknown");
    assert_refused(&make("", r#"{"kind":"jdcloud"}"#), 401, "tokenMissing");
    assert_refused(&make(&token, r#"{"kind":"jdcloud"}"#), 403, "forbidden");
    let anonymous = send(server.addresses()[0], "POST", "/api/v1/apps/shop/keys", &[], b"{}").expect("an answer");
    assert_refused(&anonymous, 401, "tokenMissing");
    assert_eq!(anonymous.header("www-authenticate"), Some("Bearer"));
    for (body, code, field) in [
        ("", "bodyNotReadable", None),
        ("[]", "bodyNotReadable", None),
        ("{}", "bodyNotReadable", None),
        (r#"{"kind":"baidu"}"#, "badField", Some("kind")),
        (r#"{"kind":7}"#, "badField", Some("kind")),
        (r#"{"kind":"jdcloud","callsPerSecond":0}"#, "badField", Some("callsPerSecond")),
        (r#"{"kind":"jdcloud","callsPerDay":-1}"#, "badField", Some("callsPerDay")),
        (r#"{"kind":"jdcloud","allowmd5":true}"#, "badField", Some("allowmd5")),
        (r#"{"kind":"alibaba","allowMd5":true}"#, "badField", Some("kind")),
        (r#"{"kind":"tencent-im","allowReplay":true}"#, "badField", Some("kind")),
    ] {
        let refused = make(TOKEN, body);
        assert_refused(&refused, 400, code);
        assert_eq!(refused.json()["fields"][0]["name"].as_str(), field, "{body}");
    }
    assert_refused(&make(TOKEN, &" ".repeat(2 << 20)), 413, "tooLarge");
    assert_refused(&call(&server, "POST", "/apps/%01/keys", TOKEN, r#"{"kind":"jdcloud"}"#), 400, "appIdNotValid");
    assert_refused(&call(&server, "PUT", "/apps/shop/keys", TOKEN, ""), 405, "methodNotAllowed");
    for path in ["/nothing", "/", "", "/apps/shop/nothing", "/apps/%FF/keys"] {
        assert_refused(&call(&server, "GET", path, TOKEN, ""), 404, "pathNotFound");
    }
    assert_eq!(list(&server, "shop"), Vec::<Value>::new());
}

#[test]
fn the_command_line_works_on_the_data_folder_and_through_a_running_server() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let run = |args: &[&str]| {
        let mut command = aicp(["app"]);
        command.args(args).arg("--data-dir").arg(&data_dir);
        Ran::of(&mut command)
    };
    let add = |kind: &str| {
        let ran = run(&["add-key", "shop", "--kind", kind, "--json"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.json()
    };
    let before = add("jdcloud");
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    let during = add("alibaba");
    let listed = list(&server, "shop");
    let ids: Vec<&Value> = listed.iter().map(|key| &key["id"]).collect();
    assert_eq!(ids, [&before["accessKey"], &during["accessKeyId"]]);
    let same = run(&["keys", "shop", "--json"]).json();
    assert_eq!(same["keys"], json!(listed));

    let id = during["accessKeyId"].as_str().expect("a text");
    assert_eq!(run(&["revoke-key", "shop", id]).code, Some(0));
    assert!(list(&server, "shop")[1]["revokedAt"].is_string());
    let refused = run(&["revoke-key", "shop", "nothing"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("no such key"), "{}", refused.stderr);
    server.stop();

    let text = run(&["keys", "shop"]).stdout;
    assert!(text.contains("jdcloud") && text.contains("active") && text.contains("revoked"), "{text}");
    assert!(run(&["list"]).stdout.lines().any(|line| line == "shop"));
    assert_eq!(run(&["add-key", "shop", "--kind", "baidu"]).code, Some(2));
    assert_eq!(run(&["add-key", "shop", "--kind", "alibaba", "--allow-md5"]).code, Some(1));
    assert_eq!(run(&["revoke-key", "shop", "nothing"]).code, Some(1));
    assert!(!data_dir.join("admin-token").exists(), "no command makes one");
}

#[test]
fn a_command_asks_the_server_whether_it_is_ready() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let health = || Ran::of(aicp(["health", "--data-dir"]).arg(&data_dir));
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    let asked = health();
    assert_eq!((asked.code, asked.stdout.as_str()), (Some(0), "ready\n"));
    let database = data_dir.join("aicp.db");
    std::fs::rename(&database, temp.path().join("aicp.db")).expect("the database is there");
    let asked = health();
    assert!(asked.code == Some(1) && asked.stderr.starts_with("error: not ready: store: "), "{}", asked.stderr);
    std::fs::rename(temp.path().join("aicp.db"), &database).expect("the database is there");
    server.stop();
    let asked = health();
    assert!(asked.code == Some(1) && asked.stderr.contains("control.sock"), "{}", asked.stderr);
}

#[test]
fn a_command_trusts_nothing_but_the_folder() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data_dir = temp.path().join("data");
    let list = || Ran::of(aicp(["app", "list", "--data-dir"]).arg(&data_dir));
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    assert_eq!(list().code, Some(0));
    let mode = std::fs::metadata(&data_dir).expect("the folder").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else gets at the socket");
    server.kill();
    assert!(data_dir.join("control.sock").exists(), "it was left behind");
    assert_eq!(list().code, Some(0), "the folder is free");
    let server = Setup::new(&["auto"]).data_dir(&data_dir).start();
    assert_eq!(list().code, Some(0), "what was left behind is no hindrance");
    server.stop();
    assert!(!data_dir.join("control.sock").exists());
}

#[test]
fn the_threshold_that_a_librarys_size_asks_for_is_told() {
    let thresholds = |fpir: Option<&str>| {
        let mut setup = Setup::new(&["auto"]);
        if let Some(fpir) = fpir {
            setup = setup.env("AICP_RECOGNITION__FPIR", fpir);
        }
        let server = setup.start();
        let api = server.admin(0);
        api.post("/aicp/face/addBase", &json!({"groupId": "staff", "dbName": "Staff"})).data();
        api.post("/aicp/face/add", &json!({"groupId": "staff", "image": base64(&obama())})).data();
        let answer = call(&server, "GET", "/apps/admin/libraries", TOKEN, "");
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_refused(&call(&server, "GET", "/apps/nobody/libraries", TOKEN, ""), 404, "appNotFound");
        answer.json()
    };
    // One face and 1 stranger in 100: a false-match rate of 1 in 100. The default threshold is far above it.
    let answer = thresholds(None);
    assert_eq!(keys_of(&answer), ["fpir", "libraries"]);
    assert_eq!(answer["fpir"], 0.01);
    let staff = &answer["libraries"][0];
    assert_eq!(keys_of(staff), ["engine", "faces", "id", "name", "recommendedThreshold", "threshold"]);
    assert_eq!((&staff["id"], &staff["name"], &staff["engine"]), (&json!("staff"), &json!("Staff"), &json!("builtin")));
    assert_eq!(staff["faces"], 1);
    let number = |value: &Value| value.as_f64().expect("a number");
    assert!((number(&staff["threshold"]) - 0.80).abs() < 1e-6, "{staff}");
    assert!((number(&staff["recommendedThreshold"]) - 0.60).abs() < 1e-6, "{staff}");
    // 1 in 100,000: docs/recognition.md has 0.86 in its table, and the threshold follows.
    let answer = thresholds(Some("0.00001"));
    assert_eq!(answer["fpir"], 0.00001);
    let staff = &answer["libraries"][0];
    assert!((number(&staff["recommendedThreshold"]) - 0.86).abs() < 1e-6, "{staff}");
    assert_eq!(staff["threshold"], staff["recommendedThreshold"]);
}
