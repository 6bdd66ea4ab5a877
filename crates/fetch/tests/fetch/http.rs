//! Fetches over http.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aicp_fetch::{Error, Fetcher, Limits};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Barrier;

use crate::fake::{Fake, Then, limits};

fn fetcher(limits: Limits) -> Fetcher {
    Fetcher::new(limits).expect("a fetcher")
}

/// Fetches a URL with the fakes' limits.
async fn fetch(url: &str) -> Result<Bytes, Error> {
    fetcher(limits()).fetch("app", url).await
}

/// Listens at an address that the fakes' limits don't allow.
fn bystander() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.2:0").expect("a port");
    listener.set_nonblocking(true).expect("a listener");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    (listener, url)
}

/// Returns whether no connection was ever made.
fn is_untouched(listener: &TcpListener) -> bool {
    listener.accept().is_err_and(|e| e.kind() == ErrorKind::WouldBlock)
}

#[tokio::test]
async fn asks_plainly_and_gives_the_bytes() {
    let fake = Fake::doing(Then::well([0, 255, 1])).await;
    let url = fake.url("/a%20b/c.jpg?Expires=1&Signature=x%2By#part");
    assert_eq!(fetch(&url).await, Ok(Bytes::from_static(&[0, 255, 1])));
    let head = format!(
        "GET /a%20b/c.jpg?Expires=1&Signature=x%2By HTTP/1.1\r\nhost: {}\r\naccept: image/*\r\nuser-agent: aicp\r\n\r\n",
        fake.address
    );
    assert_eq!(fake.heads(), [head]);
}

#[tokio::test]
async fn addresses_inside_are_refused_however_they_are_written() {
    let fetcher = fetcher(Limits::default());
    for host in [
        "localhost",
        "LOCALHOST",
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7F.1",
        "0177.0.0.1",
        "017700000001",
        "0",
        "0.0.0.0",
        "%31%32%37.0.0.1",
        "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
        "127\u{3002}0\u{3002}0\u{3002}1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "2852039166",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::1.1.1.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::127.0.0.1]",
        "[64:ff9b::a00:1]",
        "[64:ff9b:1::1.1.1.1]",
        "[100::1]",
        "[2001::1]",
        "[2001:2::1]",
        "[2001:10::1]",
        "[2001:20::1]",
        "[2001:db8::1]",
        "[2002:7f00:1::]",
        "[2002:101:101::]",
        "[3fff::1]",
        "[4000::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
    ] {
        for scheme in ["http", "https"] {
            let fetched = fetcher.fetch("app", &format!("{scheme}://{host}/latest/meta-data/")).await;
            assert_eq!(fetched, Err(Error::Forbidden), "{scheme}://{host}/");
        }
    }
}

#[tokio::test]
async fn refused_addresses_see_no_connection() {
    let (listener, url) = bystander();
    assert_eq!(fetch(&url).await, Err(Error::Forbidden));
    assert!(is_untouched(&listener));
}

#[tokio::test]
async fn allowed_networks_are_reached_however_they_are_written() {
    let fake = Fake::doing(Then::well("here")).await;
    for host in ["127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"] {
        let url = format!("http://{host}:{}/", fake.address.port());
        assert_eq!(fetch(&url).await, Ok(Bytes::from("here")), "{host}");
    }
    let both = ["127.0.0.0/8", "::1"].map(|network| network.parse().expect("a range"));
    let fetcher = fetcher(Limits { allowed_networks: both.to_vec(), ..Limits::default() });
    let url = format!("http://localhost:{}/", fake.address.port());
    assert_eq!(fetcher.fetch("app", &url).await, Ok(Bytes::from("here")));
}

#[tokio::test]
async fn what_is_no_address_to_fetch_is_refused() {
    let long = format!("http://127.0.0.1/{}", "a".repeat(9000));
    for url in [
        "",
        "/picture.jpg",
        "//127.0.0.1/",
        "127.0.0.1",
        "http://",
        "http:///",
        "http://:80/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:x/",
        "http://256.0.0.1/",
        "http://1.2.3.4.5/",
        "http://[::1/",
        "http://[fe80::1%25eth0]/",
        "http://exa mple.com/",
        "http://user@127.0.0.1/",
        "http://:word@127.0.0.1/",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:80@127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "data:image/png;base64,AA==",
        "javascript:0",
        "ws://127.0.0.1/",
        &long,
    ] {
        assert_eq!(fetch(url).await, Err(Error::BadUrl), "{url}");
    }
}

#[tokio::test]
async fn redirects_are_followed_without_telling_where_from() {
    for status in [301, 302, 303, 307, 308] {
        let fake = Fake::start(move |path| match path {
            "/a/one?secret" => {
                Then::answer(&format!("{status} Go\r\nset-cookie: secret=1\r\ncontent-length: 0\r\nlocation: two"), "")
            }
            "/a/two" => Then::well("picture"),
            path => panic!("{path}"),
        })
        .await;
        assert_eq!(fetch(&fake.url("/a/one?secret")).await, Ok(Bytes::from("picture")), "{status}");
        let heads = fake.heads();
        let [_, second] = heads.as_slice() else { panic!("{heads:?}") };
        assert!(!second.contains("secret"), "{second}");
    }
}

#[tokio::test]
async fn as_many_redirects_are_followed_as_may_be() {
    let fake = Fake::start(|path| match path.trim_start_matches('/').parse::<u32>() {
        Ok(0) => Then::well("picture"),
        Ok(left) => Then::redirect(&format!("/{}", left - 1)),
        Err(_) => Then::redirect(path),
    })
    .await;
    for (max_redirects, path, outcome, requests) in [
        (3, "/3", Ok(Bytes::from("picture")), 4),
        (3, "/4", Err(Error::TooManyRedirects), 4),
        (0, "/0", Ok(Bytes::from("picture")), 1),
        (0, "/1", Err(Error::TooManyRedirects), 1),
        (3, "/loop", Err(Error::TooManyRedirects), 4),
    ] {
        let before = fake.heads().len();
        let fetcher = fetcher(Limits { max_redirects, ..limits() });
        assert_eq!(fetcher.fetch("app", &fake.url(path)).await, outcome, "{path}");
        assert_eq!(fake.heads().len() - before, requests, "{path}");
    }
}

#[tokio::test]
async fn a_redirect_to_the_inside_is_refused_before_anything_connects() {
    let (listener, inside) = bystander();
    let authority = inside.trim_start_matches("http:").to_owned();
    for (location, error) in [
        (inside.clone(), Error::Forbidden),
        (authority, Error::Forbidden),
        ("http://169.254.169.254/latest/meta-data/".into(), Error::Forbidden),
        ("http://[::1]/".into(), Error::Forbidden),
        ("http://2130706434/".into(), Error::Forbidden),
        (inside.replace("//", "//user@"), Error::BadUrl),
        ("file:///etc/passwd".into(), Error::BadUrl),
        ("gopher://127.0.0.1/".into(), Error::BadUrl),
        ("http://".into(), Error::BadUrl),
        (format!("/{}", "a".repeat(9000)), Error::BadUrl),
        ("\u{e9}".into(), Error::TooManyRedirects),
    ] {
        let fake = Fake::doing(Then::redirect(&location)).await;
        assert_eq!(fetch(&fake.url("/")).await, Err(error), "{location}");
    }
    assert!(is_untouched(&listener));
}

#[tokio::test]
async fn every_other_status_is_told() {
    let fake = Fake::start(|path| {
        let status = path.trim_start_matches('/');
        Then::answer(&format!("{status} Word\r\ncontent-length: 4"), "body")
    })
    .await;
    for status in [201, 202, 203, 204, 206, 300, 301, 302, 304, 305, 307, 400, 401, 403, 404, 407, 410, 500, 503, 599] {
        assert_eq!(fetch(&fake.url(&format!("/{status}"))).await, Err(Error::Status(status)));
    }
}

#[tokio::test]
async fn bodies_are_taken_up_to_the_limit() {
    fn chunked(body: &str) -> String {
        let chunks = body.as_bytes().iter().map(|byte| format!("1\r\n{}\r\n", char::from(*byte)));
        format!("{}0\r\n\r\n", chunks.collect::<String>())
    }
    for (name, then) in [
        ("declared", Then::well as fn(String) -> Then),
        ("chunked", |body| Then::answer("200 OK\r\ntransfer-encoding: chunked", chunked(&body))),
        ("until closed", |body| Then::answer("200 OK", body)),
    ] {
        for (length, fits) in [(0, true), (1, true), (99, true), (100, true), (101, false), (5000, false)] {
            let body = "x".repeat(length);
            let fake = Fake::doing(then(body.clone())).await;
            let fetched = fetcher(Limits { max_bytes: 100, ..limits() }).fetch("app", &fake.url("/")).await;
            let expected = if fits { Ok(Bytes::from(body)) } else { Err(Error::TooLarge) };
            assert_eq!(fetched, expected, "{name}, {length}");
        }
    }
}

#[tokio::test]
async fn bodies_without_end_are_cut() {
    let filler = vec![b'x'; 1 << 16];
    let chunk = [b"10000\r\n", filler.as_slice(), b"\r\n"].concat();
    for (name, then) in [
        // The body is never sent: the head is enough to refuse.
        ("declared", Then::SendAndStay(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n".into())),
        ("chunked", Then::Repeat(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".into(), chunk)),
        ("until closed", Then::Repeat(b"HTTP/1.1 200 OK\r\n\r\n".into(), filler)),
    ] {
        let fake = Fake::doing(then).await;
        let fetched = fetcher(Limits { max_bytes: 1 << 20, ..limits() }).fetch("app", &fake.url("/")).await;
        assert_eq!(fetched, Err(Error::TooLarge), "{name}");
    }
}

#[tokio::test]
async fn heads_are_taken_up_to_a_length() {
    for (length, fits) in [(20_000, true), (200_000, false)] {
        let fake = Fake::doing(Then::answer(&format!("200 OK\r\nx-filler: {}", "x".repeat(length)), "picture")).await;
        assert_eq!(fetch(&fake.url("/")).await.is_ok(), fits, "{length}");
    }
}

#[tokio::test]
async fn bodies_are_given_as_they_were_sent() {
    // A client that undoes compression would change these bytes.
    let squeezed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let head = format!("200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}", squeezed.len());
    let fake = Fake::doing(Then::answer(&head, squeezed)).await;
    assert_eq!(fetch(&fake.url("/")).await, Ok(Bytes::copy_from_slice(&squeezed)));
}

#[tokio::test]
async fn what_is_not_an_answer_fails() {
    for (name, then) in [
        ("nothing", Then::Send(Vec::new())),
        ("another protocol", Then::Send(b"SSH-2.0-secret\r\n".into())),
        ("no status", Then::Send(b"HTTP/1.1 secret\r\n\r\n".into())),
        ("a head that is cut", Then::Send(b"HTTP/1.1 200 OK\r\nx-secret".into())),
        ("a bad header", Then::Send(b"HTTP/1.1 200 OK\r\nsecret\0: a\r\n\r\n".into())),
        ("a body that is cut", Then::answer("200 OK\r\ncontent-length: 7", "secret")),
        ("a bad chunk", Then::answer("200 OK\r\ntransfer-encoding: chunked", "secret\r\n")),
        ("chunks that are cut", Then::answer("200 OK\r\ntransfer-encoding: chunked", "6\r\nsecret\r\n")),
        ("two lengths", Then::answer("200 OK\r\ncontent-length: 1\r\ncontent-length: 2", "ab")),
        ("a length below nothing", Then::answer("200 OK\r\ncontent-length: -1", "ab")),
        ("a head without end", Then::Repeat(b"HTTP/1.1 200 OK\r\n".into(), b"x-secret: y\r\n".into())),
        ("a header without end", Then::Repeat(b"HTTP/1.1 200 OK\r\nx-secret: ".into(), vec![b'x'; 1 << 16])),
        ("a chunk's head without end", {
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;".into();
            Then::Repeat(head, vec![b'x'; 1 << 16])
        }),
    ] {
        let fake = Fake::doing(then).await;
        match fetch(&fake.url("/?secret")).await {
            Err(e @ Error::Failed(_)) => assert!(!format!("{e} {e:?}").contains("secret"), "{name}: {e:?}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn nobody_there_fails_and_no_error_tells_the_address() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let fake = Fake::start(|path| match path.split('?').next() {
        Some("/gone") => Then::answer("404 Not Found", ""),
        Some("/large") => Then::well(vec![0; 200]),
        Some("/away") => Then::redirect("http://secret.internal@127.0.0.1/?secret"),
        Some("/inside") => Then::redirect("http://10.0.0.1/secret?secret"),
        _ => Then::redirect(path),
    })
    .await;
    let fetcher = fetcher(Limits { max_bytes: 100, ..limits() });
    for (url, error) in [
        (format!("http://{free}/secret?secret"), Error::Failed("connection refused".into())),
        (fake.url("/gone?secret"), Error::Status(404)),
        (fake.url("/large?secret"), Error::TooLarge),
        (fake.url("/away?secret"), Error::BadUrl),
        (fake.url("/inside?secret"), Error::Forbidden),
        (fake.url("/loop?secret"), Error::TooManyRedirects),
        ("http://secret:secret@127.0.0.1/".into(), Error::BadUrl),
        ("http://10.0.0.1/?secret".into(), Error::Forbidden),
    ] {
        let found = fetcher.fetch("app", &url).await.expect_err("an error");
        assert_eq!(found, error, "{url}");
        assert!(!format!("{found} {found:?}").contains("secret"), "{found:?}");
    }
}

#[tokio::test]
async fn servers_that_take_their_time_run_out_of_it() {
    let head = b"HTTP/1.1 200 OK\r\n";
    let body = b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let chunks = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for (name, then) in [
        ("nothing", Then::SendAndStay(Vec::new())),
        ("half a head", Then::SendAndStay(head.into())),
        ("half a body", Then::SendAndStay([body.as_slice(), b"abc"].concat())),
        ("a head in crumbs", Then::Trickle(head.into(), b"x".into())),
        ("headers in crumbs", Then::Trickle(head.into(), b"a: b\r\n".into())),
        ("a body in crumbs", Then::Trickle(body.into(), b"x".into())),
        ("chunks in crumbs", Then::Trickle(chunks.into(), b"1\r\nx\r\n".into())),
        ("answers before the answer", Then::Trickle(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".into())),
        ("answers before the answer, in haste", Then::Repeat(Vec::new(), b"HTTP/1.1 103 Early Hints\r\n\r\n".into())),
    ] {
        let fake = Fake::doing(then).await;
        let fetcher = fetcher(Limits { total_time: Duration::from_millis(200), ..limits() });
        assert_eq!(fetcher.fetch("app", &fake.url("/")).await, Err(Error::TimedOut), "{name}");
    }
}

#[tokio::test]
async fn a_connection_that_nobody_accepts_and_slow_redirects_run_out_of_time() {
    let fetcher = fetcher(Limits { total_time: Duration::from_millis(200), max_redirects: usize::MAX, ..limits() });
    // The system accepts the connection, but no one reads it.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{}/", silent.local_addr().expect("an address"));
        assert_eq!(fetcher.fetch("app", &url).await, Err(Error::TimedOut), "{scheme}");
    }
    // Each redirect is quick; all of them together are not.
    let fake = Fake::doing(Then::redirect("/")).await;
    assert_eq!(fetcher.fetch("app", &fake.url("/")).await, Err(Error::TimedOut));
}

#[tokio::test]
async fn no_more_than_so_many_are_under_way_and_the_others_wait() {
    const AT_ONCE: usize = 2;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (Arc::clone(&now), Arc::clone(&most));
    tokio::spawn(async move {
        // Answers in pairs, so fetches one at a time would never be answered.
        let pair = Arc::new(Barrier::new(AT_ONCE));
        while let Ok((mut stream, _)) = listener.accept().await {
            peak.fetch_max(counted.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let (pair, counted) = (Arc::clone(&pair), Arc::clone(&counted));
            tokio::spawn(async move {
                let mut head = [0; 1024];
                let _ = stream.read(&mut head).await;
                pair.wait().await;
                counted.fetch_sub(1, Ordering::SeqCst);
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
            });
        }
    });
    let fetcher = fetcher(Limits { at_once: AT_ONCE, ..limits() });
    let mut fetches = tokio::task::JoinSet::new();
    for owner in 0..10 {
        let (fetcher, url) = (fetcher.clone(), url.clone());
        // The bytes hold their slot until they are dropped.
        fetches.spawn(async move { fetcher.fetch(&owner.to_string(), &url).await.map(|bytes| bytes.to_vec()) });
    }
    for fetched in fetches.join_all().await {
        assert_eq!(fetched, Ok(b"ok".to_vec()));
    }
    assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
}

#[tokio::test]
async fn what_was_fetched_keeps_its_place_until_it_is_dropped() {
    let fake = Fake::doing(Then::well("picture")).await;
    let fetcher = fetcher(Limits { at_once: 1, total_time: Duration::from_millis(400), ..limits() });
    let fetched = loop {
        // On a busy machine the time limit may be too short.
        if let Ok(fetched) = fetcher.fetch("app", &fake.url("/")).await {
            break fetched;
        }
    };
    let copy = fetched.clone();
    drop(fetched);
    assert_eq!(fetcher.fetch("another", &fake.url("/")).await, Err(Error::Busy));
    drop(copy);
    assert_ne!(fetcher.fetch("another", &fake.url("/")).await, Err(Error::Busy));
}

#[tokio::test]
async fn a_fetch_that_is_given_up_gives_its_place_back() {
    let fake = Fake::start(|path| match path {
        "/slow" => Then::SendAndStay(Vec::new()),
        _ => Then::well("picture"),
    })
    .await;
    let patient = Limits { at_once: 1, ..limits() };
    let fetcher = fetcher(patient);
    let (slow, quick) = (fake.url("/slow"), fake.url("/quick"));
    // The first fetch holds the slot; the second waits until the first is dropped.
    let slow = tokio::spawn({
        let fetcher = fetcher.clone();
        async move { fetcher.fetch("app", &slow).await }
    });
    while fake.heads().is_empty() {
        tokio::task::yield_now().await;
    }
    slow.abort();
    assert_eq!(fetcher.fetch("app", &quick).await, Ok(Bytes::from("picture")));
}

#[tokio::test]
async fn silent_addresses_of_one_owner_hold_up_nobody_else() {
    const AT_ONCE: usize = 8;
    let fake = Fake::start(|path| match path {
        "/silent" => Then::SendAndStay(Vec::new()),
        _ => Then::well("picture"),
    })
    .await;
    let fetcher = fetcher(Limits { at_once: AT_ONCE, total_time: Duration::from_secs(4), ..limits() });
    let mut silent = tokio::task::JoinSet::new();
    for _ in 0..2 * AT_ONCE {
        let (fetcher, url) = (fetcher.clone(), fake.url("/silent"));
        silent.spawn(async move { fetcher.fetch("rude", &url).await });
    }
    while fake.heads().len() < AT_ONCE / 4 {
        tokio::task::yield_now().await;
    }
    assert_eq!(fetcher.fetch("polite", &fake.url("/")).await, Ok(Bytes::from("picture")));
    let ends = silent.join_all().await;
    let count = |error: Error| ends.iter().filter(|end| **end == Err(error.clone())).count();
    // Fetches without a slot fail as busy, not as timed out.
    assert_eq!((count(Error::TimedOut), count(Error::Busy)), (AT_ONCE / 4, 2 * AT_ONCE - AT_ONCE / 4));
}

#[test]
fn limits_that_let_nothing_through_are_refused() {
    let good = Limits::default();
    for limits in [
        Limits { max_bytes: 0, ..good.clone() },
        Limits { total_time: Duration::ZERO, ..good.clone() },
        Limits { total_time: Duration::MAX, ..good.clone() },
        Limits { at_once: 0, ..good.clone() },
        Limits { extra_roots: vec![b"no certificate".to_vec()], ..good.clone() },
        Limits { extra_roots: vec![Vec::new()], ..good.clone() },
        Limits { extra_roots: vec![b"-----BEGIN CERTIFICATE-----\nAA\n".to_vec()], ..good.clone() },
        Limits { extra_roots: vec![b"-----BEGIN OTHER-----\nAAAA\n-----END OTHER-----\n".to_vec()], ..good.clone() },
    ] {
        match Fetcher::new(limits.clone()) {
            Err(Error::Settings(_)) => {}
            Err(e) => panic!("{limits:?}: {e:?}"),
            Ok(_) => panic!("{limits:?}"),
        }
    }
    assert!(Fetcher::new(Limits { at_once: usize::MAX, max_bytes: usize::MAX, ..good }).is_ok());
}
