//! Properties of a feature: known by name, each at most once, every other one refused.

use serde_json::value::RawValue;

use super::json::{Members, elements};
use super::mistake::MapMistake;
use super::problems::ProblemList;
use crate::domain::calendar::parse_day;
use crate::domain::directory::data::{CodePoint, House, Road, RoadKind, Site};
use crate::domain::directory::geometry::GeoPoint;
use crate::domain::id::{BadId, HouseId, PlaceId, SiteId};
use crate::domain::text::fold::fold;
use crate::domain::text::{self, MAX_NAME_CHARS};

/// Most characters of a number, of a road or of a house.
const MAX_NUMBER_CHARS: usize = 12;
/// Most characters of the kind of a place.
const MAX_KIND_CHARS: usize = 40;
/// Most old names, and most old ids, of one thing.
const MAX_OLD: usize = 16;

/// Properties that drawing programs add by themselves; they say nothing about the village.
const IGNORED: [&str; 10] = [
    "fid",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "fill",
    "fill-opacity",
    "marker-color",
    "marker-size",
    "marker-symbol",
    "tessellate",
];

/// A point of a map.
pub(super) enum MapPoint {
    House(House),
    Site(Site),
    Code(CodePoint),
}

/// Properties that are not looked at yet; those that are empty are as if they were not there.
pub(super) struct FeatureProperties<'t> {
    raw: &'t RawValue,
    left: Vec<(String, &'t RawValue)>,
}

impl<'t> FeatureProperties<'t> {
    /// The properties of a feature; none = they are no object. The feature's own id stands for a
    /// property that is missing.
    pub(super) fn of(raw: &'t RawValue, id: Option<&'t RawValue>) -> Option<Self> {
        let Members(mut left) = Members::of(raw)?;
        left.retain(|(name, value)| {
            let value = value.get();
            !IGNORED.contains(&name.as_str()) && value != "null" && value != "\"\""
        });
        if let Some(id) = id
            && !left.iter().any(|(name, _)| name == "id")
        {
            left.push(("id".to_owned(), id));
        }
        Some(Self { raw, left })
    }

    fn take(&mut self, problems: &mut ProblemList<'t>, name: &str) -> Option<&'t RawValue> {
        let at = self.left.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.left.remove(at);
        if let Some((_, twice)) = self.left.iter().find(|(known, _)| known == name) {
            let name = name.to_owned();
            problems.wrong(twice, MapMistake::PropertyTwice { name });
        }
        self.left.retain(|(known, _)| known != name);
        Some(value)
    }

    /// A text on one line; a number is taken as it is written.
    fn text(&mut self, problems: &mut ProblemList<'t>, name: &str, most: usize) -> Option<String> {
        let raw = self.take(problems, name)?;
        let typed: Option<String> = serde_json::from_str(raw.get()).ok().or_else(|| {
            let number = raw.get();
            number
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| number.to_owned())
        });
        let Some(typed) = typed else {
            let name = name.to_owned();
            problems.wrong(raw, MapMistake::NotText { name });
            return None;
        };
        let clean = text::line(&typed, usize::MAX);
        if clean.is_empty() || clean.chars().count() > most {
            let (name, most) = (name.to_owned(), most as u64);
            problems.wrong(raw, MapMistake::TextLong { name, most });
            return None;
        }
        Some(clean)
    }

    fn require(
        &mut self,
        problems: &mut ProblemList<'t>,
        name: &str,
        most: usize,
    ) -> Option<String> {
        if !self.left.iter().any(|(known, _)| known == name) {
            let name = name.to_owned();
            problems.wrong(self.raw, MapMistake::PropertyMissing { name });
            return None;
        }
        self.text(problems, name, most)
    }

    /// An id, in whichever type.
    fn id<T>(
        &mut self,
        problems: &mut ProblemList<'t>,
        name: &str,
        make: impl Fn(&str) -> Result<T, BadId>,
    ) -> Option<T> {
        let raw = self.left.iter().find(|(known, _)| known == name);
        let raw = raw.map_or(self.raw, |(_, raw)| *raw);
        let text = self.require(problems, name, 64)?;
        make(&text)
            .map_err(|BadId(text)| problems.wrong(raw, MapMistake::NotId { text }))
            .ok()
    }

    /// Texts: a list, or one text with `;` between them.
    fn texts(&mut self, problems: &mut ProblemList<'t>, name: &str) -> Vec<String> {
        let Some(raw) = self.take(problems, name) else {
            return Vec::new();
        };
        let text = |raw: &RawValue| -> Option<String> { serde_json::from_str(raw.get()).ok() };
        let typed: Option<Vec<String>> = match elements(raw) {
            Some(list) => list.into_iter().map(text).collect(),
            None => text(raw).map(|t| t.split(';').map(str::to_owned).collect()),
        };
        let Some(typed) = typed else {
            let name = name.to_owned();
            problems.wrong(raw, MapMistake::NotText { name });
            return Vec::new();
        };
        let clean: Vec<String> = typed
            .iter()
            .map(|t| text::line(t, usize::MAX))
            .filter(|t| !t.is_empty())
            .collect();
        if clean.len() > MAX_OLD || clean.iter().any(|t| t.chars().count() > MAX_NAME_CHARS) {
            let (name, most) = (name.to_owned(), MAX_NAME_CHARS as u64);
            problems.wrong(raw, MapMistake::TextLong { name, most });
            return Vec::new();
        }
        clean
    }

    fn old_ids<T>(
        &mut self,
        problems: &mut ProblemList<'t>,
        make: impl Fn(&str) -> Result<T, BadId>,
    ) -> Vec<T> {
        let raw = self.raw;
        let texts = self.texts(problems, "old_ids");
        let id = |text: &String| {
            make(text)
                .map_err(|BadId(text)| problems.wrong(raw, MapMistake::NotId { text }))
                .ok()
        };
        texts.iter().filter_map(id).collect()
    }

    fn day(&mut self, problems: &mut ProblemList<'t>, name: &str) -> Option<i64> {
        let raw = self.left.iter().find(|(known, _)| known == name)?.1;
        let text = self.text(problems, name, 40)?;
        let day = parse_day(&text);
        if day.is_none() {
            problems.wrong(raw, MapMistake::NotDay { text });
        }
        day
    }

    fn is_set(&mut self, problems: &mut ProblemList<'t>, name: &str) -> bool {
        let Some(raw) = self.take(problems, name) else {
            return false;
        };
        match fold(raw.get().trim_matches('"')).as_str() {
            "true" | "1" | "co" | "yes" => true,
            "false" | "0" | "khong" | "no" => false,
            _ => {
                let name = name.to_owned();
                problems.wrong(raw, MapMistake::NotYesNo { name });
                false
            }
        }
    }

    /// Reports every property that is left over.
    fn finish(&mut self, problems: &mut ProblemList<'t>, is_house: bool) {
        for (name, raw) in std::mem::take(&mut self.left) {
            let name = text::line(&name, 60);
            problems.wrong(
                raw,
                if is_house {
                    MapMistake::PropertyPrivate { name }
                } else {
                    MapMistake::PropertyUnknown { name }
                },
            );
        }
    }
}

/// A road of these properties.
pub(super) fn road<'t>(
    problems: &mut ProblemList<'t>,
    said: &mut FeatureProperties<'t>,
    lines: Vec<Vec<GeoPoint>>,
) -> Option<Road> {
    if let Some(what) = said.take(problems, "what")
        && what.get() != "\"road\""
    {
        let text = text::line(what.get().trim_matches('"'), 40);
        problems.wrong(what, MapMistake::WhatUnknown { text });
    }
    let id = said.id(problems, "id", PlaceId::new);
    let name = said.require(problems, "name", MAX_NAME_CHARS);
    let raw_kind = said.left.iter().find(|(known, _)| known == "kind");
    let raw_kind = raw_kind.map_or(said.raw, |(_, raw)| *raw);
    let kind = said
        .require(problems, "kind", MAX_KIND_CHARS)
        .and_then(|text| {
            let known = |kind: &RoadKind| fold(kind.word()) == fold(&text);
            let kind = RoadKind::ALL.into_iter().find(known);
            if kind.is_none() {
                problems.wrong(raw_kind, MapMistake::KindUnknown { text });
            }
            kind
        });
    let number = said.text(problems, "number", MAX_NUMBER_CHARS);
    let has_parent = said.left.iter().any(|(known, _)| known == "part_of");
    let part_of = has_parent.then(|| said.id(problems, "part_of", PlaceId::new));
    let old_names = said.texts(problems, "old_names");
    let old_ids = said.old_ids(problems, PlaceId::new);
    let (from, until) = (said.day(problems, "from"), said.day(problems, "until"));
    if from.zip(until).is_some_and(|(from, until)| until < from) {
        problems.wrong(said.raw, MapMistake::DaysReversed);
    }
    said.finish(problems, false);
    Some(Road {
        id: id?,
        name: name?,
        kind: kind?,
        number: number.unwrap_or_default(),
        part_of: part_of.flatten(),
        old_names,
        old_ids,
        from,
        until,
        lines,
    })
}

/// A house, a place or a code of these properties.
pub(super) fn point<'t>(
    problems: &mut ProblemList<'t>,
    said: &mut FeatureProperties<'t>,
    at: GeoPoint,
) -> Option<MapPoint> {
    let raw = said.take(problems, "what").unwrap_or(said.raw);
    let what: String = serde_json::from_str(raw.get()).unwrap_or_default();
    match what.as_str() {
        "house" => house(problems, said, at).map(MapPoint::House),
        "place" => site(problems, said, at).map(MapPoint::Site),
        "code" => code(problems, said, at).map(MapPoint::Code),
        other => {
            let text = text::line(other, 40);
            problems.wrong(raw, MapMistake::WhatUnknown { text });
            None
        }
    }
}

fn house<'t>(
    problems: &mut ProblemList<'t>,
    said: &mut FeatureProperties<'t>,
    at: GeoPoint,
) -> Option<House> {
    let id = said.id(problems, "id", HouseId::new);
    let raw = said.left.iter().find(|(known, _)| known == "number");
    let raw = raw.map_or(said.raw, |(_, raw)| *raw);
    let number = said.require(problems, "number", MAX_NUMBER_CHARS);
    let number = number.filter(|number| {
        let is_number = number.bytes().next().is_some_and(|b| b.is_ascii_digit())
            && number
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '.'));
        if !is_number {
            let text = number.clone();
            problems.wrong(raw, MapMistake::NotNumber { text });
        }
        is_number
    });
    let road = said.id(problems, "road", PlaceId::new);
    let old_ids = said.old_ids(problems, HouseId::new);
    said.finish(problems, true);
    Some(House {
        id: id?,
        number: number?,
        road: road?,
        old_ids,
        at,
    })
}

fn site<'t>(
    problems: &mut ProblemList<'t>,
    said: &mut FeatureProperties<'t>,
    at: GeoPoint,
) -> Option<Site> {
    let id = said.id(problems, "id", SiteId::new);
    let name = said.require(problems, "name", MAX_NAME_CHARS);
    let kind = said.require(problems, "kind", MAX_KIND_CHARS);
    let is_hall = said.is_set(problems, "hall");
    said.finish(problems, false);
    Some(Site {
        id: id?,
        name: name?,
        kind: kind?,
        is_hall,
        at,
    })
}

fn code<'t>(
    problems: &mut ProblemList<'t>,
    said: &mut FeatureProperties<'t>,
    at: GeoPoint,
) -> Option<CodePoint> {
    let id = said.id(problems, "id", SiteId::new);
    let name = said.require(problems, "name", MAX_NAME_CHARS);
    let road = said.id(problems, "road", PlaceId::new);
    said.finish(problems, false);
    Some(CodePoint {
        id: id?,
        name: name?,
        road: road?,
        at,
    })
}
