//! Posts.

use std::time::Duration;

use aicp_fetch::{Error, Fetcher, HeaderMap, HeaderName, HeaderValue, Limits};
use bytes::Bytes;

use crate::fake::{Fake, Then, limits};

/// Posts to a URL with the fakes' limits.
async fn post(url: &str) -> Result<u16, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-mine"), HeaderValue::from_static("yes"));
    let limits = Limits { total_time: Duration::from_millis(500), ..limits() };
    Fetcher::new(limits).expect("a fetcher").post("app", url, headers, Bytes::from_static(b"{}")).await
}

#[tokio::test]
async fn a_post_tells_the_status_and_follows_no_redirect() {
    let fake = Fake::start(|path| match path {
        "/away" => Then::redirect("/"),
        "/broken" => Then::answer("500 Oops\r\ncontent-length: 9", "not whole"),
        // The body is not read.
        "/endless" => Then::Repeat(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![0; 1024]),
        _ => Then::answer("204 No Content", ""),
    })
    .await;
    assert_eq!(post(&fake.url("/hook?a=b")).await, Ok(204));
    let head = format!(
        "POST /hook?a=b HTTP/1.1\r\nx-mine: yes\r\nhost: {}\r\nuser-agent: aicp\r\nconnection: close\r\ncontent-length: 2\r\n\r\n",
        fake.address
    );
    assert_eq!(fake.heads(), [head]);
    assert_eq!(post(&fake.url("/away")).await, Ok(302));
    assert_eq!(post(&fake.url("/broken")).await, Ok(500));
    assert_eq!(post(&fake.url("/endless")).await, Ok(200));
    assert_eq!(fake.heads().len(), 4, "nobody was asked twice");
}

#[tokio::test]
async fn a_post_is_bound_by_the_guard_and_by_time() {
    let silent = Fake::doing(Then::SendAndStay(Vec::new())).await;
    assert_eq!(post(&silent.url("/")).await, Err(Error::TimedOut));
    assert_eq!(post("http://127.0.0.2:1/").await, Err(Error::Forbidden));
    assert_eq!(post("http://10.0.0.1/").await, Err(Error::Forbidden));
    assert_eq!(post("ftp://example.com/").await, Err(Error::BadUrl));
    let strict = Fetcher::new(Limits::default()).expect("a fetcher");
    for (url, expected) in [
        (silent.url("/"), Err(Error::Forbidden)),
        ("http://[::1]/".to_owned(), Err(Error::Forbidden)),
        ("http://localhost/".to_owned(), Ok(())),
        ("http://1.1.1.1/".to_owned(), Ok(())),
        ("nothing".to_owned(), Err(Error::BadUrl)),
    ] {
        assert_eq!(strict.check(&url), expected, "{url}");
    }
    assert_eq!(silent.heads().len(), 1);
}
