//! The one sentence about the free wifi: what keeps guests out, or how many are in.
//!
//! Invariant: it is the gateway's own decision about a guest who comes now, and no second one.

use crate::domain::guest::admission::{NotNow, Situation, UplinkUse, admission, uplink_use};
use crate::domain::guest::{Standing, WifiRules};
use crate::domain::state::VillageState;
use crate::i18n::amounts;
use crate::i18n::locale::Lang;
use crate::live::guests::GuestsNow;
use crate::supervisor::clock::Trust;
use crate::web::kit::app::App;
use crate::web::kit::components::Banner;

/// How the wifi looks, a sentence, and what else is to be said.
type Words = (&'static str, String, String);

/// The sentence.
pub(super) fn summary(app: &App, lang: Lang, state: &VillageState, guests: &GuestsNow) -> Banner {
    let (status_class, title, detail) = if !guests.is_configured {
        ("info", lang.t("wifi-none"), lang.t("wifi-none-do"))
    } else if guests.is_key_lost {
        ("bad", lang.t("wifi-key-lost"), lang.t("wifi-key-lost-do"))
    } else if !guests.is_in_force {
        ("bad", lang.t("wifi-broken"), lang.t("wifi-broken-do"))
    } else {
        let clock = app.supervisor.clock();
        let situation = Situation {
            now: (clock.trust() != Trust::None).then(|| clock.wall_ms()),
            standing: None,
            device_used: 0,
            house_used: guests.used_today,
            metered_used: guests.metered_today,
            uplink: guests.uplink,
            others_in: taken_places(state, guests),
            turn_in: None,
        };
        words(lang, &state.wifi.rules, guests, &situation)
    };
    Banner {
        id: "wifi-summary".into(),
        status_class,
        title,
        detail,
        ..Banner::default()
    }
}

/// Devices that are in and take a place: those that are let in always take none.
fn taken_places(state: &VillageState, guests: &GuestsNow) -> u16 {
    let is_always_in = |id| {
        let decided = state.wifi.decided.get(id);
        decided.is_some_and(|d| d.standing == Standing::AlwaysIn)
    };
    let devices = guests.devices.iter();
    let taken = devices.filter(|d| d.since.is_some() && !is_always_in(&d.id));
    u16::try_from(taken.count()).unwrap_or(u16::MAX)
}

fn words(lang: Lang, rules: &WifiRules, guests: &GuestsNow, at: &Situation) -> Words {
    let used = amounts::bytes(lang, guests.used_today);
    let n = guests.count_in().to_string();
    let count = lang.f("wifi-n-in", &[("n", &n), ("bytes", &used)]);
    let megabytes = |mb: u32| amounts::bytes(lang, u64::from(mb) * 1_000_000);
    let metered = amounts::bytes(lang, guests.metered_today);
    let said = |class, key: &str, detail: &str| (class, lang.t(key), lang.t(detail));
    let may_use = uplink_use(rules, at.uplink, at.metered_used);
    match (admission(rules, at), may_use) {
        (Err(NotNow::Off), _) => said("warn", "wifi-switched-off", "wifi-switched-off-do"),
        (_, UplinkUse::None) => said("bad", "wifi-line-down", "wifi-line-down-do"),
        (Err(NotNow::Closed { opens }), _) => {
            let opens = amounts::hour_of_day(lang, opens);
            (
                "info",
                lang.f("wifi-closed", &[("at", &opens)]),
                count + ".",
            )
        }
        (_, UplinkUse::GardenOnly) => (
            "warn",
            lang.t("wifi-line-metered"),
            lang.f("wifi-line-metered-do", &[("bytes", &metered)]),
        ),
        (Err(NotNow::HouseUsedUp), _) => (
            "warn",
            lang.t("wifi-house-used-up"),
            lang.f("wifi-house-used-up-sum", &[("bytes", &used)]),
        ),
        (Err(NotNow::Full), _) => (
            "warn",
            lang.t("wifi-full"),
            lang.f("wifi-full-sum", &[("n", rules.most_devices)]),
        ),
        (_, UplinkUse::Open) if guests.is_metered() => {
            let most = megabytes(rules.metered_mb);
            let pair = [("bytes", &metered), ("most", &most)];
            (
                "warn",
                lang.t("wifi-line-metered-open"),
                lang.f("wifi-line-metered-open-do", &pair),
            )
        }
        (_, UplinkUse::Open) => ("", count, hours_words(lang, rules)),
    }
}

/// Opening hours in words.
fn hours_words(lang: Lang, rules: &WifiRules) -> String {
    rules.hours.map_or_else(
        || lang.t("wifi-open-always"),
        |hours| {
            let until = amounts::hour_of_day(lang, hours.until);
            lang.f("wifi-open-until", &[("until", &until)])
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::day_start;
    use crate::domain::guest::admission::InternetUplink;

    /// The words with so many MB used, all of them on this uplink, at an hour of the day.
    fn said(
        rules: &WifiRules,
        uplink: InternetUplink,
        used_mb: u64,
        hour: i64,
    ) -> (String, String) {
        let used = used_mb * 1_000_000;
        let guests = GuestsNow {
            is_configured: true,
            is_in_force: true,
            uplink,
            used_today: used,
            metered_today: used,
            ..GuestsNow::default()
        };
        let situation = Situation {
            now: Some(day_start(20_000) + hour * 3_600_000),
            standing: None,
            device_used: 0,
            house_used: used,
            metered_used: used,
            uplink,
            others_in: 0,
            turn_in: None,
        };
        let (class, title, detail) = words(Lang::Vi, rules, &guests, &situation);
        (format!("{class}: {title}"), detail)
    }

    #[test]
    fn the_sentence_is_what_a_guest_meets_now() {
        use InternetUplink::{Down, Free, Metered};
        let rules = WifiRules {
            house_mb: Some(20_000),
            metered_mb: 500,
            ..WifiRules::default()
        };
        let off = WifiRules {
            is_on: false,
            ..rules.clone()
        };
        for (rules, uplink, used_mb, hour, title, detail) in [
            (
                &rules,
                Free,
                7,
                12,
                ": 0 máy đang dùng, hôm nay 7 MB",
                "Mở đến 22 giờ.",
            ),
            (
                &rules,
                Free,
                7,
                2,
                "info: Wifi đã đóng, 5 giờ mở lại",
                "hôm nay 7 MB.",
            ),
            (&rules, Down, 7, 2, "bad: Mất đường internet", "hộp mạng"),
            (
                &rules,
                Metered,
                7,
                12,
                "warn: Đang dùng 4G, khách vẫn vào được",
                "7 MB trong 500 MB",
            ),
            (
                &rules,
                Metered,
                500,
                12,
                "warn: Đang dùng 4G, khách phải chờ",
                "500 MB của 4G",
            ),
            (
                &rules,
                Free,
                20_000,
                12,
                "warn: Hôm nay wifi của thôn đã dùng hết",
                "20 GB",
            ),
            (
                &off,
                Free,
                7,
                12,
                "warn: Wifi của khách đang tắt",
                "Bật lại",
            ),
        ] {
            let (is_title, is_detail) = said(rules, uplink, used_mb, hour);
            assert!(is_title.starts_with(title), "{is_title}, not {title}");
            assert!(is_detail.contains(detail), "{is_detail}, not {detail}");
        }
    }
}
