//! Taking a map from a person: read, and written so that a command can name it.
//!
//! Invariant: a file with a mistake changes nothing; the map of before stays. Only the understood
//! part is kept, never the file as it came.

use crate::domain::blob::BlobRef;
use crate::domain::changes::Changes;
use crate::domain::directory::data::{House, MapData, Road};
use crate::domain::directory::geometry::GeoPoint;
use crate::domain::directory::{self, MAX_HOUSES};
use crate::domain::state::VillageState;
use crate::protocol::map_file::{self, MapProblem};
use crate::web::kit::app::App;

/// Most links that are named when they are lost.
const MAX_NAMED_LINKS: usize = 20;

/// A map that may be taken: the command, and what it brings.
#[derive(Debug)]
pub struct PreparedMap {
    /// Gives the village this map.
    pub command: directory::Command,
    /// Roads and alleys.
    pub roads: u32,
    /// Houses.
    pub houses: u32,
    /// How its roads and alleys differ from those of today's map.
    pub road_changes: Changes,
    /// How its houses differ.
    pub house_changes: Changes,
    /// Paths that were printed in codes, and that lead nowhere with this map.
    pub lost_links: Vec<String>,
}

/// Why a map cannot be taken.
#[derive(Debug)]
pub enum MapRefusal {
    /// It has mistakes.
    Mistakes(Vec<MapProblem>),
    /// It could not be written.
    NotWritten,
}

/// Where the village lies; none = nobody said it.
#[must_use]
pub fn middle(state: &VillageState) -> Option<GeoPoint> {
    let village = state.village.as_ref()?;
    let (lat, lon) = (village.latitude, village.longitude);
    (lat != 0.0 || lon != 0.0).then_some(GeoPoint { lat, lon })
}

/// Reads a file with a map, and writes what was understood of it.
///
/// # Errors
/// Why it cannot be taken.
pub async fn prepare_map(app: &App, file: Vec<u8>) -> Result<PreparedMap, MapRefusal> {
    let middle = middle(&app.journal.state());
    let read = move || {
        let data = map_file::read(&file, middle)?;
        let bytes = map_file::kept(&data);
        Ok::<_, Vec<MapProblem>>((data, bytes))
    };
    let read = tokio::task::spawn_blocking(read).await;
    let (data, bytes) = read
        .map_err(|_| MapRefusal::NotWritten)?
        .map_err(MapRefusal::Mistakes)?;
    let lost_links = lost_links(app, &data);
    let (road_changes, house_changes) = changes(app, &data);
    let (roads, houses) = counts(&data);
    let file = app.files.put_file(bytes).await.map_err(|cause| {
        tracing::error!(%cause, "village map not written");
        MapRefusal::NotWritten
    })?;
    Ok(PreparedMap {
        command: directory::Command::Replace {
            file,
            roads,
            houses,
        },
        roads,
        houses,
        road_changes,
        house_changes,
        lost_links,
    })
}

/// The command that puts a map in force which was written before; none = there is no such map.
/// Blocks.
#[must_use]
pub fn kept_map(app: &App, file: BlobRef) -> Option<directory::Command> {
    let data = map_file::read_kept(&app.files.get(&file).ok()?)?;
    let (roads, houses) = counts(&data);
    Some(directory::Command::Replace {
        file,
        roads,
        houses,
    })
}

/// How many roads and houses a map has.
fn counts(data: &MapData) -> (u32, u32) {
    let count = |n: usize| u32::try_from(n.min(MAX_HOUSES)).unwrap_or(u32::MAX);
    (count(data.roads.len()), count(data.houses.len()))
}

/// How roads and houses differ from those of today's map.
fn changes(app: &App, next: &MapData) -> (Changes, Changes) {
    let map = app.live.directory.get();
    let data = map.as_ref().map(|map| map.data());
    let roads = data.map_or(&[][..], |data| &data.roads);
    let houses = data.map_or(&[][..], |data| &data.houses);
    (
        Changes::between(roads, &next.roads, |r: &Road| &r.id, |r| &r.old_ids),
        Changes::between(houses, &next.houses, |h: &House| &h.id, |h| &h.old_ids),
    )
}

/// The paths of today's map that lead nowhere with this one: paper with their codes is worth
/// nothing any more.
fn lost_links(app: &App, next: &MapData) -> Vec<String> {
    let Some(map) = app.live.directory.get() else {
        return Vec::new();
    };
    let known = map.data();
    let has_road = |id: &_| {
        next.roads
            .iter()
            .any(|r| r.id == *id || r.old_ids.contains(id))
    };
    let has_house = |id: &_| {
        next.houses
            .iter()
            .any(|h| h.id == *id || h.old_ids.contains(id))
    };
    let roads = known
        .roads
        .iter()
        .flat_map(|road| std::iter::once(&road.id).chain(&road.old_ids))
        .filter(|id| !has_road(*id))
        .map(|id| format!("/r/{id}"));
    let houses = known
        .houses
        .iter()
        .flat_map(|house| std::iter::once(&house.id).chain(&house.old_ids))
        .filter(|id| !has_house(*id))
        .map(|id| format!("/h/{id}"));
    roads.chain(houses).take(MAX_NAMED_LINKS).collect()
}
