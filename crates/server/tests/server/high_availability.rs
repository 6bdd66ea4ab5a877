//! Section 11: writes that an engine missed, and how they are replayed.

use std::net::TcpListener;
use std::path::PathBuf;

use aicp_engine_simulator::koala_paths;
use serde_json::{Value, json};

use crate::engine::{Engine, Vendor, key};
use crate::fixture::{Server, Setup, wait_until};
use crate::http::{Answer, Api, coded, fetch, plain, send};
use crate::pictures::{base64, biden, jpeg, no_face, obama, obama2, portrait, with_comment};
use crate::template::assert_matches;

const ADD: &str = "/aicp/face/add";
const GETALL: &str = "/asynchrony/getall";
const RESUME: &str = "/asynchrony/resumedata";
const RESUMED: &str = r#"{"flag":true,"resultCode":0,"message":"异常数据恢复成功","data":null}"#;
const NOT_RESUMED: &str = r#"{"flag":false,"resultCode":1,"message":"异常数据恢复失败","data":null}"#;

/// Starts a server with one engine. Waiting writes are replayed on request, or automatically with `auto_replay`.
fn server_of(engine: &Engine, auto_replay: bool) -> Server {
    setup_of(engine, auto_replay).start()
}

fn setup_of(engine: &Engine, auto_replay: bool) -> Setup {
    engine
        .known_to(Setup::new(&["auto"]))
        .env("AICP_ENGINES__DEFAULT", engine.vendor.name())
        .env("AICP_OUTBOX__AUTO_REPLAY", auto_replay.to_string())
        .env("AICP_OUTBOX__INTERVAL_S", "1")
}

/// Creates a library and returns its personDbLib.
fn add_base(api: &Api, group: &str) -> String {
    api.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group})).data_text("personDbLib")
}

/// Enrols a person and returns their personNo.
fn add(api: &Api, group: &str, picture: &[u8]) -> String {
    api.post(ADD, &json!({"groupId": group, "image": base64(picture)})).data_text("personNo")
}

fn remove(api: &Api, group: &str, user: &str) {
    api.post("/aicp/face/remove", &json!({"groupId": group, "userId": user})).data();
}

/// Returns the people found in a library; its engine must answer.
fn found(api: &Api, group: &str, picture: &[u8]) -> Vec<String> {
    let answer = api.post("/aicp/face/recognition", &json!({"groupId": group, "image": base64(picture)}));
    let records = answer.data()["records"].take();
    let hits = records.as_array().expect("a list of hits").iter();
    hits.map(|hit| hit["personNo"].as_str().expect("a personNo").to_owned()).collect()
}

/// Returns the records of a request, newest first.
fn records(api: &Api, request: &Value) -> Vec<Value> {
    api.post(GETALL, request).data()["items"].as_array().expect("a list of records").clone()
}

fn waiting(api: &Api) -> Vec<Value> {
    records(api, &json!({"issolved": "0"}))
}

fn resume(api: &Api, records: &[Value]) -> Answer {
    api.post(RESUME, &json!({"asynchronyDataList": records}))
}

/// Checks the format of a Shanghai date and time, such as `2020-06-28 16:05:04`.
fn assert_time(time: &Value) {
    let shape: String =
        time.as_str().expect("a text").chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00", "{time}");
}

/// Restarts the engine and waits until calls reach it.
fn back(engine: &Engine, api: &Api) {
    engine.restart();
    let probe = json!({"image": base64(&jpeg(&portrait()))});
    wait_until("the engine is asked again", || api.post("/aicp/face/detect", &probe).json()["flag"] == json!(true));
}

/// Returns different files of one picture.
fn variants(count: usize) -> Vec<Vec<u8>> {
    let picture = jpeg(&portrait());
    (0..count).map(|n| with_comment(&picture, &format!("variant {n}"))).collect()
}

#[test]
fn records_are_listed_and_resumed_as_the_manual_shows() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let (old, new) = (server.anonymous(0), server.admin(0));
    let nothing =
        r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"total":0,"totalPage":0,"items":[]}}"#;
    new.post(GETALL, &json!({})).assert(200, nothing);
    let in_old = {
        let person = old.post(ADD, &json!({"groupId": "old", "image": base64(&biden())})).data_text("personID");
        remove(&old, "old", &person);
        old.post("/aicp/face/recognition", &json!({"groupId": "old", "image": base64(&biden())})).data()
    };
    assert_eq!(in_old["faceFlag"], "N");
    let library = add_base(&new, "g");
    engine.kill();

    // The answer is a success although the engine is down.
    let answer = old.post(ADD, &json!({"groupId": "old", "image": base64(&biden())}));
    let template = r#"{"flag":true,"message":"人脸录入成功","data":{"personID":"<id>"}}"#;
    let old_person = assert_matches(answer.text(), template).swap_remove(0);
    let answer = new.post(ADD, &json!({"groupId": "g", "image": base64(&obama()), "name": "客户"}));
    let link = format!("http://{}/group1/default/<day>/<2>/<2>/<int>/<millis>?download=0&sig=<sig>", new.address);
    let template = format!(
        r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","data":{{"personNo":"<hex>","url":"{link}"}}}}"#
    );
    let new_person = assert_matches(answer.text(), &template).swap_remove(0);
    assert_eq!(fetch(&answer.data_text("url")).2, obama());
    let queried = new.post("/aicp/face/query", &json!({"groupId": "g", "userId": new_person})).data_text("faceDBURL");
    assert_eq!(fetch(&queried).2, obama());
    let queried = old.post("/aicp/face/query", &json!({"groupId": "old", "userId": old_person}));
    assert_eq!(fetch(&queried.data_text("faceDBURL")).2, biden());

    let data_dir = server.data_dir().display().to_string();
    let item = |library: &str, picture: &[u8], solve_time: &str, solved: &str| {
        format!(
            concat!(
                r#"{{"id":"<id>","dataGroupId":"{library}","dataPersonId":"<id>","#,
                r#""dataImageAddress":"{data_dir}/highAvailability/picture/<day>/<id>.jpg","#,
                r#""createTime":"<time>","operateType":"business/api/v1/repository/personDb","#,
                r#""engineUrl":"{url}","solveTime":{solve_time},{solved},"#,
                r#""jsonParam":"{{\"personLibId\":\"{library}\",\"baseLs\":\"{image}\"}}","asynchronyDataList":null}}"#
            ),
            library = library,
            data_dir = data_dir,
            url = engine.url(),
            solve_time = solve_time,
            solved = solved,
            image = base64(picture),
        )
    };
    let list = |first: String, second: String| {
        format!(
            concat!(
                r#"{{"flag":true,"resultCode":0,"message":"系统处理正常","#,
                r#""data":{{"total":2,"totalPage":1,"items":[{},{}]}}}}"#
            ),
            first, second
        )
    };
    let (unsolved, solved) = (r#""issolved":0,"solveManCode":null"#, r#""issolved":1,"solveManCode":"admin""#);
    let answer = new.post(GETALL, &json!({"issolved": "0"}));
    // Section 3 made the library, so its id was never returned.
    let template = list(item(&library, &obama(), "null", unsolved), item("<hex>", &biden(), "null", unsolved));
    let values = assert_matches(answer.text(), &template);
    assert_eq!(values[1], values[3], "dataPersonId names the picture, too");
    let records = answer.data()["items"].as_array().expect("a list").clone();
    assert_eq!(records[1]["dataPersonId"], json!(old_person));

    // While the engine is down nothing is replayed and nothing is lost.
    resume(&new, &records).assert(200, NOT_RESUMED);
    assert_eq!(new.post(GETALL, &json!({"issolved": "0"})).text(), answer.text());
    back(&engine, &new);
    assert_eq!(engine.pictures(&library), Some(vec![]), "not by itself");
    assert_eq!(found(&new, "g", &obama2()), Vec::<String>::new(), "nobody is found whom the engine does not know");
    let asked = new.post("/aicp/face/query", &json!({"groupId": "g", "userId": new_person})).data_text("faceDBURL");
    assert_eq!(fetch(&asked).2, obama());

    resume(&new, &records).assert(200, RESUMED);
    assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]));
    assert_eq!(found(&new, "g", &obama2()), [new_person]);
    let hit = old.post("/aicp/face/recognition", &json!({"groupId": "old", "image": base64(&biden())})).data();
    assert_eq!(hit["personID"], json!(old_person));
    new.post(GETALL, &json!({"issolved": "0"})).assert(200, nothing);
    let answer = new.post(GETALL, &json!({"issolved": "1"}));
    let template = list(item(&library, &obama(), "\"<time>\"", solved), item("<hex>", &biden(), "\"<time>\"", solved));
    assert_matches(answer.text(), &template);
    let after = answer.data()["items"].as_array().expect("a list").clone();
    for (before, after) in records.iter().zip(&after) {
        assert_time(&after["solveTime"]);
        let mut expected = before.clone();
        expected["issolved"] = json!(1);
        expected["solveTime"] = after["solveTime"].clone();
        expected["solveManCode"] = json!("admin");
        assert_eq!(*after, expected, "the rest is as it was");
    }

    // Repeated replay changes nothing, with the old records or the new ones.
    let adds = engine.calls(Vendor::Koala.add_path());
    resume(&new, &records).assert(200, RESUMED);
    resume(&new, &after).assert(200, RESUMED);
    assert_eq!(engine.calls(Vendor::Koala.add_path()), adds);
    assert_eq!(new.post(GETALL, &json!({})).text(), answer.text());
    assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]));
}

#[test]
fn records_are_filtered_and_paged() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    add_base(&api, "g");
    engine.kill();
    let pictures = variants(5);
    let people: Vec<String> = pictures.iter().map(|picture| add(&api, "g", picture)).collect();
    assert_eq!(people.len(), 5);
    let all = records(&api, &json!({}));
    let pictures_of = |records: &[Value]| -> Vec<String> {
        records.iter().map(|r| r["jsonParam"].as_str().expect("a text").to_owned()).collect()
    };
    let param = |picture: &[u8]| {
        let library = all[0]["dataGroupId"].as_str().expect("a text");
        format!(r#"{{"personLibId":"{library}","baseLs":"{}"}}"#, base64(picture))
    };
    let newest_first: Vec<String> = pictures.iter().rev().map(|picture| param(picture)).collect();
    assert_eq!(pictures_of(&all), newest_first);
    for record in &all {
        assert_time(&record["createTime"]);
    }
    let ids = |records: &[Value]| -> Vec<Value> { records.iter().map(|r| r["id"].clone()).collect() };

    for (page, expected) in [(1, &all[..2]), (2, &all[2..4]), (3, &all[4..]), (4, &all[5..])] {
        for (page, size) in [(json!(page), json!(2)), (json!(page.to_string()), json!("2"))] {
            let data = api.post(GETALL, &json!({"pageNo": page, "pageSize": size})).data();
            assert_eq!((&data["total"], &data["totalPage"]), (&json!(5), &json!(3)));
            assert_eq!(data["items"].as_array().map(Vec::as_slice), Some(expected));
        }
    }
    for wrong in [json!({"pageNo": 0}), json!({"pageNo": "x"})] {
        api.post(GETALL, &wrong).assert(200, &coded("pageNo格式错误"));
    }
    api.post(GETALL, &json!({"pageSize": -1})).assert(200, &coded("pageSize格式错误"));

    back(&engine, &api);
    // Earlier writes of the same library are replayed, too.
    resume(&api, &all[3..4]).assert(200, RESUMED);
    let total = |request: Value| api.post(GETALL, &request).data()["total"].as_u64().expect("a number");
    for (filter, expected) in
        [(json!("0"), 3), (json!(0), 3), (json!("1"), 2), (json!(1), 2), (json!(""), 5), (json!(null), 5)]
    {
        assert_eq!(total(json!({"issolved": filter})), expected, "{filter}");
    }
    api.post(GETALL, &json!({"issolved": "2"})).assert(200, &coded("issolved格式错误"));
    assert_eq!(ids(&records(&api, &json!({"issolved": "1"}))), ids(&all[3..]));

    // timeBefore is the start of the range and timeAfter its end, both inclusive.
    let (newest, oldest) = (all[0]["createTime"].clone(), all[4]["createTime"].clone());
    let day = json!(newest.as_str().expect("a text")[..10]);
    assert_eq!(total(json!({"timeBefore": oldest, "timeAfter": newest})), 5);
    assert_eq!(total(json!({"timeBefore": newest, "timeAfter": oldest})), 5, "turned round");
    assert_eq!(total(json!({"timeBefore": oldest})), 5);
    assert_eq!(total(json!({"timeAfter": newest})), 5);
    assert_eq!(total(json!({"timeBefore": "2020-01-01", "timeAfter": day})), 5);
    assert_eq!(total(json!({"timeBefore": "2099-01-01 00:00:00"})), 0);
    assert_eq!(total(json!({"timeAfter": "2020-06-30 16:04:45"})), 0);
    assert_eq!(total(json!({"issolved": "1", "timeBefore": oldest, "timeAfter": newest})), 2);
    api.post(GETALL, &json!({"timeBefore": "yesterday"})).assert(200, &coded("timeBefore格式错误"));
}

#[test]
fn only_the_administrator_lists_and_resumes() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let (admin, anonymous) = (server.admin(0), server.anonymous(0));
    let grant = json!({
        "appId": "app", "dueTime": "2099-01-01 00:00:00",
        "capabilityIdArray": ["C10000000001,C10000000002,C10000000003"],
    });
    let token = admin.post("/authorize/grantAuthorize", &grant).data_text("token");
    let app = anonymous.clone().with_token(&token);
    add_base(&app, "g");
    engine.kill();
    let person = add(&app, "g", &obama());
    assert_eq!(person.len(), 32);
    let records = waiting(&admin);
    assert_eq!(records.len(), 1, "the administrator sees every app's");
    for (path, body) in [(GETALL, json!({})), (RESUME, json!({"asynchronyDataList": records}))] {
        app.post(path, &body).assert(403, &coded("未授权该能力"));
        anonymous.post(path, &body).assert(401, &coded("token不能为空"));
        anonymous.clone().with_token("nobody's").post(path, &body).assert(401, &coded("token无效"));
    }
    back(&engine, &admin);
    assert_eq!(waiting(&admin), records, "nothing was done");
}

/// Returns the file that a record names.
fn file_of(record: &Value) -> PathBuf {
    PathBuf::from(record["dataImageAddress"].as_str().expect("a text"))
}

#[test]
fn the_picture_of_a_record_is_a_file_that_goes_with_it() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    add_base(&api, "g");
    engine.kill();
    let pictures = [obama(), biden()];
    let people = pictures.each_ref().map(|picture| add(&api, "g", picture));
    let records = waiting(&api);
    let files: Vec<PathBuf> = records.iter().map(file_of).collect();
    for (file, picture) in files.iter().zip(pictures.iter().rev()) {
        assert_eq!(&std::fs::read(file).expect("read"), picture, "{}", file.display());
    }
    // The person was removed before the engine knew them.
    remove(&api, "g", &people[1]);
    assert_eq!(waiting(&api), records[1..]);
    assert!(!files[0].exists());

    back(&engine, &api);
    resume(&api, &records[1..]).assert(200, RESUMED);
    assert!(files[1].exists(), "the record still carries the picture");
    remove(&api, "g", &people[0]);
    let solved = self::records(&api, &json!({"issolved": "1"}));
    assert_eq!((solved.len(), &solved[0]["dataImageAddress"]), (1, &json!("")));
    assert!(!files[1].exists());
}

#[test]
fn another_picture_of_a_person_has_a_file_of_its_own() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    add_base(&api, "g");
    engine.kill();
    let pictures = [obama(), obama2()];
    for picture in &pictures {
        let face = json!({
            "image": base64(picture), "image_type": "BASE64", "group_id": "g", "user_id": "u", "action_type": "APPEND"
        });
        api.post("/face-api/v3/face/add", &face);
    }
    let records = waiting(&api);
    assert_eq!(records[0]["dataPersonId"], records[1]["dataPersonId"]);
    for (record, picture) in records.iter().zip(pictures.iter().rev()) {
        assert_eq!(&std::fs::read(file_of(record)).expect("read"), picture);
    }
}

#[test]
fn what_can_not_be_resumed_does_not_hold_up_the_rest() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    let [a, b, c] = ["a", "b", "c"].map(|group| add_base(&api, group));
    engine.kill();
    add(&api, "a", &obama());
    // While the engine is down it can't report that there is no face.
    add(&api, "b", &no_face());
    add(&api, "c", &biden());
    let mut records = waiting(&api);
    let mut unknown = records[0].clone();
    unknown["id"] = json!("7965492027098472448");
    records.insert(0, unknown);
    back(&engine, &api);
    resume(&api, &records).assert(200, NOT_RESUMED);
    let pictures = [&a, &b, &c].map(|library| engine.pictures(library));
    assert_eq!(pictures, [Some(vec![key(&obama())]), Some(vec![]), Some(vec![key(&biden())])]);
    assert_eq!(api.post(GETALL, &json!({"issolved": "1"})).data()["total"], 2, "done is done");
    let left = waiting(&api);
    assert_eq!((left.len(), &left[0]["dataGroupId"]), (1, &json!(b)));
    // A write that the engine refused does not block later writes of its library.
    add(&api, "b", &obama());
    assert_eq!(engine.pictures(&b), Some(vec![key(&obama())]));
    resume(&api, &left).assert(200, NOT_RESUMED);

    for body in [
        json!({"asynchronyDataList": [{"id": "x"}]}),
        json!({"asynchronyDataList": [{"id": null}]}),
        json!({"asynchronyDataList": [{}]}),
        json!({"asynchronyDataList": [1]}),
        json!({"asynchronyDataList": {"id": "1"}}),
        json!({"asynchronyDataList": [{"id": "1"}]}),
        json!({}),
        json!({"asynchronyDataList": []}),
        json!({"asynchronyDataList": null}),
    ] {
        api.post(RESUME, &body).assert(200, NOT_RESUMED);
    }
    // A large list of invalid records takes no more memory than its size in bytes.
    let before = server.peak_memory();
    let much = format!(r#"{{"asynchronyDataList":[{}1]}}"#, "0,".repeat(8 << 20));
    api.post_bytes(RESUME, much.as_bytes()).assert(200, NOT_RESUMED);
    let more = server.peak_memory() - before;
    assert!(more < 3 * much.len() as u64, "{more} bytes for {}", much.len());
    for body in ["{", "[]", "5"] {
        api.post_bytes(RESUME, body.as_bytes()).assert(400, &coded("请求格式错误"));
    }
    // Ids may be numbers, like all scalars.
    let solved = &records[1]["id"].as_str().expect("a text").parse::<i64>().expect("a number");
    api.post(RESUME, &json!({"asynchronyDataList": [{"id": solved}]})).assert(200, RESUMED);
}

#[test]
fn a_whole_page_comes_back_in_one_body() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    let library = add_base(&api, "g");
    engine.kill();
    // Each picture has 1.2 MiB in base64; nine exceed the body limit of other calls.
    let picture = jpeg(&portrait());
    let heavy: Vec<Vec<u8>> = (0..9)
        .map(|n| {
            let mut bytes = with_comment(&picture, &format!("heavy {n}"));
            bytes.resize(900 << 10, 0);
            bytes
        })
        .collect();
    for bytes in &heavy {
        add(&api, "g", bytes);
    }
    let records = waiting(&api);
    let body = json!({"asynchronyDataList": records}).to_string();
    assert!(body.len() > 8 << 20, "{}", body.len());
    back(&engine, &api);
    api.post_bytes(RESUME, body.as_bytes()).assert(200, RESUMED);
    let mut keys: Vec<String> = heavy.iter().map(|bytes| key(bytes)).collect();
    keys.sort();
    assert_eq!(engine.pictures(&library), Some(keys));
    // Other calls refuse this size.
    assert_eq!(api.post_bytes(GETALL, body.as_bytes()).status, 413);
}

#[test]
fn what_a_record_says_is_not_believed() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, false);
    let api = server.admin(0);
    let (library, other) = (add_base(&api, "g"), add_base(&api, "other"));
    engine.kill();
    let person = add(&api, "g", &obama());
    let mut records = waiting(&api);
    let trap = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", trap.local_addr().expect("an address"));
    for name in ["engineUrl", "operateType", "dataImageAddress"] {
        records[0][name] = json!(url);
    }
    records[0]["jsonParam"] = json!(json!({"personLibId": other, "baseLs": base64(&biden())}).to_string());
    records[0]["dataGroupId"] = json!(other);
    records[0]["issolved"] = json!(1);
    back(&engine, &api);
    resume(&api, &records).assert(200, RESUMED);
    trap.set_nonblocking(true).expect("a listener");
    assert!(trap.accept().is_err(), "nobody connects to where a record says");
    assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]), "the picture that was kept is sent");
    assert_eq!(engine.pictures(&other), Some(vec![]));
    assert_eq!(found(&api, "g", &obama2()), [person]);
    let solved = self::records(&api, &json!({}));
    assert_eq!(solved[0]["engineUrl"], json!(engine.url()));
}

#[test]
fn an_engine_that_comes_back_is_told_by_itself() {
    for vendor in [Vendor::Koala, Vendor::Cloudwalk, Vendor::NewCloudwalk] {
        let engine = Engine::start(vendor);
        // The default setting: automatic replay.
        let setup = engine.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__DEFAULT", vendor.name());
        let server = setup.env("AICP_OUTBOX__INTERVAL_S", "1").start();
        let api = server.admin(0);
        let library = add_base(&api, "g");
        let gone = add(&api, "g", &biden());
        engine.kill();
        let person = add(&api, "g", &obama());
        remove(&api, "g", &gone);
        let made = add_base(&api, "made");
        add(&api, "made", &obama2());
        assert_eq!(waiting(&api).len(), 4);
        engine.restart();
        wait_until("nothing waits", || waiting(&api).is_empty());
        assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]));
        assert_eq!(engine.pictures(&made), Some(vec![key(&obama2())]));
        assert_eq!(found(&api, "g", &obama2()), [person]);
        for record in records(&api, &json!({})) {
            assert_time(&record["solveTime"]);
            assert_eq!((&record["issolved"], &record["solveManCode"]), (&json!(1), &Value::Null), "nobody asked");
            assert_eq!(record["engineUrl"], json!(engine.url()));
        }
    }
}

#[test]
fn writes_of_a_library_are_done_in_their_order() {
    for vendor in [Vendor::Koala, Vendor::NewCloudwalk] {
        let engine = Engine::start(vendor);
        let server = server_of(&engine, false);
        let api = server.admin(0);
        let library = add_base(&api, "g");
        let earlier = add(&api, "g", &obama());
        engine.kill();
        remove(&api, "g", &earlier);
        let a = add(&api, "g", &obama());
        remove(&api, "g", &a);
        let b = add(&api, "g", &obama2());
        api.post("/aicp/face/query", &json!({"groupId": "g", "userId": a}))
            .assert(200, &plain("查询人脸错误,错误信息[record not found]"));
        let records = waiting(&api);
        assert_eq!(records.len(), 2, "what the engine was never told of need not be taken back");
        engine.restart();
        // Earlier writes of the same library are replayed first.
        wait_until("it is resumed", || resume(&api, &records[..1]).text() == RESUMED);
        assert_eq!(engine.pictures(&library), Some(vec![key(&obama2())]));
        assert_eq!(found(&api, "g", &obama()), [b]);
        assert!(waiting(&api).is_empty());
    }
}

#[test]
fn a_lost_answer_is_looked_for_before_anything_is_done_again() {
    for vendor in [Vendor::Koala, Vendor::Cloudwalk, Vendor::NewCloudwalk] {
        let engine = Engine::start(vendor);
        let server = server_of(&engine, false);
        let api = server.admin(0);
        let library = add_base(&api, "g");
        let [first, second, third] = [0, 1, 2].map(|n| variants(3).swap_remove(n));
        // The library has the same face already; it must not be mistaken for the lost one.
        let known = add(&api, "g", &first);
        engine.lose_answers(1);
        let person = add(&api, "g", &second);
        let mut both = vec![key(&first), key(&second)];
        both.sort();
        assert_eq!(engine.pictures(&library), Some(both.clone()), "the engine has it");
        assert_eq!(waiting(&api).len(), 1, "but nobody here knows");
        resume(&api, &waiting(&api)).assert(200, RESUMED);
        assert_eq!(engine.pictures(&library), Some(both), "once");
        remove(&api, "g", &known);
        assert_eq!(engine.pictures(&library), Some(vec![key(&second)]), "each goes by its own name");

        // Removed before it was known whether the engine had it.
        engine.lose_answers(1);
        let short = add(&api, "g", &third);
        assert_eq!(engine.pictures(&library).map(|keys| keys.len()), Some(2));
        remove(&api, "g", &short);
        let left = waiting(&api);
        assert_eq!(left.len(), 1);
        resume(&api, &left).assert(200, RESUMED);
        assert_eq!(engine.pictures(&library), Some(vec![key(&second)]));
        assert_eq!(found(&api, "g", &first), [person]);
        // Removed before the engine had it.
        engine.faults(&json!({"dropBefore": 1.0, "limit": 1, "paths": [vendor.add_path()]}));
        let short = add(&api, "g", &third);
        remove(&api, "g", &short);
        resume(&api, &waiting(&api)).assert(200, RESUMED);
        assert_eq!(engine.pictures(&library), Some(vec![key(&second)]));
        assert!(waiting(&api).is_empty());
        assert_eq!(crate::fixture::objects(server.data_dir()).len(), 1, "no picture is kept longer than it is needed");
    }
}

#[test]
fn a_library_is_deleted_with_what_waits_for_it() {
    for vendor in [Vendor::Koala, Vendor::Cloudwalk] {
        let engine = Engine::start(vendor);
        let server = server_of(&engine, false);
        let api = server.admin(0);
        let [kept, gone] = ["kept", "gone"].map(|group| add_base(&api, group));
        add(&api, "gone", &obama());
        engine.kill();
        add(&api, "gone", &biden());
        let person = add(&api, "kept", &biden());
        api.post("/aicp/face/deleteBase", &json!({"groupId": "gone"}))
            .assert(200, r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"message":"ok"}}"#);
        // A library that is created and deleted while the engine is down.
        let brief = add_base(&api, "brief");
        api.post("/aicp/face/deleteBase", &json!({"groupId": "brief"})).data();
        for group in ["gone", "brief"] {
            let message = format!("人脸库[{group}]不存在");
            let probe = json!({"groupId": group, "image": base64(&obama())});
            api.post(ADD, &probe).assert(200, &coded(&message));
        }
        let again = add_base(&api, "gone");
        assert_ne!(again, gone);
        back(&engine, &api);
        resume(&api, &waiting(&api)).assert(200, RESUMED);
        let at_engine = [&gone, &brief, &again, &kept].map(|library| engine.pictures(library));
        assert_eq!(at_engine, [None, None, Some(vec![]), Some(vec![key(&biden())])]);
        assert_eq!(found(&api, "kept", &biden()), [person]);
        assert_eq!(crate::fixture::objects(server.data_dir()).len(), 1);
    }
}

#[test]
fn what_waits_outlives_a_restart() {
    let engine = Engine::start(Vendor::Koala);
    let temp = tempfile::tempdir().expect("a temp dir");
    let server = setup_of(&engine, false).data_dir(temp.path()).start();
    let api = server.admin(0);
    let library = add_base(&api, "g");
    engine.lose_answers(1);
    let [first, second] = [0, 1].map(|n| variants(2).swap_remove(n));
    add(&api, "g", &first);
    engine.kill();
    add(&api, "g", &second);
    let before = waiting(&api);
    assert_eq!(before.len(), 2);
    server.terminate();
    server.wait();

    let server = setup_of(&engine, true).data_dir(temp.path()).start();
    let api = server.admin(0);
    assert_eq!(waiting(&api), before);
    engine.restart();
    wait_until("nothing waits", || waiting(&api).is_empty());
    let mut keys = vec![key(&first), key(&second)];
    keys.sort();
    assert_eq!(engine.pictures(&library), Some(keys), "each once");
}

#[test]
fn an_engine_that_hangs_counts_as_one_that_is_down() {
    let engine = Engine::start(Vendor::Koala);
    let setup = setup_of(&engine, false)
        .env("AICP_ENGINES__KOALA__REMOTE__CONNECT_TIMEOUT_MS", "200")
        .env("AICP_ENGINES__KOALA__REMOTE__TIMEOUT_MS", "300");
    let server = setup.start();
    let (old, api) = (server.anonymous(0), server.admin(0));
    let library = add_base(&api, "g");
    engine.faults(&json!({"delayMs": 60_000}));
    let person = add(&api, "g", &obama());
    let probe = json!({"groupId": "g", "image": base64(&obama())});
    api.post("/aicp/face/recognition", &probe).assert(200, &coded("服务端报错"));
    old.post("/aicp/face/quality", &probe).assert(200, &plain("服务端报错"));
    engine.faults(&json!({}));
    let records = waiting(&api);
    wait_until("it is resumed", || resume(&api, &records).text() == RESUMED);
    assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]), "once, though its answer came too late");
    assert_eq!(found(&api, "g", &obama2()), [person]);
}

#[test]
fn a_library_that_is_stuck_holds_up_no_other() {
    let engine = Engine::start(Vendor::Koala);
    let server = server_of(&engine, true);
    let api = server.admin(0);
    let [a, b] = ["a", "b"].map(|group| add_base(&api, group));
    let person = add(&api, "a", &biden());
    let (adding, removing) = (Vendor::Koala.add_path(), koala_paths().remove);
    engine.faults(&json!({"status500": 1.0, "paths": [adding, removing]}));
    remove(&api, "a", &person);
    let person = add(&api, "b", &obama());
    assert_eq!(waiting(&api).len(), 2);
    engine.faults(&json!({"status500": 1.0, "paths": [removing]}));
    wait_until("the other library has its due", || waiting(&api).len() == 1);
    assert_eq!((engine.pictures(&a), engine.pictures(&b)), (Some(vec![key(&biden())]), Some(vec![key(&obama())])));
    assert_eq!(found(&api, "b", &obama2()), [person]);
    engine.faults(&json!({}));
    wait_until("nothing waits", || waiting(&api).is_empty());
    assert_eq!(engine.pictures(&a), Some(vec![]));
}

#[test]
fn an_engine_without_a_health_call_is_told_by_itself_too() {
    let engine = Engine::start(Vendor::Koala);
    let server = setup_of(&engine, true).env("AICP_ENGINES__KOALA__PATHS__HEALTH", "").start();
    let api = server.admin(0);
    let library = add_base(&api, "g");
    engine.kill();
    add(&api, "g", &obama());
    engine.restart();
    wait_until("nothing waits", || waiting(&api).is_empty());
    assert_eq!(engine.pictures(&library), Some(vec![key(&obama())]));
    let ready = send(server.addresses()[0], "GET", "/readyz", &[], b"").expect("an answer");
    assert_eq!((ready.status, ready.text()), (200, "ready\nengine koala: unknown\n"));
}
