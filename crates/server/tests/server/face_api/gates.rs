//! Quality and liveness control.

use image::{Rgb, RgbImage, imageops};
use serde_json::{Value, json};

use super::{FaceApi, face, image, jpeg, user, with};
use crate::fixture::Server;
use crate::pictures::{decode, obama, sample};

const CONTROLS: [&str; 4] = ["NONE", "LOW", "NORMAL", "HIGH"];
const COVERED: (u32, &str) = (223_113, "face is covered");
const MOUTH_COVERED: (u32, &str) = (223_127, "mouth is occlusion");
const EYES_COVERED: (u32, &str) = (223_121, "left eye is occlusion");
/// Answer for a face that is not recognisable.
const NO_MATCH: (u32, &str) = (222_207, "match user is not found");
const FUZZY: (u32, &str) = (223_114, "face is fuzzy");
const LIGHT: (u32, &str) = (223_115, "face light is not good");
const INCOMPLETE: (u32, &str) = (223_116, "incomplete face");
const POOR: (u32, &str) = (223_118, "quality control error");
const NOT_LIVE: (u32, &str) = (223_120, "liveness check fail");

/// Good picture from which the poor ones are made.
fn good() -> RgbImage {
    decode(&obama())
}

pub fn times(brightness: f32) -> Vec<u8> {
    let mut picture = good();
    for pixel in picture.pixels_mut() {
        *pixel = Rgb(pixel.0.map(|value| (f32::from(value) * brightness) as u8));
    }
    jpeg(&picture)
}

pub fn blurred(sigma: f32) -> Vec<u8> {
    jpeg(&imageops::blur(&good(), sigma))
}

pub fn of_width(width: u32) -> Vec<u8> {
    let height = width * good().height() / good().width();
    jpeg(&imageops::resize(&good(), width, height, imageops::FilterType::Triangle))
}

/// Removes rows of pixels at the top.
pub fn beheaded(rows: u32) -> Vec<u8> {
    let picture = good();
    jpeg(&imageops::crop_imm(&picture, 0, rows, picture.width(), picture.height() - rows).to_image())
}

/// Covers a rectangle of the picture.
fn behind(width: u32, height: u32, x: i64, y: i64) -> Vec<u8> {
    let mut picture = good();
    imageops::replace(&mut picture, &RgbImage::from_pixel(width, height, Rgb([200, 30, 30])), x, y);
    jpeg(&picture)
}

/// Covers mouth and nose.
pub fn masked() -> Vec<u8> {
    behind(240, 210, 380, 230)
}

/// Covers both eyes.
pub fn blindfolded() -> Vec<u8> {
    behind(260, 90, 370, 170)
}

/// Covers the right half of the face.
pub fn half_covered() -> Vec<u8> {
    behind(145, 380, 350, 70)
}

/// Picture with half a face.
fn half() -> Vec<u8> {
    sample("probes/obama_partial_face2.jpg")
}

/// Returns the error code for a picture.
fn code(api: &FaceApi, path: &str, request: &Value) -> u64 {
    api.call(path, request).json()["error_code"].as_u64().expect("a number")
}

/// Expected answers of the control levels `LOW`, `NORMAL` and `HIGH`: none, or a code and its message.
type Verdicts = [Option<(u32, &'static str)>; 3];

#[test]
fn each_level_of_quality_refuses_what_is_worse() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    api.add("g", "u", &obama());
    // Expected answers for each picture; without control every picture passes.
    let table: [(&str, Vec<u8>, Verdicts); 18] = [
        ("good", obama(), [None, None, None]),
        ("a little blurred", blurred(3.0), [None, None, Some(FUZZY)]),
        ("blurred", blurred(4.6), [None, Some(FUZZY), Some(FUZZY)]),
        ("very blurred", blurred(8.0), [Some(FUZZY), Some(FUZZY), Some(FUZZY)]),
        ("dim", times(0.3), [None, None, Some(LIGHT)]),
        ("dark", times(0.2), [None, Some(LIGHT), Some(LIGHT)]),
        ("very dark", times(0.1), [Some(LIGHT), Some(LIGHT), Some(LIGHT)]),
        ("burnt out", times(1.8), [Some(LIGHT), Some(LIGHT), Some(LIGHT)]),
        ("cut at the hair", beheaded(64), [None, None, Some(INCOMPLETE)]),
        ("cut at the forehead", beheaded(80), [None, Some(INCOMPLETE), Some(INCOMPLETE)]),
        ("cut deeper", beheaded(104), [Some(INCOMPLETE), Some(INCOMPLETE), Some(INCOMPLETE)]),
        ("masked", masked(), [Some(MOUTH_COVERED); 3]),
        ("blindfolded", blindfolded(), [Some(EYES_COVERED); 3]),
        ("half covered", half_covered(), [Some(COVERED); 3]),
        ("an eye at the edge", sample("probes/obama_partial_face.jpg"), [None, Some(COVERED), Some(INCOMPLETE)]),
        ("half a face", half(), [Some(COVERED), Some(COVERED), Some(INCOMPLETE)]),
        ("small", of_width(400), [None, Some(POOR), Some(POOR)]),
        ("tiny", of_width(150), [Some(POOR), Some(POOR), Some(POOR)]),
    ];
    for (name, picture, expected) in table {
        let ask = |control: &str| {
            let answer = api.call(
                "v3/face/identify",
                &with(image(&picture), json!({"group_id_list": "g", "quality_control": control})),
            );
            let body = answer.json();
            (body["error_code"].as_u64().expect("a number"), body["error_msg"].as_str().expect("a text").to_owned())
        };
        let without = ask("NONE");
        // A face without identity finds nobody, at any level.
        let is_spoilt = ["masked", "blindfolded", "half covered"].contains(&name);
        let passed = if is_spoilt { NO_MATCH } else { (0, "SUCCESS") };
        assert_eq!(without, (u64::from(passed.0), passed.1.to_owned()), "{name}");
        for (control, expected) in CONTROLS[1..].iter().zip(expected) {
            let (code, words) = expected.unwrap_or(passed);
            assert_eq!(ask(control), (u64::from(code), words.to_owned()), "{name} at {control}");
        }
    }
}

#[test]
fn each_level_of_liveness_refuses_what_is_less_sure() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    api.add("g", "u", &obama());
    let mut refused = [0; 4];
    // Darker pictures are less live.
    let dark = [0.1, 0.09, 0.08, 0.075, 0.07, 0.06, 0.05, 0.035].map(times);
    for picture in dark.into_iter().chain([obama()]) {
        let live = api.result("v3/face/liveness", &json!([image(&picture)]));
        let score = live["face_liveness"].as_f64().expect("a number");
        let steps =
            ["frr_1e-4", "frr_1e-3", "frr_1e-2"].map(|step| live["thresholds"][step].as_f64().expect("a number"));
        let mut levels = 0;
        for (control, least) in CONTROLS.iter().zip([0.0, steps[0], steps[1], steps[2]]) {
            let request = with(image(&picture), json!({"group_id_list": "g", "liveness_control": control}));
            let expected = if score < least { u64::from(NOT_LIVE.0) } else { 0 };
            assert_eq!(code(&api, "v3/face/detect", &request), expected, "detect at {control} with {score}");
            let identified = code(&api, "v3/face/identify", &request);
            // The darkest pictures find nobody, regardless of liveness.
            let is_expected = identified == expected || expected == 0 && identified == u64::from(NO_MATCH.0);
            assert!(is_expected, "identify at {control} with {score}: {identified}");
            levels += usize::from(score < least);
        }
        refused[levels] += 1;
    }
    let [by_none, by_high, by_two, by_all] = refused;
    assert!(by_none > 0 && by_high > 0 && by_two > 0 && by_all > 0, "there is something for each level: {refused:?}");
}

#[test]
fn every_call_that_takes_a_picture_has_its_gates() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    api.add("g", "u", &obama());
    let dark = times(0.035);
    let quality = json!({"quality_control": "LOW"});
    let liveness = json!({"liveness_control": "HIGH"});
    for (control, (code, words)) in [(quality, LIGHT), (liveness, NOT_LIVE)] {
        for path in ["v3/face/add", "v3/face/addNoDetect", "v3/face/update"] {
            api.fails(path, &with(face("g", "u", &dark), control.clone()), code, words);
            api.fails(
                path,
                &with(face("g", "new", &dark), with(control.clone(), json!({"action_type": "REPLACE"}))),
                code,
                words,
            );
        }
        for path in ["v3/face/identify", "v3/face/search", "v3/face/midentify", "v3/face/multi-search"] {
            let request = with(with(image(&dark), json!({"group_id_list": "g"})), control.clone());
            api.fails(path, &request, code, words);
        }
        let poor = with(image(&dark), control.clone());
        api.fails("v3/face/match", &json!([image(&obama()), poor]), code, words);
        api.fails("v3/face/match", &json!([poor, image(&obama())]), code, words);
        // The controls of one picture do not apply to the other.
        api.result("v3/face/match", &json!([with(image(&obama()), control), image(&dark)]));
    }
    // Refused pictures have no effects.
    api.fails("v3/user/get", &user("g", "new"), 223_103, "user is not exist");
    let faces = api.result("v3/face/list", &user("g", "u"));
    assert_eq!(faces["face_list"].as_array().map(Vec::len), Some(1));
    // A good picture passes all controls.
    let best = with(face("g", "u", &obama()), json!({"quality_control": "HIGH", "liveness_control": "HIGH"}));
    api.result("v3/face/update", &best);
}
