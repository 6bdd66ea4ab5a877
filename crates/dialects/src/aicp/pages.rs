//! Console pages behind a login, and the login page. Static, except for the user name.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use super::envelope::Shape;
use super::failure::Failure;
use super::literals;
use crate::Context;
use aicp_requests::trouble;

/// Page after a login.
pub(super) const INDEX: &str = "/pages/index.html";
/// Login page, also the page after a log-out.
pub(super) const LOGIN: &str = "/pages/login.html";
/// Name of the session cookie.
pub(super) const COOKIE: &str = "aicp_session";

/// Page or asset of the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Index,
    Login,
    Script,
    Style,
}

impl Page {
    pub fn at(path: &str) -> Option<Self> {
        match path {
            INDEX => Some(Self::Index),
            LOGIN => Some(Self::Login),
            "/pages/console.js" => Some(Self::Script),
            "/pages/console.css" => Some(Self::Style),
            _ => None,
        }
    }
}

/// Answers a page. Redirects to the login if there is no session.
pub(super) async fn answer(context: &Context, page: Page, method: &Method, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Failure::wrong_method("GET, HEAD").render(Shape::Plain, context.shared.platform.now());
    }
    match page {
        Page::Login => html(include_str!("pages/login.html").to_owned()),
        Page::Script => text(include_str!("pages/console.js").to_owned(), "text/javascript; charset=utf-8"),
        Page::Style => text(include_str!("pages/console.css").to_owned(), "text/css; charset=utf-8"),
        Page::Index => {
            let user = match session_token(headers) {
                Some(token) => context.shared.platform.session(&token).await,
                None => Ok(None),
            };
            match user {
                Ok(Some(name)) => html(include_str!("pages/index.html").replace("{{username}}", &escaped(&name))),
                Ok(None) => redirect(LOGIN),
                Err(e) => {
                    trouble::log(&e);
                    let failure = Failure::status(StatusCode::INTERNAL_SERVER_ERROR, literals::SERVER_ERROR);
                    failure.render(Shape::Plain, context.shared.platform.now())
                }
            }
        }
    }
}

/// Returns the token in the session cookie of a request.
pub(super) fn session_token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, token)| token.to_owned()).filter(|token| !token.is_empty())
}

/// Escapes a text for HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

fn html(page: String) -> Response {
    text(page, "text/html; charset=utf-8")
}

fn text(body: String, media_type: &'static str) -> Response {
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self' blob:; \
             form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    response
}

fn redirect(to: &'static str) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(to));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(escaped("<b>\"a\" & 'b'</b>"), "&lt;b&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/b&gt;");
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(session_token(&headers), None);
        headers.append(header::COOKIE, HeaderValue::from_static("a=b; aicp_sessions=x"));
        headers.append(header::COOKIE, HeaderValue::from_static("c=d; aicp_session=abc"));
        assert_eq!(session_token(&headers).as_deref(), Some("abc"));
    }
}
