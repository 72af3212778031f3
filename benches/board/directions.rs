//! The largest village that a map may be: 200 roads, 2,000 houses, 20,000 points.

use std::time::Duration;

use conglang::domain::directory::data::{House, MapData, Road, RoadKind, Site};
use conglang::domain::directory::geometry::GeoPoint;
use conglang::domain::directory::map::VillageMap;
use conglang::domain::directory::route::StartPoint;
use conglang::domain::id::{HouseId, PlaceId, SiteId};
use conglang::protocol::map_file;

use super::{Figure, measure};

fn geo(x: f64, y: f64) -> GeoPoint {
    GeoPoint {
        lat: 19.0 + y / 111_195.0,
        lon: 107.0 + x / 105_000.0,
    }
}

/// A grid of 100 roads from west to east and 100 from south to north, each of 100 points.
fn largest() -> MapData {
    let line = |n: usize, is_flat: bool| -> Vec<GeoPoint> {
        (0..100)
            .map(|at| {
                let (along, across) = (f64::from(at) * 40.0, n as f64 * 39.0);
                // It is drawn by hand: no point lies quite in a line.
                let drift = f64::from(at % 7) * 0.4;
                if is_flat {
                    geo(along, across + drift)
                } else {
                    geo(across + drift, along)
                }
            })
            .collect()
    };
    let roads: Vec<Road> = (0..200)
        .map(|n| Road {
            id: PlaceId::new(&format!("r{n}")).expect("id"),
            name: format!("Ngõ {n}"),
            kind: RoadKind::Ngo,
            number: n.to_string(),
            part_of: None,
            old_names: Vec::new(),
            old_ids: Vec::new(),
            from: None,
            until: None,
            lines: vec![line(n / 2, n % 2 == 0)],
        })
        .collect();
    let houses = (0..2_000)
        .map(|n: usize| {
            let (road, at) = (n % 200, (n / 200) as f64 * 390.0 + 20.0);
            let across = (road / 2) as f64 * 39.0 + 7.0;
            House {
                id: HouseId::new(&format!("h{n}")).expect("id"),
                number: (n / 200 + 1).to_string(),
                road: PlaceId::new(&format!("r{road}")).expect("id"),
                old_ids: Vec::new(),
                at: if road % 2 == 0 {
                    geo(at, across)
                } else {
                    geo(across, at)
                },
            }
        })
        .collect();
    MapData {
        middle: geo(0.0, 0.0),
        roads,
        houses,
        sites: vec![Site {
            id: SiteId::new("hall").expect("id"),
            name: "Nhà văn hóa".to_owned(),
            kind: "nhà văn hóa".to_owned(),
            is_hall: true,
            at: geo(5.0, 5.0),
        }],
        codes: Vec::new(),
    }
}

/// Directions, search, and the index that is made at a start.
pub fn figures() -> Vec<Figure> {
    let data = largest();
    let kept = map_file::kept(&data);
    let map = VillageMap::new(data).expect("a map");
    vec![
        measure(
            "the way to a house among 2,000",
            2_000,
            Duration::from_millis(10),
            |n| assert!(map.walk(StartPoint::Site(0), n).is_some(), "house {n}"),
        ),
        measure(
            "a house found by “so 7 ngo 12” among 2,000",
            500,
            Duration::from_millis(10),
            |n| assert!(!map.find(&format!("so 7 ngo {}", n % 200)).is_empty()),
        ),
        measure(
            "the map's index, at a start",
            5,
            Duration::from_millis(3_000),
            |_| {
                let data = map_file::read_kept(&kept).expect("reads back");
                assert_eq!(
                    VillageMap::new(data).expect("a map").data().houses.len(),
                    2_000
                );
            },
        ),
    ]
}
