//! The journal as a whole: restart, repeat, damage, failing media, a rotten index.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::*;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::command::Command;
use crate::domain::event::Event;
use crate::domain::id::{BlobId, CommandId, NoticeId, PlaceId};
use crate::domain::notice::NoticeKind;
use crate::domain::place::Place as Road;
use crate::log::disk::Folder;
use crate::log::sim::{Honesty, SimDisk};
use crate::supervisor::clock::Clock;

/// A folder that goes away with the test.
struct Temp(PathBuf);
impl Temp {
    fn new(name: &str) -> Self {
        let mut random = [0; 8];
        getrandom::fill(&mut random).expect("random");
        let path = std::env::temp_dir().join(format!("conglang-{name}-{}", codec::hex(&random)));
        std::fs::create_dir_all(&path).expect("temp");
        Self(path)
    }
}
impl Drop for Temp {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn epoch() -> Epoch {
    let mut out = [0; 16];
    getrandom::fill(&mut out).expect("random");
    out
}

fn open(temp: &Path) -> (Journal, Report) {
    let disk = Folder::open(&temp.join("log")).expect("log");
    Journal::open(
        Place {
            folder: temp.join("journal"),
            disk: Box::new(disk),
            village: None,
        },
        epoch(),
        Clock::manual(1_000_000),
    )
    .expect("opens")
}

fn open_on(temp: &Path, disk: SimDisk) -> Result<(Journal, Report), OpenError> {
    Journal::open(
        Place {
            folder: temp.join("journal"),
            disk: Box::new(disk),
            village: None,
        },
        epoch(),
        Clock::manual(1_000_000),
    )
}

/// Leaves the journal as a kill would: no packing, no snapshot, no goodbye.
fn crash(journal: Journal) {
    std::mem::forget(journal);
}

fn road(n: u64) -> Wish {
    Wish::new(
        Actor::House,
        Command::DeclarePlace {
            place: Road {
                id: PlaceId::new(&format!("p{n}")).expect("id"),
                name: "Ngõ Đình".repeat(6),
            },
        },
    )
}

fn notice(n: u64) -> Command {
    let text = BlobRef {
        id: BlobId::new("b").expect("id"),
        mac: "00".repeat(32),
        len: 1,
    };
    Command::PublishNotice {
        id: NoticeId::new(&format!("n{n}")).expect("id"),
        text,
        kind: NoticeKind::Notice,
        until: None,
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_without_a_stop() {
    let temp = Temp::new("restart");
    let (journal, report) = open(&temp.0);
    assert!(report.is_clean());
    for n in 0..50 {
        let receipt = journal.submit(road(n)).await.expect("answered");
        assert_eq!(
            journal.state().seq,
            receipt.last,
            "an answer means: readable"
        );
    }
    let before = journal.state();
    crash(journal);
    let (journal, report) = open(&temp.0);
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(journal.state().places, before.places);
    assert_eq!(journal.state().boot, 2);
    assert_eq!(
        journal.after(0, 1000).await.len(),
        52,
        "50 roads and two boots"
    );
}

#[tokio::test]
async fn history_is_packed_recycled_and_read_back_in_order() {
    let temp = Temp::new("packs");
    let (journal, _) = open(&temp.0);
    let mut reader = journal.feed("test", 0);
    for n in 0..3000 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    let packs = std::fs::read_dir(temp.0.join("journal"))
        .expect("dir")
        .filter(|e| {
            e.as_ref()
                .is_ok_and(|e| e.path().extension().is_some_and(|x| x == "pack"))
        })
        .count();
    assert!(packs >= 2, "{packs} packs");
    let log = std::fs::read_dir(temp.0.join("log")).expect("dir").count();
    assert!(log <= 14, "segments are recycled, there are {log}");
    let mut seen = 0;
    while seen < 3001 {
        let feed::Batch::Entries(batch) = reader.next(500).await.expect("feed") else {
            panic!("no gap")
        };
        for stored in batch {
            seen += 1;
            assert_eq!(stored.entry.seq, seen);
        }
    }
    drop((journal, reader));
    let (journal, report) = open(&temp.0);
    assert!(report.is_clean());
    let newest = journal.before(u64::MAX, 3002).await;
    assert_eq!(newest.len(), 3002);
    assert!(
        newest
            .windows(2)
            .all(|w| w[0].entry.seq == w[1].entry.seq + 1),
        "newest first, no hole"
    );
    let findings =
        check::check(&temp.0.join("journal"), &temp.0.join("log"), None, |_| {}).expect("check");
    assert_eq!(
        (findings.wrong.as_slice(), findings.entries),
        (&[][..], 3002)
    );
}

#[tokio::test]
async fn a_named_command_is_done_once_refusals_included() {
    let temp = Temp::new("named");
    let (journal, _) = open(&temp.0);
    let id = CommandId::new("c1").expect("id");
    let wish = || Wish::new(Actor::Commune, notice(1)).named(id.clone(), 2_000_000);
    let first = journal.submit(wish()).await.expect("done");
    let again = journal.submit(wish()).await.expect("done");
    assert_eq!(
        (first.first, again.first, again.repeated),
        (again.first, first.first, true)
    );
    let stop = || {
        Wish::new(Actor::Commune, Command::StopEverything)
            .named(CommandId::new("c2").expect("id"), 2_000_000)
    };
    assert!(journal.submit(stop()).await.is_err());
    let seq = journal.state().seq;
    crash(journal);
    let (journal, _) = open(&temp.0);
    assert!(journal.submit(wish()).await.expect("old outcome").repeated);
    assert!(journal.submit(stop()).await.is_err());
    assert_eq!(journal.state().seq, seq + 1, "only the boot was added");
    let late = Wish::new(Actor::Commune, notice(3)).named(CommandId::new("c3").expect("id"), 10);
    assert_eq!(
        journal.submit(late).await,
        Err(SubmitError::Rejected(
            crate::domain::decide::Rejection::Expired
        ))
    );
}

#[tokio::test]
async fn a_cursor_survives_and_a_feed_goes_on() {
    let temp = Temp::new("cursor");
    let (journal, _) = open(&temp.0);
    for n in 0..10 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.feed("x", 0).done(6).await.expect("noted");
    journal
        .submit(road(99))
        .await
        .expect("the cursor rides with this");
    crash(journal);
    let (journal, _) = open(&temp.0);
    assert_eq!(journal.feed("x", 0).read_to(), 6);
    assert_eq!(journal.feed("y", 3).read_to(), 3);
}

#[tokio::test]
async fn waiting_finds_the_entry_that_was_caused() {
    let temp = Temp::new("wait");
    let (journal, _) = open(&temp.0);
    let order = journal
        .submit(Wish::new(Actor::House, Command::StopEverything))
        .await
        .expect("done")
        .last;
    let other = journal.clone();
    #[expect(clippy::disallowed_methods, reason = "a test")]
    let waiting = tokio::spawn(async move {
        other
            .wait(order, Duration::from_secs(5), |e| {
                matches!(e.entry.event, Event::PlaceDeclared { .. })
            })
            .await
    });
    journal.submit(road(1)).await.expect("not caused by it");
    let effect = journal
        .submit(road(2).because(order))
        .await
        .expect("done")
        .last;
    assert_eq!(
        waiting.await.expect("task").expect("found").entry.seq,
        effect
    );
    assert!(
        journal
            .wait(order, Duration::from_millis(20), |_| false)
            .await
            .is_none(),
        "a deadline ends it"
    );
}

#[tokio::test]
async fn a_failing_medium_closes_the_journal_and_loses_nothing_answered() {
    let mut failures = 0;
    for n in 0..40 {
        let temp = Temp::new("fail");
        let disk = SimDisk::default();
        let Ok((journal, _)) = ({
            disk.fail_after(n);
            open_on(&temp.0, disk.clone())
        }) else {
            continue;
        };
        let mut answered = 0;
        let mut closed = false;
        for i in 0..60 {
            match journal.submit(road(i)).await {
                Ok(_) => answered = i + 1,
                Err(SubmitError::Closed(_)) => {
                    closed = true;
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        if !closed {
            // The planned failure hit the making of a spare segment, which nobody waits for.
            continue;
        }
        failures += 1;
        let mut failed = journal.failed();
        tokio::time::timeout(Duration::from_secs(5), failed.wait_for(Option::is_some))
            .await
            .expect("it is said")
            .expect("thread");
        assert!(journal.ping().await.is_err());
        drop(journal);
        let image = SimDisk::with(disk.image(disk.operations(), Honesty::Honest, || 3));
        let (journal, report) = open_on(&temp.0, image).expect("reopens");
        assert!(report.is_clean(), "{report:?}");
        let roads = journal.state().places.len() as u64;
        assert!(roads >= answered, "case {n}: {roads} of {answered}");
    }
    assert!(
        failures > 20,
        "the rig fails writes, or it proves nothing: {failures}"
    );
}

#[tokio::test]
async fn damage_becomes_an_entry_and_the_village_runs() {
    let temp = Temp::new("damage");
    let disk = SimDisk::default();
    let (journal, _) = open_on(&temp.0, disk.clone()).expect("opens");
    for n in 0..30 {
        journal.submit(road(n)).await.expect("answered");
    }
    crash(journal);
    let mut image = disk.image(disk.operations(), Honesty::Honest, || 0);
    let slot = image
        .values_mut()
        .find(|c| c[..4] == *b"CLGP")
        .expect("slot");
    slot[10 * 4096..11 * 4096].fill(0);
    let (journal, report) = open_on(&temp.0, SimDisk::with(image)).expect("opens");
    assert_eq!(report.damage.len(), 1);
    assert_eq!(
        journal.state().damage.as_slice(),
        [(10, 11)],
        "what stands behind the hole is kept"
    );
    let all = journal.after(0, 100).await;
    let said = all.iter().find_map(|s| {
        if let Event::HistoryDamaged { from, to, .. } = s.entry.event {
            Some((from, to))
        } else {
            None
        }
    });
    assert_eq!(said, Some((10, 11)), "one entry is missing");
    assert_eq!(
        journal.state().places.len(),
        29,
        "the road of entry 11 is gone, and no other"
    );
    assert!(
        (12..=31).all(|seq| all.iter().any(|s| s.entry.seq == seq)),
        "they can be read"
    );
    journal.submit(road(100)).await.expect("the village runs");
}

#[tokio::test]
async fn changed_history_is_visible() {
    let temp = Temp::new("tamper");
    let (journal, _) = open(&temp.0);
    for n in 0..5 {
        journal.submit(road(n)).await.expect("answered");
    }
    crash(journal);
    let path = std::fs::read_dir(temp.0.join("log"))
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| std::fs::read(p).expect("read")[..4] == *b"CLGP")
        .expect("segment");
    let mut bytes = std::fs::read(&path).expect("read");
    // A forger changes an entry and mends the frame's checksum.
    let at = bytes
        .windows(4)
        .rposition(|w| w == "Ngõ".as_bytes())
        .expect("text");
    bytes[at..at + 4].copy_from_slice("Xõm".as_bytes());
    let start = at / 4096 * 4096;
    let len = u32::from_le_bytes(bytes[start + 48..start + 52].try_into().expect("4")) as usize;
    bytes[start + 56..start + 60].fill(0);
    let crc = crc32c::crc32c(&bytes[start..start + 192 + len]);
    bytes[start + 56..start + 60].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&path, &bytes).expect("write");
    let findings =
        check::check(&temp.0.join("journal"), &temp.0.join("log"), None, |_| {}).expect("check");
    assert!(
        findings.wrong.iter().any(|w| w.contains("changed")),
        "{findings:?}"
    );
    let (_, report) = open(&temp.0);
    assert!(!report.is_clean(), "boot sees it too");
}

#[tokio::test]
async fn a_lost_rotten_or_truncated_index_is_built_again() {
    let temp = Temp::new("index");
    let (journal, _) = open(&temp.0);
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    let order = journal
        .submit(Wish::new(Actor::House, notice(7)))
        .await
        .expect("done")
        .last;
    journal
        .submit(
            Wish::new(
                Actor::House,
                Command::TakeDownNotice {
                    id: NoticeId::new("n7").expect("id"),
                },
            )
            .because(order),
        )
        .await
        .expect("done");
    journal.shutdown().await.expect("stopped");
    let history = journal.history();
    let path = temp.0.join("index.redb");
    for (round, spoil) in [0usize, 1, 2, 3].into_iter().enumerate() {
        let index = index::Index::new(&path);
        let anew = index.catch_up(&history).expect("index");
        assert_eq!(anew, round >= 2, "round {round}");
        let about = index
            .by_subject(&history, "n7", u64::MAX, 10)
            .expect("lookup");
        assert_eq!(
            about.iter().map(|s| s.entry.seq).collect::<Vec<_>>(),
            [order + 1, order]
        );
        assert_eq!(
            index.by_cause(&history, order, 10).expect("lookup").len(),
            1
        );
        index.close();
        match spoil {
            0 => std::fs::remove_file(&path).expect("gone"),
            1 => {
                let mut bytes = std::fs::read(&path).expect("read");
                let middle = bytes.len() / 2;
                for b in &mut bytes[4096..middle] {
                    *b ^= 0x55;
                }
                std::fs::write(&path, bytes).expect("write");
            }
            _ => {
                let bytes = std::fs::read(&path).expect("read");
                std::fs::write(&path, &bytes[..bytes.len() / 3]).expect("write");
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_replaced_by_the_older_one_and_packs() {
    let temp = Temp::new("snap");
    let (journal, _) = open(&temp.0);
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    let places = journal.state().places.clone();
    drop(journal);
    let mut snaps: Vec<_> = std::fs::read_dir(temp.0.join("journal"))
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "snap"))
        .collect();
    snaps.sort();
    let newest = snaps.last().expect("snapshot");
    let mut bytes = std::fs::read(newest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(newest, bytes).expect("write");
    let (journal, report) = open(&temp.0);
    assert_eq!(report.snapshots_passed, 1);
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    assert_eq!(journal.state().places, places);
    journal.submit(road(9_999)).await.expect("the village runs");
}

#[tokio::test]
async fn a_rotten_newest_snapshot_with_a_live_tail_loses_nothing() {
    let temp = Temp::new("snaptail");
    let (journal, _) = open(&temp.0);
    let mut n = 0;
    // Several checkpoints, then a tail behind the last one.
    while snapshots(&temp.0).len() < 2 || n < 4000 {
        n += 1;
        journal.submit(road(n)).await.expect("answered");
    }
    for _ in 0..100 {
        n += 1;
        journal.submit(road(n)).await.expect("answered");
    }
    crash(journal);
    std::fs::write(snapshots(&temp.0).last().expect("snapshot"), b"rot").expect("write");
    let (journal, report) = open(&temp.0);
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    assert_eq!(journal.state().places.len() as u64, n);
}

#[tokio::test]
async fn a_feed_is_told_of_a_hole_and_goes_on() {
    let temp = Temp::new("hole");
    let (journal, _) = open(&temp.0);
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    drop(journal);
    let mut packs: Vec<_> = std::fs::read_dir(temp.0.join("journal"))
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "pack"))
        .collect();
    packs.sort();
    let mut bytes = std::fs::read(&packs[0]).expect("read");
    // Inside the first block's payload: behind the heads (268) and its own header (52).
    bytes[268 + 52 + 20] ^= 1;
    std::fs::write(&packs[0], bytes).expect("write");
    let (journal, _) = open(&temp.0);
    let mut reader = journal.feed("test", 0);
    let (mut seen, mut gaps) = (0, 0);
    while reader.read_to() < journal.state().seq {
        match reader.next(300).await.expect("goes on") {
            feed::Batch::Entries(e) => seen += e.len() as u64,
            feed::Batch::Gap { from, to } => gaps += to - from + 1,
        }
    }
    assert_eq!(gaps, 100, "one block");
    assert_eq!(seen + gaps, journal.state().seq);
}

#[tokio::test]
async fn a_number_that_is_none_is_refused_and_never_stored() {
    let temp = Temp::new("nan");
    let (journal, _) = open(&temp.0);
    let sensor = crate::domain::sensor::Sensor {
        id: crate::domain::id::EntityId::new("s").expect("id"),
        name: "s".into(),
        unit: String::new(),
        decimals: 0,
        marks: vec![1.0],
        alarm: None,
    };
    journal
        .submit(Wish::new(
            Actor::House,
            Command::DeclareSensor {
                sensor: sensor.clone(),
            },
        ))
        .await
        .expect("declared");
    for value in [f64::INFINITY, f64::NAN] {
        assert!(
            journal
                .submit(Wish::new(
                    Actor::House,
                    Command::ReportLevel {
                        sensor: sensor.id.clone(),
                        level: 1,
                        value
                    }
                ))
                .await
                .is_err()
        );
    }
    let long = Road {
        id: PlaceId::new("long").expect("id"),
        name: "x".repeat(100_000),
    };
    assert!(
        journal
            .submit(Wish::new(
                Actor::House,
                Command::DeclarePlace { place: long }
            ))
            .await
            .is_err(),
        "an entry has a bound"
    );
    journal.submit(road(1)).await.expect("the village runs");
    crash(journal);
    assert!(open(&temp.0).1.is_clean());
}

fn snapshots(temp: &Path) -> Vec<PathBuf> {
    let mut out: Vec<_> = std::fs::read_dir(temp.join("journal"))
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == "snap"))
        .collect();
    out.sort();
    out
}

#[test]
fn frozen_samples_decode_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/journal");
    let text: String = ["v1", "v2"]
        .map(|v| std::fs::read_to_string(folder.join(v).join("entries.jsonl")).expect("samples"))
        .concat();
    let mut kinds = std::collections::BTreeSet::new();
    for line in text.lines() {
        match codec::decode(line.as_bytes()).expect(line) {
            codec::Record::Entry(entry) => {
                assert_eq!(
                    String::from_utf8(codec::entry_bytes(&entry).expect("sound")).expect("utf8"),
                    line,
                    "written as then"
                );
                let value = serde_json::to_value(&entry.event).expect("json");
                kinds.insert(value["t"].as_str().expect("tag").to_owned());
            }
            codec::Record::Cursor(_) => drop(kinds.insert("cursor".into())),
            codec::Record::Outcome(_) => drop(kinds.insert("outcome".into())),
        }
    }
    assert!(kinds.len() >= 30, "a sample of every event: {kinds:?}");
    assert!(matches!(
        codec::decode(br#"{"v":3,"seq":1}"#),
        Err(codec::CodecError::Newer(3))
    ));
    assert!(codec::decode(b"{").is_err());
}
