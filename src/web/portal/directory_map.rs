//! The village's map as a drawing in the page: no tiles, no script, nothing of others.
//!
//! Invariants: the drawing is at most [`MAX_BYTES`] long, whatever the map; north is up; everything
//! in it stands in the page's text too. Numbers in it are those of the page's list, and lead where
//! its rows do. Words stand beside the lines, never on them, where there is room.

use std::fmt::Write as _;

use super::map_labels::{MapLabels, Room, WIDTH};
use crate::domain::directory::data::RoadKind;
use crate::domain::directory::geometry::Metres;
use crate::domain::directory::map::VillageMap;
use crate::http::render::markup_escaped;
use crate::i18n::locale::{Lang, capital};

/// Longest drawing, bytes.
const MAX_BYTES: usize = 11_000;
/// Least and most height.
const HEIGHTS: (f64, f64) = (420.0, 1_200.0);
/// Room between a line and the words beside it.
const BESIDE: f64 = 26.0;
/// Most pieces of roads that words keep away from.
const MOST_PIECES: usize = 1_500;
/// Least metres of a side, so that one house is not drawn as large as a village.
const MIN_SPAN: f64 = 60.0;

/// The things that are drawn beside the roads.
#[derive(Debug, Clone, Default)]
pub struct MapView<'a> {
    /// The language of the page.
    pub lang: Lang,
    /// The road that is meant; the drawing is about it.
    pub road: Option<usize>,
    /// The house that is meant.
    pub house: Option<usize>,
    /// The place that is meant.
    pub site: Option<usize>,
    /// A way.
    pub way: &'a [Metres],
    /// Numbers of roads in the page's list, by road; none = roads have no numbers.
    pub numbers: &'a [Option<usize>],
    /// The query of addresses, for the links of numbers.
    pub q: &'a str,
    /// The drawing in words.
    pub words: String,
}

/// From metres to the drawing's units.
struct Sheet {
    west: f64,
    north: f64,
    scale: f64,
    height: f64,
}

/// A whole number of the drawing's units.
fn unit(value: f64) -> i64 {
    format!("{value:.0}").parse().unwrap_or_default()
}

impl Sheet {
    fn around(points: &[Metres]) -> Self {
        let bounds = |axis: fn(&Metres) -> f64| {
            let least = points.iter().map(axis).fold(f64::INFINITY, f64::min);
            let most = points.iter().map(axis).fold(f64::NEG_INFINITY, f64::max);
            let more = ((MIN_SPAN - (most - least)) / 2.0).max(0.0);
            (least - more, most + more)
        };
        let ((west, east), (south, north)) = (bounds(|p| p.x), bounds(|p| p.y));
        let (wide, tall) = (east - west, north - south);
        // A margin for numbers at the edge.
        let scale = (WIDTH * 0.84 / wide).min((HEIGHTS.1 - 160.0) / tall);
        let height = (tall * scale + 160.0).clamp(HEIGHTS.0, HEIGHTS.1);
        Self {
            west: west - (WIDTH / scale - wide) / 2.0,
            north: north + (height / scale - tall) / 2.0,
            scale,
            height,
        }
    }

    fn at(&self, point: Metres) -> (i64, i64) {
        let x = (point.x - self.west) * self.scale;
        let y = (self.north - point.y) * self.scale;
        (unit(x), unit(y))
    }

    /// The parts of lines that are in sight.
    fn in_sight(&self, lines: &[Vec<Metres>]) -> Vec<Vec<Metres>> {
        let mut parts: Vec<Vec<Metres>> = Vec::new();
        let frame = Room {
            x: WIDTH / 2.0,
            y: self.height / 2.0,
            half: (WIDTH / 2.0, self.height / 2.0),
        };
        let spot = |point: Metres| {
            let (x, y) = self.at(point);
            (x as f64, y as f64)
        };
        for line in lines {
            let mut part: Vec<Metres> = Vec::new();
            for pair in line.windows(2) {
                let shares = frame.crossed_part((spot(pair[0]), spot(pair[1])));
                let Some((from, to)) = shares else {
                    parts.push(std::mem::take(&mut part));
                    continue;
                };
                let at = |share: f64| pair[0].plus(pair[1].from(pair[0]).times(share));
                if part.is_empty() {
                    part.push(at(from));
                }
                part.push(at(to));
                if to < 1.0 {
                    parts.push(std::mem::take(&mut part));
                }
            }
            parts.push(part);
        }
        parts.retain(|part| part.len() > 1);
        parts
    }

    fn is_inside(&self, (x, y): (i64, i64)) -> bool {
        (0..=unit(WIDTH)).contains(&x) && (0..=unit(self.height)).contains(&y)
    }

    /// A line as the data of a path; points that are drawn at the same place are left out.
    fn path(&self, line: &[Metres], out: &mut String) {
        let mut last = None;
        for point in line {
            let (x, y) = self.at(*point);
            match last {
                None => {
                    let _ = write!(out, "M{x} {y}");
                }
                Some((a, b)) => {
                    let (dx, dy): (i64, i64) = (x - a, y - b);
                    if dx.abs() + dy.abs() < 6 {
                        continue;
                    }
                    let _ = write!(out, "l{dx} {dy}");
                }
            }
            last = Some((x, y));
        }
    }
}

/// The places beside a road for something, the best first: near the middle of the longest line that
/// is in sight of it, on either side.
fn beside(sheet: &Sheet, lines: &[Vec<Metres>], room: Room) -> Vec<Room> {
    let lines = sheet.in_sight(lines);
    [0.5, 0.35, 0.65, 0.2, 0.8]
        .into_iter()
        .filter_map(|share| along(&lines, share))
        .flat_map(|(at, way)| {
            let (x, y) = sheet.at(at);
            let (x, y) = (x as f64, y as f64);
            let length = way.length().max(f64::EPSILON);
            // Across the line in the drawing, where south is positive.
            let across = (way.y / length, way.x / length);
            let far = room.reach(across) + BESIDE;
            [1.0, -1.0].map(|side| room.at((x + side * across.0 * far, y + side * across.1 * far)))
        })
        .collect()
}

/// A point of a road's longest line, by its share of the length, and where the line goes there.
fn along(lines: &[Vec<Metres>], share: f64) -> Option<(Metres, Metres)> {
    let length = |line: &&Vec<Metres>| -> f64 {
        line.windows(2)
            .map(|pair| pair[1].from(pair[0]).length())
            .sum()
    };
    let line = lines
        .iter()
        .max_by(|a, b| length(a).total_cmp(&length(b)))?;
    let mut left = length(&line) * share;
    for pair in line.windows(2) {
        let piece = pair[1].from(pair[0]);
        if piece.length() >= left {
            let t = left / piece.length().max(f64::EPSILON);
            return Some((pair[0].plus(piece.times(t)), piece));
        }
        left -= piece.length();
    }
    None
}

/// The points that must be in sight.
fn in_sight(map: &VillageMap, view: &MapView<'_>) -> Vec<Metres> {
    let mut points: Vec<Metres> = view.way.to_vec();
    points.extend(door_meant(map, view));
    if points.is_empty() {
        let roads = match view.road {
            Some(road) => road..road + 1,
            None => 0..map.data().roads.len(),
        };
        points.extend(roads.flat_map(|road| map.lines(road).iter().flatten().copied()));
    }
    points
}

/// The door that is meant.
fn door_meant(map: &VillageMap, view: &MapView<'_>) -> Option<Metres> {
    let house = view.house.map(|house| map.house_at(house));
    house.or_else(|| view.site.map(|site| map.site_at(site)))
}

/// The pieces of the way and of all roads in sight, for words to keep away from.
fn road_pieces(
    map: &VillageMap,
    view: &MapView<'_>,
    sheet: &Sheet,
) -> Vec<((f64, f64), (f64, f64))> {
    let spot = |point: Metres| {
        let (x, y) = sheet.at(point);
        (x as f64, y as f64)
    };
    let all = Room {
        x: WIDTH / 2.0,
        y: sheet.height / 2.0,
        half: (WIDTH / 2.0, sheet.height / 2.0),
    };
    let lines = (0..map.data().roads.len()).flat_map(|road| map.lines(road));
    let pieces = view.way.windows(2);
    let pieces = pieces.chain(lines.flat_map(|line| line.windows(2)));
    let pieces = pieces.map(|pair| (spot(pair[0]), spot(pair[1])));
    pieces
        .filter(|piece| all.is_crossed(*piece))
        .take(MOST_PIECES)
        .collect()
}

/// Roads in the order in which their names are written: the one that is meant, its own alleys, the
/// road from which it goes off; on a way then all others.
fn named(map: &VillageMap, view: &MapView<'_>) -> Vec<usize> {
    let own = view.road.or_else(|| map.road_of(view.house?));
    let parent = own.and_then(|road| map.road(road)?.part_of.as_ref());
    let parent = parent.and_then(|id| map.road_index(id));
    let parts: Vec<usize> = own.map_or_else(Vec::new, |road| map.parts_of(road).collect());
    let mut roads: Vec<usize> = own.into_iter().chain(parts).chain(parent).collect();
    if view.road.is_none() {
        roads.extend((0..map.data().roads.len()).filter(|road| Some(*road) != own));
    }
    roads
}

/// Writes numbers or names of roads beside them.
fn write_roads(map: &VillageMap, view: &MapView<'_>, sheet: &Sheet, labels: &mut MapLabels) {
    let most = MAX_BYTES * 2 / 5;
    if view.numbers.is_empty() {
        let mut written = Vec::new();
        for road in named(map, view) {
            let Some(known) = map.road(road).filter(|_| !written.contains(&road)) else {
                continue;
            };
            written.push(road);
            // Without the word before it a name takes less room.
            let short = known.name.split_once(' ').map_or("", |(_, rest)| rest);
            for words in [known.name.as_str(), short] {
                let room = Room::of_words((0.0, 0.0), words);
                let rooms = beside(sheet, map.lines(road), room);
                if labels.out.len() >= most || words.is_empty() || labels.words(&rooms, words) {
                    break;
                }
            }
        }
        return;
    }
    for (road, number) in view.numbers.iter().enumerate() {
        let (Some(number), Some(known)) = (number, map.road(road)) else {
            continue;
        };
        if labels.out.len() < most {
            let rooms = beside(sheet, map.lines(road), Room::of_disc((0.0, 0.0)));
            labels.number(&rooms, *number, &format!("/r/{}{}", known.id, view.q));
        }
    }
}

/// The lines of wide roads, of the others, and of the one that is meant.
fn road_paths(map: &VillageMap, view: &MapView<'_>, sheet: &Sheet) -> [String; 3] {
    let mut paths: [String; 3] = Default::default();
    let (w, h) = (unit(WIDTH), unit(sheet.height));
    for road in 0..map.data().roads.len() {
        let is_wide = map.road(road).is_some_and(|r| r.kind == RoadKind::Duong);
        let class = if view.road == Some(road) && view.way.is_empty() {
            2
        } else {
            usize::from(!is_wide)
        };
        let out = &mut paths[class];
        for line in map.lines(road) {
            // A line is drawn when any of it may be in sight.
            let is_near = line.windows(2).any(|pair| {
                let (a, b) = (sheet.at(pair[0]), sheet.at(pair[1]));
                a.0.min(b.0) <= w && a.0.max(b.0) >= 0 && a.1.min(b.1) <= h && a.1.max(b.1) >= 0
            });
            if is_near && out.len() < MAX_BYTES / 4 {
                sheet.path(line, out);
            }
        }
    }
    paths
}

/// The drawing.
#[must_use]
pub fn drawing(map: &VillageMap, view: &MapView<'_>) -> String {
    let points = in_sight(map, view);
    if points.is_empty() {
        return String::new();
    }
    let sheet = Sheet::around(&points);
    let [wide, narrow, meant] = road_paths(map, view, &sheet);
    let mut labels = MapLabels {
        lang: view.lang,
        height: sheet.height,
        pieces: road_pieces(map, view, &sheet),
        ..MapLabels::default()
    };
    let mut doors = String::new();
    let mut marks = String::new();
    let mut way = String::new();
    sheet.path(view.way, &mut way);
    if let Some(at) = door_meant(map, view) {
        let (x, y) = sheet.at(at);
        let _ = write!(
            marks,
            "<circle class=\"there\" cx=\"{x}\" cy=\"{y}\" r=\"26\"/>"
        );
        let house = view.house.and_then(|house| map.house(house));
        if let Some(house) = house {
            let (x, y) = (x as f64, y as f64);
            let rooms = [(x, y - 70.0), (x, y + 70.0), (x + 80.0, y), (x - 80.0, y)];
            let rooms = rooms.map(|at| Room::of_words(at, &house.number));
            labels.words(&rooms, &house.number);
        }
    }
    if let Some((site, hall)) = map.hall() {
        let at = sheet.at(map.site_at(site));
        if sheet.is_inside(at) {
            let (x, y) = at;
            let _ = write!(
                marks,
                "<path class=\"hall\" d=\"M{} {}h44v44h-44z\"/>",
                x - 22,
                y - 22
            );
            let (x, y) = (x as f64, y as f64);
            labels.taken.push(Room::of_disc((x, y)));
            // The village's own name for it, or else its kind, which is shorter.
            for words in [&hall.name, &capital(&hall.kind)] {
                let room = Room::of_words((x, y), words);
                let far = room.half.0 + 48.0;
                let (up, down) = ((x, y - 80.0), (x, y + 80.0));
                let (higher, lower) = ((x, y - 150.0), (x, y + 150.0));
                let rooms = [(x - far, y), (x + far, y), up, down, higher, lower];
                if labels.words(&rooms.map(|at| room.at(at)), words) {
                    break;
                }
            }
        }
    }
    write_roads(map, view, &sheet, &mut labels);
    let with_houses = view.road.or(view.house.and_then(|h| map.road_of(h)));
    for house in with_houses.map_or(&[][..], |road| map.houses_of(road)) {
        let (x, y) = sheet.at(map.house_at(*house));
        if sheet.is_inside((x, y)) && doors.len() < MAX_BYTES / 5 {
            let _ = write!(doors, "M{x} {y}h0");
        }
    }
    let height = unit(sheet.height);
    // A link within an image is none for people who do not see it.
    let role = if view.numbers.is_empty() {
        "img"
    } else {
        "group"
    };
    let mut out = format!(
        "<svg class=\"map\" viewBox=\"0 0 {} {height}\" role=\"{role}\" aria-label=\"{}\">",
        unit(WIDTH),
        markup_escaped(&view.words)
    );
    for (class, path) in [
        ("wide", wide),
        ("narrow", narrow),
        ("meant", meant),
        ("door", doors),
        ("way", way),
    ] {
        if !path.is_empty() {
            let _ = write!(out, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }
    out.push_str(&marks);
    out.push_str(&labels.out);
    out.push_str("</svg>");
    out
}
