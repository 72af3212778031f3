//! What devices announce, take back and announce wrongly, and what leaves the configuration.

use serde_json::{Value, json};

use crate::support::house::House;
use crate::support::south::{
    ALARMS, SOON, alarmed_gauge, announce, device, lamp_config, row, told,
};

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
    assert_eq!(
        told(&house, &["device.entities_withdrawn"], "den-01").len(),
        1
    );
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
fn what_a_device_says_before_it_announces_itself_is_not_lost() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    let mut plug = device(&house, "den-02", true);
    assert_eq!(plug.tell("d/den-02/is-there", b"yes", true), Some(0));
    assert_eq!(plug.tell("d/den-02/x", b"OFF", true), Some(0));
    assert_eq!(plug.tell("d/den-02/x", b"ON", true), Some(0));
    let config = json!({
        "name": "Ổ cắm", "stat_t": "d/den-02/x", "cmd_t": "c/den-02/x",
        "avty_t": "d/den-02/is-there", "pl_avail": "yes", "pl_not_avail": "no"
    });
    announce(&house, &mut plug, "den-02", "switch", "x", &config);
    house.until("both are known", SOON, |h| {
        let state = h.state();
        state["lights"]["den-02.x"]["reported"]["on"] == true
            && state["devices"]["den-02"]["presence"]["is"] == "here"
    });
    assert!(house.get("/lights", &cookie).body.contains("Ổ cắm"));

    let mut gauge = device(&house, "cb-01", true);
    assert_eq!(gauge.tell("d/cb-01/smoke", b"ON", true), Some(0));
    let smoke = json!({ "name": "Khói", "dev_cla": "smoke", "stat_t": "d/cb-01/smoke" });
    announce(&house, &mut gauge, "cb-01", "binary_sensor", "x", &smoke);
    house.until("it alarms", SOON, |h| {
        told(h, &ALARMS, "cb-01.x") == ["sensor.alarm_raised"]
    });
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
    let _gauge = alarmed_gauge(&house);
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
