//! When an entry was published: the dates of RSS (RFC 822) and of Atom (RFC 3339), and those of
//! offices that know neither: “30/11/2026 08:00”, “11/30/2026 8:00:00 AM”, in the village's zone.
//!
//! Deliberately absent: words such as “hôm qua”, which say nothing without the day of the reading.

use crate::domain::calendar::{Day, number_of};
use crate::time::WallMs;

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The moment; none = the text is no date of either kind.
pub(super) fn parse_moment(text: &str) -> Option<WallMs> {
    if text.len() > 64 || !text.is_ascii() {
        return None;
    }
    rfc3339(text)
        .or_else(|| rfc822(text))
        .or_else(|| slashed(text))
}

fn moment(day: Day, time: &str, zone_minutes: i64) -> Option<WallMs> {
    let mut parts = time.split(':');
    let mut part = |most: i64| -> Option<i64> {
        let digits = parts.next()?.split('.').next()?;
        let n: i64 = digits.parse().ok()?;
        (0..=most).contains(&n).then_some(n)
    };
    let (hour, minute) = (part(23)?, part(59)?);
    let second = part(60).unwrap_or(0);
    let is_known = (1970..10_000).contains(&day.year);
    let days = is_known.then(|| number_of(day)).flatten()?;
    let minutes = (days * 24 + hour) * 60 + minute - zone_minutes;
    Some(WallMs::new((minutes * 60 + second) * 1_000))
}

/// “+07:00”, “+0700”, “Z”, “GMT”: minutes.
fn zone(text: &str) -> Option<i64> {
    if matches!(text, "Z" | "z" | "GMT" | "UT" | "UTC" | "") {
        return Some(0);
    }
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let n: i64 = (digits.len() == 4).then(|| digits.parse().ok())??;
    Some(sign * (n / 100 * 60 + n % 100))
}

fn rfc3339(text: &str) -> Option<WallMs> {
    let (date, rest) = text.split_at_checked(10)?;
    let time = rest.strip_prefix(['T', 't', ' '])?;
    let mut parts = date.split('-');
    let day = Day {
        year: parts.next()?.parse().ok()?,
        month: parts.next()?.parse().ok()?,
        day: parts.next()?.parse().ok()?,
    };
    let at = time.find(['Z', 'z', '+', '-']).unwrap_or(time.len());
    let (time, zone_text) = time.split_at(at);
    moment(day, time.trim(), zone(zone_text.trim())?)
}

fn rfc822(text: &str) -> Option<WallMs> {
    let text = text.split_once(',').map_or(text, |(_, rest)| rest);
    let mut words = text.split_whitespace();
    let day = words.next()?.parse().ok()?;
    let month = words.next()?.get(..3)?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|m| *m == month)? + 1;
    let year: i32 = words.next()?.parse().ok()?;
    let day = Day {
        year: if year < 70 { year + 2000 } else { year },
        month: u8::try_from(month).ok()?,
        day,
    };
    moment(day, words.next()?, zone(words.next().unwrap_or_default())?)
}

/// A day with slashes and a time; with AM or PM behind it the month stands first.
fn slashed(text: &str) -> Option<WallMs> {
    let mut words = text.split_whitespace();
    let mut date = words.next()?.split('/');
    let mut part = || date.next()?.parse::<u8>().ok();
    let (first, second) = (part()?, part()?);
    let year = date.next().filter(|year| year.len() == 4)?.parse().ok()?;
    let time = words.next()?;
    let half = words.next().map(str::to_ascii_lowercase);
    let (day, month, hours) = match half.as_deref() {
        None => (first, second, 0),
        Some("am" | "pm") => {
            let is_noon_or_midnight = time.split(':').next() == Some("12");
            let hours = match (half.as_deref(), is_noon_or_midnight) {
                (Some("pm"), false) => 12,
                (Some("am"), true) => -12,
                _ => 0,
            };
            (second, first, hours)
        }
        Some(_) => return None,
    };
    let day = Day { year, month, day };
    moment(day, time, (7 - hours) * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_a_moment_are_read() {
        let at = Some(WallMs::new(1_795_219_509_000));
        for text in [
            "Sat, 21 Nov 2026 07:05:09 +0700",
            "21 Nov 26 00:05:09 GMT",
            "2026-11-21T07:05:09+07:00",
            "2026-11-21T00:05:09Z",
            "2026-11-21T00:05:09.123Z",
            "21/11/2026 07:05:09",
            "11/21/2026 7:05:09 AM",
        ] {
            assert_eq!(parse_moment(text), at, "{text}");
        }
        let noon = parse_moment("21/11/2026 12:30");
        assert!(noon.is_some() && parse_moment("11/21/2026 12:30:00 PM") == noon);
        assert_eq!(
            parse_moment("11/21/2026 12:30:00 AM"),
            parse_moment("21/11/2026 00:30")
        );
        for text in [
            "",
            "hôm qua",
            "2 giờ trước",
            "2 hours ago",
            "yesterday",
            "-1 day",
            "21/11/26 07:00",
            "31/02/2026 07:00",
            "21/11/2026 07:00 ICT",
            "21/11/2026",
            "2026-13-01T00:00:00Z",
            "Sat, 31 Feb 2026 00:00:00 GMT",
            "2026-11-21T25:00:00Z",
            "99999-01-01T00:00:00Z",
            "1 Nov",
            "2026-11-21T00:00:00+9",
        ] {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }
}
