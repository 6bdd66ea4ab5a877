//! Overload: each call gets a correct answer, or one that asks to retry, without delay.

use std::io::Write;
use std::sync::Barrier;
use std::thread;

use serde_json::json;

use crate::fixture::{Setup, TOKEN, wait_until};
use crate::http::{coded, connect, plain};
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

    // Afterwards it works as before, once abandoned jobs are finished.
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
    let server = Setup::new(&["auto"])
        .env("AICP_HTTP__MAX_CONNECTIONS", "2")
        .env("AICP_HTTP__MAX_CONNECTIONS_PER_ADDRESS", "2")
        .start();
    let address = server.addresses()[0];
    let call = || server.anonymous(0).try_post("/aicp/face/query", &json!({"groupId": "g", "userId": "1"}));
    // Connections with an authenticated call are not evicted. A connection counts until the server sees its end, so one
    // of these may be refused because of another that has just ended. More are opened until two are held.
    let mut held = Vec::new();
    wait_until("a third connection is refused", || {
        let mut call_under_way = connect(address).expect("it listens");
        let head = format!(
            "POST /method/call HTTP/1.1\r\nHost: a\r\ntoken: {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{"
        );
        let _ = call_under_way.write_all(head.as_bytes());
        held.push(call_under_way);
        call().is_err()
    });
    drop(held);
    wait_until("there is room again", || call().is_ok());
}
