//! Khi có bão, lũ: what people need on a night without power and internet, on one page.
//!
//! Invariants: nothing here comes from outside the village hall, so the page opens with the line
//! cut. A warning is an authority's notice, with when it was posted; the village's own gauges say
//! that they are no warning. The page is made once for each change of the village, and for new
//! readings every five seconds, however many phones ask (`made_once`).

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::made_once::{PageBytes, SharedPage};
use super::notices::size_key;
use super::places::{DirectoryLink, shelter_links};
use super::visit::PortalVisit;
use super::{Portal, addresses};
use crate::config::board::OfficialKind;
use crate::domain::entity::Kind;
use crate::domain::sensor::Sensor;
use crate::domain::storm::StormPlanRows;
use crate::http::assets::STORM_STYLE;
use crate::http::render::{PageContext, TextSpan, dial, split_phones};
use crate::i18n::locale::{Lang, capital};
use crate::i18n::{amounts, dates};
use crate::view::trend::change_in_an_hour;
use crate::web::kit::app::App;
use crate::web::kit::links::PublicPage;
use crate::web::kit::notices::{NoticeSummary, summarize, verbatim_spans};
use crate::web::kit::qr::{CodeMatrix, CodeUse};
use crate::web::kit::storm::MOST_BULLETINS;

/// The units in which water and rain are measured, and how close to a mark is near.
const WATER_UNITS: [(&str, f64); 6] = [
    ("cm", 10.0),
    ("m", 0.1),
    ("mm", 10.0),
    ("mm/h", 5.0),
    ("mm/giờ", 5.0),
    ("mm/hour", 5.0),
];
/// A telephone of the country that is for other nights.
const CHILD_HELPLINE: &str = "111";
/// The telephone that comes first on this page.
const RESCUE: &str = "112";

/// How often new readings are taken over, ms.
const TICK_MS: u64 = 5_000;

/// A gauge as its row says.
struct GaugeRow {
    name: String,
    /// “172 cm”.
    value: String,
    /// How it moves, how far to the next mark, when it was read.
    words: String,
    /// The class of its mark: an alarm is raised, or the next mark is near; empty = neither.
    mark: &'static str,
}

/// A row that somebody reads, and may tap if it has a telephone.
struct CallRow {
    before: String,
    /// As it is read.
    number: String,
    /// The number as a phone dials it; empty = the row has no telephone.
    dial: String,
    after: String,
}

/// A part of the page, with its rows.
struct PlanPart {
    title: String,
    rows: Vec<CallRow>,
}

impl PlanPart {
    /// A part of the plan.
    fn of(lang: Lang, key: &str, rows: &[String]) -> Self {
        Self {
            title: lang.t(key),
            rows: rows.iter().flat_map(|row| calls_of(lang, row)).collect(),
        }
    }
}

/// The rows of a typed row: one for each telephone, with the words before it.
fn calls_of(lang: Lang, typed: &str) -> Vec<CallRow> {
    let mut rows: Vec<CallRow> = Vec::new();
    let mut before = String::new();
    for span in verbatim_spans(lang, typed) {
        if span.dial.is_empty() {
            before = span.words;
        } else {
            let clear = |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '.' | '–' | '-');
            let words = before.trim_start_matches(clear).trim_end();
            rows.push(CallRow {
                before: words.to_owned(),
                number: span.words,
                dial: span.dial,
                after: String::new(),
            });
            before.clear();
        }
    }
    match rows.last_mut() {
        Some(last) => last.after = before,
        None => rows.push(CallRow {
            before,
            number: String::new(),
            dial: String::new(),
            after: String::new(),
        }),
    }
    rows
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
    /// The highest risk first, then the newest; each with its link in letters.
    bulletins: Vec<(NoticeSummary, String)>,
    /// There are further ones, on the list of all notices.
    has_more: bool,
    /// Telephones and shelters: what people need first.
    first: Vec<PlanPart>,
    /// The way to each shelter that is on the map.
    shelters: Vec<DirectoryLink>,
    gauges: Vec<GaugeRow>,
    /// Boats.
    last: Vec<PlanPart>,
    /// The parts that the plan leaves empty, and somebody to ask; empty = it says all.
    missing: Vec<TextSpan>,
    /// The code of this page, for paper, and its link in letters.
    code: String,
    letters: String,
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
    let bulletins = app.bulletins();
    let has_more = bulletins.len() > MOST_BULLETINS;
    let bulletins = bulletins.iter().take(MOST_BULLETINS).map(|notice| {
        let letters = app.links.typed(PublicPage::Notice(notice));
        (summarize(app, lang, notice), letters)
    });
    let map = app.live.directory.get();
    let link = app.links.to(PublicPage::Storm);
    let code = CodeMatrix::new(&link, CodeUse::Paper);
    let letters = app.links.typed(PublicPage::Storm);
    StormPage {
        css: &STORM_STYLE,
        q: visit.query(),
        size: size_key(&f),
        made: format!("{} {}", dates::clock(now), dates::long(lang, now)),
        bulletins: bulletins.collect(),
        has_more,
        first: vec![
            emergency_calls(app, lang),
            PlanPart::of(lang, "storm-phones", &plan.phones),
            PlanPart::of(lang, "storm-shelters", &plan.shelters),
        ],
        shelters: map.map_or_else(Vec::new, |map| shelter_links(lang, &map, &visit.query())),
        gauges: gauges(app, lang),
        last: vec![PlanPart::of(lang, "storm-boats", &plan.boats)],
        missing: missing(app, lang, &plan),
        code: code.map_or_else(String::new, |code| code.svg(&letters)),
        letters,
        f,
    }
}

/// The country's telephones for a night of storm.
fn emergency_calls(app: &App, lang: Lang) -> PlanPart {
    let official = app.board.official.iter();
    let calls = official.filter(|a| a.kind == OfficialKind::Emergency);
    let calls = calls.filter_map(|address| Some((address.phone.as_deref()?, address)));
    let mut rows: Vec<CallRow> = calls
        .filter(|(phone, _)| *phone != CHILD_HELPLINE)
        .map(|(phone, address)| CallRow {
            before: String::new(),
            number: phone.to_owned(),
            dial: dial(phone),
            after: addresses::name(lang, address),
        })
        .collect();
    rows.sort_by_key(|row| row.number != RESCUE);
    PlanPart {
        title: lang.t("official-emergency"),
        rows,
    }
}

/// One sentence about the parts that the plan leaves empty, with somebody to call.
fn missing(app: &App, lang: Lang, plan: &StormPlanRows) -> Vec<TextSpan> {
    let parts = [
        ("storm-shelters", &plan.shelters),
        ("storm-boats", &plan.boats),
        ("storm-phones", &plan.phones),
    ];
    let empty = parts.iter().filter(|(_, rows)| rows.is_empty());
    let empty: Vec<_> = empty.map(|(key, _)| lang.t(key).to_lowercase()).collect();
    if empty.is_empty() {
        return Vec::new();
    }
    let help = app.board.help.iter();
    let help = help.filter_map(|place| {
        let phone = place.phone.as_ref()?;
        Some(format!("{} {phone}", place.name))
    });
    let mut ask = plan.phones.iter().cloned().chain(help);
    let parts = empty.join(", ");
    let sentence = match ask.next() {
        Some(who) => lang.f("storm-missing", &[("parts", &parts), ("who", &who)]),
        None => lang.f("storm-missing-ask", &[("parts", &parts)]),
    };
    split_phones(&sentence)
}

/// The gauges of water and rain that have marks.
fn gauges(app: &App, lang: Lang) -> Vec<GaugeRow> {
    let state = app.village();
    let is_water = |sensor: &Sensor| {
        let is_gauge = state.entities.get(&sensor.id);
        let is_gauge = is_gauge.is_none_or(|e| e.kind != Kind::BinarySensor);
        is_gauge && !sensor.thresholds.is_empty() && near_mark(&sensor.unit).is_some()
    };
    let gauges = state.sensors.values().filter(|sensor| is_water(sensor));
    gauges.map(|sensor| gauge(app, lang, sensor)).collect()
}

/// How close to a mark is near, in this unit; none = it measures no water.
fn near_mark(unit: &str) -> Option<f64> {
    let known = WATER_UNITS.iter().find(|(name, _)| *name == unit);
    known.map(|(_, near)| *near)
}

/// The name of a mark by its place among the marks.
const fn mark_key(place: usize) -> &'static str {
    if place == 0 {
        "storm-mark-first"
    } else {
        "storm-mark-next"
    }
}

fn gauge(app: &App, lang: Lang, sensor: &Sensor) -> GaugeRow {
    let number = |value: f64| dates::number(lang, value, sensor.decimals);
    let unit = &*amounts::unit(lang, &sensor.unit);
    let latest = app.live.latest.get(&sensor.id);
    let mut words = Vec::new();
    let mut is_near = false;
    let mut has_trend = true;
    if let Some(value) = latest.map(|latest| latest.number) {
        let key = change_in_an_hour(&app.samples.of(&sensor.id));
        has_trend = key.is_some();
        words.extend(key.map(|change| {
            let key = match change {
                0 => "storm-steady",
                1.. => "storm-rising",
                _ => "storm-falling",
            };
            let by = change.unsigned_abs() as f64 / 10_f64.powi(i32::from(sensor.decimals));
            lang.f(key, &[("by", number(by).as_str()), ("unit", unit)])
        }));
        let marks = &sensor.thresholds;
        let over = marks.iter().take_while(|mark| **mark <= value).count();
        let told = |key: &str, place: usize, left: f64| {
            let name = lang.t(mark_key(place));
            let mark = number(marks.get(place).copied().unwrap_or_default());
            let told = [
                ("left", &*number(left)),
                ("unit", unit),
                ("name", &name),
                ("mark", &mark),
            ];
            lang.f(key, &told)
        };
        if over > 0 {
            words.push(told("storm-over-mark", over - 1, 0.0));
        }
        if let Some(next) = marks.get(over) {
            let left = next - value;
            is_near = near_mark(unit).is_some_and(|near| left <= near);
            words.push(told("storm-next-mark", over, left));
        }
        is_near |= over > 0;
    }
    if let Some(value) = latest {
        let now = app.supervisor.clock().wall_ms();
        let time = dates::since(now, value.at);
        words.push(lang.f("reading-at", &[("time", &time)]));
    }
    if !has_trend {
        words.push(lang.t("storm-no-trend"));
    }
    GaugeRow {
        name: lang.verbatim(&sensor.name),
        value: latest.map_or_else(
            || lang.t("storm-no-reading"),
            |value| format!("{} {unit}", number(value.number)),
        ),
        words: capital(&words.join(" · ")),
        mark: if sensor.alarm.is_some() {
            "bad"
        } else if is_near {
            "warn"
        } else if latest.is_none() {
            "off"
        } else {
            ""
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_telephone_of_a_row_is_a_row_that_can_be_tapped() {
        let told = |typed: &str| {
            let rows = calls_of(Lang::Vi, typed).into_iter();
            let rows = rows.map(|row| [row.before, row.number, row.dial, row.after]);
            rows.collect::<Vec<_>>()
        };
        assert_eq!(
            told("Trưởng thôn: 0000 000 011, phó thôn 0000 000 012 (đêm)"),
            [
                ["Trưởng thôn:", "0000 000 011", "0000000011", ""],
                ["phó thôn", "0000 000 012", "0000000012", " (đêm)"],
            ]
        );
        assert_eq!(
            told("Nhà văn hóa: 80 người"),
            [["Nhà văn hóa: 80 người", "", "", ""]]
        );
    }
}
