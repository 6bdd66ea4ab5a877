//! Libraries at simulated vendor engines: the effects there, and the answers here.

use serde_json::{Value, json};

use crate::engine::{Engine, Vendor, key};
use crate::fixture::{Server, Setup, wait_until};
use crate::http::{Api, coded, plain, send, status_of};
use crate::pictures::{base64, biden, decode, jpeg, no_face, obama, obama2, on_canvas, other_portrait, portrait};
use crate::template::assert_matches;

const NO_FEATURE: &str = "80018,extract feature decode pictrue! get feature failed";
const UNUSABLE: &str = "Base64编码错误或图片原始数据错误或特征图片都为空";
const SERVER_ERROR: &str = "服务端报错";
const ALL: [Vendor; 3] = [Vendor::Koala, Vendor::Cloudwalk, Vendor::NewCloudwalk];

/// Starts a server whose default engine is this one.
fn server_of(engine: &Engine) -> Server {
    engine.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__DEFAULT", engine.vendor.name()).start()
}

/// Creates a library at an engine, or at the default one; returns its personDbLib.
fn add_base(api: &Api, group: &str, engine: Option<&str>) -> String {
    let mut request = json!({"groupId": group, "dbName": group});
    if let Some(engine) = engine {
        request["engine"] = json!(engine);
    }
    api.post("/aicp/face/addBase", &request).data_text("personDbLib")
}

/// Enrols a person and returns their personNo.
fn add(api: &Api, group: &str, picture: &[u8]) -> String {
    api.post("/aicp/face/add", &json!({"groupId": group, "image": base64(picture)})).data_text("personNo")
}

/// Returns the personNos found in a library, best first.
fn found(api: &Api, group: &str, picture: &[u8]) -> Vec<String> {
    let data = api.post("/aicp/face/recognition", &json!({"groupId": group, "image": base64(picture)})).data();
    people(&data["records"])
}

fn people(hits: &Value) -> Vec<String> {
    let hits = hits.as_array().expect("a list of hits").iter();
    hits.map(|hit| hit["personNo"].as_str().expect("a personNo").to_owned()).collect()
}

/// Posts to face-api and returns its code and result.
fn face_api(api: &Api, path: &str, body: &Value) -> (u64, Value) {
    let mut answer = api.post(&format!("/face-api/{path}"), body).json();
    (answer["error_code"].as_u64().expect("a code"), answer["result"].take())
}

/// Two people side by side; the first is larger.
fn couple() -> Vec<u8> {
    let mut canvas = on_canvas(&portrait(), 900, 420, 0, 0);
    let small = other_portrait();
    let small = image::imageops::resize(
        &small,
        small.width() * 3 / 4,
        small.height() * 3 / 4,
        image::imageops::FilterType::Triangle,
    );
    image::imageops::replace(&mut canvas, &small, 500, 50);
    jpeg(&canvas)
}

/// Returns the sources of the latest calls of a method, from the statistics.
fn sources(api: &Api, method: &str) -> Vec<String> {
    let rows = api.post("/method/call/all", &json!({"call_Name": method})).data();
    let rows = rows.as_array().expect("a list of rows").iter();
    rows.map(|row| row["visitSource"].as_str().expect("a source").to_owned()).collect()
}

#[test]
fn a_library_is_at_the_engine_that_it_names() {
    let koala = Engine::start(Vendor::Koala);
    for cloudwalk in [Vendor::Cloudwalk, Vendor::NewCloudwalk].map(Engine::start) {
        let server = cloudwalk.known_to(koala.known_to(Setup::new(&["auto"]))).start();
        let api = server.admin(0);
        for (group, engine) in [("k", &koala), ("c", &cloudwalk)] {
            let library = add_base(&api, group, Some(engine.vendor.name()));
            assert_eq!(engine.pictures(&library), Some(vec![]), "it is made there");
            let answer = api.post("/aicp/face/add", &json!({"groupId": group, "image": base64(&obama())}));
            let link =
                format!("http://{}/group1/default/<day>/<2>/<2>/<int>/<millis>?download=0&sig=<sig>", api.address);
            let template = format!(
                r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"personNo":"<hex>","url":"{link}"}}}}"#
            );
            let person = assert_matches(answer.text(), &template).swap_remove(0);
            assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]), "the very picture is sent");
            let other = add(&api, group, &biden());

            let answer = api.post("/aicp/face/recognition", &json!({"groupId": group, "image": base64(&obama2())}));
            let hit = format!(
                r#"{{"score":<score>,"id":"<id>","faceId":"koala-{person}-","personNo":"{person}","url":"{link}"}}"#
            );
            let template =
                format!(r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"records":[{hit}]}}}}"#);
            assert_matches(answer.text(), &template);
            let asked = json!({"groupId": group, "userId": person});
            let url = api.post("/aicp/face/query", &asked).data_text("faceDBURL");
            assert_eq!(status_of(&url), 200);

            let answer = api.post("/aicp/face/remove", &asked);
            answer.assert(
                200,
                r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"request":"Request successful"}}"#,
            );
            assert_eq!(engine.pictures(&library), Some(vec![key(&biden())]));
            assert_eq!((found(&api, group, &obama2()), found(&api, group, &biden())), (vec![], vec![other]));
            assert_eq!(status_of(&url), 404);
            let missing = format!("人脸库[{group}]删除人脸[{person}]错误,错误信息[人脸不存在]");
            api.post("/aicp/face/remove", &asked).assert(200, &coded(&missing));
            api.post("/aicp/face/query", &asked).assert(200, &plain("查询人脸错误,错误信息[record not found]"));

            api.post("/aicp/face/deleteBase", &json!({"groupId": group})).data();
            assert_eq!(engine.pictures(&library), None, "it is gone there");
            let expected = format!("人脸识别({})", engine.vendor.label());
            for method in ["faceBaseAdd", "faceEntry", "faceRecognition", "faceRemove", "faceBaseDelete"] {
                assert!(sources(&api, method).contains(&expected), "{method}");
            }
        }
        assert!(koala.calls("business/api/v1/repository/personDb") > 0);
        // Libraries of the built-in engine are at none of the vendors'.
        let here = add_base(&api, "b", None);
        add(&api, "b", &obama());
        assert_eq!((koala.pictures(&here), cloudwalk.pictures(&here)), (None, None));
        assert_eq!(sources(&api, "faceEntry").last().map(String::as_str), Some("人脸识别(内置)"));
        let unknown = json!({"groupId": "x", "dbName": "x", "engine": "nobody"});
        api.post("/aicp/face/addBase", &unknown).assert(200, &coded(SERVER_ERROR));
        let listed = api.post("/aicp/face/queryBaseAll", &json!({})).data();
        assert_eq!(listed["records"].as_array().map(Vec::len), Some(1), "only b is left");
        assert_eq!(api.post("/asynchrony/getall", &json!({})).data()["total"], 0, "nothing had to wait");
    }
}

#[test]
fn many_faces_are_looked_for_at_all_engines_at_once() {
    let engines = [Engine::start(Vendor::Koala), Engine::start(Vendor::NewCloudwalk)];
    let setup = engines.iter().fold(Setup::new(&["auto"]), |setup, engine| engine.known_to(setup));
    let server = setup.env("AICP_RECOGNITION__TOP_N", "10").start();
    let api = server.admin(0);
    for (group, engine) in [("k", Some("koala")), ("c", Some("cloudwalk")), ("b", None)] {
        add_base(&api, group, engine);
    }
    let (first, second) = (obama(), biden());
    let [in_k, in_c, b1, b2] =
        [("k", &first), ("c", &second), ("b", &first), ("b", &second)].map(|(group, who)| add(&api, group, who));
    let image = base64(&couple());
    let records = |group: Option<&str>| {
        let mut request = json!({"image": image});
        if let Some(group) = group {
            request["groupId"] = json!(group);
        }
        let data = api.post("/aicp/face/recognitionmn", &request).data();
        let faces = data["records"].as_array().expect("a list of faces").iter();
        faces
            .map(|face| {
                let mut people = people(face);
                people.sort();
                people
            })
            .collect::<Vec<_>>()
    };
    let sorted = |a: &String, b: &String| {
        let mut both = vec![a.clone(), b.clone()];
        both.sort();
        both
    };
    assert_eq!(records(None), [sorted(&in_k, &b1), sorted(&in_c, &b2)], "each face once, the larger first");
    assert_eq!(records(Some("k")), [vec![in_k.clone()], vec![]]);
    assert_eq!(records(Some("c")), [vec![], vec![in_c.clone()]]);
    assert_eq!(records(Some("b")), [vec![b1], vec![b2]]);
}

#[test]
fn a_vendor_may_do_all_that_names_no_engine() {
    for engine in ALL.map(Engine::start) {
        let server = server_of(&engine);
        let (old, new) = (server.anonymous(0), server.admin(0));
        let expected = format!("人脸识别({})", engine.vendor.label());

        let pair = |b: &[u8]| json!({"imageA": base64(&obama()), "imageB": base64(b)});
        for (second, same, msg) in [(obama2(), "true", "ok"), (biden(), "false", "no")] {
            let template = format!(
                r#"{{"flag":true,"message":"系统处理正常","data":{{"onePerson":"{same}","similarity":"<unit>"}}}}"#
            );
            assert_matches(old.post("/aicp/face/couple", &pair(&second)).text(), &template);
            let template = format!(
                r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"msg":"{msg}","score":"<score>"}}}}"#
            );
            assert_matches(new.post("/aicp/face/couple", &pair(&second)).text(), &template);
        }
        let picture = json!({"image": base64(&obama())});
        assert_matches(
            old.post("/aicp/face/quality", &picture).text(),
            r#"{"flag":true,"message":"系统处理正常","data":{"qualityFlag":"Y","feature":"<base64>","qualityScores":"<unit>"}}"#,
        );
        let grades = assert_matches(
            new.post("/aicp/face/quality", &picture).text(),
            concat!(
                r#"{"flag":true,"resultCode":0,"message":"系统处理正常","#,
                r#""data":{"qualityFlag":"Y","qualities":[<int>,<int>,<int>,<int>,<int>]}}"#
            ),
        );
        assert!(grades.iter().all(|grade| ["0", "1", "2"].contains(&grade.as_str())), "{grades:?}");
        let boxes = assert_matches(
            new.post("/aicp/face/detect", &picture).text(),
            concat!(
                r#"{"flag":true,"resultCode":0,"message":"系统处理正常","#,
                r#""data":{"records":[[{"width":<int>,"x":<int>,"y":<int>,"height":<int>}]]}}"#
            ),
        );
        let [width, x, y, height] = [0, 1, 2, 3].map(|i| boxes[i].parse::<u32>().expect("a number"));
        let whole = decode(&obama());
        assert!(x + width <= whole.width() && y + height <= whole.height(), "{boxes:?}");
        for method in ["personWitnessRatio", "imageQualityScores", "faceDetect"] {
            assert!(sources(&new, method).iter().all(|source| *source == expected), "{method}");
        }
        let (code, matched) = face_api(
            &new,
            "v3/face/match",
            &json!([
                {"image": base64(&obama()), "image_type": "BASE64"},
                {"image": base64(&obama2()), "image_type": "BASE64"},
            ]),
        );
        assert_eq!(code, 0);
        assert!(matched["score"].as_f64().is_some_and(|score| score > 80.0), "{matched}");

        // Libraries made by an enrolment of sections 2 and 3 are at the default engine, too.
        let enrolled = old.post("/aicp/face/add", &json!({"groupId": "200000", "image": base64(&obama())}));
        let template = r#"{"flag":true,"message":"人脸录入成功","data":{"personID":"<id>"}}"#;
        let person = assert_matches(enrolled.text(), template).swap_remove(0);
        let probe = json!({"groupId": "200000", "image": base64(&obama2())});
        for path in ["/aicp/face/recognition", "/InteractiveAbility/face/FaceRecognition"] {
            let data = old.post(path, &probe).data();
            assert_eq!((data["personID"].as_str(), data["faceFlag"].as_str()), (Some(&*person), Some("Y")));
            let url = data["personinfo"]["imageUrl"].as_str().expect("a link");
            assert_eq!(status_of(url), 200);
        }
        let nobody = json!({"groupId": "200000", "image": base64(&biden())});
        assert_matches(
            old.post("/aicp/face/recognition", &nobody).text(),
            r#"{"flag":true,"message":"系统处理正常","data":{"personID":null,"faceFlag":"N","similarity":"<unit>","personinfo":null}}"#,
        );
        old.post("/aicp/face/remove", &json!({"groupId": "200000", "userId": person})).data();
        assert_eq!(old.post("/aicp/face/recognition", &probe).data()["faceFlag"], "N");
    }
}

#[test]
fn a_picture_that_an_engine_refuses_is_refused_in_the_manuals_words() {
    for engine in ALL.map(Engine::start) {
        let server = server_of(&engine);
        let (old, new) = (server.anonymous(0), server.admin(0));
        let library = add_base(&new, "g", None);
        for bad in [no_face(), b"no picture".to_vec()] {
            let request = json!({"groupId": "g", "image": base64(&bad)});
            new.post("/aicp/face/add", &request).assert(200, &coded(NO_FEATURE));
            new.post("/aicp/face/recognition", &request).assert(200, &coded(UNUSABLE));
            new.post("/aicp/face/recognitionmn", &request).assert(200, &coded(NO_FEATURE));
            new.post("/aicp/face/quality", &request).assert(200, &coded(NO_FEATURE));
            old.post("/aicp/face/quality", &request).assert(200, &plain(NO_FEATURE));
            // A refused picture does not leave an empty library behind.
            old.post("/aicp/face/add", &request).assert(200, &plain(NO_FEATURE));
            old.post("/aicp/face/recognition", &request).assert(200, &plain(UNUSABLE));
            old.post("/InteractiveAbility/face/FaceEntry", &request).assert(200, &coded(NO_FEATURE));
            let pair = json!({"imageA": base64(&obama()), "imageB": base64(&bad)});
            new.post("/aicp/face/couple", &pair).assert(200, &coded(UNUSABLE));
            old.post("/aicp/face/couple", &pair).assert(200, &plain(UNUSABLE));
        }
        let detected = new.post("/aicp/face/detect", &json!({"image": base64(&no_face())})).data();
        assert_eq!(detected, json!({"records": [[]]}));
        new.post("/aicp/face/detect", &json!({"image": base64(b"no picture")})).assert(200, &coded(NO_FEATURE));
        assert_eq!(engine.pictures(&library), Some(vec![]));
        let counts = new.post("/face-api/facehub/statgroup", &json!({"group_id_list": "g"})).json();
        assert_eq!((&counts["g"]["user_num"], &counts["g"]["face_num"]), (&json!(0), &json!(0)), "nobody is left");
        assert_eq!(new.post("/asynchrony/getall", &json!({})).data()["total"], 0, "a refusal does not wait");
        assert!(crate::fixture::objects(server.data_dir()).is_empty(), "nor is a picture kept");
    }
}

#[test]
fn an_engines_refusal_is_passed_on() {
    let engine = Engine::start(Vendor::Cloudwalk);
    let temp = tempfile::tempdir().expect("a temp dir");
    let setup = |secret: &str| {
        let setup = engine.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__CLOUDWALK__APP_SECRET", secret);
        setup.env("AICP_ENGINES__DEFAULT", "cloudwalk").data_dir(temp.path()).start()
    };
    let server = setup(crate::engine::APP_SECRET);
    add_base(&server.admin(0), "g", None);
    let person = add(&server.admin(0), "g", &obama());
    let request = json!({"groupId": "g", "image": base64(&obama())});
    server.anonymous(0).post("/aicp/face/add", &request).data();
    server.terminate();
    server.wait();

    let server = setup("a wrong one");
    let (old, new) = (server.anonymous(0), server.admin(0));
    let words = "80403,app_id or app_secret is wrong";
    for path in ["/aicp/face/add", "/aicp/face/recognition", "/aicp/face/recognitionmn", "/aicp/face/quality"] {
        new.post(path, &request).assert(200, &coded(words));
        if path != "/aicp/face/recognitionmn" {
            old.post(path, &request).assert(200, &plain(words));
        }
    }
    for path in ["/InteractiveAbility/face/FaceEntry", "/InteractiveAbility/face/FaceRecognition"] {
        old.post(path, &request).assert(200, &coded(words));
    }
    let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama2())});
    new.post("/aicp/face/couple", &pair).assert(200, &coded(words));
    new.post("/aicp/face/detect", &request).assert(200, &coded(words));
    // Library calls have one message for all failures.
    let base = json!({"groupId": "new", "dbName": "new"});
    new.post("/aicp/face/addBase", &base).assert(200, &coded(SERVER_ERROR));
    assert_eq!(new.post("/aicp/face/queryBaseAll", &json!({})).data()["records"].as_array().map(Vec::len), Some(1));
    let face = json!({"group_id": "g", "user_id": "u", "image": base64(&biden()), "image_type": "BASE64"});
    assert_eq!(face_api(&new, "v3/face/add", &face), (222_206, Value::Null));
    let request = json!({"group_id_list": "g", "image": base64(&obama()), "image_type": "BASE64"});
    assert_eq!(face_api(&new, "v3/face/identify", &request), (222_206, Value::Null));
    // A removal that the engine refuses is done here and remains as a record.
    new.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
    let waiting = new.post("/asynchrony/getall", &json!({"issolved": "0"})).data();
    assert_eq!(
        (&waiting["total"], &waiting["items"][0]["operateType"]),
        (&json!(1), &json!("face/clustering/face/delete"))
    );
}

#[test]
fn an_engine_that_is_down_fails_reads_alone() {
    for vendor in [Vendor::Koala, Vendor::Cloudwalk] {
        let engine = Engine::start(vendor);
        let server = server_of(&engine);
        let (old, new) = (server.anonymous(0), server.admin(0));
        let request = json!({"groupId": "g", "image": base64(&obama())});
        old.post("/aicp/face/add", &request).data();
        add_base(&new, "g", None);
        let person = add(&new, "g", &obama());
        add_base(&new, "b", Some("builtin"));
        let here = add(&new, "b", &obama());
        engine.kill();

        new.post("/aicp/face/recognition", &request).assert(200, &coded(SERVER_ERROR));
        new.post("/aicp/face/recognitionmn", &request).assert(200, &coded(SERVER_ERROR));
        new.post("/aicp/face/quality", &request).assert(200, &coded(SERVER_ERROR));
        new.post("/aicp/face/detect", &request).assert(200, &coded(SERVER_ERROR));
        old.post("/aicp/face/recognition", &request).assert(200, &plain(SERVER_ERROR));
        old.post("/aicp/face/quality", &request).assert(200, &plain(SERVER_ERROR));
        old.post("/InteractiveAbility/face/FaceRecognition", &request).assert(200, &coded(SERVER_ERROR));
        let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama2())});
        new.post("/aicp/face/couple", &pair).assert(200, &coded(SERVER_ERROR));
        old.post("/aicp/face/couple", &pair).assert(200, &plain(SERVER_ERROR));
        old.post("/InteractiveAbility/face/personwitnessratio", &pair).assert(200, &coded(SERVER_ERROR));
        let down = (222_201, Value::Null);
        let picture = json!({"image": base64(&obama()), "image_type": "BASE64"});
        assert_eq!(face_api(&new, "v3/face/match", &json!([picture, picture])), down);
        for path in ["v3/face/identify", "v3/face/midentify"] {
            let request = json!({"group_id_list": "g", "image": base64(&obama()), "image_type": "BASE64"});
            assert_eq!(face_api(&new, path, &request), down, "{path}");
        }
        let answer = new.post("/face-api/v3/face/match", &json!([picture, picture]));
        let template = concat!(
            r#"{"error_code":222201,"error_msg":"network not available","log_id":<millis>,"timestamp":<millis>,"#,
            r#""cached":0,"result":null}"#
        );
        assert_matches(answer.text(), template);

        // Writes are queued, in every dialect.
        let answer = old.post("/InteractiveAbility/face/FaceEntry", &request);
        assert_matches(
            answer.text(),
            r#"{"flag":true,"resultCode":0,"message":"人脸录入成功","data":{"personID":"<id>"}}"#,
        );
        let face = json!({"group_id": "g", "user_id": "u", "image": base64(&biden()), "image_type": "BASE64"});
        let (code, added) = face_api(&new, "v3/face/add", &face);
        assert_eq!((code, added["face_token"].as_str()), (0, Some(&key(&biden())[..32])));
        assert_eq!(new.post("/asynchrony/getall", &json!({"issolved": "0"})).data()["total"], 2);

        // Calls that need no engine, or another one, succeed.
        new.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).data();
        assert_eq!(found(&new, "b", &obama2()), [here]);
        engine.restart();
        wait_until("it is asked again", || new.post("/aicp/face/recognition", &request).json()["flag"] == json!(true));
        assert_eq!(found(&new, "g", &obama2()), [person]);
    }
}

#[test]
fn readiness_names_each_engine_and_does_not_hang_on_them() {
    let koala = Engine::start(Vendor::Koala);
    let cloudwalk = Engine::absent(Vendor::Cloudwalk);
    let setup = cloudwalk.known_to(koala.known_to(Setup::new(&["auto"]))).env("AICP_OUTBOX__INTERVAL_S", "1");
    let server = setup.start();
    let ready = || {
        let answer = send(server.addresses()[0], "GET", "/readyz", &[], b"").expect("an answer");
        assert_eq!(answer.status, 200, "an engine that is down is no reason to call somebody else");
        answer.text().to_owned()
    };
    let becomes = |text: &str| wait_until(text, || ready() == text);
    becomes("ready\nengine koala: up\nengine cloudwalk: down\n");
    let verbose = send(server.addresses()[0], "GET", "/readyz?verbose", &[], b"").expect("an answer");
    assert_eq!((verbose.status, verbose.header("content-type")), (200, Some("application/json")));
    let engines = json!([{"name": "koala", "state": "up"}, {"name": "cloudwalk", "state": "down"}]);
    assert_eq!(verbose.json(), json!({"ready": true, "store": null, "recognition": null, "engines": engines}));
    cloudwalk.restart();
    becomes("ready\nengine koala: up\nengine cloudwalk: up\n");
    koala.kill();
    becomes("ready\nengine koala: down\nengine cloudwalk: up\n");
    koala.restart();
    becomes("ready\nengine koala: up\nengine cloudwalk: up\n");
}

#[test]
fn face_api_keeps_users_at_a_vendor() {
    for engine in ALL.map(Engine::start) {
        let server = server_of(&engine);
        let api = server.admin(0);
        let library = add_base(&api, "g", None);
        let add = |user: &str, picture: &[u8], action: &str| {
            let request = json!({
                "group_id": "g", "user_id": user, "image": base64(picture), "image_type": "BASE64",
                "action_type": action,
            });
            face_api(&api, "v3/face/add", &request)
        };
        let keys = |pictures: &[&[u8]]| {
            let mut keys: Vec<String> = pictures.iter().map(|picture| key(picture)).collect();
            keys.sort();
            Some(keys)
        };
        let tokens = |user: &str| {
            let (code, listed) = face_api(&api, "v3/face/list", &json!({"group_id": "g", "user_id": user}));
            let faces = listed["face_list"].as_array().cloned().unwrap_or_default();
            let tokens = faces.iter().map(|face| face["face_token"].as_str().expect("a token").to_owned());
            (code, tokens.collect::<Vec<_>>())
        };
        let identified = |picture: &[u8]| {
            let request = json!({
                "group_id_list": "g", "image": base64(picture), "image_type": "BASE64", "match_threshold": 80,
                "max_user_num": 10,
            });
            let (code, result) = face_api(&api, "v3/face/identify", &request);
            let users = result["user_list"].as_array().cloned().unwrap_or_default();
            let users = users.iter().map(|user| user["user_id"].as_str().expect("an id").to_owned());
            (code, users.collect::<Vec<_>>())
        };
        let token = |picture: &[u8]| key(picture)[..32].to_owned();

        let (code, added) = add("u1", &obama(), "APPEND");
        assert_eq!((code, added["face_token"].as_str()), (0, Some(&*token(&obama()))));
        assert_eq!(add("u1", &obama2(), "APPEND").0, 0);
        assert_eq!(add("u1", &obama2(), "APPEND").0, 223_105, "this very face is there");
        assert_eq!(add("u2", &obama2(), "APPEND").0, 223_105);
        assert_eq!(add("u2", &biden(), "APPEND").0, 0);
        assert_eq!(engine.pictures(&library), keys(&[&obama(), &obama2(), &biden()]));
        assert_eq!(tokens("u1"), (0, vec![token(&obama()), token(&obama2())]), "the oldest first");
        assert_eq!(identified(&obama()), (0, vec!["u1".to_owned()]), "a user with two faces is found once");
        assert_eq!(identified(&biden()), (0, vec!["u2".to_owned()]));

        let one = json!({"group_id": "g", "user_id": "u1", "face_token": token(&obama())});
        assert_eq!(face_api(&api, "v3/face/delete", &one).0, 0);
        assert_eq!(face_api(&api, "v3/face/delete", &one).0, 223_106);
        assert_eq!(engine.pictures(&library), keys(&[&obama2(), &biden()]));
        let portrait = jpeg(&portrait());
        assert_eq!(add("u1", &portrait, "REPLACE").0, 0);
        assert_eq!(
            (tokens("u1"), engine.pictures(&library)),
            ((0, vec![token(&portrait)]), keys(&[&portrait, &biden()]))
        );
        assert_eq!(identified(&obama2()), (0, vec!["u1".to_owned()]));
        // Nothing changes if the engine refuses.
        assert_eq!(add("u1", &no_face(), "REPLACE").0, 222_203);
        assert_eq!(add("u3", &no_face(), "APPEND").0, 222_203);
        assert_eq!(tokens("u3").0, 223_103);
        assert_eq!(
            (tokens("u1"), engine.pictures(&library)),
            ((0, vec![token(&portrait)]), keys(&[&portrait, &biden()]))
        );
        // Deleting the last face deletes the user.
        let last = json!({"group_id": "g", "user_id": "u1", "face_token": token(&portrait)});
        assert_eq!(face_api(&api, "v3/face/delete", &last).0, 0);
        assert_eq!((tokens("u1").0, engine.pictures(&library)), (223_103, keys(&[&biden()])));
        assert_eq!(identified(&obama()), (222_207, vec![]));
        assert_eq!(face_api(&api, "v3/user/delete", &json!({"group_id": "@ALL", "user_id": "u2"})).0, 0);
        assert_eq!(engine.pictures(&library), Some(vec![]));
        assert_eq!(face_api(&api, "v3/group/delete", &json!({"group_id": "g"})).0, 0);
        assert_eq!(engine.pictures(&library), None);
    }
}

#[test]
fn a_user_is_copied_from_any_engine_to_any() {
    let (koala, cloudwalk) = (Engine::start(Vendor::Koala), Engine::start(Vendor::NewCloudwalk));
    let server = cloudwalk.known_to(koala.known_to(Setup::new(&["auto"]))).start();
    let api = server.admin(0);
    let groups = [("b", "builtin"), ("k", "koala"), ("c", "cloudwalk"), ("k2", "koala"), ("b2", "builtin")];
    let libraries = groups.map(|(group, engine)| add_base(&api, group, Some(engine)));
    for picture in [obama(), obama2()] {
        let face = json!({
            "group_id": "b", "user_id": "u", "user_info": "info", "image": base64(&picture), "image_type": "BASE64",
        });
        assert_eq!(face_api(&api, "v3/face/add", &face).0, 0);
    }
    let both = {
        let mut both = vec![key(&obama()), key(&obama2())];
        both.sort();
        Some(both)
    };
    for pair in groups.windows(2) {
        let [(from, _), (to, engine)] = pair else { panic!("two at a time") };
        let copy = json!({"user_id": "u", "src_group_id": from, "dst_group_id": to});
        assert_eq!(face_api(&api, "v3/user/copy", &copy), (0, Value::Null), "to {engine}");
        assert_eq!(face_api(&api, "v3/user/copy", &copy).0, 223_102, "it is there now");
        let (_, user) = face_api(&api, "v3/user/get", &json!({"group_id": to, "user_id": "u"}));
        assert_eq!(user["user_list"][0]["userInfo"], "info");
        let request = json!({
            "group_id_list": to, "image": base64(&obama2()), "image_type": "BASE64", "match_threshold": 80,
        });
        let (_, found) = face_api(&api, "v3/face/identify", &request);
        assert_eq!(found["user_list"][0]["user_id"], "u", "found in {to}");
    }
    let counts = api.post("/face-api/facehub/statgroup", &json!({"group_id_list": "b,k,c,k2,b2"})).json();
    for (group, _) in groups {
        assert_eq!((&counts[group]["user_num"], &counts[group]["face_num"]), (&json!(1), &json!(2)), "{group}");
    }
    assert_eq!((koala.pictures(&libraries[1]), koala.pictures(&libraries[3])), (both.clone(), both.clone()));
    assert_eq!(cloudwalk.pictures(&libraries[2]), both);
    // A copy is independent of the original.
    assert_eq!(face_api(&api, "v3/user/delete", &json!({"group_id": "k", "user_id": "u"})).0, 0);
    assert_eq!((koala.pictures(&libraries[1]), koala.pictures(&libraries[3])), (Some(vec![]), both));
}
