//! Section 6: grants, and that tokens open exactly what was granted, on every listener.

use std::fs;

use aicp_types::{Clock, SystemClock};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::fixture::{Server, Setup, StoredBytes, TOKEN};
use crate::http::{Answer, Api, JSON, coded, plain};
use crate::pictures::{base64, obama};
use crate::template::assert_matches;

const GRANT: &str = "/authorize/grantAuthorize";
const UPDATE: &str = "/authorize/updateAuthorize";
const DELETE: &str = "/authorize/deleteAuthorizedUser";

const FUTURE: &str = "2099-11-11 00:00:00";
const PAST: &str = "2020-11-11 00:00:00";
const FAILED: &str = "运行时出错!";
const NOT_GRANTED: &str = "未授权该能力";
const EXPIRED: &str = "授权已过期";
const UNKNOWN: &str = "token无效";
const MISSING: &str = "token不能为空";
/// All capability ids of the default map.
const ALL: [&str; 9] = [
    "C10000000001",
    "C10000000002",
    "C10000000003",
    "C10000000004",
    "C10000000005",
    "C10000000006",
    "C10000000007",
    "C10000000008",
    "C10000000009",
];

fn request(app: &str, due: &str, capabilities: impl Into<Value>) -> Value {
    json!({"appId": app, "dueTime": due, "capabilityIdArray": capabilities.into()})
}

fn ok(data: &str) -> String {
    format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{data}}}"#)
}

/// Checks an error response in Spring's format: HTTP 500 with time, message and path.
#[track_caller]
pub fn assert_spring(answer: &Answer, message: &str, path: &str) {
    assert_eq!((answer.status, answer.header("content-type")), (500, Some(JSON)), "{}", answer.text());
    let template = format!(
        r#"{{"timestamp":"<utc>","status":500,"error":"Internal Server Error","message":"{message}","path":"{path}"}}"#
    );
    let time = assert_matches(answer.text(), &template).swap_remove(0);
    let time: Timestamp = time.replace("+0000", "Z").parse().expect("a moment");
    let now = SystemClock.now().timestamp();
    assert!(time <= now && now.duration_since(time).as_hours() < 1, "{time} is in UTC and now");
}

/// Calls an operation that the first capability opens.
fn libraries(api: &Api) -> Answer {
    api.post("/aicp/face/queryBaseAll", &json!({}))
}

#[test]
fn grant_update_and_delete_answer_as_the_manual_shows() {
    let server = Server::auto();
    let admin = server.admin(0);
    let answer = admin.post(GRANT, &request("testan", "2020-11-11 00:00:00", json!(["C10000000001,C10000000002"])));
    assert_eq!((answer.status, answer.header("content-type")), (200, Some(JSON)));
    let template = ok(r#"{"appId":"testan","dueTime":"2020-11-11 00:00:00","token":"<base64>"}"#);
    let token = assert_matches(answer.text(), &template).swap_remove(0);
    assert_eq!(STANDARD.decode(&token).map(|bytes| bytes.len()), Ok(16), "{token}");

    let again = request("testan", FUTURE, json!(["C10000000001"]));
    assert_spring(&admin.post(GRANT, &again), "当前授权用户已存在", GRANT);
    let path = "/Authorize/GRANTauthorize/";
    assert_spring(&admin.post(path, &again), "当前授权用户已存在", path);

    let more = request("testan", FUTURE, json!(["C10000000001,C10000000002,C10000000003"]));
    let updated = |exist: &str, add: &str| {
        ok(&format!(r#"{{"existAuthorize":"{exist}","addAuthorize":"{add}","appId":"testan","token":"{token}"}}"#))
    };
    admin.post(UPDATE, &more).assert(200, &updated("[C10000000001, C10000000002]", "[C10000000003]"));
    admin.post(UPDATE, &more).assert(200, &updated("[C10000000001, C10000000002, C10000000003]", "[]"));
    admin
        .post(UPDATE, &request("testan", FUTURE, json!(["C10000000004"])))
        .assert(200, &updated("[]", "[C10000000004]"));
    admin.post(UPDATE, &request("nobody", FUTURE, json!(["C10000000001"]))).assert(200, &coded(FAILED));

    admin.post(DELETE, &json!({"appId": "testan"})).assert(200, &ok(r#"{"appId":"testan"}"#));
    admin.post(DELETE, &json!({"appId": "testan"})).assert(200, &coded("该用户不存在"));
    admin.post(UPDATE, &more).assert(200, &coded(FAILED));
}

#[test]
fn every_wrong_request_has_its_message() {
    let server = Server::auto();
    let admin = server.admin(0);
    server.grant("known", &["C10000000001"]);
    for (field, value, message) in [
        ("appId", Value::Null, "appId不能为空"),
        ("appId", json!(" "), "appId不能为空"),
        ("appId", json!({}), "appId格式错误"),
        ("dueTime", Value::Null, "dueTime不能为空"),
        ("dueTime", json!("2099-11-11"), FAILED),
        ("dueTime", json!("2099-02-30 00:00:00"), FAILED),
        ("dueTime", json!("2099-11-11T00:00:00"), FAILED),
        ("dueTime", json!("soon"), FAILED),
        ("capabilityIdArray", Value::Null, "capabilityIdArray不能为空"),
        ("capabilityIdArray", json!([]), "capabilityIdArray不能为空"),
        ("capabilityIdArray", json!([" , "]), "capabilityIdArray不能为空"),
        ("capabilityIdArray", json!({"id": "C10000000001"}), "capabilityIdArray格式错误"),
        ("capabilityIdArray", json!([["C10000000001"]]), "capabilityIdArray格式错误"),
        ("capabilityIdArray", json!(["C10000000099"]), FAILED),
        ("capabilityIdArray", json!(["C10000000001,c10000000002"]), FAILED),
    ] {
        let mut body = request("new", FUTURE, json!(["C10000000001"]));
        body[field] = value.clone();
        admin.post(GRANT, &body).assert(200, &coded(message));
        // Updates have one message for all failures.
        if field != "appId" {
            body["appId"] = json!("known");
        }
        admin.post(UPDATE, &body).assert(200, &coded(FAILED));
    }
    admin.post(DELETE, &json!({})).assert(200, &coded("appId不能为空"));
    for path in [GRANT, UPDATE, DELETE] {
        admin.post_bytes(path, b"{").assert(400, &coded("请求格式错误"));
        admin.post_bytes(path, b"[]").assert(400, &coded("请求格式错误"));
    }
    // None of the wrong requests changed the grant.
    admin.post(DELETE, &json!({"appId": "new"})).assert(200, &coded("该用户不存在"));
    let held = admin.post(UPDATE, &request("known", FUTURE, ALL.to_vec())).data();
    assert_eq!(held["existAuthorize"], "[C10000000001]");
}

#[test]
fn capability_lists_are_read_however_they_are_packed() {
    let server = Server::auto();
    let admin = server.admin(0);
    for (index, packed) in [
        json!(["C10000000003,C10000000001"]),
        json!(["C10000000003", "C10000000001"]),
        json!("C10000000003,C10000000001"),
        json!([" C10000000003 ,, C10000000001,C10000000003", "", "C10000000001", null]),
    ]
    .into_iter()
    .enumerate()
    {
        let app = format!("app{index}");
        admin.post(GRANT, &request(&app, FUTURE, packed.clone())).data();
        let held = admin.post(UPDATE, &request(&app, FUTURE, ALL.to_vec())).data();
        assert_eq!(held["existAuthorize"], "[C10000000001, C10000000003]", "{packed}");
        let others =
            "[C10000000002, C10000000004, C10000000005, C10000000006, C10000000007, C10000000008, C10000000009]";
        assert_eq!(held["addAuthorize"], others, "{packed}");
        // Both lists follow the order of the request.
        let held = admin.post(UPDATE, &request(&app, FUTURE, packed)).data();
        assert_eq!(held["existAuthorize"], "[C10000000003, C10000000001]");
    }
}

#[test]
fn an_update_takes_nothing_away_and_replaces_the_due_time() {
    let server = Server::auto();
    let admin = server.admin(0);
    let token = server.grant("shop", &["C10000000001"]);
    let app = server.anonymous(0).with_token(&token);
    libraries(&app).data();
    let quality = |app: &Api| app.post("/aicp/face/quality", &json!({"image": base64(&obama())}));
    quality(&app).assert(403, &coded(NOT_GRANTED));

    let update = |due: &str| {
        let answer = admin.post(UPDATE, &request("shop", due, json!(["C10000000004"])));
        assert_eq!(answer.data_text("token"), token, "unchanged");
    };
    update(FUTURE);
    quality(&app).data();
    libraries(&app).data();
    update(PAST);
    libraries(&app).assert(401, &coded(EXPIRED));
    quality(&app).assert(401, &coded(EXPIRED));
    update(FUTURE);
    libraries(&app).data();
    // Unknown callers learn nothing about grants.
    libraries(&server.anonymous(0).with_token(&token[1..])).assert(401, &coded(UNKNOWN));
}

#[test]
fn a_past_due_time_can_be_granted_and_opens_nothing() {
    let server = Setup::new(&["legacy", "micro"]).start();
    let answer = server.admin(0).post(GRANT, &request("late", PAST, ALL.to_vec()));
    let token = answer.data_text("token");
    let app = |listener: usize| server.anonymous(listener).with_token(&token);
    libraries(&app(0)).assert(401, &coded(EXPIRED));
    app(0).post("/aicp/face/quality", &json!({})).assert(401, &plain(EXPIRED));
    app(1).post("/aicp/face/quality", &json!({})).assert(401, &coded(EXPIRED));
    app(0).post("/method/call", &json!({})).assert(401, &plain(EXPIRED));
    app(1).post("/method/call", &json!({})).assert(401, &coded(EXPIRED));
    app(0).post("/interactiveability/face/faceentry", &json!({})).assert(401, &coded(EXPIRED));
    app(0).post(GRANT, &json!({})).assert(401, &coded(EXPIRED));
    app(0).post("/asynchrony/getall", &json!({})).assert(401, &coded(EXPIRED));
    assert_coded(&app(0).post("/face-api/v3/group/list", &json!({})), 111, "Access token expired");
}

/// Due times are in Shanghai time, whatever the time zone of the machine or of the statistics.
#[test]
fn due_times_are_in_shanghai() {
    let server = Setup::new(&["auto"]).env("TZ", "America/New_York").env("AICP_STATISTICS__ZONE", "UTC").start();
    let shanghai = |hours: i64| {
        let time = SystemClock.now().timestamp().checked_add(hours.hours()).expect("a moment");
        let local = time.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(8)));
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    };
    for (hours, status) in [(1, 200), (-1, 401)] {
        let app = format!("app{hours}");
        let token = server.admin(0).post(GRANT, &request(&app, &shanghai(hours), ALL.to_vec())).data_text("token");
        assert_eq!(libraries(&server.anonymous(0).with_token(&token)).status, status, "{hours}");
    }
}

#[test]
fn a_deleted_token_is_dead_at_once_and_the_libraries_stay() {
    let server = Server::auto();
    let token = server.grant("shop", &ALL);
    let app = server.anonymous(0).with_token(&token);
    app.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "库"})).data();
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    let person = app.post("/aicp/face/add", &enrolment).data_text("personNo");
    let other = server.grant("other", &ALL);

    server.admin(0).post(DELETE, &json!({"appId": "shop"})).data();
    libraries(&app).assert(401, &coded(UNKNOWN));
    assert_coded(&app.post("/face-api/v3/group/list", &json!({})), 110, "Access token invalid or no longer valid");

    let renewed = server.grant("shop", &["C10000000001", "C10000000002"]);
    assert_ne!(renewed, token);
    libraries(&app).assert(401, &coded(UNKNOWN));
    let app = server.anonymous(0).with_token(&renewed);
    assert_eq!(libraries(&app).data()["records"][0]["dbName"], "库");
    assert_eq!(app.post("/aicp/face/recognition", &enrolment).data()["records"][0]["personNo"], person);
    // Capabilities of the old grant that the new one lacks are revoked.
    app.post("/aicp/face/quality", &json!({})).assert(403, &coded(NOT_GRANTED));
    assert_eq!(libraries(&server.anonymous(0).with_token(&other)).data()["records"], json!([]));
}

#[test]
fn the_platforms_own_apps_are_not_to_be_granted() {
    let server = Setup::new(&["auto"]).env("AICP_LEGACY__APP_ID", "counter").start();
    let admin = server.admin(0);
    for app in ["admin", "counter"] {
        assert_spring(&admin.post(GRANT, &request(app, FUTURE, ALL.to_vec())), "当前授权用户已存在", GRANT);
        admin.post(UPDATE, &request(app, FUTURE, ALL.to_vec())).assert(200, &coded(FAILED));
        admin.post(DELETE, &json!({"appId": app})).assert(200, &coded("该用户不存在"));
    }
    // The name is free if another app serves calls without a token.
    server.grant("legacy", &ALL);
    let server = Server::auto();
    assert_spring(&server.admin(0).post(GRANT, &request("legacy", FUTURE, ALL.to_vec())), "当前授权用户已存在", GRANT);
    libraries(&server.admin(0)).data();
}

/// Checks an answer of section 9.
#[track_caller]
fn assert_coded(answer: &Answer, code: u32, message: &str) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let template = format!(
        r#"{{"error_code":{code},"error_msg":"{message}","log_id":<millis>,"timestamp":<millis>,"cached":0,"result":null}}"#
    );
    assert_matches(answer.text(), &template);
}

/// Operations of sections 2, 3, 5, 7 and 8, each with the last digits of the capabilities that open it.
const OPERATIONS: [(&str, &str); 21] = [
    ("/interactiveability/face/faceentry", "1"),
    ("/interactiveability/face/FaceRecognition", "2"),
    ("/interactiveability/face/personwitnessratio", "3"),
    ("/aicp/face/addBase", "1"),
    ("/aicp/face/deleteBase", "1"),
    ("/aicp/face/queryBaseAll", "1"),
    ("/aicp/face/add", "1"),
    ("/aicp/face/remove", "1"),
    ("/aicp/face/query", "1"),
    ("/aicp/face/recognition", "2"),
    ("/aicp/face/recognitionmn", "2"),
    ("/aicp/face/couple", "3"),
    ("/aicp/face/quality", "34"),
    ("/aicp/face/detect", "35"),
    ("/method/call", "37"),
    ("/method/call/getMethodCountByDay", "37"),
    ("/method/call/getMethodCountByWeek", "37"),
    ("/method/call/getMethodCountByMonth", "37"),
    ("/method/call/getChartByDay", "37"),
    ("/method/call/getChartByMonth", "37"),
    ("/method/call/all", "37"),
];

/// Operations of section 9, each with the last digits of the capabilities that open it.
const FACE_API_OPERATIONS: [(&str, &str); 20] = [
    ("/face-api/v3/group/add", "16"),
    ("/face-api/v3/group/delete", "16"),
    ("/face-api/v3/group/list", "16"),
    ("/face-api/facehub/statapp", "16"),
    ("/face-api/facehub/statgroup", "16"),
    ("/face-api/v3/user/copy", "16"),
    ("/face-api/v3/user/get", "16"),
    ("/face-api/v3/user/list", "16"),
    ("/face-api/v3/user/delete", "16"),
    ("/face-api/v3/app/list", "6"),
    ("/face-api/v3/face/add", "6"),
    ("/face-api/v3/face/addNoDetect", "6"),
    ("/face-api/v3/face/update", "6"),
    ("/face-api/v3/face/list", "6"),
    ("/face-api/v3/face/delete", "6"),
    ("/face-api/v3/face/detect", "6"),
    ("/face-api/v3/face/match", "6"),
    ("/face-api/v3/face/identify", "6"),
    ("/face-api/v3/face/midentify", "6"),
    ("/face-api/v3/face/liveness", "6"),
];

/// Returns the shape of a failure: 7.8 has no `resultCode` anywhere; on the legacy listener more operations have none.
fn shape(is_legacy: bool, path: &str) -> fn(&str) -> String {
    let is_plain = path == "/aicp/face/query" || (is_legacy && is_plain_on_legacy(path));
    if is_plain { plain } else { coded }
}

/// Returns whether section 3 or 5 answers a path on a legacy listener.
fn is_plain_on_legacy(path: &str) -> bool {
    let shared = ["add", "recognition", "couple", "remove", "query", "quality"];
    path.starts_with("/method/") || shared.iter().any(|name| path == format!("/aicp/face/{name}"))
}

#[test]
fn chapters_are_open_only_where_so_set() {
    const ALL_CALLS: &str = "/method/call/all";
    const GROUPS: &str = "/face-api/v3/group/list";
    const RECORDS: &str = "/asynchrony/getall";
    let open = |server: &Server, path: &str| {
        let text = server.anonymous(0).post(path, &json!({})).text().to_owned();
        let is_refused = [coded(MISSING), plain(MISSING)].contains(&text) || text.contains(r#"{"error_code":110,"#);
        assert!(is_refused || text.contains("系统处理正常") || text.contains("SUCCESS"), "{text}");
        !is_refused
    };
    for (chapters, opened) in [
        ("", vec![]),
        ("8.7", vec![ALL_CALLS]),
        ("9", vec![GROUPS]),
        ("11", vec![RECORDS]),
        (r#"["8.7", "9", "11"]"#, vec![ALL_CALLS, GROUPS, RECORDS]),
    ] {
        let server = Setup::new(&["micro"]).env("AICP_LEGACY__OPEN_CHAPTERS", chapters).start();
        for path in [ALL_CALLS, GROUPS, RECORDS, "/method/call", "/aicp/face/queryBaseAll", "/authorize/grantAuthorize"]
        {
            assert_eq!(open(&server, path), opened.contains(&path), "{path} with {chapters}");
        }
    }

    // On a listener on which section 5.7 has the path too, with the other calls of that section closed.
    let server = Setup::new(&["auto"])
        .env("AICP_LEGACY__OPEN_CHAPTERS", "8.7,11")
        .env("AICP_LEGACY__ANONYMOUS", "false")
        .start();
    assert!(open(&server, ALL_CALLS) && open(&server, RECORDS));
    assert!(!open(&server, "/method/call") && !open(&server, "/aicp/face/query") && !open(&server, GROUPS));
    // A token that was sent is checked, and pages of other sites may not call.
    let app = server.anonymous(0).with_token(&server.grant("app", &["C10000000003"]));
    app.post(RECORDS, &json!({})).assert(403, &coded(NOT_GRANTED));
    server.anonymous(0).with_token("nobody's").post(RECORDS, &json!({})).assert(401, &coded(UNKNOWN));
    let headers = [("Origin", "http://example.org"), ("Content-Type", "application/json")];
    server.anonymous(0).send("POST", RECORDS, &headers, b"{}").assert(401, &coded(MISSING));
}

#[test]
fn every_capability_opens_its_operations_and_no_others() {
    let server = Setup::new(&["legacy", "micro", "auto"]).start();
    for capability in ALL {
        let token = server.grant(capability, &[capability]);
        let digit = &capability[11..];
        for listener in 0..3 {
            let app = server.anonymous(listener).with_token(&token);
            for (path, openers) in OPERATIONS {
                let answer = app.post(path, &json!({}));
                if openers.contains(digit) {
                    assert_eq!(answer.status, 200, "{capability} {path}: {}", answer.text());
                } else {
                    answer.assert(403, &shape(listener == 0, path)(NOT_GRANTED));
                }
            }
            for (path, openers) in FACE_API_OPERATIONS {
                let answer = app.post(path, &json!({}));
                if openers.contains(digit) {
                    let code = answer.json()["error_code"].as_u64();
                    assert!(!matches!(code, Some(6 | 110 | 111)), "{capability} {path}: {}", answer.text());
                } else {
                    assert_coded(&answer, 6, "no permission to access data");
                }
            }
        }
    }
    // The manual's three ids open sections 7 and 8 and the operations of section 9 that it describes.
    let token = server.grant("manual", &["C10000000001,C10000000002", "C10000000003"]);
    let app = server.anonymous(1).with_token(&token);
    for (path, _) in OPERATIONS {
        assert_eq!(app.post(path, &json!({})).status, 200, "{path}");
    }
    for (path, _) in FACE_API_OPERATIONS.iter().filter(|(_, openers)| openers.contains('1')) {
        assert_ne!(app.post(path, &json!({})).json()["error_code"], 6, "{path}");
    }
}

#[test]
fn only_the_administrator_grants_and_resumes() {
    let server = Server::auto();
    let token = server.grant("shop", &ALL);
    for path in [GRANT, UPDATE, DELETE, "/asynchrony/getall", "/asynchrony/resumedata"] {
        server.anonymous(0).post(path, &json!({})).assert(401, &coded(MISSING));
        server.anonymous(0).with_token(" ").post(path, &json!({})).assert(401, &coded(MISSING));
        server.anonymous(0).with_token("x").post(path, &json!({})).assert(401, &coded(UNKNOWN));
        server
            .anonymous(0)
            .with_token(&token)
            .post(path, &request("shop", FUTURE, ALL.to_vec()))
            .assert(403, &coded(NOT_GRANTED));
    }
}

#[test]
fn wrong_and_missing_tokens_are_told_in_each_dialect() {
    let server = Setup::new(&["legacy", "micro"]).env("AICP_LEGACY__ANONYMOUS", "false").start();
    let all = OPERATIONS.iter().map(|(path, _)| *path);
    for (listener, path) in all.flat_map(|path| [(0, path), (1, path)]) {
        let shape = shape(listener == 0, path);
        let api = server.anonymous(listener);
        api.post(path, &json!({})).assert(401, &shape(MISSING));
        api.clone().with_token("").post(path, &json!({})).assert(401, &shape(MISSING));
        api.with_token("DU/mHOzoR4it4ljQFugDcA==").post(path, &json!({})).assert(401, &shape(UNKNOWN));
    }
    for (path, _) in FACE_API_OPERATIONS {
        for api in [server.anonymous(1), server.anonymous(1).with_token("DU/mHOzoR4it4ljQFugDcA==")] {
            assert_coded(&api.post(path, &json!({})), 110, "Access token invalid or no longer valid");
        }
    }
}

#[test]
fn tokens_act_for_their_app_where_none_is_needed() {
    let server = Setup::new(&["legacy"]).start();
    let token = server.grant("shop", &["C10000000001", "C10000000002"]);
    let (shop, anonymous) = (server.anonymous(0).with_token(&token), server.anonymous(0));
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    let person = shop.post("/aicp/face/add", &enrolment).data_text("personID");
    anonymous.post("/aicp/face/recognition", &enrolment).assert(200, &plain("人脸库[g]不存在"));
    assert_eq!(shop.post("/aicp/face/recognition", &enrolment).data()["personID"], person);
    let old = "/interactiveability/face/FaceRecognition";
    anonymous.post(old, &enrolment).assert(200, &coded("人脸库[g]不存在"));
    assert_eq!(shop.post(old, &enrolment).data()["personID"], person);
    // Without a token everything is open; with one, only what it opens.
    let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama())});
    anonymous.post("/aicp/face/couple", &pair).data();
    shop.post("/aicp/face/couple", &pair).assert(403, &plain(NOT_GRANTED));
    shop.post("/interactiveability/face/personwitnessratio", &pair).assert(403, &coded(NOT_GRANTED));
    anonymous.post("/method/call", &json!({})).data();
    shop.post("/method/call", &json!({})).assert(403, &plain(NOT_GRANTED));
    shop.clone().with_token("x").post("/aicp/face/couple", &pair).assert(401, &plain(UNKNOWN));
}

#[test]
fn the_map_of_capabilities_can_be_set() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let file = temp.path().join("aicp.toml");
    let map = "[authorization.capabilities]\nC10000000001 = [\"quality\"]\nlooking = [\"libraries\", \"groups\"]\n";
    fs::write(&file, map).expect("written");
    let config = file.to_str().expect("UTF-8");
    let server = Setup::new(&["auto"]).env("AICP_CONFIG", config).start();
    let quality = |api: &Api| api.post("/aicp/face/quality", &json!({"image": base64(&obama())})).status;
    let groups = |api: &Api| api.post("/face-api/v3/group/list", &json!({})).json()["error_code"].clone();

    let tokens = [server.grant("a", &["C10000000001"]), server.grant("b", &["looking"])];
    let apps = |server: &Server| tokens.each_ref().map(|token| server.anonymous(0).with_token(token));
    let [changed, named] = apps(&server);
    assert_eq!((quality(&changed), libraries(&changed).status, groups(&changed)), (200, 403, json!(6)));
    assert_eq!((quality(&named), libraries(&named).status, groups(&named)), (403, 200, json!(0)));
    let untouched = server.anonymous(0).with_token(&server.grant("c", &["C10000000005"]));
    assert_eq!(untouched.post("/aicp/face/detect", &json!({"image": base64(&obama())})).status, 200);

    // Grants keep their ids whatever these open; an unknown id opens nothing.
    server.stop();
    let server = Setup::new(&["auto"]).data_dir(server.data_dir()).start();
    let [changed, named] = apps(&server);
    assert_eq!((quality(&changed), libraries(&changed).status, groups(&changed)), (403, 200, json!(0)));
    assert_eq!((quality(&named), libraries(&named).status, groups(&named)), (403, 403, json!(6)));
    let update = request("b", FUTURE, json!(["looking"]));
    server.admin(0).post(UPDATE, &update).assert(200, &coded(FAILED));
}

#[test]
fn grants_outlive_the_process() {
    let first = Server::auto();
    let kept = first.grant("kept", &["C10000000001"]);
    let deleted = first.grant("deleted", &["C10000000001"]);
    first.admin(0).post(DELETE, &json!({"appId": "deleted"})).data();
    let late = first.admin(0).post(GRANT, &request("late", PAST, ALL.to_vec())).data_text("token");
    // Acknowledged grants survive a kill.
    first.kill();
    let second = Setup::new(&["auto"]).data_dir(first.data_dir()).start();
    let app = |token: &str| second.anonymous(0).with_token(token);
    libraries(&app(&kept)).data();
    app(&kept).post("/aicp/face/quality", &json!({})).assert(403, &coded(NOT_GRANTED));
    libraries(&app(&deleted)).assert(401, &coded(UNKNOWN));
    libraries(&app(&late)).assert(401, &coded(EXPIRED));
    assert_spring(&second.admin(0).post(GRANT, &request("kept", FUTURE, ALL.to_vec())), "当前授权用户已存在", GRANT);
    // The token can still be returned.
    let update = second.admin(0).post(UPDATE, &request("late", FUTURE, json!(["C10000000001"])));
    assert_eq!(update.data_text("token"), late);
    libraries(&app(&late)).data();
    second.stop();
    let third = Setup::new(&["auto"]).data_dir(first.data_dir()).start();
    libraries(&third.anonymous(0).with_token(&late)).data();
}

#[test]
fn tokens_are_nowhere_in_clear() {
    let server = Setup::new(&["auto"]).env("AICP_LOG__LEVEL", "trace").start();
    let token = server.grant("shop", &ALL);
    let app = server.anonymous(0).with_token(&token);
    let expired = server.admin(0).post(GRANT, &request("late", PAST, ALL.to_vec())).data_text("token");
    let made_up = "made-up-token-of-a-stranger";
    let mut answers = vec![libraries(&app)];
    for token in [token.as_str(), &expired, made_up, TOKEN] {
        let api = server.anonymous(0).with_token(token);
        for (path, _) in OPERATIONS.iter().chain(&FACE_API_OPERATIONS) {
            answers.push(api.post(path, &json!({})));
        }
        let in_query = format!("/face-api/v3/group/list?access_token={}", token.replace('+', "%2B"));
        answers.push(server.anonymous(0).post(&in_query, &json!({})));
        answers.push(api.post("/nothing", &json!({})));
        answers.push(api.post_bytes(GRANT, b"{"));
        answers.push(api.send("GET", GRANT, &[], b""));
    }
    answers.push(server.admin(0).post(GRANT, &request("shop", FUTURE, ALL.to_vec())));
    for answer in &answers {
        for secret in [token.as_str(), &expired, made_up, TOKEN] {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
    }
    let check = |kept: StoredBytes| {
        for secret in [token.as_str(), &expired, made_up, TOKEN] {
            kept.assert_without(secret.as_bytes());
            if let Ok(raw) = STANDARD.decode(secret) {
                kept.assert_without(&raw);
            }
        }
        assert!(kept.has(b"shop") && kept.has(b"C10000000007"), "what is not secret is found");
    };
    check(server.kept());
    server.stop();
    check(server.kept());
    assert!(server.has_logged("\"level\":\"DEBUG\""), "the log is talkative");
}

/// The server takes over a changed grant as the change reads it back. If that fails, nothing is changed.
#[test]
fn a_grant_that_cant_be_read_back_is_not_changed() {
    let server = Server::auto();
    let shop = server.anonymous(0).with_token(&server.grant("shop", &ALL));
    let database = rusqlite::Connection::open(server.data_dir().join("aicp.db")).expect("opens");
    let row = || {
        database
            .query_row("SELECT token_hash, due FROM app WHERE app_id = 'shop'", [], |row| {
                Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?))
            })
            .expect("there")
    };
    let before = row();
    database
        .execute_batch(
            "CREATE TRIGGER spoil AFTER UPDATE OF due ON app WHEN NEW.app_id = 'shop'
             BEGIN UPDATE app SET token_hash = x'00' WHERE app_id = 'shop'; END",
        )
        .expect("made");
    let update = || server.admin(0).post(UPDATE, &request("shop", FUTURE, ALL.to_vec())).json()["flag"].clone();
    assert_ne!(update(), json!(true));
    assert_eq!(row(), before);
    assert_eq!(libraries(&shop).status, 200, "the grant of before holds");
    database.execute_batch("DROP TRIGGER spoil").expect("dropped");
    assert_eq!(update(), json!(true));
    assert_eq!(libraries(&shop).status, 200);
}
