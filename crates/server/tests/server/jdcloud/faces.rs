//! Faces of groups: add, search, delete, and their equivalence with people of other interfaces.

use std::collections::BTreeSet;
use std::thread;

use image::{Rgb, RgbImage};
use serde_json::json;

use super::{HEAD, Jd, assert_fault, assert_system, inner};
use crate::engine::{Engine, Vendor, key};
use crate::fixture::{Server, Setup, incoming, objects, wait_until};
use crate::pictures::{base64, jpeg, no_face, obama2, other_portrait, portrait, with_comment};
use crate::statistics::read_calls;

/// Rotates a picture about its centre, so that the head is tilted.
fn tilted(picture: &RgbImage, degrees: f32) -> RgbImage {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (w, h) = (picture.width() as f32, picture.height() as f32);
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let (dx, dy) = (x as f32 - w / 2.0, y as f32 - h / 2.0);
        let (sx, sy) = (w / 2.0 + dx * cos - dy * sin, h / 2.0 + dx * sin + dy * cos);
        let inside = sx >= 0.0 && sy >= 0.0 && sx < w && sy < h;
        if inside { *picture.get_pixel(sx as u32, sy as u32) } else { Rgb([128, 128, 128]) }
    })
}

fn form(picture: &[u8]) -> String {
    format!("imageBase64={}", base64(picture))
}

#[test]
fn a_face_lives_and_dies() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let group = jd.create_group("g1");
    let picture = jpeg(&portrait());
    let created = jd.call("faceCreate", "groupName=g1&outerId=%E5%BC%A0%E4%B8%89", &form(&picture));
    let face = inner(&created)["faceId"].as_str().expect("an id").to_owned();
    let id = created.header("x-jdcloud-request-id").expect("an id");
    assert!(face.len() == 32 && face.bytes().all(|byte| byte.is_ascii_hexdigit()), "{face}");
    created.assert(
        200,
        &format!(
            r#"{HEAD}{{"requestid":"{id}","message":"success","status":0,"result":"{{\"faceId\":\"{face}\"}}"}}}}"#
        ),
    );
    let listed = &jd.groups()[0];
    let time = |key: &str| listed[key].as_i64().expect("a number");
    assert!(time("updateTime") >= time("createTime"), "{listed}");

    let searched = jd.call("faceSearch", &format!("groupId={group}"), &form(&picture));
    let found = inner(&searched);
    let result = &found["faceSearchResults"][0];
    assert_eq!(
        result["faceID"],
        json!({"faceId": face, "index": 0, "outerId": "张三", "sim": result["faceID"]["sim"]})
    );
    assert!(result["faceID"]["sim"].as_f64().is_some_and(|sim| sim > 0.9 && sim <= 1.0), "{found}");
    let number = |key: &str| result[key].as_f64().expect("a number");
    assert!(number("conf") > 0.5 && number("conf") <= 1.0, "{found}");
    for (from, length, side) in [("left", "width", portrait().width()), ("top", "height", portrait().height())] {
        assert!(number(from) >= 0.0 && number(length) > 20.0, "{found}");
        assert!(number(from) + number(length) <= f64::from(side) + 1.0, "{found}");
    }
    let text = searched.text();
    let start = r#""result":{"result":"{\"faceSearchResults\":[{\"conf\":"#;
    assert!(text.contains(start), "{text}");
    let id = searched.header("x-jdcloud-request-id").expect("an id");
    let end =
        format!(r#""requestid":"{id}","message":"success","status":0}},"requestid":"{id}","message":"success"}}"#);
    assert!(text.ends_with(&end), "{text}");

    // Another picture of the same person, and one of another person.
    let others = jd.search("g1", &obama2());
    assert_eq!(others.iter().map(|(who, _)| who.as_str()).collect::<Vec<_>>(), ["张三"]);
    assert!(others[0].1 >= 0.49, "above the vendor's lowest threshold: {others:?}");
    assert_eq!(jd.search("g1", &jpeg(&other_portrait())), []);

    let deleted = jd.call("faceDelete", "groupName=g1&outerId=%E5%BC%A0%E4%B8%89", "");
    let id = deleted.header("x-jdcloud-request-id").expect("an id");
    deleted.assert(200, &format!(r#"{HEAD}{{"requestid":"{id}","message":"success","status":0}}}}"#));
    assert_eq!(jd.search("g1", &picture), []);
    assert!(jd.groups()[0]["updateTime"].as_i64() >= Some(time("updateTime")));
    assert!(objects(server.data_dir()).is_empty(), "nothing of the picture is left");
}

#[test]
fn pages_that_print_the_wrong_path_lose_no_group() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let picture = jpeg(&portrait());
    jd.create_face("g1", "a", &picture);
    // Alias from a demo.
    let answer =
        jd.call("face_create", "groupName=g1&outerId=b", &format!(r#"{{"imageBase64":"{}"}}"#, base64(&picture)));
    assert!(inner(&answer)["faceId"].is_string());
    for (query, body) in [("groupName=g1&outerId=a", ""), ("groupName=g1", r#"{"outerId":"b"}"#)] {
        let answer = jd.call("faceGroupDelete", query, body).json();
        assert_eq!((&answer["status"], &answer["result"]["message"]), (&json!(0), &json!("success")));
    }
    assert_fault(&jd.call("faceGroupDelete", "groupName=g1&outerId=a", ""), 13320, "outerId not found");
    // An empty id matches nobody, but it must not delete the group.
    let null = "groupId, groupName is null, or outerId is null";
    for (query, body) in [
        ("groupName=g1&outerId=", ""),
        ("groupName=g1&outerId=", "null"),
        ("groupName=g1", "outerId="),
        ("groupName=g1", "outerId"),
        ("groupName=g1", r#"{"outerId":""}"#),
        ("groupName=g1", r#"{"outerId":null}"#),
        ("groupName=g1", r#""{\"outerId\":null}""#),
    ] {
        assert_fault(&jd.call("faceGroupDelete", query, body), 12002, null);
    }
    assert_eq!((jd.groups().len(), jd.search("g1", &picture)), (1, vec![]));
}

#[test]
fn what_is_wrong_with_faces_is_said_and_changes_nothing() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let picture = jpeg(&portrait());
    jd.create_face("g1", "a", &picture);
    let before = (jd.groups(), objects(server.data_dir()));
    let good = form(&picture);

    let null = "groupId, groupName is null, or outerId is null";
    for query in ["", "groupName=g1", "outerId=b", "groupName=g1&outerId="] {
        assert_fault(&jd.call("faceCreate", query, &good), 12002, null);
        assert_fault(&jd.call("faceDelete", query, ""), 12002, null);
    }
    assert_fault(&jd.call("faceSearch", "", &good), 12002, "groupId or groupName is null");
    assert_fault(&jd.call("faceSearch", "groupName=g1", ""), 12002, "missing param");

    let turned = jpeg(&tilted(&portrait(), 45.0));
    let tiny = jpeg(&RgbImage::new(47, 48));
    let huge = jpeg(&RgbImage::new(4097, 48));
    let long = with_comment(&picture, &"x".repeat(60_000));
    let heavy = [long.as_slice(), &vec![0; 2 << 20]].concat();
    let unusable: [(String, i64, &str); 10] = [
        ("imageBase64=***".into(), 12003, "image base64 is invalid"),
        ("imageBase64=aGVsbG8=".into(), 12003, "image base64 is invalid"),
        (r#"{"imageBase64":7}"#.into(), 12003, "image base64 is invalid"),
        (form(&picture[..picture.len() / 2]), 12003, "image base64 is invalid"),
        (form(b"GIF89a\x01\0\x01\0\0\0\0"), 12003, "image base64 is invalid"),
        (form(&tiny), 13111, "image quality is bad"),
        (form(&huge), 13111, "image quality is bad"),
        (form(&heavy), 13111, "image quality is bad"),
        (form(&no_face()), 13134, "face not found"),
        (form(&turned), 13112, "face quality is not stardard"),
    ];
    for (body, status, message) in &unusable {
        assert_fault(&jd.call("faceCreate", "groupName=g1&outerId=b", body), *status, message);
        let searched = jd.call("faceSearch", "groupName=g1", body);
        let json = searched.json();
        assert_eq!((&json["result"]["status"], &json["status"]), (&json!(status), &json!(status)), "{json}");
        assert_eq!((&json["message"], &json["requestid"]), (&json!(message), &json["result"]["requestid"]), "{json}");
    }
    assert_fault(&jd.call("faceCreate", "groupName=g1&outerId=b", ""), 12003, "image base64 is invalid");
    let too_long = "x".repeat(4097);
    assert_fault(&jd.call("faceCreate", &format!("groupName=g1&outerId={too_long}"), &good), 12003, "解析参数错误");

    for query in ["groupName=nothing&outerId=b", "groupId=x&outerId=b"] {
        assert_fault(&jd.call("faceCreate", query, &good), 13312, "groupId not found");
        assert_fault(&jd.call("faceDelete", query, ""), 13312, "groupId not found");
        let searched = jd.call("faceSearch", query, &good).json();
        assert_eq!(searched["result"]["message"], "groupId not found");
    }
    assert_fault(&jd.call("faceCreate", "groupName=g1&outerId=a", &good), 13321, "outerId has exists");
    assert_fault(&jd.call("faceDelete", "groupName=g1&outerId=b", ""), 13320, "outerId not found");

    assert_eq!((jd.groups(), objects(server.data_dir())), before);
    assert_eq!(incoming(server.data_dir()), 0);
    assert_eq!(jd.search("g1", &picture).len(), 1);
}

#[test]
fn the_best_five_are_found_in_order() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let picture = jpeg(&portrait());
    jd.create_face("g1", "same", &picture);
    jd.create_face("g1", "alike", &obama2());
    jd.create_face("g1", "else", &jpeg(&other_portrait()));
    for n in 0..4 {
        jd.create_face("g1", &format!("copy{n}"), &with_comment(&picture, &n.to_string()));
    }
    let found = jd.search("g1", &picture);
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found.is_sorted_by(|a, b| a.1 >= b.1), "{found:?}");
    assert!(found.iter().all(|(who, _)| who != "else" && who != "alike"), "{found:?}");
}

#[test]
fn concurrent_calls_do_not_pass_a_groups_limit_nor_double_anybody() {
    let server = Setup::new(&["auto"]).env("AICP_JDCLOUD__MAX_FACES", "3").start();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let pictures: Vec<Vec<u8>> = (0..8).map(|n| with_comment(&jpeg(&portrait()), &n.to_string())).collect();
    let statuses: Vec<(usize, i64)> = thread::scope(|scope| {
        let calls: Vec<_> = pictures
            .iter()
            .enumerate()
            .map(|(n, picture)| {
                let jd = &jd;
                // Two calls for each id.
                let query = format!("groupName=g1&outerId=p{}", n / 2);
                scope.spawn(move || {
                    let answer = jd.call("faceCreate", &query, &form(picture)).json();
                    (n, answer["status"].as_i64().unwrap_or_else(|| panic!("{answer}")))
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    });
    let count = |wanted: i64| statuses.iter().filter(|(_, status)| *status == wanted).count();
    assert_eq!(count(0), 3, "{statuses:?}");
    assert_eq!(count(0) + count(13321) + count(13329), 8, "{statuses:?}");
    for pair in statuses.chunks(2) {
        assert!(pair.iter().filter(|(_, status)| *status == 0).count() <= 1, "{statuses:?}");
    }
    let full = jd.call("faceCreate", "groupName=g1&outerId=more", &form(&pictures[0]));
    assert_fault(&full, 13329, "face num exceed limit");
    assert_eq!(objects(server.data_dir()).len(), 3);
    // Deleting a face makes room.
    let gone = jd.search("g1", &pictures[0])[0].0.clone();
    assert_eq!(jd.call("faceDelete", &format!("groupName=g1&outerId={gone}"), "").json()["status"], 0);
    jd.create_face("g1", "more", &pictures[0]);
}

#[test]
fn people_of_the_manuals_section_7_are_members_and_the_other_way_round() {
    let server = Server::auto();
    let token = server.grant("shop", &["C10000000001", "C10000000002", "C10000000006"]);
    let aicp = server.anonymous(0).with_token(&token);
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let picture = jpeg(&portrait());

    let enrolled = aicp.post("/aicp/face/add", &json!({"groupId": "g1", "image": base64(&picture)}));
    let number = enrolled.data_text("personNo");
    let answer = jd.call("faceSearch", "groupName=g1", &form(&picture));
    let found = inner(&answer)["faceSearchResults"][0]["faceID"].clone();
    assert_eq!(found["faceId"], json!(number));
    let person = found["outerId"].as_str().expect("a text").to_owned();
    assert!(person.len() == 19 && person.bytes().all(|byte| byte.is_ascii_digit()), "{person}");
    let taken = jd.call("faceCreate", &format!("groupName=g1&outerId={person}"), &form(&picture));
    assert_fault(&taken, 13321, "outerId has exists");
    assert_eq!(jd.call("faceDelete", &format!("groupName=g1&outerId={person}"), "").json()["status"], 0);
    assert!(aicp.post("/aicp/face/query", &json!({"groupId": "g1", "userId": number})).json()["data"].is_null());

    let face = jd.create_face("g1", "fu2", &picture);
    let records = aicp.post("/aicp/face/recognition", &json!({"groupId": "g1", "image": base64(&obama2())})).data();
    assert_eq!(records["records"][0]["personNo"], json!(face), "{records}");
    aicp.post("/aicp/face/remove", &json!({"groupId": "g1", "userId": "fu2"})).data();
    assert_eq!(jd.search("g1", &picture), []);
    assert_eq!(jd.groups().len(), 1);

    // A user of face-api with two faces is one member.
    let user = |picture: &[u8]| {
        let image = base64(picture);
        let body = json!({"group_id": "g1", "user_id": "two", "image": image, "image_type": "BASE64"});
        aicp.post("/face-api/v3/face/add", &body).json()
    };
    for picture in [&picture, &obama2()] {
        assert_eq!(user(picture)["error_code"], 0);
    }
    assert_eq!(jd.search("g1", &picture).len(), 1);
    assert_eq!(jd.call("faceDelete", "groupName=g1&outerId=two", "").json()["status"], 0);
    assert_eq!(jd.search("g1", &obama2()), []);
}

#[test]
fn a_group_that_goes_takes_its_faces_along() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let group = jd.create_group("g1");
    let picture = jpeg(&portrait());
    jd.create_face("g1", "a", &picture);
    assert_eq!(jd.call("faceGroupDelete", &format!("groupId={group}"), "").json()["status"], 0);
    let gone = jd.call("faceSearch", &format!("groupId={group}"), &form(&picture)).json();
    assert_eq!(gone["result"]["message"], "groupId not found");
    assert!(objects(server.data_dir()).is_empty());
    jd.create_group("g1");
    assert_eq!(jd.search("g1", &picture), [], "a new group of the same name is empty");
}

#[test]
fn a_group_at_a_vendors_engine_is_a_group_like_any_other() {
    let koala = Engine::start(Vendor::Koala);
    let server = koala.known_to(Setup::new(&["auto"])).env("AICP_ENGINES__DEFAULT", "koala").start();
    let jd = Jd::new(&server);
    let group = jd.create_group("g1");
    let at_engine = || koala.pictures(&group.replace('-', ""));
    assert_eq!(at_engine(), Some(vec![]), "it is made there");
    let picture = jpeg(&portrait());
    let face = jd.create_face("g1", "a", &picture);
    assert_eq!(at_engine(), Some(vec![key(&picture)]));
    let answer = jd.call("faceSearch", "groupName=g1", &form(&obama2()));
    assert_eq!(inner(&answer)["faceSearchResults"][0]["faceID"]["faceId"], face);
    assert_fault(
        &jd.call("faceCreate", "groupName=g1&outerId=b", &form(&jpeg(&tilted(&portrait(), 45.0)))),
        13112,
        "face quality is not stardard",
    );
    let same = json!({"imgBase64A": base64(&picture), "imgBase64B": base64(&obama2())}).to_string();
    let score = jd.call("faceCompareV1", "", &same).json()["result"]["score"].as_str().map(str::parse::<f64>);
    assert!(matches!(score, Some(Ok(score)) if score >= 0.49), "{score:?}");

    // While the engine is down, writes are queued and searches fail.
    koala.kill();
    assert_eq!(jd.call("faceDelete", "groupName=g1&outerId=a", "").json()["status"], 0);
    jd.create_face("g1", "c", &picture);
    let down = jd.call("faceSearch", "groupName=g1", &form(&picture));
    assert_system(&down, "11010", "发布方接口调用异常，请稍后再试");
    koala.restart();
    wait_until("the engine has caught up", || {
        let answer = jd.call("faceSearch", "groupName=g1", &form(&picture)).json();
        let found = answer["result"]["result"].as_str().unwrap_or_default();
        found.contains(r#""outerId":"c""#) && !found.contains(r#""outerId":"a""#)
    });
    server.stop();
    let calls = read_calls(server.data_dir());
    let sources: BTreeSet<&str> = calls.iter().map(|call| call.source.as_str()).collect();
    assert_eq!(sources, BTreeSet::from(["京东云(考拉悠然)"]));
}

#[test]
fn a_group_at_a_vendors_engine_has_the_same_limit_of_faces() {
    let koala = Engine::start(Vendor::Koala);
    let limits = [("AICP_ENGINES__DEFAULT", "koala"), ("AICP_JDCLOUD__MAX_FACES", "1")];
    let server =
        limits.into_iter().fold(koala.known_to(Setup::new(&["auto"])), |setup, (name, value)| setup.env(name, value));
    let server = server.start();
    let jd = Jd::new(&server);
    let group = jd.create_group("g1");
    jd.create_face("g1", "a", &jpeg(&portrait()));
    let full = jd.call("faceCreate", "groupName=g1&outerId=b", &form(&obama2()));
    assert_fault(&full, 13329, "face num exceed limit");
    let at_engine = koala.pictures(&group.replace('-', ""));
    assert_eq!(at_engine.map(|pictures| pictures.len()), Some(1), "the engine was not asked");
}
