//! Attacks without credentials, which authenticated callers must not notice.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::json;

use crate::fixture::{Server, Setup, TOKEN, wait_until};
use crate::http::{Answer, Api, coded};
use crate::pictures::{base64, obama};

const LIBRARIES: &str = "/aicp/face/queryBaseAll";
const DETECT: &str = "/aicp/face/detect";
const QUALITY: &str = "/aicp/face/quality";
const REGISTER: &str = "/user/register";

/// Opens a connection and sends only this.
fn begun(address: SocketAddr, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("connects");
    stream.write_all(sent.as_bytes()).expect("sent");
    stream
}

/// Returns whether the server has closed a connection.
fn is_closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("set");
    matches!(stream.read(&mut [0]), Ok(0)) || stream.take_error().is_ok_and(|e| e.is_some())
}

#[test]
fn bodies_of_one_byte_hold_up_nobody() {
    // With shares of 256 KiB, 64 bodies would exhaust the budget.
    let server = Setup::new(&["auto"])
        .env("AICP_HTTP__BODY_MEMORY_MIB", "16")
        .env("AICP_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "200")
        .start();
    let address = server.addresses()[0];
    let head = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9000\r\n\r\n");
    let slow: Vec<TcpStream> = ["/user/login", "/?Action=QueryFaceUser", "/oauth/2.0/token"]
        .into_iter()
        .cycle()
        .take(300)
        .map(|path| begun(address, &format!("{}{{", head(path))))
        .collect();
    let picture = json!({"image": base64(&obama())});
    server.admin(0).post(DETECT, &picture).data();
    server.admin(0).post(LIBRARIES, &json!({})).data();
    assert_eq!(server.anonymous(0).post(QUALITY, &picture).status, 200, "others are served, too");
    drop(slow);
}

#[test]
fn heads_half_sent_make_room_for_others() {
    let server = Setup::new(&["auto"])
        .env("AICP_HTTP__MAX_CONNECTIONS", "40")
        .env("AICP_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "40")
        .start();
    let address = server.addresses()[0];
    let body = "{}";
    let call = format!(
        "POST {LIBRARIES} HTTP/1.1\r\nHost: {address}\r\ntoken: {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut known = begun(address, &call);
    let mut answer = vec![0; 4096];
    assert!(known.read(&mut answer).expect("an answer") > 0);
    let mut halves: Vec<TcpStream> = (0..120).map(|_| begun(address, "GET /healthz HTTP/1.1\r\nHo")).collect();
    server.admin(0).post(LIBRARIES, &json!({})).data();
    assert_eq!(server.anonymous(0).send("GET", "/healthz", &[], b"").status, 200);
    wait_until("the oldest made room", || is_closed(&mut halves[0]));
    assert!(!is_closed(halves.last_mut().expect("some")), "the newest did not have to");
    // The connection with an authenticated call is still open.
    known.set_read_timeout(None).expect("set");
    known.write_all(call.as_bytes()).expect("sent");
    let length = known.read(&mut answer).expect("an answer");
    assert!(String::from_utf8_lossy(&answer[..length]).starts_with("HTTP/1.1 200"), "{length}");
    let log = server.log();
    assert_eq!(log.matches("too many connections").count(), 1, "{log}");
}

#[test]
fn a_picture_may_be_larger_for_a_known_caller() {
    let server = Server::auto();
    let mut large = RgbImage::new(6000, 4200);
    let face = image::load_from_memory(&obama()).expect("a picture").into_rgb8();
    image::imageops::overlay(&mut large, &face, 1000, 1000);
    let mut jpeg = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(large).write_to(&mut jpeg, ImageFormat::Jpeg).expect("encodes");
    let picture = json!({"image": base64(jpeg.get_ref())});
    let quality = |api: Api| api.post(QUALITY, &picture).json()["flag"].clone();
    assert_eq!((quality(server.admin(0)), quality(server.anonymous(0))), (json!(true), json!(false)));
}

fn registration(username: &str) -> serde_json::Value {
    json!({
        "username": username, "password": "a-password-like-no-other", "telephone": "1", "mail": "m", "deptId": "7",
        "image": base64(&obama()),
    })
}

#[test]
fn registration_is_for_whom_it_is_set_to_be() {
    let register = |api: &Api, name: &str| api.post(REGISTER, &registration(name));
    let closed = Setup::new(&["auto"]).env("AICP_CONSOLE__REGISTRATION", "off").start();
    for api in [closed.anonymous(0), closed.admin(0)] {
        register(&api, "u").assert(200, &coded("未开放用户注册"));
    }
    let server =
        Setup::new(&["auto"]).env("AICP_CONSOLE__REGISTRATION", "admin").env("AICP_CONSOLE__MAX_USERS", "1").start();
    let app = server.anonymous(0).with_token(&server.grant("app", &["C10000000001"]));
    for api in [server.anonymous(0), app, server.anonymous(0).with_token("nobody's")] {
        register(&api, "u").assert(200, &coded("用户注册需要管理员token"));
    }
    register(&server.admin(0), "first").data();
    register(&server.admin(0), "second").assert(200, &coded("用户数已达上限"));
}

#[test]
fn a_page_under_a_foreign_name_logs_nobody_in() {
    let server = Server::auto();
    let port = server.addresses()[0].port();
    let body = json!({"username": "u", "password": "p"}).to_string();
    let login = |host: &str| -> Answer {
        let origin = format!("http://{host}:{port}");
        let headers = [("Host", &origin[7..]), ("Origin", origin.as_str()), ("Content-Type", "application/json")];
        server.anonymous(0).send("POST", "/user/login", &headers, body.as_bytes())
    };
    login("evil.example").assert(401, &coded("token不能为空"));
    for ours in ["127.0.0.1", "localhost"] {
        login(ours).assert(200, &coded("用户名或密码错误"));
    }
}

#[test]
fn requests_that_a_proxy_could_read_otherwise_are_refused() {
    let server = Server::auto();
    let address = server.addresses()[0];
    let answer = |head: &str, body: &str| {
        let mut stream = begun(address, &format!("{head}\r\nConnection: close\r\n\r\n{body}"));
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer.get(9..12).unwrap_or_default().to_owned()
    };
    for head in [
        "GET /healthz HTTP/1.1",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b",
        "GET /healthz HTTP/1.1\r\nHost: a b",
        "GET /healthz HTTP/1.1\r\nHost: a/b",
        "GET /healthz HTTP/1.1\r\nHost: a:b:c",
        "GET /healthz HTTP/1.1\r\nHost: [::1",
        "GET /healthz HTTP/1.1\nHost: a",
        "GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\nX-B: c",
        "POST /user/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
        "POST /user/login HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ] {
        assert_eq!(answer(head, "0\r\n\r\n"), "400", "{head}");
    }
    assert_eq!(answer("GET /healthz HTTP/1.0", ""), "200");
    for host in ["a", "a.b:80", "127.0.0.1:", "[::1]:9012", ""] {
        assert_eq!(answer(&format!("GET /healthz HTTP/1.1\r\nHost: {host}"), ""), "200", "{host}");
    }
    let long = |bytes: usize| format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}", "x".repeat(bytes));
    assert_eq!(answer(&long(60 << 10), ""), "200");
    let refused = answer(&long(70 << 10), "");
    assert!(matches!(&*refused, "400" | "431"), "{refused}");
    let chunked =
        "POST /user/login HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: Chunked";
    assert_eq!(answer(chunked, "2\r\n{}\r\n0\r\n\r\n"), "200");
}

#[test]
fn what_the_data_folder_holds_is_nobody_elses() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let data = temp.path().join("data");
    fs::create_dir(&data).expect("made");
    fs::set_permissions(&data, Permissions::from_mode(0o777)).expect("set");
    let server = Setup::new(&["auto"]).data_dir(&data).start();
    let mode = |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&data), mode(&data.join("control.sock"))), (0o700, 0o600));
    assert!(server.has_logged("the data folder was open to other users of this machine; it is no more"));
}

#[test]
fn too_few_open_files_are_said_at_the_start() {
    let temp = tempfile::tempdir().expect("a temp dir");
    let serve = Setup::new(&["auto"]).command(temp.path());
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -n 500 && exec \"$0\" \"$@\""]).arg(serve.get_program()).args(serve.get_args());
    limited.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ran = limited.stdin(Stdio::null()).output().expect("runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{said}");
    assert!(said.contains("500 files") && said.contains("ulimit -n 4352"), "{said}");
}
