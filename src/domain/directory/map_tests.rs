//! Ways and sides on drawn streets: north is up, metres.

use proptest::prelude::*;

use super::data::{CodePoint, House, MapData, Road, RoadKind, Site};
use super::find::MapHit;
use super::geometry::GeoPoint;
use super::map::{RoadSide, VillageMap};
use super::route::{Arrival, StartPoint, Turn, Walk};
use crate::domain::id::{HouseId, PlaceId, SiteId};

fn geo(x: f64, y: f64) -> GeoPoint {
    GeoPoint {
        lat: 19.0 + y / 111_195.0,
        lon: 107.0 + x / (111_195.0 * 19.0_f64.to_radians().cos()),
    }
}

fn road(id: &str, number: &str, part_of: &str, line: &[(f64, f64)]) -> Road {
    let is_main = part_of.is_empty();
    Road {
        id: PlaceId::new(id).expect("id"),
        name: format!("{} {id}", if is_main { "Đường" } else { "Ngõ" }),
        kind: if is_main {
            RoadKind::Duong
        } else {
            RoadKind::Ngo
        },
        number: number.to_owned(),
        part_of: PlaceId::new(part_of).ok(),
        old_names: Vec::new(),
        old_ids: Vec::new(),
        from: None,
        until: None,
        lines: vec![line.iter().map(|(x, y)| geo(*x, *y)).collect()],
    }
}

fn house(road: &str, number: &str, x: f64, y: f64) -> House {
    House {
        id: HouseId::new(&format!("{road}-{number}")).expect("id"),
        number: number.to_owned(),
        road: PlaceId::new(road).expect("id"),
        old_ids: Vec::new(),
        at: geo(x, y),
    }
}

/// A road to the north with an alley to the west at 100 m that bends to the north, and one to the
/// east at 150 m; the hall stands west of the road at its beginning and looks at it.
pub(super) fn drawn() -> MapData {
    let mut houses = Vec::new();
    for n in 0..10 {
        let y = 10.0 + f64::from(n) * 20.0;
        houses.push(house("truc", &(2 * n + 1).to_string(), -7.0, y));
        houses.push(house("truc", &(2 * n + 2).to_string(), 7.0, y));
    }
    // In the alley to the west: left of one who comes is south, then west behind the bend.
    houses.push(house("tay", "1", -40.0, 93.0));
    houses.push(house("tay", "2", -40.0, 107.0));
    houses.push(house("tay", "3", -107.0, 160.0));
    houses.push(house("tay", "4", -93.0, 160.0));
    houses.push(house("tay", "5", -100.0, 205.0));
    houses.push(house("dong", "7", 60.0, 157.0));
    houses.push(house("dong", "7A", 70.0, 157.0));
    MapData {
        middle: geo(0.0, 0.0),
        roads: vec![
            road("truc", "", "", &[(0.0, 0.0), (0.0, 200.0)]),
            // It is drawn from the fence, 4 m beside the road.
            road(
                "tay",
                "12",
                "truc",
                &[(-4.0, 100.0), (-100.0, 100.0), (-100.0, 200.0)],
            ),
            road("dong", "15", "truc", &[(0.0, 150.0), (120.0, 150.0)]),
        ],
        houses,
        sites: vec![Site {
            id: SiteId::new("hall").expect("id"),
            name: "Nhà văn hóa".to_owned(),
            kind: "nhà văn hóa".to_owned(),
            is_hall: true,
            at: geo(-12.0, 20.0),
        }],
        codes: vec![CodePoint {
            id: SiteId::new("qr-dong").expect("id"),
            name: "đầu ngõ dong".to_owned(),
            road: PlaceId::new("dong").expect("id"),
            at: geo(3.0, 152.0),
        }],
    }
}

fn index(map: &VillageMap, id: &str) -> usize {
    map.house_index(&HouseId::new(id).expect("id")).expect(id)
}

fn walk(map: &VillageMap, from: StartPoint, id: &str) -> Walk {
    map.walk(from, index(map, id)).expect("a way")
}

/// The steps as they are told: turn, name of the road, metres.
fn told(map: &VillageMap, walk: &Walk) -> Vec<(Option<Turn>, String, u32)> {
    let name = |n| map.road(n).expect("road").id.to_string();
    let step = |s: &super::route::WalkStep| (s.turn, name(s.road), s.metres);
    walk.steps.iter().map(step).collect()
}

fn steps(of: &[(Option<Turn>, &str, u32)]) -> Vec<(Option<Turn>, String, u32)> {
    let step =
        |(turn, road, metres): &(Option<Turn>, &str, u32)| (*turn, (*road).to_owned(), *metres);
    of.iter().map(step).collect()
}

#[test]
fn from_the_hall_left_is_left_and_a_bend_is_no_step() {
    let map = VillageMap::new(drawn()).expect("a map");
    let hall = StartPoint::Site(0);
    // Out of the door one looks to the east: north is left.
    for (house, way, arrival) in [
        (
            "truc-11",
            vec![(Some(Turn::Left), "truc", 90)],
            Arrival::Left,
        ),
        (
            "truc-12",
            vec![(Some(Turn::Left), "truc", 90)],
            Arrival::Right,
        ),
        (
            "truc-2",
            vec![(Some(Turn::Right), "truc", 10)],
            Arrival::Left,
        ),
        (
            "tay-1",
            vec![
                (Some(Turn::Left), "truc", 80),
                (Some(Turn::Left), "tay", 40),
            ],
            Arrival::Left,
        ),
        (
            "tay-2",
            vec![
                (Some(Turn::Left), "truc", 80),
                (Some(Turn::Left), "tay", 40),
            ],
            Arrival::Right,
        ),
        // Behind the bend one walks to the north, so west is left.
        (
            "tay-3",
            vec![
                (Some(Turn::Left), "truc", 80),
                (Some(Turn::Left), "tay", 160),
            ],
            Arrival::Left,
        ),
        (
            "tay-4",
            vec![
                (Some(Turn::Left), "truc", 80),
                (Some(Turn::Left), "tay", 160),
            ],
            Arrival::Right,
        ),
        (
            "tay-5",
            vec![
                (Some(Turn::Left), "truc", 80),
                (Some(Turn::Left), "tay", 200),
            ],
            Arrival::Ahead,
        ),
        (
            "dong-7",
            vec![
                (Some(Turn::Left), "truc", 130),
                (Some(Turn::Right), "dong", 60),
            ],
            Arrival::Left,
        ),
    ] {
        let walk = walk(&map, hall, house);
        assert_eq!(told(&map, &walk), steps(&way), "{house}");
        assert_eq!(walk.arrival, arrival, "{house}");
    }
}

#[test]
fn from_the_code_of_an_alley_the_way_leads_in_or_out() {
    let map = VillageMap::new(drawn()).expect("a map");
    let code = StartPoint::Code(0);
    let inward = walk(&map, code, "dong-7");
    assert_eq!(told(&map, &inward), steps(&[(None, "dong", 60)]));
    assert_eq!(inward.arrival, Arrival::Left);
    // One comes out of the alley to the west, so south is left.
    let outward = walk(&map, code, "truc-1");
    assert_eq!(
        told(&map, &outward),
        steps(&[(Some(Turn::Left), "truc", 140)])
    );
    assert_eq!(
        outward.arrival,
        Arrival::Right,
        "west of one who walks to the south"
    );
    let head = StartPoint::Head(1);
    let in_tay = walk(&map, head, "tay-3");
    assert_eq!(told(&map, &in_tay), steps(&[(None, "tay", 160)]));
    let out_of_tay = walk(&map, head, "truc-20");
    let way = steps(&[(Some(Turn::Left), "truc", 90)]);
    assert_eq!(
        told(&map, &out_of_tay),
        way,
        "out of it one looks to the east"
    );
    assert_eq!(out_of_tay.arrival, Arrival::Right);
}

#[test]
fn on_the_main_road_the_first_step_says_where_numbers_rise() {
    let map = VillageMap::new(drawn()).expect("a map");
    let walk_up = walk(&map, StartPoint::Head(0), "truc-15");
    assert_eq!(
        (walk_up.is_rising, walk_up.arrival),
        (Some(true), Arrival::Left)
    );
    assert_eq!(told(&map, &walk_up), steps(&[(None, "truc", 150)]));
}

#[test]
fn odd_numbers_are_on_the_side_where_they_are() {
    let map = VillageMap::new(drawn()).expect("a map");
    assert_eq!(map.odd_side(0), Some(RoadSide::Left));
    assert_eq!(map.odd_side(2), None, "two houses tell nothing");
    // The same road drawn the other way round, and bent like an S.
    let mut data = drawn();
    data.roads[0].lines[0].reverse();
    assert_eq!(
        VillageMap::new(data.clone()).expect("a map").odd_side(0),
        Some(RoadSide::Left)
    );
    for house in data.houses.iter_mut().filter(|h| h.road.as_str() == "truc") {
        house.at = geo(
            (107.0 - house.at.lon) * 105_000.0,
            (house.at.lat - 19.0) * 111_195.0,
        );
    }
    assert_eq!(
        VillageMap::new(data).expect("a map").odd_side(0),
        Some(RoadSide::Right)
    );
    let bent = MapData {
        roads: vec![road(
            "truc",
            "",
            "",
            &[(0.0, 0.0), (100.0, 0.0), (100.0, 100.0), (0.0, 100.0)],
        )],
        houses: vec![
            house("truc", "1", 20.0, 6.0),
            house("truc", "2", 20.0, -6.0),
            house("truc", "5", 94.0, 50.0),
            house("truc", "6", 106.0, 50.0),
            house("truc", "9", 30.0, 94.0),
            house("truc", "10", 30.0, 106.0),
        ],
        ..drawn()
    };
    assert_eq!(
        VillageMap::new(bent).expect("a map").odd_side(0),
        Some(RoadSide::Left)
    );
}

#[test]
fn roads_that_do_not_meet_give_no_way_and_no_crash() {
    let mut data = drawn();
    data.roads
        .push(road("xa", "", "", &[(900.0, 900.0), (1_000.0, 900.0)]));
    data.houses.push(house("xa", "1", 950.0, 905.0));
    let map = VillageMap::new(data).expect("a map");
    assert_eq!(map.walk(StartPoint::Site(0), index(&map, "xa-1")), None);
    assert_eq!(map.walk(StartPoint::Site(9), 0), None);
    assert_eq!(map.walk(StartPoint::Site(0), 99), None);
}

#[test]
fn a_house_is_found_by_the_words_that_people_type() {
    let mut data = drawn();
    data.roads[1].name = "Ngõ Giếng Làng".to_owned();
    data.roads[1].old_names = vec!["Ngõ Ông Tư".to_owned()];
    let map = VillageMap::new(data).expect("a map");
    let first = |text: &str| map.find(text).first().copied();
    let tay_1 = Some(MapHit::House(index(&map, "tay-1")));
    for text in [
        "so 1 ngo 12",
        "Số 1, ngõ 12",
        "1 ngõ Giếng Làng",
        "1 gieng lang",
        "nhà 1 ngo ong tu",
        "12/1",
        "so nha 1 ngo 12 duong truc",
        "1 gieng la",
    ] {
        assert_eq!(first(text), tay_1, "{text}");
    }
    assert_eq!(first("gieng lang"), Some(MapHit::Road(1)));
    assert_eq!(first("ngo 12"), Some(MapHit::Road(1)));
    assert_eq!(first("nha van hoa"), Some(MapHit::Site(0)));
    let seven = map.find("7 ngo 15");
    let (exact, letter) = (index(&map, "dong-7"), index(&map, "dong-7A"));
    assert_eq!(seven, [MapHit::House(exact), MapHit::House(letter)]);
    let everywhere = map.find("so 7");
    assert!(everywhere.len() >= 3, "{everywhere:?}");
    for text in ["", "  ", "khong co", "so"] {
        let found = map.find(text);
        assert!(
            found.iter().all(|hit| matches!(hit, MapHit::Road(_))),
            "{text}: {found:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_order_of_a_file_and_the_direction_of_its_lines_change_no_way(
        roads in Just(vec![0_usize, 1, 2]).prop_shuffle(),
        reversed in any::<[bool; 3]>(),
        houses in any::<prop::sample::Index>(),
    ) {
        let usual = VillageMap::new(drawn()).expect("a map");
        let mut data = drawn();
        for (road, reversed) in data.roads.iter_mut().zip(reversed) {
            if reversed {
                road.lines[0].reverse();
            }
        }
        let of_today = data.roads.clone();
        data.roads = roads.iter().map(|n| of_today[*n].clone()).collect();
        let at = houses.index(data.houses.len());
        data.houses.rotate_left(at);
        let map = VillageMap::new(data).expect("a map");
        for house in &usual.data().houses {
            let id = house.id.as_str();
            let (one, other) = (
                walk(&usual, StartPoint::Site(0), id),
                walk(&map, StartPoint::Site(0), id),
            );
            prop_assert_eq!(told(&usual, &one), told(&map, &other), "{}", id);
            prop_assert_eq!(one.arrival, other.arrival, "{}", id);
            prop_assert_eq!(one.is_rising, other.is_rising, "{}", id);
        }
    }
}
