//! The journal as a whole: restart, repeated commands, feeds, waiting, values that are never
//! stored, samples of old entries.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::test_support::{Temp, crash, files, open};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::blob::BlobRef;
use crate::domain::event::{Entry, Event};
use crate::domain::id::{BlobId, CommandId, NoticeId, PlaceId};
use crate::domain::notice::{self, NoticeDetails, NoticeKind};
use crate::domain::place::{self, Place};
use crate::domain::{sensor, speaker};
use crate::time::WallMs;

pub(super) fn road(n: u64) -> CommandRequest {
    CommandRequest::new(
        Actor::System,
        place::Command::Declare {
            place: Place {
                id: PlaceId::new(&format!("p{n}")).expect("id"),
                name: "Ngõ Đình".repeat(6),
            },
        },
    )
}

pub(super) fn notice(n: u64) -> notice::Command {
    let text = BlobRef {
        id: BlobId::new("b").expect("id"),
        mac: "00".repeat(32),
        len: 1,
    };
    notice::Command::Publish {
        id: NoticeId::new(&format!("n{n}")).expect("id"),
        text,
        details: NoticeDetails::of(NoticeKind::Notice),
    }
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_restart_without_a_stop() {
    let temp = Temp::new("restart");
    let (journal, report) = open(temp.path());
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
    let (journal, report) = open(temp.path());
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
    let (journal, _) = open(temp.path());
    let mut reader = journal.feed("test", 0);
    for n in 0..3000 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    let packs = files(&temp.journal(), "pack").len();
    assert!(packs >= 2, "{packs} packs");
    let log = std::fs::read_dir(temp.path().join("log"))
        .expect("dir")
        .count();
    assert!(log <= 14, "segments are recycled, there are {log}");
    let mut seen = 0;
    while seen < 3001 {
        let feed::FeedItem::Entries(batch) = reader.next(500).await.expect("feed") else {
            panic!("no gap")
        };
        for stored in batch {
            seen += 1;
            assert_eq!(stored.entry.seq, seen);
        }
    }
    drop((journal, reader));
    let (journal, report) = open(temp.path());
    assert!(report.is_clean());
    let newest = journal.before(u64::MAX, 3002).await;
    assert_eq!(newest.len(), 3002);
    assert!(
        newest
            .windows(2)
            .all(|w| w[0].entry.seq == w[1].entry.seq + 1),
        "newest first, no hole"
    );
    let findings = check::check(
        &temp.path().join("journal"),
        &temp.path().join("log"),
        None,
        |_| {},
    )
    .expect("check");
    assert_eq!(
        (findings.problems.as_slice(), findings.entries),
        (&[][..], 3002)
    );
}

#[tokio::test]
async fn a_named_command_is_done_once_refusals_included() {
    let temp = Temp::new("named");
    let (journal, _) = open(temp.path());
    let id = CommandId::new("c1").expect("id");
    let wish = || {
        CommandRequest::new(Actor::Commune, notice(1))
            .idempotent(id.clone(), WallMs::new(2_000_000))
    };
    let first = journal.submit(wish()).await.expect("done");
    let again = journal.submit(wish()).await.expect("done");
    assert_eq!(
        (first.first, again.first, again.repeated),
        (again.first, first.first, true)
    );
    let stop = || {
        CommandRequest::new(Actor::Commune, speaker::Command::StopEverything {})
            .idempotent(CommandId::new("c2").expect("id"), WallMs::new(2_000_000))
    };
    assert!(journal.submit(stop()).await.is_err());
    let seq = journal.state().seq;
    crash(journal);
    let (journal, _) = open(temp.path());
    assert!(journal.submit(wish()).await.expect("old outcome").repeated);
    assert!(journal.submit(stop()).await.is_err());
    assert_eq!(journal.state().seq, seq + 1, "only the boot was added");
    let late = CommandRequest::new(Actor::Commune, notice(3))
        .idempotent(CommandId::new("c3").expect("id"), WallMs::new(10));
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
    let (journal, _) = open(temp.path());
    for n in 0..10 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.feed("x", 0).acknowledge(6).await.expect("noted");
    journal
        .submit(road(99))
        .await
        .expect("the cursor rides with this");
    crash(journal);
    let (journal, _) = open(temp.path());
    assert_eq!(journal.feed("x", 0).position(), 6);
    assert_eq!(journal.feed("y", 3).position(), 3);
}

#[tokio::test]
async fn waiting_finds_the_entry_that_was_caused() {
    let temp = Temp::new("wait");
    let (journal, _) = open(temp.path());
    let order = journal
        .submit(CommandRequest::new(
            Actor::System,
            speaker::Command::StopEverything {},
        ))
        .await
        .expect("done")
        .last;
    let other = journal.clone();
    #[expect(clippy::disallowed_methods, reason = "a test")]
    let waiting = tokio::spawn(async move {
        other
            .wait_for_effect(order, Duration::from_secs(5), |e| {
                matches!(e.entry.event, Event::Place(place::Event::Declared { .. }))
            })
            .await
    });
    journal.submit(road(1)).await.expect("not caused by it");
    let effect = journal
        .submit(road(2).caused_by(order))
        .await
        .expect("done")
        .last;
    assert_eq!(
        waiting.await.expect("task").expect("found").entry.seq,
        effect
    );
    assert!(
        journal
            .wait_for_effect(order, Duration::from_millis(20), |_| false)
            .await
            .is_none(),
        "a deadline ends it"
    );
}

#[tokio::test]
async fn a_number_that_is_none_is_refused_and_never_stored() {
    let temp = Temp::new("nan");
    let (journal, _) = open(temp.path());
    let sensor = sensor::Sensor {
        id: crate::domain::id::EntityId::new("s").expect("id"),
        name: "s".into(),
        unit: String::new(),
        decimals: 0,
        thresholds: vec![1.0],
        alarm: None,
    };
    journal
        .submit(CommandRequest::new(
            Actor::System,
            sensor::Command::Declare {
                sensor: sensor.clone(),
            },
        ))
        .await
        .expect("declared");
    for value in [f64::INFINITY, f64::NAN] {
        assert!(
            journal
                .submit(CommandRequest::new(
                    Actor::System,
                    sensor::Command::ReportLevel {
                        sensor: sensor.id.clone(),
                        level: 1,
                        value
                    }
                ))
                .await
                .is_err()
        );
    }
    let long = Place {
        id: PlaceId::new("long").expect("id"),
        name: "x".repeat(100_000),
    };
    assert!(
        journal
            .submit(CommandRequest::new(
                Actor::System,
                place::Command::Declare { place: long }
            ))
            .await
            .is_err(),
        "an entry has a bound"
    );
    journal.submit(road(1)).await.expect("the village runs");
    crash(journal);
    assert!(open(temp.path()).1.is_clean());
}

fn recorded(version: u32, file: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/journal");
    let path = folder.join(format!("v{version}")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn samples(version: u32) -> String {
    recorded(version, "entries.jsonl")
}

fn sample(line: &str) -> codec::JournalRecord {
    codec::decode(line.as_bytes()).expect(line)
}

#[test]
fn frozen_samples_decode_for_ever() {
    let newest: BTreeMap<u64, Entry> = samples(codec::VERSION)
        .lines()
        .map(|line| {
            let codec::JournalRecord::Entry(entry) = sample(line) else {
                panic!("no entry: {line}")
            };
            let written = codec::entry_bytes(&entry).expect("sound");
            assert_eq!(String::from_utf8(written).expect("utf8"), line);
            assert_eq!(codec::decode_entry(line.as_bytes()).expect(line), *entry);
            (entry.seq, *entry)
        })
        .collect();
    let mut other = 0;
    let older: String = (1..codec::VERSION).map(samples).collect();
    for line in older.lines() {
        match sample(line) {
            // The newest samples tell the same entries in the shape of today.
            codec::JournalRecord::Entry(entry) => {
                assert_eq!(Some(&*entry), newest.get(&entry.seq), "{line}");
                assert_eq!(codec::decode_entry(line.as_bytes()).expect(line), *entry);
            }
            codec::JournalRecord::Cursor(_) | codec::JournalRecord::Outcome(_) => other += 1,
        }
    }
    assert!(other >= 5, "cursors and outcomes");
    let next = codec::VERSION + 1;
    let newer = format!(r#"{{"v":{next},"seq":1}}"#);
    for decode in [
        |bytes: &[u8]| codec::decode(bytes).map(drop),
        |bytes: &[u8]| codec::decode_entry(bytes).map(drop),
    ] {
        assert!(matches!(
            decode(newer.as_bytes()),
            Err(codec::CodecError::Newer(v)) if v == next
        ));
        assert!(decode(b"{").is_err());
    }
}

/// The names that serde expects in the place of an unknown one.
fn expected(json: &str) -> Vec<String> {
    let error = serde_json::from_str::<Event>(json).expect_err("no event");
    let text = error.to_string();
    text.split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The nouns and names of all events, a line each, sorted.
fn event_names() -> Vec<String> {
    let nouns = expected(r#"{"?":{}}"#);
    assert!(nouns.len() >= 13, "{nouns:?}");
    let mut names: Vec<String> = nouns
        .iter()
        .flat_map(|noun| {
            let kinds = expected(&format!(r#"{{"{noun}":{{"t":"?"}}}}"#));
            assert!(!kinds.is_empty(), "{noun}");
            kinds.into_iter().map(move |kind| format!("{noun} {kind}"))
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_event_has_a_sample_in_the_newest_version() {
    let text = samples(codec::VERSION);
    for name in event_names() {
        let (noun, kind) = name.split_once(' ').expect("noun and name");
        let event = format!(r#""event":{{"{noun}":{{"t":"{kind}""#);
        assert!(text.contains(&event), "no sample of {name}");
    }
}

/// The checksum (CRC32C) of `events.txt` of each version since events have nouns: the recorded
/// lists are never edited, so an event can only be added together with a version.
const EVENTS_OF_VERSIONS: [(u32, u32); 7] = [
    (3, 0xa8780139),
    (4, 0x1e7137ac),
    (5, 0x32d6dbae),
    (6, 0x451be8ad),
    (7, 0x206a1b00),
    (8, 0x3a3a5779),
    (9, 0xdf41de7c),
];

#[test]
fn a_new_event_is_a_new_version() {
    let checksum = |version| {
        format!(
            "{:#010x}",
            crc32c::crc32c(recorded(version, "events.txt").as_bytes())
        )
    };
    for (version, sum) in EVENTS_OF_VERSIONS {
        assert_eq!(
            checksum(version),
            format!("{sum:#010x}"),
            "the list of version {version} was edited; add the event to a new version"
        );
    }
    let newest = codec::VERSION;
    assert_eq!(
        EVENTS_OF_VERSIONS.last().map(|(version, _)| *version),
        Some(newest),
        "record its events: ({newest}, {})",
        checksum(newest)
    );
    let names = recorded(newest, "events.txt");
    assert_eq!(
        event_names(),
        names.lines().collect::<Vec<_>>(),
        "older programs take an event that they do not know for damage: raise codec::VERSION and \
         record the events of the new version"
    );
}
