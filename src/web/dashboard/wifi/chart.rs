//! The week's use as a picture from the server, and the same in words for whoever does not see it.

use crate::domain::calendar::{day, day_number, day_start};
use crate::i18n::amounts;
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::live::guests::HourOfUse;
use crate::time::WallMs;

const DAYS: i64 = 7;
/// Width of a day in the picture; an hour is two wide.
const DAY_WIDTH: i64 = 50;
/// Height of the tallest bar.
const HEIGHT: u64 = 100;

/// A bar of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourBar {
    pub x: i64,
    pub y: u64,
    pub height: u64,
}

/// A day of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayOfUse {
    /// Where its label stands.
    pub x: i64,
    /// “24/11”.
    pub label: String,
    /// “Thứ Ba 24/11/2026: 3,1 GB, nhiều nhất 24 máy một lúc”.
    pub words: String,
}

/// The picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekPicture {
    /// The picture in a sentence; empty = nothing was used, and there is no picture.
    pub words: String,
    pub bars: Vec<HourBar>,
    pub days: Vec<DayOfUse>,
}

impl WeekPicture {
    /// All bars as one path: a busy week has 168 of them, and a page is small.
    pub fn path(&self) -> String {
        let bar = |b: &HourBar| format!("M{} {}h2v{}h-2z", b.x, b.y, b.height);
        self.bars.iter().map(bar).collect()
    }

    /// The seven days that end with today.
    pub fn new(lang: Lang, now: WallMs, week: &[HourOfUse]) -> Self {
        let today = day_number(now);
        let first = today - DAYS + 1;
        let in_week = |h: &&HourOfUse| (first..=today).contains(&h.hour.div_euclid(24));
        let hours: Vec<&HourOfUse> = week.iter().filter(in_week).collect();
        let most = hours.iter().map(|h| h.bytes).max().unwrap_or(0);
        let sum = hours.iter().fold(0_u64, |s, h| s.saturating_add(h.bytes));
        if most == 0 {
            return Self {
                words: String::new(),
                bars: Vec::new(),
                days: Vec::new(),
            };
        }
        let bars = hours.iter().map(|h| {
            let height = u128::from(h.bytes) * u128::from(HEIGHT) / u128::from(most);
            // An hour in which something was used is seen.
            let height = u64::try_from(height).unwrap_or(HEIGHT).max(1);
            HourBar {
                x: (h.hour.div_euclid(24) - first) * DAY_WIDTH + 1 + h.hour.rem_euclid(24) * 2,
                y: HEIGHT - height,
                height,
            }
        });
        let days = (first..=today).map(|number| DayOfUse::new(lang, number, first, &hours));
        Self {
            words: lang.f("wifi-week-words", &[("bytes", &amounts::bytes(lang, sum))]),
            bars: bars.collect(),
            days: days.collect(),
        }
    }
}

impl DayOfUse {
    fn new(lang: Lang, number: i64, first: i64, hours: &[&HourOfUse]) -> Self {
        let of_day = || hours.iter().filter(|h| h.hour.div_euclid(24) == number);
        let bytes = of_day().fold(0_u64, |s, h| s.saturating_add(h.bytes));
        let devices = of_day().map(|h| h.devices).max().unwrap_or(0);
        let at = day_start(number);
        let (date, used) = (dates::long(lang, at), amounts::bytes(lang, bytes));
        Self {
            x: (number - first) * DAY_WIDTH + DAY_WIDTH / 2,
            label: format!("{}/{}", day(at).day, day(at).month),
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
    fn the_tallest_hour_fills_the_picture_and_a_small_one_is_seen() {
        let today = day_start(20_000);
        let hour = 3_600_000;
        let week = [
            use_at(today - 7 * 24 * hour, 9_000, 9),
            use_at(today - 6 * 24 * hour, 1, 1),
            use_at(today + 20 * hour, 2_000_000_000, 24),
            use_at(today + 21 * hour, 1_000_000_000, 30),
        ];
        let picture = WeekPicture::new(Lang::Vi, today + 22 * hour, &week);
        let bars: Vec<(i64, u64, u64)> =
            picture.bars.iter().map(|b| (b.x, b.y, b.height)).collect();
        assert_eq!(
            bars,
            [(1, 99, 1), (341, 0, 100), (343, 50, 50)],
            "the day before the week is not in it"
        );
        assert!(picture.path().starts_with("M1 99h2v1h-2zM341 0h2v100"));
        assert_eq!(picture.days.len(), 7);
        let last = &picture.days[6].words;
        assert!(last.contains("3 GB") && last.contains("30"), "{last}");
        assert!(picture.words.contains("3 GB"), "{}", picture.words);
    }

    #[test]
    fn a_week_without_use_has_no_picture() {
        let picture = WeekPicture::new(Lang::Vi, day_start(20_000), &[]);
        assert!(picture.words.is_empty() && picture.bars.is_empty());
    }
}
