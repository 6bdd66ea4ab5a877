//! Operations face/detect, match, identify, midentify and liveness.

use serde_json::{Value, json};

use super::{FaceApi, image, jpeg, other, pictures_of_one, portrait, with};
use crate::fixture::Server;
use crate::pictures::{biden, no_face, obama, obama2, on_canvas, other_portrait};

/// A detected face without the optional fields.
const DETECTED: &str = concat!(
    r#"{"face_token":"<hex>","location":{"left":<number>,"top":<number>,"width":<int>,"height":<int>,"#,
    r#""rotation":<number>},"face_probability":<number>,"angle":{"yaw":<number>,"pitch":<number>,"roll":<number>}"#
);
const NO_MATCH: (u32, &str) = (222_207, "match user is not found");

/// The two people of the samples side by side; the one of `obama` is larger.
fn both() -> Vec<u8> {
    let mut picture = on_canvas(&portrait(), 700, 420, 0, 0);
    let smaller = image::imageops::resize(&other_portrait(), 240, 320, image::imageops::FilterType::Triangle);
    image::imageops::replace(&mut picture, &smaller, 430, 20);
    jpeg(&picture)
}

fn groups(ids: &str) -> Value {
    json!({"group_id_list": ids})
}

#[test]
fn detect_tells_what_is_asked_for() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let plain = format!(r#"{{"face_num":1,"face_list":[{DETECTED}}}]}}"#);
    let detected = api.golden("v3/face/detect", &image(&obama()), &plain);
    let [probability, yaw, pitch, roll] = [6, 7, 8, 9].map(|i| detected[i].parse::<f64>().expect("a number"));
    assert!((0.5..=1.0).contains(&probability) && [yaw, pitch, roll].iter().all(|angle| angle.abs() < 30.0));

    let more = concat!(
        r#","landmark":[{"x":<number>,"y":<number>},{"x":<number>,"y":<number>},"#,
        r#"{"x":<number>,"y":<number>},{"x":<number>,"y":<number>}],"#,
        r#""quality":{"blur":<number>,"illumination":<number>,"completeness":<number>},"liveness":{"livemapscore":<unit>}"#
    );
    let request =
        with(image(&obama()), json!({"face_field": "age,landmark,quality,liveness,beauty", "face_type": "CERT"}));
    let full = api.golden("v3/face/detect", &request, &format!(r#"{{"face_num":1,"face_list":[{DETECTED}{more}}}]}}"#));
    assert_eq!(full[..10], detected[..]);
    let number = |i: usize| full[i].parse::<f64>().expect("a number");
    // Left eye, right eye, nose, mouth, as seen by the person: the left eye is on the right side of the picture.
    assert!(number(10) > number(12) && number(14) < number(10) && number(14) > number(12), "{full:?}");
    assert!(number(17) > number(15) && number(15) > number(11), "the mouth is beneath the nose beneath the eyes");
    assert!((0.0..0.6).contains(&number(18)) && (200.0..=255.0).contains(&number(19)), "sharp and well lit: {full:?}");
    assert_eq!(full[20], "1.0", "the face is complete");

    let request = with(image(&obama()), json!({"face_field": "landmark150,emotion", "liveness_control": "NONE"}));
    api.golden("v3/face/detect", &request, &plain);
    let quality = r#","quality":{"blur":<number>,"illumination":<number>,"completeness":<number>}"#;
    let request = with(image(&obama()), json!({"face_field": "quality"}));
    api.golden("v3/face/detect", &request, &format!(r#"{{"face_num":1,"face_list":[{DETECTED}{quality}}}]}}"#));

    api.fails(
        "v3/face/detect",
        &with(image(&obama()), json!({"face_field": "colour"})),
        222_017,
        "param[face_field] format error",
    );
    api.fails("v3/face/detect", &image(&no_face()), 222_202, "pic not has face");
}

#[test]
fn detect_tells_of_the_largest_faces() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let both = both();
    let found = |most: Value| api.result("v3/face/detect", &with(image(&both), json!({"max_face_num": most})));
    let two = found(json!(2));
    assert_eq!(two["face_num"], 2);
    let area = |i: usize| {
        let place = &two["face_list"][i]["location"];
        place["width"].as_f64().expect("a number") * place["height"].as_f64().expect("a number")
    };
    assert!(area(0) > area(1), "{two}");
    assert_ne!(two["face_list"][0]["face_token"], two["face_list"][1]["face_token"]);
    for one in [api.result("v3/face/detect", &image(&both)), found(json!(1)), found(json!("1")), found(json!(""))] {
        assert_eq!((&one["face_num"], &one["face_list"][0]), (&json!(1), &two["face_list"][0]));
    }
    assert_eq!(found(json!("10")), two);
    api.done("v3/group/add", &json!({"group_id": "g"}));
    for most in [json!(0), json!(11), json!(-1), json!("x"), json!(1.5)] {
        let request = with(with(image(&both), groups("g")), json!({"max_face_num": most}));
        for path in ["v3/face/detect", "v3/face/midentify"] {
            api.fails(path, &request, 222_016, "param[max_face_num] format error");
        }
    }
}

#[test]
fn match_compares_two_pictures() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let matched = r#"{"score":<score>,"face_list":[{"face_token":"<hex>"},{"face_token":"<hex>"}]}"#;
    let same = api.golden("v3/face/match", &json!([image(&obama()), image(&obama2())]), matched);
    let different = api.golden("v3/face/match", &json!([image(&obama()), image(&biden())]), matched);
    assert_eq!(same[1], different[1], "a picture has one token");
    let score = |values: &[String]| values[0].parse::<f64>().expect("a number");
    assert!(score(&same) > 80.0 && score(&different) < 80.0);
    let itself = api.golden("v3/face/match", &json!([image(&obama()), image(&obama())]), matched);
    assert!(score(&itself) > 99.9, "{itself:?}");
    let options = json!({"face_type": "IDCARD", "quality_control": "LOW", "liveness_control": "NONE"});
    let with_options = json!([with(image(&obama()), options), image(&obama2())]);
    assert_eq!(api.golden("v3/face/match", &with_options, matched), same);

    let wrong = (222_208, "the number of image is incorrect");
    for count in [0, 1, 3, 9] {
        api.fails("v3/face/match", &json!(vec![image(&other()); count]), wrong.0, wrong.1);
    }
    api.fails("v3/face/match", &json!([image(&other()), 5]), 100, "Invalid parameter");
    api.fails("v3/face/match", &json!([image(&other()), {}]), 222_001, "param[image] is null");
    api.fails("v3/face/match", &json!([image(&other()), image(&no_face())]), 222_202, "pic not has face");
    api.fails("v3/face/match", &json!([image(b"GIF"), image(&other())]), 222_203, "image check fail");
}

#[test]
fn identify_finds_users_in_groups() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let [first, second] = pictures_of_one(2).try_into().expect("two");
    api.result("v3/face/add", &with(super::face("g", "u", &first), json!({"user_info": "信息"})));
    api.add("g", "u", &second);
    api.add("g", "v", &biden());
    api.add("h", "w", &obama2());

    let user = |group: &str, id: &str, info: &str| {
        format!(r#"{{"group_id":"{group}","user_id":"{id}","user_info":{info},"score":<score>}}"#)
    };
    let found = |users: &[&str]| format!(r#"{{"face_token":"<hex>","user_list":[{}]}}"#, users.join(","));
    let (u, v, w) = (user("g", "u", r#""信息""#), user("g", "v", "null"), user("h", "w", "null"));
    for path in ["v3/face/identify", "v3/face/search"] {
        api.golden(path, &with(image(&obama()), groups("g")), &found(&[&u]));
        // All groups are searched. Each user appears once, the most similar first.
        let request = with(image(&obama()), json!({"group_id_list": "h,g", "max_user_num": 50}));
        let all = api.golden(path, &request, &found(&[&u, &w, &v]));
        let scores: Vec<f64> = all[1..].iter().map(|score| score.parse().expect("a number")).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores[1] > 80.0 && scores[2] < 80.0, "{scores:?}");
        let request =
            with(image(&obama()), json!({"group_id_list": "h,g", "max_user_num": "2", "match_threshold": "0"}));
        api.golden(path, &request, &found(&[&u, &w]));
        let request = with(image(&obama()), json!({"group_id_list": "g", "max_user_num": 3, "match_threshold": 80}));
        api.golden(path, &request, &found(&[&u]));
        let request = with(image(&biden()), json!({"group_id_list": "h", "match_threshold": 80.5}));
        api.fails(path, &request, NO_MATCH.0, NO_MATCH.1);
        // A score equal to the threshold is enough.
        for (count, score) in all[1..].iter().enumerate() {
            let request = json!({"group_id_list": "h,g", "max_user_num": 50, "match_threshold": score});
            let reaching = api.golden(path, &with(image(&obama()), request), &found(&[u.as_str(), &w, &v][..=count]));
            assert_eq!(reaching[1..], all[1..count + 2]);
        }

        // A search can be limited to one user.
        let request = with(image(&obama()), json!({"group_id_list": "g,h", "user_id": "v"}));
        let one = api.golden(path, &request, &found(&[&v]));
        assert!(one[1].parse::<f64>().expect("a number") < 80.0);
        let request = with(request, json!({"match_threshold": 80}));
        api.fails(path, &request, NO_MATCH.0, NO_MATCH.1);
        let request = with(image(&obama()), json!({"group_id_list": "h", "user_id": "v"}));
        api.fails(path, &request, 223_103, "user is not exist");
        let request = with(image(&obama()), json!({"group_id_list": "h", "user_id": "a-b"}));
        api.fails(path, &request, 222_018, "param[user_id] format error");
        api.fails(path, &with(image(&no_face()), groups("g")), 222_202, "pic not has face");
    }
    api.done("v3/group/add", &json!({"group_id": "empty"}));
    api.fails("v3/face/search", &with(image(&obama()), groups("empty")), NO_MATCH.0, NO_MATCH.1);
}

#[test]
fn searches_have_limits() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let ids: Vec<String> = (0..11).map(|i| format!("g{i}")).collect();
    for id in &ids {
        api.done("v3/group/add", &json!({"group_id": id}));
    }
    let picture = other();
    api.add("g9", "u", &picture);
    let ask = |more: Value| with(with(image(&picture), groups("g9")), more);
    for (path, users) in
        [("v3/face/identify", 50), ("v3/face/search", 50), ("v3/face/midentify", 20), ("v3/face/multi-search", 20)]
    {
        let found = api.result(path, &with(image(&picture), groups(&ids[..10].join(","))));
        let list = if users == 50 { &found["user_list"] } else { &found["face_list"][0]["user_list"] };
        assert_eq!((&list[0]["group_id"], &list[0]["user_id"]), (&json!("g9"), &json!("u")));
        api.result(path, &ask(json!({"max_user_num": users, "match_threshold": 0})));

        let eleven = with(image(&picture), groups(&ids.join(",")));
        api.fails(path, &eleven, 223_104, "group_list is too large");
        api.fails(path, &with(image(&picture), groups("g9,nobody")), 223_100, "group is not exist");
        api.fails(path, &with(image(&picture), groups("g9,a-b")), 222_005, "param[group_id_list] format error");
        api.fails(path, &image(&picture), 222_001, "param[group_id_list] is null");
        for most in [json!(0), json!(users + 1), json!("x")] {
            api.fails(path, &ask(json!({"max_user_num": most})), 222_021, "param[max_user_num] format error");
        }
        for threshold in [json!(-1), json!(100.5), json!("x"), json!("NaN"), json!([])] {
            api.fails(path, &ask(json!({"match_threshold": threshold})), 100, "Invalid parameter");
        }
    }
}

#[test]
fn midentify_finds_every_face() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    api.add("g", "u", &obama2());
    let both = both();
    let face = |users: &str| {
        format!(
            concat!(
                r#"{{"face_token":"<hex>","location":{{"left":<number>,"top":<number>,"width":<int>,"height":<int>,"#,
                r#""rotation":<number>}},"user_list":[{}]}}"#
            ),
            users
        )
    };
    let user = |id: &str| format!(r#"{{"group_id":"g","user_id":"{id}","user_info":null,"score":<score>}}"#);
    let found = |faces: &[String]| format!(r#"{{"face_num":{},"face_list":[{}]}}"#, faces.len(), faces.join(","));
    let two = json!({"group_id_list": "g", "max_face_num": 2});
    for path in ["v3/face/midentify", "v3/face/multi-search"] {
        api.golden(path, &with(image(&both), groups("g")), &found(&[face(&user("u"))]));
        let values = api.golden(path, &with(image(&both), two.clone()), &found(&[face(&user("u")), face("")]));
        let detected = api.result("v3/face/detect", &with(image(&both), json!({"max_face_num": 2})));
        assert_eq!(
            json!([values[0], values[7]]),
            json!([detected["face_list"][0]["face_token"], detected["face_list"][1]["face_token"]])
        );
        assert!(values[6].parse::<f64>().expect("a number") >= 80.0);
        // With a threshold of 0, every face finds every user.
        let request = with(image(&both), json!({"group_id_list": "g", "max_face_num": "10", "match_threshold": 0}));
        api.golden(path, &request, &found(&[face(&user("u")), face(&user("u"))]));
        api.fails(path, &with(image(&other()), groups("g")), NO_MATCH.0, NO_MATCH.1);
        api.fails(path, &with(image(&no_face()), groups("g")), 222_202, "pic not has face");
    }
    api.add("g", "v", &biden());
    api.golden("v3/face/midentify", &with(image(&both), two), &found(&[face(&user("u")), face(&user("v"))]));
}

#[test]
fn liveness_takes_one_three_or_eight_pictures() {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let live = |faces: usize| {
        let face = format!(r#"{DETECTED},"liveness":{{"livemapscore":<unit>}}}}"#);
        format!(
            r#"{{"face_liveness":<unit>,"thresholds":{{"frr_1e-4":0.05,"frr_1e-3":0.3,"frr_1e-2":0.9}},"face_list":[{}]}}"#,
            vec![face; faces].join(",")
        )
    };
    let one = api.golden("v3/face/liveness", &json!([image(&obama())]), &live(1));
    assert_eq!(one[0], one[11], "of one picture it is the picture's");
    let three = [
        image(&obama()),
        with(image(&biden()), json!({"option": "COMMON"})),
        with(image(&other()), json!({"option": "GATE"})),
    ];
    let three = api.golden("v3/face/liveness", &json!(three), &live(3));
    let score = |i: usize| three[i].parse::<f32>().expect("a number");
    assert!((score(0) - (score(11) + score(22) + score(33)) / 3.0).abs() < 1e-5, "the mean: {three:?}");
    api.golden("v3/face/liveness", &json!(vec![image(&other()); 8]), &live(8));
    let full = api.result("v3/face/liveness", &json!([with(image(&obama()), json!({"face_field": "quality"}))]));
    assert_eq!(full["face_list"][0]["quality"]["completeness"], 1.0);

    for count in [0, 2, 4, 7, 9] {
        let wrong = json!(vec![image(&other()); count]);
        api.fails("v3/face/liveness", &wrong, 222_208, "the number of image is incorrect");
    }
    api.fails("v3/face/liveness", &json!([5]), 100, "Invalid parameter");
    let wrong = json!([with(image(&obama()), json!({"option": "OTHER"}))]);
    api.fails("v3/face/liveness", &wrong, 100, "Invalid parameter");
    api.fails("v3/face/liveness", &json!([image(&no_face())]), 222_202, "pic not has face");
}
