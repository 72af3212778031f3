//! Who is there: the house goes by the newest connection of a device, and shows nothing as well
//! that died or has no account.

use std::time::{Duration, Instant};

use crate::support::house::{House, fields, kind, secret};
use crate::support::peer::{Hello, Peer};

/// A connection of the switch `den-02` under a client id of its own, with the will that all of them
/// have.
fn come<'a>(secret: &'a str, client: &'a str) -> Hello<'a> {
    Hello {
        user: "den-02",
        password: secret,
        client,
        will: Some(("d/den-02/up", "offline", 1, true)),
        ..Hello::default()
    }
}

/// What is said on the device's own topic from now on, the retained word first; three words.
fn three_words(house: &House) -> std::thread::JoinHandle<String> {
    let config = house.config();
    let heard = std::thread::spawn(move || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_conglang"));
        let out = command
            .arg("--config")
            .arg(config)
            .args(["broker", "sub", "d/den-02/up", "-n", "3", "-q", "1"])
            .output()
            .expect("runs");
        String::from_utf8_lossy(&out.stdout).into_owned()
    });
    house.until("it listens", Duration::from_secs(10), |h| {
        h.cli(&["broker", "clients"]).1.contains("d/den-02/up")
            || h.cli(&["broker", "clients", "--json"])
                .1
                .contains("d/den-02/up")
    });
    heard
}

#[test]
fn the_late_will_of_an_old_connection_does_not_make_a_device_look_gone() {
    let mut house = House::new("");
    house.start();
    let secret = secret("den-02");
    let mut first = Peer::connect(house.mqtt, &come(&secret, "rnd-1"));
    let about = serde_json::json!({
        "name": "Cây Đa", "stat_t": "d/den-02/s", "cmd_t": "c/den-02/s", "avty_t": "d/den-02/up"
    });
    assert_eq!(
        first.tell(
            "homeassistant/switch/den-02/s/config",
            about.to_string().as_bytes(),
            true
        ),
        Some(0)
    );
    assert_eq!(first.tell("d/den-02/up", b"online", true), Some(0));
    let here = |h: &House| h.state()["devices"]["den-02"]["presence"]["is"] == "here";
    house.until("it is here", Duration::from_secs(10), here);
    let deaths = |h: &House| {
        h.entries()
            .iter()
            .filter(|e| {
                kind(e) == "device.presence_changed"
                    && fields(e)["device"] == "den-02"
                    && fields(e)["here"] == false
            })
            .count()
    };
    let before = deaths(&house);
    // It comes again under another id, while its old connection is half open; that one ends only
    // now.
    let mut second = Peer::connect(house.mqtt, &come(&secret, "rnd-2"));
    assert_eq!(second.tell("d/den-02/up", b"online", true), Some(0));
    let heard = three_words(&house);
    drop(first);
    assert_eq!(
        heard.join().expect("it heard"),
        "d/den-02/up online\nd/den-02/up offline\nd/den-02/up online\n",
        "others hear the will, and then what is so"
    );
    // What it says now comes to the house after the will.
    let switched = |peer: &mut Peer, house: &House, word: &str| {
        assert_eq!(peer.tell("d/den-02/s", word.as_bytes(), false), Some(0));
        house.until("its word is known", Duration::from_secs(10), |h| {
            h.state()["lights"].as_object().is_some_and(|l| {
                l.iter().any(|(id, l)| {
                    id.starts_with("den-02.") && l["reported"]["on"] == (word == "ON")
                })
            })
        });
    };
    switched(&mut second, &house, "ON");
    assert!(
        here(&house) && deaths(&house) == before,
        "the house never took it for gone"
    );
    assert!(
        house
            .cli(&["broker", "topics", "d/den-02/up"])
            .1
            .contains("online")
    );

    // The gateway ends and comes again, and so does the device, once more under another id: the
    // will of before is said late.
    assert_eq!(house.stop(), Some(0));
    house.start();
    house.until(
        "it is here after the restart",
        Duration::from_secs(10),
        here,
    );
    let mut third = Peer::connect(house.mqtt, &come(&secret, "rnd-3"));
    assert_eq!(third.tell("d/den-02/up", b"online", true), Some(0));
    let heard = three_words(&house);
    assert_eq!(
        heard.join().expect("it heard"),
        "d/den-02/up online\nd/den-02/up offline\nd/den-02/up online\n"
    );
    switched(&mut third, &house, "OFF");
    assert!(
        here(&house) && deaths(&house) == before,
        "nor after its restart"
    );
    // When the newest dies, it is gone.
    drop(third);
    house.until("it is gone", Duration::from_secs(10), |h| {
        h.state()["devices"]["den-02"]["presence"]["is"] == "gone"
    });
    assert_eq!(deaths(&house), before + 1);
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one story from its beginning to its end"
)]
fn a_gauge_that_died_and_a_lamp_without_account_are_not_shown_as_well() {
    let mut house = House::new("");
    house.start();
    let cookie = house.sign_in();
    // The gauge speaks, and promises to speak again; a moment later it dies.
    let hello = Hello {
        user: "cb-01",
        password: &secret("cb-01"),
        client: "cb-01",
        will: Some(("d/cb-01/up", "offline", 1, true)),
        ..Hello::default()
    };
    let mut gauge = Peer::connect(house.mqtt, &hello);
    let about = serde_json::json!({
        "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level",
        "unit_of_measurement": "cm", "expire_after": 60, "availability_topic": "d/cb-01/up",
        "device": { "identifiers": ["cb-01"] }
    });
    assert_eq!(
        gauge.tell(
            "homeassistant/sensor/cb-01/level/config",
            about.to_string().as_bytes(),
            true
        ),
        Some(0)
    );
    assert_eq!(
        (
            gauge.tell("d/cb-01/up", b"online", true),
            gauge.tell("d/cb-01/level", b"159", true)
        ),
        (Some(0), Some(0))
    );
    let presence = |h: &House, id: &str| {
        h.state()["devices"][id]["presence"]["is"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    house.until("its figure is shown", Duration::from_secs(10), |h| {
        h.get("/sensors", &cookie).body.contains("159 cm") && presence(h, "cb-01") == "here"
    });
    drop(gauge);
    house.until("it is gone", Duration::from_secs(10), |h| {
        presence(h, "cb-01") == "gone"
    });
    // Two looks at who is silent.
    let until = Instant::now() + Duration::from_secs(5);
    while Instant::now() < until {
        assert_eq!(
            presence(&house, "cb-01"),
            "gone",
            "what it said before it died does not bring it back"
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    let sensors = house.get("/sensors", &cookie).body;
    assert!(
        sensors.contains("số trên không còn đúng") && sensors.contains("class=\"mark bad\""),
        "{sensors}"
    );
    let today = house.get("/", &cookie).body;
    let tile = today
        .split("id=\"tile-cb-01.level\"")
        .nth(1)
        .and_then(|t| t.split("id=\"").next())
        .unwrap_or_default();
    assert!(tile.contains("Không trả lời từ"), "{tile}");
    // A lamp whose account is taken away does not answer any more, whatever it said last.
    let granted = house.cli(&["device", "add", "den-09", "--json"]);
    let password = serde_json::from_str::<serde_json::Value>(&granted.1)
        .ok()
        .and_then(|v| v["secret"].as_str().map(str::to_owned))
        .unwrap_or_else(|| panic!("{granted:?}"));
    let mut lamp = Peer::connect(
        house.mqtt,
        &Hello {
            user: "den-09",
            password: &password,
            client: "den-09",
            ..Hello::default()
        },
    );
    assert_eq!(lamp.tell("d/den-09/up", b"online", true), Some(0));
    let about = serde_json::json!({
        "unique_id": "den-09-light", "name": "Đèn", "command_topic": "c/den-09/set",
        "state_topic": "d/den-09/state", "device": { "identifiers": ["den-09"] }
    });
    assert_eq!(
        (
            lamp.tell(
                "homeassistant/light/den-09/light/config",
                about.to_string().as_bytes(),
                true
            ),
            lamp.tell("d/den-09/state", b"OFF", true)
        ),
        (Some(0), Some(0))
    );
    let button = "action=\"/lights/den-09.light\"";
    house.until(
        "it is here, with its button",
        Duration::from_secs(10),
        |h| presence(h, "den-09") == "here" && h.get("/lights", &cookie).body.contains(button),
    );
    assert!(
        house
            .get("/devices", &cookie)
            .body
            .contains("Có 1 thiết bị hỏng: Mực nước")
    );
    assert_eq!(house.cli(&["device", "remove", "den-09"]).0, 0);
    assert_eq!(presence(&house, "den-09"), "gone");
    // It knocks on, and is told once why.
    drop(lamp);
    let _ = Peer::try_connect(
        house.mqtt,
        &Hello {
            user: "den-09",
            password: &password,
            client: "den-09",
            ..Hello::default()
        },
    );
    house.until("the knocking is known", Duration::from_secs(20), |h| {
        h.cli(&["broker", "why", "den-09"]).1.contains("den-09")
    });
    let until = Instant::now() + Duration::from_secs(6);
    while Instant::now() < until {
        let devices = house.get("/devices", &cookie).body;
        assert!(
            devices.contains("Đã bị thu hồi quyền nối")
                && !devices.contains("Chưa được cấp mật khẩu"),
            "{devices}"
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(
        !house.get("/lights", &cookie).body.contains(button),
        "a button that does nothing helps nobody"
    );
    // What it said last still stands in the broker, and is heard again at each start.
    house.kill();
    house.start();
    house.until(
        "the broker's retained words came",
        Duration::from_secs(10),
        |h| h.get("/sensors", &cookie).body.contains("159 cm"),
    );
    assert_eq!(presence(&house, "den-09"), "gone");
}
