//! Large answers on their way to clients that may not read them.

use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::http::header;
use axum::response::Response;
use http_body_util::BodyExt;
use tokio::sync::Semaphore;

/// Answers of fewer bytes are not counted.
const SMALL: u64 = 256 << 10;
/// Memory is given out in shares of this many bytes.
const SHARE: u64 = 64 << 10;
/// The memory that all large answers may take until they are sent.
const MOST: u64 = 256 << 20;

/// The memory that large answers take until they are sent. Clones share it.
#[derive(Clone)]
pub struct AnswerBudget(Arc<Semaphore>);

impl Default for AnswerBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new((MOST / SHARE) as usize)))
    }
}

impl AnswerBudget {
    /// The same answer, which holds its part of the budget until it is sent or given up; `None` if there is no room for it now.
    /// One that is larger than the budget may be sent alone.
    pub(crate) fn hold(&self, response: Response) -> Option<Response> {
        let Some(length) = response.body().size_hint().exact().filter(|length| *length > SMALL) else {
            return Some(response);
        };
        let shares = u32::try_from(length.min(MOST).div_ceil(SHARE)).ok()?;
        let held = Arc::clone(&self.0).try_acquire_many_owned(shares).ok()?;
        let mut response = response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _until_sent = &held;
                frame
            }))
        });
        // What is held tells no length by itself.
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
        assert!(budget.hold(answer(MOST as usize + 1)).is_some(), "alone");
    }
}
