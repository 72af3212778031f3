//! A house or a place, and the way to it: from the village hall, or from the code of a road.
//!
//! Invariants: as in `directory`; a way is looked for in turn, off the async threads (`busy`).

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;

use super::Portal;
use super::directory::{moved, no_such};
use super::directory_map::{MapView, drawing};
use super::notices::size_key;
use super::places::{DirectoryLink, NEXT_DOOR_M};
use super::visit::PortalVisit;
use crate::domain::directory::geometry::GeoPoint;
use crate::domain::directory::map::VillageMap;
use crate::domain::directory::route::{StartPoint, Walk};
use crate::domain::id::{HouseId, PlaceId, SiteId};
use crate::http::assets::BOARD_STYLE;
use crate::http::render::{PageContext, TextSpan, render, split_phones};
use crate::i18n::locale::Lang;
use crate::view::directory_text::{WayGoal, WayLine, address, road_name, way};
use crate::web::kit::house_labels::label_lines;

#[derive(askama::Template)]
#[template(path = "portal_way.html")]
struct WayPage {
    f: PageContext,
    css: &'static str,
    q: String,
    size: &'static str,
    title: String,
    /// Where the way begins; empty = no way is known.
    from: String,
    label: Vec<Vec<TextSpan>>,
    steps: Vec<WayLine>,
    /// How far it is; empty = no way is known.
    about: String,
    map: String,
    /// Another start: its words and its link.
    other: Option<DirectoryLink>,
    /// The place for the phone's own map (RFC 5870).
    geo: String,
    /// The way in the map of Google, for phones that know no `geo:`.
    app: String,
}

/// One house, with the way from the village hall.
pub async fn house(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let make = move |portal: &Portal| house_page(portal, visit, &id);
    portal.in_turn(visit, &uri, make).await
}

fn house_page(portal: &Portal, visit: PortalVisit, id: &str) -> Response {
    let (Some(map), Ok(id)) = (portal.app.live.directory.get(), HouseId::new(id)) else {
        return no_such(portal, visit);
    };
    let Some(house) = map.house_index(&id) else {
        let today = map.house_formerly(&id).and_then(|n| map.house(n));
        return today.map_or_else(
            || no_such(portal, visit),
            |house| moved(&format!("/h/{}", house.id), &visit.query()),
        );
    };
    let from = map.hall().map(|(site, _)| StartPoint::Site(site));
    way_page(portal, visit, &map, from, house)
}

/// One place, with the way from the village hall.
pub async fn place(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path(id): Path<String>,
    uri: Uri,
) -> Response {
    let make = move |portal: &Portal| place_page(portal, visit, &id);
    portal.in_turn(visit, &uri, make).await
}

fn place_page(portal: &Portal, visit: PortalVisit, id: &str) -> Response {
    let (Some(map), Ok(id)) = (portal.app.live.directory.get(), SiteId::new(id)) else {
        return no_such(portal, visit);
    };
    let Some((site, known)) = map
        .site_index(&id)
        .and_then(|site| Some((site, map.data().sites.get(site)?)))
    else {
        return no_such(portal, visit);
    };
    let f = visit.context(portal);
    let lang = f.lang;
    let title = lang.verbatim(&known.name);
    let from = map.hall().filter(|(hall, _)| *hall != site);
    let from = from.map(|(hall, _)| StartPoint::Site(hall));
    let walk = from.and_then(|from| map.walk_to_site(from, site));
    let steps = match (&walk, map.hall()) {
        (Some(walk), Some((_, hall))) if walk.metres < NEXT_DOOR_M => {
            let name = lang.verbatim(&hall.name);
            vec![sentence(f.t1("way-at", "name", name) + ".")]
        }
        (Some(walk), _) => way(lang, &map, walk, WayGoal::Site(site)),
        (None, _) if known.is_hall => vec![sentence(f.t("way-place-hall"))],
        (None, _) => vec![sentence(f.t("way-to-none"))],
    };
    let view = MapView {
        lang,
        site: Some(site),
        way: walk.as_ref().map_or(&[][..], |walk| &walk.line),
        words: f.t1("place-map", "name", &title),
        ..MapView::default()
    };
    let page = WayPage::new(&f, visit.query(), known.at);
    render(&WayPage {
        from: from.map_or_else(String::new, |from| start_name(lang, &map, from)),
        about: about(&f, walk.as_ref()),
        map: drawing(&map, &view),
        steps,
        title,
        f,
        ..page
    })
}

/// A sentence without a direction.
const fn sentence(words: String) -> WayLine {
    WayLine {
        arrow: "●", words
    }
}

/// How far a way is; empty = none is known.
fn about(f: &PageContext, walk: Option<&Walk>) -> String {
    walk.map_or_else(String::new, |walk| f.t1("way-metres", "n", walk.metres))
}

impl WayPage {
    /// A page about a point of the map, without its words.
    fn new(f: &PageContext, q: String, at: GeoPoint) -> Self {
        let (lat, lon) = (at.lat, at.lon);
        Self {
            css: &BOARD_STYLE,
            size: size_key(f),
            geo: format!("geo:{lat:.6},{lon:.6}?q={lat:.6},{lon:.6}"),
            app: format!("https://www.google.com/maps/dir/?api=1&destination={lat:.6},{lon:.6}"),
            f: f.clone(),
            q,
            title: String::new(),
            from: String::new(),
            label: Vec::new(),
            steps: Vec::new(),
            about: String::new(),
            map: String::new(),
            other: None,
        }
    }
}

/// The way to a house from the code of a road.
pub async fn to_house(
    State(portal): State<Portal>,
    visit: PortalVisit,
    Path((id, to)): Path<(String, String)>,
    uri: Uri,
) -> Response {
    let make = move |portal: &Portal| to_house_page(portal, visit, &id, &to);
    portal.in_turn(visit, &uri, make).await
}

fn to_house_page(portal: &Portal, visit: PortalVisit, id: &str, to: &str) -> Response {
    let ids = (PlaceId::new(id), HouseId::new(to));
    let (Some(map), (Ok(id), Ok(to))) = (portal.app.live.directory.get(), ids) else {
        return no_such(portal, visit);
    };
    let road = map.road_index(&id).or_else(|| map.road_formerly(&id));
    let house = map.house_index(&to).or_else(|| map.house_formerly(&to));
    let (Some(road), Some(house)) = (road, house) else {
        return no_such(portal, visit);
    };
    let from = match map.code_of(road) {
        Some((code, _)) => StartPoint::Code(code),
        None => StartPoint::Head(road),
    };
    way_page(portal, visit, &map, Some(from), house)
}

/// Where a way begins, in words; empty = nowhere that has a name.
fn start_name(lang: Lang, map: &VillageMap, from: StartPoint) -> String {
    match from {
        StartPoint::Site(n) => {
            let site = map.data().sites.get(n);
            let name = lang.verbatim(site.map_or("", |site| &site.name));
            lang.f("way-from", &[("name", &name)])
        }
        StartPoint::Code(n) => {
            let code = map.data().codes.get(n);
            let name = lang.verbatim(code.map_or("", |code| &code.name));
            lang.f("way-from", &[("name", &name)])
        }
        StartPoint::Head(road) => {
            let name = map.road(road).map(|road| road_name(lang, road));
            lang.f("way-from-head", &[("name", &name.unwrap_or_default())])
        }
    }
}

fn way_page(
    portal: &Portal,
    visit: PortalVisit,
    map: &VillageMap,
    from: Option<StartPoint>,
    house: usize,
) -> Response {
    let f = visit.context(portal);
    let (lang, q) = (f.lang, visit.query());
    let Some(known) = map.house(house) else {
        return no_such(portal, visit);
    };
    let walk: Option<Walk> = from.and_then(|from| map.walk(from, house));
    let steps = walk
        .as_ref()
        .map(|walk| way(lang, map, walk, WayGoal::House(house)));
    let line = walk.as_ref().map_or(&[][..], |walk| &walk.line);
    let title = address(lang, map, house);
    let view = MapView {
        lang,
        house: Some(house),
        way: line,
        road: map.road_of(house),
        words: f.t1("house-map", "address", &title),
        ..MapView::default()
    };
    let own = map.road_of(house).and_then(|road| map.road(road));
    let other = own.map(|road| {
        let at_hall = matches!(from, None | Some(StartPoint::Site(_)));
        let road_words = road_name(lang, road);
        if at_hall {
            DirectoryLink {
                href: format!("/r/{}/to/{}{q}", road.id, known.id),
                words: f.t1("way-other-head", "name", road_words),
                small: String::new(),
                number: None,
            }
        } else {
            DirectoryLink {
                href: format!("/h/{}{q}", known.id),
                words: f.t("way-other-hall"),
                small: String::new(),
                number: None,
            }
        }
    });
    let label = label_lines(&portal.app, lang, known);
    let page = WayPage::new(&f, q, known.at);
    render(&WayPage {
        from: from.map_or_else(String::new, |from| start_name(lang, map, from)),
        label: label.iter().map(|line| split_phones(line)).collect(),
        steps: steps.unwrap_or_else(|| vec![sentence(f.t("way-none"))]),
        about: about(&f, walk.as_ref()),
        map: drawing(map, &view),
        other: other.filter(|_| map.hall().is_some()),
        title,
        f,
        ..page
    })
}
