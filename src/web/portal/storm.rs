//! Khi có bão, lũ: what people need on a night without power and internet, on one page.
//!
//! Invariants: nothing here comes from outside the village hall, so the page opens with the line
//! cut. A warning is an authority's notice, with when it was posted; the village's own gauges say
//! that they are no warning. The page is made once for each change of the village, and for new
//! readings every five seconds, however many phones ask (`made_once`).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::Portal;
use super::addresses::phone;
use super::made_once::{PageBytes, SharedPage};
use super::notices::size_key;
use super::visit::PortalVisit;
use crate::config::board::OfficialKind;
use crate::domain::entity::Kind;
use crate::domain::notice::Notice;
use crate::domain::sensor::Sensor;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan};
use crate::i18n::dates;
use crate::i18n::locale::Lang;
use crate::view::trend::change_in_an_hour;
use crate::web::kit::app::App;
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::notices::{NoticeSummary, summarize, verbatim_spans};
use crate::web::kit::risk_sign::RiskSign;

/// The units in which water and rain are measured.
const WATER_UNITS: [&str; 6] = ["cm", "m", "mm", "mm/h", "mm/giờ", "mm/hour"];

/// How often new readings are taken over, ms.
const TICK_MS: u64 = 5_000;

/// A gauge as its row says.
struct GaugeRow {
    name: String,
    /// “172 cm”.
    value: String,
    /// How it moves, how far to the next mark, when it was read.
    words: String,
    /// An alarm is raised.
    is_high: bool,
}

/// A part of the plan, with its rows.
struct PlanPart {
    title: String,
    rows: Vec<Vec<TextSpan>>,
}

/// A warning that is in force, as its authority gave it.
struct StormWarning {
    summary: NoticeSummary,
    risk: Option<RiskSign>,
}

/// A telephone of the country.
struct EmergencyCall {
    phone: Vec<TextSpan>,
    name: String,
}

#[derive(askama::Template)]
#[template(path = "portal_storm.html")]
struct StormPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    /// The moment of the page.
    made: String,
    /// The highest risk first, then the newest.
    bulletins: Vec<StormWarning>,
    gauges: Vec<GaugeRow>,
    parts: Vec<PlanPart>,
    calls: Vec<EmergencyCall>,
}

/// The page.
pub async fn page(State(portal): State<Portal>, visit: PortalVisit, asked: HeaderMap) -> Response {
    let tick = portal.app.supervisor.clock().mono_ms().ms() / TICK_MS;
    let page = SharedPage::Storm(visit.lang, visit.big, tick);
    let make = move |portal: &Portal| PageBytes::of_page(&storm_page(portal, visit));
    match portal.shared(page, make).await {
        Ok(page) => page.answer(&asked),
        Err(failed) => failed,
    }
}

fn storm_page(portal: &Portal, visit: PortalVisit) -> StormPage {
    let f = visit.context(portal);
    let (app, lang) = (&portal.app, f.lang);
    let now = app.supervisor.clock().wall_ms();
    let plan = app.storm_plan();
    let part = |key: &str, rows: &[String]| PlanPart {
        title: lang.t(key),
        rows: rows.iter().map(|row| verbatim_spans(lang, row)).collect(),
    };
    let official = app.board.official.iter();
    let calls = official.filter(|a| a.kind == OfficialKind::Emergency);
    let calls = calls.filter_map(|address| {
        Some(EmergencyCall {
            phone: phone(address.phone.as_deref()?),
            name: lang.verbatim(&address.name),
        })
    });
    StormPage {
        css: BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        made: format!("{} {}", dates::clock(now), dates::long(lang, now)),
        bulletins: app
            .bulletins()
            .iter()
            .map(|n| storm_warning(app, lang, n))
            .collect(),
        gauges: gauges(app, lang),
        parts: vec![
            part("storm-shelters", &plan.shelters),
            part("storm-boats", &plan.boats),
            part("storm-phones", &plan.phones),
        ],
        calls: calls.collect(),
        f,
    }
}

fn storm_warning(app: &App, lang: Lang, notice: &Notice) -> StormWarning {
    StormWarning {
        summary: summarize(app, lang, notice),
        risk: ShownNotice::published(app, lang, notice, "").risk,
    }
}

/// The gauges of water and rain that have marks.
fn gauges(app: &App, lang: Lang) -> Vec<GaugeRow> {
    let state = app.village();
    let is_water = |sensor: &Sensor| {
        let is_gauge = state.entities.get(&sensor.id);
        let is_gauge = is_gauge.is_none_or(|e| e.kind != Kind::BinarySensor);
        is_gauge && !sensor.thresholds.is_empty() && WATER_UNITS.contains(&sensor.unit.as_str())
    };
    let gauges = state.sensors.values().filter(|sensor| is_water(sensor));
    gauges.map(|sensor| gauge(app, lang, sensor)).collect()
}

fn gauge(app: &App, lang: Lang, sensor: &Sensor) -> GaugeRow {
    let number = |value: f64| dates::number(lang, value, sensor.decimals);
    let unit = sensor.unit.as_str();
    let latest = app.live.latest.get(&sensor.id);
    let mut words = Vec::new();
    if let Some(change) = change_in_an_hour(&app.samples.of(&sensor.id)) {
        let key = match change {
            0 => "storm-steady",
            1.. => "storm-rising",
            _ => "storm-falling",
        };
        let by = change.unsigned_abs() as f64 / 10_f64.powi(i32::from(sensor.decimals));
        words.push(lang.f(key, &[("by", number(by).as_str()), ("unit", unit)]));
    }
    let value = latest.map(|v| v.number);
    let next = sensor
        .thresholds
        .iter()
        .find(|mark| value.is_none_or(|value| value < **mark));
    if let Some(next) = next {
        let told = [("mark", &*number(*next)), ("unit", unit)];
        words.push(lang.f("storm-next-mark", &told));
    }
    if let Some(value) = latest {
        let now = app.supervisor.clock().wall_ms();
        let time = dates::since(now, value.at);
        words.push(lang.f("reading-at", &[("time", &time)]));
    }
    GaugeRow {
        name: lang.verbatim(&sensor.name),
        value: value.map_or_else(
            || lang.t("storm-no-reading"),
            |value| format!("{} {unit}", number(value)),
        ),
        words: words.join(" · "),
        is_high: sensor.alarm.is_some(),
    }
}
