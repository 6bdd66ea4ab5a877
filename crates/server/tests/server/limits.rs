//! Limits of calls per client address, also behind a proxy.

use crate::fixture::{Ran, Server, Setup, TOKEN, aicp, wait_until};
use crate::http::{Answer, send};

/// Sends a request that a proxy passes on for a client.
fn ask(server: &Server, method: &str, target: &str, lines: &[&str]) -> Answer {
    let mut headers = vec![("token", TOKEN)];
    headers.extend(lines.iter().map(|line| ("X-Forwarded-For", *line)));
    send(server.addresses()[0], method, target, &headers, b"{}").expect("an answer")
}

#[test]
fn each_interface_refuses_too_many_calls_of_an_address_in_its_own_terms() {
    let server = Setup::new(&["auto"])
        .env("AICP_HTTP__TRUSTED_PROXIES", r#"["127.0.0.0/8"]"#)
        .env("AICP_HTTP__CALLS_PER_SECOND_PER_ADDRESS", "1")
        .start();
    for (number, (method, target, status, text)) in [
        ("POST", "/aicp/face/detect", 429, "调用过于频繁"),
        ("GET", "/pages/login.html", 429, "调用过于频繁"),
        ("POST", "/oauth/2.0/token", 429, "调用过于频繁"),
        ("GET", "/api/v1/libraries", 429, "tooManyCalls"),
        ("POST", "/jdai/faceSearch", 200, "10043"),
        ("POST", "/?Action=QueryFaceUser", 400, "Throttling.User"),
        ("POST", "/v4/sns/friend_add", 200, "60011"),
    ]
    .into_iter()
    .enumerate()
    {
        let client = format!("203.0.113.{number}");
        let refused = |client: &str| {
            let answer = ask(&server, method, target, &[&format!("6.6.6.6, {client}")]);
            answer.text().contains(text).then_some(answer)
        };
        assert!(refused(&client).is_none(), "{target}: the first");
        // Two of them are within a second, however slow the machine is.
        let mut answer = None;
        wait_until("a call is refused", || {
            answer = refused(&client);
            answer.is_some()
        });
        let answer = answer.expect("refused");
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        assert_eq!(answer.header("retry-after"), (status == 429).then_some("1"), "{target}");
        assert!(refused(&format!("198.51.100.{number}")).is_none(), "{target}: another client");
    }

    let set = ["config", "set", "http.calls_per_second_per_address", "0", "--reason", "enough", "--data-dir"];
    Ran::successful(aicp(set).arg(server.data_dir()));
    for _ in 0..50 {
        assert_eq!(ask(&server, "GET", "/api/v1/libraries", &["203.0.113.200"]).status, 401, "a token of its own");
    }
}

#[test]
fn counted_proxies_tell_the_client_and_a_client_can_not_make_it_up() {
    let server = Setup::new(&["auto"]).env("AICP_HTTP__PROXY_HOPS", "2").start();
    server.grant("shop", &["C10000000001"]);
    let bearer = format!("Bearer {TOKEN}");
    let ask = |method: &str, path: &str, lines: &[&str], body: &[u8]| {
        let mut headers = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        headers.extend(lines.iter().map(|line| ("X-Forwarded-For", *line)));
        let answer = send(server.addresses()[0], method, path, &headers, body).expect("an answer");
        assert!(answer.status < 300, "{}", answer.text());
        answer
    };
    for (lines, client) in [
        (&["6.6.6.6, 203.0.113.7:4711", "10.0.0.9"][..], "203.0.113.7"),
        (&["6.6.6.6", "[2001:db8::7]:443, 10.0.0.9"], "2001:db8::7"),
        (&["203.0.113.7"], "127.0.0.1"),
        (&["203.0.113.8, unknown, 10.0.0.9"], "127.0.0.1"),
        (&[], "127.0.0.1"),
    ] {
        ask("PUT", "/api/v1/apps/shop/quota", lines, br#"{"callsPerDay": 5}"#);
        let log = ask("GET", "/api/v1/audit?action=app.quota", &[], b"").json();
        assert_eq!(log["items"][0]["address"], client, "{lines:?}: {log}");
    }
}
