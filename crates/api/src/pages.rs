//! Pages of lists, and their cursors.

use aicp_platform::IdOrder;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Problem, Result};

/// Rows of a page, unless the request says otherwise.
const DEFAULT_LIMIT: u64 = 100;
/// Maximum number of rows of a page.
pub(crate) const MAX_LIMIT: u64 = 1000;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// Rows of the page.
    pub items: Vec<T>,
    /// Cursor of the next page; `null` on the last page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of at most `limit` rows out of one more than that. `id` is the number by which rows are ordered.
    pub fn of<R>(rows: Vec<R>, limit: u64, id: impl Fn(&R) -> i64, row: impl FnMut(R) -> T) -> Self {
        Self::by(rows, limit, |last| cursor(id(last)), row)
    }

    /// Makes a page of at most `limit` rows out of one more than that. `cursor` makes the cursor after a row.
    pub fn by<R>(mut rows: Vec<R>, limit: u64, cursor: impl Fn(&R) -> String, row: impl FnMut(R) -> T) -> Self {
        let next = cut(&mut rows, limit).map(cursor);
        Self { items: rows.into_iter().map(row).collect(), next }
    }

    /// Makes the only page of a list.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// Order of a list by creation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Sort {
    /// The oldest first.
    #[default]
    Oldest,
    /// The newest first.
    Newest,
}

/// Mark of the cursors of lists that begin with the newest row.
const BY_NEWEST: u8 = b'd';

impl Sort {
    /// Returns the order, from a cursor on.
    pub fn order(self, cursor: Option<&str>) -> Result<IdOrder<i64>> {
        Ok(match self {
            Self::Oldest => IdOrder::Oldest(after(cursor)?),
            Self::Newest => IdOrder::Newest(text_after(BY_NEWEST, cursor)?.map(|(_, id)| id)),
        })
    }

    /// Returns the cursor of the page after a row.
    pub fn cursor(self, last: i64) -> String {
        match self {
            Self::Oldest => cursor(last),
            Self::Newest => text_cursor(BY_NEWEST, "", last),
        }
    }
}

/// Reduces the rows of a page to `limit`. Returns the last one if there were more.
pub(crate) fn cut<R>(rows: &mut Vec<R>, limit: u64) -> Option<&R> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    rows.last().filter(|_| has_more)
}

/// Returns the number of rows of a page that a request wants.
pub(crate) fn limit(wanted: Option<u64>) -> Result<u64> {
    match wanted.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(Problem::field("limit", format!("must be in 1..={MAX_LIMIT}"))),
    }
}

/// Returns the cursor of the page after a row.
pub(crate) fn cursor(last: i64) -> String {
    URL_SAFE_NO_PAD.encode(last.to_be_bytes())
}

/// Returns the cursor of the page after a row that is named by two numbers.
pub(crate) fn cursor_of_pair(first: i64, second: i64) -> String {
    URL_SAFE_NO_PAD.encode([first.to_be_bytes(), second.to_be_bytes()].concat())
}

/// Returns the numbers of the row after which a page begins; `None` for the first page.
pub(crate) fn after_pair(cursor: Option<&str>) -> Result<Option<(i64, i64)>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let pair = || {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(cursor).ok()?.try_into().ok()?;
        let (first, second) = bytes.split_first_chunk()?;
        Some((i64::from_be_bytes(*first), i64::from_be_bytes(second.try_into().ok()?)))
    };
    pair().map(Some).ok_or_else(|| Problem::field("cursor", "must come from a page"))
}

/// Returns the cursor of the page after a row that is named by a number and a text.
pub(crate) fn cursor_of_text(number: i64, text: &str) -> String {
    URL_SAFE_NO_PAD.encode([&number.to_be_bytes()[..], text.as_bytes()].concat())
}

/// Returns number and text of the row after which a page begins; `None` for the first page.
pub(crate) fn after_text(cursor: Option<&str>) -> Result<Option<(i64, String)>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let row = || {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (number, text) = bytes.split_first_chunk()?;
        Some((i64::from_be_bytes(*number), String::from_utf8(text.to_vec()).ok()?))
    };
    row().map(Some).ok_or_else(|| Problem::field("cursor", "must come from a page"))
}

/// Returns the row after which a page begins; `None` for the first page.
pub(crate) fn after(cursor: Option<&str>) -> Result<Option<i64>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(|bytes| Some(i64::from_be_bytes(bytes))).ok_or_else(|| Problem::field("cursor", "must come from a page"))
}

/// Returns the cursor of the page after a row in an order of its own: of rows with equal texts, the greater id is later.
pub(crate) fn text_cursor(kind: u8, text: &str, last: i64) -> String {
    URL_SAFE_NO_PAD.encode([&[kind][..], &last.to_be_bytes(), text.as_bytes()].concat())
}

/// Returns text and id of the row after which a page of an order begins; `None` for the first page.
pub(crate) fn text_after(kind: u8, cursor: Option<&str>) -> Result<Option<(String, i64)>> {
    let Some(cursor) = cursor else { return Ok(None) };
    let wrong = || Problem::field("cursor", "must come from a page in the same order");
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
    let (head, text) = bytes.split_at_checked(9).filter(|(head, _)| head[0] == kind).ok_or_else(wrong)?;
    let id = head[1..].try_into().map(i64::from_be_bytes).map_err(|_| wrong())?;
    Ok(Some((String::from_utf8(text.to_vec()).map_err(|_| wrong())?, id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_to_the_row_that_it_was_made_of() {
        for id in [0, 1, -1, i64::MAX, i64::MIN] {
            assert_eq!(after(Some(&cursor(id))).expect("ours"), Some(id));
        }
        for pair in [(0, 0), (i64::MIN, i64::MAX), (-1, 7)] {
            assert_eq!(after_pair(Some(&cursor_of_pair(pair.0, pair.1))).expect("ours"), Some(pair));
        }
        assert_eq!(after_pair(Some("AAAAAAAAAAA")).expect_err("not ours").code(), "badField");
        for text in ["", "shop", "商店"] {
            let read = after_text(Some(&cursor_of_text(-7, text))).expect("ours");
            assert_eq!(read, Some((-7, text.to_owned())));
        }
        for other in ["", "1", "AAAAAAAAAA", "AAAAAAAAAAD_", "ä"] {
            assert_eq!(after_text(Some(other)).expect_err("not ours").code(), "badField", "{other}");
        }
        assert_eq!(after(None).expect("none"), None);
        for other in ["", "1", "AAAAAAAAAA", "AAAAAAAAAAAAAAAA", "ä"] {
            assert_eq!(after(Some(other)).expect_err("not ours").code(), "badField", "{other}");
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_order() {
        for (text, id) in [("", 0), ("Ada", i64::MIN), ("ä\u{1f600}", i64::MAX)] {
            let made = text_cursor(b'n', text, id);
            assert_eq!(text_after(b'n', Some(&made)).expect("ours"), Some((text.to_owned(), id)));
            assert!(text_after(b'd', Some(&made)).is_err() && after(Some(&made)).is_err(), "of another order");
        }
        assert_eq!(text_after(b'n', None).expect("none"), None);
        let broken = URL_SAFE_NO_PAD.encode(b"n12345678\xff");
        for other in ["", "bg", &cursor(7), &broken] {
            assert_eq!(text_after(b'n', Some(other)).expect_err("not ours").code(), "badField", "{other}");
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let page = |rows: Vec<i64>| Page::of(rows, 2, |id| *id, |id| id);
        assert_eq!((page(vec![]).items, page(vec![]).next), (vec![], None));
        assert_eq!((page(vec![1, 2]).items, page(vec![1, 2]).next), (vec![1, 2], None));
        let first = page(vec![1, 2, 3]);
        assert_eq!((first.items, after(first.next.as_deref()).expect("ours")), (vec![1, 2], Some(2)));
    }
}
