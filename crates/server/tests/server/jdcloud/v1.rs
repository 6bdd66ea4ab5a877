//! The `V1` calls on groups and faces.

use serde_json::{Value, json};

use super::{Jd, assert_v1_fault};
use crate::fixture::Server;
use crate::pictures::{base64, jpeg, obama2, other_portrait, portrait, with_comment};

/// Returns the result of a success.
#[track_caller]
fn call(jd: &Jd, api: &str, query: &str, body: &Value) -> Value {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let answer = jd.call(api, query, &body);
    let mut json = answer.json();
    assert_eq!((&json["code"], &json["result"]["code"]), (&json!("10000"), &json!(0)), "{json}");
    assert_eq!(json["result"]["msg"], "Accept");
    json["result"].take()
}

#[track_caller]
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

#[test]
fn groups_and_faces_live_and_die() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let group = text(&call(&jd, "groupCreateV1", "groupName=g1", &Value::Null)["groupId"]);
    assert_eq!(
        (group.len(), jd.groups()[0]["groupId"].as_str().map(|id| id.replace('-', "")[..24].to_owned())),
        (24, Some(group.clone()))
    );
    let groups = call(&jd, "groupFetchV1", "", &Value::Null)["groups"].take();
    assert_eq!((&groups[0]["groupId"], &groups[0]["groupName"]), (&json!(group), &json!("g1")));

    let picture = jpeg(&portrait());
    let created = call(&jd, "faceCreateV1", "", &json!({"groupId": group, "imgBase64": base64(&picture)}));
    let face = text(&created["faceId"]);
    assert_eq!((face.len(), &created["groupId"]), (24, &json!(group)));

    let found = call(&jd, "faceSearchV1", "", &json!({"groupId": group, "imgBase64": base64(&obama2())}));
    let keys: Vec<&String> = found.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["code", "faceItems", "faceMatches", "msg", "processTimeInMs", "timestamp"]);
    let one = &found["faceMatches"][0];
    let keys: Vec<&String> = one.as_object().expect("an object").keys().collect();
    assert_eq!(keys, ["createTime", "customInfo", "faceId", "groupId", "imgBase64", "score", "updateTime"]);
    assert_eq!((&one["faceId"], &one["groupId"]), (&json!(face), &json!(group)));
    assert_eq!(text(&one["imgBase64"]), base64(&picture));
    assert!(text(&one["createTime"]).parse::<i64>().is_ok() && one["score"].as_f64() >= Some(0.49), "{one}");

    // An update replaces the picture.
    let other = jpeg(&other_portrait());
    let update = json!({"faceId": face, "groupId": group, "imgBase64": base64(&other)});
    assert_eq!(call(&jd, "faceUpdateV1", "", &update)["faceId"], face);
    let search = |picture: &[u8]| {
        let found = call(&jd, "faceSearchV1", "", &json!({"groupId": group, "imgBase64": base64(picture)}));
        found["faceMatches"].as_array().expect("a list").len()
    };
    assert_eq!((search(&picture), search(&other)), (0, 1));

    for n in 0..3 {
        jd.create_face("g1", &n.to_string(), &with_comment(&picture, &n.to_string()));
    }
    let page = |query: &str| -> Vec<String> {
        let page = call(&jd, "faceFetchV1", &format!("groupId={group}&{query}"), &Value::Null);
        page["faces"].as_array().expect("a list").iter().map(|one| text(&one["faceId"])).collect()
    };
    let all = page("pageId=0&pageSize=10");
    assert_eq!((all.len(), &all[0]), (4, &face));
    assert_eq!(page("pageId=1&pageSize=3"), all[3..]);
    assert_eq!(page("pageId=2&pageSize=2"), Vec::<String>::new());

    call(&jd, "faceDeleteV1", &format!("faceId={face}"), &Value::Null);
    assert_eq!((search(&other), page("pageSize=10").len()), (0, 3));
    assert_eq!(call(&jd, "groupUpdateV1", &format!("groupId={group}&groupName=g2"), &Value::Null)["groupId"], group);
    assert_eq!(jd.search("g2", &picture).len(), 3);
    call(&jd, "groupDeleteV1", &format!("groupId={group}"), &Value::Null);
    assert_eq!(jd.groups(), Vec::<Value>::new());
}

#[test]
fn what_is_wrong_is_said_and_changes_nothing() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let group = text(&call(&jd, "groupCreateV1", "groupName=g1", &Value::Null)["groupId"]);
    call(&jd, "groupCreateV1", "groupName=g2", &Value::Null);
    let picture = base64(&jpeg(&portrait()));
    let face = text(&call(&jd, "faceCreateV1", "", &json!({"groupId": group, "imgBase64": picture}))["faceId"]);
    let before = (jd.groups(), call(&jd, "faceFetchV1", &format!("groupId={group}"), &Value::Null)["faces"].take());

    for api in ["groupCreateV1", "groupUpdateV1", "groupDeleteV1", "faceFetchV1", "faceDeleteV1"] {
        assert_v1_fault(&jd.call(api, "", ""), 1, "NoRequiredFields");
    }
    for api in ["faceCreateV1", "faceSearchV1", "faceUpdateV1"] {
        assert_v1_fault(&jd.call(api, "", "{}"), 1, "NoRequiredFields");
        assert_v1_fault(&jd.call(api, "", "groupId=x"), 31, "RequestBodyIsNotJson");
    }
    let named = |name: &str| format!("groupId={group}&groupName={name}");
    assert_v1_fault(&jd.call("groupCreateV1", "groupName=g1", ""), 13315, "groupName has existed");
    assert_v1_fault(&jd.call("groupUpdateV1", &named("g2"), ""), 13315, "groupName has existed");
    let letters = "groupName must consists of only letters and numbers";
    assert_v1_fault(&jd.call("groupUpdateV1", &named("a%20b"), ""), 12003, letters);
    let unknown = "0".repeat(24);
    for id in [unknown.as_str(), "x", "g1"] {
        assert_v1_fault(&jd.call("groupDeleteV1", &format!("groupId={id}"), ""), 13312, "groupId not found");
        assert_v1_fault(&jd.call("faceFetchV1", &format!("groupId={id}"), ""), 13312, "groupId not found");
        assert_v1_fault(&jd.call("faceDeleteV1", &format!("faceId={id}"), ""), 13320, "outerId not found");
        let body = json!({"groupId": id, "imgBase64": picture}).to_string();
        for api in ["faceCreateV1", "faceSearchV1"] {
            assert_v1_fault(&jd.call(api, "", &body), 13312, "groupId not found");
        }
        let body = json!({"faceId": id, "groupId": group, "imgBase64": picture}).to_string();
        assert_v1_fault(&jd.call("faceUpdateV1", "", &body), 13320, "outerId not found");
    }
    let other_group = jd.groups()[1]["groupId"].clone();
    assert_ne!(other_group.as_str().map(|id| id.replace('-', "")[..24].to_owned()), Some(group.clone()));
    let body = json!({"faceId": face, "groupId": other_group, "imgBase64": picture}).to_string();
    assert_v1_fault(&jd.call("faceUpdateV1", "", &body), 13320, "outerId not found");
    for query in ["pageId=-1", "pageSize=0", "pageSize=101", "pageId=x"] {
        assert_v1_fault(&jd.call("faceFetchV1", &format!("groupId={group}&{query}"), ""), 9, "ParamTypeIsInvalid");
    }
    let stranger = Jd::of_app(&server, "other", &json!({}));
    assert_v1_fault(&stranger.call("faceDeleteV1", &format!("faceId={face}"), ""), 13320, "outerId not found");
    assert_v1_fault(&stranger.call("groupDeleteV1", &format!("groupId={group}"), ""), 13312, "groupId not found");

    let after = (jd.groups(), call(&jd, "faceFetchV1", &format!("groupId={group}"), &Value::Null)["faces"].take());
    assert_eq!(after, before);
}
