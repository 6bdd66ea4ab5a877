//! Recognition on real pictures.

use std::collections::BTreeSet;
use std::sync::Barrier;
use std::thread;

use serde_json::{Value, json};

use crate::fixture::{Setup, objects};
use crate::http::{Answer, Api};
use crate::pictures::{base64, biden, jpeg, obama, obama2, on_canvas, other_portrait, portrait, sample};

/// Six pictures of one person: portraits, partly hidden faces, and another file format.
const ONE_PERSON: [&str; 6] = [
    "people/obama/obama.jpg",
    "people/obama/obama2.jpg",
    "people/obama/obama3.jpg",
    "probes/obama_partial_face.jpg",
    "probes/obama_partial_face2.jpg",
    "probes/obama_32bit.png",
];

fn make_library(api: &Api, group: &str) {
    api.post("/aicp/face/addBase", &json!({"groupId": group, "dbName": group})).data();
}

/// Enrols through section 7; returns the personNo.
#[track_caller]
fn enrol(api: &Api, group: &str, picture: &[u8]) -> String {
    api.post("/aicp/face/add", &json!({"groupId": group, "image": base64(picture)})).data_text("personNo")
}

fn person_numbers(hits: &Value) -> Vec<String> {
    let hits = hits.as_array().expect("a list of hits");
    hits.iter().map(|hit| hit["personNo"].as_str().expect("a personNo").to_owned()).collect()
}

/// Returns the people that section 7 finds.
#[track_caller]
fn recognise(api: &Api, group: &str, picture: &[u8]) -> Vec<String> {
    let data = api.post("/aicp/face/recognition", &json!({"groupId": group, "image": base64(picture)})).data();
    person_numbers(&data["records"])
}

#[test]
fn every_two_pictures_of_a_person_match_and_those_of_two_people_do_not() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let compare = |a: &str, b: &str| {
        let pair = json!({"imageA": base64(&sample(a)), "imageB": base64(&sample(b))});
        let new = server.admin(0).post("/aicp/face/couple", &pair);
        let old = server.anonymous(0).post("/aicp/face/couple", &pair);
        let score: f32 = new.data_text("score").parse().expect("a number");
        let similarity: f32 = old.data_text("similarity").parse().expect("a number");
        assert!((score - similarity * 100.0).abs() < 0.001, "{score} and {similarity} are one number");
        let same = new.data_text("msg") == "ok";
        assert_eq!(old.data_text("onePerson"), same.to_string());
        assert_eq!(same, similarity > 0.80, "the documented threshold");
        same
    };
    for (index, a) in ONE_PERSON.iter().enumerate() {
        for b in &ONE_PERSON[index + 1..] {
            assert!(compare(a, b), "{a} and {b}");
        }
        assert!(!compare(a, "people/biden/biden.jpg"), "{a} and another person");
    }
}

#[test]
fn comparing_is_the_same_both_ways_and_most_with_itself() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let score = |a: &[u8], b: &[u8]| {
        let pair = json!({"imageA": base64(a), "imageB": base64(b)});
        server.admin(0).post("/aicp/face/couple", &pair).data_text("score")
    };
    assert_eq!(score(&obama(), &obama2()), score(&obama2(), &obama()));
    let same: f32 = score(&obama(), &obama()).parse().expect("a number");
    assert!((99.99..=100.0).contains(&same), "{same}");
}

#[test]
fn people_are_recognised_on_other_pictures_of_theirs() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.admin(0);
    make_library(&api, "g");
    let first = enrol(&api, "g", &obama());
    let second = enrol(&api, "g", &biden());
    for name in ONE_PERSON {
        assert_eq!(recognise(&api, "g", &sample(name)), [first.as_str()], "{name}");
    }
    assert_eq!(recognise(&api, "g", &biden()), [second.as_str()]);
    // The same in section 3, which uses libraries of its own.
    let old = server.anonymous(0);
    let add = |picture: Vec<u8>, name: &str| {
        let request = json!({"groupId": "g", "image": base64(&picture), "name": name});
        old.post("/aicp/face/add", &request).data_text("personID")
    };
    let ids = [add(obama(), "奥巴马"), add(biden(), "拜登")];
    for (picture, id, name) in [(obama2(), &ids[0], "奥巴马"), (biden(), &ids[1], "拜登")] {
        let found = old.post("/aicp/face/recognition", &json!({"groupId": "g", "image": base64(&picture)})).data();
        assert_eq!((&found["personID"], &found["faceFlag"]), (&json!(id), &json!("Y")));
        assert_eq!((&found["personinfo"]["personId"], &found["personinfo"]["name"]), (&json!(id), &json!(name)));
    }
}

#[test]
fn everybody_on_a_picture_is_recognised_the_largest_face_first() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.admin(0);
    make_library(&api, "g");
    let first = enrol(&api, "g", &obama());
    let second = enrol(&api, "g", &biden());
    let large = portrait();
    let small = image::imageops::resize(
        &other_portrait(),
        other_portrait().width() / 2,
        other_portrait().height() / 2,
        image::imageops::FilterType::Triangle,
    );
    let mut both = on_canvas(&large, 900, 420, 300, 0);
    image::imageops::replace(&mut both, &small, 0, 0);
    let request = json!({"groupId": "g", "image": base64(&jpeg(&both))});
    let records = api.post("/aicp/face/recognitionmn", &request).data()["records"].take();
    let found: Vec<_> = records.as_array().expect("a list").iter().map(person_numbers).collect();
    assert_eq!(found, [vec![first.clone()], vec![second]]);
    // The boxes have the same order, and 1:N takes the largest face.
    let boxes = api.post("/aicp/face/detect", &request).data()["records"][0].take();
    let areas: Vec<i64> = boxes
        .as_array()
        .expect("a list")
        .iter()
        .map(|b| b["width"].as_i64().expect("an int") * b["height"].as_i64().expect("an int"))
        .collect();
    assert!(areas.len() == 2 && areas[0] > areas[1], "{areas:?}");
    assert!(boxes[0]["x"].as_i64() > Some(300) && boxes[1]["x"].as_i64() < Some(300), "{boxes}");
    assert_eq!(recognise(&api, "g", &jpeg(&both)), [first]);
}

#[test]
fn all_faces_of_a_group_photo_are_found() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.admin(0);
    make_library(&api, "g");
    enrol(&api, "g", &obama());
    for (number, faces) in [(1, 3), (2, 3), (3, 3), (4, 4), (5, 5), (6, 4)] {
        let picture = sample(&format!("groups/sample{number}.jpg"));
        let (width, height) = image::load_from_memory(&picture).map(|p| (p.width(), p.height())).expect("a picture");
        let request = json!({"groupId": "g", "image": base64(&picture)});
        let records = api.post("/aicp/face/detect", &request).data()["records"].take();
        assert_eq!(records.as_array().map(Vec::len), Some(1), "one list for one picture");
        let boxes = records[0].as_array().expect("a list");
        assert_eq!(boxes.len(), faces, "sample{number}: {records}");
        for b in boxes {
            let [x, y, w, h] = ["x", "y", "width", "height"].map(|key| b[key].as_i64().expect("an int"));
            let inside = x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= width.into() && y + h <= height.into();
            assert!(inside, "{b} is not inside {width}x{height}");
        }
        let found = api.post("/aicp/face/recognitionmn", &request).data()["records"].take();
        assert_eq!(found, Value::Array(vec![json!([]); faces]), "none of them is enrolled");
    }
}

#[test]
fn somebody_unknown_is_answered_with_n() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.anonymous(0);
    let enrolment = json!({"groupId": "g", "image": base64(&obama())});
    let person = api.post("/aicp/face/add", &enrolment).data_text("personID");
    let mut found = api.post("/aicp/face/recognition", &json!({"groupId": "g", "image": base64(&biden())})).data();
    let similarity: f32 = found["similarity"].take().as_str().and_then(|s| s.parse().ok()).expect("a number");
    assert!((0.0..=0.8).contains(&similarity), "{similarity}");
    assert_eq!(found, json!({"personID": null, "faceFlag": "N", "similarity": null, "personinfo": null}));
    // In an empty library the similarity is 0.
    api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
    let found = api.post("/aicp/face/recognition", &enrolment).data();
    assert_eq!(found, json!({"personID": null, "faceFlag": "N", "similarity": "0.0", "personinfo": null}));
}

#[test]
fn the_threshold_can_be_set_and_a_hit_is_strictly_above_it() {
    let server = Setup::new(&["auto"]).env("AICP_RECOGNITION__THRESHOLD", "1.0").start();
    let api = server.admin(0);
    make_library(&api, "g");
    enrol(&api, "g", &obama());
    assert_eq!(recognise(&api, "g", &obama()), Vec::<String>::new(), "1.0 is not above 1.0");
    let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama())});
    assert_eq!(api.post("/aicp/face/couple", &pair).data_text("msg"), "no");

    let server = Setup::new(&["auto"]).env("AICP_RECOGNITION__THRESHOLD", "0.0").start();
    let pair = json!({"imageA": base64(&obama()), "imageB": base64(&obama2())});
    assert_eq!(server.admin(0).post("/aicp/face/couple", &pair).data_text("msg"), "ok");
}

#[test]
fn what_was_answered_holds_for_the_next_call() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.admin(0);
    make_library(&api, "g");
    for _ in 0..8 {
        let person = enrol(&api, "g", &obama());
        assert_eq!(recognise(&api, "g", &obama2()), [person.as_str()]);
        api.post("/aicp/face/query", &json!({"groupId": "g", "userId": person})).data();
        api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": person})).data();
        assert_eq!(recognise(&api, "g", &obama()), Vec::<String>::new());
        let gone = json!({"groupId": "g", "userId": person});
        assert_eq!(api.post("/aicp/face/query", &gone).message(), "查询人脸错误,错误信息[record not found]");
        let again = api.post("/aicp/face/remove", &gone);
        assert_eq!(again.message(), format!("人脸库[g]删除人脸[{person}]错误,错误信息[人脸不存在]"));
    }
    for round in 0..4 {
        let group = format!("h{round}");
        make_library(&api, &group);
        enrol(&api, &group, &obama());
        api.post("/aicp/face/deleteBase", &json!({"groupId": group})).data();
        make_library(&api, &group);
        assert_eq!(recognise(&api, &group, &obama()), Vec::<String>::new(), "a new library is empty");
    }
}

#[test]
fn calls_at_the_same_time_do_not_get_into_each_others_way() {
    const CALLERS: usize = 8;
    let server = Setup::new(&["legacy", "micro"]).env("AICP_RECOGNITION__TOP_N", "100").start();
    let api = server.admin(0);
    let enrolment = json!({"groupId": "new", "image": base64(&jpeg(&portrait()))});
    let all_at_once = |call: &(dyn Fn() -> Answer + Sync)| -> Vec<Answer> {
        let start = Barrier::new(CALLERS);
        thread::scope(|scope| {
            let start = &start;
            let go = move || {
                start.wait();
                call()
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(go)).collect();
            callers.into_iter().map(|caller| caller.join().expect("no caller failed")).collect()
        })
    };
    // All of them find no library and create it.
    let answers = all_at_once(&|| api.post("/aicp/face/add", &enrolment));
    let ids: BTreeSet<String> = answers.iter().map(|answer| answer.data_text("personID")).collect();
    assert_eq!(ids.len(), CALLERS);
    assert_eq!(recognise(&server.admin(1), "new", &jpeg(&portrait())).len(), CALLERS);
    let rows = server.admin(1).post("/aicp/face/queryBaseAll", &json!({})).data();
    assert_eq!(rows["records"].as_array().map(Vec::len), Some(1), "{rows}");
    // Only one call removes the person, only one creates the library, only one deletes it.
    let victim = json!({"groupId": "new", "userId": ids.first()});
    let one_of = |path: &str, request: &Value| {
        let answers = all_at_once(&|| server.admin(1).post(path, request));
        answers.iter().filter(|answer| answer.json()["flag"] == true).count()
    };
    assert_eq!(one_of("/aicp/face/remove", &victim), 1);
    assert_eq!(recognise(&server.admin(1), "new", &jpeg(&portrait())).len(), CALLERS - 1);
    assert_eq!(one_of("/aicp/face/addBase", &json!({"groupId": "one", "dbName": "one"})), 1);
    assert_eq!(one_of("/aicp/face/deleteBase", &json!({"groupId": "new"})), 1);
    assert!(objects(server.data_dir()).is_empty());
}

#[test]
fn libraries_do_not_mix() {
    let server = Setup::new(&["auto"]).env("AICP_RECOGNITION__TOP_N", "100").start();
    let api = server.admin(0);
    for group in ["a", "b", "empty"] {
        make_library(&api, group);
    }
    let in_a = enrol(&api, "a", &obama());
    let in_b = enrol(&api, "b", &obama2());
    let other = enrol(&api, "b", &biden());
    assert_eq!(recognise(&api, "a", &obama()), [in_a.as_str()]);
    assert_eq!(recognise(&api, "b", &obama()), [in_b.as_str()]);
    assert_eq!(recognise(&api, "a", &biden()), Vec::<String>::new());
    assert_eq!(recognise(&api, "empty", &obama()), Vec::<String>::new());
    let wrong_library = json!({"groupId": "a", "userId": other});
    assert_eq!(
        api.post("/aicp/face/remove", &wrong_library).message(),
        format!("人脸库[a]删除人脸[{other}]错误,错误信息[人脸不存在]")
    );
    assert_eq!(recognise(&api, "b", &biden()), [other.as_str()], "it is still in its own library");

    // M:N searches one library if it is named, otherwise all.
    let many = |request: &Value| {
        let records = api.post("/aicp/face/recognitionmn", request).data()["records"].take();
        person_numbers(&records[0])
    };
    let image = base64(&obama());
    assert_eq!(many(&json!({"groupId": "a", "image": image})), [in_a.as_str()]);
    assert_eq!(many(&json!({"groupId": "b", "image": image})), [in_b.as_str()]);
    assert_eq!(many(&json!({"image": image})), [in_a.as_str(), in_b.as_str()]);
    assert_eq!(many(&json!({"groupId": null, "image": image})), [in_a.as_str(), in_b.as_str()]);
    assert_eq!(many(&json!({"image": base64(&biden())})), [other.as_str()]);
}

#[test]
fn somebody_who_is_enrolled_twice_is_two_people() {
    let server = Setup::new(&["auto"]).env("AICP_RECOGNITION__TOP_N", "10").start();
    let api = server.admin(0);
    make_library(&api, "g");
    let first = enrol(&api, "g", &obama());
    let second = enrol(&api, "g", &obama());
    let third = enrol(&api, "g", &obama2());
    assert_ne!(first, second);
    let request = json!({"groupId": "g", "image": base64(&obama())});
    let records = api.post("/aicp/face/recognition", &request).data()["records"].take();
    // Sorted by score descending, then by id ascending.
    assert_eq!(person_numbers(&records), [first.clone(), second.clone(), third.clone()]);
    let scores: Vec<f64> = records.as_array().expect("hits").iter().filter_map(|h| h["score"].as_f64()).collect();
    assert!(scores[0] == scores[1] && scores[1] > scores[2] && scores[2] > 80.0, "{scores:?}");
    let ids: Vec<&str> = records.as_array().expect("hits").iter().filter_map(|h| h["id"].as_str()).collect();
    assert!(ids[0] < ids[1], "{ids:?}");
    // After one is removed, the other keeps the shared picture.
    api.post("/aicp/face/remove", &json!({"groupId": "g", "userId": first})).data();
    assert_eq!(recognise(&api, "g", &obama()), [second.clone(), third]);
    let url = api.post("/aicp/face/query", &json!({"groupId": "g", "userId": second})).data_text("faceDBURL");
    assert!(crate::http::fetch(&url).2 == obama(), "{url}");
}

#[test]
fn by_default_one_person_is_answered() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let api = server.admin(0);
    make_library(&api, "g");
    let best = enrol(&api, "g", &obama());
    enrol(&api, "g", &obama2());
    assert_eq!(recognise(&api, "g", &obama()), [best]);
}

#[test]
fn a_good_picture_is_good_and_a_blurred_one_is_worse() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__RUNTIME", "auto").start();
    let quality = |picture: &[u8]| {
        let request = json!({"image": base64(picture)});
        let old = server.anonymous(0).post("/aicp/face/quality", &request).data();
        let new = server.admin(0).post("/aicp/face/quality", &request).data();
        assert_eq!(old["qualityFlag"], new["qualityFlag"]);
        let score: f32 = old["qualityScores"].as_str().and_then(|s| s.parse().ok()).expect("a number");
        assert_eq!(old["qualityFlag"], if score >= 0.5 { "Y" } else { "N" }, "{score}");
        (score, new["qualities"].clone())
    };
    let (good, grades) = quality(&jpeg(&portrait()));
    assert_eq!(grades, json!([0, 0, 0, 0, 0]), "{good}");
    let (blurred, grades) = quality(&jpeg(&image::imageops::blur(&portrait(), 5.0)));
    assert!(blurred < good, "{blurred} {good}");
    assert_ne!(grades[2], 0, "blur: {grades}");
}
