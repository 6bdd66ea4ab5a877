use super::*;
use axum::http::{HeaderMap, HeaderValue, Request};
use futures_util::{StreamExt, stream};
use std::convert::Infallible;

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// Creates the body of an authenticated caller.
fn of_known(headers: HeaderMap, body: Body) -> UnreadBody {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers = headers;
    let mut body = UnreadBody::new(&parts, body);
    body.mark_authenticated();
    body
}

/// Creates a body of this many bytes, which then ends or stays open for ever.
fn body(bytes: usize, ends: bool) -> UnreadBody {
    let pieces = (0..bytes / KIB).map(|_| Ok::<_, Infallible>(Bytes::from_static(&[b'x'; KIB])));
    let rest = if ends { stream::empty().boxed() } else { stream::pending().boxed() };
    of_known(HeaderMap::new(), Body::from_stream(stream::iter(pieces).chain(rest)))
}

/// Makes the body that of an unauthenticated caller at an address.
fn of_unknown(address: [u8; 4], body: UnreadBody) -> UnreadBody {
    UnreadBody { client: Some(IpAddr::from(address)), is_authenticated_caller: false, ..body }
}

#[tokio::test(start_paused = true)]
async fn a_known_caller_has_room_whatever_the_unknown_hold() {
    let budget = BodyBudget::new(8 * MIB);
    let mut held = Vec::new();
    // One address gets at most a quarter, all addresses together half.
    for address in [[192, 0, 2, 1], [192, 0, 2, 2]] {
        let mut first = of_unknown(address, body(2 * MIB, true));
        held.push(budget.read(&mut first, 8 * MIB).await.map_err(drop).expect("there is room"));
        let mut more = of_unknown(address, body(KIB, true));
        assert_eq!(budget.read(&mut more, 8 * MIB).await.err(), Some(BodyError::Busy));
    }
    let mut third = of_unknown([192, 0, 2, 3], body(KIB, true));
    assert_eq!(budget.read(&mut third, 8 * MIB).await.err(), Some(BodyError::Busy));
    assert!(budget.read(&mut body(4 * MIB, true), 8 * MIB).await.is_ok());
    drop(held);
    let mut again = of_unknown([192, 0, 2, 1], body(2 * MIB, true));
    assert!(budget.read(&mut again, 8 * MIB).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_body_holds_what_has_come_and_not_for_long() {
    let budget = BodyBudget::new(16 * MIB);
    let slow = (0..1500).map(|_| {
        let budget = budget.clone();
        tokio::spawn(async move {
            let mut slow = of_unknown([192, 0, 2, 1], body(KIB, false));
            let begun = Instant::now();
            (budget.read(&mut slow, MIB).await.err(), begun.elapsed().as_secs())
        })
    });
    let slow: Vec<_> = slow.collect();
    tokio::task::yield_now().await;
    let mut other = of_unknown([192, 0, 2, 2], body(2 * MIB, true));
    assert!(budget.read(&mut other, 8 * MIB).await.is_ok(), "as much as was sent is held, no more");
    for slow in slow {
        // Those that started after their address had used up its part were refused earlier.
        let (error, seconds) = slow.await.expect("joined");
        assert!(error == Some(BodyError::Broken) && seconds == 6 || error == Some(BodyError::Busy), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_others_hold_is_waited_for_and_then_given_up() {
    let budget = BodyBudget::new(4 * MIB);
    let first = budget.read(&mut body(3 * MIB, true), 8 * MIB).await.map_err(drop).expect("there is room");
    assert_eq!(first.bytes.len(), 3 * MIB);
    assert!(budget.read(&mut body(MIB, true), 8 * MIB).await.is_ok());
    assert_eq!(budget.read(&mut body(2 * MIB, true), 8 * MIB).await.err(), Some(BodyError::Busy));
    drop(first);
    assert!(budget.read(&mut body(4 * MIB, true), 8 * MIB).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_only_announced_holds_nothing() {
    let budget = BodyBudget::new(4 * MIB);
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("4194304"));
    let open = Body::from_stream(stream::pending::<Result<Bytes, Infallible>>());
    let mut announced = of_known(headers, open);
    let mut sent = body(4 * MIB, true);
    let (never, other) = tokio::join!(budget.read(&mut announced, 8 * MIB), budget.read(&mut sent, 8 * MIB));
    assert!(other.is_ok());
    assert_eq!(never.err(), Some(BodyError::Broken), "it took too long");
}

#[tokio::test(start_paused = true)]
async fn too_much_is_refused_whether_announced_or_not() {
    let budget = BodyBudget::new(4 * MIB);
    assert_eq!(budget.read(&mut body(2 * MIB, true), MIB).await.err(), Some(BodyError::TooLarge));
    assert_eq!(budget.read(&mut body(2 * MIB, false), MIB).await.err(), Some(BodyError::TooLarge));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("99999999999"));
    let mut announced = of_known(headers, Body::empty());
    assert_eq!(budget.read(&mut announced, MIB).await.err(), Some(BodyError::TooLarge));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_kept_is_seen_to_its_end_and_held_by_nobody() {
    let budget = BodyBudget::new(MIB);
    let declared = |bytes: usize| {
        let mut body = body(bytes, true);
        body.declared = Some(bytes);
        body
    };
    for (mut body, length) in [(body(8 * MIB, true), 8 * MIB), (declared(8 * MIB), 8 * MIB)] {
        let mut seen = 0;
        let limits = BodyLimits { longest: 8 * MIB, kept: MIB };
        let read = budget.read_through(&mut body, limits, |part| seen += part.len()).await;
        assert!(read.is_ok_and(|held| !held.is_kept && held.bytes.is_empty()));
        assert_eq!(seen, length);
    }
    let mut seen = Vec::new();
    let limits = BodyLimits { longest: 8 * MIB, kept: MIB };
    let read = budget.read_through(&mut declared(MIB), limits, |part| seen.extend_from_slice(part)).await;
    assert!(read.is_ok_and(|held| held.is_kept && held.bytes == seen && seen.len() == MIB));
    let read = budget.read_through(&mut body(9 * MIB, false), limits, |_| ()).await;
    assert_eq!(read.err(), Some(BodyError::TooLarge));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_grew_too_large_to_keep_gives_its_shares_back_before_it_ends() {
    let budget = BodyBudget::new(4 * MIB);
    let (mut open, mut sent) = (body(3 * MIB, false), body(4 * MIB, true));
    let limits = BodyLimits { longest: 8 * MIB, kept: 2 * MIB };
    let (never, other) = tokio::join!(budget.read_through(&mut open, limits, |_| ()), budget.read(&mut sent, 8 * MIB));
    assert!(other.is_ok());
    assert_eq!(never.err(), Some(BodyError::Broken), "it took too long");
}

/// Returns the time that discarding takes on the paused clock, which advances only while something waits.
async fn time_to_discard(body: UnreadBody) -> Duration {
    let begun = Instant::now();
    timeout(2 * READ_TIME, body.discard()).await.expect("it ends");
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn what_is_left_is_read_but_not_for_ever() {
    assert_eq!(time_to_discard(body(2 * MIB, true)).await, Duration::ZERO);
    assert!(time_to_discard(body(2 * MIB, false)).await >= READ_TIME, "it waited for the rest");
    assert_eq!(time_to_discard(body(2, false)).await, RATE_GRACE, "it came too slowly");
    assert_eq!(time_to_discard(body(MAX_DRAINED + MIB, false)).await, Duration::ZERO, "it read enough");
}
