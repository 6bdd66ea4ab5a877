//! Libraries, people and faces.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup};
use crate::pictures::{base64, biden, obama, obama2};

#[test]
fn a_library_is_made_seen_changed_and_deleted() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let made = admin.json("POST", "/libraries", &json!({"name": "staff", "description": "of the north"}));
    assert_eq!((made.status, made.header("location")), (201, Some("/api/v1/libraries/1")));
    let mut library = made.json();
    assert!(text(&library["createdAt"].take()).ends_with('Z') && text(&library["updatedAt"].take()).ends_with('Z'));
    let expected = json!({
        "id": "1", "appId": "admin", "groupId": "staff", "name": "staff", "description": "of the north",
        "engine": "builtin", "threshold": null, "topN": null, "createdAt": null, "updatedAt": null,
    });
    assert_eq!(library, expected);
    // The name is the id of the other interfaces, too.
    let manual = server.admin(0).post("/aicp/face/query", &json!({"groupId": "staff", "page": 1, "pageSize": 9}));
    assert_eq!(manual.status, 200, "{}", manual.text());
    assert_problem(&admin.json("POST", "/libraries", &json!({"name": "staff"})), 409, "libraryExists");

    let tag = made.header("etag").expect("a tag").to_owned();
    let seen = admin.get("/libraries/1");
    assert_eq!(seen.header("etag"), Some(tag.as_str()));
    let change = |tag: &str, body: &Value| {
        let headers = [("If-Match", tag), ("Content-Type", "application/json")];
        admin.send("PATCH", "/libraries/1", &headers, body.to_string().as_bytes())
    };
    let changed = change(&tag, &json!({"name": "crew", "groupId": "crew", "description": ""}));
    assert_eq!(changed.status, 200, "{}", changed.text());
    assert_eq!(changed.json()["name"], "crew");
    assert_eq!(changed.json()["description"], Value::Null);
    assert_problem(&change(&tag, &json!({"name": "late"})), 412, "changedMeanwhile");
    assert_problem(&change("crew", &json!({"name": "late"})), 400, "badField");
    assert_eq!(admin.get("/libraries/1").json()["name"], "crew", "no update is lost");
    admin.library("other");
    assert_problem(&change("*", &json!({"groupId": "other"})), 409, "libraryExists");
    for body in [json!({"name": ""}), json!({"name": "a\u{1}"}), json!({"nome": "a"}), json!({"name": 1}), json!([])] {
        assert_eq!(change("*", &body).status, 400, "{body}");
    }

    assert_eq!(admin.delete("/libraries/1").status, 204);
    assert_problem(&admin.delete("/libraries/1"), 404, "libraryNotFound");
    for id in ["1", "0", "-1", "01", "x", "99999999999999999999"] {
        assert_problem(&admin.get(&format!("/libraries/{id}")), 404, "libraryNotFound");
    }
}

#[test]
fn an_administrator_makes_libraries_for_an_app_and_apps_see_their_own() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let shop = Rest::new(&server, &server.grant("shop", &["C10000000001"]));
    let body = json!({"name": "hall", "appId": "shop"});
    let id = text(&admin.json("POST", "/libraries", &body).json()["id"]);
    assert_eq!(shop.get(&format!("/libraries/{id}")).json()["appId"], "shop");
    let own = admin.library("hall");
    assert_problem(&shop.get(&format!("/libraries/{own}")), 404, "libraryNotFound");
    assert_problem(&shop.json("POST", "/libraries", &json!({"name": "x", "appId": "admin"})), 404, "appNotFound");
    assert_problem(&admin.json("POST", "/libraries", &json!({"name": "x", "appId": "nobody"})), 404, "appNotFound");
    let ids = |rest: &Rest, query: &str| -> Vec<String> {
        let page = rest.get(&format!("/libraries{query}")).json();
        page["items"].as_array().expect("items").iter().map(|library| text(&library["id"])).collect()
    };
    assert_eq!(ids(&admin, ""), [id.clone(), own.clone()]);
    assert_eq!(ids(&admin, "?appId=shop"), std::slice::from_ref(&id));
    assert_eq!(ids(&admin, "?groupId=hall&name=AL"), [id.clone(), own]);
    assert_eq!(ids(&admin, "?name=%25"), Vec::<String>::new());
    assert_eq!(ids(&shop, ""), [id]);
    assert_problem(&shop.get("/libraries?appId=admin"), 403, "forbidden");
}

#[test]
fn a_person_has_data_and_faces_that_change() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let people = format!("/libraries/{library}/people");
    let made = admin.person(&library, &[("name", "Barack"), ("externalId", "b1"), ("customerNumber", "77")], &obama());
    let id = text(&made["id"]);
    assert_eq!((&made["externalId"], &made["customerNumber"]), (&json!("b1"), &json!("77")));
    assert_eq!(made["faces"].as_array().map(Vec::len), Some(1));
    assert_eq!(made["pictures"], json!([{"faceId": made["faces"][0]["id"], "problem": null}]));
    let person = format!("{people}/{id}");

    let seen = admin.get(&person);
    let tag = seen.header("etag").expect("a tag").to_owned();
    let change = |tag: &str, body: &Value| {
        let headers = [("If-Match", tag), ("Content-Type", "application/json")];
        admin.send("PATCH", &person, &headers, body.to_string().as_bytes())
    };
    let changed = change(&tag, &json!({"name": "Barack Obama", "customerNumber": null, "info": "{\"a\":1}"})).json();
    assert_eq!((&changed["name"], &changed["customerNumber"]), (&json!("Barack Obama"), &Value::Null));
    assert_eq!((&changed["externalId"], &changed["info"]), (&json!("b1"), &json!("{\"a\":1}")));
    assert_problem(&change(&tag, &json!({"name": "late"})), 412, "changedMeanwhile");

    let faces = format!("{person}/faces");
    let added = admin.json("POST", &faces, &json!({"image": base64(&obama2())}));
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(admin.form("POST", &faces, &[], &[("file", &obama2())]).status, 200, "it is there");
    let listed = admin.get(&faces).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(listed["items"][0]["id"], added.json()["id"], "the newest first");
    let picture = admin.get(&format!("{faces}/{}/picture", text(&added.json()["id"])));
    assert!(picture.body == obama2() && picture.header("content-type") == Some("image/jpeg"));
    let quality = admin.get(&format!("{faces}/{}/quality", text(&added.json()["id"]))).json();
    assert!(quality["isRecognisable"] == true && quality["components"]["sharpness"].is_u64(), "{quality}");
    let replaced = admin.form("PUT", &faces, &[], &[("file", &obama())]);
    assert_eq!(replaced.status, 201, "{}", replaced.text());
    let left = admin.get(&faces).json();
    assert_eq!(left["items"], json!([replaced.json()]));
    assert_eq!(admin.delete(&format!("{faces}/{}", text(&replaced.json()["id"]))).status, 204);
    assert_eq!(admin.get(&person).json()["faces"], json!([]), "the person stays");

    let other = admin.library("visitors");
    assert_eq!(admin.form("POST", &faces, &[], &[("file", &obama())]).status, 201);
    let copied = admin.json("POST", &format!("{person}/copy"), &json!({"libraryId": other}));
    assert_eq!(copied.status, 201, "{}", copied.text());
    assert_eq!((&copied.json()["libraryId"], &copied.json()["externalId"]), (&json!(other), &json!("b1")));
    let again = admin.json("POST", &format!("{person}/copy"), &json!({"libraryId": other}));
    assert_problem(&again, 409, "personExists");

    assert_eq!(admin.delete(&person).status, 204);
    assert_problem(&admin.delete(&person), 404, "personNotFound");
    assert_problem(&admin.get(&format!("/libraries/{other}/people/{id}")), 404, "personNotFound");
}

#[test]
fn of_several_pictures_each_is_told_what_became_of_it() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let people = format!("/libraries/{library}/people");
    let images = json!([{"image": base64(b"no picture")}, {"image": base64(&obama())}, {"image": base64(&obama2())}]);
    let made = admin.json("POST", &people, &json!({"name": "Barack", "images": images}));
    assert_eq!(made.status, 201, "{}", made.text());
    let made = made.json();
    assert_eq!(made["faces"].as_array().map(Vec::len), Some(2));
    assert_eq!(made["pictures"][0]["problem"]["code"], "pictureNotReadable");
    assert!(made["pictures"][1]["faceId"].is_string() && made["pictures"][2]["faceId"].is_string());

    let refused = admin.json("POST", &people, &json!({"images": [{"image": base64(b"no picture")}]}));
    assert_problem(&refused, 400, "pictureNotReadable");
    assert_problem(&admin.json("POST", &people, &json!({"name": "Nobody"})), 400, "badField");
    let wrong = admin.json("POST", &people, &json!({"images": [{"image": base64(&obama())}, {"image": "é"}]}));
    assert_problem(&wrong, 400, "badField");
    assert_eq!(wrong.json()["fields"][0]["name"], "images[1]");
    assert_eq!(admin.get(&people).json()["items"].as_array().map(Vec::len), Some(1), "nobody was made");
}

#[test]
fn a_picture_may_be_as_large_as_is_set() {
    let server = Setup::new(&["auto"]).env("AICP_API__MAX_PICTURE_MIB", "1").start();
    let admin = Rest::admin(&server);
    let mut picture = obama();
    picture.resize(1 << 20, 0);
    assert_eq!(admin.form("POST", "/detect", &[], &[("file", &picture)]).status, 200);
    picture.push(0);
    assert_problem(&admin.form("POST", "/detect", &[], &[("file", &picture)]), 413, "tooLarge");
    picture.resize(4 << 20, 0);
    assert_problem(&admin.form("POST", "/detect", &[], &[("file", &picture)]), 413, "tooLarge");
}

#[test]
fn every_interface_sees_the_same_people_at_once() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[("externalId", "b1"), ("name", "Barack")], &obama());
    let manual = server.admin(0);
    let found = manual.post("/aicp/face/recognition", &json!({"groupId": "staff", "image": base64(&obama2())})).data();
    assert_eq!(found["records"].as_array().map(Vec::len), Some(1), "{found}");
    let added = json!({"groupId": "staff", "userId": "j1", "name": "Joe", "image": base64(&biden())});
    manual.post("/aicp/face/add", &added).data();
    let list = admin.get(&format!("/libraries/{library}/people?name=joe")).json();
    assert_eq!(list["items"][0]["name"], "Joe", "{list}");
    let id = text(&list["items"][0]["id"]);
    assert_eq!(admin.delete(&format!("/libraries/{library}/people/{id}")).status, 204);
    let found = manual.post("/aicp/face/recognition", &json!({"groupId": "staff", "image": base64(&biden())})).data();
    assert_eq!(found["records"], json!([]), "{found}");
}
