//! Villages with the program before and villages with this one report to the same commune.

use std::collections::BTreeMap;

use super::store_tests::{rig, stream};
use crate::domain::event::Lane;
use crate::journal::codec;
use crate::protocol::commune::{Stream, pack};
use crate::time::WallMs;

fn alarm_lane(of: u64) -> Stream {
    Stream {
        lane: Lane::Alarm,
        ..stream(of)
    }
}

#[test]
fn records_of_every_version_are_read_and_a_newer_one_is_stored_as_it_came() {
    let (store, _folder) = rig();
    let head = |v: u32, n: u64| {
        format!(
            r#"{{"v":{v},"seq":{n},"mono_ms":0,"wall_ms":1000,"clock":"synced","actor":{{"is":"house"}},"lane":"alarm","lane_seq":{n},"event":"#
        )
    };
    let flat =
        head(1, 1) + r#"{"t":"SensorAlarmRaised","sensor":"old.level","level":1,"value":2.0}}"#;
    let nested = head(3, 2)
        + r#"{"sensor":{"t":"alarm_raised","sensor":"new.level","level":2,"value":3.0}}}"#;
    let later = head(9, 3) + r#"{"river":{"t":"rose"}}}"#;
    let records = [flat.as_bytes(), nested.as_bytes(), later.as_bytes()];
    let batch = pack(alarm_lane(1), 1, &records, BTreeMap::new()).expect("packed");
    assert_eq!(
        store
            .apply("v", &batch, WallMs::new(5_000))
            .expect("taken")
            .0,
        3
    );
    let mut raised: Vec<(String, u8)> = store
        .alarms("v")
        .expect("read")
        .into_iter()
        .map(|alarm| (alarm.sensor, alarm.level))
        .collect();
    raised.sort();
    assert_eq!(
        raised,
        [("new.level".to_owned(), 2), ("old.level".to_owned(), 1)]
    );
    let stored = store.records("v").expect("records");
    assert!(stored.iter().any(|r| r.3 == later.as_bytes()));
    drop(store);
}

#[test]
fn a_village_of_each_version_is_read_beside_one_of_today() {
    let (store, _folder) = rig();
    for (n, v) in (3..=codec::VERSION).enumerate() {
        let village = format!("v{v}");
        let raised = format!(
            r#"{{"v":{v},"seq":{n},"mono_ms":0,"wall_ms":1000,"clock":"synced","actor":{{"is":"house"}},"lane":"alarm","lane_seq":1,"event":{{"sensor":{{"t":"alarm_raised","sensor":"s.level","level":1,"value":2.0}}}}}}"#
        );
        let batch = pack(alarm_lane(1), 1, &[raised.as_bytes()], BTreeMap::new()).expect("packed");
        store
            .apply(&village, &batch, WallMs::new(5_000))
            .expect("taken");
        assert_eq!(store.alarms(&village).expect("read").len(), 1, "{village}");
    }
}
