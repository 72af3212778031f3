//! `journal check`: is history whole, and is it what was written? Works without a running gateway
//! and only reads.
//!
//! Reads packs and log, computes the hash chain again and compares it with every stored head. This
//! takes long, so progress is reported by callback.

use std::io;
use std::path::Path;

use super::chain::Heads;
use super::lineage;
use super::logged_records::ReplayLog;
use super::pack::{self, Pack};
use super::problem::JournalProblem;
use super::snapshot::{self, Snapshot, SnapshotFile};
use crate::domain::event::{Entry, Event, Lane};
use crate::domain::history;
use crate::domain::id::VillageId;
use crate::log::disk::SEGMENT_BYTES;
use crate::log::disk::{DirDisk, Disk as _};
use crate::log::frame::Epoch;
use crate::log::recover::{Floor, Scan, scan};
use crate::log::segments::check_numbering;

/// The result of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Findings {
    /// Entries read.
    pub entries: u64,
    /// First entry.
    pub first: u64,
    /// Last entry.
    pub last: u64,
    /// Boots seen.
    pub epochs: u64,
    /// The problems.
    pub problems: Vec<JournalProblem>,
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

struct ChainCheck {
    heads: Option<Heads>,
    epoch: Option<Epoch>,
    lanes: [u64; 4],
    /// The last entry that was trimmed, as the entries say.
    trimmed: u64,
    out: Findings,
}

impl ChainCheck {
    fn entry(&mut self, epoch: &Epoch, entry: &Entry, bytes: &[u8]) {
        if entry.seq <= self.out.last {
            return;
        }
        if self.out.last != 0 && entry.seq != self.out.last + 1 {
            self.out.problems.push(JournalProblem::EntriesMissing {
                from: self.out.last + 1,
                to: entry.seq - 1,
            });
            self.heads = None;
        }
        if self.epoch.as_ref() != Some(epoch) {
            self.epoch = Some(*epoch);
            self.lanes = [0; 4];
            self.out.epochs += 1;
            // An epoch whose first entry is not here began its chain before the entries that are.
            if matches!(entry.event, Event::History(history::Event::Booted { .. })) {
                self.heads = self.heads.map(|h| h.start_epoch(epoch));
            }
        }
        if let Event::History(history::Event::Trimmed { to, .. }) = entry.event {
            self.trimmed = self.trimmed.max(to);
        }
        let lane = entry.lane;
        let expected = &mut self.lanes[lane.index()];
        if *expected != 0 && entry.lane_seq != *expected + 1 {
            self.out.problems.push(JournalProblem::LaneJumps {
                entry: entry.seq,
                lane: format!("{lane:?}"),
                from: *expected,
                to: entry.lane_seq,
            });
        }
        *expected = entry.lane_seq;
        if let Some(heads) = &mut self.heads {
            heads.append(lane, bytes);
        }
        if self.out.first == 0 {
            self.out.first = entry.seq;
        }
        self.out.last = entry.seq;
        self.out.entries += 1;
    }

    /// Compares the chain with `stored` heads; `broken` is the problem of a lane that differs.
    fn compare(&mut self, stored: &Heads, broken: impl Fn(String) -> JournalProblem) {
        if let Some(heads) = &self.heads {
            for lane in Lane::ALL {
                if heads.0[lane.index()] != stored.0[lane.index()] {
                    self.out.problems.push(broken(format!("{lane:?}")));
                }
            }
        }
        self.heads = Some(*stored);
    }
}

/// Checks the journal in `folder` with its log in `log`. `name` is the village's name as it is
/// configured; `progress` gets the number of entries read so far.
///
/// # Errors
/// When a folder cannot be read at all.
pub fn check(
    folder: &Path,
    log: &Path,
    name: Option<&VillageId>,
    mut progress: impl FnMut(u64),
) -> io::Result<Findings> {
    let mut chain = ChainCheck {
        heads: None,
        epoch: None,
        lanes: [0; 4],
        trimmed: 0,
        out: Findings::default(),
    };
    // The snapshots are read first, because they are written last: a running gateway that writes
    // meanwhile must not look as if packs or log were missing entries.
    let copies = snapshot::list(folder).map_err(io::Error::other)?;
    let packs = chain.open_packs(folder)?;
    let (found, cut) = scan_log(&mut chain, log)?;
    let mut logged = ReplayLog::parse(found.groups).map_err(|v| {
        io::Error::other(format!(
            "the log was written by a newer version of this program ({v})"
        ))
    })?;
    let kin = lineage::classify(&copies, &packs, &logged.records, name);
    chain.check_packs(&packs, &kin.packs, &mut progress);
    let newest = chain.check_snapshots(&copies, &kin.copies);
    if newest.is_none() && !packs.is_empty() {
        chain.out.problems.push(JournalProblem::NoSnapshot);
    }
    let floor = newest.map(|s| s.floor).unwrap_or_default();
    let foreign = logged.retain_epochs(|epoch| kin.log.contains(epoch));
    chain.check_log(&logged, &floor, foreign, cut);
    if let Some(newest) = newest {
        if packs.last().map_or(0, |p| p.last) < newest.state.seq {
            chain.out.problems.push(JournalProblem::NewestPackMissing);
        }
        chain.check_ends(newest, logged.proven());
    }
    progress(chain.out.entries);
    Ok(chain.out)
}

impl ChainCheck {
    /// Opens every pack in `folder`, and reports those that cannot be opened and the files that a
    /// start set aside.
    fn open_packs(&mut self, folder: &Path) -> io::Result<Vec<Pack>> {
        let mut names: Vec<_> = std::fs::read_dir(folder)?
            .filter_map(Result::ok)
            .map(|e| e.path())
            .collect();
        names.sort();
        let mut packs = Vec::new();
        for path in names {
            match path.extension().and_then(|e| e.to_str()) {
                Some("damaged") => self
                    .out
                    .problems
                    .push(JournalProblem::SetAsideDamaged { path: shown(&path) }),
                Some("foreign") => self
                    .out
                    .problems
                    .push(JournalProblem::SetAsideForeign { path: shown(&path) }),
                Some("pack") => match pack::open(&path) {
                    Ok(pack) => packs.push(pack),
                    Err(cause) => self.out.problems.push(JournalProblem::PackUnreadable {
                        path: shown(&path),
                        cause: cause.into(),
                    }),
                },
                _ => {}
            }
        }
        Ok(packs)
    }

    /// Reads the packs that are of this village's history, and compares the chain with their heads;
    /// `ours` has one flag for each pack.
    fn check_packs(&mut self, packs: &[Pack], ours: &[bool], progress: &mut impl FnMut(u64)) {
        for (pack, _) in packs.iter().zip(ours).filter(|(_, ours)| !**ours) {
            self.out.problems.push(JournalProblem::FileForeign {
                path: shown(&pack.path),
            });
        }
        for pack in packs
            .iter()
            .zip(ours)
            .filter(|(_, ours)| **ours)
            .map(|(p, _)| p)
        {
            let broken = |lane| JournalProblem::ChainBroken {
                path: shown(&pack.path),
                lane,
            };
            self.compare(&pack.heads, broken);
            for block in &pack.blocks {
                match pack::read(&pack.path, block) {
                    Ok(entries) => entries
                        .iter()
                        .for_each(|e| self.entry(&e.epoch, &e.entry, &e.bytes)),
                    Err(cause) => self.out.problems.push(JournalProblem::BlockUnreadable {
                        path: shown(&pack.path),
                        from: block.first,
                        to: block.last,
                        cause: cause.into(),
                    }),
                }
            }
            self.compare(&pack.end, broken);
            progress(self.out.entries);
        }
    }

    /// Reports snapshots that are damaged or of another history; gives the newest usable one.
    /// `ours` has one flag for each copy.
    fn check_snapshots<'a>(
        &mut self,
        copies: &'a [SnapshotFile],
        ours: &[bool],
    ) -> Option<&'a Snapshot> {
        let damaged = copies.iter().filter(|c| c.snapshot.is_none()).count();
        if damaged > 0 {
            self.out
                .problems
                .push(JournalProblem::SnapshotsDamaged { n: damaged as u64 });
        }
        for (copy, _) in copies
            .iter()
            .zip(ours)
            .filter(|(c, ours)| c.snapshot.is_some() && !**ours)
        {
            self.out.problems.push(JournalProblem::FileForeign {
                path: shown(&copy.path),
            });
        }
        copies
            .iter()
            .zip(ours)
            .filter(|(_, ours)| **ours)
            .filter_map(|(c, _)| c.snapshot.as_ref())
            .max_by_key(|s| s.state.seq)
    }

    /// Takes in the entries of the log, and reports what is missing in it from `floor` on.
    /// `foreign` and `cut` are the segments of another history and those that were cut short.
    fn check_log(&mut self, logged: &ReplayLog, floor: &Floor, foreign: Vec<u64>, cut: Vec<u64>) {
        for segment in foreign.into_iter().filter(|s| *s >= floor.segment) {
            self.out
                .problems
                .push(JournalProblem::SegmentForeign { segment });
        }
        for segment in cut.into_iter().filter(|s| *s >= floor.segment) {
            self.out.problems.push(JournalProblem::SegmentTruncated {
                segment,
                entry: logged.last_entry_in(segment),
            });
        }
        for (n, record) in logged.records.iter().enumerate() {
            let Some(entry) = record.entry() else {
                continue;
            };
            let before = self.out.last;
            self.entry(&record.epoch, entry, &record.bytes);
            if self.out.last > before
                && let Some(stamp) = record.stamp
            {
                self.compare(&stamp, |lane| JournalProblem::ChainBrokenInLog {
                    record: n as u64,
                    lane,
                });
            }
        }
        let missing = logged.count_missing(floor);
        if missing > 0 {
            self.out.problems.push(JournalProblem::RecordsUnreadable {
                n: missing as u64,
                entry: self.out.last,
            });
        }
    }

    /// Reports entries that are missing at the end and at the beginning. They were there: the
    /// `newest` snapshot, and the feeds and outcomes in the log (up to `logged_proven`), know them.
    fn check_ends(&mut self, newest: &Snapshot, logged_proven: u64) {
        let proven = newest.last_proven_seq().max(logged_proven);
        if self.out.last < proven {
            self.out.problems.push(JournalProblem::EntriesGone {
                from: self.out.last + 1,
                to: proven,
            });
        }
        let from = if newest.first == 0 {
            0
        } else {
            newest.first.max(self.trimmed + 1)
        };
        if self.out.first > from && from > 0 {
            self.out.problems.push(JournalProblem::EntriesGone {
                from,
                to: self.out.first - 1,
            });
        }
    }
}

/// Everything in the log, and the segments whose files are shorter than they were created.
fn scan_log(chain: &mut ChainCheck, log: &Path) -> io::Result<(Scan, Vec<u64>)> {
    if !log.is_dir() {
        chain
            .out
            .problems
            .push(JournalProblem::LogMissing { path: shown(log) });
        return Ok((Scan::default(), Vec::new()));
    }
    let mut disk = DirDisk::open(log)?;
    let mut slots = Vec::new();
    let numbers = disk.slots()?;
    let (gone, stray) = check_numbering(&numbers);
    if !gone.is_empty() {
        chain.out.problems.push(JournalProblem::SegmentsMissing {
            n: gone.len() as u64,
        });
    }
    chain
        .out
        .problems
        .extend(stray.iter().map(|n| JournalProblem::SegmentStray {
            path: shown(&log.join(format!("{n:04}.seg"))),
        }));
    for slot in numbers {
        slots.push((slot, disk.read(slot)?));
    }
    let short: Vec<u32> = slots
        .iter()
        .filter(|(_, c)| c.len() != SEGMENT_BYTES)
        .map(|(s, _)| *s)
        .collect();
    let found = scan(
        slots,
        &Floor {
            allow_gaps: true,
            ..Floor::default()
        },
    );
    let cut = found
        .slots
        .iter()
        .filter(|(_, slot)| short.contains(slot))
        .map(|(segment, _)| *segment)
        .collect();
    Ok((found, cut))
}
