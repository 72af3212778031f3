//! The village's map as a drawing in the page: no tiles, no script, nothing of others.
//!
//! Invariants: the drawing is at most [`MAX_BYTES`] long, whatever the map; north is up; everything
//! in it stands in the page's text too. Numbers in it are those of the page's list.

use std::fmt::Write as _;

use crate::domain::directory::data::RoadKind;
use crate::domain::directory::geometry::Metres;
use crate::domain::directory::map::VillageMap;
use crate::http::render::markup_escaped;
use crate::i18n::locale::Lang;

/// Longest drawing, bytes.
const MAX_BYTES: usize = 11_000;
/// Width of the drawing in its own units; a phone shows it about 300 px wide.
const WIDTH: f64 = 1_000.0;
/// Least and most height.
const HEIGHTS: (f64, f64) = (420.0, 1_200.0);
/// Height of letters: 18 px on the narrowest phone.
const LETTERS: f64 = 72.0;
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
    /// A way.
    pub way: &'a [Metres],
    /// Numbers of roads in the page's list, by road; none = roads have no numbers.
    pub numbers: &'a [Option<usize>],
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

/// Labels that do not lie over each other.
#[derive(Default)]
struct Labels {
    /// The language of the page: names in it are the village's own.
    lang: Lang,
    taken: Vec<(f64, f64, f64)>,
    out: String,
}

impl Labels {
    /// Writes a label if there is room.
    fn put(&mut self, (x, y): (i64, i64), words: &str, class: &str) -> bool {
        let (x, y) = (x as f64, y as f64);
        let half = LETTERS * 0.29 * words.chars().count() as f64 + 10.0;
        let is_free = |(a, b, other): &(f64, f64, f64)| {
            (x - a).abs() > half + other || (y - b).abs() > LETTERS * 0.95
        };
        if x - half < 0.0 || x + half > WIDTH || !self.taken.iter().all(is_free) {
            return false;
        }
        self.taken.push((x, y, half));
        let down = y + LETTERS * 0.35;
        let _ = write!(
            self.out,
            "<text x=\"{x:.0}\" y=\"{down:.0}\"{class}>{}</text>",
            self.lang.verbatim(&markup_escaped(words))
        );
        true
    }
}

/// The middle of a road's longest line.
fn middle(lines: &[Vec<Metres>]) -> Option<Metres> {
    let length = |line: &&Vec<Metres>| -> f64 {
        line.windows(2)
            .map(|pair| pair[1].from(pair[0]).length())
            .sum()
    };
    let line = lines
        .iter()
        .max_by(|a, b| length(a).total_cmp(&length(b)))?;
    let mut left = length(&line) / 2.0;
    for pair in line.windows(2) {
        let piece = pair[1].from(pair[0]);
        if piece.length() >= left {
            let t = left / piece.length().max(f64::EPSILON);
            return Some(pair[0].plus(piece.times(t)));
        }
        left -= piece.length();
    }
    line.last().copied()
}

/// The points that must be in sight.
fn in_sight(map: &VillageMap, view: &MapView<'_>) -> Vec<Metres> {
    let mut points: Vec<Metres> = view.way.to_vec();
    if let Some(house) = view.house {
        points.push(map.house_at(house));
    }
    if points.is_empty() {
        let roads = match view.road {
            Some(road) => road..road + 1,
            None => 0..map.data().roads.len(),
        };
        points.extend(roads.flat_map(|road| map.lines(road).iter().flatten().copied()));
    }
    points
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
    let mut labels = Labels {
        lang: view.lang,
        ..Labels::default()
    };
    let mut doors = String::new();
    let mut marks = String::new();
    let mut way = String::new();
    sheet.path(view.way, &mut way);
    if let Some(house) = view.house {
        let (x, y) = sheet.at(map.house_at(house));
        let _ = write!(
            marks,
            "<circle class=\"there\" cx=\"{x}\" cy=\"{y}\" r=\"26\"/>"
        );
        let number = map.house(house).map(|h| h.number.clone());
        let above = (x, if y > 110 { y - 70 } else { y + 70 });
        labels.put(above, &number.unwrap_or_default(), " class=\"num\"");
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
            labels.put((x, if y > 110 { y - 62 } else { y + 62 }), &hall.name, "");
        }
    }
    for road in 0..map.data().roads.len() {
        let number = view.numbers.get(road).copied().flatten();
        let Some(at) = middle(map.lines(road)).map(|at| sheet.at(at)) else {
            continue;
        };
        let words = match (number, map.road(road)) {
            (Some(number), _) => number.to_string(),
            (None, Some(known)) if view.numbers.is_empty() => known.name.clone(),
            _ => continue,
        };
        if sheet.is_inside(at) && labels.out.len() < MAX_BYTES / 4 {
            labels.put(at, &words, "");
        }
    }
    let with_houses = view.road.or(view.house.and_then(|h| map.road_of(h)));
    for house in with_houses.map_or(&[][..], |road| map.houses_of(road)) {
        let (x, y) = sheet.at(map.house_at(*house));
        if sheet.is_inside((x, y)) && doors.len() < MAX_BYTES / 5 {
            let _ = write!(doors, "M{x} {y}h0");
        }
    }
    let height = unit(sheet.height);
    let mut out = format!(
        "<svg class=\"map\" viewBox=\"0 0 {} {height}\" role=\"img\" aria-label=\"{}\">",
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
