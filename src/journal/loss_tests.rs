//! Every kind of file that the journal stores: missing, truncated, all NUL, one bit flipped, of
//! another village, a week old. After each harm the village starts; no acknowledged entry that is
//! still stored anywhere is lost; every loss is reported; and entries that are acknowledged next
//! survive a kill.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::test_support::{
    ROUND, TAIL, Temp, checkpoint, crash, files, has_road, judge, named, open, road, roads,
    segments, village,
};
use super::*;
use crate::domain::actor::Actor;
use crate::domain::history;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HarmedFile {
    Newest,
    Older,
    Spare,
    AllSnapshots,
    FirstPack,
    MiddlePack,
    LastPack,
    TailSegment,
    EarlierSegment,
}

const WHATS: [HarmedFile; 9] = [
    HarmedFile::Newest,
    HarmedFile::Older,
    HarmedFile::Spare,
    HarmedFile::AllSnapshots,
    HarmedFile::FirstPack,
    HarmedFile::MiddlePack,
    HarmedFile::LastPack,
    HarmedFile::TailSegment,
    HarmedFile::EarlierSegment,
];

/// The files of a kind.
fn of(what: HarmedFile, temp: &Temp) -> Vec<PathBuf> {
    let (snaps, packs, spare) = (
        files(&temp.journal(), "snap"),
        files(&temp.journal(), "pack"),
        temp.journal().join("spare/state"),
    );
    let segments = segments(temp.path());
    match what {
        HarmedFile::Newest => vec![snaps.last().expect("two").clone()],
        HarmedFile::Older => vec![snaps[0].clone()],
        HarmedFile::Spare => vec![spare],
        HarmedFile::AllSnapshots => snaps.into_iter().chain([spare]).collect(),
        HarmedFile::FirstPack => vec![packs[0].clone()],
        HarmedFile::MiddlePack => vec![packs[packs.len() / 2].clone()],
        HarmedFile::LastPack => vec![packs.last().expect("some").clone()],
        HarmedFile::TailSegment => vec![segments.last().expect("some").clone()],
        HarmedFile::EarlierSegment => vec![segments[segments.len().saturating_sub(2)].clone()],
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Corruption {
    Gone,
    Cut,
    Nul,
    Bit,
    Foreign,
    Old,
}

const HOWS: [Corruption; 6] = [
    Corruption::Gone,
    Corruption::Cut,
    Corruption::Nul,
    Corruption::Bit,
    Corruption::Foreign,
    Corruption::Old,
];

/// Harms a file; false = there is no such case.
fn hurt(path: &Path, how: Corruption, foreign: Option<&PathBuf>, old: Option<&PathBuf>) -> bool {
    let mut bytes = std::fs::read(path).expect("read");
    let used = bytes.iter().rposition(|b| *b != 0).unwrap_or(0);
    match how {
        Corruption::Gone => {
            std::fs::remove_file(path).expect("gone");
            return true;
        }
        Corruption::Cut => bytes.truncate(used / 2),
        Corruption::Nul => bytes.fill(0),
        Corruption::Bit => bytes[used * 2 / 3] ^= 4,
        Corruption::Foreign | Corruption::Old => match if how == Corruption::Foreign {
            foreign
        } else {
            old
        } {
            Some(other) => bytes = std::fs::read(other).expect("read"),
            None => return false,
        },
    }
    std::fs::write(path, bytes).expect("written");
    true
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table of harms")]
async fn whatever_file_is_lost_the_village_starts_with_all_that_still_stands() {
    let (base, week) = village("p").await;
    let (other, _) = village("q").await;
    for what in WHATS {
        for how in HOWS {
            let temp = Temp::of(base.path(), "case");
            let (foreign, old) = (of(what, &other), of(what, &week));
            // A pack of last week is the pack of today, and segments of last week are other
            // segments.
            let is_snapshot = matches!(
                what,
                HarmedFile::Newest
                    | HarmedFile::Older
                    | HarmedFile::Spare
                    | HarmedFile::AllSnapshots
            );
            let cases: Vec<bool> = of(what, &temp)
                .iter()
                .enumerate()
                .map(|(i, path)| {
                    hurt(
                        path,
                        how,
                        foreign.get(i),
                        old.get(i).filter(|_| is_snapshot),
                    )
                })
                .collect();
            if !cases.contains(&true) {
                continue;
            }
            let case = format!("{what:?} {how:?}");
            let found = check::check(&temp.journal(), &temp.path().join("log"), None, |_| {})
                .expect("checks");
            let (journal, report) = open(temp.path());
            let (roads_lost, untold) = judge(&journal, &report, "p").await;
            assert_eq!(untold, 0, "{case}: {report:?}");
            let names: Vec<String> = journal
                .state()
                .places
                .keys()
                .filter(|k| k.as_str().starts_with('q'))
                .map(ToString::to_string)
                .collect();
            assert!(
                names.is_empty(),
                "{case}: another village's roads: {names:?}"
            );
            match what {
                HarmedFile::TailSegment => {
                    assert!(roads_lost as u64 <= TAIL, "{case}: {roads_lost}");
                }
                _ => assert_eq!(roads_lost, 0, "{case}: {report:?}"),
            }
            if is_snapshot {
                assert_eq!(report.damage, [], "{case}");
            }
            // A changed file is reported; a file that is merely missing is reported when entries
            // are missing because of it.
            let is_told = !report.is_clean() || !journal.history().unreadable().is_empty();
            let silent = match (what, how) {
                (HarmedFile::Newest | HarmedFile::Older | HarmedFile::Spare, Corruption::Gone) => {
                    true
                }
                // An older copy of ours is a snapshot of ours.
                (HarmedFile::Newest | HarmedFile::Older | HarmedFile::Spare, Corruption::Old) => {
                    true
                }
                // Nothing that is left ever named these entries.
                (HarmedFile::TailSegment, Corruption::Gone | Corruption::Nul | Corruption::Bit) => {
                    true
                }
                // Its entries are in packs, and it is below the floor.
                (HarmedFile::EarlierSegment, _) => true,
                _ => false,
            };
            assert!(silent || is_told, "{case} is told: {report:?}");
            assert!(
                silent || how == Corruption::Old || !found.problems.is_empty(),
                "{case}: “journal check” tells: {found:?}"
            );
            // A command with an id is not carried out again while its outcome is stored anywhere.
            if what != HarmedFile::AllSnapshots {
                assert!(
                    journal.submit(named()).await.expect("answered").repeated,
                    "{case}"
                );
                assert_eq!(journal.cursor("xa"), 100, "{case}");
            }
            let next = journal.state().seq + 1;
            let receipt = journal.submit(road("new", 0)).await.expect("answered");
            assert_eq!(receipt.first, next, "{case}");
            roads(&journal, "new", 1, 50).await;
            crash(journal);
            let (journal, again) = open(temp.path());
            let kept = (0..50).filter(|n| has_road(&journal, "new", *n)).count();
            assert_eq!(kept, 50, "{case}: what was acknowledged after it is there");
            assert_eq!(judge(&journal, &again, "p").await.0, roads_lost, "{case}");
            assert_eq!(
                (
                    again.damage.as_slice(),
                    again.snapshots_damaged,
                    again.segments_truncated
                ),
                (&[][..], 0, 0),
                "{case}: it is told once"
            );
            assert!(
                snapshot::count_covering(&temp.journal(), 0) >= 2,
                "{case}: snapshots are made again"
            );
            crash(journal);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_snapshot_what_is_left_of_a_trimmed_history_goes_on() {
    let (base, _) = village("p").await;
    let temp = Temp::of(base.path(), "trimmed");
    let (journal, _) = open(temp.path());
    let first = journal.history().packs()[1].last + 1;
    assert!(journal.may_trim(first).await);
    journal
        .submit(CommandRequest::new(
            Actor::System,
            history::Command::NoteTrim {
                from: 1,
                to: first - 1,
            },
        ))
        .await
        .expect("noted");
    journal.trim(first).await.expect("asked");
    journal.ping().await.expect("alive");
    let seq = journal.state().seq;
    crash(journal);
    // With its snapshots nothing is wrong with it.
    let same = Temp::of(temp.path(), "same");
    let (journal, report) = open(same.path());
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(judge(&journal, &report, "p").await.0, 0);
    assert_eq!(
        check::check(&same.journal(), &same.path().join("log"), None, |_| {})
            .expect("checks")
            .problems,
        Vec::<JournalProblem>::new()
    );
    crash(journal);
    for path in of(HarmedFile::AllSnapshots, &temp) {
        std::fs::remove_file(path).expect("gone");
    }
    let (journal, report) = open(temp.path());
    assert_eq!(
        report.damage.iter().map(|d| (d.1, d.2)).collect::<Vec<_>>(),
        [(0, first - 1)]
    );
    assert!(journal.state().seq > seq, "no number is given twice");
    assert_eq!(
        judge(&journal, &report, "p").await,
        (usize::try_from(2 * ROUND).expect("small"), 0)
    );
    assert_eq!(journal.history().span().0, first);
    crash(journal);
    assert!(open(temp.path()).1.damage.is_empty(), "it is told once");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_trimmed_only_while_two_snapshots_cover_it() {
    let (base, _) = village("p").await;
    let (journal, _) = open(base.path());
    assert!(journal.may_trim(10).await);
    let snapshots = of(HarmedFile::AllSnapshots, &base);
    for path in &snapshots[1..] {
        std::fs::write(path, b"rot").expect("written");
    }
    assert!(!journal.may_trim(10).await, "one copy is not enough");
    crash(journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cursor_proves_and_the_log_has_not_is_missing_and_its_numbers_are_not_given_again() {
    let temp = Temp::new("proof");
    let (journal, _) = open(temp.path());
    roads(&journal, "p", 0, 20).await;
    checkpoint(&journal).await;
    let at = journal.state().seq;
    roads(&journal, "p", 20, 30).await;
    journal
        .feed("xa", 0)
        .acknowledge(at + 10)
        .await
        .expect("noted");
    roads(&journal, "p", 30, 31).await;
    crash(journal);
    // Entries are cut out of the log; the group with the cursor stays.
    let tail = segments(temp.path()).pop().expect("some");
    let mut bytes = std::fs::read(&tail).expect("read");
    let groups: Vec<usize> = (0..bytes.len() / 4096)
        .map(|b| b * 4096)
        .filter(|at| bytes[*at..*at + 4] == *b"CLGP")
        .collect();
    for at in &groups[..groups.len() - 1] {
        bytes[*at..*at + 4096].fill(0);
    }
    std::fs::write(&tail, &bytes).expect("written");
    assert!(
        !check::check(&temp.journal(), &temp.path().join("log"), None, |_| {})
            .expect("checks")
            .problems
            .is_empty()
    );
    let (journal, report) = open(temp.path());
    assert_eq!(report.damage.len(), 1, "{report:?}");
    assert!(journal.state().seq > at + 11);
    crash(journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn rot_that_comes_while_the_village_runs_is_found() {
    let (base, _) = village("p").await;
    let (journal, _) = open(base.path());
    let whole = scrub::scrub(&journal, Duration::ZERO).await;
    assert_eq!(
        (whole.blocks, whole.snapshots),
        (
            journal
                .history()
                .packs()
                .iter()
                .map(|p| p.blocks.len())
                .sum(),
            0
        )
    );
    assert!(journal.history().unreadable().is_empty());
    let pack = journal.history().packs()[1].clone();
    let mut bytes = std::fs::read(&pack.path).expect("read");
    let at = usize::try_from(pack.blocks[1].at).expect("small") + 100;
    bytes[at] ^= 1;
    std::fs::write(&pack.path, bytes).expect("written");
    std::fs::write(of(HarmedFile::Newest, &base).remove(0), b"rot").expect("written");
    journal.submit(road("new", 0)).await.expect("answered");
    assert_eq!(scrub::scrub(&journal, Duration::ZERO).await.snapshots, 1);
    assert_eq!(
        journal.history().unreadable(),
        [(pack.blocks[1].first, pack.blocks[1].last)]
    );
    for _ in 0..500 {
        if snapshot::list(&base.journal())
            .expect("read")
            .iter()
            .filter(|c| c.snapshot.is_some())
            .count()
            == 3
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(
        snapshot::count_covering(&base.journal(), 1),
        3,
        "snapshots are made again while it runs"
    );
    crash(journal);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_copy_of_the_card_wrote_on_its_own_is_not_mixed_in() {
    let (base, twin) = village("p").await;
    for _ in 0..2 {
        let (journal, _) = open(twin.path());
        roads(&journal, "t", 0, 300).await;
        roads(&journal, "t", 300, 600).await;
        checkpoint(&journal).await;
        crash(journal);
    }
    for what in [
        HarmedFile::Newest,
        HarmedFile::Spare,
        HarmedFile::AllSnapshots,
        HarmedFile::LastPack,
        HarmedFile::TailSegment,
    ] {
        let temp = Temp::of(base.path(), "twin");
        for (path, other) in of(what, &temp).iter().zip(of(what, &twin)) {
            std::fs::copy(other, path).expect("copied");
        }
        let case = format!("{what:?}");
        let wrong = check::check(&temp.journal(), &temp.path().join("log"), None, |_| {})
            .expect("checks")
            .problems;
        let (journal, report) = open(temp.path());
        // A segment below the floor is not needed, whoever wrote it.
        assert!(
            what == HarmedFile::TailSegment || !wrong.is_empty() && !report.is_clean(),
            "{case}"
        );
        assert!(
            journal
                .state()
                .places
                .keys()
                .all(|k| !k.as_str().starts_with('t')),
            "{case}: {report:?}"
        );
        let lost = judge(&journal, &report, "p").await;
        assert!(
            lost == (0, 0) || what == HarmedFile::TailSegment && lost.1 == 0,
            "{case}: {lost:?} {report:?}"
        );
        roads(&journal, "new", 0, 50).await;
        crash(journal);
        let (journal, again) = open(temp.path());
        assert!((0..50).all(|n| has_road(&journal, "new", n)), "{case}");
        assert_eq!(again.damage, [], "{case}");
        crash(journal);
    }
}
