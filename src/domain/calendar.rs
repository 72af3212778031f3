//! Vietnamese dates: weekday, solar and lunar, at UTC+7.
//!
//! Source of the lunar calendar: Hồ Ngọc Đức, “Computing the Vietnamese lunar calendar” (after J.
//! Meeus, Astronomical Algorithms, 1998): new moons and sun longitude at UTC+7.

use std::f64::consts::PI;

use crate::time::WallMs;

/// Hours east of Greenwich.
pub const ZONE: f64 = 7.0;
/// The same in ms.
pub const ZONE_MS: i64 = 7 * 3_600_000;
/// A day, ms.
pub const DAY_MS: i64 = 86_400_000;

/// A day of the common calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    /// Year.
    pub year: i32,
    /// 1–12.
    pub month: u8,
    /// 1–31.
    pub day: u8,
}

/// A day of the lunar calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LunarDay {
    /// Year.
    pub year: i32,
    /// 1–12.
    pub month: u8,
    /// 1–30.
    pub day: u8,
    /// Tháng nhuận.
    pub leap: bool,
}

/// Days since 1970-01-01 in the village's zone.
#[must_use]
pub const fn day_number(wall_ms: WallMs) -> i64 {
    wall_ms.ms().saturating_add(ZONE_MS).div_euclid(DAY_MS)
}

/// Minutes since midnight in the village's zone.
#[must_use]
pub fn minute_of_day(wall_ms: WallMs) -> u32 {
    u32::try_from(wall_ms.ms().saturating_add(ZONE_MS).rem_euclid(DAY_MS) / 60_000).unwrap_or(0)
}

/// 0 = Sunday … 6 = Saturday.
#[must_use]
pub fn weekday(wall_ms: WallMs) -> u8 {
    u8::try_from((day_number(wall_ms) + 4).rem_euclid(7)).unwrap_or(0)
}

/// The day in the village's zone. Source: H. Hinnant, “chrono-compatible low-level date
/// algorithms”.
#[must_use]
pub fn day(wall_ms: WallMs) -> Day {
    civil(day_number(wall_ms))
}

/// The number of a day, the inverse of [`day`]; none = there is no such day.
#[must_use]
pub fn number_of(wanted: Day) -> Option<i64> {
    let (month, day) = (i64::from(wanted.month), i64::from(wanted.day));
    let year = i64::from(wanted.year) - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let of_era = year.rem_euclid(400) * 365 + year.rem_euclid(400) / 4 - year.rem_euclid(400) / 100
        + of_year;
    let number = era * 146_097 + of_era - 719_468;
    (civil(number) == wanted).then_some(number)
}

/// The number of the day that a date field gives: “2026-11-21”.
#[must_use]
pub fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let day = Day {
        year: parts.next()?.parse().ok()?,
        month: parts.next()?.parse().ok()?,
        day: parts.next()?.parse().ok()?,
    };
    (parts.next().is_none() && (1970..10_000).contains(&day.year)).then(|| number_of(day))?
}

/// A day as a date field has it.
#[must_use]
pub fn day_text(number: i64) -> String {
    let day = civil(number);
    format!("{:04}-{:02}-{:02}", day.year, day.month, day.day)
}

/// A moment by the village's clock as RSS writes it: “Sat, 21 Nov 2026 07:05:09 +0700”.
#[must_use]
pub fn rfc822(at: WallMs) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let (on, time) = (day(at), time_text(at));
    let weekday = DAYS[usize::from(weekday(at)) % 7];
    let month = MONTHS[usize::from(on.month.saturating_sub(1)) % 12];
    format!(
        "{weekday}, {:02} {month} {:04} {time} +0700",
        on.day, on.year
    )
}

/// The same as RFC 3339 writes it: “2026-11-21T07:05:09+07:00”.
#[must_use]
pub fn rfc3339(at: WallMs) -> String {
    format!("{}T{}+07:00", day_text(day_number(at)), time_text(at))
}

fn time_text(at: WallMs) -> String {
    let minute = minute_of_day(at);
    let second = at.ms().rem_euclid(60_000) / 1_000;
    format!("{:02}:{:02}:{second:02}", minute / 60, minute % 60)
}

/// When a day begins in the village.
#[must_use]
pub const fn day_start(number: i64) -> WallMs {
    WallMs::new(number.saturating_mul(DAY_MS).saturating_sub(ZONE_MS))
}

fn civil(number: i64) -> Day {
    let z = number + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let (d, m) = (
        doy - (153 * mp + 2) / 5 + 1,
        if mp < 10 { mp + 3 } else { mp - 9 },
    );
    let year = yoe + era * 400 + i64::from(m <= 2);
    Day {
        year: i32::try_from(year).unwrap_or(0),
        month: u8::try_from(m).unwrap_or(1),
        day: u8::try_from(d).unwrap_or(1),
    }
}

/// Julian day number at noon of a day since 1970-01-01.
const fn julian(number: i64) -> i64 {
    number + 2_440_588
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "astronomical day numbers fit"
)]
fn new_moon(k: i64) -> i64 {
    let k = k as f64;
    let t = k / 1236.85;
    let (t2, t3) = (t * t, t * t * t);
    let dr = PI / 180.0;
    let mut jd = 2_415_020.759_33 + 29.530_588_68 * k + 0.000_117_8 * t2 - 0.000_000_155 * t3;
    jd += 0.000_33 * ((166.56 + 132.87 * t - 0.009_173 * t2) * dr).sin();
    let m = 359.2242 + 29.105_356_08 * k - 0.000_033_3 * t2 - 0.000_003_47 * t3;
    let mpr = 306.0253 + 385.816_918_06 * k + 0.010_730_6 * t2 + 0.000_012_36 * t3;
    let f = 21.2964 + 390.670_506_46 * k - 0.001_652_8 * t2 - 0.000_002_39 * t3;
    let mut c = (0.1734 - 0.000_393 * t) * (m * dr).sin() + 0.0021 * (2.0 * dr * m).sin();
    c -= 0.4068 * (mpr * dr).sin() - 0.0161 * (dr * 2.0 * mpr).sin();
    c -= 0.0004 * (dr * 3.0 * mpr).sin();
    c += 0.0104 * (dr * 2.0 * f).sin() - 0.0051 * (dr * (m + mpr)).sin();
    c -= 0.0074 * (dr * (m - mpr)).sin() - 0.0004 * (dr * (2.0 * f + m)).sin();
    c -= 0.0004 * (dr * (2.0 * f - m)).sin() + 0.0006 * (dr * (2.0 * f + mpr)).sin();
    c += 0.0010 * (dr * (2.0 * f - mpr)).sin() + 0.0005 * (dr * (2.0 * mpr + m)).sin();
    let delta = if t < -11.0 {
        0.001 + 0.000_839 * t + 0.000_226_1 * t2 - 0.000_008_45 * t3 - 0.000_000_081 * t * t3
    } else {
        -0.000_278 + 0.000_265 * t + 0.000_262 * t2
    };
    (jd + c - delta + 0.5 + ZONE / 24.0).floor() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "a twelfth of a circle")]
fn sun_sector(jdn: i64) -> i64 {
    let t = (jdn as f64 - 2_451_545.5 - ZONE / 24.0) / 36_525.0;
    let t2 = t * t;
    let dr = PI / 180.0;
    let m = 357.529_10 + 35_999.050_30 * t - 0.000_155_9 * t2 - 0.000_000_48 * t * t2;
    let l0 = 280.466_45 + 36_000.769_83 * t + 0.000_303_2 * t2;
    let dl = (1.914_600 - 0.004_817 * t - 0.000_014 * t2) * (dr * m).sin()
        + (0.019_993 - 0.000_101 * t) * (dr * 2.0 * m).sin()
        + 0.000_290 * (dr * 3.0 * m).sin();
    let l = ((l0 + dl) * dr).rem_euclid(PI * 2.0);
    (l / PI * 6.0).floor() as i64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "astronomical day numbers fit"
)]
fn lunar_month_11(year: i32) -> i64 {
    let off = julian(days_from_civil(year, 12, 31)) - 2_415_021;
    let k = (off as f64 / 29.530_588_853).floor() as i64;
    let nm = new_moon(k);
    if sun_sector(nm) >= 9 {
        new_moon(k - 1)
    } else {
        nm
    }
}

fn days_from_civil(year: i32, month: i64, day: i64) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "astronomical day numbers fit"
)]
fn leap_month_offset(a11: i64) -> i64 {
    let k = ((a11 as f64 - 2_415_021.076_998_695) / 29.530_588_853 + 0.5).floor() as i64;
    let mut i = 1;
    let mut arc = sun_sector(new_moon(k + i));
    loop {
        let last = arc;
        i += 1;
        arc = sun_sector(new_moon(k + i));
        if arc == last || i >= 14 {
            return i - 1;
        }
    }
}

/// The lunar day in the village's zone.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "astronomical day numbers fit"
)]
pub fn lunar(wall_ms: WallMs) -> LunarDay {
    let number = day_number(wall_ms);
    let year = civil(number).year;
    let jd = julian(number);
    let k = ((jd as f64 - 2_415_021.076_998_695) / 29.530_588_853).floor() as i64;
    let mut month_start = new_moon(k + 1);
    if month_start > jd {
        month_start = new_moon(k);
    }
    let mut a11 = lunar_month_11(year);
    let mut b11 = a11;
    let mut lunar_year = year;
    if a11 >= month_start {
        a11 = lunar_month_11(year - 1);
    } else {
        lunar_year = year + 1;
        b11 = lunar_month_11(year + 1);
    }
    let day = jd - month_start + 1;
    let diff = (month_start - a11) / 29;
    let mut leap = false;
    let mut month = diff + 11;
    if b11 - a11 > 365 {
        let leap_at = leap_month_offset(a11);
        if diff >= leap_at {
            month = diff + 10;
            leap = diff == leap_at;
        }
    }
    if month > 12 {
        month -= 12;
    }
    if month >= 11 && diff < 4 {
        lunar_year -= 1;
    }
    LunarDay {
        year: lunar_year,
        month: u8::try_from(month).unwrap_or(1),
        day: u8::try_from(day).unwrap_or(1),
        leap,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i32, month: i64, day: i64) -> WallMs {
        WallMs::new(days_from_civil(year, month, day) * DAY_MS + 5 * 3_600_000)
    }

    #[test]
    fn a_moment_is_written_for_feeds_in_the_village_s_zone() {
        let at = WallMs::new(1_795_219_509_000);
        assert_eq!(rfc822(at), "Sat, 21 Nov 2026 07:05:09 +0700");
        assert_eq!(rfc3339(at), "2026-11-21T07:05:09+07:00");
    }

    #[test]
    fn a_day_has_one_number_and_its_beginning_is_midnight_in_the_village() {
        for number in (-400..40_000).step_by(13) {
            let start = day_start(number);
            assert_eq!(number_of(day(start)), Some(number));
            assert_eq!(day_number(start), number);
            assert_eq!(day_number(start - 1), number - 1);
        }
        for (year, month, of_month) in [(2026, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31)] {
            let wrong = Day {
                year,
                month,
                day: of_month,
            };
            assert_eq!(number_of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn the_lunar_calendar_is_the_vietnamese_one() {
        for (y, m, d, lunar_day, lunar_month, leap) in [
            (2024, 2, 10, 1, 1, false),
            (2025, 1, 29, 1, 1, false),
            (2025, 7, 25, 1, 6, true),
            (2026, 2, 17, 1, 1, false),
            (2026, 11, 21, 13, 10, false),
            (2027, 2, 6, 1, 1, false),
            (2030, 2, 2, 1, 1, false),
            (2007, 2, 17, 1, 1, false),
            (1985, 1, 21, 1, 1, false),
            (2026, 12, 12, 4, 11, false),
        ] {
            let l = lunar(at(y, m, d));
            assert_eq!(
                (l.day, l.month, l.leap),
                (lunar_day, lunar_month, leap),
                "{y}-{m}-{d}"
            );
        }
    }

    #[test]
    fn days_weekdays_and_minutes_are_at_utc_plus_7() {
        assert_eq!(
            day(at(2026, 11, 21)),
            Day {
                year: 2026,
                month: 11,
                day: 21
            }
        );
        assert_eq!(weekday(at(2026, 11, 21)), 6, "a Saturday");
        assert_eq!(minute_of_day(at(2026, 11, 21)), 12 * 60);
        assert_eq!(
            day(WallMs::new(-1)),
            Day {
                year: 1970,
                month: 1,
                day: 1
            },
            "07:00 in the village"
        );
    }
}
