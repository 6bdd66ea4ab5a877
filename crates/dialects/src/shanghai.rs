//! Moments as the manual writes them: Asia/Shanghai, which has had one offset and no daylight saving since 1991.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// The local date and time of a moment in milliseconds since the Unix epoch. A moment outside what calendars reach
/// counts as the epoch.
pub(crate) fn local(unix_ms: i64) -> DateTime {
    let zone = TimeZone::fixed(Offset::constant(8));
    Timestamp::from_millisecond(unix_ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone).datetime()
}

/// A moment as `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn text(unix_ms: i64) -> String {
    local(unix_ms).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The moment, in milliseconds since the Unix epoch, that a local date and time names.
pub(crate) fn moment(local: DateTime) -> Option<i64> {
    let zone = TimeZone::fixed(Offset::constant(8));
    Some(local.to_zoned(zone).ok()?.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manuals_picture_link_agrees() {
        // Manual 7.4: .../20200325/13/40/1/1585114811949
        assert_eq!(local(1_585_114_811_949).strftime("%Y%m%d/%H/%M").to_string(), "20200325/13/40");
        assert_eq!(local(i64::MAX).year(), 1970);
        assert_eq!(text(1_585_114_811_949), "2020-03-25 13:40:11");
        assert_eq!(moment(local(1_585_114_811_949)), Some(1_585_114_811_949));
    }
}
