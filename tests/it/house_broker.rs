//! The house over its own broker: a device that is taken over or chatters, a broker that is killed,
//! a gateway that is killed.

use std::time::Duration;

use crate::support::house::{House, fields, kind};
use crate::support::lamp::Lamp;
use crate::support::raw::{RETAIN, connect, publish, read};

#[test]
fn a_taken_over_device_is_online_and_its_death_is_told_once() {
    let mut house = House::new("");
    house.start();
    let lamp = Lamp::start(&house, "den-01");
    let here = |h: &House| h.state()["devices"]["den-01"]["presence"]["is"] == "here";
    house.until("the lamp is here", Duration::from_secs(10), here);
    house.until("it is adopted", Duration::from_secs(5), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    // The same client id comes in a second time, as after a cable that broke; the lamp then takes
    // its session back.
    let mut second = connect(&house, "den-01", "test-den-01", true);
    assert!(
        read(&mut second, Duration::from_secs(2)).starts_with(&[0x20, 2]),
        "it is let in"
    );
    let mut rest = Vec::new();
    let ended = std::io::Read::read_to_end(&mut second, &mut rest);
    assert!(
        ended.is_ok() || ended.is_err_and(|e| e.kind() == std::io::ErrorKind::ConnectionReset),
        "and ended when the lamp comes again"
    );
    house.until(
        "the lamp is here after the takeover",
        Duration::from_secs(10),
        here,
    );
    let deaths = |h: &House| {
        h.entries()
            .iter()
            .filter(|e| kind(e) == "device.presence_changed" && fields(e)["here"] == false)
            .count()
    };
    let before = deaths(&house);
    drop(lamp);
    house.until("its last will is told", Duration::from_secs(10), |h| {
        h.state()["devices"]["den-01"]["presence"]["is"] == "gone"
    });
    assert_eq!(deaths(&house), before + 1, "once");
    let _lamp = Lamp::start(&house, "den-01");
    house.until("it is back", Duration::from_secs(10), here);
}

#[test]
fn a_killed_broker_comes_back_and_keeps_what_was_retained() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    assert_eq!(
        house
            .cli(&["broker", "pub", "p/thử", "còn đây", "--retain", "-q", "1"])
            .0,
        0
    );
    // What nobody waits for is written within a second.
    house.until("it is on disk", Duration::from_secs(10), |h| {
        let told: serde_json::Value =
            serde_json::from_str(&h.cli(&["broker", "status", "--json"]).1).unwrap_or_default();
        told["retained"].as_u64() > Some(0) && told["owed"] == 0
    });
    let pid = house.pid_of("broker");
    conglang::supervisor::worker::kill(pid);
    house.until("another worker serves", Duration::from_secs(10), |h| {
        ![0, pid].contains(&h.pid_of("broker"))
    });
    house.until("the lamp obeys again", Duration::from_secs(20), |h| {
        h.command(&serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": true }));
        std::thread::sleep(Duration::from_millis(500));
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    let kept = house.cli(&["broker", "topics", "p/#"]).1;
    assert!(kept.contains("còn đây"), "{kept}");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("worker exited; restarting"));
}

#[test]
fn a_device_that_chatters_does_not_write_the_card_full_nor_hide_an_alarm() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let mut noisy = connect(&house, "cb-01", "cb-01", true);
    let about = serde_json::json!({
        "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level",
        "unit_of_measurement": "cm", "device": { "identifiers": ["cb-01"] }
    });
    publish(
        &mut noisy,
        "homeassistant/sensor/cb-01/level/config",
        about.to_string().as_bytes(),
        RETAIN,
        0,
    );
    publish(&mut noisy, "d/cb-01/level", b"100", 0, 0);
    house.until("the gauge is adopted", Duration::from_secs(10), |h| {
        h.state()["entities"]["cb-01.level"].is_object()
    });
    for n in 0..1_500_u32 {
        publish(
            &mut noisy,
            "d/cb-01/up",
            if n % 2 == 0 { b"online" } else { b"offline" },
            0,
            0,
        );
    }
    // The water rises once, and once only is it said; everything before it was taken by then.
    publish(&mut noisy, "d/cb-01/level", b"200", 0, 0);
    publish(&mut noisy, "d/cb-01/up", b"online", 0, 0);
    let began = std::time::Instant::now();
    assert_eq!(
        house
            .command(
                &serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": true })
            )
            .status,
        200
    );
    house.until("the calm lamp answers", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    house.until("the alarm is told at once", Duration::from_secs(30), |h| {
        h.state()["sensors"]["cb-01.level"]["alarm"]["level"] == 1
    });
    let all = house.entries();
    let flips = all
        .iter()
        .filter(|e| kind(e) == "device.presence_changed" && fields(e)["device"] == "cb-01")
        .count();
    assert!(
        (1..=260).contains(&flips),
        "{flips} entries of 1,501 changes"
    );
    house.until("its last word is taken", Duration::from_secs(30), |h| {
        h.state()["devices"]["cb-01"]["presence"]["is"] == "here"
    });
}

#[test]
fn what_a_device_was_acknowledged_reaches_the_house_over_the_gateway_s_death() {
    let mut house = House::new("");
    house.start();
    let _lamp = Lamp::start(&house, "den-01");
    house.until("the lamp is adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    let about = serde_json::json!({
        "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level",
        "unit_of_measurement": "cm", "device": { "identifiers": ["cb-01"] }
    });
    let mut gauge = connect(&house, "cb-01", "cb-01", true);
    publish(
        &mut gauge,
        "homeassistant/sensor/cb-01/level/config",
        about.to_string().as_bytes(),
        RETAIN,
        0,
    );
    house.until("the gauge is adopted", Duration::from_secs(10), |h| {
        h.state()["entities"]["cb-01.level"].is_object()
    });
    // The broker lives a moment longer than the gateway that is killed, and may acknowledge in it.
    for round in 0..3 {
        let _ = read(&mut gauge, Duration::from_millis(100));
        publish(
            &mut gauge,
            "d/cb-01/level",
            if round % 2 == 0 { b"240" } else { b"100" },
            2,
            7,
        );
        let answer = read(&mut gauge, Duration::from_secs(5));
        house.kill();
        assert!(
            answer.windows(4).any(|w| w == [0x40, 2, 0, 7]),
            "acknowledged: {answer:?}"
        );
        house.start();
        let wanted = if round % 2 == 0 { 2 } else { 0 };
        house.until(
            "what was acknowledged is known",
            Duration::from_secs(15),
            |h| {
                let level = h.state()["sensors"]["cb-01.level"]["alarm"]["level"]
                    .as_u64()
                    .unwrap_or(0);
                level == wanted
            },
        );
        gauge = connect(&house, "cb-01", "cb-01", true);
    }
}
