//! Bodies and connections of real clients.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp};
use crate::http::{Answer, connect, send};
use crate::pictures::{base64, obama};

fn post(server: &Server, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let with_token: Vec<(&str, &str)> = headers.iter().copied().chain([("token", TOKEN)]).collect();
    send(server.addresses()[0], "POST", target, &with_token, body).expect("an answer")
}

fn names(server: &Server) -> Vec<String> {
    let records = server.admin(0).post("/aicp/face/queryBaseAll", &json!({})).data()["records"].clone();
    records.as_array().expect("a list").iter().map(|r| r["dbName"].as_str().expect("a text").to_owned()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn bodies_are_unpacked_and_read_in_their_charset() {
    const JSON: (&str, &str) = ("Content-Type", "application/json");
    let server = Server::auto();
    let body = |n: u32, name: &str| json!({"groupId": format!("g{n}"), "dbName": name}).to_string().into_bytes();
    let zlib = |bytes: &[u8]| {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    let deflate = |bytes: &[u8]| {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    };
    // 员工 in GBK, which is a subset of GB 18030.
    let gbk = [&br#"{"groupId":"g4","dbName":""#[..], &[0xd4, 0xb1, 0xb9, 0xa4], br#""}"#].concat();
    let calls = [
        (vec![JSON, ("Content-Encoding", "gzip")], gzip(&body(0, "gzip")), "gzip"),
        (vec![JSON, ("Content-Encoding", "deflate")], zlib(&body(1, "zlib")), "zlib"),
        (vec![JSON, ("Content-Encoding", "deflate")], deflate(&body(2, "raw")), "raw"),
        (vec![JSON], [&b"\xef\xbb\xbf"[..], &body(3, "mark")].concat(), "mark"),
        (vec![("Content-Type", "application/json; charset=GBK")], gbk.clone(), "员工"),
        (
            vec![("Content-Type", "application/json;charset=\"gb18030\"")],
            String::from_utf8_lossy(&body(5, "plain")).into_owned().into_bytes(),
            "plain",
        ),
        (
            vec![("Content-Type", "application/json; charset=gb2312"), ("Content-Encoding", "gzip")],
            gzip(&[&br#"{"groupId":"g6","dbName":""#[..], &[0xd4, 0xb1], br#""}"#].concat()),
            "员",
        ),
    ];
    for (headers, body, name) in calls {
        let answer = post(&server, "/aicp/face/addBase", &headers, &body);
        assert_eq!(answer.data()["dbName"], name, "{}", answer.text());
    }
    assert_eq!(names(&server).len(), 7);
    // Bodies that do not match their headers are malformed and have no effect. A long one is read to its end; otherwise
    // the client would see a broken connection instead of the answer.
    let whole = gzip(&body(7, "cut"));
    for (headers, body) in [
        (vec![JSON, ("Content-Encoding", "gzip")], vec![b'x'; 4 << 20]),
        (vec![JSON, ("Content-Encoding", "gzip")], whole[..whole.len() / 2].to_vec()),
        (vec![JSON, ("Content-Encoding", "gzip")], body(7, "not packed")),
        (
            vec![("Content-Type", "application/json; charset=gbk")],
            [&gbk[..gbk.len() - 5], &[0xff, 0xff], b"\"}"].concat(),
        ),
    ] {
        let answer = post(&server, "/aicp/face/addBase", &headers, &body);
        assert_eq!(answer.json()["flag"], false, "{}", answer.text());
    }
    // The limit applies to the unpacked size: 64 MiB of spaces in 64 KiB.
    let bomb = gzip(&vec![b' '; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let answer = post(&server, "/aicp/face/addBase", &[JSON, ("Content-Encoding", "gzip")], &bomb);
    assert_eq!(answer.status, 413, "{}", answer.text());
    assert_eq!(names(&server).len(), 7);
}

#[test]
fn section_9_takes_forms_and_addresses_with_two_question_marks() {
    const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
    let server = Server::auto();
    let call = |target: &str, headers: &[(&str, &str)], body: &[u8]| -> Value {
        let answer = send(server.addresses()[0], "POST", target, headers, body).expect("an answer");
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let address = |path: &str| format!("/face-api/v3/{path}?aipSdk=php?access_token={TOKEN}");
    let made = call(&address("group/add"), &[FORM], br#"{"group_id":"as_json"}"#);
    assert_eq!(made["error_code"], 0, "{made}");
    let made = call(&address("group/add"), &[FORM], b"group_id=as%5Fform");
    assert_eq!(made["error_code"], 0, "{made}");
    let listed = call(&address("group/list"), &[("Content-Type", "application/json")], b"[]");
    assert_eq!(listed["result"]["group_id_list"], json!(["as_json", "as_form"]), "{listed}");
    let picture = base64(&obama());
    let escaped = picture.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    for image in [escaped, picture.replace('+', "-").replace('/', "_")] {
        let form = format!("image={image}&image_type=BASE64&max_face_num=1");
        let found = call(&address("face/detect"), &[FORM], form.as_bytes());
        assert_eq!(found["result"]["face_num"], 1, "{found}");
    }
}

#[test]
fn a_kept_connection_is_closed_when_no_request_comes() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__IDLE_SECONDS", "1").start();
    for requests in 1..3 {
        let mut stream = connect(server.addresses()[0]).expect("connected");
        for _ in 0..requests {
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").expect("sent");
            let mut answer = Vec::new();
            while !answer.ends_with(b"ok\n") {
                let mut byte = [0];
                assert_eq!(stream.read(&mut byte).expect("an answer"), 1);
                answer.push(byte[0]);
            }
            assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        }
        // The client sees the end of the connection without an answer.
        match stream.read(&mut [0]) {
            Ok(length) => assert_eq!(length, 0),
            Err(e) => assert_eq!(e.kind(), ErrorKind::ConnectionReset),
        }
    }
}

#[test]
fn an_import_reads_regular_files_alone_and_a_name_in_either_form_as_one() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let (dir, data_dir) = (temp.path().join("people"), temp.path().join("data"));
    // The same name, with a combining accent and with a precomposed letter.
    for (name, suffix) in [("Rene\u{301}", "a"), ("Ren\u{e9}", "b")] {
        fs::create_dir_all(dir.join(name)).expect("made");
        let picture = crate::pictures::with_comment(&obama(), suffix);
        fs::write(dir.join(name).join(format!("{suffix}.jpg")), picture).expect("written");
    }
    let odd = dir.join("odd");
    fs::create_dir_all(&odd).expect("made");
    assert!(std::process::Command::new("mkfifo").arg(odd.join("pipe.jpg")).status().expect("runs").success());
    std::os::unix::fs::symlink("/dev/zero", odd.join("zero.jpg")).expect("linked");
    let large = fs::File::create(odd.join("large.jpg")).expect("made");
    large.set_len(1 << 40).expect("sparse");
    fs::write(odd.join(std::ffi::OsStr::from_bytes(b"\xff\xfe.jpg")), b"no picture").expect("written");
    fs::create_dir_all(dir.join(std::ffi::OsStr::from_bytes(b"caf\xe9"))).expect("made");
    let mut command = aicp(["import", "--library", "staff", "--json", "--data-dir"]);
    command.arg(&data_dir).arg(&dir).env("AICP_ADMIN_TOKEN", TOKEN);
    let report = Ran::successful(&mut command).json();
    assert_eq!((&report["people"], &report["faces"]), (&json!(1), &json!(2)), "{report}");
    let rejects: Vec<&str> =
        report["rejects"].as_array().expect("a list").iter().map(|r| r["path"].as_str().expect("a text")).collect();
    let expected = ["caf\u{fffd}", "odd/large.jpg", "odd/pipe.jpg", "odd/zero.jpg", "odd/\u{fffd}\u{fffd}.jpg"];
    for name in expected {
        assert!(rejects.iter().any(|path| path.ends_with(name)), "{name} in {rejects:?}");
    }
    assert_eq!(rejects.len(), expected.len());
}
