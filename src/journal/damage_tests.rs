//! A medium that fails, and damage in log, packs and snapshots: it is reported, nothing else is
//! lost, and the village runs.

use std::time::Duration;

use super::test_support::{Temp, crash, files, open, open_on};
use super::tests::road;
use super::*;
use crate::domain::event::Event;
use crate::domain::history;
use crate::log::sim::{Honesty, SimDisk};

#[tokio::test]
async fn a_failing_medium_closes_the_journal_and_loses_nothing_answered() {
    let mut failures = 0;
    for n in 0..40 {
        let temp = Temp::new("fail");
        let disk = SimDisk::default();
        let Ok((journal, _)) = ({
            disk.fail_after(n);
            open_on(temp.path(), disk.clone())
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
            // The planned failure hit the creation of a spare segment, which no request waits for.
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
        let (journal, report) = open_on(temp.path(), image).expect("reopens");
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
    let (journal, _) = open_on(temp.path(), disk.clone()).expect("opens");
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
    let (journal, report) = open_on(temp.path(), SimDisk::with(image)).expect("opens");
    assert_eq!(report.damage.len(), 1);
    assert_eq!(
        journal.state().damage.as_slice(),
        [(10, 11)],
        "what stands behind the hole is kept"
    );
    let all = journal.after(0, 100).await;
    let said = all.iter().find_map(|s| {
        if let Event::History(history::Event::Damaged { from, to, .. }) = s.entry.event {
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
    let (journal, _) = open(temp.path());
    for n in 0..5 {
        journal.submit(road(n)).await.expect("answered");
    }
    crash(journal);
    let path = std::fs::read_dir(temp.path().join("log"))
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .find(|p| std::fs::read(p).expect("read")[..4] == *b"CLGP")
        .expect("segment");
    let mut bytes = std::fs::read(&path).expect("read");
    // A forger changes an entry and corrects the frame's checksum.
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
    let findings = check::check(
        &temp.path().join("journal"),
        &temp.path().join("log"),
        None,
        |_| {},
    )
    .expect("check");
    assert!(
        findings.problems.iter().any(|p| matches!(
            p,
            JournalProblem::ChainBroken { .. } | JournalProblem::ChainBrokenInLog { .. }
        )),
        "{findings:?}"
    );
    let (_, report) = open(temp.path());
    assert!(!report.is_clean(), "boot sees it too");
}

#[tokio::test]
async fn a_damaged_snapshot_is_replaced_by_the_older_one_and_packs() {
    let temp = Temp::new("snap");
    let (journal, _) = open(temp.path());
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    let places = journal.state().places.clone();
    drop(journal);
    let snaps = files(&temp.journal(), "snap");
    let newest = snaps.last().expect("snapshot");
    let mut bytes = std::fs::read(newest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(newest, bytes).expect("write");
    let (journal, report) = open(temp.path());
    assert_eq!(report.snapshots_damaged, 1);
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    assert_eq!(journal.state().places, places);
    journal.submit(road(9_999)).await.expect("the village runs");
}

#[tokio::test]
async fn a_rotten_newest_snapshot_with_a_live_tail_loses_nothing() {
    let temp = Temp::new("snaptail");
    let (journal, _) = open(temp.path());
    let mut n = 0;
    // Several checkpoints, then a tail behind the last one.
    while files(&temp.journal(), "snap").len() < 2 || n < 4000 {
        n += 1;
        journal.submit(road(n)).await.expect("answered");
    }
    for _ in 0..100 {
        n += 1;
        journal.submit(road(n)).await.expect("answered");
    }
    crash(journal);
    std::fs::write(
        files(&temp.journal(), "snap").last().expect("snapshot"),
        b"rot",
    )
    .expect("write");
    let (journal, report) = open(temp.path());
    assert!(report.damage.is_empty(), "{:?}", report.damage);
    assert_eq!(journal.state().places.len() as u64, n);
}

#[tokio::test]
async fn a_feed_is_told_of_a_hole_and_goes_on() {
    let temp = Temp::new("hole");
    let (journal, _) = open(temp.path());
    for n in 0..2500 {
        journal.submit(road(n)).await.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    drop(journal);
    let packs = files(&temp.journal(), "pack");
    let mut bytes = std::fs::read(&packs[0]).expect("read");
    // Inside the first block's payload: behind the heads (268) and its own header (52).
    bytes[268 + 52 + 20] ^= 1;
    std::fs::write(&packs[0], bytes).expect("write");
    let (journal, _) = open(temp.path());
    let mut reader = journal.feed("test", 0);
    let (mut seen, mut gaps) = (0, 0);
    while reader.position() < journal.state().seq {
        match reader.next(300).await.expect("goes on") {
            feed::FeedItem::Entries(e) => seen += e.len() as u64,
            feed::FeedItem::Gap { from, to } => gaps += to - from + 1,
        }
    }
    assert_eq!(gaps, 100, "one block");
    assert_eq!(seen + gaps, journal.state().seq);
}
