//! 9.2: users, which are the people of sections 3 and 7.

use serde_json::{Value, json};

use super::{FAR, FaceApi, face, grant, image, other, pictures_of_one, user, with};
use crate::fixture::Server;
use crate::pictures::{base64, biden, obama};

/// Template of a user's row.
fn row(group_id: &str, user_id: &str, name: &str, info: &str) -> String {
    format!(
        r#"{{"id":"<int>","groupId":"{group_id}","userId":"{user_id}","userName":{name},"userInfo":{info},"createTime":"<time>"}}"#
    )
}

fn copy(user_id: &str, from: &str, to: &str) -> Value {
    json!({"user_id": user_id, "src_group_id": from, "dst_group_id": to})
}

#[test]
fn users_are_listed_found_and_deleted() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(4);
    api.done("v3/group/add", &json!({"group_id": "empty"}));
    api.result("v3/face/add", &with(face("g", "u1", &pictures[0]), json!({"user_info": "信息\"/"})));
    api.add("g", "u2", &pictures[1]);
    api.add("h", "u1", &pictures[2]);

    let (first, second, third) =
        (row("g", "u1", "null", r#""信息\"/""#), row("g", "u2", "null", "null"), row("h", "u1", "null", "null"));
    let got = api.golden("v3/user/get", &user("g", "u1"), &format!(r#"{{"user_list":[{first}]}}"#));
    let all = api.golden("v3/user/get", &user("@ALL", "u1"), &format!(r#"{{"user_list":[{first},{third}]}}"#));
    assert_eq!(got, all[..2], "the same row");
    api.golden("v3/user/list", &json!({"group_id": "g"}), &format!(r#"{{"user_id_list":[{first},{second}]}}"#));
    api.golden("v3/user/list", &json!({"group_id": "empty"}), r#"{"user_id_list":[]}"#);
    let page = json!({"group_id": "g", "start": "1", "length": "1"});
    api.golden("v3/user/list", &page, &format!(r#"{{"user_id_list":[{second}]}}"#));
    let past = json!({"group_id": "g", "start": 2, "length": 1000});
    api.golden("v3/user/list", &past, r#"{"user_id_list":[]}"#);

    for path in ["v3/user/get", "v3/user/delete", "v3/face/list"] {
        api.fails(path, &user("nobody", "u1"), 223_100, "group is not exist");
        api.fails(path, &user("g", "nobody"), 223_103, "user is not exist");
        api.fails(path, &json!({"group_id": "g"}), 222_001, "param[user_id] is null");
        api.fails(path, &json!({"user_id": "u1"}), 222_001, "param[group_id] is null");
        api.fails(path, &user("g", "a-b"), 222_018, "param[user_id] format error");
        api.fails(path, &user("g", &"u".repeat(49)), 222_018, "param[user_id] format error");
        api.fails(path, &user("@all", "u1"), 222_006, "group_id format error");
    }
    api.fails("v3/user/get", &user("@ALL", "nobody"), 223_103, "user is not exist");
    api.fails("v3/user/list", &json!({"group_id": "nobody"}), 223_100, "group is not exist");

    api.done("v3/user/delete", &user("g", "u2"));
    api.fails("v3/user/get", &user("g", "u2"), 223_103, "user is not exist");
    api.add("g", "u2", &pictures[1]);
    // `@ALL` means all groups.
    api.done("v3/user/delete", &user("@ALL", "u1"));
    api.fails("v3/user/delete", &user("@ALL", "u1"), 223_103, "user is not exist");
    api.fails("v3/user/get", &user("@ALL", "u1"), 223_103, "user is not exist");
    api.golden("v3/user/list", &json!({"group_id": "g"}), &format!(r#"{{"user_id_list":[{second}]}}"#));
    // The groups remain.
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["empty","g","h"]}"#);
}

#[test]
fn user_ids_have_48_bytes_and_their_info_256() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(3);
    let longest = "u".repeat(48);
    let info = "字".repeat(85) + "x";
    assert_eq!(info.len(), 256);
    api.result("v3/face/add", &with(face("g", &longest, &pictures[0]), json!({"user_info": info})));
    let template = row("g", &longest, "null", &format!("\"{info}\""));
    api.golden("v3/user/get", &user("g", &longest), &format!(r#"{{"user_list":[{template}]}}"#));
    let too_long = with(face("g", "u", &pictures[1]), json!({"user_info": format!("{info}x")}));
    api.fails("v3/face/add", &too_long, 222_010, "user_info format error");
    api.fails("v3/face/update", &too_long, 222_010, "user_info format error");
    let no_text = with(face("g", "u", &pictures[1]), json!({"user_info": {}}));
    api.fails("v3/face/add", &no_text, 222_010, "user_info format error");
}

#[test]
fn a_copy_is_found_in_its_group_and_lives_on_its_own() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(2);
    let first = api.result("v3/face/add", &with(face("g", "u", &pictures[0]), json!({"user_info": "info"})));
    let tokens = [first["face_token"].clone(), json!(api.add("g", "u", &pictures[1]))];
    api.done("v3/group/add", &json!({"group_id": "h"}));
    let search = |group_id: &str| with(image(&obama()), json!({"group_id_list": group_id, "match_threshold": 80}));
    api.fails("v3/face/search", &search("h"), 222_207, "match user is not found");

    api.golden("v3/user/copy", &copy("u", "g", "h"), "null");

    for group_id in ["g", "h"] {
        let found = api.result("v3/face/search", &search(group_id))["user_list"].take();
        assert_eq!((&found[0]["group_id"], &found[0]["user_id"]), (&json!(group_id), &json!("u")));
        assert_eq!(found[0]["user_info"], "info");
        let faces = api.result("v3/face/list", &user(group_id, "u"))["face_list"].take();
        assert_eq!([&faces[0]["face_token"], &faces[1]["face_token"]], [&tokens[0], &tokens[1]], "all faces, in order");
    }
    api.bare(
        "facehub/statgroup",
        &json!({"group_id_list": "h"}),
        r#"{"h":{"user_num":1,"face_num":2,"ctime":"<time>"}}"#,
    );

    api.fails("v3/user/copy", &copy("u", "g", "h"), 223_102, "user is already exist");
    api.fails("v3/user/copy", &copy("u", "g", "g"), 223_102, "user is already exist");
    api.fails("v3/user/copy", &copy("u", "nobody", "h"), 223_100, "group is not exist");
    api.fails("v3/user/copy", &copy("u", "g", "nobody"), 223_111, "dst group is not exist");
    api.fails("v3/user/copy", &copy("nobody", "g", "h"), 223_103, "user is not exist");
    for (name, missing) in [
        ("user_id", json!({"src_group_id": "g", "dst_group_id": "h"})),
        ("src_group_id", json!({"user_id": "u", "dst_group_id": "h"})),
        ("dst_group_id", json!({"user_id": "u", "src_group_id": "g"})),
    ] {
        api.fails("v3/user/copy", &missing, 222_001, &format!("param[{name}] is null"));
    }

    // The copy keeps its pictures after the original is deleted.
    api.done("v3/group/delete", &json!({"group_id": "g"}));
    let found = api.result("v3/face/search", &search("h"));
    assert_eq!(found["user_list"][0]["user_id"], "u");
    let token = tokens[0].as_str().expect("a text");
    let same = api.result("v3/face/match", &json!([super::token_image(token), image(&pictures[0])]));
    assert!(same["score"].as_f64().is_some_and(|score| score > 99.0), "{same}");
}

#[test]
fn users_are_the_people_of_sections_3_and_7() {
    let server = Server::auto();
    let token = grant(&server, "app", FAR, "C10000000001,C10000000002,C10000000003,C10000000006");
    let micro = server.anonymous(0).with_token(&token);
    let api = FaceApi(micro.clone());

    // Libraries and groups are the same.
    micro.post("/aicp/face/addBase", &json!({"groupId": "base", "dbName": "Base"})).data();
    api.done("v3/group/add", &json!({"group_id": "group"}));
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["base","group"]}"#);
    api.fails("v3/group/add", &json!({"group_id": "base"}), 223_101, "group is already exist");
    let libraries = micro.post("/aicp/face/queryBaseAll", &json!({})).data()["records"].take();
    assert_eq!((&libraries[0]["dbName"], &libraries[1]["dbName"]), (&json!("Base"), &json!("group")));

    // A person enrolled by 7.4 is a user with their public id.
    let person = json!({"groupId": "group", "image": base64(&obama()), "name": "张三"});
    let person_no = micro.post("/aicp/face/add", &person).data_text("personNo");
    let users = api.result("v3/user/list", &json!({"group_id": "group"}))["user_id_list"].take();
    let user_id = users[0]["userId"].as_str().expect("a text").to_owned();
    assert_eq!(user_id.len(), 19);
    let template = row("group", &user_id, r#""张三""#, "null");
    api.golden("v3/user/get", &user("group", &user_id), &format!(r#"{{"user_list":[{template}]}}"#));
    let search = with(image(&obama()), json!({"group_id_list": "group"}));
    assert_eq!(api.result("v3/face/search", &search)["user_list"][0]["user_id"], json!(user_id));
    // An engine's number is not a user id.
    api.fails("v3/user/get", &user("group", &person_no), 223_103, "user is not exist");
    api.done("v3/user/copy", &copy(&user_id, "group", "base"));
    api.golden("v3/face/list", &user("base", &user_id), r#"{"face_list":[{"face_token":"<hex>","ctime":"<time>"}]}"#);

    // A user enrolled by face/add is found and removed by user id.
    api.add("base", "u_1", &biden());
    let query = json!({"groupId": "base", "userId": "u_1"});
    let link = micro.post("/aicp/face/query", &query).data_text("faceDBURL");
    assert_eq!(crate::http::fetch(&link).2, biden());
    let hits = micro.post("/aicp/face/recognition", &json!({"groupId": "base", "image": base64(&biden())})).data();
    assert!(hits["records"][0]["score"].as_f64().is_some_and(|score| score > 99.0), "{hits}");
    micro.post("/aicp/face/remove", &query).data();
    api.fails("v3/user/get", &user("base", "u_1"), 223_103, "user is not exist");

    micro.post("/aicp/face/deleteBase", &json!({"groupId": "group"})).data();
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["base"]}"#);
    api.done("v3/group/delete", &json!({"group_id": "base"}));
    assert_eq!(micro.post("/aicp/face/queryBaseAll", &json!({})).data()["records"], json!([]));
}

#[test]
fn users_of_calls_without_a_token_are_section_3s_people() {
    let server = crate::fixture::Setup::new(&["legacy"]).env("AICP_FACE_API__ANONYMOUS", "true").start();
    let plain = server.anonymous(0);
    let api = FaceApi(plain.clone());
    let person = json!({"groupId": "200000", "image": base64(&obama()), "name": "张三"});
    let person_id = plain.post("/aicp/face/add", &person).data_text("personID");
    let template = row("200000", &person_id, r#""张三""#, "null");
    api.golden("v3/user/get", &user("@ALL", &person_id), &format!(r#"{{"user_list":[{template}]}}"#));
    api.add("200000", "u_1", &other());
    let query = json!({"groupId": "200000", "userId": "u_1"});
    assert_eq!(plain.post("/aicp/face/query", &query).data_text("personID"), "u_1");
    plain.post("/aicp/face/remove", &json!({"groupId": "200000", "userId": person_id})).data();
    api.golden(
        "v3/user/list",
        &json!({"group_id": "200000"}),
        &format!(r#"{{"user_id_list":[{}]}}"#, row("200000", "u_1", "null", "null")),
    );
}
