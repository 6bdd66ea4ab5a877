//! All error codes of section 9, with their numbers and messages.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier};
use std::thread::{self, JoinHandle};

use serde_json::{Value, json};

use super::{
    ALL_OF_IT, FAR, FaceApi, assert_failure, face, gates, grant, image, other, pictures_of_one, token_image, user, with,
};
use crate::fixture::{Server, Setup, objects, wait_until, workspace};
use crate::http::Answer;
use crate::pictures::{base64, no_face};

/// Codes and messages of the contract; the message of 222001 also names the parameter.
const CODES: &[(u32, &str)] = &[
    (6, "no permission to access data"),
    (100, "Invalid parameter"),
    (110, "Access token invalid or no longer valid"),
    (111, "Access token expired"),
    (222_001, ""),
    (222_002, "param[start] format error"),
    (222_003, "param[length] format error"),
    (222_004, "param[op_app_id_list] format error"),
    (222_005, "param[group_id_list] format error"),
    (222_006, "group_id format error"),
    (222_010, "user_info format error"),
    (222_012, "param[op_app_id] format error"),
    (222_013, "param[image] format error"),
    (222_014, "param[app_id] format error"),
    (222_015, "param[image_type] format error"),
    (222_016, "param[max_face_num] format error"),
    (222_017, "param[face_field] format error"),
    (222_018, "param[user_id] format error"),
    (222_019, "param[quality_control] format error"),
    (222_020, "param[liveness_control] format error"),
    (222_021, "param[max_user_num] format error"),
    (222_024, "param[face_type] format error"),
    (222_025, "param[face_token] format error"),
    (222_201, "network not available"),
    (222_202, "pic not has face"),
    (222_203, "image check fail"),
    (222_206, "rtse service return fail"),
    (222_207, "match user is not found"),
    (222_208, "the number of image is incorrect"),
    (222_209, "face token not exist"),
    (222_300, "add face fail"),
    (222_302, "system error"),
    (222_901, "system busy"),
    (223_100, "group is not exist"),
    (223_101, "group is already exist"),
    (223_102, "user is already exist"),
    (223_103, "user is not exist"),
    (223_104, "group_list is too large"),
    (223_105, "face is already exist"),
    (223_106, "face is not exist"),
    (223_111, "dst group is not exist"),
    (223_113, "face is covered"),
    (223_114, "face is fuzzy"),
    (223_115, "face light is not good"),
    (223_116, "incomplete face"),
    (223_121, "left eye is occlusion"),
    (223_127, "mouth is occlusion"),
    (223_117, "app_list is too large"),
    (223_118, "quality control error"),
    (223_120, "liveness check fail"),
];

/// Error codes that were answered.
#[derive(Default)]
struct Seen(BTreeSet<u32>);

impl Seen {
    /// Checks that a call fails with a code.
    #[track_caller]
    fn code(&mut self, api: &FaceApi, path: &str, body: &Value, code: u32) {
        self.answer(&api.call(path, body), 200, code);
    }

    /// Checks that an answer has a code.
    #[track_caller]
    fn answer(&mut self, answer: &Answer, status: u16, code: u32) {
        let (_, words) = CODES.iter().find(|(known, _)| *known == code).expect("a code of the contract");
        assert_failure(answer, status, code, words);
        self.0.insert(code);
    }

    /// Checks that a call reports a missing parameter.
    #[track_caller]
    fn missing(&mut self, api: &FaceApi, path: &str, body: &Value, name: &str) {
        api.fails(path, body, 222_001, &format!("param[{name}] is null"));
        self.0.insert(222_001);
    }
}

/// Vendor engine that refuses everything.
struct Refusing {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Refusing {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                // A broken connection shows in the test's own assertions.
                let _ = stream.and_then(refuse);
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Stops listening; later connections are refused.
    fn stop(mut self) {
        self.stop.store(true, Ordering::SeqCst);
        TcpStream::connect(self.address).expect("it listens still");
        self.thread.take().expect("it runs").join().expect("it ends well");
    }
}

/// Reads a request and answers with a refusal.
fn refuse(mut stream: TcpStream) -> io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    let body = r#"{"status":80999,"message":"out of licence","data":null}"#;
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

#[test]
fn every_code_is_answered_with_its_words() {
    let mut seen = Seen::default();
    tokens(&mut seen);
    bodies(&mut seen);
    parameters(&mut seen);
    groups_users_and_faces(&mut seen);
    pictures(&mut seen);
    limits(&mut seen);
    engines(&mut seen);
    overload(&mut seen);
    let expected: BTreeSet<u32> = CODES.iter().map(|(code, _)| *code).collect();
    assert_eq!(seen.0, expected);
}

/// Every code of the server must be tested.
#[test]
fn no_code_of_the_server_is_left_out() {
    let source = fs::read_to_string(workspace().join("crates/dialects/src/aicp/codes.rs")).expect("the codes");
    let numbers = source.split(|c: char| !c.is_ascii_digit() && c != '_').filter(|number| number.contains("_"));
    let numbers = numbers.filter_map(|number| number.replace('_', "").parse::<u32>().ok());
    let of_server: BTreeSet<u32> = numbers.collect();
    let of_test: BTreeSet<u32> = CODES.iter().map(|(code, _)| *code).filter(|code| *code > 999).collect();
    assert_eq!(of_server, of_test);
}

fn tokens(seen: &mut Seen) {
    let server = Server::auto();
    let list = json!({});
    seen.code(&FaceApi(server.anonymous(0)), "v3/group/list", &list, 110);
    let late = grant(&server, "late", "2020-11-11 00:00:00", ALL_OF_IT);
    seen.code(&FaceApi(server.anonymous(0).with_token(&late)), "v3/group/list", &list, 111);
    let other = grant(&server, "other", FAR, "C10000000002");
    seen.code(&FaceApi(server.anonymous(0).with_token(&other)), "v3/group/list", &list, 6);
}

fn bodies(seen: &mut Seen) {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    api.done("v3/group/add", &json!({"group_id": "g"}));
    seen.code(&api, "v3/face/search", &json!({"match_threshold": "x", "group_id_list": "g"}), 100);
    let json = [("Content-Type", "application/json")];
    for path in ["/face-api/v3/group/list", "/face-api/facehub/statapp", "/rest/2.0/face/v3/detect"] {
        seen.answer(&api.0.send("GET", path, &[], b""), 405, 100);
        seen.answer(&api.0.send("POST", path, &[("Content-Type", "text/plain")], b"{}"), 415, 100);
        for body in ["", "{", "5", "null", "[5", "\"x\""] {
            seen.answer(&api.0.send("POST", path, &json, body.as_bytes()), 400, 100);
        }
        seen.answer(&api.0.send("POST", path, &json, &vec![b' '; (8 << 20) + 1]), 413, 100);
    }
    // Calls that take an array refuse an object.
    for path in ["/face-api/v3/face/match", "/face-api/v3/face/liveness"] {
        seen.answer(&api.0.send("POST", path, &json, image(&other()).to_string().as_bytes()), 400, 100);
    }
    for path in ["/face-api/v3/nothing", "/face-api", "/rest/2.0/face/v3/person/verify"] {
        seen.answer(&api.0.send("POST", path, &json, b"{}"), 404, 100);
    }
}

fn parameters(seen: &mut Seen) {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let picture = other();
    let token = api.add("g", "u", &picture);
    let added = |more: Value| with(face("g", "v", &picture), more);
    let search = |more: Value| with(with(image(&picture), json!({"group_id_list": "g"})), more);
    let detect = |more: Value| with(image(&picture), more);
    let table = [
        ("v3/group/list", json!({"start": "x"}), 222_002),
        ("v3/group/list", json!({"length": 1001}), 222_003),
        ("facehub/statapp", json!({"op_app_id_list": {}}), 222_004),
        ("facehub/statgroup", json!({"group_id_list": "a-b"}), 222_005),
        ("v3/group/add", json!({"group_id": "a-b"}), 222_006),
        ("v3/face/add", added(json!({"user_info": "x".repeat(257)})), 222_010),
        ("facehub/statgroup", json!({"group_id_list": "g", "op_app_id": {}}), 222_012),
        ("v3/group/list", json!({"appid": {}}), 222_014),
        ("v3/face/add", added(json!({"image": "A".repeat((2 << 20) + 1)})), 222_013),
        ("v3/face/add", added(json!({"image_type": "URL"})), 222_015),
        ("v3/face/detect", detect(json!({"image_type": "base64"})), 222_015),
        ("v3/face/detect", detect(json!({"max_face_num": 11})), 222_016),
        ("v3/face/detect", detect(json!({"face_field": "age,colour"})), 222_017),
        ("v3/face/add", added(json!({"user_id": "a-b"})), 222_018),
        ("v3/face/add", added(json!({"quality_control": "BEST"})), 222_019),
        ("v3/face/add", added(json!({"liveness_control": "low"})), 222_020),
        ("v3/face/detect", detect(json!({"liveness_control": 1})), 222_020),
        ("v3/face/search", search(json!({"max_user_num": 51})), 222_021),
        ("v3/face/detect", detect(json!({"face_type": "HUMAN"})), 222_024),
        ("v3/face/match", json!([image(&picture), detect(json!({"face_type": "live"}))]), 222_024),
        ("v3/face/delete", with(user("g", "u"), json!({"face_token": "f".repeat(65)})), 222_025),
        ("v3/face/detect", json!({"image": {}, "image_type": "FACE_TOKEN"}), 222_025),
    ];
    for (path, body, code) in table {
        seen.code(&api, path, &body, code);
    }
    for (path, body, name) in [
        ("v3/face/add", user("g", "v"), "image"),
        ("v3/face/add", with(user("g", "v"), json!({"image": " ", "image_type": "BASE64"})), "image"),
        ("v3/face/add", with(user("g", "v"), json!({"image": base64(&picture)})), "image_type"),
        ("v3/face/add", with(image(&picture), json!({"group_id": "g"})), "user_id"),
        ("v3/face/add", with(image(&picture), json!({"user_id": "u"})), "group_id"),
        ("v3/face/search", image(&picture), "group_id_list"),
        ("v3/face/delete", user("g", "u"), "face_token"),
    ] {
        seen.missing(&api, path, &body, name);
    }
    assert_eq!(api.result("v3/face/detect", &token_image(&token))["face_num"], 1, "all is well but for the parameters");
}

fn groups_users_and_faces(seen: &mut Seen) {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let picture = other();
    api.add("g", "u", &picture);
    api.done("v3/group/add", &json!({"group_id": "h"}));
    let copy = |user: &str, to: &str| json!({"user_id": user, "src_group_id": "g", "dst_group_id": to});
    api.done("v3/user/copy", &copy("u", "h"));
    let many = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let search = with(image(&pictures_of_one(1)[0]), json!({"group_id_list": "g", "match_threshold": 80}));
    let table = [
        ("v3/user/get", user("nobody", "u"), 223_100),
        ("v3/group/add", json!({"group_id": "g"}), 223_101),
        ("v3/user/copy", copy("u", "h"), 223_102),
        ("v3/user/get", user("g", "nobody"), 223_103),
        ("facehub/statgroup", json!({"group_id_list": many(21)}), 223_104),
        ("v3/face/add", face("g", "v", &picture), 223_105),
        ("v3/face/delete", with(user("g", "u"), json!({"face_token": "f".repeat(32)})), 223_106),
        ("v3/user/copy", copy("u", "nobody"), 223_111),
        ("facehub/statapp", json!({"op_app_id_list": many(21)}), 223_117),
        ("facehub/statgroup", json!({"group_id_list": "g", "op_app_id_list": many(21)}), 223_117),
        ("v3/face/search", search, 222_207),
        ("v3/face/match", json!([image(&picture)]), 222_208),
        ("v3/face/detect", token_image(&"f".repeat(32)), 222_209),
    ];
    for (path, body, code) in table {
        seen.code(&api, path, &body, code);
    }
}

fn pictures(seen: &mut Seen) {
    let server = Server::auto();
    let api = FaceApi::of_app(&server, "app");
    let token = api.add("g", "u", &other());
    let gated = |picture: &[u8], name: &str| with(image(picture), json!({"group_id_list": "g", name: "NORMAL"}));
    let controls = [
        (gates::half_covered(), 223_113),
        (gates::masked(), 223_127),
        (gates::blindfolded(), 223_121),
        (gates::blurred(8.0), 223_114),
        (gates::times(0.1), 223_115),
        (gates::beheaded(104), 223_116),
        (gates::of_width(150), 223_118),
    ];
    for (picture, code) in controls {
        seen.code(&api, "v3/face/search", &gated(&picture, "quality_control"), code);
    }
    seen.code(&api, "v3/face/search", &gated(&gates::times(0.035), "liveness_control"), 223_120);
    seen.code(&api, "v3/face/detect", &image(&no_face()), 222_202);
    for unusable in ["GIF89a", "5", "****"] {
        let broken = json!({"image": unusable, "image_type": "BASE64"});
        seen.code(&api, "v3/face/detect", &broken, 222_203);
    }
    seen.code(&api, "v3/face/detect", &json!({"image": 5, "image_type": "BASE64"}), 222_203);
    // The stored picture was replaced by other bytes.
    let [(key, _)] = objects(server.data_dir()).try_into().expect("one picture");
    let file = server.data_dir().join("objects").join(&key[..2]).join(&key[2..]);
    fs::write(file, "something else").expect("the picture can be broken");
    seen.code(&api, "v3/face/detect", &token_image(&token), 222_302);
}

fn limits(seen: &mut Seen) {
    let server = Setup::new(&["auto"]).env("AICP_FACE_API__MAX_FACES_PER_USER", "1").start();
    let api = FaceApi::of_app(&server, "app");
    let [first, second] = pictures_of_one(2).try_into().expect("two");
    api.add("g", "u", &first);
    seen.code(&api, "v3/face/add", &face("g", "u", &second), 222_300);
}

fn engines(seen: &mut Seen) {
    let vendor = Refusing::start();
    let server = Setup::new(&["auto"])
        .env("AICP_ENGINES__KOALA__URL", format!("http://{}/", vendor.address))
        .env("AICP_ENGINES__KOALA__PATHS__SEARCH", "search")
        .start();
    let api = FaceApi::of_app(&server, "app");
    api.done("v3/group/add", &json!({"group_id": "g", "engine": "koala"}));
    let search = with(image(&other()), json!({"group_id_list": "g"}));
    seen.code(&api, "v3/face/search", &search, 222_206);
    seen.code(&api, "v3/face/add", &face("g", "u", &other()), 222_206);
    vendor.stop();
    seen.code(&api, "v3/face/search", &search, 222_201);
}

fn overload(seen: &mut Seen) {
    const CALLERS: usize = 12;
    let server = Setup::new(&["auto"]).env("AICP_VISION__WORKERS", "1").env("AICP_VISION__QUEUE", "1").start();
    let api = FaceApi::of_app(&server, "app");
    let request = json!([image(&other()), image(&other())]);
    let mut refused = Vec::new();
    wait_until("one worker has too much to do", || {
        let start = Barrier::new(CALLERS);
        let answers: Vec<Answer> = thread::scope(|scope| {
            let call = || {
                start.wait();
                api.call("v3/face/match", &request)
            };
            let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
            callers.into_iter().map(|caller| caller.join().expect("an answer")).collect()
        });
        refused = answers.into_iter().filter(|answer| answer.status != 200).collect();
        !refused.is_empty()
    });
    for answer in refused {
        seen.answer(&answer, 503, 222_901);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
}
