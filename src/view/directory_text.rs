//! Houses, roads and ways in words.
//!
//! Invariant: the sentences of a way are those that somebody says who stands beside you: what to
//! do, then how far. Names are the village's own and stay Vietnamese in every language.

use crate::domain::directory::data::{Road, RoadKind};
use crate::domain::directory::map::VillageMap;
use crate::domain::directory::route::{Arrival, Turn, Walk, WalkStep};
use crate::i18n::locale::{Arg, Lang};

/// The name of a road as it stands within a sentence: “ngõ Giếng Làng”.
fn small(road: &Road) -> String {
    let mut letters = road.name.chars();
    let first = road.name.split(' ').next().unwrap_or_default();
    if first.to_lowercase() == road.kind.word() {
        letters.next().map_or_else(String::new, |c| {
            c.to_lowercase().chain(letters.clone()).collect()
        })
    } else {
        road.name.clone()
    }
}

/// The number by which a road is called too: “ngõ 12”; none = it has none.
fn called(road: &Road) -> Option<String> {
    (!road.number.is_empty()).then(|| format!("{} {}", road.kind.word(), road.number))
}

/// The name of a road with its number: “ngõ Giếng Làng (ngõ 12)”.
fn with_number(road: &Road) -> String {
    let name = small(road);
    match called(road).filter(|called| *called != name) {
        Some(called) => format!("{name} ({called})"),
        None => name,
    }
}

/// A road within a sentence, with its number.
#[must_use]
pub fn road_name(lang: Lang, road: &Road) -> String {
    lang.verbatim(&with_number(road))
}

/// Where a road is: “ngõ 12, đường Trục Chính”; empty = its name says everything.
#[must_use]
pub fn road_place(lang: Lang, map: &VillageMap, road: &Road) -> String {
    let parent = road.part_of.as_ref().and_then(|id| map.road_index(id));
    let parent = parent.and_then(|n| map.road(n)).map(small);
    let parts: Vec<String> = called(road).into_iter().chain(parent).collect();
    if parts.is_empty() {
        String::new()
    } else {
        lang.verbatim(&parts.join(", "))
    }
}

/// The address of a house: “Số 7, ngõ Giếng Làng (ngõ 12), đường Trục Chính”.
#[must_use]
pub fn address(lang: Lang, map: &VillageMap, house: usize) -> String {
    let Some(known) = map.house(house) else {
        return String::new();
    };
    let road = map.road_of(house).and_then(|n| map.road(n));
    let mut parts = vec![format!("Số {}", known.number)];
    if let Some(road) = road {
        parts.push(with_number(road));
        let parent = road.part_of.as_ref().and_then(|id| map.road_index(id));
        parts.extend(parent.and_then(|n| map.road(n)).map(small));
    }
    lang.verbatim(&parts.join(", "))
}

/// The road and the number of a house on a small sign: “ngõ 12 Giếng Làng”.
#[must_use]
pub fn sign_name(lang: Lang, road: &Road) -> String {
    let name = small(road);
    let rest = name.strip_prefix(road.kind.word()).map(str::trim_start);
    let words = match (called(road), rest) {
        (Some(called), Some(rest)) if rest != road.number => format!("{called} {rest}"),
        (Some(called), None) => format!("{called}, {name}"),
        _ => name,
    };
    lang.verbatim(&words)
}

/// The end of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayGoal {
    /// A house.
    House(usize),
    /// A place.
    Site(usize),
}

/// A sentence of a way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WayLine {
    /// The sign of where to go.
    pub arrow: &'static str,
    /// The sentence.
    pub words: String,
}

const fn turn_arrow(turn: Option<Turn>) -> &'static str {
    match turn {
        None | Some(Turn::On) => "↑",
        Some(Turn::Left) => "←",
        Some(Turn::Right) => "→",
        Some(Turn::Back) => "↓",
    }
}

/// The sentences of a way, one a step, and where its end is.
#[must_use]
pub fn way(lang: Lang, map: &VillageMap, walk: &Walk, goal: WayGoal) -> Vec<WayLine> {
    let mut told: Vec<WayLine> = walk
        .steps
        .iter()
        .enumerate()
        .map(|(n, step)| {
            let is_lane = map
                .road(step.road)
                .is_some_and(|road| road.kind != RoadKind::Duong);
            let key = if n == 0 {
                first_key(step, walk.is_rising, is_lane)
            } else {
                next_key(step)
            };
            WayLine {
                arrow: turn_arrow(step.turn),
                words: step_text(lang, map, step, key),
            }
        })
        .collect();
    let (arrow, end) = match walk.arrival {
        Arrival::Left => ("←", "left"),
        Arrival::Right => ("→", "right"),
        Arrival::Ahead => ("↑", "ahead"),
        Arrival::Here => ("●", "here"),
    };
    let words = match goal {
        WayGoal::House(house) => {
            let number = map.house(house).map(|h| h.number.as_str());
            let number = lang.verbatim(number.unwrap_or_default());
            lang.f(&format!("way-house-{end}"), &[("number", &number)])
        }
        WayGoal::Site(site) => {
            let name = map.data().sites.get(site).map(|site| site.name.as_str());
            let name = lang.verbatim(name.unwrap_or_default());
            lang.f(&format!("way-place-{end}"), &[("name", &name)])
        }
    };
    told.push(WayLine { arrow, words });
    told
}

/// The key of the first step; it may go where house numbers rise, and into a lane.
const fn first_key(step: &WalkStep, is_rising: Option<bool>, is_lane: bool) -> &'static str {
    match (step.turn, is_rising) {
        (None, Some(true)) if is_lane => "way-into-rising",
        (None, Some(true)) => "way-along-rising",
        (None, Some(false)) => "way-along-falling",
        (None, None) => "way-along",
        (Some(Turn::Left), _) => "way-out-left",
        (Some(Turn::Right), _) => "way-out-right",
        (Some(Turn::On | Turn::Back), _) => "way-out",
    }
}

/// The key of a later step.
const fn next_key(step: &WalkStep) -> &'static str {
    match (step.turn, step.is_new) {
        (None, _) => "way-along",
        (Some(Turn::Left), true) => "way-left-into",
        (Some(Turn::Right), true) => "way-right-into",
        (Some(Turn::On), true) => "way-on-into",
        (Some(Turn::Left), false) => "way-left",
        (Some(Turn::Right), false) => "way-right",
        (Some(Turn::On), false) => "way-on",
        (Some(Turn::Back), _) => "way-back",
    }
}

fn step_text(lang: Lang, map: &VillageMap, step: &WalkStep, key: &str) -> String {
    let road = map.road(step.road).map(|road| road_name(lang, road));
    let road = road.unwrap_or_default();
    lang.f(
        key,
        &[
            ("road", Arg::Text(&road)),
            ("metres", Arg::from(step.metres)),
        ],
    )
}
