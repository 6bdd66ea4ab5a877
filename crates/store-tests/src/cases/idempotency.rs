//! Requests with idempotency keys.

use aicp_store::KeyedRequest;
use aicp_types::UnixMillis;

use crate::Harness;
use crate::fixture::Fixture;

pub async fn a_key_is_claimed_once_and_keeps_the_answer(harness: Box<dyn Harness>) {
    let f = Fixture::new(harness).await;
    let claim = async |app: &str, key: &str, request: &[u8], at| {
        f.store.claim_key(app, key, request, at).await.expect("claimed")
    };
    let known =
        |answer: Option<&[u8]>| Some(KeyedRequest { request: b"r".to_vec(), answer: answer.map(<[u8]>::to_vec) });
    assert_eq!(claim("app", "k", b"r", 10).await, None);
    assert_eq!(claim("app", "k", b"other", 11).await, known(None), "of the first request");
    assert_eq!(claim("second", "k", b"s", 12).await, None, "each app has its own keys");
    f.store.finish_key("app", "k", Some(b"answer".to_vec())).await.expect("finished");
    assert_eq!(claim("app", "k", b"r", 13).await, known(Some(b"answer")));
    f.store.finish_key("second", "k", None).await.expect("finished");
    assert_eq!(claim("second", "k", b"t", 14).await, None, "what failed may be repeated");

    f.store.forget_idempotency_keys(UnixMillis::new(10), 9).await.expect("forgotten");
    assert_eq!(claim("app", "k", b"r", 15).await, known(Some(b"answer")));
    f.store.forget_idempotency_keys(UnixMillis::new(11), 9).await.expect("forgotten");
    assert_eq!(claim("app", "k", b"r", 16).await, None);
}
