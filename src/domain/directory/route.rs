//! The way to a house or a place: the shortest one, as steps that somebody can follow.
//!
//! Invariants: “left” is the left of one who walks the way; a bend of a road is no step, a turn at
//! a crossing is. The side of the house at the end is that of the walker, and so are odd and even
//! numbers: it comes from where the house is, never from its number. Deliberately absent: words
//! (`view::directory_text`).

use super::geometry::{Metres, rounded};
use super::map::{Door, VillageMap};
use super::streets::GraphWay;

/// How far a walker looks back and ahead at a crossing, metres.
const LOOK: f64 = 12.0;
/// A sign so near to a crossing hangs at it, metres.
const AT_SIGN: f64 = 12.0;
/// A step shorter than this is no step of its own, metres.
const MIN_STEP: f64 = 2.0;
/// Less than this is straight on, degrees.
const STRAIGHT: f64 = 35.0;
/// More than this is back, degrees.
const BACK: f64 = 150.0;
/// A road that turns at a crossing by more than this is a step, degrees.
const SHARP: f64 = 50.0;
/// A door nearer to the middle of the road than this is on neither side, metres.
const ON_ROAD: f64 = 1.0;

/// Where somebody asks for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StartPoint {
    /// At a place: its door, facing the road.
    Site(usize),
    /// At a code that hangs somewhere.
    Code(usize),
    /// Where a road begins.
    Head(usize),
}

/// A turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Straight on.
    On,
    /// To the left.
    Left,
    /// To the right.
    Right,
    /// Back.
    Back,
}

/// A step of the way: turn, and walk so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkStep {
    /// The turn; none = nobody knows where the walker looks.
    pub turn: Option<Turn>,
    /// The road on which the walker goes then.
    pub road: usize,
    /// Whether that is another road than before.
    pub is_new: bool,
    /// How far, metres, rounded as people say it.
    pub metres: u32,
}

/// Where the house is for one who arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// On the left.
    Left,
    /// On the right.
    Right,
    /// Ahead, at the end.
    Ahead,
    /// Here: the way has no length.
    Here,
}

/// A way to a house.
#[derive(Debug, Clone, PartialEq)]
pub struct Walk {
    /// Its steps.
    pub steps: Vec<WalkStep>,
    /// Where the house is at the end.
    pub arrival: Arrival,
    /// Its length, metres, rounded.
    pub metres: u32,
    /// Whether the first step goes where house numbers rise; none = nobody can tell.
    pub is_rising: Option<bool>,
    /// The line on the map, from the start to the door.
    pub line: Vec<Metres>,
}

fn turn(before: Metres, after: Metres) -> Turn {
    let degrees = before.turn_to(after);
    if degrees.abs() < STRAIGHT {
        Turn::On
    } else if degrees.abs() > BACK {
        Turn::Back
    } else if degrees > 0.0 {
        Turn::Left
    } else {
        Turn::Right
    }
}

/// A part of the way on one road without a turn at a crossing: from one point of the way to
/// another.
#[derive(Debug, Clone, Copy)]
struct Leg {
    road: usize,
    from: usize,
    to: usize,
}

/// A way whose points are measured.
struct Measured {
    way: GraphWay,
    /// How far each point is from the start.
    far: Vec<f64>,
}

impl Measured {
    fn new(way: GraphWay) -> Self {
        let mut far = vec![0.0];
        for pair in way.points.windows(2) {
            let before = far.last().copied().unwrap_or_default();
            far.push(before + pair[1].from(pair[0]).length());
        }
        Self { way, far }
    }

    fn length(&self, leg: Leg) -> f64 {
        self.far[leg.to] - self.far[leg.from]
    }

    /// The point so far from the start.
    fn at(&self, far: f64) -> Metres {
        let points = &self.way.points;
        let next = self.far.iter().position(|f| *f >= far);
        match next {
            None => points.last().copied().unwrap_or_default(),
            Some(0) => points[0],
            Some(n) => {
                let (before, length) = (self.far[n - 1], self.far[n] - self.far[n - 1]);
                let t = if length > 0.0 {
                    (far - before) / length
                } else {
                    1.0
                };
                let way = points[n].from(points[n - 1]);
                points[n - 1].plus(way.times(t))
            }
        }
    }

    /// Where one goes who leaves a point along this leg.
    fn leaving(&self, point: usize, leg: Leg) -> Metres {
        let ahead = (self.far[point] + LOOK).min(self.far[leg.to]);
        self.at(ahead).from(self.way.points[point])
    }

    /// Where one went who comes to a point along this leg.
    fn coming(&self, point: usize, leg: Leg) -> Metres {
        let behind = (self.far[point] - LOOK).max(self.far[leg.from]);
        self.way.points[point].from(self.at(behind))
    }

    /// The legs: a new one where the road is another, or where it turns at a crossing.
    fn legs(&self) -> Vec<Leg> {
        let last = self.way.points.len().saturating_sub(1);
        let mut of_roads: Vec<Leg> = Vec::new();
        for (n, road) in self.way.roads.iter().enumerate() {
            match of_roads.last_mut() {
                Some(leg) if leg.road == *road => leg.to = n + 1,
                _ => of_roads.push(Leg {
                    road: *road,
                    from: n,
                    to: n + 1,
                }),
            }
        }
        // A piece of some steps between two others, the middle of a crossing, belongs to the next.
        let mut legs: Vec<Leg> = Vec::new();
        let mut pending = None;
        for leg in of_roads {
            let from = pending.take().unwrap_or(leg.from);
            let leg = Leg { from, ..leg };
            if self.length(leg) < MIN_STEP && leg.to < last {
                pending = Some(leg.from);
            } else if let Some(before) = legs.last_mut().filter(|l: &&mut Leg| l.road == leg.road) {
                before.to = leg.to;
            } else {
                legs.push(leg);
            }
        }
        legs.into_iter()
            .flat_map(|leg| self.at_crossings(leg))
            .collect()
    }

    /// The same leg, split where its road turns sharply at a crossing.
    fn at_crossings(&self, leg: Leg) -> Vec<Leg> {
        let mut parts = vec![leg];
        for point in leg.from + 1..leg.to {
            let Some(part) = parts.last().copied() else {
                break;
            };
            let is_crossing = self.way.meeting[point] > 2;
            let near = |one: f64, other: f64| (one - other).abs() < MIN_STEP;
            let is_end = near(self.far[point], self.far[part.from])
                || near(self.far[point], self.far[leg.to]);
            let (before, after) = (self.coming(point, part), self.leaving(point, leg));
            if is_crossing && !is_end && before.turn_to(after).abs() > SHARP {
                if let Some(part) = parts.last_mut() {
                    part.to = point;
                }
                parts.push(Leg { from: point, ..leg });
            }
        }
        parts
    }
}

impl VillageMap {
    /// Where one looks who stands at the start, and the node of the graph there.
    fn start(&self, from: StartPoint) -> Option<(petgraph::graph::NodeIndex, Option<Metres>)> {
        let facing = |door: Metres, node| {
            let to_road = self.streets.place(node).from(door);
            (to_road.length() >= ON_ROAD * 2.0).then_some(to_road)
        };
        match from {
            StartPoint::Site(n) => {
                let node = self.door(Door::Site(n))?;
                Some((node, facing(self.site_at(n), node)))
            }
            // A sign on a wall is read with the back to the road, and from any side.
            StartPoint::Code(n) => Some((self.door(Door::Code(n))?, None)),
            StartPoint::Head(road) => Some((self.head(road)?, None)),
        }
    }

    /// The road at which one stands there; none = at a place beside one.
    fn road_at(&self, from: StartPoint) -> Option<usize> {
        match from {
            StartPoint::Site(_) => None,
            StartPoint::Code(n) => self.road_index(&self.data().codes.get(n)?.road),
            StartPoint::Head(road) => Some(road),
        }
    }

    /// Where one comes from who steps out of an alley at its beginning.
    fn out_of(&self, road: usize, node: petgraph::graph::NodeIndex) -> Option<Metres> {
        self.streets.meets_another(node, road)?;
        let here = self.streets.place(node);
        let farther = |line: &Vec<Metres>| {
            let first = line.first().copied()?;
            let last = line.last().copied()?;
            let from_first = first.from(here).length() <= last.from(here).length();
            let inner = if from_first {
                line.iter().copied().find(|p| p.from(here).length() > LOOK)
            } else {
                let mut back = line.iter().rev().copied();
                back.find(|p| p.from(here).length() > LOOK)
            };
            inner.map(|inner| here.from(inner))
        };
        self.lines(road).first().and_then(farther)
    }

    /// The way to a house; none = no road leads there.
    #[must_use]
    pub fn walk(&self, from: StartPoint, house: usize) -> Option<Walk> {
        let goal = self.door(Door::House(house))?;
        self.walk_to(from, goal, self.house_at(house))
    }

    /// The way to a place; none = no road leads there.
    #[must_use]
    pub fn walk_to_site(&self, from: StartPoint, site: usize) -> Option<Walk> {
        let goal = self.door(Door::Site(site))?;
        self.walk_to(from, goal, self.site_at(site))
    }

    /// The way to a door that opens to this node.
    fn walk_to(
        &self,
        from: StartPoint,
        goal: petgraph::graph::NodeIndex,
        door: Metres,
    ) -> Option<Walk> {
        let (start, facing) = self.start(from)?;
        let way = Measured::new(self.streets.way(start, goal)?);
        let mut legs = way.legs();
        // The few steps from a sign to the crossing at which it hangs are no step of the way.
        let is_at_sign = !matches!(from, StartPoint::Site(_));
        let mut out = None;
        if is_at_sign && legs.len() > 1 && way.length(legs[0]) < AT_SIGN {
            let first = legs.remove(0);
            out = Some(way.coming(first.to, first));
        }
        let mut steps: Vec<WalkStep> = Vec::new();
        for (n, leg) in legs.iter().enumerate() {
            let after = way.leaving(leg.from, *leg);
            let before = match n.checked_sub(1).map(|n| legs[n]) {
                Some(before) => Some(way.coming(leg.from, before)),
                None => match self.road_at(from).filter(|road| *road != leg.road) {
                    Some(road) => out.or_else(|| self.out_of(road, start)),
                    None => facing,
                },
            };
            steps.push(WalkStep {
                turn: before.map(|before| turn(before, after)),
                road: leg.road,
                is_new: n == 0 || legs[n - 1].road != leg.road,
                metres: rounded(way.length(*leg)),
            });
        }
        let total = way.far.last().copied().unwrap_or_default();
        let arrival = legs.last().map_or(Arrival::Here, |leg| {
            let end = way.way.points[leg.to];
            let (ahead, to_door) = (way.coming(leg.to, *leg), door.from(end));
            let degrees = ahead.turn_to(to_door);
            if to_door.length() < ON_ROAD || degrees.abs() < STRAIGHT {
                Arrival::Ahead
            } else if degrees > 0.0 {
                Arrival::Left
            } else {
                Arrival::Right
            }
        });
        let is_rising = legs.first().and_then(|leg| {
            let ahead = way.at(way.far[leg.from] + LOOK.min(way.length(*leg)));
            self.is_rising(leg.road, way.way.points[leg.from], ahead)
        });
        let mut line = way.way.points;
        if let StartPoint::Site(n) = from {
            line.insert(0, self.site_at(n));
        }
        line.push(door);
        Some(Walk {
            steps,
            arrival,
            metres: rounded(total),
            is_rising,
            line,
        })
    }
}
