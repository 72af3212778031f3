//! Points on the ground: degrees as files have them, metres as distances and turns need them.
//!
//! Invariant: metres are counted east and north of the village's middle. Within 50 km of it the
//! flat picture is true to one part in a hundred, and within a village to less than a hand.

use serde::{Deserialize, Serialize};

/// Metres of one degree of latitude.
const METRES_PER_DEGREE: f64 = 111_195.0;

/// A point as files have it, WGS 84.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct GeoPoint {
    /// Degrees north.
    pub lat: f64,
    /// Degrees east.
    pub lon: f64,
}

/// A point or a way on the flat ground, metres.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metres {
    /// East.
    pub x: f64,
    /// North.
    pub y: f64,
}

impl Metres {
    /// The way from another point to this one.
    #[must_use]
    pub fn from(self, other: Self) -> Self {
        Self {
            x: self.x - other.x,
            y: self.y - other.y,
        }
    }

    /// The point that lies this way from here.
    #[must_use]
    pub fn plus(self, way: Self) -> Self {
        Self {
            x: self.x + way.x,
            y: self.y + way.y,
        }
    }

    /// So many times as far.
    #[must_use]
    pub fn times(self, n: f64) -> Self {
        Self {
            x: self.x * n,
            y: self.y * n,
        }
    }

    /// The length of a way.
    #[must_use]
    pub fn length(self) -> f64 {
        self.x.hypot(self.y)
    }

    /// How much two ways go in the same direction.
    #[must_use]
    pub fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y
    }

    /// Positive when the other way leads to the left of this one.
    #[must_use]
    pub fn cross(self, other: Self) -> f64 {
        self.x * other.y - self.y * other.x
    }

    /// Degrees by which one who goes this way turns to go the other: positive to the left.
    #[must_use]
    pub fn turn_to(self, other: Self) -> f64 {
        self.cross(other).atan2(self.dot(other)).to_degrees()
    }
}

/// Between degrees and metres, around the village's middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Projection {
    middle: GeoPoint,
    per_degree_east: f64,
}

impl Projection {
    /// Around this point.
    #[must_use]
    pub fn around(middle: GeoPoint) -> Self {
        Self {
            middle,
            per_degree_east: METRES_PER_DEGREE * middle.lat.to_radians().cos(),
        }
    }

    /// A point in metres.
    #[must_use]
    pub fn metres(&self, point: GeoPoint) -> Metres {
        Metres {
            x: (point.lon - self.middle.lon) * self.per_degree_east,
            y: (point.lat - self.middle.lat) * METRES_PER_DEGREE,
        }
    }
}

/// The point of a segment that is nearest: how far along it, 0 to 1, and where.
#[must_use]
pub fn nearest_on(point: Metres, a: Metres, b: Metres) -> (f64, Metres) {
    let along = b.from(a);
    let square = along.dot(along);
    if square <= f64::EPSILON {
        return (0.0, a);
    }
    let t = (point.from(a).dot(along) / square).clamp(0.0, 1.0);
    (t, a.plus(along.times(t)))
}

/// Where two segments cross: how far along each, 0 to 1. Segments that lie in one line do not
/// cross; their ends are found as ends.
#[must_use]
pub fn crossing(a: (Metres, Metres), b: (Metres, Metres)) -> Option<(f64, f64)> {
    let (along_a, along_b) = (a.1.from(a.0), b.1.from(b.0));
    let sine = along_a.cross(along_b);
    if sine.abs() <= 1e-9 {
        return None;
    }
    let between = b.0.from(a.0);
    let t = between.cross(along_b) / sine;
    let u = between.cross(along_a) / sine;
    let inside = -1e-9..=1.0 + 1e-9;
    (inside.contains(&t) && inside.contains(&u)).then(|| (t.clamp(0.0, 1.0), u.clamp(0.0, 1.0)))
}

/// Metres as people say them: by fives when it is near, by tens otherwise.
pub(super) fn rounded(metres: f64) -> u32 {
    let step = if metres < 30.0 { 5.0 } else { 10.0 };
    let steps = (metres / step).round().max(1.0);
    // A way within a village has few digits.
    format!("{:.0}", steps * step).parse().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> Metres {
        Metres { x, y }
    }

    #[test]
    fn a_hundred_metres_are_a_hundred_metres() {
        let middle = GeoPoint {
            lat: 19.0,
            lon: 107.0,
        };
        let projection = Projection::around(middle);
        let east = projection.metres(GeoPoint {
            lat: 19.0,
            lon: 107.0 + 0.000_951_1,
        });
        assert!((east.length() - 100.0).abs() < 0.1, "{east:?}");
        let north = projection.metres(GeoPoint {
            lat: 19.0 + 0.000_899_3,
            lon: 107.0,
        });
        assert!((north.length() - 100.0).abs() < 0.1, "{north:?}");
    }

    #[test]
    fn left_is_left() {
        let (north, east, west) = (at(0.0, 1.0), at(1.0, 0.0), at(-1.0, 0.0));
        assert!((north.turn_to(west) - 90.0).abs() < 1e-9);
        assert!((north.turn_to(east) + 90.0).abs() < 1e-9);
        assert!(north.cross(west) > 0.0 && north.cross(east) < 0.0);
    }

    #[test]
    fn segments_cross_where_they_meet_and_not_beside() {
        let flat = (at(0.0, 0.0), at(10.0, 0.0));
        let (t, u) = crossing(flat, (at(4.0, -2.0), at(4.0, 6.0))).expect("crosses");
        assert!((t - 0.4).abs() < 1e-9 && (u - 0.25).abs() < 1e-9);
        assert_eq!(crossing(flat, (at(4.0, 1.0), at(4.0, 6.0))), None);
        assert_eq!(crossing(flat, (at(0.0, 1.0), at(10.0, 1.0))), None);
        let (t, nearest) = nearest_on(at(12.0, 3.0), flat.0, flat.1);
        assert!((t - 1.0).abs() < 1e-9 && nearest == flat.1);
    }
}
