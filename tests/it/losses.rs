//! Files that go or rot while the house is off or on: what is made from the truth is made again,
//! and what is lost is said.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use conglang::log::sim::{TestRng, cases};

use crate::support::house::{CHIEF_PIN, House};

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut out: Vec<_> = std::fs::read_dir(folder)
        .map(|dir| {
            dir.filter_map(Result::ok)
                .map(|e| e.path())
                .filter(|p| p.extension().is_some_and(|x| x == extension))
                .collect()
        })
        .unwrap_or_default();
    out.sort();
    out
}

/// Snapshots, their spare, the index: what the house can make again from packs and log.
fn derived(data: &Path) -> Vec<PathBuf> {
    let journal = data.join("journal");
    files(&journal, "snap")
        .into_iter()
        .chain([journal.join("spare/state"), data.join("index.redb")])
        .filter(|p| p.exists())
        .collect()
}

/// Takes away or hurts some of what is derived, as the dice will; a copy of before is put back too.
/// Gives how many files were hurt.
pub fn harm(data: &Path, dice: &mut TestRng) -> usize {
    let all = derived(data);
    let mut hurt = 0;
    // Now and then everything at once.
    let every = dice.next_u64().is_multiple_of(5);
    for path in &all {
        if !every && !dice.next_u64().is_multiple_of(3) {
            continue;
        }
        hurt += 1;
        let mut bytes = std::fs::read(path).expect("read");
        let kept = data.join(format!(
            "kept-{}",
            path.extension().unwrap_or_default().display()
        ));
        let at = usize::try_from(dice.next_u64()).unwrap_or(0) % bytes.len().max(1);
        match dice.next_u64() % 5 {
            0 => {
                std::fs::remove_file(path).expect("gone");
                continue;
            }
            1 => bytes.truncate(at),
            2 => bytes.fill(0),
            3 if kept.exists() => bytes = std::fs::read(&kept).expect("read"),
            _ if bytes.is_empty() => {}
            _ => bytes[at] ^= 1 << (dice.next_u64() % 8),
        }
        if dice.next_u64().is_multiple_of(4) {
            std::fs::copy(path, &kept).expect("kept");
        }
        std::fs::write(path, bytes).expect("written");
    }
    hurt
}

/// The warnings and errors of a house's log, each with how often it stands there; numbers are left
/// out, so that the same sentence counts as one.
fn warnings(house: &House) -> BTreeMap<String, usize> {
    let log = std::fs::read_to_string(house.dir.join("log.txt")).expect("log");
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let Some((_, text)) = line
            .split_once(" WARN ")
            .or_else(|| line.split_once(" ERROR "))
        else {
            continue;
        };
        let words: String = text
            .split(['=', '"'])
            .next()
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .take(90)
            .collect();
        *counts.entry(words).or_default() += 1;
    }
    counts
}

/// The report of `status`, whose lines are broken at 80 columns.
fn status_in_one_line(house: &House) -> String {
    let (_, text) = house.cli(&["status"]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_answered_is_lost_when_derived_files_go_between_kills() {
    let mut house = House::new("");
    let (answered, number) = (
        Arc::new(Mutex::new(Vec::<String>::new())),
        Arc::new(AtomicU64::new(0)),
    );
    let mut dice = TestRng(0x10_55e5);
    let mut hurt = 0;
    for round in 0..cases(20) {
        house.start();
        if round % 5 == 4 {
            let state = house.state();
            let lost = answered
                .lock()
                .expect("whole")
                .iter()
                .filter(|id| state["places"][id.as_str()].is_null())
                .count();
            assert_eq!(lost, 0, "round {round}");
        }
        let stop = Arc::new(AtomicBool::new(false));
        let writers = crate::faults::writers(&house, &stop, &answered, &number);
        std::thread::sleep(Duration::from_millis(5 + dice.next_u64() % 115));
        house.kill();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.join().expect("writer");
        }
        hurt += harm(&house.dir.join("data"), &mut dice);
    }
    house.start();
    crate::faults::assert_none_lost(&house, &answered, cases(20));
    eprintln!("{hurt} derived files hurt; told: {:#?}", warnings(&house));
    let state = house.state();
    assert_eq!(state["damage"], serde_json::json!([]), "nothing is missing");
    assert_eq!(house.stop(), Some(0));
    let (code, text) = house.cli(&["journal", "check"]);
    assert_eq!(code, 0, "{text}");
}

/// What a first start had no time to write is not lost: a false alarm would teach people that
/// alarms mean nothing. The house itself fails by error lines and red health.
#[test]
fn a_house_that_is_cut_in_its_first_second_tells_of_no_loss() {
    let mut dice = TestRng(0xf1_4571);
    for _ in 0..cases(8).min(100) {
        let mut house = House::new("");
        house.launch(&[]);
        std::thread::sleep(Duration::from_millis(20 + dice.next_u64() % 400));
        house.kill();
        house.start();
        house.until("all is well", Duration::from_secs(20), |h| {
            h.cli(&["status", "--json"])
                .1
                .contains("\"broker\",\"green\"")
        });
        let (_, text) = house.cli(&["broker", "status"]);
        assert!(!text.contains("đã mất"), "{text}");
    }
}

#[test]
fn people_and_history_are_there_without_any_snapshot_and_it_is_said() {
    let mut house = House::new("");
    house.start();
    house.sign_in();
    assert_eq!(house.stop(), Some(0));
    for path in derived(&house.dir.join("data")) {
        std::fs::remove_file(path).expect("gone");
    }
    assert_eq!(
        house.cli(&["journal", "check"]).0,
        2,
        "it is told with the daemon dead"
    );
    house.start();
    let status = status_in_one_line(&house);
    assert!(
        status.contains("! journal") && status.contains("bản chụp trạng thái bị mất hoặc quá cũ"),
        "{status}"
    );
    assert!(house.cli(&["doctor"]).1.contains("conglang journal check"));
    assert_eq!(
        house
            .post("/sign-in", "", &[("user", "mau"), ("pin", CHIEF_PIN)])
            .status,
        303,
        "the chief gets in"
    );
    assert_eq!(house.stop(), Some(0));
    assert_eq!(house.cli(&["journal", "check"]).0, 0);
    house.start();
    assert!(
        !house.cli(&["status"]).1.contains("! journal"),
        "it is told once"
    );
}

#[test]
fn a_bit_that_turned_in_old_history_is_said_at_every_door() {
    let mut house = House::new("");
    house.expect_errors(&["reading history pack failed", "red health"]);
    house.start();
    let cookie = house.sign_in();
    // More than one block: a last one is made again from the log.
    let (answered, stop) = (
        Arc::new(Mutex::new(Vec::<String>::new())),
        Arc::new(AtomicBool::new(false)),
    );
    let writers = crate::faults::writers(&house, &stop, &answered, &Arc::new(AtomicU64::new(0)));
    house.until("a block is full", Duration::from_secs(20), |_| {
        answered.lock().expect("whole").len() > 150
    });
    stop.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.join().expect("writer");
    }
    assert_eq!(house.stop(), Some(0));
    let pack = files(&house.dir.join("data/journal"), "pack").remove(0);
    let mut bytes = std::fs::read(&pack).expect("read");
    // Inside the first block's payload: behind the heads (268) and its own header (52).
    bytes[268 + 52 + 20] ^= 1;
    std::fs::write(&pack, bytes).expect("written");
    house.start();
    house.until("it is found", Duration::from_secs(20), |h| {
        h.cli(&["status"]).1.contains("! history")
    });
    assert!(
        house
            .cli(&["doctor"])
            .1
            .contains("không đọc được các mục 1 đến"),
        "{}",
        house.cli(&["doctor"]).1
    );
    let today = house.get("/", &cookie);
    assert!(
        today
            .body
            .contains("Một phần lịch sử trên máy đã mất hoặc hỏng"),
        "{}",
        today.body
    );
}

#[test]
fn a_log_that_was_cut_is_said() {
    let mut house = House::new("");
    house.start();
    house.kill();
    let log = files(&house.dir.join("data/log"), "seg")
        .into_iter()
        .find(|p| std::fs::read(p).expect("read").starts_with(b"CLGP"))
        .expect("a segment");
    let bytes = std::fs::read(&log).expect("read");
    std::fs::write(&log, &bytes[..8_192]).expect("cut");
    let (code, text) = house.cli(&["journal", "check"]);
    assert!(code == 2 && text.contains("bị cắt ngắn"), "{text}");
    house.start();
    let status = status_in_one_line(&house);
    assert!(
        status.contains("! history") && status.contains("1 tệp của sổ ghi bị cắt ngắn"),
        "{status}"
    );
    let report: serde_json::Value =
        serde_json::from_str(&house.cli(&["status", "--json"]).1).expect("status");
    assert_eq!(
        report["reasons"]["history"],
        serde_json::json!({ "is": "segments_truncated", "n": 1 })
    );
}
