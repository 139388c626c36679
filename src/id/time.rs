//! RFC 3339 texts and milliseconds since 1970-01-01T00:00:00Z.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// 9999-12-31T23:59:59.999Z and its counterpart before year 0: a time further out is written as the epoch.
pub(super) const RANGE: std::ops::RangeInclusive<i64> = -377_705_116_800_000..=253_402_300_799_999;

/// Writes a time in UTC with exactly three digits after the second. Stored texts and sort keys rely on that width.
pub(super) fn write_rfc3339(milliseconds: i64) -> String {
    let second = OffsetDateTime::from_unix_timestamp(milliseconds.div_euclid(1000));
    // A year of five digits is no RFC 3339, and readers of the answer would refuse all of it.
    let (at, part) = second.map_or((OffsetDateTime::UNIX_EPOCH, 0), |at| (at, milliseconds.rem_euclid(1000)));
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second) = at.to_hms();
    format!("{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{part:03}Z", u8::from(month))
}

/// Reads a time with any offset. A part of a millisecond is dropped, and a leap second, which ends a month in UTC, is the
/// millisecond before it.
pub(super) fn read_rfc3339(text: &str) -> Option<i64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(at.unix_timestamp() * 1000 + i64::from(at.millisecond()))
}

#[cfg(test)]
mod tests {
    use super::{RANGE, read_rfc3339, write_rfc3339};

    #[test]
    fn what_is_written_is_read() {
        const YEAR_0: i64 = -62_167_219_200_000;
        for time in (YEAR_0..=*RANGE.end()).step_by(53 * 86_399_999) {
            assert_eq!(read_rfc3339(&write_rfc3339(time)), Some(time));
        }
        for (time, text) in [
            (-1, "1969-12-31T23:59:59.999Z"),
            (-62_167_219_200_001, "-001-12-31T23:59:59.999Z"),
            (*RANGE.start(), "-9999-01-01T00:00:00.000Z"),
            (*RANGE.end(), "9999-12-31T23:59:59.999Z"),
            (RANGE.start() - 1, "1970-01-01T00:00:00.000Z"),
            (RANGE.end() + 1, "1970-01-01T00:00:00.000Z"),
            (i64::MIN, "1970-01-01T00:00:00.000Z"),
            (i64::MAX, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(write_rfc3339(time), text);
        }
    }

    /// Filters compare these, so a new version of the library must read them as this one does.
    #[test]
    fn odd_texts() {
        for (text, time) in [
            ("2024-02-29T00:00:00Z", Some("2024-02-29T00:00:00.000Z")),
            ("2023-02-29T00:00:00Z", None),
            ("1900-02-29T00:00:00Z", None),
            ("2000-02-29 00:00:00z", Some("2000-02-29T00:00:00.000Z")),
            ("2026-04-31T00:00:00Z", None),
            ("2026-01-31T24:00:00Z", None),
            ("2026-01-31T23:60:00Z", None),
            ("2026-01-31T23:59:61Z", None),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:59.999Z")),
            ("2016-12-31T23:59:60.5Z", Some("2016-12-31T23:59:59.999Z")),
            ("2016-12-30T23:59:60Z", None),
            ("2017-01-01T00:59:60+01:00", Some("2016-12-31T23:59:59.999Z")),
            ("2016-12-31T22:59:60Z", None),
            ("1969-12-31T23:59:59.9999Z", Some("1969-12-31T23:59:59.999Z")),
            ("2026-01-01T00:00:00.Z", None),
            ("2026-01-01T00:00:00.123456789012Z", Some("2026-01-01T00:00:00.123Z")),
            ("2026-01-01T00:00:00", None),
            ("2026-01-01", None),
            ("", None),
            ("2026-01-01T00:00:00+24:00", None),
            ("2026-01-01T00:00:00-23:59", Some("2026-01-01T23:59:00.000Z")),
            ("2026-01-01T00:00:00+01:60", None),
            ("2026-01-01T00:00:00+0100", None),
            ("2026-01-01T00:00:00Z ", None),
            ("+026-01-01T00:00:00Z", None),
            ("2026-1-01T00:00:00Z", None),
            ("2026-01-01é00:00:00Z", None),
            ("2026-01-01\u{7f}00:00:00Z", Some("2026-01-01T00:00:00.000Z")),
            ("2026-00-01T00:00:00Z", None),
            ("2026-01-00T00:00:00Z", None),
            ("0000-01-01T00:00:00Z", Some("0000-01-01T00:00:00.000Z")),
            ("9999-12-31T23:59:59.999Z", Some("9999-12-31T23:59:59.999Z")),
        ] {
            assert_eq!(read_rfc3339(text).map(write_rfc3339).as_deref(), time, "{text}");
        }
    }
}
