//! A clock that stands at 1970 and then jumps, while the house runs and over a power cut.

use std::time::Duration;

use conglang::supervisor::clock::BUILD_FLOOR_MS;

use crate::support::house::{House, library};
use crate::support::lamp::Lamp;

#[test]
fn a_clock_at_1970_and_a_clock_that_jumps_lose_nobody_and_nothing() {
    let lib = library("faketime/libfaketime.so.1");
    let mut house = House::new("");
    let dial = house.dir.join("clock");
    // “@” sets where the clock starts; it runs on from there.
    let set = |text: &str| std::fs::write(&dial, text).expect("dial");
    set("@1970-01-01 00:10:00");
    let environment = [
        ("LD_PRELOAD", lib),
        ("FAKETIME_TIMESTAMP_FILE", dial.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".into()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
        ("TZ", "UTC".into()),
    ];
    house.start_with(&environment);
    let cookie = house.sign_in();
    house.publish_notice(&cookie, "n-1970", "Họp thôn", "Tối nay.", "notice");
    let first = house.entries()[0].clone();
    assert!(
        first["wall_ms"].as_i64().expect("ms") < 86_400_000 && first["clock"] == "none",
        "the house believes it is 1970 and says how far: {first}"
    );
    // TLS is judged by the floor, not by 1970: a device's certificate is good.
    let lamp = Lamp::start(&house, "den-01");
    house.until("a lamp comes in", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    // Days after what this program knows to be past, so that no release makes them days before it.
    let at = |days: i64, hour: i64| {
        let day = conglang::domain::calendar::day(conglang::time::WallMs::new(
            BUILD_FLOOR_MS + days * 86_400_000 - conglang::domain::calendar::ZONE_MS,
        ));
        format!(
            "@{:04}-{:02}-{:02} {hour:02}:00:00",
            day.year, day.month, day.day
        )
    };
    let back = "@1970-01-01 00:00:30".to_owned();
    for (when, on) in [
        (at(325, 8), true),
        (at(325, 3), false),
        (at(5_113, 0), true),
        (back, false),
        (at(325, 9), true),
    ] {
        set(&when);
        let order = house.command(
            &serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": on }),
        );
        assert_eq!(order.status, 200, "{when}: {}", order.body);
        house.until("the lamp answers", Duration::from_secs(10), |h| {
            let light = &h.state()["lights"]["den-01.light"];
            light["desired"]["on"] == light["reported"]["on"]
        });
        assert_eq!(
            house.get("/", &cookie).status,
            200,
            "{when}: the chief is still signed in"
        );
        assert!(
            house.state()["notices"]["n-1970"].is_object(),
            "{when}: nothing is deleted by a clock"
        );
    }
    drop(lamp);
    house.kill();
    set("@1971-01-01 00:00:00");
    house.start_with(&environment);
    assert!(house.state()["notices"]["n-1970"].is_object());
    assert_eq!(
        house.get("/", &cookie).status,
        200,
        "remembered through a power cut with a dead clock"
    );
    let numbers: Vec<u64> = house
        .entries()
        .iter()
        .filter_map(|e| e["seq"].as_u64())
        .collect();
    assert!(
        numbers.windows(2).all(|w| w[1] == w[0] + 1),
        "order is the number, whatever the clock says"
    );
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
    assert_eq!(house.stop(), Some(0));
}
