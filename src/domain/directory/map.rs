//! The village's map as pages use it: the data with its index, in metres, with the graph of roads.
//!
//! Invariants: it is made of [`MapData`] alone, so it is the same after every start; things are
//! named by their place in the data. How far each place is from the village hall is worked out
//! once, with the map. Roads are listed with the main ones first, houses by number as people count
//! them.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::data::{CodePoint, House, MapData, Road, Site};
use super::geometry::{Metres, Projection, nearest_on, rounded};
use super::keys::SearchKeys;
pub use super::streets::TooDense;
use super::streets::{RoadShape, StreetGraph};
use crate::domain::id::{HouseId, PlaceId, SiteId};

/// Fewest houses from which the sides of odd and even numbers are told.
const MIN_NUMBERED: usize = 3;

/// The map with its index.
#[derive(Debug, Clone)]
pub struct VillageMap {
    data: MapData,
    projection: Projection,
    roads: BTreeMap<PlaceId, usize>,
    houses: BTreeMap<HouseId, usize>,
    houses_of: Vec<Vec<usize>>,
    shapes: Vec<Vec<Vec<Metres>>>,
    numbering: Vec<Numbering>,
    /// How far each place is from the hall, metres; none = no road leads there.
    from_hall: Vec<Option<u32>>,
    pub(super) streets: StreetGraph,
    pub(super) keys: SearchKeys,
}

/// How the house numbers of a road go. It is counted once: each house is held against each point of
/// the road for it.
#[derive(Debug, Clone, Copy)]
struct Numbering {
    /// Positive when they rise in the direction in which the line was drawn, negative when they
    /// fall; none = neither is clear.
    trend: Option<f64>,
    /// The side of the odd numbers, for one who goes with rising numbers; none = it is not clear.
    odd_side: Option<RoadSide>,
}

/// A side of a road, for one who goes with rising house numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoadSide {
    /// On the left.
    Left,
    /// On the right.
    Right,
}

/// A number as people count: 2 before 10, 7 before 7A.
fn by_number(a: &str, b: &str) -> Ordering {
    let split = |text: &str| {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = text.split_at(digits);
        (number.parse().unwrap_or(u32::MAX), rest.to_lowercase())
    };
    split(a).cmp(&split(b))
}

/// The leading number of a house number.
fn leading_number(number: &str) -> Option<u32> {
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    number[..digits].parse().ok()
}

/// Positive when numbers rise in the direction in which the line was drawn, negative when they
/// fall; none = neither.
fn trend(placed: &[(u32, f64, f64)]) -> Option<f64> {
    let count = placed.len() as f64;
    let (mut numbers, mut alongs) = (0.0, 0.0);
    for (number, along, _) in placed {
        numbers += f64::from(*number) / count;
        alongs += along / count;
    }
    let trend: f64 = placed
        .iter()
        .map(|(number, along, _)| (f64::from(*number) - numbers) * (along - alongs))
        .sum();
    (trend.abs() > 1e-6).then_some(trend)
}

/// The side of the odd numbers among houses that are placed; `trend` says where numbers rise.
fn odd_side(placed: &[(u32, f64, f64)], trend: f64) -> Option<RoadSide> {
    let votes: Vec<bool> = placed
        .iter()
        .filter(|(.., side)| side.abs() > f64::EPSILON)
        .map(|(number, _, side)| (side * trend > 0.0) == (number % 2 == 1))
        .collect();
    let has_both = placed.iter().any(|p| p.0 % 2 == 1) && placed.iter().any(|p| p.0 % 2 == 0);
    let left = votes.iter().filter(|is_left| **is_left).count();
    if !has_both || votes.is_empty() {
        None
    } else if left * 10 >= votes.len() * 9 {
        Some(RoadSide::Left)
    } else if left * 10 <= votes.len() {
        Some(RoadSide::Right)
    } else {
        None
    }
}

/// The index of a door among those of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    House(usize),
    Site(usize),
    Code(usize),
}

impl VillageMap {
    /// The map of this data.
    ///
    /// # Errors
    /// The roads are drawn too densely.
    pub fn new(data: MapData) -> Result<Self, TooDense> {
        let projection = Projection::around(data.middle);
        let mut roads: BTreeMap<PlaceId, usize> = BTreeMap::new();
        for (n, road) in data.roads.iter().enumerate() {
            roads.insert(road.id.clone(), n);
        }
        let index_of = |id: &PlaceId| roads.get(id).copied();
        let shapes: Vec<Vec<Vec<Metres>>> = data
            .roads
            .iter()
            .map(|road| {
                let line = |points: &Vec<_>| points.iter().map(|p| projection.metres(*p)).collect();
                road.lines.iter().map(line).collect()
            })
            .collect();
        let road_shapes: Vec<RoadShape> = data
            .roads
            .iter()
            .zip(&shapes)
            .map(|(road, lines)| RoadShape {
                lines: lines.clone(),
                part_of: road.part_of.as_ref().and_then(index_of),
            })
            .collect();
        let houses = data.houses.iter().map(|h| (h.at, index_of(&h.road)));
        let sites = data.sites.iter().map(|s| (s.at, None));
        let codes = data.codes.iter().map(|c| (c.at, index_of(&c.road)));
        let doors: Vec<(Metres, Option<usize>)> = houses
            .chain(sites)
            .chain(codes)
            .map(|(at, road)| (projection.metres(at), road))
            .collect();
        let streets = StreetGraph::new(&road_shapes, &doors)?;
        let mut houses_of = vec![Vec::new(); data.roads.len()];
        let mut house_index = BTreeMap::new();
        for (n, house) in data.houses.iter().enumerate() {
            if let Some(road) = index_of(&house.road) {
                houses_of[road].push(n);
            }
            house_index.insert(house.id.clone(), n);
        }
        for of_road in &mut houses_of {
            of_road.sort_by(|a, b| by_number(&data.houses[*a].number, &data.houses[*b].number));
        }
        let keys = SearchKeys::new(&data);
        let mut map = Self {
            projection,
            houses: house_index,
            houses_of,
            shapes,
            numbering: Vec::new(),
            from_hall: Vec::new(),
            streets,
            keys,
            roads,
            data,
        };
        map.numbering = (0..map.data.roads.len())
            .map(|road| map.count_numbering(road))
            .collect();
        map.from_hall = map.measure_from_hall();
        Ok(map)
    }

    /// The data that it was made of.
    #[must_use]
    pub const fn data(&self) -> &MapData {
        &self.data
    }

    /// A road.
    #[must_use]
    pub fn road(&self, n: usize) -> Option<&Road> {
        self.data.roads.get(n)
    }

    /// A house.
    #[must_use]
    pub fn house(&self, n: usize) -> Option<&House> {
        self.data.houses.get(n)
    }

    /// The road of an id of today.
    #[must_use]
    pub fn road_index(&self, id: &PlaceId) -> Option<usize> {
        self.roads.get(id).copied()
    }

    /// The house of an id of today.
    #[must_use]
    pub fn house_index(&self, id: &HouseId) -> Option<usize> {
        self.houses.get(id).copied()
    }

    /// The road that an id of earlier leads to.
    #[must_use]
    pub fn road_formerly(&self, id: &PlaceId) -> Option<usize> {
        self.data.roads.iter().position(|r| r.old_ids.contains(id))
    }

    /// The house that an id of earlier leads to.
    #[must_use]
    pub fn house_formerly(&self, id: &HouseId) -> Option<usize> {
        self.data.houses.iter().position(|h| h.old_ids.contains(id))
    }

    /// The road of a house.
    #[must_use]
    pub fn road_of(&self, house: usize) -> Option<usize> {
        self.road_index(&self.data.houses.get(house)?.road)
    }

    /// The houses of a road, by number.
    #[must_use]
    pub fn houses_of(&self, road: usize) -> &[usize] {
        self.houses_of.get(road).map_or(&[], Vec::as_slice)
    }

    /// Roads that go off from this one.
    pub fn parts_of(&self, road: usize) -> impl Iterator<Item = usize> + '_ {
        let id = self.data.roads.get(road).map(|r| &r.id);
        (0..self.data.roads.len())
            .filter(move |n| id.is_some() && self.data.roads[*n].part_of.as_ref() == id)
    }

    /// The village hall, where the way begins unless another code was scanned.
    #[must_use]
    pub fn hall(&self) -> Option<(usize, &Site)> {
        self.data.sites.iter().enumerate().find(|(_, s)| s.is_hall)
    }

    /// How far each place is from the hall, by one search for all of them.
    fn measure_from_hall(&self) -> Vec<Option<u32>> {
        let door = |site| self.door(Door::Site(site));
        let Some(hall) = self.hall().and_then(|(hall, _)| door(hall)) else {
            return Vec::new();
        };
        let lengths = self.streets.lengths(hall);
        let metres = |site| lengths.get(&door(site)?).copied();
        let all = 0..self.data.sites.len();
        all.map(|site| metres(site).map(rounded)).collect()
    }

    /// How far a place is from the village hall, metres; none = there is no hall, or no road leads
    /// from it.
    #[must_use]
    pub fn metres_from_hall(&self, site: usize) -> Option<u32> {
        self.from_hall.get(site).copied().flatten()
    }

    /// The code that hangs at this road.
    #[must_use]
    pub fn code_of(&self, road: usize) -> Option<(usize, &CodePoint)> {
        let id = &self.data.roads.get(road)?.id;
        let mut codes = self.data.codes.iter().enumerate();
        codes.find(|(_, code)| code.road == *id)
    }

    /// The lines of a road.
    #[must_use]
    pub fn lines(&self, road: usize) -> &[Vec<Metres>] {
        self.shapes.get(road).map_or(&[], Vec::as_slice)
    }

    /// Where a house is.
    #[must_use]
    pub fn house_at(&self, house: usize) -> Metres {
        let house = self.data.houses.get(house);
        house.map_or_else(Metres::default, |h| self.projection.metres(h.at))
    }

    /// Where a place is.
    #[must_use]
    pub fn site_at(&self, site: usize) -> Metres {
        let site = self.data.sites.get(site);
        site.map_or_else(Metres::default, |s| self.projection.metres(s.at))
    }

    /// The node of a door.
    pub(super) fn door(&self, door: Door) -> Option<petgraph::graph::NodeIndex> {
        let (houses, sites) = (self.data.houses.len(), self.data.sites.len());
        self.streets.door(match door {
            Door::House(n) => n,
            Door::Site(n) => houses + n,
            Door::Code(n) => houses + sites + n,
        })
    }

    /// How far along its road a point is, and how far to the left of the line as it was drawn;
    /// lines follow each other.
    fn along(&self, road: usize, at: Metres) -> Option<(f64, f64)> {
        let mut best: Option<(f64, f64, f64)> = None;
        let mut before = 0.0;
        for points in self.lines(road) {
            for pair in points.windows(2) {
                let (a, b) = (pair[0], pair[1]);
                let (t, on) = nearest_on(at, a, b);
                let (distance, length) = (at.from(on).length(), b.from(a).length());
                if best.is_none_or(|(least, ..)| distance < least) {
                    let side = b.from(a).cross(at.from(on));
                    best = Some((distance, before + t * length, side));
                }
                before += length;
            }
        }
        best.map(|(_, along, side)| (along, side))
    }

    /// The houses of a road: number, how far along it, how far to its left.
    fn placed(&self, road: usize) -> Vec<(u32, f64, f64)> {
        let place = |house: &usize| {
            let number = leading_number(&self.data.houses[*house].number)?;
            let (along, side) = self.along(road, self.house_at(*house))?;
            Some((number, along, side))
        };
        self.houses_of(road).iter().filter_map(place).collect()
    }

    fn count_numbering(&self, road: usize) -> Numbering {
        let placed = self.placed(road);
        let trend = trend(&placed).filter(|_| placed.len() >= MIN_NUMBERED);
        let odd_side = trend.and_then(|trend| odd_side(&placed, trend));
        Numbering { trend, odd_side }
    }

    /// Whether one who goes from here to there on a road goes where its numbers rise.
    pub(super) fn is_rising(&self, road: usize, from: Metres, to: Metres) -> Option<bool> {
        let trend = self.numbering.get(road)?.trend?;
        let way = self.along(road, to)?.0 - self.along(road, from)?.0;
        (way.abs() > f64::EPSILON).then_some(way * trend > 0.0)
    }

    /// Whether the numbers of a road rise for one who goes in from its beginning.
    #[must_use]
    pub fn rises_from_head(&self, road: usize) -> bool {
        let Some(head) = self.head(road).map(|head| self.streets.place(head)) else {
            return false;
        };
        let ends = self.streets.ends(road).iter();
        let ends = ends.map(|end| self.streets.place(*end));
        let far = ends.max_by(|a, b| a.from(head).length().total_cmp(&b.from(head).length()));
        far.and_then(|far| self.is_rising(road, head, far)) == Some(true)
    }

    /// The place of an id.
    #[must_use]
    pub fn site_index(&self, id: &SiteId) -> Option<usize> {
        self.data.sites.iter().position(|site| site.id == *id)
    }

    /// Places in the order in which they are looked for: shelters first.
    #[must_use]
    pub fn sites_in_order(&self) -> Vec<usize> {
        let mut sites: Vec<usize> = (0..self.data.sites.len()).collect();
        sites.sort_by_key(|site| !self.data.sites[*site].is_shelter());
        sites
    }

    /// Whether a house has an odd number; none = it begins with no number.
    #[must_use]
    pub fn is_odd(&self, house: usize) -> Option<bool> {
        let number = leading_number(&self.data.houses.get(house)?.number)?;
        Some(number % 2 == 1)
    }

    /// The side of the odd numbers, for one who goes with rising numbers; none = the houses of this
    /// road do not tell it clearly.
    #[must_use]
    pub fn odd_side(&self, road: usize) -> Option<RoadSide> {
        self.numbering.get(road)?.odd_side
    }

    /// Where a road begins: at the road from which it goes off, or else where its numbers begin.
    pub(super) fn head(&self, road: usize) -> Option<petgraph::graph::NodeIndex> {
        let ends = self.streets.ends(road);
        let part_of = self.data.roads.get(road)?.part_of.as_ref();
        let parent = part_of.and_then(|id| self.road_index(id));
        if let Some(parent) = parent {
            let distance = |at: Metres| {
                let pieces = self.lines(parent).iter().flat_map(|line| line.windows(2));
                pieces
                    .map(|pair| at.from(nearest_on(at, pair[0], pair[1]).1).length())
                    .fold(f64::INFINITY, f64::min)
            };
            return ends.iter().copied().min_by(|a, b| {
                let (a, b) = (self.streets.place(*a), self.streets.place(*b));
                distance(a).total_cmp(&distance(b))
            });
        }
        match self.houses_of(road).first() {
            Some(first) => {
                let first = self.house_at(*first);
                ends.iter().copied().min_by(|a, b| {
                    let far = |node| first.from(self.streets.place(node)).length();
                    far(*a).total_cmp(&far(*b))
                })
            }
            None => ends.first().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_the_order_in_which_people_count() {
        let mut numbers = ["10", "2", "7B", "7", "1A", "7A"];
        numbers.sort_by(|a, b| by_number(a, b));
        assert_eq!(numbers, ["1A", "2", "7", "7A", "7B", "10"]);
    }
}
