//! More calls than the machine takes on: each gets an answer at once, a right one or one that says to come back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::fixture::{Setup, wait_until};
use crate::http::{coded, connect, plain, read_answer};
use crate::pictures::{base64, biden, obama, obama2};

const CALLERS: usize = 16;
const CALLS: usize = 6;

#[test]
fn an_overloaded_server_says_so_and_recovers() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__WORKERS", "1").env("AICP_VISION__QUEUE", "1").start();
    let setup = json!({"groupId": "g", "dbName": "g"});
    server.admin(0).post("/aicp/face/addBase", &setup).data();
    server.admin(0).post("/aicp/face/add", &json!({"groupId": "g", "image": base64(&obama())})).data();
    let same = json!({"imageA": base64(&obama()), "imageB": base64(&obama2())});
    let different = json!({"imageA": base64(&obama()), "imageB": base64(&biden())});
    let probe = json!({"groupId": "g", "image": base64(&biden())});

    let start = Barrier::new(CALLERS);
    let answers: Vec<(usize, bool)> = thread::scope(|scope| {
        let call = |caller: usize| {
            start.wait();
            let mut counts = (0, 0);
            for call in 0..CALLS {
                let (answer, right, busy) = match (caller + call) % 4 {
                    0 => (
                        server.anonymous(0).post("/aicp/face/couple", &same),
                        r#"{"flag":true,"message":"系统处理正常","data":{"onePerson":"true","#,
                        plain("服务端报错"),
                    ),
                    1 => (
                        server.anonymous(0).post("/InteractiveAbility/face/personwitnessratio", &different),
                        r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"onePerson":"false","#,
                        coded("服务端报错"),
                    ),
                    2 => (
                        server.admin(0).post("/aicp/face/couple", &same),
                        r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"msg":"ok","#,
                        coded("服务端报错"),
                    ),
                    _ => (
                        server.admin(0).post("/aicp/face/recognition", &probe),
                        r#"{"flag":true,"resultCode":0,"message":"系统处理正常","data":{"records":[]}}"#,
                        coded("服务端报错"),
                    ),
                };
                if answer.status == 503 {
                    answer.assert(503, &busy);
                    let seconds = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
                    assert!(seconds.is_some(), "it says when to come back: {answer:?}");
                    counts.1 += 1;
                } else {
                    assert!(answer.status == 200 && answer.text().starts_with(right), "{}", answer.text());
                    counts.0 += 1;
                }
            }
            counts
        };
        let callers: Vec<_> = (0..CALLERS).map(|caller| scope.spawn(move || call(caller))).collect();
        callers
            .into_iter()
            .map(|caller| caller.join().expect("no caller failed"))
            .map(|(right, busy): (usize, usize)| (right, busy > 0))
            .collect()
    });
    assert!(answers.iter().any(|&(right, _)| right > 0), "somebody is served");
    assert!(answers.iter().any(|&(_, busy)| busy), "one worker can't serve {CALLERS} callers at once");

    // Afterwards it works as before, once work that nobody waits for any more is through.
    let recognise = || server.admin(0).post("/aicp/face/recognition", &probe);
    wait_until("it is at rest", || recognise().status == 200);
    for _ in 0..5 {
        assert_eq!(recognise().data()["records"], json!([]));
    }
}

#[test]
fn one_call_at_a_time_is_never_too_many() {
    let server = Setup::new(&["auto"]).env("AICP_VISION__WORKERS", "1").env("AICP_VISION__QUEUE", "1").start();
    let request =
        json!({"groupId": "g", "image": base64(&obama()), "imageA": base64(&obama()), "imageB": base64(&biden())});
    for _ in 0..20 {
        for path in ["/aicp/face/quality", "/aicp/face/couple"] {
            server.anonymous(0).post(path, &request).data();
        }
    }
}

#[test]
fn connections_over_the_limit_are_closed_not_left_hanging() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__MAX_CONNECTIONS", "2").start();
    let address = server.addresses()[0];
    let call = || server.anonymous(0).try_post("/aicp/face/query", &json!({"groupId": "g", "userId": "1"}));
    // A connection counts from when it is accepted until the server sees its end, so one of these may be refused for
    // another that is just over; more are opened until two are held.
    let mut held = Vec::new();
    wait_until("a third connection is refused", || {
        held.push(connect(address).expect("it listens"));
        call().is_err()
    });
    drop(held);
    wait_until("there is room again", || call().is_ok());
}

#[test]
fn bodies_that_would_take_too_much_memory_have_to_wait_or_come_back() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__BODY_MEMORY_MIB", "16").start();
    let address = server.addresses()[0];
    let body = json!({"groupId": "g", "userId": "1", "x": "A".repeat(7 << 20)}).to_string();
    let not_found = "查询人脸错误,错误信息[record not found]";
    // Two clients that have sent nearly everything hold nearly all of it.
    let (most, last) = body.as_bytes().split_at(body.len() - 1);
    let mut held: Vec<TcpStream> = (0..2)
        .map(|_| {
            let mut stream = connect(address).expect("it listens");
            let head = "POST /aicp/face/query HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n";
            write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len()).expect("it is sent");
            let mut interim = [0; 25];
            stream.read_exact(&mut interim).expect("it asks for the body");
            assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
            stream.write_all(most).expect("it is sent");
            stream
        })
        .collect();
    let small = json!({"groupId": "g", "userId": "1"});
    server.anonymous(0).post("/aicp/face/query", &small).assert(200, &plain(not_found));
    // Bytes may still be on their way to the server; once they are in, there is no room for a third.
    wait_until("there is no more room", || {
        server.anonymous(0).post_bytes("/aicp/face/query", body.as_bytes()).status == 503
    });
    for (api, busy) in [(server.anonymous(0), plain("服务端报错")), (server.admin(0), coded("服务端报错"))] {
        let answer = api.post_bytes("/aicp/face/query", body.as_bytes());
        answer.assert(503, &busy);
        assert!(answer.header("retry-after").is_some(), "it says when to come back");
    }
    for stream in &mut held {
        stream.write_all(last).expect("it is sent");
    }
    for stream in held {
        read_answer(stream, "POST").expect("an answer").assert(200, &plain(not_found));
    }
    server.anonymous(0).post_bytes("/aicp/face/query", body.as_bytes()).assert(200, &plain(not_found));
}
