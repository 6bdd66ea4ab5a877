//! Operations face/add, addNoDetect, update, list and delete.

use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use super::{FaceApi, face, image, other, pictures_of_one, token_image, user, with};
use crate::fixture::{Server, Setup, objects};
use crate::pictures::{base64, decode, no_face, obama, obama2};

/// Result of face/add and face/update.
const ADDED: &str = concat!(
    r#"{"face_token":"<hex>","location":{"left":<number>,"top":<number>,"width":<int>,"height":<int>,"#,
    r#""rotation":<number>}}"#
);

/// Returns the tokens of a user's faces.
#[track_caller]
fn tokens(api: &FaceApi, group_id: &str, user_id: &str) -> Vec<String> {
    let faces = api.result("v3/face/list", &user(group_id, user_id))["face_list"].take();
    let faces = faces.as_array().expect("a list").iter();
    faces.map(|face| face["face_token"].as_str().expect("a text").to_owned()).collect()
}

/// Returns the number of users and of faces in a group.
#[track_caller]
fn counts(api: &FaceApi, group_id: &str) -> (u64, u64) {
    let stat = api.call("facehub/statgroup", &json!({"group_id_list": group_id})).json();
    let count = |key| stat[group_id][key].as_u64().expect("a number");
    (count("user_num"), count("face_num"))
}

#[test]
fn a_face_is_added_with_its_place_in_the_picture() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let picture = obama();
    let added = api.golden("v3/face/add", &face("g", "u", &picture), ADDED);
    let [left, top, width, height, rotation] = [1, 2, 3, 4, 5].map(|i| added[i].parse::<f64>().expect("a number"));
    let (whole_width, whole_height) = decode(&picture).dimensions();
    assert!(left > 0.0 && left + width < f64::from(whole_width), "{added:?}");
    assert!(top > 0.0 && top + height < f64::from(whole_height), "{added:?}");
    assert!(width > 50.0 && height > width * 0.8 && rotation.abs() < 20.0, "{added:?}");

    // Group and user were created; a picture has the same token everywhere.
    assert_eq!(tokens(&api, "g", "u"), [added[0].clone()]);
    assert_eq!(counts(&api, "g"), (1, 1));
    let found = api.result("v3/face/detect", &image(&picture));
    assert_eq!(found["face_list"][0]["face_token"], added[0]);
    let place =
        json!({"left": left, "top": top, "width": width as i64, "height": height as i64, "rotation": rotation as i64});
    assert_eq!(found["face_list"][0]["location"], place);
    let no_detect = api.golden("v3/face/addNoDetect", &face("h", "u", &picture), r#"{"face_token":"<hex>"}"#);
    assert_eq!(no_detect[0], added[0]);

    // Ids may be numbers, base64 may have a prefix and line breaks, and the path has an alias.
    let lines =
        base64(&obama2()).as_bytes().chunks(76).map(|l| String::from_utf8_lossy(l).into_owned()).collect::<Vec<_>>();
    let request = json!({
        "image": format!("data:image/jpeg;base64,{}", lines.join("\r\n")), "image_type": "BASE64",
        "group_id": 7, "user_id": 8, "user_info": 9, "quality_control": "", "liveness_control": "NONE",
        "action_type": "APPEND", "unknown": [{}],
    });
    api.golden("v3/face/add", &request, ADDED);
    let info = api.result("v3/user/get", &user("7", "8"))["user_list"][0]["userInfo"].take();
    assert_eq!(info, "9");
}

#[test]
fn a_picture_is_in_a_group_once() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let [first, second] = pictures_of_one(2).try_into().expect("two");
    let exists = (223_105, "face is already exist");
    api.add("g", "u", &first);
    api.fails("v3/face/add", &face("g", "u", &first), exists.0, exists.1);
    api.fails("v3/face/add", &face("g", "v", &first), exists.0, exists.1);
    api.fails("v3/user/get", &user("g", "v"), 223_103, "user is not exist");
    // Another picture of the same person is another face; another group is independent.
    api.add("g", "v", &second);
    api.add("h", "u", &first);
    for action in ["UPDATE", "REPLACE"] {
        let request = with(face("g", "v", &first), json!({"action_type": action}));
        api.fails("v3/face/update", &request, exists.0, exists.1);
    }
    let replace = with(face("g", "v", &first), json!({"action_type": "REPLACE"}));
    api.fails("v3/face/add", &replace, exists.0, exists.1);
    assert_eq!((counts(&api, "g"), counts(&api, "h")), ((2, 2), (1, 1)));
    // After the face is deleted, it can be enrolled again.
    api.done("v3/user/delete", &user("g", "u"));
    api.add("g", "v", &first);
}

#[test]
fn append_adds_and_replace_and_update_take_the_place_of_all_faces() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(5);
    let act = |picture: usize, action: &str| with(face("g", "u", &pictures[picture]), json!({"action_type": action}));
    let info = || api.result("v3/user/get", &user("g", "u"))["user_list"][0]["userInfo"].take();
    let id = || api.result("v3/user/get", &user("g", "u"))["user_list"][0]["id"].take();

    let with_info = with(face("g", "u", &pictures[0]), json!({"user_info": "first"}));
    let first = api.golden("v3/face/add", &with_info, ADDED).swap_remove(0);
    let second = api.golden("v3/face/add", &act(1, "APPEND"), ADDED).swap_remove(0);
    assert_eq!(tokens(&api, "g", "u"), [first, second], "the oldest first");
    assert_eq!(info(), "first", "what is not sent stays");
    let user_row = id();

    let third =
        api.golden("v3/face/add", &with(act(2, "REPLACE"), json!({"user_info": "third"})), ADDED).swap_remove(0);
    assert_eq!((tokens(&api, "g", "u"), info()), (vec![third.clone()], json!("third")));
    let again = api.golden("v3/face/add", &act(2, "REPLACE"), ADDED).swap_remove(0);
    assert_eq!((again, tokens(&api, "g", "u")), (third.clone(), vec![third]), "its own picture may replace itself");

    let fourth = api.golden("v3/face/update", &face("g", "u", &pictures[3]), ADDED).swap_remove(0);
    assert_eq!((tokens(&api, "g", "u"), info()), (vec![fourth], json!("third")));
    let fifth = with(act(4, "UPDATE"), json!({"user_info": "fifth"}));
    let fifth = api.golden("v3/face/update", &fifth, ADDED).swap_remove(0);
    assert_eq!((tokens(&api, "g", "u"), info()), (vec![fifth], json!("fifth")));
    assert_eq!(id(), user_row, "it is the same user");
    assert_eq!(counts(&api, "g"), (1, 1));
    assert_eq!(objects(server.data_dir()).len(), 1, "replaced pictures are gone");

    // UPDATE requires an existing user; REPLACE creates one.
    let unknown = face("g", "new", &pictures[0]);
    api.fails("v3/face/update", &unknown, 223_103, "user is not exist");
    api.fails("v3/face/update", &face("new", "u", &pictures[0]), 223_100, "group is not exist");
    api.golden("v3/face/update", &with(unknown, json!({"action_type": "REPLACE"})), ADDED);
    api.golden("v3/face/update", &with(face("new", "u", &pictures[0]), json!({"action_type": "REPLACE"})), ADDED);
    for (path, action) in [("v3/face/add", "UPDATE"), ("v3/face/update", "APPEND"), ("v3/face/add", "append")] {
        api.fails(path, &act(1, action), 100, "Invalid parameter");
    }

    // Pictures without a face change and create nothing.
    for action in ["APPEND", "REPLACE"] {
        let faceless = with(face("nowhere", "u", &no_face()), json!({"action_type": action}));
        api.fails("v3/face/add", &faceless, 222_202, "pic not has face");
        let faceless = with(face("g", "u", &no_face()), json!({"action_type": action}));
        api.fails("v3/face/add", &faceless, 222_202, "pic not has face");
    }
    api.fails("v3/face/update", &face("g", "u", &no_face()), 222_202, "pic not has face");
    assert_eq!(tokens(&api, "g", "u").len(), 1);
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["g","new"]}"#);
}

#[test]
fn faces_are_listed_and_deleted_and_the_user_goes_with_the_last() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let [first, second, copied] = pictures_of_one(3).try_into().expect("three");
    let (first, second) = (api.add("g", "u", &first), api.add("g", "u", &second));
    let elsewhere = api.add("g", "v", &copied);
    let list = format!(
        r#"{{"face_list":[{{"face_token":"{first}","ctime":"<time>"}},{{"face_token":"{second}","ctime":"<time>"}}]}}"#
    );
    api.golden("v3/face/list", &user("g", "u"), &list);

    let delete = |face_token: &str| with(user("g", "u"), json!({"face_token": face_token}));
    for unknown in [&elsewhere, "x", &first.to_uppercase(), &"f".repeat(64)] {
        api.fails("v3/face/delete", &delete(unknown), 223_106, "face is not exist");
    }
    api.fails("v3/face/delete", &delete(&"f".repeat(65)), 222_025, "param[face_token] format error");
    api.fails("v3/face/delete", &user("g", "u"), 222_001, "param[face_token] is null");
    api.fails("v3/face/delete", &with(delete(&first), user("g", "w")), 223_103, "user is not exist");
    api.fails("v3/face/delete", &with(delete(&first), user("h", "u")), 223_100, "group is not exist");

    api.golden("v3/face/delete", &delete(&first), "null");
    api.fails("v3/face/delete", &delete(&first), 223_106, "face is not exist");
    assert_eq!(tokens(&api, "g", "u"), [&*second]);
    api.golden("v3/face/delete", &delete(&second), "null");
    api.fails("v3/user/get", &user("g", "u"), 223_103, "user is not exist");
    api.fails("v3/face/list", &user("g", "u"), 223_103, "user is not exist");
    assert_eq!(counts(&api, "g"), (1, 1));
    let search = with(image(&obama()), json!({"group_id_list": "g"}));
    assert_eq!(api.result("v3/face/search", &search)["user_list"][0]["user_id"], "v");
    assert_eq!(objects(server.data_dir()).len(), 1, "the pictures are gone");
}

#[test]
fn a_token_stands_for_an_enrolled_picture() {
    let server = Server::auto();
    let (api, stranger) = (FaceApi::of_app(&server, "app"), FaceApi::of_app(&server, "stranger"));
    let picture = obama();
    let token = api.add("g", "u", &picture);
    let of_token = token_image(&token);

    // A token is accepted wherever a picture is.
    let added = api.golden("v3/face/add", &with(of_token.clone(), user("h", "u")), ADDED);
    assert_eq!(added[0], token);
    let searched = api.result("v3/face/search", &with(of_token.clone(), json!({"group_id_list": "g"})));
    assert_eq!((&searched["face_token"], &searched["user_list"][0]["user_id"]), (&json!(token), &json!("u")));
    assert_eq!(api.result("v3/face/detect", &of_token), api.result("v3/face/detect", &image(&picture)));
    let same = api.result("v3/face/match", &json!([of_token, image(&picture)]));
    assert_eq!(same["face_list"], json!([{"face_token": token}, {"face_token": token}]));
    assert!(same["score"].as_f64().is_some_and(|score| score > 99.9), "{same}");

    // Tokens of other apps, and of pictures that were never enrolled, are unknown.
    let unknown = (222_209, "face token not exist");
    stranger.fails("v3/face/detect", &of_token, unknown.0, unknown.1);
    let seen = api.result("v3/face/detect", &image(&other()))["face_list"][0]["face_token"].take();
    api.fails("v3/face/detect", &token_image(seen.as_str().expect("a text")), unknown.0, unknown.1);
    api.done("v3/group/delete", &json!({"group_id": "g"}));
    api.result("v3/face/detect", &of_token);
    api.done("v3/group/delete", &json!({"group_id": "h"}));
    api.fails("v3/face/detect", &of_token, unknown.0, unknown.1);
}

#[test]
fn a_user_may_have_no_more_faces_than_set() {
    let server = Setup::new(&["auto"]).env("AICP_FACE_API__MAX_FACES_PER_USER", "1").start();
    let api = FaceApi::of_app(&server, "app");
    let [first, second, third] = pictures_of_one(3).try_into().expect("three");
    let first_token = api.add("g", "u", &first);
    api.fails("v3/face/add", &face("g", "u", &second), 222_300, "add face fail");
    assert_eq!(tokens(&api, "g", "u"), [first_token]);
    api.golden("v3/face/update", &face("g", "u", &second), ADDED);
    api.golden("v3/face/add", &with(face("g", "u", &third), json!({"action_type": "REPLACE"})), ADDED);
    api.add("g", "v", &first);
    assert_eq!(counts(&api, "g"), (2, 2));
}

#[test]
fn of_many_clients_with_one_picture_exactly_one_wins() {
    const CLIENTS: usize = 8;
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(3);
    // First into a new group, for one user each; then all for the same user.
    for (round, picture) in pictures.iter().enumerate() {
        let start = Barrier::new(CLIENTS);
        let add = |client: usize| {
            let user_id = if round == 0 { format!("u{client}") } else { "same".to_owned() };
            let request = face("g", &user_id, picture);
            start.wait();
            api.call("v3/face/add", &request).json()
        };
        let outcomes: Vec<Value> = thread::scope(|scope| {
            let add = &add;
            let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || add(client))).collect();
            clients.into_iter().map(|client| client.join().expect("an answer")).collect()
        });
        let mut count = BTreeMap::new();
        for outcome in &outcomes {
            *count.entry(outcome["error_code"].as_u64().expect("a number")).or_insert(0) += 1;
        }
        assert_eq!(count, BTreeMap::from([(0, 1), (223_105, CLIENTS - 1)]), "{outcomes:?}");
    }
    assert_eq!(counts(&api, "g"), (2, 3));
    assert_eq!(tokens(&api, "g", "same").len(), 2);
    api.golden("v3/group/list", &json!({}), r#"{"group_id_list":["g"]}"#);
    assert_eq!(objects(server.data_dir()).len(), 3);
}

#[test]
fn pictures_of_one_new_user_sent_at_once_all_become_theirs() {
    const CLIENTS: usize = 6;
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let pictures = pictures_of_one(CLIENTS);
    let start = Barrier::new(CLIENTS);
    thread::scope(|scope| {
        for picture in &pictures {
            let (api, start) = (&api, &start);
            scope.spawn(move || {
                start.wait();
                api.add("g", "u", picture);
            });
        }
    });
    assert_eq!(counts(&api, "g"), (1, CLIENTS as u64));
    assert_eq!(tokens(&api, "g", "u").len(), CLIENTS);
}
