//! Who is there: the house goes by the newest connection of a device.

use std::time::Duration;

use crate::house::{House, secret};
use crate::peer::{Hello, Peer};

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
    let about = serde_json::json!({ "name": "Cây Đa", "stat_t": "d/den-02/s", "cmd_t": "c/den-02/s", "avty_t": "d/den-02/up" });
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
                e["event"]["t"] == "PresenceChanged"
                    && e["event"]["device"] == "den-02"
                    && e["event"]["here"] == false
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
