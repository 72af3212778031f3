//! Kill -9 under load, disk faults, bad configuration, ports in use: nothing answered is lost.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::house::{House, free_port, kind};

fn rounds() -> usize {
    if std::env::var_os("CONGLANG_LONG").is_some() {
        1000
    } else {
        20
    }
}

/// Three who declare places, each with the next number, until `stop` or until nobody answers; what
/// was answered is noted.
pub fn writers(
    house: &House,
    stop: &Arc<AtomicBool>,
    answered: &Arc<Mutex<Vec<String>>>,
    number: &Arc<AtomicU64>,
) -> Vec<std::thread::JoinHandle<()>> {
    let one = |_| {
        let (stop, answered, number, socket) = (
            stop.clone(),
            answered.clone(),
            number.clone(),
            house.dir.join("run/control.sock"),
        );
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let id = format!("p{}", number.fetch_add(1, Ordering::SeqCst));
                let body = serde_json::json!({
                    "command": { "do": "DeclarePlace", "place": { "id": id, "name": "Ngõ" } }
                })
                .to_string();
                let request = format!(
                    "POST /commands HTTP/1.1\r\nhost: c\r\nconnection: close\r\n\
                     content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                );
                let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&socket) else {
                    return;
                };
                use std::io::{Read as _, Write as _};
                let mut answer = String::new();
                if stream.write_all(request.as_bytes()).is_ok()
                    && stream.read_to_string(&mut answer).is_ok()
                    && answer.starts_with("HTTP/1.1 200")
                {
                    answered.lock().expect("lock").push(id);
                }
            }
        })
    };
    (0..3).map(one).collect()
}

/// Every place whose command was answered is there, and there were more of them than kills.
pub fn assert_none_lost(house: &House, answered: &Mutex<Vec<String>>, kills: usize) {
    let state = house.state();
    let answered = answered.lock().expect("whole");
    let lost: Vec<_> = answered
        .iter()
        .filter(|id| state["places"][id.as_str()].is_null())
        .collect();
    let all = answered.len();
    assert!(
        lost.is_empty(),
        "{} of {all} answered commands were lost",
        lost.len()
    );
    eprintln!("{all} answered commands over {kills} kills, none lost");
    assert!(all > kills, "the load was a load: {all}");
}

#[test]
fn kill_9_under_load_loses_nothing_answered() {
    let mut house = House::new("");
    let answered = Arc::new(Mutex::new(Vec::<String>::new()));
    let number = Arc::new(AtomicU64::new(0));
    let mut dice: u64 = 0x9e37_79b9;
    for round in 0..rounds() {
        house.start();
        let stop = Arc::new(AtomicBool::new(false));
        let writers = writers(&house, &stop, &answered, &number);
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis(5 + dice % 115));
        house.kill();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().expect("writer");
        }
        if round % 5 == 0 {
            assert_eq!(
                house.cli(&["journal", "check"]).0,
                0,
                "round {round}: {}",
                house.cli(&["journal", "check"]).1
            );
        }
    }
    house.start();
    assert_none_lost(&house, &answered, rounds());
    assert_eq!(house.stop(), Some(0));
    let (code, text) = house.cli(&["journal", "check"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn wrong_configuration_is_told_at_once_with_file_line_and_key() {
    let house = House::new("[nonsense]\nx = 1\n");
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(house.config())
        .arg("run")
        .output()
        .expect("runs");
    assert_eq!(out.status.code(), Some(78));
    let words = String::from_utf8_lossy(&out.stderr);
    assert!(
        words.contains("conglang.toml:") && words.contains("nonsense"),
        "{words}"
    );
    std::fs::write(house.config(), "[village\n").expect("write");
    assert_eq!(house.cli(&["config", "check"]).0, 78);
    assert_eq!(
        house.cli(&["doctor"]).0,
        2,
        "doctor works without a configuration too"
    );
}

#[test]
fn a_port_in_use_is_said_with_its_address() {
    let house = House::new("");
    let _taken = std::net::TcpListener::bind(("127.0.0.1", house.portal)).expect("taken");
    let out = Command::new(env!("CARGO_BIN_EXE_conglang"))
        .arg("--config")
        .arg(house.config())
        .arg("run")
        .output()
        .expect("runs");
    assert_eq!(out.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&out.stderr).contains(&format!("127.0.0.1:{}", house.portal)));
}

#[test]
fn a_journal_of_a_newer_version_is_refused_and_left_alone() {
    let mut house = House::new("");
    house.expect_errors(&["newer version"]);
    house.start();
    assert_eq!(
        house.stop(),
        Some(0),
        "a stop that comes while it still starts is polite too"
    );
    let folder = house.dir.join("data/journal");
    let snapshot = std::fs::read_dir(&folder)
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|e| e == "snap"))
        .expect("snapshot");
    // Tomorrow's version is one above the one that this program writes, whatever that is. A version
    // alone may be a bit that turned; what stands under the sum is in no shape of today.
    let written = std::fs::read(&snapshot).expect("read");
    let version = u16::from_le_bytes([written[4], written[5]]) + 1;
    let payload = b"a shape of tomorrow";
    let bytes = [
        b"CLSN".as_slice(),
        &version.to_le_bytes(),
        &[0, 0],
        &crc32c::crc32c(payload).to_le_bytes(),
        payload,
    ]
    .concat();
    std::fs::write(&snapshot, &bytes).expect("write");
    // The house starts, or ends: which of the two is asked, so neither is waited for without end.
    house.launch(&[]);
    let code = house.ended_within(Duration::from_secs(20));
    assert_eq!(code, Some(1), "it does not start");
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    assert!(log.contains("newer version"), "{log}");
    assert_eq!(
        std::fs::read(&snapshot).expect("read"),
        bytes,
        "nothing was changed"
    );
}

#[test]
fn doctor_and_journal_check_work_with_the_daemon_dead() {
    let mut house = House::new("");
    house.start();
    assert_eq!(house.cli(&["doctor"]).0, 0, "{}", house.cli(&["doctor"]).1);
    house.kill();
    let (code, text) = house.cli(&["doctor"]);
    assert!(code == 2 && text.contains("D-RUN-01"), "{text}");
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
    let (code, json) = house.cli(&["doctor", "--json"]);
    assert!(
        code == 2
            && serde_json::from_str::<serde_json::Value>(&json).expect("json")["errors"].as_u64()
                >= Some(1)
    );
    let _ = free_port();
}

#[test]
fn a_deleted_index_and_a_repeated_boot_switch_nothing_twice() {
    let mut house = House::new("");
    house.start();
    let lamp = crate::support::lamp::Lamp::start(&house, "den-01");
    house.until("adopted", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"].is_object()
    });
    house.command(&serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": true }));
    house.until("on", Duration::from_secs(10), |h| {
        h.state()["lights"]["den-01.light"]["reported"]["on"] == true
    });
    drop(lamp);
    house.stop();
    let _ = std::fs::remove_file(house.dir.join("data/index.redb"));
    house.start();
    let orders = house
        .entries()
        .iter()
        .filter(|e| kind(e) == "light.desired")
        .count();
    assert_eq!(orders, 1);
    // On the wire: the first order that the lamp hears after the restart is the next one, not the
    // old one again.
    use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
    let mut options = MqttOptions::new("listener", "127.0.0.1", house.mqtt);
    options.set_credentials("den-01", crate::support::house::secret("den-01"));
    let (client, mut connection) = Client::new(options, 16);
    client
        .subscribe("c/den-01/#", QoS::AtLeastOnce)
        .expect("queued");
    let mut heard = |wanted: fn(&Event) -> Option<String>| loop {
        let event = connection
            .recv_timeout(Duration::from_secs(10))
            .expect("in time")
            .expect("connected");
        if let Some(found) = wanted(&event) {
            break found;
        }
    };
    heard(|e| matches!(e, Event::Incoming(Packet::SubAck(_))).then(String::new));
    house
        .command(&serde_json::json!({ "do": "SwitchLight", "light": "den-01.light", "on": false }));
    let first = heard(|e| {
        if let Event::Incoming(Packet::Publish(p)) = e {
            Some(String::from_utf8_lossy(&p.payload).into_owned())
        } else {
            None
        }
    });
    assert_eq!(first, "OFF");
}
