//! Entry of every request: its id, its log span, the interface that answers it, and the rest of its body.
//!
//! The span `request` covers the whole life of a request, so each of its log lines carries the fields of the span. The
//! interface and [`crate::life`] fill in the fields that are not known at the start.

use aicp_platform::new_token;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::body::UnreadBody;
use crate::{Context, aicp, jdcloud, linkvisual, native, tencent_im};

/// Header that carries the id of a request, in both directions.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of an id that a client sends, in bytes.
const MAX_ID: usize = 64;
/// Id of a request if the system has no random numbers.
const ID_WITHOUT_RANDOM: HeaderValue = HeaderValue::from_static("00000000000000000000000000000000");

/// Wire protocols, as a request's path selects them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    Aicp,
    JdCloud,
    LinkVisual,
    TencentIm,
    Native,
}

impl Interface {
    /// Selects the interface by the path as sent; for `/` also by the rest of the head.
    fn of(request: &Request) -> Self {
        let path = request.uri().path();
        let is_below =
            |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if path.starts_with("/jdai/") {
            Self::JdCloud
        } else if is_below("/v4") {
            Self::TencentIm
        } else if is_below("/api/v1") {
            Self::Native
        } else if path == "/" && linkvisual::matches_request(request) {
            Self::LinkVisual
        } else {
            Self::Aicp
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Aicp => "aicp",
            Self::JdCloud => "jdcloud",
            Self::LinkVisual => "linkvisual",
            Self::TencentIm => "tencent-im",
            Self::Native => "native",
        }
    }

    async fn answer(self, context: &Context, parts: &Parts, body: &mut UnreadBody) -> Response {
        match self {
            Self::Aicp => aicp::answer(context, parts, body).await,
            Self::JdCloud => jdcloud::answer(context, parts, body).await,
            Self::LinkVisual => linkvisual::answer(context, parts, body).await,
            Self::TencentIm => tencent_im::answer(context, parts, body).await,
            Self::Native => native::answer(context, parts, body).await,
        }
    }
}

/// Answers a request of any interface.
pub(crate) async fn handle(State(context): State<Context>, request: Request) -> Response {
    let interface = Interface::of(&request);
    let id = request_id(request.headers());
    // As an error, the span exists at every log level.
    let span = tracing::error_span!(
        "request",
        request_id = id.to_str().unwrap_or_default(),
        dialect = interface.name(),
        operation = Empty,
        app = Empty,
        engine = Empty,
        result = Empty,
    );
    let answered = async {
        let (parts, body) = request.into_parts();
        let mut body = UnreadBody::new(&parts, body);
        let mut response = interface.answer(&context, &parts, &mut body).await;
        body.discard().await;
        tracing::debug!(status = response.status().as_u16(), "answered");
        response.headers_mut().insert(REQUEST_ID, id);
        response
    };
    answered.instrument(span).await
}

/// Names the operation in the log span of the request.
pub(crate) fn name_operation(name: &str) {
    Span::current().record("operation", name);
}

/// Returns the id that the client chose if it consists of 1 to [`MAX_ID`] visible ASCII characters, otherwise a new one.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sent = headers.get(REQUEST_ID).filter(|id| {
        let id = id.as_bytes();
        (1..=MAX_ID).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
    });
    sent.cloned().unwrap_or_else(|| {
        let random = new_token().ok().and_then(|id| HeaderValue::from_str(&id).ok());
        random.unwrap_or(ID_WITHOUT_RANDOM)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        let id_for = |sent: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent).expect("a header"));
            request_id(&headers).as_bytes().to_vec()
        };
        for sane in ["a", "7f3c-1/x_y.z", "!\"~", &"x".repeat(MAX_ID)] {
            assert_eq!(id_for(sane.as_bytes()), sane.as_bytes());
        }
        for other in ["", "a b", "a\tb", "é", &"x".repeat(MAX_ID + 1)] {
            let id = id_for(other.as_bytes());
            assert!(id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit), "{other:?}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[test]
    fn the_path_selects_the_interface() {
        for (path, interface) in [
            ("/jdai/faceSearch", Interface::JdCloud),
            ("/jdai", Interface::Aicp),
            ("/v4", Interface::TencentIm),
            ("/v4/sns/friend_add", Interface::TencentIm),
            ("/v42", Interface::Aicp),
            ("/api/v1", Interface::Native),
            ("/api/v1/", Interface::Native),
            ("/api/v1x", Interface::Aicp),
            ("/?Action=x", Interface::LinkVisual),
            ("/", Interface::Aicp),
            ("/aicp/face/add", Interface::Aicp),
        ] {
            let request = Request::get(path).body(axum::body::Body::empty()).expect("a request");
            assert_eq!(Interface::of(&request), interface, "{path}");
        }
    }
}
