//! The sheets of the village, put together from what it has now.
//!
//! Invariant: sheets are Vietnamese, whoever prints them: they are for the village.

use super::links::PublicPage;
use super::print::{
    AlleySheet, HallSheet, HouseSign, NoticeSheet, PrintFailed, SheetCode, alley_sheets,
    house_plates, notice_sheet, sticker_sheets, wall_sheet,
};
use super::qr::wifi_text;
use crate::domain::directory::data::Road;
use crate::domain::directory::map::{RoadSide, VillageMap};
use crate::domain::guest::wifi_name;
use crate::domain::id::PlaceId;
use crate::domain::notice::{Notice, NoticeWords};
use crate::http::notice_body::marked_lines;
use crate::i18n::locale::{Lang, capital};
use crate::view::directory_text::{road_name, road_place, sign_name};
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

/// The hall with its village and commune: “Nhà văn hóa thôn Bến Thóc · xã Đồng Nếp”. The kind of
/// the hall is what the map calls it.
fn hall_name(app: &App) -> String {
    let state = app.journal.state();
    let Some(village) = state.village.as_ref() else {
        return String::new();
    };
    let map = app.live.directory.get();
    let kind = map.as_ref().and_then(|map| map.hall());
    let kind = kind
        .map(|(_, hall)| hall.kind.as_str())
        .filter(|kind| !kind.is_empty());
    let kind = kind.map_or_else(|| LANG.t("print-hall"), str::to_owned);
    let mut name = village.name.chars();
    let name: String = name
        .next()
        .map(|first| first.to_lowercase().chain(name).collect())
        .unwrap_or_default();
    let parts = [
        format!("{} {name}", capital(&kind)),
        village.commune.clone(),
    ];
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.cloned().collect::<Vec<_>>().join(" · ")
}

/// The sheet for the wall of the village hall: into the wifi, to the notices, to a house.
///
/// # Errors
/// It could not be made.
pub fn wall(app: &App) -> Result<Vec<u8>, PrintFailed> {
    let village = village_name(app);
    let mut codes = Vec::new();
    let has_wifi = app.live.guests.get().is_configured;
    if has_wifi {
        let wifi = wifi_name(&village);
        codes.push(SheetCode {
            words: LANG.t("print-wifi"),
            text: wifi_text(&wifi),
            letters: LANG.f("print-wifi-name", &[("name", &wifi)]),
            about: String::new(),
        });
    }
    let mut page = |key: &str, about: String, page: PublicPage<'_>| {
        codes.push(SheetCode {
            about,
            words: LANG.t(key),
            text: app.links.to(page),
            letters: app.links.typed(page),
        });
    };
    page("print-notices", String::new(), PublicPage::Home);
    if app.live.directory.get().is_some() {
        page("print-roads", LANG.t("print-roads-do"), PublicPage::Roads);
    }
    let foot = if has_wifi {
        "print-foot"
    } else {
        "print-foot-without"
    };
    wall_sheet(&HallSheet {
        title: hall_name(app),
        codes,
        is_numbered: has_wifi,
        foot: LANG.t(foot),
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
            let side = map.odd_side(n).filter(|_| map.rises_from_head(n));
            let sides = side.map(|side| match side {
                RoadSide::Left => LANG.t("print-odd-left"),
                RoadSide::Right => LANG.t("print-odd-right"),
            });
            AlleySheet {
                sides: sides.unwrap_or_default(),
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

fn signs(
    app: &App,
    road: &PlaceId,
    road_words: impl Fn(&Road) -> String,
) -> Result<Vec<HouseSign>, PrintFailed> {
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
                road: road_words(known),
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
    house_plates(&signs(app, road, |road| road_name(LANG, road))?)
}

/// Stickers for the houses of a road.
///
/// # Errors
/// They could not be made.
pub fn stickers(app: &App, road: &PlaceId) -> Result<Vec<u8>, PrintFailed> {
    sticker_sheets(&signs(app, road, |road| sign_name(LANG, road))?)
}

/// A notice on paper.
///
/// # Errors
/// It could not be made.
pub fn notice(app: &App, notice: &Notice) -> Result<Vec<u8>, PrintFailed> {
    let (_, plain) = title_and_paragraphs(app, LANG, notice);
    let words = app.files.text(&notice.text);
    let body = words.map_or(plain, |text| marked_lines(&NoticeWords::decode(&text).body));
    let shown = ShownNotice::published(app, LANG, notice, "");
    let risk = shown.risk.map(|risk| [risk.words, risk.source]);
    let risk = risk.into_iter().flatten().filter(|line| !line.is_empty());
    let corrected = Some(shown.corrected).filter(|words| !words.is_empty());
    let days = shown.facts.iter();
    let days = days.map(|(label, words)| format!("{label}: {words}"));
    let days = corrected.into_iter().chain(days);
    let state = app.journal.state();
    let village = state.village.as_ref();
    let village = village.map_or_else(String::new, |v| format!("{}, {}", v.name, v.commune));
    let page = PublicPage::Notice(notice);
    notice_sheet(&NoticeSheet {
        village,
        kind: shown.kind,
        title: shown.title,
        when: posted_when(LANG, notice),
        risk: risk.collect(),
        facts: days.collect(),
        body: body.join("\n"),
        words: LANG.t("print-read"),
        link: app.links.to(page),
        letters: app.links.typed(page),
    })
}
