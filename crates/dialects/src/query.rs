//! Query parameters.

use axum::http::Uri;

/// Query parameters or form fields; the first of equal names counts.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Parses the query of an address. A further question mark separates parameters: some SDKs start their own with one.
    pub fn of(uri: &Uri) -> Self {
        Self::parse(uri.query().unwrap_or_default().replace('?', "&").as_bytes())
    }

    /// Parses a query or a form.
    pub fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// Returns a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns a token. An unescaped plus arrives as a space, and tokens contain no spaces.
    pub fn token(&self, name: &str) -> Option<String> {
        self.get(name).map(|token| token.trim_end().replace(' ', "+"))
    }
}
