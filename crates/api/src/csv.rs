//! Tables as CSV (RFC 4180), for a request that accepts `text/csv`.

use std::fmt::Write;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::pages::Page;
use crate::problem::Problem;

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Integer(i64),
    Text(String),
    Flag(bool),
    Empty,
}

impl Cell {
    /// Makes a cell of what may be missing.
    pub fn of<T: Into<Self>>(value: Option<T>) -> Self {
        value.map_or(Self::Empty, Into::into)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A row of a table.
pub(crate) trait Row {
    /// Names of the columns.
    fn columns() -> Vec<&'static str>;

    /// Returns a cell for each column.
    fn cells(&self) -> Vec<Cell>;
}

/// How a request wants a table, and where it asks.
pub(crate) struct Wanted {
    is_csv: bool,
    path: String,
    query: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        Ok(Self { is_csv: prefers_csv(&parts.headers), path, query })
    }
}

/// Whether a request prefers CSV to JSON: it names `text/csv` with a greater weight than JSON, or with the same and before it.
fn prefers_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut csv, mut json) = (0.0, 0.0);
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0_f32));
        match media_type.as_str() {
            "text/csv" if weight > json => csv = weight,
            "application/json" if weight > csv => json = weight,
            _ => {}
        }
    }
    csv > json
}

impl Wanted {
    /// Answers with a page of a table. In CSV, the next page is named by a header `Link` (RFC 8288).
    pub fn answer<T: Row + Serialize>(&self, page: Page<T>) -> Response {
        self.answer_with(page, |page| page)
    }

    /// As [`Wanted::answer`], with something around the page in JSON.
    pub fn answer_with<T: Row, J: Serialize>(&self, page: Page<T>, json: impl FnOnce(Page<T>) -> J) -> Response {
        let mut response = if self.is_csv {
            let csv = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
            let mut response = ([(header::CONTENT_TYPE, csv)], table(&page.items)).into_response();
            if let Some(next) = page.next.as_deref().and_then(|next| HeaderValue::from_str(&self.link(next)).ok()) {
                response.headers_mut().insert(header::LINK, next);
            }
            response
        } else {
            axum::Json(json(page)).into_response()
        };
        response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept"));
        response
    }

    fn link(&self, next: &str) -> String {
        let mut target = format!("<{}{}?", crate::BASE, self.path);
        for parameter in self.query.split('&').filter(|text| !text.is_empty() && !text.starts_with("cursor=")) {
            let _ = write!(target, "{parameter}&");
        }
        let _ = write!(target, "cursor={next}>; rel=\"next\"");
        target
    }
}

/// Writes a table with a line of column names.
fn table<T: Row>(rows: &[T]) -> String {
    let mut text = T::columns().join(",");
    text.push_str("\r\n");
    for row in rows {
        for (index, cell) in row.cells().iter().enumerate() {
            if index > 0 {
                text.push(',');
            }
            let _ = match cell {
                Cell::Empty => Ok(()),
                Cell::Integer(number) => write!(text, "{number}"),
                Cell::Flag(flag) => write!(text, "{flag}"),
                Cell::Text(value) => write!(text, "{}", quoted(&harmless(value))),
            };
        }
        text.push_str("\r\n");
    }
    text
}

/// Puts an apostrophe before a text that a spreadsheet would take for a formula.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\r', '\n', ';', '\t']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair(Cell, Cell);

    impl Row for Pair {
        fn columns() -> Vec<&'static str> {
            vec!["a", "b"]
        }

        fn cells(&self) -> Vec<Cell> {
            vec![self.0.clone(), self.1.clone()]
        }
    }

    #[test]
    fn no_cell_is_a_formula_and_none_breaks_a_line() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let rows = [
            Pair(text("=1+1"), text("a,\"b\"\r\nc")),
            Pair(text("+1"), text("@x")),
            Pair(text("-2+3"), Cell::Integer(-2)),
            Pair(text("\t=1"), Cell::Integer(5)),
            Pair(Cell::Empty, Cell::Flag(true)),
            Pair(text("名"), text("a=b")),
        ];
        let expected = "a,b\r\n'=1+1,\"a,\"\"b\"\"\r\nc\"\r\n'+1,'@x\r\n'-2+3,-2\r\n\"'\t=1\",5\r\n,true\r\n名,a=b\r\n";
        assert_eq!(table(&rows), expected);
    }

    #[test]
    fn csv_is_for_those_who_prefer_it() {
        for (accept, expected) in [
            ("text/csv", true),
            ("TEXT/CSV; q=0.5", true),
            ("text/csv, application/json", true),
            ("application/json, text/csv", false),
            ("application/json;q=0.4, text/csv;q=0.5", true),
            ("text/csv;q=0", false),
            ("*/*", false),
            ("text/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
            assert_eq!(prefers_csv(&headers), expected, "{accept}");
        }
        assert!(!prefers_csv(&HeaderMap::new()));
    }
}
