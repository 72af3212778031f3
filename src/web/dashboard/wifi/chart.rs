//! The week's use as a picture from the server, a bar for each day, and the same in words for
//! whoever does not see it.

use crate::domain::calendar::{day_number, day_start, weekday};
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::guests::HourOfUse;
use crate::time::WallMs;

const DAYS: i64 = 7;
/// Width of a day in the picture.
const DAY_WIDTH: i64 = 50;
/// Width of a day's bar.
const BAR_WIDTH: i64 = 30;
/// Height of the tallest bar.
const HEIGHT: u64 = 100;

/// A day of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOfUse {
    /// Where its bar begins.
    x: i64,
    /// Height of its bar; 0 = nothing was used.
    height: u64,
    bytes: u64,
    /// “T3”.
    pub label: String,
    /// “Thứ Ba 24/11/2026: 3,1 GB, nhiều nhất 24 máy một lúc”.
    pub words: String,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekPicture {
    /// The picture in a sentence; empty = nothing was used, and there is no picture.
    pub words: String,
    /// The scale: how much the tallest bar is, and on which day.
    pub most: String,
    /// The days, oldest first.
    pub days: Vec<DayOfUse>,
}

impl WeekPicture {
    /// All bars as one path.
    pub fn path(&self) -> String {
        let bar = |d: &DayOfUse| {
            let (top, height) = (HEIGHT - d.height, d.height);
            format!("M{} {top}h{BAR_WIDTH}v{height}h-{BAR_WIDTH}z", d.x)
        };
        self.days.iter().filter(|d| d.height > 0).map(bar).collect()
    }

    /// The seven days that end with today.
    pub fn new(lang: Lang, now: WallMs, week: &[HourOfUse]) -> Self {
        let today = day_number(now);
        let first = today - DAYS + 1;
        let numbers = first..=today;
        let day = |number| DayOfUse::new(lang, number, first, week);
        let mut days: Vec<DayOfUse> = numbers.map(day).collect();
        let sum = days.iter().fold(0_u64, |s, d| s.saturating_add(d.bytes));
        // Of days with the same use the newest is named.
        let busiest = (first..).zip(&days).max_by_key(|(_, d)| d.bytes);
        let (number, most) = busiest.map_or((today, 0), |(number, d)| (number, d.bytes));
        if most == 0 {
            return Self {
                words: String::new(),
                most: String::new(),
                days: Vec::new(),
            };
        }
        for day in days.iter_mut().filter(|d| d.bytes > 0) {
            let height = u128::from(day.bytes) * u128::from(HEIGHT) / u128::from(most);
            // A day on which something was used is seen.
            day.height = u64::try_from(height).unwrap_or(HEIGHT).max(2);
        }
        let bytes = amounts::bytes(lang, most);
        let day = dates::long(lang, day_start(number));
        Self {
            words: lang.f("wifi-week-words", &[("bytes", &amounts::bytes(lang, sum))]),
            most: lang.f("wifi-week-most", &[("bytes", &bytes), ("day", &day)]),
            days,
        }
    }
}

impl DayOfUse {
    fn new(lang: Lang, number: i64, first: i64, week: &[HourOfUse]) -> Self {
        let of_day = || week.iter().filter(|h| h.hour.div_euclid(24) == number);
        let bytes = of_day().fold(0_u64, |s, h| s.saturating_add(h.bytes));
        let devices = of_day().map(|h| h.devices).max().unwrap_or(0);
        let at = day_start(number);
        let (date, used) = (dates::long(lang, at), amounts::bytes(lang, bytes));
        Self {
            x: (number - first) * DAY_WIDTH + (DAY_WIDTH - BAR_WIDTH) / 2,
            height: 0,
            bytes,
            label: lang.t(&format!("weekday-short-{}", weekday(at))),
            words: lang.f(
                "wifi-day-words",
                &[
                    ("day", &date),
                    ("bytes", &used),
                    ("n", &devices.to_string()),
                ],
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::ZONE_MS;

    fn use_at(at: WallMs, bytes: u64, devices: u16) -> HourOfUse {
        HourOfUse {
            hour: (at.ms() + ZONE_MS).div_euclid(3_600_000),
            bytes,
            devices,
        }
    }

    #[test]
    fn the_busiest_day_fills_the_picture_and_a_small_one_is_seen() {
        let today = day_start(20_000);
        let hour = 3_600_000;
        let week = [
            use_at(today - 7 * 24 * hour, 9_000, 9),
            use_at(today - 6 * 24 * hour, 1, 1),
            use_at(today - 24 * hour, 1_500_000_000, 12),
            use_at(today + 20 * hour, 2_000_000_000, 24),
            use_at(today + 21 * hour, 1_000_000_000, 30),
        ];
        let picture = WeekPicture::new(Lang::Vi, today + 22 * hour, &week);
        assert_eq!(
            picture.path(),
            "M10 98h30v2h-30zM260 50h30v50h-30zM310 0h30v100h-30z",
            "a bar a day, and the day before the week is not in it"
        );
        let labels: Vec<&str> = picture.days.iter().map(|d| d.label.as_str()).collect();
        assert_eq!(labels, ["T7", "CN", "T2", "T3", "T4", "T5", "T6"]);
        let last = &picture.days[6].words;
        assert!(last.contains("3 GB") && last.contains("30"), "{last}");
        assert!(picture.words.contains("4,5 GB"), "{}", picture.words);
        assert_eq!(picture.most, "Nhiều nhất: 3 GB, Thứ Sáu 4/10/2024");
    }

    #[test]
    fn a_week_without_use_has_no_picture() {
        let picture = WeekPicture::new(Lang::Vi, day_start(20_000), &[]);
        assert!(picture.words.is_empty() && picture.path().is_empty());
    }
}
