//! Settings that change while the server runs.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::engine::{Engine, Vendor, key};
use crate::fixture::{Server, Setup, wait_until};
use crate::gate::dark;
use crate::http::Answer;
use crate::pictures::{biden, obama, obama2};

fn put(admin: &Rest, name: &str, value: &Value, reason: &str) -> Answer {
    admin.json("PUT", &format!("/settings/{name}"), &json!({"value": value, "reason": reason}))
}

/// Gives a setting a value and returns how it is shown then.
#[track_caller]
fn set(admin: &Rest, name: &str, value: &Value) -> Value {
    let answer = put(admin, name, value, "a test");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn changes(admin: &Rest, query: &str) -> Vec<Value> {
    let answer = admin.get(&format!("/setting-changes{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("items").clone()
}

fn undo(admin: &Rest, change: &Value, body: &Value) -> Answer {
    admin.json("POST", &format!("/setting-changes/{}/undo", text(change)), body)
}

/// Returns the number of people that a recognition of a known face finds.
fn found(admin: &Rest, library: &str) -> usize {
    let answer = admin.form("POST", &format!("/libraries/{library}/identify"), &[], &[("file", &obama2())]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    let matches = answer["matches"].as_array().or_else(|| answer["faces"][0]["matches"].as_array());
    matches.unwrap_or_else(|| panic!("{answer}")).len()
}

#[test]
fn a_threshold_counts_for_the_next_recognition_and_after_a_restart() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let setup = || Setup::new(&["auto"]).data_dir(temp.path()).env("AICP_RECOGNITION__THRESHOLD", "0.7");
    let server = setup().start();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[("name", "Barack")], &obama());
    assert_eq!(found(&admin, &library), 1);

    let shown = set(&admin, "recognition.threshold", &json!(0.9999));
    assert_eq!((&shown["value"], &shown["source"]), (&json!(0.9999), &json!("database")));
    assert_eq!((&shown["base"], &shown["baseSource"]), (&json!(0.7), &json!("environment")));
    assert_eq!(
        (&shown["default"], &shown["appliesAtOnce"], &shown["fixed"]),
        (&json!(0.8), &json!(true), &json!(false))
    );
    assert_eq!(shown["stored"], json!({"value": 0.9999, "change": "1", "ignored": null}));
    assert_eq!(admin.get("/settings/recognition.threshold").json(), shown);
    assert_eq!(found(&admin, &library), 0);
    assert_eq!(set(&admin, "recognition.threshold", &json!(0.9999)), shown, "nothing is to be changed");
    server.stop();

    let server = setup().start();
    let admin = Rest::admin(&server);
    assert_eq!(found(&admin, &library), 0, "it stays");
    let answer = admin.delete("/settings/recognition.threshold?reason=the%20trial%20is%20over");
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(found(&admin, &library), 1);
    let shown = admin.get("/settings/recognition.threshold").json();
    assert_eq!(
        (&shown["value"], &shown["source"], &shown["stored"]),
        (&json!(0.7), &json!("environment"), &Value::Null)
    );
    assert_problem(&admin.delete("/settings/recognition.threshold?reason=x"), 404, "settingNotChanged");

    let history = changes(&admin, "");
    let told = |change: &Value| {
        json!([change["id"], change["setting"], change["before"], change["after"], change["reason"], change["actor"]])
    };
    let value = json!({"value": 0.9999});
    assert_eq!(
        history.iter().map(told).collect::<Vec<_>>(),
        [
            json!(["2", "recognition.threshold", value, null, "the trial is over", "admin-token"]),
            json!(["1", "recognition.threshold", null, value, "a test", "admin-token"]),
        ]
    );
    let acts = admin.get("/audit?action=setting.").json()["items"].as_array().expect("items").clone();
    let told = |act: &Value| json!([act["action"], act["actor"], act["target"], act["before"], act["after"]]);
    assert_eq!(
        acts.iter().map(told).collect::<Vec<_>>(),
        [
            json!([
                "setting.unset", "admin-token", "setting recognition.threshold",
                {"source": "database", "value": 0.9999},
                {"source": "base", "value": null, "change": 2, "reason": "the trial is over"},
            ]),
            json!([
                "setting.set", "admin-token", "setting recognition.threshold",
                {"source": "base", "value": null},
                {"source": "database", "value": 0.9999, "change": 1, "reason": "a test"},
            ]),
        ]
    );
    assert_eq!(admin.get("/audit/check").json()["brokenAt"], Value::Null);
}

#[test]
fn the_last_change_of_a_setting_is_taken_back_and_no_earlier_one() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    set(&admin, "recognition.top_n", &json!(3));
    set(&admin, "recognition.top_n", &json!(5));
    set(&admin, "jobs.max_open", &json!(7));
    let value = |name: &str| admin.get(&format!("/settings/{name}")).json()["value"].clone();
    let refused = undo(&admin, &json!("1"), &json!({}));
    assert_problem(&refused, 409, "settingChangedSince");
    assert!(text(&refused.json()["title"]).contains("by change 2"), "{}", refused.text());
    assert_eq!(value("recognition.top_n"), 5);

    let undone = undo(&admin, &json!("2"), &json!({})).json();
    assert_eq!((&undone["undoes"], &undone["after"]["value"]), (&json!("2"), &json!(3)), "{undone}");
    assert_eq!((value("recognition.top_n"), value("jobs.max_open")), (json!(3), json!(7)));
    assert_problem(&undo(&admin, &json!("2"), &json!({})), 409, "settingChangedSince");
    let redone = undo(&admin, &undone["id"], &json!({"reason": "it was right"})).json();
    assert_eq!((&redone["reason"], value("recognition.top_n")), (&json!("it was right"), json!(5)));
    assert_eq!(undo(&admin, &json!("3"), &json!({})).status, 200);
    assert_eq!(admin.get("/settings/jobs.max_open").json()["source"], "default");
    for unknown in ["99", "x", "-1"] {
        assert_problem(&undo(&admin, &json!(unknown), &json!({})), 404, "settingChangeNotFound");
    }

    let ids = |rows: &[Value]| rows.iter().map(|row| text(&row["id"])).collect::<Vec<_>>();
    assert_eq!(ids(&changes(&admin, "?setting=jobs.max_open")), ["6", "3"]);
    let first = admin.get("/setting-changes?limit=4").json();
    let second = changes(&admin, &format!("?limit=4&cursor={}", text(&first["next"])));
    assert_eq!(ids(first["items"].as_array().expect("items")), ["6", "5", "4", "3"]);
    assert_eq!(ids(&second), ["2", "1"]);
}

#[test]
fn values_that_are_not_allowed_are_refused_with_the_reason() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    for (name, value, status, code, reason) in [
        ("recognition.threshold", json!(1.5), 400, "settingNotValid", "recognition.threshold must be in 0..1"),
        ("recognition.threshold", json!("high"), 400, "settingNotValid", "recognition.threshold: invalid type"),
        ("recognition.threshold", Value::Null, 400, "settingNotValid", "recognition.threshold: invalid type"),
        ("recognition.top_n", json!(-1), 400, "settingNotValid", "recognition.top_n: invalid value"),
        ("recognition.app_gates", json!({"kiosk": "open"}), 400, "settingNotValid", "app_gates.kiosk: unknown variant"),
        ("engines.koala.url", json!("http://127.0.0.1:9/"), 400, "settingNotValid", "with a restart only"),
        ("engines.koala.remote.timeout_ms", json!(2000), 400, "settingNotValid", "more than connect_timeout_ms"),
        ("log.level", json!("a=b=c"), 400, "settingNotValid", "log.level: "),
        ("listen", json!(["127.0.0.1:1"]), 409, "settingLocked", "with a restart only"),
        ("admin_token", json!("another token of some length"), 409, "settingLocked", "with a restart only"),
        ("recognition.nonsense", json!(1), 404, "settingNotFound", "no such setting"),
        ("recognition", json!({"top_n": 2}), 404, "settingNotFound", "no such setting"),
    ] {
        let refused = put(&admin, name, &value, "a test");
        assert_problem(&refused, status, code);
        assert!(text(&refused.json()["title"]).contains(reason), "{name}: {}", refused.text());
    }
    for reason in ["", "  ", "a\nb", &"x".repeat(501)] {
        assert_problem(&put(&admin, "recognition.top_n", &json!(2), reason), 400, "reasonNotValid");
    }
    let without = admin.json("PUT", "/settings/recognition.top_n", &json!({"value": 2}));
    assert_problem(&without, 400, "bodyNotReadable");
    assert_problem(&admin.delete("/settings/recognition.top_n"), 400, "bodyNotReadable");
    assert_problem(&admin.get("/settings/recognition.nonsense"), 404, "settingNotFound");
    assert_eq!(changes(&admin, ""), [Value::Null; 0], "nothing was changed");

    // Two settings that depend on each other: the second value needs the first, which then can't go.
    set(&admin, "engines.koala.remote.timeout_ms", &json!(30_000));
    set(&admin, "engines.koala.remote.connect_timeout_ms", &json!(20_000));
    let refused = admin.delete("/settings/engines.koala.remote.timeout_ms?reason=x");
    assert_problem(&refused, 400, "settingNotValid");
    assert!(refused.text().contains("connect_timeout_ms would not be allowed any more"), "{}", refused.text());
    assert_eq!(admin.delete("/settings/engines.koala.remote.connect_timeout_ms?reason=x").status, 204);
    assert_eq!(admin.delete("/settings/engines.koala.remote.timeout_ms?reason=x").status, 204);
}

#[test]
fn fixed_settings_and_values_that_are_no_longer_allowed_are_left_to_the_base() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let setup = || Setup::new(&["auto"]).data_dir(temp.path());
    let server = setup().start();
    let admin = Rest::admin(&server);
    set(&admin, "recognition.threshold", &json!(0.9));
    set(&admin, "statistics.max_rows", &json!(5));
    set(&admin, "recognition.top_n", &json!(9));
    server.stop();
    // As a program of another version may have left it.
    let database = rusqlite::Connection::open(temp.path().join("aicp.db")).expect("opens");
    database.execute("UPDATE setting SET value = '0' WHERE name = 'statistics.max_rows'", []).expect("written");
    database.execute("INSERT INTO setting VALUES ('recognition.former', '1', 1)", []).expect("written");
    drop(database);

    let server = setup().env("AICP_SETTINGS__FIXED", "recognition.threshold, log.*").start();
    let admin = Rest::admin(&server);
    let shown = |name: &str| admin.get(&format!("/settings/{name}")).json();
    for (name, value, ignored) in
        [("recognition.threshold", json!(0.8), "fixed"), ("statistics.max_rows", json!(50_000), "1 or more")]
    {
        let shown = shown(name);
        assert_eq!((&shown["value"], &shown["source"]), (&value, &json!("default")), "{shown}");
        assert!(text(&shown["stored"]["ignored"]).contains(ignored), "{shown}");
        assert!(server.has_logged(name), "{}", server.log());
    }
    assert!(server.has_logged("recognition.former") && server.has_logged("a value of the database is ignored"));
    assert_eq!((&shown("recognition.top_n")["value"], &shown("log.level")["fixed"]), (&json!(9), &json!(true)));
    for name in ["recognition.threshold", "log.level"] {
        assert_problem(&put(&admin, name, &json!(0.5), "a test"), 409, "settingLocked");
    }
    // What is ignored can be taken out, and other settings can be changed.
    set(&admin, "recognition.top_n", &json!(4));
    for name in ["recognition.threshold", "recognition.former"] {
        assert_eq!(admin.delete(&format!("/settings/{name}?reason=cleaning%20up")).status, 204, "{name}");
    }
    assert_eq!(shown("recognition.threshold")["stored"], Value::Null);
    assert_eq!(set(&admin, "statistics.max_rows", &json!(6))["value"], 6);
}

#[test]
fn limits_and_the_level_of_the_log_change_at_once() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    admin.library("one");
    set(&admin, "face_api.max_groups", &json!(1));
    assert_problem(&admin.json("POST", "/libraries", &json!({"name": "two"})), 409, "tooManyLibraries");
    set(&admin, "face_api.max_groups", &json!(2));
    admin.library("two");

    let kept = admin.get("/retention").json()["items"][0]["keptSeconds"].clone();
    set(&admin, "statistics.retention_days", &json!(7));
    let kept_now = admin.get("/retention").json()["items"][0]["keptSeconds"].clone();
    assert_eq!((kept, kept_now), (json!(365 * 86_400), json!(7 * 86_400)));

    assert!(!server.has_logged("\"DEBUG\""));
    set(&admin, "log.level", &json!("aicp_store_sqlite=debug,info"));
    assert_eq!(admin.get("/storage").status, 200);
    wait_until("statements are logged", || server.has_logged("\"DEBUG\""));
}

#[test]
fn galleries_hold_the_faces_that_the_loosest_gate_admits() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(temp.path()).start();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[("name", "Ada")], &obama());
    let path = format!("/libraries/{library}/people");
    let enrol_dark = || admin.form("POST", &path, &[("name", "Joe")], &[("file", &dark(&biden()))]);
    let searchable = |admin: &Rest| admin.get("/apps/admin/libraries").json()["libraries"][0]["faces"].clone();
    assert_problem(&enrol_dark(), 422, "notRecognisable");
    set(&admin, "recognition.app_gates", &json!({"admin": "off"}));
    assert_eq!(enrol_dark().status, 201);
    assert_eq!(searchable(&admin), 2);
    assert_eq!(admin.delete("/settings/recognition.app_gates?reason=too%20many").status, 204);
    assert_eq!(searchable(&admin), 1, "the gate leaves the dark face out");
    assert_problem(&enrol_dark(), 422, "notRecognisable");
    set(&admin, "recognition.gate", &json!("off"));
    assert_eq!(searchable(&admin), 2, "it is back");
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(temp.path()).start();
    assert_eq!(searchable(&Rest::admin(&server)), 2);
}

#[test]
fn writes_go_on_at_the_new_address_of_an_engine() {
    let (gone, engine) = (Engine::absent(Vendor::Koala), Engine::start(Vendor::Koala));
    let server = gone
        .known_to(Setup::new(&["auto"]))
        .env("AICP_ENGINES__DEFAULT", "koala")
        // Only the change wakes the outbox.
        .env("AICP_OUTBOX__INTERVAL_S", "86400")
        .start();
    let admin = Rest::admin(&server);
    let made = server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "staff", "dbName": "staff"}));
    let remote = made.data_text("personDbLib");
    let library = text(&admin.get("/libraries?groupId=staff").json()["items"][0]["id"]);
    admin.person(&library, &[("name", "Ada")], &obama());
    let waiting = || admin.get("/outbox?done=false").json()["items"].as_array().expect("items").len();
    assert_eq!(waiting(), 2);

    set(&admin, "engines.koala.url", &json!(engine.url()));
    assert_eq!(text(&admin.get("/engines").json()["items"][1]["address"]), engine.url());
    wait_until("the outbox is empty", || waiting() == 0);
    assert_eq!(engine.pictures(&remote), Some(vec![key(&obama())]));
    assert_eq!(found(&admin, &library), 1, "it is asked from now on");
}
