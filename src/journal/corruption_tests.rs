//! Random corruption, a hundred times for each kind of file: nothing panics, nothing wrong is read,
//! and every loss is reported.

use std::collections::BTreeMap;
use std::path::Path;

use super::test_support::{Temp, files, open};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::id::PlaceId;
use crate::domain::place::{self, Place};
use crate::domain::speaker;
use crate::domain::state::VillageState;

fn rots() -> u64 {
    crate::log::sim::cases(100) as u64
}

const ENTRIES: u64 = 2_300;

/// A small deterministic generator: a failing case can be run again.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move |most| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % most.max(1)
    }
}

/// Flips bits, zeroes a block, truncates or extends a file.
fn spoil(path: &Path, roll: &mut impl FnMut(u64) -> u64) {
    let mut bytes = std::fs::read(path).expect("read");
    let at = usize::try_from(roll(bytes.len() as u64)).expect("small");
    match roll(5) {
        0 => bytes.truncate(at),
        1 => {
            let end = (at + 4096).min(bytes.len());
            bytes[at..end].fill(0);
        }
        2 => bytes.extend_from_slice(&[0x5a; 300]),
        _ => {
            for _ in 0..=roll(8) {
                let at = usize::try_from(roll(bytes.len() as u64)).expect("small");
                bytes[at] ^= 1 << roll(8);
            }
        }
    }
    std::fs::write(path, bytes).expect("write");
}

/// A village with packs and snapshots: its folder, its state, its entries.
async fn village(name: &str) -> (Temp, VillageState, BTreeMap<u64, Arc<[u8]>>) {
    let temp = Temp::new(name);
    let (journal, _) = open(temp.path());
    let wishes = (0..ENTRIES).map(|n| {
        journal.submit(CommandRequest::new(
            Actor::System,
            place::Command::Declare {
                place: Place {
                    id: PlaceId::new(&format!("p{n}")).expect("id"),
                    name: format!("Ngõ {n}"),
                },
            },
        ))
    });
    for answer in futures_util::future::join_all(wishes).await {
        answer.expect("answered");
    }
    journal.shutdown().await.expect("stopped");
    let entries = journal
        .after(0, 10_000)
        .await
        .into_iter()
        .map(|s| (s.entry.seq, s.bytes.clone()))
        .collect();
    let state = journal.state().as_ref().clone();
    drop(journal);
    (temp, state, entries)
}

/// Asserts that everything that can be read is what was written, and that everything else is
/// reported.
async fn judge(
    journal: &Journal,
    report: &Report,
    entries: &BTreeMap<u64, Arc<[u8]>>,
    folder: &Path,
    case: u64,
) {
    let read = journal.after(0, 10_000).await;
    let mut seen = 0;
    for stored in read.iter().filter(|s| s.entry.seq <= ENTRIES) {
        assert_eq!(
            entries.get(&stored.entry.seq),
            Some(&stored.bytes),
            "case {case}: entry {}",
            stored.entry.seq
        );
        seen += 1;
    }
    let whole = seen >= ENTRIES;
    // Counted after reading, because damage that reading finds counts too.
    let damaged = files(&folder.join("journal"), "damaged").len();
    assert!(
        whole || !report.is_clean() || damaged > 0 || !journal.history().unreadable().is_empty(),
        "case {case}: {seen} of {ENTRIES}, and nobody says so"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_pack_is_a_told_gap() {
    let (base, state, entries) = village("pack").await;
    let mut lost = 0;
    for case in 0..rots() {
        let temp = Temp::of(base.path(), "pack");
        let mut roll = dice(case + 1);
        let packs = files(&temp.path().join("journal"), "pack");
        spoil(
            &packs[usize::try_from(roll(packs.len() as u64)).expect("small")],
            &mut roll,
        );
        let (journal, report) = open(temp.path());
        assert_eq!(
            journal.state().places,
            state.places,
            "case {case}: the village is as it was"
        );
        judge(&journal, &report, &entries, temp.path(), case).await;
        let damaged = files(&temp.path().join("journal"), "damaged").len();
        lost += usize::from(damaged > 0 || !report.is_clean());
        journal
            .submit(CommandRequest::new(
                Actor::System,
                speaker::Command::StopEverything {},
            ))
            .await
            .expect("the village runs");
        journal.shutdown().await.expect("stopped");
    }
    assert!(lost > 10, "the rig spoils, or it proves nothing: {lost}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_snapshot_costs_nothing() {
    let (base, state, entries) = village("snapshot").await;
    let mut passed = 0;
    for case in 0..rots() {
        let temp = Temp::of(base.path(), "snapshot");
        let mut roll = dice(case + 1_000);
        spoil(
            files(&temp.path().join("journal"), "snap")
                .last()
                .expect("snapshot"),
            &mut roll,
        );
        let (journal, report) = open(temp.path());
        assert_eq!(journal.state().places, state.places, "case {case}");
        assert!(report.damage.is_empty(), "case {case}: {report:?}");
        judge(&journal, &report, &entries, temp.path(), case).await;
        passed += report.snapshots_damaged;
        journal.shutdown().await.expect("stopped");
    }
    assert!(
        passed > 50,
        "the rig spoils, or it proves nothing: {passed}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotten_index_is_built_again_or_was_not_hurt() {
    let (base, ..) = village("index").await;
    let (journal, _) = open(base.path());
    let history = journal.history();
    let path = base.path().join("index.redb");
    let index = index::Index::new(&path);
    index.catch_up(&history).expect("indexed");
    index.close();
    drop(index);
    let whole = std::fs::read(&path).expect("read");
    let mut anew = 0;
    for case in 0..rots() {
        let path = base.path().join(format!("index-{case}.redb"));
        std::fs::write(&path, &whole).expect("write");
        spoil(&path, &mut dice(case + 2_000));
        let index = index::Index::new(&path);
        anew += usize::from(index.catch_up(&history).expect("the index is usable again"));
        // Damage that the check at opening misses shows as an error or a missing row, never as a
        // wrong one.
        if let Ok(found) = index.by_subject(&history, "p77", u64::MAX, 5) {
            assert!(
                found.iter().all(|s| s.entry.event.subject() == Some("p77")),
                "case {case}"
            );
        }
        index.close();
        let _ = std::fs::remove_file(&path);
    }
    assert!(anew > 10, "the rig spoils, or it proves nothing: {anew}");
}
