//! Memory budget of large responses, which a slow client may hold for long.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// Size in bytes up to which a response is not counted.
const UNCOUNTED_BYTES: u64 = 256 << 10;
/// Size in bytes of one share of the budget (one semaphore permit).
const SHARE: u64 = 64 << 10;
/// Size of the budget in bytes.
const BUDGET_BYTES: u64 = 256 << 20;

/// Memory budget of large responses until they are sent. Clones share it.
#[derive(Clone)]
pub struct AnswerBudget(Arc<Semaphore>);

impl Default for AnswerBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new((BUDGET_BYTES / SHARE) as usize)))
    }
}

impl AnswerBudget {
    /// Charges a response to the budget until it is sent or dropped; `None` if there is no room for it now. A response
    /// larger than the budget takes all of it.
    pub fn hold(&self, response: Response) -> Option<Response> {
        let Some(length) = response.body().size_hint().exact().filter(|length| *length > UNCOUNTED_BYTES) else {
            return Some(response);
        };
        let shares = u32::try_from(length.min(BUDGET_BYTES).div_ceil(SHARE)).ok()?;
        let held = Arc::clone(&self.0).try_acquire_many_owned(shares).ok()?;
        let mut response = response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _until_sent = &held;
                frame
            }))
        });
        // The wrapped body no longer reports its length.
        response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(length: usize) -> Response {
        Response::new(Body::from(vec![7; length]))
    }

    #[tokio::test]
    async fn answers_are_held_until_they_are_sent() {
        let budget = AnswerBudget::default();
        let large = 100 << 20;
        let first = budget.hold(answer(large)).expect("room");
        assert_eq!(first.headers()[header::CONTENT_LENGTH], large.to_string());
        let second = budget.hold(answer(large)).expect("room");
        assert!(budget.hold(answer(large)).is_none());
        assert!(budget.hold(answer(1000)).is_some(), "small ones are not counted");
        let sent = first.into_body().collect().await.expect("sent").to_bytes();
        assert!(sent.len() == large && sent.iter().all(|&byte| byte == 7));
        let third = budget.hold(answer(large)).expect("there is room again");
        drop((second, third));
        assert!(budget.hold(answer(BUDGET_BYTES as usize + 1)).is_some(), "alone");
    }
}
