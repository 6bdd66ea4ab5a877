//! Times in Asia/Shanghai, as the AICP manual writes them. The zone has a fixed offset of +08:00 since 1991.

use aicp_types::UnixMillis;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// Converts milliseconds since the Unix epoch to local date and time. A value out of the calendar's range becomes the
/// epoch.
pub(crate) fn local(time: UnixMillis) -> DateTime {
    let zone = TimeZone::fixed(Offset::constant(8));
    time.timestamp().to_zoned(zone).datetime()
}

/// Formats a time (milliseconds since the Unix epoch) as `yyyy-MM-dd HH:mm:ss`.
pub(crate) fn text(time: UnixMillis) -> String {
    local(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Converts a local date and time to milliseconds since the Unix epoch.
pub(crate) fn moment(local: DateTime) -> Option<UnixMillis> {
    let zone = TimeZone::fixed(Offset::constant(8));
    Some(local.to_zoned(zone).ok()?.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manuals_picture_link_agrees() {
        // Manual 7.4: .../20200325/13/40/1/1585114811949
        let time = UnixMillis::new(1_585_114_811_949);
        assert_eq!(local(time).strftime("%Y%m%d/%H/%M").to_string(), "20200325/13/40");
        assert_eq!(local(UnixMillis::new(i64::MAX)).year(), 9999);
        assert_eq!(text(time), "2020-03-25 13:40:11");
        assert_eq!(moment(local(time)), Some(time));
    }
}
