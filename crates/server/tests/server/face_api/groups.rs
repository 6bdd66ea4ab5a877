//! 9.1: groups and their statistics.

use std::collections::HashSet;

use aicp_types::{Clock, SystemClock};
use serde_json::{Value, json};

use super::{FaceApi, other, pictures_of_one};
use crate::fixture::{Server, Setup};
use crate::template::assert_matches;

fn milliseconds() -> i64 {
    SystemClock.now().get()
}

#[test]
fn groups_are_made_listed_counted_and_deleted() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let group = |id: &str| json!({"group_id": id});

    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":[]}"#);
    api.bare("facehub/statapp", &json!({}), r#"{"app":{"group_num":0}}"#);
    api.golden("v3/group/add", &group("group3"), "null");
    api.golden("v3/group/add", &group("group2"), "null");
    api.fails("v3/group/add", &group("group3"), 223_101, "group is already exist");
    let list = json!({"start": 0, "length": 100});
    api.golden("v3/group/list", &list, r#"{"group_id_list":["group3","group2"]}"#);
    api.bare("facehub/statapp", &json!({}), r#"{"app":{"group_num":2}}"#);

    let [first, second] = pictures_of_one(2).try_into().expect("two");
    api.add("group2", "u", &first);
    api.add("group2", "u", &second);
    api.add("group2", "v", &other());
    let stat = json!({"group_id_list": "group2,group3"});
    let counted = concat!(
        r#"{"group2":{"user_num":2,"face_num":3,"ctime":"<time>"},"#,
        r#""group3":{"user_num":0,"face_num":0,"ctime":"<time>"}}"#
    );
    api.bare("facehub/statgroup", &stat, counted);

    api.golden("v3/group/delete", &group("group2"), "null");
    api.fails("v3/group/delete", &group("group2"), 223_100, "group is not exist");
    api.golden("v3/group/list", &list, r#"{"group_id_list":["group3"]}"#);
    api.bare("facehub/statapp", &json!({}), r#"{"app":{"group_num":1}}"#);
    // A group with the name of a deleted one is a new group.
    api.golden("v3/group/add", &group("group2"), "null");
    api.bare(
        "facehub/statgroup",
        &json!({"group_id_list": "group2"}),
        r#"{"group2":{"user_num":0,"face_num":0,"ctime":"<time>"}}"#,
    );
    api.golden("v3/user/list", &group("group2"), r#"{"user_id_list":[]}"#);
}

#[test]
fn every_answer_has_a_log_id_of_its_own_and_the_time() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let mut seen = HashSet::new();
    for i in 0..50 {
        let before = milliseconds();
        // Alternates successes and failures.
        let body = api.call("v3/group/add", &json!({"group_id": format!("g{}", i / 2)})).json();
        let after = milliseconds();
        assert_eq!(body["error_code"], if i % 2 == 0 { 0 } else { 223_101 });
        let log_id = body["log_id"].as_u64().expect("a number");
        assert_eq!(log_id.to_string().len(), 13);
        assert!(seen.insert(log_id), "{log_id} came twice");
        let timestamp = body["timestamp"].as_i64().expect("a number");
        assert!((before..=after).contains(&timestamp), "{before} {timestamp} {after}");
    }
}

#[test]
fn the_time_is_in_seconds_if_set_so() {
    let server = Setup::new(&["auto"]).env("AICP_FACE_API__TIMESTAMP_IN_SECONDS", "true").start();
    let api = FaceApi::of_app(&server, "app");
    let envelope = r#""log_id":<millis>,"timestamp":<seconds>,"cached":0,"result":null}"#;
    let made = format!(r#"{{"error_code":0,"error_msg":"SUCCESS",{envelope}"#);
    let there = format!(r#"{{"error_code":223101,"error_msg":"group is already exist",{envelope}"#);
    for template in [made, there] {
        let before = milliseconds() / 1000;
        let answer = api.call("v3/group/add", &json!({"group_id": "g"}));
        let after = milliseconds() / 1000;
        let values = assert_matches(answer.text(), &template);
        let timestamp: i64 = values[1].parse().expect("a number");
        assert!((before..=after).contains(&timestamp), "{before} {timestamp} {after}");
    }
}

#[test]
fn lists_come_in_pages() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let ids: Vec<String> = (0..103).map(|i| format!("g{i}")).collect();
    for id in &ids {
        api.done("v3/group/add", &json!({"group_id": id}));
    }
    let page = |request: Value| {
        let list = api.result("v3/group/list", &request)["group_id_list"].take();
        serde_json::from_value::<Vec<String>>(list).expect("ids")
    };
    assert_eq!(page(json!({})), ids[..100], "100 by default");
    assert_eq!(page(json!({"start": null, "length": ""})), ids[..100]);
    assert_eq!(page(json!({"length": 1000})), ids);
    assert_eq!(page(json!({"start": 100})), ids[100..]);
    assert_eq!(page(json!({"start": "2", "length": "3"})), ids[2..5], "texts count as numbers");
    assert_eq!(page(json!({"start": 102, "length": 5})), ids[102..]);
    assert_eq!(page(json!({"start": 103, "length": 5})), [""; 0]);
    assert_eq!(page(json!({"start": i64::MAX, "length": 1000})), [""; 0]);
    assert_eq!(page(json!({"start": 0, "length": 0})), [""; 0]);
    for path in ["v3/group/list", "v3/user/list"] {
        for start in [json!(-1), json!("x"), json!(1.5), json!([1]), json!(true)] {
            let request = json!({"group_id": "g0", "start": start});
            api.fails(path, &request, 222_002, "param[start] format error");
        }
        for length in [json!(-1), json!(1001), json!("x"), json!(1.5), json!({})] {
            let request = json!({"group_id": "g0", "length": length});
            api.fails(path, &request, 222_003, "param[length] format error");
        }
    }
}

#[test]
fn ids_are_48_letters_digits_and_underscores_at_most() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let longest = "aZ09_".repeat(10)[..48].to_owned();
    api.done("v3/group/add", &json!({"group_id": longest}));
    api.done("v3/group/add", &json!({"group_id": 200_000}));
    let list = format!(r#"{{"group_id_list":["{longest}","200000"]}}"#);
    api.golden("v3/group/list", &json!({}), &list);
    for wrong in [json!(format!("{longest}x")), json!("a-b"), json!("组"), json!("a b"), json!("@ALL"), json!(["g"])] {
        let request = json!({"group_id": wrong});
        for path in ["v3/group/add", "v3/group/delete", "v3/user/list"] {
            api.fails(path, &request, 222_006, "group_id format error");
        }
    }
    for missing in [json!({}), json!({"group_id": null}), json!({"group_id": " "})] {
        for path in ["v3/group/add", "v3/group/delete", "v3/user/list"] {
            api.fails(path, &missing, 222_001, "param[group_id] is null");
        }
    }
}

#[test]
fn up_to_20_groups_are_counted_in_the_order_asked_for() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    for id in ["a", "b", "c"] {
        api.done("v3/group/add", &json!({"group_id": id}));
    }
    let none = |id: &str| format!(r#""{id}":{{"user_num":0,"face_num":0,"ctime":"<time>"}}"#);
    let all = |ids: &[&str]| format!("{{{}}}", ids.iter().map(|id| none(id)).collect::<Vec<_>>().join(","));
    let stat = "facehub/statgroup";
    api.bare(stat, &json!({"group_id_list": "c,a"}), &all(&["c", "a"]));
    api.bare(stat, &json!({"group_id_list": " b , ,c,b"}), &all(&["b", "c"]));
    api.bare(stat, &json!({"group_id_list": ["a", "b"]}), &all(&["a", "b"]));
    api.bare(stat, &json!({"group_id_list": "nobody"}), "{}");
    let twenty: Vec<String> = (0..19).map(|i| format!("g{i}")).chain(["a".to_owned()]).collect();
    api.bare(stat, &json!({"group_id_list": twenty.join(",")}), &all(&["a"]));
    let more = format!("{},b", twenty.join(","));
    api.fails(stat, &json!({"group_id_list": more}), 223_104, "group_list is too large");
    api.fails(stat, &json!({}), 222_001, "param[group_id_list] is null");
    api.fails(stat, &json!({"group_id_list": " , "}), 222_001, "param[group_id_list] is null");
    api.fails(stat, &json!({"group_id_list": "a,b-c"}), 222_005, "param[group_id_list] format error");
}

#[test]
fn an_app_sees_and_counts_its_own_groups_alone() {
    let server = Server::auto();
    let (one, two) = (FaceApi::of_app(&server, "one"), FaceApi::of_app(&server, "two"));
    let admin = FaceApi(server.admin(0));
    for (api, ids) in [(&one, &["g", "h"][..]), (&two, &["g"])] {
        for id in ids {
            api.done("v3/group/add", &json!({"group_id": id}));
        }
    }
    one.add("g", "u", &other());

    two.golden("v3/group/list", &json!({}), r#"{"group_id_list":["g"]}"#);
    one.bare("facehub/statapp", &json!({"op_app_id_list": "one"}), r#"{"one":{"group_num":2}}"#);
    let stat = json!({"group_id_list": "g"});
    one.bare("facehub/statgroup", &stat, r#"{"g":{"user_num":1,"face_num":1,"ctime":"<time>"}}"#);
    two.bare("facehub/statgroup", &stat, r#"{"g":{"user_num":0,"face_num":0,"ctime":"<time>"}}"#);
    two.bare("facehub/statgroup", &json!({"group_id_list": "h"}), "{}");
    for ids in ["one", "two,one", "nobody"] {
        let (list, single) = (json!({"op_app_id_list": ids}), json!({"op_app_id": ids, "group_id_list": "g"}));
        two.fails("facehub/statapp", &list, 6, "no permission to access data");
        two.fails("facehub/statgroup", &single, 6, "no permission to access data");
    }

    // The administrator may query every app.
    let everybody = r#"{"admin":{"group_num":0},"legacy":{"group_num":0},"one":{"group_num":2},"two":{"group_num":1}}"#;
    admin.bare("facehub/statapp", &json!({}), everybody);
    admin.bare(
        "facehub/statapp",
        &json!({"op_app_id_list": "two,nobody,one"}),
        r#"{"two":{"group_num":1},"one":{"group_num":2}}"#,
    );
    let of_one = r#"{"g":{"user_num":1,"face_num":1,"ctime":"<time>"}}"#;
    for key in ["op_app_id", "op_app_id_list"] {
        admin.bare("facehub/statgroup", &json!({"group_id_list": "g", key: "one"}), of_one);
    }
    admin.bare("facehub/statgroup", &stat, "{}");
    admin.golden("v3/app/list", &json!({}), r#"{"app_id_list":["admin","legacy","one","two"]}"#);
    one.golden("v3/app/list", &json!({}), r#"{"app_id_list":["one"]}"#);
}

#[test]
fn an_app_may_have_no_more_groups_than_set() {
    let server = Setup::new(&["auto"]).env("AICP_FACE_API__MAX_GROUPS", "2").start();
    let api = FaceApi::of_app(&server, "app");
    api.done("v3/group/add", &json!({"group_id": "a"}));
    api.add("b", "u", &other());
    let too_many = (223_104, "group_list is too large");
    api.fails("v3/group/add", &json!({"group_id": "c"}), too_many.0, too_many.1);
    api.fails("v3/face/add", &super::face("c", "u", &other()), too_many.0, too_many.1);
    api.fails("v3/group/add", &json!({"group_id": "a"}), 223_101, "group is already exist");
    // Each app has the same limit, and deleting a group makes room.
    FaceApi::of_app(&server, "else").done("v3/group/add", &json!({"group_id": "c"}));
    api.done("v3/group/delete", &json!({"group_id": "a"}));
    api.done("v3/group/add", &json!({"group_id": "c"}));
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["b","c"]}"#);
}
