//! Times: RFC 3339.

use aicp_types::UnixMillis;

use crate::problem::{Problem, Result};

/// Writes a time in UTC, such as `2026-03-01T12:00:00.5Z`.
pub(crate) fn rfc3339(time: UnixMillis) -> String {
    time.timestamp().to_string()
}

/// Reads the time in a field; it may have any offset.
///
/// # Errors
/// It is not RFC 3339.
pub(crate) fn moment(name: &str, text: Option<&str>) -> Result<Option<UnixMillis>> {
    let Some(text) = text else { return Ok(None) };
    let time: jiff::Timestamp = text.parse().map_err(|_| Problem::field(name, "must be a time of RFC 3339"))?;
    Ok(Some(time.into()))
}
