//! Days as the demo's data name them: not a date, but how far from the day of the run.
//!
//! `today`, `in 3 days`, `2 days ago`, `in at least 10 days`, `at least 2 days ago`, `first of next
//! month`, `end of last quarter`, `next Tết`, `next 29 February`; a weekday may stand before an “at
//! least” (`Saturday in at least 10 days`), a time of day after all of them (`…, 19:30`).
//! Invariants: a day is the village's (UTC+7), whatever zone the machine is in; what is “at least”
//! so far away falls on no feast, because nobody calls a meeting at Tết; the same words on the same
//! day give the same moment.

use anyhow::{Context as _, bail, ensure};
use conglang::domain::calendar::{Day, ZONE_MS, day, day_number, lunar};
use conglang::i18n::dates;
use conglang::i18n::locale::Lang;
use conglang::time::WallMs;

const DAY_MS: i64 = 86_400_000;
/// Days that are looked through at most: a 29 February may be eight years away.
const FARTHEST: i64 = 3_000;
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const EXAMPLES: &str = "“today”, “in 3 days”, “2 days ago, 7:00”, “Saturday in at least 10 days, \
    19:30”, “first of next month”, “end of last quarter”, “next Tết”, “next 29 February”";

/// A day of the village, and a time of that day where one was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Since 1970-01-01.
    number: i64,
    /// Since midnight.
    minute: Option<i64>,
}

impl Moment {
    /// Reads `words` on the day of `now`.
    ///
    /// # Errors
    /// A sentence when they are not understood.
    pub fn parse(words: &str, now: WallMs) -> anyhow::Result<Self> {
        let (day, time) = words
            .split_once(',')
            .map_or((words, None), |(d, t)| (d, Some(t)));
        let number = number(day.trim(), day_number(now))
            .with_context(|| format!("không hiểu ngày “{words}”; viết như {EXAMPLES}"))?;
        let minute = time
            .map(|t| {
                minute(t.trim())
                    .with_context(|| format!("không hiểu giờ trong “{words}”; viết như “19:30”"))
            })
            .transpose()?;
        Ok(Self { number, minute })
    }

    /// When it begins.
    pub fn begin(self) -> WallMs {
        midnight(self.number) + self.minute.unwrap_or(0) * 60_000
    }

    /// When it is over: the named time, or the last second of the day.
    pub fn end(self) -> WallMs {
        if self.minute.is_some() {
            self.begin()
        } else {
            midnight(self.number + 1) - 1_000
        }
    }

    /// The day in Vietnamese: all of it (`""`), or a part of it by name; none = there is no such
    /// part.
    pub fn words(self, part: &str) -> Option<String> {
        let at = self.begin();
        let Day { year, month, .. } = day(at);
        let long = || dates::long(Lang::Vi, at);
        Some(match part {
            "" => long(),
            "short" => long().trim_end_matches(&format!("/{year}")).to_owned(),
            "lunar" => dates::lunar_words(Lang::Vi, at),
            "time" => match self.minute? {
                m if m % 60 == 0 => format!("{} giờ", m / 60),
                m => format!("{} giờ {:02}", m / 60, m % 60),
            },
            "month" => format!("{month}/{year}"),
            "quarter" => ["I", "II", "III", "IV"]
                .get(usize::from(month.saturating_sub(1) / 3))?
                .to_string(),
            "year" => year.to_string(),
            _ => return None,
        })
    }
}

const fn midnight(number: i64) -> WallMs {
    WallMs::new(number * DAY_MS - ZONE_MS)
}

fn minute(text: &str) -> anyhow::Result<i64> {
    let (hour, minute) = text.split_once(':').context("không có dấu “:”")?;
    let (hour, minute): (i64, i64) = (hour.parse()?, minute.parse()?);
    ensure!(
        (0..24).contains(&hour) && (0..60).contains(&minute),
        "không có giờ nào như thế"
    );
    Ok(hour * 60 + minute)
}

/// The day that is meant, since 1970-01-01.
fn number(words: &str, today: i64) -> anyhow::Result<i64> {
    let first = words.split(' ').next().unwrap_or_default();
    if let Some(weekday) = WEEKDAYS.iter().position(|w| *w == first) {
        let rest = words[first.len()..].trim_start();
        let (start, step) = at_least(rest, today)?.with_context(|| {
            format!("sau “{first}” phải là “in at least … days” hay “at least … days ago”")
        })?;
        return ordinary(start, step, |n| {
            (n + 4).rem_euclid(7) == i64::try_from(weekday).unwrap_or(-1)
        });
    }
    if let Some((start, step)) = at_least(words, today)? {
        return ordinary(start, step, |_| true);
    }
    if let Some(n) = count(words, "in ", "")? {
        return Ok(today + n);
    }
    if let Some(n) = count(words, "", " ago")? {
        return Ok(today - n);
    }
    let ends_month = |n: i64| day(midnight(n + 1)).day == 1;
    match words {
        "today" => Ok(today),
        "first of next month" => find(today + 1, 1, |n| day(midnight(n)).day == 1),
        "end of last quarter" => find(today - 1, -1, |n| {
            ends_month(n) && day(midnight(n)).month.is_multiple_of(3)
        }),
        "next Tết" => find(today + 1, 1, |n| {
            let l = lunar(midnight(n));
            (l.month, l.day, l.leap) == (1, 1, false)
        }),
        _ => {
            let date = words
                .strip_prefix("next ")
                .and_then(|d| d.split_once(' '))
                .context("không có chữ nào như thế")?;
            let month = MONTHS
                .iter()
                .position(|m| *m == date.1)
                .context("không có tháng nào như thế")?
                + 1;
            let wanted: u8 = date.0.parse()?;
            find(today + 1, 1, |n| {
                day(midnight(n)).day == wanted && usize::from(day(midnight(n)).month) == month
            })
        }
    }
}

/// Where “at least …” begins and which way it goes on; none = the words have no “at least”.
fn at_least(words: &str, today: i64) -> anyhow::Result<Option<(i64, i64)>> {
    if let Some(n) = count(words, "in at least ", "")? {
        return Ok(Some((today + n, 1)));
    }
    Ok(count(words, "at least ", " ago")?.map(|n| (today - n, -1)))
}

/// The number of days between the words `before` and `after`; none = the words are others.
fn count(words: &str, before: &str, after: &str) -> anyhow::Result<Option<i64>> {
    let Some((number, unit)) = words
        .strip_prefix(before)
        .and_then(|w| w.strip_suffix(after))
        .and_then(|w| w.split_once(' '))
    else {
        return Ok(None);
    };
    let Ok(n) = number.parse::<i64>() else {
        return Ok(None);
    };
    ensure!(
        matches!(unit, "day" | "days"),
        "“{unit}” không phải là “days”"
    );
    ensure!(
        (0..=FARTHEST).contains(&n),
        "{n} ngày thì xa quá, nhiều nhất là {FARTHEST}"
    );
    Ok(Some(n))
}

/// The first day from `start` on that fits and is no feast.
fn ordinary(start: i64, step: i64, fits: impl Fn(i64) -> bool) -> anyhow::Result<i64> {
    find(start, step, |n| fits(n) && !feast(n))
}

fn find(start: i64, step: i64, fits: impl Fn(i64) -> bool) -> anyhow::Result<i64> {
    match (0..FARTHEST).map(|i| start + i * step).find(|n| fits(*n)) {
        Some(n) => Ok(n),
        None => bail!("không có ngày nào như thế"),
    }
}

/// Tết with the days around it, and the public holidays: nobody calls a meeting or cuts the power
/// then.
pub fn feast(number: i64) -> bool {
    let (sun, moon) = (day(midnight(number)), lunar(midnight(number)));
    let tet =
        !moon.leap && (moon.month == 12 && moon.day >= 28 || moon.month == 1 && moon.day <= 6);
    let kings = !moon.leap && (moon.month, moon.day) == (3, 10);
    tet || kings || matches!((sun.month, sun.day), (1 | 5, 1) | (4, 30) | (9, 2))
}
