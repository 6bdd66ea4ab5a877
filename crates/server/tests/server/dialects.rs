//! Selection of the dialect, separation of apps, and settings with which the server refuses to start.

use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, wait_until};
use crate::http::{Api, coded, plain, send};
use crate::pictures::{base64, biden, obama};

const OLD_ENROL: &str = "/interactiveability/face/faceentry";
/// Message of 3.3 and 7.6 for the same body, each in its own format.
const UNUSABLE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";

fn compare(api: &Api) -> crate::http::Answer {
    api.post("/aicp/face/couple", &json!({"imageA": "", "imageB": ""}))
}

#[test]
fn shared_paths_follow_listener_and_token() {
    let server = Setup::new(&["legacy", "micro", "auto"]).start();
    let (legacy, micro, auto) = (0, 1, 2);
    let missing = coded("token不能为空");
    // Without a token.
    compare(&server.anonymous(legacy)).assert(200, &plain(UNUSABLE));
    compare(&server.anonymous(micro)).assert(401, &missing);
    compare(&server.anonymous(auto)).assert(200, &plain(UNUSABLE));
    // With the admin token.
    compare(&server.admin(legacy)).assert(200, &plain(UNUSABLE));
    compare(&server.admin(micro)).assert(200, &coded(UNUSABLE));
    compare(&server.admin(auto)).assert(200, &coded(UNUSABLE));
    // With an empty token, which counts as missing but selects the dialect of `auto`.
    compare(&server.anonymous(legacy).with_token("")).assert(200, &plain(UNUSABLE));
    compare(&server.anonymous(micro).with_token("")).assert(401, &missing);
    compare(&server.anonymous(auto).with_token("")).assert(401, &missing);
    // With a wrong one.
    compare(&server.anonymous(legacy).with_token("x")).assert(401, &plain("token无效"));
    compare(&server.anonymous(micro).with_token("x")).assert(401, &coded("token无效"));
    compare(&server.anonymous(auto).with_token("x")).assert(401, &coded("token无效"));
    // The header's name is not case-sensitive.
    let body = json!({"imageA": "", "imageB": ""}).to_string();
    let headers = [("TOKEN", TOKEN)];
    server.anonymous(micro).send("POST", "/aicp/face/couple", &headers, body.as_bytes()).assert(200, &coded(UNUSABLE));
}

#[test]
fn sections_2_and_7_keep_their_dialect_on_every_listener() {
    let server = Setup::new(&["legacy", "micro", "auto"]).start();
    let bad = json!({"groupId": "g", "image": "*"});
    for listener in 0..3 {
        for api in [server.anonymous(listener), server.admin(listener)] {
            let text = coded("80018,extract feature decode pictrue! get feature failed");
            api.post(OLD_ENROL, &bad).assert(200, &text);
        }
        let detect = |api: Api| api.post("/aicp/face/detect", &bad);
        detect(server.anonymous(listener)).assert(401, &coded("token不能为空"));
        detect(server.admin(listener)).assert(200, &coded("80018,extract feature decode pictrue! get feature failed"));
    }
}

#[test]
fn without_anonymous_calls_every_section_wants_a_token() {
    let server = Setup::new(&["legacy", "auto"]).env("AICP_LEGACY__ANONYMOUS", "false").start();
    let text = "token不能为空";
    for listener in 0..2 {
        let api = server.anonymous(listener);
        api.post(OLD_ENROL, &json!({})).assert(401, &coded(text));
        compare(&api).assert(401, &plain(text));
        let no_group = json!({"image": "aGVsbG8="});
        server.admin(listener).post(OLD_ENROL, &no_group).assert(200, &coded("groupId不能为空"));
    }
    compare(&server.admin(0)).assert(200, &plain(UNUSABLE));
}

#[test]
fn pages_of_other_sites_need_a_token() {
    let server = Server::auto();
    let body = json!({"imageA": "", "imageB": ""}).to_string();
    let host = server.addresses()[0].to_string();
    let own = format!("http://{host}");
    for (headers, allowed) in [
        (vec![], true),
        (vec![("Origin", own.as_str())], true),
        (vec![("Sec-Fetch-Site", "same-origin")], true),
        (vec![("Origin", "http://example.org")], false),
        (vec![("Origin", "null")], false),
        (vec![("Sec-Fetch-Site", "cross-site")], false),
    ] {
        // As a browser sends it without a preflight request: no content type.
        let answer = server.anonymous(0).send("POST", "/aicp/face/couple", &headers, body.as_bytes());
        match allowed {
            true => answer.assert(200, &plain(UNUSABLE)),
            false => answer.assert(401, &plain("token不能为空")),
        }
    }
    let foreign = [("Origin", "http://example.org"), ("Content-Type", "application/json")];
    server.admin(0).send("POST", "/aicp/face/couple", &foreign, body.as_bytes()).assert(200, &coded(UNUSABLE));
}

#[test]
fn apps_see_their_own_data_alone() {
    let server = Server::auto();
    let (legacy, admin) = (server.anonymous(0), server.admin(0));
    let image = base64(&obama());
    let enrolment = json!({"groupId": "g", "image": image});
    let theirs = legacy.post("/aicp/face/add", &enrolment).data_text("personID");
    // The library of the same name does not exist for admin, who can create one.
    assert_eq!(admin.post("/aicp/face/recognition", &enrolment).message(), "人脸库[g]不存在");
    assert_eq!(admin.post("/aicp/face/queryBaseAll", &json!({})).data()["records"], json!([]));
    admin.post("/aicp/face/addBase", &json!({"groupId": "g", "dbName": "g"})).data();
    assert_eq!(admin.post("/aicp/face/recognition", &enrolment).data()["records"], json!([]));
    assert_eq!(admin.post("/aicp/face/recognitionmn", &json!({"image": image})).data()["records"], json!([[]]));
    let ours = admin.post("/aicp/face/add", &enrolment).data_text("personNo");

    for (api, own, other) in [(&legacy, &theirs, &ours), (&admin, &ours, &theirs)] {
        assert_eq!(
            api.post("/aicp/face/query", &json!({"groupId": "g", "userId": other})).message(),
            "查询人脸错误,错误信息[record not found]"
        );
        let removed = api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": other}));
        assert_eq!(removed.message(), format!("人脸库[g]删除人脸[{other}]错误,错误信息[人脸不存在]"));
        api.post("/aicp/face/query", &json!({"groupId": "g", "userId": own})).data();
    }
    let found = legacy.post("/aicp/face/recognition", &enrolment).data();
    assert_eq!(found["personID"], theirs);
    admin.post("/aicp/face/deleteBase", &json!({"groupId": "g"})).data();
    assert_eq!(legacy.post("/aicp/face/recognition", &enrolment).data(), found);
    // With the token, section 2 acts for admin, too.
    assert_eq!(admin.post("/InteractiveAbility/face/FaceRecognition", &enrolment).message(), "人脸库[g]不存在");
}

#[test]
fn the_app_of_anonymous_calls_can_be_named() {
    let server = Setup::new(&["auto"]).env("AICP_LEGACY__APP_ID", "counter").start();
    let api = server.anonymous(0);
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    let person = api.post("/aicp/face/add", &enrolment).data_text("personID");
    let url = api.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).data_text("faceDBURL");
    assert!(url.contains("?app_id=counter&"), "{url}");
}

#[test]
fn libraries_are_made_by_enrolments_of_sections_2_and_3_only_if_set() {
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    let on = Server::auto();
    on.anonymous(0).post(OLD_ENROL, &enrolment).data();
    on.anonymous(0).post("/aicp/face/add", &enrolment).data();
    assert_eq!(on.admin(0).post("/aicp/face/add", &enrolment).message(), "人脸库[g]不存在", "never in section 7");

    let off = Setup::new(&["auto"]).env("AICP_LEGACY__AUTOCREATE_LIBRARY", "false").start();
    off.anonymous(0).post(OLD_ENROL, &enrolment).assert(200, &coded("人脸库[g]不存在"));
    off.anonymous(0).post("/aicp/face/add", &enrolment).assert(200, &plain("人脸库[g]不存在"));
}

#[test]
fn a_library_that_an_enrolment_made_is_one_like_any_other() {
    let server = Setup::new(&["legacy", "micro"]).start();
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    server.admin(0).post("/aicp/face/add", &enrolment).data();
    let rows = server.admin(1).post("/aicp/face/queryBaseAll", &json!({})).data()["records"].take();
    let [row] = rows.as_array().expect("a list").as_slice() else { panic!("{rows}") };
    assert!(row["personDbLib"].as_str().is_some_and(|id| id.len() == 32), "{row}");
    server.admin(1).post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&biden())})).data();
    server.admin(1).post("/aicp/face/deleteBase", &json!({"groupId": "g"})).data();
    assert_eq!(server.admin(0).post("/aicp/face/recognition", &enrolment).message(), "人脸库[g]不存在");
}

#[test]
fn several_requests_go_over_one_connection() {
    use std::io::{Read, Write};
    let server = Server::auto();
    let mut stream = crate::http::connect(server.addresses()[0]).expect("it listens");
    let body = json!({"imageA": "", "imageB": ""}).to_string();
    for _ in 0..3 {
        let request =
            format!("POST /aicp/face/couple HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.write_all(request.as_bytes()).expect("it is sent");
        let expected = plain(UNUSABLE);
        let mut seen = Vec::new();
        while !seen.ends_with(expected.as_bytes()) {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the connection stays open");
            seen.push(byte[0]);
        }
        assert!(seen.starts_with(b"HTTP/1.1 200"));
    }
}

#[test]
fn health_is_answered_on_every_listener() {
    let server = Setup::new(&["legacy", "micro", "auto"]).start();
    for address in server.addresses() {
        for path in ["/healthz", "/readyz"] {
            assert_eq!(send(address, "GET", path, &[], b"").expect("an answer").status, 200);
        }
    }
}

#[test]
fn the_network_is_not_listened_on_unless_anonymous_calls_are_decided_on() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let serve = || {
        let mut command = aicp(["serve", "--listen", "0.0.0.0:0", "--data-dir"]);
        command.arg(temp.path().join("data")).env("AICP_ADMIN_TOKEN", TOKEN).env("AICP_LOG__FORMAT", "json");
        command
    };
    let ran = Ran::of(&mut serve());
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("legacy.anonymous"), "{}", ran.stderr);
    assert!(!temp.path().join("data").exists(), "nothing was made");

    for anonymous in ["true", "false"] {
        let log = std::fs::File::create(temp.path().join("log")).expect("a file");
        let mut child =
            serve().env("AICP_LEGACY__ANONYMOUS", anonymous).stderr(log).spawn().expect("the binary starts");
        let mut address = None;
        wait_until("it listens", || {
            let log = std::fs::read_to_string(temp.path().join("log")).expect("a file");
            let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let line = lines.find(|line| line["fields"]["message"] == "listening");
            address = line.and_then(|line| line["fields"]["address"].as_str().map(str::to_owned));
            address.is_some() || child.try_wait().expect("a child of ours").is_some()
        });
        let port = address.as_deref().and_then(|a| a.rsplit_once(':')).map(|(_, port)| port.to_owned());
        let answer = port.map(|port| compare(&Api::new(format!("127.0.0.1:{port}").parse().expect("an address"))));
        child.kill().expect("the process takes signals");
        child.wait().expect("the process ends");
        assert_eq!(answer.expect("it listens").status, if anonymous == "true" { 200 } else { 401 });
    }
}

#[test]
fn wrong_settings_and_wrong_usage_have_their_exit_codes() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let serve = |more: &[&str]| {
        let mut command = aicp(["serve", "--data-dir"]);
        command.arg(temp.path().join("data")).args(more);
        command
    };
    for args in [vec!["--nonsense"], vec!["--listen", "nowhere"], vec!["--listen", "127.0.0.1:0=old"], vec!["--listen"]]
    {
        let ran = Ran::of(&mut serve(&args));
        assert_eq!(ran.code, Some(2), "{args:?}: {}", ran.stderr);
    }
    assert_eq!(Ran::of(&mut aicp(["nonsense"])).code, Some(2));
    assert_eq!(Ran::of(&mut aicp(Vec::<&str>::new())).code, Some(2));
    for (name, value, told) in [
        ("AICP_RECOGNITION__THRESHOLD", "2", "recognition.threshold"),
        ("AICP_RECOGNITION__TOP_N", "101", "recognition.top_n"),
        ("AICP_LEGACY__APP_ID", "admin", "legacy.app_id"),
        ("AICP_PUBLIC_URL", "faces", "public_url"),
        ("AICP_LISTEN", "nowhere", "nowhere"),
    ] {
        let ran = Ran::of(serve(&[]).env(name, value));
        assert_eq!(ran.code, Some(1), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(told), "{name}: {}", ran.stderr);
    }
    let ran = Ran::of(serve(&["--config"]).arg(temp.path().join("none.toml")));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("none.toml"), "{}", ran.stderr);
    assert!(!temp.path().join("data").exists(), "nothing was made");
}
