//! Days and times in the cells of an `.xlsx`, as people write them: the file holds a number of days
//! and, apart from it, the format in which the cell shows it.
//!
//! Invariants: a number becomes a day only by the format of its cell, and only within the years
//! that office programs know; every other number stays as it is in the file. Both ways of counting
//! are read: from 1900, with the 29 February that this year did not have, and from 1904.
//! Deliberately absent: names of months and weekdays, and the order that a format asks for: people
//! here write the day first.

use crate::domain::calendar;

/// Seconds of a day.
const DAY_SECONDS: i64 = 86_400;
/// The last day that office programs know: 31 December 9999, counted from 1900.
const LAST_DAY: f64 = 2_958_465.0;
/// The day before 1 January 1970, counted from 1900; before March 1900 one less.
const DAYS_TO_1970: i64 = 25_569;
/// Days from 1 January 1904 to that of 1970.
const DAYS_1904_TO_1970: i64 = 24_107;
/// The number of 29 February 1900, a day that was none.
const NO_DAY: i64 = 60;

/// How a cell shows a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DateFormat {
    has_day: bool,
    has_month: bool,
    has_year: bool,
    has_clock: bool,
    has_seconds: bool,
    /// Hours, which may be more than a day has.
    is_length: bool,
}

impl DateFormat {
    const DAY: Self = Self {
        has_day: true,
        has_month: true,
        has_year: true,
        has_clock: false,
        has_seconds: false,
        is_length: false,
    };

    /// The format that office programs have built in under this number; none = it shows no moment.
    pub(super) fn built_in(number: u32) -> Option<Self> {
        let code = match number {
            14 | 15 | 27..=31 | 36 | 50..=54 | 57 | 58 => return Some(Self::DAY),
            16 => "d/m",
            17 | 55 | 56 => "m/y",
            18 | 20 | 32 | 34 => "h:mm",
            19 | 21 | 33 | 35 => "h:mm:ss",
            22 => "d/m/y h:mm",
            45 | 47 => "mm:ss",
            46 => "[h]:mm:ss",
            _ => return None,
        };
        Self::read(code)
    }

    /// The format with this code; none = it shows no moment.
    pub(super) fn read(code: &str) -> Option<Self> {
        let mut format = Self::default();
        let mut has_m = false;
        // The first part is that of numbers above nothing; words and colours say nothing.
        let mut chars = code.chars().take(255);
        while let Some(c) = chars.next() {
            match c.to_ascii_lowercase() {
                ';' => break,
                '"' => while chars.next().is_some_and(|c| c != '"') {},
                '\\' | '_' | '*' => {
                    chars.next();
                }
                '[' => {
                    let within: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    let unit = within.to_ascii_lowercase();
                    let is_unit = !unit.is_empty() && unit.chars().all(|c| "hms".contains(c));
                    format.is_length |= is_unit;
                }
                'd' => format.has_day = true,
                'y' => format.has_year = true,
                'h' => format.has_clock = true,
                's' => (format.has_clock, format.has_seconds) = (true, true),
                'm' => has_m = true,
                // Digits of a number; behind a second they are its parts.
                '0' | '#' | '?' if !format.has_seconds && !format.is_length => return None,
                _ => {}
            }
        }
        format.has_clock |= format.is_length;
        let has_date = format.has_day || format.has_year;
        format.has_month = has_m && (has_date || !format.has_clock);
        (has_date || format.has_month || format.has_clock).then_some(format)
    }

    /// A number of days as people write this moment; none = it is none.
    pub(super) fn shown(self, days: f64, from_1904: bool) -> Option<String> {
        if !(0.0..=LAST_DAY).contains(&days) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, reason = "within the bounds above")]
        let seconds = (days * 86_400.0).round() as i64;
        let (day, clock) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
        if self.is_length {
            return Some(self.clock(seconds));
        }
        let has_date = self.has_day || self.has_month || self.has_year;
        let date = if has_date {
            Some(self.date(day, from_1904)?)
        } else {
            None
        };
        Some(match date {
            Some(date) if self.has_clock => format!("{date} {}", self.clock(clock)),
            Some(date) => date,
            None => self.clock(clock),
        })
    }

    fn clock(self, seconds: i64) -> String {
        let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if self.has_seconds && rest > 0 {
            format!("{hours:02}:{minutes:02}:{rest:02}")
        } else {
            format!("{hours:02}:{minutes:02}")
        }
    }

    fn date(self, day: i64, from_1904: bool) -> Option<String> {
        let number = match day {
            _ if from_1904 => day - DAYS_1904_TO_1970,
            // A time without a day, and the day that was none.
            0 | NO_DAY => return None,
            1..NO_DAY => day - DAYS_TO_1970 + 1,
            _ => day - DAYS_TO_1970,
        };
        let date = calendar::day(calendar::day_start(number));
        let (day, month) = (format!("{:02}", date.day), format!("{:02}", date.month));
        let year = date.year.to_string();
        let parts = [
            (self.has_day, day),
            (self.has_month, month),
            (self.has_year, year),
        ];
        let shown = parts.into_iter().filter(|(is_shown, _)| *is_shown);
        Some(shown.map(|(_, part)| part).collect::<Vec<_>>().join("/"))
    }
}

/// A moment as ISO 8601 has it, as people write it; none = it is none.
pub(super) fn iso_shown(text: &str) -> Option<String> {
    let (day, clock) = match text.trim().split_once('T') {
        Some((day, clock)) => (day, clock),
        None => (text.trim(), ""),
    };
    let date = calendar::day(calendar::day_start(calendar::parse_day(day)?));
    let day = format!("{:02}/{:02}/{}", date.day, date.month, date.year);
    let clock = clock.get(..5).filter(|clock| *clock != "00:00");
    Some(clock.map_or_else(|| day.clone(), |clock| format!("{day} {clock}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(code: &str, days: f64) -> Option<String> {
        DateFormat::read(code)?.shown(days, false)
    }

    #[test]
    fn a_number_is_the_day_that_people_write() {
        for (code, days, is) in [
            ("dd/mm/yyyy", 46_357.0, "01/12/2026"),
            ("yyyy-mm-dd;@", 45_292.0, "01/01/2024"),
            ("[$-42A]d mmmm yyyy;@", 45_351.0, "29/02/2024"),
            (
                "\"ngày\" dd \"tháng\" mm \"năm\" yyyy",
                45_292.0,
                "01/01/2024",
            ),
            ("d/m", 45_351.0, "29/02"),
            ("mm/yyyy", 45_292.0, "01/2024"),
            ("mmm-yy", 45_292.0, "01/2024"),
            ("yyyy", 45_292.0, "2024"),
            ("d/m/yy h:mm", 45_292.812_5, "01/01/2024 19:30"),
            ("h:mm", 0.812_5, "19:30"),
            ("h:mm AM/PM", 45_292.25, "06:00"),
            ("h:mm:ss", 0.812_511_574, "19:30:01"),
            ("mm:ss.0", 0.000_706_018_5, "00:01:01"),
            ("[h]:mm", 1.5, "36:00"),
            ("dd/mm/yyyy", 1.0, "01/01/1900"),
            ("dd/mm/yyyy", 59.0, "28/02/1900"),
            ("dd/mm/yyyy", 61.0, "01/03/1900"),
            ("dd/mm/yyyy h:mm", 45_291.999_999, "01/01/2024 00:00"),
            ("dd/mm/yyyy", 2_958_465.0, "31/12/9999"),
        ] {
            assert_eq!(shown(code, days).as_deref(), Some(is), "{code} {days}");
        }
        let from_1904 = DateFormat::DAY.shown(43_830.0, true);
        assert_eq!(from_1904.as_deref(), Some("01/01/2024"));
        assert_eq!(
            DateFormat::DAY.shown(0.0, true).as_deref(),
            Some("01/01/1904")
        );
    }

    #[test]
    fn what_is_no_moment_stays_a_number() {
        for code in [
            "General",
            "0",
            "#,##0",
            "#,##0.00 \"đồng\"",
            "0.00E+00",
            "0%",
            "@",
            "\"d\"0",
            "[Red]0",
            "\\d0",
            "",
        ] {
            assert_eq!(DateFormat::read(code), None, "{code}");
        }
        for days in [-1.0, 0.0, 60.0, 2_958_466.0, f64::NAN, f64::INFINITY] {
            assert_eq!(shown("dd/mm/yyyy", days), None, "{days}");
        }
        for number in [0, 1, 2, 3, 9, 10, 37, 44, 48, 49, 164] {
            assert_eq!(DateFormat::built_in(number), None, "{number}");
        }
    }

    #[test]
    fn built_in_formats_and_iso() {
        let shown = |number, days| DateFormat::built_in(number)?.shown(days, false);
        assert_eq!(shown(14, 45_292.0).as_deref(), Some("01/01/2024"));
        assert_eq!(shown(17, 45_292.0).as_deref(), Some("01/2024"));
        assert_eq!(shown(22, 45_292.5).as_deref(), Some("01/01/2024 12:00"));
        assert_eq!(shown(46, 2.0).as_deref(), Some("48:00"));
        assert_eq!(
            iso_shown("2024-01-01T00:00:00Z").as_deref(),
            Some("01/01/2024")
        );
        assert_eq!(
            iso_shown("2024-01-01T19:30:00").as_deref(),
            Some("01/01/2024 19:30")
        );
        assert_eq!(iso_shown("hôm nay"), None);
    }

    proptest::proptest! {
        #[test]
        fn noise_is_no_panic(code in ".{0,40}", days in proptest::num::f64::ANY) {
            let _ = DateFormat::read(&code).and_then(|format| format.shown(days, true));
            let _ = iso_shown(&code);
        }
    }
}
