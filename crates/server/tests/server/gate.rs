//! Answers of each operation for a face without identity, and for one that lies on its side.

use std::fs;

use image::{Rgb, RgbImage, imageops};
use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, aicp};
use crate::http::Api;
use crate::pictures::{base64, biden, decode, jpeg, obama, obama2};

const NOT_ENROLLED: &str = "80018,extract feature decode pictrue! get feature failed";

/// Darkens a picture so much that its face carries no identity.
pub fn dark(picture: &[u8]) -> Vec<u8> {
    let mut picture = decode(picture);
    for value in picture.iter_mut() {
        *value = (f32::from(*value) * 0.045) as u8;
    }
    jpeg(&picture)
}

fn sideways(picture: &[u8]) -> Vec<u8> {
    jpeg(&imageops::rotate90(&decode(picture)))
}

fn make_library(api: &Api, group: &str) {
    api.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group})).data();
}

fn image(group: &str, picture: &[u8]) -> Value {
    json!({"groupId": group, "image": base64(picture)})
}

fn is_refused(api: &Api, path: &str, group: &str, picture: &[u8]) -> bool {
    let answer = api.post(path, &image(group, picture)).json();
    answer["flag"] == false && answer["message"] == NOT_ENROLLED
}

#[test]
fn what_carries_no_identity_is_not_enrolled_and_matches_nobody() {
    let server = Server::auto();
    let (api, old) = (server.admin(0), server.anonymous(0));
    make_library(&api, "g");
    for api in [&api, &old] {
        assert!(is_refused(api, "/aicp/face/add", "g", &dark(&obama())));
        api.post("/aicp/face/add", &image("g", &obama())).data();
    }
    // 7.5 and 3.2.
    assert_eq!(api.post("/aicp/face/recognition", &image("g", &dark(&obama()))).data(), json!({"records": []}));
    assert_eq!(old.post("/aicp/face/recognition", &image("g", &dark(&obama()))).data()["faceFlag"], "N");
    // 7.6 and 3.3, even with identical pictures.
    let pair = json!({"imageA": base64(&dark(&obama())), "imageB": base64(&dark(&obama()))});
    assert_eq!(api.post("/aicp/face/couple", &pair).data(), json!({"msg": "no", "score": "0.0"}));
    assert_eq!(old.post("/aicp/face/couple", &pair).data(), json!({"onePerson": "false", "similarity": "0.0"}));
    // 7.9, 7.10 and 7.11: a face of bad quality that matches nobody.
    let quality = api.post("/aicp/face/quality", &image("g", &dark(&obama()))).data();
    assert_eq!(quality["qualityFlag"], "N", "{quality}");
    let found = api.post("/aicp/face/recognitionmn", &image("g", &dark(&obama())));
    if found.json()["flag"] == true {
        assert_eq!(found.data(), json!({"records": [[]]}));
    }
}

#[test]
fn one_app_may_be_let_through() {
    let server = Setup::new(&["auto"]).env("AICP_RECOGNITION__APP_GATES", "{admin=\"off\"}").start();
    let (api, old) = (server.admin(0), server.anonymous(0));
    make_library(&api, "g");
    assert!(is_refused(&old, "/aicp/face/add", "g", &dark(&obama())));
    api.post("/aicp/face/add", &image("g", &dark(&obama()))).data();
}

#[test]
fn the_very_file_has_a_score_of_100() {
    let server = Server::auto();
    let api = server.admin(0);
    make_library(&api, "g");
    for picture in [obama(), biden()] {
        api.post("/aicp/face/add", &image("g", &picture)).data();
        let hits = api.post("/aicp/face/recognition", &image("g", &picture)).data();
        assert_eq!(hits["records"][0]["score"], 100.0, "{hits}");
    }
    let hits = api.post("/aicp/face/recognition", &image("g", &obama2())).data();
    assert!(hits["records"][0]["score"].as_f64().expect("a number") < 99.0, "another picture has less: {hits}");
}

#[test]
fn a_face_on_its_side_is_enrolled_found_and_told_of_as_it_lies() {
    let server = Server::auto();
    let api = server.admin(0);
    make_library(&api, "g");
    let one = api.post("/aicp/face/add", &image("g", &sideways(&obama()))).data_text("personNo");
    let other = api.post("/aicp/face/add", &image("g", &sideways(&biden()))).data_text("personNo");
    for (picture, person) in
        [(obama2(), &one), (sideways(&obama2()), &one), (biden(), &other), (sideways(&biden()), &other)]
    {
        let hits = api.post("/aicp/face/recognition", &image("g", &picture)).data();
        assert_eq!(hits["records"][0]["personNo"], **person, "{hits}");
        assert_eq!(hits["records"].as_array().map(Vec::len), Some(1));
    }
    let detect = |picture: &[u8]| {
        let request = json!({"image": base64(picture), "image_type": "BASE64"});
        let answer = api.post("/face-api/v3/face/detect", &request).json();
        answer["result"]["face_list"][0].clone()
    };
    let (upright, lying) = (detect(&obama()), detect(&sideways(&obama())));
    let rotation = |face: &Value| face["location"]["rotation"].as_f64().expect("a number");
    assert!((rotation(&lying) - rotation(&upright) - 90.0).abs() < 8.0, "{upright} {lying}");
    let height = f64::from(decode(&obama()).height());
    let expected = height
        - upright["location"]["top"].as_f64().expect("a number")
        - upright["location"]["height"].as_f64().expect("a number");
    let left = lying["location"]["left"].as_f64().expect("a number");
    assert!((left - expected).abs() < 25.0, "{left} {expected}");
}

#[test]
fn an_import_names_what_is_not_recognisable() {
    let server = Server::auto();
    make_library(&server.admin(0), "g");
    server.stop();
    let folder = tempfile::tempdir().expect("a temp dir");
    for (person, picture) in [("good", obama()), ("spoilt", dark(&biden()))] {
        fs::create_dir(folder.path().join(person)).expect("a folder");
        fs::write(folder.path().join(person).join("1.jpg"), picture).expect("a file");
    }
    let mut import = aicp(["import", "--library", "g", "--app", "admin", "--data-dir"]);
    let ran = Ran::of(import.arg(server.data_dir()).arg(folder.path()));
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(said.contains("spoilt") && said.contains("not recognisable: recognisability 0.0"), "{said}");
}

#[test]
fn a_comparison_on_the_command_line_says_why_it_is_none() {
    let folder = tempfile::tempdir().expect("a temp dir");
    let (a, b) = (folder.path().join("a.jpg"), folder.path().join("b.jpg"));
    fs::write(&a, dark(&obama())).expect("a file");
    fs::write(&b, dark(&biden())).expect("a file");
    let compared = Ran::successful(aicp(["compare", "--json"]).args([&a, &b])).json();
    assert_eq!((&compared["same_person"], &compared["similarity"]), (&json!(false), &json!(0.0)));
    let words = Ran::successful(aicp(["compare"]).args([&a, &b]));
    assert!(words.stdout.contains("not recognisable"), "{}", words.stdout);
}

#[test]
fn two_strangers_behind_masks_are_not_one_person() {
    let server = Server::auto();
    let masked = |picture: &[u8], [x, y, width, height]: [u32; 4]| {
        let mut picture = decode(picture);
        imageops::replace(&mut picture, &RgbImage::from_pixel(width, height, Rgb([225, 228, 240])), x.into(), y.into());
        jpeg(&picture)
    };
    let pair = json!({
        "imageA": base64(&masked(&obama(), [380, 240, 240, 200])),
        "imageB": base64(&masked(&biden(), [390, 330, 300, 270])),
    });
    let compared = server.admin(0).post("/aicp/face/couple", &pair).data();
    assert_eq!(compared["msg"], "no", "{compared}");
}
