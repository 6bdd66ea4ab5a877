//! Recognition.

use serde_json::{Value, json};

use super::{Rest, assert_problem, text};
use crate::fixture::{Server, Setup};
use crate::pictures::{base64, biden, no_face, obama, obama2};

#[test]
fn faces_are_found_compared_and_verified_in_each_form_of_a_picture() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let person = text(&admin.person(&library, &[("name", "Barack")], &obama())["id"]);
    admin.person(&library, &[("name", "Joe")], &biden());

    let path = format!("/libraries/{library}/identify");
    for answer in [
        admin.form("POST", &path, &[], &[("file", &obama2())]),
        admin.json("POST", &path, &json!({"image": base64(&obama2())})),
        admin.json("POST", "/identify", &json!({"image": base64(&obama2()), "libraryIds": [library]})),
        admin.form("POST", "/identify", &[("libraryIds", &library), ("faces", "all")], &[("file", &obama2())]),
    ] {
        assert_eq!(answer.status, 200, "{}", answer.text());
        let faces = answer.json()["faces"].clone();
        assert_eq!(faces.as_array().map(Vec::len), Some(1), "{faces}");
        assert_eq!(faces[0]["matches"].as_array().map(Vec::len), Some(1), "{faces}");
        assert_eq!(faces[0]["matches"][0]["person"]["id"], person);
        assert!(faces[0]["box"]["width"].as_f64().is_some_and(|width| width > 50.0), "{faces}");
    }
    let all = admin.form("POST", &path, &[("threshold", "0"), ("top", "9")], &[("file", &obama2())]).json();
    assert_eq!(all["faces"][0]["matches"].as_array().map(Vec::len), Some(2), "{all}");
    assert_eq!(all["thresholds"], json!([{"libraryId": library, "threshold": 0.0}]));
    let none = admin.form("POST", &path, &[("threshold", "1")], &[("file", &obama2())]).json();
    assert_eq!(none["faces"][0]["matches"], json!([]));

    let compare =
        |a: &[u8], b: &[u8], texts: &[(&str, &str)]| admin.form("POST", "/compare", texts, &[("a", a), ("b", b)]);
    assert_eq!(compare(&obama(), &obama2(), &[]).json()["match"], true);
    assert_eq!(compare(&obama(), &biden(), &[]).json()["match"], false);
    assert_eq!(compare(&obama(), &biden(), &[("threshold", "0")]).json()["match"], true);
    let threshold_of = |answer: &Value| (answer["threshold"].as_f64().expect("a number") * 1e4).round() / 1e4;
    assert_eq!(threshold_of(&compare(&obama(), &biden(), &[]).json()), 0.8, "that of the settings");
    assert_eq!(threshold_of(&compare(&obama(), &biden(), &[("threshold", "0.25")]).json()), 0.25);
    // Each library has its own, unless the request names one.
    let second = admin.library("second");
    assert_eq!(admin.json("PATCH", &format!("/libraries/{second}"), &json!({"threshold": 0.5})).status, 200);
    let thresholds = |more: &Value| {
        let mut body = json!({"image": base64(&obama2()), "libraryIds": [second, library]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let answer = admin.json("POST", "/identify", &body).json();
        let told = answer["thresholds"].as_array().expect("thresholds").clone();
        told.iter().map(|told| (text(&told["libraryId"]), threshold_of(told))).collect::<Vec<_>>()
    };
    assert_eq!(thresholds(&json!({})), [(second.clone(), 0.5), (library.clone(), 0.8)]);
    assert_eq!(thresholds(&json!({"threshold": 0.75})), [(second.clone(), 0.75), (library.clone(), 0.75)]);
    let verify = format!("/libraries/{library}/people/{person}/verify");
    assert_eq!(threshold_of(&admin.form("POST", &verify, &[], &[("file", &obama2())]).json()), 0.8);
    assert_eq!(admin.form("POST", &verify, &[], &[("file", &obama2())]).json()["match"], true);
    assert_eq!(admin.form("POST", &verify, &[], &[("file", &biden())]).json()["match"], false);

    let detected = admin.form("POST", "/detect", &[("details", "landmarks")], &[("file", &obama())]).json();
    let face = &detected["faces"][0];
    assert!(face["landmarks"]["nose"]["x"].is_number() && face["quality"].is_null(), "{detected}");
    let live = admin.form("POST", "/liveness", &[], &[("file", &obama())]).json();
    assert!(live["probability"].as_f64().is_some_and(|p| p > 0.9), "{live}");
    let quality = admin.form("POST", "/quality", &[], &[("file", &obama())]).json();
    assert!(quality["score"].as_f64().is_some_and(|score| score > 0.5), "{quality}");
}

#[test]
fn what_is_wrong_with_a_request_is_told_with_its_field() {
    let server = Server::auto();
    let admin = Rest::admin(&server);
    let library = admin.library("staff");
    let path = format!("/libraries/{library}/identify");
    let image = base64(&obama());
    for (body, code, field) in [
        (json!({}), "badField", "image"),
        (json!({"image": ""}), "badField", "image"),
        (json!({"image": "%%%"}), "badField", "image"),
        (json!({"image": image, "top": 0}), "badField", "top"),
        (json!({"image": image, "top": "5"}), "badField", "top"),
        (json!({"image": image, "threshold": 1.5}), "badField", "threshold"),
        (json!({"image": image, "fmr": 2.0}), "badField", "fmr"),
        (json!({"image": image, "fmr": 0.1, "threshold": 0.5}), "badField", "fmr"),
        (json!({"image": image, "faces": "some"}), "badField", "faces"),
        (json!({"image": image, "libraryIds": ["1"]}), "badField", "libraryIds"),
        (json!({"image": image, "nothing": 1}), "badField", "nothing"),
    ] {
        let answer = admin.json("POST", &path, &body);
        assert_problem(&answer, 400, code);
        assert_eq!(answer.json()["fields"][0]["name"], field, "{}", answer.text());
    }
    assert_problem(&admin.json("POST", &path, &json!({"image": base64(b"text")})), 400, "pictureNotReadable");
    let faceless = admin.form("POST", &path, &[], &[("file", &no_face())]);
    assert_problem(&faceless, 422, "noFace");
    assert_problem(
        &admin.json("POST", &path, &json!({"imageUrl": "http://127.0.0.1/x.jpg"})),
        400,
        "pictureNotFetched",
    );
    assert_problem(&admin.json("POST", &path, &json!({"imageUrl": "file:///etc/passwd"})), 400, "addressNotValid");
    assert_problem(&admin.json("POST", "/identify", &json!({"image": image})), 400, "bodyNotReadable");
    assert_problem(&admin.json("POST", "/identify", &json!({"image": image, "libraryIds": []})), 400, "badField");
    assert_problem(
        &admin.json("POST", "/identify", &json!({"image": image, "libraryIds": ["9"]})),
        404,
        "libraryNotFound",
    );
    let text = admin.send("POST", &path, &[("Content-Type", "text/plain")], b"{}");
    assert_problem(&text, 415, "mediaTypeNotSupported");
    let broken = admin.send("POST", &path, &[("Content-Type", "multipart/form-data; boundary=x")], b"--x\r\nbroken");
    assert_problem(&broken, 400, "bodyNotReadable");
    assert_problem(&admin.send("POST", &path, &[], b"{\"image\":"), 400, "bodyNotReadable");
}

#[test]
fn what_an_engine_does_not_offer_is_no_failure_of_the_server() {
    // A vendor's engine without the path of a search.
    let server = Setup::new(&["auto"]).env("AICP_ENGINES__KOALA__URL", "http://127.0.0.1:9").start();
    let admin = Rest::admin(&server);
    let made = admin.json("POST", "/libraries", &json!({"name": "k", "engine": "koala"}));
    assert_eq!(made.status, 201, "{}", made.text());
    let path = format!("/libraries/{}/identify", text(&made.json()["id"]));
    assert_problem(&admin.form("POST", &path, &[], &[("file", &obama())]), 422, "engineCannot");
}
