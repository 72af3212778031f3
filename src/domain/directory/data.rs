//! The content of the village's map, as the gateway keeps it: roads and alleys, houses, places,
//! codes.
//!
//! Invariants: every id is unique among its kind, with the old ids that lead to it; a house lies on
//! a road that is there; all points lie within 50 km of the middle; numbers are within the bounds
//! of [`super`]. The reader of files (`protocol::map_file`) is the one that makes such a value, and
//! nothing of a file that it does not understand gets here. Deliberately absent: anything about the
//! people who live in a house; not even a field for it.

use serde::{Deserialize, Serialize};

use super::geometry::GeoPoint;
use crate::domain::id::{HouseId, PlaceId, SiteId};
use crate::domain::text::fold::fold;

/// The map of a village.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MapData {
    /// The village's middle, from which metres are counted.
    pub middle: GeoPoint,
    /// Roads and alleys.
    pub roads: Vec<Road>,
    /// Houses.
    pub houses: Vec<House>,
    /// Places: the village hall, the health station, shelters.
    pub sites: Vec<Site>,
    /// Codes on walls and posts, from which somebody may ask the way.
    pub codes: Vec<CodePoint>,
}

/// The word that stands before the name of a road.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoadKind {
    /// Đường.
    Duong,
    /// Ngõ.
    Ngo,
    /// Ngách.
    Ngach,
    /// Kiệt.
    Kiet,
    /// Hẻm.
    Hem,
    /// Xóm.
    Xom,
}

impl RoadKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Duong,
        Self::Ngo,
        Self::Ngach,
        Self::Kiet,
        Self::Hem,
        Self::Xom,
    ];

    /// The word that people say, in Vietnamese in every language.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Duong => "đường",
            Self::Ngo => "ngõ",
            Self::Ngach => "ngách",
            Self::Kiet => "kiệt",
            Self::Hem => "hẻm",
            Self::Xom => "xóm",
        }
    }
}

/// A road or an alley.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Road {
    /// Its id: also its path on the web.
    pub id: PlaceId,
    /// “Ngõ Giếng Làng”.
    pub name: String,
    /// The word that stands before its name.
    pub kind: RoadKind,
    /// The number by which it is called too: “12”; empty = none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub number: String,
    /// The road from which it goes off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_of: Option<PlaceId>,
    /// Names that it had.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_names: Vec<String>,
    /// Ids that it had, and those of roads that became part of it: their links lead here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_ids: Vec<PlaceId>,
    /// The first day on which it is called so, as a day number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<i64>,
    /// The last day on which it is called so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<i64>,
    /// Its lines; each has two points or more.
    pub lines: Vec<Vec<GeoPoint>>,
}

/// A house: a number on a road, and where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct House {
    /// Its id: also its path on the web.
    pub id: HouseId,
    /// “7”, “7A”.
    pub number: String,
    /// Its road.
    pub road: PlaceId,
    /// Ids that it had: their links lead here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub old_ids: Vec<HouseId>,
    /// Where its door is.
    pub at: GeoPoint,
}

/// A place that everybody looks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// “Nhà văn hóa thôn”.
    pub name: String,
    /// Its kind, in the village's own words: “nhà văn hóa”, “hội trường xã”, “điểm sơ tán”.
    pub kind: String,
    /// Whether it is the house with the box: the way begins there unless another code was scanned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_hall: bool,
    /// Where its door is.
    pub at: GeoPoint,
}

impl Site {
    /// Whether people go there when they must leave their houses: its kind or its name says so.
    #[must_use]
    pub fn is_shelter(&self) -> bool {
        [&self.kind, &self.name]
            .into_iter()
            .any(|words| fold(words).contains("so tan"))
    }
}

/// A code on a wall or a post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodePoint {
    /// Its id.
    pub id: SiteId,
    /// Where it hangs, in words: “đầu ngõ Giếng Làng”.
    pub name: String,
    /// The road whose code it is.
    pub road: PlaceId,
    /// Where it hangs.
    pub at: GeoPoint,
}
