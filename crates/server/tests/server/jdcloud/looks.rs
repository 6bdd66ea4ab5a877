//! Comparison, detection and liveness.

use serde_json::{Value, json};

use super::{Jd, assert_fault, assert_system, assert_v1_fault};
use crate::fixture::Server;
use crate::http::Answer;
use crate::pictures::{base64, jpeg, no_face, obama2, on_canvas, other_portrait, portrait};

/// Returns the result of a success without a status in its envelope.
#[track_caller]
fn result(answer: &Answer) -> Value {
    let mut body = answer.json();
    assert_eq!((answer.status, &body["code"], body.get("status")), (200, &json!("10000"), None), "{body}");
    body["result"].take()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

/// Parses a measure of the `V1` calls: a text with two decimals.
#[track_caller]
fn measure(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    assert_eq!(text.split_once('.').map(|(_, decimals)| decimals.len()), Some(2), "{text}");
    text.parse().expect("a number")
}

/// Checks the format of a face in the `V1` calls.
#[track_caller]
fn assert_item(item: &Value, is_frontal: bool) {
    assert_eq!(keys(item), ["blurScore", "boundingBox", "isValidPosture", "posture"]);
    assert_eq!(keys(&item["boundingBox"]), ["height", "left", "top", "width"]);
    assert_eq!(keys(&item["posture"]), ["pitch", "roll", "yaw"]);
    assert!((0.0..=1.0).contains(&measure(&item["blurScore"])));
    for key in ["height", "left", "top", "width"] {
        measure(&item["boundingBox"][key]);
    }
    for key in ["pitch", "roll", "yaw"] {
        assert!(measure(&item["posture"][key]).abs() <= 99.0);
    }
    assert_eq!(item["isValidPosture"], is_frontal);
}

#[test]
fn pictures_are_compared_in_both_generations() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let (a, same, other) = (jpeg(&portrait()), obama2(), jpeg(&other_portrait()));
    for (b, is_same) in [(&a, true), (&same, true), (&other, false)] {
        let body = json!({"imgBase64A": base64(&a), "imgBase64B": base64(b)}).to_string();
        let v1 = result(&jd.call("faceCompareV1", "", &body));
        let order = ["code", "faceItemsA", "faceItemsB", "msg", "processTimeInMs", "score", "timestamp"];
        assert_eq!(keys(&v1), order);
        assert_eq!((&v1["code"], &v1["msg"]), (&json!(0), &json!("Accept")));
        for items in ["faceItemsA", "faceItemsB"] {
            assert_eq!(v1[items].as_array().map(Vec::len), Some(1));
            assert_item(&v1[items][0], true);
        }
        assert!(v1["processTimeInMs"].is_u64() && v1["timestamp"].as_i64() > Some(1_500_000_000_000));
        assert_eq!(measure(&v1["score"]) >= 0.49, is_same, "{v1}");

        let form = format!("imageBase64_1={}&imageBase64_2={}", base64(&a), base64(b));
        let answer = jd.call("face_compare", "", &form);
        let old = result(&answer);
        assert_eq!(old["status"], 0);
        // A published client takes the score from this position.
        let score: f64 =
            answer.text().split(':').nth(11).expect("a part").trim_end_matches('}').parse().expect("a number");
        assert_eq!(old["score"].as_f64(), Some(score));
        assert!((score - measure(&v1["score"])).abs() <= 0.005_1, "{score} {v1}");
    }
    let body = json!({"imgBase64A": base64(&a), "imgBase64B": base64(&a)}).to_string();
    let start = r#"{"code":"10000","charge":false,"remain":0,"remainTimes":-1,"remainSeconds":-1,"msg":"查询成功","result":{"code":0,"faceItemsA":[{"blurScore":""#;
    let answer = jd.call("faceCompareV1", "", &body);
    assert!(answer.text().starts_with(start), "{}", answer.text());
}

#[test]
fn faces_are_detected_in_both_generations() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let two = {
        let mut canvas = on_canvas(&portrait(), 900, 700, 20, 20);
        image::imageops::replace(&mut canvas, &other_portrait(), 480, 40);
        jpeg(&canvas)
    };
    let body = json!({"imgBase64": base64(&two)}).to_string();
    let v1 = result(&jd.call("facePropV1", "", &body));
    assert_eq!(
        keys(&v1),
        ["code", "faceCount", "faceItems", "maxFaceCount", "msg", "processTimeInMs", "props", "timestamp"]
    );
    assert_eq!((&v1["faceCount"], &v1["maxFaceCount"]), (&json!(2), &json!(5)));
    assert_eq!(v1["props"], json!([{}, {}]), "what no network tells is not told");
    v1["faceItems"].as_array().expect("a list").iter().for_each(|item| assert_item(item, true));
    for query in ["maxFaceCount=1", "maxFaceCount=100"] {
        let v1 = result(&jd.call("facePropV1", query, &body));
        assert_eq!(v1["faceCount"], if query.ends_with("=1") { 1 } else { 2 });
    }

    let call = |more: &str| result(&jd.call("face_detect_attr", "", &format!("imageBase64={}{more}", base64(&two))));
    let plain = call("");
    assert_eq!(
        keys(&plain),
        ["errorMsg", "faceNum", "faces", "requestid", "serialNo", "status", "usedTime"].as_slice()
    );
    assert_eq!((&plain["faceNum"], &plain["status"], &plain["errorMsg"]), (&json!(2), &json!(0), &json!("success")));
    assert_eq!(plain["serialNo"], plain["requestid"]);
    assert_eq!(keys(&plain["faces"][0]), ["faceDetectionResult"]);
    let found = &plain["faces"][0]["faceDetectionResult"];
    assert_eq!(keys(found), ["conf", "height", "left", "pitch", "roll", "top", "width", "yaw"]);
    let all = call("&return_landmark=2&return_attr=1&face_detect_num=1");
    assert_eq!(all["faceNum"], 1);
    assert_eq!(all["faces"][0]["faceAttribute"], json!({}));
    let points = all["faces"][0]["faceDetectionResult"]["points"].as_array().expect("a list");
    let ids: Vec<&str> = points.iter().map(|point| point["id"].as_str().expect("a text")).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
    assert!(points.iter().all(|point| point["x"].is_f64() && point["y"].is_f64()));
}

#[test]
fn liveness_is_told_in_both_generations_and_directions() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let picture = base64(&jpeg(&portrait()));
    let visual = json!({"isVisual": true, "imgBase64Visual": picture}).to_string();
    let v1 = result(&jd.call("detectHacknessV1", "", &visual));
    let order = ["code", "faceItemsNir", "faceItemsVisual", "msg", "processTimeInMs", "score", "timestamp"];
    assert_eq!(keys(&v1), order);
    assert_eq!(v1["faceItemsNir"], json!([]));
    assert_item(&v1["faceItemsVisual"][0], true);
    let live = measure(&v1["score"]);
    let both = json!({"isVisual": false, "imgBase64Visual": picture, "imgBase64Nir": picture}).to_string();
    let with_nir = result(&jd.call("detectHacknessV1", "", &both));
    assert_item(&with_nir["faceItemsNir"][0], true);
    assert_eq!(measure(&with_nir["score"]), live);

    let answer = jd.call("face_AntiSpoof", "", &format!("imageBase64={picture}"));
    let old = result(&answer);
    assert_eq!(keys(&old), ["message", "request_id", "score", "status"].as_slice());
    let fake = old["score"].as_f64().expect("a number");
    assert!((live + fake - 1.0).abs() <= 0.005_1, "{live} {fake}");
    let id = answer.header("x-jdcloud-request-id").expect("an id");
    assert!(answer.text().ends_with(&format!(r#","status":0,"message":"success","request_id":"{id}"}}}}"#)));

    let dark = base64(&no_face());
    let no_nir_face = json!({"isVisual": false, "imgBase64Visual": picture, "imgBase64Nir": dark}).to_string();
    assert_v1_fault(&jd.call("detectHacknessV1", "", &no_nir_face), 10, "NoFaceDetected");
    for body in [
        json!({"imgBase64Visual": picture}),
        json!({"isVisual": true}),
        json!({"isVisual": false, "imgBase64Visual": picture}),
    ] {
        assert_v1_fault(&jd.call("detectHacknessV1", "", &body.to_string()), 1, "NoRequiredFields");
    }
    let body = json!({"isVisual": 1, "imgBase64Visual": picture}).to_string();
    assert_v1_fault(&jd.call("detectHacknessV1", "", &body), 9, "ParamTypeIsInvalid");
}

#[test]
fn what_is_wrong_with_pictures_is_said_in_v1() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let good = base64(&jpeg(&portrait()));
    let small = base64(&jpeg(&image::RgbImage::new(48, 47)));
    let large = base64(&jpeg(&image::RgbImage::new(2049, 48)));
    let heavy = "A".repeat(2 << 20);
    for (picture, code, message) in [
        (small.as_str(), 2, "ImageIsTooSmall"),
        (&large, 3, "ImageIsTooLarge"),
        ("***", 4, "Base64IsInvalid"),
        ("aGVsbG8=", 4, "Base64IsInvalid"),
        (&heavy, 5, "Base64IsTooLarge"),
        (&base64(&no_face()), 10, "NoFaceDetected"),
        ("", 1, "NoRequiredFields"),
    ] {
        for (api, body) in [
            ("facePropV1", json!({"imgBase64": picture})),
            ("faceCompareV1", json!({"imgBase64A": good, "imgBase64B": picture})),
            ("faceCompareV1", json!({"imgBase64A": picture, "imgBase64B": good})),
            ("detectHacknessV1", json!({"isVisual": true, "imgBase64Visual": picture})),
        ] {
            assert_v1_fault(&jd.call(api, "", &body.to_string()), code, message);
        }
    }
    let body = json!({"imgBase64": good}).to_string();
    for query in ["maxFaceCount=0", "maxFaceCount=101", "maxFaceCount=x", "maxFaceCount=-1", "maxFaceCount=1.5"] {
        assert_v1_fault(&jd.call("facePropV1", query, &body), 9, "ParamTypeIsInvalid");
    }
    let form = format!("imgBase64={good}");
    for body in [form.as_str(), "{", "[]", "5", "{\"imgBase64\":", &format!("\"{form}\"")] {
        assert_v1_fault(&jd.call("facePropV1", "", body), 31, "RequestBodyIsNotJson");
    }
    // A JSON object inside a JSON string is accepted.
    let quoted = serde_json::to_string(&body).expect("serialises");
    assert_eq!(result(&jd.call("facePropV1", "", &quoted))["code"], 0);
}

#[test]
fn what_is_wrong_with_pictures_is_said_in_the_calls_of_2019() {
    let server = Server::auto();
    let jd = Jd::new(&server);
    let good = base64(&jpeg(&portrait()));
    let small = base64(&jpeg(&image::RgbImage::new(48, 47)));
    let large = base64(&jpeg(&image::RgbImage::new(4097, 48)));
    let no_face = base64(&no_face());
    for (picture, status, message) in [
        ("", 12002, "参数缺失"),
        ("***", 12003, "解析参数错误"),
        ("aGVsbG8=", 12003, "解析参数错误"),
        (&large, 13005, "图像超过尺寸"),
        (&small, 13111, "image quality is bad"),
        (&no_face, 13134, "未检测到脸"),
    ] {
        let pair = format!("imageBase64_1={good}&imageBase64_2={picture}");
        assert_fault(&jd.call("face_compare", "", &pair), status, message);
        let detected = jd.call("face_detect_attr", "", &format!("imageBase64={picture}")).json();
        assert_eq!(
            (&detected["result"]["status"], &detected["result"]["errorMsg"]),
            (&json!(status), &json!(message)),
            "{detected}"
        );
    }
    for (picture, status, message) in [
        ("", 12002, "missing param"),
        ("***", 12003, "image base64 is invalid"),
        (&large, 13111, "image quality is bad"),
        (&small, 13111, "image quality is bad"),
        (&no_face, 13134, "face not found"),
    ] {
        assert_fault_in_two_words(&jd.call("face_AntiSpoof", "", &format!("imageBase64={picture}")), status, message);
    }
    for more in ["return_landmark=3", "return_landmark=x", "return_attr=2", "face_detect_num=101", "face_detect_num=-1"]
    {
        let detected = jd.call("face_detect_attr", more, &format!("imageBase64={good}")).json();
        assert_eq!(detected["result"]["status"], 12003, "{more}");
    }
    let body = json!({"imageBase64Str": good}).to_string();
    assert_system(&jd.call("mask_detect", "", &body), "10048", "无接口权限，请下单购买");
}

#[track_caller]
fn assert_fault_in_two_words(answer: &Answer, status: i64, message: &str) {
    let body = answer.json();
    let id = answer.header("x-jdcloud-request-id").expect("an id");
    assert_eq!(body["result"], json!({"status": status, "message": message, "request_id": id}), "{body}");
}
