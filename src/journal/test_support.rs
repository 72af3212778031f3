//! Journals in folders of their own, for the tests beside this file: opened, copied, left as a kill
//! leaves them; one village with packs, snapshots and a tail; a count of the entries that it lacks.
//!
//! Deliberately absent: harm. Each test harms files in its own way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{CommandRequest, Journal, JournalStorage, OpenError, Report};
use crate::domain::actor::Actor;
use crate::domain::history;
use crate::domain::id::{CommandId, PlaceId};
use crate::domain::place::{self, Place};
use crate::log::disk::{DirDisk, Disk};
use crate::supervisor::clock::Clock;
use crate::time::WallMs;

/// Roads of a round; a round ends with a checkpoint.
pub(super) const ROUND: u64 = 250;
const ROUNDS: u64 = 4;
/// Roads that are in the log only.
pub(super) const TAIL: u64 = 40;
pub(super) const ROADS: u64 = ROUND * ROUNDS + TAIL;
/// The last entry of a village: its roads, its boots and the one of the command with an id.
const WRITTEN: u64 = ROADS + ROUNDS + 2;

/// A folder that goes away with its test, also with one that panics.
pub(super) struct Temp(tempfile::TempDir);

impl Temp {
    pub(super) fn new(name: &str) -> Self {
        let folder = tempfile::Builder::new().prefix(name).tempdir();
        Self(folder.expect("folder"))
    }

    pub(super) fn of(other: &Path, name: &str) -> Self {
        let temp = Self::new(name);
        copy(other, temp.path());
        temp
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.path().join("journal")
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("folder");
    for entry in std::fs::read_dir(from).expect("dir") {
        let path = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

pub(super) fn open(folder: &Path) -> (Journal, Report) {
    let disk = DirDisk::open(&folder.join("log")).expect("log");
    open_on(folder, disk).expect("whatever lies there, the village opens")
}

pub(super) fn open_on(
    folder: &Path,
    disk: impl Disk + 'static,
) -> Result<(Journal, Report), OpenError> {
    let place = JournalStorage {
        folder: folder.join("journal"),
        disk: Box::new(disk),
        village: None,
    };
    Journal::open(
        place,
        crate::keys::secret::random().expect("random"),
        Clock::manual(1_000_000),
    )
}

/// Leaves the journal as a kill would: no packing, no snapshot, no shutdown. Its threads have
/// ended: one that went on making spare segments would change the folder under the next start.
pub(super) fn crash(journal: Journal) {
    journal.kill();
    drop(journal);
}

pub(super) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut out: Vec<_> = std::fs::read_dir(folder)
        .expect("dir")
        .filter_map(Result::ok)
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|x| x == extension))
        .collect();
    out.sort();
    out
}

pub(super) fn road(village: &str, n: u64) -> CommandRequest {
    CommandRequest::new(
        Actor::System,
        place::Command::Declare {
            place: Place {
                id: PlaceId::new(&format!("{village}{n}")).expect("id"),
                name: format!("Ngõ {n}"),
            },
        },
    )
}

/// The cause of road `n`: in each village another entry.
pub(super) fn cause(village: &str, n: u64) -> u64 {
    10_000 * u64::from(village.as_bytes()[0]) + n
}

pub(super) async fn roads(journal: &Journal, village: &str, from: u64, to: u64) {
    for answer in futures_util::future::join_all(
        (from..to).map(|n| journal.submit(road(village, n).caused_by(cause(village, n)))),
    )
    .await
    {
        answer.expect("answered");
    }
}

pub(super) fn has_road(journal: &Journal, village: &str, n: u64) -> bool {
    journal
        .state()
        .places
        .contains_key(&PlaceId::new(&format!("{village}{n}")).expect("id"))
}

pub(super) async fn checkpoint(journal: &Journal) {
    let packs = journal.history().packs().len();
    journal.checkpoint().await.expect("asked");
    for _ in 0..500 {
        if journal.history().packs().len() > packs {
            // The answer comes after the writer took the pack, so the snapshot is durable.
            return journal.ping().await.expect("alive");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it was not packed");
}

pub(super) fn named() -> CommandRequest {
    road("n", 0).idempotent(CommandId::new("once").expect("id"), WallMs::MAX)
}

/// A village with four packs, two snapshots and their spare, a log that was recycled and has a
/// tail, and what it was a week ago.
pub(super) async fn village(name: &str) -> (Temp, Temp) {
    let temp = Temp::new(name);
    let mut week = None;
    for round in 0..ROUNDS {
        let (journal, _) = open(temp.path());
        roads(&journal, name, round * ROUND, (round + 1) * ROUND).await;
        if round == 1 {
            journal.submit(named()).await.expect("answered");
            journal.feed("xa", 0).acknowledge(100).await.expect("noted");
        }
        checkpoint(&journal).await;
        // Rounds end with a clean stop and with a kill in turn.
        if round % 2 == 0 {
            journal.shutdown().await.expect("stopped");
        } else {
            crash(journal);
        }
        if round == 1 {
            week = Some(Temp::of(temp.path(), "week"));
        }
    }
    let (journal, _) = open(temp.path());
    roads(&journal, name, ROADS - TAIL, ROADS).await;
    crash(journal);
    (temp, week.expect("made"))
}

/// The files of a log, in the order of the segments that they hold.
pub(super) fn segments(temp: &Path) -> Vec<PathBuf> {
    let number =
        |path: &PathBuf| match crate::log::frame::decode(&std::fs::read(path).expect("read")) {
            crate::log::frame::BlockScan::Group(group, _) => Some((group.segment, path.clone())),
            _ => None,
        };
    let mut out: Vec<_> = files(&temp.join("log"), "seg")
        .iter()
        .filter_map(number)
        .collect();
    out.sort();
    out.into_iter().map(|(_, p)| p).collect()
}

/// How many roads the village lacks, and how many its history lacks beyond the reported damage.
pub(super) async fn judge(journal: &Journal, report: &Report, name: &str) -> (usize, usize) {
    let state = journal.state();
    let roads = (0..ROADS)
        .filter(|n| {
            !state
                .places
                .contains_key(&PlaceId::new(&format!("{name}{n}")).expect("id"))
        })
        .count();
    let entries: BTreeSet<u64> = journal
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
            || journal
                .history()
                .unreadable()
                .iter()
                .any(|(from, to)| (*from..=*to).contains(&seq))
    };
    let trimmed = journal
        .after(0, 10_000)
        .await
        .iter()
        .map(|e| {
            if let crate::domain::event::Event::History(history::Event::Trimmed { to, .. }) =
                e.entry.event
            {
                to
            } else {
                0
            }
        })
        .max()
        .unwrap_or(0);
    let untold = (trimmed + 1..=state.seq)
        .filter(|seq| !entries.contains(seq) && !told(*seq))
        .count();
    assert!(untold == 0 || !report.is_clean());
    assert!(
        state.damage.iter().all(|(_, to)| *to <= WRITTEN),
        "nothing is missing that never was: {:?}",
        state.damage
    );
    (roads, untold)
}
