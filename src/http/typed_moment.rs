//! Days and times as fields of a form carry them, and as people type them.
//!
//! Invariant: what cannot be read is a problem of its field, and nothing is guessed.

use crate::domain::calendar::{Day, day_start, number_of, parse_day};
use crate::time::WallMs;

/// A minute, ms.
pub const MINUTE_MS: i64 = 60_000;

/// Why a moment cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MomentProblem {
    /// It is about the time; otherwise it is about the day.
    pub is_of_time: bool,
    /// The key of its sentence.
    pub key: &'static str,
}

/// The moment in a field of a day and one of a time; without a time it is midnight. None = both are
/// empty.
///
/// # Errors
/// The first of the two that cannot be read.
pub fn moment(day: &str, time: &str) -> Result<Option<WallMs>, MomentProblem> {
    let problem = |is_of_time, key| MomentProblem { is_of_time, key };
    let (day, time) = (day.trim(), time.trim());
    if day.is_empty() {
        return if time.is_empty() {
            Ok(None)
        } else {
            Err(problem(false, "notice-time-alone"))
        };
    }
    let number = typed_day(day).ok_or(problem(false, "notice-wrong-day"))?;
    let minutes = if time.is_empty() {
        0
    } else {
        minutes(time).ok_or(problem(true, "notice-wrong-time"))?
    };
    Ok(Some(day_start(number) + minutes * MINUTE_MS))
}

/// A day as a date field sends it, or as people type it: “21/11/2026”.
#[must_use]
pub fn typed_day(typed: &str) -> Option<i64> {
    let typed = typed.trim();
    parse_day(typed).or_else(|| {
        let mut parts = typed.split(['/', '.', '-']).map(str::trim);
        let day = Day {
            day: parts.next()?.parse().ok()?,
            month: parts.next()?.parse().ok()?,
            year: parts.next()?.parse().ok()?,
        };
        let is_day = parts.next().is_none() && (1970..10_000).contains(&day.year);
        is_day.then(|| number_of(day))?
    })
}

/// Minutes since midnight: “19:30”, “19h30”, “19 giờ”.
#[must_use]
pub fn minutes(typed: &str) -> Option<i64> {
    let mut numbers = typed
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .map(|part| part.parse::<i64>().ok());
    let hour = numbers.next()??;
    let minute = numbers.next().unwrap_or(Some(0))?;
    let is_time = (0..24).contains(&hour) && (0..60).contains(&minute);
    is_time.then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_text;

    #[test]
    fn days_and_times_are_read_as_fields_send_them_and_as_people_type_them() {
        for typed in ["2026-12-12", "12/12/2026", "12.12.2026", " 12-12-2026 "] {
            assert_eq!(
                typed_day(typed).map(day_text).as_deref(),
                Some("2026-12-12")
            );
        }
        for typed in ["31/2/2026", "12/2026", "mai", "1/1/99999", "1/1/2026/5"] {
            assert_eq!(typed_day(typed), None, "{typed}");
        }
        for (typed, read) in [
            ("19:30", Some(1_170)),
            ("19h30", Some(1_170)),
            ("19 giờ", Some(1_140)),
            ("7 giờ 5", Some(425)),
            ("25:00", None),
            ("tối", None),
        ] {
            assert_eq!(minutes(typed), read, "{typed}");
        }
    }

    #[test]
    fn a_moment_is_a_day_with_or_without_a_time_and_never_a_time_alone() {
        let problem = |day: &str, time: &str| moment(day, time).map_err(|p| (p.is_of_time, p.key));
        assert_eq!(problem(" ", ""), Ok(None));
        let midnight = moment("1/1/1970", "").expect("a day").expect("a day");
        assert_eq!(
            moment("1/1/1970", "0:05"),
            Ok(Some(midnight + 5 * MINUTE_MS))
        );
        assert_eq!(problem("", "19:30"), Err((false, "notice-time-alone")));
        assert_eq!(problem("mai", ""), Err((false, "notice-wrong-day")));
        assert_eq!(problem("1/1/2026", "tối"), Err((true, "notice-wrong-time")));
    }
}
