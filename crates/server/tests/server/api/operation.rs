//! Engines, the outbox, settings, models, version, storage and retention.

use std::fs;

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::engine::{Engine, Vendor, key};
use crate::fixture::{Server, Setup, TOKEN, wait_until, workspace};
use crate::http::Answer;
use crate::pictures::{biden, obama, obama2};

/// Starts a server whose default engine is a vendor's. Waiting writes are replayed on request.
fn server_of(engine: &Engine) -> Server {
    engine
        .known_to(Setup::new(&["auto"]))
        .env("AICP_ENGINES__DEFAULT", engine.vendor.name())
        .env("AICP_OUTBOX__AUTO_REPLAY", "false")
        .env("AICP_OUTBOX__INTERVAL_S", "1")
        .start()
}

/// Returns the writes that are not done.
fn waiting(admin: &Rest) -> Vec<Value> {
    admin.get("/outbox?done=false").json()["items"].as_array().expect("items").clone()
}

fn drop_write(admin: &Rest, id: &str) -> Answer {
    admin.json("POST", &format!("/outbox/{id}/drop"), &json!({"reason": " by mistake "}))
}

/// Creates a library, and returns its id and the one under which the engine knows it.
fn library_of(server: &Server) -> (String, String) {
    let made = server.admin(0).post("/aicp/face/addBase", &json!({"groupId": "staff", "dbName": "staff"}));
    let found = Rest::admin(server).get("/libraries?groupId=staff").json();
    (text(&found["items"][0]["id"]), made.data_text("personDbLib"))
}

#[test]
fn a_dropped_addition_that_was_never_sent_takes_its_person_along() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine);
    let admin = Rest::admin(&server);
    let (library, remote) = library_of(&server);
    let ada = text(&admin.person(&library, &[("name", "Ada")], &obama())["id"]);
    engine.kill();
    let joe = text(&admin.person(&library, &[("name", "Joe")], &biden())["id"]);
    let more = admin.form("POST", &format!("/libraries/{library}/people/{ada}/faces"), &[], &[("file", &obama2())]);
    assert_eq!(more.status, 201, "{}", more.text());
    let writes = waiting(&admin);
    assert_eq!(writes.len(), 2);
    for write in &writes {
        assert_eq!((&write["state"], &write["action"]), (&json!("waiting"), &json!("addFace")));
        assert_eq!((&write["mayBeDone"], &write["dropReason"]), (&json!(false), &Value::Null));
    }
    for write in &writes {
        let id = text(&write["id"]);
        let dropped = drop_write(&admin, &id);
        assert_eq!(dropped.status, 200, "{}", dropped.text());
        let dropped = dropped.json();
        assert_eq!((&dropped["state"], &dropped["dropReason"]), (&json!("dropped"), &json!("by mistake")));
        assert_eq!((&dropped["doneBy"], &dropped["hasPicture"]), (&json!("admin"), &json!(false)));
        assert_eq!(admin.get(&format!("/outbox/{id}")).json(), dropped, "it stays as a record");
        assert_problem(&drop_write(&admin, &id), 409, "writeDone");
        assert_problem(&admin.json("POST", &format!("/outbox/{id}/retry"), &json!({})), 409, "writeDone");
    }
    assert_problem(&admin.get(&format!("/libraries/{library}/people/{joe}")), 404, "personNotFound");
    let faces = admin.get(&format!("/libraries/{library}/people/{ada}/faces")).json();
    assert_eq!(faces["items"].as_array().expect("items").len(), 1, "who was there before stays, with the other face");
    engine.restart();
    assert!(waiting(&admin).is_empty());
    assert_eq!(engine.pictures(&remote), Some(vec![key(&obama())]));
}

#[test]
fn a_dropped_addition_that_may_have_arrived_is_undone_at_the_engine() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine);
    let admin = Rest::admin(&server);
    let (library, remote) = library_of(&server);
    engine.lose_answers(1);
    let joe = text(&admin.person(&library, &[("name", "Joe")], &biden())["id"]);
    assert_eq!(engine.pictures(&remote), Some(vec![key(&biden())]), "it arrived");
    let id = text(&waiting(&admin)[0]["id"]);
    assert_eq!(waiting(&admin)[0]["mayBeDone"], true);
    let dropped = drop_write(&admin, &id).json();
    assert_eq!((&dropped["state"], &dropped["action"]), (&json!("waiting"), &json!("undoAdd")), "{dropped}");
    assert_problem(&admin.get(&format!("/libraries/{library}/people/{joe}")), 404, "personNotFound");
    wait_until("the engine is asked again", || {
        admin.json("POST", &format!("/outbox/{id}/retry"), &json!({})).json()["isDone"] == json!(true)
    });
    assert_eq!(engine.pictures(&remote), Some(vec![]), "nothing is left there");
    let undone = admin.get(&format!("/outbox/{id}")).json();
    assert_eq!((&undone["state"], &undone["dropReason"]), (&json!("dropped"), &json!("by mistake")));
}

#[test]
fn an_undoing_that_is_dropped_is_given_up_and_so_is_a_removal() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine);
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let ada = text(&admin.person(&library, &[("name", "Ada")], &obama())["id"]);
    engine.lose_answers(1_000);
    admin.person(&library, &[("name", "Joe")], &biden());
    engine.kill();
    let id = text(&waiting(&admin)[0]["id"]);
    assert_eq!(drop_write(&admin, &id).json()["state"], "waiting");
    assert_eq!(drop_write(&admin, &id).json()["state"], "dropped");
    assert_eq!(admin.delete(&format!("/libraries/{library}/people/{ada}")).status, 204);
    let removal = waiting(&admin);
    assert_eq!((removal.len(), &removal[0]["action"]), (1, &json!("removeFace")));
    assert_eq!(drop_write(&admin, &text(&removal[0]["id"])).json()["state"], "dropped");
    assert!(waiting(&admin).is_empty());
    // A library that the engine was never asked for goes with its creation, unless it has people.
    let empty = admin.library("empty");
    let full = admin.library("full");
    admin.person(&full, &[], &obama());
    let creations: Vec<Value> =
        waiting(&admin).into_iter().filter(|write| write["action"] == "createLibrary").collect();
    assert_eq!(creations.len(), 2, "{creations:?}");
    for write in &creations {
        let answer = drop_write(&admin, &text(&write["id"]));
        if text(&write["libraryId"]) == empty {
            assert_eq!(answer.json()["state"], "dropped", "{}", answer.text());
            assert_problem(&admin.get(&format!("/libraries/{empty}")), 404, "libraryNotFound");
        } else {
            assert_problem(&answer, 409, "libraryNotEmpty");
            assert_eq!(admin.get(&format!("/libraries/{full}")).status, 200);
        }
    }
    for (body, code) in [(json!({}), "bodyNotReadable"), (json!({"reason": " "}), "badField")] {
        assert_problem(&admin.json("POST", &format!("/outbox/{id}/drop"), &body), 400, code);
    }
    let long = json!({"reason": "字".repeat(501)});
    assert_problem(&admin.json("POST", &format!("/outbox/{id}/drop"), &long), 400, "badField");
    assert_problem(&drop_write(&admin, "17"), 404, "writeNotFound");
}

#[test]
fn writes_are_listed_by_what_they_are_about_and_retried_by_one_call() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine);
    let admin = Rest::admin(&server);
    let (first, second) = (admin.library("first"), admin.library("second"));
    let ada = text(&admin.person(&first, &[("name", "Ada")], &obama())["id"]);
    engine.kill();
    admin.person(&first, &[("name", "Joe")], &biden());
    admin.person(&second, &[("name", "Joe")], &biden());
    admin.delete(&format!("/libraries/{first}/people/{ada}"));
    let list = |query: &str| {
        let page = admin.get(&format!("/outbox?{query}")).json();
        let items = page["items"].as_array().unwrap_or_else(|| panic!("{query}: {page}")).clone();
        items.iter().map(|write| (text(&write["libraryId"]), text(&write["action"]))).collect::<Vec<_>>()
    };
    let write = |library: &str, action: &str| (library.to_owned(), action.to_owned());
    let all = [write(&first, "removeFace"), write(&second, "addFace"), write(&first, "addFace")];
    assert_eq!(list("state=waiting"), all);
    assert_eq!(list("engine=koala&appId=admin&done=false"), all);
    assert_eq!(list(&format!("libraryId={second}&state=waiting")), all[1..2]);
    for none in ["state=refused", "state=done", "state=dropped", "engine=cloudwalk", "appId=shop", "libraryId=99"] {
        assert_eq!(list(none), [], "{none}");
    }
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = admin.get(&format!("/outbox?engine=koala&limit=1{cursor}")).json();
        pages.push(text(&page["items"][0]["libraryId"]));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(pages, [&*first, &second, &first]);
    for wrong in ["state=open", "libraryId=x", "engine=a&engine=b"] {
        assert_problem(&admin.get(&format!("/outbox?{wrong}")), 400, "badField");
    }

    engine.restart();
    let retry = |body: &Value| {
        let answer = admin.json("POST", "/outbox/retry", body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["writes"].clone()
    };
    assert_eq!(retry(&json!({"engine": "cloudwalk"})), 0);
    assert_eq!(retry(&json!({"state": "refused"})), 0);
    wait_until("the writes of the library are done", || {
        retry(&json!({"libraryId": second, "state": "waiting"}));
        list("done=false") == [write(&first, "removeFace"), write(&first, "addFace")]
    });
    assert_eq!(list("state=done"), all[1..2]);
    assert_eq!(retry(&json!({})), 2);
    wait_until("all writes are done", || list("done=false").is_empty());
    let act = admin.get("/audit?action=outbox.retryAll&limit=1").json()["items"][0].clone();
    assert_eq!((&act["target"], &act["after"]["writes"]), (&json!("outbox"), &json!(2)), "{act}");
    assert_problem(&admin.json("POST", "/outbox/retry", &json!({"state": "done"})), 400, "badField");
    assert_problem(&admin.json("POST", "/outbox/retry", &json!({"libraryId": "x"})), 400, "badField");
}

#[test]
fn the_health_of_engines_is_told_with_what_waits_for_them() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine);
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let koala = || admin.get("/engines").json()["items"][1].clone();
    wait_until("the engine is up", || koala()["isUp"] == json!(true));
    let up = koala();
    assert_eq!((&up["name"], &up["isDefault"], &up["address"]), (&json!("koala"), &json!(true), &json!(engine.url())));
    assert_eq!((&up["check"]["error"], &up["writes"]["waiting"]), (&Value::Null, &json!(0)));
    assert!(up["check"]["tookMs"].is_u64() && text(&up["check"]["since"]) <= text(&up["check"]["at"]), "{up}");
    engine.kill();
    admin.person(&library, &[], &obama());
    wait_until("the engine is down", || koala()["isUp"] == json!(false));
    let down = koala();
    assert!(down["check"]["error"].is_string(), "{down}");
    assert!(text(&down["check"]["since"]) > text(&up["check"]["since"]), "{down}");
    assert_eq!((&down["writes"]["waiting"], &down["writes"]["refused"]), (&json!(1), &json!(0)));
    assert!(down["writes"]["oldestAt"].is_string());
    let builtin = &admin.get("/engines").json()["items"][0];
    assert_eq!(
        (&builtin["name"], &builtin["isUp"], &builtin["check"]),
        (&json!("builtin"), &json!(true), &Value::Null)
    );
}

#[test]
fn settings_are_told_with_their_sources_and_without_secrets() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let file = folder.path().join("aicp.toml");
    fs::write(&file, "[recognition]\ntop_n = 3\n[engines.cloudwalk]\nurl = \"http://127.0.0.1:9/\"\n")
        .expect("written");
    let server = Setup::new(&["auto"])
        .env("AICP_CONFIG", file.to_str().expect("UTF-8"))
        .env("AICP_RECOGNITION__THRESHOLD", "0.7")
        .env("AICP_ENGINES__CLOUDWALK__APP_ID", "an-app")
        .env("AICP_ENGINES__CLOUDWALK__APP_SECRET", "a-secret-of-the-vendor")
        .start();
    let answer = Rest::admin(&server).get("/settings");
    assert_eq!(answer.status, 200);
    for secret in [TOKEN, "a-secret-of-the-vendor"] {
        assert!(!answer.text().contains(secret), "no secret is told");
    }
    let settings = answer.json()["items"].as_array().expect("items").clone();
    let setting = |name: &str| {
        settings.iter().find(|setting| setting["name"] == name).unwrap_or_else(|| panic!("{name}")).clone()
    };
    for (name, value, default, source) in [
        ("recognition.threshold", json!(0.7), json!(0.8), "environment"),
        ("recognition.top_n", json!(3), json!(1), "file"),
        ("statistics.retention_days", json!(365), json!(365), "default"),
        ("admin_token", json!("***"), Value::Null, "environment"),
        ("engines.cloudwalk.app_secret", json!("***"), Value::Null, "environment"),
        ("engines.cloudwalk.app_id", json!("an-app"), Value::Null, "environment"),
        ("recognition.fpir", Value::Null, Value::Null, "default"),
        ("api.cors_origins", json!([]), json!([]), "default"),
        ("statistics.zone", json!("Asia/Shanghai"), json!("Asia/Shanghai"), "default"),
    ] {
        let found = setting(name);
        let close = |a: &Value, b: &Value| match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-6,
            _ => a == b,
        };
        assert!(close(&found["value"], &value) && close(&found["default"], &default), "{found}");
        assert_eq!(found["source"], source, "{found}");
        assert!(found["description"].as_str().is_some_and(|text| !text.is_empty()), "{found}");
    }
    assert_eq!(setting("data_dir")["source"], "commandLine");
    assert_eq!(setting("recognition.top_n")["mustBe"], "in 1..=100");
    assert!(setting("authorization.capabilities")["value"]["C10000000001"].is_array());
}

#[test]
fn models_version_storage_and_retention_are_told() {
    let server = Setup::new(&["auto"]).env("AICP_STATISTICS__RETENTION_DAYS", "30").start();
    let admin = Rest::admin(&server);
    let models = admin.get("/models").json()["items"].as_array().expect("items").clone();
    let manifest = fs::read_to_string(workspace().join("models/models.toml")).expect("the manifest");
    for purpose in ["detector", "embedder", "landmarks", "liveness", "pose", "runtime"] {
        let model = models.iter().find(|model| model["purpose"] == purpose).unwrap_or_else(|| panic!("{purpose}"));
        let sha256 = text(&model["sha256"]);
        assert!(manifest.contains(&format!("sha256 = \"{sha256}\"")), "{model}");
        assert_eq!(model["licence"], "MIT", "{model}");
        assert_eq!(key(&fs::read(workspace().join("models").join(text(&model["file"]))).expect("the file")), sha256);
    }

    let version = admin.app("shop", &[]).get("/version").json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&version["database"], &version["engines"]), (&json!("sqlite"), &json!(["builtin"])));
    let embedder = models.iter().find(|model| model["purpose"] == "embedder").expect("a model");
    assert_eq!(
        (&version["algorithm"]["name"], &version["algorithm"]["version"]),
        (&embedder["algorithm"], &embedder["version"])
    );

    let library = admin.library("staff");
    admin.person(&library, &[], &obama());
    let storage = admin.get("/storage").json();
    assert_eq!((&storage["people"], &storage["faces"], &storage["waitingWrites"]), (&json!(1), &json!(1), &json!(0)));
    let size = fs::metadata(server.data_dir().join("aicp.db")).expect("the database").len();
    assert!(storage["databaseBytes"].as_u64().is_some_and(|bytes| bytes >= size), "{storage}");
    assert!(storage["freeBytes"].as_u64().is_some_and(|bytes| bytes > 0), "{storage}");

    let kept = admin.get("/retention").json();
    assert_eq!(
        kept["items"],
        json!([
            {"data": "calls", "keptSeconds": 30 * 86_400, "setting": "statistics.retention_days"},
            {"data": "jobs", "keptSeconds": 30 * 86_400, "setting": "jobs.retention_days"},
            {"data": "events", "keptSeconds": 30 * 86_400, "setting": "events.retention_days"},
            {"data": "idempotencyKeys", "keptSeconds": 86_400, "setting": null},
            {"data": "auditLog", "keptSeconds": null, "setting": null},
        ])
    );
}

#[test]
fn the_overview_tells_an_administrator_of_the_server_and_an_app_of_itself() {
    let server = Setup::new(&["auto"]).start();
    let admin = Rest::admin(&server);
    let app = admin.app("shop", &["C10000000001"]);
    admin.library("of the administrator");
    let library = app.library("staff");
    app.person(&library, &[], &obama());

    let told = admin.get("/overview").json();
    assert_eq!(told["minutes"].as_array().map(Vec::len), Some(60));
    assert_eq!((&told["libraries"], &told["people"], &told["faces"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(told["jobs"], json!({"running": 0, "queued": 0, "paused": 0, "failed": 0}));
    assert!(told["recognition"]["workers"].as_u64().is_some_and(|workers| workers > 0), "{told}");
    let node = &told["nodes"][0];
    assert_eq!((&node["version"], &node["searchableFaces"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(1)));
    for number in ["memoryBytes", "cpuSeconds", "openFiles"] {
        assert!(node[number].as_f64().is_some_and(|number| number > 0.0), "{number} of {node}");
    }
    assert_eq!((&told["engines"][0]["name"], &told["engines"][0]["isUp"]), (&json!("builtin"), &json!(true)));
    assert_eq!(told["storage"]["lastBackupAt"], Value::Null);

    let told = app.get("/overview").json();
    assert_eq!((&told["libraries"], &told["people"], &told["faces"]), (&json!(1), &json!(1), &Value::Null));
    for hidden in ["recognition", "nodes", "engines", "storage"] {
        assert_eq!(told[hidden], Value::Null, "{hidden}");
    }
}
