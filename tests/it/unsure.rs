//! What nobody knows is not shown as well, and what nobody says any more does not speak: through
//! the real broker.

use serde_json::{Value, json};

use crate::support::house::House;
use crate::support::peer::{Hello, Peer};
use crate::support::south::{ALARMS, SOON, alarmed_gauge, announce, device, row, told};

/// Waits until the house has read what its broker keeps: a lamp that is last among it is known, and
/// not since when.
fn has_read_what_is_kept(house: &House, cookie: &str) {
    house.until("the kept words are read", SOON, |h| {
        row(h, cookie, "/lights", "light-den-02.light").contains("không rõ lúc nào")
    });
}

fn smoke() -> Value {
    json!({ "name": "Báo khói", "device_class": "smoke", "stat_t": "d/cb-01/smoke" })
}

#[test]
fn another_thing_under_the_same_id_takes_nobodys_place() {
    let mut house = House::new("");
    house.start();
    let mut head = device(&house, "cb-01", true);
    announce(&house, &mut head, "cb-01", "binary_sensor", "x", &smoke());
    head.tell("d/cb-01/smoke", b"ON", true);
    house.until("it alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.x").len() == 1
    });
    let battery =
        json!({ "name": "Pin", "stat_t": "d/cb-01/battery", "unit_of_meas": "%" }).to_string();
    head.tell(
        "homeassistant/sensor/cb-01/x/config",
        battery.as_bytes(),
        true,
    );
    house.until("it is told", SOON, |h| {
        h.cli(&["broker", "why", "cb-01"])
            .1
            .contains("đã được khai là loại khác")
    });
    assert_eq!(
        told(&house, &ALARMS, "cb-01.x"),
        ["sensor.alarm_raised"],
        "it burns on"
    );
    assert_eq!(
        house.state()["entities"]["cb-01.x"]["kind"],
        "binary_sensor"
    );
    // With the first one taken back there is room for the second.
    head.tell("homeassistant/binary_sensor/cb-01/x/config", b"", true);
    house.until("it is over", SOON, |h| {
        told(h, &ALARMS, "cb-01.x").len() == 2
    });
    head.tell(
        "homeassistant/sensor/cb-01/x/config",
        battery.as_bytes(),
        true,
    );
    house.until("it is the other now", SOON, |h| {
        h.state()["entities"]["cb-01.x"]["kind"] == "sensor"
    });
}

#[test]
fn a_yes_that_nobody_takes_back_is_over_after_its_time() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut lid = device(&house, "cb-01", true);
    let config = json!({
        "name": "Nắp tủ", "device_class": "tamper", "stat_t": "d/cb-01/lid", "off_delay": "1"
    });
    announce(&house, &mut lid, "cb-01", "binary_sensor", "lid", &config);
    for n in 1..3 {
        lid.tell("d/cb-01/lid", b"ON", false);
        house.until("it alarmed and is over", SOON, |h| {
            told(h, &ALARMS, "cb-01.lid").len() == 2 * n
        });
    }
    assert!(!row(&house, &cookie, "/sensors", "sensor-cb-01.lid").contains("mark bad"));
}

#[test]
fn who_does_not_know_says_nothing_strange_and_who_watches_blindly_is_told() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut gauge = device(&house, "cb-01", true);
    // The gauge of the configuration is `level`; what it announces is called otherwise, and it has
    // no word of presence.
    announce(
        &house,
        &mut gauge,
        "cb-01",
        "sensor",
        "depth",
        &json!({
            "name": "Độ sâu", "stat_t": "d/cb-01/s", "val_tpl": "{{ value_json.cm }}",
            "unit_of_meas": "cm"
        }),
    );
    let shows = |words: &str| {
        house.until(words, SOON, |h| {
            row(h, &cookie, "/sensors", "sensor-cb-01.depth").contains(words)
        });
    };
    gauge.tell("d/cb-01/s", br#"{"cm":12}"#, false);
    shows("12");
    gauge.tell("d/cb-01/s", br#"{"cm":null}"#, false);
    shows("Chưa có số đo");
    gauge.tell("d/cb-01/s", br#"{"cm":[]}"#, false);
    shows("Không rõ");
    // Four devices were never heard; the gauge was, and what the configuration expects of it is not
    // there.
    house.until("it is counted among what is not known", SOON, |h| {
        h.get("/", &cookie)
            .body
            .contains("Chưa có tin của 5 thiết bị")
    });
    assert!(
        house
            .cli(&["status"])
            .1
            .contains("chưa có tin của 5 thiết bị")
    );
}

#[test]
fn what_left_does_not_speak_from_the_broker() {
    let account = |id: &str| {
        format!(
            "[[device]]\nid = \"{id}\"\nname = \"Báo khói {id}\"\nsecret_sha256 = \"{}\"\n",
            conglang::keys::secret::sha256(crate::support::house::secret(id).as_bytes())
        )
    };
    let lines = account("bk-01");
    let mut house = House::new(&lines);
    house.start();
    let cookie = house.sign_in();
    let mut lamp = device(&house, "den-02", true);
    announce(
        &house,
        &mut lamp,
        "den-02",
        "light",
        "light",
        &json!({ "name": "Cây Đa", "stat_t": "d/den-02/s", "cmd_t": "c/den-02/set" }),
    );
    lamp.tell("d/den-02/s", b"ON", true);
    for id in ["cb-01", "bk-01"] {
        let will = format!("d/{id}/up");
        let hello = Hello {
            user: id,
            password: &crate::support::house::secret(id),
            client: id,
            will: Some((&will, "offline", 1, true)),
            ..Hello::default()
        };
        let mut head = Peer::connect(house.mqtt, &hello);
        let config = json!({
            "name": "Báo khói", "device_class": "smoke", "stat_t": format!("d/{id}/smoke"),
            "avty_t": will
        });
        announce(&house, &mut head, id, "binary_sensor", "smoke", &config);
        head.tell(&format!("d/{id}/smoke"), b"ON", true);
        house.until("it alarms", SOON, |h| {
            told(h, &ALARMS, &format!("{id}.smoke")).len() == 1
        });
        // It vanishes without a word, and its will stays.
    }
    // One is sent away by a technician, one leaves the configuration.
    assert_eq!(house.cli(&["device", "remove", "cb-01"]).0, 0);
    assert_eq!(house.stop(), Some(0));
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    std::fs::write(house.config(), text.replace(&lines, "")).expect("configuration");
    for _ in 0..2 {
        house.start();
        has_read_what_is_kept(&house, &cookie);
        for id in ["cb-01", "bk-01"] {
            assert_eq!(
                told(&house, &ALARMS, &format!("{id}.smoke")),
                ALARMS,
                "{id} alarmed once, and that is over"
            );
        }
        assert!(
            house.state()["devices"]["bk-01"].is_null(),
            "what it left behind does not bring it back"
        );
        assert!(!house.get("/", &cookie).body.contains("có báo động"));
        assert_eq!(house.stop(), Some(0));
    }
}

#[test]
fn an_account_that_leaves_the_configuration_takes_its_alarm_along() {
    let mut house = House::new("");
    house.start();
    let _gauge = alarmed_gauge(&house);
    assert_eq!(house.stop(), Some(0));
    // The device stays, its secret goes.
    let text = std::fs::read_to_string(house.config()).expect("configuration");
    let secret = format!(
        "secret_sha256 = \"{}\"\n",
        conglang::keys::secret::sha256(crate::support::house::secret("cb-01").as_bytes())
    );
    std::fs::write(house.config(), text.replace(&secret, "")).expect("configuration");
    house.start();
    assert!(!house.state()["devices"]["cb-01"].is_null());
    assert_eq!(told(&house, &ALARMS, "cb-01.level"), ALARMS);
    assert_eq!(house.stop(), Some(0));
}
