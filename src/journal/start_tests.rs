//! Starts on a journal that lost much: entries that only the log holds are not overwritten, and no
//! number of holes prevents a start.

use std::collections::BTreeSet;
use std::path::Path;

use tokio::sync::{mpsc, watch};

use super::test_support::{
    self, ROADS, TAIL, Temp, crash, files, has_road, judge, open, road, roads, village,
};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::id::VillageId;
use crate::domain::state::DAMAGE_KEPT;
use crate::domain::village::{self, Village};
use crate::log::disk::DirDisk;
use crate::log::frame::BLOCK_BYTES;
use crate::log::sim::{Honesty, SimDisk};
use crate::supervisor::clock::Clock;

/// A start that is killed after its first group, before anything was packed.
fn killed(folder: &Path) {
    let disk = DirDisk::open(&folder.join("log")).expect("log");
    let place = JournalStorage {
        folder: folder.join("journal"),
        disk: Box::new(disk),
        village: None,
    };
    let epoch: Epoch = crate::keys::secret::random().expect("random");
    let opened = boot::open(place, epoch).expect("opens");
    let previous = opened
        .snapshot
        .epochs
        .last()
        .map(|e| codec::epoch_text(&e.epoch))
        .unwrap_or_default();
    let damage = opened.report.damage.clone();
    let (publish, _) = watch::channel(opened.snapshot.state.clone());
    let (requests, inbox) = mpsc::channel(1);
    let mut writer = writer::JournalWriter::new(
        opened,
        epoch,
        Clock::manual(1_000_000),
        folder.join("journal"),
        publish,
        inbox,
        requests.downgrade(),
    );
    writer.begin(&damage, &previous).expect("written");
}

/// A village without its two newest packs, and the first entry that is in no pack then.
async fn without_packs() -> (Temp, u64) {
    let (base, _) = village("p").await;
    let paths = files(&base.journal(), "pack");
    let first = pack::open(&paths[paths.len() - 2]).expect("whole").first;
    for path in &paths[paths.len() - 2..] {
        std::fs::remove_file(path).expect("gone");
    }
    (base, first)
}

async fn assert_whole(temp: &Temp) {
    for _ in 0..2 {
        let (journal, report) = open(temp.path());
        assert_eq!(judge(&journal, &report, "p").await, (0, 0), "{report:?}");
        assert!(
            report.damage.is_empty() && journal.state().damage.is_empty(),
            "{report:?}"
        );
        assert_eq!(
            journal.after(0, 10_000).await.len() as u64,
            journal.state().seq
        );
        crash(journal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_log_only_outlives_kills_between_the_start_and_its_packing() {
    let (temp, _) = without_packs().await;
    for _ in 0..10 {
        killed(temp.path());
    }
    assert_whole(&temp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_the_log_only_outlives_starts_that_cannot_pack_it() {
    let (temp, first) = without_packs().await;
    let blocks = temp.journal().join(format!("{first:016x}.pack.new"));
    std::fs::create_dir(&blocks).expect("made");
    for _ in 0..10 {
        crash(open(temp.path()).0);
    }
    std::fs::remove_dir(blocks).expect("gone");
    assert_whole(&temp).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_middle_pack_that_cannot_be_written_again_is_not_lost_with_its_segment() {
    let (base, _) = village("p").await;
    let packs = pack::list(&base.journal()).expect("listed").0;
    // The pack before the newest: its entries are still in a segment that will be released.
    let gone = &packs[packs.len() - 2];
    std::fs::remove_file(&gone.path).expect("gone");
    let blocks = base.journal().join(format!("{:016x}.pack.new", gone.first));
    std::fs::create_dir(&blocks).expect("made");
    for _ in 0..10 {
        let (journal, _) = open(base.path());
        journal.ping().await.expect("alive");
        crash(journal);
    }
    std::fs::remove_dir(blocks).expect("gone");
    let (journal, report) = open(base.path());
    assert_eq!(judge(&journal, &report, "p").await, (0, 0));
    assert_eq!(
        journal.after(0, 10_000).await.len() as u64,
        journal.state().seq,
        "{report:?}"
    );
    crash(journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_holes_are_told_in_one_group_and_the_village_starts() {
    const ENTRIES: u64 = 3_000;
    let temp = Temp::new("holes");
    // Nothing is packed: every entry is in the log.
    let blocks = temp.journal().join(format!("{:016x}.pack.new", 1));
    std::fs::create_dir_all(&blocks).expect("made");
    let disk = SimDisk::default();
    let open_on = |disk: SimDisk| test_support::open_on(temp.path(), disk).expect("opens");
    let (journal, _) = open_on(disk.clone());
    for n in 0..ENTRIES {
        journal.submit(road("p", n)).await.expect("answered");
    }
    crash(journal);
    std::fs::remove_dir(blocks).expect("gone");
    let mut content = disk.image(disk.operations(), Honesty::Honest, || 0);
    for bytes in content.values_mut() {
        for block in bytes.chunks_mut(BLOCK_BYTES).step_by(2) {
            block.fill(0);
        }
    }
    let disk = SimDisk::with(content);
    let (journal, report) = open_on(disk.clone());
    assert!(journal.failed().borrow().is_none());
    assert!(
        (2..=DAMAGE_KEPT).contains(&report.damage.len()),
        "{}",
        report.damage.len()
    );
    let state = journal.state();
    let seen: BTreeSet<u64> = journal
        .after(0, 10_000)
        .await
        .iter()
        .map(|e| e.entry.seq)
        .collect();
    let told = |seq: u64| {
        state
            .damage
            .iter()
            .any(|(from, to)| *from < seq && seq <= *to)
    };
    assert!(
        seen.len() as u64 > ENTRIES / 3 && (1..=state.seq).all(|n| seen.contains(&n) || told(n))
    );
    journal.submit(road("new", 0)).await.expect("answered");
    crash(journal);
    let (journal, report) = open_on(SimDisk::with(disk.image(
        disk.operations(),
        Honesty::Honest,
        || 0,
    )));
    assert_eq!(report.damage, [], "it is told once");
    assert_eq!(
        journal
            .submit(road("new", 1))
            .await
            .expect("answered")
            .first,
        state.seq + 3
    );
    crash(journal);
}

/// Puts the log of `other` in place of the one of `temp`, or beside it.
fn mix(temp: &Temp, other: &Temp, beside: bool) {
    let log = temp.path().join("log");
    let own = files(&log, "seg");
    if !beside {
        for path in &own {
            std::fs::remove_file(path).expect("gone");
        }
    }
    let from = if beside { own.len() } else { 0 };
    for (path, n) in files(&other.path().join("log"), "seg").iter().zip(from..) {
        std::fs::copy(path, log.join(format!("{n:04}.seg"))).expect("copied");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_village_with_more_segments_does_not_make_the_village_another() {
    let (base, _) = village("p").await;
    let (other, _) = village("q").await;
    for n in 0..6 {
        let (journal, _) = open(other.path());
        roads(&journal, "q", ROADS + n * 20, ROADS + n * 20 + 20).await;
        crash(journal);
    }
    for beside in [true, false] {
        let temp = Temp::of(base.path(), "mixed");
        mix(&temp, &other, beside);
        let case = format!("beside: {beside}");
        assert!(
            !check::check(&temp.journal(), &temp.path().join("log"), None, |_| {})
                .expect("checks")
                .problems
                .is_empty(),
            "{case}"
        );
        let (journal, report) = open(temp.path());
        assert!(
            report.foreign > 0 && journal.history().packs().len() >= 4,
            "{case}: {report:?}"
        );
        assert!(
            journal
                .state()
                .places
                .keys()
                .all(|k| !k.as_str().starts_with('q')),
            "{case}: {report:?}"
        );
        let (lost, untold) = judge(&journal, &report, "p").await;
        assert!(
            lost as u64 <= if beside { 0 } else { TAIL } && untold == 0,
            "{case}: {lost} {untold} {report:?}"
        );
        roads(&journal, "new", 0, 50).await;
        crash(journal);
        let (journal, again) = open(temp.path());
        assert!((0..50).all(|n| has_road(&journal, "new", n)), "{case}");
        assert_eq!(
            (judge(&journal, &again, "p").await, again.damage.as_slice()),
            ((lost, 0), &[][..]),
            "{case}"
        );
        crash(journal);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_young_log_that_says_the_configured_name_is_ours_beside_another_villages_packs() {
    let (other, _) = village("q").await;
    let temp = Temp::new("young");
    let start = |name: &str| {
        let disk = DirDisk::open(&temp.path().join("log")).expect("log");
        let place = JournalStorage {
            folder: temp.journal(),
            disk: Box::new(disk),
            village: Some(VillageId::new(name).expect("id")),
        };
        Journal::open(
            place,
            crate::keys::secret::random().expect("random"),
            Clock::manual(1_000_000),
        )
        .expect("opens")
    };
    let (journal, _) = start("p");
    let village = Village {
        id: VillageId::new("p").expect("id"),
        name: "Thôn Bến Thóc".into(),
        commune: "xã Đồng Nếp".into(),
        latitude: 21.0,
        longitude: 105.8,
    };
    journal
        .submit(CommandRequest::new(
            Actor::System,
            village::Command::Declare { village },
        ))
        .await
        .expect("answered");
    roads(&journal, "p", 0, 30).await;
    let seq = journal.state().seq;
    crash(journal);
    for path in files(&other.journal(), "pack")
        .into_iter()
        .chain(files(&other.journal(), "snap"))
    {
        std::fs::copy(&path, temp.journal().join(path.file_name().expect("name"))).expect("copied");
    }
    let (journal, report) = start("p");
    assert!(report.foreign >= 6, "{report:?}");
    assert_eq!(
        (journal.state().places.len(), journal.state().seq),
        (30, seq + 1),
        "{report:?}"
    );
    crash(journal);
}
