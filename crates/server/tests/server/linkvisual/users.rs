//! Users and their pictures.

use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::pictures::PictureServer;
use super::{APP, Client, ISOLATION, NOBODY, server, setup};
use crate::engine::{Engine, Vendor};
use crate::fixture::{Server, objects};
use crate::http::{Api, fetch, status_of};
use crate::pictures::{base64, biden, no_face, obama, obama2, sample, with_comment};

/// Returns a client of the AICP interface for the same app.
fn aicp(server: &Server) -> Api {
    let token = server.grant(APP, &["C10000000001", "C10000000002", "C10000000003"]);
    server.anonymous(0).with_token(&token)
}

fn fingerprint(picture: &[u8]) -> String {
    hex::encode(Md5::digest(picture))
}

/// Returns the personNos that AICP's recognition finds.
fn recognised(api: &Api, picture: &[u8]) -> Vec<String> {
    let body = json!({"groupId": ISOLATION, "image": base64(picture), "topN": 5});
    let data = api.post("/aicp/face/recognition", &body).data();
    let records = data["records"].as_array().expect("a list").iter();
    records.map(|record| record["personNo"].as_str().expect("a number").to_owned()).collect()
}

fn pictures_of(client: &Client, user: &str) -> Vec<String> {
    let told = client.ok("QueryFaceUser", &[("UserId", user)]);
    let list = told["FacePicList"].as_array().expect("a list").iter();
    list.map(|pic| pic["FaceMd5"].as_str().expect("a fingerprint").to_owned()).collect()
}

fn times(client: &Client, user: &str) -> (i64, i64) {
    let told = client.ok("QueryFaceUserBatch", &[("UserIdList.1", user)]);
    let time = |name: &str| told[0][name].as_i64().expect("a number");
    (time("CreateTime"), time("ModifyTime"))
}

#[test]
fn the_address_of_a_picture_may_have_chinese_and_spaces() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    pictures.put("%E5%BC%A0%20%E4%B8%89.jpg?%E5%BA%93=%E4%B8%80", obama());
    client.add("raw", &pictures.url("张 三.jpg?库=一"));
    client.add("escaped", &pictures.url("%E5%BC%A0%20%E4%B8%89.jpg?%E5%BA%93=%E4%B8%80"));
    assert_eq!(client.total(), 2);
}

#[test]
fn a_user_lives_and_is_recognised() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let api = aicp(&server);
    let url = pictures.put("obama.jpg", obama());
    let added = client.ok(
        "AddFaceUser",
        &[("CustomUserId", "OBAMA1"), ("FacePicUrl", &url), ("Name", "张三-_1"), ("Params", "{\"k\": 1}")],
    );
    let user = added["UserId"].as_str().expect("an id").to_owned();
    assert!(user.len() == 16 && user.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()), "{user}");
    let short = json!({"UserId": user, "CustomUserId": "OBAMA1", "Name": "张三-_1", "Params": "{\"k\": 1}"});
    assert_eq!(added, short);
    assert_eq!(client.ok("QueryFaceUserIdByCustomUserId", &[("CustomUserId", "OBAMA1")]), short);
    assert_eq!(client.ok("QueryFaceCustomUserIdByUserId", &[("UserId", &user)]), json!("OBAMA1"));
    client.fails("466", "face user already exist", "AddFaceUser", &[("CustomUserId", "OBAMA1"), ("FacePicUrl", &url)]);
    assert_eq!(client.total(), 1);
    assert_eq!(recognised(&api, &obama2()).len(), 1);
    let (created, mut changed) = times(&client, &user);
    let mut changes = |what: &str| {
        let (still, now) = times(&client, &user);
        assert_eq!(still, created);
        assert!(now > changed, "{what}");
        changed = now;
    };

    // Add another picture, then the same one again.
    let second = pictures.put("obama2.jpg", obama2());
    let add = [("UserId", user.as_str()), ("FacePicUrl", &second)];
    let md5 = client.ok("AddFaceUserPicture", &add);
    assert_eq!(md5, json!(fingerprint(&obama2())));
    changes("a picture more");
    let before = times(&client, &user);
    assert_eq!(client.ok("AddFaceUserPicture", &add), md5);
    assert_eq!(pictures_of(&client, &user), [fingerprint(&obama()), fingerprint(&obama2())]);
    assert_eq!(times(&client, &user), before, "nothing was changed");
    let links = client.ok("QueryFaceUser", &[("UserId", &user)])["FacePicList"].take();
    let links: Vec<&str> =
        links.as_array().expect("a list").iter().map(|pic| pic["FaceUrl"].as_str().expect("a link")).collect();
    assert_eq!(fetch(links[0]).2, obama());
    assert_eq!(status_of(&links[0].replace("sig=", "sig=0")), 404);
    client.ok("DeleteFaceUserPicture", &[("UserId", &user), ("FacePicMd5", &fingerprint(&obama()))]);
    changes("a picture less");
    assert_eq!(status_of(links[0]), 404);
    assert_eq!(pictures_of(&client, &user), [fingerprint(&obama2())]);
    client.ok("DeleteFaceUserPicture", &[("UserId", &user), ("FacePicMd5", &fingerprint(&obama2()))]);
    assert_eq!(pictures_of(&client, &user), Vec::<String>::new(), "the user stays without any");
    assert_eq!(recognised(&api, &obama()), Vec::<String>::new());
    changes("the last picture");

    // Change everything at once.
    let third = pictures.put("third.jpg", with_comment(&obama(), "third"));
    client.ok(
        "UpdateFaceUser",
        &[("UserId", &user), ("Name", "王五"), ("CustomUserId", "OBAMA2"), ("Params", "x"), ("FacePicUrl", &third)],
    );
    changes("an update");
    let told = client.ok("QueryFaceUser", &[("UserId", &user)]);
    assert_eq!(
        (&told["Name"], &told["Params"], &told["CustomUserId"]),
        (&json!("王五"), &json!("x"), &json!("OBAMA2"))
    );
    assert_eq!(pictures_of(&client, &user), [fingerprint(&with_comment(&obama(), "third"))]);
    assert_eq!(recognised(&api, &obama2()).len(), 1);
    client.ok("UpdateFaceUser", &[("UserId", &user)]);
    client.ok("UpdateFaceUser", &[("UserId", &user), ("FacePicUrl", &second)]);
    let told = client.ok("QueryFaceUser", &[("UserId", &user)]);
    assert_eq!(told["Name"], "王五", "what is not sent stays");
    assert_eq!(pictures_of(&client, &user), [fingerprint(&obama2())]);

    client.ok("DeleteFaceUser", &[("UserId", &user)]);
    client.fails("466", "face user not exist", "DeleteFaceUser", &[("UserId", &user)]);
    assert_eq!(recognised(&api, &obama()), Vec::<String>::new());
    assert_eq!(objects(server.data_dir()).len(), 0, "no picture is left");
    assert!(client.add("OBAMA1", &url) != user, "ids are not used again");
}

#[test]
fn an_update_changes_all_or_nothing() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let url = pictures.put("obama.jpg", obama());
    let (user, _) = (client.add("A", &url), client.add("B", &url));
    let before = client.ok("QueryFaceUserBatch", &[("UserIdList.1", &user)]);
    let png = pictures.put("obama.png", sample("probes/obama_32bit.png"));
    let empty = pictures.put("nobody.jpg", no_face());
    let cut = pictures.put("cut.jpg", obama()[..obama().len() / 3].to_vec());
    let gone = pictures.url("gone.jpg");
    for (more, code, message) in [
        (("FacePicUrl", png.as_str()), "460", "picture type error."),
        (("FacePicUrl", &empty), "466", "can not find this face"),
        (("FacePicUrl", &gone), "466", "face picture download error"),
        (("CustomUserId", "B"), "466", "face user already exist"),
    ] {
        client.fails(code, message, "UpdateFaceUser", &[("UserId", &user), ("Name", "new"), ("Params", "new"), more]);
    }
    // A truncated picture may still show a face; it is accepted or refused as a whole.
    let answer = client.ask("AddFaceUserPicture", &[("UserId", &user), ("FacePicUrl", &cut)]);
    if answer.json()["Success"] != true {
        assert_eq!(answer.json()["Code"], "460", "{}", answer.text());
        assert_eq!(client.ok("QueryFaceUserBatch", &[("UserIdList.1", &user)]), before);
    }
    let after = client.ok("QueryFaceUser", &[("UserId", &user)]);
    assert_eq!((&after["Name"], &after["Params"], &after["CustomUserId"]), (&json!(""), &json!(""), &json!("A")));
    client.fails("466", "face user not exist", "UpdateFaceUser", &[("UserId", NOBODY), ("Name", "x")]);
    client.fails("466", "face user not exist", "AddFaceUserPicture", &[("UserId", NOBODY), ("FacePicUrl", &url)]);
    let md5 = fingerprint(b"another");
    client.fails("466", "face picture not exist", "DeleteFaceUserPicture", &[("UserId", &user), ("FacePicMd5", &md5)]);
    client.fails("466", "face user not exist", "DeleteFaceUserPicture", &[("UserId", NOBODY), ("FacePicMd5", &md5)]);
    client.fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", &[("CustomUserId", "C")]);
    client.fails("466", "face user not exist", "QueryFaceCustomUserIdByUserId", &[("UserId", "short")]);
}

#[test]
fn people_are_users_whoever_enrolled_them() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let api = aicp(&server);
    let enrolment = json!({"groupId": ISOLATION, "image": base64(&biden()), "name": "Joe"});
    let person_id = api.post("/interactiveability/face/faceentry", &enrolment).data_text("personID");

    let told = client.ok("QueryFaceUserIdByCustomUserId", &[("CustomUserId", &person_id)]);
    let user = told["UserId"].as_str().expect("an id");
    assert_eq!((&told["Name"], &told["CustomUserId"]), (&json!("Joe"), &json!(person_id)));
    let listed = client.ok("QueryFaceUserBatch", &[("UserIdList.1", user)]);
    assert_eq!(listed[0]["FacePicList"][0]["FaceMd5"], json!(fingerprint(&biden())));
    assert_eq!(listed[0]["FacePicList"][0]["FeatureDTOList"].as_array().map(Vec::len), Some(1));
    // The decimal id names the existing person, not a new one.
    let url = pictures.put("obama.jpg", obama());
    client.fails(
        "466",
        "face user already exist",
        "AddFaceUser",
        &[("CustomUserId", &person_id), ("FacePicUrl", &url)],
    );
    client.ok("UpdateFaceUser", &[("UserId", user), ("CustomUserId", "JOE")]);
    assert_eq!(client.ok("QueryFaceCustomUserIdByUserId", &[("UserId", user)]), json!("JOE"));
    client.fails("466", "customuserid not exist", "QueryFaceUserIdByCustomUserId", &[("CustomUserId", &person_id)]);
    // The reverse direction.
    client.add("OBAMA", &url);
    let found = recognised(&api, &obama2()).remove(0);
    let face =
        |id: &str| api.post("/aicp/face/query", &json!({"groupId": ISOLATION, "userId": id})).data_text("faceId");
    assert_eq!(face("OBAMA"), face(&found));
    api.post("/aicp/face/remove", &json!({"groupId": ISOLATION, "userId": person_id})).data();
    client.fails("466", "face user not exist", "QueryFaceUser", &[("UserId", user)]);
    api.post("/aicp/face/deleteBase", &json!({"groupId": ISOLATION})).data();
    assert_eq!(client.total(), 0);
}

#[test]
fn isolations_and_apps_see_nothing_of_each_other() {
    let (server, pictures) = (server(), PictureServer::start());
    let (client, other) = (Client::new(&server, APP), Client::new(&server, "another"));
    let url = pictures.put("obama.jpg", obama());
    let user = client.add("A", &url);
    let elsewhere = [("UserId", user.as_str()), ("IsolationId", "Elsewhere1")];
    client.fails("466", "face user not exist", "QueryFaceUser", &elsewhere);
    client.fails("466", "face user not exist", "DeleteFaceUser", &elsewhere);
    other.fails("466", "face user not exist", "QueryFaceUser", &[("UserId", &user)]);
    other.fails("466", "face user not exist", "QueryFaceUserBatch", &[("UserIdList.1", &user)]);
    assert_eq!(other.total(), 0);
    let theirs = other.add("A", &url);
    assert_ne!(theirs, user);
    client.ok("AddFaceUser", &[("CustomUserId", "A"), ("FacePicUrl", &url), ("IsolationId", "Elsewhere1")]);
    client.fails("466", "face user not exist", "QueryFaceUserBatch", &[("UserIdList.1", &theirs)]);
    assert_eq!((client.total(), other.total()), (1, 1));
    let libraries = server.admin(0);
    let own = libraries.post("/aicp/face/queryBaseAll", &json!({})).data();
    assert_eq!(own["records"].as_array().map(Vec::len), Some(0), "none is the administrator's");
}

#[test]
fn batches_come_in_the_order_asked_for() {
    let (server, pictures) = (server(), PictureServer::start());
    let client = Client::new(&server, APP);
    let url = pictures.put("obama.jpg", obama());
    let users: Vec<String> = (0..3).map(|i| client.add(&format!("U{i}"), &url)).collect();
    let ids = |data: &Value| -> Vec<String> {
        data.as_array()
            .expect("a list")
            .iter()
            .map(|user| user["CustomUserId"].as_str().expect("an id").to_owned())
            .collect()
    };
    let found = client.ok(
        "QueryFaceUserBatch",
        &[
            ("UserIdList.10", &users[0]),
            ("UserIdList.2", NOBODY),
            ("UserIdList.3", &users[2]),
            ("UserIdList.11", &users[2]),
        ],
    );
    assert_eq!(ids(&found), ["U2", "U0"]);
    let array = json!([users[1], "", users[0]]).to_string();
    assert_eq!(ids(&client.ok("QueryFaceUserBatch", &[("UserIdList", &array)])), ["U1", "U0"]);
    assert_eq!(
        ids(&client.ok("QueryFaceUserBatch", &[("UserIdList.1", &users[2]), ("UserIdList.2", &array)])),
        ["U2", "U1", "U0"]
    );
    let some = |count: usize| {
        let strangers = (0..count - 1).map(|i| format!("{i:016}"));
        json!(strangers.chain([users[0].clone()]).collect::<Vec<_>>()).to_string()
    };
    assert_eq!(ids(&client.ok("QueryFaceUserBatch", &[("UserIdList.1", &some(50))])), ["U0"]);
    client.refused(400, "InvalidUserIdList", "QueryFaceUserBatch", &[("UserIdList.1", &some(51))]);
    client.refused(400, "MissingUserIdList", "QueryFaceUserBatch", &[("UserIdList.1", "[]")]);
    client.fails("466", "face user not exist", "QueryFaceUserBatch", &[("UserIdList.1", NOBODY)]);

    // Search by name and by page.
    client.ok("UpdateFaceUser", &[("UserId", &users[1]), ("Name", "张三丰"), ("Params", "p")]);
    let page = |more: &[(&str, &str)]| {
        let data = client.ok("QueryFaceUserByName", more);
        (data["Total"].as_u64().expect("a number"), ids(&data["List"]))
    };
    assert_eq!(page(&[("PageNo", "2"), ("PageSize", "2")]), (3, vec!["U2".to_owned()]));
    assert_eq!(page(&[("PageNo", "1000000"), ("PageSize", "50")]), (3, vec![]));
    assert_eq!(page(&[("PageNo", "1"), ("PageSize", "50"), ("Name", "三")]), (1, vec!["U1".to_owned()]));
    assert_eq!(page(&[("PageNo", "1"), ("PageSize", "50"), ("Params", "p")]), (1, vec!["U1".to_owned()]));
    assert_eq!(page(&[("PageNo", "1"), ("PageSize", "50"), ("Params", "P")]), (0, vec![]));
    assert_eq!(page(&[("PageNo", "1"), ("PageSize", "50"), ("Name", "%")]), (0, vec![]));
    for (more, code) in [
        ([("PageNo", "0"), ("PageSize", "50")], "InvalidPageNo"),
        ([("PageNo", "1000001"), ("PageSize", "50")], "InvalidPageNo"),
        ([("PageNo", "1"), ("PageSize", "51")], "InvalidPageSize"),
        ([("PageNo", "1"), ("PageSize", "")], "MissingPageSize"),
        ([("PageNo", ""), ("PageSize", "1")], "MissingPageNo"),
        ([("PageNo", "1.5"), ("PageSize", "1")], "InvalidPageNo"),
    ] {
        client.refused(400, code, "QueryFaceUserByName", &more);
    }
}

#[test]
fn a_user_has_so_many_pictures_and_no_more() {
    let server = setup().env("AICP_FACE_API__MAX_FACES_PER_USER", "2").start();
    let (client, pictures) = (Client::new(&server, APP), PictureServer::start());
    let urls = ["1", "2", "3"].map(|name| pictures.put(name, with_comment(&obama(), name)));
    let user = client.add("A", &urls[0]);
    let add = |url: &str| client.ask("AddFaceUserPicture", &[("UserId", &user), ("FacePicUrl", url)]).json();
    assert_eq!(add(&urls[1])["Success"], json!(true));
    let refused = add(&urls[2]);
    assert_eq!((&refused["Code"], &refused["ErrorMessage"]), (&json!("466"), &json!("face picture exceed limit")));
    assert_eq!(add(&urls[1])["Success"], json!(true), "one that the user has is no more");
    client.ok("UpdateFaceUser", &[("UserId", &user), ("FacePicUrl", &urls[2])]);
    assert_eq!(add(&urls[0])["Success"], json!(true));
    assert_eq!(pictures_of(&client, &user).len(), 2);
}

#[test]
fn users_of_a_vendors_engine_are_users_too() {
    let engine = Engine::start(Vendor::Koala);
    let server = engine.known_to(setup()).env("AICP_ENGINES__DEFAULT", "koala").start();
    let pictures = PictureServer::start();
    let client = Client::new(&server, APP);
    let (first, second) = (pictures.put("obama.jpg", obama()), pictures.put("obama2.jpg", obama2()));
    let (user, other) = (client.add("A", &first), client.add("B", &pictures.put("biden.jpg", biden())));
    let told = client.ok("QueryFaceUser", &[("UserId", &user)]);
    assert_eq!(told["FacePicList"][0]["FaceMd5"], json!(fingerprint(&obama())));
    assert_eq!(told["FacePicList"][0]["FeatureDTOList"], json!([]), "the engine keeps it");
    client.ok("AddFaceUserPicture", &[("UserId", &user), ("FacePicUrl", &second)]);
    let taken = [("UserId", user.as_str()), ("CustomUserId", "B"), ("FacePicUrl", &second)];
    client.fails("466", "face user already exist", "UpdateFaceUser", &taken);
    assert_eq!(pictures_of(&client, &user).len(), 2);
    client.ok("UpdateFaceUser", &[("UserId", &user), ("Name", "n"), ("FacePicUrl", &second)]);
    assert_eq!(pictures_of(&client, &user), [fingerprint(&obama2())]);
    let third = pictures.put("third.jpg", with_comment(&obama(), "third"));
    client.ok("UpdateFaceUser", &[("UserId", &user), ("CustomUserId", "C"), ("FacePicUrl", &third)]);
    assert_eq!(pictures_of(&client, &user), [fingerprint(&with_comment(&obama(), "third"))]);
    // A picture that the engine refuses leaves the user unchanged, even a user without pictures.
    let md5 = fingerprint(&with_comment(&obama(), "third"));
    client.ok("DeleteFaceUserPicture", &[("UserId", &user), ("FacePicMd5", &md5)]);
    let broken = pictures.put("broken.jpg", [&obama()[..300], &[0xff; 200]].concat());
    for action in ["AddFaceUserPicture", "UpdateFaceUser"] {
        let refused = client.ask(action, &[("UserId", &user), ("FacePicUrl", &broken)]);
        assert_eq!(refused.json()["Success"], json!(false), "{}", refused.text());
        assert_eq!(pictures_of(&client, &user), Vec::<String>::new(), "{action}");
    }
    client.ok("AddFaceUserPicture", &[("UserId", &user), ("FacePicUrl", &third)]);
    let api = aicp(&server);
    assert_eq!(recognised(&api, &obama2()).len(), 1);
    let group = client.text("AddFaceUserGroup", &[("UserGroupName", "all")], "UserGroupId");
    for user in [&user, &other] {
        client.ok("AddFaceUserToUserGroup", &[("UserGroupId", &group), ("UserId", user)]);
    }
    client.ok("DeleteFaceUserGroup", &[("UserGroupId", &group)]);
    assert_eq!(client.total(), 0);
    assert_eq!(recognised(&api, &obama2()), Vec::<String>::new(), "the engine let go of them");
}
