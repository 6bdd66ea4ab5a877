//! Parsing of dates and times in requests.

use aicp_types::UnixMillis;
use jiff::civil::{Date, DateTime, Time};

use super::failure::Failure;
use super::fields::Fields;
use super::literals;

/// Date with or without a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Date(Date),
    DateTime(DateTime),
}

impl Stamp {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(moment) = date_time(text) {
            return Some(Self::DateTime(moment));
        }
        date(text).map(Self::Date)
    }

    /// Returns the first instant of the stamp.
    fn first(self) -> DateTime {
        match self {
            Self::Date(date) => date.to_datetime(Time::midnight()),
            Self::DateTime(moment) => moment,
        }
    }

    /// Returns the first instant after the stamp: a date lasts a day, a time one second.
    fn end(self) -> Option<DateTime> {
        match self {
            Self::Date(date) => Some(date.tomorrow().ok()?.to_datetime(Time::midnight())),
            Self::DateTime(moment) => {
                moment.with().subsec_nanosecond(0).build().ok()?.checked_add(jiff::Span::new().seconds(1)).ok()
            }
        }
    }
}

/// Parses `yyyy-MM-dd` with all digits.
pub(super) fn date(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| Date::strptime("%Y-%m-%d", text).ok())?
}

/// Parses `yyyy-MM-dd HH:mm:ss` with all digits.
pub(super) fn date_time(text: &str) -> Option<DateTime> {
    (text.len() == 19).then(|| DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok())?
}

/// Parses `timeBefore` and `timeAfter` to a half-open range in milliseconds since the epoch. Despite its name,
/// `timeBefore` is the start. Swaps the two if the range is reversed. An absent or blank bound is open.
pub(super) fn range(
    fields: &Fields<'_>,
    moment: impl Fn(DateTime) -> Option<UnixMillis>,
) -> Result<(Option<UnixMillis>, Option<UnixMillis>), Failure> {
    let stamp = |name: &'static str| {
        let text = fields.text(&[name])?.filter(|text| !text.trim().is_empty());
        let stamp = text.map(|text| Stamp::parse(&text).ok_or_else(|| wrong(name)));
        stamp.transpose()
    };
    let (mut from, mut to) = (stamp("timeBefore")?, stamp("timeAfter")?);
    if let (Some(a), Some(b)) = (from, to)
        && a.first() > b.first()
    {
        (from, to) = (to, from);
    }
    let from = from.map(|from| moment(from.first()).ok_or_else(|| wrong("timeBefore"))).transpose()?;
    let to = to.map(|to| to.end().and_then(&moment).ok_or_else(|| wrong("timeAfter"))).transpose()?;
    Ok((from, to))
}

fn wrong(name: &'static str) -> Failure {
    Failure::message(literals::wrong_format(name))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::fields::Input;
    use super::*;
    use crate::shanghai;

    fn range_of(json: &str) -> Result<(Option<UnixMillis>, Option<UnixMillis>), Failure> {
        let fields = Input::parse(json.as_bytes()).expect("JSON").object().expect("object");
        range(&fields, shanghai::moment)
    }

    #[test]
    fn a_range_covers_its_last_day_or_second() {
        let day = UnixMillis::new(1_585_152_000_000); // 2020-03-26 in Shanghai
        let later = |seconds| Some(day.saturating_add(Duration::from_secs(seconds)));
        let of = |json| range_of(json).expect("a range");
        assert_eq!(of(r#"{"timeBefore":"2020-03-26","timeAfter":"2020-03-26"}"#), (Some(day), later(86_400)));
        assert_eq!(
            of(r#"{"timeBefore":"2020-03-26 00:00:00","timeAfter":"2020-03-26 00:00:01"}"#),
            (Some(day), later(2))
        );
        assert_eq!(of(r#"{"timeAfter":"2020-03-26"}"#), (None, later(86_400)));
        assert_eq!(of(r#"{"timeBefore":" ","timeAfter":null}"#), (None, None));
        let turned = of(r#"{"timeBefore":"2020-03-28","timeAfter":"2020-03-26"}"#);
        assert_eq!(turned, (Some(day), later(3 * 86_400)));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["2020-3-26", "2020-02-30", "26.03.2020", "2020-03-26T10:00:00", "2020-03-26 25:00:00", "x", "1"] {
            assert!(range_of(&format!(r#"{{"timeBefore":"{text}"}}"#)).is_err(), "{text}");
        }
        assert!(range_of(r#"{"timeBefore":{}}"#).is_err());
        assert!(range_of(r#"{"timeAfter":"9999-12-31"}"#).is_err());
    }
}
