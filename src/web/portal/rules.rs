//! The rules of the wifi, as the village set them: when it is open, how much, what is kept and for
//! how long, whom to ask.

use axum::extract::State;
use axum::response::Response;

use super::gate::{self, AddressSentence};
use super::staff::WayToDashboard;
use super::visit::PortalVisit;
use super::{Portal, notices};
use crate::domain::guest::WifiRules;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, render};
use crate::i18n::amounts;
use crate::i18n::locale::Lang;

/// A film of ordinary sharpness comes without a stop from this speed on, kbit/s.
const FILM_KBIT: u32 = 5_000;

#[derive(askama::Template)]
#[template(path = "portal_rules.html")]
struct RulesPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// Each with its name and its words.
    rules: Vec<(String, String)>,
    kept: String,
    garden: Vec<String>,
    come_back: Option<AddressSentence>,
    way: WayToDashboard,
    /// Why the dashboard does not open from here.
    staff_only: Option<AddressSentence>,
}

/// The page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit) -> Response {
    let f = visit.context(&portal);
    let wifi = portal.app.journal.state().wifi.clone();
    render(&RulesPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: notices::size_key(&f),
        rules: rows(f.lang, &wifi.rules),
        kept: kept(f.lang, wifi.rules.keep_days),
        garden: wifi.rules.garden.clone(),
        way: portal.site.way_to_dashboard(visit.address),
        staff_only: AddressSentence::new(f.lang, "portal-manage-staff", portal.site.typed()),
        come_back: gate::come_back(f.lang, &portal),
        f,
    })
}

fn rows(lang: Lang, rules: &WifiRules) -> Vec<(String, String)> {
    let row = |key: &str, words: String| (lang.t(key), words);
    let hours = match rules.hours {
        None => lang.t("wifi-rule-always"),
        Some(hours) => {
            let at = |minute| amounts::hour_of_day(lang, minute);
            let (from, until) = (at(hours.from), at(hours.until));
            lang.f(
                "wifi-rule-from-until",
                &[("from", &from), ("until", &until)],
            )
        }
    };
    let session = match rules.session_minutes {
        None => lang.t("wifi-rule-until-closing"),
        Some(minutes) => {
            let time = amounts::how_long(lang, u64::from(minutes) * 60);
            lang.f("wifi-rule-session-time", &[("time", &time)])
        }
    };
    let megabytes = |mb: Option<u32>| {
        mb.map_or_else(
            || lang.t("wifi-rule-no-bound"),
            |mb| amounts::bytes(lang, u64::from(mb) * 1_000_000),
        )
    };
    let mut rows = vec![
        row("wifi-rule-hours", hours),
        row("wifi-rule-session", session),
        row("wifi-rule-device", megabytes(rules.device_mb)),
    ];
    if rules.house_mb.is_some() {
        rows.push(row("wifi-rule-house", megabytes(rules.house_mb)));
    }
    if let Some(kbit) = rules.device_kbit {
        let speed = amounts::speed(lang, kbit);
        let words = if kbit >= FILM_KBIT {
            lang.t("wifi-rule-speed-film")
        } else {
            speed
        };
        rows.push(row("wifi-rule-speed", words));
    }
    rows.push(row(
        "wifi-rule-devices",
        lang.f("wifi-rule-devices-n", &[("n", rules.most_devices)]),
    ));
    rows
}

fn kept(lang: Lang, days: u16) -> String {
    if days == 0 {
        lang.t("wifi-kept-none")
    } else {
        lang.f("wifi-kept", &[("days", days)])
    }
}
