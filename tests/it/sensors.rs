//! What sensors say, and what the house makes of it: through the real broker, in the words of pages
//! and alarms.

use serde_json::json;

use crate::support::house::House;
use crate::support::south::{ALARMS, SOON, announce, device, row, told};

#[test]
fn a_contact_announced_turned_round_is_read_as_announced() {
    let mut house =
        House::new("[[sensor]]\nid = \"cb-01.contact\"\nname = \"Cửa kho\"\nmarks = [1]\n");
    house.start();
    let cookie = house.sign_in();
    let mut door = device(&house, "cb-01", true);
    let config = json!({
        "name": "Cửa kho", "device_class": "door", "state_topic": "d/cb-01/door",
        "payload_on": false, "payload_off": true, "value_template": "{{ value_json.contact }}"
    });
    announce(
        &house,
        &mut door,
        "cb-01",
        "binary_sensor",
        "contact",
        &config,
    );
    let shows = |words: &str| {
        house.until(words, SOON, |h| {
            row(h, &cookie, "/sensors", "sensor-cb-01.contact").contains(words)
        });
    };
    door.tell("d/cb-01/door", br#"{"contact":true}"#, true);
    shows("Cửa đang đóng");
    assert_eq!(
        told(&house, &ALARMS, "cb-01.contact"),
        [""; 0],
        "a door that is shut is no alarm"
    );
    door.tell("d/cb-01/door", br#"{"contact":false}"#, true);
    shows("Cửa đang mở");
    house.until("the open door alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.contact") == ["sensor.alarm_raised"]
    });
    // What is neither is not known; an alarm does not end by it.
    door.tell("d/cb-01/door", br#"{"contact":"false"}"#, true);
    shows("Không rõ");
    assert_eq!(
        told(&house, &ALARMS, "cb-01.contact"),
        ["sensor.alarm_raised"]
    );
    door.tell("d/cb-01/door", br#"{"contact":true}"#, true);
    house.until("it is over", SOON, |h| {
        told(h, &ALARMS, "cb-01.contact") == ALARMS
    });
}

#[test]
fn a_leak_alarms_without_configuration_until_it_is_dry_or_nobody_watches() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut leak = device(&house, "cb-01", true);
    let mut config = json!({
        "name": "Rò nước", "device_class": "moisture", "payload_on": "1", "payload_off": "0",
        "state_topic": "d/cb-01/leak"
    });
    announce(&house, &mut leak, "cb-01", "binary_sensor", "leak", &config);
    leak.tell("d/cb-01/leak", b"1", true);
    house.until("it alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.leak").len() == 1
    });
    let page = row(&house, &cookie, "/sensors", "sensor-cb-01.leak");
    assert!(
        page.contains("Có nước") && page.contains("mark bad") && page.contains("Báo động từ"),
        "{page}"
    );
    assert!(
        house
            .get("/", &cookie)
            .body
            .contains("Rò nước: có báo động"),
        "the first page says it"
    );

    // Over a restart it stays, and what the broker kept is known, but not since when.
    assert_eq!(house.stop(), Some(0));
    house.start();
    house.until("the kept state is read", SOON, |h| {
        row(h, &cookie, "/sensors", "sensor-cb-01.leak").contains("không rõ lúc nào")
    });
    let mut leak = device(&house, "cb-01", true);
    // Another class: an opening is no alarm; smoke is, by the same last word.
    for (class, alarms) in [("opening", 2), ("smoke", 3)] {
        config["device_class"] = class.into();
        announce(&house, &mut leak, "cb-01", "binary_sensor", "leak", &config);
        house.until(class, SOON, |h| {
            told(h, &ALARMS, "cb-01.leak").len() == alarms
        });
    }
    leak.tell("d/cb-01/leak", b"0", true);
    house.until("it is over", SOON, |h| {
        told(h, &ALARMS, "cb-01.leak").len() == 4
    });
    assert!(row(&house, &cookie, "/sensors", "sensor-cb-01.leak").contains("Không có khói"));

    // Taken back while it alarms: the alarm ends in words, and the row goes.
    leak.tell("d/cb-01/leak", b"1", true);
    house.until("it alarms again", SOON, |h| {
        told(h, &ALARMS, "cb-01.leak").len() == 5
    });
    leak.tell("homeassistant/binary_sensor/cb-01/leak/config", b"", true);
    house.until("it is gone", SOON, |h| {
        h.state()["sensors"]["cb-01.leak"].is_null()
    });
    assert_eq!(
        told(&house, &ALARMS, "cb-01.leak")
            .last()
            .map(String::as_str),
        Some("sensor.alarm_lowered")
    );
    assert!(
        !house.get("/", &cookie).body.contains("có báo động"),
        "nobody alarms any more"
    );

    // The account of a device that alarms is taken away.
    announce(&house, &mut leak, "cb-01", "binary_sensor", "leak", &config);
    leak.tell("d/cb-01/leak", b"1", true);
    house.until("it alarms once more", SOON, |h| {
        told(h, &ALARMS, "cb-01.leak").len() == 7
    });
    house.cli(&["device", "remove", "cb-01"]);
    house.until("nobody watches", SOON, |h| {
        told(h, &ALARMS, "cb-01.leak").len() == 8
    });
    assert!(
        house
            .get("/history", &cookie)
            .body
            .contains("không còn được theo dõi"),
        "and nobody says that it is over"
    );
}

#[test]
fn every_class_has_its_words_and_none_is_well_by_silence() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut box_ = device(&house, "cb-01", true);
    let classes = [
        ("door", "Cửa đang mở", "Cửa đang đóng"),
        ("lock", "Chưa khóa", "Đã khóa"),
        ("power", "Có điện", "Không có điện"),
        ("battery", "Pin yếu", "Pin còn tốt"),
    ];
    let classes = classes.into_iter().chain([
        ("connectivity", "Có kết nối", "Mất kết nối"),
        ("gas", "Có khí gas", "Không có khí gas"),
        ("la_lung", "Đang bật", "Đang tắt"),
        ("", "Đang bật", "Đang tắt"),
    ]);
    for (n, (class, on, off)) in classes.enumerate() {
        let config = json!({
            "name": format!("Thử {n}"), "device_class": class,
            "state_topic": format!("d/cb-01/{n}")
        });
        announce(
            &house,
            &mut box_,
            "cb-01",
            "binary_sensor",
            &format!("x{n}"),
            &config,
        );
        let id = format!("sensor-cb-01.x{n}");
        assert!(
            row(&house, &cookie, "/sensors", &id).contains("Chưa có số đo"),
            "{class}: it said nothing"
        );
        for (word, words) in [("ON", on), ("OFF", off), ("on", "Không rõ")] {
            box_.tell(&format!("d/cb-01/{n}"), word.as_bytes(), false);
            house.until(words, SOON, |h| {
                row(h, &cookie, "/sensors", &id).contains(words)
            });
        }
    }
    announce(
        &house,
        &mut box_,
        "cb-01",
        "sensor",
        "warm",
        &json!({ "name": "Nhiệt độ", "unit_of_meas": "°C", "stat_t": "d/cb-01/warm" }),
    );
    box_.tell("d/cb-01/warm", b"31", false);
    house.until("a number without marks is no comfort", SOON, |h| {
        row(h, &cookie, "/sensors", "sensor-cb-01.warm").contains("Chưa đặt mốc báo động")
    });
    assert!(!house.get("/sensors", &cookie).body.contains("Bình thường"));
}
