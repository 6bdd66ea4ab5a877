//! The log of a library's recognitions.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup, objects, wait_until};
use crate::http::Answer;
use crate::pictures::{base64, biden, decode, jpeg, obama, obama2, other_portrait, portrait};

fn switch(rest: &Rest, library: &str, body: &Value) -> Answer {
    rest.json("PATCH", &format!("/libraries/{library}/recognition-log"), body)
}

fn entries(rest: &Rest, library: &str, query: &str) -> Vec<Value> {
    let answer = rest.get(&format!("/libraries/{library}/recognitions{query}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().expect("items").clone()
}

/// Waits until a library has this many entries; returns them, the latest first.
fn wait_for(rest: &Rest, library: &str, count: usize) -> Vec<Value> {
    wait_until("all are logged", || entries(rest, library, "").len() == count);
    entries(rest, library, "")
}

fn identify(rest: &Rest, library: &str, picture: &[u8]) {
    let answer = rest.form("POST", &format!("/libraries/{library}/identify"), &[], &[("file", picture)]);
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn recognitions_are_kept_with_the_face_and_an_unknown_face_becomes_a_person() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let setup = || Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").data_dir(data_dir.path());
    let server = setup().start();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let ada = admin.person(&library, &[("name", "Ada")], &obama());
    let log = format!("/libraries/{library}/recognition-log");
    assert_eq!(admin.get(&log).json(), json!({"enabled": false, "keepDays": 7}));
    identify(&admin, &library, &obama2());
    for wrong in [json!({"keepDays": 0}), json!({"keepDays": 366}), json!({"enabled": 1}), json!({"on": true})] {
        assert_problem(&switch(&admin, &library, &wrong), 400, "badField");
    }
    let tag = admin.get(&log).header("etag").expect("a tag").to_owned();
    assert_eq!(switch(&admin, &library, &json!({"enabled": true})).json(), json!({"enabled": true, "keepDays": 7}));
    let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
    assert_problem(&admin.send("PATCH", &log, &headers, b"{\"keepDays\": 9}"), 412, "changedMeanwhile");

    identify(&admin, &library, &obama2());
    // Another interface, with a face that nobody knows.
    let request = json!({"groupId": "staff", "image": base64(&biden())});
    server.admin(0).post("/aicp/face/recognition", &request).data();
    let both = wait_for(&admin, &library, 2);
    let of_ada = both.iter().find(|entry| entry["matches"] != json!([])).expect("one is known");
    let unknown = both.iter().find(|entry| entry["matches"] == json!([])).expect("one is unknown");
    let found = &of_ada["matches"][0];
    assert_eq!((&found["personId"], &found["faceId"]), (&ada["id"], &ada["faces"][0]["id"]));
    assert_eq!(found["name"], "Ada");
    // The log of events tells the present name, a stream none.
    let recognitions = admin.get("/events/log?kind=recognition&sort=newest").json();
    let event = recognitions["items"]
        .as_array()
        .expect("items")
        .iter()
        .find(|event| event["data"]["faces"][0]["matches"] != json!([]));
    let event = event.expect("one is known").clone();
    assert_eq!(event["data"]["faces"][0]["matches"][0]["name"], "Ada", "{event}");
    assert_eq!(admin.get(&format!("/events/{}", text(&event["id"]))).json(), event);
    for none in ["0", "999999", "x", "-1"] {
        assert_problem(&admin.get(&format!("/events/{none}")), 404, "eventNotFound");
    }
    assert!(found["similarity"].as_f64().is_some_and(|similarity| similarity > 0.8), "{found}");
    assert_eq!(entries(&admin, &library, "?known=true"), std::slice::from_ref(of_ada));
    assert_eq!(entries(&admin, &library, "?known=false"), std::slice::from_ref(unknown));
    assert_eq!(entries(&admin, &library, &format!("?personId={}", text(&ada["id"]))), std::slice::from_ref(of_ada));
    assert_eq!(entries(&admin, &library, "?to=2020-01-01T00:00:00Z"), [] as [Value; 0]);
    assert_eq!(entries(&admin, &library, &format!("?from={}", text(&both[1]["time"]))).len(), 2);
    let first = admin.get(&format!("/libraries/{library}/recognitions?limit=1")).json();
    let next = text(&first["next"]);
    assert_eq!(
        [first["items"][0].clone(), entries(&admin, &library, &format!("?limit=1&cursor={next}"))[0].clone()],
        both[..]
    );

    // The picture is the face with a margin.
    let path = |entry: &Value| format!("/libraries/{library}/recognitions/{}", text(&entry["id"]));
    let picture = admin.get(&format!("{}/picture", path(unknown)));
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/jpeg")));
    let size = decode(&picture.body).dimensions();
    assert!(size.0.max(size.1) <= 384 && size.0.min(size.1) >= 100, "{size:?}");
    assert_eq!(objects(data_dir.path()).len(), 3, "of Ada, and of two faces");

    // The unknown face becomes a person, who is found by other pictures.
    let enrol = |entry: &Value, body: Value| admin.json("POST", &format!("{}/person", path(entry)), &body);
    assert_problem(&enrol(unknown, json!({"image": base64(&obama())})), 400, "badField");
    assert_problem(&enrol(of_ada, json!({"name": "Ada again"})), 409, "personExists");
    let joe = enrol(unknown, json!({"name": "Joe", "externalId": "J"}));
    assert_eq!(joe.status, 201, "{}", joe.text());
    let joe = joe.json();
    assert_problem(&enrol(unknown, json!({"name": "Joe again"})), 409, "personExists");
    assert_eq!(admin.get(&path(unknown)).json()["matches"][0]["personId"], joe["id"]);
    let quality = joe["faces"][0]["quality"].as_f64();
    assert!(quality.is_none_or(|quality| quality > 0.4), "{joe}");
    let probe = jpeg(&other_portrait());
    let found = admin.form("POST", &format!("/libraries/{library}/identify"), &[], &[("file", &probe)]).json();
    let found = &found["faces"][0]["matches"][0];
    assert_eq!(found["person"]["name"], "Joe");
    assert!(found["similarity"].as_f64().is_some_and(|similarity| similarity > 0.85), "{found}");
    wait_for(&admin, &library, 3);

    // A deleted entry deletes its picture, unless somebody else has it; a deleted person deletes the entries that name them.
    server.stop();
    let server = setup().start();
    let admin = Rest::admin(&server);
    assert_eq!(entries(&admin, &library, "").len(), 3, "the log outlives the process");
    assert_eq!(admin.delete(&path(of_ada)).status, 204);
    assert_problem(&admin.get(&path(of_ada)), 404, "entryNotFound");
    assert_problem(&admin.delete(&path(of_ada)), 404, "entryNotFound");
    let before = objects(data_dir.path()).len();
    assert_eq!(before, 3, "of Ada, of Joe, who shares it with his entry, and of his second entry");
    assert_eq!(admin.delete(&format!("/libraries/{library}/people/{}", text(&joe["id"]))).status, 204);
    assert_eq!(entries(&admin, &library, ""), [] as [Value; 0]);
    assert_eq!(objects(data_dir.path()).len(), 1);

    // Switched off, nothing is logged; with the library, all goes.
    identify(&admin, &library, &obama2());
    wait_for(&admin, &library, 1);
    assert_eq!(switch(&admin, &library, &json!({"enabled": false})).status, 200);
    identify(&admin, &library, &obama2());
    assert_eq!(switch(&admin, &library, &json!({"enabled": true})).status, 200);
    identify(&admin, &library, &biden());
    let both = wait_for(&admin, &library, 2);
    assert_eq!(both[0]["matches"], json!([]), "what was in between is not there");
    assert_eq!(admin.delete(&format!("/libraries/{library}")).status, 204);
    assert_eq!(objects(data_dir.path()).len(), 0);
    server.stop();
    let check = crate::fixture::Ran::of(crate::fixture::aicp(["check", "--data-dir"]).arg(data_dir.path()));
    assert_eq!(check.code, Some(0), "{}{}", check.stdout, check.stderr);
}

#[test]
fn old_entries_go_and_other_apps_see_none() {
    let data_dir = tempfile::tempdir().expect("a temp dir");
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let capabilities = ["C10000000001", "C10000000002"];
    let shop = Rest::new(&server, &server.grant("shop", &capabilities));
    let other = Rest::new(&server, &server.grant("other", &capabilities));
    let library = shop.library("staff");
    assert_problem(&switch(&other, &library, &json!({"enabled": true})), 404, "libraryNotFound");
    assert_eq!(switch(&shop, &library, &json!({"enabled": true, "keepDays": 1})).status, 200);
    for picture in [obama(), obama2(), biden()] {
        identify(&shop, &library, &picture);
    }
    let all = wait_for(&shop, &library, 3);
    let path = format!("/libraries/{library}/recognitions/{}", text(&all[0]["id"]));
    for path in [format!("/libraries/{library}/recognitions"), path.clone(), format!("{path}/picture")] {
        assert_problem(&other.get(&path), 404, "libraryNotFound");
    }
    assert_problem(&other.delete(&path), 404, "libraryNotFound");
    // In another library of the app, the entry is not there.
    let second = shop.library("guests");
    let elsewhere = format!("/libraries/{second}/recognitions/{}", text(&all[0]["id"]));
    assert_problem(&shop.get(&elsewhere), 404, "entryNotFound");
    server.stop();

    // Two are older than a day, as if the time had passed.
    let database = rusqlite::Connection::open(data_dir.path().join("aicp.db")).expect("opens");
    let aged =
        database.execute("UPDATE recognition_entry SET time = time - 90000000 WHERE id < 3", []).expect("written");
    assert_eq!(aged, 2);
    drop(database);
    let server = Setup::new(&["auto"]).data_dir(data_dir.path()).start();
    let admin = Rest::admin(&server);
    assert_eq!(wait_for(&admin, &library, 1)[0]["id"], all[0]["id"]);
    wait_until("their pictures are deleted", || objects(data_dir.path()).len() == 1);
}

#[test]
fn every_face_of_a_picture_is_logged() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    admin.person(&library, &[("name", "Ada")], &obama());
    assert_eq!(switch(&admin, &library, &json!({"enabled": true})).status, 200);
    // Two portraits side by side.
    let (left, right) = (portrait(), other_portrait());
    let mut both = image::RgbImage::new(left.width() + right.width(), left.height().max(right.height()));
    image::imageops::replace(&mut both, &left, 0, 0);
    image::imageops::replace(&mut both, &right, i64::from(left.width()), 0);
    let picture = jpeg(&both);
    let found = admin
        .form("POST", &format!("/libraries/{library}/identify"), &[("faces", "all")], &[("file", &picture)])
        .json();
    assert_eq!(found["faces"].as_array().map(Vec::len), Some(2), "{found}");
    let logged = wait_for(&admin, &library, 2);
    let known = logged.iter().filter(|entry| entry["matches"] != json!([])).count();
    assert_eq!(known, 1, "{logged:?}");
}
