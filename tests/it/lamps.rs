//! Orders of lamps that come and go, through the real broker: the last one only, and known at once.

use std::time::Duration;

use serde_json::Value;

use crate::support::house::House;
use crate::support::peer::{Came, Peer};
use crate::support::south::{SOON, announce, device, lamp_config, told};

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
            house.switch(&light, to == "on");
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
    let written = |h: &House| told(h, &["light.reported"], "den-01.light").len();
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
    house.switch("den-01.light", true);
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
