//! Request parameters, merged from the query and the form. A name must not repeat.

use std::collections::{BTreeMap, HashSet};
use std::ops::RangeInclusive;

use percent_encoding::percent_decode;

use super::failure::Failure;

/// Maximum number of parameters of a request. The largest request of the interface has about sixty.
const MAX_PARAMS: usize = 1000;

/// Decoded parameters, sorted by the bytes of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params(BTreeMap<String, Param>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Param {
    value: String,
    in_query: bool,
}

impl Params {
    /// Parses the query of an address and, if there is one, the form in the body.
    ///
    /// # Errors
    /// A repeated name, text that is not UTF-8, or too many parameters. The readable parameters are returned too.
    pub fn read(query: &str, form: Option<&[u8]>) -> (Self, Result<(), Failure>) {
        let mut params = Self::default();
        let mut outcome = Ok(());
        let sources = [(Some(query.as_bytes()), true), (form, false)];
        for (text, in_query) in sources {
            for pair in text.unwrap_or_default().split(|&b| b == b'&').filter(|pair| !pair.is_empty()) {
                if params.0.len() >= MAX_PARAMS {
                    return (params, outcome.and(Err(Failure::invalid(""))));
                }
                if let Err(failure) = params.add(pair, in_query)
                    && outcome.is_ok()
                {
                    outcome = Err(failure);
                }
            }
        }
        (params, outcome)
    }

    /// Returns the first parameter of a query with this name; an empty one counts as absent. Others are not decoded.
    pub fn first(query: &str, name: &str) -> Option<String> {
        let pairs = query.as_bytes().split(|&b| b == b'&').filter(|pair| !pair.is_empty());
        let mut values = pairs.filter_map(|pair| {
            let mut halves = pair.splitn(2, |&b| b == b'=');
            let raw = halves.next()?;
            let may_be_escaped = raw.iter().any(|b| matches!(b, b'%' | b'+'));
            let is_named = raw == name.as_bytes() || may_be_escaped && decoded(raw).is_ok_and(|raw| raw == name);
            is_named.then(|| decoded(halves.next().unwrap_or_default()).ok()).flatten()
        });
        values.next().filter(|value| !value.is_empty())
    }

    fn add(&mut self, pair: &[u8], in_query: bool) -> Result<(), Failure> {
        let mut halves = pair.splitn(2, |&b| b == b'=');
        let mut half = || decoded(halves.next().unwrap_or_default());
        let name = half().map_err(|_| Failure::invalid(""))?;
        let value = half().map_err(|_| Failure::invalid(&name))?;
        if self.0.contains_key(&name) {
            return Err(Failure::invalid(&name));
        }
        self.0.insert(name, Param { value, in_query });
        Ok(())
    }

    /// Iterates over all parameters, sorted by the bytes of their names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, param)| (name.as_str(), param.value.as_str()))
    }

    /// Iterates over the parameters of the query only, sorted by the bytes of their names.
    pub fn of_query(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(_, param)| param.in_query).map(|(name, param)| (name.as_str(), param.value.as_str()))
    }

    /// Returns a parameter; an empty one counts as absent.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|param| param.value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns a required parameter.
    ///
    /// # Errors
    /// `Missing…`.
    pub fn required(&self, name: &str) -> Result<&str, Failure> {
        self.text(name).ok_or_else(|| Failure::missing(name))
    }

    /// Returns an optional parameter of at most `most` characters, without control characters.
    ///
    /// # Errors
    /// `Invalid…`.
    pub fn short(&self, name: &str, most: usize) -> Result<Option<&str>, Failure> {
        let text = self.text(name);
        match text {
            Some(text) if text.chars().count() > most || text.chars().any(char::is_control) => {
                Err(Failure::invalid(name))
            }
            _ => Ok(text),
        }
    }

    /// As [`Params::short`], for a required parameter.
    ///
    /// # Errors
    /// `Missing…`, `Invalid…`.
    pub fn required_short(&self, name: &str, most: usize) -> Result<&str, Failure> {
        self.short(name, most)?.ok_or_else(|| Failure::missing(name))
    }

    /// Parses an optional whole number within a range.
    ///
    /// # Errors
    /// `Invalid…`.
    pub fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Failure> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let is_plain = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| is_plain && range.contains(number));
        number.map(Some).ok_or_else(|| Failure::invalid(name))
    }

    /// Returns the items of an array parameter (`name.1`, `name.2`…) in the order of their numbers, without duplicates
    /// and empty items. The bare name counts as an element too. An element that is a JSON array of strings stands for
    /// its items.
    ///
    /// # Errors
    /// `Missing…` if there is no item, `Invalid…` if there are more than `most`.
    pub fn list(&self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let mut elements: Vec<(u64, &str)> = self
            .all()
            .filter_map(|(known, value)| {
                let rest = known.strip_prefix(name)?;
                if rest.is_empty() {
                    return Some((0, value));
                }
                let digits = rest.strip_prefix('.')?;
                let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
                Some((digits.parse().ok().filter(|_| is_number)?, value))
            })
            .collect();
        elements.sort_by_key(|(number, _)| *number);
        let mut seen = HashSet::new();
        let items = elements.into_iter().flat_map(|(_, value)| spliced(value));
        let items: Vec<String> =
            items.filter(|item| !item.is_empty() && seen.insert(item.clone())).take(most + 1).collect();
        match items.len() {
            0 => Err(Failure::missing(name)),
            count if count > most => Err(Failure::invalid(name)),
            _ => Ok(items),
        }
    }
}

/// Returns the items of an element: those of a JSON array of strings, otherwise the element itself.
fn spliced(element: &str) -> Vec<String> {
    let trimmed = element.trim();
    let is_array = trimmed.starts_with('[') && trimmed.ends_with(']');
    let items = if is_array { serde_json::from_str::<Vec<String>>(trimmed).ok() } else { None };
    items.unwrap_or_else(|| vec![element.to_owned()])
}

/// Decodes a name or value of a form: `+` and percent escapes.
fn decoded(text: &[u8]) -> Result<String, std::string::FromUtf8Error> {
    if !text.iter().any(|b| matches!(b, b'%' | b'+')) {
        return String::from_utf8(text.to_vec());
    }
    let spaced: Vec<u8> = text.iter().map(|&b| if b == b'+' { b' ' } else { b }).collect();
    String::from_utf8(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn params(query: &str) -> Params {
        let (params, outcome) = Params::read(query, None);
        assert_eq!(outcome, Ok(()), "{query}");
        params
    }

    #[test]
    fn query_and_form_are_read_alike() {
        let (both, outcome) = Params::read("a=1+2&b=%2B%20&=&", Some("c=%E5%BC%A0&d&e=x=y&%zz=%4".as_bytes()));
        assert_eq!(outcome, Ok(()));
        assert_eq!(both.text("a"), Some("1 2"));
        assert_eq!(both.text("b"), Some("+ "));
        assert_eq!(both.text("c"), Some("张"));
        assert!(both.all().any(|param| param == ("d", "")) && both.text("d").is_none());
        assert_eq!(both.text("e"), Some("x=y"));
        assert_eq!(both.text("%zz"), Some("%4"));
        assert_eq!(both.of_query().map(|(name, _)| name).collect::<Vec<_>>(), ["", "a", "b"]);
    }

    #[test]
    fn a_name_is_sent_once_and_text_is_utf8() {
        for (query, form, code) in [
            ("a=1&a=1", "", "a"),
            ("a=1", "a=2", "a"),
            ("", "UserIdList.1=a&UserIdList.1=b", "UserIdList.1"),
            ("Name=%ff", "", "Name"),
            ("%ff=1", "", ""),
            ("", "a=%c3%28", "a"),
        ] {
            let (_, outcome) = Params::read(query, Some(form.as_bytes()));
            assert_eq!(outcome, Err(Failure::invalid(code)), "{query} {form}");
        }
        let (_, outcome) = Params::read("", Some(b"a=\xff"));
        assert_eq!(outcome, Err(Failure::invalid("a")));
    }

    #[test]
    fn arrays_come_in_every_spelling() {
        let list = |query: &str| params(query).list("L", 3);
        let items = |items: &[&str]| Ok(items.iter().map(|&item| item.to_owned()).collect::<Vec<_>>());
        for (query, expected) in [
            ("L.1=a&L.2=b", &["a", "b"][..]),
            ("L.10=b&L.2=a", &["a", "b"]),
            ("L.7=a&L.3=", &["a"]),
            ("L.1=a&L.2=a&L.3=b", &["a", "b"]),
            ("L.1=%5B%22a%22%2C%22b%22%5D", &["a", "b"]),
            ("L.1=x&L.2=%20%5B%22a%22%2C+%22%22%5D%20", &["x", "a"]),
            ("L=%5B%22a%22%5D", &["a"]),
            ("L=a", &["a"]),
            ("L.1=%5B1%2C2%5D", &["[1,2]"]),
            ("L.1=%5Bab", &["[ab"]),
            ("L.1=a&L.x=b&L.=c&L.-2=d&Lx.1=e&L.%2B4=f&L.1.2=g", &["a"]),
        ] {
            assert_eq!(list(query), items(expected), "{query}");
        }
        for query in ["", "L.1=", "L.1=%5B%5D", "L.1=%5B%22%22%5D", "l.1=a"] {
            assert_eq!(list(query), Err(Failure::missing("L")), "{query}");
        }
        assert_eq!(list("L.1=a&L.2=b&L.3=c&L.4=d"), Err(Failure::invalid("L")));
        assert_eq!(list("L.1=%5B%22a%22%2C%22b%22%2C%22c%22%2C%22d%22%5D"), Err(Failure::invalid("L")));
        assert_eq!(list("L.1=a&L.2=b&L.3=c&L.4=a&L.5="), items(&["a", "b", "c"]), "repeats don't count");
    }

    #[test]
    fn numbers_are_plain_and_within_their_range() {
        for (text, expected) in [
            ("", Ok(None)),
            ("1", Ok(Some(1))),
            ("100", Ok(Some(100))),
            ("007", Ok(Some(7))),
            ("0", Err(())),
            ("101", Err(())),
            ("%2B1", Err(())),
            ("-1", Err(())),
            ("1.0", Err(())),
            ("1+", Err(())),
            ("%EF%BC%91", Err(())),
            ("99999999999999999999999", Err(())),
        ] {
            let number = params(&format!("n={text}")).number("n", 1..=100);
            assert_eq!(number, expected.map_err(|()| Failure::invalid("n")), "{text}");
        }
    }

    proptest! {
        /// Agrees with the decoder of `form_urlencoded`, unless that one replaces invalid UTF-8.
        #[test]
        fn reading_agrees_with_the_usual_decoder(query in "[a-c=&%+0-9A-F~*é -]{0,40}") {
            let (params, outcome) = Params::read(&query, None);
            for name in ["a", "b", "", "a c"] {
                let first = Params::first(&query, name);
                prop_assert_eq!(first.as_deref(), params.text(name), "{}", name);
            }
            let usual: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
            let names: HashSet<&String> = usual.iter().map(|(name, _)| name).collect();
            let is_lossless = usual.iter().all(|(name, value)| !format!("{name}{value}").contains('\u{fffd}'));
            if is_lossless {
                prop_assert_eq!(outcome.is_ok(), names.len() == usual.len());
            } else {
                prop_assert!(outcome.is_err());
            }
            if outcome.is_ok() {
                let mut usual = usual;
                usual.sort();
                let read: Vec<(String, String)> =
                    params.all().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
                prop_assert_eq!(read, usual);
            }
        }
    }
}
