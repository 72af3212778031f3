//! `journal check`: is history whole, and is it what was written? Works with the daemon dead, reads
//! only.
//!
//! Walks packs and log, recomputes the hash chain, compares it with every stored head. Long work:
//! it reports progress by callback.

use std::io;
use std::path::Path;

use super::chain::Heads;
use super::lineage;
use super::logged_records::ReplayLog;
use super::pack;
use super::snapshot;
use crate::domain::event::{Entry, Event, Lane};
use crate::domain::id::VillageId;
use crate::log::disk::{DirDisk, Disk as _};
use crate::log::frame::Epoch;
use crate::log::recover::{Floor, Scan, scan};
use crate::log::segments::{SEGMENT_BYTES, check_numbering};

/// What a check found.
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
    /// What is wrong, in words for a technician.
    #[serde(rename = "wrong")]
    pub problems: Vec<String>,
}

struct ChainCheck {
    heads: Option<Heads>,
    epoch: Option<Epoch>,
    lanes: [u64; 4],
    /// Until where history was let go, as its entries say.
    trimmed: u64,
    out: Findings,
}

impl ChainCheck {
    fn entry(&mut self, epoch: &Epoch, entry: &Entry, bytes: &[u8]) {
        if entry.seq <= self.out.last {
            return;
        }
        if self.out.last != 0 && entry.seq != self.out.last + 1 {
            self.out.problems.push(format!(
                "entries {} to {} are missing",
                self.out.last + 1,
                entry.seq - 1
            ));
            self.heads = None;
        }
        if self.epoch.as_ref() != Some(epoch) {
            self.epoch = Some(*epoch);
            self.lanes = [0; 4];
            self.out.epochs += 1;
            // One that is met in its middle began its chain before what is here.
            if matches!(entry.event, Event::Booted { .. }) {
                self.heads = self.heads.map(|h| h.start_epoch(epoch));
            }
        }
        if let Event::HistoryTrimmed { to, .. } = entry.event {
            self.trimmed = self.trimmed.max(to);
        }
        let lane = entry.lane;
        let expected = &mut self.lanes[lane.index()];
        if *expected != 0 && entry.lane_seq != *expected + 1 {
            self.out.problems.push(format!(
                "entry {}: lane {lane:?} jumps from {} to {}",
                entry.seq, *expected, entry.lane_seq
            ));
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

    fn compare(&mut self, stored: &Heads, whereabouts: &str) {
        if let Some(heads) = &self.heads {
            for lane in Lane::ALL {
                if heads.0[lane.index()] != stored.0[lane.index()] {
                    self.out.problems.push(format!("{whereabouts}: the chain of lane {lane:?} is not what the entries give; history was changed"));
                }
            }
        }
        self.heads = Some(*stored);
    }
}

/// Checks the journal in `folder` with its log in `log`; `name` is the village's as it is
/// configured, `progress` is told entries read so far.
///
/// # Errors
/// When a folder cannot be read at all.
pub fn check(
    folder: &Path,
    log: &Path,
    name: Option<&VillageId>,
    mut progress: impl FnMut(u64),
) -> io::Result<Findings> {
    let mut walk = ChainCheck {
        heads: None,
        epoch: None,
        lanes: [0; 4],
        trimmed: 0,
        out: Findings::default(),
    };
    // First what is written last: a village that runs meanwhile must not look as if something were
    // missing.
    let copies = snapshot::list(folder).map_err(io::Error::other)?;
    let mut names: Vec<_> = std::fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|e| e.path())
        .collect();
    names.sort();
    let mut packs = Vec::new();
    for path in names {
        match path.extension().and_then(|e| e.to_str()) {
            Some("damaged") => walk
                .out
                .problems
                .push(format!("{} was set aside as damaged", path.display())),
            Some("foreign") => walk.out.problems.push(format!(
                "{} was set aside: it is of another village or of a copy of this one",
                path.display()
            )),
            Some("pack") => match pack::open(&path) {
                Ok(pack) => packs.push(pack),
                Err(cause) => walk
                    .out
                    .problems
                    .push(format!("{}: {cause}", path.display())),
            },
            _ => {}
        }
    }
    let (found, cut) = scan_log(&mut walk, log)?;
    let mut logged = ReplayLog::parse(found.groups).map_err(|v| {
        io::Error::other(format!(
            "the log was written by a newer version of this program ({v})"
        ))
    })?;
    let kin = lineage::classify(&copies, &packs, &logged.records, name);
    for (pack, _) in packs.iter().zip(&kin.packs).filter(|(_, ours)| !**ours) {
        walk.out.problems.push(format!(
            "{} is of another village or of a copy of this one",
            pack.path.display()
        ));
    }
    for pack in packs
        .iter()
        .zip(&kin.packs)
        .filter(|(_, ours)| **ours)
        .map(|(p, _)| p)
    {
        let name = pack.path.display().to_string();
        walk.compare(&pack.heads, &name);
        for block in &pack.blocks {
            match pack::read(&pack.path, block) {
                Ok(entries) => entries
                    .iter()
                    .for_each(|e| walk.entry(&e.epoch, &e.entry, &e.bytes)),
                Err(cause) => walk.out.problems.push(format!("{name}: {cause}")),
            }
        }
        walk.compare(&pack.end, &name);
        progress(walk.out.entries);
    }
    let damaged = copies.iter().filter(|c| c.snapshot.is_none()).count();
    if damaged > 0 {
        walk.out
            .problems
            .push(format!("{damaged} snapshot(s) are damaged"));
    }
    for (copy, _) in copies
        .iter()
        .zip(&kin.copies)
        .filter(|(c, ours)| c.snapshot.is_some() && !**ours)
    {
        walk.out.problems.push(format!(
            "{} is of another village or of a copy of this one",
            copy.path.display()
        ));
    }
    let newest = copies
        .iter()
        .zip(&kin.copies)
        .filter(|(_, ours)| **ours)
        .filter_map(|(c, _)| c.snapshot.as_ref())
        .max_by_key(|s| s.state.seq);
    if newest.is_none() && !packs.is_empty() {
        walk.out
            .problems
            .push("no snapshot can be used; the next start makes one from the entries".into());
    }
    let floor = newest.map(|s| s.floor).unwrap_or_default();
    for segment in logged
        .retain_epochs(|epoch| kin.log.contains(epoch))
        .into_iter()
        .filter(|s| *s >= floor.segment)
    {
        walk.out.problems.push(format!(
            "segment {segment} of the log is of another village or of a copy of this one"
        ));
    }
    for segment in cut.into_iter().filter(|s| *s >= floor.segment) {
        walk.out.problems.push(format!(
            "segment {segment} of the log was cut short; what stood behind entry {} may be gone",
            logged.last_entry_in(segment)
        ));
    }
    for (n, line) in logged.records.iter().enumerate() {
        let Some(entry) = line.entry() else { continue };
        let before = walk.out.last;
        walk.entry(&line.epoch, entry, &line.bytes);
        if walk.out.last > before
            && let Some(stamp) = line.stamp
        {
            walk.compare(&stamp, &format!("record {n} of the log"));
        }
    }
    let lacks = logged.count_missing(&floor);
    if lacks > 0 {
        walk.out.problems.push(format!(
            "{lacks} groups or records of the log cannot be read; behind them stands entry {}",
            walk.out.last
        ));
    }
    if let Some(newest) = newest {
        if packs.last().map_or(0, |p| p.last) < newest.state.seq {
            walk.out.problems.push("the newest pack is gone or damaged; what of it stands in the log is packed again at the next start".into());
        }
        let proven = newest.last_proven_seq().max(logged.proven());
        if walk.out.last < proven {
            walk.out.problems.push(format!(
                "entries {} to {proven} were there and are gone",
                walk.out.last + 1
            ));
        }
        let from = if newest.first == 0 {
            0
        } else {
            newest.first.max(walk.trimmed + 1)
        };
        if walk.out.first > from && from > 0 {
            walk.out.problems.push(format!(
                "entries {from} to {} were there and are gone",
                walk.out.first - 1
            ));
        }
    }
    progress(walk.out.entries);
    Ok(walk.out)
}

/// Everything that stands in the log, and the segments whose files are shorter than they were made.
fn scan_log(walk: &mut ChainCheck, log: &Path) -> io::Result<(Scan, Vec<u64>)> {
    if !log.is_dir() {
        walk.out
            .problems
            .push(format!("the log folder {} is missing", log.display()));
        return Ok((Scan::default(), Vec::new()));
    }
    let mut disk = DirDisk::open(log)?;
    let mut slots = Vec::new();
    let numbers = disk.slots()?;
    let (gone, stray) = check_numbering(&numbers);
    if !gone.is_empty() {
        walk.out
            .problems
            .push(format!("{} file(s) of the log were removed", gone.len()));
    }
    walk.out.problems.extend(stray.iter().map(|n| {
        format!(
            "{}: the log never gave this number",
            log.join(format!("{n:04}.seg")).display()
        )
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
