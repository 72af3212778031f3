//! After a standstill of a process, whoever it watches was not silent: what they sent meanwhile is
//! read only now.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::frozen::Frozen;
use crate::support::house::{House, fields, kind};
use crate::support::lamp::Lamp;
use crate::support::peer::{Hello, Peer};
use crate::support::raw::{RETAIN, connect, publish};
use crate::support::worker::{Worker, wide_limits, wire_accounts};

const SOON: Duration = Duration::from_secs(15);

/// A gauge that publishes every half second as long as it lives, and promises to do so every four
/// seconds.
struct Gauge {
    is_over: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Gauge {
    fn start(house: &House) -> Self {
        let mut link = connect(house, "cb-01", "cb-01", true);
        let about = json!({
            "unique_id": "cb-01-level", "name": "Mực nước", "state_topic": "d/cb-01/level",
            "unit_of_measurement": "cm", "expire_after": 4, "device": { "identifiers": ["cb-01"] }
        });
        let topic = "homeassistant/sensor/cb-01/level/config";
        // Retained, as devices do: the pages answer before the gateway has subscribed.
        publish(&mut link, topic, about.to_string().as_bytes(), RETAIN, 0);
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                publish(&mut link, "d/cb-01/level", b"100", 0, 0);
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        Self {
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

#[test]
fn a_gateway_that_stood_still_blames_neither_its_workers_nor_its_devices() {
    let mut house = House::new("");
    house.start();
    let (_lamp, _gauge) = (Lamp::start(&house, "den-01"), Gauge::start(&house));
    house.until("both are here", SOON, |h| {
        let state = h.state();
        state["lights"]["den-01.light"]["reported"].is_object()
            && state["devices"]["cb-01"]["presence"]["is"] == "here"
    });
    let broker = house.pid_of("broker");
    // Longer than a worker may be silent, a canary may be away and a gauge may say nothing.
    let frozen = Frozen::freeze(&house);
    std::thread::sleep(Duration::from_secs(14));
    frozen.thaw();
    house.until("the lamp obeys", SOON, |h| {
        h.command(&json!({ "do": "SwitchLight", "light": "den-01.light", "on": true }));
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    assert_eq!(house.pid_of("broker"), broker, "it was not restarted");
    let all = house.entries();
    let gone =
        |e: &&serde_json::Value| kind(e) == "device.presence_changed" && fields(e)["here"] == false;
    assert_eq!(all.iter().filter(gone).count(), 0, "{all:?}");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("the process stood still"), "{log}");
    assert!(!log.contains("worker exited"), "{log}");
}

#[test]
fn a_broker_that_stood_still_reads_what_its_clients_sent_before_it_judges_their_silence() {
    let mut limits = wide_limits();
    limits.keep_alive_s = 1;
    let worker = Worker::started(limits, None, wire_accounts());
    let hello = |client| Hello {
        v5: true,
        client,
        ..Hello::default()
    };
    let mut peers: Vec<Peer> = (0..8)
        .map(|n| {
            Peer::connect(
                worker.plain,
                &hello(["a", "b", "c", "d", "e", "f", "g", "h"][n]),
            )
        })
        .collect();
    let frozen = Frozen::process(worker.pid());
    for _ in 0..8 {
        for peer in &mut peers {
            peer.send(0xc0, b"");
        }
        std::thread::sleep(Duration::from_millis(400));
    }
    frozen.thaw();
    for peer in &mut peers {
        let answer = peer.packet(Duration::from_secs(5)).expect("an answer");
        assert_eq!(answer.0, 0xd0, "{answer:?}");
    }
}
