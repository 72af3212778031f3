//! A village's map as a file: GeoJSON (RFC 7946), as QGIS and geojson.io write it.
//!
//! Lines are roads and alleys; points are houses, places, and codes on walls, told apart by the
//! property `what`. docs/operations.md lists the properties.
//!
//! Invariants: a file is taken as a whole or not at all; every mistake is told with its line and
//! column, up to [`MAX_PROBLEMS`]. Properties are known by name, and every other one is refused:
//! nothing about the people of a house comes in with a map. Only what was understood is kept.
//! Deliberately absent: areas, heights, and coordinates of other systems than WGS 84.

mod features;
mod json;
mod mistake;
mod problems;
mod properties;

use serde::{Deserialize, Serialize};

pub use self::mistake::{MapMistake, MapProblem};
use crate::domain::directory::MAX_MAP_BYTES;
use crate::domain::directory::data::MapData;
use crate::domain::directory::geometry::GeoPoint;

/// Most mistakes of a file that are told.
pub const MAX_PROBLEMS: usize = 50;

/// The form in which the gateway keeps a map.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct KeptMap<'a> {
    v: u32,
    map: &'a MapData,
}

#[derive(Deserialize)]
struct OwnedMap {
    v: u32,
    map: MapData,
}

/// Reads a file. `middle` is where the village lies, if that is known.
///
/// # Errors
/// Every mistake in it.
pub fn read(bytes: &[u8], middle: Option<GeoPoint>) -> Result<MapData, Vec<MapProblem>> {
    if bytes.len() > MAX_MAP_BYTES {
        let most_mib = (MAX_MAP_BYTES >> 20) as u64;
        return Err(vec![MapProblem::at_start(MapMistake::FileTooLarge {
            most_mib,
        })]);
    }
    let text = match std::str::from_utf8(bytes) {
        // An editor may have put a mark before the text.
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(wrong) => {
            let good = String::from_utf8_lossy(&bytes[..wrong.valid_up_to()]);
            let (line, column) = json::place_of_end(&good);
            let mistake = MapMistake::NotUtf8;
            return Err(vec![MapProblem {
                line,
                column,
                mistake,
            }]);
        }
    };
    features::read(text, middle)
}

/// A map as the gateway keeps it.
#[must_use]
pub fn kept(map: &MapData) -> Vec<u8> {
    serde_json::to_vec(&KeptMap { v: VERSION, map }).unwrap_or_default()
}

/// Reads a map that the gateway kept; none = it was written by a newer program, or is damaged.
#[must_use]
pub fn read_kept(bytes: &[u8]) -> Option<MapData> {
    let kept: OwnedMap = serde_json::from_slice(bytes).ok()?;
    (kept.v == VERSION).then_some(kept.map)
}

#[cfg(test)]
mod tests;
