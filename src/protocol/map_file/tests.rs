//! Files as QGIS and geojson.io write them, and files with mistakes.

use proptest::prelude::*;

use super::{MAX_PROBLEMS, MapMistake, kept, read, read_kept};
use crate::domain::directory::data::MapData;
use crate::domain::directory::geometry::GeoPoint;
use crate::domain::directory::map::VillageMap;
use crate::domain::directory::route::StartPoint;

const DEMO: &str = include_str!("../../../config/demo/map.geojson");

const MIDDLE: GeoPoint = GeoPoint {
    lat: 19.0,
    lon: 107.0,
};

const GOOD: &str = include_str!("good.geojson");

fn good() -> MapData {
    read(GOOD.as_bytes(), Some(MIDDLE)).expect("good")
}

/// The mistakes of a text: line, column, key.
fn wrong(text: &str) -> Vec<(u64, u64, &'static str)> {
    let problems = read(text.as_bytes(), Some(MIDDLE)).expect_err("bad");
    let told = |p: &super::MapProblem| (p.line, p.column, p.mistake.keyed().key);
    problems.iter().map(told).collect()
}

/// The one mistake when a part of the good text is another.
fn instead(part: &str, by: &str) -> (u64, u64, &'static str) {
    assert!(GOOD.contains(part), "{part}");
    let found = wrong(&GOOD.replacen(part, by, 1));
    assert_eq!(found.len(), 1, "{found:?}");
    found[0]
}

#[test]
fn a_file_of_the_usual_tools_is_read() {
    let map = good();
    assert_eq!((map.roads.len(), map.houses.len()), (2, 1));
    let alley = &map.roads[1];
    assert_eq!(alley.old_names, ["Ngõ Ông Tư", "Ngõ Giếng Cũ"]);
    assert_eq!((alley.number.as_str(), alley.from), ("12", Some(20_454)));
    assert_eq!(alley.old_ids[0].as_str(), "ngo-cu");
    assert!(map.sites[0].is_hall && map.sites[0].id.as_str() == "nvh");
    assert_eq!(map.codes[0].road.as_str(), "ngo-12");
    assert_eq!(read_kept(&kept(&map)), Some(map));
    // A mark before the text, and another order of lines in Windows.
    let windows = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    assert_eq!(
        read(windows.as_bytes(), None).expect("good").houses.len(),
        1
    );
}

#[test]
fn the_map_of_the_demo_is_right_and_every_house_is_reached() {
    let map = read(DEMO.as_bytes(), Some(MIDDLE)).expect("good");
    assert_eq!((map.roads.len(), map.houses.len()), (12, 312));
    let map = VillageMap::new(map).expect("a map");
    for house in 0..312 {
        let walk = map.walk(StartPoint::Site(0), house);
        let walk = walk.unwrap_or_else(|| panic!("no way to {:?}", map.house(house)));
        assert!(walk.metres < 1_200 && walk.steps.len() <= 5, "{walk:?}");
    }
    for road in 0..12 {
        assert!(map.odd_side(road).is_some(), "{:?}", map.road(road));
    }
}

/// The beginning of a feature.
const FEATURE: &str = "{ \"type\": \"Feature\"";

/// A road with these points, beside a short one.
fn road_of(points: impl Iterator<Item = (f64, f64)>) -> String {
    let points: Vec<String> = points
        .map(|(x, y)| format!("[{:.7},{:.7}]", 107.0 + x / 105_000.0, 19.0 + y / 111_195.0))
        .collect();
    let road = |id: &str, line: &str| {
        format!(
            r#"{{"type":"Feature","properties":{{"id":"{id}","kind":"ngo","name":"Ngõ {id}",
            "number":"1"}},"geometry":{{"type":"LineString","coordinates":[{line}]}}}}"#
        )
    };
    let features = [
        road("short", "[107.01,19.01],[107.02,19.02]"),
        road("dense", &points.join(",")),
    ];
    format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[\n{}]}}",
        features.join(",\n")
    )
}

#[test]
fn a_road_that_would_fill_the_memory_is_refused_by_its_line() {
    // A phone that walked two kilometres, a point each five metres.
    let walked = road_of((0..400).map(|n| (f64::from(n) * 5.0, f64::from(n % 3))));
    assert_eq!(read(walked.as_bytes(), None).expect("good").roads.len(), 2);
    // The same one lay still for three hours, and recorded.
    let still = road_of((0..10_000).map(|n| (f64::from(n % 97) / 8.0, f64::from(n % 89) / 8.0)));
    // Lines from one side of a field to the other, each across all others.
    let crossing = road_of((0..450).map(|n| {
        let angle = f64::from(n) * 3.0;
        (2_000.0 * angle.cos(), 2_000.0 * angle.sin())
    }));
    for text in [still, crossing] {
        let problems = read(text.as_bytes(), None).expect_err("too dense");
        let road = "dense".to_owned();
        assert_eq!(problems[0].mistake, MapMistake::TooDense { road });
        let line = text[..text.find("\"dense\"").expect("there")]
            .lines()
            .count();
        assert_eq!((problems.len(), problems[0].line), (1, line as u64));
    }
}

/// A part of the good text, another in its place, the text at which the mistake is told, and its
/// key.
const MISTAKES: &[(&str, &str, &str, &str)] = &[
    (
        r#""number": 7"#,
        r#""number": "bảy""#,
        r#""bảy""#,
        "map-not-number",
    ),
    (
        r#""kind": "ngo""#,
        r#""kind": "lane""#,
        r#""lane""#,
        "map-kind-unknown",
    ),
    (
        r#""part_of": "truc""#,
        r#""part_of": "x""#,
        FEATURE,
        "map-road-unknown",
    ),
    (
        r#""part_of": "truc""#,
        r#""part_of": "ngo-12""#,
        FEATURE,
        "map-part-of-itself",
    ),
    (
        r#""from": "2026-01-01""#,
        r#""from": "1/1/2026""#,
        r#""1/1/2026""#,
        "map-not-day",
    ),
    (
        "[ 107.00045, 19.0005 ]",
        "[ 19.0005, 107.00045 ]",
        "[ 19.0005",
        "map-exchanged",
    ),
    (
        "[ 107.00045, 19.0005 ]",
        "[ 7.0, 19.0 ]",
        "[ 7.0",
        "map-too-far",
    ),
    (
        "[ 107.00045, 19.0005 ]",
        "[ 107.0 ]",
        "[ 107.0 ]",
        "map-not-position",
    ),
    (
        "[ 107.00045, 19.0005 ]",
        "[ 107.02, 19.0005 ]",
        FEATURE,
        "map-far-from-road",
    ),
    (
        r#""number": 7, "road": "ngo-12""#,
        r#""number": 7, "road": "o""#,
        FEATURE,
        "map-road-unknown",
    ),
    (r#""id": "g-7""#, r#""id": "g 7""#, r#""g 7""#, "map-not-id"),
    (
        r#""what": "house""#,
        r#""what": "nhà""#,
        r#""nhà""#,
        "map-what-unknown",
    ),
    (
        r#""type": "Point", "coordinates": [ 107.00045"#,
        r#""type": "Polygon", "coordinates": [ 107.00045"#,
        r#"{ "type": "Polygon""#,
        "map-geometry-kind",
    ),
    (
        "[ 107.0, 19.0 ], [ 107.001, 19.0 ]",
        "[ 107.0, 19.0 ], [ 107.0, 19.0 ]",
        "[ [ 107.0, 19.0 ], [ 107.0, 19.0 ]",
        "map-line-short",
    ),
    (
        r#""hall": "có""#,
        r#""hall": "maybe""#,
        r#""maybe""#,
        "map-not-yes-no",
    ),
    (
        r#""name": "Đường Trục""#,
        r#""name": [1]"#,
        "[1]",
        "map-not-text",
    ),
    (
        r#""name": "Đường Trục","#,
        r#""fid": 2,"#,
        r#"{ "fid": 1, "what": "road""#,
        "map-property-missing",
    ),
];

#[test]
fn a_mistake_is_told_with_line_and_column() {
    for (part, by, at, key) in MISTAKES {
        let text = GOOD.replacen(part, by, 1);
        let changed = GOOD.find(part).expect(part);
        let line = 1 + GOOD[..changed].matches('\n').count();
        let words = text.lines().nth(line - 1).expect("the line");
        let column = 1 + words[..words.find(at).expect(at)].chars().count();
        let place = (line as u64, column as u64);
        assert_eq!(instead(part, by), (place.0, place.1, *key), "{part} → {by}");
    }
    let crs = instead("OGC:1.3:CRS84", "EPSG::3405");
    assert_eq!((crs.0, crs.2), (4, "map-other-system"));
    let twice = wrong(&GOOD.replacen(r#""id": "ngo-12", "name""#, r#""id": "truc", "name""#, 1));
    assert!(twice.contains(&(7, 1, "map-id-twice")), "{twice:?}");
    assert_eq!(
        instead("FeatureCollection", "Topology").2,
        "map-not-collection"
    );
}

#[test]
fn what_is_no_map_at_all_is_told_too() {
    assert_eq!(wrong("{\n  \"type\": x"), [(2, 11, "map-syntax")]);
    assert_eq!(
        read(b"{}\xff", None).expect_err("bad")[0].mistake,
        MapMistake::NotUtf8
    );
    let mut long = GOOD.as_bytes().to_vec();
    long.resize(9 << 20, b' ');
    let too_large = MapMistake::FileTooLarge { most_mib: 8 };
    assert_eq!(read(&long, None).expect_err("bad")[0].mistake, too_large);
}

#[test]
fn nothing_about_a_household_comes_in_with_a_map() {
    for property in [
        r#""chu_ho": "Nguyễn Văn Mẫu""#,
        r#""ho_ngheo": true"#,
        r#""nhan_khau": 5"#,
        r#""phone": "0000 000 001""#,
        r#""label": "Tạp hóa""#,
    ] {
        let by = format!(r#""number": 7, {property}"#);
        let (line, _, key) = instead(r#""number": 7"#, &by);
        assert_eq!((line, key), (8, "map-property-private"), "{property}");
    }
    let (line, _, key) = instead(r#""kind": "ngo""#, r#""kind": "ngo", "owner": "x""#);
    assert_eq!((line, key), (7, "map-property-unknown"));
    let (_, _, key) = instead(r#""number": 7"#, r#""number": 7, "number": 8"#);
    assert_eq!(key, "map-property-twice");
}

#[test]
fn bounds_hold_and_many_mistakes_are_told_once_each() {
    let house = |n: usize| {
        format!(
            concat!(
                r#",{{"type":"Feature","properties":{{"what":"house","id":"h{n}","number":{n},"#,
                r#""road":"truc"}},"geometry":{{"type":"Point","#,
                r#""coordinates":[107.0005,19.0001]}}}}"#
            ),
            n = n
        )
    };
    let with = |features: String| {
        let end = GOOD.rfind("\n]").expect("end");
        format!("{}{features}{}", &GOOD[..end], &GOOD[end..])
    };
    let most = with((1..2_000).map(house).collect());
    assert_eq!(
        read(most.as_bytes(), None).expect("good").houses.len(),
        2_000
    );
    let more = with((1..2_001).map(house).collect());
    assert_eq!(
        wrong(&more).last().map(|p| p.2),
        Some("map-too-many-houses")
    );
    let twice = with([house(3), house(3)].concat());
    let keys: Vec<_> = wrong(&twice).iter().map(|p| p.2).collect();
    assert_eq!(keys, ["map-id-twice", "map-number-twice"]);
    let many = "{\"type\":\"Feature\"},\n".repeat(500);
    let many = format!("{{\"type\":\"FeatureCollection\",\"features\":[{many}1]}}");
    let found = wrong(&many);
    assert_eq!((found.len(), found[49]), (50, (50, 1, "map-not-feature")));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_mutated_file_is_read_or_refused_never_more(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match read(&bytes, None) {
            Ok(map) => prop_assert_eq!(read_kept(&kept(&map)), Some(map)),
            Err(problems) => {
                prop_assert!((1..=MAX_PROBLEMS).contains(&problems.len()));
                prop_assert!(problems.iter().all(|p| p.line >= 1 && p.column >= 1));
            }
        }
    }
}

#[test]
fn a_file_that_is_nested_without_end_is_refused_and_ends_nothing() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = open.repeat(100_000) + "1" + &close.repeat(100_000);
        for text in [
            deep.clone(),
            format!("{{\"type\":\"FeatureCollection\",\"features\":[{deep}]}}"),
            GOOD.replacen("[ 107.00045, 19.0005 ]", &deep, 1),
        ] {
            assert!(read(text.as_bytes(), None).is_err());
        }
    }
}
