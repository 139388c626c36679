//! RFC 3339 texts and milliseconds since 1970. A test holds both ways to the library `time`, whose parser and 128-bit
//! arithmetic would be 5 KB of the upload.

const DAY: i64 = 86_400_000;
/// 9999-12-31T23:59:59.999Z and its counterpart before year 0: further out stands the epoch.
pub(super) const RANGE: std::ops::RangeInclusive<i64> = -377_705_116_800_000..=253_402_300_799_999;

/// Year, month and day of a day since 1970, in a year that begins with March, so that a leap day is its last.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let day_of_month = of_year - (153 * march_month + 2) / 5 + 1;
    (year + era * 400 + i64::from(month <= 2), month, day_of_month)
}

/// The day since 1970 of a date; 31 is a day of any month here.
fn day_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// In UTC, with milliseconds.
pub(super) fn write(milliseconds: i64) -> String {
    let time = if RANGE.contains(&milliseconds) { milliseconds } else { 0 };
    let (year, month, day) = civil(time.div_euclid(DAY));
    let of_day = time.rem_euclid(DAY);
    let (hour, minute, second, part) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{part:03}Z")
}

fn symbol(rest: &mut &[u8]) -> Option<u8> {
    let (first, more) = rest.split_first()?;
    *rest = more;
    Some(*first)
}

fn number(rest: &mut &[u8], length: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
    let (digits, more) = rest.split_at_checked(length)?;
    *rest = more;
    let digit = |sum, b: &u8| b.is_ascii_digit().then(|| sum * 10 + i64::from(b - b'0'));
    digits.iter().try_fold(0, digit).filter(|number| range.contains(number))
}

/// With any offset; a part of a millisecond is dropped, and a leap second, which ends a month in UTC, is the
/// millisecond before it.
pub(super) fn read(text: &str) -> Option<i64> {
    let rest = &mut text.as_bytes();
    let then = |rest: &mut &[u8], mark, range| (symbol(rest)? == mark).then(|| number(rest, 2, range))?;
    let year = number(rest, 4, 0..=9999)?;
    let month = then(rest, b'-', 1..=12)?;
    let day = then(rest, b'-', 1..=31)?;
    let date = day_of(year, month, day);
    // Whatever separates the two: RFC 3339 section 5.6 allows a space too.
    symbol(rest)?;
    let hour = number(rest, 2, 0..=23)?;
    let minute = then(rest, b':', 0..=59)?;
    let second = then(rest, b':', 0..=60)?;
    let mut part = 0;
    let mut mark = symbol(rest)?;
    if mark == b'.' {
        let mut unit = 100;
        part = number(rest, 1, 0..=9)? * unit;
        mark = symbol(rest)?;
        while mark.is_ascii_digit() {
            unit /= 10;
            part += i64::from(mark - b'0') * unit;
            mark = symbol(rest)?;
        }
    }
    let offset = match mark {
        b'Z' | b'z' => 0,
        b'+' | b'-' => {
            let minutes = number(rest, 2, 0..=23)? * 60 + then(rest, b':', 0..=59)?;
            if mark == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let leap = second == 60;
    let of_day = (hour * 60 + minute - offset) * 60_000 + second * 1000 + if leap { -1 } else { part };
    let time = date * DAY + of_day;
    let month_ends = || (time + 1).rem_euclid(DAY) == 0 && civil((time + 1).div_euclid(DAY)).2 == 1;
    (rest.is_empty() && civil(date) == (year, month, day) && (!leap || month_ends())).then_some(time)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{DAY, RANGE, read, write};
    use proptest::prelude::*;
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    fn library(text: &str) -> Option<i64> {
        let nanoseconds = OffsetDateTime::parse(text, &Rfc3339).ok()?.unix_timestamp_nanos();
        i64::try_from(nanoseconds.div_euclid(1_000_000)).ok()
    }

    #[test]
    fn days_are_the_library_s() {
        for day in (-30_000..60_000).chain((-719_528..=2_932_896).step_by(61)) {
            let time = OffsetDateTime::from_unix_timestamp(day * 86_400).unwrap();
            let text = format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day());
            assert_eq!(write(day * DAY).split_once('T'), Some((&*text, "00:00:00.000Z")));
            assert_eq!(read(&write(day * DAY + 1)), Some(day * DAY + 1));
        }
        assert_eq!(write(RANGE.end() + 1), write(0));
        assert_eq!(write(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn the_odd_ones_are_read_alike() {
        for text in [
            "2024-02-29T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2000-02-29 00:00:00z",
            "2026-04-31T00:00:00Z",
            "2026-01-31T24:00:00Z",
            "2026-01-31T23:60:00Z",
            "2026-01-31T23:59:61Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.5Z",
            "2016-12-30T23:59:60Z",
            "2017-01-01T00:59:60+01:00",
            "2016-12-31T22:59:60Z",
            "1969-12-31T23:59:59.9999Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.123456789012Z",
            "2026-01-01T00:00:00",
            "2026-01-01",
            "",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00-23:59",
            "2026-01-01T00:00:00+01:60",
            "2026-01-01T00:00:00+0100",
            "2026-01-01T00:00:00Z ",
            "+026-01-01T00:00:00Z",
            "2026-1-01T00:00:00Z",
            "2026-01-01é00:00:00Z",
            "2026-01-01\u{7f}00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            assert_eq!(read(text), library(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn anything_like_it_is_read_alike(
            text in "(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{0,10})?(Z|[+-][0-2][0-9]:[0-6][0-9]|)"
        ) {
            prop_assert_eq!(read(&text), library(&text));
        }
    }
}
