//! Amounts as people say them: bytes, speeds, how long, an hour of the day.

use super::dates::number;
use super::locale::Lang;

/// Bytes, in the unit in which the number is short: “512 MB”, “1,2 GB”, in English “1.2 GB”.
#[must_use]
pub fn bytes(lang: Lang, n: u64) -> String {
    let tenths = |unit: u64| {
        #[expect(
            clippy::cast_precision_loss,
            reason = "tenths of a unit are shown, not bytes"
        )]
        let value = (n / (unit / 10).max(1)) as f64 / 10.0;
        value
    };
    if n >= 1_000_000_000 {
        format!("{} GB", number(lang, tenths(1_000_000_000), 1))
    } else if n >= 1_000_000 || n == 0 {
        format!("{} MB", n / 1_000_000)
    } else {
        // A phone that just came in has used little, and that is not nothing.
        format!("{} kB", (n / 1_000).max(1))
    }
}

/// The unit of a sensor in the language of a page: “mm/giờ”, in English “mm/h”.
#[must_use]
pub fn unit(lang: Lang, unit: &str) -> String {
    match (lang, unit.rsplit_once('/')) {
        (Lang::En, Some((amount, "giờ"))) => format!("{amount}/h"),
        (Lang::En, Some((amount, "phút"))) => format!("{amount}/min"),
        (Lang::En, Some((amount, "giây"))) => format!("{amount}/s"),
        (Lang::En, Some((amount, "ngày"))) => format!("{amount}/day"),
        _ => unit.to_owned(),
    }
}

/// A speed in kbit/s: “5 Mbit/s”.
#[must_use]
pub fn speed(lang: Lang, kbit: u32) -> String {
    if kbit >= 1_000 {
        format!("{} Mbit/s", number(lang, f64::from(kbit) / 1_000.0, 1))
    } else {
        format!("{kbit} kbit/s")
    }
}

/// How long: “3 giờ 20 phút”, “45 phút”; less than a minute is said so.
#[must_use]
pub fn how_long(lang: Lang, seconds: u64) -> String {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => lang.t("less-than-a-minute"),
        (0, m) => lang.f("minutes-long", &[("n", m)]),
        (h, 0) => lang.f("hours-long", &[("n", h)]),
        (h, m) => format!(
            "{} {}",
            lang.f("hours-long", &[("n", h)]),
            lang.f("minutes-long", &[("n", m)])
        ),
    }
}

/// A minute of the day within a sentence: “5 giờ”, “21 giờ 30”, in English “21:30”.
#[must_use]
pub fn hour_of_day(lang: Lang, minute: u16) -> String {
    let (hour, minute) = (minute / 60 % 24, minute % 60);
    match (lang, minute) {
        (Lang::En, _) => format!("{hour:02}:{minute:02}"),
        (Lang::Vi, 0) => format!("{hour} giờ"),
        (Lang::Vi, _) => format!("{hour} giờ {minute:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short_and_never_nothing_when_there_is_something() {
        let said = [
            (0, "0 MB"),
            (1, "1 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1 MB"),
            (999_999_999, "999 MB"),
            (1_000_000_000, "1 GB"),
            (1_250_000_000, "1,2 GB"),
            (48_600_000_000, "48,6 GB"),
        ];
        for (n, words) in said {
            assert_eq!(bytes(Lang::Vi, n), words);
        }
        assert_eq!(bytes(Lang::En, 1_250_000_000), "1.2 GB");
        let vi = |kbit| speed(Lang::Vi, kbit);
        assert_eq!(vi(512), "512 kbit/s");
        assert_eq!(vi(2_500), "2,5 Mbit/s");
        assert_eq!(speed(Lang::En, 2_500), "2.5 Mbit/s");
    }

    #[test]
    fn time_is_said_in_both_languages() {
        assert_eq!(how_long(Lang::Vi, 12_000), "3 giờ 20 phút");
        assert_eq!(how_long(Lang::Vi, 7_200), "2 giờ");
        assert_eq!(how_long(Lang::Vi, 59), "chưa đầy 1 phút");
        assert_eq!(how_long(Lang::En, 3_660), "1 hour 1 minute");
        assert_eq!(how_long(Lang::En, 7_320), "2 hours 2 minutes");
        assert_eq!(hour_of_day(Lang::Vi, 300), "5 giờ");
        assert_eq!(hour_of_day(Lang::Vi, 1_290), "21 giờ 30");
        assert_eq!(hour_of_day(Lang::En, 300), "05:00");
    }
}
