//! Roads and alleys, as visitors find them: the list with the map, the search, a road.
//!
//! Invariants: a house shows its number and its direction, and with the householder's consent its
//! label; there is nothing else that it could show. An old id leads for ever to the road or house
//! of today. No page of lists looks for a way: how far places are stands in the map. Deliberately
//! absent: a map of others in the page. Links open the phone's own map, or Google's.

use axum::extract::{Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use super::Portal;
use super::directory_map::{MapView, drawing};
use super::notices::size_key;
use super::places::{DirectoryLink, site_link, site_links};
use super::procedures::{AskedPairs, asked_words};
use super::visit::PortalVisit;
use crate::domain::calendar::{day_number, day_start};
use crate::domain::directory::data::RoadKind;
use crate::domain::directory::find::MapHit;
use crate::domain::directory::map::{RoadSide, VillageMap};
use crate::domain::id::PlaceId;
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, render, render_with, split_phones};
use crate::i18n::dates;
use crate::i18n::locale::{Lang, capital};
use crate::view::directory_text::{address, road_name, road_place};

/// Roads that the list names one by one; with more, alleys are found on the page of their road.
const MOST_LISTED: usize = 70;
/// Houses of a road on one page.
const HOUSES_ON_PAGE: usize = 100;
/// Longest text that is searched for, characters.
const MAX_ASKED: usize = 80;

#[derive(askama::Template)]
#[template(path = "portal_roads.html")]
struct RoadsPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    asked: String,
    found: Option<Vec<DirectoryLink>>,
    found_words: String,
    map: String,
    roads: Vec<DirectoryLink>,
    sites: Vec<DirectoryLink>,
}

#[derive(askama::Template)]
#[template(path = "portal_road.html")]
struct RoadPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    title: String,
    details: Vec<String>,
    map: String,
    /// Its houses, those of each side with their words; the words are empty where odd and even
    /// numbers are mixed.
    sides: Vec<(String, Vec<DirectoryLink>)>,
    /// Other numbers of a long road.
    ranges: Vec<DirectoryLink>,
    parts: Vec<DirectoryLink>,
}

#[derive(askama::Template)]
#[template(path = "portal_notice_gone.html")]
struct NoSuchPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    title: String,
    pieces: Vec<TextSpan>,
    /// The list that is above the page: its link and its name.
    up: (&'static str, String),
    /// The words of a button to that list; empty = there is none.
    all: String,
}

/// Which hundred of the houses of a road.
#[derive(Debug, Default, Deserialize)]
struct HundredQuery {
    #[serde(default)]
    hundred: usize,
}

pub(super) fn no_such(portal: &Portal, visit: PortalVisit) -> Response {
    let f = visit.context(portal);
    let page = NoSuchPage {
        css: &BOARD_STYLE,
        q: visit.query(),
        size: size_key(&f),
        title: f.t("road-none"),
        pieces: split_phones(&f.t("road-none-do")),
        up: ("/r", f.t("roads-title")),
        all: f.t("roads-all"),
        f,
    };
    render_with(StatusCode::NOT_FOUND, &page)
}

/// An old link: the page of today has another path, for good.
pub(super) fn moved(path: &str, q: &str) -> Response {
    let to = format!("{path}{q}");
    (StatusCode::MOVED_PERMANENTLY, [(LOCATION, to)]).into_response()
}

fn houses_text(lang: Lang, map: &VillageMap, road: usize) -> String {
    lang.f("road-houses", &[("n", map.houses_of(road).len())])
}

/// All roads, the map, and the search.
pub async fn list(
    State(portal): State<Portal>,
    visit: PortalVisit,
    uri: Uri,
    asked: AskedPairs,
) -> Response {
    let asked: String = asked_words(&asked).chars().take(MAX_ASKED).collect();
    let make = move |portal: &Portal| list_page(portal, visit, asked);
    portal.in_turn(visit, &uri, make).await
}

fn list_page(portal: &Portal, visit: PortalVisit, asked: String) -> Response {
    let f = visit.context(portal);
    let (lang, q) = (f.lang, visit.query());
    let Some(map) = portal.app.live.directory.get() else {
        let page = NoSuchPage {
            css: &BOARD_STYLE,
            q,
            size: size_key(&f),
            title: f.t("roads-title"),
            pieces: split_phones(&f.t("roads-none")),
            up: ("/t", f.t("notices")),
            all: String::new(),
            f,
        };
        return render(&page);
    };
    let found = (!asked.is_empty()).then(|| hits(lang, &map, &asked, &q));
    let found_words = match found.as_ref().map(Vec::len) {
        None => String::new(),
        Some(0) => f.t("roads-nothing"),
        Some(n) => lang.f("roads-found", &[("n", n)]),
    };
    let (numbers, roads) = listed(lang, &map, &q);
    let drawn = MapView {
        lang,
        numbers: &numbers,
        q: &q,
        words: f.t("roads-map"),
        ..MapView::default()
    };
    let sites = site_links(lang, &map, &q);
    render(&RoadsPage {
        css: &BOARD_STYLE,
        size: size_key(&f),
        map: if found.is_some() {
            String::new()
        } else {
            drawing(&map, &drawn)
        },
        sites,
        asked,
        found,
        found_words,
        roads,
        q,
        f,
    })
}

/// The roads of the list, each main road with its alleys behind it, and their numbers on the map.
fn listed(lang: Lang, map: &VillageMap, q: &str) -> (Vec<Option<usize>>, Vec<DirectoryLink>) {
    let all = map.data().roads.len();
    let mut order = Vec::new();
    for road in 0..all {
        let parent = map.road(road).and_then(|r| r.part_of.as_ref());
        if parent.is_none() {
            order.push(road);
            if all <= MOST_LISTED {
                add_parts(map, road, &mut order);
            }
        }
    }
    let mut numbers = vec![None; all];
    let mut links = Vec::new();
    for (n, road) in order.into_iter().enumerate() {
        numbers[road] = Some(n + 1);
        let Some(known) = map.road(road) else {
            continue;
        };
        let place = road_place(lang, map, known);
        let houses = houses_text(lang, map, road);
        links.push(DirectoryLink {
            href: format!("/r/{}{q}", known.id),
            words: lang.verbatim(&known.name),
            small: if place.is_empty() {
                houses
            } else {
                format!("{} · {houses}", capital(&place))
            },
            number: Some(n + 1),
        });
    }
    (numbers, links)
}

fn add_parts(map: &VillageMap, road: usize, order: &mut Vec<usize>) {
    for part in map.parts_of(road) {
        if !order.contains(&part) {
            order.push(part);
            add_parts(map, part, order);
        }
    }
}

fn hits(lang: Lang, map: &VillageMap, asked: &str, q: &str) -> Vec<DirectoryLink> {
    let link = |hit: &MapHit| match *hit {
        MapHit::House(house) => map.house(house).map(|known| DirectoryLink {
            href: format!("/h/{}{q}", known.id),
            words: address(lang, map, house),
            small: String::new(),
            number: None,
        }),
        MapHit::Road(road) => map.road(road).map(|known| DirectoryLink {
            href: format!("/r/{}{q}", known.id),
            words: lang.verbatim(&known.name),
            small: capital(&road_place(lang, map, known)),
            number: None,
        }),
        MapHit::Site(site) => site_link(lang, map, site, q),
    };
    map.find(asked).iter().filter_map(link).collect()
}

/// One road or alley.
pub async fn road(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let hundred = Query::<HundredQuery>::try_from_uri(&uri);
    let hundred = hundred.map_or(0, |Query(asked)| asked.hundred);
    let make = move |portal: &Portal| road_page(portal, visit, &id, hundred);
    portal.in_turn(visit, &uri, make).await
}

fn road_page(portal: &Portal, visit: PortalVisit, id: &str, hundred: usize) -> Response {
    let q = visit.query();
    let (Some(map), Ok(id)) = (portal.app.live.directory.get(), PlaceId::new(id)) else {
        return no_such(portal, visit);
    };
    let Some(road) = map.road_index(&id) else {
        let today = map.road_formerly(&id).and_then(|road| map.road(road));
        return today.map_or_else(
            || no_such(portal, visit),
            |road| moved(&format!("/r/{}", road.id), &q),
        );
    };
    let Some(known) = map.road(road) else {
        return no_such(portal, visit);
    };
    let f = visit.context(portal);
    let lang = f.lang;
    let today = day_number(portal.app.supervisor.clock().wall_ms());
    let view = MapView {
        lang,
        road: Some(road),
        words: f.t1("road-map", "road", road_name(lang, known)),
        ..MapView::default()
    };
    let all = map.houses_of(road);
    let shown = all.chunks(HOUSES_ON_PAGE).nth(hundred).unwrap_or_default();
    let parts = map.parts_of(road).filter_map(|part| {
        let known = map.road(part)?;
        Some(DirectoryLink {
            href: format!("/r/{}{q}", known.id),
            words: lang.verbatim(&known.name),
            small: capital(&road_place(lang, &map, known)),
            number: None,
        })
    });
    render(&RoadPage {
        css: &BOARD_STYLE,
        size: size_key(&f),
        title: lang.verbatim(&known.name),
        details: road_details(lang, &map, road, today),
        map: drawing(&map, &view),
        sides: sides(lang, &map, road, shown, &q),
        ranges: ranges(lang, &map, known.id.as_str(), all, &q),
        parts: parts.collect(),
        q,
        f,
    })
}

/// Houses of a road by side, where odd numbers are on one side and even ones on the other.
fn sides(
    lang: Lang,
    map: &VillageMap,
    road: usize,
    shown: &[usize],
    q: &str,
) -> Vec<(String, Vec<DirectoryLink>)> {
    let id = map.road(road).map(|road| road.id.to_string());
    let id = id.unwrap_or_default();
    let links = |of: &dyn Fn(usize) -> bool| {
        let of_side = shown.iter().filter(|house| of(**house));
        let houses = of_side.filter_map(|house| map.house(*house));
        houses
            .map(|house| DirectoryLink {
                href: format!("/r/{id}/to/{}{q}", house.id),
                words: lang.verbatim(&house.number),
                small: String::new(),
                number: None,
            })
            .collect::<Vec<_>>()
    };
    let mut sides = if map.odd_side(road).is_some() {
        vec![
            (
                lang.t("road-odd"),
                links(&|house| map.is_odd(house) != Some(false)),
            ),
            (
                lang.t("road-even"),
                links(&|house| map.is_odd(house) == Some(false)),
            ),
        ]
    } else {
        vec![(String::new(), links(&|_| true))]
    };
    sides.retain(|(_, links)| !links.is_empty());
    sides
}

/// The hundreds of a road with more houses than a page has room for.
fn ranges(lang: Lang, map: &VillageMap, id: &str, all: &[usize], q: &str) -> Vec<DirectoryLink> {
    if all.len() <= HOUSES_ON_PAGE {
        return Vec::new();
    }
    let number = |house: Option<&usize>| {
        let house = house.and_then(|house| map.house(*house));
        house.map_or("", |house| house.number.as_str())
    };
    all.chunks(HOUSES_ON_PAGE)
        .enumerate()
        .map(|(n, chunk)| DirectoryLink {
            href: format!("/r/{id}{q}&hundred={n}"),
            words: lang.f(
                "road-range",
                &[
                    ("from", number(chunk.first())),
                    ("to", number(chunk.last())),
                ],
            ),
            small: String::new(),
            number: None,
        })
        .collect()
}

/// The word for a kind of road.
const fn kind_key(kind: RoadKind) -> &'static str {
    match kind {
        RoadKind::Duong => "road-kind-duong",
        RoadKind::Ngo => "road-kind-ngo",
        RoadKind::Ngach => "road-kind-ngach",
        RoadKind::Kiet => "road-kind-kiet",
        RoadKind::Hem => "road-kind-hem",
        RoadKind::Xom => "road-kind-xom",
    }
}

/// The lines beneath the name of a road.
fn road_details(lang: Lang, map: &VillageMap, road: usize, today: i64) -> Vec<String> {
    let Some(known) = map.road(road) else {
        return Vec::new();
    };
    let day = |n| dates::date(day_start(n));
    let place = capital(&road_place(lang, map, known));
    let mut lines = vec![if place.is_empty() {
        houses_text(lang, map, road)
    } else {
        format!("{place} · {}", houses_text(lang, map, road))
    }];
    let from_head = map.rises_from_head(road);
    let key = match (map.odd_side(road), from_head) {
        (Some(RoadSide::Left), true) => Some("road-head-odd-left"),
        (Some(RoadSide::Right), true) => Some("road-head-odd-right"),
        (Some(RoadSide::Left), false) => Some("road-odd-left"),
        (Some(RoadSide::Right), false) => Some("road-odd-right"),
        (None, _) => None,
    };
    if let Some(key) = key {
        let kind = lang.t(kind_key(known.kind));
        lines.push(lang.f(key, &[("kind", &kind)]));
    }
    if !known.old_names.is_empty() {
        let names = lang.verbatim(&known.old_names.join(", "));
        lines.push(lang.f("road-formerly", &[("names", &names)]));
    }
    if let Some(from) = known.from.filter(|from| *from > today) {
        lines.push(lang.f("road-from", &[("day", &day(from))]));
    }
    if let Some(until) = known.until.filter(|until| *until < today) {
        lines.push(lang.f("road-until", &[("day", &day(until))]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::places::{NEXT_DOOR_M, shelter_links};
    use super::*;
    use crate::domain::directory::data::{MapData, Site};
    use crate::domain::directory::route::StartPoint;
    use crate::domain::directory::searches;
    use crate::domain::id::SiteId;
    use crate::protocol::map_file;

    const DEMO: &str = include_str!("../../../config/demo/map.geojson");

    /// The map of the demo with as many places as a map may have.
    fn with_places(all: usize) -> MapData {
        let mut data = map_file::read(DEMO.as_bytes(), None).expect("good");
        let house = |n: usize| data.houses[n % data.houses.len()].at;
        let more = (data.sites.len()..all).map(|n| Site {
            id: SiteId::new(&format!("noi-{n}")).expect("id"),
            name: format!("Nơi {n}"),
            at: house(n),
            is_hall: false,
            ..data.sites[0].clone()
        });
        let more: Vec<_> = more.collect();
        data.sites.extend(more);
        data
    }

    #[test]
    fn lists_of_places_look_for_no_way_however_many_places_there_are() {
        let data = with_places(300);
        let before = searches::so_far();
        let map = VillageMap::new(data).expect("a map");
        let made = searches::so_far();
        assert_eq!(made, before + 1, "one search, with the map");
        let links = site_links(Lang::Vi, &map, "");
        assert_eq!(links.len(), 300);
        assert!(shelter_links(Lang::Vi, &map, "").len() <= 300);
        assert_eq!(hits(Lang::Vi, &map, "noi", "").len(), 40);
        assert_eq!(searches::so_far(), made, "and none for a page");
        // They say the same as the way itself does.
        let (hall, known) = map.hall().expect("a hall");
        let name = Lang::Vi.verbatim(&known.name);
        for (site, link) in map.sites_in_order().into_iter().zip(&links) {
            let walk = map.walk_to_site(StartPoint::Site(hall), site);
            let metres = walk.map(|walk| walk.metres);
            assert_eq!(map.metres_from_hall(site), metres, "{}", link.words);
            let metres = metres.expect("a way");
            let said = if metres < NEXT_DOOR_M {
                Lang::Vi.f("way-at", &[("name", &name)])
            } else {
                let n = metres.to_string();
                Lang::Vi.f("way-from-metres", &[("name", &name), ("n", &n)])
            };
            assert_eq!(link.small == said, site != hall, "{}", link.small);
        }
    }
}
