//! Groups: list, create, delete, and their equivalence with libraries of other interfaces.

use std::thread;

use aicp_types::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{HEAD, Jd, assert_fault, assert_v1_fault, inner};
use crate::fixture::{Server, Setup};

#[test]
fn groups_are_made_listed_and_deleted_byte_for_byte() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let empty = jd.call("getFaceGroupList", "start=0&length=5", "");
    let id = empty.header("x-jdcloud-request-id").expect("an id").to_owned();
    empty.assert(200, &format!(r#"{HEAD}{{"result":"[]","requestid":"{id}","message":"success","status":0}}}}"#));

    let made = jd.call("faceGroupCreate", "groupInfo=a%20%E5%BC%A0%2F%22b&groupName=g1", "");
    let group = made.json()["result"]["message"].as_str().expect("an id").to_owned();
    let id = made.header("x-jdcloud-request-id").expect("an id");
    made.assert(200, &format!(r#"{HEAD}{{"requestid":"{id}","message":"{group}","status":0}}}}"#));
    let dashes: Vec<usize> = group.match_indices('-').map(|(at, _)| at).collect();
    assert_eq!((group.len(), dashes), (36, vec![8, 13, 18, 23]), "{group}");

    let listed = jd.call("getFaceGroupList", "start=0&length=2", "");
    let time = inner(&listed)[0]["createTime"].as_i64().expect("a number");
    let id = listed.header("x-jdcloud-request-id").expect("an id");
    let groups = format!(
        r#"[{{\"createTime\":{time},\"groupId\":\"{group}\",\"groupInfo\":\"a 张/\\\"b\",\"groupName\":\"g1\",\"maxNumUser\":100000,\"subIndex\":1,\"updateTime\":{time}}}]"#
    );
    listed
        .assert(200, &format!(r#"{HEAD}{{"result":"{groups}","requestid":"{id}","message":"success","status":0}}}}"#));

    let deleted = jd.call("faceGroupDelete", &format!("groupId={group}"), "");
    let id = deleted.header("x-jdcloud-request-id").expect("an id");
    deleted.assert(200, &format!(r#"{HEAD}{{"requestid":"{id}","message":"{group}","status":0}}}}"#));
    assert_eq!(jd.groups(), Vec::<Value>::new());
}

#[test]
fn pages_slots_and_the_order_of_groups() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    for name in ["g1", "g2", "g3", "g4", "g5"] {
        jd.create_group(name);
    }
    let names = |answer: &Value| -> Vec<String> {
        let groups = answer.as_array().expect("a list");
        groups.iter().map(|group| group["groupName"].as_str().expect("a text").to_owned()).collect()
    };
    let page = |query: &str| names(&inner(&jd.call("getFaceGroupList", query, "")));
    assert_eq!(page("").len(), 5);
    assert_eq!(page("length=2&start=0")[..], page("")[..2]);
    assert_eq!(page("length=2&start=4")[..], page("")[4..]);
    assert!(page("start=5").is_empty() && page("start=100").is_empty());
    assert_eq!(page("length=&start="), page(""));
    assert_eq!(page("length=1&length=5&start=2"), page("length=1&start=2"), "the first counts");

    // Groups are sorted by creation time, then by id.
    let keys: Vec<(i64, String)> = jd
        .groups()
        .iter()
        .map(|g| (g["createTime"].as_i64().expect("a number"), g["groupId"].as_str().expect("a text").to_owned()))
        .collect();
    assert!(keys.is_sorted(), "{keys:?}");

    // A group keeps its slot; a new group gets the lowest free one.
    let slots = || -> Vec<(String, i64)> {
        let mut slots: Vec<(String, i64)> = jd
            .groups()
            .iter()
            .map(|g| (g["groupName"].as_str().expect("a text").to_owned(), g["subIndex"].as_i64().expect("a number")))
            .collect();
        slots.sort();
        slots
    };
    let expected = |names: [&str; 5], slots: [i64; 5]| -> Vec<(String, i64)> {
        names.into_iter().map(str::to_owned).zip(slots).collect()
    };
    assert_eq!(slots(), expected(["g1", "g2", "g3", "g4", "g5"], [1, 2, 3, 4, 5]));
    for name in ["g2", "g4"] {
        assert_eq!(jd.call("faceGroupDelete", &format!("groupName={name}"), "").json()["status"], 0);
    }
    jd.create_group("g6");
    jd.create_group("g7");
    assert_eq!(slots(), expected(["g1", "g3", "g5", "g6", "g7"], [1, 3, 5, 2, 4]));
}

#[test]
fn parameters_may_stand_anywhere_and_be_written_in_any_way() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    for name in ["g1", "g2"] {
        jd.create_group(name);
    }
    for body in [
        r#"{"start":1,"length":1}"#,
        r#"{"start":"1","length":"1"}"#,
        "start=1&length=1",
        r#""start=1&length=1""#,
        r#""{\"start\":1,\"length\":1}""#,
        r#"{"start":1,"start":0,"length":1}"#,
    ] {
        let groups = inner(&jd.call("getFaceGroupList", "", body));
        assert_eq!(groups.as_array().map(Vec::len), Some(1), "{body}");
        assert_eq!(groups[0], jd.groups()[1], "{body}");
    }
    // The query takes precedence; a body without content counts as absent.
    for body in [r#"{"start":0}"#, "", "null", "{}", "\"\"", " \n"] {
        assert_eq!(inner(&jd.call("getFaceGroupList", "start=2", body)), json!([]), "{body}");
    }
}

#[test]
fn what_is_wrong_with_groups_is_said_and_changes_nothing() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let group = jd.create_group("g1");
    let before = jd.groups();

    for query in [
        "start=x",
        "start=0.0",
        "start=%2B1",
        "start=%201",
        "length=1e1",
        "start=2147483648",
        "start=-2147483649",
        "length=x&start=101",
        "length=%FF",
        "start=--1",
    ] {
        assert_fault(&jd.call("getFaceGroupList", query, ""), 400, "start and length must be int");
    }
    for body in [r#"{"start":true}"#, r#"{"start":[0]}"#, r#"{"start":1.5}"#, r#"{"length":{}}"#] {
        assert_fault(&jd.call("getFaceGroupList", "", body), 400, "start and length must be int");
    }
    let range = "start must be number [0 ~ 100], length must be number [1 ~ 5]";
    for query in ["start=-1", "start=101", "length=0", "length=6", "length=-5", "length=5&start=2147483647"] {
        assert_fault(&jd.call("getFaceGroupList", query, ""), 12003, range);
    }

    assert_fault(&jd.call("faceGroupCreate", "", ""), 12002, "missing param");
    assert_fault(&jd.call("faceGroupCreate", "groupInfo=x&groupName=", ""), 12002, "missing param");
    let letters = "groupName must consists of only letters and numbers";
    let long = "g".repeat(65);
    for name in ["a%20b", "a-b", "%E5%BC%A0", "a%00", "g_1", long.as_str(), "%EF%BD%81"] {
        assert_fault(&jd.call("faceGroupCreate", &format!("groupName={name}"), ""), 12003, letters);
    }
    assert_fault(&jd.call("faceGroupCreate", "groupName=g1", ""), 13315, "groupName has existed");

    let null = "groupId, groupName is null";
    for query in ["", "groupId=&groupName="] {
        assert_fault(&jd.call("faceGroupDelete", query, ""), 12002, null);
    }
    let other_id = group.replace(|c: char| c.is_ascii_hexdigit(), "0");
    for query in [
        "groupName=nothing".to_owned(),
        format!("groupId={other_id}"),
        // The id takes precedence, even if it is not valid.
        "groupId=g1&groupName=g1".to_owned(),
        format!("groupId={other_id}&groupName=g1"),
        format!("groupId={}", &group[..35]),
        "groupId=%25&groupName=g1".to_owned(),
    ] {
        assert_fault(&jd.call("faceGroupDelete", &query, ""), 13312, "groupId not found");
    }
    assert_eq!(jd.groups(), before);

    // A sixth group exceeds the limit, but a name that is taken is reported first.
    for name in ["g2", "g3", "g4", "g5"] {
        jd.create_group(name);
    }
    assert_fault(&jd.call("faceGroupCreate", "groupName=g6", ""), 13327, "group num exceed limit");
    assert_fault(&jd.call("faceGroupCreate", "groupName=g5", ""), 13315, "groupName has existed");
    assert_eq!(jd.groups().len(), 5);
}

#[test]
fn a_body_that_cannot_be_read_deletes_nothing() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    jd.create_group("g1");
    let before = jd.groups();
    let in_gbk = b"{\"outerId\":\"\xd5\xc5\xc8\xfd\"}";
    let multipart = b"--x\r\nContent-Disposition: form-data; name=\"outerId\"\r\n\r\na\r\n--x--";
    for (n, body) in [
        &in_gbk[..],
        b"{\"outerId\":\"a\"",
        b"{",
        b"[{\"outerId\":\"a\"}]",
        b"\"outerId=\xd5\xc5\"",
        b"\"[]\"",
        b"\"\\\"outerId=a\\\"\"",
        b"\xff\xfe{\0\"\0o\0",
        multipart,
    ]
    .into_iter()
    .enumerate()
    {
        let nonce = format!("unreadable {n}");
        let headers = [("x-jdcloud-nonce", nonce.as_str())];
        for api in ["faceGroupDelete", "getFaceGroupList", "faceCreate"] {
            let answer = jd.send("POST", api, "groupName=g1", body, &SystemClock.now().timestamp(), &headers);
            assert_fault(&answer, 12003, "解析参数错误");
        }
        let answer = jd.send("POST", "groupDeleteV1", "groupId=x", body, &SystemClock.now().timestamp(), &headers);
        assert_v1_fault(&answer, 31, "RequestBodyIsNotJson");
    }
    assert_eq!(jd.groups(), before);
}

#[test]
fn an_id_is_known_in_any_of_its_forms() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let forms: [fn(&str) -> String; 5] = [
        str::to_owned,
        str::to_uppercase,
        |id| id.replace('-', ""),
        |id| id.replace('-', "").to_uppercase(),
        |id| id.replace('-', "")[..24].to_owned(),
    ];
    for form in forms {
        let group = jd.create_group("g1");
        let id = form(&group);
        let answer = jd.call("faceGroupDelete", &format!("groupId={id}"), "").json();
        assert_eq!(answer["result"]["message"], group, "{id}");
    }
}

#[test]
fn concurrent_calls_do_not_make_too_many_groups() {
    let server = Setup::new(&["auto"]).env("AICP_JDCLOUD__MAX_GROUPS", "3").start();
    let jd = Jd::new(&server);
    let statuses: Vec<i64> = thread::scope(|scope| {
        let calls: Vec<_> = (0..12)
            .map(|n| {
                let jd = &jd;
                scope.spawn(move || {
                    let answer = jd.call("faceGroupCreate", &format!("groupName=g{n}"), "").json();
                    answer["status"].as_i64().expect("a number")
                })
            })
            .collect();
        calls.into_iter().map(|call| call.join().expect("no panic")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 0).count(), 3, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 13327).count(), 9, "{statuses:?}");
    assert_eq!(jd.groups().len(), 3);
}

#[test]
fn a_group_is_a_library_of_the_app_and_of_no_other() {
    let server = Server::auto();
    let token = server.grant("shop", &["C10000000001", "C10000000002"]);
    let aicp = server.anonymous(0).with_token(&token);
    let made = aicp.post("/aicp/face/addBase", &json!({"groupId": "库 1", "dbName": "n", "dbDesc": "d"}));
    let number = made.data_text("personDbLib");
    let jd = Jd::new(&server);
    let listed = jd.groups();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["groupId"].as_str().map(|id| id.replace('-', "")), Some(number.clone()));
    assert_eq!((&listed[0]["groupName"], &listed[0]["groupInfo"]), (&json!("库 1"), &json!("d")));
    let all_names = |path: &str| aicp.post(path, &json!({})).data()["records"].as_array().expect("a list").len();
    jd.create_group("g1");
    assert_eq!(all_names("/aicp/face/queryBaseAll"), 2);

    let stranger = Jd::of_app(&server, "other", &json!({}));
    assert_eq!(stranger.groups(), Vec::<Value>::new());
    for query in ["groupName=g1".to_owned(), format!("groupId={number}")] {
        assert_fault(&stranger.call("faceGroupDelete", &query, ""), 13312, "groupId not found");
    }
    stranger.create_group("g1");
    // Libraries of other interfaces count.
    for name in ["a", "b", "c"] {
        aicp.post("/aicp/face/addBase", &json!({"groupId": name, "dbName": name})).data();
    }
    assert_fault(&jd.call("faceGroupCreate", "groupName=g2", ""), 13327, "group num exceed limit");
    aicp.post("/aicp/face/addBase", &json!({"groupId": "d", "dbName": "d"})).data();
    assert_eq!(inner(&jd.call("getFaceGroupList", "start=5", "")).as_array().map(Vec::len), Some(1));
    // A Chinese name with a space.
    assert_eq!(jd.call("faceGroupDelete", "groupName=%E5%BA%93%201", "").json()["status"], 0);
    assert_eq!(all_names("/aicp/face/queryBaseAll"), 5);
}
