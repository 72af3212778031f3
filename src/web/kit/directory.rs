//! Taking a map from a person: read, and written so that a command can name it.
//!
//! Invariants: a file with a mistake changes nothing; the map of before stays. Only the understood
//! part is kept, never the file as it came. Labels are held against every map that is to be put in
//! force, also one that was in force before.

use crate::domain::blob::BlobRef;
use crate::domain::changes::Changes;
use crate::domain::directory::data::{CodePoint, House, MapData, Road, Site};
use crate::domain::directory::geometry::GeoPoint;
use crate::domain::directory::labels::LabelsOnMap;
use crate::domain::directory::{self, MAX_HOUSES};
use crate::domain::state::VillageState;
use crate::i18n::locale::Lang;
use crate::protocol::map_file::{self, MapProblem};
use crate::view::directory_text::address;
use crate::web::kit::app::App;

/// Most links that are named when they are lost.
const MAX_NAMED_LINKS: usize = 20;

/// A map that may be taken, and what it brings.
#[derive(Debug)]
pub struct PreparedMap {
    /// The file that the gateway wrote of it.
    pub file: BlobRef,
    /// Roads and alleys.
    pub roads: u32,
    /// Houses.
    pub houses: u32,
    /// How its roads and alleys differ from those of today's map.
    pub road_changes: Changes,
    /// How its houses differ.
    pub house_changes: Changes,
    /// How its places and codes differ.
    pub site_changes: Changes,
    /// Paths that were printed in codes, and that lead nowhere with this map.
    pub lost_links: Vec<String>,
    /// Labels that follow to their house, and those in doubt; none of both for the map that is in
    /// force, with which nothing happens.
    pub labels: LabelsOnMap,
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
    let file = app.files.put_file(bytes).await.map_err(|cause| {
        tracing::error!(%cause, "village map not written");
        MapRefusal::NotWritten
    })?;
    Ok(PreparedMap::new(app, &data, file))
}

/// A map that was written before; none = there is no such map. Blocks.
#[must_use]
pub fn kept_map(app: &App, file: BlobRef) -> Option<PreparedMap> {
    let data = map_file::read_kept(&app.files.get(&file).ok()?)?;
    Some(PreparedMap::new(app, &data, file))
}

impl PreparedMap {
    fn new(app: &App, data: &MapData, file: BlobRef) -> Self {
        let map = app.live.directory.get();
        let today = map.as_ref().map(|map| map.data());
        let state = app.journal.state();
        let is_in_force = state.directory.is_in_force(&file);
        // The map of today may be damaged: given again it is still the same map.
        let today = today.or_else(|| is_in_force.then_some(data));
        let (roads, houses) = counts(data);
        let [road_changes, house_changes, site_changes] = changes(today, data);
        let labels = if is_in_force {
            LabelsOnMap::default()
        } else {
            LabelsOnMap::new(state.directory.labels.keys(), today, data)
        };
        Self {
            file,
            roads,
            houses,
            road_changes,
            house_changes,
            site_changes,
            lost_links: today.map_or_else(Vec::new, |today| lost_links(today, data)),
            labels,
        }
    }

    /// The command that gives the village this map; `withdraw` takes the labels in doubt away.
    #[must_use]
    pub fn command(&self, withdraw: bool) -> directory::Command {
        directory::Command::Replace {
            file: self.file.clone(),
            roads: self.roads,
            houses: self.houses,
            following: self.labels.following.clone(),
            withdraw_others: withdraw && !self.labels.in_doubt.is_empty(),
        }
    }

    /// The houses of the labels in doubt, as people call them.
    #[must_use]
    pub fn houses_in_doubt(&self, app: &App, lang: Lang) -> Vec<String> {
        let map = app.live.directory.get();
        let in_words = |id| {
            let known = map.as_ref().and_then(|map| {
                let house = map.house_index(id).or_else(|| map.house_formerly(id));
                Some(address(lang, map, house?))
            });
            known.unwrap_or_else(|| lang.f("label-off-map", &[("id", id.as_str())]))
        };
        self.labels.in_doubt.iter().map(in_words).collect()
    }
}

/// How many roads and houses a map has.
fn counts(data: &MapData) -> (u32, u32) {
    let count = |n: usize| u32::try_from(n.min(MAX_HOUSES)).unwrap_or(u32::MAX);
    (count(data.roads.len()), count(data.houses.len()))
}

/// How roads, houses, and places with codes differ from those of today's map.
fn changes(today: Option<&MapData>, next: &MapData) -> [Changes; 3] {
    let roads = today.map_or(&[][..], |data| &data.roads);
    let houses = today.map_or(&[][..], |data| &data.houses);
    let sites = today.map_or(&[][..], |data| &data.sites);
    let codes = today.map_or(&[][..], |data| &data.codes);
    let sites = Changes::between(sites, &next.sites, |s: &Site| &s.id, |_| &[]);
    let codes = Changes::between(codes, &next.codes, |c: &CodePoint| &c.id, |_| &[]);
    [
        Changes::between(roads, &next.roads, |r: &Road| &r.id, |r| &r.old_ids),
        Changes::between(houses, &next.houses, |h: &House| &h.id, |h| &h.old_ids),
        Changes {
            new: sites.new + codes.new,
            changed: sites.changed + codes.changed,
            gone: sites.gone + codes.gone,
        },
    ]
}

/// The paths of today's map that lead nowhere with this one: paper with their codes is worth
/// nothing any more.
fn lost_links(known: &MapData, next: &MapData) -> Vec<String> {
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
