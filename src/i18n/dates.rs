//! Dates and numbers as people write them.

use super::locale::Lang;
use crate::domain::calendar::{LunarDay, day, day_number, lunar, minute_of_day, weekday};
use crate::time::WallMs;

/// “14:05”.
#[must_use]
pub fn clock(at: WallMs) -> String {
    time_of_day(minute_of_day(at))
}

/// “14:05”, of the minutes since midnight.
#[must_use]
pub fn time_of_day(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// “21/11/2026”.
#[must_use]
pub fn date(at: WallMs) -> String {
    let d = day(at);
    format!("{}/{}/{}", d.day, d.month, d.year)
}

/// “Thứ Bảy 21/11/2026”.
#[must_use]
pub fn long(lang: Lang, at: WallMs) -> String {
    format!(
        "{} {}",
        lang.t(&format!("weekday-{}", weekday(at))),
        date(at)
    )
}

/// “14:05, Thứ Bảy 21/11/2026”.
#[must_use]
pub fn moment(lang: Lang, at: WallMs) -> String {
    format!("{}, {}", clock(at), long(lang, at))
}

/// A day as people say it now: “hôm nay”, “ngày mai”, “hôm qua”, else “Thứ Năm 3/12”, with its year
/// when that is another one.
#[must_use]
pub fn near(lang: Lang, now: WallMs, at: WallMs) -> String {
    let d = day(at);
    match day_number(at) - day_number(now) {
        0 => lang.t("day-today"),
        1 => lang.t("day-tomorrow"),
        -1 => lang.t("day-yesterday"),
        _ if d.year != day(now).year => long(lang, at),
        _ => {
            let weekday = lang.t(&format!("weekday-{}", weekday(at)));
            format!("{weekday} {}/{}", d.day, d.month)
        }
    }
}

/// A moment as people say it now: “Thứ Bảy 12/12, 19:30”; midnight is a whole day.
#[must_use]
pub fn near_moment(lang: Lang, now: WallMs, at: WallMs) -> String {
    let day = near(lang, now, at);
    if minute_of_day(at) == 0 {
        day
    } else {
        format!("{day}, {}", clock(at))
    }
}

/// “19 giờ 30”, “7 giờ”.
#[must_use]
pub fn spoken_clock(lang: Lang, at: WallMs) -> String {
    let (hour, minute) = (minute_of_day(at) / 60, minute_of_day(at) % 60);
    if minute == 0 {
        lang.f("clock-hour", &[("hour", &hour.to_string())])
    } else {
        let (hour, minute) = (hour.to_string(), format!("{minute:02}"));
        lang.f("clock-minute", &[("hour", &hour), ("minute", &minute)])
    }
}

/// “13 tháng Mười âm lịch”, “mùng 4 tháng Mười một âm lịch”, “rằm tháng Giêng âm lịch”.
#[must_use]
pub fn lunar_words(lang: Lang, at: WallMs) -> String {
    let LunarDay {
        month, day, leap, ..
    } = lunar(at);
    let number = day.to_string();
    let day = match (lang, day) {
        (Lang::Vi, 1..=10) => format!("mùng {number}"),
        (Lang::Vi, 15) => "rằm".to_owned(),
        _ => number,
    };
    let month = lang.t(&format!("lunar-month-{month}"));
    lang.f(
        if leap { "lunar-leap" } else { "lunar-date" },
        &[("day", &day), ("month", &month)],
    )
}

/// The day by both calendars, in one line of a phone: “Thứ Bảy 21/11 · 13/10 âm lịch”.
#[must_use]
pub fn both_calendars(lang: Lang, at: WallMs) -> String {
    let (sun, moon) = (day(at), lunar(at));
    let key = if moon.leap {
        "lunar-short-leap"
    } else {
        "lunar-short"
    };
    let of_moon = lang.f(key, &[("day", moon.day), ("month", moon.month)]);
    let weekday = lang.t(&format!("weekday-{}", weekday(at)));
    format!("{weekday} {}/{} · {of_moon}", sun.day, sun.month)
}

/// Since when, short: “14:05” today, “19/11” before.
#[must_use]
pub fn since(now: WallMs, at: WallMs) -> String {
    if day_number(now) == day_number(at) {
        clock(at)
    } else {
        let d = day(at);
        format!("{}/{}", d.day, d.month)
    }
}

/// A number as people write it, without needless decimals: “31,5”, in English “31.5”.
#[must_use]
pub fn number(lang: Lang, value: f64, decimals: u8) -> String {
    let pointed = |text: String| match lang {
        Lang::Vi => text.replace('.', ","),
        Lang::En => text,
    };
    if !value.is_finite() {
        return "–".to_owned();
    }
    // Nobody can read three hundred digits.
    if value.abs() >= 1e12 {
        return pointed(format!("{value:.1e}"));
    }
    let text = format!("{value:.*}", usize::from(decimals.min(3)));
    pointed(if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    })
}

/// A count with its thousands apart: “19.240”, in English “19,240”.
#[must_use]
pub fn count(lang: Lang, n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(match lang {
                Lang::Vi => '.',
                Lang::En => ',',
            });
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_said_as_people_say_them() {
        // 2026-11-21 07:05 UTC = 14:05 in the village.
        let at = WallMs::new(1_795_244_700_000);
        assert_eq!(
            (clock(at).as_str(), long(Lang::Vi, at).as_str()),
            ("14:05", "Thứ Bảy 21/11/2026")
        );
        assert_eq!(lunar_words(Lang::Vi, at), "13 tháng Mười âm lịch");
        assert_eq!(
            both_calendars(Lang::Vi, at),
            "Thứ Bảy 21/11 · 13/10 âm lịch"
        );
        assert_eq!(since(at, at - 2 * 86_400_000), "19/11");
        let day = 86_400_000;
        for (days, said) in [
            (0, "hôm nay, 14:05"),
            (1, "ngày mai, 14:05"),
            (-1, "hôm qua, 14:05"),
            (12, "Thứ Năm 3/12, 14:05"),
            (60, "Thứ Tư 20/1/2027, 14:05"),
        ] {
            assert_eq!(near_moment(Lang::Vi, at, at + days * day), said);
        }
        let midnight = at + -(14 * 60 + 5) * 60_000;
        assert_eq!(near_moment(Lang::Vi, at, midnight), "hôm nay");
        assert_eq!(spoken_clock(Lang::Vi, at), "14 giờ 05");
        assert_eq!(spoken_clock(Lang::Vi, at + 55 * 60_000), "15 giờ");
        assert_eq!(spoken_clock(Lang::En, at), "14:05");
        assert_eq!(number(Lang::Vi, 172.0, 0), "172");
        assert_eq!(number(Lang::Vi, 31.50, 2), "31,5");
        assert_eq!(number(Lang::En, 31.50, 2), "31.5");
        assert_eq!(number(Lang::Vi, 100.0, 0), "100");
        assert_eq!(count(Lang::Vi, 48_600_000), "48.600.000");
        assert_eq!(
            (count(Lang::En, 1_240), count(Lang::Vi, 0)),
            ("1,240".into(), "0".into())
        );
        assert_eq!(
            (
                number(Lang::Vi, 1e308, 1).as_str(),
                number(Lang::Vi, f64::NAN, 1).as_str()
            ),
            ("1,0e308", "–")
        );
        // A clock may show anything: no date may panic.
        for at in [i64::MIN, -1, 253_402_300_800_000, i64::MAX].map(WallMs::new) {
            let _ = (
                clock(at),
                date(at),
                long(Lang::Vi, at),
                since(WallMs::default(), at),
                since(at, WallMs::default()),
            );
        }
    }
}
