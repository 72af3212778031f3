//! Words and numbers in a drawing of the map: beside roads and the way, and not over each other.
//!
//! Invariants: nothing stands outside the drawing or on other words; a link has the room of a
//! finger, and a number without that room is no link. Deliberately absent: where things are on the
//! map; the drawing knows it.

use std::fmt::Write as _;

use crate::http::render::markup_escaped;
use crate::i18n::locale::Lang;

/// Width of the drawing in its own units; a phone shows it about 300 px wide.
pub(super) const WIDTH: f64 = 1_000.0;
/// Height of letters: 18 px on the narrowest phone.
const LETTERS: f64 = 72.0;
/// Radius of the disc behind a number.
const DISC: f64 = 46.0;
/// Half of the room of a link: 48 px on the narrowest phone.
const FINGER: f64 = 96.0;

/// The room that words take: its middle, and half its sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room {
    pub x: f64,
    pub y: f64,
    pub half: (f64, f64),
}

impl Room {
    /// The room of words with their middle there.
    pub fn of_words((x, y): (f64, f64), words: &str) -> Self {
        let wide = LETTERS * 0.29 * words.chars().count() as f64 + 10.0;
        let half = (wide, LETTERS * 0.48);
        Self { x, y, half }
    }

    /// The room of a disc with its middle there.
    pub const fn of_disc((x, y): (f64, f64)) -> Self {
        let half = (DISC, DISC);
        Self { x, y, half }
    }

    /// How far a thing beside a line is from it, whose direction across is this.
    pub fn reach(&self, (x, y): (f64, f64)) -> f64 {
        x.abs() * self.half.0 + y.abs() * self.half.1
    }

    /// The same room elsewhere.
    pub fn at(self, (x, y): (f64, f64)) -> Self {
        Self { x, y, ..self }
    }

    fn meets(&self, other: &Self) -> bool {
        (self.x - other.x).abs() < self.half.0 + other.half.0
            && (self.y - other.y).abs() < self.half.1 + other.half.1
    }

    /// Whether a piece of a line goes through it.
    pub fn is_crossed(&self, piece: ((f64, f64), (f64, f64))) -> bool {
        self.crossed_part(piece).is_some()
    }

    /// The part of a piece of a line that goes through it, by its shares of the piece.
    pub fn crossed_part(&self, (a, b): ((f64, f64), (f64, f64))) -> Option<(f64, f64)> {
        // The part of the piece that lies within both pairs of sides.
        let mut part = (0.0_f64, 1.0_f64);
        let axes = [
            (a.0, b.0 - a.0, self.x, self.half.0),
            (a.1, b.1 - a.1, self.y, self.half.1),
        ];
        for (from, way, middle, half) in axes {
            let (low, high) = (middle - half - from, middle + half - from);
            if way.abs() < 1e-6 {
                if low > 0.0 || high < 0.0 {
                    return None;
                }
                continue;
            }
            let (one, other) = (low / way, high / way);
            part.0 = part.0.max(one.min(other));
            part.1 = part.1.min(one.max(other));
        }
        (part.0 < part.1).then_some(part)
    }
}

/// Words that lie neither over each other nor, where it can be, over roads.
#[derive(Default)]
pub(super) struct MapLabels {
    /// The language of the page: names in it are the village's own.
    pub lang: Lang,
    /// The height of the drawing.
    pub height: f64,
    /// Pieces of roads and of the way.
    pub pieces: Vec<((f64, f64), (f64, f64))>,
    /// The room that is taken.
    pub taken: Vec<Room>,
    /// The room of links for a finger; they do not lie over each other either.
    pub links: Vec<Room>,
    /// The drawing of all of them.
    pub out: String,
}

impl MapLabels {
    /// The first of these rooms that is inside, on no other words and on no road; `anywhere` = one
    /// on a road is better than none.
    fn free(&self, rooms: &[Room], anywhere: bool) -> Option<Room> {
        let is_inside = |room: &&Room| {
            (room.half.0..=WIDTH - room.half.0).contains(&room.x)
                && (room.half.1..=self.height - room.half.1).contains(&room.y)
                && !self.taken.iter().any(|taken| taken.meets(room))
        };
        let is_clear = |room: &&Room| !self.pieces.iter().any(|piece| room.is_crossed(*piece));
        let inside = || rooms.iter().filter(is_inside);
        let found = inside().find(is_clear);
        found
            .or_else(|| inside().next().filter(|_| anywhere))
            .copied()
    }

    /// Writes words where there is room beside roads and the way; false = there is none.
    pub fn words(&mut self, rooms: &[Room], words: &str) -> bool {
        let Some(room) = self.free(rooms, false) else {
            return false;
        };
        self.taken.push(room);
        let (x, down) = (room.x, room.y + LETTERS * 0.35);
        let words = self.lang.verbatim(&markup_escaped(words));
        let _ = write!(
            self.out,
            "<text x=\"{x:.0}\" y=\"{down:.0}\">{words}</text>"
        );
        true
    }

    /// Writes a number on its disc, with its link where a finger has room for it.
    pub fn number(&mut self, rooms: &[Room], number: usize, href: &str) {
        let finger = |room: &Room| Room {
            half: (FINGER, FINGER),
            ..*room
        };
        let is_apart = |room: &Room| !self.links.iter().any(|link| link.meets(&finger(room)));
        let apart: Vec<Room> = rooms.iter().copied().filter(is_apart).collect();
        let linked = self.free(&apart, true);
        let Some(room) = linked.or_else(|| self.free(rooms, true)) else {
            return;
        };
        self.taken.push(room);
        let (x, y, down) = (room.x, room.y, room.y + LETTERS * 0.3);
        let disc = format!(
            "<circle cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{DISC:.0}\"/>\
             <text x=\"{x:.0}\" y=\"{down:.0}\">{number}</text>"
        );
        let _ = if linked.is_some() {
            self.links.push(finger(&room));
            let href = markup_escaped(href);
            write!(
                self.out,
                "<a href=\"{href}\">{disc}\
                 <circle class=\"f\" cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"{FINGER:.0}\"/></a>"
            )
        } else {
            write!(self.out, "<g>{disc}</g>")
        };
    }
}
