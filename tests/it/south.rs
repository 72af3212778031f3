//! What devices announce and say, and what the house makes of it: through the real broker, in the
//! words of pages and commands.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{House, secret};
use crate::peer::{Came, Hello, Peer};

const SOON: Duration = Duration::from_secs(15);

/// A device, connected.
pub fn device(house: &House, id: &str, clean: bool) -> Peer {
    Peer::connect(
        house.mqtt,
        &Hello {
            user: id,
            password: &secret(id),
            client: &format!("{id}-client"),
            clean,
            ..Hello::default()
        },
    )
}

/// Announces a thing of `id`, and waits until the house has taken it in.
pub fn announce(
    house: &House,
    peer: &mut Peer,
    id: &str,
    component: &str,
    object: &str,
    config: &Value,
) {
    peer.tell(
        &format!("homeassistant/{component}/{id}/{object}/config"),
        config.to_string().as_bytes(),
        true,
    );
    house.until("it is adopted", SOON, |h| {
        !h.state()["entities"][format!("{id}.{object}")].is_null()
    });
}

/// What happened to a thing, as names of events, oldest first.
pub fn told(house: &House, kinds: &[&str], thing: &str) -> Vec<String> {
    let about = |e: &Value| {
        ["sensor", "light", "device"]
            .iter()
            .any(|k| e["event"][k] == thing)
    };
    house
        .entries()
        .iter()
        .filter(|e| kinds.contains(&e["event"]["t"].as_str().unwrap_or_default()) && about(e))
        .map(|e| e["event"]["t"].as_str().unwrap_or_default().to_owned())
        .collect()
}

pub const ALARMS: [&str; 2] = ["SensorAlarmRaised", "SensorAlarmLowered"];

/// The row of a page with this id.
pub fn row(house: &House, cookie: &str, page: &str, id: &str) -> String {
    let body = house.get(page, cookie).body;
    let from = body.find(&format!("id=\"{id}\"")).unwrap_or(body.len());
    body[from..]
        .split("</li>")
        .next()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn a_contact_announced_turned_round_is_read_as_announced() {
    let mut house =
        House::new("[[sensor]]\nid = \"cb-01.contact\"\nname = \"Cửa kho\"\nmarks = [1]\n");
    house.start();
    let cookie = house.sign_in();
    let mut door = device(&house, "cb-01", true);
    let config = json!({ "name": "Cửa kho", "device_class": "door", "state_topic": "d/cb-01/door", "payload_on": false, "payload_off": true, "value_template": "{{ value_json.contact }}" });
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
        })
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
        told(h, &ALARMS, "cb-01.contact") == ["SensorAlarmRaised"]
    });
    // What is neither is not known; an alarm does not end by it.
    door.tell("d/cb-01/door", br#"{"contact":"false"}"#, true);
    shows("Không rõ");
    assert_eq!(
        told(&house, &ALARMS, "cb-01.contact"),
        ["SensorAlarmRaised"]
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
    let mut config = json!({ "name": "Rò nước", "device_class": "moisture", "payload_on": "1", "payload_off": "0", "state_topic": "d/cb-01/leak" });
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
        Some("SensorAlarmLowered")
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
        let config = json!({ "name": format!("Thử {n}"), "device_class": class, "state_topic": format!("d/cb-01/{n}") });
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

fn lamp_config(id: &str) -> Value {
    json!({ "name": "Cổng làng", "stat_t": format!("d/{id}/s"), "cmd_t": format!("c/{id}/set") })
}

/// Orders that come within `most`.
fn orders(peer: &mut Peer, most: Duration) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(Came {
        payload, qos, id, ..
    }) = peer.hear(most)
    {
        out.push(String::from_utf8_lossy(&payload).into_owned());
        if qos == 1 {
            peer.answer(0x40, id);
        }
    }
    out
}

#[test]
fn a_lamp_that_returns_hears_the_last_order_only() {
    let mut house = House::new("");
    house.start();
    for (id, clean) in [("den-01", false), ("den-02", true)] {
        let light = format!("{id}.light");
        let mut lamp = device(&house, id, clean);
        assert_eq!(lamp.subscribe(&format!("c/{id}/#"), 1), 1);
        announce(&house, &mut lamp, id, "light", "light", &lamp_config(id));
        lamp.tell(&format!("d/{id}/s"), b"ON", true);
        house.until("it burns", SOON, |h| {
            h.state()["lights"][&light]["reported"]["on"] == true
        });
        drop(lamp);
        for to in ["off", "on", "off", "on", "off"] {
            assert_eq!(house.cli(&["device", "set", &light, to]).0, 0);
        }
        // It comes back, subscribes as lamps do, and says that it is there.
        let mut lamp = device(&house, id, clean);
        assert_eq!(lamp.present, !clean, "a session that is kept goes on");
        if clean {
            lamp.subscribe(&format!("c/{id}/#"), 1);
        }
        lamp.publish(&format!("d/{id}/hello"), b"1", 0, 0);
        let came = lamp
            .hear(Duration::from_secs(8))
            .expect("the last order comes");
        assert_eq!(
            (came.payload.as_slice(), came.topic.as_str()),
            (&b"OFF"[..], format!("c/{id}/set").as_str())
        );
        lamp.tell(&format!("d/{id}/s"), b"OFF", true);
        house.until("it is dark", SOON, |h| {
            h.state()["lights"][&light]["reported"]["on"] == false
        });
        assert!(
            orders(&mut lamp, Duration::from_secs(2))
                .iter()
                .all(|o| o == "OFF"),
            "it never flashes"
        );
    }
}

#[test]
fn the_last_of_two_quick_words_is_known_at_once() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut lamp = device(&house, "den-01", true);
    lamp.subscribe("c/den-01/#", 1);
    announce(
        &house,
        &mut lamp,
        "den-01",
        "light",
        "light",
        &lamp_config("den-01"),
    );
    lamp.tell("d/den-01/s", b"OFF", true);
    house.until("it is dark", SOON, |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == false
    });
    house.until("the pause after a report is over", SOON, |h| {
        h.entries().last().is_some_and(|e| {
            let status: Value =
                serde_json::from_str(&h.cli(&["status", "--json"]).1).unwrap_or_default();
            status["at"].as_i64() > e["wall_ms"].as_i64().map(|at| at + 2_500)
        })
    });
    let written = |h: &House| told(h, &["LightReported"], "den-01.light").len();
    let before = written(&house);
    lamp.tell("d/den-01/s", b"ON", true);
    lamp.tell("d/den-01/s", b"OFF", true);
    let is_dark = |h: &House| h.state()["lights"]["den-01.light"]["reported"]["on"] == false;
    house.until(
        "the state says the last word, history only the first so far",
        Duration::from_millis(1_800),
        |h| is_dark(h) && written(h) == before + 1,
    );
    assert!(house.get("/lights", &cookie).body.contains("Đang tắt"));
    // An order in that time is decided against the last word, and history gets that first.
    assert_eq!(house.cli(&["device", "set", "den-01.light", "on"]).0, 0);
    let came = lamp
        .hear(Duration::from_secs(1))
        .expect("the order comes at once");
    assert_eq!(came.payload, b"ON");
    house.until("history knows the last word", SOON, |h| {
        written(h) == before + 2
    });
    lamp.tell("d/den-01/s", b"ON", true);
    house.until("the answer is written", SOON, |h| written(h) == before + 3);
    assert!(
        orders(&mut lamp, Duration::from_secs(2)).len() <= 1,
        "answered is answered"
    );
}

#[test]
fn what_a_device_takes_back_is_gone_and_what_is_too_much_is_told() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut plug = device(&house, "den-01", true);
    let config = json!({ "name": "Ổ cắm", "stat_t": "d/den-01/x", "cmd_t": "c/den-01/x" });
    announce(&house, &mut plug, "den-01", "switch", "x", &config);
    plug.tell("d/den-01/x", b"ON", true);
    house.until("it has a button", SOON, |h| {
        h.get("/lights", &cookie).body.contains("Ổ cắm")
    });
    // Its other face is taken back: that is not this.
    plug.tell("homeassistant/light/den-01/x/config", b"", true);
    plug.tell("homeassistant/switch/den-01/x/config", b"", true);
    house.until("it is gone", SOON, |h| {
        h.state()["entities"]["den-01.x"].is_null() && h.state()["lights"]["den-01.x"].is_null()
    });
    assert!(!house.get("/lights", &cookie).body.contains("Ổ cắm"));
    assert_eq!(told(&house, &["EntitiesWithdrawn"], "den-01").len(), 1);
    assert!(
        house
            .get("/history?about=den-01", &cookie)
            .body
            .contains("không còn khai: x")
    );
    assert_eq!(
        house
            .command(&json!({ "do": "SwitchLight", "light": "den-01.x", "on": false }))
            .status,
        409
    );

    let mut bridge = device(&house, "cb-01", true);
    let topic = |n: usize| format!("homeassistant/sensor/cb-01/t{n}/config");
    for n in 0..70 {
        bridge.tell(
            &topic(n),
            json!({ "name": format!("s{n}"), "stat_t": format!("d/cb-01/{n}") })
                .to_string()
                .as_bytes(),
            true,
        );
    }
    let why = |h: &House| h.cli(&["broker", "why", "cb-01"]).1;
    house.until("what is too much is told", SOON, |h| {
        why(h).contains("nhiều nhất: 64") && why(h).lines().count() == 6
    });
    assert!(house.cli(&["doctor"]).1.contains("D-MQT-03"));
    assert!(
        row(&house, &cookie, "/devices", "device-cb-01")
            .contains("Khai 6 thứ mà máy không dùng được")
    );
    // With room again, what is announced again is taken, and nothing is told any more.
    for n in 0..6 {
        bridge.tell(&topic(n), b"", true);
    }
    for n in 64..70 {
        bridge.tell(
            &topic(n),
            json!({ "name": format!("s{n}"), "stat_t": format!("d/cb-01/{n}") })
                .to_string()
                .as_bytes(),
            true,
        );
    }
    house.until("all fit", SOON, |h| why(h).contains("Không nhớ lần nào"));
    assert!(!row(&house, &cookie, "/devices", "device-cb-01").contains("không dùng được"));
}

#[test]
fn why_an_announcement_is_not_used_is_told_until_a_good_one_comes() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut lamp = device(&house, "den-01", true);
    let topic = "homeassistant/light/den-01/light/config";
    let why = |h: &House| h.cli(&["broker", "why", "den-01"]).1;
    let long = format!(r#"{{"name":"{}"}}"#, "x".repeat(17_000));
    for (payload, words) in [
        (r#"{"cmd_t":"c/den-01/set"}"#, "thiếu state_topic"),
        (
            r#"{"stat_t":"d/den-01/s","cmd_t":"c/den-01/set","schema":"json"}"#,
            "schema mặc định",
        ),
        (
            r#"{"stat_t":"d/den-01/s","cmd_t":"c/den-01/set","val_tpl":"{{ value|int }}\u001b[2J"}"#,
            "không hiểu: {{ value|int }}",
        ),
        (
            r#"{"stat_t":"d/den-02/s","cmd_t":"c/den-01/set"}"#,
            "chủ đề của thiết bị khác",
        ),
        (
            r#"{"stat_t":"d/den-01/s","cmd_t":"c/den-02/set"}"#,
            "d/den-01/ c/den-01/",
        ),
        ("không phải JSON", "không phải JSON"),
        (long.as_str(), "dài quá 16 KiB"),
    ] {
        lamp.tell(topic, payload.as_bytes(), true);
        house.until(words, SOON, |h| {
            why(h).contains(words) && why(h).lines().count() == 1
        });
        assert!(
            !why(&house).contains('\u{1b}'),
            "nothing steers the terminal"
        );
        assert!(
            row(&house, &cookie, "/devices", "device-den-01").contains("không dùng được"),
            "the page says it: {words}"
        );
        assert!(
            house.cli(&["doctor"]).1.contains("D-MQT-03"),
            "doctor says it: {words}"
        );
    }
    assert!(
        house.state()["entities"]["den-01.light"].is_null(),
        "nothing is half adopted"
    );
    lamp.tell(topic, lamp_config("den-01").to_string().as_bytes(), true);
    house.until("a good one takes its place", SOON, |h| {
        why(h).contains("Không nhớ lần nào")
    });
    assert!(!house.cli(&["doctor"]).1.contains("D-MQT-03"));
    // It speaks, though it names nothing that would say when it is gone.
    lamp.tell("d/den-01/s", b"ON", true);
    house.until("it is not “never heard”", SOON, |h| {
        row(h, &cookie, "/devices", "device-den-01").contains("không báo khi mất liên lạc")
    });
    // Nameless, it is called as its device is.
    for name in [Value::Null, json!(""), json!(" \u{202e}\t")] {
        let mut config = lamp_config("den-01");
        config["name"] = name;
        lamp.tell(topic, config.to_string().as_bytes(), true);
        house.until("it has its device's name", SOON, |h| {
            h.state()["lights"]["den-01.light"]["name"] == "Đèn Cổng làng"
        });
        lamp.tell(topic, lamp_config("den-01").to_string().as_bytes(), true);
        house.until("it has its own name", SOON, |h| {
            h.state()["lights"]["den-01.light"]["name"] == "Cổng làng"
        });
    }
}

#[test]
fn what_leaves_the_configuration_is_put_away() {
    let extra = "[[place]]\nid = \"ngo-1\"\nname = \"Ngõ Giếng\"\n";
    let mut house = House::new(extra);
    house.start();
    let cookie = house.sign_in();
    assert_eq!(
        house.cli(&["device", "add", "rieng", "Cảm biến riêng"]).0,
        0
    );
    let mut gauge = device(&house, "cb-01", true);
    announce(
        &house,
        &mut gauge,
        "cb-01",
        "sensor",
        "level",
        &json!({ "name": "Mực", "stat_t": "d/cb-01/level", "unit_of_meas": "cm" }),
    );
    gauge.tell("d/cb-01/level", b"200", true);
    house.until("it alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.level").len() == 1
    });
    assert_eq!(house.stop(), Some(0));

    let config = std::fs::read_to_string(house.config()).expect("configuration");
    let tables: Vec<&str> = config.split("\n[[").collect();
    let gone = |t: &&&str| {
        ["place]]", "sensor]]", "group]]"]
            .iter()
            .any(|n| t.starts_with(n))
            || t.starts_with("speaker]]\nid = \"loa-02\"")
            || t.starts_with("device]]\nid = \"den-02\"")
    };
    let kept: Vec<&str> = tables.iter().filter(|t| !gone(t)).copied().collect();
    std::fs::write(house.config(), kept.join("\n[[")).expect("written");
    house.start();
    let state = house.state();
    for (noun, id) in [
        ("places", "ngo-1"),
        ("groups", "truc"),
        ("speakers", "loa-02"),
        ("devices", "den-02"),
        ("accounts", "den-02"),
    ] {
        assert!(state[noun][id].is_null(), "{noun} {id} is gone");
    }
    for (noun, id) in [
        ("devices", "rieng"),
        ("accounts", "rieng"),
        ("devices", "loa-02"),
        ("devices", "den-01"),
        ("speakers", "loa-01"),
    ] {
        assert!(!state[noun][id].is_null(), "{noun} {id} stays");
    }
    // Its gauge is one without marks now, and the alarm that they raised is over in words.
    assert_eq!(
        (
            &state["sensors"]["cb-01.level"]["name"],
            state["sensors"]["cb-01.level"]["marks"].is_null()
        ),
        (&json!("Mực"), true)
    );
    assert_eq!(told(&house, &ALARMS, "cb-01.level"), ALARMS);
    let mut stranger = device(&house, "den-02", true);
    assert_eq!(
        stranger.subscribe("c/den-02/#", 1),
        0x80,
        "it is a stranger, who may only announce itself"
    );
    assert!(
        house
            .get("/history", &cookie)
            .body
            .contains("không còn trong cấu hình"),
        "history tells it"
    );

    // Named again it is back.
    assert_eq!(house.stop(), Some(0));
    std::fs::write(house.config(), config).expect("written");
    house.start();
    assert!(
        !house.state()["accounts"]["den-02"].is_null()
            && !house.state()["groups"]["truc"].is_null()
    );
    device(&house, "den-02", true).leave();
}
