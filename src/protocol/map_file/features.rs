//! Features of a GeoJSON text, read one by one and then held against each other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::json::{Members, elements};
use super::mistake::{MapMistake, MapProblem};
use super::problems::ProblemList;
use super::properties;
use crate::domain::directory::data::{CodePoint, House, MapData, Road, Site};
use crate::domain::directory::geometry::{GeoPoint, Metres, Projection, nearest_on};
use crate::domain::directory::map::{TooDense, VillageMap};
use crate::domain::directory::{MAX_HOUSES, MAX_POINTS, MAX_ROADS, MAX_SITES};
use crate::domain::id::PlaceId;

/// How far a position may be from the village, km.
const MOST_KM: u64 = 50;
/// How far a door may be from its road, metres: a yard is not longer.
const MAX_TO_ROAD: f64 = 300.0;

/// The map as far as it is read, and the mistakes.
struct MapReader<'t> {
    problems: ProblemList<'t>,
    /// From where 50 km are counted: the village, or the first position of the file.
    middle: Option<GeoPoint>,
    map: MapData,
    /// The feature of each road, house and code, for mistakes that show only at the end.
    raw_roads: Vec<&'t RawValue>,
    raw_houses: Vec<&'t RawValue>,
    raw_codes: Vec<&'t RawValue>,
    points: usize,
}

/// Reads the text.
pub(super) fn read(text: &str, middle: Option<GeoPoint>) -> Result<MapData, Vec<MapProblem>> {
    let mut reader = MapReader {
        problems: ProblemList::new(text),
        middle,
        map: MapData {
            middle: middle.unwrap_or(GeoPoint { lat: 0.0, lon: 0.0 }),
            roads: Vec::new(),
            houses: Vec::new(),
            sites: Vec::new(),
            codes: Vec::new(),
        },
        raw_roads: Vec::new(),
        raw_houses: Vec::new(),
        raw_codes: Vec::new(),
        points: 0,
    };
    let whole: &RawValue = match serde_json::from_str(text) {
        Ok(whole) => whole,
        Err(wrong) => {
            // The library's own words are English and say no more than the place does.
            return Err(vec![MapProblem {
                line: wrong.line().max(1) as u64,
                column: wrong.column().max(1) as u64,
                mistake: MapMistake::Syntax,
            }]);
        }
    };
    reader.collection(whole);
    reader.compare();
    if reader.problems.is_empty() {
        Ok(reader.map)
    } else {
        Err(reader.problems.sorted())
    }
}

impl<'t> MapReader<'t> {
    fn collection(&mut self, whole: &'t RawValue) {
        let members =
            Members::of(whole).filter(|m| m.text("type").as_deref() == Some("FeatureCollection"));
        let features = members
            .as_ref()
            .and_then(|m| m.get("features"))
            .and_then(elements);
        let (Some(members), Some(features)) = (members, features) else {
            self.problems.wrong(whole, MapMistake::NotCollection);
            return;
        };
        if let Some(crs) = members.get("crs").filter(|crs| crs.get() != "null") {
            let name = Members::of(crs)
                .and_then(|crs| crs.get("properties"))
                .and_then(Members::of)
                .and_then(|p| p.text("name"))
                .unwrap_or_default();
            if !(name.ends_with("CRS84") || name.ends_with(":4326")) {
                let name = name.chars().take(80).collect();
                self.problems.wrong(crs, MapMistake::OtherSystem { name });
                return;
            }
        }
        for feature in features {
            if self.problems.is_full() {
                return;
            }
            self.feature(feature);
        }
    }

    fn feature(&mut self, raw: &'t RawValue) {
        let members = Members::of(raw).filter(|m| m.text("type").as_deref() == Some("Feature"));
        let parts = members.as_ref().and_then(|m| {
            let geometry = m.get("geometry")?;
            Some((m.get("properties")?, geometry, Members::of(geometry)?))
        });
        let (Some(members), Some((properties, geometry, shape))) = (members, parts) else {
            self.problems.wrong(raw, MapMistake::NotFeature);
            return;
        };
        let kind = shape.text("type").unwrap_or_default();
        let Some(coordinates) = shape.get("coordinates") else {
            self.problems.wrong(geometry, MapMistake::NotPosition);
            return;
        };
        let lines = match kind.as_str() {
            "Point" => None,
            "LineString" => self.line(coordinates).map(|line| vec![line]),
            "MultiLineString" => match elements(coordinates) {
                Some(lines) => lines.into_iter().map(|line| self.line(line)).collect(),
                None => {
                    self.problems.wrong(coordinates, MapMistake::NotPosition);
                    return;
                }
            },
            other => {
                let found = other.chars().take(40).collect();
                self.problems
                    .wrong(geometry, MapMistake::GeometryKind { found });
                return;
            }
        };
        let Some(mut said) = properties::FeatureProperties::of(properties, members.get("id"))
        else {
            self.problems.wrong(properties, MapMistake::NotFeature);
            return;
        };
        if kind == "Point" {
            let at = self.position(coordinates);
            self.point(raw, &mut said, at);
        } else {
            let lines = lines.unwrap_or_default();
            if lines.is_empty() && self.problems.is_empty() {
                self.problems.wrong(coordinates, MapMistake::LineShort);
            }
            self.road(raw, &mut said, lines);
        }
    }

    fn line(&mut self, raw: &'t RawValue) -> Option<Vec<GeoPoint>> {
        let Some(positions) = elements(raw) else {
            self.problems.wrong(raw, MapMistake::NotPosition);
            return None;
        };
        let mut line: Vec<GeoPoint> = Vec::new();
        for position in positions {
            let at = self.position(position)?;
            if line.last() != Some(&at) {
                line.push(at);
            }
        }
        self.points += line.len();
        if line.len() < 2 {
            self.problems.wrong(raw, MapMistake::LineShort);
            return None;
        }
        if self.points > MAX_POINTS {
            let most = MAX_POINTS as u64;
            self.problems.wrong(raw, MapMistake::TooManyPoints { most });
            return None;
        }
        Some(line)
    }

    /// A position: longitude, latitude, perhaps a height.
    fn position(&mut self, raw: &'t RawValue) -> Option<GeoPoint> {
        let numbers: Vec<f64> = serde_json::from_str(raw.get()).unwrap_or_default();
        let (&[lon, lat] | &[lon, lat, _]) = numbers.as_slice() else {
            self.problems.wrong(raw, MapMistake::NotPosition);
            return None;
        };
        let at = GeoPoint { lat, lon };
        if self.middle.is_none() {
            self.middle = Some(at);
            self.map.middle = at;
        }
        let middle = self.map.middle;
        let is_near = |at: GeoPoint| {
            let far = Projection::around(middle).metres(at).length();
            far.is_finite() && far <= 1_000.0 * MOST_KM as f64
        };
        if is_near(at) {
            return Some(at);
        }
        let mistake = if is_near(GeoPoint { lat: lon, lon: lat }) {
            MapMistake::Exchanged
        } else {
            MapMistake::TooFar { most_km: MOST_KM }
        };
        self.problems.wrong(raw, mistake);
        None
    }

    fn road(
        &mut self,
        raw: &'t RawValue,
        said: &mut properties::FeatureProperties<'t>,
        lines: Vec<Vec<GeoPoint>>,
    ) {
        if self.map.roads.len() >= MAX_ROADS {
            let most = MAX_ROADS as u64;
            self.problems.wrong(raw, MapMistake::TooManyRoads { most });
            return;
        }
        if let Some(road) = properties::road(&mut self.problems, said, lines) {
            self.map.roads.push(road);
            self.raw_roads.push(raw);
        }
    }

    fn point(
        &mut self,
        raw: &'t RawValue,
        said: &mut properties::FeatureProperties<'t>,
        at: Option<GeoPoint>,
    ) {
        match properties::point(&mut self.problems, said, at.unwrap_or(self.map.middle)) {
            Some(properties::MapPoint::House(house)) if self.map.houses.len() < MAX_HOUSES => {
                self.map.houses.push(house);
                self.raw_houses.push(raw);
            }
            Some(properties::MapPoint::House(_)) => {
                let most = MAX_HOUSES as u64;
                self.problems.wrong(raw, MapMistake::TooManyHouses { most });
            }
            Some(properties::MapPoint::Site(site)) if self.map.sites.len() < MAX_SITES => {
                if site.is_hall && self.map.sites.iter().any(|s| s.is_hall) {
                    self.problems.wrong(raw, MapMistake::HallTwice);
                }
                self.map.sites.push(site);
            }
            Some(properties::MapPoint::Code(code)) if self.map.codes.len() < MAX_SITES => {
                self.map.codes.push(code);
                self.raw_codes.push(raw);
            }
            Some(_) => {
                let most = MAX_SITES as u64;
                self.problems.wrong(raw, MapMistake::TooManySites { most });
            }
            None => {}
        }
    }

    /// Holds the features against each other. While a feature could not be read, what refers to it
    /// would be told as a second mistake, so nothing is compared then.
    fn compare(&mut self) {
        if !self.problems.is_empty() {
            return;
        }
        if self.map.roads.is_empty() {
            self.problems.wrong_at_start(MapMistake::NoRoads);
            return;
        }
        let (roads, houses, codes) = (
            self.map.roads.clone(),
            self.map.houses.clone(),
            self.map.codes.clone(),
        );
        self.compare_ids(&roads, &houses, &codes);
        self.compare_roads(&roads);
        self.compare_houses(&roads, &houses);
        self.compare_codes(&roads, &codes);
        self.draw();
    }

    /// Makes the graph of the roads once, so that no map is taken that could not be used.
    fn draw(&mut self) {
        if !self.problems.is_empty() {
            return;
        }
        if let Err(TooDense { road }) = VillageMap::new(self.map.clone()) {
            let id = self.map.roads.get(road).map(|road| road.id.to_string());
            if let (Some(raw), Some(road)) = (self.raw_roads.get(road), id) {
                self.problems.wrong(raw, MapMistake::TooDense { road });
            }
        }
    }

    fn compare_ids(&mut self, roads: &[Road], houses: &[House], codes: &[CodePoint]) {
        let mut seen = BTreeSet::new();
        for (n, road) in roads.iter().enumerate() {
            for id in std::iter::once(&road.id).chain(&road.old_ids) {
                if !seen.insert(id.to_string()) {
                    let id = id.to_string();
                    self.problems
                        .wrong(self.raw_roads[n], MapMistake::IdTwice { id });
                }
            }
        }
        seen.clear();
        for (n, house) in houses.iter().enumerate() {
            for id in std::iter::once(&house.id).chain(&house.old_ids) {
                if !seen.insert(id.to_string()) {
                    let id = id.to_string();
                    self.problems
                        .wrong(self.raw_houses[n], MapMistake::IdTwice { id });
                }
            }
        }
        seen.clear();
        let sites: Vec<Site> = self.map.sites.clone();
        seen.extend(sites.iter().map(|site| site.id.to_string()));
        if seen.len() < sites.len() {
            let mut once = BTreeSet::new();
            let twice = sites.iter().find(|site| !once.insert(&site.id));
            let id = twice.map_or_else(String::new, |site| site.id.to_string());
            self.problems.wrong_at_start(MapMistake::IdTwice { id });
        }
        for (n, code) in codes.iter().enumerate() {
            if !seen.insert(code.id.to_string()) {
                let id = code.id.to_string();
                self.problems
                    .wrong(self.raw_codes[n], MapMistake::IdTwice { id });
            }
        }
    }

    fn compare_roads(&mut self, roads: &[Road]) {
        let parent: BTreeMap<&PlaceId, Option<&PlaceId>> =
            roads.iter().map(|r| (&r.id, r.part_of.as_ref())).collect();
        for (n, road) in roads.iter().enumerate() {
            let Some(part_of) = &road.part_of else {
                continue;
            };
            if !parent.contains_key(part_of) {
                let id = part_of.to_string();
                self.problems
                    .wrong(self.raw_roads[n], MapMistake::RoadUnknown { id });
                continue;
            }
            let mut at = Some(part_of);
            let mut steps = 0;
            while steps <= roads.len() && at.is_some_and(|id| *id != road.id) {
                at = at.and_then(|id| parent.get(id).copied().flatten());
                steps += 1;
            }
            if at == Some(&road.id) {
                let id = road.id.to_string();
                self.problems
                    .wrong(self.raw_roads[n], MapMistake::PartOfItself { id });
            }
        }
    }

    /// How far a point is from its road; none = there is no such road.
    fn to_road(&self, roads: &[Road], id: &PlaceId, at: GeoPoint) -> Option<f64> {
        let projection = Projection::around(self.map.middle);
        let road = roads.iter().find(|r| r.id == *id)?;
        let at = projection.metres(at);
        let far = road.lines.iter().flat_map(|line| {
            let line: Vec<Metres> = line.iter().map(|p| projection.metres(*p)).collect();
            let far = |pair: &[Metres]| at.from(nearest_on(at, pair[0], pair[1]).1).length();
            line.windows(2).map(far).collect::<Vec<_>>()
        });
        Some(far.fold(f64::INFINITY, f64::min))
    }

    fn check_road(&mut self, raw: &'t RawValue, roads: &[Road], id: &PlaceId, at: GeoPoint) {
        match self.to_road(roads, id, at) {
            None => {
                let id = id.to_string();
                self.problems.wrong(raw, MapMistake::RoadUnknown { id });
            }
            Some(far) if far > MAX_TO_ROAD => {
                let metres = format!("{far:.0}").parse().unwrap_or(u64::MAX);
                let road = id.to_string();
                self.problems
                    .wrong(raw, MapMistake::FarFromRoad { metres, road });
            }
            Some(_) => {}
        }
    }

    fn compare_houses(&mut self, roads: &[Road], houses: &[House]) {
        let mut numbers = BTreeSet::new();
        for (n, house) in houses.iter().enumerate() {
            let raw = self.raw_houses[n];
            self.check_road(raw, roads, &house.road, house.at);
            if !numbers.insert((&house.road, house.number.to_lowercase())) {
                let (number, road) = (house.number.clone(), house.road.to_string());
                self.problems
                    .wrong(raw, MapMistake::NumberTwice { number, road });
            }
        }
    }

    fn compare_codes(&mut self, roads: &[Road], codes: &[CodePoint]) {
        for (n, code) in codes.iter().enumerate() {
            self.check_road(self.raw_codes[n], roads, &code.road, code.at);
        }
    }
}
