//! The sheets of the village, put together from what it has now.
//!
//! Invariant: sheets are Vietnamese, whoever prints them: they are for the village.

use super::links::PublicPage;
use super::print::{
    AlleySheet, HallSheet, HouseSign, NoticeSheet, PrintFailed, SheetCode, alley_sheets,
    house_plates, label_sheets, notice_sheet, wall_sheet,
};
use super::qr::wifi_text;
use crate::domain::directory::map::VillageMap;
use crate::domain::guest::wifi_name;
use crate::domain::id::PlaceId;
use crate::domain::notice::Notice;
use crate::i18n::locale::{Lang, capital};
use crate::view::directory_text::{road_name, road_place};
use crate::web::kit::app::App;
use crate::web::kit::notice_sheet::ShownNotice;
use crate::web::kit::notices::{posted_when, title_and_paragraphs};

const LANG: Lang = Lang::Vi;

fn village_name(app: &App) -> String {
    let state = app.journal.state();
    state
        .village
        .as_ref()
        .map_or_else(String::new, |v| v.name.clone())
}

/// The sheet for the wall of the village hall: into the wifi, to the notices, to a house.
///
/// # Errors
/// It could not be made.
pub fn wall(app: &App) -> Result<Vec<u8>, PrintFailed> {
    let village = village_name(app);
    let mut codes = Vec::new();
    if app.live.guests.get().is_configured {
        let wifi = wifi_name(&village);
        codes.push(SheetCode {
            words: LANG.t("print-wifi"),
            text: wifi_text(&wifi),
            letters: LANG.f("print-wifi-name", &[("name", &wifi)]),
        });
    }
    let mut page = |key: &str, page: PublicPage<'_>| {
        codes.push(SheetCode {
            words: LANG.t(key),
            text: app.links.to(page),
            letters: app.links.typed(page),
        });
    };
    page("print-notices", PublicPage::Home);
    if app.live.directory.get().is_some() {
        page("print-roads", PublicPage::Roads);
    }
    wall_sheet(&HallSheet {
        title: village,
        codes,
        foot: LANG.t("print-foot"),
    })
}

fn map(app: &App) -> Result<std::sync::Arc<VillageMap>, PrintFailed> {
    app.live.directory.get().ok_or(PrintFailed::NotMade)
}

/// The sheets at the heads of roads and alleys: of one, or of all.
///
/// # Errors
/// They could not be made.
pub fn alleys(app: &App, only: Option<&PlaceId>) -> Result<Vec<u8>, PrintFailed> {
    let map = map(app)?;
    let roads = map.data().roads.iter().enumerate();
    let roads = roads.filter(|(_, road)| only.is_none_or(|only| *only == road.id));
    let sheets: Vec<AlleySheet> = roads
        .map(|(n, road)| {
            let page = PublicPage::Road(road.id.as_str());
            let place = capital(&road_place(LANG, &map, road));
            let houses = map.houses_of(n);
            let number = |house: Option<&usize>| {
                house
                    .and_then(|house| map.house(*house))
                    .map_or_else(String::new, |house| house.number.clone())
            };
            let range = LANG.f(
                "print-numbers",
                &[
                    ("from", &number(houses.first())),
                    ("to", &number(houses.last())),
                ],
            );
            let range = if houses.is_empty() {
                String::new()
            } else {
                range
            };
            let parts = [place, range];
            let parts: Vec<String> = parts.into_iter().filter(|p| !p.is_empty()).collect();
            AlleySheet {
                name: road.name.clone(),
                place: parts.join(" · "),
                words: LANG.t("print-scan"),
                link: app.links.to(page),
                letters: app.links.typed(page),
            }
        })
        .collect();
    alley_sheets(&sheets)
}

fn signs(app: &App, road: &PlaceId) -> Result<Vec<HouseSign>, PrintFailed> {
    let map = map(app)?;
    let index = map.road_index(road).ok_or(PrintFailed::NotMade)?;
    let known = map.road(index).ok_or(PrintFailed::NotMade)?;
    let village = village_name(app);
    let houses = map.houses_of(index).iter().filter_map(|n| map.house(*n));
    Ok(houses
        .map(|house| {
            let page = PublicPage::House(house.id.as_str());
            HouseSign {
                number: house.number.clone(),
                road: road_name(LANG, known),
                village: village.clone(),
                link: app.links.to(page),
                letters: app.links.typed(page),
            }
        })
        .collect())
}

/// Plates for the houses of a road.
///
/// # Errors
/// They could not be made, or the road has more houses than a file has plates.
pub fn plates(app: &App, road: &PlaceId) -> Result<Vec<u8>, PrintFailed> {
    house_plates(&signs(app, road)?)
}

/// Labels for the houses of a road.
///
/// # Errors
/// They could not be made.
pub fn labels(app: &App, road: &PlaceId) -> Result<Vec<u8>, PrintFailed> {
    label_sheets(&signs(app, road)?)
}

/// A notice on paper.
///
/// # Errors
/// It could not be made.
pub fn notice(app: &App, notice: &Notice) -> Result<Vec<u8>, PrintFailed> {
    let (_, body) = title_and_paragraphs(app, LANG, notice);
    let shown = ShownNotice::published(app, LANG, notice, "");
    let risk = shown.risk.map(|risk| [risk.words, risk.source]);
    let risk = risk.into_iter().flatten().filter(|line| !line.is_empty());
    let days = shown.facts.iter();
    let days = days.map(|(label, words)| format!("{label}: {words}"));
    let state = app.journal.state();
    let village = state.village.as_ref();
    let village = village.map_or_else(String::new, |v| format!("{}, {}", v.name, v.commune));
    let page = PublicPage::Notice(notice);
    notice_sheet(&NoticeSheet {
        village,
        title: shown.title,
        when: posted_when(LANG, notice),
        facts: risk.chain(days).collect(),
        body: body.join("\n"),
        words: LANG.t("print-read"),
        link: app.links.to(page),
        letters: app.links.typed(page),
    })
}
